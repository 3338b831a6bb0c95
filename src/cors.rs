//! The CORS protocol (Fetch §3.3): what a browser is told of which pages may use the API, and see its answers.
//!
//! It opens nothing that a proof does not open: a request is decided alike whichever page it comes from, and without one. It
//! says which pages see the answer, challenges above all. Nothing of a preflight is read back to it but a method that a
//! route takes, so that an answer cannot be made to say anything else.
//!
//! Not answered: `Access-Control-Request-Private-Network`. Browsers have given that preflight up for a question to their user,
//! which no field answers.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::{Disclosure, Gate};
use crate::policy::Route;
use crate::request::{RequestView, is_method};
use crate::served::Served;

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
const ALLOW_METHODS: &str = "Access-Control-Allow-Methods";
const ALLOW_HEADERS: &str = "Access-Control-Allow-Headers";
const ALLOW_CREDENTIALS: &str = "Access-Control-Allow-Credentials";
const EXPOSE_HEADERS: &str = "Access-Control-Expose-Headers";
const MAX_AGE: &str = "Access-Control-Max-Age";
const VARY: &str = "Vary";
const VARY_OF_PREFLIGHTS: &str = "Origin, Access-Control-Request-Method";

/// The request fields that proofs consist of, and those of any request with content.
const PROOF_FIELDS: [&str; 9] = [
    "authorization",
    "dpop",
    "signature",
    "signature-input",
    "signature-agent",
    "content-digest",
    "repr-digest",
    "content-type",
    "accept",
];
/// The fields that a client must see to answer a challenge, to come back in time, and to say which decision it was.
const ANSWER_FIELDS: [&str; 7] = [
    "www-authenticate",
    "accept-signature",
    "dpop-nonce",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "countersign-decision",
];
/// What MCP clients send: of revision 2026-07-28 the first three, of those before it the first and the last two.
const MCP_FIELDS: [&str; 5] =
    ["mcp-protocol-version", "mcp-method", "mcp-name", MCP_SESSION_ID, "last-event-id"];
/// The field by which revisions before 2026-07-28 tell a client its session.
pub(crate) const MCP_SESSION_ID: &str = "mcp-session-id";
/// The methods of a route for every method, besides the one that is asked for.
const USUAL_METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Which pages may use the API, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cors {
    origins: Origins,
    credentials: bool,
    /// Empty for all that routes have.
    methods: Vec<String>,
    headers: Vec<String>,
    expose: String,
    max_age: Duration,
}

/// The origins of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Every origin.
    Any,
    /// These, as browsers write them.
    Only(Vec<String>),
}

impl Cors {
    /// Names of fields are in lower case; `expose` has those that pages see besides the gate's own.
    pub(crate) fn new(
        origins: Origins,
        credentials: bool,
        methods: Vec<String>,
        headers: Vec<String>,
        expose: &[String],
        max_age: Duration,
    ) -> Self {
        let expose = joined(ANSWER_FIELDS.into_iter().chain(expose.iter().map(String::as_str)));
        Self { origins, credentials, methods, headers, expose, max_age }
    }

    /// The fields of every answer to a request, also of one that no page has sent: what a cache keeps must be good for pages
    /// too.
    pub(crate) fn answer_fields(&self, request: &RequestView) -> Vec<(&'static str, String)> {
        let origin = request.fields().combined("origin");
        let mut fields = Vec::new();
        if let Some(origin) = self.shared_with(origin.as_deref()).filter(|_| self.takes(request.method())) {
            fields.extend(self.sharing(origin));
            fields.push((EXPOSE_HEADERS, self.expose.clone()));
        }
        if matches!(self.origins, Origins::Only(_)) {
            fields.push((VARY, "Origin".to_owned()));
        }
        fields
    }

    /// The value that shares an answer with pages of an origin; none where it is not shared with them.
    fn shared_with(&self, origin: Option<&str>) -> Option<&str> {
        match &self.origins {
            Origins::Any => Some("*"),
            Origins::Only(origins) => {
                origins.iter().map(String::as_str).find(|allowed| Some(*allowed) == origin)
            }
        }
    }

