//! The registry's document: strict in, the same out, laid over what the configuration says; and an isolate's copy of
//! it, which is never older than it may be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use countersign::config::{Config, Gate};
use countersign::encoding::base64url;
use countersign::memory::Memory;
use countersign::reason::Reason;
use countersign::registry::copy::{
    Agents, LEASE, MAX_AGE, MAX_AGE_WHILE_FAILING, MAX_CLOCK_AHEAD, MAX_PUBLISHED_AGE, PUBLISHED_EVERY,
    REFRESH_FROM, RETRY_AFTER, published,
};
use countersign::registry::{
    Action, Actor, Change, MAX_DOCUMENT_BYTES, Registry, RegistryErrorKind as Kind, Status,
};
use countersign::time::{UnixMillis, UnixSeconds};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
/// The last time that JSON can say (RFC 7493 §2.2).
const END_OF_TIME: UnixMillis = UnixMillis((1 << 53) - 1);

fn jwk(seed: u8) -> Value {
    let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(public.as_bytes()), "kid": format!("key-{seed}") })
}

/// A gate with the agent `configured`, which has key 1 and an origin.
fn gate(admin: bool) -> Gate {
    let mut config = json!({
        "origin": "https://origin.example",
        "public_origins": ["https://api.example"],
        "issuers": [{
            "issuer": "https://auth.example",
            "jwks_uri": "https://auth.example/jwks.json",
            "audience": ["https://api.example"],
            "algorithms": ["EdDSA"],
        }],
        "agents": [{
            "id": "configured",
            "operator": "Shop",
            "purpose": "Buys",
            "contact": "ops@shop.example",
            "directories": ["https://shop.example"],
            "keys": [{ "jwk": jwk(1) }],
        }],
        "routes": [{ "match": "GET /**", "require": [] }],
    });
    if admin {
        config["admin"] = json!({ "issuer": "https://auth.example" });
    }
    Gate::new(&Config::from_json(&config.to_string()).unwrap()).unwrap()
}

fn apply(registry: &Registry, agent: &str, action: Action) -> Registry {
    let actor = Actor { iss: "https://auth.example".into(), sub: None, client_id: None };
    registry.apply(&Change { agent: agent.into(), action, expects: None, actor }, NOW).unwrap().0
}

/// The document after a change of the configured agent.
fn stored(gate: &Gate, action: Action) -> String {
    apply(gate.agents(), "configured", action).to_json()
}

fn document() -> Value {
    json!({
        "version": 1,
        "revision": 7,
        "agents": [{
            "id": "a",
            "revision": 7,
            "status": "active",
            "operator": "Shop",
            "purpose": "Buys",
            "contact": "ops@shop.example",
            "directories": ["https://shop.example"],
            "keys": [{ "jwk": jwk(2), "not_before": 5, "not_after": 9, "revoked_at": 6 }],
            "jwks_uri": "https://shop.example/keys",
        }],
    })
}

#[test]
fn what_was_written_is_read_back() {
    let registry = Registry::from_json(&document().to_string()).unwrap();
    let agent = registry.by_id("a").unwrap();
    assert_eq!(
        (registry.revision(), agent.status(), agent.jwks_uri()),
        (7, Status::Active, Some("https://shop.example/keys"))
    );
    let key = &agent.keys()[0];
    assert_eq!(
        (key.not_before(), key.not_after(), key.revoked_at()),
        (UnixSeconds(5), Some(UnixSeconds(9)), Some(UnixSeconds(6)))
    );
    assert_eq!(serde_json::from_str::<Value>(&registry.to_json()).unwrap(), document());
    // Also as published, which is no part of the registry.
    let published = published(&registry.to_json(), NOW).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&published).unwrap()["published_at"], json!(NOW.0));
    assert_eq!(Registry::from_json(&published).unwrap(), registry);
}

/// Else a registry that may be stored could be one that nobody can read.
#[test]
fn the_longest_document_may_be_published_at_any_time() {
    let mut longest = document().to_string();
    longest.push_str(&" ".repeat(MAX_DOCUMENT_BYTES - longest.len()));
    assert!(Registry::from_json(&published(&longest, END_OF_TIME).unwrap()).is_ok());
}

#[test]
fn only_a_document_is_published() {
    for other in ["", "{}", "{ }", "[]", "null", "\"a\""] {
        assert_eq!(published(other, NOW), None, "{other}");
    }
}

