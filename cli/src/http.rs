//! An HTTP/1.1 message in a file (RFC 9112), as what the core wants to know of it: a [`RequestView`] or
//! [`ResponseView`], the content and the trailers.
//!
//! It reads as a server should that is asked for a verdict: what has two readings is refused, and nothing is
//! normalised that a signature may cover (target, case, white space, obsolete line folds), as the core does that by
//! the rules of RFC 9421. Lines end with CRLF or, as editors write them, LF. Two things are forgiven, since every
//! hand-written file has them: the fields may end with the file, and one empty line may follow content whose length
//! is stated (RFC 9112 §2.2 has servers skip it). Frames of HTTP/2 and HTTP/3 are not read, nor is what a message
//! is compressed with undone: digests and signatures are about the bytes that were sent.

mod chunked;
mod framing;
mod lines;

use std::fmt;

use countersign::reason::Reason;
use countersign::request::{Fields, RequestError, RequestView, Scheme, Target};
use countersign::response::ResponseView;

use lines::Lines;

/// Longest message in bytes: 8 MiB, the longest content that a gate can be configured to hash.
pub(crate) const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A request, whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) view: RequestView,
    pub(crate) content: Vec<u8>,
    /// Empty where none were sent: that the message has no more is known.
    pub(crate) trailers: Fields,
}

/// A response, whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) view: ResponseView,
    pub(crate) content: Vec<u8>,
    /// Empty where none were sent.
    pub(crate) trailers: Fields,
}

/// A response that somebody saved, with its head as it came and its content as it was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) content: Vec<u8>,
}

/// Why a text is no message that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The first line is not that of a request.
    RequestLine,
    /// The first line is not that of a response.
    StatusLine,
    /// Another version of HTTP.
    Version,
    /// A line of the header or trailer section is not UTF-8.
    NotUtf8,
    /// A carriage return that ends no line: readers disagree about where the line ends.
    BareCarriageReturn,
    /// A field line without a colon.
    FieldLine,
    /// White space before the first field: it continues nothing.
    FoldOfNothing,
    /// No `Host`.
    HostMissing,
    /// Several `Host` lines.
    HostRepeated,
    /// An absolute target of another authority than `Host`.
    HostConflict,
    /// The authority-form of CONNECT.
    AuthorityForm,
    /// The asterisk-form of OPTIONS.
    AsteriskForm,
    /// A target in none of the forms.
    TargetForm,
    /// A `Content-Length` that is no number, or there is more than one.
    ContentLength,
    /// Both `Content-Length` and `Transfer-Encoding`.
    TwoFramings,
    /// A `Transfer-Encoding` other than `chunked`.
    TransferEncoding,
    /// The content is shorter than stated.
    ContentTruncated { stated: usize, found: usize },
    /// There is more after the content than stated.
    ContentTooLong { stated: usize, found: usize },
    /// A chunk is not as RFC 9112 §7.1 has it.
    Chunk,
    /// The last chunk or the end of the trailers is missing.
    ChunksTruncated,
    /// Something follows the last chunk and its trailers.
    AfterChunks,
    /// What the core refuses.
    Refused(RequestError),
}

impl Fault {
    /// The code of the refusal.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Refused(error) => error.into(),
            Self::ContentTruncated { .. } | Self::ChunksTruncated => Reason::RequestBodyUnreadable,
            _ => Reason::RequestMalformed,
        }
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        Self::Refused(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "the first line is not METHOD TARGET HTTP/1.1, with single spaces",
            Self::StatusLine => "the first line is not HTTP/1.1, a status of three digits, and a phrase",
            Self::Version => "only messages of HTTP/1.1 are read; write what came by HTTP/2 or 3 as such",
            Self::NotUtf8 => "the first line is not UTF-8",
            Self::BareCarriageReturn => "a carriage return is not followed by a line feed",
            Self::FieldLine => "a field line has no colon",
            Self::FoldOfNothing => "the first field line begins with white space",
            Self::HostMissing => "there is no Host field (RFC 9112 §3.2)",
            Self::HostRepeated => "there is more than one Host field (RFC 9112 §3.2)",
            Self::HostConflict => "the target has another authority than the Host field",
            Self::AuthorityForm => "the authority-form of CONNECT names no resource; it is not supported",
            Self::AsteriskForm => "the asterisk-form of OPTIONS names no resource; it is not supported",
            Self::TargetForm => "the target is neither a path nor an absolute http or https url",
            Self::ContentLength => "Content-Length is not one decimal number",
            Self::TwoFramings => "there are both Content-Length and Transfer-Encoding (RFC 9112 §6.1)",
            Self::TransferEncoding => "Transfer-Encoding is not chunked alone",
            Self::ContentTruncated { stated, found } => {
                return write!(f, "Content-Length is {stated}, but only {found} bytes follow the fields");
            }
            Self::ContentTooLong { stated, found } => {
                return write!(f, "Content-Length is {stated}, but {found} bytes follow the fields");
            }
            Self::Chunk => "a chunk is not its size in hexadecimal, a line end, so many bytes, a line end",
            Self::ChunksTruncated => "the chunks break off before the last, or its trailers before their end",
            Self::AfterChunks => "something follows the last chunk",
            Self::Refused(error) => return error.fmt(f),
        })
    }
}

