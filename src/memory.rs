//! [`Memory`]: everything that one isolate, or one process, keeps between requests. Every part of it is bounded,
//! so that neither many agents nor many requests make it grow.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use crate::config::RatePer;
use crate::crypto::{WarmKeys, sha256_parts};
use crate::encoding::base64url;
use crate::jose::key_set::KeySets;
use crate::jose::jwt::VerifiedToken;
use crate::policy::{Limit, Route};
use crate::state::bounded::Bounded;
use crate::state::rate::{Gcra, Outcome, Quota, Shared};
use crate::state::replay::Seen;
use crate::state::risk::Risk;
use crate::time::UnixMillis;

/// How many proofs are remembered. At 60 s each, 500 a second for one isolate.
const SEEN_PROOFS: usize = 32 * 1024;
/// How many subjects of limits.
const LIMITED_SUBJECTS: usize = 16 * 1024;
/// How many agents' risk.
const RISKY_SUBJECTS: usize = 8 * 1024;
/// How many verified tokens, of at most 8 KiB each.
const VERIFIED_TOKENS: usize = 1024;
/// How many keys have a precomputed table, of about 30 KiB each.
const WARM_KEYS: usize = 64;
/// Windows shorter than this are not shared between isolates: KV answers too late for them.
pub const SHARED_FROM_SECS: u64 = 60;

/// A verified token, and the version of the key set that it was verified with.
#[derive(Clone, Debug)]
pub(crate) struct CachedToken {
    pub(crate) token: Arc<VerifiedToken>,
    pub(crate) key_set_version: u64,
}

/// What one isolate keeps between requests.
#[derive(Debug)]
pub struct Memory {
    /// The key sets of issuers and the directories of agents.
    pub key_sets: KeySets,
    pub(crate) warm_keys: WarmKeys,
    pub(crate) tokens: Bounded<[u8; 32], CachedToken>,
    pub(crate) seen: Seen,
    pub(crate) risks: Bounded<String, Risk>,
    limits: Bounded<LimitKey, Counter>,
}

/// The subject of a limit: a digest, so that no store learns who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey([u8; 16]);

impl LimitKey {
    pub(crate) fn new(route: &Route, limit: Limit, subject: &str) -> Self {
        let quota = limit.quota;
        let rule = format!("{}/{}/{:?}", quota.limit, quota.burst, quota.window);
        let subject = if limit.per == RatePer::Route { "" } else { subject };
        let digest = sha256_parts(&[route.pattern().as_str(), limit.per.as_str(), &rule, subject]);
        let mut key = [0; 16];
        key.iter_mut().zip(digest).for_each(|(k, d)| *k = d);
        Self(key)
    }

    /// The name in a store.
    #[must_use]
    pub fn name(&self) -> String {
        format!("rate:{}", base64url::encode(&self.0))
    }
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    gcra: Gcra,
    shared: Shared,
    quota: Quota,
}

impl Counter {
    fn is_shared(&self) -> bool {
        self.quota.window.as_secs() >= SHARED_FROM_SECS
    }
}

impl Memory {
    /// Empty. `seed` spreads this isolate's refreshes over time; any number that other isolates do not share.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            key_sets: KeySets::new(seed),
            warm_keys: WarmKeys::new(WARM_KEYS),
            tokens: Bounded::new(VERIFIED_TOKENS),
            seen: Seen::new(SEEN_PROOFS),
            risks: Bounded::new(RISKY_SUBJECTS),
            limits: Bounded::new(LIMITED_SUBJECTS),
        }
    }

    fn counter(&mut self, key: LimitKey, quota: Quota) -> Counter {
        match self.limits.touch(&key) {
            Some(counter) => *counter,
            None => Counter { gcra: Gcra::default(), shared: Shared::default(), quota },
        }
    }

    /// Whether the store must be asked before a request can be counted.
    pub(crate) fn must_ask(&mut self, key: LimitKey, quota: Quota) -> bool {
        let counter = self.counter(key, quota);
        counter.is_shared() && counter.shared.is_unasked()
    }

    /// Takes in what the store has under [`LimitKey::name`]; `None` where it has nothing, or cannot be asked.
    pub fn ask(&mut self, limit: (LimitKey, Quota), stored: Option<&str>, now: UnixMillis) {
        let (key, quota) = limit;
        let mut counter = self.counter(key, quota);
        counter.shared.ask(stored, quota, now);
        self.limits.insert(key, counter);
    }

    /// What a limit would say, without counting: room left, as far as this isolate knows.
    pub(crate) fn weigh(&mut self, key: LimitKey, quota: Quota, now: UnixMillis) -> Outcome {
        let mut counter = self.counter(key, quota);
        let (_, outcome) = counter.gcra.count(quota, now);
        if !counter.is_shared() || !outcome.allowed {
            return outcome;
        }
        let (room, ends) = counter.shared.room(quota, now);
        match room {
            0 => Outcome { allowed: false, remaining: 0, reset_after: ends },
            _ => Outcome { remaining: outcome.remaining.min(room - 1), ..outcome },
        }
    }

    /// Counts a request that goes through; answers whether the store should be told.
    pub(crate) fn count(&mut self, key: LimitKey, quota: Quota, now: UnixMillis) -> bool {
        let mut counter = self.counter(key, quota);
        counter.gcra = counter.gcra.count(quota, now).0;
        counter.shared.count(quota, now);
        self.limits.insert(key, counter);
        counter.is_shared() && counter.shared.should_tell(now)
    }

    /// Puts what this isolate counted to what the store has: gives the text to store.
    pub fn tell(&mut self, limit: (LimitKey, Quota), stored: Option<&str>, now: UnixMillis) -> String {
        let (key, quota) = limit;
        let mut counter = self.counter(key, quota);
        let text = counter.shared.tell(stored, quota, now);
        self.limits.insert(key, counter);
        text
    }
}
