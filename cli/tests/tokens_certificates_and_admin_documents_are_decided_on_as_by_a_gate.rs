//! `verify` and `explain` with tokens, DPoP proofs, client certificates and what an admin API publishes, all signed and
//! made here. What is refused first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "support/scene.rs"]
mod scene;
mod support;

use countersign::config::AgentConfig;
use countersign::crypto::sha256_base64url;
use countersign::encoding::base64url::encode;
use countersign::registry::{Action, Actor, AgentRecord, Change, Registry};
use countersign::revocation::deny_list::{DenyList, Digest, Kind};
use countersign::time::{UnixMillis, UnixSeconds};
use ed25519_compact::{KeyPair, Seed};
use scene::{GATE, NOW, signed, with};
use serde_json::{Value, json};
use support::{Run, file, public_key, run};

const ISSUER: &str = "https://auth.example";
const JWKS: &str = "https://auth.example/jwks.json";
const URL: &str = "https://api.example/pay";

const ROUTES: &str = r#"
[[routes]]
match = "POST /pay"
require = ["token", "dpop"]
scope = ["order:write"]

[[routes]]
match = "GET /certified"
require = ["mtls"]

[[routes]]
match = "GET /bound"
require = ["token"]
"#;

fn issuer() -> KeyPair {
    KeyPair::from_seed(Seed::new([1; 32]))
}

fn holder() -> KeyPair {
    KeyPair::from_seed(Seed::new([2; 32]))
}

fn stranger() -> KeyPair {
    KeyPair::from_seed(Seed::new([3; 32]))
}

fn jwk(pair: &KeyPair) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&*pair.pk) })
}

fn jkt(pair: &KeyPair) -> String {
    sha256_base64url(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(&*pair.pk)).as_bytes())
}

fn jws(pair: &KeyPair, header: &Value, claims: &Value) -> String {
    let input =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    format!("{input}.{}", encode(&*pair.sk.sign(&input, None)))
}

/// Claims with others; what is `null` there is left out.
fn changed(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    claims
}

/// A token of this key, which is bound to the holder's.
fn token_of(pair: &KeyPair, changes: &Value) -> String {
    let claims = json!({
        "iss": ISSUER, "aud": "https://api.example", "sub": "person-1", "client_id": "shopper", "jti": "token-1",
        "iat": NOW - 10, "exp": NOW + 600, "scope": "order:read order:write", "cnf": { "jkt": jkt(&holder()) },
    });
    jws(pair, &json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "k" }), &changed(claims, changes))
}

fn token(changes: &Value) -> String {
    token_of(&issuer(), changes)
}

fn proof_of(pair: &KeyPair, token: &str, changes: &Value) -> String {
    let claims = json!({
        "htm": "POST", "htu": URL, "iat": NOW, "jti": "proof-1", "ath": sha256_base64url(token.as_bytes()),
    });
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(pair) });
    jws(pair, &header, &changed(claims, changes))
}

fn proof(token: &str) -> String {
    proof_of(&holder(), token, &json!({}))
}

fn pay(token: &str, proof: &str) -> String {
    format!("POST /pay HTTP/1.1\nHost: api.example\nAuthorization: DPoP {token}\nDPoP: {proof}\n")
}

/// The options that bring the configuration, the time and the keys of issuer and agent.
fn gate(test: &str, more: &str) -> Vec<String> {
    let config = file(&format!("{test}.toml"), format!("{GATE}{ROUTES}{more}"));
    let set = json!({ "keys": [changed(jwk(&issuer()), &json!({ "kid": "k" }))] });
    let keys = file(&format!("{test}-jwks.json"), set.to_string());
    let directory = scene::gate(&format!("{test}-agent")).pop().unwrap();
    let source = format!("{JWKS}={keys}");
    ["--config", &config, "--now", &NOW.to_string(), "--source", &source, "--source", &directory]
        .map(str::to_owned)
        .into()
}

fn decision(run: &Run) -> Value {
    serde_json::from_str(run.stdout.lines().last().unwrap_or_default()).unwrap()
}

