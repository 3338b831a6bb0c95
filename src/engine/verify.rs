//! From what is presented to what is proven: [`Verification`] takes [`Presented`] through keys and signatures, and
//! [`Verified`] is what comes out. Only this module makes a `Verified` that names anyone.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::ancestors::{Ancestor, Ancestors};
use super::needs::Needs;
use super::present::{Presented, PresentedToken};
use super::signer::Signer;
use super::standing::Standing;
use super::token::issuer;
use super::{Answer, MAX_WAIT_FOR_KEYS, Step};
use crate::config::Gate;
use crate::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict};
use crate::decision::{Agent, Evidence, Method, Principal, Task};
use crate::dpop::{NonceBucket, Proof};
use crate::event::Subject;
use crate::jose::jwk::Jwk;
use crate::jose::jwt::{Claims, DecodedToken, VerifiedToken};
use crate::keys::KeySource;
use crate::memory::{CachedToken, Memory};
use crate::policy::Route;
use crate::reason::Reason;
use crate::registry::Registry;
use crate::registry::copy::{Agents, MAX_AGE};
use crate::request::{RequestView, Target};
use crate::revocation::{Freshness, Inquiry};
use crate::signature::explain::Explanation;
use crate::signature::profiles::{Carrier, Rules};
use crate::signature::{Message, PresentedSignature};
use crate::state::replay::ReplayKey;
use crate::state::subject::SubjectName;
use crate::time::{UnixMillis, UnixSeconds};

/// What a verification is about.
pub(super) struct Context<'a> {
    pub(super) gate: &'a Gate,
    pub(super) route: &'a Route,
    pub(super) view: &'a RequestView,
    /// The target as the client saw it.
    pub(super) target: &'a Target,
    /// The decision's identifier.
    pub(super) id: &'a str,
    pub(super) now: UnixMillis,
}

/// Something in the request that may be accepted once.
#[derive(Clone, Debug)]
pub(super) struct SingleUse {
    /// The key that made it, in whose object it is recorded: by the proof alone, so that no change of who is who lets it
    /// pass twice.
    pub(super) of: SubjectName,
    pub(super) key: ReplayKey,
    /// The last second in which it is good.
    pub(super) until: UnixSeconds,
    pub(super) refusal: Reason,
    /// Why it is refused for its age.
    pub(super) expired: Reason,
}

/// What was proven.
#[derive(Clone, Debug, Default)]
pub(super) struct Verified {
    pub(super) agent: Option<Agent>,
    /// The signature that covers a digest of the content, which is compared once the content is read.
    pub(super) covers_digest: Option<PresentedSignature>,
    pub(super) single_use: Vec<SingleUse>,
    /// From when on each proof no longer holds. Reading a body takes time, and a client can make it take more.
    pub(super) deadlines: Vec<(UnixSeconds, Reason)>,
    /// A directory that proved to have the key, and is not in the store: what agents merely name is not stored.
    pub(super) to_store: Option<KeySource>,
    /// Why a signature does not hold, where the gate says that.
    pub(super) explanation: Option<Explanation>,
    pub(super) covers_authorization: bool,
    /// Whether the signature covers the method and the path.
    pub(super) covers_target: bool,
    /// The key that made the signature.
    pub(super) signed_by: Option<SubjectName>,
    /// The key that made the DPoP proof.
    pub(super) proven_by: Option<SubjectName>,
    pub(super) token: Option<Arc<VerifiedToken>>,
    /// The thumbprint of the connection's certificate, where anything was believed for it.
    pub(super) certificate: Option<String>,
    /// The tokens that the token came from, as far as the request has them.
    pub(super) ancestors: Vec<Ancestor>,
    pub(super) subject: Option<String>,
    /// Whom limits and risk are kept of, where that is not the agent: the client of the token, where the request has a
    /// signature that its route does not demand. Or a client would be counted anew with each signature that it adds.
    pub(super) counted: Option<Agent>,
    /// A mark of the signature that holds, and whether it is made for a single request.
    pub(super) mark: Option<(ReplayKey, bool)>,
    /// How fresh each answer was by which the token still is good.
    pub(super) revocation: Vec<Freshness>,
}

impl Context<'_> {
    /// The rules of a profile by their place.
    pub(super) fn rules(&self, index: usize) -> Option<&Rules> {
        self.gate.signatures.as_ref()?.rules.get(index)
    }

    /// Whether agents that are not registered are refused.
    pub(super) fn must_be_registered(&self) -> bool {
        self.gate.signatures.as_ref().is_some_and(|signatures| signatures.require_registered)
    }

    /// Whether the gate reads plain headers, too.
    pub(super) fn reads_plain_headers(&self) -> bool {
        let mut rules = self.gate.signatures.iter().flat_map(|signatures| &signatures.rules);
        rules.any(|rules| rules.profile().carrier == Carrier::PlainHeaders)
    }

    /// The request as its client sent it.
    pub(super) fn message(&self) -> Message<'_> {
        Message::request(self.view, self.target)
    }
}

