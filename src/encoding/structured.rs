//! Structured field values (RFC 9651): a strict, bounded parser and the canonical serialisation.
//!
//! Covers Items, Lists, Dictionaries, Inner Lists, Parameters and every bare type. Input is the combined value
//! of a field (all its lines joined by commas, see [`Fields::combined`](crate::request::Fields::combined)).
//!
//! Two things differ from a plain parser, because signatures hang on them. A key that occurs twice is parsed as
//! RFC 9651 says (the last value wins, in the first one's place), but [`Dictionary::duplicate`] and
//! [`Parameters::duplicate`] tell, so that a caller can refuse what two readers may understand differently.
//! And [`Entry::text`] keeps the received text of each dictionary member, for `@signature-params` is signed byte
//! for byte (RFC 9421 §2.3).
//!
//! It does not know which field has which type, and it does not recurse: an Inner List holds Items only.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Bounds on what is parsed. Beyond them parsing fails, it never truncates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of input.
    pub bytes: usize,
    /// Most members of a List or Dictionary, as received (a repeated key counts again).
    pub members: usize,
    /// Most Items in one Inner List.
    pub inner_items: usize,
    /// Most Parameters on one Item or Inner List, as received.
    pub parameters: usize,
}

impl Limits {
    /// 64 KiB, 1,024 members, 256 inner items and 256 parameters: the least that RFC 9651 §3 tells parsers to
    /// support, and as much input as a [`RequestView`](crate::request::RequestView) can hold.
    pub const STANDARD: Self = Self { bytes: 64 * 1024, members: 1024, inner_items: 256, parameters: 256 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// What is wrong with a structured field value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The input is longer than [`Limits::bytes`].
    TooLong,
    /// More members than [`Limits::members`].
    TooManyMembers,
    /// More Items in an Inner List than [`Limits::inner_items`].
    TooManyItems,
    /// More Parameters than [`Limits::parameters`].
    TooManyParameters,
    /// A character outside ASCII (RFC 9651 §4.2 step 1).
    NotAscii,
    /// No value begins here.
    Value,
    /// Not a key (§4.2.3.3).
    Key,
    /// Not an Integer or Decimal, or one with too many digits (§4.2.4).
    Number,
    /// An unterminated String, or one with a character or escape that is not allowed (§4.2.5).
    String,
    /// A Byte Sequence that is unterminated or not base64 (§4.2.7).
    Bytes,
    /// Neither `?0` nor `?1` (§4.2.8).
    Boolean,
    /// A Date that is not an Integer (§4.2.9).
    Date,
    /// A Display String that is unterminated, or not lower-case percent-encoded UTF-8 (§4.2.10).
    DisplayString,
    /// An Inner List that is unterminated, or whose Items are not separated by spaces (§4.2.1.2).
    InnerList,
    /// A comma with nothing after it (§4.2.1, §4.2.2).
    TrailingComma,
    /// Something stands after the value, or between members.
    Trailing,
}

/// Why a value did not parse, and at which byte of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// Byte offset into the input at which it showed.
    pub at: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::TooLong => "structured field is too long",
            Fault::TooManyMembers => "structured field has too many members",
            Fault::TooManyItems => "inner list has too many items",
            Fault::TooManyParameters => "too many parameters",
            Fault::NotAscii => "structured field is not ascii",
            Fault::Value => "no structured field value begins here",
            Fault::Key => "not a structured field key",
            Fault::Number => "not an integer or decimal",
            Fault::String => "not a string",
            Fault::Bytes => "not a byte sequence",
            Fault::Boolean => "not a boolean",
            Fault::Date => "not a date",
            Fault::DisplayString => "not a display string",
            Fault::InnerList => "not an inner list",
            Fault::TrailingComma => "trailing comma",
            Fault::Trailing => "unexpected character after a value",
        };
        write!(f, "{what}, at byte {}", self.at)
    }
}

impl core::error::Error for ParseError {}

