//! What a request presents, parsed and not believed: [`Presented`].

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::config::{Disclosure, Gate, ReplayConfig};
use crate::dpop::Proof;
use crate::jose::jws::MAX_JWS_BYTES;
use crate::policy::Route;
use crate::reason::Reason;
use crate::request::{Fields, RequestView, Target};
use crate::signature::explain::{Explanation, explain};
use crate::signature::profiles::agent_headers::{self, PlainSignature};
use crate::signature::profiles::{Carrier, Claim, Rules};
use crate::signature::{Component, MAX_SIGNATURES, Message, PresentedSignature, SignatureError, digest};
use crate::time::UnixSeconds;

/// The scheme of an `Authorization` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthScheme {
    Bearer,
    Dpop,
}

/// A signature that a profile selects, and whom it claims to be from.
#[derive(Clone, Debug)]
pub(super) struct PresentedAgent {
    /// The place of the profile's rules among the gate's.
    pub(super) rules: usize,
    pub(super) claimed: Claimed,
}

/// How a request carries a signature, and what it claims.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are the large one, and there are a few for a request"
)]
pub(super) enum Claimed {
    Message { claim: Claim, signature: PresentedSignature },
    Plain(PlainSignature),
}

impl Claimed {
    /// The wire form, where the profile has several.
    pub(super) fn form(&self) -> Option<&'static str> {
        match self {
            Self::Message { claim, .. } => claim.form(),
            Self::Plain(_) => None,
        }
    }

    /// Whether it is a message signature that could be one of the plain header scheme.
    pub(super) fn could_be_plain(&self) -> bool {
        matches!(self, Self::Message { signature, .. } if agent_headers::could_be_plain(signature))
    }
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
    /// In the order in which they are tried.
    pub(super) agents: Vec<PresentedAgent>,
    pub(super) token: Option<PresentedToken>,
    pub(super) proof: Option<Proof>,
}

/// A request, as its client sent it, and when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) view: &'a RequestView,
    pub(super) target: &'a Target,
    pub(super) now: UnixSeconds,
}

/// Parses what the gate and the route can use. Where a signature is refused, says why if the gate tells that.
pub(super) fn present(
    gate: &Gate,
    route: &Route,
    request: &Request<'_>,
    explanation: &mut Option<Explanation>,
) -> Result<Presented, Reason> {
    let view = request.view;
    let token = if gate.issuers().is_empty() { None } else { token(view, route.token)? };
    let proof = match &token {
        Some(token) => proof(gate, view, token)?,
        None => None,
    };
    Ok(Presented { agents: agents(gate, route, request, explanation)?, token, proof })
}

/// The signatures that satisfy an enabled profile, as far as can be said without their keys. Where there is none, the
/// reason is that of the first that has a profile's tag.
fn agents(
    gate: &Gate,
    route: &Route,
    request: &Request<'_>,
    explanation: &mut Option<Explanation>,
) -> Result<Vec<PresentedAgent>, Reason> {
    let Request { view, target, now } = *request;
    let Some(signatures) = gate.signatures.as_ref() else { return Ok(Vec::new()) };
    let is_exact = route.signature && route.replay == ReplayConfig::Exact;
    if is_exact && has_several(&signatures.rules, view.fields()) {
        return Err(Reason::SignatureSeveral);
    }
    let mut found = Vec::new();
    let (mut refusal, mut unreadable, mut untagged) = (None, None, false);
    for (index, rules) in signatures.rules.iter().enumerate() {
        if rules.profile().carrier == Carrier::PlainHeaders {
            match plain(route, view, rules, now) {
                Ok(Some(plain)) => {
                    found.push(PresentedAgent { rules: index, claimed: Claimed::Plain(plain) });
                }
                Ok(None) => {}
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
            continue;
        }
        let presented = match rules.present(view.fields()) {
            Ok(presented) => presented,
            Err(SignatureError::Missing) => continue,
            // Another profile may write signatures in another way.
            Err(error) => {
                unreadable = unreadable.or(Some(Reason::from(error)));
                continue;
            }
        };
        untagged |= !presented.is_empty();
        for signature in presented.into_iter().filter(|signature| rules.selects(signature)) {
            let claim = rules.claim(&signature, view.fields(), now).map_err(|error| {
                if gate.disclosure() == Disclosure::Explain && explanation.is_none() {
                    let message = Message::request(view, target);
                    *explanation = Some(explain(rules, &signature, &message, None, error, now));
                }
                Reason::from(error)
            });
            match claim.and_then(|claim| covers(route, view, &signature).map(|()| claim)) {
                Ok(claim) => found
                    .push(PresentedAgent { rules: index, claimed: Claimed::Message { claim, signature } }),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
    }
    if !found.is_empty() {
        // Two profiles may read the same signature.
        found.truncate(MAX_SIGNATURES);
        return Ok(found);
    }
    let untagged = untagged.then_some(Reason::SignatureTagUnknown);
    match refusal.or(unreadable) {
        Some(reason) => Err(reason),
        None if route.signature => Err(untagged.unwrap_or(Reason::SignatureMissing)),
        None => Ok(Vec::new()),
    }
}

/// Whether enabled profiles select more than one of a request's signatures, in whichever way each is written. Only the
/// one that is believed is recorded as used. Whoever takes it away could send the request again with the next, also with
/// one that does not hold yet.
fn has_several(rules: &[Rules], fields: &Fields) -> bool {
    let (plain, of_messages): (Vec<_>, Vec<_>) =
        rules.iter().partition(|rules| rules.profile().carrier == Carrier::PlainHeaders);
    let presented = of_messages.iter().filter_map(|rules| rules.present(fields).ok()).flatten();
    let selected = presented.filter(|signature| of_messages.iter().any(|rules| rules.selects(signature)));
    // Several profiles may read the same signature.
    let labels: BTreeSet<String> = selected.map(|signature| signature.label().to_owned()).collect();
    labels.len() + plain.iter().filter(|rules| agent_headers::is_passed_over(fields, rules)).count() > 1
}

/// A signature of the plain header scheme, which covers the content and nothing else that a route could demand.
fn plain(
    route: &Route,
    view: &RequestView,
    rules: &Rules,
    now: UnixSeconds,
) -> Result<Option<PlainSignature>, Reason> {
    let Some(plain) = agent_headers::present(view.fields(), rules, now)? else { return Ok(None) };
    let covers = |wanted: &Component| wanted.is_field(digest::CONTENT_DIGEST);
    if route.components.iter().all(covers) {
        Ok(Some(plain))
    } else {
        Err(Reason::SignatureComponentNotCovered)
    }
}

/// Whether a signature covers what the route demands. Content that is not there need not be covered.
fn covers(route: &Route, view: &RequestView, signature: &PresentedSignature) -> Result<(), Reason> {
    let covered = |wanted: &Component| {
        let absent = wanted.is_field(digest::CONTENT_DIGEST) && !view.has_body();
        absent || signature.components().iter().any(|c| c.is_same_as(wanted))
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
pub(super) fn is_token68_byte(byte: u8) -> bool {
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
