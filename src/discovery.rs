//! What an issuer publishes about itself: [`Metadata`], and where ([`WellKnown`]).
//!
//! Two documents with the same members: Authorization Server Metadata (RFC 8414), whose well-known path goes between
//! host and path of the issuer identifier (§3.1), and OpenID Connect Discovery 1.0, where it goes after the path (§4.1).
//! The `issuer` of the document must be the identifier that was asked for, code point for code point (RFC 8414 §3.3,
//! OpenID §4.3): else one server could publish another's name, and have its tokens believed (mix-up).
//!
//! Read is what a resource server needs; everything else that the document holds is for clients. Not implemented:
//! signed metadata (RFC 8414 §2.1: it would need a key from elsewhere, and `jwks_uri` is then the shorter way), and the
//! third path of RFC 8414 §5 (`openid-configuration` between host and path), which only compatibility asks for.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::config::is_fetchable;
use crate::encoding::json::{self, JsonErrorKind, Object, Value};
use crate::jose::key_set::{Document, Wanted};
use crate::request::Target;

/// Longest metadata document in bytes: 64 KiB, as for key sets. Real ones have 1 to 10 KiB.
pub const MAX_METADATA_BYTES: usize = 64 * 1024;
/// Longest issuer identifier, and longest URL that metadata may name, in bytes.
pub const MAX_URL_BYTES: usize = 2048;
/// Most authentication methods of an endpoint that are kept. Some eight are registered.
const MAX_METHODS: usize = 16;
/// Longest name of an authentication method in bytes.
const MAX_METHOD_BYTES: usize = 64;

/// Which well-known document an issuer publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WellKnown {
    /// `oauth-authorization-server` (RFC 8414).
    Rfc8414,
    /// `openid-configuration` (OpenID Connect Discovery 1.0).
    OpenId,
}

impl WellKnown {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Rfc8414 => Self::OpenId,
            Self::OpenId => Self::Rfc8414,
        }
    }

    /// The name that configuration uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rfc8414 => "rfc8414",
            Self::OpenId => "openid",
        }
    }

    /// The one of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Rfc8414, Self::OpenId].into_iter().find(|known| known.as_str() == name)
    }

    /// Where the document of an issuer is. A slash at the end of the identifier goes before the path is put in
    /// (RFC 8414 §3.1) or added (OpenID §4.1).
    #[must_use]
    pub fn url(self, issuer: &str) -> String {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let after_scheme = base.find("://").map_or(0, |at| at + 3);
        let host_end = base.get(after_scheme..).and_then(|rest| rest.find('/'));
        let host_end = host_end.map_or(base.len(), |at| after_scheme + at);
        let (host, path) = base.split_at_checked(host_end).unwrap_or((base, ""));
        match self {
            Self::Rfc8414 => format!("{host}/.well-known/oauth-authorization-server{path}"),
            Self::OpenId => format!("{base}/.well-known/openid-configuration"),
        }
    }
}

/// Why a document is no metadata of the issuer that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// Longer than [`MAX_METADATA_BYTES`].
    TooLong,
    /// Not strict JSON, or no object.
    Json,
    /// No `issuer`, or one that is no text.
    IssuerMissing,
    /// The metadata of another issuer (RFC 8414 §3.3).
    IssuerMismatch,
    /// No `jwks_uri`, or one that is no text.
    KeysMissing,
    /// The `jwks_uri` is not an `https` URL of at most [`MAX_URL_BYTES`].
    KeysUrl,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "issuer metadata is too long",
            Self::Json => "issuer metadata is not strict json",
            Self::IssuerMissing => "issuer metadata names no issuer",
            Self::IssuerMismatch => "issuer metadata is that of another issuer",
            Self::KeysMissing => "issuer metadata has no jwks_uri",
            Self::KeysUrl => "issuer metadata has a jwks_uri that is not an https url",
        })
    }
}

impl core::error::Error for MetadataError {}

