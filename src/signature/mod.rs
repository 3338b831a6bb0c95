//! HTTP Message Signatures (RFC 9421) on requests and responses, and the digests that carry the content into them
//! (RFC 9530).
//!
//! [`present`] reads what a message claims, [`signature_base`] says which bytes must have been signed, a profile
//! ([`profiles`]) says who claims to have signed and whether the claim is acceptable, and [`digest`] binds the
//! content. [`sign`] is the other half: what to sign and how to send it; [`AcceptSignature`] is how one side asks the
//! other to do so.
//!
//! Nothing here verifies a signature: a [`PresentedSignature`] and an
//! [`Claim`](profiles::Claim) are claims until the key has spoken. What the host does not
//! have, the request of a response or trailers, refuses when it is covered, and is never ignored.
//!
//! A signature may cover another one by its label. That binds the inner signature's bytes, not what the inner one
//! covers (RFC 9421 §7.3.7): who relies on both verifies both, and asks that the outer one covers the components too.

mod accept;
mod base;
mod components;
pub mod digest;
mod error;
pub mod explain;
mod field_types;
mod message;
mod params;
mod presented;
pub mod profiles;
mod published_keys;
mod query;
mod sign;
pub mod verify;

pub use accept::{ACCEPT_SIGNATURE, AcceptSignature, Requested, RequestedParams};
pub use base::signature_base;
pub use components::{Component, ComponentName};
pub use error::{Param, SignatureError};
pub use message::Message;
pub use params::SignatureParams;
pub(crate) use presented::present_respelt;
pub use presented::{
    MAX_COMPONENTS, MAX_INPUT_BYTES, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, PresentedSignature, present,
};
pub use published_keys::{PUBLISHED_TEST_KEYS, is_published_test_key};
pub use sign::{SignError, SigningFields, Unsigned, prepare, sign};

use crate::request::Fields;
use alloc::borrow::Cow;

/// The combined value of a field; borrowed where it came on one line, as nearly all do.
fn combined<'a>(fields: &'a Fields, name: &'a str) -> Option<Cow<'a, str>> {
    let mut lines = fields.lines(name);
    let first = lines.next()?;
    if lines.next().is_none() {
        return Some(Cow::Borrowed(first));
    }
    fields.combined(name).map(Cow::Owned)
}
