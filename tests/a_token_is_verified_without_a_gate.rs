//! One token against keys: each refusal of STANDARDS has its code, and only what holds is verified.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use core::time::Duration;

use countersign::crypto::Algorithm;
use countersign::encoding::base64url::encode;
use countersign::jose::JwkSet;
use countersign::jose::jwt::{Profile, Rules, TYPES};
use countersign::jose::verify::{Expected, Outcome, Report, inspect};
use countersign::time::UnixSeconds;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

fn jwk(seed: u8, members: &Value) -> Value {
    let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&*pair(seed).pk)});
    jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    jwk
}

fn keys(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn issuers_keys() -> JwkSet {
    keys(&[jwk(1, &json!({"kid": "k"}))])
}

fn sign_text(header: &str, payload: &str, seed: u8) -> String {
    let input = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
    format!("{input}.{}", encode(&*pair(seed).sk.sign(&input, None)))
}

fn sign(header: &Value, claims: &Value) -> String {
    sign_text(&header.to_string(), &claims.to_string(), 1)
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"})
}

fn claims() -> Value {
    json!({"iss": "https://as.example", "sub": "user", "aud": "https://api.example", "exp": NOW.0 + 300,
        "iat": NOW.0 - 10, "jti": "1", "client_id": "agent", "amount": 1.5, "deep": {"a": [1, 2]}})
}

fn rules() -> Rules {
    Rules {
        issuer: "https://as.example".into(),
        audiences: vec!["https://api.example".into()],
        algorithms: Algorithm::ALL.to_vec(),
        profile: Profile::AtJwt,
        clock_skew: Duration::from_secs(30),
        max_lifetime: None,
    }
}

fn expected(profile: &str) -> Expected {
    Expected::of(profile, rules()).unwrap()
}

fn report(token: &str, profile: &str) -> Report {
    inspect(token, &expected(profile), &issuers_keys(), NOW).conclude_here()
}

#[track_caller]
fn is_refused(report: &Report, outcome: Outcome, code: &str) {
    assert_eq!((report.outcome, report.code), (outcome, code), "{report:?}");
    assert!(report.reason.is_some_and(|reason| reason.code() == code));
    assert_eq!((&report.key, &report.claims, &report.payload_sha256), (&None, &None, &None));
}

fn with(changes: &Value) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    claims
}

#[test]
fn what_holds_tells_key_and_claims() {
    let verified = report(&sign(&header(), &claims()), "at+jwt");
    assert_eq!((verified.outcome, verified.code, verified.reason), (Outcome::Verified, "ok", None));
    let set = issuers_keys();
    assert_eq!(verified.key.as_deref(), Some(set.keys()[0].thumbprint()));
    assert_eq!(verified.claims, Some(claims()), "as they were written, fractions too");
    let json = serde_json::to_value(&verified).unwrap();
    assert_eq!(
        json,
        json!({"outcome": "verified", "code": "ok", "profile": "at+jwt", "typ": "at+jwt", "algorithm": "EdDSA",
            "kid": "k", "key": set.keys()[0].thumbprint(), "claims": claims()})
    );
}

#[test]
fn a_verdict_that_is_not_there_is_not_valid() {
    let inspection = || inspect(&sign(&header(), &claims()), &expected("at+jwt"), &issuers_keys(), NOW);
    assert_eq!(inspection().checks().count(), 1);
    for verdicts in [&[][..], &[false], &[false, true]] {
        is_refused(&inspection().conclude(verdicts), Outcome::Invalid, "token.signature_invalid");
    }
    assert_eq!(inspection().conclude(&[true]).code, "ok");
}

#[test]
fn what_is_no_compact_jws_is_malformed() {
    let token = sign(&header(), &claims());
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let general = json!({"payload": payload, "signatures": [{"protected": head, "signature": signature}]});
    let flat = json!({"payload": payload, "protected": head, "signature": signature});
    for text in [
        String::new(),
        general.to_string(),
        flat.to_string(),
        format!("{head}.{payload}"),
        format!("{head}.{payload}.{signature}."),
        format!("{head}.{payload}.{signature}.{payload}.{signature}"),
        format!("{head}..{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}="),
        format!("{head}=.{payload}.{signature}"),
        format!("{head}.{payload}?.{signature}"),
        format!("{head}.{}.{signature}", payload.replace('e', "+")),
        // The last letter has bits that count for nothing.
        format!("{head}.{payload}.{}", trailing_bit(signature)),
    ] {
        is_refused(&report(&text, "at+jwt"), Outcome::Invalid, "token.malformed");
    }
    let long = with(&json!({"x": "a".repeat(8192)}));
    is_refused(&report(&sign(&header(), &long), "at+jwt"), Outcome::Invalid, "token.too_large");
}

