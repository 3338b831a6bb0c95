//! What is guarded, and how: `[[routes]]`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::{Faults, is_scope};
use super::{
    AmountConfig, Config, DetailsDemandConfig, McpConfig, Per, RateConfig, RouteRiskConfig, RuleConfig, Span,
    TaskConfig, TaskSource,
};
use crate::policy::{Pattern, Route, StepUp};
use crate::signature::profiles;

/// Most routes.
const MAX_ROUTES: usize = 1024;
/// Most context classes of one route.
const MAX_ACR_VALUES: usize = 16;

/// A part of the API, and what a request to it must bring.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// `METHOD /path`. The method may be `*`, and `GET` stands for `HEAD` too; a segment `*` stands for one segment, a
    /// last `**` for the rest, also for none. `{name}` is a `*` that rules can ask for: a lower-case name, no two alike.
    #[serde(rename = "match")]
    pub pattern: String,
    /// The proofs that must be there: `signature`, `token`, `dpop`, `mtls`. A token that is
    /// there must be valid also where none is required, with its proof if it came under the DPoP scheme; a signature
    /// that is there and not required is passed over if it cannot be verified, and refused if it is wrong. Empty lets
    /// everyone through, and looks at nothing.
    pub require: Vec<Requirement>,
    /// The scopes that the token must have, all of them.
    #[serde(default)]
    pub scope: Vec<String>,
    /// The components (RFC 9421 §2) that the signature must cover, beyond what its profile demands.
    /// `content-digest` is demanded where a body follows.
    #[serde(default)]
    pub components: Vec<String>,
    /// The authentication context classes of which the token must name one (`acr`, RFC 9470). A client whose token has
    /// none of them is asked to have the person authenticate anew. Default: none. Range: 0 to 16 entries.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// How long ago the person may have authenticated (`auth_time`, RFC 9470). Default: no limit. Range: `0s` to `30d`.
    #[serde(default)]
    pub max_age: Option<Span>,
    /// That it is an endpoint of the Model Context Protocol, and what its operations demand. Default: it is none.
    #[serde(default)]
    pub mcp: Option<McpConfig>,
    /// The roles that the token must have, all of them. Default: none. Range: 0 to 256 entries.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The roles of which the token must have one. Default: none. Range: 0 to 256 entries.
    #[serde(default)]
    pub any_role: Vec<String>,
    /// What the token's `authorization_details` (RFC 9396) must permit: an entry of the type, with the action, whose
    /// `locations`, if it has any, have the URL of the request or what it is below, and whose amount is not below that
    /// of the request, where `amount` says where requests have one. Default: nothing.
    #[serde(default)]
    pub details: Option<DetailsDemandConfig>,
    /// Where requests have their amount, for `details` and rules. Default: nobody asks.
    #[serde(default)]
    pub amount: Option<AmountConfig>,
    /// What is denied, needs approval or is allowed, in order: the first rule that matches decides, and a request that
    /// matches none is allowed. Default: none. Range: 0 to 64 entries.
    #[serde(default)]
    pub rules: Vec<RuleConfig>,
    /// Where a request names its task, which must be the task that its token is for. Default: tasks are not compared.
    #[serde(default)]
    pub task: Option<TaskConfig>,
    /// How repeated proofs are refused. Default: `isolate`.
    #[serde(default)]
    pub replay: ReplayConfig,
    /// Whether DPoP proofs must have a nonce of the gate's (RFC 9449 §9), which then limits how long before its use a
    /// proof can have been made. Where it is not `off`, the gate must have secrets to make nonces with: `GATE_NONCE_SECRET`
    /// of the Worker, `nonceSecrets` of the package. Default: `off`.
    #[serde(default)]
    pub dpop_nonce: NonceConfig,
    /// How much is permitted; all limits count, and a request that one of them refuses takes nothing of the others.
    /// Default: no limit. Range: 0 to 8 entries, those of `limits` included.
    #[serde(default)]
    pub rate: Vec<RateConfig>,
    /// The limits of `[[limits]]` that this route shares, by name. Default: none.
    #[serde(default)]
    pub limits: Vec<String>,
    /// What a request takes of each limit of this route: its weight. Default: 1. Range: 1 to 10000, and no more than the
    /// `burst` of any of them.
    #[serde(default = "default_cost")]
    #[cfg_attr(feature = "schema", schemars(default = "default_cost"))]
    pub cost: u32,
    /// The budgets that the amount of a request is taken from, all of them, in this order: the innermost first, as the
    /// agent's before the user's before the organisation's. The amount is that of `amount`, else the one that `details`
    /// permits. Where a signature or a DPoP proof is required, `replay` must be `exact`. Default: none. Range: 0 to 8
    /// entries.
    #[serde(default)]
    pub budget: Vec<String>,
    /// The header field by which the origin recognises a request that comes again, so that it does once what is asked
    /// twice: `Idempotency-Key`. The same request of the same agent with the same value is then charged once within 24 h,
    /// and another request with it is refused. Write it only where the origin does so. Default: each request is charged.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Decide and report, but let everything through.
    #[serde(default)]
    pub shadow: bool,
    /// What becomes of a request where something cannot be found out that a check needs. Default: it is refused with 503.
    #[serde(default)]
    pub on_unavailable: OnUnavailableConfig,
    /// What is done about an agent's risk, instead of what `[risk]` says. Default: as `[risk]`.
    #[serde(default)]
    pub risk: Option<RouteRiskConfig>,
}

