//! What verifying one signature costs the built-in backend, by algorithm, and what keys cost before.
//!
//! `cargo bench --package countersign --bench verification`; a name after `--` runs what contains it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::hint::black_box;

use countersign::crypto::{Algorithm, PublicKey, SharedKey, SignatureCheck, Verdict, WarmKeys};
use countersign::encoding::base64url;
use countersign::jose::JwkSet;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use p256::ecdsa::signature::Signer as _;
use serde_json::Value;

/// As many bytes as a signature base usually has.
const MESSAGE: [u8; 400] = [b'm'; 400];
/// Keys and their signatures of [`MESSAGE`]. OpenSSL made them once; their private halves are gone.
const RSA: &str = include_str!("rsa.json");

fn check(key: PublicKey, algorithm: Algorithm, signature: Vec<u8>) -> SignatureCheck {
    SignatureCheck::new(key, algorithm, MESSAGE.to_vec(), signature).unwrap()
}

fn verifies(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut verdict: impl FnMut() -> Verdict) {
    assert_eq!(verdict(), Verdict::Valid);
    group.bench_function(name, |b| b.iter(|| black_box(verdict())));
}

fn verify(c: &mut Criterion) {
    let mut group = c.benchmark_group("verify");

    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([1; 32]));
    let key = PublicKey::ed25519(&*pair.pk).unwrap();
    let ed25519 = check(key, Algorithm::Ed25519, pair.sk.sign(MESSAGE, None).to_vec());
    verifies(&mut group, "ed25519_cold", || ed25519.verify());
    let mut warm = WarmKeys::default();
    while warm.is_empty() {
        assert_eq!(ed25519.verify_with(&mut warm), Verdict::Valid);
    }
    verifies(&mut group, "ed25519_warm", || ed25519.verify_with(&mut warm));

    let pair = p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap();
    let signature: p256::ecdsa::Signature = pair.sign(&MESSAGE);
    let point = pair.verifying_key().to_sec1_point(false);
    let key = PublicKey::p256(point.x().unwrap(), point.y().unwrap()).unwrap();
    let es256 = check(key, Algorithm::EcdsaP256Sha256, signature.to_bytes().to_vec());
    verifies(&mut group, "es256", || es256.verify());

    let pair = p384::ecdsa::SigningKey::from_slice(&[5; 48]).unwrap();
    let signature: p384::ecdsa::Signature = pair.sign(&MESSAGE);
    let es384 = check(p384_key(&pair), Algorithm::EcdsaP384Sha384, signature.to_bytes().to_vec());
    verifies(&mut group, "es384", || es384.verify());

    let made: Value = serde_json::from_str(RSA).unwrap();
    for made in made["keys"].as_array().unwrap() {
        let set = JwkSet::parse(format!("{{\"keys\":[{}]}}", made["jwk"]).as_bytes()).unwrap();
        for (name, signature) in made["signatures"].as_object().unwrap() {
            let signature = base64url::decode(signature.as_str().unwrap()).unwrap();
            let rsa = check(set.keys()[0].key().clone(), Algorithm::from_jose(name).unwrap(), signature);
            verifies(&mut group, &format!("{}_{}", name.to_lowercase(), made["bits"]), || rsa.verify());
        }
    }

    let shared = SharedKey::new(&[7; 32]).unwrap();
    let tag = shared.tag(&MESSAGE);
    group.bench_function("hmac_sha256", |b| b.iter(|| shared.verify(black_box(&MESSAGE), &tag)));
    group.finish();
}

fn p384_key(pair: &p384::ecdsa::SigningKey) -> PublicKey {
    let point = pair.verifying_key().to_sec1_point(false);
    PublicKey::p384(point.x().unwrap(), point.y().unwrap()).unwrap()
}

/// As many keys as a directory may have: a stranger chooses them, and every fetch reads all.
fn read_keys(c: &mut Criterion) {
    let mut group = c.benchmark_group("read_100_keys");
    let set = |key: &dyn Fn(u8) -> String| {
        let keys: Vec<String> = (1..=100).map(key).collect();
        format!("{{\"keys\":[{}]}}", keys.join(","))
    };
    let ed25519 = |seed| {
        let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([seed; 32]));
        PublicKey::ed25519(&*pair.pk).unwrap().to_jwk()
    };
    let p384 = |seed| p384_key(&p384::ecdsa::SigningKey::from_slice(&[seed; 48]).unwrap()).to_jwk();
    let made: Value = serde_json::from_str(RSA).unwrap();
    let rsa = |_| made["keys"][0]["jwk"].to_string();
    for (name, document) in [("ed25519", set(&ed25519)), ("p384", set(&p384)), ("rsa_2048", set(&rsa))] {
        assert_eq!(JwkSet::parse(document.as_bytes()).unwrap().keys().len(), 100);
        group.bench_function(name, |b| b.iter(|| JwkSet::parse(black_box(document.as_bytes())).unwrap()));
    }
    group.finish();
}

criterion_group!(benches, verify, read_keys);
criterion_main!(benches);
