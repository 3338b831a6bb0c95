//! Proof of possession at the application layer (DPoP, RFC 9449): the proof that goes with a token.
//!
//! [`Proof`] is a proof that was parsed and whose key and algorithm are acceptable; [`Proof::validate`] compares
//! what it claims with the request and the token (§4.3). Its signature is one more check for the engine. [`verify`] does
//! all of it for one proof, without a gate. [`Nonces`] makes and recognises the nonces (§8, §9) of routes that ask for them.

mod nonce;
mod proof;
pub mod verify;

pub use nonce::{MAX_NONCE_SECRETS, NONCE_FIELD, NonceBucket, Nonces};
pub use proof::{Proof, ProofError, ProofRules, normalise_htu};
