//! Whatever happens to requests and messages, no more is spent of a budget than it has.
//!
//! A world in which messages are lost, come twice and come late, origins fail half-way, agents ask again and
//! administrators reconcile; and an oracle that knows what was really spent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::needless_range_loop,
    reason = "a level is a number of more than its name"
)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign::state::budget::settlement::Line;
use countersign::state::budget::{
    AccountTerms, AccountView, AttemptId, Fingerprint, HeldState, NEVER, OriginAnswer, Period, Reconcile,
    Reconciled, Refusal, ReservationId, Reservations, Reserve, Reserved, Show, Spent, Terms, Verdict,
};
use countersign::state::subject::{
    Call, MemorySubjects, Op, OpReply, RequestId, SubjectCall, SubjectKind, SubjectName,
};
use countersign::time::UnixMillis;
use proptest::prelude::*;

const START: u64 = 1_790_000_000_000;
const LIFETIME: u64 = 900_000;

/// The budgets of the world, the innermost first: two agents of a user, two users of an organisation.
const NAMES: [&str; 3] = ["agent", "user", "organisation"];
const AMOUNTS: [u64; 3] = [50, 80, 120];

fn object(level: usize, agent: usize) -> SubjectName {
    let who = agent >> level;
    SubjectName::new(SubjectKind::Budget, &[NAMES[level], &who.to_string()])
}

fn terms(level: usize, period: u64, now: u64) -> AccountTerms {
    let terms = match now.checked_div(period) {
        None => Terms { amount: AMOUNTS[level], period: Period::Total, ends: NEVER },
        Some(past) => {
            Terms { amount: AMOUNTS[level], period: Period::Day, ends: UnixMillis((past + 1) * period) }
        }
    };
    AccountTerms::new(format!("{}/EUR", NAMES[level]), &terms)
}

fn attempt(number: usize) -> AttemptId {
    AttemptId((number as u128).to_be_bytes())
}

fn call(number: usize, op: Op) -> Call {
    Call::new(RequestId::new(&number.to_string()), vec![op])
}

/// A request on its way, by what was drawn for it.
#[derive(Clone, Debug)]
struct Ask {
    number: usize,
    agent: usize,
    amount: u64,
    /// The client's own identifier, which the origin honours.
    key: Option<usize>,
}

impl Ask {
    fn id(&self) -> ReservationId {
        match self.key {
            Some(key) => ReservationId::new(&["key", &key.to_string(), &self.agent.to_string()]),
            None => ReservationId::new(&["decision", &self.number.to_string()]),
        }
    }

    fn reserve(&self, level: usize, period: u64, now: u64) -> Call {
        call(
            self.number,
            Op::Reserve(Reserve {
                of: terms(level, period, now),
                request: self.id(),
                attempt: attempt(self.number),
                fingerprint: Fingerprint::new(&[&self.amount.to_string()]),
                amount: self.amount,
                lifetime: LIFETIME,
                keyed: self.key.is_some(),
            }),
        )
    }
}

/// Draws numbers from what proptest made up, so that it can shrink them.
struct Draws(std::vec::IntoIter<u16>);

impl Draws {
    fn next(&mut self, below: u16) -> Option<usize> {
        self.0.next().map(|drawn| usize::from(drawn % below))
    }
}

struct World {
    subjects: MemorySubjects,
    now: u64,
    /// 0: budgets are totals.
    period: u64,
    requests: usize,
    /// Messages that arrive some time later, or never.
    late: Vec<SubjectCall>,
    /// What was really spent, by object and the end of its period at the time it was reserved.
    spent: BTreeMap<(SubjectName, Option<UnixMillis>), u64>,
    /// Which keyed requests the origin has done.
    done: BTreeMap<ReservationId, u64>,
    /// Which decisions the origin has really carried out.
    carried_out: BTreeMap<String, u64>,
}

