//! What administrators denied, by whom and until when: the authority behind the deny list ([`Ledger`]).
//!
//! Pure data: [`Ledger::deny`] and [`Ledger::lift`] say what is to change ([`Changed`]), a host stores that and has the
//! ledger take it ([`Ledger::take`]). There is one ledger, and its changes come one after another. Denying is idempotent,
//! and never ends earlier for being asked twice. What has ended is dropped with the next change, or by
//! [`Ledger::expired`]; a full ledger refuses, and drops nothing that has not ended.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deny_list::{DenyList, Digest, Kind, MAX_DENIALS};
use crate::crypto::sha256_parts;
use crate::encoding::{base64url, json as strict};
use crate::registry::{Actor, RegistryError, RegistryErrorKind};
use crate::time::{UnixMillis, UnixSeconds};

/// The event of a changed deny list (RFC 8417 §2.2).
pub const REVOCATION_CHANGE: &str = "https://github.com/countersign/countersign/event-type/revocation-change";
/// Longest entry in bytes, as JSON.
const MAX_DENIAL_BYTES: usize = 4096;

/// An entry. It names nobody: its digest is all that is kept of who is denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// What stands for what is denied.
    pub digest: Digest,
    /// What it is.
    pub kind: Kind,
    /// Until when, in seconds since 1970; `None` until it is lifted.
    #[serde(default)]
    pub until: Option<i64>,
    /// Since when, in seconds since 1970.
    pub at: i64,
    /// The change that made it.
    pub revision: u64,
    /// Why, in an administrator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Denial {
    /// Reads an entry from JSON.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        strict::from_value(strict::parse(text.as_bytes(), MAX_DENIAL_BYTES).ok()?).ok()
    }

    /// The entry as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Until when, at the latest.
    #[must_use]
    pub fn ends(&self) -> UnixSeconds {
        UnixSeconds(self.until.unwrap_or(i64::MAX))
    }
}

/// What was changed, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationEvent {
    /// `deny` or `lift`.
    pub action: &'static str,
    /// The entry: as it is now, or as it was.
    pub denial: Denial,
    /// The revision that the change made.
    pub revision: u64,
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub actor: Actor,
}

impl RevocationEvent {
    /// The event's identifier: the same for the same change.
    #[must_use]
    pub fn id(&self) -> String {
        let (revision, at) = (self.revision.to_string(), self.at.0.to_string());
        let digest = self.denial.digest.to_text();
        let parts = ["revocation-change", &revision, &at, &self.actor.iss, self.action, &digest];
        base64url::encode(sha256_parts(&parts).get(..16).unwrap_or_default())
    }

    /// The event as the audit trail has it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut event = self.details();
        if let Some(members) = event.as_object_mut() {
            members.insert("id".into(), self.id().into());
            members.insert("at_millis".into(), self.at.0.into());
            members.insert("digest".into(), self.denial.digest.to_text().into());
        }
        event
    }

    /// The claims of a Security Event Token.
    #[must_use]
    pub fn claims(&self, issuer: &str, audience: &str) -> Value {
        let at = self.at.seconds().0;
        let mut details = self.details();
        if let Some(members) = details.as_object_mut() {
            members.insert("event_timestamp".into(), at.into());
            members.insert("initiating_entity".into(), "admin".into());
        }
        json!({
            "iss": issuer,
            "aud": audience,
            "iat": at,
            "jti": self.id(),
            "sub_id": { "format": "opaque", "id": self.denial.digest.to_text() },
            "events": { REVOCATION_CHANGE: details },
        })
    }

    fn details(&self) -> Value {
        let mut event = json!({
            "action": self.action,
            "kind": self.denial.kind.as_str(),
            "revision": self.revision,
            "until": self.denial.until,
            "actor": self.actor,
        });
        if let (Some(reason), Some(members)) = (&self.denial.reason, event.as_object_mut()) {
            members.insert("reason".into(), reason.as_str().into());
        }
        event
    }
}

