//! What is recorded of a request once everything about it is proven and permitted: that its proofs were used, what it
//! takes of limits and budgets. The last thing that can refuse it.
//!
//! What is kept by subject ([`crate::state::subject`]) is asked for in at most two rounds, so that a proof that was used
//! before takes nothing from anyone: first the keys that made the proofs, one of which is the request's *home*
//! ([`Session::home`]); then everybody else, all at once. A round is one [`Step::State`] with one call for each subject.
//!
//! **To add something:** a variant of [`Asked`]; where it is planned, [`Round::ask`] with the subject and the operation, in
//! [`Session::plan_keys`] if the subject is the home or a key, else beside the limits of the second round; an arm of
//! [`Session::judge_answer`] that takes the answer, or `None` where the object could not be asked, which is up to
//! [`Session::unavailable`]. What is to be done after the response goes to [`Session::afterwards`].

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::spending::Spending;
use super::verify::SingleUse;
use super::{Answer, Session, Step, evidence};
use crate::config::{ReplayConfig, Unavailability};
use crate::decision::{Agent, CheckResult, Evidence, ReplayGuarantee};
use crate::memory::Memory;
use crate::reason::Reason;
use crate::state::replay;
use crate::state::subject::{Call, Op, OpReply, Reply, RequestId, SubjectCall, SubjectKind, SubjectName};
use crate::time::{UnixMillis, UnixSeconds};

/// How far the recording is.
#[derive(Debug, Default)]
pub(super) enum Recording {
    /// Nothing was asked yet.
    #[default]
    Begin,
    /// The keys were asked.
    Keys(Pending),
    /// The others were asked.
    Others(Pending),
    /// A budget was asked.
    Spending(Box<Spending>),
}

/// What was asked, with what is recorded here once the answers are there.
#[derive(Debug)]
pub(super) struct Pending {
    round: Round,
}

/// What an operation was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The proof at this place.
    Replay(usize),
    /// The risk of who made the request.
    Risk,
    /// The limit at this place.
    Take(usize),
    /// Something that nobody needs to know the answer of.
    Nothing,
}

/// The calls of one round: one for each subject.
#[derive(Debug, Default)]
pub(super) struct Round {
    subjects: Vec<(SubjectName, Vec<(Op, Asked)>)>,
}

impl Round {
    /// Asks a subject for one thing more.
    pub(super) fn ask(&mut self, subject: SubjectName, op: Op, asked: Asked) {
        match self.subjects.iter_mut().find(|(other, _)| *other == subject) {
            Some((_, ops)) => ops.push((op, asked)),
            None => self.subjects.push((subject, Vec::from([(op, asked)]))),
        }
    }

    fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    fn calls(&self, request: RequestId) -> Vec<SubjectCall> {
        let call = |(subject, ops): &(SubjectName, Vec<(Op, Asked)>)| SubjectCall {
            subject: *subject,
            call: Call::new(request, ops.iter().map(|(op, _)| op.clone()).collect()),
        };
        self.subjects.iter().map(call).collect()
    }

    /// What came of each operation.
    fn answered(self, replies: &[Option<Reply>]) -> Vec<Answered> {
        let replies = replies.iter().map(Option::as_ref).chain(core::iter::repeat(None));
        let mut answered = Vec::new();
        for ((_, ops), reply) in self.subjects.into_iter().zip(replies) {
            let is_written = reply.is_some_and(|reply| reply.answers.iter().all(OpReply::accepts));
            for (place, (_, asked)) in ops.into_iter().enumerate() {
                let answer = reply.and_then(|reply| reply.answers.get(place)).cloned();
                let answer = answer.filter(|answer| *answer != OpReply::Damaged);
                answered.push(Answered { asked, answer, is_written });
            }
        }
        answered
    }
}

/// What came of one operation.
#[derive(Debug)]
pub(super) struct Answered {
    asked: Asked,
    /// `None` where the subject could not be asked.
    answer: Option<OpReply>,
    /// Whether all operations of the call were accepted, and so written: what was accepted beside one that was not has
    /// taken nothing.
    is_written: bool,
}

