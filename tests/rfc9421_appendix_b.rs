//! RFC 9421 Appendix B, and the signed examples of its sections 2.4 and 4.3: every signature base is the one that is
//! printed, every signature verifies with its key, and what the text says of altered messages holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rfc9421_messages;
mod signature_support;

use countersign::crypto::{Algorithm, PublicKey, SharedKey, SignatureCheck, Verdict};
use countersign::request::{Fields, RequestView, Scheme, Target};
use countersign::response::ResponseView;
use countersign::signature::digest::verify_covered;
use countersign::signature::{
    Message, PresentedSignature, SignatureError as E, prepare, present, signature_base,
};
use rfc9421_messages::*;
use signature_support::{ED25519_PUBLIC, unbase64url};

/// Undoes the line folding of RFC 8792 §7.
fn unfold(text: &str) -> String {
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap().to_owned();
    lines.fold(first, |unfolded, line| unfolded + line.trim_start_matches(' '))
}

/// A message as printed: start line, field lines, content.
struct Printed {
    start: String,
    fields: Fields,
    host: String,
    content: String,
}

impl Printed {
    fn parse(text: &str) -> Self {
        let text = unfold(text);
        let (head, content) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let start = lines.next().unwrap().to_owned();
        let mut fields = Fields::new();
        for (name, value) in lines.map(|line| line.split_once(':').unwrap()) {
            fields.push(name, value).unwrap();
        }
        let host = fields.combined("host").unwrap_or_default();
        Self { start, fields, host, content: content.trim_start_matches('\n').to_owned() }
    }

    /// With the field lines of another text, as the signature's fields are printed apart.
    fn with(mut self, lines: &str) -> Self {
        for (name, value) in unfold(lines).lines().map(|line| line.split_once(':').unwrap()) {
            self.fields.push(name, value).unwrap();
        }
        self
    }

    fn request(&self) -> RequestView {
        let mut start = self.start.split(' ');
        let (method, path) = (start.next().unwrap(), start.next().unwrap());
        let target = Target::new(Scheme::Https, &self.host, path).unwrap();
        RequestView::new(method, target, self.fields.clone(), !self.content.is_empty()).unwrap()
    }

    fn response(&self) -> ResponseView {
        let status = self.start.split(' ').nth(1).unwrap().parse().unwrap();
        ResponseView::new(status, self.fields.clone(), !self.content.is_empty()).unwrap()
    }
}

fn labelled(fields: &Fields, label: &str) -> PresentedSignature {
    present(fields).unwrap().into_iter().find(|one| one.label() == label).unwrap()
}

fn rsa(n: &str) -> PublicKey {
    PublicKey::rsa(&unbase64url(n), &[1, 0, 1]).unwrap()
}

/// The key of a `keyid`, and the algorithm that the text names for it.
fn key(keyid: &str) -> (PublicKey, Algorithm) {
    match keyid {
        "test-key-rsa" => (rsa(RSA_N), Algorithm::RsaV15Sha256),
        "test-key-rsa-pss" => (rsa(RSA_PSS_N), Algorithm::RsaPssSha512),
        "test-key-ecc-p256" => {
            let key = PublicKey::p256(&unbase64url(P256_X), &unbase64url(P256_Y)).unwrap();
            (key, Algorithm::EcdsaP256Sha256)
        }
        "test-key-ed25519" => (PublicKey::ed25519(&unbase64url(ED25519_PUBLIC)).unwrap(), Algorithm::Ed25519),
        other => panic!("no key {other}"),
    }
}

/// Whether the signature is one over `base`, by the key that it names; `None` where this build has no backend.
fn verifies(signature: &PresentedSignature, base: &str) -> Option<bool> {
    let (key, algorithm) = key(signature.params().keyid.as_deref().unwrap());
    let check = SignatureCheck::new(key, algorithm, base.into(), signature.signature().to_vec()).unwrap();
    if !check.is_supported() {
        println!("skipped: no backend for {}", algorithm.jose());
        return None;
    }
    Some(check.verify() == Verdict::Valid)
}

/// The base must be the printed one, and the signature one over it and over no other.
fn check(fields: &Fields, label: &str, message: &Message<'_>, printed: &str) {
    let signature = labelled(fields, label);
    let base = signature_base(&signature, message).unwrap();
    assert_eq!(base, unfold(printed), "{label}");
    assert_ne!(verifies(&signature, &base), Some(false), "{label}");
    assert_ne!(verifies(&signature, &base.replacen("created=", "created=1", 1)), Some(true), "{label}");
}

/// Signing the same components with the same parameters begins with the printed base and `Signature-Input`.
fn signs_alike(message: &Message<'_>, fields: &Fields, label: &str, printed: &str) {
    let signature = labelled(fields, label);
    let unsigned = prepare(message, signature.components(), signature.params()).unwrap();
    assert_eq!(unsigned.base, unfold(printed), "{label}");
    assert_eq!(
        unsigned.fields(label, &[1]).unwrap().signature_input,
        format!("{label}={}", signature.params_text())
    );
}

#[test]
fn the_requests_of_b_2_have_their_bases_and_signatures() {
    for (label, fields, base) in [
        ("sig-b21", B21_FIELDS, B21_BASE),
        ("sig-b22", B22_FIELDS, B22_BASE),
        ("sig-b23", B23_FIELDS, B23_BASE),
        ("sig-b26", B26_FIELDS, B26_BASE),
    ] {
        let printed = Printed::parse(TEST_REQUEST).with(fields);
        let view = printed.request();
        let message = Message::request(&view, view.target());
        check(view.fields(), label, &message, base);
        signs_alike(&message, view.fields(), label, base);
        let bound = verify_covered(&labelled(view.fields(), label), &message, printed.content.as_bytes());
        assert_eq!(bound, Ok(matches!(label, "sig-b22" | "sig-b23")), "{label}");
    }
}

