//! The state of one subject: what is kept, how it changes, how it is written down.

use alloc::vec::Vec;

use super::breaker::{Breaker, Phase};
use super::distinct::{self, Distinct};
use super::fading::{MOST, ONE, doublings, faded};
use super::observed::Observed;
use super::places::{Known, REMEMBERED, Remembered, distance};
use super::signal::{INCIDENTS, SIGNALS, Signal, Weights};
use super::{Assessment, Level, LevelChange, Scoring};
use crate::client::Place;
use crate::time::UnixMillis;

/// The version that an encoded state begins with.
const VERSION: u8 = 1;
/// The most bytes of an encoded state.
pub const MAX_ENCODED_BYTES: usize = 1_536;

/// Half-lives of the three velocities: 10 s, 5 min, 1 h.
const VELOCITY_HALF_LIVES: [u64; 3] = [10_000, 300_000, 3_600_000];
/// Those of spending: an hour, and three days for what is usual.
const SPEND_HALF_LIVES: [u64; 2] = [3_600_000, 3 * 86_400_000];
/// How long different resources are counted together: a day.
const RESOURCES_WINDOW: u64 = 86_400_000;
/// More money than anybody has, in minor units.
const MOST_SPENT: u64 = 1 << 56;

/// The risk state of one subject: at most [`MAX_ENCODED_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The time of the last observation; never goes back. Zero before the first.
    at: u64,
    first: u64,
    level: Level,
    /// Requests that nothing spoke against, and each incident, fading with the half-life of the scoring.
    good: u64,
    incidents: [u64; INCIDENTS],
    velocities: [u64; 3],
    /// Minor units.
    spent: [u64; 2],
    resources_since: u64,
    resources_usual: u64,
    resources: Distinct,
    networks: Remembered,
    countries: Remembered,
    place: Option<(Place, u64)>,
    depth: u8,
    breaker: Breaker,
}

/// See [`State::told`].
pub(super) type Told = [u8; 3];
/// No level and no phase.
const NONE: u8 = u8::MAX;

fn level_of(byte: u8) -> Option<Level> {
    [Level::Low, Level::Medium, Level::High].into_iter().find(|level| *level as u8 == byte)
}

fn phase_of(byte: u8) -> Option<Phase> {
    [Phase::Closed, Phase::Open, Phase::HalfOpen].into_iter().find(|phase| *phase as u8 == byte)
}

