//! From what is presented to what is proven: [`Verification`] takes [`Presented`] through keys and signatures, and
//! [`Verified`] is what comes out. Only this module makes a `Verified` that names anyone.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::present::{AuthScheme, Presented, PresentedAgent, PresentedToken};
use super::{Answer, MAX_WAIT_FOR_KEYS, Step, evidence};
use crate::config::{Gate, Issuer};
use crate::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict, constant_time_eq, sha256};
use crate::decision::{Agent, CheckResult, Evidence, Method, Principal};
use crate::dpop::{Proof, ProofRules};
use crate::encoding::json::Value;
use crate::event::Subject;
use crate::jose::jwk::Jwk;
use crate::jose::jwt::{Claims, DecodedToken, VerifiedToken};
use crate::jose::key_set::{Lookup, Wanted};
use crate::keys::KeySource;
use crate::memory::{CachedToken, Memory};
use crate::policy::Route;
use crate::reason::Reason;
use crate::request::{RequestView, Target};
use crate::signature::{self, Message, digest, is_published_test_key};
use crate::state::replay::ReplayKey;
use crate::time::{UnixMillis, UnixSeconds};

/// Most actors of a chain that are read (RFC 8693 §4.1: nested ones are history).
const MAX_ACTORS: usize = 8;

/// What a verification is about.
pub(super) struct Context<'a> {
    pub(super) gate: &'a Gate,
    pub(super) route: &'a Route,
    pub(super) view: &'a RequestView,
    /// The target as the client saw it.
    pub(super) target: &'a Target,
    pub(super) now: UnixMillis,
}

/// Something in the request that may be accepted once.
#[derive(Clone, Debug)]
pub(super) struct SingleUse {
    pub(super) key: ReplayKey,
    pub(super) until: UnixSeconds,
    pub(super) refusal: Reason,
}

/// What was proven.
#[derive(Clone, Debug, Default)]
pub(super) struct Verified {
    pub(super) agent: Option<Agent>,
    pub(super) covers_digest: bool,
    pub(super) single_use: Vec<SingleUse>,
    /// From when on each proof no longer holds. Reading a body takes time, and a client can make it take more.
    pub(super) deadlines: Vec<(UnixSeconds, Reason)>,
    /// A directory that proved to have the key, and is not in the store: what agents merely name is not stored.
    pub(super) to_store: Option<KeySource>,
    covers_authorization: bool,
    token: Option<Arc<VerifiedToken>>,
    subject: Option<String>,
}

impl Verified {
    /// Under which name a refusal counts: the agent's only where nobody but the agent can have caused it. Whoever has
    /// seen a request can send it again, with another body, or with another token beside its signature.
    pub(super) fn subject_of(&self, refusal: Option<Reason>) -> Option<&str> {
        let repeatable = matches!(
            refusal,
            Some(Reason::SignatureReplayed | Reason::DpopProofReplayed | Reason::SignatureDigestMismatch)
        );
        let beside = refusal.is_some_and(|r| r.code().starts_with("token.") || r.code().starts_with("dpop."));
        let unsigned = beside && self.is_signed() && !self.covers_authorization;
        self.subject().filter(|_| !repeatable && !unsigned)
    }

    fn is_signed(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| agent.method == Method::WebBotAuth)
    }

    /// Who it is about, for an event.
    pub(super) fn event_subject(&self) -> Subject {
        match (&self.agent, self.claims()) {
            (Some(agent), _) if agent.method == Method::WebBotAuth => Subject::Agent(agent.id.clone()),
            (Some(agent), Some(claims)) => Subject::Client { iss: claims.iss.clone(), id: agent.id.clone() },
            _ => Subject::Unidentified,
        }
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
        let mut actors = Vec::new();
        let mut next = self.claims().and_then(Claims::act);
        while let Some(actor) = next.filter(|_| actors.len() < MAX_ACTORS) {
            actors.extend(actor.get("sub").and_then(Value::as_str).map(str::to_owned));
            next = actor.get("act").and_then(Value::as_object);
        }
        actors
    }

    fn claims(&self) -> Option<&Claims> {
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
    Agent,
    Token,
    Proof,
}

#[derive(Debug)]
enum Phase {
    Begin,
    Keys,
    Checks(Vec<Pending>),
    Done,
}

