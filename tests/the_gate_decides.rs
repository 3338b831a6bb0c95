//! Whole decisions: what goes through, and each refusal of its own.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use std::sync::Arc;

use countersign::decision::{Outcome, RateGuarantee, ReplayGuarantee};
use countersign::engine::{Answer, Session, Step};
use countersign::event::Subject;
use countersign::keys::KeySource;
use countersign::reason::Reason;
use countersign::signature::SignatureParams;
use countersign::time::{UnixMillis, UnixSeconds};
use gate_support::{API, DIRECTORY, Draft, JWKS_URI, Key, NOW, World, header};
use serde_json::{Value, json};

#[test]
fn a_fully_proven_request_goes_through_and_says_who_it_was() {
    let world = World::new();
    let decision = world.decide(&world.proven());
    assert_eq!((decision.outcome, decision.status, decision.code), (Outcome::Allow, 200, "ok"));
    let agent = decision.agent.as_ref().unwrap();
    assert_eq!(
        (agent.id.as_str(), agent.key.as_deref()),
        (DIRECTORY, Some(world.agent.thumbprint().as_str()))
    );
    let principal = decision.principal.as_ref().unwrap();
    assert_eq!(
        (principal.sub.as_deref(), principal.client_id.as_deref()),
        (Some("person-1"), Some("shopper"))
    );
    assert_eq!(decision.scope, ["order:read", "order:write"]);
    assert_eq!(decision.guarantees.replay, ReplayGuarantee::Isolate);
    assert_eq!(decision.guarantees.rate, RateGuarantee::Approximate);
    let checks: Vec<_> = decision.evidence.iter().map(|e| (e.check, e.code)).collect();
    let expected =
        ["signature", "token", "dpop", "content-digest", "scope", "replay", "rate"].map(|c| (c, "ok"));
    assert_eq!(checks, expected);
    assert_eq!(header(&decision, "RateLimit-Policy"), Some("\"agent-60s\";q=3;w=60"));
    assert_eq!(header(&decision, "RateLimit"), Some("\"agent-60s\";r=2;t=20"));

    let claims = decision.assertion(API, "http://127.0.0.1:9000", UnixSeconds(NOW));
    assert_eq!(claims["sub"], "person-1");
    assert_eq!(claims["agent"]["id"], DIRECTORY);
    assert_eq!(claims["scope"], "order:read order:write");
    assert_eq!(claims["exp"], NOW + 60);
}

#[test]
fn each_proof_alone_goes_through_where_it_is_enough() {
    let world = World::new();
    assert_eq!(world.code(&Draft::new("GET", "/signed").signed(&world.agent)), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer(&world.token(|_| {}))), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/bound").dpop(&world.bound(), &world.holder)), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/open/a/b")), "ok");
}

#[test]
fn nothing_goes_through_without_what_the_route_requires() {
    let world = World::new();
    for (path, code) in
        [("/signed", "signature.missing"), ("/orders", "token.missing"), ("/bound", "token.missing")]
    {
        let decision = world.decide(&Draft::new("GET", path));
        assert_eq!((decision.code, decision.status, decision.outcome), (code, 401, Outcome::Challenge));
        assert!(header(&decision, "WWW-Authenticate").is_some(), "{path}");
    }
    assert_eq!(world.code(&Draft::new("GET", "/bound").bearer(&world.token(|_| {}))), "dpop.missing");
    assert_eq!(world.code(&Draft::new("GET", "/elsewhere")), "policy.no_route");
    assert_eq!(world.code(&Draft::new("DELETE", "/signed")), "policy.no_route");
    let misdirected = Draft { url: "https://other.example/signed".into(), ..Draft::new("GET", "/signed") };
    assert_eq!(world.code(&misdirected), "request.authority_unknown");
    assert_eq!(world.code(&Draft::new("GET", "/open/../signed")), "request.path_ambiguous");
    assert_eq!(world.code(&Draft::new("GET", "/open/%2e%2e/signed")), "request.path_ambiguous");
}

fn signed(world: &World, change: impl FnOnce(&mut SignatureParams)) -> Draft {
    let components = ["\"@authority\"", "\"signature-agent\";key=\"sig1\""];
    Draft::new("GET", "/signed").signed_with(&world.agent, &components, change)
}

