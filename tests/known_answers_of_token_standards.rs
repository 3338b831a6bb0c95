//! Tokens as standards print them: RFC 7515 appendix A, RFC 7520 section 4, RFC 9449 sections 5 and 7.1, RFC 9068
//! section 3. What is not offered here (HMAC, ES512, JSON serialisations, detached content) is refused by name.
#![cfg(all(feature = "ecdsa", feature = "rsa"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use core::time::Duration;

use countersign::crypto::{Algorithm, sha256_base64url};
use countersign::dpop;
use countersign::encoding::base64url;
use countersign::jose::JwkSet;
use countersign::jose::jwt::{Profile, Rules};
use countersign::jose::verify::{Expected, Outcome, Report, inspect};
use countersign::request::Target;
use countersign::time::UnixSeconds;
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_700_000_000);

fn keys(keys: &[&Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn as_jws(text: &str, keys: &JwkSet) -> Report {
    inspect(text, &Expected::Jws { algorithms: Algorithm::ALL.to_vec() }, keys, NOW).conclude_here()
}

#[track_caller]
fn is_refused(report: &Report, code: &str) {
    assert_eq!((report.outcome == Outcome::Verified, report.code), (false, code), "{report:?}");
}

/// Changed in its last byte but one, so that it stays canonical.
fn changed(text: &str) -> String {
    let at = text.len() - 2;
    let letter = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{letter}{}", &text[..at], &text[at + 1..])
}

const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const SIGNATURE_A_2: &str = concat!(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJ",
    "dbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9",
    "383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIh",
    "WkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
);
const SIGNATURE_A_3: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn rsa_a_2() -> Value {
    let n = concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1",
        "Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsL",
        "A9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia",
        "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    );
    json!({"kty": "RSA", "n": n, "e": "AQAB"})
}

fn p256_a_3() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
}

#[test]
fn rfc_7515_appendix_a_2_and_a_3_verify() {
    let set = keys(&[&rsa_a_2(), &p256_a_3()]);
    let payload = sha256_base64url(&base64url::decode(CLAIMS).unwrap());
    for (head, signature, alg) in
        [("eyJhbGciOiJSUzI1NiJ9", SIGNATURE_A_2, "RS256"), ("eyJhbGciOiJFUzI1NiJ9", SIGNATURE_A_3, "ES256")]
    {
        let token = format!("{head}.{CLAIMS}.{signature}");
        let report = as_jws(&token, &set);
        assert_eq!((report.code, report.algorithm.as_deref()), ("ok", Some(alg)));
        assert_eq!(report.payload_sha256.as_deref(), Some(payload.as_str()));
        is_refused(&as_jws(&changed(&token), &set), "token.signature_invalid");
        // As a token it names an issuer and has expired; it has no audience.
        let rules = rules("joe", "https://api.example");
        let report = inspect(&token, &Expected::Token(rules), &set, NOW).conclude_here();
        is_refused(&report, "token.claim_missing");
    }
    // Each with the other's algorithm.
    let swapped = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{SIGNATURE_A_2}");
    is_refused(&as_jws(&swapped, &set), "token.signature_invalid");
}

fn rules(issuer: &str, audience: &str) -> Rules {
    Rules {
        issuer: issuer.into(),
        audiences: vec![audience.into()],
        algorithms: Algorithm::ALL.to_vec(),
        profile: Profile::Jwt,
        clock_skew: Duration::ZERO,
        max_lifetime: None,
    }
}

#[test]
fn rfc_7515_appendix_a_1_a_4_a_5_and_a_6_are_refused() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let oct = json!({"kty": "oct", "k": secret});
    let p521 = json!({"kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"});
    let set = keys(&[&oct, &p521, &rsa_a_2(), &p256_a_3()]);
    let a_1 = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let a_4 = concat!(
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZq",
        "wqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
    );
    let a_5 = format!("eyJhbGciOiJub25lIn0.{CLAIMS}.");
    for token in [a_1.as_str(), a_4, &a_5] {
        is_refused(&as_jws(token, &set), "token.algorithm_not_allowed");
    }
    let a_6 = json!({"payload": CLAIMS, "signatures": [
        {"protected": "eyJhbGciOiJSUzI1NiJ9", "header": {"kid": "2010-12-29"}, "signature": SIGNATURE_A_2},
        {"protected": "eyJhbGciOiJFUzI1NiJ9", "header": {"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"},
            "signature": SIGNATURE_A_3}]});
    let a_7 = json!({"payload": CLAIMS, "protected": "eyJhbGciOiJFUzI1NiJ9",
        "header": {"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"}, "signature": SIGNATURE_A_3});
    for text in [a_6.to_string(), a_7.to_string()] {
        is_refused(&as_jws(&text, &set), "token.malformed");
    }
}

