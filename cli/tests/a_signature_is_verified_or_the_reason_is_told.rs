//! `verify signature`: one fault a case, each with its outcome and its code; and nothing with a fault verified.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{file, private_key, public_key, run, run_with};

/// RFC 9421 appendix B.2, with the signature of B.2.6.
const OF_THE_STANDARD: &str = "POST /foo?param=Value&Pet=dog HTTP/1.1\n\
    Host: example.com\n\
    Date: Tue, 20 Apr 2021 02:07:55 GMT\n\
    Content-Type: application/json\n\
    Content-Digest: sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\n\
    Content-Length: 18\n\
    Signature-Input: sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"\n\
    Signature: sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:\n\
    \n\
    {\"hello\": \"world\"}\n";

/// RFC 9421 appendix B.1.4, whose private half is printed there.
const KEY_OF_THE_STANDARD: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"test-key-ed25519",
    "x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs","d":"n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU"}"#;

const UNSIGNED: &str = "POST /a/b?q=1&name=x HTTP/1.1\r\nHost: api.example\r\nContent-Type: text/plain\r\n\
    X-Text: a  b\r\nX-Dict: a=1, b=2\r\nContent-Length: 5\r\n\r\nhello";
const COVERED: &[&str] = &[
    "@method",
    "@authority",
    "@path",
    "@query",
    "\"@query-param\";name=\"name\"",
    "content-type",
    "x-text",
    "\"x-dict\";key=\"a\"",
];
const CREATED: i64 = 1_700_000_000;

/// The message, signed with Ed25519, which always gives the same signature.
fn signed(name: &str, options: &[&str]) -> String {
    let key = file(&format!("{name}.key.json"), private_key("ed25519").to_string());
    let created = CREATED.to_string();
    let covered = COVERED.iter().flat_map(|component| ["--component", component]);
    let mut arguments = vec!["sign", "--request", "-", "--key", &key, "--created", &created];
    arguments.extend(["--digest", "sha-256"]);
    arguments.extend(covered);
    arguments.extend(options);
    let lines = run_with(&arguments, UNSIGNED);
    assert_eq!((lines.code, lines.stderr.as_str()), (Some(0), ""));
    UNSIGNED.replacen("\r\n\r\n", &format!("\r\n{}\r\n", lines.stdout.replace('\n', "\r\n")), 1)
}

/// The report; the exit code must agree with it.
fn verify(name: &str, message: impl AsRef<[u8]>, keys: &Value, options: &[&str]) -> Value {
    let request = file(&format!("{name}.http"), message);
    let keys = file(&format!("{name}.keys.json"), keys.to_string());
    let now = (CREATED + 1).to_string();
    let mut arguments = vec!["verify", "signature", "--request", &request, "--keys", &keys, "--json"];
    if !options.contains(&"--now") {
        arguments.extend(["--now", &now]);
    }
    arguments.extend(options);
    let judged = run(&arguments);
    let report: Value = serde_json::from_str(&judged.stdout).unwrap();
    assert_eq!(
        (judged.code, judged.stderr.as_str()),
        (Some(i32::from(report["outcome"] != "verified")), ""),
        "{name}"
    );
    report
}

fn keys() -> Value {
    json!({ "keys": [public_key("ed25519")] })
}

#[track_caller]
fn is_refused(name: &str, message: impl AsRef<[u8]>, options: &[&str], outcome: &str, code: &str) {
    let report = verify(name, message, &keys(), options);
    assert_eq!((&report["outcome"], &report["code"]), (&json!(outcome), &json!(code)), "{name}: {report}");
    assert!(!report["title"].as_str().unwrap().is_empty());
}

#[test]
fn the_signature_of_the_standard_is_verified() {
    let mut key: Value = serde_json::from_str(KEY_OF_THE_STANDARD).unwrap();
    key.as_object_mut().unwrap().remove("d");
    for keys in [key.clone(), json!({ "keys": [key] })] {
        let report = verify("standard", OF_THE_STANDARD, &keys, &["--now", "1618884475"]);
        assert_eq!(report["outcome"], "verified", "{report}");
        assert_eq!(report["label"], "sig-b26");
        assert_eq!(report["created"], 1_618_884_473);
        assert_eq!(report["components"][5], "\"content-length\"");
    }
    let later = verify("standard", OF_THE_STANDARD, &key, &["--now", "1718884475"]);
    assert_eq!((&later["outcome"], &later["code"]), (&json!("invalid"), &json!("signature.too_old")));
}

