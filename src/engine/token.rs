//! The access token of a request: recognised among those verified before, or taken through its issuer's keys.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::needs::{Found, KnownKey, Needs};
use super::present::PresentedToken;
use super::verify::{Context, TokenState, UnknownToken, Verification};
use crate::config::Issuer;
use crate::crypto::{SignatureCheck, Verdict, sha256};
use crate::jose::jwt::{DecodedToken, VerifiedToken};
use crate::jose::key_set::Wanted;
use crate::memory::Memory;
use crate::reason::Reason;

impl Verification {
    /// Finds a token among those verified before, or reads it.
    pub(super) fn recognise_token(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
    ) -> Result<(), Reason> {
        let Some(token) = &self.token else { return Ok(()) };
        self.token_state = match memory.verified_token(sha256(token.text.as_bytes())) {
            Some(known) => TokenState::Known(known),
            None => unknown_token(context, token)?,
        };
        Ok(())
    }

    pub(super) fn find_token_keys(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        needs: &mut Needs,
    ) -> Result<(), Reason> {
        let Some(token) = &self.token else { return Ok(()) };
        if let Some(known) = self.token_state.find_keys(context, memory, needs, token)? {
            self.verified_token = Some(known);
            self.token_state = TokenState::Settled;
        }
        Ok(())
    }

    pub(super) fn believe_token(
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
            memory.remember_token(sha256(token.text.as_bytes()), &verified, index, key_set_version);
        }
        self.verified_token = Some(verified);
        Ok(())
    }
}

impl TokenState {
    /// Looks the keys of its issuer up. Gives the token where it was verified before, with keys that are still its
    /// issuer's.
    pub(super) fn find_keys(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        needs: &mut Needs,
        token: &PresentedToken,
    ) -> Result<Option<Arc<VerifiedToken>>, Reason> {
        if let Self::Known(known) = self {
            let issuer = issuer(context, known.issuer)?;
            let Some(source) = needs.issuer_keys(context, memory, issuer)? else { return Ok(None) };
            match needs.look_up(memory, source, None, context.now) {
                Found::Keys { version, .. } if version == known.key_set_version => {
                    if let Err(error) = known.token.recheck(&issuer.rules, context.now.seconds()) {
                        memory.forget_token(sha256(token.text.as_bytes()));
                        return Err(error.into());
                    }
                    return Ok(Some(Arc::clone(&known.token)));
                }
                // The issuer's keys have changed since: the token must be signed by one that is still there.
                Found::Keys { .. } => *self = unknown_token(context, token)?,
                Found::NotYet => return Ok(None),
                Found::Refusal(reason) => return Err(reason),
            }
        }
        if let Self::Unknown(unknown) = self
            && unknown.keys.is_empty()
        {
            let issuer = issuer(context, unknown.issuer)?;
            let Some(source) = needs.issuer_keys(context, memory, issuer)? else { return Ok(None) };
            let wanted = Wanted { kid: unknown.decoded.jws().kid(), algorithm: Some(unknown.algorithm) };
            match needs.look_up(memory, source, Some(wanted), context.now) {
                Found::Keys { keys, version } => {
                    unknown.keys = keys.into_iter().map(KnownKey::into_key).collect();
                    unknown.key_set_version = version;
                }
                Found::NotYet => {}
                Found::Refusal(reason) => return Err(reason),
            }
        }
        Ok(None)
    }
}

pub(super) fn issuer<'a>(context: &Context<'a>, index: usize) -> Result<&'a Issuer, Reason> {
    context.gate.issuers().get(index).ok_or(Reason::TokenIssuerUnknown)
}

/// Reads a token and finds its issuer.
pub(super) fn unknown_token(context: &Context<'_>, token: &PresentedToken) -> Result<TokenState, Reason> {
    if let Some(issuer) = context.gate.issuer_of_opaque(&token.text) {
        return Ok(TokenState::Opaque { issuer });
    }
    let decoded = DecodedToken::decode(&token.text)?;
    let by_name = |issuer: &Issuer| issuer.name() == decoded.unverified_issuer();
    let index = context.gate.issuers().iter().position(by_name).ok_or(Reason::TokenIssuerUnknown)?;
    let issuer = issuer(context, index)?;
    let decoded = decoded.named(&issuer.claims)?;
    let algorithm = decoded.precheck(&issuer.rules, context.now.seconds())?;
    let unknown = UnknownToken { decoded, issuer: index, algorithm, keys: Vec::new(), key_set_version: 0 };
    Ok(TokenState::Unknown(Box::new(unknown)))
}
