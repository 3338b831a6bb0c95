//! Delivery of events, at least once: what hosts keep of them ([`Entry`]), what an answer means ([`Answered`]) and when to
//! try again ([`pause_after`]).
//!
//! An entry is a text that a queue or a store keeps until the receiver has taken its events; it has claims, not tokens, so
//! that what waits for long is signed with a key that the gate still publishes. A new try never changes the claims, hence
//! no `jti`. What the receiver says it will never take (RFC 8935 §2.4), and what it has not taken for [`GIVE_UP_AFTER`],
//! becomes a dead letter: an entry of the same form, under another name, with what was said. Which bindings there are, and
//! what they promise, is the host's.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::EventFormat;
use crate::time::UnixMillis;

/// Longest entry in bytes: 96 KiB, below the 128 KB of a message in a queue.
pub const MAX_ENTRY_BYTES: usize = 96 * 1024;
/// Most events of an entry: 100.
pub const MAX_ENTRY_EVENTS: usize = 100;
/// Longest answer that is read: 4 KiB, of which an error takes some hundred bytes.
pub const MAX_ANSWER_BYTES: usize = 4096;
/// How long a receiver may take to answer: 5 s.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long events are tried to be delivered: 3 days, a long weekend.
pub const GIVE_UP_AFTER: Duration = Duration::from_hours(72);
/// How long dead letters are kept: 30 days.
pub const DEAD_KEPT_FOR: Duration = Duration::from_hours(30 * 24);
/// How long an entry is kept that nobody tries to deliver any more, as where there is no cron: 14 days. Without this
/// bound, a store would fill up.
pub const KEPT_FOR: Duration = Duration::from_hours(14 * 24);
/// The shortest pause between two tries: 10 s.
const LEAST_PAUSE: Duration = Duration::from_secs(10);
/// The longest: 1 h. In three days that makes some 80 tries, below the 100 of a queue.
const MOST_PAUSE: Duration = Duration::from_hours(1);
/// How many failures after one another say that the receiver is down: three. One may be about an event.
pub const FAILURES: usize = 3;
/// What the names of waiting entries begin with in a store.
pub const OUTBOX: &str = "outbox:";
/// What the names of dead letters begin with in a store.
pub const DEAD: &str = "dead:";

/// Events that wait together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Since when, in milliseconds since 1970.
    pub since: u64,
    /// The claims of each.
    pub events: Vec<Value>,
    /// What the receiver said, in a dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Entry {
    /// Entries of these events, each within its bounds.
    #[must_use]
    pub fn of(events: Vec<Value>, now: UnixMillis) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        let mut bytes = 0;
        for event in events {
            let length = event.to_string().len() + 1;
            bytes += length;
            match entries.last_mut() {
                Some(entry) if entry.events.len() < MAX_ENTRY_EVENTS && bytes < MAX_ENTRY_BYTES => {
                    entry.events.push(event);
                }
                _ => {
                    bytes = length;
                    entries.push(Self { since: now.0, events: Vec::from([event]), error: None });
                }
            }
        }
        entries
    }

    /// An entry for each event.
    #[must_use]
    pub fn of_each(events: Vec<Value>, now: UnixMillis) -> Vec<Self> {
        let entry = |event| Self { since: now.0, events: Vec::from([event]), error: None };
        events.into_iter().map(entry).collect()
    }

    /// Reads an entry. `None` for what is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        // Twice the bound, as a dead letter has what was said, too.
        if text.len() > 2 * MAX_ENTRY_BYTES {
            return None;
        }
        let entry: Self = serde_json::from_str(text).ok()?;
        let has_ids = entry.events.iter().all(|event| id(event).is_some());
        (has_ids && !entry.events.is_empty()).then_some(entry)
    }

    /// The entry as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same with these of its events.
    #[must_use]
    pub fn with(&self, events: Vec<Value>) -> Self {
        Self { since: self.since, events, error: None }
    }

    /// The dead letter of these of its events.
    #[must_use]
    pub fn dead(&self, events: Vec<Value>, error: impl Into<String>) -> Self {
        Self { since: self.since, events, error: Some(error.into()) }
    }

    /// How long it has been waiting.
    #[must_use]
    pub fn age(&self, now: UnixMillis) -> Duration {
        now.since(UnixMillis(self.since))
    }

    /// Whether it has waited long enough.
    #[must_use]
    pub fn is_given_up(&self, now: UnixMillis) -> bool {
        self.age(now) >= GIVE_UP_AFTER
    }

    /// Its name in a store, from which it is to be tried at `due`. Names sort by that time.
    #[must_use]
    pub fn outbox_name(&self, due: UnixMillis) -> String {
        format!("{OUTBOX}{:013}:{}", due.0, self.first_id())
    }

    /// Its name in a store as a dead letter.
    #[must_use]
    pub fn dead_name(&self) -> String {
        format!("{DEAD}{:013}:{}", self.since, self.first_id())
    }

    fn first_id(&self) -> &str {
        self.events.first().and_then(id).unwrap_or_default()
    }
}