impl World {
    fn new(period: u64) -> Self {
        Self {
            subjects: MemorySubjects::new(100_000),
            now: START,
            period,
            requests: 0,
            late: Vec::new(),
            spent: BTreeMap::new(),
            done: BTreeMap::new(),
            carried_out: BTreeMap::new(),
        }
    }

    fn ask(&mut self, subject: SubjectName, call: &Call) -> OpReply {
        let reply = self.subjects.answer(subject, call, UnixMillis(self.now)).unwrap();
        reply.answers.into_iter().next().unwrap()
    }

    /// Sends a message on a bad day. `None` where no answer comes back.
    fn send(&mut self, message: SubjectCall, draws: &mut Draws) -> Option<OpReply> {
        match draws.next(8).unwrap_or(7) {
            0 => None,
            1 => {
                self.late.push(message);
                None
            }
            2 => {
                self.ask(message.subject, &message.call);
                None
            }
            3 => {
                self.ask(message.subject, &message.call);
                Some(self.ask(message.subject, &message.call))
            }
            4 => {
                self.late.push(message.clone());
                Some(self.ask(message.subject, &message.call))
            }
            _ => Some(self.ask(message.subject, &message.call)),
        }
    }

    fn show(&mut self, level: usize, agent: usize) -> AccountView {
        let show = Show { of: terms(level, self.period, self.now), after: None };
        match self.ask(object(level, agent), &call(0, Op::Budget(show))) {
            OpReply::Budget(view) => *view,
            other => panic!("{other:?}"),
        }
    }

    /// A request, from its reservations to their end.
    fn request(&mut self, ask: &Ask, draws: &mut Draws) {
        let mut reservations = Reservations {
            call: RequestId::new(&ask.number.to_string()),
            attempt: attempt(ask.number),
            request: ask.id(),
            lines: Vec::new(),
        };
        let mut periods = Vec::new();
        for level in 0..NAMES.len() {
            let subject = object(level, ask.agent);
            let message = SubjectCall { subject, call: ask.reserve(level, self.period, self.now) };
            let answer = self.send(message, draws);
            let account = format!("{}/EUR", NAMES[level]);
            let (joined, goes_on) = match answer {
                Some(OpReply::Reserve(Reserved::Accepted { .. })) => (false, true),
                Some(OpReply::Reserve(Reserved::Joined { .. })) => (true, true),
                // Nothing was taken here.
                Some(OpReply::Reserve(Reserved::Refused(_))) => {
                    return self.tell(reservations.release(), draws);
                }
                None => (false, false),
                other => panic!("{other:?}"),
            };
            reservations.lines.push(Line::new(&subject, account, joined));
            if !goes_on {
                // It may have arrived all the same.
                return self.tell(reservations.release(), draws);
            }
            // What was reserved before stays with the period of that time.
            let view = self.show(level, ask.agent);
            let made =
                view.reservations.iter().find(|held| held.reservation == ask.id()).map(|held| held.made.0);
            let ends = |made: u64| UnixMillis((made / self.period + 1) * self.period);
            periods.push(view.resets.and(made).map(ends));
        }
        let amount = format!("commit={}", ask.amount / 2);
        let (does, answer) = match draws.next(8).unwrap_or(0) {
            0 => (0, OriginAnswer::Response { status: 422, field: None }),
            1 => (0, OriginAnswer::NotSent),
            2 => (0, OriginAnswer::Lost),
            3 => (ask.amount, OriginAnswer::Lost),
            4 => (ask.amount, OriginAnswer::Response { status: 500, field: None }),
            5 => (ask.amount / 2, OriginAnswer::Response { status: 200, field: Some(&amount) }),
            6 => (0, OriginAnswer::Response { status: 200, field: Some("release") }),
            _ => (ask.amount, OriginAnswer::Response { status: 201, field: None }),
        };
        let mut answer = answer;
        // An origin that honours the key does once what is asked twice, and says the same again.
        let repeated = ask.key.and_then(|_| self.done.get(&ask.id()).copied());
        let said = repeated.map(|before| format!("commit={before}"));
        if let Some(said) = &said {
            answer = OriginAnswer::Response { status: 200, field: Some(said) };
        } else if does > 0 {
            for (level, period) in periods.into_iter().enumerate() {
                *self.spent.entry((object(level, ask.agent), period)).or_default() += does;
            }
            if ask.key.is_some() {
                self.done.insert(ask.id(), does);
            }
            self.carried_out.insert(ask.id().to_text(), does);
        }
        self.tell(reservations.settle(&answer), draws);
    }

