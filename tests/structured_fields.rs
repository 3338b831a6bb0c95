//! Structured fields behave as the working group's own test cases say, and as RFC 9651's laws demand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use countersign::encoding::structured::{
    BareItem, Decimal, Dictionary, InnerList, Item, List, Member, Parameters,
};
use proptest::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Cases that no value of ours can express, by name and reason.
const NOT_EXPRESSIBLE: [(&str, &str); 5] = [
    ("round positive odd decimal - serialize", THOUSANDTHS),
    ("round positive even decimal - serialize", THOUSANDTHS),
    ("round negative odd decimal - serialize", THOUSANDTHS),
    ("round negative even decimal - serialize", THOUSANDTHS),
    ("decimal round up to integer part - serialize", THOUSANDTHS),
];
const THOUSANDTHS: &str = "a Decimal holds whole thousandths, so that rounding is up to whoever makes one";

fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/structured-fields");
    folder.is_dir().then_some(folder)
}

fn case_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    files
}

fn cases(file: &Path) -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn flag(case: &Value, name: &str) -> bool {
    case[name].as_bool().unwrap_or(false)
}

fn joined(lines: &Value) -> String {
    let lines: Vec<_> = lines.as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    lines.join(", ")
}

enum Parsed<'a> {
    Item(Item<'a>),
    List(List<'a>),
    Dictionary(Dictionary<'a>),
}

impl Parsed<'_> {
    fn serialize(&self) -> Option<String> {
        match self {
            Self::Item(item) => item.serialize(),
            Self::List(list) => list.serialize(),
            Self::Dictionary(dictionary) => dictionary.serialize(),
        }
        .ok()
    }

    /// In the shape of the test cases, leaving out duplicates and received text, which they do not know.
    fn to_json(&self) -> Value {
        match self {
            Self::Item(item) => item_json(item),
            Self::List(list) => list.members.iter().map(member_json).collect(),
            Self::Dictionary(dictionary) => dictionary
                .entries()
                .iter()
                .map(|entry| Value::from(vec![Value::from(entry.key), member_json(&entry.member)]))
                .collect(),
        }
    }
}

fn parse<'a>(kind: &str, input: &'a str) -> Option<Parsed<'a>> {
    match kind {
        "item" => Item::parse(input).ok().map(Parsed::Item),
        "list" => List::parse(input).ok().map(Parsed::List),
        "dictionary" => Dictionary::parse(input).ok().map(Parsed::Dictionary),
        other => panic!("unknown header type {other}"),
    }
}

fn typed(kind: &str, value: impl Into<Value>) -> Value {
    serde_json::json!({ "__type": kind, "value": value.into() })
}

fn bare_json(value: &BareItem<'_>) -> Value {
    match value {
        BareItem::Integer(value) => Value::from(*value),
        BareItem::Decimal(value) => serde_json::from_str(&value.to_string()).unwrap(),
        BareItem::String(text) => Value::from(text.as_ref()),
        BareItem::Token(text) => typed("token", text.as_ref()),
        BareItem::Bytes(bytes) => typed("binary", base32(bytes)),
        BareItem::Boolean(value) => Value::from(*value),
        BareItem::Date(value) => typed("date", *value),
        BareItem::DisplayString(text) => typed("displaystring", text.as_ref()),
    }
}

fn params_json(params: &Parameters<'_>) -> Value {
    params.iter().map(|(key, value)| Value::from(vec![Value::from(key), bare_json(value)])).collect()
}

fn item_json(item: &Item<'_>) -> Value {
    Value::from(vec![bare_json(&item.value), params_json(&item.params)])
}

fn member_json(member: &Member<'_>) -> Value {
    match member {
        Member::Item(item) => item_json(item),
        Member::InnerList(list) => {
            let items: Value = list.items.iter().map(item_json).collect();
            Value::from(vec![items, params_json(&list.params)])
        }
    }
}

fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0_u8; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        for index in 0..8 {
            let value = u8::try_from(bits >> (35 - 5 * index) & 31).unwrap();
            let digit = if value < 26 { b'A' + value } else { b'2' + value - 26 };
            out.push(if index * 5 < chunk.len() * 8 { char::from(digit) } else { '=' });
        }
    }
    out
}

/// What a test case expects, made by hand, to be serialised; `None` where our types cannot express it.
fn build<'a>(kind: &str, expected: &'a Value) -> Option<Parsed<'a>> {
    Some(match kind {
        "item" => Parsed::Item(build_item(expected)?),
        "list" => {
            let members = expected.as_array()?.iter().map(build_member).collect::<Option<_>>()?;
            Parsed::List(List { members })
        }
        "dictionary" => {
            let mut dictionary = Dictionary::new();
            for entry in expected.as_array()? {
                dictionary.insert(entry[0].as_str()?, build_member(&entry[1])?);
            }
            Parsed::Dictionary(dictionary)
        }
        other => panic!("unknown header type {other}"),
    })
}

