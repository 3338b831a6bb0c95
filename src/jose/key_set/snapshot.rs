//! What is known of a source, as text for a store between isolates (KV, Redis): its document with its times, and
//! whether it fails.
//!
//! Whoever can write to that store can name the keys that are trusted: it must be the gate's own. Whether the keys of
//! a directory have signed it is not in the text but in its name: `KeySource::name` has another for each rule.

use alloc::string::{String, ToString as _};
use core::fmt;
use core::time::Duration;

use super::{Document, MAX_FAILURES, MAX_FRESH, MAX_NEGATIVE, MAX_RETRY_AFTER, MAX_STALE, REVALIDATE_GRACE};
use crate::encoding::json::{self, Object, Value};
use crate::jose::JwkSet;
use crate::time::UnixSeconds;

/// The form of the text; texts of other forms are refused.
const VERSION: i64 = 3;

/// What is known of a source: its document, that it fails, or both. Never neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot<D = JwkSet> {
    pub(super) kept: Option<Kept<D>>,
    pub(super) failure: Option<SavedFailure>,
    /// When an unknown `kid` last caused a fetch.
    pub(super) asked_for_kid: Option<UnixSeconds>,
}

/// A document and when it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept<D> {
    pub(super) document: D,
    pub(super) fetched_at: UnixSeconds,
    pub(super) fresh_until: UnixSeconds,
    pub(super) serve_until: UnixSeconds,
}

/// That the last fetch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SavedFailure {
    pub(super) at: UnixSeconds,
    pub(super) retry_at: UnixSeconds,
    pub(super) definite: bool,
    /// How many failed one after the other.
    pub(super) failures: u32,
}

/// A text that is no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotError;

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("snapshot of a key set is malformed")
    }
}

impl core::error::Error for SnapshotError {}

impl<D: Document> Snapshot<D> {
    /// The snapshot as JSON. Keys that were skipped are not in it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut members = serde_json::Map::new();
        members.insert("version".into(), VERSION.into());
        if let Some(kept) = &self.kept {
            members.insert("fetched_at".into(), kept.fetched_at.0.into());
            members.insert("fresh_until".into(), kept.fresh_until.0.into());
            members.insert("serve_until".into(), kept.serve_until.0.into());
            members.insert(D::MEMBER.into(), kept.document.to_json());
        }
        if let Some(failure) = &self.failure {
            let failure = serde_json::json!({
                "at": failure.at.0,
                "retry_at": failure.retry_at.0,
                "definite": failure.definite,
                "failures": failure.failures,
            });
            members.insert("failure".into(), failure);
        }
        if let Some(asked) = self.asked_for_kid {
            members.insert("asked_for_kid".into(), asked.0.into());
        }
        serde_json::Value::from(members).to_string()
    }

    /// Reads what [`to_text`](Self::to_text) wrote. The document is checked anew, and the times are bounded anew.
    pub fn from_text(text: &str) -> Result<Self, SnapshotError> {
        let object = json::parse_object(text.as_bytes(), D::MAX_BYTES).map_err(|_| SnapshotError)?;
        if integer(&object, "version")? != VERSION {
            return Err(SnapshotError);
        }
        let kept = object.contains(D::MEMBER).then(|| kept(&object)).transpose()?;
        let failure = object.get("failure").map(saved_failure).transpose()?;
        let asked =
            object.contains("asked_for_kid").then(|| integer(&object, "asked_for_kid")).transpose()?;
        if kept.is_none() && failure.is_none() {
            return Err(SnapshotError);
        }
        Ok(Self { kept, failure, asked_for_kid: asked.map(UnixSeconds) })
    }

    /// How long after `now` the text is worth keeping: until nothing in it could count any longer.
    #[must_use]
    pub fn keep_for(&self, now: UnixSeconds) -> Duration {
        let serves = self.kept.as_ref().map_or(Duration::ZERO, |kept| kept.serve_until.since(now));
        let fails = self.failure.map(|failure| failure.retry_at.plus(REVALIDATE_GRACE).since(now));
        fails.unwrap_or_default().max(serves)
    }

    /// The same with a document that was looked at once more; `None` where it does not stand up to that.
    pub(crate) fn filter_map(self, check: impl FnOnce(D) -> Option<D>) -> Option<Self> {
        let Some(kept) = self.kept else { return Some(self) };
        Some(Self { kept: Some(Kept { document: check(kept.document)?, ..kept }), ..self })
    }
}

fn kept<D: Document>(object: &Object<'_>) -> Result<Kept<D>, SnapshotError> {
    let fetched_at = UnixSeconds(integer(object, "fetched_at")?);
    let fresh_until = UnixSeconds(integer(object, "fresh_until")?).min(fetched_at.plus(MAX_FRESH));
    let serve_until = UnixSeconds(integer(object, "serve_until")?).min(fetched_at.plus(MAX_STALE));
    let document = D::from_object(object).ok_or(SnapshotError)?;
    Ok(Kept { document, fetched_at, fresh_until: fresh_until.min(serve_until), serve_until })
}

fn saved_failure(value: &Value<'_>) -> Result<SavedFailure, SnapshotError> {
    let object = value.as_object().ok_or(SnapshotError)?;
    let at = UnixSeconds(integer(object, "at")?);
    let definite = object.get("definite").and_then(Value::as_bool).ok_or(SnapshotError)?;
    let longest = if definite { MAX_NEGATIVE } else { MAX_RETRY_AFTER };
    let retry_at = UnixSeconds(integer(object, "retry_at")?).min(at.plus(longest));
    let failures = u32::try_from(integer(object, "failures")?).map_err(|_| SnapshotError)?;
    Ok(SavedFailure { at, retry_at, definite, failures: failures.min(MAX_FAILURES) })
}

fn integer(object: &Object<'_>, name: &str) -> Result<i64, SnapshotError> {
    object.get(name).and_then(Value::as_i64).ok_or(SnapshotError)
}
