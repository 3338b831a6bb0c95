//! Changes: [`Registry::apply`] takes one to the next registry, and to the event that says who changed what.
//!
//! A change is refused whole or made whole. Changes of one registry are applied one after another; who must know that
//! nothing changed meanwhile says which revision it has seen ([`Change::expects`]).

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::agent::{AgentKey, AgentRecord, MAX_KEYS, Status, read_directories, read_jwks_uri};
use super::error::{RegistryError, RegistryErrorKind as Kind};
use super::{MAX_DOCUMENT_BYTES, Registry, RegistryErrorKind};
use crate::crypto::sha256_parts;
use crate::encoding::base64url;
use crate::time::{UnixMillis, UnixSeconds};

/// How long the keys before stay valid beside a new one, where a rotation does not say: 24 h, the longest window of a
/// signature, so that nothing that was signed before is refused for the rotation.
pub const DEFAULT_OVERLAP: Duration = Duration::from_hours(24);
/// The longest overlap: 48 h.
pub const MAX_OVERLAP: Duration = Duration::from_hours(48);
/// The event of a changed registry (RFC 8417 §2.2).
pub const REGISTRY_CHANGE: &str =
    "https://github.com/countersign/countersign/event-type/agent-registry-change";

/// Who makes a change: from the verified token of the admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The token's issuer.
    pub iss: String,
    /// The token's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The client that the token was issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// New metadata; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Who answers for it.
    pub operator: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// How to reach its operator.
    pub contact: Option<String>,
    /// Its directories, all of them.
    pub directories: Option<Vec<String>>,
    /// Where more of its keys are; `Some(None)` for nowhere.
    pub jwks_uri: Option<Option<String>>,
    /// Permits loopback addresses among these URLs, for tests and demos.
    pub allow_loopback: bool,
}

/// What is to change about an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new agent.
    Register(AgentRecord),
    /// New metadata, directories or `jwks_uri`.
    Update(Patch),
    /// A key more. Those before stay as they are.
    AddKey(AgentKey),
    /// A new key. Those before stay valid for the overlap, counted from when the new one is valid, so that there is
    /// no moment without a valid key; none stays valid for longer than it was going to.
    Rotate {
        /// The new key.
        key: AgentKey,
        /// The overlap, at most [`MAX_OVERLAP`].
        overlap: Duration,
    },
    /// The key of this `kid` or thumbprint is never valid again.
    RevokeKey(String),
    /// The agent may not act, until it is resumed.
    Suspend,
    /// It may again.
    Resume,
    /// The agent may not act, ever.
    Revoke,
}

impl Action {
    /// The name in audit events.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Register(_) => "register",
            Self::Update(_) => "update",
            Self::AddKey(_) => "add_key",
            Self::Rotate { .. } => "rotate_key",
            Self::RevokeKey(_) => "revoke_key",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Revoke => "revoke",
        }
    }
}

/// A change of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The agent's id.
    pub agent: String,
    /// What is to change.
    pub action: Action,
    /// The revision of the agent that the change was made for; 0 for one that is as the configuration has it. `None`
    /// for whichever it is.
    pub expects: Option<u64>,
    /// Who makes it.
    pub actor: Actor,
}

/// What was changed, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The revision that the change made.
    pub revision: u64,
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub actor: Actor,
    /// What: the name of an [`Action`].
    pub action: &'static str,
    /// Whose record.
    pub agent: String,
    /// The thumbprint of the key that was added or revoked.
    pub key: Option<String>,
}

impl AuditEvent {
    /// The event's identifier: the same for the same change.
    #[must_use]
    pub fn id(&self) -> String {
        let (revision, at) = (self.revision.to_string(), self.at.0.to_string());
        let option = |text: &Option<String>| text.clone().unwrap_or_default();
        let (sub, client_id, key) =
            (option(&self.actor.sub), option(&self.actor.client_id), option(&self.key));
        let digest = sha256_parts(&[
            "agent-registry-change",
            &revision,
            &at,
            &self.actor.iss,
            &sub,
            &client_id,
            self.action,
            &self.agent,
            &key,
        ]);
        base64url::encode(digest.get(..16).unwrap_or_default())
    }

    /// The event as the audit trail has it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut event = self.details();
        if let Some(members) = event.as_object_mut() {
            members.insert("id".into(), self.id().into());
            members.insert("at_millis".into(), self.at.0.into());
            members.insert("agent".into(), self.agent.as_str().into());
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
            "sub_id": { "format": "opaque", "id": self.agent },
            "events": { REGISTRY_CHANGE: details },
        })
    }

    fn details(&self) -> Value {
        let mut event = json!({ "action": self.action, "revision": self.revision, "actor": self.actor });
        if let (Some(key), Some(members)) = (&self.key, event.as_object_mut()) {
            members.insert("key".into(), key.as_str().into());
        }
        event
    }
}

