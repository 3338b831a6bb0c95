//! However many isolates hold leases of a limit, and whatever becomes of their calls, no stretch of time has more requests
//! let through than the limit permits. The object and the isolates are the real ones; only the network and the clocks are
//! made up.
#![allow(
    clippy::cast_possible_truncation,
    clippy::duration_suboptimal_units,
    clippy::large_types_passed_by_value
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use countersign::state::rate::{Give, Leases, LimitKey, Local, Quota, Take, Taken};
use countersign::state::subject::{Call, MemoryRows, Op, OpReply, Reply, RequestId, apply};
use countersign::time::UnixMillis;
use proptest::prelude::*;

const START: u64 = 1_790_000_000_000;

/// One request, and what becomes of it.
#[derive(Clone, Debug)]
struct Request {
    gap: u64,
    isolate: usize,
    cost: u32,
    /// How long a call is on its way, there and back.
    there: u64,
    back: u64,
    fate: Fate,
    /// Whether something else refuses it in the end.
    is_refused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// The call never arrives.
    CallLost,
    /// The object answers, and nobody hears it.
    ReplyLost,
    /// The host asks again, as it has heard nothing, and hears the answer to that.
    AskedTwice,
    /// The isolate is gone, with all that it holds.
    Died,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives(usize),
    AtObject(usize),
    Answered(usize),
    Given(usize),
}

/// One limit, its object and the isolates, each with a clock of its own.
struct World {
    quota: Quota,
    limit: LimitKey,
    rows: MemoryRows,
    isolates: Vec<Leases>,
    skews: Vec<u64>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    calls: BTreeMap<usize, (Vec<Op>, Take, UnixMillis)>,
    replies: BTreeMap<usize, (u64, Reply)>,
    /// When how much was let through.
    passed: Vec<(u64, u32)>,
}

impl World {
    fn new(quota: Quota, isolates: usize) -> Self {
        Self {
            quota,
            limit: LimitKey::new(["route", "GET /"], quota, "agent"),
            rows: MemoryRows::new(100),
            isolates: (0..isolates).map(|_| Leases::default()).collect(),
            // Hours apart from each other and from the object.
            skews: (0..isolates as u64).map(|i| i * 3_600_000).collect(),
            events: BinaryHeap::new(),
            count: 0,
            calls: BTreeMap::new(),
            replies: BTreeMap::new(),
            passed: Vec::new(),
        }
    }