    fn sharing(&self, origin: &str) -> Vec<(&'static str, String)> {
        let mut fields = Vec::from([(ALLOW_ORIGIN, origin.to_owned())]);
        fields.extend(self.credentials.then(|| (ALLOW_CREDENTIALS, "true".to_owned())));
        fields
    }

    /// Whether pages may use a method. Browsers send GET, HEAD and POST without asking, so that the answer to one that pages
    /// may not use must not be shared either.
    fn takes(&self, method: &str) -> bool {
        let is_mine = |mine: &String| mine == method || (mine == "GET" && method == "HEAD");
        self.methods.is_empty() || self.methods.iter().any(is_mine)
    }

    /// What pages may do at a path that has these routes.
    fn methods_of(&self, routes: &[&Route], asked: &str) -> String {
        let methods = routes.iter().flat_map(|route| match route.pattern.method() {
            Some("GET") => Vec::from(["GET", "HEAD"]),
            Some(method) => Vec::from([method]),
            None => USUAL_METHODS.to_vec(),
        });
        joined(methods.chain([asked]).filter(|method| self.takes(method)))
    }
}

impl Gate {
    /// The answer to a preflight for a method that a route takes (Fetch §4.9), or for one of the gate's own documents. `None`
    /// where the request is another, which is then decided like any other.
    pub(crate) fn preflight(&self, request: &RequestView) -> Option<Served> {
        let cors = self.cors()?;
        let origin = request.fields().combined("origin")?;
        let method = request.fields().combined("access-control-request-method")?;
        let (method, target) = (method.as_str(), request.target());
        if matches!(method, "GET" | "HEAD") && self.resource_metadata(target).is_some() {
            return Some(preflight_of_document());
        }
        self.public_origin(target)?;
        let (_, path) = self.route_of(method, target).ok().filter(|_| is_method(method))?;
        let Some(origin) = cors.shared_with(Some(&origin)) else {
            return Some(self.refusal("cors.origin_not_allowed", "Pages of this origin may not ask."));
        };
        if !cors.takes(method) {
            return Some(self.refusal("cors.method_not_allowed", "Pages may not use this method."));
        }
        let routes: Vec<&Route> =
            self.routes().iter().filter(|route| route.pattern.matches_path(&path)).collect();
        let mut headers = cors.sharing(origin);
        headers.extend([
            (ALLOW_METHODS, cors.methods_of(&routes, method)),
            (ALLOW_HEADERS, self.fields_of(cors, &routes)),
            (MAX_AGE, cors.max_age.as_secs().to_string()),
            (VARY, VARY_OF_PREFLIGHTS.to_owned()),
        ]);
        Some(Served { status: 204, headers, body: None })
    }

    /// What pages may send to a path that has these routes.
    fn fields_of(&self, cors: &Cors, routes: &[&Route]) -> String {
        let mut fields = PROOF_FIELDS.to_vec();
        for rules in self.signatures.iter().flat_map(|signatures| &signatures.rules) {
            fields.extend(rules.request_fields());
        }
        fields.extend(self.parent_field());
        for route in routes {
            fields.extend(route.request_fields());
            fields.extend(route.mcp.iter().flat_map(|_| MCP_FIELDS));
        }
        fields.extend(cors.headers.iter().map(String::as_str));
        joined(fields.into_iter())
    }

    /// Without any field that allows, and with the status that Fetch §3.3.3 has for it.
    fn refusal(&self, code: &str, title: &str) -> Served {
        let headers = Vec::from([(VARY, VARY_OF_PREFLIGHTS.to_owned())]);
        match self.disclosure() {
            Disclosure::None => Served { status: 403, headers, body: None },
            _ => Served::problem(403, code, title, headers),
        }
    }
}

/// The answer to a preflight for a document that is public. Any field but `Authorization` may come with the request: MCP
/// clients name their revision.
fn preflight_of_document() -> Served {
    let headers = [(ALLOW_ORIGIN, "*"), (ALLOW_METHODS, "GET, HEAD"), (ALLOW_HEADERS, "*")];
    Served { status: 204, headers: headers.map(|(name, value)| (name, value.to_owned())).into(), body: None }
}

/// Names as one value, each once.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once.join(", ")
}
