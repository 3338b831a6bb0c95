//! Where an issuer publishes the statuses of its tokens: `[issuers.status_list]` (draft-ietf-oauth-status-list).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::Span;
use super::gate::{Faults, is_fetchable};
use crate::encoding::json::Object;
use crate::reason::Reason;
use crate::request::Target;
use crate::revocation::status_list::{Reference, is_canonical};

/// Most URLs of one issuer.
const MAX_URIS: usize = 16;

/// Where an issuer publishes the statuses of its tokens. Without it, a token whose `status` has a `status_list` is looked up
/// all the same, where the list is at the issuer's own origin.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StatusListConfig {
    /// The URLs at, or below, which its lists are: `https`, in lower case and without a default port. Tokens choose among
    /// them; no other URL is fetched. Default: the origin of `issuer`. Range: 0 to 16 entries.
    pub uris: Vec<String>,
    /// Refuse its tokens that name no list, and those whose `status` names none that is understood.
    pub require: bool,
    /// Longest time that a list is used before it is fetched anew, whatever its `ttl` says: so long may a revoked token
    /// pass. While it cannot be fetched, it is used for up to 15 minutes more. Range: `10s` to `24h`.
    pub max_age: Span,
}

impl Default for StatusListConfig {
    fn default() -> Self {
        Self { uris: Vec::new(), require: false, max_age: Span::from_secs(3600) }
    }
}

/// How the statuses of an issuer's tokens are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusLists {
    uris: Vec<String>,
    /// Whether the configuration speaks of lists at all.
    is_configured: bool,
    require: bool,
    pub(crate) max_age: Duration,
}

impl StatusLists {
    /// Which list has the status of a token; `None` where none has, and the token is good without.
    pub(crate) fn reference(&self, claims: &Object<'_>) -> Result<Option<Reference>, Reason> {
        let reference = Reference::read(claims).map_err(|_| Reason::TokenStatusInvalid)?;
        match reference {
            Some(reference) if reference.is_below(self.uris.iter().map(String::as_str)) => {
                Ok(Some(reference))
            }
            Some(_) => Err(Reason::TokenStatusInvalid),
            None if self.require => Err(Reason::TokenStatusInvalid),
            // `status` may be a claim of the issuer's own where nothing says that it is this one.
            None if self.is_configured && claims.contains("status") => Err(Reason::TokenStatusInvalid),
            None => Ok(None),
        }
    }
}

impl Faults {
    pub(super) fn status_lists(
        &mut self,
        path: &str,
        issuer: &str,
        config: Option<&StatusListConfig>,
        allow_loopback: bool,
    ) -> StatusLists {
        let default = StatusListConfig::default();
        let lists = config.unwrap_or(&default);
        self.count(&format!("{path}.uris"), lists.uris.len(), 0, MAX_URIS);
        for (i, uri) in lists.uris.iter().enumerate() {
            if !is_fetchable(uri, allow_loopback) || !is_canonical(uri) || uri.contains('?') {
                self.add(
                    format!("{path}.uris[{i}]"),
                    "is not an https url as it is fetched; write it in lower case, with a path, without a default port and query",
                );
            }
        }
        let (least, most) = (Span::from_secs(10), Span::from_secs(86_400));
        let max_age = self.span(&format!("{path}.max_age"), lists.max_age, least, most);
        let own_origin = || {
            let target = Target::parse(issuer).ok().filter(|_| is_fetchable(issuer, allow_loopback));
            target.map(|target| format!("{}://{}/", target.scheme().as_str(), target.authority()))
        };
        let uris =
            if lists.uris.is_empty() { own_origin().into_iter().collect() } else { lists.uris.clone() };
        if uris.is_empty() && config.is_some() {
            self.add(
                format!("{path}.uris"),
                "is empty, and `issuer` is no https url; write where its lists are",
            );
        }
        StatusLists { uris, is_configured: config.is_some(), require: lists.require, max_age }
    }
}
