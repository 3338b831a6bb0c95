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
