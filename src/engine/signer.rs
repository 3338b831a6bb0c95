//! The signatures of a request on their way from presented to proven: [`Signer`].
//!
//! A request may carry several signatures. Each that an enabled profile selects is tried in turn, and the first that
//! holds says who the agent is. What cannot be judged (nobody trusted, no key to be had) leaves the request unsigned
//! where the route allows that; what was judged and is wrong refuses it.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::vec::Vec;

use super::evidence;
use super::needs::{Found, KnownKey, Needs};
use super::present::{Claimed, PresentedAgent};
use super::verify::{Context, SingleUse};
use crate::config::Disclosure;
use crate::crypto::{SignatureCheck, sha256_base64url};
use crate::decision::{Agent, CheckResult, Evidence, Method};
use crate::jose::key_set::Wanted;
use crate::keys::KeySource;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::registry::{AgentKey, AgentRecord, Registry};
use crate::signature::explain::{Explanation, explain};
use crate::signature::profiles::web_bot_auth::KeySourceUrl;
use crate::signature::profiles::{Claim, KeyPlace, Rules};
use crate::signature::{Message, PresentedSignature, SignatureError, digest};
use crate::state::replay::ReplayKey;
use crate::state::subject::SubjectName;
use crate::time::UnixSeconds;

/// Most keys of one agent that are tried for one signature.
const MAX_KEYS: usize = 6;

/// Why a signature was given up.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    reason: Reason,
    /// It was judged, and is wrong.
    is_invalid: bool,
}

impl Refusal {
    fn unverified(reason: Reason) -> Self {
        Self { reason, is_invalid: false }
    }

    fn invalid(reason: Reason) -> Self {
        Self { reason, is_invalid: true }
    }
}

/// Who signed, as was proven, with what follows from it.
#[derive(Clone, Debug)]
pub(super) struct Proven {
    pub(super) agent: Agent,
    /// Under which name limits and risk are kept.
    pub(super) subject: String,
    /// The signature, where it covers a digest of the content.
    pub(super) covers_digest: Option<PresentedSignature>,
    pub(super) covers_authorization: bool,
    pub(super) covers_target: bool,
    /// The key.
    pub(super) signed_by: SubjectName,
    /// From when on it does not hold any more, and why.
    pub(super) deadlines: Vec<(UnixSeconds, Reason)>,
    pub(super) single_use: Option<SingleUse>,
    /// A mark of the signature itself, and whether a nonce makes it one that is made for a single request.
    pub(super) mark: (ReplayKey, bool),
    /// The directory that proved to have the key.
    pub(super) directory: Option<KeySource>,
}

/// A request's signatures.
#[derive(Debug, Default)]
pub(super) struct Signer {
    current: Option<PresentedAgent>,
    /// The others, the next one last.
    others: Vec<PresentedAgent>,
    keys: Vec<KnownKey>,
    /// The id of the registered agent whose keys these are, where that led to them.
    registered: Option<String>,
    content: Option<Vec<u8>>,
    /// How many verdicts about the current signature are not there yet.
    awaited: usize,
    refusal: Option<Refusal>,
    proven: Option<Proven>,
    evidence: Vec<Evidence>,
    explanation: Option<Explanation>,
}

impl Signer {
    pub(super) fn new(mut presented: Vec<PresentedAgent>) -> Self {
        presented.reverse();
        Self { others: presented, ..Self::default() }
    }

    pub(super) fn proven(&self) -> Option<&Proven> {
        self.proven.as_ref()
    }

    pub(super) fn take_evidence(&mut self) -> Vec<Evidence> {
        core::mem::take(&mut self.evidence)
    }

    pub(super) fn take_explanation(&mut self) -> Option<Explanation> {
        self.explanation.take()
    }

    /// Whether a signature is still to be judged.
    pub(super) fn is_open(&self) -> bool {
        self.current.is_some() && self.proven.is_none()
    }

    /// Takes the first signature whose keys may be looked for at all.
    pub(super) fn begin(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        self.take_next(context)
    }

