//! Public keys that passed every check a backend could skip.
//!
//! A key is made only through its constructor, so whoever holds one need not check it again. Keys are cheap to
//! clone. Private keys do not exist here.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::ec::{P256Key, P384Key};
use super::ed25519::Ed25519Key;
use crate::encoding::base64url;

/// Fewest bits of an RSA modulus (RFC 7518 §3.3).
pub const MIN_RSA_BITS: usize = 2048;
/// Most bits of an RSA modulus: verification time grows with the square.
pub const MAX_RSA_BITS: usize = 8192;

/// Why bytes are not a key that can be trusted to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not as long as keys of this kind are.
    Length,
    /// A second spelling of a key: an Ed25519 y or an ECDSA coordinate not below the field's prime.
    NotCanonical,
    /// No point of the curve.
    NotOnCurve,
    /// An Ed25519 point of small order: signatures under it verify for many messages.
    SmallOrder,
    /// An RSA modulus of fewer than 2048 or more than 8192 bits.
    ModulusSize,
    /// An RSA modulus or exponent with leading zeros, or empty.
    NotMinimal,
    /// An even RSA modulus.
    EvenModulus,
    /// An RSA exponent that is none of 3, 17, 37 and 65537.
    Exponent,
    /// An RSA modulus of the generator that CVE-2017-15361 (ROCA) broke: its factors can be found.
    WeakModulus,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "key has the wrong length",
            Self::NotCanonical => "key is not in canonical form",
            Self::NotOnCurve => "key is not on the curve",
            Self::SmallOrder => "key has small order",
            Self::ModulusSize => "rsa modulus is not 2048 to 8192 bits",
            Self::NotMinimal => "rsa integer is not minimal",
            Self::EvenModulus => "rsa modulus is even",
            Self::Exponent => "rsa exponent is not 3, 17, 37 or 65537",
            Self::WeakModulus => "rsa modulus is of a broken generator",
        })
    }
}

impl core::error::Error for KeyError {}

/// A public key that passed its checks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey {
    /// A key for Ed25519.
    Ed25519(Ed25519Key),
    /// A key on P-256.
    P256(P256Key),
    /// A key on P-384.
    P384(P384Key),
    /// An RSA key.
    Rsa(RsaKey),
}

impl PublicKey {
    /// An Ed25519 key from its 32 bytes (RFC 8032 §5.1.5): canonical, on the curve, not of small order.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::Ed25519(Ed25519Key::new(bytes.try_into().map_err(|_| KeyError::Length)?)?))
    }

    /// A P-256 key from its big-endian coordinates.
    ///
    /// Whether the point lies on the curve is checked where the `ecdsa` feature is on; without it the host's
    /// import of the key must (`WebCrypto`'s does), which happens before its first use.
    pub fn p256(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::P256(P256Key::p256(x, y)?))
    }

    /// A P-384 key from its big-endian coordinates; of the point's place on the curve, see [`Self::p256`].
    pub fn p384(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::P384(P384Key::p384(x, y)?))
    }

    /// An RSA key from its big-endian modulus and exponent.
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::Rsa(RsaKey::new(n, e)?))
    }

    /// The members that RFC 7638 §3.2 and RFC 8037 §2 require of a JWK, in lexicographic order. They suffice to
    /// import the key elsewhere.
    #[must_use]
    pub fn jwk_members(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Ed25519(key) => alloc::vec![
                ("crv", String::from("Ed25519")),
                ("kty", String::from("OKP")),
                ("x", base64url::encode(key.as_bytes())),
            ],
            Self::P256(key) => ec_members("P-256", key.x(), key.y()),
            Self::P384(key) => ec_members("P-384", key.x(), key.y()),
            Self::Rsa(key) => alloc::vec![
                ("e", base64url::encode(key.e())),
                ("kty", String::from("RSA")),
                ("n", base64url::encode(key.n())),
            ],
        }
    }

    /// The key as JWK text with only the required members: what a thumbprint hashes, and what a host imports.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        let mut text = String::from("{");
        for (name, value) in self.jwk_members() {
            // Names and values are plain ASCII without anything that JSON escapes.
            let comma = if text.len() > 1 { ",\"" } else { "\"" };
            for part in [comma, name, "\":\"", &value, "\""] {
                text.push_str(part);
            }
        }
        text.push('}');
        text
    }
}

fn ec_members(crv: &str, x: &[u8], y: &[u8]) -> Vec<(&'static str, String)> {
    alloc::vec![
        ("crv", String::from(crv)),
        ("kty", String::from("EC")),
        ("x", base64url::encode(x)),
        ("y", base64url::encode(y)),
    ]
}

/// The exponents that every host's backend takes: workerd's imports keys with these only, and nothing is known
/// to sign with others. All are primes of few bits, so that verifying is cheap.
const RSA_EXPONENTS: [&[u8]; 4] = [&[3], &[17], &[37], &[1, 0, 1]];

