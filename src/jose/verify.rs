//! One token against keys that the caller has (RFC 7515 §5.2, RFC 7519 §7.2, RFC 9068 §4): no gate, no fetching, no
//! state.
//!
//! [`inspect`] does everything but the arithmetic of public keys; what is left are [`Inspection::checks`], which a host
//! may run where it likes. [`Inspection::conclude`] takes their verdicts and gives a [`Report`]. The verdict is the one
//! of a gate whose issuer has these rules and keys; what a gate asks beyond that is not asked here: whether the token
//! is revoked, bound to a key that somebody proved (`cnf`), or enough for a request.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::Value;

use super::jwk::{Jwk, JwkSet};
use super::jws::Jws;
use super::jwt::{DecodedToken, JwtError, Profile, Rules};
use crate::crypto::{Algorithm, SignatureCheck, Verdict, sha256_base64url};
use crate::reason::{self, Reason};
pub use crate::signature::verify::Outcome;
use crate::time::UnixSeconds;

/// Most keys that are tried for one token. A gate tries fewer: there the keys come from elsewhere.
const MAX_TRIED_KEYS: usize = 16;

/// What a token is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// An access token of the rules' profile.
    Token(Rules),
    /// An access token of the profile that its `typ` names; the profile of the rules is not looked at. A `typ` of
    /// another purpose is refused as ever.
    AnyToken(Rules),
    /// A JWS, by its header and signature. This is no check of a token: the payload may be anything, and of any time.
    Jws {
        /// The algorithms allowed.
        algorithms: Vec<Algorithm>,
    },
}

impl Expected {
    /// The names that [`Self::of`] knows.
    pub const PROFILES: [&'static str; 4] = ["at+jwt", "jwt", "any", "jws"];

    /// What a profile's name demands together with these rules; of them, `jws` reads the algorithms alone. `None` where
    /// there is no profile of this name.
    #[must_use]
    pub fn of(profile: &str, rules: Rules) -> Option<Self> {
        Some(match profile {
            "at+jwt" => Self::Token(Rules { profile: Profile::AtJwt, ..rules }),
            "jwt" => Self::Token(Rules { profile: Profile::Jwt, ..rules }),
            "any" => Self::AnyToken(rules),
            "jws" => Self::Jws { algorithms: rules.algorithms },
            _ => return None,
        })
    }

    /// The profile's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Token(rules) => name(rules.profile),
            Self::AnyToken(_) => "any",
            Self::Jws { .. } => "jws",
        }
    }

    /// The rules for the token that this is, where it is to be a token.
    fn rules_for(&self, jws: &Jws) -> Option<Rules> {
        match self {
            Self::Token(rules) => Some(rules.clone()),
            Self::AnyToken(rules) => {
                let profile = if jws.typ_is("at+jwt") { Profile::AtJwt } else { Profile::Jwt };
                Some(Rules { profile, ..rules.clone() })
            }
            Self::Jws { .. } => None,
        }
    }
}

fn name(profile: Profile) -> &'static str {
    match profile {
        Profile::AtJwt => "at+jwt",
        Profile::Jwt => "jwt",
    }
}

/// What was found out about a token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Whether it holds.
    pub outcome: Outcome,
    /// `ok`, or the code of the reason.
    pub code: &'static str,
    /// The reason, where there is one.
    #[serde(skip)]
    pub reason: Option<Reason>,
    /// The profile that it was judged by; of a token that may be of several, the one that its `typ` names.
    pub profile: &'static str,
    /// Its `typ` as written, whether it holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// Its `alg` as written, whether it holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Its `kid` as written, whether it holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The thumbprint of the key that made it (RFC 7638); only of a token that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its claims; only of a token that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
    /// SHA-256 of the payload, in base64url; only of a JWS that holds and is not judged as a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_sha256: Option<String>,
}

impl Report {
    fn of(profile: &'static str, refusal: Option<Reason>) -> Self {
        Self {
            outcome: refusal.map_or(Outcome::Verified, Outcome::of),
            code: refusal.map_or(reason::OK, Reason::code),
            reason: refusal,
            profile,
            typ: None,
            algorithm: None,
            kid: None,
            key: None,
            claims: None,
            payload_sha256: None,
        }
    }

    fn about(mut self, jws: &Jws) -> Self {
        self.typ = jws.typ().map(ToOwned::to_owned);
        self.algorithm = Some(jws.algorithm_name().to_owned());
        self.kid = jws.kid().map(ToOwned::to_owned);
        self
    }
}

/// A token that waits for the verdicts of its checks, or was refused without them.
#[derive(Debug)]
pub struct Inspection {
    profile: &'static str,
    jws: Option<Jws>,
    found: Result<Found, Reason>,
    now: UnixSeconds,
}

