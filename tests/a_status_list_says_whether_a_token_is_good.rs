//! Token Status List (draft-ietf-oauth-status-list): the draft's own lists, and every reason not to believe one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use countersign::crypto::{Algorithm, SignatureCheck, Verdict};
use countersign::encoding::base64url;
use countersign::encoding::json::{self, Object};
use countersign::jose::{Jwk, JwsError};
use countersign::reason::Reason;
use countersign::revocation::status_list::{
    self, ListRules, MAX_LIST_BYTES, MAX_TOKEN_BYTES, Reference, Status, StatusList,
    StatusListError as Error, VerifiedStatusList,
};
use countersign::time::UnixSeconds;
use ed25519_dalek::{Signer as _, SigningKey};
use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const ISSUER: &str = "https://auth.example";
const URI: &str = "https://auth.example/statuslists/1";
const RULES: ListRules<'_> = ListRules {
    issuer: ISSUER,
    uri: URI,
    algorithms: &[Algorithm::Ed25519],
    clock_skew: Duration::from_secs(30),
};

fn lst(bytes: &[u8]) -> String {
    base64url::encode(&compress_to_vec_zlib(bytes, 9))
}

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn jwk(seed: u8) -> Jwk {
    let public = signing_key(seed).verifying_key();
    let jwk =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(public.as_bytes()) }).to_string();
    Jwk::from_object(&json::parse_object(jwk.as_bytes(), 1024).unwrap()).unwrap()
}

/// A list that marks token 1 as revoked, changed as asked.
fn token(change: impl FnOnce(&mut Value, &mut Value)) -> String {
    let mut header = json!({ "typ": "statuslist+jwt", "alg": "EdDSA", "kid": "12" });
    let mut claims = json!({
        "sub": URI, "iat": NOW.0 - 60, "exp": NOW.0 + 3600, "ttl": 300,
        "status_list": { "bits": 1, "lst": lst(&[0b10]) },
    });
    change(&mut header, &mut claims);
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(&claims));
    let signature = signing_key(1).sign(input.as_bytes()).to_bytes();
    format!("{input}.{}", base64url::encode(&signature))
}

fn verify_at(token: &str, key: &Jwk, now: UnixSeconds) -> Result<VerifiedStatusList, Error> {
    let decoded = status_list::parse(token)?;
    decoded.precheck(&RULES, now)?;
    let check = decoded.check(key, &RULES)?;
    decoded.verified(&check, check.verify(), &RULES, now)
}

fn refusal(change: impl FnOnce(&mut Value, &mut Value)) -> Error {
    verify_at(&token(change), &jwk(1), NOW).unwrap_err()
}

