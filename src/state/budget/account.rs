//! [`Account`]: what one subject has spent of one budget, as a value. Every change is a function from the old account to
//! the new one, in checked integers, and none makes `committed + held` more than the budget has.

use super::{Corrupt, Period, Refusal, Terms};
use crate::time::UnixMillis;

/// The version of the encoding.
const VERSION: u8 = 1;
/// Bytes of an encoded account.
const BYTES: usize = 34;

/// What is spent in the present period, and what is held for requests whose end is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which kind of period `ends` is the end of.
    period: Period,
    /// When the period ends.
    ends: UnixMillis,
    /// Which of the account's periods this is. Reservations have the number of theirs.
    number: u32,
    committed: u64,
    held: u64,
    /// Reservations that are not settled, of all periods.
    open: u32,
}

impl Account {
    /// An account that nothing was spent from.
    #[must_use]
    pub fn new(terms: &Terms) -> Self {
        Self { period: terms.period, ends: terms.ends, number: 0, committed: 0, held: 0, open: 0 }
    }

    /// The account at this time: a period that is over is followed by one in which nothing is spent. What is held stays
    /// with the period that it was reserved in.
    ///
    /// A gate whose clock is behind cannot say when the next period ends, so that it opens none. Where the kind of the
    /// period is another than it was, as after a change of the configuration, what was spent is taken along: nothing is
    /// forgotten that may belong to the new period too.
    #[must_use]
    pub fn at(self, terms: &Terms, now: UnixMillis) -> Self {
        if self.period != terms.period {
            return Self { period: terms.period, ends: terms.ends, ..self };
        }
        if now < self.ends || terms.ends <= self.ends {
            return self;
        }
        let number = self.number.wrapping_add(1);
        Self { ends: terms.ends, number, committed: 0, held: 0, ..self }
    }

    /// Sets an amount aside.
    pub(super) fn reserve(self, amount: u64, terms: &Terms) -> Result<Self, Refusal> {
        if amount > terms.amount {
            return Err(Refusal::Exhausted);
        }
        if amount > self.remaining(terms) {
            return Err(match self.resets() {
                Some(at) => Refusal::Exceeded { resets: at },
                None => Refusal::Exhausted,
            });
        }
        if self.open >= super::MAX_OPEN {
            return Err(Refusal::TooMany);
        }
        let held = self.held.checked_add(amount).ok_or(Refusal::Exhausted)?;
        let open = self.open.checked_add(1).ok_or(Refusal::TooMany)?;
        Ok(Self { held, open, ..self })
    }

    /// Ends a reservation of the period of this number: of what it held so much was spent, the rest is free again. `None`
    /// where the account does not have what the reservation says that it holds.
    pub(super) fn settle(self, number: u32, reserved: u64, spent: u64) -> Option<Self> {
        let open = self.open.checked_sub(1)?;
        if number != self.number {
            return Some(Self { open, ..self });
        }
        let held = self.held.checked_sub(reserved)?;
        let committed = self.committed.checked_add(spent.min(reserved))?;
        Some(Self { committed, held, open, ..self })
    }

    /// What can still be reserved.
    #[must_use]
    pub fn remaining(&self, terms: &Terms) -> u64 {
        terms.amount.saturating_sub(self.committed).saturating_sub(self.held)
    }

