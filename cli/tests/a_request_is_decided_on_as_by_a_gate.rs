//! `verify`: a request against a configuration. What is refused first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "support/scene.rs"]
mod scene;
mod support;

use std::process::Command;

use scene::{DIRECTORY, gate, signed, signed_by, with};
use serde_json::Value;
use support::{Run, file, run};

const SIGNED: &str = "GET /signed?a=b HTTP/1.1\nHost: api.example\n";

fn json(run: &Run) -> Value {
    serde_json::from_str(run.stdout.lines().last().unwrap_or_default()).unwrap_or_default()
}

#[test]
fn what_cannot_be_looked_at_exits_with_2_and_says_why_in_json() {
    let gate = gate("verify-misuse");
    let request = file("verify-misuse.http", SIGNED);
    for (more, message) in [
        (&[][..], "needs --request or --har"),
        (&["--request", &request, "--har", &request], "--request or --har, not both"),
        (&["--request", &request, "--entry", "0"], "--entry goes with --har"),
        (&["--request", &request, "--scheme", "ftp"], "--scheme is http or https"),
        (&["--request", "/nowhere"], "cannot read /nowhere"),
        (&["--request", &request, "--source", "nothing"], "--source is URL=FILE"),
        (&["--request", &request, "--source", "ftp://x/=/dev/null"], "is no http or https URL"),
        (&["--request", &request, "--client-address", "10.0.0"], "--client-address is an IP address"),
        (&["--request", &request, "--client-country", "Germany"], "--client-country is two letters"),
        (&["--request", &request, "--client-certificate", &request], "is no certificate"),
        (
            &["--request", &request, "--client-certificate-status", "revoked"],
            "goes with --client-certificate",
        ),
        (&["--request", &request, "--deny-list", &request], "is no JSON object"),
        (&["--request", "-", "--deny-list", "-"], "stdin can be read once"),
    ] {
        let refused = run(&with("verify", &gate, &[more, &["--json"]].concat()));
        assert_eq!(refused.code, Some(2), "{more:?}");
        let error = json(&refused);
        assert!(error["error"].as_str().unwrap_or_default().contains(message), "{more:?}: {error}");
    }
}

#[test]
fn what_is_missing_is_named_with_the_option_that_brings_it() {
    let gate = gate("verify-missing");
    let request = file("verify-missing.http", signed("verify-missing", SIGNED, "n", &[]));
    let arguments = with("verify", &gate[..4], &["--request", &request, "--json"]);
    let refused = run(&arguments);
    let decision = json(&refused);
    assert_eq!((refused.code, &decision["code"]), (Some(2), &"keys.unavailable".into()));
    assert_eq!(decision["missing"][0]["what"], DIRECTORY);
    assert!(decision["missing"][0]["option"].as_str().unwrap().contains(&format!("{DIRECTORY}=FILE")));
    assert!(decision["missing"][0]["how"].as_str().unwrap().starts_with("curl "));
    let text = run(&arguments[..arguments.len() - 1]).stdout;
    assert!(text.contains(&format!("missing: {DIRECTORY}\n")), "{text}");
}