fn replaced(mut draft: Draft, name: &str, change: impl Fn(&str) -> String) -> Draft {
    for (_, value) in draft.fields.iter_mut().filter(|(n, _)| n == name) {
        *value = change(value);
    }
    draft
}

#[test]
fn signatures_are_refused_each_for_its_own_reason() {
    let world = World::new();
    let ok = signed(&world, |_| {});
    assert_eq!(world.code(&ok), "ok");
    let at = |seconds: i64| Some(UnixSeconds(NOW + seconds));
    let cases: Vec<(Draft, &str)> = vec![
        (signed(&world, |p| (p.created, p.expires) = (at(-120), at(-60))), "signature.expired"),
        (signed(&world, |p| (p.created, p.expires) = (at(31), at(60))), "signature.created_in_future"),
        (signed(&world, |p| p.expires = at(86_401)), "signature.window_invalid"),
        (signed(&world, |p| p.expires = at(0)), "signature.window_invalid"),
        (signed(&world, |p| p.expires = None), "signature.parameter_missing"),
        (signed(&world, |p| p.keyid = Some("key-1".into())), "signature.parameter_invalid"),
        (signed(&world, |p| p.alg = Some("hmac-sha256".into())), "signature.algorithm_not_allowed"),
        (signed(&world, |p| p.alg = Some("ecdsa-p256-sha256".into())), "signature.algorithm_mismatch"),
        (signed(&world, |p| p.tag = Some("other".into())), "signature.tag_unknown"),
        (signed(&world, |p| p.keyid = Some(Key::of(9).thumbprint())), "signature.key_unknown"),
        (
            Draft::new("GET", "/signed").signed_with(&world.agent, &["\"@authority\""], |_| {}),
            "signature.agent_not_covered",
        ),
        (
            Draft::new("GET", "/signed").signed_with(
                &world.agent,
                &["\"signature-agent\";key=\"sig1\""],
                |_| {},
            ),
            "signature.component_not_covered",
        ),
        (
            replaced(ok.clone(), "signature-agent", |_| "sig1=\"https://evil.example\"".into()),
            "signature.agent_untrusted",
        ),
        (
            replaced(ok.clone(), "signature-agent", |_| "sig1=\"http://agents.example\"".into()),
            "signature.agent_untrusted",
        ),
        (replaced(ok.clone(), "signature-agent", |_| "sig1=1".into()), "signature.agent_malformed"),
        (replaced(ok.clone(), "signature", |v| v.replace("sig1=:", "sig1=:AAAA")), "signature.invalid"),
        (replaced(ok.clone(), "signature", |v| v.replace("sig1=", "sig2=")), "signature.unpaired_label"),
        (replaced(ok.clone(), "signature", |v| format!("{v}, {v}")), "signature.duplicate_label"),
        (
            replaced(ok.clone(), "signature-input", |v| v.replace("(\"@", "(\"@x")),
            "signature.component_unsupported",
        ),
        (replaced(ok.clone(), "signature-input", |_| "sig1=(".into()), "signature.malformed"),
        (Draft { method: "GET".into(), url: format!("{API}/signed?x=1"), ..ok.clone() }, "ok"),
    ];
    for (draft, code) in cases {
        assert_eq!(world.code(&draft), code, "{:?}", draft.fields);
    }
    let elsewhere = Draft { url: format!("{API}:8443/signed"), ..ok };
    let two = World::with(&gate_support::CONFIG.replace(
        "public_origins = [\"https://api.example\"]",
        "public_origins = [\"https://api.example\", \"https://api.example:8443\"]",
    ));
    let decision = two.decide(&elsewhere);
    assert_eq!((decision.code, decision.status), ("signature.invalid", 403));
    assert!(decision.agent.is_none(), "nobody is named by a signature that does not hold");
}

#[test]
fn a_published_test_key_proves_nothing() {
    let mut world = World::new();
    world.documents.insert(
        DIRECTORY.into(),
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}]}"#
            .to_vec(),
    );
    let draft = signed(&world, |p| p.keyid = Some("poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U".into()));
    assert_eq!(world.code(&draft), "signature.key_forbidden");
}

