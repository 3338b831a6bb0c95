//! What was answered to inquiries, and who asks next: [`Answers`], a state machine as that of key sets.
//!
//! - One question at a time about each thing: [`Lookup::Ask`] is a lease, everyone else gets [`Lookup::Wait`] until it
//!   was answered or the lease ends. No promise is shared between requests.
//! - An answer serves as long as it was kept for, and never longer: there is no stale one. It also serves everyone who
//!   was waiting for it when it came, however short it is kept, or they would ask one after the other.
//! - A failure is told to everyone who was waiting. A source that fails [`PATIENCE`] times in a row, or that asks for a
//!   pause, is left alone for up to [`MAX_PAUSE`], growing.
//! - Questions to each source are counted: strangers decide what is asked. Over its budget nothing new is asked, and
//!   what is known goes on to serve. Good answers are kept apart from all else, so that no number of bad ones pushes
//!   them out.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use core::time::Duration;

use crate::state::bounded::Bounded;
use crate::state::rate::{Gcra, Quota};
use crate::time::UnixMillis;

/// How long a caller may take for an inquiry before another may try: 10 s, twice what hosts wait for an answer.
const LEASE: Duration = Duration::from_secs(10);
/// How many failures in a row are taken for bad luck: 2.
const PATIENCE: u32 = 2;
/// Longest pause after failures, or that a source can ask for: 30 s. Nothing that is not known passes meanwhile.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How many sources: as many as a configuration may have issuers.
const SOURCES: usize = 64;

/// What a thing is known by: a digest, as it may be a secret.
pub(crate) type Key = [u8; 32];

/// What to do about a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup<A> {
    /// Nothing: this is the answer.
    Known {
        answer: A,
        /// When it was given.
        at: UnixMillis,
    },
    /// Ask. The lease is the caller's.
    Ask,
    /// Look again shortly: somebody else is asking.
    Wait,
    /// Nothing can be known now.
    Unavailable,
}

/// Who is asked, and how often at the most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) budget: Quota,
}

/// Answers by what they are about.
#[derive(Clone, Debug)]
pub(crate) struct Answers<A> {
    good: Bounded<Key, Answered<A>>,
    /// Bad answers, failures, and what is being asked.
    other: Bounded<Key, Other<A>>,
    sources: Bounded<String, State>,
}

#[derive(Clone, Debug)]
struct Answered<A> {
    answer: A,
    at: UnixMillis,
    until: UnixMillis,
}

#[derive(Clone, Debug)]
struct Other<A> {
    leased_until: Option<UnixMillis>,
    failed_at: Option<UnixMillis>,
    bad: Option<Answered<A>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    spent: Gcra,
    failures: u32,
    paused_until: Option<UnixMillis>,
}

impl<A: Clone> Answers<A> {
    /// None yet. Of good answers as of all others, at most `capacity` are kept.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { good: Bounded::new(capacity), other: Bounded::new(capacity), sources: Bounded::new(SOURCES) }
    }

    /// What to do about a thing, for somebody who began to ask `since`.
    pub(crate) fn look_up(
        &mut self,
        key: Key,
        source: Source<'_>,
        since: UnixMillis,
        now: UnixMillis,
    ) -> Lookup<A> {
        if let Some(known) = self.good.touch(&key).and_then(|answered| answered.serve(since, now)) {
            return known;
        }
        let mut other = self.other.touch(&key).cloned().unwrap_or(Other {
            leased_until: None,
            failed_at: None,
            bad: None,
        });
        if let Some(known) = other.bad.as_ref().and_then(|answered| answered.serve(since, now)) {
            return known;
        }
        if other.leased_until.is_some_and(|until| now < until) {
            return Lookup::Wait;
        }
        if other.failed_at.is_some_and(|at| at >= since) {
            return Lookup::Unavailable;
        }
        let mut state = self.state(source.name);
        if state.paused_until.is_some_and(|until| now < until) {
            return Lookup::Unavailable;
        }
        let (spent, outcome) = state.spent.count(source.budget, now);
        if !outcome.allowed {
            return Lookup::Unavailable;
        }
        state.spent = spent;
        self.sources.insert(source.name.to_owned(), state);
        other.leased_until = Some(now.plus(LEASE));
        self.other.insert(key, other);
        Lookup::Ask
    }

    /// A good answer, to be kept for so long.
    pub(crate) fn good(&mut self, key: Key, source: &str, answer: A, keep_for: Duration, now: UnixMillis) {
        self.other.remove(&key);
        self.good.insert(key, Answered { answer, at: now, until: now.plus(keep_for) });
        self.answered(source);
    }

    /// A bad answer, to be kept for so long.
    pub(crate) fn bad(&mut self, key: Key, source: &str, answer: A, keep_for: Duration, now: UnixMillis) {
        self.good.remove(&key);
        let bad = Some(Answered { answer, at: now, until: now.plus(keep_for) });
        self.other.insert(key, Other { leased_until: None, failed_at: None, bad });
        self.answered(source);
    }

    fn answered(&mut self, source: &str) {
        let state = self.state(source);
        self.sources.insert(source.to_owned(), State { failures: 0, paused_until: None, ..state });
    }

    /// There was no answer. With `of_source`, that says something about who was asked; `retry_after` is what it asked
    /// for.
    pub(crate) fn failed(
        &mut self,
        key: Key,
        source: &str,
        of_source: bool,
        retry_after: Option<Duration>,
        now: UnixMillis,
    ) {
        self.good.remove(&key);
        self.other.insert(key, Other { leased_until: None, failed_at: Some(now), bad: None });
        if !of_source {
            return;
        }
        let mut state = self.state(source);
        state.failures = state.failures.saturating_add(1);
        let backoff = match state.failures.checked_sub(PATIENCE + 1) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(1 << more.min(5)),
        };
        let pause = retry_after.unwrap_or_default().max(backoff).min(MAX_PAUSE);
        state.paused_until = (!pause.is_zero()).then(|| now.plus(pause));
        self.sources.insert(source.to_owned(), state);
    }

    fn state(&mut self, source: &str) -> State {
        self.sources.touch(&source.to_owned()).copied().unwrap_or_default()
    }
}