/// What can be unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Replay,
    Budget,
    Risk,
    Rate,
}

impl Checked {
    /// The check's name in evidence, and the reason that refuses without it.
    fn name(self) -> (&'static str, Reason) {
        match self {
            Self::Replay => ("replay", Reason::ReplayUnavailable),
            Self::Budget => ("budget", Reason::BudgetUnavailable),
            Self::Risk => ("risk", Reason::RiskUnavailable),
            Self::Rate => ("rate", Reason::RateUnavailable),
        }
    }
}

impl Session {
    /// Goes on as far as possible; `None` where everything is recorded. A request that is refused has taken nothing.
    pub(super) fn record(
        &mut self,
        recording: Recording,
        memory: &mut Memory,
        now: UnixMillis,
        answer: &Answer<'_>,
    ) -> Result<Option<(Recording, Step)>, Reason> {
        let has_waited = !matches!(recording, Recording::Begin);
        let recorded = self.record_on(recording, memory, now, answer).and_then(|recorded| {
            if recorded.is_none() && has_waited {
                self.weigh_again(memory, now)?;
            }
            Ok(recorded)
        });
        if !matches!(recorded, Ok(Some(_))) {
            self.finish_limits(recorded.is_ok(), memory, now);
        }
        recorded
    }

    fn record_on(
        &mut self,
        recording: Recording,
        memory: &mut Memory,
        now: UnixMillis,
        answer: &Answer<'_>,
    ) -> Result<Option<(Recording, Step)>, Reason> {
        let in_time = self.check_deadlines(now);
        if !matches!(recording, Recording::Spending(_)) {
            in_time?;
        }
        let replies = if let Answer::State(replies) = answer { *replies } else { &[] };
        let request = RequestId::new(&self.id);
        match recording {
            Recording::Begin => {
                self.begin_limits(memory, now)?;
                self.begin_replay(memory, now)?;
                let mut round = Round::default();
                self.plan_keys(&mut round);
                self.plan_risk(memory, &mut round);
                self.ask_limits(true, &mut round, memory, now);
                if !round.is_empty() {
                    let calls = round.calls(request);
                    return Ok(Some((Recording::Keys(Pending { round }), Step::State(calls))));
                }
            }
            Recording::Keys(Pending { round }) => self.judge(round, memory, now, replies)?,
            Recording::Others(Pending { round }) => {
                self.judge(round, memory, now, replies)?;
                return self.begin_spending(now);
            }
            Recording::Spending(spending) => {
                // First, as what was reserved must be known to be released.
                let asked = self.go_on_spending(*spending, now, replies)?;
                in_time?;
                return Ok(asked);
            }
        }
        // Before anything is taken from anyone.
        self.weigh_risk(memory, now)?;
        let mut round = Round::default();
        self.ask_limits(false, &mut round, memory, now);
        if !round.is_empty() {
            let calls = round.calls(request);
            return Ok(Some((Recording::Others(Pending { round }), Step::State(calls))));
        }
        self.begin_spending(now)
    }

    /// What is asked of keys: first of each that made a proof.
    fn plan_keys(&self, round: &mut Round) {
        if self.replay_mode() == ReplayConfig::Exact {
            for (place, proof) in self.verified.single_use.iter().enumerate() {
                let ask = replay::Ask { key: proof.key, until: self.remembered_until(proof) };
                round.ask(proof.of, Op::Replay(ask), Asked::Replay(place));
            }
        }
    }

    fn judge(
        &mut self,
        round: Round,
        memory: &mut Memory,
        now: UnixMillis,
        replies: &[Option<Reply>],
    ) -> Result<(), Reason> {
        // All answers are looked at, as what was accepted must be known where another refuses.
        let (mut refusal, mut unwritten) = (None, Vec::new());
        for answered in round.answered(replies) {
            if !answered.is_written && answered.answer.as_ref().is_some_and(OpReply::accepts) {
                unwritten.push(answered.asked);
            }
            refusal = refusal.or(self.judge_answer(answered, memory, now).err());
        }
        // What was accepted and not written, beside something that does not refuse the request, is as good as not asked.
        for asked in unwritten {
            let unasked = Answered { asked, answer: None, is_written: false };
            refusal = refusal.or_else(|| self.judge_answer(unasked, memory, now).err());
        }
        refusal.map_or(Ok(()), Err)
    }