#[test]
fn a_key_of_one_directory_is_unknown_in_another() {
    let mut world = World::with(&gate_support::CONFIG.replace(
        "trust = [\"https://agents.example\"]",
        "trust = [\"https://agents.example\", \"https://victim.example\"]",
    ));
    assert_eq!(world.code(&signed(&world, |_| {})), "ok");
    let victims = "https://victim.example/.well-known/http-message-signatures-directory";
    world.documents.insert(victims.into(), json!({ "keys": [Key::of(5).jwk()] }).to_string().into_bytes());
    let misattributed =
        replaced(signed(&world, |_| {}), "signature-agent", |_| "sig1=\"https://victim.example\"".into());
    assert_eq!(world.code(&misattributed), "signature.key_unknown");
}

#[test]
fn a_body_must_have_the_digest_that_is_covered() {
    let world = World::new();
    let tampered = Draft { body: Some(b"{\"total\":2}".to_vec()), ..world.proven() };
    let decision = world.decide(&tampered);
    assert_eq!((decision.code, decision.status), ("signature.digest_mismatch", 403));
    let uncovered =
        Draft::new("POST", "/checkout").body("{}").dpop(&world.bound(), &world.holder).signed_with(
            &world.agent,
            &["\"@authority\"", "\"@method\"", "\"@path\"", "\"signature-agent\";key=\"sig1\""],
            |_| {},
        );
    assert_eq!(world.code(&uncovered), "signature.component_not_covered");
    let without_digest = replaced(world.proven(), "content-digest", |_| "md5=:AAAA:".into());
    assert_eq!(world.code(&without_digest), "signature.invalid");
}

#[test]
fn tokens_are_refused_each_for_its_own_reason() {
    let world = World::new();
    let orders = |token: &str| Draft::new("GET", "/orders").bearer(token);
    let cases: Vec<(Draft, &str)> = vec![
        (orders(&world.token(|c| c["aud"] = json!("https://other.example"))), "token.audience_mismatch"),
        (orders(&world.token(|c| c["exp"] = json!(NOW - 30))), "token.expired"),
        (orders(&world.token(|c| c["exp"] = json!(NOW + 86_400))), "token.lifetime_too_long"),
        (orders(&world.token(|c| c["nbf"] = json!(NOW + 31))), "token.not_yet_valid"),
        (orders(&world.token(|c| c["iat"] = json!(NOW + 31))), "token.issued_in_future"),
        (orders(&world.token(|c| c["iss"] = json!("https://evil.example"))), "token.issuer_unknown"),
        (orders(&world.token(|c| c["exp"] = json!("soon"))), "token.claim_invalid"),
        (
            orders(&world.token(|c| drop(c.as_object_mut().unwrap().remove("client_id")))),
            "token.claim_missing",
        ),
        (orders(&world.token(|c| c["scope"] = json!("other"))), "policy.scope_missing"),
        (orders(&world.token(|c| c["cnf"] = json!({ "jkt": "x" }))), "token.bound_used_as_bearer"),
        (orders(&world.token(|c| c["cnf"] = json!({ "x5t#S256": "x" }))), "mtls.missing"),
        (orders(&world.token(|c| c["cnf"] = json!({}))), "token.binding_unsupported"),
        (orders("a.b.c"), "token.malformed"),
        (orders("opaque"), "token.malformed"),
        (orders(&"a".repeat(8193)), "token.too_large"),
        (orders("a b"), "token.syntax"),
        (orders(""), "token.syntax"),
        (Draft::new("GET", "/orders").field("authorization", "Basic YTpi"), "token.missing"),
        (orders(&world.token(|_| {})).bearer("x"), "token.repeated"),
        (orders("x, Bearer y"), "token.repeated"),
    ];
    for (draft, code) in cases {
        assert_eq!(world.code(&draft), code);
    }
    let claims = json!({ "iss": gate_support::ISSUER, "aud": API, "exp": NOW + 60 });
    let with = |header: Value| world.code(&orders(&world.issuer.jws(&header, &claims)));
    assert_eq!(with(json!({ "typ": "JWT", "alg": "EdDSA" })), "token.type_mismatch");
    assert_eq!(with(json!({ "typ": "dpop+jwt", "alg": "EdDSA" })), "token.type_mismatch");
    assert_eq!(with(json!({ "typ": "at+jwt", "alg": "none" })), "token.algorithm_not_allowed");
    assert_eq!(with(json!({ "typ": "at+jwt", "alg": "RS256" })), "token.algorithm_not_allowed");
    assert_eq!(with(json!({ "typ": "at+jwt", "alg": "EdDSA", "crit": [] })), "token.critical_header");

    let forged = Key::of(9).jws(&json!({ "typ": "at+jwt", "alg": "EdDSA" }), &full_claims());
    assert_eq!(world.code(&orders(&forged)), "token.signature_invalid");
    let unknown = Key::of(9).jws(&json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "other" }), &full_claims());
    assert_eq!(world.code(&orders(&unknown)), "token.key_unknown");
    let embedded =
        json!({ "typ": "at+jwt", "alg": "EdDSA", "jwk": Key::of(9).jwk(), "jku": "https://evil.example" });
    assert_eq!(world.code(&orders(&Key::of(9).jws(&embedded, &full_claims()))), "token.signature_invalid");
}

