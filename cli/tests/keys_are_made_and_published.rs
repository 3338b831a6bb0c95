//! `keygen` and `jwks`: a key of its own at each run, and never anything private in what is published.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use countersign::jose::{Jwk, JwkSet, thumbprint};
use serde_json::{Value, json};
use support::{file, private_key, public_key, run, run_with};

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
        (RFC_8037.replace("Ed25519", "X25519"), "is no JWK of a key that signs"),
        (RFC_8037.replace("f2A\"", "f2\""), "has a d that is not"),
        (RFC_8037.replace("11qY", "21qY"), "not the public half"),
        (RFC_8037.replace("\"x\"", "\"d\":\"\",\"x\""), "member twice"),
        ("[]".into(), "has no key"),
        (format!("\"{secret}\""), "is no JWK, no list of them"),
        (secret.into(), "json"),
    ];
    for (text, message) in cases {
        let refused = run_with(&["jwks", "-"], &text);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{text}");
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        assert!(!refused.stderr.contains("nWGx"), "{}", refused.stderr);
    }
}

#[test]
fn a_key_is_published_under_its_thumbprint_unless_its_own_name_is_wanted() {
    let named = RFC_8037.replace("\"kty\"", "\"kid\":\"mine\",\"kty\"");
    assert_eq!(published(&named)["keys"][0]["kid"], RFC_8037_THUMBPRINT);
    let kept: Value = serde_json::from_str(&run_with(&["jwks", "--keep-kid", "-"], &named).stdout).unwrap();
    assert_eq!(kept["keys"][0]["kid"], "mine");
}

#[test]
fn a_shared_key_has_no_public_half_and_no_thumbprint() {
    let shared = private_key("oct").to_string();
    for command in ["jwks", "thumbprint"] {
        let refused = run_with(&[command, "-"], &shared);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
        assert!(refused.stderr.contains("is shared"), "{}", refused.stderr);
    }
}

#[test]
fn a_key_of_each_algorithm_is_made_and_signs() {
    let request = file("keygen-request", "GET / HTTP/1.1\nHost: a.example\n");
    for (alg, kty) in [("EdDSA", "OKP"), ("ES256", "EC"), ("ES384", "EC"), ("RS256", "RSA")] {
        let made = run(&["keygen", "--alg", alg]);
        let key: Value = serde_json::from_str(&made.stdout).unwrap();
        assert_eq!((&key["kty"], &key["alg"]), (&json!(kty), &json!(alg)), "{}", made.stderr);
        if kty == "RSA" {
            assert!(["d", "p", "q", "dp", "dq", "qi"].iter().all(|part| key[part].is_string()));
        }
        let private = file(&format!("keygen-{alg}"), &made.stdout);
        let public = file(&format!("keygen-{alg}-public"), published(&made.stdout).to_string());
        assert_eq!(run(&["thumbprint", &private]).stdout.trim(), key["kid"].as_str().unwrap());
        let signed = run(&["sign", "--key", &private, "--request", &request, "--component", "@method"]);
        assert_eq!(signed.code, Some(0), "{}", signed.stderr);
        let message = format!("GET / HTTP/1.1\nHost: a.example\n{}\n", signed.stdout);
        let verified = run_with(&["verify", "signature", "--keys", &public, "--request", "-"], &message);
        assert_eq!(verified.code, Some(0), "{alg}: {}{}", verified.stdout, verified.stderr);
    }
}

#[test]
fn what_no_key_is_made_with_is_refused() {
    for (arguments, message) in [
        (&["--alg", "HS256"][..], "--alg is one of EdDSA"),
        (&["--alg", "ES256", "--bits", "2048"], "--bits is for RSA"),
        (&["--alg", "PS256", "--bits", "1024"], "--bits is one of 2048, 3072, 4096"),
    ] {
        let refused = run(&[&["keygen"], arguments].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
    }
}

#[test]
fn a_key_in_a_file_is_for_its_owner_and_is_not_written_over() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("key-{}.json", std::process::id()));
    let file = path.to_str().unwrap();
    let made = run(&["keygen", "--out", file, "--json"]);
    let said: Value = serde_json::from_str(&made.stdout).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    let key: Value = serde_json::from_str(&written).unwrap();
    assert_eq!((&said["kid"], &said["alg"]), (&key["kid"], &key["alg"]));
    assert!(!made.stdout.contains(key["d"].as_str().unwrap()), "the secret is in the file alone");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = run(&["keygen", "--out", file]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    std::fs::remove_file(&path).unwrap();
}

/// RFC 7638 §3.1.
const RFC_7638: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
const RFC_7638_THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

#[test]
fn thumbprints_are_those_of_the_standards() {
    let both = format!("{{\"keys\":[{RFC_7638},{RFC_8037}]}}");
    let named = run_with(&["thumbprint", "-"], &both);
    assert_eq!(named.stdout, format!("{RFC_7638_THUMBPRINT}\n{RFC_8037_THUMBPRINT}\n"));
    let uri = run_with(&["thumbprint", "--uri", "-"], RFC_7638).stdout;
    assert_eq!(uri, format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{RFC_7638_THUMBPRINT}\n"));
    let json: Value =
        serde_json::from_str(&run_with(&["thumbprint", "--json", "-"], RFC_7638).stdout).unwrap();
    assert_eq!(json["thumbprints"][0]["jkt"], RFC_7638_THUMBPRINT);
    assert_eq!(json["thumbprints"][0]["kid"], "2011-04-29");
    let (public, private) = (public_key("p256").to_string(), private_key("p256").to_string());
    assert_eq!(
        run_with(&["thumbprint", "-"], &public).stdout,
        run_with(&["thumbprint", "-"], &private).stdout
    );
}

#[test]
fn a_certificate_is_named_in_either_form() {
    // The head of a SEQUENCE of 128 bytes is all that is looked at.
    let mut der = vec![0x30, 0x81, 0x80];
    der.resize(131, 7);
    let pem =
        format!("-----BEGIN CERTIFICATE-----\nMIGA{}Bwc=\n-----END CERTIFICATE-----\n", "BwcH".repeat(42));
    let of = |name: &str, bytes: &[u8]| run(&["thumbprint", &file(name, bytes)]);
    let (of_der, of_pem) = (of("certificate.der", &der), of("certificate.pem", pem.as_bytes()));
    assert_eq!((of_der.code, of_der.stdout.trim().len()), (Some(0), 43));
    assert_eq!(of_der.stdout, of_pem.stdout);
    der.pop();
    let cut = of("cut.der", &der);
    assert_eq!(cut.code, Some(1));
    assert!(cut.stderr.contains("not one whole DER value"), "{}", cut.stderr);
}
