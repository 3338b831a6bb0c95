//! `Signature-Input` and `Signature` are read in one way only, or refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::signature::{
    Component, MAX_COMPONENTS, MAX_INPUT_BYTES, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, Message, Param,
    SignatureError as E, SignatureParams, prepare, present,
};
use countersign::time::UnixSeconds;
use signature_support::*;
use std::slice;

fn outcome(inputs: &[&str], signatures: &[&str]) -> Result<Vec<String>, E> {
    let mut fields: Vec<_> = inputs.iter().map(|value| ("Signature-Input", *value)).collect();
    fields.extend(signatures.iter().map(|value| ("Signature", *value)));
    let view = request("GET", "https://a.example/", &fields);
    present(view.fields()).map(|all| all.iter().map(|one| one.label().to_string()).collect())
}

fn refusal(input: &str) -> E {
    outcome(&[input], &["a=:AA==:"]).unwrap_err()
}

#[test]
fn what_is_read_for_one_base_is_bounded() {
    let value = (0..100).map(|i| format!("a{i}=\"{}\"", "x".repeat(80))).collect::<Vec<_>>().join(", ");
    let base = |members: usize| {
        let covered: Vec<_> = (0..members).map(|i| format!("\"x-list\";key=\"a{i}\"")).collect();
        base_for("GET", "https://shop.example/", &[("X-List", &value)], &format!("({})", covered.join(" ")))
    };
    assert!(base(12).is_ok());
    assert_eq!(base(60), Err(E::FieldTooLong));
}

#[test]
fn several_signatures_are_read_in_the_order_of_their_inputs() {
    let labels = outcome(&["b=()", "a=(\"@method\");x=1"], &["a=:AA==:, b=:AQ==:"]);
    assert_eq!(labels.unwrap(), ["b", "a"]);
}

#[test]
fn parameters_are_typed_and_unknown_ones_tolerated() {
    let input = r#"a=("@method");created=1;expires=2;keyid="k";alg="ed25519";nonce="n";tag="t";other=(1 2)"#;
    assert_eq!(refusal(input), E::InputMalformed);
    let input = input.replace("(1 2)", "@5");
    let view =
        request("GET", "https://a.example/", &[("Signature-Input", &input), ("Signature", "a=:AA==:")]);
    let expected = SignatureParams {
        created: Some(UnixSeconds(1)),
        expires: Some(UnixSeconds(2)),
        keyid: Some("k".into()),
        alg: Some("ed25519".into()),
        nonce: Some("n".into()),
        tag: Some("t".into()),
    };
    assert_eq!(*only(&view).params(), expected);
    assert_eq!(only(&view).params_text(), input.strip_prefix("a=").unwrap());
}

#[test]
fn a_request_without_signatures_has_none() {
    assert_eq!(outcome(&[], &[]), Err(E::Missing));
    assert_eq!(outcome(&[""], &[""]), Err(E::Missing));
}

#[test]
fn a_label_in_one_field_only_is_refused() {
    assert_eq!(outcome(&["a=()"], &[]), Err(E::LabelUnmatched));
    assert_eq!(outcome(&[], &["a=:AA==:"]), Err(E::LabelUnmatched));
    assert_eq!(outcome(&["a=()"], &["b=:AA==:"]), Err(E::LabelUnmatched));
    assert_eq!(outcome(&["a=()"], &["a=:AA==:, b=:AA==:"]), Err(E::LabelUnmatched));
    assert_eq!(outcome(&["a=(), b=()"], &["a=:AA==:"]), Err(E::LabelUnmatched));
}

#[test]
fn a_label_twice_is_refused_also_across_lines() {
    assert_eq!(outcome(&["a=(), a=()"], &["a=:AA==:"]), Err(E::LabelDuplicate));
    assert_eq!(outcome(&["a=()", "a=()"], &["a=:AA==:"]), Err(E::LabelDuplicate));
    assert_eq!(outcome(&["a=()"], &["a=:AA==:", "a=:AA==:"]), Err(E::LabelDuplicate));
}

