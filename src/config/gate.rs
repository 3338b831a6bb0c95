//! [`Gate`]: a configuration that was checked whole.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::signatures::Signatures;
use super::{
    Admin, Audit, Budget, Config, ConfigError, Delegation, Disclosure, Dpop, Events, Issuer, MAX_ENTRIES,
    MetricsConfig, NonceConfig, RateStore, ReplayConfig, Resource, RiskStore, Span, VerifiedConfig, list,
};
use crate::cors::Cors;
use crate::crypto::{Algorithm, SharedKey};
use crate::delegation::details::DetailsType;
use crate::delegation::scope::Grammar;
use crate::dpop::Nonces;
use crate::encoding::json::{self, Value};
use crate::event::Event;
use crate::jose::jwk::MAX_SET_BYTES;
use crate::keys::KeySource;
use crate::policy::{Limit, Route, RoutePath};
use crate::reason::Reason;
use crate::registry::Registry;
use crate::request::{RequestView, Scheme, Target};
use crate::revocation::deny_list::DenyList;
use crate::signature::profiles::web_bot_auth::KeySourceUrl;
use crate::state::risk::Scoring;

/// What a running gate relies on: made from a [`Config`] in which nothing is left to doubt.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own, with yes or no for an answer"
)]
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the configuration, by itself")]
pub struct Gate {
    origin: String,
    public_origins: Vec<PublicOrigin>,
    behind_proxy: bool,
    pub(crate) allow_loopback: bool,
    disclosure: Disclosure,
    pub(crate) clock_skew: Duration,
    max_body_bytes: usize,
    strip_credentials: bool,
    pub(super) issuers: Vec<Issuer>,
    pub(crate) signatures: Option<Signatures>,
    pub(crate) dpop: Dpop,
    pub(crate) mtls: VerifiedConfig,
    pub(crate) delegation: Delegation,
    pub(crate) risk: Arc<Scoring>,
    pub(crate) risk_store: RiskStore,
    pub(crate) challenge_max_age: Duration,
    events: Option<Events>,
    audit: Option<Audit>,
    metrics: MetricsConfig,
    shared_keys: Vec<SharedKey>,
    nonces: Option<Nonces>,
    agents: Arc<Registry>,
    admin: Option<Admin>,
    denied: Arc<DenyList>,
    routes: Vec<Route>,
    has_subjects: bool,
    budgets: Vec<Budget>,
    pub(crate) resources: Vec<Resource>,
    cors: Option<Cors>,
}

/// An origin that clients send to, with the path prefix that a proxy takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicOrigin {
    scheme: Scheme,
    authority: String,
    path_prefix: String,
}

impl PublicOrigin {
    /// The target as clients of this origin saw it.
    #[must_use]
    pub fn target(&self, received: &Target) -> Target {
        received.seen_as(self.scheme, &self.authority, &self.path_prefix)
    }

    /// `scheme://host[:port]` and the path prefix, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme.as_str(), self.authority, self.path_prefix)
    }

    /// The same without the path prefix.
    pub(super) fn authority_url(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority)
    }

    pub(super) fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    fn is(&self, target: &Target) -> bool {
        self.scheme == target.scheme() && self.authority == target.authority()
    }
}