/// A value that has no serialisation (RFC 9651 §4.1 says to fail).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SerializeError {
    /// A key that is not one (§4.1.1.3).
    Key,
    /// An Integer or Date of more than fifteen digits (§4.1.4, §4.1.10).
    Integer,
    /// A String with a character outside printable ASCII (§4.1.6).
    String,
    /// A Token that is not one (§4.1.7).
    Token,
}

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key cannot be serialised",
            Self::Integer => "integer has more than fifteen digits",
            Self::String => "string is not printable ascii",
            Self::Token => "token cannot be serialised",
        })
    }
}

impl core::error::Error for SerializeError {}

/// Greatest magnitude of an Integer: fifteen digits (RFC 9651 §3.3.1).
pub const MAX_INTEGER: i64 = 999_999_999_999_999;

/// A Decimal: at most twelve digits, a point, and at most three more (RFC 9651 §3.3.2), exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

impl Decimal {
    /// A Decimal of so many thousandths; `None` where its integer part has more than twelve digits.
    #[must_use]
    pub fn from_thousandths(thousandths: i64) -> Option<Self> {
        (thousandths.unsigned_abs() <= MAX_INTEGER.unsigned_abs()).then_some(Self(thousandths))
    }

    /// The value in thousandths.
    #[must_use]
    pub fn thousandths(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Decimal {
    /// The canonical form (RFC 9651 §4.1.5): no trailing zeros, but one digit after the point at least.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / 1000, magnitude % 1000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction % 100 == 0 {
            write!(f, "{sign}{whole}.{}", fraction / 100)
        } else if fraction % 10 == 0 {
            write!(f, "{sign}{whole}.{:02}", fraction / 10)
        } else {
            write!(f, "{sign}{whole}.{fraction:03}")
        }
    }
}

/// A bare Item (RFC 9651 §3.3): a value without Parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BareItem<'a> {
    /// `42`
    Integer(i64),
    /// `4.5`
    Decimal(Decimal),
    /// `"hello"`, with its escapes resolved.
    String(Cow<'a, str>),
    /// `foo/bar`
    Token(Cow<'a, str>),
    /// `:cHJldGVuZA==:`, decoded.
    Bytes(Vec<u8>),
    /// `?1`
    Boolean(bool),
    /// `@1659578233`, seconds since 1970.
    Date(i64),
    /// `%"f%c3%bc"`, decoded.
    DisplayString(Cow<'a, str>),
}

impl BareItem<'_> {
    /// The text of a String, and of nothing else.
    #[must_use]
    pub fn as_string(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The text of a Token, and of nothing else.
    #[must_use]
    pub fn as_token(&self) -> Option<&str> {
        if let Self::Token(text) = self { Some(text) } else { None }
    }

    /// The value of an Integer, and of nothing else.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The bytes of a Byte Sequence, and of nothing else.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// Appends the canonical form.
    pub fn write(&self, out: &mut String) -> Result<(), SerializeError> {
        match self {
            Self::Integer(value) => write_integer(*value, out)?,
            Self::Decimal(value) => push_display(value, out),
            Self::String(text) => write_string(text, out)?,
            Self::Token(text) => write_token(text, out)?,
            Self::Bytes(bytes) => write_bytes(bytes, out),
            Self::Boolean(value) => out.push_str(if *value { "?1" } else { "?0" }),
            Self::Date(value) => {
                out.push('@');
                write_integer(*value, out)?;
            }
            Self::DisplayString(text) => write_display_string(text, out),
        }
        Ok(())
    }
}

/// Parameters (RFC 9651 §3.1.2), in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    entries: Vec<(&'a str, BareItem<'a>)>,
    duplicate: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a parameter: a new one goes to the end, a known one keeps its place and is noted as a duplicate.
    pub fn insert(&mut self, key: &'a str, value: BareItem<'a>) {
        if let Some((_, known)) = self.entries.iter_mut().find(|(k, _)| *k == key) {
            *known = value;
            self.duplicate.get_or_insert(key);
        } else {
            self.entries.push((key, value));
        }
    }

    /// The value of a parameter; the last one where it was received more than once.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&BareItem<'a>> {
        self.entries.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &BareItem<'a>)> {
        self.entries.iter().map(|(key, value)| (*key, value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there are, each key once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The first key that was received more than once.
    #[must_use]
    pub fn duplicate(&self) -> Option<&'a str> {
        self.duplicate
    }

    /// Appends the canonical form (RFC 9651 §4.1.1.2).
    pub fn write(&self, out: &mut String) -> Result<(), SerializeError> {
        for (key, value) in &self.entries {
            out.push(';');
            write_key(key, out)?;
            if *value != BareItem::Boolean(true) {
                out.push('=');
                value.write(out)?;
            }
        }
        Ok(())
    }
}

/// An Item: a bare Item with Parameters (RFC 9651 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The value.
    pub value: BareItem<'a>,
    /// Its parameters.
    pub params: Parameters<'a>,
}

impl<'a> Item<'a> {
    /// Parses a field value that is one Item, within [`Limits::STANDARD`].
    pub fn parse(input: &'a str) -> Result<Self, ParseError> {
        Self::parse_within(input, Limits::STANDARD)
    }

    /// Parses a field value that is one Item.
    pub fn parse_within(input: &'a str, limits: Limits) -> Result<Self, ParseError> {
        let mut parser = Parser::new(input, limits)?;
        let item = parser.item()?;
        parser.finish()?;
        Ok(item)
    }

    /// Appends the canonical form (RFC 9651 §4.1.3).
    pub fn write(&self, out: &mut String) -> Result<(), SerializeError> {
        self.value.write(out)?;
        self.params.write(out)
    }

    /// The canonical form.
    pub fn serialize(&self) -> Result<String, SerializeError> {
        collect(|out| self.write(out))
    }
}

impl<'a> From<BareItem<'a>> for Item<'a> {
    fn from(value: BareItem<'a>) -> Self {
        Self { value, params: Parameters::new() }
    }
}