    fn judge_answer(
        &mut self,
        answered: Answered,
        memory: &mut Memory,
        now: UnixMillis,
    ) -> Result<(), Reason> {
        match (answered.asked, answered.answer) {
            (Asked::Replay(place), Some(OpReply::Replay(answer))) => {
                self.judge_replay(place, Some(answer), answered.is_written, memory, now)
            }
            (Asked::Replay(place), _) => self.judge_replay(place, None, false, memory, now),
            (Asked::Risk, Some(OpReply::Observe(assessment))) => {
                self.judge_risk(Some(assessment), answered.is_written, memory, now)
            }
            (Asked::Risk, _) => self.judge_risk(None, false, memory, now),
            (Asked::Take(place), answer) => {
                let taken = answer.as_ref().and_then(OpReply::taken);
                self.judge_take(place, taken, answered.is_written, memory, now)
            }
            (Asked::Nothing, _) => Ok(()),
        }
    }

    /// What becomes of the request where something cannot be found out: as the route says. A check that is skipped says so.
    pub(super) fn unavailable(&mut self, checked: Checked) -> Result<(), Reason> {
        let (check, reason) = checked.name();
        let on_unavailable = self.route().map(|route| route.on_unavailable).unwrap_or_default();
        let answer = match checked {
            Checked::Replay => on_unavailable.replay,
            Checked::Budget => on_unavailable.budget,
            Checked::Risk => on_unavailable.risk,
            Checked::Rate => on_unavailable.rate,
        };
        match answer {
            Unavailability::Deny => {
                self.evidence.push(evidence(check, Some(reason), None));
                Err(reason)
            }
            Unavailability::Allow => {
                let skipped =
                    Evidence { check, result: CheckResult::Skipped, code: reason.code(), detail: None };
                if !self.evidence.contains(&skipped) {
                    self.evidence.push(skipped);
                }
                Ok(())
            }
        }
    }

    /// The subject that a request is at home at: where the route demands a signature, the key that made it; else the key
    /// of its DPoP proof, else its certificate's; without any of them, the agent. `None` where nobody was proven. A
    /// signature that is not demanded changes nothing, or whoever adds one would leave behind what is kept of it.
    pub(super) fn home(&self) -> Option<SubjectName> {
        let verified = &self.verified;
        if self.route().is_some_and(|route| route.signature) {
            return verified.signed_by;
        }
        let certificate = || verified.certificate.as_deref().map(SubjectName::certificate);
        let is_client = |agent: &&Agent| !agent.is_signer();
        let client = || verified.counted().filter(is_client).and_then(|_| verified.subject());
        let agent = || client().map(|agent| SubjectName::new(SubjectKind::Agent, &[agent]));
        verified.proven_by.or_else(certificate).or_else(agent)
    }

    /// Has a subject called after the response. Nobody waits for it, and nobody tries again.
    pub(super) fn afterwards(&mut self, subject: SubjectName, op: Op) {
        if let Some(other) = self.after.iter_mut().find(|other| other.subject == subject) {
            other.call.ops.push(op);
        } else {
            let call = Call::new(RequestId::new(&self.id), Vec::from([op]));
            self.after.push(SubjectCall { subject, call });
        }
    }

    /// Everything that was proven must still hold now that it is acted upon: what is single-use is remembered only
    /// until it would be refused for its age.
    fn check_deadlines(&self, now: UnixMillis) -> Result<(), Reason> {
        let passed = self.verified.deadlines.iter().find(|(deadline, _)| now.seconds() >= *deadline);
        passed.map_or(Ok(()), |(_, reason)| Err(*reason))
    }

    fn replay_mode(&self) -> ReplayConfig {
        self.route().map_or(ReplayConfig::None, |route| route.replay)
    }

