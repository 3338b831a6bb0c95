//! Which pages may use the API: `[cors]`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::{Faults, is_loopback, origin_of};
use super::{Config, Span};
use crate::cors::{Cors, MCP_SESSION_ID, Origins};
use crate::decision::OWN_FIELD_PREFIX;
use crate::policy::Route;
use crate::request::{Scheme, Target, is_method, is_token_byte};

/// Most origins.
const MAX_ORIGINS: usize = 256;
/// Most names of methods or fields.
const MAX_NAMES: usize = 64;
/// Stands for every origin.
const ANY: &str = "*";
/// The methods that no page can use (Fetch §2.2.1).
const FORBIDDEN_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];
/// The request fields that no page can set (Fetch §2.2.2), besides `Proxy-*` and `Sec-*`.
const FORBIDDEN_FIELDS: [&str; 21] = [
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Which pages of other origins may use the API, and what they see of its answers. Preflights for routes are then answered
/// by the gate, and the `Access-Control-*` fields of the origin's answers are replaced by the gate's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// The origins of the pages, as browsers send them: `https://app.example`, `chrome-extension://…`; `http` of loopback
    /// addresses only. `"*"` alone stands for every page. Range: 1 to 256 entries.
    pub origins: Vec<String>,
    /// Whether browsers may send cookies and client certificates along, and pages see the answers to that. The gate's proofs
    /// are fields, which need it not. Never with `"*"`.
    #[serde(default)]
    pub credentials: bool,
    /// The methods that pages may use, of those that routes have; `GET` stands for `HEAD` too. Default: all of them. Range: 0
    /// to 64 entries.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The request fields that pages may send besides those of proofs, those that routes and profiles name, and
    /// `Content-Type`. Default: none. Range: 0 to 64 entries.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The fields of answers that pages may read besides those of the gate: challenges, nonces, limits, `Retry-After` and
    /// `Countersign-Decision`. Default: none. Range: 0 to 64 entries.
    #[serde(default)]
    pub expose: Vec<String>,
    /// How long browsers may keep the answer to a preflight: as long they do not notice that it has changed. Browsers have
    /// bounds of their own, Chromium two hours. Range: `0s` to `24h`.
    #[serde(default = "default_max_age")]
    #[cfg_attr(feature = "schema", schemars(default = "default_max_age"))]
    pub max_age: Span,
}

fn default_max_age() -> Span {
    Span::from_secs(600)
}

impl Faults {
    /// `routes` are those of the gate.
    pub(super) fn cors(&mut self, config: &Config, routes: &[Route]) -> Option<Cors> {
        let config = config.cors.as_ref()?;
        let origins = self.page_origins(&config.origins);
        if config.credentials && matches!(origins, Origins::Any) {
            self.add(
                "cors.credentials",
                "would let every page act with what the browser knows of its visitor; write the origins instead of \"*\", or remove it",
            );
        }
        let has_sessions = routes.iter().any(|route| route.mcp.as_ref().is_some_and(|mcp| mcp.legacy));
        let mut expose = self.field_names("cors.expose", &config.expose, never_read);
        expose.extend(has_sessions.then(|| MCP_SESSION_ID.to_owned()));
        Some(Cors::new(
            origins,
            config.credentials,
            self.page_methods(&config.methods, routes),
            self.field_names("cors.headers", &config.headers, never_sent),
            &expose,
            self.span("cors.max_age", config.max_age, Span::from_secs(0), Span::from_secs(86_400)),
        ))
    }

    fn page_origins(&mut self, origins: &[String]) -> Origins {
        self.count("cors.origins", origins.len(), 1, MAX_ORIGINS);
        if origins == [ANY] {
            return Origins::Any;
        }
        for (i, origin) in origins.iter().enumerate() {
            let path = format!("cors.origins[{i}]");
            if let Err(fault) = page_origin(origin) {
                self.add(path, fault);
            } else if origins.iter().take(i).any(|other| other == origin) {
                self.add(path, "is there twice; remove one");
            }
        }
        Origins::Only(origins.to_vec())
    }

    fn page_methods(&mut self, methods: &[String], routes: &[Route]) -> Vec<String> {
        self.names("cors.methods", methods, &|method| {
            if method == ANY || !is_method(method) || method.bytes().any(|byte| byte.is_ascii_lowercase()) {
                Some("is not a method; write one as in routes, in upper case, as \"PATCH\"")
            } else if FORBIDDEN_METHODS.contains(&method) {
                Some("is a method that no page can use; leave it out")
            } else if routes.iter().any(|route| route.pattern.takes(method)) {
                None
            } else {
                Some("is the method of no route; leave it out, or add the route")
            }
        });
        methods.to_vec()
    }

    /// Names of fields, in lower case.
    fn field_names(
        &mut self,
        path: &str,
        names: &[String],
        useless: fn(&str) -> Option<&'static str>,
    ) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        self.names(path, &names, &|name| match name {
            // A token, but to browsers it stands for all: not for `Authorization`, and for nothing with credentials.
            ANY => Some("is not the name of a field; write each by its name"),
            _ if name.is_empty() || !name.bytes().all(is_token_byte) => {
                Some("is not the name of a field; write one, without a colon")
            }
            _ => useless(name),
        });
        names
    }

    /// Adds the fault of each name that has one.
    fn names(&mut self, path: &str, names: &[String], fault: &dyn Fn(&str) -> Option<&'static str>) {
        self.count(path, names.len(), 0, MAX_NAMES);
        for (i, name) in names.iter().enumerate() {
            if let Some(fault) = fault(name) {
                self.add(format!("{path}[{i}]"), fault);
            }
        }
    }
}

/// Why a page could not send a field, or not to the origin.
fn never_sent(name: &str) -> Option<&'static str> {
    if FORBIDDEN_FIELDS.contains(&name) || ["proxy-", "sec-"].iter().any(|prefix| name.starts_with(prefix)) {
        Some("is a field that no page can set; leave it out")
    } else if name.starts_with(OWN_FIELD_PREFIX) {
        Some("is a field that the gate takes away from requests; leave it out")
    } else {
        None
    }
}

/// Why a page could not read a field.
fn never_read(name: &str) -> Option<&'static str> {
    matches!(name, "set-cookie" | "set-cookie2").then_some("is a field that no page can read; leave it out")
}

/// Refuses what is not an origin as browsers write it (HTML §7.1.1): what is written otherwise would never be equal.
fn page_origin(origin: &str) -> Result<(), String> {
    if origin == ANY {
        return Err("stands for every origin; write it alone, or remove it".to_owned());
    }
    if origin == "null" {
        return Err(
            "is the origin of every file and every sandboxed page; write the origin of a page".to_owned()
        );
    }
    if origin.contains('*') {
        return Err("has a wildcard, which would be compared as it is; write each origin".to_owned());
    }
    match Target::parse(origin) {
        Ok(target) if origin_of(&target) != origin => {
            Err(format!("is not an origin as browsers send it; write {}", origin_of(&target)))
        }
        Ok(target) if target.scheme() == Scheme::Http && !is_loopback(target.authority()) => {
            Err("is http, so that anyone on the way can change the page; write https".to_owned())
        }
        Ok(_) => Ok(()),
        Err(_) if is_origin_of_its_own(origin) => Ok(()),
        Err(_) => Err("is not an origin; write scheme://host[:port], without a path".to_owned()),
    }
}

/// An origin of another scheme, as extensions and applications that are made of pages have.
fn is_origin_of_its_own(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    !matches!(scheme, "http" | "https")
        && scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(plain)
        && !host.is_empty()
        && host.bytes().all(|byte| plain(byte) || b"_:".contains(&byte))
}