impl Registry {
    /// The registry after a change, and what was changed.
    pub fn apply(&self, change: &Change, now: UnixMillis) -> Result<(Self, AuditEvent), RegistryError> {
        let revision = self.revision + 1;
        let mut record = match &change.action {
            Action::Register(new) => self.register(new, change)?,
            action => {
                let mut record = self.existing(change)?.clone();
                record.take(action, now.seconds())?;
                record
            }
        };
        record.check()?;
        record.revision = Some(revision);
        let key = match &change.action {
            Action::AddKey(key) | Action::Rotate { key, .. } => Some(key.thumbprint().to_string()),
            Action::RevokeKey(keyid) => record.key(keyid).map(|key| key.thumbprint().to_string()),
            _ => None,
        };
        let mut next = self.clone();
        next.revision = revision;
        next.put(record)?;
        if !next.is_bounded() || next.to_json().len() > MAX_DOCUMENT_BYTES {
            return Err(Kind::RegistryFull.into());
        }
        let event = AuditEvent {
            revision,
            at: now,
            actor: change.actor.clone(),
            action: change.action.as_str(),
            agent: change.agent.clone(),
            key,
        };
        Ok((next, event))
    }

    fn register(&self, new: &AgentRecord, change: &Change) -> Result<AgentRecord, RegistryError> {
        if new.id != change.agent {
            return Err(RegistryError::at(Kind::AgentIdInvalid, "id"));
        }
        if self.by_id(&new.id).is_some() {
            return Err(RegistryError::at(Kind::AgentExists, "id"));
        }
        // An agent that is not there has no revision that anyone could have seen.
        if change.expects.is_some() {
            return Err(Kind::RevisionConflict.into());
        }
        Ok(new.clone())
    }

    fn existing(&self, change: &Change) -> Result<&AgentRecord, RegistryError> {
        let record = self.by_id(&change.agent).ok_or(Kind::AgentNotFound)?;
        if change.expects.is_some_and(|expected| expected != record.revision().unwrap_or_default()) {
            return Err(Kind::RevisionConflict.into());
        }
        if record.status() == Status::Revoked {
            return Err(Kind::AgentRevoked.into());
        }
        Ok(record)
    }
}

impl AgentRecord {
    fn take(&mut self, action: &Action, now: UnixSeconds) -> Result<(), RegistryError> {
        match action {
            Action::Register(_) => return Err(Kind::AgentExists.into()),
            Action::Update(patch) => self.update(patch)?,
            Action::AddKey(key) => self.add_key(key, now)?,
            Action::Rotate { key, overlap } => self.rotate(key, *overlap, now)?,
            Action::RevokeKey(keyid) => self.revoke_key(keyid, now)?,
            Action::Suspend => self.become_status(Status::Suspended)?,
            Action::Resume => self.become_status(Status::Active)?,
            Action::Revoke => self.become_status(Status::Revoked)?,
        }
        Ok(())
    }

    fn become_status(&mut self, status: Status) -> Result<(), RegistryErrorKind> {
        if self.status == status {
            return Err(Kind::Unchanged);
        }
        self.status = status;
        Ok(())
    }

    fn update(&mut self, patch: &Patch) -> Result<(), RegistryError> {
        let before = self.clone();
        for (member, new) in [
            (&mut self.operator, &patch.operator),
            (&mut self.purpose, &patch.purpose),
            (&mut self.contact, &patch.contact),
        ] {
            if let Some(new) = new {
                member.clone_from(new);
            }
        }
        if let Some(directories) = &patch.directories {
            self.directories = read_directories(directories, patch.allow_loopback)?;
        }
        if let Some(jwks_uri) = &patch.jwks_uri {
            self.jwks_uri = read_jwks_uri(jwks_uri.as_deref(), patch.allow_loopback)?;
        }
        if *self == before { Err(Kind::Unchanged.into()) } else { Ok(()) }
    }

    /// Makes room where there is none by forgetting the key that expired first, of an agent whose keys are all in here:
    /// a directory or `jwks_uri` that still has a forgotten key would make it valid again. Revoked keys are never
    /// forgotten, since a directory may be named later.
    fn add_key(&mut self, key: &AgentKey, now: UnixSeconds) -> Result<(), RegistryError> {
        if self.keys.len() >= MAX_KEYS {
            if !self.directories.is_empty() || self.jwks_uri.is_some() {
                return Err(Kind::TooManyKeys.into());
            }
            let expired =
                |key: &AgentKey| key.revoked_at.is_none().then_some(key.not_after?).filter(|e| *e <= now);
            let oldest = self.keys.iter().enumerate().filter_map(|(i, key)| Some((expired(key)?, i))).min();
            let (_, oldest) = oldest.ok_or(Kind::TooManyKeys)?;
            self.keys.remove(oldest);
        }
        self.keys.push(key.clone());
        Ok(())
    }

    fn rotate(&mut self, key: &AgentKey, overlap: Duration, now: UnixSeconds) -> Result<(), RegistryError> {
        if overlap > MAX_OVERLAP {
            return Err(RegistryError::at(Kind::OverlapInvalid, "overlap"));
        }
        let end = key.not_before.max(now).plus(overlap);
        for old in &mut self.keys {
            // A key that begins after that was not in use, so that it is not what is being rotated.
            if old.revoked_at.is_none() && old.not_before < end {
                old.not_after = Some(old.not_after.map_or(end, |not_after| not_after.min(end)));
            }
        }
        self.add_key(key, now)
    }

    fn revoke_key(&mut self, keyid: &str, now: UnixSeconds) -> Result<(), RegistryError> {
        let key = self.keys.iter_mut().find(|key| key.is_named(keyid)).ok_or(Kind::KeyNotFound)?;
        if key.revoked_at.is_some() {
            return Err(Kind::Unchanged.into());
        }
        key.revoked_at = Some(now);
        Ok(())
    }
}
