//! Visa's Trusted Agent Protocol: agents that browse or pay for somebody.
//!
//! `tap` is the scheme as its text has it; `tap-deployed` is what its published samples send, which is something else:
//! `keyId` in another spelling, an algorithm (`rsa-pss-sha256`) that no registry has, with the longest salt, and the
//! query signed as a part of `@path`. It is a profile of its own, so that nobody accepts that without having asked
//! for it. The objects in the body (consumer recognition, payment container) are not read: how their bases
//! are formed is not settled.

mod deployed;

use core::time::Duration;

use super::{Carrier, Param, Profile, REGISTERED, own_target};
use crate::crypto::Algorithm;
use crate::crypto::key::MIN_RSA_BITS;

/// Trusted Agent Protocol, as its text has it.
pub(super) const TAP: Profile = Profile {
    name: "tap",
    carrier: Carrier::MessageSignature,
    tags: &["agent-browser-auth", "agent-payer-auth"],
    components: &[&["\"@authority\""], &["\"@path\""]],
    parameters: &[Param::Created, Param::Expires, Param::KeyId, Param::Alg, Param::Nonce, Param::Tag],
    max_window: Duration::from_mins(8),
    algorithms: REGISTERED,
    single_use: true,
    may_share_keys: false,
    longest_salt: false,
    refuses_published_keys: true,
    min_rsa_bits: MIN_RSA_BITS,
    present: None,
    target: own_target,
    member_field: None,
    locate: None,
};

/// Trusted Agent Protocol, as its samples send it.
pub(super) const TAP_DEPLOYED: Profile = Profile {
    name: "tap-deployed",
    algorithms: &[Algorithm::Ed25519, Algorithm::RsaPssSha256],
    longest_salt: true,
    present: Some(deployed::present),
    target: deployed::target,
    ..TAP
};
