//! What a token says about its delegation, by type: [`Claims`].

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use super::ClaimNames;
use crate::encoding::json::{Object, Value};
use crate::time::UnixSeconds;

/// Most tools, and most resources, that a token may name: more than any agent is given, and few enough to compare.
pub const MAX_GRANTS: usize = 256;
/// Longest name of a tool, resource, agent or task in bytes: that of a long URL.
pub const MAX_NAME_BYTES: usize = 1024;

/// What a token says about its delegation. Nothing of it is compared with anything yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The agent that the token is for.
    pub agent: Option<String>,
    /// The running instance of the agent.
    pub agent_instance: Option<String>,
    /// The task that it is for.
    pub task: Option<String>,
    /// The task that this one came from.
    pub parent_task: Option<String>,
    /// The `jti` of the token that it was derived from.
    pub parent_token: Option<String>,
    /// Who delegated.
    pub delegator: Option<String>,
    /// What for.
    pub purpose: Option<String>,
    /// Why the agent was launched.
    pub launch_reason: Option<String>,
    /// The tools granted; `None` where the token does not speak of tools.
    pub tools: Option<Vec<String>>,
    /// The resources granted; `None` where the token does not speak of resources.
    pub resources: Option<Vec<String>>,
    /// The `authorization_details` as they stand; see [`details`](super::details).
    pub details: Option<Value<'static>>,
    /// The highest level of a scope.
    pub max_scope_level: Option<ScopeLevel>,
    /// How scopes were inherited, in the issuer's words.
    pub scope_inheritance: Option<String>,
    /// The organisation that the token is for. A claim of another type names none, and refuses no token: it says nothing
    /// about what is permitted.
    pub organisation: Option<String>,
    /// The actors (RFC 8693 §4.1), the one that acts first; those after it are history and authorise nothing.
    pub actors: Vec<Actor>,
    /// The steps of the delegation, the first one first.
    pub chain: Vec<ChainEntry>,
}

/// An actor (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Its issuer, where it is not the token's.
    pub iss: Option<String>,
    /// Who it is: `sub`, else `client_id`.
    pub sub: String,
}

/// The highest level of a scope that a token may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeLevel {
    /// A level.
    Level(u32),
    /// The name of one.
    Named(String),
}

/// A step of a delegation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there are a few for a token, and nearly all are the large one")]
pub enum ChainEntry {
    /// What was delegated.
    Record(Record),
    /// The token that was delegated with, as text: it proves nothing before it is verified.
    Token(String),
    /// Only who it was: history.
    Name(String),
}

/// What was delegated in one step, as the issuer of the token wrote it. What it does not speak of it does not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its identifier.
    pub id: Option<String>,
    /// Who delegated.
    pub sub: Option<String>,
    /// To whom, where it is one; only then the next step must be theirs.
    pub aud: Option<String>,
    /// For which task.
    pub task: Option<String>,
    /// With which scopes.
    pub scope: Option<Vec<String>>,
    /// With which tools.
    pub tools: Option<Vec<String>>,
    /// With which resources.
    pub resources: Option<Vec<String>>,
    /// With which `authorization_details`.
    pub details: Option<Value<'static>>,
    /// Until when.
    pub exp: Option<UnixSeconds>,
    /// Up to which level of scopes.
    pub max_scope_level: Option<ScopeLevel>,
}

/// A claim of a delegation has the wrong type or form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimsError(
    /// What was read there.
    pub &'static str,
);

impl Claims {
    /// Reads the claims where `names` says they are, and `act` where RFC 8693 does.
    pub(crate) fn read(claims: &Object<'static>, names: &ClaimNames) -> Result<Self, ClaimsError> {
        let text =
            |name, paths: &super::ClaimPaths| paths.find(claims).map(|value| text(name, value)).transpose();
        let list =
            |name, paths: &super::ClaimPaths| paths.find(claims).map(|value| list(name, value)).transpose();
        Ok(Self {
            agent: text("agent", &names.agent)?,
            agent_instance: text("agent_instance", &names.agent_instance)?,
            task: text("task", &names.task)?,
            parent_task: text("parent_task", &names.parent_task)?,
            parent_token: text("parent_token", &names.parent_token)?,
            delegator: text("delegator", &names.delegator)?,
            purpose: text("purpose", &names.purpose)?,
            launch_reason: text("launch_reason", &names.launch_reason)?,
            tools: list("tools", &names.tools)?,
            resources: list("resources", &names.resources)?,
            details: names.details.find(claims).cloned(),
            max_scope_level: names.max_scope_level.find(claims).map(level).transpose()?,
            scope_inheritance: text("scope_inheritance", &names.scope_inheritance)?,
            organisation: names.organisation.find(claims).and_then(|value| name(value)),
            actors: actors(claims)?,
            chain: names.chain.find(claims).map(|value| chain(value, names)).transpose()?.unwrap_or_default(),
        })
    }

