//! The vectors of `vectors/tokens`: each refusal for its own cause, and beside it the same token or proof without the
//! fault. Alone, and the tokens through a whole gate too, which must come to the same verdict.
#![cfg(all(feature = "ecdsa", feature = "rsa"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign::config::{Config, Gate};
use countersign::crypto::{Algorithm, Verdict};
use countersign::engine::{Answer, Session, Step};
use countersign::jose::JwkSet;
use countersign::jose::jwt::{Profile, Rules};
use countersign::keys::KeyResponse;
use countersign::memory::Memory;
use countersign::reason::Reason;
use countersign::request::{Fields, RequestView, Target};
use countersign::time::{UnixMillis, UnixSeconds};
use countersign::{dpop, jose};
use serde_json::{Value, json};

const CLOCK_SKEW: Duration = Duration::from_secs(30);
const TOPICS: [&str; 5] = ["serialisation", "headers", "signatures", "claims", "proofs"];

/// The vectors of a file, each side with the keys of the file where it has none of its own.
fn vectors(topic: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/tokens/{topic}.json"));
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let keys = file["keys"].take();
    let mut vectors = file["vectors"].as_array().unwrap().clone();
    for vector in &mut vectors {
        for side in ["refused", "verified"] {
            if vector[side].get("keys").is_none() && vector[side].get("token").is_some() {
                vector[side]["keys"] = keys.clone();
            }
        }
    }
    vectors
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).map(|member| member.as_str().expect(name))
}

fn algorithms(side: &Value) -> Vec<Algorithm> {
    let names = side["algorithms"].as_array().unwrap().iter();
    names.map(|name| Algorithm::from_jose(name.as_str().unwrap()).unwrap()).collect()
}

fn judge_token(side: &Value) -> (String, String) {
    let rules = Rules {
        issuer: text(side, "issuer").unwrap().into(),
        audiences: vec![text(side, "audience").unwrap().into()],
        algorithms: algorithms(side),
        profile: Profile::AtJwt,
        clock_skew: CLOCK_SKEW,
        max_lifetime: Some(Duration::from_hours(24)),
    };
    let expected = jose::verify::Expected::of(text(side, "profile").unwrap(), rules).unwrap();
    let keys = JwkSet::parse(side["keys"].to_string().as_bytes()).unwrap();
    let now = UnixSeconds(side["now"].as_i64().unwrap());
    let report = jose::verify::inspect(text(side, "token").unwrap(), &expected, &keys, now).conclude_here();
    (serde_json::to_value(report.outcome).unwrap().as_str().unwrap().into(), report.code.into())
}

fn judge_proof(side: &Value) -> (String, String) {
    let expected = dpop::verify::Expected {
        method: text(side, "method").unwrap().into(),
        target: dpop::verify::Expected::target_of(text(side, "url").unwrap()).unwrap(),
        token: text(side, "token").map(String::from),
        algorithms: algorithms(side),
        max_age: Duration::from_mins(1),
        clock_skew: CLOCK_SKEW,
        nonce: text(side, "nonce").map(String::from),
    };
    let now = UnixSeconds(side["now"].as_i64().unwrap());
    let report = dpop::verify::inspect(text(side, "proof").unwrap(), &expected, now).conclude_here();
    (serde_json::to_value(report.outcome).unwrap().as_str().unwrap().into(), report.code.into())
}

