//! [`Verifier`]: reads a log line by line, and says what of it is proven.
//!
//! Lines of several shards may be mixed, but those of one shard come in their order. What is remembered is one state a
//! shard, of constant size, for at most [`MAX_SHARDS`] of them, and at most [`MAX_FAULTS`] faults.
//!
//! A link that does not hold says that one of two lines was changed. Which of them it was shows the line after: it has the
//! hash of the second as it was written.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::ser::{Serialize, Serializer};

use super::ledger::{Statement, head_of};
use super::line::Entry;
use super::signed::{SignedError, signed};
use super::{CHECKPOINT_TYPE, Hash, Head, MAX_LINE_BYTES, Shard, VERSION};
use crate::encoding::json::{self, Object, Value};
use crate::jose::JwkSet;
use crate::time::UnixMillis;

/// Most shards of one log: 262,144, at some 400 bytes each.
pub const MAX_SHARDS: usize = 256 * 1024;
/// Most faults that are told one by one; the rest is counted.
pub const MAX_FAULTS: usize = 1000;
/// Most runs of missing lines in one shard that are still waited for.
const MAX_HOLES: usize = 16;

/// Where a line is: in which of the files that were read, and at which line of it, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    /// The place of the file among those that were read.
    pub file: u32,
    /// The line.
    pub line: u64,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// This is no line of an audit log: not strict JSON, or a member is missing or of the wrong type.
    Malformed,
    /// This line is not as it was written.
    Edited,
    /// Before this line, lines are missing.
    Missing,
    /// This line stands behind lines that were written after it.
    Moved,
    /// This line is there a second time.
    Repeated,
    /// This line was never written: the lines around it are linked without it.
    Inserted,
    /// This checkpoint is not signed by one of the keys.
    Checkpoint(SignedFault),
    /// This line is not the one that a ledger or a later checkpoint knows.
    Contradicted,
    /// After this line, the last of its shard, lines are missing that a ledger or a checkpoint knows.
    Truncated,
    /// No line is there of a shard that a ledger or a checkpoint knows.
    ShardMissing,
    /// There are more shards than are kept apart; lines of this one were not looked at.
    TooManyShards,
}

/// Why a checkpoint is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignedFault {
    /// It is no JWS of a checkpoint.
    Malformed,
    /// None of the keys is the one it names.
    KeyUnknown,
    /// The signature is not valid.
    Signature,
    /// It is signed, and about something else than the line before it.
    Mismatch,
}

impl From<SignedError> for SignedFault {
    fn from(error: SignedError) -> Self {
        match error {
            SignedError::KeyUnknown => Self::KeyUnknown,
            SignedError::Signature => Self::Signature,
            SignedError::Malformed | SignedError::Type | SignedError::Claims => Self::Malformed,
        }
    }
}

