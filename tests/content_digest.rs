//! A content digest binds the content, or the request is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::request::RequestView;
use countersign::signature::digest::{
    DigestAlgorithm, content_digest, covers_digest, covers_repr_digest, verify, verify_covered,
    verify_representation, wanted,
};
use countersign::signature::{Message, PresentedSignature, SignatureError as E};
use signature_support::*;

/// RFC 9530 §B.1, of `{"hello": "world"}` and a line feed.
const SHA_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
const CONTENT: &[u8] = b"{\"hello\": \"world\"}\n";

#[test]
fn the_digests_of_the_standards_match_their_content() {
    assert_eq!(verify(SHA_256, CONTENT), Ok(()));
    assert_eq!(verify(TEST_REQUEST_DIGEST, TEST_REQUEST_CONTENT), Ok(()));
    assert_eq!(content_digest(CONTENT), SHA_256);
}

#[test]
fn a_changed_content_is_refused() {
    assert_eq!(verify(SHA_256, b"{\"hello\": \"world\"}"), Err(E::DigestMismatch));
    assert_eq!(verify("sha-256=:AA==:", CONTENT), Err(E::DigestMismatch));
    assert_eq!(verify("sha-256=::", CONTENT), Err(E::DigestMismatch));
}

#[test]
fn every_known_digest_must_match() {
    let both = format!("{SHA_256}, {TEST_REQUEST_DIGEST}");
    assert_eq!(verify(&both, CONTENT), Err(E::DigestMismatch));
    assert_eq!(verify(&both, TEST_REQUEST_CONTENT), Err(E::DigestMismatch));
}

#[test]
fn unknown_digests_are_passed_over_but_one_known_is_needed() {
    assert_eq!(verify(&format!("md5=:AA==:, {SHA_256}"), CONTENT), Ok(()));
    assert_eq!(verify("md5=:AA==:", CONTENT), Err(E::DigestUnsupported));
    assert_eq!(verify("", CONTENT), Err(E::DigestUnsupported));
}

#[test]
fn a_digest_twice_is_refused() {
    assert_eq!(verify(&format!("sha-256=:AA==:, {SHA_256}"), CONTENT), Err(E::DigestDuplicate));
}

#[test]
fn what_is_no_dictionary_of_byte_sequences_is_refused() {
    let hex = "sha-256=44aff4ab2d7c3250";
    for value in
        [hex, "sha-256", "sha-256=\"AA==\"", "SHA-256=:AA==:", "sha-256=(:AA==:)", "sha-256=:A:", ":AA==:"]
    {
        assert_eq!(verify(value, CONTENT), Err(E::DigestMalformed), "{value}");
    }
    let also_unknown = format!("{SHA_256}, md5=1");
    assert_eq!(verify(&also_unknown, CONTENT), Err(E::DigestMalformed));
}

#[test]
fn only_a_digest_that_is_checked_counts_as_covered() {
    let covered = |component: &str| {
        let input = format!("a=({component})");
        covers_digest(&only(&test_request(&[("Signature-Input", &input), ("Signature", "a=:AA==:")])))
    };
    assert!(covered("\"content-digest\""));
    assert!(covered("\"content-digest\";sf"));
    assert!(covered("\"content-digest\";key=\"sha-512\""));
    assert!(!covered("\"content-digest\";key=\"md5\""));
    assert!(!covered("\"content-digest\";req"));
    assert!(!covered("\"content-digest\";tr"));
    assert!(!covered("\"content-length\""));
}

#[test]
fn the_sample_values_of_rfc_9530_are_made() {
    let content = b"{\"hello\": \"world\"}";
    let sha256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    assert_eq!(DigestAlgorithm::Sha256.field_value(content), sha256);
    assert_eq!(DigestAlgorithm::Sha512.field_value(content), TEST_REQUEST_DIGEST);
}

