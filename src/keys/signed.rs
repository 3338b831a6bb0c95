//! Signed directory responses (draft-meunier-webbotauth-httpsig-directory, "Binding keys to the directory
//! authority"): which keys of a directory have signed the response that brought them.
//!
//! A directory server signs its response once with each key, so that nobody can publish a key that he does not hold,
//! nor pass off another authority's directory as his. A key is kept that signed, under the tag [`TAG`] and named by its
//! thumbprint, at least `"@authority";req` and `content-digest`, within the window of `created` and `expires`, where the
//! digest is that of the body. The window is judged when the response comes: how long the keys then serve is said by
//! its caching fields. Nonces are not looked at: a repeated response is an old response, which the window bounds.
//!
//! The core verifies Ed25519; the rest is left to the host, as for requests, so that every host gives one verdict.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict};
use crate::jose::JwkSet;
use crate::jose::jwk::Jwk;
use crate::request::{Fields, RequestView, Target};
use crate::response::ResponseView;
use crate::signature::{
    Component, Message, Param, PresentedSignature, SignatureError, digest, present, signature_base,
};
use crate::time::UnixSeconds;

/// The `tag` of a directory's signatures.
pub const TAG: &str = "http-message-signatures-directory";

/// Longest time from `created` to `expires`: 24 h, as for requests.
const MAX_WINDOW: Duration = Duration::from_hours(24);

/// The covered component that binds a response to the authority that was asked.
const AUTHORITY: &str = "\"@authority\";req";

/// The algorithms of RFC 9421's registry that have a public key. What a build knows beside them is for other purposes.
const ALGORITHMS: [&str; 5] =
    ["ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256"];

/// Why a key of a directory that must be signed is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// The response has no signature of this key for this purpose.
    Unsigned,
    /// The response's signatures, or that of this key, or the digest that it covers, are refused as on a request.
    Signature(SignatureError),
    /// The signature does not cover `"@authority";req`.
    AuthorityNotCovered,
    /// The signature does not cover `content-digest`.
    DigestNotCovered,
    /// Key and signature do not say one algorithm, or say two.
    Algorithm,
    /// The signature is not the key's, or is not one of this exchange.
    Invalid,
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "key has not signed the directory",
            Self::Signature(error) => return error.fmt(f),
            Self::AuthorityNotCovered => "directory signature does not cover \"@authority\";req",
            Self::DigestNotCovered => "directory signature does not cover content-digest",
            Self::Algorithm => "directory signature and key do not agree on one algorithm",
            Self::Invalid => "directory signature is not valid",
        })
    }
}

impl core::error::Error for KeyRefusal {}

impl From<SignatureError> for KeyRefusal {
    fn from(error: SignatureError) -> Self {
        Self::Signature(error)
    }
}

/// A fetch of a directory, as its signatures see it.
pub(super) struct Exchange<'a> {
    /// What was asked for.
    pub(super) url: &'a str,
    pub(super) accept: &'a str,
    pub(super) status: u16,
    pub(super) fields: &'a Fields,
    pub(super) body: &'a [u8],
    pub(super) received_at: UnixSeconds,
    pub(super) clock_skew: Duration,
}

/// The keys of a directory, each with what is known of its signature.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    set: JwkSet,
    /// In the order of the keys.
    keys: Vec<Result<Judgement, KeyRefusal>>,
}

#[derive(Clone, Debug)]
enum Judgement {
    Valid,
    /// The host has to verify this.
    Pending(SignatureCheck),
}

impl Judged {
    pub(super) fn new(set: JwkSet, exchange: &Exchange<'_>) -> Self {
        let keys = judge(set.keys(), exchange)
            .unwrap_or_else(|error| set.keys().iter().map(|_| Err(KeyRefusal::Signature(error))).collect());
        Self { set, keys }
    }

    /// What the host has to verify.
    pub(super) fn checks(&self) -> impl Iterator<Item = &SignatureCheck> {
        self.keys.iter().filter_map(|key| match key {
            Ok(Judgement::Pending(check)) => Some(check),
            _ => None,
        })
    }

