//! Who gives a key or a secret where the name of a file belongs is told so, and does not find it in a log.
#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
mod scene;
mod support;

use scene::{GATE, NOW};
use support::{file, private_key, run};

#[test]
fn a_key_instead_of_its_file_is_not_repeated() {
    let key = private_key("ed25519").to_string();
    let request = file("secret.http", "GET / HTTP/1.1\nHost: a.example\n\n");
    for arguments in [
        vec!["sign", "--request", &request, "--key", &key],
        vec!["jwks", &key],
        vec!["thumbprint", &key],
        vec!["thumbprint", &request, &key],
        vec!["verify", "signature", "--request", &request, "--keys", &key],
        vec!["verify", "--request", &request, "--config", &key],
        vec!["policy", "test", "--cases", &request, "--config", &key],
        vec!["risk", "replay", "--log", &key],
        vec!["audit", "verify", &key, "--keys", &request],
        vec!["codes", &key],
        vec![&key],
    ] {
        for more in [&[][..], &["--json"]] {
            let refused = run(&[&arguments, more].concat());
            assert_ne!(refused.code, Some(0), "{arguments:?}");
            let said = refused.stdout + &refused.stderr;
            assert!(!said.contains("ERqVO2hv") && !said.contains("kty"), "{said}");
        }
    }
    let refused = run(&["sign", "--request", &request, "--key", &key]).stderr;
    assert!(refused.contains("the value itself is not taken here"), "{refused}");
    assert!(run(&["jwks", "no-such-file"]).stderr.contains("cannot read no-such-file: "));
}

#[test]
fn a_secret_instead_of_its_file_is_not_repeated() {
    let config = file("secret.toml", GATE);
    let request = file("secrets.http", "GET / HTTP/1.1\nHost: api.example\n\n");
    for option in ["--nonce-secrets", "--shared-keys"] {
        for secret in ["c3VwZXItc2VjcmV0LW9mLXRoZS1nYXRl", "{\"keys\":[]}", "a\nb"] {
            let now = NOW.to_string();
            let arguments =
                ["verify", "--config", &config, "--request", &request, "--now", &now, option, secret];
            let refused = run(&arguments);
            assert_eq!(refused.code, Some(2), "{}", refused.stderr);
            assert!(!refused.stderr.contains(secret), "{}", refused.stderr);
            assert!(refused.stderr.contains("the secret itself is not taken here"), "{}", refused.stderr);
        }
    }
}

#[test]
fn a_line_of_a_broken_file_of_cases_is_not_repeated() {
    let config = file("secret-cases.toml", GATE);
    let cases = file("secret-cases-broken.toml", "[[cases]]\nname = \"x\"\ntoken = s3cr3t\n");
    let refused = run(&["policy", "test", "--config", &config, "--cases", &cases]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("line 3, column "), "{}", refused.stderr);
    assert!(!refused.stderr.contains("s3cr3t"), "{}", refused.stderr);
}
