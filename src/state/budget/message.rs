//! What gates ask of an object about budgets, and what it answers: each as JSON with members of one letter or two, as it
//! travels with every request. Identifiers and fingerprints are 16 bytes, in base64url. Amounts are at most 2^53 − 1, so
//! that no reader of JSON rounds them.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NEVER, Period, Refusal, Terms};
use crate::crypto::sha256_parts;
use crate::encoding::base64url;
use crate::time::UnixMillis;

/// What names a reservation: a digest of what the client calls its request, or of the decision about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(pub [u8; 16]);

/// The decision that reserves: the bits of its ULID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub [u8; 16]);

/// A digest of everything that must be the same where a request comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl ReservationId {
    /// The identifier of the named parts. No two lists of parts run together.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        Self(digest(parts))
    }

    /// The identifier as text.
    #[must_use]
    pub fn to_text(self) -> String {
        base64url::encode(&self.0)
    }

    /// Reads an identifier; `None` where the text is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        base64url::decode_array(text).ok().map(Self)
    }
}

impl AttemptId {
    /// That of a decision; `None` where the text is no ULID.
    #[must_use]
    pub fn of_decision(id: &str) -> Option<Self> {
        crate::engine::ulid_bits(id).map(|bits| Self(bits.to_be_bytes()))
    }

    /// The decision's identifier.
    #[must_use]
    pub fn decision(self) -> String {
        crate::engine::ulid_text(u128::from_be_bytes(self.0))
    }
}

impl Fingerprint {
    /// That of the named parts.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        Self(digest(parts))
    }
}

fn digest(parts: &[&str]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(sha256_parts(parts)).for_each(|(to, from)| *to = from);
    half
}

macro_rules! as_base64url {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&base64url::encode(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                base64url::decode_array(&text).map(Self).map_err(D::Error::custom)
            }
        }
    )+};
}

as_base64url!(ReservationId, AttemptId, Fingerprint);

/// Which account of an object is meant, and what its budget is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccountTerms {
    /// The budget's name and its currency: the same name in another currency is another account.
    #[serde(rename = "b")]
    pub account: String,
    /// The most that may be spent in a period.
    #[serde(rename = "m")]
    pub amount: u64,
    /// The kind of the periods.
    #[serde(rename = "p")]
    pub period: Period,
    /// When the present one ends; absent where it does not.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<UnixMillis>,
}

impl AccountTerms {
    /// Those of an account of this name.
    #[must_use]
    pub fn new(account: String, terms: &Terms) -> Self {
        let ends = (terms.ends != NEVER).then_some(terms.ends);
        Self { account, amount: terms.amount, period: terms.period, ends }
    }

    /// What the ledger must know.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms { amount: self.amount, period: self.period, ends: self.ends.unwrap_or(NEVER) }
    }
}

/// Asks to set an amount aside.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// Of which account.
    #[serde(rename = "of")]
    pub of: AccountTerms,
    /// For which request.
    #[serde(rename = "r")]
    pub request: ReservationId,
    /// By which decision.
    #[serde(rename = "d")]
    pub attempt: AttemptId,
    /// What the request asks for.
    #[serde(rename = "f")]
    pub fingerprint: Fingerprint,
    /// How much, in minor units.
    #[serde(rename = "a")]
    pub amount: u64,
    /// After how many milliseconds nobody can tell any more whether the origin will answer.
    #[serde(rename = "l")]
    pub lifetime: u64,
    /// Whether the request's identifier is the client's own, so that it may come again by another decision.
    #[serde(rename = "k", default, skip_serializing_if = "core::ops::Not::not")]
    pub keyed: bool,
}

/// What the ledger says to [`Reserve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reserved {
    /// The amount is set aside, for this attempt.
    Accepted {
        /// How much can still be reserved.
        #[serde(rename = "left")]
        remaining: u64,
    },
    /// Another attempt at the same request has it set aside, or spent it. Nothing was taken.
    Joined {
        /// How much can still be reserved.
        #[serde(rename = "left")]
        remaining: u64,
    },
    /// Nothing was taken.
    Refused(Refusal),
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The origin did it: so much was spent, or as much as was reserved.
    Commit(Option<u64>),
    /// It did not.
    Release,
    /// Nobody knows.
    Hold,
}

/// Tells the ledger what became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// Of which account.
    #[serde(rename = "b")]
    pub account: String,
    /// Which request.
    #[serde(rename = "r")]
    pub request: ReservationId,
    /// By which decision it was reserved.
    #[serde(rename = "d")]
    pub attempt: AttemptId,
    /// What became of it.
    #[serde(rename = "v")]
    pub verdict: Verdict,
}

