//! `authorization_details` (RFC 9396): [`AuthorizationDetails`], of the types that a configuration knows
//! ([`DetailsType`]), and whether they stay within others.
//!
//! What the fields mean is up to the API that a type belongs to (RFC 9396 §2.1). So a type that is not configured is
//! refused, the common fields (§2.2) are compared as sets, the amount as a number, and everything else must be equal.
//! Amounts are integers in minor units with their currency; nothing here converts between currencies.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::encoding::json::{Number, Object, Value};

/// Most entries of one token.
pub const MAX_DETAILS: usize = 16;
/// Most elements of one common field.
pub const MAX_ELEMENTS: usize = 64;
/// Longest element, identifier or type in bytes.
pub const MAX_ELEMENT_BYTES: usize = 1024;
/// Most decimals of a currency: ISO 4217 has at most four.
pub const MAX_DECIMALS: u8 = 4;

/// A type of `authorization_details` that the gate knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailsType {
    /// Its `type`.
    pub kind: String,
    /// Where the most that an entry permits is; `None` for types without amounts.
    pub amount: Option<AmountMembers>,
}

/// Where an amount is in an entry: member names, from the outside in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountMembers {
    /// The amount.
    pub amount: Vec<String>,
    /// The currency.
    pub currency: Vec<String>,
    /// With decimals the amount is a string such as `"123.50"`, with at most so many digits after the point. Without it is
    /// an integer in minor units.
    pub decimals: Option<u8>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much, in minor units.
    pub minor_units: u64,
    /// Three capital letters (ISO 4217).
    pub currency: String,
}

/// What one entry permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationDetail {
    /// Its `type`.
    pub kind: String,
    /// `actions`; an entry without permits no action by name.
    pub actions: Option<Vec<String>>,
    /// `locations`.
    pub locations: Option<Vec<String>>,
    /// `datatypes`.
    pub datatypes: Option<Vec<String>>,
    /// `privileges`.
    pub privileges: Option<Vec<String>>,
    /// `identifier`.
    pub identifier: Option<String>,
    /// The most that it permits, for a type with amounts.
    pub limit: Option<Money>,
    /// The entry as it was written, and where its amount is.
    raw: Object<'static>,
    amount: Vec<String>,
}

/// What the entries of one token permit: what any of them does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationDetails(Vec<AuthorizationDetail>);

/// Why `authorization_details` are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetailsError {
    /// They are no array of objects.
    Form,
    /// More entries, or more or longer elements, than are read.
    TooLarge,
    /// An entry has no `type`.
    TypeMissing,
    /// The `type` is not one that the gate knows.
    TypeUnknown,
    /// A common field has the wrong type.
    Member(&'static str),
    /// The amount is missing, or not written as its type demands.
    Amount,
    /// The currency is missing, or not three capital letters.
    Currency,
    /// A number is no integer, so that two of them could not be compared.
    Number,
}

impl fmt::Display for DetailsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "authorization_details are no array of objects",
            Self::TooLarge => "authorization_details are too large",
            Self::TypeMissing => "an entry of authorization_details has no type",
            Self::TypeUnknown => "the type of an entry of authorization_details is not known",
            Self::Member(name) => return write!(f, "{name} of authorization_details has the wrong type"),
            Self::Amount => "the amount of authorization_details is not what its type demands",
            Self::Currency => "the currency of authorization_details is not three capital letters",
            Self::Number => "a number of authorization_details is no integer",
        })
    }
}

impl core::error::Error for DetailsError {}

impl Money {
    /// Whether it is no more than `limit`. Amounts of two currencies are not compared.
    #[must_use]
    pub fn is_within(&self, limit: &Self) -> bool {
        self.currency == limit.currency && self.minor_units <= limit.minor_units
    }
}

impl AuthorizationDetails {
    /// Reads the claim. Refused is what has an entry that is not understood whole.
    pub fn parse(value: &Value<'static>, types: &[DetailsType]) -> Result<Self, DetailsError> {
        let entries = value.as_array().ok_or(DetailsError::Form)?;
        if entries.len() > MAX_DETAILS {
            return Err(DetailsError::TooLarge);
        }
        let entry = |entry: &Value<'static>| {
            let entry = entry.as_object().ok_or(DetailsError::Form)?;
            AuthorizationDetail::parse(entry, types)
        };
        entries.iter().map(entry).collect::<Result<_, _>>().map(Self)
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[AuthorizationDetail] {
        &self.0
    }

