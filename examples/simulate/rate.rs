//! What each store of limits does to the same traffic: the gate itself, with its own leases and counts, in many isolates;
//! only the network, the platform's stores and the clients are made up.
//!
//! All isolates share one limit of 600 a minute. Requests come to them by Zipf's law, in waves of five seconds. An object
//! is 10 to 60 ms away. KV shows a value to others 60 s after it was written, and takes one write a second. The rate
//! limiting binding is the one thing that is a model: each isolate is a location of its own, which counts in windows of a
//! minute. The same seed gives the same table.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a simulation that cannot be made should end, and its numbers are small"
)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use countersign::client::{Client, ClientCertificate};
use countersign::config::{Config, Gate};
use countersign::engine::{Answer, Conclusion, Session, Step};
use countersign::memory::Memory;
use countersign::request::{Fields, RequestView, Target};
use countersign::state::rate::{Gcra, Quota};
use countersign::state::subject::{MemorySubjects, Reply, SubjectCall};
use countersign::time::UnixMillis;

/// How many isolates there are, a row of the table each.
pub(crate) const ISOLATES: [usize; 6] = [1, 4, 16, 64, 256, 1000];
const QUOTA: Quota = Quota { limit: 600, burst: 600, window: Duration::from_mins(1) };
const START: u64 = 1_790_000_000_000 / 60_000 * 60_000;
/// How far KV is behind.
const LAG_MILLIS: u64 = 60_000;
/// How long waves last.
const WAVE_MILLIS: u64 = 5_000;

/// The stores, as the configuration has them, and as the table calls them.
const STORES: [(&str, &str); 4] = [
    ("\"store\":\"durable-object\"", "object, leased"),
    ("\"store\":\"durable-object\",\"lease\":false", "object, each asked"),
    ("\"store\":\"kv\"", "kv"),
    ("\"store\":\"binding\"", "binding"),
];

/// How much comes, and for how long.
#[derive(Clone, Copy)]
struct Traffic {
    requests: usize,
    millis: u64,
}

/// Ten times the limit for two minutes.
const FLOOD: Traffic = Traffic { requests: 12_000, millis: 120_000 };
/// Seven tenths of the limit for five minutes.
const USUAL: Traffic = Traffic { requests: 2_100, millis: 300_000 };

/// What came of a store under some traffic.
struct Result {
    /// By how much limit and burst would have to be larger, for what passed to be within them.
    overshoot: f64,
    /// Of all requests, those that were refused and that a single exact counter would have let through.
    withheld: f64,
    /// Calls to the store for each request.
    calls: f64,
}

/// The table, a row for each number of isolates.
pub(crate) fn table(isolates: &[usize]) -> String {
    let mut table = String::from(
        "| Isolates | Store | Flood: × the limit | Flood: refused in vain | Flood: calls a request | Usual: refused in vain | Usual: calls a request |\n|---|---|---|---|---|---|---|\n",
    );
    for count in isolates {
        for (config, name) in STORES {
            let flood = World::new(config, *count).run(FLOOD);
            let usual = World::new(config, *count).run(USUAL);
            let _ = writeln!(
                table,
                "| {count} | {name} | {:.2} | {:.1} % | {:.2} | {:.1} % | {:.2} |",
                flood.overshoot, flood.withheld, flood.calls, usual.withheld, usual.calls,
            );
        }
    }
    table
}

/// Numbers that look drawn, and are the same each time (splitmix64).
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }
}

enum Event {
    Arrives(usize),
    AtObjects(usize, Vec<SubjectCall>),
    Answered(usize, Vec<Option<Reply>>),
    After(Vec<SubjectCall>),
}

/// What KV has for one key: when it was written, by whom, and what.
type Writes = Vec<(u64, usize, String)>;

struct World {
    gate: Arc<Gate>,
    drawn: Drawn,
    isolates: Vec<Memory>,
    sessions: BTreeMap<usize, (usize, Session)>,
    arrivals: Vec<(u64, usize)>,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    waiting: BTreeMap<u64, Event>,
    subjects: MemorySubjects,
    kv: BTreeMap<String, Writes>,
    shields: BTreeMap<(usize, u64), u32>,
    calls: usize,
    passed: Vec<u64>,
    refused: Vec<u64>,
}

