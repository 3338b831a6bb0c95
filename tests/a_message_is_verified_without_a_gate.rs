//! One message against keys at hand: which of them count, and what is said of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::crypto::SharedKey;
use countersign::request::RequestView;
use countersign::signature::profiles::{self, Rules};
use countersign::signature::verify::{Keys, Outcome, Report, inspect};
use countersign::signature::{Component, Message, SignatureParams, prepare};
use countersign::time::UnixSeconds;
use serde_json::{Value, json};
use signature_support::*;

const NOW: i64 = 1_790_000_000;
const SECRET: [u8; 32] = [9; 32];

fn rules() -> Rules {
    let mut rules = profiles::rules("rfc9421").unwrap();
    rules.shared_keys = true;
    rules
}

fn public(kid: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": ED25519_PUBLIC, "kid": kid })
}

fn shared(kid: &str) -> Value {
    let secret = countersign::encoding::base64url::encode(&SECRET);
    json!({ "kty": "oct", "k": secret, "kid": kid })
}

fn signed(keyid: Option<&str>, alg: Option<&str>, hand: impl Fn(&str) -> Vec<u8>) -> RequestView {
    let bare = request("GET", "https://shop.example/cart", &[]);
    let params = SignatureParams {
        created: Some(UnixSeconds(NOW)),
        keyid: keyid.map(Into::into),
        alg: alg.map(Into::into),
        ..SignatureParams::default()
    };
    let components = [Component::named("@method").unwrap()];
    let unsigned = prepare(&Message::request(&bare, bare.target()), &components, &params).unwrap();
    let fields = unsigned.fields("s", &hand(&unsigned.base)).unwrap();
    request(
        "GET",
        "https://shop.example/cart",
        &[("Signature-Input", &fields.signature_input), ("Signature", &fields.signature)],
    )
}

fn report(view: &RequestView, keys: &[Value]) -> Report {
    let keys = Keys::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
    inspect(&Message::request(view, view.target()), None, &rules(), &keys, UnixSeconds(NOW)).conclude_here()
}

fn by_secret(base: &str) -> Vec<u8> {
    SharedKey::new(&SECRET).unwrap().tag(base.as_bytes()).to_vec()
}

#[test]
fn a_shared_key_beside_a_public_one_hides_nothing() {
    for (keyid, alg) in
        [(None, None), (None, Some("ed25519")), (Some("k"), None), (Some("k"), Some("ed25519"))]
    {
        let view = signed(keyid, alg, sign);
        let report = report(&view, &[public("k"), shared("k")]);
        assert_eq!((report.code, report.algorithm), ("ok", Some("ed25519")), "{keyid:?} {alg:?}");
    }
    for (keyid, alg) in [(None, None), (Some("k"), None), (Some("k"), Some("hmac-sha256"))] {
        let view = signed(keyid, alg, by_secret);
        let report = report(&view, &[public("k"), shared("k")]);
        assert_eq!((report.code, report.algorithm), ("ok", Some("hmac-sha256")), "{keyid:?} {alg:?}");
    }
}

#[test]
fn an_algorithm_that_is_not_the_shared_keys_is_a_mismatch() {
    let report = report(&signed(Some("k"), Some("ed25519"), by_secret), &[shared("k")]);
    assert_eq!((report.outcome, report.code), (Outcome::Invalid, "signature.algorithm_mismatch"));
}

#[test]
fn a_key_off_its_curve_is_no_key() {
    for (crv, length) in [("P-256", 32), ("P-384", 48)] {
        let one = countersign::encoding::base64url::encode(&vec![1; length]);
        let key = json!({ "kty": "EC", "crv": crv, "x": one, "y": one, "kid": "k" });
        let view = signed(Some("k"), None, |_| vec![1; 2 * length]);
        let report = report(&view, &[key]);
        assert_eq!((report.outcome, report.code), (Outcome::Unverified, "signature.key_unknown"), "{crv}");
    }
}