    /// The entries of a type.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a AuthorizationDetail> {
        self.0.iter().filter(move |detail| detail.kind == kind)
    }

    /// Whether they permit nothing that `parent` does not: each entry lies within one of the parent's. No two entries
    /// share one of the parent's that has a limit, as together they would permit more than it.
    #[must_use]
    pub fn is_within(&self, parent: &Self) -> bool {
        let mut taken: Vec<Option<usize>> = vec![None; parent.0.len()];
        (0..self.0.len()).all(|child| {
            let mut visited = vec![false; parent.0.len()];
            self.place(child, parent, &mut taken, &mut visited)
        })
    }

    /// Finds an entry of the parent's for the entry at `child`; others move where they can (augmenting paths).
    fn place(&self, child: usize, parent: &Self, taken: &mut [Option<usize>], visited: &mut [bool]) -> bool {
        let Some(detail) = self.0.get(child) else { return false };
        for (index, other) in parent.0.iter().enumerate() {
            if !detail.is_within(other) {
                continue;
            }
            if other.limit.is_none() {
                return true;
            }
            let Some(visited_slot) = visited.get_mut(index).filter(|visited| !**visited) else { continue };
            *visited_slot = true;
            let holder = taken.get(index).copied().flatten();
            if holder.is_none_or(|holder| self.place(holder, parent, taken, visited)) {
                if let Some(slot) = taken.get_mut(index) {
                    *slot = Some(child);
                }
                return true;
            }
        }
        false
    }
}

impl AuthorizationDetail {
    fn parse(entry: &Object<'static>, types: &[DetailsType]) -> Result<Self, DetailsError> {
        let kind = entry.get("type").and_then(Value::as_str).ok_or(DetailsError::TypeMissing)?;
        let known = types.iter().find(|known| known.kind == kind).ok_or(DetailsError::TypeUnknown)?;
        if entry.iter().any(|(_, value)| has_lost_number(value)) {
            return Err(DetailsError::Number);
        }
        let limit = known.amount.as_ref().map(|members| members.read(entry)).transpose()?;
        Ok(Self {
            kind: kind.to_owned(),
            actions: elements(entry, "actions")?,
            locations: elements(entry, "locations")?,
            datatypes: elements(entry, "datatypes")?,
            privileges: elements(entry, "privileges")?,
            identifier: identifier(entry)?,
            limit,
            raw: entry.clone(),
            amount: known.amount.as_ref().map(|members| members.amount.clone()).unwrap_or_default(),
        })
    }

    /// Whether it permits the action.
    #[must_use]
    pub fn permits_action(&self, action: &str) -> bool {
        self.actions.as_ref().is_some_and(|actions| actions.iter().any(|permitted| permitted == action))
    }

    /// Whether it permits the amount: not without a limit, nor in another currency.
    #[must_use]
    pub fn permits_amount(&self, amount: &Money) -> bool {
        self.limit.as_ref().is_some_and(|limit| amount.is_within(limit))
    }

    /// A member of the entry by its names from the outside in.
    #[must_use]
    pub fn member(&self, names: &[String]) -> Option<&Value<'static>> {
        member(&self.raw, names)
    }

    /// Whether it permits nothing that `parent` does not. A field that only one of them has may mean more in either, so
    /// both have it, or none.
    #[must_use]
    pub fn is_within(&self, parent: &Self) -> bool {
        let within = match (&self.limit, &parent.limit) {
            (Some(mine), Some(most)) => mine.is_within(most),
            (None, None) => true,
            _ => false,
        };
        let sets = [
            (&self.actions, &parent.actions),
            (&self.locations, &parent.locations),
            (&self.datatypes, &parent.datatypes),
            (&self.privileges, &parent.privileges),
        ];
        let is_subset = |(mine, theirs): (&Option<Vec<String>>, &Option<Vec<String>>)| match (mine, theirs) {
            (Some(mine), Some(theirs)) => mine.iter().all(|element| theirs.contains(element)),
            (None, None) => true,
            _ => false,
        };
        within
            && sets.into_iter().all(is_subset)
            && self.amount == parent.amount
            && is_same_object(&self.raw, &parent.raw, Some(&self.amount), &SETS)
    }
}

