//! Risk: what a subject's requests say about it, as integer points with reasons.
//!
//! Signals add up to a score, at most 100 ([`signal`]). Incidents (refusals, new networks) are counted and halve every half-life;
//! the rest follows from what is usual for the subject: how often it asks, for how many different resources, for how much
//! money ([`State`]). The state has a constant size, and everything is integer arithmetic on the state, what is observed
//! ([`Observed`]) and the time, so that every host scores alike and a log can be scored again. Thresholds divide the score into
//! levels, whose change is an event, and a route may have others to act at ([`Thresholds`], [`BreakerSettings`]).
//!
//! Only what nobody but the proven agent can have caused counts under its name: whoever sends garbage in another's name,
//! or sends again what it has seen, must not harm it. What cannot be attributed is counted together, under
//! [`UNIDENTIFIED`]. What an agent does that is neither refused nor unusual, no score tells.

mod ask;
mod breaker;
mod distinct;
mod fading;
mod observed;
mod places;
pub mod signal;
mod state;

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

pub use ask::{Ask, MAX_MARKS, MAX_REFUSED, Refused};
pub use breaker::{BreakerSettings, Phase};
pub use observed::{Country, Digest, Incidents, MAX_REQUESTS, Observed, Requests};
pub use signal::{Signal, WEIGHTS_VERSION, Weight, Weights};
pub use state::{MAX_ENCODED_BYTES, State};

/// The subject that refusals without a proven agent are counted under.
pub const UNIDENTIFIED: &str = "unidentified";

/// How far below the beginning of a level a score must fall to leave it; likewise for a breaker.
const HYSTERESIS: u32 = 10;

/// How a score is made, and what follows from it for all routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scoring {
    /// From this score on the level is medium.
    pub medium: u32,
    /// From this score on the level is high.
    pub high: u32,
    /// How long until half of the incidents are forgotten.
    pub half_life: Duration,
    /// How much each signal weighs.
    pub weights: Weights,
    /// When requests are refused for a while.
    pub breaker: Option<BreakerSettings>,
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            medium: 40,
            high: 70,
            half_life: Duration::from_mins(5),
            weights: Weights::default(),
            breaker: None,
        }
    }
}

/// The level of a score. CAEP 1.0 has the same three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Below `medium`.
    #[default]
    Low,
    /// From `medium` on.
    Medium,
    /// From `high` on.
    High,
}

impl Level {
    /// The name that CAEP 1.0 gives it.
    #[must_use]
    pub fn caep(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }

    fn of(score: u32, scoring: &Scoring) -> Self {
        match score {
            s if s >= scoring.high => Self::High,
            s if s >= scoring.medium => Self::Medium,
            _ => Self::Low,
        }
    }

    /// A level is left downwards only well below where it begins, so that a score near a threshold does not change levels
    /// with every request.
    fn after(self, score: u32, scoring: &Scoring) -> Self {
        Self::of(score, scoring).max(self.min(Self::of(score.saturating_add(HYSTERESIS), scoring)))
    }
}

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelChange {
    /// The level before.
    pub from: Level,
    /// The level now.
    pub to: Level,
    /// The score now.
    pub score: u32,
}

/// What a state comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// 0 to 100.
    #[serde(rename = "s")]
    pub score: u32,
    /// The level, with hysteresis.
    #[serde(rename = "l")]
    pub level: Level,
    /// What adds to the score, and how much: the largest first, equals in the order of [`Signal::ALL`].
    #[serde(rename = "r")]
    pub reasons: Vec<(Signal, u32)>,
    /// Whether the level changed with what was observed.
    #[serde(rename = "c")]
    pub change: Option<LevelChange>,
    /// How long the breaker keeps the request waiting, where it does.
    #[serde(rename = "w")]
    pub wait: Option<Duration>,
    /// From what to what the breaker changed, if it did.
    #[serde(rename = "b")]
    pub breaker: Option<(Phase, Phase)>,
}

impl Assessment {
    /// The same, with the changes that came with it before.
    fn after(mut self, before: &Self) -> Self {
        let from = before.change.or(self.change).map(|change| change.from);
        let change = |from| LevelChange { from, to: self.level, score: self.score };
        self.change = from.filter(|from| *from != self.level).map(change);
        let from = before.breaker.or(self.breaker).map(|(from, _)| from);
        let to = self.breaker.or(before.breaker).map(|(_, to)| to);
        self.breaker = from.zip(to).filter(|(from, to)| from != to);
        self
    }
}

