//! `policy test` and `policy explain`: cases as data, what came of them, and why.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{file, run, run_with};

const GATE: &str = "cli/tests/policy/gate.toml";
const CASES: &str = "cli/tests/policy/cases.toml";

fn with(command: &str, cases: &str, more: &[&str]) -> support::Run {
    let arguments: Vec<_> = ["policy", command, "--config", GATE, "--cases", "-"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    run_with(&arguments, cases)
}

/// The cases of the example, one of which is changed.
fn changed(from: &str, to: &str) -> String {
    let cases = std::fs::read_to_string(support::root().join(CASES)).unwrap();
    assert_eq!(cases.matches(from).count(), 1, "{from}");
    cases.replace(from, to)
}

#[test]
fn the_example_permits_what_it_says() {
    let tested = run(&["policy", "test", "--config", GATE, "--cases", CASES]);
    assert_eq!((tested.code, tested.stderr.as_str()), (Some(0), ""), "{}", tested.stdout);
    assert_eq!(tested.stdout.lines().last(), Some("11 of 11 as expected"));
    let large = tested.stdout.lines().find(|line| line.contains("a large payment")).unwrap();
    let words: Vec<_> = large.split_whitespace().collect();
    assert_eq!(
        words,
        ["ok", "a", "large", "payment", "approve", "policy.approval_required", "large-payment"]
    );
}

#[test]
fn what_is_not_as_expected_is_a_fault() {
    for (from, to) in [
        ("outcome = \"allow\", code = \"ok\", rule = false", "outcome = \"deny\""),
        ("code = \"policy.no_route\"", "code = \"ok\""),
        ("rule = \"embargo\"", "rule = \"own-account\""),
        ("rule = \"embargo\"", "rule = false"),
        ("amount = \"1000.01\"", "amount = \"1000.00\""),
        ("2026-11-23T17:29:59+01:00", "2026-11-23T17:30:00+01:00"),
        ("2026-11-23T17:29:59+01:00", "2026-11-22T17:29:59+01:00"),
    ] {
        let tested = with("test", &changed(from, to), &[]);
        assert_eq!(tested.code, Some(1), "{to}: {}", tested.stdout);
        assert_eq!(tested.stdout.lines().last(), Some("10 of 11 as expected"), "{to}");
        let failed = tested.stdout.lines().find(|line| line.starts_with("FAIL")).unwrap();
        assert!(failed.contains("(expected "), "{failed}");
    }
    let tested = with(
        "test",
        &changed("code = \"policy.no_route\"", "code = \"ok\""),
        &["--json", "--case", "nowhere"],
    );
    let report: Value = serde_json::from_str(&tested.stdout).unwrap();
    let case = json!({ "name": "nowhere", "good": false, "route": null, "outcome": "deny", "code": "policy.no_route", "rule": null });
    assert_eq!((tested.code, report), (Some(1), json!({ "good": false, "cases": [case] })));
}

#[test]
fn each_rule_is_explained() {
    let explained =
        run(&["policy", "explain", "--config", GATE, "--cases", CASES, "--case", "from where nobody knows"]);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    assert_eq!(
        explained.stdout,
        "from where nobody knows\n  route POST /accounts/{account}/payments\n  scope: ok\n  roles: ok\n  \
         authorization_details: ok\n  amount: ok\n  rule own-account (deny): does not match\n    \
         unless claim accounts: yes\n  rule treasury-in-the-office (allow): does not match\n    when claim roles: no\n    \
         when time in Europe/Berlin: no\n    when network: unknown\n  rule embargo (deny): matches, and decides\n    \
         unless network: unknown\n  rule large-payment (approve): does not match\n    \
         when amount above 100000 EUR: no\n  deny, policy.rule_denied\n"
    );
    let explained = run(&["policy", "explain", "--config", GATE, "--cases", CASES, "--json"]);
    let report: Value = serde_json::from_str(&explained.stdout).unwrap();
    assert_eq!(report["cases"].as_array().unwrap().len(), 11);
    let embargo = &report["cases"][4]["rules"][2];
    assert_eq!((&embargo["matches"], &embargo["holds"]), (&json!(true), &json!("unknown")));
    assert_eq!(embargo["unless"], json!([{ "about": "network", "holds": "unknown" }]));
}

#[test]
fn cases_that_cannot_be_read_are_refused() {
    for (from, to, said) in [
        ("code = \"policy.no_route\"", "cod = \"ok\"", "cases[10].expect.cod: is not known"),
        (
            "name = \"nowhere\"\nnow = \"2026-11-23T20:00:00Z\"",
            "name = \"nowhere\"",
            "cases[10].now: is missing",
        ),
        ("name = \"nowhere\"", "nam = \"nowhere\"", "cases[10].nam: is not known"),
        ("2026-11-23T17:29:59+01:00", "2026-11-23 17:29:59", "cases[5].now: is no time"),
        ("2026-11-23T17:29:59+01:00", "2026-13-23T17:29:59Z", "cases[5].now: is no time"),
        ("\"::ffff:192.0.2.8\"", "\"here\"", "cases[5].request.client.address: is no address"),
        (
            "{ url = \"https://api.bank.example/accounts\" }",
            "{ url = \"/accounts\" }",
            "cases[10].request.url: ",
        ),
        ("rule = \"embargo\"", "rule = true", "cases[4].expect.rule: is no name"),
        ("scope = \"payments:read\"", "scope = 1", "cases[7].proven.claims: "),
        ("scope = \"payments:read\"", "iss = \"https://other.example\"", "cases[7].proven.claims: "),
        ("# What the configuration", "case = 1\n# What the configuration", "case: is not known"),
    ] {
        let refused = with("test", &changed(from, to), &[]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{to}");
        assert!(refused.stderr.contains(said), "{to}: {}", refused.stderr);
    }
    let twice = "{\"cases\":[{\"name\":\"a\",\"name\":\"b\",\"now\":1,\"request\":{\"url\":\"https://api.bank.example/\"}}]}";
    assert!(with("test", twice, &[]).stderr.contains("twice"));
    assert_eq!(with("test", "cases = []", &[]).code, Some(2));
    assert_eq!(with("test", &changed("nowhere", "somewhere"), &["--case", "nowhere"]).code, Some(2));
    let bad = file(
        "policy-bad.toml",
        "origin = \"https://o.example\"\npublic_origins = [\"https://api.example\"]\nroutes = [{ match = \"* /**\", require = [\"token\"] }]\n",
    );
    let refused = run(&["policy", "test", "--config", &bad, "--cases", CASES]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("routes[0].require: "), "{}", refused.stderr);
}

#[test]
fn a_time_may_be_one_of_toml_or_a_text() {
    let gate = "origin = \"http://127.0.0.1:9000\"\npublic_origins = [\"https://api.example\"]\n[[routes]]\nmatch = \"GET /\"\nrequire = []\n";
    let gate = file("time-gate.toml", gate);
    for (now, code) in [
        ("2026-11-23T09:00:00+01:00", 0),
        ("2026-11-23 08:00:00.5Z", 0),
        ("\"2026-11-23T09:00:00+01:00\"", 0),
        ("1795420800", 0),
        ("2026-11-23T09:00:00", 2),
        ("2026-11-23", 2),
    ] {
        let cases = format!(
            "[[cases]]\nname = \"a\"\nnow = {now}\nrequest = {{ method = \"GET\", url = \"https://api.example/\" }}\n"
        );
        let cases = file("time-cases.toml", cases);
        let tried = run(&["policy", "test", "--config", &gate, "--cases", &cases]);
        assert_eq!(tried.code, Some(code), "{now}: {}{}", tried.stdout, tried.stderr);
    }
}