fn full_claims() -> Value {
    json!({
        "iss": gate_support::ISSUER, "aud": API, "sub": "p", "client_id": "c", "jti": "t", "iat": NOW, "exp": NOW + 60,
    })
}

#[test]
fn proofs_are_refused_each_for_its_own_reason() {
    let world = World::new();
    let token = world.bound();
    let bound = |change: fn(&mut Value, &mut Value)| {
        Draft::new("GET", "/bound").dpop_with(&token, &world.holder, change)
    };
    let cases: Vec<(Draft, &str)> = vec![
        (bound(|h, _| h["typ"] = json!("jwt")), "dpop.type_mismatch"),
        (bound(|h, _| h["alg"] = json!("none")), "dpop.algorithm_not_allowed"),
        (bound(|h, _| h["alg"] = json!("ES256")), "dpop.algorithm_not_allowed"),
        (bound(|h, _| h["crit"] = json!(["x"])), "dpop.critical_header"),
        (bound(|h, _| h["jwk"]["d"] = json!("AAAA")), "dpop.key_private"),
        (bound(|h, _| h["jwk"] = json!({ "kty": "oct", "k": "AAAA" })), "dpop.key_private"),
        (bound(|h, _| h["jwk"] = json!({ "kty": "OKP" })), "dpop.key_invalid"),
        (bound(|h, _| drop(h.as_object_mut().unwrap().remove("jwk"))), "dpop.key_invalid"),
        (bound(|_, c| c["htm"] = json!("get")), "dpop.method_mismatch"),
        (bound(|_, c| c["htu"] = json!("https://api.example/orders")), "dpop.url_mismatch"),
        (bound(|_, c| c["htu"] = json!("http://api.example/bound")), "dpop.url_mismatch"),
        (bound(|_, c| c["iat"] = json!(NOW - 61)), "dpop.expired"),
        (bound(|_, c| c["iat"] = json!(NOW + 31)), "dpop.issued_in_future"),
        (bound(|_, c| c["iat"] = json!(1.5)), "dpop.claim_invalid"),
        (bound(|_, c| c["jti"] = json!("")), "dpop.claim_invalid"),
        (bound(|_, c| drop(c.as_object_mut().unwrap().remove("jti"))), "dpop.claim_missing"),
        (bound(|_, c| drop(c.as_object_mut().unwrap().remove("ath"))), "dpop.token_hash_missing"),
        (bound(|_, c| c["ath"] = json!("AAAA")), "dpop.token_hash_mismatch"),
        (Draft::new("GET", "/bound").dpop(&token, &Key::of(9)), "dpop.key_mismatch"),
        (Draft::new("GET", "/bound").dpop(&world.token(|_| {}), &world.holder), "token.not_bound"),
        (Draft::new("GET", "/bound").field("authorization", &format!("DPoP {token}")), "dpop.missing"),
        (bound(|_, _| {}).field("dpop", "x"), "dpop.repeated"),
        (
            Draft::new("GET", "/bound")
                .field("authorization", &format!("DPoP {token}"))
                .field("dpop", "a, b"),
            "dpop.repeated",
        ),
        (
            Draft::new("GET", "/bound").field("authorization", &format!("DPoP {token}")).field("dpop", "a"),
            "dpop.malformed",
        ),
        (
            replaced(bound(|_, _| {}), "dpop", |v| format!("{}AAAA", &v[..v.len() - 4])),
            "dpop.signature_invalid",
        ),
    ];
    for (draft, code) in cases {
        assert_eq!(world.code(&draft), code);
    }
    assert_eq!(world.code(&bound(|_, c| c["htu"] = json!("https://API.example:443/bound?q#f"))), "ok");
}

