//! The URL that an agent's keys are fetched from, read from an untrusted header: [`KeySourceUrl`].
//!
//! A URL here is an identity, so it must have one spelling, and it is going to be fetched, so every parser on the
//! way must read it alike. What is equivalent by RFC 3986 §6.2.2 and §6.2.3 becomes the same text; what some
//! parser reads differently (user information, backslashes, hosts that are numbers in disguise) is refused. Only
//! literal addresses can be judged here: what a name resolves to is the fetcher's to check.

use crate::net::{Reach, ipv4_reach, ipv6_reach};
use crate::request::{Scheme, normalise_authority};
use crate::signature::SignatureError;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv6Addr;

/// Where an origin's key directory is (draft-ietf-webbotauth-httpsig-protocol, IANA considerations).
pub const WELL_KNOWN_PATH: &str = "/.well-known/http-message-signatures-directory";

/// Longest URL in bytes that an agent may name.
const MAX_URL_BYTES: usize = 2048;

/// A normalised `https` URL to fetch keys from; without its query it is the agent's identity.
///
/// What is fetched is the identity plus the query as sent, never another spelling of the path: else a server
/// that tells two spellings apart could let one agent answer for the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySourceUrl {
    url: String,
    origin_end: usize,
    identity_end: usize,
}

impl KeySourceUrl {
    fn new(origin: &str, path: &str, query: Option<&str>) -> Self {
        let mut url = String::with_capacity(origin.len() + path.len() + query.map_or(0, |q| q.len() + 1));
        url.push_str(origin);
        url.push_str(path);
        let identity_end = url.len();
        if let Some(query) = query {
            url.push('?');
            url.push_str(query);
        }
        Self { url, origin_end: origin.len(), identity_end }
    }

    /// Reads a URL as it is, also one that is no more than an origin; loopback addresses where they are permitted.
    pub fn parse(url: &str, allow_loopback: bool) -> Result<Self, SignatureError> {
        Source::parse(url, allow_loopback).map(|source| source.itself())
    }

    /// The URL to fetch.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The URL without its query: what identifies the agent.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.url.get(..self.identity_end).unwrap_or_default()
    }

    /// Scheme, host and port (RFC 6454 §6.2).
    #[must_use]
    pub fn origin(&self) -> &str {
        self.url.get(..self.origin_end).unwrap_or_default()
    }

    /// Whether it is the directory at an origin's well-known path, where a directory's own rules hold (its media
    /// type, and each `kid` being a thumbprint).
    #[must_use]
    pub fn is_well_known(&self) -> bool {
        self.url.get(self.origin_end..) == Some(WELL_KNOWN_PATH)
    }
}

/// A URL taken apart, before it is known what it means.
pub(super) struct Source<'a> {
    origin: String,
    path: String,
    is_bare: bool,
    query: Option<&'a str>,
}

impl<'a> Source<'a> {
    pub(super) fn parse(url: &'a str, allow_loopback: bool) -> Result<Self, SignatureError> {
        if url.len() > MAX_URL_BYTES {
            return Err(SignatureError::AgentUrlMalformed);
        }
        let (scheme, rest) = split_scheme(url)?;
        if rest.contains('#') {
            return Err(SignatureError::AgentUrlFragment);
        }
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, path_and_query) =
            rest.split_at_checked(end).ok_or(SignatureError::AgentUrlMalformed)?;
        if authority.contains('@') {
            return Err(SignatureError::AgentUrlUserInfo);
        }
        let authority =
            normalise_authority(scheme, authority).map_err(|_| SignatureError::AgentUrlMalformed)?;
        let (authority, reach) = read_host(authority).ok_or(SignatureError::AgentUrlMalformed)?;
        match reach {
            Reach::Loopback if allow_loopback => {}
            Reach::Loopback | Reach::Private => return Err(SignatureError::AgentUrlAddress),
            Reach::Public if scheme == Scheme::Http => return Err(SignatureError::AgentUrlScheme),
            Reach::Public => {}
        }
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        if !query.unwrap_or_default().bytes().all(|b| is_pchar(b) || b"/?%".contains(&b)) {
            return Err(SignatureError::AgentUrlMalformed);
        }
        let mut origin = String::from(scheme.as_str());
        origin.push_str("://");
        origin.push_str(&authority);
        let path = normalise_path(path).ok_or(SignatureError::AgentUrlMalformed)?;
        let is_bare = path == "/" && query.is_none();
        Ok(Self { origin, path, is_bare, query })
    }

    /// Whether it names an origin and nothing below it; whatever normalises to a lone `/` is tolerated, so that
    /// what is one URL has one meaning.
    pub(super) fn is_origin(&self) -> bool {
        self.is_bare
    }

    /// The directory of the origin that it names.
    pub(super) fn well_known(&self) -> Result<KeySourceUrl, SignatureError> {
        if self.is_bare {
            Ok(KeySourceUrl::new(&self.origin, WELL_KNOWN_PATH, None))
        } else {
            Err(SignatureError::AgentNotOrigin)
        }
    }

    /// The URL as the key set.
    pub(super) fn itself(&self) -> KeySourceUrl {
        KeySourceUrl::new(&self.origin, &self.path, self.query)
    }
}

