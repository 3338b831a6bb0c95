//! What a host must tell about a request: [`RequestView`].
//!
//! A view holds the request as it was *received*, before any proof is believed. It is bounded on the way in,
//! so that nothing downstream has to be; it never holds the body (digests of it are asked for separately).
//!
//! Field values follow RFC 9421 §2.1: white space at both ends of a line is dropped, obsolete line folding
//! becomes one space, inner white space stays. Target normalisation follows RFC 9421 §2.2 and RFC 9110 §4.2.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::client::Client;

/// Most field lines that a view takes. Workers and Node allow about a hundred by default.
pub const MAX_FIELD_LINES: usize = 128;
/// Most bytes of field names and values together: 64 KiB, above what Workers (32 KiB) and Node (16 KiB) pass on.
pub const MAX_FIELD_BYTES: usize = 64 * 1024;
/// Longest target in bytes: 16 KiB, the limit of a URL on Workers.
pub const MAX_TARGET_BYTES: usize = 16 * 1024;

/// Why a request or a response cannot be viewed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The method is not a token (RFC 9110 §9.1).
    Method,
    /// The target is not an absolute `http` or `https` URL, or has characters that no URL has.
    Target,
    /// The target is longer than [`MAX_TARGET_BYTES`].
    TargetTooLong,
    /// The authority is not `host` or `host:port`, or carries user information.
    Authority,
    /// A field name is not a token, or a value has a control character or a bare line break.
    Field,
    /// More than [`MAX_FIELD_LINES`] lines or [`MAX_FIELD_BYTES`] bytes of fields.
    FieldsTooLarge,
    /// The status of a response has not three digits (RFC 9110 §15).
    Status,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "method is not a token",
            Self::Target => "target is not an absolute http or https url",
            Self::TargetTooLong => "target is too long",
            Self::Authority => "authority is not host or host:port",
            Self::Field => "field name or value has a character that is not allowed",
            Self::FieldsTooLarge => "too many fields, or too long",
            Self::Status => "status has not three digits",
        })
    }
}

impl core::error::Error for RequestError {}

/// The scheme of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`, default port 80.
    Http,
    /// `https`, default port 443.
    Https,
}

impl Scheme {
    /// The scheme in lower case, as `@scheme` wants it (RFC 9421 §2.2.4).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> &'static str {
        match self {
            Self::Http => "80",
            Self::Https => "443",
        }
    }
}

/// Where a request was sent: scheme, authority, path and query, percent-encodings untouched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    scheme: Scheme,
    authority: String,
    path: String,
    query: Option<String>,
    /// The request-target as sent, where it is not the path with the query.
    sent_as: Option<String>,
}

impl Target {
    /// Parses an absolute URL. A fragment is refused, as it never travels in a request.
    pub fn parse(url: &str) -> Result<Self, RequestError> {
        let (scheme, rest) = split_scheme(url).ok_or(RequestError::Target)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at_checked(end).ok_or(RequestError::Target)?;
        Self::new(scheme, authority, path_and_query)
    }

    /// Puts a target together from the scheme, the authority and the path with query, as an HTTP/1.1 server
    /// sees them (origin-form, RFC 9112 §3.2.1). An empty path becomes `/`.
    pub fn new(scheme: Scheme, authority: &str, path_and_query: &str) -> Result<Self, RequestError> {
        if authority.len() + path_and_query.len() > MAX_TARGET_BYTES {
            return Err(RequestError::TargetTooLong);
        }
        if !path_and_query.bytes().all(is_target_byte) {
            return Err(RequestError::Target);
        }
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(String::from(query))),
            None => (path_and_query, None),
        };
        if !path.is_empty() && !path.starts_with('/') {
            return Err(RequestError::Target);
        }
        let path = String::from(if path.is_empty() { "/" } else { path });
        let authority = normalise_authority(scheme, authority)?;
        Ok(Self { scheme, authority, path, query, sent_as: None })
    }

    /// Parses the absolute-form of a request-target (RFC 9112 §3.2.2), which `@request-target` then is, as sent.
    pub fn absolute_form(request_target: &str) -> Result<Self, RequestError> {
        let target = Self::parse(request_target)?;
        Ok(Self { sent_as: Some(String::from(request_target)), ..target })
    }

    /// The request-target, where it was sent in another form than origin-form.
    pub(crate) fn sent_as(&self) -> Option<&str> {
        self.sent_as.as_deref()
    }

    /// `@scheme`.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// `@authority`: lower case, without the scheme's default port (RFC 9421 §2.2.3).
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// `@path`: never empty (RFC 9421 §2.2.6).
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without its `?`; `None` where the target has no `?` at all.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The same target with its query as the end of its path, as one deployed scheme signs it.
    #[must_use]
    pub(crate) fn with_query_in_path(&self) -> Self {
        let mut path = self.path.clone();
        if let Some(query) = &self.query {
            path.push('?');
            path.push_str(query);
        }
        Self { path, query: None, ..self.clone() }
    }

    /// The same target as a client of `scheme://authority` plus `path_prefix` saw it before a proxy.
    #[must_use]
    pub fn seen_as(&self, scheme: Scheme, authority: &str, path_prefix: &str) -> Self {
        let mut path = String::from(path_prefix);
        path.push_str(&self.path);
        Self { scheme, authority: String::from(authority), path, query: self.query.clone(), sent_as: None }
    }
}

