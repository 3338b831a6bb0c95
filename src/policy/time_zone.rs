//! [`TimeZone`]: what the clock on the wall shows, for rules that ask for the time of day.
//!
//! A zone is a rule in the form that POSIX gives `TZ` (IEEE Std 1003.1-2024 §8.3), with the hours from −167 to 167 that
//! RFC 9636 §3.3.2 adds. Names of the tz database stand for such rules: the ones of `zones.txt`, which
//! `examples/time_zones.rs` writes from the database. They are the rules of the present, so that instants before the
//! database's version are told by the rule that holds now, and a country that changes its rule needs a newer table.
//! Zones whose transitions follow no rule (`Asia/Gaza`) have no name here.
//!
//! Everything is integer arithmetic on the proleptic Gregorian calendar; leap seconds are not counted, as Unix time does
//! not count them.

use alloc::string::String;

use crate::time::UnixSeconds;

/// The rules, each with the zones that keep it: `RULE Region/Zone,Zone… Region/…`.
const ZONES: &str = include_str!("time_zone/zones.txt");
/// Longest rule in bytes; the longest of the tz database has 36.
const MAX_RULE_BYTES: usize = 64;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A time zone, with the rule that it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone {
    /// As it was written.
    name: String,
    /// Seconds east of UTC.
    standard: i64,
    daylight: Option<Daylight>,
}

/// When clocks are put forward, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Daylight {
    /// Seconds east of UTC.
    offset: i64,
    starts: Transition,
    ends: Transition,
}

/// A day of each year, and the seconds from its midnight, by the clock that is shown until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Transition {
    day: Day,
    time: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// `Jn`: 1 to 365, the 29th of February never counted.
    Julian(i64),
    /// `n`: 0 to 365, the 29th of February counted.
    Ordinal(i64),
    /// `Mm.w.d`: the weekday `d` (0 is Sunday) of the week `w` of the month `m`; week 5 is the last.
    Weekday { month: i64, week: i64, weekday: i64 },
}

/// What the clock on the wall shows, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// 0 is Monday.
    pub weekday: u8,
    /// Seconds since midnight: 0 to 86399.
    pub second: u32,
}

impl Default for TimeZone {
    /// UTC.
    fn default() -> Self {
        Self { name: String::from("UTC"), standard: 0, daylight: None }
    }
}

