//! Risk: what an agent's refusals say about it, as integer points that fade.
//!
//! Each refusal adds points by what it suggests; points halve every half-life. The score is what remains, at
//! most 100, and thresholds divide it into levels. A change of level is an event. Everything is integer
//! arithmetic on the state, the refusal and the time, so a score can be recomputed from a log.
//!
//! Only an agent that was *proven* collects points under its name: whoever sends garbage in another's name must
//! not harm it. What could not be attributed is counted together, under [`UNIDENTIFIED`].

use core::time::Duration;

use serde::Serialize;

use crate::reason::{Blame, Reason};
use crate::time::UnixMillis;

/// The version of the points below; it changes with them.
pub const WEIGHTS_VERSION: u32 = 1;

/// The subject that refusals without a proven agent are counted under.
pub const UNIDENTIFIED: &str = "unidentified";

/// Points are kept in this many parts, so that fading loses little to rounding.
const PARTS: u64 = 1 << 16;

/// How far below the beginning of a level a score must fall to leave it.
const HYSTERESIS: u32 = 10;

/// The most points that are kept, in points; the score is capped at 100.
const MOST: u64 = 200;

/// Where levels begin, and how fast points fade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// From this score on the level is medium.
    pub medium: u32,
    /// From this score on the level is high.
    pub high: u32,
    /// How long until half of the points are forgotten.
    pub half_life: Duration,
}

/// The level of a score. CAEP 1.0 has the same three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
}

/// The risk state of one subject: constant size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Risk {
    points: u64,
    at: u64,
    level: Level,
    last: Option<Reason>,
}

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// The level before.
    pub from: Level,
    /// The level now.
    pub to: Level,
    /// The score now.
    pub score: u32,
}

impl Risk {
    /// The score now, 0 to 100.
    #[must_use]
    pub fn score(&self, thresholds: Thresholds, now: UnixMillis) -> u32 {
        let points = self.faded(thresholds, now) / PARTS;
        u32::try_from(points.min(100)).unwrap_or(100)
    }

    /// The level now.
    #[must_use]
    pub fn level(&self, thresholds: Thresholds, now: UnixMillis) -> Level {
        level_of(self.score(thresholds, now), thresholds)
    }

    /// The reason of the last refusal that added points.
    #[must_use]
    pub fn last(&self) -> Option<Reason> {
        self.last
    }

    /// Takes in a request that was let through (`None`) or refused.
    #[must_use]
    pub fn observe(
        self,
        refusal: Option<Reason>,
        thresholds: Thresholds,
        now: UnixMillis,
    ) -> (Self, Option<LevelChange>) {
        let added = refusal.map_or(0, points) * PARTS;
        let points = (self.faded(thresholds, now) + added).min(MOST * PARTS);
        let mut next =
            Self { points, at: now.0.max(self.at), level: self.level, last: refusal.or(self.last) };
        let score = next.score(thresholds, now);
        let to = level_after(self.level, score, thresholds);
        next.level = to;
        let change = LevelChange { from: self.level, to, score };
        (next, (to != self.level).then_some(change))
    }

    fn faded(&self, thresholds: Thresholds, now: UnixMillis) -> u64 {
        let half_life = u64::try_from(thresholds.half_life.as_millis()).unwrap_or(u64::MAX).max(1);
        let elapsed = now.0.saturating_sub(self.at);
        let halvings = elapsed / half_life;
        let halved = if halvings < 64 { self.points >> halvings } else { 0 };
        // Between two halvings the fall is a straight line, which is never below the true curve.
        let within = (elapsed % half_life).saturating_mul(PARTS) / half_life;
        halved - (halved * within / PARTS) / 2
    }
}

/// A level is left downwards only well below where it begins, so that a score near a threshold does not change levels
/// with every request.
fn level_after(level: Level, score: u32, thresholds: Thresholds) -> Level {
    level_of(score, thresholds).max(level.min(level_of(score.saturating_add(HYSTERESIS), thresholds)))
}

fn level_of(score: u32, thresholds: Thresholds) -> Level {
    match score {
        s if s >= thresholds.high => Level::High,
        s if s >= thresholds.medium => Level::Medium,
        _ => Level::Low,
    }
}

