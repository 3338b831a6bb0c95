//! What one isolate holds of limits: leases that it spends without asking, and for how long it need not ask again
//! ([`Leases`]). What the object says to that is in [`take`](super::Bucket).
//!
//! A subject that is seen once costs one call. One that is asked for again within the time of a lease is leased more each
//! time, twice as much as before, and half as much where most of a lease was not used: what an isolate holds follows what
//! it needs. One request asks for a lease at a time; those that come meanwhile take what they cost.
//!
//! Who was refused is refused here until there can be room again, at most for some seconds, as others may give back
//! sooner. Where an isolate is refused more often than not, it asks less and less often, down to once in 1.6 s: with many
//! isolates at one limit most must leave empty-handed, and they shall not bring the object down over it.

use core::time::Duration;

use super::{Give, LimitKey, Outcome, Quota, Take, Taken};
use crate::state::bounded::Bounded;
use crate::state::subject::RequestId;
use crate::time::UnixMillis;

/// For how many subjects of limits an isolate remembers what it holds: 16,384. A lease that is forgotten ends unused.
const SUBJECTS: usize = 16 * 1024;
/// How much the second request of a subject asks to be leased: as much as it costs itself.
const FIRST_LEASE: u32 = 1;
/// Most that is ever asked for; the object gives a quarter of the limit at most.
const LARGEST_LEASE: u32 = 1 << 20;
/// How long others do not ask for a lease while one request does: 2 s, longer than an object takes to answer.
const ASKS_FOR: Duration = Duration::from_secs(2);
/// How long a refusal counts without asking again, at most: 5 s.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// How long an isolate that was refused again waits at least: 25 ms, and twice as long each time. What it is granted
/// takes half of the doublings back, so that one that is alone at a limit hardly waits longer than it must.
const PAUSE: Duration = Duration::from_millis(25);
/// How often that doubles: up to 1.6 s.
const MOST_DOUBLINGS: u32 = 6;

/// How far an isolate's clock may seem to go back: 500 ms, as requests beside each other may see it stand still for a
/// while. It is less than the object takes a lease for open longer.
const CLOCK_LAG: Duration = Duration::from_millis(500);

/// What can be said to a request without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// It was let through from this lease.
    Spent(RequestId, Outcome),
    /// It is refused.
    Refused(Outcome),
    /// The object must be asked.
    Ask,
}

/// What an isolate holds of all limits.
#[derive(Clone, Debug)]
pub struct Leases {
    latest: UnixMillis,
    subjects: Bounded<LimitKey, Held>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    lease: Option<Lease>,
    /// How much was asked for last.
    wanted: u32,
    asked_at: Option<UnixMillis>,
    asking_until: Option<UnixMillis>,
    refused: Option<Refusal>,
    refusals: u32,
    /// What everybody had left when the object was last asked, and when there is as much as at first.
    remaining: u32,
    reset_at: Option<UnixMillis>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    grant: RequestId,
    left: u32,
    spent: u32,
    until: UnixMillis,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// What was refused; something cheaper may have room.
    cost: u32,
    /// Until when nobody need ask.
    until: UnixMillis,
    /// When there is room.
    ends: UnixMillis,
}

impl Default for Leases {
    fn default() -> Self {
        Self { latest: UnixMillis(0), subjects: Bounded::new(SUBJECTS) }
    }
}

impl Leases {
    /// How many subjects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subjects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// What can be said to a request of this cost. What is spent on it and not needed is put back ([`Self::put_back`]).
    pub fn spend(&mut self, limit: LimitKey, cost: u32, now: UnixMillis) -> Local {
        let now = self.advance(now);
        let Some(held) = self.subjects.touch(&limit) else { return Local::Ask };
        if let Some(lease) = held.lease.as_mut().filter(|lease| lease.left >= cost && now < lease.until) {
            lease.left -= cost;
            lease.spent = lease.spent.saturating_add(cost);
            let remaining = held.remaining.saturating_add(lease.left);
            let reset_after = held.reset_at.map_or(Duration::ZERO, |at| at.since(now));
            return Local::Spent(lease.grant, Outcome { allowed: true, remaining, reset_after });
        }
        match held.refused.filter(|refused| now < refused.until && cost >= refused.cost) {
            Some(refused) => {
                let reset_after = refused.ends.since(now);
                Local::Refused(Outcome { allowed: false, remaining: 0, reset_after })
            }
            None => Local::Ask,
        }
    }

