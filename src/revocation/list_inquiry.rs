//! Asking for a status list, and believing the answer: [`Asked`] and [`ListAnswer`].
//!
//! The list must be signed by a key that the issuer's key set had when it was asked for. One that names a key which was not
//! there is not believed; the name is kept, so that the key set is asked for it before the next attempt.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::inquiry::{About, Inquiry, InquiryError, InquiryResponse};
use super::lists::Key;
use super::status_list::{
    self, DecodedStatusList, ListRules, MAX_TOKEN_BYTES, MEDIA_TYPE, Reference, StatusListError,
    VerifiedStatusList,
};
use crate::config::Issuer;
use crate::crypto::{Algorithm, PublicKey, SignatureCheck, Verdict, sha256_parts};
use crate::jose::JwkSet;
use crate::jose::key_set::{CachingFields, Freshness};
use crate::time::UnixSeconds;

/// Most keys of the issuer that are tried where the list does not say which.
const MAX_CANDIDATES: usize = 4;

/// A list that is asked for, and what it has to be.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    issuer: String,
    uri: String,
    algorithms: Vec<Algorithm>,
    clock_skew: Duration,
    max_age: Duration,
    keys: Arc<JwkSet>,
}

/// A list as it came, with what is known of its signature.
#[derive(Clone, Debug)]
pub(crate) struct ListAnswer {
    asked: Arc<Asked>,
    decoded: DecodedStatusList,
    /// The check that holds, where the core could tell.
    holds: Option<SignatureCheck>,
    /// How long the response says that it is fresh.
    pub(crate) stated: Option<Duration>,
    received_at: UnixSeconds,
}

/// What a response came to.
pub(super) struct Read {
    pub(super) answer: Result<Box<ListAnswer>, InquiryError>,
    /// What the host has to verify, of which one must hold.
    pub(super) checks: Vec<SignatureCheck>,
    /// The name of the key that the list names, and the key set does not have.
    pub(super) unknown_kid: Option<String>,
}

/// What a list is known by: of its issuer, since another may not speak for it.
pub(crate) fn key(issuer: &Issuer, reference: &Reference) -> Key {
    sha256_parts(&["status-list", issuer.name(), reference.uri()])
}

/// The question for a list, of an issuer with these keys.
pub(crate) fn inquiry(issuer: &Issuer, reference: &Reference, keys: Arc<JwkSet>) -> Inquiry {
    let asked = Asked {
        issuer: issuer.name().into(),
        uri: reference.uri().into(),
        algorithms: issuer.rules.algorithms.clone(),
        clock_skew: issuer.rules.clock_skew,
        max_age: issuer.status_lists.max_age,
        keys,
    };
    Inquiry {
        key: key(issuer, reference),
        method: "GET",
        url: reference.uri().into(),
        accept: MEDIA_TYPE,
        content_type: None,
        authorization: None,
        body: None,
        signing: None,
        max_bytes: MAX_TOKEN_BYTES,
        // Below what the operator has named, who may have his issuer in his own network.
        is_public_only: false,
        about: About::StatusList(Arc::new(asked)),
    }
}

impl Asked {
    /// Whose list it is.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How long the configuration lets a list be used.
    pub(crate) fn max_age(&self) -> Duration {
        self.max_age
    }

    fn rules(&self) -> ListRules<'_> {
        ListRules {
            issuer: &self.issuer,
            uri: &self.uri,
            algorithms: &self.algorithms,
            clock_skew: self.clock_skew,
        }
    }
}

/// Reads a response.
pub(super) fn read(asked: &Arc<Asked>, response: &InquiryResponse<'_>, now: UnixSeconds) -> Read {
    let mut checks = Vec::new();
    let mut unknown_kid = None;
    let answer = answer(asked, response, now).and_then(|mut answer| {
        let rules = asked.rules();
        let algorithm = answer.decoded.precheck(&rules, now).map_err(InquiryError::StatusList)?;
        let candidates = asked.keys.candidates(answer.decoded.kid(), algorithm);
        if candidates.is_empty() {
            unknown_kid = answer.decoded.kid().map(String::from);
        }
        for key in candidates.into_iter().take(MAX_CANDIDATES) {
            // A signature that does not even fit this key may fit the next.
            let Ok(check) = answer.decoded.check(key, &rules) else { continue };
            match key.key() {
                PublicKey::Ed25519(_) if check.verify() == Verdict::Valid => answer.holds = Some(check),
                PublicKey::Ed25519(_) => {}
                _ => checks.push(check),
            }
        }
        if answer.holds.is_none() && checks.is_empty() {
            return Err(InquiryError::StatusList(StatusListError::Signature));
        }
        Ok(answer)
    });
    Read { answer, checks, unknown_kid }
}

fn answer(
    asked: &Arc<Asked>,
    response: &InquiryResponse<'_>,
    now: UnixSeconds,
) -> Result<Box<ListAnswer>, InquiryError> {
    if response.status != 200 {
        return Err(InquiryError::Status(response.status));
    }
    let body = response.body.ok_or(InquiryError::TooLong)?;
    // The draft wants this media type (§8.2); what it says is that of the token's own `typ`, which is signed.
    if response.media_type().as_deref() != Some(MEDIA_TYPE) {
        return Err(InquiryError::MediaType);
    }
    let text = core::str::from_utf8(body).map_err(|_| InquiryError::Malformed)?;
    let decoded = status_list::parse(text.trim_ascii_end()).map_err(InquiryError::StatusList)?;
    let [cache_control, age, date, expires] =
        ["cache-control", "age", "date", "expires"].map(|name| response.fields.combined(name));
    let fields = CachingFields {
        cache_control: cache_control.as_deref(),
        age: age.as_deref(),
        date: date.as_deref(),
        expires: expires.as_deref(),
    };
    let stated = Freshness::read(&fields, now).fresh_for;
    Ok(Box::new(ListAnswer { asked: Arc::clone(asked), decoded, holds: None, stated, received_at: now }))
}

impl ListAnswer {
    /// The list, with the host's verdicts on the checks that it was left.
    pub(crate) fn verified(
        &self,
        checks: &[SignatureCheck],
        verdicts: &[bool],
    ) -> Result<VerifiedStatusList, StatusListError> {
        let valid = checks.iter().zip(verdicts).find(|(_, valid)| **valid).map(|(check, _)| check);
        let check = self.holds.as_ref().or(valid).ok_or(StatusListError::Signature)?;
        self.decoded.verified(check, Verdict::Valid, &self.asked.rules(), self.received_at)
    }
}
