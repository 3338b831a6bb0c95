//! From what is presented to what is proven: [`Verification`] takes [`Presented`] through keys and signatures, and
//! [`Verified`] is what comes out. Only this module makes a `Verified` that names anyone.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::present::{AuthScheme, Presented, PresentedAgent, PresentedToken};
use super::{Answer, Step, evidence};
use crate::config::{Gate, Issuer};
use crate::crypto::{Algorithm, SignatureCheck, Verdict, constant_time_eq, sha256};
use crate::decision::{Agent, CheckResult, Evidence, Method, Principal};
use crate::dpop::{Proof, ProofRules};
use crate::jose::jwk::Jwk;
use crate::jose::jwt::{self, VerifiedToken};
use crate::jose::key_set::KeySetKind;
use crate::memory::{CachedToken, Memory};
use crate::policy::Route;
use crate::reason::Reason;
use crate::request::{RequestView, Target};
use crate::signature::{self, digest, is_published_test_key};
use crate::state::replay::ReplayKey;
use crate::time::{UnixMillis, UnixSeconds};

/// What a verification is about.
pub(super) struct Context<'a> {
    pub(super) gate: &'a Gate,
    pub(super) route: &'a Route,
    pub(super) view: &'a RequestView,
    /// The target as the client saw it.
    pub(super) target: &'a Target,
    pub(super) now: UnixMillis,
}

/// Something in the request that may be accepted once.
#[derive(Clone, Debug)]
pub(super) struct SingleUse {
    pub(super) key: ReplayKey,
    pub(super) until: UnixSeconds,
    pub(super) refusal: Reason,
}

/// What was proven.
#[derive(Clone, Debug, Default)]
pub(super) struct Verified {
    pub(super) agent: Option<Agent>,
    pub(super) covers_digest: bool,
    pub(super) single_use: Vec<SingleUse>,
    token: Option<Arc<VerifiedToken>>,
    subject: Option<String>,
}
