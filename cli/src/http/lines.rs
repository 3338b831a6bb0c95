//! The lines before the content and after chunks (RFC 9112 §2.2, §5).

use std::borrow::Cow;

use countersign::request::Fields;

use super::Fault;

/// What is left of a message, taken line by line.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

/// A line, and where it lies.
struct Line<'a> {
    /// Without its end.
    text: &'a [u8],
    /// The end of the text and that of the line, from where both began.
    end: usize,
    next: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What follows the lines that were taken.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The first line; empty where there is nothing.
    pub(super) fn start_line(&mut self) -> Result<&'a str, Fault> {
        let line = next_line(self.rest)?.unwrap_or(Line { text: &[], end: 0, next: 0 });
        self.skip(line.next);
        utf8(line.text)
    }

    /// The fields up to the empty line, or to the end of the file.
    pub(super) fn fields(&mut self) -> Result<Fields, Fault> {
        self.fields_until_empty().map(|(fields, _)| fields)
    }

    /// The fields by their names as they are written.
    pub(super) fn pairs(&mut self) -> Result<Vec<(String, String)>, Fault> {
        let mut pairs = Vec::new();
        self.each_field(|name, value| {
            pairs.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
            Ok(())
        })?;
        Ok(pairs)
    }

    /// The fields, and whether an empty line ends them.
    pub(super) fn fields_until_empty(&mut self) -> Result<(Fields, bool), Fault> {
        let mut fields = Fields::new();
        let is_ended = self.each_field(|name, value| Ok(fields.push(name, value)?))?;
        Ok((fields, is_ended))
    }

    /// Takes the fields; answers whether an empty line ends them.
    fn each_field(&mut self, mut take: impl FnMut(&str, &str) -> Result<(), Fault>) -> Result<bool, Fault> {
        while let Some(first) = next_line(self.rest)? {
            if first.text.is_empty() {
                self.skip(first.next);
                return Ok(true);
            }
            if is_continued_by(first.text) {
                return Err(Fault::FoldOfNothing);
            }
            let field = self.with_folds(&first)?;
            let field = text(field);
            let (name, value) = field.split_once(':').ok_or(Fault::FieldLine)?;
            take(name, value)?;
        }
        Ok(false)
    }

    /// A field line with the lines that continue it, folds untouched: the core unfolds (RFC 9421 §2.1).
    fn with_folds(&mut self, first: &Line<'a>) -> Result<&'a [u8], Fault> {
        let whole = self.rest;
        let (mut end, mut next) = (first.end, first.next);
        while let Some(line) = next_line(whole.get(next..).unwrap_or_default())? {
            if !is_continued_by(line.text) {
                break;
            }
            end = next + line.end;
            next += line.next;
        }
        self.skip(next);
        Ok(whole.get(..end).unwrap_or_default())
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// Whether a line continues the one before (obs-fold, RFC 9112 §5.2).
fn is_continued_by(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// The line at the beginning; `None` at the end.
fn next_line(rest: &[u8]) -> Result<Option<Line<'_>>, Fault> {
    if rest.is_empty() {
        return Ok(None);
    }
    let feed = rest.iter().position(|byte| *byte == b'\n');
    let line = rest.get(..feed.unwrap_or(rest.len())).unwrap_or_default();
    let text = match (feed, line) {
        (Some(_), [text @ .., b'\r']) => text,
        _ => line,
    };
    if text.contains(&b'\r') {
        return Err(Fault::BareCarriageReturn);
    }
    Ok(Some(Line { text, end: text.len(), next: feed.map_or(rest.len(), |feed| feed + 1) }))
}

/// The characters of a field line: UTF-8, else each byte as one (Latin-1), as servers read what is older (RFC 9110 §5.5).
fn text(line: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => line.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

fn utf8(line: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(line).map_err(|_| Fault::NotUtf8)
}
