//! Risk in the object of a subject: [`Ask`], the operation that takes in what was observed and answers with an
//! [`Assessment`].
//!
//! A refused request leaves its proof unused, so that whoever has seen it could send it again and again: each refusal comes
//! with a mark of its proof, and counts once however often it comes. Nor does one count whose proof is recorded as used
//! here: the agent's request was accepted, and what was refused is a copy of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::state::Told;
use super::{Assessment, Observed, Requests, Scoring, Signal, State};
use crate::state::replay::ReplayKey;
use crate::state::subject::{Draft, Kind, RequestId, Rows};
use crate::time::UnixMillis;

/// Most refusals of one call: 16. A gate tells once a second, and nine reach the highest score.
pub const MAX_REFUSED: usize = 16;
/// Most marks that an object remembers: 10,000. Nobody but the key's holder can fill them, with refused proofs that are
/// still good. Of further ones a call counts one: not to count them would let the holder try on unseen, and to count them
/// all would let a stranger who sends one again count as often as it likes.
pub const MAX_MARKS: usize = 10_000;
/// The version of a mark's row.
const MARK_VERSION: u8 = 1;

/// A request that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// What it is a signal of.
    #[serde(rename = "s")]
    pub signal: Signal,
    /// A mark of its proof, and from when on that proof is refused anyway; `None` where it has none, as a bearer token
    /// is its own.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none", default)]
    pub mark: Option<(ReplayKey, UnixMillis)>,
    /// What makes its proof single-use, unless the refused request itself used it. The object remembers it for as long as
    /// the mark is good.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none", default)]
    pub used: Option<ReplayKey>,
}

/// Asks an object to take in what was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The request, where it was permitted.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none", default)]
    pub observed: Option<Observed>,
    /// Those that were refused; at most [`MAX_REFUSED`].
    #[serde(rename = "r", skip_serializing_if = "Vec::is_empty", default)]
    pub refused: Vec<Refused>,
    /// How to score, where it is not the default.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none", default)]
    pub scoring: Option<Box<Scoring>>,
}

