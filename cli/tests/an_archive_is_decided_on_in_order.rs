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

#[test]
fn one_entry_that_cannot_be_read_does_not_hide_the_others() {
    let gate = gate("har-unread");
    let sound = entry("GET /near HTTP/1.1\nAccept: */*\n\n", "2026-09-21T14:13:21Z");
    let mut cut = entry(&checkout("har-unread"), "2026-09-21T14:13:21Z");
    cut["request"]["postData"]["text"] = json!("{\"tot");
    cut["request"]["bodySize"] = json!(BODY.len());
    let mut left_out = cut.clone();
    left_out["request"].as_object_mut().unwrap().remove("postData");
    let mut other = sound.clone();
    other["request"] = json!({ "method": "GET", "url": "wss://api.example/socket" });
    let file = archive("unread.har", &[other, cut, left_out, sound]);
    let judged = run(&with("verify", &gate, &["--har", &file, "--json"]));
    let lines: Vec<Value> = judged.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), judged.code), (3, Some(2)));
    for (line, index) in lines.iter().zip([1, 2]) {
        assert_eq!((line["entry"].as_u64(), line.get("outcome")), (Some(index), None));
        assert!(line["error"].as_str().unwrap().ends_with("the archive does not have the body"), "{line}");
    }
    assert_eq!((&lines[2]["entry"], &lines[2]["code"]), (&json!(3), &json!("ok")));
    for command in ["verify", "explain"] {
        let shown = run(&with(command, &gate, &["--har", &file])).stdout;
        assert!(
            shown.starts_with("not decided\nPOST https://api.example/checkout\nlog.entries[1]"),
            "{shown}"
        );
    }
    let alone = run(&with("verify", &gate, &["--har", &file, "--entry", "3", "--json"]));
    assert_eq!(alone.code, Some(0), "{}", alone.stdout);
}

#[test]
fn an_archive_without_any_proof_says_what_exporters_leave_out() {
    let gate = gate("har-redacted");
    let file = archive(
        "redacted.har",
        &[entry("GET /orders?a=b c HTTP/1.1\nAccept: */*\n\n", "2026-09-21T14:13:21Z")],
    );
    let text = std::fs::read_to_string(&file).unwrap().replace("a=b\"", "a=ä b|c\"");
    std::fs::write(&file, text).unwrap();
    let judged = run(&with("verify", &gate, &["--har", &file, "--json"]));
    assert_eq!((codes(&judged), judged.code), (vec![(0, "token.missing".into())], Some(1)));
    assert!(judged.stderr.contains("with sensitive data"), "{}", judged.stderr);
}
