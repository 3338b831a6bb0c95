//! A check is data: its parts are what `WebCrypto` imports and verifies, and a missing backend says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use countersign::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict};
use countersign::encoding::base64url;

fn rsa_check() -> SignatureCheck {
    rsa_check_of(Algorithm::RsaV15Sha256)
}

fn rsa_check_of(algorithm: Algorithm) -> SignatureCheck {
    let mut n = vec![0xa5; 256];
    n[0] = 0xff;
    let key = PublicKey::rsa(&n, &[1, 0, 1]).unwrap();
    SignatureCheck::new(key, algorithm, b"message".to_vec(), vec![0xa4; 256]).unwrap()
}

#[test]
fn a_check_hands_out_its_parts() {
    let check = rsa_check();
    assert_eq!(check.message(), b"message");
    assert_eq!(check.signature(), [0xa4; 256]);
    assert_eq!(
        (check.algorithm().jose(), check.algorithm().http_signatures()),
        ("RS256", Some("rsa-v1_5-sha256"))
    );
    let jwk: serde_json::Value = serde_json::from_str(&check.key().to_jwk()).unwrap();
    assert_eq!((jwk["kty"].as_str(), jwk["e"].as_str()), (Some("RSA"), Some("AQAB")));
}

#[test]
fn a_missing_backend_is_no_verdict() {
    let expected = if cfg!(feature = "rsa") { Verdict::Invalid } else { Verdict::Unsupported };
    assert_eq!(rsa_check().verify(), expected);
    assert_eq!(rsa_check().is_supported(), cfg!(feature = "rsa"));
    for algorithm in Algorithm::ALL.iter().copied().filter(|algorithm| algorithm.fits(rsa_check().key())) {
        assert_eq!(rsa_check_of(algorithm).verify(), expected);
    }
}

#[test]
fn a_p_384_key_is_left_to_the_host_where_there_is_no_backend() {
    // The base point's coordinates (SEC 2 §2.5.1).
    let x = "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3";
    let y = "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f";
    let bytes = |text| base64url::decode(text).unwrap();
    let key = PublicKey::p384(&bytes(x), &bytes(y)).unwrap();
    let check =
        SignatureCheck::new(key, Algorithm::EcdsaP384Sha384, b"message".to_vec(), vec![1; 96]).unwrap();
    assert_eq!(check.algorithm().jose(), "ES384");
    let jwk: serde_json::Value = serde_json::from_str(&check.key().to_jwk()).unwrap();
    assert_eq!(
        (jwk["crv"].as_str(), jwk["x"].as_str(), jwk["y"].as_str()),
        (Some("P-384"), Some(x), Some(y))
    );
    let expected = if cfg!(feature = "ecdsa") { Verdict::Invalid } else { Verdict::Unsupported };
    assert_eq!((check.verify(), check.is_supported()), (expected, cfg!(feature = "ecdsa")));
}