#[test]
fn what_is_not_exactly_such_a_document_is_refused() {
    let agent = |member: &str, value: Value| {
        let mut document = document();
        document["agents"][0][member] = value;
        document
    };
    let key = |member: &str, value: Value| {
        let mut document = document();
        document["agents"][0]["keys"][0][member] = value;
        document
    };
    let whole = |member: &str, value: Value| {
        let mut document = document();
        document[member] = value;
        document
    };
    let mut private = jwk(2);
    private["d"] = json!("AA");
    let twice = json!([document()["agents"][0], document()["agents"][0]]);
    for malformed in [
        json!([]),
        json!({}),
        whole("version", json!(2)),
        whole("revision", json!(-1)),
        whole("revision", json!(6)),
        whole("agents", json!({})),
        whole("agents", twice),
        whole("comment", json!("")),
        whole("published_at", json!(-1)),
        whole("published_at", json!("now")),
        agent("id", json!("a/b")),
        agent("status", json!("Active")),
        agent("status", json!("unknown")),
        agent("operator", json!("")),
        agent("directories", json!(["http://shop.example"])),
        agent("jwks_uri", json!("ftp://shop.example")),
        agent("suspended", json!(false)),
        key("jwk", private),
        key("not_before", json!("5")),
        key("not_after", json!(5)),
        key("revoked_at", json!(-1)),
        key("kid", json!("x")),
    ] {
        let error = Registry::from_json(&malformed.to_string()).unwrap_err();
        assert_eq!(error.kind, Kind::DocumentMalformed, "{malformed}");
    }
    let text = document().to_string();
    let repeated = text.replacen("\"revision\":7", "\"revision\":7,\"revision\":7", 1);
    let long = format!("{text}{}", " ".repeat(MAX_DOCUMENT_BYTES));
    for malformed in ["", "null", &text[1..], &repeated, &long] {
        assert_eq!(Registry::from_json(malformed).unwrap_err().kind, Kind::DocumentMalformed);
    }
    let mut many = document();
    many["agents"] = Value::Array(vec![many["agents"][0].clone(); 513]);
    assert_eq!(Registry::from_json(&many.to_string()).unwrap_err().kind, Kind::DocumentMalformed);
}

#[test]
fn the_stored_record_takes_the_place_of_the_configured_one() {
    let gate = gate(true);
    let suspended = Registry::from_json(&stored(&gate, Action::Suspend)).unwrap();
    let merged = suspended.over(gate.agents());
    let at = NOW.seconds();
    assert_eq!(merged.standing(None, "key-1", at), Err(Reason::AgentSuspended));
    assert_eq!(merged.standing(Some("https://shop.example/x"), "new", at), Err(Reason::AgentSuspended));
    assert_eq!((merged.agents().len(), merged.revision()), (1, 1));
    let untouched = Registry::default().over(gate.agents());
    assert_eq!(untouched.by_id("configured").unwrap().revision(), None);
    assert!(untouched.standing(None, "key-1", at).is_ok());
    // What nobody changed is not in the store, so that the configuration still says what it is.
    assert_eq!(Registry::from_json(&untouched.to_json()).unwrap(), Registry::default());
}

#[test]
fn a_configured_agent_gets_nothing_that_the_store_gave_to_another() {
    let gate = gate(true);
    let mut theirs = document();
    theirs["agents"][0]["keys"][0] = json!({ "jwk": jwk(1), "not_before": 5 });
    theirs["agents"][0]["status"] = json!("revoked");
    let merged = Registry::from_json(&theirs.to_string()).unwrap().over(gate.agents());
    let configured = merged.by_id("configured").unwrap();
    assert_eq!((configured.keys().len(), configured.directories().len()), (0, 0));
    assert_eq!(merged.standing(None, "key-1", NOW.seconds()), Err(Reason::AgentRevoked));
    assert_eq!(merged.standing(Some("https://shop.example/"), "x", NOW.seconds()), Err(Reason::AgentRevoked));
}

fn plus(after: Duration) -> UnixMillis {
    NOW.plus(after)
}

fn just_before(after: Duration) -> UnixMillis {
    plus(after.saturating_sub(Duration::from_millis(1)))
}

/// A memory that read the document at `NOW`, when it was published.
fn reader(gate: &Gate, text: &str) -> Memory {
    let mut memory = Memory::new(0);
    assert!(matches!(memory.registry(gate, NOW), Agents::Ask));
    assert!(load(&mut memory, text, NOW, NOW));
    memory
}

/// Whether the memory takes the document as published at one time and read at another.
fn load(memory: &mut Memory, text: &str, at: UnixMillis, now: UnixMillis) -> bool {
    memory.agents_loaded(published(text, at).as_deref(), now)
}

fn state(agents: &Agents) -> &'static str {
    match agents {
        Agents::Fresh(_) => "fresh",
        Agents::Stale(_) => "stale",
        Agents::Ask => "ask",
        Agents::Wait => "wait",
        Agents::Unavailable => "unavailable",
    }
}

fn is_suspended(agents: &Agents) -> bool {
    let (Agents::Fresh(registry) | Agents::Stale(registry)) = agents else { panic!("{}", state(agents)) };
    registry.by_id("configured").unwrap().status() == Status::Suspended
}

