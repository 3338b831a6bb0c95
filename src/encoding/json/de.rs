//! A `serde` deserialiser over [`Value`], for configuration: every error says where.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec;
use core::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Number, Object, Value};

/// Deserialises `T` out of a value.
pub fn from_value<T: DeserializeOwned>(value: Value<'_>) -> Result<T, DeError> {
    T::deserialize(value)
}

/// Why a value is not what a type wants, and where.
///
/// The message names types and expected names; it never repeats a string of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeError {
    /// The path of the field, as in `routes[0].rate[1].window`; empty for the document itself.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl DeError {
    /// The same error, seen from the object that holds the member `name`.
    #[must_use]
    pub fn in_member(mut self, name: &str) -> Self {
        let simple = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let mut path = if !name.is_empty() && name.bytes().all(simple) {
            String::from(name)
        } else {
            alloc::format!("[{name:?}]")
        };
        if !self.path.is_empty() && !self.path.starts_with('[') {
            path.push('.');
        }
        path.push_str(&self.path);
        self.path = path;
        self
    }

    /// The same error, seen from the array that holds the element `index`.
    #[must_use]
    pub fn in_element(mut self, index: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = alloc::format!("[{index}]{dot}{}", self.path);
        self
    }
}

impl fmt::Display for DeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl core::error::Error for DeError {}

impl Error for DeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: String::new(), message: message.to_string() }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("{}, expected {expected}", Shown(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("{}, expected {expected}", Shown(unexpected)))
    }
}

/// What was found, without repeating strings: a secret may stand where a number should.
struct Shown<'a>(Unexpected<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Str(_) => f.write_str("found a string"),
            other => write!(f, "found {other}"),
        }
    }
}

impl Value<'_> {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Other("null"),
            Self::Bool(truth) => Unexpected::Bool(*truth),
            Self::Number(Number::Integer(integer)) => Unexpected::Signed(*integer),
            Self::Number(Number::Other) => Unexpected::Other("a number that is no 64-bit integer"),
            Self::String(text) => Unexpected::Str(text),
            Self::Array(_) => Unexpected::Seq,
            Self::Object(_) => Unexpected::Map,
        }
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(truth) => visitor.visit_bool(truth),
            Self::Number(Number::Integer(integer)) => match u64::try_from(integer) {
                Ok(unsigned) => visitor.visit_u64(unsigned),
                Err(_) => visitor.visit_i64(integer),
            },
            Self::Number(Number::Other) => Err(DeError::invalid_type(self.unexpected(), &visitor)),
            Self::String(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Self::String(Cow::Owned(text)) => visitor.visit_string(text),
            Self::Array(elements) => {
                let len = elements.len();
                let mut access = Elements { rest: elements.into_iter(), index: 0 };
                let value = visitor.visit_seq(&mut access)?;
                if access.rest.len() > 0 {
                    return Err(DeError::invalid_length(len, &"fewer elements"));
                }
                Ok(value)
            }
            Self::Object(object) => visitor.visit_map(Members::of(object)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self {
            Self::String(name) => visitor.visit_enum(Variant { name, value: None }),
            Self::Object(object) => {
                let mut members = object.members.into_iter();
                match (members.next(), members.next()) {
                    (Some((name, value)), None) => visitor.visit_enum(Variant { name, value: Some(value) }),
                    _ => Err(DeError::invalid_type(Unexpected::Map, &"an object with one member")),
                }
            }
            value => Err(DeError::invalid_type(value.unexpected(), &visitor)),
        }
    }

    /// Only from an object: the derived visitors would also take an array, its elements by position.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self {
            Self::Object(object) => visitor.visit_map(Members::of(object)),
            value => Err(DeError::invalid_type(value.unexpected(), &"an object")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

impl<'de> IntoDeserializer<'de, DeError> for Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Elements<'de> {
    rest: vec::IntoIter<Value<'de>>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DeError> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(value).map(Some).map_err(|error| error.in_element(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Members<'de> {
    rest: vec::IntoIter<(Cow<'de, str>, Value<'de>)>,
    pending: Option<(Cow<'de, str>, Value<'de>)>,
}

impl<'de> Members<'de> {
    fn of(object: Object<'de>) -> Self {
        Self { rest: object.members.into_iter(), pending: None }
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeError> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.pending = Some((name.clone(), value));
        // An unknown field is found here, while its name is read.
        seed.deserialize(Value::String(name.clone())).map(Some).map_err(|error| error.in_member(&name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let (name, value) =
            self.pending.take().ok_or_else(|| DeError::custom("value asked for before its name"))?;
        seed.deserialize(value).map_err(|error| error.in_member(&name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Variant<'de> {
    name: Cow<'de, str>,
    value: Option<Value<'de>>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DeError;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), DeError> {
        let Self { name, value } = self;
        let variant = seed.deserialize(Value::String(name.clone()))?;
        Ok((variant, Content { name, value }))
    }
}

/// What stands beside the name of an enum's variant.
struct Content<'de> {
    name: Cow<'de, str>,
    value: Option<Value<'de>>,
}

impl<'de> Content<'de> {
    fn value(self, expected: &dyn Expected) -> Result<(Cow<'de, str>, Value<'de>), DeError> {
        match self.value {
            Some(value) => Ok((self.name, value)),
            None => Err(DeError::invalid_type(Unexpected::UnitVariant, expected)),
        }
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        match self.value {
            None | Some(Value::Null) => Ok(()),
            Some(value) => {
                Err(DeError::invalid_type(value.unexpected(), &"only the name").in_member(&self.name))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        let (name, value) = self.value(&"a value beside the name")?;
        seed.deserialize(value).map_err(|error| error.in_member(&name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, DeError> {
        let (name, value) = self.value(&"an array beside the name")?;
        value.deserialize_any(visitor).map_err(|error| error.in_member(&name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let (name, value) = self.value(&"an object beside the name")?;
        value.deserialize_struct("", fields, visitor).map_err(|error| error.in_member(&name))
    }
}