impl FaultKind {
    /// Its name, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Edited => "edited",
            Self::Missing => "missing",
            Self::Moved => "moved",
            Self::Repeated => "repeated",
            Self::Inserted => "inserted",
            Self::Checkpoint(SignedFault::Malformed) => "checkpoint_malformed",
            Self::Checkpoint(SignedFault::KeyUnknown) => "checkpoint_key_unknown",
            Self::Checkpoint(SignedFault::Signature) => "checkpoint_signature_invalid",
            Self::Checkpoint(SignedFault::Mismatch) => "checkpoint_mismatch",
            Self::Contradicted => "contradicted",
            Self::Truncated => "truncated",
            Self::ShardMissing => "shard_missing",
            Self::TooManyShards => "too_many_shards",
        }
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is no line of an audit log",
            Self::Edited => "was edited",
            Self::Missing => "lines before it were dropped",
            Self::Moved => "was moved behind later lines",
            Self::Repeated => "is there twice",
            Self::Inserted => "was inserted",
            Self::Checkpoint(SignedFault::Malformed) => "is a checkpoint without a readable signature",
            Self::Checkpoint(SignedFault::KeyUnknown) => "is a checkpoint signed with an unknown key",
            Self::Checkpoint(SignedFault::Signature) => "is a checkpoint whose signature is not valid",
            Self::Checkpoint(SignedFault::Mismatch) => "is a checkpoint over another line",
            Self::Contradicted => "is not the line that was recorded",
            Self::Truncated => "lines after it were dropped",
            Self::ShardMissing => "a whole shard was dropped",
            Self::TooManyShards => "is of one shard more than can be told apart",
        })
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The line; none where it is a whole shard that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Position>,
    /// Whose line it is, as far as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Which numbers are concerned: the line's own, or the first and the last that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<(u64, u64)>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What became of one shard.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ShardReport {
    /// Its name.
    pub shard: String,
    /// The number of its first line that was read: 0, unless it was read from a later time on.
    pub first: u64,
    /// The number of its last line.
    pub last: u64,
    /// The number of the last line that is proven: all from the first to it are as they were written, and the first is the
    /// first that had to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven: Option<u64>,
    /// The time of its first line that says one, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The time of its last line that says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// How many decisions it has.
    pub decisions: u64,
    /// How many decisions it says were lost before they could be written.
    pub lost: u64,
}

impl ShardReport {
    /// Whether its last line is proven.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.proven == Some(self.last)
    }
}

/// How much of a log is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All of it.
    Proven,
    /// Nothing is wrong with it, and lines stand behind the last checkpoint of their shard.
    Unproven,
    /// Something is wrong with it.
    Faulty,
}

/// What was found out about a log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// How much is proven. A log without a line is not.
    pub outcome: Outcome,
    /// How many lines were read.
    pub lines: u64,
    /// The shards, in the order of their names.
    pub shards: Vec<ShardReport>,
    /// What is wrong, by place; at most [`MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// How many faults there are beyond those.
    pub more_faults: u64,
}

/// Reads a log line by line.
#[derive(Debug)]
pub struct Verifier<'k> {
    keys: &'k JwkSet,
    since: Option<UnixMillis>,
    known: BTreeMap<Shard, Vec<(u64, Hash)>>,
    /// The last line of each shard that was passed over for its time.
    passed: BTreeMap<Shard, (u64, Hash, Position)>,
    shards: BTreeMap<Shard, State>,
    faults: Vec<Fault>,
    more_faults: u64,
    lines: u64,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    from: u64,
    to: u64,
    at: Position,
}

/// One shard as far as it was read.
#[derive(Debug)]
struct State {
    first: u64,
    /// The number of the highest line so far, its hash and its place.
    seq: u64,
    hash: Hash,
    at: Position,
    /// The hash of the line before it.
    before: Hash,
    /// A second line of that number: which of the two was written, the next line says.
    rival: Option<(Hash, Position)>,
    /// A line that does not have the hash that the line after it, which is the highest one, says.
    suspect: Option<(u64, Position)>,
    holes: Vec<Hole>,
    proven: Option<u64>,
    is_faulty: bool,
    /// Nothing was before the first line that should have been read.
    has_beginning: bool,
    from: Option<u64>,
    to: Option<u64>,
    decisions: u64,
    lost: u64,
}

/// A line, read.
struct Line<'a> {
    shard: Shard,
    seq: u64,
    prev: Hash,
    kind: Kind<'a>,
    time: Option<u64>,
    hash: Hash,
}

enum Kind<'a> {
    Start,
    Decision,
    Gap(u64),
    Checkpoint(&'a str),
}

impl<'k> Verifier<'k> {
    /// A verifier that believes these keys: those that the gate signed with.
    #[must_use]
    pub fn new(keys: &'k JwkSet) -> Self {
        Self {
            keys,
            since: None,
            known: BTreeMap::new(),
            passed: BTreeMap::new(),
            shards: BTreeMap::new(),
            faults: Vec::new(),
            more_faults: 0,
            lines: 0,
        }
    }

