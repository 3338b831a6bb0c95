//! Client certificates (RFC 8705): tokens that are bound to one, and routes that demand one.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use countersign::client::{Client, ClientCertificate, MAX_CERTIFICATE_BYTES};
use countersign::decision::{Decision, Method, Outcome};
use countersign::event::{Event, Subject};
use countersign::mtls::x5t_s256;
use gate_support::{Draft, NOW, World, header};
use serde_json::{Value, json};

/// The certificate's bytes mean nothing here: their hash is all that counts.
const DER: &[u8] = b"a certificate";

const ROUTES: &str = r#"
[[routes]]
match = "GET /certified"
require = ["mtls"]
rate = [{ per = "agent", limit = 1, window = "1m" }]

[[routes]]
match = "GET /both"
require = ["token", "mtls"]

[[routes]]
match = "GET /all"
require = ["token", "dpop", "mtls"]

[[routes]]
match = "GET /signed-and-certified"
require = ["signature", "mtls"]

[[routes]]
match = "GET /watched-certificate"
require = ["mtls"]
shadow = true
"#;

fn world() -> World {
    World::with(&(gate_support::CONFIG.to_owned() + ROUTES))
}

fn world_with_bound() -> World {
    World::with(&(gate_support::CONFIG.to_owned() + ROUTES + "\n[mtls]\nverified = \"bound\"\n"))
}

fn certificate(change: impl FnOnce(&mut ClientCertificate)) -> Client {
    let mut certificate = ClientCertificate { der: DER.to_vec(), verified: true, revoked: false };
    change(&mut certificate);
    Client { certificate: Some(certificate), ..Client::default() }
}

fn good() -> Client {
    certificate(|_| {})
}

fn unverified() -> Client {
    certificate(|certificate| certificate.verified = false)
}

fn revoked() -> Client {
    certificate(|certificate| certificate.revoked = true)
}

fn another() -> Client {
    certificate(|certificate| certificate.der = b"another certificate".to_vec())
}

/// A token with this `cnf`.
fn token(world: &World, cnf: &Value) -> String {
    world.token(|claims| claims["cnf"] = cnf.clone())
}

fn certified(world: &World) -> String {
    token(world, &json!({ "x5t#S256": x5t_s256(DER) }))
}

fn evidence(decision: &Decision) -> Vec<(&str, &str, Option<&str>)> {
    decision.evidence.iter().map(|e| (e.check, e.code, e.detail.as_deref())).collect()
}

#[test]
fn a_bound_token_is_nothing_without_its_certificate() {
    let world = world();
    let token = certified(&world);
    for (client, code) in [
        (Client::default(), "mtls.missing"),
        (unverified(), "mtls.unverified"),
        (revoked(), "mtls.revoked"),
        (another(), "mtls.certificate_mismatch"),
        (certificate(|c| c.der = Vec::new()), "mtls.unverified"),
        (certificate(|c| c.der = vec![0; MAX_CERTIFICATE_BYTES + 1]), "mtls.unverified"),
    ] {
        for path in ["/orders", "/both"] {
            let refused = world.decide(&Draft::new("GET", path).bearer(&token).client(client.clone()));
            assert_eq!((refused.code, refused.status), (code, 401), "{path}");
            assert_eq!(refused.outcome, Outcome::Challenge);
            let challenge = header(&refused, "WWW-Authenticate").unwrap();
            assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
            assert!(refused.agent.is_none());
            assert!(evidence(&refused).contains(&("mtls", code, None)), "{:?}", refused.evidence);
        }
    }
}

#[test]
fn a_bound_token_with_its_certificate_says_who_the_agent_is() {
    let world = world();
    for path in ["/orders", "/both"] {
        let allowed = world.decide(&Draft::new("GET", path).bearer(&certified(&world)).client(good()));
        assert_eq!(allowed.code, "ok");
        let agent = allowed.agent.as_ref().unwrap();
        assert_eq!((agent.id.as_str(), agent.method), ("shopper", Method::Mtls));
        assert_eq!(agent.key, Some(x5t_s256(DER)));
        assert_eq!(evidence(&allowed)[..2], [("token", "ok", None), ("mtls", "ok", Some("verified"))]);
    }
}

#[test]
fn a_token_bound_to_key_and_certificate_needs_both() {
    let world = world();
    let jkt = world.holder.thumbprint();
    let token = token(&world, &json!({ "jkt": jkt, "x5t#S256": x5t_s256(DER) }));
    let proven = |client| Draft::new("GET", "/bound").dpop(&token, &world.holder).client(client);
    for (client, code) in [
        (Client::default(), "mtls.missing"),
        (another(), "mtls.certificate_mismatch"),
        (revoked(), "mtls.revoked"),
        (unverified(), "mtls.unverified"),
    ] {
        assert_eq!(world.code(&proven(client)), code);
    }
    assert_eq!(
        world.code(&Draft::new("GET", "/bound").dpop(&token, &world.agent).client(good())),
        "dpop.key_mismatch"
    );
    assert_eq!(
        world.code(&Draft::new("GET", "/orders").bearer(&token).client(good())),
        "token.bound_used_as_bearer"
    );
    let allowed = world.decide(&proven(good()));
    let agent = allowed.agent.as_ref().unwrap();
    assert_eq!((allowed.code, agent.method, agent.key.as_ref()), ("ok", Method::Dpop, Some(&jkt)));
    let checks: Vec<_> = evidence(&allowed).into_iter().map(|(check, ..)| check).collect();
    assert_eq!(checks, ["token", "dpop", "mtls", "replay"]);
}

