//! `verify jwt` and `verify dpop`, as scripts call them: outcome, code and exit code agree, whatever is given.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use countersign::crypto::sha256_base64url;
use countersign::encoding::base64url::encode;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};
use support::{Run, file, run, run_with};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://api.example";
const URL: &str = "https://api.example/v1/orders";

fn pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([9; 32]))
}

fn jwk() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&*pair().pk), "kid": "k"})
}

fn jkt() -> String {
    sha256_base64url(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(&*pair().pk)).as_bytes())
}

fn sign(header: &Value, payload: &str) -> String {
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.as_bytes()));
    format!("{input}.{}", encode(&*pair().sk.sign(&input, None)))
}

fn token(typ: &str, changes: &Value) -> String {
    let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "user", "exp": NOW + 300, "iat": NOW - 1,
        "jti": "1", "client_id": "agent"});
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    sign(&json!({"alg": "EdDSA", "typ": typ, "kid": "k"}), &claims.to_string())
}

fn proof(changes: &Value) -> String {
    let mut claims = json!({"jti": "a", "htm": "POST", "htu": URL, "iat": NOW});
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let mut public = jwk();
    public.as_object_mut().unwrap().remove("kid");
    sign(&json!({"alg": "EdDSA", "typ": "dpop+jwt", "jwk": public}), &claims.to_string())
}

/// The report; the exit code must agree with it.
fn report(judged: &Run) -> Value {
    let report: Value = serde_json::from_str(&judged.stdout).unwrap();
    let expected = i32::from(report["outcome"] != "verified");
    assert_eq!((judged.code, judged.stderr.as_str()), (Some(expected), ""), "{report}");
    report
}

fn jwt(token: &str, keys: &str, options: &[&str]) -> Run {
    let now = NOW.to_string();
    let arguments = ["verify", "jwt", "--token", token, "--keys", keys, "--now", &now, "--json"];
    run(&[&arguments[..], options].concat())
}

const DEMANDS: [&str; 4] = ["--issuer", ISSUER, "--audience", AUDIENCE];

fn judged(token: &str, options: &[&str]) -> Value {
    report(&jwt(token, &jwk().to_string(), &[&DEMANDS[..], options].concat()))
}

#[track_caller]
fn is(report: &Value, outcome: &str, code: &str) {
    assert_eq!((&report["outcome"], &report["code"]), (&json!(outcome), &json!(code)), "{report}");
    assert_eq!(report["title"].is_string(), outcome != "verified", "{report}");
}

fn dpop(proof: &str, options: &[&str]) -> Value {
    let now = NOW.to_string();
    let arguments =
        ["verify", "dpop", "--proof", proof, "--method", "POST", "--url", URL, "--now", &now, "--json"];
    report(&run(&[&arguments[..], options].concat()))
}

#[test]
fn a_token_that_holds_tells_its_claims() {
    let report = judged(&token("at+jwt", &json!({"amount": 1.5})), &[]);
    is(&report, "verified", "ok");
    assert_eq!((&report["key"], &report["kid"]), (&json!(jkt()), &json!("k")));
    assert_eq!((&report["typ"], &report["algorithm"]), (&json!("at+jwt"), &json!("EdDSA")));
    assert_eq!((&report["claims"]["sub"], &report["claims"]["amount"]), (&json!("user"), &json!(1.5)));
}

#[test]
fn tokens_and_keys_come_literally_from_files_or_from_stdin() {
    let good = token("at+jwt", &json!({}));
    let set = json!({ "keys": [jwk()] }).to_string();
    let in_file = file("token.jwt", format!("{good}\r\n"));
    let keys_file = file("token.jwks", &set);
    for (given, keys) in [(&good, &set), (&in_file, &set), (&good, &keys_file), (&in_file, &keys_file)] {
        is(&report(&jwt(given, keys, &DEMANDS)), "verified", "ok");
    }
    let now = NOW.to_string();
    for (token, keys, stdin) in [("-", &keys_file, &good), (good.as_str(), &"-".to_owned(), &set)] {
        let arguments = ["verify", "jwt", "--token", token, "--keys", keys, "--now", &now, "--json"];
        let judged = run_with(&[&arguments[..], &DEMANDS].concat(), &format!("{stdin}\n"));
        is(&report(&judged), "verified", "ok");
    }
    let twice = jwt("-", "-", &DEMANDS);
    assert_eq!(twice.code, Some(2));
    assert!(twice.stderr.contains("cannot both be read from stdin"));
    // Only what a file ends with is not the token's.
    is(&judged(&format!("{good}\n"), &[]), "invalid", "token.malformed");
}

