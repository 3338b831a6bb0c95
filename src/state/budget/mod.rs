//! Budgets: a ledger of what subjects may spend, in integer minor units of one currency. Reserve, then commit or release.
//!
//! Before a request goes to the origin its amount is *reserved*; when the origin has answered, the reservation is
//! *committed* (also a lower amount than was reserved: the rest is free again) or *released*. Both count against the
//! budget, so that `committed + held` is never above it, in whatever order requests come and go. Where nobody knows
//! whether the origin did what it was asked for, the money stays *held*: when the origin failed half-way, and when the
//! gate never heard of an end, so that the reservation *expired*. What is held gives itself back by no passing of time:
//! an administrator *reconciles* it, by what the origin's own records say.
//!
//! A reservation has the identifier of its request. Asked again with the same identifier and the same request, the ledger
//! gives the same answer and takes nothing; with another amount or request it refuses. So a lost answer is asked for
//! again, and a release that overtakes its reservation leaves a mark that the reservation finds.
//!
//! | Module | Does |
//! |---|---|
//! | [`account`] | what is spent of one budget by one subject, as a value |
//! | `reservation` | what is set aside for one request, as a value |
//! | `ledger` | the transitions, over the rows of an object |
//! | [`message`] | what gates ask of an object, and its answers |
//! | [`period`] | when days, weeks and months end |
//! | [`admin`] | what administrators ask, and are answered |
//! | [`settlement`] | what an origin's answer means for reservations |
//!
//! Amounts are spent of the period in which they were reserved, however long the origin takes. This module converts no
//! currencies and asks nobody what a budget is: each call brings its [`Terms`].

pub mod account;
pub mod admin;
mod ledger;
pub mod message;
pub mod period;
mod reservation;
pub mod settlement;

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::UnixMillis;

pub use account::Account;
pub use message::{
    AccountTerms, AccountView, AttemptId, Fingerprint, Held, HeldState, Reconcile, Reconciled, ReservationId,
    Reserve, Reserved, Settle, Settled, Show, Spent, Verdict,
};
pub use settlement::{OriginAnswer, Reservations};

/// Most reservations of one account that are not settled: 10,000, some 1 MiB of rows. Beyond it requests are refused, as
/// nothing that is held may be forgotten.
pub const MAX_OPEN: u32 = 10_000;
/// Most ends of reservations that one subject's object remembers: 250,000, some 40 MB, of which those with a client's
/// identifier stay for a day. Beyond it requests are refused, as one that was paid for may not be forgotten.
pub const MAX_ENDED: usize = 250_000;
/// How long it is remembered how a reservation ended whose request has an identifier of the client's own: 24 h. After
/// that the identifier buys anew, and is charged anew.
pub const KEYED_KEPT: Duration = Duration::from_hours(24);
/// How long it is remembered how any other ended: 10 min, in which no message of a gate is still under way.
pub const ENDED_KEPT: Duration = Duration::from_mins(10);
/// The end of time: the last instant that stores of 64-bit integers can keep.
pub const NEVER: UnixMillis = UnixMillis(i64::MAX as u64);

/// What a budget is, as far as its account must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The most that may be spent in a period, in minor units: at most 2^53 − 1.
    pub amount: u64,
    /// The kind of its periods.
    pub period: Period,
    /// When the present one ends; [`NEVER`] where it does not.
    pub ends: UnixMillis,
}

/// In which time a budget may be spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// Once, for ever.
    #[default]
    Total,
    /// In each day, from midnight.
    Day,
    /// In each week, from Monday (ISO 8601).
    Week,
    /// In each month, from the first.
    Month,
}

impl Period {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    fn code(self) -> u8 {
        self as u8
    }

    fn of_code(code: u8) -> Option<Self> {
        [Self::Total, Self::Day, Self::Week, Self::Month].into_iter().find(|period| period.code() == code)
    }
}

/// Why nothing is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is not enough left in this period.
    Exceeded {
        /// When the next period begins.
        #[serde(rename = "at")]
        resets: UnixMillis,
    },
    /// There is not enough left, and no later period will bring as much.
    Exhausted,
    /// The identifier was used for another request, or for another amount.
    Conflict,
    /// The account has too many reservations that are not settled.
    TooMany,
    /// The reservation was released before it came.
    Late,
    /// What is stored of the account, or what was asked, cannot be read.
    Corrupt,
}

/// What is stored cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Takes an encoded value apart.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Corrupt)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u64(&mut self) -> Result<u64, Corrupt> {
        self.take().map(u64::from_be_bytes)
    }

    fn end(self) -> Result<(), Corrupt> {
        if self.0.is_empty() { Ok(()) } else { Err(Corrupt) }
    }
}