    fn tell(&mut self, calls: Vec<SubjectCall>, draws: &mut Draws) {
        for message in calls {
            self.send(message, draws);
        }
    }

    /// An administrator looks at what the origin has done, and reconciles all that is held.
    fn reconcile(&mut self) {
        for level in 0..NAMES.len() {
            for agent in 0..4 {
                for held in self.show(level, agent).reservations {
                    if held.state == HeldState::Reserved {
                        continue;
                    }
                    let spent = self.carried_out.get(&held.reservation.to_text()).copied();
                    let reconcile = Reconcile {
                        account: format!("{}/EUR", NAMES[level]),
                        request: held.reservation,
                        spent: spent.map_or(Spent::Nothing, |spent| Spent::Amount(spent.min(held.amount))),
                    };
                    let answer = self.ask(object(level, agent), &call(0, Op::Reconcile(reconcile)));
                    let done = matches!(answer, OpReply::Reconcile(Reconciled::Done { reserved, .. }) if reserved == held.amount);
                    assert!(done, "{answer:?}");
                }
            }
        }
    }

    /// The laws that hold at any time.
    fn check(&mut self) {
        for level in 0..NAMES.len() {
            for agent in 0..4 {
                let view = self.show(level, agent);
                let counted = view.committed + view.reserved + view.held;
                assert!(counted <= AMOUNTS[level], "{} of agent {agent}: {view:?}", NAMES[level]);
                assert_eq!(view.remaining, AMOUNTS[level] - counted, "{view:?}");
                assert_eq!(view.open as usize, view.reservations.len(), "{view:?}");
                let spent = self.spent.get(&(object(level, agent), view.resets)).copied();
                assert!(spent.unwrap_or_default() <= counted, "{spent:?} was spent: {view:?}");
            }
        }
        for ((subject, period), spent) in &self.spent {
            let level = (0..3).find(|level| (0..4).any(|agent| object(*level, agent) == *subject)).unwrap();
            assert!(*spent <= AMOUNTS[level], "{period:?}");
        }
    }
}

fn live(drawn: Vec<u16>, period: u64) {
    let mut world = World::new(period);
    let mut draws = Draws(drawn.into_iter());
    while let Some(action) = draws.next(10) {
        match action {
            0 => world.now += LIFETIME / 3,
            1 => world.reconcile(),
            2 | 3 if !world.late.is_empty() => {
                let at = draws.next(64).unwrap_or(0) % world.late.len();
                let message = world.late.swap_remove(at);
                world.ask(message.subject, &message.call);
            }
            _ => {
                world.requests += 1;
                let ask = Ask {
                    number: world.requests,
                    agent: draws.next(4).unwrap_or(0),
                    amount: [0, 1, 7, 10, 25, 50, 51, 300][draws.next(8).unwrap_or(0)],
                    key: draws.next(8).unwrap_or(7).checked_sub(4).filter(|key| *key < 3),
                };
                world.request(&ask, &mut draws);
            }
        }
        world.check();
    }
    // In the end every message that still is under way arrives, time passes and somebody reconciles: nothing is left.
    for message in core::mem::take(&mut world.late) {
        world.ask(message.subject, &message.call);
        world.check();
    }
    world.now += LIFETIME + 1;
    world.reconcile();
    for level in 0..NAMES.len() {
        for agent in 0..4 {
            let view = world.show(level, agent);
            assert_eq!((view.reserved, view.held, view.earlier, view.open), (0, 0, 0, 0), "{view:?}");
        }
    }
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_spent_and_held_is_never_above_a_total(drawn in proptest::collection::vec(any::<u16>(), 0..400)) {
        live(drawn, 0);
    }

    #[test]
    fn what_is_spent_and_held_is_never_above_a_period(drawn in proptest::collection::vec(any::<u16>(), 0..400)) {
        live(drawn, LIFETIME * 2);
    }
}

