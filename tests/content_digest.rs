//! A content digest binds the content, or the request is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod signature_support;

use countersign::signature::SignatureError as E;
use countersign::signature::digest::{content_digest, covers_digest, verify};
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
