//! The deny list: tokens, subjects, agents, tasks and keys that are refused until a time, whoever else vouches for them.
//!
//! The list holds digests only ([`Digest`]): who reads its store learns who is denied only where he can guess the name.
//! It is one document, which isolates keep copies of ([`copy`](crate::registry::copy)) and search in O(log n). Who may
//! add to it, and where it is kept, is [`ledger`](super::ledger)'s and the host's.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::crypto::sha256_parts;
use crate::encoding::base64url;
use crate::encoding::json;
use crate::reason::Reason;
use crate::registry::agent::is_text;
use crate::registry::copy::Document;
use crate::registry::{RegistryError, RegistryErrorKind};
use crate::time::{UnixMillis, UnixSeconds};

/// Most entries of the store: 16384. A full list takes no more: pushing an entry out would let somebody in again.
pub const MAX_DENIALS: usize = 16 * 1024;
/// Longest value in bytes: 2048, the longest identity of an agent.
pub const MAX_VALUE_BYTES: usize = 2048;
/// The name of the deny list in a store.
pub const DENIALS_NAME: &str = "denials";
/// Longest document in bytes: each entry takes 24 bytes, a third more in base64url.
pub const MAX_DOCUMENT_BYTES: usize = MAX_DENIALS * ENTRY_BYTES * 4 / 3 + 256;

/// The form of the document; others are refused.
const VERSION: u64 = 1;
/// A digest, and a time in seconds.
const ENTRY_BYTES: usize = 16 + 8;

/// What is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A token of an issuer, by its `jti`; and the tokens that came from it.
    Jti,
    /// All tokens of an issuer for this `sub`.
    Sub,
    /// An agent, by the identity that it proves or that a token names it by.
    Agent,
    /// A task, and the tasks that came from it, whoever issued their tokens.
    Task,
    /// A key, by its thumbprint (`jkt`, or `x5t#S256`), to whatever it is bound and whatever it signs.
    Key,
}

impl Kind {
    /// The name in configuration and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jti => "jti",
            Self::Sub => "sub",
            Self::Agent => "agent",
            Self::Task => "task",
            Self::Key => "key",
        }
    }

    /// Whether values are an issuer's own, so that an entry names the issuer too.
    #[must_use]
    pub fn is_of_issuer(self) -> bool {
        matches!(self, Self::Jti | Self::Sub)
    }

    /// Why what is denied is refused.
    #[must_use]
    pub fn refusal(self) -> Reason {
        match self {
            Self::Jti => Reason::TokenRevoked,
            Self::Sub => Reason::TokenSubjectRevoked,
            Self::Agent => Reason::AgentRevoked,
            Self::Task => Reason::TokenTaskRevoked,
            Self::Key => Reason::TokenKeyRevoked,
        }
    }
}

/// Reads who or what is denied: the digest of a value that is one of its kind. An issuer may be left out where the gate
/// has only one.
pub(crate) fn read(
    kind: Kind,
    value: &str,
    issuer: Option<&str>,
    issuers: &[&str],
) -> Result<Digest, RegistryError> {
    let is_valid = match kind {
        Kind::Key => base64url::decode_array::<32>(value).is_ok(),
        _ => is_text(value, MAX_VALUE_BYTES),
    };
    if !is_valid {
        return Err(RegistryError::at(RegistryErrorKind::RevocationValueInvalid, "value"));
    }
    let issuer = match (kind.is_of_issuer(), issuer, issuers) {
        (false, None, _) => "",
        (true, None, [only]) => only,
        (true, Some(issuer), _) if issuers.contains(&issuer) => issuer,
        _ => return Err(RegistryError::at(RegistryErrorKind::RevocationIssuerInvalid, "issuer")),
    };
    Ok(Digest::of(kind, issuer, value))
}

/// What stands for something denied: the first 16 bytes of a SHA-256. Who makes two names that agree (some 2^64 tries) has
/// made one more name of his own that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub(super) [u8; 16]);