/// A gate without faults: reserves in order, releases where an outer budget refuses.
fn pass(subjects: &Mutex<MemorySubjects>, ask: &Ask) -> Result<Reservations, Refusal> {
    let mut reservations = Reservations {
        call: RequestId::new(&ask.number.to_string()),
        attempt: attempt(ask.number),
        request: ask.id(),
        lines: Vec::new(),
    };
    for level in 0..NAMES.len() {
        let subject = object(level, ask.agent);
        let reserve = ask.reserve(level, 0, START);
        let reply = subjects.lock().unwrap().answer(subject, &reserve, UnixMillis(START)).unwrap();
        match reply.answers.as_slice() {
            [OpReply::Reserve(Reserved::Accepted { .. })] => {
                reservations.lines.push(Line::new(&subject, format!("{}/EUR", NAMES[level]), false));
            }
            [OpReply::Reserve(Reserved::Refused(refusal))] => {
                tell(subjects, &reservations.release());
                return Err(*refusal);
            }
            other => panic!("{other:?}"),
        }
        std::thread::yield_now();
    }
    Ok(reservations)
}

fn tell(subjects: &Mutex<MemorySubjects>, calls: &[SubjectCall]) {
    for call in calls {
        subjects.lock().unwrap().answer(call.subject, &call.call, UnixMillis(START)).unwrap();
    }
}

#[test]
fn of_a_thousand_at_once_those_pass_that_fit() {
    let subjects = Mutex::new(MemorySubjects::new(100_000));
    let (next, passed, refused) = (AtomicUsize::new(1), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > 1_000 {
                        break;
                    }
                    // All of one agent, one unit each: the innermost budget is the one that runs out.
                    let ask = Ask { number, agent: 0, amount: 1, key: None };
                    match pass(&subjects, &ask) {
                        Ok(_) => passed.fetch_add(1, Ordering::Relaxed),
                        Err(refusal) => {
                            assert_eq!(refusal, Refusal::Exhausted);
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
    });
    assert_eq!((passed.into_inner() as u64, refused.into_inner() as u64), (AMOUNTS[0], 1_000 - AMOUNTS[0]));
    let mut world = World { subjects: subjects.into_inner().unwrap(), ..World::new(0) };
    for level in 0..3 {
        let view = world.show(level, 0);
        assert_eq!((view.reserved, view.committed, view.held), (AMOUNTS[0], 0, 0));
    }
}

#[test]
fn of_a_thousand_of_many_agents_the_organisation_lets_no_more_through_than_it_has() {
    let subjects = Mutex::new(MemorySubjects::new(100_000));
    let (next, spent) = (AtomicUsize::new(1), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > 1_000 {
                        break;
                    }
                    let ask = Ask { number, agent: number % 4, amount: 1 + number as u64 % 3, key: None };
                    if let Ok(reservations) = pass(&subjects, &ask) {
                        let does = number % 5 != 0;
                        if does {
                            spent.fetch_add(ask.amount as usize, Ordering::Relaxed);
                        }
                        let status = if does { 200 } else { 404 };
                        tell(
                            &subjects,
                            &reservations.settle(&OriginAnswer::Response { status, field: None }),
                        );
                    }
                }
            });
        }
    });
    let mut world = World { subjects: subjects.into_inner().unwrap(), ..World::new(0) };
    let organisation = world.show(2, 0);
    assert_eq!(organisation.committed, spent.into_inner() as u64);
    assert_eq!((organisation.reserved, organisation.held, organisation.open), (0, 0, 0));
    assert!(organisation.committed <= AMOUNTS[2]);
    // Compensation leaves nothing behind: inside and outside the same was spent.
    let users: u64 = [0, 2].map(|agent| world.show(1, agent).committed).iter().sum();
    let agents: u64 = [0, 1, 2, 3].map(|agent| world.show(0, agent).committed).iter().sum();
    assert_eq!((users, agents), (organisation.committed, organisation.committed));
}

