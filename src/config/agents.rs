//! The agents that a configuration knows, and who may change the registry at run time: `[[agents]]` and `[admin]`.
//!
//! An agent of the configuration is registered from the start. With `[admin]` there is a store beside it, and the
//! record that the store has of an agent takes the place of the configuration's.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::{Faults, is_scope};
use super::{Config, ReplayConfig};
use crate::decision::{Decision, Principal};
use crate::policy::{Pattern, Route};
use crate::registry::admin::ROUTE;
use crate::registry::{Actor, AgentRecord, Registry, RegistryError, RegistryErrorKind};
use crate::time::UnixSeconds;

/// Most agents of a configuration: 256.
pub(crate) const MAX_CONFIGURED_AGENTS: usize = 256;

/// An agent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Its name here: 1 to 64 letters, digits, `-`, `.` or `_`, the first of which is a letter or digit.
    pub id: String,
    /// Who answers for it: an `https` URL, or a name. Range: 1 to 256 bytes.
    pub operator: String,
    /// What it is for. Range: 1 to 512 bytes.
    pub purpose: String,
    /// How to reach its operator. Range: 1 to 256 bytes.
    pub contact: String,
    /// The Web Bot Auth directories that are this agent: `https` URLs without a query. An origin alone stands for every
    /// directory below it that no other agent has. Default: none. Range: 0 to 16 entries.
    #[serde(default)]
    pub directories: Vec<String>,
    /// Its public keys. Default: none. Range: 0 to 16 entries.
    #[serde(default)]
    pub keys: Vec<AgentKeyConfig>,
    /// Where more of its keys are, as a JWK Set (RFC 7517 §5): an `https` URL, asked at least every hour. Default:
    /// none.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// It may not act.
    #[serde(default)]
    pub suspended: bool,
}

/// A public key of an agent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AgentKeyConfig {
    /// What a `keyid` may call it besides its thumbprint. Default: the `kid` of the JWK, if it has one.
    /// Range: 1 to 256 visible ASCII characters.
    #[serde(default)]
    pub kid: Option<String>,
    /// The key as a public JWK (RFC 7517).
    #[cfg_attr(
        feature = "schema",
        schemars(with = "alloc::collections::BTreeMap<String, serde_json::Value>")
    )]
    pub jwk: serde_json::Value,
    /// From when on it is valid, in seconds since 1970. Default: always has been. Range: any whole
    /// number.
    #[serde(default)]
    pub not_before: Option<i64>,
    /// From when on it is valid no more, in seconds since 1970. Default: never. Range: any whole number.
    #[serde(default)]
    pub not_after: Option<i64>,
}

/// Who may change the registry at run time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// The `iss` of the one issuer whose tokens administer the registry; one of `issuers`.
    pub issuer: String,
    /// The scope that such a token must have.
    #[serde(default = "default_scope")]
    #[cfg_attr(feature = "schema", schemars(default = "default_scope"))]
    pub scope: String,
    /// Such a token must be bound to a key, and come with a DPoP proof. Without that no denial is lifted: who has stolen a
    /// token could undo a revocation, also that of the token itself. A token that is bound needs its proof in any
    /// case.
    #[serde(default)]
    pub dpop: bool,
}

fn default_scope() -> String {
    String::from("countersign:admin")
}

/// Who may change the registry at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    issuer: String,
    scope: String,
    dpop: bool,
}

impl Admin {
    /// Whether a decision is one on a request to the admin API: its path is reserved, so that no route of the
    /// configuration comes before it.
    #[must_use]
    pub fn is_asked_by(decision: &Decision) -> bool {
        decision.route.as_deref() == Some(ROUTE)
    }

    /// Whether no request to the admin API passes without a proof of the key that its token is bound to.
    #[must_use]
    pub fn needs_proof(&self) -> bool {
        self.dpop
    }

    /// Who asks, where the token that was verified is of the issuer that administers.
    pub fn actor(&self, principal: Option<&Principal>) -> Result<Actor, RegistryError> {
        let principal = principal.filter(|principal| principal.iss == self.issuer);
        let principal = principal.ok_or(RegistryErrorKind::IssuerNotAllowed)?;
        Ok(Actor {
            iss: principal.iss.clone(),
            sub: principal.sub.clone(),
            client_id: principal.client_id.clone(),
        })
    }

    /// The route of the admin API: what any route that requires a token with this scope checks is checked here.
    pub(super) fn route(&self) -> Option<Route> {
        Some(Route {
            token: true,
            dpop: self.dpop,
            scope: Vec::from([self.scope.clone()]),
            replay: ReplayConfig::default(),
            ..Route::open(Pattern::parse(ROUTE)?)
        })
    }
}

impl Faults {
    pub(super) fn agents(&mut self, config: &Config) -> Arc<Registry> {
        self.count("agents", config.agents.len(), 0, MAX_CONFIGURED_AGENTS);
        let mut agents = Registry::default();
        for (i, agent) in config.agents.iter().enumerate().take(MAX_CONFIGURED_AGENTS) {
            let added =
                AgentRecord::from_config(agent, config.allow_loopback, UnixSeconds(0)).and_then(|record| {
                    if agents.by_id(record.id()).is_some() {
                        return Err(RegistryError::at(RegistryErrorKind::AgentExists, "id"));
                    }
                    agents.put(record)
                });
            if let Err(error) = added {
                let path = error.within(&format!("agents[{i}]"));
                self.add(path.path, format!("is refused: {}", path.kind.title()));
            }
        }
        Arc::new(agents)
    }

    pub(super) fn admin(&mut self, config: &Config) -> Option<Admin> {
        let admin = config.admin.as_ref()?;
        if !config.issuers.iter().any(|issuer| issuer.issuer == admin.issuer) {
            self.add("admin.issuer", "is not one of [[issuers]]; write the `issuer` of one of them");
        }
        if !is_scope(&admin.scope) {
            self.add("admin.scope", "is not one scope (RFC 6749 §3.3); write one, without spaces");
        }
        Some(Admin { issuer: admin.issuer.clone(), scope: admin.scope.clone(), dpop: admin.dpop })
    }
}