/// When an entry of this name is to be tried. `None` for a name of something else.
#[must_use]
pub fn due_of(name: &str) -> Option<UnixMillis> {
    name.strip_prefix(OUTBOX)?.split(':').next()?.parse().ok().map(UnixMillis)
}

/// The `jti` of claims.
#[must_use]
pub fn id(claims: &Value) -> Option<&str> {
    claims.get("jti")?.as_str()
}

/// How long to wait with what has been waiting for this long: as long again, within bounds, which is exponential.
#[must_use]
pub fn pause_after(age: Duration) -> Duration {
    age.clamp(LEAST_PAUSE, MOST_PAUSE)
}

/// What a receiver's answer means for the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It has the event.
    Accepted,
    /// It says that it will never take this event, by a code of RFC 8935 §2.4.
    Refused(String),
    /// Whatever else: it may take the event another time.
    Failed,
}

impl Answered {
    /// Whether the body must be read to know.
    #[must_use]
    pub fn needs_body(status: u16) -> bool {
        status == 400
    }

    /// What an answer means. Only what the standard has for it is taken for acceptance: a proxy on the way, or a path that
    /// was mistyped, may answer 200 to anything.
    #[must_use]
    pub fn read(format: EventFormat, status: u16, body: &[u8]) -> Self {
        match (format, status) {
            // RFC 8935 §2.2, and CloudEvents' HTTP Webhooks §2.2.
            (_, 202) | (EventFormat::CloudEvents, 200 | 201 | 204) => Self::Accepted,
            (_, 400) => Self::read_error(body),
            _ => Self::Failed,
        }
    }

