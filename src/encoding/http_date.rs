//! Dates in HTTP fields (RFC 9110 §5.6.7): [`parse`] reads all three forms that a recipient must take.
//!
//! Strict in what it reads: names in the case of the grammar, digits only where digits are, a day that its month has.
//! The day of the week must be one, but need not be that of the date: nothing here depends on it. What is no date is
//! `None`, and for the caller to pass over.

use crate::time::UnixSeconds;

/// Longest text that is looked at: RFC 850's form with the longest day of the week has 33 bytes.
const MAX_BYTES: usize = 33;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SECONDS_OF_DAY: i64 = 86_400;
/// The mean length of a Gregorian year.
const SECONDS_OF_YEAR: i64 = 31_556_952;

/// Reads a date. `now` places the two-digit years of RFC 850: what would lie more than 50 years ahead is in the past.
#[must_use]
pub fn parse(text: &str, now: UnixSeconds) -> Option<UnixSeconds> {
    if text.len() > MAX_BYTES || !text.is_ascii() {
        return None;
    }
    imf_fixdate(text).or_else(|| rfc850(text, now)).or_else(|| asctime(text))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn imf_fixdate(text: &str) -> Option<UnixSeconds> {
    let (day_name, rest) = text.split_once(", ")?;
    let rest = rest.strip_suffix(" GMT").filter(|_| DAYS.contains(&day_name))?;
    let mut parts = rest.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let date = days(digits(year, 4)?, month_number(month)?, digits(day, 2)?)?;
    at(date, time).filter(|_| parts.next().is_none())
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`.
fn rfc850(text: &str, now: UnixSeconds) -> Option<UnixSeconds> {
    let (day_name, rest) = text.split_once(", ")?;
    let rest = rest.strip_suffix(" GMT").filter(|_| LONG_DAYS.contains(&day_name))?;
    let (date, time) = rest.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (day, month, year) = (digits(day, 2)?, month_number(month)?, digits(year, 2)?);
    // Of the centuries around, the latest in which the date lies no more than 50 years ahead.
    let latest = now.0.saturating_add(50 * SECONDS_OF_YEAR);
    let century = (1970 + now.0.div_euclid(SECONDS_OF_YEAR)).div_euclid(100).checked_mul(100)?;
    [100, 0, -100]
        .into_iter()
        .filter_map(|offset| at(days(century.checked_add(offset + year)?, month, day)?, time))
        .find(|date| date.0 <= latest)
}

/// `Sun Nov  6 08:49:37 1994`.
fn asctime(text: &str) -> Option<UnixSeconds> {
    let (day_name, rest) = text.split_once(' ')?;
    let (month, rest) = rest.split_once(' ').filter(|_| DAYS.contains(&day_name))?;
    let (day, rest) = rest.split_at_checked(2)?;
    let (time, year) = rest.strip_prefix(' ')?.split_once(' ')?;
    let day = match day.strip_prefix(' ') {
        Some(day) => digits(day, 1)?,
        None => digits(day, 2)?,
    };
    at(days(digits(year, 4)?, month_number(month)?, day)?, time)
}

/// The instant of a time of day, `08:49:37`. A leap second is the first second of the next minute.
fn at(days: i64, time: &str) -> Option<UnixSeconds> {
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    let in_range = hour <= 23 && minute <= 59 && second <= 60;
    let seconds = days.checked_mul(SECONDS_OF_DAY)?.checked_add(hour * 3600 + minute * 60 + second)?;
    in_range.then_some(UnixSeconds(seconds))
}

/// A number of exactly so many digits.
fn digits(text: &str, length: usize) -> Option<i64> {
    let all_digits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all_digits)
}

fn month_number(name: &str) -> Option<i64> {
    (1..).zip(MONTHS).find(|(_, month)| *month == name).map(|(number, _)| number)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` where there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March have the leap day at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on, months have 153 days for each five.
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    // 719468 days lie between the first of March of year 0 and 1970-01-01.
    Some(year * 365 + leap_days + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    fn read(text: &str) -> Option<i64> {
        parse(text, NOW).map(|at| at.0)
    }

    #[test]
    fn the_three_forms_of_one_date_are_one_time() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(read(text), Some(784_111_777), "{text}");
        }
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed Dec 31 23:59:59 1969", -1),
            ("Fri, 31 Dec 1999 23:59:59 GMT", 946_684_799),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            ("Mon, 01 Jan 0001 00:00:00 GMT", -62_135_596_800),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn two_digit_years_lie_at_most_fifty_years_ahead() {
        let year = |text: &str, full: &str| {
            assert_eq!(read(text), read(full), "{text}");
            assert!(read(text).is_some(), "{text}");
        };
        // It is 2027.
        year("Monday, 01-Nov-27 00:00:00 GMT", "Mon, 01 Nov 2027 00:00:00 GMT");
        year("Friday, 01-Nov-76 00:00:00 GMT", "Fri, 01 Nov 2076 00:00:00 GMT");
        year("Friday, 01-Nov-78 00:00:00 GMT", "Fri, 01 Nov 1978 00:00:00 GMT");
        year("Friday, 01-Nov-99 00:00:00 GMT", "Fri, 01 Nov 1999 00:00:00 GMT");
        // The day that only one of two centuries has.
        year("Tuesday, 29-Feb-00 00:00:00 GMT", "Tue, 29 Feb 2000 00:00:00 GMT");
        // Late in a century the next is near.
        let late = UnixSeconds(3_975_000_000);
        assert_eq!(
            parse("Friday, 01-Nov-05 00:00:00 GMT", late),
            parse("Fri, 01 Nov 2105 00:00:00 GMT", late)
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "1800000000",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1994 08:49:37 GMT",
            "Thu, 29 Feb 1900 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06-Nov-94-1 08:49:37 GMT",
            "Funday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun Nov 006 08:49:37 1994",
            "Sun Nov é 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,40}", now: i64) {
            let _ = parse(&text, UnixSeconds(now));
        }

        #[test]
        fn no_date_makes_it_panic(day in 0..100, month in 0..13_usize, year in 0..100, now: i64) {
            let month = MONTHS.get(month).copied().unwrap_or("Mon");
            let _ = parse(&format!("Sunday, {day:02}-{month}-{year:02} 00:00:00 GMT"), UnixSeconds(now));
        }
    }
}