#[test]
fn a_proof_passes_once_and_only_where_nothing_else_refused_it() {
    let world = World::new();
    let draft = Draft::new("GET", "/bound").dpop(&world.bound(), &world.holder);
    let forged = replaced(draft.clone(), "dpop", |v| format!("{}AAAA", &v[..v.len() - 4]));
    assert_eq!(world.code(&forged), "dpop.signature_invalid");
    assert_eq!(world.code(&draft), "ok", "a forger does not burn another's proof");
    assert_eq!(world.code(&draft), "dpop.proof_replayed");
    let repeatable = Draft::new("GET", "/repeatable").dpop(&world.bound(), &world.holder);
    let decision = (world.code(&repeatable), world.decide(&repeatable));
    assert_eq!((decision.0, decision.1.code), ("ok", "ok"));
    assert_eq!(decision.1.guarantees.replay, ReplayGuarantee::None);

    let nonced = signed(&world, |p| p.nonce = Some("n-1".into()));
    assert_eq!(world.code(&nonced), "ok");
    assert_eq!(world.code(&nonced), "signature.replayed");
}

#[test]
fn a_signature_that_is_not_required_is_passed_over_if_unverifiable_and_refused_if_wrong() {
    let world = World::new();
    let orders = || Draft::new("GET", "/orders").bearer(&world.token(|_| {}));
    let untrusted = replaced(orders().signed(&world.agent), "signature-agent", |_| {
        "sig1=\"https://evil.example\"".into()
    });
    let decision = world.decide(&untrusted);
    assert_eq!((decision.code, decision.agent.as_ref().unwrap().id.as_str()), ("ok", "shopper"));
    let wrong = replaced(orders().signed(&world.agent), "signature", |v| v.replace("sig1=:", "sig1=:AAAA"));
    assert_eq!(world.code(&wrong), "signature.invalid");
}

#[test]
fn limits_refuse_with_when_to_come_back() {
    let world = World::new();
    let limited = Draft::new("GET", "/limited");
    assert_eq!((world.code(&limited), world.code(&limited)), ("ok", "ok"));
    let decision = world.decide(&limited);
    assert_eq!((decision.code, decision.outcome, decision.status), ("rate.exceeded", Outcome::Throttle, 429));
    let wait: u64 = header(&decision, "Retry-After").unwrap().parse().unwrap();
    assert_eq!(header(&decision, "RateLimit"), Some(format!("\"route-60s\";r=0;t={wait}").as_str()));
    assert_eq!(
        decision.problem(world.gate.disclosure())["type"],
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
    );
}

#[test]
fn a_watching_route_lets_through_and_reports() {
    let world = World::new();
    let decision = world.decide(&Draft::new("GET", "/watched"));
    assert_eq!((decision.outcome, decision.status, decision.code), (Outcome::Allow, 200, "token.missing"));
    assert!(decision.shadow && decision.problem(world.gate.disclosure()).is_object());
    assert!(decision.origin_headers().contains(&("Countersign-Shadow", "token.missing".into())));
}

