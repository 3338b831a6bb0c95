//! What one isolate knows of denials: its copy of the deny list, what it denied itself since, and who came from whom.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::ancestry::{Ancestry, Lineage};
use super::deny_list::{DenyList, Digest, Kind};
use super::ledger::Denial;
use crate::reason::Reason;
use crate::registry::copy::{Copied, CopyOf};
use crate::time::{UnixMillis, UnixSeconds};

/// How many denials of its own an isolate holds against a copy that does not have them yet. A copy that has them comes
/// within seconds to a minute; what is pushed out acts then.
const MAX_OWN: usize = 256;

/// Whom a request is from, on whose behalf and for what: each name that may be denied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subjects<'a> {
    /// Of its token, if it has one.
    pub(crate) lineage: Option<Lineage<'a>>,
    /// For whom its token acts, and who delegated on the way there, each with the issuer that calls them so.
    pub(crate) people: &'a [(&'a str, &'a str)],
    /// The names of its agent: what it proved to be, and what its token and those that it came from call it.
    pub(crate) agents: &'a [&'a str],
    /// The keys that its token is bound to, and all others that it is proven by.
    pub(crate) token_keys: &'a [&'a str],
    /// The key that it signed with, or of the certificate that it is known by.
    pub(crate) agent_key: Option<&'a str>,
}

/// What one isolate knows of denials.
#[derive(Debug)]
pub(crate) struct Denials {
    copy: CopyOf<DenyList>,
    own: Vec<Denial>,
    ancestry: Ancestry,
}

impl Denials {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self { copy: CopyOf::default(), own: Vec::new(), ancestry: Ancestry::new() }
    }

    /// The copy, laid over what the configuration denies.
    pub(crate) fn list(&mut self, configured: &Arc<DenyList>, now: UnixMillis) -> Copied<DenyList> {
        self.copy.copied(configured, now)
    }

    /// How long ago the copy was read.
    pub(crate) fn age(&self, now: UnixMillis) -> Option<Duration> {
        self.copy.age(now).map(|(age, _)| age)
    }

    /// How many changes the copy has seen; `None` where there is none.
    pub(crate) fn revision(&self, now: UnixMillis) -> Option<u64> {
        self.copy.age(now).map(|(_, revision)| revision)
    }

    /// Takes in what the store has ([`CopyOf::loaded`]).
    pub(crate) fn loaded(&mut self, text: Option<&str>, now: UnixMillis) -> bool {
        let is_current = self.copy.loaded(text, now);
        if let Some((_, revision)) = self.copy.age(now) {
            self.own.retain(|denial| denial.revision > revision);
        }
        is_current
    }

    /// Takes in that the store did not answer.
    pub(crate) fn failed(&mut self, now: UnixMillis) {
        self.copy.failed(now);
    }

    /// Takes in what was denied by a request that this isolate passed on: for its own requests it acts at once.
    pub(crate) fn denied(&mut self, denial: Denial) {
        if self.copy.age(UnixMillis(0)).is_some_and(|(_, revision)| revision >= denial.revision) {
            return;
        }
        if self.own.len() >= MAX_OWN {
            self.own.remove(0);
        }
        self.own.push(denial);
    }

    /// Remembers where a token came from. Only what is verified may come here.
    pub(crate) fn learn(&mut self, lineage: &Lineage<'_>) {
        self.ancestry.learn(lineage);
    }

    /// Why a request is refused, if anything about it is denied.
    pub(crate) fn refusal(
        &mut self,
        list: &DenyList,
        subjects: &Subjects<'_>,
        now: UnixSeconds,
    ) -> Option<Reason> {
        // Nothing is hashed where nothing is denied.
        if list.is_empty() && self.own.is_empty() {
            return None;
        }
        let own = &self.own;
        let is_denied = |digest: &Digest| {
            list.denies(digest, now) || own.iter().any(|own| own.digest == *digest && now < own.ends())
        };
        let names = |kind: Kind, names: &[&str]| {
            let is_denied = names.iter().any(|name| is_denied(&Digest::of(kind, "", name)));
            is_denied.then(|| kind.refusal())
        };
        let of_agent_key = subjects.agent_key.is_some_and(|key| is_denied(&Digest::of(Kind::Key, "", key)));
        let mut people = subjects.people.iter();
        let of_sub = people.any(|(iss, sub)| is_denied(&Digest::of(Kind::Sub, iss, sub)));
        // What is about the agent comes first: it says most about what the client may do.
        names(Kind::Agent, subjects.agents)
            .or_else(|| of_agent_key.then_some(Reason::AgentKeyRevoked))
            .or_else(|| names(Kind::Key, subjects.token_keys))
            .or_else(|| of_sub.then(|| Kind::Sub.refusal()))
            .or_else(|| {
                let nodes = subjects.lineage.map(|lineage| self.ancestry.of(&lineage)).unwrap_or_default();
                nodes.iter().find(|(digest, _)| is_denied(digest)).map(|(_, kind)| kind.refusal())
            })
    }
}
