//! Wycheproof for Ed25519, ECDSA on P-256 and P-384, RSA PKCS#1 v1.5 and PSS, and ed25519-speccheck.
//! Exceptions are listed with the reason; the counts are printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use countersign::crypto::{Algorithm, KeyError, PublicKey, SignatureCheck, Verdict, WarmKeys};
use serde_json::Value;
use support::{hex, vectors, wycheproof};

/// The verdict, alike on the cold path and, the third time with a table, on the warm one.
fn verdict(
    key: &PublicKey,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
    warm: &mut WarmKeys,
) -> bool {
    match SignatureCheck::new(key.clone(), algorithm, message.to_vec(), signature.to_vec()) {
        Ok(check) => {
            let cold = check.verify();
            assert_ne!(cold, Verdict::Unsupported);
            assert_eq!(check.verify_with(warm), cold);
            cold == Verdict::Valid
        }
        Err(_) => false,
    }
}

fn run(
    name: &str,
    file: &Value,
    algorithm: Algorithm,
    message: &str,
    key_of: impl Fn(&Value) -> Result<PublicKey, KeyError>,
) {
    let (mut passed, mut exceptions) = (0, Vec::new());
    let mut warm = WarmKeys::default();
    for (group, test) in wycheproof(file) {
        let key = key_of(group).expect("a good key");
        let valid = verdict(&key, algorithm, &hex(&test[message]), &hex(&test["sig"]), &mut warm);
        match test["result"].as_str().unwrap() {
            "valid" => assert!(valid, "{name} {}", test["tcId"]),
            "invalid" => assert!(!valid, "{name} {}", test["tcId"]),
            acceptable => {
                assert!(!valid, "{name} {}: {acceptable} is refused here", test["tcId"]);
                exceptions.push(format!("{}: {}", test["tcId"], test["comment"].as_str().unwrap()));
            }
        }
        passed += 1;
    }
    println!("{name}: {passed} passed; of them acceptable but refused by choice: {exceptions:?}");
    assert_eq!(Some(passed), file["numberOfTests"].as_u64());
}

#[test]
fn wycheproof_ed25519() {
    let Some(file) = vectors("wycheproof_ed25519", "wycheproof/ed25519_test.json") else { return };
    let key = |group: &Value| PublicKey::ed25519(&hex(&group["publicKey"]["pk"]));
    run("ed25519", &file, Algorithm::Ed25519, "msg", key);

    // Again with every key's table already there.
    let (mut warm, mut passed) = (WarmKeys::new(1000), 0);
    for round in 0..2 {
        for (group, test) in wycheproof(&file) {
            let key = key(group).unwrap();
            let expected = test["result"] == "valid";
            let rounds = if round == 0 && expected { 4 } else { 1 };
            for _ in 0..rounds {
                let (message, signature) = (hex(&test["msg"]), hex(&test["sig"]));
                assert_eq!(verdict(&key, Algorithm::Ed25519, &message, &signature, &mut warm), expected);
            }
            passed += round;
        }
    }
    println!("ed25519, {} keys with tables: {passed} passed", warm.len());
    assert!(warm.len() > 30);
}

#[test]
#[cfg(feature = "ecdsa")]
fn wycheproof_p256() {
    let path = "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json";
    let Some(file) = vectors("wycheproof_p256", path) else { return };
    run("p-256", &file, Algorithm::EcdsaP256Sha256, "msg", |group| {
        let point = hex(&group["publicKey"]["uncompressed"]);
        PublicKey::p256(&point[1..33], &point[33..])
    });
}

#[test]
#[cfg(feature = "ecdsa")]
fn wycheproof_p384() {
    let path = "wycheproof/ecdsa_secp384r1_sha384_p1363_test.json";
    let Some(file) = vectors("wycheproof_p384", path) else { return };
    run("p-384", &file, Algorithm::EcdsaP384Sha384, "msg", |group| {
        let point = hex(&group["publicKey"]["uncompressed"]);
        PublicKey::p384(&point[1..49], &point[49..])
    });
}

#[cfg(feature = "rsa")]
fn wycheproof_rsa(name: &str, path: &str, algorithm: Algorithm) {
    let Some(file) = vectors(name, path) else { return };
    run(name, &file, algorithm, "msg", |group| {
        let modulus = hex(&group["publicKey"]["modulus"]);
        let exponent = hex(&group["publicKey"]["publicExponent"]);
        let minimal = |n: &[u8]| n[n.iter().position(|b| *b != 0).unwrap()..].to_vec();
        PublicKey::rsa(&minimal(&modulus), &minimal(&exponent))
    });
}

#[test]
#[cfg(feature = "rsa")]
fn wycheproof_rsa_2048() {
    // Acceptable there: a missing NULL in the algorithm identifier, which some old signers left out. RFC 8017
    // §8.2.2 compares with the encoding that has it; no signer of tokens is known to leave it out.
    let path = "wycheproof/rsa_signature_2048_sha256_test.json";
    wycheproof_rsa("wycheproof_rsa_2048", path, Algorithm::RsaV15Sha256);
}

#[test]
#[cfg(feature = "rsa")]
fn wycheproof_rsa_pss_2048_sha256() {
    let path = "wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json";
    wycheproof_rsa("wycheproof_rsa_pss_2048_sha256", path, Algorithm::RsaPssSha256);
}

#[test]
#[cfg(feature = "rsa")]
fn wycheproof_rsa_pss_4096_sha512() {
    let path = "wycheproof/rsa_pss_4096_sha512_mgf1_64_test.json";
    wycheproof_rsa("wycheproof_rsa_pss_4096_sha512", path, Algorithm::RsaPssSha512);
}

#[test]
fn of_ed25519_speccheck_only_case_3_passes() {
    let path = "ed25519-speccheck/cases.json";
    let Some(file) = vectors("of_ed25519_speccheck_only_case_3_passes", path) else { return };
    let mut accepted = Vec::new();
    for (i, case) in file.as_array().unwrap().iter().enumerate() {
        let (message, signature) = (hex(&case["message"]), hex(&case["signature"]));
        let key = match PublicKey::ed25519(&hex(&case["pub_key"])) {
            Ok(key) => key,
            Err(error) => {
                println!("speccheck {i}: {error}");
                continue;
            }
        };
        let mut warm = WarmKeys::new(1);
        // Cold, then often enough that a valid one meets its table.
        let verdicts: Vec<_> =
            (0..8).map(|_| verdict(&key, Algorithm::Ed25519, &message, &signature, &mut warm)).collect();
        assert!(verdicts.iter().all(|v| *v == verdicts[0]));
        assert_eq!(warm.len(), usize::from(verdicts[0]));
        if verdicts[0] {
            accepted.push(i);
        }
    }
    println!("speccheck: {} cases, accepted {accepted:?}", file.as_array().unwrap().len());
    assert_eq!((accepted, file.as_array().unwrap().len()), (vec![3], 12));
}