/// An Inner List: Items in parentheses, with Parameters (RFC 9651 §3.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InnerList<'a> {
    /// The items, in order.
    pub items: Vec<Item<'a>>,
    /// The parameters of the list itself.
    pub params: Parameters<'a>,
}

impl InnerList<'_> {
    /// Appends the canonical form (RFC 9651 §4.1.1.1).
    pub fn write(&self, out: &mut String) -> Result<(), SerializeError> {
        out.push('(');
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            item.write(out)?;
        }
        out.push(')');
        self.params.write(out)
    }
}

/// A member of a List or Dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member<'a> {
    /// An Item.
    Item(Item<'a>),
    /// An Inner List.
    InnerList(InnerList<'a>),
}

impl<'a> Member<'a> {
    /// The Item, if it is one.
    #[must_use]
    pub fn as_item(&self) -> Option<&Item<'a>> {
        if let Self::Item(item) = self { Some(item) } else { None }
    }

    /// The Inner List, if it is one.
    #[must_use]
    pub fn as_inner_list(&self) -> Option<&InnerList<'a>> {
        if let Self::InnerList(list) = self { Some(list) } else { None }
    }

    /// Appends the canonical form.
    pub fn write(&self, out: &mut String) -> Result<(), SerializeError> {
        match self {
            Self::Item(item) => item.write(out),
            Self::InnerList(list) => list.write(out),
        }
    }

    /// The parameters where the value is `true`, which a Dictionary leaves out (RFC 9651 §4.1.2).
    fn omitted_value(&self) -> Option<&Parameters<'a>> {
        match self {
            Self::Item(Item { value: BareItem::Boolean(true), params }) => Some(params),
            _ => None,
        }
    }
}

/// A List (RFC 9651 §3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List<'a> {
    /// The members, in order.
    pub members: Vec<Member<'a>>,
}

impl<'a> List<'a> {
    /// Parses a field value that is a List, within [`Limits::STANDARD`].
    pub fn parse(input: &'a str) -> Result<Self, ParseError> {
        Self::parse_within(input, Limits::STANDARD)
    }

