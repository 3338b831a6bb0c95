//! The part of the admin API that is about the deny list: its requests read ([`Command::parse`]) and answered
//! ([`Command::answer`]).
//!
//! | Request below [`PREFIX`] | Does |
//! |---|---|
//! | `GET /revocations?after={revision}` | lists the entries after a revision, oldest first |
//! | `POST /revocations` | denies: `kind`, `value`, `issuer`, `until` and `reason`, or a whole `token` by its `jti` |
//! | `GET /revocations/{digest}` | shows an entry |
//! | `DELETE /revocations/{digest}` | lifts it, where administrators prove their keys (`[admin] dpop`) |
//! | `GET /revocations/audit?after={revision}` | lists the changes after a revision, oldest first |
//!
//! Entries show digests: who asks must know whom they are about. As for agents, whether the request may be made at all is
//! not decided here, and bodies are strict.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::deny_list::{self, Digest, Kind};
use super::ledger::{Changed, Denial, Denying, Ledger};
use crate::config::{Admin, Gate, Issuer};
use crate::jose::DecodedToken;
use crate::registry::admin::{
    Answer, MAX_BODY_BYTES, PREFIX, Request, Segments, after, body, methods, no_body,
};
use crate::registry::agent::is_text;
use crate::registry::{Actor, RegistryError, RegistryErrorKind as Error};
use crate::time::{UnixMillis, UnixSeconds};

/// Most entries in one answer: 100.
pub const MAX_LISTED: usize = 100;
/// Longest reason in bytes: 256.
const MAX_REASON_BYTES: usize = 256;
/// How long is denied where no issuer says how long its tokens may live: 30 d, the longest that a configuration permits.
const LONGEST_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// At most [`MAX_LISTED`] entries, after this revision.
    List {
        /// The revision.
        after: u64,
    },
    /// The entry of this digest.
    Read(Digest),
    /// To deny.
    Deny(Box<Denying>, Actor),
    /// To lift the denial of this digest.
    Lift(Digest, Actor),
    /// At most [`MAX_EVENTS`](crate::registry::admin::MAX_EVENTS) events of the audit trail, after this revision; for the host to answer
    /// ([`Answer::audit`]).
    Audit {
        /// The revision.
        after: u64,
    },
}

/// Whether a path is one of this part of the admin API.
#[must_use]
pub fn is_asked_at(path: &str) -> bool {
    Segments::of(path).is_ok_and(|segments| segments.as_strs().first() == Some(&"revocations"))
}

impl Command {
    /// Reads a request to a gate, whose issuers say for how long their tokens must be remembered.
    pub fn parse(request: &Request<'_>, gate: &Gate, now: UnixMillis) -> Result<Self, RegistryError> {
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Error::BodyTooLarge.into());
        }
        let segments = Segments::of(request.path)?;
        let segments = segments.as_strs();
        let allowed = methods(&segments).ok_or(Error::PathUnknown)?;
        if !allowed.split(", ").any(|method| method == request.method) {
            return Err(Error::MethodNotAllowed.into());
        }
        let is_list =
            matches!((&*segments, request.method), (["revocations"], "GET" | "HEAD") | ([_, "audit"], _));
        if request.query.is_some() && !is_list {
            return Err(Error::QueryInvalid.into());
        }
        let digest = |text: &str| Digest::from_text(text).ok_or(Error::RevocationNotFound);
        match (&*segments, request.method) {
            (["revocations"], "POST") => {
                let denying = body::<DenyBody>(request)?.denying(gate, now.seconds())?;
                Ok(Self::Deny(Box::new(denying), request.actor.clone()))
            }
            (["revocations"], _) => Ok(Self::List { after: after(request.query)? }),
            (["revocations", "audit"], _) => Ok(Self::Audit { after: after(request.query)? }),
            (["revocations", text], "DELETE") => {
                no_body(request)?;
                // A token that was stolen must not undo what was done about it.
                if !gate.admin().is_some_and(Admin::needs_proof) {
                    return Err(Error::LiftingNeedsProof.into());
                }
                Ok(Self::Lift(digest(text)?, request.actor.clone()))
            }
            (["revocations", text], _) => Ok(Self::Read(digest(text)?)),
            _ => Err(Error::PathUnknown.into()),
        }
    }

    /// Answers it, with what it changes. [`Command::Audit`] is answered without the events, which are the host's.
    pub fn answer(
        &self,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<(Answer, Option<Changed>), RegistryError> {
        let shown = |digest: &Digest| ledger.denial(digest).ok_or(Error::RevocationNotFound);
        match self {
            Self::List { after } => {
                let denials: alloc::vec::Vec<_> =
                    ledger.after(*after, MAX_LISTED).into_iter().map(Denial::to_json).collect();
                let body = json!({ "revision": ledger.revision(), "revocations": denials });
                Ok((answer(200, ledger.revision(), body), None))
            }
            Self::Read(digest) => {
                let denial = shown(digest)?;
                Ok((answer(200, denial.revision, denial.to_json()), None))
            }
            Self::Audit { .. } => Ok((Answer::audit(&[]), None)),
            Self::Deny(denying, actor) => match ledger.deny(Denying::clone(denying), actor, now)? {
                // It is denied, as it was asked for: asking twice is no fault.
                None => {
                    let denial = shown(&denying.digest)?;
                    Ok((answer(200, denial.revision, denial.to_json()), None))
                }
                Some(changed) => {
                    let denial = &changed.event.denial;
                    let mut answer = answer(201, denial.revision, denial.to_json());
                    answer.location = Some(format!("{PREFIX}/revocations/{}", denial.digest.to_text()));
                    Ok((answer, Some(changed)))
                }
            },
            Self::Lift(digest, actor) => {
                let changed = ledger.lift(digest, actor, now)?;
                Ok((answer(200, changed.event.revision, changed.event.denial.to_json()), Some(changed)))
            }
        }
    }
}

