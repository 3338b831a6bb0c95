//! A key set with its times, as text for a store between isolates (KV, Redis).
//!
//! Whoever can write to that store can name the keys that are trusted: it must be the gate's own. Whether the keys of
//! a directory have signed it is not in the text but in its name: `KeySource::name` has another for each rule.

use alloc::string::{String, ToString as _};
use core::fmt;
use core::time::Duration;

use super::super::jwk::{JwkSet, parse_document};
use super::{MAX_FRESH, MAX_STALE};
use crate::encoding::json::Value;
use crate::time::UnixSeconds;

/// The form of the text; texts of other forms are refused.
const VERSION: i64 = 2;
/// Longest text that is read: a set, as written here, never takes twice what it took as fetched.
const MAX_SNAPSHOT_BYTES: usize = 2 * super::super::jwk::MAX_SET_BYTES;

/// A key set and when it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) set: JwkSet,
    pub(super) fetched_at: UnixSeconds,
    pub(super) fresh_until: UnixSeconds,
    pub(super) serve_until: UnixSeconds,
}

/// A text that is no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotError;

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key set snapshot is malformed")
    }
}

impl core::error::Error for SnapshotError {}

impl Snapshot {
    /// The snapshot as JSON. Keys that were skipped are not in it.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::json!({
            "version": VERSION,
            "fetched_at": self.fetched_at.0,
            "fresh_until": self.fresh_until.0,
            "serve_until": self.serve_until.0,
            "keys": self.set.keys_to_json(),
        })
        .to_string()
    }

    /// Reads what [`to_text`](Self::to_text) wrote. Every key is checked anew, and the times are bounded anew.
    pub fn from_text(text: &str) -> Result<Self, SnapshotError> {
        let object = parse_document(text.as_bytes(), MAX_SNAPSHOT_BYTES).map_err(|_| SnapshotError)?;
        let integer = |name| object.get(name).and_then(Value::as_i64).ok_or(SnapshotError);
        if integer("version")? != VERSION {
            return Err(SnapshotError);
        }
        let fetched_at = UnixSeconds(integer("fetched_at")?);
        let fresh_until = UnixSeconds(integer("fresh_until")?).min(fetched_at.plus(MAX_FRESH));
        let serve_until = UnixSeconds(integer("serve_until")?).min(fetched_at.plus(MAX_STALE));
        let set = JwkSet::from_object(&object).map_err(|_| SnapshotError)?;
        Ok(Self { set, fetched_at, fresh_until: fresh_until.min(serve_until), serve_until })
    }

    /// How long after `now` the text is worth keeping: until it could no longer serve.
    #[must_use]
    pub fn keep_for(&self, now: UnixSeconds) -> Duration {
        self.serve_until.since(now)
    }
}
