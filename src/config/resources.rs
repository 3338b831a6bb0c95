//! The protected resources that the API consists of (RFC 9728): `[[resources]]`, and the metadata of each.
//!
//! A resource is a public origin, or a path below one. Each has a document of its own at a place that follows from its
//! identifier (RFC 9728 §3.1), and tokens that name it as their audience.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::gate::Faults;
use super::{Config, Gate, Issuer, MAX_ENTRIES, PublicOrigin};
use crate::jose::Claims;
use crate::policy::{Route, RoutePath};
use crate::request::Target;

/// Where metadata is: between the authority of a resource and its path (RFC 9728 §3.1).
pub const RESOURCE_METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// A part of the API that is a protected resource of its own, as an MCP server is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResourceConfig {
    /// Its path below each public origin, with which its identifier ends, as `/mcp`. Everything below it belongs to it,
    /// unless a longer path of another resource says otherwise.
    pub path: String,
    /// The audiences of which a token must name one here, each of them an `audience` of an issuer. Default: the
    /// resource's own identifier. Range: 0 to 64 entries.
    #[serde(default)]
    pub audience: Vec<String>,
    /// Its name for people (`resource_name`). Default: none.
    #[serde(default)]
    pub name: Option<String>,
    /// Where its documentation is (`resource_documentation`). Default: none.
    #[serde(default)]
    pub documentation: Option<String>,
}

/// A protected resource.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    path: RoutePath,
    audience: Vec<String>,
    name: Option<String>,
    documentation: Option<String>,
}

impl Gate {
    /// The resource that a path belongs to; `None` where it is the public origin itself.
    fn resource(&self, path: &RoutePath) -> Option<&Resource> {
        let mine = self.resources.iter().filter(|resource| path.is_below(&resource.path));
        mine.max_by_key(|resource| resource.path.as_str().len())
    }

    /// Whether a token is meant for what is asked for: one for a resource is none for another, nor for the rest of the
    /// API. Of its audiences those count that its issuer may name.
    pub(crate) fn is_audience(&self, public: &PublicOrigin, path: &RoutePath, claims: &Claims) -> bool {
        let issuer = self.issuers().iter().find(|issuer| issuer.name() == claims.iss);
        let accepted = |aud: &&String| issuer.is_some_and(|issuer| issuer.rules.audiences.contains(aud));
        let mut named = claims.aud.iter().filter(accepted);
        match self.resource(path) {
            Some(resource) => named.any(|aud| resource.is_named(aud, public)),
            // An answer of introspection need not name any, where the configuration says so.
            None if self.resources.is_empty() || claims.aud.is_empty() => true,
            None => named.any(|aud| {
                *aud == public.url() || !self.resources.iter().any(|resource| resource.is_named(aud, public))
            }),
        }
    }

    /// Where the metadata of the resource is that a path belongs to.
    pub(crate) fn resource_metadata_url(&self, public: &PublicOrigin, path: &RoutePath) -> String {
        let path = self.resource(path).map_or("", Resource::path);
        format!("{}{}", public.authority_url(), metadata_path(public, path))
    }

    /// The metadata of a protected resource (RFC 9728 §2), where a request is for one.
    #[must_use]
    pub fn resource_metadata(&self, target: &Target) -> Option<Value> {
        let public = self.public_origin(target)?;
        if target.path() == metadata_path(public, "") {
            return Some(self.metadata(public, None));
        }
        let is_asked = |resource: &&Resource| target.path() == metadata_path(public, resource.path());
        self.resources.iter().find(is_asked).map(|resource| self.metadata(public, Some(resource)))
    }

