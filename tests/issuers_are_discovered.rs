//! An issuer without `jwks_uri` is found by its metadata (RFC 8414, OpenID Connect Discovery), which is believed only
//! where it is that issuer's, and followed where it changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod gate_support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use countersign::memory::Memory;
use gate_support::{API, CONFIG, Draft, ISSUER, JWKS_URI, Key, NOW, World};
use serde_json::{Value, json};

const OAUTH: &str = "https://auth.example/.well-known/oauth-authorization-server";
const OPENID: &str = "https://auth.example/.well-known/openid-configuration";
const KEYS: &str = "https://keys.example/auth.json";
const MOVED: &str = "https://moved.example/auth.json";

/// The usual gate, whose issuer's keys are to be discovered.
fn config(with: &str) -> String {
    let pinned = format!("jwks_uri = \"{JWKS_URI}\"\n");
    assert!(CONFIG.contains(&pinned));
    CONFIG.replace(&pinned, with)
}

fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "jwks_uri": KEYS,
        "introspection_endpoint": "https://auth.example/introspect",
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint": "https://auth.example/token",
    })
}

fn key_set(key: &Key) -> Vec<u8> {
    json!({ "keys": [key.jwk()] }).to_string().into_bytes()
}

/// A world whose issuer publishes this at RFC 8414's place, and its keys elsewhere.
fn publishing(document: &str) -> World {
    let mut world = World::with(&config(""));
    world.documents.insert(OAUTH.into(), document.as_bytes().to_vec());
    world.documents.insert(KEYS.into(), key_set(&Key::of(1)));
    world.documents.remove(JWKS_URI);
    world
}

fn discovered() -> World {
    publishing(&metadata().to_string())
}

/// A world whose issuer publishes OpenID's document only.
fn openid(with: &str, status: u16) -> World {
    let mut world = World::with(&config(with));
    world.statuses.insert(OAUTH.into(), status);
    world.documents.insert(OPENID.into(), metadata().to_string().into_bytes());
    world.documents.insert(KEYS.into(), key_set(&Key::of(1)));
    world
}

/// A request with a good token, whatever time it is.
fn orders(world: &World) -> Draft {
    let now = world.now.seconds().0;
    let token = world.token(|claims| {
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 600);
    });
    Draft::new("GET", "/orders").bearer(&token)
}

/// What the gate says to a good token, and what it asked for until then.
fn asks(world: &World) -> (&'static str, Vec<String>) {
    world.fetches.borrow_mut().clear();
    let code = world.code(&orders(world));
    (code, world.fetches.borrow().clone())
}

fn later(world: &mut World, secs: u64) {
    world.now = world.now.plus(Duration::from_secs(secs));
}

/// Does after the response what the gate wants done then.
fn refresh(world: &World) {
    let sources = world.conclude(&orders(world)).refresh;
    for source in sources {
        world.bring(&mut world.memory.borrow_mut(), &source);
    }
}

#[test]
fn metadata_that_is_not_to_be_believed_is_refused_and_no_keys_are_asked_for() {
    let change = |name: &str, value: Value| {
        let mut metadata = metadata();
        metadata[name] = value;
        metadata.to_string()
    };
    let good = metadata().to_string();
    for document in [
        change("issuer", json!("https://auth.example/")),
        change("issuer", json!("https://evil.example")),
        change("issuer", Value::Null),
        change("jwks_uri", Value::Null),
        change("jwks_uri", json!("http://keys.example/auth.json")),
        change("jwks_uri", json!("http://127.0.0.1/auth.json")),
        change("jwks_uri", json!(format!("{KEYS}?{}", "a".repeat(2048)))),
        good.replacen('{', &format!("{{\"issuer\":\"{ISSUER}\","), 1),
        good.replacen('{', "{\"x\":{\"y\":1,\"y\":2},", 1),
        good.replacen('{', &format!("{{{}", " ".repeat(64 * 1024)), 1),
        good[1..].to_owned(),
        "<html></html>".to_owned(),
        String::new(),
    ] {
        let world = publishing(&document);
        let found = asks(&world);
        assert_eq!(found, ("keys.issuer_metadata_invalid", vec![OAUTH.to_owned()]), "{document:.80}");
        assert_eq!(world.decide(&orders(&world)).status, 503, "no fault of the client's");
        assert_eq!(world.memory.borrow().metadata(ISSUER), None);
        // The answer is remembered.
        assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", vec![]), "{document:.80}");
    }
}

#[test]
fn an_issuer_that_publishes_nothing_is_asked_for_both_and_then_left_alone() {
    for status in [404, 410, 301, 302, 204] {
        let mut world = openid("", status);
        world.statuses.insert(OPENID.into(), status);
        let both = vec![OAUTH.to_owned(), OPENID.to_owned()];
        assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", both.clone()), "{status}");
        assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", vec![]), "{status}");
        later(&mut world, 60);
        assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", both), "{status}");
    }
}