mod one_account {
    use super::*;

    const AGENT: usize = 0;

    fn ask(number: usize, amount: u64, key: Option<usize>) -> Ask {
        Ask { number, agent: AGENT, amount, key }
    }

    fn reserve(world: &mut World, ask: &Ask) -> Reserved {
        let call = ask.reserve(0, world.period, world.now);
        match world.ask(object(0, AGENT), &call) {
            OpReply::Reserve(reserved) => reserved,
            other => panic!("{other:?}"),
        }
    }

    fn settle(world: &mut World, ask: &Ask, verdict: Verdict) -> OpReply {
        let settle = countersign::state::budget::Settle {
            account: "agent/EUR".into(),
            request: ask.id(),
            attempt: attempt(ask.number),
            verdict,
        };
        world.ask(object(0, AGENT), &call(ask.number, Op::Settle(settle)))
    }

    fn counts(world: &mut World) -> (u64, u64, u64) {
        let view = world.show(0, AGENT);
        (view.committed, view.reserved, view.held)
    }

    #[test]
    fn an_identifier_with_another_amount_is_refused() {
        let mut world = World::new(0);
        assert_eq!(reserve(&mut world, &ask(1, 10, Some(1))), Reserved::Accepted { remaining: 40 });
        assert_eq!(reserve(&mut world, &ask(2, 11, Some(1))), Reserved::Refused(Refusal::Conflict));
        settle(&mut world, &ask(1, 10, Some(1)), Verdict::Commit(None));
        assert_eq!(reserve(&mut world, &ask(3, 11, Some(1))), Reserved::Refused(Refusal::Conflict));
        assert_eq!(counts(&mut world), (10, 0, 0));
    }

    #[test]
    fn an_identifier_that_comes_again_is_charged_once() {
        let mut world = World::new(0);
        let (first, second) = (ask(1, 10, Some(1)), ask(2, 10, Some(1)));
        assert_eq!(reserve(&mut world, &first), Reserved::Accepted { remaining: 40 });
        assert_eq!(reserve(&mut world, &first), Reserved::Accepted { remaining: 40 });
        assert_eq!(reserve(&mut world, &second), Reserved::Joined { remaining: 40 });
        settle(&mut world, &first, Verdict::Commit(Some(4)));
        assert_eq!(reserve(&mut world, &second), Reserved::Joined { remaining: 46 });
        assert_eq!(counts(&mut world), (4, 0, 0));
        // After a day the origin has forgotten it, too.
        world.now += 24 * 60 * 60 * 1000 + 1;
        assert_eq!(reserve(&mut world, &second), Reserved::Accepted { remaining: 36 });
    }

    #[test]
    fn what_two_attempts_share_is_released_by_the_last_one_only() {
        use countersign::state::budget::Settled;
        for order in [[1, 2], [2, 1]] {
            let mut world = World::new(0);
            let attempts = order.map(|number| ask(number, 10, Some(1)));
            reserve(&mut world, &ask(1, 10, Some(1)));
            reserve(&mut world, &ask(2, 10, Some(1)));
            // Said twice it is still one that has left.
            for _ in 0..2 {
                let answer = settle(&mut world, &attempts[0], Verdict::Release);
                assert_eq!(answer, OpReply::Settle(Settled::Held));
            }
            assert_eq!(counts(&mut world), (0, 10, 0));
            let answer = settle(&mut world, &attempts[1], Verdict::Release);
            assert_eq!(answer, OpReply::Settle(Settled::Released));
            assert_eq!(counts(&mut world), (0, 0, 0));
        }
    }

