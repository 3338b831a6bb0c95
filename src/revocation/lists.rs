//! The status lists that an isolate holds, and when to fetch them: [`StatusLists`], a state machine as that of key sets.
//!
//! - One fetch at a time of each list: [`Lookup::Ask`] is a lease, everyone else gets [`Lookup::Wait`].
//! - A list is fresh for as long as it says (`ttl`), else its response, within [`MIN_FRESH`] and what the configuration
//!   permits, and never past its `exp`. The draft (§8.2) has `exp` and `ttl` come before caching fields. In the last fifth of
//!   that time one caller is asked to fetch it anew after its own request, so that under load nobody waits.
//! - A list that is not fresh serves only while its source fails, or must be left alone: up to [`MAX_STALE`] longer, and
//!   never past its `exp`. After that there is none.
//! - A source that failed is left alone for a while, growing up to [`MAX_PAUSE`]; no list is fetched more often than
//!   [`FETCHES_PER_MINUTE`].
//! - At most [`MAX_LISTS`] lists of together [`MAX_ALL_BYTES`] are held; what was not used for longest goes.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use super::status_list::{StatusList, VerifiedStatusList};
use crate::state::rate::{Gcra, Quota};
use crate::time::UnixMillis;

/// Shortest time that a list counts as fresh, whatever it says, unless it expires: 10 s.
pub(crate) const MIN_FRESH: Duration = Duration::from_secs(10);
/// How long a list is fresh where neither it nor its response says: 5 min.
pub(crate) const DEFAULT_FRESH: Duration = Duration::from_mins(5);
/// How long past its freshness a list serves while its source fails: 15 min, as the registry of agents.
pub(crate) const MAX_STALE: Duration = Duration::from_mins(15);
/// Most lists: 16.
pub(crate) const MAX_LISTS: usize = 16;
/// Most bytes of all lists together: 8 MiB.
pub(crate) const MAX_ALL_BYTES: usize = 8 * 1024 * 1024;
/// Most fetches of one list a minute, for whatever reason: 6.
pub(crate) const FETCHES_PER_MINUTE: u32 = 6;
/// Longest pause after failures, or that a source can ask for: 1 min.
pub(crate) const MAX_PAUSE: Duration = Duration::from_mins(1);
/// How long a caller may take for a fetch before another may try: 10 s.
const LEASE: Duration = Duration::from_secs(10);

const BUDGET: Quota =
    Quota { limit: FETCHES_PER_MINUTE, burst: FETCHES_PER_MINUTE, window: Duration::from_mins(1) };

/// What a list is known by: a digest of its issuer and its URI.
pub(crate) type Key = [u8; 32];

/// What to do for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Use it.
    Use {
        list: Arc<StatusList>,
        /// When it was fetched.
        at: UnixMillis,
        /// Whether the caller should fetch it anew, after its own request is answered. This too is a lease.
        refresh: bool,
    },
    /// Fetch it now. The lease is the caller's.
    Ask,
    /// Look again shortly: somebody else is fetching it.
    Wait,
    /// There is none to use, and fetching is not allowed now.
    Unavailable,
}

/// Lists by what they are known by.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusLists {
    entries: BTreeMap<Key, Entry>,
    clock: u64,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    held: Option<Held>,
    leased_until: Option<UnixMillis>,
    retry_at: Option<UnixMillis>,
    failures: u32,
    spent: Gcra,
    /// The key that the last list was signed with, and that nobody knew.
    unknown_kid: Option<String>,
    last_used: u64,
}

#[derive(Clone, Debug)]
struct Held {
    list: Arc<StatusList>,
    fetched_at: UnixMillis,
    fresh_until: UnixMillis,
    serve_until: UnixMillis,
}

