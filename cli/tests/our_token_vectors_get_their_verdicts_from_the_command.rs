//! Each vector of `vectors/tokens/` through `countersign verify jwt` and `countersign verify dpop`: files in, JSON and an
//! exit code out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;

use serde_json::Value;
use support::{file, root, run};

const TOPICS: [&str; 5] = ["serialisation", "headers", "signatures", "claims", "proofs"];

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).map(|member| member.as_str().unwrap().to_owned())
}

/// In a file, as an argument cannot carry every text; the command leaves out line breaks at the end of one.
fn in_a_file(name: &str, content: &str) -> String {
    file(&format!("token-vectors-{name}"), content)
}

fn token_arguments(side: &Value, keys: &str) -> Vec<String> {
    let mut arguments = vec!["verify".into(), "jwt".into()];
    arguments.extend(["--keys".into(), keys.to_owned(), "--max-lifetime".into(), "86400".into()]);
    for name in ["issuer", "audience", "profile"] {
        arguments.extend([format!("--{name}"), text(side, name).unwrap()]);
    }
    arguments
}

fn proof_arguments(side: &Value) -> Vec<String> {
    let mut arguments: Vec<String> = vec!["verify".into(), "dpop".into()];
    for name in ["method", "url", "nonce"] {
        if let Some(value) = text(side, name) {
            arguments.extend([format!("--{name}"), value]);
        }
    }
    if let Some(token) = text(side, "token") {
        arguments.extend(["--token".into(), in_a_file("token", &token)]);
    }
    arguments
}

/// Outcome, code and exit code of the command, beside what they should be.
fn verdict(topic: &str, side: &Value, keys: &str) -> (String, String) {
    let is_proof = topic == "proofs";
    let mut arguments = if is_proof { proof_arguments(side) } else { token_arguments(side, keys) };
    let name = if is_proof { "proof" } else { "token" };
    let judged = text(side, name).unwrap();
    // A line break at the end is the file's, not the token's: such a token goes as an argument.
    let is_for_a_file = !judged.ends_with(['\r', '\n']);
    let given = if is_for_a_file { in_a_file("judged", &judged) } else { judged };
    arguments.extend([format!("--{name}"), given, "--now".into(), side["now"].to_string(), "--json".into()]);
    for algorithm in side["algorithms"].as_array().unwrap() {
        arguments.extend(["--alg".into(), algorithm.as_str().unwrap().into()]);
    }
    let run = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    let expected = &side["expected"];
    let exit = i32::from(expected["outcome"] != "verified");
    let wanted = format!("{} {}, exit code {exit}", expected["outcome"], expected["code"]);
    let code = run.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    (wanted, format!("{} {}, exit code {code}", said["outcome"], said["code"]))
}

#[test]
fn each_vector_and_its_twin() {
    let (mut asked, mut wrong) = (0, Vec::new());
    for topic in TOPICS {
        let path = root().join(format!("vectors/tokens/{topic}.json"));
        let set: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let common = in_a_file("keys-of-the-topic", &set["keys"].to_string());
        for vector in set["vectors"].as_array().unwrap() {
            for side in ["refused", "verified"] {
                let input = &vector[side];
                let keys = input.get("keys").map(|own| in_a_file("keys", &own.to_string()));
                let (wanted, found) = verdict(topic, input, keys.as_ref().unwrap_or(&common));
                asked += 1;
                if wanted != found {
                    wrong
                        .push(format!("{topic}/{} ({side}): wanted {wanted}; found {found}", vector["name"]));
                }
            }
        }
    }
    println!("{asked} tokens and proofs through the command");
    assert!(asked > 1000, "only {asked} were asked about");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
