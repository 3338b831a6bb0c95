//! [`AgentRecord`]: what is known of one agent, and whether it may act ([`AgentRecord::standing`]).
//!
//! A record is made only from what was checked: bounded printable metadata, normalised directories, public keys that
//! may verify. Times of keys are half-open: a key is valid from `not_before` until just before `not_after`.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::error::{RegistryError, RegistryErrorKind as Kind};
use crate::config::{AgentConfig, AgentKeyConfig};
use crate::encoding::json;
use crate::jose::jwk::{Jwk, JwkError, MAX_SET_BYTES};
use crate::reason::Reason;
use crate::signature::is_published_test_key;
use crate::signature::profiles::web_bot_auth::{KeySourceUrl, is_thumbprint};
use crate::time::UnixSeconds;

/// Most keys of one agent, expired and revoked ones included: 16, a year of monthly rotations and some.
pub const MAX_KEYS: usize = 16;
/// Most directories of one agent: 16.
pub const MAX_DIRECTORIES: usize = 16;
/// Longest id in bytes: 64.
const MAX_ID_BYTES: usize = 64;
/// Longest `kid` in bytes: 256.
const MAX_KID_BYTES: usize = 256;
/// Longest operator and contact in bytes: 256.
const MAX_NAME_BYTES: usize = 256;
/// Longest purpose in bytes: 512.
const MAX_PURPOSE_BYTES: usize = 512;
/// The last second of the year 9999: what is later is no time that anyone meant.
const MAX_TIME: i64 = 253_402_300_799;

/// Whether an agent may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// It may not, until it is resumed.
    Suspended,
    /// It may not, and never will.
    Revoked,
}

impl Status {
    /// The name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Revoked].into_iter().find(|status| status.as_str() == name)
    }
}

/// A public key of an agent, and when it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentKey {
    jwk: Jwk,
    pub(super) not_before: UnixSeconds,
    pub(super) not_after: Option<UnixSeconds>,
    pub(super) revoked_at: Option<UnixSeconds>,
}

impl AgentKey {
    /// Reads a key. Without a `not_before` it is valid from `default_not_before` on.
    pub fn from_config(
        config: &AgentKeyConfig,
        default_not_before: UnixSeconds,
    ) -> Result<Self, RegistryError> {
        let jwk = read_jwk(config)?;
        let key = Self {
            jwk,
            not_before: config.not_before.map_or(default_not_before, UnixSeconds),
            not_after: config.not_after.map(UnixSeconds),
            revoked_at: None,
        };
        key.check_times()?;
        Ok(key)
    }

    pub(super) fn check_times(&self) -> Result<(), RegistryError> {
        let is_time = |time: UnixSeconds| (0..=MAX_TIME).contains(&time.0);
        if !is_time(self.not_before) {
            return Err(RegistryError::at(Kind::KeyTimesInvalid, "not_before"));
        }
        if self.not_after.is_some_and(|end| !is_time(end) || end <= self.not_before) {
            return Err(RegistryError::at(Kind::KeyTimesInvalid, "not_after"));
        }
        if self.revoked_at.is_some_and(|time| !is_time(time)) {
            return Err(RegistryError::at(Kind::KeyTimesInvalid, "revoked_at"));
        }
        Ok(())
    }

    /// The key.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The `kid`, or the thumbprint where it has none.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.jwk.kid().unwrap_or(self.jwk.thumbprint())
    }

    /// The RFC 7638 thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        self.jwk.thumbprint()
    }

    /// From when on it is valid.
    #[must_use]
    pub fn not_before(&self) -> UnixSeconds {
        self.not_before
    }

    /// From when on it is valid no more.
    #[must_use]
    pub fn not_after(&self) -> Option<UnixSeconds> {
        self.not_after
    }

    /// When it was revoked.
    #[must_use]
    pub fn revoked_at(&self) -> Option<UnixSeconds> {
        self.revoked_at
    }

    /// What a `keyid` may call it: thumbprint and `kid`.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let kid = self.jwk.kid().filter(|kid| *kid != self.thumbprint());
        core::iter::once(self.thumbprint()).chain(kid)
    }

    /// Whether a `keyid` calls it so.
    #[must_use]
    pub fn is_named(&self, keyid: &str) -> bool {
        self.names().any(|name| name == keyid)
    }

    /// Whether the key may be used now.
    pub fn standing(&self, now: UnixSeconds) -> Result<(), Reason> {
        if self.revoked_at.is_some() {
            Err(Reason::AgentKeyRevoked)
        } else if now < self.not_before {
            Err(Reason::AgentKeyNotYetValid)
        } else if self.not_after.is_some_and(|end| now >= end) {
            Err(Reason::AgentKeyExpired)
        } else {
            Ok(())
        }
    }
}

