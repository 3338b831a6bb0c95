//! Who issues the access tokens: `[[issuers]]`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::gate::{Faults, is_fetchable};
use super::{Config, IntrospectionConfig, MAX_ENTRIES, Span};
use crate::jose::jwt::{Profile, Rules};
use crate::revocation::introspection::Introspection;

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
    /// The signature algorithms its tokens may use: `EdDSA`, `ES256`, `ES384`, `PS256`, `PS512`, `RS256`. Range: 1 to
    /// 8 entries.
    pub algorithms: Vec<String>,
    /// `at+jwt` (RFC 9068), or `jwt` for providers that do not emit that `typ`. Default: `at+jwt`.
    #[serde(default)]
    pub profile: ProfileConfig,
    /// Longest time from `iat` to `exp`. Range: `1s` to `30d`.
    #[serde(default = "default_max_lifetime")]
    #[cfg_attr(feature = "schema", schemars(default = "default_max_lifetime"))]
    pub max_lifetime: Span,
    /// How it is asked whether a token is active (RFC 7662). Without it, it is not. Default: none.
    #[serde(default)]
    pub introspection: Option<IntrospectionConfig>,
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
    pub(crate) introspection: Option<Introspection>,
}

impl Issuer {
    /// How it is asked about its tokens, where it is.
    pub(crate) fn introspection(&self) -> Option<&Introspection> {
        self.introspection.as_ref()
    }

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
        self.opaque_tokens(&issuers);
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
        let rules = Rules {
            issuer: issuer.issuer.clone(),
            audiences: issuer.audience.clone(),
            algorithms: self.algorithms(&format!("{path}.algorithms"), &issuer.algorithms),
            profile: match issuer.profile {
                ProfileConfig::AtJwt => Profile::AtJwt,
                ProfileConfig::Jwt => Profile::Jwt,
            },
            clock_skew,
            max_lifetime: Some(max_lifetime),
        };
        let introspection = issuer.introspection.as_ref().map(|introspection| {
            self.introspection(&format!("{path}.introspection"), introspection, &rules, allow_loopback)
        });
        Issuer { jwks_uri: issuer.jwks_uri.clone(), rules, introspection }
    }
}