/// The same bytes for a lax decoder: another last letter whose extra bits are not zero.
fn trailing_bit(text: &str) -> String {
    let last = char::from(text.as_bytes()[text.len() - 1] + 1);
    format!("{}{last}", &text[..text.len() - 1])
}

#[test]
fn headers_say_nothing_twice_and_demand_nothing() {
    let malformed = [
        r#"{"alg":"EdDSA","typ":"at+jwt","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","\u0061lg":"none"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","x":{"y":[{"z":1,"z":2}]}}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":7}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":null}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","kid":["k"]}"#,
        r#"{"alg":"EdDSA","typ":["at+jwt"]}"#,
        r#"{"alg":"EdDSA","typ":null}"#,
        r#"{"alg":["EdDSA"],"typ":"at+jwt"}"#,
        r#"{"alg":null,"typ":"at+jwt"}"#,
        r#"{"typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt"} "x""#,
        "[]",
        "",
    ];
    for header in malformed {
        let token = sign_text(header, &claims().to_string(), 1);
        is_refused(&report(&token, "at+jwt"), Outcome::Invalid, "token.malformed");
        is_refused(&report(&token, "jws"), Outcome::Invalid, "token.malformed");
    }
    for critical in [
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":{}"#,
        r#""crit":"exp""#,
        r#""crit":false"#,
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["alg"]"#,
        r#""cri\u0074":["exp"]"#,
        r#""b64":true"#,
        r#""b64":false"#,
        r#""b64":null"#,
    ] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt",{critical}}}"#);
        let token = sign_text(&header, &claims().to_string(), 1);
        is_refused(&report(&token, "at+jwt"), Outcome::Invalid, "token.critical_header");
        is_refused(&report(&token, "jws"), Outcome::Invalid, "token.critical_header");
    }
}

#[test]
fn algorithms_are_exact_asymmetric_and_allowed() {
    for alg in [
        "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "eddsa", "EDDSA", "ed25519", "Ed448",
        "ES512", "ES256K", "RS1", "rs256", "EdDSA ", "", "dir", "A128KW", "RSA-OAEP",
    ] {
        let token = sign(&json!({"alg": alg, "typ": "at+jwt"}), &claims());
        for profile in ["at+jwt", "any", "jws"] {
            is_refused(&report(&token, profile), Outcome::Invalid, "token.algorithm_not_allowed");
        }
    }
    let narrow = Rules { algorithms: vec![Algorithm::RsaV15Sha256], ..rules() };
    for profile in ["at+jwt", "any", "jws"] {
        let expected = Expected::of(profile, narrow.clone()).unwrap();
        let refused = inspect(&sign(&header(), &claims()), &expected, &issuers_keys(), NOW).conclude_here();
        is_refused(&refused, Outcome::Invalid, "token.algorithm_not_allowed");
    }
}

/// RFC 9864: the name that says the curve, and the one that does not.
#[test]
fn both_names_of_ed25519_are_the_same_for_token_and_key() {
    for of_key in [json!({}), json!({"alg": "EdDSA"}), json!({"alg": "Ed25519"})] {
        for of_token in ["EdDSA", "Ed25519"] {
            let token = sign(&json!({"alg": of_token, "typ": "at+jwt"}), &claims());
            let judged = inspect(&token, &expected("at+jwt"), &keys(&[jwk(1, &of_key)]), NOW).conclude_here();
            assert_eq!((judged.code, judged.algorithm.as_deref()), ("ok", Some(of_token)), "{of_key}");
        }
    }
}

/// Nothing in a token leads to the key that verifies it.
#[test]
fn no_key_of_the_token_itself_is_used() {
    let own = jwk(2, &json!({"kid": "own"}));
    for members in [
        json!({"jwk": own}),
        json!({"jwk": own, "kid": "own"}),
        json!({"jku": "https://evil.example/keys"}),
        json!({"jku": "https://evil.example/keys", "kid": "k"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"x5c": ["MIIB"], "x5t": "AAAA", "x5t#S256": "AAAA"}),
    ] {
        let mut header = json!({"alg": "EdDSA", "typ": "at+jwt"});
        header.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        for profile in ["at+jwt", "any", "jws"] {
            let forged = report(&sign_text(&header.to_string(), &claims().to_string(), 2), profile);
            assert_ne!(forged.outcome, Outcome::Verified, "{members}");
            let code = if members["kid"] == "own" { "token.key_unknown" } else { "token.signature_invalid" };
            assert_eq!(forged.code, code, "{members}");
        }
        // The issuer's own key still counts: what the header says besides is not looked at.
        if members["kid"] != "own" {
            assert_eq!(report(&sign(&header, &claims()), "at+jwt").code, "ok", "{members}");
        }
    }
    let header = json!({"alg": "EdDSA", "typ": "at+jwt", "jwk": "own"});
    is_refused(&report(&sign(&header, &claims()), "at+jwt"), Outcome::Invalid, "token.malformed");
}

