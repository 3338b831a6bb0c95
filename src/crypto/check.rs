//! A signature to check, as data: [`SignatureCheck`].
//!
//! Making one does every check that needs no arithmetic on the message: the key fits the algorithm, lengths,
//! ranges and canonical forms. What remains is one verification, that a sync host runs here and an async host
//! elsewhere, from the parts: [`SignatureCheck::key`] as JWK, [`SignatureCheck::algorithm`],
//! [`SignatureCheck::message`], [`SignatureCheck::signature`].

use alloc::vec::Vec;
use core::fmt;

use super::ec::{P256Key, P384Key};
use super::ed25519::{self, WarmKeys};
use super::{Algorithm, PublicKey};

/// Why a signature is refused before any backend is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// The key is not one for the algorithm.
    Algorithm,
    /// The signature is not as long as the algorithm's are.
    Length,
    /// A part of the signature is out of range: ECDSA r or s not in 1..n, RSA not below the modulus,
    /// Ed25519 S not below the group order.
    Range,
    /// An Ed25519 R that is not canonical or is of small order.
    NonceCommitment,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "key does not fit the algorithm",
            Self::Length => "signature has the wrong length",
            Self::Range => "signature value is out of range",
            Self::NonceCommitment => "signature's r is not canonical or of small order",
        })
    }
}

impl core::error::Error for CheckError {}

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The key's holder signed the message.
    Valid,
    /// The signature is not one of this key over this message.
    Invalid,
    /// This build has no backend for the algorithm: the host must run the check.
    Unsupported,
}

impl Verdict {
    fn of(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
}

/// One signature to verify, in a form that every backend judges alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    key: PublicKey,
    algorithm: Algorithm,
    message: Vec<u8>,
    signature: Vec<u8>,
    salt: Option<usize>,
}

impl SignatureCheck {
    /// A check of `signature` over `message`; refused where no backend may be asked.
    pub fn new(
        key: PublicKey,
        algorithm: Algorithm,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<Self, CheckError> {
        if !algorithm.fits(&key) {
            return Err(CheckError::Algorithm);
        }
        match &key {
            PublicKey::Ed25519(_) => ed25519::check_form(&signature)?,
            PublicKey::P256(_) => P256Key::check_form(&signature)?,
            PublicKey::P384(_) => P384Key::check_form(&signature)?,
            PublicKey::Rsa(key) => check_rsa(&signature, key.n())?,
        }
        Ok(Self { key, algorithm, message, signature, salt: algorithm.salt_length() })
    }

    /// The same check of a PSS signature whose salt is as long as the modulus leaves room for, not as the hash: what
    /// signers send that left the length to OpenSSL. Nothing changes for other algorithms.
    #[must_use]
    pub fn with_longest_salt(mut self) -> Self {
        let PublicKey::Rsa(key) = &self.key else { return self };
        // RFC 8017 §9.1.1 step 3: emLen is hash, salt and two bytes at the least; §8.1.1 step 1 gives emLen.
        let room = (key.bits() - 1).div_ceil(8).checked_sub(2);
        self.salt = self.salt.and_then(|hash| room?.checked_sub(hash));
        self
    }

    /// How many bytes of salt a PSS signature has; `None` for other algorithms.
    #[must_use]
    pub fn salt_length(&self) -> Option<usize> {
        self.salt
    }

    /// The key; [`PublicKey::to_jwk`] is what `WebCrypto`'s `importKey` takes.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What was signed.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The signature: 64 bytes R‖S, r‖s as long as two coordinates, or as long as the RSA modulus.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether this build can verify it; else the host must.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        match self.key {
            PublicKey::Ed25519(_) => true,
            PublicKey::P256(_) | PublicKey::P384(_) => cfg!(feature = "ecdsa"),
            PublicKey::Rsa(_) => cfg!(feature = "rsa"),
        }
    }

    /// Verifies with the built-in backend.
    pub fn verify(&self) -> Verdict {
        match &self.key {
            PublicKey::Ed25519(key) => Verdict::of(key.verify(&self.message, &self.signature)),
            #[cfg(feature = "ecdsa")]
            PublicKey::P256(key) => Verdict::of(key.point().verifies(&self.message, &self.signature)),
            #[cfg(feature = "ecdsa")]
            PublicKey::P384(key) => Verdict::of(key.point().verifies(&self.message, &self.signature)),
            #[cfg(feature = "rsa")]
            PublicKey::Rsa(key) => {
                let salt = self.salt.unwrap_or_default();
                Verdict::of(key.modulus().verifies(self.algorithm, salt, &self.message, &self.signature))
            }
            #[cfg(not(all(feature = "ecdsa", feature = "rsa")))]
            _ => Verdict::Unsupported,
        }
    }

    /// Verifies with the built-in backend, Ed25519 with precomputed tables for keys seen often. Same verdicts.
    pub fn verify_with(&self, warm: &mut WarmKeys) -> Verdict {
        match &self.key {
            PublicKey::Ed25519(key) => Verdict::of(warm.verify(key, &self.message, &self.signature)),
            _ => self.verify(),
        }
    }
}

/// RFC 8017 §8.1.2 and §8.2.2 step 1 and §5.2.2 step 1. Equal lengths, so the order of bytes is the order of numbers.
fn check_rsa(signature: &[u8], modulus: &[u8]) -> Result<(), CheckError> {
    if signature.len() != modulus.len() {
        return Err(CheckError::Length);
    }
    if signature < modulus { Ok(()) } else { Err(CheckError::Range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_signatures_are_numbers_below_the_modulus() {
        let modulus = [0xc0, 0, 1];
        assert_eq!(check_rsa(&[0xc0, 0, 0], &modulus), Ok(()));
        assert_eq!(check_rsa(&modulus, &modulus), Err(CheckError::Range));
        assert_eq!(check_rsa(&[0xff; 3], &modulus), Err(CheckError::Range));
        assert_eq!(check_rsa(&[0; 2], &modulus), Err(CheckError::Length));
        assert_eq!(check_rsa(&[0; 4], &modulus), Err(CheckError::Length));
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let key = PublicKey::rsa(&[0xff; 256], &[3]).unwrap();
        let check = SignatureCheck::new(key, Algorithm::Ed25519, Vec::new(), alloc::vec![0; 64]);
        assert_eq!(check.unwrap_err(), CheckError::Algorithm);
    }
}