#[test]
fn challenges_name_what_is_missing() {
    let world = World::new();
    let all = |draft: &Draft| {
        let decision = world.decide(draft);
        let of = |name: &str| {
            decision.headers.iter().filter(|(n, _)| *n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>()
        };
        (of("WWW-Authenticate"), of("Accept-Signature"))
    };
    let metadata = "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\"";
    let (challenges, _) = all(&Draft::new("GET", "/orders"));
    assert_eq!(
        challenges,
        [
            format!("Bearer scope=\"order:read\", {metadata}"),
            format!("DPoP scope=\"order:read\", algs=\"EdDSA ES256 RS256\", {metadata}"),
        ]
    );
    let (challenges, _) = all(&Draft::new("GET", "/orders").bearer(&world.token(|c| c["scope"] = json!(""))));
    assert_eq!(
        challenges[0],
        format!(
            "Bearer error=\"insufficient_scope\", error_description=\"{}\", scope=\"order:read\", {metadata}",
            Reason::PolicyScopeMissing.title()
        )
    );
    let (challenges, _) = all(&Draft::new("GET", "/bound").dpop(&world.bound(), &Key::of(9)));
    assert_eq!(
        challenges,
        [format!(
            "DPoP error=\"invalid_dpop_proof\", error_description=\"{}\", algs=\"EdDSA ES256 RS256\", {metadata}",
            Reason::DpopKeyMismatch.title()
        )]
    );
    let (challenges, accept) = all(&Draft::new("GET", "/signed"));
    assert_eq!(challenges, ["Signature realm=\"https://api.example\", tag=\"web-bot-auth\""]);
    assert_eq!(
        accept,
        ["sig1=(\"@authority\" \"signature-agent\";key=\"sig1\");created;expires;keyid;tag=\"web-bot-auth\""]
    );
}

#[test]
fn a_dead_issuer_is_not_the_clients_fault() {
    let mut world = World::new();
    world.documents.remove(JWKS_URI);
    let decision = world.decide(&Draft::new("GET", "/orders").bearer(&world.token(|_| {})));
    assert_eq!((decision.code, decision.status, decision.outcome), ("keys.unavailable", 503, Outcome::Deny));
    assert_eq!(decision.risk.score, 0);
}

#[test]
fn keys_are_fetched_once_and_a_known_token_costs_no_check() {
    let world = World::new();
    for i in 0..5 {
        let draft = Draft::new("GET", "/bound")
            .dpop_with(&world.bound(), &world.holder, |_, c| c["jti"] = json!(format!("proof-{i}")));
        assert_eq!(world.code(&draft), "ok");
    }
    assert_eq!(*world.fetches.borrow(), [JWKS_URI]);
}

#[test]
fn a_known_token_stops_being_good_with_its_key_its_time_and_its_binding() {
    let mut world = World::new();
    let token = world.token(|_| {});
    let orders = Draft::new("GET", "/orders").bearer(&token);
    assert_eq!(world.code(&orders), "ok");
    let start = world.now;
    world.now = UnixMillis(start.0 + 631_000);
    assert_eq!(world.code(&orders), "token.expired");

    let world = World::new();
    let bound = world.bound();
    assert_eq!(world.code(&Draft::new("GET", "/bound").dpop(&bound, &world.holder)), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/bound").bearer(&bound)), "token.bound_used_as_bearer");
    assert_eq!(world.code(&Draft::new("GET", "/bound").dpop(&bound, &Key::of(9))), "dpop.key_mismatch");

    let mut world = World::new();
    let token = world.token(|c| c["exp"] = json!(NOW + 7_200));
    let orders = Draft::new("GET", "/orders").bearer(&token);
    assert_eq!(world.code(&orders), "ok");
    world.documents.insert(JWKS_URI.into(), json!({ "keys": [Key::of(8).jwk()] }).to_string().into_bytes());
    world.now = UnixMillis(world.now.0 + 3_700_000);
    assert_eq!(world.code(&orders), "token.signature_invalid", "the key that signed it has left the set");
}

#[test]
fn nobody_makes_the_gate_fetch_without_end() {
    let world = World::new();
    for i in 0..100 {
        let url = format!("sig1=\"https://agents.example/keys-{i}.json\"");
        let draft = replaced(signed(&world, |_| {}), "signature-agent", |_| url.clone());
        assert_eq!(world.code(&draft), "keys.unavailable");
    }
    assert_eq!(world.fetches.borrow().len(), 10);
}

/// What makes a refused scope certainly the agent's own: where it asked, and with which token.
const PROBED: [&str; 5] =
    ["\"@authority\"", "\"@method\"", "\"@path\"", "\"authorization\"", "\"signature-agent\";key=\"sig1\""];

#[test]
fn refusals_raise_the_risk_of_the_proven_agent_and_of_nobody_else() {
    let world = World::new();
    let probing = |nonce: usize| {
        Draft::new("POST", "/checkout")
            .dpop_with(
                &world.token(|c| {
                    c["scope"] = json!("other");
                    c["cnf"] = json!({ "jkt": world.holder.thumbprint() });
                }),
                &world.holder,
                |_, _| {},
            )
            .signed_with(&world.agent, &PROBED, |params| params.nonce = Some(nonce.to_string()))
    };
    let mut events = Vec::new();
    for nonce in 0..8 {
        let conclusion = world.conclude(&probing(nonce));
        assert_eq!(conclusion.decision.code, "policy.scope_missing");
        events.extend(conclusion.events);
    }
    assert_eq!(events.len(), 2, "medium, then high");
    assert_eq!(events[0].subject(), Subject::Agent(DIRECTORY.into()));
    assert_ne!(events[0].id(), events[1].id());

    let forged = replaced(signed(&world, |_| {}), "signature", |v| v.replace("sig1=:", "sig1=:AAAA"));
    let fresh = World::new();
    for _ in 0..20 {
        let conclusion = fresh.conclude(&forged);
        assert!(conclusion.events.iter().all(|event| event.subject() == Subject::Unidentified));
    }
    assert_eq!(fresh.decide(&signed(&fresh, |_| {})).risk.score, 0, "a forger does not harm the agent");
}

#[test]
fn clients_see_as_much_as_is_disclosed() {
    for (disclosure, sees_code, sees_evidence) in
        [("full", true, true), ("code", true, false), ("none", false, false)]
    {
        let world = World::with(&gate_support::CONFIG.replace("\"full\"", &format!("\"{disclosure}\"")));
        let problem = world.decide(&Draft::new("GET", "/orders")).problem(world.gate.disclosure());
        assert_eq!(problem.get("code").is_some(), sees_code);
        assert_eq!(problem.get("evidence").is_some(), sees_evidence);
        assert_eq!(problem["status"], 401);
    }
}

/// Takes a request as far as its body, so that time can pass before the body is there.
fn until_the_body(world: &World, draft: &Draft) -> Session {
    let mut session = Session::new(Arc::clone(&world.gate), draft.view(), world.now, [7; 10]);
    let mut memory = world.memory.borrow_mut();
    let step = session.step(&mut memory, world.now, &Answer::Ready);
    assert!(matches!(step, Step::Body), "{step:?}");
    session
}

#[test]
fn what_expires_while_a_body_is_read_is_refused() {
    let world = World::new();
    assert_eq!(world.code(&world.proven()), "ok");
    let draft = world.proven();
    let mut session = until_the_body(&world, &draft);
    let later = UnixMillis(world.now.0 + 62_000);
    let answer = Answer::Body(draft.body.as_deref().unwrap());
    let Step::Done(conclusion) = session.step(&mut world.memory.borrow_mut(), later, &answer) else {
        panic!()
    };
    assert_eq!(
        conclusion.decision.code, "signature.expired",
        "else a proof could be repeated once it is forgotten"
    );
}

#[test]
fn nothing_passes_after_the_end() {
    let world = World::new();
    let view = Draft::new("GET", "/orders").view();
    let mut session = Session::new(Arc::clone(&world.gate), view, world.now, [7; 10]);
    let mut memory = world.memory.borrow_mut();
    for code in ["token.missing", "gate.misused"] {
        let Step::Done(conclusion) = session.step(&mut memory, world.now, &Answer::Ready) else { panic!() };
        assert_eq!((conclusion.decision.code, conclusion.decision.is_allowed()), (code, false));
    }
}

#[test]
fn a_refused_request_still_brings_the_keys_that_it_took_the_lease_for() {
    let world = World::new();
    assert_eq!(world.code(&Draft::new("GET", "/orders").bearer(&world.token(|_| {}))), "ok");
    let unknown = || {
        let header = json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "other" });
        Draft::new("GET", "/orders").bearer(&Key::of(9).jws(&header, &full_claims()))
    };
    assert_eq!(world.code(&unknown()), "token.key_unknown");
    // The directory is not known yet, and the token is refused before it would be fetched.
    let conclusion = world.conclude(&unknown().signed(&world.agent));
    assert_eq!(conclusion.decision.code, "token.key_unknown");
    assert_eq!(conclusion.refresh.iter().map(KeySource::url).collect::<Vec<_>>(), [DIRECTORY]);
}

