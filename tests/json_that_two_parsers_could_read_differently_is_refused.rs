//! Strict JSON: duplicates, surrogates, numbers, bounds; and agreement with `serde_json` on everything else.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;

use countersign::encoding::json::{self, JsonErrorKind, MAX_DEPTH, MAX_VALUES, Number, Value};
use proptest::prelude::*;

fn kind(text: &str) -> Option<JsonErrorKind> {
    json::parse(text.as_bytes(), 1 << 20).err().map(|error| error.kind)
}

#[test]
fn duplicate_members_are_refused_at_every_depth_and_after_unescaping() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"a":{"b":[{"c":1,"d":2,"c":3}]}}"#,
        r#"[{"":0,"":0}]"#,
        r#"{"\/":1,"/":2}"#,
    ] {
        assert_eq!(kind(text), Some(JsonErrorKind::DuplicateMember), "{text}");
    }
    assert_eq!(kind(r#"{"a":{"a":{"a":1}},"A":2}"#), None);
}

#[test]
fn a_duplicate_in_a_large_object_is_found() {
    let mut text = String::from("{");
    for i in 0..5000 {
        write!(text, "\"m{i}\":{i},").unwrap();
    }
    let unique = format!("{text}\"n\":0}}");
    let twice = format!("{text}\"m7\":0}}");
    assert_eq!(kind(&unique), None);
    assert_eq!(kind(&twice), Some(JsonErrorKind::DuplicateMember));
}

#[test]
fn surrogates_come_in_pairs_or_not_at_all() {
    let pair = json::parse(br#""\ud83d\ude00""#, 100).unwrap();
    assert_eq!(pair.as_str(), Some("\u{1f600}"));
    for text in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\ude00""#, r#""\ud83d\ud83d""#] {
        assert_eq!(kind(text), Some(JsonErrorKind::LoneSurrogate), "{text}");
    }
}

#[test]
fn only_exact_integers_are_handed_out() {
    for (text, expected) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("1.0", None),
        ("1e9", None),
        ("1E+2", None),
        ("-0", None),
        ("1e308", None),
    ] {
        let value = json::parse(text.as_bytes(), 100).unwrap();
        assert!(matches!(value, Value::Number(_)));
        assert_eq!(value.as_i64(), expected, "{text}");
    }
}

/// Some parsers refuse them, others read infinity, and some the largest number that there is.
#[test]
fn numbers_that_no_parser_can_hold_are_refused() {
    let digits = "9".repeat(400);
    for text in ["1e400", "-1e400", "1e309", "1E+999999999999999999999", &digits, &format!("-{digits}.0")] {
        assert_eq!(kind(text), Some(JsonErrorKind::NumberTooLarge), "{text}");
        assert_eq!(kind(&format!("{{\"a\":[{text}]}}")), Some(JsonErrorKind::NumberTooLarge), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
    }
    for text in ["1.7976931348623157e308", "-1e308", "1e-400", "0e999999999999", &digits[..308]] {
        assert_eq!(kind(text), None, "{text}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "--1",
        "NaN",
        "Infinity",
        "tru",
        "True",
        "nul",
        "'a'",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{1:2}",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"a\nb\"",
        "\"\u{1}\"",
        "[",
        "{",
        "[1",
        "\u{a0}1",
        "/*c*/1",
        "\"\\",
    ] {
        assert_eq!(kind(text), Some(JsonErrorKind::Syntax), "{text:?}");
    }
    for text in ["1 2", "01", "0x1", "{}{}", "null,", "[]]", "1//c", "\"a\"\0"] {
        assert_eq!(kind(text), Some(JsonErrorKind::TrailingData), "{text:?}");
    }
    assert_eq!(kind("\u{feff}{}"), Some(JsonErrorKind::ByteOrderMark));
    assert_eq!(json::parse(b"\"\xff\"", 10).unwrap_err().kind, JsonErrorKind::NotUtf8);
    assert_eq!(json::parse(b"\"\xed\xa0\x80\"", 10).unwrap_err().kind, JsonErrorKind::NotUtf8);
    assert_eq!(json::parse_object(b"[]", 10).unwrap_err().kind, JsonErrorKind::NotAnObject);
}

#[test]
fn every_bound_refuses() {
    assert_eq!(json::parse(b"[1]", 2).unwrap_err().kind, JsonErrorKind::TooLong);
    assert!(json::parse(b"[1]", 3).is_ok());
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(kind(&nested(MAX_DEPTH)), None);
    assert_eq!(kind(&nested(MAX_DEPTH + 1)), Some(JsonErrorKind::TooDeep));
    assert_eq!(kind(&"[".repeat(1 << 20)), Some(JsonErrorKind::TooDeep));
    let wide = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
    assert_eq!(kind(&wide(MAX_VALUES)), None);
    assert_eq!(kind(&wide(MAX_VALUES + 1)), Some(JsonErrorKind::TooManyValues));
}

#[test]
fn an_error_says_where() {
    assert_eq!(json::parse(br#"{"a": 1, "b": x}"#, 100).unwrap_err().offset, 14);
}

fn same(ours: &Value<'_>, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::String(a), serde_json::Value::String(b)) => a == b,
        (Value::Number(Number::Integer(a)), serde_json::Value::Number(b)) => b.as_i64() == Some(*a),
        (Value::Number(Number::Other), serde_json::Value::Number(b)) => b.as_i64().is_none(),
        (Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|b| same(value, b)))
        }
        _ => false,
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
            proptest::collection::hash_map(any::<String>(), inner, 0..20)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_writes_reads_the_same(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        let ours = json::parse(text.as_bytes(), usize::MAX).unwrap();
        prop_assert!(same(&ours, &value), "{}", text);
        prop_assert!(same(&ours.into_owned(), &value));
    }

    /// Near-JSON: both accept and agree, or both refuse, save for what is refused here on purpose.
    #[test]
    fn near_json_gets_the_verdict_of_serde_json(text in r#"([\[\]{},: ]|"[ab]?"|"\\\\u[d0][8c]0[0-9]"|-?[0-9]{1,2}|1\.5|1e1|true|null|x){0,12}"#) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match json::parse(text.as_bytes(), usize::MAX) {
            Ok(ours) => prop_assert!(same(&ours, &theirs.unwrap()), "{}", text),
            Err(error) if error.kind == JsonErrorKind::DuplicateMember => {}
            Err(_) => prop_assert!(theirs.is_err(), "{}", text),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = json::parse(&bytes, usize::MAX);
    }
}
