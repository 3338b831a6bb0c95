//! `keygen` and `jwks`: a key of its own at each run, and never anything private in what is published.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use countersign::jose::{Jwk, JwkSet, thumbprint};
use serde_json::{Value, json};
use support::{run, run_with};

/// RFC 8037 A.1 and A.3.
const RFC_8037: &str = r#"{"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const RFC_8037_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

fn keygen() -> String {
    let made = run(&["keygen"]);
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
    made.stdout
}

fn published(private: &str) -> Value {
    let published = run_with(&["jwks", "-"], private);
    assert_eq!((published.code, published.stderr.as_str()), (Some(0), ""));
    serde_json::from_str(&published.stdout).unwrap()
}

#[test]
fn a_new_key_is_private_named_by_its_thumbprint_and_new() {
    let (text, other) = (keygen(), keygen());
    let (key, other): (Value, Value) =
        (serde_json::from_str(&text).unwrap(), serde_json::from_str(&other).unwrap());
    assert_ne!(key["d"], other["d"]);
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert_eq!(text.lines().count(), 1, "a secret is put in one line");

    let set = published(&text);
    assert_eq!(set["keys"][0]["x"], key["x"]);
    assert_eq!(set["keys"][0]["kid"], key["kid"]);
    let read = JwkSet::parse(set.to_string().as_bytes()).unwrap();
    let public: &Jwk = &read.keys()[0];
    assert_eq!(key["kid"], thumbprint(public.key()));
}

#[test]
fn the_public_half_is_that_of_the_standard() {
    let set = published(RFC_8037);
    let expected = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": RFC_8037_THUMBPRINT }] });
    assert_eq!(set, expected);
}

#[test]
fn keys_of_a_rotation_are_published_together_and_in_order() {
    let new = keygen();
    for secret in [format!("[{new},{RFC_8037}]"), format!("{{\"keys\":[{new},{RFC_8037}]}}")] {
        let set = published(&secret);
        let kids: Vec<_> = set["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
        let new: Value = serde_json::from_str(&new).unwrap();
        assert_eq!(kids, [&new["kid"], &json!(RFC_8037_THUMBPRINT)]);
        assert!(!set.to_string().contains("\"d\""));
    }
}

#[test]
fn what_is_no_private_key_is_refused_without_being_repeated() {
    let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let cases = [
        (RFC_8037.replace("\"d\"", "\"D\""), "it has no d"),
        (RFC_8037.replace("Ed25519", "X25519"), "is not an Ed25519 JWK"),
        (RFC_8037.replace("f2A\"", "f2\""), "32 bytes in base64url"),
        (RFC_8037.replace("11qY", "21qY"), "not the public half"),
        (RFC_8037.replace("\"x\"", "\"d\":\"\",\"x\""), "member twice"),
        ("[]".into(), "has no key"),
        (format!("\"{secret}\""), "is not an Ed25519 JWK"),
        (secret.into(), "json"),
    ];
    for (text, message) in cases {
        let refused = run_with(&["jwks", "-"], &text);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{text}");
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        assert!(!refused.stderr.contains("nWGx"), "{}", refused.stderr);
    }
}