#[test]
fn deprecated_algorithms_are_never_enough() {
    // RFC 9530 §D: right values, of the right content.
    let content = b"{\"hello\": \"world\"}";
    let deprecated = [
        "md5=:Sd/dVLAcvNLSq16eXua5uQ==:",
        "sha=:07CavjDP4u3/TungoUHJO/Wzr4c=:",
        "unixsum=:GQU=:",
        "unixcksum=:7zsHAA==:",
        "adler=:OZkGFw==:",
        "crc32c=:Q3lHIA==:",
    ];
    for value in deprecated {
        assert_eq!(verify(value, content), Err(E::DigestUnsupported), "{value}");
    }
    assert_eq!(verify(&deprecated.join(", "), content), Err(E::DigestUnsupported));
    let strong = DigestAlgorithm::Sha512.field_value(content);
    assert_eq!(verify(&format!("{}, {strong}", deprecated.join(", ")), content), Ok(()));
}

/// A request that covers one component, and the request that it is in.
fn covering(component: &str, fields: &[(&str, &str)]) -> (RequestView, PresentedSignature) {
    let input = format!("a=({component})");
    let mut all = vec![("Signature-Input", input.as_str()), ("Signature", "a=:AA==:")];
    all.extend(fields);
    let view = request("POST", "https://a.example/", &all);
    let signature = only(&view);
    (view, signature)
}

#[test]
fn content_is_bound_only_by_a_digest_that_is_covered_and_compared() {
    let outcome = |component: &str, fields: &[(&str, &str)]| {
        let (view, signature) = covering(component, fields);
        verify_covered(&signature, &Message::request(&view, view.target()), CONTENT)
    };
    let right = [("Content-Digest", SHA_256), ("Repr-Digest", SHA_256)];
    let wrong = [("Content-Digest", "sha-256=:AA==:"), ("Repr-Digest", "sha-256=:AA==:")];
    for component in [
        "\"content-digest\"",
        "\"repr-digest\"",
        "\"repr-digest\";key=\"sha-256\"",
        "\"content-digest\" \"repr-digest\"",
    ] {
        assert_eq!(outcome(component, &right), Ok(true), "{component}");
        assert_eq!(outcome(component, &wrong), Err(E::DigestMismatch), "{component}");
    }
    for component in ["", "\"content-length\"", "\"repr-digest\";key=\"md5\"", "\"content-digest\";tr"] {
        assert_eq!(outcome(component, &wrong), Ok(false), "{component}");
    }
    // One that is right does not make up for another that is wrong.
    let mixed = [("Content-Digest", SHA_256), ("Repr-Digest", "sha-256=:AA==:")];
    assert_eq!(outcome("\"content-digest\" \"repr-digest\"", &mixed), Err(E::DigestMismatch));
    assert_eq!(outcome("\"content-digest\"", &mixed), Ok(true));
}

#[test]
fn a_representation_digest_is_covered_like_that_of_the_content() {
    let covered = |component| covers_repr_digest(&covering(component, &[]).1);
    assert!(covered("\"repr-digest\""));
    assert!(covered("\"repr-digest\";key=\"sha-256\""));
    assert!(!covered("\"repr-digest\";key=\"md5\""));
    assert!(!covered("\"content-digest\""));
    assert!(!covers_digest(&covering("\"repr-digest\"", &[]).1));
}

#[test]
fn a_part_of_a_representation_is_not_guessed_at() {
    let digest = ("Repr-Digest", SHA_256);
    let part = request("PUT", "https://a.example/", &[digest, ("Content-Range", "bytes 0-18/100")]);
    let message = Message::request(&part, part.target());
    assert_eq!(verify_representation(&message, CONTENT), Err(E::DigestOfPart));
    for method in ["PUT", "PATCH", "POST"] {
        let whole = request(method, "https://a.example/", &[digest]);
        assert_eq!(
            verify_representation(&Message::request(&whole, whole.target()), CONTENT),
            Ok(()),
            "{method}"
        );
    }
}

