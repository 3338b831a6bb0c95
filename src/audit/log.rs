//! [`Log`]: what waits to be written, and what a host does next about it. Bounded, and never in a request's way.
//!
//! A decision is put here when it is made, which costs its text. Somewhat later, after a response, a host asks
//! [`Log::begin`] and does [`Log::work`] until there is none: it signs the checkpoint at the end of a batch, and writes the
//! batch. Lines get their place in the chain only when their batch is made. So a place that takes nothing for a while
//! leaves no hole: decisions wait, up to the bound; those for which there is no room are counted, and a `gap` line says so
//! as soon as something can be written. A batch that was made stays as it is until it was taken, so that trying again
//! writes the same lines under the same name.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use serde_json::Value;

use super::line::Entry;
use super::{Chain, Head, Shard, object_name};
use crate::config::{Audit, AuditLevel, AuditSink};
use crate::decision::Decision;
use crate::time::UnixMillis;

/// How long somebody who writes is waited for: longer than the 30 s that hosts let work go on after a response.
const PATIENCE: Duration = Duration::from_secs(35);
/// Longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Lines to write together, all of one shard and without a hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The lines, each with its line break.
    pub text: String,
    /// The number of the first.
    pub first: u64,
    /// The last.
    pub head: Head,
    /// How many decisions it has.
    pub decisions: u64,
    /// How many it says were lost.
    pub lost: u64,
}

impl Batch {
    /// The name of the object that it is kept in.
    #[must_use]
    pub fn name(&self) -> String {
        object_name(self.head.shard, self.first, self.head.seq)
    }
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Sign these claims with [`super::CHECKPOINT_TYPE`], and tell [`Log::signed`].
    Sign(Value),
    /// Write this, and tell [`Log::written`] or [`Log::failed`].
    Write(Batch),
}

/// What waits to be written, and the chain that it will be written in.
#[derive(Debug)]
pub struct Log {
    settings: Audit,
    issuer: String,
    chain: Chain,
    waiting: VecDeque<Entry>,
    waiting_bytes: usize,
    waiting_since: Option<UnixMillis>,
    /// How many decisions there was no room for, and when the first of them was.
    lost: Option<(u64, UnixMillis)>,
    /// A batch that is made, and whether its checkpoint is still to be signed.
    batch: Option<(Batch, bool)>,
    /// Since when somebody writes.
    busy_since: Option<UnixMillis>,
    /// When a host comes to write, where one was asked to.
    planned: Option<UnixMillis>,
    /// The last checkpoint.
    checkpointed: Option<UnixMillis>,
    /// Whether a checkpoint could not be signed since writing began.
    is_unsigned: bool,
    failures: u32,
    retry_at: UnixMillis,
}

impl Log {
    /// The log of a shard that begins now. `issuer` is the gate's first public origin.
    #[must_use]
    pub fn new(settings: Audit, shard: Shard, issuer: &str, version: &str, now: UnixMillis) -> Self {
        let start = Entry::start(issuer, version, now);
        Self {
            settings,
            issuer: issuer.into(),
            chain: Chain::new(shard),
            waiting_bytes: start.len(),
            waiting: [start].into(),
            waiting_since: None,
            lost: None,
            batch: None,
            busy_since: None,
            planned: None,
            checkpointed: None,
            is_unsigned: false,
            failures: 0,
            retry_at: UnixMillis(0),
        }
    }

