//! Who sent an agent, and for what: `[scopes]`, `[[authorization_details]]`, `[delegation]`.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::{Faults, is_scope};
use super::{Config, MAX_ENTRIES};
use crate::delegation::details::{AmountMembers, DetailsType, MAX_DECIMALS};
use crate::delegation::scope::{Grammar, Levels, is_segment};
use crate::encoding::json::Pointer;
use crate::request::is_token_byte;

/// Most scopes with a level, and most names of levels.
const MAX_LEVELS: usize = 256;
/// Most agents that tokens call by other names.
const MAX_AGENTS: usize = 1024;
/// Most that `max_depth` may be.
const MAX_DEPTH: usize = 8;
/// Fields that cannot hold a task or a token beside what they hold.
const RESERVED_FIELDS: [&str; 7] =
    ["authorization", "dpop", "signature", "signature-input", "signature-agent", "content-digest", "cookie"];

/// How scopes are compared.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ScopesConfig {
    /// When one scope stands for another, wherever scopes are compared. Default: `exact`.
    pub matching: MatchingConfig,
    /// Scopes by their level, from 0 up, for tokens with `max_scope_level`: `"files:write" = 2`. A scope gets the highest
    /// level of those that cover it and of those that it covers; one that none covers has no level. `"*:write"` covers
    /// every scope with that last segment. With `hierarchical` it covers those with that segment anywhere, and as one may
    /// lie below any scope, no scope has a lower level: write such scopes out instead. A token with `max_scope_level` and
    /// a scope without a level is refused. Default: none. Range: 0 to 256 entries.
    pub levels: BTreeMap<String, u32>,
    /// What tokens call a level by name in `max_scope_level`: `restricted = 1`. Default: none. Range: 0 to 256 entries.
    pub level_names: BTreeMap<String, u32>,
}

/// When one scope stands for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum MatchingConfig {
    /// A scope stands for itself.
    #[default]
    Exact,
    /// A scope stands for itself and what lies below it: `file_read:github` for `file_read:github/specific`, and not for
    /// `file_read:github2`. Segments end at `:` and `/`; a scope with an empty one stands for itself alone.
    Hierarchical,
}

/// A type of `authorization_details` (RFC 9396). A token with one that is not configured is refused.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DetailsConfig {
    /// The `type`, compared byte for byte.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where an entry has the most that it permits, as `instructedAmount.amount`: an integer in minor units, unless
    /// `decimals` is given. An entry without it is refused. Default: the type has no amounts.
    #[serde(default)]
    pub amount: Option<String>,
    /// Where an entry has the currency, as `instructedAmount.currency`: three capital letters. Needed with `amount`.
    /// Default: none.
    #[serde(default)]
    pub currency: Option<String>,
    /// The amount is a string with at most so many digits after its point, `"123.50"`, and is taken in units of the last
    /// of them. It is the same for all currencies of the type. Default: an integer in minor units. Range: 0 to 4.
    #[serde(default)]
    pub decimals: Option<u8>,
}

/// Whether something that a token may say must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// It must be there, and hold.
    Required,
    /// Where it is there, it must hold.
    #[default]
    IfPresent,
    /// It is not looked at.
    Off,
}

/// How far a token is believed about who sent an agent, and for what. Whatever it says, a delegation only narrows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DelegationConfig {
    /// Whether a token must name the agent that was proven: its identity in decisions, the thumbprint of its key, or the
    /// origin whose one directory it has. With `required` a request needs a proof other than a bearer token; with
    /// `claims.agent = "client_id"` it links the client of a token to the signature beside it. Default: `if_present`.
    pub agent: Link,
    /// What tokens call an agent, where that is not its identity in decisions: `"urn:agents:shopper" = "shopper"`.
    /// Default: none. Range: 0 to 1024 entries.
    pub agents: BTreeMap<String, String>,
    /// Most actors of a token (`act`, RFC 8693 §4.1), and most steps of its chain. Delegations are handed on a few times;
    /// longer ones are mistakes, or hide who acts. Range: 1 to 8.
    pub max_depth: usize,
    /// Whether a token that names a parent (`parent_token_id`, `parent_task_id`) must bring it: in its chain, or in
    /// `parent_field`. What it brings it must not exceed. Default: `if_present`.
    pub lineage: Link,
    /// The request field with the token that a token was derived from, as `Parent-Token`. It must be a valid token of the
    /// same issuer, with the identifiers that the token names. It is a credential: let it be bound to a key. Default: none.
    pub parent_field: Option<String>,
}

impl Default for DelegationConfig {
    fn default() -> Self {
        Self {
            agent: Link::IfPresent,
            agents: BTreeMap::new(),
            max_depth: 4,
            lineage: Link::IfPresent,
            parent_field: None,
        }
    }
}

/// Where a request names its task; one of the two.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TaskConfig {
    /// The request field, as `Task-Id`. Add it to `components`, so that the agent's signature covers it. Default: none.
    pub field: Option<String>,
    /// Where the body's JSON has it: a JSON Pointer (RFC 6901), as `/task_id` or `/params/task_id`. A body that is not
    /// called JSON by its `Content-Type`, with `charset=utf-8` or no parameter, names none. Default: none.
    pub body: Option<String>,
}

/// Where a request names its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskSource {
    /// In this field, in lower case.
    Field(String),
    /// Here in the JSON of its body.
    Body(Pointer),
}

/// What a running gate knows of delegations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delegation {
    pub(crate) grammar: Grammar,
    pub(crate) levels: Levels,
    pub(crate) details: Vec<DetailsType>,
    pub(crate) agent: Link,
    pub(crate) agents: Vec<(String, String)>,
    pub(crate) max_depth: usize,
    pub(crate) lineage: Link,
    /// In lower case.
    pub(crate) parent_field: Option<String>,
}

