//! `verify` without shared keys and secrets of nonces: what does not need them is decided on as ever.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use countersign::crypto::sha256_base64url;
use countersign::encoding::base64url::encode;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};
use support::{Run, file, private_key, run};

const NOW: i64 = 1_790_000_000;
const URL: &str = "https://api.example/nonce";

const GATE: &str = r#"
origin = "http://127.0.0.1:9000"
public_origins = ["https://api.example"]

[[issuers]]
issuer = "https://auth.example"
jwks_uri = "https://auth.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA"]

[signatures]
profiles = ["rfc9421"]

[signatures.rules.rfc9421]
algorithms = ["hmac-sha256"]
components = ["@method", "@authority", "@path"]

[[routes]]
match = "GET /open"
require = []

[[routes]]
match = "GET /signed"
require = ["signature"]

[[routes]]
match = "GET /nonce"
require = ["token", "dpop"]
dpop_nonce = "required"
"#;

fn verify(name: &str, request: &str, more: &[&str]) -> Run {
    let config = file(&format!("{name}.toml"), GATE);
    let request = file(&format!("{name}.http"), request);
    let now = NOW.to_string();
    let arguments = ["verify", "--config", &config, "--request", &request, "--now", &now, "--json"];
    run(&[&arguments[..], more].concat())
}

fn decided(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_default()
}

fn is_missing(run: &Run, code: &str, option: &str) {
    let decision = decided(run);
    assert_eq!((run.code, &decision["code"]), (Some(2), &json!(code)), "{decision}");
    assert_eq!(decision["missing"][0]["option"], format!("{option} FILE"), "{decision}");
}

#[test]
fn a_request_that_uses_no_secret_is_decided_on_without_one() {
    let open = verify("secret-open", "GET /open HTTP/1.1\nHost: api.example\n\n", &[]);
    assert_eq!(open.code, Some(0), "{}", open.stderr);
    let unsigned = verify("secret-unsigned", "GET /signed HTTP/1.1\nHost: api.example\n\n", &[]);
    assert_eq!((unsigned.code, &decided(&unsigned)["code"]), (Some(1), &json!("signature.missing")));
    assert_eq!(decided(&unsigned).get("missing"), None);
}

#[test]
fn a_signature_by_a_shared_key_needs_the_shared_keys() {
    let request = "GET /signed HTTP/1.1\nHost: api.example\n";
    let unsigned = file("secret-shared-unsigned.http", format!("{request}\n"));
    let key = file("secret-shared-key.json", private_key("oct").to_string());
    let created = NOW.to_string();
    let fields = run(&[
        "sign",
        "--key",
        &key,
        "--request",
        &unsigned,
        "--created",
        &created,
        "--component",
        "@method",
        "--component",
        "@authority",
        "--component",
        "@path",
    ]);
    assert_eq!(fields.code, Some(0), "{}", fields.stderr);
    let signed = format!("{request}{}\n", fields.stdout);
    is_missing(&verify("secret-shared", &signed, &[]), "signature.key_unknown", "--shared-keys");
    let keys = file("secret-shared-keys.json", json!({ "keys": [private_key("oct")] }).to_string());
    let good = verify("secret-shared", &signed, &["--shared-keys", &keys]);
    assert_eq!(good.code, Some(0), "{}", good.stdout);
}

#[test]
fn a_nonce_needs_what_made_it() {
    let pair = KeyPair::from_seed(Seed::new([9; 32]));
    let x = encode(&*pair.pk);
    let jkt = sha256_base64url(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
    let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let sign = |header: &Value, claims: &Value| {
        let input =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        format!("{input}.{}", encode(&*pair.sk.sign(&input, None)))
    };
    let token = sign(
        &json!({ "typ": "at+jwt", "alg": "EdDSA" }),
        &json!({
            "iss": "https://auth.example", "aud": "https://api.example", "sub": "s", "client_id": "c", "jti": "j",
            "iat": NOW, "exp": NOW + 60, "cnf": { "jkt": jkt },
        }),
    );
    let set = file("secret-jwks.json", json!({ "keys": [public] }).to_string());
    let source = format!("https://auth.example/jwks.json={set}");
    let request = |nonce: Option<&str>| {
        let mut claims = json!({
            "jti": "a", "htm": "GET", "htu": URL, "iat": NOW, "ath": sha256_base64url(token.as_bytes()),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let proof = sign(&json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": public }), &claims);
        format!("GET /nonce HTTP/1.1\nHost: api.example\nAuthorization: DPoP {token}\nDPoP: {proof}\n\n")
    };
    let none = verify("secret-nonce", &request(None), &["--source", &source]);
    assert_eq!((none.code, &decided(&none)["code"]), (Some(1), &json!("dpop.nonce_missing")));
    let made_elsewhere = request(Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    let unknown = verify("secret-nonce", &made_elsewhere, &["--source", &source]);
    is_missing(&unknown, "dpop.nonce_invalid", "--nonce-secrets");
    let secret = file("secret-nonces", "0123456789abcdef0123456789abcdef\n");
    let judged = verify("secret-nonce", &made_elsewhere, &["--source", &source, "--nonce-secrets", &secret]);
    assert_eq!((judged.code, &decided(&judged)["code"]), (Some(1), &json!("dpop.nonce_invalid")));
}
