//! The key-set cache: bursts, rotation, forged kids, outages, freshness, bounds, snapshots. Times are constants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use core::time::Duration;

use countersign::crypto::Algorithm;
use countersign::encoding::base64url::encode;
use countersign::jose::key_set::{self, Freshness, Limits, Wanted};
use countersign::jose::{JwkSet, KeySets, Lookup};
use countersign::time::UnixSeconds;
use ed25519_compact::{KeyPair, Seed};

type Snapshot = key_set::Snapshot<JwkSet>;

const URL: &str = "https://as.example/jwks.json";
const START: i64 = 1_800_000_000;

/// `START` plus seconds.
fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds(START + seconds)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn fresh(seconds: u64) -> Freshness {
    Freshness::of(secs(seconds))
}

fn set(kids: &[&str]) -> JwkSet {
    let key = |(i, kid): (usize, &&str)| {
        let pair = KeyPair::from_seed(Seed::new([u8::try_from(i).unwrap() + 1; 32]));
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}","kid":"{kid}","alg":"EdDSA"}}"#, encode(&*pair.pk))
    };
    let keys: Vec<_> = kids.iter().enumerate().map(key).collect();
    JwkSet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
}

fn cache() -> KeySets {
    KeySets::new(limits(), 7)
}

/// The defaults, with a cooldown that is easy to tell from the lease.
fn limits() -> Limits {
    Limits { cooldown: secs(30), ..Limits::default() }
}

/// A cache with kid `a`, fetched at 0 and fresh for ten minutes.
fn filled() -> KeySets {
    let mut cache = cache();
    assert_eq!(look(&mut cache, "a", 0), Lookup::Fetch { until: at(10) });
    cache.fetched(URL, set(&["a"]), fresh(600), at(0));
    cache
}

fn look(cache: &mut KeySets, kid: &str, now: i64) -> Lookup {
    cache.lookup(URL, Some(Wanted { kid: Some(kid), algorithm: Some(Algorithm::Ed25519) }), at(now))
}

fn serves(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Use { .. })
}

fn fetches(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Fetch { .. } | Lookup::Use { refresh: true, .. })
}

#[test]
fn a_cold_burst_of_50_lookups_is_one_fetch_and_49_waits() {
    let mut cache = cache();
    let burst: Vec<_> = (0..50).map(|_| look(&mut cache, "a", 0)).collect();
    assert_eq!(burst[0], Lookup::Fetch { until: at(10) });
    assert!(burst[1..].iter().all(|lookup| *lookup == Lookup::Wait { until: at(10) }));
    cache.fetched(URL, set(&["a"]), Freshness::default(), at(1));
    assert!((0..50).all(|_| serves(&look(&mut cache, "a", 1))));
}

#[test]
fn a_lease_that_ran_out_passes_on() {
    let mut cache = cache();
    assert!(fetches(&look(&mut cache, "a", 0)));
    assert_eq!(look(&mut cache, "a", 9), Lookup::Wait { until: at(10) });
    assert_eq!(look(&mut cache, "a", 10), Lookup::Fetch { until: at(20) });
}

#[test]
fn unknown_kids_do_not_amplify() {
    let mut cache = filled();
    let mut fetched = 0;
    for now in 1..=600 {
        for forged in 0..20 {
            let lookup = look(&mut cache, &format!("forged-{now}-{forged}"), now);
            if fetches(&lookup) {
                fetched += 1;
                cache.fetched(URL, set(&["a"]), fresh(600), at(now));
            } else {
                assert!(matches!(lookup, Lookup::UnknownKey { .. }), "{lookup:?}");
            }
        }
        assert!(serves(&look(&mut cache, "a", now)));
    }
    assert_eq!(fetched, 20, "12,000 forgeries in ten minutes: one fetch for each cooldown");
}

#[test]
fn one_unknown_kid_is_remembered_past_the_cooldown() {
    let mut cache = filled();
    assert!(
        fetches(&look(&mut cache, "b", 1)),
        "the first unknown kid need not wait: a key may just have rotated"
    );
    cache.fetched(URL, set(&["a"]), fresh(600), at(1));
    assert_eq!(look(&mut cache, "c", 30), Lookup::UnknownKey { until: at(31) });
    assert_eq!(look(&mut cache, "b", 31), Lookup::UnknownKey { until: at(61) });
    assert!(fetches(&look(&mut cache, "c", 31)), "another kid only waits for the cooldown");
    cache.fetched(URL, set(&["a", "c"]), fresh(600), at(31));
    assert_eq!(look(&mut cache, "b", 60), Lookup::UnknownKey { until: at(61) });
    assert!(fetches(&look(&mut cache, "b", 61)));
}