fn cookbook() -> Value {
    serde_json::from_str(include_str!("fixtures/rfc7520_section_4.json")).unwrap()
}

#[test]
fn rfc_7520_sections_4_1_and_4_2_verify() {
    let book = cookbook();
    let set = keys(&[&book["rsa"]]);
    let payload = sha256_base64url(book["payload"].as_str().unwrap().as_bytes());
    for (section, alg) in [("4.1", "RS256"), ("4.2", "PS384")] {
        let text = book[section].as_str().unwrap();
        let report = as_jws(text, &set);
        assert_eq!((report.code, report.algorithm.as_deref()), ("ok", Some(alg)), "{section}");
        assert_eq!(report.kid.as_deref(), Some("bilbo.baggins@hobbiton.example"));
        assert_eq!(report.payload_sha256.as_deref(), Some(payload.as_str()));
        is_refused(&as_jws(&changed(text), &set), "token.signature_invalid");
        // The keys of other sections have the same kid and another kind.
        let both = keys(&[&book["p521"], &book["rsa"], &book["oct"]]);
        assert_eq!(as_jws(text, &both).code, "ok");
    }
    // What an appendix of RFC 8037 and this have in common: no claims, so no token.
    let report = inspect(book["4.2"].as_str().unwrap(), &Expected::Token(rules("a", "b")), &set, NOW);
    is_refused(&report.conclude_here(), "token.malformed");
}

#[test]
fn rfc_7520_sections_4_3_to_4_8_are_refused() {
    let book = cookbook();
    let set = keys(&[&book["p521"], &book["rsa"], &book["oct"]]);
    for section in ["4.3", "4.4", "4.5"] {
        is_refused(&as_jws(book[section].as_str().unwrap(), &set), "token.algorithm_not_allowed");
    }
    // Detached content of an algorithm that is offered: the signature is over what is not there.
    let [head, _, signature] = book["4.1"].as_str().unwrap().split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    is_refused(&as_jws(&format!("{head}..{signature}"), &set), "token.signature_invalid");
    let mut refused = 0;
    for (section, forms) in book["json"].as_object().unwrap() {
        for form in forms.as_array().unwrap() {
            is_refused(&as_jws(&form.to_string(), &set), "token.malformed");
            assert!(form["payload"].is_string(), "{section}");
            refused += 1;
        }
    }
    assert_eq!(refused, 7);
}