fn default_cost() -> u32 {
    1
}

/// What becomes of a request where something cannot be found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OnUnavailableConfig {
    /// Whether the token is revoked. With `allow`, a token passes that is good by its own signature, and the decision
    /// says that the check was skipped; a token that only its issuer's answer proves never does. Default: `deny`.
    #[serde(default)]
    pub revocation: Unavailability,
    /// Whether a proof was used before, with `replay = "exact"`. With `allow`, what this isolate has not seen passes, and
    /// the decision says that the check was skipped. Default: `deny`.
    #[serde(default)]
    pub replay: Unavailability,
    /// Whether a limit of `store = "durable-object"` has room. With `allow`, a request passes without being counted, and
    /// the decision says that the check was skipped. Default: `deny`.
    #[serde(default)]
    pub rate: Unavailability,
    /// Whether a budget has room. With `allow`, a request passes without a reservation, and the decision says that the
    /// check was skipped. Default: `deny`.
    #[serde(default)]
    pub budget: Unavailability,
    /// How the agent has behaved, where that is kept in objects. With `allow`, a request passes as if it had done nothing
    /// wrong, and the decision says that the check was skipped. Default: `deny`.
    #[serde(default)]
    pub risk: Unavailability,
}

/// Whether a request passes where something cannot be found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unavailability {
    /// It is refused.
    #[default]
    Deny,
    /// It passes.
    Allow,
}

/// A proof that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// A request signature of an enabled profile.
    Signature,
    /// An access token of a configured issuer.
    Token,
    /// A DPoP proof for the access token.
    Dpop,
    /// A client certificate (RFC 8705) that the host verified and that is not revoked. A token beside it must be bound
    /// to it or to the key of a DPoP proof; one that is bound to a certificate needs it also where this is not required.
    Mtls,
}

/// Whether DPoP proofs must have a nonce of the gate's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum NonceConfig {
    /// None is handed out, and one in a proof means nothing.
    #[default]
    Off,
    /// Every answer to a proof hands one out; one in a proof must be good, and none in it is, too.
    Offered,
    /// A proof without one, or with one that is too old, is refused with a nonce to try again with.
    Required,
}

/// How repeated proofs are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReplayConfig {
    /// Each isolate refuses what it has seen itself.
    #[default]
    Isolate,
    /// Repeats are not looked for.
    None,
    /// No proof is accepted twice, worldwide: the object of the key that made it says whether it is new. A signature must
    /// have a nonce, as without one it is not single-use, and where `require` has `signature` a request has one signature
    /// of an enabled profile. The Worker needs the Durable Object class `Subject` bound as
    /// `SUBJECTS`, the package `state` in the option `stores`.
    Exact,
}

impl Faults {
    pub(super) fn routes(&mut self, config: &Config) -> Vec<Route> {
        self.count("routes", config.routes.len(), 1, MAX_ROUTES);
        let mut routes: Vec<Route> = Vec::new();
        for (i, route) in config.routes.iter().enumerate() {
            let path = format!("routes[{i}]");
            let Some(route) = self.route(&path, route, config) else { continue };
            if let Some(j) = routes.iter().position(|earlier| earlier.pattern.covers(&route.pattern)) {
                self.add(
                    format!("{path}.match"),
                    format!("is never reached, as routes[{j}] matches all it matches; put it first"),
                );
            }
            routes.push(route);
        }
        routes
    }

