//! Whether the token still is good, after all proofs have held: nobody makes the gate ask about a JWT that its issuer
//! has not signed, or about a bound token without the key that it is bound to.
//!
//! An opaque token is the exception, as only its issuer's answer says what it is bound to: it is asked about before
//! token and proof are held together, and after the signatures of the request and of the proof have verified.
//!
//! Where nothing can be found out, the request is refused, unless its route says otherwise of tokens that are good by
//! their own signature.

use alloc::borrow::ToOwned as _;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::present::AuthScheme;
use super::token::issuer;
use super::verify::{Context, TokenState, Verification};
use super::{MAX_WAIT_FOR_KEYS, Step, evidence};
use crate::decision::{CheckResult, Evidence};
use crate::jose::jwt::VerifiedToken;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::revocation::answers::Lookup;
use crate::revocation::introspection::{Introspected, Introspection};
use crate::revocation::{Freshness, Inquiry};
use crate::time::UnixMillis;

/// The name of an introspection in decisions.
const INTROSPECTION: &str = "introspection";
/// How long after an answer was looked up it may still be acted upon: 60 s. A client that sends its body slowly gets no
/// longer than that before a revocation counts.
const ACTED_UPON_WITHIN: Duration = Duration::from_mins(1);

/// How far a request has come with asking.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// When it began to ask.
    since: Option<UnixMillis>,
    /// What to ask after the response: whoever has the lease must ask, also for a request that is refused, or everyone
    /// else waits for it.
    pub(super) later: Vec<Inquiry>,
    introspected: bool,
}

/// What has to be asked, or waited for, before a token is known to be good.
#[derive(Debug, Default)]
struct Open {
    fetch: Vec<Inquiry>,
    wait: bool,
    /// Who is asked, for the decision.
    source: &'static str,
}

/// What is known of a token.
enum Known<T> {
    This(T),
    NotYet,
    Unavailable,
}

