//! One named query parameter as `@query-param` has it (RFC 9421 §2.2.8): parsed by the rules for HTML forms
//! (`application/x-www-form-urlencoded`), then encoded again by the percent-encode set of the same standard.

use alloc::string::String;
use alloc::vec::Vec;

/// Why a parameter has no single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoValue {
    /// It does not occur.
    Missing,
    /// It occurs more than once.
    Repeated,
}

/// The encoded value of the one parameter whose encoded name is `name`.
pub(super) fn encoded_value(query: &str, name: &str) -> Result<String, NoValue> {
    let mut found = None;
    let mut decoded = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (candidate, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !is_name(candidate, name, &mut decoded) {
            continue;
        }
        if found.is_some() {
            return Err(NoValue::Repeated);
        }
        found = Some(value);
    }
    let value = found.ok_or(NoValue::Missing)?;
    decode(value, &mut decoded);
    Ok(String::from_utf8_lossy(&decoded).bytes().flat_map(encode).collect())
}

/// Whether a name as received encodes to `name`. A stranger chooses how many names there are, so that most are
/// told apart by their first character and none allocates unless it is not UTF-8.
fn is_name(received: &str, name: &str, decoded: &mut Vec<u8>) -> bool {
    if received.bytes().next().is_some_and(|first| is_plain(first) && Some(first) != name.bytes().next()) {
        return false;
    }
    decode(received, decoded);
    String::from_utf8_lossy(decoded).bytes().flat_map(encode).eq(name.chars())
}

/// `+` is a space; `%` with two hex digits is a byte; a `%` without them stays.
fn decode(text: &str, bytes: &mut Vec<u8>) {
    bytes.clear();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        match (first, others) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(*byte),
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// ASCII letters, digits and `*-._` stand for themselves.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"*-._".contains(&byte)
}

/// A byte as it stands in an encoded value: everything that is not plain is percent-encoded, a space too.
fn encode(byte: u8) -> impl Iterator<Item = char> {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0').to_ascii_uppercase();
    let plain = is_plain(byte);
    let first = if plain { char::from(byte) } else { '%' };
    let rest = if plain { None } else { Some([digit(byte >> 4), digit(byte & 15)]) };
    core::iter::once(first).chain(rest.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded_and_encoded_again() {
        // The examples of RFC 9421 §2.2.8.
        let query = "param=value&foo=bar&baz=batman&qux=";
        assert_eq!(encoded_value(query, "baz").as_deref(), Ok("batman"));
        assert_eq!(encoded_value(query, "qux").as_deref(), Ok(""));
        let query = "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
        assert_eq!(encoded_value(query, "var").as_deref(), Ok("this%20is%20a%20big%0Amultiline%20value"));
        assert_eq!(encoded_value(query, "bar").as_deref(), Ok("with%20plus%20whitespace"));
        assert_eq!(encoded_value(query, "fa%C3%A7ade%22%3A%20").as_deref(), Ok("something"));
    }

    #[test]
    fn a_name_that_occurs_twice_in_any_spelling_has_no_value() {
        assert_eq!(encoded_value("a=1&%61=2", "a"), Err(NoValue::Repeated));
        assert_eq!(encoded_value("a=1", "b"), Err(NoValue::Missing));
        assert_eq!(encoded_value("", ""), Err(NoValue::Missing));
    }

    #[test]
    fn stray_percent_signs_and_bytes_that_are_not_utf8_have_one_reading() {
        assert_eq!(encoded_value("a=%zz%4", "a").as_deref(), Ok("%25zz%254"));
        assert_eq!(encoded_value("a=%ff~", "a").as_deref(), Ok("%EF%BF%BD%7E"));
    }
}
