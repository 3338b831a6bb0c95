//! What the origin hears: the claims of each kind of event, against RFC 8417 and `OpenID` CAEP 1.0, and its identifier.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use std::collections::BTreeSet;

use countersign::config::EventFormat;
use countersign::event::delivery::{Answered, Entry};
use countersign::event::{
    BreakerEvent, BudgetEvent, CREDENTIAL_CHANGE, Event, OWN_EVENTS, RISK_LEVEL_CHANGE, RefusalCount,
    RiskEvent, SESSION_REVOKED, Subject,
};
use countersign::reason::Reason;
use countersign::registry::Actor;
use countersign::registry::change::AuditEvent;
use countersign::revocation::deny_list::{Digest, Kind};
use countersign::revocation::ledger::{Denial, RevocationEvent};
use countersign::state::risk::{Level, LevelChange, Signal};
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{Draft, World};
use serde_json::{Value, json};

const AT: UnixMillis = UnixMillis(1_700_000_000_123);
const DECISION: &str = "01HF7YAT00000000000000000A";
const ISSUER: &str = "https://api.example";
const AUDIENCE: &str = "https://origin.example";

fn actor() -> Actor {
    Actor { iss: "https://auth.example".into(), sub: Some("ada".into()), client_id: None }
}

fn audit(action: &'static str, key: Option<&str>) -> AuditEvent {
    let (agent, key) = ("a".into(), key.map(Into::into));
    AuditEvent { revision: 7, at: AT, actor: actor(), action, agent, key }
}

fn denial(action: &'static str) -> RevocationEvent {
    let digest = Digest::of(Kind::Agent, "", "https://agents.example");
    let denial =
        Denial { digest, kind: Kind::Agent, until: None, at: AT.seconds().0, revision: 3, reason: None };
    RevocationEvent { action, denial, revision: 3, at: AT, actor: actor() }
}

fn refusals() -> RefusalCount {
    RefusalCount {
        subject: Subject::Unidentified,
        reason: Some(Reason::SignatureInvalid),
        minute: UnixSeconds(1_699_999_980),
        count: 12,
        first: UnixMillis(AT.0 - 5_000),
        last: AT,
        decision: DECISION.into(),
    }
}

fn budget() -> BudgetEvent {
    BudgetEvent {
        subject: Subject::Agent("https://agents.example".into()),
        budget: "daily".into(),
        action: "exhausted",
        of: "2023-11-14".into(),
        amount: 10_000,
        currency: "EUR".into(),
        decision: DECISION.into(),
        at: AT,
    }
}

fn breaker() -> BreakerEvent {
    BreakerEvent {
        subject: Subject::Client { iss: "https://auth.example".into(), id: "c".into() },
        from: "closed",
        to: "open",
        reason: Some(Reason::SignatureReplayed),
        decision: DECISION.into(),
        at: AT,
    }
}

fn risk() -> RiskEvent {
    RiskEvent {
        subject: Subject::Agent("https://agents.example".into()),
        change: LevelChange { from: Level::Low, to: Level::High, score: 80 },
        reason: Some(Reason::PolicyScopeMissing),
        signals: vec![Signal::RefusedScopes],
        version: 2,
        decision: DECISION.into(),
        at: AT,
    }
}

/// One of each kind, and of each consequence.
fn all() -> Vec<Event> {
    let mut events = vec![
        Event::RiskLevelChange(risk()),
        Event::Refusals(refusals()),
        Event::Budget(budget()),
        Event::BreakerChange(breaker()),
    ];
    for (action, key) in [("register", None), ("suspend", None), ("rotate_key", Some("jkt"))] {
        events.extend(Event::of_registry(&audit(action, key), DECISION));
    }
    events.extend(Event::of_revocation(&denial("deny"), DECISION));
    events
}

fn details(event: &Event) -> Value {
    event.claims(ISSUER, AUDIENCE)["events"][event.event_type()].clone()
}

