//! ULIDs: identifiers that sort by time. 48 bits of milliseconds, 80 bits that the host drew.

use alloc::string::String;

use crate::time::UnixMillis;

/// Crockford's base32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The 26 characters of a ULID.
pub(super) fn ulid(now: UnixMillis, entropy: [u8; 10]) -> String {
    let random = entropy.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    text(u128::from(now.0) << 80 | random)
}

/// The 128 bits of a ULID; `None` where the text is none.
pub(crate) fn bits(text: &str) -> Option<u128> {
    let digit = |byte: u8| ALPHABET.iter().position(|known| *known == byte).map(|digit| digit as u128);
    // The first of 26 characters has three bits.
    let fits = text.len() == 26 && text.bytes().next().is_some_and(|first| first <= b'7');
    fits.then(|| text.bytes().try_fold(0u128, |bits, byte| Some(bits << 5 | digit(byte)?)))?
}

/// The 26 characters of these bits.
pub(crate) fn text(bits: u128) -> String {
    (0..26)
        .rev()
        .filter_map(|i| ALPHABET.get((bits >> (5 * i)) as usize & 31))
        .map(|b| char::from(*b))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_ulid_specification() {
        assert_eq!(ulid(UnixMillis(1_469_918_176_385), [0; 10]), "01ARYZ6S410000000000000000");
        assert_eq!(ulid(UnixMillis(0), [0xff; 10]), "0000000000ZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn what_is_no_ulid_has_no_bits() {
        for text in
            ["", "01ARYZ6S41000000000000000", "81ARYZ6S410000000000000000", "01ARYZ6S41000000000000000U"]
        {
            assert_eq!(bits(text), None, "{text}");
        }
        let most = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
        assert_eq!((bits(most), text(u128::MAX).as_str()), (Some(u128::MAX), most));
    }
}