#[test]
fn a_kid_that_the_first_fetch_did_not_bring_costs_no_second() {
    let mut cache = cache();
    assert!(fetches(&look(&mut cache, "b", 0)));
    cache.fetched(URL, set(&["a"]), fresh(600), at(0));
    assert_eq!(look(&mut cache, "b", 0), Lookup::UnknownKey { until: at(60) });
    assert!(serves(&look(&mut cache, "a", 0)));
    assert!(fetches(&look(&mut cache, "b", 60)));
}

#[test]
fn a_new_set_forgets_the_unknown_kids() {
    let limits = Limits { unknown_kid_ttl: secs(300), ..limits() };
    let mut cache = KeySets::new(limits, 7);
    cache.fetched(URL, set(&["a"]), fresh(600), at(0));
    assert!(fetches(&look(&mut cache, "b", 30)));
    cache.fetched(URL, set(&["a"]), fresh(600), at(30));
    assert_eq!(look(&mut cache, "b", 100), Lookup::UnknownKey { until: at(330) });
    assert!(fetches(&look(&mut cache, "c", 100)));
    cache.fetched(URL, set(&["a", "c"]), fresh(600), at(100));
    assert!(fetches(&look(&mut cache, "b", 130)), "the set changed, so b may have come");
}

#[test]
fn a_rotated_key_is_honoured_at_once_outside_the_cooldown() {
    let mut cache = filled();
    assert!(fetches(&look(&mut cache, "b", 100)));
    assert_eq!(look(&mut cache, "b", 100), Lookup::Wait { until: at(110) });
    assert!(serves(&look(&mut cache, "a", 100)), "the old key serves meanwhile");
    cache.fetched(URL, set(&["a", "b"]), fresh(600), at(101));
    assert!(serves(&look(&mut cache, "b", 101)) && serves(&look(&mut cache, "a", 101)));
    // And when the old key is gone from its source, it is gone here.
    assert!(fetches(&look(&mut cache, "c", 200)));
    cache.fetched(URL, set(&["b"]), fresh(600), at(200));
    assert!(serves(&look(&mut cache, "b", 201)));
    assert_eq!(look(&mut cache, "a", 201), Lookup::UnknownKey { until: at(230) });
}

#[test]
fn a_key_of_the_wrong_algorithm_is_unknown() {
    let mut cache = filled();
    let wanted = Wanted { kid: Some("a"), algorithm: Some(Algorithm::RsaV15Sha256) };
    assert!(fetches(&cache.lookup(URL, Some(wanted), at(1))));
    cache.fetched(URL, set(&["a"]), fresh(600), at(1));
    assert_eq!(cache.lookup(URL, Some(wanted), at(2)), Lookup::UnknownKey { until: at(31) });
    assert!(serves(&cache.lookup(URL, None, at(1))));
}

#[test]
fn a_source_that_is_down_serves_stale_until_the_cap_and_then_nothing() {
    let mut cache = filled();
    let (mut now, mut fetched, day) = (590, 0, 24 * 3600);
    while now < day {
        let lookup = look(&mut cache, "a", now);
        if fetches(&lookup) {
            fetched += 1;
            cache.failed(URL, None, at(now));
        }
        let again = look(&mut cache, "a", now);
        assert!(serves(&again), "{now}: {again:?}");
        assert_eq!(matches!(again, Lookup::Use { stale: true, .. }), now >= 600);
        now += 1;
    }
    assert!(fetched < 1500, "{fetched} fetches in a day of outage, one a minute");
    assert!(!serves(&look(&mut cache, "a", day)));
    assert!(fetches(&look(&mut cache, "a", day + 60)));
    cache.failed(URL, None, at(day + 60));
    assert_eq!(look(&mut cache, "a", day + 61), Lookup::Unavailable { until: at(day + 120) });
}