impl TimeZone {
    /// Reads `UTC`, an offset (`+02:00`), a name of the tz database or a POSIX rule; `None` where it is none of these.
    ///
    /// A POSIX rule counts hours to the west: `UTC+2` would be two hours behind. As nobody expects that, `UTC` and `GMT`
    /// with a number are no rules here; an offset says the same.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "UTC" | "Z") {
            return Some(Self { name: String::from(text), standard: 0, daylight: None });
        }
        if text.starts_with(['+', '-']) {
            return Some(Self { name: String::from(text), standard: offset(text)?, daylight: None });
        }
        let rule = match rule_of(text) {
            Some(rule) => rule,
            None if text.starts_with("UTC") || text.starts_with("GMT") => return None,
            None => text,
        };
        Some(Self { name: String::from(text), ..Self::posix(rule)? })
    }

    /// The zone as it was written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the tz database that are known.
    pub fn names() -> impl Iterator<Item = String> {
        groups().flat_map(|(_, group)| {
            let (region, rest) = group.split_at(group.find('/').map_or(0, |slash| slash + 1));
            rest.split(',').map(move |zone| alloc::format!("{region}{zone}"))
        })
    }

    /// The time there.
    #[must_use]
    pub fn local(&self, now: UnixSeconds) -> LocalTime {
        let local = now.0.saturating_add(self.offset(now));
        let second = u32::try_from(local.rem_euclid(DAY)).unwrap_or_default();
        // 1970-01-01 was a Thursday.
        let weekday = u8::try_from((local.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or_default();
        LocalTime { weekday, second }
    }

    /// Seconds east of UTC.
    #[must_use]
    pub fn offset(&self, now: UnixSeconds) -> i64 {
        let Some(daylight) = self.daylight else { return self.standard };
        // With times of up to a week before or after its day, a transition may fall into a year beside its own.
        let year = year_of(now.0.saturating_add(self.standard).div_euclid(DAY));
        let mut last: Option<(i64, bool)> = None;
        for year in [year - 1, year, year + 1] {
            let starts = daylight.starts.instant(year, self.standard);
            let ends = daylight.ends.instant(year, daylight.offset);
            // Where daylight saving ends as it starts anew, it goes on.
            for (instant, is_daylight) in [(ends, false), (starts, true)] {
                if instant <= now.0 && last.is_none_or(|(latest, _)| instant >= latest) {
                    last = Some((instant, is_daylight));
                }
            }
        }
        if last.is_some_and(|(_, is_daylight)| is_daylight) { daylight.offset } else { self.standard }
    }

    fn posix(rule: &str) -> Option<Self> {
        if rule.len() > MAX_RULE_BYTES {
            return None;
        }
        let mut rest = name(rule)?;
        let standard = -take_time(&mut rest, 24)?;
        let mut daylight = None;
        if !rest.is_empty() {
            rest = name(rest)?;
            let offset = if rest.starts_with(',') { standard + HOUR } else { -take_time(&mut rest, 24)? };
            // Without a rule POSIX leaves it to the implementation when clocks change.
            let (starts, ends) = rest.strip_prefix(',')?.split_once(',')?;
            let (starts, ends) = (Transition::parse(starts)?, Transition::parse(ends)?);
            daylight = Some(Daylight { offset, starts, ends });
        }
        Some(Self { name: String::new(), standard, daylight })
    }
}

impl Transition {
    fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('/').map_or((text, None), |(day, time)| (day, Some(time)));
        let mut time = time.unwrap_or("2");
        let seconds = take_time(&mut time, 167)?;
        let number = |text: &str, least, most| decimal(text).filter(|n| (least..=most).contains(n));
        let day = if let Some(julian) = day.strip_prefix('J') {
            Day::Julian(number(julian, 1, 365)?)
        } else if let Some(weekday) = day.strip_prefix('M') {
            let mut parts = weekday.split('.');
            let mut next = |least, most| number(parts.next()?, least, most);
            let (month, week, weekday) = (next(1, 12)?, next(1, 5)?, next(0, 6)?);
            parts.next().is_none().then_some(Day::Weekday { month, week, weekday })?
        } else {
            Day::Ordinal(number(day, 0, 365)?)
        };
        time.is_empty().then_some(Self { day, time: seconds })
    }

    /// When it is in a year, by a clock that is so many seconds east of UTC until then.
    fn instant(self, year: i64, offset: i64) -> i64 {
        let first = days_from_civil(year, 1);
        let day = match self.day {
            Day::Ordinal(day) => first + day,
            Day::Julian(day) if is_leap(year) && day >= 60 => first + day,
            Day::Julian(day) => first + day - 1,
            Day::Weekday { month, week, weekday } => {
                let first = days_from_civil(year, month);
                let next =
                    if month == 12 { days_from_civil(year + 1, 1) } else { days_from_civil(year, month + 1) };
                // 1970-01-01 was a Thursday, and Sunday is 0.
                let earliest = first + (weekday - (first + 4)).rem_euclid(7);
                let day = earliest + 7 * (week - 1);
                if day < next { day } else { day - 7 }
            }
        };
        day.saturating_mul(DAY).saturating_add(self.time - offset)
    }
}

/// The groups of zones, each with its rule.
fn groups() -> impl Iterator<Item = (&'static str, &'static str)> {
    ZONES.lines().flat_map(|line| {
        let (rule, groups) = line.split_once(' ').unwrap_or((line, ""));
        groups.split(' ').map(move |group| (rule, group))
    })
}

/// The rule of a zone of the tz database.
fn rule_of(name: &str) -> Option<&'static str> {
    let (rule, _) = groups().find(|(_, group)| {
        let (region, zones) = group.split_at(group.find('/').map_or(0, |slash| slash + 1));
        name.strip_prefix(region).is_some_and(|zone| zones.split(',').any(|known| known == zone))
    })?;
    Some(rule)
}

/// What follows the name that a POSIX rule begins with: three letters at least, or others in angle brackets.
fn name(rule: &str) -> Option<&str> {
    if let Some(quoted) = rule.strip_prefix('<') {
        let (name, rest) = quoted.split_once('>')?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'-';
        return (name.len() >= 3 && name.bytes().all(fits)).then_some(rest);
    }
    let rest = rule.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    (rule.len() >= rest.len() + 3).then_some(rest)
}

/// Takes `[+-]h[h[h]][:mm[:ss]]`, of so many hours at most, off the front: its seconds.
fn take_time(text: &mut &str, max_hours: i64) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(digits.len());
    let (time, rest) = digits.split_at_checked(end)?;
    let mut parts = time.split(':');
    let hours = decimal(parts.next()?).filter(|hours| *hours <= max_hours)?;
    let mut next =
        || parts.next().map_or(Some(0), |part| decimal(part).filter(|n| part.len() == 2 && *n < 60));
    let seconds = hours * HOUR + next()? * MINUTE + next()?;
    *text = rest;
    parts.next().is_none().then_some(sign * seconds)
}

/// `+hh:mm` or `-hh:mm`, at most 18 hours, as seconds east of UTC.
fn offset(text: &str) -> Option<i64> {
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let seconds = decimal(hours)? * HOUR + decimal(minutes).filter(|minutes| *minutes < 60)? * MINUTE;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    (seconds <= 18 * HOUR).then_some(sign * seconds)
}