impl StatusLists {
    /// What to do for a list.
    pub(crate) fn look_up(&mut self, key: Key, now: UnixMillis) -> Lookup {
        let entry = self.entry(key);
        entry.held.take_if(|held| now >= held.serve_until);
        let Some(held) = entry.held.clone() else { return entry.permit(now) };
        let use_it = |refresh| Lookup::Use { list: Arc::clone(&held.list), at: held.fetched_at, refresh };
        if now < held.refresh_from() {
            return use_it(false);
        }
        match entry.permit(now) {
            Lookup::Ask if now < held.fresh_until => use_it(true),
            Lookup::Ask => Lookup::Ask,
            Lookup::Wait if now >= held.fresh_until => Lookup::Wait,
            // It is fresh, or the best there is.
            _ => use_it(false),
        }
    }

    /// Takes in a list that was fetched and verified. `stated` is how long its response says that it is fresh, `most` how
    /// long the configuration lets it be.
    pub(crate) fn fetched(
        &mut self,
        key: Key,
        verified: VerifiedStatusList,
        stated: Option<Duration>,
        most: Duration,
        now: UnixMillis,
    ) {
        let fresh_for = verified.ttl.or(stated).unwrap_or(DEFAULT_FRESH).min(most).max(MIN_FRESH);
        let expires = verified.expires.map_or(UnixMillis(u64::MAX), |expires| {
            UnixMillis(u64::try_from(expires.0).unwrap_or(0).saturating_mul(1000))
        });
        let entry = self.entry(key);
        (entry.leased_until, entry.retry_at, entry.failures) = (None, None, 0);
        entry.unknown_kid = None;
        entry.held = Some(Held {
            list: Arc::new(verified.list),
            fetched_at: now,
            fresh_until: now.plus(fresh_for).min(expires),
            serve_until: now.plus(fresh_for).plus(MAX_STALE).min(expires),
        });
        self.keep_within(MAX_ALL_BYTES);
    }

    /// The key that a list was signed with, and that was not among its issuer's: whoever asks next looks for it first.
    pub(crate) fn unknown_kid(&self, key: &Key) -> Option<String> {
        self.entries.get(key)?.unknown_kid.clone()
    }

    /// Takes in that no list could be had. `retry_after` is what the response asked for, `unknown_kid` the key that it
    /// was signed with, where nobody knows that. What was there stays.
    pub(crate) fn failed(
        &mut self,
        key: Key,
        retry_after: Option<Duration>,
        unknown_kid: Option<String>,
        now: UnixMillis,
    ) {
        let entry = self.entry(key);
        entry.leased_until = None;
        entry.unknown_kid = unknown_kid;
        entry.failures = entry.failures.saturating_add(1);
        let backoff = Duration::from_secs(1 << entry.failures.min(6));
        entry.retry_at = Some(now.plus(retry_after.unwrap_or_default().max(backoff).min(MAX_PAUSE)));
    }

    fn entry(&mut self, key: Key) -> &mut Entry {
        self.clock += 1;
        if !self.entries.contains_key(&key) && self.entries.len() >= MAX_LISTS {
            self.forget_oldest(None);
        }
        let entry = self.entries.entry(key).or_default();
        entry.last_used = self.clock;
        entry
    }

    fn keep_within(&mut self, most: usize) {
        let newest = self.clock;
        let size = |entry: &Entry| entry.held.as_ref().map_or(0, |held| held.list.size());
        while self.entries.values().map(size).sum::<usize>() > most && self.entries.len() > 1 {
            self.forget_oldest(Some(newest));
        }
    }

    /// What has no list goes first, then what was not used for longest.
    fn forget_oldest(&mut self, but: Option<u64>) {
        let others = self.entries.iter().filter(|(_, entry)| Some(entry.last_used) != but);
        let oldest = others.min_by_key(|(_, entry)| (entry.held.is_some() && but.is_none(), entry.last_used));
        if let Some(oldest) = oldest.map(|(key, _)| *key) {
            self.entries.remove(&oldest);
        }
    }
}

