//! [`Decision`]: what the gate says to a request, the same JSON on every host.
//!
//! A refusal is a decision, not an error. It carries what a client must hear ([`Decision::headers`],
//! [`Decision::problem`]), what the origin must hear ([`Decision::origin_headers`], [`Decision::assertion`]) and
//! what was checked ([`Evidence`]). Nothing secret is in it: no token, no proof, no key but its thumbprint.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::config::Disclosure;
use crate::reason::{self, Reason};
use crate::revocation::Freshness;
use crate::signature::explain::Explanation;
use crate::state::risk::{Level, Observed};
use crate::time::UnixSeconds;

/// How long an assertion for the origin is good: 60 s, enough for a request on its way.
pub const ASSERTION_LIFETIME_SECS: i64 = 60;
/// The `typ` of an assertion.
pub const ASSERTION_TYPE: &str = "countersign-assertion+jwt";
/// The media type of a problem (RFC 9457).
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The field that names a decision to client and origin.
pub const DECISION_FIELD: &str = "Countersign-Decision";
/// What the names of the gate's own fields begin with, in lower case. Inbound ones are always stripped.
pub const OWN_FIELD_PREFIX: &str = "countersign-";

/// Longest plain field for the origin: 1 KiB. What is longer is in the assertion alone, as servers bound all fields
/// together.
const MAX_PLAIN_BYTES: usize = 1024;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It goes to the origin.
    Allow,
    /// The client must prove itself, and is told how.
    Challenge,
    /// It is refused.
    Deny,
    /// It is refused for now; the client is told when to come back.
    Throttle,
    /// It is refused until somebody approves it.
    Approve,
}

/// Whether a check held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// It held.
    Pass,
    /// It did not.
    Fail,
    /// It was not made, as nothing asked for it.
    Skipped,
}

/// One check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What was checked: `route`, `signature`, `token`, `dpop`, `mtls`, `revocation`, `delegation`, `mcp`, `scope`,
    /// `step-up`, `policy`, `replay`, `rate`, `budget`, `risk`.
    pub check: &'static str,
    /// Whether it held.
    pub result: CheckResult,
    /// The reason's code, or `ok`.
    pub code: &'static str,
    /// What it was about, in words of the gate's own or of its configuration: a profile, a form, a limit, a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How an agent was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A request signature of this profile.
    Signature(&'static str),
    /// A token bound to a key, with a proof by that key.
    Dpop,
    /// A client certificate: a token bound to it, or the certificate alone.
    Mtls,
    /// A bearer token alone.
    Token,
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Method {
    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signature(profile) => profile,
            Self::Dpop => "dpop",
            Self::Mtls => "mtls",
            Self::Token => "token",
        }
    }
}

/// The agent that sent the request, as far as it was proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Its identity: of a registered agent its id, else the directory URL (Web Bot Auth), the key set's URL and the
    /// key's thumbprint, the token's `client_id`, its `sub`, `certificate:` and the certificate's thumbprint.
    pub id: String,
    /// How it was identified.
    pub method: Method,
    /// The thumbprint (RFC 7638) of the key that it proved to hold; with `mtls` that of its certificate (`x5t#S256`,
    /// RFC 8705 §3.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who answers for it: as registered, else the origin of its directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// What it is for, as registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

impl Agent {
    /// Whether a signature says who it is.
    pub(crate) fn is_signer(&self) -> bool {
        matches!(self.method, Method::Signature(_))
    }
}

/// Whom the agent acts for, by a verified token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Principal {
    /// The subject, where the token names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The issuer.
    pub iss: String,
    /// The client that the token was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// What the agent was sent for, by a verified token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The task that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The identifier of the token that the token was derived from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_token: Option<String>,
    /// Who delegated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegator: Option<String>,
    /// What for, in the issuer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// What the decision can promise, honestly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Guarantees {
    /// How repeats are refused.
    pub replay: ReplayGuarantee,
    /// How exactly limits were counted.
    pub rate: RateGuarantee,
    /// Where the risk was known from.
    pub risk: RiskGuarantee,
    /// How exactly budgets were kept; `None` where the route has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetGuarantee>,
}

/// Where the risk was known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RiskGuarantee {
    /// From all requests of the subject, worldwide.
    Exact,
    /// From those that this isolate has seen.
    Isolate,
    /// Nothing was observed.
    None,
}