    /// Looks at nothing that was written before this time: a shard then begins behind the last line that is older, and
    /// what it had before is not asked for. The time of that line counts as it was written, as the line behind it has
    /// its hash. Where there is no such line, nobody knows what else was there, and the shard is not proven.
    #[must_use]
    pub fn since(self, since: UnixMillis) -> Self {
        Self { since: Some(since), ..self }
    }

    /// Demands the lines that a signed statement says were written. Of those before `since`, only what is read counts.
    pub fn knows(&mut self, statement: &Statement) {
        for Head { shard, seq, hash } in &statement.heads {
            self.known.entry(*shard).or_default().push((*seq, *hash));
        }
    }

    /// Reads a line, without its line break.
    pub fn line(&mut self, bytes: &[u8], at: Position) {
        self.lines += 1;
        let Some(line) = parse(bytes) else {
            self.fault(Some(at), None, None, FaultKind::Malformed);
            return;
        };
        if let (Some(since), Some(time)) = (self.since, line.time)
            && time < since.0
            && !self.shards.contains_key(&line.shard)
        {
            if self.passed.len() < MAX_SHARDS || self.passed.contains_key(&line.shard) {
                self.passed.insert(line.shard, (line.seq, line.hash, at));
            }
            self.contradict(&line, at);
            return;
        }
        let found = match self.shards.remove(&line.shard) {
            Some(mut state) => {
                let found = state.follow(&line, at, self.keys);
                self.shards.insert(line.shard, state);
                found
            }
            None => self.begin(&line, at),
        };
        for (at, seq, kind) in found {
            self.fault(Some(at), Some(line.shard), Some(seq), kind);
        }
        self.contradict(&line, at);
    }

    /// Compares a line with what was signed about it elsewhere.
    fn contradict(&mut self, line: &Line<'_>, at: Position) {
        let is_contradicted = self
            .known
            .get(&line.shard)
            .is_some_and(|known| known.iter().any(|(seq, hash)| *seq == line.seq && *hash != line.hash));
        if is_contradicted {
            if let Some(state) = self.shards.get_mut(&line.shard) {
                state.is_faulty = true;
            }
            self.fault(Some(at), Some(line.shard), Some((line.seq, line.seq)), FaultKind::Contradicted);
        }
    }

    /// The first line of a shard that is read.
    fn begin(&mut self, line: &Line<'_>, at: Position) -> Vec<Found> {
        if self.shards.len() >= MAX_SHARDS {
            return Vec::from([(at, (line.seq, line.seq), FaultKind::TooManyShards)]);
        }
        let is_whole = self.since.is_none();
        let first = if is_whole { 0 } else { line.seq };
        let passed = self.passed.remove(&line.shard);
        let mut state = State {
            first,
            seq: line.seq,
            hash: line.hash,
            at,
            before: line.prev,
            rival: None,
            suspect: None,
            holes: Vec::new(),
            proven: None,
            is_faulty: false,
            has_beginning: is_whole || line.seq == 0,
            from: line.time,
            to: line.time,
            decisions: 0,
            lost: 0,
        };
        state.count(line);
        let mut found = Vec::new();
        if let Some(to) = line.seq.checked_sub(1).filter(|_| is_whole) {
            state.holes.push(Hole { from: 0, to, at });
        }
        if let Some((seq, hash, before)) = passed {
            match line.seq.checked_sub(1) {
                Some(last) if seq == last && hash == line.prev => state.has_beginning = true,
                Some(last) if seq < last => state.holes.push(Hole { from: seq + 1, to: last, at }),
                // It says a time at which it was not written, or a number that it did not have.
                _ => found.push((before, (seq, seq), FaultKind::Edited)),
            }
        }
        let is_edited = match line.kind {
            Kind::Start => line.seq != 0 || line.prev != Hash::before(line.shard),
            _ => line.seq == 0,
        };
        if is_edited {
            found.push((at, (line.seq, line.seq), FaultKind::Edited));
        }
        if let Kind::Checkpoint(jws) = line.kind {
            match State::judge(jws, line, self.keys) {
                Err(fault) => found.push((at, (line.seq, line.seq), FaultKind::Checkpoint(fault))),
                Ok(()) if state.holes.is_empty() => state.proven = Some(line.seq),
                Ok(()) => {}
            }
        }
        state.is_faulty = !found.is_empty();
        self.shards.insert(line.shard, state);
        found
    }