impl World {
    fn new(store: &str, isolates: usize) -> Self {
        let window = "\"limit\":600,\"window\":\"60s\"";
        let config = format!(
            "{{\"origin\":\"http://127.0.0.1:1\",\"public_origins\":[\"https://api.example\"],\"routes\":[{{\"match\":\"GET /\",\"require\":[\"mtls\"],\"rate\":[{{\"per\":\"route\",{window},{store}}}]}}]}}"
        );
        let gate = Gate::new(&Config::from_json(&config).expect("the configuration reads"));
        Self {
            gate: Arc::new(gate.expect("the configuration holds").with_subjects()),
            drawn: Drawn(7),
            isolates: (0..isolates as u64).map(Memory::new).collect(),
            sessions: BTreeMap::new(),
            arrivals: Vec::new(),
            events: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            subjects: MemorySubjects::new(1_000_000),
            kv: BTreeMap::new(),
            shields: BTreeMap::new(),
            calls: 0,
            passed: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn run(mut self, traffic: Traffic) -> Result {
        self.plan(traffic);
        while let Some(Reverse((at, number))) = self.events.pop() {
            match self.waiting.remove(&number) {
                Some(Event::Arrives(place)) => self.arrives(at, place),
                Some(Event::AtObjects(place, calls)) => {
                    let replies = self.ask_objects(&calls, at);
                    self.later(at, 10, 60, Event::Answered(place, replies));
                }
                Some(Event::Answered(place, replies)) => {
                    if let Some((isolate, mut session)) = self.sessions.remove(&place) {
                        let step = session.step(
                            &mut self.isolates[isolate],
                            UnixMillis(at),
                            &Answer::State(&replies),
                        );
                        self.go_on(at, place, isolate, session, step);
                    }
                }
                Some(Event::After(calls)) => drop(self.ask_objects(&calls, at)),
                None => {}
            }
        }
        let requests = self.arrivals.len() as f64;
        Result {
            overshoot: self.overshoot(),
            withheld: self.withheld() as f64 * 100.0 / requests,
            calls: self.calls as f64 / requests,
        }
    }

    /// Requests in waves, four fifths of them in every other five seconds, at isolates by Zipf's law.
    fn plan(&mut self, Traffic { requests, millis }: Traffic) {
        let weights: Vec<u64> = (1..=self.isolates.len() as u64).map(|rank| 1_000_000 / rank).collect();
        let sum: u64 = weights.iter().sum();
        for _ in 0..requests {
            let wave = self.drawn.below(millis / WAVE_MILLIS / 2) * 2 + u64::from(self.drawn.below(5) == 0);
            let at = START + wave * WAVE_MILLIS + self.drawn.below(WAVE_MILLIS);
            let mut drawn = self.drawn.below(sum);
            let isolate = weights.iter().position(|weight| {
                let is_this = drawn < *weight;
                drawn = drawn.wrapping_sub(*weight);
                is_this
            });
            self.arrivals.push((at, isolate.unwrap_or(0)));
        }
        self.arrivals.sort_unstable();
        for place in 0..self.arrivals.len() {
            let at = self.arrivals[place].0;
            self.later(at, 0, 0, Event::Arrives(place));
        }
    }

    fn later(&mut self, at: u64, least: u64, most: u64, event: Event) {
        let number = self.waiting.last_key_value().map_or(0, |(number, _)| number + 1);
        let number = number.max(self.events.len() as u64);
        let at = at + least + self.drawn.below(most - least + 1);
        self.events.push(Reverse((at, number)));
        self.waiting.insert(number, event);
    }

    fn arrives(&mut self, at: u64, place: usize) {
        let target = Target::parse("https://api.example/").expect("a url");
        let view = RequestView::new("GET", target, Fields::new(), false).expect("a request");
        // Objects count only what somebody proved; a certificate is the proof that costs nothing here.
        let certificate = ClientCertificate { der: vec![1], verified: true, revoked: false };
        let view = view.with_client(Client { certificate: Some(certificate), ..Client::default() });
        let mut entropy = [0; 10];
        entropy[2..].copy_from_slice(&(place as u64).to_be_bytes());
        let mut session = Session::new(Arc::clone(&self.gate), view, UnixMillis(at), entropy);
        let isolate = self.arrivals[place].1;
        let step = session.step(&mut self.isolates[isolate], UnixMillis(at), &Answer::Ready);
        self.go_on(at, place, isolate, session, step);
    }

    fn go_on(&mut self, at: u64, place: usize, isolate: usize, mut session: Session, mut step: Step) {
        let now = UnixMillis(at);
        loop {
            step = match step {
                Step::Done(conclusion) => return self.done(at, isolate, *conclusion),
                Step::State(calls) => {
                    self.sessions.insert(place, (isolate, session));
                    return self.later(at, 10, 60, Event::AtObjects(place, calls));
                }
                Step::Limits(limits) => {
                    for limit in limits {
                        let stored = self.read(&limit.0.name(), isolate, at);
                        self.isolates[isolate].ask(limit, stored.as_deref(), now);
                    }
                    session.step(&mut self.isolates[isolate], now, &Answer::Ready)
                }
                Step::Flood(floods) => {
                    self.calls += floods.len();
                    let count = self.shields.entry((isolate, at / 60_000)).or_default();
                    *count += 1;
                    let verdict = [Some(*count <= QUOTA.limit)];
                    session.step(&mut self.isolates[isolate], now, &Answer::Flood(&verdict))
                }
                _ => unreachable!("an open route asks for nothing else"),
            }
        }
    }

    fn done(&mut self, at: u64, isolate: usize, conclusion: Conclusion) {
        if conclusion.decision.is_allowed() {
            self.passed.push(at);
        } else {
            self.refused.push(at);
        }
        for limit in conclusion.tell {
            let name = limit.0.name();
            let stored = self.read(&name, isolate, at);
            let text = self.isolates[isolate].tell(limit, stored.as_deref(), UnixMillis(at));
            self.calls += 1;
            let writes = self.kv.entry(name).or_default();
            // KV takes one write a second; another one fails.
            if writes.last().is_none_or(|(written, ..)| at >= written + 1_000) {
                writes.push((at, isolate, text));
            }
        }
        if !conclusion.after.is_empty() {
            self.later(at, 10, 60, Event::After(conclusion.after));
        }
    }

    fn ask_objects(&mut self, calls: &[SubjectCall], at: u64) -> Vec<Option<Reply>> {
        self.calls += calls.len();
        calls.iter().map(|asked| self.subjects.answer(asked.subject, &asked.call, UnixMillis(at))).collect()
    }

    /// What this isolate sees of a key: what itself wrote at once, what others wrote as late as KV is behind.
    fn read(&mut self, name: &str, isolate: usize, at: u64) -> Option<String> {
        self.calls += 1;
        let seen = |(written, by, _): &&(u64, usize, String)| *by == isolate || written + LAG_MILLIS <= at;
        self.kv.get(name)?.iter().rev().find(seen).map(|(_, _, text)| text.clone())
    }

    /// The smallest factor on limit and burst that would permit all that passed, over every stretch of time.
    fn overshoot(&mut self) -> f64 {
        self.passed.sort_unstable();
        let (mut least, mut most) = (0.0, 100.0);
        for _ in 0..40 {
            let factor = f64::midpoint(least, most);
            if self.fits(factor) { most = factor } else { least = factor }
        }
        most
    }

    fn fits(&self, factor: f64) -> bool {
        let rate = factor * f64::from(QUOTA.limit) / QUOTA.window.as_millis() as f64;
        let (mut level, mut last) = (0.0, START);
        self.passed.iter().all(|at| {
            level = f64::max(level - (at - last) as f64 * rate, 0.0) + 1.0;
            last = *at;
            level <= factor * f64::from(QUOTA.burst) + 1e-6
        })
    }

    /// How many more a single counter that is never wrong lets through of the same requests.
    fn withheld(&self) -> usize {
        let (mut counter, mut possible) = (Gcra::default(), 0);
        for (at, _) in &self.arrivals {
            let (next, outcome) = counter.count(QUOTA, UnixMillis(*at));
            (counter, possible) = (next, possible + usize::from(outcome.allowed));
        }
        usize::saturating_sub(possible, self.passed.len())
    }
}
