//! Access tokens: every refusal of the `at+jwt` and `jwt` profiles, and the way to a `VerifiedToken`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use core::time::Duration;

use countersign::crypto::{Algorithm, CheckError, Verdict};
use countersign::encoding::base64url::encode;
use countersign::jose::{DecodedToken, Jwk, JwkSet, JwsError, JwtError, Profile, Rules, VerifiedToken};
use countersign::time::UnixSeconds;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

fn set(seed: u8) -> JwkSet {
    let jwk = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": encode(&*pair(seed).pk), "kid": "k"}]});
    JwkSet::parse(jwk.to_string().as_bytes()).unwrap()
}

fn sign(header: &Value, claims: &Value) -> String {
    sign_text(&header.to_string(), &claims.to_string())
}

fn sign_text(header: &str, claims: &str) -> String {
    let input = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = pair(1).sk.sign(&input, None);
    format!("{input}.{}", encode(&*signature))
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"})
}

fn claims() -> Value {
    json!({"iss": "https://as.example", "sub": "user", "aud": ["https://other.example", "https://api.example"],
        "exp": NOW.0 + 300, "iat": NOW.0 - 10, "jti": "1", "client_id": "agent", "scope": "a b:c",
        "cnf": {"jkt": "abc", "x": 1}, "act": {"sub": "agent"}})
}

fn rules() -> Rules {
    Rules {
        issuer: "https://as.example".into(),
        audiences: vec!["https://api.example".into()],
        algorithms: vec![Algorithm::Ed25519],
        profile: Profile::AtJwt,
        clock_skew: Duration::from_secs(30),
        max_lifetime: None,
    }
}

fn verify(token: &str, rules: &Rules, now: UnixSeconds) -> Result<VerifiedToken, JwtError> {
    let decoded = DecodedToken::decode(token)?;
    let algorithm = decoded.precheck(rules, now)?;
    let set = set(1);
    let key: &Jwk = set.candidates(decoded.jws().kid(), algorithm)[0];
    let check = decoded.check(key, rules)?;
    let verdict = check.verify();
    decoded.verified(&check, verdict, rules, now)
}

fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn a_good_token_tells_its_claims() {
    let token = verify(&sign(&header(), &claims()), &rules(), NOW).unwrap();
    let claims = token.claims();
    assert_eq!((claims.iss.as_str(), claims.sub.as_deref()), ("https://as.example", Some("user")));
    assert_eq!(claims.scope, ["a", "b:c"]);
    let cnf = claims.confirmation.as_ref().unwrap();
    assert_eq!((cnf.jkt.as_deref(), cnf.others.as_slice()), (Some("abc"), &["x".to_owned()][..]));
    assert_eq!(claims.act().unwrap().get("sub").unwrap().as_str(), Some("agent"));
    assert_eq!(claims.raw.len(), 10);
}

#[test]
fn only_a_valid_verdict_about_this_very_token_verifies_it() {
    let decoded = || DecodedToken::decode(&sign(&header(), &claims())).unwrap();
    let key = set(1).keys()[0].clone();
    let check = decoded().check(&key, &rules()).unwrap();
    for verdict in [Verdict::Invalid, Verdict::Unsupported] {
        assert_eq!(decoded().verified(&check, verdict, &rules(), NOW), Err(JwtError::Signature));
    }
    let other = DecodedToken::decode(&sign(&header(), &with(&json!({"sub": "root"})))).unwrap();
    assert_eq!(other.verified(&check, Verdict::Valid, &rules(), NOW), Err(JwtError::Signature));
    let wrong_key = set(2).keys()[0].clone();
    assert_eq!(decoded().check(&wrong_key, &rules()).unwrap().verify(), Verdict::Invalid);
    assert!(decoded().verified(&check, Verdict::Valid, &rules(), NOW).is_ok());
}