    fn fault(
        &mut self,
        at: Option<Position>,
        shard: Option<Shard>,
        seq: Option<(u64, u64)>,
        kind: FaultKind,
    ) {
        if self.faults.len() >= MAX_FAULTS {
            self.more_faults += 1;
            return;
        }
        self.faults.push(Fault { at, shard: shard.map(Shard::name), seq, kind });
    }

    /// What was found out, once all lines were read.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let mut reports = Vec::new();
        for (shard, mut state) in core::mem::take(&mut self.shards) {
            for (at, seq, kind) in state.settle() {
                self.fault(Some(at), Some(shard), Some(seq), kind);
            }
            let known = self.known.remove(&shard).unwrap_or_default();
            if let Some(last) = known.iter().map(|(seq, _)| *seq).max().filter(|last| *last > state.seq) {
                self.fault(Some(state.at), Some(shard), Some((state.seq + 1, last)), FaultKind::Truncated);
            }
            reports.push(state.report(shard));
        }
        if self.since.is_none() {
            for (shard, known) in core::mem::take(&mut self.known) {
                let last = known.iter().map(|(seq, _)| *seq).max().unwrap_or_default();
                self.fault(None, Some(shard), Some((0, last)), FaultKind::ShardMissing);
            }
        }
        self.faults.sort_by_key(|fault| (fault.at.is_none(), fault.at));
        let is_proven = !reports.is_empty() && reports.iter().all(ShardReport::is_proven);
        let outcome = match (self.faults.is_empty(), is_proven) {
            (false, _) => Outcome::Faulty,
            (true, true) => Outcome::Proven,
            (true, false) => Outcome::Unproven,
        };
        Report {
            outcome,
            lines: self.lines,
            shards: reports,
            faults: self.faults,
            more_faults: self.more_faults,
        }
    }
}

/// Where, which numbers, what.
type Found = (Position, (u64, u64), FaultKind);

impl State {
    /// Takes the next line of the shard.
    fn follow(&mut self, line: &Line<'_>, at: Position, keys: &JwkSet) -> Vec<Found> {
        let mut found = Vec::new();
        let own = (line.seq, line.seq);
        let is_linked = line.prev == self.hash || self.rival.is_some_and(|(hash, _)| line.prev == hash);
        let next = self.seq.saturating_add(1);
        if line.seq != next && !is_linked {
            self.misplaced(line, at, &mut found);
        } else {
            // What is linked as the next line and says another number says what it was made to say.
            if line.seq != next {
                found.push((at, own, FaultKind::Edited));
            }
            self.choose(line.prev, &mut found);
            let verdict = match line.kind {
                Kind::Checkpoint(jws) => Some(Self::judge(jws, line, keys)),
                _ => None,
            };
            if line.kind_is_start() {
                found.push((at, own, FaultKind::Edited));
            }
            self.link(line, verdict, at, &mut found);
            self.advance(next, line, at);
        }
        self.is_faulty |= !found.is_empty();
        if matches!(line.kind, Kind::Checkpoint(_)) && self.is_sound() && self.seq == line.seq {
            self.proven = Some(line.seq);
        }
        found
    }

    /// Whether all lines so far are linked.
    fn is_sound(&self) -> bool {
        !self.is_faulty && self.holes.is_empty() && self.suspect.is_none() && self.rival.is_none()
    }