impl Verified {
    /// Under which name a refusal counts: the agent's only where nobody but the agent can have caused it. Whoever has
    /// seen a request can send it again, with another body, on another connection, or with another token beside its
    /// signature.
    pub(super) fn subject_of(&self, refusal: Option<Reason>) -> Option<&str> {
        let repeatable = matches!(
            refusal,
            Some(
                Reason::SignatureReplayed
                    | Reason::DpopProofReplayed
                    | Reason::DpopNonceInvalid
                    | Reason::SignatureDigestMismatch
                    | Reason::DelegationTaskMissing
                    | Reason::DelegationTaskMismatch
                    | Reason::DelegationParentMissing
                    | Reason::DelegationParentInvalid
            )
        ) || refusal.is_some_and(|refusal| refusal.code().starts_with("mtls."));
        let of_token = ["token.", "dpop.", "delegation."];
        let beside = refusal.is_some_and(|r| of_token.iter().any(|layer| r.code().starts_with(layer)));
        let is_signer = self.counted().is_some_and(Agent::is_signer);
        let unsigned = beside && is_signer && !self.covers_authorization;
        self.subject().filter(|_| !repeatable && !unsigned)
    }

    pub(super) fn is_signed(&self) -> bool {
        self.agent.as_ref().is_some_and(Agent::is_signer)
    }

    /// Whom limits and risk are kept of.
    pub(super) fn counted(&self) -> Option<&Agent> {
        self.counted.as_ref().or(self.agent.as_ref())
    }

    /// Takes whom a token or a certificate is of: it is the agent where no signature says so, and it is counted where the
    /// route demands no signature.
    pub(super) fn take_client(&mut self, is_counted: bool, subject: String, client: Agent) {
        if self.agent.is_none() {
            (self.subject, self.agent) = (Some(subject), Some(client));
        } else if is_counted {
            (self.subject, self.counted) = (Some(subject), Some(client));
        }
    }

    /// Who it is about, for an event.
    pub(super) fn event_subject(&self) -> Subject {
        match (self.counted(), self.claims()) {
            (Some(agent), _) if agent.is_signer() => Subject::Agent(agent.id.clone()),
            (Some(agent), Some(claims)) => Subject::Client { iss: claims.iss.clone(), id: agent.id.clone() },
            (Some(agent), None) if agent.method == Method::Mtls => Subject::Certificate(agent.id.clone()),
            _ => Subject::Unidentified,
        }
    }

    /// Who it is about, where it is counted: nobody whom the refused request may be a forged or repeated one of.
    pub(super) fn attributed(&self, refusal: Reason) -> Subject {
        let is_proven = self.subject_of(Some(refusal)).is_some();
        if is_proven { self.event_subject() } else { Subject::Unidentified }
    }

    /// Under which name the agent's limits and risk are kept: unique among all ways of being identified.
    pub(super) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    pub(super) fn scope(&self) -> Vec<String> {
        self.claims().map(|claims| claims.scope.clone()).unwrap_or_default()
    }

    pub(super) fn principal(&self) -> Option<Principal> {
        let claims = self.claims()?;
        Some(Principal {
            sub: claims.sub.clone(),
            iss: claims.iss.clone(),
            client_id: claims.client_id.clone(),
        })
    }

    /// The actors, outermost first.
    pub(super) fn delegation(&self) -> Vec<String> {
        let actors = self.claims().into_iter().flat_map(|claims| &claims.delegation.actors);
        actors.map(|actor| actor.sub.clone()).collect()
    }

    /// The task, and where it came from, where the token says so.
    pub(super) fn task(&self) -> Option<Task> {
        let claims = &self.claims()?.delegation;
        let task = Task {
            id: claims.task.clone(),
            parent: claims.parent_task.clone(),
            parent_token: claims.parent_token.clone(),
            delegator: claims.delegator.clone(),
            purpose: claims.purpose.clone(),
        };
        (task != Task::default()).then_some(task)
    }

    pub(super) fn claims(&self) -> Option<&Claims> {
        self.token.as_ref().map(|token| token.claims())
    }
}