impl Digest {
    /// Of a value of a kind; `issuer` counts where values are an issuer's own.
    #[must_use]
    pub fn of(kind: Kind, issuer: &str, value: &str) -> Self {
        let issuer = if kind.is_of_issuer() { issuer } else { "" };
        Self::truncated(&sha256_parts(&["deny-list", kind.as_str(), issuer, value]))
    }

    pub(super) fn truncated(hash: &[u8; 32]) -> Self {
        let mut digest = [0; 16];
        digest.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
        Self(digest)
    }

    /// Reads what [`Self::to_text`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        base64url::decode_array(text).ok().map(Self)
    }

    /// As base64url, 22 characters.
    #[must_use]
    pub fn to_text(self) -> String {
        base64url::encode(&self.0)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_text()
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_text(&text).ok_or("is no digest of the deny list")
    }
}

/// What is denied, and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DenyList {
    revision: u64,
    /// In the order of the digests, each once.
    entries: Vec<(Digest, UnixSeconds)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u64,
    revision: u64,
    #[serde(default)]
    published_at: Option<u64>,
    denied: String,
}

/// Reads a document of the store, published or not; `None` for what is none.
#[must_use]
pub fn parse(text: &str) -> Option<DenyList> {
    DenyList::read(text).map(|(list, _)| list)
}

impl DenyList {
    /// A list of these entries; of two that agree the longer counts.
    pub fn new(revision: u64, entries: impl IntoIterator<Item = (Digest, UnixSeconds)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_unstable_by_key(|(digest, until)| (*digest, core::cmp::Reverse(*until)));
        entries.dedup_by_key(|(digest, _)| *digest);
        Self { revision, entries }
    }

    /// Whether it is denied now.
    #[must_use]
    pub fn denies(&self, digest: &Digest, now: UnixSeconds) -> bool {
        let found = self.entries.binary_search_by_key(digest, |(digest, _)| *digest).ok();
        found.and_then(|at| self.entries.get(at)).is_some_and(|(_, until)| now < *until)
    }

    /// A list of entries that never end: what a configuration denies.
    pub(crate) fn lasting(entries: impl IntoIterator<Item = Digest>) -> Self {
        Self::new(0, entries.into_iter().map(|digest| (digest, UnixSeconds(i64::MAX))))
    }

    /// How many entries there are, those that have ended included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The list as text, for its store: strict JSON, with the entries as one string of bytes, since JSON of each would be
    /// three times as long, and is read anew by every isolate after each change.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut bytes = Vec::with_capacity(self.entries.len() * ENTRY_BYTES);
        for (digest, until) in &self.entries {
            bytes.extend_from_slice(&digest.0);
            bytes.extend_from_slice(&until.0.to_be_bytes());
        }
        let (revision, denied) = (self.revision, base64url::encode(&bytes));
        format!("{{\"version\":{VERSION},\"revision\":{revision},\"denied\":\"{denied}\"}}")
    }
}

impl Document for DenyList {
    fn read(text: &str) -> Option<(Self, Option<UnixMillis>)> {
        let value = json::parse(text.as_bytes(), MAX_DOCUMENT_BYTES).ok()?;
        let stored: Stored = json::from_value(value).ok()?;
        let bytes = base64url::decode(&stored.denied).ok()?;
        let (chunks, rest) = bytes.as_chunks::<ENTRY_BYTES>();
        if stored.version != VERSION || !rest.is_empty() || chunks.len() > MAX_DENIALS {
            return None;
        }
        let entries: Vec<_> = chunks.iter().map(entry).collect();
        // A search relies on the order; what was written without it was not written by this gate.
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            return None;
        }
        Some((Self { revision: stored.revision, entries }, stored.published_at.map(UnixMillis)))
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    /// What the configuration denies is denied, whatever the store says.
    fn over(&self, configured: &Self) -> Self {
        Self::new(self.revision, self.entries.iter().chain(&configured.entries).copied())
    }
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> (Digest, UnixSeconds) {
    let (mut digest, mut until) = ([0; 16], [0; 8]);
    digest.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    until.iter_mut().zip(bytes.iter().skip(16)).for_each(|(to, from)| *to = *from);
    (Digest(digest), UnixSeconds(i64::from_be_bytes(until)))
}
