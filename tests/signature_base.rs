//! The signature base is the one that the signer had, byte for byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::request::{Fields, Scheme, Target};
use countersign::signature::{Message, SignatureError as E, SignatureParams, prepare, signature_base};
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
        ("https://[2001:DB8::1]:443/", "\"@authority\"", "[2001:db8::1]"),
        ("https://[2001:db8::1]:8443/", "\"@authority\"", "[2001:db8::1]:8443"),
        ("https://www.example.com/a/../%2e/%2F%c3//b", "\"@path\"", "/a/../%2e/%2F%c3//b"),
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
fn no_field_of_the_request_names_its_authority_or_scheme() {
    let fields = [
        ("Host", "other.example"),
        ("X-Forwarded-Host", "other.example"),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", "host=other.example;proto=http"),
    ];
    for (identifier, value) in
        [("\"@authority\"", "www.example.com"), ("\"@scheme\"", "https"), ("\"@target-uri\"", URL)]
    {
        assert_eq!(line(URL, &fields, identifier).unwrap(), value);
    }
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
    for (name, value, reading) in [
        ("Priority", "u=1, u=2", "sf"),
        // A parameter that is kept out of the base by the one after it.
        ("Priority", "u=1;x=1;x=2", "sf"),
        ("Deprecation", "@1;x=1;x=2", "sf"),
        ("Accept-CH", "a, b;x;x", "sf"),
        ("Accept-CH", "(a;x=1;x=2 b)", "sf"),
        ("Accept-CH", "(a b);x;x", "sf"),
        ("D", "a=(1 2;x;x)", "key=\"a\""),
        ("D", "a=1;x=1;x=2", "key=\"a\""),
    ] {
        let refused = line(URL, &[(name, value)], &format!("\"{}\";{reading}", name.to_lowercase()));
        assert_eq!(refused, Err(E::ComponentAmbiguous { index: 0 }), "{value}");
    }
    // As received they are all there.
    assert_eq!(line(URL, &[("D", "a;x;x")], "\"d\"").unwrap(), "a;x;x");
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
fn what_only_a_response_has_is_refused_of_a_request() {
    for identifier in ["\"@status\"", "\"@method\";req", "\"x\";req", "\"x\";req;tr"] {
        let refused = line(URL, &[("X", "1")], identifier);
        assert_eq!(refused, Err(E::ComponentNotOfRequest { index: 0 }), "{identifier}");
    }
}

#[test]
fn a_response_has_a_status_and_fields_of_its_own() {
    let view = response(503, &[("X", "of the response"), ("D", "a=1,  b=2")]);
    let message = Message::response(&view, None);
    for (identifier, value) in
        [("\"@status\"", "503"), ("\"x\"", "of the response"), ("\"d\";key=\"b\"", "2")]
    {
        assert_eq!(value_of(&message, identifier).as_deref(), Ok(value), "{identifier}");
    }
    assert_eq!(value_of(&message, "\"y\""), Err(E::ComponentMissing { index: 0 }));
}

#[test]
fn a_response_has_what_is_a_requests_only_with_req() {
    let view = response(200, &[]);
    let asked = request("GET", URL, &[]);
    let message = Message::response(&view, Some((&asked, asked.target())));
    for name in ["@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"] {
        let refused = value_of(&message, &format!("\"{name}\""));
        assert_eq!(refused, Err(E::ComponentNotOfResponse { index: 0 }), "{name}");
        assert!(value_of(&message, &format!("\"{name}\";req")).is_ok(), "{name}");
    }
    let refused = value_of(&message, "\"@query-param\";name=\"param\"");
    assert_eq!(refused, Err(E::ComponentNotOfResponse { index: 0 }));
    assert_eq!(value_of(&message, "\"@status\";req"), Err(E::ComponentNotOfRequest { index: 0 }));
}

#[test]
fn req_takes_everything_from_the_request_also_with_other_parameters() {
    let fields = [
        ("X", "of the request"),
        ("Priority", "u=1,    i"),
        ("D", "a=1, b=( 2  3 )"),
        ("Set", "a, b"),
        ("Set", "c"),
    ];
    let asked = request("POST", "https://www.example.com/path?q=a+b", &fields);
    let answer = response(200, &[("X", "of the response"), ("Priority", "u=7"), ("D", "a=9")]);
    let public = asked.target().seen_as(Scheme::Https, "public.example", "/v1");
    let message = Message::response(&answer, Some((&asked, &public)));
    for (identifier, value) in [
        ("\"@method\";req", "POST"),
        ("\"@authority\";req", "public.example"),
        ("\"@target-uri\";req", "https://public.example/v1/path?q=a+b"),
        ("\"@query-param\";req;name=\"q\"", "a%20b"),
        ("\"x\";req", "of the request"),
        ("\"x\"", "of the response"),
        ("\"priority\";sf;req", "u=1, i"),
        ("\"d\";req;key=\"b\"", "(2 3)"),
        ("\"set\";bs;req", ":YSwgYg==:, :Yw==:"),
    ] {
        assert_eq!(value_of(&message, identifier).as_deref(), Ok(value), "{identifier}");
    }
    assert_eq!(value_of(&message, "\"set\""), Err(E::ComponentMissing { index: 0 }));
    assert_eq!(value_of(&message, "\"y\";req"), Err(E::ComponentMissing { index: 0 }));
}

#[test]
fn req_without_the_request_is_refused() {
    let view = response(200, &[("X", "1")]);
    for identifier in ["\"@method\";req", "\"x\";req", "\"x\";req;tr", "\"@status\";req"] {
        let refused = value_of(&Message::response(&view, None), identifier);
        assert_eq!(refused, Err(E::RequestUnavailable { index: 0 }), "{identifier}");
    }
}

#[test]
fn trailers_that_are_not_at_hand_are_refused() {
    assert_eq!(line(URL, &[("X", "1")], "\"x\";tr"), Err(E::TrailersUnavailable { index: 0 }));
    let (asked, trailers) = (request("GET", URL, &[("X", "1")]), lines(&[("X", "2")]));
    let view = response(200, &[]);
    let message = Message::response(&view, Some((&asked, asked.target()))).with_trailers(&trailers);
    assert_eq!(value_of(&message, "\"x\";tr").as_deref(), Ok("2"));
    assert_eq!(value_of(&message, "\"x\";tr;req"), Err(E::TrailersUnavailable { index: 0 }));
}

#[test]
fn trailers_and_headers_are_never_taken_for_each_other() {
    let view = request("POST", URL, &[("X", "header"), ("Only-Header", "1"), ("Trailer", "X")]);
    let trailers = lines(&[("X", " tr "), ("X", "ailer"), ("Only-Trailer", "1"), ("Priority", "u=1,  i")]);
    let message = Message::request(&view, view.target()).with_trailers(&trailers);
    for (identifier, value) in [
        ("\"x\"", "header"),
        ("\"x\";tr", "tr, ailer"),
        ("\"x\";tr;bs", ":dHI=:, :YWlsZXI=:"),
        ("\"priority\";tr;sf", "u=1, i"),
        ("\"priority\";key=\"u\";tr", "1"),
    ] {
        assert_eq!(value_of(&message, identifier).as_deref(), Ok(value), "{identifier}");
    }
    assert_eq!(value_of(&message, "\"only-header\";tr"), Err(E::ComponentMissing { index: 0 }));
    assert_eq!(value_of(&message, "\"only-trailer\""), Err(E::ComponentMissing { index: 0 }));
    // Trailers that were read and are empty are at hand.
    let none = Fields::new();
    let message = Message::request(&view, view.target()).with_trailers(&none);
    assert_eq!(value_of(&message, "\"x\";tr"), Err(E::ComponentMissing { index: 0 }));
}

#[test]
fn the_trailers_of_the_request_are_its_own() {
    let (asked, answer) = (request("GET", URL, &[]), response(200, &[]));
    let (of_request, of_response) = (lines(&[("X", "request")]), lines(&[("X", "response")]));
    let message = Message::response(&answer, Some((&asked, asked.target())))
        .with_trailers(&of_response)
        .with_request_trailers(&of_request);
    assert_eq!(value_of(&message, "\"x\";tr").as_deref(), Ok("response"));
    assert_eq!(value_of(&message, "\"x\";req;tr").as_deref(), Ok("request"));
}

#[test]
fn the_trailer_of_section_2_1_4_has_the_base_that_it_prints() {
    let view = response(200, &[("Content-Type", "text/plain"), ("Trailer", "Expires")]);
    let trailers = lines(&[("Expires", "Wed, 9 Nov 2022 07:28:00 GMT")]);
    let message = Message::response(&view, None).with_trailers(&trailers);
    let covered = components("\"@status\" \"trailer\" \"expires\";tr");
    let base = prepare(&message, &covered, &SignatureParams::default()).unwrap().base;
    let printed = "\"@status\": 200\n\"trailer\": Expires\n\"expires\";tr: Wed, 9 Nov 2022 07:28:00 GMT\n";
    assert_eq!(base, format!("{printed}\"@signature-params\": (\"@status\" \"trailer\" \"expires\";tr)"));
}

#[test]
fn strict_serialisation_knows_items_lists_and_dictionaries() {
    for (name, received, strict) in [
        ("Cache-Status", "a;hit ,   b ; fwd=miss", None),
        ("Cache-Status", "a;hit ,   b; fwd=miss", Some("a;hit, b;fwd=miss")),
        ("Client-Cert-Chain", ":AAA: ,:AA==:", Some(":AAA=:, :AA==:")),
        ("Deprecation", "@1688169599", Some("@1688169599")),
        ("Deprecation", "@1, @2", None),
        ("Capsule-Protocol", "?1;  x=1.50", Some("?1;x=1.5")),
        ("Priority", "u=1,    i=?1;x", Some("u=1, i;x")),
        ("Accept-CH", "", Some("")),
    ] {
        let value = line(URL, &[(name, received)], &format!("\"{}\";sf", name.to_lowercase()));
        assert_eq!(value.ok().as_deref(), strict, "{name}: {received}");
    }
    // Lines are combined before they are parsed.
    let lines = [("Priority", "u=1"), ("Priority", "i")];
    assert_eq!(line(URL, &lines, "\"priority\";sf").unwrap(), "u=1, i");
    assert_eq!(
        line(URL, &[("Deprecation", "@1"), ("Deprecation", "@2")], "\"deprecation\";sf"),
        Err(E::FieldNotStructured { index: 0 })
    );
}

#[test]
fn a_member_of_a_field_that_is_known_to_be_no_dictionary_is_refused() {
    for name in ["Accept-CH", "Deprecation"] {
        let refused = line(URL, &[(name, "a=1")], &format!("\"{}\";key=\"a\"", name.to_lowercase()));
        assert_eq!(refused, Err(E::FieldNotStructured { index: 0 }), "{name}");
    }
}

#[test]
fn white_space_at_the_ends_and_folds_are_no_part_of_a_value() {
    for (received, value) in [
        ("\t a \t", "a"),
        ("a\tb", "a\tb"),
        ("a\r\n b", "a b"),
        ("a \t\r\n\t \tb", "a b"),
        ("a\r\n b\r\n\tc", "a b c"),
    ] {
        assert_eq!(line(URL, &[("X", received)], "\"x\"").as_deref(), Ok(value), "{received:?}");
    }
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
