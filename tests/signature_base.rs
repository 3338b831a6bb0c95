//! The signature base is the one that the signer had, byte for byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::request::{Scheme, Target};
use countersign::signature::{Message, SignatureError as E, signature_base};
use signature_support::*;

const URL: &str = "https://www.example.com/path?param=value";

fn line(url: &str, fields: &[(&str, &str)], identifier: &str) -> Result<String, E> {
    let base = base_for("POST", url, fields, &format!("({identifier})"))?;
    let (line, last) = base.rsplit_once('\n').unwrap();
    assert_eq!(last, format!("\"@signature-params\": ({identifier})"));
    Ok(line.strip_prefix(&format!("{identifier}: ")).unwrap().to_string())
}

#[test]
fn the_examples_of_the_standard_have_the_bases_that_it_prints() {
    let digest = TEST_REQUEST_DIGEST;
    // Section, covered components with parameters, and the lines before `@signature-params`.
    let cases = [
        (
            "§2.5",
            r#"("@method" "@authority" "@path" "content-digest" "content-length" "content-type");created=1618884473;keyid="test-key-rsa-pss""#,
            format!(
                "\"@method\": POST\n\"@authority\": example.com\n\"@path\": /foo\n\"content-digest\": {digest}\n\
                 \"content-length\": 18\n\"content-type\": application/json\n"
            ),
        ),
        (
            "§B.2.1",
            r#"();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
            String::new(),
        ),
        (
            "§B.2.2",
            r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
            format!(
                "\"@authority\": example.com\n\"content-digest\": {digest}\n\"@query-param\";name=\"Pet\": dog\n"
            ),
        ),
        (
            "§B.2.3",
            r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
            format!(
                "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\
                 \"@query\": ?param=Value&Pet=dog\n\"@authority\": example.com\n\
                 \"content-type\": application/json\n\"content-digest\": {digest}\n\"content-length\": 18\n"
            ),
        ),
        (
            "§B.2.5",
            r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\
             \"content-type\": application/json\n"
                .into(),
        ),
    ];
    for (section, input, lines) in cases {
        let labelled = format!("sig={input}");
        let view = test_request(&[("Signature-Input", &labelled), ("Signature", "sig=:AA==:")]);
        assert_eq!(base_of(&view).unwrap(), format!("{lines}\"@signature-params\": {input}"), "{section}");
    }
}

#[test]
fn derived_components_have_the_values_of_section_2_2() {
    for (identifier, value) in [
        ("\"@method\"", "POST"),
        ("\"@target-uri\"", "https://www.example.com/path?param=value"),
        ("\"@authority\"", "www.example.com"),
        ("\"@scheme\"", "https"),
        ("\"@request-target\"", "/path?param=value"),
        ("\"@path\"", "/path"),
        ("\"@query\"", "?param=value"),
        ("\"@query-param\";name=\"param\"", "value"),
    ] {
        assert_eq!(line(URL, &[], identifier).unwrap(), value, "{identifier}");
    }
    for (url, identifier, value) in [
        ("http://www.EXAMPLE.com:80", "\"@authority\"", "www.example.com"),
        ("http://www.example.com:443", "\"@authority\"", "www.example.com:443"),
        ("http://www.example.com", "\"@scheme\"", "http"),
        ("https://www.example.com", "\"@path\"", "/"),
        ("https://www.example.com", "\"@request-target\"", "/"),
        ("https://www.example.com", "\"@query\"", "?"),
        ("https://www.example.com?", "\"@query\"", "?"),
        ("https://www.example.com?", "\"@request-target\"", "/?"),
        ("https://www.example.com/%7Ea/./b", "\"@path\"", "/%7Ea/./b"),
        ("https://www.example.com/?queryString", "\"@query\"", "?queryString"),
        ("https://www.example.com/?q=a%2bb+c~", "\"@query-param\";name=\"q\"", "a%2Bb%20c%7E"),
    ] {
        assert_eq!(line(url, &[], identifier).unwrap(), value, "{url} {identifier}");
    }
}

