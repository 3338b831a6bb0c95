//! One DPoP proof against a request that the caller describes (RFC 9449 §4.3): no gate, no fetching, no state.
//!
//! [`inspect`] does everything but the arithmetic of the proof's key; [`Inspection::check`] is what is left, and
//! [`Inspection::conclude`] takes its verdict and gives a [`Report`]. Whether the proof was seen before (check 12) is
//! the caller's to know. A token that comes with it is hashed, and its `cnf` compared where it can be read, but never
//! verified: that is [`crate::jose::verify`]'s.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;

use super::proof::{Proof, ProofRules};
use crate::crypto::{Algorithm, SignatureCheck, Verdict, constant_time_eq};
use crate::encoding::json::Value;
use crate::jose::jws::{Jws, JwsError};
use crate::jose::jwt::JwtError;
use crate::reason::{self, Reason};
use crate::request::{RequestError, Target};
pub use crate::signature::verify::Outcome;
use crate::time::UnixSeconds;

/// What a proof is compared with.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The method of the request, compared exactly.
    pub method: String,
    /// The URL of the request, as its client saw it; query and fragment do not count.
    pub target: Target,
    /// The access token that comes with the proof. Without one, as at a token endpoint, `ath` is not looked at.
    pub token: Option<String>,
    /// The algorithms allowed.
    pub algorithms: Vec<Algorithm>,
    /// How old the proof may be.
    pub max_age: Duration,
    /// How far in the future it may have been made.
    pub clock_skew: Duration,
    /// The nonce that it must have.
    pub nonce: Option<String>,
}

impl Expected {
    /// The target of a request, as [`Self::target`] has it, from its URL; a fragment is passed over, as in `htu`.
    pub fn target_of(url: &str) -> Result<Target, RequestError> {
        Target::parse(url.split('#').next().unwrap_or_default())
    }
}

/// What was found out about a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether it holds.
    pub outcome: Outcome,
    /// `ok`, or the code of the reason.
    pub code: &'static str,
    /// The reason, where there is one.
    #[serde(skip)]
    pub reason: Option<Reason>,
    /// The thumbprint of the proof's key (RFC 7638); only of a proof that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// The algorithm, by its name in JOSE; only of a proof that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<&'static str>,
    /// Its `jti` as written, whether it holds or not: whether it was seen before is the caller's to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Its `htm` as written, whether it holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub htm: Option<String>,
    /// Its `htu` as written, whether it holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub htu: Option<String>,
    /// Its `iat`, in seconds since 1970, whether it holds or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Whether the token says that it is this key's (`cnf.jkt`); only of a proof that holds and comes with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<bool>,
}

/// A proof that waits for the verdict of its check, or was refused without it.
#[derive(Debug)]
pub struct Inspection {
    proof: Option<Proof>,
    found: Result<Found, Reason>,
}

#[derive(Debug)]
struct Found {
    check: SignatureCheck,
    binding: Binding,
}

/// What a token says about the key that it is bound to.
#[derive(Debug, PartialEq, Eq)]
enum Binding {
    NoToken,
    Unstated,
    Key(String),
    Unreadable(Reason),
}

/// Reads a proof and does everything but the arithmetic of its key.
#[must_use]
pub fn inspect(text: &str, expected: &Expected, now: UnixSeconds) -> Inspection {
    match Proof::parse(text, &expected.algorithms) {
        Ok(proof) => {
            let found = judge(&proof, expected, now);
            Inspection { proof: Some(proof), found }
        }
        Err(error) => Inspection { proof: None, found: Err(error.into()) },
    }
}

fn judge(proof: &Proof, expected: &Expected, now: UnixSeconds) -> Result<Found, Reason> {
    let token = expected.token.as_deref();
    let rules = ProofRules {
        method: &expected.method,
        target: &expected.target,
        token: token.unwrap_or_default(),
        max_age: expected.max_age,
        clock_skew: expected.clock_skew,
    };
    proof.compare_request(&rules, now)?;
    if let Some(nonce) = &expected.nonce {
        let stated = proof.nonce().ok_or(Reason::DpopNonceMissing)?;
        if !constant_time_eq(stated.as_bytes(), nonce.as_bytes()) {
            return Err(Reason::DpopNonceInvalid);
        }
    }
    if let Some(token) = token {
        proof.compare_token(token)?;
    }
    Ok(Found { check: proof.check()?, binding: token.map_or(Binding::NoToken, binding) })
}