#[test]
fn an_issuer_that_does_not_answer_now_is_not_asked_for_the_other() {
    for status in [0, 400, 401, 403, 429, 500, 503] {
        let world = openid("", status);
        assert_eq!(asks(&world), ("keys.unavailable", vec![OAUTH.to_owned()]), "{status}");
        assert_eq!(asks(&world), ("keys.unavailable", vec![]), "{status}");
    }
}

#[test]
fn only_what_is_configured_is_asked_for() {
    let world = openid("discovery = \"rfc8414\"\n", 404);
    assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", vec![OAUTH.to_owned()]));
    let world = openid("discovery = \"openid\"\n", 200);
    assert_eq!(asks(&world), ("ok", vec![OPENID.to_owned(), KEYS.to_owned()]));
    let mut world = openid("discovery = \"openid\"\n", 200);
    world.statuses.insert(OPENID.into(), 404);
    assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", vec![OPENID.to_owned()]));
}

#[test]
fn a_cold_gate_asks_for_metadata_and_keys_and_a_warm_one_for_nothing() {
    let world = discovered();
    assert_eq!(asks(&world), ("ok", vec![OAUTH.to_owned(), KEYS.to_owned()]));
    for _ in 0..3 {
        assert_eq!(asks(&world), ("ok", vec![]));
    }
    let other = Draft::new("GET", "/orders").bearer(&world.token(|claims| claims["jti"] = json!("other")));
    assert_eq!((world.code(&other), world.fetches.borrow().len()), ("ok", 0), "nor for another token");
    let metadata = world.memory.borrow().metadata(ISSUER).unwrap();
    assert_eq!(metadata.introspection_endpoint(), Some("https://auth.example/introspect"));
    assert_eq!(metadata.introspection_endpoint_auth_methods_supported(), ["private_key_jwt"]);
}

#[test]
fn a_token_that_the_discovered_keys_did_not_sign_is_refused() {
    let mut world = discovered();
    world.issuer = Key::of(9);
    assert_eq!(world.code(&orders(&world)), "token.signature_invalid");
}

#[test]
fn openid_metadata_is_found_where_there_is_no_other_and_asked_for_directly_from_then_on() {
    for status in [404, 410, 302] {
        let mut world = openid("", status);
        assert_eq!(asks(&world), ("ok", vec![OAUTH.to_owned(), OPENID.to_owned(), KEYS.to_owned()]));
        later(&mut world, 3600);
        assert_eq!(asks(&world), ("ok", vec![OPENID.to_owned(), KEYS.to_owned()]), "{status}");
        // And back, should the issuer change its mind.
        world.statuses.remove(OAUTH);
        world.statuses.insert(OPENID.into(), 404);
        world.documents.insert(OAUTH.into(), metadata().to_string().into_bytes());
        later(&mut world, 3600);
        assert_eq!(asks(&world), ("ok", vec![OPENID.to_owned(), OAUTH.to_owned(), KEYS.to_owned()]));
    }
}

#[test]
fn keys_that_moved_are_followed_when_the_metadata_is_refreshed() {
    let mut world = discovered();
    assert_eq!(world.code(&orders(&world)), "ok");
    let mut moved = metadata();
    moved["jwks_uri"] = json!(MOVED);
    world.documents.insert(OAUTH.into(), moved.to_string().into_bytes());
    world.documents.insert(MOVED.into(), key_set(&Key::of(9)));
    assert_eq!(asks(&world), ("ok", vec![]), "nobody has looked yet");
    // Within the last fifth of five minutes somebody does, after a response.
    later(&mut world, 299);
    refresh(&world);
    assert_eq!(world.memory.borrow().metadata(ISSUER).unwrap().jwks_uri(), MOVED);
    assert_eq!(asks(&world), ("token.signature_invalid", vec![MOVED.to_owned()]), "the old keys are gone");
    world.issuer = Key::of(9);
    assert_eq!(world.code(&orders(&world)), "ok");
}

#[test]
fn while_the_metadata_fails_what_is_known_serves_on_and_no_longer_where_it_turned_wrong() {
    for (status, stale) in [(500, "ok"), (404, "keys.issuer_metadata_invalid")] {
        let mut world = discovered();
        assert_eq!(world.code(&orders(&world)), "ok");
        world.statuses.extend([(OAUTH.into(), status), (OPENID.into(), status)]);
        later(&mut world, 299);
        refresh(&world);
        assert_eq!(world.code(&orders(&world)), "ok", "{status}: it is fresh");
        later(&mut world, 3600);
        assert_eq!(world.code(&orders(&world)), stale, "{status}");
        later(&mut world, 24 * 3600);
        assert_ne!(world.code(&orders(&world)), "ok", "{status}: nothing serves for more than a day");
    }
}

