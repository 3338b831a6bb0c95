//! Each algorithm takes what its own key signed by its own rules, and nothing that another algorithm, salt, hash or
//! key made of the same message.
#![cfg(all(feature = "ecdsa", feature = "rsa"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use countersign::crypto::{Algorithm, CheckError, PublicKey, SharedKey, SignatureCheck, Verdict};
use countersign::encoding::base64url;
use countersign::jose::{Jwk, JwkSet};
use countersign::signature::{SignatureError, profiles};
use p256::ecdsa::signature::Signer as _;
use serde_json::Value;

const MESSAGE: &[u8] = b"message";

fn verdict(
    key: &PublicKey,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<Verdict, CheckError> {
    SignatureCheck::new(key.clone(), algorithm, message.to_vec(), signature.to_vec())
        .map(|check| check.verify())
}

fn p256() -> (PublicKey, Vec<u8>) {
    let key = p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap();
    let signature: p256::ecdsa::Signature = key.sign(MESSAGE);
    let point = key.verifying_key().to_sec1_point(false);
    (PublicKey::p256(point.x().unwrap(), point.y().unwrap()).unwrap(), signature.to_bytes().to_vec())
}

fn p384() -> (PublicKey, Vec<u8>) {
    let key = p384::ecdsa::SigningKey::from_slice(&[5; 48]).unwrap();
    let signature: p384::ecdsa::Signature = key.sign(MESSAGE);
    let point = key.verifying_key().to_sec1_point(false);
    (PublicKey::p384(point.x().unwrap(), point.y().unwrap()).unwrap(), signature.to_bytes().to_vec())
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/rsa_signatures.json")).unwrap()
}

fn jwk(jwk: &Value) -> Jwk {
    JwkSet::parse(format!("{{\"keys\":[{jwk}]}}").as_bytes()).unwrap().keys()[0].clone()
}

#[test]
fn ecdsa_takes_no_other_bit_and_no_other_length() {
    for (algorithm, (key, signature)) in
        [(Algorithm::EcdsaP256Sha256, p256()), (Algorithm::EcdsaP384Sha384, p384())]
    {
        assert_eq!(verdict(&key, algorithm, MESSAGE, &signature), Ok(Verdict::Valid));
        assert_eq!(verdict(&key, algorithm, b"messagE", &signature), Ok(Verdict::Invalid));
        // Every seventh: an unoptimised build takes milliseconds for each.
        for bit in (0..8 * signature.len()).step_by(7) {
            let mut signature = signature.clone();
            signature[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(
                verdict(&key, algorithm, MESSAGE, &signature),
                Ok(Verdict::Valid),
                "{algorithm:?}, {bit}"
            );
        }
        for length in 0..signature.len() {
            assert_eq!(verdict(&key, algorithm, MESSAGE, &signature[..length]), Err(CheckError::Length));
        }
        assert_eq!(
            verdict(&key, algorithm, MESSAGE, &[&signature[..], &[0]].concat()),
            Err(CheckError::Length)
        );
    }
}

#[test]
fn an_algorithm_takes_its_own_kind_of_key() {
    let rsa = jwk(&fixture()["keys"][0]["jwk"]).key().clone();
    for key in [p256().0, p384().0, rsa] {
        for algorithm in Algorithm::ALL {
            let refused = verdict(&key, *algorithm, MESSAGE, &[1; 64]) == Err(CheckError::Algorithm);
            assert_eq!(refused, !algorithm.fits(&key), "{algorithm:?}");
        }
        assert!(Algorithm::ALL.iter().any(|algorithm| algorithm.fits(&key)));
    }
}

/// Also for moduli whose first byte is not full, where the encoding may be a byte shorter than the signature.
#[test]
fn rsa_takes_its_own_padding_hash_and_salt() {
    let mut accepted = 0;
    for made in fixture()["keys"].as_array().unwrap() {
        let key = jwk(&made["jwk"]).key().clone();
        for made in made["signatures"].as_array().unwrap() {
            let own = match (made["padding"].as_str(), made["hash"].as_str(), made["salt"].as_u64()) {
                (Some("pkcs1"), Some("sha256"), None) => Some(Algorithm::RsaV15Sha256),
                (Some("pss"), Some("sha256"), Some(32)) => Some(Algorithm::RsaPssSha256),
                (Some("pss"), Some("sha512"), Some(64)) => Some(Algorithm::RsaPssSha512),
                (Some("pkcs1"), Some("sha384"), None) => Some(Algorithm::RsaV15Sha384),
                (Some("pss"), Some("sha384"), Some(48)) => Some(Algorithm::RsaPssSha384),
                (Some("pkcs1"), Some("sha512"), None) => Some(Algorithm::RsaV15Sha512),
                _ => None,
            };
            let signature = base64url::decode(made["signature"].as_str().unwrap()).unwrap();
            for algorithm in Algorithm::ALL.iter().filter(|algorithm| algorithm.fits(&key)) {
                let expected = if Some(*algorithm) == own { Verdict::Valid } else { Verdict::Invalid };
                assert_eq!(
                    verdict(&key, *algorithm, MESSAGE, &signature),
                    Ok(expected),
                    "{algorithm:?}, {made}"
                );
                assert_eq!(verdict(&key, *algorithm, b"messagE", &signature), Ok(Verdict::Invalid));
                accepted += u32::from(expected == Verdict::Valid);
            }
        }
    }
    assert_eq!(accepted, 21);
}

/// What JOSE alone has a name for signs no message, whatever a key, a list or a signature says.
#[test]
fn no_profile_of_signatures_takes_an_algorithm_of_jose_alone() {
    let n = base64url::encode(&[0xff; 512]);
    let key = |alg: &str| jwk(&serde_json::json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": alg }));
    let without_alg = jwk(&serde_json::json!({ "kty": "RSA", "n": n, "e": "AQAB" }));
    for alg in ["RS384", "RS512", "PS384"] {
        let algorithm = Algorithm::from_jose(alg).unwrap();
        assert!(key(alg).permits(algorithm) && without_alg.permits(algorithm));
        for profile in profiles::ALL {
            assert!(!profile.algorithms.contains(&algorithm));
            let mut rules = profiles::rules(profile.name).unwrap();
            rules.algorithms = vec![algorithm];
            for stated in [None, Some("rsa-v1_5-sha384"), Some("rsa-pss-sha384"), Some(alg)] {
                for key in [&key(alg), &without_alg] {
                    let refused = Err(SignatureError::AlgorithmNotAllowed);
                    assert_eq!(rules.algorithm(key, stated), refused, "{}: {alg}, {stated:?}", profile.name);
                }
            }
            // A list of everything is no more than a list of what has a name.
            rules.algorithms = Algorithm::ALL.to_vec();
            assert_eq!(rules.algorithm(&key(alg), None), Err(SignatureError::AlgorithmNotAllowed));
        }
    }
}

/// RFC 9421 appendix B.2.5.
#[test]
fn a_shared_key_makes_the_tag_of_rfc_9421() {
    let secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ";
    let base = concat!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n",
        "\"@authority\": example.com\n",
        "\"content-type\": application/json\n",
        "\"@signature-params\": (\"date\" \"@authority\" \"content-type\")",
        ";created=1618884473;keyid=\"test-shared-secret\"",
    );
    let secret = secret.replace('+', "-").replace('/', "_");
    let key = SharedKey::new(&base64url::decode(&secret).unwrap()).unwrap();
    let tag = base64url::decode("pxcQw6G3AjtMBQjwo8XzkZf_bws5LelbaMk5rGIGtE8").unwrap();
    assert_eq!(key.tag(base.as_bytes()).to_vec(), tag);
    assert!(key.verify(base.as_bytes(), &tag));
}

/// Against an old attack: a public key's text as an HMAC secret.
#[test]
fn no_symmetric_key_and_no_symmetric_algorithm_gets_into_a_set() {
    let secret = base64url::encode(&[7; 32]);
    for members in ["\"alg\":\"HS256\",", "\"kid\":\"a\",", ""] {
        let set = format!("{{\"keys\":[{{{members}\"kty\":\"oct\",\"k\":\"{secret}\"}}]}}");
        assert!(JwkSet::parse(set.as_bytes()).unwrap().keys().is_empty());
        assert!(JwkSet::parse_directory(set.as_bytes()).unwrap().keys().is_empty());
    }
    assert!(
        Algorithm::from_jose("HS256").is_none() && Algorithm::from_http_signatures("hmac-sha256").is_none()
    );
}
