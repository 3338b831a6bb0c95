//! Whether what was proven is still good: statuses that issuers publish, and what administrators deny.
//!
//! Nothing here is asked before a signature verified: who presents a forgery makes the gate fetch and learn nothing.

pub mod admin;
pub mod ancestry;
pub(crate) mod denials;
pub mod deny_list;
pub mod ledger;
pub(crate) mod lists;
pub mod status_list;