fn split_scheme(url: &str) -> Result<(Scheme, &str), SignatureError> {
    let (scheme, rest) = url.split_once("://").ok_or(SignatureError::AgentUrlMalformed)?;
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(SignatureError::AgentUrlScheme)
    }
}

/// The authority in one spelling and where its host is, as far as its text tells; `None` for what is not a host,
/// or not one to every URL parser.
fn read_host(authority: String) -> Option<(String, Reach)> {
    if let Some(literal) = authority.strip_prefix('[') {
        let (address, port) = literal.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        return is_port(port).then(|| (format!("[{address}]{port}"), ipv6_reach(address)));
    }
    let end = authority.find(':').unwrap_or(authority.len());
    let (host, port) = authority.split_at_checked(end)?;
    let reach = name_reach(host)?;
    is_port(port).then_some((authority, reach))
}

/// A port with its colon, or nothing.
fn is_port(text: &str) -> bool {
    text.strip_prefix(':').map_or(text.is_empty(), |port| port.parse::<u16>().is_ok())
}

fn name_reach(host: &str) -> Option<Reach> {
    let last = host.rsplit('.').next()?;
    // URL parsers read a host whose last label is a number as IPv4, in any of its old spellings.
    if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
        return host.parse().ok().map(ipv4_reach);
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return None;
    }
    Some(if last == "localhost" { Reach::Loopback } else { Reach::Public })
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986 §3.3, without percent-encodings.
fn is_pchar(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

/// Decodes what need not be encoded, puts the rest in upper case (§6.2.2.1, §6.2.2.2) and removes dot segments
/// (§6.2.2.3), in this order, as an encoded dot is a dot. `None` for what is not a path.
fn normalise_path(path: &str) -> Option<String> {
    let decoded = normalise_encodings(path)?;
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    let mut normalised = String::with_capacity(decoded.len() + 1);
    for segment in kept {
        normalised.push('/');
        normalised.push_str(segment);
    }
    if normalised.is_empty() {
        normalised.push('/');
    }
    Some(normalised)
}

fn normalise_encodings(path: &str) -> Option<String> {
    let mut normalised = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, others)) = rest.split_first() {
        rest = others;
        if *byte == b'%' {
            let [high, low, after @ ..] = others else { return None };
            let (high, low) = (char::from(*high).to_ascii_uppercase(), char::from(*low).to_ascii_uppercase());
            let encoded = u8::try_from(high.to_digit(16)? << 4 | low.to_digit(16)?).ok()?;
            if is_unreserved(encoded) {
                normalised.push(char::from(encoded));
            } else {
                normalised.extend(['%', high, low]);
            }
            rest = after;
        } else if is_pchar(*byte) || *byte == b'/' {
            normalised.push(char::from(*byte));
        } else {
            return None;
        }
    }
    Some(normalised)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<String, SignatureError> {
        Source::parse(text, false).map(|source| source.itself().as_str().into())
    }

    #[test]
    fn equivalent_spellings_become_one() {
        for (spelling, normalised) in [
            ("HTTPS://Agents.Example:443/a/./b/../c", "https://agents.example/a/c"),
            ("https://agents.example", "https://agents.example/"),
            ("https://agents.example/%7Ejwks/%2e%2E/x%2fy%3f", "https://agents.example/x%2Fy%3F"),
            ("https://agents.example/a/..", "https://agents.example/"),
            ("https://agents.example/a/b/.", "https://agents.example/a/b/"),
            ("https://agents.example/../../a//b", "https://agents.example/a//b"),
            ("https://agents.example:8443/a?Q=%7e", "https://agents.example:8443/a?Q=%7e"),
            ("https://203.0.112.7/a", "https://203.0.112.7/a"),
            ("https://[2606:4700:0:0::1111]:8443/a", "https://[2606:4700::1111]:8443/a"),
        ] {
            assert_eq!(url(spelling).as_deref(), Ok(normalised), "{spelling}");
        }
    }

    #[test]
    fn the_identity_has_no_query_and_the_fetched_url_has() {
        let Ok(source) = Source::parse("https://a.example/k?v=1", false) else { panic!() };
        let source = source.itself();
        assert_eq!((source.origin(), source.identity()), ("https://a.example", "https://a.example/k"));
        assert_eq!(source.as_str(), "https://a.example/k?v=1");
        assert!(!source.is_well_known());
    }

    #[test]
    fn what_parsers_may_read_differently_is_refused() {
        use SignatureError as E;
        for (text, error) in [
            ("http://a.example/", E::AgentUrlScheme),
            ("ftp://a.example/", E::AgentUrlScheme),
            ("a.example/", E::AgentUrlMalformed),
            ("https:a.example", E::AgentUrlMalformed),
            ("https:///a", E::AgentUrlMalformed),
            ("https://u@a.example/", E::AgentUrlUserInfo),
            ("https://a.example\\@b.example/", E::AgentUrlMalformed),
            ("https://a.example/#f", E::AgentUrlFragment),
            ("https://a.example/a\\b", E::AgentUrlMalformed),
            ("https://a.example/a b", E::AgentUrlMalformed),
            ("https://a.example/%zz", E::AgentUrlMalformed),
            ("https://a.example/%4", E::AgentUrlMalformed),
            ("https://a.example/?<", E::AgentUrlMalformed),
            ("https://a%2eexample/", E::AgentUrlMalformed),
            ("https://a..example/", E::AgentUrlMalformed),
            ("https://a.example./", E::AgentUrlMalformed),
            ("https://a.example:x/", E::AgentUrlMalformed),
            ("https://a.example:65536/", E::AgentUrlMalformed),
            ("https://2130706433/", E::AgentUrlMalformed),
            ("https://0x7f.1/", E::AgentUrlMalformed),
            ("https://127.0x1/", E::AgentUrlMalformed),
            ("https://010.0.0.1/", E::AgentUrlMalformed),
            ("https://[::1%25lo]/", E::AgentUrlMalformed),
        ] {
            assert_eq!(url(text), Err(error), "{text}");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_refused() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "localhost",
            "a.localhost",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[fe80::1]",
            "[fc00::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[64:ff9b::7f00:1]",
            "[2001:0:7f00:1::]",
        ] {
            let text = std::format!("https://{host}/a");
            assert_eq!(url(&text), Err(SignatureError::AgentUrlAddress), "{host}");
        }
    }

    #[test]
    fn loopback_over_plain_http_needs_leave_and_nothing_else_gets_it() {
        for host in ["127.0.0.1", "localhost:8080", "[::1]:9"] {
            let text = std::format!("http://{host}/a");
            assert_eq!(Source::parse(&text, true).ok().map(|s| s.itself().as_str().into()), Some(text));
        }
        let refused = |text| Source::parse(text, true).err();
        assert_eq!(refused("http://a.example/"), Some(SignatureError::AgentUrlScheme));
        assert_eq!(refused("http://10.0.0.1/"), Some(SignatureError::AgentUrlAddress));
    }

    #[test]
    fn only_a_bare_origin_has_a_directory() {
        for (text, is_origin) in [
            ("https://a.example", true),
            ("https://a.example/", true),
            ("https://a.example/.", true),
            ("https://a.example/x", false),
            ("https://a.example?", false),
            ("https://a.example/?x", false),
        ] {
            let Ok(source) = Source::parse(text, false) else { panic!() };
            assert_eq!(source.is_origin(), is_origin, "{text}");
            assert_eq!(source.well_known().is_ok(), is_origin, "{text}");
        }
    }
}
