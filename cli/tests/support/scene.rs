//! A gate's configuration, an issuer, an agent with its directory, and requests that the command itself signs.
#![allow(dead_code, reason = "each test uses another part")]

use serde_json::{Value, json};

use crate::support::{file, private_key, run, run_with};

pub(crate) const NOW: i64 = 1_790_000_000;
pub(crate) const DIRECTORY: &str = "https://agents.example/.well-known/http-message-signatures-directory";

pub(crate) const GATE: &str = r#"
origin = "http://127.0.0.1:9000"
public_origins = ["https://api.example"]

[[issuers]]
issuer = "https://auth.example"
jwks_uri = "https://auth.example/jwks.json"
audience = ["https://api.example"]
algorithms = ["EdDSA"]

[signatures]
trust = ["https://agents.example"]

[[routes]]
match = "GET /signed"
require = ["signature"]

[[routes]]
match = "POST /checkout"
require = ["signature"]
components = ["content-digest"]

[[routes]]
match = "GET /orders"
require = ["token"]
scope = ["order:read", "order:list"]

[[routes]]
match = "GET /near"
require = []
rate = [{ per = "address", limit = 1, window = "1m" }]
"#;

/// The options that bring configuration, time and directory; files are named after the test.
pub(crate) fn gate(test: &str) -> Vec<String> {
    let config = file(&format!("{test}.toml"), GATE);
    let set = run_with(&["jwks", "-"], &private_key("ed25519").to_string()).stdout;
    let directory = file(&format!("{test}-directory.json"), set);
    ["--config", &config, "--now", &NOW.to_string(), "--source", &format!("{DIRECTORY}={directory}")]
        .map(str::to_owned)
        .into()
}

/// A request, signed for Web Bot Auth with this nonce.
pub(crate) fn signed(test: &str, request: &str, nonce: &str, more: &[&str]) -> String {
    signed_by("https://agents.example", test, request, nonce, more)
}

/// The same by an agent whose keys are at this URL.
pub(crate) fn signed_by(agent: &str, test: &str, request: &str, nonce: &str, more: &[&str]) -> String {
    let key = file(&format!("{test}-key.json"), private_key("ed25519").to_string());
    let unsigned = file(&format!("{test}-unsigned.http"), request);
    let created = NOW.to_string();
    let arguments = [
        &["sign", "--key", &key, "--request", &unsigned, "--profile", "web-bot-auth", "--nonce", nonce],
        &["--agent", agent, "--created", &created][..],
        more,
    ]
    .concat();
    let run = run(&arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (head, body) = request.split_once("\n\n").unwrap_or((request.trim_end(), ""));
    format!("{head}\n{}\n{body}", run.stdout)
}

/// A token with these claims, which nobody has signed.
pub(crate) fn unsigned_token(claims: &Value) -> String {
    let part = |value: &Value| countersign::encoding::base64url::encode(value.to_string().as_bytes());
    let header = json!({ "typ": "at+jwt", "alg": "EdDSA" });
    format!("{}.{}.{}", part(&header), part(claims), countersign::encoding::base64url::encode(&[7; 64]))
}

/// `countersign` with these options of a gate, and more.
pub(crate) fn with<'a>(command: &'a str, gate: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let gate = gate.iter().map(String::as_str);
    std::iter::once(command).chain(gate).chain(more.iter().copied()).collect()
}
