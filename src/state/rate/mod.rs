//! Rate limits: the generic cell rate algorithm, and three ways to share one limit between isolates.
//!
//! A limit is a GCRA (ITU-T I.371): one instant a subject, the *theoretical arrival time*. At most `burst` at once, and
//! `limit` a `window` in the long run: over any stretch of time, of whatever length and wherever it begins, no more than
//! burst plus refill. A request takes its `cost`, most often 1. Times are whole nanoseconds, rounded so that never more is
//! let through than was written.
//!
//! | Where it is counted | Module | Promise |
//! |---|---|---|
//! | in one isolate | [`Gcra`] | exact for what this isolate sees |
//! | in the object of the subject | [`Take`] | exact, worldwide |
//! | leased by that object to isolates | [`Leases`] | never above the limit, worldwide; may refuse while others hold leases |
//! | between isolates through KV | [`Shared`] | approximate: isolates hear of each other late |
//!
//! Which limits a route has, and what becomes of a request that one of them refuses, is up to [`crate::config`] and
//! [`crate::engine`].

mod lease;
mod shared;
mod take;

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::subject::digest16;
use crate::crypto::sha256_parts;
use crate::encoding::base64url;
use crate::time::UnixMillis;
pub use lease::{Leases, Local};
pub use shared::{MARKED_FROM, Shared, TELL_EVERY};
pub use take::{Bucket, Give, MAX_GRANTS, Take, Taken};

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

/// A limit and its subject: a digest, so that no store learns who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LimitKey(#[serde(with = "digest16")] [u8; 16]);

impl LimitKey {
    /// The key of a subject's count by this quota. `place` says among which counts it is: a route's, or those of a name
    /// that routes share. Another quota is another count.
    #[must_use]
    pub fn new(place: [&str; 2], quota: Quota, subject: &str) -> Self {
        let rule = format!("{}/{}/{:?}", quota.limit, quota.burst, quota.window);
        let [kind, name] = place;
        let digest = sha256_parts(&[kind, name, &rule, subject]);
        let mut key = [0; 16];
        key.iter_mut().zip(digest).for_each(|(k, d)| *k = d);
        Self(key)
    }

    /// The name in a store.
    #[must_use]
    pub fn name(&self) -> String {
        format!("rate:{}", base64url::encode(&self.0))
    }

    /// Its bytes, as rows are named.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// Shortest time that a lease is worth a call for: 500 ms.
const LEAST_LEASE: Duration = Duration::from_millis(500);
/// Longest time that an isolate may keep what it has not used: 5 s, after which others may have it.
const LONGEST_LEASE: Duration = Duration::from_secs(5);
/// How much of a window a lease lasts, as a part of so many.
const LEASES_A_WINDOW: u32 = 12;

impl Quota {
    fn window_millis(self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Nanoseconds between two requests at the sustained rate; rounded up, as every nanosecond less would let more
    /// through than `limit` a window.
    fn interval(self) -> u64 {
        self.window_millis().saturating_mul(NANOS_PER_MILLI).div_ceil(u64::from(self.limit.max(1))).max(1)
    }

    /// What so many take, in nanoseconds.
    fn nanos(self, tokens: u32) -> u64 {
        self.interval().saturating_mul(u64::from(tokens))
    }

    /// How many fit into so many nanoseconds.
    fn tokens(self, nanos: u64) -> u32 {
        u32::try_from(nanos / self.interval()).unwrap_or(u32::MAX)
    }

    /// How long an isolate may use what was leased to it, a twelfth of the window and at most 5 s; `None` where leases
    /// make no sense, as a quarter of the limit is not even two, or the time is too short to save a call.
    #[must_use]
    pub fn lease_for(self) -> Option<Duration> {
        let duration = (self.window / LEASES_A_WINDOW).min(LONGEST_LEASE);
        (self.most_leased() >= 2 && duration >= LEAST_LEASE).then_some(duration)
    }

    /// Most that is leased to one isolate: a quarter of what the limit ever lets through at once.
    fn most_leased(self) -> u32 {
        self.limit.min(self.burst) / 4
    }
}

/// As `[limit, burst, window in milliseconds]`.
impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.limit, self.burst, self.window_millis()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (limit, burst, window) = <(u32, u32, u64)>::deserialize(deserializer)?;
        if limit == 0 || burst == 0 || window == 0 {
            return Err(D::Error::custom("a quota of nothing"));
        }
        Ok(Self { limit, burst, window: Duration::from_millis(window) })
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

/// The state of a limit for one subject: the theoretical arrival time, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gcra(u64);

impl Gcra {
    /// Counts a request, if it is allowed; a refused request changes nothing.
    #[must_use]
    pub fn count(self, quota: Quota, now: UnixMillis) -> (Self, Outcome) {
        self.take(quota, 1, now)
    }

