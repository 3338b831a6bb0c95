//! Laws of signatures that hold for every request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::request::{Fields, RequestView, Target};
use countersign::signature::profiles;
use countersign::signature::{
    self, Component, Message, SignatureParams, digest, prepare, present, signature_base,
};
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

/// An exchange in ten parts that change apart from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exchange {
    method: String,
    path: String,
    query: String,
    asked: String,
    asked_trailer: String,
    status: u16,
    answered: String,
    answered_trailer: String,
    members: [String; 2],
}

/// The number of parts of an [`Exchange`].
const PARTS: usize = 10;

/// Components of a response, and which parts of the exchange they are made of.
const COVERABLE: [(&str, &[usize]); 20] = [
    ("\"@method\";req", &[0]),
    ("\"@authority\";req", &[]),
    ("\"@path\";req", &[1]),
    ("\"@query\";req", &[2]),
    ("\"@query-param\";name=\"q\";req", &[2]),
    ("\"@target-uri\";req", &[1, 2]),
    ("\"@request-target\";req", &[1, 2]),
    ("\"x\";req", &[3]),
    ("\"x\";bs;req", &[3]),
    ("\"x\";req;tr", &[4]),
    ("\"@status\"", &[5]),
    ("\"x\"", &[6]),
    ("\"x\";bs", &[6]),
    ("\"x\";tr", &[7]),
    ("\"x\";tr;bs", &[7]),
    ("\"priority\";key=\"a\"", &[8]),
    ("\"priority\";key=\"b\"", &[9]),
    ("\"priority\"", &[8, 9]),
    ("\"priority\";sf", &[8, 9]),
    ("\"priority\";bs", &[8, 9]),
];

const FIELD: &str = "[!-~]([ -~]{0,10}[!-~])?";

fn exchange() -> impl Strategy<Value = Exchange> {
    let fields = [FIELD, FIELD, FIELD, FIELD];
    (("[A-Z]{1,4}", "/[a-z]{0,4}", "[a-z]{0,4}", 100_u16..=999), fields, ["[a-z]{1,3}", "[a-z]{1,3}"])
        .prop_map(
            |((method, path, query, status), [asked, asked_trailer, answered, answered_trailer], members)| {
                Exchange {
                    method,
                    path,
                    query,
                    asked,
                    asked_trailer,
                    status,
                    answered,
                    answered_trailer,
                    members,
                }
            },
        )
}

impl Exchange {
    /// Takes one part of another exchange, and says whether that changed anything.
    fn take(&mut self, part: usize, other: &Self) -> bool {
        let before = self.clone();
        match part {
            0 => self.method.clone_from(&other.method),
            1 => self.path.clone_from(&other.path),
            2 => self.query.clone_from(&other.query),
            3 => self.asked.clone_from(&other.asked),
            4 => self.asked_trailer.clone_from(&other.asked_trailer),
            5 => self.status = other.status,
            6 => self.answered.clone_from(&other.answered),
            7 => self.answered_trailer.clone_from(&other.answered_trailer),
            8 => self.members[0].clone_from(&other.members[0]),
            _ => self.members[1].clone_from(&other.members[1]),
        }
        *self != before
    }

    /// Looks at the exchange as a signed response; `signature` goes into the response.
    fn with<T>(&self, signature: &[(&str, &str)], look: impl FnOnce(&Message<'_>) -> T) -> T {
        let url = format!("https://shop.example{}?q={}", self.path, self.query);
        let asked = request(&self.method, &url, &[("X", &self.asked)]);
        let priority = format!("a={}, b={}", self.members[0], self.members[1]);
        let mut fields = vec![("X", self.answered.as_str()), ("Priority", &priority)];
        fields.extend(signature);
        let answer = response(self.status, &fields);
        let (of_request, of_response) =
            (lines(&[("X", &self.asked_trailer)]), lines(&[("X", &self.answered_trailer)]));
        look(
            &Message::response(&answer, Some((&asked, asked.target())))
                .with_trailers(&of_response)
                .with_request_trailers(&of_request),
        )
    }

    fn verifies(&self, signature: &[(&str, &str)]) -> bool {
        self.with(signature, |message| {
            let presented = present(message.fields()).unwrap().remove(0);
            verifies(&signature_base(&presented, message).unwrap(), presented.signature())
        })
    }
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
    fn a_signed_response_breaks_with_any_change_of_what_it_covers_and_of_nothing_else(
        before in exchange(),
        after in exchange(),
        covered in proptest::sample::subsequence(COVERABLE.to_vec(), 0..=COVERABLE.len()).prop_shuffle(),
        part in 0..PARTS,
    ) {
        let covered_components: Vec<_> = covered.iter().map(|(identifier, _)| component(identifier)).collect();
        let fields = before.with(&[], |message| {
            let signer = |base: &[u8]| Ok::<_, ()>(sign(std::str::from_utf8(base).unwrap()));
            signature::sign(message, "sig", &covered_components, &SignatureParams::default(), signer).unwrap()
        });
        let signature =
            [("Signature-Input", fields.signature_input.as_str()), ("Signature", fields.signature.as_str())];
        prop_assert!(before.verifies(&signature));
        let mut changed = before.clone();
        let is_covered = covered.iter().any(|(_, parts)| parts.contains(&part));
        let breaks = changed.take(part, &after) && is_covered;
        prop_assert_eq!(changed.verifies(&signature), !breaks);
    }

    #[test]
    fn lines_may_be_joined_and_fields_reordered_but_bytes_keep_lines_apart(
        items in proptest::collection::vec("[a-z]{1,3}(;[a-z]=[0-9])?", 1..5),
        cuts in proptest::collection::vec(any::<bool>(), 4),
        ends in proptest::collection::vec("[ \t]{0,2}", 10),
        first in any::<bool>(),
    ) {
        // One line for each run of items that no cut divides.
        let mut runs = vec![vec![items[0].as_str()]];
        for (item, cut) in items[1..].iter().zip(&cuts) {
            if *cut { runs.push(vec![item]) } else { runs.last_mut().unwrap().push(item) }
        }
        let runs: Vec<_> = runs.iter().map(|run| run.join(", ")).collect();
        let padded: Vec<_> =
            runs.iter().zip(ends.chunks(2)).map(|(run, ends)| format!("{}{run}{}", ends[0], ends[1])).collect();
        let mut apart: Vec<_> = padded.iter().map(|run| ("Cache-Status", run.as_str())).collect();
        apart.insert(if first { 0 } else { apart.len() }, ("X", "1"));
        let joined = runs.join(", ");
        let apart = response(200, &apart);
        let together = response(200, &[("X", "1"), ("Cache-Status", &joined)]);
        let value = |view, identifier| value_of(&Message::response(view, None), identifier).unwrap();
        for identifier in ["\"cache-status\"", "\"cache-status\";sf", "\"x\""] {
            prop_assert_eq!(value(&apart, identifier), value(&together, identifier));
        }
        let bytes = "\"cache-status\";bs";
        prop_assert_eq!(value(&apart, bytes) == value(&together, bytes), runs.len() == 1);
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
        components in "(\"(@method|@status|@query-param|@path|x-one|signature-agent|@nope)\"(;(sf|bs|req|tr|key=\"s\"|name=\"a\"|created=1)){0,2} ?){0,4}",
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
            let answer = response(200, &[("X-One", "s=1, t")]);
            for asked in [None, Some((&view, view.target()))] {
                let message = Message::response(&answer, asked).with_trailers(view.fields());
                if let Ok(base) = signature_base(&presented, &message) {
                    prop_assert_eq!(base.lines().count(), presented.components().len() + 1);
                }
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
