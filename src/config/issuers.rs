//! Who issues the access tokens: `[[issuers]]`.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::gate::{Faults, is_fetchable};
use super::{Config, IntrospectionConfig, Link, MAX_ENTRIES, Span, StatusListConfig, StatusLists};
use crate::delegation::ClaimNames;
use crate::discovery::{WellKnown, is_issuer_identifier};
use crate::jose::jwt::{Profile, Rules};
use crate::revocation::introspection::Introspection;

/// An issuer of access tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The `iss` of its tokens, compared byte for byte. Without `jwks_uri` it is an `https` URL without query and
    /// fragment, as metadata is asked for under it.
    pub issuer: String,
    /// Where its key set is (RFC 7517 §5): an `https` URL. Default: where the issuer's metadata says, which may be on
    /// another host.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Which metadata is asked for, where there is no `jwks_uri`: `rfc8414` puts
    /// `/.well-known/oauth-authorization-server` between host and path of `issuer`, `openid` adds
    /// `/.well-known/openid-configuration` to it. Write it where it is known: it saves a request, and issuers that answer
    /// the other with anything but 404, 410 or a redirect fail without it. Default: the first, and the second where that
    /// is not there.
    #[serde(default)]
    pub discovery: Option<DiscoveryConfig>,
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
    /// Where it publishes the statuses of its tokens. Default: below its own origin, for tokens that name a list.
    #[serde(default)]
    pub status_list: Option<StatusListConfig>,
    /// Where its tokens have what this gate reads. Default: that of each of its fields.
    #[serde(default)]
    pub claims: ClaimNames,
    /// Whether its tokens must name the agent that was proven, where that is not as `[delegation]` says for all issuers.
    /// Default: as in `[delegation]`.
    #[serde(default)]
    pub agent: Option<Link>,
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

/// Which metadata is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DiscoveryConfig {
    /// Authorization Server Metadata (RFC 8414).
    Rfc8414,
    /// OpenID Connect Discovery 1.0.
    OpenId,
}

fn default_max_lifetime() -> Span {
    Span::from_secs(24 * 3600)
}

/// An issuer of access tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    keys: IssuerKeys,
    pub(crate) rules: Rules,
    pub(crate) claims: ClaimNames,
    pub(crate) status_lists: StatusLists,
    pub(crate) agent: Option<Link>,
    pub(crate) introspection: Option<Arc<Introspection>>,
}

/// How an issuer's key set is found.
#[derive(Clone, Debug)]
pub(crate) enum IssuerKeys {
    /// The configuration says where it is.
    At(String),
    /// The issuer's metadata does: of this kind, or of either.
    Discovered(Option<WellKnown>),
}

impl Issuer {
    /// How it is asked about its tokens, where it is.
    pub(crate) fn introspection(&self) -> Option<&Arc<Introspection>> {
        self.introspection.as_ref()
    }

    /// Its `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rules.issuer
    }

    /// Where its key set is, if the configuration says so.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&str> {
        match &self.keys {
            IssuerKeys::At(url) => Some(url),
            IssuerKeys::Discovered(_) => None,
        }
    }

    pub(crate) fn keys(&self) -> &IssuerKeys {
        &self.keys
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
        let keys = self.issuer_keys(path, issuer, allow_loopback);
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
            let path = format!("{path}.introspection");
            Arc::new(self.introspection(&path, introspection, (&rules, &issuer.claims), allow_loopback))
        });
        let status_lists = self.status_lists(
            &format!("{path}.status_list"),
            &issuer.issuer,
            issuer.status_list.as_ref(),
            allow_loopback,
        );
        let (claims, agent) = (issuer.claims.clone(), issuer.agent);
        Issuer { keys, rules, claims, status_lists, agent, introspection }
    }

    fn issuer_keys(&mut self, path: &str, issuer: &IssuerConfig, allow_loopback: bool) -> IssuerKeys {
        if let Some(url) = &issuer.jwks_uri {
            if !is_fetchable(url, allow_loopback) {
                self.add(format!("{path}.jwks_uri"), "is not an https url; write where the key set is");
            }
            if issuer.discovery.is_some() {
                self.add(format!("{path}.discovery"), "is for issuers without jwks_uri; remove one of them");
            }
            return IssuerKeys::At(url.clone());
        }
        if !issuer.issuer.is_empty() && !is_issuer_identifier(&issuer.issuer, allow_loopback) {
            self.add(
                format!("{path}.issuer"),
                "is not an https url without query and fragment, under which metadata could be asked for; write jwks_uri",
            );
        }
        IssuerKeys::Discovered(issuer.discovery.map(|discovery| match discovery {
            DiscoveryConfig::Rfc8414 => WellKnown::Rfc8414,
            DiscoveryConfig::OpenId => WellKnown::OpenId,
        }))
    }
}