impl<A: Clone> Answered<A> {
    fn serve(&self, since: UnixMillis, now: UnixMillis) -> Option<Lookup<A>> {
        let serves = now < self.until || self.at >= since;
        serves.then(|| Lookup::Known { answer: self.answer.clone(), at: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const CACHE: Duration = Duration::from_mins(1);
    const SOURCE: Source<'static> = source("https://auth.example", 3);

    const fn source(name: &str, a_minute: u32) -> Source<'_> {
        Source { name, budget: Quota { limit: a_minute, burst: a_minute, window: Duration::from_mins(1) } }
    }

    fn key(number: u8) -> Key {
        [number; 32]
    }

    fn after(secs: u64) -> UnixMillis {
        NOW.plus(Duration::from_secs(secs))
    }

    fn look(answers: &mut Answers<&'static str>, number: u8, now: UnixMillis) -> Lookup<&'static str> {
        answers.look_up(key(number), SOURCE, now, now)
    }

    #[test]
    fn one_asks_and_the_others_wait_for_its_answer() {
        let mut answers = Answers::new(8);
        assert_eq!(look(&mut answers, 1, NOW), Lookup::Ask);
        for _ in 0..50 {
            assert_eq!(look(&mut answers, 1, after(1)), Lookup::Wait);
        }
        answers.good(key(1), SOURCE.name, "yes", CACHE, after(2));
        assert_eq!(look(&mut answers, 1, after(61)), Lookup::Known { answer: "yes", at: after(2) });
        assert_eq!(look(&mut answers, 1, after(62)), Lookup::Ask, "there is no stale answer");
    }

    #[test]
    fn a_lease_ends_where_its_holder_is_gone() {
        let mut answers: Answers<&str> = Answers::new(8);
        assert_eq!(look(&mut answers, 1, NOW), Lookup::Ask);
        assert_eq!(look(&mut answers, 1, after(9)), Lookup::Wait);
        assert_eq!(look(&mut answers, 1, after(10)), Lookup::Ask);
    }

    #[test]
    fn an_answer_that_is_not_kept_serves_those_who_waited_for_it_and_nobody_else() {
        let mut answers = Answers::new(8);
        assert_eq!(look(&mut answers, 1, NOW), Lookup::Ask);
        answers.good(key(1), SOURCE.name, "yes", Duration::ZERO, after(1));
        let waited = answers.look_up(key(1), SOURCE, NOW, after(2));
        assert_eq!(waited, Lookup::Known { answer: "yes", at: after(1) });
        assert_eq!(look(&mut answers, 1, after(2)), Lookup::Ask);
    }

    #[test]
    fn a_bad_answer_takes_the_place_of_a_good_one() {
        let mut answers = Answers::new(8);
        answers.good(key(1), SOURCE.name, "yes", CACHE, NOW);
        answers.bad(key(1), SOURCE.name, "no", CACHE, after(1));
        assert_eq!(look(&mut answers, 1, after(2)), Lookup::Known { answer: "no", at: after(1) });
        answers.good(key(1), SOURCE.name, "yes", CACHE, after(3));
        assert_eq!(look(&mut answers, 1, after(4)), Lookup::Known { answer: "yes", at: after(3) });
    }

    #[test]
    fn a_failure_is_told_to_those_who_waited_and_the_next_may_ask() {
        let mut answers = Answers::new(8);
        answers.good(key(1), SOURCE.name, "yes", Duration::from_secs(1), NOW);
        assert_eq!(look(&mut answers, 1, after(2)), Lookup::Ask);
        answers.failed(key(1), SOURCE.name, true, None, after(3));
        assert_eq!(answers.look_up(key(1), SOURCE, after(2), after(4)), Lookup::Unavailable);
        assert_eq!(look(&mut answers, 1, after(4)), Lookup::Ask);
    }

    #[test]
    fn a_source_that_keeps_failing_is_left_alone() {
        let mut answers: Answers<&str> = Answers::new(8);
        let (plenty, another) = (source(SOURCE.name, 100), source("https://other.example", 100));
        let look =
            |answers: &mut Answers<_>, number, source, now| answers.look_up(key(number), source, now, now);
        for number in 1..=3 {
            assert_eq!(look(&mut answers, number, plenty, NOW), Lookup::Ask, "{number}");
            answers.failed(key(number), SOURCE.name, true, None, NOW);
        }
        assert_eq!(look(&mut answers, 4, plenty, NOW), Lookup::Unavailable);
        assert_eq!(look(&mut answers, 4, another, NOW), Lookup::Ask);
        assert_eq!(look(&mut answers, 5, plenty, after(1)), Lookup::Ask);
        answers.good(key(5), SOURCE.name, "yes", CACHE, after(1));
        answers.failed(key(6), SOURCE.name, true, None, after(1));
        assert_eq!(
            look(&mut answers, 7, plenty, after(1)),
            Lookup::Ask,
            "an answer ends the row of failures"
        );
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut answers: Answers<&str> = Answers::new(8);
        let plenty = source("https://auth.example", 1000);
        for number in 0..100 {
            answers.failed(key(number), plenty.name, true, None, NOW);
        }
        let since = after(29);
        assert_eq!(answers.look_up(key(200), plenty, since, since), Lookup::Unavailable);
        assert_eq!(answers.look_up(key(200), plenty, after(30), after(30)), Lookup::Ask);
        answers.failed(key(200), plenty.name, true, Some(Duration::from_hours(9)), after(30));
        assert_eq!(answers.look_up(key(201), plenty, after(59), after(59)), Lookup::Unavailable);
        assert_eq!(answers.look_up(key(201), plenty, after(60), after(60)), Lookup::Ask);
    }

    #[test]
    fn what_fails_about_one_thing_stops_no_question_about_another() {
        let mut answers: Answers<&str> = Answers::new(8);
        for _ in 0..10 {
            answers.failed(key(1), SOURCE.name, false, None, NOW);
        }
        assert_eq!(look(&mut answers, 2, NOW), Lookup::Ask);
    }

    #[test]
    fn over_its_budget_only_what_is_known_serves() {
        let mut answers = Answers::new(8);
        answers.good(key(9), SOURCE.name, "yes", CACHE, NOW);
        for number in 1..=3 {
            assert_eq!(look(&mut answers, number, NOW), Lookup::Ask, "{number}");
            answers.bad(key(number), SOURCE.name, "no", CACHE, NOW);
        }
        assert_eq!(look(&mut answers, 4, NOW), Lookup::Unavailable);
        assert_eq!(look(&mut answers, 9, NOW), Lookup::Known { answer: "yes", at: NOW });
        assert_eq!(look(&mut answers, 1, NOW), Lookup::Known { answer: "no", at: NOW });
        assert_eq!(look(&mut answers, 4, after(20)), Lookup::Ask, "a budget of three a minute");
    }

    #[test]
    fn no_number_of_bad_answers_pushes_a_good_one_out() {
        let mut answers = Answers::new(4);
        answers.good(key(0), SOURCE.name, "yes", CACHE, NOW);
        for number in 1..=200 {
            answers.bad(key(number), SOURCE.name, "no", CACHE, NOW);
            answers.failed(key(number), SOURCE.name, false, None, NOW);
        }
        assert_eq!(look(&mut answers, 0, NOW), Lookup::Known { answer: "yes", at: NOW });
        assert_eq!((answers.good.len(), answers.other.len()), (1, 4));
    }
}