/// A number of one to three digits.
fn decimal(text: &str) -> Option<i64> {
    let fits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days before a month in a year that is no leap year.
const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// Days from 1970-01-01 to the first of a month.
fn days_from_civil(year: i64, month: i64) -> i64 {
    let before = usize::try_from(month - 1).ok().and_then(|month| DAYS_BEFORE.get(month)).copied();
    let leap_day = i64::from(month > 2 && is_leap(year));
    let years = year - 1;
    let days = years * 365 + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    // 719162 days lie between 0001-01-01 and 1970-01-01.
    days - 719_162 + before.unwrap_or_default() + leap_day
}

/// The first day of the next month, both in days from 1970-01-01.
pub(crate) fn next_month(days: i64) -> i64 {
    let year = year_of(days);
    let firsts = (2..=12).map(|month| days_from_civil(year, month));
    firsts.chain([days_from_civil(year + 1, 1)]).find(|first| *first > days).unwrap_or(days + 1)
}

/// The year that a day lies in, in days from 1970-01-01.
fn year_of(days: i64) -> i64 {
    // The mean year has 146097/400 days, so that the guess is off by one at most.
    let guess = 1970 + (days.saturating_mul(400)).div_euclid(146_097);
    if days_from_civil(guess, 1) > days {
        guess - 1
    } else if days_from_civil(guess + 1, 1) <= days {
        guess + 1
    } else {
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn offset_at(zone: &str, now: i64) -> i64 {
        TimeZone::parse(zone).unwrap().offset(UnixSeconds(now))
    }

    #[test]
    fn clocks_change_to_the_second() {
        // 2026-03-29 and 2026-10-25, both 01:00 UTC.
        for zone in ["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"] {
            assert_eq!(offset_at(zone, 1_774_745_999), HOUR);
            assert_eq!(offset_at(zone, 1_774_746_000), 2 * HOUR);
            assert_eq!(offset_at(zone, 1_792_889_999), 2 * HOUR);
            assert_eq!(offset_at(zone, 1_792_890_000), HOUR);
        }
    }

    #[test]
    fn each_form_of_a_day_is_read() {
        // 2028 is a leap year: J60 is the 1st of March in every year, 59 the 29th of February in this one.
        assert_eq!(offset_at("AAA0BBB,J60/0,J70/0", 1_835_481_600 - 1), 0);
        assert_eq!(offset_at("AAA0BBB,J60/0,J70/0", 1_835_481_600), HOUR);
        assert_eq!(offset_at("AAA0BBB,59/0,70/0", 1_835_481_600 - DAY - 1), 0);
        assert_eq!(offset_at("AAA0BBB,59/0,70/0", 1_835_481_600 - DAY), HOUR);
        // Daylight saving all year (RFC 9636 §3.3.2).
        for now in [1_790_000_000, 1_798_761_599, 1_798_761_600, 1_814_400_000] {
            assert_eq!(offset_at("XXX3EDT4,0/0,J365/23", now), -4 * HOUR);
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for text in [
            "",
            "utc",
            "Berlin",
            "Europe/",
            "Europe/Berlin ",
            "Europe/berlin",
            "Europe",
            "UTC+2",
            "GMT-1",
            "+2",
            "+2:00",
            "+02",
            "+19:00",
            "+02:60",
            "+02:0x",
            "-0200",
            "CET-1CEST",
            "CET-25",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.1.0,M10.5.0",
            "CET-1CEST,M3.6.0,M10.5.0",
            "CET-1CEST,M3.5.7,M10.5.0",
            "CET-1CEST,M3.5,M10.5.0",
            "CET-1CEST,J0,J5",
            "CET-1CEST,J366,J5",
            "CET-1CEST,366,5",
            "CET-1CEST,M3.5.0/168,M10.5.0",
            "CET-1CEST,M3.5.0/1:60,M10.5.0",
            "CET-1CEST,M3.5.0,M10.5.0,",
            "CE-1",
            "<+1-1",
            "<+>-1",
            "<a b>-1",
            "CET-1:0",
            "CET-1:00:00:00",
            "CET1x",
        ] {
            assert_eq!(TimeZone::parse(text), None, "{text}");
        }
        assert_eq!(TimeZone::parse(&alloc::format!("{}-1", "A".repeat(MAX_RULE_BYTES))), None);
    }

    #[test]
    fn every_zone_of_the_table_has_a_rule_that_can_be_read() {
        let names: Vec<_> = TimeZone::names().collect();
        assert!(names.len() > 550, "{}", names.len());
        for name in names {
            assert!(TimeZone::parse(&name).is_some(), "{name}");
        }
    }

    #[test]
    fn no_instant_is_too_far_away() {
        let berlin = TimeZone::parse("Europe/Berlin").unwrap();
        for now in [i64::MIN, -62_135_596_800, -1, 0, 253_402_300_800, i64::MAX] {
            assert!(berlin.local(UnixSeconds(now)).second < 86_400);
        }
    }
}
