//! A limit in the object of its subject: exact, and leased to isolates in parts ([`Bucket`]).
//!
//! # What is guaranteed
//!
//! Over any stretch of time, wherever it begins, all isolates together let through at most `burst` and what `limit` a
//! `window` refills in it: what a single [`Gcra`](super::Gcra) would. Leases take nothing from that, also where they are
//! used at their very end, where replies are lost, and where isolates die:
//!
//! The bucket holds what was let through and has not drained yet, and what is leased; both together never exceed
//! `burst`. What is leased does not drain. It begins to when the isolate says what it has used ([`Give`]), all at that
//! instant, or when the lease ends, and then as if all of it had been used. So what an isolate lets through at the last
//! moment of a lease was in the bucket all the time, and no stretch has both it and a refill that was made of it. An
//! isolate counts a lease from when it asked and the object from when it answered, and [`SPARE`] longer: clocks may
//! differ as they like, as long as they go at the same speed.
//!
//! The price is the other way: while others hold leases that they do not use, a request may be refused early.
//!
//! A request that takes something and then is refused by something else gives back what has not drained meanwhile.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bytes, LimitKey, NANOS_PER_MILLI, Quota, ceil_millis};
use crate::state::subject::{Draft, Kind, RequestId, Rows};
use crate::time::UnixMillis;

/// How much longer than the isolate an object takes a lease for open: 1 s, several times what a request waits for a
/// reply and what a clock may stand still while it computes.
pub(super) const SPARE: Duration = Duration::from_secs(1);
/// How long what was taken can be given back: 5 s, in which its request is decided.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(5);
/// Most grants that an object remembers for one limit: 24, or 900 bytes. Where all of them are leases nothing more is
/// leased; else the oldest one can no longer be given back.
pub const MAX_GRANTS: usize = 24;
/// The version of a row's form.
const VERSION: u8 = 1;

/// Takes something from a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// Which limit, with its subject.
    #[serde(rename = "n")]
    pub limit: LimitKey,
    /// How much it permits.
    #[serde(rename = "q")]
    pub quota: Quota,
    /// What the request costs; at least 1.
    #[serde(rename = "c")]
    pub cost: u32,
    /// How much more the isolate would like to have for the requests after it.
    #[serde(rename = "l")]
    pub lease: u32,
}

/// What an object says to a [`Take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Taken {
    /// It was taken.
    Granted {
        /// How much more may be let through without asking. Where this is not 0, the cost is part of the lease.
        #[serde(rename = "l")]
        leased: u32,
        /// For how many milliseconds from the asking on.
        #[serde(rename = "f")]
        lasts: u64,
        /// How much is left to everybody.
        #[serde(rename = "r")]
        remaining: u32,
        /// In how many milliseconds there is as much as at first.
        #[serde(rename = "t")]
        reset: u64,
    },
    /// There is not as much now.
    Refused {
        /// In how many milliseconds there is, if nothing comes in between.
        #[serde(rename = "w")]
        wait: u64,
    },
}

/// Says what was used of a grant; the rest goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Give {
    /// Which limit, with its subject.
    #[serde(rename = "n")]
    pub limit: LimitKey,
    /// How much it permits.
    #[serde(rename = "q")]
    pub quota: Quota,
    /// The request that was granted it.
    #[serde(rename = "i")]
    pub grant: RequestId,
    /// How much of it was used.
    #[serde(rename = "s")]
    pub spent: u32,
}

impl Take {
    /// Takes it, or says when to come back. Whoever asks again about the same request is told the same and takes nothing
    /// more.
    pub(in crate::state) fn judge<R: Rows>(
        &self,
        request: RequestId,
        draft: &mut Draft<'_, R>,
    ) -> Result<Option<Taken>, R::Error> {
        let now = draft.now();
        let Some(mut bucket) = Bucket::stored(draft.get(Kind::Rate, self.limit.as_bytes())?) else {
            return Ok(None);
        };
        let taken = bucket.take(self.quota, self.cost.max(1), self.lease, request, now);
        if matches!(taken, Taken::Granted { .. }) {
            draft.put(Kind::Rate, self.limit.as_bytes(), bucket.to_bytes(), bucket.ends(self.quota));
        }
        Ok(Some(taken))
    }
}

