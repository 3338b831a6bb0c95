//! What a request says about the risk of who sent it, and what is done about it; how it is scored is in
//! [`crate::state::risk`].
//!
//! A permitted request of a proven agent is observed where its proofs are recorded, in the same call to its home, or in
//! this isolate's memory. A refused one is observed if nobody but the agent can have caused it ([`Session::is_its_own`]),
//! and once for each proof, as a refused request can be sent again by whoever has seen it; and not if its proof is recorded
//! as used, as then it is a copy. Homes are told of refusals at most once a second by each isolate, several at once: a flood of refusals
//! is no flood of calls. What is not told when requests cease is told with the next one.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::record::{Asked, Checked, Round};
use super::verify::SingleUse;
use super::{Answer, Session, Stage, Step, ceil_secs, evidence};
use crate::config::{ReplayConfig, RiskStore};
use crate::decision::{Observation, RiskGuarantee, RiskView};
use crate::encoding::base64url;
use crate::encoding::json::Value;
use crate::event::{BreakerEvent, Event, RiskEvent, Subject};
use crate::memory::Memory;
use crate::policy::Route;
use crate::reason::Reason;
use crate::state::replay::ReplayKey;
use crate::state::risk::{
    Ask, Assessment, LevelChange, MAX_REFUSED, Measure, Observed, Phase, Refused, Scoring, Signal,
    UNIDENTIFIED,
};
use crate::state::subject::{Call, Op, OpReply, RequestId, SubjectCall, SubjectName};
use crate::time::{UnixMillis, UnixSeconds};

/// How often an isolate tells a home of refusals, at most: once a second.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How long a mark is kept at least for a proof that is not single-use: an hour.
const MARKED_FOR: Duration = Duration::from_hours(1);

/// What this isolate knows of a subject whose risk its home keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct AtHome {
    /// Refusals that were not told yet; at most [`MAX_REFUSED`].
    refused: Vec<Refused>,
    told: Option<UnixMillis>,
    /// What the home said the last time.
    last: Assessment,
}

/// What is known of the risk of this request.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    assessment: Option<Assessment>,
    change: Option<LevelChange>,
    breaker: Option<(Phase, Phase)>,
    observation: Option<Observation>,
    /// What would be done, where it is not.
    would: Option<Measure>,
    /// Whether its refusal was told.
    is_told: bool,
    /// Whether its own proof was recorded as new, so that it is no copy.
    is_new: bool,
}

impl Weighed {
    fn take(&mut self, assessment: Assessment) {
        self.change = assessment.change.or(self.change);
        self.breaker = assessment.breaker.or(self.breaker);
        self.assessment = Some(assessment);
    }

    pub(super) fn take_observation(&mut self) -> Option<Observation> {
        self.observation.take()
    }
}

impl Session {
    /// Where the risk of who sent the request is kept: with its key. `None` where nobody was proven.
    fn risk_home(&self) -> Option<SubjectName> {
        self.verified.subject().and_then(|_| self.home())
    }

    fn keeps_risk_at_home(&self) -> bool {
        self.gate.risk_store == RiskStore::DurableObject
    }

    /// What is observed of the request, now that it is permitted.
    fn observed(&self) -> Observed {
        let target = self.view.target();
        let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
        let resource = format!("{} {}{query}", self.view.method(), target.path());
        let place = self.route().and_then(|route| route.policy.amount.as_ref());
        let amount = place.and_then(|place| place.read(self.view.fields(), self.content.as_deref()));
        Observed {
            amount: amount.map(|amount| amount.minor_units),
            depth: u8::try_from(self.verified.delegation().len()).unwrap_or(u8::MAX),
            ..Observed::of(&resource, self.view.client())
        }
    }

    fn note_observation(&mut self, subject: &str, observed: Observed, now: UnixMillis) {
        match &mut self.weighed.observation {
            // Permitted, and refused by what came after.
            Some(before) if before.subject == subject => before.observed.add_refused(&observed),
            _ => {
                let subject = subject.to_owned();
                self.weighed.observation = Some(Observation { subject, at: now.0, observed });
            }
        }
    }

    /// How homes score, where it is not by default.
    fn other_scoring(&self) -> Option<Box<Scoring>> {
        let scoring = &*self.gate.risk;
        (*scoring != Scoring::default()).then(|| Box::new(scoring.clone()))
    }

