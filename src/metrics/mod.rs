//! Counters and histograms of what a gate decides: [`Metrics`].
//!
//! Everything is bounded, whatever clients send. Labels are taken from the configuration (routes), from closed sets
//! (codes, steps, calls), from what was *proven* (agents) and from what the host says of a connection (the number of its
//! autonomous system, never an address); a name that somebody merely claims is none of them. Agents and networks are many
//! all the same: those beyond a bound are counted together, under `other`.
//!
//! The core has no clock: hosts measure and hand durations in. In Workers time stands still while an isolate computes, so
//! that a step's duration there is how long it waited for something outside; a check made in WebAssembly takes none.
//!
//! One isolate counts for itself, and hands on what came since it last did ([`Metrics::take`]); a host adds that up
//! ([`Metrics::merge`]) where a scrape sees all isolates. [`openmetrics`] is the text of it.

mod histogram;
pub mod openmetrics;
pub mod point;
mod seldom;

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use crate::decision::{Decision, Outcome};
use crate::state::risk::UNIDENTIFIED;
pub use histogram::Histogram;
use histogram::{DURATION_BOUNDS, SCORE_BOUNDS};
pub use seldom::Seldom;

/// What is counted together with others.
pub const OTHER: &str = "other";
/// What steps are called: those of [`crate::engine::Step`], the whole `decision`, and the `origin`'s answer.
pub const STEPS: [&str; 11] =
    ["keys", "agents", "denials", "wait", "checks", "body", "limits", "state", "fetch", "decision", "origin"];
/// Most networks that are counted apart.
const MAX_NETWORKS: usize = 256;
/// Most series of one family: beyond, routes and agents are counted together. As many as a route for each code and outcome.
const MAX_SERIES: usize = 4096;
/// Longest label, in bytes: 200. What is longer is counted as `other`.
const MAX_LABEL_BYTES: usize = 200;

/// What is counted: a name, and the labels that tell its series apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Decisions by route, outcome and code.
    Decisions,
    /// Decisions with a reason, by agent, route and code.
    Failures,
    /// The networks that those came from, by the number of the autonomous system.
    FailureNetworks,
    /// Risk scores that decisions were made at.
    RiskScore,
    /// How long steps took, by step.
    StepDuration,
    /// Calls to what is outside, by what was called and how it went.
    Calls,
    /// Lines of the audit log, by what became of them.
    AuditLines,
    /// Isolates, or processes, that began to count.
    Isolates,
}

impl Family {
    /// All of them, in the order of their text.
    pub const ALL: [Self; 8] = [
        Self::Decisions,
        Self::Failures,
        Self::FailureNetworks,
        Self::RiskScore,
        Self::StepDuration,
        Self::Calls,
        Self::AuditLines,
        Self::Isolates,
    ];

    /// The name of the family, without what `OpenMetrics` puts behind it for a type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decisions => "countersign_decisions",
            Self::Failures => "countersign_failures",
            Self::FailureNetworks => "countersign_failure_networks",
            Self::RiskScore => "countersign_risk_score",
            Self::StepDuration => "countersign_step_duration_seconds",
            Self::Calls => "countersign_calls",
            Self::AuditLines => "countersign_audit_lines",
            Self::Isolates => "countersign_isolates",
        }
    }

    /// What it is, in a sentence.
    #[must_use]
    pub fn help(self) -> &'static str {
        match self {
            Self::Decisions => "Decisions by route, outcome and code.",
            Self::Failures => "Decisions with a reason, by proven agent, route and code.",
            Self::FailureNetworks => "Decisions with a reason, by autonomous system of the client.",
            Self::RiskScore => "Risk scores that decisions were made at.",
            Self::StepDuration => "How long each step of a decision took, as the host's clock tells.",
            Self::Calls => "Calls to what is outside of the isolate.",
            Self::AuditLines => "Decisions in the audit log, by what became of them.",
            Self::Isolates => "Isolates that began to count.",
        }
    }

    /// The names of its labels.
    #[must_use]
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Decisions => &["route", "outcome", "code"],
            Self::Failures => &["agent", "route", "code"],
            Self::FailureNetworks => &["asn"],
            Self::RiskScore | Self::Isolates => &[],
            Self::StepDuration => &["step"],
            Self::Calls => &["target", "operation", "result"],
            Self::AuditLines => &["result"],
        }
    }

    /// The upper bounds of its buckets, where it is a histogram.
    pub(crate) fn bounds(self) -> Option<&'static [u64]> {
        match self {
            Self::RiskScore => Some(&SCORE_BOUNDS),
            Self::StepDuration => Some(&DURATION_BOUNDS),
            _ => None,
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// What outside was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Workers KV.
    Kv,
    /// A Durable Object.
    Object,
    /// Another server: key sets, issuers, receivers of events.
    Fetch,
    /// The origin.
    Origin,
    /// A queue.
    Queue,
    /// An R2 bucket.
    R2,
}

