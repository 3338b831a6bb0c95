//! A bounded cache of tables for the keys that verify most: [`WarmKeys`].

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;

use super::Ed25519Key;
use super::table::Table;

/// How many keys have tables where the host does not say: 64, together 2 MiB.
pub const DEFAULT_CAPACITY: usize = 64;
/// After how many valid signatures a key asks for a table: building one costs as much as two cold
/// verifications, and saves half of one at each later use.
const USES_BEFORE_TABLE: u32 = 4;
/// How many keys without a table are counted for each that may have one; a count takes about 50 bytes.
const COUNTED_PER_TABLE: usize = 16;

/// Verifies Ed25519 signatures, faster for keys that it has seen verify before.
///
/// Only valid signatures count, so that forgers cannot push honest keys out. When all tables are taken, a key
/// gets one from the least used of them, where it is itself used more; a table not used loses half of its
/// count at each such comparison. So many keys in turn cost no rebuilding, and a busy key gets its table.
pub struct WarmKeys {
    capacity: usize,
    tables: BTreeMap<[u8; 32], (Box<Table>, u32)>,
    counts: BTreeMap<[u8; 32], u32>,
    base: Option<Box<Table>>,
}

impl WarmKeys {
    /// A cache for at most `capacity` keys of 30 KiB each; none are kept for 0.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, tables: BTreeMap::new(), counts: BTreeMap::new(), base: None }
    }

    /// Whether `signature` is the key's over `message`: the verdict of [`Ed25519Key::verify`].
    pub fn verify(&mut self, key: &Ed25519Key, message: &[u8], signature: &[u8]) -> bool {
        if let (Some((table, uses)), Some(base)) = (self.tables.get_mut(key.as_bytes()), &self.base) {
            let valid = key.verify_by(message, signature, |k, s| Table::sum_of_products(table, k, base, s));
            *uses = uses.saturating_add(u32::from(valid));
            return valid;
        }
        let valid = key.verify(message, signature);
        if valid {
            self.count(key);
        }
        valid
    }

    /// How many keys have tables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Whether no key has a table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    fn count(&mut self, key: &Ed25519Key) {
        if self.capacity == 0 {
            return;
        }
        if self.counts.len() >= self.capacity.saturating_mul(COUNTED_PER_TABLE) {
            // Starting over forgets rare keys only: a busy one is soon counted again.
            self.counts.clear();
        }
        let uses = self.counts.entry(*key.as_bytes()).or_default();
        *uses = uses.saturating_add(1);
        let uses = *uses;
        // At powers of two only, so that a key which keeps losing costs ever less.
        if uses >= USES_BEFORE_TABLE && uses.is_power_of_two() && self.make_room(uses) {
            self.counts.remove(key.as_bytes());
            self.base.get_or_insert_with(|| Box::new(Table::new(&ED25519_BASEPOINT_POINT)));
            self.tables.insert(*key.as_bytes(), (Box::new(Table::new(&key.0.negated)), uses));
        }
    }

    /// Whether there is room for a key used so often, dropping the least used table where it is used less.
    fn make_room(&mut self, contender: u32) -> bool {
        if self.tables.len() < self.capacity {
            return true;
        }
        let Some((least, (_, uses))) = self.tables.iter_mut().min_by_key(|(_, (_, uses))| *uses) else {
            return false;
        };
        if *uses < contender {
            let least = *least;
            self.tables.remove(&least);
            return true;
        }
        *uses /= 2;
        false
    }
}

impl Default for WarmKeys {
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl core::fmt::Debug for WarmKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WarmKeys")
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_compact::{KeyPair, Seed};

    struct Signer {
        key: Ed25519Key,
        signature: [u8; 64],
    }

    fn signer(seed: u8) -> Signer {
        let pair = KeyPair::from_seed(Seed::new([seed; 32]));
        Signer { key: Ed25519Key::new(*pair.pk).unwrap(), signature: *pair.sk.sign(b"message", None) }
    }

    fn valid(warm: &mut WarmKeys, signer: &Signer) -> bool {
        warm.verify(&signer.key, b"message", &signer.signature)
    }

    fn has_table(warm: &WarmKeys, signer: &Signer) -> bool {
        warm.tables.contains_key(signer.key.as_bytes())
    }

    #[test]
    fn a_key_gets_its_table_after_a_few_valid_signatures() {
        let (mut warm, a) = (WarmKeys::new(2), signer(1));
        for _ in 0..100 {
            assert!(!warm.verify(&a.key, b"other", &a.signature));
        }
        assert!(warm.counts.is_empty());
        for _ in 0..USES_BEFORE_TABLE {
            assert!(!has_table(&warm, &a));
            assert!(valid(&mut warm, &a));
        }
        assert!(has_table(&warm, &a));
        assert!(valid(&mut warm, &a));
        assert!(!warm.verify(&a.key, b"other", &a.signature));
    }

    #[test]
    fn the_least_used_table_goes_and_only_to_a_key_used_more() {
        let mut warm = WarmKeys::new(1);
        let (a, b) = (signer(1), signer(2));
        for _ in 0..10 {
            assert!(valid(&mut warm, &a));
        }
        for _ in 0..4 {
            assert!(valid(&mut warm, &b));
        }
        assert!(has_table(&warm, &a) && !has_table(&warm, &b));
        for _ in 0..4 {
            assert!(valid(&mut warm, &b));
        }
        assert!(!has_table(&warm, &a) && has_table(&warm, &b));
        assert_eq!(warm.len(), 1);
    }

    #[test]
    fn both_maps_are_bounded() {
        let mut warm = WarmKeys::new(1);
        for seed in 1..40 {
            for _ in 0..3 {
                assert!(valid(&mut warm, &signer(seed)));
            }
            assert!(warm.counts.len() <= COUNTED_PER_TABLE);
        }
        assert!(warm.is_empty());
        let (mut none, a) = (WarmKeys::new(0), signer(1));
        for _ in 0..10 {
            assert!(valid(&mut none, &a));
        }
        assert!(none.is_empty() && none.counts.is_empty());
    }
}