impl AmountMembers {
    fn read(&self, entry: &Object<'static>) -> Result<Money, DetailsError> {
        let amount = member(entry, &self.amount).ok_or(DetailsError::Amount)?;
        let minor_units = self.minor_units(amount).ok_or(DetailsError::Amount)?;
        let currency = member(entry, &self.currency).and_then(Value::as_str);
        let currency = currency.filter(|currency| is_currency(currency)).ok_or(DetailsError::Currency)?;
        Ok(Money { minor_units, currency: currency.to_owned() })
    }

    /// An amount as its type demands, in minor units; `None` for one that is written in another way.
    #[must_use]
    pub fn minor_units(&self, amount: &Value<'_>) -> Option<u64> {
        match self.decimals {
            None => amount.as_i64().and_then(|amount| u64::try_from(amount).ok()),
            Some(decimals) => minor_units(amount.as_str()?, decimals),
        }
    }
}

/// Reads `"123.50"` as 12350 of two decimals. Refused are signs, exponents, more digits than there are decimals, a point
/// without digits on both sides, and what does not fit.
#[must_use]
pub fn minor_units(text: &str, decimals: u8) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0'))
    {
        return None;
    }
    let missing = usize::from(decimals.min(MAX_DECIMALS)).checked_sub(fraction.len())?;
    let digits = whole.bytes().chain(fraction.bytes()).map(|byte| u64::from(byte - b'0'));
    digits
        .chain(core::iter::repeat_n(0, missing))
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(digit))
}

/// Whether this is how a currency is written: three capital letters (ISO 4217).
#[must_use]
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The common fields that are compared as sets.
const SETS: [&str; 4] = ["actions", "locations", "datatypes", "privileges"];

fn elements(entry: &Object<'static>, name: &'static str) -> Result<Option<Vec<String>>, DetailsError> {
    let Some(value) = entry.get(name) else { return Ok(None) };
    let elements = value.as_array().ok_or(DetailsError::Member(name))?;
    if elements.len() > MAX_ELEMENTS {
        return Err(DetailsError::TooLarge);
    }
    let element = |element: &Value<'static>| {
        let element =
            element.as_str().filter(|element| !element.is_empty()).ok_or(DetailsError::Member(name))?;
        if element.len() > MAX_ELEMENT_BYTES { Err(DetailsError::TooLarge) } else { Ok(element.to_owned()) }
    };
    elements.iter().map(element).collect::<Result<_, _>>().map(Some)
}

fn identifier(entry: &Object<'static>) -> Result<Option<String>, DetailsError> {
    let Some(value) = entry.get("identifier") else { return Ok(None) };
    let text = value.as_str().filter(|text| !text.is_empty()).ok_or(DetailsError::Member("identifier"))?;
    if text.len() > MAX_ELEMENT_BYTES { Err(DetailsError::TooLarge) } else { Ok(Some(text.to_owned())) }
}

fn member<'a>(object: &'a Object<'static>, names: &[String]) -> Option<&'a Value<'static>> {
    let (first, rest) = names.split_first()?;
    let value = object.get(first)?;
    if rest.is_empty() { Some(value) } else { member(value.as_object()?, rest) }
}

