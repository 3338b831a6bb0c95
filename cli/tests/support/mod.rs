//! Runs the command as a shell would.
#![allow(dead_code, reason = "each test uses another part")]
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// How a command ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `countersign` at the root of the repository.
pub(crate) fn run(arguments: &[&str]) -> Run {
    run_with(arguments, "")
}

/// Runs `countersign` with something on stdin.
pub(crate) fn run_with(arguments: &[&str], stdin: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A file of this test run with such content; its path.
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A private key that was made for these tests and guards nothing.
pub(crate) fn private_key(name: &str) -> Value {
    let keys: Value = serde_json::from_str(include_str!("keys.json")).unwrap();
    keys.get(name).unwrap().clone()
}

/// What a verifier is given of it; of a shared key that is all.
pub(crate) fn public_key(name: &str) -> Value {
    let mut key = private_key(name);
    for member in ["d", "p", "q"] {
        key.as_object_mut().unwrap().remove(member);
    }
    key
}
