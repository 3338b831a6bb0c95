//! Risk under attack, and under honest traffic that looks like one.
//!
//! Each scenario is a seeded stream of what a gate would observe of one subject: days of what is usual for it, then the
//! attack. Every request is observed as it comes; a gate tells of refusals up to a second later. Nothing is enforced, so
//! that what is measured is the score alone.

use std::fmt::Write as _;

use countersign::client::{Client, Place};
use countersign::reason::Reason;
use countersign::state::risk::{Observed, Scoring, State};
use countersign::time::UnixMillis;
use serde_json::{Value, json};

/// The scores that are reported: those that the guide suggests as thresholds.
pub(crate) const THRESHOLDS: [u32; 4] = [40, 55, 70, 85];
/// How many seeds a report has unless it is told.
pub(crate) const SEEDS: u64 = 5;

const START: u64 = 1_790_000_000_000;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `SplitMix64` (Steele et al., 2014).
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }
}

/// A request of a stream.
struct Request {
    at: u64,
    observed: Observed,
    is_attack: bool,
}

/// Where somebody sends from.
#[derive(Clone, Copy)]
struct Site(u32, &'static str, f64, f64);

const FRANKFURT: Site = Site(64_500, "DE", 50.1, 8.7);
const PARIS: Site = Site(64_501, "FR", 48.9, 2.3);
const VIRGINIA: Site = Site(64_502, "US", 39.0, -77.5);
const OREGON: Site = Site(64_503, "US", 45.8, -119.7);
const SYDNEY: Site = Site(64_504, "AU", -33.9, 151.2);
const ELSEWHERE: Site = Site(64_999, "BR", -23.5, -46.6);

impl Site {
    fn asks_for(self, resource: u64) -> Observed {
        let Self(asn, country, latitude, longitude) = self;
        let place = Place::new(latitude, longitude);
        let client = Client { asn: Some(asn), country: Some(country.into()), place, ..Client::default() };
        Observed::of(&format!("GET /items/{resource}"), &client)
    }
}

/// A stream in the making.
struct Stream {
    random: Random,
    requests: Vec<Request>,
}

impl Stream {
    fn push(&mut self, at: u64, observed: Observed, is_attack: bool) {
        self.requests.push(Request { at, observed, is_attack });
    }

    /// A shopping agent, from `from` to `to`: a request a minute for what it knows, an order in twenty, one in a hundred
    /// refused. Orders are of 20.00 to 200.00.
    fn shop(&mut self, site: Site, from: u64, to: u64, times: u64) {
        let mut at = from;
        while at < to {
            let resource = self.random.within(0, 59);
            let mut observed = site.asks_for(resource);
            if self.random.percent(5) {
                observed.amount = Some(self.random.within(2_000, 20_000));
            } else if self.random.percent(1) {
                observed = Observed::refused(Reason::PolicyScopeMissing);
            }
            self.push(at, observed, false);
            at += self.random.within(20 * SECOND, 100 * SECOND) / times;
        }
    }

    fn sorted(mut self) -> Vec<Request> {
        self.requests.sort_by_key(|request| request.at);
        self.requests
    }
}

/// What is simulated.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    make: fn(Random) -> Stream,
}

/// When attacks begin: after three days.
const ATTACK: u64 = START + 3 * DAY;

fn new(random: Random) -> Stream {
    Stream { random, requests: Vec::new() }
}

fn usual(random: Random, attack_lasts: u64) -> Stream {
    let mut stream = new(random);
    stream.shop(FRANKFURT, START, ATTACK + attack_lasts, 1);
    stream
}

