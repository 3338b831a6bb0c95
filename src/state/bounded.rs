//! [`Bounded`]: a map that never grows past its capacity, forgetting what was used least recently.

use alloc::collections::BTreeMap;

/// A map with a fixed capacity. Both reading and writing an entry count as using it.
#[derive(Clone, Debug)]
pub struct Bounded<K, V> {
    capacity: usize,
    tick: u64,
    entries: BTreeMap<K, (u64, V)>,
    by_use: BTreeMap<u64, K>,
}

impl<K: Ord + Clone, V> Bounded<K, V> {
    /// An empty map for at most `capacity` entries; at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), tick: 0, entries: BTreeMap::new(), by_use: BTreeMap::new() }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry, marked as used now.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        let (used, value) = self.entries.get_mut(key)?;
        self.tick += 1;
        if let Some(key) = self.by_use.remove(used) {
            self.by_use.insert(self.tick, key);
        }
        *used = self.tick;
        Some(value)
    }

    /// The entry, without marking it.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Puts an entry in, forgetting the least recently used one where there is no room.
    pub fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        if self.entries.len() >= self.capacity
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.tick += 1;
        self.by_use.insert(self.tick, key.clone());
        self.entries.insert(key, (self.tick, value));
    }

    /// Whether another entry would push one out.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.capacity
    }

    /// Takes the least recently used entry out.
    pub fn pop_oldest(&mut self) -> Option<V> {
        let (_, oldest) = self.by_use.pop_first()?;
        self.entries.remove(&oldest).map(|(_, value)| value)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (used, value) = self.entries.remove(key)?;
        self.by_use.remove(&used);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_makes_room() {
        let mut map = Bounded::new(2);
        map.insert("a", 1);
        map.insert("b", 2);
        map.touch(&"a");
        map.insert("c", 3);
        assert_eq!((map.peek(&"a"), map.peek(&"b"), map.peek(&"c")), (Some(&1), None, Some(&3)));
        map.insert("a", 4);
        assert_eq!(map.len(), 2);
        assert_eq!(map.remove(&"a"), Some(4));
        assert_eq!(map.len(), 1);
    }

    #[test]
    fn the_least_recently_used_entry_is_taken_out_first() {
        let mut map = Bounded::new(3);
        for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
            assert!(!map.is_full());
            map.insert(key, value);
        }
        map.touch(&"a");
        assert!(map.is_full());
        assert_eq!([map.pop_oldest(), map.pop_oldest(), map.pop_oldest()], [Some(2), Some(3), Some(1)]);
        assert_eq!((map.pop_oldest(), map.len(), map.by_use.len()), (None, 0, 0));
    }

    #[test]
    fn it_stays_bounded() {
        let mut map = Bounded::new(100);
        for i in 0..10_000 {
            map.insert(i % 700, i);
            map.touch(&(i % 13));
        }
        assert_eq!(map.len(), 100);
        assert_eq!(map.by_use.len(), 100);
    }
}