#[test]
fn rfc_8037_appendix_a_4() {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let text = concat!(
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
    let report = as_jws(text, &keys(&[&key]));
    assert_eq!(
        (report.code, report.key.as_deref()),
        ("ok", Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"))
    );
    assert_eq!(report.payload_sha256, Some(sha256_base64url(b"Example of Ed25519 signing")));
    is_refused(&as_jws(&changed(text), &keys(&[&key])), "token.signature_invalid");
}

/// Figures 2 (a request to a token endpoint) and 13 (one to a resource, with its token).
const PROOF_HEAD: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rsc",
    "EJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
);
const TO_TOKEN_ENDPOINT: &str = concat!(
    "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia",
    "WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
);
const TO_RESOURCE: &str = concat!(
    "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z",
    "WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.",
    "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
);

fn for_request(method: &str, url: &str, token: Option<&str>) -> dpop::verify::Expected {
    dpop::verify::Expected {
        method: method.into(),
        target: Target::parse(url).unwrap(),
        token: token.map(Into::into),
        algorithms: vec![Algorithm::EcdsaP256Sha256],
        max_age: Duration::from_mins(1),
        clock_skew: Duration::ZERO,
        nonce: None,
    }
}

#[test]
fn rfc_9449_proofs_verify() {
    let judge = |claims: &str, expected: &dpop::verify::Expected, now: i64| {
        let proof = format!("{PROOF_HEAD}.{claims}");
        dpop::verify::inspect(&proof, expected, UnixSeconds(now)).conclude_here()
    };
    let endpoint = for_request("POST", "https://server.example.com/token", None);
    let report = judge(TO_TOKEN_ENDPOINT, &endpoint, 1_562_262_616);
    assert_eq!((report.code, report.jti.as_deref()), ("ok", Some("-BwC3ESc6acc2lTc")));
    // Section 6.1 binds tokens to this key.
    assert_eq!(report.jkt.as_deref(), Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));

    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let url = "https://resource.example.org/protectedresource";
    let resource = for_request("GET", url, Some(token));
    assert_eq!(judge(TO_RESOURCE, &resource, 1_562_262_618).code, "ok");
    for (claims, expected, now, code) in [
        (changed(TO_RESOURCE), &resource, 1_562_262_618, "dpop.signature_invalid"),
        (TO_RESOURCE.to_owned(), &resource, 1_562_262_679, "dpop.expired"),
        (TO_RESOURCE.to_owned(), &resource, 1_562_262_617, "dpop.issued_in_future"),
        (
            TO_RESOURCE.to_owned(),
            &for_request("POST", url, Some(token)),
            1_562_262_618,
            "dpop.method_mismatch",
        ),
        (
            TO_RESOURCE.to_owned(),
            &for_request("GET", url, Some("x")),
            1_562_262_618,
            "dpop.token_hash_mismatch",
        ),
        (TO_TOKEN_ENDPOINT.to_owned(), &resource, 1_562_262_618, "dpop.method_mismatch"),
    ] {
        assert_eq!(judge(&claims, expected, now).code, code);
    }
    let without = for_request("POST", "https://server.example.com/token", Some(token));
    assert_eq!(judge(TO_TOKEN_ENDPOINT, &without, 1_562_262_616).code, "dpop.token_hash_missing");
}

/// RFC 9068 prints header and claims without a signature: here they are signed with a key of our own.
#[test]
fn a_token_like_that_of_rfc_9068_section_3_verifies() {
    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([7; 32]));
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&*pair.pk), "kid": "RjEwOwOA"});
    let header = json!({"typ": "at+JWT", "alg": "EdDSA", "kid": "RjEwOwOA"});
    let claims = json!({"iss": "https://authorization-server.example.com/", "sub": "5ba552d67",
        "aud": "https://rs.example.com/", "exp": 1_639_528_912, "iat": 1_618_354_090,
        "jti": "dbe39bf3a3ba4238a513f51d6e1691c4", "client_id": "s6BhdRkqt3",
        "scope": "openid profile reademail"});
    let input = [&header, &claims].map(|part| base64url::encode(part.to_string().as_bytes())).join(".");
    let token = format!("{input}.{}", base64url::encode(&*pair.sk.sign(&input, None)));
    let rules = Rules {
        profile: Profile::AtJwt,
        ..rules("https://authorization-server.example.com/", "https://rs.example.com/")
    };
    let judge = |now| {
        inspect(&token, &Expected::Token(rules.clone()), &keys(&[&key]), UnixSeconds(now)).conclude_here()
    };
    let report = judge(1_618_354_091);
    assert_eq!((report.code, report.typ.as_deref(), report.claims), ("ok", Some("at+JWT"), Some(claims)));
    is_refused(&judge(1_639_528_912), "token.expired");
}