    /// Counts a request of this cost, if it is allowed; a refused request changes nothing. One that costs more than
    /// `burst` never is.
    #[must_use]
    pub fn take(self, quota: Quota, cost: u32, now: UnixMillis) -> (Self, Outcome) {
        let now = now.0.saturating_mul(NANOS_PER_MILLI);
        let tolerance = quota.nanos(quota.burst.max(1));
        let arrival = self.0.max(now);
        let ahead = (arrival - now).saturating_add(quota.nanos(cost));
        // At the end of time nothing more is let through, rather than everything.
        let next = arrival.checked_add(quota.nanos(cost)).filter(|_| ahead <= tolerance);
        let Some(next) = next else {
            let wait = Duration::from_nanos(ahead.saturating_sub(tolerance));
            return (self, Outcome { allowed: false, remaining: 0, reset_after: wait });
        };
        let remaining = quota.tokens(tolerance - ahead);
        (Self(next), Outcome { allowed: true, remaining, reset_after: Duration::from_nanos(ahead) })
    }
}

/// An instant in whole nanoseconds, as the first millisecond that is not before it.
fn ceil_millis(nanos: u64) -> UnixMillis {
    UnixMillis(nanos.div_ceil(NANOS_PER_MILLI))
}

/// A reader of the bytes of a row: each method takes what it reads.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
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

    #[test]
    fn what_costs_more_than_a_burst_is_never_allowed() {
        assert!(!Gcra::default().take(QUOTA, 11, NOW).1.allowed);
        assert!(Gcra::default().take(QUOTA, 10, NOW).1.allowed);
    }

    #[test]
    fn fast_limits_are_not_rounded_up() {
        for limit in [600_000, 999_999, 1_000_000] {
            let quota = Quota { limit, burst: 1, window: Duration::from_secs(1) };
            assert!(quota.interval() * u64::from(limit) >= 1_000_000_000, "{limit}");
        }
    }

    #[test]
    fn what_lasts_longer_than_time_itself_ends_refused() {
        let quota = Quota { limit: 1, burst: 1_000_000, window: Duration::from_hours(24) };
        let (mut state, mut allowed) = (Gcra::default(), 0u64);
        for _ in 0..2_000 {
            let (next, outcome) = state.take(quota, 1_000, NOW);
            state = next;
            allowed += u64::from(outcome.allowed) * 1_000;
        }
        assert!(allowed < 1_000_000);
    }

    #[test]
    fn a_quota_is_read_as_it_was_written_and_one_of_nothing_is_none() {
        let text = serde_json::to_string(&QUOTA).unwrap();
        assert_eq!(text, "[60,10,60000]");
        assert_eq!(serde_json::from_str::<Quota>(&text).unwrap(), QUOTA);
        for text in ["[0,1,1]", "[1,0,1]", "[1,1,0]", "[1,1]", "[1,1,1,1]", "{}"] {
            assert!(serde_json::from_str::<Quota>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_limits_of_some_size_are_leased() {
        let quota = |limit, secs| Quota { limit, burst: limit, window: Duration::from_secs(secs) };
        assert_eq!(quota(7, 60).lease_for(), None);
        assert_eq!(quota(8, 60).lease_for(), Some(Duration::from_secs(5)));
        assert_eq!(quota(600, 5).lease_for(), None);
        assert_eq!(quota(600, 6).lease_for(), Some(Duration::from_millis(500)));
        assert_eq!(quota(600, 86_400).lease_for(), Some(Duration::from_secs(5)));
        assert_eq!(Quota { burst: 4, ..quota(600, 60) }.lease_for(), None);
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
            let refill = (now.0 - NOW.0) * NANOS_PER_MILLI / quota.interval();
            prop_assert!(allowed <= u64::from(burst) + refill);
        }

        #[test]
        fn a_request_of_a_cost_is_as_many_requests(limit in 1u32..200, burst in 1u32..200, costs in prop::collection::vec((0u64..5_000, 0u32..20), 1..100)) {
            let quota = Quota { limit, burst, window: Duration::from_secs(10) };
            let (mut at_once, mut one_by_one, mut now) = (Gcra::default(), Gcra::default(), NOW);
            for (gap, cost) in costs {
                now = UnixMillis(now.0 + gap);
                let (next, outcome) = at_once.take(quota, cost, now);
                if outcome.allowed {
                    for _ in 0..cost {
                        let (next, outcome) = one_by_one.count(quota, now);
                        prop_assert!(outcome.allowed);
                        one_by_one = next;
                    }
                }
                at_once = next;
                if cost > 0 {
                    prop_assert_eq!(at_once.0.max(now.0 * NANOS_PER_MILLI), one_by_one.0.max(now.0 * NANOS_PER_MILLI));
                }
            }
        }

        #[test]
        fn waiting_as_told_lets_one_through(limit in 1u32..200, burst in 1u32..200) {
            let quota = Quota { limit, burst, window: Duration::from_secs(10) };
            let (state, _) = self::burst(quota, Gcra::default(), NOW, burst + 5);
            let (_, refused) = state.count(quota, NOW);
            prop_assert!(!refused.allowed);
            let wait = Duration::from_millis(u64::try_from(refused.reset_after.as_nanos().div_ceil(u128::from(NANOS_PER_MILLI))).unwrap());
            prop_assert!(state.count(quota, NOW.plus(wait)).1.allowed);
        }
    }
}
