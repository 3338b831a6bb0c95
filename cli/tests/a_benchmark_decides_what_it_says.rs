//! `bench`: it counts, it measures, and nobody here says how fast.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::run;

#[test]
fn a_count_that_is_none_is_refused() {
    for count in ["0", "-1", "many", "100001"] {
        let refused = run(&["bench", "--count", count]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{count}");
    }
}

#[test]
fn each_kind_is_decided_on_so_many_times_warm_and_cold() {
    let json: Value = serde_json::from_str(&run(&["bench", "--count", "3", "--json"]).stdout).unwrap();
    let measured = json["measured"].as_array().unwrap();
    assert_eq!(measured.len(), 10);
    for (i, one) in measured.iter().enumerate() {
        assert_eq!(one["memory"], ["warm", "cold"][i % 2]);
        assert_eq!(one["decisions"], 3);
        assert!(one["median_ns"].as_u64().unwrap() <= one["p99_ns"].as_u64().unwrap());
    }
    let text = run(&["bench", "--count", "3"]).stdout;
    assert!(text.lines().count() >= 11 && text.contains("per second"), "{text}");
}
