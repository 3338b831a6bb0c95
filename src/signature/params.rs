//! Signature parameters (RFC 9421 §2.3), typed.
//!
//! Parameters that RFC 9421 does not define are tolerated: they stay in the received text, which is what was
//! signed. Whether a parameter must be there, and what it may say, is a profile's business.

use super::error::{Param, SignatureError};
use crate::encoding::structured::{BareItem, Parameters};
use crate::time::UnixSeconds;
use alloc::string::String;

/// What a signature says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureParams {
    /// When it was made.
    pub created: Option<UnixSeconds>,
    /// When it stops being valid.
    pub expires: Option<UnixSeconds>,
    /// Which key made it.
    pub keyid: Option<String>,
    /// With which algorithm. The key decides; a verifier only checks that the two agree.
    pub alg: Option<String>,
    /// A value that the signer uses once.
    pub nonce: Option<String>,
    /// What the signature is for.
    pub tag: Option<String>,
}

impl SignatureParams {
    /// Reads the parameters of a covered-components list; a repeated one and one of the wrong type refuse.
    pub(super) fn read(params: &Parameters<'_>) -> Result<Self, SignatureError> {
        if params.duplicate().is_some() {
            return Err(SignatureError::ParamDuplicate);
        }
        Ok(Self {
            created: seconds(params, Param::Created)?,
            expires: seconds(params, Param::Expires)?,
            keyid: text(params, Param::KeyId)?,
            alg: text(params, Param::Alg)?,
            nonce: text(params, Param::Nonce)?,
            tag: text(params, Param::Tag)?,
        })
    }

    /// Appends the parameters in their canonical form, in the order in which they are declared here.
    pub(super) fn write(&self, out: &mut String) -> Result<(), SignatureError> {
        for (param, value) in self.values() {
            let Some(value) = value else { continue };
            out.push(';');
            out.push_str(param.as_str());
            out.push('=');
            value.write(out).map_err(|_| SignatureError::ParamType(param))?;
        }
        Ok(())
    }

    /// Whether a parameter is there, and not empty where it is a text.
    #[must_use]
    pub fn has(&self, param: Param) -> bool {
        let text = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        match param {
            Param::Created => self.created.is_some(),
            Param::Expires => self.expires.is_some(),
            Param::KeyId => text(&self.keyid),
            Param::Alg => text(&self.alg),
            Param::Nonce => text(&self.nonce),
            Param::Tag => text(&self.tag),
        }
    }

    fn values(&self) -> [(Param, Option<BareItem<'_>>); 6] {
        [
            (Param::Created, self.created.map(|at| BareItem::Integer(at.0))),
            (Param::Expires, self.expires.map(|at| BareItem::Integer(at.0))),
            (Param::KeyId, string(self.keyid.as_deref())),
            (Param::Alg, string(self.alg.as_deref())),
            (Param::Nonce, string(self.nonce.as_deref())),
            (Param::Tag, string(self.tag.as_deref())),
        ]
    }
}

fn string(text: Option<&str>) -> Option<BareItem<'_>> {
    text.map(|text| BareItem::String(text.into()))
}

fn seconds(params: &Parameters<'_>, param: Param) -> Result<Option<UnixSeconds>, SignatureError> {
    let Some(value) = params.get(param.as_str()) else { return Ok(None) };
    value.as_integer().map(|seconds| Some(UnixSeconds(seconds))).ok_or(SignatureError::ParamType(param))
}

fn text(params: &Parameters<'_>, param: Param) -> Result<Option<String>, SignatureError> {
    let Some(value) = params.get(param.as_str()) else { return Ok(None) };
    value.as_string().map(|text| Some(text.into())).ok_or(SignatureError::ParamType(param))
}