/// What a refusal adds. A replay or a proof under another key is what theft looks like; an expired proof is what
/// a slow clock looks like.
#[must_use]
pub fn points(reason: Reason) -> u64 {
    match reason {
        // The gate asked for the nonce: to come once without it is how the protocol goes.
        // Nor is it to ask for what somebody must approve.
        Reason::DpopNonceMissing | Reason::DpopNonceInvalid | Reason::PolicyApprovalRequired => 0,
        Reason::SignatureReplayed
        | Reason::DpopProofReplayed
        | Reason::DpopKeyMismatch
        | Reason::MtlsCertificateMismatch => 25,
        Reason::TokenBoundUsedAsBearer | Reason::DpopTokenHashMismatch | Reason::SignatureDigestMismatch => {
            20
        }
        Reason::SignatureInvalid | Reason::TokenSignatureInvalid | Reason::DpopSignatureInvalid => 15,
        Reason::PolicyScopeMissing | Reason::TokenAudienceMismatch => 10,
        Reason::SignatureExpired | Reason::TokenExpired | Reason::DpopExpired => 2,
        _ => match reason.blame() {
            Blame::Malformed => 5,
            Blame::Unproven | Blame::NotPermitted => 8,
            Blame::OverLimit => 3,
            Blame::Unavailable => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THRESHOLDS: Thresholds = Thresholds { medium: 40, high: 70, half_life: Duration::from_mins(5) };
    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    #[test]
    fn refusals_raise_the_level_and_time_lowers_it() {
        let mut risk = Risk::default();
        let mut changes = std::vec::Vec::new();
        for _ in 0..8 {
            let (next, change) = risk.observe(Some(Reason::PolicyScopeMissing), THRESHOLDS, NOW);
            risk = next;
            changes.extend(change);
        }
        assert_eq!(
            changes,
            [
                LevelChange { from: Level::Low, to: Level::Medium, score: 40 },
                LevelChange { from: Level::Medium, to: Level::High, score: 70 }
            ]
        );
        let later = NOW.plus(Duration::from_mins(5));
        assert_eq!(risk.score(THRESHOLDS, later), 40);
        let much_later = NOW.plus(Duration::from_mins(50));
        let (risk, change) = risk.observe(None, THRESHOLDS, much_later);
        assert_eq!(change.unwrap().to, Level::Low);
        assert_eq!(risk.observe(None, THRESHOLDS, much_later).1, None);
    }

    #[test]
    fn a_score_near_a_threshold_does_not_flutter() {
        let medium = Risk { points: 42 * PARTS, at: NOW.0, level: Level::Medium, last: None };
        let soon = NOW.plus(Duration::from_mins(1));
        assert_eq!(medium.score(THRESHOLDS, soon), 37);
        assert_eq!(medium.observe(None, THRESHOLDS, soon).1, None);
        let later = NOW.plus(Duration::from_secs(200));
        assert_eq!(medium.observe(None, THRESHOLDS, later).1.map(|change| change.to), Some(Level::Low));
    }

    #[test]
    fn what_the_gate_could_not_check_is_not_held_against_anyone() {
        let (risk, _) = Risk::default().observe(Some(Reason::KeysUnavailable), THRESHOLDS, NOW);
        assert_eq!(risk.score(THRESHOLDS, NOW), 0);
    }

    proptest! {
        #[test]
        fn more_bad_evidence_never_lowers_the_score(seed in prop::collection::vec((0usize..200, 0u64..60_000), 0..60), extra in 0usize..200) {
            let (mut with, mut without, mut now) = (Risk::default(), Risk::default(), NOW);
            let reason = |i: usize| Reason::ALL[i % Reason::ALL.len()];
            with = with.observe(Some(reason(extra)), THRESHOLDS, now).0;
            for (i, gap) in seed {
                now = UnixMillis(now.0 + gap);
                with = with.observe(Some(reason(i)), THRESHOLDS, now).0;
                without = without.observe(Some(reason(i)), THRESHOLDS, now).0;
                prop_assert!(with.score(THRESHOLDS, now) >= without.score(THRESHOLDS, now));
            }
        }

        #[test]
        fn scores_only_fall_with_time(points in 0u64..MOST * PARTS, a in 0u64..10_000_000, b in 0u64..10_000_000) {
            let risk = Risk { points, at: NOW.0, ..Risk::default() };
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(risk.score(THRESHOLDS, UnixMillis(NOW.0 + early)) >= risk.score(THRESHOLDS, UnixMillis(NOW.0 + late)));
        }
    }
}
