//! `Accept-Signature` asks for a signature, and what is signed is what was asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::signature::{
    AcceptSignature, Component, MAX_COMPONENTS, MAX_INPUT_BYTES, MAX_SIGNATURES, Message, Param, Requested,
    RequestedParams, SignatureError as E, SignatureParams, prepare,
};
use countersign::time::UnixSeconds;
use proptest::prelude::*;
use signature_support::*;

/// The example of RFC 9421 §5.1.
const EXAMPLE: &str = r#"sig1=("@method" "@target-uri" "@authority" "content-digest" "cache-control");keyid="test-key-rsa-pss";created;tag="app-123""#;

fn parse(values: &[&str]) -> Result<Vec<AcceptSignature>, E> {
    let fields: Vec<_> = values.iter().map(|value| ("Accept-Signature", *value)).collect();
    AcceptSignature::parse(&lines(&fields))
}

fn one(value: &str) -> AcceptSignature {
    let mut all = parse(&[value]).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn exactly(text: &str) -> Requested {
    Requested::Value(text.into())
}

#[test]
fn the_example_of_section_5_1_is_understood() {
    let asked = one(EXAMPLE);
    assert_eq!(asked.label(), "sig1");
    let names: Vec<_> = asked.components().iter().map(Component::identifier).collect();
    let covered =
        ["\"@method\"", "\"@target-uri\"", "\"@authority\"", "\"content-digest\"", "\"cache-control\""];
    assert_eq!(names, covered);
    let params = RequestedParams {
        created: true,
        keyid: Some(exactly("test-key-rsa-pss")),
        tag: Some(exactly("app-123")),
        ..RequestedParams::default()
    };
    assert_eq!(*asked.params(), params);
}

#[test]
fn a_message_that_asks_for_nothing_has_no_requests() {
    assert_eq!(parse(&[]), Ok(Vec::new()));
    assert_eq!(parse(&[""]), Ok(Vec::new()));
}

#[test]
fn several_are_read_in_order_also_across_lines() {
    let asked = parse(&["b=();created", "a=(\"@status\" \"@method\";req), c=()"]).unwrap();
    let labels: Vec<_> = asked.iter().map(AcceptSignature::label).collect();
    assert_eq!(labels, ["b", "a", "c"]);
}

#[test]
fn what_is_malformed_or_twice_is_refused() {
    for (value, error) in [
        ("sig1", E::AcceptMalformed),
        ("sig1=5", E::AcceptMalformed),
        ("sig1=(\"@method\"", E::AcceptMalformed),
        ("sig1=(\"@method\"\t\"@path\")", E::AcceptMalformed),
        ("a=(), a=()", E::LabelDuplicate),
        ("a=(\"@method\" \"@method\")", E::ComponentDuplicate),
        ("a=(\"@nope\")", E::ComponentUnknown),
        ("a=(\"x\";zz)", E::ComponentParamUnknown),
        ("a=();created;created", E::ParamDuplicate),
        ("a=();created=1", E::ParamType(Param::Created)),
        ("a=();created=?0", E::ParamType(Param::Created)),
        ("a=();expires=\"x\"", E::ParamType(Param::Expires)),
        ("a=();nonce=5", E::ParamType(Param::Nonce)),
        ("a=();alg=ed25519", E::ParamType(Param::Alg)),
        ("a=();keyid=:AA==:", E::ParamType(Param::KeyId)),
        ("a=();tag=?0", E::ParamType(Param::Tag)),
    ] {
        assert_eq!(parse(&[value]), Err(error), "{value}");
    }
    assert_eq!(parse(&["a=()", "a=()"]), Err(E::LabelDuplicate));
}

#[test]
fn more_than_the_bounds_is_refused() {
    let labels = |n: usize| (0..n).map(|i| format!("s{i}=()")).collect::<Vec<_>>().join(", ");
    assert_eq!(parse(&[&labels(MAX_SIGNATURES)]).unwrap().len(), MAX_SIGNATURES);
    assert_eq!(parse(&[&labels(MAX_SIGNATURES + 1)]), Err(E::TooManySignatures));
    let covered =
        |n: usize| format!("a=({})", (0..n).map(|i| format!("\"x{i}\"")).collect::<Vec<_>>().join(" "));
    assert_eq!(one(&covered(MAX_COMPONENTS)).components().len(), MAX_COMPONENTS);
    assert_eq!(parse(&[&covered(MAX_COMPONENTS + 1)]), Err(E::TooManyComponents));
    assert_eq!(parse(&[&format!("a=();tag=\"{}\"", "t".repeat(MAX_INPUT_BYTES))]), Err(E::FieldTooLong));
}

fn offered() -> SignatureParams {
    SignatureParams {
        created: Some(UnixSeconds(100)),
        expires: Some(UnixSeconds(160)),
        keyid: Some("k1".into()),
        alg: Some("ed25519".into()),
        ..SignatureParams::default()
    }
}

fn fulfilled(value: &str, offered: &SignatureParams) -> Result<SignatureParams, E> {
    let view = request("GET", "https://a.example/", &[]);
    one(value).fulfil(&Message::request(&view, view.target()), offered).map(|(_, params)| params)
}

#[test]
fn what_is_asked_for_is_signed_under_its_label() {
    let asked = one(r#"sig1=("@method" "@authority");created;keyid;nonce="n-1";tag="app""#);
    let view = request("GET", "https://a.example/", &[]);
    let message = Message::request(&view, view.target());
    let (components, params) = asked.fulfil(&message, &offered()).unwrap();
    let unsigned = prepare(&message, &components, &params).unwrap();
    let fields = unsigned.fields(asked.label(), &sign(&unsigned.base)).unwrap();
    assert_eq!(
        fields.signature_input,
        r#"sig1=("@method" "@authority");created=100;expires=160;keyid="k1";alg="ed25519";nonce="n-1";tag="app""#
    );
}

#[test]
fn the_signers_own_values_are_kept_where_they_agree() {
    let own = SignatureParams { nonce: Some("mine".into()), tag: Some("app".into()), ..offered() };
    assert_eq!(fulfilled(r#"a=();nonce;tag="app";keyid="k1";alg="ed25519""#, &own).unwrap(), own);
    assert_eq!(fulfilled("a=()", &own).unwrap(), own);
}

#[test]
fn what_cannot_be_had_is_not_signed() {
    let none = SignatureParams::default();
    let tagged = SignatureParams { tag: Some("mine".into()), nonce: Some("mine".into()), ..offered() };
    for (value, offered, param) in [
        ("a=();created", &none, Param::Created),
        ("a=();expires", &none, Param::Expires),
        ("a=();keyid", &none, Param::KeyId),
        ("a=();keyid=\"k1\"", &none, Param::KeyId),
        ("a=();keyid=\"k2\"", &tagged, Param::KeyId),
        ("a=();alg", &none, Param::Alg),
        ("a=();alg=\"rsa-pss-sha512\"", &tagged, Param::Alg),
        ("a=();nonce", &none, Param::Nonce),
        ("a=();nonce=\"theirs\"", &tagged, Param::Nonce),
        ("a=();tag", &none, Param::Tag),
        ("a=();tag=\"theirs\"", &tagged, Param::Tag),
    ] {
        assert_eq!(fulfilled(value, offered), Err(E::RequestedParamUnmet(param)), "{value}");
    }
}

#[test]
fn an_unknown_parameter_is_read_and_cannot_be_fulfilled() {
    assert_eq!(fulfilled("a=();scope=\"x\"", &offered()), Err(E::RequestedParamUnknown));
}

#[test]
fn components_that_do_not_fit_the_message_are_not_signed() {
    for (value, error) in [
        ("a=(\"@status\")", E::ComponentNotOfRequest { index: 0 }),
        ("a=(\"@method\" \"@method\";req)", E::ComponentNotOfRequest { index: 1 }),
        ("a=(\"cache-control\")", E::ComponentMissing { index: 0 }),
        ("a=(\"signature\")", E::CoversItself),
    ] {
        assert_eq!(fulfilled(value, &offered()), Err(error), "{value}");
    }
}

#[test]
fn a_request_asks_for_a_signed_response() {
    let asked = request(
        "GET",
        "https://a.example/x",
        &[("Accept-Signature", r#"r=("@status" "@path";req);created"#)],
    );
    let answer = response(200, &[]);
    let requests = AcceptSignature::parse(asked.fields()).unwrap();
    let message = Message::response(&answer, Some((&asked, asked.target())));
    let (covered, params) = requests[0].fulfil(&message, &offered()).unwrap();
    let base = prepare(&message, &covered, &params).unwrap().base;
    assert!(base.starts_with("\"@status\": 200\n\"@path\";req: /x\n"), "{base}");
    let wrong = one("r=(\"@path\")").fulfil(&message, &offered());
    assert_eq!(wrong, Err(E::ComponentNotOfResponse { index: 0 }));
}

fn asking(label: &str, covered: &str, params: RequestedParams) -> Result<AcceptSignature, E> {
    AcceptSignature::new(label, components(covered), params)
}

#[test]
fn what_is_written_is_what_a_gate_asks_for() {
    let params = RequestedParams {
        created: true,
        expires: true,
        keyid: Some(Requested::Any),
        tag: Some(exactly("web-bot-auth")),
        ..RequestedParams::default()
    };
    let asked =
        asking("sig1", r#""@authority" "signature-agent";key="sig1" "content-digest""#, params).unwrap();
    assert_eq!(
        AcceptSignature::write_all(&[asked]).unwrap(),
        r#"sig1=("@authority" "signature-agent";key="sig1" "content-digest");created;expires;keyid;tag="web-bot-auth""#
    );
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let none = RequestedParams::default;
    assert_eq!(asking("Sig", "", none()), Err(E::LabelMalformed));
    assert_eq!(asking("a", "\"x\" \"x\"", none()), Err(E::ComponentDuplicate));
    assert_eq!(
        AcceptSignature::new("a", vec![component("\"x\""); MAX_COMPONENTS + 1], none()),
        Err(E::TooManyComponents)
    );
    let odd = RequestedParams { tag: Some(exactly("\u{e9}")), ..none() };
    assert_eq!(asking("a", "", odd), Err(E::ParamType(Param::Tag)));
    let a = asking("a", "", none()).unwrap();
    assert_eq!(AcceptSignature::write_all(&[]), Err(E::Missing));
    assert_eq!(AcceptSignature::write_all(&[a.clone(), a.clone()]), Err(E::LabelDuplicate));
    let many: Vec<_> = (0..=MAX_SIGNATURES).map(|i| asking(&format!("s{i}"), "", none()).unwrap()).collect();
    assert_eq!(AcceptSignature::write_all(&many), Err(E::TooManySignatures));
    let long = RequestedParams { nonce: Some(exactly(&"n".repeat(MAX_INPUT_BYTES))), ..none() };
    assert_eq!(AcceptSignature::write_all(&[asking("a", "", long).unwrap()]), Err(E::FieldTooLong));
}

fn requested() -> impl Strategy<Value = Option<Requested>> {
    prop_oneof![
        Just(None),
        Just(Some(Requested::Any)),
        "[ -~]{0,12}".prop_map(|text| Some(Requested::Value(text)))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        names in proptest::sample::subsequence(
            vec!["\"@method\"", "\"@status\"", "\"@path\";req", "\"x\"", "\"x\";bs", "\"d\";key=\"a\"", "\"t\";tr"], 0..=7,
        ),
        created in any::<bool>(), expires in any::<bool>(),
        keyid in requested(), alg in requested(), nonce in requested(), tag in requested(),
    ) {
        let params = RequestedParams { created, expires, keyid, alg, nonce, tag };
        let asked = AcceptSignature::new("sig1", names.iter().map(|name| component(name)).collect(), params).unwrap();
        let other = AcceptSignature::new("sig2", Vec::new(), RequestedParams::default()).unwrap();
        let written = AcceptSignature::write_all(&[asked.clone(), other.clone()]).unwrap();
        prop_assert_eq!(parse(&[&written]).unwrap(), [asked, other]);
    }

    #[test]
    fn no_field_makes_it_panic(
        text in "[ -~]{0,60}",
        covered in "(\"(@method|@status|x|@nope)\"(;(sf|req|tr|key=\"s\"|name=\"a\")){0,2} ?){0,3}",
        params in "(;(created|expires|keyid|nonce|x)(=1|=\"a\"|=\\?0)?){0,4}",
    ) {
        let view = request("GET", "https://a.example/?a=1", &[("X", "s=1")]);
        for value in [text, format!("a=({covered}){params}")] {
            for asked in parse(&[&value]).unwrap_or_default() {
                let _ = asked.fulfil(&Message::request(&view, view.target()), &offered());
            }
        }
    }
}
