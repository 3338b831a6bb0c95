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
    /// ECDSA on P-384 with SHA-384, signatures as r‖s.
    EcdsaP384Sha384,
    /// RSASSA-PSS with SHA-512, also for the mask, and 64 bytes of salt (RFC 8017 §8.1, RFC 9421 §3.3.1).
    RsaPssSha512,
    /// RSASSA-PSS with SHA-256, also for the mask, and 32 bytes of salt (RFC 8017 §8.1, RFC 7518 §3.5).
    RsaPssSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2).
    RsaV15Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] = &[
        Self::Ed25519,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::RsaPssSha512,
        Self::RsaPssSha256,
        Self::RsaV15Sha256,
    ];

    /// The algorithm of a JOSE `alg` value, compared exactly. `EdDSA` means Ed25519 here, as Ed448 is not offered.
    #[must_use]
    pub fn from_jose(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::Ed25519),
            "ES256" => Some(Self::EcdsaP256Sha256),
            "ES384" => Some(Self::EcdsaP384Sha384),
            "PS512" => Some(Self::RsaPssSha512),
            "PS256" => Some(Self::RsaPssSha256),
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
            Self::EcdsaP384Sha384 => "ES384",
            Self::RsaPssSha512 => "PS512",
            Self::RsaPssSha256 => "PS256",
            Self::RsaV15Sha256 => "RS256",
        }
    }

    /// The algorithm of an `alg` signature parameter (RFC 9421 §2.3), compared exactly. It may be one that is not
    /// registered, see [`Self::is_registered`].
    #[must_use]
    pub fn from_http_signatures(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.http_signatures() == name)
    }

    /// The name in the registry of RFC 9421 §6.2.2, or the one that is written there without being registered.
    #[must_use]
    pub fn http_signatures(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::RsaPssSha512 => "rsa-pss-sha512",
            Self::RsaPssSha256 => "rsa-pss-sha256",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
        }
    }

    /// Whether the registry of RFC 9421 §6.2.2 has it. `rsa-pss-sha256` it has not: that name is deployed, but only
    /// a profile that says so may allow it.
    #[must_use]
    pub fn is_registered(self) -> bool {
        self != Self::RsaPssSha256
    }

    /// Whether keys of this kind sign with this algorithm.
    #[must_use]
    pub fn fits(self, key: &PublicKey) -> bool {
        matches!(
            (self, key),
            (Self::Ed25519, PublicKey::Ed25519(_))
                | (Self::EcdsaP256Sha256, PublicKey::P256(_))
                | (Self::EcdsaP384Sha384, PublicKey::P384(_))
                | (Self::RsaPssSha512 | Self::RsaPssSha256 | Self::RsaV15Sha256, PublicKey::Rsa(_))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn names_are_exact_and_never_symmetric() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_jose(algorithm.jose()), Some(*algorithm));
            assert_eq!(Algorithm::from_http_signatures(algorithm.http_signatures()), Some(*algorithm));
        }
        assert_eq!(Algorithm::from_jose("Ed25519"), Some(Algorithm::Ed25519));
        for name in [
            "none", "HS256", "eddsa", "es256", "RS1", "RS384", "RS512", "PS384", "ES512", "ES256K", "ES256 ",
            "",
        ] {
            assert_eq!(Algorithm::from_jose(name), None, "{name}");
        }
        for name in ["hmac-sha256", "Ed25519", "rsa-v1_5-sha1", "rsa-v1_5-sha512", "rsa-pss-sha384", "PS512"]
        {
            assert_eq!(Algorithm::from_http_signatures(name), None, "{name}");
        }
    }

    #[test]
    fn all_names_but_one_are_registered() {
        let unregistered: Vec<_> =
            Algorithm::ALL.iter().filter(|a| !a.is_registered()).map(|a| a.http_signatures()).collect();
        assert_eq!(unregistered, ["rsa-pss-sha256"]);
    }
}
