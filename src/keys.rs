//! Where verification keys come from, and what a response must be to be believed: [`KeySource`].
//!
//! Three kinds of sources never mix: the key set that the configuration pins for an issuer, the directory that an agent
//! names itself, below an origin that the configuration trusts, and the key set that a registered agent has. Where the
//! configuration pins no key set, the issuer's metadata is a source, too, and the key set that it names belongs to that
//! issuer alone ([`discovery`](crate::discovery)). Fetching is the host's: `https`, no
//! redirects, at most [`MAX_KEY_DOCUMENT_BYTES`] read, `Accept` as [`KeySource::accept`] says, `Accept-Encoding:
//! identity` as digests are those of what was sent, and for [`KeySource::is_public_only`] no address but those that
//! [`net::is_public`] lets through.
//!
//! A host gives [`KeySource::read`] what it got, verifies the [`KeyReading::checks`] that this leaves to it, and gives
//! the reading to [`Memory::keys_read`](crate::memory::Memory::keys_read). Keys are looked up by source *and* name.

mod signed;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::crypto::SignatureCheck;
use crate::discovery::{Metadata, MetadataError, WellKnown, is_same_authority};
use crate::jose::jwk::{JwkSet, JwkSetError, MAX_SET_BYTES};
use crate::jose::key_set::{self, CachingFields, Freshness};
use crate::net;
use crate::request::{Fields, Target};
use crate::signature::profiles::web_bot_auth::KeySourceUrl;
use crate::time::UnixSeconds;
use signed::{Exchange, Judged};

pub use signed::{KeyRefusal, TAG as DIRECTORY_TAG};

/// Most bytes of a response that a host reads: 64 KiB.
pub const MAX_KEY_DOCUMENT_BYTES: usize = MAX_SET_BYTES;

/// The media type of a directory at the well-known path, where it is required.
pub const DIRECTORY_MEDIA_TYPE: &str = "application/http-message-signatures-directory+json";

/// What kind of source it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Issuer,
    /// The key set that an issuer's metadata names.
    Discovered,
    /// The metadata of an issuer.
    Metadata(Asked),
    /// Of a registered agent: known by `kid`, and fetched under the rules of directories.
    Agent,
    WellKnownDirectory,
    Directory,
}

/// Which metadata of an issuer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Asked {
    pub(crate) at: WellKnown,
    /// Whether the other would do as well.
    pub(crate) or_other: bool,
}

/// Where verification keys come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySource {
    kind: Kind,
    url: String,
    /// Who answers for the URL, where that is not the configuration alone: the trusted origin of a directory, or the
    /// issuer who names a key set.
    origin: String,
    /// Where only keys are kept that signed the response: how far its clock may be ahead.
    signed_within: Option<Duration>,
    /// Whether the gate permits loopback addresses, for tests and demos.
    allow_loopback: bool,
}

/// Why a response brought no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyResponseError {
    /// The status is not 200. Redirects are not followed.
    Status(u16),
    /// A directory at the well-known path has another media type.
    MediaType,
    /// The body is no key set.
    Document(JwkSetError),
    /// A directory that must be signed is signed by none of its keys.
    Unsigned,
    /// The body is no metadata of the issuer.
    Metadata(MetadataError),
}

impl KeyResponseError {
    /// Whether the answer is that there is no key set, rather than that it cannot be had now. Of the statuses these are
    /// 404 and 410, a redirect, and success without the document; a refusal (401, 403) or overload may pass.
    #[must_use]
    pub fn is_definite(self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 200..=399 | 404 | 410),
            Self::MediaType | Self::Document(_) | Self::Unsigned | Self::Metadata(_) => true,
        }
    }

    /// Whether there is nothing at that URL, by its status.
    pub(crate) fn is_absence(self) -> bool {
        matches!(self, Self::Status(_)) && self.is_definite()
    }
}

impl fmt::Display for KeyResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "answered with status {status}"),
            Self::MediaType => f.write_str("directory has another media type"),
            Self::Document(error) => error.fmt(f),
            Self::Unsigned => f.write_str("directory is signed by none of its keys"),
            Self::Metadata(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for KeyResponseError {}

/// What a host got from a source.
#[derive(Clone, Debug)]
pub struct KeyResponse<'a> {
    status: u16,
    fields: Fields,
    /// `None` where it is longer than a key document may be.
    body: Option<&'a [u8]>,
}