#[test]
fn what_is_no_token_is_judged_and_not_read_as_a_file() {
    for text in ["", "a.b.c", "{}", "eyJ", "...", "a.b.c.d", "a..", "-.-.-"] {
        is(&judged(text, &[]), "invalid", "token.malformed");
    }
    is(&judged(&"a".repeat(10_000), &[]), "invalid", "token.too_large");
}

#[test]
fn each_demand_that_is_not_met_has_its_code() {
    let good = token("at+jwt", &json!({}));
    for (token, options, outcome, code) in [
        (token("JWT", &json!({})), &[][..], "invalid", "token.type_mismatch"),
        (token("dpop+jwt", &json!({})), &["--profile", "any"], "invalid", "token.type_mismatch"),
        (good.clone(), &["--profile", "jwt"], "invalid", "token.type_mismatch"),
        (good.clone(), &["--alg", "ES256"], "invalid", "token.algorithm_not_allowed"),
        (good.clone(), &["--max-lifetime", "300"], "invalid", "token.lifetime_too_long"),
        (token("at+jwt", &json!({"exp": NOW - 1})), &["--clock-skew", "0"], "invalid", "token.expired"),
        (token("at+jwt", &json!({"exp": NOW - 31})), &[], "invalid", "token.expired"),
        (token("at+jwt", &json!({"iss": "x"})), &[], "invalid", "token.issuer_unknown"),
        (token("at+jwt", &json!({"aud": "x"})), &[], "invalid", "token.audience_mismatch"),
        (token("at+jwt", &json!({"jti": 1})), &[], "invalid", "token.claim_invalid"),
        (format!("{}A", &good[..good.len() - 1]), &[], "invalid", "token.signature_invalid"),
    ] {
        is(&judged(&token, options), outcome, code);
    }
    let other = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&*pair().pk), "kid": "other"}).to_string();
    for keys in [other.as_str(), r#"{"keys":[]}"#] {
        is(&report(&jwt(&good, keys, &DEMANDS)), "unverified", "token.key_unknown");
    }
    for options in [
        &["--alg", "EdDSA"][..],
        &["--alg", "Ed25519", "--alg", "RS512"],
        &["--profile", "any"],
        &["--profile", "at+jwt", "--clock-skew", "60s", "--max-lifetime", "301"],
        &["--audience", "https://other.example"],
    ] {
        is(&judged(&good, options), "verified", "ok");
    }
    is(&judged(&token("at+jwt", &json!({"exp": NOW - 59})), &["--clock-skew", "60"]), "verified", "ok");
    is(&judged(&token("JWT", &json!({})), &["--profile", "jwt"]), "verified", "ok");
}

