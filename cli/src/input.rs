//! Reading what a command is given.

use std::fs;
use std::io::{self, Read};

use crate::Failure;

/// Longest input in bytes: 1 MiB. More is no configuration and no key.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a file, or of stdin for `-`.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    String::from_utf8(read_bytes(file, MAX_BYTES)?)
        .map_err(|_| Failure::new(format!("cannot read {file}: it is not UTF-8")))
}

/// The bytes of a file, or of stdin for `-`, where they are no more than so many.
pub(crate) fn read_bytes(file: &str, most: u64) -> Result<Vec<u8>, Failure> {
    let bytes = if file == "-" {
        bounded(io::stdin().lock(), most)
    } else {
        fs::File::open(file).and_then(|file| bounded(file, most))
    };
    bytes.map_err(|error| Failure::new(format!("cannot read {file}: {error}")))
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
