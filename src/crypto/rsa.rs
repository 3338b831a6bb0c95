//! The built-in backend for RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2).
//!
//! The expected encoding is built and compared whole, so lax readings of the padding (BER lengths, a missing
//! NULL, trailing bytes) have no place to happen.

use ::rsa::pkcs1v15::Pkcs1v15Sign;
use ::rsa::{BoxedUint, RsaPublicKey};
use sha2::Sha256;

use super::hash::sha256;
use super::key::{MAX_RSA_BITS, MIN_RSA_BITS};

pub(super) struct Modulus(RsaPublicKey);

impl Modulus {
    /// `None` where the backend refuses what the checks before it let through; none such is known.
    pub(super) fn new(n: &[u8], e: &[u8]) -> Option<Self> {
        let uint = BoxedUint::from_be_slice_vartime;
        RsaPublicKey::new_with_size_limits(uint(n), uint(e), MIN_RSA_BITS..=MAX_RSA_BITS).ok().map(Self)
    }

    pub(super) fn verifies_sha256(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(Pkcs1v15Sign::new::<Sha256>(), &sha256(message), signature).is_ok()
    }
}
