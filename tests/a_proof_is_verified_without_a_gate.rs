//! One DPoP proof against a request: each refusal of RFC 9449 §4.3 has its code, and only what holds is verified.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use core::time::Duration;

use countersign::crypto::{Algorithm, sha256_base64url};
use countersign::dpop::verify::{Expected, Outcome, Report, inspect};
use countersign::encoding::base64url::encode;
use countersign::time::UnixSeconds;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const URL: &str = "https://api.example/v1/orders?page=2#top";
const OPAQUE: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

fn jwk(seed: u8) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&*pair(seed).pk)})
}

fn jkt(seed: u8) -> String {
    let text = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(&*pair(seed).pk));
    sha256_base64url(text.as_bytes())
}

fn sign_text(header: &str, payload: &str) -> String {
    let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
    format!("{input}.{}", encode(&*pair(1).sk.sign(&input, None)))
}

fn header() -> Value {
    json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(1)})
}

fn claims() -> Value {
    json!({"jti": "a", "htm": "POST", "htu": "https://api.example/v1/orders", "iat": NOW.0 - 1})
}

fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
            value => object[name] = value.clone(),
        }
    }
    object
}

fn proof(changes: &Value) -> String {
    sign_text(&header().to_string(), &with(claims(), changes).to_string())
}

fn for_token(token: &str) -> String {
    proof(&json!({"ath": sha256_base64url(token.as_bytes())}))
}

fn expected() -> Expected {
    Expected {
        method: "POST".into(),
        target: Expected::target_of(URL).unwrap(),
        token: None,
        algorithms: Algorithm::ALL.to_vec(),
        max_age: Duration::from_mins(1),
        clock_skew: Duration::from_secs(30),
        nonce: None,
    }
}

fn with_token(token: &str) -> Expected {
    Expected { token: Some(token.into()), ..expected() }
}

fn report(proof: &str, expected: &Expected) -> Report {
    inspect(proof, expected, NOW).conclude_here()
}

#[track_caller]
fn is_refused(report: &Report, code: &str) {
    assert_eq!((report.outcome, report.code), (Outcome::Invalid, code), "{report:?}");
    assert_eq!((&report.jkt, report.algorithm, report.bound), (&None, None, None), "{report:?}");
}