/// What is done about a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The request is refused for now.
    Throttle,
    /// The client must prove itself anew.
    Challenge,
    /// Somebody must approve the request.
    Approve,
    /// The request is refused.
    Deny,
    /// The breaker is open: requests are refused for now.
    Break,
}

impl Measure {
    /// The name in decisions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Challenge => "challenge",
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Break => "break",
        }
    }
}

/// From which scores on something is done: 1 to 100 each, rising; `None` for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thresholds {
    /// From this score on requests are throttled.
    pub throttle: Option<u32>,
    /// From this score on clients are challenged.
    pub challenge: Option<u32>,
    /// From this score on requests need approval.
    pub approve: Option<u32>,
    /// From this score on requests are denied.
    pub deny: Option<u32>,
}

impl Thresholds {
    /// Whether nothing is ever done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is done about an assessment: the strictest of what it reached. A challenge that the request answers already
    /// is as none, and throttles where that was reached, too.
    #[must_use]
    pub fn measure(&self, assessment: &Assessment, answers_challenge: bool) -> Option<Measure> {
        let reached = |threshold: Option<u32>| threshold.is_some_and(|from| assessment.score >= from);
        if reached(self.deny) {
            Some(Measure::Deny)
        } else if assessment.wait.is_some() {
            Some(Measure::Break)
        } else if reached(self.approve) {
            Some(Measure::Approve)
        } else if reached(self.challenge) {
            (!answers_challenge).then_some(Measure::Challenge)
        } else if reached(self.throttle) {
            Some(Measure::Throttle)
        } else {
            None
        }
    }

    /// How long until incidents have faded so far that a throttled request would pass: at least a second, and at most
    /// four half-lives. Where other signals hold the score up, it takes longer.
    #[must_use]
    pub fn retry_after(&self, score: u32, half_life: Duration) -> Duration {
        let below = self.throttle.unwrap_or(1).saturating_sub(1).max(1);
        let halvings = fading::doublings(score.into(), below.into()).min(4 << 16);
        let millis = (u128::from(halvings) * half_life.as_millis()) >> 16;
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).max(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assessment(score: u32) -> Assessment {
        Assessment { score, ..Assessment::default() }
    }

    #[test]
    fn the_strictest_measure_that_was_reached_is_taken() {
        let all = Thresholds { throttle: Some(40), challenge: Some(55), approve: Some(70), deny: Some(85) };
        for (score, measure) in [
            (0, None),
            (39, None),
            (40, Some(Measure::Throttle)),
            (54, Some(Measure::Throttle)),
            (55, Some(Measure::Challenge)),
            (70, Some(Measure::Approve)),
            (85, Some(Measure::Deny)),
            (100, Some(Measure::Deny)),
        ] {
            assert_eq!(all.measure(&assessment(score), false), measure, "{score}");
            assert_eq!(Thresholds::default().measure(&assessment(score), false), None);
        }
        assert_eq!(all.measure(&assessment(60), true), None, "the challenge is answered");
        assert_eq!(all.measure(&assessment(70), true), Some(Measure::Approve));
        let waiting = Assessment { wait: Some(Duration::from_secs(1)), ..assessment(0) };
        assert_eq!(Thresholds::default().measure(&waiting, true), Some(Measure::Break));
        assert_eq!(all.measure(&Assessment { score: 90, ..waiting }, true), Some(Measure::Deny));
    }

    #[test]
    fn a_client_is_told_to_come_back_when_the_score_has_faded() {
        let at = |score| {
            Thresholds { throttle: Some(41), ..Thresholds::default() }
                .retry_after(score, Duration::from_secs(100))
        };
        assert_eq!(at(80).as_secs(), 100);
        assert_eq!(at(41).as_secs(), 3);
        assert_eq!(at(0).as_secs(), 1);
        let lowest = Thresholds { throttle: Some(1), ..Thresholds::default() };
        assert_eq!(lowest.retry_after(100, Duration::from_secs(100)).as_secs(), 400);
    }

    #[test]
    fn levels_are_left_well_below_where_they_begin() {
        let scoring = Scoring::default();
        for (level, score, after) in [
            (Level::Low, 39, Level::Low),
            (Level::Low, 40, Level::Medium),
            (Level::Low, 70, Level::High),
            (Level::Medium, 31, Level::Medium),
            (Level::Medium, 29, Level::Low),
            (Level::High, 61, Level::High),
            (Level::High, 59, Level::Medium),
            (Level::High, 29, Level::Low),
        ] {
            assert_eq!(level.after(score, &scoring), after, "{level:?} {score}");
        }
    }
}
