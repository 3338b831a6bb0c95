//! Trying a policy out: what a gate would permit, were it proven what somebody wrote down ([`rehearse`]).
//!
//! The route is found and its scopes and policy are judged by the functions that the engine asks. Nothing is verified,
//! recorded or limited, and what lies between proof and policy is not asked: who may delegate to whom, how long ago a
//! person logged in, what an MCP message says. So a [`Rehearsal`] is no decision.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Considered, Content, Facts, Route, Verdict, evaluate, explain, scope};
use crate::config::Gate;
use crate::decision::{self, Agent, Method, Outcome};
use crate::encoding::json::Object;
use crate::jose::jwt::{Claims, JwtError};
use crate::reason::Reason;
use crate::request::RequestView;
use crate::time::UnixSeconds;

/// A request, and what is to be taken for proven.
#[derive(Clone, Debug)]
pub struct Supposed<'a> {
    /// The request, with what its host would know of the client.
    pub request: &'a RequestView,
    /// Its body.
    pub content: Option<&'a [u8]>,
    /// The claims of its token.
    pub claims: Option<&'a Object<'a>>,
    /// The agent. Without it the client or subject of the token is one, as in the gate.
    pub agent: Option<Agent>,
    /// The time.
    pub now: UnixSeconds,
}

/// What would be permitted.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The route that matched, as it was written.
    pub route: Option<String>,
    /// Why the request would be refused.
    pub refusal: Option<Reason>,
    /// What was found about each demand.
    pub verdict: Verdict,
    /// Each rule, also those after the one that decides.
    pub rules: Vec<Considered>,
}

impl Rehearsal {
    /// What would happen to the request, where its route does not only watch.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.refusal.map_or(Outcome::Allow, decision::outcome)
    }

    /// The code of the refusal, or `ok`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        decision::code(self.refusal)
    }

    fn refused(route: Option<&Route>, refusal: Reason) -> Self {
        let route = route.map(|route| route.pattern.as_str().to_owned());
        Self { route, refusal: Some(refusal), verdict: Verdict::default(), rules: Vec::new() }
    }
}

/// Says what a gate would permit. An error where the claims are none of a token, whoever signed it.
pub fn rehearse(gate: &Gate, supposed: &Supposed<'_>) -> Result<Rehearsal, JwtError> {
    let request = supposed.request;
    let claims = supposed.claims.map(|claims| suppose(gate, claims)).transpose()?;
    let Some(public) = gate.public_origin(request.target()) else {
        return Ok(Rehearsal::refused(None, Reason::RequestAuthorityUnknown));
    };
    let (route, path) = match gate.route_of(request.method(), request.target()) {
        Ok((index, path)) => (gate.routes().get(index), path),
        Err(reason) => return Ok(Rehearsal::refused(None, reason)),
    };
    let Some(route) = route else { return Ok(Rehearsal::refused(None, Reason::PolicyNoRoute)) };
    if route.token && claims.is_none() {
        return Ok(Rehearsal::refused(Some(route), Reason::TokenMissing));
    }
    let agent = supposed.agent.clone().or_else(|| claims.as_ref().and_then(client));
    let signs = |agent: &Agent| matches!(agent.method, Method::Signature(_));
    if route.signature && !agent.as_ref().is_some_and(signs) {
        return Ok(Rehearsal::refused(Some(route), Reason::SignatureMissing));
    }
    let facts = Facts {
        request,
        path: &path,
        location: &format!("{}{}", public.url(), path.as_str()),
        content: supposed.content.map_or(Content::None, Content::Read),
        claims: claims.as_ref(),
        agent: agent.as_ref(),
        grammar: gate.scope_grammar(),
        details_types: gate.details_types(),
        now: supposed.now,
    };
    Ok(judge(route, &facts))
}

fn judge(route: &Route, facts: &Facts<'_>) -> Rehearsal {
    let mut verdict = scope(route, facts);
    let mut rules = Vec::new();
    if verdict.refusal().is_none() {
        verdict.findings.extend(evaluate(route, facts).findings);
        rules = explain(route, facts);
    }
    let route = Some(route.pattern.as_str().to_owned());
    Rehearsal { route, refusal: verdict.refusal(), verdict, rules }
}

/// The claims as the gate would read them, where their issuer writes what.
fn suppose(gate: &Gate, claims: &Object<'_>) -> Result<Claims, JwtError> {
    let claims = Claims::parse(claims)?;
    match gate.issuers().iter().find(|issuer| issuer.name() == claims.iss) {
        Some(issuer) => claims.named(&issuer.claims),
        None => Err(JwtError::Issuer),
    }
}

/// The agent that a bearer token stands for.
fn client(claims: &Claims) -> Option<Agent> {
    let id = claims.client_id.clone().or_else(|| claims.sub.clone())?;
    Some(Agent { id, method: Method::Token, key: None, operator: None, purpose: None })
}
