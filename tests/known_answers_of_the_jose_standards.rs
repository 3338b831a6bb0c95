//! RFC 7638 §3.1, RFC 8037 A.1–A.4, RFC 7515 A.2 and A.3, and Wycheproof's JSON Web Key cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[cfg(all(feature = "ecdsa", feature = "rsa"))]
mod support;

use countersign::crypto::{Algorithm, Verdict};
use countersign::encoding::json;
use countersign::jose::{Jwk, JwkError, Jws};
#[cfg(all(feature = "ecdsa", feature = "rsa"))]
use {
    countersign::jose::JwkSet,
    support::{vectors, wycheproof},
};

fn jwk(text: &str) -> Result<Jwk, JwkError> {
    Jwk::from_object(&json::parse_object(text.as_bytes(), 10_000).unwrap())
}

#[test]
fn rfc_7638_section_3_1() {
    let key = jwk(concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"#,
        "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicA",
        "taSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_",
        r#"xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#
    ));
    let key = key.unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!((key.kid(), key.algorithm()), (Some("2011-04-29"), Some(Algorithm::RsaV15Sha256)));
}

#[test]
fn rfc_8037_appendix_a() {
    // A.1 is the private key, A.2 the public.
    const A1: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const A2: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(jwk(A1), Err(JwkError::Private));
    let key = jwk(A2).unwrap();
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let jws = Jws::parse(concat!(
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    ))
    .unwrap();
    assert_eq!(jws.payload(), b"Example of Ed25519 signing");
    let check = jws.check(key.key().clone(), jws.algorithm().unwrap()).unwrap();
    assert_eq!(check.verify(), Verdict::Valid);
}

#[cfg(any(feature = "ecdsa", feature = "rsa"))]
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

#[test]
#[cfg(feature = "rsa")]
fn rfc_7515_appendix_a_2() {
    let key = jwk(concat!(
        r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1"#,
        "Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsL",
        "A9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia",
        r#"GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#
    ))
    .unwrap();
    let jws = Jws::parse(&format!(
        "eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.{}",
        concat!(
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJ",
            "dbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9",
            "383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIh",
            "WkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        )
    ))
    .unwrap();
    let check = jws.check(key.key().clone(), jws.algorithm().unwrap()).unwrap();
    assert_eq!(check.verify(), Verdict::Valid);
}

#[test]
#[cfg(feature = "ecdsa")]
fn rfc_7515_appendix_a_3() {
    let key = jwk(concat!(
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#,
        r#""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
    ))
    .unwrap();
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let jws = Jws::parse(&format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{signature}")).unwrap();
    let check = jws.check(key.key().clone(), jws.algorithm().unwrap()).unwrap();
    assert_eq!(check.verify(), Verdict::Valid);
    let changed = signature.replace("DtEh", "DtEi");
    let jws = Jws::parse(&format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{changed}")).unwrap();
    let check = jws.check(key.key().clone(), jws.algorithm().unwrap()).unwrap();
    assert_eq!(check.verify(), Verdict::Invalid);
}

#[cfg(all(feature = "ecdsa", feature = "rsa"))]
/// Whether a set verifies a JWS, as an access token is verified: by header and restrictions of the keys.
fn set_verifies(set: &serde_json::Value, jws: &str) -> bool {
    let Ok(set) = JwkSet::parse(set.to_string().as_bytes()) else { return false };
    let Ok(jws) = Jws::parse(jws) else { return false };
    let Some(algorithm) = jws.algorithm() else { return false };
    set.candidates(jws.kid(), algorithm).iter().any(|key| {
        jws.check(key.key().clone(), algorithm).is_ok_and(|check| check.verify() == Verdict::Valid)
    })
}

#[test]
#[cfg(all(feature = "ecdsa", feature = "rsa"))]
fn wycheproof_json_web_key() {
    let Some(file) = vectors("wycheproof_json_web_key", "wycheproof/json_web_key_test.json") else { return };
    let (mut passed, mut exceptions) = (0, Vec::new());
    for (group, test) in wycheproof(&file) {
        let set = if group["public"].is_null() { &group["private"] } else { &group["public"] };
        let verified = set_verifies(set, test["jws"].as_str().unwrap());
        let symmetric = group["public"].is_null();
        if test["result"] == "valid" && symmetric {
            assert!(!verified);
            exceptions
                .push(format!("{} {}: HMAC, which never verifies here", test["tcId"], group["comment"]));
        } else {
            assert_eq!(verified, test["result"] == "valid", "{}", test["tcId"]);
            passed += 1;
        }
    }
    println!("json_web_key: {passed} passed, {} exceptions: {exceptions:#?}", exceptions.len());
    assert_eq!((passed, exceptions.len()), (22, 4));
}