    /// Takes a decision, where its level is one that is logged.
    pub fn decision(&mut self, decision: &Decision, now: UnixMillis) {
        if self.settings.level == AuditLevel::Refusals && decision.reason.is_none() {
            return;
        }
        self.waiting_since.get_or_insert(now);
        let entry = Entry::decision(decision, now);
        let bytes = self.waiting_bytes.saturating_add(entry.len());
        // Once one is lost, all are until there is room for the line that says so: it stands where they would.
        if self.lost.is_some() || bytes > self.settings.buffer_bytes {
            let (lost, since) = self.lost.unwrap_or((0, now));
            self.lost = Some((lost.saturating_add(1), since));
            return;
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(entry);
    }

    /// After how long a host should come to write, where none was asked to yet. It is: at once where a batch is full, else
    /// when [`Audit::batch_wait`] has passed, and not before a pause after a failure is over.
    pub fn plan(&mut self, now: UnixMillis) -> Option<Duration> {
        let has_work = self.batch.is_some() || self.waiting_since.is_some() || self.must_checkpoint();
        if !has_work || self.is_busy(now) {
            return None;
        }
        let is_full = self.waiting.len() >= self.settings.batch_lines
            || self.waiting_bytes >= self.settings.sink.most_bytes()
            || (self.settings.sink == AuditSink::Console && self.waiting_since.is_some());
        let wait = if is_full { Duration::ZERO } else { self.settings.batch_wait };
        let at = now.plus(wait.max(self.retry_at.since(now)));
        // A plan that is not over is a host that comes; one that is long over is a host that died.
        let comes = self.planned.is_some_and(|planned| planned <= at && now.since(planned) < PATIENCE);
        if comes {
            return None;
        }
        self.planned = Some(at);
        Some(at.since(now))
    }

    /// Begins to write; false where somebody else does, or a pause after a failure is not over.
    pub fn begin(&mut self, now: UnixMillis) -> bool {
        self.planned = None;
        if self.is_busy(now) || now < self.retry_at {
            return false;
        }
        self.busy_since = Some(now);
        self.is_unsigned = false;
        true
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.busy_since = None;
    }

    fn is_busy(&self, now: UnixMillis) -> bool {
        self.busy_since.is_some_and(|since| now.since(since) < PATIENCE)
    }

    /// What is to be done next; `None` where there is nothing.
    pub fn work(&mut self, now: UnixMillis) -> Option<Work> {
        if self.batch.is_none() {
            self.batch = self.make(now);
        }
        match self.batch.as_ref()? {
            (_, true) => self.chain.claims(&self.issuer, now).map(Work::Sign),
            (batch, false) => Some(Work::Write(batch.clone())),
        }
    }

    /// Makes a batch of what waits.
    fn make(&mut self, now: UnixMillis) -> Option<(Batch, bool)> {
        let only_checkpoint = self.waiting_since.is_none() && self.lost.is_none();
        // Where nothing can be signed, trying again and again is no help.
        let may_checkpoint = self.must_checkpoint() && self.may_checkpoint(now) && !self.is_unsigned;
        if only_checkpoint && !may_checkpoint {
            return None;
        }
        let mut batch = Batch {
            text: String::new(),
            first: self.chain.next(),
            head: Head { shard: self.chain.shard(), seq: 0, hash: super::Hash::before(self.chain.shard()) },
            decisions: 0,
            lost: 0,
        };
        let mut lines = 0;
        while lines < self.settings.batch_lines
            && let Some(entry) = self.waiting.pop_front_if(|entry| {
                batch.text.is_empty() || batch.text.len() + entry.len() <= self.settings.sink.most_bytes()
            })
        {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(entry.len());
            // Line 0 is no decision.
            batch.decisions += u64::from(self.chain.next() > 0);
            push(&mut batch.text, &self.chain.append(&entry));
            lines += 1;
        }
        if self.waiting.is_empty() {
            self.waiting_since = None;
            if let Some((lost, since)) = self.lost.take() {
                push(&mut batch.text, &self.chain.append(&Entry::gap(lost, since, now)));
                batch.lost = lost;
            }
        }
        batch.head = self.chain.head()?;
        let must_sign = self.may_checkpoint(now);
        Some((batch, must_sign))
    }

    /// Whether there are lines that were written and are not covered.
    fn must_checkpoint(&self) -> bool {
        self.chain.unproven() > 0
    }

    /// Whether a checkpoint is due. Batches end with one; lines that are written one by one get one now and then.
    fn may_checkpoint(&self, now: UnixMillis) -> bool {
        match (self.settings.sink, self.checkpointed) {
            (AuditSink::Queue | AuditSink::R2, _) | (_, None) => true,
            (AuditSink::Console, Some(at)) => {
                now.since(at) >= self.settings.batch_wait
                    || self.chain.unproven() >= u64::try_from(self.settings.batch_lines).unwrap_or(u64::MAX)
            }
        }
    }

    /// Takes the signed checkpoint; without one the batch is written all the same, and a later checkpoint covers it.
    pub fn signed(&mut self, jws: Option<&str>, now: UnixMillis) {
        let Some((batch, must_sign)) = &mut self.batch else { return };
        if !core::mem::replace(must_sign, false) {
            return;
        }
        match jws {
            Some(jws) => {
                push(&mut batch.text, &self.chain.checkpoint(jws));
                self.checkpointed = Some(now);
            }
            None => self.is_unsigned = true,
        }
        match self.chain.head().filter(|_| !batch.text.is_empty()) {
            Some(head) => batch.head = head,
            None => self.batch = None,
        }
    }

    /// A batch was taken by where it is kept.
    pub fn written(&mut self, head: Head) {
        if self.batch.as_ref().is_some_and(|(batch, _)| batch.head == head) {
            self.batch = None;
            self.failures = 0;
        }
    }

    /// It was not. The batch stays; the pause before the next try doubles from a second to a minute.
    pub fn failed(&mut self, now: UnixMillis) -> Duration {
        let pause = Duration::from_secs(1_u64 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.plus(pause);
        pause
    }

    /// Where lines go.
    #[must_use]
    pub fn sink(&self) -> AuditSink {
        self.settings.sink
    }

    /// How many decisions were not written for lack of room, and are not yet said to be.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.map_or(0, |(lost, _)| lost)
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