/// Reads a request. `scheme` is the one it came by, where the target does not say: HTTP/1.1 itself does not.
pub(crate) fn read_request(message: &[u8], scheme: Scheme) -> Result<Request, Fault> {
    let mut lines = Lines::of(message);
    let (method, target) = request_line(lines.start_line()?)?;
    let fields = lines.fields()?;
    let target = read_target(method, target, &fields, scheme)?;
    let body = framing::read_body(&fields, lines.rest(), false)?;
    let view = RequestView::new(method, target, fields, !body.content.is_empty())?;
    Ok(Request { view, content: body.content, trailers: body.trailers })
}

/// Reads a response. `request_method` is that of the request it answers, where it is known: the answer to a `HEAD`
/// has the fields of content that is not sent.
pub(crate) fn read_response(message: &[u8], request_method: Option<&str>) -> Result<Response, Fault> {
    let mut lines = Lines::of(message);
    let status = status_line(lines.start_line()?)?;
    let fields = lines.fields()?;
    let is_bodiless = request_method == Some("HEAD") || matches!(status, 100..=199 | 204 | 304);
    let body = framing::read_body(&fields, lines.rest(), is_bodiless)?;
    let view = ResponseView::new(status, fields, !body.content.is_empty())?;
    Ok(Response { view, content: body.content, trailers: body.trailers })
}

/// Reads a response as a client has saved it (`curl -i`): of any version, its content what follows the fields. Interim
/// responses and the answer of a proxy to CONNECT are saved before it, and passed over.
pub(crate) fn read_saved_response(message: &[u8]) -> Result<Saved, Fault> {
    let mut lines = Lines::of(message);
    let mut line = lines.start_line()?;
    let is_before = |line: &str| {
        let status = line.split_once(' ').map_or("", |(_, status)| status).to_ascii_lowercase();
        status.starts_with('1') || status.starts_with("200 connection established")
    };
    while is_before(line) {
        let mut fields = Lines::of(lines.rest());
        fields.pairs()?;
        if !fields.rest().starts_with(b"HTTP/") {
            break;
        }
        lines = Lines::of(fields.rest());
        line = lines.start_line()?;
    }
    let (version, status) = line.split_once(' ').ok_or(Fault::StatusLine)?;
    if !["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"].contains(&version) {
        return Err(Fault::StatusLine);
    }
    let status = status_line(&format!("HTTP/1.1 {status}"))?;
    let fields = lines.pairs()?;
    Ok(Saved { status, fields, content: lines.rest().to_vec() })
}

/// RFC 9112 §3: method and target.
fn request_line(line: &str) -> Result<(&str, &str), Fault> {
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some(version), None) if !method.is_empty() && !target.is_empty() => {
            check_version(version, Fault::RequestLine)?;
            Ok((method, target))
        }
        _ => Err(Fault::RequestLine),
    }
}

/// RFC 9112 §4: the status. The phrase is for people and may be missing.
fn status_line(line: &str) -> Result<u16, Fault> {
    let mut words = line.splitn(3, ' ');
    check_version(words.next().unwrap_or_default(), Fault::StatusLine)?;
    let status = words.next().unwrap_or_default();
    if status.len() != 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::StatusLine);
    }
    status.parse().map_err(|_| Fault::StatusLine)
}

fn check_version(version: &str, no_message: Fault) -> Result<(), Fault> {
    match version {
        "HTTP/1.1" => Ok(()),
        _ if version.starts_with("HTTP/") => Err(Fault::Version),
        _ => Err(no_message),
    }
}

/// The URL that the request is for (RFC 9112 §3.2 and §3.3).
fn read_target(method: &str, target: &str, fields: &Fields, scheme: Scheme) -> Result<Target, Fault> {
    let mut hosts = fields.lines("host");
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        (None, _) => return Err(Fault::HostMissing),
        (Some(_), Some(_)) => return Err(Fault::HostRepeated),
    };
    if method == "CONNECT" {
        return Err(Fault::AuthorityForm);
    }
    if target == "*" {
        return Err(Fault::AsteriskForm);
    }
    if target.starts_with('/') {
        return Ok(Target::new(scheme, host, target)?);
    }
    if !target.contains("://") {
        return Err(Fault::TargetForm);
    }
    let target = Target::absolute_form(target)?;
    let as_host = Target::new(target.scheme(), host, "")?;
    if as_host.authority() == target.authority() { Ok(target) } else { Err(Fault::HostConflict) }
}

#[cfg(test)]
mod tests;
