//! The signing half of RFC 9421 §3.1: what to sign and which fields to send, without touching a key.

use super::base::write_base;
use super::components::{Component, refuse_duplicates};
use super::error::SignatureError;
use super::message::Message;
use super::params::SignatureParams;
use super::presented::MAX_COMPONENTS;
use crate::encoding::structured::{BareItem, Dictionary, Item, Member};
use alloc::string::String;

/// A signature base that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The bytes to sign.
    pub base: String,
    /// The covered components with their parameters: the member of `Signature-Input`, without its label.
    pub input_value: String,
}

/// The two fields that carry a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningFields {
    /// The value of `Signature-Input`.
    pub signature_input: String,
    /// The value of `Signature`.
    pub signature: String,
}

impl Unsigned {
    /// The fields to send, once the base is signed.
    pub fn fields(&self, label: &str, signature: &[u8]) -> Result<SigningFields, SignatureError> {
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
    let input_value = input_value(components, params)?;
    let base = write_base(components, &input_value, message)?;
    Ok(Unsigned { base, input_value })
}

fn input_value(components: &[Component], params: &SignatureParams) -> Result<String, SignatureError> {
    let mut value = String::from("(");
    for (index, component) in components.iter().enumerate() {
        if index > 0 {
            value.push(' ');
        }
        value.push_str(component.identifier());
    }
    value.push(')');
    params.write(&mut value)?;
    Ok(value)
}