#[test]
fn without_an_admin_there_is_no_store_to_read() {
    let gate = gate(false);
    let agents = Memory::new(0).registry(&gate, NOW);
    assert!(!is_suspended(&agents));
    let Agents::Fresh(registry) = agents else { panic!() };
    assert!(Arc::ptr_eq(&registry, gate.agents()));
}

#[test]
fn the_first_request_reads_the_store_and_others_wait_for_it() {
    let (gate, mut memory) = (gate(true), Memory::new(0));
    assert_eq!(state(&memory.registry(&gate, NOW)), "ask");
    assert_eq!(state(&memory.registry(&gate, just_before(LEASE))), "wait");
    // Whoever asked is gone.
    assert_eq!(state(&memory.registry(&gate, plus(LEASE))), "ask");
    assert!(load(&mut memory, &stored(&gate, Action::Suspend), NOW, plus(LEASE)));
    assert!(is_suspended(&memory.registry(&gate, plus(LEASE))));
}

#[test]
fn a_copy_is_read_anew_in_the_background_and_then_in_the_foreground() {
    let gate = gate(true);
    let mut memory = reader(&gate, &stored(&gate, Action::Suspend));
    assert_eq!(state(&memory.registry(&gate, just_before(REFRESH_FROM))), "fresh");
    assert_eq!(state(&memory.registry(&gate, plus(REFRESH_FROM))), "stale");
    assert_eq!(state(&memory.registry(&gate, plus(REFRESH_FROM + Duration::from_millis(1)))), "fresh");
    assert_eq!(state(&memory.registry(&gate, just_before(MAX_AGE))), "fresh");
    assert_eq!(state(&memory.registry(&gate, plus(MAX_AGE))), "ask");
    assert_eq!(state(&memory.registry(&gate, plus(MAX_AGE))), "wait");
    let resumed = apply(&apply(gate.agents(), "configured", Action::Suspend), "configured", Action::Resume);
    assert!(load(&mut memory, &resumed.to_json(), plus(MAX_AGE), plus(MAX_AGE)));
    assert!(!is_suspended(&memory.registry(&gate, plus(MAX_AGE))));
    assert_eq!(state(&memory.registry(&gate, just_before(MAX_AGE + REFRESH_FROM))), "fresh");
}

#[test]
fn an_old_copy_serves_while_the_store_fails_and_only_so_long() {
    let gate = gate(true);
    let mut memory = reader(&gate, &stored(&gate, Action::Suspend));
    let mut at = MAX_AGE;
    while at < MAX_AGE_WHILE_FAILING {
        assert_eq!(state(&memory.registry(&gate, plus(at))), "ask");
        memory.agents_failed(plus(at));
        assert!(is_suspended(&memory.registry(&gate, plus(at))));
        at += RETRY_AFTER;
    }
    assert_eq!(state(&memory.registry(&gate, plus(at))), "ask");
    memory.agents_failed(plus(at));
    assert_eq!(state(&memory.registry(&gate, plus(at))), "unavailable");
    assert_eq!(state(&memory.registry(&gate, just_before(at + RETRY_AFTER))), "unavailable");
    assert_eq!(state(&memory.registry(&gate, plus(at + RETRY_AFTER))), "ask");
}

/// Else losing the store would resume every suspended agent.
#[test]
fn a_store_that_has_nothing_or_nonsense_is_no_empty_registry() {
    let gate = gate(true);
    for text in [None, Some(""), Some("{}"), Some("null")] {
        let mut memory = Memory::new(0);
        assert_eq!(state(&memory.registry(&gate, NOW)), "ask");
        assert!(memory.agents_loaded(text, NOW), "it is no older document");
        assert_eq!(state(&memory.registry(&gate, NOW)), "unavailable", "{text:?}");
        let mut memory = reader(&gate, &stored(&gate, Action::Suspend));
        assert_eq!(state(&memory.registry(&gate, plus(MAX_AGE))), "ask");
        memory.agents_loaded(text, plus(MAX_AGE));
        assert!(is_suspended(&memory.registry(&gate, plus(MAX_AGE))), "{text:?}");
    }
}

#[test]
fn a_store_that_goes_back_in_time_resumes_nobody() {
    let gate = gate(true);
    let empty = Registry::default().to_json();
    let mut memory = reader(&gate, &stored(&gate, Action::Suspend));
    assert!(load(&mut memory, &empty, plus(MAX_AGE), plus(MAX_AGE)));
    assert!(is_suspended(&memory.registry(&gate, plus(MAX_AGE))));
    // A store that was begun anew is believed once nothing newer may be used any more.
    let later = plus(MAX_AGE_WHILE_FAILING);
    assert!(load(&mut memory, &empty, later, later));
    assert!(!is_suspended(&memory.registry(&gate, plus(MAX_AGE_WHILE_FAILING))));
}

