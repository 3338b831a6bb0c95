//! [`Reservation`]: what is set aside for one request. [`Ended`]: how one ended, for those who ask again.

use super::message::{AttemptId, Fingerprint};
use super::{Corrupt, Reader};
use crate::time::UnixMillis;

/// The version of both encodings.
const VERSION: u8 = 1;
/// Bytes of an encoded reservation, and of an encoded end.
const BYTES: usize = 62 + 16 * MAX_JOINED;
const ENDED_BYTES: usize = 42;

/// The bits of a reservation's state.
const UNKNOWN: u8 = 1;
const CROWDED: u8 = 2;
const KEYED: u8 = 4;
const LEFT: u8 = 8;

/// How many attempts beside the first are told apart. With more of them only success or an administrator ends a reservation.
const MAX_JOINED: usize = 4;
/// No attempt: a decision's identifier begins with its time.
const NOBODY: AttemptId = AttemptId([0; 16]);

/// What is set aside for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a bit of the row, by itself")]
pub(super) struct Reservation {
    /// The decision that reserved it.
    pub(super) attempt: AttemptId,
    /// Of what the request asks for.
    pub(super) fingerprint: Fingerprint,
    pub(super) amount: u64,
    /// The number of the account's period in which it was reserved.
    pub(super) number: u32,
    pub(super) made: UnixMillis,
    pub(super) expires: UnixMillis,
    /// The origin may have done what it was asked for, and nobody knows.
    pub(super) is_unknown: bool,
    /// The other attempts at the same request that rely on it too: the end of one is not the end of all.
    pub(super) joined: [AttemptId; MAX_JOINED],
    /// There were more of them than are told apart.
    pub(super) is_crowded: bool,
    /// The attempt that reserved it ended without having reached anything.
    pub(super) has_left: bool,
    /// The identifier of the request is the client's own.
    pub(super) is_keyed: bool,
}

impl Reservation {
    pub(super) fn encode(&self) -> [u8; BYTES] {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let state = flag(self.is_unknown, UNKNOWN)
            | flag(self.is_crowded, CROWDED)
            | flag(self.is_keyed, KEYED)
            | flag(self.has_left, LEFT);
        let mut bytes = [0; BYTES];
        let parts: [&[u8]; 7] = [
            &[VERSION, state],
            &self.attempt.0,
            &self.fingerprint.0,
            &self.amount.to_be_bytes(),
            &self.number.to_be_bytes(),
            &self.made.0.to_be_bytes(),
            &self.expires.0.to_be_bytes(),
        ];
        let joined = self.joined.iter().flat_map(|attempt| &attempt.0);
        bytes.iter_mut().zip(parts.into_iter().flatten().chain(joined)).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut reader = Reader::new(bytes);
        let [VERSION, state] = reader.take()? else { return Err(Corrupt) };
        if state & !(UNKNOWN | CROWDED | KEYED | LEFT) != 0 {
            return Err(Corrupt);
        }
        let mut reservation = Self {
            attempt: AttemptId(reader.take()?),
            fingerprint: Fingerprint(reader.take()?),
            amount: reader.u64()?,
            number: u32::from_be_bytes(reader.take()?),
            made: UnixMillis(reader.u64()?),
            expires: UnixMillis(reader.u64()?),
            is_unknown: state & UNKNOWN != 0,
            joined: [NOBODY; MAX_JOINED],
            is_crowded: state & CROWDED != 0,
            has_left: state & LEFT != 0,
            is_keyed: state & KEYED != 0,
        };
        for attempt in &mut reservation.joined {
            *attempt = AttemptId(reader.take()?);
        }
        reader.end().map(|()| reservation)
    }
}

impl Reservation {
    /// Nobody but the attempt that reserves.
    pub(super) const ALONE: [AttemptId; MAX_JOINED] = [NOBODY; MAX_JOINED];