impl Gate {
    /// Checks a configuration. Gives every fault that it has, not only the first.
    pub fn new(config: &Config) -> Result<Self, Vec<ConfigError>> {
        let mut faults = Faults::default();
        let mut gate = Self {
            origin: faults.origin("origin", &config.origin),
            public_origins: faults.public_origins(config),
            behind_proxy: config.behind_proxy,
            allow_loopback: config.allow_loopback,
            disclosure: config.disclosure,
            clock_skew: faults.span("clock_skew", config.clock_skew, Span::from_secs(0), Span::from_secs(60)),
            max_body_bytes: faults.at_most("max_body_bytes", config.max_body_bytes, 8 * 1024 * 1024),
            strip_credentials: config.strip_credentials,
            issuers: faults.issuers(config),
            signatures: faults.signatures(config),
            dpop: faults.dpop(config),
            mtls: config.mtls.verified,
            delegation: faults.delegation(config),
            risk: Arc::new(faults.scoring(&config.risk)),
            risk_store: config.risk.store,
            challenge_max_age: config.risk.challenge_max_age.duration(),
            events: faults.events(config),
            audit: faults.audit(config.audit.as_ref()),
            metrics: faults.metrics(&config.metrics),
            shared_keys: Vec::new(),
            nonces: None,
            agents: faults.agents(config),
            admin: faults.admin(config),
            denied: faults.denied(config),
            routes: faults.routes(config),
            has_subjects: false,
            budgets: faults.budgets(config),
            resources: Vec::new(),
            cors: None,
        };
        faults.shared_limits(config);
        gate.resources = faults.resources(config, &gate.public_origins);
        // First, so that no route of the configuration opens the admin API or hides it.
        gate.routes.splice(..0, gate.admin.as_ref().and_then(Admin::route));
        gate.cors = faults.cors(config, &gate.routes);
        faults.into_result(gate)
    }