    fn metadata(&self, public: &PublicOrigin, resource: Option<&Resource>) -> Value {
        let is_mine = |route: &&Route| {
            let of = self.resources.iter().filter(|resource| route.pattern().is_below(&resource.path));
            let of = of.max_by_key(|resource| resource.path.as_str().len());
            route.token && of.map(|of| &of.path) == resource.map(|resource| &resource.path)
        };
        let routes: Vec<_> = self.routes().iter().filter(is_mine).collect();
        let scopes: BTreeSet<&String> = routes.iter().flat_map(|route| route.all_scopes()).collect();
        let algorithms: Vec<_> = self.dpop.algorithms.iter().map(|algorithm| algorithm.jose()).collect();
        let issuers = self.issuers().iter().filter(|issuer| issues_for(issuer, public, resource));
        let identifier = resource.map_or_else(|| public.url(), |resource| resource.identifier(public));
        let always_dpop = !routes.is_empty() && routes.iter().all(|route| route.dpop);
        let takes_certificates = routes.iter().any(|route| route.mtls);
        let members: [(&str, Option<Value>); 9] = [
            ("resource", Some(identifier.into())),
            ("authorization_servers", Some(issuers.map(Issuer::name).collect())),
            ("scopes_supported", (!scopes.is_empty()).then(|| scopes.into_iter().cloned().collect())),
            ("bearer_methods_supported", Some(Vec::from(["header"]).into())),
            ("dpop_signing_alg_values_supported", Some(algorithms.into())),
            ("dpop_bound_access_tokens_required", Some(always_dpop.into())),
            ("tls_client_certificate_bound_access_tokens", takes_certificates.then(|| true.into())),
            ("resource_name", resource.and_then(|resource| resource.name.clone()).map(Value::from)),
            (
                "resource_documentation",
                resource.and_then(|resource| resource.documentation.clone()).map(Value::from),
            ),
        ];
        let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(present.collect::<Map<_, _>>())
    }
}

/// Where the metadata of a resource is, on the authority of its public origin.
fn metadata_path(public: &PublicOrigin, path: &str) -> String {
    format!("{RESOURCE_METADATA_PATH}{}{path}", public.path_prefix())
}

/// Whether an issuer's tokens can be for a resource.
fn issues_for(issuer: &Issuer, public: &PublicOrigin, resource: Option<&Resource>) -> bool {
    let Some(resource) = resource else { return true };
    let identifier = resource.identifier(public);
    issuer.rules.audiences.iter().any(|aud| resource.audience.contains(aud) || *aud == identifier)
}

impl Resource {
    fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Whether an audience is this resource.
    fn is_named(&self, aud: &String, public: &PublicOrigin) -> bool {
        self.audience.contains(aud) || *aud == self.identifier(public)
    }

    /// Its identifier (RFC 9728 §1.2), which RFC 8707 calls `resource`.
    fn identifier(&self, public: &PublicOrigin) -> String {
        format!("{}{}", public.url(), self.path())
    }
}

impl Faults {
    pub(super) fn resources(&mut self, config: &Config, public: &[PublicOrigin]) -> Vec<Resource> {
        self.count("resources", config.resources.len(), 0, MAX_ENTRIES);
        let mut resources: Vec<Resource> = Vec::new();
        for (i, resource) in config.resources.iter().enumerate() {
            let path = format!("resources[{i}]");
            self.count(&format!("{path}.audience"), resource.audience.len(), 0, MAX_ENTRIES);
            let Some(place) = RoutePath::new(&resource.path).ok().filter(|place| is_plain(place, resource))
            else {
                self.add(format!("{path}.path"), "is not a path; write /name, without a slash at the end");
                continue;
            };
            if resources.iter().any(|other| other.path == place) {
                self.add(format!("{path}.path"), "is there twice; remove one");
            }
            let resource = Resource {
                path: place,
                audience: resource.audience.clone(),
                name: resource.name.clone(),
                documentation: resource.documentation.clone(),
            };
            let identifiers = public.iter().map(|public| resource.identifier(public));
            let wanted: Vec<String> = resource.audience.iter().cloned().chain(identifiers).collect();
            let issued = |aud: &String| config.issuers.iter().any(|issuer| issuer.audience.contains(aud));
            if !wanted.iter().any(issued) {
                self.add(
                    format!("{path}.audience"),
                    "is an audience of no issuer, so that no token could be for it; add it to an issuer's audience",
                );
            }
            resources.push(resource);
        }
        resources
    }
}

fn is_plain(place: &RoutePath, resource: &ResourceConfig) -> bool {
    place.as_str() == resource.path && resource.path.len() > 1 && !resource.path.ends_with('/')
}