impl Ask {
    /// Takes it in. Whoever asks again about the same request, because an answer was lost, is told the same. A state that
    /// cannot be read is begun anew: it says nothing, and must not shut anybody out.
    pub(in crate::state) fn judge<R: Rows>(
        &self,
        request: RequestId,
        draft: &mut Draft<'_, R>,
    ) -> Result<Assessment, R::Error> {
        let default = Scoring::default();
        let scoring = self.scoring.as_deref().unwrap_or(&default);
        let stored = draft.get(Kind::Risk, &[])?;
        let read = |stored: &[u8]| {
            let (last, rest) = stored.split_first_chunk::<16>()?;
            let (told, state) = rest.split_first_chunk()?;
            let told: Told = *told;
            Some((State::decode(state)?, (last == request.as_bytes()).then_some(told)))
        };
        let (state, told) = stored.as_deref().and_then(read).unwrap_or_default();
        let now = draft.now();
        if let Some(told) = told {
            return Ok(state.again(told, scoring, now));
        }
        let mut refused = Observed { requests: Requests(0), ..Observed::default() };
        let mut is_over = false;
        for one in self.refused.iter().take(MAX_REFUSED) {
            if let Some(used) = one.used
                && draft.get(Kind::Replay, used.as_bytes())?.is_some()
            {
                continue;
            }
            if let Some((mark, until)) = one.mark {
                if draft.get(Kind::RiskMark, mark.as_bytes())?.is_some() || until <= now {
                    continue;
                }
                if draft.has_room(Kind::RiskMark, MAX_MARKS)? {
                    draft.put(Kind::RiskMark, mark.as_bytes(), Vec::from([MARK_VERSION]), until);
                } else if core::mem::replace(&mut is_over, true) {
                    continue;
                }
            }
            refused.add_refused(&Observed::refused_for(one.signal));
        }
        let observed = [Some(&refused).filter(|refused| refused.requests.0 > 0), self.observed.as_ref()];
        let (mut state, mut assessment) = (state, None::<Assessment>);
        for observed in observed.into_iter().flatten() {
            let (next, now) = state.observe(observed, scoring, now);
            state = next;
            assessment = Some(now.after(&assessment.unwrap_or_default()));
        }
        let Some(assessment) = assessment else { return Ok(state.assessed(scoring, now)) };
        let value = [request.as_bytes(), &State::told(&assessment)[..], &state.encode()].concat();
        let until = now.plus(State::lifetime());
        draft.put(Kind::Risk, &[], value, UnixMillis(until.0));
        Ok(assessment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::replay;
    use crate::state::subject::{Call, MemoryRows, Op, OpReply, Reply, apply};
    use core::time::Duration;
    use std::format;
    use std::vec;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn mark(name: &str) -> (ReplayKey, UnixMillis) {
        (ReplayKey::new(&[name]), NOW.plus(Duration::from_mins(1)))
    }

    const BEARER: Refused = Refused { signal: Signal::RefusedScopes, mark: None, used: None };

    fn refused(marks: &[&str]) -> Ask {
        let refused = marks.iter().map(|name| Refused { mark: Some(mark(name)), ..BEARER });
        Ask { observed: None, refused: refused.collect(), scoring: None }
    }

    fn ask(rows: &mut MemoryRows, request: &str, ask: Ask, now: UnixMillis) -> Assessment {
        let call = Call::new(RequestId::new(request), vec![Op::Observe(ask)]);
        let call = Call::from_json(&call.to_json()).unwrap();
        let reply = apply(rows, &call, now).unwrap();
        match Reply::from_json(&reply.to_json(), &call).unwrap().answers.remove(0) {
            OpReply::Observe(assessment) => assessment,
            other => panic!("{other:?}"),
        }
    }

    fn score(rows: &mut MemoryRows, request: &str, asked: Ask) -> u32 {
        ask(rows, request, asked, NOW).score
    }

    #[test]
    fn a_refusal_counts_once_however_often_it_is_sent() {
        let mut rows = MemoryRows::new(1_000);
        assert_eq!(score(&mut rows, "1", refused(&["a"])), 11);
        for i in 0..20 {
            assert_eq!(score(&mut rows, &format!("2.{i}"), refused(&["a"])), 11);
        }
        assert_eq!(score(&mut rows, "3", refused(&["b", "b", "a"])), 22);
        let bearer = Ask { refused: vec![BEARER; 2], ..refused(&[]) };
        assert_eq!(score(&mut rows, "4", bearer), 44);
    }

    #[test]
    fn a_refusal_of_a_used_proof_counts_for_nobody() {
        let mut rows = MemoryRows::new(1_000);
        let until = NOW.plus(Duration::from_mins(1));
        let of = |proof: &str, name: &str| {
            let one = Refused { mark: Some(mark(name)), used: Some(ReplayKey::new(&[proof])), ..BEARER };
            Ask { refused: vec![one], ..refused(&[]) }
        };
        let used = replay::Ask { key: ReplayKey::new(&["used"]), until };
        apply(&mut rows, &Call::new(RequestId::new("0"), vec![Op::Replay(used)]), NOW).unwrap();
        for i in 0..20 {
            assert_eq!(score(&mut rows, &format!("{i}"), of("used", &format!("{i}"))), 0);
        }
        assert_eq!(score(&mut rows, "a", of("unused", "a")), 11);
        assert!(ask(&mut rows, "b", of("forgotten", "b"), until).score < 11, "it may have been used");
    }

    #[test]
    fn a_call_that_is_repeated_counts_once() {
        let mut rows = MemoryRows::new(1_000);
        let bearer = Ask { refused: vec![BEARER], ..refused(&[]) };
        assert_eq!(score(&mut rows, "1", bearer.clone()), 11);
        assert_eq!(score(&mut rows, "1", bearer.clone()), 11);
        assert_eq!(score(&mut rows, "2", bearer), 22);
    }

    #[test]
    fn a_call_that_is_repeated_is_told_the_same() {
        use crate::state::risk::{BreakerSettings, Phase};
        let mut rows = MemoryRows::new(1_000);
        let breaker = BreakerSettings {
            refusals: 4,
            window: Duration::from_mins(1),
            score: 101,
            cool_down: Duration::from_secs(10),
            most_cool_down: Duration::from_mins(1),
            probes: 2,
        };
        let scoring = Some(Box::new(Scoring { breaker: Some(breaker), ..Scoring::default() }));
        let with = |ask: Ask| Ask { observed: Some(Observed::default()), scoring: scoring.clone(), ..ask };
        let opening = with(refused(&["a", "b", "c", "d"]));
        let first = ask(&mut rows, "1", opening.clone(), NOW);
        assert!(first.change.is_some() && first.wait.is_some(), "{first:?}");
        assert_eq!(first.breaker, Some((Phase::Closed, Phase::Open)));
        assert_eq!(ask(&mut rows, "1", opening.clone(), NOW), first);
        let later = ask(&mut rows, "1", opening, NOW.plus(Duration::from_secs(4)));
        assert_eq!((later.wait, later.breaker), (Some(Duration::from_secs(6)), first.breaker));
        let probes_from = NOW.plus(Duration::from_secs(10));
        for (request, wait) in [("probe", None), ("next", Some(Duration::from_secs(1)))] {
            for _ in 0..2 {
                assert_eq!(ask(&mut rows, request, with(refused(&[])), probes_from).wait, wait, "{request}");
            }
        }
    }

    #[test]
    fn no_more_refusals_count_than_a_call_may_have() {
        let mut rows = MemoryRows::new(1_000);
        let names: Vec<_> = (0..100).map(|i| format!("{i}")).collect();
        let names: Vec<_> = names.iter().map(std::string::String::as_str).collect();
        let mut many = refused(&names);
        let mut weights = Scoring::default();
        weights.weights.set(Signal::RefusedScopes, 1, 100);
        weights.weights.set(Signal::KeyAge, 0, 0);
        many.scoring = Some(Box::new(weights));
        assert_eq!(score(&mut rows, "1", many), 16);
    }

    #[test]
    fn with_all_marks_taken_a_call_counts_one_refusal() {
        use crate::state::subject::{Change, Row};
        let mut rows = MemoryRows::new(2 * MAX_MARKS);
        let until = NOW.plus(Duration::from_mins(1));
        let row = || Some(Row { value: vec![MARK_VERSION], until });
        let change = |i: usize| Change { kind: Kind::RiskMark, name: i.to_be_bytes().to_vec(), row: row() };
        rows.commit(&(0..MAX_MARKS).map(change).collect::<Vec<_>>()).unwrap();
        assert_eq!(score(&mut rows, "1", refused(&["a", "b", "c"])), 11);
        assert_eq!(score(&mut rows, "2", refused(&["d"])), 22);
        assert!(ask(&mut rows, "3", refused(&["late"]), until).score < 22, "refused for its age");
        let fresh = |name: &str| Refused {
            mark: Some((mark(name).0, mark(name).1.plus(Duration::from_mins(1)))),
            ..BEARER
        };
        let both = Ask { refused: vec![fresh("e"), fresh("f")], ..refused(&[]) };
        assert!(ask(&mut rows, "4", both, until).score > 37, "what has ended makes room");
    }

    #[test]
    fn what_cannot_be_read_is_begun_anew() {
        let mut rows = MemoryRows::new(1_000);
        let ask_with = |rows: &mut MemoryRows, request| score(rows, request, refused(&[request]));
        assert_eq!(ask_with(&mut rows, "1"), 11);
        let change = crate::state::subject::Change {
            kind: Kind::Risk,
            name: vec![],
            row: Some(crate::state::subject::Row {
                value: vec![7; 40],
                until: NOW.plus(Duration::from_mins(1)),
            }),
        };
        rows.commit(&[change]).unwrap();
        assert_eq!(ask_with(&mut rows, "2"), 11);
    }

    #[test]
    fn a_change_of_level_is_told_once_and_from_the_first_level_to_the_last() {
        use crate::state::risk::Level;
        let mut rows = MemoryRows::new(1_000);
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let mut both = refused(&names);
        both.observed = Some(Observed::default());
        let change = ask(&mut rows, "1", both, NOW).change.unwrap();
        assert_eq!((change.from, change.to), (Level::Low, Level::High));
        assert_eq!(ask(&mut rows, "2", refused(&[]), NOW).change, None);
        assert_eq!(ask(&mut rows, "3", refused(&["h"]), NOW).change, None);
    }
}
