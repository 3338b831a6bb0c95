//! The cache of key sets by URL, as a state machine: [`KeySets`]. Issuers' metadata is kept by the same rules
//! ([`Documents`]): it says where keys are, and so lives and dies as they do.
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
//! - What one host has learnt, others take from a store ([`KeySets::state`], [`KeySets::loaded`]): the set, that its source
//!   fails and since how many attempts, and when an unknown `kid` last made somebody ask. So a fleet that starts cold
//!   asks no more often than one host. Which `kid`s were unknown is not stored: strangers choose them.
//!
//! Only URLs from configuration or trusted directories should come here: any other fills the cache.

mod freshness;
mod snapshot;

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::JwkSet;
use crate::crypto::Algorithm;
use crate::encoding::json::Object;
use crate::time::UnixSeconds;

pub use freshness::{CachingFields, Freshness, retry_after};
pub use snapshot::{Snapshot, SnapshotError};

use snapshot::{Kept, SavedFailure};

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
/// How long a store is not told that nothing has changed. Elsewhere a write to KV is seen after a minute, and each
/// forged `kid` may cause a fetch: it must not cause a write, too.
const TELL_AFTER: Duration = Duration::from_mins(1);
/// Most failures that are counted: beyond these the pause grows no more.
const MAX_FAILURES: u32 = 6;

/// What is kept by these rules: a key set, or what says where one is.
pub trait Document: Clone + PartialEq + fmt::Debug {
    /// The member of a snapshot that holds it.
    const MEMBER: &'static str;
    /// Longest text of it in bytes, as a snapshot writes it.
    const MAX_BYTES: usize;

