//! The gate's own nonces in DPoP proofs (RFC 9449 §8, §9): which are taken, which are refused, and what a client is
//! told to go on with.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use std::sync::Arc;
use std::time::Duration;

use countersign::config::{Config, ConfigError, Gate};
use countersign::decision::{Decision, Outcome};
use countersign::dpop::Nonces;
use countersign::engine::{Answer, Session, Step};
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{API, Draft, JWKS_URI, Key, NOW, World, header};
use proptest::prelude::*;
use serde_json::json;

const SECRET: &str = "a secret for tests, of 32 bytes.";
const OTHER_SECRET: &str = "a secret of another gate, longer.";
/// The first second of the bucket that `NOW` is in.
const START: i64 = NOW - NOW % 60;
const BUCKET: Duration = Duration::from_secs(60);

const ROUTES: &str = r#"
[[routes]]
match = "GET /required"
require = ["token", "dpop"]
dpop_nonce = "required"

[[routes]]
match = "GET /offered"
require = ["token", "dpop"]
dpop_nonce = "offered"

[[routes]]
match = "GET /off"
require = ["token", "dpop"]
dpop_nonce = "off"

[[routes]]
match = "GET /watched-nonce"
require = ["token", "dpop"]
dpop_nonce = "required"
shadow = true
"#;

fn config() -> String {
    gate_support::CONFIG.to_owned() + ROUTES
}

fn world() -> World {
    let world = World::with(&config());
    let gate = Gate::clone(&world.gate).with_nonce_secrets(SECRET).unwrap();
    World { gate: Arc::new(gate), ..world }
}

/// The same world at another time.
fn at(world: World, seconds: i64) -> World {
    World { now: UnixMillis(u64::try_from(seconds).unwrap() * 1000), ..world }
}

fn nonce_at(world: &World, seconds: i64) -> String {
    let nonces = Nonces::new(SECRET, BUCKET).unwrap();
    nonces.make(&world.holder.thumbprint(), API, UnixSeconds(seconds))
}

/// A request whose proof has this nonce and was made at this time.
fn proof(world: &World, path: &str, nonce: Option<&str>, iat: i64) -> Draft {
    Draft::new("GET", path).dpop_with(&world.bound(), &world.holder, |_, claims| {
        claims["iat"] = json!(iat);
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
    })
}

fn fields<'a>(decision: &'a Decision, name: &str) -> Vec<&'a str> {
    decision.headers.iter().filter(|(n, _)| *n == name).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn a_proof_without_a_nonce_is_refused_with_one_that_is_then_taken() {
    let world = world();
    let refused = world.decide(&proof(&world, "/required", None, NOW));
    assert_eq!((refused.code, refused.status), ("dpop.nonce_missing", 401));
    assert_eq!(refused.outcome, Outcome::Challenge);
    let challenge = header(&refused, "WWW-Authenticate").unwrap();
    assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\", "), "{challenge}");
    assert_eq!(fields(&refused, "Cache-Control"), ["no-store"]);
    let [nonce] = fields(&refused, "DPoP-Nonce")[..] else { panic!("{:?}", refused.headers) };
    assert_eq!(nonce, nonce_at(&world, NOW));

    let taken = world.decide(&proof(&world, "/required", Some(nonce), NOW));
    assert_eq!(taken.code, "ok");
    assert!(fields(&taken, "DPoP-Nonce").is_empty(), "the client's own is good for a while");
    assert!(fields(&taken, "Cache-Control").is_empty());
}

#[test]
fn a_nonce_of_the_bucket_before_is_taken_and_replaced() {
    let world = at(world(), START + 60);
    let nonce = nonce_at(&world, START + 59);
    let decision = world.decide(&proof(&world, "/required", Some(&nonce), START + 59));
    assert_eq!(decision.code, "ok");
    assert_eq!(fields(&decision, "DPoP-Nonce"), [nonce_at(&world, START + 60)]);
    // What is kept would be handed out again when it is old.
    assert_eq!(fields(&decision, "Cache-Control"), ["no-store"]);
}

