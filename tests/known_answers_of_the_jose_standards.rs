//! RFC 7638 §3.1, RFC 8037 A.1–A.3, and Wycheproof's JSON Web Key cases. Tokens of the standards have a file of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[cfg(all(feature = "ecdsa", feature = "rsa"))]
mod support;

use countersign::crypto::Algorithm;
use countersign::encoding::json;
use countersign::jose::{Jwk, JwkError};
#[cfg(all(feature = "ecdsa", feature = "rsa"))]
use {
    countersign::crypto::Verdict,
    countersign::jose::{JwkSet, Jws},
    support::{vectors, wycheproof},
};

fn jwk(text: &str) -> Result<Jwk, JwkError> {
    Jwk::from_object(&json::parse_object(text.as_bytes(), 10_000).unwrap())
}

#[test]
fn rfc_7638_section_3_1() {
    let key = jwk(concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"#,
        "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicA",
        "taSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_",
        r#"xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#
    ));
    let key = key.unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!((key.kid(), key.algorithm()), (Some("2011-04-29"), Some(Algorithm::RsaV15Sha256)));
}

#[test]
fn rfc_8037_appendix_a() {
    // A.1 is the private key, A.2 the public.
    const A1: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const A2: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(jwk(A1), Err(JwkError::Private));
    let key = jwk(A2).unwrap();
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[cfg(all(feature = "ecdsa", feature = "rsa"))]
/// Whether a set verifies a JWS, as an access token is verified: by header and restrictions of the keys.
fn set_verifies(set: &serde_json::Value, jws: &str) -> bool {
    let Ok(set) = JwkSet::parse(set.to_string().as_bytes()) else { return false };
    let Ok(jws) = Jws::parse(jws) else { return false };
    let Some(algorithm) = jws.algorithm() else { return false };
    set.candidates(jws.kid(), algorithm).iter().any(|key| {
        jws.check(key.key().clone(), algorithm).is_ok_and(|check| check.verify() == Verdict::Valid)
    })
}

#[test]
#[cfg(all(feature = "ecdsa", feature = "rsa"))]
fn wycheproof_json_web_key() {
    let Some(file) = vectors("wycheproof_json_web_key", "wycheproof/json_web_key_test.json") else { return };
    let (mut passed, mut exceptions) = (0, Vec::new());
    for (group, test) in wycheproof(&file) {
        let set = if group["public"].is_null() { &group["private"] } else { &group["public"] };
        let verified = set_verifies(set, test["jws"].as_str().unwrap());
        let symmetric = group["public"].is_null();
        if test["result"] == "valid" && symmetric {
            assert!(!verified);
            exceptions
                .push(format!("{} {}: HMAC, which never verifies here", test["tcId"], group["comment"]));
        } else {
            assert_eq!(verified, test["result"] == "valid", "{}", test["tcId"]);
            passed += 1;
        }
    }
    println!("json_web_key: {passed} passed, {} exceptions: {exceptions:#?}", exceptions.len());
    assert_eq!((passed, exceptions.len()), (22, 4));
}
