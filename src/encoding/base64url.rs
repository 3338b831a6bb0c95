//! base64url without padding (RFC 4648 §5, RFC 7515 §2), in its one canonical form.
//!
//! A byte string has exactly one spelling here: padding, white space, the other alphabet (`+`, `/`), trailing
//! bits that are not zero and lengths that no byte string has are refused. So a token cannot be respelled into
//! another token with the same signature, and caches and replay stores may key on the text.
//!
//! Not constant-time: for public values (signatures, public keys, token parts), not for private keys.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// Why a text is not canonical base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base64UrlError {
    /// A character outside the alphabet: padding, white space and `+` `/` included.
    Character,
    /// A length that no byte string encodes to.
    Length,
    /// The last character has bits set that no byte holds.
    TrailingBits,
    /// Well-formed, but not as many bytes as asked for.
    WrongSize,
}

impl fmt::Display for Base64UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "character outside the base64url alphabet",
            Self::Length => "impossible base64url length",
            Self::TrailingBits => "base64url trailing bits are not zero",
            Self::WrongSize => "base64url value has the wrong size",
        })
    }
}

impl core::error::Error for Base64UrlError {}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Marks bytes outside the alphabet: a bit that no 6-bit value has, and that survives OR-ing.
const INVALID: u8 = 0x80;
const VALUES: [u8; 256] = values();

#[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)] // Evaluated by the compiler.
const fn values() -> [u8; 256] {
    let mut values = [INVALID; 256];
    let mut i = 0;
    while i < ALPHABET.len() {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
}

/// The bytes as unpadded base64url.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        for (to, from) in group.iter_mut().zip(chunk) {
            *to = *from;
        }
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for shift in [18, 12, 6, 0].into_iter().take(chunk.len() + 1) {
            text.push(character(bits >> shift));
        }
    }
    text
}

fn character(bits: u32) -> char {
    ALPHABET.get(bits as usize & 0x3f).copied().map_or('A', char::from)
}

/// The bytes that `text` encodes.
pub fn decode(text: &str) -> Result<Vec<u8>, Base64UrlError> {
    let mut bytes = vec![0; decoded_len(text)?];
    decode_into(text, &mut bytes)?;
    Ok(bytes)
}

/// The `N` bytes that `text` encodes; refused where it encodes more or fewer.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], Base64UrlError> {
    let mut bytes = [0; N];
    if decoded_len(text)? != N {
        return Err(Base64UrlError::WrongSize);
    }
    decode_into(text, &mut bytes)?;
    Ok(bytes)
}

fn decoded_len(text: &str) -> Result<usize, Base64UrlError> {
    let rest = match text.len() % 4 {
        0 => 0,
        2 => 1,
        3 => 2,
        _ => return Err(Base64UrlError::Length),
    };
    Ok(text.len() / 4 * 3 + rest)
}

/// `bytes` is exactly as long as [`decoded_len`] says.
fn decode_into(text: &str, bytes: &mut [u8]) -> Result<(), Base64UrlError> {
    for (group, out) in text.as_bytes().chunks(4).zip(bytes.chunks_mut(3)) {
        let mut bits = 0;
        let mut seen = 0;
        for byte in group {
            let value = VALUES.get(usize::from(*byte)).copied().unwrap_or(INVALID);
            seen |= value;
            bits = bits << 6 | u32::from(value);
        }
        if seen & INVALID != 0 {
            return Err(Base64UrlError::Character);
        }
        let bits = bits << (6 * (4 - group.len()));
        let [_, decoded @ ..] = bits.to_be_bytes();
        let (kept, dropped) = decoded.split_at_checked(out.len()).unwrap_or((&decoded, &[]));
        if dropped.iter().any(|byte| *byte != 0) {
            return Err(Base64UrlError::TrailingBits);
        }
        out.copy_from_slice(kept);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_4648_section_10_without_padding() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(decode("-_-_").unwrap(), [0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn other_spellings_of_the_same_bytes_are_refused() {
        for (text, error) in [
            ("Zg==", Base64UrlError::Character),
            ("Zm8=", Base64UrlError::Character),
            ("Zh", Base64UrlError::TrailingBits),
            ("Zm9", Base64UrlError::TrailingBits),
            ("Zm9vY", Base64UrlError::Length),
            ("Z", Base64UrlError::Length),
            ("+/+/", Base64UrlError::Character),
            ("Zm 9", Base64UrlError::Character),
            ("Zm9v\n", Base64UrlError::Length),
            ("Zm\r\n", Base64UrlError::Character),
            ("Zm\u{e9}", Base64UrlError::Character),
            ("Zm?v", Base64UrlError::Character),
        ] {
            assert_eq!(decode(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn an_array_takes_exactly_its_size() {
        assert_eq!(decode_array::<3>("Zm9v"), Ok(*b"foo"));
        assert_eq!(decode_array::<4>("Zm9v"), Err(Base64UrlError::WrongSize));
        assert_eq!(decode_array::<2>("Zm9v"), Err(Base64UrlError::WrongSize));
        assert_eq!(decode_array::<2>("Zm9"), Err(Base64UrlError::TrailingBits));
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn what_decodes_is_the_only_spelling(text in "[A-Za-z0-9_=+/ -]{0,12}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