#[test]
fn each_other_nonce_is_refused() {
    let world = world();
    let nonces = |secret| Nonces::new(secret, BUCKET).unwrap();
    let jkt = world.holder.thumbprint();
    let made = |secret, jkt: &str, audience: &str, at| nonces(secret).make(jkt, audience, UnixSeconds(at));
    for (why, nonce) in [
        ("two buckets old", made(SECRET, &jkt, API, START - 61)),
        ("from the future", made(SECRET, &jkt, API, START + 60)),
        ("of another key", made(SECRET, &Key::of(9).thumbprint(), API, NOW)),
        ("of another origin", made(SECRET, &jkt, "https://other.example", NOW)),
        ("of another gate", made(OTHER_SECRET, &jkt, API, NOW)),
        ("empty", String::new()),
        ("of the issuer", "eyJ7S_zG.eyJH0-Z.HX4w-7v".into()),
        ("padded", made(SECRET, &jkt, API, NOW) + "="),
    ] {
        for path in ["/required", "/offered"] {
            let refused = world.decide(&proof(&world, path, Some(&nonce), NOW));
            assert_eq!((refused.code, refused.status), ("dpop.nonce_invalid", 401), "{why}");
            assert!(header(&refused, "WWW-Authenticate").unwrap().contains("error=\"use_dpop_nonce\""));
            assert_eq!(fields(&refused, "DPoP-Nonce"), [nonce_at(&world, NOW)], "{why}");
            assert!(refused.agent.is_none(), "{why}");
        }
    }
    assert_eq!(world.code(&proof(&world, "/required", Some(&nonce_at(&world, NOW)), NOW)), "ok");
}

#[test]
fn without_a_proof_there_is_no_key_to_make_a_nonce_for() {
    let world = world();
    let token = world.bound();
    for (draft, code) in [
        (Draft::new("GET", "/required"), "token.missing"),
        (Draft::new("GET", "/required").field("authorization", &format!("DPoP {token}")), "dpop.missing"),
        (
            Draft::new("GET", "/required")
                .field("authorization", &format!("DPoP {token}"))
                .field("dpop", "nonsense"),
            "dpop.malformed",
        ),
    ] {
        let refused = world.decide(&draft);
        assert_eq!(refused.code, code);
        assert!(header(&refused, "WWW-Authenticate").unwrap().starts_with("DPoP "));
        assert!(!header(&refused, "WWW-Authenticate").unwrap().contains("use_dpop_nonce"));
        assert!(fields(&refused, "DPoP-Nonce").is_empty());
    }
}

#[test]
fn offered_nonces_come_with_every_answer_to_a_proof_and_need_not_be_used() {
    let world = world();
    let expected = nonce_at(&world, NOW);
    for (nonce, iat, code) in
        [(None, NOW, "ok"), (Some(expected.as_str()), NOW - 1, "ok"), (None, NOW - 61, "dpop.expired")]
    {
        let decision = world.decide(&proof(&world, "/offered", nonce, iat));
        assert_eq!(decision.code, code);
        assert_eq!(fields(&decision, "DPoP-Nonce"), [expected.as_str()], "{code}");
        assert_eq!(fields(&decision, "Cache-Control"), ["no-store"], "{code}");
        world.memory.replace(countersign::memory::Memory::new(7));
    }
}

#[test]
fn where_nonces_are_off_one_means_nothing() {
    let world = world();
    let decision = world.decide(&proof(&world, "/off", Some("of somebody else"), NOW));
    assert_eq!(decision.code, "ok");
    assert!(fields(&decision, "DPoP-Nonce").is_empty());
    let number = Draft::new("GET", "/off")
        .dpop_with(&world.bound(), &world.holder, |_, claims| claims["nonce"] = json!(5));
    assert_eq!(world.code(&number), "dpop.claim_invalid");
}

#[test]
fn a_route_that_watches_lets_through_and_says_what_is_missing() {
    let world = world();
    let decision = world.decide(&proof(&world, "/watched-nonce", None, NOW));
    assert_eq!((decision.outcome, decision.code), (Outcome::Allow, "dpop.nonce_missing"));
    assert_eq!(fields(&decision, "DPoP-Nonce"), [nonce_at(&world, NOW)]);
}

