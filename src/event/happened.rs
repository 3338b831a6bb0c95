//! [`Event`]: everything that the origin may hear of, with its identifier and its claims (RFC 8417 §2.2).

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::refusals::RefusalCount;
use super::{RISK_LEVEL_CHANGE, RiskEvent, Subject, id_of};
use crate::reason::Reason;
use crate::registry::change::{AuditEvent, REGISTRY_CHANGE};
use crate::revocation::ledger::{REVOCATION_CHANGE, RevocationEvent};
use crate::time::UnixMillis;

/// What the names of events begin with that CAEP has none for.
pub const OWN_EVENTS: &str = "https://github.com/countersign/countersign/event-type/";
/// Whoever acted under this subject may not any more (`OpenID` CAEP 1.0 §3.1).
pub const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// A key of this subject was added, changed or revoked (`OpenID` CAEP 1.0 §3.3).
pub const CREDENTIAL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
/// Counted refusals.
const REFUSALS: &str = "https://github.com/countersign/countersign/event-type/refusals";
/// A budget's event.
const BUDGET: &str = "https://github.com/countersign/countersign/event-type/budget";
/// A circuit breaker's event.
const BREAKER: &str = "https://github.com/countersign/countersign/event-type/circuit-breaker-change";
/// The `credential_type` of agents' keys. CAEP lists none for bare keys, and lets both sides agree on more.
const CREDENTIAL_TYPE: &str = "jwk";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An agent's risk level changed.
    RiskLevelChange(RiskEvent),
    /// Requests were refused, so many for one reason.
    Refusals(RefusalCount),
    /// An administrator changed the registry of agents.
    RegistryChange(AdministrativeEvent<AuditEvent>),
    /// An administrator changed the deny list.
    RevocationChange(AdministrativeEvent<RevocationEvent>),
    /// An agent was suspended or revoked, or something was denied.
    SessionRevoked(AdministrativeEvent<Subject>),
    /// An agent's key was added, rotated or revoked.
    CredentialChange(AdministrativeEvent<CredentialChange>),
    /// Something about a budget.
    Budget(BudgetEvent),
    /// A circuit breaker opened or closed.
    BreakerChange(BreakerEvent),
}

/// What an administrator did, or what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdministrativeEvent<T> {
    /// What.
    pub change: T,
    /// The identifier of the change in the audit trail.
    pub of: String,
    /// The decision on the administrator's request.
    pub decision: String,
    /// When.
    pub at: UnixMillis,
}

/// What became of an agent's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialChange {
    /// Whose.
    pub subject: Subject,
    /// `create`, `update` (a rotation) or `revoke`.
    pub change_type: &'static str,
    /// The key's thumbprint (RFC 7638), where one is named.
    pub key: Option<String>,
}

/// Something about a budget that the origin should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetEvent {
    /// Whose.
    pub subject: Subject,
    /// The budget's name in the configuration.
    pub budget: String,
    /// What happened, in a word: `exhausted`, `unsettled`, `reconciled`.
    pub action: &'static str,
    /// What it happened to: the reservation, else the period.
    pub of: String,
    /// In the currency's minor units.
    pub amount: u64,
    /// ISO 4217.
    pub currency: String,
    /// The decision that it happened with.
    pub decision: String,
    /// When.
    pub at: UnixMillis,
}

/// A circuit breaker's change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerEvent {
    /// Whose.
    pub subject: Subject,
    /// `closed`, `open` or `half-open`.
    pub from: &'static str,
    /// The same.
    pub to: &'static str,
    /// The refusal that it changed with.
    pub reason: Option<Reason>,
    /// The decision that it changed with.
    pub decision: String,
    /// When.
    pub at: UnixMillis,
}

impl Event {
    /// What a change of the registry is to the origin: the change, and where it ends what an agent or a key may do, the
    /// event that CAEP has for it. Each is a token of its own (RFC 8417 §2); `txn` says that they belong together.
    #[must_use]
    pub fn of_registry(change: &AuditEvent, decision: &str) -> Vec<Self> {
        let subject = Subject::Agent(change.agent.clone());
        let (of, at) = (change.id(), change.at);
        let credential = |change_type| {
            let change = CredentialChange { subject: subject.clone(), change_type, key: change.key.clone() };
            Self::CredentialChange(administrative(change, &of, decision, at))
        };
        let standard = match change.action {
            "suspend" | "revoke" => {
                Some(Self::SessionRevoked(administrative(subject.clone(), &of, decision, at)))
            }
            "add_key" => Some(credential("create")),
            "rotate_key" => Some(credential("update")),
            "revoke_key" => Some(credential("revoke")),
            _ => None,
        };
        let change = Self::RegistryChange(administrative(change.clone(), &of, decision, at));
        [Some(change), standard].into_iter().flatten().collect()
    }

