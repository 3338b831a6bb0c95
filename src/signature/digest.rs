//! `Content-Digest` and `Repr-Digest` (RFC 9530 §2, §3): what binds the content of a message into its signature.
//!
//! Covering a field proves nothing by itself: the content must be hashed and compared, which [`verify_covered`] does
//! for what a signature covers. Content is what was received after transfer decoding and before content decoding: a
//! host that unpacked it (`Content-Encoding`) has nothing left to compare.
//!
//! `Content-Digest` is compared with the content. `Repr-Digest` is about the whole selected representation, which is
//! the content only in some messages. Never in one with `Content-Range`; else in requests (RFC 9530 §3.1), in responses to
//! `GET`, in those with `Content-Location` (§3.2) and in errors (§B.10), unless they answer `HEAD` or are 204, 206 or 304.
//! Everywhere else it refuses as not to be verified, rather than guess what the digest is of.
//!
//! Algorithms are `sha-256` and `sha-512`; those that RFC 9530 §5 deprecates are never enough. Digests in trailers,
//! and of the request under a response's signature (`req`), are not compared here.

use super::error::SignatureError;
use super::message::Message;
use super::presented::PresentedSignature;
use crate::encoding::structured::{Dictionary, Limits, write_bytes};
use alloc::string::String;
use sha2::{Digest, Sha256, Sha512};

/// Name of the field that is about the content, in lower case.
pub const CONTENT_DIGEST: &str = "content-digest";
/// Name of the field that is about the representation, in lower case.
pub const REPR_DIGEST: &str = "repr-digest";

/// A sender names one or two algorithms; RFC 9530 registers eight.
const LIMITS: Limits = Limits { bytes: 2048, members: 16, inner_items: 0, parameters: 16 };

/// A hash algorithm that RFC 9530 §5 has as active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// `sha-256`
    Sha256,
    /// `sha-512`
    Sha512,
}

impl DigestAlgorithm {
    /// The key in the registry of RFC 9530 §5.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|algorithm| algorithm.as_str() == key)
    }

    /// A value of `Content-Digest`, or of `Repr-Digest` where the content is the whole representation.
    #[must_use]
    pub fn field_value(self, content: &[u8]) -> String {
        let mut value = String::from(self.as_str());
        value.push('=');
        match self {
            Self::Sha256 => write_bytes(&Sha256::digest(content), &mut value),
            Self::Sha512 => write_bytes(&Sha512::digest(content), &mut value),
        }
        value
    }

    fn is_digest(self, content: &[u8], stated: &[u8]) -> bool {
        match self {
            Self::Sha256 => Sha256::digest(content).as_slice() == stated,
            Self::Sha512 => Sha512::digest(content).as_slice() == stated,
        }
    }
}

/// Checks the combined value of `Content-Digest` against the content.
///
/// Every digest of a known algorithm must match and there must be one at least; others are passed over.
pub fn verify(field_value: &str, content: &[u8]) -> Result<(), SignatureError> {
    let digests = parse(field_value)?;
    let mut known = 0;
    for entry in digests.entries() {
        let stated = entry.member.as_item().and_then(|item| item.value.as_bytes());
        let stated = stated.ok_or(SignatureError::DigestMalformed)?;
        let Some(algorithm) = DigestAlgorithm::from_key(entry.key) else { continue };
        if !algorithm.is_digest(content, stated) {
            return Err(SignatureError::DigestMismatch);
        }
        known += 1;
    }
    if known == 0 { Err(SignatureError::DigestUnsupported) } else { Ok(()) }
}

/// Checks the `Repr-Digest` of a message against its content, where that is the whole representation.
pub fn verify_representation(message: &Message<'_>, content: &[u8]) -> Result<(), SignatureError> {
    if !is_whole_representation(message) {
        return Err(SignatureError::DigestOfPart);
    }
    verify(&message.fields().combined(REPR_DIGEST).unwrap_or_default(), content)
}

