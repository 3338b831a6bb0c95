//! `explain`: why, with the signature base and what was signed instead.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "support/scene.rs"]
mod scene;
mod support;

use scene::{NOW, gate, signed, unsigned_token, with};
use serde_json::{Value, json};
use support::{Run, file, run};

fn explained(run: &Run) -> Value {
    serde_json::from_str(run.stdout.trim()).unwrap()
}

#[test]
fn a_base_that_was_signed_otherwise_is_shown_line_by_line() {
    let gate = gate("explain-diff");
    let sound = signed("explain-diff", "GET /signed/ HTTP/1.1\nHost: api.example\n", "n", &[]);
    // What was signed with a slash at its end was sent without.
    let request = file("explain-diff.http", sound.replace("GET /signed/ ", "GET /signed "));
    let run_text = run(&with("explain", &gate, &["--request", &request]));
    assert_eq!(run_text.code, Some(1), "{}", run_text.stderr);
    assert!(run_text.stdout.contains("deny: signature.invalid\n"), "{}", run_text.stdout);
    assert!(
        run_text.stdout.contains("\n  - \"@path\": /signed\n  + \"@path\": /signed/\n"),
        "{}",
        run_text.stdout
    );
    assert!(run_text.stdout.contains("with, or without, a slash at its end"), "{}", run_text.stdout);
    assert!(!run_text.stdout.contains('\u{1b}'), "nobody looks at a pipe");
    let json = explained(&run(&with("explain", &gate, &["--request", &request, "--json"])));
    let of = &json["explanation"];
    assert_eq!((json["code"].as_str(), of["blame"].as_str()), (Some("signature.invalid"), Some("unproven")));
    let marks: Vec<_> =
        of["diff"].as_array().unwrap().iter().map(|line| line["mark"].as_str().unwrap()).collect();
    assert!(marks.contains(&"-") && marks.contains(&"+") && marks.contains(&" "), "{marks:?}");
    assert!(of["signed"].as_str().unwrap().contains("\"@path\": /signed/\n"));
}

#[test]
fn the_signers_own_base_is_compared_with_the_expected_one() {
    let gate = gate("explain-base");
    let sound = signed("explain-base", "GET /signed HTTP/1.1\nHost: api.example\n", "n", &[]);
    let request = file("explain-base.http", sound.replace("sig1=:", "sig1=:AAAA"));
    let broken = explained(&run(&with("explain", &gate, &["--request", &request, "--json"])));
    assert_ne!(broken["outcome"], "allow");
    let request = file(
        "explain-base.http",
        sound.replace("Host: api.example", "Host: API.example:443").replace("GET /signed", "GET /signed?x"),
    );
    let allowed = run(&with("explain", &gate, &["--request", &request]));
    assert_eq!(allowed.code, Some(0), "{}", allowed.stdout);
    let other = file("explain-base.http", sound.replace("n\"", "m\""));
    let base = file("signer.base", "\"@authority\": api.example\n\"@method\": get\n");
    let text = run(&with("explain", &gate, &["--request", &other, "--signer-base", &base])).stdout;
    assert!(text.contains("  - \"@method\": GET\n"), "{text}");
    assert!(text.contains("  + \"@method\": get\n"), "{text}");
}

#[test]
fn times_are_told_against_now() {
    let mut gate = gate("explain-times");
    gate[3] = (NOW + 100).to_string();
    let request = file(
        "explain-times.http",
        signed("explain-times", "GET /signed HTTP/1.1\nHost: api.example\n", "n", &[]),
    );
    let text = run(&with("explain", &gate, &["--request", &request])).stdout;
    assert!(text.contains("challenge: signature.expired\n"), "{text}");
    assert!(text.contains("expires    1790000060 (2026-09-21T14:14:20Z), 40 s ago\n"), "{text}");
    assert!(text.contains("what to do\n  unproven: "), "{text}");
}

#[test]
fn components_that_are_missing_are_named() {
    let gate = gate("explain-components");
    let request = "POST /checkout HTTP/1.1\nHost: api.example\n\n{}";
    let request = file("explain-components.http", signed("explain-components", request, "n", &[]));
    let json = explained(&run(&with("explain", &gate, &["--request", &request, "--json"])));
    assert_eq!(json["code"], "signature.component_not_covered");
    assert_eq!(json["explanation"]["missing_components"], json!(["\"content-digest\""]));
}

#[test]
fn what_a_token_says_of_itself_is_shown_and_the_token_is_not() {
    let gate = gate("explain-token");
    let token = unsigned_token(&json!({
        "iss": "https://auth.example", "aud": "https://api.example", "sub": "s", "client_id": "c", "jti": "j",
        "iat": NOW - 700, "exp": NOW - 100, "scope": "order:read",
    }));
    let request = format!("GET /orders HTTP/1.1\nHost: api.example\nAuthorization: Bearer {token}\n");
    let request = file("explain-token.http", request);
    let text = run(&with("explain", &gate, &["--request", &request])).stdout;
    assert!(text.contains("the token says of itself\n"), "{text}");
    assert!(text.contains("exp        1789999900 (2026-09-21T14:11:40Z), 100 s ago\n"), "{text}");
    assert!(!text.contains(&token), "{text}");
}

#[test]
fn nothing_that_a_stranger_writes_is_obeyed_by_a_terminal() {
    let gate = gate("explain-terminal");
    let name = "\u{202e}nimda\u{202c}\u{9b}2J\u{2028}\u{1b}[2J\u{200f}x";
    let token = unsigned_token(&json!({
        "iss": "https://auth.example", "aud": "https://api.example", "sub": name, "client_id": "c", "jti": "j",
        "iat": NOW - 100, "exp": NOW + 100,
    }));
    let request = format!("GET /orders HTTP/1.1\nHost: api.example\nAuthorization: Bearer {token}\n");
    let request = file("explain-terminal.http", request);
    let arguments = with("explain", &gate, &["--request", &request, "--json"]);
    let json = run(&arguments);
    let text = run(&arguments[..arguments.len() - 1]);
    for shown in [&text.stdout, &text.stderr, &json.stdout, &json.stderr] {
        assert!(!shown.chars().any(|c| c != '\n' && name.contains(c) && !c.is_ascii_graphic()), "{shown}");
    }
    let sub = "sub        \u{fffd}nimda\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}[2J\u{fffd}x\n";
    assert!(text.stdout.contains(sub), "{}", text.stdout);
    assert_eq!(explained(&json)["explanation"]["token"]["sub"], name);
}