/// The attacks.
pub(crate) const ATTACKS: &[Scenario] = &[
    Scenario {
        name: "credential theft",
        what: "a copied key is used from a new network, country and continent, every 2 s, one request in ten beyond its scopes, while its owner goes on",
        make: |random| {
            let mut stream = usual(random, 10 * MINUTE);
            for i in 0..300 {
                let observed = if stream.random.percent(10) {
                    Observed::refused(Reason::PolicyScopeMissing)
                } else {
                    ELSEWHERE.asks_for(stream.random.within(0, 500))
                };
                stream.push(ATTACK + i * 2 * SECOND, observed, true);
            }
            stream
        },
    },
    Scenario {
        name: "scope probing",
        what: "four of five requests, one a second, beyond the token's scopes",
        make: |random| {
            let mut stream = usual(random, 10 * MINUTE);
            for i in 0..600 {
                let is_refused = stream.random.percent(80);
                let resource = stream.random.within(0, 59);
                let refused = Observed::refused(Reason::PolicyScopeMissing);
                let observed = if is_refused { refused } else { FRANKFURT.asks_for(resource) };
                stream.push(ATTACK + i * SECOND, observed, true);
            }
            stream
        },
    },
    Scenario {
        name: "slow scope probing",
        what: "one request a minute beyond the token's scopes, among the usual ones",
        make: |random| {
            let mut stream = usual(random, 6 * HOUR);
            for i in 0..360 {
                stream.push(ATTACK + i * MINUTE, Observed::refused(Reason::PolicyScopeMissing), true);
            }
            stream
        },
    },
    Scenario {
        name: "slow scraping",
        what: "another page every 6 s, all day, of an agent that knew sixty",
        make: |random| {
            let mut stream = usual(random, DAY);
            for i in 0..14_400 {
                let jitter = stream.random.within(0, SECOND);
                stream.push(ATTACK + i * 6 * SECOND + jitter, FRANKFURT.asks_for(1_000 + i), true);
            }
            stream
        },
    },
    Scenario {
        name: "velocity spike",
        what: "100 requests a second for what it knows",
        make: |random| {
            let mut stream = usual(random, 2 * MINUTE);
            for i in 0..12_000 {
                let resource = stream.random.within(0, 59);
                stream.push(ATTACK + i * 10, FRANKFURT.asks_for(resource), true);
            }
            stream
        },
    },
    Scenario {
        name: "spend ramp",
        what: "an order every 30 s, each a tenth dearer than the one before, from 50.00 on",
        make: |random| {
            let mut stream = usual(random, HOUR);
            let mut amount = 5_000;
            for i in 0..100 {
                let observed = Observed { amount: Some(amount), ..FRANKFURT.asks_for(i % 60) };
                stream.push(ATTACK + i * 30 * SECOND, observed, true);
                amount += amount / 10;
            }
            stream
        },
    },
    Scenario {
        name: "impossible travel",
        what: "a copied key is used from a new network and continent, a request a minute, all permitted, while its owner goes on",
        make: |random| {
            let mut stream = usual(random, HOUR);
            for i in 0..60 {
                let resource = stream.random.within(0, 59);
                stream.push(ATTACK + i * MINUTE, ELSEWHERE.asks_for(resource), true);
            }
            stream
        },
    },
    Scenario {
        name: "replay storm",
        what: "captured proofs, 50 a second, by somebody without the key: counted as unidentified, where it is measured",
        make: |random| {
            let mut stream = new(random);
            for i in 0..3_000 {
                stream.push(ATTACK + i * 20, Observed::refused(Reason::SignatureReplayed), true);
            }
            stream
        },
    },
];

