//! What a message claims to be signed with: `Signature-Input` and `Signature`, parsed and paired (RFC 9421 §4).
//!
//! Nothing is verified here. Everything is bounded, so that a stranger's header costs little before any key is
//! asked for; and what two readers could understand differently (a label or parameter given twice, a label in one
//! field only) refuses the message, not just the signature.

use super::components::{Component, ComponentName, refuse_duplicates};
use super::error::SignatureError;
use super::params::SignatureParams;
use crate::encoding::structured::{Dictionary, Entry, Fault, Limits};
use crate::request::Fields;
use alloc::string::String;
use alloc::vec::Vec;

/// Most signatures on one message.
pub const MAX_SIGNATURES: usize = 8;
/// Most components that one signature covers.
pub const MAX_COMPONENTS: usize = 64;
/// Most bytes of `Signature-Input`: 8 KiB, all lines together.
pub const MAX_INPUT_BYTES: usize = 8 * 1024;
/// Longest signature value: 1 KiB, twice that of the largest key in use (RSA 4096).
pub const MAX_SIGNATURE_BYTES: usize = 1024;
/// Most bytes of `Signature`: room for eight of the longest, encoded, with labels.
const MAX_SIGNATURE_FIELD_BYTES: usize = 16 * 1024;

pub(super) const INPUT_LIMITS: Limits = Limits {
    bytes: MAX_INPUT_BYTES,
    members: MAX_SIGNATURES,
    inner_items: MAX_COMPONENTS,
    // RFC 9421 defines six for a signature and six for a component.
    parameters: 32,
};
const SIGNATURE_LIMITS: Limits = Limits { bytes: MAX_SIGNATURE_FIELD_BYTES, ..INPUT_LIMITS };

/// One signature as received: well-formed, and not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedSignature {
    label: String,
    components: Vec<Component>,
    params: SignatureParams,
    params_text: String,
    signature: Vec<u8>,
}

impl PresentedSignature {
    /// The label. It is not signed and an intermediary may change it: never choose by it (RFC 9421 §7.2.5).
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The covered components, in order, each once.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The signature parameters.
    #[must_use]
    pub fn params(&self) -> &SignatureParams {
        &self.params
    }

    /// The received text of the covered components with all parameters: the value of `@signature-params`.
    #[must_use]
    pub fn params_text(&self) -> &str {
        &self.params_text
    }

    /// The signature value.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether this field is covered, as a whole.
    #[must_use]
    pub fn covers_field(&self, name: &str) -> bool {
        self.components.iter().any(|c| c.is_field(name) && c.key().is_none())
    }

    /// Whether it says which method was meant, and which path.
    pub(crate) fn covers_target(&self) -> bool {
        use ComponentName::{Method, Path, RequestTarget, TargetUri};
        let names = || self.components.iter().map(Component::name);
        names().any(|name| *name == Method)
            && names().any(|name| matches!(name, Path | TargetUri | RequestTarget))
    }
}

/// Reads the signatures of a message from its header section, in the order of `Signature-Input`.
pub fn present(fields: &Fields) -> Result<Vec<PresentedSignature>, SignatureError> {
    present_respelt(fields, |_| None)
}

/// As [`present`], for a scheme whose `Signature-Input` is none before it is spelt anew: `respell` gives a text of the
/// same length, place by place, or `None` for the same. What was signed stays as it was received.
pub(crate) fn present_respelt(
    fields: &Fields,
    respell: impl FnOnce(&str) -> Option<String>,
) -> Result<Vec<PresentedSignature>, SignatureError> {
    let received = super::combined(fields, "signature-input");
    let respelt = received.as_deref().and_then(respell);
    let input = respelt.as_deref().or(received.as_deref());
    let signature = super::combined(fields, "signature");
    match (input, signature) {
        (Some(input), Some(signature)) => read_as(input, received.as_deref(), &signature),
        (None, None) => Err(SignatureError::Missing),
        _ => Err(SignatureError::LabelUnmatched),
    }
}

/// Reads the combined values of both fields.
pub(super) fn read(input: &str, signature: &str) -> Result<Vec<PresentedSignature>, SignatureError> {
    read_as(input, None, signature)
}

fn read_as(
    input: &str,
    received: Option<&str>,
    signature: &str,
) -> Result<Vec<PresentedSignature>, SignatureError> {
    let inputs = parse(input, INPUT_LIMITS, SignatureError::InputMalformed)?;
    let signatures = parse(signature, SIGNATURE_LIMITS, SignatureError::SignatureMalformed)?;
    if inputs.entries().len() != signatures.entries().len() {
        return Err(SignatureError::LabelUnmatched);
    }
    if inputs.entries().is_empty() {
        return Err(SignatureError::Missing);
    }
    inputs
        .entries()
        .iter()
        .map(|entry| {
            let signature = signatures.get(entry.key).ok_or(SignatureError::LabelUnmatched)?;
            let received = as_received(entry.text, input, received).unwrap_or(entry.text);
            pair(entry, received, signature)
        })
        .collect()
}

/// A Dictionary of labels, each once.
pub(super) fn parse(
    value: &str,
    limits: Limits,
    malformed: SignatureError,
) -> Result<Dictionary<'_>, SignatureError> {
    let dictionary = Dictionary::parse_within(value, limits).map_err(|error| match error.fault {
        Fault::TooLong => SignatureError::FieldTooLong,
        Fault::TooManyMembers => SignatureError::TooManySignatures,
        Fault::TooManyItems => SignatureError::TooManyComponents,
        _ => malformed,
    })?;
    if dictionary.duplicate().is_some() {
        return Err(SignatureError::LabelDuplicate);
    }
    Ok(dictionary)
}

/// The part of the received text that stands where `part` stands in the text that was parsed.
fn as_received<'a>(part: &str, parsed: &str, received: Option<&'a str>) -> Option<&'a str> {
    let start = part.as_ptr().addr().checked_sub(parsed.as_ptr().addr())?;
    received?.get(start..start.checked_add(part.len())?)
}

fn pair(
    input: &Entry<'_>,
    received: &str,
    signature: &Entry<'_>,
) -> Result<PresentedSignature, SignatureError> {
    let covered = input.member.as_inner_list().ok_or(SignatureError::InputMalformed)?;
    let components = covered.items.iter().map(Component::read).collect::<Result<Vec<_>, _>>()?;
    refuse_duplicates(&components)?;
    Ok(PresentedSignature {
        label: input.key.into(),
        components,
        params: SignatureParams::read(&covered.params)?,
        params_text: received.into(),
        signature: signature_value(signature)?,
    })
}

fn signature_value(entry: &Entry<'_>) -> Result<Vec<u8>, SignatureError> {
    let bytes = entry.member.as_item().and_then(|item| item.value.as_bytes());
    match bytes {
        None | Some([]) => Err(SignatureError::SignatureMalformed),
        Some(bytes) if bytes.len() > MAX_SIGNATURE_BYTES => Err(SignatureError::SignatureTooLong),
        Some(bytes) => Ok(bytes.into()),
    }
}
