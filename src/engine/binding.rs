//! Holding a token together with the key or the certificate that its sender proved to have (RFC 7800, RFC 9449,
//! RFC 8705), and saying who the agent is where no signature did.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::time::Duration;

use super::evidence;
use super::present::AuthScheme;
use super::verify::{Context, SingleUse, Verification};
use crate::config::{Gate, VerifiedConfig};
use crate::crypto::constant_time_eq;
use crate::decision::{Agent, Method};
use crate::dpop::{Proof, ProofRules};
use crate::jose::jwt::Claims;
use crate::mtls::Presented;
use crate::policy::Route;
use crate::reason::Reason;
use crate::request::RequestView;
use crate::state::replay::ReplayKey;
use crate::state::subject::SubjectName;

/// What evidence says of a certificate whose chain the host verified.
const VERIFIED: &str = "verified";

/// What a token is bound to, and its sender proved to have.
#[derive(Default)]
struct Bound {
    /// The thumbprint of a key (`cnf.jkt`).
    jkt: Option<String>,
    /// The thumbprint of a certificate (`cnf.x5t#S256`).
    x5t_s256: Option<String>,
    /// Who answers for the certificate, if there had to be one.
    certificate: Option<&'static str>,
}

/// Whether the connection has a certificate that the route may take, before anything is paid for the request's proofs.
/// One that is not verified needs a token that is bound to it.
pub(super) fn present_certificate(
    gate: &Gate,
    route: &Route,
    view: &RequestView,
    has_token: bool,
) -> Result<(), Reason> {
    if !route.mtls {
        return Ok(());
    }
    let certificate = Presented::of(view.client())?;
    let may_be_bound = gate.mtls == VerifiedConfig::Bound && has_token;
    if may_be_bound { Ok(()) } else { certificate.verified().map(|_| ()) }
}

impl Verification {
    /// Compares what the proof claims with the request, before anything is paid for its signature.
    pub(super) fn compare_proof(&self, context: &Context<'_>) -> Result<(), Reason> {
        let (Some(proof), Some(token)) = (&self.proof, &self.token) else { return Ok(()) };
        let max_age = context.gate.dpop.max_age;
        let now = context.now.seconds();
        // Made with a nonce, a proof cannot be older than the nonce, whatever the client's clock says.
        let nonce_age = self.nonce.map(|nonce| now.since(nonce.start()));
        let rules = ProofRules {
            method: context.view.method(),
            target: context.target,
            token: &token.text,
            max_age: nonce_age.map_or(max_age, |age| age.max(max_age)),
            clock_skew: context.gate.clock_skew,
        };
        Ok(proof.validate(&rules, now)?)
    }

    /// Holds token and proofs together, and says who the agent is where no signature did.
    pub(super) fn identify(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        if context.route.signature && !self.verified.is_signed() {
            return Err(Reason::SignatureMissing);
        }
        let Some(verified) = self.verified_token.take() else {
            return if context.route.token {
                Err(Reason::TokenMissing)
            } else {
                self.identify_by_certificate(context)
            };
        };
        let Some(token) = &self.token else { return Err(Reason::TokenMissing) };
        let claims = verified.claims();
        let bound = bound(claims, token.scheme, self.proof.as_ref(), context)?;
        self.evidence.push(evidence("token", None, None));
        if bound.jkt.is_none() && context.route.dpop {
            return Err(Reason::DpopMissing);
        }
        self.verified.deadlines.push((claims.exp.plus(context.gate.clock_skew), Reason::TokenExpired));
        if let Some(jkt) = &bound.jkt {
            self.hold_proof(context, jkt);
        }
        if let Some(answers_for) = bound.certificate {
            self.evidence.push(evidence("mtls", None, Some(answers_for.to_owned())));
            self.verified.certificate = Some(Presented::of(context.view.client())?.x5t_s256());
        }
        let id =
            claims.client_id.clone().or_else(|| claims.sub.clone()).unwrap_or_else(|| claims.iss.clone());
        let (method, key) = match bound {
            Bound { jkt: Some(jkt), .. } => (Method::Dpop, Some(jkt)),
            Bound { x5t_s256: Some(x5t_s256), .. } => (Method::Mtls, Some(x5t_s256)),
            _ => (Method::Token, None),
        };
        let kind = if claims.client_id.is_some() { "client" } else { "subject" };
        let subject = format!("{} {kind} {id}", claims.iss);
        let client = Agent { id, method, key, operator: None, purpose: None };
        self.verified.take_client(!context.route.signature, subject, client);
        self.verified.token = Some(Arc::clone(&verified));
        Ok(())
    }