    #[test]
    fn what_one_of_two_attempts_may_have_spent_is_not_released() {
        for verdict in [Verdict::Hold, Verdict::Commit(None)] {
            let mut world = World::new(0);
            let (first, second) = (ask(1, 10, Some(1)), ask(2, 10, Some(1)));
            reserve(&mut world, &first);
            reserve(&mut world, &second);
            settle(&mut world, &second, verdict);
            settle(&mut world, &first, Verdict::Release);
            let held = if verdict == Verdict::Hold { (0, 0, 10) } else { (10, 0, 0) };
            assert_eq!(counts(&mut world), held);
        }
        // One of more than are told apart may be under way.
        let mut world = World::new(0);
        for number in 1..=7 {
            reserve(&mut world, &ask(number, 10, Some(1)));
        }
        for number in 1..=6 {
            settle(&mut world, &ask(number, 10, Some(1)), Verdict::Release);
        }
        assert_eq!(counts(&mut world), (0, 10, 0));
    }

    #[test]
    fn what_was_released_may_be_asked_for_anew_but_not_by_a_message_that_is_late() {
        let mut world = World::new(0);
        let (first, second) = (ask(1, 10, Some(1)), ask(2, 10, Some(1)));
        reserve(&mut world, &first);
        settle(&mut world, &first, Verdict::Release);
        assert_eq!(reserve(&mut world, &first), Reserved::Refused(Refusal::Late));
        assert_eq!(reserve(&mut world, &second), Reserved::Accepted { remaining: 40 });
        // The first attempt has no say about what the second reserved.
        settle(&mut world, &first, Verdict::Release);
        assert_eq!(counts(&mut world), (0, 10, 0));
    }

    #[test]
    fn a_release_that_overtakes_its_reservation_is_found_by_it() {
        let mut world = World::new(0);
        let ask = ask(1, 10, None);
        settle(&mut world, &ask, Verdict::Release);
        assert_eq!(reserve(&mut world, &ask), Reserved::Refused(Refusal::Late));
        assert_eq!(counts(&mut world), (0, 0, 0));
    }

    #[test]
    fn what_expired_is_held_until_it_is_reconciled() {
        let mut world = World::new(0);
        let ask = ask(1, 10, None);
        reserve(&mut world, &ask);
        let reconcile = |world: &mut World, spent| {
            let reconcile = Reconcile { account: "agent/EUR".into(), request: ask.id(), spent };
            world.ask(object(0, AGENT), &call(9, Op::Reconcile(reconcile)))
        };
        assert_eq!(reconcile(&mut world, Spent::Nothing), OpReply::Reconcile(Reconciled::UnderWay));
        world.now += LIFETIME;
        let view = world.show(0, AGENT);
        assert_eq!((view.reserved, view.held, view.remaining), (0, 10, 40));
        assert_eq!(view.reservations[0].state, HeldState::ExpiredHeld);
        assert_eq!(view.reservations[0].decision, "00000000000000000000000001");
        world.now += 365 * 24 * 60 * 60 * 1000;
        assert_eq!(counts(&mut world), (0, 0, 10));
        assert_eq!(reconcile(&mut world, Spent::Amount(11)), OpReply::Reconcile(Reconciled::AboveReserved));
        let done = Reconciled::Done { reserved: 10, committed: 3 };
        assert_eq!(reconcile(&mut world, Spent::Amount(3)), OpReply::Reconcile(done));
        assert_eq!(reconcile(&mut world, Spent::All), OpReply::Reconcile(Reconciled::NotFound));
        assert_eq!(counts(&mut world), (3, 0, 0));
    }

    #[test]
    fn who_says_that_nobody_knows_cannot_release_any_more() {
        let mut world = World::new(0);
        let ask = ask(1, 10, None);
        reserve(&mut world, &ask);
        settle(&mut world, &ask, Verdict::Hold);
        assert_eq!(world.show(0, AGENT).reservations[0].state, HeldState::Held);
        settle(&mut world, &ask, Verdict::Release);
        assert_eq!(counts(&mut world), (0, 0, 10));
        settle(&mut world, &ask, Verdict::Commit(Some(7)));
        settle(&mut world, &ask, Verdict::Commit(Some(9)));
        assert_eq!(counts(&mut world), (7, 0, 0));
    }

