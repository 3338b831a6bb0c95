//! How risk is scored, and what is done about it: `[risk]` and `[routes.risk]`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::Faults;
use super::{Config, ConfigError, Requirement, RouteConfig, Span, list, read_json};
use crate::policy::RouteRisk;
use crate::state::risk::{BreakerSettings, Scoring, Signal, Thresholds, Weights};

/// Versions below this are the gate's own.
const LEAST_OWN_VERSION: u32 = 1_000;

/// How an agent's risk is scored, and what is done about it on all routes. Refusals and what is unusual add points, which
/// fade.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RiskConfig {
    /// From this score on the level is `medium`. Range: 1 to 99, below `high`.
    pub medium: u32,
    /// From this score on the level is `high`. Range: 2 to 100, above `medium`.
    pub high: u32,
    /// How long until half of the points are forgotten. Range: `1s` to `24h`.
    pub half_life: Span,
    /// Where risk is kept. Default: `isolate`.
    pub store: RiskStore,
    /// Score and report, but do nothing about it.
    pub shadow: bool,
    /// From this score on an agent's requests are refused for now, with 429. Default: never. Range: 1 to 100, below the
    /// three others.
    pub throttle: Option<u32>,
    /// From this score on a client must prove itself anew: with a token, that the person has authenticated within
    /// `challenge_max_age` (RFC 9470), else by a signature with a nonce. Default: never. Range: 1 to 100, above `throttle`.
    pub challenge: Option<u32>,
    /// From this score on somebody must approve a request. Default: never. Range: 1 to 100, above `challenge`.
    pub approve: Option<u32>,
    /// From this score on requests are refused, with 403. Default: never. Range: 1 to 100, above `approve`.
    pub deny: Option<u32>,
    /// How long ago a person may have authenticated for that to answer a challenge. Range: `10s` to `24h`.
    pub challenge_max_age: Span,
    /// When nothing passes for a while. Default: never.
    pub breaker: Option<BreakerConfig>,
    /// Other weights than the gate's own. Default: those of version 2.
    pub weights: Option<WeightsConfig>,
}

impl Default for RiskConfig {
    fn default() -> Self {
        Self {
            medium: 40,
            high: 70,
            half_life: Span::from_secs(300),
            store: RiskStore::Isolate,
            shadow: false,
            throttle: None,
            challenge: None,
            approve: None,
            deny: None,
            challenge_max_age: Span::from_secs(300),
            breaker: None,
            weights: None,
        }
    }
}

/// Where risk is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RiskStore {
    /// Each isolate knows what it has seen itself. Costs no call.
    #[default]
    Isolate,
    /// By key, in one place worldwide: a call for each request of a proven agent, the same that exact replay makes.
    DurableObject,
}

/// What is done about an agent's risk on this route, instead of what `[risk]` says. An empty table is for nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RouteRiskConfig {
    /// From this score on an agent's requests are refused for now, with 429. Default: never. Range: 1 to 100, below the
    /// three others.
    pub throttle: Option<u32>,
    /// From this score on a client must prove itself anew. Default: never. Range: 1 to 100, above `throttle`.
    pub challenge: Option<u32>,
    /// From this score on somebody must approve a request. Default: never. Range: 1 to 100, above `challenge`.
    pub approve: Option<u32>,
    /// From this score on requests are refused, with 403. Default: never. Range: 1 to 100, above `approve`.
    pub deny: Option<u32>,
    /// Score and report, but do nothing about it. Default: as `[risk]`.
    pub shadow: Option<bool>,
}

/// When nothing of an agent passes for a while: the circuit breaker.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// How many refusals open it; half of them are forgotten every `window`. Range: 1 to 1000000.
    pub refusals: u32,
    /// In which time half of the refusals are forgotten. Range: `1s` to `24h`.
    pub window: Span,
    /// From which score on it opens. Default: at none. Range: 11 to 100.
    pub score: Option<u32>,
    /// How long nothing passes at first; twice as long each time it opens again soon. Range: `1s` to `24h`.
    pub cool_down: Span,
    /// How long nothing passes at the most, and after how long the next time is a first one. Range: `cool_down` to `24h`.
    pub most_cool_down: Span,
    /// How many good requests close it, of which one a second passes after the cool-down. Range: 1 to 1000.
    pub probes: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            refusals: 30,
            window: Span::from_secs(60),
            score: None,
            cool_down: Span::from_secs(30),
            most_cool_down: Span::from_secs(900),
            probes: 3,
        }
    }
}

