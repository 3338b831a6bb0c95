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
}

impl Default for DpopConfig {
    fn default() -> Self {
        Self {
            max_age: Span::from_secs(60),
            algorithms: ["EdDSA", "ES256", "RS256"].map(ToString::to_string).into(),
        }
    }
}

/// How DPoP proofs are checked.
#[derive(Clone, Debug)]
pub(crate) struct Dpop {
    pub(crate) max_age: Duration,
    pub(crate) algorithms: Vec<Algorithm>,
}

impl Faults {
    pub(super) fn dpop(&mut self, config: &Config) -> Dpop {
        Dpop {
            max_age: self.span("dpop.max_age", config.dpop.max_age, Span::from_secs(1), Span::from_secs(300)),
            algorithms: self.algorithms("dpop.algorithms", &config.dpop.algorithms),
        }
    }
}