    /// RFC 8935 §2.3. A key, issuer or audience that the receiver does not know yet may be known to it later, and access
    /// granted: these are tried again.
    fn read_error(body: &[u8]) -> Self {
        let body = body.get(..MAX_ANSWER_BYTES).unwrap_or(body);
        let error = serde_json::from_slice::<Value>(body).ok();
        match error.as_ref().and_then(|error| error.get("err")).and_then(Value::as_str) {
            Some(code @ ("invalid_request" | "authentication_failed")) => Self::Refused(code.into()),
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn events(count: usize, padding: usize) -> Vec<Value> {
        (0..count).map(|i| json!({ "jti": format!("j{i}"), "pad": "x".repeat(padding) })).collect()
    }

    #[test]
    fn only_what_the_standard_has_for_it_is_acceptance() {
        for status in [200, 201, 204, 301, 302, 307, 401, 403, 404, 410, 429, 500, 503] {
            assert_eq!(Answered::read(EventFormat::Set, status, b""), Answered::Failed, "{status}");
        }
        assert_eq!(Answered::read(EventFormat::Set, 202, b"garbage"), Answered::Accepted);
        assert_eq!(Answered::read(EventFormat::CloudEvents, 204, b""), Answered::Accepted);
        assert_eq!(Answered::read(EventFormat::CloudEvents, 302, b""), Answered::Failed);
    }

    #[test]
    fn two_errors_are_final() {
        let read = |body: &str| Answered::read(EventFormat::Set, 400, body.as_bytes());
        for code in ["invalid_request", "authentication_failed"] {
            let body = json!({ "err": code, "description": "no" }).to_string();
            assert_eq!(read(&body), Answered::Refused(code.into()));
        }
        for code in ["invalid_key", "invalid_issuer", "invalid_audience", "access_denied", "made_up"] {
            assert_eq!(read(&json!({ "err": code }).to_string()), Answered::Failed);
        }
        for body in ["", "<html>", "{", "[]", "{\"err\":1}", "{\"error\":\"invalid_request\"}"] {
            assert_eq!(read(body), Answered::Failed, "{body}");
        }
        let long = format!("{{\"err\":\"invalid_request\",\"pad\":\"{}\"}}", "x".repeat(MAX_ANSWER_BYTES));
        assert_eq!(read(&long), Answered::Failed);
    }

    #[test]
    fn pauses_double_within_bounds() {
        let mut age = Duration::ZERO;
        let mut tries = 0;
        while age < GIVE_UP_AFTER {
            let pause = pause_after(age);
            assert!(pause >= LEAST_PAUSE && pause <= MOST_PAUSE);
            age += pause;
            tries += 1;
        }
        assert!(tries < 100, "{tries} tries are more than a queue makes");
    }

    #[test]
    fn an_entry_reads_as_it_was_written() {
        let entry = Entry::of(events(3, 1), NOW).remove(0);
        assert_eq!(Entry::from_text(&entry.to_text()), Some(entry.clone()));
        let dead = entry.dead(entry.events.clone(), "invalid_request");
        assert_eq!(Entry::from_text(&dead.to_text()), Some(dead));
        for text in ["", "{}", "[]", "{\"since\":1,\"events\":[]}", "{\"since\":1,\"events\":[{\"no\":1}]}"] {
            assert_eq!(Entry::from_text(text), None, "{text}");
        }
        assert_eq!(Entry::from_text(&"x".repeat(3 * MAX_ENTRY_BYTES)), None);
    }

    #[test]
    fn names_sort_by_when_they_are_due() {
        let entry = Entry::of(events(1, 1), NOW).remove(0);
        let (soon, late) = (entry.outbox_name(UnixMillis(999)), entry.outbox_name(NOW));
        assert!(soon < late);
        assert_eq!((due_of(&soon), due_of(&late)), (Some(UnixMillis(999)), Some(NOW)));
        assert_eq!((due_of("dead:0:x"), due_of("outbox:x")), (None, None));
        assert!(entry.dead_name().starts_with(DEAD));
    }

    #[test]
    fn what_waits_for_too_long_is_given_up() {
        let entry = Entry::of(events(1, 1), NOW).remove(0);
        assert!(!entry.is_given_up(NOW));
        assert!(entry.is_given_up(NOW.plus(GIVE_UP_AFTER)));
    }

    proptest! {
        #[test]
        fn entries_have_every_event_once_and_are_bounded(count in 0usize..300, padding in 0usize..3_000) {
            let events = events(count, padding);
            let entries = Entry::of(events.clone(), NOW);
            for entry in &entries {
                prop_assert!(entry.events.len() <= MAX_ENTRY_EVENTS);
                prop_assert!(entry.to_text().len() <= MAX_ENTRY_BYTES + 64);
            }
            let all: Vec<_> = entries.into_iter().flat_map(|entry| entry.events).collect();
            prop_assert_eq!(&all, &events);
            prop_assert_eq!(Entry::of_each(events, NOW).len(), count);
        }
    }
}