    /// Has the home observe the request in the call that records its proof. What was not told yet goes along.
    pub(super) fn plan_risk(&self, memory: &mut Memory, round: &mut Round) {
        if !self.keeps_risk_at_home() {
            return;
        }
        let Some(home) = self.risk_home() else { return };
        let refused = memory.at_home.peek(&home).map(|known| known.refused.clone()).unwrap_or_default();
        let ask = Ask { observed: Some(self.observed()), refused, scoring: self.other_scoring() };
        round.ask(home, Op::Observe(ask), Asked::Risk);
    }

    /// Takes what the home says; what was not written is not there, as the request is refused for another reason.
    pub(super) fn judge_risk(
        &mut self,
        answer: Option<Assessment>,
        is_written: bool,
        memory: &mut Memory,
        now: UnixMillis,
    ) -> Result<(), Reason> {
        let (Some(home), Some(assessment)) = (self.risk_home(), answer) else {
            self.weighed.assessment = Some(Assessment::default());
            return self.unavailable(Checked::Risk);
        };
        if is_written {
            let last = assessment.clone();
            memory.at_home.insert(home, AtHome { refused: Vec::new(), told: Some(now), last });
            let observed = self.observed();
            self.note_observation(&home.to_string(), observed, now);
            self.guarantees.risk = RiskGuarantee::Exact;
            self.weighed.take(assessment);
        }
        Ok(())
    }

    /// Observes the request in this isolate's memory, where risk is kept there, and does what the route says.
    pub(super) fn weigh_risk(&mut self, memory: &mut Memory, now: UnixMillis) -> Result<(), Reason> {
        if !self.keeps_risk_at_home()
            && let Some(home) = self.risk_home()
        {
            let observed = self.observed();
            self.observe_here(&home.to_string(), observed, memory, now);
        }
        self.act_on_risk(now)
    }

    fn observe_here(&mut self, subject: &str, observed: Observed, memory: &mut Memory, now: UnixMillis) {
        let name = subject.to_owned();
        let state = memory.risks.remove(&name).unwrap_or_default();
        let (state, assessment) = state.observe(&observed, &self.gate.risk, now);
        memory.risks.insert(name, state);
        self.guarantees.risk = RiskGuarantee::Isolate;
        self.note_observation(subject, observed, now);
        self.weighed.take(assessment);
    }

    fn act_on_risk(&mut self, now: UnixMillis) -> Result<(), Reason> {
        let (Some(route), Some(assessment)) =
            (self.route().map(|route| route.risk), &self.weighed.assessment)
        else {
            return Ok(());
        };
        if route.thresholds.is_empty() && self.gate.risk.breaker.is_none() {
            return Ok(());
        }
        let measure = route.thresholds.measure(assessment, self.answers_challenge(now));
        let wait = match measure {
            Some(Measure::Throttle) => {
                Some(route.thresholds.retry_after(assessment.score, self.gate.risk.half_life))
            }
            Some(Measure::Break) => assessment.wait,
            _ => None,
        };
        let refusal = measure.map(|measure| match measure {
            Measure::Throttle => Reason::RiskThrottled,
            Measure::Challenge => Reason::RiskChallenge,
            Measure::Approve => Reason::RiskApprovalRequired,
            Measure::Deny => Reason::RiskDenied,
            Measure::Break => Reason::RiskBreakerOpen,
        });
        let kept = if self.guarantees.risk == RiskGuarantee::Exact { "durable-object" } else { "isolate" };
        let detail = if route.shadow { "shadow" } else { kept };
        self.evidence.push(evidence("risk", refusal, Some(detail.to_owned())));
        if route.shadow {
            self.weighed.would = measure;
            return Ok(());
        }
        self.fields.extend(wait.map(|wait| ("Retry-After", ceil_secs(wait).max(1).to_string())));
        refusal.map_or(Ok(()), Err)
    }

    /// Whether the request proves already what a challenge asks for: that the person has just authenticated, or by a
    /// nonce that the signature was made for this request.
    fn answers_challenge(&self, now: UnixMillis) -> bool {
        let Some(route) = self.route() else { return false };
        if !route.token {
            let has_nonce = self.verified.single_use.iter().any(|p| p.refusal == Reason::SignatureReplayed);
            return has_nonce && route.replay != ReplayConfig::None;
        }
        let claims = self.verified.claims();
        let since = claims.and_then(|claims| claims.raw.get("auth_time")).and_then(Value::as_i64);
        since.map(UnixSeconds).is_some_and(|since| {
            let skew = self.gate.clock_skew;
            since <= now.seconds().plus(skew)
                && now.seconds() <= since.plus(self.gate.challenge_max_age).plus(skew)
        })
    }