#[test]
fn a_stale_set_does_not_serve_past_the_grace_unless_its_source_fails() {
    let mut cache = filled();
    assert!(matches!(look(&mut cache, "a", 610), Lookup::Use { stale: true, refresh: true, .. }));
    assert!(matches!(look(&mut cache, "a", 611), Lookup::Use { stale: true, refresh: false, .. }));
    let mut idle = filled();
    assert_eq!(look(&mut idle, "a", 7200), Lookup::Fetch { until: at(7210) });
    assert_eq!(look(&mut idle, "a", 7200), Lookup::Wait { until: at(7210) });
    idle.failed(URL, None, at(7201));
    assert!(matches!(look(&mut idle, "a", 7201), Lookup::Use { stale: true, refresh: false, .. }));
    assert!(fetches(&look(&mut idle, "a", 14_400)), "a failure long ago says nothing about now");
    assert!(!serves(&look(&mut idle, "a", 14_400)));
}

#[test]
fn failures_back_off_and_retry_after_is_honoured_within_a_cap() {
    let mut cache = cache();
    let mut now = 0;
    for pause in [2, 4, 8, 16, 32, 60, 60] {
        assert!(fetches(&look(&mut cache, "a", now)), "{now}");
        cache.failed(URL, None, at(now));
        assert_eq!(look(&mut cache, "a", now), Lookup::Unavailable { until: at(now + pause) });
        now += pause;
    }
    assert!(fetches(&look(&mut cache, "a", now)));
    cache.failed(URL, Some(secs(600)), at(now));
    assert_eq!(look(&mut cache, "a", now), Lookup::Unavailable { until: at(now + 600) });
    cache.failed(URL, Some(secs(1_000_000)), at(now));
    assert_eq!(look(&mut cache, "a", now), Lookup::Unavailable { until: at(now + 3600) });
    cache.fetched(URL, set(&["a"]), Freshness::default(), at(now));
    assert!(serves(&look(&mut cache, "a", now)), "a good fetch ends it");
}

#[test]
fn a_definite_no_is_told_apart_and_remembered_for_a_bounded_time() {
    for (said, pause) in [(None, 60), (Some(1), 60), (Some(100), 100), (Some(100_000), 300)] {
        let mut cache = cache();
        assert!(fetches(&look(&mut cache, "a", 0)));
        assert_eq!(look(&mut cache, "a", 1), Lookup::Wait { until: at(10) });
        cache.invalid(URL, said.map(secs), at(1));
        assert_eq!(look(&mut cache, "a", 1), Lookup::Invalid { until: at(1 + pause) });
        assert_eq!(look(&mut cache, "b", pause), Lookup::Invalid { until: at(1 + pause) });
        assert_eq!(look(&mut cache, "a", 1 + pause), Lookup::Fetch { until: at(11 + pause) });
        assert_eq!(
            look(&mut cache, "a", 1 + pause),
            Lookup::Wait { until: at(11 + pause) },
            "no two at once"
        );
        cache.failed(URL, None, at(2 + pause));
        let unavailable = Lookup::Unavailable { until: at(4 + pause) };
        assert_eq!(look(&mut cache, "a", 2 + pause), unavailable, "the last answer counts");
        cache.fetched(URL, set(&["a"]), Freshness::default(), at(4 + pause));
        assert!(serves(&look(&mut cache, "a", 4 + pause)), "a good fetch ends it");
        assert!(cache.snapshot(URL).is_some());
    }
    let mut cache = cache();
    cache.invalid(URL, None, at(0));
    assert!(cache.snapshot(URL).is_none(), "a store learns of keys only");
}

#[test]
fn a_definite_no_evicts_no_fresh_set_and_lets_no_stale_one_live_on() {
    let mut cache = filled();
    assert!(fetches(&look(&mut cache, "b", 100)));
    cache.invalid(URL, None, at(100));
    assert!(serves(&look(&mut cache, "a", 100)));
    assert_eq!(look(&mut cache, "b", 100), Lookup::UnknownKey { until: at(130) });
    assert_eq!(look(&mut cache, "b", 130), Lookup::UnknownKey { until: at(160) });
    assert!(serves(&look(&mut cache, "a", 599)));
    assert!(fetches(&look(&mut cache, "a", 659)));
    cache.invalid(URL, None, at(659));
    assert!(serves(&look(&mut cache, "a", 659)), "within the grace");
    assert_eq!(look(&mut cache, "a", 660), Lookup::Invalid { until: at(719) });
}

