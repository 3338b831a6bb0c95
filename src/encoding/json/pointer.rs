//! JSON Pointer (RFC 6901): which value of a document is meant.

use alloc::string::String;
use alloc::vec::Vec;

use super::Value;

/// Longest pointer in bytes: 256.
const MAX_BYTES: usize = 256;

/// A pointer to a value below the root of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// Parses the string representation (§3), as `/payment/amount`; `None` where it is none, longer than 256 bytes, or
    /// the whole document.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('/').filter(|_| text.len() <= MAX_BYTES)?;
        let tokens = text.split('/').map(unescape).collect::<Option<_>>()?;
        Some(Self { tokens })
    }

    /// The value that it points to (§4); none, where another member has the same name but for its case. An index has no leading zero; `-`, the element after the last, is never there.
    #[must_use]
    pub fn find<'a, 'v>(&self, document: &'a Value<'v>) -> Option<&'a Value<'v>> {
        self.tokens.iter().try_fold(document, |value, token| match value {
            Value::Object(object) => object.get(token).filter(|_| !object.has_lookalike(token)),
            Value::Array(elements) => elements.get(index(token)?),
            _ => None,
        })
    }
}

/// `~1` is a slash and `~0` a tilde (§3); no other character follows a tilde.
fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut unescaped = String::from(parts.next().unwrap_or_default());
    for part in parts {
        let (character, rest) = match part.strip_prefix('0') {
            Some(rest) => ('~', rest),
            None => ('/', part.strip_prefix('1')?),
        };
        unescaped.push(character);
        unescaped.push_str(rest);
    }
    Some(unescaped)
}

fn index(token: &str) -> Option<usize> {
    let is_number = token.bytes().all(|b| b.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    if is_number { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn the_examples_of_the_standard_point_where_it_says() {
        // RFC 6901 §5, without the pointer to the whole document and what JSON strings cannot tell apart here.
        let text =
            br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        let document = parse(text, 1024).unwrap();
        let integer =
            |pointer: &str| Pointer::parse(pointer).unwrap().find(&document).and_then(Value::as_i64);
        for (i, pointer) in
            ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"].iter().enumerate()
        {
            assert_eq!(integer(pointer), i64::try_from(i).ok(), "{pointer}");
        }
        let text = |pointer: &str| Pointer::parse(pointer).unwrap().find(&document).and_then(Value::as_str);
        assert_eq!((text("/foo/0"), text("/foo/1")), (Some("bar"), Some("baz")));
        for missing in ["/foo/2", "/foo/00", "/foo/-", "/foo/+1", "/foo/", "/foo/0/x", "/nothing", "/a"] {
            assert_eq!(text(missing), None, "{missing}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["", "a", "a/b", "/~", "/~2", "/a~", "/~01~"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
        assert_eq!(Pointer::parse(&"/a".repeat(129)), None);
    }

    #[test]
    fn a_name_that_could_be_read_as_another_points_nowhere() {
        let pointer = Pointer::parse("/task/kind").unwrap();
        let found = |text: &str| {
            let document = parse(text.as_bytes(), 1024).unwrap();
            pointer.find(&document).and_then(Value::as_i64)
        };
        assert_eq!(found(r#"{"task":{"kind":1,"king":2}}"#), Some(1));
        for text in [
            r#"{"task":{"kind":1,"Kind":2}}"#,
            r#"{"task":{"kind":1},"TASK":{"kind":2}}"#,
            r#"{"task":{"kind":1},"ta\u017fk":{"kind":2}}"#,
            r#"{"task":{"kind":1,"\u212aind":2}}"#,
            r#"{"task":{"Kind":1}}"#,
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
