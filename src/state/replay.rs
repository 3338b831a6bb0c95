//! Replay: insert-if-absent with an expiry, exactly in the object of the key that made a proof ([`Ask`]), and within one
//! isolate ([`Seen`]).
//!
//! What is remembered is a digest of what makes a proof single-use: (jkt, jti, htm, htu) of a DPoP proof
//! (RFC 9449 §11.1), (key, nonce) of a signature: nothing that can be changed without making another proof. It is
//! inserted after everything else has verified, so that a forger cannot burn another's proof, and kept until the proof
//! would be refused for its age.
//!
//! Both are bounded. An object that has [`MAX_PROOFS`] refuses more, and forgets none. An isolate that is full forgets
//! the entry nearest to its expiry: repeats are then missed sooner than they should be, which is one reason why
//! decisions call this guarantee `isolate` and not `exact`.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::subject::{Call, Draft, Kind, Rows, digest16};
use crate::crypto::sha256_parts;
use crate::time::{UnixMillis, UnixSeconds};

/// Most proofs that one object remembers at a time: 200,000. At 60 s each that is more than 3,000 a second, which is
/// more than one object answers.
pub const MAX_PROOFS: usize = 200_000;
/// The version of a row's form: this byte, then the request that brought the proof.
const VERSION: u8 = 1;

/// A digest of what makes a proof single-use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplayKey(#[serde(with = "digest16")] [u8; 16]);

impl ReplayKey {
    /// The key of the named parts. Parts are length-prefixed, so that no two lists of parts collide.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        let digest = sha256_parts(parts);
        let mut key = [0; 16];
        key.iter_mut().zip(digest).for_each(|(k, d)| *k = d);
        Self(key)
    }

    /// Its bytes, as rows are named.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Asks an object to record a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What makes it single-use.
    #[serde(rename = "k")]
    pub key: ReplayKey,
    /// From when on every isolate refuses it for its age, by a clock that is behind too.
    #[serde(rename = "u")]
    pub until: UnixMillis,
}

/// Whether a proof is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It was not there, and is now.
    New,
    /// It was there.
    Seen,
    /// It is so old that it may have been there and be forgotten.
    Late,
    /// The key has as many proofs as can be remembered.
    Full,
}

impl Ask {
    /// Whether the proof is new. Whoever asks again because an answer was lost is told the same.
    pub(super) fn judge<R: Rows>(self, call: &Call, draft: &mut Draft<'_, R>) -> Result<Answer, R::Error> {
        if self.until <= draft.now() {
            return Ok(Answer::Late);
        }
        let mut value = Vec::from([VERSION]);
        value.extend_from_slice(call.request.as_bytes());
        if let Some(stored) = draft.get(Kind::Replay, &self.key.0)? {
            // Whatever it is that is stored, the proof was accepted.
            let is_own = call.is_again && stored == value;
            return Ok(if is_own { Answer::New } else { Answer::Seen });
        }
        if !draft.has_room(Kind::Replay, MAX_PROOFS)? {
            return Ok(Answer::Full);
        }
        draft.put(Kind::Replay, &self.key.0, value, self.until);
        Ok(Answer::New)
    }
}

/// What this isolate has seen.
#[derive(Clone, Debug)]
pub struct Seen {
    capacity: usize,
    until: BTreeMap<ReplayKey, UnixSeconds>,
    by_expiry: BTreeSet<(UnixSeconds, ReplayKey)>,
}

impl Seen {
    /// Nothing seen yet; remembers at most `capacity` proofs.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), until: BTreeMap::new(), by_expiry: BTreeSet::new() }
    }

    /// Whether a proof was seen before and could still be accepted.
    #[must_use]
    pub fn contains(&self, key: ReplayKey, now: UnixSeconds) -> bool {
        self.until.get(&key).is_some_and(|until| *until >= now)
    }

    /// Records a proof until `until`; answers whether it is new.
    pub fn insert(&mut self, key: ReplayKey, until: UnixSeconds, now: UnixSeconds) -> bool {
        self.forget_expired(now);
        if self.contains(key, now) {
            return false;
        }
        if self.until.len() >= self.capacity
            && let Some((_, nearest)) = self.by_expiry.pop_first()
        {
            self.until.remove(&nearest);
        }
        self.until.insert(key, until);
        self.by_expiry.insert((until, key));
        true
    }

    fn forget_expired(&mut self, now: UnixSeconds) {
        while let Some(&(until, key)) = self.by_expiry.first()
            && until < now
        {
            self.by_expiry.pop_first();
            self.until.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const NOW: UnixSeconds = UnixSeconds(1_000);
    const LATER: UnixSeconds = UnixSeconds(1_060);

    #[test]
    fn a_proof_is_new_once_until_it_expires() {
        let mut seen = Seen::new(10);
        let key = ReplayKey::new(&["jkt", "jti"]);
        assert!(seen.insert(key, LATER, NOW));
        assert!(!seen.insert(key, LATER, NOW));
        assert!(!seen.insert(key, LATER, LATER));
        assert!(seen.insert(key, UnixSeconds(2_000), UnixSeconds(1_061)));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(ReplayKey::new(&["ab", "c"]), ReplayKey::new(&["a", "bc"]));
        assert_ne!(ReplayKey::new(&["a", ""]), ReplayKey::new(&["a"]));
    }

    #[test]
    fn memory_is_bounded_and_expired_proofs_leave() {
        let mut seen = Seen::new(100);
        for i in 0..1_000 {
            let now = UnixSeconds(i);
            assert!(seen.insert(ReplayKey::new(&[&i.to_string()]), UnixSeconds(i + 500), now));
        }
        assert_eq!(seen.until.len(), 100);
        seen.insert(ReplayKey::new(&["x"]), UnixSeconds(9_000), UnixSeconds(8_000));
        assert_eq!((seen.until.len(), seen.by_expiry.len()), (1, 1));
    }
}
