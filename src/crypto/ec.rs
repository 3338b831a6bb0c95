//! Keys on the curves P-256 and P-384, and the form of ECDSA signatures under them (NIST SP 800-186 §3.2.1).
//!
//! Verification is the backend's; whether a key is a point at all is asked here, on every host.

use alloc::sync::Arc;
use core::fmt;

#[cfg(feature = "ecdsa")]
use super::ecdsa::Point;
use super::{CheckError, KeyError, curve};

/// What is to be known of a curve: numbers as long as its coordinates, big-endian.
struct Curve<const N: usize> {
    /// The order of the field, above all coordinates.
    prime: [u8; N],
    /// The order of the group, above r and s.
    order: [u8; N],
    /// Whether two coordinates are a point.
    has: fn(&[u8; N], &[u8; N]) -> bool,
    /// The point of two coordinates, which are below the prime.
    #[cfg(feature = "ecdsa")]
    point: fn(&[u8], &[u8]) -> Option<Point>,
}

/// SEC 2 §2.4.2.
const P256: Curve<32> = Curve {
    prime: [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ],
    order: [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ],
    has: curve::has_p256,
    #[cfg(feature = "ecdsa")]
    point: Point::p256,
};

/// SEC 2 §2.5.1.
const P384: Curve<48> = Curve {
    prime: [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff,
        0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
    ],
    order: [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a,
        0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
    ],
    has: curve::has_p384,
    #[cfg(feature = "ecdsa")]
    point: Point::p384,
};

/// A point of the curve whose coordinates have `N` bytes.
#[derive(Clone)]
pub struct EcKey<const N: usize>(Arc<Inner<N>>);

/// A point of P-256.
pub type P256Key = EcKey<32>;

/// A point of P-384.
pub type P384Key = EcKey<48>;

struct Inner<const N: usize> {
    x: [u8; N],
    y: [u8; N],
    #[cfg(feature = "ecdsa")]
    point: Point,
}

impl P256Key {
    pub(super) fn p256(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        Self::new(x, y, &P256)
    }

    /// Whether r‖s has the form of a signature under such keys.
    pub(super) fn check_form(signature: &[u8]) -> Result<(), CheckError> {
        check_form(signature, &P256)
    }
}

impl P384Key {
    pub(super) fn p384(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        Self::new(x, y, &P384)
    }

    /// Whether r‖s has the form of a signature under such keys.
    pub(super) fn check_form(signature: &[u8]) -> Result<(), CheckError> {
        check_form(signature, &P384)
    }
}

impl<const N: usize> EcKey<N> {
    fn new(x: &[u8], y: &[u8], curve: &Curve<N>) -> Result<Self, KeyError> {
        let x: [u8; N] = x.try_into().map_err(|_| KeyError::Length)?;
        let y: [u8; N] = y.try_into().map_err(|_| KeyError::Length)?;
        if x >= curve.prime || y >= curve.prime {
            return Err(KeyError::NotCanonical);
        }
        if !(curve.has)(&x, &y) {
            return Err(KeyError::NotOnCurve);
        }
        #[cfg(feature = "ecdsa")]
        let point = (curve.point)(&x, &y).ok_or(KeyError::NotOnCurve)?;
        Ok(Self(Arc::new(Inner {
            x,
            y,
            #[cfg(feature = "ecdsa")]
            point,
        })))
    }

    /// The x coordinate, big-endian.
    #[must_use]
    pub fn x(&self) -> &[u8; N] {
        &self.0.x
    }

    /// The y coordinate, big-endian.
    #[must_use]
    pub fn y(&self) -> &[u8; N] {
        &self.0.y
    }

    #[cfg(feature = "ecdsa")]
    pub(super) fn point(&self) -> &Point {
        &self.0.point
    }
}

/// RFC 9421 §3.3.4 and RFC 7518 §3.4: r‖s, each as long as the order and in 1..n (FIPS 186-5 §6.4.2, step 1).
fn check_form<const N: usize>(signature: &[u8], curve: &Curve<N>) -> Result<(), CheckError> {
    if signature.len() != 2 * N {
        return Err(CheckError::Length);
    }
    let in_range = |part: &[u8]| part.iter().any(|byte| *byte != 0) && part < &curve.order[..];
    if signature.chunks(N).all(in_range) { Ok(()) } else { Err(CheckError::Range) }
}

impl<const N: usize> PartialEq for EcKey<N> {
    fn eq(&self, other: &Self) -> bool {
        self.x() == other.x() && self.y() == other.y()
    }
}

impl<const N: usize> Eq for EcKey<N> {}

impl<const N: usize> fmt::Debug for EcKey<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EcKey").field("bits", &(8 * N)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coordinates_have_their_length_and_are_below_the_prime<const N: usize>(curve: &Curve<N>) {
        let key = |x: &[u8], y: &[u8]| EcKey::new(x, y, curve).unwrap_err();
        let ones = [1; 49];
        assert_eq!(key(&ones[..N - 1], &ones[..N]), KeyError::Length);
        assert_eq!(key(&ones[..N], &ones[..=N]), KeyError::Length);
        assert_eq!(key(&curve.prime, &ones[..N]), KeyError::NotCanonical);
        assert_eq!(key(&ones[..N], &[0xff; N]), KeyError::NotCanonical);
        assert_eq!(key(&[0; N], &[0; N]), KeyError::NotOnCurve);
    }

    fn parts_of_signatures_lie_between_one_and_the_order<const N: usize>(curve: &Curve<N>) {
        let check = |r: [u8; N], s: [u8; N]| check_form(&[r, s].concat(), curve);
        let mut below = curve.order;
        below[N - 1] -= 1;
        assert_eq!(check([1; N], below), Ok(()));
        assert_eq!(check([0; N], [1; N]), Err(CheckError::Range));
        assert_eq!(check([1; N], [0; N]), Err(CheckError::Range));
        assert_eq!(check(curve.order, [1; N]), Err(CheckError::Range));
        assert_eq!(check([1; N], [0xff; N]), Err(CheckError::Range));
        assert_eq!(check_form(&[1; 97][..2 * N - 1], curve), Err(CheckError::Length));
        assert_eq!(check_form(&[1; 97][..=2 * N], curve), Err(CheckError::Length));
        assert_eq!(check_form(&[], curve), Err(CheckError::Length));
    }

    #[test]
    fn coordinates() {
        coordinates_have_their_length_and_are_below_the_prime(&P256);
        coordinates_have_their_length_and_are_below_the_prime(&P384);
    }

    #[test]
    fn signatures() {
        parts_of_signatures_lie_between_one_and_the_order(&P256);
        parts_of_signatures_lie_between_one_and_the_order(&P384);
    }
}
