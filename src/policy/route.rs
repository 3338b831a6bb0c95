//! Routes: which requests they match, and what they demand.
//!
//! A route is only as strong as its match: if the gate and the origin read a path differently, a request can
//! pass by the open route and be served by the guarded one. So a path is brought to one reading first
//! ([`RoutePath`]), and a path that servers are known to read differently is refused.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::mcp::Mcp;
use super::{AmountPlace, Policy};
use crate::config::{
    NonceConfig, OnUnavailableConfig, PerList, RateClass, RateStore, ReplayConfig, Spending, TaskSource,
};
use crate::request::is_token_byte;
use crate::signature::Component;
use crate::state::rate::Quota;
use crate::state::risk::Thresholds;

/// A part of the API, and what a request to it must bring.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own, with yes or no for an answer"
)]
#[derive(Clone, Debug)]
pub struct Route {
    pub(crate) pattern: Pattern,
    pub(crate) signature: bool,
    pub(crate) token: bool,
    pub(crate) dpop: bool,
    pub(crate) dpop_nonce: NonceConfig,
    pub(crate) mtls: bool,
    pub(crate) scope: Vec<String>,
    pub(crate) components: Vec<Component>,
    pub(crate) replay: ReplayConfig,
    pub(crate) limits: Vec<Limit>,
    pub(crate) shadow: bool,
    pub(crate) reads_content: bool,
    pub(crate) reads_client: bool,
    pub(crate) mcp: Option<Mcp>,
    pub(crate) step_up: StepUp,
    pub(crate) policy: Policy,
    /// The budgets that requests are spent from.
    pub(crate) spending: Spending,
    /// Where a request names the task that its token must be for.
    pub(crate) task: Option<TaskSource>,
    /// Whether a token passes of which cannot be found out whether it is revoked.
    pub(crate) allows_unknown_revocation: bool,
    /// What becomes of a request where an object cannot be asked.
    pub(crate) on_unavailable: OnUnavailableConfig,
    pub(crate) risk: RouteRisk,
}

/// What is done about an agent's risk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouteRisk {
    /// From which scores on.
    pub(crate) thresholds: Thresholds,
    /// Whether it is only said what would be done.
    pub(crate) shadow: bool,
}

/// How the person must have authenticated whom the agent acts for (RFC 9470).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepUp {
    /// The context classes of which the token must name one (`acr`); none is no demand.
    pub(crate) acr_values: Vec<String>,
    /// How long ago it may have been (`auth_time`).
    pub(crate) max_age: Option<Duration>,
}

impl Route {
    /// A route that demands nothing.
    pub(crate) fn open(pattern: Pattern) -> Self {
        Self {
            pattern,
            signature: false,
            token: false,
            dpop: false,
            dpop_nonce: NonceConfig::Off,
            mtls: false,
            scope: Vec::new(),
            components: Vec::new(),
            replay: ReplayConfig::None,
            limits: Vec::new(),
            shadow: false,
            reads_content: false,
            mcp: None,
            step_up: StepUp::default(),
            task: None,
            reads_client: false,
            policy: Policy::default(),
            spending: Spending::default(),
            allows_unknown_revocation: false,
            risk: RouteRisk::default(),
            on_unavailable: OnUnavailableConfig::default(),
        }
    }

    /// Which requests it matches.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether it looks into the body of a request, which is read for it once the proofs hold.
    #[must_use]
    pub fn reads_content(&self) -> bool {
        self.reads_content
    }

    /// Whether it looks at the connection that a request came on: its certificate, its address.
    #[must_use]
    pub fn reads_client(&self) -> bool {
        self.reads_client
    }

    /// The request fields that it reads, beside those of every proof and of MCP, in lower case.
    pub(crate) fn request_fields(&self) -> impl Iterator<Item = &str> {
        let covered = self.components.iter().filter_map(Component::field);
        let task = match &self.task {
            Some(TaskSource::Field(name)) => Some(name.as_str()),
            _ => None,
        };
        let amount = self.policy.amount.iter().flat_map(AmountPlace::fields);
        covered.chain(task).chain(self.spending.idempotency_key.as_deref()).chain(amount)
    }

