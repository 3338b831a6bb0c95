//! JWK thumbprints with SHA-256 (RFC 7638 §3, RFC 8037 §2): `jkt`, and the `keyid` of Web Bot Auth.

use alloc::string::String;

use crate::crypto::PublicKey;
use crate::crypto::hash::sha256_base64url;

/// The thumbprint of a key: base64url of SHA-256 over its required members in lexicographic order.
#[must_use]
pub fn thumbprint(key: &PublicKey) -> String {
    sha256_base64url(key.to_jwk().as_bytes())
}
