//! Algorithms, public keys and signature checks, alike on every backend.
//!
//! A [`SignatureCheck`] is data: made only after key, lengths, canonical form and ranges passed, then answered
//! by the built-in backend ([`SignatureCheck::verify`]) or by the host (`WebCrypto`, `node:crypto`), which then
//! cannot disagree on the edge cases: they never reach it.
//!
//! Only verification of public values happens here, in variable time. No keys are made and nothing is signed.

pub mod algorithm;
pub mod check;
mod curve;
mod ec;
#[cfg(feature = "ecdsa")]
mod ecdsa;
pub mod ed25519;
pub mod hash;
pub mod hmac;
pub mod key;
#[cfg(feature = "rsa")]
mod rsa;

pub use algorithm::Algorithm;
pub use check::{CheckError, SignatureCheck, Verdict};
pub use ec::{EcKey, P256Key, P384Key};
pub use ed25519::WarmKeys;
pub use hash::{constant_time_eq, sha256, sha256_base64url, sha256_parts};
pub use hmac::SharedKey;
pub use key::{KeyError, PublicKey};