impl Target {
    fn as_str(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Object => "object",
            Self::Fetch => "fetch",
            Self::Origin => "origin",
            Self::Queue => "queue",
            Self::R2 => "r2",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Series {
    Counter(u64),
    Histogram(Histogram),
}

type Key = (Family, Vec<String>);

/// Counters and histograms. Two bounds count: [`crate::config::MetricsConfig::agents`], and what a family may have.
#[derive(Clone, Debug)]
pub struct Metrics {
    max_agents: usize,
    /// Agents that are counted apart: those that are configured, and others as they come.
    agents: BTreeSet<String>,
    known_agents: usize,
    series: BTreeMap<Key, Series>,
}

impl Metrics {
    /// Nothing counted yet. At most so many agents are counted apart, beside those that are [known](Self::know).
    #[must_use]
    pub fn new(max_agents: usize) -> Self {
        Self { max_agents, agents: BTreeSet::new(), known_agents: 0, series: BTreeMap::new() }
    }

    /// Counts this agent apart however many others come before it.
    pub fn know(&mut self, agent: &str) {
        if agent.len() <= MAX_LABEL_BYTES && self.agents.insert(agent.to_owned()) {
            self.known_agents += 1;
        }
    }

    /// Counts a decision.
    pub fn decision(&mut self, decision: &Decision) {
        let route = decision.route.as_deref().unwrap_or("none");
        self.add(Family::Decisions, &[route, outcome(decision.outcome), decision.code], 1);
        self.observe(Family::RiskScore, &[], decision.risk.score.into());
        if decision.reason.is_some() {
            let agent = decision.agent.as_ref().map_or(UNIDENTIFIED, |agent| agent.id.as_str());
            self.add(Family::Failures, &[agent, route, decision.code], 1);
        }
    }

    /// Counts the network that a request with a reason came from.
    pub fn failure_network(&mut self, asn: Option<u32>) {
        let asn = asn.map_or_else(|| "unknown".to_owned(), |asn| asn.to_string());
        self.add(Family::FailureNetworks, &[&asn], 1);
    }

    /// Counts how long a step took, which is one of [`STEPS`].
    pub fn step(&mut self, step: &str, took: Duration) {
        let step = STEPS.into_iter().find(|known| *known == step).unwrap_or(OTHER);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.observe(Family::StepDuration, &[step], micros);
    }

    /// Counts a call.
    pub fn call(&mut self, target: Target, operation: &'static str, succeeded: bool) {
        let result = if succeeded { "ok" } else { "failed" };
        self.add(Family::Calls, &[target.as_str(), operation, result], 1);
    }

    /// Counts decisions that the audit log has, and those that it had no room for.
    pub fn audited(&mut self, written: u64, lost: u64) {
        for (result, count) in [("written", written), ("lost", lost)] {
            if count > 0 {
                self.add(Family::AuditLines, &[result], count);
            }
        }
    }

    /// Counts an isolate, or a process.
    pub fn isolate(&mut self) {
        self.add(Family::Isolates, &[], 1);
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// What was counted since this was last called, to be added up elsewhere.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let taken = core::mem::take(&mut self.series);
        Self { series: taken, agents: self.agents.clone(), ..*self }
    }

    /// Adds what another has counted, within the bounds of this one.
    pub fn merge(&mut self, other: &Self) {
        for ((family, labels), series) in &other.series {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            self.join(*family, &labels, series);
        }
    }

    fn add(&mut self, family: Family, labels: &[&str], count: u64) {
        self.join(family, labels, &Series::Counter(count));
    }

    fn observe(&mut self, family: Family, labels: &[&str], value: u64) {
        let Some(bounds) = family.bounds() else { return };
        let mut one = Histogram::new(bounds);
        one.observe(bounds, value);
        self.join(family, labels, &Series::Histogram(one));
    }

    fn join(&mut self, family: Family, labels: &[&str], added: &Series) {
        let key = self.key(family, labels);
        match (self.series.get_mut(&key), added) {
            (Some(Series::Counter(count)), Series::Counter(added)) => *count = count.saturating_add(*added),
            (Some(Series::Histogram(histogram)), Series::Histogram(added)) => histogram.merge(added),
            (None, added) => drop(self.series.insert(key, added.clone())),
            _ => {}
        }
    }

    /// The series of these labels; where there is no room for another, the one that has the rest.
    fn key(&mut self, family: Family, labels: &[&str]) -> Key {
        let mut labels: Vec<String> = labels
            .iter()
            .map(|label| if label.len() > MAX_LABEL_BYTES { OTHER } else { label })
            .map(ToOwned::to_owned)
            .collect();
        if let (Family::Failures, Some(agent)) = (family, labels.first_mut()) {
            self.admit(agent);
        }
        let key = (family, labels);
        if self.series.contains_key(&key) {
            return key;
        }
        let others = self.series.range((family, Vec::new())..).take_while(|((other, _), _)| *other == family);
        let room = if family == Family::FailureNetworks { MAX_NETWORKS } else { MAX_SERIES };
        if others.count() < room {
            return key;
        }
        let (family, labels) = key;
        let open = |name: &str| matches!(name, "agent" | "route" | "asn");
        let labels = family.labels().iter().zip(labels);
        (family, labels.map(|(name, label)| if open(name) { OTHER.to_owned() } else { label }).collect())
    }

    /// Replaces the name of an agent that there is no room for.
    fn admit(&mut self, agent: &mut String) {
        if agent == UNIDENTIFIED || agent == OTHER || self.agents.contains(agent) {
            return;
        }
        if self.agents.len() - self.known_agents < self.max_agents {
            self.agents.insert(agent.clone());
        } else {
            OTHER.clone_into(agent);
        }
    }

    /// All series: a family, the labels, and a count or a histogram.
    pub(crate) fn of(&self, family: Family) -> impl Iterator<Item = (&[String], u64, Option<&Histogram>)> {
        let of_family =
            self.series.range((family, Vec::new())..).take_while(move |((other, _), _)| *other == family);
        of_family.map(|((_, labels), series)| match series {
            Series::Counter(count) => (labels.as_slice(), *count, None),
            Series::Histogram(histogram) => (labels.as_slice(), histogram.count(), Some(histogram)),
        })
    }

    /// What was counted, for another isolate or a store: an array of `[family, labels, count]`, where the count of a
    /// histogram is `[sum, counts of its buckets]`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let series = self.series.iter().map(|((family, labels), series)| match series {
            Series::Counter(count) => json!([family.name(), labels, count]),
            Series::Histogram(histogram) => {
                json!([family.name(), labels, [histogram.sum(), histogram.buckets()]])
            }
        });
        Value::Array(series.collect())
    }

    /// Adds what [`Self::to_json`] gave. What is not of its form is passed over.
    pub fn merge_json(&mut self, value: &Value) {
        for series in value.as_array().map(Vec::as_slice).unwrap_or_default() {
            if let Some((family, labels, series)) = read(series) {
                self.join(family, &labels, &series);
            }
        }
    }
}

