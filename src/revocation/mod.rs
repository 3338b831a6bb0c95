//! Whether what was proven is still good: what its issuer says of it now, and what administrators deny.
//!
//! A signature proves what an issuer said when it signed, not what it would say today. So the issuer is asked, where
//! the configuration says so: about a token ([`introspection`], RFC 7662), or for the list of all that it has withdrawn
//! ([`status_list`]). And an administrator of the gate may deny a token, person, agent, task or key of his own accord
//! ([`deny_list`]).
//!
//! Nothing here is asked before a signature verified: who presents a forgery makes the gate fetch and learn nothing.
//! Asking is the host's, as all I/O: a session hands out [`Inquiry`]s, and [`Memory`](crate::memory::Memory) takes in the
//! answers. Who asks, how often, and what is known meanwhile, is said by one state machine for all kinds of them.
//!
//! Not here: signed introspection answers (RFC 9701), which matter where the answer passes through other hands than
//! those of the gate and its issuer.

pub mod admin;
pub(crate) mod ancestry;
pub(crate) mod answers;
pub(crate) mod denials;
pub mod deny_list;
mod inquiry;
pub mod introspection;
pub mod ledger;
pub(crate) mod list_inquiry;
pub(crate) mod lists;
pub mod status_list;

pub(crate) use inquiry::{About, Found};
pub use inquiry::{
    Inquiry, InquiryError, InquiryReading, InquiryResponse, InquiryTaken, MAX_ANSWER_BYTES, Signing,
};

use serde::Serialize;

/// How fresh an answer was when a decision was made by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// Who was asked: `introspection`, `status-list`, `deny-list`.
    pub source: &'static str,
    /// How many seconds ago it answered.
    pub age_secs: u64,
}
