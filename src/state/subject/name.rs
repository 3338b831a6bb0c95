//! [`SubjectName`]: whom an object has the state of, without saying who that is.

use core::fmt;

use super::half;
use super::wire::digest16;
use crate::crypto::sha256_parts;
use crate::encoding::base64url;

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A key that proves requests, by its thumbprint.
    Key,
    /// An agent, by whatever identified it.
    Agent,
    /// A person whom agents act for.
    Principal,
    /// An organisation.
    Organisation,
    /// A network address.
    Address,
    /// A route of the configuration.
    Route,
    /// A budget.
    Budget,
}

impl SubjectKind {
    const ALL: [Self; 7] = [
        Self::Key,
        Self::Agent,
        Self::Principal,
        Self::Organisation,
        Self::Address,
        Self::Route,
        Self::Budget,
    ];

    /// What names begin with.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Agent => "agent",
            Self::Principal => "principal",
            Self::Organisation => "organisation",
            Self::Address => "address",
            Self::Route => "route",
            Self::Budget => "budget",
        }
    }
}

/// The name of a subject's object: what it is and a digest of which one, as no store needs to learn who it is. As text
/// `key:` and 16 bytes of SHA-256 in base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectName {
    kind: SubjectKind,
    digest: [u8; 16],
}

impl SubjectName {
    /// The subject of these parts, which do not run together.
    #[must_use]
    pub fn new(kind: SubjectKind, parts: &[&str]) -> Self {
        Self { kind, digest: half(sha256_parts(parts)) }
    }

    /// The key with this thumbprint (RFC 7638), whatever it proves: a signature, a DPoP proof.
    #[must_use]
    pub fn key(thumbprint: &str) -> Self {
        Self::new(SubjectKind::Key, &["jkt", thumbprint])
    }

    /// The key that a client shares with the gate under this name.
    #[must_use]
    pub fn shared_key(keyid: &str) -> Self {
        Self::new(SubjectKind::Key, &["shared key", keyid])
    }

    /// The certificate with this thumbprint (`x5t#S256`, RFC 8705 §3.1).
    #[must_use]
    pub fn certificate(x5t_s256: &str) -> Self {
        Self::new(SubjectKind::Key, &["x5t#S256", x5t_s256])
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The name with this text; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, digest) = text.split_once(':')?;
        let kind = SubjectKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        Some(Self { kind, digest: digest16::read(digest)? })
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), base64url::encode(&self.digest))
    }
}
