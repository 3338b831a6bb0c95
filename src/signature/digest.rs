//! `Content-Digest` (RFC 9530 §2): what binds the content of a message into its signature.
//!
//! Covering the field proves nothing by itself: the content must be hashed and compared, which [`verify`] does.
//! `Repr-Digest`, the `Want-` fields and the insecure algorithms of RFC 9530 §5 are not implemented.

use super::error::SignatureError;
use super::presented::PresentedSignature;
use crate::encoding::structured::{Dictionary, Limits, write_bytes};
use alloc::string::String;
use sha2::{Digest, Sha256, Sha512};

/// Name of the field, in lower case.
pub const CONTENT_DIGEST: &str = "content-digest";

/// A sender names one or two algorithms; RFC 9530 registers eight.
const LIMITS: Limits = Limits { bytes: 2048, members: 16, inner_items: 0, parameters: 16 };

/// Checks the combined value of `Content-Digest` against the content.
///
/// Every digest of a known algorithm (`sha-256`, `sha-512`) must match and there must be one at least; others
/// are passed over.
pub fn verify(field_value: &str, content: &[u8]) -> Result<(), SignatureError> {
    let digests =
        Dictionary::parse_within(field_value, LIMITS).map_err(|_| SignatureError::DigestMalformed)?;
    if digests.duplicate().is_some() {
        return Err(SignatureError::DigestDuplicate);
    }
    let mut known = 0;
    for entry in digests.entries() {
        let stated = entry.member.as_item().and_then(|item| item.value.as_bytes());
        let stated = stated.ok_or(SignatureError::DigestMalformed)?;
        let matches = match entry.key {
            "sha-256" => Sha256::digest(content).as_slice() == stated,
            "sha-512" => Sha512::digest(content).as_slice() == stated,
            _ => continue,
        };
        if !matches {
            return Err(SignatureError::DigestMismatch);
        }
        known += 1;
    }
    if known == 0 { Err(SignatureError::DigestUnsupported) } else { Ok(()) }
}

/// Whether a signature covers a digest of the content that [`verify`] checks: the whole field, or a member of a
/// known algorithm.
#[must_use]
pub fn covers_digest(presented: &PresentedSignature) -> bool {
    presented.components().iter().any(|component| {
        component.is_field(CONTENT_DIGEST) && matches!(component.key(), None | Some("sha-256" | "sha-512"))
    })
}

/// A value of `Content-Digest` for content that is to be signed, with `sha-256`.
#[must_use]
pub fn content_digest(content: &[u8]) -> String {
    let mut value = String::from("sha-256=");
    write_bytes(&Sha256::digest(content), &mut value);
    value
}
