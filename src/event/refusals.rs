//! Refusals, counted ([`Refusals`]): by whom, for which reason and in which minute.
//!
//! A refusal is not an event; how many there were is. So a flood makes as many events as it has pairs of subject and
//! reason in [`FLUSH_AFTER`], and that many are bounded: [`MAX_COUNTS`] for those who were proven, apart from
//! [`MAX_UNIDENTIFIED`] for all others together, so that nobody without a key pushes out what is counted of those who
//! have one. What finds no room is counted in one sum. Nothing is counted under the name of somebody whom nothing proved.
//!
//! Pure state: a host takes what was counted some seconds after the first ([`Refusals::due`]) and tells it. What an
//! isolate has counted and not told yet goes with it when it ends.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use super::{Event, Subject, id_of};
use crate::reason::Reason;
use crate::time::{UnixMillis, UnixSeconds};

/// How long after the first refusal the counts are told: 10 s. Long enough that a flood is one write in this time, short
/// enough for the 30 s that a host may go on after a response.
pub const FLUSH_AFTER: Duration = Duration::from_secs(10);
/// Most pairs of a proven subject and a reason that are counted apart: 64, as events of 400 bytes are one write of 25 KiB.
pub const MAX_COUNTS: usize = 64;
/// Most reasons that are counted apart where nobody was proven: 32.
pub const MAX_UNIDENTIFIED: usize = 32;
const MINUTE_SECS: i64 = 60;

/// So many refusals of one subject for one reason within a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalCount {
    /// Of whom; [`Subject::Others`] where there was no room to count them apart.
    pub subject: Subject,
    /// Why; `None` for several reasons.
    pub reason: Option<Reason>,
    /// When the minute begins.
    pub minute: UnixSeconds,
    /// How many; at least 1.
    pub count: u64,
    /// When the first was.
    pub first: UnixMillis,
    /// When the last was.
    pub last: UnixMillis,
    /// The decision on the first. No other count begins with it, in no other isolate.
    pub decision: String,
}

impl RefusalCount {
    /// The event's `jti`. What two isolates counted of the same minute are two events.
    #[must_use]
    pub fn id(&self) -> String {
        let [kind, name, detail] = self.subject.parts();
        let minute = alloc::format!("{}", self.minute);
        let code = self.reason.map_or("", Reason::code);
        id_of(&["refusals", kind, name, detail, code, &minute, &self.decision])
    }

    pub(super) fn details(&self) -> Value {
        json!({
            "reason": self.reason.map(Reason::code),
            "count": self.count,
            "minute": self.minute.0,
            "first": self.first.seconds().0,
            "last": self.last.seconds().0,
            "initiating_entity": "policy",
        })
    }
}

#[derive(Clone, Debug)]
struct Count {
    minute: UnixSeconds,
    total: u64,
    first: UnixMillis,
    last: UnixMillis,
    decision: String,
}

impl Count {
    fn new(at: UnixMillis, decision: &str) -> Self {
        Self { minute: minute(at), total: 0, first: at, last: at, decision: decision.into() }
    }

    fn add(&mut self, at: UnixMillis) {
        self.total = self.total.saturating_add(1);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }

    fn event(self, subject: Subject, reason: Option<Reason>) -> Event {
        let Self { minute, total: count, first, last, decision } = self;
        Event::Refusals(RefusalCount { subject, reason, minute, count, first, last, decision })
    }
}

/// What was refused since it was last told.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    counts: BTreeMap<(Subject, Reason, UnixSeconds), Count>,
    /// How many of the counts are of nobody who was proven.
    unidentified: usize,
    others: Option<Count>,
    since: Option<UnixMillis>,
}

impl Refusals {
    /// Counts a refusal. `subject` is who was proven to have sent the request, else [`Subject::Unidentified`].
    pub fn count(&mut self, subject: Subject, reason: Reason, decision: &str, at: UnixMillis) {
        self.since.get_or_insert(at);
        let is_unidentified = subject == Subject::Unidentified;
        let key = (subject, reason, minute(at));
        if let Some(count) = self.counts.get_mut(&key) {
            return count.add(at);
        }
        let identified = self.counts.len() - self.unidentified;
        let has_room =
            if is_unidentified { self.unidentified < MAX_UNIDENTIFIED } else { identified < MAX_COUNTS };
        if has_room {
            self.unidentified += usize::from(is_unidentified);
            self.counts.entry(key).or_insert_with(|| Count::new(at, decision)).add(at);
        } else {
            self.others.get_or_insert_with(|| Count::new(at, decision)).add(at);
        }
    }

    /// How long until the counts should be told; `None` where there are none. Zero where that is overdue.
    #[must_use]
    pub fn due(&self, now: UnixMillis) -> Option<Duration> {
        self.since.map(|since| FLUSH_AFTER.saturating_sub(now.since(since)))
    }

    /// The counts, and begins anew. At most [`MAX_COUNTS`], [`MAX_UNIDENTIFIED`] and one.
    #[must_use]
    pub fn take(&mut self) -> Vec<Event> {
        let Self { counts, others, .. } = core::mem::take(self);
        let others = others.map(|count| count.event(Subject::Others, None));
        counts
            .into_iter()
            .map(|((subject, reason, _), count)| count.event(subject, Some(reason)))
            .chain(others)
            .collect()
    }
}