/// The code of a gate in front of the audience, to which the token comes as a bearer token. What no field can carry
/// cannot be asked.
fn judge_at_a_gate(side: &Value) -> Option<String> {
    let issuer = text(side, "issuer").unwrap();
    let audience = text(side, "audience").unwrap();
    let config = json!({
        "origin": "http://127.0.0.1:9000",
        "public_origins": [audience],
        "issuers": [{
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/jwks.json"),
            "audience": [audience],
            "algorithms": side["algorithms"],
            "profile": side["profile"],
        }],
        "routes": [{ "match": "GET /**", "require": ["token"] }],
    });
    let gate = Arc::new(Gate::new(&Config::from_json(&config.to_string()).unwrap()).unwrap());
    let mut fields = Fields::new();
    // The ends of a field's value are stripped before anybody reads it (RFC 9110 §5.5).
    let token = text(side, "token").filter(|token| token.trim() == *token)?;
    fields.push("authorization", &format!("Bearer {token}")).ok()?;
    let target = Target::parse(&format!("{audience}/orders")).unwrap();
    let view = RequestView::new("GET", target, fields, false).unwrap();
    let now = UnixMillis(side["now"].as_u64().unwrap() * 1000);
    let (mut memory, keys) = (Memory::new(7), side["keys"].to_string());
    let mut session = Session::new(gate, view, now, [7; 10]);
    let mut verdicts: Vec<bool>;
    let mut step = session.step(&mut memory, now, &Answer::Ready);
    for _ in 0..20 {
        let answer = match step {
            Step::Done(conclusion) => return Some(conclusion.decision.code.into()),
            Step::Keys(sources) => {
                for source in sources {
                    let reading = source.read(&KeyResponse::new(200, Some(keys.as_bytes())), now.seconds());
                    memory.keys_read(&source, reading, &[], now);
                }
                Answer::Ready
            }
            Step::Checks(checks) => {
                verdicts = checks.iter().map(|check| check.verify() == Verdict::Valid).collect();
                Answer::Verdicts(&verdicts)
            }
            other => panic!("{other:?} is not asked for"),
        };
        step = session.step(&mut memory, now, &answer);
    }
    panic!("the session does not end");
}

#[test]
fn every_fault_is_refused_for_its_cause_and_every_twin_verifies() {
    let (mut count, mut wrong) = (0, String::new());
    for topic in TOPICS {
        for vector in vectors(topic) {
            count += 1;
            for side in ["refused", "verified"] {
                let input = &vector[side];
                let found = if topic == "proofs" { judge_proof(input) } else { judge_token(input) };
                let expected = &input["expected"];
                let wanted = (
                    text(expected, "outcome").unwrap().to_owned(),
                    text(expected, "code").unwrap().to_owned(),
                );
                if found != wanted {
                    let name = text(&vector, "name").unwrap();
                    writeln!(wrong, "{topic}/{name} ({side}): expected {wanted:?}, found {found:?}").unwrap();
                }
            }
        }
    }
    println!("{count} vectors");
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 500, "only {count} vectors were read");
}

#[test]
fn a_gate_comes_to_the_same_verdicts() {
    let (mut count, mut wrong) = (0, String::new());
    for topic in TOPICS.into_iter().filter(|topic| *topic != "proofs") {
        for vector in vectors(topic) {
            for side in ["refused", "verified"] {
                let input = &vector[side];
                let Some(found) = judge_at_a_gate(input) else { continue };
                count += 1;
                let expected = text(&input["expected"], "code").unwrap();
                // What is no token68 (RFC 9110 §11.2) is refused before anybody takes it for a token.
                let is_token = text(input, "token")
                    .unwrap()
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
                let agrees = found == expected
                    || (!is_token && ["token.syntax", "token.repeated"].contains(&found.as_str()));
                // An issuer without a usable key has no key for the token, or no set at all.
                let without_keys = expected == "token.key_unknown" && found == "keys.unavailable";
                if !(agrees || without_keys) {
                    let name = text(&vector, "name").unwrap();
                    writeln!(wrong, "{topic}/{name} ({side}): expected {expected}, found {found}").unwrap();
                }
            }
        }
    }
    println!("{count} tokens");
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count > 700, "only {count} tokens were asked about");
}

#[test]
fn the_set_is_what_its_readme_says() {
    for topic in TOPICS {
        let mut names = BTreeSet::new();
        for vector in vectors(topic) {
            let name = text(&vector, "name").unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            for member in ["description", "source", "basis"] {
                assert!(text(&vector, member).is_some_and(|text| !text.is_empty()), "{name}: {member}");
            }
            assert_ne!(vector["refused"], vector["verified"], "{name}");
            assert_eq!(vector["verified"]["expected"]["outcome"], "verified", "{name}");
            let code = text(&vector["refused"]["expected"], "code").unwrap();
            assert!(Reason::ALL.iter().any(|reason| reason.code() == code), "{name}: {code} is no code");
        }
    }
}
