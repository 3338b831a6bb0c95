//! `json::from_value` deserialises derived types and says where a value is wrong, without repeating strings.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use countersign::encoding::json::{self, DeError};
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    routes: Vec<Route>,
    #[serde(default)]
    labels: BTreeMap<String, u8>,
    comment: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    #[serde(default)]
    rate: Vec<Rate>,
    #[serde(default)]
    replay: Replay,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    limit: u32,
    #[serde(default)]
    window: Option<i64>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Replay {
    #[default]
    Isolate,
    Exact,
    Custom {
        seconds: u32,
    },
    Pair(u8, u8),
    Named(String),
}

fn read(text: &str) -> Result<Document, DeError> {
    json::from_value(json::parse(text.as_bytes(), 1 << 16).unwrap())
}

#[track_caller]
fn refused(text: &str, path: &str, message: &str) {
    let error = read(text).unwrap_err();
    assert_eq!((error.path.as_str(), error.message.contains(message)), (path, true), "{error}");
}

#[test]
fn a_whole_document_is_read() {
    let text = r#"{"routes":[{"rate":[{"limit":1},{"limit":2,"window":-3}],"replay":"exact"},
        {"replay":{"custom":{"seconds":9}}},{"replay":{"pair":[1,2]}},{"replay":{"named":"\u0061"}}],
        "labels":{"a":7},"comment":null}"#;
    let rate = |limit, window| Rate { limit, window };
    let route = |rate, replay| Route { rate, replay };
    assert_eq!(
        read(text).unwrap(),
        Document {
            routes: vec![
                route(vec![rate(1, None), rate(2, Some(-3))], Replay::Exact),
                route(vec![], Replay::Custom { seconds: 9 }),
                route(vec![], Replay::Pair(1, 2)),
                route(vec![], Replay::Named("a".into())),
            ],
            labels: BTreeMap::from([("a".into(), 7)]),
            comment: None,
        }
    );
}

#[test]
fn errors_carry_the_path() {
    refused(
        r#"{"routes":[{"rate":[{"limit":1},{"limit":2,"window":"1m"}]}]}"#,
        "routes[0].rate[1].window",
        "i64",
    );
    refused(r#"{"routes":[{"rate":[{"limit":-1}]}]}"#, "routes[0].rate[0].limit", "u32");
    refused(r#"{"routes":[{"rate":[{"limit":1e3}]}]}"#, "routes[0].rate[0].limit", "no 64-bit integer");
    refused(r#"{"routes":[{},{"rate":[{}]}]}"#, "routes[1].rate[0]", "missing field `limit`");
    refused(r#"{"routes":[{"replay":"twice"}]}"#, "routes[0].replay", "unknown variant `twice`");
    refused(r#"{"routes":[{"replay":{"custom":{"seconds":""}}}]}"#, "routes[0].replay.custom.seconds", "u32");
    refused(r#"{"routes":[{"replay":{"pair":[1,"x"]}}]}"#, "routes[0].replay.pair[1]", "u8");
    refused(r#"{"routes":[{"replay":{"pair":[1,2,3]}}]}"#, "routes[0].replay.pair", "length");
    refused(r#"{"routes":[{"replay":{"exact":1}}]}"#, "routes[0].replay.exact", "only the name");
    refused(r#"{"labels":{"a b":300}}"#, r#"labels["a b"]"#, "u8");
    refused("[]", "", "expected an object");
    refused(r#"{"routes":[[]]}"#, "routes[0]", "expected an object");
}

#[test]
fn unknown_fields_carry_the_path_and_what_is_known() {
    refused(r#"{"routes":[{"rates":[]}]}"#, "routes[0].rates", "expected `rate` or `replay`");
    refused(r#"{"origins":""}"#, "origins", "unknown field `origins`");
}

#[test]
fn strings_of_the_document_are_not_repeated() {
    let error = read(r#"{"routes":[{"rate":[{"limit":"hunter2"}]}]}"#).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
