//! [`Memory`]: everything that one isolate, or one process, keeps between requests. Every part of it is bounded,
//! so that neither many agents nor many requests make it grow.

use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use crate::config::{Gate, MAX_CONFIGURED_AGENTS};
use crate::crypto::WarmKeys;
use crate::discovery::{Discovered, Metadata, MetadataError, WellKnown};
use crate::engine::AtHome;
use crate::event::refusals::Refusals;
use crate::jose::JwkSetError;
use crate::jose::jwt::VerifiedToken;
use crate::jose::key_set::{self, Document, Documents, Freshness, KeySets, Lookup, Snapshot, Wanted};
use crate::keys::{Asked, Brought, KeyReading, KeyResponseError, KeySource, KeysTaken};
use crate::reason::Reason;
use crate::registry::MAX_AGENTS;
use crate::registry::copy::{Agents, Copied, Copy};
use crate::revocation::answers::Answers;
use crate::revocation::denials::Denials;
use crate::revocation::deny_list::DenyList;
use crate::revocation::introspection::Introspected;
use crate::revocation::ledger::Denial;
use crate::revocation::lists::StatusLists;
use crate::revocation::{About, Found, Inquiry, InquiryError, InquiryReading, InquiryTaken};
use crate::state::bounded::Bounded;
pub use crate::state::rate::LimitKey;
use crate::state::rate::{Gcra, Leases, Outcome, Quota, Shared};
use crate::state::replay::Seen;
use crate::state::risk::State as Risk;
use crate::state::subject::SubjectName;
use crate::time::{UnixMillis, UnixSeconds};

/// How many proofs are remembered, and how many nonces. At 60 s each, 500 proofs a second for one isolate.
const SEEN_PROOFS: usize = 32 * 1024;
/// How many subjects of limits.
const LIMITED_SUBJECTS: usize = 16 * 1024;
/// How many refused proofs are known to be counted.
const COUNTED_REFUSALS: usize = 16 * 1024;
/// How many agents' risk, of at most 2 KiB each.
const RISKY_SUBJECTS: usize = 4 * 1024;
/// How many origins of directories; as many as a configuration may trust.
const TRUSTED_ORIGINS: usize = 64;
/// How many directories that agents named are known to be stored.
const STORED_DIRECTORIES: usize = 256;
/// How many issuers' metadata, and how many of them are being asked for one kind after the other. As many as a
/// configuration may name.
const METADATA: usize = 64;
/// How many key sets of registered agents: one for each agent there may be. Were it fewer, signatures that name agents in
/// turn would push out what bounds the fetches for each of them.
const AGENTS_KEY_SETS: usize = MAX_AGENTS + MAX_CONFIGURED_AGENTS;
/// How many verified tokens, of at most 8 KiB each.
const VERIFIED_TOKENS: usize = 1024;
/// How many keys have a precomputed table, of about 30 KiB each.
const WARM_KEYS: usize = 64;
/// Windows shorter than this are not shared between isolates: KV answers too late for them.
pub const SHARED_FROM_SECS: u64 = 60;

/// The name of the registry of agents in a store.
pub const AGENTS_NAME: &str = "agents";

/// How many new directories of one origin are fetched at once, and in a minute. Agents name the URL themselves, so
/// that without this bound anyone could make the gate fetch without end from an origin that it trusts.
const NEW_DIRECTORIES: Quota = Quota { limit: 10, burst: 10, window: Duration::from_mins(1) };

/// A verified token, and what it was verified with: it counts as long as that has not changed.
#[derive(Clone, Debug)]
pub(crate) struct CachedToken {
    pub(crate) token: Arc<VerifiedToken>,
    pub(crate) issuer: usize,
    pub(crate) key_set_version: u64,
    pub(crate) revocation_epoch: u64,
}

