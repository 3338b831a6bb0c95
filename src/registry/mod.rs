//! The registry of agents: who they are, which keys are theirs and when, and whether they may act.
//!
//! Pure data and transitions: [`Registry::apply`] takes a [`Change`] to the next registry and an [`AuditEvent`], and a
//! host keeps both. Two sources make one registry: what the configuration says of an agent, and what the store has
//! ([`Registry::over`]), which wins from an agent's first change on. Nothing is ever removed from the store: a revoked
//! agent stays in it, so that neither its id nor its keys nor its directories can be registered again, and an agent
//! of the configuration that was suspended stays so. Where the store cannot be had, there is no registry at all
//! ([`copy`]); it is never taken for an empty one.
//!
//! [`admin`] reads the requests of the admin API and makes its answers. Authenticating them is the gate's, storing and
//! serialising changes the host's.

pub mod admin;
pub mod agent;
pub mod change;
pub mod copy;
mod document;
pub mod error;

pub use agent::{AgentKey, AgentRecord, Status};
pub use change::{Action, Actor, AuditEvent, Change, Patch};
pub use document::MAX_DOCUMENT_BYTES;
pub use error::{RegistryError, RegistryErrorKind};

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use crate::reason::Reason;
use crate::time::UnixSeconds;

/// Most agents in the store: 512. An isolate reads the whole registry anew after each change.
pub const MAX_AGENTS: usize = 512;
/// Most keys of all agents in the store: 800.
pub const MAX_ALL_KEYS: usize = 800;
/// Most directories of all agents in the store: 1024.
pub const MAX_ALL_DIRECTORIES: usize = 1024;

/// All agents, found by id, by the `keyid` of a key, or by directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    revision: u64,
    agents: BTreeMap<String, Arc<AgentRecord>>,
    /// By `kid` and by thumbprint: the agent, and which of its keys.
    keys: BTreeMap<String, (Arc<AgentRecord>, usize)>,
    directories: BTreeMap<String, Arc<AgentRecord>>,
}

impl Registry {
    /// How many changes there have been.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The agents, by id.
    #[must_use]
    pub fn agents(&self) -> impl ExactSizeIterator<Item = &AgentRecord> {
        self.agents.values().map(|record| &**record)
    }

