//! Looking keys up in memory, and what a host has to do where they are not there: [`Needs`].

use alloc::vec::Vec;

use crate::jose::jwk::Jwk;
use crate::jose::key_set::{Lookup, Wanted};
use crate::keys::KeySource;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::registry::AgentKey;
use crate::time::UnixMillis;

/// What has to be done before keys can be found.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) fetch: Vec<KeySource>,
    pub(super) wait: bool,
    pub(super) refresh: Vec<KeySource>,
}

/// A key and where it was found, which only together say whose it is: the same key may be in two directories. Made by a
/// look-up in that place or from the registry, and nowhere else.
#[derive(Clone, Debug)]
pub(super) struct KnownKey {
    key: Jwk,
    source: Option<KeySource>,
}

impl KnownKey {
    /// A key that the registry itself has.
    pub(super) fn registered(key: &AgentKey) -> Self {
        Self { key: key.jwk().clone(), source: None }
    }

    pub(super) fn key(&self) -> &Jwk {
        &self.key
    }

    pub(super) fn into_key(self) -> Jwk {
        self.key
    }

    /// The directory or key set; `None` for a key of the registry itself.
    pub(super) fn source(&self) -> Option<&KeySource> {
        self.source.as_ref()
    }
}

/// What a look-up of keys found.
pub(super) enum Found {
    Keys { keys: Vec<KnownKey>, version: u64 },
    NotYet,
    Refusal(Reason),
}

impl Needs {
    pub(super) fn look_up(
        &mut self,
        memory: &mut Memory,
        source: KeySource,
        wanted: Option<Wanted<'_>>,
        now: UnixMillis,
    ) -> Found {
        match memory.look_up(&source, wanted, now) {
            Lookup::Use { document: set, version, refresh, .. } => {
                let known = |key: &Jwk| KnownKey { key: key.clone(), source: Some(source.clone()) };
                let named = |wanted: Wanted<'_>| {
                    set.candidates(wanted.kid, wanted.algorithm).into_iter().map(known).collect()
                };
                let keys = wanted.map_or_else(Vec::new, named);
                if refresh {
                    self.refresh.push(source);
                }
                Found::Keys { keys, version }
            }
            Lookup::Fetch { .. } => {
                self.fetch.push(source);
                Found::NotYet
            }
            Lookup::Wait { .. } => {
                self.wait = true;
                Found::NotYet
            }
            Lookup::UnknownKey { .. } => Found::Refusal(Reason::TokenKeyUnknown),
            Lookup::Invalid { .. } => Found::Refusal(Reason::SignatureDirectoryInvalid),
            Lookup::Unavailable { .. } => Found::Refusal(Reason::KeysUnavailable),
        }
    }
}