impl fmt::Display for Target {
    /// `@target-uri` (RFC 9421 §2.2.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority, self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

fn split_scheme(url: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.eq_ignore_ascii_case("https") {
        Some((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Some((Scheme::Http, rest))
    } else {
        None
    }
}

fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// Lower-cases the host and drops the scheme's default port and an empty one (RFC 9110 §4.2.3).
pub(crate) fn normalise_authority(scheme: Scheme, authority: &str) -> Result<String, RequestError> {
    let (host, port) = split_port(authority).ok_or(RequestError::Authority)?;
    let mut normalised = host.to_ascii_lowercase();
    if !port.is_empty() && port != scheme.default_port() {
        normalised.push(':');
        normalised.push_str(port);
    }
    Ok(normalised)
}

fn split_port(authority: &str) -> Option<(&str, &str)> {
    let (host, port) = if let Some(literal) = authority.strip_prefix('[') {
        let (address, port) = literal.split_once(']')?;
        let inside = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
        if address.is_empty() || !address.bytes().all(inside) {
            return None;
        }
        let port = if port.is_empty() { port } else { port.strip_prefix(':')? };
        (authority.get(..address.len() + 2)?, port)
    } else {
        authority.split_once(':').unwrap_or((authority, ""))
    };
    let host_ok = !host.is_empty() && host.bytes().all(|b| is_host_byte(b) || host.starts_with('['));
    let port_ok = (port.is_empty() || port.parse::<u16>().is_ok())
        && port.bytes().all(|b| b.is_ascii_digit())
        && !port.starts_with('0');
    (host_ok && port_ok).then_some((host, port))
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)
}

/// The field lines of a message, names in lower case, order kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    lines: Vec<(String, String)>,
    bytes: usize,
}

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field line. Hosts that join repeated lines with commas may add the joined value as one.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), RequestError> {
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(RequestError::Field);
        }
        let value = unfold(value)?;
        self.bytes += name.len() + value.len();
        if self.lines.len() >= MAX_FIELD_LINES || self.bytes > MAX_FIELD_BYTES {
            return Err(RequestError::FieldsTooLarge);
        }
        self.lines.push((name.to_ascii_lowercase(), value));
        Ok(())
    }

    /// The values of all lines of a field, in order. `name` is in lower case.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether the field is there at all. `name` is in lower case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.lines.iter().any(|(n, _)| n == name)
    }

    /// The lines of a field joined by `, ` (RFC 9421 §2.1); `None` where there is no line. `name` is in lower case.
    #[must_use]
    pub fn combined(&self, name: &str) -> Option<String> {
        let mut lines = self.lines(name);
        let mut combined = String::from(lines.next()?);
        for line in lines {
            combined.push_str(", ");
            combined.push_str(line);
        }
        Some(combined)
    }
}