impl<'a> KeyResponse<'a> {
    /// A response without fields. `body` is `None` where it is longer than [`MAX_KEY_DOCUMENT_BYTES`].
    #[must_use]
    pub fn new(status: u16, body: Option<&'a [u8]>) -> Self {
        Self { status, fields: Fields::new(), body }
    }

    /// The same with a field line. What no field can be, or is too much of them, is left out: a signature that covers
    /// it does not verify.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let _ = self.fields.push(name, value);
        self
    }

    fn freshness(&self, now: UnixSeconds) -> Freshness {
        let [cache_control, age, date, expires] =
            ["cache-control", "age", "date", "expires"].map(|name| self.fields.combined(name));
        let fields = CachingFields {
            cache_control: cache_control.as_deref(),
            age: age.as_deref(),
            date: date.as_deref(),
            expires: expires.as_deref(),
        };
        Freshness::read(&fields, now)
    }
}

/// What a response came to: keys or a reason why not, and how long to believe it.
#[derive(Clone, Debug)]
pub struct KeyReading {
    found: Result<Found, KeyResponseError>,
    freshness: Freshness,
    retry_after: Option<Duration>,
}

#[derive(Clone, Debug)]
enum Found {
    Keys(JwkSet),
    Signed(Judged),
    Metadata(Metadata),
}

/// What a reading brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Brought {
    Keys(JwkSet),
    Metadata(Metadata),
}

impl KeyReading {
    /// The signatures of keys on the response that the host has to verify, in order: those of other algorithms than
    /// Ed25519, which the core does. None, mostly.
    #[must_use]
    pub fn checks(&self) -> Vec<SignatureCheck> {
        match &self.found {
            Ok(Found::Signed(judged)) => judged.checks().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// The keys, with the host's verdicts on the checks; one that is missing is that the signature is not valid. Beside
    /// them is why keys were refused that had to sign, by thumbprint.
    pub(crate) fn conclude(
        self,
        verdicts: &[bool],
    ) -> (Result<Brought, KeyResponseError>, Vec<(String, KeyRefusal)>) {
        match self.found {
            Ok(Found::Keys(set)) => (Ok(Brought::Keys(set)), Vec::new()),
            Ok(Found::Metadata(metadata)) => (Ok(Brought::Metadata(metadata)), Vec::new()),
            Ok(Found::Signed(judged)) => {
                let (set, refusals) = judged.conclude(verdicts);
                let none_signed = set.keys().is_empty() && !refusals.is_empty();
                let found =
                    if none_signed { Err(KeyResponseError::Unsigned) } else { Ok(Brought::Keys(set)) };
                (found, refusals)
            }
            Err(error) => (Err(error), Vec::new()),
        }
    }

    pub(crate) fn freshness(&self) -> Freshness {
        self.freshness
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// What became of a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysTaken {
    /// What to store under [`KeySource::name`], and for how long, where it is to be stored.
    pub store: Option<(String, Duration)>,
    /// Why the response brought no keys.
    pub error: Option<KeyResponseError>,
    /// The keys that had to sign the response and are not believed, by thumbprint, for the operator to see.
    pub refusals: Vec<(String, KeyRefusal)>,
}

impl KeysTaken {
    /// Lines for a log. They name no URL, which a stranger may have chosen.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let error = self.error.iter().map(|error| alloc::format!("{error}"));
        error.chain(self.refusals.iter().map(|(thumbprint, why)| alloc::format!("key {thumbprint}: {why}")))
    }
}

impl KeySource {
    /// The key set of a configured issuer.
    pub(crate) fn issuer(url: &str) -> Self {
        Self {
            kind: Kind::Issuer,
            url: url.into(),
            origin: String::new(),
            signed_within: None,
            allow_loopback: false,
        }
    }

    /// The key set that the metadata of an issuer names. It is that issuer's: another that names the same URL has one of
    /// its own, with its own fetches.
    pub(crate) fn discovered(issuer: &str, jwks_uri: &str) -> Self {
        Self { kind: Kind::Discovered, origin: issuer.into(), ..Self::issuer(jwks_uri) }
    }

    /// The metadata of an issuer.
    pub(crate) fn metadata(issuer: &str, asked: Asked) -> Self {
        Self { kind: Kind::Metadata(asked), origin: issuer.into(), ..Self::issuer(&asked.at.url(issuer)) }
    }

    /// The key set of a registered agent.
    pub(crate) fn agent(url: &str) -> Self {
        Self { kind: Kind::Agent, ..Self::issuer(url) }
    }

    /// The directory that an agent named.
    pub(crate) fn directory(url: &KeySourceUrl) -> Self {
        let kind = if url.is_well_known() { Kind::WellKnownDirectory } else { Kind::Directory };
        Self { kind, origin: url.origin().into(), ..Self::issuer(url.as_str()) }
    }

    /// The same, which may be on this machine where the gate permits that.
    pub(crate) fn allow_loopback(self, allow_loopback: bool) -> Self {
        Self { allow_loopback, ..self }
    }

    /// The same, from which only keys are kept that have signed the response, with a clock at most so far ahead.
    pub(crate) fn signed_within(self, clock_skew: Option<Duration>) -> Self {
        Self { signed_within: clock_skew, ..self }
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
            Kind::Issuer | Kind::Discovered | Kind::Agent => "application/jwk-set+json, application/json",
            Kind::Metadata(_) => "application/json",
            Kind::WellKnownDirectory => DIRECTORY_MEDIA_TYPE,
            Kind::Directory => {
                "application/jwk-set+json, application/json, application/http-message-signatures-directory+json"
            }
        }
    }

    /// Whether the host may connect to public addresses only: an agent chose the name, or an issuer one that is not its
    /// own. What the configuration names is the operator's to choose, and may be in his own network, as may be the key
    /// set of an issuer there on the same host. A name of loopback leads there where the gate permits
    /// it now: a record of the registry may have been written while it still did.
    #[must_use]
    pub fn is_public_only(&self) -> bool {
        let names_loopback = |url: Target| net::names_loopback(url.authority());
        let may_be_loopback = self.allow_loopback && Target::parse(&self.url).is_ok_and(names_loopback);
        let named_by_operator = match self.kind {
            Kind::Issuer | Kind::Metadata(_) => true,
            Kind::Discovered => is_same_authority(&self.origin, &self.url),
            Kind::Agent | Kind::WellKnownDirectory | Kind::Directory => false,
        };
        !named_by_operator && !may_be_loopback
    }

    /// The part of the URL that the operator has named, for logs: the rest of a directory's an agent chose. For what an
    /// issuer's metadata names it is the issuer.
    #[must_use]
    pub fn configured(&self) -> &str {
        if self.is_directory() || self.kind == Kind::Discovered { &self.origin } else { &self.url }
    }

    /// Under which name it is in memory: keys of an issuer that were discovered are found by that issuer only. No URL has
    /// a space, so that none can be mistaken for another's name.
    pub(crate) fn key(&self) -> Cow<'_, str> {
        match self.kind {
            Kind::Metadata(_) => Cow::Borrowed(&self.origin),
            Kind::Discovered => Cow::Owned(alloc::format!("{} {}", self.origin, self.url)),
            _ => Cow::Borrowed(&self.url),
        }
    }

