//! Times as people write and read them (RFC 3339).

use countersign::time::{UnixMillis, UnixSeconds};

/// A time with its offset (RFC 3339 §5.6); what is finer than a millisecond is dropped. `None` where it is none, or is
/// before 1970.
pub(crate) fn parse(text: &str) -> Option<UnixMillis> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, offset) = rest.split_at_checked(at)?;
    let (time, fraction) = time.split_once('.').map_or((time, None), |(time, digits)| (time, Some(digits)));
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let (
        [year @ 1970..=9999, month @ 1..=12, day @ 1..=31],
        [hour @ 0..=23, minute @ 0..=59, second @ 0..=59],
    ) = (date.as_slice(), time.as_slice())
    else {
        return None;
    };
    if *day > days_of(*year, *month) {
        return None;
    }
    // Years begin in March, so that the leap day ends them: days before a month are then 153 in every five.
    let (year, month) = if *month > 2 { (*year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_seconds(offset)?;
    let millis = seconds.checked_mul(1000)?.checked_add(fraction.map_or(Some(0), milliseconds)?)?;
    u64::try_from(millis).ok().map(UnixMillis)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whole numbers between separators.
fn numbers(text: &str, separator: char) -> Option<Vec<i64>> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    text.split(separator).map(|part| part.parse().ok().filter(|_| digits(part))).collect()
}

fn offset_seconds(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let parts = numbers(offset.get(1..)?, ':')?;
    let [hours @ 0..=23, minutes @ 0..=59] = parts.as_slice() else { return None };
    Some((hours * 3600 + minutes * 60) * if offset.starts_with('-') { -1 } else { 1 })
}

fn milliseconds(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: String = digits.chars().chain("000".chars()).take(3).collect();
    thousandths.parse().ok()
}

/// Seconds since 1970, or a time with its offset.
pub(crate) fn of_argument(text: &str) -> Option<UnixMillis> {
    match text.parse::<u64>() {
        Ok(seconds) => seconds.checked_mul(1000).map(UnixMillis),
        Err(_) => parse(text),
    }
}

/// As `2026-11-22T17:30:00Z`; as a number of seconds where no calendar has it.
pub(crate) fn shown(time: UnixSeconds) -> String {
    if !(0..=253_402_300_799).contains(&time.0) {
        return format!("{} s", time.0);
    }
    let (days, seconds) = (time.0.div_euclid(86_400), time.0.rem_euclid(86_400));
    // The inverse of the above, by eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (era * 400 + year_of_era, month + 3)
    } else {
        (era * 400 + year_of_era + 1, month - 9)
    };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// How far a time is from now, in words: `in 5 min`, `2 h 10 min ago`, `now`.
pub(crate) fn from_now(time: UnixSeconds, now: UnixSeconds) -> String {
    let seconds = time.0.abs_diff(now.0);
    let length = match seconds {
        0 => return "now".to_owned(),
        1..120 => format!("{seconds} s"),
        120..7200 => parts(seconds / 60, "min", seconds % 60, "s"),
        7200..172_800 => parts(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => parts(seconds / 86_400, "days", seconds / 3600 % 24, "h"),
    };
    if time > now { format!("in {length}") } else { format!("{length} ago") }
}

fn parts(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_no_calendar_has_is_no_time() {
        for day in ["2026-02-30", "2026-02-29", "1900-02-29", "2026-04-31", "2026-01-32", "2026-01-00"] {
            assert_eq!(parse(&format!("{day}T00:00:00Z")), None, "{day}");
        }
        for day in ["2024-02-29", "2000-02-29", "2026-12-31"] {
            assert!(parse(&format!("{day}T00:00:00Z")).is_some(), "{day}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "2026-13-22T10:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:00:00.+5Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "2026-11-22T10:00:00+24:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_read_with_its_offset_and_fraction() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-09-21T14:13:20Z", 1_790_000_000_000),
            ("2026-09-21T16:13:20.5+02:00", 1_790_000_000_500),
            ("2026-09-21t14:13:20.123456z", 1_790_000_000_123),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
        ] {
            assert_eq!(parse(text), Some(UnixMillis(millis)), "{text}");
        }
        assert_eq!(of_argument("1790000000"), Some(UnixMillis(1_790_000_000_000)));
    }

    #[test]
    fn what_is_shown_reads_back() {
        for seconds in [0, 951_782_399, 951_782_400, 1_790_000_000, 4_102_444_800, 253_402_300_799] {
            let shown = shown(UnixSeconds(seconds));
            assert_eq!(parse(&shown).map(UnixMillis::seconds), Some(UnixSeconds(seconds)), "{shown}");
        }
        assert_eq!(shown(UnixSeconds(i64::MAX)), "9223372036854775807 s");
    }

    #[test]
    fn how_far_it_is_is_said_in_words() {
        let now = UnixSeconds(1_000_000);
        for (offset, words) in [
            (0, "now"),
            (59, "in 59 s"),
            (-125, "2 min 5 s ago"),
            (3600, "in 60 min"),
            (-8100, "2 h 15 min ago"),
            (200_000, "in 2 days 7 h"),
        ] {
            assert_eq!(from_now(UnixSeconds(now.0 + offset), now), words);
        }
    }
}
