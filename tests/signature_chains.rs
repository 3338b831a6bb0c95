//! A signature that covers another one binds it (RFC 9421 §4.3, §7.3.7): by label, in its strict serialisation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::request::RequestView;
use countersign::response::ResponseView;
use countersign::signature::{
    Message, PresentedSignature, SignatureError as E, SignatureParams, prepare, present, sign, signature_base,
};
use countersign::time::UnixSeconds;
use signature_support::*;
use std::convert::Infallible;

const URL: &str = "https://shop.example/cart?item=1";
const OUTER: &str = r#""@authority" "signature";key="sig1" "signature-input";key="sig1""#;

fn params(created: i64) -> SignatureParams {
    SignatureParams { created: Some(UnixSeconds(created)), ..SignatureParams::default() }
}

#[allow(clippy::unnecessary_wraps, reason = "a signer may fail, this one does not")]
fn by_test_key(base: &[u8]) -> Result<Vec<u8>, Infallible> {
    Ok(signature_support::sign(std::str::from_utf8(base).unwrap()))
}

/// Signs a request, and gives its fields with the new lines after them.
fn signed<'a>(
    fields: &[(&'a str, String)],
    label: &str,
    covered: &str,
    created: i64,
) -> Vec<(&'a str, String)> {
    let view = view(fields);
    let message = Message::request(&view, view.target());
    let new = sign(&message, label, &components(covered), &params(created), by_test_key).unwrap();
    let mut all = fields.to_vec();
    all.extend([("signature-input", new.signature_input), ("signature", new.signature)]);
    all
}

fn view(fields: &[(&str, String)]) -> RequestView {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    request("GET", URL, &fields)
}

fn labelled(fields: &countersign::request::Fields, label: &str) -> PresentedSignature {
    present(fields).unwrap().into_iter().find(|one| one.label() == label).unwrap()
}

fn verdict(message: &Message<'_>, label: &str) -> Result<bool, E> {
    let signature = labelled(message.fields(), label);
    signature_base(&signature, message).map(|base| verifies(&base, signature.signature()))
}

fn of_request(fields: &[(&str, String)], label: &str) -> Result<bool, E> {
    let view = view(fields);
    verdict(&Message::request(&view, view.target()), label)
}

fn chain() -> Vec<(&'static str, String)> {
    let inner = signed(&[("x", "1".into())], "sig1", "\"@method\" \"x\"", 1);
    signed(&inner, "outer", OUTER, 2)
}

#[test]
fn inner_and_outer_signatures_verify_side_by_side() {
    let fields = chain();
    assert_eq!(fields.len(), 5);
    assert_eq!(of_request(&fields, "sig1"), Ok(true));
    assert_eq!(of_request(&fields, "outer"), Ok(true));
}

#[test]
fn another_inner_signature_breaks_the_outer() {
    let mut fields = chain();
    // Valid itself, over the same components, made at another time.
    let other = signed(&[("x", "1".into())], "sig1", "\"@method\" \"x\"", 3);
    fields[1].1.clone_from(&other[1].1);
    fields[2].1.clone_from(&other[2].1);
    assert_eq!(of_request(&fields, "sig1"), Ok(true));
    assert_eq!(of_request(&fields, "outer"), Ok(false));
}

#[test]
fn another_inner_value_or_input_breaks_the_outer() {
    for (place, from, to) in
        [(2, "sig1=:", "sig1=:AAAA"), (1, "\"x\")", "\"x\" \"@path\")"), (1, "created=1", "created=9")]
    {
        let mut fields = chain();
        assert!(fields[place].1.contains(from));
        fields[place].1 = fields[place].1.replacen(from, to, 1);
        assert_eq!(of_request(&fields, "outer"), Ok(false), "{to}");
    }
}

#[test]
fn an_inner_signature_under_another_label_is_missing() {
    let mut fields = chain();
    for place in [1, 2] {
        fields[place].1 = fields[place].1.replacen("sig1=", "sig9=", 1);
    }
    assert_eq!(of_request(&fields, "sig9"), Ok(true));
    assert_eq!(of_request(&fields, "outer"), Err(E::ComponentMissing { index: 1 }));
}

#[test]
fn an_inner_signature_twice_is_refused() {
    let mut fields = chain();
    fields.push(("signature", fields[2].1.clone()));
    let view = view(&fields);
    assert_eq!(present(view.fields()), Err(E::LabelDuplicate));
    // Where the labels are not read, as by a base of one's own, the member has no single value.
    let message = Message::request(&view, view.target());
    assert_eq!(value_of(&message, "\"signature\";key=\"sig1\""), Err(E::ComponentAmbiguous { index: 0 }));
}

#[test]
fn what_intermediaries_may_do_to_the_fields_leaves_both_valid() {
    let fields = chain();
    let joined = |a: usize, b: usize, by: &str| format!("{}{by}{}", fields[a].1, fields[b].1);
    for by in [", ", ",", " ,\t "] {
        let one_line =
            vec![fields[0].clone(), ("signature-input", joined(1, 3, by)), ("signature", joined(4, 2, by))];
        for label in ["sig1", "outer"] {
            assert_eq!(of_request(&one_line, label), Ok(true), "{label} {by:?}");
        }
    }
}

/// The outer signature has the inner one as RFC 9421 §2.1.2 serialises it: whatever white space the inner signer
/// used, and signed, is not in it. The inner one is checked against what it sent (§2.3).
#[test]
fn the_inner_input_is_serialised_strictly_for_the_outer_and_as_received_for_itself() {
    let spaced = r#"( "@method"  "x" );created=1;  zz=1.50"#;
    let base = format!("\"@method\": GET\n\"x\": 1\n\"@signature-params\": {spaced}");
    let signature = prepare_bytes(&signature_support::sign(&base));
    let inner = [
        ("x", "1".to_owned()),
        ("signature-input", format!("sig1={spaced}")),
        ("signature", format!("sig1={signature}")),
    ];
    let fields = signed(&inner, "outer", OUTER, 2);
    assert_eq!(of_request(&fields, "sig1"), Ok(true));
    assert_eq!(of_request(&fields, "outer"), Ok(true));
    let view = view(&fields);
    let value = value_of(&Message::request(&view, view.target()), "\"signature-input\";key=\"sig1\"");
    assert_eq!(value.unwrap(), r#"("@method" "x");created=1;zz=1.5"#);
    // White space changed on the way is nothing to the outer signature, and breaks the inner one.
    let mut respaced = fields.clone();
    respaced[1].1 = respaced[1].1.replace("  ", " ");
    assert_eq!(of_request(&respaced, "outer"), Ok(true));
    assert_eq!(of_request(&respaced, "sig1"), Ok(false));
}

fn prepare_bytes(signature: &[u8]) -> String {
    use countersign::encoding::structured::{BareItem, Item};
    Item::from(BareItem::Bytes(signature.to_vec())).serialize().unwrap()
}

#[test]
fn a_signature_cannot_cover_the_whole_field_that_it_goes_into() {
    let inner = signed(&[], "sig1", "\"@method\"", 1);
    let view = view(&inner);
    let message = Message::request(&view, view.target());
    for identifier in ["\"signature\"", "\"signature-input\"", "\"signature\";sf", "\"signature-input\";bs"] {
        let refused = prepare(&message, &[component(identifier)], &params(2));
        assert_eq!(refused, Err(E::CoversItself), "{identifier}");
    }
    // Nor its own member, which is not there yet.
    let refused = prepare(&message, &[component("\"signature\";key=\"outer\"")], &params(2));
    assert_eq!(refused, Err(E::ComponentMissing { index: 0 }));
}

fn answer(covered: &str, asked: &RequestView) -> ResponseView {
    let plain = response(200, &[]);
    let message = Message::response(&plain, Some((asked, asked.target())));
    let new = sign(&message, "res", &components(covered), &params(5), by_test_key).unwrap();
    response(200, &[("signature-input", &new.signature_input), ("signature", &new.signature)])
}

#[test]
fn a_response_binds_the_signature_of_its_request() {
    let covered = r#""@status" "@method";req "signature";req;key="sig1" "signature-input";req;key="sig1""#;
    let fields = signed(&[], "sig1", "\"@method\"", 1);
    let asked = view(&fields);
    let answer = answer(covered, &asked);
    assert_eq!(verdict(&Message::response(&answer, Some((&asked, asked.target()))), "res"), Ok(true));
    let other = view(&signed(&[], "sig1", "\"@method\"", 2));
    assert_eq!(verdict(&Message::response(&answer, Some((&other, other.target()))), "res"), Ok(false));
    let unsigned = view(&[]);
    let refused = verdict(&Message::response(&answer, Some((&unsigned, unsigned.target()))), "res");
    assert_eq!(refused, Err(E::ComponentMissing { index: 2 }));
}

#[test]
fn the_whole_signature_field_of_the_request_can_be_covered_by_the_response() {
    let asked = view(&signed(&[], "sig1", "\"@method\"", 1));
    let answer = answer(r#""@status" "signature";req"#, &asked);
    assert_eq!(verdict(&Message::response(&answer, Some((&asked, asked.target()))), "res"), Ok(true));
    let twice = view(&signed(&signed(&[], "sig1", "\"@method\"", 1), "sig2", "\"@path\"", 1));
    assert_eq!(verdict(&Message::response(&answer, Some((&twice, twice.target()))), "res"), Ok(false));
}