    fn later(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at, self.count, event)));
    }

    fn local(&self, isolate: usize, at: u64) -> UnixMillis {
        UnixMillis(at + self.skews[isolate])
    }

    fn run(&mut self, requests: &[Request]) {
        let mut at = START;
        for (place, request) in requests.iter().enumerate() {
            at += request.gap;
            self.later(at, Event::Arrives(place));
        }
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            match event {
                Event::Arrives(place) => self.arrives(at, place, &requests[place]),
                Event::AtObject(place) => self.at_object(at, place, &requests[place]),
                Event::Answered(place) => self.answered(at, place, &requests[place]),
                Event::Given(place) => {
                    let give = Give { limit: self.limit, quota: self.quota, grant: id(place), spent: 0 };
                    apply(&mut self.rows, &Call::new(id(place), vec![Op::Give(give)]), UnixMillis(at))
                        .unwrap();
                }
            }
        }
    }

    fn arrives(&mut self, at: u64, place: usize, request: &Request) {
        let now = self.local(request.isolate, at);
        if request.fate == Fate::Died {
            self.isolates[request.isolate] = Leases::default();
        }
        let leases = &mut self.isolates[request.isolate];
        match leases.spend(self.limit, request.cost, now) {
            Local::Spent(grant, _) if request.is_refused => leases.put_back(self.limit, grant, request.cost),
            Local::Spent(..) => self.passed.push((at, request.cost)),
            Local::Refused(_) => {}
            Local::Ask => {
                let (give, take) = leases.ask(self.limit, self.quota, request.cost, now);
                let ops = give.map(Op::Give).into_iter().chain([Op::Take(take)]).collect();
                self.calls.insert(place, (ops, take, now));
                if request.fate == Fate::CallLost {
                    self.isolates[request.isolate].unanswered(&take);
                } else {
                    self.later(at + request.there, Event::AtObject(place));
                    if request.fate == Fate::AskedTwice {
                        self.later(at + request.there + 50, Event::AtObject(place));
                    }
                }
            }
        }
    }

    fn at_object(&mut self, at: u64, place: usize, request: &Request) {
        let ops = self.calls[&place].0.clone();
        let is_again = self.replies.contains_key(&place);
        let call = Call { request: id(place), ops, is_again };
        let call = Call::from_json(&call.to_json()).unwrap();
        let reply = apply(&mut self.rows, &call, UnixMillis(at)).unwrap();
        let reply = Reply::from_json(&reply.to_json(), &call).unwrap();
        let is_granted =
            |reply: &Reply| matches!(reply.answers.last(), Some(OpReply::Take(Taken::Granted { .. })));
        let before = self.replies.get(&place).map(|(at, reply)| (*at, is_granted(reply)));
        let is_first = before.is_none();
        // What was granted was granted when it was asked for first.
        let at_first = before.filter(|(_, was_granted)| *was_granted).map_or(at, |(at, _)| at);
        self.replies.insert(place, (at_first, reply));
        if request.fate != Fate::ReplyLost && (request.fate != Fate::AskedTwice || !is_first) {
            self.later(at + request.back, Event::Answered(place));
        }
    }

    fn answered(&mut self, at: u64, place: usize, request: &Request) {
        let (_, take, asked_at) = self.calls[&place].clone();
        let (granted_at, reply) = self.replies[&place].clone();
        let Some(OpReply::Take(taken)) = reply.answers.last() else { panic!("another answer") };
        let now = self.local(request.isolate, at);
        let leases = &mut self.isolates[request.isolate];
        let (outcome, is_leased) = leases.answered(&take, id(place), *taken, asked_at, now);
        match (outcome.allowed, request.is_refused, is_leased) {
            // The object let it through when it answered.
            (true, false, _) => self.passed.push((granted_at, request.cost)),
            (true, true, true) => leases.put_back(self.limit, id(place), request.cost),
            (true, true, false) => self.later(at + request.there, Event::Given(place)),
            (false, ..) => {}
        }
    }

    /// The stretch of time with the most above what the limit permits, if any has.
    fn worst(&mut self) -> Option<(u64, u64, u64)> {
        self.passed.sort_unstable();
        let interval = (self.quota.window.as_nanos() as u64).div_ceil(u64::from(self.quota.limit));
        for (i, (from, _)) in self.passed.iter().enumerate() {
            let mut sum = 0;
            for (to, cost) in &self.passed[i..] {
                sum += u64::from(*cost);
                if sum > u64::from(self.quota.burst) + (to - from) * 1_000_000 / interval {
                    return Some((*from - START, *to - START, sum));
                }
            }
        }
        None
    }
}

fn id(place: usize) -> RequestId {
    RequestId::new(&place.to_string())
}

fn quotas() -> impl Strategy<Value = Quota> {
    (1u32..200, 1u32..200, prop::sample::select(vec![1u64, 6, 12, 60, 3600]))
        .prop_map(|(limit, burst, secs)| Quota { limit, burst, window: Duration::from_secs(secs) })
}

