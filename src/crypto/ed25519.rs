//! Ed25519 verification (RFC 8032 §5.1.7), strict: without cofactor, one verdict for every signature.
//!
//! Refused besides what the equation refuses: S not below the group order, R and keys that are not canonical
//! or of small order. This is `verify_strict` of ed25519-dalek, and in one point stricter: a key whose y is not
//! below 2²⁵⁵−19 is refused too, as it is a second spelling of another key.
//!
//! There are two paths to the same verdict. Cold: one interleaved double-scalar multiplication. Warm
//! ([`WarmKeys`]): tables of multiples of a key seen often, which save most of the doublings. All values are public, so both take variable time.

mod table;
mod warm;

use alloc::sync::Arc;
use core::fmt;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

use super::{CheckError, KeyError};

pub use warm::{DEFAULT_CAPACITY, WarmKeys};

/// A point for verifying Ed25519: canonical, on the curve, not of small order.
#[derive(Clone)]
pub struct Ed25519Key(Arc<Inner>);

struct Inner {
    bytes: [u8; 32],
    /// −A, which is what verification multiplies.
    negated: EdwardsPoint,
}

impl Ed25519Key {
    /// The key that the bytes encode (RFC 8032 §5.1.3).
    pub(super) fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        if !is_canonical(&bytes) {
            return Err(KeyError::NotCanonical);
        }
        if is_small_order(&bytes) {
            return Err(KeyError::SmallOrder);
        }
        let point = CompressedEdwardsY(bytes).decompress().ok_or(KeyError::NotOnCurve)?;
        Ok(Self(Arc::new(Inner { bytes, negated: -point })))
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0.bytes
    }

    /// Whether `signature` is this key's over `message`, without tables.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_by(message, signature, |k, s| {
            EdwardsPoint::vartime_double_scalar_mul_basepoint(k, &self.0.negated, s)
        })
    }

    /// `combine` computes \[s\]B − \[k\]A.
    fn verify_by(
        &self,
        message: &[u8],
        signature: &[u8],
        combine: impl FnOnce(&Scalar, &Scalar) -> EdwardsPoint,
    ) -> bool {
        let Ok((r, s)) = split(signature) else { return false };
        let mut hash = Sha512::new();
        hash.update(r);
        hash.update(self.as_bytes());
        hash.update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        // R is never decompressed: equal encodings are equal points, and what is computed here is canonical.
        combine(&k, &s).compress().as_bytes() == r
    }
}

impl PartialEq for Ed25519Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Ed25519Key {}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Key").finish_non_exhaustive()
    }
}

/// The checks of a signature that need neither key nor message.
pub(super) fn check_form(signature: &[u8]) -> Result<(), CheckError> {
    split(signature).map(|_| ())
}

fn split(signature: &[u8]) -> Result<(&[u8; 32], Scalar), CheckError> {
    let (r, s) = signature.split_first_chunk::<32>().ok_or(CheckError::Length)?;
    let s: [u8; 32] = s.try_into().map_err(|_| CheckError::Length)?;
    if !is_canonical(r) || is_small_order(r) {
        return Err(CheckError::NonceCommitment);
    }
    let s = Option::from(Scalar::from_canonical_bytes(s)).ok_or(CheckError::Range)?;
    Ok((r, s))
}

/// Whether y, the lower 255 bits, is below 2²⁵⁵−19. (x = 0 with the sign bit set is of small order.)
fn is_canonical(encoded: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = encoded;
    last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff) || *first < 0xed
}

/// The y coordinates, little-endian, of the eight points whose order divides the cofactor: those of order 8
/// (y and −y), 4 (0), 2 (−1) and 1 (1). The points differ only in the sign of x.
const SMALL_ORDER_YS: [[u8; 32]; 5] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [0; 32],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

fn is_small_order(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER_YS.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::EIGHT_TORSION;

    #[test]
    fn the_small_order_points_are_those_of_the_curve_library() {
        for point in EIGHT_TORSION {
            let encoded = point.compress().to_bytes();
            assert!(is_small_order(&encoded));
            assert_eq!(Ed25519Key::new(encoded).unwrap_err(), KeyError::SmallOrder);
        }
        for y in SMALL_ORDER_YS {
            assert!(CompressedEdwardsY(y).decompress().unwrap().is_small_order());
        }
    }

    #[test]
    fn keys_are_canonical_and_on_the_curve() {
        let key = |first: u8, last: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (first, last);
            Ed25519Key::new(bytes).err()
        };
        for first in 0xed..=0xff {
            assert_eq!(key(first, 0x7f), Some(KeyError::NotCanonical));
            assert_eq!(key(first, 0xff), Some(KeyError::NotCanonical));
        }
        assert_eq!(key(0xec, 0x7f), Some(KeyError::SmallOrder));
        let mut two = [0; 32];
        two[0] = 2;
        assert_eq!(Ed25519Key::new(two).unwrap_err(), KeyError::NotOnCurve);
    }

    #[test]
    fn signatures_have_64_bytes() {
        assert_eq!(check_form(&[2; 63]), Err(CheckError::Length));
        assert_eq!(check_form(&[2; 65]), Err(CheckError::Length));
        assert_eq!(check_form(&[]), Err(CheckError::Length));
        assert_eq!(check_form(&[0x0f; 64]), Ok(()));
        assert_eq!(check_form(&[0x1f; 64]), Err(CheckError::Range));
        assert_eq!(check_form(&[0; 64]), Err(CheckError::NonceCommitment));
        assert_eq!(check_form(&[0xff; 64]), Err(CheckError::NonceCommitment));
    }
}