#[test]
fn no_binding_is_taken_for_another() {
    let world = world();
    let bearer = |cnf: &Value| Draft::new("GET", "/orders").bearer(&token(&world, cnf)).client(good());
    let x5t = x5t_s256(DER);
    for (cnf, code) in [
        (json!({}), "token.binding_unsupported"),
        (json!({ "x5t": "AAAA" }), "token.binding_unsupported"),
        (json!({ "x5t#S256": x5t, "kid": "1" }), "token.binding_unsupported"),
        (json!({ "x5t#s256": x5t }), "token.binding_unsupported"),
        (json!({ "x5t#S256": [x5t] }), "token.claim_invalid"),
        (json!({ "x5t#S256": "" }), "mtls.certificate_mismatch"),
        (json!({ "x5t#S256": format!("{x5t}=") }), "mtls.certificate_mismatch"),
        (json!({ "jkt": world.holder.thumbprint() }), "token.bound_used_as_bearer"),
        // The thumbprint of a certificate is none of a key.
        (json!({ "jkt": x5t }), "token.bound_used_as_bearer"),
        (json!({ "x5t#S256": world.holder.thumbprint() }), "mtls.certificate_mismatch"),
        (json!({ "x5t#S256": x5t }), "ok"),
    ] {
        assert_eq!(world.code(&bearer(&cnf)), code, "{cnf}");
    }
    let under_dpop = Draft::new("GET", "/bound").dpop(&certified(&world), &world.holder).client(good());
    assert_eq!(world.code(&under_dpop), "token.not_bound");
    // A certificate is no proof of a key.
    let without_proof = Draft::new("GET", "/bound").bearer(&certified(&world)).client(good());
    assert_eq!(world.code(&without_proof), "dpop.missing");
}

#[test]
fn a_certificate_alone_is_enough_where_the_route_says_so() {
    let world = world();
    let allowed = world.decide(&Draft::new("GET", "/certified").client(good()));
    assert_eq!((allowed.code, evidence(&allowed)[0]), ("ok", ("mtls", "ok", Some("verified"))));
    let agent = allowed.agent.as_ref().unwrap();
    assert_eq!(agent.id, format!("certificate:{}", x5t_s256(DER)));
    assert_eq!((agent.method.as_str(), agent.key.as_ref()), ("mtls", Some(&x5t_s256(DER))));
    assert_eq!(allowed.origin_headers()[2], ("Countersign-Agent-Method", "mtls".into()));
    // Each certificate has limits of its own.
    assert_eq!(world.code(&Draft::new("GET", "/certified").client(good())), "rate.exceeded");
    assert_eq!(world.code(&Draft::new("GET", "/certified").client(another())), "ok");
}

#[test]
fn a_route_that_demands_a_certificate_is_closed_without_a_good_one() {
    for world in [world(), world_with_bound()] {
        for (client, code) in [
            (Client::default(), "mtls.missing"),
            (unverified(), "mtls.unverified"),
            (revoked(), "mtls.revoked"),
        ] {
            let refused = world.decide(&Draft::new("GET", "/certified").client(client.clone()));
            assert_eq!((refused.code, refused.status), (code, 401));
            assert_eq!(
                header(&refused, "WWW-Authenticate"),
                Some("ClientCertificate realm=\"https://api.example\"")
            );
            let watched = world.decide(&Draft::new("GET", "/watched-certificate").client(client));
            assert_eq!((watched.outcome, watched.code), (Outcome::Allow, code));
        }
    }
}

#[test]
fn a_token_beside_a_demanded_certificate_is_bound_to_it_or_to_a_key() {
    let world = world();
    for path in ["/both", "/certified"] {
        let unbound = Draft::new("GET", path).bearer(&world.token(|_| {})).client(good());
        assert_eq!(world.code(&unbound), "token.not_bound", "{path}");
    }
    assert_eq!(world.code(&Draft::new("GET", "/both").client(good())), "token.missing");
    let by_key = |client| Draft::new("GET", "/all").dpop(&world.bound(), &world.holder).client(client);
    for (client, code) in [
        (Client::default(), "mtls.missing"),
        (unverified(), "mtls.unverified"),
        (revoked(), "mtls.revoked"),
        (good(), "ok"),
    ] {
        assert_eq!(world.code(&by_key(client)), code);
    }
}

