//! Requests of an HTTP archive (HAR 1.2), as browsers, proxies and test tools export them.
//!
//! What an archive says twice must agree (URL, `Host`, pseudo-fields of HTTP/2), else it is refused with its path: the
//! request that was sent is not known then. So is content that it has lost (`params` without `text`). Unknown members
//! are passed over, as every exporter has its own.

use countersign::encoding::base64url;
use countersign::request::{Fields, RequestView, Target};
use countersign::time::UnixMillis;
use serde_json::Value;

use crate::{http, time};

/// Longest archive in bytes: 64 MiB.
pub(crate) const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Most entries of an archive.
const MAX_ENTRIES: usize = 10_000;

/// A request of an archive.
pub(crate) struct Entry {
    /// Its place, from 0 on.
    pub(crate) index: usize,
    pub(crate) started: Option<UnixMillis>,
    /// What the gate is told, or why that is no request.
    pub(crate) request: Result<(RequestView, Vec<u8>), http::Fault>,
    /// The method and URL, for people.
    pub(crate) name: String,
    /// The status of the response; `None` where there was none.
    pub(crate) status: Option<u16>,
    /// The field `Countersign-Budget` of the response.
    pub(crate) budget: Option<String>,
}

/// Reads the entries; the error has the path of what is wrong.
pub(crate) fn read(text: &str) -> Result<Vec<Entry>, String> {
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("is no JSON: {error}"))?;
    let document = Node { value: &document, path: String::new() };
    let entries = document.object("log")?.list("entries")?;
    if entries.len() > MAX_ENTRIES {
        return Err(format!("log.entries: has {} entries, and {MAX_ENTRIES} are read", entries.len()));
    }
    entries.iter().enumerate().map(|(index, entry)| read_entry(entry, index)).collect()
}

fn read_entry(entry: &Node<'_>, index: usize) -> Result<Entry, String> {
    let started = match entry.text_if_there("startedDateTime")? {
        Some(text) => Some(
            time::parse(text)
                .ok_or_else(|| format!("{}: is no time with an offset", entry.at("startedDateTime")))?,
        ),
        None => None,
    };
    let request = entry.object("request")?;
    let (method, url) = (request.text("method")?, request.text("url")?);
    // A fragment never travels in a request.
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let target = Target::parse(url).map_err(|error| format!("{}: {error}", request.at("url")))?;
    let fields = read_fields(&request, method, &target)?;
    let content = read_content(&request)?;
    let view = fields.and_then(|fields| Ok(RequestView::new(method, target, fields, !content.is_empty())?));
    let response = entry.object_if_there("response")?;
    let status = response.as_ref().and_then(|response| response.value.get("status")?.as_u64());
    let budget = response.as_ref().and_then(|response| field_of(response.value, "countersign-budget"));
    Ok(Entry {
        index,
        started,
        request: view.map(|view| (view, content)),
        name: format!("{method} {url}"),
        // What was not answered has the status 0.
        status: status.and_then(|status| u16::try_from(status).ok()).filter(|status| *status != 0),
        budget,
    })
}

/// The field lines in their order, without pseudo-fields, which must say what the request line says.
fn read_fields(
    request: &Node<'_>,
    method: &str,
    target: &Target,
) -> Result<Result<Fields, http::Fault>, String> {
    let mut fields = Fields::new();
    for header in request.list("headers")? {
        let (name, value) = (header.text("name")?, header.text("value")?);
        let conflict = |what: &str| Err(format!("{}: is not {what}", header.at("value")));
        let path_and_query = match target.query() {
            Some(query) => format!("{}?{query}", target.path()),
            None => target.path().to_owned(),
        };
        match name.to_ascii_lowercase().as_str() {
            ":method" if value != method => return conflict("the method of the request"),
            ":scheme" if value != target.scheme().as_str() => return conflict("the scheme of the URL"),
            ":path" if value != path_and_query => return conflict("the path of the URL"),
            ":authority" | "host" if !is_authority(value, target) => {
                return conflict("the authority of the URL");
            }
            pseudo if pseudo.starts_with(':') => {}
            _ => match fields.push(name, value) {
                Ok(()) => {}
                Err(error) => return Ok(Err(error.into())),
            },
        }
    }
    Ok(Ok(fields))
}

fn is_authority(value: &str, target: &Target) -> bool {
    Target::new(target.scheme(), value, "").is_ok_and(|other| other.authority() == target.authority())
}

/// The content, as it was sent.
fn read_content(request: &Node<'_>) -> Result<Vec<u8>, String> {
    let Some(posted) = request.object_if_there("postData")? else { return Ok(Vec::new()) };
    let text = posted.text_if_there("text")?.unwrap_or_default();
    let has_params =
        posted.value.get("params").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if text.is_empty() && has_params {
        return Err(format!(
            "{}: has params and no text; the bytes that were sent are not known",
            posted.path
        ));
    }
    let content = match posted.text_if_there("encoding")? {
        None | Some("") => text.as_bytes().to_vec(),
        Some("base64") => base64(text).ok_or_else(|| format!("{}: is not base64", posted.at("text")))?,
        Some(_) => return Err(format!("{}: is not base64, and no other is known", posted.at("encoding"))),
    };
    if content.len() as u64 > http::MAX_BYTES {
        return Err(format!("{}: is longer than {} MiB", posted.at("text"), http::MAX_BYTES / 1024 / 1024));
    }
    Ok(content)
}

/// Base64 as RFC 4648 §4 has it, with its padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let other = |c| match c {
        '+' => '-',
        '/' => '_',
        '-' | '_' => '!',
        c => c,
    };
    let text: String = text.trim_end_matches('=').chars().map(other).collect();
    base64url::decode(&text).ok()
}

