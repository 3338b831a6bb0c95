//! Whether two coordinates are a point of P-256 or P-384 (NIST SP 800-186 §3.2.1): y² = x³ − 3x + b.
//!
//! Asked of every key, also where the host verifies: hosts refuse such keys at their import, which is another place and
//! would be another verdict.

#![allow(unreachable_pub, missing_docs, reason = "the macros write items of their own")]

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{U256, U384, Uint, const_monty_params};

// SEC 2 §2.4.2 and §2.5.1.
const_monty_params!(P256Field, U256, "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
const_monty_params!(
    P384Field,
    U384,
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff"
);
const P256_B: U256 = U256::from_be_hex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
const P384_B: U384 = U384::from_be_hex(
    "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
);

/// Whether the point is on P-256. Coordinates are big-endian and below the prime.
pub(super) fn has_p256(x: &[u8; 32], y: &[u8; 32]) -> bool {
    satisfies::<P256Field, { U256::LIMBS }>(U256::from_be_slice(x), U256::from_be_slice(y), P256_B)
}

/// Whether the point is on P-384. Coordinates are big-endian and below the prime.
pub(super) fn has_p384(x: &[u8; 48], y: &[u8; 48]) -> bool {
    satisfies::<P384Field, { U384::LIMBS }>(U384::from_be_slice(x), U384::from_be_slice(y), P384_B)
}

fn satisfies<P: ConstMontyParams<N>, const N: usize>(x: Uint<N>, y: Uint<N>, b: Uint<N>) -> bool {
    let [x, y, b] = [x, y, b].map(|number| ConstMontyForm::<P, N>::new(&number));
    y * y == x * x * x - (x + x + x) + b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_are_points_and_nothing_beside_them_is() {
        // SEC 2 §2.4.2.
        let x = U256::from_be_hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
        let y = U256::from_be_hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
        let (x, y): ([u8; 32], [u8; 32]) = (x.to_be_bytes().into(), y.to_be_bytes().into());
        assert!(has_p256(&x, &y));
        assert!(!has_p256(&y, &x) && !has_p256(&x, &x) && !has_p256(&[0; 32], &[0; 32]));
        // SEC 2 §2.5.1.
        let x = U384::from_be_hex(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
        );
        let y = U384::from_be_hex(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        );
        let (x, y): ([u8; 48], [u8; 48]) = (x.to_be_bytes().into(), y.to_be_bytes().into());
        assert!(has_p384(&x, &y));
        assert!(!has_p384(&y, &x) && !has_p384(&x, &x) && !has_p384(&[0; 48], &[0; 48]));
    }
}