#[test]
fn what_forbids_staleness_serves_for_as_long_as_it_said_and_no_longer() {
    let strict = |seconds| Freshness { may_be_stale: false, ..fresh(seconds) };
    // Past MAX_FRESH it is asked for anew, and serves on while that fails for as long as it said.
    for (said, fresh_until, serves_until) in
        [(0, 60, 60), (600, 600, 600), (7200, 3600, 7200), (999_999, 3600, 86_400)]
    {
        let mut cache = cache();
        cache.fetched(URL, set(&["a"]), strict(said), at(0));
        assert!(matches!(look(&mut cache, "a", fresh_until - 1), Lookup::Use { stale: false, .. }));
        let mut now = fresh_until;
        while now < serves_until + 120 {
            if fetches(&look(&mut cache, "a", now)) {
                cache.failed(URL, None, at(now));
            }
            assert_eq!(serves(&look(&mut cache, "a", now)), now < serves_until, "{said} {now}");
            now += 30;
        }
        assert!(!cache.has_set(URL), "what can never serve again is not kept");
    }
}

#[test]
fn what_must_not_be_stored_is_in_no_snapshot() {
    let mut cache = cache();
    cache.fetched(URL, set(&["a"]), Freshness { may_be_stored: false, ..fresh(600) }, at(0));
    assert!(cache.has_set(URL) && serves(&look(&mut cache, "a", 0)));
    assert!(cache.snapshot(URL).is_none() && cache.version_to_store(URL).is_none());
    cache.fetched(URL, set(&["a"]), fresh(600), at(1));
    assert!(cache.snapshot(URL).is_some() && cache.version_to_store(URL).is_some());
}

#[test]
fn a_snapshot_keeps_how_long_its_set_may_serve() {
    let mut cache = cache();
    cache.fetched(URL, set(&["a"]), Freshness { may_be_stale: false, ..fresh(600) }, at(0));
    let text = cache.snapshot(URL).unwrap().to_text();
    let snapshot = Snapshot::from_text(&text).unwrap();
    assert_eq!(snapshot.keep_for(at(0)), secs(600));
    let mut other = KeySets::new(limits(), 7);
    assert!(fetches(&look(&mut other, "a", 700)));
    assert!(!other.loaded(URL, snapshot, at(700)));
    other.failed(URL, None, at(700));
    assert_eq!(look(&mut other, "a", 700), Lookup::Unavailable { until: at(702) });
    let forever = text.replace(&format!("\"serve_until\":{}", START + 600), "\"serve_until\":9999999999999");
    assert_ne!(forever, text);
    assert_eq!(Snapshot::from_text(&forever).unwrap().keep_for(at(0)), secs(24 * 3600));
}

#[test]
fn the_budget_of_fetches_bounds_every_cause() {
    let limits = Limits { lease: secs(1), ..Limits::default() };
    let mut cache = KeySets::new(limits, 7);
    let granted = (0..60).filter(|now| fetches(&look(&mut cache, "a", *now))).count();
    assert_eq!(granted, 6);
    assert!(fetches(&look(&mut cache, "a", 60)));
}

#[test]
fn freshness_is_clamped_and_refreshed_ahead_at_times_that_differ() {
    // Fresh for 60 s at least and 3600 s at most; the refresh comes within the last fifth.
    for (said, fresh) in [(Some(0), 60), (Some(1_000_000), 3600), (None, 300), (Some(500), 500)] {
        let mut cache = cache();
        assert!(fetches(&look(&mut cache, "a", 0)));
        cache.fetched(
            URL,
            set(&["a"]),
            Freshness { fresh_for: said.map(secs), ..Freshness::default() },
            at(0),
        );
        assert!(!fetches(&look(&mut cache, "a", fresh * 4 / 5 - 1)));
        assert!(matches!(look(&mut cache, "a", fresh - 1), Lookup::Use { stale: false, .. }));
        assert!(matches!(look(&mut cache, "a", fresh), Lookup::Use { stale: true, .. }));
    }
    let first_refresh = |seed| {
        let mut cache = KeySets::new(Limits::default(), seed);
        cache.fetched(URL, set(&["a"]), fresh(3600), at(0));
        (0..3600).find(|now| fetches(&look(&mut cache, "a", *now)))
    };
    let times: std::collections::BTreeSet<_> = (0..20).map(first_refresh).collect();
    assert!(times.len() > 10, "{times:?}");
    assert_eq!(first_refresh(3), first_refresh(3));
}

