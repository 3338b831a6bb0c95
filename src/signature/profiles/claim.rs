//! What a signature claims under a profile: [`Claim`]. Everything that can be checked before a key is known has been.

use alloc::string::String;

use super::web_bot_auth::{AgentForm, KeySourceUrl};
use crate::time::UnixSeconds;

/// Where the key of a claim is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// At a URL that the request names: a key is looked up by the pair of this and the thumbprint, and by nothing
    /// less, so that nobody's directory answers for another's.
    Directory {
        /// Which of the wire forms named it.
        form: AgentForm,
        /// The URL.
        url: KeySourceUrl,
    },
    /// With the gate: a registered agent's, or in a key set that the configuration names.
    Known,
}

/// Who claims to have signed, and where the key is. Only [`Rules::claim`](super::Rules::claim) makes one; it is not
/// verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The profile.
    pub profile: &'static str,
    /// Where the key is.
    pub place: KeyPlace,
    /// Which key there. A thumbprint in profiles that find keys in directories.
    pub keyid: Option<String>,
    /// When the signature was made.
    pub created: UnixSeconds,
    /// From when on it is not valid: `expires`, or where there is none the longest that the profile allows.
    pub until: UnixSeconds,
    /// The signer's nonce: to be recorded once the signature has verified.
    pub nonce: Option<String>,
}

impl Claim {
    /// The URL that identifies the agent, where the claim names one: without its query.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.directory().map(KeySourceUrl::identity)
    }

    /// The directory that the claim names.
    #[must_use]
    pub fn directory(&self) -> Option<&KeySourceUrl> {
        match &self.place {
            KeyPlace::Directory { url, .. } => Some(url),
            KeyPlace::Known => None,
        }
    }

    /// The wire form, in words of the gate's own.
    #[must_use]
    pub fn form(&self) -> Option<&'static str> {
        match &self.place {
            KeyPlace::Directory { form, .. } => Some(form.as_str()),
            KeyPlace::Known => None,
        }
    }
}
