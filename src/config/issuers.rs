//! Who issues the access tokens: `[[issuers]]`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::gate::{Faults, is_fetchable};
use super::{Config, Link, MAX_ENTRIES, Span};
use crate::delegation::ClaimNames;
use crate::jose::jwt::{Profile, Rules};

/// An issuer of access tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The `iss` of its tokens, compared byte for byte.
    pub issuer: String,
    /// Where its key set is (RFC 7517 §5): an `https` URL.
    pub jwks_uri: String,
    /// The audiences of which a token must name one (`aud`). Range: 1 to 64 entries.
    pub audience: Vec<String>,
    /// The signature algorithms its tokens may use: `EdDSA` (or `Ed25519`, which is the same),
    /// `ES256`, `ES384`, `PS256`, `PS384`, `PS512`, `RS256`, `RS384`, `RS512`. Range: 1 to 16 entries.
    pub algorithms: Vec<String>,
    /// `at+jwt` (RFC 9068), or `jwt` for providers that do not emit that `typ`. Default: `at+jwt`.
    #[serde(default)]
    pub profile: ProfileConfig,
    /// Longest time from `iat` to `exp`. Range: `1s` to `30d`.
    #[serde(default = "default_max_lifetime")]
    #[cfg_attr(feature = "schema", schemars(default = "default_max_lifetime"))]
    pub max_lifetime: Span,
    /// Where its tokens have what this gate reads. Default: that of each of its fields.
    #[serde(default)]
    pub claims: ClaimNames,
    /// Whether its tokens must name the agent that was proven, where that is not as `[delegation]` says for all issuers.
    /// Default: as in `[delegation]`.
    #[serde(default)]
    pub agent: Option<Link>,
}

/// What kind of JWT an issuer's access tokens are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ProfileConfig {
    /// RFC 9068: `typ` is `at+jwt`, and `iss exp aud sub iat jti client_id` are there.
    #[default]
    #[serde(rename = "at+jwt")]
    AtJwt,
    /// `typ` is `JWT` or absent, and `iss exp aud` are there.
    #[serde(rename = "jwt")]
    Jwt,
}

fn default_max_lifetime() -> Span {
    Span::from_secs(24 * 3600)
}

/// An issuer of access tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    jwks_uri: String,
    pub(crate) rules: Rules,
    pub(crate) claims: ClaimNames,
    pub(crate) agent: Option<Link>,
}

impl Issuer {
    /// Its `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rules.issuer
    }

    /// Where its key set is.
    #[must_use]
    pub fn jwks_uri(&self) -> &str {
        &self.jwks_uri
    }
}

impl Faults {
    pub(super) fn issuers(&mut self, config: &Config) -> Vec<Issuer> {
        self.count("issuers", config.issuers.len(), 0, MAX_ENTRIES);
        let mut issuers: Vec<Issuer> = Vec::new();
        for (i, issuer) in config.issuers.iter().enumerate() {
            let path = format!("issuers[{i}]");
            let issuer = self.issuer(&path, issuer, config.allow_loopback, config.clock_skew.duration());
            if issuers.iter().any(|other| other.name() == issuer.name()) {
                self.add(format!("{path}.issuer"), "is there twice; put what differs into one entry");
            }
            issuers.push(issuer);
        }
        issuers
    }

    fn issuer(
        &mut self,
        path: &str,
        issuer: &IssuerConfig,
        allow_loopback: bool,
        clock_skew: Duration,
    ) -> Issuer {
        if issuer.issuer.is_empty() {
            self.add(format!("{path}.issuer"), "is empty; write the `iss` of its tokens");
        }
        if !is_fetchable(&issuer.jwks_uri, allow_loopback) {
            self.add(format!("{path}.jwks_uri"), "is not an https url; write where the key set is");
        }
        self.count(&format!("{path}.audience"), issuer.audience.len(), 1, MAX_ENTRIES);
        let least = Span::from_secs(1);
        let max_lifetime = self.span(
            &format!("{path}.max_lifetime"),
            issuer.max_lifetime,
            least,
            Span::from_secs(30 * 86_400),
        );
        for (name, paths) in issuer.claims.all() {
            if let Some(fault) = paths.fault() {
                self.add(format!("{path}.claims.{name}"), fault);
            }
        }
        Issuer {
            claims: issuer.claims.clone(),
            agent: issuer.agent,
            jwks_uri: issuer.jwks_uri.clone(),
            rules: Rules {
                issuer: issuer.issuer.clone(),
                audiences: issuer.audience.clone(),
                algorithms: self.algorithms(&format!("{path}.algorithms"), &issuer.algorithms),
                profile: match issuer.profile {
                    ProfileConfig::AtJwt => Profile::AtJwt,
                    ProfileConfig::Jwt => Profile::Jwt,
                },
                clock_skew,
                max_lifetime: Some(max_lifetime),
            },
        }
    }
}
