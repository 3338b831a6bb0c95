//! A limit between isolates through KV: sums of aligned windows, and marks until when a subject is denied ([`Shared`]).
//!
//! KV can neither count nor lock, it is up to a minute behind, and takes one write a second a key. So isolates tell each
//! other what they counted: each adds what it has let through to the sum of an aligned window, now and then, and refuses
//! once the sum that it knows and what it has not told yet reach the limit. Two that tell at once lose one of the two
//! sums. Between two tellings isolates do not know of each other: the guarantee is `approximate`, and at worst each
//! isolate lets a limit through.
//!
//! An isolate that refuses for longer than KV is behind tells that at once, as a mark with the time until when: it has
//! used up the limit by itself, so that nobody has any left. That is what stops an isolate that is asked for the first
//! time, and it outlives a lost sum. For shorter waits a mark would arrive when they are over.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::Quota;
use crate::encoding::json::{self, Value};
use crate::time::UnixMillis;

/// How often an isolate tells others what it counted, at most. KV takes one write a second a key from all
/// isolates together, so this leaves room for ten of them.
pub const TELL_EVERY: Duration = Duration::from_secs(10);
/// From what wait on others are told that a subject is denied: 60 s, as long as KV may be behind.
pub const MARKED_FROM: Duration = Duration::from_mins(1);

/// What one isolate knows of a subject's count in the current aligned window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    window: u64,
    told: u32,
    untold: u32,
    last_told: Option<UnixMillis>,
    denied_until: Option<UnixMillis>,
    is_mark_untold: bool,
}

/// What is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stored {
    count: u32,
    denied_until: Option<UnixMillis>,
}

impl Shared {
    /// Whether this isolate has never asked what others counted.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        self.last_told.is_none()
    }

    /// Takes in what others counted: the text of the shared value, if there is one. What cannot be read counts
    /// as nothing, as a limit that nobody can write to must not refuse everyone.
    pub fn ask(&mut self, stored: Option<&str>, quota: Quota, now: UnixMillis) {
        self.roll(quota, now);
        self.take_in(stored, quota, now);
        self.last_told = Some(now);
    }

    /// How many more the window takes, as far as this isolate knows, and when there is more.
    #[must_use]
    pub fn room(&mut self, quota: Quota, now: UnixMillis) -> (u32, Duration) {
        self.roll(quota, now);
        if let Some(until) = self.denied_until {
            return (0, until.since(now));
        }
        let most = quota.limit.max(quota.burst);
        let left = most.saturating_sub(self.told.saturating_add(self.untold));
        let window = quota.window_millis();
        (left, Duration::from_millis(window - now.0 % window))
    }

    /// Counts a request that went through.
    pub fn count(&mut self, quota: Quota, cost: u32, now: UnixMillis) {
        self.roll(quota, now);
        self.untold = self.untold.saturating_add(cost);
    }

    /// Takes in that a request was refused, for so long. Says whether others should be told: of what is denied for long,
    /// at once.
    pub fn refused(&mut self, quota: Quota, wait: Duration, now: UnixMillis) -> bool {
        self.roll(quota, now);
        let until = now.plus(wait);
        if wait >= MARKED_FROM && self.denied_until.is_none_or(|marked| marked < until) {
            (self.denied_until, self.is_mark_untold) = (Some(until), true);
        }
        self.is_mark_untold || self.should_tell(now)
    }

    /// Whether there is something to tell, and the last telling is long enough ago.
    #[must_use]
    pub fn should_tell(&self, now: UnixMillis) -> bool {
        self.untold > 0 && self.last_told.is_none_or(|last| now.since(last) >= TELL_EVERY)
    }

    /// Puts what this isolate counted to what is stored: gives the text to store.
    pub fn tell(&mut self, stored: Option<&str>, quota: Quota, now: UnixMillis) -> String {
        self.roll(quota, now);
        self.take_in(stored, quota, now);
        self.told = self.told.saturating_add(self.untold);
        (self.untold, self.is_mark_untold) = (0, false);
        self.last_told = Some(now);
        match self.denied_until {
            Some(until) => {
                format!("{{\"window\":{},\"count\":{},\"denied_until\":{}}}", self.window, self.told, until.0)
            }
            None => format!("{{\"window\":{},\"count\":{}}}", self.window, self.told),
        }
    }

    fn take_in(&mut self, stored: Option<&str>, quota: Quota, now: UnixMillis) {
        let stored = stored.and_then(|text| read(text, self.window)).unwrap_or_default();
        self.told = stored.count.max(self.told);
        // Nobody is denied for longer than it takes to have all of the limit again.
        let longest = now.plus(quota.window.saturating_mul(2));
        let denied = stored.denied_until.filter(|until| *until > now && *until <= longest);
        self.denied_until = self.denied_until.max(denied);
    }

    fn roll(&mut self, quota: Quota, now: UnixMillis) {
        let window = now.0 / quota.window_millis();
        self.denied_until = self.denied_until.filter(|until| *until > now);
        if window != self.window {
            (self.window, self.told, self.untold) = (window, 0, 0);
        }
    }
}

