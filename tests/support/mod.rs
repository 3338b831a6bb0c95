//! Reading the vectors of others, which live beside the crate and are not part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

use serde_json::Value;

/// The vectors in a file; `None`, said aloud, where the folder is not there.
pub fn vectors(test: &str, file: &str) -> Option<Value> {
    let path = format!("{}/../shared/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(bytes) = std::fs::read(path) else {
        println!("skipped: {test}: no ../shared/vectors/{file}");
        return None;
    };
    Some(serde_json::from_slice(&bytes).expect("vectors are JSON"))
}

pub fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex is a string");
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Every test of a Wycheproof file with its group.
pub fn wycheproof(file: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let groups = file["testGroups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["tests"].as_array().expect("tests").iter().map(move |test| (group, test)))
}