    /// Whether the token says that it was derived from another. A task that came from itself came from nothing.
    #[must_use]
    pub fn names_parent(&self) -> bool {
        self.parent_token.is_some() || (self.parent_task.is_some() && self.parent_task != self.task)
    }
}

fn text(name: &'static str, value: &Value<'_>) -> Result<String, ClaimsError> {
    self::name(value).ok_or(ClaimsError(name))
}

fn name(value: &Value<'_>) -> Option<String> {
    value.as_str().filter(|text| is_name(text)).map(str::to_owned)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME_BYTES
}

/// A list of strings, or a string with one space between its parts.
fn list(name: &'static str, value: &Value<'_>) -> Result<Vec<String>, ClaimsError> {
    let parts: Vec<&str> = match value {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => text.split(' ').collect(),
        Value::Array(parts) => {
            parts.iter().map(|part| part.as_str().ok_or(ClaimsError(name))).collect::<Result<_, _>>()?
        }
        _ => return Err(ClaimsError(name)),
    };
    if parts.len() > MAX_GRANTS || !parts.iter().all(|part| is_name(part)) {
        return Err(ClaimsError(name));
    }
    Ok(parts.into_iter().map(str::to_owned).collect())
}

fn level(value: &Value<'_>) -> Result<ScopeLevel, ClaimsError> {
    let malformed = ClaimsError("max_scope_level");
    match value.as_i64() {
        Some(level) => u32::try_from(level).map(ScopeLevel::Level).map_err(|_| malformed),
        None => text("max_scope_level", value).map(ScopeLevel::Named),
    }
}

/// Everything between the outermost actor and the innermost; how deep JSON may be is what bounds it.
fn actors(claims: &Object<'static>) -> Result<Vec<Actor>, ClaimsError> {
    let malformed = ClaimsError("act");
    let mut actors = Vec::new();
    let mut next = claims.get("act");
    while let Some(actor) = next {
        let actor = actor.as_object().ok_or(malformed)?;
        let member = |name| actor.get(name).map(|value| text("act", value)).transpose();
        let (iss, sub, client_id) = (member("iss")?, member("sub")?, member("client_id")?);
        actors.push(Actor { iss, sub: sub.or(client_id).ok_or(malformed)? });
        next = actor.get("act");
    }
    Ok(actors)
}

/// Most steps that are read; a configuration allows fewer.
const MAX_CHAIN: usize = 32;

fn chain(value: &Value<'static>, names: &ClaimNames) -> Result<Vec<ChainEntry>, ClaimsError> {
    let entries = value.as_array().filter(|entries| entries.len() <= MAX_CHAIN);
    let entries = entries.ok_or(ClaimsError("chain"))?;
    let entry = |entry: &Value<'static>| match entry {
        Value::Object(record) => Record::read(record, names).map(ChainEntry::Record),
        // Two dots are what a signed token has, and a name might: then it must be one that verifies.
        Value::String(token) if token.matches('.').count() == 2 && token.starts_with("ey") => {
            Ok(ChainEntry::Token(token.as_ref().to_owned()))
        }
        other => text("chain", other).map(ChainEntry::Name),
    };
    entries.iter().map(entry).collect()
}

impl Record {
    /// Reads a record: its own members by the names of the drafts, the grants by those of the issuer's tokens.
    fn read(record: &Object<'static>, names: &ClaimNames) -> Result<Self, ClaimsError> {
        let malformed = ClaimsError("chain");
        let member = |name| record.get(name).map(|value| text("chain", value)).transpose();
        let list =
            |paths: &super::ClaimPaths| paths.find(record).map(|value| list("chain", value)).transpose();
        let id = member("jti")?.or(member("token_id")?);
        let aud = match record.get("aud") {
            Some(Value::Array(several)) if several.len() != 1 => None,
            Some(Value::Array(one)) => one.first().map(|aud| text("chain", aud)).transpose()?,
            aud => aud.map(|aud| text("chain", aud)).transpose()?,
        };
        Ok(Self {
            id,
            sub: member("sub")?,
            aud,
            task: names.task.find(record).map(|value| text("chain", value)).transpose()?,
            scope: list(&names.scope)?,
            tools: list(&names.tools)?,
            resources: list(&names.resources)?,
            details: names.details.find(record).cloned(),
            exp: record.get("exp").map(|exp| exp.as_i64().map(UnixSeconds).ok_or(malformed)).transpose()?,
            max_scope_level: names.max_scope_level.find(record).map(level).transpose()?,
        })
    }
}
