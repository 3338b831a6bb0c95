//! The gate's configuration: one document, TOML or JSON, the same on every host.
//!
//! [`Config`] is what an operator writes; it says nothing about whether it makes sense. [`Gate::new`] checks
//! it whole and gives every fault with the path of its field and what to write instead ([`ConfigError`]), or a
//! [`Gate`] that a running host can rely on. Unknown fields are refused: a misspelt `require` must not open a
//! route.

mod agents;
mod audit;
mod budget;
mod cors;
mod delegation;
mod deny;
mod dpop;
mod events;
mod gate;
mod introspection;
mod issuers;
mod mcp;
mod metrics;
mod mtls;
mod per;
mod policy;
mod rate;
mod resources;
mod risk;
mod routes;
mod signatures;
mod span;
mod status_list;

pub(crate) use agents::MAX_CONFIGURED_AGENTS;
pub use agents::{Admin, AdminConfig, AgentConfig, AgentKeyConfig};
pub use audit::{Audit, AuditConfig, AuditLevel, AuditSink};
pub(crate) use budget::Spending;
pub use budget::{Budget, BudgetConfig};
pub use cors::CorsConfig;
pub(crate) use delegation::{Delegation, TaskSource};
pub use delegation::{DelegationConfig, DetailsConfig, Link, MatchingConfig, ScopesConfig, TaskConfig};
pub use deny::{DenyConfig, RevocationConfig};
pub(crate) use dpop::Dpop;
pub use dpop::DpopConfig;
pub use events::{EventAlgorithm, EventFormat, Events, EventsConfig};
pub(crate) use gate::is_fetchable;
pub use gate::{Gate, PublicOrigin};
pub use introspection::{AudienceConfig, AuthenticationConfig, IntrospectionConfig, WhenConfig};
pub(crate) use issuers::IssuerKeys;
pub use issuers::{DiscoveryConfig, Issuer, IssuerConfig, ProfileConfig};
pub use mcp::{McpConfig, McpOperationConfig};
pub use metrics::MetricsConfig;
pub use mtls::{MtlsConfig, VerifiedConfig};
pub use per::{Per, PerList};
pub use policy::{
    AgentConditionConfig, AmountConditionConfig, AmountConfig, ClaimConditionConfig, ConditionsConfig,
    DayConfig, DetailsDemandConfig, LiteralConfig, NetworkConditionConfig, ParameterConditionConfig,
    RuleConfig, ThenConfig, TimeConditionConfig,
};
pub use rate::{LimitConfig, RateClass, RateConfig, RateStore};
pub(crate) use resources::Resource;
pub use resources::{RESOURCE_METADATA_PATH, ResourceConfig};
pub use risk::{BreakerConfig, RiskConfig, RiskStore, RouteRiskConfig, WeightConfig, WeightsConfig};
pub use routes::{NonceConfig, OnUnavailableConfig, ReplayConfig, Requirement, RouteConfig, Unavailability};
pub use signatures::{RulesConfig, SignaturesConfig};
pub use span::Span;
pub use status_list::StatusListConfig;
pub(crate) use status_list::StatusLists;

/// Most public origins, issuers or trusted directories.
const MAX_ENTRIES: usize = 64;

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::encoding::json;

/// Longest configuration document in bytes: 256 KiB.
pub const MAX_CONFIG_BYTES: usize = 256 * 1024;

