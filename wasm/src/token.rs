//! Tokens and proofs outside of a gate: one JWT against keys that the caller has, one DPoP proof against a request.

use std::time::Duration;

use countersign::crypto::{Algorithm, SignatureCheck, Verdict};
use countersign::dpop::verify as proofs;
use countersign::jose::JwkSet;
use countersign::jose::jwt::{MAX_CLOCK_SKEW, Profile, Rules};
use countersign::jose::verify as tokens;
use countersign::time::UnixSeconds;
use wasm_bindgen::prelude::*;

use crate::step::{Check, check_to_js};
use crate::unix_seconds;

/// The keys that tokens may be signed with.
#[wasm_bindgen]
#[derive(Debug)]
pub struct TokenKeys(JwkSet);

#[wasm_bindgen]
impl TokenKeys {
    /// A JWK Set or one JWK, in JSON.
    pub fn parse(document: &str) -> Result<Self, JsError> {
        Ok(Self(JwkSet::parse_directory(document.as_bytes())?))
    }
}

/// What one token is judged by, and with which keys.
#[wasm_bindgen]
#[derive(Debug)]
pub struct TokenInspection {
    token: String,
    expected: tokens::Expected,
    keys: JwkSet,
    now: UnixSeconds,
}

#[wasm_bindgen]
impl TokenInspection {
    /// Takes what it is given; without `algorithms` all count. Times are whole seconds, which the host has checked.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::too_many_arguments, reason = "an object of them would have to be read member by member")]
    pub fn new(
        token: String,
        keys: TokenKeys,
        profile: &str,
        issuer: String,
        audiences: Vec<String>,
        algorithms: Option<Vec<String>>,
        clock_skew: u32,
        max_lifetime: Option<u32>,
        now: f64,
    ) -> Result<Self, JsError> {
        let rules = Rules {
            issuer,
            audiences,
            algorithms: algorithms_of(algorithms)?,
            // Which profile it is, `Expected::of` knows by its name.
            profile: Profile::AtJwt,
            clock_skew: clock_skew_of(clock_skew)?,
            max_lifetime: max_lifetime.map(|seconds| Duration::from_secs(seconds.into())),
        };
        let expected = tokens::Expected::of(profile, rules);
        let expected = expected.ok_or_else(|| JsError::new("there is no profile of this name"))?;
        Ok(Self { token, expected, keys: keys.0, now: unix_seconds(now) })
    }

    /// The checks that this build leaves to native code.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        self.inspect().checks().filter(|check| !check.is_supported()).map(check_to_js).collect()
    }

    /// The report, in JSON, once it is known of each check, in order, whether its signature is valid (not 0).
    pub fn conclude(&self, verdicts: &[u8]) -> Result<String, JsError> {
        let mut native = verdicts.iter().map(|verdict| *verdict != 0);
        let inspection = self.inspect();
        let verdicts: Vec<_> = inspection.checks().map(|check| is_valid(check, &mut native)).collect();
        serde_json::to_string(&inspection.conclude(&verdicts)).map_err(JsError::from)
    }

    fn inspect(&self) -> tokens::Inspection {
        tokens::inspect(&self.token, &self.expected, &self.keys, self.now)
    }
}

/// What one DPoP proof is compared with.
#[wasm_bindgen]
#[derive(Debug)]
pub struct ProofInspection {
    proof: String,
    expected: proofs::Expected,
    now: UnixSeconds,
}

#[wasm_bindgen]
impl ProofInspection {
    /// Without `algorithms` all count. Times are whole seconds, which the host has checked.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::too_many_arguments, reason = "an object of them would have to be read member by member")]
    pub fn new(
        proof: String,
        method: String,
        url: &str,
        token: Option<String>,
        algorithms: Option<Vec<String>>,
        max_age: u32,
        clock_skew: u32,
        nonce: Option<String>,
        now: f64,
    ) -> Result<Self, JsError> {
        let expected = proofs::Expected {
            method,
            target: proofs::Expected::target_of(url)?,
            token,
            algorithms: algorithms_of(algorithms)?,
            max_age: Duration::from_secs(max_age.into()),
            clock_skew: clock_skew_of(clock_skew)?,
            nonce,
        };
        Ok(Self { proof, expected, now: unix_seconds(now) })
    }

    /// The checks that this build leaves to native code: one, or none.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let inspection = self.inspect();
        inspection.check().filter(|check| !check.is_supported()).map(check_to_js).into_iter().collect()
    }

    /// The report, in JSON, once it is known of the check whether its signature is valid (not 0).
    pub fn conclude(&self, verdicts: &[u8]) -> Result<String, JsError> {
        let mut native = verdicts.iter().map(|verdict| *verdict != 0);
        let inspection = self.inspect();
        let valid = inspection.check().is_some_and(|check| is_valid(check, &mut native));
        serde_json::to_string(&inspection.conclude(valid)).map_err(JsError::from)
    }

    fn inspect(&self) -> proofs::Inspection {
        proofs::inspect(&self.proof, &self.expected, self.now)
    }
}

/// The verdict of this build, else the next of native code; none is not valid.
fn is_valid(check: &SignatureCheck, native: &mut impl Iterator<Item = bool>) -> bool {
    match check.verify() {
        Verdict::Valid => true,
        Verdict::Invalid => false,
        Verdict::Unsupported => native.next().unwrap_or(false),
    }
}

fn algorithms_of(names: Option<Vec<String>>) -> Result<Vec<Algorithm>, JsError> {
    let Some(names) = names else { return Ok(Algorithm::ALL.to_vec()) };
    let algorithms = names.iter().map(|name| Algorithm::from_jose(name));
    algorithms.collect::<Option<_>>().ok_or_else(|| JsError::new("there is no algorithm of this name"))
}

fn clock_skew_of(seconds: u32) -> Result<Duration, JsError> {
    let skew = Duration::from_secs(seconds.into());
    if skew > MAX_CLOCK_SKEW { Err(JsError::new("clockSkew is at most 60 seconds")) } else { Ok(skew) }
}