#[test]
fn strangers_do_not_shut_an_agent_out() {
    let world = World::new();
    for i in 0..50 {
        let url = format!("sig1=\"https://agents.example/keys?{i}\"");
        world.code(&replaced(signed(&world, |_| {}), "signature-agent", |_| url.clone()));
    }
    assert_eq!(world.code(&signed(&world, |_| {})), "ok");
}

#[test]
fn only_a_directory_that_proved_its_worth_is_stored() {
    let mut world = World::new();
    let url = "https://agents.example/jwks.json";
    world.documents.insert(url.into(), json!({ "keys": [world.agent.jwk()] }).to_string().into_bytes());
    let named = |key: &Key| {
        let draft = Draft::new("GET", "/signed").field("signature-agent", &format!("sig1=\"{url}\""));
        draft.resigned(key, &["\"@authority\"", "\"signature-agent\";key=\"sig1\""])
    };
    assert_eq!(world.conclude(&named(&Key::of(9))).store, None);
    let conclusion = world.conclude(&named(&world.agent));
    assert_eq!((conclusion.decision.code, conclusion.store.is_some()), ("ok", true));
    let source = conclusion.store.unwrap();
    assert!(world.memory.borrow_mut().keys_to_store(&source, world.now).is_some());
    assert_eq!(world.conclude(&named(&world.agent)).store, None, "the store has it");
}

