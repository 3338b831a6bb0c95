//! [`Point`]: one decision as a data point for a store of events, such as Workers Analytics Engine.
//!
//! The order of its parts is its schema, and new ones are only added at the end: an index, the agent, by which such a store
//! samples; then texts (`blob1`…) and numbers (`double1`…):
//!
//! | | | |
//! |---|---|---|
//! | `index1` | agent | proven, else `unidentified`; cut to 96 bytes |
//! | `blob1` | outcome | |
//! | `blob2` | code | |
//! | `blob3` | route | `none` where none matched |
//! | `blob4` | agent | |
//! | `blob5` | method | how it was identified; else empty |
//! | `blob6` | risk level | |
//! | `blob7` | failed check | the first in the evidence; else empty |
//! | `double1` | weight | how many decisions this point stands for |
//! | `double2` | status | |
//! | `double3` | risk score | |
//! | `double4` | milliseconds | from the request to the decision, as the host's clock tells |
//! | `double5` | network | the autonomous system of a refused client; 0 where it is not known |

use core::time::Duration;

use super::outcome;
use crate::decision::{CheckResult, Decision};
use crate::state::risk::{Level, UNIDENTIFIED};

/// Longest index, in bytes.
const MAX_INDEX_BYTES: usize = 96;
/// Longest text, in bytes: 512. A point has room for 5 KiB in all.
const MAX_BLOB_BYTES: usize = 512;

/// A data point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<'a> {
    /// What such a store samples by.
    pub index: &'a str,
    /// Texts.
    pub blobs: [&'a str; 7],
    /// Numbers.
    pub doubles: [f64; 5],
}

/// The point of a decision, if it is one of those that are taken: of `sample` decisions without a reason one, by their ids,
/// which are random.
#[must_use]
pub fn point(decision: &Decision, sample: u32, took: Duration, asn: Option<u32>) -> Option<Point<'_>> {
    let sample = if decision.reason.is_none() { sample.max(1) } else { 1 };
    if !number_of(&decision.id).is_multiple_of(sample) {
        return None;
    }
    let agent = decision.agent.as_ref().map_or(UNIDENTIFIED, |agent| agent.id.as_str());
    let failed = decision.evidence.iter().find(|evidence| evidence.result == CheckResult::Fail);
    let blobs = [
        outcome(decision.outcome),
        decision.code,
        decision.route.as_deref().unwrap_or("none"),
        agent,
        decision.agent.as_ref().map_or("", |agent| agent.method.as_str()),
        level(decision.risk.level),
        failed.map_or("", |evidence| evidence.check),
    ];
    Some(Point {
        index: cut(agent, MAX_INDEX_BYTES),
        blobs: blobs.map(|text| cut(text, MAX_BLOB_BYTES)),
        doubles: [
            sample.into(),
            decision.status.into(),
            decision.risk.score.into(),
            took.as_secs_f64() * 1000.0,
            asn.unwrap_or_default().into(),
        ],
    })
}

/// A number out of the random part of an identifier.
fn number_of(id: &str) -> u32 {
    id.bytes().rev().take(6).fold(0, |number, byte| number * 32 + u32::from(byte % 32))
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
    }
}

/// As much of a text as there is room for, without half a character at the end.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Session;
    use crate::reason::Reason;
    use crate::time::UnixMillis;

    fn decision(entropy: [u8; 10]) -> Decision {
        Session::refuse_unviewable(Reason::RequestPathAmbiguous, UnixMillis(0), entropy)
    }

    #[test]
    fn a_point_has_its_schema() {
        let decision = decision([0; 10]);
        let point = point(&decision, 100, Duration::from_micros(1_500), Some(64_496)).unwrap();
        assert_eq!(point.index, "unidentified");
        let code = "request.path_ambiguous";
        assert_eq!(point.blobs, ["deny", code, "none", "unidentified", "", "low", "request"]);
        let bits =
            |doubles: &[f64]| doubles.iter().map(|double| double.to_bits()).collect::<std::vec::Vec<_>>();
        assert_eq!(bits(&point.doubles), bits(&[1.0, 400.0, 0.0, 1.5, 64_496.0]));
    }

    #[test]
    fn of_what_goes_through_a_share_is_taken_and_weighted() {
        let mut taken = 0;
        for i in 0..10_000_u16 {
            let [high, low] = (i.wrapping_mul(40_503)).to_be_bytes();
            let mut decision = decision([1, 2, 3, 4, 5, 6, high, low, high ^ 0x5a, low]);
            decision.reason = None;
            if let Some(point) = point(&decision, 10, Duration::ZERO, None) {
                assert_eq!(point.doubles.first(), Some(&10.0));
                taken += 1;
            }
        }
        assert!((800..1200).contains(&taken), "{taken} of 10,000");
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
    }
}
