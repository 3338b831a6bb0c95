//! Writing `application/x-www-form-urlencoded`, as OAuth's endpoints take it (RFC 6749 Appendix B).
//!
//! It is not read here: what RFC 9421 reads of it is in `signature::query`.

use alloc::string::String;

/// Appends `name=value`, after a `&` where something stands there already.
pub(crate) fn push_pair(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    push(form, name);
    form.push('=');
    push(form, value);
}

/// Appends a text. ASCII letters, digits and `*-._` stand for themselves, a space is a plus.
pub(crate) fn push(form: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    for byte in text.bytes() {
        match byte {
            b' ' => form.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) => form.push(char::from(byte)),
            _ => form.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_6749_is_written_as_there() {
        let mut form = String::new();
        push(&mut form, " %&+\u{a3}\u{20ac}");
        assert_eq!(form, "+%25%26%2B%C2%A3%E2%82%AC");
    }

    #[test]
    fn pairs_cannot_run_into_one_another() {
        let mut form = String::new();
        push_pair(&mut form, "a", "1&b=2");
        push_pair(&mut form, "c", "*-._~");
        assert_eq!(form, "a=1%26b%3D2&c=*-._%7E");
    }
}
