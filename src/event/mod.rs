//! Security events: what the origin hears of the gate, as Security Event Tokens (RFC 8417).
//!
//! The core says what happened ([`Event`]) and makes the claims; a host keeps them until they are delivered
//! ([`delivery`]), signs them and pushes the token (RFC 8935). An event's `jti` follows from what happened, so that an
//! event that is delivered twice can be recognised. Refusals are counted before they are told ([`refusals`]): nobody
//! without a key turns requests into events one for one. For those who would have them, `CloudEvents` carry the same
//! tokens ([`cloud`]).
//!
//! Where `OpenID` CAEP 1.0 has an event for it, its name and members are used; what it has none for is under
//! [`OWN_EVENTS`]. No member is secret; nobody is named whom nothing proved.

pub mod cloud;
pub mod delivery;
mod happened;
pub mod refusals;

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::crypto::sha256_parts;
use crate::encoding::base64url;
use crate::reason::Reason;
use crate::state::risk::{LevelChange, Signal, UNIDENTIFIED};
use crate::time::UnixMillis;

pub use happened::{
    AdministrativeEvent, BreakerEvent, BudgetEvent, CREDENTIAL_CHANGE, CredentialChange, Event, OWN_EVENTS,
    SESSION_REVOKED,
};
pub use refusals::RefusalCount;

/// The `typ` of a Security Event Token (RFC 8417 §2.3).
pub const SET_TYPE: &str = "secevent+jwt";
/// The media type of a pushed Security Event Token (RFC 8935 §2.1).
pub const SET_MEDIA_TYPE: &str = "application/secevent+jwt";
/// The event of a changed risk level (`OpenID` CAEP 1.0 §3.8).
pub const RISK_LEVEL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";

/// The subject of what there was no room to count by itself.
const OTHERS: &str = "others";

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An agent, by its identity: as registered, else a URL.
    Agent(String),
    /// A client of an issuer.
    Client {
        /// The issuer.
        iss: String,
        /// Its `client_id`, else the token's `sub`.
        id: String,
    },
    /// The holder of a client certificate, by the agent's identity.
    Certificate(String),
    /// All that could not be attributed, together.
    Unidentified,
    /// What administrators denied, by its digest in the deny list.
    Denied(String),
    /// All that there was no room to count one by one, together.
    Others,
    /// Whose budget it is, by the digest that its object is called by.
    Account(String),
}

impl Subject {
    pub(crate) fn parts(&self) -> [&str; 3] {
        match self {
            Self::Agent(url) => ["agent", url, ""],
            Self::Client { iss, id } => ["client", iss, id],
            Self::Certificate(id) => ["certificate", id, ""],
            Self::Unidentified => [UNIDENTIFIED, "", ""],
            Self::Denied(digest) => ["denied", digest, ""],
            Self::Others => [OTHERS, "", ""],
            Self::Account(digest) => ["account", digest, ""],
        }
    }

    /// The subject identifier (RFC 9493).
    pub(crate) fn sub_id(&self) -> Value {
        match self {
            Self::Agent(url) if url.contains("://") => json!({ "format": "uri", "uri": url }),
            Self::Client { iss, id } => json!({ "format": "iss_sub", "iss": iss, "sub": id }),
            // An agent's identity that is no URL is as an administrator named it.
            Self::Agent(id) | Self::Certificate(id) | Self::Denied(id) | Self::Account(id) => {
                json!({ "format": "opaque", "id": id })
            }
            Self::Unidentified => json!({ "format": "opaque", "id": UNIDENTIFIED }),
            Self::Others => json!({ "format": "opaque", "id": OTHERS }),
        }
    }
}

/// An agent's risk level changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiskEvent {
    /// Whose.
    pub subject: Subject,
    /// From what to what.
    pub change: LevelChange,
    /// The refusal that it changed with.
    pub reason: Option<Reason>,
    /// What adds to the score, the largest first.
    pub signals: Vec<Signal>,
    /// The version of the weights.
    pub version: u32,
    /// The decision that it changed with.
    pub decision: String,
    /// When.
    pub at: UnixMillis,
}