#[test]
fn a_certificate_beside_a_signature_does_not_say_who_the_agent_is() {
    let world = world();
    let draft = |client| Draft::new("GET", "/signed-and-certified").signed(&world.agent).client(client);
    assert_eq!(world.code(&draft(Client::default())), "mtls.missing");
    let allowed = world.decide(&draft(good()));
    assert_eq!(allowed.code, "ok");
    assert_eq!(allowed.agent.unwrap().id, gate_support::DIRECTORY);
    let unsigned = Draft::new("GET", "/signed-and-certified").client(good());
    assert_eq!(world.code(&unsigned), "signature.missing");
}

#[test]
fn where_bound_is_enough_the_issuer_answers_for_the_certificate() {
    let world = world_with_bound();
    let bearer = |path: &str, client| Draft::new("GET", path).bearer(&certified(&world)).client(client);
    for path in ["/orders", "/both"] {
        let allowed = world.decide(&bearer(path, unverified()));
        assert_eq!((allowed.code, evidence(&allowed)[1]), ("ok", ("mtls", "ok", Some("bound"))), "{path}");
        assert_eq!(world.code(&bearer(path, good())), "ok");
        let mut wrong = another();
        wrong.certificate.as_mut().unwrap().verified = false;
        assert_eq!(world.code(&bearer(path, wrong)), "mtls.certificate_mismatch");
        // What is revoked is not taken because somebody else vouches for it.
        let mut bad = revoked();
        bad.certificate.as_mut().unwrap().verified = false;
        for bad in [bad, revoked()] {
            assert_eq!(world.code(&bearer(path, bad)), "mtls.revoked");
        }
    }
    // A token that is bound to something else vouches for no certificate.
    let by_key = Draft::new("GET", "/all").dpop(&world.bound(), &world.holder).client(unverified());
    assert_eq!(world.code(&by_key), "mtls.unverified");
    let unbound = Draft::new("GET", "/both").bearer(&world.token(|_| {})).client(unverified());
    assert_eq!(world.code(&unbound), "mtls.unverified");
}

#[test]
fn a_token_that_does_not_verify_binds_nothing() {
    let world = world_with_bound();
    let cnf = json!({ "x5t#S256": x5t_s256(DER) });
    let forged = world.agent.jws(
        &json!({ "typ": "at+jwt", "alg": "EdDSA" }),
        &json!({
            "iss": gate_support::ISSUER, "aud": gate_support::API, "sub": "person-1", "client_id": "shopper",
            "jti": "token-1", "iat": NOW - 10, "exp": NOW + 600, "cnf": cnf,
        }),
    );
    let draft = Draft::new("GET", "/both").bearer(&forged).client(unverified());
    assert_eq!(world.code(&draft), "token.signature_invalid");
}

#[test]
fn whoever_repeats_a_request_on_another_connection_harms_nobody() {
    let world = world();
    for _ in 0..12 {
        for draft in [
            Draft::new("GET", "/orders").bearer(&certified(&world)),
            Draft::new("GET", "/orders").bearer(&certified(&world)).client(another()),
            Draft::new("GET", "/orders")
                .bearer(&certified(&world))
                .signed_with(
                    &world.agent,
                    &["\"@authority\"", "\"authorization\"", "\"signature-agent\";key=\"sig1\""],
                    |_| {},
                )
                .client(another()),
        ] {
            let conclusion = world.conclude(&draft);
            assert!(conclusion.events.iter().all(|event| event.subject() == Subject::Unidentified));
        }
    }
    let honest = world.decide(&Draft::new("GET", "/orders").bearer(&certified(&world)).client(good()));
    assert_eq!((honest.code, honest.risk.score), ("ok", 0));
}

#[test]
fn what_a_certificate_alone_does_is_reported_under_its_name() {
    // What is over a limit is worth 30 points at most.
    let world = World::with(&(gate_support::CONFIG.to_owned() + ROUTES + "\n[risk]\nmedium = 20\n"));
    let mut subjects = Vec::new();
    for _ in 0..40 {
        let conclusion = world.conclude(&Draft::new("GET", "/certified").client(good()));
        subjects.extend(conclusion.events.iter().map(Event::subject));
    }
    assert_eq!(subjects[0], Subject::Certificate(format!("certificate:{}", x5t_s256(DER))));
}

#[test]
fn hosts_are_asked_for_the_connection_only_where_it_counts() {
    let open = World::with(
        "origin = \"http://127.0.0.1:9000\"\npublic_origins = [\"https://api.example\"]\n[[routes]]\nmatch = \"GET /**\"\nrequire = []",
    );
    let with_token = Draft::new("GET", "/orders").bearer("x");
    assert!(!open.gate.needs_client(&with_token.view()), "there is nobody whose token it could be");
    let tokens = World::new();
    assert!(tokens.gate.needs_client(&with_token.view()));
    assert!(!tokens.gate.needs_client(&Draft::new("GET", "/orders").view()));
    assert!(world().gate.needs_client(&Draft::new("GET", "/certified").view()));
}