/// A signature that waits for its verdict, and what it is the signature of.
#[derive(Debug)]
struct Pending {
    of: Of,
    check: SignatureCheck,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// The agent's signature, with the key at this place.
    Agent(usize),
    Token,
    Proof,
    /// One of the tokens that the token came from, by its place.
    Ancestor(usize),
}

#[derive(Debug)]
enum Phase {
    Begin,
    Agents,
    Content,
    ReadContent,
    Keys,
    Checks(Vec<Pending>),
    Done,
    Denials,
    Standing,
}

/// What is known of a token before its signature has verified in this request.
#[derive(Debug)]
pub(super) enum TokenState {
    /// There is none, or it is proven.
    Settled,
    /// It was verified before, with the key set of that version.
    Known(CachedToken),
    /// It was not.
    Unknown(Box<UnknownToken>),
    /// It says nothing by itself: the issuer at this place is asked about it.
    Opaque { issuer: usize },
}

/// A token that is not known yet: decoded, checked against its issuer's rules, not verified.
#[derive(Debug)]
pub(super) struct UnknownToken {
    pub(super) decoded: DecodedToken,
    pub(super) issuer: usize,
    pub(super) algorithm: Algorithm,
    pub(super) keys: Vec<Jwk>,
    pub(super) key_set_version: u64,
}

/// A request's proofs on their way from presented to proven.
#[derive(Debug)]
pub(super) struct Verification {
    pub(super) signer: Signer,
    pub(super) token: Option<PresentedToken>,
    pub(super) proof: Option<Proof>,
    /// That of the proof's nonce, which is good.
    pub(super) nonce: Option<NonceBucket>,
    pub(super) token_state: TokenState,
    /// Verified, and not yet held together with the proof.
    pub(super) verified_token: Option<Arc<VerifiedToken>>,
    pub(super) proof_holds: bool,
    pub(super) registry: Option<Arc<Registry>>,
    pub(super) refreshes_agents: bool,
    pub(super) refreshes_denials: bool,
    pub(super) judged_until: Option<UnixSeconds>,
    pub(super) waiting_since: Option<UnixMillis>,
    pub(super) refresh: Vec<KeySource>,
    pub(super) ancestors: Ancestors,
    pub(super) standing: Standing,
    phase: Phase,
    pub(super) verified: Verified,
    pub(super) evidence: Vec<Evidence>,
}

impl Verification {
    pub(super) fn new(presented: Presented, nonce: Option<NonceBucket>) -> Self {
        Self {
            signer: Signer::new(presented.agents),
            token: presented.token,
            proof: presented.proof,
            nonce,
            token_state: TokenState::Settled,
            verified_token: None,
            proof_holds: false,
            registry: None,
            refreshes_agents: false,
            refreshes_denials: false,
            judged_until: None,
            waiting_since: None,
            refresh: Vec::new(),
            ancestors: Ancestors::default(),
            standing: Standing::default(),
            phase: Phase::Begin,
            verified: Verified::default(),
            evidence: Vec::new(),
        }
    }

    pub(super) fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The key sets that should be fetched anew after the response.
    pub(super) fn take_refresh(&mut self) -> Vec<KeySource> {
        core::mem::take(&mut self.refresh)
    }

    /// The inquiries that should be made after the response.
    pub(super) fn take_inquiries(&mut self) -> Vec<Inquiry> {
        core::mem::take(&mut self.standing.later)
    }

    pub(super) fn take_evidence(&mut self) -> Vec<Evidence> {
        let mut evidence = self.signer.take_evidence();
        evidence.append(&mut self.evidence);
        evidence
    }

    /// Takes over what the signatures have proven by now.
    pub(super) fn settle_agent(&mut self) {
        self.verified.explanation = self.signer.take_explanation().or(self.verified.explanation.take());
        if self.verified.is_signed() {
            return;
        }
        let Some(proven) = self.signer.proven().cloned() else { return };
        self.verified.agent = Some(proven.agent);
        self.verified.subject = Some(proven.subject);
        self.verified.mark = Some(proven.mark);
        self.verified.covers_digest = proven.covers_digest;
        self.verified.covers_authorization = proven.covers_authorization;
        self.verified.covers_target = proven.covers_target;
        self.verified.signed_by = Some(proven.signed_by);
        self.verified.deadlines.extend(proven.deadlines);
        self.verified.deadlines.extend(self.judged_until.map(|until| (until, Reason::RequestBodyUnreadable)));
        self.verified.single_use.extend(proven.single_use);
        self.verified.to_store = proven.directory;
    }