/// Checks the content against every digest of it that a signature covers, and says whether there was one: without,
/// the content is not bound, whatever fields the message has.
pub fn verify_covered(
    presented: &PresentedSignature,
    message: &Message<'_>,
    content: &[u8],
) -> Result<bool, SignatureError> {
    let (covers_content, covers_repr) = (covers_digest(presented), covers_repr_digest(presented));
    if covers_content {
        verify(&message.fields().combined(CONTENT_DIGEST).unwrap_or_default(), content)?;
    }
    if covers_repr {
        verify_representation(message, content)?;
    }
    Ok(covers_content || covers_repr)
}

/// Whether a signature covers a digest of either kind, so that it can only be judged with the content.
#[must_use]
pub fn is_covered(presented: &PresentedSignature) -> bool {
    covers_digest(presented) || covers_repr_digest(presented)
}

/// Whether a signature covers a `Content-Digest` that [`verify`] checks: the whole field, or a member of a known
/// algorithm.
#[must_use]
pub fn covers_digest(presented: &PresentedSignature) -> bool {
    covers(presented, CONTENT_DIGEST)
}

/// Whether a signature covers a `Repr-Digest` likewise.
#[must_use]
pub fn covers_repr_digest(presented: &PresentedSignature) -> bool {
    covers(presented, REPR_DIGEST)
}

fn covers(presented: &PresentedSignature, field: &str) -> bool {
    let is_checked = |key: Option<&str>| key.is_none_or(|key| DigestAlgorithm::from_key(key).is_some());
    presented.components().iter().any(|component| component.is_field(field) && is_checked(component.key()))
}

/// A value of `Content-Digest` for content that is to be signed, with `sha-256`.
#[must_use]
pub fn content_digest(content: &[u8]) -> String {
    DigestAlgorithm::Sha256.field_value(content)
}

/// The algorithm that a `Want-Content-Digest` or `Want-Repr-Digest` likes best among those offered here (RFC 9530 §4);
/// `None` where it wants none of them. Preferences go from 1 to 10; 0 is a refusal, and with equal ones `sha-256` is
/// taken, which everyone has.
pub fn wanted(field_value: &str) -> Result<Option<DigestAlgorithm>, SignatureError> {
    let mut best = None;
    for entry in parse(field_value)?.entries() {
        let preference = entry.member.as_item().and_then(|item| item.value.as_integer());
        let preference =
            preference.filter(|p| (0..=10).contains(p)).ok_or(SignatureError::DigestMalformed)?;
        let Some(algorithm) = DigestAlgorithm::from_key(entry.key).filter(|_| preference > 0) else {
            continue;
        };
        let is_better = best.is_none_or(|(most, _)| {
            preference > most || (preference == most && algorithm == DigestAlgorithm::Sha256)
        });
        if is_better {
            best = Some((preference, algorithm));
        }
    }
    Ok(best.map(|(_, algorithm)| algorithm))
}

fn parse(field_value: &str) -> Result<Dictionary<'_>, SignatureError> {
    let digests =
        Dictionary::parse_within(field_value, LIMITS).map_err(|_| SignatureError::DigestMalformed)?;
    if digests.duplicate().is_some() { Err(SignatureError::DigestDuplicate) } else { Ok(digests) }
}

/// Whether a message's content is the representation that its `Repr-Digest` is of. A response that answers an unknown
/// request might answer a `HEAD`; one that reports success of a change might mean a representation that it does not
/// enclose (RFC 9530 §3.1).
fn is_whole_representation(message: &Message<'_>) -> bool {
    if message.fields().contains("content-range") {
        return false;
    }
    let Some(response) = message.response_view() else { return true };
    let Some(request) = message.request_view() else { return false };
    match (response.status(), request.method()) {
        (0..=199 | 204 | 206 | 304, _) | (_, "HEAD") => false,
        (400.., _) | (_, "GET") => true,
        _ => response.fields().contains("content-location"),
    }
}