#[test]
fn the_representation_of_a_response_is_its_content_only_where_that_is_certain() {
    let outcome = |method: Option<&str>, status, more: Option<(&str, &str)>| {
        let asked = method.map(|method| request(method, "https://a.example/", &[]));
        let mut fields = vec![("Repr-Digest", SHA_256)];
        fields.extend(more);
        let view = response(status, &fields);
        let message = Message::response(&view, asked.as_ref().map(|asked| (asked, asked.target())));
        verify_representation(&message, CONTENT)
    };
    for (method, status, more) in [
        ("GET", 200, None),
        ("GET", 203, None),
        ("GET", 404, None),
        ("PATCH", 404, None),
        ("POST", 503, None),
        ("POST", 201, Some(("Content-Location", "/books/123"))),
    ] {
        assert_eq!(outcome(Some(method), status, more), Ok(()), "{method} {status}");
    }
    for (method, status, more) in [
        (None, 200, None),
        (Some("HEAD"), 200, None),
        (Some("HEAD"), 404, None),
        (Some("GET"), 206, None),
        (Some("GET"), 304, None),
        (Some("GET"), 204, None),
        (Some("PUT"), 204, Some(("Content-Location", "/books/123"))),
        (Some("GET"), 200, Some(("Content-Range", "bytes 0-18/100"))),
        (Some("POST"), 201, None),
        (Some("PATCH"), 200, None),
    ] {
        assert_eq!(outcome(method, status, more), Err(E::DigestOfPart), "{method:?} {status}");
    }
}

#[test]
fn the_examples_of_rfc_9530_with_their_representations() {
    // §B.7: a POST whose response encloses what Content-Location names.
    let asked = request(
        "POST",
        "https://foo.example/books",
        &[("Repr-Digest", "sha-256=:mEkdbO7Srd9LIOegftO0aBX+VPTVz7/CSHes2Z27gc4=:")],
    );
    let content = b"{\"title\": \"New Title\"}\n";
    assert_eq!(verify_representation(&Message::request(&asked, asked.target()), content), Ok(()));
    let created = response(
        201,
        &[
            ("Content-Location", "/books/123"),
            ("Repr-Digest", "sha-256=:uVSlinTTdQUwm2On4k8TJUikGN1bf/Ds8WPX4oe0h9I=:"),
        ],
    );
    let message = Message::response(&created, Some((&asked, asked.target())));
    let content = b"{\n  \"id\": \"123\",\n  \"title\": \"New Title\"\n}\n";
    assert_eq!(verify_representation(&message, content), Ok(()));
    // §B.10: an error.
    let patch = request("PATCH", "https://foo.example/books/123", &[]);
    let digest = "sha-256=:EXB0S2VF2H7ijkAVJkH1Sm0pBho0iDZcvVUHHXTTZSA=:";
    let missing = response(404, &[("Repr-Digest", digest)]);
    let message = Message::response(&missing, Some((&patch, patch.target())));
    let content =
        b"{\n  \"title\": \"Not Found\",\n  \"detail\": \"Cannot PATCH a non-existent resource\",\n  \"status\": 404\n}\n";
    assert_eq!(verify_representation(&message, content), Ok(()));
}

#[test]
fn a_wish_for_a_digest_is_met_with_the_best_that_is_offered() {
    use DigestAlgorithm::{Sha256, Sha512};
    for (value, best) in [
        ("sha-256=10, sha=3", Ok(Some(Sha256))),
        ("sha-512=3, sha-256=10, unixsum=0", Ok(Some(Sha256))),
        ("sha-256=1, sha-512=2", Ok(Some(Sha512))),
        ("sha-512=5, sha-256=5", Ok(Some(Sha256))),
        ("sha-256=0", Ok(None)),
        ("md5=10", Ok(None)),
        ("", Ok(None)),
        ("sha-256=11", Err(E::DigestMalformed)),
        ("sha-256=-1", Err(E::DigestMalformed)),
        ("sha-256", Err(E::DigestMalformed)),
        ("sha-256=1.0", Err(E::DigestMalformed)),
        ("sha-256=1, sha-256=2", Err(E::DigestDuplicate)),
    ] {
        assert_eq!(wanted(value), best, "{value}");
    }
}