    /// What was spent in this period.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// What is held of this period, for requests that are under way and for those of which nobody knows.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held
    }

    /// How many reservations are not settled.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open
    }

    /// When the period ends; `None` where it never does.
    #[must_use]
    pub fn resets(&self) -> Option<UnixMillis> {
        (self.period != Period::Total).then_some(self.ends)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Until when the account must be kept: one that holds nothing is as good as none when its period is over.
    pub(super) fn kept_until(&self) -> UnixMillis {
        match self.resets() {
            Some(ends) if self.open == 0 => ends,
            _ => super::NEVER,
        }
    }

    pub(super) fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let parts: [&[u8]; 6] = [
            &[VERSION, self.period.code()],
            &self.ends.0.to_be_bytes(),
            &self.number.to_be_bytes(),
            &self.committed.to_be_bytes(),
            &self.held.to_be_bytes(),
            &self.open.to_be_bytes(),
        ];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads an encoded account. What cannot be read is no empty account: that would forget what was spent.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut reader = super::Reader::new(bytes);
        let [VERSION, period] = reader.take()? else { return Err(Corrupt) };
        let account = Self {
            period: Period::of_code(period).ok_or(Corrupt)?,
            ends: UnixMillis(reader.u64()?),
            number: u32::from_be_bytes(reader.take()?),
            committed: reader.u64()?,
            held: reader.u64()?,
            open: u32::from_be_bytes(reader.take()?),
        };
        reader.end().map(|()| account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Terms = Terms { amount: 100, period: Period::Day, ends: UnixMillis(1_000) };
    const NEXT: Terms = Terms { ends: UnixMillis(2_000), ..DAY };
    const TOTAL: Terms = Terms { amount: 100, period: Period::Total, ends: super::super::NEVER };

    fn spent(terms: &Terms, held: u64, committed: u64) -> Account {
        let account = Account::new(terms).reserve(committed, terms).unwrap();
        account.settle(0, committed, committed).unwrap().reserve(held, terms).unwrap()
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let account = spent(&DAY, 30, 50);
        assert_eq!(account.remaining(&DAY), 20);
        assert_eq!(account.reserve(21, &DAY), Err(Refusal::Exceeded { resets: UnixMillis(1_000) }));
        assert_eq!(account.reserve(20, &DAY).map(|account| account.remaining(&DAY)), Ok(0));
        assert_eq!(spent(&TOTAL, 30, 50).reserve(21, &TOTAL), Err(Refusal::Exhausted));
        // No period brings more than the budget has.
        assert_eq!(account.reserve(101, &DAY), Err(Refusal::Exhausted));
        assert_eq!(account.reserve(u64::MAX, &DAY), Err(Refusal::Exhausted));
    }

    #[test]
    fn a_budget_that_was_lowered_below_what_is_spent_has_nothing_left() {
        let account = spent(&DAY, 30, 50);
        let lowered = Terms { amount: 40, ..DAY };
        assert_eq!(account.remaining(&lowered), 0);
        assert!(account.reserve(1, &lowered).is_err());
    }

    #[test]
    fn too_many_open_reservations_are_refused() {
        let account = Account { open: super::super::MAX_OPEN, ..Account::new(&DAY) };
        assert_eq!(account.reserve(0, &DAY), Err(Refusal::TooMany));
    }

    #[test]
    fn a_settlement_of_what_is_not_held_is_refused() {
        assert_eq!(Account::new(&DAY).settle(0, 1, 1), None);
        assert_eq!(spent(&DAY, 30, 50).settle(0, 31, 31), None);
    }

    #[test]
    fn no_more_is_spent_than_was_reserved() {
        let account = spent(&DAY, 30, 0).settle(0, 30, u64::MAX).unwrap();
        assert_eq!((account.committed(), account.held(), account.open()), (30, 0, 0));
    }

    #[test]
    fn a_period_that_is_over_is_followed_by_an_empty_one() {
        let account = spent(&DAY, 30, 50);
        assert_eq!(account.at(&NEXT, UnixMillis(999)), account);
        let next = account.at(&NEXT, UnixMillis(1_000));
        assert_eq!((next.committed(), next.held(), next.open()), (0, 0, 1));
        // What was reserved before neither takes nor gives back anything now.
        let settled = next.settle(0, 30, 30).unwrap();
        assert_eq!((settled.committed(), settled.held(), settled.open()), (0, 0, 0));
    }

    #[test]
    fn a_clock_that_is_behind_opens_no_period_and_none_twice() {
        let account = spent(&DAY, 30, 50);
        // The gate takes it for the old day still, whatever the object's clock says.
        assert_eq!(account.at(&DAY, UnixMillis(1_500)), account);
        let next = account.at(&NEXT, UnixMillis(1_500));
        assert_eq!(next.at(&DAY, UnixMillis(1_600)), next);
        assert_eq!(next.at(&DAY, UnixMillis(500)), next);
    }

    #[test]
    fn another_kind_of_period_takes_along_what_was_spent() {
        let month = Terms { amount: 100, period: Period::Month, ends: UnixMillis(9_000) };
        let account = spent(&DAY, 30, 50).at(&month, UnixMillis(1_500));
        assert_eq!(
            (account.committed(), account.held(), account.resets()),
            (50, 30, Some(UnixMillis(9_000)))
        );
        let settled = account.settle(0, 30, 10).unwrap();
        assert_eq!((settled.committed(), settled.held()), (60, 0));
    }

    #[test]
    fn what_holds_something_is_kept() {
        assert_eq!(spent(&DAY, 30, 50).kept_until(), super::super::NEVER);
        assert_eq!(Account::new(&DAY).kept_until(), UnixMillis(1_000));
        assert_eq!(Account::new(&TOTAL).kept_until(), super::super::NEVER);
    }

    #[test]
    fn what_cannot_be_read_is_corrupt() {
        let account = spent(&DAY, 30, 50);
        let bytes = account.encode();
        assert_eq!(Account::decode(&bytes), Ok(account));
        for end in 0..bytes.len() {
            assert_eq!(Account::decode(&bytes[..end]), Err(Corrupt));
        }
        let mut other = bytes.to_vec();
        other.push(0);
        assert_eq!(Account::decode(&other), Err(Corrupt));
        for (at, byte) in [(0, 2), (1, 9)] {
            let mut other = bytes;
            other[at] = byte;
            assert_eq!(Account::decode(&other), Err(Corrupt));
        }
    }
}
