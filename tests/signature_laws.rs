//! Laws of signatures that hold for every request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::request::{Fields, RequestView, Target};
use countersign::signature::profiles;
use countersign::signature::{Component, Message, SignatureParams, digest, prepare, present, signature_base};
use countersign::time::UnixSeconds;
use proptest::prelude::*;
use signature_support::*;

const NAMES: [&str; 8] =
    ["@method", "@authority", "@path", "@query", "@target-uri", "@scheme", "x-one", "x-two"];

fn view(parts: &[String; 5]) -> RequestView {
    let [method, path, query, one, two] = parts;
    let url = format!("https://shop.example/{path}?{query}");
    request(method, &url, &[("X-One", one), ("X-Two", two)])
}

fn parts() -> impl Strategy<Value = [String; 5]> {
    ["[A-Z]{1,6}", "[a-z/%]{0,8}", "[a-z=&]{0,8}", "[!-~]([ -~]{0,10}[!-~])?", "[!-~]([ -~]{0,10}[!-~])?"]
}

fn named(names: &[&str]) -> Vec<Component> {
    names.iter().map(|name| Component::named(name).unwrap()).collect()
}

fn with_fields(view: &RequestView, more: &[(&str, &str)]) -> RequestView {
    let mut fields = Fields::new();
    for name in ["x-one", "x-two"] {
        fields.push(name, &view.fields().combined(name).unwrap()).unwrap();
    }
    for (name, value) in more {
        fields.push(name, value).unwrap();
    }
    RequestView::new(view.method(), view.target().clone(), fields, false).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_signed_verifies(
        parts in parts(),
        names in proptest::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len()).prop_shuffle(),
        nonce in proptest::option::of("[ -~]{0,20}"),
        created in proptest::option::of(0_i64..=4_000_000_000),
    ) {
        let unsigned_view = view(&parts);
        let params = SignatureParams {
            created: created.map(UnixSeconds), nonce, keyid: Some(ED25519_KEYID.into()), ..SignatureParams::default()
        };
        let unsigned = prepare(&Message::request(&unsigned_view, unsigned_view.target()), &named(&names), &params).unwrap();
        let fields = unsigned.fields("sig", &sign(&unsigned.base)).unwrap();
        let signed = with_fields(&unsigned_view, &[
            ("Signature-Input", &fields.signature_input), ("Signature", &fields.signature),
        ]);
        let presented = only(&signed);
        prop_assert_eq!(presented.params(), &params);
        let base = signature_base(&presented, &Message::request(&signed, signed.target())).unwrap();
        prop_assert_eq!(&base, &unsigned.base);
        prop_assert!(verifies(&base, presented.signature()));
    }

    #[test]
    fn a_change_of_a_covered_component_changes_the_base_and_of_another_does_not(
        before in parts(),
        after in parts(),
        covered in 0_usize..5,
    ) {
        let names = ["@method", "@path", "@query", "x-one", "x-two"];
        let base = |parts: &[String; 5]| {
            let view = view(parts);
            let message = Message::request(&view, view.target());
            prepare(&message, &named(&names[covered..=covered]), &SignatureParams::default()).unwrap().base
        };
        prop_assert_eq!(base(&before) == base(&after), before[covered] == after[covered]);
    }

    #[test]
    fn another_authority_or_path_is_another_target(host in "[a-z]{1,8}\\.example", path in "[a-z]{0,8}") {
        let base = |target: &Target| {
            let view = RequestView::new("GET", target.clone(), Fields::new(), false).unwrap();
            prepare(&Message::request(&view, view.target()), &named(&["@target-uri"]), &SignatureParams::default()).unwrap().base
        };
        let known = Target::parse("https://shop.example/cart").unwrap();
        let other = Target::parse(&format!("https://{host}/{path}")).unwrap();
        prop_assert_eq!(base(&known) == base(&other), known == other);
    }

    #[test]
    fn no_header_makes_it_panic(
        input in "[ -~]{0,80}", signature in "[ -~]{0,40}", agent in "[ -~]{0,40}", digest in any::<String>(),
    ) {
        let view = request("GET", "https://shop.example/?a=1", &[
            ("Signature-Input", &input), ("Signature", &signature), ("Signature-Agent", &agent),
        ]);
        for presented in present(view.fields()).unwrap_or_default() {
            let _ = signature_base(&presented, &Message::request(&view, view.target()));
            let _ = profiles::rules("web-bot-auth").unwrap().claim(&presented, view.fields(), UnixSeconds(0));
        }
        let _ = digest::verify(&digest, b"");
    }

    #[test]
    fn no_arrangement_of_the_grammar_makes_it_panic(
        components in "(\"(@method|@query-param|@path|x-one|signature-agent|@nope)\"(;(sf|bs|req|tr|key=\"s\"|name=\"a\"|created=1)){0,2} ?){0,4}",
        params in "(;(created=|expires=|keyid=|tag=|nonce=|x=)(1|-1|\"web-bot-auth\"|\"[a-z]{0,3}\"|\\?1)){0,5}",
        agent in "(s=|t=)?\"(https|http)://[a-z0-9.:@\\[\\]%/?#-]{0,20}\"(;type=(directory|jwks_uri|cimd))?",
    ) {
        let input = format!("s=({components}){params}");
        let view = request("GET", "https://shop.example/?a=1&b", &[
            ("Signature-Input", &input), ("Signature", "s=:AA==:"), ("Signature-Agent", &agent), ("X-One", "s=1, t"),
        ]);
        for presented in present(view.fields()).unwrap_or_default() {
            if let Ok(base) = signature_base(&presented, &Message::request(&view, view.target())) {
                prop_assert_eq!(base.lines().count(), presented.components().len() + 1);
                prop_assert!(base.is_ascii());
            }
            let _ = profiles::rules("web-bot-auth").unwrap().claim(&presented, view.fields(), UnixSeconds(0));
        }
    }

    #[test]
    fn what_is_claimed_is_one_https_url_in_one_spelling(
        rest in "([a-zA-Z]{1,4}\\.){1,2}[a-z]{2}(:[0-9]{1,3})?(/([a-zA-Z@]{0,2}|\\.{1,2}|%2[eEfF]|%[47][a-fA-F0-9])){0,5}(\\?[a-z%]{0,3})?",
    ) {
        let agent = format!("s=\"https://{rest}\"");
        let input = format!("s=(\"@authority\" \"signature-agent\";key=\"s\");created=1;expires=9;keyid=\"{ED25519_KEYID}\";tag=\"web-bot-auth\"");
        let claim_of = |agent: &str| {
            let view = request("GET", "https://shop.example/", &[
                ("Signature-Input", &input), ("Signature", "s=:AA==:"), ("Signature-Agent", agent),
            ]);
            profiles::rules("web-bot-auth").unwrap().claim(&only(&view), view.fields(), UnixSeconds(2))
        };
        if let Ok(first) = claim_of(&agent) {
            let url = first.directory().unwrap();
            prop_assert!(url.identity().starts_with(url.origin()));
            prop_assert!(url.as_str().starts_with(url.identity()));
            prop_assert!(!url.identity().contains(['?', '#']));
            prop_assert!(!url.identity().split('/').any(|segment| segment == "." || segment == ".."));
            let again = claim_of(&format!("s=\"{}\"", url.as_str())).unwrap();
            prop_assert_eq!(again.directory(), Some(url));
        }
    }
}