    fn route(&mut self, path: &str, route: &RouteConfig, config: &Config) -> Option<Route> {
        let requires = |requirement| route.require.contains(&requirement);
        let (signature, token, dpop) =
            (requires(Requirement::Signature), requires(Requirement::Token), requires(Requirement::Dpop));
        let mtls = requires(Requirement::Mtls);
        let require = format!("{path}.require");
        if signature && config.signatures.is_none() {
            self.add(&require, "\"signature\" cannot be given, as there is no [signatures]; add it");
        }
        if token && config.issuers.is_empty() {
            self.add(&require, "\"token\" cannot be given, as there are no [[issuers]]; add one");
        }
        if dpop && !token {
            self.add(&require, "\"dpop\" proves who holds a token; add \"token\"");
        }
        if route.dpop_nonce != NonceConfig::Off && !dpop {
            self.add(format!("{path}.dpop_nonce"), "nonces are of a DPoP proof; add \"dpop\" to require");
        }
        if !route.scope.is_empty() && !token {
            self.add(format!("{path}.scope"), "scopes are of a token; add \"token\" to require");
        }
        if route.scope.iter().any(|scope| !is_scope(scope)) {
            self.add(
                format!("{path}.scope"),
                "a scope has a character that RFC 6749 §3.3 does not allow; write one scope an entry",
            );
        }
        if route.on_unavailable.revocation == Unavailability::Allow && !token {
            self.add(
                format!("{path}.on_unavailable.revocation"),
                "is about tokens, which this route does not require; add \"token\" to require",
            );
        }
        if !route.components.is_empty() && !signature {
            self.add(
                format!("{path}.components"),
                "components are of a signature; add \"signature\" to require",
            );
        }
        self.replay(path, route, config);
        let limits = self.limits(path, route, config);
        let counts_addresses = limits.iter().any(|limit| limit.per.has(Per::Address));
        let components = self.components(&format!("{path}.components"), &route.components);
        let Some(pattern) = Pattern::parse(&route.pattern) else {
            self.add(
                format!("{path}.match"),
                "is not a route; write \"METHOD /path\", with * for a segment or a last ** for the rest",
            );
            return None;
        };
        let policy = self.policy(path, route, &pattern, config);
        let spending = self.spending(path, route, &policy, config);
        if route.mcp.is_some() && !pattern.is_of("POST") {
            self.add(
                format!("{path}.mcp"),
                "is of requests with a message; match \"POST /path\", and write another route for GET and DELETE",
            );
        }
        let task = route.task.as_ref().and_then(|task| self.task(&format!("{path}.task"), task, token));
        Some(Route {
            signature,
            token,
            dpop,
            scope: route.scope.clone(),
            components,
            mtls,
            dpop_nonce: route.dpop_nonce,
            reads_client: mtls || policy.reads_client() || counts_addresses,
            replay: route.replay,
            limits,
            shadow: route.shadow,
            reads_content: route.mcp.is_some()
                || spending.idempotency_key.is_some()
                || policy.reads_content()
                || matches!(task, Some(TaskSource::Body(_))),
            policy,
            spending,
            mcp: route.mcp.as_ref().map(|mcp| self.mcp(&format!("{path}.mcp"), mcp, token)),
            step_up: self.step_up(path, route, token),
            task,
            allows_unknown_revocation: route.on_unavailable.revocation == Unavailability::Allow,
            risk: self.route_risk(path, route, config),
            on_unavailable: route.on_unavailable,
            ..Route::open(pattern)
        })
    }

    /// Whether what a route says of repeated proofs can be kept.
    fn replay(&mut self, path: &str, route: &RouteConfig, config: &Config) {
        let is_good_once =
            [Requirement::Signature, Requirement::Dpop].iter().any(|r| route.require.contains(r));
        if route.replay == ReplayConfig::Exact && !is_good_once {
            self.add(
                format!("{path}.replay"),
                "\"exact\" is about proofs that are good once, and this route requires none; add \"signature\" or \"dpop\" to require",
            );
        }
        let profiles = config.signatures.iter().flat_map(|signatures| &signatures.profiles);
        let single_use =
            profiles.filter(|name| profiles::profile(name).is_some_and(|profile| profile.single_use));
        if let Some(name) = single_use
            .into_iter()
            .next()
            .filter(|_| route.replay == ReplayConfig::None && !route.require.is_empty())
        {
            self.add(
                format!("{path}.replay"),
                format!("\"none\" would take a signature of \"{name}\" again, which is good once; write \"isolate\""),
            );
        }
    }

    fn step_up(&mut self, path: &str, route: &RouteConfig, has_token: bool) -> StepUp {
        let acr_values = format!("{path}.acr_values");
        self.count(&acr_values, route.acr_values.len(), 0, MAX_ACR_VALUES);
        if !route.acr_values.iter().all(|value| is_scope(value)) {
            self.add(
                &acr_values,
                "has a value with a space, a quotation mark or a back slash; write one an entry",
            );
        }
        let max_age = format!("{path}.max_age");
        if !has_token {
            for (name, is_there) in
                [(acr_values, !route.acr_values.is_empty()), (max_age.clone(), route.max_age.is_some())]
            {
                if is_there {
                    self.add(name, "is about a token; add \"token\" to require");
                }
            }
        }
        let most = Span::from_secs(30 * 86_400);
        let max_age = route.max_age.map(|span| self.span(&max_age, span, Span::from_secs(0), most));
        StepUp { acr_values: route.acr_values.clone(), max_age }
    }
}
