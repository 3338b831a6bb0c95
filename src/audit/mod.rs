//! The audit log: each decision as a line, chained by hashes, with signed checkpoints.
//!
//! A **line** is one JSON object in UTF-8, without a line break in it. Nothing is canonicalised: what is hashed is the
//! line as it was written, byte for byte, as a JWS signs what was sent (RFC 7515 §5) and for the same reason: two programs
//! that write JSON a little differently cannot disagree about a hash. Members, in this order:
//!
//! | Member | |
//! |---|---|
//! | `shard` | whose chain it is: 16 random bytes in base64url, drawn anew by each isolate or process |
//! | `seq` | 0, 1, 2… in its shard |
//! | `prev` | the hash of the line before; of line 0 the hash of the shard's own name |
//! | `type` | `start` (line 0), `decision`, `gap` or `checkpoint` |
//!
//! and then what the type has: [`mod@line`]. The **hash** of a line is SHA-256 in base64url over the domain
//! `countersign audit line 1` and the line, each with its length before it as 8 bytes, most significant first
//! ([`sha256_parts`]), so that no hash of anything else is one of a line.
//!
//! A **checkpoint** is a JWS by the gate's signing key, of its own `typ`, over the shard, the number and the hash of the line
//! before it, and the time. Whoever has the public key can tell that all lines of the shard up to it are the ones that the
//! gate wrote, in their order and with none missing: [`verify`].
//!
//! What this can prove, and what not:
//!
//! - An edited, dropped, repeated, inserted or moved line before a checkpoint is found, and named.
//! - Lines after the last checkpoint of their shard prove nothing. An isolate that dies takes with it what it had not
//!   written, and nobody can tell how much that was. What could not be written for lack of room is counted in the log itself
//!   (`gap`).
//! - A log cut off right behind a checkpoint, or without a whole shard, proves itself all the same. That more was written
//!   shows from a [`ledger`] alone: there the gate records each checkpoint with a store of its own.
//! - Whoever has the signing key can write any log. Who can only read and write the place where it is kept cannot.
//!
//! Not here: where lines are kept, and when ([`log`] says what is due, hosts do it).

pub mod chain;
pub mod ledger;
pub mod line;
pub mod log;
pub mod signed;
pub mod verify;

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::crypto::sha256_parts;
use crate::encoding::{base64url, json};

pub use chain::Chain;
pub use log::Log;
pub use verify::{Report, Verifier};

/// What hashes of lines are bound to; it changes with the form of a line.
const DOMAIN: &str = "countersign audit line 1";
/// The version of the form of a line, in the first line of each shard.
pub const VERSION: u32 = 1;
/// The `typ` of a checkpoint.
pub const CHECKPOINT_TYPE: &str = "countersign-audit-checkpoint+jwt";
/// Longest line that is written: 32 KiB. A decision that is longer is written without what is not needed to find it.
pub const MAX_LINE_BYTES: usize = 32 * 1024;

/// The name of a shard: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard([u8; 16]);

impl Shard {
    /// The shard of these bytes, which must be random: two of one name could not be told apart.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads the name; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode_array(text).ok().map(Self)
    }

    /// The name in base64url.
    #[must_use]
    pub fn name(self) -> String {
        base64url::encode(&self.0)
    }
}

/// The hash of a line, or of what stands for the line before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of a line, which is taken without the line break after it.
    #[must_use]
    pub fn of(line: &str) -> Self {
        Self(sha256_parts(&[DOMAIN, line]))
    }

    /// What line 0 of a shard has for `prev`.
    #[must_use]
    pub fn before(shard: Shard) -> Self {
        Self::of(&shard.name())
    }

    /// Reads a hash; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode_array(text).ok().map(Self)
    }

    /// The hash in base64url.
    #[must_use]
    pub fn text(self) -> String {
        base64url::encode(&self.0)
    }
}

/// Up to where a shard was written: the number and the hash of its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose.
    pub shard: Shard,
    /// The number of the line.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The name of the object that lines of one shard are kept in: below it, names sort as the lines do.
#[must_use]
pub fn object_name(shard: Shard, first: u64, last: u64) -> String {
    alloc::format!("audit/{}/{first:012}-{last:012}.jsonl", shard.name())
}

/// The name of the object that these lines are kept in, by what the first and the last of them say: whoever gets a batch
/// again gives it the same name again. `None` where they are no lines of one shard.
#[must_use]
pub fn name_of(text: &str) -> Option<String> {
    let place = |line: &str| {
        let line = json::parse_object(line.as_bytes(), MAX_LINE_BYTES).ok()?;
        let shard = Shard::parse(line.get("shard")?.as_str()?)?;
        Some((shard, u64::try_from(line.get("seq")?.as_i64()?).ok()?))
    };
    let (shard, first) = place(text.lines().next()?)?;
    let (other, last) = place(text.lines().next_back()?)?;
    (shard == other && first <= last).then(|| object_name(shard, first, last))
}

/// A text of ours, whose characters need no escaping, as JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_a_line_and_of_nothing_else() {
        // Computed by other means: echo of the lengths and texts through `sha256sum`.
        let parts = [&24_u64.to_be_bytes()[..], b"countersign audit line 1", &1_u64.to_be_bytes(), b"x"];
        assert_eq!(Hash::of("x").0, crate::crypto::sha256(&parts.concat()));
        assert_ne!(Hash::of("x").0, crate::crypto::sha256(b"x"));
        assert_ne!(Hash::of("x"), Hash::of("x "));
    }

    #[test]
    fn names_are_read_as_they_are_written_and_nothing_else_is() {
        let shard = Shard::new([7; 16]);
        assert_eq!(Shard::parse(&shard.name()), Some(shard));
        assert_eq!(Hash::parse(&Hash::of("x").text()), Some(Hash::of("x")));
        for text in ["", "AAAA", "BwcHBwcHBwcHBwcHBwcHBw==", "BwcHBwcHBwcHBwcHBwcHBx"] {
            assert_eq!((Shard::parse(text), Hash::parse(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn names_of_objects_sort_as_their_lines_do() {
        let name = |first, last| object_name(Shard::new([0; 16]), first, last);
        assert_eq!(name(0, 9), "audit/AAAAAAAAAAAAAAAAAAAAAA/000000000000-000000000009.jsonl");
        assert!(name(0, 9) < name(10, 11) && name(10, 11) < name(100, 2000));
    }
    #[test]
    fn a_batch_has_the_name_of_its_lines() {
        let line = |shard: u8, seq: i64| {
            let shard = Shard::new([shard; 16]).name();
            alloc::format!("{{\"shard\":\"{shard}\",\"seq\":{seq}}}\n")
        };
        let shard = Shard::new([1; 16]);
        assert_eq!(name_of(&(line(1, 3) + "x\n" + &line(1, 9))), Some(object_name(shard, 3, 9)));
        assert_eq!(name_of(&line(1, 3)), Some(object_name(shard, 3, 3)));
        for text in ["", "\n", "{}", &(line(1, 3) + &line(2, 4)), &(line(1, 4) + &line(1, 3)), &line(1, -1)] {
            assert_eq!(name_of(text), None, "{text}");
        }
    }
}