    /// A mark of the proof that the request is at home by, and until when that is good: a signature where it is made for a
    /// single request, else the request with it, as far as a client could have meant another one; or a DPoP proof. None of
    /// a bearer token, which is its own proof each time.
    fn mark(&self, now: UnixMillis) -> Option<(ReplayKey, UnixMillis)> {
        let proof = self.home_proof();
        let mark = match self.verified.mark.filter(|_| self.verified.signed_by == self.home()) {
            Some((signature, true)) => signature,
            Some((signature, false)) => {
                let target = self.view.target();
                let field = |name| self.view.fields().combined(name).unwrap_or_default();
                ReplayKey::new(&[
                    &base64url::encode(signature.as_bytes()),
                    self.view.method(),
                    target.path(),
                    target.query().unwrap_or_default(),
                    &field("authorization"),
                    &field("dpop"),
                ])
            }
            None => proof?.key,
        };
        if let Some(proof) = proof {
            return Some((mark, self.remembered_until(proof)));
        }
        let deadlines = self.verified.deadlines.iter().map(|(deadline, _)| *deadline);
        let last = deadlines.max().unwrap_or(UnixSeconds(0)).plus(self.gate.clock_skew.saturating_mul(2));
        let last = UnixMillis(u64::try_from(last.0).unwrap_or(0).saturating_mul(1_000));
        Some((mark, last.max(now.plus(MARKED_FOR))))
    }

    /// The proof of its home's key that may be accepted once.
    fn home_proof(&self) -> Option<&SingleUse> {
        let home = self.home()?;
        self.verified.single_use.iter().find(|proof| proof.of == home)
    }

    /// The object of its home has recorded the request's proof as new.
    pub(super) fn has_used_its_proof(&mut self) {
        self.weighed.is_new = true;
    }

    /// Whether nobody but the agent can have caused the refusal. A signature or a DPoP proof can be sent again by whoever
    /// has seen it, with all changed that it does not cover, or once a limit is exhausted. So it must be known that it was
    /// not accepted before, by the object that is told; or it would have been refused just so whenever it came.
    fn is_its_own(&self, reason: Reason, memory: &mut Memory, now: UnixMillis) -> bool {
        let (Some(route), Some(home), Some(_)) =
            (self.route(), self.home(), self.verified.subject_of(Some(reason)))
        else {
            return false;
        };
        let is_signed = route.signature;
        // A connection's certificate cannot be sent again, and a bearer token is whoever's that has it.
        let is_live = !is_signed && self.verified.proven_by != Some(home);
        if is_live || self.weighed.is_new {
            return true;
        }
        let proof = self.home_proof();
        if proof.is_some_and(|proof| memory.seen(proof.refusal).contains(proof.key, now.seconds())) {
            return false;
        }
        // A DPoP proof covers the method, the URL and the token.
        let covers_target = !is_signed || self.verified.covers_target;
        let covers_token = !is_signed || self.verified.covers_authorization;
        let is_exact = |route: &Route| route.replay == ReplayConfig::Exact;
        let is_recorded = self.keeps_risk_at_home() && proof.is_some() && is_exact(route) && {
            // Else it may have been accepted on another route.
            let reads_proofs = |route: &&Route| route.signature || route.token || route.mtls;
            covers_target || self.gate.routes().iter().filter(reads_proofs).all(is_exact)
        };
        let is_of_token = Signal::of(reason) == Some(Signal::RefusedScopes) && route.mcp.is_none();
        is_recorded || (is_of_token && covers_target && covers_token)
    }

    /// What is counted of a refusal, under the name of who sent the request.
    fn countable(&mut self, reason: Reason, memory: &mut Memory, now: UnixMillis) -> Option<Refused> {
        let signal = Signal::of(reason).filter(|_| self.is_its_own(reason, memory, now))?;
        let mark = self.mark(now);
        if let Some((mark, until)) = mark
            && !memory.counted.insert(mark, until.seconds(), now.seconds())
        {
            return None;
        }
        let used = self.home_proof().filter(|_| !self.weighed.is_new).map(|proof| proof.key);
        Some(Refused { signal, mark, used })
    }

