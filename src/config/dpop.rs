//! How DPoP proofs are checked: `[dpop]`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::gate::Faults;
use super::{Config, Span};
use crate::crypto::Algorithm;

/// How DPoP proofs (RFC 9449) are checked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DpopConfig {
    /// How old a proof may be (`iat`). Range: `1s` to `5m`.
    pub max_age: Span,
    /// The signature algorithms that proofs may use: `EdDSA` (or `Ed25519`, which is the same),
    /// `ES256`, `ES384`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384`, `RS512`. Range: 1 to 16 entries.
    pub algorithms: Vec<String>,
    /// How long nonces are the same, on routes that ask for them (`dpop_nonce`). A nonce is taken until the span after
    /// its own ends, and a proof as long as its nonce: for one to two spans. Shorter ones cost clients more repeated
    /// requests, longer ones let a proof lie about longer. Range: `10s` to `10m`.
    pub nonce_bucket: Span,
}

impl Default for DpopConfig {
    fn default() -> Self {
        Self {
            max_age: Span::from_secs(60),
            algorithms: ["EdDSA", "ES256", "RS256"].map(ToString::to_string).into(),
            // As `max_age`: a client that repeats one request a minute for its nonce hardly notices.
            nonce_bucket: Span::from_secs(60),
        }
    }
}

/// How DPoP proofs are checked.
#[derive(Clone, Debug)]
pub(crate) struct Dpop {
    pub(crate) max_age: Duration,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) nonce_bucket: Duration,
}

impl Faults {
    pub(super) fn dpop(&mut self, config: &Config) -> Dpop {
        Dpop {
            max_age: self.span("dpop.max_age", config.dpop.max_age, Span::from_secs(1), Span::from_secs(300)),
            algorithms: self.algorithms("dpop.algorithms", &config.dpop.algorithms),
            nonce_bucket: self.span(
                "dpop.nonce_bucket",
                config.dpop.nonce_bucket,
                Span::from_secs(10),
                Span::from_secs(600),
            ),
        }
    }
}