    /// Every scope that a request to it may need.
    pub(crate) fn all_scopes(&self) -> impl Iterator<Item = &String> {
        self.scope.iter().chain(self.mcp.iter().flat_map(Mcp::all_scopes))
    }

    /// What it permits beyond proofs and scopes.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The scopes it demands.
    #[must_use]
    pub fn scope(&self) -> &[String] {
        &self.scope
    }
}

/// A limit on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What clients see.
    pub name: String,
    /// Whether routes share it by that name; else it is counted for its route alone.
    pub is_shared: bool,
    /// What is counted together.
    pub per: PerList,
    /// How much is permitted.
    pub quota: Quota,
    /// What a request takes.
    pub cost: u32,
    /// Whose requests are counted.
    pub class: RateClass,
    /// Where it is counted; `None` leaves it to what the host has.
    pub store: Option<RateStore>,
    /// Whether an object may lease it to isolates.
    pub leases: bool,
}

impl Limit {
    /// Whether an object leases it to isolates: it may, and it is of a size that makes sense.
    pub(crate) fn is_leased(&self) -> bool {
        self.leases && self.quota.lease_for().is_some()
    }

    /// The name of the platform's binding that counts it, where one does.
    pub(crate) fn flood_binding(&self) -> String {
        format!("FLOOD_{}_{}", self.quota.limit, self.quota.window.as_secs())
    }
}

/// `METHOD /path`, with `*` for a method or one segment, `{name}` for one segment that rules can ask for, and a last
/// `**` for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    method: Option<String>,
    segments: Vec<Segment>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Is(String),
    Any,
    /// As `Any`, with a name for what is there.
    Named(String),
    Rest,
}

