//! Signed tokens: compact JWS (RFC 7515), JWK and JWK Sets (RFC 7517), thumbprints (RFC 7638), access tokens
//! (RFC 7519, RFC 9068), and the cache of key sets.
//!
//! Nothing here decrypts, and no key inside a token ever verifies that token.

pub mod jwk;
pub mod jws;
pub mod jwt;
pub mod key_set;
mod oct;
pub mod thumbprint;
pub mod verify;

pub use jwk::{Jwk, JwkError, JwkSet, JwkSetError};
pub use jws::{Jws, JwsError};
pub use jwt::{Claims, DecodedToken, JwtError, Profile, Rules, VerifiedToken};
pub use key_set::{KeySets, Lookup};
pub use thumbprint::thumbprint;
