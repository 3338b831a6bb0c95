//! [`Chain`]: one shard as it is written. Each line has the hash of the line before.

use alloc::string::String;

use serde_json::{Value, json};

use super::line::Entry;
use super::{Hash, Head, Shard};
use crate::time::UnixMillis;

/// One shard as it is written.
#[derive(Clone, Debug)]
pub struct Chain {
    shard: Shard,
    seq: u64,
    prev: Hash,
    /// How many lines there are that no checkpoint covers.
    unproven: u64,
}

impl Chain {
    /// The chain of a shard that has no line yet. Its first should be [`Entry::start`].
    #[must_use]
    pub fn new(shard: Shard) -> Self {
        Self { shard, seq: 0, prev: Hash::before(shard), unproven: 0 }
    }

    /// Adds an entry, and gives its line, without a line break.
    pub fn append(&mut self, entry: &Entry) -> String {
        let line = entry.line(self.shard, self.seq, self.prev);
        self.seq += 1;
        self.prev = Hash::of(&line);
        self.unproven += 1;
        line
    }

    /// What a checkpoint over all lines so far claims; `None` where there is none. A host signs it, with
    /// [`super::CHECKPOINT_TYPE`] for its `typ`.
    #[must_use]
    pub fn claims(&self, issuer: &str, now: UnixMillis) -> Option<Value> {
        let head = self.head()?;
        Some(json!({
            "iss": issuer,
            "iat": now.seconds().0,
            "shard": head.shard.name(),
            "seq": head.seq,
            "head": head.hash.text(),
        }))
    }

    /// Adds the signed checkpoint that [`Self::claims`] was just asked for, and gives its line. Nothing may be appended
    /// between the two: the checkpoint stands right behind what it covers.
    pub fn checkpoint(&mut self, jws: &str) -> String {
        let line = self.append(&Entry::checkpoint(jws));
        self.unproven = 0;
        line
    }

    /// Up to where the shard was written.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        Some(Head { shard: self.shard, seq: self.seq.checked_sub(1)?, hash: self.prev })
    }

    /// How many lines there are that no checkpoint covers.
    #[must_use]
    pub fn unproven(&self) -> u64 {
        self.unproven
    }

    /// The number of the next line.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.seq
    }

    /// The shard.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_hash_of_the_one_before() {
        let mut chain = Chain::new(Shard::new([1; 16]));
        assert_eq!((chain.head(), chain.claims("i", UnixMillis(0))), (None, None));
        let first = chain.append(&Entry::start("https://api.example", "1.2.3", UnixMillis(5)));
        let second = chain.append(&Entry::gap(3, UnixMillis(5), UnixMillis(6)));
        let [first, second] = [&first, &second].map(|line| (Hash::of(line), serde_json::from_str(line)));
        let (first_value, second_value): (Value, Value) = (first.1.unwrap(), second.1.unwrap());
        assert_eq!(first_value["prev"], Hash::before(Shard::new([1; 16])).text());
        assert_eq!(second_value["prev"], first.0.text());
        assert_eq!((&first_value["seq"], &second_value["seq"]), (&json!(0), &json!(1)));
        assert_eq!(chain.head().map(|head| (head.seq, head.hash)), Some((1, second.0)));
    }

    #[test]
    fn a_checkpoint_covers_the_lines_before_it() {
        let mut chain = Chain::new(Shard::new([1; 16]));
        chain.append(&Entry::start("https://api.example", "1.2.3", UnixMillis(5)));
        let claims = chain.claims("https://api.example", UnixMillis(9_999)).unwrap();
        assert_eq!(claims["head"], chain.head().unwrap().hash.text());
        assert_eq!((&claims["seq"], &claims["iat"]), (&json!(0), &json!(9)));
        assert_eq!(chain.unproven(), 1);
        let line: Value = serde_json::from_str(&chain.checkpoint("a.b.c")).unwrap();
        assert_eq!((&line["jws"], &line["seq"]), (&json!("a.b.c"), &json!(1)));
        assert_eq!((chain.unproven(), chain.next()), (0, 2));
    }
}
