//! Looking keys up in memory, and what a host has to do where they are not there: [`Needs`].

use alloc::vec::Vec;

use crate::jose::jwk::Jwk;
use crate::jose::key_set::{Lookup, Wanted};
use crate::keys::KeySource;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// What has to be done before keys can be found.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) fetch: Vec<KeySource>,
    pub(super) wait: bool,
    pub(super) refresh: Vec<KeySource>,
}

/// What a look-up of keys found.
pub(super) enum Found {
    Keys { keys: Vec<Jwk>, version: u64 },
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
            Lookup::Use { set, version, refresh, .. } => {
                if refresh {
                    self.refresh.push(source);
                }
                let named = |wanted: Wanted<'_>| {
                    set.candidates(wanted.kid, wanted.algorithm).into_iter().cloned().collect()
                };
                Found::Keys { keys: wanted.map_or_else(Vec::new, named), version }
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
            Lookup::Unavailable { .. } => Found::Refusal(Reason::KeysUnavailable),
        }
    }
}