fn requests(isolates: usize) -> impl Strategy<Value = Vec<Request>> {
    let fates = prop_oneof![
        12 => Just(Fate::Answered), 1 => Just(Fate::CallLost), 1 => Just(Fate::ReplyLost), 1 => Just(Fate::AskedTwice), 1 => Just(Fate::Died),
    ];
    let gaps = prop_oneof![8 => 0u64..20, 3 => 20u64..500, 1 => 500u64..8_000];
    let costs = prop_oneof![6 => Just(1u32), 1 => 1u32..8];
    let request = (gaps, 0..isolates, costs, 0u64..400, 0u64..400, fates, prop::bool::weighted(0.15));
    let request = request.prop_map(|(gap, isolate, cost, there, back, fate, is_refused)| Request {
        gap,
        isolate,
        cost,
        there,
        back,
        fate,
        is_refused,
    });
    prop::collection::vec(request, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 400 } else { 4_000 }))]

    #[test]
    fn no_stretch_of_time_has_more_than_burst_and_refill(quota in quotas(), requests in requests(6)) {
        let mut world = World::new(quota, 6);
        world.run(&requests);
        prop_assert_eq!(world.worst(), None);
    }
}

fn steady(count: usize, gap: u64, isolates: usize) -> Vec<Request> {
    let request = |i| Request {
        gap,
        isolate: i % isolates,
        cost: 1,
        there: 20,
        back: 20,
        fate: Fate::Answered,
        is_refused: false,
    };
    (0..count).map(request).collect()
}

#[test]
fn a_busy_isolate_asks_for_a_tenth_of_its_requests_and_gets_all_of_them() {
    let quota = Quota { limit: 600, burst: 600, window: Duration::from_secs(60) };
    let mut world = World::new(quota, 1);
    world.run(&steady(2_000, 110, 1));
    assert_eq!(world.passed.len(), 2_000);
    assert!(world.calls.len() <= 200, "{} calls", world.calls.len());
}

#[test]
fn a_limit_is_used_up_by_many_isolates_together() {
    let quota = Quota { limit: 600, burst: 60, window: Duration::from_secs(60) };
    let mut world = World::new(quota, 16);
    // Ten times the limit for a minute.
    world.run(&steady(6_000, 10, 16));
    assert_eq!(world.worst(), None);
    let passed: u32 = world.passed.iter().map(|(_, cost)| cost).sum();
    assert!((540..=660).contains(&passed), "{passed} of 660");
    assert!(world.calls.len() < 6_000 / 2, "{} calls", world.calls.len());
}

#[test]
fn what_is_refused_by_something_else_takes_nothing() {
    // Too small to be leased: each is asked for, and given back.
    let quota = Quota { limit: 4, burst: 4, window: Duration::from_secs(3600) };
    let mut world = World::new(quota, 2);
    let refused = Request { is_refused: true, ..steady(1, 1_000, 1).remove(0) };
    let mut requests = vec![refused; 20];
    requests.extend(steady(5, 1_000, 1));
    world.run(&requests);
    assert_eq!(world.passed.len(), 4);
}

#[test]
fn a_clock_that_is_set_back_ends_leases() {
    let quota = Quota { limit: 600, burst: 600, window: Duration::from_secs(60) };
    let limit = LimitKey::new(["route", "GET /"], quota, "agent");
    let (mut leases, mut rows) = (Leases::default(), MemoryRows::new(10));
    for (place, at) in [(0, START), (1, START + 10)] {
        let (_, take) = leases.ask(limit, quota, 1, UnixMillis(at));
        let call = Call::new(id(place), vec![Op::Take(take)]);
        let reply = apply(&mut rows, &call, UnixMillis(at)).unwrap();
        let OpReply::Take(taken) = reply.answers[0] else { panic!("another answer") };
        leases.answered(&take, id(place), taken, UnixMillis(at), UnixMillis(at));
    }
    // A little is as if it stood still.
    assert!(matches!(leases.spend(limit, 1, UnixMillis(START - 400)), Local::Spent(..)));
    assert_eq!(leases.spend(limit, 1, UnixMillis(START - 10_000)), Local::Ask);
    assert_eq!(leases.spend(limit, 1, UnixMillis(START + 20)), Local::Ask);
}