    /// Tells the home of a refusal, or keeps it until that is due.
    pub(super) fn tell_refusal(
        &mut self,
        memory: &mut Memory,
        now: UnixMillis,
        reason: Reason,
    ) -> Option<Step> {
        if !self.keeps_risk_at_home() || self.weighed.is_told {
            return None;
        }
        self.weighed.is_told = true;
        let home = self.risk_home()?;
        let counted = self.countable(reason, memory, now)?;
        self.note_observation(&home.to_string(), Observed::refused_for(counted.signal), now);
        let mut known = memory.at_home.touch(&home).cloned().unwrap_or_default();
        if known.refused.len() < MAX_REFUSED {
            known.refused.push(counted);
        }
        let is_due = known.told.is_none_or(|told| now.since(told) >= TELL_EVERY);
        let refused = if is_due { core::mem::take(&mut known.refused) } else { Vec::new() };
        if is_due {
            // Also where it cannot be told: a home that is not there is not asked again at once.
            known.told = Some(now);
        }
        memory.at_home.insert(home, known);
        if !is_due {
            return None;
        }
        let ask = Ask { observed: None, refused, scoring: self.other_scoring() };
        let request = RequestId::new(&format!("{} refused", self.id));
        self.stage = Stage::Refused(reason);
        let call = Call::new(request, Vec::from([Op::Observe(ask)]));
        Some(Step::State(Vec::from([SubjectCall { subject: home, call }])))
    }

    /// Takes what the home says to a refusal. One that cannot be asked has lost what it was told.
    pub(super) fn take_told(&mut self, memory: &mut Memory, answer: &Answer<'_>) {
        let Answer::State([Some(reply), ..]) = answer else { return };
        let (Some(OpReply::Observe(assessment)), Some(home)) = (reply.answers.first(), self.risk_home())
        else {
            return;
        };
        if let Some(known) = memory.at_home.touch(&home) {
            known.last = assessment.clone();
        }
        self.guarantees.risk = RiskGuarantee::Exact;
        self.weighed.take(assessment.clone());
    }

    /// The risk for the decision, with what it changed. What cannot be attributed is counted together, in this isolate.
    pub(super) fn risk(
        &mut self,
        memory: &mut Memory,
        now: UnixMillis,
        reason: Option<Reason>,
    ) -> (RiskView, Vec<Event>) {
        let attributed = match reason {
            Some(reason) if self.weighed.assessment.is_none() && Signal::of(reason).is_some() => {
                self.is_its_own(reason, memory, now)
            }
            _ => self.verified.subject_of(reason).is_some(),
        };
        let home = self.risk_home().filter(|_| attributed);
        match (home, reason) {
            (Some(home), Some(_)) if self.keeps_risk_at_home() => {
                if self.weighed.assessment.is_none() {
                    self.weighed.assessment = memory.at_home.peek(&home).map(|known| known.last.clone());
                }
            }
            (Some(home), Some(reason)) => {
                if let Some(refused) = self.countable(reason, memory, now) {
                    let observed = Observed::refused_for(refused.signal);
                    self.observe_here(&home.to_string(), observed, memory, now);
                } else if self.weighed.assessment.is_none() {
                    let state = memory.risks.touch(&home.to_string());
                    self.weighed.assessment = state.map(|state| state.assessed(&self.gate.risk, now));
                }
            }
            (None, Some(reason)) => {
                let weighed = core::mem::take(&mut self.weighed);
                if let Some(signal) = Signal::of(reason) {
                    self.observe_here(UNIDENTIFIED, Observed::refused_for(signal), memory, now);
                }
                self.weighed.would = weighed.would;
            }
            (_, None) => {}
        }
        let subject = if attributed { self.verified.event_subject() } else { Subject::Unidentified };
        let assessment = self.weighed.assessment.take().unwrap_or_default();
        let signals: Vec<_> = assessment.reasons.iter().map(|(signal, _)| *signal).collect();
        let (version, decision) = (self.gate.risk.weights.version, self.id.clone());
        let change = self.weighed.change.take().map(|change| {
            Event::RiskLevelChange(RiskEvent {
                subject: subject.clone(),
                change,
                reason,
                signals: signals.clone(),
                version,
                decision: decision.clone(),
                at: now,
            })
        });
        let breaker = self.weighed.breaker.take().filter(|_| attributed).map(|(from, to)| {
            let (from, to) = (from.as_str(), to.as_str());
            Event::BreakerChange(BreakerEvent { subject, from, to, reason, decision, at: now })
        });
        let view = RiskView {
            score: assessment.score,
            level: assessment.level,
            reasons: signals.iter().map(|signal| signal.code()).collect(),
            version,
            would: self.weighed.would.map(Measure::as_str),
        };
        (view, change.into_iter().chain(breaker).collect())
    }
}
