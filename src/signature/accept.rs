//! `Accept-Signature` (RFC 9421 §5): one side asks the other for a signature on the next message.
//!
//! In a response it asks for signed requests, in a request for a signed response. [`AcceptSignature::parse`] reads
//! what is asked for, [`AcceptSignature::fulfil`] turns it into what [`sign`](super::sign()) takes, and
//! [`AcceptSignature::write_all`] asks. Whether to comply at all is the caller's business: whoever signs what it is
//! asked to sign is an oracle (§8.3).

use super::components::{Component, inner_list, refuse_duplicates};
use super::error::{Param, SignatureError};
use super::message::Message;
use super::params::SignatureParams;
use super::presented::{self, INPUT_LIMITS, MAX_COMPONENTS, MAX_INPUT_BYTES, MAX_SIGNATURES};
use super::sign::prepare;
use crate::encoding::structured::{BareItem, Entry, Parameters, is_key, write_string};
use crate::request::Fields;
use alloc::string::String;
use alloc::vec::Vec;

/// Name of the field, in lower case.
pub const ACCEPT_SIGNATURE: &str = "accept-signature";

/// A parameter that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// With any value: the parameter stands there as a flag. §5.1 has this for `created` and `expires` only; servers
    /// that know many signers ask so for `keyid`, too.
    Any,
    /// With this value.
    Value(String),
}

/// The signature parameters that are asked for (§5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedParams {
    /// A creation time.
    pub created: bool,
    /// An expiration time.
    pub expires: bool,
    /// A key.
    pub keyid: Option<Requested>,
    /// An algorithm.
    pub alg: Option<Requested>,
    /// A nonce: usually the verifier's own.
    pub nonce: Option<Requested>,
    /// A tag.
    pub tag: Option<Requested>,
}

/// One signature that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptSignature {
    label: String,
    components: Vec<Component>,
    params: RequestedParams,
    has_unknown_param: bool,
}

impl AcceptSignature {
    /// Asks for a signature under `label` that covers exactly `components`. The label must be a structured-field key,
    /// each component stand once, and each value be printable ASCII.
    pub fn new(
        label: &str,
        components: Vec<Component>,
        params: RequestedParams,
    ) -> Result<Self, SignatureError> {
        if !is_key(label) {
            return Err(SignatureError::LabelMalformed);
        }
        if components.len() > MAX_COMPONENTS {
            return Err(SignatureError::TooManyComponents);
        }
        refuse_duplicates(&components)?;
        let request = Self { label: label.into(), components, params, has_unknown_param: false };
        request.write(&mut String::new())?;
        Ok(request)
    }

    /// Reads what the header section of a message asks for, in order; nothing where it has no `Accept-Signature`.
    /// What is malformed, has a label, a component or a parameter twice, or is longer than signatures may be
    /// (8 KiB, 8 labels, 64 components each) refuses as a whole.
    pub fn parse(fields: &Fields) -> Result<Vec<Self>, SignatureError> {
        let Some(value) = super::combined(fields, ACCEPT_SIGNATURE) else { return Ok(Vec::new()) };
        let requests = presented::parse(&value, INPUT_LIMITS, SignatureError::AcceptMalformed)?;
        requests.entries().iter().map(Self::read).collect()
    }

    fn read(entry: &Entry<'_>) -> Result<Self, SignatureError> {
        let covered = entry.member.as_inner_list().ok_or(SignatureError::AcceptMalformed)?;
        let components = covered.items.iter().map(Component::read).collect::<Result<Vec<_>, _>>()?;
        refuse_duplicates(&components)?;
        let params = &covered.params;
        if params.duplicate().is_some() {
            return Err(SignatureError::ParamDuplicate);
        }
        let known = RequestedParams {
            created: flag(params, Param::Created)?,
            expires: flag(params, Param::Expires)?,
            keyid: requested(params, Param::KeyId)?,
            alg: requested(params, Param::Alg)?,
            nonce: requested(params, Param::Nonce)?,
            tag: requested(params, Param::Tag)?,
        };
        let has_unknown_param = params.iter().any(|(key, _)| Param::ALL.iter().all(|p| p.as_str() != key));
        Ok(Self { label: entry.key.into(), components, params: known, has_unknown_param })
    }

    /// The label that the signature must have.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The components that the signature must cover, these and no others, in order.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The parameters that the signature must have.
    #[must_use]
    pub fn params(&self) -> &RequestedParams {
        &self.params
    }

