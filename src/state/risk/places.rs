//! Where a subject comes from: a small set of networks and countries, and the last place.
//!
//! Agents live in clouds, so that neither a move nor a second region says much by itself: what is new adds points once,
//! and only after the subject was learnt; that a new network is used *while* one that is known is in use, as when a
//! credential was copied, adds points with each request.

use crate::client::Place;
use crate::time::UnixMillis;

/// How many networks, and how many countries, are remembered: what was used the longest ago is forgotten.
pub(super) const REMEMBERED: usize = 8;

/// Another network counts as in use at once if it was used within this time: two minutes.
const AT_ONCE_MILLIS: u64 = 120_000;

/// Somewhere that a subject came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: u32,
    /// When it was seen first and last; both are zero in an empty slot.
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What is remembered of networks, or of countries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Remembered(pub(super) [Known; REMEMBERED]);

/// What a sighting says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// It was not remembered, and others were.
    pub(super) is_unknown: bool,
    /// When it was seen first.
    pub(super) first: u64,
    /// Whether another one that was known before it is in use at the same time.
    pub(super) is_at_once: bool,
}

impl Remembered {
    /// Takes in that `name` was seen.
    pub(super) fn see(&mut self, name: u32, now: UnixMillis) -> Sighting {
        let now = now.0.max(1);
        let is_empty = self.0.iter().all(|known| known.last == 0);
        let own = self.0.iter().position(|known| known.last > 0 && known.name == name);
        let first = own.and_then(|i| self.0.get(i)).map_or(now, |known| known.first);
        let in_use = |known: &Known| known.name != name && now.saturating_sub(known.last) <= AT_ONCE_MILLIS;
        let is_at_once = self.0.iter().any(|known| known.last > 0 && known.first < first && in_use(known));
        let oldest = || self.0.iter().enumerate().min_by_key(|(_, known)| known.last).map(|(i, _)| i);
        if let Some(slot) = own.or_else(oldest).and_then(|i| self.0.get_mut(i)) {
            *slot = Known { name, first, last: now.max(slot.last) };
        }
        Sighting { is_unknown: own.is_none() && !is_empty, first, is_at_once }
    }
}

/// The distance between two places in km, on a plane that is bent as the Earth is between their latitudes: exact to a
/// few percent for neighbours, too long by up to a half across the poles.
pub(super) fn distance(a: Place, b: Place) -> u64 {
    let (a_lat, b_lat) = (i64::from(a.latitude()), i64::from(b.latitude()));
    let apart = (i64::from(a.longitude()) - i64::from(b.longitude())).abs();
    let apart = apart.min(360 - apart);
    // Bhaskara's approximation of the cosine, in thousandths, of the latitude in the middle (in half degrees).
    let middle = (a_lat + b_lat).pow(2);
    let cosine = 1000 * (32_400 - middle) / (32_400 + middle / 4);
    // A degree is 111 km.
    let north = (a_lat - b_lat) * 111;
    let east = apart * 111 * cosine.max(0) / 1000;
    u64::try_from(north.pow(2) + east.pow(2)).unwrap_or_default().isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixMillis {
        UnixMillis(1_700_000_000_000 + secs * 1000)
    }

    #[test]
    fn the_first_is_not_unknown_and_others_are_once() {
        let mut set = Remembered::default();
        assert!(!set.see(1, at(0)).is_unknown);
        assert!(!set.see(1, at(1)).is_unknown);
        assert!(set.see(2, at(2)).is_unknown);
        assert!(!set.see(2, at(3)).is_unknown);
        assert_eq!(set.see(2, at(3)).first, at(2).0);
    }

    #[test]
    fn the_newer_of_two_in_use_is_there_at_once() {
        let mut set = Remembered::default();
        assert!(!set.see(1, at(0)).is_at_once);
        assert!(set.see(2, at(1)).is_at_once);
        assert!(!set.see(1, at(2)).is_at_once, "the elder is at home");
        assert!(set.see(2, at(50)).is_at_once);
        assert!(!set.see(2, at(300)).is_at_once, "it has moved");
    }

    #[test]
    fn what_was_used_the_longest_ago_is_forgotten() {
        let mut set = Remembered::default();
        for name in 0..9 {
            set.see(name, at(u64::from(name)));
        }
        assert!(!set.see(8, at(20)).is_unknown);
        assert!(set.see(0, at(21)).is_unknown);
        assert!(!set.see(2, at(22)).is_unknown);
    }

    #[test]
    fn distances_are_about_those_on_earth() {
        let place = |latitude, longitude| Place::new(latitude, longitude).unwrap();
        let (frankfurt, virginia, sydney) = (place(50.1, 8.7), place(39.0, -77.5), place(-33.9, 151.2));
        for (a, b, km) in [
            (frankfurt, frankfurt, 0),
            (frankfurt, place(48.9, 2.3), 480),
            (frankfurt, virginia, 6_600),
            (virginia, sydney, 15_700),
            (place(0.0, 179.0), place(0.0, -179.0), 222),
        ] {
            let found = distance(a, b);
            assert_eq!(found, distance(b, a));
            assert!(found.abs_diff(km) <= km / 4 + 60, "{km}: {found}");
        }
        assert_eq!(distance(place(90.0, 0.0), place(90.0, 180.0)), 0);
    }
}