/// Strips the ends and replaces obsolete line folding by one space (RFC 9421 §2.1).
fn unfold(value: &str) -> Result<String, RequestError> {
    let trim = |s: &str| String::from(s.trim_matches([' ', '\t', '\r', '\n']));
    if !value.contains(['\r', '\n']) {
        let value = trim(value);
        return if value.chars().all(is_value_char) { Ok(value) } else { Err(RequestError::Field) };
    }
    let mut unfolded = String::with_capacity(value.len());
    let value = trim(value);
    let mut lines = value.split('\n');
    unfolded.push_str(lines.next().unwrap_or_default().trim_end_matches([' ', '\t', '\r']));
    for line in lines {
        if !line.starts_with([' ', '\t']) {
            return Err(RequestError::Field);
        }
        unfolded.push(' ');
        unfolded.push_str(line.trim_matches([' ', '\t', '\r']));
    }
    if unfolded.chars().all(is_value_char) { Ok(unfolded) } else { Err(RequestError::Field) }
}

fn is_value_char(c: char) -> bool {
    c == '\t' || !c.is_control()
}

/// Whether a byte may stand in a token (RFC 9110 §5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether this is a method (RFC 9110 §9.1), of a length that methods have.
pub(crate) fn is_method(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(is_token_byte)
}

/// A request as it was received, bounded, with nothing in it believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    method: String,
    target: Target,
    fields: Fields,
    has_body: bool,
    client: Client,
}

impl RequestView {
    /// Puts a view together. `has_body` says whether a body follows, also one of unknown length.
    pub fn new(method: &str, target: Target, fields: Fields, has_body: bool) -> Result<Self, RequestError> {
        if !is_method(method) {
            return Err(RequestError::Method);
        }
        Ok(Self { method: String::from(method), target, fields, has_body, client: Client::default() })
    }

    /// The same request, with what the host knows of the connection that it came on.
    #[must_use]
    pub fn with_client(self, client: Client) -> Self {
        Self { client, ..self }
    }

    /// What the host knows of the connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// `@method`: case-sensitive, as received (RFC 9421 §2.2.1).
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Where the request was sent, as this host saw it.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The field lines.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether a body follows.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.has_body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn target(url: &str) -> Target {
        Target::parse(url).unwrap()
    }

    #[test]
    fn default_ports_leave_the_authority() {
        assert_eq!(target("https://API.example:443/a").authority(), "api.example");
        assert_eq!(target("http://api.example:80/a").authority(), "api.example");
        assert_eq!(target("https://api.example:80/a").authority(), "api.example:80");
        assert_eq!(target("https://[2001:DB8::1]:8443/").authority(), "[2001:db8::1]:8443");
    }

    #[test]
    fn an_empty_path_is_a_slash_and_an_empty_query_is_kept() {
        assert_eq!(target("https://api.example").to_string(), "https://api.example/");
        assert_eq!(target("https://api.example?").query(), Some(""));
        assert_eq!(target("https://api.example/a").query(), None);
        assert_eq!(target("https://api.example/a?b=c?d").query(), Some("b=c?d"));
    }

    #[test]
    fn what_is_no_request_target_is_refused() {
        for url in [
            "ftp://a/",
            "//a/",
            "https://user@a/",
            "https:///x",
            "https://a/#f",
            "https://a/\u{e9}",
            "https://a:b/",
            "https://a b/",
            "https://a:080/",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn ends_and_folds_go_and_inner_space_stays() {
        let mut fields = Fields::new();
        fields.push("X-Dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c)  ").unwrap();
        fields.push("x-obs", "Obsolete\r\n    line folding.").unwrap();
        fields.push("x-dict", "d").unwrap();
        assert_eq!(fields.combined("x-dict").unwrap(), "a=1,    b=2;x=1;y=2,   c=(a   b   c), d");
        assert_eq!(fields.combined("x-obs").unwrap(), "Obsolete line folding.");
        assert_eq!(fields.push("x", "a\nb: c"), Err(RequestError::Field));
        assert_eq!(fields.push("x y", "a"), Err(RequestError::Field));
        assert_eq!(fields.push("x", "a\0"), Err(RequestError::Field));
    }

    #[test]
    fn fields_are_bounded() {
        let mut fields = Fields::new();
        let long = "a".repeat(MAX_FIELD_BYTES);
        assert_eq!(fields.push("x", &long), Err(RequestError::FieldsTooLarge));
        let mut fields = Fields::new();
        for _ in 0..MAX_FIELD_LINES {
            fields.push("x", "a").unwrap();
        }
        assert_eq!(fields.push("x", "a"), Err(RequestError::FieldsTooLarge));
    }
}