    /// With one attempt more.
    pub(super) fn join(mut self, attempt: AttemptId) -> Self {
        if !self.joined.contains(&attempt) {
            match self.joined.iter_mut().find(|free| **free == NOBODY) {
                Some(free) => *free = attempt,
                None => self.is_crowded = true,
            }
        }
        self
    }

    /// Without an attempt that is certain to have done nothing; `None` where it is none of these.
    pub(super) fn leave(mut self, attempt: AttemptId) -> Option<Self> {
        if self.attempt == attempt {
            self.has_left = true;
        } else {
            *self.joined.iter_mut().find(|joined| **joined == attempt)? = NOBODY;
        }
        Some(self)
    }

    /// Whether no attempt may still do something, or have done it.
    pub(super) fn is_left_by_all(&self) -> bool {
        self.has_left && self.joined == Self::ALONE && !self.is_crowded && !self.is_unknown
    }
}

/// How a reservation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) attempt: AttemptId,
    pub(super) fingerprint: Fingerprint,
    /// What was spent; `None` where it was released.
    pub(super) spent: Option<u64>,
}

impl Ended {
    pub(super) fn encode(&self) -> [u8; ENDED_BYTES] {
        let mut bytes = [0; ENDED_BYTES];
        let parts: [&[u8]; 4] = [
            &[VERSION, u8::from(self.spent.is_some())],
            &self.attempt.0,
            &self.fingerprint.0,
            &self.spent.unwrap_or_default().to_be_bytes(),
        ];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut reader = Reader::new(bytes);
        let [VERSION, is_spent] = reader.take()? else { return Err(Corrupt) };
        let (attempt, fingerprint) = (AttemptId(reader.take()?), Fingerprint(reader.take()?));
        let spent = match (is_spent, reader.u64()?) {
            (0, 0) => None,
            (1, spent) => Some(spent),
            _ => return Err(Corrupt),
        };
        reader.end()?;
        Ok(Self { attempt, fingerprint, spent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVATION: Reservation = Reservation {
        attempt: AttemptId([1; 16]),
        fingerprint: Fingerprint([2; 16]),
        amount: 3,
        number: 4,
        made: UnixMillis(5),
        expires: UnixMillis(6),
        is_unknown: false,
        joined: [NOBODY; MAX_JOINED],
        is_crowded: false,
        has_left: false,
        is_keyed: false,
    };

    #[test]
    fn what_cannot_be_read_is_corrupt() {
        let bytes = RESERVATION.encode();
        assert_eq!(Reservation::decode(&bytes[..bytes.len() - 1]), Err(Corrupt));
        assert_eq!(Reservation::decode(&[bytes.as_slice(), &[0]].concat()), Err(Corrupt));
        for (at, byte) in [(0, 2), (1, 16)] {
            let mut other = bytes;
            other[at] = byte;
            assert_eq!(Reservation::decode(&other), Err(Corrupt));
        }
        let ended = Ended { attempt: AttemptId([1; 16]), fingerprint: Fingerprint([2; 16]), spent: None };
        let bytes = ended.encode();
        assert_eq!(Ended::decode(&bytes[1..]), Err(Corrupt));
        for (at, byte) in [(0, 2), (1, 2), (41, 1)] {
            let mut other = bytes;
            other[at] = byte;
            assert_eq!(Ended::decode(&other), Err(Corrupt));
        }
    }

    #[test]
    fn what_was_stored_is_read() {
        for flags in 0..16_u8 {
            let reservation = Reservation {
                is_unknown: flags & 1 != 0,
                is_crowded: flags & 2 != 0,
                has_left: flags & 8 != 0,
                is_keyed: flags & 4 != 0,
                ..RESERVATION
            };
            assert_eq!(Reservation::decode(&reservation.encode()), Ok(reservation));
        }
        for spent in [None, Some(0), Some(u64::MAX)] {
            let ended = Ended { attempt: AttemptId([1; 16]), fingerprint: Fingerprint([2; 16]), spent };
            assert_eq!(Ended::decode(&ended.encode()), Ok(ended));
        }
    }
}
