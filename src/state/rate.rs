//! Rate limits: the generic cell rate algorithm, and counts shared between isolates.
//!
//! **In one isolate** a limit is a GCRA (ITU-T I.371): one instant a subject, the *theoretical arrival time*.
//! Never more than `burst` at once, and `limit` a `window` in the long run: over any stretch of time at most
//! burst plus refill.
//!
//! **Between isolates** KV can neither count nor lock, it is seconds to a minute behind, and takes one write a
//! second a key. So isolates tell each other what they counted ([`Shared`]): each adds what it has let through
//! to the sum of an aligned window, now and then, and refuses once the sum that it knows and what it has not
//! told yet reach the limit. Between two tellings isolates do not know of each other: the guarantee is
//! `approximate`, and at worst each isolate lets a limit through.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::encoding::json::{self, Value};
use crate::time::UnixMillis;

/// `limit` requests a `window`, at most `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests a window; at least 1.
    pub limit: u32,
    /// Requests at once; at least 1.
    pub burst: u32,
    /// The window.
    pub window: Duration,
}

impl Quota {
    fn window_millis(self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Time between two requests at the sustained rate, in microseconds: a millisecond is too coarse for
    /// limits above 1,000 a second.
    fn interval_micros(self) -> u64 {
        (self.window_millis().saturating_mul(1000) / u64::from(self.limit.max(1))).max(1)
    }
}

/// What a limit says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it may go through.
    pub allowed: bool,
    /// How many more may go through right now.
    pub remaining: u32,
    /// Until how many may go through again as at first (allowed), or until one may (refused).
    pub reset_after: Duration,
}

/// The state of a limit for one subject: the theoretical arrival time, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gcra(u64);

impl Gcra {
    /// Counts a request, if it is allowed; a refused request changes nothing.
    #[must_use]
    pub fn count(self, quota: Quota, now: UnixMillis) -> (Self, Outcome) {
        let now = now.0.saturating_mul(1000);
        let interval = quota.interval_micros();
        let tolerance = interval.saturating_mul(u64::from(quota.burst.max(1)));
        let arrival = self.0.max(now);
        let next = arrival.saturating_add(interval);
        let ahead = next - now;
        if ahead > tolerance {
            let wait = Duration::from_micros(ahead - tolerance);
            return (self, Outcome { allowed: false, remaining: 0, reset_after: wait });
        }
        let remaining = u32::try_from((tolerance - ahead) / interval).unwrap_or(u32::MAX);
        (Self(next), Outcome { allowed: true, remaining, reset_after: Duration::from_micros(ahead) })
    }
}

/// How often an isolate tells others what it counted, at most. KV takes one write a second a key from all
/// isolates together, so this leaves room for ten of them.
pub const TELL_EVERY: Duration = Duration::from_secs(10);

/// What one isolate knows of a subject's count in the current aligned window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    window: u64,
    told: u32,
    untold: u32,
    last_told: Option<UnixMillis>,
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
        self.told = stored_count(stored, self.window).max(self.told);
        self.last_told = Some(now);
    }

    /// How many more the window takes, as far as this isolate knows, and when the window ends.
    #[must_use]
    pub fn room(&mut self, quota: Quota, now: UnixMillis) -> (u32, Duration) {
        self.roll(quota, now);
        let most = quota.limit.max(quota.burst);
        let left = most.saturating_sub(self.told.saturating_add(self.untold));
        let window = quota.window_millis();
        (left, Duration::from_millis(window - now.0 % window))
    }

    /// Counts a request that went through.
    pub fn count(&mut self, quota: Quota, now: UnixMillis) {
        self.roll(quota, now);
        self.untold = self.untold.saturating_add(1);
    }

    /// Whether there is something to tell, and the last telling is long enough ago.
    #[must_use]
    pub fn should_tell(&self, now: UnixMillis) -> bool {
        self.untold > 0 && self.last_told.is_none_or(|last| now.since(last) >= TELL_EVERY)
    }

    /// Puts what this isolate counted to what is stored: gives the text to store.
    pub fn tell(&mut self, stored: Option<&str>, quota: Quota, now: UnixMillis) -> String {
        self.roll(quota, now);
        self.told = stored_count(stored, self.window).max(self.told).saturating_add(self.untold);
        self.untold = 0;
        self.last_told = Some(now);
        format!("{{\"window\":{},\"count\":{}}}", self.window, self.told)
    }

    fn roll(&mut self, quota: Quota, now: UnixMillis) {
        let window = now.0 / quota.window_millis();
        if window != self.window {
            *self = Self { window, told: 0, untold: 0, last_told: self.last_told };
        }
    }
}