#[test]
fn times_are_strict_to_the_second_and_skew_counts_once() {
    let at = |changes: Value, now: i64| {
        verify(&sign(&header(), &with(&changes)), &rules(), UnixSeconds(NOW.0 + now)).err()
    };
    let t = |delta: i64| NOW.0 + delta;
    assert_eq!(at(json!({"exp": t(0)}), 29), None);
    assert_eq!(at(json!({"exp": t(0)}), 30), Some(JwtError::Expired));
    assert_eq!(at(json!({"nbf": t(30)}), 0), None);
    assert_eq!(at(json!({"nbf": t(31)}), 0), Some(JwtError::NotYetValid));
    assert_eq!(at(json!({"iat": t(30)}), 0), None);
    assert_eq!(at(json!({"iat": t(31)}), 0), Some(JwtError::IssuedInFuture));
    assert_eq!(at(json!({"exp": i64::MAX}), 0), None);
    assert_eq!(at(json!({"exp": i64::MIN}), 0), Some(JwtError::Expired));
    assert_eq!(at(json!({"exp": 0}), 0), Some(JwtError::Expired));

    let lax = Rules { clock_skew: Duration::from_hours(1), ..rules() };
    let late = verify(&sign(&header(), &with(&json!({"exp": t(-60)}))), &lax, NOW);
    assert_eq!(late, Err(JwtError::Expired), "skew beyond a minute does not count");
}

#[test]
fn lifetimes_are_limited_where_the_rules_say_so() {
    let rules = Rules { max_lifetime: Some(Duration::from_hours(1)), ..rules() };
    let at = |exp: i64, iat: i64| {
        let claims = with(&json!({"exp": NOW.0 + exp, "iat": NOW.0 + iat}));
        verify(&sign(&header(), &claims), &rules, NOW).err()
    };
    assert_eq!(at(3590, -10), None);
    assert_eq!(at(3591, -10), Some(JwtError::LifetimeTooLong));
    let rules = Rules { profile: Profile::Jwt, ..rules.clone() };
    let mut claims = without("iat");
    claims["exp"] = json!(NOW.0 + 3601);
    let token = sign(&json!({"alg": "EdDSA"}), &claims);
    assert_eq!(verify(&token, &rules, NOW), Err(JwtError::LifetimeTooLong), "from now without iat");
}

#[test]
fn issuer_and_audience_are_compared_exactly() {
    let refused = |changes: Value| verify(&sign(&header(), &with(&changes)), &rules(), NOW).err();
    assert_eq!(refused(json!({"iss": "https://as.example/"})), Some(JwtError::Issuer));
    assert_eq!(refused(json!({"iss": "https://AS.example"})), Some(JwtError::Issuer));
    assert_eq!(refused(json!({"aud": "https://api.example"})), None);
    assert_eq!(refused(json!({"aud": "https://api.example/"})), Some(JwtError::Audience));
    assert_eq!(refused(json!({"aud": []})), Some(JwtError::Audience));
    let none = Rules { audiences: vec![], ..rules() };
    assert_eq!(verify(&sign(&header(), &claims()), &none, NOW), Err(JwtError::Audience));
}

#[test]
fn every_required_claim_is_required() {
    for name in ["iss", "exp", "aud", "sub", "iat", "jti", "client_id"] {
        let refused = verify(&sign(&header(), &without(name)), &rules(), NOW);
        assert_eq!(refused, Err(JwtError::MissingClaim(name)));
    }
    let jwt = Rules { profile: Profile::Jwt, ..rules() };
    let token = |name| sign(&json!({"alg": "EdDSA", "typ": "JWT"}), &without(name));
    for name in ["iss", "exp", "aud"] {
        assert_eq!(verify(&token(name), &jwt, NOW), Err(JwtError::MissingClaim(name)));
    }
    for name in ["sub", "iat", "jti", "client_id", "scope", "cnf"] {
        assert!(verify(&token(name), &jwt, NOW).is_ok(), "{name}");
    }
}

#[test]
fn claims_have_their_types() {
    for (name, value) in [
        ("exp", json!("1800000300")),
        ("exp", json!(1_800_000_300.5)),
        ("exp", Value::Null),
        ("iat", json!(true)),
        ("nbf", json!([])),
        ("iss", json!(["https://as.example"])),
        ("sub", json!(1)),
        ("sub", json!("")),
        ("jti", json!("")),
        ("client_id", json!({})),
        ("aud", json!(1)),
        ("aud", json!(["https://api.example", 1])),
        ("scope", json!({"a": true})),
        ("scope", json!(["a", 1])),
        ("scope", json!(["a b"])),
        ("scope", json!("a  b")),
        ("scope", json!(" a")),
        ("scope", json!("a\"b")),
        ("cnf", json!("abc")),
        ("cnf", json!({"jkt": 1})),
    ] {
        let refused = verify(&sign(&header(), &with(&json!({name: value}))), &rules(), NOW);
        assert_eq!(refused, Err(JwtError::MalformedClaim(name)), "{name} {value}");
    }
    let text = claims().to_string().replace(&format!("{}", NOW.0 + 300), "1.8e10");
    let refused = verify(&sign_text(&header().to_string(), &text), &rules(), NOW);
    assert_eq!(refused, Err(JwtError::MalformedClaim("exp")));
}

