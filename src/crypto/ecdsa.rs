//! The built-in backend for ECDSA on P-256 and P-384 (FIPS 186-5 §6.4.2).

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::{Digest, Sha256, Sha384};

/// A point, decoded once for many verifications.
pub(super) enum Point {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

impl Point {
    /// `None` where the coordinates are no point of the curve.
    pub(super) fn p256(x: &[u8], y: &[u8]) -> Option<Self> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&[&[4], x, y].concat()).ok().map(Self::P256)
    }

    /// Likewise.
    pub(super) fn p384(x: &[u8], y: &[u8]) -> Option<Self> {
        p384::ecdsa::VerifyingKey::from_sec1_bytes(&[&[4], x, y].concat()).ok().map(Self::P384)
    }

    /// With the hash that JOSE and RFC 9421 pair with the curve.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&Sha256::digest(message), &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&Sha384::digest(message), &signature).is_ok()),
        }
    }
}
