//! [`Rows`]: where an object keeps its state. One generic table with an expiry, whatever is kept in it.

use alloc::vec::Vec;

use crate::time::UnixMillis;

/// What a row is of. The numbers are stored: none is ever given to another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A proof that was accepted.
    Replay = 1,
    /// A limit.
    Rate = 2,
    /// What a subject has spent of a budget.
    BudgetAccount = 16,
    /// What is set aside of a budget for a request.
    BudgetReservation = 17,
    /// How a reservation ended.
    BudgetEnded = 18,
    /// The risk of the subject.
    Risk = 6,
    /// A refused request that its risk has counted.
    RiskMark = 7,
}

impl Kind {
    /// The number that is stored.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// What a row has besides its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The value, in the form of its kind; the first byte is the form's version.
    pub value: Vec<u8>,
    /// From when on it is as if it were not there.
    pub until: UnixMillis,
}

/// A row to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is of.
    pub kind: Kind,
    /// Its name among those of its kind.
    pub name: Vec<u8>,
    /// What it becomes; `None` removes it.
    pub row: Option<Row>,
}

/// The rows of one subject. Only one caller at a time uses them.
pub trait Rows {
    /// Why they cannot be read or written.
    type Error;

    /// The row of that name, also one that has ended and was not purged yet.
    fn get(&mut self, kind: Kind, name: &[u8]) -> Result<Option<Row>, Self::Error>;

    /// How many rows of a kind there are; rather too many than too few, and exactly after [`Rows::purge`].
    fn count(&mut self, kind: Kind) -> Result<usize, Self::Error>;

    /// The rows of a kind, by name, from after `after` on, at most so many; also those that have ended.
    fn list(&mut self, kind: Kind, after: &[u8], at_most: usize) -> Result<Vec<(Vec<u8>, Row)>, Self::Error>;

    /// Writes all of these, in order, or none.
    fn commit(&mut self, changes: &[Change]) -> Result<(), Self::Error>;

    /// The latest time that was ever given, this one included. Where rows outlive the memory of their host, that time is
    /// stored with them, to some seconds.
    fn advance(&mut self, now: UnixMillis) -> Result<UnixMillis, Self::Error>;

    /// Removes rows that ended at `now` or before, the earliest first, at most so many, and says how many. That time is
    /// stored: what was removed must not be taken for new by a clock that is set back.
    fn purge(&mut self, now: UnixMillis, at_most: usize) -> Result<usize, Self::Error>;

    /// When the first row ends.
    fn earliest(&mut self) -> Result<Option<UnixMillis>, Self::Error>;
}