#[test]
fn what_is_whole_is_verified() {
    let whole = signed("whole", &[]);
    for (name, message) in [
        ("whole", whole.clone()),
        // Nothing of this is covered, or it reads the same.
        ("line-ends", whole.replace("\r\n", "\n")),
        ("ends", whole.replace("X-Text: a  b", "X-Text:   a  b  ")),
        ("other-member", whole.replace("b=2", "b=3")),
        ("host-case", whole.replace("Host: api.example", "Host: API.Example")),
        ("default-port", whole.replace("Host: api.example", "Host: api.example:443")),
        ("field-case", whole.replace("Content-Type:", "content-TYPE:")),
        ("uncovered", whole.replace("Host:", "X-Other: 1\r\nHost:")),
        ("absolute", whole.replace("POST /a", "POST https://api.example/a")),
    ] {
        let report = verify(name, message, &keys(), &[]);
        assert_eq!(
            (&report["outcome"], &report["code"]),
            (&json!("verified"), &json!("ok")),
            "{name}: {report}"
        );
    }
}

#[test]
fn a_change_of_what_is_covered_is_invalid() {
    let whole = signed("changed", &[]);
    for (name, from, to) in [
        ("method", "POST ", "PUT "),
        ("method-case", "POST ", "post "),
        ("authority", "Host: api.example", "Host: evil.example"),
        ("port", "Host: api.example", "Host: api.example:8443"),
        ("path", "/a/b?", "/a/c?"),
        ("path-case", "/a/b?", "/a/B?"),
        ("path-encoding", "/a/b?", "/a/%62?"),
        ("path-slash", "/a/b?", "/a/b/?"),
        ("path-dots", "/a/b?", "/a/./b?"),
        ("query", "q=1", "q=2"),
        ("query-more", "q=1", "q=1&z"),
        ("query-order", "q=1&name=x", "name=x&q=1"),
        ("field", "text/plain", "text/html"),
        ("white-space", "a  b", "a b"),
        ("fold", "a  b", "a\r\n b"),
        ("field-twice", "X-Text: a  b", "X-Text: a  b\r\nX-Text: c"),
        ("member", "a=1", "a=2"),
        ("member-params", "a=1", "a=1;x"),
        ("created", ";created=1700000000", ";created=1700000001"),
        ("expires", ";expires=1700000060", ";expires=1700000061"),
        ("components", "\"@method\" \"@authority\"", "\"@authority\" \"@method\""),
        ("fewer", "\"@method\" ", ""),
    ] {
        assert!(whole.contains(from), "{name}");
        is_refused(
            &format!("changed-{name}"),
            whole.replacen(from, to, 1),
            &[],
            "invalid",
            "signature.invalid",
        );
    }
}

