//! Signatures that others published verify over the base that is built here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict};
use countersign::signature::profiles::web_bot_auth::AgentForm;
use countersign::signature::profiles::{self, KeyPlace};
use countersign::signature::{
    Component, Message, SignatureError, SignatureParams, is_published_test_key, prepare, present,
};
use countersign::time::UnixSeconds;
use serde_json::Value;
use signature_support::*;
use std::path::Path;
use std::time::Duration;

const B26_INPUT: &str = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
const B26_SIGNATURE: &str =
    "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";

#[test]
fn the_ed25519_example_of_the_standard_verifies() {
    let view = test_request(&[("Signature-Input", B26_INPUT), ("Signature", B26_SIGNATURE)]);
    let presented = only(&view);
    assert_eq!(presented.label(), "sig-b26");
    assert_eq!(presented.params().keyid.as_deref(), Some("test-key-ed25519"));
    let base = base_of(&view).unwrap();
    assert_eq!(
        base,
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\
         \"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\
         \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
         \"content-length\");created=1618884473;keyid=\"test-key-ed25519\""
    );
    assert!(verifies(&base, presented.signature()));
    assert!(!verifies(&base.replace("POST", "GET"), presented.signature()));
}

#[test]
fn signing_the_example_of_the_standard_gives_its_fields() {
    let components: Vec<_> = ["date", "@method", "@path", "@authority", "content-type", "content-length"]
        .iter()
        .map(|name| Component::parse(&format!("\"{name}\"")).unwrap())
        .collect();
    let params = SignatureParams {
        created: Some(UnixSeconds(1_618_884_473)),
        keyid: Some("test-key-ed25519".into()),
        ..SignatureParams::default()
    };
    let view = test_request(&[]);
    let unsigned = prepare(&Message::request(&view, view.target()), &components, &params).unwrap();
    let fields = unsigned.fields("sig-b26", &sign(&unsigned.base)).unwrap();
    assert_eq!((fields.signature_input.as_str(), fields.signature.as_str()), (B26_INPUT, B26_SIGNATURE));
}

/// The thumbprint of `test-key-rsa-pss`.
const RSA_PSS_KEYID: &str = "oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA";

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

/// The verdict on one vector: the base must verify; the claim must be what the case's form makes of it.
fn check(version: u32, index: usize, case: &Value) {
    let mut fields =
        vec![("Signature-Input", text(case, "signature_input")), ("Signature", text(case, "signature"))];
    fields.extend(case["signature_agent"].as_str().map(|agent| ("Signature-Agent", agent)));
    let view = request("GET", text(case, "target_url"), &fields);
    let presented = present(view.fields()).unwrap();
    let mut rules = profiles::rules("web-bot-auth").unwrap();
    rules.max_window = Duration::MAX;
    let signature = presented.iter().find(|signature| rules.selects(signature)).unwrap();
    assert_eq!(signature.label(), text(case, "label"));
    let base = base_of(&view).unwrap();
    let name = format!("v{version} case {index}");
    let (key, algorithm, keyid) = if text(&case["key"], "kty") == "OKP" {
        let key = PublicKey::ed25519(&unbase64url(text(&case["key"], "x")));
        (key.unwrap(), Algorithm::Ed25519, ED25519_KEYID)
    } else {
        let key = PublicKey::rsa(&unbase64url(text(&case["key"], "n")), &[1, 0, 1]);
        (key.unwrap(), Algorithm::RsaPssSha512, RSA_PSS_KEYID)
    };
    let check = |base: String| {
        SignatureCheck::new(key.clone(), algorithm, base.into(), signature.signature().to_vec()).unwrap()
    };
    if check(base.clone()).is_supported() {
        assert_eq!(check(base.clone()).verify(), Verdict::Valid, "{name}");
        assert_eq!(check(base.replace("example.com", "example.org")).verify(), Verdict::Invalid, "{name}");
    } else {
        println!("skipped: {name}: no backend for {}", algorithm.jose());
    }

    let created = UnixSeconds(case["created_ms"].as_i64().unwrap() / 1000);
    let outcome = rules.claim(signature, view.fields(), created);
    let form = match (case["signature_agent"].as_str(), case["signature_agent_key"].as_str()) {
        (None, _) => {
            assert_eq!(outcome, Err(SignatureError::AgentMissing), "{name}");
            return;
        }
        (Some(_), None) => AgentForm::LegacyString,
        (Some(_), Some(_)) => AgentForm::DictionaryOrigin,
    };
    let claim = outcome.unwrap();
    let KeyPlace::Directory { form: found, url } = &claim.place else { panic!("{name}") };
    assert_eq!(*found, form, "{name}");
    assert_eq!(claim.keyid.as_deref(), Some(keyid), "{name}");
    assert_eq!(claim.nonce.as_deref(), case["nonce"].as_str(), "{name}");
    assert_eq!(url.origin(), "https://signature-agent.test", "{name}");
    assert!(url.is_well_known());
    assert!(is_published_test_key(claim.keyid.as_deref().unwrap()));
}

#[test]
fn the_vectors_of_web_bot_auth_verify() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/web-bot-auth");
    if !folder.is_dir() {
        println!("skipped: ../shared/vectors/web-bot-auth is not there");
        return;
    }
    let mut passed = 0;
    for version in [1, 2] {
        let file = folder.join(format!("web_bot_auth_architecture_v{version}.json"));
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for (index, case) in cases.iter().enumerate() {
            check(version, index, case);
            passed += 1;
        }
    }
    println!("web bot auth: {passed} passed");
    assert_eq!(passed, 8);
}
