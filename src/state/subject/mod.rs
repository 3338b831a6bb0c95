//! State by subject: what is kept of a key, an agent, a person, in one place each, so that it is exact.
//!
//! A host has one *object* for each [`SubjectName`]: on Cloudflare a Durable Object with SQLite rows, in a process
//! [`MemorySubjects`]. An object does nothing but [`apply`] a [`Call`] to its [`Rows`], one call after another, and
//! [`purge`] what has ended. Which calls a request makes, and what their replies mean, is up to
//! [`crate::engine`] (`record`).
//!
//! A call judges all of its operations first, and writes only if every one of them is accepted; what merely observes
//! is written always. Time never goes back in an object: it goes by the latest time that it has seen, so that a clock
//! that is set back makes nothing count again.
//!
//! **To add an operation:** write its type (with serde, short member names), its answer and its `judge` in a module of
//! its own beside `state::replay`; add a variant of the same name to [`Op`] and to [`OpReply`], an arm to each `match`
//! below, and a [`Kind`] with the next number for its rows. Values of rows begin with a byte for their version. What
//! cannot be read is answered with [`OpReply::Damaged`], which refuses. Then plan and judge it in `engine/record.rs`.

mod draft;
mod memory;
mod name;
mod rows;
mod wire;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{budget, rate, replay, risk};
use crate::crypto::sha256_parts;
use crate::time::UnixMillis;
pub use draft::{Draft, Named};
pub use memory::{MemoryRows, MemorySubjects, NoRoom};
pub use name::{SubjectKind, SubjectName};
pub use rows::{Change, Kind, Row, Rows};
pub(crate) use wire::digest16;

/// Most operations of one call: 32. A request makes one for each proof, limit, budget and the like.
pub const MAX_OPS: usize = 32;
/// Longest call or reply that is read: 64 KiB, several times what [`MAX_OPS`] operations need.
pub const MAX_CALL_BYTES: usize = 64 * 1024;
/// How many rows one purge removes: 5,000, some milliseconds' work.
pub const PURGED_AT_ONCE: usize = 5_000;

/// Which request a call belongs to, by its decision: a call that is repeated because its reply was lost is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId(#[serde(with = "digest16")] [u8; 16]);

impl RequestId {
    /// That of the decision with this identifier.
    #[must_use]
    pub fn new(decision: &str) -> Self {
        Self(half(sha256_parts(&["request", decision])))
    }

    /// Its bytes, as rows have them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// That of these bytes.
    #[must_use]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// What a request wants of one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The request.
    #[serde(rename = "r")]
    pub request: RequestId,
    /// What it wants, in order; at most [`MAX_OPS`].
    #[serde(rename = "o")]
    pub ops: Vec<Op>,
    /// Whether it was made before, and nobody knows what came of it.
    #[serde(rename = "g", default, skip_serializing_if = "core::ops::Not::not")]
    pub is_again: bool,
}

/// One operation on a subject's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Records a proof that may be accepted once.
    Replay(replay::Ask),
    /// Sets an amount of a budget aside.
    Reserve(budget::Reserve),
    /// Says what became of a request that an amount was set aside for.
    Settle(budget::Settle),
    /// An administrator's word on what is held.
    Reconcile(budget::Reconcile),
    /// Asks how a budget stands.
    Budget(budget::Show),
    /// Takes in what was observed of a request. Refuses nothing; what follows is up to who asks.
    Observe(risk::Ask),
    /// Takes something from a limit.
    Take(rate::Take),
    /// Gives back what was not used of a limit; in a call before every [`Self::Take`], as it is written always.
    Give(rate::Give),
}

/// What came of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpReply {
    /// Whether the proof is new.
    Replay(replay::Answer),
    /// Whether the amount is set aside.
    Reserve(budget::Reserved),
    /// How the reservation stands.
    Settle(budget::Settled),
    /// Whether it is reconciled.
    Reconcile(budget::Reconciled),
    /// How the budget stands.
    Budget(Box<budget::AccountView>),
    /// What the subject's risk is.
    Observe(risk::Assessment),
    /// Whether it was taken.
    Take(rate::Taken),
    /// It was given back, as far as it was still known.
    Give,
    /// What is stored cannot be read, so that nothing can be said.
    Damaged,
}

/// A subject's answer to a call: one for each operation, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The answers.
    #[serde(rename = "a")]
    pub answers: Vec<OpReply>,
}

/// A call, and whom it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectCall {
    /// Whom.
    pub subject: SubjectName,
    /// What.
    pub call: Call,
}

impl Op {
    fn judge<R: Rows>(&self, call: &Call, draft: &mut Draft<'_, R>) -> Result<OpReply, R::Error> {
        match self {
            Self::Replay(ask) => ask.judge(call, draft).map(OpReply::Replay),
            Self::Reserve(reserve) => reserve.judge(draft).map(OpReply::Reserve),
            Self::Settle(settle) => settle.judge(draft).map(OpReply::Settle),
            Self::Reconcile(reconcile) => reconcile.judge(draft).map(OpReply::Reconcile),
            Self::Budget(show) => {
                let view = show.judge(draft)?;
                Ok(view.map_or(OpReply::Damaged, |view| OpReply::Budget(Box::new(view))))
            }
            Self::Observe(ask) => ask.judge(call.request, draft).map(OpReply::Observe),
            Self::Take(take) => {
                take.judge(call.request, draft).map(|taken| taken.map_or(OpReply::Damaged, OpReply::Take))
            }
            Self::Give(give) => give.judge(draft).map(|()| OpReply::Give),
        }
    }

