//! The built-in backend for RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2) and RSASSA-PSS (RFC 8017 §8.1.2).
//!
//! For PKCS1-v1_5 the expected encoding is built and compared whole, so lax readings of the padding (BER lengths,
//! a missing NULL, trailing bytes) have no place to happen. For PSS the salt has exactly the length that the
//! check says, and its mask is made with the algorithm's own hash.

use ::rsa::pkcs1v15::Pkcs1v15Sign;
use ::rsa::pss::Pss;
use ::rsa::{BoxedUint, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Algorithm;
use super::key::{MAX_RSA_BITS, MIN_RSA_BITS};

pub(super) struct Modulus(RsaPublicKey);

impl Modulus {
    /// `None` where the backend refuses what the checks before it let through; none such is known.
    pub(super) fn new(n: &[u8], e: &[u8]) -> Option<Self> {
        let uint = BoxedUint::from_be_slice_vartime;
        RsaPublicKey::new_with_size_limits(uint(n), uint(e), MIN_RSA_BITS..=MAX_RSA_BITS).ok().map(Self)
    }

    /// False for algorithms that are not RSA's.
    pub(super) fn verifies(
        &self,
        algorithm: Algorithm,
        salt: usize,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let result = match algorithm {
            Algorithm::RsaV15Sha256 => {
                self.0.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature)
            }
            Algorithm::RsaV15Sha384 => {
                self.0.verify(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message), signature)
            }
            Algorithm::RsaV15Sha512 => {
                self.0.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message), signature)
            }
            Algorithm::RsaPssSha256 => {
                self.0.verify(Pss::<Sha256>::new_with_salt(salt), &Sha256::digest(message), signature)
            }
            Algorithm::RsaPssSha384 => {
                self.0.verify(Pss::<Sha384>::new_with_salt(salt), &Sha384::digest(message), signature)
            }
            Algorithm::RsaPssSha512 => {
                self.0.verify(Pss::<Sha512>::new_with_salt(salt), &Sha512::digest(message), signature)
            }
            _ => return false,
        };
        result.is_ok()
    }
}