#[test]
fn urls_are_bounded_and_the_one_not_used_longest_goes() {
    let mut cache = KeySets::new(Limits { entries: 2, ..Limits::default() }, 7);
    for url in ["https://a.example", "https://b.example"] {
        cache.fetched(url, set(&["a"]), Freshness::default(), at(0));
    }
    assert!(serves(&cache.lookup("https://a.example", None, at(1))));
    cache.fetched("https://c.example", set(&["a"]), Freshness::default(), at(2));
    assert_eq!(cache.len(), 2);
    assert!(cache.snapshot("https://a.example").is_some() && cache.snapshot("https://b.example").is_none());
}

#[test]
fn a_snapshot_saves_a_fetch_while_it_is_fresh_and_serves_in_an_outage_when_it_is_not() {
    let text = filled().snapshot(URL).unwrap().to_text();
    let snapshot = || Snapshot::from_text(&text).unwrap();
    assert_eq!(snapshot().keep_for(at(100)), secs(24 * 3600 - 100));

    let mut other = cache();
    assert!(fetches(&look(&mut other, "a", 100)));
    assert!(other.loaded(URL, snapshot(), at(100)));
    assert!(serves(&look(&mut other, "a", 100)));
    assert!(!other.loaded(URL, snapshot(), at(101)), "it is no newer");

    let mut late = cache();
    assert!(fetches(&look(&mut late, "a", 7200)));
    assert!(!late.loaded(URL, snapshot(), at(7200)), "the lease stays, the fetch goes on");
    assert_eq!(look(&mut late, "a", 7200), Lookup::Wait { until: at(7210) });
    late.failed(URL, None, at(7201));
    assert!(matches!(look(&mut late, "a", 7201), Lookup::Use { stale: true, .. }));

    let mut past = cache();
    assert!(!past.loaded(URL, snapshot(), at(-1)), "written in the future");
    assert!(past.snapshot(URL).is_none());
}