    /// Whether what is wanted is in it.
    fn answers(&self, wanted: Wanted<'_>) -> bool;

    /// Whether it has a key of that name; `true` where it holds no keys.
    fn names(&self, kid: &str) -> bool;

    /// The value of [`MEMBER`](Self::MEMBER).
    fn to_json(&self) -> serde_json::Value;

    /// Reads it from an object that has [`MEMBER`](Self::MEMBER); `None` where it is not what may be fetched.
    fn from_object(object: &Object<'_>) -> Option<Self>;
}

impl Document for JwkSet {
    const MEMBER: &'static str = "keys";
    // As written here, a set never takes twice what it took as fetched.
    const MAX_BYTES: usize = 2 * super::jwk::MAX_SET_BYTES;

    fn answers(&self, wanted: Wanted<'_>) -> bool {
        !self.candidates(wanted.kid, wanted.algorithm).is_empty()
    }

    fn names(&self, kid: &str) -> bool {
        self.keys().iter().any(|key| key.is_named(kid))
    }

    fn to_json(&self) -> serde_json::Value {
        self.keys_to_json()
    }

    fn from_object(object: &Object<'_>) -> Option<Self> {
        Self::from_object(object).ok()
    }
}

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

/// What to do for a key set, or another document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<D = JwkSet> {
    /// Use this set; it has candidates for what was wanted.
    Use {
        /// The set.
        document: Arc<D>,
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
pub type KeySets = Documents<JwkSet>;

/// Documents by URL, or by another name of where each comes from.
#[derive(Clone, Debug)]
pub struct Documents<D> {
    limits: Limits,
    seed: u64,
    entries: BTreeMap<String, Entry<D>>,
    clock: u64,
    versions: u64,
}

#[derive(Clone, Debug)]
struct Entry<D> {
    stored: Option<Stored<D>>,
    source: Source,
    /// When a store was last told, or told us.
    told_at: Option<UnixSeconds>,
    /// Whether there is something that the store must be told at once.
    untold: bool,
    last_used: u64,
}

impl<D> Default for Entry<D> {
    fn default() -> Self {
        Self { stored: None, source: Source::default(), told_at: None, untold: false, last_used: 0 }
    }
}

/// How it goes with a source, whatever it is a source of.
#[derive(Clone, Debug, Default)]
struct Source {
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
}

#[derive(Clone, Debug)]
struct Lease {
    until: UnixSeconds,
    /// The `kid` that the fetch is for, where it is for one.
    kid: Option<String>,
    /// The algorithm of the key that it is for, where that is known.
    algorithm: Option<Algorithm>,
    /// Whether it is for a key that the set there lacks.
    for_unknown_key: bool,
}

impl Lease {
    /// Whether it is for something that this document, too, lacks.
    fn is_unanswered_by<D: Document>(&self, document: &D) -> bool {
        let wanted = Wanted { kid: self.kid.as_deref(), algorithm: self.algorithm };
        self.for_unknown_key && !document.answers(wanted)
    }
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    at: UnixSeconds,
    /// No fetch before this.
    retry_at: UnixSeconds,
    /// Whether the source said that it has no set.
    definite: bool,
}

#[derive(Clone, Debug)]
struct Stored<D> {
    document: Arc<D>,
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

impl<D: Document> Documents<D> {
    /// An empty cache. `seed` moves the times of refreshing: hosts with different seeds do not ask at once. It
    /// need not be secret.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self { limits, seed, entries: BTreeMap::new(), clock: 0, versions: 0 }
    }

    /// What to do for the set at `url`. With `wanted`, a set without a candidate for it is not enough.
    pub fn lookup(&mut self, url: &str, wanted: Option<Wanted<'_>>, now: UnixSeconds) -> Lookup<D> {
        let (limits, seed) = (self.limits, self.seed);
        let entry = self.entry(url);
        // What can never serve again is not kept: `no-store` says so, and the rest saves memory.
        entry.stored.take_if(|stored| stored.serve_until <= now);
        let source = &mut entry.source;
        let Some(stored) = entry.stored.clone().filter(|stored| source.may_serve(stored, now)) else {
            return match source.permit(&limits, wanted.and_then(|wanted| wanted.kid), now) {
                Permit::Granted(until) => Lookup::Fetch { until },
                Permit::Leased(until) => Lookup::Wait { until },
                Permit::Refused(until) if source.is_invalid(now) => Lookup::Invalid { until },
                Permit::Refused(until) => Lookup::Unavailable { until },
            };
        };
        if let Some(wanted) = wanted.filter(|wanted| !stored.document.answers(*wanted)) {
            return source.unknown_key(&limits, stored.fetched_at, wanted, now);
        }
        let refresh = now >= stored.refresh_at(seed, url)
            && matches!(source.permit(&limits, None, now), Permit::Granted(_));
        let stale = now >= stored.fresh_until;
        Lookup::Use { version: stored.version, stale, document: stored.document, refresh }
    }

    /// A fetch brought a set, whose response said how long it may be kept.
    pub fn fetched(&mut self, url: &str, document: D, freshness: Freshness, now: UnixSeconds) {
        let ttl = self.limits.unknown_kid_ttl.min(MAX_UNKNOWN_KID_TTL);
        let stated = freshness.fresh_for.unwrap_or(DEFAULT_FRESH).max(MIN_FRESH);
        // What is asked for anew within MAX_FRESH may still be fresh by its response: then it is not stale that serves.
        let serves_for = if freshness.may_be_stale { MAX_STALE } else { stated.min(MAX_STALE) };
        self.versions += 1;
        let version = self.versions;
        let entry = self.entry(url);
        let source = &mut entry.source;
        let asked = source.lease.take().and_then(|lease| lease.kid);
        source.unknown_kids.retain(|_, until| *until > now);
        let changed = entry.stored.as_ref().is_none_or(|stored| *stored.document != document);
        if changed {
            source.unknown_kids.clear();
        }
        if let Some(kid) = asked.filter(|kid| !document.names(kid)) {
            if source.unknown_kids.len() >= MAX_UNKNOWN_KIDS {
                source.unknown_kids.pop_first();
            }
            source.unknown_kids.insert(kid, now.plus(ttl));
        }
        entry.untold |= changed || source.failure.is_some();
        (source.failure, source.failures) = (None, 0);
        entry.stored = Some(Stored {
            document: Arc::new(document),
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
        let source = &mut entry.source;
        source.lease = None;
        source.failures = source.failures.saturating_add(1);
        let backoff = Duration::from_secs(1 << source.failures.min(MAX_FAILURES)).min(MAX_BACKOFF);
        let pause = retry_after.map_or(backoff, |asked| asked.min(MAX_RETRY_AFTER).max(backoff));
        source.failure = Some(Failure { at: now, retry_at: now.plus(pause), definite: false });
        entry.untold = true;
    }

    /// A fetch brought the definite answer that there is no set. `again_after` is when the response says that asking
    /// again makes sense, where it does. What was there stays for as long as it is fresh.
    pub fn invalid(&mut self, url: &str, again_after: Option<Duration>, now: UnixSeconds) {
        let entry = self.entry(url);
        entry.source.lease = None;
        let pause = again_after.unwrap_or(MIN_NEGATIVE).clamp(MIN_NEGATIVE, MAX_NEGATIVE);
        entry.source.failure = Some(Failure { at: now, retry_at: now.plus(pause), definite: true });
        entry.untold = true;
    }

    /// A fetch brought the answer that the document is elsewhere, where it can be asked for at once: gives the lease
    /// back, and nothing else changes. The next fetch counts like any other.
    pub fn elsewhere(&mut self, url: &str) {
        self.entry(url).source.lease = None;
    }

    /// A store had a snapshot. `true` where that is enough to do without a fetch: a set that is newer than what was
    /// known and still fresh, or the news that the source fails and is not to be asked now. Then the lease is given back,
    /// look up again. `false`: go on and fetch; where it had a newer set this is kept, to serve if that fails.
    pub fn loaded(&mut self, url: &str, snapshot: Snapshot<D>, now: UnixSeconds) -> bool {
        self.versions += 1;
        let (version, limits, seed) = (self.versions, self.limits, self.seed);
        let entry = self.entry(url);
        let source = &mut entry.source;
        let (asked_for_kid, failure) = (snapshot.asked_for_kid.filter(|at| *at <= now), snapshot.failure);
        // A snapshot from the future was written by a host whose clock is wrong: its age is not known.
        let newer =
            |at: UnixSeconds, known: Option<UnixSeconds>| at <= now && known.is_none_or(|known| known < at);
        let fetched_at = entry.stored.as_ref().map(|stored| stored.fetched_at);
        let heard_at = fetched_at.max(source.failure.map(|failure| failure.at));
        let mut enough = false;
        source.asked_for_kid = source.asked_for_kid.max(asked_for_kid);
        if let Some(kept) = snapshot.kept.filter(|kept| newer(kept.fetched_at, fetched_at)) {
            let unanswered =
                source.lease.as_ref().is_some_and(|lease| lease.is_unanswered_by(&kept.document));
            // Somebody else has just asked for a key that was not there, and this is what came: asking again waits.
            let cooling = asked_for_kid.is_some_and(|at| now < at.plus(limits.cooldown));
            if unanswered && cooling {
                source.asked_for_kid = asked_for_kid;
            }
            enough = now < kept.fresh_until && (!unanswered || cooling);
            if source.failure.is_some_and(|failure| failure.at < kept.fetched_at) {
                (source.failure, source.failures) = (None, 0);
            }
            source.unknown_kids.clear();
            entry.told_at = Some(kept.fetched_at);
            entry.stored = Some(Stored {
                document: Arc::new(kept.document),
                version,
                fetched_at: kept.fetched_at,
                fresh_until: kept.fresh_until,
                serve_until: kept.serve_until,
                for_store: true,
            });
        }
        if let Some(failure) = failure.filter(|failure| newer(failure.at, heard_at)) {
            entry.told_at = Some(failure.at);
            enough |= source.restore(failure, fnv1a(seed, url), now);
        }
        if enough {
            source.lease = None;
        }
        enough
    }

    /// The set of `url`, for a store: where there is one that may be stored. That there is none is never stored.
    #[must_use]
    pub fn snapshot(&self, url: &str) -> Option<Snapshot<D>> {
        let kept = self.stored(url).filter(|stored| stored.for_store)?.kept();
        Some(Snapshot { kept: Some(kept), failure: None, asked_for_kid: None })
    }

    /// All that others should know of `url`, for a store: its set if it may be stored, and that its source fails.
    /// `None` where there is nothing to tell, or nothing that the store was not told within a minute. For sources that
    /// the configuration names: there are few of these, and no stranger chooses them.
    pub fn state(&mut self, url: &str, now: UnixSeconds) -> Option<Snapshot<D>> {
        let entry = self.entries.get_mut(url)?;
        let due = entry.told_at.is_none_or(|told| now >= told.plus(TELL_AFTER));
        if !entry.untold && !due {
            return None;
        }
        let source = &entry.source;
        let kept = entry.stored.as_ref().filter(|stored| stored.for_store && now < stored.serve_until);
        let failure = source.failure.map(|failure| SavedFailure {
            at: failure.at,
            retry_at: failure.retry_at,
            definite: failure.definite,
            failures: source.failures.min(MAX_FAILURES),
        });
        let kept = kept.map(Stored::kept);
        if kept.is_none() && failure.is_none() {
            return None;
        }
        (entry.told_at, entry.untold) = (Some(now), false);
        Some(Snapshot { kept, failure, asked_for_kid: source.asked_for_kid })
    }

    /// Whether a set of `url` is there, be it stale.
    #[must_use]
    pub fn has_set(&self, url: &str) -> bool {
        self.stored(url).is_some()
    }

    /// The set of `url`, be it stale, without asking for it.
    #[must_use]
    pub fn peek(&self, url: &str) -> Option<&Arc<D>> {
        self.stored(url).map(|stored| &stored.document)
    }

    /// The version of the set that is there, if it may be stored.
    #[must_use]
    pub fn version_to_store(&self, url: &str) -> Option<u64> {
        self.stored(url).filter(|stored| stored.for_store).map(|stored| stored.version)
    }

    fn stored(&self, url: &str) -> Option<&Stored<D>> {
        self.entries.get(url)?.stored.as_ref()
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

    fn entry(&mut self, url: &str) -> &mut Entry<D> {
        self.clock += 1;
        if !self.entries.contains_key(url) && self.entries.len() >= self.limits.entries.max(1) {
            // What has no set goes first: naming URLs that lead nowhere must not push out what is in use.
            let oldest =
                self.entries.iter().min_by_key(|(_, entry)| (entry.stored.is_some(), entry.last_used));
            if let Some(oldest) = oldest.map(|(url, _)| url.clone()) {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entries.entry(url.to_owned()).or_default();
        entry.last_used = self.clock;
        entry
    }
}

impl Source {
    fn may_serve<D>(&self, stored: &Stored<D>, now: UnixSeconds) -> bool {
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

    fn unknown_key<D>(
        &mut self,
        limits: &Limits,
        fetched_at: UnixSeconds,
        wanted: Wanted<'_>,
        now: UnixSeconds,
    ) -> Lookup<D> {
        if let Some(lease) = self.lease.as_ref().filter(|lease| now < lease.until) {
            return Lookup::Wait { until: lease.until };
        }
        let cooled = self.asked_for_kid.map_or(fetched_at, |asked| asked.plus(limits.cooldown));
        let remembered = wanted.kid.and_then(|kid| self.unknown_kids.get(kid)).copied();
        let until = remembered.map_or(cooled, |remembered| remembered.max(cooled));
        if now < until {
            return Lookup::UnknownKey { until };
        }
        match self.permit(limits, wanted.kid, now) {
            Permit::Granted(until) => {
                self.asked_for_kid = Some(now);
                if let Some(lease) = &mut self.lease {
                    (lease.algorithm, lease.for_unknown_key) = (wanted.algorithm, true);
                }
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
        self.lease =
            Some(Lease { until, kid: kid.map(str::to_owned), algorithm: None, for_unknown_key: false });
        Permit::Granted(until)
    }

    /// Takes over that the source failed another host. Answers whether it is not to be asked now. `spread` moves the next
    /// attempt by up to a fifth of the pause: hosts that read the same must not all ask at once.
    fn restore(&mut self, saved: SavedFailure, spread: u64, now: UnixSeconds) -> bool {
        let fifth = saved.retry_at.since(saved.at).as_secs() / 5;
        let retry_at = saved.retry_at.plus(Duration::from_secs(spread % (fifth + 1)));
        // Long after, nothing is known but that it once failed.
        if now >= retry_at.plus(MAX_BACKOFF) {
            return false;
        }
        self.failures = self.failures.max(saved.failures);
        self.failure = Some(Failure { at: saved.at, retry_at, definite: saved.definite });
        now < retry_at
    }
}

impl<D: Clone> Stored<D> {
    fn kept(&self) -> Kept<D> {
        Kept {
            document: D::clone(&self.document),
            fetched_at: self.fetched_at,
            fresh_until: self.fresh_until,
            serve_until: self.serve_until,
        }
    }

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
