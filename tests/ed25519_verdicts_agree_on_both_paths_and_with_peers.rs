//! Cold, warm, ed25519-dalek's `verify_strict` and ed25519-compact, on valid, mutated and degenerate inputs.
//!
//! Known differences, asserted: ed25519-compact multiplies by the cofactor, so it accepts mixed-order points
//! that the equation alone refuses; and ed25519-dalek takes keys that are not canonical.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use countersign::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict, WarmKeys};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_compact::{KeyPair, Seed};
use proptest::prelude::*;
use sha2::{Digest, Sha512};

fn ours(key: &[u8; 32], message: &[u8], signature: &[u8; 64], warm: &mut WarmKeys) -> bool {
    let Ok(key) = PublicKey::ed25519(key) else { return false };
    let Ok(check) = SignatureCheck::new(key, Algorithm::Ed25519, message.to_vec(), signature.to_vec()) else {
        return false;
    };
    let cold = check.verify();
    assert_eq!(check.verify_with(warm), cold);
    cold == Verdict::Valid
}

fn dalek(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    ed25519_dalek::VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok())
}

fn compact(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let key = ed25519_compact::PublicKey::new(*key);
    key.verify(message, &ed25519_compact::Signature::new(*signature)).is_ok()
}

/// A cache in which the key already has its table.
fn warmed(pair: &KeyPair) -> WarmKeys {
    let mut warm = WarmKeys::new(4);
    let signature = *pair.sk.sign(b"warm", None);
    for _ in 0..4 {
        assert!(ours(&pair.pk, b"warm", &signature, &mut warm));
    }
    assert_eq!(warm.len(), 1);
    warm
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn valid_and_mutated_signatures(
        seed in 1..=u8::MAX,
        message in proptest::collection::vec(any::<u8>(), 0..300),
        flips in proptest::collection::vec((0..64_usize, 0..8_u8), 0..3),
    ) {
        let pair = KeyPair::from_seed(Seed::new([seed; 32]));
        let mut warm = warmed(&pair);
        let mut signature = *pair.sk.sign(&message, None);
        let good = signature;
        for (byte, bit) in flips {
            signature[byte] ^= 1 << bit;
        }
        let expected = signature == good;
        prop_assert_eq!(ours(&pair.pk, &message, &signature, &mut warm), expected);
        prop_assert_eq!(dalek(&pair.pk, &message, &signature), expected);
        prop_assert_eq!(compact(&pair.pk, &message, &signature), expected);
        let mut other = message.clone();
        other.push(0);
        prop_assert!(!ours(&pair.pk, &other, &good, &mut warm));
    }

    /// Keys and nonce commitments with a torsion component, signed so that the equation holds with the
    /// cofactor; without it, it holds for some.
    #[test]
    fn mixed_order_points(seed in any::<u64>(), t_key in 0..8_usize, t_r in 0..8_usize, message in any::<[u8; 8]>()) {
        let a = Scalar::from(seed) + Scalar::ONE;
        let r = Scalar::from(seed) * Scalar::from(7_u8) + Scalar::from(3_u8);
        let key = (EdwardsPoint::mul_base(&a) + EIGHT_TORSION[t_key]).compress().to_bytes();
        let commitment = (EdwardsPoint::mul_base(&r) + EIGHT_TORSION[t_r]).compress().to_bytes();
        let hash = Sha512::new().chain_update(commitment).chain_update(key).chain_update(message).finalize();
        let s = r + Scalar::from_bytes_mod_order_wide(&hash.into()) * a;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&commitment);
        signature[32..].copy_from_slice(s.as_bytes());

        let mut warm = WarmKeys::new(4);
        let expected = dalek(&key, &message, &signature);
        for _ in 0..6 {
            prop_assert_eq!(ours(&key, &message, &signature, &mut warm), expected);
        }
        prop_assert_eq!(warm.len(), usize::from(expected));
        // The known difference: with the cofactor, each of these verifies.
        prop_assert!(compact(&key, &message, &signature));
    }

    #[test]
    fn bytes_that_are_no_signature(key in any::<[u8; 32]>(), halves in any::<([u8; 32], [u8; 32])>()) {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&halves.0);
        signature[32..].copy_from_slice(&halves.1);
        let mut warm = WarmKeys::new(4);
        prop_assert_eq!(ours(&key, b"m", &signature, &mut warm), dalek(&key, b"m", &signature));
    }
}

/// The known difference: a second spelling of a key. Nobody knows a private key for one of these points, so no
/// signature exists to show it with; the key itself is what differs.
#[test]
fn a_key_that_is_not_canonical_is_refused_here_only() {
    let mut differ = 0;
    for first in 0xed..=0xff_u8 {
        for last in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (first, last);
            assert!(PublicKey::ed25519(&key).is_err());
            let accepted = CompressedEdwardsY(key).decompress().is_some_and(|point| !point.is_small_order());
            differ += u32::from(accepted && ed25519_dalek::VerifyingKey::from_bytes(&key).is_ok());
        }
    }
    println!("spellings of keys that only we refuse: {differ}");
    assert!(differ > 0);
}