    /// Whether it is written although another operation of the call was not accepted: it observes, and takes nothing.
    fn is_written_always(&self) -> bool {
        match self {
            // Of a proof that was used before nothing is observed: whoever has seen it may have sent it.
            Self::Replay(_)
            | Self::Observe(_)
            | Self::Take(_)
            | Self::Reserve(_)
            | Self::Settle(_)
            | Self::Reconcile(_)
            | Self::Budget(_) => false,
            Self::Give(_) => true,
        }
    }

    /// Whether this is an answer to it.
    fn is_answered_by(&self, answer: &OpReply) -> bool {
        matches!(
            (self, answer),
            (_, OpReply::Damaged)
                | (Self::Replay(_), OpReply::Replay(_))
                | (Self::Reserve(_), OpReply::Reserve(_))
                | (Self::Settle(_), OpReply::Settle(_))
                | (Self::Reconcile(_), OpReply::Reconcile(_))
                | (Self::Budget(_), OpReply::Budget(_))
                | (Self::Observe(_), OpReply::Observe(_))
                | (Self::Take(_), OpReply::Take(_))
                | (Self::Give(_), OpReply::Give)
        )
    }
}

impl OpReply {
    /// Whether the operation may be written.
    #[must_use]
    pub fn accepts(&self) -> bool {
        match self {
            Self::Replay(answer) => *answer == replay::Answer::New,
            Self::Reserve(reserved) => !matches!(reserved, budget::Reserved::Refused(_)),
            // Each settlement is of a reservation of its own: none waits for another.
            Self::Settle(_) | Self::Budget(_) | Self::Observe(_) | Self::Give => true,
            Self::Reconcile(reconciled) => matches!(reconciled, budget::Reconciled::Done { .. }),
            Self::Take(taken) => matches!(taken, rate::Taken::Granted { .. }),
            Self::Damaged => false,
        }
    }
}

impl Call {
    /// What a request wants.
    #[must_use]
    pub fn new(request: RequestId, ops: Vec<Op>) -> Self {
        Self { request, ops, is_again: false }
    }

    /// The same, where nobody knows what came of it.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { is_again: true, ..self.clone() }
    }

    /// The call as an object gets it; `None` where that is none.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let call: Self = Some(text)
            .filter(|text| text.len() <= MAX_CALL_BYTES)
            .and_then(|t| serde_json::from_str(t).ok())?;
        (call.ops.len() <= MAX_OPS).then_some(call)
    }

    /// As it goes to an object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether a host that gets no answer should try again after the response: what this says is not said by anybody
    /// else, and until then money stays held.
    #[must_use]
    pub fn is_worth_repeating(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Settle(_)))
    }
}

impl Reply {
    /// The reply to a call as its object gave it; `None` where that is none.
    #[must_use]
    pub fn from_json(text: &str, call: &Call) -> Option<Self> {
        let reply: Self = Some(text)
            .filter(|text| text.len() <= MAX_CALL_BYTES)
            .and_then(|t| serde_json::from_str(t).ok())?;
        let fits = reply.answers.len() == call.ops.len()
            && call.ops.iter().zip(&reply.answers).all(|(op, answer)| op.is_answered_by(answer));
        fits.then_some(reply)
    }

    /// As it goes to whoever asked.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Judges the operations of a call in order, each with what those before it would write, and writes what is accepted.
/// Fails where the rows cannot be read or written; then nothing was written.
pub fn apply<R: Rows>(rows: &mut R, call: &Call, now: UnixMillis) -> Result<Reply, R::Error> {
    let now = rows.advance(now)?;
    let mut draft = Draft::new(rows, now);
    let mut answers = Vec::with_capacity(call.ops.len());
    for op in &call.ops {
        draft.begin();
        answers.push(op.judge(call, &mut draft)?);
    }
    let is_accepted = answers.iter().all(OpReply::accepts);
    let is_written = |op: usize| is_accepted || call.ops.get(op).is_some_and(Op::is_written_always);
    let changes = draft.into_changes(is_written);
    if !changes.is_empty() {
        rows.commit(&changes)?;
    }
    Ok(Reply { answers })
}

/// Removes what has ended, at most [`PURGED_AT_ONCE`] rows, and says when the next row ends; `None` where there is none.
pub fn purge<R: Rows>(rows: &mut R, now: UnixMillis) -> Result<Option<UnixMillis>, R::Error> {
    let now = rows.advance(now)?;
    rows.purge(now, PURGED_AT_ONCE)?;
    rows.earliest()
}

/// The first half of a digest: 128 bits, of which nobody finds two with the same.
fn half(digest: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(digest).for_each(|(half, byte)| *half = byte);
    half
}