/// What an issuer publishes about itself, as far as a resource server needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    issuer: String,
    jwks_uri: String,
    introspection_endpoint: Option<String>,
    introspection_endpoint_auth_methods_supported: Vec<String>,
}

impl Metadata {
    /// Reads a document. Whose it is, and where its URLs lead, is for [`believed_for`](Self::believed_for) to say.
    pub fn parse(document: &[u8]) -> Result<Self, MetadataError> {
        let object = json::parse_object(document, MAX_METADATA_BYTES).map_err(|error| match error.kind {
            JsonErrorKind::TooLong => MetadataError::TooLong,
            _ => MetadataError::Json,
        })?;
        Self::from_object(&object)
    }

    pub(crate) fn from_object(object: &Object<'_>) -> Result<Self, MetadataError> {
        let text = |name| object.get(name).and_then(Value::as_str);
        let issuer = text("issuer").ok_or(MetadataError::IssuerMissing)?;
        let jwks_uri = text("jwks_uri").ok_or(MetadataError::KeysMissing)?;
        if !is_bounded_url(jwks_uri) {
            return Err(MetadataError::KeysUrl);
        }
        // No key is found by these: where they cannot be used, they are not there.
        let endpoint = text("introspection_endpoint").filter(|url| is_bounded_url(url));
        let methods = object.get("introspection_endpoint_auth_methods_supported").and_then(Value::as_array);
        let methods = methods.unwrap_or_default().iter().filter_map(Value::as_str);
        Ok(Self {
            issuer: issuer.to_owned(),
            jwks_uri: jwks_uri.to_owned(),
            introspection_endpoint: endpoint.map(str::to_owned),
            introspection_endpoint_auth_methods_supported: methods
                .filter(|method| method.len() <= MAX_METHOD_BYTES)
                .take(MAX_METHODS)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// The same, if it is the metadata of this issuer and its keys are where they may be fetched: `https`, or `http` to
    /// a loopback address where that is permitted. An endpoint that is elsewhere is left out.
    pub fn believed_for(self, issuer: &str, allow_loopback: bool) -> Result<Self, MetadataError> {
        if self.issuer != issuer {
            return Err(MetadataError::IssuerMismatch);
        }
        if !is_fetchable(&self.jwks_uri, allow_loopback) {
            return Err(MetadataError::KeysUrl);
        }
        let endpoint = self.introspection_endpoint.filter(|url| is_fetchable(url, allow_loopback));
        Ok(Self { introspection_endpoint: endpoint, ..self })
    }

    /// Whose metadata it is.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the key set is. May be on another host than the issuer: it is the issuer who says so.
    #[must_use]
    pub fn jwks_uri(&self) -> &str {
        &self.jwks_uri
    }

    /// Where tokens are introspected (RFC 7662), if the issuer says so.
    #[must_use]
    pub fn introspection_endpoint(&self) -> Option<&str> {
        self.introspection_endpoint.as_deref()
    }

    /// How a client may authenticate there. Empty where the issuer does not say: then any registered way may do, and
    /// `client_secret_basic` is no more certain than others (RFC 8414 §2).
    #[must_use]
    pub fn introspection_endpoint_auth_methods_supported(&self) -> &[String] {
        &self.introspection_endpoint_auth_methods_supported
    }

    /// What [`parse`](Self::parse) reads as the same.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut members = serde_json::Map::new();
        members.insert("issuer".into(), self.issuer.as_str().into());
        members.insert("jwks_uri".into(), self.jwks_uri.as_str().into());
        if let Some(endpoint) = &self.introspection_endpoint {
            members.insert("introspection_endpoint".into(), endpoint.as_str().into());
        }
        let methods = &self.introspection_endpoint_auth_methods_supported;
        if !methods.is_empty() {
            members.insert("introspection_endpoint_auth_methods_supported".into(), methods.clone().into());
        }
        members.into()
    }
}

/// Metadata, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Discovered {
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) at: WellKnown,
}

impl Document for Discovered {
    const MEMBER: &'static str = "metadata";
    const MAX_BYTES: usize = 2 * MAX_METADATA_BYTES;

