//! How soon attacks are noticed, and how seldom honest traffic is taken for one: the simulator's figures have bounds, for
//! more seeds than the guide shows, and the guide shows the simulator's figures.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../examples/simulate/risk.rs"]
#[allow(dead_code, clippy::indexing_slicing, reason = "what prints is the example's")]
mod risk;

use countersign::state::risk::Scoring;
use risk::{ATTACKS, HONEST, THRESHOLDS, per_million, run, worst};

/// Within how many requests of an attack the score is 40, and within how many it is 85 or, where that is never
/// reached, `None`.
const BOUNDS: &[(&str, u64, Option<u64>)] = &[
    ("credential theft", 10, None),
    ("scope probing", 10, Some(20)),
    ("slow scope probing", 10, None),
    ("slow scraping", 2_500, None),
    ("velocity spike", 1_500, None),
    ("spend ramp", 40, None),
    ("impossible travel", 10, None),
    ("replay storm", 3, Some(250)),
];

/// How many of a million honest requests may be at 40, at 55 and at 70. None is at 85.
const MISTAKEN: &[(&str, u64, u64, u64)] = &[
    ("shop agent", 0, 0, 0),
    ("bursty crawls", 0, 0, 0),
    ("busy service", 0, 0, 0),
    ("sale day", 0, 0, 0),
    ("moving clouds", 15_000, 4_000, 300),
    ("second region", 15_000, 1_500, 100),
];

/// Seeds beyond those of the guide.
const SEEDS: std::ops::Range<u64> = 100..103;

#[test]
fn every_attack_is_detected_within_its_bound() {
    assert_eq!(ATTACKS.len(), BOUNDS.len());
    for (scenario, (name, throttled, denied)) in ATTACKS.iter().zip(BOUNDS) {
        assert_eq!(scenario.name, *name);
        for seed in SEEDS {
            let outcome = run(scenario, seed, &Scoring::default());
            let requests = |i: usize| outcome.noticed[i].map(|(requests, _)| requests);
            assert!(requests(0).is_some_and(|n| n <= *throttled), "{name} {seed}: {:?}", outcome.noticed);
            if let Some(denied) = denied {
                assert!(requests(3).is_some_and(|n| n <= *denied), "{name} {seed}: {:?}", outcome.noticed);
            }
        }
    }
}

#[test]
fn honest_traffic_is_seldom_taken_for_an_attack() {
    assert_eq!((HONEST.len(), THRESHOLDS), (MISTAKEN.len(), [40, 55, 70, 85]));
    for (scenario, (name, throttled, challenged, approved)) in HONEST.iter().zip(MISTAKEN) {
        assert_eq!(scenario.name, *name);
        for seed in SEEDS {
            let outcome = run(scenario, seed, &Scoring::default());
            let share = |i: usize| per_million(outcome.mistaken[i], outcome.honest);
            let found = outcome.mistaken;
            assert!(share(0) <= *throttled && share(1) <= *challenged, "{name} {seed}: {found:?}");
            assert!(share(2) <= *approved && found[3] == 0, "{name} {seed}: {found:?}");
        }
    }
}

#[test]
fn a_seed_gives_the_same_figures_each_time() {
    let figures = |seed| {
        let outcome = run(&ATTACKS[0], seed, &Scoring::default());
        (outcome.noticed, outcome.honest, outcome.highest)
    };
    assert_eq!(figures(7), figures(7));
    assert_ne!(figures(7).1, figures(8).1);
    assert_eq!(worst(&ATTACKS[1], 2, &Scoring::default()).reasons.first(), Some(&"refused_scopes"));
}

#[test]
fn the_guide_shows_what_the_simulator_says() {
    let guide = include_str!("../docs/risk.md");
    let shown =
        guide.split_once("<!-- simulate risk -->\n").and_then(|(_, rest)| rest.split_once("<!-- end -->"));
    let report = risk::report(&["--markdown"]).unwrap();
    assert_eq!(
        shown.map(|(tables, _)| tables),
        Some(report.as_str()),
        "cargo xtask simulate risk --markdown"
    );
}