/// What is honest, and looks like an attack.
pub(crate) const HONEST: &[Scenario] = &[
    Scenario {
        name: "shop agent",
        what: "a request a minute, an order in twenty, one in a hundred refused",
        make: |random| usual(random, 0),
    },
    Scenario {
        name: "bursty crawls",
        what: "every hour 500 of 1,500 pages, 10 a second",
        make: |random| {
            let mut stream = new(random);
            for hour in 0..72 {
                let begin = START + hour * HOUR + stream.random.within(0, 10 * MINUTE);
                let first = stream.random.within(0, 1_499);
                for i in 0..500 {
                    let jitter = stream.random.within(0, 50);
                    stream.push(begin + i * 100 + jitter, VIRGINIA.asks_for((first + i) % 1_500), false);
                }
            }
            stream
        },
    },
    Scenario {
        name: "busy service",
        what: "5 requests a second, one in a hundred beyond its scopes, one in a hundred with an old proof",
        make: |random| {
            let mut stream = new(random);
            let mut at = START;
            while at < START + 6 * HOUR {
                let observed = match stream.random.within(0, 99) {
                    0 => Observed::refused(Reason::PolicyScopeMissing),
                    1 => Observed::refused(Reason::SignatureExpired),
                    _ => FRANKFURT.asks_for(stream.random.within(0, 199)),
                };
                stream.push(at, observed, false);
                at += stream.random.within(100, 300);
            }
            stream
        },
    },
    Scenario {
        name: "sale day",
        what: "the shop agent, eight times as busy for ten hours, from one minute to the next",
        make: |random| {
            let mut stream = new(random);
            stream.shop(FRANKFURT, START, START + 2 * DAY, 1);
            stream.shop(FRANKFURT, START + 2 * DAY, START + 2 * DAY + 10 * HOUR, 8);
            stream
        },
    },
    Scenario {
        name: "moving clouds",
        what: "every eight hours to another of five clouds and continents, a minute in both",
        make: |random| {
            let mut stream = new(random);
            let sites = [FRANKFURT, VIRGINIA, SYDNEY, PARIS, OREGON];
            for (move_, site) in (0..15).zip(sites.into_iter().cycle()) {
                let from = START + move_ * 8 * HOUR;
                stream.shop(site, from, from + 8 * HOUR + MINUTE, 4);
            }
            stream
        },
    },
    Scenario {
        name: "second region",
        what: "after two days a second cloud and country beside the first, for good",
        make: |random| {
            let mut stream = new(random);
            stream.shop(FRANKFURT, START, START + 4 * DAY, 4);
            stream.shop(VIRGINIA, START + 2 * DAY, START + 4 * DAY, 4);
            stream
        },
    },
];

/// How an attack was noticed at a threshold: after how many of its requests, and seconds.
pub(crate) type Noticed = Option<(u64, u64)>;

/// What came of a scenario.
pub(crate) struct Outcome {
    pub(crate) noticed: [Noticed; 4],
    /// Honest requests, and how many of them were at each threshold.
    pub(crate) honest: u64,
    pub(crate) mistaken: [u64; 4],
    pub(crate) highest: u32,
    /// The reasons of the highest score.
    pub(crate) reasons: Vec<&'static str>,
}

/// Runs a scenario with the core's transition.
pub(crate) fn run(scenario: &Scenario, seed: u64, scoring: &Scoring) -> Outcome {
    let mut outcome =
        Outcome { noticed: [None; 4], honest: 0, mistaken: [0; 4], highest: 0, reasons: Vec::new() };
    let (mut state, mut attacks, mut begin) = (State::default(), 0, None);
    for request in (scenario.make)(Random(seed)).sorted() {
        let assessment;
        (state, assessment) = state.observe(&request.observed, scoring, UnixMillis(request.at));
        if request.is_attack {
            attacks += 1;
            begin = begin.or(Some(request.at));
        } else if begin.is_none() {
            outcome.honest += 1;
        }
        for (i, threshold) in THRESHOLDS.into_iter().enumerate() {
            if assessment.score < threshold {
                continue;
            }
            match begin {
                Some(begin) => {
                    let secs = (request.at - begin).div_ceil(SECOND);
                    outcome.noticed[i] = outcome.noticed[i].or(Some((attacks, secs)));
                }
                None => outcome.mistaken[i] += 1,
            }
        }
        if assessment.score > outcome.highest {
            outcome.highest = assessment.score;
            outcome.reasons = assessment.reasons.iter().map(|(signal, _)| signal.code()).collect();
        }
    }
    outcome
}

/// The worst of several seeds: the latest notice, the most mistaken.
pub(crate) fn worst(scenario: &Scenario, seeds: u64, scoring: &Scoring) -> Outcome {
    let mut runs = (1..=seeds).map(|seed| run(scenario, seed, scoring));
    let mut worst = runs.next().unwrap_or_else(|| run(scenario, 1, scoring));
    for run in runs {
        for i in 0..THRESHOLDS.len() {
            worst.noticed[i] = match (worst.noticed[i], run.noticed[i]) {
                (Some(a), Some(b)) => Some(a.max(b)),
                _ => None,
            };
            worst.mistaken[i] = worst.mistaken[i].max(run.mistaken[i]);
        }
        worst.honest = worst.honest.min(run.honest);
        if run.highest > worst.highest {
            (worst.highest, worst.reasons) = (run.highest, run.reasons);
        }
    }
    worst
}

