//! How long a response may be kept (RFC 9111 §4.2, §5.2), read towards freshness ending earlier.

use core::time::Duration;

/// How long a response stays fresh, from its `Cache-Control` (lines joined by commas) and `Age`; `None` where
/// it does not say. `Expires` is not read: without `Date` it means nothing to a host with another clock.
///
/// `no-store`, `no-cache` and what cannot be read count as zero; of several ages the shortest counts.
#[must_use]
pub fn freshness(cache_control: Option<&str>, age: Option<&str>) -> Option<Duration> {
    let mut shared = None;
    let mut private = None;
    for directive in cache_control.unwrap_or_default().split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let is = |known: &str| name.trim().eq_ignore_ascii_case(known);
        if is("no-store") || is("no-cache") {
            return Some(Duration::ZERO);
        }
        // One isolate serves many clients, so this is a shared cache.
        let slot = match () {
            () if is("s-maxage") => &mut shared,
            () if is("max-age") => &mut private,
            () => continue,
        };
        let seconds = seconds(value.trim().trim_matches('"')).unwrap_or_default();
        *slot = Some(slot.map_or(seconds, |shortest: Duration| shortest.min(seconds)));
    }
    let age = age.map_or(Duration::ZERO, |age| seconds(age.trim()).unwrap_or(Duration::MAX));
    shared.or(private).map(|lifetime| lifetime.saturating_sub(age))
}

/// The pause that a `Retry-After` asks for (RFC 9110 §10.2.3), where it is in seconds; the form with a date is
/// not read.
#[must_use]
pub fn retry_after(value: &str) -> Option<Duration> {
    seconds(value.trim())
}

/// RFC 9111 §1.2.2: digits only; what overflows is very long.
fn seconds(text: &str) -> Option<Duration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_end_of_freshness_counts() {
        for (cache_control, age, expected) in [
            (None, None, None),
            (Some(""), None, None),
            (Some("public"), Some("5"), None),
            (Some("max-age=600"), None, Some(600)),
            (Some("public, Max-Age=600"), Some("100"), Some(500)),
            (Some("max-age=600"), Some("700"), Some(0)),
            (Some("max-age=600"), Some("soon"), Some(0)),
            (Some("max-age=600, max-age=60"), None, Some(60)),
            (Some("s-maxage=30, max-age=600"), None, Some(30)),
            (Some("max-age=600, no-cache"), None, Some(0)),
            (Some("no-store"), None, Some(0)),
            (Some("max-age=\"600\""), None, Some(600)),
            (Some("max-age=-1"), None, Some(0)),
            (Some("max-age="), None, Some(0)),
            (Some("max-age=99999999999999999999"), None, Some(u64::from(u32::MAX))),
            (Some("x-max-age=600"), None, None),
        ] {
            assert_eq!(freshness(cache_control, age), expected.map(Duration::from_secs), "{cache_control:?}");
        }
    }

    #[test]
    fn retry_after_is_in_seconds() {
        assert_eq!(retry_after("120 "), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(retry_after("-1"), None);
    }
}