    fn answers(&self, _: Wanted<'_>) -> bool {
        true
    }

    fn names(&self, _: &str) -> bool {
        true
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "at": self.at.as_str(), "document": self.metadata.to_json() })
    }

    fn from_object(object: &Object<'_>) -> Option<Self> {
        let object = object.get(Self::MEMBER)?.as_object()?;
        let at = object.get("at").and_then(Value::as_str).and_then(WellKnown::from_name)?;
        let document = object.get("document")?.as_object()?;
        Some(Self { metadata: Arc::new(Metadata::from_object(document).ok()?), at })
    }
}

/// Whether metadata can be asked for under this identifier: a URL without query and fragment (RFC 8414 §2), `https`, or
/// `http` to a loopback address where that is permitted.
pub(crate) fn is_issuer_identifier(issuer: &str, allow_loopback: bool) -> bool {
    issuer.len() <= MAX_URL_BYTES && is_fetchable(issuer, allow_loopback) && !issuer.contains(['?', '#'])
}

/// Whether two URLs have the same host and port.
pub(crate) fn is_same_authority(one: &str, other: &str) -> bool {
    let authority = |url: &str| Target::parse(url).ok().map(|url| url.authority().to_owned());
    authority(one).is_some_and(|one| Some(one) == authority(other))
}

