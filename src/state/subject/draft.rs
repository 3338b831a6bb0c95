//! [`Draft`]: what a call would write, over what is there.

use alloc::vec::Vec;

use super::PURGED_AT_ONCE;
use super::rows::{Change, Kind, Row, Rows};
use crate::time::UnixMillis;

/// A row's name and its value.
pub type Named = (Vec<u8>, Vec<u8>);

/// The rows as they would be after the operations before this one. Operations that are written always have kinds of
/// their own, so that they never build on what is not written.
#[derive(Debug)]
pub struct Draft<'a, R> {
    rows: &'a mut R,
    now: UnixMillis,
    /// How many operations have begun.
    begun: usize,
    changes: Vec<(usize, Change)>,
}

impl<'a, R: Rows> Draft<'a, R> {
    pub(super) fn new(rows: &'a mut R, now: UnixMillis) -> Self {
        Self { rows, now, begun: 0, changes: Vec::new() }
    }

    /// What is written from now on is the next operation's.
    pub(super) fn begin(&mut self) {
        self.begun += 1;
    }

    /// The changes of those operations, counted from 0, that are to be written.
    pub(super) fn into_changes(self, is_written: impl Fn(usize) -> bool) -> Vec<Change> {
        let written = |(op, change): (usize, Change)| is_written(op.saturating_sub(1)).then_some(change);
        self.changes.into_iter().filter_map(written).collect()
    }

    /// The time in this object.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// The value of a row that has not ended.
    pub fn get(&mut self, kind: Kind, name: &[u8]) -> Result<Option<Vec<u8>>, R::Error> {
        let drafted =
            self.changes.iter().rev().find(|(_, change)| change.kind == kind && change.name == name);
        let row = match drafted {
            Some((_, change)) => change.row.clone(),
            None => self.rows.get(kind, name)?,
        };
        Ok(row.filter(|row| row.until > self.now).map(|row| row.value))
    }

    /// Writes a row, over one of the same name.
    pub fn put(&mut self, kind: Kind, name: &[u8], value: Vec<u8>, until: UnixMillis) {
        self.change(Change { kind, name: name.to_vec(), row: Some(Row { value, until }) });
    }

    /// Removes a row.
    pub fn remove(&mut self, kind: Kind, name: &[u8]) {
        self.change(Change { kind, name: name.to_vec(), row: None });
    }

    fn change(&mut self, change: Change) {
        self.changes.push((self.begun, change));
    }

    /// The rows of a kind that have not ended, by name, from after the row of a name on, at most so many of those that are
    /// stored; without what this call has changed.
    pub fn list_after(&mut self, kind: Kind, after: &[u8], at_most: usize) -> Result<Vec<Named>, R::Error> {
        let now = self.now;
        let rows = self.rows.list(kind, after, at_most)?;
        Ok(rows.into_iter().filter(|(_, row)| row.until > now).map(|(name, row)| (name, row.value)).collect())
    }

    /// Whether there may be another row of a kind, where there may be so many. What has ended makes room.
    pub fn has_room(&mut self, kind: Kind, most: usize) -> Result<bool, R::Error> {
        let drafted = self.changes.iter().filter(|(_, c)| c.kind == kind && c.row.is_some()).count();
        let room = most.saturating_sub(drafted);
        if self.rows.count(kind)? < room {
            return Ok(true);
        }
        self.rows.purge(self.now, PURGED_AT_ONCE)?;
        Ok(self.rows.count(kind)? < room)
    }
}