impl RiskEvent {
    /// The event's `jti`: the same for the same change in the same decision.
    #[must_use]
    pub fn id(&self) -> String {
        let [kind, name, detail] = self.subject.parts();
        let parts = [kind, name, detail, self.change.from.caep(), self.change.to.caep(), &self.decision];
        let digest = sha256_parts(&parts);
        base64url::encode(digest.get(..16).unwrap_or_default())
    }

    /// The claims of the Security Event Token.
    #[must_use]
    pub fn claims(&self, issuer: &str, audience: &str) -> Value {
        let at = self.at.seconds().0;
        let signal = || self.signals.first().map(|signal| signal.code());
        json!({
            "iss": issuer,
            "aud": audience,
            "iat": at,
            "jti": self.id(),
            "txn": self.decision,
            "sub_id": self.subject.sub_id(),
            "events": { RISK_LEVEL_CHANGE: {
                "principal": "AGENT",
                "current_level": self.change.to.caep(),
                "previous_level": self.change.from.caep(),
                "risk_reason": self.reason.map(Reason::code).or_else(signal),
                "signals": self.signals,
                "score": self.change.score,
                "weights_version": self.version,
                "event_timestamp": at,
            }},
        })
    }
}

/// An identifier that follows from what happened: 128 bits of a digest.
fn id_of(parts: &[&str]) -> String {
    base64url::encode(sha256_parts(parts).get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::risk::Level;

    fn event(subject: Subject) -> RiskEvent {
        RiskEvent {
            subject,
            change: LevelChange { from: Level::Low, to: Level::Medium, score: 40 },
            reason: Some(Reason::PolicyScopeMissing),
            signals: [Signal::RefusedScopes, Signal::KeyAge].into(),
            version: 2,
            decision: "01".into(),
            at: UnixMillis(1_700_000_000_123),
        }
    }

    #[test]
    fn an_event_is_a_security_event_token() {
        let claims = event(Subject::Agent("https://agents.example/jwks.json".into()))
            .claims("https://api.example", "https://origin.example");
        assert_eq!(claims["iat"], 1_700_000_000);
        assert_eq!(claims["sub_id"]["uri"], "https://agents.example/jwks.json");
        assert_eq!(claims["events"][RISK_LEVEL_CHANGE]["current_level"], "MEDIUM");
        let change = &claims["events"][RISK_LEVEL_CHANGE];
        assert_eq!(change["risk_reason"], "policy.scope_missing");
        assert_eq!(change["signals"], json!(["refused_scopes", "key_age"]));
        let unusual = RiskEvent { reason: None, ..event(Subject::Unidentified) }.claims("i", "a");
        assert_eq!(unusual["events"][RISK_LEVEL_CHANGE]["risk_reason"], "refused_scopes");
        assert!(claims.get("sub").is_none() && claims.get("exp").is_none());
    }

    #[test]
    fn the_same_change_has_the_same_id() {
        let client = |iss: &str| Subject::Client { iss: iss.into(), id: "a".into() };
        assert_eq!(event(client("x")).id(), event(client("x")).id());
        assert_ne!(event(client("x")).id(), event(client("y")).id());
        assert_ne!(event(Subject::Agent("x".into())).id(), event(Subject::Unidentified).id());
    }

    #[test]
    fn a_client_is_never_taken_for_an_agent() {
        let url = "https://agents.example/jwks.json";
        let client = Subject::Client { iss: "https://auth.example".into(), id: url.into() };
        let sub_id = &event(client).claims("i", "a")["sub_id"];
        assert_eq!((&sub_id["format"], &sub_id["sub"]), (&json!("iss_sub"), &json!(url)));
        assert!(sub_id.get("uri").is_none());
        assert_eq!(event(Subject::Unidentified).claims("i", "a")["sub_id"]["id"], "unidentified");
    }
}
