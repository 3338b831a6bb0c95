//! The cache of key sets by URL, as a state machine: [`KeySets`].
//!
//! A host asks [`KeySets::lookup`], does what the answer says, and reports what came of it. Fetching, stores
//! and clocks are the host's; time is an argument. The rules:
//!
//! - One fetch at a time for each URL: the answer [`Lookup::Fetch`] is a lease, everyone else gets
//!   [`Lookup::Wait`] until the fetch is reported or the lease ends. No promise is shared between requests.
//! - A set is fresh for as long as its response said (RFC 9111 §4.2), within [`MIN_FRESH`] and [`MAX_FRESH`].
//!   Somewhat before the end, one caller is asked to refresh; when that is, differs by URL and host.
//! - A failed fetch never evicts. While the source is failing, the last set serves until [`MAX_STALE`] after
//!   it was fetched, unless its response forbade that ([`Freshness::may_be_stale`]). After that nothing serves. Where
//!   the source is not known to fail, a stale set serves no longer than [`REVALIDATE_GRACE`]: a key withdrawn at its
//!   source must not live on in an idle cache.
//! - A source that failed is left alone for a while: after a failure that may pass ([`KeySets::failed`]) for up to
//!   a minute, growing, or as long as it asked for; after the definite answer that there is no set
//!   ([`KeySets::invalid`]) for [`MIN_NEGATIVE`] to [`MAX_NEGATIVE`]. Callers are told which ([`Lookup::Unavailable`],
//!   [`Lookup::Invalid`]). The definite answer evicts no set that is fresh either, but none outlives its freshness on
//!   it: who takes a directory down means its keys to be gone.
//! - A key not in the set asks for one fetch, but not within [`Limits::cooldown`] of the last such, never beyond
//!   [`Limits::fetches_per_minute`], and not again for the same `kid` within [`Limits::unknown_kid_ttl`].
//!   So forged `kid`s do not amplify, and a rotated key is honoured within seconds.
//! - A good fetch replaces the set, also where it has fewer keys.
//!
//! Only URLs from configuration or trusted directories should come here: any other fills the cache.

mod freshness;
mod snapshot;

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::JwkSet;
use crate::crypto::Algorithm;
use crate::time::UnixSeconds;

pub use freshness::{CachingFields, Freshness, retry_after};
pub use snapshot::{Snapshot, SnapshotError};

/// Shortest time a set counts as fresh, whatever its response said: bounds fetches to one a minute.
pub const MIN_FRESH: Duration = Duration::from_mins(1);
/// Longest time a set counts as fresh, whatever its response said: bounds how long a withdrawn key lives.
pub const MAX_FRESH: Duration = Duration::from_hours(1);
/// How long a set is fresh where its response did not say.
pub const DEFAULT_FRESH: Duration = Duration::from_mins(5);
/// How long past its freshness a set still serves while one caller refreshes it.
pub const REVALIDATE_GRACE: Duration = Duration::from_mins(1);
/// How long after its fetch a set serves while its source fails: 24 h.
pub const MAX_STALE: Duration = Duration::from_hours(24);
/// Shortest time that a definite failure is remembered.
pub const MIN_NEGATIVE: Duration = Duration::from_mins(1);
/// Longest time that a definite failure is remembered, whatever its response said: an agent that mends its directory
/// is believed soon.
pub const MAX_NEGATIVE: Duration = Duration::from_mins(5);
/// Longest pause that a source can ask for with `Retry-After`, where it failed for now.
pub const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Longest time that an unknown `kid` is remembered.
pub const MAX_UNKNOWN_KID_TTL: Duration = Duration::from_mins(5);
/// Most unknown `kid`s remembered for one URL.
const MAX_UNKNOWN_KIDS: usize = 32;
/// Longest pause after repeated failures that named none.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// The window of [`Limits::fetches_per_minute`].
const BUDGET_WINDOW: Duration = Duration::from_mins(1);

/// What a [`KeySets`] may hold and how often it may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most URLs kept; the one not used for longest goes. Default 256.
    pub entries: usize,
    /// How long a caller may take for a fetch before another may try. Default 10 s.
    pub lease: Duration,
    /// How long after a fetch that an unknown `kid` caused another may cause the next. Default 10 s: as long may a
    /// rotated key wait where forgers keep asking.
    pub cooldown: Duration,
    /// Most fetches of one URL started within a minute, for whatever reason. Default 6: leaves room for retries
    /// after failures, and is far below what a source minds.
    pub fetches_per_minute: u32,
    /// How long a `kid` that a fetch did not bring is not asked for again, up to [`MAX_UNKNOWN_KID_TTL`].
    /// Default 60 s. Forgotten at once when a new set arrives.
    pub unknown_kid_ttl: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 256,
            lease: Duration::from_secs(10),
            cooldown: Duration::from_secs(10),
            fetches_per_minute: 6,
            unknown_kid_ttl: Duration::from_mins(1),
        }
    }
}

