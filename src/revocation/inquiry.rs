//! One question to the outside, and what came of it: [`Inquiry`].
//!
//! The host sends it as it is and gives what it got to [`Inquiry::read`], verifies the [`InquiryReading::checks`] that
//! this leaves to it, and gives the reading to
//! [`Memory::inquiry_answered`](crate::memory::Memory::inquiry_answered). Fetching is its own: only URLs that
//! [`Gate::may_fetch`](crate::config::Gate::may_fetch) permits, no redirects, at most [`Inquiry::max_bytes`] read,
//! an answer within some seconds, nothing of it in any shared cache, and for [`Inquiry::is_public_only`] no address but
//! those that [`net::is_public`](crate::net::is_public) lets through.
//!
//! Questions and answers may be secret: no `Debug` output has them, and the host must not log them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::introspection::{self, Answer};
use super::list_inquiry;
use super::status_list::{StatusListError, VerifiedStatusList};
use crate::crypto::{Algorithm, SignatureCheck};
use crate::encoding::base64url;
use crate::jose::key_set;
use crate::request::Fields;
use crate::time::UnixSeconds;

/// Most bytes of an answer that a host reads: 64 KiB. An introspection answer has claims as a token of 8 KiB has.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What an inquiry is about, and so where its answer goes.
#[derive(Clone, Debug)]
pub(crate) enum About {
    /// A token, of the issuer of this name.
    Introspection(introspection::Asked),
    /// A status list.
    StatusList(Arc<list_inquiry::Asked>),
}

/// One question to the outside.
#[derive(Clone)]
pub struct Inquiry {
    pub(super) about: About,
    pub(super) key: [u8; 32],
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) accept: &'static str,
    pub(super) content_type: Option<&'static str>,
    pub(super) authorization: Option<String>,
    pub(super) body: Option<String>,
    pub(super) signing: Option<Signing>,
    pub(super) max_bytes: usize,
    pub(super) is_public_only: bool,
}

/// What a host signs for an inquiry, with a key that the gate was given for it.
#[derive(Clone)]
pub struct Signing {
    pub(super) key: String,
    pub(super) algorithm: Algorithm,
    pub(super) message: String,
}

impl Signing {
    /// The private key, as a JWK in JSON. A secret.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How to sign. ECDSA signatures are r‖s, and the salt of RSASSA-PSS is as long as the hash (RFC 7518 §3.4, §3.5).
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How many bytes of salt an RSASSA-PSS signature has.
    #[must_use]
    pub fn salt_length(&self) -> Option<usize> {
        // The only one of them that credentials are taken for.
        (self.algorithm == Algorithm::RsaPssSha256).then_some(32)
    }

    /// What to sign.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.message.as_bytes()
    }
}

impl fmt::Debug for Signing {
    /// Nothing of the key, nor what is said in somebody's name with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl fmt::Debug for Inquiry {
    /// Whom it asks, and not what: a token may be in it, and what proves who asks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Inquiry {
    /// What tells it apart from every other: a digest.
    #[must_use]
    pub fn id(&self) -> String {
        base64url::encode(&self.key)
    }

    /// The method: `GET` or `POST`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to put into `Accept`.
    #[must_use]
    pub fn accept(&self) -> &'static str {
        self.accept
    }

    /// What to put into `Content-Type`, where there is a body.
    #[must_use]
    pub fn content_type(&self) -> Option<&'static str> {
        self.content_type
    }

    /// What to put into `Authorization`, where something is. A secret.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The body, where there is one. A secret. Where there is [something to sign](Self::signing), it ends where the
    /// signature goes, in base64url ([`Self::signed`]).
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// What the host has to sign first.
    #[must_use]
    pub fn signing(&self) -> Option<&Signing> {
        self.signing.as_ref()
    }

    /// The same inquiry with its signature.
    #[must_use]
    pub fn signed(mut self, signature: &[u8]) -> Self {
        if let (Some(_), Some(body)) = (self.signing.take(), &mut self.body) {
            body.push_str(&base64url::encode(signature));
        }
        self
    }

    /// Most bytes of an answer that the host reads.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Whether the host may connect to public addresses only: somebody else than the operator chose the name.
    #[must_use]
    pub fn is_public_only(&self) -> bool {
        self.is_public_only
    }

    /// The name of the answer in a store; `None` where it may not be stored, as it is about a secret of somebody's.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match &self.about {
            // Nor a list: who can write to the store could have one of a former day believed.
            About::Introspection(_) | About::StatusList(_) => None,
        }
    }

    /// Whom it asks, for logs: what the operator has named.
    #[must_use]
    pub fn configured(&self) -> &str {
        &self.url
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    pub(crate) fn key(&self) -> [u8; 32] {
        self.key
    }

    /// Reads the answer.
    #[must_use]
    pub fn read(&self, response: &InquiryResponse<'_>, now: UnixSeconds) -> InquiryReading {
        let retry_after = response.fields.combined("retry-after");
        let retry_after = retry_after.and_then(|value| key_set::retry_after(&value, now));
        let bytes = response.body.map_or(0, <[u8]>::len);
        match &self.about {
            About::Introspection(_) => InquiryReading {
                found: introspection::read(response).map(Answered::Introspection),
                checks: Vec::new(),
                unknown_kid: None,
                retry_after,
                bytes,
            },
            About::StatusList(asked) => {
                let list_inquiry::Read { answer, checks, unknown_kid } =
                    list_inquiry::read(asked, response, now);
                let found = answer.map(Answered::StatusList);
                InquiryReading { found, checks, unknown_kid, retry_after, bytes }
            }
        }
    }
}

