//! `sign` and `verify signature`: each algorithm, each kind of message and each profile there and back.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{file, private_key, public_key, run, run_with};

const REQUEST: &str = "POST /a/b?q=1&q=2&name=a%20b HTTP/1.1\r\nHost: API.example:443\r\n\
    Content-Type: text/plain\r\nX-Dict: a=1, b=(1 2);x\r\nX-Fold: one\r\n  two\r\n\
    Content-Length: 5\r\n\r\nhello";
const NOW: &str = "1700000000";

/// A request or response with these lines added to its fields.
fn with_lines(message: &str, lines: &str) -> String {
    message.replacen("\r\n\r\n", &format!("\r\n{}\r\n", lines.replace('\n', "\r\n")), 1)
}

/// Signs with a key, and gives the lines to add.
fn sign(name: &str, key: &str, message: &str, options: &[&str]) -> String {
    let key = file(&format!("{name}.key.json"), private_key(key).to_string());
    let arguments = [&["sign", "--request", "-", "--key", &key, "--created", NOW], options].concat();
    let signed = run_with(&arguments, message);
    assert_eq!((signed.code, signed.stderr.as_str()), (Some(0), ""), "{name}");
    signed.stdout
}

/// Verifies with a key; gives the report, once it is certain that the exit code agrees.
fn verify(name: &str, key: &str, message: &str, options: &[&str]) -> Value {
    let keys = file(&format!("{name}.keys.json"), json!({ "keys": [public_key(key)] }).to_string());
    let arguments =
        [&["verify", "signature", "--request", "-", "--keys", &keys, "--now", NOW, "--json"], options]
            .concat();
    let judged = run_with(&arguments, message);
    let report: Value = serde_json::from_str(&judged.stdout).unwrap();
    assert_eq!(judged.code, Some(i32::from(report["outcome"] != "verified")), "{name}: {report}");
    report
}

#[test]
fn every_algorithm_is_signed_and_verified_and_a_change_refused() {
    for (key, option, algorithm) in [
        ("ed25519", None, "ed25519"),
        ("p256", None, "ecdsa-p256-sha256"),
        ("p384", None, "ecdsa-p384-sha384"),
        ("rsa", Some("rsa-pss-sha512"), "rsa-pss-sha512"),
        ("rsa", Some("rsa-v1_5-sha256"), "rsa-v1_5-sha256"),
        ("oct", None, "hmac-sha256"),
    ] {
        let name = format!("algorithm-{algorithm}");
        let mut options = vec!["--component", "@method", "--component", "@target-uri", "--digest", "sha-512"];
        options.extend(option.into_iter().flat_map(|algorithm| ["--alg", algorithm]));
        let signed = with_lines(REQUEST, &sign(&name, key, REQUEST, &options));
        let report = verify(&name, key, &signed, &[]);
        assert_eq!((&report["outcome"], &report["code"]), (&json!("verified"), &json!("ok")), "{report}");
        assert_eq!(report["algorithm"], algorithm);
        assert_eq!(report["keyid"], format!("test-{key}"));

        let report = verify(&name, key, &signed.replacen("/a/b?", "/a/c?", 1), &[]);
        assert_eq!((&report["outcome"], &report["code"]), (&json!("invalid"), &json!("signature.invalid")));
        let report = verify(&name, key, &signed.replace("hello", "hullo"), &[]);
        assert_eq!(report["code"], "signature.digest_mismatch");
    }
}

#[test]
fn every_component_of_a_request_can_be_covered() {
    let components = [
        "@method",
        "@target-uri",
        "@authority",
        "@scheme",
        "@request-target",
        "@path",
        "@query",
        "\"@query-param\";name=\"name\"",
        "content-type",
        "x-fold",
        "\"x-dict\";key=\"b\"",
        "\"x-dict\";bs",
    ];
    let options: Vec<_> = components.iter().flat_map(|component| ["--component", component]).collect();
    let lines = sign("components", "ed25519", REQUEST, &options);
    let report = verify("components", "ed25519", &with_lines(REQUEST, &lines), &[]);
    assert_eq!(report["code"], "ok", "{report}");
    assert_eq!(report["components"].as_array().unwrap().len(), components.len());
}

