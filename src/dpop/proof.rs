//! A DPoP proof (RFC 9449 §4.2) and what it must say about a request and a token (§4.3).

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use crate::crypto::{Algorithm, CheckError, SignatureCheck, constant_time_eq, sha256_base64url};
use crate::encoding::json::{Object, Value};
use crate::jose::jwk::{Jwk, JwkError};
use crate::jose::jws::{Jws, JwsError};
use crate::policy::normalise_path;
use crate::request::Target;
use crate::time::UnixSeconds;

/// Longest `jti` in bytes. RFC 9449 §11.1 lets servers bound it; 96 random bits are 16 characters.
const MAX_JTI_BYTES: usize = 256;

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// It is not a JWS.
    Jws(JwsError),
    /// `typ` is not `dpop+jwt`.
    Type,
    /// `alg` is not one of those accepted, or not one of the key's.
    Algorithm,
    /// `jwk` is missing.
    KeyMissing,
    /// `jwk` cannot be used.
    Key(JwkError),
    /// The signature has not even the form of one.
    Signature(CheckError),
    /// The claims are not a strict JSON object.
    Claims,
    /// `htm`, `htu`, `iat` or `jti` is missing.
    ClaimMissing,
    /// A claim has the wrong type, or `jti` is empty or too long.
    ClaimInvalid,
    /// `htm` is another method.
    Method,
    /// `htu` is another URL.
    Url,
    /// `iat` lies in the future.
    IssuedInFuture,
    /// `iat` is too long ago.
    Expired,
    /// `ath` is missing.
    TokenHashMissing,
    /// `ath` is of another token.
    TokenHash,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jws(error) => return error.fmt(f),
            Self::Type => "typ is not dpop+jwt",
            Self::Algorithm => "alg is not accepted, or not the key's",
            Self::KeyMissing => "jwk is missing",
            Self::Key(error) => return error.fmt(f),
            Self::Signature(error) => return error.fmt(f),
            Self::Claims => "claims are not a strict json object",
            Self::ClaimMissing => "a claim is missing",
            Self::ClaimInvalid => "a claim has the wrong type",
            Self::Method => "htm is another method",
            Self::Url => "htu is another url",
            Self::IssuedInFuture => "iat is in the future",
            Self::Expired => "iat is too long ago",
            Self::TokenHashMissing => "ath is missing",
            Self::TokenHash => "ath is of another token",
        })
    }
}

impl core::error::Error for ProofError {}

/// What a proof is compared with.
#[derive(Clone, Copy, Debug)]
pub struct ProofRules<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The target of the request, as its client saw it.
    pub target: &'a Target,
    /// The access token that came with the proof.
    pub token: &'a str,
    /// How old a proof may be.
    pub max_age: Duration,
    /// How far clocks may differ.
    pub clock_skew: Duration,
}

/// A proof with an acceptable key and algorithm; neither signature nor claims are believed.
#[derive(Clone, Debug)]
pub struct Proof {
    jws: Jws,
    key: Jwk,
    algorithm: Algorithm,
    htm: String,
    htu: String,
    jti: String,
    iat: UnixSeconds,
    ath: Option<String>,
    nonce: Option<String>,
}

impl Proof {
    /// Parses a proof; `algorithms` are those accepted.
    pub fn parse(text: &str, algorithms: &[Algorithm]) -> Result<Self, ProofError> {
        let jws = Jws::parse(text).map_err(ProofError::Jws)?;
        if !jws.typ_is("dpop+jwt") {
            return Err(ProofError::Type);
        }
        let algorithm = jws.algorithm().filter(|a| algorithms.contains(a)).ok_or(ProofError::Algorithm)?;
        let key =
            Jwk::from_object(jws.embedded_jwk().ok_or(ProofError::KeyMissing)?).map_err(ProofError::Key)?;
        if !key.permits(algorithm) {
            return Err(ProofError::Algorithm);
        }
        let claims = jws.claims().map_err(|_| ProofError::Claims)?;
        let (ath, nonce) = (optional_claim(&claims, "ath")?, optional_claim(&claims, "nonce")?);
        let (htm, htu, jti) =
            (text_claim(&claims, "htm")?, text_claim(&claims, "htu")?, text_claim(&claims, "jti")?);
        let iat =
            claims.get("iat").ok_or(ProofError::ClaimMissing)?.as_i64().ok_or(ProofError::ClaimInvalid)?;
        if jti.is_empty() || jti.len() > MAX_JTI_BYTES {
            return Err(ProofError::ClaimInvalid);
        }
        Ok(Self { key, algorithm, htm, htu, jti, iat: UnixSeconds(iat), ath, nonce, jws })
    }