/// What is known of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRecord {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) operator: String,
    pub(super) purpose: String,
    pub(super) contact: String,
    pub(super) directories: Vec<String>,
    pub(super) keys: Vec<AgentKey>,
    pub(super) jwks_uri: Option<String>,
    /// The registry's revision that this record last changed with; `None` while it is the configuration's.
    pub(super) revision: Option<u64>,
}

impl AgentRecord {
    /// Reads a record. Keys without a `not_before` are valid from `default_not_before` on.
    pub fn from_config(
        config: &AgentConfig,
        allow_loopback: bool,
        default_not_before: UnixSeconds,
    ) -> Result<Self, RegistryError> {
        let record = Self {
            id: config.id.clone(),
            status: if config.suspended { Status::Suspended } else { Status::Active },
            operator: config.operator.clone(),
            purpose: config.purpose.clone(),
            contact: config.contact.clone(),
            directories: read_directories(&config.directories, allow_loopback)?,
            keys: config
                .keys
                .iter()
                .enumerate()
                .map(|(i, key)| {
                    AgentKey::from_config(key, default_not_before)
                        .map_err(|e| e.within(&format!("keys[{i}]")))
                })
                .collect::<Result<_, _>>()?,
            jwks_uri: read_jwks_uri(config.jwks_uri.as_deref(), allow_loopback)?,
            revision: None,
        };
        record.check()?;
        Ok(record)
    }

    /// Checks everything that does not depend on other agents.
    pub(super) fn check(&self) -> Result<(), RegistryError> {
        if !is_id(&self.id) {
            return Err(RegistryError::at(Kind::AgentIdInvalid, "id"));
        }
        if !is_text(&self.operator, MAX_NAME_BYTES) || !is_operator(&self.operator) {
            return Err(RegistryError::at(Kind::OperatorInvalid, "operator"));
        }
        for (name, text, most) in
            [("purpose", &self.purpose, MAX_PURPOSE_BYTES), ("contact", &self.contact, MAX_NAME_BYTES)]
        {
            if !is_text(text, most) {
                return Err(RegistryError::at(Kind::TextInvalid, name));
            }
        }
        if self.directories.len() > MAX_DIRECTORIES {
            return Err(RegistryError::at(Kind::TooManyDirectories, "directories"));
        }
        if self.keys.len() > MAX_KEYS {
            return Err(RegistryError::at(Kind::TooManyKeys, "keys"));
        }
        if self.directories.is_empty() && self.keys.is_empty() && self.jwks_uri.is_none() {
            return Err(Kind::AgentUnrecognisable.into());
        }
        Ok(())
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it may act.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Who answers for it: an https URL, or a name.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// How to reach its operator.
    #[must_use]
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// The Web Bot Auth directories that are this agent: identities, or whole origins.
    #[must_use]
    pub fn directories(&self) -> &[String] {
        &self.directories
    }

    /// Its keys, also those that are not valid now.
    #[must_use]
    pub fn keys(&self) -> &[AgentKey] {
        &self.keys
    }

    /// Where it may say that its keys are: its directories, and its key set.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        let key_set = self.jwks_uri.as_deref().map(super::identity_of);
        self.directories.iter().map(String::as_str).chain(key_set)
    }