/// RFC 8417 §2.2 and §4.1; the Shared Signals Framework 1.0 wants one event a token, `sub_id`, and neither `sub` nor `exp`.
#[test]
fn every_event_has_the_claims_of_a_security_event_token() {
    for event in all() {
        let claims = event.claims(ISSUER, AUDIENCE);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(AUDIENCE)));
        assert_eq!((&claims["iat"], &claims["txn"]), (&json!(AT.seconds().0), &json!(DECISION)));
        assert_eq!(claims["jti"], event.id());
        assert_eq!(event.id().len(), 22);
        for absent in ["sub", "exp", "nbf"] {
            assert!(claims.get(absent).is_none(), "{event} has {absent}");
        }
        let events = claims["events"].as_object().unwrap();
        assert_eq!(events.keys().collect::<Vec<_>>(), [event.event_type()]);
        let details = &events[event.event_type()];
        assert_eq!(details["event_timestamp"], AT.seconds().0);
        let standard = "https://schemas.openid.net/secevent/caep/event-type/";
        assert!([standard, OWN_EVENTS].iter().any(|names| event.event_type().starts_with(names)));
        if let Some(entity) = details.get("initiating_entity") {
            assert!(["admin", "policy"].contains(&entity.as_str().unwrap()));
        }
        let sub_id = claims["sub_id"].as_object().unwrap();
        // RFC 9493 §3.2: each format has its members, and no others.
        let members: Vec<_> = sub_id.keys().map(String::as_str).filter(|name| *name != "format").collect();
        match sub_id["format"].as_str().unwrap() {
            "uri" => assert_eq!(members, ["uri"]),
            "opaque" => assert_eq!(members, ["id"]),
            "iss_sub" => assert_eq!(members, ["iss", "sub"]),
            other => panic!("{other} is no format"),
        }
    }
}

#[test]
fn no_two_events_have_the_same_id_and_none_changes_its_own() {
    let ids: BTreeSet<_> = all().iter().map(Event::id).collect();
    assert_eq!(ids.len(), all().len());
    assert_eq!(
        all().iter().map(Event::id).collect::<Vec<_>>(),
        all().iter().map(Event::id).collect::<Vec<_>>()
    );
    // Whoever asks, and whenever it is told: the decision on the request is no part of what was changed.
    let told = |decision| Event::of_registry(&audit("suspend", None), decision);
    assert_eq!(
        told("a").iter().map(Event::id).collect::<Vec<_>>(),
        told("b").iter().map(Event::id).collect::<Vec<_>>()
    );
}

/// CAEP 1.0 §3.8.
#[test]
fn a_changed_level_is_what_caep_has_for_it() {
    let details = details(&Event::RiskLevelChange(risk()));
    assert_eq!((&details["current_level"], &details["previous_level"]), (&json!("HIGH"), &json!("LOW")));
    assert!(details["principal"].is_string());
    assert_eq!(details["risk_reason"], "policy.scope_missing");
    assert_eq!(Event::RiskLevelChange(risk()).event_type(), RISK_LEVEL_CHANGE);
}

/// CAEP 1.0 §3.1.
#[test]
fn who_may_not_act_any_more_is_a_revoked_session() {
    for action in ["suspend", "revoke"] {
        let events = Event::of_registry(&audit(action, None), DECISION);
        assert_eq!(events.len(), 2, "the change, and what it means");
        assert_eq!(events[1].event_type(), SESSION_REVOKED);
        assert_eq!(events[1].subject(), Subject::Agent("a".into()));
        assert_eq!(details(&events[1])["initiating_entity"], "admin");
    }
    let denied = Event::of_revocation(&denial("deny"), DECISION);
    assert_eq!(denied.len(), 2);
    assert_eq!(denied[1].event_type(), SESSION_REVOKED);
    assert_eq!(denied[0].subject(), denied[1].subject());
    assert_eq!(Event::of_revocation(&denial("lift"), DECISION).len(), 1, "what is lifted revokes nothing");
    for action in ["register", "update", "resume"] {
        assert_eq!(Event::of_registry(&audit(action, None), DECISION).len(), 1, "{action}");
    }
}

/// CAEP 1.0 §3.3.1: `credential_type` and `change_type` are required.
#[test]
fn a_key_that_comes_or_goes_is_a_changed_credential() {
    for (action, change_type) in [("add_key", "create"), ("rotate_key", "update"), ("revoke_key", "revoke")] {
        let events = Event::of_registry(&audit(action, Some("jkt")), DECISION);
        assert_eq!(events[1].event_type(), CREDENTIAL_CHANGE);
        let details = details(&events[1]);
        assert_eq!((&details["change_type"], &details["jkt"]), (&json!(change_type), &json!("jkt")));
        assert!(details["credential_type"].is_string());
    }
}

