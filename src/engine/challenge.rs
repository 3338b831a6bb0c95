//! What a refused client is told: how to prove itself, what it lacks, when to come back.
//!
//! `WWW-Authenticate` for the Bearer (RFC 6750 §3) and DPoP (RFC 9449 §7.1) schemes, with every scope of the request
//! and the metadata of the resource (RFC 9728 §5.1), and for step-up (RFC 9470 §3); `Accept-Signature` (RFC 9421 §5.1)
//! for signatures.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Session;
use super::present::AuthScheme;
use crate::config::{Disclosure, Gate, ReplayConfig};
use crate::policy::Route;
use crate::reason::{Blame, Reason};
use crate::signature::profiles::{Carrier, Rules};
use crate::signature::{AcceptSignature, Component, MAX_SIGNATURES, Param, Requested, RequestedParams};

impl Session {
    /// The fields of a refusal that ask the client for proof. Empty where no proof would help.
    pub(super) fn challenges(&self, reason: Reason) -> Vec<(&'static str, String)> {
        let Some(route) = self.route() else { return Vec::new() };
        let asks = reason.blame() == Blame::Unproven || reason == Reason::PolicyScopeMissing;
        let mut fields = Vec::new();
        if asks && route.token {
            fields.extend(self.token_challenges(route, reason).map(|value| ("WWW-Authenticate", value)));
        }
        let is_of_signature = is_of_signature(reason) || (reason == Reason::RiskChallenge && !route.token);
        if asks && route.signature && is_of_signature {
            fields
                .extend(accept_signature(&self.gate, route, reason).map(|value| ("Accept-Signature", value)));
            // RFC 9110 §15.5.2 demands a challenge with every 401, and none is registered for RFC 9421.
            if !route.token && reason.status() == 401 {
                let realm = self.public_url();
                let value = format!("Signature realm=\"{realm}\"{}", tags(&self.gate));
                fields.push(("WWW-Authenticate", value));
            }
        }
        // Likewise for a certificate, for which there is no scheme either: a handshake is asked for by the handshake.
        if asks && route.mtls && fields.is_empty() && reason.status() == 401 {
            let realm = self.public_url();
            fields.push(("WWW-Authenticate", format!("ClientCertificate realm=\"{realm}\"")));
        }
        fields
    }

    /// A challenge for each scheme that the route takes. What is wrong is said under the scheme that the client used.
    fn token_challenges(&self, route: &Route, reason: Reason) -> impl Iterator<Item = String> {
        let at_fault = if route.dpop { AuthScheme::Dpop } else { self.scheme.unwrap_or(AuthScheme::Bearer) };
        let algorithms = self.gate.dpop.algorithms.iter().map(|a| a.jose()).collect::<Vec<_>>().join(" ");
        let bearer = (!route.dpop).then_some((AuthScheme::Bearer, None));
        let schemes = bearer.into_iter().chain([(AuthScheme::Dpop, Some(algorithms))]);
        let challenges: Vec<String> = schemes
            .map(|(scheme, algorithms)| {
                let mut parameters = Vec::new();
                if scheme == at_fault {
                    parameters.extend(self.fault(route, reason));
                }
                let scope = self.demanded_scope();
                parameters.extend((!scope.is_empty()).then(|| ("scope", scope.join(" "))));
                parameters.extend(algorithms.map(|algorithms| ("algs", algorithms)));
                parameters.extend(self.resource_metadata_url().map(|url| ("resource_metadata", url)));
                challenge(scheme, &parameters)
            })
            .collect();
        challenges.into_iter()
    }

    /// What is wrong, as RFC 6750 §3.1, RFC 9449 §7.1 and RFC 9470 §3 name it; nothing where the request came without a
    /// token.
    fn fault(&self, route: &Route, reason: Reason) -> Vec<(&'static str, String)> {
        let Some(error) = error(reason) else { return Vec::new() };
        let mut parameters = Vec::from([("error", error.to_owned())]);
        if self.gate.disclosure() != Disclosure::None {
            parameters.push(("error_description", description(reason)));
        }
        if error == INSUFFICIENT_USER_AUTHENTICATION {
            let acr_values = &route.step_up.acr_values;
            parameters.extend((!acr_values.is_empty()).then(|| ("acr_values", acr_values.join(" "))));
            let asked = (reason == Reason::RiskChallenge).then_some(self.gate.challenge_max_age);
            let age = asked.into_iter().chain(route.step_up.max_age).min();
            parameters.extend(age.map(|age| ("max_age", age.as_secs().to_string())));
        }
        parameters
    }

    fn resource_metadata_url(&self) -> Option<String> {
        Some(self.gate.resource_metadata_url(self.public.as_ref()?, self.path.as_ref()?))
    }
}

/// The error of RFC 9470 §3.
const INSUFFICIENT_USER_AUTHENTICATION: &str = "insufficient_user_authentication";

/// The error code of a challenge; none where the request came without a token (RFC 6750 §3.1).
fn error(reason: Reason) -> Option<&'static str> {
    let of = |layer: &str| reason.code().starts_with(layer);
    match reason {
        Reason::TokenMissing => None,
        Reason::PolicyScopeMissing => Some("insufficient_scope"),
        Reason::PolicyAuthenticationInsufficient
        | Reason::PolicyAuthenticationTooOld
        | Reason::RiskChallenge => Some(INSUFFICIENT_USER_AUTHENTICATION),
        Reason::DpopNonceMissing | Reason::DpopNonceInvalid => Some("use_dpop_nonce"),
        _ if of("dpop.") => Some("invalid_dpop_proof"),
        // RFC 8705 §3 has it so also for the certificate.
        _ if of("token.") || of("mtls.") || of("delegation.") => Some("invalid_token"),
        _ => None,
    }
}

/// The title of a reason, in the characters that RFC 6750 §3 allows: neither quotation mark nor back slash.
fn description(reason: Reason) -> String {
    reason.title().chars().filter(|c| (' '..='~').contains(c) && *c != '"' && *c != '\\').collect()
}

/// One challenge (RFC 9110 §11.6.1).
fn challenge(scheme: AuthScheme, parameters: &[(&str, String)]) -> String {
    let scheme = match scheme {
        AuthScheme::Bearer => "Bearer",
        AuthScheme::Dpop => "DPoP",
    };
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{scheme} {}", parameters.join(", "))
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

/// A member for each tag of each profile that a client can be asked for in a structured field.
fn accept_signature(gate: &Gate, route: &Route, reason: Reason) -> Option<String> {
    // Without a nonce a signature is not single-use, nor certainly made for this request.
    let with_nonce = route.replay == ReplayConfig::Exact || reason == Reason::RiskChallenge;
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
            requests.extend(AcceptSignature::new(&label, components, requested(rules, with_nonce, tag)).ok());
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

fn requested(rules: &Rules, with_nonce: bool, tag: Option<&str>) -> RequestedParams {
    let demands = |param| rules.parameters.contains(&param) || (with_nonce && param == Param::Nonce);
    let any = |param| demands(param).then_some(Requested::Any);
    let alg = match rules.algorithms.as_slice() {
        [only] => only.http_signatures().map(|name| Requested::Value(name.to_owned())),
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
