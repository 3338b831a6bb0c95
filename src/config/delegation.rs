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
use crate::delegation::scope::{Grammar, Levels};

/// Most scopes with a level, and most names of levels.
const MAX_LEVELS: usize = 256;

/// How scopes are compared.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ScopesConfig {
    /// When one scope stands for another, wherever scopes are compared. Default: `exact`.
    pub matching: MatchingConfig,
    /// Scopes by their level, from 0 up, for tokens with `max_scope_level`: `"files:write" = 2`. A scope gets the highest
    /// level of those that cover it; `"*:write"` covers every scope with that last segment. A token with
    /// `max_scope_level` and a scope without a level is refused. Default: none. Range: 0 to 256 entries.
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

/// What a running gate knows of delegations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delegation {
    pub(crate) grammar: Grammar,
    #[allow(dead_code, reason = "read by the check of max_scope_level, which comes next")]
    pub(crate) levels: Levels,
    pub(crate) details: Vec<DetailsType>,
}

impl Faults {
    pub(super) fn delegation(&mut self, config: &Config) -> Delegation {
        let scopes = &config.scopes;
        for (name, levels) in [("levels", &scopes.levels), ("level_names", &scopes.level_names)] {
            self.count(&format!("scopes.{name}"), levels.len(), 0, MAX_LEVELS);
        }
        for scope in scopes.levels.keys().filter(|scope| !is_scope(scope)) {
            self.add(
                format!("scopes.levels[{scope:?}]"),
                "is not a scope (RFC 6749 §3.3); write one, or \"*:\" and a last segment",
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
