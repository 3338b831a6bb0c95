//! Where decisions are logged: `[audit]`.

use alloc::format;
use core::time::Duration;

use serde::Deserialize;

use super::Span;
use super::gate::Faults;

/// Most lines of a batch.
const MAX_BATCH_LINES: usize = 5_000;
/// Least and most bytes that wait for being written: 64 KiB, as one line may be 32, and 16 MiB, an eighth of an isolate.
const BUFFER_BYTES: [usize; 2] = [64 * 1024, 16 * 1024 * 1024];

/// The audit log: each decision as a line, chained by hashes, with signed checkpoints. Without it, refusals go to the
/// host's own log, and nothing proves that they are all there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// Where lines go.
    pub sink: AuditSink,
    /// Which decisions are logged. Default: `all`.
    #[serde(default)]
    pub level: AuditLevel,
    /// Most lines that are written together, of at most 96 KiB (`queue`) or 1 MiB (`r2`); a checkpoint is signed for each
    /// batch, so that fewer lines cost more signatures. Range: 1 to 5000.
    #[serde(default = "default_batch_lines")]
    #[cfg_attr(feature = "schema", schemars(default = "default_batch_lines"))]
    pub batch_lines: usize,
    /// How long a decision waits at the most until it is written, also where no other follows: so much is lost with an
    /// isolate that dies. With `console` lines do not wait, and it is how often there is a checkpoint. Range: `1s` to `20s`, as
    /// hosts let nothing go on for longer than 30 seconds after a response.
    #[serde(default = "default_batch_wait")]
    #[cfg_attr(feature = "schema", schemars(default = "default_batch_wait"))]
    pub batch_wait: Span,
    /// Most bytes of decisions that wait while nothing can be written. Those beyond are counted, and the log says how many
    /// are missing. Range: 65536 (64 KiB) to 16777216 (16 MiB).
    #[serde(default = "default_buffer_bytes")]
    #[cfg_attr(feature = "schema", schemars(default = "default_buffer_bytes"))]
    pub buffer_bytes: usize,
}

/// Where lines of the audit log go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AuditSink {
    /// To the queue that is bound as `AUDIT_QUEUE`, a message a batch. Where the same Worker consumes it, it writes them to
    /// `AUDIT_BUCKET`.
    Queue,
    /// To the R2 bucket that is bound as `AUDIT_BUCKET`, an object a batch.
    R2,
    /// To the host's log, a line each.
    Console,
}

impl AuditSink {
    /// Most bytes of lines in a batch: a message of a queue has at most 128 KB, with its checkpoint.
    #[must_use]
    pub fn most_bytes(self) -> usize {
        match self {
            Self::Queue => 96 * 1024,
            Self::R2 | Self::Console => 1024 * 1024,
        }
    }
}

/// Which decisions are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AuditLevel {
    /// All.
    #[default]
    All,
    /// Those that have a reason: refusals, and on routes that only watch what would have been one.
    Refusals,
}

/// How decisions are logged, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Where lines go.
    pub sink: AuditSink,
    /// Which decisions are logged.
    pub level: AuditLevel,
    /// Most lines of a batch.
    pub batch_lines: usize,
    /// How long a decision waits.
    pub batch_wait: Duration,
    /// Most bytes that wait.
    pub buffer_bytes: usize,
}

fn default_batch_lines() -> usize {
    500
}

fn default_batch_wait() -> Span {
    Span::from_secs(5)
}

fn default_buffer_bytes() -> usize {
    1024 * 1024
}

impl Faults {
    pub(super) fn audit(&mut self, config: Option<&AuditConfig>) -> Option<Audit> {
        let config = config?;
        if !(1..=MAX_BATCH_LINES).contains(&config.batch_lines) {
            let lines = config.batch_lines;
            self.add("audit.batch_lines", format!("is {lines}; write 1 to {MAX_BATCH_LINES}"));
        }
        let [least, most] = BUFFER_BYTES;
        if !(least..=most).contains(&config.buffer_bytes) {
            let bytes = config.buffer_bytes;
            self.add("audit.buffer_bytes", format!("is {bytes}; write {least} to {most}"));
        }
        Some(Audit {
            sink: config.sink,
            level: config.level,
            batch_lines: config.batch_lines,
            batch_wait: self.span(
                "audit.batch_wait",
                config.batch_wait,
                Span::from_secs(1),
                Span::from_secs(20),
            ),
            buffer_bytes: config.buffer_bytes,
        })
    }
}
