//! The chunked transfer coding (RFC 9112 §7.1). Extensions of chunks are passed over.

use super::Fault;
use super::framing::{Body, is_at_most_a_line_end};
use super::lines::Lines;

/// Most digits of a chunk's size: more than any file here is long.
const MAX_SIZE_DIGITS: usize = 8;
/// Longest line of a size with its extensions, in bytes.
const MAX_LINE_BYTES: usize = 4096;

/// Reads all chunks and the trailers, with which the message must end.
pub(super) fn read(mut rest: &[u8]) -> Result<Body, Fault> {
    let mut content = Vec::new();
    loop {
        let (size, after) = size_line(rest)?;
        if size == 0 {
            return finish(content, after);
        }
        let (data, after) = after.split_at_checked(size).ok_or(Fault::ChunksTruncated)?;
        content.extend_from_slice(data);
        rest = match after {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Err(Fault::ChunksTruncated),
            _ => return Err(Fault::Chunk),
        };
    }
}

fn finish(content: Vec<u8>, rest: &[u8]) -> Result<Body, Fault> {
    let mut lines = Lines::of(rest);
    match lines.fields_until_empty()? {
        (_, false) => Err(Fault::ChunksTruncated),
        (trailers, true) if is_at_most_a_line_end(lines.rest()) => Ok(Body { content, trailers }),
        _ => Err(Fault::AfterChunks),
    }
}

/// The size of a chunk, and what follows its line.
fn size_line(rest: &[u8]) -> Result<(usize, &[u8]), Fault> {
    let feed = rest.iter().take(MAX_LINE_BYTES).position(|byte| *byte == b'\n');
    let Some((line, [_, after @ ..])) = feed.and_then(|feed| rest.split_at_checked(feed)) else {
        return Err(if rest.len() < MAX_LINE_BYTES { Fault::ChunksTruncated } else { Fault::Chunk });
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\r') {
        return Err(Fault::BareCarriageReturn);
    }
    let end = line.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t')).unwrap_or(line.len());
    let (digits, extensions) = line.split_at_checked(end).unwrap_or((line, &[]));
    // The parser of numbers would take a sign too.
    let is_size = (1..=MAX_SIZE_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let is_extension = extensions.is_empty() || extensions.trim_ascii_start().starts_with(b";");
    let size = str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
    match size {
        Some(size) if is_size && is_extension => Ok((size, after)),
        _ => Err(Fault::Chunk),
    }
}