fn field_of(message: &Value, wanted: &str) -> Option<String> {
    let headers = message.get("headers")?.as_array()?;
    let name = |header: &&Value| {
        header.get("name").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(wanted))
    };
    headers.iter().find(name)?.get("value")?.as_str().map(str::to_owned)
}

/// A value of the document, and where it stands.
struct Node<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn member(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }

    fn object_if_there(&self, name: &str) -> Result<Option<Self>, String> {
        match self.member(name) {
            Some(value) if value.is_object() => Ok(Some(Self { value, path: self.at(name) })),
            Some(_) => Err(format!("{}: is no object", self.at(name))),
            None => Ok(None),
        }
    }

    fn object(&self, name: &str) -> Result<Self, String> {
        self.object_if_there(name)?.ok_or_else(|| format!("{}: is missing", self.at(name)))
    }

    /// The members of a list, which are objects.
    fn list(&self, name: &str) -> Result<Vec<Self>, String> {
        let path = self.at(name);
        let value = self.member(name).ok_or_else(|| format!("{path}: is missing"))?;
        let values = value.as_array().ok_or_else(|| format!("{path}: is no list"))?;
        let node = |(i, value): (usize, &'a Value)| {
            let path = format!("{path}[{i}]");
            if value.is_object() { Ok(Self { value, path }) } else { Err(format!("{path}: is no object")) }
        };
        values.iter().enumerate().map(node).collect()
    }

    fn text_if_there(&self, name: &str) -> Result<Option<&'a str>, String> {
        let text =
            |value: &'a Value| value.as_str().ok_or_else(|| format!("{}: is no string", self.at(name)));
        self.member(name).map(text).transpose()
    }

    fn text(&self, name: &str) -> Result<&'a str, String> {
        self.text_if_there(name)?.ok_or_else(|| format!("{}: is missing", self.at(name)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn archive(request: &Value) -> String {
        json!({ "log": { "version": "1.2", "entries": [{
            "startedDateTime": "2026-09-21T14:13:20.250Z", "request": request, "response": { "status": 0 },
        }] } })
        .to_string()
    }

    fn refusal(text: &str) -> String {
        match read(text) {
            Err(message) => message,
            Ok(_) => panic!("{text} is read"),
        }
    }

    #[test]
    fn what_is_broken_is_named_by_its_path() {
        for (text, path) in [
            ("{", "is no JSON"),
            ("{}", "log: is missing"),
            (r#"{"log":{"entries":{}}}"#, "log.entries: is no list"),
            (r#"{"log":{"entries":[1]}}"#, "log.entries[0]: is no object"),
            (r#"{"log":{"entries":[{}]}}"#, "log.entries[0].request: is missing"),
            (
                r#"{"log":{"entries":[{"startedDateTime":"now"}]}}"#,
                "log.entries[0].startedDateTime: is no time",
            ),
        ] {
            assert!(refusal(text).starts_with(path), "{}", refusal(text));
        }
        let sound = json!({ "method": "POST", "url": "https://a.example/x?y", "headers": [] });
        for (member, value, path) in [
            ("method", json!(null), "method: is missing"),
            ("url", json!("/x"), "url: target is not"),
            ("headers", json!([{ "name": "a" }]), "headers[0].value: is missing"),
            (
                "headers",
                json!([{ "name": "Host", "value": "b.example" }]),
                "headers[0].value: is not the authority",
            ),
            ("headers", json!([{ "name": ":path", "value": "/x" }]), "headers[0].value: is not the path"),
            (
                "headers",
                json!([{ "name": ":method", "value": "GET" }]),
                "headers[0].value: is not the method",
            ),
            (
                "headers",
                json!([{ "name": ":scheme", "value": "http" }]),
                "headers[0].value: is not the scheme",
            ),
            ("postData", json!({ "params": [{ "name": "a" }] }), "postData: has params and no text"),
            ("postData", json!({ "text": "*", "encoding": "base64" }), "postData.text: is not base64"),
            ("postData", json!({ "text": "", "encoding": "gzip" }), "postData.encoding: is not base64"),
        ] {
            let mut request = sound.clone();
            request.as_object_mut().unwrap().insert(member.into(), value);
            let refused = refusal(&archive(&request));
            assert!(refused.starts_with(&format!("log.entries[0].request.{path}")), "{refused}");
        }
    }

    #[test]
    fn a_request_is_read_with_its_fields_in_order_and_its_content() {
        let request = json!({
            "method": "POST", "url": "https://A.example:443/x?y#z",
            "headers": [
                { "name": ":authority", "value": "a.example" }, { "name": ":path", "value": "/x?y" },
                { "name": "B", "value": "1" }, { "name": "a", "value": "2" }, { "name": "b", "value": "3" },
            ],
            "postData": { "mimeType": "x/y", "text": "+/8=", "encoding": "base64" },
        });
        let entries = read(&format!("\u{feff}{}", archive(&request))).unwrap();
        let entry = entries.first().unwrap();
        let (view, content) = entry.request.as_ref().unwrap();
        assert_eq!((entry.started, entry.status), (Some(UnixMillis(1_790_000_000_250)), None));
        assert_eq!((view.target().to_string().as_str(), view.method()), ("https://a.example/x?y", "POST"));
        assert_eq!(view.fields().combined("b").as_deref(), Some("1, 3"));
        assert_eq!(content, &[0xfb, 0xff]);
    }

    #[test]
    fn what_no_gate_would_read_is_refused_as_a_gate_refuses_it() {
        let request = json!({ "method": "A B", "url": "https://a.example/", "headers": [] });
        let entries = read(&archive(&request)).unwrap();
        assert!(entries.first().unwrap().request.is_err());
    }
}