impl Give {
    /// Gives it back. It is written whatever else its call asks for, so that in a call it comes before every [`Take`] of
    /// the same limit. What is not known any more is passed over.
    pub(in crate::state) fn judge<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<(), R::Error> {
        let now = draft.now();
        let stored = draft.get(Kind::Rate, self.limit.as_bytes())?;
        if stored.is_some()
            && let Some(mut bucket) = Bucket::stored(stored)
            && bucket.give(self.quota, self.grant, self.spent, now)
        {
            draft.put(Kind::Rate, self.limit.as_bytes(), bucket.to_bytes(), bucket.ends(self.quota));
        }
        Ok(())
    }
}

/// The state of a limit for one subject, for all isolates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When everything has drained that was let through, in nanoseconds since 1970.
    drained: u64,
    grants: Vec<Grant>,
}

/// Something that was granted to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grant {
    request: RequestId,
    tokens: u32,
    /// Until when it is remembered.
    until: UnixMillis,
    /// When it has drained, in nanoseconds since 1970; `None` for a lease, which does not.
    drained: Option<u64>,
}

impl Bucket {
    /// Takes `cost`, and leases up to `lease` more to whoever asks.
    pub fn take(
        &mut self,
        quota: Quota,
        cost: u32,
        lease: u32,
        request: RequestId,
        now: UnixMillis,
    ) -> Taken {
        self.forget(quota, now);
        if let Some(grant) = self.grants.iter().find(|grant| grant.request == request) {
            let leased = if grant.drained.is_none() { grant.tokens.saturating_sub(cost) } else { 0 };
            return self.granted(quota, leased, now);
        }
        let (needed, room) = (quota.nanos(cost), self.room(quota, now));
        if needed > room {
            let wait = self.wait(quota, needed, now);
            return Taken::Refused { wait: wait.div_ceil(NANOS_PER_MILLI).max(1) };
        }
        if let Some((leased, lasts)) = self.leasable(quota, cost, lease, room - needed) {
            let until = now.plus(lasts).plus(SPARE);
            let tokens = cost.saturating_add(leased);
            self.grants.push(Grant { request, tokens, until, drained: None });
            self.granted(quota, leased, now)
        } else {
            self.drained = self.drained.max(nanos(now)).saturating_add(needed);
            self.remember(Grant {
                request,
                tokens: cost,
                until: now.plus(GIVEN_BACK_WITHIN),
                drained: Some(self.drained),
            });
            self.granted(quota, 0, now)
        }
    }

    /// Takes back what was not used of a grant, if it is remembered.
    pub fn give(&mut self, quota: Quota, request: RequestId, spent: u32, now: UnixMillis) -> bool {
        self.forget(quota, now);
        let Some(place) = self.grants.iter().position(|grant| grant.request == request) else { return false };
        let grant = self.grants.remove(place);
        let spent = spent.min(grant.tokens);
        match grant.drained {
            None => self.drained = self.drained.max(nanos(now)).saturating_add(quota.nanos(spent)),
            Some(drained) => {
                // What has drained already made room for others.
                let left = drained.saturating_sub(nanos(now));
                let back = quota.nanos(grant.tokens - spent).min(left);
                self.drained = self.drained.saturating_sub(back);
                for later in &mut self.grants {
                    later.drained = later.drained.map(|end| if end > drained { end - back } else { end });
                }
            }
        }
        true
    }

    /// How much is left to everybody.
    #[must_use]
    pub fn remaining(&self, quota: Quota, now: UnixMillis) -> u32 {
        quota.tokens(self.room(quota, now))
    }

    /// Lets go of what has ended: a lease begins to drain then.
    fn forget(&mut self, quota: Quota, now: UnixMillis) {
        let mut ended: Vec<Grant> = self.grants.iter().filter(|grant| grant.until <= now).copied().collect();
        self.grants.retain(|grant| grant.until > now);
        ended.sort_unstable_by_key(|grant| grant.until);
        for lease in ended.iter().filter(|grant| grant.drained.is_none()) {
            self.drained = self.drained.max(nanos(lease.until)).saturating_add(quota.nanos(lease.tokens));
        }
    }

    fn remember(&mut self, grant: Grant) {
        if self.grants.len() >= MAX_GRANTS {
            match self.grants.iter().position(|grant| grant.drained.is_some()) {
                Some(oldest) => drop(self.grants.remove(oldest)),
                None => return,
            }
        }
        self.grants.push(grant);
    }

    fn leased(&self, quota: Quota) -> u64 {
        let leases = self.grants.iter().filter(|grant| grant.drained.is_none());
        leases.fold(0u64, |sum, lease| sum.saturating_add(quota.nanos(lease.tokens)))
    }