#[test]
fn fields_have_the_values_of_section_2_1() {
    let fields = [
        ("Host", "www.example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
        ("X-OWS-Header", "  Leading and trailing whitespace.   "),
        ("X-Obs-Fold-Header", "Obsolete\r\n    line folding."),
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "    must-revalidate"),
        ("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ("X-Empty-Header", ""),
    ];
    for (identifier, value) in [
        ("\"x-ows-header\"", "Leading and trailing whitespace."),
        ("\"x-obs-fold-header\"", "Obsolete line folding."),
        ("\"cache-control\"", "max-age=60, must-revalidate"),
        ("\"example-dict\"", "a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ("\"x-empty-header\"", ""),
        // §2.1.2
        ("\"example-dict\";key=\"a\"", "1"),
        ("\"example-dict\";key=\"d\"", "?1"),
        ("\"example-dict\";key=\"b\"", "2;x=1;y=2"),
        ("\"example-dict\";key=\"c\"", "(a b c)"),
    ] {
        assert_eq!(line(URL, &fields, identifier).unwrap(), value, "{identifier}");
    }
}

#[test]
fn byte_sequences_keep_lines_apart_as_in_section_2_1_3() {
    let apart = [("Example-Header", "value, with, lots"), ("Example-Header", "of, commas")];
    let together = [("Example-Header", "value, with, lots, of, commas")];
    let plain = "\"example-header\"";
    assert_eq!(line(URL, &apart, plain), line(URL, &together, plain));
    let wrapped = "\"example-header\";bs";
    assert_eq!(line(URL, &apart, wrapped).unwrap(), ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:");
    assert_eq!(line(URL, &together, wrapped).unwrap(), ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:");
}

#[test]
fn strict_serialisation_is_for_fields_of_known_type() {
    let fields = [("Priority", " u=1,    i;x"), ("X-Unknown", "a=1"), ("Repr-Digest", "a b")];
    assert_eq!(line(URL, &fields, "\"priority\";sf").unwrap(), "u=1, i;x");
    assert_eq!(line(URL, &fields, "\"x-unknown\";sf"), Err(E::FieldTypeUnknown { index: 0 }));
    assert_eq!(line(URL, &fields, "\"repr-digest\";sf"), Err(E::FieldNotStructured { index: 0 }));
}

#[test]
fn the_received_parameters_are_kept_byte_for_byte() {
    let input = "( \"@method\"  \"@path\" );zz=1.50;  tag=\"a\";created=1;x-y=?1";
    let base = base_for("GET", URL, &[], input).unwrap();
    assert_eq!(base, format!("\"@method\": GET\n\"@path\": /path\n\"@signature-params\": {input}"));
}

#[test]
fn behind_a_proxy_the_public_target_is_signed() {
    let view =
        test_request(&[("Signature-Input", "s=(\"@authority\" \"@target-uri\")"), ("Signature", "s=:AA==:")]);
    let public = view.target().seen_as(Scheme::Https, "api.shop.example", "/v1");
    assert_eq!(
        signature_base(&only(&view), &Message::request(&view, &public)).unwrap(),
        "\"@authority\": api.shop.example\n\
         \"@target-uri\": https://api.shop.example/v1/foo?param=Value&Pet=dog\n\
         \"@signature-params\": (\"@authority\" \"@target-uri\")"
    );
    assert_ne!(public, Target::parse("https://example.com/foo").unwrap());
}

#[test]
fn a_covered_field_that_is_absent_is_refused_and_not_empty() {
    assert_eq!(base_for("GET", URL, &[("A", "1")], "(\"a\" \"b\")"), Err(E::ComponentMissing { index: 1 }));
}

#[test]
fn a_covered_member_or_query_parameter_that_is_absent_is_refused() {
    assert_eq!(line(URL, &[("D", "a=1")], "\"d\";key=\"b\""), Err(E::ComponentMissing { index: 0 }));
    assert_eq!(line(URL, &[], "\"@query-param\";name=\"x\""), Err(E::ComponentMissing { index: 0 }));
}

#[test]
fn what_occurs_twice_has_no_single_value() {
    let twice = [("D", "a=1, b=2"), ("D", "a=3")];
    assert_eq!(line(URL, &twice, "\"d\";key=\"a\""), Err(E::ComponentAmbiguous { index: 0 }));
    let url = "https://a.example/?q=1&q=2";
    assert_eq!(line(url, &[], "\"@query-param\";name=\"q\""), Err(E::ComponentAmbiguous { index: 0 }));
    let priority = [("Priority", "u=1, u=2")];
    assert_eq!(line(URL, &priority, "\"priority\";sf"), Err(E::ComponentAmbiguous { index: 0 }));
}

#[test]
fn a_member_of_what_is_no_dictionary_is_refused() {
    assert_eq!(line(URL, &[("D", "\"a\"")], "\"d\";key=\"a\""), Err(E::FieldNotStructured { index: 0 }));
}

#[test]
fn values_outside_ascii_are_refused() {
    for identifier in ["\"x\"", "\"x\";bs", "\"x\";key=\"a\""] {
        assert_eq!(line(URL, &[("X", "caf\u{e9}")], identifier), Err(E::ComponentValue { index: 0 }));
    }
}

#[test]
fn what_only_a_response_has_is_refused() {
    for identifier in ["\"@status\"", "\"@method\";req", "\"x\";req"] {
        let refused = line(URL, &[("X", "1")], identifier);
        assert_eq!(refused, Err(E::ComponentNotOfRequest { index: 0 }), "{identifier}");
    }
}

#[test]
fn trailers_are_refused() {
    assert_eq!(line(URL, &[("X", "1")], "\"x\";tr"), Err(E::TrailersUnavailable { index: 0 }));
}

#[test]
fn the_request_target_of_a_connect_is_refused() {
    let refused = base_for("CONNECT", URL, &[], "(\"@request-target\")");
    assert_eq!(refused, Err(E::RequestTargetForm { index: 0 }));
}

#[test]
fn the_method_is_case_sensitive_and_inner_space_counts() {
    let base = |method, value| base_for(method, URL, &[("X", value)], "(\"@method\" \"x\")").unwrap();
    assert_ne!(base("GET", "a b"), base("get", "a b"));
    assert_ne!(base("GET", "a b"), base("GET", "a  b"));
}
