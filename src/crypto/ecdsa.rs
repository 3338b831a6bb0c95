//! The built-in backend for ECDSA on P-256 (FIPS 186-5 §6.4.2).

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};

use super::hash::sha256;

pub(super) struct Point(VerifyingKey);

impl Point {
    /// `None` where the coordinates are no point of the curve.
    pub(super) fn new(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let mut encoded = [4; 65];
        for (to, from) in encoded.iter_mut().skip(1).zip(x.iter().chain(y)) {
            *to = *from;
        }
        VerifyingKey::from_sec1_bytes(&encoded).ok().map(Self)
    }

    pub(super) fn verifies_sha256(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_prehash(&sha256(message), &signature).is_ok())
    }
}
