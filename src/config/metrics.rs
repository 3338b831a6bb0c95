//! How decisions are counted: `[metrics]`.

use alloc::format;

use serde::Deserialize;

use super::gate::Faults;

/// Most agents that are counted apart.
const MAX_AGENTS: usize = 1000;
/// Most allowed requests for one point.
const MAX_SAMPLE: u32 = 10_000;

/// How decisions are counted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Most agents that failures are counted for one by one, beside those of `[[agents]]`; those that come later are counted
    /// together, as `other`. Range: 0 to 1000.
    pub agents: usize,
    /// Of how many requests that go through one is a point in Analytics Engine, where that is bound; the point says so in its
    /// weight. Refusals always are one. Range: 1 to 10000.
    pub sample: u32,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { agents: 100, sample: 1 }
    }
}

impl Faults {
    pub(super) fn metrics(&mut self, config: &MetricsConfig) -> MetricsConfig {
        self.at_most("metrics.agents", config.agents, MAX_AGENTS);
        if !(1..=MAX_SAMPLE).contains(&config.sample) {
            let sample = config.sample;
            self.add("metrics.sample", format!("is {sample}; write 1 to {MAX_SAMPLE}"));
        }
        config.clone()
    }
}