/// Other weights than the gate's own. What is not written is as the gate's own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WeightsConfig {
    /// The version that decisions say these weights have. Range: 1000 to 4294967295; lower ones are the gate's own.
    pub version: u32,
    /// How much signals weigh, by their codes. Default: as `docs/risk.md` says.
    #[serde(default)]
    pub signals: BTreeMap<String, WeightConfig>,
    /// From which share of refused requests on, in percent, refusals count in full. Default: 25. Range: 0 to 99.
    #[serde(default)]
    pub refused_share: Option<u8>,
    /// How many requests a minute are never unusual, over some 10 seconds. Default: 600. Range: 1 to 1000000.
    #[serde(default)]
    pub burst_per_minute: Option<u32>,
    /// How many requests a minute are never unusual, over some 5 minutes. Default: 150. Range: 1 to 1000000.
    #[serde(default)]
    pub sustained_per_minute: Option<u32>,
    /// How many times the requests of its last hours are not unusual for an agent. Default: 4. Range: 1 to 1000.
    #[serde(default)]
    pub velocity_times: Option<u32>,
    /// How many different resources a day are never unusual. Default: 300. Range: 1 to 1000000.
    #[serde(default)]
    pub resources_per_day: Option<u32>,
    /// How many times the resources of its days before are not unusual for an agent. Default: 2. Range: 1 to 1000.
    #[serde(default)]
    pub resources_times: Option<u32>,
    /// How many minor units of money an hour are never unusual, whatever the currency. Default: 100000. Range: 1 to
    /// 4294967295.
    #[serde(default)]
    pub spend_per_hour: Option<u32>,
    /// How many times the spending of its days before is not unusual for an agent. Default: 4. Range: 1 to 1000.
    #[serde(default)]
    pub spend_times: Option<u32>,
    /// From which speed on, in km/h, a journey to a new network is not plausible. Default: 1200. Range: 1 to 1000000.
    #[serde(default)]
    pub travel_speed: Option<u32>,
    /// Up to which distance, in km, nobody has travelled. Default: 800. Range: 0 to 20000.
    #[serde(default)]
    pub travel_distance: Option<u32>,
    /// How long an agent is learnt before a network or country is new to it, and how long one then stays new.
    /// Default: `1h`. Range: `0s` to `30d`.
    #[serde(default)]
    pub learning: Option<Span>,
    /// Until which age an agent is young. Default: `1d`. Range: `0s` to `365d`.
    #[serde(default)]
    pub young: Option<Span>,
}

/// How much a signal weighs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WeightConfig {
    /// The points of one incident, one doubling, one actor; percent for `key_age`. Range: 0 to 100.
    pub points: u8,
    /// The most points of the signal. Range: 0 to 100.
    pub cap: u8,
}

impl RiskConfig {
    /// Reads what stands under `[risk]`, as JSON.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        read_json(text)
    }

    /// Reads what stands under `[risk]`, as TOML.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        super::read_toml(text)
    }

    /// How it scores. Gives every fault that it has.
    pub fn scoring(&self) -> Result<Scoring, Vec<ConfigError>> {
        let mut faults = Faults::default();
        let scoring = faults.scoring(self);
        faults.into_result(scoring)
    }
}

impl Faults {
    pub(super) fn scoring(&mut self, risk: &RiskConfig) -> Scoring {
        if !(1..=100).contains(&risk.medium) || !(1..=100).contains(&risk.high) || risk.medium >= risk.high {
            self.add("risk", "thresholds are out of order; write 1 <= medium < high <= 100");
        }
        let half_life =
            self.span("risk.half_life", risk.half_life, Span::from_secs(1), Span::from_secs(86_400));
        let _ = self.span(
            "risk.challenge_max_age",
            risk.challenge_max_age,
            Span::from_secs(10),
            Span::from_secs(86_400),
        );
        self.thresholds("risk", [risk.throttle, risk.challenge, risk.approve, risk.deny]);
        let breaker = risk.breaker.as_ref().map(|breaker| self.breaker(breaker));
        let weights = risk.weights.as_ref().map(|weights| self.weights(weights)).unwrap_or_default();
        Scoring { medium: risk.medium, high: risk.high, half_life, weights, breaker }
    }

    fn within(&mut self, path: &str, value: u32, least: u32, most: u32) -> u32 {
        if !(least..=most).contains(&value) {
            self.add(path, format!("is {value}; write {least} to {most}"));
        }
        value
    }

    fn breaker(&mut self, breaker: &BreakerConfig) -> BreakerSettings {
        let (second, day) = (Span::from_secs(1), Span::from_secs(86_400));
        let path = |name: &str| format!("risk.breaker.{name}");
        let score = breaker.score.map(|score| self.within(&path("score"), score, 11, 100));
        let cool_down = self.span(&path("cool_down"), breaker.cool_down, second, day);
        BreakerSettings {
            refusals: self.within(&path("refusals"), breaker.refusals, 1, 1_000_000),
            window: self.span(&path("window"), breaker.window, second, day),
            score: score.unwrap_or(101),
            cool_down,
            most_cool_down: self.span(
                &path("most_cool_down"),
                breaker.most_cool_down,
                breaker.cool_down.min(day),
                day,
            ),
            probes: self.within(&path("probes"), breaker.probes, 1, 1_000),
        }
    }