#[test]
fn a_snapshot_is_checked_like_what_was_fetched() {
    let text = filled().snapshot(URL).unwrap().to_text();
    assert_eq!(Snapshot::from_text(&text).unwrap().to_text(), text);
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from));
        Snapshot::from_text(&text.replace(from, to))
    };
    assert!(changed("\"version\":3", "\"version\":2").is_err());
    assert!(changed("\"keys\"", "\"kees\"").is_err());
    assert!(changed("\"fetched_at\":", "\"fetched_at\":0.").is_err());
    assert!(changed("\"version\"", "\"version\":3,\"version\"").is_err(), "which of them?");
    assert!(Snapshot::from_text(r#"{"version":3}"#).is_err(), "it says nothing");
    assert!(Snapshot::from_text("").is_err());
    let forever =
        changed(&format!("\"fresh_until\":{}", START + 600), "\"fresh_until\":9999999999999").unwrap();
    let mut cache = cache();
    assert!(cache.loaded(URL, forever, at(3599)));
    assert!(matches!(look(&mut cache, "a", 3600), Lookup::Use { stale: true, .. }));
}

/// What a host would store, read by another.
fn told(cache: &mut KeySets, now: i64) -> Option<Snapshot> {
    let text = cache.state(URL, at(now))?.to_text();
    let read = Snapshot::from_text(&text).unwrap();
    assert_eq!(read.to_text(), text, "what is stored is what is read");
    Some(read)
}

/// A host that starts cold: it has the lease, and asks the store before the source.
fn cold(seed: u64, now: i64) -> KeySets {
    let mut cache = KeySets::new(limits(), seed);
    assert!(fetches(&look(&mut cache, "a", now)));
    cache
}

#[test]
fn a_source_that_failed_one_host_is_left_alone_by_others_that_start_cold() {
    let mut first = cold(0, 0);
    first.failed(URL, None, at(0));
    let state = told(&mut first, 0).unwrap();
    for seed in 1..50 {
        let mut other = cold(seed, 1);
        assert!(other.loaded(URL, state.clone(), at(1)), "no fetch");
        assert_eq!(look(&mut other, "a", 1), Lookup::Unavailable { until: at(2) });
        // The pause is over: it may ask once, and the pauses go on growing from where they were.
        assert_eq!(look(&mut other, "a", 2), Lookup::Fetch { until: at(12) });
        assert!(!other.loaded(URL, state.clone(), at(2)));
        other.failed(URL, None, at(2));
        assert_eq!(look(&mut other, "a", 2), Lookup::Unavailable { until: at(6) });
    }
    let mut late = cold(1, 300);
    assert!(!late.loaded(URL, state, at(300)));
    late.failed(URL, None, at(300));
    assert_eq!(look(&mut late, "a", 300), Lookup::Unavailable { until: at(302) }, "long ago says nothing");
}

#[test]
fn hosts_that_were_told_of_a_failure_do_not_all_ask_again_at_once() {
    let mut first = cold(0, 0);
    first.failed(URL, Some(secs(600)), at(0));
    let state = told(&mut first, 0).unwrap();
    let retry_at = |seed| {
        let mut other = cold(seed, 1);
        assert!(other.loaded(URL, state.clone(), at(1)));
        (1..1000).find(|now| fetches(&look(&mut other, "a", *now))).unwrap()
    };
    let times: std::collections::BTreeSet<_> = (1..30).map(retry_at).collect();
    assert!(times.len() > 10, "{times:?}");
    assert!(times.iter().all(|time| (600..=720).contains(time)), "{times:?}");
}

#[test]
fn in_an_outage_a_cold_host_serves_what_another_has_stored_without_asking() {
    let mut first = filled();
    assert!(fetches(&look(&mut first, "a", 700)));
    first.failed(URL, None, at(700));
    let state = told(&mut first, 700).unwrap();
    assert_eq!(state.keep_for(at(700)), secs(24 * 3600 - 700));
    let mut other = cold(1, 701);
    assert!(other.loaded(URL, state.clone(), at(701)));
    assert!(matches!(look(&mut other, "a", 701), Lookup::Use { stale: true, refresh: false, .. }));
    let mut late = cold(1, 24 * 3600);
    assert!(!late.loaded(URL, state, at(24 * 3600)), "nothing outlives the cap");
    assert!(!serves(&look(&mut late, "a", 24 * 3600)));
}

#[test]
fn a_definite_no_is_told_and_bounded_like_ones_own() {
    let mut first = cold(0, 0);
    first.invalid(URL, Some(secs(100)), at(0));
    let state = told(&mut first, 0).unwrap();
    assert_eq!(state.keep_for(at(0)), secs(160));
    let mut other = cold(1, 1);
    assert!(other.loaded(URL, state, at(1)));
    assert!(matches!(look(&mut other, "a", 1), Lookup::Invalid { .. }));
    assert!(fetches(&look(&mut other, "a", 120)));
}

#[test]
fn the_end_of_an_outage_is_told_at_once() {
    let mut first = filled();
    assert!(told(&mut first, 0).is_some());
    first.failed(URL, None, at(10));
    let outage = told(&mut first, 10).unwrap();
    first.fetched(URL, set(&["a"]), fresh(600), at(12));
    let end = told(&mut first, 12).unwrap();
    let mut other = cold(1, 11);
    assert!(other.loaded(URL, outage, at(11)));
    assert!(serves(&look(&mut other, "a", 11)));
    assert!(other.loaded(URL, end, at(12)));
    other.failed(URL, None, at(13));
    let retry = (13..99).find(|now| fetches(&look(&mut other, "b", *now)));
    assert_eq!(retry, Some(15), "the failures before it are forgotten");
}

#[test]
fn a_new_set_is_told_at_once_and_the_same_again_once_a_minute() {
    let mut cache = filled();
    assert!(told(&mut cache, 0).is_some());
    for now in [1, 30, 59] {
        cache.fetched(URL, set(&["a"]), fresh(600), at(now));
        assert!(told(&mut cache, now).is_none(), "{now}");
    }
    cache.fetched(URL, set(&["a"]), fresh(600), at(60));
    assert!(told(&mut cache, 60).is_some());
    cache.fetched(URL, set(&["a", "b"]), fresh(600), at(61));
    assert!(told(&mut cache, 61).is_some());
    assert!(told(&mut cache, 61).is_none());
    let mut silent = KeySets::new(limits(), 7);
    silent.fetched(URL, set(&["a"]), Freshness { may_be_stored: false, ..fresh(600) }, at(0));
    assert!(told(&mut silent, 0).is_none());
}

#[test]
fn forged_kids_do_not_cause_writes() {
    let mut cache = filled();
    assert!(told(&mut cache, 0).is_some());
    let (mut fetched, mut writes) = (0, 0);
    for now in 1..=600 {
        if fetches(&look(&mut cache, &format!("forged-{now}"), now)) {
            fetched += 1;
            cache.fetched(URL, set(&["a"]), fresh(600), at(now));
        }
        writes += usize::from(told(&mut cache, now).is_some());
    }
    assert_eq!((fetched, writes), (20, 10), "one write a minute, whoever asks for what");
}

#[test]
fn a_rotated_key_is_not_lost_to_a_store_that_does_not_have_it_yet() {
    let stored = |kids: &[&str], asked: Option<i64>| {
        let mut other = KeySets::new(limits(), 1);
        if let Some(asked) = asked {
            other.fetched(URL, set(&["a"]), fresh(600), at(asked - 1));
            assert!(fetches(&look(&mut other, "forged", asked)));
        }
        other.fetched(URL, set(kids), fresh(600), at(99));
        told(&mut other, 99).unwrap()
    };
    let rotated = |state: Snapshot| {
        let mut cache = filled();
        assert!(fetches(&look(&mut cache, "b", 100)));
        (cache.loaded(URL, state, at(100)), look(&mut cache, "b", 100))
    };
    let (enough, lookup) = rotated(stored(&["a", "b"], None));
    assert!(enough && serves(&lookup), "another host has fetched it already");
    let (enough, lookup) = rotated(stored(&["a"], None));
    assert_eq!((enough, lookup), (false, Lookup::Wait { until: at(110) }), "the fetch goes on");
    let (enough, lookup) = rotated(stored(&["a"], Some(60)));
    assert_eq!((enough, lookup), (false, Lookup::Wait { until: at(110) }), "that was before the cooldown");
    // Forgers take turns among the hosts: what one of them has just asked for costs no second fetch.
    let (enough, lookup) = rotated(stored(&["a"], Some(90)));
    assert_eq!((enough, lookup), (true, Lookup::UnknownKey { until: at(120) }));
}

#[test]
fn what_a_store_says_of_failures_is_checked_like_the_rest() {
    let failed = |failure: &str| Snapshot::from_text(&format!(r#"{{"version":3,"failure":{failure}}}"#));
    let good = format!(r#"{{"at":{START},"retry_at":9999999999999,"definite":false,"failures":4294967295}}"#);
    for bad in [
        "7".to_owned(),
        "null".to_owned(),
        "{}".to_owned(),
        good.replace("4294967295", "4294967296"),
        good.replace("4294967295", "-1"),
        good.replace("false", "0"),
        good.replace("\"at\"", "\"since\""),
        good.replace("9999999999999", "1e9"),
        good.replace("\"at\"", "\"at\":1,\"at\""),
    ] {
        assert!(failed(&bad).is_err(), "{bad}");
    }
    assert!(Snapshot::from_text(r#"{"version":3,"metadata":{"at":"openid"}}"#).is_err(), "of another kind");
    let retry_at = |failure: &str, now: i64| {
        let mut cache = cold(1, now);
        let _ = cache.loaded(URL, failed(failure).unwrap(), at(now));
        // The lease of the cold start is over then.
        (now + 10..9999).find(|now| fetches(&look(&mut cache, "a", *now))).unwrap()
    };
    assert!((3600..=4320).contains(&retry_at(&good, 0)), "an hour at most");
    assert!((300..=360).contains(&retry_at(&good.replace("false", "true"), 0)), "or five minutes");
    assert_eq!(retry_at(&good, -100), -90, "written in the future");
}

proptest::proptest! {
    #[test]
    fn no_text_of_a_store_makes_it_panic(text in ".{0,200}", times: [i64; 6], failures: u32, definite: bool) {
        let _ = Snapshot::from_text(&text);
        let [fetched_at, fresh_until, serve_until, failed_at, retry_at, now] = times;
        let text = format!(
            r#"{{"version":3,"fetched_at":{fetched_at},"fresh_until":{fresh_until},"serve_until":{serve_until},
                "keys":[],"asked_for_kid":{failed_at},
                "failure":{{"at":{failed_at},"retry_at":{retry_at},"definite":{definite},"failures":{failures}}}}}"#
        );
        let snapshot = Snapshot::from_text(&text).unwrap();
        let mut cache = KeySets::new(limits(), 7);
        let _ = cache.lookup(URL, None, UnixSeconds(now));
        let _ = cache.loaded(URL, snapshot, UnixSeconds(now));
        let _ = cache.lookup(URL, None, UnixSeconds(now));
        let _ = cache.state(URL, UnixSeconds(now));
    }
}
