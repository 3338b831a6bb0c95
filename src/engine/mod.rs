//! [`Session`]: one request on its way through the gate. Facts in, steps and a decision out.
//!
//! A host makes a session from a [`RequestView`], then calls [`Session::step`] until it gets [`Step::Done`]. Each
//! other step names what the session needs next, and the host answers with the following call:
//!
//! | Step | The host | Answer |
//! |---|---|---|
//! | [`Step::Keys`] | brings these key sets into [`Memory`] | [`Answer::Ready`] |
//! | [`Step::Agents`] | brings the registry of agents into [`Memory`] | [`Answer::Ready`] |
//! | [`Step::Denials`] | brings the deny list into [`Memory`] | [`Answer::Ready`] |
//! | [`Step::Wait`] | waits some milliseconds | [`Answer::Ready`] |
//! | [`Step::Checks`] | verifies these signatures, in order | [`Answer::Verdicts`] |
//! | [`Step::Body`] | reads the body, up to [`Gate::max_body_bytes`] | [`Answer::Body`] and its kin |
//! | [`Step::Limits`] | asks the store for these counts | [`Answer::Ready`] |
//! | [`Step::Flood`] | asks the platform's rate limiters | [`Answer::Flood`] |
//! | [`Step::State`] | calls the objects of these subjects, all at once | [`Answer::State`] |
//! | [`Step::Fetch`] | makes these inquiries, and brings the answers into [`Memory`] | [`Answer::Ready`] |
//!
//! The order is that of trust: grammar, keys, signatures, whether the token still is good (nobody makes the gate ask
//! without proofs that hold), then the body (nobody makes it read one either), then scopes, and last what is recorded:
//! replay, limits, risk.

mod ancestors;
mod binding;
mod challenge;
mod delegation;
mod denials;
mod discovery;
mod limits;
mod needs;
mod nonce;
mod permit;
mod policy;
mod present;
mod record;
mod risk;
mod signer;
mod spending;
mod standing;
mod status;
mod subjects;
mod token;
mod ulid;
mod verify;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::{Gate, PublicOrigin};
use crate::crypto::SignatureCheck;
use crate::decision::{
    self, BudgetView, CheckResult, DECISION_FIELD, Decision, Evidence, Guarantees, Outcome, PROBLEM_JSON,
    RateGuarantee, ReplayGuarantee, RiskGuarantee, RiskView,
};
use crate::event::Event;
use crate::keys::KeySource;
use crate::mcp::Operation;
use crate::memory::Memory;
use crate::policy::{Route, RoutePath};
use crate::reason::{self, Reason};
use crate::request::RequestView;
use crate::revocation::Inquiry;
use crate::signature::explain::Explanation;
use crate::signature::{Message, digest};
use crate::state::budget::Reservations;
use crate::state::rate::{LimitKey, Quota};
use crate::state::risk::{Level, WEIGHTS_VERSION};
use crate::state::subject::{Reply, SubjectCall};
use crate::time::UnixMillis;
pub use limits::Flood;
use limits::Limiting;
use present::AuthScheme;
use record::Recording;
pub(crate) use risk::AtHome;
pub(crate) use subjects::text_of as subject_text;
pub(crate) use ulid::{bits as ulid_bits, text as ulid_text};
use verify::{Verification, Verified};

/// What a session needs next.
#[derive(Debug)]
pub enum Step {
    /// The keys of these sources, through [`Memory::keys_loaded`], [`Memory::keys_read`] or
    /// [`Memory::keys_failed`]. Nobody else fetches them meanwhile.
    Keys(Vec<KeySource>),
    /// The registry of agents, through [`Memory::agents_loaded`] or [`Memory::agents_failed`].
    Agents,
    /// The deny list, through [`Memory::denials_loaded`] or [`Memory::denials_failed`].
    Denials,
    /// A few milliseconds: somebody else is fetching what is needed.
    Wait,
    /// The verdicts of these checks.
    Checks(Vec<SignatureCheck>),
    /// The body.
    Body,
    /// What the store has for these limits, through [`Memory::ask`].
    Limits(Vec<(LimitKey, Quota)>),
    /// What the platform's flood shield says, before anything is verified.
    Flood(Vec<Flood>),
    /// The answers to these inquiries, through [`Memory::inquiry_loaded`], [`Memory::inquiry_answered`] or
    /// [`Memory::inquiry_failed`]. Nobody else asks meanwhile.
    Fetch(Vec<Inquiry>),
    /// What the objects of these subjects say, all asked at once.
    State(Vec<SubjectCall>),
    /// Nothing: this is the end.
    Done(Box<Conclusion>),
}