fn answer(status: u16, revision: u64, body: Value) -> Answer {
    Answer { status, etag: Some(format!("\"{revision}\"")), location: None, allow: None, body }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenyBody {
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    issuer: Option<String>,
    /// In seconds since 1970.
    #[serde(default)]
    until: Option<i64>,
    #[serde(default)]
    reason: Option<String>,
    /// A JWT: its `iss`, `jti` and `exp` are read, as the administrator's own word; its signature is not looked at.
    #[serde(default)]
    token: Option<String>,
}

impl DenyBody {
    fn denying(self, gate: &Gate, now: UnixSeconds) -> Result<Denying, RegistryError> {
        let Self { kind, value, issuer, until, reason, token } = self;
        if reason.as_ref().is_some_and(|reason| !is_text(reason, MAX_REASON_BYTES)) {
            return Err(RegistryError::at(Error::TextInvalid, "reason"));
        }
        let malformed = |member: &str| RegistryError::at(Error::BodyMalformed, member);
        if let Some(token) = token {
            if kind.is_some() || value.is_some() || issuer.is_some() {
                return Err(malformed("token"));
            }
            let (digest, expires) = read_token(&token, gate)?;
            let until = Some(until.map_or(expires, |until| until.max(expires)));
            return Ok(Denying { digest, kind: Kind::Jti, until, reason });
        }
        let (kind, value) =
            (kind.ok_or_else(|| malformed("kind"))?, value.ok_or_else(|| malformed("value"))?);
        let issuers: alloc::vec::Vec<_> = gate.issuers().iter().map(Issuer::name).collect();
        let digest = deny_list::read(kind, &value, issuer.as_deref(), &issuers)?;
        let outlived = now.plus(longest_life(gate, issuer.as_deref())).0;
        let until = match (kind, until) {
            // Agents and keys do not end by themselves.
            (Kind::Agent | Kind::Key, until) => until,
            (Kind::Sub | Kind::Task, until) => Some(until.unwrap_or(outlived)),
            // A token must not come back by outliving what denies it.
            (Kind::Jti, until) => match until {
                Some(until) if until <= now.0 => Some(until),
                until => Some(until.map_or(outlived, |until| until.max(outlived))),
            },
        };
        Ok(Denying { digest, kind, until, reason })
    }
}

/// The digest of a token, and when nobody takes it any more.
fn read_token(token: &str, gate: &Gate) -> Result<(Digest, i64), RegistryError> {
    let invalid = || RegistryError::at(Error::RevocationTokenInvalid, "token");
    let decoded = DecodedToken::decode(token.trim()).map_err(|_| invalid())?;
    let claims = decoded.unverified_claims();
    let is_known = gate.issuers().iter().any(|issuer| issuer.name() == claims.iss);
    let jti = claims.jti.as_deref().filter(|_| is_known).ok_or_else(invalid)?;
    Ok((Digest::of(Kind::Jti, &claims.iss, jti), claims.exp.plus(gate.clock_skew).0))
}

/// How long a token may live that was issued before now, by clocks that differ.
fn longest_life(gate: &Gate, issuer: Option<&str>) -> Duration {
    let of = |name: &&Issuer| issuer.is_none_or(|issuer| issuer == name.name());
    let lives =
        gate.issuers().iter().filter(of).map(|issuer| issuer.rules.max_lifetime.unwrap_or(LONGEST_LIFETIME));
    lives.max().unwrap_or(LONGEST_LIFETIME) + gate.clock_skew * 2
}
