//! Who sent an agent, and for what: the claims of a delegation (RFC 8693, and those that deployed systems use), and the
//! one rule that a delegation only narrows.
//!
//! [`ClaimNames`] say where an issuer writes what, [`Claims`] are what was read there. [`scope`] and [`details`] compare
//! what two tokens permit; [`lineage`] holds a token against those that it came from.
//!
//! Nothing here verifies a signature, and `may_act` (RFC 8693 §4.4) is not read: it tells an issuer who may become an
//! actor, and a token that got through its issuer says who has.

mod claims;
pub mod details;
pub mod lineage;
mod names;
pub mod scope;

pub use claims::{Actor, ChainEntry, Claims, ClaimsError, MAX_GRANTS, MAX_NAME_BYTES, Record, ScopeLevel};
pub(crate) use names::find;
pub use names::{ClaimNames, ClaimPaths};