#[test]
fn each_fault_of_the_fields_has_its_code() {
    let whole = signed("fields", &[]);
    let line = |name: &str| {
        whole.split("\r\n").find(|line| line.starts_with(name)).map(|line| format!("{line}\r\n")).unwrap()
    };
    let (input, signature) = (line("Signature-Input: "), line("Signature: "));
    let without = |line: &str| whole.replace(line, "");
    let changed = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1)
    };
    let many: Vec<_> = (0..100).map(|n| format!("\"x-{n}\"")).collect();
    let many = many.join(" ");
    for (name, message, outcome, code) in [
        ("unsigned", without(&input).replace(&signature, ""), "unverified", "signature.missing"),
        ("no-input", without(&input), "invalid", "signature.unpaired_label"),
        ("no-signature", without(&signature), "invalid", "signature.unpaired_label"),
        (
            "other-label",
            changed("Signature: sig1=", "Signature: sig2="),
            "invalid",
            "signature.unpaired_label",
        ),
        ("input-twice", changed(&input, &input.repeat(2)), "invalid", "signature.duplicate_label"),
        (
            "signature-twice",
            changed(&signature, &signature.repeat(2)),
            "invalid",
            "signature.duplicate_label",
        ),
        ("no-bytes", changed("Signature: sig1=:", "Signature: sig1=\":"), "invalid", "signature.malformed"),
        ("no-list", changed("sig1=(", "sig1=["), "invalid", "signature.malformed"),
        ("empty", changed(&signature, "Signature: sig1=::\r\n"), "invalid", "signature.malformed"),
        ("short", changed(&signature, "Signature: sig1=:AAAA:\r\n"), "invalid", "signature.invalid"),
        (
            "too-many",
            changed("(\"@method\"", &format!("({many} \"@method\"")),
            "invalid",
            "signature.too_large",
        ),
        ("unknown", changed("\"@method\"", "\"@methods\""), "unverified", "signature.component_unsupported"),
        (
            "case",
            changed("\"content-type\"", "\"Content-Type\""),
            "unverified",
            "signature.component_unsupported",
        ),
        (
            "twice",
            changed("\"@method\"", "\"@method\" \"@method\""),
            "invalid",
            "signature.component_duplicate",
        ),
        ("status", changed("\"@method\"", "\"@status\""), "unverified", "signature.component_unsupported"),
        ("req", changed("\"@method\"", "\"@method\";req"), "unverified", "signature.component_unsupported"),
        ("missing", changed("Content-Type: text/plain\r\n", ""), "invalid", "signature.component_missing"),
        ("missing-member", changed("a=1, ", ""), "invalid", "signature.component_missing"),
        ("missing-param", changed("&name=x", ""), "invalid", "signature.component_missing"),
        ("repeated-param", changed("&name=x", "&name=x&name=x"), "invalid", "signature.component_invalid"),
        ("non-ascii", changed("a  b", "a é"), "invalid", "signature.component_invalid"),
        ("no-dictionary", changed("a=1, b=2", "a=1, b=;"), "invalid", "signature.component_invalid"),
        ("no-created", changed(";created=1700000000", ""), "invalid", "signature.parameter_missing"),
        ("created-text", changed("=1700000000", "=\"1700000000\""), "invalid", "signature.parameter_invalid"),
        (
            "created-twice",
            changed(";created=", ";created=1;created="),
            "invalid",
            "signature.parameter_invalid",
        ),
        (
            "keyid-token",
            changed("\"test-ed25519\"", "test-ed25519"),
            "invalid",
            "signature.parameter_invalid",
        ),
        ("keyid", changed("\"test-ed25519\"", "\"other\""), "unverified", "signature.key_unknown"),
        (
            "alg",
            changed(";keyid", ";alg=\"ecdsa-p256-sha256\";keyid"),
            "invalid",
            "signature.algorithm_mismatch",
        ),
        (
            "alg-unknown",
            changed(";keyid", ";alg=\"ed448\";keyid"),
            "invalid",
            "signature.algorithm_not_allowed",
        ),
        ("content", changed("\r\n\r\nhello", "\r\n\r\nhullo"), "invalid", "signature.digest_mismatch"),
    ] {
        is_refused(&format!("fields-{name}"), message, &[], outcome, code);
    }
}

#[test]
fn each_demand_that_is_not_met_has_its_code() {
    let whole = signed("demands", &[]);
    let two_days = signed("demands-window", &["--expires-in", "2d"]);
    for (name, message, options, outcome, code) in [
        ("future", &whole, &["--now", "1699999900"][..], "invalid", "signature.created_in_future"),
        (
            "skew",
            &whole,
            &["--now", "1699999999", "--clock-skew", "0s"],
            "invalid",
            "signature.created_in_future",
        ),
        ("expired", &whole, &["--now", "1700000060"], "invalid", "signature.expired"),
        ("window", &two_days, &[], "invalid", "signature.window_invalid"),
        ("require", &whole, &["--require", "@target-uri"], "invalid", "signature.component_not_covered"),
        ("require-key", &whole, &["--require", "x-dict"], "invalid", "signature.component_not_covered"),
        ("param", &whole, &["--require-param", "nonce"], "invalid", "signature.parameter_missing"),
        (
            "algorithm",
            &whole,
            &["--algorithm", "rsa-pss-sha512"],
            "invalid",
            "signature.algorithm_not_allowed",
        ),
        ("narrow", &whole, &["--max-window", "59s"], "invalid", "signature.window_invalid"),
        ("tag", &whole, &["--tag", "mine"], "unverified", "signature.tag_unknown"),
        ("profile", &whole, &["--profile", "web-bot-auth"], "unverified", "signature.tag_unknown"),
        ("label", &whole, &["--label", "sig2"], "unverified", "signature.missing"),
        (
            "scheme",
            &whole,
            &["--scheme", "http", "--require", "@scheme"],
            "invalid",
            "signature.component_not_covered",
        ),
    ] {
        is_refused(&format!("demands-{name}"), message, options, outcome, code);
    }
    let options = &["--require", "@method", "--require", "\"x-dict\";key=\"a\"", "--label", "sig1"];
    assert_eq!(verify("demands-met", &whole, &keys(), options)["code"], "ok");
}

