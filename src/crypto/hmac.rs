//! HMAC with SHA-256 (RFC 2104; `hmac-sha256` of RFC 9421 §3.3.3): [`SharedKey`].
//!
//! Apart from all that is public-key: whoever can verify can sign, so it says nothing about who of them did. No
//! [`Algorithm`](super::Algorithm) names it, no [`SignatureCheck`](super::SignatureCheck) carries it, and no
//! public key can be used as its key. It is for two sides that configured the same secret.

use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::KeyError;

/// Fewest bytes of a key: 32, as long as the hash. Shorter ones weaken it (RFC 2104 §3), and RFC 7518 §3.2 forbids
/// them.
pub const MIN_KEY_BYTES: usize = 32;
/// Most bytes of a key: 128. From 64 on a key is hashed before its use (RFC 2104 §2), so that more add nothing.
pub const MAX_KEY_BYTES: usize = 128;

/// A secret that two sides share.
///
/// The secret itself is not kept, only the two hash states that it begins; they are wiped when this is dropped. The
/// bytes or the document that it came from are the caller's to wipe.
#[derive(Clone)]
pub struct SharedKey {
    keyed: Hmac<Sha256>,
    kid: Option<String>,
}

impl SharedKey {
    /// The key of [`MIN_KEY_BYTES`] to [`MAX_KEY_BYTES`] bytes; refused where it is shorter or longer.
    pub fn new(secret: &[u8]) -> Result<Self, KeyError> {
        if !(MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&secret.len()) {
            return Err(KeyError::Length);
        }
        let keyed = Hmac::new_from_slice(secret).map_err(|_| KeyError::Length)?;
        Ok(Self { keyed, kid: None })
    }

    /// The same key under a name.
    #[must_use]
    pub fn named(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    /// The `kid`, where there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether `tag` is this key's over the message: all 32 bytes of it, compared in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        self.keyed.clone().chain_update(message).verify_slice(tag).is_ok()
    }

    /// The tag over a message: what RFC 9421 §3.3.3 sends as the signature.
    #[must_use]
    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        self.keyed.clone().chain_update(message).finalize().into_bytes().into()
    }
}

impl fmt::Debug for SharedKey {
    /// Nothing that the secret has a part in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url;
    use alloc::format;

    /// RFC 4231 §4.7 and §4.8 take a key of 131 bytes and so do not fit; these are §4.3 with its key made longer by
    /// zeros, which HMAC itself would add (RFC 2104 §2).
    #[test]
    fn the_tag_of_rfc_4231() {
        let mut key = b"Jefe".to_vec();
        key.resize(32, 0);
        let tag = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
            0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        let key = SharedKey::new(&key).unwrap();
        assert_eq!(key.tag(b"what do ya want for nothing?"), tag);
        assert!(key.verify(b"what do ya want for nothing?", &tag));
    }

    /// RFC 7515 appendix A.1.
    #[test]
    fn the_tag_of_rfc_7515() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let input = concat!(
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.",
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        );
        let key = SharedKey::new(&base64url::decode(key).unwrap()).unwrap();
        let tag = base64url::decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert!(key.verify(input.as_bytes(), &tag));
    }

    #[test]
    fn a_tag_is_whole_and_of_this_message_and_key() {
        let key = SharedKey::new(&[7; 32]).unwrap();
        let tag = key.tag(b"message");
        assert!(key.verify(b"message", &tag));
        assert!(!key.verify(b"messagE", &tag));
        assert!(!SharedKey::new(&[8; 32]).unwrap().verify(b"message", &tag));
        for length in [0, 1, 16, 31] {
            assert!(!key.verify(b"message", &tag[..length]), "{length}");
        }
        assert!(!key.verify(b"message", &[&tag[..], &[0]].concat()));
        for bit in 0..256 {
            let mut tag = tag;
            tag[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify(b"message", &tag), "{bit}");
        }
    }

    #[test]
    fn keys_are_neither_short_nor_long() {
        for (length, expected) in [
            (0, Some(KeyError::Length)),
            (31, Some(KeyError::Length)),
            (32, None),
            (128, None),
            (129, Some(KeyError::Length)),
        ] {
            assert_eq!(SharedKey::new(&[7; 129][..length]).err(), expected, "{length}");
        }
    }

    #[test]
    fn debug_says_nothing_of_the_secret() {
        let key = SharedKey::new(&[0x41; 32]).unwrap().named(Some("a".into()));
        assert_eq!(format!("{key:?}"), "SharedKey { kid: Some(\"a\"), .. }");
        assert_eq!(
            format!("{key:?}"),
            format!("{:?}", SharedKey::new(&[0x42; 32]).unwrap().named(Some("a".into())))
        );
    }
}