/// How exactly budgets were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetGuarantee {
    /// What the request may spend is reserved of each of them: none is ever exceeded.
    Exact,
    /// Not all of them could be asked, and the route lets the request through.
    None,
}

/// What was reserved of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetView {
    /// The budget, by its name.
    pub name: String,
    /// How much was reserved for the request, in minor units.
    pub reserved: u64,
    /// How much can still be reserved.
    pub remaining: u64,
    /// The currency.
    pub currency: String,
}

/// How repeats are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayGuarantee {
    /// Every isolate together accepts the proof once.
    Exact,
    /// This isolate accepts the proof once.
    Isolate,
    /// Repeats are not refused: nothing in the request is single-use, or the route does not ask.
    None,
}

/// How exactly limits were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RateGuarantee {
    /// The route has no limit that counts this request, or it could not be counted.
    None,
    /// Nothing is let through above the limits, worldwide, and nothing is refused below them.
    Exact,
    /// Nothing is let through above the limits, worldwide; a request may be refused while others hold what they do not
    /// use.
    Bounded,
    /// Isolates know of each other with a delay.
    Approximate,
}

/// The agent's risk when the decision was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RiskView {
    /// 0 to 100.
    pub score: u32,
    /// The level of the score.
    pub level: Level,
    /// The codes of the signals that add to the score, the largest first.
    pub reasons: Vec<&'static str>,
    /// The version of the weights.
    pub version: u32,
    /// What would have been done about it, where risk is only watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<&'static str>,
}

/// What was observed of the request, and of whom: all that a score is made from, so that it can be made again from a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Observation {
    /// A digest of who it was, or `unidentified`.
    pub subject: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub observed: Observed,
}

/// What the gate says to a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// A ULID: the time of the decision, then what the host drew.
    pub id: String,
    /// What happens to the request.
    pub outcome: Outcome,
    /// The HTTP status that the client sees: 200 stands for the origin's own.
    pub status: u16,
    /// `ok`, or the code of the refusal.
    pub code: &'static str,
    /// The reason, where there is one. On a `shadow` route also of a request that goes through.
    #[serde(skip)]
    pub reason: Option<Reason>,
    /// The route that matched, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whether the route only watches.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub shadow: bool,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Whom the agent acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The token's actors, outermost first (RFC 8693 §4.1).
    pub delegation: Vec<String>,
    /// What the agent was sent for, where the token says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The token's scopes.
    pub scope: Vec<String>,
    /// How fresh each answer was by which the token still is good. Empty where nobody was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocation: Vec<Freshness>,
    /// What was checked.
    pub evidence: Vec<Evidence>,
    /// What is promised.
    pub guarantees: Guarantees,
    /// What was reserved of budgets, the innermost first. Empty where the route has none, or the request was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<BudgetView>,
    /// The agent's risk.
    pub risk: RiskView,
    /// What was observed of it. Absent where nothing was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observation>,
    /// The names of the limits that refused, for the client.
    #[serde(skip)]
    pub violated: Vec<String>,
    /// Why a signature does not hold, for the client and never for a log: it shows what the request has.
    #[serde(skip)]
    pub explanation: Option<Explanation>,
    /// The fields that the client sees.
    #[serde(serialize_with = "as_map")]
    pub headers: Vec<(&'static str, String)>,
}

pub(crate) fn as_map<S: Serializer>(
    fields: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in fields {
        if names.contains(name) {
            continue;
        }
        names.push(name);
        let values: Vec<&str> = fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        map.serialize_entry(name, &values.join(", "))?;
    }
    map.end()
}

