//! Where an issuer writes what: [`ClaimNames`].

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::encoding::json::{Object, Value};

/// Most alternatives for one claim.
pub(crate) const MAX_ALTERNATIVES: usize = 8;
/// Longest path of a claim in bytes: bounds the ways in which its dots can be read, too.
pub(crate) const MAX_PATH_BYTES: usize = 256;
/// Most dots in a path.
const MAX_DOTS: usize = 12;

/// Where one claim is: paths, of which the first that is there counts. None is never there.
///
/// A path is the name of a claim, or names with dots between them for claims inside claims. Where a name has dots
/// itself, as a URL has, the longest name that is there wins: `https://shop.example/roles` is first looked for as
/// it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimPaths(Vec<String>);

impl ClaimPaths {
    /// The paths, in the order in which they are looked for.
    #[must_use]
    pub fn new(paths: &[&str]) -> Self {
        Self(paths.iter().map(|path| String::from(*path)).collect())
    }

    /// The first that is there.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Object<'static>) -> Option<&'a Value<'static>> {
        self.0.iter().find_map(|path| find(claims, path))
    }

    /// What is wrong with them, and what to write instead.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_path = |path: &String| {
            !path.is_empty() && path.len() <= MAX_PATH_BYTES && path.matches('.').count() <= MAX_DOTS
        };
        if self.0.len() > MAX_ALTERNATIVES {
            return Some("has more than 8 entries; write those that the issuer uses");
        }
        (!self.0.iter().all(is_path)).then_some("is not a claim; write a name, or names with dots between them, of 1 to 256 bytes and at most 12 dots")
    }
}

/// Reads a claim by its path.
pub(crate) fn find<'a, 'b>(claims: &'a Object<'b>, path: &str) -> Option<&'a Value<'b>> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let (name, rest) = (path.get(..dot)?, path.get(dot + 1..)?);
        find(claims.get(name)?.as_object()?, rest)
    })
}

impl<'de> Deserialize<'de> for ClaimPaths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Paths;
        impl<'de> Visitor<'de> for Paths {
            type Value = ClaimPaths;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a claim, or a list of claims")
            }

            fn visit_str<E>(self, path: &str) -> Result<ClaimPaths, E> {
                Ok(ClaimPaths::new(&[path]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ClaimPaths, A::Error> {
                let mut paths = Vec::new();
                while let Some(path) = seq.next_element()? {
                    paths.push(path);
                }
                Ok(ClaimPaths(paths))
            }
        }
        deserializer.deserialize_any(Paths)
    }
}

impl serde::Serialize for ClaimPaths {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ClaimPaths {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> alloc::borrow::Cow<'static, str> {
        "ClaimPaths".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

/// Where the tokens of an issuer have what this gate reads. Each is the path of a claim, `roles` or
/// `realm_access.roles`, or a list of which the first that is there counts; an empty list is never there. A name that
/// has dots itself is written as it is: the longest name that is there wins. What is there with the wrong type refuses
/// the token.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ClaimNames {
    /// The scopes: a string with spaces, or a list of strings.
    pub scope: ClaimPaths,
    /// The client that the token was issued to.
    pub client_id: ClaimPaths,
    /// The roles: a list of strings, or one string for one role.
    pub roles: ClaimPaths,
    /// The agent that the token is for, which must be the one that was proven. `act.sub` reads the outermost actor.
    pub agent: ClaimPaths,
    /// The running instance of the agent.
    pub agent_instance: ClaimPaths,
    /// The task that the token is for.
    pub task: ClaimPaths,
    /// The task that this one came from.
    pub parent_task: ClaimPaths,
    /// The `jti` of the token that this one was derived from.
    pub parent_token: ClaimPaths,
    /// The tools that the token grants: a list of strings, or a string with spaces.
    pub tools: ClaimPaths,
    /// The resources that the token grants: a list of strings, or a string with spaces.
    pub resources: ClaimPaths,
    /// The `authorization_details` (RFC 9396).
    pub details: ClaimPaths,
    /// Who delegated to the agent.
    pub delegator: ClaimPaths,
    /// What the delegation is for.
    pub purpose: ClaimPaths,
    /// Why the agent was launched.
    pub launch_reason: ClaimPaths,
    /// The steps of the delegation, the first one first.
    pub chain: ClaimPaths,
    /// The highest level of a scope that the token may have: a number, or a name of `[scopes.level_names]`.
    pub max_scope_level: ClaimPaths,
    /// How scopes were inherited. Whatever it says, a child only narrows.
    pub scope_inheritance: ClaimPaths,
    /// The organisation that the token is for, whose requests limits and budgets may count together: a string; what is not
    /// names none.
    pub organisation: ClaimPaths,
}

impl Default for ClaimNames {
    fn default() -> Self {
        let one = |name| ClaimPaths::new(&[name]);
        Self {
            scope: ClaimPaths::new(&["scope", "scp"]),
            client_id: ClaimPaths::new(&["client_id", "azp", "cid", "appid"]),
            roles: one("roles"),
            agent: one("agent_id"),
            agent_instance: one("agent_instance_id"),
            task: one("task_id"),
            parent_task: one("parent_task_id"),
            parent_token: one("parent_token_id"),
            tools: one("granted_tools"),
            resources: one("granted_resources"),
            details: one("authorization_details"),
            delegator: one("delegator_sub"),
            purpose: one("delegation_purpose"),
            launch_reason: one("launch_reason"),
            chain: one("delegation_chain"),
            max_scope_level: one("max_scope_level"),
            scope_inheritance: one("scope_inheritance_type"),
            organisation: ClaimPaths::new(&["org_id", "organization_id", "org", "tenant_id", "tid"]),
        }
    }
}

impl ClaimNames {
    /// Each by the name of its field.
    pub(crate) fn all(&self) -> [(&'static str, &ClaimPaths); 18] {
        [
            ("scope", &self.scope),
            ("client_id", &self.client_id),
            ("roles", &self.roles),
            ("agent", &self.agent),
            ("agent_instance", &self.agent_instance),
            ("task", &self.task),
            ("parent_task", &self.parent_task),
            ("parent_token", &self.parent_token),
            ("tools", &self.tools),
            ("resources", &self.resources),
            ("details", &self.details),
            ("delegator", &self.delegator),
            ("purpose", &self.purpose),
            ("launch_reason", &self.launch_reason),
            ("chain", &self.chain),
            ("max_scope_level", &self.max_scope_level),
            ("scope_inheritance", &self.scope_inheritance),
            ("organisation", &self.organisation),
        ]
    }
}