    /// Goes on as far as possible; `None` where everything that was presented is proven.
    pub(super) fn advance(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        answer: &Answer<'_>,
    ) -> Result<Option<Step>, Reason> {
        loop {
            match core::mem::replace(&mut self.phase, Phase::Done) {
                Phase::Begin => {
                    self.signer.begin(context)?;
                    self.phase = Phase::Agents;
                }
                Phase::Agents => {
                    if let Some(step) = self.find_agents(context, memory)? {
                        self.phase = Phase::Agents;
                        return Ok(Some(step));
                    }
                    self.recognise_token(context, memory)?;
                    self.compare_proof(context)?;
                    self.phase = Phase::Content;
                }
                Phase::Content => {
                    let registry = self.registry.clone().unwrap_or_default();
                    if self.signer.needs_content(context, &registry) {
                        if context.route.shadow {
                            self.signer.without_content(context)?;
                        } else {
                            self.phase = Phase::ReadContent;
                            return Ok(Some(Step::Body));
                        }
                    }
                    self.phase = Phase::Keys;
                }
                Phase::ReadContent => {
                    match answer {
                        Answer::Body(content) => self.signer.take_content(content.to_vec()),
                        Answer::BodyTooLarge => return Err(Reason::RequestBodyTooLarge),
                        _ => return Err(Reason::RequestBodyUnreadable),
                    }
                    self.phase = Phase::Keys;
                }
                Phase::Keys => {
                    if let Some(step) = self.find_keys(context, memory)? {
                        self.phase = Phase::Keys;
                        return Ok(Some(step));
                    }
                    let pending = self.checks(context)?;
                    let (here, elsewhere): (Vec<_>, Vec<_>) =
                        pending.into_iter().partition(|p| matches!(p.check.key(), PublicKey::Ed25519(_)));
                    self.believe_here(context, memory, here)?;
                    // Nothing is asked of the host for a request that is refused already.
                    if elsewhere.is_empty() {
                        self.phase = self.after_checks(context, memory)?;
                    } else {
                        let checks = elsewhere.iter().map(|pending| pending.check.clone()).collect();
                        self.phase = Phase::Checks(elsewhere);
                        return Ok(Some(Step::Checks(checks)));
                    }
                }
                Phase::Checks(pending) => {
                    let verdicts = if let Answer::Verdicts(verdicts) = answer { *verdicts } else { &[] };
                    self.believe(context, memory, pending, verdicts)?;
                    self.phase = self.after_checks(context, memory)?;
                }
                Phase::Done => {
                    self.settle_agent();
                    if let Some(step) = self.introspect_opaque(context, memory)? {
                        return Ok(Some(step));
                    }
                    self.identify(context)?;
                    self.phase = Phase::Denials;
                }
                Phase::Denials => {
                    if let Some(step) = self.check_denials(context, memory)? {
                        self.phase = Phase::Denials;
                        return Ok(Some(step));
                    }
                    self.phase = Phase::Standing;
                }
                Phase::Standing => {
                    let step = self.check_standing(context, memory)?;
                    if step.is_some() {
                        self.phase = Phase::Standing;
                    }
                    return Ok(step);
                }
            }
        }
    }

    /// Brings the registry of agents, where a signature is there to be judged by it.
    fn find_agents(&mut self, context: &Context<'_>, memory: &mut Memory) -> Result<Option<Step>, Reason> {
        if !self.signer.is_open() || self.registry.is_some() {
            return Ok(None);
        }
        match memory.registry(context.gate, context.now) {
            Agents::Fresh(registry) => self.registry = Some(registry),
            Agents::Stale(registry) => (self.registry, self.refreshes_agents) = (Some(registry), true),
            Agents::Ask => return Ok(Some(Step::Agents)),
            Agents::Wait if !self.has_waited_too_long(context) => return Ok(Some(Step::Wait)),
            Agents::Wait | Agents::Unavailable => self.signer.without_registry(context)?,
        }
        // What the registry said is acted upon as soon as a copy is renewed at the latest: a client that sends its
        // body slowly gets no longer than that before a suspension counts.
        self.judged_until = context.gate.admin().map(|_| context.now.seconds().plus(MAX_AGE));
        Ok(None)
    }

    pub(super) fn has_waited_too_long(&mut self, context: &Context<'_>) -> bool {
        let since = *self.waiting_since.get_or_insert(context.now);
        context.now.since(since) > MAX_WAIT_FOR_KEYS
    }

    /// Whether the registry should be read anew, after the response.
    pub(super) fn refreshes_agents(&self) -> bool {
        self.refreshes_agents
    }

    /// Another signature may have its turn, after one that did not hold; then the tokens that the token came from.
    fn after_checks(&mut self, context: &Context<'_>, memory: &mut Memory) -> Result<Phase, Reason> {
        if self.signer.is_open() {
            return Ok(Phase::Content);
        }
        Ok(if self.has_ancestors_to_verify(context, memory)? { Phase::Keys } else { Phase::Done })
    }

