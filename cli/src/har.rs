//! Requests of an HTTP archive (HAR 1.2), as browsers, proxies and test tools export them.
//!
//! An archive has requests to everywhere: what is not for the gate is passed over before anything else of it is looked
//! at. What an archive says twice must agree (URL, `Host`, pseudo-fields of HTTP/2, the length of the content), else
//! that entry is reported with its path: the request that was sent is not known then. So is content that it has lost.
//! Unknown members are passed over, as every exporter has its own.

use countersign::encoding::base64url;
use countersign::request::{Fields, RequestView, Target};
use countersign::time::UnixMillis;
use serde_json::Value;

use crate::{http, time};

/// Longest archive in bytes: 64 MiB.
pub(crate) const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Most entries of an archive.
const MAX_ENTRIES: usize = 10_000;

/// What is asked of an archive.
pub(crate) enum Wanted<'a> {
    /// The entry at this place, whatever it is for.
    One(usize),
    /// Those whose target the gate guards.
    Guarded(&'a dyn Fn(&Target) -> bool),
}

/// What an archive has of that.
pub(crate) struct Archive {
    pub(crate) entries: Vec<Entry>,
    /// How many entries there are in all.
    pub(crate) all: usize,
}

/// A request of an archive.
pub(crate) struct Entry {
    /// Its place, from 0 on.
    pub(crate) index: usize,
    /// The method and URL, for people; empty where they are not known.
    pub(crate) name: String,
    /// What was sent, or the path of what is wrong with the entry.
    pub(crate) sent: Result<Sent, String>,
}

/// What an entry says was sent, and answered.
pub(crate) struct Sent {
    pub(crate) started: Option<UnixMillis>,
    /// What the gate is told, or why that is no request.
    pub(crate) request: Result<(RequestView, Vec<u8>), http::Fault>,
    /// The status of the response; `None` where there was none.
    pub(crate) status: Option<u16>,
    /// The field `Countersign-Budget` of the response.
    pub(crate) budget: Option<String>,
}

/// Reads the entries; the error has the path of what is wrong with the archive as a whole.
pub(crate) fn read(text: &str, wanted: &Wanted<'_>) -> Result<Archive, String> {
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("is no JSON: {error}"))?;
    let document = Node { value: &document, path: String::new() };
    let log = document.object("log")?;
    let entries = log.values("entries")?;
    let all = entries.len();
    if all > MAX_ENTRIES {
        return Err(format!("log.entries: has {all} entries, and {MAX_ENTRIES} are read"));
    }
    let is_wanted = |(index, value): &(usize, &Value)| match wanted {
        Wanted::One(one) => index == one,
        Wanted::Guarded(is_guarded) => may_be_for(value, is_guarded),
    };
    let entries = entries.iter().enumerate().filter(is_wanted).map(|(index, value)| {
        let entry = Node { value, path: format!("log.entries[{index}]") };
        Entry { index, name: name_of(value).unwrap_or_default(), sent: read_entry(&entry) }
    });
    Ok(Archive { entries: entries.collect(), all })
}

/// Whether an entry is for the gate, or nobody can tell.
fn may_be_for(entry: &Value, is_guarded: &dyn Fn(&Target) -> bool) -> bool {
    let url = entry.get("request").and_then(|request| request.get("url")?.as_str());
    let Some((scheme, rest)) = url.and_then(|url| url.split_once(':')) else { return true };
    // Of one that cannot be read, the host is looked at alone: `wss:`, `data:` and `about:` have none of http.
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    authority
        .and_then(|authority| Target::parse(&format!("{scheme}://{authority}")).ok())
        .is_some_and(|target| is_guarded(&target))
}

fn name_of(entry: &Value) -> Option<String> {
    let request = entry.get("request")?;
    let url = request.get("url")?.as_str()?;
    // A fragment never travels in a request.
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    Some(format!("{} {url}", request.get("method")?.as_str()?))
}