    /// What is in the bucket.
    fn level(&self, quota: Quota, now: UnixMillis) -> u64 {
        self.drained.saturating_sub(nanos(now)).saturating_add(self.leased(quota))
    }

    fn room(&self, quota: Quota, now: UnixMillis) -> u64 {
        quota.nanos(quota.burst).saturating_sub(self.level(quota, now))
    }

    /// How much more is leased, and for how long: never more than a quarter of the limit to one isolate, nor than a
    /// quarter of what is left, so that something is left to the next ones. Where less than half is left, nothing: many
    /// want it then, and what one of them does not spend would be lost to all.
    fn leasable(&self, quota: Quota, cost: u32, wanted: u32, left: u64) -> Option<(u32, Duration)> {
        let lasts = quota.lease_for()?;
        let most = quota.most_leased().saturating_sub(cost).min(quota.tokens(left) / 4);
        let leased = wanted.min(most);
        let is_plenty = left >= quota.nanos(quota.burst) / 2;
        (self.grants.len() < MAX_GRANTS && is_plenty && leased >= cost).then_some((leased, lasts))
    }

    fn granted(&self, quota: Quota, leased: u32, now: UnixMillis) -> Taken {
        let lasts = if leased == 0 { Duration::ZERO } else { quota.lease_for().unwrap_or_default() };
        Taken::Granted {
            leased,
            lasts: u64::try_from(lasts.as_millis()).unwrap_or(0),
            remaining: self.remaining(quota, now),
            reset: self.level(quota, now).div_ceil(NANOS_PER_MILLI),
        }
    }

    /// In how many nanoseconds there is room for so much, if nobody gives anything back: draining goes on, and leases end.
    fn wait(&self, quota: Quota, needed: u64, now: UnixMillis) -> u64 {
        let Some(target) = quota.nanos(quota.burst).checked_sub(needed) else { return u64::MAX };
        let (mut at, mut drained, mut level) =
            (nanos(now), self.drained.max(nanos(now)), self.level(quota, now));
        let mut leases: Vec<_> = self.grants.iter().filter(|grant| grant.drained.is_none()).collect();
        leases.sort_unstable_by_key(|grant| grant.until);
        for lease in leases {
            let end = nanos(lease.until);
            let drains = drained.min(end).saturating_sub(at);
            if level.saturating_sub(drains) <= target {
                break;
            }
            level = level.saturating_sub(drains);
            (at, drained) = (end, drained.max(end).saturating_add(quota.nanos(lease.tokens)));
        }
        at.saturating_add(level.saturating_sub(target)).saturating_sub(nanos(now))
    }

    /// When nothing is left of it, leases that end unused included.
    #[must_use]
    pub fn ends(&self, quota: Quota) -> UnixMillis {
        let last = self.grants.iter().map(|grant| grant.until).max().unwrap_or(UnixMillis(0));
        let mut ended = self.clone();
        ended.forget(quota, last);
        ceil_millis(ended.drained).max(last)
    }

    /// The bucket of a row, or an empty one where there is no row; `None` where the row cannot be read.
    fn stored(row: Option<Vec<u8>>) -> Option<Self> {
        row.map_or_else(|| Some(Self::default()), |bytes| Self::from_bytes(&bytes))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::from([VERSION]);
        bytes.extend_from_slice(&self.drained.to_be_bytes());
        for grant in &self.grants {
            bytes.extend_from_slice(grant.request.as_bytes());
            bytes.extend_from_slice(&grant.tokens.to_be_bytes());
            bytes.extend_from_slice(&grant.until.0.to_be_bytes());
            bytes.extend_from_slice(&grant.drained.unwrap_or(0).to_be_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        let mut bytes = Bytes(bytes);
        let mut bucket = Self { drained: bytes.u64().filter(|_| *version == VERSION)?, grants: Vec::new() };
        while !bytes.0.is_empty() {
            bucket.grants.push(Grant {
                request: RequestId::from_bytes(bytes.array()?),
                tokens: bytes.u32()?,
                until: UnixMillis(bytes.u64()?),
                drained: bytes.u64().map(|end| (end != 0).then_some(end))?,
            });
        }
        (bucket.grants.len() <= MAX_GRANTS).then_some(bucket)
    }
}

fn nanos(at: UnixMillis) -> u64 {
    at.0.saturating_mul(NANOS_PER_MILLI)
}
