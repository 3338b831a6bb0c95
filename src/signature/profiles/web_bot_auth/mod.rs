//! Web Bot Auth: automated clients that sign requests and say where their keys are
//! (draft-ietf-webbotauth-httpsig-protocol, and the earlier forms that are live on the wire).
//!
//! Keys are looked up by the pair of URL and thumbprint that a signature names. It fetches nothing, verifies nothing
//! and keeps no nonces; it does not read `type=cimd`. Whether a URL is trusted is the gate's policy.

mod agent;
mod source;

pub use agent::AgentForm;
pub use source::{KeySourceUrl, WELL_KNOWN_PATH};

use core::time::Duration;

use super::{Carrier, KeyPlace, Param, Profile, REGISTERED, Rules, own_target};
use crate::crypto::key::MIN_RSA_BITS;
use crate::request::Fields;
use crate::signature::{PresentedSignature, SignatureError};

/// Web Bot Auth.
pub(super) const PROFILE: Profile = Profile {
    name: "web-bot-auth",
    carrier: Carrier::MessageSignature,
    tags: &["web-bot-auth"],
    components: &[&["\"@authority\"", "\"@target-uri\""]],
    parameters: &[Param::Created, Param::Expires, Param::KeyId],
    // The draft's recommendation.
    max_window: Duration::from_hours(24),
    algorithms: REGISTERED,
    single_use: false,
    may_share_keys: false,
    longest_salt: false,
    refuses_published_keys: true,
    min_rsa_bits: MIN_RSA_BITS,
    present: None,
    target: own_target,
    member_field: Some("signature-agent"),
    locate: Some(locate),
};

/// The agent's own member of `Signature-Agent`, and the thumbprint there.
fn locate(
    signature: &PresentedSignature,
    fields: &Fields,
    rules: &Rules,
) -> Result<KeyPlace, SignatureError> {
    if !signature.params().keyid.as_deref().is_some_and(is_thumbprint) {
        return Err(SignatureError::KeyIdMalformed);
    }
    let (form, url) = agent::resolve(signature, fields, rules.allow_loopback_http)?;
    Ok(KeyPlace::Directory { form, url })
}

/// 32 bytes in unpadded base64url: 43 characters, of which the last has two bits to spare that must be zero, lest
/// one key have four names.
pub(crate) fn is_thumbprint(text: &str) -> bool {
    let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() == 43 && text.bytes().all(in_alphabet) && text.ends_with(|c| "AEIMQUYcgkosw048".contains(c))
}