fn stored_count(stored: Option<&str>, window: u64) -> u32 {
    let count = |text: &str| {
        let value = json::parse(text.as_bytes(), 256).ok()?;
        let object = value.as_object()?;
        let member = |name| object.get(name).and_then(Value::as_i64);
        let same = u64::try_from(member("window")?).is_ok_and(|stored| stored == window);
        if same { u32::try_from(member("count")?).ok() } else { None }
    };
    stored.and_then(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTA: Quota = Quota { limit: 60, burst: 10, window: Duration::from_mins(1) };
    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn burst(quota: Quota, mut state: Gcra, now: UnixMillis, tries: u32) -> (Gcra, u32) {
        let mut allowed = 0;
        for _ in 0..tries {
            let (next, outcome) = state.count(quota, now);
            state = next;
            allowed += u32::from(outcome.allowed);
        }
        (state, allowed)
    }

    #[test]
    fn a_burst_passes_and_then_the_sustained_rate() {
        let (state, allowed) = burst(QUOTA, Gcra::default(), NOW, 100);
        assert_eq!(allowed, 10);
        let (_, refused) = state.count(QUOTA, NOW);
        assert_eq!(refused, Outcome { allowed: false, remaining: 0, reset_after: Duration::from_secs(1) });
        let (_, allowed) = burst(QUOTA, state, NOW.plus(Duration::from_secs(3)), 100);
        assert_eq!(allowed, 3);
    }

    #[test]
    fn remaining_counts_down() {
        let (state, first) = Gcra::default().count(QUOTA, NOW);
        let (_, second) = state.count(QUOTA, NOW);
        assert_eq!((first.remaining, second.remaining), (9, 8));
        assert_eq!(first.reset_after, Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn never_more_than_burst_plus_refill(limit in 1u32..200, burst in 1u32..200, gaps in prop::collection::vec(0u64..5_000, 1..300)) {
            let quota = Quota { limit, burst, window: Duration::from_secs(10) };
            let (mut state, mut now, mut allowed) = (Gcra::default(), NOW, 0u64);
            for gap in gaps {
                now = UnixMillis(now.0 + gap);
                let (next, outcome) = state.count(quota, now);
                state = next;
                allowed += u64::from(outcome.allowed);
            }
            let refill = (now.0 - NOW.0) * 1000 / quota.interval_micros();
            prop_assert!(allowed <= u64::from(burst) + refill);
        }

        #[test]
        fn waiting_as_told_lets_one_through(limit in 1u32..200, burst in 1u32..200) {
            let quota = Quota { limit, burst, window: Duration::from_secs(10) };
            let (state, _) = self::burst(quota, Gcra::default(), NOW, burst + 5);
            let (_, refused) = state.count(quota, NOW);
            prop_assert!(!refused.allowed);
            let wait = Duration::from_millis(u64::try_from(refused.reset_after.as_micros().div_ceil(1000)).unwrap());
            prop_assert!(state.count(quota, NOW.plus(wait)).1.allowed);
        }
    }

    #[test]
    fn isolates_add_up_through_the_store() {
        let quota = Quota { limit: 100, burst: 100, window: Duration::from_mins(1) };
        let (mut a, mut b) = (Shared::default(), Shared::default());
        a.ask(None, quota, NOW);
        b.ask(None, quota, NOW);
        (0..40).for_each(|_| a.count(quota, NOW));
        (0..30).for_each(|_| b.count(quota, NOW));
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
        (0..5).for_each(|_| shared.count(quota, NOW));
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
            assert_eq!(stored_count(Some(text), 0), 0, "{text}");
        }
        assert_eq!(stored_count(Some("{\"window\":7,\"count\":3}"), 7), 3);
    }
}
