//! Reading what a command is given.

use std::fs;
use std::io::{self, Read};

use crate::Failure;

/// Longest input in bytes: 1 MiB. More is no configuration and no key.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a file, or of stdin for `-`.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    let text = if file == "-" { bounded(io::stdin().lock()) } else { fs::File::open(file).and_then(bounded) };
    text.map_err(|error| Failure::new(format!("cannot read {file}: {error}")))
}

fn bounded(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    reader.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 1 MiB"));
    }
    Ok(text)
}
