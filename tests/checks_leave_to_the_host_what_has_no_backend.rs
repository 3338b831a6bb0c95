//! A check is data: its parts are what `WebCrypto` imports and verifies, and a missing backend says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use countersign::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict};

fn rsa_check() -> SignatureCheck {
    let mut n = vec![0xa5; 256];
    n[0] = 0xff;
    let key = PublicKey::rsa(&n, &[1, 0, 1]).unwrap();
    SignatureCheck::new(key, Algorithm::RsaV15Sha256, b"message".to_vec(), vec![0xa4; 256]).unwrap()
}

#[test]
fn a_check_hands_out_its_parts() {
    let check = rsa_check();
    assert_eq!(check.message(), b"message");
    assert_eq!(check.signature(), [0xa4; 256]);
    assert_eq!((check.algorithm().jose(), check.algorithm().http_signatures()), ("RS256", "rsa-v1_5-sha256"));
    let jwk: serde_json::Value = serde_json::from_str(&check.key().to_jwk()).unwrap();
    assert_eq!((jwk["kty"].as_str(), jwk["e"].as_str()), (Some("RSA"), Some("AQAB")));
}

#[test]
fn a_missing_backend_is_no_verdict() {
    let expected = if cfg!(feature = "rsa") { Verdict::Invalid } else { Verdict::Unsupported };
    assert_eq!(rsa_check().verify(), expected);
    assert_eq!(rsa_check().is_supported(), cfg!(feature = "rsa"));
}
