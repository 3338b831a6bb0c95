//! Subjects in the memory of one process: for hosts without objects, for tests and for simulators.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::rows::{Change, Kind, Row, Rows};
use super::{Call, Reply, SubjectName, apply};
use crate::time::UnixMillis;

/// There are as many rows as there may be, and none of them has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// The rows of one subject, at most so many.
#[derive(Clone, Debug)]
pub struct MemoryRows {
    capacity: usize,
    latest: UnixMillis,
    rows: BTreeMap<(Kind, Vec<u8>), Row>,
    counts: BTreeMap<Kind, usize>,
    ends: BTreeSet<(UnixMillis, Kind, Vec<u8>)>,
}

impl MemoryRows {
    /// None yet; at most `capacity`.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            latest: UnixMillis(0),
            rows: BTreeMap::new(),
            counts: BTreeMap::new(),
            ends: BTreeSet::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn remove(&mut self, kind: Kind, name: &[u8]) {
        if let Some(row) = self.rows.remove(&(kind, name.to_vec())) {
            self.ends.remove(&(row.until, kind, name.to_vec()));
            self.is_gone(kind);
        }
    }

    fn is_gone(&mut self, kind: Kind) {
        if let Some(count) = self.counts.get_mut(&kind) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Rows for MemoryRows {
    type Error = NoRoom;

    fn get(&mut self, kind: Kind, name: &[u8]) -> Result<Option<Row>, NoRoom> {
        Ok(self.rows.get(&(kind, name.to_vec())).cloned())
    }

    fn count(&mut self, kind: Kind) -> Result<usize, NoRoom> {
        Ok(self.counts.get(&kind).copied().unwrap_or_default())
    }

    fn list(&mut self, kind: Kind, after: &[u8], at_most: usize) -> Result<Vec<(Vec<u8>, Row)>, NoRoom> {
        let rows = self.rows.range((kind, after.to_vec())..).take_while(|((of, _), _)| *of == kind);
        let rows = rows.filter(|((_, name), _)| after.is_empty() || name.as_slice() > after);
        Ok(rows.take(at_most).map(|((_, name), row)| (name.clone(), row.clone())).collect())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), NoRoom> {
        let put = changes.iter().filter(|change| change.row.is_some()).count();
        if self.rows.len() + put > self.capacity {
            self.purge(self.latest, usize::MAX)?;
            if self.rows.len() + put > self.capacity {
                return Err(NoRoom);
            }
        }
        for change in changes {
            self.remove(change.kind, &change.name);
            if let Some(row) = &change.row {
                self.ends.insert((row.until, change.kind, change.name.clone()));
                self.rows.insert((change.kind, change.name.clone()), row.clone());
                *self.counts.entry(change.kind).or_default() += 1;
            }
        }
        Ok(())
    }

    fn advance(&mut self, now: UnixMillis) -> Result<UnixMillis, NoRoom> {
        self.latest = self.latest.max(now);
        Ok(self.latest)
    }

    fn purge(&mut self, now: UnixMillis, at_most: usize) -> Result<usize, NoRoom> {
        let mut purged = 0;
        while purged < at_most
            && let Some((until, _, _)) = self.ends.first()
            && *until <= now
            && let Some((_, kind, name)) = self.ends.pop_first()
        {
            self.rows.remove(&(kind, name));
            self.is_gone(kind);
            purged += 1;
        }
        Ok(purged)
    }

    fn earliest(&mut self) -> Result<Option<UnixMillis>, NoRoom> {
        Ok(self.ends.first().map(|(until, _, _)| *until))
    }
}

/// How often what has ended is looked for: every 10 s, as one look goes through all subjects.
const SWEPT_EVERY: Duration = Duration::from_secs(10);
/// How often where there is no room any more.
const SWEPT_FULL_EVERY: Duration = Duration::from_secs(1);

/// The objects of one process. What they promise holds for this process alone.
#[derive(Clone, Debug)]
pub struct MemorySubjects {
    capacity: usize,
    /// The time in all of them, so that a subject without rows can be forgotten.
    latest: UnixMillis,
    swept_at: UnixMillis,
    count: usize,
    subjects: BTreeMap<SubjectName, MemoryRows>,
}

impl MemorySubjects {
    /// None yet. All together have at most `capacity` rows, each of less than 200 bytes in most cases.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, latest: UnixMillis(0), swept_at: UnixMillis(0), count: 0, subjects: BTreeMap::new() }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the subject's object answers; `None` where there is no room for what it would have to write.
    pub fn answer(&mut self, subject: SubjectName, call: &Call, now: UnixMillis) -> Option<Reply> {
        self.latest = self.latest.max(now);
        let pause = if self.count < self.capacity { SWEPT_EVERY } else { SWEPT_FULL_EVERY };
        if self.latest.since(self.swept_at) >= pause {
            self.sweep();
        }
        let mut rows = self.subjects.remove(&subject).unwrap_or_else(|| MemoryRows::new(0));
        let before = rows.len();
        rows.capacity = before + self.capacity.saturating_sub(self.count);
        let reply = apply(&mut rows, call, self.latest).ok();
        self.count = (self.count + rows.len()).saturating_sub(before);
        if !rows.is_empty() {
            self.subjects.insert(subject, rows);
        }
        reply
    }

    fn sweep(&mut self) {
        let now = self.latest;
        self.swept_at = now;
        self.subjects.retain(|_, rows| {
            // Rows in memory always can be purged.
            let _ = rows.purge(now, usize::MAX);
            !rows.is_empty()
        });
        self.count = self.subjects.values().map(MemoryRows::len).sum();
    }
}