    /// Parses a field value that is a List.
    pub fn parse_within(input: &'a str, limits: Limits) -> Result<Self, ParseError> {
        let mut parser = Parser::new(input, limits)?;
        let mut members = Vec::new();
        while !parser.at_end() {
            if members.len() == limits.members {
                return Err(parser.error(Fault::TooManyMembers));
            }
            members.push(parser.member()?);
            parser.separator()?;
        }
        parser.finish()?;
        Ok(Self { members })
    }

    /// Appends the canonical form (RFC 9651 §4.1.1); nothing for an empty List, whose field is left out.
    pub fn write(&self, out: &mut String) -> Result<(), SerializeError> {
        for (index, member) in self.members.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            member.write(out)?;
        }
        Ok(())
    }

    /// The canonical form.
    pub fn serialize(&self) -> Result<String, SerializeError> {
        collect(|out| self.write(out))
    }
}

/// A member of a Dictionary with its key and its received text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a str,
    /// The value.
    pub member: Member<'a>,
    /// The member as received, without key and `=`: the value and all its parameters. Empty for an entry that
    /// was not parsed.
    pub text: &'a str,
}

/// A Dictionary (RFC 9651 §3.2), in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary<'a> {
    entries: Vec<Entry<'a>>,
    duplicate: Option<&'a str>,
}

impl<'a> Dictionary<'a> {
    /// An empty Dictionary.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses a field value that is a Dictionary, within [`Limits::STANDARD`].
    pub fn parse(input: &'a str) -> Result<Self, ParseError> {
        Self::parse_within(input, Limits::STANDARD)
    }

    /// Parses a field value that is a Dictionary (RFC 9651 §4.2.2).
    pub fn parse_within(input: &'a str, limits: Limits) -> Result<Self, ParseError> {
        let mut parser = Parser::new(input, limits)?;
        let mut dictionary = Self::new();
        let mut members = 0;
        while !parser.at_end() {
            if members == limits.members {
                return Err(parser.error(Fault::TooManyMembers));
            }
            members += 1;
            dictionary.insert_entry(parser.entry()?);
            parser.separator()?;
        }
        parser.finish()?;
        Ok(dictionary)
    }

    /// Sets a member: a new one goes to the end, a known one keeps its place and is noted as a duplicate.
    pub fn insert(&mut self, key: &'a str, member: Member<'a>) {
        self.insert_entry(Entry { key, member, text: "" });
    }

    fn insert_entry(&mut self, entry: Entry<'a>) {
        if let Some(known) = self.entries.iter_mut().find(|known| known.key == entry.key) {
            self.duplicate.get_or_insert(entry.key);
            *known = entry;
        } else {
            self.entries.push(entry);
        }
    }

    /// The entry of a key; the last one where it was received more than once.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }

    /// The first key that was received more than once.
    #[must_use]
    pub fn duplicate(&self) -> Option<&'a str> {
        self.duplicate
    }

    /// Appends the canonical form (RFC 9651 §4.1.2); nothing for an empty one, whose field is left out.
    pub fn write(&self, out: &mut String) -> Result<(), SerializeError> {
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            write_key(entry.key, out)?;
            if let Some(params) = entry.member.omitted_value() {
                params.write(out)?;
            } else {
                out.push('=');
                entry.member.write(out)?;
            }
        }
        Ok(())
    }

    /// The canonical form.
    pub fn serialize(&self) -> Result<String, SerializeError> {
        collect(|out| self.write(out))
    }
}

/// A cursor over ASCII input. `at` only moves forward and never past the end.
struct Parser<'a> {
    input: &'a str,
    at: usize,
    limits: Limits,
}

impl<'a> Parser<'a> {
    fn new(input: &'a str, limits: Limits) -> Result<Self, ParseError> {
        if input.len() > limits.bytes {
            return Err(ParseError { fault: Fault::TooLong, at: limits.bytes });
        }
        if let Some(at) = input.bytes().position(|b| !b.is_ascii()) {
            return Err(ParseError { fault: Fault::NotAscii, at });
        }
        let mut parser = Self { input, at: 0, limits };
        parser.skip(|b| b == b' ');
        Ok(parser)
    }

