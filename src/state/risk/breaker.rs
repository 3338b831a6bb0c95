//! A circuit breaker: closed, open, half-open, with hysteresis. Old state, what happened and the time, to the new state.
//!
//! It opens after so many refusals within a window, or at a score; then nothing passes until a cool-down is over. After
//! it single requests pass as probes. Each refusal meanwhile opens it again, for twice as long up to a bound; so many
//! probes in a row that are good close it, once the score is well below the one that it opens at.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::HYSTERESIS;
use super::fading::{ONE, faded};
use crate::time::UnixMillis;

/// The time between two probes: one second.
const PROBE_EVERY: u64 = 1_000;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerSettings {
    /// How many refusals within `window` open it.
    pub refusals: u32,
    /// The window: after it half of the refusals are forgotten.
    pub window: Duration,
    /// From which score on it opens; above 100 for never.
    pub score: u32,
    /// How long it is open at first.
    pub cool_down: Duration,
    /// How long at the most. After as long without opening, the next time is a first one again.
    pub most_cool_down: Duration,
    /// How many good probes close it.
    pub probes: u32,
}

/// Whether requests pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// They do.
    #[default]
    Closed,
    /// None does for a while.
    Open,
    /// Single ones do.
    HalfOpen,
}

impl Phase {
    /// The name in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// The state of a breaker for one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    pub(super) phase: Phase,
    /// Refusals, fading.
    pub(super) refusals: u64,
    pub(super) at: u64,
    /// What it waits for; closed, when it closed.
    pub(super) until: u64,
    /// The cool-down of the last opening, in milliseconds.
    pub(super) cool_down: u64,
    /// Good probes.
    pub(super) good: u32,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Breaker {
    /// Takes in a request, or several that were refused. Gives how long to wait where a request may not pass.
    pub(super) fn step(
        mut self,
        refused: u64,
        score: u32,
        settings: &BreakerSettings,
        now: UnixMillis,
    ) -> (Self, Option<Duration>) {
        let now = now.0.max(self.at);
        self.refusals = faded(self.refusals, now - self.at, millis(settings.window))
            .saturating_add(refused.saturating_mul(ONE))
            .min(super::fading::MOST * ONE);
        self.at = now;
        if self.phase == Phase::Open && now >= self.until {
            (self.phase, self.good) = (Phase::HalfOpen, 0);
        }
        let is_too_many =
            self.refusals >= u64::from(settings.refusals.max(1)) * ONE || score >= settings.score;
        match self.phase {
            Phase::Closed if is_too_many => self.open(settings, now),
            Phase::HalfOpen if refused > 0 => self.open(settings, now),
            Phase::HalfOpen if now >= self.until => {
                self.good += 1;
                self.until = now.saturating_add(PROBE_EVERY);
                if self.good >= settings.probes && score.saturating_add(HYSTERESIS) < settings.score {
                    (self.phase, self.refusals) = (Phase::Closed, 0);
                    self.until = now;
                }
                return (self, None);
            }
            Phase::Closed => return (self, None),
            Phase::Open | Phase::HalfOpen => {}
        }
        let wait = Duration::from_millis(self.until.saturating_sub(now).max(1));
        (self, Some(wait))
    }

    fn open(&mut self, settings: &BreakerSettings, now: u64) {
        let (first, most) = (millis(settings.cool_down), millis(settings.most_cool_down));
        let was_quiet = self.phase == Phase::Closed && now.saturating_sub(self.until) >= most;
        let longer = self.cool_down.saturating_mul(2).min(most);
        self.cool_down = if was_quiet { first } else { longer.max(first) };
        self.phase = Phase::Open;
        self.until = now.saturating_add(self.cool_down);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        refusals: 5,
        window: Duration::from_mins(1),
        score: 90,
        cool_down: Duration::from_secs(30),
        most_cool_down: Duration::from_mins(2),
        probes: 3,
    };

    fn at(secs: u64) -> UnixMillis {
        UnixMillis(1_700_000_000_000 + secs * 1000)
    }

    /// Steps through (second, refused, score); gives the waits in seconds.
    fn waits(breaker: &mut Breaker, steps: &[(u64, u64, u32)]) -> std::vec::Vec<Option<u64>> {
        let step = |&(secs, refused, score): &(u64, u64, u32)| {
            let (next, wait) = breaker.step(refused, score, &SETTINGS, at(secs));
            *breaker = next;
            wait.map(|wait| wait.as_secs())
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn refusals_open_it_and_good_probes_close_it() {
        let mut breaker = Breaker::default();
        assert_eq!(waits(&mut breaker, &[(0, 4, 0), (0, 0, 0), (0, 1, 0)]), [None, None, Some(30)]);
        assert_eq!(waits(&mut breaker, &[(10, 0, 0), (29, 0, 0)]), [Some(20), Some(1)]);
        // One probe a second, and three of them close it.
        assert_eq!(waits(&mut breaker, &[(30, 0, 0), (31, 0, 0)]), [None, None]);
        assert_eq!(
            breaker.step(0, 0, &SETTINGS, UnixMillis(at(31).0 + 400)).1,
            Some(Duration::from_millis(600))
        );
        assert_eq!(waits(&mut breaker, &[(32, 0, 0)]), [None]);
        assert_eq!(breaker.phase, Phase::Closed);
        assert_eq!(waits(&mut breaker, &[(32, 0, 0), (32, 0, 0)]), [None, None]);
    }

    #[test]
    fn a_bad_probe_opens_it_for_twice_as_long_up_to_a_bound() {
        let mut breaker = Breaker::default();
        let steps = [(0, 5, 0), (30, 1, 0), (90, 1, 0), (210, 1, 0), (330, 0, 0)];
        assert_eq!(waits(&mut breaker, &steps), [Some(30), Some(60), Some(120), Some(120), None]);
    }

    #[test]
    fn a_score_opens_it_and_holds_it_until_well_below() {
        let mut breaker = Breaker::default();
        let steps = [(0, 0, 90), (30, 0, 85), (31, 0, 85), (32, 0, 85), (33, 0, 85)];
        assert_eq!(waits(&mut breaker, &steps), [Some(30), None, None, None, None]);
        assert_eq!(breaker.phase, Phase::HalfOpen, "single requests only, until the score is well below");
        assert_eq!(waits(&mut breaker, &[(33, 0, 85), (34, 0, 79)]), [Some(1), None]);
        assert_eq!(breaker.phase, Phase::Closed);
    }

    #[test]
    fn after_a_quiet_time_it_is_the_first_time_again() {
        let mut breaker = Breaker::default();
        waits(&mut breaker, &[(0, 5, 0), (30, 0, 0), (31, 0, 0), (32, 0, 0)]);
        assert_eq!(waits(&mut breaker, &[(40, 5, 0)]), [Some(60)], "soon after, it is for longer");
        waits(&mut breaker, &[(100, 0, 0), (101, 0, 0), (102, 0, 0)]);
        assert_eq!(waits(&mut breaker, &[(500, 5, 0)]), [Some(30)]);
    }

    #[test]
    fn a_clock_that_goes_back_opens_nothing() {
        let mut breaker = Breaker::default();
        waits(&mut breaker, &[(100, 5, 0)]);
        assert!(waits(&mut breaker, &[(0, 0, 0)])[0].is_some());
        assert_eq!(breaker.until, at(130).0);
    }

    proptest! {
        #[test]
        fn it_never_stays_open_for_good(steps in prop::collection::vec((0u64..200, 0u64..10, 0u32..101), 0..60)) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            for (gap, refused, score) in steps {
                now += gap;
                let (next, wait) = breaker.step(refused, score, &SETTINGS, at(now));
                breaker = next;
                prop_assert!(wait.is_none_or(|wait| wait <= SETTINGS.most_cool_down));
            }
            prop_assert!(breaker.step(0, 0, &SETTINGS, at(now + 120)).1.is_none());
        }
    }
}
