//! `CloudEvents` 1.0 in JSON, structured mode: [`envelope`] puts a Security Event Token into one.
//!
//! `data` is the signed token itself, not a copy of its claims: there is one thing to believe, and brokers on the way, which
//! would drop the signature of an HTTP message, cannot take it off. The attributes are for routing; nothing signs them.

use alloc::format;
use alloc::string::String;

use serde_json::{Value, json};

use super::SET_MEDIA_TYPE;

/// The media type of an event in structured mode (`CloudEvents` JSON format §3).
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
const SECONDS_OF_DAY: i64 = 86_400;

/// The envelope of a token, with the attributes that its claims say.
#[must_use]
pub fn envelope(claims: &Value, token: &str) -> Value {
    let event_type = claims.get("events").and_then(Value::as_object).and_then(|events| events.keys().next());
    let at = claims.get("iat").and_then(Value::as_i64).unwrap_or_default();
    json!({
        "specversion": "1.0",
        "id": claims.get("jti"),
        "source": claims.get("iss"),
        "type": event_type,
        "subject": claims.get("sub_id").map(subject),
        "time": rfc3339(at),
        "datacontenttype": SET_MEDIA_TYPE,
        "data": token,
    })
}

/// A subject identifier (RFC 9493) in one line. Its format stands before it, so that nobody gets the name of another kind.
fn subject(sub_id: &Value) -> String {
    let text = |name: &str| sub_id.get(name).and_then(Value::as_str);
    let format = text("format").unwrap_or_default();
    let parts: alloc::vec::Vec<_> = ["uri", "iss", "sub", "id"].into_iter().filter_map(text).collect();
    format!("{format}:{}", parts.join("|"))
}

/// An instant as RFC 3339 has it.
fn rfc3339(at: i64) -> String {
    let (days, second) = (at.div_euclid(SECONDS_OF_DAY), at.rem_euclid(SECONDS_OF_DAY));
    // Years that begin in March have the leap day at their end; 719468 days lie between the first of them and 1970.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second % 3600 / 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_the_attributes_that_are_required() {
        let claims = json!({
            "iss": "https://api.example", "iat": 1_700_000_000, "jti": "j",
            "sub_id": { "format": "iss_sub", "iss": "https://auth.example", "sub": "a" },
            "events": { "https://e.example/type": {} },
        });
        let expected = json!({
            "specversion": "1.0", "id": "j", "source": "https://api.example", "type": "https://e.example/type",
            "subject": "iss_sub:https://auth.example|a", "time": "2023-11-14T22:13:20Z",
            "datacontenttype": "application/secevent+jwt", "data": "h.p.s",
        });
        assert_eq!(envelope(&claims, "h.p.s"), expected);
    }

    /// A client may call itself by an agent's URL.
    #[test]
    fn no_client_has_the_subject_of_an_agent() {
        let agent = subject(&json!({ "format": "uri", "uri": "https://agents.example" }));
        let client = subject(&json!({ "format": "opaque", "id": "https://agents.example" }));
        assert_ne!(agent, client);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(at), text);
        }
    }
}
