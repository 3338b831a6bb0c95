//! Laws of rules: one more that denies permits nothing more, and neither does knowing less.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use countersign::client::Client;
use countersign::config::{Config, Gate};
use countersign::decision::Outcome;
use countersign::encoding::json;
use countersign::policy::{Supposed, rehearse};
use countersign::request::{Fields, RequestView, Target};
use countersign::time::UnixSeconds;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_795_420_800;

fn gate(rules: &[Value]) -> Gate {
    let rules: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(i, rule)| {
            let mut rule = rule.clone();
            rule["name"] = json!(format!("rule-{i}"));
            rule
        })
        .collect();
    let config = json!({
        "origin": "https://origin.example",
        "public_origins": ["https://api.example"],
        "issuers": [{ "issuer": "https://auth.example", "jwks_uri": "https://auth.example/jwks.json",
            "audience": ["https://api.example"], "algorithms": ["EdDSA"] }],
        "routes": [{ "match": "POST /accounts/{account}", "require": ["token"], "rules": rules,
            "amount": { "field": "x-amount", "currency_field": "x-currency" } }],
    });
    Gate::new(&Config::from_json(&config.to_string()).unwrap()).unwrap()
}

/// What is known of a request: each fact may be missing.
#[derive(Clone, Debug)]
struct Request {
    account: String,
    claims: Vec<(String, Value)>,
    address: Option<u8>,
    asn: Option<u32>,
    country: Option<String>,
    amount: u64,
    currency: String,
}

fn outcome(gate: &Gate, request: &Request) -> Outcome {
    let mut fields = Fields::new();
    fields.push("x-amount", &request.amount.to_string()).unwrap();
    fields.push("x-currency", &request.currency).unwrap();
    let target = Target::parse(&format!("https://api.example/accounts/{}", request.account)).unwrap();
    let client = Client {
        address: request.address.map(|last| [10, 0, 0, last].into()),
        asn: request.asn,
        country: request.country.clone(),
        ..Client::default()
    };
    let view = RequestView::new("POST", target, fields, false).unwrap().with_client(client);
    let mut claims = json!({ "iss": "https://auth.example", "aud": "x", "exp": NOW + 60, "client_id": "c" });
    for (name, value) in &request.claims {
        claims[name] = value.clone();
    }
    let claims = claims.to_string();
    let claims = json::parse_object(claims.as_bytes(), 4096).unwrap();
    let supposed =
        Supposed { request: &view, content: None, claims: Some(&claims), agent: None, now: UnixSeconds(NOW) };
    rehearse(gate, &supposed).unwrap().outcome()
}

/// Conditions that ask about facts that may be missing; `exists` asks whether they are.
fn conditions() -> impl Strategy<Value = Value> {
    let value = prop_oneof![Just(json!("a")), Just(json!("b")), Just(json!(1)), Just(json!(true))];
    let claim = (prop::sample::select(vec!["x", "y"]), prop::sample::select(vec!["is", "not"]), value)
        .prop_map(|(path, test, value)| json!({ "claims": [{ "path": path, test: [value] }] }));
    prop_oneof![
        claim,
        prop::sample::select(vec!["x", "y"]).prop_map(|path| json!({ "claims": [{ "path": path, "equals_parameter": "account" }] })),
        prop::sample::select(vec!["is", "not"]).prop_map(|test| json!({ "parameters": [{ "name": "account", test: ["a"] }] })),
        (0u8..=32).prop_map(|prefix| json!({ "network": { "cidr": [if prefix >= 8 { format!("10.0.0.0/{prefix}") } else { "0.0.0.0/0".into() }] } })),
        Just(json!({ "network": { "asn": [1], "country": ["DE"] } })),
        (0u64..4).prop_map(|above| json!({ "amount": { "above": above, "currency": "EUR" } })),
        Just(json!({ "time": { "from": "00:00", "to": "12:00", "zone": "UTC" } })),
        Just(json!({ "agent": { "id": ["c"], "method": ["token"] } })),
        Just(json!({ "agent": { "operator": ["https://operator.example"] } })),
    ]
}

fn rule(then: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Value> {
    (then, prop::option::of(conditions()), prop::option::of(conditions())).prop_map(|(then, when, unless)| {
        let mut rule = json!({ "then": then });
        // One that always matches would hide those behind it, which is refused at load.
        if when.is_none() && unless.is_none() {
            rule["when"] = json!({ "method": ["POST"] });
        }
        for (name, conditions) in [("when", when), ("unless", unless)] {
            if let Some(conditions) = conditions {
                rule[name] = conditions;
            }
        }
        rule
    })
}

fn rules() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(rule(prop::sample::select(vec!["deny", "approve", "allow"])), 0..5)
}

fn requests() -> impl Strategy<Value = Request> {
    let value = prop_oneof![
        Just(json!("a")),
        Just(json!("b")),
        Just(json!(1)),
        Just(json!(true)),
        Just(json!(1.5)),
        Just(json!({})),
        Just(json!([])),
        Just(json!(["b", "a"])),
        Just(json!(["b", 1])),
    ];
    let claim = (prop::sample::select(vec!["x".to_owned(), "y".to_owned()]), value);
    (
        prop::sample::select(vec!["a".to_owned(), "b".to_owned(), "1".to_owned()]),
        prop::collection::vec(claim, 0..3),
        prop::option::of(0u8..4),
        prop::option::of(0u32..3),
        prop::option::of(prop::sample::select(vec!["DE".to_owned(), "FR".to_owned(), "XX".to_owned()])),
        0u64..5,
        prop::sample::select(vec!["EUR".to_owned(), "USD".to_owned()]),
    )
        .prop_map(|(account, claims, address, asn, country, amount, currency)| Request {
            account,
            claims,
            address,
            asn,
            country,
            amount,
            currency,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_more_rule_that_denies_never_permits_more(rules in rules(), denying in rule(Just("deny")), at: prop::sample::Index, request in requests()) {
        let before = outcome(&gate(&rules), &request);
        let mut more = rules.clone();
        more.insert(at.index(rules.len() + 1), denying);
        let after = outcome(&gate(&more), &request);
        prop_assert!(after == before || after == Outcome::Deny, "{before:?} became {after:?}");
    }

    #[test]
    fn knowing_less_never_permits_what_was_not(rules in rules(), request in requests(), claim: bool, address: bool, asn: bool, country: bool) {
        let gate = gate(&rules);
        let mut less = request.clone();
        if claim {
            less.claims.clear();
        }
        less.address = less.address.filter(|_| !address);
        less.asn = less.asn.filter(|_| !asn);
        less.country = less.country.filter(|_| !country);
        if outcome(&gate, &request) != Outcome::Allow {
            prop_assert_ne!(outcome(&gate, &less), Outcome::Allow);
        }
    }
}
