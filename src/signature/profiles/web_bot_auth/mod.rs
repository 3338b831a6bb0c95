//! Web Bot Auth: automated clients that sign requests and say where their keys are
//! (draft-ietf-webbotauth-httpsig-protocol, and the earlier forms that are live on the wire).
//!
//! [`claim`] checks everything that can be checked before a key is known, and answers with an [`AgentClaim`]: the
//! pair of URL and key by which the key must be looked up. It fetches nothing, verifies nothing and keeps no
//! nonces; it does not read `type=cimd`. Whether a URL is trusted, and whether a published test key is, is the
//! host's policy ([`is_published_test_key`](crate::signature::is_published_test_key)).

mod agent;
mod source;

pub use agent::AgentForm;
pub use source::{KeySourceUrl, WELL_KNOWN_PATH};

use crate::request::RequestView;
use crate::signature::{ComponentName, PresentedSignature, SignatureError, SignatureParams};
use crate::time::UnixSeconds;
use alloc::string::String;
use core::time::Duration;

/// The `tag` that makes a signature one of this profile.
pub const TAG: &str = "web-bot-auth";

/// What a verifier accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How far `created` may lie ahead of the verifier's clock: 30 s by default. It does not extend `expires`,
    /// which the signer chose itself.
    pub clock_skew: Duration,
    /// Longest time from `created` to `expires`: 24 h by default, the draft's recommendation.
    pub max_window: Duration,
    /// Whether a `nonce` must be there; off by default, as the draft leaves replay to RFC 9421.
    pub require_nonce: bool,
    /// Whether loopback hosts may be named, also over plain `http`; off by default, for tests only.
    pub allow_loopback_http: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            clock_skew: Duration::from_secs(30),
            max_window: Duration::from_hours(24),
            require_nonce: false,
            allow_loopback_http: false,
        }
    }
}

/// Who claims to have signed, and where the key is. Only [`claim`] makes one; it is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentClaim {
    /// Which of the three wire forms `Signature-Agent` had.
    pub form: AgentForm,
    /// Where the keys are: half of the pair by which a key is looked up, and the agent's identity.
    pub source: KeySourceUrl,
    /// The thumbprint of the key: the other half.
    pub keyid: String,
    /// When the signature was made.
    pub created: UnixSeconds,
    /// When it stops being valid.
    pub expires: UnixSeconds,
    /// The signer's nonce: to be recorded once the signature has verified.
    pub nonce: Option<String>,
}

impl AgentClaim {
    /// The identifier to attach policy to, once verified: the key source without query.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.source.identity()
    }

    /// The origin of the key source.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.source.origin()
    }
}

/// The signatures of this profile, in the order received.
pub fn select(presented: &[PresentedSignature]) -> impl Iterator<Item = &PresentedSignature> {
    presented.iter().filter(|signature| signature.params().tag.as_deref() == Some(TAG))
}

/// Checks a signature against the profile and reads who it claims to be from.
pub fn claim(
    presented: &PresentedSignature,
    view: &RequestView,
    now: UnixSeconds,
    rules: &Rules,
) -> Result<AgentClaim, SignatureError> {
    let params = presented.params();
    if params.tag.as_deref() != Some(TAG) {
        return Err(SignatureError::TagMismatch);
    }
    if params.alg.as_deref() == Some("hmac-sha256") {
        return Err(SignatureError::AlgorithmSymmetric);
    }
    let covers = |name| presented.components().iter().any(|c| c.is_derived(name));
    if !covers(&ComponentName::Authority) && !covers(&ComponentName::TargetUri) {
        return Err(SignatureError::TargetNotCovered);
    }
    let (created, expires) = window(params, now, rules)?;
    let keyid = keyid(params)?;
    let nonce = params.nonce.clone().filter(|nonce| !nonce.is_empty());
    if rules.require_nonce && nonce.is_none() {
        return Err(SignatureError::NonceMissing);
    }
    let (form, source) = agent::resolve(presented, view, rules.allow_loopback_http)?;
    Ok(AgentClaim { form, source, keyid, created, expires, nonce })
}

fn window(
    params: &SignatureParams,
    now: UnixSeconds,
    rules: &Rules,
) -> Result<(UnixSeconds, UnixSeconds), SignatureError> {
    let created = params.created.ok_or(SignatureError::CreatedMissing)?;
    let expires = params.expires.ok_or(SignatureError::ExpiresMissing)?;
    if created > now.plus(rules.clock_skew) {
        return Err(SignatureError::CreatedInFuture);
    }
    if expires <= created {
        return Err(SignatureError::ExpiresBeforeCreated);
    }
    if expires <= now {
        return Err(SignatureError::Expired);
    }
    if expires.since(created) > rules.max_window {
        return Err(SignatureError::WindowTooLong);
    }
    Ok((created, expires))
}

fn keyid(params: &SignatureParams) -> Result<String, SignatureError> {
    let keyid = params.keyid.as_deref().ok_or(SignatureError::KeyIdMissing)?;
    if is_thumbprint(keyid) { Ok(keyid.into()) } else { Err(SignatureError::KeyIdMalformed) }
}

/// 32 bytes in unpadded base64url: 43 characters, of which the last has two bits to spare that must be zero, lest
/// one key have four names.
fn is_thumbprint(text: &str) -> bool {
    let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() == 43 && text.bytes().all(in_alphabet) && text.ends_with(|c| "AEIMQUYcgkosw048".contains(c))
}