/// What a change does to the ledger, for a store to do too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The entry to put in the place of the one with its digest.
    pub put: Option<Denial>,
    /// The entries to remove.
    pub removed: Vec<Digest>,
    /// What to tell.
    pub event: RevocationEvent,
}

/// What is to be denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denying {
    /// Which digest.
    pub digest: Digest,
    /// What it is.
    pub kind: Kind,
    /// Until when, at least; `None` until it is lifted.
    pub until: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// All entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    revision: u64,
    denials: BTreeMap<Digest, Denial>,
}

impl Ledger {
    /// The ledger that a store has, as of a revision.
    pub fn new(revision: u64, denials: impl IntoIterator<Item = Denial>) -> Self {
        Self { revision, denials: denials.into_iter().map(|denial| (denial.digest, denial)).collect() }
    }

    /// How many changes there have been.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The entry of this digest.
    #[must_use]
    pub fn denial(&self, digest: &Digest) -> Option<&Denial> {
        self.denials.get(digest)
    }

    /// The entries of later revisions than this one, oldest first, at most so many.
    #[must_use]
    pub fn after(&self, revision: u64, most: usize) -> Vec<&Denial> {
        let mut later: Vec<_> = self.denials.values().filter(|denial| denial.revision > revision).collect();
        later.sort_unstable_by_key(|denial| denial.revision);
        later.truncate(most);
        later
    }

    /// What denying changes; `None` where it is denied for as long already.
    pub fn deny(
        &self,
        denying: Denying,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Option<Changed>, RegistryError> {
        let at = now.seconds();
        let until = UnixSeconds(denying.until.unwrap_or(i64::MAX));
        if until <= at {
            return Err(RegistryError::at(RegistryErrorKind::RevocationUntilInvalid, "until"));
        }
        let before = self.denials.get(&denying.digest).filter(|before| before.ends() > at);
        if before.is_some_and(|before| before.ends() >= until) {
            return Ok(None);
        }
        let removed = self.expired(at);
        if before.is_none() && self.denials.len() - removed.len() >= MAX_DENIALS {
            return Err(RegistryErrorKind::DenyListFull.into());
        }
        let Denying { digest, kind, until, reason } = denying;
        let since = before.map_or(at.0, |before| before.at);
        let revision = self.revision + 1;
        let denial = Denial { digest, kind, until, at: since, revision, reason };
        let event = RevocationEvent { action: "deny", denial, revision, at: now, actor: actor.clone() };
        let put = event.denial.clone();
        // What has ended and is denied anew is put, not removed.
        let removed = removed.into_iter().filter(|expired| *expired != put.digest).collect();
        Ok(Some(Changed { put: Some(put), removed, event }))
    }

    /// What lifting a denial changes.
    pub fn lift(&self, digest: &Digest, actor: &Actor, now: UnixMillis) -> Result<Changed, RegistryError> {
        let denial = self.denials.get(digest).ok_or(RegistryErrorKind::RevocationNotFound)?;
        let event = RevocationEvent {
            action: "lift",
            denial: denial.clone(),
            revision: self.revision + 1,
            at: now,
            actor: actor.clone(),
        };
        Ok(Changed { put: None, removed: Vec::from([*digest]), event })
    }

    /// Takes in a change that was made for it, and is stored.
    pub fn take(&mut self, changed: &Changed) {
        self.forget(&changed.removed);
        if let Some(put) = &changed.put {
            self.denials.insert(put.digest, put.clone());
        }
        self.revision = changed.event.revision;
    }

    /// The entries that have ended.
    #[must_use]
    pub fn expired(&self, now: UnixSeconds) -> Vec<Digest> {
        self.denials.values().filter(|denial| denial.ends() <= now).map(|denial| denial.digest).collect()
    }

    /// Forgets entries that have ended. It is no change: nothing that was denied is let in for it.
    pub fn forget(&mut self, expired: &[Digest]) {
        for digest in expired {
            self.denials.remove(digest);
        }
    }

    /// The list for gates.
    #[must_use]
    pub fn deny_list(&self) -> DenyList {
        DenyList::new(self.revision, self.denials.values().map(|denial| (denial.digest, denial.ends())))
    }
}