#[derive(Debug)]
struct Found {
    token: Option<(DecodedToken, Rules)>,
    checks: Vec<(SignatureCheck, Jwk)>,
}

/// Reads a token and does everything but the arithmetic of public keys.
#[must_use]
pub fn inspect(token: &str, expected: &Expected, keys: &JwkSet, now: UnixSeconds) -> Inspection {
    let jws = match Jws::parse(token) {
        Ok(jws) => jws,
        Err(error) => {
            let found = Err(JwtError::Jws(error).into());
            return Inspection { profile: expected.name(), jws: None, found, now };
        }
    };
    let rules = expected.rules_for(&jws);
    let profile = rules.as_ref().map_or(expected.name(), |rules| name(rules.profile));
    let found = match (expected, rules) {
        (Expected::Jws { algorithms }, _) => judge_jws(&jws, algorithms, keys),
        (_, Some(rules)) => judge_token(token, rules, keys, now),
        (_, None) => Err(Reason::TokenTypeMismatch),
    };
    Inspection { profile, jws: Some(jws), found, now }
}

fn judge_jws(jws: &Jws, algorithms: &[Algorithm], keys: &JwkSet) -> Result<Found, Reason> {
    let algorithm = jws.algorithm().filter(|algorithm| algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or(Reason::TokenAlgorithmNotAllowed)?;
    Ok(Found { token: None, checks: checks(jws, algorithm, keys)? })
}

fn judge_token(token: &str, rules: Rules, keys: &JwkSet, now: UnixSeconds) -> Result<Found, Reason> {
    let decoded = DecodedToken::decode(token)?;
    let algorithm = decoded.precheck(&rules, now)?;
    let checks = checks(decoded.jws(), algorithm, keys)?;
    Ok(Found { token: Some((decoded, rules)), checks })
}

/// One check a key that the token may be of. A signature that has not even the form of one of them is none of theirs.
fn checks(jws: &Jws, algorithm: Algorithm, keys: &JwkSet) -> Result<Vec<(SignatureCheck, Jwk)>, Reason> {
    let candidates: Vec<_> = keys.matching(jws.kid(), algorithm).take(MAX_TRIED_KEYS).collect();
    if candidates.is_empty() {
        return Err(Reason::TokenKeyUnknown);
    }
    let check = |key: &Jwk| Some((jws.check(key.key().clone(), algorithm).ok()?, key.clone()));
    let checks: Vec<_> = candidates.into_iter().filter_map(check).collect();
    if checks.is_empty() { Err(Reason::TokenSignatureInvalid) } else { Ok(checks) }
}

impl Inspection {
    /// The checks whose verdicts are needed, in order.
    pub fn checks(&self) -> impl Iterator<Item = &SignatureCheck> {
        self.found.iter().flat_map(|found| found.checks.iter().map(|(check, _)| check))
    }

    /// The report, with the verdicts of the checks, in their order; what has no verdict is not valid.
    #[must_use]
    pub fn conclude(self, verdicts: &[bool]) -> Report {
        let Self { profile, jws, found, now } = self;
        let report = match found.and_then(|found| found.conclude(jws.as_ref(), verdicts, now)) {
            Err(reason) => Report::of(profile, Some(reason)),
            Ok(Held { key, claims, payload_sha256 }) => {
                Report { key: Some(key), claims, payload_sha256, ..Report::of(profile, None) }
            }
        };
        match &jws {
            Some(jws) => report.about(jws),
            None => report,
        }
    }

    /// The report, with verdicts of the built-in backend. A check for which this build has none is not valid.
    #[must_use]
    pub fn conclude_here(self) -> Report {
        let verdicts: Vec<_> = self.checks().map(|check| check.verify() == Verdict::Valid).collect();
        self.conclude(&verdicts)
    }
}

/// What is said of a token that holds.
struct Held {
    key: String,
    claims: Option<Value>,
    payload_sha256: Option<String>,
}

impl Found {
    fn conclude(self, jws: Option<&Jws>, verdicts: &[bool], now: UnixSeconds) -> Result<Held, Reason> {
        let valid = self.checks.iter().zip(verdicts).find(|(_, valid)| **valid).map(|(which, _)| which);
        let (check, key) = valid.ok_or(Reason::TokenSignatureInvalid)?;
        let key = key.thumbprint().to_owned();
        let payload = jws.map(Jws::payload).unwrap_or_default();
        match self.token {
            None => Ok(Held { key, claims: None, payload_sha256: Some(sha256_base64url(payload)) }),
            Some((decoded, rules)) => {
                let _verified = decoded.verified(check, Verdict::Valid, &rules, now)?;
                let claims = serde_json::from_slice(payload).map_err(|_| Reason::TokenMalformed)?;
                Ok(Held { key, claims: Some(claims), payload_sha256: None })
            }
        }
    }
}