    fn error(&self, fault: Fault) -> ParseError {
        ParseError { fault, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.input.as_bytes().get(self.at).copied()
    }

    fn at_end(&self) -> bool {
        self.at >= self.input.len()
    }

    fn advance(&mut self) {
        self.at = self.input.len().min(self.at + 1);
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.advance();
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.advance();
        }
        found
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.advance();
        }
    }

    /// The input from `start` up to here. Input is ASCII, so every offset is a boundary.
    fn since(&self, start: usize) -> &'a str {
        self.input.get(start..self.at).unwrap_or_default()
    }

    /// §4.2 steps 6 to 8: only spaces may follow.
    fn finish(&mut self) -> Result<(), ParseError> {
        self.skip(|b| b == b' ');
        if self.at_end() { Ok(()) } else { Err(self.error(Fault::Trailing)) }
    }

    /// What stands between two members of a List or Dictionary: a comma with optional white space.
    fn separator(&mut self) -> Result<(), ParseError> {
        let is_ows = |b| b == b' ' || b == b'\t';
        self.skip(is_ows);
        if self.at_end() {
            return Ok(());
        }
        if !self.eat(b',') {
            return Err(self.error(Fault::Trailing));
        }
        self.skip(is_ows);
        if self.at_end() { Err(self.error(Fault::TrailingComma)) } else { Ok(()) }
    }

    fn member(&mut self) -> Result<Member<'a>, ParseError> {
        if self.peek() == Some(b'(') {
            self.inner_list().map(Member::InnerList)
        } else {
            self.item().map(Member::Item)
        }
    }

    fn entry(&mut self) -> Result<Entry<'a>, ParseError> {
        let key = self.key()?;
        if self.eat(b'=') {
            let start = self.at;
            let member = self.member()?;
            return Ok(Entry { key, member, text: self.since(start) });
        }
        let start = self.at;
        let item = Item { value: BareItem::Boolean(true), params: self.parameters()? };
        Ok(Entry { key, member: Member::Item(item), text: self.since(start) })
    }

    /// §4.2.1.2.
    fn inner_list(&mut self) -> Result<InnerList<'a>, ParseError> {
        self.advance();
        let mut items = Vec::new();
        loop {
            self.skip(|b| b == b' ');
            if self.eat(b')') {
                return Ok(InnerList { items, params: self.parameters()? });
            }
            if self.at_end() {
                return Err(self.error(Fault::InnerList));
            }
            if items.len() == self.limits.inner_items {
                return Err(self.error(Fault::TooManyItems));
            }
            items.push(self.item()?);
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(self.error(Fault::InnerList));
            }
        }
    }

    fn item(&mut self) -> Result<Item<'a>, ParseError> {
        Ok(Item { value: self.bare_item()?, params: self.parameters()? })
    }

    /// §4.2.3.2.
    fn parameters(&mut self) -> Result<Parameters<'a>, ParseError> {
        let mut params = Parameters::new();
        let mut received = 0;
        while self.eat(b';') {
            if received == self.limits.parameters {
                return Err(self.error(Fault::TooManyParameters));
            }
            received += 1;
            self.skip(|b| b == b' ');
            let key = self.key()?;
            let value = if self.eat(b'=') { self.bare_item()? } else { BareItem::Boolean(true) };
            params.insert(key, value);
        }
        Ok(params)
    }

    /// §4.2.3.3.
    fn key(&mut self) -> Result<&'a str, ParseError> {
        let start = self.at;
        if !self.peek().is_some_and(is_key_start) {
            return Err(self.error(Fault::Key));
        }
        self.skip(is_key_byte);
        Ok(self.since(start))
    }

    /// §4.2.3.1.
    fn bare_item(&mut self) -> Result<BareItem<'a>, ParseError> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'"') => self.string().map(BareItem::String),
            Some(b'*' | b'A'..=b'Z' | b'a'..=b'z') => Ok(BareItem::Token(Cow::Borrowed(self.token()))),
            Some(b':') => self.bytes().map(BareItem::Bytes),
            Some(b'?') => self.boolean().map(BareItem::Boolean),
            Some(b'@') => self.date().map(BareItem::Date),
            Some(b'%') => self.display_string().map(BareItem::DisplayString),
            _ => Err(self.error(Fault::Value)),
        }
    }

    /// §4.2.4: up to fifteen digits, or up to twelve, a point, and one to three more.
    fn number(&mut self) -> Result<BareItem<'a>, ParseError> {
        let negative = self.eat(b'-');
        let (whole, digits) = self.digits();
        if digits == 0 || digits > 15 {
            return Err(self.error(Fault::Number));
        }
        let sign = if negative { -1 } else { 1 };
        if self.peek() != Some(b'.') {
            return Ok(BareItem::Integer(sign * whole));
        }
        if digits > 12 {
            return Err(self.error(Fault::Number));
        }
        self.advance();
        let (fraction, places) = self.digits();
        let thousandths = match places {
            1 => whole * 1000 + fraction * 100,
            2 => whole * 1000 + fraction * 10,
            3 => whole * 1000 + fraction,
            _ => return Err(self.error(Fault::Number)),
        };
        Ok(BareItem::Decimal(Decimal(sign * thousandths)))
    }

    /// A run of digits and its length; its value saturates, as more than fifteen digits are refused anyway.
    fn digits(&mut self) -> (i64, usize) {
        let start = self.at;
        let mut value = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            self.advance();
        }
        (value, self.at - start)
    }

    /// §4.2.5. Borrows where nothing is escaped.
    fn string(&mut self) -> Result<Cow<'a, str>, ParseError> {
        self.advance();
        let start = self.at;
        self.skip(is_unescaped);
        let plain = self.since(start);
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = String::from(plain);
        loop {
            match self.next() {
                Some(b'"') => return Ok(Cow::Owned(text)),
                Some(b'\\') => match self.next() {
                    Some(escaped @ (b'"' | b'\\')) => text.push(char::from(escaped)),
                    _ => return Err(self.error(Fault::String)),
                },
                Some(byte) if is_unescaped(byte) => text.push(char::from(byte)),
                _ => return Err(self.error(Fault::String)),
            }
        }
    }

    /// §4.2.6. The caller has seen that it begins like one.
    fn token(&mut self) -> &'a str {
        let start = self.at;
        self.skip(is_sf_token_byte);
        self.since(start)
    }

    /// §4.2.7.
    fn bytes(&mut self) -> Result<Vec<u8>, ParseError> {
        self.advance();
        let start = self.at;
        self.skip(|b| b != b':');
        let encoded = self.since(start);
        if !self.eat(b':') {
            return Err(self.error(Fault::Bytes));
        }
        decode_base64(encoded).ok_or(ParseError { fault: Fault::Bytes, at: start })
    }

    /// §4.2.8.
    fn boolean(&mut self) -> Result<bool, ParseError> {
        self.advance();
        match self.next() {
            Some(b'1') => Ok(true),
            Some(b'0') => Ok(false),
            _ => Err(self.error(Fault::Boolean)),
        }
    }

    /// §4.2.9.
    fn date(&mut self) -> Result<i64, ParseError> {
        self.advance();
        match self.number() {
            Ok(BareItem::Integer(seconds)) => Ok(seconds),
            _ => Err(self.error(Fault::Date)),
        }
    }

    /// §4.2.10.
    fn display_string(&mut self) -> Result<Cow<'a, str>, ParseError> {
        self.advance();
        if !self.eat(b'"') {
            return Err(self.error(Fault::DisplayString));
        }
        let mut decoded = Vec::new();
        loop {
            match self.next() {
                Some(b'"') => break,
                Some(b'%') => match (self.next().and_then(lower_hex), self.next().and_then(lower_hex)) {
                    (Some(high), Some(low)) => decoded.push(high << 4 | low),
                    _ => return Err(self.error(Fault::DisplayString)),
                },
                Some(byte @ b' '..=b'~') => decoded.push(byte),
                _ => return Err(self.error(Fault::DisplayString)),
            }
        }
        String::from_utf8(decoded).map(Cow::Owned).map_err(|_| self.error(Fault::DisplayString))
    }
}