    /// A line that is not the next one.
    fn misplaced(&mut self, line: &Line<'_>, at: Position, found: &mut Vec<Found>) {
        let own = (line.seq, line.seq);
        if line.seq > self.seq {
            self.suspected(found);
            self.rivalled(found);
            let hole = Hole { from: self.seq + 1, to: line.seq - 1, at };
            self.advance(line.seq, line, at);
            // What is before this line was not read.
            self.before = line.prev;
            self.dig(hole, found);
        } else if self.fill(line.seq, found) {
            found.push((at, own, FaultKind::Moved));
            self.count(line);
        } else if line.seq == self.seq && line.hash != self.hash && self.rival.is_none() {
            match (self.suspect.is_some(), line.prev == self.before) {
                // This one is linked to the line before, and the other was not.
                (true, true) => {
                    self.suspect = None;
                    found.push((self.at, own, FaultKind::Inserted));
                    (self.hash, self.at) = (line.hash, at);
                }
                (_, true) => self.rival = Some((line.hash, at)),
                (_, false) => found.push((at, own, FaultKind::Inserted)),
            }
        } else {
            found.push((at, own, FaultKind::Repeated));
        }
    }

    fn advance(&mut self, seq: u64, line: &Line<'_>, at: Position) {
        self.before = self.hash;
        (self.seq, self.hash, self.at) = (seq, line.hash, at);
        self.count(line);
    }

    /// Remembers a run of missing lines; the oldest is given up where there are too many.
    fn dig(&mut self, hole: Hole, found: &mut Vec<Found>) {
        if self.holes.len() >= MAX_HOLES {
            let Hole { from, to, at } = self.holes.remove(0);
            found.push((at, (from, to), FaultKind::Missing));
        }
        self.holes.push(hole);
    }

    /// Takes a number out of the holes, where it is in one.
    fn fill(&mut self, seq: u64, found: &mut Vec<Found>) -> bool {
        let Some(index) = self.holes.iter().position(|hole| (hole.from..=hole.to).contains(&seq)) else {
            return false;
        };
        let Hole { from, to, at } = self.holes.remove(index);
        let parts = [(from, seq.checked_sub(1)), (seq + 1, Some(to))];
        let parts =
            parts.into_iter().filter_map(|(from, to)| Some((from, to?))).filter(|(from, to)| from <= to);
        for (from, to) in parts {
            self.dig(Hole { from, to, at }, found);
        }
        true
    }

    /// Of two lines with one number, the one that the next line is linked to was written.
    fn choose(&mut self, prev: Hash, found: &mut Vec<Found>) {
        if let Some((hash, at)) = self.rival.take() {
            let inserted = if prev == hash {
                let first = self.at;
                (self.hash, self.at) = (hash, at);
                first
            } else {
                at
            };
            found.push((inserted, (self.seq, self.seq), FaultKind::Inserted));
        }
    }

    /// Compares the link of the next line, and says which line was edited as soon as that is certain.
    fn link(
        &mut self,
        line: &Line<'_>,
        verdict: Option<Result<(), SignedFault>>,
        at: Position,
        found: &mut Vec<Found>,
    ) {
        let holds = line.prev == self.hash;
        let own = (line.seq, line.seq);
        if let Some((seq, suspect)) = self.suspect.take() {
            // This line has the hash of the last one as it was written. If that is what it still is, the one before was
            // edited.
            let edited = if holds { (suspect, (seq, seq)) } else { (self.at, (self.seq, self.seq)) };
            found.push((edited.0, edited.1, FaultKind::Edited));
        } else if !holds {
            match verdict {
                // What is signed is the line before as it was written.
                Some(Ok(())) => found.push((self.at, (self.seq, self.seq), FaultKind::Edited)),
                Some(Err(_)) => found.push((at, own, FaultKind::Edited)),
                None => self.suspect = Some((self.seq, self.at)),
            }
            return;
        }
        if let Some(Err(fault)) = verdict {
            found.push((at, own, FaultKind::Checkpoint(fault)));
        }
    }

