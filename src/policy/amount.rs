//! The amount that a request is about: where it is, and what it is in minor units.
//!
//! Nothing here is a floating-point number. Without decimals an amount is an integer in minor units; with them it is a
//! string such as `"123.50"`, as no reader of JSON keeps the cents of a number for sure. What could be read in two ways
//! is no amount: JSON that is not strict or not called JSON, a field on two lines, more than 2^53 − 1 minor units,
//! beyond which JavaScript rounds.

use alloc::string::String;

use crate::delegation::details::{Money, is_currency, minor_units};
use crate::encoding::json::{self, Pointer, Value};
use crate::request::Fields;

/// Most minor units of a request: 2^53 − 1, the largest integer that every JSON parser reads exactly.
pub const MAX_MINOR_UNITS: u64 = (1 << 53) - 1;

/// Where a route's requests have their amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountPlace {
    pub(crate) amount: Place,
    pub(crate) currency: Currency,
    /// Digits after the point; `None` for integers in minor units.
    pub(crate) decimals: Option<u8>,
}

/// Where something is in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the JSON of its body.
    Body(Pointer),
    /// In a header field, whose name is in lower case.
    Field(String),
}

/// Which currency an amount is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Currency {
    /// Always this.
    Is(String),
    /// The one that the request says.
    In(Place),
}

impl AmountPlace {
    /// Whether the body must be read for it.
    #[must_use]
    pub fn is_in_body(&self) -> bool {
        let in_body = |place: &Place| matches!(place, Place::Body(_));
        in_body(&self.amount) || matches!(&self.currency, Currency::In(place) if in_body(place))
    }

    /// The header fields that it is read from.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        let currency = match &self.currency {
            Currency::In(place) => Some(place),
            Currency::Is(_) => None,
        };
        [Some(&self.amount), currency].into_iter().flatten().filter_map(|place| match place {
            Place::Field(name) => Some(name.as_str()),
            Place::Body(_) => None,
        })
    }

    /// Reads the amount; `None` where it is missing, or written in another way than this route's.
    #[must_use]
    pub fn read(&self, fields: &Fields, content: Option<&[u8]>) -> Option<Money> {
        let document = match content.filter(|_| self.is_in_body()) {
            Some(content) if is_json(fields) => Some(json::parse(content, content.len()).ok()?),
            _ => None,
        };
        let document = document.as_ref();
        let minor_units = match &self.amount {
            Place::Field(name) => minor_units(only_line(fields, name)?, self.decimals.unwrap_or(0)),
            Place::Body(pointer) => match (pointer.find(document?)?, self.decimals) {
                (Value::String(text), Some(decimals)) => minor_units(text, decimals),
                (integer, None) => integer.as_i64().and_then(|integer| u64::try_from(integer).ok()),
                _ => None,
            },
        };
        let currency = match &self.currency {
            Currency::Is(currency) => currency.as_str(),
            Currency::In(Place::Field(name)) => only_line(fields, name)?,
            Currency::In(Place::Body(pointer)) => pointer.find(document?)?.as_str()?,
        };
        let minor_units = minor_units.filter(|amount| *amount <= MAX_MINOR_UNITS)?;
        is_currency(currency).then(|| Money { minor_units, currency: String::from(currency) })
    }
}

/// The value of a field that is there once.
fn only_line<'a>(fields: &'a Fields, name: &'a str) -> Option<&'a str> {
    let mut lines = fields.lines(name);
    lines.next().filter(|_| lines.next().is_none())
}