/// What a token says that it is bound to, without believing it: a wrong `cnf` refuses a proof, a right one proves
/// nothing.
fn binding(token: &str) -> Binding {
    let jws = match Jws::parse(token) {
        Ok(jws) => jws,
        // An opaque token, whatever dots it has: only its issuer can say what it is bound to.
        Err(JwsError::Parts | JwsError::Encoding | JwsError::Header) => return Binding::Unstated,
        Err(error) => return Binding::Unreadable(JwtError::Jws(error).into()),
    };
    let Ok(claims) = jws.claims() else { return Binding::Unreadable(Reason::TokenMalformed) };
    let Some(cnf) = claims.get("cnf") else { return Binding::Unstated };
    let Some(cnf) = cnf.as_object() else { return Binding::Unreadable(Reason::TokenClaimInvalid) };
    // A gate would not know how to check these; a certificate is another matter than the proof.
    if cnf.iter().any(|(name, _)| !["jkt", "x5t#S256"].contains(&name)) {
        return Binding::Unreadable(Reason::TokenBindingUnsupported);
    }
    match cnf.get("jkt").map(Value::as_str) {
        Some(Some(jkt)) => Binding::Key(jkt.to_owned()),
        Some(None) => Binding::Unreadable(Reason::TokenClaimInvalid),
        None => Binding::Unreadable(Reason::TokenBindingUnsupported),
    }
}

impl Inspection {
    /// The check whose verdict is needed; none where the proof is refused without it.
    #[must_use]
    pub fn check(&self) -> Option<&SignatureCheck> {
        self.found.as_ref().ok().map(|found| &found.check)
    }

    /// The report, with the verdict of the check.
    #[must_use]
    pub fn conclude(self, valid: bool) -> Report {
        let Self { proof, found } = self;
        let held = found.and_then(|found| found.conclude(proof.as_ref(), valid));
        let refusal = held.as_ref().err().copied();
        let stated = proof.as_ref();
        let holding = stated.filter(|_| refusal.is_none());
        Report {
            outcome: refusal.map_or(Outcome::Verified, Outcome::of),
            code: refusal.map_or(reason::OK, Reason::code),
            reason: refusal,
            jkt: holding.map(|proof| proof.jkt().to_owned()),
            algorithm: holding.map(|proof| proof.algorithm().jose()),
            jti: stated.map(|proof| proof.jti().to_owned()),
            htm: stated.map(|proof| proof.htm().to_owned()),
            htu: stated.map(|proof| proof.htu().to_owned()),
            iat: stated.map(|proof| proof.iat().0),
            bound: held.unwrap_or_default(),
        }
    }

    /// The report, with the verdict of the built-in backend. A check for which this build has none is not valid.
    #[must_use]
    pub fn conclude_here(self) -> Report {
        let valid = self.check().is_some_and(|check| check.verify() == Verdict::Valid);
        self.conclude(valid)
    }
}

impl Found {
    /// Whether the token says that it is the proof's key's; none without a token.
    fn conclude(self, proof: Option<&Proof>, valid: bool) -> Result<Option<bool>, Reason> {
        let proof = proof.filter(|_| valid).ok_or(Reason::DpopSignatureInvalid)?;
        match self.binding {
            Binding::NoToken => Ok(None),
            Binding::Unstated => Ok(Some(false)),
            Binding::Key(jkt) if constant_time_eq(jkt.as_bytes(), proof.jkt().as_bytes()) => Ok(Some(true)),
            Binding::Key(_) => Err(Reason::DpopKeyMismatch),
            Binding::Unreadable(reason) => Err(reason),
        }
    }
}