    /// Which metadata is asked for, and of whom, where it is metadata.
    pub(crate) fn asked(&self) -> Option<(&str, Asked)> {
        match self.kind {
            Kind::Metadata(asked) => Some((&self.origin, asked)),
            _ => None,
        }
    }

    /// Metadata, if it is that of the issuer and may be used by this gate.
    pub(crate) fn believe(&self, metadata: Metadata) -> Result<Metadata, MetadataError> {
        metadata.believed_for(&self.origin, self.allow_loopback)
    }

    /// The origin of a directory, by which fetches of new ones are limited; `None` for issuers.
    pub(crate) fn directory_origin(&self) -> Option<&str> {
        self.is_directory().then_some(&self.origin)
    }

    /// Whether it is a directory, which agents name themselves.
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::WellKnownDirectory | Kind::Directory)
    }

    /// Whether it is the configuration that names it: an issuer, be it through its metadata, or a profile's own.
    pub(crate) fn is_configured(&self) -> bool {
        matches!(self.kind, Kind::Issuer | Kind::Discovered | Kind::Metadata(_))
    }

    /// Whether it is a directory at an origin's well-known path, of which there are as many as trusted origins.
    pub(crate) fn is_well_known(&self) -> bool {
        self.kind == Kind::WellKnownDirectory
    }

    /// Whether an agent chose the URL.
    pub(crate) fn is_named_by_agent(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// The name in a store. The kinds are apart: nobody's directory becomes an issuer's key set. So are directories that must be signed: what was stored without that rule is not found under it.
    #[must_use]
    pub fn name(&self) -> String {
        let prefix = match (self.kind, self.signed_within) {
            (Kind::Issuer | Kind::Discovered, _) => "issuer",
            (Kind::Metadata(Asked { or_other: true, .. }), _) => "metadata",
            (Kind::Metadata(Asked { at: WellKnown::Rfc8414, .. }), _) => "metadata-rfc8414",
            (Kind::Metadata(Asked { at: WellKnown::OpenId, .. }), _) => "metadata-openid",
            (Kind::Agent, _) => "agent",
            (_, None) => "directory",
            (_, Some(_)) => "signed-directory",
        };
        alloc::format!("{prefix}:{}", crate::crypto::sha256_base64url(self.key().as_bytes()))
    }

    /// Reads the keys from a response.
    #[must_use]
    pub fn read(&self, response: &KeyResponse<'_>, now: UnixSeconds) -> KeyReading {
        let retry_after = response.fields.combined("retry-after");
        KeyReading {
            found: self.find(response, now),
            freshness: response.freshness(now),
            retry_after: retry_after.and_then(|value| key_set::retry_after(&value, now)),
        }
    }

    fn find(&self, response: &KeyResponse<'_>, now: UnixSeconds) -> Result<Found, KeyResponseError> {
        if response.status != 200 {
            return Err(KeyResponseError::Status(response.status));
        }
        if let Kind::Metadata(_) = self.kind {
            let body = response.body.ok_or(MetadataError::TooLong);
            let metadata = body.and_then(Metadata::parse).and_then(|metadata| self.believe(metadata));
            return metadata.map(Found::Metadata).map_err(KeyResponseError::Metadata);
        }
        let set = self.document(response)?;
        let (Some(clock_skew), Some(body)) = (self.signed_within, response.body) else {
            return Ok(Found::Keys(set));
        };
        let exchange = Exchange {
            url: &self.url,
            accept: self.accept(),
            status: response.status,
            fields: &response.fields,
            body,
            received_at: now,
            clock_skew,
        };
        Ok(Found::Signed(Judged::new(set, &exchange)))
    }

    fn document(&self, response: &KeyResponse<'_>) -> Result<JwkSet, KeyResponseError> {
        let body = response.body.ok_or(KeyResponseError::Document(JwkSetError::TooLong))?;
        match self.kind {
            Kind::Issuer | Kind::Discovered | Kind::Metadata(_) | Kind::Agent => {
                JwkSet::parse(body).map_err(KeyResponseError::Document)
            }
            Kind::WellKnownDirectory
                if !is_directory_type(response.fields.combined("content-type").as_deref()) =>
            {
                Err(KeyResponseError::MediaType)
            }
            Kind::WellKnownDirectory | Kind::Directory => {
                let set = JwkSet::parse_directory(body).map_err(KeyResponseError::Document)?;
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

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
    const BARE: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn source(kind: Kind) -> KeySource {
        KeySource {
            kind,
            url: "https://a.example/x".into(),
            origin: "https://a.example".into(),
            signed_within: None,
            allow_loopback: false,
        }
    }

    fn read(kind: Kind, content_type: &str, body: &str) -> Result<JwkSet, KeyResponseError> {
        let response = KeyResponse::new(200, Some(body.as_bytes())).with("Content-Type", content_type);
        source(kind).read(&response, NOW).conclude(&[]).0.map(|brought| match brought {
            Brought::Keys(set) => set,
            Brought::Metadata(_) => panic!("{kind:?} brought metadata"),
        })
    }

    const METADATA: Kind = Kind::Metadata(Asked { at: WellKnown::OpenId, or_other: true });

    #[test]
    fn metadata_brings_no_keys_and_key_sets_no_metadata() {
        let document = r#"{"issuer":"https://a.example","jwks_uri":"https://b.example/x","keys":[]}"#;
        let found = |kind| {
            let response = KeyResponse::new(200, Some(document.as_bytes()));
            source(kind).read(&response, NOW).conclude(&[]).0.unwrap()
        };
        assert!(matches!(found(METADATA), Brought::Metadata(_)));
        for kind in [Kind::Issuer, Kind::Discovered, Kind::Agent, Kind::Directory] {
            assert!(matches!(found(kind), Brought::Keys(_)), "{kind:?}");
        }
    }

    #[test]
    fn what_an_issuer_names_is_its_own_and_nobody_elses() {
        let (a, b) = ("https://a.example", "https://b.example");
        let url = "https://keys.example/set";
        let (of_a, of_b) = (KeySource::discovered(a, url), KeySource::discovered(b, url));
        assert_ne!(of_a.key(), of_b.key());
        assert_ne!(of_a.name(), of_b.name());
        assert_ne!(of_a.name(), KeySource::issuer(url).name());
        assert!(of_a.name().starts_with("issuer:"));
        let at = |at, or_other| KeySource::metadata(a, Asked { at, or_other });
        let (first, second) = (at(WellKnown::Rfc8414, true), at(WellKnown::OpenId, true));
        assert_eq!(first.name(), second.name(), "either will do");
        assert_ne!(first.url(), second.url());
        let pinned = [at(WellKnown::Rfc8414, false).name(), at(WellKnown::OpenId, false).name()];
        assert!(pinned[0] != pinned[1] && !pinned.contains(&first.name()));
    }

    #[test]
    fn what_an_issuer_names_elsewhere_leads_to_public_addresses_only() {
        let is_public_only = |issuer, url: &str| KeySource::discovered(issuer, url).is_public_only();
        assert!(
            !is_public_only("https://as.internal/a", "https://as.internal/keys"),
            "as private as the issuer"
        );
        for url in ["https://keys.example/set", "https://as.internal:8443/keys", "http://127.0.0.1/keys"] {
            assert!(is_public_only("https://as.internal/a", url), "{url}");
        }
        let local =
            KeySource::discovered("https://as.example", "http://127.0.0.1:1/keys").allow_loopback(true);
        assert!(!local.is_public_only(), "as the gate permits it");
    }

    #[test]
    fn only_the_well_known_path_demands_its_media_type() {
        assert_eq!(
            read(Kind::WellKnownDirectory, "application/json", BARE),
            Err(KeyResponseError::MediaType)
        );
        let untyped = source(Kind::WellKnownDirectory)
            .read(&KeyResponse::new(200, Some(BARE.as_bytes())), NOW)
            .conclude(&[]);
        assert_eq!(untyped.0, Err(KeyResponseError::MediaType));
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
        for (status, definite) in [
            (204, true),
            (206, true),
            (301, true),
            (302, true),
            (304, true),
            (400, false),
            (401, false),
            (403, false),
            (404, true),
            (408, false),
            (410, true),
            (429, false),
            (500, false),
            (503, false),
            (599, false),
            (0, false),
        ] {
            let error = KeyResponseError::Status(status);
            let response = KeyResponse::new(status, Some(b"{\"keys\":[]}"));
            assert_eq!(source(Kind::Issuer).read(&response, NOW).conclude(&[]).0, Err(error));
            assert_eq!(error.is_definite(), definite, "{status}");
        }
    }

    #[test]
    fn what_is_longer_than_it_may_be_is_no_key_set() {
        let error = KeyResponseError::Document(JwkSetError::TooLong);
        let reading = source(Kind::Directory).read(&KeyResponse::new(200, None), NOW);
        assert_eq!(reading.conclude(&[]).0, Err(error));
        assert!(error.is_definite());
    }

    #[test]
    fn sources_under_different_rules_have_different_names() {
        let signed = source(Kind::Directory).signed_within(Some(Duration::ZERO)).name();
        assert_ne!(source(Kind::Issuer).name(), source(Kind::Directory).name());
        assert_ne!(signed, source(Kind::Directory).name());
        assert_ne!(source(Kind::Agent).name(), source(Kind::Directory).name());
        assert_ne!(source(Kind::Agent).name(), source(Kind::Issuer).name());
        assert_eq!(source(Kind::WellKnownDirectory).name(), source(Kind::Directory).name());
    }

    #[test]
    fn agents_lead_to_public_addresses_only_and_operators_where_they_like() {
        let at = |kind, url: &str, allow_loopback| {
            let source = KeySource { url: url.into(), ..source(kind) };
            source.allow_loopback(allow_loopback).is_public_only()
        };
        for url in ["https://a.example/x", "https://203.0.112.7/x", "https://[2606:4700::1]:8443/x"] {
            for allow_loopback in [false, true] {
                for kind in [Kind::Directory, Kind::WellKnownDirectory, Kind::Agent] {
                    assert!(at(kind, url, allow_loopback), "{url}");
                }
                assert!(!at(Kind::Issuer, url, allow_loopback), "{url}");
            }
        }
        for url in
            ["http://127.0.0.1:8080/x", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]:1/x"]
        {
            for kind in [Kind::Directory, Kind::WellKnownDirectory, Kind::Agent] {
                assert!(at(kind, url, false), "{url}: a record may be older than the configuration");
                assert!(!at(kind, url, true), "{url}");
            }
        }
    }
}