    /// Whether there is no agent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// The agent of this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&AgentRecord> {
        self.agents.get(id).map(|record| &**record)
    }

    /// The key that a `keyid` names, by thumbprint or `kid`, and whose it is.
    #[must_use]
    pub fn by_keyid(&self, keyid: &str) -> Option<(&AgentRecord, &AgentKey)> {
        let (record, index) = self.keys.get(keyid)?;
        record.keys().get(*index).map(|key| (&**record, key))
    }

    /// The agent whose directory this is: by the identity itself, else by its origin, where an agent has all of it.
    #[must_use]
    pub fn by_directory(&self, identity: &str) -> Option<&AgentRecord> {
        let record = self.directories.get(identity).or_else(|| self.directories.get(origin_of(identity)?));
        record.map(|record| &**record)
    }

    /// Whether an agent that proved to hold a key may act now, and which agent of the registry it is, if any.
    ///
    /// `directory` is the identity under which it signed, if it did. Directory and key are judged each for itself:
    /// an agent that is suspended gains nothing by publishing its key elsewhere, nor by using another key.
    pub fn standing(
        &self,
        directory: Option<&str>,
        keyid: &str,
        now: UnixSeconds,
    ) -> Result<Option<&AgentRecord>, Reason> {
        let exact = directory.and_then(|identity| self.directories.get(identity)).map(|record| &**record);
        let by_directory = exact.or_else(|| self.by_directory(directory?));
        if let Some(agent) = by_directory {
            agent.standing()?;
        }
        let by_key = self.by_keyid(keyid);
        if let Some((agent, key)) = by_key {
            agent.standing()?;
            key.standing(now)?;
        }
        match (exact, by_key.map(|(agent, _)| agent)) {
            // One agent's directory with another agent's key: it is neither's.
            (Some(agent), Some(holder)) if agent.id != holder.id => Err(Reason::SignatureKeyUnknown),
            (Some(agent), _) => Ok(Some(agent)),
            // Whoever registered the key says more than whoever registered all of its origin.
            (None, Some(holder)) => Ok(Some(holder)),
            (None, None) => Ok(by_directory),
        }
    }

    /// What the store has, laid over what the configuration says: of each id the stored record alone counts. What the
    /// store gave to another agent is left out of a configured one.
    #[must_use]
    pub fn over(&self, configured: &Self) -> Self {
        let mut merged = self.clone();
        for record in configured.agents.values() {
            if merged.agents.contains_key(record.id()) {
                continue;
            }
            let mut record = AgentRecord::clone(record);
            record.keys.retain(|key| !key.names().any(|name| merged.keys.contains_key(name)));
            record.directories.retain(|directory| !merged.directories.contains_key(directory));
            record.jwks_uri.take_if(|url| merged.directories.contains_key(identity_of(url)));
            // Nothing is left that could be there twice.
            let _ = merged.put(record);
        }
        merged
    }

    /// Puts a record in the place of the one with its id, unless a key or a directory of it is there already.
    pub(crate) fn put(&mut self, record: AgentRecord) -> Result<(), RegistryError> {
        let is_of_another = |other: Option<&AgentRecord>| other.is_some_and(|other| other.id != record.id);
        let mut names = BTreeSet::new();
        for (i, key) in record.keys().iter().enumerate() {
            let is_taken = |name| is_of_another(self.by_keyid(name).map(|(other, _)| other));
            // A name that two keys of the same agent have would hide one of them.
            if key.names().any(|name| is_taken(name) || !names.insert(name)) {
                return Err(RegistryError::at(RegistryErrorKind::KeyInUse, format!("keys[{i}]")));
            }
        }
        for (i, directory) in record.directories().iter().enumerate() {
            if is_of_another(self.directories.get(directory).map(|other| &**other)) {
                let path = format!("directories[{i}]");
                return Err(RegistryError::at(RegistryErrorKind::DirectoryInUse, path));
            }
        }
        // Where an agent's keys are is a place that it can name as its directory, and no other agent may have it.
        let key_set = record.jwks_uri().map(identity_of);
        if key_set.is_some_and(|url| is_of_another(self.directories.get(url).map(|other| &**other))) {
            return Err(RegistryError::at(RegistryErrorKind::DirectoryInUse, "jwks_uri"));
        }
        if let Some(before) = self.agents.remove(record.id()) {
            before.keys().iter().flat_map(AgentKey::names).for_each(|name| drop(self.keys.remove(name)));
            before.places().for_each(|place| drop(self.directories.remove(place)));
        }
        let record = Arc::new(record);
        for (i, key) in record.keys().iter().enumerate() {
            self.keys.extend(key.names().map(|name| (name.into(), (Arc::clone(&record), i))));
        }
        self.directories.extend(record.places().map(|url| (url.into(), Arc::clone(&record))));
        self.agents.insert(record.id.clone(), record);
        Ok(())
    }

    /// The records that the store keeps.
    fn stored(&self) -> impl Iterator<Item = &AgentRecord> {
        self.agents().filter(|record| record.revision().is_some())
    }

    /// Whether the store's part stays within its bounds, so that whoever reads it can.
    fn is_bounded(&self) -> bool {
        self.stored().count() <= MAX_AGENTS
            && self.stored().map(|record| record.keys().len()).sum::<usize>() <= MAX_ALL_KEYS
            && self.stored().map(|record| record.directories().len()).sum::<usize>() <= MAX_ALL_DIRECTORIES
    }
}

/// A normalised URL without its query.
fn identity_of(url: &str) -> &str {
    url.split_once('?').map_or(url, |(identity, _)| identity)
}

/// Scheme, host and port of a normalised URL.
fn origin_of(identity: &str) -> Option<&str> {
    let authority = identity.find("://")? + 3;
    let end = identity.get(authority..)?.find('/').map_or(identity.len(), |path| authority + path);
    identity.get(..end)
}