#[test]
fn issuers_that_name_the_same_keys_do_not_share_them() {
    let other = "[[issuers]]\nissuer = \"https://other.example\"\naudience = [\"https://api.example\"]\nalgorithms = [\"EdDSA\"]\n";
    let mut world = World::with(&config("").replace("[signatures]", &format!("{other}\n[signatures]")));
    world.documents.insert(OAUTH.into(), metadata().to_string().into_bytes());
    let mut of_other = metadata();
    of_other["issuer"] = json!("https://other.example");
    let at_other = "https://other.example/.well-known/oauth-authorization-server";
    world.documents.insert(at_other.into(), of_other.to_string().into_bytes());
    world.documents.insert(KEYS.into(), key_set(&Key::of(1)));
    assert_eq!(asks(&world), ("ok", vec![OAUTH.to_owned(), KEYS.to_owned()]));
    // Forged kids under the other's name use up its fetches, and nobody else's.
    let forged = |iss: &str, kid: &str| {
        let claims = json!({
            "iss": iss, "aud": API, "sub": "s", "client_id": "c", "jti": "j", "iat": NOW, "exp": NOW + 60,
        });
        let header = json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid });
        Draft::new("GET", "/bound").bearer(&Key::of(8).jws(&header, &claims))
    };
    world.fetches.borrow_mut().clear();
    assert_eq!(world.code(&forged("https://other.example", "x")), "token.key_unknown");
    assert_eq!(*world.fetches.borrow(), [at_other, KEYS], "its own");
    world.fetches.borrow_mut().clear();
    assert_eq!(world.code(&forged("https://other.example", "y")), "token.key_unknown");
    assert_eq!(world.code(&forged(ISSUER, "z")), "token.key_unknown");
    assert_eq!(*world.fetches.borrow(), [KEYS, KEYS], "one for each");
}

/// A gate with a store, and another that starts cold with the same store.
fn with_store(world: World) -> World {
    World { store: Some(RefCell::new(BTreeMap::new())), ..world }
}

fn restart(world: &mut World, seed: u64) {
    world.memory = RefCell::new(Memory::new(seed));
}

#[test]
fn a_gate_that_starts_cold_takes_metadata_and_keys_from_the_store() {
    for world in [discovered(), openid("", 404), openid("discovery = \"openid\"\n", 404)] {
        let mut world = with_store(world);
        assert_eq!(asks(&world).0, "ok");
        restart(&mut world, 8);
        assert_eq!(asks(&world), ("ok", vec![]));
        assert!(world.memory.borrow().metadata(ISSUER).is_some());
    }
}

#[test]
fn a_dead_issuer_is_not_asked_by_every_gate_that_starts_cold() {
    for (broken, code) in [(OAUTH, "keys.unavailable"), (KEYS, "keys.unavailable")] {
        let mut world = with_store(discovered());
        world.statuses.insert(broken.into(), 500);
        assert_eq!(asks(&world).0, code);
        for seed in 8..28 {
            restart(&mut world, seed);
            assert_eq!(asks(&world), (code, vec![]), "{broken}");
        }
    }
    let mut world = with_store(publishing("{}"));
    assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", vec![OAUTH.to_owned()]));
    restart(&mut world, 8);
    assert_eq!(asks(&world), ("keys.issuer_metadata_invalid", vec![]));
}

#[test]
fn what_a_store_has_is_believed_no_more_than_what_was_fetched() {
    let good = {
        let world = with_store(discovered());
        assert_eq!(asks(&world).0, "ok");
        world.store.unwrap().into_inner()
    };
    let (name, text) = good.iter().find(|(name, _)| name.starts_with("metadata:")).unwrap();
    let whole = vec![OAUTH.to_owned(), KEYS.to_owned()];
    for (from, to) in [
        ("\"issuer\":\"https://auth.example\"", "\"issuer\":\"https://evil.example\""),
        ("https://keys.example", "http://keys.example"),
        ("\"rfc8414\"", "\"elsewhere\""),
        ("\"version\":3", "\"version\":2"),
        ("\"version\":3", "\"version\":3,\"version\":3"),
        ("{", ""),
    ] {
        let world = with_store(discovered());
        assert!(text.contains(from), "{from}");
        let stored = BTreeMap::from([(name.clone(), text.replacen(from, to, 1))]);
        *world.store.as_ref().unwrap().borrow_mut() = stored;
        assert_eq!(asks(&world), ("ok", whole.clone()), "{to}");
    }
    // What either rule would have found is not found under one of them; the key set it names is.
    let world = with_store(World { gate: openid("discovery = \"openid\"\n", 404).gate, ..openid("", 404) });
    *world.store.as_ref().unwrap().borrow_mut() = good.clone();
    assert_eq!(asks(&world), ("ok", vec![OPENID.to_owned()]));
}
