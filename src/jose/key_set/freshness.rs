//! How long a response may be kept (RFC 9111 §4.2, §5.2), read towards freshness ending earlier.
//!
//! The gate is a cache that is shared in one way and private in another: what it fetched serves the requests of many
//! clients, so that `s-maxage` is for it; but it fetched it for itself, with nobody's credentials, so that `private`
//! keeps nothing from it. Not implemented: heuristic freshness (§4.2.2; a fixed time stands in for it), validators
//! and conditional requests (§4.3: a key set is small), `Vary` (each fetch of a source is the same request), and the
//! delay of the response (§4.2.3), which the host's time-out bounds to seconds.

use core::time::Duration;

use crate::encoding::http_date;
use crate::time::UnixSeconds;

/// The fields of a response that say how long it may be kept, their lines joined by commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct CachingFields<'a> {
    /// `Cache-Control`.
    pub cache_control: Option<&'a str>,
    /// `Age`.
    pub age: Option<&'a str>,
    /// `Date`.
    pub date: Option<&'a str>,
    /// `Expires`.
    pub expires: Option<&'a str>,
}

/// How a response may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// How long it is fresh from now on; `None` where it does not say.
    pub fresh_for: Option<Duration>,
    /// Whether it may serve past that while its source fails. `must-revalidate`, `proxy-revalidate`, `s-maxage`,
    /// `no-cache` and `no-store` forbid it (RFC 9111 §4.2.4, §5.2.2.10).
    pub may_be_stale: bool,
    /// Whether it may be written to a store. `no-store` forbids it (§5.2.2.5); what stays then is the memory of one
    /// isolate, for the shortest time that counts as fresh, as else each request would cost a fetch.
    pub may_be_stored: bool,
}

impl Default for Freshness {
    /// That of a response that says nothing.
    fn default() -> Self {
        Self { fresh_for: None, may_be_stale: true, may_be_stored: true }
    }
}

impl Freshness {
    /// Fresh for so long, and nothing else said.
    #[must_use]
    pub fn of(fresh_for: Duration) -> Self {
        Self { fresh_for: Some(fresh_for), ..Self::default() }
    }

    /// Reads the fields of a response that was received at `now`.
    ///
    /// `s-maxage` comes before `max-age`, and that before `Expires` (§4.2.1). A lifetime that cannot be read is none
    /// at all; of one given twice the shorter counts. An `Age` or `Date` that cannot be read is passed over (§5.1):
    /// [`MAX_FRESH`](super::MAX_FRESH) bounds what that can cost.
    #[must_use]
    pub fn read(fields: &CachingFields<'_>, now: UnixSeconds) -> Self {
        let directives = Directives::read(fields.cache_control.unwrap_or_default());
        let date = fields.date.and_then(|date| http_date::parse(date.trim(), now));
        let lifetime = directives.s_maxage.or(directives.max_age).or_else(|| {
            // Without a date of its own the response is as old as its arrival (RFC 9110 §6.6.1).
            let until = |expires: &str| http_date::parse(expires.trim(), now);
            fields
                .expires
                .map(|expires| until(expires).map_or(Duration::ZERO, |e| e.since(date.unwrap_or(now))))
        });
        let apparent_age = date.map_or(Duration::ZERO, |date| now.since(date));
        let age = apparent_age.max(fields.age.and_then(age).unwrap_or_default());
        let fresh_for = if directives.no_cache || directives.no_store {
            Some(Duration::ZERO)
        } else {
            lifetime.map(|lifetime| lifetime.saturating_sub(age))
        };
        let demands = directives.revalidate
            || directives.no_cache
            || directives.no_store
            || directives.s_maxage.is_some();
        Self { fresh_for, may_be_stale: !demands, may_be_stored: !directives.no_store }
    }
}

/// The directives that count here.
#[derive(Clone, Copy, Debug, Default)]
struct Directives {
    s_maxage: Option<Duration>,
    max_age: Option<Duration>,
    no_store: bool,
    no_cache: bool,
    revalidate: bool,
}

