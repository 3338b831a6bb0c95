//! What a refused client is told: how to prove itself, what it lacks, when to come back.
//!
//! `WWW-Authenticate` for the Bearer (RFC 6750 §3) and DPoP (RFC 9449 §7.1) schemes, with every scope of the
//! route and the resource metadata (RFC 9728 §5.1); `Accept-Signature` (RFC 9421 §5.1) for signatures.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::present::AuthScheme;
use crate::config::Gate;
use crate::policy::Route;
use crate::reason::{Blame, Reason};

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
        fields.push(("Accept-Signature", accept_signature(route)));
        // RFC 9110 §15.5.2 demands a challenge with every 401, and none is registered for RFC 9421.
        if !route.token && reason.status() == 401 {
            fields.push((
                "WWW-Authenticate",
                format!("Signature realm=\"{public_url}\", tag=\"web-bot-auth\""),
            ));
        }
    }
    fields
}

fn is_of_signature(reason: Reason) -> bool {
    reason.code().starts_with("signature.")
}

/// The error code of a challenge; none where the request came without a token (RFC 6750 §3.1).
fn bearer_error(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::TokenMissing => None,
        Reason::PolicyScopeMissing => Some("insufficient_scope"),
        _ if reason.code().starts_with("dpop.") => Some("invalid_dpop_proof"),
        _ if reason.code().starts_with("token.") => Some("invalid_token"),
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

fn accept_signature(route: &Route) -> String {
    let mut components = String::from("\"@authority\" \"signature-agent\";key=\"sig1\"");
    for component in &route.components {
        let identifier = component.identifier();
        if identifier != "\"@authority\"" {
            components.push(' ');
            components.push_str(identifier);
        }
    }
    format!("sig1=({components});created;expires;keyid;tag=\"web-bot-auth\"")
}