#[test]
fn with_a_nonce_a_proof_may_be_as_old_as_its_nonces_bucket() {
    let now = START + 119;
    let world = at(world(), now);
    let nonce = nonce_at(&world, START);
    for (nonce, iat, code) in [
        (Some(nonce.as_str()), START - 1, "dpop.expired"),
        (Some(nonce.as_str()), START, "ok"),
        (None, START, "dpop.expired"),
        (None, START + 59, "ok"),
        (Some(nonce.as_str()), now + 31, "dpop.issued_in_future"),
    ] {
        assert_eq!(world.code(&proof(&world, "/offered", nonce, iat)), code, "{nonce:?} {iat}");
        world.memory.replace(countersign::memory::Memory::new(7));
    }
    // The nonce does not shorten what `max_age` allows.
    let world = at(world, START + 1);
    let nonce = nonce_at(&world, START + 1);
    assert_eq!(world.code(&proof(&world, "/required", Some(&nonce), START - 59)), "ok");
}

#[test]
fn a_proof_is_taken_once_for_as_long_as_its_nonce_would_be() {
    for iat in [START, START + 30, START + 59] {
        let mut world = at(world(), START + 59);
        let draft = proof(&world, "/required", Some(&nonce_at(&world, START)), iat);
        assert_eq!(world.code(&draft), "ok");
        for (now, code) in [
            (START + 60, "dpop.proof_replayed"),
            (START + 119, "dpop.proof_replayed"),
            (START + 120, "dpop.nonce_invalid"),
        ] {
            world = at(world, now);
            assert_eq!(world.code(&draft), code, "{iat} {now}");
        }
    }
}

#[test]
fn a_nonce_that_grows_old_while_keys_are_fetched_is_refused() {
    let mut world = world();
    let draft = proof(&world, "/required", Some(&nonce_at(&world, START)), START + 100);
    for (fetched, code) in [(START + 119, "ok"), (START + 120, "dpop.nonce_invalid")] {
        world = at(world, START + 119);
        let later = UnixMillis(u64::try_from(fetched).unwrap() * 1000);
        let mut memory = countersign::memory::Memory::new(7);
        let mut session = Session::new(Arc::clone(&world.gate), draft.view(), world.now, [7; 10]);
        let Step::Keys(sources) = session.step(&mut memory, world.now, &Answer::Ready) else { panic!() };
        let response = countersign::keys::KeyResponse::new(200, Some(&world.documents[JWKS_URI]));
        memory.keys_read(&sources[0], sources[0].read(&response, later.seconds()), &[], later);
        let Step::Done(conclusion) = session.step(&mut memory, later, &Answer::Ready) else { panic!() };
        assert_eq!(conclusion.decision.code, code);
    }
}

#[test]
fn to_come_without_a_nonce_is_no_sign_of_bad_will() {
    let world = world();
    for _ in 0..20 {
        assert_eq!(world.decide(&proof(&world, "/required", None, NOW)).risk.score, 0);
        let old = nonce_at(&world, START - 61);
        assert_eq!(world.decide(&proof(&world, "/required", Some(&old), NOW)).risk.score, 0);
    }
}

#[test]
fn a_rotation_of_secrets_refuses_nobody() {
    let world = world();
    let draft = proof(&world, "/required", Some(&nonce_at(&world, NOW)), NOW);
    let with = |secrets: &str| {
        let gate = World::with(&config()).gate;
        World {
            gate: Arc::new(Gate::clone(&gate).with_nonce_secrets(secrets).unwrap()),
            ..World::with(&config())
        }
    };
    assert_eq!(with(&format!("[\"{OTHER_SECRET}\", \"{SECRET}\"]")).code(&draft), "ok");
    assert_eq!(with(OTHER_SECRET).code(&draft), "dpop.nonce_invalid");
}