impl Directives {
    /// RFC 9111 §5.2. A comma inside a quoted string parts nothing: `no-cache="set-cookie, max-age=9"` is one. A quote
    /// that does not end hides nothing.
    fn read(value: &str) -> Self {
        let mut directives = Self::default();
        let quotes_end = value.matches('"').count().is_multiple_of(2);
        let mut quoted = false;
        let is_end = |c: char| {
            quoted ^= quotes_end && c == '"';
            c == ',' && !quoted
        };
        for directive in value.split(is_end) {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            let lifetime = || seconds(argument.trim().trim_matches('"')).unwrap_or_default();
            let shorter = |known: Option<Duration>| Some(known.map_or_else(lifetime, |k| k.min(lifetime())));
            match name.trim().to_ascii_lowercase().as_str() {
                "s-maxage" => directives.s_maxage = shorter(directives.s_maxage),
                "max-age" => directives.max_age = shorter(directives.max_age),
                "no-store" => directives.no_store = true,
                // With names of fields it is about these only (§5.2.2.4), but not all senders mean it so.
                "no-cache" => directives.no_cache = true,
                "must-revalidate" | "proxy-revalidate" => directives.revalidate = true,
                _ => {}
            }
        }
        directives
    }
}

/// RFC 9111 §5.1: of several values the first counts.
fn age(value: &str) -> Option<Duration> {
    seconds(value.split(',').next()?.trim())
}