fn millis(duration: core::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl State {
    /// Takes in what was observed, and says what the subject's risk is now.
    #[must_use]
    pub fn observe(mut self, observed: &Observed, scoring: &Scoring, now: UnixMillis) -> (Self, Assessment) {
        self.fade(scoring, now);
        self.count(observed, scoring);
        let mut assessment = self.assess(scoring);
        let from = self.level;
        self.level = from.after(assessment.score, scoring);
        assessment.level = self.level;
        let change = LevelChange { from, to: self.level, score: assessment.score };
        assessment.change = (from != self.level).then_some(change);
        if let Some(settings) = &scoring.breaker {
            let refused = observed.incidents.iter().filter(|(signal, _)| signal.is_refusal());
            let refused = refused.map(|(_, count)| u64::from(count)).sum();
            let before = self.breaker.phase;
            (self.breaker, assessment.wait) =
                self.breaker.step(refused, assessment.score, settings, UnixMillis(self.at));
            assessment.breaker = Some((before, self.breaker.phase)).filter(|(from, to)| from != to);
        }
        (self, assessment)
    }

    /// What the risk is at a time, with nothing new observed.
    #[must_use]
    pub fn assessed(&self, scoring: &Scoring, now: UnixMillis) -> Assessment {
        let mut then = self.clone();
        then.fade(scoring, now);
        let assessment = then.assess(scoring);
        Assessment { level: self.level.after(assessment.score, scoring), ..assessment }
    }

    /// What of an answer does not follow from the state: from which level and phase it came, and whether it kept the
    /// request waiting.
    pub(super) fn told(assessment: &Assessment) -> Told {
        let from = assessment.change.map_or(NONE, |change| change.from as u8);
        let phase = assessment.breaker.map_or(NONE, |(from, _)| from as u8);
        [from, phase, u8::from(assessment.wait.is_some())]
    }

    /// The last answer once more, for whoever did not get it.
    pub(super) fn again(&self, [from, phase, waits]: Told, scoring: &Scoring, now: UnixMillis) -> Assessment {
        let assessment = self.assessed(scoring, now);
        let (level, score) = (self.level, assessment.score);
        let left = self.breaker.until.saturating_sub(now.0.max(self.at)).max(1);
        Assessment {
            level,
            change: level_of(from).map(|from| LevelChange { from, to: level, score }),
            wait: (waits == 1).then(|| core::time::Duration::from_millis(left)),
            breaker: phase_of(phase).map(|from| (from, self.breaker.phase)),
            ..assessment
        }
    }

    /// How long after the last observation nothing in it matters any more but what is usual: then it may be forgotten.
    #[must_use]
    pub fn lifetime() -> core::time::Duration {
        core::time::Duration::from_hours(7 * 24)
    }

    fn fade(&mut self, scoring: &Scoring, now: UnixMillis) {
        let now = now.0.max(self.at).max(1);
        if self.at == 0 {
            (self.at, self.first, self.resources_since) = (now, now, now);
        }
        let elapsed = now - self.at;
        let half_life = millis(scoring.half_life);
        self.good = faded(self.good, elapsed, half_life);
        for incident in &mut self.incidents {
            *incident = faded(*incident, elapsed, half_life);
        }
        for (velocity, half_life) in self.velocities.iter_mut().zip(VELOCITY_HALF_LIVES) {
            *velocity = faded(*velocity, elapsed, half_life);
        }
        for (spent, half_life) in self.spent.iter_mut().zip(SPEND_HALF_LIVES) {
            *spent = faded(*spent, elapsed, half_life);
        }
        let windows = now.saturating_sub(self.resources_since) / RESOURCES_WINDOW;
        if windows > 0 {
            let usual = u64::midpoint(self.resources_usual, self.resources.count());
            self.resources_usual = usual >> (windows - 1).min(63);
            self.resources_since = self.resources_since.saturating_add(windows * RESOURCES_WINDOW);
            self.resources = Distinct::default();
        }
        self.at = now;
    }

    fn count(&mut self, observed: &Observed, scoring: &Scoring) {
        let add = |count: &mut u64, more: u32| {
            *count = count.saturating_add(u64::from(more) * ONE).min(MOST * ONE);
        };
        let requests = observed.requests.0.min(super::MAX_REQUESTS);
        self.velocities.iter_mut().for_each(|velocity| add(velocity, requests));
        for (signal, count) in observed.incidents.iter() {
            self.happened(signal, count);
        }
        if observed.incidents.is_empty() {
            add(&mut self.good, requests);
            self.depth = observed.depth;
        }
        if let Some(amount) = observed.amount {
            for spent in &mut self.spent {
                *spent = spent.saturating_add(amount).min(MOST_SPENT);
            }
        }
        if let Some(resource) = observed.resource {
            self.resources.insert(u64::from_be_bytes(resource.0));
        }
        self.locate(observed, &scoring.weights);
    }

    fn happened(&mut self, signal: Signal, times: u32) {
        if let Some(count) = self.incidents.get_mut(signal.index()) {
            *count = count.saturating_add(u64::from(times) * ONE).min(MOST * ONE);
        }
    }

    /// Where the request came from. What is seen while the subject is being learnt is its home.
    fn locate(&mut self, observed: &Observed, weights: &Weights) {
        let now = UnixMillis(self.at);
        let learning = millis(weights.learning);
        let is_learnt = self.at - self.first >= learning;
        let mut is_strange = false;
        if let Some(network) = observed.network {
            let sighting = self.networks.see(u32::from_be_bytes(network.0), now);
            // Young among its networks: not of those that it was learnt with, and not here for long.
            let was_learnt_with = sighting.first.saturating_sub(self.first) < learning;
            is_strange = is_learnt && !was_learnt_with && self.at.saturating_sub(sighting.first) < learning;
            if is_learnt && sighting.is_unknown {
                self.happened(Signal::NewNetwork, 1);
            } else if is_strange && sighting.is_at_once {
                self.happened(Signal::NetworksAtOnce, 1);
            }
        }
        if let Some(country) = observed.country {
            let [a, b] = country.0;
            let sighting = self.countries.see(u32::from_be_bytes([0, 0, a, b]), now);
            if is_learnt && sighting.is_unknown {
                self.happened(Signal::NewCountry, 1);
            }
        }
        let Some(place) = observed.place else { return };
        if let Some((before, then)) = self.place.replace((place, self.at)) {
            let far = distance(before, place);
            let reachable = weights.travel_speed.saturating_mul(self.at.saturating_sub(then)) / 3_600_000;
            // Within networks that it is known for an agent is everywhere at once.
            if is_strange && far > weights.travel_distance && far > reachable {
                self.happened(Signal::Travel, 1);
            }
        }
    }

    fn assess(&self, scoring: &Scoring) -> Assessment {
        let weights = &scoring.weights;
        let mut reasons: Vec<(Signal, u32)> = Vec::with_capacity(SIGNALS);
        for signal in Signal::ALL.iter().copied().filter(|signal| *signal != Signal::KeyAge) {
            reasons.push((signal, self.points(signal, weights)));
        }
        let others: u32 = reasons.iter().map(|(_, points)| points).sum();
        reasons.push((Signal::KeyAge, self.youth(others, weights)));
        reasons.retain(|(_, points)| *points > 0);
        reasons.sort_by_key(|(signal, points)| (core::cmp::Reverse(*points), *signal));
        let score = reasons.iter().map(|(_, points)| points).sum::<u32>().min(100);
        Assessment { score, reasons, ..Assessment::default() }
    }

    /// What a signal adds.
    fn points(&self, signal: Signal, weights: &Weights) -> u32 {
        let weight = weights.of(signal);
        let each = u64::from(weight.points);
        let points = if let Some(count) = self.incidents.get(signal.index()) {
            let points = (count * each) >> 16;
            // Whoever asks much is refused now and then; below the share that is unusual, in proportion to it. Compared
            // with what was good, not with all, or one kind of refusal would make light of another.
            let share = u64::from(weights.refused_share.min(99));
            let usual = self.good.saturating_mul(share) / (100 - share);
            if signal.is_refusal() && *count < usual {
                u128_div(u128::from(points) * u128::from(*count), usual)
            } else {
                points
            }
        } else {
            let unusual = match signal {
                Signal::Velocity => self.hurry(weights),
                Signal::Resources => {
                    let usual = self.resources_usual.saturating_mul(weights.resources_times);
                    doublings(self.resources.count(), usual.max(weights.resources_per_day))
                }
                Signal::Spend => {
                    let [lately, before] = self.spent;
                    // ln 2 / 72 h, of 2^16: what is spent in an hour, as the three days have it.
                    let usual = u128_div(u128::from(before) * 631, 1 << 16);
                    doublings(lately, usual.saturating_mul(weights.spend_times).max(weights.spend_per_hour))
                }
                Signal::DelegationDepth => u64::from(self.depth.saturating_sub(2)) << 16,
                _ => 0,
            };
            (unusual * each) >> 16
        };
        u32::try_from(points.min(weight.cap.into())).unwrap_or_default()
    }

    /// How many times the requests doubled above what is usual: over 10 seconds, or over 5 minutes.
    fn hurry(&self, weights: &Weights) -> u64 {
        // ln 2 of a minute: what a count that fades with a half-life of so many milliseconds is a minute.
        let per_minute = |count: u64, half_life: u64| u128_div(u128::from(count) * 41_589, half_life);
        let [burst, sustained, usual] = self.velocities;
        let [ten_seconds, five_minutes, hour] = VELOCITY_HALF_LIVES;
        let usual = per_minute(usual, hour).saturating_mul(weights.velocity_times);
        let over = |count, half_life, from: u64| {
            doublings(per_minute(count, half_life), usual.max(from.saturating_mul(ONE)))
        };
        over(burst, ten_seconds, weights.burst_per_minute).max(over(
            sustained,
            five_minutes,
            weights.sustained_per_minute,
        ))
    }

    /// What being young adds to the points of others.
    fn youth(&self, others: u32, weights: &Weights) -> u32 {
        let (young, weight) = (millis(weights.young).max(1), weights.of(Signal::KeyAge));
        let left = young.saturating_sub(self.at.saturating_sub(self.first));
        let points = u128::from(others) * u128::from(weight.points) * u128::from(left) / 100;
        let points = u128_div(points, young).min(weight.cap.into());
        u32::try_from(points).unwrap_or_default()
    }

    /// Writes it down: a version, then the members in order, big-endian; what is empty takes a byte.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend([VERSION, self.level as u8, self.depth]);
        let numbers = [self.at, self.first, self.good, self.resources_since, self.resources_usual];
        let numbers = numbers.iter().chain(&self.incidents).chain(&self.velocities).chain(&self.spent);
        numbers.for_each(|number| out.extend(number.to_be_bytes()));
        out.push(u8::from(!self.resources.is_empty()));
        out.extend(self.resources.bytes().into_iter().flatten());
        for set in [&self.networks, &self.countries] {
            for known in &set.0 {
                out.push(u8::from(known.last > 0));
                if known.last > 0 {
                    out.extend(known.name.to_be_bytes());
                    out.extend(known.first.to_be_bytes());
                    out.extend(known.last.to_be_bytes());
                }
            }
        }
        out.push(u8::from(self.place.is_some()));
        if let Some((place, then)) = self.place {
            out.extend(place.latitude().to_be_bytes());
            out.extend(place.longitude().to_be_bytes());
            out.extend(then.to_be_bytes());
        }
        let Breaker { phase, refusals, at, until, cool_down, good } = self.breaker;
        out.push(phase as u8);
        out.extend([refusals, at, until, cool_down].iter().flat_map(|number| number.to_be_bytes()));
        out.extend(good.to_be_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [version, level, depth] = take(&mut rest)?;
        let level = level_of(level)?;
        let mut state = Self { level, depth, ..Self::default() };
        let State { at, first, good, resources_since, resources_usual, incidents, velocities, spent, .. } =
            &mut state;
        let numbers = [at, first, good, resources_since, resources_usual].into_iter();
        for number in numbers.chain(incidents).chain(velocities).chain(spent) {
            *number = u64::from_be_bytes(take(&mut rest)?);
        }
        if flag(&mut rest)? {
            state.resources = Distinct::from_bytes(&take::<{ distinct::BYTES }>(&mut rest)?);
        }
        state.networks = remembered(&mut rest)?;
        state.countries = remembered(&mut rest)?;
        if flag(&mut rest)? {
            let latitude = i16::from_be_bytes(take(&mut rest)?);
            let longitude = i16::from_be_bytes(take(&mut rest)?);
            let place = Place::try_from((latitude, longitude)).ok()?;
            state.place = Some((place, u64::from_be_bytes(take(&mut rest)?)));
        }
        let [phase] = take(&mut rest)?;
        let phase = phase_of(phase)?;
        let mut number = || Some(u64::from_be_bytes(take(&mut rest)?));
        let (refusals, at, until, cool_down) = (number()?, number()?, number()?, number()?);
        let good = u32::from_be_bytes(take(&mut rest)?);
        state.breaker = Breaker { phase, refusals, at, until, cool_down, good };
        let counts =
            state.incidents.iter().chain(&state.velocities).chain([&state.good, &state.breaker.refusals]);
        let is_bounded = counts.copied().all(|count| count <= MOST * ONE)
            && state.spent.iter().all(|spent| *spent <= MOST_SPENT)
            && state.first <= state.at;
        (version == VERSION && rest.is_empty() && is_bounded).then_some(state)
    }
}

fn u128_div(a: u128, b: u64) -> u64 {
    u64::try_from(a / u128::from(b.max(1))).unwrap_or(u64::MAX)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    match take::<1>(rest)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

fn remembered(rest: &mut &[u8]) -> Option<Remembered> {
    let mut set = [Known::default(); REMEMBERED];
    for known in &mut set {
        if flag(rest)? {
            let name = u32::from_be_bytes(take(rest)?);
            let (first, last) = (u64::from_be_bytes(take(rest)?), u64::from_be_bytes(take(rest)?));
            if last == 0 || first > last {
                return None;
            }
            *known = Known { name, first, last };
        }
    }
    Some(Remembered(set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::reason::Reason;
    use crate::state::risk::{Requests, Weight};
    use core::time::Duration;
    use proptest::prelude::*;
    use std::format;
    use std::string::ToString;
    use std::vec;

    const START: u64 = 1_700_000_000_000;

    fn at(secs: u64) -> UnixMillis {
        UnixMillis(START + secs * 1000)
    }

    fn scoring() -> Scoring {
        let mut scoring = Scoring::default();
        // Young subjects weigh more; here the others are looked at alone.
        scoring.weights.signals[Signal::KeyAge.index()] = Weight { points: 0, cap: 0 };
        scoring
    }

    fn from(asn: u32, country: &str, place: Option<Place>) -> Observed {
        let client = Client { asn: Some(asn), country: Some(country.into()), place, ..Client::default() };
        Observed { resource: None, ..Observed::of("", &client) }
    }

    fn good() -> Observed {
        from(1, "DE", None)
    }

    /// Observes at these seconds; gives the last assessment.
    fn after(state: &mut State, steps: impl IntoIterator<Item = (u64, Observed)>) -> Assessment {
        let mut last = Assessment::default();
        for (secs, observed) in steps {
            (*state, last) = state.clone().observe(&observed, &scoring(), at(secs));
        }
        last
    }

    fn reasons(assessment: &Assessment) -> Vec<(&'static str, u32)> {
        assessment.reasons.iter().map(|(signal, points)| (signal.code(), *points)).collect()
    }

    #[test]
    fn each_kind_of_refusal_adds_its_points_and_fades() {
        for (reason, code, points) in [
            (Reason::DpopProofReplayed, "replays", 25),
            (Reason::DpopKeyMismatch, "bad_proofs", 20),
            (Reason::SignatureInvalid, "bad_signatures", 15),
            (Reason::PolicyScopeMissing, "refused_scopes", 10),
            (Reason::PolicyRuleDenied, "refusals", 8),
            (Reason::RequestMalformed, "malformed", 5),
            (Reason::SignatureExpired, "clock_skew", 2),
            (Reason::RateExceeded, "over_limit", 3),
        ] {
            let mut state = State::default();
            let refused = Observed::refused(reason);
            assert_eq!(reasons(&after(&mut state, [(0, refused.clone())])), [(code, points)]);
            assert_eq!(after(&mut state, [(0, refused.clone())]).score, 2 * points);
            assert_eq!(state.assessed(&scoring(), at(300)).score, points);
            let cap = u32::from(scoring().weights.of(Signal::from_code(code).unwrap()).cap);
            assert_eq!(after(&mut state, (0..60).map(|_| (0, refused.clone()))).score, cap, "{code}");
        }
        let unavailable = Observed::refused(Reason::KeysUnavailable);
        assert_eq!(after(&mut State::default(), [(0, unavailable)]).score, 0);
    }

    #[test]
    fn a_refusal_now_and_then_of_a_busy_agent_weighs_little() {
        let mut state = State::default();
        let steps = (0..600).map(|secs| {
            let refused = secs % 50 == 49;
            (secs, if refused { Observed::refused(Reason::PolicyScopeMissing) } else { good() })
        });
        let assessment = after(&mut state, steps);
        assert!(assessment.score <= 6, "{assessment:?}");
        // The same refusals alone.
        let alone = (0..12).map(|i| (i * 50, Observed::refused(Reason::PolicyScopeMissing)));
        assert!(after(&mut State::default(), alone).score >= 50);
    }

    #[test]
    fn a_new_network_and_country_count_once_after_the_subject_was_learnt() {
        let mut state = State::default();
        let learnt = [(0, from(1, "DE", None)), (10, from(2, "FR", None)), (3_700, from(1, "DE", None))];
        assert_eq!(after(&mut state, learnt).score, 0, "what it was learnt with is its home");
        let new = after(&mut state, [(3_900, from(3, "US", None))]);
        assert_eq!(reasons(&new), [("new_network", 15), ("new_country", 12)]);
        assert_eq!(after(&mut state, [(3_900, from(3, "US", None))]).score, 27, "once");
        assert_eq!(after(&mut state, [(3_900 + 3_600, from(3, "US", None))]).score, 0);
    }

    #[test]
    fn travel_counts_from_new_networks_that_are_too_far() {
        let (frankfurt, virginia, paris) =
            (Place::new(50.1, 8.7), Place::new(39.0, -77.5), Place::new(48.9, 2.3));
        let home = || [(0, from(1, "DE", frankfurt)), (4_000, from(1, "DE", frankfurt))];
        let travelled = |secs, observed: Observed| {
            let mut state = State::default();
            let _ = after(&mut state, home());
            reasons(&after(&mut state, [(secs, observed)])).iter().any(|(code, _)| *code == "travel")
        };
        assert!(travelled(4_600, from(2, "US", virginia)));
        assert!(!travelled(4_000 + 6 * 3_600, from(2, "US", virginia)), "there was time for the way");
        assert!(!travelled(4_600, from(2, "FR", paris)), "not far");
        assert!(!travelled(4_600, from(1, "US", virginia)), "the network is known");
        assert!(!travelled(4_600, from(2, "US", None)), "nobody knows where");
    }

    #[test]
    fn a_new_network_beside_a_known_one_counts_with_each_request() {
        let mut state = State::default();
        let _ = after(&mut state, [(0, good()), (4_000, good())]);
        let both = (0..5).flat_map(|i| [(4_001 + i, good()), (4_001 + i, from(2, "DE", None))]);
        assert_eq!(reasons(&after(&mut state, both)), [("networks_at_once", 18), ("new_network", 14)]);
        let mut moved = State::default();
        let _ = after(&mut moved, [(0, good()), (4_000, good())]);
        let alone = (0..5).map(|i| (4_200 + i, from(2, "DE", None)));
        assert_eq!(reasons(&after(&mut moved, alone)), [("new_network", 14)]);
    }

    #[test]
    fn hurry_counts_by_doublings_above_what_is_usual() {
        let rate = |per_second: u64, secs: u64| {
            let many = Observed { requests: Requests(u32::try_from(per_second).unwrap()), ..good() };
            after(&mut State::default(), (0..secs).map(|secs| (secs, many.clone()))).score
        };
        assert_eq!(rate(2, 300), 0, "120 a minute is nothing");
        let scores = [15, 20, 40, 60].map(|per_second| rate(per_second, 60));
        assert!(scores.windows(2).all(|pair| pair[0] < pair[1]), "{scores:?}");
        assert_eq!(rate(1_000, 60), 48, "the cap");
        // What was usual for hours is not unusual.
        let mut state = State::default();
        let many = Observed { requests: Requests(20), ..good() };
        let _ = after(&mut state, (0..3 * 3_600).map(|secs| (secs, many.clone())));
        assert_eq!(after(&mut state, [(3 * 3_600, many)]).score, 0);
    }

    fn visit(i: u64) -> Observed {
        Observed { network: None, country: None, ..Observed::of(&format!("GET /{i}"), &Client::default()) }
    }

    #[test]
    fn different_resources_count_by_doublings_above_what_is_usual() {
        let mut state = State::default();
        // One in five seconds, so that nothing but their number is unusual.
        assert_eq!(after(&mut state, (0..280).map(|i| (i * 5, visit(i)))).score, 0);
        let scraped = after(&mut state, (280..2_400).map(|i| (i * 5, visit(i))));
        assert_eq!(scraped.reasons.first().map(|(signal, _)| *signal), Some(Signal::Resources));
        assert!((40..=44).contains(&scraped.score), "{scraped:?}");
        assert_eq!(after(&mut state, (0..200).map(|i| (12_000 + i, visit(i)))).score, scraped.score);
        // The next day it is half of what is usual.
        let day = 86_400 + 1;
        assert_eq!(after(&mut state, [(day, visit(0))]).score, 0);
        assert_eq!(after(&mut state, (0..2_000).map(|i| (day + i * 5, visit(i)))).score, 0);
    }

    #[test]
    fn money_counts_by_doublings_above_what_is_usual() {
        let spend = |amount| Observed { amount: Some(amount), ..good() };
        let mut state = State::default();
        assert_eq!(after(&mut state, [(0, spend(100_000))]).score, 0);
        assert_eq!(reasons(&after(&mut state, [(1, spend(300_000))])), [("spend", 23)]);
        assert_eq!(after(&mut state, [(2, spend(u64::MAX))]).score, 45);
        // Of a big spender it is usual.
        let mut state = State::default();
        let _ = after(&mut state, (0..72 * 6).map(|i| (i * 600, spend(100_000))));
        assert_eq!(after(&mut state, [(72 * 3_600, spend(100_000))]).score, 0);
    }

    #[test]
    fn depth_counts_above_two_for_as_long_as_it_is_so() {
        let mut state = State::default();
        let deep = |depth| Observed { depth, ..good() };
        let scores = [0, 1, 2, 3, 4, 8].map(|depth| after(&mut state, [(0, deep(depth))]).score);
        assert_eq!(scores, [0, 0, 0, 3, 6, 9]);
        assert_eq!(after(&mut state, [(0, deep(1))]).score, 0);
    }

    #[test]
    fn youth_adds_to_what_others_say_and_says_nothing_alone() {
        let observe = |state: State, observed, secs| state.observe(&observed, &Scoring::default(), at(secs));
        let (state, alone) = observe(State::default(), good(), 0);
        assert_eq!(alone.score, 0);
        let many = Observed { requests: Requests(5), ..Observed::refused(Reason::PolicyScopeMissing) };
        let mut five = many;
        five.incidents.add(Signal::RefusedScopes, 4);
        let young = observe(state.clone(), five.clone(), 1).1;
        assert_eq!(reasons(&young), [("refused_scopes", 50), ("key_age", 4)]);
        let old = observe(state, five, 86_400).1;
        assert_eq!(reasons(&old), [("refused_scopes", 50)]);
    }

    #[test]
    fn reasons_come_in_the_order_of_what_they_add_and_then_in_their_own() {
        let mut state = State::default();
        let refused = |reason| (0, Observed::refused(reason));
        let assessment = after(
            &mut state,
            [
                refused(Reason::RequestMalformed),
                refused(Reason::PolicyScopeMissing),
                refused(Reason::RequestMalformed),
                refused(Reason::DpopKeyMismatch),
            ],
        );
        assert_eq!(reasons(&assessment), [("bad_proofs", 20), ("refused_scopes", 10), ("malformed", 10)]);
        assert_eq!(assessment.score, 40);
    }

    #[test]
    fn a_score_is_at_most_a_hundred_and_levels_change_once() {
        let mut state = State::default();
        let mut changes = vec![];
        for _ in 0..30 {
            for reason in [Reason::PolicyScopeMissing, Reason::DpopKeyMismatch] {
                let assessment = after(&mut state, [(0, Observed::refused(reason))]);
                assert!(assessment.score <= 100);
                changes.extend(assessment.change.map(|change| (change.from, change.to)));
            }
        }
        assert_eq!(changes, [(Level::Low, Level::Medium), (Level::Medium, Level::High)]);
        assert_eq!(after(&mut state, [(7_200, good())]).change.map(|change| change.to), Some(Level::Low));
    }

    #[test]
    fn the_breaker_opens_with_refusals_and_lets_probes_through() {
        let scoring = Scoring {
            breaker: Some(crate::state::risk::BreakerSettings {
                refusals: 3,
                window: Duration::from_mins(1),
                score: 101,
                cool_down: Duration::from_secs(10),
                most_cool_down: Duration::from_mins(1),
                probes: 1,
            }),
            ..scoring()
        };
        let mut state = State::default();
        let mut wait = |observed: Observed, secs| {
            let assessment;
            (state, assessment) = state.clone().observe(&observed, &scoring, at(secs));
            assessment.wait.map(|wait| wait.as_secs())
        };
        let mut three = Observed::refused(Reason::PolicyScopeMissing);
        three.add_refused(&Observed::refused(Reason::PolicyScopeMissing));
        three.add_refused(&Observed::refused(Reason::PolicyScopeMissing));
        assert_eq!(wait(good(), 0), None);
        assert_eq!(wait(three, 0), Some(10));
        assert_eq!(wait(good(), 4), Some(6));
        assert_eq!(wait(good(), 10), None);
        assert_eq!(wait(good(), 10), None);
    }

    #[test]
    fn a_clock_that_goes_back_changes_nothing_but_the_counts() {
        let mut state = State::default();
        let _ = after(&mut state, [(1_000, good())]);
        let back = after(&mut state, [(0, Observed::refused(Reason::PolicyScopeMissing))]);
        assert_eq!((back.score, state.at), (10, at(1_000).0));
    }

    fn observations() -> impl Strategy<Value = Observed> {
        let client =
            (0u32..12, prop::sample::select(vec!["DE", "US", "BR", "JP"]), -90i8..=90, -180i16..=180);
        (client, 0usize..400, 0u64..40, 0u64..2_000_000, 0u8..9).prop_map(
            |((asn, country, latitude, longitude), reason, resource, amount, depth)| match Reason::ALL
                .get(reason)
            {
                Some(reason) => Observed::refused(*reason),
                None => Observed {
                    amount: amount.is_multiple_of(3).then_some(amount),
                    depth,
                    ..Observed::of(
                        &resource.to_string(),
                        &Client {
                            asn: Some(asn),
                            country: Some(country.into()),
                            place: Place::new(latitude.into(), longitude.into()),
                            ..Client::default()
                        },
                    )
                },
            },
        )
    }

    fn histories() -> impl Strategy<Value = Vec<(u64, Observed)>> {
        prop::collection::vec((0u64..400_000, observations()), 0..60)
    }

    fn run(history: &[(u64, Observed)], scoring: &Scoring) -> (State, u64, Assessment) {
        history.iter().fold(
            (State::default(), START, Assessment::default()),
            |(state, now, _), (gap, observed)| {
                let (state, assessment) = state.observe(observed, scoring, UnixMillis(now + gap));
                (state, now + gap, assessment)
            },
        )
    }

    proptest! {
        #[test]
        fn it_is_read_as_it_was_written(history in histories()) {
            let (state, ..) = run(&history, &Scoring::default());
            let bytes = state.encode();
            prop_assert!(bytes.len() <= MAX_ENCODED_BYTES);
            prop_assert_eq!(State::decode(&bytes), Some(state));
            for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                prop_assert_eq!(State::decode(&bytes[..end]), None);
            }
            let longer = [&bytes[..], &[0]].concat();
            prop_assert_eq!(State::decode(&longer), None);
        }

        #[test]
        fn garbage_is_refused_or_harmless(mut bytes in prop::collection::vec(any::<u8>(), 0..1_500), first in 0u8..3, history in histories()) {
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            for state in [State::decode(&bytes), State::decode(&[State::default().encode(), bytes.clone()].concat())].into_iter().flatten() {
                let (_, assessment) = state.observe(&Observed::default(), &Scoring::default(), at(0));
                prop_assert!(assessment.score <= 100);
            }
            // A bit that flipped.
            let mut written = run(&history, &Scoring::default()).0.encode();
            let place = bytes.len() % written.len();
            written[place] ^= 1 << (first % 8);
            if let Some(state) = State::decode(&written) {
                let (next, assessment) = state.observe(&Observed::default(), &Scoring::default(), at(1 << 30));
                prop_assert!(assessment.score <= 100);
                prop_assert!(State::decode(&next.encode()).is_some());
            }
        }

        #[test]
        fn more_bad_evidence_never_lowers_the_score(history in histories(), place in 0usize..60, reason in 0usize..300) {
            let bad: Vec<_> = Reason::ALL.iter().filter_map(|reason| Signal::of(*reason)).collect();
            let extra = Observed::refused_for(bad[reason % bad.len()]);
            let mut more = history.clone();
            more.insert(place.min(history.len()), (0, extra));
            let scoring = scoring();
            // Both begin at the same time.
            let begin = |rest: &[(u64, Observed)]| [&[(0, good())], rest].concat();
            let (without, with) = (run(&begin(&history), &scoring), run(&begin(&more), &scoring));
            prop_assert!(with.2.score >= without.2.score || place >= history.len(), "{:?} {:?}", with.2, without.2);
        }

        #[test]
        fn scores_only_fall_with_time(history in histories(), a in 0u64..10_000_000, gap in 1_000u64..10_000_000) {
            let (state, now, _) = run(&history, &Scoring::default());
            let score = |after| state.assessed(&Scoring::default(), UnixMillis(now + after)).score;
            prop_assert!(score(a) >= score(a + gap));
        }

        #[test]
        fn the_same_history_gives_the_same_state(history in histories()) {
            let text = serde_json::to_string(&history).unwrap();
            let read: Vec<(u64, Observed)> = serde_json::from_str(&text).unwrap();
            let (a, b) = (run(&history, &Scoring::default()), run(&read, &Scoring::default()));
            prop_assert_eq!(a.0.encode(), b.0.encode());
            prop_assert_eq!(a.2, b.2);
        }
    }
}