    /// The same gate with the secrets that it shares with clients: a JWK Set of symmetric keys, each with a `kid`. They
    /// are no part of the configuration, which is not a secret. Refused is what is no such set.
    pub fn with_shared_keys(self, document: &str) -> Result<Self, ConfigError> {
        let fault = |message: &str| ConfigError::new("shared keys", message);
        if !self.needs_shared_keys() {
            return Err(fault(
                "are there, and no profile accepts hmac-sha256; add it to algorithms in [signatures.rules.rfc9421]",
            ));
        }
        let object = json::parse_object(document.as_bytes(), MAX_SET_BYTES)
            .map_err(|_| fault("are not strict JSON; write a JWK Set"))?;
        let keys = object.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| fault("are not a JWK Set; write {\"keys\": [...]}"))?;
        let mut shared_keys: Vec<SharedKey> = Vec::new();
        for key in keys {
            let key = key.as_object().and_then(|key| SharedKey::from_jwk(key).ok());
            let key = key.filter(|key| key.kid().is_some());
            let key = key.ok_or_else(|| {
                fault("have one that cannot be used; write kty \"oct\", a kid, and k of 32 to 128 bytes")
            })?;
            if shared_keys.iter().any(|other| other.kid() == key.kid()) {
                return Err(fault("have a kid twice; a signature must name one of them"));
            }
            shared_keys.push(key);
        }
        Ok(Self { shared_keys, ..self })
    }

    /// Whether a profile accepts `hmac-sha256`, for which the host must bring keys ([`Self::with_shared_keys`]).
    #[must_use]
    pub fn needs_shared_keys(&self) -> bool {
        self.signatures
            .as_ref()
            .is_some_and(|signatures| signatures.rules.iter().any(|rules| rules.shared_keys))
    }

    /// The same gate with the secrets that make nonces for DPoP proofs: one text of 32 to 128 random bytes, or a JSON
    /// array of up to 8, of which the first makes nonces and all are accepted, so that a rotation refuses nobody. Refused
    /// is what is no such text. Taken also where no route asks for nonces yet: the secret is there before the
    /// configuration that needs it.
    pub fn with_nonce_secrets(self, document: &str) -> Result<Self, ConfigError> {
        let nonces = Nonces::new(document, self.dpop.nonce_bucket);
        let nonces = nonces.map_err(|message| ConfigError::new("nonce secrets", message))?;
        Ok(Self { nonces: Some(nonces), ..self })
    }

    /// Whether a route asks for nonces and there is nothing to make them with ([`Self::with_nonce_secrets`]). A host
    /// does not start such a gate; it would take no proof that has a nonce, and on routes that require one none at all.
    #[must_use]
    pub fn needs_nonce_secrets(&self) -> bool {
        self.nonces.is_none() && self.routes.iter().any(|route| route.dpop_nonce != NonceConfig::Off)
    }

    /// Whether a route needs what is kept by subject ([`crate::state::subject`]). A host that has no objects does not start
    /// such a gate; it would refuse every request to that route.
    #[must_use]
    pub fn needs_subjects(&self) -> bool {
        let counts = |limit: &Limit| limit.store == Some(RateStore::DurableObject);
        let needs = |route: &Route| {
            route.replay == ReplayConfig::Exact
                || !route.spending.budgets.is_empty()
                || route.limits.iter().any(counts)
        };
        self.risk_store == RiskStore::DurableObject || self.routes.iter().any(needs)
    }

    /// The same gate at a host that has what is kept by subject: limits that do not say where they are counted are then
    /// counted there, and not in KV, and what administers by a proof is taken once.
    #[must_use]
    pub fn with_subjects(mut self) -> Self {
        // A proof covers no content: sent again with another, it would administer something else.
        let is_proven = self.admin.as_ref().is_some_and(Admin::needs_proof);
        if let Some(route) = self.routes.first_mut().filter(|_| is_proven) {
            route.replay = ReplayConfig::Exact;
        }
        Self { has_subjects: true, ..self }
    }

    /// Where a limit is counted that does not say.
    pub(crate) fn rate_store(&self) -> RateStore {
        if self.has_subjects { RateStore::DurableObject } else { RateStore::Kv }
    }

    /// The platform's bindings that limits of the store `binding` need, each by what it permits: `FLOOD_100_10`. A host
    /// that does not have all of them does not start such a gate.
    #[must_use]
    pub fn flood_bindings(&self) -> Vec<String> {
        let limits = self.routes.iter().flat_map(|route| &route.limits);
        let floods = limits.filter(|limit| limit.store == Some(RateStore::Binding));
        let names: BTreeSet<_> = floods.map(Limit::flood_binding).collect();
        names.into_iter().collect()
    }

    /// What makes nonces.
    pub(crate) fn nonces(&self) -> Option<&Nonces> {
        self.nonces.as_ref()
    }

    /// Whether this request may be judged by the connection that it came on, which a host that can then tells
    /// ([`RequestView::with_client`]): a route looks at it, a token may be
    /// bound to its certificate, or risk may know where an agent usually comes from.
    #[must_use]
    pub fn needs_client(&self, view: &RequestView) -> bool {
        let has_token = || !self.issuers.is_empty() && view.fields().contains("authorization");
        let is_signed = || self.signatures.is_some() && view.fields().contains("signature-input");
        self.routes.iter().any(Route::reads_client) || has_token() || is_signed()
    }

    /// The key that a client shares under this name.
    pub(crate) fn shared_key(&self, kid: &str) -> Option<&SharedKey> {
        self.shared_keys.iter().find(|key| key.kid() == Some(kid))
    }

    /// Where allowed requests go, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The origins that clients send to; never empty.
    #[must_use]
    pub fn public_origins(&self) -> &[PublicOrigin] {
        &self.public_origins
    }

    /// The public origin that a request was sent to, as far as this gate guards it.
    #[must_use]
    pub fn public_origin(&self, received: &Target) -> Option<&PublicOrigin> {
        if self.behind_proxy {
            self.public_origins.first()
        } else {
            self.public_origins.iter().find(|origin| origin.is(received))
        }
    }

    /// Most bytes of a body that are read for a digest.
    #[must_use]
    pub fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// Whether the origin is kept from seeing `Authorization` and `DPoP`.
    #[must_use]
    pub fn strip_credentials(&self) -> bool {
        self.strip_credentials
    }

    /// The issuers of access tokens.
    #[must_use]
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// How much of a refusal's reason a client sees.
    #[must_use]
    pub fn disclosure(&self) -> Disclosure {
        self.disclosure
    }

    /// Where events are sent; `None` where they are only logged.
    #[must_use]
    pub fn events(&self) -> Option<&Events> {
        self.events.as_ref()
    }

    /// The claims of an event, from this gate to its origin.
    #[must_use]
    pub fn claims(&self, event: &Event) -> serde_json::Value {
        let issuer = self.public_origins.first().map(PublicOrigin::url).unwrap_or_default();
        event.claims(&issuer, &self.origin)
    }

    /// How decisions are logged so that it can be proven.
    #[must_use]
    pub fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// How decisions are counted.
    #[must_use]
    pub fn metrics(&self) -> &MetricsConfig {
        &self.metrics
    }

    /// The agents of the configuration.
    #[must_use]
    pub fn agents(&self) -> &Arc<Registry> {
        &self.agents
    }

    /// Who may change the registry at run time. Where this is `None`, the agents of the configuration are all there
    /// are, and no store is read.
    #[must_use]
    pub fn admin(&self) -> Option<&Admin> {
        self.admin.as_ref()
    }

    /// What the configuration denies.
    #[must_use]
    pub fn denied(&self) -> &Arc<DenyList> {
        &self.denied
    }

    /// Whether an agent's signature is refused where the agent is not registered.
    #[must_use]
    pub fn requires_registration(&self) -> bool {
        self.signatures.as_ref().is_some_and(|signatures| signatures.require_registered)
    }

    /// Whether loopback addresses are permitted where keys are fetched.
    #[must_use]
    pub fn allow_loopback(&self) -> bool {
        self.allow_loopback
    }

    /// How scopes are compared.
    #[must_use]
    pub fn scope_grammar(&self) -> Grammar {
        self.delegation.grammar
    }

    /// The request field with the token that a token was derived from: a credential, as `Authorization` is.
    #[must_use]
    pub fn parent_field(&self) -> Option<&str> {
        self.delegation.parent_field.as_deref()
    }

    /// Which pages of other origins may use the API.
    pub(crate) fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    /// Whether the gate says which pages see an answer: whatever else the origin says of it (`Access-Control-*`) is then taken
    /// away by the host.
    #[must_use]
    pub fn has_cors(&self) -> bool {
        self.cors.is_some()
    }

    /// The types of `authorization_details` that tokens may have.
    #[must_use]
    pub fn details_types(&self) -> &[DetailsType] {
        &self.delegation.details
    }

    /// The place of the route that a request is for, and the path in the one reading that it matched on.
    pub(crate) fn route_of(&self, method: &str, received: &Target) -> Result<(usize, RoutePath), Reason> {
        let path = RoutePath::new(received.path()).map_err(|_| Reason::RequestPathAmbiguous)?;
        if is_misspelt(method) {
            return Err(Reason::RequestMalformed);
        }
        let index = self.routes.iter().position(|route| route.pattern.matches(method, &path));
        // Servers differ in what they decode: where that would lead to another route nobody knows which is meant.
        if index != self.routes.iter().position(|route| route.pattern.matches_decoded(method, &path)) {
            return Err(Reason::RequestPathAmbiguous);
        }
        index.map(|index| (index, path)).ok_or(Reason::PolicyNoRoute)
    }

    /// The routes, in the order in which they are tried.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The budgets that routes spend from.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// The directory that an agent names, under the rules of this gate.
    pub(crate) fn directory(&self, url: &KeySourceUrl) -> KeySource {
        let must_be_signed = self.signatures.as_ref().is_some_and(|s| s.require_signed_directories);
        KeySource::directory(url)
            .signed_within(must_be_signed.then_some(self.clock_skew))
            .allow_loopback(self.allow_loopback)
    }

    /// The key set of a registered agent, under the rules of this gate.
    pub(crate) fn agent_keys(&self, url: &str) -> KeySource {
        KeySource::agent(url).allow_loopback(self.allow_loopback)
    }

    /// Whether keys may be fetched from this URL at all: `https`, or loopback where that is permitted.
    #[must_use]
    pub fn may_fetch(&self, url: &str) -> bool {
        is_fetchable(url, self.allow_loopback)
    }
}