/// The code of the decision; how the command ended must agree with it.
#[track_caller]
fn code(gate: &[String], request: &str, more: &[&str]) -> String {
    let request = file(&format!("{}.http", sha256_base64url(request.as_bytes())), request);
    let run = run(&with("verify", gate, &[&["--request", &request, "--json"], more].concat()));
    let decision = decision(&run);
    let expected = match (decision["outcome"].as_str(), decision.get("missing")) {
        (Some("allow"), None) => 0,
        (_, None) => 1,
        (_, Some(_)) => 2,
    };
    assert_eq!(run.code, Some(expected), "{decision}");
    decision["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_or_a_proof_with_a_fault_is_refused_with_its_code() {
    let gate = gate("proven-faults", "");
    let good = token(&json!({}));
    let with_token = |token: &str| pay(token, &proof(token));
    let with_proof = |changes: &Value| pay(&good, &proof_of(&holder(), &good, changes));
    for (request, expected) in [
        ("POST /pay HTTP/1.1\nHost: api.example\n".to_owned(), "token.missing"),
        (with_token(&token_of(&stranger(), &json!({}))), "token.signature_invalid"),
        (with_token(&token(&json!({ "exp": NOW - 100 }))), "token.expired"),
        (with_token(&token(&json!({ "aud": "https://other.example" }))), "token.audience_mismatch"),
        (with_token(&token(&json!({ "iss": "https://other.example" }))), "token.issuer_unknown"),
        (format!("POST /pay HTTP/1.1\nHost: api.example\nAuthorization: DPoP {good}\n"), "dpop.missing"),
        (with_proof(&json!({ "htm": "GET" })), "dpop.method_mismatch"),
        (with_proof(&json!({ "htu": "https://api.example/orders" })), "dpop.url_mismatch"),
        (with_proof(&json!({ "ath": sha256_base64url(b"another") })), "dpop.token_hash_mismatch"),
        (with_proof(&json!({ "iat": NOW - 4000 })), "dpop.expired"),
        (pay(&good, &proof_of(&stranger(), &good, &json!({}))), "dpop.key_mismatch"),
        (with_token(&token(&json!({ "scope": "order:read" }))), "policy.scope_missing"),
    ] {
        assert_eq!(code(&gate, &request, &[]), expected, "{request}");
    }
    let without_keys = [&gate[..4], &gate[6..]].concat();
    assert_eq!(code(&without_keys, &with_token(&good), &[]), "keys.unavailable");
}

#[test]
fn a_token_with_its_proof_is_allowed_once() {
    let gate = gate("proven-good", "");
    let good = token(&json!({}));
    let [first, again, fresh] = [
        ("first", proof(&good)),
        ("again", proof(&good)),
        ("fresh", proof_of(&holder(), &good, &json!({ "jti": "proof-2" }))),
    ]
    .map(|(name, proof)| file(&format!("proven-{name}.http"), pay(&good, &proof)));
    let requests = ["--request", &first, "--request", &again, "--request", &fresh, "--json"];
    let judged = run(&with("verify", &gate, &requests));
    let decisions: Vec<Value> =
        judged.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<_> = decisions.iter().map(|decision| decision["code"].as_str().unwrap()).collect();
    assert_eq!((codes, judged.code), (vec!["ok", "dpop.proof_replayed", "ok"], Some(1)));
    assert_eq!(decisions[0]["outcome"], "allow");
    assert_eq!(
        decisions[0]["principal"],
        json!({ "iss": ISSUER, "sub": "person-1", "client_id": "shopper" })
    );
    assert_eq!(decisions[0]["scope"], json!(["order:read", "order:write"]));
    // For people, too, and neither token nor proof is repeated.
    let text = run(&with("verify", &gate, &["--request", &first]));
    assert_eq!((text.code, text.stderr.contains("nobody asked for")), (Some(0), true), "{}", text.stdout);
    assert!(text.stdout.contains(&format!("person-1 of {ISSUER}")), "{}", text.stdout);
    assert!(!text.stdout.contains(&good) && !text.stdout.contains(&proof(&good)), "{}", text.stdout);
}

#[test]
fn scopes_that_a_token_lacks_are_named() {
    let gate = gate("proven-scopes", "");
    let explained = |scope: &str, more: &[&str]| {
        let token = token(&json!({ "scope": scope, "cnf": null }));
        let token = format!("GET /orders HTTP/1.1\nHost: api.example\nAuthorization: Bearer {token}\n");
        run(&with("explain", &gate, &[&["--request", &file("proven-scopes.http", token)], more].concat()))
    };
    for (scope, missing) in
        [("", json!(["order:read", "order:list"])), ("order:write order:read", json!(["order:list"]))]
    {
        let json = decision(&explained(scope, &["--json"]));
        assert_eq!(
            (&json["code"], &json["status"]),
            (&json!("policy.scope_missing"), &json!(403)),
            "{scope}"
        );
        assert_eq!(json["explanation"]["missing_scopes"], missing);
    }
    let text = explained("order:read", &[]).stdout;
    assert!(text.contains("  scopes missing: order:list\n"), "{text}");
    let json = decision(&explained("order:read order:list", &["--json"]));
    assert_eq!((&json["code"], &json["explanation"]["missing_scopes"]), (&json!("ok"), &json!([])));
}

#[test]
fn a_client_certificate_counts_as_the_caller_says() {
    let gate = gate("proven-mtls", "");
    // Its bytes mean nothing: their hash counts.
    let certificate = |byte: u8| [&[0x30, 0x81, 0x80][..], &[byte; 128]].concat();
    let (own, other) = (certificate(7), certificate(8));
    let pem = |der: &[u8]| {
        // The alphabet without its two last letters is the same; PEM is padded.
        let base64 = encode(der) + &"=".repeat((3 - der.len() % 3) % 3);
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    };
    let in_pem = file("proven-own.pem", pem(&own));
    let (in_der, others) = (file("proven-own.der", &own), file("proven-other.der", other));
    let certified = "GET /certified HTTP/1.1\nHost: api.example\n";
    let bound = token(&json!({ "cnf": { "x5t#S256": sha256_base64url(&own) } }));
    let bound = format!("GET /bound HTTP/1.1\nHost: api.example\nAuthorization: Bearer {bound}\n");
    for (request, more, expected) in [
        (certified, &[][..], "mtls.missing"),
        (
            certified,
            &["--client-certificate", &in_der, "--client-certificate-status", "unverified"],
            "mtls.unverified",
        ),
        (
            certified,
            &["--client-certificate", &in_der, "--client-certificate-status", "revoked"],
            "mtls.revoked",
        ),
        (&bound, &[], "mtls.missing"),
        (&bound, &["--client-certificate", &others], "mtls.certificate_mismatch"),
        (certified, &["--client-certificate", &in_pem], "ok"),
        (certified, &["--client-certificate", &in_der, "--client-certificate-status", "verified"], "ok"),
        (&bound, &["--client-certificate", &in_der], "ok"),
        (&bound, &["--client-certificate", &in_pem], "ok"),
    ] {
        assert_eq!(code(&gate, request, more), expected, "{more:?}");
    }
}

const ADMIN: &str = "\n[admin]\nissuer = \"https://auth.example\"\n";

/// The registry in which the agent of the scene is, after these changes.
fn registry(actions: Vec<Action>) -> String {
    let mut key = public_key("ed25519");
    key.as_object_mut().unwrap().remove("kid");
    let config: AgentConfig = serde_json::from_value(json!({
        "id": "shopper", "operator": "Shop", "purpose": "Buys", "contact": "ops@agents.example",
        "directories": ["https://agents.example"], "keys": [{ "jwk": key }],
    }))
    .unwrap();
    let register = Action::Register(AgentRecord::from_config(&config, false, UnixSeconds(0)).unwrap());
    let actor = Actor { iss: ISSUER.into(), sub: None, client_id: None };
    let now = UnixMillis(u64::try_from(NOW).unwrap() * 1000);
    let apply = |registry: Registry, action| {
        let change = Change { agent: "shopper".into(), action, expects: None, actor: actor.clone() };
        registry.apply(&change, now).unwrap().0
    };
    std::iter::once(register).chain(actions).fold(Registry::default(), apply).to_json()
}

#[test]
fn the_deny_list_and_the_registry_count_and_are_asked_for() {
    let gate = gate("proven-admin", ADMIN);
    let deny_list = |name: &str, jti: &str| {
        let ends = UnixSeconds(NOW + 3600);
        let list = DenyList::new(1, [(Digest::of(Kind::Jti, ISSUER, jti), ends)]);
        file(&format!("proven-{name}.json"), list.to_json())
    };
    let agents = |name: &str, actions: Vec<Action>| file(&format!("proven-{name}.json"), registry(actions));
    let (denying, other) = (deny_list("denying", "token-1"), deny_list("other", "token-2"));
    let (known, suspended) = (agents("known", Vec::new()), agents("suspended", vec![Action::Suspend]));
    let good = token(&json!({}));
    let paid = pay(&good, &proof(&good));
    let signed = signed("proven-admin", "GET /signed HTTP/1.1\nHost: api.example\n", "n", &[]);
    for (request, more, expected) in [
        (&paid, &["--deny-list", &denying][..], "token.revoked"),
        (&signed, &["--agents", &suspended, "--deny-list", &other], "agent.suspended"),
        (&paid, &["--deny-list", &other], "ok"),
        (&signed, &["--agents", &known, "--deny-list", &other], "ok"),
    ] {
        assert_eq!(code(&gate, request, more), expected, "{more:?}");
    }
    for (request, more, missing) in [
        (&paid, &[][..], "--deny-list FILE"),
        (&signed, &["--deny-list", &other], "--agents FILE"),
        (&signed, &["--agents", &known], "--deny-list FILE"),
    ] {
        let request = file("proven-admin.http", request);
        let refused = run(&with("verify", &gate, &[&["--request", &request, "--json"], more].concat()));
        let decision = decision(&refused);
        assert_eq!((refused.code, decision["outcome"] == "allow"), (Some(2), false), "{decision}");
        let named = decision["missing"].as_array().unwrap();
        assert!(named.iter().any(|named| named["option"] == missing), "{decision}");
    }
}
