//! How much is permitted: `rate` of a route, and `[[limits]]` that routes share.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::Faults;
use super::{Config, Per, PerList, RouteConfig, Span};
use crate::policy::Limit;
use crate::state::rate::Quota;

/// Most limits of one route, those that it shares included: one call has room for each of them twice.
const MAX_LIMITS: usize = 8;
/// Most limits that routes share.
const MAX_SHARED_LIMITS: usize = 64;
/// Longest name of a limit in bytes.
const MAX_NAME_BYTES: usize = 32;
/// The windows that the platform's flood shield counts in.
const FLOOD_WINDOWS: [Span; 2] = [Span::from_secs(10), Span::from_secs(60)];

/// A limit of one route. Several entries are several windows at once: a burst, a minute, an hour.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// What is counted together, on this route: `agent`, `key`, `principal`, `organisation`, `address`, `route`, or a list
    /// of them for each combination. Requests that have no such subject, as one without a token has no principal, share
    /// one count.
    pub per: PerList,
    /// How much a window. Range: 1 to 1000000.
    pub limit: u32,
    /// The time in which `limit` requests are permitted. Range: `1s` to `24h`.
    pub window: Span,
    /// How much may come at once, and after a pause: in any window no more than `limit` and `burst` together. Default: as
    /// `limit`. Range: 1 to 1000000.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Whose requests are counted; all others pass this limit by. Default: `any`.
    #[serde(default)]
    pub class: RateClass,
    /// Where it is counted, and so what it can promise. Requests that prove nobody are counted in each isolate by itself,
    /// whatever is written, unless by `route`. Default: `durable-object` where the host has objects, else `kv`.
    #[serde(default)]
    pub store: Option<RateStore>,
    /// Whether the object leases parts of the limit to isolates, which saves most calls. Nothing more is let through for
    /// it, but a request may be refused while others hold what they do not use. Default: `true`.
    #[serde(default)]
    pub lease: Option<bool>,
}

/// A limit that routes share: what they let through is counted together.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// What routes call it in `limits`, and clients see: letters, digits, `-` and `_`. Range: 1 to 32 bytes.
    pub name: String,
    /// What is counted together, on all routes that share it, as in `rate` of a route.
    pub per: PerList,
    /// How much a window. Range: 1 to 1000000.
    pub limit: u32,
    /// The time in which `limit` requests are permitted. Range: `1s` to `24h`.
    pub window: Span,
    /// How much may come at once, as in `rate` of a route. Default: as `limit`. Range: 1 to 1000000.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Whose requests are counted, as in `rate` of a route. Default: `any`.
    #[serde(default)]
    pub class: RateClass,
    /// Where it is counted, as in `rate` of a route. Default: `durable-object` where the host has objects, else `kv`.
    #[serde(default)]
    pub store: Option<RateStore>,
    /// Whether parts of it are leased to isolates, as in `rate` of a route. Default: `true`.
    #[serde(default)]
    pub lease: Option<bool>,
}

/// Whose requests a limit counts. Every request is of people or of an agent, so that none escapes both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RateClass {
    /// All.
    #[default]
    Any,
    /// Those that are not provably of people, those without any proof included.
    Agent,
    /// Those that prove to come from a person's own client: by a token with a subject that is not its client, which names
    /// no actor (`act`), no agent, no delegator and no chain, on a request without an agent's signature.
    People,
}

/// Where a limit is counted, and so what it can promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RateStore {
    /// In the object of the subject: never above the limit, worldwide. The Worker needs the Durable Object class `Subject`
    /// bound as `SUBJECTS`, the package `state` in the option `stores`.
    DurableObject,
    /// In each isolate at once, between isolates through KV: approximate.
    Kv,
    /// In the platform's Rate Limiting binding, a flood shield before anything is verified: at each location by itself,
    /// and permissive. The Worker needs a binding named after the limit, `FLOOD_100_10` for 100 a window of `10s`; other
    /// hosts have none. Of `address` and `route` only, for a window of `10s` or `60s`.
    Binding,
}

