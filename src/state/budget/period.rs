//! When a period ends: midnight, the next Monday's, the next first of a month's, by the clock of a time zone.
//!
//! Where that midnight does not exist, as clocks are put forward over it, the period ends with the first instant after
//! the gap; where it is there twice, with the first of the two.

use super::{NEVER, Period};
use crate::policy::{TimeZone, next_month};
use crate::time::{UnixMillis, UnixSeconds};

const DAY: i64 = 24 * 60 * 60;

/// When the period ends that `now` is in.
#[must_use]
pub fn ends(period: Period, zone: &TimeZone, now: UnixMillis) -> UnixMillis {
    let seconds = now.seconds();
    // Days from 1970-01-01, by the zone's calendar.
    let today = local(zone, seconds).div_euclid(DAY);
    let day = match period {
        Period::Total => return NEVER,
        Period::Day => today + 1,
        // 1970-01-01 was a Thursday.
        Period::Week => today + 7 - (today + 3).rem_euclid(7),
        Period::Month => next_month(today),
    };
    let midnight = day.saturating_mul(DAY);
    let end = first_instant(zone, midnight);
    u64::try_from(end.max(seconds.0 + 1)).map_or(NEVER, |end| UnixMillis(end.saturating_mul(1000)))
}

/// What the clock of the zone shows, in seconds from 1970-01-01.
fn local(zone: &TimeZone, now: UnixSeconds) -> i64 {
    now.0.saturating_add(zone.offset(now))
}

/// The first instant at which the clock of the zone shows this time, or a later one.
fn first_instant(zone: &TimeZone, shown: i64) -> i64 {
    // Offsets before and after any change near it.
    let guess = |offset: i64| UnixSeconds(shown.saturating_sub(offset));
    let offsets = [-DAY, 0, DAY].map(|shift| zone.offset(UnixSeconds(shown.saturating_add(shift))));
    let exact = offsets.iter().map(|offset| guess(*offset)).filter(|at| local(zone, *at) == shown).min();
    if let Some(exact) = exact {
        return exact.0;
    }
    // In a gap: the change is where the clock with the lesser offset would show that time or before.
    let (mut before, mut after) = (shown - 2 * DAY, shown + 2 * DAY);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if local(zone, UnixSeconds(middle)) >= shown { after = middle } else { before = middle }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(period: Period, zone: &str, now: u64) -> u64 {
        ends(period, &TimeZone::parse(zone).unwrap(), UnixMillis(now * 1000)).0 / 1000
    }

    #[test]
    fn a_total_never_ends() {
        assert_eq!(ends(Period::Total, &TimeZone::parse("UTC").unwrap(), UnixMillis(5)), NEVER);
    }

    #[test]
    fn days_weeks_and_months_end_at_midnight() {
        // Sunday, 2026-11-22T13:52:00Z.
        let now = 1_795_355_520;
        let midnight = 1_795_392_000;
        assert_eq!(end(Period::Day, "UTC", now), midnight);
        assert_eq!(end(Period::Week, "UTC", now), midnight);
        assert_eq!(end(Period::Week, "UTC", midnight), midnight + 7 * 86_400);
        assert_eq!(end(Period::Day, "UTC", midnight - 1), midnight);
        assert_eq!(end(Period::Day, "UTC", midnight), midnight + 86_400);
        assert_eq!(end(Period::Day, "Europe/Berlin", now), midnight - 3_600);
        // 2026-12-01, and from there 2027-01-01.
        let december = midnight + 8 * 86_400;
        assert_eq!(end(Period::Month, "UTC", now), december);
        assert_eq!(end(Period::Month, "UTC", december), december + 31 * 86_400);
        // 2028-02-29 is the last day of its month.
        assert_eq!(end(Period::Month, "UTC", 1_835_440_496), 1_835_481_600);
    }

    #[test]
    fn days_are_shorter_and_longer_where_clocks_change() {
        // 2026-03-29 has 23 hours in Berlin, 2026-10-25 has 25.
        let spring = 1_774_738_800;
        assert_eq!(end(Period::Day, "Europe/Berlin", spring), spring + 23 * 3_600);
        let autumn = 1_792_879_200;
        assert_eq!(end(Period::Day, "Europe/Berlin", autumn), autumn + 25 * 3_600);
    }

    #[test]
    fn a_midnight_that_is_not_there_is_the_instant_after_the_gap() {
        // Clocks go from 24:00 to 01:00 on the first Sunday of April (2026-04-05), and back from 24:00 to 23:00.
        let zone = "XXX0YYY,M4.1.0/0,M10.1.0/0";
        let sunday = 1_775_347_200;
        assert_eq!(end(Period::Day, zone, sunday - 3_600), sunday);
        // 2026-10-04T00:00 in summer time is 2026-10-03T23:00Z, when clocks go back to 23:00: midnight is an hour later.
        let autumn = 1_791_072_000;
        assert_eq!(end(Period::Day, zone, autumn - 3 * 3_600), autumn);
    }

    #[test]
    fn a_period_never_ends_before_now() {
        for zone in ["UTC", "Europe/Berlin", "America/New_York", "+14:00", "XXX0YYY,M4.1.0/0,M10.1.0/0"] {
            for period in [Period::Day, Period::Week, Period::Month] {
                let mut now = 1_774_000_000;
                for _ in 0..600 {
                    let end = end(period, zone, now);
                    assert!(end > now, "{zone} {period:?} {now}");
                    now += 31_337;
                }
            }
        }
    }
}
