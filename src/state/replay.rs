//! Replay within one isolate: insert-if-absent with an expiry.
//!
//! What is remembered is a digest of what makes a proof single-use: (jkt, jti, htm, htu) of a DPoP proof
//! (RFC 9449 §11.1), (directory URL, keyid, nonce) of a signature. It is inserted after everything else has
//! verified, so that a forger cannot burn another's proof, and kept until the proof would be refused for its age.
//!
//! The table is bounded. When it is full the entry nearest to its expiry is forgotten: repeats are then missed
//! sooner than they should be, which is why decisions call this guarantee `isolate` and not `exact`.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;

use crate::crypto::sha256_parts;
use crate::time::UnixSeconds;

/// A digest of what makes a proof single-use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey([u8; 16]);

impl ReplayKey {
    /// The key of the named parts. Parts are length-prefixed, so that no two lists of parts collide.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        let digest = sha256_parts(parts);
        let mut key = [0; 16];
        key.iter_mut().zip(digest).for_each(|(k, d)| *k = d);
        Self(key)
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