    /// Takes a proof that holds, by the key of that thumbprint: until when it is good, and that it is good once.
    fn hold_proof(&mut self, context: &Context<'_>, jkt: &str) {
        let Some(proof) = &self.proof else { return };
        let mut until = proof.iat().plus(context.gate.dpop.max_age);
        let aged = (until.plus(Duration::from_secs(1)), Reason::DpopExpired);
        match self.nonce {
            Some(nonce) => {
                let refused_from = nonce.refused_from();
                let is_of_bucket = proof.iat() >= nonce.start();
                until = if is_of_bucket { refused_from } else { until.min(refused_from) };
                self.verified.deadlines.push((refused_from, Reason::DpopNonceInvalid));
                self.verified.deadlines.extend((!is_of_bucket).then_some(aged));
            }
            None => self.verified.deadlines.push(aged),
        }
        let htu = context.target.to_string();
        let htu = crate::dpop::normalise_htu(&htu).unwrap_or(htu);
        let of = SubjectName::key(jkt);
        self.verified.proven_by = Some(of);
        self.verified.single_use.push(SingleUse {
            of,
            key: ReplayKey::new(&["dpop", jkt, proof.jti(), context.view.method(), &htu]),
            until,
            refusal: Reason::DpopProofReplayed,
            expired: Reason::DpopExpired,
        });
        self.evidence.push(evidence("dpop", None, None));
    }

    /// A request without a token: where the route demands a certificate, that says who the agent is, if no signature
    /// did.
    fn identify_by_certificate(&mut self, context: &Context<'_>) -> Result<(), Reason> {
        if !context.route.mtls {
            return Ok(());
        }
        let key = Presented::of(context.view.client())?.verified()?.x5t_s256();
        self.evidence.push(evidence("mtls", None, Some(VERIFIED.to_owned())));
        self.verified.certificate = Some(key.clone());
        // One space: subjects by token have two or more.
        let (subject, id) = (format!("certificate {key}"), format!("certificate:{key}"));
        let client = Agent { id, method: Method::Mtls, key: Some(key), operator: None, purpose: None };
        self.verified.take_client(!context.route.signature, subject, client);
        Ok(())
    }
}

/// What a token is bound to, all of which was proven. No scheme may carry another's tokens: that would be a downgrade
/// (RFC 9449 §7.2). One that is bound to a certificate alone is a Bearer token by its scheme (RFC 8705 §3).
fn bound(
    claims: &Claims,
    scheme: AuthScheme,
    proof: Option<&Proof>,
    context: &Context<'_>,
) -> Result<Bound, Reason> {
    let mut bound = match &claims.confirmation {
        None if scheme == AuthScheme::Dpop => return Err(Reason::TokenNotBound),
        None => Bound::default(),
        Some(cnf) if !cnf.others.is_empty() || (cnf.jkt.is_none() && cnf.x5t_s256.is_none()) => {
            return Err(Reason::TokenBindingUnsupported);
        }
        Some(cnf) => {
            match (scheme, &cnf.jkt) {
                (AuthScheme::Bearer, Some(_)) => return Err(Reason::TokenBoundUsedAsBearer),
                (AuthScheme::Dpop, None) => return Err(Reason::TokenNotBound),
                (AuthScheme::Bearer, None) => {}
                (AuthScheme::Dpop, Some(jkt)) => {
                    let proof = proof.ok_or(Reason::DpopMissing)?;
                    if !constant_time_eq(jkt.as_bytes(), proof.jkt().as_bytes()) {
                        return Err(Reason::DpopKeyMismatch);
                    }
                }
            }
            Bound { jkt: cnf.jkt.clone(), x5t_s256: cnf.x5t_s256.clone(), certificate: None }
        }
    };
    bound.certificate = hold_certificate(&bound, context)?;
    Ok(bound)
}

/// Compares the connection's certificate with what the token is bound to, and with what the route demands.
fn hold_certificate(bound: &Bound, context: &Context<'_>) -> Result<Option<&'static str>, Reason> {
    if bound.x5t_s256.is_none() && !context.route.mtls {
        return Ok(None);
    }
    let certificate = Presented::of(context.view.client())?;
    let is_required = bound.x5t_s256.is_none() || context.gate.mtls == VerifiedConfig::Required;
    let certificate = if is_required { certificate.verified()? } else { certificate };
    match &bound.x5t_s256 {
        Some(x5t_s256) if certificate.is_bound_by(x5t_s256) => {
            Ok(Some(if certificate.is_verified() { VERIFIED } else { "bound" }))
        }
        Some(_) => Err(Reason::MtlsCertificateMismatch),
        // Whoever has a certificate could send a token that is not bound, and that he found.
        None if bound.jkt.is_none() => Err(Reason::TokenNotBound),
        None => Ok(Some(VERIFIED)),
    }
}