/// What a host answers to the step before.
#[derive(Debug)]
pub enum Answer<'a> {
    /// It was done, as far as it could be. Also the first call's.
    Ready,
    /// Whether each check's signature is valid, in the order of the checks.
    Verdicts(&'a [bool]),
    /// The whole body.
    Body(&'a [u8]),
    /// The body is longer than [`Gate::max_body_bytes`].
    BodyTooLarge,
    /// The body ended early.
    BodyUnreadable,
    /// What each subject's object said, in the order of the calls; `None` where it could not be asked, or what it said
    /// is no reply.
    State(&'a [Option<Reply>]),
    /// Whether each of the flood shields lets the request through, in order; `None` where one could not be asked.
    Flood(&'a [Option<bool>]),
}

/// A decision, and what the host does besides carrying it out.
#[derive(Debug)]
pub struct Conclusion {
    /// The decision.
    pub decision: Decision,
    /// Events to send after the response. Refusals are not among them: they are counted in [`Memory::refusals`].
    pub events: Vec<Event>,
    /// Limits of which the store should be told, after the response, through [`Memory::tell`].
    pub tell: Vec<(LimitKey, Quota)>,
    /// Key sets that should be fetched anew, after the response, as for [`Step::Keys`].
    pub refresh: Vec<KeySource>,
    /// Whether the registry of agents should be read anew, after the response, as for [`Step::Agents`].
    pub refresh_agents: bool,
    /// Whether the deny list should be read anew, after the response, as for [`Step::Denials`].
    pub refresh_denials: bool,
    /// A key set that has just proven its worth, and of which the store should be told, after the response, through
    /// [`Memory::keys_to_store`].
    pub store: Option<KeySource>,
    /// Inquiries that should be made after the response, as for [`Step::Fetch`].
    pub inquiries: Vec<Inquiry>,
    /// Subjects whose objects should be called after the response. Nobody needs to know what they say.
    pub after: Vec<SubjectCall>,
    /// What is reserved of budgets, to be settled by what the origin answers ([`Reservations::settle`]). `None` where
    /// nothing is.
    pub reservations: Option<Reservations>,
}

impl From<Decision> for Conclusion {
    /// A decision that leaves nothing else to do.
    fn from(decision: Decision) -> Self {
        Self {
            decision,
            events: Vec::new(),
            tell: Vec::new(),
            refresh: Vec::new(),
            refresh_agents: false,
            refresh_denials: false,
            store: None,
            inquiries: Vec::new(),
            after: Vec::new(),
            reservations: None,
        }
    }
}

/// How long a request waits for keys that others are fetching.
const MAX_WAIT_FOR_KEYS: Duration = Duration::from_secs(8);

enum Stage {
    Start,
    Flood(Vec<Flood>),
    Verify(Box<Verification>),
    Body,
    Permit,
    Record(Recording),
    /// The home is told of the refusal.
    Refused(Reason),
    Over,
}

/// One request on its way through the gate.
pub struct Session {
    gate: Arc<Gate>,
    view: RequestView,
    id: String,
    route: Option<usize>,
    public: Option<PublicOrigin>,
    path: Option<RoutePath>,
    /// What an MCP request wants done, once its body was read.
    operation: Option<Operation>,
    scheme: Option<AuthScheme>,
    stage: Stage,
    verified: Verified,
    /// The body, where it had to be read.
    content: Option<Vec<u8>>,
    evidence: Vec<Evidence>,
    guarantees: Guarantees,
    fields: Vec<(&'static str, String)>,
    limiting: Vec<Limiting>,
    violated: Vec<String>,
    tell: Vec<(LimitKey, Quota)>,
    refresh: Vec<KeySource>,
    refresh_agents: bool,
    refresh_denials: bool,
    inquiries: Vec<Inquiry>,
    after: Vec<SubjectCall>,
    reservations: Option<Reservations>,
    budgets: Vec<BudgetView>,
    explanation: Option<Explanation>,
    nonce: Option<nonce::Nonce>,
    weighed: risk::Weighed,
}

impl Session {
    /// A session for one request. `entropy` is random and makes the decision's identifier unique.
    #[must_use]
    pub fn new(gate: Arc<Gate>, view: RequestView, now: UnixMillis, entropy: [u8; 10]) -> Self {
        Self {
            gate,
            view,
            id: ulid::ulid(now, entropy),
            route: None,
            public: None,
            path: None,
            operation: None,
            scheme: None,
            stage: Stage::Start,
            verified: Verified::default(),
            content: None,
            evidence: Vec::new(),
            guarantees: Guarantees {
                replay: ReplayGuarantee::None,
                rate: RateGuarantee::None,
                risk: RiskGuarantee::None,
                budget: None,
            },
            fields: Vec::new(),
            limiting: Vec::new(),
            violated: Vec::new(),
            tell: Vec::new(),
            refresh: Vec::new(),
            refresh_agents: false,
            refresh_denials: false,
            inquiries: Vec::new(),
            after: Vec::new(),
            reservations: None,
            budgets: Vec::new(),
            explanation: None,
            nonce: None,
            weighed: risk::Weighed::default(),
        }
    }

    /// A decision about a request that could not even be viewed.
    #[must_use]
    pub fn refuse_unviewable(reason: Reason, now: UnixMillis, entropy: [u8; 10]) -> Decision {
        let mut decision = Decision {
            id: ulid::ulid(now, entropy),
            outcome: decision::outcome(reason),
            status: reason.status(),
            code: reason.code(),
            reason: Some(reason),
            route: None,
            shadow: false,
            agent: None,
            principal: None,
            delegation: Vec::new(),
            task: None,
            scope: Vec::new(),
            revocation: Vec::new(),
            evidence: Vec::from([evidence("request", Some(reason), None)]),
            guarantees: Guarantees {
                replay: ReplayGuarantee::None,
                rate: RateGuarantee::None,
                risk: RiskGuarantee::None,
                budget: None,
            },
            budget: Vec::new(),
            risk: RiskView {
                score: 0,
                level: Level::Low,
                reasons: Vec::new(),
                version: WEIGHTS_VERSION,
                would: None,
            },
            observed: None,
            violated: Vec::new(),
            explanation: None,
            headers: Vec::new(),
        };
        refusal_fields(&mut decision);
        decision.headers.push((DECISION_FIELD, decision.id.clone()));
        decision
    }

    /// Goes on as far as possible with what the host answered to the step before.
    pub fn step(&mut self, memory: &mut Memory, now: UnixMillis, answer: &Answer<'_>) -> Step {
        match self.advance(memory, now, answer) {
            Ok(Some(step)) => step,
            Ok(None) => self.conclude(memory, now, None),
            Err(reason) => match self.tell_refusal(memory, now, reason) {
                Some(step) => step,
                None => self.conclude(memory, now, Some(reason)),
            },
        }
    }

    /// The next step; `None` where nothing speaks against the request.
    fn advance(
        &mut self,
        memory: &mut Memory,
        now: UnixMillis,
        answer: &Answer<'_>,
    ) -> Result<Option<Step>, Reason> {
        loop {
            match core::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Start => {
                    self.find_route()?;
                    match self.flood_step() {
                        Some((floods, step)) => {
                            self.stage = Stage::Flood(floods);
                            return Ok(Some(step));
                        }
                        None => self.stage = self.start(now)?,
                    }
                }
                Stage::Flood(floods) => {
                    let verdicts = if let Answer::Flood(verdicts) = answer { *verdicts } else { &[] };
                    self.judge_floods(&floods, verdicts)?;
                    self.stage = self.start(now)?;
                }
                Stage::Verify(mut verification) => {
                    self.take_content(answer);
                    let progress = self.verify(&mut verification, memory, now, answer);
                    // What was proven before a failure still says who failed.
                    self.evidence.extend(verification.take_evidence());
                    self.refresh.extend(verification.take_refresh());
                    self.inquiries.extend(verification.take_inquiries());
                    self.refresh_agents |= verification.refreshes_agents();
                    self.refresh_denials |= verification.refreshes_denials;
                    verification.settle_agent();
                    self.verified = verification.verified().clone();
                    if let Some(step) = progress? {
                        self.stage = Stage::Verify(verification);
                        return Ok(Some(step));
                    }
                    self.stage = Stage::Body;
                    if self.needs_content() && self.content.is_none() {
                        return Ok(Some(Step::Body));
                    }
                }
                Stage::Body => {
                    self.take_content(answer);
                    self.stage = Stage::Permit;
                    if self.needs_content() {
                        self.judge_content(answer)?;
                    }
                }
                Stage::Permit => {
                    self.permit(now)?;
                    self.plan_limits();
                    self.stage = Stage::Record(Recording::default());
                    let unasked = self.unasked_limits(memory);
                    if !unasked.is_empty() {
                        return Ok(Some(Step::Limits(unasked)));
                    }
                }
                Stage::Record(recording) => {
                    let Some((recording, step)) = self.record(recording, memory, now, answer)? else {
                        return Ok(None);
                    };
                    self.stage = Stage::Record(recording);
                    return Ok(Some(step));
                }
                Stage::Refused(reason) => {
                    self.take_told(memory, answer);
                    return Err(reason);
                }
                Stage::Over => return Err(Reason::GateMisused),
            }
        }
    }

    fn route(&self) -> Option<&Route> {
        self.route.and_then(|index| self.gate.routes().get(index))
    }

    fn is_shadow(&self) -> bool {
        self.route().is_some_and(|route| route.shadow)
    }

    fn public_url(&self) -> String {
        self.public.as_ref().map(PublicOrigin::url).unwrap_or_default()
    }

    /// Finds the route.
    fn find_route(&mut self) -> Result<(), Reason> {
        let gate = Arc::clone(&self.gate);
        let target = self.view.target();
        self.public = Some(gate.public_origin(target).ok_or(Reason::RequestAuthorityUnknown)?.clone());
        let (index, path) = gate.route_of(self.view.method(), target)?;
        self.route = Some(index);
        self.path = Some(path);
        if self.view.has_body() && matches!(self.view.method(), "GET" | "HEAD") {
            return Err(Reason::RequestBodyUnexpected);
        }
        Ok(())
    }

    /// Reads what is presented for the route.
    fn start(&mut self, now: UnixMillis) -> Result<Stage, Reason> {
        let gate = Arc::clone(&self.gate);
        let target = self.view.target();
        let route = self.route.and_then(|index| gate.routes().get(index)).ok_or(Reason::PolicyNoRoute)?;
        if !(route.signature || route.token || route.dpop || route.mtls) {
            return Ok(Stage::Permit);
        }
        self.scheme = present::scheme(&self.view);
        let target = self.public.as_ref().map_or_else(|| target.clone(), |public| public.target(target));
        let request = present::Request { view: &self.view, target: &target, now: now.seconds() };
        let presented = present::present(&gate, route, &request, &mut self.explanation)?;
        binding::present_certificate(&gate, route, &self.view, presented.token.is_some())?;
        let nonce = self.judge_nonce(&gate, route, presented.proof.as_ref(), now)?;
        Ok(Stage::Verify(Box::new(Verification::new(presented, nonce))))
    }

    fn verify(
        &self,
        verification: &mut Verification,
        memory: &mut Memory,
        now: UnixMillis,
        answer: &Answer<'_>,
    ) -> Result<Option<Step>, Reason> {
        let (Some(route), Some(public)) = (self.route(), &self.public) else {
            return Err(Reason::PolicyNoRoute);
        };
        let target = public.target(self.view.target());
        let (gate, view, id) = (&*self.gate, &self.view, self.id.as_str());
        let context = verify::Context { gate, route, view, target: &target, id, now };
        verification.advance(&context, memory, answer)
    }

    /// Keeps the content where the host has just read it: it cannot be read again.
    fn take_content(&mut self, answer: &Answer<'_>) {
        if let Answer::Body(content) = answer {
            self.content = Some(content.to_vec());
        }
    }

    /// Whether the content must be known: a signature covers its digest, or the route looks into it. A route that only
    /// watches must not use up a body that it could not give back.
    fn needs_content(&self) -> bool {
        let looked_into = self.view.has_body() && self.route().is_some_and(Route::reads_content);
        (self.verified.covers_digest.is_some() || looked_into) && !self.is_shadow()
    }

    /// Covering `content-digest` proves nothing unless the body is hashed and compared.
    fn judge_content(&mut self, answer: &Answer<'_>) -> Result<(), Reason> {
        let judged = match (&self.content, answer) {
            (Some(content), _) => {
                // No target is needed: digests are of the content, and their fields the request's own.
                let message = Message::request(&self.view, self.view.target());
                let signature = self.verified.covers_digest.as_ref();
                signature.map_or(Ok(()), |signature| {
                    digest::verify_covered(signature, &message, content).map(|_| ()).map_err(Reason::from)
                })
            }
            (None, Answer::BodyTooLarge) => Err(Reason::RequestBodyTooLarge),
            (None, _) => Err(Reason::RequestBodyUnreadable),
        };
        if judged.is_err() || self.verified.covers_digest.is_some() {
            self.evidence.push(evidence("content-digest", judged.err(), None));
        }
        judged
    }

    /// The decision, with what it changes about the agent's risk.
    fn conclude(&mut self, memory: &mut Memory, now: UnixMillis, reason: Option<Reason>) -> Step {
        self.stage = Stage::Over;
        if let Some(reason) = reason.filter(|reason| !self.evidence.iter().any(|e| e.code == reason.code())) {
            self.evidence.push(evidence(layer(reason), Some(reason), None));
        }
        let (risk, events) = self.risk(memory, now, reason);
        let shadow = self.is_shadow();
        let enforced = reason.filter(|_| !shadow);
        if let Some(reason) = enforced {
            memory.refusals.count(self.verified.attributed(reason), reason, &self.id, now);
        }
        let principal = self.verified.principal();
        let mut decision = Decision {
            id: self.id.clone(),
            outcome: enforced.map_or(Outcome::Allow, decision::outcome),
            status: enforced.map_or(200, Reason::status),
            code: decision::code(reason),
            reason,
            route: self.route().map(|route| route.pattern.as_str().to_owned()),
            shadow,
            agent: self.verified.agent.clone(),
            principal,
            delegation: self.verified.delegation(),
            task: self.verified.task(),
            scope: self.verified.scope(),
            revocation: self.verified.revocation.clone(),
            evidence: core::mem::take(&mut self.evidence),
            guarantees: self.guarantees,
            budget: if enforced.is_some() { Vec::new() } else { core::mem::take(&mut self.budgets) },
            risk,
            observed: self.weighed.take_observation(),
            violated: core::mem::take(&mut self.violated),
            explanation: self
                .verified
                .explanation
                .take()
                .or(self.explanation.take())
                .filter(|_| enforced.is_some()),
            headers: core::mem::take(&mut self.fields),
        };
        if let Some(reason) = enforced {
            decision.headers.extend(self.challenges(reason));
            refusal_fields(&mut decision);
        }
        let next_nonce = self.next_nonce(now);
        if !next_nonce.is_empty() && enforced.is_none() {
            // Kept with a response, a nonce would be handed to others, and again when it is old (RFC 9449 §8.2).
            decision.headers.push(("Cache-Control", "no-store".to_owned()));
        }
        decision.headers.extend(next_nonce);
        if let Some(cors) = self.gate.cors() {
            decision.headers.extend(cors.answer_fields(&self.view));
        }
        decision.headers.push((DECISION_FIELD, decision.id.clone()));
        let (tell, refresh) = (core::mem::take(&mut self.tell), core::mem::take(&mut self.refresh));
        let store = self.verified.to_store.take().filter(|source| memory.must_store(source));
        let (refresh_agents, refresh_denials) = (self.refresh_agents, self.refresh_denials);
        let inquiries = core::mem::take(&mut self.inquiries);
        let reservations = self.conclude_spending(enforced.is_some());
        let after = core::mem::take(&mut self.after);
        Step::Done(Box::new(Conclusion {
            decision,
            events,
            tell,
            refresh,
            refresh_agents,
            refresh_denials,
            store,
            inquiries,
            after,
            reservations,
        }))
    }
}

/// The layer that a reason is of: what stands before the dot of its code.
fn layer(reason: Reason) -> &'static str {
    reason.code().split_once('.').map_or(reason::OK, |(layer, _)| layer)
}

fn evidence(check: &'static str, refusal: Option<Reason>, detail: Option<String>) -> Evidence {
    let result = if refusal.is_none() { CheckResult::Pass } else { CheckResult::Fail };
    Evidence { check, result, code: decision::code(refusal), detail }
}

/// What every refusal carries: a problem, which nobody may keep.
fn refusal_fields(decision: &mut Decision) {
    decision.headers.push(("Content-Type", PROBLEM_JSON.to_owned()));
    decision.headers.push(("Cache-Control", "no-store".to_owned()));
}

fn ceil_secs(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
