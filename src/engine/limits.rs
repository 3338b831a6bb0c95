//! What a request takes of limits, store by store; what each store does and promises is in [`crate::state::rate`].
//!
//! A limit in objects is taken from a lease that this isolate holds, else asked for with whatever else is asked of the
//! same subject ([`super::record`]). A limit in KV is weighed here and counted once nothing else can refuse the request.
//! The platform's flood shield is asked before anything is verified, as that is what it is to save.
//!
//! What nobody proved is counted in this isolate, and apart, so that who has no key causes no call, no object and no row,
//! and makes this isolate forget nothing of those who have one; of a whole route, which is one count, also elsewhere.
//!
//! A request that is refused, by a limit or by anything else that is recorded, has taken nothing: leases get it back at
//! once, objects after the response.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::record::{Asked, Checked, Round};
use super::{Session, Step, ceil_secs, evidence};
use crate::config::{Per, RateClass, RateStore};
use crate::decision::RateGuarantee;
use crate::memory::Memory;
use crate::policy::Limit;
use crate::reason::Reason;
use crate::state::rate::{Give, LimitKey, Local, Outcome, Quota, Take, Taken};
use crate::state::subject::{Op, OpReply, RequestId, SubjectKind, SubjectName};
use crate::time::UnixMillis;

/// What is asked of the platform's flood shield.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// The binding, by what it permits: `FLOOD_100_10` for 100 in 10 s.
    pub binding: String,
    /// What is counted together: a digest, so that the platform does not learn who it is.
    pub key: String,
    window: Duration,
}

/// A limit on its way.
#[derive(Clone, Debug)]
pub(super) struct Limiting {
    limit: Limit,
    key: LimitKey,
    store: Store,
    /// Whose object has it.
    subject: SubjectName,
    is_of_key: bool,
    taken: State,
    outcome: Option<Outcome>,
}

/// Where a limit counts a request that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Isolate,
    Kv,
    Objects,
}