fn is_key_start(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'*'
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
}

/// A token of HTTP, `:` and `/` (RFC 9651 §3.3.4).
fn is_sf_token_byte(byte: u8) -> bool {
    crate::request::is_token_byte(byte) || byte == b':' || byte == b'/'
}

fn is_unescaped(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn lower_hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn collect(write: impl FnOnce(&mut String) -> Result<(), SerializeError>) -> Result<String, SerializeError> {
    let mut out = String::new();
    write(&mut out)?;
    Ok(out)
}

fn push_display(value: &impl fmt::Display, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = fmt::Write::write_fmt(out, format_args!("{value}"));
}

/// Whether this is a key (RFC 9651 §4.1.1.3).
pub(crate) fn is_key(text: &str) -> bool {
    text.bytes().next().is_some_and(is_key_start) && text.bytes().all(is_key_byte)
}

fn write_key(key: &str, out: &mut String) -> Result<(), SerializeError> {
    if !is_key(key) {
        return Err(SerializeError::Key);
    }
    out.push_str(key);
    Ok(())
}

fn write_integer(value: i64, out: &mut String) -> Result<(), SerializeError> {
    if value.unsigned_abs() > MAX_INTEGER.unsigned_abs() {
        return Err(SerializeError::Integer);
    }
    push_display(&value, out);
    Ok(())
}

/// Appends a String in its canonical form (RFC 9651 §4.1.6).
pub(crate) fn write_string(text: &str, out: &mut String) -> Result<(), SerializeError> {
    if !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Err(SerializeError::String);
    }
    out.push('"');
    for c in text.chars() {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Ok(())
}

fn write_token(text: &str, out: &mut String) -> Result<(), SerializeError> {
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'*');
    if !begins || !text.bytes().all(is_sf_token_byte) {
        return Err(SerializeError::Token);
    }
    out.push_str(text);
    Ok(())
}