#[test]
fn each_message_that_is_none_is_refused_and_says_what_it_is() {
    let whole = signed("messages", &[]);
    let changed = |from: &str, to: &str| whole.replacen(from, to, 1);
    for (name, message, code, detail) in [
        ("nothing", String::new(), "request.malformed", "METHOD TARGET HTTP/1.1"),
        ("version", changed("HTTP/1.1", "HTTP/2"), "request.malformed", "only messages of HTTP/1.1"),
        ("no-host", changed("Host: api.example\r\n", ""), "request.malformed", "no Host"),
        (
            "two-hosts",
            changed("Host:", "Host: api.example\r\nHost:"),
            "request.malformed",
            "more than one Host",
        ),
        (
            "conflict",
            changed("POST /", "POST https://evil.example/"),
            "request.malformed",
            "another authority",
        ),
        ("userinfo", changed("Host: ", "Host: a@"), "request.malformed", "authority"),
        ("name", changed("X-Text:", "X-Text :"), "request.malformed", "not allowed"),
        ("control", changed("a  b", "a\u{1}b"), "request.malformed", "not allowed"),
        ("fragment", changed("/a/b?", "/a/b#c?"), "request.malformed", "target"),
        (
            "length",
            changed("Length: 5", "Length: 4"),
            "request.malformed",
            "Content-Length is 4, but 5 bytes",
        ),
        (
            "short",
            changed("Length: 5", "Length: 6"),
            "request.body_unreadable",
            "Content-Length is 6, but only 5",
        ),
        ("framing", changed("Host:", "Transfer-Encoding: chunked\r\nHost:"), "request.malformed", "both"),
        (
            "fields",
            changed("Host:", &format!("{}Host:", "X: y\r\n".repeat(200))),
            "request.too_large",
            "too many",
        ),
    ] {
        let report = verify(&format!("messages-{name}"), message, &keys(), &[]);
        assert_eq!(
            (&report["outcome"], &report["code"]),
            (&json!("invalid"), &json!(code)),
            "{name}: {report}"
        );
        assert!(report["detail"].as_str().unwrap().contains(detail), "{name}: {report}");
    }
}

#[test]
fn keys_count_for_what_they_are() {
    let sign = |name: &str, key: &Value, options: &[&str]| {
        let key = file(&format!("keys-{name}.key.json"), key.to_string());
        let created = CREATED.to_string();
        let arguments =
            ["sign", "--request", "-", "--key", &key, "--created", &created, "--component", "@method"];
        let lines = run_with(&[&arguments, options].concat(), UNSIGNED);
        assert_eq!(lines.code, Some(0), "{}", lines.stderr);
        UNSIGNED.replacen("\r\n\r\n", &format!("\r\n{}\r\n", lines.stdout.replace('\n', "\r\n")), 1)
    };
    let code = |name: &str, message: &str, key: Value, options: &[&str]| {
        verify(&format!("keys-{name}"), message, &key, options)["code"].as_str().unwrap().to_owned()
    };
    let by_rsa = sign("rsa", &private_key("rsa"), &[]);
    assert_eq!(code("rsa", &by_rsa, public_key("rsa"), &[]), "signature.algorithm_ambiguous");
    let mut for_pss = public_key("rsa");
    for_pss["alg"] = json!("PS512");
    assert_eq!(code("pss", &by_rsa, for_pss, &[]), "ok");
    let mut for_v15 = public_key("rsa");
    for_v15["alg"] = json!("RS256");
    assert_eq!(code("v15", &by_rsa, for_v15, &[]), "signature.invalid");

    // Whoever has the public key must not be able to sign with it as a shared secret.
    let by_shared = sign("shared", &private_key("oct"), &["--keyid", "test-ed25519", "--alg", "hmac-sha256"]);
    let confused = code("confused", &by_shared, public_key("ed25519"), &[]);
    assert!(confused != "ok" && confused.starts_with("signature."), "{confused}");

    let standard: Value = serde_json::from_str(KEY_OF_THE_STANDARD).unwrap();
    let agent = ["--profile", "web-bot-auth", "--agent", "https://agents.example"];
    let by_standard = sign("standard", &standard, &agent);
    let mut public = standard.clone();
    public.as_object_mut().unwrap().remove("d");
    let profile = ["--profile", "web-bot-auth"];
    assert_eq!(code("forbidden", &by_standard, public.clone(), &profile), "signature.key_forbidden");
    let allowed = [&profile[..], &["--allow-test-keys"]].concat();
    assert_eq!(code("allowed", &by_standard, public.clone(), &allowed), "ok");
    assert_eq!(code("elsewhere", &by_standard, public_key("ed25519"), &profile), "signature.key_unknown");
}

