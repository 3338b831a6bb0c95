//! Holding a token together with the key that its sender proved to have (RFC 7800, RFC 9449).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::time::Duration;

use super::evidence;
use super::present::AuthScheme;
use super::verify::{Context, SingleUse, Verification};
use crate::crypto::constant_time_eq;
use crate::decision::{Agent, Method};
use crate::dpop::{Proof, ProofRules};
use crate::jose::jwt::Claims;
use crate::reason::Reason;
use crate::state::replay::ReplayKey;

impl Verification {
    /// Compares what the proof claims with the request, before anything is paid for its signature.
    pub(super) fn compare_proof(&self, context: &Context<'_>) -> Result<(), Reason> {
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

    /// Holds token and proof together, and says who the agent is where no signature did.
    pub(super) fn identify(&mut self, context: &Context<'_>) -> Result<(), Reason> {
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
            self.verified.agent = Some(Agent { id, method, key: jkt, operator: None, purpose: None });
        }
        self.verified.token = Some(Arc::clone(&verified));
        Ok(())
    }
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