/// Odd primes up to 167: all of them divide the primorial that the broken generator used, at every key size.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus is a power of 65537 modulo every one of those primes, as both factors of such keys are
/// (Nemec et al., "The Return of Coppersmith's Attack", 2017, §2.3). By chance about one modulus in 2³⁰ is.
fn is_roca(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let residue = n.iter().fold(0, |residue, byte| (residue << 8 | u32::from(*byte)) % prime);
        let powers = core::iter::successors(Some(1), |power| Some(power * (65_537 % prime) % prime));
        powers.take(*prime as usize).any(|power| power == residue)
    })
}

/// An RSA modulus and exponent.
#[derive(Clone)]
pub struct RsaKey(Arc<RsaInner>);

struct RsaInner {
    n: Vec<u8>,
    e: Vec<u8>,
    #[cfg(feature = "rsa")]
    modulus: super::rsa::Modulus,
}

impl RsaKey {
    fn new(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (Some(n_first), Some(n_last)) = (n.first(), n.last()) else { return Err(KeyError::NotMinimal) };
        if *n_first == 0 || e.first().is_none_or(|first| *first == 0) {
            return Err(KeyError::NotMinimal);
        }
        // Bounded first, so that the product cannot overflow.
        if n.len() > MAX_RSA_BITS / 8 || n.len() * 8 - (n_first.leading_zeros() as usize) < MIN_RSA_BITS {
            return Err(KeyError::ModulusSize);
        }
        if n_last % 2 == 0 {
            return Err(KeyError::EvenModulus);
        }
        if !RSA_EXPONENTS.contains(&e) {
            return Err(KeyError::Exponent);
        }
        if is_roca(n) {
            return Err(KeyError::WeakModulus);
        }
        #[cfg(feature = "rsa")]
        let modulus = super::rsa::Modulus::new(n, e).ok_or(KeyError::ModulusSize)?;
        Ok(Self(Arc::new(RsaInner {
            n: n.to_vec(),
            e: e.to_vec(),
            #[cfg(feature = "rsa")]
            modulus,
        })))
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn n(&self) -> &[u8] {
        &self.0.n
    }

    /// The exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn e(&self) -> &[u8] {
        &self.0.e
    }

    /// How many bits the modulus has.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.n().len() * 8 - self.n().first().map_or(0, |first| first.leading_zeros() as usize)
    }

    #[cfg(feature = "rsa")]
    pub(super) fn modulus(&self) -> &super::rsa::Modulus {
        &self.0.modulus
    }
}

impl PartialEq for RsaKey {
    fn eq(&self, other: &Self) -> bool {
        self.n() == other.n() && self.e() == other.e()
    }
}

impl Eq for RsaKey {}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bytes: usize, first: u8) -> Vec<u8> {
        let mut n = alloc::vec![0xa5; bytes];
        n[0] = first;
        n
    }

    #[test]
    fn rsa_moduli_are_bounded_odd_and_minimal() {
        let rsa = |n: &[u8]| PublicKey::rsa(n, &[1, 0, 1]).err();
        assert_eq!(rsa(&modulus(256, 0x80)), None);
        assert_eq!(rsa(&modulus(256, 0x7f)), Some(KeyError::ModulusSize));
        assert_eq!(rsa(&modulus(128, 0x80)), Some(KeyError::ModulusSize));
        assert_eq!(rsa(&modulus(1024, 0xff)), None);
        assert_eq!(rsa(&modulus(1025, 0x01)), Some(KeyError::ModulusSize));
        assert_eq!(rsa(&modulus(257, 0)), Some(KeyError::NotMinimal));
        assert_eq!(rsa(&[]), Some(KeyError::NotMinimal));
        let mut even = modulus(256, 0x80);
        *even.last_mut().unwrap() = 2;
        assert_eq!(rsa(&even), Some(KeyError::EvenModulus));
    }

    #[test]
    fn rsa_exponents_are_those_that_every_host_takes() {
        let rsa = |e: &[u8]| PublicKey::rsa(&modulus(256, 0x80), e).err();
        for e in RSA_EXPONENTS {
            assert_eq!(rsa(e), None, "{e:?}");
        }
        for e in [&[1][..], &[2], &[5], &[35], &[1, 1], &[1, 0, 0], &[1, 0, 3], &[0xff; 4], &[1, 0, 0, 0, 1]]
        {
            assert_eq!(rsa(e), Some(KeyError::Exponent), "{e:?}");
        }
        assert_eq!(rsa(&[0, 1, 0, 1]), Some(KeyError::NotMinimal));
        assert_eq!(rsa(&[]), Some(KeyError::NotMinimal));
    }
}