/// Which key is looked for in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The `kid`, where the signature names one.
    pub kid: Option<&'a str>,
    /// The algorithm of the signature, where it is known before the key is.
    pub algorithm: Option<Algorithm>,
}

/// What to do for a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Use this set; it has candidates for what was wanted.
    Use {
        /// The set.
        set: Arc<JwkSet>,
        /// Counts the sets that were taken in: two never have the same, however alike they are.
        version: u64,
        /// Whether it is past its freshness.
        stale: bool,
        /// Whether the caller should fetch it anew, after its own request is answered. This too is a lease.
        refresh: bool,
    },
    /// Fetch it now: from a store ([`KeySets::loaded`]), else from the URL ([`KeySets::fetched`],
    /// [`KeySets::invalid`], [`KeySets::failed`]); then look up again. The lease is the caller's until the time given.
    Fetch {
        /// When the lease ends.
        until: UnixSeconds,
    },
    /// Somebody else is fetching: look up again shortly, at the latest then.
    Wait {
        /// When the other's lease ends.
        until: UnixSeconds,
    },
    /// The set is there and has no such key, and asking for it again is not allowed before the time given.
    UnknownKey {
        /// When a fetch may be allowed again.
        until: UnixSeconds,
    },
    /// There is no set: the source said so, and is not asked again before the time given.
    Invalid {
        /// When a fetch is allowed again.
        until: UnixSeconds,
    },
    /// There is no set to serve, and fetching is not allowed before the time given.
    Unavailable {
        /// When a fetch is allowed again.
        until: UnixSeconds,
    },
}

/// Key sets by URL.
#[derive(Clone, Debug)]
pub struct KeySets {
    limits: Limits,
    seed: u64,
    entries: BTreeMap<String, Entry>,
    clock: u64,
    versions: u64,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    set: Option<Stored>,
    lease: Option<Lease>,
    /// The last fetch failed.
    failure: Option<Failure>,
    /// How many failed one after the other.
    failures: u32,
    /// When an unknown `kid` last caused a fetch.
    asked_for_kid: Option<UnixSeconds>,
    /// Starts of fetches within the window.
    started: Vec<UnixSeconds>,
    unknown_kids: BTreeMap<String, UnixSeconds>,
    last_used: u64,
}

#[derive(Clone, Debug)]
struct Lease {
    until: UnixSeconds,
    /// The `kid` that the fetch is for, where it is for one.
    kid: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    /// No fetch before this.
    retry_at: UnixSeconds,
    /// Whether the source said that it has no set.
    definite: bool,
}

#[derive(Clone, Debug)]
struct Stored {
    set: Arc<JwkSet>,
    version: u64,
    fetched_at: UnixSeconds,
    fresh_until: UnixSeconds,
    /// When it ends to serve, whatever becomes of its source; not before `fresh_until`.
    serve_until: UnixSeconds,
    /// Whether a store may have it.
    for_store: bool,
}

/// Whether a fetch may start, or until when not.
enum Permit {
    Granted(UnixSeconds),
    Leased(UnixSeconds),
    Refused(UnixSeconds),
}

