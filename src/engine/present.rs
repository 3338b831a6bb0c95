//! What a request presents, parsed and not believed: [`Presented`].

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::Gate;
use crate::dpop::Proof;
use crate::jose::jws::MAX_JWS_BYTES;
use crate::policy::Route;
use crate::reason::Reason;
use crate::request::RequestView;
use crate::signature::profiles::web_bot_auth::{self, AgentClaim};
use crate::signature::{self, PresentedSignature, SignatureError};
use crate::time::UnixSeconds;

/// The scheme of an `Authorization` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthScheme {
    Bearer,
    Dpop,
}

/// A signature and whom it claims to be from.
#[derive(Clone, Debug)]
pub(super) struct PresentedAgent {
    pub(super) claim: AgentClaim,
    pub(super) signature: PresentedSignature,
}

/// An access token, as text.
#[derive(Clone, Debug)]
pub(super) struct PresentedToken {
    pub(super) scheme: AuthScheme,
    pub(super) text: String,
}

/// What a request presents. Every part is a claim.
#[derive(Clone, Debug, Default)]
pub(super) struct Presented {
    pub(super) agent: Option<PresentedAgent>,
    pub(super) token: Option<PresentedToken>,
    pub(super) proof: Option<Proof>,
}

/// Parses what the gate and the route can use.
pub(super) fn present(
    gate: &Gate,
    route: &Route,
    view: &RequestView,
    now: UnixSeconds,
) -> Result<Presented, Reason> {
    let token = if gate.issuers().is_empty() { None } else { token(view, route.token)? };
    let proof = match &token {
        Some(token) => proof(gate, view, token)?,
        None => None,
    };
    Ok(Presented { agent: agent(gate, route, view, now)?, token, proof })
}

/// The first signature that an enabled profile can be about. Where none satisfies the profile, the reason is
/// that of the first that has its tag.
fn agent(
    gate: &Gate,
    route: &Route,
    view: &RequestView,
    now: UnixSeconds,
) -> Result<Option<PresentedAgent>, Reason> {
    let Some(rules) = gate.signatures.as_ref() else { return Ok(None) };
    let presented = match signature::present(view.fields()) {
        Err(SignatureError::Missing) => Vec::new(),
        presented => presented?,
    };
    let rules = web_bot_auth::Rules {
        clock_skew: gate.clock_skew,
        max_window: rules.max_window,
        require_nonce: rules.require_nonce,
        allow_loopback_http: gate.allow_loopback,
    };
    let mut refusal = None;
    for signature in web_bot_auth::select(&presented) {
        let claim = web_bot_auth::claim(signature, view, now, &rules).map_err(Reason::from);
        match claim.and_then(|claim| covers(route, view, signature).map(|()| claim)) {
            Ok(claim) => return Ok(Some(PresentedAgent { claim, signature: signature.clone() })),
            Err(reason) => refusal = refusal.or(Some(reason)),
        }
    }
    match refusal {
        Some(reason) => Err(reason),
        None if route.signature => Err(Reason::SignatureMissing),
        None => Ok(None),
    }
}

/// Whether a signature covers what the route demands. Content that is not there need not be covered.
fn covers(route: &Route, view: &RequestView, signature: &PresentedSignature) -> Result<(), Reason> {
    let covered = |wanted: &signature::Component| {
        let absent = wanted.is_field(signature::digest::CONTENT_DIGEST) && !view.has_body();
        absent || signature.components().iter().any(|c| c.identifier() == wanted.identifier())
    };
    if route.components.iter().all(covered) { Ok(()) } else { Err(Reason::SignatureComponentNotCovered) }
}

fn token(view: &RequestView, required: bool) -> Result<Option<PresentedToken>, Reason> {
    let absent = if required { Err(Reason::TokenMissing) } else { Ok(None) };
    let mut lines = view.fields().lines("authorization");
    let Some(line) = lines.next() else { return absent };
    if lines.next().is_some() {
        return Err(Reason::TokenRepeated);
    }
    let Some((scheme, text)) = credentials(line) else { return absent };
    // Hosts that join lines leave a comma, which no token has.
    if text.contains(',') {
        return Err(Reason::TokenRepeated);
    }
    if text.is_empty() || !text.bytes().all(is_token68_byte) {
        return Err(Reason::TokenSyntax);
    }
    if text.len() > MAX_JWS_BYTES {
        return Err(Reason::TokenTooLarge);
    }
    Ok(Some(PresentedToken { scheme, text: String::from(text) }))
}

/// The scheme of the request's token, if it has one that this gate knows.
pub(super) fn scheme(view: &RequestView) -> Option<AuthScheme> {
    view.fields().lines("authorization").find_map(credentials).map(|(scheme, _)| scheme)
}

/// Scheme (RFC 9110 §11.1: case-insensitive) and token; `None` where the scheme is not one for tokens.
fn credentials(line: &str) -> Option<(AuthScheme, &str)> {
    let (scheme, text) = line.split_once(' ').unwrap_or((line, ""));
    let schemes = [("bearer", AuthScheme::Bearer), ("dpop", AuthScheme::Dpop)];
    let (_, scheme) = schemes.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name))?;
    Some((scheme, text.trim_start_matches(' ')))
}

/// RFC 9110 §11.2; a comma would mean that two fields were joined.
fn is_token68_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// The proof that goes with a token. A proof is only read where a token came under its scheme.
fn proof(gate: &Gate, view: &RequestView, token: &PresentedToken) -> Result<Option<Proof>, Reason> {
    if token.scheme != AuthScheme::Dpop {
        return Ok(None);
    }
    let mut lines = view.fields().lines("dpop");
    let Some(line) = lines.next() else { return Err(Reason::DpopMissing) };
    // Hosts that join lines leave a comma, which no compact JWS has.
    if lines.next().is_some() || line.contains(',') {
        return Err(Reason::DpopRepeated);
    }
    Ok(Some(Proof::parse(line, &gate.dpop.algorithms)?))
}
