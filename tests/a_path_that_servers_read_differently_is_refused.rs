//! Paths: the gate decides on what every server reads alike, so that no request passes by an open route and is served by a
//! guarded one.
#![cfg(feature = "toml")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod gate_support;

use countersign::decision::Outcome;
use countersign::policy::RoutePath;
use gate_support::{CONFIG, Draft, World};
use proptest::prelude::*;
use proptest::sample::select;

/// An open part, and all beside it guarded, as an origin may serve it with literals and parameters.
fn world() -> World {
    let (top, _) = CONFIG.split_once("[[routes]]").unwrap();
    World::with(&format!(
        "{top}[[routes]]\nmatch = \"* /v1/public/**\"\nrequire = []\n\n[[routes]]\nmatch = \"* /v1/**\"\nrequire = [\"token\"]\n"
    ))
}

/// What paths are made of that servers agree about, as long as no dot or slash makes an odd segment.
const PIECES: &[&str] =
    &["/", "a", "public", "v1", ".", "-", "~", ";", ":", "@", "+", "%20", "%c3%A9", "%3b", "%40", "%5B"];

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// The octets that a path has percent-encoded.
fn encoded(path: &str) -> Vec<u8> {
    path.split('%').skip(1).map(|rest| u8::from_str_radix(&rest[..2], 16).unwrap()).collect()
}

#[test]
fn an_encoded_letter_opens_no_route_to_what_another_guards() {
    let world = world();
    let token = world.token(|_| {});
    for path in ["/v1/%70ublic/x", "/v1/publi%63/x", "/v%31/public/x", "/%761/public", "/v1/public/%78"] {
        for draft in [Draft::new("GET", path), Draft::new("GET", path).bearer(&token)] {
            let decision = world.decide(&draft);
            assert_eq!((decision.code, decision.status), ("request.path_ambiguous", 400), "{path}");
            assert_eq!((decision.outcome, &decision.route), (Outcome::Deny, &None), "{path}");
        }
    }
    assert_eq!(world.code(&Draft::new("GET", "/v1/public/x")), "ok");
    assert_eq!(world.code(&Draft::new("GET", "/v1/Public/x")), "token.missing");
}

/// Narrow routes with characters that may be written in two ways, before an open one for all beside them.
fn world_of_marks() -> World {
    let (top, _) = CONFIG.split_once("[[routes]]").unwrap();
    let narrow = ["/odata/Orders(secret)", "/odata/@private/**", "/odata/a%5Bb%5D/**", "/odata/x!'y"];
    let routes = narrow.map(|path| format!("[[routes]]\nmatch = \"* {path}\"\nrequire = [\"token\"]\n\n"));
    World::with(&format!("{top}{}[[routes]]\nmatch = \"* /odata/**\"\nrequire = []\n", routes.concat()))
}

#[test]
fn another_spelling_of_a_mark_opens_no_route_to_what_a_narrower_one_guards() {
    let world = world_of_marks();
    for path in [
        "/odata/Orders%28secret%29",
        "/odata/Orders(secret%29",
        "/odata/%40private/x",
        "/odata/a[b]/x",
        "/odata/a%5bb]/x",
        "/odata/x%21%27y",
        "/odata/x%21'y/",
    ] {
        assert_eq!(world.code(&Draft::new("GET", path)), "request.path_ambiguous", "{path}");
    }
    for path in [
        "/odata/Orders(secret)",
        "/odata/@private/x",
        "/odata/a%5Bb%5D/x",
        "/odata/a%5bb%5d/x",
        "/odata/x!'y",
    ] {
        assert_eq!(world.code(&Draft::new("GET", path)), "token.missing", "{path}");
    }
    // Where both spellings are the same route's, both are good.
    for path in ["/odata/Orders(open)", "/odata/Orders%28open%29", "/odata/public%40x", "/odata/c[d]"] {
        assert_eq!(world.code(&Draft::new("GET", path)), "ok", "{path}");
    }
}

#[test]
fn a_method_in_other_letters_is_no_other_method() {
    let world = world_of_marks();
    for method in ["get", "Delete", "dELETE", "patch", "options"] {
        assert_eq!(world.code(&Draft::new(method, "/odata/x")), "request.malformed", "{method}");
    }
    assert_eq!(world.code(&Draft::new("query", "/odata/x")), "ok");
}

#[test]
fn every_octet_is_encoded_or_not_as_servers_agree() {
    let world = world();
    for byte in 0..=0x7f {
        for path in [format!("/v1/public/a%{byte:02x}b"), format!("/v1/public/a%{byte:02X}b")] {
            let is_refused = is_unreserved(byte) || byte.is_ascii_control() || b"/\\%".contains(&byte);
            let code = if is_refused { "request.path_ambiguous" } else { "ok" };
            assert_eq!(world.code(&Draft::new("GET", &path)), code, "{path}");
        }
    }
    for path in ["/v1/public/%c3%a9", "/v1/public/%C3%A9", "/v1/public/-._~", "/v1/public/%E2%82%AC%20"] {
        assert_eq!(world.code(&Draft::new("GET", path)), "ok", "{path}");
    }
}

proptest! {
    #[test]
    fn decoding_a_path_that_is_accepted_changes_no_unreserved_character(
        pieces in prop::collection::vec(
            prop_oneof![
                6 => select(PIECES).prop_map(str::to_owned),
                1 => (0_u8..=0x7f).prop_map(|byte| format!("%{byte:02x}")),
            ],
            0..8,
        ),
    ) {
        let path = format!("/{}", pieces.concat());
        if let Ok(read) = RoutePath::new(&path) {
            prop_assert!(!encoded(&path).into_iter().any(is_unreserved), "{path}");
            // Nothing else of it has changed but the case of the digits.
            prop_assert!(read.as_str().eq_ignore_ascii_case(&path), "{path}");
            prop_assert_eq!(RoutePath::new(read.as_str()), Ok(read));
        } else {
            let is_plain = encoded(&path).into_iter().all(|byte| byte >= 0x80 || b" ;@[:+".contains(&byte));
            let is_dots = |segment: &str| {
                matches!(segment.replace("%3b", ";").split(';').next(), Some("." | ".."))
            };
            let has_odd_segment = path.contains("//") || path.split('/').any(is_dots);
            prop_assert!(!is_plain || has_odd_segment, "{path}");
        }
    }
}
