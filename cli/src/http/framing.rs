//! Where the content of a message ends (RFC 9112 §6).

use countersign::request::Fields;

use super::{Fault, chunked};

/// What follows the fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) content: Vec<u8>,
    pub(super) trailers: Fields,
}

/// Reads what follows the fields: chunks, as much as `Content-Length` says, else everything, as a file has an end.
/// `is_bodiless` says that the fields may be those of content that is not sent (RFC 9112 §6.3, case 1).
pub(super) fn read_body(fields: &Fields, rest: &[u8], is_bodiless: bool) -> Result<Body, Fault> {
    let length = content_length(fields)?;
    if let Some(encoding) = fields.combined("transfer-encoding") {
        if length.is_some() {
            return Err(Fault::TwoFramings);
        }
        if !encoding.eq_ignore_ascii_case("chunked") {
            return Err(Fault::TransferEncoding);
        }
        if !(is_bodiless && rest.is_empty()) {
            return chunked::read(rest);
        }
    }
    let content = match length {
        Some(stated) if !(is_bodiless && rest.is_empty()) => exactly(stated, rest)?,
        _ => rest,
    };
    Ok(Body { content: content.to_vec(), trailers: Fields::new() })
}

/// Several lines, or several numbers in one, are refused even where they agree: others may take another one.
fn content_length(fields: &Fields) -> Result<Option<usize>, Fault> {
    let Some(value) = fields.combined("content-length") else { return Ok(None) };
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::ContentLength);
    }
    value.parse().map(Some).map_err(|_| Fault::ContentLength)
}

fn exactly(stated: usize, rest: &[u8]) -> Result<&[u8], Fault> {
    let found = rest.len();
    match rest.split_at_checked(stated) {
        None => Err(Fault::ContentTruncated { stated, found }),
        Some((content, after)) if is_at_most_a_line_end(after) => Ok(content),
        Some(_) => Err(Fault::ContentTooLong { stated, found }),
    }
}

/// What may follow a message in a file.
pub(super) fn is_at_most_a_line_end(after: &[u8]) -> bool {
    matches!(after, b"" | b"\n" | b"\r\n")
}
