//! Proof of possession at the application layer (DPoP, RFC 9449): the proof that goes with a token.
//!
//! [`Proof`] is a proof that was parsed and whose key and algorithm are acceptable; [`Proof::validate`] compares
//! what it claims with the request and the token (§4.3). Its signature is one more check for the engine; nonces
//! (§8, §9) are not read yet.

mod proof;

pub use proof::{Proof, ProofError, ProofRules, normalise_htu};