#[test]
fn what_is_printed_to_be_pasted_is_one_word_for_each_argument() {
    // All of it is allowed in a URL, and an agent may write it.
    let agent = "https://agents.example/a';echo$IFS'ran';$(echo)'&b=*/k?c=!;'echo$IFS'ran'";
    let gate = gate("verify-quoting");
    let request = signed_by(agent, "verify-quoting", SIGNED, "n", &[]);
    let request = file("verify-quoting.http", request);
    let arguments = with("verify", &gate[..4], &["--request", &request, "--json"]);
    let missing = &json(&run(&arguments))["missing"][0];
    assert_eq!(missing["what"], agent);
    let text = run(&arguments[..arguments.len() - 1]).stdout;
    let typed = |line: &Value| {
        let line = line.as_str().unwrap();
        assert!(text.contains(&format!(" with {line}\n")), "{text}");
        // Whatever is run prints its words, a line each.
        let script = format!("words() {{ printf '%s\\n' \"$@\"; }}; words {line}");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(output.stderr, b"", "{line}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(typed(&missing["option"]), ["--source".to_owned(), format!("{agent}=FILE")]);
    let how = typed(&missing["how"]);
    assert_eq!(how[..5], ["curl", "-sS", "-i", "-g", "-H"]);
    assert!(how[5].starts_with("Accept: application/"), "{how:?}");
    assert_eq!(how[6..], ["-o", "FILE", agent]);
}

#[test]
fn what_a_source_answers_is_judged_as_a_gate_judges_it() {
    let gate = gate("verify-source");
    let request = file("verify-source.http", signed("verify-source", SIGNED, "n", &[]));
    for (answer, code) in [
        ("HTTP/2 404 \n\n", "signature.directory_invalid"),
        ("HTTP/1.1 302 Found\nlocation: /\n\n", "signature.directory_invalid"),
        ("HTTP/1.1 200 OK\ncontent-type: text/html\n\n{\"keys\":[]}", "signature.directory_invalid"),
        ("{\"keys\":[]}", "signature.key_unknown"),
        ("no set", "signature.directory_invalid"),
    ] {
        let source = format!("{DIRECTORY}={}", file("verify-source-answer", answer));
        let refused =
            run(&with("verify", &gate[..4], &["--source", &source, "--request", &request, "--json"]));
        assert_eq!((refused.code, json(&refused)["code"].as_str()), (Some(1), Some(code)), "{answer}");
    }
}

#[test]
fn what_is_no_request_is_refused_as_a_server_refuses_it() {
    let gate = gate("verify-malformed");
    for text in ["GET / HTTP/1.1\n\n", "GET  / HTTP/1.1\nHost: api.example\n\n", "hello"] {
        let refused = run(&with("verify", &gate, &["--request", &file("malformed.http", text), "--json"]));
        let decision = json(&refused);
        assert_eq!((refused.code, decision["code"].as_str()), (Some(1), Some("request.malformed")), "{text}");
        assert!(decision["detail"].is_string() && decision["problem"]["status"] == 400);
    }
}

#[test]
fn a_good_request_is_allowed_once_and_refused_as_a_replay() {
    let gate = gate("verify-replay");
    let request = file("verify-replay.http", signed("verify-replay", SIGNED, "n-1", &[]));
    let once = run(&with("verify", &gate, &["--request", &request, "--json"]));
    let decision = json(&once);
    assert_eq!((once.code, once.stderr.as_str()), (Some(0), ""));
    assert_eq!((decision["outcome"].as_str(), decision["code"].as_str()), (Some("allow"), Some("ok")));
    assert_eq!(decision["agent"]["id"], DIRECTORY);
    assert!(decision.get("problem").is_none() && decision.get("missing").is_none());
    let twice = run(&with("verify", &gate, &["--request", &request, "--request", &request, "--json"]));
    let codes: Vec<_> =
        twice.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    assert_eq!((twice.code, codes.len()), (Some(1), 2));
    assert_eq!((&codes[0]["code"], &codes[1]["code"]), (&"ok".into(), &"signature.replayed".into()));
    assert_eq!(run(&with("verify", &gate, &["--request", &request, "--json"])).stdout, once.stdout);
}

#[test]
fn a_request_is_judged_at_the_time_that_is_given() {
    let gate = gate("verify-time");
    let request = file("verify-time.http", signed("verify-time", SIGNED, "n", &[]));
    let at = |now: &str| {
        let mut gate = gate.clone();
        now.clone_into(&mut gate[3]);
        json(&run(&with("verify", &gate, &["--request", &request, "--json"])))["code"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(at("1790000060"), "signature.expired");
    assert_eq!(at("1789999900"), "signature.created_in_future");
    assert_eq!(at("2026-09-21T14:13:59Z"), "ok");
}

#[test]
fn the_connection_is_what_the_caller_says() {
    let gate = gate("verify-client");
    let near = file("verify-near.http", "GET /near HTTP/1.1\nHost: api.example\n");
    let codes = |more: &[&str]| {
        let run = run(&with(
            "verify",
            &gate,
            &[&["--request", &near, "--request", &near, "--json"], more].concat(),
        ));
        let codes = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        codes.map(|decision| decision["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&["--client-address", "2001:db8::1"]), ["ok", "rate.exceeded"]);
}

#[test]
fn a_source_that_nobody_asks_for_is_told() {
    let gate = gate("verify-unused");
    let near = file("verify-unused.http", "GET /near HTTP/1.1\nHost: api.example\n");
    let told = run(&with("verify", &gate, &["--request", &near]));
    assert_eq!(told.code, Some(0), "{}", told.stdout);
    assert!(told.stderr.contains(&format!("nobody asked for {DIRECTORY}")), "{}", told.stderr);
}

#[test]
fn a_registry_or_a_deny_list_that_is_none_is_refused() {
    let gate = gate("verify-published");
    let request = file("published.http", "GET /near HTTP/1.1\nHost: api.example\n\n");
    let sound = [
        ("--agents", r#"{"version":1,"revision":3,"published_at":5,"agents":[]}"#),
        ("--deny-list", "\u{feff}{\"version\":1,\"revision\":0,\"denied\":\"\"}"),
    ];
    for (option, document) in sound {
        let decided =
            run(&with("verify", &gate, &["--request", &request, option, &file("published.json", document)]));
        assert_eq!(decided.code, Some(0), "{}", decided.stderr);
        for none in
            ["{}", r#"{"agents":[]}"#, r#"{"denied":[]}"#, r#"{"revision":0,"denied":"*","version":1}"#]
        {
            let none = file("published-none.json", none);
            let refused = run(&with("verify", &gate, &["--request", &request, option, &none]));
            assert_eq!(refused.code, Some(2), "{}", refused.stdout);
            assert!(refused.stderr.contains("wrangler kv key get"), "{}", refused.stderr);
        }
    }
}
