//! The tokens that a request's token came from, where the request has them: in the field that the configuration names, or
//! in the token's own chain. They are verified as any token of a configured issuer is, and only once the token itself has
//! verified, so that nobody makes the gate verify many for a forged one.
//!
//! They prove nothing but what the token may permit at most. So their own binding (`cnf`) is not proven again: whoever
//! sends one gains nothing by it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::needs::Needs;
use super::present::{AuthScheme, PresentedToken, is_token68_byte};
use super::token::{issuer, unknown_token};
use super::verify::{Context, TokenState, Verification};
use crate::crypto::{SignatureCheck, Verdict, sha256};
use crate::delegation::ChainEntry;
use crate::jose::jws::MAX_JWS_BYTES;
use crate::jose::jwt::VerifiedToken;
use crate::memory::Memory;
use crate::reason::Reason;

/// Where a request has a token that its own came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the field that the configuration names.
    Field,
    /// At this place of the token's chain.
    Chain(usize),
}

/// A token that the request's own came from, verified.
#[derive(Clone, Debug)]
pub(super) struct Ancestor {
    pub(super) place: Place,
    pub(super) token: Arc<VerifiedToken>,
    /// As it was sent, for its issuer to be asked about it.
    pub(super) text: String,
}

/// Those of a request, once its token has verified.
#[derive(Debug, Default)]
pub(super) struct Ancestors {
    begun: bool,
    open: Vec<OpenAncestor>,
}

/// One on its way there.
#[derive(Debug)]
struct OpenAncestor {
    place: Place,
    token: PresentedToken,
    state: TokenState,
}

impl Verification {
    /// Takes up the tokens that the verified one came from, once. Says whether any of them is still to be verified.
    pub(super) fn has_ancestors_to_verify(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
    ) -> Result<bool, Reason> {
        if let Some(token) = self.verified_token.as_ref().filter(|_| !self.ancestors.begun) {
            self.ancestors.begun = true;
            for (place, text) in presented(context, token)? {
                // The scheme is what a request says of its own token; here it is not looked at.
                let token = PresentedToken { scheme: AuthScheme::Bearer, text };
                let state = match memory.verified_token(sha256(token.text.as_bytes())) {
                    Some(known) => TokenState::Known(known),
                    None => unknown_token(context, &token).map_err(invalid)?,
                };
                // What is proven offline must be signed.
                if matches!(state, TokenState::Opaque { .. }) {
                    return Err(Reason::DelegationParentInvalid);
                }
                self.ancestors.open.push(OpenAncestor { place, token, state });
            }
        }
        Ok(self.ancestors.open.iter().any(OpenAncestor::is_open))
    }

    pub(super) fn find_ancestors_keys(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        needs: &mut Needs,
    ) -> Result<(), Reason> {
        for index in 0..self.ancestors.open.len() {
            let Some(ancestor) = self.ancestors.open.get_mut(index) else { break };
            let known = ancestor.state.find_keys(context, memory, needs, &ancestor.token);
            if let Some(token) = known.map_err(invalid)? {
                self.prove_ancestor(context, index, token);
            }
        }
        Ok(())
    }

    /// The signatures to verify, each with the place of its token among those that are open.
    pub(super) fn ancestors_checks(
        &self,
        context: &Context<'_>,
    ) -> Result<Vec<(usize, SignatureCheck)>, Reason> {
        let mut checks = Vec::new();
        for (index, ancestor) in self.ancestors.open.iter().enumerate() {
            let TokenState::Unknown(unknown) = &ancestor.state else { continue };
            let rules = &issuer(context, unknown.issuer)?.rules;
            let before = checks.len();
            let of_key = |key| unknown.decoded.check(key, rules).ok().map(|check| (index, check));
            checks.extend(unknown.keys.iter().filter_map(of_key));
            if checks.len() == before {
                return Err(Reason::DelegationParentInvalid);
            }
        }
        Ok(checks)
    }

    /// Whether the one at this place was proven already, by another key than the one at hand.
    pub(super) fn ancestor_holds(&self, index: usize) -> bool {
        self.ancestors.open.get(index).is_some_and(|ancestor| !ancestor.is_open())
    }

    pub(super) fn believe_ancestor(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        index: usize,
        check: &SignatureCheck,
    ) -> Result<(), Reason> {
        let Some(ancestor) = self.ancestors.open.get_mut(index) else { return Ok(()) };
        let TokenState::Unknown(unknown) = core::mem::replace(&mut ancestor.state, TokenState::Settled)
        else {
            return Ok(());
        };
        let (issued_by, key_set_version) = (unknown.issuer, unknown.key_set_version);
        let rules = &issuer(context, issued_by)?.rules;
        let verified = unknown.decoded.verified(check, Verdict::Valid, rules, context.now.seconds());
        let token = Arc::new(verified.map_err(|_| Reason::DelegationParentInvalid)?);
        memory.remember_token(sha256(ancestor.token.text.as_bytes()), &token, issued_by, key_set_version);
        self.prove_ancestor(context, index, token);
        Ok(())
    }

    fn prove_ancestor(&mut self, context: &Context<'_>, index: usize, token: Arc<VerifiedToken>) {
        let Some(ancestor) = self.ancestors.open.get_mut(index) else { return };
        ancestor.state = TokenState::Settled;
        let until = token.claims().exp.plus(context.gate.clock_skew);
        self.verified.deadlines.push((until, Reason::DelegationParentInvalid));
        let text = core::mem::take(&mut ancestor.token.text);
        self.verified.ancestors.push(Ancestor { place: ancestor.place, token, text });
    }
}

impl OpenAncestor {
    fn is_open(&self) -> bool {
        !matches!(self.state, TokenState::Settled)
    }
}

/// Every token that the request has beside its own.
fn presented(context: &Context<'_>, token: &VerifiedToken) -> Result<Vec<(Place, String)>, Reason> {
    let rules = &context.gate.delegation;
    let mut found = Vec::new();
    if !rules.reads_lineage() {
        return Ok(found);
    }
    let chain = &token.claims().delegation.chain;
    // Nothing is verified for a chain that is refused for its length.
    if chain.len() > rules.max_depth {
        return Err(Reason::DelegationTooDeep);
    }
    for (index, entry) in chain.iter().enumerate() {
        if let ChainEntry::Token(text) = entry {
            found.push((Place::Chain(index), text.clone()));
        }
    }
    if let Some(field) = &rules.parent_field {
        let mut lines = context.view.fields().lines(field);
        if let Some(line) = lines.next() {
            // A comma, which no token has, is what hosts leave that join lines.
            let is_token =
                !line.is_empty() && line.len() <= MAX_JWS_BYTES && line.bytes().all(is_token68_byte);
            if lines.next().is_some() || !is_token {
                return Err(Reason::DelegationParentInvalid);
            }
            found.push((Place::Field, String::from(line)));
        }
    }
    Ok(found)
}

/// What is wrong with a token that another came from is wrong with the delegation; what cannot be found out now is not.
fn invalid(reason: Reason) -> Reason {
    if reason == Reason::KeysUnavailable { reason } else { Reason::DelegationParentInvalid }
}
