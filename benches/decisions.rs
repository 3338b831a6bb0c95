//! What a decision costs, and its parts: parsing, the signature base, and whole decisions of an isolate whose caches
//! are warm. What one verification costs is in verification.rs.
//!
//! `cargo bench --package countersign`; a name after `--` runs what contains it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/gate_support/mod.rs"]
mod gate_support;

use std::cell::Cell;
use std::hint::black_box;

use countersign::crypto::{PublicKey, sha256_base64url};
use countersign::decision::Outcome;
use countersign::encoding::base64url;
use countersign::jose::{JwkSet, Jws, thumbprint};
use countersign::signature::{Message, present, signature_base};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gate_support::{CONFIG, Draft, Key, NOW, World};
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};

/// The key of RFC 7515 A.2.
const RSA_KEY: &str = concat!(
    r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp"#,
    "-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0",
    "LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k",
    r#"G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#,
);
/// A P-256 key pair, for proofs under ES256.
struct P256(p256::ecdsa::SigningKey);

impl P256 {
    fn new() -> Self {
        Self(p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap())
    }

    fn public(&self) -> PublicKey {
        let point = self.0.verifying_key().to_sec1_point(false);
        PublicKey::p256(point.x().unwrap(), point.y().unwrap()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = self.0.sign(message);
        signature.to_bytes().to_vec()
    }
}

fn parse(c: &mut Criterion) {
    let (world, mut group) = (World::new(), c.benchmark_group("parse"));
    let view = world.proven().view();
    group.bench_function("signature", |b| b.iter(|| present(black_box(view.fields())).unwrap()));
    let token = world.bound();
    group.bench_function("jws", |b| b.iter(|| Jws::parse(black_box(&token)).unwrap()));
    let keys: Vec<String> = (1..=4).map(|seed| Key::of(seed).public().to_jwk()).collect();
    let set = format!(r#"{{"keys":[{},{},{RSA_KEY}]}}"#, keys.join(","), P256::new().public().to_jwk());
    group.bench_function("jwk_set_of_6", |b| b.iter(|| JwkSet::parse(black_box(set.as_bytes())).unwrap()));
    group.finish();
}

fn base(c: &mut Criterion) {
    let view = World::new().proven().view();
    let presented = present(view.fields()).unwrap();
    let message = Message::request(&view, view.target());
    c.bench_function("base", |b| {
        b.iter(|| signature_base(black_box(&presented[0]), &message).unwrap());
    });
}

/// Requests of one agent with one token, each with a signature and a proof of its own: none is a replay.
struct Agent {
    world: World,
    token: String,
    sent: Cell<u64>,
}

impl Agent {
    fn new(holder: &PublicKey) -> Self {
        let world = World::with(&CONFIG.replace("limit = 3,", "limit = 1000000,"));
        let jkt = thumbprint(holder);
        let token = world.token(|claims| claims["cnf"] = json!({ "jkt": jkt }));
        Self { world, token, sent: Cell::new(0) }
    }

    fn request(&self, alg: &str, holder: &PublicKey, sign: impl Fn(&[u8]) -> Vec<u8>) -> Draft {
        self.sent.set(self.sent.get() + 1);
        let draft = Draft::new("POST", "/checkout")
            .field("host", "api.example")
            .field("user-agent", "ShoppingAgent/1.0")
            .field("accept", "application/json")
            .field("content-type", "application/json")
            .body("{\"cart\":\"c-1842\",\"total\":{\"amount\":\"129.90\",\"currency\":\"EUR\"}}");
        let jwk: Value = serde_json::from_str(&holder.to_jwk()).unwrap();
        let header = json!({ "typ": "dpop+jwt", "alg": alg, "jwk": jwk });
        let claims = json!({
            "htm": draft.method, "htu": draft.url, "iat": NOW, "jti": format!("proof-{:016}", self.sent.get()),
            "ath": sha256_base64url(self.token.as_bytes()),
        });
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let input = format!("{}.{}", part(&header), part(&claims));
        let proof = format!("{input}.{}", base64url::encode(&sign(input.as_bytes())));
        draft
            .field("authorization", &format!("DPoP {}", self.token))
            .field("dpop", &proof)
            .signed(&self.world.agent)
    }

    fn allows(&self, draft: &Draft) {
        let decision = self.world.decide(draft);
        assert_eq!(decision.outcome, Outcome::Allow, "{}", decision.code);
    }
}

/// From the request as a host has it to the decision; what the agent does is not counted.
fn decide(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");

    let holder = Key::of(3);
    let agent = Agent::new(&holder.public());
    let request = || agent.request("EdDSA", &holder.public(), |message| holder.sign(message));
    // As often as it takes until both keys have tables.
    (0..16).for_each(|_| agent.allows(&request()));
    group.bench_function("proven_eddsa", |b| {
        b.iter_batched(request, |draft| agent.allows(&draft), BatchSize::SmallInput);
    });

    let holder = P256::new();
    let agent = Agent::new(&holder.public());
    let request = || agent.request("ES256", &holder.public(), |message| holder.sign(message));
    (0..16).for_each(|_| agent.allows(&request()));
    group.bench_function("proven_es256", |b| {
        b.iter_batched(request, |draft| agent.allows(&draft), BatchSize::SmallInput);
    });

    let world = World::new();
    let bare = Draft::new("POST", "/checkout").body("{}");
    assert_eq!(world.code(&bare), "token.missing");
    group.bench_function("refused_without_proof", |b| b.iter(|| world.decide(black_box(&bare))));
    group.finish();
}

criterion_group!(benches, parse, base, decide);
criterion_main!(benches);