#[test]
fn an_input_that_is_no_dictionary_of_inner_lists_is_refused() {
    for input in
        ["a", "a=1", "a=\"@method\"", "a=(", "a=()b", "a=(),", "A=()", "\"a\"", "a=();created=", "a=() ()"]
    {
        assert_eq!(refusal(input), E::InputMalformed, "{input}");
    }
}

#[test]
fn white_space_in_an_input_is_read_strictly_and_kept_as_received() {
    // RFC 9651: spaces between items and after semicolons, nowhere else, and no tabs inside a member.
    for input in [
        "a=(\"@method\"\t\"@path\")",
        "a=();\tcreated=1",
        "a=() ;created=1",
        "a =()",
        "a= ()",
        "a=();created= 1",
    ] {
        assert_eq!(refusal(input), E::InputMalformed, "{input:?}");
    }
    for (lines, text) in [
        (&["a=( \"@method\"  \"@path\" );  created=1"][..], "( \"@method\"  \"@path\" );  created=1"),
        (&[" \ta=(\"@method\");created=1\t "], "(\"@method\");created=1"),
        (&["a=(\"@method\"\r\n\t\"@path\");created=1"], "(\"@method\" \"@path\");created=1"),
        (&["b=() \t,\ta=();tag=\"x, y\"  "], "();tag=\"x, y\""),
        (&["b=()", "a=();created=007"], "();created=007"),
    ] {
        let mut fields: Vec<_> = lines.iter().map(|line| ("Signature-Input", *line)).collect();
        fields.push(("Signature", if text.starts_with("();") { "a=:AA==:, b=:AA==:" } else { "a=:AA==:" }));
        let view = request("GET", "https://a.example/", &fields);
        let signature = present(view.fields()).unwrap().into_iter().find(|one| one.label() == "a").unwrap();
        assert_eq!(signature.params_text(), text);
    }
}

#[test]
fn a_member_is_covered_once_with_or_without_sf() {
    assert_eq!(refusal("a=(\"x\";key=\"k\" \"x\";key=\"k\";sf)"), E::ComponentDuplicate);
    assert!(outcome(&["a=(\"x\";key=\"k\" \"x\";key=\"l\" \"x\" \"x\";sf)"], &["a=:AA==:"]).is_ok());
    assert!(outcome(&["a=(\"@method\" \"@method\";req \"x\";tr \"x\")"], &["a=:AA==:"]).is_ok());
}

#[test]
fn a_signature_that_is_no_byte_sequence_is_refused() {
    for signature in
        ["a", "a=1", "a=\"AA==\"", "a=(:AA==:)", "a=::", "a=:A:", "a=:AA==", "a=:A-_=:", ":AA==:"]
    {
        assert_eq!(outcome(&["a=()"], &[signature]), Err(E::SignatureMalformed), "{signature}");
    }
}

#[test]
fn a_parameter_twice_is_refused() {
    assert_eq!(refusal("a=();created=1;created=1"), E::ParamDuplicate);
    assert_eq!(refusal("a=();x=1;x=1"), E::ParamDuplicate);
}

#[test]
fn a_parameter_of_another_type_is_refused() {
    for (param, wrong) in [
        (Param::Created, "created=1.0"),
        (Param::Created, "created=\"1\""),
        (Param::Created, "created=@1"),
        (Param::Created, "created"),
        (Param::Expires, "expires=?1"),
        (Param::KeyId, "keyid=k"),
        (Param::Alg, "alg=ed25519"),
        (Param::Nonce, "nonce=:AA==:"),
        (Param::Tag, "tag=%\"t\""),
    ] {
        assert_eq!(refusal(&format!("a=();{wrong}")), E::ParamType(param), "{wrong}");
    }
}