    /// The keys that signed, and why the others are not among them, by thumbprint. `verdicts` are those on the checks,
    /// in their order; one that is missing is that the signature is not valid.
    pub(super) fn conclude(self, verdicts: &[bool]) -> (JwkSet, Vec<(String, KeyRefusal)>) {
        let mut verdicts = verdicts.iter().copied();
        let mut refusals = Vec::new();
        let mut judgements = self.keys.into_iter();
        let set = self.set.filtered(|key| {
            let refusal = match judgements.next() {
                Some(Ok(Judgement::Valid)) => return true,
                Some(Ok(Judgement::Pending(_))) if verdicts.next() == Some(true) => return true,
                Some(Err(refusal)) => refusal,
                _ => KeyRefusal::Invalid,
            };
            refusals.push((String::from(key.thumbprint()), refusal));
            false
        });
        (set, refusals)
    }
}

/// What is common to all keys refuses them all.
fn judge(
    keys: &[Jwk],
    exchange: &Exchange<'_>,
) -> Result<Vec<Result<Judgement, KeyRefusal>>, SignatureError> {
    let malformed = |_| SignatureError::InputMalformed;
    let mut asked = Fields::new();
    asked.push("accept", exchange.accept).map_err(malformed)?;
    let target = Target::parse(exchange.url).map_err(malformed)?;
    let request = RequestView::new("GET", target.clone(), asked, false).map_err(malformed)?;
    let response = ResponseView::new(exchange.status, exchange.fields.clone(), true).map_err(malformed)?;
    let message = Message::response(&response, Some((&request, &target)));
    let presented = match present(exchange.fields) {
        Err(SignatureError::Missing) => Vec::new(),
        presented => presented?,
    };
    Ok(keys.iter().map(|key| judge_key(key, &presented, &message, exchange)).collect())
}

fn judge_key(
    key: &Jwk,
    presented: &[PresentedSignature],
    message: &Message<'_>,
    exchange: &Exchange<'_>,
) -> Result<Judgement, KeyRefusal> {
    let is_of_key = |signature: &&PresentedSignature| {
        let params = signature.params();
        params.tag.as_deref() == Some(TAG) && params.keyid.as_deref() == Some(key.thumbprint())
    };
    let signature = presented.iter().find(is_of_key).ok_or(KeyRefusal::Unsigned)?;
    if !signature.components().iter().map(Component::identifier).any(|name| name == AUTHORITY) {
        return Err(KeyRefusal::AuthorityNotCovered);
    }
    if !digest::covers_digest(signature) {
        return Err(KeyRefusal::DigestNotCovered);
    }
    check_window(signature, exchange)?;
    let digests = exchange.fields.combined(digest::CONTENT_DIGEST).unwrap_or_default();
    digest::verify(&digests, exchange.body)?;
    let algorithm = algorithm(key, signature.params().alg.as_deref()).ok_or(KeyRefusal::Algorithm)?;
    let base = signature_base(signature, message)?;
    let bytes = signature.signature().to_vec();
    let check = SignatureCheck::new(key.key().clone(), algorithm, base.into_bytes(), bytes)
        .map_err(|_| KeyRefusal::Invalid)?;
    match key.key() {
        PublicKey::Ed25519(_) if check.verify() == Verdict::Valid => Ok(Judgement::Valid),
        PublicKey::Ed25519(_) => Err(KeyRefusal::Invalid),
        _ => Ok(Judgement::Pending(check)),
    }
}

fn check_window(signature: &PresentedSignature, exchange: &Exchange<'_>) -> Result<(), SignatureError> {
    let created = signature.params().created.ok_or(SignatureError::ParamMissing(Param::Created))?;
    let expires = signature.params().expires.ok_or(SignatureError::ParamMissing(Param::Expires))?;
    let now = exchange.received_at;
    if created > now.plus(exchange.clock_skew) {
        return Err(SignatureError::CreatedInFuture);
    }
    if expires <= created {
        return Err(SignatureError::ExpiresBeforeCreated);
    }
    if expires <= now {
        return Err(SignatureError::Expired);
    }
    if expires.since(created) > MAX_WINDOW {
        return Err(SignatureError::WindowTooLong);
    }
    Ok(())
}

/// The one algorithm that key and signature leave.
fn algorithm(key: &Jwk, stated: Option<&str>) -> Option<Algorithm> {
    let fits = |algorithm: &Algorithm| {
        let Some(name) = algorithm.http_signatures() else { return false };
        key.permits(*algorithm) && ALGORITHMS.contains(&name) && stated.is_none_or(|stated| stated == name)
    };
    let mut fitting = Algorithm::ALL.iter().copied().filter(fits);
    fitting.next().filter(|_| fitting.next().is_none())
}
