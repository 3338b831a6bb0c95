//! The admin API: its requests read ([`Command::parse`]) and answered ([`Command::answer`]).
//!
//! | Request below [`PREFIX`] | Does |
//! |---|---|
//! | `GET /agents` | lists the agents |
//! | `POST /agents` | registers one |
//! | `GET /agents/{id}` | shows one |
//! | `PATCH /agents/{id}` | changes its metadata, directories or `jwks_uri` (as RFC 7396) |
//! | `POST /agents/{id}/keys` | rotates to a new key, or adds one with `"rotate": false` |
//! | `DELETE /agents/{id}/keys/{kid}` | revokes the key of this `kid` or thumbprint |
//! | `POST /agents/{id}/suspend`, `/resume`, `/revoke` | changes whether it may act |
//! | `GET /audit?after={revision}` | lists the changes after a revision, oldest first |
//! | `/budgets` and below | is of budgets ([`budget::admin`](crate::state::budget::admin)) |
//! | `/revocations` and below | is of the deny list ([`revocation::admin`](crate::revocation::admin)) |
//!
//! Every answer about an agent has its revision as entity tag; a change with `If-Match` is made only if that is still
//! the agent's. Bodies are strict JSON objects of at most [`MAX_BODY_BYTES`] in which no member is unknown. Whether the
//! request may be made at all is not decided here: it went through the gate, by a route of its own.

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::Registry;
use super::agent::{AgentKey, AgentRecord};
use super::change::{Action, Actor, AuditEvent, Change, DEFAULT_OVERLAP, MAX_OVERLAP, Patch};
use super::error::{RegistryError, RegistryErrorKind as Kind};
use crate::config::{AgentConfig, AgentKeyConfig};
use crate::encoding::json as strict;
use crate::policy::RoutePath;
use crate::reason::{self, Reason};
use crate::time::{UnixMillis, UnixSeconds};

/// What the paths of the admin API begin with.
pub const PREFIX: &str = "/.well-known/countersign/admin";
/// The route that guards it.
pub const ROUTE: &str = "* /.well-known/countersign/admin/**";
/// Most bytes of a body: 64 KiB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Most events of the audit trail in one answer: 100.
pub const MAX_EVENTS: usize = 100;