/// Reads what is stored. A count of another window is none; a mark is a time of its own.
fn read(text: &str, window: u64) -> Option<Stored> {
    let value = json::parse(text.as_bytes(), 256).ok()?;
    let object = value.as_object()?;
    let member = |name| object.get(name).and_then(Value::as_i64);
    let is_same = u64::try_from(member("window")?).is_ok_and(|stored| stored == window);
    let count = u32::try_from(member("count")?).ok()?;
    let denied_until = member("denied_until").and_then(|until| u64::try_from(until).ok()).map(UnixMillis);
    Some(Stored { count: if is_same { count } else { 0 }, denied_until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    #[test]
    fn isolates_add_up_through_the_store() {
        let quota = Quota { limit: 100, burst: 100, window: Duration::from_mins(1) };
        let (mut a, mut b) = (Shared::default(), Shared::default());
        a.ask(None, quota, NOW);
        b.ask(None, quota, NOW);
        (0..40).for_each(|_| a.count(quota, 1, NOW));
        (0..30).for_each(|_| b.count(quota, 1, NOW));
        assert!(!a.should_tell(NOW));
        let later = NOW.plus(TELL_EVERY);
        assert!(a.should_tell(later));
        let stored = a.tell(None, quota, later);
        let stored = b.tell(Some(&stored), quota, later);
        assert_eq!(b.room(quota, later).0, 30);
        let mut c = Shared::default();
        c.ask(Some(&stored), quota, later);
        assert_eq!(c.room(quota, later).0, 30);
        assert_eq!(a.room(quota, later).0, 60);
    }

    #[test]
    fn a_new_window_starts_from_nothing() {
        let quota = Quota { limit: 5, burst: 5, window: Duration::from_mins(1) };
        let mut shared = Shared::default();
        shared.ask(None, quota, NOW);
        (0..5).for_each(|_| shared.count(quota, 1, NOW));
        let (room, ends) = shared.room(quota, NOW);
        assert_eq!(room, 0);
        let next = NOW.plus(ends);
        assert_eq!(shared.room(quota, next).0, 5);
        let stale = "{\"window\":1,\"count\":5}";
        shared.ask(Some(stale), quota, next);
        assert_eq!(shared.room(quota, next).0, 5);
    }

    #[test]
    fn a_stored_value_that_cannot_be_read_counts_as_nothing() {
        for text in ["", "x", "{}", "{\"window\":0,\"count\":-1}", "[1]", "{\"window\":0,\"count\":1e3}"] {
            assert_eq!(read(text, 0), None, "{text}");
        }
        let stored = |count, denied_until| Some(Stored { count, denied_until });
        assert_eq!(read("{\"window\":7,\"count\":3}", 7), stored(3, None));
        let text = "{\"window\":7,\"count\":3,\"denied_until\":9}";
        assert_eq!(read(text, 8), stored(0, Some(UnixMillis(9))));
        assert_eq!(read(&text.replace('9', "-9"), 7), stored(3, None));
    }

    const TEN_AN_HOUR: Quota = Quota { limit: 10, burst: 10, window: Duration::from_hours(1) };

    #[test]
    fn a_long_denial_is_told_at_once_and_denies_everywhere_until_it_ends() {
        let wait = Duration::from_mins(6);
        let mut first = Shared::default();
        first.ask(None, TEN_AN_HOUR, NOW);
        first.count(TEN_AN_HOUR, 10, NOW);
        assert!(first.refused(TEN_AN_HOUR, wait, NOW));
        let stored = first.tell(None, TEN_AN_HOUR, NOW);
        assert!(!first.refused(TEN_AN_HOUR, wait, NOW), "once is enough");
        let mut second = Shared::default();
        // The count is of another window, as after an hour has begun; the mark still holds.
        let later = UnixMillis((NOW.0 / 3_600_000 + 1) * 3_600_000 - 1);
        let ends = later.plus(Duration::from_mins(1));
        let marked = stored.replace(&NOW.plus(wait).0.to_string(), &ends.0.to_string());
        second.ask(Some(&marked), TEN_AN_HOUR, later);
        let next = later.plus(Duration::from_secs(1));
        assert_eq!(second.room(TEN_AN_HOUR, next), (0, Duration::from_secs(59)));
        // Who tells passes it on.
        let told = second.tell(None, TEN_AN_HOUR, next);
        assert!(told.contains(&ends.0.to_string()), "{told}");
        assert_eq!(second.room(TEN_AN_HOUR, ends).0, 10);
    }

    #[test]
    fn a_short_denial_is_nobody_elses_business() {
        let mut shared = Shared::default();
        shared.ask(None, TEN_AN_HOUR, NOW);
        assert!(!shared.refused(TEN_AN_HOUR, Duration::from_secs(59), NOW));
        assert_eq!(shared.room(TEN_AN_HOUR, NOW).0, 10);
    }

    #[test]
    fn a_mark_that_is_too_far_away_denies_nobody() {
        let mut shared = Shared::default();
        let until = NOW.plus(Duration::from_hours(3)).0;
        let stored = format!("{{\"window\":0,\"count\":0,\"denied_until\":{until}}}");
        shared.ask(Some(&stored), TEN_AN_HOUR, NOW);
        assert_eq!(shared.room(TEN_AN_HOUR, NOW).0, 10);
    }
}