/// A token that nobody signed: only what it says is looked at.
fn token(claims: &Value) -> String {
    sign_text(r#"{"alg":"EdDSA","typ":"at+jwt"}"#, &claims.to_string())
}

#[test]
fn what_holds_tells_its_key_and_what_it_says() {
    let verified = serde_json::to_value(report(&proof(&json!({})), &expected())).unwrap();
    let facts = json!({"outcome": "verified", "code": "ok", "jkt": jkt(1), "algorithm": "EdDSA", "jti": "a",
        "htm": "POST", "htu": "https://api.example/v1/orders", "iat": NOW.0 - 1});
    assert_eq!(verified, facts);
    for alg in ["EdDSA", "Ed25519"] {
        let both = with(header(), &json!({"alg": alg, "jwk": with(jwk(1), &json!({"alg": "Ed25519"}))}));
        assert_eq!(report(&sign_text(&both.to_string(), &claims().to_string()), &expected()).code, "ok");
    }
}

#[test]
fn what_is_refused_still_tells_what_it_says_but_no_key() {
    let refused = report(&proof(&json!({"htm": "GET"})), &expected());
    assert_eq!((refused.jti.as_deref(), refused.htm.as_deref()), (Some("a"), Some("GET")));
    assert_eq!((refused.iat, refused.jkt), (Some(NOW.0 - 1), None));
}

#[test]
fn a_verdict_that_is_not_given_is_not_valid() {
    let inspection = || inspect(&proof(&json!({})), &expected(), NOW);
    assert!(inspection().check().is_some());
    is_refused(&inspection().conclude(false), "dpop.signature_invalid");
    assert_eq!(inspection().conclude(true).code, "ok");
    let refused = inspect(&proof(&json!({"htm": "GET"})), &expected(), NOW);
    assert!(refused.check().is_none());
    is_refused(&refused.conclude(true), "dpop.method_mismatch");
}

#[test]
fn each_fault_of_the_header_has_its_code() {
    let private = with(jwk(1), &json!({"d": encode(&[1; 32])}));
    let rsa_1024 = json!({"kty": "RSA", "n": encode(&[0xff; 128]), "e": "AQAB"});
    for (changes, code) in [
        (json!({"typ": null}), "dpop.type_mismatch"),
        (json!({"typ": "JWT"}), "dpop.type_mismatch"),
        (json!({"typ": "at+jwt"}), "dpop.type_mismatch"),
        (json!({"typ": "wpt+jwt"}), "dpop.type_mismatch"),
        (json!({"alg": "none"}), "dpop.algorithm_not_allowed"),
        (json!({"alg": "HS256"}), "dpop.algorithm_not_allowed"),
        (json!({"alg": "eddsa"}), "dpop.algorithm_not_allowed"),
        (json!({"alg": "ES256"}), "dpop.algorithm_not_allowed"),
        (json!({"jwk": with(jwk(1), &json!({"alg": "ES256"}))}), "dpop.key_invalid"),
        (json!({"jwk": null}), "dpop.key_invalid"),
        (json!({"jwk": {}}), "dpop.key_invalid"),
        (json!({"jwk": with(jwk(1), &json!({"use": "enc"}))}), "dpop.key_invalid"),
        (json!({"jwk": with(jwk(1), &json!({"x": encode(&[0; 32])}))}), "dpop.key_invalid"),
        (json!({"jwk": rsa_1024, "alg": "RS256"}), "dpop.key_invalid"),
        (json!({"jwk": private}), "dpop.key_private"),
        (json!({"jwk": {"kty": "oct", "k": "AAAA"}}), "dpop.key_private"),
        (json!({"jwk": jwk(2)}), "dpop.signature_invalid"),
        (json!({"jwk": "x"}), "dpop.malformed"),
        (json!({"kid": 1}), "dpop.malformed"),
        (json!({"crit": []}), "dpop.critical_header"),
        (json!({"b64": true}), "dpop.critical_header"),
    ] {
        let text = sign_text(&with(header(), &changes).to_string(), &claims().to_string());
        is_refused(&report(&text, &expected()), code);
    }
    let narrow = Expected { algorithms: vec![Algorithm::EcdsaP256Sha256], ..expected() };
    is_refused(&report(&proof(&json!({})), &narrow), "dpop.algorithm_not_allowed");
    for text in ["", "a.b", "a.b.c", "e30.e30.e30"] {
        is_refused(&report(text, &expected()), "dpop.malformed");
    }
    is_refused(&report(&proof(&json!({"x": "a".repeat(8192)})), &expected()), "dpop.too_large");
}

#[test]
fn each_fault_of_the_claims_has_its_code() {
    for name in ["jti", "htm", "htu", "iat"] {
        is_refused(&report(&proof(&json!({name: null})), &expected()), "dpop.claim_missing");
    }
    for (changes, code) in [
        (json!({"jti": ""}), "dpop.claim_invalid"),
        (json!({"jti": "a".repeat(257)}), "dpop.claim_invalid"),
        (json!({"jti": 1}), "dpop.claim_invalid"),
        (json!({"iat": "1800000000"}), "dpop.claim_invalid"),
        (json!({"iat": 1_799_999_999.5}), "dpop.claim_invalid"),
        (json!({"nonce": 1}), "dpop.claim_invalid"),
        (json!({"ath": 1}), "dpop.claim_invalid"),
        (json!({"htm": "post"}), "dpop.method_mismatch"),
        (json!({"htm": "GET"}), "dpop.method_mismatch"),
        (json!({"htu": "http://api.example/v1/orders"}), "dpop.url_mismatch"),
        (json!({"htu": "https://api.example/v1/Orders"}), "dpop.url_mismatch"),
        (json!({"htu": "https://api.example/v1/orders/"}), "dpop.url_mismatch"),
        (json!({"htu": "https://api.example:8443/v1/orders"}), "dpop.url_mismatch"),
        (json!({"htu": "https://evil.example/v1/orders"}), "dpop.url_mismatch"),
        (json!({"htu": "/v1/orders"}), "dpop.url_mismatch"),
        (json!({"iat": NOW.0 - 61}), "dpop.expired"),
        (json!({"iat": NOW.0 + 31}), "dpop.issued_in_future"),
    ] {
        is_refused(&report(&proof(&changes), &expected()), code);
    }
    for changes in [
        json!({"iat": NOW.0 - 60}),
        json!({"iat": NOW.0 + 30}),
        json!({"htu": "HTTPS://API.example:443/v1/%6frders?x=1#y"}),
        json!({"jti": "a".repeat(256)}),
    ] {
        assert_eq!(report(&proof(&changes), &expected()).code, "ok", "{changes}");
    }
    let twice = claims().to_string().replacen('{', r#"{"htm":"POST","#, 1);
    is_refused(&report(&sign_text(&header().to_string(), &twice), &expected()), "dpop.malformed");
    let old = Expected { max_age: Duration::from_mins(5), ..expected() };
    assert_eq!(report(&proof(&json!({"iat": NOW.0 - 300})), &old).code, "ok");
}

#[test]
fn a_token_is_hashed() {
    is_refused(&report(&proof(&json!({})), &with_token(OPAQUE)), "dpop.token_hash_missing");
    is_refused(&report(&for_token("another"), &with_token(OPAQUE)), "dpop.token_hash_mismatch");
    let verified = report(&for_token(OPAQUE), &with_token(OPAQUE));
    assert_eq!((verified.code, verified.bound), ("ok", Some(false)), "an opaque token says nothing");
    let without = report(&for_token(OPAQUE), &expected());
    assert_eq!((without.code, without.bound), ("ok", None));
}

#[test]
fn a_token_that_names_a_key_names_this_one() {
    let judged = |token: &str| report(&for_token(token), &with_token(token));
    let bound = judged(&token(&json!({"cnf": {"jkt": jkt(1)}})));
    assert_eq!((bound.code, bound.bound), ("ok", Some(true)));
    let unbound = judged(&token(&json!({"sub": "user"})));
    assert_eq!((unbound.code, unbound.bound), ("ok", Some(false)));
    for (cnf, code) in [
        (json!({"jkt": jkt(2)}), "dpop.key_mismatch"),
        (json!({"jkt": ""}), "dpop.key_mismatch"),
        (json!({"jkt": 1}), "token.claim_invalid"),
        (json!("x"), "token.claim_invalid"),
        (Value::Null, "token.claim_invalid"),
        (json!({}), "token.binding_unsupported"),
        (json!({"x5t#S256": "AAAA"}), "token.binding_unsupported"),
    ] {
        is_refused(&judged(&token(&json!({ "cnf": cnf }))), code);
    }
    let twice = format!(r#"{{"cnf":{{"jkt":"{}"}},"cnf":{{"jkt":"{}"}}}}"#, jkt(1), jkt(2));
    is_refused(&judged(&sign_text(r#"{"alg":"EdDSA"}"#, &twice)), "token.malformed");
    is_refused(&judged(&sign_text(r#"{"alg":"EdDSA","crit":[]}"#, "{}")), "token.critical_header");
}

#[test]
fn a_target_is_a_url() {
    for url in
        ["", "/v1/orders", "api.example/v1", "ftp://api.example/", "https://u:p@api.example/", "https:///x"]
    {
        assert!(Expected::target_of(url).is_err(), "{url}");
    }
}

#[test]
fn a_nonce_that_is_expected_is_there() {
    let asks = Expected { nonce: Some("n-1".into()), ..expected() };
    is_refused(&report(&proof(&json!({})), &asks), "dpop.nonce_missing");
    for nonce in ["n-2", "n-", "n-11", ""] {
        is_refused(&report(&proof(&json!({"nonce": nonce})), &asks), "dpop.nonce_invalid");
    }
    assert_eq!(report(&proof(&json!({"nonce": "n-1"})), &asks).code, "ok");
    assert_eq!(
        report(&proof(&json!({"nonce": "n-1"})), &expected()).code,
        "ok",
        "who expects none takes any"
    );
}