impl RateStore {
    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DurableObject => "durable-object",
            Self::Kv => "kv",
            Self::Binding => "binding",
        }
    }
}

/// What both kinds of limits have.
struct Parts<'a> {
    per: &'a PerList,
    limit: u32,
    window: Span,
    burst: Option<u32>,
    class: RateClass,
    store: Option<RateStore>,
    lease: Option<bool>,
}

impl<'a> From<&'a RateConfig> for Parts<'a> {
    fn from(config: &'a RateConfig) -> Self {
        let RateConfig { per, limit, window, burst, class, store, lease } = config;
        let (limit, window, burst, class) = (*limit, *window, *burst, *class);
        Self { per, limit, window, burst, class, store: *store, lease: *lease }
    }
}

impl<'a> From<&'a LimitConfig> for Parts<'a> {
    fn from(config: &'a LimitConfig) -> Self {
        let LimitConfig { name: _, per, limit, window, burst, class, store, lease } = config;
        let (limit, window, burst, class) = (*limit, *window, *burst, *class);
        Self { per, limit, window, burst, class, store: *store, lease: *lease }
    }
}

impl Faults {
    /// What is wrong with the limits that routes share, whoever shares them.
    pub(super) fn shared_limits(&mut self, config: &Config) {
        self.count("limits", config.limits.len(), 0, MAX_SHARED_LIMITS);
        let mut names = BTreeSet::new();
        for (i, limit) in config.limits.iter().enumerate() {
            let path = format!("limits[{i}]");
            self.limit(&path, &Parts::from(limit), None);
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if limit.name.is_empty() || limit.name.len() > MAX_NAME_BYTES || !limit.name.bytes().all(fits) {
                self.add(format!("{path}.name"), "is not a name; write 1 to 32 letters, digits, - and _");
            }
            if !names.insert(&limit.name) {
                self.add(format!("{path}.name"), "is the name of another limit; write one of its own");
            }
            if !config.routes.iter().any(|route| route.limits.contains(&limit.name)) {
                self.add(&path, "is of no route; name it in limits of a route, or remove it");
            }
        }
    }

    /// The limits of a route, its own and those that it shares.
    pub(super) fn limits(&mut self, path: &str, route: &RouteConfig, config: &Config) -> Vec<Limit> {
        self.count(&format!("{path}.rate"), route.rate.len(), 0, MAX_LIMITS);
        self.count(
            &format!("{path}.limits"),
            route.limits.len(),
            0,
            MAX_LIMITS.saturating_sub(route.rate.len()),
        );
        if !(1..=10_000).contains(&route.cost) {
            self.add(format!("{path}.cost"), format!("is {}; write 1 to 10000", route.cost));
        }
        let mut limits: Vec<Limit> = Vec::new();
        for (i, rate) in route.rate.iter().enumerate() {
            let path = format!("{path}.rate[{i}]");
            let limit = self.limit(&path, &Parts::from(rate), None);
            if limits.iter().any(|other| other.name == limit.name) {
                self.add(&path, "counts the same in the same window as another one; remove the wider one");
            }
            limits.push(limit);
        }
        for (i, name) in route.limits.iter().enumerate() {
            let path = format!("{path}.limits[{i}]");
            let Some(shared) = config.limits.iter().find(|limit| limit.name == *name) else {
                self.add(path, "is not a limit; add one of that name to [[limits]]");
                continue;
            };
            if route.limits.iter().take(i).any(|other| other == name) {
                self.add(path, "is there twice; remove one");
                continue;
            }
            // What is wrong with it is said where it is.
            limits.push(Self::default().limit("", &Parts::from(shared), Some(name)));
        }
        for limit in &limits {
            self.limit_of_route(path, route, config, limit);
        }
        for limit in &mut limits {
            limit.cost = route.cost;
        }
        if limits.is_empty() && route.cost != 1 {
            self.add(format!("{path}.cost"), "is of limits, and this route has none; add rate or limits");
        }
        limits
    }