#[test]
fn a_kid_is_a_hint_and_never_a_path() {
    for kid in ["", "K", "k ", "../k", "/dev/null", "https://evil.example/k", "k' OR '1'='1", "k\u{0}", "0"] {
        let token = sign(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}), &claims());
        is_refused(&report(&token, "at+jwt"), Outcome::Unverified, "token.key_unknown");
    }
    let without = sign(&json!({"alg": "EdDSA", "typ": "at+jwt"}), &claims());
    assert_eq!(report(&without, "at+jwt").code, "ok");
    let thumbprint = keys(&[jwk(1, &json!({}))]).keys()[0].thumbprint().to_owned();
    let token = sign(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": thumbprint}), &claims());
    let unnamed = keys(&[jwk(1, &json!({}))]);
    assert_eq!(inspect(&token, &expected("at+jwt"), &unnamed, NOW).conclude_here().code, "ok");
}

#[test]
fn every_matching_key_is_tried() {
    let named = |seed| jwk(seed, &json!({"kid": "k"}));
    let token = sign(&header(), &claims());
    let right = keys(&[jwk(1, &json!({}))]).keys()[0].thumbprint().to_owned();
    for set in [vec![named(2), named(1)], vec![named(1), named(2)], (1..=16).rev().map(named).collect()] {
        let judged = inspect(&token, &expected("at+jwt"), &keys(&set), NOW).conclude_here();
        assert_eq!((judged.code, judged.key.as_deref()), ("ok", Some(right.as_str())));
    }
    let others = keys(&[named(2), named(3)]);
    let judged = inspect(&token, &expected("at+jwt"), &others, NOW).conclude_here();
    is_refused(&judged, Outcome::Invalid, "token.signature_invalid");
    // A bound: a set of the same kid over and over is not worked through.
    let many: Vec<_> = (2..=40).map(named).collect();
    assert_eq!(inspect(&token, &expected("at+jwt"), &keys(&many), NOW).checks().count(), 16);
}

#[test]
fn keys_that_are_for_something_else_are_no_keys() {
    let token = sign(&header(), &claims());
    for members in [
        json!({"kid": "k", "use": "enc"}),
        json!({"kid": "k", "key_ops": ["sign"]}),
        json!({"kid": "k", "key_ops": []}),
        json!({"kid": "k", "key_ops": ["verify", 1]}),
        json!({"kid": "k", "use": "sig", "key_ops": ["encrypt"]}),
        json!({"kid": "k", "alg": "ES256"}),
        json!({"kid": "k", "alg": "HS256"}),
        json!({"kid": "k", "alg": "none"}),
        json!({"kid": "k", "d": "AAAA"}),
        json!({"kid": "k", "crv": "Ed448"}),
        json!({"kid": "k", "crv": "X25519"}),
        json!({"kid": "k", "kty": "oct", "k": "AAAA"}),
    ] {
        let judged = inspect(&token, &expected("at+jwt"), &keys(&[jwk(1, &members)]), NOW).conclude_here();
        is_refused(&judged, Outcome::Unverified, "token.key_unknown");
    }
    let judged = inspect(&token, &expected("at+jwt"), &keys(&[]), NOW).conclude_here();
    is_refused(&judged, Outcome::Unverified, "token.key_unknown");
    let fitting = json!({"kid": "k", "use": "sig", "key_ops": ["sign", "verify"], "alg": "EdDSA"});
    let judged = inspect(&token, &expected("at+jwt"), &keys(&[jwk(1, &fitting)]), NOW).conclude_here();
    assert_eq!(judged.code, "ok");
}