/// A store that takes no writes goes on to answer. Nobody sees that but by the time.
#[test]
fn a_document_that_is_no_longer_published_is_outdated() {
    let gate = gate(true);
    let text = stored(&gate, Action::Suspend);
    for (age, taken) in [
        (Duration::ZERO, true),
        (PUBLISHED_EVERY, true),
        (MAX_PUBLISHED_AGE.saturating_sub(Duration::from_millis(1)), true),
        (MAX_PUBLISHED_AGE, false),
        (Duration::from_hours(5000), false),
    ] {
        let (mut memory, now) = (Memory::new(0), plus(age));
        assert_eq!(state(&memory.registry(&gate, now)), "ask");
        assert_eq!(load(&mut memory, &text, NOW, now), taken, "{age:?}");
        // Whoever writes it is being asked: that is no failure yet.
        assert_eq!(state(&memory.registry(&gate, now)), if taken { "fresh" } else { "wait" });
        assert!(load(&mut memory, &text, now, now));
        assert!(is_suspended(&memory.registry(&gate, now)));
    }
}

#[test]
fn a_document_without_a_time_is_outdated() {
    let gate = gate(true);
    let mut memory = Memory::new(0);
    assert_eq!(state(&memory.registry(&gate, NOW)), "ask");
    assert!(!memory.agents_loaded(Some(&stored(&gate, Action::Suspend)), NOW));
    memory.agents_failed(NOW);
    assert_eq!(state(&memory.registry(&gate, NOW)), "unavailable");
}

/// Else one wrong clock would make the document look new for as long as it was ahead.
#[test]
fn a_document_of_the_future_is_outdated_beyond_what_clocks_differ() {
    let gate = gate(true);
    let text = stored(&gate, Action::Suspend);
    let beyond = plus(MAX_CLOCK_AHEAD + Duration::from_millis(1));
    for (at, taken) in [(plus(MAX_CLOCK_AHEAD), true), (beyond, false), (END_OF_TIME, false)] {
        assert_eq!(load(&mut Memory::new(0), &text, at, NOW), taken, "{at:?}");
    }
}

#[test]
fn the_same_text_again_and_again_does_not_keep_a_copy_alive() {
    let gate = gate(true);
    let text = stored(&gate, Action::Suspend);
    let mut memory = reader(&gate, &text);
    let mut at = MAX_AGE;
    while at < MAX_AGE_WHILE_FAILING {
        assert_eq!(state(&memory.registry(&gate, plus(at))), "ask");
        if !load(&mut memory, &text, NOW, plus(at)) {
            assert!(at >= MAX_PUBLISHED_AGE);
            // Nor can whoever writes it be asked.
            memory.agents_failed(plus(at));
        }
        assert!(is_suspended(&memory.registry(&gate, plus(at))), "{at:?}");
        at += MAX_AGE;
    }
    assert_eq!(state(&memory.registry(&gate, plus(at))), "ask");
    assert!(!load(&mut memory, &text, NOW, plus(at)));
    memory.agents_failed(plus(at));
    assert_eq!(state(&memory.registry(&gate, plus(at))), "unavailable");
}

#[test]
fn a_document_that_is_published_anew_keeps_the_copy_as_it_is() {
    let gate = gate(true);
    let text = stored(&gate, Action::Suspend);
    let mut memory = reader(&gate, &text);
    let Agents::Fresh(first) = memory.registry(&gate, NOW) else { panic!() };
    let later = plus(PUBLISHED_EVERY);
    assert_eq!(state(&memory.registry(&gate, later)), "ask");
    assert!(load(&mut memory, &text, later, later));
    let Agents::Fresh(second) = memory.registry(&gate, later) else { panic!() };
    assert!(Arc::ptr_eq(&first, &second));
    // The store may give what it had before: what is known to be newer counts.
    assert!(load(&mut memory, &text, NOW, later));
    let end = PUBLISHED_EVERY + MAX_AGE_WHILE_FAILING;
    memory.agents_failed(just_before(end));
    assert!(is_suspended(&memory.registry(&gate, just_before(end))));
    assert_eq!(state(&memory.registry(&gate, plus(end))), "unavailable");
}

#[test]
fn a_configuration_that_changes_is_laid_under_anew() {
    let (with, mut memory) = (gate(true), Memory::new(0));
    assert!(load(&mut memory, &Registry::default().to_json(), NOW, NOW));
    let Agents::Fresh(first) = memory.registry(&with, NOW) else { panic!() };
    let Agents::Fresh(again) = memory.registry(&with, NOW) else { panic!() };
    assert!(Arc::ptr_eq(&first, &again));
    let other = gate(true);
    let Agents::Fresh(anew) = memory.registry(&other, NOW) else { panic!() };
    assert!(!Arc::ptr_eq(&first, &anew) && *first == *anew);
}