#[test]
fn a_request_target_is_covered_as_it_was_sent() {
    let sent = |target: &str| REQUEST.replacen("/a/b?", target, 1);
    let absolute = sent("https://API.example/a/b?");
    let text = sign("target", "ed25519", &absolute, &["--component", "@request-target", "--json"]);
    let base = serde_json::from_str::<Value>(&text).unwrap()["base"].clone();
    let line = "\"@request-target\": https://API.example/a/b?q=1&q=2&name=a%20b\n";
    assert!(base.as_str().unwrap().starts_with(line), "{base}");

    let lines = sign("target", "ed25519", &absolute, &["--component", "@request-target"]);
    let code = |message: &str| verify("target", "ed25519", &with_lines(message, &lines), &[])["code"].clone();
    assert_eq!(code(&absolute), "ok");
    assert_eq!(code(REQUEST), "signature.invalid");
    assert_eq!(code(&sent("https://api.example/a/b?")), "signature.invalid");
}

#[test]
fn trailers_can_be_covered_once_the_chunks_are_read() {
    let chunked = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n";
    let lines =
        sign("trailers", "ed25519", chunked, &["--component", "\"x-trailer\";tr", "--digest", "sha-256"]);
    let signed = with_lines(chunked, &lines);
    assert_eq!(verify("trailers", "ed25519", &signed, &[])["code"], "ok");
    let report = verify("trailers", "ed25519", &signed.replace("Trailer: yes", "Trailer: no"), &[]);
    assert_eq!(report["code"], "signature.invalid");
}

#[test]
fn a_response_is_bound_to_its_request() {
    let request = file("response.request.http", REQUEST);
    let key = file("response.key.json", private_key("p256").to_string());
    let keys = file("response.keys.json", public_key("p256").to_string());
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let arguments = [
        "sign",
        "--response",
        "-",
        "--request",
        &request,
        "--key",
        &key,
        "--created",
        NOW,
        "--component",
        "@status",
        "--component",
        "\"@path\";req",
        "--digest",
        "sha-256",
    ];
    let signed = run_with(&arguments, response);
    assert_eq!(signed.code, Some(0), "{}", signed.stderr);
    let signed = with_lines(response, &signed.stdout);

    let judge = |options: &[&str], response: &str| {
        let arguments =
            [&["verify", "signature", "--response", "-", "--keys", &keys, "--now", NOW, "--json"], options]
                .concat();
        let judged = run_with(&arguments, response);
        (judged.code, serde_json::from_str::<Value>(&judged.stdout).unwrap()["code"].clone())
    };
    assert_eq!(judge(&["--request", &request], &signed), (Some(0), json!("ok")));
    let other = file("response.other.http", REQUEST.replace("/a/b", "/a/c"));
    assert_eq!(judge(&["--request", &other], &signed), (Some(1), json!("signature.invalid")));
    let (code, reason) = judge(&[], &signed);
    assert!(code == Some(1) && reason != "ok", "{reason}");
    let failed = signed.replace("200 OK", "500 Oops");
    assert_eq!(judge(&["--request", &request], &failed), (Some(1), json!("signature.invalid")));
}

#[test]
fn profiles_fill_in_what_they_demand() {
    let agent = ["--profile", "web-bot-auth", "--agent", "https://agents.example"];
    let lines = sign("bot", "ed25519", REQUEST, &agent);
    assert!(lines.starts_with("Signature-Agent: sig1=\"https://agents.example\"\nSignature-Input: sig1=("));
    let report = verify("bot", "ed25519", &with_lines(REQUEST, &lines), &["--profile", "web-bot-auth"]);
    assert_eq!(report["code"], "ok", "{report}");
    assert_eq!(report["profile"], "web-bot-auth");
    assert!(report["agent"].as_str().unwrap().starts_with("https://agents.example/.well-known/"));

    let lines = sign("tap", "ed25519", REQUEST, &["--profile", "tap"]);
    let report = verify("tap", "ed25519", &with_lines(REQUEST, &lines), &["--profile", "tap"]);
    assert_eq!((&report["code"], &report["tag"]), (&json!("ok"), &json!("agent-browser-auth")), "{report}");
}

