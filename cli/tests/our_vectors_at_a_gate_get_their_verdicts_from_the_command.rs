//! The vectors that take a gate, one that fetches directories and remembers nonces, through `countersign verify`: what is
//! at each URL is given as a file, earlier requests before the one that is asked about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use support::{root, run};

/// What a URL answers, as `curl -i` saves it.
fn saved(answer: &Value) -> String {
    let mut text = format!("HTTP/1.1 {} \r\n", answer["status"]);
    for field in answer["fields"].as_array().unwrap() {
        let _ = write!(text, "{}: {}\r\n", field[0].as_str().unwrap(), field[1].as_str().unwrap());
    }
    text + "\r\n" + answer["body"].as_str().unwrap_or_default()
}

/// The code that the command gives the last request of an exchange, and how it exits.
fn verdict(folder: &Path, exchange: &Value) -> (String, Option<i32>) {
    let write = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = json!({
        "origin": "http://127.0.0.1:9000", "public_origins": ["https://shop.example"],
        "signatures": { "trust": exchange["trust"] },
        "routes": [{ "match": "GET /**", "require": ["signature"] }],
    });
    let mut arguments: Vec<String> = ["verify", "--json", "--config"].map(String::from).into();
    arguments.extend([write("gate.json", &config.to_string()), "--now".into(), exchange["now"].to_string()]);
    for (i, (url, answer)) in exchange["directories"].as_object().unwrap().iter().enumerate() {
        let file = write(&format!("source-{i}"), &saved(answer));
        arguments.extend(["--source".into(), format!("{url}={file}")]);
    }
    let earlier = exchange["earlier"].as_array().into_iter().flatten();
    for (i, request) in earlier.chain([&exchange["request"]]).enumerate() {
        let file = write(&format!("request-{i}"), request.as_str().unwrap());
        arguments.extend(["--request".into(), file]);
    }
    let run = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let last = run.stdout.lines().last().unwrap_or_else(|| panic!("{}", run.stderr));
    let decision: Value = serde_json::from_str(last).unwrap();
    assert_eq!(decision["status"] == 200, decision["outcome"] == "allow");
    (decision["code"].as_str().unwrap().to_owned(), run.code)
}

#[test]
fn each_vector_and_its_twin() {
    let folder = std::env::temp_dir().join(format!("countersign-gate-vectors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let text = std::fs::read_to_string(root().join("vectors/directories.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    for vector in file["vectors"].as_array().unwrap() {
        for side in ["refused", "verified"] {
            let (code, exit) = verdict(&folder, &vector[side]);
            asked += 1;
            let wanted = vector[side]["expected"]["code"].as_str().unwrap();
            if code != wanted || (side == "refused" && exit == Some(0)) {
                wrong.push((
                    vector["name"].as_str().unwrap().to_owned(),
                    side,
                    wanted.to_owned(),
                    code,
                    exit,
                ));
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    assert!(asked > 90);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