    /// What a change of the deny list is to the origin, as for [`Self::of_registry`].
    #[must_use]
    pub fn of_revocation(change: &RevocationEvent, decision: &str) -> Vec<Self> {
        let subject = Subject::Denied(change.denial.digest.to_text());
        let (of, at) = (change.id(), change.at);
        let revoked = (change.action == "deny")
            .then(|| Self::SessionRevoked(administrative(subject, &of, decision, at)));
        let change = Self::RevocationChange(administrative(change.clone(), &of, decision, at));
        [Some(change), revoked].into_iter().flatten().collect()
    }

    /// The event's `jti`: the same whenever, and on whatever way, the same thing is told.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::RiskLevelChange(event) => event.id(),
            Self::Refusals(count) => count.id(),
            Self::RegistryChange(event) => event.change.id(),
            Self::RevocationChange(event) => event.change.id(),
            Self::SessionRevoked(event) => id_of(&["session-revoked", &event.of]),
            Self::CredentialChange(event) => id_of(&["credential-change", &event.of]),
            Self::Budget(event) => {
                let [kind, name, detail] = event.subject.parts();
                id_of(&["budget", kind, name, detail, &event.budget, event.action, &event.of])
            }
            Self::BreakerChange(event) => {
                let [kind, name, detail] = event.subject.parts();
                id_of(&["breaker", kind, name, detail, event.from, event.to, &event.decision])
            }
        }
    }

    /// Whom it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::RiskLevelChange(event) => event.subject.clone(),
            Self::Refusals(count) => count.subject.clone(),
            Self::RegistryChange(event) => Subject::Agent(event.change.agent.clone()),
            Self::RevocationChange(event) => Subject::Denied(event.change.denial.digest.to_text()),
            Self::SessionRevoked(event) => event.change.clone(),
            Self::CredentialChange(event) => event.change.subject.clone(),
            Self::Budget(event) => event.subject.clone(),
            Self::BreakerChange(event) => event.subject.clone(),
        }
    }

    /// The name of the event: a URI.
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::RiskLevelChange(_) => RISK_LEVEL_CHANGE,
            Self::Refusals(_) => REFUSALS,
            Self::RegistryChange(_) => REGISTRY_CHANGE,
            Self::RevocationChange(_) => REVOCATION_CHANGE,
            Self::SessionRevoked(_) => SESSION_REVOKED,
            Self::CredentialChange(_) => CREDENTIAL_CHANGE,
            Self::Budget(_) => BUDGET,
            Self::BreakerChange(_) => BREAKER,
        }
    }

    /// The claims of the Security Event Token.
    #[must_use]
    pub fn claims(&self, issuer: &str, audience: &str) -> Value {
        let (subject, at, txn, details) = match self {
            Self::RiskLevelChange(event) => return event.claims(issuer, audience),
            Self::RegistryChange(event) => {
                return with_txn(event.change.claims(issuer, audience), &event.decision);
            }
            Self::RevocationChange(event) => {
                return with_txn(event.change.claims(issuer, audience), &event.decision);
            }
            Self::Refusals(count) => (&count.subject, count.last, &count.decision, count.details()),
            Self::SessionRevoked(event) => {
                (&event.change, event.at, &event.decision, json!({ "initiating_entity": "admin" }))
            }
            Self::CredentialChange(event) => {
                let details = json!({
                    "credential_type": CREDENTIAL_TYPE,
                    "change_type": event.change.change_type,
                    "jkt": event.change.key,
                    "initiating_entity": "admin",
                });
                (&event.change.subject, event.at, &event.decision, details)
            }
            Self::Budget(event) => {
                let details = json!({
                    "budget": event.budget,
                    "action": event.action,
                    "of": event.of,
                    // As text, as numbers above 2^53 are not the same in every language.
                    "amount": event.amount.to_string(),
                    "currency": event.currency,
                    "initiating_entity": if event.action == "reconciled" { "admin" } else { "policy" },
                });
                (&event.subject, event.at, &event.decision, details)
            }
            Self::BreakerChange(event) => {
                let details = json!({
                    "current_state": event.to,
                    "previous_state": event.from,
                    "reason": event.reason.map(Reason::code),
                    "initiating_entity": "policy",
                });
                (&event.subject, event.at, &event.decision, details)
            }
        };
        let mut details = details;
        if let Some(members) = details.as_object_mut() {
            members.insert("event_timestamp".into(), at.seconds().0.into());
            members.retain(|_, member| !member.is_null());
        }
        json!({
            "iss": issuer,
            "aud": audience,
            "iat": at.seconds().0,
            "jti": self.id(),
            "txn": txn,
            "sub_id": subject.sub_id(),
            "events": { self.event_type(): details },
        })
    }
}

fn administrative<T>(change: T, of: &str, decision: &str, at: UnixMillis) -> AdministrativeEvent<T> {
    AdministrativeEvent { change, of: of.into(), decision: decision.into(), at }
}

fn with_txn(mut claims: Value, decision: &str) -> Value {
    if let Some(members) = claims.as_object_mut() {
        members.insert("txn".into(), decision.into());
    }
    claims
}

/// What a line of a log says of an event: its name without what all begin with, and its identifier.
impl core::fmt::Display for Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let name = self.event_type().rsplit('/').next().unwrap_or_default();
        write!(f, "{name} {}", self.id())
    }
}