    fn weights(&mut self, config: &WeightsConfig) -> Weights {
        let mut weights = Weights { version: config.version, ..Weights::default() };
        if config.version < LEAST_OWN_VERSION {
            let message = format!("is {}; write {LEAST_OWN_VERSION} or more", config.version);
            self.add("risk.weights.version", message);
        }
        for (code, weight) in &config.signals {
            let path = format!("risk.weights.signals.{code}");
            let Some(signal) = Signal::from_code(code) else {
                let codes: Vec<_> = Signal::ALL.iter().map(|signal| signal.code()).collect();
                self.add(path, format!("is not a signal; write one of {}", list(&codes)));
                continue;
            };
            for (name, value) in [("points", weight.points), ("cap", weight.cap)] {
                self.within(&format!("{path}.{name}"), value.into(), 0, 100);
            }
            weights.set(signal, weight.points, weight.cap);
        }
        if let Some(share) = config.refused_share {
            self.within("risk.weights.refused_share", share.into(), 0, 99);
            weights.refused_share = share;
        }
        let numbers = [
            ("burst_per_minute", config.burst_per_minute, &mut weights.burst_per_minute, 1, 1_000_000),
            (
                "sustained_per_minute",
                config.sustained_per_minute,
                &mut weights.sustained_per_minute,
                1,
                1_000_000,
            ),
            ("velocity_times", config.velocity_times, &mut weights.velocity_times, 1, 1_000),
            ("resources_per_day", config.resources_per_day, &mut weights.resources_per_day, 1, 1_000_000),
            ("resources_times", config.resources_times, &mut weights.resources_times, 1, 1_000),
            ("spend_per_hour", config.spend_per_hour, &mut weights.spend_per_hour, 1, u32::MAX),
            ("spend_times", config.spend_times, &mut weights.spend_times, 1, 1_000),
            ("travel_speed", config.travel_speed, &mut weights.travel_speed, 1, 1_000_000),
            ("travel_distance", config.travel_distance, &mut weights.travel_distance, 0, 20_000),
        ];
        for (name, value, weight, least, most) in numbers {
            if let Some(value) = value {
                *weight = self.within(&format!("risk.weights.{name}"), value, least, most).into();
            }
        }
        let spans = [
            ("learning", config.learning, &mut weights.learning, 30 * 86_400),
            ("young", config.young, &mut weights.young, 365 * 86_400),
        ];
        for (name, value, weight, most) in spans {
            if let Some(value) = value {
                let path = format!("risk.weights.{name}");
                *weight = self.span(&path, value, Span::from_secs(0), Span::from_secs(most));
            }
        }
        weights
    }

    /// Thresholds that each could be reached, the milder ones first.
    fn thresholds(
        &mut self,
        path: &str,
        [throttle, challenge, approve, deny]: [Option<u32>; 4],
    ) -> Thresholds {
        let written: Vec<_> = [throttle, challenge, approve, deny].into_iter().flatten().collect();
        let is_rising = written.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if !is_rising || !written.iter().all(|score| (1..=100).contains(score)) {
            let order = "1 <= throttle < challenge < approve < deny <= 100";
            self.add(path, format!("thresholds are out of order; write {order}"));
        }
        Thresholds { throttle, challenge, approve, deny }
    }

    /// What is done about risk on a route.
    pub(super) fn route_risk(&mut self, path: &str, route: &RouteConfig, config: &Config) -> RouteRisk {
        let gate = &config.risk;
        let Some(own) = &route.risk else {
            let RiskConfig { throttle, challenge, approve, deny, shadow, .. } = *gate;
            let thresholds = Thresholds { throttle, challenge, approve, deny };
            // Who needs no proof has no risk.
            let thresholds = if route.require.is_empty() { Thresholds::default() } else { thresholds };
            return RouteRisk { thresholds, shadow };
        };
        let path = format!("{path}.risk");
        let thresholds = self.thresholds(&path, [own.throttle, own.challenge, own.approve, own.deny]);
        if route.require.is_empty() && !thresholds.is_empty() {
            self.add(&path, "is about agents that are proven, which this route does not require; remove it");
        } else if own.challenge.is_some() && !route.require.iter().any(|proof| is_askable(*proof)) {
            self.add(
                format!("{path}.challenge"),
                "asks for a token or a signature, and this route requires neither; write `throttle` or `deny`",
            );
        }
        RouteRisk { thresholds, shadow: own.shadow.unwrap_or(gate.shadow) }
    }
}

/// Whether a client can be asked for a new one.
fn is_askable(proof: Requirement) -> bool {
    matches!(proof, Requirement::Token | Requirement::Signature)
}
