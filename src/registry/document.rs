//! The registry as text, for its store and for the copies that gates read: strict JSON, in and out.
//!
//! Only what was changed at run time is in it, not what the configuration says. Whoever can write to the store decides
//! which agents are let in: it must be the gate's own.
//!
//! Who publishes the document stamps it with the time ([`published`]), and does so anew now and then even if nothing
//! changed: a copy of what is no longer published looks otherwise like a copy of what did not change.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::agent::{AgentKey, AgentRecord, Status, read_directories, read_jwks_uri};
use super::error::{RegistryError, RegistryErrorKind as Kind};
use super::{MAX_AGENTS, Registry};
use crate::config::AgentKeyConfig;
use crate::encoding::json;
use crate::time::{UnixMillis, UnixSeconds};

/// Longest document in bytes: 1 MiB, half of what a row of a Durable Object holds.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Most bytes that [`published`] adds: 40, for `"published_at":`, a number of up to 20 digits and a comma.
const MAX_STAMP_BYTES: usize = 40;

/// The form of the document; others are refused.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u64,
    revision: u64,
    /// In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published_at: Option<u64>,
    agents: Vec<Agent>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agent {
    id: String,
    revision: u64,
    status: String,
    operator: String,
    purpose: String,
    contact: String,
    directories: Vec<String>,
    keys: Vec<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    jwk: serde_json::Value,
    not_before: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_after: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<i64>,
}

/// What [`Registry::to_json`] wrote, as published at this time; whoever publishes it has just read it, and vouches for
/// its being the newest. It is not parsed, which whoever reads it does strictly. Nothing for what is no such document.
#[must_use]
pub fn published(document: &str, at: UnixMillis) -> Option<String> {
    let members = document.strip_prefix('{').filter(|members| members.starts_with('"'))?;
    Some(format!("{{\"published_at\":{},{members}", at.0))
}

impl Registry {
    /// The store's part of the registry as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let agents = self.stored().map(Agent::of).collect();
        let document = Document { version: VERSION, revision: self.revision, published_at: None, agents };
        // Strings and integers alone: nothing in it can fail to be written.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote, published or not. Everything is checked anew, except whether
    /// loopback addresses are permitted: a document does not end with the configuration that it was written under. The
    /// gate asks that where it fetches (`Gate::may_fetch`), and [`KeySource`](crate::keys::KeySource) where it connects.
    pub fn from_json(text: &str) -> Result<Self, RegistryError> {
        Self::read(text).map(|(registry, _)| registry)
    }

    /// The same, and when it was published.
    pub(super) fn read(text: &str) -> Result<(Self, Option<UnixMillis>), RegistryError> {
        let malformed = || RegistryError::from(Kind::DocumentMalformed);
        let longest = MAX_DOCUMENT_BYTES + MAX_STAMP_BYTES;
        let value = json::parse(text.as_bytes(), longest).map_err(|_| malformed())?;
        let document: Document = json::from_value(value).map_err(|_| malformed())?;
        if document.version != VERSION || document.agents.len() > MAX_AGENTS {
            return Err(malformed());
        }
        let mut registry = Self { revision: document.revision, ..Self::default() };
        for (i, agent) in document.agents.into_iter().enumerate() {
            let path = format!("agents[{i}]");
            let record = agent.record().map_err(|_| RegistryError::at(Kind::DocumentMalformed, &*path))?;
            if registry.agents.contains_key(record.id()) || record.revision > Some(registry.revision) {
                return Err(RegistryError::at(Kind::DocumentMalformed, path));
            }
            registry.put(record).map_err(|_| RegistryError::at(Kind::DocumentMalformed, path))?;
        }
        if !registry.is_bounded() {
            return Err(malformed());
        }
        Ok((registry, document.published_at.map(UnixMillis)))
    }
}

impl Agent {
    fn of(record: &AgentRecord) -> Self {
        Self {
            id: record.id.clone(),
            revision: record.revision.unwrap_or_default(),
            status: record.status.as_str().into(),
            operator: record.operator.clone(),
            purpose: record.purpose.clone(),
            contact: record.contact.clone(),
            directories: record.directories.clone(),
            keys: record.keys.iter().map(Key::of).collect(),
            jwks_uri: record.jwks_uri.clone(),
        }
    }

    fn record(self) -> Result<AgentRecord, RegistryError> {
        let record = AgentRecord {
            status: Status::from_name(&self.status).ok_or(Kind::DocumentMalformed)?,
            directories: read_directories(&self.directories, true)?,
            keys: self.keys.into_iter().map(Key::read).collect::<Result<_, _>>()?,
            jwks_uri: read_jwks_uri(self.jwks_uri.as_deref(), true)?,
            id: self.id,
            operator: self.operator,
            purpose: self.purpose,
            contact: self.contact,
            revision: Some(self.revision),
        };
        record.check()?;
        Ok(record)
    }
}

impl Key {
    fn of(key: &AgentKey) -> Self {
        Self {
            jwk: key.jwk().to_json(),
            not_before: key.not_before.0,
            not_after: key.not_after.map(|time| time.0),
            revoked_at: key.revoked_at.map(|time| time.0),
        }
    }

    fn read(self) -> Result<AgentKey, RegistryError> {
        let config = AgentKeyConfig {
            kid: None,
            jwk: self.jwk,
            not_before: Some(self.not_before),
            not_after: self.not_after,
        };
        let mut key = AgentKey::from_config(&config, UnixSeconds(self.not_before))?;
        key.revoked_at = self.revoked_at.map(UnixSeconds);
        key.check_times()?;
        Ok(key)
    }
}