/// How a reservation stands after [`Settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// So much was spent.
    Committed(u64),
    /// Nothing was.
    Released,
    /// The amount stays held.
    Held,
    /// There is no such reservation.
    Unknown,
    /// What is stored cannot be read.
    Corrupt,
}

/// Asks how an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// Which account.
    #[serde(rename = "of")]
    pub of: AccountTerms,
    /// After which reservation the list of those that are not settled begins.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ReservationId>,
}

/// How an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccountView {
    /// What was spent in this period.
    pub committed: u64,
    /// What is set aside in this period for requests that are under way.
    pub reserved: u64,
    /// What is held in this period until an administrator reconciles it.
    pub held: u64,
    /// What is set aside or held of earlier periods.
    pub earlier: u64,
    /// What can still be reserved.
    pub remaining: u64,
    /// When the period ends; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets: Option<UnixMillis>,
    /// How many reservations are not settled.
    pub open: u32,
    /// Some of them, in the order of their identifiers.
    pub reservations: Vec<Held>,
}

/// How a reservation stands that is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldState {
    /// The request is under way.
    Reserved,
    /// The origin failed, so that nobody knows what it did.
    Held,
    /// The gate never told how it ended.
    ExpiredHeld,
}

/// A reservation that is not settled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its identifier.
    pub reservation: ReservationId,
    /// The decision that made it.
    pub decision: String,
    /// How much, in minor units.
    pub amount: u64,
    /// How it stands.
    pub state: HeldState,
    /// When it was made.
    pub made: UnixMillis,
    /// When it expires, or has.
    pub expires: UnixMillis,
}

/// An administrator's word on a reservation that is held.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// Of which account.
    #[serde(rename = "b")]
    pub account: String,
    /// Which reservation.
    #[serde(rename = "r")]
    pub request: ReservationId,
    /// What was spent.
    #[serde(rename = "v")]
    pub spent: Spent,
}

/// What was spent of what was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spent {
    /// All of it.
    All,
    /// So much.
    Amount(u64),
    /// Nothing: it is released.
    Nothing,
}

/// What the ledger says to [`Reconcile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reconciled {
    /// It is settled.
    Done {
        /// So much had been held.
        reserved: u64,
        /// So much of it was spent.
        committed: u64,
    },
    /// There is no such reservation, or it is settled already.
    NotFound,
    /// The request is under way, and the gate may yet tell how it ends.
    UnderWay,
    /// More was spent than was reserved.
    AboveReserved,
    /// What is stored cannot be read.
    Corrupt,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_refused() {
        let id = "AAAAAAAAAAAAAAAAAAAAAA";
        let reserve = alloc::format!(
            r#"{{"of":{{"b":"a/EUR","m":1,"p":"day","e":5}},"r":"{id}","d":"{id}","f":"{id}","a":1,"l":9}}"#
        );
        let read = |text: &str| serde_json::from_str::<Reserve>(text).is_ok();
        assert!(read(&reserve));
        for (good, bad) in [
            (id, "AAAA"),
            ("\"a\":1", "\"a\":-1"),
            ("\"a\":1", "\"a\":1.5"),
            ("\"a\":1", "\"a\":\"1\""),
            ("\"p\":\"day\"", "\"p\":\"year\""),
            ("\"b\":\"a/EUR\",", ""),
            ("\"l\":9", "\"l\":9,\"x\":1"),
        ] {
            assert!(!read(&reserve.replace(good, bad)), "{bad}");
        }
    }

    #[test]
    fn messages_are_short_and_come_back() {
        let of =
            AccountTerms::new("day/EUR".into(), &Terms { amount: 5, period: Period::Total, ends: NEVER });
        assert_eq!(of.terms().ends, NEVER);
        let reserve = Reserve {
            of,
            request: ReservationId([1; 16]),
            attempt: AttemptId([2; 16]),
            fingerprint: Fingerprint([3; 16]),
            amount: 4,
            lifetime: 5,
            keyed: false,
        };
        let text = serde_json::to_string(&reserve).unwrap();
        assert!(text.len() < 170, "{text}");
        assert_eq!(serde_json::from_str::<Reserve>(&text).unwrap(), reserve);
        for reserved in [
            Reserved::Accepted { remaining: 1 },
            Reserved::Joined { remaining: 0 },
            Reserved::Refused(Refusal::Exceeded { resets: UnixMillis(7) }),
            Reserved::Refused(Refusal::Late),
        ] {
            let text = serde_json::to_string(&reserved).unwrap();
            assert_eq!(serde_json::from_str::<Reserved>(&text).unwrap(), reserved, "{text}");
        }
    }
}