/// What one isolate keeps between requests.
#[derive(Debug)]
pub struct Memory {
    issuers: KeySets,
    metadata: Documents<Discovered>,
    /// Which kind of metadata an issuer proved not to have, so that it is now asked for the other.
    without: Bounded<String, WellKnown>,
    /// Apart from issuers, so that no agent can push an issuer's keys out.
    directories: KeySets,
    /// Apart from directories, where keys have other names: one URL may be both.
    agents_keys: KeySets,
    new_directories: Bounded<String, Gcra>,
    /// The versions of directories that the store has been told.
    stored: Bounded<String, u64>,
    pub(crate) warm_keys: WarmKeys,
    tokens: Bounded<[u8; 32], CachedToken>,
    revocation_epoch: u64,
    pub(crate) introspected: Answers<Introspected>,
    pub(crate) status_lists: StatusLists,
    agents: Copy,
    pub(crate) denials: Denials,
    seen_proofs: Seen,
    /// Apart from proofs: nonces may live for a day, and would push out what lives for a minute.
    seen_nonces: Seen,
    pub(crate) risks: Bounded<String, Risk>,
    /// Of subjects whose risk their homes keep.
    pub(crate) at_home: Bounded<SubjectName, AtHome>,
    /// The refused proofs that risk has counted.
    pub(crate) counted: Seen,
    limits: Bounded<LimitKey, Counter>,
    /// Those of requests that nobody proved. Apart: there are as many as somebody likes, without a key.
    unproven: Bounded<LimitKey, Gcra>,
    pub(crate) leases: Leases,
    pub(crate) refusals: Refusals,
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
            issuers: KeySets::new(key_set::Limits::default(), seed),
            metadata: Documents::new(
                key_set::Limits { entries: METADATA, ..key_set::Limits::default() },
                seed,
            ),
            without: Bounded::new(METADATA),
            directories: KeySets::new(key_set::Limits::default(), seed),
            agents_keys: KeySets::new(
                key_set::Limits { entries: AGENTS_KEY_SETS, ..key_set::Limits::default() },
                seed,
            ),
            new_directories: Bounded::new(TRUSTED_ORIGINS),
            stored: Bounded::new(STORED_DIRECTORIES),
            warm_keys: WarmKeys::new(WARM_KEYS),
            tokens: Bounded::new(VERIFIED_TOKENS),
            revocation_epoch: 0,
            introspected: Answers::new(VERIFIED_TOKENS),
            status_lists: StatusLists::default(),
            agents: Copy::default(),
            denials: Denials::new(),
            seen_proofs: Seen::new(SEEN_PROOFS),
            seen_nonces: Seen::new(SEEN_PROOFS),
            risks: Bounded::new(RISKY_SUBJECTS),
            at_home: Bounded::new(RISKY_SUBJECTS),
            counted: Seen::new(COUNTED_REFUSALS),
            limits: Bounded::new(LIMITED_SUBJECTS),
            unproven: Bounded::new(LIMITED_SUBJECTS),
            refusals: Refusals::default(),
            leases: Leases::default(),
        }
    }

    fn key_sets(&mut self, source: &KeySource) -> &mut KeySets {
        match () {
            () if source.is_configured() => &mut self.issuers,
            () if source.is_directory() => &mut self.directories,
            () => &mut self.agents_keys,
        }
    }

    /// What to do for the keys of a source.
    pub(crate) fn look_up(
        &mut self,
        source: &KeySource,
        wanted: Option<Wanted<'_>>,
        now: UnixMillis,
    ) -> Lookup {
        self.key_sets(source).lookup(&source.key(), wanted, now.seconds())
    }

    /// What to do for the metadata of an issuer.
    pub(crate) fn look_up_metadata(&mut self, issuer: &str, now: UnixMillis) -> Lookup<Discovered> {
        self.metadata.lookup(issuer, None, now.seconds())
    }

    /// Where the metadata of an issuer is to be asked for: as `rule` says, else where it was found the last time, else by
    /// RFC 8414 first.
    pub(crate) fn asks_for_metadata(&self, issuer: &str, rule: Option<WellKnown>) -> Asked {
        let without = self.without.peek(&String::from(issuer)).copied();
        let known = || self.metadata.peek(issuer).map(|known| known.at);
        let at = rule.or(without.map(WellKnown::other)).or_else(known).unwrap_or(WellKnown::Rfc8414);
        Asked { at, or_other: rule.is_none() }
    }

    /// The metadata of an issuer that is there, be it stale. Nothing is fetched for it.
    #[must_use]
    pub fn metadata(&self, issuer: &str) -> Option<Arc<Metadata>> {
        self.metadata.peek(issuer).map(|known| Arc::clone(&known.metadata))
    }

    /// Whether a host may go to the source, after the store had nothing. Agents name the URLs of directories
    /// themselves, so that only so many new ones are fetched a minute; well-known ones are as few as trusted origins.
    pub fn may_fetch(&mut self, source: &KeySource, now: UnixMillis) -> bool {
        let Some(origin) = source.directory_origin() else { return true };
        if source.is_well_known() || self.directories.has_set(&source.key()) {
            return true;
        }
        let origin = String::from(origin);
        let state = self.new_directories.touch(&origin).copied().unwrap_or_default();
        let (state, outcome) = state.count(NEW_DIRECTORIES, now);
        self.new_directories.insert(origin, state);
        outcome.allowed
    }

    /// Takes in what a store has under [`KeySource::name`]. Answers whether that is enough: else the host fetches. It is
    /// enough, too, where it says that the source fails and is to be left alone.
    pub fn keys_loaded(&mut self, source: &KeySource, stored: &str, now: UnixMillis) -> bool {
        let now = now.seconds();
        if let Some((issuer, asked)) = source.asked() {
            // Another configuration may have stored it.
            let believed = |known: Discovered| {
                let metadata = source.believe(Metadata::clone(&known.metadata)).ok()?;
                let wanted = asked.or_other || known.at == asked.at;
                wanted.then_some(Discovered { metadata: Arc::new(metadata), ..known })
            };
            let snapshot =
                Snapshot::from_text(stored).ok().and_then(|snapshot| snapshot.filter_map(believed));
            return snapshot.is_some_and(|snapshot| self.metadata.loaded(issuer, snapshot, now));
        }
        let snapshot = Snapshot::from_text(stored);
        snapshot.is_ok_and(|snapshot| self.key_sets(source).loaded(&source.key(), snapshot, now))
    }

    /// Takes in what a source answered, with the host's verdicts on [`KeyReading::checks`]. Says what to store, where the
    /// source is one that the configuration names: what an agent named is stored once it has proven its worth
    /// ([`Self::keys_to_store`]). That there are no keys is stored for issuers only, whom the configuration names.
    pub fn keys_read(
        &mut self,
        source: &KeySource,
        reading: KeyReading,
        verdicts: &[bool],
        now: UnixMillis,
    ) -> KeysTaken {
        let now = now.seconds();
        let (freshness, retry_after) = (reading.freshness(), reading.retry_after());
        let (found, refusals) = reading.conclude(verdicts);
        let key = source.key();
        if let Some((_, asked)) = source.asked() {
            let found = found.and_then(|brought| match brought {
                Brought::Metadata(metadata) => Ok(metadata),
                Brought::Keys(_) => Err(KeyResponseError::Metadata(MetadataError::Json)),
            });
            return self.metadata_read(&key, asked, found, (freshness, retry_after), now);
        }
        let sets = self.key_sets(source);
        let error = match found {
            Ok(Brought::Keys(set)) => {
                sets.fetched(&key, set, freshness, now);
                None
            }
            Ok(Brought::Metadata(_)) => {
                sets.failed(&key, retry_after, now);
                Some(KeyResponseError::Document(JwkSetError::NotASet))
            }
            // That keys are not where the configuration says is no fault of a client's.
            Err(error) if error.is_definite() && !source.is_configured() => {
                sets.invalid(&key, retry_after.or(freshness.fresh_for), now);
                Some(error)
            }
            Err(error) => {
                sets.failed(&key, retry_after, now);
                Some(error)
            }
        };
        let tells = if error.is_none() { !source.is_named_by_agent() } else { source.is_configured() };
        let store = if tells { to_store(sets, &key, now) } else { None };
        KeysTaken { store, error, refusals }
    }

    fn metadata_read(
        &mut self,
        issuer: &str,
        asked: Asked,
        found: Result<Metadata, KeyResponseError>,
        (freshness, retry_after): (Freshness, Option<Duration>),
        now: UnixSeconds,
    ) -> KeysTaken {
        let name = String::from(issuer);
        let without = self.without.peek(&name);
        let error = match found {
            Ok(metadata) => {
                self.without.remove(&name);
                let known = Discovered { metadata: Arc::new(metadata), at: asked.at };
                self.metadata.fetched(issuer, known, freshness, now);
                None
            }
            Err(error) if error.is_absence() && asked.or_other && without.is_none() => {
                self.without.insert(name, asked.at);
                self.metadata.elsewhere(issuer);
                return KeysTaken::default();
            }
            // What is there and wrong, or is nowhere, is as definite for an issuer as for anyone.
            Err(error) if error.is_definite() => {
                self.without.remove(&name);
                self.metadata.invalid(issuer, retry_after, now);
                Some(error)
            }
            Err(error) => {
                self.metadata.failed(issuer, retry_after, now);
                Some(error)
            }
        };
        KeysTaken { store: to_store(&mut self.metadata, issuer, now), error, ..KeysTaken::default() }
    }

    /// Whether the store should be told of a source that an agent named, and whose key has verified a signature.
    pub(crate) fn must_store(&mut self, source: &KeySource) -> bool {
        let version = self.directories.version_to_store(&source.key());
        source.is_named_by_agent()
            && version.is_some()
            && self.stored.touch(&source.name()).copied() != version
    }

    /// What to store under [`KeySource::name`], and for how long.
    pub fn keys_to_store(&mut self, source: &KeySource, now: UnixMillis) -> Option<(String, Duration)> {
        let sets = self.key_sets(source);
        let (version, snapshot) = (sets.version_to_store(&source.key())?, sets.snapshot(&source.key())?);
        self.stored.insert(source.name(), version);
        Some((snapshot.to_text(), snapshot.keep_for(now.seconds())))
    }

    /// Takes in that a source did not answer. Says what to store, as [`Self::keys_read`] does.
    pub fn keys_failed(&mut self, source: &KeySource, now: UnixMillis) -> Option<(String, Duration)> {
        let (key, now) = (source.key(), now.seconds());
        if source.asked().is_some() {
            self.metadata.failed(&key, None, now);
            return to_store(&mut self.metadata, &key, now);
        }
        let sets = self.key_sets(source);
        sets.failed(&key, None, now);
        if source.is_configured() { to_store(sets, &key, now) } else { None }
    }

    /// A token that was verified before, by its SHA-256. One that was verified before the last change of what is revoked
    /// is forgotten: it is judged anew.
    pub(crate) fn verified_token(&mut self, digest: [u8; 32]) -> Option<CachedToken> {
        let known = self.tokens.touch(&digest)?.clone();
        if known.revocation_epoch == self.revocation_epoch {
            return Some(known);
        }
        self.tokens.remove(&digest);
        None
    }

    /// Remembers a verified token.
    pub(crate) fn remember_token(
        &mut self,
        digest: [u8; 32],
        token: &Arc<VerifiedToken>,
        issuer: usize,
        key_set_version: u64,
    ) {
        let (token, revocation_epoch) = (Arc::clone(token), self.revocation_epoch);
        self.tokens.insert(digest, CachedToken { token, issuer, key_set_version, revocation_epoch });
    }

    /// Forgets a token, as one that has expired.
    pub(crate) fn forget_token(&mut self, digest: [u8; 32]) {
        self.tokens.remove(&digest);
    }

    /// Takes in that what is revoked has changed: no token counts as verified any more. What issuers said of tokens when
    /// they were asked goes on to count for as long as it was to be kept.
    pub fn revocations_changed(&mut self) {
        self.revocation_epoch += 1;
    }

    /// Takes in what a store has under [`Inquiry::name`]. Answers whether that is enough: else the host asks.
    pub fn inquiry_loaded(&mut self, inquiry: &Inquiry, _stored: &str, _now: UnixMillis) -> bool {
        match inquiry.about() {
            // Never stored.
            About::Introspection(_) | About::StatusList(_) => false,
        }
    }

    /// Takes in what came of an inquiry, with the host's verdicts on [`InquiryReading::checks`].
    pub fn inquiry_answered(
        &mut self,
        inquiry: &Inquiry,
        reading: InquiryReading,
        verdicts: &[bool],
        now: UnixMillis,
    ) -> InquiryTaken {
        let (key, retry_after) = (inquiry.key(), reading.retry_after());
        let (unknown_kid, bytes) = (reading.unknown_kid(), reading.bytes());
        match (inquiry.about(), reading.conclude(verdicts)) {
            (About::Introspection(asked), Ok(Found::Introspection(answer))) => {
                let (introspected, keep_for) = asked.verified(answer, now);
                let source = asked.introspection().source().name;
                if introspected.is_ok() {
                    self.introspected.good(key, source, (introspected, bytes), keep_for, now);
                } else {
                    self.introspected.bad(key, source, introspected, keep_for, now);
                }
                InquiryTaken::default()
            }
            (About::Introspection(asked), Err(error)) => {
                let source = asked.introspection().source().name;
                self.introspected.failed(key, source, error.is_of_source(), retry_after, now);
                InquiryTaken { store: None, error: Some(error) }
            }
            (About::StatusList(asked), Ok(Found::StatusList(list))) => {
                let fresh_for = (list.stated, asked.max_age());
                self.status_lists.fetched(key, asked.issuer(), list.verified, fresh_for, now);
                InquiryTaken::default()
            }
            (About::StatusList(asked), Err(error)) => {
                // One list that is not there says nothing about the others.
                let of_source = error.is_of_source() && error != InquiryError::Status(404);
                let told = (retry_after, unknown_kid);
                self.status_lists.failed(key, asked.issuer(), of_source, told, now);
                InquiryTaken { store: None, error: Some(error) }
            }
            // Another inquiry's answer is none to this.
            (About::Introspection(_), Ok(Found::StatusList(_)))
            | (About::StatusList(_), Ok(Found::Introspection(_))) => {
                self.inquiry_failed(inquiry, now);
                InquiryTaken { store: None, error: Some(InquiryError::Malformed) }
            }
        }
    }

    /// Takes in that an inquiry got no answer.
    pub fn inquiry_failed(&mut self, inquiry: &Inquiry, now: UnixMillis) {
        match inquiry.about() {
            About::Introspection(asked) => {
                let source = asked.introspection().source().name;
                self.introspected.failed(inquiry.key(), source, true, None, now);
            }
            About::StatusList(asked) => {
                self.status_lists.failed(inquiry.key(), asked.issuer(), true, (None, None), now);
            }
        }
    }

    /// The registry of agents, or what to do for it. A gate without an admin API has no store to read.
    pub fn registry(&mut self, gate: &Gate, now: UnixMillis) -> Agents {
        match gate.admin() {
            None => Agents::Fresh(Arc::clone(gate.agents())),
            Some(_) => self.agents.agents(gate.agents(), now),
        }
    }

    /// Takes in what the store has under [`AGENTS_NAME`]. `None`, where it has nothing, is a failure like any other:
    /// who writes the store must be asked. Answers `false` where the store's document is outdated
    /// ([`Copy::loaded`]), and was not taken: the host asks who writes it, or says that it failed.
    pub fn agents_loaded(&mut self, stored: Option<&str>, now: UnixMillis) -> bool {
        self.agents.loaded(stored, now)
    }

    /// Takes in that the store of agents did not answer.
    pub fn agents_failed(&mut self, now: UnixMillis) {
        self.agents.failed(now);
    }

    /// The deny list, or what to do for it. A gate without an admin API has no store to read.
    pub(crate) fn deny_list(&mut self, gate: &Gate, now: UnixMillis) -> Copied<DenyList> {
        match gate.admin() {
            None => Copied::Fresh(Arc::clone(gate.denied())),
            Some(_) => self.denials.list(gate.denied(), now),
        }
    }

    /// Takes in what the store has under [`DENIALS_NAME`](crate::revocation::deny_list::DENIALS_NAME), as
    /// [`Self::agents_loaded`] does.
    pub fn denials_loaded(&mut self, stored: Option<&str>, now: UnixMillis) -> bool {
        let before = self.denials.revision(now);
        let is_current = self.denials.loaded(stored, now);
        if self.denials.revision(now) != before {
            self.revocations_changed();
        }
        is_current
    }

    /// Takes in that the store of denials did not answer.
    pub fn denials_failed(&mut self, now: UnixMillis) {
        self.denials.failed(now);
    }

    /// Takes in what the admin API has just denied, so that it acts here before the store tells it.
    pub fn denied(&mut self, denial: Denial) {
        self.denials.denied(denial);
        self.revocations_changed();
    }

    /// Where proofs are remembered that are refused for this reason when they come again.
    pub(crate) fn seen(&mut self, refusal: Reason) -> &mut Seen {
        if refusal == Reason::SignatureReplayed { &mut self.seen_nonces } else { &mut self.seen_proofs }
    }

    /// What was refused and not told yet. The host takes it after the response, when it is due, and tells it; it counts
    /// here, too, what could not even be viewed.
    pub fn refusals(&mut self) -> &mut Refusals {
        &mut self.refusals
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

    /// What a limit would say to a request of this cost, without counting it: room left, as far as this isolate knows.
    pub(crate) fn weigh(&mut self, key: LimitKey, quota: Quota, cost: u32, now: UnixMillis) -> Outcome {
        let mut counter = self.counter(key, quota);
        let (_, outcome) = counter.gcra.take(quota, cost, now);
        if !counter.is_shared() || !outcome.allowed {
            return outcome;
        }
        let (room, ends) = counter.shared.room(quota, now);
        match room.checked_sub(cost) {
            None => Outcome { allowed: false, remaining: 0, reset_after: ends },
            Some(left) => Outcome { remaining: outcome.remaining.min(left), ..outcome },
        }
    }

    /// Takes in that a limit refused a request; answers whether the store should be told. Others are denied only until
    /// the cheapest request has room.
    pub(crate) fn refused(&mut self, key: LimitKey, quota: Quota, now: UnixMillis) -> bool {
        let cheapest = self.weigh(key, quota, 1, now);
        let wait = if cheapest.allowed { Duration::ZERO } else { cheapest.reset_after };
        let mut counter = self.counter(key, quota);
        let tells = counter.is_shared() && counter.shared.refused(quota, wait, now);
        self.limits.insert(key, counter);
        tells
    }

    /// Counts a request that goes through; answers whether the store should be told.
    pub(crate) fn count(&mut self, key: LimitKey, quota: Quota, cost: u32, now: UnixMillis) -> bool {
        let mut counter = self.counter(key, quota);
        counter.gcra = counter.gcra.take(quota, cost, now).0;
        counter.shared.count(quota, cost, now);
        self.limits.insert(key, counter);
        counter.is_shared() && counter.shared.should_tell(now)
    }

    /// What a limit would say to a request that nobody proved, without counting it.
    pub(crate) fn weigh_unproven(
        &mut self,
        key: LimitKey,
        quota: Quota,
        cost: u32,
        now: UnixMillis,
    ) -> Outcome {
        self.unproven.touch(&key).copied().unwrap_or_default().take(quota, cost, now).1
    }

    /// Counts a request that nobody proved and that goes through.
    pub(crate) fn count_unproven(&mut self, key: LimitKey, quota: Quota, cost: u32, now: UnixMillis) {
        let (counted, _) = self.unproven.touch(&key).copied().unwrap_or_default().take(quota, cost, now);
        self.unproven.insert(key, counted);
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

/// What a store should be told of a source, and for how long.
fn to_store<D: Document>(
    documents: &mut Documents<D>,
    key: &str,
    now: UnixSeconds,
) -> Option<(String, Duration)> {
    documents.state(key, now).map(|state| (state.to_text(), state.keep_for(now)))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;
    use crate::keys::KeyResponse;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn fetched(memory: &mut Memory, source: &KeySource, now: UnixMillis) {
        let response = KeyResponse::new(200, Some(SET.as_bytes()));
        let taken = memory.keys_read(source, source.read(&response, now.seconds()), &[], now);
        assert_eq!(taken.error, None);
    }

    /// Whoever knows the agents' ids can name keys that nobody has, of one agent after the other.
    #[test]
    fn forged_kids_of_all_agents_in_turn_cause_one_fetch_of_each_in_a_cooldown() {
        let agents: Vec<_> =
            (0..AGENTS_KEY_SETS).map(|i| KeySource::agent(&format!("https://a{i}.example/keys"))).collect();
        let mut memory = Memory::new(0);
        for agent in &agents {
            assert!(matches!(memory.look_up(agent, None, NOW), Lookup::Fetch { .. }));
            fetched(&mut memory, agent, NOW);
        }
        let later = NOW.plus(Duration::from_secs(20));
        let mut fetches = 0;
        for round in 0..5 {
            for agent in &agents {
                let kid = format!("forged-{round}");
                let wanted = Wanted { kid: Some(&kid), algorithm: None };
                if let Lookup::Fetch { .. } = memory.look_up(agent, Some(wanted), later) {
                    fetches += 1;
                    fetched(&mut memory, agent, later);
                }
            }
        }
        assert_eq!(fetches, agents.len());
    }
}
