//! `risk replay`: the same scores from a log, others with other weights, and bad lines by their numbers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use countersign::reason::Reason;
use countersign::state::risk::{Observed, Scoring, State};
use countersign::time::UnixMillis;
use serde_json::{Value, json};
use support::{file, run, run_with};

/// A log of one subject, refused five times in as many minutes.
fn log(subject: &str) -> String {
    let (mut state, mut lines) = (State::default(), String::new());
    for i in 0..5 {
        let at = 1_790_000_000_000 + i * 60_000;
        let observed = Observed::refused(Reason::PolicyScopeMissing);
        let assessment;
        (state, assessment) = state.observe(&observed, &Scoring::default(), UnixMillis(at));
        let mut members = serde_json::to_value(&observed).unwrap();
        members["subject"] = json!(subject);
        members["at"] = json!(at);
        let risk =
            json!({ "score": assessment.score, "level": assessment.level, "reasons": [], "version": 2 });
        lines.extend([json!({ "id": "01", "risk": risk, "observed": members }).to_string(), "\n".into()]);
    }
    lines
}

const OTHER: &str = "half_life = \"5m\"\n[weights]\nversion = 1001\nsignals = { refused_scopes = { points = 20, cap = 90 } }\n";

#[test]
fn the_scores_of_the_gates_own_weights_are_those_of_the_log() {
    let run = run_with(&["risk", "replay", "--log", "-"], &(log("key:a") + &log("key:b")));
    assert_eq!(run.code, Some(0), "{} {}", run.stdout, run.stderr);
    assert_eq!(
        run.stdout,
        "10 lines, 0 without an observation, 0 bad; 0 of 2 subjects differ with weights 2\n"
    );
}

#[test]
fn other_weights_show_who_would_have_another_score() {
    let (log, weights) = (file("risk.jsonl", log("key:a")), file("risk.toml", OTHER));
    let text = run(&["risk", "replay", "--log", &log, "--weights", &weights]);
    assert_eq!(text.code, Some(1), "{}", text.stderr);
    assert!(text.stdout.starts_with("key:a: 5 of 5 lines differ; highest 41 -> "), "{}", text.stdout);
    assert!(text.stdout.ends_with("1 of 1 subjects differ with weights 1001\n"), "{}", text.stdout);

    let json = run(&["risk", "replay", "--log", &log, "--weights", &weights, "--json"]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &report["version"]), (Some(1), &json!(1001)));
    let subject = &report["subjects"][0];
    assert_eq!((&subject["subject"], &subject["lines"]), (&json!("key:a"), &json!(5)));
    assert_eq!(subject["replayed"]["reasons"][0]["signal"], "refused_scopes");
    assert!(subject["replayed"]["score"].as_u64() > subject["logged"]["score"].as_u64());
}

#[test]
fn bad_lines_are_named_and_the_others_count() {
    let good = log("key:a");
    let bad = [
        "no json",
        "[]",
        "\"text\"",
        "{\"observed\":1}",
        "{\"observed\":{}}",
        "{\"observed\":{\"subject\":\"key:a\"}}",
        "{\"observed\":{\"subject\":\"key:a\",\"at\":-1}}",
        "{\"observed\":{\"subject\":\"key:a\",\"at\":1,\"other\":1},\"risk\":{\"score\":1,\"level\":\"low\",\"version\":2}}",
        "{\"observed\":{\"subject\":\"key:a\",\"at\":1}}",
        "{\"observed\":{\"subject\":\"key:a\",\"at\":1},\"risk\":{\"score\":101,\"level\":\"low\",\"version\":2}}",
        "{\"observed\":{\"subject\":\"key:a\",\"at\":1},\"risk\":{\"score\":1,\"level\":\"lo\",\"version\":2}}",
        "{\"a\":1,\"a\":2}",
    ];
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(70_000));
    let text = format!("{}\n{long}\n{{\"code\":\"ok\"}}\n\n{good}", bad.join("\n"));
    let run = run_with(&["risk", "replay", "--log", "-", "--json"], &text);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let lines: Vec<_> =
        report["bad"].as_array().unwrap().iter().map(|bad| bad["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, (1..=bad.len() as u64 + 1).collect::<Vec<_>>());
    assert_eq!((&report["without_observation"], &report["subjects"][0]["differing"]), (&json!(1), &json!(0)));
    let text = run_with(&["risk", "replay", "--log", "-"], &"x\n".repeat(30));
    assert!(text.stdout.contains("line 20: ") && !text.stdout.contains("line 21: "), "{}", text.stdout);
    assert!(text.stdout.contains("and 10 more lines"), "{}", text.stdout);
}

#[test]
fn what_cannot_be_looked_at_is_a_failure() {
    let weights = |text: &str| {
        let weights = file("bad-risk.toml", text);
        run_with(&["risk", "replay", "--log", "-", "--weights", &weights], "")
    };
    for (text, message) in [
        ("hlf_life = \"5m\"", "unknown field"),
        ("[weights]\nversion = 7", "write 1000 or more"),
        ("[weights]\nversion = 1001\nsignals = { luck = { points = 1, cap = 1 } }", "is not a signal"),
        ("[weights]\nversion = 1001\nrefused_share = 100", "write 0 to 99"),
    ] {
        let run = weights(text);
        assert_eq!(run.code, Some(2), "{text}");
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
    assert_eq!(run(&["risk", "replay", "--log", "/nowhere"]).code, Some(2));
    assert_eq!(run(&["risk", "replay"]).code, Some(2));
    assert_eq!(run_with(&["risk", "replay", "--log", "-", "--weights", "-"], "").code, Some(2));
}