#[test]
fn an_explanation_shows_the_base_and_what_was_done_otherwise() {
    let whole = signed("explained", &[]);
    let moved = whole.replacen("Host: api.example", "Host: api.example:8443", 1);
    let report = verify("explained", &moved, &keys(), &["--explain"]);
    assert_eq!(report["code"], "signature.invalid");
    let base = report["base"].as_str().unwrap();
    assert!(base.starts_with("\"@method\": POST\n\"@authority\": api.example:8443\n"), "{base}");
    assert_eq!(report["hint"]["code"], "authority", "{report}");
    assert_eq!(verify("unexplained", &moved, &keys(), &[]).get("base"), None);
    assert_eq!(verify("nothing-to-explain", &whole, &keys(), &["--explain"]).get("hint"), None);
}

#[test]
fn people_get_the_same_in_lines() {
    let (request, keys) =
        (file("people.http", signed("people", &[])), file("people.keys.json", keys().to_string()));
    let now = (CREATED + 1).to_string();
    let arguments = ["verify", "signature", "--request", &request, "--keys", &keys, "--now", &now];
    let judged = run(&arguments);
    assert_eq!(judged.code, Some(0), "{}", judged.stderr);
    assert!(judged.stdout.starts_with("verified: ok\n"), "{}", judged.stdout);
    assert!(judged.stdout.contains("\n  keyid      test-ed25519\n"), "{}", judged.stdout);

    let changed =
        file("people.http", signed("people", &[]).replace("Host: api.example", "Host: \u{1b}api.example"));
    let arguments =
        ["verify", "signature", "--request", &changed, "--keys", &keys, "--now", &now, "--explain"];
    let judged = run(&arguments);
    assert_eq!(judged.code, Some(1));
    assert!(judged.stdout.starts_with("invalid: request.malformed\n"), "{}", judged.stdout);
    assert!(!judged.stdout.contains('\u{1b}'));

    let moved = file("people.http", signed("people", &[]).replace("/a/b?", "/a//b?"));
    let arguments = ["verify", "signature", "--request", &moved, "--keys", &keys, "--now", &now, "--explain"];
    let judged = run(&arguments);
    assert!(judged.stdout.contains("\n  \"@path\": /a//b\n"), "{}", judged.stdout);
}

#[test]
fn what_cannot_be_looked_at_is_told_and_exits_with_2() {
    let request = file("usage.http", UNSIGNED);
    let good = file("usage.keys.json", keys().to_string());
    let bad = file("usage.bad.json", "{\"keys\": 7}");
    let large = file("usage.large.http", vec![b'a'; 8 * 1024 * 1024 + 1]);
    let with = |options: &[&str]| run(&[&["verify", "signature", "--json"], options].concat());
    for (options, message) in [
        (&["--request", &request, "--keys", "absent.json"][..], "cannot read absent.json"),
        (&["--request", "absent.http", "--keys", &good], "cannot read absent.http"),
        (&["--request", &request, "--keys", &request], "usage.http: "),
        (&["--request", &request, "--keys", &bad], "usage.bad.json: "),
        (&["--request", &large, "--keys", &good], "longer than 8 MiB"),
        (&["--keys", &good], "needs --request, --response, or both"),
        (&["--request", "-", "--keys", "-"], "cannot both be read from stdin"),
        (&["--request", &request, "--keys", &good, "--now", "today"], "--now is seconds since 1970"),
        (&["--request", &request, "--keys", &good, "--now", "-1"], "--now is seconds since 1970"),
        (
            &["--request", &request, "--keys", &good, "--profile", "mine"],
            "--profile is one of web-bot-auth, ",
        ),
        (
            &["--request", &request, "--keys", &good, "--require", "@mine"],
            "\"@mine\": derived component is not known",
        ),
        (
            &["--request", &request, "--keys", &good, "--algorithm", "ed448"],
            "--algorithm is one of ed25519, ",
        ),
        (
            &["--request", &request, "--keys", &good, "--require-param", "x"],
            "--require-param is one of created, ",
        ),
        (&["--request", &request, "--keys", &good, "--scheme", "ws"], "--scheme is http or https"),
        (
            &["--request", &request, "--keys", &good, "--clock-skew", "1 s"],
            "--clock-skew is a length of time",
        ),
    ] {
        let refused = with(options);
        assert_eq!(refused.code, Some(2), "{options:?}: {}", refused.stdout);
        assert!(refused.stderr.contains(message), "{options:?}: {}", refused.stderr);
        let error: Value = serde_json::from_str(&refused.stdout).unwrap();
        assert!(error["error"].as_str().unwrap().contains(message), "{error}");
    }
    let misused = run(&["verify", "signature", "--request", &request]);
    assert_eq!((misused.code, misused.stdout.as_str()), (Some(2), ""));
    assert!(misused.stderr.contains("verify signature needs --keys\nusage: "), "{}", misused.stderr);
}