pub(crate) fn is_fetchable(url: &str, allow_loopback: bool) -> bool {
    Target::parse(url).is_ok_and(|target| match target.scheme() {
        Scheme::Https => true,
        Scheme::Http => allow_loopback && is_loopback(target.authority()),
    })
}

pub(super) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next(),
        None => authority.split(':').next(),
    };
    matches!(host, Some("127.0.0.1" | "localhost" | "::1"))
}

/// Collects faults; each method gives a usable value even where it found one, so that all are found.
#[derive(Default)]
pub(super) struct Faults(Vec<ConfigError>);

impl Faults {
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Vec<ConfigError>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }

    pub(super) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigError::new(path, message));
    }

    pub(super) fn span(&mut self, path: &str, value: Span, least: Span, most: Span) -> Duration {
        if value < least || value > most {
            self.add(path, format!("is {value}; write {least} to {most}"));
        }
        value.duration()
    }

    pub(super) fn at_most(&mut self, path: &str, value: usize, most: usize) -> usize {
        if value > most {
            self.add(path, format!("is {value}; write at most {most}"));
        }
        value
    }

    pub(super) fn count(&mut self, path: &str, count: usize, least: usize, most: usize) {
        if count < least {
            self.add(path, "is empty; write at least one entry");
        } else if count > most {
            self.add(path, format!("has {count} entries; write at most {most}"));
        }
    }

    pub(super) fn origin(&mut self, path: &str, url: &str) -> String {
        match Target::parse(url) {
            Ok(target) if target.path() == "/" && target.query().is_none() => origin_of(&target),
            _ => {
                self.add(path, "is not an origin; write scheme://host[:port], without a path");
                String::new()
            }
        }
    }

    fn public_origins(&mut self, config: &Config) -> Vec<PublicOrigin> {
        self.count("public_origins", config.public_origins.len(), 1, MAX_ENTRIES);
        if config.behind_proxy && config.public_origins.len() != 1 {
            self.add("public_origins", "behind_proxy takes exactly one, the one that clients sign for");
        }
        let mut origins: Vec<PublicOrigin> = Vec::new();
        for (i, url) in config.public_origins.iter().enumerate() {
            let path = format!("public_origins[{i}]");
            match self.public_origin(&path, url, config.behind_proxy) {
                Some(origin) if origins.contains(&origin) => self.add(path, "is there twice; remove one"),
                Some(origin) => origins.push(origin),
                None => {}
            }
        }
        origins
    }

    fn public_origin(&mut self, path: &str, url: &str, behind_proxy: bool) -> Option<PublicOrigin> {
        let Ok(target) = Target::parse(url) else {
            self.add(path, "is not an origin; write https://host[:port]");
            return None;
        };
        if target.scheme() == Scheme::Http && !is_loopback(target.authority()) {
            self.add(path, "is http, which proves nothing about who listens; write https");
        }
        let path_prefix = String::from(target.path().trim_end_matches('/'));
        if target.query().is_some() || (!path_prefix.is_empty() && !behind_proxy) {
            self.add(path, "has a path or query; a path prefix goes with behind_proxy only");
        }
        Some(PublicOrigin { scheme: target.scheme(), authority: target.authority().to_string(), path_prefix })
    }

    pub(super) fn algorithms(&mut self, path: &str, names: &[String]) -> Vec<Algorithm> {
        self.count(path, names.len(), 1, 16);
        let mut algorithms = Vec::new();
        for (i, name) in names.iter().enumerate() {
            match Algorithm::from_jose(name) {
                Some(algorithm) => algorithms.push(algorithm),
                None => self.add(
                    format!("{path}[{i}]"),
                    format!(
                        "is not an algorithm of this gate; write one of {}",
                        list(&Algorithm::ALL.iter().map(|a| a.jose()).collect::<Vec<_>>())
                    ),
                ),
            }
        }
        algorithms
    }
}

pub(super) fn origin_of(target: &Target) -> String {
    format!("{}://{}", target.scheme().as_str(), target.authority())
}

/// Whether this is a method that everybody knows, but for its case: some of what stands behind a gate takes it for that.
fn is_misspelt(method: &str) -> bool {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.iter().any(|name| *name != method && name.eq_ignore_ascii_case(method))
}

/// One scope (RFC 6749 §3.3).
pub(super) fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
