//! Signature algorithms and their names in JOSE (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864) and in HTTP Message
//! Signatures (RFC 9421 §6.2.2).
//!
//! Some have a name in JOSE alone. No signature of HTTP messages is of these: what has no name there cannot be stated,
//! configured or accepted ([`Algorithm::http_signatures`]).
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
    /// RSASSA-PSS with SHA-384, also for the mask, and 48 bytes of salt (RFC 8017 §8.1, RFC 7518 §3.5). JOSE only.
    RsaPssSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 8017 §8.2). JOSE only.
    RsaV15Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 8017 §8.2). JOSE only.
    RsaV15Sha512,
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
        Self::RsaPssSha384,
        Self::RsaV15Sha384,
        Self::RsaV15Sha512,
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
            "PS384" => Some(Self::RsaPssSha384),
            "RS384" => Some(Self::RsaV15Sha384),
            "RS512" => Some(Self::RsaV15Sha512),
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
            Self::RsaPssSha384 => "PS384",
            Self::RsaV15Sha384 => "RS384",
            Self::RsaV15Sha512 => "RS512",
        }
    }

    /// The algorithm of an `alg` signature parameter (RFC 9421 §2.3), compared exactly. It may be one that is not
    /// registered, see [`Self::is_registered`].
    #[must_use]
    pub fn from_http_signatures(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.http_signatures() == Some(name))
    }

    /// The name in the registry of RFC 9421 §6.2.2, or the one that is written there without being registered. `None`
    /// for what is JOSE's alone: no signature of a message may be of it.
    #[must_use]
    pub fn http_signatures(self) -> Option<&'static str> {
        match self {
            Self::Ed25519 => Some("ed25519"),
            Self::EcdsaP256Sha256 => Some("ecdsa-p256-sha256"),
            Self::EcdsaP384Sha384 => Some("ecdsa-p384-sha384"),
            Self::RsaPssSha512 => Some("rsa-pss-sha512"),
            Self::RsaPssSha256 => Some("rsa-pss-sha256"),
            Self::RsaV15Sha256 => Some("rsa-v1_5-sha256"),
            Self::RsaPssSha384 | Self::RsaV15Sha384 | Self::RsaV15Sha512 => None,
        }
    }

    /// Whether the registry of RFC 9421 §6.2.2 has it. `rsa-pss-sha256` it has not: that name is deployed, but only
    /// a profile that says so may allow it.
    #[must_use]
    pub fn is_registered(self) -> bool {
        self != Self::RsaPssSha256 && self.http_signatures().is_some()
    }

    /// Whether keys of this kind sign with this algorithm.
    #[must_use]
    pub fn fits(self, key: &PublicKey) -> bool {
        match self {
            Self::Ed25519 => matches!(key, PublicKey::Ed25519(_)),
            Self::EcdsaP256Sha256 => matches!(key, PublicKey::P256(_)),
            Self::EcdsaP384Sha384 => matches!(key, PublicKey::P384(_)),
            Self::RsaPssSha512
            | Self::RsaPssSha256
            | Self::RsaV15Sha256
            | Self::RsaPssSha384
            | Self::RsaV15Sha384
            | Self::RsaV15Sha512 => matches!(key, PublicKey::Rsa(_)),
        }
    }

    /// How many bytes the salt of a PSS signature has: as many as its hash (RFC 7518 §3.5, RFC 9421 §3.3.1). `None` for
    /// other algorithms.
    pub(super) fn salt_length(self) -> Option<usize> {
        match self {
            Self::RsaPssSha256 => Some(32),
            Self::RsaPssSha384 => Some(48),
            Self::RsaPssSha512 => Some(64),
            _ => None,
        }
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
            let name = algorithm.http_signatures();
            assert_eq!(name.and_then(Algorithm::from_http_signatures), name.map(|_| *algorithm));
        }
        assert_eq!(Algorithm::from_jose("Ed25519"), Some(Algorithm::Ed25519));
        for name in [
            "none", "None", "HS256", "HS384", "HS512", "eddsa", "ed25519", "Ed448", "es256", "RS1", "rs256",
            "Rs384", "ps512", "ES512", "ES256K", "ES256 ", "",
        ] {
            assert_eq!(Algorithm::from_jose(name), None, "{name}");
        }
        for name in [
            "hmac-sha256",
            "Ed25519",
            "rsa-v1_5-sha1",
            "rsa-v1_5-sha384",
            "rsa-v1_5-sha512",
            "rsa-pss-sha384",
            "PS512",
            "PS384",
            "RS384",
            "",
        ] {
            assert_eq!(Algorithm::from_http_signatures(name), None, "{name}");
        }
    }

    #[test]
    fn all_names_but_one_are_registered() {
        let unregistered: Vec<_> = Algorithm::ALL
            .iter()
            .filter(|a| !a.is_registered())
            .filter_map(|a| a.http_signatures())
            .collect();
        assert_eq!(unregistered, ["rsa-pss-sha256"]);
    }

    #[test]
    fn some_are_of_jose_alone() {
        let unnamed: Vec<_> =
            Algorithm::ALL.iter().filter(|a| a.http_signatures().is_none()).map(|a| a.jose()).collect();
        assert_eq!(unnamed, ["PS384", "RS384", "RS512"]);
        assert!(Algorithm::ALL.iter().all(|a| a.http_signatures().is_some() || !a.is_registered()));
    }
}