impl Delegation {
    /// Whether what a token came from is looked at.
    pub(crate) fn reads_lineage(&self) -> bool {
        self.lineage != Link::Off
    }
}

impl Faults {
    pub(super) fn delegation(&mut self, config: &Config) -> Delegation {
        let scopes = &config.scopes;
        for (name, levels) in [("levels", &scopes.levels), ("level_names", &scopes.level_names)] {
            self.count(&format!("scopes.{name}"), levels.len(), 0, MAX_LEVELS);
        }
        let is_rule = |scope: &str| is_scope(scope) && scope.strip_prefix("*:").is_none_or(is_segment);
        for scope in scopes.levels.keys().filter(|scope| !is_rule(scope)) {
            self.add(
                format!("scopes.levels[{scope:?}]"),
                "is not a scope (RFC 6749 §3.3); write one, or \"*:\" and one segment",
            );
        }
        let levels = |levels: &BTreeMap<String, u32>| levels.iter().map(|(k, v)| (k.clone(), *v)).collect();
        Delegation {
            grammar: match scopes.matching {
                MatchingConfig::Exact => Grammar::Exact,
                MatchingConfig::Hierarchical => Grammar::Hierarchical,
            },
            levels: Levels::new(levels(&scopes.levels), levels(&scopes.level_names)),
            details: self.details(config),
            agent: config.delegation.agent,
            agents: self.agents_by_name(&config.delegation.agents),
            max_depth: self.max_depth(config.delegation.max_depth),
            lineage: config.delegation.lineage,
            parent_field: self.parent_field(&config.delegation),
        }
    }

    fn agents_by_name(&mut self, agents: &BTreeMap<String, String>) -> Vec<(String, String)> {
        self.count("delegation.agents", agents.len(), 0, MAX_AGENTS);
        agents.iter().map(|(name, identity)| (name.clone(), identity.clone())).collect()
    }

    fn max_depth(&mut self, depth: usize) -> usize {
        if !(1..=MAX_DEPTH).contains(&depth) {
            self.add("delegation.max_depth", format!("is {depth}; write 1 to {MAX_DEPTH}"));
        }
        depth
    }

    fn parent_field(&mut self, delegation: &DelegationConfig) -> Option<String> {
        let field = delegation.parent_field.as_ref()?;
        if delegation.lineage == Link::Off {
            self.add("delegation.parent_field", "is not read with lineage \"off\"; remove one of them");
        }
        Some(self.request_field("delegation.parent_field", field))
    }

    /// The name of a field that clients send, in lower case.
    fn request_field(&mut self, path: &str, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            self.add(path, "is not a field name; write one, without a colon");
        } else if RESERVED_FIELDS.contains(&name.as_str()) {
            self.add(path, "is a field with a meaning of its own; write another");
        }
        name
    }

    pub(super) fn task(&mut self, path: &str, task: &TaskConfig, has_token: bool) -> Option<TaskSource> {
        if !has_token {
            self.add(path, "is about a token; add \"token\" to require");
        }
        match (&task.field, &task.body) {
            (Some(field), None) => {
                Some(TaskSource::Field(self.request_field(&format!("{path}.field"), field)))
            }
            (None, Some(body)) => {
                let pointer = Pointer::parse(body);
                if pointer.is_none() {
                    let fault = "is no JSON Pointer (RFC 6901); write it as /task_id or /params/task_id";
                    self.add(format!("{path}.body"), fault);
                }
                pointer.map(TaskSource::Body)
            }
            _ => {
                self.add(
                    path,
                    "names no one place; write { field = \"Task-Id\" } or { body = \"/task_id\" }",
                );
                None
            }
        }
    }

    fn details(&mut self, config: &Config) -> Vec<DetailsType> {
        self.count("authorization_details", config.authorization_details.len(), 0, MAX_ENTRIES);
        let mut types: Vec<DetailsType> = Vec::new();
        for (i, details) in config.authorization_details.iter().enumerate() {
            let path = format!("authorization_details[{i}]");
            if details.kind.is_empty() {
                self.add(format!("{path}.type"), "is empty; write the `type` of its entries");
            }
            if types.iter().any(|other| other.kind == details.kind) {
                self.add(format!("{path}.type"), "is there twice; put what differs into one entry");
            }
            let amount = self.amount(&path, details);
            types.push(DetailsType { kind: details.kind.clone(), amount });
        }
        types
    }

    fn amount(&mut self, path: &str, details: &DetailsConfig) -> Option<AmountMembers> {
        let Some(amount) = &details.amount else {
            for (name, given) in
                [("currency", details.currency.is_some()), ("decimals", details.decimals.is_some())]
            {
                if given {
                    self.add(format!("{path}.{name}"), "is of an amount; add amount");
                }
            }
            return None;
        };
        let Some(currency) = &details.currency else {
            self.add(
                format!("{path}.currency"),
                "is missing; write where an entry has the currency of its amount",
            );
            return None;
        };
        if let Some(decimals) = details.decimals.filter(|decimals| *decimals > MAX_DECIMALS) {
            self.add(format!("{path}.decimals"), format!("is {decimals}; write 0 to {MAX_DECIMALS}"));
        }
        let mut members = |name: &str, members: &str| -> Vec<String> {
            if members.split('.').any(str::is_empty) {
                self.add(
                    format!("{path}.{name}"),
                    "is not a member; write a name, or names with dots between them",
                );
            }
            members.split('.').map(str::to_owned).collect()
        };
        Some(AmountMembers {
            amount: members("amount", amount),
            currency: members("currency", currency),
            decimals: details.decimals,
        })
    }
}
