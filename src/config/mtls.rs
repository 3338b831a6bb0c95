//! How client certificates are checked: `[mtls]`.

use serde::Deserialize;

/// How client certificates (RFC 8705) are checked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MtlsConfig {
    /// Whose certificates are taken. Default: `required`.
    pub verified: VerifiedConfig,
}

/// Whose certificates are taken. One that is revoked never is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VerifiedConfig {
    /// Those whose chain the host verified.
    #[default]
    Required,
    /// Those, and any that a valid token is bound to: self-signed ones (RFC 8705 §2.2), and those of authorities that
    /// only the issuer knows. The token's issuer then answers for whose certificate it is.
    Bound,
}
