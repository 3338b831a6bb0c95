//! What a signature must say to be acceptable for a purpose: one folder or file a profile.
//!
//! RFC 9421 leaves to its applications which components and parameters are required and how a key is found
//! (§1.4). A [`Profile`] is that as data; [`Rules`] is a profile as a configuration has tightened it, and what
//! reads a [`Claim`] from a signature: who claims to have signed, and where the key is. A claim is not verified.
//! Profiles choose signatures by `tag`, never by label.
//!
//! To add a profile: a file here with its [`Profile`], and a line in [`ALL`].

pub mod agent_headers;
mod claim;
mod rfc9421;
mod rules;
mod tap;
pub mod web_bot_auth;

pub use claim::{Claim, KeyPlace};
pub(crate) use rules::HMAC;
pub use rules::Rules;

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::time::Duration;

use super::error::Param;
use super::{PresentedSignature, SignatureError};
use crate::crypto::Algorithm;
use crate::request::{Fields, Target};

/// A profile: what it demands before any configuration. A configuration can demand more, never less.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a demand of its own, and a profile is a table of them"
)]
pub struct Profile {
    /// Its name in configurations and decisions.
    pub name: &'static str,
    /// How a request carries the signature.
    pub carrier: Carrier,
    /// The tags of which a signature must have one; empty where the profile leaves that to the configuration.
    pub tags: &'static [&'static str],
    /// What must be covered: of each group, one component.
    pub components: &'static [&'static [&'static str]],
    /// The signature parameters that must be there.
    pub parameters: &'static [Param],
    /// Longest time from `created` to `expires`; without `expires`, how long after `created` a signature is good.
    pub max_window: Duration,
    /// The algorithms, unless the configuration names fewer. Symmetric ones are none of these.
    pub algorithms: &'static [Algorithm],
    /// Whether a signature may be accepted once only, whatever a route says of replay.
    pub single_use: bool,
    /// Whether keys that both sides share may sign (`hmac-sha256`), where the configuration asks for it.
    pub may_share_keys: bool,
    /// Whether the salt of PSS signatures is as long as there is room for, not as the hash.
    pub longest_salt: bool,
    /// Whether keys whose private half is printed in a standard are refused.
    pub refuses_published_keys: bool,
    /// Fewest bits of an RSA key.
    pub min_rsa_bits: usize,
    /// Reads the signatures, where deployed signers write them in another way than RFC 9421's.
    pub present: Option<Present>,
    /// The target that is signed: the request's own, but where deployed signers have another.
    pub target: SignedTarget,
    /// The Dictionary field that names where the key is, of which a signature covers the member of its label.
    pub member_field: Option<&'static str>,
    /// Reads where the key of a signature is. Without it the gate knows the key: it is a registered agent's, or in a
    /// key set that the configuration names.
    pub locate: Option<Locate>,
}

/// How a request carries a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `Signature-Input` and `Signature` (RFC 9421 §4).
    MessageSignature,
    /// Plain fields for agent, time and signature ([`agent_headers`]).
    PlainHeaders,
}

/// Reads the signatures of a message as the profile writes them.
pub type Present = fn(&Fields) -> Result<Vec<PresentedSignature>, SignatureError>;
/// The target as the profile signs it.
pub type SignedTarget = for<'a> fn(&'a Target) -> Cow<'a, Target>;
/// Reads from a signature where its key is.
pub type Locate = fn(&PresentedSignature, &Fields, &Rules) -> Result<KeyPlace, SignatureError>;

/// Every profile.
pub const ALL: &[&Profile] =
    &[&web_bot_auth::PROFILE, &tap::TAP, &tap::TAP_DEPLOYED, &agent_headers::PROFILE, &rfc9421::PROFILE];

/// A profile by its name.
#[must_use]
pub fn profile(name: &str) -> Option<&'static Profile> {
    ALL.iter().copied().find(|profile| profile.name == name)
}

/// The rules of a profile where no configuration says more.
#[must_use]
pub fn rules(name: &str) -> Option<Rules> {
    profile(name).map(Rules::of)
}

/// The request's own target is what is signed.
fn own_target(target: &Target) -> Cow<'_, Target> {
    Cow::Borrowed(target)
}

/// RFC 9421's registry of asymmetric algorithms (§6.2.2).
const REGISTERED: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::RsaPssSha512,
    Algorithm::RsaV15Sha256,
];