#[test]
fn rsa_keys_below_2048_bits_are_no_keys() {
    let token = sign(&json!({"alg": "RS256", "typ": "at+jwt"}), &claims());
    let rsa = |bytes: usize| json!({"kty": "RSA", "n": encode(&vec![0xff; bytes]), "e": "AQAB"});
    for (bytes, code) in [
        (128, "token.key_unknown"),
        (255, "token.key_unknown"),
        // Large enough, so that it is asked; the signature is not as long as its modulus.
        (256, "token.signature_invalid"),
    ] {
        let judged = inspect(&token, &expected("at+jwt"), &keys(&[rsa(bytes)]), NOW).conclude_here();
        assert_eq!(judged.code, code, "{bytes}");
    }
}

#[test]
fn signatures_of_another_form_or_key_are_invalid() {
    let token = sign(&header(), &claims());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let zeros = encode(&[0; 64]);
    for signature in
        ["", &signature[..84], &zeros, &encode(&[0; 63]), &encode(&[0xff; 64]), &encode(&[1; 65])]
    {
        for profile in ["at+jwt", "jws"] {
            let judged = report(&format!("{input}.{signature}"), profile);
            is_refused(&judged, Outcome::Invalid, "token.signature_invalid");
        }
    }
    let forged = sign_text(&header().to_string(), &claims().to_string(), 2);
    is_refused(&report(&forged, "at+jwt"), Outcome::Invalid, "token.signature_invalid");
    let swapped = {
        let other = sign(&header(), &with(&json!({"sub": "root"})));
        format!("{}.{signature}", other.rsplit_once('.').unwrap().0)
    };
    is_refused(&report(&swapped, "at+jwt"), Outcome::Invalid, "token.signature_invalid");
}

/// Every `typ` under every profile: a token of one purpose never passes for another.
#[test]
fn profiles_exclude_each_other() {
    let spellings = |typ: &str| {
        let (upper, prefix) = (typ.to_uppercase(), format!("application/{typ}"));
        [typ.to_owned(), upper, prefix, format!("APPLICATION/{typ}")]
    };
    let token = |typ: Option<&str>| {
        let mut header = json!({"alg": "EdDSA"});
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        sign(&header, &claims())
    };
    let mut judged = 0;
    let mut is = |typ: Option<&str>, accepting: &[&str]| {
        for profile in ["at+jwt", "jwt", "any"] {
            let report = report(&token(typ), profile);
            if accepting.contains(&profile) {
                assert_eq!(report.code, "ok", "{typ:?} as {profile}");
            } else {
                is_refused(&report, Outcome::Invalid, "token.type_mismatch");
            }
            judged += 1;
        }
    };
    assert_eq!(TYPES[0], "at+jwt");
    for typ in spellings("at+jwt") {
        is(Some(&typ), &["at+jwt", "any"]);
    }
    for typ in
        TYPES.into_iter().skip(1).chain(["logout+jwt", "id+jwt", "JOSE", "JOSE+JSON", "at+jwt+x", "at"])
    {
        for typ in spellings(typ) {
            is(Some(&typ), &[]);
        }
    }
    for typ in spellings("jwt") {
        is(Some(&typ), &["jwt", "any"]);
    }
    is(None, &["jwt", "any"]);
    for typ in [
        "",
        " at+jwt",
        "at+jwt ",
        "at+jwt;v=1",
        "text/at+jwt",
        "application/",
        "application/application/jwt",
        "jwt, at+jwt",
    ] {
        is(Some(typ), &[]);
    }
    assert_eq!(judged, 3 * (4 + 4 * 13 + 4 + 1 + 8));
    assert_eq!(report(&token(Some("at+jwt")), "any").profile, "at+jwt");
    assert_eq!(report(&token(None), "any").profile, "jwt");
}

#[test]
fn a_jwt_of_either_kind_needs_what_its_kind_needs() {
    let mut few = claims();
    for name in ["sub", "iat", "jti", "client_id"] {
        few.as_object_mut().unwrap().remove(name);
    }
    for profile in ["jwt", "any"] {
        assert_eq!(report(&sign(&json!({"alg": "EdDSA"}), &few), profile).code, "ok");
    }
    for profile in ["at+jwt", "any"] {
        is_refused(&report(&sign(&header(), &few), profile), Outcome::Invalid, "token.claim_missing");
    }
}

