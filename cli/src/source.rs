//! What stands at the URLs that a gate would fetch, given as files: `--source URL=FILE`.
//!
//! A file is the body that the URL answers with, or a whole response as `curl -i` saves one, which begins with `HTTP/`.
//! Of such a response the content is what follows the fields, as it is: whoever saved it has undone chunks.

use std::cell::Cell;

use countersign::request::Target;

use crate::arguments::Input;
use crate::{Failure, http, input};

/// Most sources of one run.
const MAX_SOURCES: usize = 256;

/// What a URL answers.
pub(crate) struct Source {
    url: String,
    /// `None` where the file has a body alone.
    head: Option<(u16, Vec<(String, String)>)>,
    body: Vec<u8>,
    is_used: Cell<bool>,
}

impl Source {
    /// What a URL answers, from the bytes of a file.
    pub(crate) fn new(url: &str, bytes: Vec<u8>) -> Result<Self, http::Fault> {
        let url = normal(url);
        if !bytes.starts_with(b"HTTP/") {
            return Ok(Self { url, head: None, body: bytes, is_used: Cell::new(false) });
        }
        let http::Saved { status, fields, content } = http::read_saved_response(&bytes)?;
        Ok(Self { url, head: Some((status, fields)), body: content, is_used: Cell::new(false) })
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.as_ref().map_or(200, |(status, _)| *status)
    }

    /// The fields; of a body alone, the media type that was asked for.
    pub(crate) fn fields<'a>(&'a self, accept: &'a str) -> Vec<(&'a str, &'a str)> {
        match &self.head {
            Some((_, fields)) => fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            None => vec![("content-type", accept.split(',').next().unwrap_or_default().trim())],
        }
    }

    /// The body, where it is no longer than may be read.
    pub(crate) fn body(&self, most: usize) -> Option<&[u8]> {
        Some(self.body.as_slice()).filter(|body| body.len() <= most)
    }
}

/// The sources of a run.
#[derive(Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// Reads what `--source` names.
    pub(crate) fn read(input: &Input) -> Result<Self, Failure> {
        let mut sources = Self::default();
        for given in input.values("source") {
            let (url, file) = split(given)?;
            let unusable = |what: String| Failure::new(format!("--source {url}: {what}"));
            if Target::parse(url).is_err() {
                return Err(unusable("is no http or https URL; write URL=FILE".into()));
            }
            if sources.0.len() == MAX_SOURCES {
                return Err(unusable(format!("there are more than {MAX_SOURCES}")));
            }
            let bytes = input::read_bytes(file, http::MAX_BYTES)?;
            let source = Source::new(url, bytes).map_err(|fault| unusable(format!("{file}: {fault}")))?;
            if sources.0.iter().any(|other| other.url == source.url) {
                return Err(unusable("is given twice".into()));
            }
            sources.0.push(source);
        }
        Ok(sources)
    }

    pub(crate) fn push(&mut self, source: Source) {
        self.0.push(source);
    }

    /// What this URL answers.
    pub(crate) fn at(&self, url: &str) -> Option<&Source> {
        let url = normal(url);
        let source = self.0.iter().find(|source| source.url == url)?;
        source.is_used.set(true);
        Some(source)
    }

    /// The URLs that nobody asked for.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|source| !source.is_used.get()).map(|source| source.url.as_str())
    }
}

/// URL and file. Both may have `=` in them: the file is what is there, else what follows the first.
fn split(given: &str) -> Result<(&str, &str), Failure> {
    let places = given.match_indices('=').map(|(at, _)| at);
    let parts = |at: usize| Some((given.get(..at)?, given.get(at + 1..)?));
    let named: Vec<_> = places.filter_map(parts).collect();
    let is_there = |(_, file): &&(&str, &str)| *file == "-" || std::path::Path::new(file).is_file();
    named
        .iter()
        .find(is_there)
        .or(named.first())
        .copied()
        .ok_or_else(|| Failure::new(format!("--source is URL=FILE, not {given:?}")))
}

/// A URL in the form in which two of them are compared.
fn normal(url: &str) -> String {
    Target::parse(url).map_or_else(|_| url.to_owned(), |target| target.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_body_alone_has_the_media_type_that_was_asked_for() {
        let source = Source::new("https://a.example", b"{}".to_vec()).unwrap();
        assert_eq!((source.status(), source.body(2)), (200, Some(&b"{}"[..])));
        assert_eq!(source.fields("a/b, c/d"), [("content-type", "a/b")]);
        assert_eq!(source.body(1), None);
    }

    #[test]
    fn a_response_is_what_curl_saves() {
        for version in ["1.1", "2", "3", "1.0"] {
            let text = format!(
                "HTTP/{version} 404 \r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\nnone"
            );
            let source = Source::new("https://a.example/", text.into_bytes()).unwrap();
            assert_eq!((source.status(), source.body(9)), (404, Some(&b"none"[..])));
            assert_eq!(source.fields("x/y").first(), Some(&("content-type", "text/plain")));
        }
        assert!(Source::new("https://a.example/", b"HTTP/9 200\n\n".to_vec()).is_err());
        assert!(Source::new("https://a.example/", b"HTTP/1.1 2\n\n".to_vec()).is_err());
    }

    #[test]
    fn of_several_responses_the_last_one_counts() {
        let last = "HTTP/2 200 \r\ncontent-type: a/b\r\n\r\n{}";
        for before in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.0 200 Connection Established\r\nproxy-agent: p\r\n\r\nHTTP/2 103 \r\nlink: </x>\r\n\r\n",
        ] {
            let source = Source::new("https://a.example/", format!("{before}{last}").into_bytes()).unwrap();
            assert_eq!((source.status(), source.body(9)), (200, Some(&b"{}"[..])), "{before}");
            assert_eq!(source.fields("x/y"), [("content-type", "a/b")]);
        }
        // What follows another response is its content, whatever it looks like.
        let text = format!("HTTP/1.1 200 OK\r\n\r\n{last}");
        let source = Source::new("https://a.example/", text.into_bytes()).unwrap();
        assert_eq!(source.body(99), Some(last.as_bytes()));
    }

    #[test]
    fn a_url_is_found_in_any_spelling() {
        let mut sources = Sources::default();
        sources.push(Source::new("https://A.example:443/x", Vec::new()).unwrap());
        assert_eq!(sources.unused().count(), 1);
        assert!(sources.at("https://a.example/x").is_some());
        assert!(sources.at("https://a.example/y").is_none());
        assert_eq!(sources.unused().count(), 0);
    }

    #[test]
    fn url_and_file_are_told_apart() {
        assert_eq!(split("https://a.example/x=f.json").unwrap(), ("https://a.example/x", "f.json"));
        assert_eq!(split("https://a.example/?a=b=-").unwrap(), ("https://a.example/?a=b", "-"));
        assert!(split("https://a.example/x").is_err());
    }
}