impl KeySets {
    /// An empty cache. `seed` moves the times of refreshing: hosts with different seeds do not ask at once. It
    /// need not be secret.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self { limits, seed, entries: BTreeMap::new(), clock: 0, versions: 0 }
    }

    /// What to do for the set at `url`. With `wanted`, a set without a candidate for it is not enough.
    pub fn lookup(&mut self, url: &str, wanted: Option<Wanted<'_>>, now: UnixSeconds) -> Lookup {
        let (limits, seed) = (self.limits, self.seed);
        let entry = self.entry(url);
        // What can never serve again is not kept: `no-store` says so, and the rest saves memory.
        entry.set.take_if(|stored| stored.serve_until <= now);
        let Some(stored) = entry.set.clone().filter(|stored| entry.may_serve(stored, now)) else {
            return match entry.permit(&limits, wanted.and_then(|wanted| wanted.kid), now) {
                Permit::Granted(until) => Lookup::Fetch { until },
                Permit::Leased(until) => Lookup::Wait { until },
                Permit::Refused(until) if entry.is_invalid(now) => Lookup::Invalid { until },
                Permit::Refused(until) => Lookup::Unavailable { until },
            };
        };
        if let Some(wanted) = wanted.filter(|w| stored.set.candidates(w.kid, w.algorithm).is_empty()) {
            return entry.unknown_key(&limits, &stored, wanted, now);
        }
        let refresh = now >= stored.refresh_at(seed, url)
            && matches!(entry.permit(&limits, None, now), Permit::Granted(_));
        Lookup::Use { version: stored.version, stale: now >= stored.fresh_until, set: stored.set, refresh }
    }

    /// A fetch brought a set, whose response said how long it may be kept.
    pub fn fetched(&mut self, url: &str, set: JwkSet, freshness: Freshness, now: UnixSeconds) {
        let ttl = self.limits.unknown_kid_ttl.min(MAX_UNKNOWN_KID_TTL);
        let stated = freshness.fresh_for.unwrap_or(DEFAULT_FRESH).max(MIN_FRESH);
        // What is asked for anew within MAX_FRESH may still be fresh by its response: then it is not stale that serves.
        let serves_for = if freshness.may_be_stale { MAX_STALE } else { stated.min(MAX_STALE) };
        self.versions += 1;
        let version = self.versions;
        let entry = self.entry(url);
        let asked = entry.lease.take().and_then(|lease| lease.kid);
        entry.unknown_kids.retain(|_, until| *until > now);
        if entry.set.as_ref().is_none_or(|stored| *stored.set != set) {
            entry.unknown_kids.clear();
        }
        if let Some(kid) = asked.filter(|kid| !set.keys().iter().any(|key| key.is_named(kid))) {
            if entry.unknown_kids.len() >= MAX_UNKNOWN_KIDS {
                entry.unknown_kids.pop_first();
            }
            entry.unknown_kids.insert(kid, now.plus(ttl));
        }
        (entry.failure, entry.failures) = (None, 0);
        entry.set = Some(Stored {
            set: Arc::new(set),
            version,
            fetched_at: now,
            fresh_until: now.plus(stated.min(MAX_FRESH)),
            serve_until: now.plus(serves_for),
            for_store: freshness.may_be_stored,
        });
    }

    /// A fetch failed for now: no answer, or one that says so. `retry_after` is what the response asked for, where it
    /// did. What was there stays.
    pub fn failed(&mut self, url: &str, retry_after: Option<Duration>, now: UnixSeconds) {
        let entry = self.entry(url);
        entry.lease = None;
        entry.failures = entry.failures.saturating_add(1);
        let backoff = Duration::from_secs(1 << entry.failures.min(6)).min(MAX_BACKOFF);
        let pause = retry_after.map_or(backoff, |asked| asked.min(MAX_RETRY_AFTER).max(backoff));
        entry.failure = Some(Failure { retry_at: now.plus(pause), definite: false });
    }

    /// A fetch brought the definite answer that there is no set. `again_after` is when the response says that asking
    /// again makes sense, where it does. What was there stays for as long as it is fresh.
    pub fn invalid(&mut self, url: &str, again_after: Option<Duration>, now: UnixSeconds) {
        let entry = self.entry(url);
        entry.lease = None;
        let pause = again_after.unwrap_or(MIN_NEGATIVE).clamp(MIN_NEGATIVE, MAX_NEGATIVE);
        entry.failure = Some(Failure { retry_at: now.plus(pause), definite: true });
    }

    /// A store had a snapshot. `true` where it is newer than what was known and still fresh: the lease is given
    /// back, look up again. `false`: go on and fetch; where it was newer it is kept, to serve if that fails.
    pub fn loaded(&mut self, url: &str, snapshot: Snapshot, now: UnixSeconds) -> bool {
        self.versions += 1;
        let version = self.versions;
        let entry = self.entry(url);
        // A snapshot from the future was written by a host whose clock is wrong: its age is not known.
        let newer = snapshot.fetched_at <= now
            && entry.set.as_ref().is_none_or(|stored| stored.fetched_at < snapshot.fetched_at);
        if !newer {
            return false;
        }
        let fresh = now < snapshot.fresh_until;
        entry.set = Some(Stored {
            set: Arc::new(snapshot.set),
            version,
            fetched_at: snapshot.fetched_at,
            fresh_until: snapshot.fresh_until,
            serve_until: snapshot.serve_until,
            for_store: true,
        });
        entry.unknown_kids.clear();
        if fresh {
            entry.lease = None;
        }
        fresh
    }

    /// The set of `url`, for a store: where there is one that may be stored. That there is none is never stored.
    #[must_use]
    pub fn snapshot(&self, url: &str) -> Option<Snapshot> {
        let stored = self.stored(url).filter(|stored| stored.for_store)?;
        Some(Snapshot {
            set: JwkSet::clone(&stored.set),
            fetched_at: stored.fetched_at,
            fresh_until: stored.fresh_until,
            serve_until: stored.serve_until,
        })
    }

    /// Whether a set of `url` is there, be it stale.
    #[must_use]
    pub fn has_set(&self, url: &str) -> bool {
        self.stored(url).is_some()
    }

    /// The version of the set that is there, if it may be stored.
    #[must_use]
    pub fn version_to_store(&self, url: &str) -> Option<u64> {
        self.stored(url).filter(|stored| stored.for_store).map(|stored| stored.version)
    }

    fn stored(&self, url: &str) -> Option<&Stored> {
        self.entries.get(url)?.set.as_ref()
    }

    /// How many URLs are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no URL is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&mut self, url: &str) -> &mut Entry {
        self.clock += 1;
        if !self.entries.contains_key(url) && self.entries.len() >= self.limits.entries.max(1) {
            // What has no set goes first: naming URLs that lead nowhere must not push out what is in use.
            let oldest = self.entries.iter().min_by_key(|(_, entry)| (entry.set.is_some(), entry.last_used));
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entries.entry(url.to_owned()).or_default();
        entry.last_used = self.clock;
        entry
    }
}

