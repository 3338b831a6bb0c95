//! What the built-in backend says of signatures: one case a line on standard input, one verdict a line on standard
//! output, both JSON. js-tests/backends asks other backends the same.
//!
//! ```text
//! {"alg":"ES256","key":{"kty":"EC",…},"message":"aGk","signature":"…"}      bytes are base64url
//! {"verdict":"valid","key":"{…}"}             the key is as hosts get it
//! {"verdict":"refused","reason":"…"}          before any backend is asked
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::{self, BufRead as _, BufWriter, Write as _};

use countersign::crypto::{Algorithm, SignatureCheck, Verdict, WarmKeys};
use countersign::encoding::base64url;
use countersign::jose::JwkSet;
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let mut warm = WarmKeys::default();
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?).expect("a case is JSON");
        let answer = match check(&case) {
            Ok(check) => {
                let verdict = check.verify();
                assert_eq!(check.verify_with(&mut warm), verdict, "with tables and without: {case}");
                json!({ "verdict": if verdict == Verdict::Valid { "valid" } else { "invalid" }, "key": check.key().to_jwk() })
            }
            Err(reason) => json!({ "verdict": "refused", "reason": reason }),
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()
}

fn check(case: &Value) -> Result<SignatureCheck, String> {
    let bytes = |name: &str| base64url::decode(case[name].as_str().unwrap()).expect("base64url");
    let algorithm = Algorithm::from_jose(case["alg"].as_str().unwrap()).expect("an algorithm of ours");
    let set = JwkSet::parse(json!({ "keys": [case["key"]] }).to_string().as_bytes()).expect("a set");
    if let Some(error) = set.skipped().first() {
        return Err(error.to_string());
    }
    let key = set.keys().first().expect("a key is used or skipped").key().clone();
    SignatureCheck::new(key, algorithm, bytes("message"), bytes("signature"))
        .map_err(|error| error.to_string())
}
