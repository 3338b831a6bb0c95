//! The signing half of RFC 9421 §3.1: what to sign and which fields to send, without touching a key.
//!
//! [`prepare`] gives the bytes to sign and [`Unsigned::fields`] the fields that carry the signature; [`sign`] does both
//! around a callback, for keys that are kept elsewhere. What comes out can be read back: a label that is taken, a
//! signature too long to be accepted and the like are refused here.
//!
//! It makes no choice of components and parameters, and no nonce.

use super::base::write_base;
use super::components::{Component, ComponentName, refuse_duplicates};
use super::error::SignatureError;
use super::message::Message;
use super::params::SignatureParams;
use super::presented::{self, MAX_COMPONENTS, MAX_INPUT_BYTES, MAX_SIGNATURE_BYTES};
use crate::encoding::structured::{BareItem, Dictionary, Item, Member};
use crate::request::Fields;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A signature base that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The bytes to sign.
    pub base: String,
    /// The covered components with their parameters: the member of `Signature-Input`, without its label.
    pub input_value: String,
}

/// The two fields that carry a signature: its own lines, to be sent beside those that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningFields {
    /// The value of `Signature-Input`.
    pub signature_input: String,
    /// The value of `Signature`.
    pub signature: String,
}

/// Why nothing was signed: the message, or the signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError<E> {
    /// The message cannot be signed like this.
    Message(SignatureError),
    /// The callback failed.
    Signer(E),
}

impl<E> From<SignatureError> for SignError<E> {
    fn from(error: SignatureError) -> Self {
        Self::Message(error)
    }
}

impl<E: fmt::Display> fmt::Display for SignError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::Signer(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for SignError<E> {}

impl Unsigned {
    /// The fields to send, once the base is signed. An empty signature and one of more than
    /// [`MAX_SIGNATURE_BYTES`] are refused, as no verifier here would read them.
    pub fn fields(&self, label: &str, signature: &[u8]) -> Result<SigningFields, SignatureError> {
        if signature.is_empty() {
            return Err(SignatureError::SignatureMalformed);
        }
        if signature.len() > MAX_SIGNATURE_BYTES {
            return Err(SignatureError::SignatureTooLong);
        }
        let value = Item::from(BareItem::Bytes(signature.into()));
        let mut member = Dictionary::new();
        member.insert(label, Member::Item(value));
        let signature = member.serialize().map_err(|_| SignatureError::LabelMalformed)?;
        let mut signature_input = String::with_capacity(label.len() + 1 + self.input_value.len());
        signature_input.push_str(label);
        signature_input.push('=');
        signature_input.push_str(&self.input_value);
        Ok(SigningFields { signature_input, signature })
    }
}

impl SigningFields {
    /// Both fields whole: what `fields` has of them already, and this signature after it. For hosts that set a field
    /// instead of adding a line. The label must be new, and the result one that can be read back.
    pub fn joined(&self, fields: &Fields) -> Result<Self, SignatureError> {
        let joined = |name, own: &str| match fields.combined(name).filter(|known| !known.is_empty()) {
            Some(mut known) => {
                known.push_str(", ");
                known.push_str(own);
                known
            }
            None => own.into(),
        };
        let signature_input = joined("signature-input", &self.signature_input);
        let signature = joined("signature", &self.signature);
        presented::read(&signature_input, &signature)?;
        Ok(Self { signature_input, signature })
    }
}

/// Puts together what a signature over `components` of a message signs.
pub fn prepare(
    message: &Message<'_>,
    components: &[Component],
    params: &SignatureParams,
) -> Result<Unsigned, SignatureError> {
    if components.len() > MAX_COMPONENTS {
        return Err(SignatureError::TooManyComponents);
    }
    refuse_duplicates(components)?;
    if components.iter().any(covers_itself) {
        return Err(SignatureError::CoversItself);
    }
    let input_value = input_value(components, params)?;
    if input_value.len() > MAX_INPUT_BYTES {
        return Err(SignatureError::FieldTooLong);
    }
    let base = write_base(components, &input_value, message)?;
    Ok(Unsigned { base, input_value })
}

/// Signs a message with a callback that has the key: it gets the signature base and gives the signature's bytes, in
/// the form of RFC 9421 §3.3. It is called once, and only if the fields can be sent: `label` must be new to the message.
pub fn sign<E>(
    message: &Message<'_>,
    label: &str,
    components: &[Component],
    params: &SignatureParams,
    signer: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<SigningFields, SignError<E>> {
    let unsigned = prepare(message, components, params)?;
    // With a signature of one byte, so that no key is used for a label that is taken.
    unsigned.fields(label, &[0])?.joined(message.fields())?;
    let signature = signer(unsigned.base.as_bytes()).map_err(SignError::Signer)?;
    Ok(unsigned.fields(label, &signature)?)
}

/// Whether it is all of the message's own `Signature` or `Signature-Input`, which this signature is going to change.
/// An inner signature is covered by its label (`"signature";key="sig1"`, RFC 9421 §4.3).
fn covers_itself(component: &Component) -> bool {
    let ComponentName::Field(name) = component.name() else { return false };
    matches!(name.as_str(), "signature" | "signature-input")
        && component.is_field(name)
        && component.key().is_none()
}

fn input_value(components: &[Component], params: &SignatureParams) -> Result<String, SignatureError> {
    let mut value = super::components::inner_list(components);
    params.write(&mut value)?;
    Ok(value)
}
