//! The plain header scheme of first deployments: an agent's name, a time, and a signature over body ‖ time.
//!
//! Weaker than a message signature, and opt-in: it binds neither method nor URL nor any other field, so that whoever
//! sees a request can send the same body elsewhere until its time has passed. Content that ends like a signature base is
//! refused, and a registered key's message signature whose last parameter is a time is, where this profile is enabled:
//! either could be the other. The time is in whole seconds since 1970;
//! the signature is Base64 (RFC 4648 §4, padded). Keys are those of the registered agent.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Carrier, Profile, Rules, own_target};
use crate::crypto::{Algorithm, CheckError, SignatureCheck};
use crate::encoding::structured::Item;
use crate::jose::jwk::Jwk;
use crate::request::Fields;
use crate::signature::{MAX_SIGNATURE_BYTES, PresentedSignature, SignatureError, is_published_test_key};
use crate::time::UnixSeconds;

/// Longest name of an agent, in bytes.
pub const MAX_AGENT_BYTES: usize = 256;

/// The plain header scheme.
pub(super) const PROFILE: Profile = Profile {
    name: "agent-headers",
    carrier: Carrier::PlainHeaders,
    tags: &[],
    components: &[],
    parameters: &[],
    // How far the time may lie from the verifier's, before and after.
    max_window: Duration::from_mins(5),
    algorithms: &[Algorithm::Ed25519, Algorithm::RsaV15Sha256],
    single_use: true,
    may_share_keys: false,
    longest_salt: false,
    refuses_published_keys: true,
    min_rsa_bits: 4096,
    present: None,
    target: own_target,
    member_field: None,
    locate: None,
};

/// The names of the fields, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// Who it is. Default: `agent-id`.
    pub agent: String,
    /// When it was made. Default: `timestamp`.
    pub timestamp: String,
    /// The signature. Default: `signature`.
    pub signature: String,
}

impl Default for HeaderNames {
    fn default() -> Self {
        let [agent, timestamp, signature] = ["agent-id", "timestamp", "signature"].map(ToOwned::to_owned);
        Self { agent, timestamp, signature }
    }
}

/// A signature as the plain header scheme carries it: well-formed, and not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainSignature {
    /// Who claims to have signed: the name of a registered agent.
    pub agent: String,
    /// When.
    pub created: UnixSeconds,
    /// Until when it is good.
    pub until: UnixSeconds,
    timestamp: String,
    signature: Vec<u8>,
}

/// Reads the fields of the scheme. `None` where the request has none for an agent's name, or carries a message
/// signature: one field name may serve both schemes.
pub fn present(
    fields: &Fields,
    rules: &Rules,
    now: UnixSeconds,
) -> Result<Option<PlainSignature>, SignatureError> {
    let names = &rules.headers;
    if !fields.contains(&names.agent) || fields.contains("signature-input") {
        return Ok(None);
    }
    let agent = only(fields, &names.agent)?;
    if agent.is_empty() || agent.len() > MAX_AGENT_BYTES || !agent.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(SignatureError::AgentMalformed);
    }
    let timestamp = only(fields, &names.timestamp)?;
    let created = seconds(timestamp).ok_or(SignatureError::TimestampMalformed)?;
    if created > now.plus(rules.max_window) {
        return Err(SignatureError::CreatedInFuture);
    }
    let until = created.plus(rules.max_window);
    if until <= now {
        return Err(SignatureError::TooOld);
    }
    let signature = base64(only(fields, &names.signature)?)?;
    Ok(Some(PlainSignature { agent: agent.into(), created, until, timestamp: timestamp.into(), signature }))
}

/// Whether the fields of the scheme are there, and are not read because the request carries a message signature. In one
/// field both cannot be.
#[must_use]
pub fn is_passed_over(fields: &Fields, rules: &Rules) -> bool {
    let HeaderNames { agent, signature, .. } = &rules.headers;
    fields.contains("signature-input")
        && signature != "signature"
        && fields.contains(agent)
        && fields.contains(signature)
}

/// The one line of a field. Lines that a host joined have a comma, which none of these values has.
fn only<'a>(fields: &'a Fields, name: &'a str) -> Result<&'a str, SignatureError> {
    let mut lines = fields.lines(name);
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.contains(',') => Ok(line),
        (None, _) => Err(SignatureError::Missing),
        _ => Err(SignatureError::LabelDuplicate),
    }
}

/// Ten digits: seconds since 1970, from 2001 to 2286. Milliseconds have more, and are refused, not guessed at.
fn seconds(text: &str) -> Option<UnixSeconds> {
    let is_time = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_time).map(UnixSeconds)
}

fn base64(text: &str) -> Result<Vec<u8>, SignatureError> {
    if text.len() > MAX_SIGNATURE_BYTES * 2 {
        return Err(SignatureError::SignatureTooLong);
    }
    // Nothing may follow: a Byte Sequence could have parameters.
    if text.contains([':', ';']) {
        return Err(SignatureError::SignatureMalformed);
    }
    let item = format!(":{text}:");
    let item = Item::parse(&item).map_err(|_| SignatureError::SignatureMalformed)?;
    match item.value.as_bytes() {
        None | Some([]) => Err(SignatureError::SignatureMalformed),
        Some(bytes) if bytes.len() > MAX_SIGNATURE_BYTES => Err(SignatureError::SignatureTooLong),
        Some(bytes) => Ok(bytes.into()),
    }
}

/// How the last line of a signature base begins (RFC 9421 §2.5).
const SIGNATURE_PARAMS: &[u8] = b"\"@signature-params\": ";

fn last_line(content: &[u8]) -> &[u8] {
    content.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// Whether a message signature could be one of the plain header scheme over content of somebody else's choice: its
/// base ends in what may be a time. Keys that sign in both schemes must not be believed then.
#[must_use]
pub fn could_be_plain(signature: &PresentedSignature) -> bool {
    let text = signature.params_text();
    text.len().checked_sub(10).and_then(|start| text.get(start..)).is_some_and(|end| seconds(end).is_some())
}

impl PlainSignature {
    /// The signature, which is what makes a request single-use: the scheme has no nonce.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What must have been signed: the content, then the time as it was received.
    #[must_use]
    pub fn message(&self, content: &[u8]) -> Vec<u8> {
        [content, self.timestamp.as_bytes()].concat()
    }

    /// The checks with each key of the agent that may have made it. Which of them did is not said.
    pub fn checks(
        &self,
        content: &[u8],
        keys: &[Cow<'_, Jwk>],
        rules: &Rules,
    ) -> Result<Vec<(SignatureCheck, usize)>, SignatureError> {
        // The end of a signature base with a time for its last parameter looks the same as content and time.
        if last_line(content).starts_with(SIGNATURE_PARAMS) {
            return Err(SignatureError::Invalid);
        }
        let mut refusal = SignatureError::AlgorithmNotAllowed;
        let mut checks = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            if rules.refuses_published_keys && is_published_test_key(key.thumbprint()) {
                refusal = SignatureError::KeyForbidden;
                continue;
            }
            let Ok(algorithm) = rules.algorithm(key, None) else { continue };
            let check_of =
                |message| SignatureCheck::new(key.key().clone(), algorithm, message, self.signature.clone());
            // The content may be long: it is put together only where the signature may be this key's at all.
            match check_of(Vec::new()).and_then(|_| check_of(self.message(content))) {
                Ok(check) => checks.push((check, index)),
                Err(CheckError::Algorithm) => {}
                Err(_) => refusal = SignatureError::Invalid,
            }
        }
        if checks.is_empty() { Err(refusal) } else { Ok(checks) }
    }
}