    /// From when on an object need not remember a proof: a second after every isolate refuses it, by a clock that is
    /// behind as far as clocks may be.
    pub(super) fn remembered_until(&self, proof: &SingleUse) -> UnixMillis {
        let seconds = UnixSeconds(proof.until.0.saturating_add(2)).plus(self.gate.clock_skew);
        UnixMillis(u64::try_from(seconds.0).unwrap_or(0).saturating_mul(1000))
    }

    /// Refuses what this isolate has seen itself, which nobody needs to be asked for. Where nobody is asked, it is all that
    /// is done, and what is new is recorded.
    fn begin_replay(&mut self, memory: &mut Memory, now: UnixMillis) -> Result<(), Reason> {
        let mode = self.replay_mode();
        if mode == ReplayConfig::Exact {
            self.is_single_use()?;
        }
        if mode == ReplayConfig::None || self.verified.single_use.is_empty() {
            return Ok(());
        }
        let now = now.seconds();
        let single_use = &self.verified.single_use;
        let seen = |proof: &&SingleUse| memory.seen(proof.refusal).contains(proof.key, now);
        let repeated = single_use.iter().find(seen).map(|proof| proof.refusal);
        self.guarantees.replay = ReplayGuarantee::Isolate;
        if mode == ReplayConfig::Exact {
            if repeated.is_some() {
                self.evidence.push(evidence("replay", repeated, Some("isolate".to_owned())));
            } else {
                self.guarantees.replay = ReplayGuarantee::Exact;
            }
            return repeated.map_or(Ok(()), Err);
        }
        if repeated.is_none() {
            for proof in &self.verified.single_use {
                memory.seen(proof.refusal).insert(proof.key, proof.until, now);
            }
        }
        self.evidence.push(evidence("replay", repeated, Some("isolate".to_owned())));
        repeated.map_or(Ok(()), Err)
    }

    /// A signature without a nonce could be sent again for as long as it is good, and nobody could tell.
    fn is_single_use(&self) -> Result<(), Reason> {
        let has_nonce = |proof: &SingleUse| proof.refusal == Reason::SignatureReplayed;
        if self.verified.is_signed() && !self.verified.single_use.iter().any(has_nonce) {
            return Err(Reason::SignatureParameterMissing);
        }
        Ok(())
    }

    /// Takes what the object of a key says of a proof. This isolate need not ask again about one that was used.
    fn judge_replay(
        &mut self,
        place: usize,
        answer: Option<replay::Answer>,
        is_written: bool,
        memory: &mut Memory,
        now: UnixMillis,
    ) -> Result<(), Reason> {
        let Some(proof) = self.verified.single_use.get(place).cloned() else {
            return Err(Reason::GateMisused);
        };
        if is_written && Some(proof.of) == self.home() {
            self.has_used_its_proof();
        }
        let seen = memory.seen(proof.refusal);
        if is_written || answer == Some(replay::Answer::Seen) {
            seen.insert(proof.key, proof.until, now.seconds());
        }
        let refusal = match answer {
            // Something else in the call has the say.
            Some(replay::Answer::New) if !is_written => return Ok(()),
            Some(replay::Answer::New) => None,
            Some(replay::Answer::Seen) => Some(proof.refusal),
            Some(replay::Answer::Late) => Some(proof.expired),
            Some(replay::Answer::Full) => {
                self.fields.push(("Retry-After", RETRY_AFTER_SECS.to_owned()));
                Some(Reason::ReplayTooMany)
            }
            None => {
                self.guarantees.replay = ReplayGuarantee::Isolate;
                self.unavailable(Checked::Replay)?;
                // Two copies may have asked at once.
                let is_new = memory.seen(proof.refusal).insert(proof.key, proof.until, now.seconds());
                let repeated = (!is_new).then_some(proof.refusal);
                self.evidence.push(evidence("replay", repeated, Some("isolate".to_owned())));
                return repeated.map_or(Ok(()), Err);
            }
        };
        self.evidence.push(evidence("replay", refusal, Some("exact".to_owned())));
        refusal.map_or(Ok(()), Err)
    }
}

/// When to come back where a key has too many proofs: a minute, in which proofs without a nonce end.
const RETRY_AFTER_SECS: &str = "60";