fn minute(at: UnixMillis) -> UnixSeconds {
    let seconds = at.seconds().0;
    UnixSeconds(seconds - seconds.rem_euclid(MINUTE_SECS))
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;

    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const REASONS: [Reason; 4] =
        [Reason::SignatureInvalid, Reason::PolicyScopeMissing, Reason::TokenExpired, Reason::RateExceeded];

    fn counts(events: &[Event]) -> Vec<RefusalCount> {
        events
            .iter()
            .map(|event| match event {
                Event::Refusals(count) => count.clone(),
                other => panic!("{other:?} is no count"),
            })
            .collect()
    }

    #[test]
    fn a_flood_for_one_reason_is_one_event() {
        let mut refusals = Refusals::default();
        for i in 0..5_000u64 {
            let at = UnixMillis(NOW.0 + i);
            refusals.count(Subject::Unidentified, Reason::SignatureInvalid, &format!("d{i}"), at);
        }
        let told = counts(&refusals.take());
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].count, told[0].decision.as_str()), (5_000, "d0"));
        assert_eq!((told[0].first, told[0].last), (NOW, UnixMillis(NOW.0 + 4_999)));
        assert!(refusals.take().is_empty());
    }

    #[test]
    fn the_unproven_never_take_the_room_of_the_proven() {
        let mut refusals = Refusals::default();
        for (i, reason) in Reason::ALL.iter().enumerate() {
            refusals.count(Subject::Unidentified, *reason, &format!("u{i}"), NOW);
        }
        refusals.count(Subject::Agent("https://a.example".into()), Reason::PolicyScopeMissing, "d", NOW);
        let told = counts(&refusals.take());
        assert_eq!(told.len(), MAX_UNIDENTIFIED + 2);
        assert!(told.iter().any(|count| count.subject == Subject::Agent("https://a.example".into())));
        let others = told.iter().find(|count| count.subject == Subject::Others).unwrap();
        assert_eq!(others.count, u64::try_from(Reason::ALL.len() - MAX_UNIDENTIFIED).unwrap());
    }

    #[test]
    fn two_isolates_counts_of_one_minute_are_two_events() {
        let count = |decision: &str| {
            let mut refusals = Refusals::default();
            refusals.count(Subject::Unidentified, Reason::SignatureInvalid, decision, NOW);
            refusals.take().remove(0).id()
        };
        assert_eq!(count("a"), count("a"));
        assert_ne!(count("a"), count("b"));
    }

    #[test]
    fn each_minute_has_its_own_count() {
        let mut refusals = Refusals::default();
        let next = UnixMillis(NOW.0 + 60_000);
        refusals.count(Subject::Unidentified, Reason::SignatureInvalid, "a", NOW);
        refusals.count(Subject::Unidentified, Reason::SignatureInvalid, "b", next);
        let told = counts(&refusals.take());
        assert_eq!(
            told.iter().map(|count| count.minute.0).collect::<Vec<_>>(),
            [1_699_999_980, 1_700_000_040]
        );
    }

    #[test]
    fn counts_are_due_some_seconds_after_the_first() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.due(NOW), None);
        refusals.count(Subject::Unidentified, Reason::SignatureInvalid, "a", NOW);
        assert_eq!(refusals.due(NOW), Some(FLUSH_AFTER));
        assert_eq!(refusals.due(NOW.plus(Duration::from_secs(4))), Some(Duration::from_secs(6)));
        assert_eq!(refusals.due(NOW.plus(Duration::from_mins(1))), Some(Duration::ZERO));
        let _ = refusals.take();
        assert_eq!(refusals.due(NOW), None);
    }

    proptest! {
        #[test]
        fn counts_sum_up_and_events_are_bounded(
            refused in prop::collection::vec((0usize..200, 0usize..REASONS.len(), 0u64..180_000), 0..600),
        ) {
            let mut refusals = Refusals::default();
            for (i, (who, reason, after)) in refused.iter().enumerate() {
                let subject = match who {
                    0..100 => Subject::Unidentified,
                    who => Subject::Agent(format!("https://a{who}.example")),
                };
                refusals.count(subject, REASONS[*reason], &format!("d{i}"), UnixMillis(NOW.0 + after));
                prop_assert!(refusals.counts.len() <= MAX_COUNTS + MAX_UNIDENTIFIED);
            }
            let told = counts(&refusals.take());
            prop_assert!(told.len() <= MAX_COUNTS + MAX_UNIDENTIFIED + 1);
            prop_assert_eq!(told.iter().map(|count| count.count).sum::<u64>(), u64::try_from(refused.len()).unwrap());
            let ids: BTreeSet<_> = told.iter().map(RefusalCount::id).collect();
            prop_assert_eq!(ids.len(), told.len());
            for count in &told {
                prop_assert!(count.first <= count.last && count.count > 0);
            }
        }
    }
}