#[test]
fn nonces_are_new_each_time() {
    let options = ["--profile", "tap"];
    assert_ne!(sign("nonce", "ed25519", REQUEST, &options), sign("nonce", "ed25519", REQUEST, &options));
}

#[test]
fn a_second_signature_gets_a_label_of_its_own() {
    let first = with_lines(REQUEST, &sign("first", "ed25519", REQUEST, &["--component", "@method"]));
    let lines = sign("second", "p256", &first, &["--component", "\"signature\";key=\"sig1\""]);
    assert!(lines.starts_with("Signature-Input: sig2=("), "{lines}");
    let both = with_lines(&first, &lines);
    for (key, label) in [("ed25519", "sig1"), ("p256", "sig2")] {
        let report = verify("both", key, &both, &["--label", label]);
        assert_eq!((&report["code"], &report["label"]), (&json!("ok"), &json!(label)), "{report}");
    }
    assert_eq!(verify("both", "p256", &both, &["--label", "sig3"])["code"], "signature.missing");
}

#[test]
fn the_fields_can_be_had_for_curl_and_for_programs() {
    let lines = sign("forms", "ed25519", REQUEST, &["--component", "@method", "--nonce", "it's"]);
    let fields: Vec<_> = lines.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let curl = sign("forms", "ed25519", REQUEST, &["--component", "@method", "--nonce", "it's", "--curl"]);
    let quoted: Vec<_> =
        fields.iter().map(|(name, value)| format!("-H '{name}: {}'", value.replace('\'', "'\\''"))).collect();
    assert_eq!(curl, format!("{}\n", quoted.join(" ")));
    let text = sign("forms", "ed25519", REQUEST, &["--component", "@method", "--nonce", "it's", "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    for (name, value) in fields {
        assert_eq!(json["fields"][name], value);
    }
    assert!(
        json["base"].as_str().unwrap().starts_with("\"@method\": POST\n\"@signature-params\": (\"@method\")")
    );
}

#[test]
fn what_cannot_be_signed_is_told_with_the_component() {
    let key = file("unsignable.key.json", private_key("ed25519").to_string());
    let refusal = |options: &[&str]| {
        let arguments = [&["sign", "--request", "-", "--key", &key], options].concat();
        let refused = run_with(&arguments, REQUEST);
        assert_eq!(refused.stdout.starts_with("{\"error\":"), options.contains(&"--json"));
        (refused.code.unwrap(), refused.stderr)
    };
    for (options, code, text) in [
        (&["--component", "x-absent"][..], 1, "\"x-absent\": covered component is not in the message"),
        (&["--component", "@status"], 1, "\"@status\": only a response has this component"),
        (&["--component", "@nothing"], 2, "\"@nothing\": derived component is not known"),
        (&["--component", "Content-Type"], 2, "\"Content-Type\": "),
        (&["--component", "@method", "--component", "@method"], 1, "component is covered twice"),
        (&[], 2, "covers nothing"),
        (&["--component", "@method", "--label", "Not A Key"], 2, "label is not a key"),
        (&["--component", "@method", "--alg", "rsa-pss-sha512"], 2, "signs with ed25519, not with"),
        (&["--component", "@method", "--digest", "md5"], 2, "--digest is sha-256 or sha-512"),
        (&["--component", "@method", "--expires-in", "soon"], 2, "--expires-in is a length of time"),
        (&["--component", "@method", "--created", "now"], 2, "--created is seconds since 1970"),
        (&["--component", "@method", "--curl", "--json"], 2, "--json or --curl, not both"),
        (&["--profile", "web-bot-auth"], 2, "web-bot-auth needs --agent"),
        (&["--profile", "web-bot-auth", "--agent", "a \"b\""], 2, "--agent is an https URL"),
        (&["--profile", "other"], 2, "--profile is rfc9421, web-bot-auth or tap"),
        (&["--component", "@method", "--scheme", "ftp"], 2, "--scheme is http or https"),
    ] {
        let (exit, stderr) = refusal(options);
        assert!(stderr.contains(text), "{options:?}: {stderr}");
        assert_eq!(exit, code, "{options:?}: {stderr}");
    }
}

#[test]
fn what_is_no_private_key_is_refused_without_being_repeated() {
    let change = |name: &str, member: &str, value: Value| {
        let mut key = private_key(name);
        key[member] = value;
        key
    };
    let other = private_key("p384")["d"].clone();
    for (index, (key, text)) in [
        (public_key("ed25519"), "is not private"),
        (public_key("rsa"), "is not private"),
        (change("ed25519", "x", private_key("p256")["x"].clone()), "not the public half"),
        (change("p256", "y", private_key("p256")["x"].clone()), "not the public half"),
        (change("p256", "d", other), "not 32 bytes"),
        (change("p384", "d", private_key("p256")["d"].clone()), "not 48 bytes"),
        (change("p256", "d", json!("A".repeat(43))), "out of range"),
        (change("ed25519", "d", json!("?")), "not base64url"),
        (change("rsa", "p", private_key("rsa")["q"].clone()), "do not belong together"),
        (change("rsa", "e", json!("AQ")), "n or an e that is not accepted"),
        (change("rsa", "d", json!("A".repeat(400))), "longer than its n"),
        (change("oct", "k", json!("c2hvcnQ")), "32 to 128 bytes"),
        (change("p256", "crv", json!("secp256k1")), "is no JWK of a key that signs"),
        (change("p256", "alg", json!("ES384")), "alg of another kind"),
        (json!([]), "json"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = file(&format!("private-{index}.json"), key.to_string());
        let refused =
            run_with(&["sign", "--request", "-", "--key", &path, "--component", "@method"], REQUEST);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{key}");
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
        for secret in ["d", "p", "q", "k"].iter().filter_map(|member| key.get(member)?.as_str()) {
            assert!(secret.len() < 8 || !refused.stderr.contains(secret), "{}", refused.stderr);
        }
    }
}

#[test]
fn stdin_is_read_once() {
    let refused = run(&["sign", "--request", "-", "--key", "-", "--component", "@method"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("--request and --key cannot both be read from stdin"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_key_that_signs_no_message_says_which_would() {
    for (alg, profile) in
        [("PS384", "rfc9421"), ("RS512", "rfc9421"), ("PS256", "rfc9421"), ("PS256", "web-bot-auth")]
    {
        let mut key = private_key("rsa");
        key.as_object_mut().unwrap().insert("alg".to_owned(), alg.into());
        let key = file(&format!("useless-{alg}-{profile}.json"), key.to_string());
        let request = file("useless.http", "GET / HTTP/1.1\nHost: a.example\n\n");
        let options = ["--component", "@method", "--profile", profile, "--agent", "https://a.example"];
        let refused = run(&[&["sign", "--key", &key, "--request", &request][..], &options].concat());
        assert_eq!(refused.code, Some(2), "{}", refused.stdout);
        assert!(refused.stderr.contains("PS512 or RS256"), "{}", refused.stderr);
    }
}

#[test]
fn an_agent_is_named_by_https() {
    let key = file("agent-key.json", private_key("ed25519").to_string());
    let request = file("agent.http", "GET / HTTP/1.1\nHost: a.example\n\n");
    for agent in ["http://agents.example", "agents.example", "https://", "https://a b"] {
        let arguments =
            ["sign", "--key", &key, "--request", &request, "--profile", "web-bot-auth", "--agent", agent];
        let refused = run(&arguments);
        assert_eq!(refused.code, Some(2), "{}", refused.stdout);
        assert!(refused.stderr.contains("--agent is an https URL"), "{}", refused.stderr);
    }
}