fn read_entry(entry: &Node<'_>) -> Result<Sent, String> {
    let started = match entry.text_if_there("startedDateTime")? {
        Some(text) => Some(
            time::parse(text)
                .ok_or_else(|| format!("{}: is no time with an offset", entry.at("startedDateTime")))?,
        ),
        None => None,
    };
    let request = entry.object("request")?;
    let method = request.text("method")?;
    let target = Target::parse(&as_sent(request.text("url")?))
        .map_err(|error| format!("{}: {error}", request.at("url")))?;
    let fields = read_fields(&request, method, &target)?;
    let content = read_content(&request)?;
    check_length(&request, &content)?;
    let view = fields.and_then(|fields| Ok(RequestView::new(method, target, fields, !content.is_empty())?));
    let response = entry.object_if_there("response")?;
    let status = response.as_ref().and_then(|response| response.value.get("status")?.as_u64());
    let budget = response.as_ref().and_then(|response| field_of(response.value, "countersign-budget"));
    Ok(Sent {
        started,
        request: view.map(|view| (view, content)),
        // What was not answered has the status 0.
        status: status.and_then(|status| u16::try_from(status).ok()).filter(|status| *status != 0),
        budget,
    })
}

/// A URL as it travels: without its fragment, and where an exporter has undone percent-encoding for its readers, with
/// what a browser encodes in paths and queries (URL Standard §1.3).
fn as_sent(url: &str) -> String {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    if url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return url.to_owned();
    }
    let host_end = url.find("://").map_or(0, |at| at + 3);
    let path_start =
        url.get(host_end..).and_then(|rest| rest.find(['/', '?'])).map_or(url.len(), |at| host_end + at);
    let (origin, path_and_query) = url.split_at_checked(path_start).unwrap_or((url, ""));
    let mut sent = origin.to_owned();
    let mut is_query = false;
    for c in path_and_query.chars() {
        let is_encoded = match c {
            ' ' | '"' | '<' | '>' => true,
            '\'' => is_query,
            '^' | '`' | '{' | '}' => !is_query,
            // Control characters stay, and are refused: no browser sends them so.
            _ => !c.is_ascii(),
        };
        is_query |= c == '?';
        if is_encoded {
            sent.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            sent.push(c);
        }
    }
    sent
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
            "{}: has params and no text; the archive does not have the body as it was sent",
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