/// Whether a number is in there whose value was not kept: any two of them would look equal.
fn has_lost_number(value: &Value<'_>) -> bool {
    match value {
        Value::Number(number) => *number == Number::Other,
        Value::Array(elements) => elements.iter().any(has_lost_number),
        Value::Object(object) => object.iter().any(|(_, value)| has_lost_number(value)),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Whether two values are equal, in whatever order their members stand, but for the amount at the path `except`.
fn is_same(mine: &Value<'_>, theirs: &Value<'_>, except: Option<&[String]>) -> bool {
    match (mine, theirs) {
        _ if except.is_some_and(<[String]>::is_empty) => true,
        (Value::Object(mine), Value::Object(theirs)) => is_same_object(mine, theirs, except, &[]),
        (Value::Array(mine), Value::Array(theirs)) => {
            mine.len() == theirs.len()
                && mine.iter().zip(theirs).all(|(mine, theirs)| is_same(mine, theirs, None))
        }
        _ => mine == theirs,
    }
}

/// As [`is_same`]; the members `compared` were compared already.
fn is_same_object(
    mine: &Object<'_>,
    theirs: &Object<'_>,
    except: Option<&[String]>,
    compared: &[&str],
) -> bool {
    let (first, rest) = except.and_then(<[String]>::split_first).unzip();
    mine.len() == theirs.len()
        && mine.iter().all(|(name, value)| {
            let except = rest.filter(|_| first.is_some_and(|first| first == name));
            compared.contains(&name) || theirs.get(name).is_some_and(|theirs| is_same(value, theirs, except))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::json;

    fn types() -> Vec<DetailsType> {
        let path = |path: &str| path.split('.').map(String::from).collect::<Vec<_>>();
        let amount = |decimals| AmountMembers {
            amount: path("limit.amount"),
            currency: path("limit.currency"),
            decimals,
        };
        [("plain", None), ("pay", Some(amount(None))), ("decimal", Some(amount(Some(2))))]
            .map(|(kind, amount)| DetailsType { kind: kind.into(), amount })
            .to_vec()
    }

    fn parse(text: &str) -> Result<AuthorizationDetails, DetailsError> {
        let value = json::parse(text.as_bytes(), 64 * 1024).unwrap().into_owned();
        AuthorizationDetails::parse(&value, &types())
    }

    fn within(child: &str, parent: &str) -> bool {
        parse(child).unwrap().is_within(&parse(parent).unwrap())
    }

    #[test]
    fn what_is_not_understood_whole_is_refused() {
        for (text, error) in [
            ("{}", DetailsError::Form),
            ("[1]", DetailsError::Form),
            ("[{}]", DetailsError::TypeMissing),
            (r#"[{"type":1}]"#, DetailsError::TypeMissing),
            (r#"[{"type":"Plain"}]"#, DetailsError::TypeUnknown),
            (r#"[{"type":"plain","actions":"read"}]"#, DetailsError::Member("actions")),
            (r#"[{"type":"plain","locations":[1]}]"#, DetailsError::Member("locations")),
            (r#"[{"type":"plain","datatypes":[""]}]"#, DetailsError::Member("datatypes")),
            (r#"[{"type":"plain","privileges":null}]"#, DetailsError::Member("privileges")),
            (r#"[{"type":"plain","identifier":[]}]"#, DetailsError::Member("identifier")),
            (r#"[{"type":"plain","x":[{"y":1.5}]}]"#, DetailsError::Number),
            (r#"[{"type":"pay"}]"#, DetailsError::Amount),
            (r#"[{"type":"pay","limit":{"amount":"5","currency":"EUR"}}]"#, DetailsError::Amount),
            (r#"[{"type":"pay","limit":{"amount":-5,"currency":"EUR"}}]"#, DetailsError::Amount),
            (r#"[{"type":"pay","limit":{"amount":5e1,"currency":"EUR"}}]"#, DetailsError::Number),
            (r#"[{"type":"pay","limit":{"amount":5}}]"#, DetailsError::Currency),
            (r#"[{"type":"pay","limit":{"amount":5,"currency":"eur"}}]"#, DetailsError::Currency),
            (r#"[{"type":"decimal","limit":{"amount":5,"currency":"EUR"}}]"#, DetailsError::Amount),
            (r#"[{"type":"decimal","limit":{"amount":"5.001","currency":"EUR"}}]"#, DetailsError::Amount),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        let many = alloc::format!("[{}]", [r#"{"type":"plain"}"#; MAX_DETAILS + 1].join(","));
        assert_eq!(parse(&many), Err(DetailsError::TooLarge));
        let elements =
            alloc::format!(r#"[{{"type":"plain","actions":[{}]}}]"#, [r#""a""#; MAX_ELEMENTS + 1].join(","));
        assert_eq!(parse(&elements), Err(DetailsError::TooLarge));
        let long = "a".repeat(MAX_ELEMENT_BYTES + 1);
        assert_eq!(
            parse(&alloc::format!(r#"[{{"type":"plain","identifier":"{long}"}}]"#)),
            Err(DetailsError::TooLarge)
        );
        assert_eq!(
            parse(&alloc::format!(r#"[{{"type":"plain","actions":["{long}"]}}]"#)),
            Err(DetailsError::TooLarge)
        );
    }

    #[test]
    fn decimal_amounts_are_exact() {
        for (text, expected) in [
            ("123.50", Some(12_350)),
            ("123.5", Some(12_350)),
            ("123", Some(12_300)),
            ("0.01", Some(1)),
            ("0", Some(0)),
            ("184467440737095516.15", Some(u64::MAX)),
            ("184467440737095516.16", None),
            ("1.234", None),
            ("1.", None),
            (".5", None),
            ("01", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("1,000", None),
            ("１", None),
            ("", None),
        ] {
            assert_eq!(minor_units(text, 2), expected, "{text}");
        }
        assert_eq!((minor_units("5", 0), minor_units("5.0", 0)), (Some(5), None));
    }

    #[test]
    fn entries_stay_within_an_entry_of_the_parents() {
        let pay = |amount: u32, currency: &str, to: &str| {
            alloc::format!(
                r#"{{"type":"pay","to":"{to}","limit":{{"currency":"{currency}","amount":{amount}}}}}"#
            )
        };
        let all = |entries: &[&str]| alloc::format!("[{}]", entries.join(","));
        let parent = all(&[&pay(100, "EUR", "a")]);
        assert!(within("[]", &parent));
        assert!(within(&parent, &parent));
        assert!(within(&all(&[&pay(99, "EUR", "a")]), &parent));
        assert!(!within(&all(&[&pay(101, "EUR", "a")]), &parent));
        assert!(!within(&all(&[&pay(1, "USD", "a")]), &parent));
        assert!(!within(&all(&[&pay(1, "EUR", "b")]), &parent));
        assert!(!within(&all(&[r#"{"type":"plain"}"#]), &parent));
        assert!(!within(&parent, "[]"));
        let twice = all(&[&pay(60, "EUR", "a"), &pay(60, "EUR", "a")]);
        assert!(!within(&twice, &parent), "together they permit more");
        // The first fits both of the parent's, the second one of them only.
        let two = all(&[&pay(100, "EUR", "a"), &pay(50, "EUR", "a")]);
        assert!(within(&all(&[&pay(50, "EUR", "a"), &pay(60, "EUR", "a")]), &two));
        assert!(!within(&all(&[&pay(60, "EUR", "a"), &pay(60, "EUR", "a")]), &two));
    }

    #[test]
    fn common_fields_are_sets_and_all_others_equal() {
        let parent =
            r#"[{"type":"plain","actions":["read","list"],"identifier":"x","extra":{"a":1,"b":[1,2]}}]"#;
        for (child, expected) in [
            (r#"[{"extra":{"b":[1,2],"a":1},"identifier":"x","actions":["list"],"type":"plain"}]"#, true),
            (r#"[{"type":"plain","actions":[],"identifier":"x","extra":{"a":1,"b":[1,2]}}]"#, true),
            (r#"[{"type":"plain","actions":["write"],"identifier":"x","extra":{"a":1,"b":[1,2]}}]"#, false),
            (r#"[{"type":"plain","identifier":"x","extra":{"a":1,"b":[1,2]}}]"#, false),
            (r#"[{"type":"plain","actions":["read"],"identifier":"y","extra":{"a":1,"b":[1,2]}}]"#, false),
            (r#"[{"type":"plain","actions":["read"],"extra":{"a":1,"b":[1,2]}}]"#, false),
            (r#"[{"type":"plain","actions":["read"],"identifier":"x","extra":{"a":1,"b":[2,1]}}]"#, false),
            (r#"[{"type":"plain","actions":["read"],"identifier":"x","extra":{"a":2,"b":[1,2]}}]"#, false),
            (r#"[{"type":"plain","actions":["read"],"identifier":"x","more":{"a":1,"b":[1,2]}}]"#, false),
            (
                r#"[{"type":"plain","actions":["read"],"locations":["l"],"identifier":"x","extra":{"a":1,"b":[1,2]}}]"#,
                false,
            ),
        ] {
            assert_eq!(within(child, parent), expected, "{child}");
        }
        let details = parse(parent).unwrap();
        let [detail] = details.entries() else { panic!() };
        assert!(detail.permits_action("read") && !detail.permits_action("write"));
        assert!(!detail.permits_amount(&Money { minor_units: 0, currency: "EUR".into() }));
        assert_eq!((details.of_type("plain").count(), details.of_type("pay").count()), (1, 0));
    }
}
