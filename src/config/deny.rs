//! What is denied from the start: `[revocation]`. What is denied at run time is the admin API's.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::Deserialize;

use super::Config;
use super::gate::Faults;
use crate::revocation::deny_list::{self, DenyList, Kind};

/// Most entries of a configuration.
const MAX_DENIED: usize = 1024;

/// What is denied whoever vouches for it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RevocationConfig {
    /// What is denied from the start, for as long as it is here. With `[admin]` there is a store beside it, which the admin
    /// API changes, and every request with a proof waits for a copy of it that is at most 30 s old. Default: nothing. Range:
    /// 0 to 1024 entries.
    pub deny: Vec<DenyConfig>,
}

/// Something denied.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DenyConfig {
    /// `jti` (a token), `sub` (a person), `agent`, `task` (and the tasks that came from it) or `key`.
    pub kind: Kind,
    /// The `jti` or `sub` as in tokens, for an opaque token whose issuer tells no `jti` its SHA-256 in base64url; the agent's id as in decisions, or as tokens name it; the task's id; a key's
    /// thumbprint (RFC 7638), or that of a certificate (`x5t#S256`). Range: 1 to 2048 bytes; a thumbprint 43 characters.
    pub value: String,
    /// The issuer that gave the `jti` or `sub`; none for other kinds. Default: the issuer of the gate, where it has one only.
    #[serde(default)]
    pub issuer: Option<String>,
}

impl Faults {
    pub(super) fn denied(&mut self, config: &Config) -> Arc<DenyList> {
        let denied = config.revocation.as_ref().map(|revocation| &*revocation.deny).unwrap_or_default();
        self.count("revocation.deny", denied.len(), 0, MAX_DENIED);
        let issuers: Vec<_> = config.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect();
        let mut digests = Vec::new();
        for (i, entry) in denied.iter().enumerate() {
            match deny_list::read(entry.kind, &entry.value, entry.issuer.as_deref(), &issuers) {
                Ok(digest) => digests.push(digest),
                Err(error) => {
                    let error = error.within(&format!("revocation.deny[{i}]"));
                    self.add(error.path, format!("is refused: {}", error.kind.title()));
                }
            }
        }
        Arc::new(DenyList::lasting(digests))
    }
}