#[test]
fn a_jws_is_verified_without_a_look_at_its_payload() {
    let keys = jwk().to_string();
    let text = sign(&json!({"alg": "Ed25519"}), "no claims");
    let verified = report(&jwt(&text, &keys, &["--profile", "jws"]));
    is(&verified, "verified", "ok");
    assert_eq!(verified["payload_sha256"], sha256_base64url(b"no claims"));
    assert!(verified.get("claims").is_none());
    is(
        &report(&jwt(&format!("{text}A"), &keys, &["--profile", "jws"])),
        "invalid",
        "token.signature_invalid",
    );
    let unsigned = format!("{}..", encode(br#"{"alg":"none"}"#));
    let none = report(&jwt(&unsigned.replace("..", ".e30."), &keys, &["--profile", "jws"]));
    is(&none, "invalid", "token.algorithm_not_allowed");
}

#[test]
fn what_cannot_be_looked_at_says_why() {
    let (good, keys) = (token("at+jwt", &json!({})), jwk().to_string());
    let both = |options: &[&'static str]| [&DEMANDS[..], options].concat();
    for (keys, options, what) in [
        (keys.as_str(), vec![], "--issuer"),
        (&keys, vec!["--issuer", ISSUER], "--audience"),
        (&keys, both(&["--profile", "dpop+jwt"]), "--profile is one of at+jwt, jwt, any, jws"),
        (&keys, both(&["--profile", "jws"]), "leave --issuer out"),
        (&keys, vec!["--profile", "jws", "--clock-skew", "1"], "leave --clock-skew out"),
        (&keys, both(&["--alg", "HS256"]), "--alg is one of"),
        (&keys, both(&["--alg", "none"]), "--alg is one of"),
        (&keys, both(&["--clock-skew", "61"]), "at most 60s"),
        (&keys, both(&["--clock-skew", "-1"]), "--clock-skew is a length of time"),
        (&keys, both(&["--max-lifetime", "x"]), "--max-lifetime is a length of time"),
        ("no-such.jwks", both(&[]), "cannot read no-such.jwks"),
        ("{", both(&[]), "--keys: key set is not a strict json object"),
        (r#"{"keys":1}"#, both(&[]), "--keys: key set has no keys array"),
        (r#"{"keys":[],"keys":[]}"#, both(&[]), "--keys: key set is not a strict json object"),
    ] {
        let failed = jwt(&good, keys, &options);
        assert_eq!(failed.code, Some(2), "{what}");
        assert!(failed.stderr.contains(what), "{what}: {}", failed.stderr);
        let error: Value = serde_json::from_str(&failed.stdout).unwrap();
        assert!(error["error"].as_str().unwrap().contains(what), "{error}");
        assert!(!failed.stderr.contains(&good) && !failed.stdout.contains(&good));
    }
    for url in ["", "/v1", "ftp://api.example/"] {
        let failed = run(&["verify", "dpop", "--proof", "a", "--method", "GET", "--url", url, "--json"]);
        assert_eq!(failed.code, Some(2), "{url}");
        assert!(failed.stdout.contains("--url"), "{url}");
    }
}

#[test]
fn people_get_the_same_in_lines() {
    let now = NOW.to_string();
    let keys = jwk().to_string();
    let line = |token: &str| {
        let arguments = ["verify", "jwt", "--token", token, "--keys", &keys, "--now", &now];
        run(&[&arguments[..], &DEMANDS].concat())
    };
    let verified = line(&token("at+jwt", &json!({"name": "a\u{1b}[2J\u{9b}"})));
    assert_eq!(verified.code, Some(0));
    assert!(verified.stdout.starts_with("verified: ok\n"), "{}", verified.stdout);
    assert!(!verified.stdout.contains(['\u{1b}', '\u{9b}']), "nothing of a stranger moves a cursor");
    let refused = line("x.y.z");
    assert_eq!(refused.code, Some(1));
    let title = "The token is not a compact JWS with a strict JSON header and claims.";
    assert!(refused.stdout.starts_with(&format!("invalid: token.malformed\n{title}\n")));
}

#[test]
fn a_proof_that_holds_tells_its_key() {
    let verified = dpop(&proof(&json!({})), &[]);
    is(&verified, "verified", "ok");
    let facts = json!({"outcome": "verified", "code": "ok", "jkt": jkt(), "algorithm": "EdDSA", "jti": "a",
        "htm": "POST", "htu": URL, "iat": NOW});
    assert_eq!(verified, facts);
    let in_file = file("proof.jwt", format!("{}\n", proof(&json!({}))));
    is(&dpop(&in_file, &[]), "verified", "ok");
}

#[test]
fn a_proof_is_compared_with_request_token_and_nonce() {
    let bound = token("at+jwt", &json!({"cnf": {"jkt": jkt()}}));
    let of_another = token("at+jwt", &json!({"cnf": {"jkt": "x"}}));
    let hash = |token: &str| proof(&json!({"ath": sha256_base64url(token.as_bytes())}));
    for (proof, options, code) in [
        (proof(&json!({"htm": "GET"})), vec![], "dpop.method_mismatch"),
        (proof(&json!({"htu": "https://evil.example/"})), vec![], "dpop.url_mismatch"),
        (proof(&json!({"iat": NOW - 61})), vec![], "dpop.expired"),
        (proof(&json!({"iat": NOW - 11})), vec!["--max-age", "10"], "dpop.expired"),
        (proof(&json!({"iat": NOW + 31})), vec![], "dpop.issued_in_future"),
        (proof(&json!({"iat": NOW + 1})), vec!["--clock-skew", "0s"], "dpop.issued_in_future"),
        (proof(&json!({})), vec!["--alg", "ES256"], "dpop.algorithm_not_allowed"),
        (proof(&json!({})), vec!["--token", &bound], "dpop.token_hash_missing"),
        (hash("x"), vec!["--token", &bound], "dpop.token_hash_mismatch"),
        (hash(&of_another), vec!["--token", &of_another], "dpop.key_mismatch"),
        (proof(&json!({})), vec!["--nonce", "n"], "dpop.nonce_missing"),
        (proof(&json!({"nonce": "m"})), vec!["--nonce", "n"], "dpop.nonce_invalid"),
        (bound.clone(), vec![], "dpop.type_mismatch"),
        (String::new(), vec![], "dpop.malformed"),
    ] {
        is(&dpop(&proof, &options), "invalid", code);
    }
    let with_token = dpop(&hash(&bound), &["--token", &bound, "--alg", "Ed25519"]);
    is(&with_token, "verified", "ok");
    assert_eq!(with_token["bound"], true);
    let opaque = dpop(&hash("opaque"), &["--token", "opaque"]);
    assert_eq!((&opaque["code"], &opaque["bound"]), (&json!("ok"), &json!(false)));
    is(&dpop(&proof(&json!({"nonce": "n"})), &["--nonce", "n"]), "verified", "ok");
    is(&dpop(&proof(&json!({"iat": NOW - 300})), &["--max-age", "5m"]), "verified", "ok");
}

#[test]
fn a_token_is_read_from_wherever_it_lies() {
    let keys = json!({ "keys": [jwk()] }).to_string();
    let judge = |token: &str| {
        run(&["verify", "jwt", "--profile", "jws", "--now", "1", "--keys", &keys, "--json", "--token", token])
    };
    for (missing, says) in [
        ("tokn.jwt", "no such file"),
        ("/dev/fd/99", "no such file"),
        ("no/a.b.c", "no such file"),
        ("a", "no such file"),
        (env!("CARGO_TARGET_TMPDIR"), "cannot read"),
        ("Bearer a.b.c", "leave out Bearer or DPoP"),
        ("DPoP a.b.c", "leave out Bearer or DPoP"),
    ] {
        let refused = judge(missing);
        assert_eq!(refused.code, Some(2), "{}", refused.stdout);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    // Malformed as it is, it is judged.
    for token in ["a.b.c", "a.b.c.d", "eyJ"] {
        let judged = judge(token);
        assert_eq!(judged.code, Some(1), "{}", judged.stderr);
        assert!(judged.stdout.contains("token.malformed"), "{}", judged.stdout);
    }
}

#[cfg(unix)]
#[test]
fn a_token_is_read_from_a_process_substitution() {
    let keys = json!({ "keys": [jwk()] }).to_string();
    let binary = env!("CARGO_BIN_EXE_countersign");
    let script = format!("{binary} verify jwt --profile jws --now 1 --keys \"$0\" --json --token /dev/stdin");
    let mut child = std::process::Command::new("sh")
        .args(["-c", &format!("printf a.b.c | {script}"), &keys])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut said).unwrap();
    child.wait().unwrap();
    // Of the path itself nothing can be made: what is told is about what lies there.
    assert!(said.contains("token.malformed"), "{said}");
    let directory = run(&["verify", "jwt", "--profile", "jws", "--keys", &keys, "--token", "/dev/fd"]);
    assert_eq!(directory.code, Some(2));
}
