//! Where the gate's events go, and in what form: `[events]`.

use alloc::string::String;

use serde::Deserialize;

use super::Config;
use super::gate::{Faults, is_fetchable, origin_of};
use crate::request::Target;

/// Where security events are sent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// Takes them by push (RFC 8935): `https`, or a URL of `origin`.
    pub url: String,
    /// How they are sent. Default: `set`.
    #[serde(default)]
    pub format: EventFormat,
    /// What they are signed with. The key is the first for it in `GATE_EVENTS_KEY`, or where there is no such secret in
    /// `GATE_SIGNING_KEY`. Default: `EdDSA`.
    #[serde(default)]
    pub algorithm: EventAlgorithm,
}

/// How events are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum EventFormat {
    /// As Security Event Tokens (RFC 8417, RFC 8935).
    #[default]
    Set,
    /// As `CloudEvents` 1.0 in JSON, structured mode, with the Security Event Token for `data`.
    CloudEvents,
}

/// What events are signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventAlgorithm {
    /// With an Ed25519 key.
    #[default]
    EdDSA,
    /// With an RSA key of 2048 to 4096 bits, which CAEP's interoperability profile demands.
    RS256,
}

/// Where events go, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    url: String,
    format: EventFormat,
    algorithm: EventAlgorithm,
}

impl Events {
    /// Who takes them.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How they are sent.
    #[must_use]
    pub fn format(&self) -> EventFormat {
        self.format
    }

    /// What they are signed with.
    #[must_use]
    pub fn algorithm(&self) -> EventAlgorithm {
        self.algorithm
    }
}

impl Faults {
    pub(super) fn events(&mut self, config: &Config) -> Option<Events> {
        let EventsConfig { url, format, algorithm } = config.events.clone()?;
        let at_origin = Target::parse(&url).is_ok_and(|url| {
            Target::parse(&config.origin).is_ok_and(|origin| origin_of(&url) == origin_of(&origin))
        });
        if !at_origin && !is_fetchable(&url, config.allow_loopback) {
            self.add("events.url", "is not an https url, nor a url of `origin`");
        }
        Some(Events { url, format, algorithm })
    }
}