impl Verification {
    /// Asks the issuer of an opaque token what it is.
    pub(super) fn introspect_opaque(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Step>, Reason> {
        let TokenState::Opaque { issuer: index } = self.token_state else { return Ok(None) };
        // The route's other proofs come first: without them the issuer would be asked in vain.
        if context.route.signature && !self.verified.is_signed() {
            return Err(Reason::SignatureMissing);
        }
        if context.route.dpop && self.proof.is_none() {
            return Err(Reason::DpopMissing);
        }
        let introspection = issuer(context, index)?.introspection().ok_or(Reason::TokenMalformed)?;
        let mut open = Open::default();
        let token = match self.introspect(context, memory, introspection, &mut open) {
            Known::This(introspected) => introspected?,
            Known::NotYet if self.is_patient(context) => return Ok(Some(open.step())),
            Known::NotYet | Known::Unavailable => {
                self.standing.later.append(&mut open.fetch);
                return Err(self.refuse_unavailable(INTROSPECTION));
            }
        };
        self.settle_opaque(context, introspection, token).map(|()| None)
    }

    /// The answer was given for this very token; what it says is held to the rules as at its first use.
    fn settle_opaque(
        &mut self,
        context: &Context<'_>,
        introspection: &Introspection,
        token: Arc<VerifiedToken>,
    ) -> Result<(), Reason> {
        token.recheck(&introspection.rules, context.now.seconds())?;
        let token_type = token.claims().raw.get("token_type").and_then(|value| value.as_str());
        let needs_proof = token_type.is_some_and(|token_type| token_type.eq_ignore_ascii_case("DPoP"));
        let scheme = self.token.as_ref().map(|token| token.scheme);
        if needs_proof && scheme == Some(AuthScheme::Bearer) {
            return Err(Reason::TokenBoundUsedAsBearer);
        }
        self.verified_token = Some(token);
        self.token_state = TokenState::Settled;
        Ok(())
    }

    /// Finds out whether the token still is good. Asks for everything at once, so that a request waits for the slowest
    /// answer only.
    pub(super) fn check_standing(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Step>, Reason> {
        let mut open = Open::default();
        // Further sources of revocation are looked into here, by `and_then`.
        let judged = self.introspect_jwt(context, memory, &mut open);
        if judged.is_ok() && open.is_empty() {
            return Ok(None);
        }
        if judged.is_ok() && self.is_patient(context) {
            return Ok(Some(open.step()));
        }
        self.standing.later.append(&mut open.fetch);
        judged?;
        self.unavailable(context, open.source).map(|()| None)
    }

    /// Whether the issuer of a JWT says that it is active, where the configuration has it asked.
    fn introspect_jwt(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        open: &mut Open,
    ) -> Result<(), Reason> {
        let Some(token) = self.verified.token.clone().filter(|_| !self.standing.introspected) else {
            return Ok(());
        };
        let by_name = |issuer: &&crate::config::Issuer| issuer.name() == token.claims().iss;
        let introspection =
            context.gate.issuers().iter().find(by_name).and_then(|issuer| issuer.introspection());
        let Some(introspection) = introspection.filter(|introspection| introspection.of_jwts) else {
            return Ok(());
        };
        match self.introspect(context, memory, introspection, open) {
            Known::NotYet => Ok(()),
            Known::This(introspected) => introspected.map(|_| ()),
            Known::Unavailable => {
                self.standing.introspected = true;
                self.unavailable(context, INTROSPECTION)
            }
        }
    }

    /// What is known of the request's token by introspection; else what to do for it.
    fn introspect(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        introspection: &Arc<Introspection>,
        open: &mut Open,
    ) -> Known<Introspected> {
        let Some(token) = &self.token else { return Known::Unavailable };
        let since = *self.standing.since.get_or_insert(context.now);
        let (key, source) = (introspection.key(&token.text), introspection.source());
        match memory.introspected.look_up(key, source, since, context.now) {
            Lookup::Known { answer, at } => {
                self.standing.introspected = true;
                if answer.is_ok() {
                    let age_secs = context.now.since(at).as_secs();
                    self.verified.revocation.push(Freshness { source: INTROSPECTION, age_secs });
                    let until = context.now.seconds().plus(ACTED_UPON_WITHIN);
                    self.verified.deadlines.push((until, Reason::RequestBodyUnreadable));
                }
                // What else an answer says against a token is no matter of revocation.
                let inactive =
                    answer.as_ref().err().copied().filter(|reason| *reason == Reason::TokenInactive);
                if answer.is_ok() || inactive.is_some() {
                    self.evidence.push(evidence("revocation", inactive, Some(INTROSPECTION.to_owned())));
                }
                Known::This(answer)
            }
            Lookup::Ask => {
                open.source = INTROSPECTION;
                open.fetch.push(introspection.inquiry(&token.text, context.id, context.now.seconds()));
                Known::NotYet
            }
            Lookup::Wait => {
                (open.wait, open.source) = (true, INTROSPECTION);
                Known::NotYet
            }
            Lookup::Unavailable => Known::Unavailable,
        }
    }

    /// Whether the request may wait longer for answers.
    fn is_patient(&self, context: &Context<'_>) -> bool {
        self.standing.since.is_none_or(|since| context.now.since(since) <= MAX_WAIT_FOR_KEYS)
    }

    /// What becomes of a token that is good by its own signature, where nothing else can be found out.
    pub(super) fn unavailable(&mut self, context: &Context<'_>, source: &'static str) -> Result<(), Reason> {
        if !context.route.allows_unknown_revocation {
            return Err(self.refuse_unavailable(source));
        }
        let code = Reason::RevocationUnavailable.code();
        let detail = Some(source.to_owned());
        self.evidence.push(Evidence { check: "revocation", result: CheckResult::Skipped, code, detail });
        Ok(())
    }

    fn refuse_unavailable(&mut self, source: &'static str) -> Reason {
        let reason = Reason::RevocationUnavailable;
        self.evidence.push(evidence("revocation", Some(reason), Some(source.to_owned())));
        reason
    }
}

impl Open {
    fn is_empty(&self) -> bool {
        self.fetch.is_empty() && !self.wait
    }

    /// What the host does next.
    fn step(self) -> Step {
        if self.fetch.is_empty() { Step::Wait } else { Step::Fetch(self.fetch) }
    }
}
