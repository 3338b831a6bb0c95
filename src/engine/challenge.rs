//! What a refused client is told: how to prove itself, what it lacks, when to come back.
//!
//! `WWW-Authenticate` for the Bearer (RFC 6750 §3) and DPoP (RFC 9449 §7.1) schemes, with every scope of the
//! route and the resource metadata (RFC 9728 §5.1); `Accept-Signature` (RFC 9421 §5.1) for signatures.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::present::AuthScheme;
use crate::config::Gate;
use crate::policy::Route;
use crate::reason::{Blame, Reason};
use crate::signature::profiles::{Carrier, Rules};
use crate::signature::{AcceptSignature, Component, MAX_SIGNATURES, Param, Requested, RequestedParams};

/// Where the resource metadata is, below a public origin (RFC 9728 §3.1).
pub const RESOURCE_METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The fields of a refusal that ask the client for proof. Empty where no proof would help.
pub(super) fn challenges(
    gate: &Gate,
    route: Option<&Route>,
    public_url: &str,
    presented: Option<AuthScheme>,
    reason: Reason,
) -> Vec<(&'static str, String)> {
    let Some(route) = route else { return Vec::new() };
    let asks = reason.blame() == Blame::Unproven || reason == Reason::PolicyScopeMissing;
    let mut fields = Vec::new();
    if asks && route.token {
        let error = bearer_error(reason);
        let at_fault = if route.dpop { AuthScheme::Dpop } else { presented.unwrap_or(AuthScheme::Bearer) };
        let about = |scheme| error.filter(|_| scheme == at_fault);
        let algorithms = gate.dpop.algorithms.iter().map(|a| a.jose()).collect::<Vec<_>>().join(" ");
        if !route.dpop {
            fields.push((
                "WWW-Authenticate",
                challenge("Bearer", about(AuthScheme::Bearer), route, public_url, None),
            ));
        }
        let dpop = challenge("DPoP", about(AuthScheme::Dpop), route, public_url, Some(&algorithms));
        fields.push(("WWW-Authenticate", dpop));
    }
    if asks && route.signature && is_of_signature(reason) {
        fields.extend(accept_signature(gate, route).map(|value| ("Accept-Signature", value)));
        // RFC 9110 §15.5.2 demands a challenge with every 401, and none is registered for RFC 9421.
        if !route.token && reason.status() == 401 {
            fields.push(("WWW-Authenticate", format!("Signature realm=\"{public_url}\"{}", tags(gate))));
        }
    }
    // Likewise for a certificate, for which there is no scheme either: a handshake is asked for by the handshake.
    if asks && route.mtls && fields.is_empty() && reason.status() == 401 {
        fields.push(("WWW-Authenticate", format!("ClientCertificate realm=\"{public_url}\"")));
    }
    fields
}

/// The tags that the gate takes, as a parameter of a challenge. They are tokens or the operator's own words; what no
/// quoted string can hold is left out.
fn tags(gate: &Gate) -> String {
    let rules = gate.signatures.iter().flat_map(|signatures| &signatures.rules);
    let plain = |tag: &&str| tag.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\');
    let mut tags: Vec<&str> = rules.flat_map(|rules| &rules.tags).map(String::as_str).filter(plain).collect();
    tags.dedup();
    if tags.is_empty() { String::new() } else { format!(", tag=\"{}\"", tags.join(" ")) }
}

fn is_of_signature(reason: Reason) -> bool {
    ["signature.", "agent."].iter().any(|layer| reason.code().starts_with(layer))
}

/// The error code of a challenge; none where the request came without a token (RFC 6750 §3.1).
fn bearer_error(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::TokenMissing => None,
        Reason::PolicyScopeMissing => Some("insufficient_scope"),
        Reason::DpopNonceMissing | Reason::DpopNonceInvalid => Some("use_dpop_nonce"),
        _ if reason.code().starts_with("dpop.") => Some("invalid_dpop_proof"),
        // RFC 8705 §3 has it so also for the certificate.
        _ if ["token.", "mtls."].iter().any(|layer| reason.code().starts_with(layer)) => {
            Some("invalid_token")
        }
        _ => None,
    }
}

fn challenge(
    scheme: &str,
    error: Option<&str>,
    route: &Route,
    public_url: &str,
    algorithms: Option<&str>,
) -> String {
    let mut parameters: Vec<String> = Vec::new();
    if let Some(error) = error {
        parameters.push(format!("error=\"{error}\""));
    }
    if !route.scope.is_empty() {
        parameters.push(format!("scope=\"{}\"", route.scope.join(" ")));
    }
    if let Some(algorithms) = algorithms {
        parameters.push(format!("algs=\"{algorithms}\""));
    }
    parameters.push(format!("resource_metadata=\"{public_url}{RESOURCE_METADATA_PATH}\""));
    format!("{scheme} {}", parameters.join(", "))
}

/// A member for each tag of each profile that a client can be asked for in a structured field.
fn accept_signature(gate: &Gate, route: &Route) -> Option<String> {
    let mut requests: Vec<AcceptSignature> = Vec::new();
    for rules in &gate.signatures.as_ref()?.rules {
        let profile = rules.profile();
        // What is written in another way than RFC 9421's cannot be asked for in it.
        if profile.carrier != Carrier::MessageSignature || profile.present.is_some() {
            continue;
        }
        let tags = rules.tags.iter().map(|tag| Some(tag.as_str()));
        for tag in tags.chain(rules.tags.is_empty().then_some(None)) {
            let label = format!("sig{}", requests.len() + 1);
            let components = components(rules, route, &label);
            requests.extend(AcceptSignature::new(&label, components, requested(rules, tag)).ok());
        }
    }
    AcceptSignature::write_all(requests.get(..MAX_SIGNATURES).unwrap_or(&requests)).ok()
}

/// Of each group that the profile demands the first, then what the route demands beside.
fn components(rules: &Rules, route: &Route, label: &str) -> Vec<Component> {
    let demanded = rules.components.iter().filter_map(|group| group.first());
    let member = rules.profile().member_field.map(|field| format!("\"{field}\";key=\"{label}\""));
    let member = member.and_then(|identifier| Component::parse(&identifier).ok());
    let mut components: Vec<Component> = Vec::new();
    for component in demanded.cloned().chain(member).chain(route.components.iter().cloned()) {
        if !components.iter().any(|other| other.is_same_as(&component)) {
            components.push(component);
        }
    }
    components
}

fn requested(rules: &Rules, tag: Option<&str>) -> RequestedParams {
    let demands = |param| rules.parameters.contains(&param);
    let any = |param| demands(param).then_some(Requested::Any);
    let alg = match rules.algorithms.as_slice() {
        [only] => Some(Requested::Value(only.http_signatures().to_owned())),
        _ => any(Param::Alg),
    };
    RequestedParams {
        created: true,
        expires: demands(Param::Expires),
        keyid: Some(Requested::Any),
        alg,
        nonce: any(Param::Nonce),
        tag: tag.map(|tag| Requested::Value(tag.to_owned())),
    }
}