    /// What to sign on `message` to comply (§5.2): the components, and `offered` completed by what was asked for.
    ///
    /// `offered` is what the signer has: its clock's `created`, its `keyid`, and so on. `nonce` and `tag` are taken
    /// from the request where the signer has none; the key and its algorithm are the signer's own and must agree.
    /// Refused where a component cannot be had from the message (`@status` of a request, `req` likewise), and where
    /// a parameter is unknown, lacking or different.
    pub fn fulfil(
        &self,
        message: &Message<'_>,
        offered: &SignatureParams,
    ) -> Result<(Vec<Component>, SignatureParams), SignatureError> {
        if self.has_unknown_param {
            return Err(SignatureError::RequestedParamUnknown);
        }
        let lacking = |asked: bool, has: bool| asked && !has;
        if lacking(self.params.created, offered.created.is_some()) {
            return Err(SignatureError::RequestedParamUnmet(Param::Created));
        }
        if lacking(self.params.expires, offered.expires.is_some()) {
            return Err(SignatureError::RequestedParamUnmet(Param::Expires));
        }
        own(self.params.keyid.as_ref(), offered.keyid.as_deref(), Param::KeyId)?;
        own(self.params.alg.as_ref(), offered.alg.as_deref(), Param::Alg)?;
        let params = SignatureParams {
            nonce: taken(self.params.nonce.as_ref(), offered.nonce.as_deref(), Param::Nonce)?,
            tag: taken(self.params.tag.as_ref(), offered.tag.as_deref(), Param::Tag)?,
            ..offered.clone()
        };
        prepare(message, &self.components, &params)?;
        Ok((self.components.clone(), params))
    }

    /// The value of an `Accept-Signature` that asks for all of these. A label twice, none at all, and more than may
    /// be read back refuse.
    pub fn write_all(requests: &[Self]) -> Result<String, SignatureError> {
        if requests.is_empty() {
            return Err(SignatureError::Missing);
        }
        if requests.len() > MAX_SIGNATURES {
            return Err(SignatureError::TooManySignatures);
        }
        let mut value = String::new();
        for (index, request) in requests.iter().enumerate() {
            if requests.iter().take(index).any(|earlier| earlier.label == request.label) {
                return Err(SignatureError::LabelDuplicate);
            }
            if index > 0 {
                value.push_str(", ");
            }
            request.write(&mut value)?;
        }
        if value.len() > MAX_INPUT_BYTES { Err(SignatureError::FieldTooLong) } else { Ok(value) }
    }

    fn write(&self, out: &mut String) -> Result<(), SignatureError> {
        out.push_str(&self.label);
        out.push('=');
        out.push_str(&inner_list(&self.components));
        for (asked, param) in [(self.params.created, Param::Created), (self.params.expires, Param::Expires)] {
            if asked {
                out.push(';');
                out.push_str(param.as_str());
            }
        }
        for (asked, param) in [
            (&self.params.keyid, Param::KeyId),
            (&self.params.alg, Param::Alg),
            (&self.params.nonce, Param::Nonce),
            (&self.params.tag, Param::Tag),
        ] {
            let Some(asked) = asked else { continue };
            out.push(';');
            out.push_str(param.as_str());
            if let Requested::Value(value) = asked {
                out.push('=');
                write_string(value, out).map_err(|_| SignatureError::ParamType(param))?;
            }
        }
        Ok(())
    }
}

/// A parameter that is the signer's to have.
fn own(asked: Option<&Requested>, offered: Option<&str>, param: Param) -> Result<(), SignatureError> {
    let met = match (asked, offered) {
        (None, _) | (Some(Requested::Any), Some(_)) => true,
        (Some(_), None) => false,
        (Some(Requested::Value(value)), Some(offered)) => value == offered,
    };
    if met { Ok(()) } else { Err(SignatureError::RequestedParamUnmet(param)) }
}

/// A parameter that may come from whoever asks.
fn taken(
    asked: Option<&Requested>,
    offered: Option<&str>,
    param: Param,
) -> Result<Option<String>, SignatureError> {
    match (asked, offered) {
        (Some(Requested::Value(value)), None) => Ok(Some(value.clone())),
        (asked, offered) => own(asked, offered, param).map(|()| offered.map(String::from)),
    }
}

/// A flag has no value: `created=5` would ask for a time that the verifier cannot know.
fn flag(params: &Parameters<'_>, param: Param) -> Result<bool, SignatureError> {
    match params.get(param.as_str()) {
        None => Ok(false),
        Some(BareItem::Boolean(true)) => Ok(true),
        Some(_) => Err(SignatureError::ParamType(param)),
    }
}

fn requested(params: &Parameters<'_>, param: Param) -> Result<Option<Requested>, SignatureError> {
    match params.get(param.as_str()) {
        None => Ok(None),
        Some(BareItem::Boolean(true)) => Ok(Some(Requested::Any)),
        Some(BareItem::String(value)) => Ok(Some(Requested::Value(value.as_ref().into()))),
        Some(_) => Err(SignatureError::ParamType(param)),
    }
}
