//! [`Memory`]: everything that one isolate, or one process, keeps between requests. Every part of it is bounded,
//! so that neither many agents nor many requests make it grow.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use crate::config::{Gate, MAX_CONFIGURED_AGENTS, RatePer};
use crate::crypto::{WarmKeys, sha256_parts};
use crate::encoding::base64url;
use crate::jose::jwt::VerifiedToken;
use crate::jose::key_set::{self, KeySets, Lookup, Snapshot, Wanted};
use crate::keys::{KeyReading, KeySource, KeysTaken};
use crate::policy::{Limit, Route};
use crate::reason::Reason;
use crate::registry::MAX_AGENTS;
use crate::registry::copy::{Agents, Copy};
use crate::revocation::answers::Answers;
use crate::revocation::introspection::Introspected;
use crate::revocation::{About, Found, Inquiry, InquiryReading, InquiryTaken};
use crate::state::bounded::Bounded;
use crate::state::rate::{Gcra, Outcome, Quota, Shared};
use crate::state::replay::Seen;
use crate::state::risk::Risk;
use crate::time::UnixMillis;

/// How many proofs are remembered, and how many nonces. At 60 s each, 500 proofs a second for one isolate.
const SEEN_PROOFS: usize = 32 * 1024;
/// How many subjects of limits.
const LIMITED_SUBJECTS: usize = 16 * 1024;
/// How many agents' risk.
const RISKY_SUBJECTS: usize = 8 * 1024;
/// How many origins of directories; as many as a configuration may trust.
const TRUSTED_ORIGINS: usize = 64;
/// How many directories that agents named are known to be stored.
const STORED_DIRECTORIES: usize = 256;
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
    agents: Copy,
    seen_proofs: Seen,
    /// Apart from proofs: nonces may live for a day, and would push out what lives for a minute.
    seen_nonces: Seen,
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
            issuers: KeySets::new(key_set::Limits::default(), seed),
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
            agents: Copy::default(),
            seen_proofs: Seen::new(SEEN_PROOFS),
            seen_nonces: Seen::new(SEEN_PROOFS),
            risks: Bounded::new(RISKY_SUBJECTS),
            limits: Bounded::new(LIMITED_SUBJECTS),
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
        self.key_sets(source).lookup(source.url(), wanted, now.seconds())
    }

    /// Whether a host may go to the source, after the store had nothing. Agents name the URLs of directories
    /// themselves, so that only so many new ones are fetched a minute; well-known ones are as few as trusted origins.
    pub fn may_fetch(&mut self, source: &KeySource, now: UnixMillis) -> bool {
        let Some(origin) = source.directory_origin() else { return true };
        if source.is_well_known() || self.directories.has_set(source.url()) {
            return true;
        }
        let origin = String::from(origin);
        let state = self.new_directories.touch(&origin).copied().unwrap_or_default();
        let (state, outcome) = state.count(NEW_DIRECTORIES, now);
        self.new_directories.insert(origin, state);
        outcome.allowed
    }

    /// Takes in what a store has under [`KeySource::name`]. Answers whether that is enough: else the host fetches.
    pub fn keys_loaded(&mut self, source: &KeySource, stored: &str, now: UnixMillis) -> bool {
        let snapshot = Snapshot::from_text(stored);
        snapshot.is_ok_and(|snapshot| self.key_sets(source).loaded(source.url(), snapshot, now.seconds()))
    }

    /// Takes in what a source answered, with the host's verdicts on [`KeyReading::checks`]. Says what to store, where the
    /// source is one that the configuration names: what an agent named is stored once it has proven its worth
    /// ([`Self::keys_to_store`]). That a source has no keys is never stored.
    pub fn keys_read(
        &mut self,
        source: &KeySource,
        reading: KeyReading,
        verdicts: &[bool],
        now: UnixMillis,
    ) -> KeysTaken {
        let sets = self.key_sets(source);
        let now = now.seconds();
        let (freshness, retry_after) = (reading.freshness(), reading.retry_after());
        let (found, refusals) = reading.conclude(verdicts);
        match found {
            Ok(set) => {
                sets.fetched(source.url(), set, freshness, now);
                let snapshot = sets.snapshot(source.url()).filter(|_| !source.is_named_by_agent());
                let store = snapshot.map(|snapshot| (snapshot.to_text(), snapshot.keep_for(now)));
                KeysTaken { store, error: None, refusals }
            }
            // That keys are not where the configuration says is no fault of a client's.
            Err(error) if error.is_definite() && !source.is_configured() => {
                sets.invalid(source.url(), retry_after.or(freshness.fresh_for), now);
                KeysTaken { store: None, error: Some(error), refusals }
            }
            Err(error) => {
                sets.failed(source.url(), retry_after, now);
                KeysTaken { store: None, error: Some(error), refusals }
            }
        }
    }

    /// Whether the store should be told of a source that an agent named, and whose key has verified a signature.
    pub(crate) fn must_store(&mut self, source: &KeySource) -> bool {
        let version = self.directories.version_to_store(source.url());
        source.is_named_by_agent()
            && version.is_some()
            && self.stored.touch(&source.name()).copied() != version
    }

    /// What to store under [`KeySource::name`], and for how long.
    pub fn keys_to_store(&mut self, source: &KeySource, now: UnixMillis) -> Option<(String, Duration)> {
        let sets = self.key_sets(source);
        let (version, snapshot) = (sets.version_to_store(source.url())?, sets.snapshot(source.url())?);
        self.stored.insert(source.name(), version);
        Some((snapshot.to_text(), snapshot.keep_for(now.seconds())))
    }

    /// Takes in that a source did not answer.
    pub fn keys_failed(&mut self, source: &KeySource, now: UnixMillis) {
        self.key_sets(source).failed(source.url(), None, now.seconds());
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
            About::Introspection(_) => false,
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
        match (inquiry.about(), reading.conclude(verdicts)) {
            (About::Introspection(asked), Ok(Found::Introspection(answer))) => {
                let (introspected, keep_for) = asked.introspection().verified(answer, now);
                let source = asked.introspection().source().name;
                if introspected.is_ok() {
                    self.introspected.good(key, source, introspected, keep_for, now);
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
        }
    }

    /// Takes in that an inquiry got no answer.
    pub fn inquiry_failed(&mut self, inquiry: &Inquiry, now: UnixMillis) {
        match inquiry.about() {
            About::Introspection(asked) => {
                let source = asked.introspection().source().name;
                self.introspected.failed(inquiry.key(), source, true, None, now);
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

    /// Where proofs are remembered that are refused for this reason when they come again.
    pub(crate) fn seen(&mut self, refusal: Reason) -> &mut Seen {
        if refusal == Reason::SignatureReplayed { &mut self.seen_nonces } else { &mut self.seen_proofs }
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

#[cfg(test)]
mod tests {
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