#[test]
fn typ_is_the_profiles_own() {
    let jwt = Rules { profile: Profile::Jwt, ..rules() };
    let with_typ = |typ: Value, rules: &Rules| {
        let header =
            if typ.is_null() { json!({"alg": "EdDSA"}) } else { json!({"alg": "EdDSA", "typ": typ}) };
        verify(&sign(&header, &claims()), rules, NOW).err()
    };
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        assert_eq!(with_typ(json!(typ), &rules()), None);
        assert_eq!(with_typ(json!(typ), &jwt), Some(JwtError::Type), "{typ}");
    }
    for typ in [json!("JWT"), json!("jwt"), Value::Null] {
        assert_eq!(with_typ(typ.clone(), &jwt), None);
        assert_eq!(with_typ(typ, &rules()), Some(JwtError::Type));
    }
    for typ in [
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "oauth-id-jag+jwt",
        "statuslist+jwt",
        "wit+jwt",
        "id+jwt",
        "",
    ] {
        assert_eq!(with_typ(json!(typ), &jwt), Some(JwtError::Type), "{typ}");
        assert_eq!(with_typ(json!(typ), &rules()), Some(JwtError::Type), "{typ}");
    }
}

#[test]
fn algorithms_come_from_the_list_and_fit_the_key() {
    for alg in [
        "none", "None", "NONE", "HS256", "HS384", "ES256", "ES512", "RS256", "RS384", "RS512", "eddsa",
        "PS256", "PS384",
    ] {
        let token = sign(&json!({"alg": alg, "typ": "at+jwt"}), &claims());
        assert_eq!(verify(&token, &rules(), NOW), Err(JwtError::AlgorithmNotAllowed), "{alg}");
    }
    let all = Rules { algorithms: Algorithm::ALL.to_vec(), ..rules() };
    let token = sign(&json!({"alg": "ES256", "typ": "at+jwt"}), &claims());
    let key = set(1).keys()[0].clone();
    let check = DecodedToken::decode(&token).unwrap().check(&key, &all);
    assert_eq!(check.unwrap_err(), JwtError::KeyNotAllowed);
}

#[test]
fn what_is_no_signed_claims_object_is_refused() {
    let payload = |text: &str| DecodedToken::decode(&sign_text(&header().to_string(), text)).err();
    for text in ["", "[]", "null", "{}x", r#"{"iss":"a","iss":"b"}"#, r#"{"a":{"b":1,"b":2}}"#] {
        assert_eq!(payload(text), Some(JwtError::Payload), "{text}");
    }
    let token = sign(&header(), &claims());
    let (input, _) = token.rsplit_once('.').unwrap();
    for (signature, error) in [
        (String::new(), CheckError::Length),
        (encode(&[7; 63]), CheckError::Length),
        (encode(&[0xff; 64]), CheckError::NonceCommitment),
    ] {
        let refused = verify(&format!("{input}.{signature}"), &rules(), NOW);
        assert_eq!(refused, Err(JwtError::SignatureForm(error)));
    }
    assert_eq!(DecodedToken::decode("a.b").err(), Some(JwtError::Jws(JwsError::Parts)));
}

#[test]
fn a_token_kept_is_rechecked_against_time_and_rules() {
    let token = verify(&sign(&header(), &claims()), &rules(), NOW).unwrap();
    assert_eq!(token.recheck(&rules(), NOW), Ok(()));
    assert_eq!(token.recheck(&rules(), UnixSeconds(NOW.0 + 330)), Err(JwtError::Expired));
    let moved = Rules { audiences: vec!["https://new.example".into()], ..rules() };
    assert_eq!(token.recheck(&moved, NOW), Err(JwtError::Audience));
}