    #[test]
    fn what_was_reserved_before_midnight_is_spent_of_that_day() {
        let mut world = World::new(LIFETIME);
        world.now = LIFETIME * 1_000_000 - 1;
        let ask = ask(1, 50, None);
        assert_eq!(reserve(&mut world, &ask), Reserved::Accepted { remaining: 0 });
        let refused = Ask { number: 2, ..ask.clone() };
        let resets = UnixMillis(LIFETIME * 1_000_000);
        assert_eq!(reserve(&mut world, &refused), Reserved::Refused(Refusal::Exceeded { resets }));
        world.now += 1;
        let view = world.show(0, AGENT);
        assert_eq!((view.committed, view.reserved, view.earlier, view.remaining), (0, 0, 50, 50));
        settle(&mut world, &ask, Verdict::Commit(None));
        assert_eq!(counts(&mut world), (0, 0, 0));
    }

    #[test]
    fn nothing_held_is_forgotten_for_want_of_room() {
        let mut world = World::new(0);
        for number in 1..=10_000 {
            assert!(matches!(reserve(&mut world, &ask(number, 0, None)), Reserved::Accepted { .. }));
        }
        assert_eq!(reserve(&mut world, &ask(10_001, 0, None)), Reserved::Refused(Refusal::TooMany));
        settle(&mut world, &ask(1, 0, None), Verdict::Commit(None));
        assert!(matches!(reserve(&mut world, &ask(10_002, 0, None)), Reserved::Accepted { .. }));
        assert_eq!(world.show(0, AGENT).open, 10_000);
    }

    #[test]
    fn a_message_that_no_gate_sends_is_refused() {
        let mut world = World::new(0);
        let reserve = |change: &dyn Fn(&mut Reserve)| {
            let Op::Reserve(mut reserve) = ask(1, 1, None).reserve(0, 0, START).ops.remove(0) else {
                panic!()
            };
            change(&mut reserve);
            call(1, Op::Reserve(reserve))
        };
        let changes: [&dyn Fn(&mut Reserve); 4] = [
            &|reserve| reserve.amount = 1 << 53,
            &|reserve| reserve.of.amount = 1 << 53,
            &|reserve| reserve.of.account = String::new(),
            &|reserve| reserve.lifetime = u64::MAX,
        ];
        for change in changes {
            let answer = world.ask(object(0, AGENT), &reserve(change));
            assert_eq!(answer, OpReply::Reserve(Reserved::Refused(Refusal::Corrupt)));
        }
    }

    #[test]
    fn what_has_ended_is_remembered_up_to_a_bound_and_nothing_live_is_forgotten() {
        use countersign::state::budget::MAX_ENDED;
        use countersign::state::subject::{Change, Kind, MemoryRows, Row, Rows, apply};
        let mut rows = MemoryRows::new(MAX_ENDED + 10);
        let world = World::new(0);
        let until = UnixMillis(world.now + 60_000);
        let ended = |n: usize| Change {
            kind: Kind::BudgetEnded,
            name: n.to_be_bytes().to_vec(),
            row: Some(Row { value: vec![1], until }),
        };
        let changes: Vec<_> = (0..MAX_ENDED - 1).map(ended).collect();
        rows.commit(&changes).unwrap();
        let mut reserve = |number, now| {
            let call = ask(number, 1, Some(number)).reserve(0, world.period, now);
            apply(&mut rows, &call, UnixMillis(now)).unwrap().answers.remove(0)
        };
        let accepted = |reply| matches!(reply, OpReply::Reserve(Reserved::Accepted { .. }));
        assert!(accepted(reserve(1, world.now)));
        // The open one will need the room that is left.
        assert_eq!(reserve(2, world.now), OpReply::Reserve(Reserved::Refused(Refusal::TooMany)));
        assert!(accepted(reserve(2, until.0)));
    }
}