#[test]
fn an_agent_that_is_named_by_no_url_is_opaque() {
    let sub_id = |agent: &str| {
        let event = RiskEvent { subject: Subject::Agent(agent.into()), ..risk() };
        event.claims(ISSUER, AUDIENCE)["sub_id"].clone()
    };
    assert_eq!(sub_id("crawler"), json!({ "format": "opaque", "id": "crawler" }));
    assert_eq!(sub_id("https://a.example"), json!({ "format": "uri", "uri": "https://a.example" }));
}

#[test]
fn refusals_say_how_many_and_why() {
    let details = details(&Event::Refusals(refusals()));
    assert_eq!((&details["count"], &details["reason"]), (&json!(12), &json!("signature.invalid")));
    assert_eq!((&details["minute"], &details["first"]), (&json!(1_699_999_980), &json!(1_699_999_995)));
    let several = RefusalCount { reason: None, subject: Subject::Others, ..refusals() };
    assert!(self::details(&Event::Refusals(several)).get("reason").is_none());
}

/// No number of any currency loses a digit in a language whose numbers are doubles.
#[test]
fn amounts_are_texts() {
    let event = Event::Budget(BudgetEvent { amount: u64::MAX, ..budget() });
    assert_eq!(details(&event)["amount"], u64::MAX.to_string());
}

#[test]
fn a_gate_counts_what_it_refuses_under_who_was_proven() {
    let world = World::new();
    for _ in 0..3 {
        assert_eq!(world.decide(&Draft::new("GET", "/signed")).code, "signature.missing");
    }
    for _ in 0..2 {
        let probing =
            Draft::new("GET", "/orders").bearer(&world.token(|claims| claims["scope"] = json!("x")));
        assert_eq!(world.decide(&probing).code, "policy.scope_missing");
    }
    let told = world.memory.borrow_mut().refusals().take();
    let counts: Vec<_> = told
        .iter()
        .map(|event| match event {
            Event::Refusals(count) => (count.subject.clone(), count.reason.map(Reason::code), count.count),
            other => panic!("{other}"),
        })
        .collect();
    assert!(counts.contains(&(Subject::Unidentified, Some("signature.missing"), 3)), "{counts:?}");
    let client = counts.iter().find(|(_, code, _)| *code == Some("policy.scope_missing")).unwrap();
    assert!(matches!(client.0, Subject::Client { .. }), "{client:?}");
    assert_eq!((client.2, counts.len()), (2, 2));
}

/// However often and on whatever way it is tried: the receiver sees the same identifiers, and each event is accepted,
/// waits, or is a dead letter.
#[test]
fn no_event_is_lost_or_renamed_between_tries() {
    let claims: Vec<_> = all().iter().map(|event| event.claims(ISSUER, AUDIENCE)).collect();
    let ids: BTreeSet<_> = all().iter().map(Event::id).collect();
    let (mut accepted, mut dead) = (BTreeSet::new(), BTreeSet::new());
    let mut waiting = Entry::of(claims, AT);
    let id = |event: &Value| event["jti"].as_str().unwrap().to_owned();
    for round in 0..20_usize {
        for entry in std::mem::take(&mut waiting) {
            let entry = Entry::from_text(&entry.to_text()).unwrap();
            let mut left = Vec::new();
            for (i, event) in entry.events.iter().enumerate() {
                // One in three tries succeeds, one event is never wanted, all else fails in some way.
                let (status, body) = match (round + i) % 3 {
                    _ if id(event) == *ids.first().unwrap() => (400, "{\"err\":\"invalid_request\"}"),
                    0 => (202, ""),
                    1 => (500, "<html>"),
                    _ => (400, "garbage"),
                };
                match Answered::read(EventFormat::default(), status, body.as_bytes()) {
                    Answered::Accepted => assert!(accepted.insert(id(event))),
                    Answered::Refused(said) => {
                        let letter = entry.dead(vec![event.clone()], said);
                        dead.extend(Entry::from_text(&letter.to_text()).unwrap().events.iter().map(id));
                    }
                    Answered::Failed => left.push(event.clone()),
                }
            }
            if !left.is_empty() {
                waiting.push(entry.with(left));
            }
        }
    }
    assert!(waiting.is_empty());
    assert_eq!(dead.len(), 1);
    assert_eq!(accepted.union(&dead).cloned().collect::<BTreeSet<_>>(), ids);
}
