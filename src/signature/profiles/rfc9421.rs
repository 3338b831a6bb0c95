//! RFC 9421 without a profile of anyone else's: the configuration says what must be covered, with which tags,
//! parameters and algorithms, and whose keys count.
//!
//! `created` is always demanded: without it nobody can tell how old a signature is.

use core::time::Duration;

use super::{Carrier, Param, Profile, REGISTERED, own_target};
use crate::crypto::key::MIN_RSA_BITS;

/// RFC 9421 as the configuration wants it.
pub(super) const PROFILE: Profile = Profile {
    name: "rfc9421",
    carrier: Carrier::MessageSignature,
    tags: &[],
    components: &[],
    parameters: &[Param::Created],
    max_window: Duration::from_hours(24),
    algorithms: REGISTERED,
    single_use: false,
    may_share_keys: true,
    longest_salt: false,
    // Keys are the operator's own choice here, and the examples of the standard are how one tries it out.
    refuses_published_keys: false,
    min_rsa_bits: MIN_RSA_BITS,
    present: None,
    target: own_target,
    member_field: None,
    locate: None,
};