    /// Compares what the proof claims with the request and the token (RFC 9449 §4.3, checks 8 to 12).
    pub fn validate(&self, rules: &ProofRules<'_>, now: UnixSeconds) -> Result<(), ProofError> {
        self.compare_request(rules, now)?;
        self.compare_token(rules.token)
    }

    /// The same without the token.
    pub(super) fn compare_request(&self, rules: &ProofRules<'_>, now: UnixSeconds) -> Result<(), ProofError> {
        if self.htm != rules.method {
            return Err(ProofError::Method);
        }
        if normalise_htu(&self.htu).as_deref() != Some(target_htu(rules.target).as_str()) {
            return Err(ProofError::Url);
        }
        if self.iat > now.plus(rules.clock_skew) {
            return Err(ProofError::IssuedInFuture);
        }
        if now.since(self.iat) > rules.max_age {
            return Err(ProofError::Expired);
        }
        Ok(())
    }

    /// Whether the proof was made for this token.
    pub(super) fn compare_token(&self, token: &str) -> Result<(), ProofError> {
        let ath = self.ath.as_deref().ok_or(ProofError::TokenHashMissing)?;
        let expected = sha256_base64url(token.as_bytes());
        if constant_time_eq(ath.as_bytes(), expected.as_bytes()) {
            Ok(())
        } else {
            Err(ProofError::TokenHash)
        }
    }

    /// The check of the proof's signature by its own key.
    pub fn check(&self) -> Result<SignatureCheck, ProofError> {
        self.jws.check(self.key.key().clone(), self.algorithm).map_err(ProofError::Signature)
    }

    /// The thumbprint of the proof's key: what `cnf.jkt` of the token must be.
    #[must_use]
    pub fn jkt(&self) -> &str {
        self.key.thumbprint()
    }

    /// The proof's identifier.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// The server's nonce that it was made with (RFC 9449 §8).
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The algorithm of its signature.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The method that it is for.
    #[must_use]
    pub fn htm(&self) -> &str {
        &self.htm
    }

    /// The URL that it is for, as written.
    #[must_use]
    pub fn htu(&self) -> &str {
        &self.htu
    }

    /// When the proof was made.
    #[must_use]
    pub fn iat(&self) -> UnixSeconds {
        self.iat
    }
}

fn optional_claim(claims: &Object<'_>, name: &str) -> Result<Option<String>, ProofError> {
    let text = |value: &Value<'_>| value.as_str().map(ToString::to_string).ok_or(ProofError::ClaimInvalid);
    claims.get(name).map(text).transpose()
}

fn text_claim(claims: &Object<'_>, name: &str) -> Result<String, ProofError> {
    let value: &Value<'_> = claims.get(name).ok_or(ProofError::ClaimMissing)?;
    value.as_str().map(ToString::to_string).ok_or(ProofError::ClaimInvalid)
}

/// An `htu` in the form that is compared (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3): scheme and host in lower
/// case, no default port, no query and fragment, one spelling of percent-encodings. `None` where it is no URL, or
/// has a path that servers read differently.
#[must_use]
pub fn normalise_htu(htu: &str) -> Option<String> {
    let without_fragment = htu.split('#').next().unwrap_or_default();
    let target = Target::parse(without_fragment).ok()?;
    normalise_path(target.path()).ok()?;
    Some(target_htu(&target))
}

fn target_htu(target: &Target) -> String {
    let path = normalise_path(target.path()).unwrap_or_else(|_| target.path().to_string());
    alloc::format!("{}://{}{path}", target.scheme().as_str(), target.authority())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_compared_without_query_fragment_and_default_port() {
        let normal = Some("https://api.example/a/b".to_string());
        for htu in [
            "https://api.example/a/b",
            "https://API.example:443/a/b",
            "HTTPS://api.example/a/b?x=1",
            "https://api.example/a/b#f",
            "https://api.example/%61/b?x#y",
        ] {
            assert_eq!(normalise_htu(htu), normal, "{htu}");
        }
        for htu in [
            "https://api.example/a/b/",
            "http://api.example/a/b",
            "https://api.example:8443/a/b",
            "https://api.example/A/b",
        ] {
            assert!(normalise_htu(htu).is_some_and(|other| Some(other) != normal), "{htu}");
        }
    }

    #[test]
    fn what_is_no_url_has_no_normal_form() {
        for htu in [
            "",
            "/a/b",
            "api.example/a",
            "https://api.example/a/../b",
            "https://u@api.example/a",
            "https://api.example//a",
        ] {
            assert_eq!(normalise_htu(htu), None, "{htu}");
        }
    }
}