impl Entry {
    /// Grants the lease for a fetch, if nobody has it, the source is not to be left alone, and the budget lasts.
    fn permit(&mut self, now: UnixMillis) -> Lookup {
        if self.leased_until.is_some_and(|until| now < until) {
            return Lookup::Wait;
        }
        if self.retry_at.is_some_and(|at| now < at) {
            return Lookup::Unavailable;
        }
        let (spent, outcome) = self.spent.count(BUDGET, now);
        if !outcome.allowed {
            return Lookup::Unavailable;
        }
        self.spent = spent;
        self.leased_until = Some(now.plus(LEASE));
        Lookup::Ask
    }
}

impl Held {
    /// From when on it is fetched anew in the background: the last fifth of its freshness.
    fn refresh_from(&self) -> UnixMillis {
        let fresh_for = self.fresh_until.since(self.fetched_at);
        self.fetched_at.plus(fresh_for / 5 * 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url;
    use crate::time::UnixSeconds;
    use miniz_oxide::deflate::compress_to_vec_zlib;
    use proptest::prelude::*;
    use std::vec;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const MOST: Duration = Duration::from_hours(1);

    fn after(secs: u64) -> UnixMillis {
        NOW.plus(Duration::from_secs(secs))
    }

    fn list(bytes: usize, ttl: Option<u64>, expires_in: Option<i64>) -> VerifiedStatusList {
        let lst = base64url::encode(&compress_to_vec_zlib(&vec![0; bytes], 9));
        VerifiedStatusList {
            list: StatusList::inflate(1, &lst).unwrap(),
            expires: expires_in.map(|secs| UnixSeconds(NOW.seconds().0 + secs)),
            ttl: ttl.map(Duration::from_secs),
        }
    }

    fn key(number: u8) -> Key {
        [number; 32]
    }

    fn is_used(lookup: &Lookup) -> bool {
        matches!(lookup, Lookup::Use { refresh: false, .. })
    }

    fn holding(ttl: Option<u64>, expires_in: Option<i64>) -> StatusLists {
        let mut lists = StatusLists::default();
        assert_eq!(lists.look_up(key(1), NOW), Lookup::Ask);
        lists.fetched(key(1), list(4, ttl, expires_in), None, MOST, NOW);
        lists
    }

    #[test]
    fn one_fetches_and_the_others_wait() {
        let mut lists = StatusLists::default();
        assert_eq!(lists.look_up(key(1), NOW), Lookup::Ask);
        assert_eq!(lists.look_up(key(1), after(9)), Lookup::Wait);
        assert_eq!(lists.look_up(key(1), after(10)), Lookup::Ask, "the lease has ended");
        lists.fetched(key(1), list(4, None, None), None, MOST, after(11));
        assert!(is_used(&lists.look_up(key(1), after(11))));
        assert_eq!(lists.look_up(key(2), after(11)), Lookup::Ask, "another list is another matter");
    }

    #[test]
    fn a_list_is_asked_for_anew_when_its_ttl_has_passed() {
        let mut lists = holding(Some(100), None);
        assert!(is_used(&lists.look_up(key(1), after(79))));
        assert!(matches!(lists.look_up(key(1), after(80)), Lookup::Use { refresh: true, .. }));
        assert!(is_used(&lists.look_up(key(1), after(81))), "one refreshes for all");
        // Nobody did: what is not fresh is waited for.
        assert_eq!(lists.look_up(key(1), after(100)), Lookup::Ask);
        assert_eq!(lists.look_up(key(1), after(100)), Lookup::Wait);
    }

    #[test]
    fn what_a_list_says_comes_before_its_response_and_within_bounds() {
        for (ttl, stated, most, fresh_for) in [
            (None, None, 3600, 300),
            (None, Some(60), 3600, 60),
            (Some(120), Some(0), 3600, 120),
            (Some(43_200), None, 3600, 3600),
            (Some(1), None, 3600, 10),
            (None, Some(0), 3600, 10),
            (Some(100), None, 30, 30),
        ] {
            let mut lists = StatusLists::default();
            let stated = stated.map(Duration::from_secs);
            lists.fetched(key(1), list(4, ttl, None), stated, Duration::from_secs(most), NOW);
            assert!(matches!(lists.look_up(key(1), after(fresh_for - 1)), Lookup::Use { .. }), "{ttl:?}");
            let mut lists = StatusLists::default();
            lists.fetched(key(1), list(4, ttl, None), stated, Duration::from_secs(most), NOW);
            assert_eq!(lists.look_up(key(1), after(fresh_for)), Lookup::Ask, "{ttl:?}");
        }
    }

    #[test]
    fn a_list_serves_while_its_source_fails_but_not_for_ever() {
        let mut lists = holding(Some(100), None);
        assert_eq!(lists.look_up(key(1), after(100)), Lookup::Ask);
        lists.failed(key(1), None, None, after(100));
        assert!(is_used(&lists.look_up(key(1), after(101))));
        assert_eq!(lists.look_up(key(1), after(102)), Lookup::Ask);
        lists.failed(key(1), Some(MOST), None, after(102));
        assert!(
            is_used(&lists.look_up(key(1), after(161))),
            "no source is left alone for longer than a minute"
        );
        assert_eq!(lists.look_up(key(1), after(162)), Lookup::Ask);
        lists.failed(key(1), Some(MOST), None, after(960));
        assert!(is_used(&lists.look_up(key(1), after(999))));
        assert_eq!(lists.look_up(key(1), after(1000)), Lookup::Unavailable);
    }

    #[test]
    fn nothing_serves_past_its_expiry() {
        let mut lists = holding(Some(100), Some(50));
        assert!(matches!(lists.look_up(key(1), after(49)), Lookup::Use { .. }));
        lists.failed(key(1), None, None, after(49));
        assert_eq!(lists.look_up(key(1), after(50)), Lookup::Unavailable);
    }

    #[test]
    fn a_list_is_fetched_so_often_a_minute_and_no_more() {
        let mut lists = StatusLists::default();
        let mut fetches = 0;
        for secs in 0..60 {
            if lists.look_up(key(1), after(secs)) == Lookup::Ask {
                fetches += 1;
                // A list that has expired as it comes.
                lists.fetched(key(1), list(4, None, Some(0)), None, MOST, after(secs));
            }
        }
        // The budget, and what is given back within the minute.
        assert!((FETCHES_PER_MINUTE..=2 * FETCHES_PER_MINUTE).contains(&fetches), "{fetches}");
    }

    #[test]
    fn a_source_that_never_answered_is_left_alone_for_longer_each_time() {
        let mut lists = StatusLists::default();
        let mut asked = vec![];
        for secs in 0..200 {
            if lists.look_up(key(1), after(secs)) == Lookup::Ask {
                asked.push(secs);
                lists.failed(key(1), None, None, after(secs));
            }
        }
        assert_eq!(asked, [0, 2, 6, 14, 30, 62, 122, 182]);
    }

    #[test]
    fn lists_are_bounded_in_number() {
        let mut lists = StatusLists::default();
        for number in 0..200 {
            lists.look_up(key(number), NOW);
            if number % 3 > 0 {
                lists.fetched(key(number), list(4, None, None), None, MOST, NOW);
            }
        }
        assert_eq!(lists.entries.len(), MAX_LISTS);
        assert!(is_used(&lists.look_up(key(199), NOW)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn lists_are_bounded_in_bytes(sizes in prop::collection::vec(1_usize..1024, 1..24)) {
            let mut lists = StatusLists::default();
            for (number, size) in sizes.iter().enumerate() {
                let number = u8::try_from(number).unwrap();
                lists.fetched(key(number), list(size * 1024, None, None), None, MOST, NOW);
                let held = lists.entries.values().filter_map(|entry| entry.held.as_ref());
                prop_assert!(held.map(|held| held.list.size()).sum::<usize>() <= MAX_ALL_BYTES);
                prop_assert!(is_used(&lists.look_up(key(number), NOW)), "what has just come stays");
            }
        }
    }
}
