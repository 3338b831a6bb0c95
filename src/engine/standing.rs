//! Whether the token still is good, after all proofs have held: nobody makes the gate ask about a JWT that its issuer
//! has not signed, or about a bound token without the key that it is bound to.
//!
//! An opaque token is the exception, as only its issuer's answer says what it is bound to: it is asked about before
//! token and proof are held together, and after the signatures of the request and of the proof have verified.
//!
//! What is asked about the request's token is asked about each token that it came from, too, as far as the request has
//! them: a token that is taken back takes with it all that came from it. That is wrong with the delegation, as everything
//! about those tokens is (`delegation.parent_invalid`), and counts against no agent: whoever has seen a request can put
//! another parent beside it.
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
    /// Which tokens nothing more is asked about, and of whom.
    settled: Vec<(usize, &'static str)>,
}

/// The place of the request's own token among those that are asked about.
const OWN: usize = 0;

impl Standing {
    pub(super) fn is_settled(&self, place: usize, source: &'static str) -> bool {
        self.settled.contains(&(place, source))
    }

    pub(super) fn settle(&mut self, place: usize, source: &'static str) {
        self.settled.push((place, source));
    }
}

/// What has to be asked, or waited for, before the tokens are known to be good.
#[derive(Debug, Default)]
pub(super) struct Open {
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
        let text = self.token.as_ref().map(|token| token.text.clone()).unwrap_or_default();
        let token = match self.introspect(context, memory, introspection, &text, &mut open) {
            Known::This(introspected) => {
                self.standing.settle(OWN, INTROSPECTION);
                introspected?
            }
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

    /// Finds out whether the token still is good, and each that it came from. Asks for everything at once, so that a
    /// request waits for the slowest answer only.
    pub(super) fn check_standing(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Step>, Reason> {
        let lists = match self.find_lists(context, memory)? {
            Ok(lists) => lists,
            Err(step) => return Ok(Some(step)),
        };
        let mut open = Open::default();
        let judged = lists
            .iter()
            .try_for_each(|listed| self.check_list(context, memory, listed, &mut open))
            .and_then(|()| self.introspect_jwts(context, memory, &mut open));
        if judged.is_ok() && open.is_empty() {
            return Ok(None);
        }
        // Whoever waits for a list alone has been waiting since now.
        self.standing.since.get_or_insert(context.now);
        if judged.is_ok() && self.is_patient(context) {
            return Ok(Some(open.step()));
        }
        self.standing.later.append(&mut open.fetch);
        judged?;
        self.unavailable(context, open.source).map(|()| None)
    }

    /// The places of the tokens that are asked about: the request's own, and those that it came from.
    pub(super) fn places(&self) -> core::ops::RangeInclusive<usize> {
        OWN..=self.verified.ancestors.len()
    }

    /// The token at a place, and as it was sent.
    pub(super) fn holds(&self, place: usize) -> Option<(&Arc<VerifiedToken>, &str)> {
        match place.checked_sub(1) {
            None => Some((self.verified.token.as_ref()?, &self.token.as_ref()?.text)),
            Some(index) => {
                self.verified.ancestors.get(index).map(|ancestor| (&ancestor.token, &*ancestor.text))
            }
        }
    }

    /// Whether the issuers of JWTs say that they are active, where the configuration has them asked.
    fn introspect_jwts(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        open: &mut Open,
    ) -> Result<(), Reason> {
        for place in self.places() {
            let Some((token, text)) =
                self.holds(place).filter(|_| !self.standing.is_settled(place, INTROSPECTION))
            else {
                continue;
            };
            let by_name = |issuer: &&crate::config::Issuer| issuer.name() == token.claims().iss;
            let introspection =
                context.gate.issuers().iter().find(by_name).and_then(|issuer| issuer.introspection());
            let Some(introspection) = introspection.filter(|introspection| introspection.of_jwts) else {
                continue;
            };
            let text = text.to_owned();
            match self.introspect(context, memory, introspection, &text, open) {
                Known::NotYet => {}
                Known::This(introspected) => {
                    self.standing.settle(place, INTROSPECTION);
                    introspected.map_err(|reason| of_place(place, reason))?;
                }
                Known::Unavailable => self.cannot_be_found_out(context, place, INTROSPECTION)?,
            }
        }
        Ok(())
    }

    /// What is known of a token by introspection; else what to do for it.
    fn introspect(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        introspection: &Arc<Introspection>,
        text: &str,
        open: &mut Open,
    ) -> Known<Introspected> {
        let since = *self.standing.since.get_or_insert(context.now);
        let (key, source) = (introspection.key(text), introspection.source());
        match memory.introspected.look_up(key, source, since, context.now) {
            Lookup::Known { answer, at } => {
                match &answer {
                    Ok(_) => {
                        self.is_known(context, INTROSPECTION, at);
                        self.holds_by(INTROSPECTION);
                    }
                    // What else an answer says against a token is no matter of revocation.
                    Err(Reason::TokenInactive) => {
                        let inactive = Some(Reason::TokenInactive);
                        self.evidence.push(evidence("revocation", inactive, Some(INTROSPECTION.to_owned())));
                    }
                    Err(_) => {}
                }
                Known::This(answer)
            }
            Lookup::Ask => {
                open.ask(INTROSPECTION, introspection.inquiry(text, context.id, context.now.seconds()));
                Known::NotYet
            }
            Lookup::Wait => {
                open.wait(INTROSPECTION);
                Known::NotYet
            }
            Lookup::Unavailable => Known::Unavailable,
        }
    }

    /// An answer of that time was acted upon. Of several of one source the oldest is told.
    pub(super) fn is_known(&mut self, context: &Context<'_>, source: &'static str, at: UnixMillis) {
        let age_secs = context.now.since(at).as_secs();
        match self.verified.revocation.iter_mut().find(|known| known.source == source) {
            Some(known) => known.age_secs = known.age_secs.max(age_secs),
            None => self.verified.revocation.push(Freshness { source, age_secs }),
        }
        let until = context.now.seconds().plus(ACTED_UPON_WITHIN);
        self.verified.deadlines.push((until, Reason::RequestBodyUnreadable));
    }

    /// A token is good by what a source said, which is told once for all of them.
    pub(super) fn holds_by(&mut self, source: &'static str) {
        let evidence = evidence("revocation", None, Some(source.to_owned()));
        if !self.evidence.contains(&evidence) {
            self.evidence.push(evidence);
        }
    }

    /// A source said this against the token at a place.
    pub(super) fn told(&mut self, place: usize, source: &'static str, reason: Reason) -> Reason {
        self.evidence.push(evidence("revocation", Some(reason), Some(source.to_owned())));
        of_place(place, reason)
    }

    /// Nothing can be found out about the token at a place.
    pub(super) fn cannot_be_found_out(
        &mut self,
        context: &Context<'_>,
        place: usize,
        source: &'static str,
    ) -> Result<(), Reason> {
        self.standing.settle(place, source);
        self.unavailable(context, source)
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
        let skipped = Evidence { check: "revocation", result: CheckResult::Skipped, code, detail };
        if !self.evidence.contains(&skipped) {
            self.evidence.push(skipped);
        }
        Ok(())
    }

    fn refuse_unavailable(&mut self, source: &'static str) -> Reason {
        let reason = Reason::RevocationUnavailable;
        self.evidence.push(evidence("revocation", Some(reason), Some(source.to_owned())));
        reason
    }
}

/// What is wrong with a token that the request's own came from is wrong with the delegation.
fn of_place(place: usize, reason: Reason) -> Reason {
    if place == OWN { reason } else { Reason::DelegationParentInvalid }
}

impl Open {
    pub(super) fn ask(&mut self, source: &'static str, inquiry: Inquiry) {
        self.source = source;
        self.fetch.push(inquiry);
    }

    pub(super) fn wait(&mut self, source: &'static str) {
        (self.wait, self.source) = (true, source);
    }

    fn is_empty(&self) -> bool {
        self.fetch.is_empty() && !self.wait
    }

    /// What the host does next.
    fn step(self) -> Step {
        if self.fetch.is_empty() { Step::Wait } else { Step::Fetch(self.fetch) }
    }
}