fn build_member(value: &Value) -> Option<Member<'_>> {
    if !value[0].is_array() {
        return build_item(value).map(Member::Item);
    }
    let items = value[0].as_array()?.iter().map(build_item).collect::<Option<_>>()?;
    Some(Member::InnerList(InnerList { items, params: build_params(&value[1])? }))
}

fn build_item(value: &Value) -> Option<Item<'_>> {
    Some(Item { value: build_bare(&value[0])?, params: build_params(&value[1])? })
}

fn build_params(value: &Value) -> Option<Parameters<'_>> {
    let mut params = Parameters::new();
    for entry in value.as_array()? {
        params.insert(entry[0].as_str()?, build_bare(&entry[1])?);
    }
    Some(params)
}

fn build_bare(value: &Value) -> Option<BareItem<'_>> {
    if let Some(kind) = value["__type"].as_str() {
        let value = &value["value"];
        return Some(match kind {
            "token" => BareItem::Token(value.as_str()?.into()),
            "binary" => BareItem::Bytes(unbase32(value.as_str()?)),
            "date" => BareItem::Date(value.as_i64()?),
            "displaystring" => BareItem::DisplayString(value.as_str()?.into()),
            other => panic!("unknown type {other}"),
        });
    }
    match value {
        Value::Bool(value) => Some(BareItem::Boolean(*value)),
        Value::String(text) => Some(BareItem::String(text.as_str().into())),
        Value::Number(number) if number.is_i64() => number.as_i64().map(BareItem::Integer),
        Value::Number(number) => exact_thousandths(number.as_f64()?).map(BareItem::Decimal),
        _ => panic!("not a bare item: {value}"),
    }
}

fn exact_thousandths(value: f64) -> Option<Decimal> {
    #[allow(clippy::cast_possible_truncation)]
    let thousandths = (value * 1000.0).round() as i64;
    let decimal = Decimal::from_thousandths(thousandths)?;
    (decimal.to_string().parse::<f64>().unwrap().to_bits() == value.to_bits()).then_some(decimal)
}

fn unbase32(text: &str) -> Vec<u8> {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = if byte.is_ascii_uppercase() { byte - b'A' } else { byte - b'2' + 26 };
        buffer = (buffer << 5 | u32::from(value)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn every_case_of_the_working_group_parses_or_fails_as_it_says() {
    let Some(folder) = vectors() else {
        println!("skipped: ../shared/vectors/structured-fields is not there");
        return;
    };
    let (mut files, mut parsed, mut refused, mut leniency, mut serialised) = (0, 0, 0, 0, 0);
    for file in case_files(&folder) {
        files += 1;
        for case in cases(&file) {
            let (name, kind) = (case["name"].as_str().unwrap(), case["header_type"].as_str().unwrap());
            let raw = joined(&case["raw"]);
            let outcome = parse(kind, &raw);
            if flag(&case, "must_fail") {
                assert!(outcome.is_none(), "{}: {name}: must fail", file.display());
                refused += 1;
                continue;
            }
            let outcome = match outcome {
                Some(outcome) => outcome,
                None if flag(&case, "can_fail") => {
                    leniency += 1;
                    println!("refused, as it may be: {name}");
                    continue;
                }
                None => panic!("{}: {name}: does not parse", file.display()),
            };
            assert_eq!(outcome.to_json(), case["expected"], "{}: {name}", file.display());
            parsed += 1;
            let canonical = case.get("canonical").map_or_else(|| raw.clone(), joined);
            assert_eq!(outcome.serialize().as_deref(), Some(&*canonical), "{}: {name}", file.display());
            let built = build(kind, &case["expected"]).unwrap();
            assert_eq!(built.serialize().as_deref(), Some(&*canonical), "{}: {name}", file.display());
            serialised += 1;
        }
    }
    println!(
        "structured fields: {files} files, {} cases: {parsed} parsed (each also serialised: {serialised}), \
         {refused} refused as they must be, {leniency} refused as they may be",
        parsed + refused + leniency
    );
    assert!(parsed > 700 && refused > 800, "cases are missing");
}

#[test]
fn every_serialisation_case_of_the_working_group_serialises_or_fails_as_it_says() {
    let Some(folder) = vectors().map(|folder| folder.join("serialisation-tests")).filter(|f| f.is_dir())
    else {
        println!("skipped: ../shared/vectors/structured-fields/serialisation-tests is not there");
        return;
    };
    let (mut files, mut passed, mut exceptions) = (0, 0, 0);
    for file in case_files(&folder) {
        files += 1;
        for case in cases(&file) {
            let (name, kind) = (case["name"].as_str().unwrap(), case["header_type"].as_str().unwrap());
            if let Some((_, reason)) = NOT_EXPRESSIBLE.iter().find(|(n, _)| *n == name) {
                println!("exception: {name}: {reason}");
                exceptions += 1;
                continue;
            }
            let serialised = build(kind, &case["expected"]).and_then(|built| built.serialize());
            if flag(&case, "must_fail") {
                assert_eq!(serialised, None, "{}: {name}: must fail", file.display());
            } else {
                assert_eq!(serialised, Some(joined(&case["canonical"])), "{}: {name}", file.display());
            }
            passed += 1;
        }
    }
    println!("structured fields, serialisation: {files} files, {passed} passed, {exceptions} exceptions");
    assert!(passed > 500, "cases are missing");
}

fn key() -> impl Strategy<Value = String> {
    "[a-z*][a-z0-9_.*-]{0,8}"
}

fn bare() -> impl Strategy<Value = BareItem<'static>> {
    prop_oneof![
        (-999_999_999_999_999_i64..=999_999_999_999_999).prop_map(BareItem::Integer),
        (-999_999_999_999_999_i64..=999_999_999_999_999)
            .prop_map(|t| BareItem::Decimal(Decimal::from_thousandths(t).unwrap())),
        "[ -~]{0,12}".prop_map(|t| BareItem::String(t.into())),
        "[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,8}".prop_map(|t| BareItem::Token(t.into())),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(BareItem::Bytes),
        any::<bool>().prop_map(BareItem::Boolean),
        (-999_999_999_999_999_i64..=999_999_999_999_999).prop_map(BareItem::Date),
        any::<String>().prop_map(|t| BareItem::DisplayString(t.into())),
    ]
}

type RawItem = (BareItem<'static>, Vec<(String, BareItem<'static>)>);

