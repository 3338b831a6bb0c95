//! `verify --har`: the requests of an archive in turn, with one memory and each at its own time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "support/scene.rs"]
mod scene;
mod support;

use scene::{gate, signed, with};
use serde_json::{Value, json};
use support::{Run, file, run};

const BODY: &str = "{\"total\":1}";

/// An entry of a HAR, of a request as text.
fn entry(request: &str, started: &str) -> Value {
    let (head, body) = request.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let first: Vec<_> = lines.next().unwrap().split(' ').collect();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut request =
        json!({ "method": first[0], "url": format!("https://api.example{}", first[1]), "headers": headers });
    if !body.is_empty() {
        request["postData"] = json!({ "mimeType": "application/json", "text": body });
    }
    json!({ "startedDateTime": started, "request": request, "response": { "status": 200, "headers": [] } })
}

fn archive(name: &str, entries: &[Value]) -> String {
    file(name, json!({ "log": { "version": "1.2", "entries": entries } }).to_string())
}

fn codes(run: &Run) -> Vec<(u64, String)> {
    let decisions = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    decisions.map(|d| (d["entry"].as_u64().unwrap(), d["code"].as_str().unwrap().to_owned())).collect()
}

fn checkout(test: &str) -> String {
    let request = format!("POST /checkout HTTP/1.1\nHost: api.example\n\n{BODY}");
    signed(test, &request, "n", &["--digest", "sha-256"])
}

#[test]
fn a_broken_archive_is_refused_with_the_path() {
    let gate = gate("har-broken");
    let conflict = json!({ "log": { "entries": [{ "request": {
        "method": "GET", "url": "https://api.example/", "headers": [{ "name": "Host", "value": "other.example" }] } }] } });
    for (text, path) in [
        ("{".to_owned(), "is no JSON"),
        ("{\"log\":{}}".into(), "log.entries: is missing"),
        (conflict.to_string(), "log.entries[0].request.headers[0].value: is not the authority"),
        ("{\"log\":{\"entries\":[]}}".into(), "none of its 0 requests"),
    ] {
        let refused = run(&with("verify", &gate, &["--har", &file("broken.har", text), "--json"]));
        assert_eq!(refused.code, Some(2));
        assert!(refused.stdout.contains(path), "{}", refused.stdout);
    }
}

#[test]
fn copies_in_an_archive_are_replays_and_others_origins_are_passed_over() {
    let gate = gate("har-order");
    let checkout = checkout("har-order");
    let mut other = entry(&checkout, "2026-09-21T14:13:21.000Z");
    other["request"]["url"] = json!("https://cdn.example/x");
    other["request"]["headers"] = json!([]);
    let file = archive(
        "order.har",
        &[
            entry(&checkout, "2026-09-21T14:13:21.000Z"),
            other,
            entry(&checkout, "2026-09-21T16:13:22.500+02:00"),
        ],
    );
    // Without --now each is judged at its own time.
    let gate: Vec<_> = [&gate[..2], &gate[4..]].concat();
    let judged = run(&with("verify", &gate, &["--har", &file, "--json"]));
    assert_eq!(codes(&judged), [(0, "ok".into()), (2, "signature.replayed".into())]);
    assert_eq!(judged.code, Some(1));
    assert!(judged.stderr.contains("1 of 3 requests are for other origins"), "{}", judged.stderr);
    let alone = run(&with("verify", &gate, &["--har", &file, "--entry", "2", "--json"]));
    assert_eq!((codes(&alone), alone.code), (vec![(2, "ok".into())], Some(0)));
    let other = run(&with("verify", &gate, &["--har", &file, "--entry", "1", "--json"]));
    assert_eq!((codes(&other), other.code), (vec![(1, "request.authority_unknown".into())], Some(1)));
    assert_eq!(run(&with("verify", &gate, &["--har", &file, "--entry", "9"])).code, Some(2));
}

#[test]
fn content_counts_as_it_was_sent() {
    let gate = gate("har-content");
    let sound = entry(&checkout("har-content"), "2026-09-21T14:13:21Z");
    let (mut encoded, mut changed) = (sound.clone(), sound.clone());
    encoded["request"]["postData"] = json!({ "text": "eyJ0b3RhbCI6MX0=", "encoding": "base64" });
    changed["request"]["postData"]["text"] = json!(format!("{BODY}\n"));
    for (entry, code) in [(&changed, "signature.digest_mismatch"), (&sound, "ok"), (&encoded, "ok")] {
        let file = archive("content.har", std::slice::from_ref(entry));
        let judged = run(&with("verify", &gate, &["--har", &file, "--json"]));
        assert_eq!(codes(&judged), [(0, code.into())]);
    }
}