/// Appends a Byte Sequence in its canonical form (RFC 9651 §4.1.8).
pub(crate) fn write_bytes(bytes: &[u8], out: &mut String) {
    out.push(':');
    encode_base64(bytes, out);
    out.push(':');
}

fn write_display_string(text: &str, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    out.push_str("%\"");
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' && byte != b'"' {
            out.push(char::from(byte));
        } else {
            let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out.push('"');
}

/// Standard base64 as RFC 9651 §4.2.7 has it: padding may be missing and pad bits may be set, which parsers are
/// told not to fail on; everything else that is not base64 fails, also padding in excess or in the middle.
fn decode_base64(encoded: &str) -> Option<Vec<u8>> {
    let data = encoded.trim_end_matches('=');
    let padding = encoded.len() - data.len();
    let wanted = match data.len() % 4 {
        0 => 0,
        2 => 2,
        3 => 1,
        _ => return None,
    };
    if padding != 0 && padding != wanted {
        return None;
    }
    let mut bytes = Vec::with_capacity(data.len() / 4 * 3 + 2);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in data.bytes() {
        buffer = buffer << 6 | u32::from(base64_value(byte)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            // The mask keeps what is cut off below eight bits.
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

fn base64_value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn base64_char(value: u32) -> char {
    let value = u8::try_from(value & 63).unwrap_or_default();
    char::from(match value {
        0..=25 => b'A' + value,
        26..=51 => b'a' + value - 26,
        52..=61 => b'0' + value - 52,
        62 => b'+',
        _ => b'/',
    })
}

/// Appends standard base64, with padding.
pub(crate) fn encode_base64(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut block = [0_u8; 3];
        for (to, from) in block.iter_mut().zip(chunk) {
            *to = *from;
        }
        let [a, b, c] = block.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        out.extend([base64_char(bits >> 18), base64_char(bits >> 12)]);
        out.push(if chunk.len() > 1 { base64_char(bits >> 6) } else { '=' });
        out.push(if chunk.len() > 2 { base64_char(bits) } else { '=' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_told_and_the_last_value_wins_in_the_first_place() {
        let dictionary = Dictionary::parse("a=1, b=2, a=3;x;x=2").unwrap();
        assert_eq!(dictionary.duplicate(), Some("a"));
        assert_eq!(dictionary.serialize().unwrap(), "a=3;x=2, b=2");
        let entry = dictionary.get("a").unwrap();
        assert_eq!(entry.member.as_item().unwrap().params.duplicate(), Some("x"));
        assert_eq!(Dictionary::parse("a, b").unwrap().duplicate(), None);
    }

    #[test]
    fn the_received_text_of_a_member_is_kept_byte_for_byte() {
        let text = "( \"a\";x  \"b\" );created=1;  tag=\"a, b\"";
        let input = std::format!(" s1={text} ,\ts2=:AA==:;q , s3;r=1");
        let dictionary = Dictionary::parse(&input).unwrap();
        let texts: Vec<_> = dictionary.entries().iter().map(|e| (e.key, e.text)).collect();
        assert_eq!(texts, [("s1", text), ("s2", ":AA==:;q"), ("s3", ";r=1")]);
    }

    #[test]
    fn bounds_refuse_and_never_truncate() {
        let tight = Limits { bytes: 40, members: 2, inner_items: 2, parameters: 2 };
        let fault = |input: &str| Dictionary::parse_within(input, tight).map(|_| ()).map_err(|e| e.fault);
        assert!(fault("a=(1 2);x;y, b").is_ok());
        assert_eq!(fault("a, b, c"), Err(Fault::TooManyMembers));
        assert_eq!(fault("a, a, a"), Err(Fault::TooManyMembers));
        assert_eq!(fault("a=(1 2 3)"), Err(Fault::TooManyItems));
        assert_eq!(fault("a;x;x;x"), Err(Fault::TooManyParameters));
        assert_eq!(fault(&"a".repeat(41)), Err(Fault::TooLong));
        assert_eq!(List::parse_within("1, 2, 3", tight).map_err(|e| e.fault), Err(Fault::TooManyMembers));
    }

    #[test]
    fn an_error_names_the_place() {
        let error = Dictionary::parse("a=1, b=\"x").unwrap_err();
        assert_eq!(error, ParseError { fault: Fault::String, at: 9 });
        assert_eq!(List::parse("a, \u{e9}").unwrap_err(), ParseError { fault: Fault::NotAscii, at: 3 });
    }

    #[test]
    fn strings_borrow_unless_something_is_escaped() {
        let Ok(Item { value: BareItem::String(plain), .. }) = Item::parse("\"a b\"") else { panic!() };
        assert!(matches!(plain, Cow::Borrowed("a b")));
        let Ok(Item { value: BareItem::String(escaped), .. }) = Item::parse(r#""a\"b\\""#) else { panic!() };
        assert_eq!(escaped, r#"a"b\"#);
    }

    #[test]
    fn padding_may_be_missing_and_must_not_be_wrong() {
        for (text, bytes) in
            [(":aGk=:", "hi"), (":aGk:", "hi"), (":aGl=:", "hi"), (":aA==:", "h"), ("::", "")]
        {
            assert_eq!(Item::parse(text).unwrap().value.as_bytes(), Some(bytes.as_bytes()), "{text}");
        }
        for text in
            [":aGk==:", ":aA=:", ":aGkh=:", ":a===:", ":a:", ":=:", ":aG=k:", ":aG k:", ":aGk=", ":a-_=:"]
        {
            assert_eq!(Item::parse(text).unwrap_err().fault, Fault::Bytes, "{text}");
        }
    }
}