impl Store {
    fn as_str(self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::Kv => RateStore::Kv.as_str(),
            Self::Objects => RateStore::DurableObject.as_str(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing was taken.
    Open,
    /// The object was asked for it at that time.
    Asked(Take, UnixMillis),
    /// It was spent from this lease.
    Leased(RequestId),
    /// The object took it.
    Taken,
    /// It could not be counted, and the request passes all the same.
    Skipped,
}

impl Session {
    /// What the flood shield is asked before anything is verified.
    pub(super) fn floods(&self) -> Vec<Flood> {
        let limits = self.route().into_iter().flat_map(|route| &route.limits);
        let floods = limits.filter(|limit| limit.store == Some(RateStore::Binding));
        floods
            .map(|limit| Flood {
                binding: limit.flood_binding(),
                key: self.key_of(limit).name(),
                window: limit.quota.window,
            })
            .collect()
    }

    /// Takes what the flood shield said; `None` where it could not be asked.
    pub(super) fn judge_floods(&mut self, floods: &[Flood], verdicts: &[Option<bool>]) -> Result<(), Reason> {
        let mut refused: Option<Duration> = None;
        for (place, flood) in floods.iter().enumerate() {
            match verdicts.get(place).copied().flatten() {
                Some(true) => {}
                Some(false) => refused = refused.max(Some(flood.window)),
                None => self.unavailable(Checked::Rate)?,
            }
        }
        let refusal = refused.map(|wait| {
            self.retry_after(wait);
            Reason::RateExceeded
        });
        self.evidence.push(evidence("rate", refusal, Some(RateStore::Binding.as_str().to_owned())));
        refusal.map_or(Ok(()), Err)
    }

    /// The limits that count this request.
    pub(super) fn plan_limits(&mut self) {
        let Some(route) = self.route() else { return };
        let limits = route.limits.iter().filter(|limit| self.is_counted(limit));
        let limiting: Vec<_> = limits
            .map(|limit| {
                let (subject, is_of_key) = self.subject_with(limit);
                Limiting {
                    key: self.key_of(limit),
                    store: self.store_of(limit),
                    subject,
                    is_of_key,
                    limit: limit.clone(),
                    taken: State::Open,
                    outcome: None,
                }
            })
            .collect();
        self.limiting = limiting;
        self.guarantees.rate = self.rate_guarantee();
    }

    /// The counts in KV that this isolate must ask for.
    pub(super) fn unasked_limits(&self, memory: &mut Memory) -> Vec<(LimitKey, Quota)> {
        let kv = self.limiting.iter().filter(|limiting| limiting.store == Store::Kv);
        let asked = kv.map(|limiting| (limiting.key, limiting.limit.quota));
        asked.filter(|(key, quota)| memory.must_ask(*key, *quota)).collect()
    }

    /// What can be said without asking anyone: from what this isolate counts and holds.
    pub(super) fn begin_limits(&mut self, memory: &mut Memory, now: UnixMillis) -> Result<(), Reason> {
        for limiting in &mut self.limiting {
            let (key, quota, cost) = (limiting.key, limiting.limit.quota, limiting.limit.cost);
            match limiting.store {
                Store::Isolate => limiting.outcome = Some(memory.weigh_unproven(key, quota, cost, now)),
                Store::Kv => {
                    let outcome = memory.weigh(key, quota, cost, now);
                    limiting.outcome = Some(outcome);
                    if !outcome.allowed && memory.refused(key, quota, now) {
                        self.tell.push((key, quota));
                    }
                }
                Store::Objects => match memory.leases.spend(key, cost, now) {
                    Local::Spent(grant, outcome) => {
                        (limiting.taken, limiting.outcome) = (State::Leased(grant), Some(outcome));
                    }
                    Local::Refused(outcome) => limiting.outcome = Some(outcome),
                    Local::Ask => {}
                },
            }
        }
        self.limits_refusal()
    }

    /// Weighs again what is counted in this isolate: others may have been counted while objects were asked.
    pub(super) fn weigh_again(&mut self, memory: &mut Memory, now: UnixMillis) -> Result<(), Reason> {
        for limiting in &mut self.limiting {
            let (key, quota, cost) = (limiting.key, limiting.limit.quota, limiting.limit.cost);
            match limiting.store {
                Store::Isolate => limiting.outcome = Some(memory.weigh_unproven(key, quota, cost, now)),
                Store::Kv => limiting.outcome = Some(memory.weigh(key, quota, cost, now)),
                Store::Objects => {}
            }
        }
        self.limits_refusal()
    }

    /// What is asked of objects: of those of keys in the first round, of the others in the second.
    pub(super) fn ask_limits(
        &mut self,
        of_keys: bool,
        round: &mut Round,
        memory: &mut Memory,
        now: UnixMillis,
    ) {
        let mut asks = Vec::new();
        for (place, limiting) in self.limiting.iter_mut().enumerate() {
            let is_open = limiting.outcome.is_none() && matches!(limiting.taken, State::Open);
            if limiting.store == Store::Objects && is_open && limiting.is_of_key == of_keys {
                let limit = &limiting.limit;
                let (give, mut take) = memory.leases.ask(limiting.key, limit.quota, limit.cost, now);
                take.lease = if limit.leases { take.lease } else { 0 };
                limiting.taken = State::Asked(take, now);
                asks.push((limiting.subject, give, take, place));
            }
        }
        // What goes back comes first: it is written whatever becomes of the rest.
        for (subject, give, _, _) in &asks {
            if let Some(give) = give {
                round.ask(*subject, Op::Give(*give), Asked::Nothing);
            }
        }
        for (subject, _, take, place) in asks {
            round.ask(subject, Op::Take(take), Asked::Take(place));
        }
    }

    /// Takes what an object said; `None` where it could not be asked. What was granted in a call that was not written was
    /// not taken.
    pub(super) fn judge_take(
        &mut self,
        place: usize,
        answer: Option<Taken>,
        is_written: bool,
        memory: &mut Memory,
        now: UnixMillis,
    ) -> Result<(), Reason> {
        let grant = RequestId::new(&self.id);
        let Some(limiting) = self.limiting.get_mut(place) else { return Err(Reason::GateMisused) };
        let State::Asked(take, asked_at) = limiting.taken else { return Err(Reason::GateMisused) };
        match answer {
            // Something else in the call has the say; where that lets the request pass, this is asked for in vain.
            Some(Taken::Granted { .. }) if !is_written => {
                memory.leases.unanswered(&take);
                Ok(())
            }
            Some(answer) => {
                let (outcome, is_leased) = memory.leases.answered(&take, grant, answer, asked_at, now);
                limiting.outcome = Some(outcome);
                limiting.taken = match (outcome.allowed, is_leased) {
                    (true, true) => State::Leased(grant),
                    (true, false) => State::Taken,
                    (false, _) => State::Open,
                };
                self.limits_refusal()
            }
            None => {
                memory.leases.unanswered(&take);
                self.unavailable(Checked::Rate)?;
                if let Some(limiting) = self.limiting.get_mut(place) {
                    limiting.taken = State::Skipped;
                }
                Ok(())
            }
        }
    }

    /// Ends with the limits of a request that was recorded, or was not: counts it or gives back what it took, and says
    /// what was found.
    pub(super) fn finish_limits(&mut self, is_recorded: bool, memory: &mut Memory, now: UnixMillis) {
        let limiting = core::mem::take(&mut self.limiting);
        let grant = RequestId::new(&self.id);
        for Limiting { limit, key, store, subject, taken, .. } in &limiting {
            let (key, quota, cost) = (*key, limit.quota, limit.cost);
            match taken {
                _ if is_recorded => match store {
                    Store::Isolate => memory.count_unproven(key, quota, cost, now),
                    Store::Kv if memory.count(key, quota, cost, now) => self.tell.push((key, quota)),
                    Store::Kv | Store::Objects => {}
                },
                State::Leased(lease) => memory.leases.put_back(key, *lease, cost),
                State::Taken => {
                    let give = Give { limit: key, quota, grant, spent: 0 };
                    self.afterwards(*subject, Op::Give(give));
                }
                State::Open | State::Asked(..) | State::Skipped => {}
            }
        }
        self.limiting = limiting;
        if self.limiting.iter().any(|limiting| matches!(limiting.taken, State::Skipped)) {
            self.guarantees.rate = RateGuarantee::None;
        }
        self.report_limits();
    }

    /// The fields that clients see, and evidence for each store.
    fn report_limits(&mut self) {
        let known = |limiting: &Limiting| Some((limiting.limit.clone(), limiting.store, limiting.outcome?));
        let known: Vec<_> = self.limiting.iter().filter_map(known).collect();
        if known.is_empty() {
            return;
        }
        self.fields.extend(rate_fields(&known));
        for store in [Store::Objects, Store::Kv, Store::Isolate] {
            let mut of_store = known.iter().filter(|(_, of, _)| *of == store).peekable();
            if of_store.peek().is_some() {
                let is_refused = of_store.any(|(_, _, outcome)| !outcome.allowed);
                let refusal = is_refused.then_some(Reason::RateExceeded);
                self.evidence.push(evidence("rate", refusal, Some(store.as_str().to_owned())));
            }
        }
        let refused = known.iter().filter(|(_, _, outcome)| !outcome.allowed);
        self.violated = refused.clone().map(|(limit, ..)| limit.name.clone()).collect();
        if let Some(wait) = refused.map(|(_, _, outcome)| outcome.reset_after).max() {
            self.retry_after(wait);
        }
    }

    fn retry_after(&mut self, wait: Duration) {
        self.fields.push(("Retry-After", ceil_secs(wait).max(1).to_string()));
    }

    fn limits_refusal(&self) -> Result<(), Reason> {
        let is_refused = |limiting: &Limiting| limiting.outcome.is_some_and(|outcome| !outcome.allowed);
        if self.limiting.iter().any(is_refused) { Err(Reason::RateExceeded) } else { Ok(()) }
    }

    /// What the limits that count this request promise together: as much as the weakest of them.
    fn rate_guarantee(&self) -> RateGuarantee {
        let of = |limiting: &Limiting| match limiting.store {
            Store::Isolate | Store::Kv => RateGuarantee::Approximate,
            Store::Objects => {
                if limiting.limit.is_leased() {
                    RateGuarantee::Bounded
                } else {
                    RateGuarantee::Exact
                }
            }
        };
        let has_floods = !self.floods().is_empty();
        let of_floods = has_floods.then_some(RateGuarantee::Approximate);
        self.limiting.iter().map(of).chain(of_floods).max().unwrap_or(RateGuarantee::None)
    }

    /// Where a limit counts this request. Who proves nothing may be somebody else each time: only what is one count for
    /// all of them is worth a call, and where objects are called for each request, KV.
    fn store_of(&self, limit: &Limit) -> Store {
        let store = limit.store.unwrap_or(self.gate.rate_store());
        let is_proven = self.home().is_some() || self.verified.claims().is_some();
        match store {
            _ if !is_proven && limit.per.as_slice() != [Per::Route] => Store::Isolate,
            RateStore::DurableObject if is_proven || limit.is_leased() => Store::Objects,
            _ => Store::Kv,
        }
    }

    /// Whether a limit counts this request once it is proven.
    fn is_counted(&self, limit: &Limit) -> bool {
        let is_of_class = match limit.class {
            RateClass::Any => true,
            RateClass::People => self.is_of_people(),
            RateClass::Agent => !self.is_of_people(),
        };
        is_of_class && limit.store != Some(RateStore::Binding)
    }

    /// Whether the request proves to come from a person's own client: by a token of a person that speaks of nobody who
    /// acts for them. What is not proven counts as an agent's.
    fn is_of_people(&self) -> bool {
        let Some(claims) = self.verified.claims() else { return false };
        let delegation = &claims.delegation;
        let is_person = claims.sub.is_some() && claims.sub != claims.client_id;
        let names_nobody = delegation.agent.is_none()
            && delegation.agent_instance.is_none()
            && delegation.delegator.is_none()
            && delegation.actors.is_empty()
            && delegation.chain.is_empty();
        is_person && names_nobody && !self.verified.is_signed()
    }

    /// The name of a limit's count. Limits of their own routes are counted route by route.
    fn key_of(&self, limit: &Limit) -> LimitKey {
        let route = self.route().map(|route| route.pattern().as_str()).unwrap_or_default();
        let place = if limit.is_shared { ["limit", &limit.name] } else { ["route", route] };
        LimitKey::new(place, limit.quota, &self.counted_as(limit.per.as_slice()))
    }

    /// Whose object has the count, and whether that is one of the request's keys, which is asked in the first round.
    fn subject_with(&self, limit: &Limit) -> (SubjectName, bool) {
        let per = limit.per.as_slice();
        if per == [Per::Key]
            && self.subject_of(per).is_some()
            && let Some(key) = self.home()
        {
            return (key, true);
        }
        let kind = match per.first() {
            Some(Per::Agent) => SubjectKind::Agent,
            Some(Per::Key) => SubjectKind::Key,
            Some(Per::Principal) => SubjectKind::Principal,
            Some(Per::Organisation) => SubjectKind::Organisation,
            Some(Per::Address) => SubjectKind::Address,
            Some(Per::Route) | None => SubjectKind::Route,
        };
        (SubjectName::new(kind, &[&self.counted_as(per)]), false)
    }

    /// Asks the flood shield, where the route has one.
    pub(super) fn flood_step(&self) -> Option<(Vec<Flood>, Step)> {
        let floods = self.floods();
        (!floods.is_empty()).then(|| (floods.clone(), Step::Flood(floods)))
    }
}

impl OpReply {
    /// What an object said to a [`Take`].
    pub(super) fn taken(&self) -> Option<Taken> {
        match self {
            Self::Take(taken) => Some(*taken),
            _ => None,
        }
    }
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), a policy for each limit.
fn rate_fields(known: &[(Limit, Store, Outcome)]) -> [(&'static str, String); 2] {
    let mut policies = Vec::new();
    let mut states = Vec::new();
    for (Limit { name, quota, .. }, _, outcome) in known {
        policies.push(format!("\"{name}\";q={};w={}", quota.limit, quota.window.as_secs()));
        states.push(format!("\"{name}\";r={};t={}", outcome.remaining, ceil_secs(outcome.reset_after)));
    }
    [("RateLimit-Policy", policies.join(", ")), ("RateLimit", states.join(", "))]
}