impl Decision {
    /// Whether the request goes to the origin.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allow
    }

    /// The body of a refusal (RFC 9457), as much of it as `disclosure` allows.
    #[must_use]
    pub fn problem(&self, disclosure: Disclosure) -> Value {
        let mut problem = Map::new();
        let kind = match self.reason {
            Some(Reason::RateExceeded | Reason::BudgetExceeded) => QUOTA_EXCEEDED,
            Some(Reason::PolicyApprovalRequired | Reason::RiskApprovalRequired)
                if disclosure != Disclosure::None =>
            {
                APPROVAL_REQUIRED
            }
            _ => "about:blank",
        };
        problem.insert("type".into(), kind.into());
        problem.insert("status".into(), self.status.into());
        problem.insert("decision".into(), self.id.as_str().into());
        let reason = self.reason.filter(|_| disclosure != Disclosure::None);
        problem
            .insert("title".into(), reason.map_or_else(|| status_title(self.status), Reason::title).into());
        if let Some(reason) = reason {
            problem.insert("code".into(), reason.code().into());
        }
        if !self.violated.is_empty() && disclosure != Disclosure::None {
            problem.insert("violated-policies".into(), json!(self.violated));
        }
        if let Some(explanation) = self.explanation.as_ref().filter(|_| disclosure == Disclosure::Explain) {
            problem.insert("explanation".into(), json!(explanation));
        }
        if matches!(disclosure, Disclosure::Full | Disclosure::Explain) {
            problem.insert("evidence".into(), json!(self.evidence));
            problem.insert("guarantees".into(), json!(self.guarantees));
        }
        Value::Object(problem)
    }

    /// The claims of the assertion that tells the origin who it was.
    #[must_use]
    pub fn assertion(&self, issuer: &str, origin: &str, now: UnixSeconds) -> Value {
        let mut claims = json!({
            "iss": issuer,
            "aud": origin,
            "iat": now.0,
            "exp": now.0 + ASSERTION_LIFETIME_SECS,
            "jti": self.id,
            "guarantees": self.guarantees,
            "risk": { "score": self.risk.score, "level": self.risk.level, "version": self.risk.version },
        });
        let optional = [
            ("agent", self.agent.as_ref().map(|agent| json!(agent))),
            ("sub", self.principal.as_ref().and_then(|p| p.sub.clone()).map(Value::from)),
            ("principal", self.principal.as_ref().map(|principal| json!(principal))),
            ("client_id", self.principal.as_ref().and_then(|p| p.client_id.clone()).map(Value::from)),
            ("scope", (!self.scope.is_empty()).then(|| self.scope.join(" ").into())),
            ("delegation", (!self.delegation.is_empty()).then(|| json!(self.delegation))),
            ("task", self.task.as_ref().map(|task| json!(task))),
            ("shadow", self.shadow_code().map(Value::from)),
        ];
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        claims
    }

    /// The plain fields that tell the origin who it was, for logs and simple handlers. They say nothing that the
    /// assertion does not prove. Values that no field can carry, or that are longer than 1 KiB, are left out.
    #[must_use]
    pub fn origin_headers(&self) -> Vec<(&'static str, String)> {
        let scope = (!self.scope.is_empty()).then(|| self.scope.join(" "));
        let fields = [
            (DECISION_FIELD, Some(self.id.clone())),
            ("Countersign-Agent", self.agent.as_ref().map(|agent| agent.id.clone())),
            ("Countersign-Agent-Method", self.agent.as_ref().map(|agent| agent.method.as_str().to_owned())),
            ("Countersign-Agent-Key", self.agent.as_ref().and_then(|agent| agent.key.clone())),
            ("Countersign-Subject", self.principal.as_ref().and_then(|p| p.sub.clone())),
            ("Countersign-Scope", scope),
            ("Countersign-Risk", Some(self.risk.score.to_string())),
            ("Countersign-Shadow", self.shadow_code().map(ToString::to_string)),
        ];
        let printable = |value: &String| {
            value.len() <= MAX_PLAIN_BYTES
                && value.bytes().all(|b| (b' '..=b'~').contains(&b))
                && value.trim() == value
        };
        fields.into_iter().filter_map(|(name, value)| Some((name, value.filter(printable)?))).collect()
    }

    /// What would have been refused, on a route that only watches.
    fn shadow_code(&self) -> Option<&'static str> {
        self.reason.filter(|_| self.shadow).map(Reason::code)
    }

    /// The decision as one line of JSON, for logs.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The problem type of a request over its limit (draft-ietf-httpapi-ratelimit-headers §7).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The problem type of a request that somebody must approve first.
const APPROVAL_REQUIRED: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "#approval-required");

fn status_title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        413 => "Content Too Large",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

/// The outcome that goes with a reason.
pub(crate) fn outcome(reason: Reason) -> Outcome {
    match reason.status() {
        _ if matches!(reason, Reason::PolicyApprovalRequired | Reason::RiskApprovalRequired) => {
            Outcome::Approve
        }
        401 => Outcome::Challenge,
        429 => Outcome::Throttle,
        _ => Outcome::Deny,
    }
}

/// The code of a reason, or `ok`.
pub(crate) fn code(reason: Option<Reason>) -> &'static str {
    reason.map_or(reason::OK, Reason::code)
}
