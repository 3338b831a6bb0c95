//! Reading what a command is given.

use std::fs;
use std::io::{self, Read};

use crate::Failure;

/// Longest input in bytes: 1 MiB. More is no configuration and no key.
const MAX_BYTES: u64 = 1024 * 1024;

/// Longest argument that a message repeats.
const MAX_SHOWN: usize = 200;

/// The text of a file, or of stdin for `-`, without the mark of byte order that some editors put before it.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    read_text(file, MAX_BYTES)
}

/// The same, of no more than so many bytes.
pub(crate) fn read_text(file: &str, most: u64) -> Result<String, Failure> {
    let text = String::from_utf8(read_bytes(file, most)?)
        .map_err(|_| Failure::new(format!("cannot read {}: it is not UTF-8", name(file))))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The text of a file with secrets. Somebody may have given the secret instead of its file: no message repeats it.
pub(crate) fn read_secret(option: &str, file: &str) -> Result<String, Failure> {
    let bytes = bytes_of(file, MAX_BYTES).map_err(|error| {
        let hint = "the secret itself is not taken here, but the name of a file with it, or -";
        Failure::new(format!("--{option}: cannot read that file: {error}; {hint}"))
    })?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::new(format!("--{option}: is not UTF-8")))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The bytes of a file, or of stdin for `-`, where they are no more than so many.
pub(crate) fn read_bytes(file: &str, most: u64) -> Result<Vec<u8>, Failure> {
    bytes_of(file, most).map_err(|error| {
        Failure::new(if may_be_content(file) {
            format!("what was given is the name of no file ({error}); {NOT_TAKEN}")
        } else {
            format!("cannot read {file}: {error}")
        })
    })
}

const NOT_TAKEN: &str = "the value itself is not taken here, but the name of a file with it, or -";

/// An argument as a message repeats it: not where it may be the content of a file, which may be secret.
pub(crate) fn name(argument: &str) -> String {
    if may_be_content(argument) { "what was given".to_owned() } else { format!("{argument:?}") }
}

fn may_be_content(argument: &str) -> bool {
    argument.trim_start().starts_with(['{', '['])
        || argument.len() > MAX_SHOWN
        || argument.chars().any(char::is_control)
}

fn bytes_of(file: &str, most: u64) -> io::Result<Vec<u8>> {
    if file == "-" { bounded(io::stdin().lock(), most) } else { bounded(fs::File::open(file)?, most) }
}

fn bounded(reader: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("it is longer than {} MiB", most / 1024 / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}