    /// Where more of its keys are.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&str> {
        self.jwks_uri.as_deref()
    }

    /// The registry's revision that it last changed with; `None` while it is what the configuration says.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }

    /// The key that a `keyid` names.
    #[must_use]
    pub fn key(&self, keyid: &str) -> Option<&AgentKey> {
        self.keys.iter().find(|key| key.is_named(keyid))
    }

    /// Whether the agent may act now, whichever key it uses.
    pub fn standing(&self) -> Result<(), Reason> {
        match self.status {
            Status::Active => Ok(()),
            Status::Suspended => Err(Reason::AgentSuspended),
            Status::Revoked => Err(Reason::AgentRevoked),
        }
    }
}

/// Reads and normalises directories; the same one twice is one.
pub(super) fn read_directories(urls: &[String], allow_loopback: bool) -> Result<Vec<String>, RegistryError> {
    if urls.len() > MAX_DIRECTORIES {
        return Err(RegistryError::at(Kind::TooManyDirectories, "directories"));
    }
    let mut directories = BTreeSet::new();
    for (i, url) in urls.iter().enumerate() {
        let fault = || RegistryError::at(Kind::DirectoryInvalid, format!("directories[{i}]"));
        let parsed = KeySourceUrl::parse(url, allow_loopback).map_err(|_| fault())?;
        // The identity has no query, so that an entry with one would never be found.
        if parsed.identity() != parsed.as_str() {
            return Err(fault());
        }
        let origin_alone = parsed.identity().strip_prefix(parsed.origin()) == Some("/");
        directories.insert(String::from(if origin_alone { parsed.origin() } else { parsed.identity() }));
    }
    Ok(directories.into_iter().collect())
}

/// Keys are fetched from there, so that the rules of agents' directories hold.
pub(super) fn read_jwks_uri(
    url: Option<&str>,
    allow_loopback: bool,
) -> Result<Option<String>, RegistryError> {
    let fault = |_| RegistryError::at(Kind::JwksUriInvalid, "jwks_uri");
    url.map(|url| KeySourceUrl::parse(url, allow_loopback).map(|url| url.as_str().into()).map_err(fault))
        .transpose()
}

fn read_jwk(config: &AgentKeyConfig) -> Result<Jwk, RegistryError> {
    let mut members = config.jwk.clone();
    if let (Some(kid), Some(members)) = (&config.kid, members.as_object_mut()) {
        let inside = members.insert("kid".into(), kid.as_str().into());
        if inside.is_some_and(|inside| inside != kid.as_str()) {
            return Err(RegistryError::at(Kind::KeyIdInvalid, "kid"));
        }
    }
    let text = members.to_string();
    let object = json::parse_object(text.as_bytes(), MAX_SET_BYTES)
        .map_err(|_| RegistryError::at(Kind::KeyInvalid, "jwk"))?;
    let jwk = Jwk::from_object(&object).map_err(|error| {
        let kind = match error {
            JwkError::Private | JwkError::Symmetric => Kind::KeyPrivate,
            _ => Kind::KeyInvalid,
        };
        RegistryError::at(kind, "jwk")
    })?;
    if is_published_test_key(jwk.thumbprint()) {
        return Err(RegistryError::at(Kind::KeyForbidden, "jwk"));
    }
    // A name that looks like another key's thumbprint would take that key's place.
    let takes_another = |kid: &str| is_thumbprint(kid) && kid != jwk.thumbprint();
    if jwk.kid().is_some_and(|kid| !is_kid(kid) || takes_another(kid)) {
        return Err(RegistryError::at(Kind::KeyIdInvalid, "kid"));
    }
    Ok(jwk)
}

/// Unreserved characters alone, so that no server on the way reads a path with an id in it differently.
pub(super) fn is_id(id: &str) -> bool {
    id.len() <= MAX_ID_BYTES
        && id.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

fn is_kid(kid: &str) -> bool {
    (1..=MAX_KID_BYTES).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_graphic())
}

/// What looks like a URL must be an https one.
fn is_operator(operator: &str) -> bool {
    !operator.contains("://") || KeySourceUrl::parse(operator, false).is_ok()
}

/// Nothing that a terminal or a log viewer would act upon instead of showing it.
pub(crate) fn is_text(text: &str, most: usize) -> bool {
    let reorders = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !text.trim().is_empty() && text.len() <= most && !text.chars().any(|c| c.is_control() || reorders(c))
}
