//! Windows of time: hours of certain days, by the clock of a place.

use super::TimeZone;
use crate::time::UnixSeconds;

/// Hours of certain days in a time zone. Where it ends before it begins, it runs over midnight, and belongs to the day
/// on which it began. An hour that clocks repeat is in it twice, one that they skip never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// Bit 0 is Monday.
    pub(crate) days: u8,
    /// Seconds since midnight, the first within.
    pub(crate) from: u32,
    /// Seconds since midnight, the first outside; another than `from`.
    pub(crate) to: u32,
    pub(crate) zone: TimeZone,
}

impl TimeWindow {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn contains(&self, now: UnixSeconds) -> bool {
        let local = self.zone.local(now);
        let has = |weekday: u8| self.days >> (weekday % 7) & 1 == 1;
        let (today, yesterday) = (has(local.weekday), has(local.weekday + 6));
        if self.from < self.to {
            today && (self.from..self.to).contains(&local.second)
        } else {
            (today && local.second >= self.from) || (yesterday && local.second < self.to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{DateTime, Weekday};
    use jiff::{Timestamp, ToSpan, tz};

    /// Whether some window that begins on one of the days has the time that the clock shows.
    fn naive(window: &TimeWindow, shown: DateTime) -> bool {
        let minutes = |seconds: u32| i64::from(seconds / 60).minutes();
        (0..=1).any(|days_ago| {
            let midnight =
                shown.date().checked_sub(days_ago.days()).unwrap().to_datetime(jiff::civil::Time::midnight());
            let weekday: Weekday = midnight.weekday();
            let is_its_day = window.days >> weekday.to_monday_zero_offset() & 1 == 1;
            let begins = midnight.checked_add(minutes(window.from)).unwrap();
            let ends = midnight.checked_add(minutes(window.to)).unwrap();
            let ends = if window.to < window.from { ends.checked_add(1.days()).unwrap() } else { ends };
            is_its_day && begins <= shown && shown < ends
        })
    }

    #[test]
    fn windows_are_what_the_clock_shows_minute_by_minute_also_when_it_is_changed() {
        let hours = |from: u32, to: u32| (from * 60, to * 60);
        let windows = [
            hours(9 * 60, 17 * 60 + 30),
            hours(0, 24 * 60),
            hours(22 * 60, 6 * 60),
            hours(2 * 60, 3 * 60),
            hours(2 * 60 + 30, 2 * 60),
            hours(1, 0),
        ];
        let mut inside = 0;
        // The Sundays on which clocks are put forward and back, each with the days around it.
        for (zone, days) in [
            ("Europe/Berlin", ["2027-03-28", "2027-10-31"]),
            ("America/New_York", ["2027-03-14", "2027-11-07"]),
            ("Australia/Lord_Howe", ["2027-04-04", "2027-10-03"]),
        ] {
            let peer = tz::TimeZone::get(zone).unwrap();
            for day in days {
                let noon: Timestamp = alloc::format!("{day}T12:00:00Z").parse().unwrap();
                for (from, to) in windows {
                    for days in [0x7f, 0b100_0000, 0b010_0000, 0b000_0001] {
                        let window = TimeWindow { days, from, to, zone: TimeZone::parse(zone).unwrap() };
                        for minute in -2 * 24 * 60..2 * 24 * 60 {
                            let now = Timestamp::from_second(noon.as_second() + minute * 60).unwrap();
                            let expected = naive(&window, now.to_zoned(peer.clone()).datetime());
                            let found = window.contains(UnixSeconds(now.as_second()));
                            assert_eq!(found, expected, "{zone} {from} {to} {days:b} {now}");
                            inside += usize::from(found);
                        }
                    }
                }
            }
        }
        assert!(inside > 100_000, "{inside}");
    }
}