/// What a host got for an inquiry.
#[derive(Clone, Debug)]
pub struct InquiryResponse<'a> {
    pub(super) status: u16,
    pub(super) fields: Fields,
    /// `None` where it is longer than an answer may be.
    pub(super) body: Option<&'a [u8]>,
}

impl<'a> InquiryResponse<'a> {
    /// A response without fields. `body` is `None` where it is longer than [`Inquiry::max_bytes`].
    #[must_use]
    pub fn new(status: u16, body: Option<&'a [u8]>) -> Self {
        Self { status, fields: Fields::new(), body }
    }

    /// The same with a field line. What no field can be, or is too much of them, is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let _ = self.fields.push(name, value);
        self
    }

    /// The media type, in lower case and without parameters (RFC 9110 §8.3.1).
    pub(super) fn media_type(&self) -> Option<String> {
        let content_type = self.fields.combined("content-type")?;
        content_type.split(';').next().map(|essence| essence.trim().to_ascii_lowercase())
    }
}

/// Why a response is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InquiryError {
    /// The status is not 200. Redirects are not followed.
    Status(u16),
    /// It has another media type.
    MediaType,
    /// It is longer than an answer may be.
    TooLong,
    /// It is not what the standard demands of it.
    Malformed,
    /// It is a status list that is not believed.
    StatusList(StatusListError),
}

impl InquiryError {
    /// Whether it says something about who was asked, rather than about what: the endpoint is overloaded, broken, or
    /// does not know the gate.
    pub(crate) fn is_of_source(self) -> bool {
        matches!(self, Self::Status(..=399 | 401 | 403 | 404 | 429 | 500..) | Self::MediaType)
    }
}

impl fmt::Display for InquiryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "answered with status {status}"),
            Self::MediaType => f.write_str("answered with another media type"),
            Self::TooLong => f.write_str("answered with more than is read"),
            Self::Malformed => f.write_str("answered with what is no answer"),
            Self::StatusList(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for InquiryError {}

/// What a response came to.
#[derive(Clone, Debug)]
pub struct InquiryReading {
    pub(super) found: Result<Answered, InquiryError>,
    pub(super) checks: Vec<SignatureCheck>,
    pub(super) unknown_kid: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) bytes: usize,
}

/// An answer as it came, of each kind of inquiry.
#[derive(Clone, Debug)]
pub(super) enum Answered {
    Introspection(Answer),
    StatusList(Box<list_inquiry::ListAnswer>),
}

/// An answer that may be believed, of each kind of inquiry.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Introspection(Answer),
    StatusList(VerifiedList),
}

/// A list that its issuer signed.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedList {
    pub(crate) verified: VerifiedStatusList,
    /// How long its response says that it is fresh.
    pub(crate) stated: Option<Duration>,
}

impl InquiryReading {
    /// The signatures on the answer that the host has to verify, in order. None on those that are believed for where
    /// they came from.
    #[must_use]
    pub fn checks(&self) -> &[SignatureCheck] {
        &self.checks
    }

    /// The key that the answer is signed with, where nobody knows it.
    pub(crate) fn unknown_kid(&self) -> Option<String> {
        self.unknown_kid.clone()
    }

    /// How long the answer was.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The answer, with the host's verdicts on the checks; one that is missing is that the signature is not valid.
    pub(crate) fn conclude(self, verdicts: &[bool]) -> Result<Found, InquiryError> {
        match self.found? {
            Answered::Introspection(answer) => Ok(Found::Introspection(answer)),
            Answered::StatusList(answer) => {
                let verified = answer.verified(&self.checks, verdicts).map_err(InquiryError::StatusList)?;
                Ok(Found::StatusList(VerifiedList { verified, stated: answer.stated }))
            }
        }
    }
}

/// What became of a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InquiryTaken {
    /// What to store under [`Inquiry::name`], and for how long, where it is to be stored.
    pub store: Option<(String, Duration)>,
    /// Why the response is no answer, for a log.
    pub error: Option<InquiryError>,
}
