//! JSON (RFC 8259), strictly: what two parsers could read differently is refused.
//!
//! Refused are duplicate members at every depth (compared after unescaping), lone surrogates, a byte order
//! mark, anything after the value, numbers beyond what a binary64 holds, and input beyond the bounds: the
//! caller's length, [`MAX_DEPTH`], [`MAX_VALUES`]. Numbers are kept where they are integers that an `i64` holds exactly; all others parse, but
//! no accessor hands them out, so `"exp": 1e9` or `"exp": 1.5` cannot pass as a time.
//!
//! [`from_value`] deserialises configuration out of a [`Value`] with the path of the field in every error. This
//! module does not write JSON.

mod de;
mod parser;
mod pointer;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use de::{DeError, from_value};
pub use pointer::Pointer;

/// Deepest nesting of arrays and objects. Documents of the standards read here nest less than ten deep.
pub const MAX_DEPTH: usize = 32;
/// Most values in one document, member values and array elements included: bounds memory to about a megabyte,
/// and is far above a set of a hundred keys (about a thousand values).
pub const MAX_VALUES: usize = 16 * 1024;

/// Parses one JSON value of at most `max_bytes` bytes.
pub fn parse(input: &[u8], max_bytes: usize) -> Result<Value<'_>, JsonError> {
    if input.len() > max_bytes {
        return Err(JsonError { kind: JsonErrorKind::TooLong, offset: max_bytes });
    }
    let text = core::str::from_utf8(input)
        .map_err(|error| JsonError { kind: JsonErrorKind::NotUtf8, offset: error.valid_up_to() })?;
    parser::Parser::new(text).document()
}

/// Parses one JSON object of at most `max_bytes` bytes.
pub fn parse_object(input: &[u8], max_bytes: usize) -> Result<Object<'_>, JsonError> {
    match parse(input, max_bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError { kind: JsonErrorKind::NotAnObject, offset: 0 }),
    }
}

/// What is wrong with a JSON text, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Where, in bytes from the start.
    pub offset: usize,
}

/// What is wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Longer than the caller's bound.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// Begins with a byte order mark.
    ByteOrderMark,
    /// Against the grammar, or cut off.
    Syntax,
    /// A string with a lone surrogate, which no UTF-8 text holds.
    LoneSurrogate,
    /// A member name twice in one object.
    DuplicateMember,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More than [`MAX_VALUES`] values.
    TooManyValues,
    /// A number that no binary64 is near (RFC 7493 §2.2): some parsers refuse it, some read infinity.
    NumberTooLarge,
    /// Something follows the value.
    TrailingData,
    /// A value, but not an object where one was asked for.
    NotAnObject,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "json is too long",
            Self::NotUtf8 => "json is not utf-8",
            Self::ByteOrderMark => "json begins with a byte order mark",
            Self::Syntax => "json syntax error",
            Self::LoneSurrogate => "json string has a lone surrogate",
            Self::DuplicateMember => "json object has a member twice",
            Self::TooDeep => "json is nested too deep",
            Self::TooManyValues => "json has too many values",
            Self::NumberTooLarge => "json number is too large",
            Self::TrailingData => "json value is followed by more",
            Self::NotAnObject => "json value is not an object",
        })
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for JsonError {}

/// A JSON value; strings without escapes borrow from the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// A JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// An integer written without fraction and exponent that an `i64` holds exactly.
    Integer(i64),
    /// Any other number: fraction, exponent, out of range, or minus zero. Its value is not kept.
    Other,
}

impl<'a> Value<'a> {
    /// The text, where this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, where this is one that an `i64` holds exactly.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(Number::Integer(integer)) => Some(*integer),
            _ => None,
        }
    }

    /// The truth value, where this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The elements, where this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The object, where this is one.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The same value, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(truth),
            Self::Number(number) => Value::Number(number),
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::Array(elements) => Value::Array(elements.into_iter().map(Value::into_owned).collect()),
            Self::Object(object) => Value::Object(object.into_owned()),
        }
    }
}

/// A JSON object: no name occurs twice, order is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The value of the member `name`, compared code point for code point.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// Whether there is a member `name`, also one that is `null`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether a member has this name but for its case. Binders that ignore case, as those of Go and .NET do, would take
    /// it for the one that is meant, so that two readers would read two values. Letters outside ASCII count where they
    /// fold to one inside: `ſ` and the Kelvin sign.
    #[must_use]
    pub fn has_lookalike(&self, name: &str) -> bool {
        self.iter().any(|(other, _)| other != name && folded(other).eq(folded(name)))
    }

    /// The same object with a member, unless it has one of this name: for what a standard lets a sender leave out.
    #[must_use]
    pub(crate) fn or(mut self, name: &'a str, value: Value<'a>) -> Self {
        if !self.contains(name) {
            self.members.push((Cow::Borrowed(name), value));
        }
        self
    }

    /// The members in the order written.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The same object, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Object<'static> {
        let owned = |(name, value): (Cow<'a, str>, Value<'a>)| (owned_str(name), value.into_owned());
        Object { members: self.members.into_iter().map(owned).collect() }
    }
}

fn owned_str(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(String::from(text))
}

/// A name without its case, as far as names of members go.
fn folded(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    })
}