#[test]
fn a_gate_without_secrets_says_so_and_takes_no_nonce() {
    let world = World::with(&config());
    assert!(world.gate.needs_nonce_secrets());
    assert!(!World::new().gate.needs_nonce_secrets());
    assert!(!Gate::clone(&world.gate).with_nonce_secrets(SECRET).unwrap().needs_nonce_secrets());
    assert!(Gate::clone(&World::new().gate).with_nonce_secrets(SECRET).is_ok());
    let nonce = nonce_at(&world, NOW);
    for (nonce, code) in [(None, "dpop.nonce_missing"), (Some(nonce.as_str()), "dpop.nonce_invalid")] {
        let refused = world.decide(&proof(&world, "/required", nonce, NOW));
        assert_eq!(refused.code, code);
        assert!(fields(&refused, "DPoP-Nonce").is_empty());
    }
}

#[test]
fn wrong_configurations_and_secrets_are_refused_by_name() {
    let paths = |config: &str| -> Vec<String> {
        let faults = Gate::new(&Config::from_toml(config).unwrap()).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.path).collect()
    };
    assert!(paths(&config()).is_empty());
    let without_dpop =
        config() + "[[routes]]\nmatch = \"GET /x\"\nrequire = [\"token\"]\ndpop_nonce = \"offered\"";
    assert!(paths(&without_dpop)[0].ends_with(".dpop_nonce"), "{:?}", paths(&without_dpop));
    for span in ["9s", "601s"] {
        assert_eq!(paths(&format!("{}\n[dpop]\nnonce_bucket = \"{span}\"", config())), ["dpop.nonce_bucket"]);
    }
    for span in ["10s", "10m"] {
        assert!(paths(&format!("{}\n[dpop]\nnonce_bucket = \"{span}\"", config())).is_empty());
    }
    let gate = World::with(&config()).gate;
    for secrets in ["", "too short", "[]", "[1]", "{}"] {
        let ConfigError { path, message } = Gate::clone(&gate).with_nonce_secrets(secrets).unwrap_err();
        assert_eq!(path, "nonce secrets");
        assert!(secrets.len() < 3 || !message.contains(secrets), "{message}");
    }
}

proptest! {
    #[test]
    fn no_nonce_is_good_for_anything_else(
        jkt in "[A-Za-z0-9_-]{43}",
        other_jkt in "[A-Za-z0-9_-]{43}",
        audience in "https://[a-z]{1,20}\\.example",
        other_audience in "https://[a-z]{1,20}\\.example",
        secret in "[ -~]{32,64}",
        other_secret in "[ -~]{32,64}",
        bucket in 10_u64..=600,
        now in 0_i64..4_000_000_000,
        later in 0_u64..100,
    ) {
        prop_assume!(!secret.trim().starts_with('[') && !other_secret.trim().starts_with('['));
        prop_assume!(secret.trim().len() >= 32 && other_secret.trim().len() >= 32);
        let length = Duration::from_secs(bucket);
        let nonces = Nonces::new(&secret, length).unwrap();
        let at = UnixSeconds(now);
        let nonce = nonces.make(&jkt, &audience, at);
        let after = |buckets: u64| at.plus(Duration::from_secs(bucket * buckets));
        for time in [at, after(1)] {
            let found = nonces.verify(&nonce, &jkt, &audience, time).unwrap();
            prop_assert!(found.start() <= at && time < found.refused_from());
        }
        prop_assert!(nonces.verify(&nonce, &jkt, &audience, after(2 + later)).is_none());
        prop_assert!(nonces.verify(&nonces.make(&jkt, &audience, after(1 + later)), &jkt, &audience, at).is_none());
        if jkt != other_jkt {
            prop_assert!(nonces.verify(&nonce, &other_jkt, &audience, at).is_none());
        }
        if audience != other_audience {
            prop_assert!(nonces.verify(&nonce, &jkt, &other_audience, at).is_none());
        }
        if secret.trim() != other_secret.trim() {
            let others = Nonces::new(&other_secret, length).unwrap();
            prop_assert!(others.verify(&nonce, &jkt, &audience, at).is_none());
        }
    }
}
