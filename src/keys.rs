//! Where verification keys come from, and what a response must be to be believed: [`KeySource`].
//!
//! Two kinds of sources never mix: the key set that the configuration pins for an issuer, and the directory that
//! an agent names itself, below an origin that the configuration trusts. Fetching is the host's: `https`, no
//! redirects, at most [`MAX_KEY_DOCUMENT_BYTES`] read.

use alloc::string::String;
use core::time::Duration;

use crate::jose::jwk::{JwkSet, JwkSetError, MAX_SET_BYTES};
use crate::jose::key_set;
use crate::signature::profiles::web_bot_auth::KeySourceUrl;

/// Most bytes of a response that a host reads: 64 KiB.
pub const MAX_KEY_DOCUMENT_BYTES: usize = MAX_SET_BYTES;

/// The media type of a directory at the well-known path, where it is required.
pub const DIRECTORY_MEDIA_TYPE: &str = "application/http-message-signatures-directory+json";

/// What kind of source it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Issuer,
    WellKnownDirectory,
    Directory,
}

/// Where verification keys come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySource {
    kind: Kind,
    url: String,
    origin: String,
}

/// Why a response brought no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyResponseError {
    /// The status is not 200. Redirects are not followed.
    Status,
    /// A directory at the well-known path has another media type.
    MediaType,
    /// The body is no key set.
    Document(JwkSetError),
}

/// What a host got from a source.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyResponse<'a> {
    /// The status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Cache-Control`, lines joined.
    pub cache_control: Option<&'a str>,
    /// `Age`.
    pub age: Option<&'a str>,
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

impl KeyResponse<'_> {
    pub(crate) fn fresh_for(&self) -> Option<Duration> {
        key_set::freshness(self.cache_control, self.age)
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after.and_then(key_set::retry_after)
    }
}

impl KeySource {
    /// The key set of a configured issuer.
    pub(crate) fn issuer(url: &str) -> Self {
        Self { kind: Kind::Issuer, url: url.into(), origin: String::new() }
    }

    /// The directory that an agent named.
    pub(crate) fn directory(url: &KeySourceUrl) -> Self {
        let kind = if url.is_well_known() { Kind::WellKnownDirectory } else { Kind::Directory };
        Self { kind, url: url.as_str().into(), origin: url.origin().into() }
    }

    /// The URL to fetch.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to put into `Accept`.
    #[must_use]
    pub fn accept(&self) -> &'static str {
        match self.kind {
            Kind::Issuer => "application/jwk-set+json, application/json",
            Kind::WellKnownDirectory => DIRECTORY_MEDIA_TYPE,
            Kind::Directory => {
                "application/jwk-set+json, application/json, application/http-message-signatures-directory+json"
            }
        }
    }

    /// The origin of a directory, by which fetches of new ones are limited; `None` for issuers.
    pub(crate) fn directory_origin(&self) -> Option<&str> {
        (self.kind != Kind::Issuer).then_some(&self.origin)
    }

    /// Whether it is a directory at an origin's well-known path, of which there are as many as trusted origins.
    pub(crate) fn is_well_known(&self) -> bool {
        self.kind == Kind::WellKnownDirectory
    }

    /// Whether an agent chose the URL.
    pub(crate) fn is_named_by_agent(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// The name in a store. Issuers and directories are apart: nobody's directory becomes an issuer's key set.
    #[must_use]
    pub fn name(&self) -> String {
        let prefix = if self.kind == Kind::Issuer { "issuer" } else { "directory" };
        alloc::format!("{prefix}:{}", crate::crypto::sha256_base64url(self.url.as_bytes()))
    }

    /// Reads the keys from a response.
    pub fn read(&self, response: &KeyResponse<'_>) -> Result<JwkSet, KeyResponseError> {
        if response.status != 200 {
            return Err(KeyResponseError::Status);
        }
        match self.kind {
            Kind::Issuer => JwkSet::parse(response.body).map_err(KeyResponseError::Document),
            Kind::WellKnownDirectory if !is_directory_type(response.content_type) => {
                Err(KeyResponseError::MediaType)
            }
            Kind::WellKnownDirectory | Kind::Directory => {
                let set = JwkSet::parse_directory(response.body).map_err(KeyResponseError::Document)?;
                Ok(set.named_by_thumbprint(self.kind == Kind::WellKnownDirectory))
            }
        }
    }
}

/// Media types are compared without case and parameters (RFC 9110 §8.3.1).
fn is_directory_type(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(DIRECTORY_MEDIA_TYPE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn source(kind: Kind) -> KeySource {
        KeySource { kind, url: "https://a.example/x".into(), origin: "https://a.example".into() }
    }

    fn read(kind: Kind, content_type: &str, body: &str) -> Result<JwkSet, KeyResponseError> {
        let response = KeyResponse {
            status: 200,
            content_type: Some(content_type),
            body: body.as_bytes(),
            ..Default::default()
        };
        source(kind).read(&response)
    }

    #[test]
    fn only_the_well_known_path_demands_its_media_type() {
        assert_eq!(
            read(Kind::WellKnownDirectory, "application/json", BARE),
            Err(KeyResponseError::MediaType)
        );
        let typed = alloc::format!("{}; charset=utf-8", DIRECTORY_MEDIA_TYPE.to_uppercase());
        assert!(read(Kind::WellKnownDirectory, &typed, BARE).is_ok());
        assert!(read(Kind::Directory, "text/plain", BARE).is_ok());
    }

    #[test]
    fn only_a_directory_may_be_a_single_key() {
        assert_eq!(read(Kind::Directory, "", BARE).unwrap().keys().len(), 1);
        assert!(matches!(read(Kind::Issuer, "", BARE), Err(KeyResponseError::Document(_))));
    }

    #[test]
    fn directory_keys_are_known_by_their_thumbprints() {
        let with_kid = |kid: &str| BARE.replacen('{', &alloc::format!("{{\"kid\":\"{kid}\","), 1);
        let keys = |kind, kid| read(kind, DIRECTORY_MEDIA_TYPE, &with_kid(kid)).unwrap().keys().len();
        assert_eq!(keys(Kind::WellKnownDirectory, THUMBPRINT), 1);
        assert_eq!(keys(Kind::WellKnownDirectory, "my-key"), 0);
        let set = read(Kind::Directory, "", &with_kid("my-key")).unwrap();
        assert_eq!(set.candidates(Some(THUMBPRINT), None).len(), 1);
        assert_eq!(set.candidates(Some("my-key"), None).len(), 0);
    }

    #[test]
    fn anything_but_200_brings_nothing() {
        for status in [204, 301, 302, 304, 404, 500] {
            let response = KeyResponse { status, body: b"{\"keys\":[]}", ..Default::default() };
            assert_eq!(source(Kind::Issuer).read(&response), Err(KeyResponseError::Status));
        }
    }

    #[test]
    fn issuers_and_directories_have_different_names() {
        assert_ne!(source(Kind::Issuer).name(), source(Kind::Directory).name());
        assert_eq!(source(Kind::WellKnownDirectory).name(), source(Kind::Directory).name());
    }
}