    /// Puts back what was spent on a request that was refused by something else, if its lease is still there.
    pub fn put_back(&mut self, limit: LimitKey, grant: RequestId, cost: u32) {
        let held = self.subjects.touch(&limit);
        if let Some(lease) = held.and_then(|held| held.lease.as_mut()).filter(|lease| lease.grant == grant) {
            let cost = cost.min(lease.spent);
            lease.spent -= cost;
            lease.left = lease.left.saturating_add(cost);
        }
    }

    /// What to ask the object for a request of this cost, after what it is told of the lease before.
    pub fn ask(&mut self, limit: LimitKey, quota: Quota, cost: u32, now: UnixMillis) -> (Option<Give>, Take) {
        let now = self.advance(now);
        let mut held = self.subjects.touch(&limit).copied().unwrap_or_default();
        let mut take = Take { limit, quota, cost, lease: 0 };
        // What can still be spent stays, for requests that cost less.
        let ended = held.lease.take_if(|lease| lease.left == 0 || lease.until <= now);
        if let Some(lasts) = quota.lease_for()
            && held.lease.is_none()
            && held.asking_until.is_none_or(|until| until <= now)
        {
            let was_soon = held.asked_at.is_some_and(|at| now.since(at) < lasts);
            let was_wasted = ended.is_some_and(|lease| lease.left > lease.spent);
            held.wanted = match () {
                () if was_wasted => held.wanted / 2,
                () if was_soon => held.wanted.saturating_mul(2).clamp(FIRST_LEASE.max(cost), LARGEST_LEASE),
                () if ended.is_some() => held.wanted,
                () => 0,
            };
            take.lease = held.wanted;
            held.asked_at = Some(now);
            held.asking_until = (take.lease > 0).then(|| now.plus(ASKS_FOR));
        }
        self.subjects.insert(limit, held);
        let give = ended.map(|lease| Give { limit, quota, grant: lease.grant, spent: lease.spent });
        (give, take)
    }

    /// Takes what the object answered to what was asked at `asked_at`. Says what that means for the request, and whether
    /// what it took is part of a lease now, where it can be put back.
    pub fn answered(
        &mut self,
        take: &Take,
        grant: RequestId,
        answer: Taken,
        asked_at: UnixMillis,
        now: UnixMillis,
    ) -> (Outcome, bool) {
        let now = self.advance(now);
        let mut held = self.subjects.touch(&take.limit).copied().unwrap_or_default();
        if take.lease > 0 {
            held.asking_until = None;
        }
        let mut is_leased = false;
        let outcome = match answer {
            Taken::Granted { leased, lasts, remaining, reset } => {
                (held.refused, held.refusals) = (None, held.refusals / 2);
                (held.remaining, held.reset_at) = (remaining, Some(now.plus(Duration::from_millis(reset))));
                let until = asked_at.plus(Duration::from_millis(lasts));
                // Where two leases came at once, the one before ends unused.
                is_leased = leased > 0;
                if is_leased {
                    held.lease = Some(Lease { grant, left: leased, spent: take.cost, until });
                }
                let remaining = remaining.saturating_add(leased);
                Outcome { allowed: true, remaining, reset_after: Duration::from_millis(reset) }
            }
            Taken::Refused { wait } => {
                let wait = Duration::from_millis(wait);
                let doublings = held.refusals.min(MOST_DOUBLINGS);
                let pause = if held.refusals == 0 { Duration::ZERO } else { PAUSE * (1 << doublings) };
                held.refusals = held.refusals.saturating_add(1);
                let until = now.plus(wait.clamp(pause, REFUSED_FOR.max(pause)));
                held.refused = Some(Refusal { cost: take.cost, until, ends: now.plus(wait).max(until) });
                Outcome { allowed: false, remaining: 0, reset_after: wait }
            }
        };
        self.subjects.insert(take.limit, held);
        (outcome, is_leased)
    }

    /// Takes in that the object did not answer, so that the next request asks for a lease again.
    pub fn unanswered(&mut self, take: &Take) {
        if take.lease > 0
            && let Some(held) = self.subjects.touch(&take.limit)
        {
            held.asking_until = None;
        }
    }

    /// The time by which leases end: it never goes back by little. A clock that goes back by more would make leases last
    /// longer than the object takes them to: it ends them all.
    fn advance(&mut self, now: UnixMillis) -> UnixMillis {
        if self.latest.since(now) > CLOCK_LAG {
            *self = Self { latest: now, ..Self::default() };
        }
        self.latest = self.latest.max(now);
        self.latest
    }
}