/// Refuses content that is not what was sent: exporters leave it out, and cut it.
fn check_length(request: &Node<'_>, content: &[u8]) -> Result<(), String> {
    let found = content.len() as u64;
    let lost = |path: String, stated: &str| {
        Err(format!("{path}: {stated}, and {found} bytes are there; the archive does not have the body"))
    };
    let stated = field_of(request.value, "content-length").and_then(|value| value.trim().parse::<u64>().ok());
    if let Some(stated) = stated {
        return if stated == found {
            Ok(())
        } else {
            lost(request.at("postData"), &format!("content-length is {stated}"))
        };
    }
    // Where it is not known, it is -1.
    let size = request.value.get("bodySize").and_then(Value::as_u64).unwrap_or_default();
    if size > found {
        return lost(request.at("postData"), &format!("bodySize is {size}"));
    }
    if found == 0 && field_of(request.value, "transfer-encoding").is_some() {
        return lost(request.at("postData"), "there is a transfer-encoding");
    }
    Ok(())
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
        if !self.value.is_object() {
            return Err(format!("{}: is no object", self.path));
        }
        match self.member(name) {
            Some(value) if value.is_object() => Ok(Some(Self { value, path: self.at(name) })),
            Some(_) => Err(format!("{}: is no object", self.at(name))),
            None => Ok(None),
        }
    }

    fn object(&self, name: &str) -> Result<Self, String> {
        self.object_if_there(name)?.ok_or_else(|| format!("{}: is missing", self.at(name)))
    }

    fn values(&self, name: &str) -> Result<&'a [Value], String> {
        let value = self.member(name).ok_or_else(|| format!("{}: is missing", self.at(name)))?;
        value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{}: is no list", self.at(name)))
    }

    /// The members of a list, which are objects.
    fn list(&self, name: &str) -> Result<Vec<Self>, String> {
        let (path, values) = (self.at(name), self.values(name)?);
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

    /// What is wrong with the archive, or with its only entry.
    fn refusal(text: &str) -> String {
        match read(text, &Wanted::One(0)) {
            Err(message) => message,
            Ok(archive) => archive.entries.into_iter().next().unwrap().sent.err().unwrap(),
        }
    }

    fn sent(text: &str) -> Sent {
        let archive = read(text, &Wanted::One(0)).unwrap();
        archive.entries.into_iter().next().unwrap().sent.unwrap_or_else(|message| panic!("{message}"))
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
        let entry = sent(&format!("\u{feff}{}", archive(&request)));
        let (view, content) = entry.request.as_ref().unwrap();
        assert_eq!((entry.started, entry.status), (Some(UnixMillis(1_790_000_000_250)), None));
        assert_eq!((view.target().to_string().as_str(), view.method()), ("https://a.example/x?y", "POST"));
        assert_eq!(view.fields().combined("b").as_deref(), Some("1, 3"));
        assert_eq!(content, &[0xfb, 0xff]);
    }

    #[test]
    fn what_no_gate_would_read_is_refused_as_a_gate_refuses_it() {
        let request = json!({ "method": "A B", "url": "https://a.example/", "headers": [] });
        assert!(sent(&archive(&request)).request.is_err());
    }

    #[test]
    fn a_url_travels_as_browsers_encode_it() {
        for (url, travels) in [
            ("https://a.example/x?y=a|b\"'#z", "https://a.example/x?y=a|b\"'"),
            ("https://a.example/x {y}?'a|b c'", "https://a.example/x%20%7By%7D?%27a|b%20c%27"),
            ("https://a.example?q=ä{}", "https://a.example?q=%C3%A4{}"),
        ] {
            assert_eq!(as_sent(url), travels);
        }
    }

    #[test]
    fn what_is_not_for_the_gate_is_not_looked_at() {
        let other = |url: &str| json!({ "request": { "url": url, "headers": 5 } });
        let text = json!({ "log": { "entries": [
            other("data:,x"), other("blob:https://a.example/1"), other("about:blank"), other("wss://a.example/"),
            other("chrome-extension://a/b"), other("https://b.example/ä b"), other("https://exämple/"),
            other("https://a.example/ä b"), other("/x"), 5,
        ] } });
        let is_guarded = |target: &Target| target.authority() == "a.example";
        let archive = read(&text.to_string(), &Wanted::Guarded(&is_guarded)).unwrap();
        assert_eq!(archive.all, 10);
        assert_eq!(archive.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [7, 8, 9]);
        assert!(archive.entries.iter().all(|entry| entry.sent.is_err()));
    }

    #[test]
    fn content_that_was_lost_is_no_empty_content() {
        for (more, path) in [
            (
                json!({ "headers": [{ "name": "Content-Length", "value": "3" }] }),
                "content-length is 3, and 0",
            ),
            (json!({ "headers": [], "bodySize": 3, "postData": { "text": "ab" } }), "bodySize is 3, and 2"),
            (
                json!({ "headers": [{ "name": "Transfer-Encoding", "value": "chunked" }] }),
                "there is a transfer-",
            ),
        ] {
            let mut request = json!({ "method": "POST", "url": "https://a.example/x" });
            request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let refused = refusal(&archive(&request));
            assert!(refused.starts_with(&format!("log.entries[0].request.postData: {path}")), "{refused}");
            assert!(refused.ends_with("the archive does not have the body"), "{refused}");
        }
        let unknown =
            json!({ "method": "POST", "url": "https://a.example/x", "headers": [], "bodySize": -1 });
        assert!(sent(&archive(&unknown)).request.is_ok());
    }
}