fn is_bounded_url(url: &str) -> bool {
    url.len() <= MAX_URL_BYTES && Target::parse(url).is_ok()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    const ISSUER: &str = "https://as.example/tenant";
    const GOOD: &str = r#"{"issuer":"https://as.example/tenant","jwks_uri":"https://keys.example/set",
        "introspection_endpoint":"https://as.example/introspect",
        "introspection_endpoint_auth_methods_supported":["client_secret_basic","private_key_jwt"],
        "claims_supported":["sub"],"jwks":{"a":{"a":1}}}"#;

    fn read(document: &str) -> Result<Metadata, MetadataError> {
        Metadata::parse(document.as_bytes())?.believed_for(ISSUER, false)
    }

    #[track_caller]
    fn refused(from: &str, to: &str, error: MetadataError) {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        assert_eq!(read(&GOOD.replace(from, to)), Err(error), "{to}");
    }

    #[test]
    fn metadata_of_another_issuer_is_refused_be_the_difference_ever_so_small() {
        for other in [
            "https://as.example/tenant/",
            "https://as.example/Tenant",
            "https://AS.example/tenant",
            "https://as.example:443/tenant",
            "https://as.example/%74enant",
            "https://evil.example",
            "",
        ] {
            refused(ISSUER, other, MetadataError::IssuerMismatch);
        }
        refused("\"issuer\"", "\"isuer\"", MetadataError::IssuerMissing);
        refused(
            "\"https://as.example/tenant\"",
            "[\"https://as.example/tenant\"]",
            MetadataError::IssuerMissing,
        );
    }

    #[test]
    fn a_document_that_can_be_read_in_two_ways_is_refused() {
        refused("{\"a\":1}", "{\"a\":1,\"\\u0061\":2}", MetadataError::Json);
        let twice = "\"jwks_uri\":\"https://evil.example\",\"jwks_uri\"";
        refused("\"jwks_uri\"", twice, MetadataError::Json);
        assert_eq!(read("[]"), Err(MetadataError::Json));
        assert_eq!(read("<html></html>"), Err(MetadataError::Json));
        let long = GOOD.replacen('{', &alloc::format!("{{{}", " ".repeat(MAX_METADATA_BYTES)), 1);
        assert_eq!(read(&long), Err(MetadataError::TooLong));
    }

    #[test]
    fn keys_are_where_they_may_be_fetched_or_it_is_refused() {
        refused("\"jwks_uri\"", "\"jwks\\u005furl\"", MetadataError::KeysMissing);
        refused("\"https://keys.example/set\"", "7", MetadataError::KeysMissing);
        let long = alloc::format!("https://keys.example/{}", "a".repeat(MAX_URL_BYTES));
        for url in [
            "http://keys.example/set",
            "http://127.0.0.1/set",
            "file:///etc/passwd",
            "//keys.example/set",
            "https://user@keys.example/set",
            "https://keys.example/set#fragment",
            "https://keys.example/a b",
            "",
            long.as_str(),
        ] {
            refused("https://keys.example/set", url, MetadataError::KeysUrl);
        }
        let local = GOOD.replace("https://keys.example/set", "http://127.0.0.1:7/set");
        let local = Metadata::parse(local.as_bytes()).unwrap();
        assert_eq!(local.clone().believed_for(ISSUER, false), Err(MetadataError::KeysUrl));
        assert!(local.believed_for(ISSUER, true).is_ok());
    }

    #[test]
    fn what_is_read_is_what_was_written_and_nothing_else() {
        let metadata = read(GOOD).unwrap();
        assert_eq!(metadata.issuer(), ISSUER);
        assert_eq!(metadata.jwks_uri(), "https://keys.example/set");
        assert_eq!(metadata.introspection_endpoint(), Some("https://as.example/introspect"));
        let methods = ["client_secret_basic", "private_key_jwt"];
        assert_eq!(metadata.introspection_endpoint_auth_methods_supported(), methods);
        assert_eq!(read(&metadata.to_json().to_string()), Ok(metadata));
    }

    #[test]
    fn an_endpoint_that_cannot_be_used_is_not_there() {
        for endpoint in ["\"http://as.example/introspect\"", "\"as.example\"", "7", "null"] {
            let document = GOOD.replace("\"https://as.example/introspect\"", endpoint);
            assert_eq!(read(&document).unwrap().introspection_endpoint(), None, "{endpoint}");
        }
        let many = alloc::format!("[{}\"last\"]", "\"m\",".repeat(100));
        let document = GOOD.replace("[\"client_secret_basic\",\"private_key_jwt\"]", &many);
        let methods = read(&document).unwrap().introspection_endpoint_auth_methods_supported;
        assert_eq!(methods.len(), MAX_METHODS);
    }

    #[test]
    fn the_well_known_path_goes_where_each_standard_puts_it() {
        for (issuer, rfc8414, openid) in [
            (
                "https://example.com",
                "https://example.com/.well-known/oauth-authorization-server",
                "https://example.com/.well-known/openid-configuration",
            ),
            (
                "https://tenant.example/",
                "https://tenant.example/.well-known/oauth-authorization-server",
                "https://tenant.example/.well-known/openid-configuration",
            ),
            (
                "https://example.com/issuer1",
                "https://example.com/.well-known/oauth-authorization-server/issuer1",
                "https://example.com/issuer1/.well-known/openid-configuration",
            ),
            (
                "https://login.example:8443/a/v2.0/",
                "https://login.example:8443/.well-known/oauth-authorization-server/a/v2.0",
                "https://login.example:8443/a/v2.0/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(WellKnown::Rfc8414.url(issuer), rfc8414);
            assert_eq!(WellKnown::OpenId.url(issuer), openid);
        }
    }

    #[test]
    fn an_issuer_identifier_is_https_without_query_and_fragment() {
        for issuer in ["https://as.example", "https://as.example/", "https://as.example:8443/a/b"] {
            assert!(is_issuer_identifier(issuer, false), "{issuer}");
        }
        for issuer in [
            "",
            "as.example",
            "http://as.example",
            "http://127.0.0.1:1",
            "https://as.example?tenant=1",
            "https://as.example/#a",
            "https://user@as.example",
            "https://as.example/a b",
            "urn:example:as",
        ] {
            assert!(!is_issuer_identifier(issuer, false), "{issuer}");
        }
        assert!(is_issuer_identifier("http://127.0.0.1:1/a", true));
        assert!(!is_issuer_identifier("http://as.example", true));
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_it_panic(document: Vec<u8>, issuer in ".{0,60}") {
            let _ = Metadata::parse(&document);
            let _ = (WellKnown::Rfc8414.url(&issuer), WellKnown::OpenId.url(&issuer));
        }
    }
}