impl Entry {
    fn may_serve(&self, stored: &Stored, now: UnixSeconds) -> bool {
        // A failure long ago says nothing about the source now, and a definite answer is no failure to answer.
        let failing = self
            .failure
            .is_some_and(|failure| !failure.definite && now < failure.retry_at.plus(REVALIDATE_GRACE));
        let idle_until = stored.fresh_until.plus(REVALIDATE_GRACE).min(stored.serve_until);
        now < if failing { stored.serve_until } else { idle_until }
    }

    /// Whether the source said, not long ago, that it has no set.
    fn is_invalid(&self, now: UnixSeconds) -> bool {
        self.failure.is_some_and(|failure| failure.definite && now < failure.retry_at)
    }

    fn unknown_key(
        &mut self,
        limits: &Limits,
        stored: &Stored,
        wanted: Wanted<'_>,
        now: UnixSeconds,
    ) -> Lookup {
        if let Some(lease) = self.lease.as_ref().filter(|lease| now < lease.until) {
            return Lookup::Wait { until: lease.until };
        }
        let cooled = self.asked_for_kid.map_or(stored.fetched_at, |asked| asked.plus(limits.cooldown));
        let remembered = wanted.kid.and_then(|kid| self.unknown_kids.get(kid)).copied();
        let until = remembered.map_or(cooled, |remembered| remembered.max(cooled));
        if now < until {
            return Lookup::UnknownKey { until };
        }
        match self.permit(limits, wanted.kid, now) {
            Permit::Granted(until) => {
                self.asked_for_kid = Some(now);
                Lookup::Fetch { until }
            }
            Permit::Leased(until) => Lookup::Wait { until },
            Permit::Refused(until) => Lookup::UnknownKey { until },
        }
    }

    /// Grants the lease for a fetch, if nobody has it, the source is not to be left alone, and the budget lasts.
    fn permit(&mut self, limits: &Limits, kid: Option<&str>, now: UnixSeconds) -> Permit {
        if let Some(lease) = self.lease.as_ref().filter(|lease| now < lease.until) {
            return Permit::Leased(lease.until);
        }
        if let Some(failure) = self.failure.filter(|failure| now < failure.retry_at) {
            return Permit::Refused(failure.retry_at);
        }
        self.started.retain(|start| now < start.plus(BUDGET_WINDOW));
        if self.started.len() >= limits.fetches_per_minute.max(1) as usize {
            return Permit::Refused(self.started.first().map_or(now, |start| start.plus(BUDGET_WINDOW)));
        }
        self.started.push(now);
        let until = now.plus(limits.lease);
        self.lease = Some(Lease { until, kid: kid.map(str::to_owned) });
        Permit::Granted(until)
    }
}

impl Stored {
    /// Up to a fifth of the time of freshness before its end.
    fn refresh_at(&self, seed: u64, url: &str) -> UnixSeconds {
        let fifth = self.fresh_until.since(self.fetched_at).as_secs() / 5;
        self.fresh_until.minus(Duration::from_secs(fnv1a(seed, url) % (fifth + 1)))
    }
}

/// FNV-1a: spreads URLs well enough for times of refreshing, which are no secret.
fn fnv1a(seed: u64, text: &str) -> u64 {
    seed.to_be_bytes().iter().chain(text.as_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