/// One series out of its JSON.
fn read(value: &Value) -> Option<(Family, Vec<&str>, Series)> {
    let [family, labels, count] = value.as_array()?.as_slice() else { return None };
    let family = Family::of(family.as_str()?)?;
    let labels: Vec<&str> = labels.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    if labels.len() != family.labels().len() {
        return None;
    }
    let series = match (family.bounds(), count) {
        (None, count) => Series::Counter(count.as_u64()?),
        (Some(bounds), count) => {
            let [sum, buckets] = count.as_array()?.as_slice() else { return None };
            let buckets = buckets.as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<_>>>()?;
            Series::Histogram(Histogram::from_parts(bounds, sum.as_u64()?, buckets)?)
        }
    };
    Some((family, labels, series))
}

/// The name of an outcome, as its JSON has it.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allow",
        Outcome::Challenge => "challenge",
        Outcome::Deny => "deny",
        Outcome::Throttle => "throttle",
        Outcome::Approve => "approve",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Session;
    use crate::reason::Reason;
    use crate::time::UnixMillis;
    use std::format;

    fn failure(agent: Option<&str>, route: &str) -> Decision {
        let mut decision = Session::refuse_unviewable(Reason::RequestPathAmbiguous, UnixMillis(0), [0; 10]);
        decision.route = Some(route.to_owned());
        decision.agent = agent.map(|id| crate::decision::Agent {
            id: id.to_owned(),
            method: crate::decision::Method::Token,
            key: None,
            operator: None,
            purpose: None,
        });
        decision
    }

    fn counts(metrics: &Metrics, family: Family) -> Vec<(Vec<String>, u64)> {
        metrics.of(family).map(|(labels, count, _)| (labels.to_vec(), count)).collect()
    }

    #[test]
    fn a_decision_is_counted_by_what_it_says() {
        let mut metrics = Metrics::new(10);
        metrics.decision(&failure(Some("shopper"), "GET /a"));
        metrics.decision(&failure(None, "GET /a"));
        let labels = |labels: [&str; 3]| labels.map(ToOwned::to_owned).to_vec();
        assert_eq!(
            counts(&metrics, Family::Decisions),
            [(labels(["GET /a", "deny", "request.path_ambiguous"]), 2)]
        );
        assert_eq!(
            counts(&metrics, Family::Failures),
            [
                (labels(["shopper", "GET /a", "request.path_ambiguous"]), 1),
                (labels(["unidentified", "GET /a", "request.path_ambiguous"]), 1)
            ]
        );
        assert_eq!(counts(&metrics, Family::RiskScore), [(Vec::new(), 2)]);
    }

    #[test]
    fn many_agents_are_counted_together() {
        let mut metrics = Metrics::new(10);
        metrics.know("known");
        for i in 0..100_000 {
            metrics.decision(&failure(Some(&format!("agent-{i}")), "GET /a"));
        }
        metrics.decision(&failure(Some("known"), "GET /a"));
        metrics.decision(&failure(Some(&"x".repeat(MAX_LABEL_BYTES + 1)), "GET /a"));
        let failures = counts(&metrics, Family::Failures);
        assert_eq!(failures.len(), 12);
        let of =
            |agent: &str| failures.iter().find(|(labels, _)| labels[0] == agent).map(|(_, count)| *count);
        assert_eq!((of("agent-0"), of("known"), of(OTHER)), (Some(1), Some(1), Some(100_000 - 10 + 1)));
    }

    #[test]
    fn many_networks_and_series_are_counted_together() {
        let mut metrics = Metrics::new(1000);
        for asn in 0..10_000 {
            metrics.failure_network(Some(asn));
        }
        metrics.failure_network(None);
        assert_eq!(counts(&metrics, Family::FailureNetworks).len(), MAX_NETWORKS + 1);
        for agent in 0..100 {
            for route in 0..100 {
                metrics.decision(&failure(Some(&format!("{agent}")), &format!("GET /{route}")));
            }
        }
        let failures = counts(&metrics, Family::Failures);
        assert_eq!(failures.len(), MAX_SERIES + 1);
        assert_eq!(failures.iter().map(|(_, count)| count).sum::<u64>(), 10_000);
    }

    #[test]
    fn what_isolates_counted_adds_up_however_it_is_handed_on() {
        let mut total = Metrics::new(5);
        for isolate in 0..3_u32 {
            let mut metrics = Metrics::new(5);
            metrics.isolate();
            metrics.step("keys", Duration::from_millis(3));
            metrics.decision(&failure(Some(&format!("agent-{isolate}")), "GET /a"));
            metrics.call(Target::Kv, "get", true);
            metrics.audited(3, 0);
            let taken = metrics.take();
            assert!(metrics.is_empty() && !taken.is_empty());
            total.merge_json(&serde_json::from_str(&taken.to_json().to_string()).unwrap());
        }
        assert_eq!(counts(&total, Family::Isolates), [(Vec::new(), 3)]);
        assert_eq!(counts(&total, Family::Failures).len(), 3);
        assert_eq!(counts(&total, Family::StepDuration)[0].1, 3);
        let mut again = Metrics::new(5);
        again.merge(&total);
        assert_eq!(again.to_json(), total.to_json());
    }

    #[test]
    fn what_is_no_count_is_passed_over() {
        let mut metrics = Metrics::new(5);
        metrics.merge_json(&json!([
            1,
            [],
            ["x", [], 1],
            ["countersign_isolates", ["too many"], 1],
            ["countersign_isolates", [], -1],
            ["countersign_decisions", ["a", "b"], 1],
            ["countersign_risk_score", [], [1, [1]]],
            ["countersign_risk_score", [], 1],
            ["countersign_calls", [1, 2, 3], 1],
        ]));
        metrics.merge_json(&json!({}));
        assert!(metrics.is_empty(), "{}", metrics.to_json());
        metrics.merge_json(&json!([["countersign_isolates", [], u64::MAX], ["countersign_isolates", [], 5]]));
        assert_eq!(counts(&metrics, Family::Isolates), [(Vec::new(), u64::MAX)]);
    }
}