    /// Whether a checkpoint is signed, over the line before it, and nothing else is in its line.
    fn judge(jws: &str, line: &Line<'_>, keys: &JwkSet) -> Result<(), SignedFault> {
        let claims = signed(jws, CHECKPOINT_TYPE, keys, MAX_LINE_BYTES)?;
        let head = head_of(&claims).ok_or(SignedFault::Malformed)?;
        let is_whole = Hash::of(&Entry::checkpoint(jws).line(line.shard, line.seq, line.prev)) == line.hash;
        let before = line.seq.checked_sub(1).map(|seq| Head { shard: line.shard, seq, hash: line.prev });
        if is_whole && before == Some(head) { Ok(()) } else { Err(SignedFault::Mismatch) }
    }

    fn suspected(&mut self, found: &mut Vec<Found>) {
        if let Some((seq, at)) = self.suspect.take() {
            // No line tells which of the two it was.
            found.push((at, (seq, seq), FaultKind::Edited));
            found.push((self.at, (self.seq, self.seq), FaultKind::Edited));
        }
    }

    fn rivalled(&mut self, found: &mut Vec<Found>) {
        if let Some((_, at)) = self.rival.take() {
            found.push((at, (self.seq, self.seq), FaultKind::Inserted));
        }
    }

    fn settle(&mut self) -> Vec<Found> {
        let mut found = Vec::new();
        self.suspected(&mut found);
        self.rivalled(&mut found);
        found.extend(self.holes.iter().map(|hole| (hole.at, (hole.from, hole.to), FaultKind::Missing)));
        self.is_faulty |= !found.is_empty();
        found
    }

    fn count(&mut self, line: &Line<'_>) {
        self.from = self.from.or(line.time);
        self.to = line.time.or(self.to);
        match line.kind {
            Kind::Decision => self.decisions += 1,
            Kind::Gap(lost) => self.lost = self.lost.saturating_add(lost),
            Kind::Start | Kind::Checkpoint(_) => {}
        }
    }

    fn report(self, shard: Shard) -> ShardReport {
        ShardReport {
            shard: shard.name(),
            first: self.first,
            last: self.seq,
            proven: self.proven.filter(|_| self.has_beginning),
            from: self.from,
            to: self.to,
            decisions: self.decisions,
            lost: self.lost,
        }
    }
}

impl Line<'_> {
    fn kind_is_start(&self) -> bool {
        matches!(self.kind, Kind::Start)
    }
}

/// Reads a line; `None` where it is none of this log.
fn parse(bytes: &[u8]) -> Option<Line<'_>> {
    let text = core::str::from_utf8(bytes).ok()?;
    let object = json::parse_object(bytes, MAX_LINE_BYTES).ok()?;
    let string = |name: &str| object.get(name).and_then(Value::as_str);
    let number = |name: &str| object.get(name).and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok());
    let (shard, seq, prev) = (Shard::parse(string("shard")?)?, number("seq")?, Hash::parse(string("prev")?)?);
    let time = number("time");
    let kind = match string("type")? {
        "start" if number("v") == Some(u64::from(VERSION)) => Kind::Start,
        "decision" => object.get("decision").and_then(Value::as_object).map(|_| Kind::Decision)?,
        "gap" => Kind::Gap(number("lost")?),
        "checkpoint" => Kind::Checkpoint(jws_in(&object, text)?),
        _ => return None,
    };
    if time.is_none() && !matches!(kind, Kind::Checkpoint(_)) {
        return None;
    }
    Some(Line { shard, seq, prev, kind, time, hash: Hash::of(text) })
}

/// The JWS of a checkpoint, out of the text of its line: it has no character that is escaped.
fn jws_in<'a>(object: &Object<'_>, text: &'a str) -> Option<&'a str> {
    let jws = object.get("jws").and_then(Value::as_str)?.to_owned();
    let start = text.find(jws.as_str())?;
    text.get(start..start + jws.len())
}
