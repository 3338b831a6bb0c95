//! Signing with a key that is kept elsewhere: a callback gets the base, and what comes out can be sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::signature::{
    MAX_INPUT_BYTES, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, Message, SignError, SignatureError as E,
    SignatureParams, SigningFields, prepare, present, sign, signature_base,
};
use signature_support::*;
use std::cell::Cell;

#[allow(clippy::unnecessary_wraps, reason = "a signer may fail, this one does not")]
fn with_key(base: &[u8]) -> Result<Vec<u8>, &'static str> {
    Ok(signature_support::sign(std::str::from_utf8(base).unwrap()))
}

fn plain() -> SignatureParams {
    SignatureParams::default()
}

#[test]
fn the_callback_gets_the_base_and_its_signature_is_sent() {
    let view = request("GET", "https://a.example/", &[]);
    let message = Message::request(&view, view.target());
    let covered = components("\"@method\" \"@authority\"");
    let fields = sign(&message, "sig1", &covered, &plain(), |base| {
        assert_eq!(base, prepare(&message, &covered, &plain()).unwrap().base.as_bytes());
        with_key(base)
    })
    .unwrap();
    let sent = request(
        "GET",
        "https://a.example/",
        &[("Signature-Input", &fields.signature_input), ("Signature", &fields.signature)],
    );
    assert!(verifies(&base_of(&sent).unwrap(), only(&sent).signature()));
}

#[test]
fn a_response_is_signed_alike() {
    let asked = request("POST", "https://a.example/x", &[("D", "a=1")]);
    let view = response(201, &[("Content-Type", "text/plain")]);
    let message = Message::response(&view, Some((&asked, asked.target())));
    let covered = components(r#""@status" "content-type" "@method";req "d";req;key="a""#);
    let new = sign(&message, "sig1", &covered, &plain(), with_key).unwrap();
    let sent = response(
        201,
        &[
            ("Content-Type", "text/plain"),
            ("Signature-Input", &new.signature_input),
            ("Signature", &new.signature),
        ],
    );
    let signature = present(sent.fields()).unwrap().remove(0);
    let verdict = |asked: &countersign::request::RequestView, sent: &_| {
        let message = Message::response(sent, Some((asked, asked.target())));
        verifies(&signature_base(&signature, &message).unwrap(), signature.signature())
    };
    assert!(verdict(&asked, &sent));
    assert!(!verdict(&request("POST", "https://a.example/x", &[("D", "a=2")]), &sent));
}

#[test]
fn the_failure_of_the_signer_is_handed_on() {
    let view = request("GET", "https://a.example/", &[]);
    let message = Message::request(&view, view.target());
    let failed = sign(&message, "a", &[], &plain(), |_| Err("the key is locked"));
    assert_eq!(failed, Err(SignError::Signer("the key is locked")));
    assert_eq!(failed.unwrap_err().to_string(), "the key is locked");
}

fn refused(label: &str, covered: &str, fields: &[(&str, &str)]) -> E {
    let view = request("GET", "https://a.example/", fields);
    let message = Message::request(&view, view.target());
    let used = Cell::new(false);
    let outcome = sign(&message, label, &components(covered), &plain(), |base| {
        used.set(true);
        with_key(base)
    });
    assert!(!used.get(), "the key is used only for what can be sent");
    match outcome {
        Err(SignError::Message(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_label_that_is_taken_is_refused() {
    let there = [("Signature-Input", "a=()"), ("Signature", "a=:AA==:")];
    assert_eq!(refused("a", "", &there), E::LabelDuplicate);
    assert_eq!(refused("b", "", &[("Signature", "b=:AA==:")]), E::LabelDuplicate);
    assert_eq!(refused("b", "", &[("Signature-Input", "b=()")]), E::LabelDuplicate);
}

#[test]
fn a_label_that_is_no_key_is_refused() {
    for label in ["", "Sig", "1a", "a b", "a=()"] {
        assert_eq!(refused(label, "", &[]), E::LabelMalformed, "{label}");
    }
}

#[test]
fn a_message_whose_signatures_nobody_could_read_is_not_signed() {
    assert_eq!(refused("b", "", &[("Signature-Input", "a=()")]), E::LabelUnmatched);
    assert_eq!(refused("b", "", &[("Signature-Input", "a=5"), ("Signature", "a=:AA==:")]), E::InputMalformed);
    assert_eq!(refused("b", "", &[("Signature-Input", "a=()"), ("Signature", "a=x")]), E::SignatureMalformed);
    let full =
        |member: &str| (0..MAX_SIGNATURES).map(|i| format!("s{i}={member}")).collect::<Vec<_>>().join(", ");
    let fields = [("Signature-Input", full("()")), ("Signature", full(":AA==:"))];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(refused("b", "", &fields), E::TooManySignatures);
}

#[test]
fn a_component_that_is_not_there_is_not_signed() {
    assert_eq!(refused("a", "\"x\"", &[]), E::ComponentMissing { index: 0 });
    assert_eq!(refused("a", "\"@status\"", &[]), E::ComponentNotOfRequest { index: 0 });
}

#[test]
fn parameters_longer_than_a_verifier_reads_are_refused() {
    let view = request("GET", "https://a.example/", &[]);
    let long = SignatureParams { nonce: Some("n".repeat(MAX_INPUT_BYTES)), ..plain() };
    assert_eq!(prepare(&Message::request(&view, view.target()), &[], &long), Err(E::FieldTooLong));
}

#[test]
fn a_signature_that_no_verifier_reads_is_refused() {
    let view = request("GET", "https://a.example/", &[]);
    let message = Message::request(&view, view.target());
    let signed = |bytes: usize| sign(&message, "a", &[], &plain(), |_| Ok::<_, ()>(vec![1; bytes]));
    assert_eq!(signed(0), Err(SignError::Message(E::SignatureMalformed)));
    assert_eq!(signed(MAX_SIGNATURE_BYTES + 1), Err(SignError::Message(E::SignatureTooLong)));
    assert!(signed(MAX_SIGNATURE_BYTES).is_ok());
}

#[test]
fn fields_are_joined_behind_what_is_there() {
    let view = request(
        "GET",
        "https://a.example/",
        &[
            ("Signature-Input", "a=()"),
            ("Signature-Input", "b=();tag=\"x, y\""),
            ("Signature", "b=:AA==:, a=:AQ==:"),
        ],
    );
    let message = Message::request(&view, view.target());
    let new = sign(&message, "c", &components("\"@method\""), &plain(), with_key).unwrap();
    let whole = new.joined(view.fields()).unwrap();
    assert_eq!(whole.signature_input, "a=(), b=();tag=\"x, y\", c=(\"@method\")");
    assert_eq!(whole.signature, format!("b=:AA==:, a=:AQ==:, {}", new.signature));
    let sent = lines(&[("Signature-Input", &whole.signature_input), ("Signature", &whole.signature)]);
    let labels: Vec<_> = present(&sent).unwrap().iter().map(|one| one.label().to_owned()).collect();
    assert_eq!(labels, ["a", "b", "c"]);
    assert_eq!(new.joined(&sent), Err(E::LabelDuplicate));
}

#[test]
fn empty_fields_are_as_good_as_none() {
    let new = SigningFields { signature_input: "a=()".into(), signature: "a=:AA==:".into() };
    assert_eq!(new.joined(&lines(&[("Signature-Input", ""), ("Signature", "")])).unwrap(), new);
    assert_eq!(new.joined(&lines(&[])).unwrap(), new);
}