    /// What can be wrong with a limit on this route only.
    fn limit_of_route(&mut self, path: &str, route: &RouteConfig, config: &Config, limit: &Limit) {
        let name = &limit.name;
        if limit.class != RateClass::Any && route.require.is_empty() {
            let message = "is of agents or of people, and this route proves nobody; add a proof to require";
            self.add(format!("{path}.require"), format!("the limit \"{name}\" {message}"));
        }
        let is_of_objects = limit.store == Some(RateStore::DurableObject);
        let is_elsewhere = is_of_objects || limit.store == Some(RateStore::Kv);
        let is_one = limit.per.as_slice() == [Per::Route] && (!is_of_objects || limit.is_leased());
        if route.require.is_empty() && is_elsewhere && !is_one {
            let kind = if limit.is_shared { "limits" } else { "rate" };
            let message = "is counted in this isolate alone on a route that proves nobody, as anybody could cause a call or a write with each request; leave store out, write \"binding\", or add a proof to require";
            self.add(format!("{path}.{kind}"), format!("\"{name}\" {message}"));
        }
        if limit.class == RateClass::People && config.issuers.is_empty() {
            let message =
                "is of people, who prove themselves by tokens, and there are no [[issuers]]; add one";
            self.add(format!("{path}.require"), format!("the limit \"{name}\" {message}"));
        }
        if route.cost > limit.quota.burst.max(1) {
            let message =
                "is more than the limit lets through at once, so that nothing ever passes; raise burst";
            self.add(format!("{path}.cost"), format!("{message} of \"{name}\""));
        }
        if limit.store == Some(RateStore::Binding) && route.cost != 1 {
            let message = "cannot be counted by the store \"binding\", which counts requests; write 1";
            self.add(format!("{path}.cost"), message);
        }
    }

    fn limit(&mut self, path: &str, parts: &Parts<'_>, shared: Option<&str>) -> Limit {
        let burst = parts.burst.unwrap_or(parts.limit);
        for (name, value) in [("limit", Some(parts.limit)), ("burst", parts.burst)] {
            if let Some(value) = value
                && !(1..=1_000_000).contains(&value)
            {
                self.add(format!("{path}.{name}"), format!("is {value}; write 1 to 1000000"));
            }
        }
        let (least, most) = (Span::from_secs(1), Span::from_secs(86_400));
        let window = self.span(&format!("{path}.window"), parts.window, least, most);
        if parts.store == Some(RateStore::Binding) {
            self.flood(path, parts);
        }
        if parts.lease.is_some() && matches!(parts.store, Some(RateStore::Kv | RateStore::Binding)) {
            self.add(format!("{path}.lease"), "is of the store \"durable-object\"; remove it");
        }
        let class = match parts.class {
            RateClass::Any => "",
            RateClass::Agent => "-agent",
            RateClass::People => "-people",
        };
        let own = || format!("{}-{}s{class}", parts.per.name(), window.as_secs());
        Limit {
            name: shared.map_or_else(own, String::from),
            is_shared: shared.is_some(),
            per: parts.per.clone(),
            quota: Quota { limit: parts.limit, burst, window },
            cost: 1,
            class: parts.class,
            store: parts.store,
            leases: parts.lease.unwrap_or(true),
        }
    }

    /// What the platform's shield cannot do.
    fn flood(&mut self, path: &str, parts: &Parts<'_>) {
        if !parts.per.as_slice().iter().all(|per| matches!(per, Per::Address | Per::Route)) {
            let message = "is not known before anything is verified, when \"binding\" counts; write \"address\" or \"route\"";
            self.add(format!("{path}.per"), message);
        }
        if !FLOOD_WINDOWS.contains(&parts.window) {
            self.add(
                format!("{path}.window"),
                "is none that \"binding\" counts in; write \"10s\" or \"60s\"",
            );
        }
        if parts.burst.is_some() {
            self.add(format!("{path}.burst"), "is nothing that \"binding\" counts; remove it");
        }
        if parts.class != RateClass::Any {
            let message = "is not known before anything is verified, when \"binding\" counts; remove it";
            self.add(format!("{path}.class"), message);
        }
    }
}