impl Pattern {
    /// Parses a pattern; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (method, path) = text.split_once(' ')?;
        let method = match method {
            "*" => None,
            // Methods are case-sensitive; one in lower case would never match.
            _ if !method.is_empty()
                && method.bytes().all(|b| is_token_byte(b) && !b.is_ascii_lowercase()) =>
            {
                Some(String::from(method))
            }
            _ => return None,
        };
        if !path.bytes().all(is_pattern_byte) {
            return None;
        }
        let path = RoutePath::new(path).ok()?;
        let mut segments = Vec::new();
        for segment in path.segments() {
            segments.push(match segment {
                "*" => Segment::Any,
                "**" => Segment::Rest,
                _ if segment.contains(['{', '}']) => {
                    let name = Segment::Named(parameter_name(segment).map(String::from)?);
                    if segments.contains(&name) {
                        return None;
                    }
                    name
                }
                // `:id` is how others write a segment that may be anything; here it would match only itself.
                _ if segment.contains('*') || segment.starts_with(':') => return None,
                _ => Segment::Is(String::from(segment)),
            });
        }
        let rest = segments.iter().position(|s| *s == Segment::Rest);
        if rest.is_some_and(|i| i + 1 != segments.len()) {
            return None;
        }
        Some(Self { method, segments, text: String::from(text) })
    }

    /// Whether a request matches.
    #[must_use]
    pub fn matches(&self, method: &str, path: &RoutePath) -> bool {
        self.takes(method) && self.matches_path(path)
    }

    /// Whether a request matches, were it for another method.
    pub(crate) fn matches_path(&self, path: &RoutePath) -> bool {
        self.matches_segments(path, |wanted, segment| wanted == segment)
    }

    /// Whether a request matches for a server that decodes what is percent-encoded before it compares.
    pub(crate) fn matches_decoded(&self, method: &str, path: &RoutePath) -> bool {
        self.takes(method) && self.matches_segments(path, is_same_decoded)
    }

    fn matches_segments(&self, path: &RoutePath, is_same: impl Fn(&str, &str) -> bool) -> bool {
        let mut segments = path.segments();
        for pattern in &self.segments {
            let matches = match (pattern, segments.next()) {
                (Segment::Rest, _) => return true,
                (Segment::Any | Segment::Named(_), Some(segment)) => !segment.is_empty(),
                (Segment::Is(wanted), Some(segment)) => is_same(wanted, segment),
                (_, None) => false,
            };
            if !matches {
                return false;
            }
        }
        segments.next().is_none()
    }

    /// Whether requests of a method can match. A route for GET is one for HEAD too: servers answer both with the same resource.
    pub(crate) fn takes(&self, method: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method || (wanted == "GET" && method == "HEAD"))
    }

    /// Whether every request that `other` matches is matched by this pattern too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let covers_method = match &other.method {
            Some(method) => self.takes(method),
            None => self.method.is_none(),
        };
        if !covers_method {
            return false;
        }
        let mut theirs = other.segments.iter();
        for mine in &self.segments {
            let covered = match (mine, theirs.next()) {
                (Segment::Rest, _) => return true,
                (Segment::Any | Segment::Named(_), Some(Segment::Any | Segment::Named(_))) => true,
                (Segment::Any | Segment::Named(_), Some(Segment::Is(segment))) => !segment.is_empty(),
                (Segment::Is(mine), Some(Segment::Is(theirs))) => mine == theirs,
                _ => false,
            };
            if !covered {
                return false;
            }
        }
        theirs.next().is_none()
    }

    /// The names of its parameters.
    pub fn parameter_names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Named(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// What stands for the parameters in a path that matches, percent-decoded once. A value with a semicolon is
    /// ambiguous: some servers take what follows it away.
    pub fn parameters(&self, path: &RoutePath) -> Result<Parameters, Ambiguous> {
        let mut values = Vec::new();
        for (pattern, segment) in self.segments.iter().zip(path.segments()) {
            if let Segment::Named(name) = pattern {
                let value = decode(segment).filter(|value| !value.contains(';')).ok_or(Ambiguous)?;
                values.push((name.clone(), value));
            }
        }
        Ok(Parameters(values))
    }

    /// The method that it matches; `None` for every method.
    pub(crate) fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// Whether it matches requests of this method alone.
    pub(crate) fn is_of(&self, method: &str) -> bool {
        self.method.as_deref() == Some(method)
    }

    /// Whether every path that it matches is below another.
    pub(crate) fn is_below(&self, path: &RoutePath) -> bool {
        let mut mine = self.segments.iter();
        path.segments().all(|wanted| matches!(mine.next(), Some(Segment::Is(segment)) if segment == wanted))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The values of a route's path parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The name in `{name}`: lower-case letters, digits and `_`, no digit first.
fn parameter_name(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let fits = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    (fits && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

/// Whether two segments are the same once decoded.
fn is_same_decoded(one: &str, other: &str) -> bool {
    one == other || ((one.contains('%') || other.contains('%')) && decode(one) == decode(other))
}

/// Decodes a segment of a normalised path.
fn decode(segment: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((plain, encoded)) = rest.split_once('%') {
        let (digits, after) = encoded.split_at_checked(2)?;
        decoded.extend_from_slice(plain.as_bytes());
        decoded.push(hex(digits)?);
        rest = after;
    }
    decoded.extend_from_slice(rest.as_bytes());
    String::from_utf8(decoded).ok()
}

/// The path of a request, in the one spelling that routes are matched on: percent-encodings in upper case, and none of a
/// character that needs none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePath(String);

/// A path that servers read differently: dot segments (also with `;` parameters), empty segments, encoded
/// separators or unreserved characters (RFC 3986 §2.3), a back slash, a broken percent-encoding, or one that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

/// The one spelling of a path (RFC 3986 §6.2.2), which begins with a slash: percent-encoded unreserved characters decoded,
/// other percent-encodings in upper case. For comparing what two have written: not for what a server will read.
pub(crate) fn normalise_path(path: &str) -> Result<String, Ambiguous> {
    if !path.starts_with('/') || path.contains("//") || path.contains('\\') {
        return Err(Ambiguous);
    }
    let mut normalised = String::with_capacity(path.len());
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((plain, encoded)) = rest.split_once('%') {
        normalised.push_str(plain);
        decoded.extend_from_slice(plain.as_bytes());
        let (digits, after) = encoded.split_at_checked(2).ok_or(Ambiguous)?;
        let byte = hex(digits).ok_or(Ambiguous)?;
        match byte {
            b'/' | b'\\' | b'%' | 0..=0x1f | 0x7f => return Err(Ambiguous),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normalised.push(char::from(byte));
            }
            _ => {
                normalised.push('%');
                normalised.push_str(&digits.to_ascii_uppercase());
            }
        }
        decoded.push(byte);
        rest = after;
    }
    normalised.push_str(rest);
    decoded.extend_from_slice(rest.as_bytes());
    let decoded = core::str::from_utf8(&decoded).map_err(|_| Ambiguous)?;
    // Some servers take what follows a semicolon away before they look for dots.
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    if decoded.split('/').any(is_dots) {
        return Err(Ambiguous);
    }
    Ok(normalised)
}

impl RoutePath {
    /// Brings a path, which begins with a slash, to this spelling.
    pub fn new(path: &str) -> Result<Self, Ambiguous> {
        let normalised = normalise_path(path)?;
        // It is shorter where an unreserved character was encoded. Some servers look for what is meant, some for what is
        // written, so that it could be the path of two routes.
        if normalised.len() == path.len() { Ok(Self(normalised)) } else { Err(Ambiguous) }
    }

    /// The segments. A slash at the end makes none of its own: servers answer both with the same resource.
    fn segments(&self) -> impl Iterator<Item = &str> {
        let path = self.0.strip_prefix('/').unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        path.split('/').filter(|segment| !segment.is_empty())
    }

    /// Whether it is another path, or below it.
    #[must_use]
    pub fn is_below(&self, path: &Self) -> bool {
        let mut mine = self.segments();
        path.segments().all(|wanted| mine.next().is_some_and(|segment| is_same_decoded(wanted, segment)))
    }

    /// The normalised path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What may stand in a pattern: the characters of a path (RFC 3986 §3.3), braces around names, no query.
fn is_pattern_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@{}".contains(&byte)
}

fn hex(digits: &str) -> Option<u8> {
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u8::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, method: &str, path: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(method, &RoutePath::new(path).unwrap())
    }

    #[test]
    fn a_route_matches_method_and_segments() {
        assert!(matches("POST /a/b", "POST", "/a/b"));
        assert!(!matches("POST /a/b", "post", "/a/b"));
        assert!(!matches("POST /a/b", "GET", "/a/b"));
        assert!(matches("POST /a/b", "POST", "/a/b/"));
        assert!(matches("POST /a/b/", "POST", "/a/b"));
        assert!(matches("GET /a/b", "HEAD", "/a/b"));
        assert!(!matches("HEAD /a/b", "GET", "/a/b"));
        assert!(matches("GET /", "GET", "/"));
        assert!(!matches("GET /", "GET", "/a"));
        assert!(!matches("POST /a/b", "POST", "/a"));
        assert!(matches("* /a/*/c", "PUT", "/a/b/c"));
        assert!(!matches("* /a/*/c", "PUT", "/a/b/d"));
        assert!(!matches("* /a/*", "PUT", "/a/"));
        assert!(matches("* /**", "PUT", "/"));
        assert!(matches("* /a/**", "PUT", "/a/b/c/"));
        assert!(matches("* /a/**", "PUT", "/a/"));
        assert!(matches("* /a/**", "PUT", "/a"));
        assert!(!matches("* /a/**", "PUT", "/ab"));
    }

    #[test]
    fn encodings_of_one_path_match_one_route() {
        assert!(matches("GET /a%20b;%3B", "GET", "/a%20b;%3b"));
        assert!(matches("GET /a%c3%a9", "GET", "/a%C3%A9"));
    }

    #[test]
    fn paths_that_servers_read_differently_are_ambiguous() {
        for path in [
            "/a//b",
            "//a",
            "/a/../b",
            "/a/%2e%2E/b",
            "/./a",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%",
            "/a%zz",
            "/a%00",
            "/a%252e",
            "/a/..;x/b",
            "/a/.%3Bx",
            "/a/%c0%ae%c0%ae/b",
            "/%ff",
            "/%61",
            "/a/%5A%39",
            "/a%2d",
            "/a%2E",
            "/a%5f",
            "/%7Ea",
            "a",
        ] {
            assert_eq!(RoutePath::new(path), Err(Ambiguous), "{path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "/a",
            "GET a",
            "GET  /a",
            " /a",
            "GET /a*",
            "GET /**/a",
            "G,T /a",
            "get /a",
            "GET /a ",
            "GET /a?b",
            "GET /a#b",
            "GET /{}",
            "GET /{Id}",
            "GET /{1}",
            "GET /{a-b}",
            "GET /{a",
            "GET /a}",
            "GET /{a}.json",
            "GET /{a*}",
            "GET /{a}/b/{a}",
            "GET /%7Ba%7D/{b}}",
            "GET /:id",
            "GET /%61",
            "GET /é",
            "",
        ] {
            assert!(Pattern::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_pattern_covers_what_it_hides() {
        let covers = |a, b| Pattern::parse(a).unwrap().covers(&Pattern::parse(b).unwrap());
        assert!(covers("* /**", "GET /a"));
        assert!(covers("* /a/**", "GET /a/*/b"));
        assert!(covers("GET /a/*", "GET /a/b"));
        assert!(!covers("GET /a/b", "GET /a/*"));
        assert!(!covers("GET /**", "* /a"));
        assert!(!covers("* /a/*", "* /a/**"));
        assert!(covers("* /a", "* /a"));
        assert!(covers("* /{a}", "* /*") && covers("* /*", "* /{a}") && covers("* /{a}", "* /{b}"));
        assert!(covers("* /{a}", "* /b") && !covers("* /b", "* /{a}"));
        assert!(covers("* /**", "* /{a}") && !covers("* /{a}", "* /**"));
    }

    #[test]
    fn parameters_are_what_stands_there_decoded_once() {
        let pattern = Pattern::parse("GET /accounts/{account}/*/{item_2}/**").unwrap();
        assert_eq!(pattern.parameter_names().collect::<Vec<_>>(), ["account", "item_2"]);
        let parameters = |path: &str| {
            pattern
                .parameters(&RoutePath::new(path).unwrap())
                .map(|p| (p.get("account").map(String::from), p.get("item_2").map(String::from)))
        };
        let found = |account: &str, item: &str| Ok((Some(account.into()), Some(item.into())));
        assert_eq!(parameters("/accounts/a%20b/x/%C3%A9/rest"), found("a b", "\u{e9}"));
        assert_eq!(parameters("/accounts/a/x/%2B+/"), found("a", "++"));
        assert_eq!(parameters("/accounts/a;b=c/x/1"), Err(Ambiguous));
        assert_eq!(parameters("/accounts/a/x/1%3Bb"), Err(Ambiguous));
        // Where no name stands it is as before.
        assert_eq!(parameters("/accounts/a/x;y/1"), found("a", "1"));
        assert!(matches("GET /accounts/{account}", "GET", "/accounts/1"));
        assert!(!matches("GET /accounts/{account}", "GET", "/accounts/"));
        assert!(!matches("GET /accounts/{account}", "GET", "/accounts/1/2"));
    }
}
