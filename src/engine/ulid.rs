//! ULIDs: identifiers that sort by time. 48 bits of milliseconds, 80 bits that the host drew.

use alloc::string::String;

use crate::time::UnixMillis;

/// Crockford's base32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The 26 characters of a ULID.
pub(super) fn ulid(now: UnixMillis, entropy: [u8; 10]) -> String {
    let random = entropy.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    let bits = u128::from(now.0) << 80 | random;
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
}