/// A request to the admin API, by someone who may make it.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The whole path.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
    /// `If-Match`, lines joined.
    pub if_match: Option<&'a str>,
    /// The body; empty where there is none.
    pub body: &'a [u8],
    /// Who makes it.
    pub actor: Actor,
    /// Permits loopback addresses in URLs, for tests and demos.
    pub allow_loopback: bool,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// All agents.
    List,
    /// The agent of this id.
    Read(String),
    /// A change.
    Change(Box<Change>),
    /// At most [`MAX_EVENTS`] events of the audit trail, after this revision; for the host to answer
    /// ([`Answer::audit`]).
    Audit {
        /// The revision.
        after: u64,
    },
}

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Location`, below a public origin.
    pub location: Option<String>,
    /// `Allow` (RFC 9110 §10.2.1).
    pub allow: Option<&'static str>,
    /// The body.
    pub body: Value,
}

/// What a change made: the next registry, to be stored, and the event, to be told.
pub type Changed = (Registry, AuditEvent);

impl Command {
    /// Reads a request.
    pub fn parse(request: &Request<'_>, now: UnixMillis) -> Result<Self, RegistryError> {
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Kind::BodyTooLarge.into());
        }
        let segments = Segments::of(request.path)?;
        let segments = segments.as_strs();
        let allowed = methods(&segments).ok_or(Kind::PathUnknown)?;
        if !allowed.split(", ").any(|method| method == request.method) {
            return Err(Kind::MethodNotAllowed.into());
        }
        if segments == ["audit"] {
            return Ok(Self::Audit { after: after(request.query)? });
        }
        // Those are commands of other kinds (`revocation::admin`, `state::budget::admin`).
        if matches!(segments.first(), Some(&("revocations" | "budgets"))) {
            return Err(Kind::PathUnknown.into());
        }
        if request.query.is_some() {
            return Err(Kind::QueryInvalid.into());
        }
        let now = now.seconds();
        let (agent, action) = match (&*segments, request.method) {
            (["agents"], "POST") => {
                let config: AgentConfig = body(request)?;
                let record = AgentRecord::from_config(&config, request.allow_loopback, now)?;
                return Self::change(request, &config.id, Action::Register(record));
            }
            (["agents"], _) => return Ok(Self::List),
            ([_, id], "PATCH") => {
                let patch: PatchBody = body(request)?;
                (id, Action::Update(patch.patch(request.allow_loopback)))
            }
            ([_, id], _) => return Ok(Self::Read((*id).to_owned())),
            ([_, id, "keys"], _) => (id, body::<KeyBody>(request)?.action(now)?),
            ([_, id, "keys", keyid], _) => (id, Action::RevokeKey(decode(keyid).ok_or(Kind::KeyNotFound)?)),
            ([_, id, "suspend"], _) => (id, Action::Suspend),
            ([_, id, "resume"], _) => (id, Action::Resume),
            ([_, id, "revoke"], _) => (id, Action::Revoke),
            _ => return Err(Kind::PathUnknown.into()),
        };
        if !matches!(action, Action::Update(_) | Action::Rotate { .. } | Action::AddKey(_)) {
            no_body(request)?;
        }
        Self::change(request, agent, action)
    }

    fn change(request: &Request<'_>, agent: &str, action: Action) -> Result<Self, RegistryError> {
        let expects = request.if_match.map_or(Ok(None), expected)?;
        let (agent, actor) = (agent.to_owned(), request.actor.clone());
        Ok(Self::Change(Box::new(Change { agent, action, expects, actor })))
    }

    /// Answers it, with what it changed. [`Command::Audit`] is answered without the events, which are the host's.
    pub fn answer(
        &self,
        registry: &Registry,
        now: UnixMillis,
    ) -> Result<(Answer, Option<Changed>), RegistryError> {
        let at = now.seconds();
        let answer = match self {
            Self::List => Answer {
                status: 200,
                etag: Some(format!("\"{}\"", registry.revision())),
                location: None,
                allow: None,
                body: json!({
                    "revision": registry.revision(),
                    "agents": registry.agents().map(|agent| show(agent, at)).collect::<Vec<_>>(),
                }),
            },
            Self::Read(id) => Answer::agent(200, registry.by_id(id).ok_or(Kind::AgentNotFound)?, at),
            Self::Audit { .. } => Answer::audit(&[]),
            Self::Change(change) => {
                let (next, event) = registry.apply(change, now)?;
                let record = next.by_id(&change.agent).ok_or(Kind::AgentNotFound)?;
                let is_new = matches!(change.action, Action::Register(_));
                let mut answer = Answer::agent(if is_new { 201 } else { 200 }, record, at);
                answer.location = is_new.then(|| format!("{PREFIX}/agents/{}", record.id()));
                return Ok((answer, Some((next, event))));
            }
        };
        Ok((answer, None))
    }
}

impl Answer {
    fn agent(status: u16, record: &AgentRecord, now: UnixSeconds) -> Self {
        let etag = Some(format!("\"{}\"", record.revision().unwrap_or_default()));
        Self { status, etag, location: None, allow: None, body: show(record, now) }
    }

    /// The answer to [`Command::Audit`]: events as [`AuditEvent::to_json`] made them, oldest first.
    #[must_use]
    pub fn audit(events: &[Value]) -> Self {
        Self { status: 200, etag: None, location: None, allow: None, body: json!({ "events": events }) }
    }

    /// The answer to a request for `path` that is refused: a problem (RFC 9457).
    #[must_use]
    pub fn problem(error: &RegistryError, path: &str) -> Self {
        let allow = (error.kind == Kind::MethodNotAllowed)
            .then(|| methods(&Segments::of(path).ok()?.as_strs()))
            .flatten();
        let mut body = json!({
            "type": "about:blank",
            "title": error.kind.title(),
            "status": error.kind.status(),
            "code": error.kind.code(),
        });
        if let (false, Some(members)) = (error.path.is_empty(), body.as_object_mut()) {
            members.insert("member".into(), error.path.as_str().into());
        }
        Self { status: error.kind.status(), etag: None, location: None, allow, body }
    }
}

/// The segments of a path below [`PREFIX`].
pub(crate) struct Segments(RoutePath);

impl Segments {
    pub(crate) fn of(path: &str) -> Result<Self, Kind> {
        let path = RoutePath::new(path).map_err(|_| Kind::PathUnknown)?;
        let is_below = path.as_str().strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('/'));
        if is_below { Ok(Self(path)) } else { Err(Kind::PathUnknown) }
    }

    pub(crate) fn as_strs(&self) -> Vec<&str> {
        let path = self.0.as_str().strip_prefix(PREFIX).unwrap_or_default();
        path.trim_matches('/').split('/').collect()
    }
}

/// The methods that a path takes; `None` where nothing is there.
pub(crate) fn methods(segments: &[&str]) -> Option<&'static str> {
    match segments {
        ["audit" | "budgets"] | ["revocations", "audit"] => Some("GET, HEAD"),
        ["agents" | "revocations"] => Some("GET, HEAD, POST"),
        ["agents", _] => Some("GET, HEAD, PATCH"),
        ["agents", _, "keys" | "suspend" | "resume" | "revoke"] | ["budgets", _, "account" | "reconcile"] => {
            Some("POST")
        }
        ["agents", _, "keys", _] => Some("DELETE"),
        ["revocations", _] => Some("GET, HEAD, DELETE"),
        _ => None,
    }
}

/// A record as the admin API shows it.
fn show(record: &AgentRecord, now: UnixSeconds) -> Value {
    json!({
        "id": record.id(),
        "status": record.status().as_str(),
        "operator": record.operator(),
        "purpose": record.purpose(),
        "contact": record.contact(),
        "directories": record.directories(),
        "keys": record.keys().iter().map(|key| show_key(key, now)).collect::<Vec<_>>(),
        "jwks_uri": record.jwks_uri(),
        "revision": record.revision().unwrap_or_default(),
        "source": if record.revision().is_some() { "registry" } else { "configuration" },
    })
}

fn show_key(key: &AgentKey, now: UnixSeconds) -> Value {
    json!({
        "kid": key.kid(),
        "thumbprint": key.thumbprint(),
        "jwk": key.jwk().to_json(),
        "not_before": key.not_before().0,
        "not_after": key.not_after().map(|time| time.0),
        "revoked_at": key.revoked_at().map(|time| time.0),
        "state": key.standing(now).err().map_or(reason::OK, Reason::code),
    })
}

/// `after` of a list that is told in parts; 0 where there is no query.
pub(crate) fn after(query: Option<&str>) -> Result<u64, RegistryError> {
    let Some(query) = query else { return Ok(0) };
    let number = query.strip_prefix("after=").filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
    number.and_then(|number| number.parse().ok()).ok_or_else(|| Kind::QueryInvalid.into())
}

/// The revision that `If-Match` (RFC 9110 §13.1.1) wants: any, or one.
fn expected(field: &str) -> Result<Option<u64>, RegistryError> {
    if field == "*" {
        return Ok(None);
    }
    let tag = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let tag = tag.filter(|tag| tag.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
    let tag = tag.ok_or(Kind::IfMatchMalformed)?;
    // A tag that was never given is nobody's.
    tag.parse().map(Some).map_err(|_| Kind::RevisionConflict.into())
}

pub(crate) fn body<T: DeserializeOwned>(request: &Request<'_>) -> Result<T, RegistryError> {
    let value = strict::parse(request.body, MAX_BODY_BYTES).map_err(|_| Kind::BodyMalformed)?;
    strict::from_value(value).map_err(|error| RegistryError::at(Kind::BodyMalformed, error.path))
}

pub(crate) fn no_body(request: &Request<'_>) -> Result<(), RegistryError> {
    if request.body.is_empty() || strict::parse_object(request.body, 2).is_ok() {
        Ok(())
    } else {
        Err(Kind::BodyMalformed.into())
    }
}

/// Decodes a segment of a normalised path.
fn decode(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((plain, encoded)) = rest.split_once('%') {
        let (digits, after) = encoded.split_at_checked(2)?;
        decoded.extend_from_slice(plain.as_bytes());
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    decoded.extend_from_slice(rest.as_bytes());
    String::from_utf8(decoded).ok()
}

/// What is there must have a value: `null` is none, except where the type takes it.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::option_option, reason = "absent, null and a URL are three things (RFC 7396 §2)")]
struct PatchBody {
    #[serde(default, deserialize_with = "present")]
    operator: Option<String>,
    #[serde(default, deserialize_with = "present")]
    purpose: Option<String>,
    #[serde(default, deserialize_with = "present")]
    contact: Option<String>,
    #[serde(default, deserialize_with = "present")]
    directories: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    jwks_uri: Option<Option<String>>,
}

impl PatchBody {
    fn patch(self, allow_loopback: bool) -> Patch {
        let Self { operator, purpose, contact, directories, jwks_uri } = self;
        Patch { operator, purpose, contact, directories, jwks_uri, allow_loopback }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    #[serde(default)]
    kid: Option<String>,
    jwk: Value,
    #[serde(default)]
    not_before: Option<i64>,
    #[serde(default)]
    not_after: Option<i64>,
    /// Seconds.
    #[serde(default)]
    overlap: Option<u64>,
    #[serde(default = "rotate")]
    rotate: bool,
}

fn rotate() -> bool {
    true
}

impl KeyBody {
    fn action(self, now: UnixSeconds) -> Result<Action, RegistryError> {
        let Self { kid, jwk, not_before, not_after, overlap, rotate } = self;
        let key = AgentKey::from_config(&AgentKeyConfig { kid, jwk, not_before, not_after }, now)?;
        let overlap = overlap.map(Duration::from_secs);
        if overlap.is_some_and(|overlap| !rotate || overlap > MAX_OVERLAP) {
            return Err(RegistryError::at(Kind::OverlapInvalid, "overlap"));
        }
        let overlap = overlap.unwrap_or(DEFAULT_OVERLAP);
        Ok(if rotate { Action::Rotate { key, overlap } } else { Action::AddKey(key) })
    }
}
