//! The parser: recursive, with the recursion bounded by [`MAX_DEPTH`].

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::{JsonError, JsonErrorKind, MAX_DEPTH, MAX_VALUES, Number, Object, Value};

/// Objects up to this size are searched for duplicates pair by pair, which is faster than sorting them.
const SMALL_OBJECT: usize = 16;

pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, values: 0 }
    }

    pub(super) fn document(mut self) -> Result<Value<'a>, JsonError> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.error(JsonErrorKind::ByteOrderMark));
        }
        let value = self.value()?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.error(JsonErrorKind::TrailingData));
        }
        Ok(value)
    }

    fn value(&mut self) -> Result<Value<'a>, JsonError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.error(JsonErrorKind::TooManyValues));
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(self.number()?)),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => Err(self.error(JsonErrorKind::Syntax)),
        }
    }

    fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Value<'a>, JsonError>,
    ) -> Result<Value<'a>, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(JsonErrorKind::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        let value = parse(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// After `{`.
    fn object(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        let mut members = Vec::new();
        self.skip_space();
        if !self.take(b'}') {
            loop {
                self.skip_space();
                let name = self.string()?;
                self.skip_space();
                self.expect(b':')?;
                members.push((name, self.value()?));
                self.skip_space();
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b'}')?;
        }
        if has_duplicate(&members) {
            return Err(JsonError { kind: JsonErrorKind::DuplicateMember, offset: start });
        }
        Ok(Value::Object(Object { members }))
    }

    /// After `[`.
    fn array(&mut self) -> Result<Value<'a>, JsonError> {
        let mut elements = Vec::new();
        self.skip_space();
        if !self.take(b']') {
            loop {
                elements.push(self.value()?);
                self.skip_space();
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b']')?;
        }
        Ok(Value::Array(elements))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"')?;
        let plain = self.plain_run()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = String::from(plain);
        loop {
            if self.take(b'"') {
                return Ok(Cow::Owned(text));
            }
            self.expect(b'\\')?;
            text.push(self.escaped()?);
            text.push_str(self.plain_run()?);
        }
    }

    /// Everything up to the next quote, backslash or control character (which then fails to be a quote).
    fn plain_run(&mut self) -> Result<&'a str, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let stops = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
        let len = rest.bytes().position(stops).ok_or_else(|| self.error(JsonErrorKind::Syntax))?;
        self.at += len;
        Ok(rest.get(..len).unwrap_or_default())
    }

    /// After a backslash.
    fn escaped(&mut self) -> Result<char, JsonError> {
        let byte = self.peek().ok_or_else(|| self.error(JsonErrorKind::Syntax))?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => {
                self.at -= 1;
                return Err(self.error(JsonErrorKind::Syntax));
            }
        })
    }

    /// After `\u`.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        let lone = JsonError { kind: JsonErrorKind::LoneSurrogate, offset: start };
        let unit = self.hex4()?;
        if !(0xd800..=0xdbff).contains(&unit) {
            return char::from_u32(unit).ok_or(lone);
        }
        if !(self.take(b'\\') && self.take(b'u')) {
            return Err(lone);
        }
        let low = self.hex4()?;
        if !(0xdc00..=0xdfff).contains(&low) {
            return Err(lone);
        }
        char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).ok_or(lone)
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or_else(|| self.error(JsonErrorKind::Syntax))?;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        let negative = self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut integer = true;
        if self.take(b'.') {
            integer = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            integer = false;
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match text.parse() {
            Ok(value) if integer && !(negative && value == 0) => Ok(Number::Integer(value)),
            _ if text.parse::<f64>().is_ok_and(f64::is_finite) => Ok(Number::Other),
            _ => Err(JsonError { kind: JsonErrorKind::NumberTooLarge, offset: start }),
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.error(JsonErrorKind::Syntax)) } else { Ok(()) }
    }

    fn literal(&mut self, literal: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(literal) {
            return Err(self.error(JsonErrorKind::Syntax));
        }
        self.at += literal.len();
        Ok(value)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.error(JsonErrorKind::Syntax)) }
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, offset: self.at }
    }
}

fn has_duplicate(members: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    if members.len() <= SMALL_OBJECT {
        let mut rest = members;
        while let [(name, _), tail @ ..] = rest {
            if tail.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = tail;
        }
        return false;
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}
