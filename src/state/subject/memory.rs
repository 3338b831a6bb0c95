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

    /// How many there would be with these changes. Over what is there nothing grows.
    fn len_after(&self, changes: &[Change]) -> usize {
        let is_there: BTreeMap<_, _> =
            changes.iter().map(|change| ((change.kind, change.name.clone()), change.row.is_some())).collect();
        let count = |wanted: bool| {
            let changed = is_there.iter().filter(|(_, is_put)| **is_put == wanted);
            changed.filter(|(key, _)| self.rows.contains_key(*key) != wanted).count()
        };
        (self.rows.len() + count(true)).saturating_sub(count(false))
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
        if self.len_after(changes) > self.capacity.max(self.rows.len()) {
            self.purge(self.latest, usize::MAX)?;
            if self.len_after(changes) > self.capacity.max(self.rows.len()) {
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

/// One subject has at most this part of all rows, an eighth, and more than a few only while a tenth of all is free: what
/// one does leaves room for the others.
const SHARE: usize = 8;
const RESERVED: usize = 10;
/// How many rows a subject may have in what is reserved: 64.
const FEW: usize = 64;

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
        let free = self.capacity.saturating_sub(self.count);
        let unreserved = free.saturating_sub(self.capacity / RESERVED);
        let shared = (before + unreserved).min((self.capacity / SHARE).max(1));
        rows.capacity = shared.max((before + free).min(FEW));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::replay;
    use crate::state::subject::{Op, OpReply, RequestId, SubjectKind};
    use std::string::ToString;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    /// The proof with this number, made with this key.
    fn prove(subjects: &mut MemorySubjects, key: &str, number: usize) -> Option<replay::Answer> {
        let number = number.to_string();
        let ask = replay::Ask {
            key: replay::ReplayKey::new(&[key, &number]),
            until: NOW.plus(Duration::from_mins(1)),
        };
        let call = Call::new(RequestId::new(&number), Vec::from([Op::Replay(ask)]));
        let reply = subjects.answer(SubjectName::new(SubjectKind::Key, &[key]), &call, NOW)?;
        match reply.answers.first() {
            Some(OpReply::Replay(answer)) => Some(*answer),
            _ => None,
        }
    }

    #[test]
    fn the_proofs_of_some_keys_shut_out_no_others() {
        let mut subjects = MemorySubjects::new(8_000);
        let passed = |subjects: &mut MemorySubjects, key: &str| {
            (0..2_000).filter(|n| prove(subjects, key, *n).is_some()).count()
        };
        assert_eq!(passed(&mut subjects, "greedy"), 1_000, "an eighth");
        for key in ["1", "2", "3", "4", "5", "6", "7", "8", "9"] {
            passed(&mut subjects, key);
        }
        assert!(subjects.len() < 8_000);
        assert_eq!(prove(&mut subjects, "modest", 1), Some(replay::Answer::New));
        assert_eq!(prove(&mut subjects, "modest", 1), Some(replay::Answer::Seen));
    }

    #[test]
    fn what_is_there_is_changed_also_without_room() {
        let change = |name: u8, is_put: bool| Change {
            kind: Kind::BudgetAccount,
            name: Vec::from([name]),
            row: is_put.then(|| Row { value: Vec::new(), until: NOW }),
        };
        let mut rows = MemoryRows::new(2);
        rows.commit(&[change(1, true), change(2, true)]).unwrap();
        rows.commit(&[change(1, true), change(2, true)]).unwrap();
        assert_eq!(rows.commit(&[change(1, true), change(3, true)]), Err(NoRoom));
        rows.commit(&[change(2, false), change(3, true), change(1, true)]).unwrap();
        assert_eq!(rows.len(), 2);
    }
}
