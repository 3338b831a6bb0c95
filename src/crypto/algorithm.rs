//! Signature algorithms and their names in JOSE (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864) and in HTTP Message
//! Signatures (RFC 9421 §6.2.2).
//!
//! Symmetric algorithms and `none` have no value here, so no key can be used with them.

use super::PublicKey;

/// A signature algorithm, hash included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 8032 §5.1), verified strictly.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, signatures as r‖s.
    EcdsaP256Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2).
    RsaV15Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] = &[Self::Ed25519, Self::EcdsaP256Sha256, Self::RsaV15Sha256];

    /// The algorithm of a JOSE `alg` value, compared exactly. `EdDSA` means Ed25519 here, as Ed448 is not offered.
    #[must_use]
    pub fn from_jose(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::Ed25519),
            "ES256" => Some(Self::EcdsaP256Sha256),
            "RS256" => Some(Self::RsaV15Sha256),
            _ => None,
        }
    }

    /// The `alg` value that deployed JOSE libraries know.
    #[must_use]
    pub fn jose(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::EcdsaP256Sha256 => "ES256",
            Self::RsaV15Sha256 => "RS256",
        }
    }

    /// The algorithm of an `alg` signature parameter (RFC 9421 §2.3), compared exactly.
    #[must_use]
    pub fn from_http_signatures(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.http_signatures() == name)
    }

    /// The name in the registry of RFC 9421 §6.2.2.
    #[must_use]
    pub fn http_signatures(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
        }
    }

    /// Whether keys of this kind sign with this algorithm.
    #[must_use]
    pub fn fits(self, key: &PublicKey) -> bool {
        matches!(
            (self, key),
            (Self::Ed25519, PublicKey::Ed25519(_))
                | (Self::EcdsaP256Sha256, PublicKey::P256(_))
                | (Self::RsaV15Sha256, PublicKey::Rsa(_))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_and_never_symmetric() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_jose(algorithm.jose()), Some(*algorithm));
            assert_eq!(Algorithm::from_http_signatures(algorithm.http_signatures()), Some(*algorithm));
        }
        assert_eq!(Algorithm::from_jose("Ed25519"), Some(Algorithm::Ed25519));
        for name in ["none", "HS256", "eddsa", "es256", "RS1", "ES256K", "ES256 ", ""] {
            assert_eq!(Algorithm::from_jose(name), None, "{name}");
        }
        for name in ["hmac-sha256", "Ed25519", "rsa-v1_5-sha1"] {
            assert_eq!(Algorithm::from_http_signatures(name), None, "{name}");
        }
    }
}