    fn take_next(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        (self.current, self.awaited, self.registered) = (None, 0, None);
        self.keys.clear();
        while let Some(next) = self.others.pop() {
            match trust(context, &next) {
                Ok(()) => {
                    self.current = Some(next);
                    return Ok(());
                }
                Err(reason) => self.note(Refusal::unverified(reason)),
            }
        }
        match self.refusal {
            Some(refusal) if refusal.is_invalid || context.route.signature => Err(refusal.reason),
            Some(refusal) => {
                let code = refusal.reason.code();
                self.evidence.push(Evidence {
                    check: "signature",
                    result: CheckResult::Skipped,
                    code,
                    detail: None,
                });
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The first refusal counts, unless a later one is of a signature that was judged.
    fn note(&mut self, refusal: Refusal) {
        if self.refusal.is_none_or(|first| refusal.is_invalid && !first.is_invalid) {
            self.refusal = Some(refusal);
        }
    }

    /// Gives the current signature up for the next that a profile selects.
    fn give_up(&mut self, context: &Context<'_>, refusal: Refusal) -> Result<(), Reason> {
        self.note(refusal);
        self.take_next(context)
    }

    /// Whether the content is a part of what was signed, and has not been read.
    /// Only for an agent that is registered and may act: nobody else makes the gate read a body.
    pub(super) fn needs_content(&self, context: &Context<'_>, registry: &Registry) -> bool {
        let Some(PresentedAgent { claimed: Claimed::Plain(plain), .. }) = &self.current else { return false };
        let may_act = registry.by_id(&plain.agent).is_some_and(|record| record.standing().is_ok());
        may_act && self.content.is_none() && context.view.has_body()
    }

    pub(super) fn take_content(&mut self, content: Vec<u8>) {
        self.content = Some(content);
    }

    /// A route that only watches must not use up a body that it could not give back.
    pub(super) fn without_content(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        self.give_up(context, Refusal::unverified(Reason::RequestBodyUnreadable))
    }

    /// Looks up the keys of the current signature; goes on to the next one while there are none.
    pub(super) fn find_keys(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        registry: &Registry,
        needs: &mut Needs,
    ) -> Result<(), Reason> {
        while self.is_open() && self.keys.is_empty() {
            let Some(agent) = &self.current else { return Ok(()) };
            let Some(rules) = context.rules(agent.rules) else { return Err(Reason::GateMisused) };
            if let Some(outcome) = shared(agent, rules, context) {
                match outcome.map(|proven| of_registered(proven, registry, context)) {
                    Ok(Ok(proven)) => self.prove(proven, rules, None),
                    Ok(Err(refusal)) => self.give_up(context, refusal)?,
                    Err(error) => {
                        self.explain(context, error);
                        self.give_up(context, Refusal::invalid(error.into()))?;
                    }
                }
                continue;
            }
            let found = look_up(agent, rules, context, memory, registry, needs);
            self.registered = found.registered;
            match found.keys {
                Ok(Some(keys)) => self.keys = keys,
                Ok(None) => return Ok(()),
                Err(reason @ (Reason::AgentSuspended | Reason::AgentRevoked)) => {
                    self.give_up(context, Refusal::invalid(reason))?;
                }
                Err(reason) => self.give_up(context, Refusal::unverified(reason))?,
            }
        }
        Ok(())
    }

    /// The checks of the current signature, with each key that may have made it. A signature that no key can have
    /// made is given up; the next one needs keys first.
    pub(super) fn checks(&mut self, context: &Context<'_>) -> Result<Vec<(SignatureCheck, usize)>, Reason> {
        let Some(agent) = self.current.as_ref().filter(|_| self.is_open()) else { return Ok(Vec::new()) };
        let Some(rules) = context.rules(agent.rules) else { return Err(Reason::GateMisused) };
        match checks(agent, rules, &self.keys, context, self.content.as_deref().unwrap_or_default()) {
            Ok(checks) => {
                self.awaited = checks.len();
                Ok(checks)
            }
            Err(error) => {
                self.explain(context, error);
                self.give_up(context, Refusal::invalid(error.into()))?;
                Ok(Vec::new())
            }
        }
    }

    /// Takes in the verdict of a check with the key at `index`.
    pub(super) fn judge(
        &mut self,
        context: &Context<'_>,
        registry: &Registry,
        index: usize,
        valid: bool,
    ) -> Result<(), Reason> {
        if self.proven.is_some() || self.awaited == 0 {
            return Ok(());
        }
        self.awaited -= 1;
        if valid {
            return self.believe(context, registry, index);
        }
        if self.awaited > 0 {
            return Ok(());
        }
        self.explain(context, SignatureError::Invalid);
        self.give_up(context, Refusal::invalid(Reason::SignatureInvalid))
    }

    fn explain(&mut self, context: &Context<'_>, error: SignatureError) {
        if context.gate.disclosure() != Disclosure::Explain {
            return;
        }
        let Some(PresentedAgent { rules, claimed: Claimed::Message { signature, .. } }) = &self.current
        else {
            return;
        };
        let Some(rules) = context.rules(*rules) else { return };
        let message = context.message();
        let key = self.keys.first().map(KnownKey::key);
        self.explanation = Some(explain(rules, signature, &message, key, error, context.now.seconds()));
    }

    /// A signature holds: what remains is whether this agent, and this key of it, may act now.
    fn believe(&mut self, context: &Context<'_>, registry: &Registry, index: usize) -> Result<(), Reason> {
        let (Some(presented), Some(known)) = (&self.current, self.keys.get(index)) else {
            return Err(Reason::GateMisused);
        };
        let Some(rules) = context.rules(presented.rules) else { return Err(Reason::GateMisused) };
        match self.standing(registry, &presented.claimed, known, context) {
            Ok(None) if context.must_be_registered() => {
                self.give_up(context, Refusal::unverified(Reason::AgentUnknown))
            }
            Ok(Some(_)) if context.reads_plain_headers() && presented.claimed.could_be_plain() => {
                self.give_up(context, Refusal::invalid(Reason::SignatureParameterInvalid))
            }
            Ok(record) => {
                let mut proven = proven(presented, rules, known, record, context);
                let (_, key) = registry.by_keyid(known.key().thumbprint()).unzip();
                let not_after = key.and_then(AgentKey::not_after);
                proven.deadlines.extend(not_after.map(|end| (end, Reason::AgentKeyExpired)));
                self.prove(proven, rules, presented.claimed.form());
                Ok(())
            }
            Err(reason) => self.give_up(context, Refusal::invalid(reason)),
        }
    }

    /// Whether the agent may act now, by its id, its directory and its key, and what is registered of it.
    fn standing<'r>(
        &self,
        registry: &'r Registry,
        claimed: &Claimed,
        known: &KnownKey,
        context: &Context<'_>,
    ) -> Result<Option<&'r AgentRecord>, Reason> {
        let own = self.registered.as_deref().and_then(|id| registry.by_id(id));
        own.map_or(Ok(()), AgentRecord::standing)?;
        let directory = match claimed {
            Claimed::Message { claim, .. } => claim.identity(),
            Claimed::Plain(_) => None,
        };
        let found = registry.standing(directory, known.key().thumbprint(), context.now.seconds())?;
        match (own, found) {
            // Found among one agent's keys, and registered as another's.
            (Some(own), Some(found)) if own.id() != found.id() => Err(Reason::SignatureKeyUnknown),
            _ => Ok(own.or(found)),
        }
    }

    fn prove(&mut self, proven: Proven, rules: &Rules, form: Option<&'static str>) {
        let detail = [Some(rules.name()), form].into_iter().flatten().collect::<Vec<_>>().join(", ");
        self.evidence.push(evidence("signature", None, Some(detail)));
        self.proven = Some(proven);
    }

    /// The registry cannot be had, and without it nobody knows who is suspended.
    pub(super) fn without_registry(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        self.others.clear();
        self.give_up(context, Refusal::unverified(Reason::AgentsUnavailable))
    }
}

/// Whether the keys of a signature may be looked for: an agent's own directory only below a trusted origin.
fn trust(context: &Context<'_>, agent: &PresentedAgent) -> Result<(), Reason> {
    let Claimed::Message { claim, .. } = &agent.claimed else { return Ok(()) };
    let Some(directory) = claim.directory() else { return Ok(()) };
    let trust = context.gate.signatures.as_ref().map_or(&[][..], |signatures| &signatures.trust);
    let is_trusted = trust.iter().any(|origin| origin == directory.origin());
    if is_trusted { Ok(()) } else { Err(Reason::SignatureAgentUntrusted) }
}

/// The verdict about a signature by a key that both sides share, where it names one. Whoever can verify it can make it,
/// so the name of the key is all there is to say who did.
fn shared(
    agent: &PresentedAgent,
    rules: &Rules,
    context: &Context<'_>,
) -> Option<Result<Proven, SignatureError>> {
    let Claimed::Message { claim, signature } = &agent.claimed else { return None };
    let keyid = claim.keyid.as_deref().filter(|_| rules.shared_keys)?;
    let key = context.gate.shared_key(keyid)?;
    let valid = rules.verify_shared(signature, &context.message(), key);
    Some(match valid {
        Ok(true) => Ok(Proven {
            mark: (mark(signature.signature()), claim.nonce.is_some()),
            agent: Agent {
                id: alloc::format!("{SHARED}{keyid}"),
                method: Method::Signature(rules.name()),
                key: None,
                operator: None,
                purpose: None,
            },
            subject: alloc::format!("shared key {keyid}"),
            covers_digest: digest::is_covered(signature).then(|| signature.clone()),
            covers_authorization: signature.covers_field("authorization"),
            covers_target: signature.covers_target(),
            deadlines: Vec::from([(claim.until, Reason::SignatureExpired)]),
            signed_by: SubjectName::shared_key(keyid),
            single_use: single_use(claim, "shared key", keyid, SubjectName::shared_key(keyid), context),
            directory: None,
        }),
        Ok(false) => Err(SignatureError::Invalid),
        Err(error) => Err(error),
    })
}

/// What the names of agents that share a key begin with, so that none is taken for a registered one.
const SHARED: &str = "shared-key:";

/// An agent that shares a key, with what is registered under the key's name, if anything is.
fn of_registered(mut proven: Proven, registry: &Registry, context: &Context<'_>) -> Result<Proven, Refusal> {
    let record = proven.agent.id.strip_prefix(SHARED).and_then(|keyid| registry.by_id(keyid));
    let Some(record) = record else {
        let unknown = context.must_be_registered();
        return if unknown { Err(Refusal::unverified(Reason::AgentUnknown)) } else { Ok(proven) };
    };
    record.standing().map_err(Refusal::invalid)?;
    record.id().clone_into(&mut proven.agent.id);
    proven.agent.operator = Some(record.operator().to_owned());
    proven.agent.purpose = Some(record.purpose().to_owned());
    proven.subject = alloc::format!("agent {}", record.id());
    Ok(proven)
}

/// A nonce, as something that may be accepted once from this key at this place.
fn single_use(
    claim: &Claim,
    place: &str,
    key: &str,
    of: SubjectName,
    context: &Context<'_>,
) -> Option<SingleUse> {
    claim.nonce.as_ref().map(|nonce| SingleUse {
        of,
        key: ReplayKey::new(&["signature", place, key, nonce]),
        until: claim.until.plus(context.gate.clock_skew),
        refusal: Reason::SignatureReplayed,
        expired: Reason::SignatureExpired,
    })
}

/// What a look-up found: `None` for keys that are on their way.
struct LookedUp {
    keys: Result<Option<Vec<KnownKey>>, Reason>,
    registered: Option<String>,
}

fn look_up(
    agent: &PresentedAgent,
    rules: &Rules,
    context: &Context<'_>,
    memory: &mut Memory,
    registry: &Registry,
    needs: &mut Needs,
) -> LookedUp {
    match &agent.claimed {
        Claimed::Plain(plain) => {
            let Some(record) = registry.by_id(&plain.agent) else {
                return LookedUp { keys: Err(Reason::AgentUnknown), registered: None };
            };
            // Its content was not read, so that nothing else can be said.
            if let Err(reason) = record.standing() {
                return LookedUp { keys: Err(reason), registered: None };
            }
            let keys = keys_of(record, None, context, memory, needs);
            LookedUp { keys, registered: Some(record.id().to_owned()) }
        }
        Claimed::Message { claim, .. } => match (&claim.place, claim.keyid.as_deref()) {
            (KeyPlace::Directory { url, .. }, keyid) => {
                let source = context.gate.directory(url);
                let keys = in_set(&source, keyid, context, memory, needs);
                LookedUp { keys, registered: None }
            }
            (KeyPlace::Known, Some(keyid)) => known(keyid, rules, context, memory, registry, needs),
            (KeyPlace::Known, None) => {
                LookedUp { keys: Err(Reason::SignatureParameterMissing), registered: None }
            }
        },
    }
}

/// The keys that a `keyid` names: of a registered agent (by the key's own name, or `agent#kid`), else in one of the
/// profile's key sets.
fn known(
    keyid: &str,
    rules: &Rules,
    context: &Context<'_>,
    memory: &mut Memory,
    registry: &Registry,
    needs: &mut Needs,
) -> LookedUp {
    if let Some((record, key)) = registry.by_keyid(keyid) {
        let known = KnownKey::registered(key);
        return LookedUp { keys: Ok(Some(Vec::from([known]))), registered: Some(record.id().to_owned()) };
    }
    if let Some((id, kid)) = keyid.rsplit_once('#')
        && let Some(record) = registry.by_id(id)
    {
        let keys = keys_of(record, Some(kid), context, memory, needs);
        return LookedUp { keys, registered: Some(record.id().to_owned()) };
    }
    let mut keys = Vec::new();
    let (mut on_their_way, mut refusal) = (false, Reason::SignatureKeyUnknown);
    for url in &rules.key_sets {
        match in_set(&KeySource::issuer(url), Some(keyid), context, memory, needs) {
            Ok(Some(found)) => keys.extend(found),
            Ok(None) => on_their_way = true,
            Err(Reason::KeysUnavailable) => refusal = Reason::KeysUnavailable,
            Err(_) => {}
        }
    }
    keys.truncate(MAX_KEYS);
    let keys = match (keys.is_empty(), on_their_way) {
        (false, _) => Ok(Some(keys)),
        (true, true) => Ok(None),
        (true, false) => Err(refusal),
    };
    LookedUp { keys, registered: None }
}

/// The keys of a registered agent: its own, and those at its `jwks_uri`.
fn keys_of(
    record: &AgentRecord,
    kid: Option<&str>,
    context: &Context<'_>,
    memory: &mut Memory,
    needs: &mut Needs,
) -> Result<Option<Vec<KnownKey>>, Reason> {
    // The newest first, as it is the one in use; those that are not valid now last, as they only give the reason.
    let mut own: Vec<_> =
        record.keys().iter().filter(|key| kid.is_none_or(|kid| key.is_named(kid))).collect();
    own.sort_by_key(|key| core::cmp::Reverse(key.not_before()));
    let (valid, others): (Vec<_>, Vec<_>) =
        own.into_iter().partition(|key| key.standing(context.now.seconds()).is_ok());
    let mut keys: Vec<_> = valid.into_iter().take(MAX_KEYS / 2).map(KnownKey::registered).collect();
    if let Some(url) = record.jwks_uri() {
        match in_set(&context.gate.agent_keys(url), kid, context, memory, needs) {
            Ok(Some(found)) => keys.extend(found),
            Ok(None) if keys.is_empty() => return Ok(None),
            Err(reason) if keys.is_empty() && others.is_empty() => return Err(reason),
            Ok(None) | Err(_) => {}
        }
    }
    keys.extend(others.into_iter().map(KnownKey::registered));
    keys.truncate(MAX_KEYS);
    if keys.is_empty() { Err(Reason::SignatureKeyUnknown) } else { Ok(Some(keys)) }
}

fn in_set(
    source: &KeySource,
    kid: Option<&str>,
    context: &Context<'_>,
    memory: &mut Memory,
    needs: &mut Needs,
) -> Result<Option<Vec<KnownKey>>, Reason> {
    let wanted = Wanted { kid, algorithm: None };
    match needs.look_up(memory, source.clone(), Some(wanted), context.now) {
        Found::Keys { keys, .. } => Ok(Some(keys)),
        Found::NotYet => Ok(None),
        Found::Refusal(Reason::TokenKeyUnknown) => Err(Reason::SignatureKeyUnknown),
        Found::Refusal(reason) => Err(reason),
    }
}

fn checks(
    agent: &PresentedAgent,
    rules: &Rules,
    keys: &[KnownKey],
    context: &Context<'_>,
    content: &[u8],
) -> Result<Vec<(SignatureCheck, usize)>, SignatureError> {
    match &agent.claimed {
        Claimed::Plain(plain) => {
            let keys: Vec<_> = keys.iter().map(|known| Cow::Borrowed(known.key())).collect();
            plain.checks(content, &keys, rules)
        }
        Claimed::Message { signature, .. } => {
            let message: Message<'_> = context.message();
            let mut refusal = None;
            let mut checks = Vec::new();
            for (index, known) in keys.iter().enumerate() {
                match rules.check(signature, &message, known.key()) {
                    Ok(check) => checks.push((check, index)),
                    // A signature that does not even fit this key may fit the next.
                    Err(error) => refusal = refusal.or(Some(error)),
                }
            }
            match refusal {
                Some(error) if checks.is_empty() => Err(error),
                _ => Ok(checks),
            }
        }
    }
}

fn proven(
    presented: &PresentedAgent,
    rules: &Rules,
    known: &KnownKey,
    record: Option<&AgentRecord>,
    context: &Context<'_>,
) -> Proven {
    let key = known.key().thumbprint().to_owned();
    let signed_by = SubjectName::key(&key);
    let directory = known.source().filter(|source| source.is_directory()).cloned();
    // A key that nobody else vouches for is the agent itself, among those of its key set.
    let (id, operator) = match (&presented.claimed, record) {
        (_, Some(record)) => (record.id().to_owned(), Some(record.operator().to_owned())),
        (Claimed::Message { claim, .. }, None) => {
            let of_directory =
                |url: &KeySourceUrl| (url.identity().to_owned(), Some(url.origin().to_owned()));
            claim.directory().map_or_else(|| (alloc::format!("{}#{key}", place(known)), None), of_directory)
        }
        (Claimed::Plain(plain), None) => (plain.agent.clone(), None),
    };
    let subject = match record {
        Some(_) => alloc::format!("agent {id}"),
        None => id.clone(),
    };
    let purpose = record.map(|record| record.purpose().to_owned());
    let agent = Agent { id, method: Method::Signature(rules.name()), key: Some(key), operator, purpose };
    match &presented.claimed {
        Claimed::Message { claim, signature } => Proven {
            mark: (mark(signature.signature()), claim.nonce.is_some()),
            agent,
            subject,
            covers_digest: digest::is_covered(signature).then(|| signature.clone()),
            covers_authorization: signature.covers_field("authorization"),
            covers_target: signature.covers_target(),
            signed_by,
            deadlines: Vec::from([(claim.until, Reason::SignatureExpired)]),
            // A key that the gate knows is the same wherever it was found this time.
            single_use: single_use(
                claim,
                claim.directory().map_or("", |_| place(known)),
                known.key().thumbprint(),
                signed_by,
                context,
            ),
            directory,
        },
        Claimed::Plain(plain) => Proven {
            mark: (mark(plain.signature()), true),
            agent,
            subject,
            covers_digest: None,
            covers_authorization: false,
            covers_target: false,
            signed_by,
            deadlines: Vec::from([(plain.until, Reason::SignatureTooOld)]),
            // The scheme has no nonce: the signature itself is what may be accepted once.
            single_use: Some(SingleUse {
                of: signed_by,
                key: ReplayKey::new(&["agent-headers", &sha256_base64url(plain.signature())]),
                until: plain.until.plus(context.gate.clock_skew),
                refusal: Reason::SignatureReplayed,
                expired: Reason::SignatureTooOld,
            }),
            directory,
        },
    }
}

/// A signature's own mark: it is the same proof whatever came with it.
fn mark(signature: &[u8]) -> ReplayKey {
    ReplayKey::new(&["mark", &sha256_base64url(signature)])
}

/// Where a key was found, as a part of what a nonce belongs to.
fn place(known: &KnownKey) -> &str {
    known.source().map_or("", KeySource::url)
}