/// What is known of a token before its signature has verified in this request.
#[derive(Debug)]
enum TokenState {
    /// There is none, or it is proven.
    Settled,
    /// It was verified before, with the key set of that version.
    Known(CachedToken),
    /// It was not.
    Unknown(Box<UnknownToken>),
}

/// A token that is not known yet: decoded, checked against its issuer's rules, not verified.
#[derive(Debug)]
struct UnknownToken {
    decoded: DecodedToken,
    issuer: usize,
    algorithm: Algorithm,
    keys: Vec<Jwk>,
    key_set_version: u64,
}

/// A request's proofs on their way from presented to proven.
#[derive(Debug)]
pub(super) struct Verification {
    agent: Option<PresentedAgent>,
    token: Option<PresentedToken>,
    proof: Option<Proof>,
    token_state: TokenState,
    /// Verified, and not yet held together with the proof.
    verified_token: Option<Arc<VerifiedToken>>,
    agent_key: Option<Jwk>,
    waiting_since: Option<UnixMillis>,
    refresh: Vec<KeySource>,
    phase: Phase,
    verified: Verified,
    evidence: Vec<Evidence>,
}

impl Verification {
    pub(super) fn new(presented: Presented) -> Self {
        Self {
            agent: presented.agent,
            token: presented.token,
            proof: presented.proof,
            token_state: TokenState::Settled,
            verified_token: None,
            agent_key: None,
            waiting_since: None,
            refresh: Vec::new(),
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

    pub(super) fn take_evidence(&mut self) -> Vec<Evidence> {
        core::mem::take(&mut self.evidence)
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
                    self.trust_agent(context)?;
                    self.recognise_token(context, memory)?;
                    self.compare_proof(context)?;
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
                    if !elsewhere.is_empty() {
                        let checks = elsewhere.iter().map(|pending| pending.check.clone()).collect();
                        self.phase = Phase::Checks(elsewhere);
                        return Ok(Some(Step::Checks(checks)));
                    }
                }
                Phase::Checks(pending) => {
                    let verdicts = if let Answer::Verdicts(verdicts) = answer { *verdicts } else { &[] };
                    self.believe(context, memory, pending, verdicts)?;
                }
                Phase::Done => {
                    self.identify(context)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Whether the agent's directory may be believed at all. A signature that the route does not require and that
    /// cannot be verified is passed over; one that is required, or wrong, is not.
    fn trust_agent(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        let Some(agent) = &self.agent else { return Ok(()) };
        let trusted = context
            .gate
            .signatures
            .as_ref()
            .is_some_and(|s| s.trust.iter().any(|o| o == agent.claim.origin()));
        if trusted { Ok(()) } else { self.unverified_agent(context, Reason::SignatureAgentUntrusted) }
    }

    fn unverified_agent(&mut self, context: &Context<'_>, reason: Reason) -> Result<(), Reason> {
        if context.route.signature {
            return Err(reason);
        }
        self.agent = None;
        let skipped =
            Evidence { check: "signature", result: CheckResult::Skipped, code: reason.code(), detail: None };
        self.evidence.push(skipped);
        Ok(())
    }

    /// Finds a token among those verified before, or reads it.
    fn recognise_token(&mut self, context: &Context<'_>, memory: &mut Memory) -> Result<(), Reason> {
        let Some(token) = &self.token else { return Ok(()) };
        self.token_state = match memory.tokens.touch(&sha256(token.text.as_bytes())) {
            Some(known) => TokenState::Known(known.clone()),
            None => unknown_token(context, token)?,
        };
        Ok(())
    }

    /// Compares what the proof claims with the request, before anything is paid for its signature.
    fn compare_proof(&self, context: &Context<'_>) -> Result<(), Reason> {
        let (Some(proof), Some(token)) = (&self.proof, &self.token) else { return Ok(()) };
        let rules = ProofRules {
            method: context.view.method(),
            target: context.target,
            token: &token.text,
            max_age: context.gate.dpop.max_age,
            clock_skew: context.gate.clock_skew,
        };
        Ok(proof.validate(&rules, context.now.seconds())?)
    }

    /// Looks up the keys of agent and issuer at once, so that a cold request waits for the slower one only.
    fn find_keys(&mut self, context: &Context<'_>, memory: &mut Memory) -> Result<Option<Step>, Reason> {
        let mut needs = Needs::default();
        let found = self
            .find_agent_key(context, memory, &mut needs)
            .and_then(|()| self.find_token_keys(context, memory, &mut needs));
        self.refresh.append(&mut needs.refresh);
        if found.is_err() {
            // Whoever has the lease must fetch, also for a request that is refused, or everyone else waits for it.
            self.refresh.append(&mut needs.fetch);
        }
        found?;
        if needs.fetch.is_empty() && !needs.wait {
            return Ok(None);
        }
        let since = *self.waiting_since.get_or_insert(context.now);
        if context.now.since(since) > MAX_WAIT_FOR_KEYS {
            self.refresh.append(&mut needs.fetch);
            return Err(Reason::KeysUnavailable);
        }
        Ok(Some(if needs.fetch.is_empty() { Step::Wait } else { Step::Keys(needs.fetch) }))
    }

    fn find_agent_key(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        needs: &mut Needs,
    ) -> Result<(), Reason> {
        let Some(agent) = self.agent.as_ref().filter(|_| self.agent_key.is_none()) else { return Ok(()) };
        let source = KeySource::directory(&agent.claim.source);
        let wanted = Wanted { kid: Some(&agent.claim.keyid), algorithm: None };
        match needs.look_up(memory, source, Some(wanted), context.now) {
            Found::Keys { keys, .. } => self.agent_key = keys.into_iter().next(),
            Found::NotYet => {}
            Found::Refusal(Reason::KeysUnavailable) => {
                self.unverified_agent(context, Reason::KeysUnavailable)?;
            }
            Found::Refusal(_) => self.unverified_agent(context, Reason::SignatureKeyUnknown)?,
        }
        Ok(())
    }

    fn find_token_keys(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        needs: &mut Needs,
    ) -> Result<(), Reason> {
        if let TokenState::Known(known) = &self.token_state {
            let issuer = issuer(context, known.issuer)?;
            match needs.look_up(memory, KeySource::issuer(issuer.jwks_uri()), None, context.now) {
                Found::Keys { version, .. } if version == known.key_set_version => {
                    known.token.recheck(&issuer.rules, context.now.seconds())?;
                    self.verified_token = Some(Arc::clone(&known.token));
                    self.token_state = TokenState::Settled;
                }
                // The issuer's keys have changed since: the token must be signed by one that is still there.
                Found::Keys { .. } => {
                    let Some(token) = &self.token else { return Ok(()) };
                    self.token_state = unknown_token(context, token)?;
                }
                Found::NotYet => return Ok(()),
                Found::Refusal(reason) => return Err(reason),
            }
        }
        if let TokenState::Unknown(unknown) = &mut self.token_state
            && unknown.keys.is_empty()
        {
            let source = KeySource::issuer(issuer(context, unknown.issuer)?.jwks_uri());
            let wanted = Wanted { kid: unknown.decoded.jws().kid(), algorithm: Some(unknown.algorithm) };
            match needs.look_up(memory, source, Some(wanted), context.now) {
                Found::Keys { keys, version } => (unknown.keys, unknown.key_set_version) = (keys, version),
                Found::NotYet => {}
                Found::Refusal(reason) => return Err(reason),
            }
        }
        Ok(())
    }

    /// The signatures to verify. A token may have several keys to try.
    fn checks(&self, context: &Context<'_>) -> Result<Vec<Pending>, Reason> {
        let mut pending = Vec::new();
        if let (Some(agent), Some(key)) = (&self.agent, &self.agent_key) {
            pending.push(Pending { of: Of::Agent, check: agent_check(context, agent, key)? });
        }
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
        if let Some(proof) = &self.proof {
            pending.push(Pending { of: Of::Proof, check: proof.check()? });
        }
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
            let another_key = judged.peek().is_some_and(|(next, _)| of == Of::Token && next.of == Of::Token);
            match (of, valid) {
                (Of::Agent, true) => self.believe_agent(context),
                (Of::Agent, false) => return Err(Reason::SignatureInvalid),
                (Of::Token, true) => self.believe_token(context, memory, &check)?,
                (Of::Token, false) if self.verified_token.is_some() || another_key => {}
                (Of::Token, false) => return Err(Reason::TokenSignatureInvalid),
                (Of::Proof, true) => {}
                (Of::Proof, false) => return Err(Reason::DpopSignatureInvalid),
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

    fn believe_agent(&mut self, context: &Context<'_>) {
        let (Some(agent), Some(key)) = (&self.agent, &self.agent_key) else { return };
        let claim = &agent.claim;
        self.verified.agent = Some(Agent {
            id: claim.identity().to_owned(),
            method: Method::WebBotAuth,
            key: Some(key.thumbprint().to_owned()),
            operator: Some(claim.origin().to_owned()),
        });
        self.verified.subject = Some(claim.identity().to_owned());
        self.verified.covers_digest = digest::covers_digest(&agent.signature);
        self.verified.covers_authorization = agent.signature.covers_field("authorization");
        self.verified.deadlines.push((claim.expires, Reason::SignatureExpired));
        self.verified.to_store = Some(KeySource::directory(&claim.source));
        if let Some(nonce) = &claim.nonce {
            self.verified.single_use.push(SingleUse {
                key: ReplayKey::new(&["signature", claim.source.as_str(), &claim.keyid, nonce]),
                until: claim.expires.plus(context.gate.clock_skew),
                refusal: Reason::SignatureReplayed,
            });
        }
        self.evidence.push(evidence(
            "signature",
            None,
            Some(format!("web-bot-auth, {}", claim.form.as_str())),
        ));
    }

    fn believe_token(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        check: &SignatureCheck,
    ) -> Result<(), Reason> {
        let TokenState::Unknown(unknown) = core::mem::replace(&mut self.token_state, TokenState::Settled)
        else {
            return Ok(());
        };
        let (index, key_set_version) = (unknown.issuer, unknown.key_set_version);
        let rules = &issuer(context, index)?.rules;
        let verified = unknown.decoded.verified(check, Verdict::Valid, rules, context.now.seconds())?;
        let verified = Arc::new(verified);
        if let Some(token) = &self.token {
            let known = CachedToken { token: Arc::clone(&verified), issuer: index, key_set_version };
            memory.tokens.insert(sha256(token.text.as_bytes()), known);
        }
        self.verified_token = Some(verified);
        Ok(())
    }

    /// Holds token and proof together, and says who the agent is where no signature did.
    fn identify(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        if context.route.signature && !self.verified.is_signed() {
            return Err(Reason::SignatureMissing);
        }
        let (Some(token), Some(verified)) = (&self.token, self.verified_token.take()) else {
            return if context.route.token { Err(Reason::TokenMissing) } else { Ok(()) };
        };
        let claims = verified.claims();
        let jkt = bound_key(claims, token.scheme, self.proof.as_ref())?;
        self.evidence.push(evidence("token", None, None));
        if jkt.is_none() && context.route.dpop {
            return Err(Reason::DpopMissing);
        }
        self.verified.deadlines.push((claims.exp.plus(context.gate.clock_skew), Reason::TokenExpired));
        if let (Some(proof), Some(jkt)) = (&self.proof, &jkt) {
            let until = proof.iat().plus(context.gate.dpop.max_age);
            self.verified.deadlines.push((until.plus(Duration::from_secs(1)), Reason::DpopExpired));
            let htu = context.target.to_string();
            let htu = crate::dpop::normalise_htu(&htu).unwrap_or(htu);
            self.verified.single_use.push(SingleUse {
                key: ReplayKey::new(&["dpop", jkt, proof.jti(), context.view.method(), &htu]),
                until,
                refusal: Reason::DpopProofReplayed,
            });
            self.evidence.push(evidence("dpop", None, None));
        }
        if self.verified.agent.is_none() {
            let id =
                claims.client_id.clone().or_else(|| claims.sub.clone()).unwrap_or_else(|| claims.iss.clone());
            let method = if jkt.is_some() { Method::Dpop } else { Method::Token };
            let kind = if claims.client_id.is_some() { "client" } else { "subject" };
            self.verified.subject = Some(format!("{} {kind} {id}", claims.iss));
            self.verified.agent = Some(Agent { id, method, key: jkt, operator: None });
        }
        self.verified.token = Some(Arc::clone(&verified));
        Ok(())
    }
}

/// What has to be done before keys can be found.
#[derive(Debug, Default)]
struct Needs {
    fetch: Vec<KeySource>,
    wait: bool,
    refresh: Vec<KeySource>,
}

/// What a look-up of keys found.
enum Found {
    Keys { keys: Vec<Jwk>, version: u64 },
    NotYet,
    Refusal(Reason),
}

impl Needs {
    fn look_up(
        &mut self,
        memory: &mut Memory,
        source: KeySource,
        wanted: Option<Wanted<'_>>,
        now: UnixMillis,
    ) -> Found {
        match memory.look_up(&source, wanted, now) {
            Lookup::Use { set, version, refresh, .. } => {
                if refresh {
                    self.refresh.push(source);
                }
                let named = |wanted: Wanted<'_>| {
                    set.candidates(wanted.kid, wanted.algorithm).into_iter().cloned().collect()
                };
                Found::Keys { keys: wanted.map_or_else(Vec::new, named), version }
            }
            Lookup::Fetch { .. } => {
                self.fetch.push(source);
                Found::NotYet
            }
            Lookup::Wait { .. } => {
                self.wait = true;
                Found::NotYet
            }
            Lookup::UnknownKey { .. } => Found::Refusal(Reason::TokenKeyUnknown),
            Lookup::Unavailable { .. } => Found::Refusal(Reason::KeysUnavailable),
        }
    }
}

fn issuer<'a>(context: &Context<'a>, index: usize) -> Result<&'a Issuer, Reason> {
    context.gate.issuers().get(index).ok_or(Reason::TokenIssuerUnknown)
}

/// Reads a token and finds its issuer.
fn unknown_token(context: &Context<'_>, token: &PresentedToken) -> Result<TokenState, Reason> {
    let decoded = DecodedToken::decode(&token.text)?;
    let by_name = |issuer: &Issuer| issuer.name() == decoded.unverified_issuer();
    let index = context.gate.issuers().iter().position(by_name).ok_or(Reason::TokenIssuerUnknown)?;
    let algorithm = decoded.precheck(&issuer(context, index)?.rules, context.now.seconds())?;
    let unknown = UnknownToken { decoded, issuer: index, algorithm, keys: Vec::new(), key_set_version: 0 };
    Ok(TokenState::Unknown(Box::new(unknown)))
}

/// The check of an agent's signature with the key that its directory has.
fn agent_check(context: &Context<'_>, agent: &PresentedAgent, key: &Jwk) -> Result<SignatureCheck, Reason> {
    if is_published_test_key(key.thumbprint()) {
        return Err(Reason::SignatureKeyForbidden);
    }
    let fitting = Algorithm::ALL.iter().copied().find(|algorithm| key.permits(*algorithm));
    let algorithm =
        fitting.filter(|a| *a == Algorithm::Ed25519).ok_or(Reason::SignatureAlgorithmNotAllowed)?;
    let stated = agent.signature.params().alg.as_deref();
    if stated.is_some_and(|alg| alg != algorithm.http_signatures()) {
        return Err(Reason::SignatureAlgorithmMismatch);
    }
    let message = Message::request(context.view, context.target);
    let base = signature::signature_base(&agent.signature, &message)?;
    let value = agent.signature.signature().to_vec();
    SignatureCheck::new(key.key().clone(), algorithm, base.into(), value)
        .map_err(|_| Reason::SignatureInvalid)
}

/// The key that a token is bound to and that was proven, or `None` for a token that is not bound. Neither scheme
/// may carry the other's tokens: that would be a downgrade (RFC 9449 §7.2).
fn bound_key(claims: &Claims, scheme: AuthScheme, proof: Option<&Proof>) -> Result<Option<String>, Reason> {
    let Some(confirmation) = &claims.confirmation else {
        return if scheme == AuthScheme::Dpop { Err(Reason::TokenNotBound) } else { Ok(None) };
    };
    if confirmation.x5t_s256.is_some() || !confirmation.others.is_empty() {
        return Err(Reason::TokenBindingUnsupported);
    }
    let jkt = confirmation.jkt.as_ref().ok_or(Reason::TokenBindingUnsupported)?;
    if scheme == AuthScheme::Bearer {
        return Err(Reason::TokenBoundUsedAsBearer);
    }
    let proof = proof.ok_or(Reason::DpopMissing)?;
    if constant_time_eq(jkt.as_bytes(), proof.jkt().as_bytes()) {
        Ok(Some(jkt.clone()))
    } else {
        Err(Reason::DpopKeyMismatch)
    }
}