#[test]
fn the_response_of_b_2_4_has_its_base_and_signature() {
    let printed = Printed::parse(TEST_RESPONSE).with(B24_FIELDS);
    let view = printed.response();
    let message = Message::response(&view, None);
    check(view.fields(), "sig-b24", &message, B24_BASE);
    signs_alike(&message, view.fields(), "sig-b24", B24_BASE);
    let signature = labelled(view.fields(), "sig-b24");
    assert_eq!(verify_covered(&signature, &message, printed.content.as_bytes()), Ok(true));
    assert_eq!(verify_covered(&signature, &message, b"{\"message\": \"bad dog\"}"), Err(E::DigestMismatch));
}

#[test]
fn the_symmetric_signature_of_b_2_5_is_one_of_the_shared_secret() {
    let view = Printed::parse(TEST_REQUEST).with(B25_FIELDS).request();
    let message = Message::request(&view, view.target());
    let signature = labelled(view.fields(), "sig-b25");
    let base = signature_base(&signature, &message).unwrap();
    assert_eq!(base, unfold(B25_BASE));
    signs_alike(&message, view.fields(), "sig-b25", B25_BASE);
    let secret = SharedKey::new(&unbase64url(SHARED_SECRET)).unwrap();
    assert!(secret.verify(base.as_bytes(), signature.signature()));
    assert!(!secret.verify(base.replace("example.com", "example.org").as_bytes(), signature.signature()));
}

#[test]
fn the_proxy_of_b_3_vouches_for_the_certificate_of_its_client() {
    let view = Printed::parse(B3_REQUEST).request();
    let message = Message::request(&view, view.target());
    check(view.fields(), "ttrp", &message, B3_BASE);
    // A certificate put in its place, as another client might try.
    let mut forged = Fields::new();
    for name in ["signature-input", "signature"] {
        forged.push(name, &view.fields().combined(name).unwrap()).unwrap();
    }
    forged.push("client-cert", ":AAAA:").unwrap();
    let forged = RequestView::new("POST", view.target().clone(), forged, true).unwrap();
    let signature = labelled(forged.fields(), "ttrp");
    let base = signature_base(&signature, &Message::request(&forged, forged.target())).unwrap();
    assert_ne!(verifies(&signature, &base), Some(true));
}

/// The verdict on a message of §B.4.
fn transformed(text: &str) -> bool {
    let view = Printed::parse(text).request();
    let signature = labelled(view.fields(), "transform");
    let base = signature_base(&signature, &Message::request(&view, view.target())).unwrap();
    verifies(&signature, &base).unwrap()
}

#[test]
fn the_transformations_of_b_4_that_keep_what_is_covered_are_still_valid() {
    let view = Printed::parse(B4_REQUEST).request();
    check(view.fields(), "transform", &Message::request(&view, view.target()), B4_BASE);
    for (name, text) in [("added", B4_ADDED), ("collapsed", B4_COLLAPSED), ("reordered", B4_REORDERED)] {
        assert!(transformed(text), "{name}");
    }
}

#[test]
fn the_transformations_of_b_4_that_change_what_is_covered_are_not_valid() {
    for (name, text) in [("redirected", B4_REDIRECTED), ("accept reordered", B4_ACCEPT_REORDERED)] {
        assert!(!transformed(text), "{name}");
    }
}

#[test]
fn the_responses_of_section_2_4_cover_parts_of_their_requests() {
    let request = Printed::parse(S24_REQUEST).request();
    let own = labelled(request.fields(), "sig1");
    let base = signature_base(&own, &Message::request(&request, request.target())).unwrap();
    assert_ne!(verifies(&own, &base), Some(false));
    for (base, response) in [(S24_BASE, S24_RESPONSE), (S24_SIGNED_BASE, S24_SIGNED_RESPONSE)] {
        let view = Printed::parse(response).response();
        let message = Message::response(&view, Some((&request, request.target())));
        check(view.fields(), "reqres", &message, base);
        // Held against another request it is no signature.
        let other = Target::parse("https://example.com/bar?param=Value&Pet=dog").unwrap();
        let elsewhere = Message::response(&view, Some((&request, &other)));
        let signature = labelled(view.fields(), "reqres");
        let base = signature_base(&signature, &elsewhere).unwrap();
        assert_ne!(verifies(&signature, &base), Some(true));
        let unknown = signature_base(&signature, &Message::response(&view, None));
        assert_eq!(unknown, Err(E::RequestUnavailable { index: 3 }));
    }
}

#[test]
fn the_client_of_section_4_3_signed_what_the_proxy_changed() {
    let client = Printed::parse(S43_CLIENT).request();
    let signature = labelled(client.fields(), "sig1");
    let base = signature_base(&signature, &Message::request(&client, client.target())).unwrap();
    assert_ne!(verifies(&signature, &base), Some(false));

    let proxy = Printed::parse(S43_PROXY).request();
    let message = Message::request(&proxy, proxy.target());
    check(proxy.fields(), "proxy_sig", &message, S43_BASE);
    // The client's signature came through unchanged, and is about the authority that the client saw.
    let inner = labelled(proxy.fields(), "sig1");
    assert_eq!((inner.params_text(), inner.signature()), (signature.params_text(), signature.signature()));
    assert_ne!(verifies(&inner, &signature_base(&inner, &message).unwrap()), Some(true));
    let seen_by_client = proxy.target().seen_as(Scheme::Https, "example.com", "");
    let base = signature_base(&inner, &Message::request(&proxy, &seen_by_client)).unwrap();
    assert_ne!(verifies(&inner, &base), Some(false));
}