#[test]
fn a_component_twice_is_refused_in_any_order_of_its_parameters() {
    assert_eq!(refusal("a=(\"@method\" \"@path\" \"@method\")"), E::ComponentDuplicate);
    assert_eq!(refusal("a=(\"x\";sf;key=\"k\" \"x\";key=\"k\";sf)"), E::ComponentDuplicate);
}

#[test]
fn an_unknown_component_is_refused() {
    assert_eq!(refusal("a=(\"@nonsense\")"), E::ComponentUnknown);
    assert_eq!(refusal("a=(\"@signature-params\")"), E::ComponentUnknown);
}

#[test]
fn an_unknown_component_parameter_is_refused() {
    assert_eq!(refusal("a=(\"x\";new)"), E::ComponentParamUnknown);
    assert_eq!(refusal("a=(\"x\";sf;sf)"), E::ComponentParamDuplicate);
    assert_eq!(refusal("a=(\"x\";key=k)"), E::ComponentParamMalformed);
    assert_eq!(refusal("a=(\"x\";bs;sf)"), E::ComponentParamConflict);
}

#[test]
fn a_field_name_in_upper_case_is_refused() {
    assert_eq!(refusal("a=(\"Content-Type\")"), E::ComponentMalformed);
    assert_eq!(refusal("a=(content-type)"), E::ComponentMalformed);
}

#[test]
fn more_than_the_bounds_is_refused() {
    let many = |n: usize, one: &dyn Fn(usize) -> String| (0..n).map(one).collect::<Vec<_>>();
    let inputs = many(MAX_SIGNATURES + 1, &|i| format!("s{i}=()")).join(", ");
    let signatures = many(MAX_SIGNATURES + 1, &|i| format!("s{i}=:AA==:")).join(", ");
    assert_eq!(outcome(&[&inputs], &[&signatures]), Err(E::TooManySignatures));

    let components = |n| format!("a=({})", many(n, &|i| format!("\"x{i}\"")).join(" "));
    assert!(outcome(&[&components(MAX_COMPONENTS)], &["a=:AA==:"]).is_ok());
    assert_eq!(refusal(&components(MAX_COMPONENTS + 1)), E::TooManyComponents);

    let long = format!("a=();x=\"{}\"", "x".repeat(MAX_INPUT_BYTES));
    assert_eq!(refusal(&long), E::FieldTooLong);

    let signature = |n: usize| format!("a=:{}:", "AAAA".repeat(n / 3) + ["", "AA", "AAA"][n % 3]);
    assert!(outcome(&["a=()"], &[&signature(MAX_SIGNATURE_BYTES)]).is_ok());
    assert_eq!(outcome(&["a=()"], &[&signature(MAX_SIGNATURE_BYTES + 1)]), Err(E::SignatureTooLong));
    assert_eq!(outcome(&["a=()"], &[&signature(16 * 1024)]), Err(E::FieldTooLong));
}

#[test]
fn only_what_can_be_read_back_can_be_prepared() {
    let view = request("GET", "https://a.example/", &[]);
    let message = Message::request(&view, view.target());
    let method = Component::parse("\"@method\"").unwrap();
    let plain = SignatureParams::default();
    assert_eq!(prepare(&message, &[method.clone(), method.clone()], &plain), Err(E::ComponentDuplicate));
    assert_eq!(prepare(&message, &vec![method.clone(); 65], &plain), Err(E::TooManyComponents));
    let odd = SignatureParams { nonce: Some("\u{e9}".into()), ..SignatureParams::default() };
    assert_eq!(prepare(&message, slice::from_ref(&method), &odd), Err(E::ParamType(Param::Nonce)));
    let far = SignatureParams { created: Some(UnixSeconds(i64::MAX)), ..SignatureParams::default() };
    assert_eq!(prepare(&message, slice::from_ref(&method), &far), Err(E::ParamType(Param::Created)));
    let unsigned = prepare(&message, &[method], &plain).unwrap();
    assert_eq!(unsigned.fields("Bad Label", &[1]), Err(E::LabelMalformed));
}