/// The report that these options ask for; `None` where they are none.
pub(crate) fn report(options: &[&str]) -> Option<String> {
    let (mut seeds, mut form) = (SEEDS, "");
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--seeds" => seeds = options.next()?.parse().ok().filter(|seeds| (1..=1_000).contains(seeds))?,
            "--markdown" | "--json" => form = option,
            _ => return None,
        }
    }
    let scoring = Scoring::default();
    let outcomes = |scenarios: &'static [Scenario]| {
        scenarios.iter().map(|scenario| (scenario, worst(scenario, seeds, &scoring))).collect::<Vec<_>>()
    };
    let (attacks, honest) = (outcomes(ATTACKS), outcomes(HONEST));
    Some(match form {
        "--json" => format!("{}\n", as_json(&attacks, &honest)),
        _ => as_markdown(&attacks, &honest),
    })
}

type Outcomes = [(&'static Scenario, Outcome)];

/// Two tables.
fn as_markdown(attacks: &Outcomes, honest: &Outcomes) -> String {
    let mut text = String::from(
        "| Attack | Score 40 | Score 55 | Score 70 | Score 85 | Highest, and why |\n|---|---|---|---|---|---|\n",
    );
    for (scenario, outcome) in attacks {
        let cell = |noticed: &Noticed| match noticed {
            Some((requests, secs)) => format!("{requests} ({secs} s)"),
            None => "never".into(),
        };
        let cells: Vec<_> = outcome.noticed.iter().map(cell).collect();
        let row = format!(
            "| **{}**: {} | {} | {}: {} |",
            scenario.name,
            scenario.what,
            cells.join(" | "),
            outcome.highest,
            outcome.reasons.join(", ")
        );
        let _ = writeln!(text, "{row}");
    }
    text.push_str("\n| Honest | Requests | Score 40 | Score 55 | Score 70 | Score 85 | Highest, and why |\n|---|---|---|---|---|---|---|\n");
    for (scenario, outcome) in honest {
        let share = |mistaken: &u64| match per_million(*mistaken, outcome.honest) {
            0 => "0".into(),
            share => format!("{}.{:03} %", share / 10_000, share / 10 % 1_000),
        };
        let cells: Vec<_> = outcome.mistaken.iter().map(share).collect();
        let why = if outcome.highest == 0 {
            "0".into()
        } else {
            format!("{}: {}", outcome.highest, outcome.reasons.join(", "))
        };
        let _ = writeln!(
            text,
            "| **{}**: {} | {} | {} | {why} |",
            scenario.name,
            scenario.what,
            outcome.honest,
            cells.join(" | "),
        );
    }
    text
}

/// The share of honest requests that were taken for an attack.
pub(crate) fn per_million(mistaken: u64, of: u64) -> u64 {
    mistaken * 1_000_000 / of.max(1)
}

fn as_json(attacks: &Outcomes, honest: &Outcomes) -> Value {
    let noticed =
        |noticed: &Noticed| noticed.map(|(requests, secs)| json!({ "requests": requests, "secs": secs }));
    let attack = |(scenario, outcome): &(&Scenario, Outcome)| {
        let noticed: Vec<_> = outcome.noticed.iter().map(noticed).collect();
        json!({ "name": scenario.name, "noticed": noticed, "highest": outcome.highest, "reasons": outcome.reasons })
    };
    let mistake = |(scenario, outcome): &(&Scenario, Outcome)| {
        json!({ "name": scenario.name, "requests": outcome.honest, "mistaken": outcome.mistaken,
                "highest": outcome.highest, "reasons": outcome.reasons })
    };
    json!({
        "thresholds": THRESHOLDS,
        "attacks": attacks.iter().map(attack).collect::<Vec<_>>(),
        "honest": honest.iter().map(mistake).collect::<Vec<_>>(),
    })
}