    /// Looks up the keys of agent and issuer at once, so that a cold request waits for the slower one only.
    fn find_keys(&mut self, context: &Context<'_>, memory: &mut Memory) -> Result<Option<Step>, Reason> {
        let mut needs = Needs::default();
        let registry = self.registry.clone().unwrap_or_default();
        let found = self
            .signer
            .find_keys(context, memory, &registry, &mut needs)
            .and_then(|()| self.find_token_keys(context, memory, &mut needs))
            .and_then(|()| self.find_ancestors_keys(context, memory, &mut needs));
        self.refresh.append(&mut needs.refresh);
        if found.is_err() {
            // Whoever has the lease must fetch, also for a request that is refused, or everyone else waits for it.
            self.refresh.append(&mut needs.fetch);
        }
        found?;
        if needs.fetch.is_empty() && !needs.wait {
            return Ok(None);
        }
        if self.has_waited_too_long(context) {
            self.refresh.append(&mut needs.fetch);
            return Err(Reason::KeysUnavailable);
        }
        Ok(Some(if needs.fetch.is_empty() { Step::Wait } else { Step::Keys(needs.fetch) }))
    }

    /// The signatures to verify. A token may have several keys to try.
    fn checks(&mut self, context: &Context<'_>) -> Result<Vec<Pending>, Reason> {
        let of_agent = |(check, key)| Pending { of: Of::Agent(key), check };
        let mut pending: Vec<_> = self.signer.checks(context)?.into_iter().map(of_agent).collect();
        if let TokenState::Unknown(token) = &self.token_state {
            let issuer = issuer(context, token.issuer)?;
            for key in &token.keys {
                // A signature that does not even fit this key may fit the next.
                if let Ok(check) = token.decoded.check(key, &issuer.rules) {
                    pending.push(Pending { of: Of::Token, check });
                }
            }
            if !pending.iter().any(|pending| pending.of == Of::Token) {
                return Err(Reason::TokenSignatureInvalid);
            }
        }
        if let Some(proof) = self.proof.as_ref().filter(|_| !self.proof_holds) {
            pending.push(Pending { of: Of::Proof, check: proof.check()? });
        }
        let of_ancestor = |(index, check)| Pending { of: Of::Ancestor(index), check };
        pending.extend(self.ancestors_checks(context)?.into_iter().map(of_ancestor));
        Ok(pending)
    }

    /// Takes in verdicts: what has a valid signature is proven, what has none refuses the request.
    fn believe(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        pending: Vec<Pending>,
        verdicts: &[bool],
    ) -> Result<(), Reason> {
        let mut judged =
            pending.into_iter().zip(verdicts.iter().copied().chain(core::iter::repeat(false))).peekable();
        while let Some((Pending { of, check }, valid)) = judged.next() {
            let another_key = judged.peek().is_some_and(|(next, _)| of == next.of);
            match (of, valid) {
                (Of::Agent(key), valid) => {
                    let registry = self.registry.clone().unwrap_or_default();
                    self.signer.judge(context, &registry, key, valid)?;
                }
                (Of::Token, true) => self.believe_token(context, memory, &check)?,
                (Of::Token, false) if self.verified_token.is_some() || another_key => {}
                (Of::Token, false) => return Err(Reason::TokenSignatureInvalid),
                (Of::Proof, true) => self.proof_holds = true,
                (Of::Proof, false) => return Err(Reason::DpopSignatureInvalid),
                (Of::Ancestor(index), true) => self.believe_ancestor(context, memory, index, &check)?,
                (Of::Ancestor(index), false) if self.ancestor_holds(index) || another_key => {}
                (Of::Ancestor(_), false) => return Err(Reason::DelegationParentInvalid),
            }
        }
        Ok(())
    }

    /// Verifies on the spot, each signature only once those before it held: keys that a stranger brought himself
    /// are not worth a place among the warm ones.
    fn believe_here(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        pending: Vec<Pending>,
    ) -> Result<(), Reason> {
        let mut pending = pending.into_iter().peekable();
        while let Some(first) = pending.next() {
            let mut same = Vec::from([first]);
            while let Some(next) = pending.next_if(|next| same.iter().all(|first| first.of == next.of)) {
                same.push(next);
            }
            let valid = |p: &Pending| p.check.verify_with(&mut memory.warm_keys) == Verdict::Valid;
            let verdicts: Vec<_> = same.iter().map(valid).collect();
            self.believe(context, memory, same, &verdicts)?;
        }
        Ok(())
    }
}