#[test]
fn a_limit_does_not_burn_the_proof() {
    let world = World::with(&gate_support::CONFIG.replace(
        "match = \"GET /bound\"\nrequire = [\"token\", \"dpop\"]",
        "match = \"GET /bound\"\nrequire = [\"token\", \"dpop\"]\nrate = [{ per = \"route\", limit = 1, window = \"30s\" }]",
    ));
    let with = |jti: &str| {
        let jti = json!(jti);
        Draft::new("GET", "/bound").dpop_with(&world.bound(), &world.holder, |_, c| c["jti"] = jti)
    };
    assert_eq!(world.code(&with("a")), "ok");
    assert_eq!(world.code(&with("b")), "rate.exceeded");
    assert_eq!(world.code(&with("b")), "rate.exceeded", "and not a replay");
}

#[test]
fn what_another_put_beside_a_signature_is_not_held_against_who_signed() {
    let world = World::new();
    let beside = || Draft::new("GET", "/signed").signed(&world.agent).bearer("a.b.c");
    for _ in 0..20 {
        let conclusion = world.conclude(&beside());
        assert_eq!(conclusion.decision.code, "token.malformed");
        assert!(conclusion.events.iter().all(|event| event.subject() == Subject::Unidentified));
    }
    assert_eq!(world.decide(&Draft::new("GET", "/signed").signed(&world.agent)).risk.score, 0);
}

#[test]
fn what_an_observer_can_repeat_is_not_held_against_the_agent() {
    let world = World::new();
    let nonced = signed(&world, |p| p.nonce = Some("n".into()));
    let tampered = Draft { body: Some(b"{\"total\":2}".to_vec()), ..world.proven() };
    for _ in 0..10 {
        for draft in [&nonced, &tampered] {
            let conclusion = world.conclude(draft);
            assert!(conclusion.events.iter().all(|event| event.subject() == Subject::Unidentified));
        }
    }
    assert_eq!(world.decide(&signed(&world, |_| {})).risk.score, 0);
}

#[test]
fn a_get_with_a_body_is_refused() {
    let world = World::new();
    let draft = Draft { body: Some(b"x".to_vec()), ..Draft::new("GET", "/open/a") };
    assert_eq!(world.code(&draft), "request.body_unexpected");
}
