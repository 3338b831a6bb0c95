//! Whether a token that is good by itself still is: what its issuer says of it now.
//!
//! A signature proves what an issuer said when it signed, not what it would say today. So the issuer is asked, where
//! the configuration says so ([`introspection`], RFC 7662). Asking is the host's, as all I/O: a session hands out
//! [`Inquiry`]s, and [`Memory`](crate::memory::Memory) takes in the answers. Who asks, how often, and what is known
//! meanwhile, is said by one state machine for all kinds of them ([`answers`]).
//!
//! Not here: signed introspection answers (RFC 9701), which matter where the answer passes through other hands than
//! those of the gate and its issuer.

pub(crate) mod answers;
mod inquiry;
pub mod introspection;

pub(crate) use inquiry::{About, Found};
pub use inquiry::{
    Inquiry, InquiryError, InquiryReading, InquiryResponse, InquiryTaken, MAX_ANSWER_BYTES, Signing,
};

use serde::Serialize;

/// How fresh an answer was when a decision was made by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// Who was asked: `introspection`.
    pub source: &'static str,
    /// How many seconds ago it answered.
    pub age_secs: u64,
}
