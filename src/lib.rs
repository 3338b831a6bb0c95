//! Countersign decides, for every request in front of an API: which agent is this, who sent it, what may
//! it do, is it behaving, and may this request go through?
//!
//! The crate is sans-IO: no clock, socket, store or randomness inside. A host describes a request
//! ([`request::RequestView`]) and says what time it is; the crate answers with a decision or with the next
//! thing it needs. So every host gives the same answer, and a decision can be replayed from a log line.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod audit;
pub mod client;
pub mod config;
mod cors;
pub mod crypto;
pub mod decision;
pub mod delegation;
pub mod discovery;
pub mod dpop;
pub mod encoding;
pub mod engine;
pub mod event;
pub mod jose;
pub mod keys;
pub mod mcp;
pub mod memory;
pub mod metrics;
pub mod mtls;
pub mod net;
pub mod policy;
pub mod reason;
pub mod registry;
pub mod request;
pub mod response;
pub mod revocation;
pub mod served;
pub mod signature;
pub mod state;
pub mod time;