#[test]
fn the_lists_of_the_draft_say_what_it_says_they_do() {
    let lists: Value = serde_json::from_str(include_str!("fixtures/status_lists.json")).unwrap();
    for vector in lists.as_array().unwrap() {
        let bits = vector["bits"].as_i64().unwrap();
        let list = StatusList::inflate(bits, vector["lst"].as_str().unwrap()).unwrap();
        let entries = vector["entries"].as_u64().unwrap();
        assert_eq!(list.size() as u64 * 8 / bits.unsigned_abs(), entries);
        let said: std::collections::BTreeMap<u64, u8> = vector["statuses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_u64().unwrap(), u8::try_from(pair[1].as_u64().unwrap()).unwrap()))
            .collect();
        // What is not mentioned is 0 (appendix C).
        for idx in 0..entries {
            let expected = Status::from(said.get(&idx).copied().unwrap_or(0));
            assert_eq!(list.status(idx), Ok(expected), "bits {bits}, index {idx}");
        }
        assert_eq!(list.status(entries), Err(Error::Index));
        assert_eq!(list.status(u64::MAX), Err(Error::Index));
    }
}

#[test]
fn each_status_is_refused_for_its_own_reason() {
    let list = StatusList::inflate(8, &lst(&[0, 1, 2, 3, 4, 12, 255])).unwrap();
    let refusals: Vec<_> = (0..7).map(|idx| list.status(idx).unwrap().refusal()).collect();
    let invalid = Some(Reason::TokenStatusInvalid);
    assert_eq!(
        refusals,
        [None, Some(Reason::TokenRevoked), Some(Reason::TokenSuspended), invalid, invalid, invalid, invalid]
    );
}

#[test]
fn a_list_that_its_issuer_signed_is_believed() {
    let list = verify_at(&token(|_, _| {}), &jwk(1), NOW).unwrap();
    assert_eq!((list.list.status(0), list.list.status(1)), (Ok(Status::Valid), Ok(Status::Invalid)));
    assert_eq!((list.expires, list.ttl), (Some(UnixSeconds(NOW.0 + 3630)), Some(Duration::from_mins(5))));
    let bare = token(|_, claims| {
        claims.as_object_mut().unwrap().remove("exp");
        claims.as_object_mut().unwrap().remove("ttl");
        claims["iss"] = ISSUER.into();
        claims["anything"] = json!({ "else": 1.5 });
    });
    let bare = verify_at(&bare, &jwk(1), NOW).unwrap();
    assert_eq!((bare.expires, bare.ttl), (None, None));
    let spelt = token(|header, _| header["typ"] = "application/statuslist+jwt".into());
    assert!(verify_at(&spelt, &jwk(1), NOW).is_ok());
}

#[test]
fn what_is_no_jwt_of_a_list_is_refused() {
    assert_eq!(status_list::parse("x.y"), Err(Error::Jws(JwsError::Parts)));
    assert_eq!(status_list::parse(&"a".repeat(MAX_TOKEN_BYTES + 1)), Err(Error::Jws(JwsError::TooLong)));
    for payload in ["[]", "{", "{\"sub\":\"a\",\"sub\":\"b\"}"] {
        let (header, payload) =
            (json!({ "typ": "statuslist+jwt", "alg": "EdDSA" }).to_string(), payload.as_bytes());
        let text = format!("{}.{}.AAAA", base64url::encode(header.as_bytes()), base64url::encode(payload));
        assert_eq!(status_list::parse(&text), Err(Error::Payload));
    }
    for (typ, error) in [(json!("at+jwt"), Error::Type), (json!("jwt"), Error::Type)] {
        assert_eq!(refusal(|header, _| header["typ"] = typ), error);
    }
    assert_eq!(refusal(|header, _| drop(header.as_object_mut().unwrap().remove("typ"))), Error::Type);
    assert_eq!(refusal(|header, _| header["crit"] = json!([])), Error::Jws(JwsError::Critical));
    for alg in ["none", "HS256", "ES256", "eddsa"] {
        assert_eq!(refusal(|header, _| header["alg"] = alg.into()), Error::AlgorithmNotAllowed, "{alg}");
    }
}

#[test]
fn claims_are_there_and_of_their_types() {
    for name in ["sub", "iat", "status_list"] {
        assert_eq!(
            refusal(|_, claims| drop(claims.as_object_mut().unwrap().remove(name))),
            Error::MissingClaim(name)
        );
        assert_eq!(refusal(|_, claims| claims[name] = json!([])), Error::MalformedClaim(name));
    }
    for ttl in [json!(0), json!(-1), json!(1.5), json!("300"), json!(null)] {
        assert_eq!(refusal(|_, claims| claims["ttl"] = ttl), Error::MalformedClaim("ttl"));
    }
    for exp in [json!("1"), json!(1e9), json!(null)] {
        assert_eq!(refusal(|_, claims| claims["exp"] = exp), Error::MalformedClaim("exp"));
    }
    assert_eq!(refusal(|_, claims| claims["nbf"] = json!(true)), Error::MalformedClaim("nbf"));
    assert_eq!(refusal(|_, claims| claims["status_list"]["lst"] = json!(1)), Error::MalformedClaim("lst"));
    let list =
        |claims: &mut Value, name: &str| drop(claims["status_list"].as_object_mut().unwrap().remove(name));
    assert_eq!(refusal(|_, claims| list(claims, "lst")), Error::MissingClaim("lst"));
    assert_eq!(refusal(|_, claims| list(claims, "bits")), Error::Bits);
}

#[test]
fn a_list_is_this_issuers_this_uris_and_of_now() {
    assert_eq!(refusal(|_, claims| claims["iss"] = "https://other.example".into()), Error::Issuer);
    for sub in [format!("{URI}/"), URI.to_uppercase(), "https://auth.example/statuslists/2".into()] {
        assert_eq!(refusal(|_, claims| claims["sub"] = sub.into()), Error::Subject);
    }
    assert_eq!(refusal(|_, claims| claims["iat"] = (NOW.0 + 31).into()), Error::IssuedInFuture);
    assert_eq!(refusal(|_, claims| claims["nbf"] = (NOW.0 + 31).into()), Error::NotYetValid);
    assert_eq!(refusal(|_, claims| claims["exp"] = (NOW.0 - 30).into()), Error::Expired);
    let just = token(|_, claims| {
        (claims["iat"], claims["nbf"], claims["exp"]) =
            ((NOW.0 + 30).into(), (NOW.0 + 30).into(), (NOW.0 - 29).into());
    });
    assert!(verify_at(&just, &jwk(1), NOW).is_ok());
}

#[test]
fn only_the_issuers_key_signs_its_list() {
    assert_eq!(verify_at(&token(|_, _| {}), &jwk(2), NOW), Err(Error::Signature));
    let text = token(|_, _| {});
    let (input, _) = text.rsplit_once('.').unwrap();
    assert_eq!(verify_at(&format!("{input}."), &jwk(1), NOW), Err(Error::KeyNotAllowed));
    // A verdict about another list, or another signature, is none about this.
    let (one, other) = (status_list::parse(&text).unwrap(), token(|_, claims| claims["ttl"] = 301.into()));
    let of_other: SignatureCheck = status_list::parse(&other).unwrap().check(&jwk(1), &RULES).unwrap();
    assert_eq!(of_other.verify(), Verdict::Valid);
    assert_eq!(one.verified(&of_other, Verdict::Valid, &RULES, NOW), Err(Error::Signature));
}

#[test]
fn a_list_is_one_whole_zlib_stream_of_some_bits() {
    for bits in [0, 3, 5, 7, 9, 16, -1, i64::MAX] {
        assert_eq!(StatusList::inflate(bits, &lst(&[0])), Err(Error::Bits));
    }
    for text in ["eNrbuRgAAhcBXQ==", "eNrbuRgAAhcBX", "eNrbuRgAAhcBX+", "eNrbuRgA AhcBXQ"] {
        assert_eq!(StatusList::inflate(1, text), Err(Error::Encoding), "{text}");
    }
    let whole = compress_to_vec_zlib(&[0xb9, 0xa3], 9);
    let inflate = |bytes: &[u8]| StatusList::inflate(1, &base64url::encode(bytes));
    assert!(inflate(&whole).is_ok());
    for cut in 0..whole.len() {
        assert_eq!(inflate(&whole[..cut]), Err(Error::Compression), "cut at {cut}");
    }
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(inflate(&wrong), Err(Error::Compression), "its checksum is wrong");
    assert_eq!(inflate(&[&whole[..], &[0]].concat()), Err(Error::Compression), "something follows");
    assert_eq!(inflate(&[&whole[..], &whole[..]].concat()), Err(Error::Compression), "a second list follows");
    assert_eq!(inflate(&whole[2..]), Err(Error::Compression), "raw DEFLATE");
    assert_eq!(inflate(b"\x1f\x8b\x08\0\0\0\0\0\0\x03"), Err(Error::Compression), "gzip");
    let empty = inflate(&compress_to_vec_zlib(&[], 9)).unwrap();
    assert_eq!((empty.size(), empty.status(0)), (0, Err(Error::Index)));
}

#[test]
fn no_more_is_inflated_than_a_list_may_be() {
    let most = StatusList::inflate(1, &lst(&vec![0; MAX_LIST_BYTES])).unwrap();
    assert_eq!(most.size(), MAX_LIST_BYTES);
    assert_eq!(StatusList::inflate(1, &lst(&vec![0; MAX_LIST_BYTES + 1])), Err(Error::TooLong));
    // A thousand times as much, in as many bytes as a list may have: all of it is refused, none of it kept.
    assert_eq!(StatusList::inflate(1, &lst(&vec![0; 64 * MAX_LIST_BYTES])), Err(Error::TooLong));
}

fn reference(status: &Value) -> Result<Option<Reference>, Error> {
    let claims = json!({ "status": status }).to_string();
    let claims: Object<'_> = json::parse_object(claims.as_bytes(), 8192).unwrap();
    Reference::read(&claims)
}

#[test]
fn a_reference_is_whole_or_refused() {
    let found = reference(&json!({ "status_list": { "idx": 7, "uri": URI, "more": true }, "other": 1 }));
    let found = found.unwrap().unwrap();
    assert_eq!((found.idx(), found.uri()), (7, URI));
    for none in [json!("active"), json!(null), json!({}), json!({ "identifier_list": {} })] {
        assert_eq!(reference(&none), Ok(None));
    }
    for list in [
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
        json!({ "idx": 1 }),
        json!({ "uri": URI }),
        json!({ "idx": -1, "uri": URI }),
        json!({ "idx": 1.0, "uri": URI }),
        json!({ "idx": 1e2, "uri": URI }),
        json!({ "idx": "1", "uri": URI }),
        json!({ "idx": 1, "uri": [URI] }),
        json!({ "idx": 1, "uri": "" }),
        json!({ "idx": 1, "uri": "/statuslists/1" }),
        json!({ "idx": 1, "uri": "ftp://auth.example/1" }),
        json!({ "idx": 1, "uri": "https://AUTH.example/1" }),
        json!({ "idx": 1, "uri": "https://auth.example:443/1" }),
        json!({ "idx": 1, "uri": "https://user@auth.example/1" }),
        json!({ "idx": 1, "uri": "https://auth.example" }),
        json!({ "idx": 1, "uri": "https://auth.example/a/../1" }),
        json!({ "idx": 1, "uri": "https://auth.example/a/%2e%2e/1" }),
        json!({ "idx": 1, "uri": "https://auth.example/a\\1" }),
        json!({ "idx": 1, "uri": "https://auth.example/a?b\\1" }),
        json!({ "idx": 1, "uri": "https://auth.example/1#f" }),
        json!({ "idx": 1, "uri": format!("https://auth.example/{}", "a".repeat(2048)) }),
    ] {
        assert_eq!(reference(&json!({ "status_list": list })), Err(Error::Reference), "{list}");
    }
}

#[test]
fn a_list_is_below_what_is_configured() {
    let is_below = |uri: &str, prefix: &str| {
        let found = reference(&json!({ "status_list": { "idx": 0, "uri": uri } })).unwrap().unwrap();
        found.is_below([prefix].into_iter())
    };
    for (uri, prefix) in [
        ("https://a.example/lists/1", "https://a.example/lists/1"),
        ("https://a.example/lists/1", "https://a.example/lists"),
        ("https://a.example/lists/1", "https://a.example/lists/"),
        ("https://a.example/lists?n=1", "https://a.example/lists"),
        ("https://a.example/lists/1", "https://a.example/"),
        ("https://a.example/lists/1", "https://a.example"),
    ] {
        assert!(is_below(uri, prefix), "{uri} {prefix}");
    }
    for (uri, prefix) in [
        ("https://a.example/lists2/1", "https://a.example/lists"),
        ("https://a.example.evil.example/1", "https://a.example"),
        ("https://a.example:8443/1", "https://a.example"),
        ("http://a.example/1", "https://a.example"),
        ("https://a.example/", "https://a.example/lists"),
    ] {
        assert!(!is_below(uri, prefix), "{uri} {prefix}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bit by bit, as §4.1 describes it.
    #[test]
    fn a_status_is_what_its_bits_are(bytes in prop::collection::vec(any::<u8>(), 0..200), width in 0..4_u32) {
        let bits = 1_u64 << width;
        let list = StatusList::inflate(bits.cast_signed(), &lst(&bytes)).unwrap();
        let bit = |at: u64| u8::from(bytes[usize::try_from(at / 8).unwrap()] & (1 << (at % 8)) != 0);
        let entries = bytes.len() as u64 * 8 / bits;
        for idx in 0..entries {
            let value = (0..bits).map(|i| bit(idx * bits + i) << i).sum::<u8>();
            prop_assert_eq!(list.status(idx), Ok(Status::from(value)));
        }
        prop_assert_eq!(list.status(entries), Err(Error::Index));
    }

    #[test]
    fn no_bytes_make_it_panic_or_grow(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let zlib = [&[0x78, 0xda][..], &bytes].concat();
        for text in [base64url::encode(&bytes), base64url::encode(&zlib)] {
            if let Ok(list) = StatusList::inflate(2, &text) {
                prop_assert!(list.size() <= MAX_LIST_BYTES);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-zA-Z0-9._-]{0,80}|\\PC{0,80}") {
        let _ = status_list::parse(&text);
    }

    #[test]
    fn a_changed_byte_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
        let text = token(|_, _| {});
        let at = at.index(text.len());
        prop_assume!(&text[at..=at] != "." && text[at..=at] != to);
        let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
        prop_assert!(verify_at(&changed, &jwk(1), NOW).is_err());
    }
}