/// The configuration of a gate.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where allowed requests go: `scheme://host[:port]`, to which the path of the request is added.
    pub origin: String,
    /// The origins (`scheme://host[:port]`) that clients send to. What `@authority` and `htu` are checked
    /// against. A path prefix is allowed with `behind_proxy` only: the part that a proxy in front takes away.
    /// Range: 1 to 64 entries.
    pub public_origins: Vec<String>,
    /// A proxy in front changes the host: it is not compared, and the one entry of `public_origins` is taken
    /// for what clients signed. `X-Forwarded-*` is never believed.
    #[serde(default)]
    pub behind_proxy: bool,
    /// Permits `http` to loopback addresses for key sets and directories. For tests and demos only.
    #[serde(default)]
    pub allow_loopback: bool,
    /// How much of a refusal's reason a client sees. Named reasons help honest agents, and probers too.
    /// Default: `code`.
    #[serde(default)]
    pub disclosure: Disclosure,
    /// How far clocks may differ: for times that lie ahead (`created`, `iat`, `nbf`), and for the `exp` of a token.
    /// A signature's `expires` and the age of a proof are what their maker chose, and get no more. Range: `0s` to `60s`.
    #[serde(default = "default_clock_skew")]
    #[cfg_attr(feature = "schema", schemars(default = "default_clock_skew"))]
    pub clock_skew: Span,
    /// Most bytes of a body that the gate reads, which it does only where a covered `Content-Digest` demands it.
    /// A longer one is refused with 413. Range: 0 to 8388608 (8 MiB).
    #[serde(default = "default_max_body_bytes")]
    pub max_body_bytes: usize,
    /// Keep the client's `Authorization`, `DPoP` and the `parent_field` of `[delegation]` from the origin, which then has the
    /// assertion alone.
    #[serde(default)]
    pub strip_credentials: bool,
    /// Who issues the access tokens that routes require. Needed where a route requires `token`. Default: none.
    /// Range: 0 to 64 entries.
    #[serde(default)]
    pub issuers: Vec<IssuerConfig>,
    /// Which request signatures are believed. Needed where a route requires `signature`. Default: none.
    #[serde(default)]
    pub signatures: Option<SignaturesConfig>,
    /// The agents that are known from the start. Default: none. Range: 0 to 256 entries.
    #[serde(default)]
    pub agents: Vec<AgentConfig>,
    /// Who may register, rotate, suspend and revoke agents at run time. Without it there are only the configured ones.
    /// Default: none.
    #[serde(default)]
    pub admin: Option<AdminConfig>,
    /// How DPoP proofs are checked. Default: that of each of its fields.
    #[serde(default)]
    pub dpop: DpopConfig,
    /// How client certificates are checked. Default: that of each of its fields.
    #[serde(default)]
    pub mtls: MtlsConfig,
    /// How an agent's risk is scored, and what is done about it. Default: that of each of its fields.
    #[serde(default)]
    pub risk: RiskConfig,
    /// Where security events are sent. Without it they are only logged. Default: none.
    #[serde(default)]
    pub events: Option<EventsConfig>,
    /// Where decisions are logged so that it can be proven. Default: nowhere; refusals go to the host's log.
    #[serde(default)]
    pub audit: Option<AuditConfig>,
    /// Which pages of other origins may use the API. Without it browsers show their answers to no page of another origin, and
    /// a preflight is a request like any other. Default: none.
    #[serde(default)]
    pub cors: Option<CorsConfig>,
    /// How decisions are counted. Default: that of each of its fields.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// What is denied whoever vouches for it. Default: nothing.
    #[serde(default)]
    pub revocation: Option<RevocationConfig>,
    /// The parts of the API that are protected resources of their own (RFC 9728), with metadata and audiences of their
    /// own. The public origins are resources without being listed. Default: none. Range: 0 to 64 entries.
    #[serde(default)]
    pub resources: Vec<ResourceConfig>,
    /// How scopes are compared. Default: that of each of its fields.
    #[serde(default)]
    pub scopes: ScopesConfig,
    /// The types of `authorization_details` (RFC 9396) that tokens may have. Default: none, so that a token with any is
    /// refused. Range: 0 to 64 entries.
    #[serde(default)]
    pub authorization_details: Vec<DetailsConfig>,
    /// How far a token is believed about who sent an agent, and for what. Default: that of each of its fields.
    #[serde(default)]
    pub delegation: DelegationConfig,
    /// Limits that routes share by name, such as that of an agent for the whole API. Default: none. Range: 0 to 64 entries.
    #[serde(default)]
    pub limits: Vec<LimitConfig>,
    /// What may be spent, by whom and in which time; routes name these. Default: none. Range: 0 to 64 entries.
    #[serde(default)]
    pub budgets: Vec<BudgetConfig>,
    /// What is guarded, and how. The first match decides; a request that matches none is refused.
    /// Range: 1 to 1024 entries.
    pub routes: Vec<RouteConfig>,
}

/// How much of a refusal's reason a client sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Disclosure {
    /// As `full`, and for a signature that does not hold the signature base that was expected and a hint at what its
    /// signer did otherwise. For development: it costs up to some thirty verifications a refusal.
    Explain,
    /// Code, title and the evidence of each check.
    Full,
    /// Code and title.
    #[default]
    Code,
    /// Neither: the status, and the challenges that standards demand.
    None,
}

fn default_clock_skew() -> Span {
    Span::from_secs(30)
}

fn default_max_body_bytes() -> usize {
    1024 * 1024
}

/// A fault in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path of the field, as `routes[0].rate[1].window`; empty for the document.
    pub path: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl ConfigError {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Reads a JSON document. Duplicate members and unknown fields are refused.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        read_json(text)
    }

    /// Reads a TOML document.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        read_toml(text)
    }
}

fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    fits(text)?;
    let value = json::parse(text.as_bytes(), MAX_CONFIG_BYTES)
        .map_err(|error| syntax_error(text, error.offset, &error.kind.to_string()))?;
    from_value(value)
}

#[cfg(feature = "toml")]
fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    fits(text)?;
    let value: serde_json::Value = toml::from_str(text).map_err(|error| match error.span() {
        Some(span) => syntax_error(text, span.start, error.message()),
        None => ConfigError::new("", error.message()),
    })?;
    // A place in this would be none in the document.
    let text = value.to_string();
    let value = json::parse(text.as_bytes(), MAX_CONFIG_BYTES)
        .map_err(|error| ConfigError::new("", error.kind.to_string()))?;
    from_value(value)
}

fn fits(text: &str) -> Result<(), ConfigError> {
    if text.len() <= MAX_CONFIG_BYTES {
        Ok(())
    } else {
        Err(ConfigError::new("", "the document is longer than 256 KiB"))
    }
}

fn from_value<T: DeserializeOwned>(value: json::Value<'_>) -> Result<T, ConfigError> {
    json::from_value(value).map_err(|error| ConfigError::new(error.path, error.message))
}

/// What is wrong at a byte of a document, with its line and column, in characters from 1. Nothing of what is written there,
/// which may be a secret.
fn syntax_error(text: &str, offset: usize, what: &str) -> ConfigError {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or_default();
    let line = before.split('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ConfigError::new("", alloc::format!("line {line}, column {column}: {what}"))
}

/// Puts a list of names into a message.
fn list(names: &[&str]) -> String {
    let quoted: BTreeSet<String> = names.iter().map(|n| alloc::format!("\"{n}\"")).collect();
    quoted.into_iter().collect::<Vec<_>>().join(", ")
}