fn raw_item() -> impl Strategy<Value = RawItem> {
    (bare(), proptest::collection::vec((key(), bare()), 0..4))
}

fn item_of((value, params): &RawItem) -> Item<'_> {
    let mut item = Item::from(value.clone());
    for (key, value) in params {
        item.params.insert(key, value.clone());
    }
    item
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_the_parser_panic(text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for input in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            let _ = (Item::parse(input), List::parse(input), Dictionary::parse(input));
        }
    }

    #[test]
    fn no_arrangement_of_the_grammar_makes_the_parser_panic(text in "[a-c0-9\"\\\\:=;,()?@%*. \t-]{0,60}") {
        for parsed in [
            Item::parse(&text).ok().map(Parsed::Item),
            List::parse(&text).ok().map(Parsed::List),
            Dictionary::parse(&text).ok().map(Parsed::Dictionary),
        ].into_iter().flatten() {
            let canonical = parsed.serialize().unwrap();
            let kind = match parsed { Parsed::Item(_) => "item", Parsed::List(_) => "list", Parsed::Dictionary(_) => "dictionary" };
            let again = parse(kind, &canonical).unwrap();
            prop_assert_eq!(parsed.to_json(), again.to_json());
            prop_assert_eq!(again.serialize().unwrap(), canonical);
        }
    }

    #[test]
    fn what_is_serialised_parses_back_to_itself(
        keys in proptest::collection::vec(key(), 0..6),
        items in proptest::collection::vec(raw_item(), 6),
        inner in proptest::collection::vec(raw_item(), 0..4),
    ) {
        let mut dictionary = Dictionary::new();
        for (index, (key, item)) in keys.iter().zip(&items).enumerate() {
            let member = if index == 1 {
                let mut list = InnerList { items: inner.iter().map(item_of).collect(), ..InnerList::default() };
                list.params = item_of(item).params;
                Member::InnerList(list)
            } else {
                Member::Item(item_of(item))
            };
            dictionary.insert(key, member);
        }
        let text = dictionary.serialize().unwrap();
        let parsed = Dictionary::parse(&text).unwrap();
        prop_assert_eq!(parsed.duplicate(), None);
        prop_assert_eq!(Parsed::Dictionary(parsed.clone()).to_json(), Parsed::Dictionary(dictionary).to_json());
        for entry in parsed.entries() {
            prop_assert!(text.contains(entry.text));
        }
    }
}