#[test]
fn claims_are_there_once_and_of_their_types() {
    let as_text = |payload: &str| report(&sign_text(&header().to_string(), payload, 1), "at+jwt");
    let good = claims().to_string();
    for payload in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{}{}",
        "\u{feff}{}",
        &good.replacen('{', r#"{"iss":"https://as.example","#, 1),
        &good.replacen('{', r#"{"a":{"b":[{"c":1,"c":1}]},"#, 1),
        &good.replacen('{', r#"{"a":1,"\u0061":1,"#, 1),
        &good.replacen('{', r#"{"a":"\ud800","#, 1),
        &good.replacen('{', r#"{"a":1e400,"#, 1),
        &good.replacen('{', &format!(r#"{{"a":{},"#, "9".repeat(400)), 1),
        &good.replacen('{', &format!(r#"{{"a":{}{},"#, "[".repeat(40), "]".repeat(40)), 1),
        // A token in a token.
        &sign(&header(), &claims()),
    ] {
        is_refused(&as_text(payload), Outcome::Invalid, "token.malformed");
    }
    for name in ["iss", "exp", "aud", "sub", "iat", "jti", "client_id"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        is_refused(&report(&sign(&header(), &claims), "at+jwt"), Outcome::Invalid, "token.claim_missing");
    }
    for time in [
        "1800000300.0",
        "1800000300.5",
        "1.8e9",
        "18000003e2",
        "1800000300E0",
        "9223372036854775808",
        "99999999999999999999999",
        "-0",
        "\"1800000300\"",
        "null",
        "true",
        "[1800000300]",
        "{}",
    ] {
        for name in ["exp", "nbf", "iat"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            let payload = claims.to_string().replacen('{', &format!(r#"{{"{name}":{time},"#), 1);
            is_refused(&as_text(&payload), Outcome::Invalid, "token.claim_invalid");
        }
    }
    for (name, value) in [
        ("iss", json!(1)),
        ("iss", json!("")),
        ("sub", json!([])),
        ("aud", json!(null)),
        ("aud", json!(["https://api.example", null])),
        ("scope", json!(1)),
        ("scope", json!("a  b")),
        ("cnf", json!("x")),
        ("jti", json!(1)),
    ] {
        let token = sign(&header(), &with(&json!({name: value})));
        is_refused(&report(&token, "at+jwt"), Outcome::Invalid, "token.claim_invalid");
    }
}

#[test]
fn issuer_audience_and_times_are_demanded() {
    let t = |delta: i64| NOW.0 + delta;
    for (changes, code) in [
        (json!({"iss": "https://as.example/"}), "token.issuer_unknown"),
        (json!({"aud": "https://api.example/"}), "token.audience_mismatch"),
        (json!({"aud": []}), "token.audience_mismatch"),
        (json!({"exp": t(-30)}), "token.expired"),
        (json!({"nbf": t(31)}), "token.not_yet_valid"),
        (json!({"iat": t(31)}), "token.issued_in_future"),
    ] {
        for profile in ["at+jwt", "any"] {
            is_refused(&report(&sign(&header(), &with(&changes)), profile), Outcome::Invalid, code);
        }
    }
    assert_eq!(
        report(&sign(&header(), &with(&json!({"exp": t(-29), "nbf": t(30), "iat": t(30)}))), "at+jwt").code,
        "ok"
    );
    let short = Rules { max_lifetime: Some(Duration::from_secs(309)), ..rules() };
    let expected = Expected::of("at+jwt", short).unwrap();
    let judged = inspect(&sign(&header(), &claims()), &expected, &issuers_keys(), NOW).conclude_here();
    is_refused(&judged, Outcome::Invalid, "token.lifetime_too_long");
}

#[test]
fn a_jws_is_judged_by_header_and_signature_alone() {
    let payload = "It is no claims, and of no time.";
    let token = sign_text(r#"{"alg":"EdDSA","typ":"dpop+jwt"}"#, payload, 1);
    let judged = report(&token, "jws");
    assert_eq!((judged.outcome, judged.profile, &judged.claims), (Outcome::Verified, "jws", &None));
    let hash = countersign::crypto::sha256_base64url(payload.as_bytes());
    assert_eq!(judged.payload_sha256, Some(hash));
    for profile in ["at+jwt", "jwt", "any"] {
        is_refused(&report(&token, profile), Outcome::Invalid, "token.malformed");
    }
    let empty = sign_text(r#"{"alg":"EdDSA"}"#, "", 1);
    assert_eq!(report(&empty, "jws").code, "ok");
    let forged = sign_text(r#"{"alg":"EdDSA"}"#, payload, 2);
    is_refused(&report(&forged, "jws"), Outcome::Invalid, "token.signature_invalid");
}

#[test]
fn profiles_have_these_names_only() {
    for name in Expected::PROFILES {
        assert_eq!(expected(name).name(), name);
    }
    for name in ["", "JWT", "dpop+jwt", "none", "all"] {
        assert_eq!(Expected::of(name, rules()), None);
    }
}