/// Whether the content is JSON by its own account, in UTF-8 and as it is: an origin that goes by `Content-Type` would
/// read anything else in another way. Of parameters there is `charset=utf-8` or none: parsers differ about white space
/// around `=`, about one that is there twice and about what is quoted, and some decode UTF-7 where they find it.
pub(crate) fn is_json(fields: &Fields) -> bool {
    let Some(media_type) = only_line(fields, "content-type") else { return false };
    let white = [' ', '\t'];
    let (essence, parameter) = match media_type.split_once(';') {
        Some((essence, parameter)) => {
            (essence.trim_end_matches(white), Some(parameter.trim_start_matches(white)))
        }
        None => (media_type, None),
    };
    let essence = essence.to_ascii_lowercase();
    let is_json = essence == "application/json"
        || essence.strip_prefix("application/").is_some_and(|subtype| {
            subtype.ends_with("+json") && subtype.bytes().all(crate::request::is_token_byte)
        });
    let says_utf8 = |parameter: &str| {
        ["charset=utf-8", "charset=\"utf-8\""].iter().any(|utf8| parameter.eq_ignore_ascii_case(utf8))
    };
    is_json && parameter.is_none_or(says_utf8) && !fields.contains("content-encoding")
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn place(amount: &str, currency: &str, decimals: Option<u8>) -> AmountPlace {
        let place = |text: &str| Pointer::parse(text).map_or_else(|| Place::Field(text.into()), Place::Body);
        let currency =
            if is_currency(currency) { Currency::Is(currency.into()) } else { Currency::In(place(currency)) };
        AmountPlace { amount: place(amount), currency, decimals }
    }

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.push(name, value).unwrap();
        }
        fields
    }

    fn read(place: &AmountPlace, body: &str) -> Option<u64> {
        let fields = fields(&[("content-type", "application/json")]);
        place.read(&fields, Some(body.as_bytes())).map(|money| money.minor_units)
    }

    #[test]
    fn what_is_no_amount_is_none() {
        let minor = place("/a", "EUR", None);
        for body in [
            "",
            "{}",
            "[]",
            "{\"a\":-1}",
            "{\"a\":1.0}",
            "{\"a\":1e3}",
            "{\"a\":\"1\"}",
            "{\"a\":null}",
            "{\"a\":{}}",
            "{\"a\":9007199254740992}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1}x",
            "{\"a\":18446744073709551616}",
            "{\"a\":01}",
            "{\"a\":-0}",
            "\u{feff}{\"a\":1}",
        ] {
            assert_eq!(read(&minor, body), None, "{body}");
        }
        assert_eq!(read(&minor, "{\"a\":9007199254740991}"), Some(MAX_MINOR_UNITS));
        assert_eq!(read(&minor, "{\"a\":0}"), Some(0));

        let decimal = place("/a", "EUR", Some(2));
        for body in [
            "{\"a\":1}",
            "{\"a\":\"1.234\"}",
            "{\"a\":\"-1\"}",
            "{\"a\":\"+1\"}",
            "{\"a\":\"1e2\"}",
            "{\"a\":\"1,5\"}",
            "{\"a\":\"\"}",
            "{\"a\":\" 1\"}",
            "{\"a\":\"1.\"}",
            "{\"a\":\".5\"}",
            "{\"a\":\"01\"}",
            "{\"a\":\"0x1\"}",
            "{\"a\":\"90071992547409.92\"}",
            "{\"a\":\"\u{661}\"}",
        ] {
            assert_eq!(read(&decimal, body), None, "{body}");
        }
        assert_eq!(read(&decimal, "{\"a\":\"123.5\"}"), Some(12_350));
        assert_eq!(read(&decimal, "{\"a\":\"0\"}"), Some(0));
    }

    #[test]
    fn content_that_an_origin_may_read_otherwise_is_not_read() {
        let amount = place("/a", "EUR", None);
        let read = |lines: &[(&str, &str)]| amount.read(&fields(lines), Some(b"{\"a\":1}")).is_some();
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json \t;\t charset=utf-8",
            "application/json;CHARSET=\"Utf-8\"",
            "application/vnd.pay+json;charset=\"utf-8\"",
        ] {
            assert!(read(&[("content-type", good)]), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json, text/plain",
            "application/json, application/json",
            "json",
            "application/jsonp",
            "application /json",
            "application/json charset=utf-8",
            "application/json, charset=utf-8",
            "multipart/form-data",
        ] {
            assert!(!read(&[("content-type", bad)]), "{bad}");
        }
        for parameters in [
            // Another encoding, by its name.
            "charset=utf-16",
            "charset=utf-7",
            "charset=\"utf-7\"",
            "charset=utf8",
            "charset=utf-8x",
            "charset=",
            "charset",
            "charset=\"\"",
            // Where parsers differ about what the parameter is called, and so about whether it is there.
            "charset =utf-7",
            "charset\t=utf-7",
            "charset= utf-7",
            "charset=\tutf-7",
            "charset =utf-8",
            "charset= utf-8",
            "charset = utf-8",
            "charset*=utf-8",
            "charset*=utf-8''utf-7",
            "charset*0=utf-8",
            "\"charset\"=utf-8",
            "=utf-8",
            // Where they differ about which one counts.
            "charset=utf-8; charset=utf-8",
            "charset=utf-8; charset=utf-7",
            "charset=utf-7; charset=utf-8",
            "charset=utf-8, application/json; charset=utf-7",
            // Where they differ about what is quoted.
            "charset=\"utf-8",
            "charset=utf-8\"",
            "charset=\"\"utf-8\"\"",
            "charset='utf-8'",
            "charset=\"utf\\-8\"",
            "charset=\"utf-8;x=\"",
            "charset=\"utf-8 \"",
            "charset=\" utf-8\"",
            // What nobody knows here.
            "version=1",
            "charset=utf-8; version=1",
            "version=1; charset=utf-8",
            "profile=\";charset=utf-8\"",
            "charset=utf-8;",
            ";charset=utf-8",
            ";",
            "",
            "charset=utf-8 (a comment)",
            "charset=utf-8\u{a0}",
            "char\u{17f}et=utf-8",
        ] {
            for media_type in ["application/json", "application/vnd.pay+json"] {
                let bad = format!("{media_type};{parameters}");
                assert!(!read(&[("content-type", &bad)]), "{bad}");
                let bad = format!("{media_type}; {parameters}");
                assert!(!read(&[("content-type", &bad)]), "{bad}");
            }
        }
        let utf7 = "application/json; charset=utf-7";
        assert!(!read(&[("content-type", "application/json"), ("content-type", utf7)]));
        assert!(!read(&[("content-type", utf7), ("Content-Type", "application/json")]));
        assert!(!read(&[]));
        assert!(!read(&[("content-type", "application/json"), ("content-type", "application/json")]));
        assert!(!read(&[("content-type", "application/json"), ("content-encoding", "gzip")]));
        assert_eq!(amount.read(&fields(&[("content-type", "application/json")]), None), None);
    }

    #[test]
    fn fields_and_currencies_are_read_where_they_are() {
        let read = |place: &AmountPlace, lines: &[(&str, &str)], body: &str| {
            place.read(&fields(lines), Some(body.as_bytes())).map(|money| (money.minor_units, money.currency))
        };
        let field = place("x-amount", "x-currency", None);
        assert!(!field.is_in_body());
        assert_eq!(read(&field, &[("x-amount", "12"), ("x-currency", "EUR")], ""), Some((12, "EUR".into())));
        for lines in [
            &[("x-amount", "12")][..],
            &[("x-amount", "12"), ("x-currency", "eur")],
            &[("x-amount", "12"), ("x-amount", "13"), ("x-currency", "EUR")],
            &[("x-amount", "12, 13"), ("x-currency", "EUR")],
            &[("x-amount", "12.0"), ("x-currency", "EUR")],
            &[("x-amount", ""), ("x-currency", "EUR")],
        ] {
            assert_eq!(read(&field, lines, ""), None, "{lines:?}");
        }
        let body = place("/payments/0/amount", "/currency", Some(2));
        let json = &[("content-type", "application/json")];
        let content = "{\"payments\":[{\"amount\":\"1.5\"}],\"currency\":\"USD\"}";
        assert_eq!(read(&body, json, content), Some((150, "USD".into())));
        assert_eq!(read(&body, json, &content.replace("\"USD\"", "840")), None);
        let mixed = place("x-amount", "/currency", Some(2));
        assert!(mixed.is_in_body());
        assert_eq!(read(&mixed, &[("x-amount", "1.50"), json[0]], content), Some((150, "USD".into())));
    }
}