/// The pause that a `Retry-After` asks for (RFC 9110 §10.2.3), in seconds or until a date.
#[must_use]
pub fn retry_after(value: &str, now: UnixSeconds) -> Option<Duration> {
    let value = value.trim();
    seconds(value).or_else(|| http_date::parse(value, now).map(|date| date.since(now)))
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

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: UnixSeconds = UnixSeconds(784_111_777);

    fn fresh_for(fields: CachingFields<'_>) -> Option<u64> {
        Freshness::read(&fields, NOW).fresh_for.map(|duration| duration.as_secs())
    }

    #[test]
    fn the_earlier_end_of_freshness_counts() {
        for (cache_control, age, expected) in [
            (None, None, None),
            (Some(""), None, None),
            (Some("public"), Some("5"), None),
            (Some("max-age=600"), None, Some(600)),
            (Some("private, max-age=600"), None, Some(600)),
            (Some("public, Max-Age=600"), Some("100"), Some(500)),
            (Some("max-age=600"), Some("700"), Some(0)),
            (Some("max-age=600"), Some("100, 500"), Some(500)),
            (Some("max-age=600"), Some("soon"), Some(600)),
            (Some("max-age=600"), Some("-1"), Some(600)),
            (Some("max-age=600, max-age=60"), None, Some(60)),
            (Some("s-maxage=30, max-age=600"), None, Some(30)),
            (Some("max-age=30, s-maxage=600"), None, Some(600)),
            (Some("max-age=600, no-cache"), None, Some(0)),
            (Some("no-cache=\"set-cookie\", max-age=600"), None, Some(0)),
            (Some("no-store"), None, Some(0)),
            (Some("max-age=600, no-store"), None, Some(0)),
            (Some("max-age=\"600\""), None, Some(600)),
            (Some("x=\"a, max-age=5\", max-age=600"), None, Some(600)),
            (Some("x=\"max-age=600"), None, None),
            (Some("x=\"a, no-store"), None, Some(0)),
            (Some("max-age=-1"), None, Some(0)),
            (Some("max-age=1.5"), None, Some(0)),
            (Some("max-age="), None, Some(0)),
            (Some("max-age"), None, Some(0)),
            (Some("max-age=99999999999999999999"), None, Some(u64::from(u32::MAX))),
            (Some("x-max-age=600"), None, None),
            (Some("max-age=600"), Some("99999999999999999999"), Some(0)),
        ] {
            let fields = CachingFields { cache_control, age, ..Default::default() };
            assert_eq!(fresh_for(fields), expected, "{cache_control:?} {age:?}");
        }
    }

    #[test]
    fn expires_counts_from_date_where_no_directive_says_more() {
        let at = |date, expires| fresh_for(CachingFields { date, expires, ..Default::default() });
        let (now, later) = (Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some("Sun, 06 Nov 1994 08:59:37 GMT"));
        assert_eq!(at(now, later), Some(600));
        assert_eq!(at(None, later), Some(600));
        assert_eq!(at(Some("yesterday"), later), Some(600));
        assert_eq!(at(now, Some("Sunday, 06-Nov-94 08:59:37 GMT")), Some(600));
        assert_eq!(at(now, Some("Sun Nov  6 08:59:37 1994")), Some(600));
        for gone in ["0", "-1", "", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1993 08:49:37 GMT"] {
            assert_eq!(at(now, Some(gone)), Some(0), "{gone}");
        }
        let cache_control = Some("max-age=60");
        let fields = CachingFields { cache_control, date: now, expires: later, age: None };
        assert_eq!(fresh_for(fields), Some(60));
    }

    #[test]
    fn a_response_is_as_old_as_the_older_of_its_age_and_its_date_makes_it() {
        let at = |age, date| {
            let cache_control = Some("max-age=600");
            fresh_for(CachingFields { cache_control, age, date, expires: None })
        };
        let earlier = Some("Sun, 06 Nov 1994 08:44:37 GMT");
        assert_eq!(at(None, earlier), Some(300));
        assert_eq!(at(Some("100"), earlier), Some(300));
        assert_eq!(at(Some("400"), earlier), Some(200));
        assert_eq!(at(None, Some("Sun, 06 Nov 1994 09:49:37 GMT")), Some(600), "a clock ahead");
        let (date, expires) = (earlier, Some("Sun, 06 Nov 1994 08:54:37 GMT"));
        assert_eq!(fresh_for(CachingFields { date, expires, ..Default::default() }), Some(300));
    }

    #[test]
    fn staleness_and_storing_are_forbidden_by_what_forbids_them() {
        for (cache_control, may_be_stale, may_be_stored) in [
            ("", true, true),
            ("public, max-age=600", true, true),
            ("private", true, true),
            ("max-age=600, must-revalidate", false, true),
            ("max-age=600, Proxy-Revalidate", false, true),
            ("s-maxage=600", false, true),
            ("no-cache", false, true),
            ("no-store", false, false),
            ("No-Store, max-age=600", false, false),
        ] {
            let fields = CachingFields { cache_control: Some(cache_control), ..Default::default() };
            let read = Freshness::read(&fields, NOW);
            let found = (read.may_be_stale, read.may_be_stored);
            assert_eq!(found, (may_be_stale, may_be_stored), "{cache_control}");
        }
    }

    #[test]
    fn retry_after_is_in_seconds_or_a_date() {
        let pause = |text| retry_after(text, NOW).map(|pause| pause.as_secs());
        assert_eq!(pause("120 "), Some(120));
        for date in
            ["Sun, 06 Nov 1994 08:51:37 GMT", "Sunday, 06-Nov-94 08:51:37 GMT", "Sun Nov  6 08:51:37 1994"]
        {
            assert_eq!(pause(date), Some(120), "{date}");
        }
        assert_eq!(pause("Sun, 06 Nov 1994 08:40:00 GMT"), Some(0));
        for garbage in ["", "-1", "1.5", "soon", "Sun, 06 Nov 1994", "120, 240"] {
            assert_eq!(pause(garbage), None, "{garbage}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_field_makes_it_panic(text in ".{0,80}", now: i64) {
            let field = Some(text.as_str());
            let fields = CachingFields { cache_control: field, age: field, date: field, expires: field };
            let _ = Freshness::read(&fields, UnixSeconds(now));
            let _ = retry_after(&text, UnixSeconds(now));
        }
    }
}
