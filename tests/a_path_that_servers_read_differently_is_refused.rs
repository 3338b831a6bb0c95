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
