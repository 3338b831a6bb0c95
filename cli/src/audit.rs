//! `audit verify`: whether a log is as the gate wrote it. Files are streamed, so that they may be of any size; what is
//! remembered is what the core's verifier remembers.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use countersign::audit::MAX_LINE_BYTES;
use countersign::audit::ledger::Statement;
use countersign::audit::verify::{Fault, Outcome, Position, Report as Found, ShardReport, Verifier};
use countersign::jose::JwkSet;
use countersign::time::UnixMillis;
use serde_json::{Value, json};

use crate::arguments::Input;
use crate::{Failure, Report, Status, exchange, input};

/// Longest line of a ledger.
const MAX_STATEMENT_BYTES: usize = 256 * 1024;
/// Most shards that are listed for people, the unproven ones first; all of them are with --json.
const MAX_LISTED: usize = 50;

pub(crate) fn verify(input: &Input) -> Result<Report, Failure> {
    let found = judge(input)?;
    let status = if found.outcome == Outcome::Proven { Status::Good } else { Status::Faults };
    let shown = if input.has("json") { json_of } else { text_of };
    Ok(Report::new(shown(&found, input.operands()), status))
}

fn judge(input: &Input) -> Result<Found, Failure> {
    let stdin = input.operands().iter().map(String::as_str).chain(input.values("ledger"));
    let stdin = stdin.chain(input.value("keys")).filter(|file| *file == "-").count();
    if stdin > 1 {
        return Err(Failure::new("stdin can be read once; give - once"));
    }
    let keys = keys(input.value("keys").unwrap_or_default())?;
    let mut verifier = Verifier::new(&keys);
    if input.has("since") {
        let since = u64::try_from(exchange::seconds(input, "since")?.0).unwrap_or_default();
        verifier = verifier.since(UnixMillis(since.saturating_mul(1000)));
    }
    for file in input.values("ledger") {
        for statement in statements(file, &keys)? {
            verifier.knows(&statement);
        }
    }
    for (file, index) in input.operands().iter().zip(0..) {
        read_lines(file, MAX_LINE_BYTES, |line, number| {
            verifier.line(line, Position { file: index, line: number });
            Ok(())
        })?;
    }
    Ok(verifier.finish())
}

fn keys(file: &str) -> Result<JwkSet, Failure> {
    let text = input::read(file)?;
    let keys = JwkSet::parse_directory(text.trim().as_bytes());
    let keys = keys.map_err(|error| Failure::new(format!("{file}: {error}")))?;
    if keys.keys().is_empty() {
        return Err(Failure::new(format!("{file}: has no key that can be used")));
    }
    Ok(keys)
}

/// What a file of signed statements says: pages of the ledger, or checkpoints, also as lines of a log.
fn statements(file: &str, keys: &JwkSet) -> Result<Vec<Statement>, Failure> {
    let mut statements = Vec::new();
    read_lines(file, MAX_STATEMENT_BYTES, |line, number| {
        let line = String::from_utf8_lossy(line);
        let jws = jws_of(line.trim());
        let unusable = |why: String| Failure::fault(format!("{file}, line {number}: {why}"));
        let statement = Statement::read(&jws, keys).map_err(|error| unusable(error.to_string()))?;
        statements.push(statement);
        Ok(())
    })?;
    Ok(statements)
}

/// The JWS of a line of a log; else the text itself.
fn jws_of(text: &str) -> String {
    let line: Option<Value> = serde_json::from_str(text).ok();
    let jws = line.as_ref().and_then(|line| line.get("jws")).and_then(Value::as_str);
    jws.unwrap_or(text).to_owned()
}

/// Hands each line on, without its line break. One that is longer than it may be is handed on as far as that, and one byte
/// more, so that it is judged by its length, and the rest of it is passed over.
fn read_lines(
    file: &str,
    most: usize,
    mut take: impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("cannot read {}: {error}", input::name(file)));
    let mut reader: Box<dyn BufRead> = if file == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::with_capacity(256 * 1024, File::open(file).map_err(unreadable)?))
    };
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if (&mut reader).take(bound).read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
            return Ok(());
        }
        number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else {
            reader.skip_until(b'\n').map_err(unreadable)?;
        }
        take(&line, number)?;
    }
}

fn json_of(found: &Found, files: &[String]) -> String {
    let mut value = serde_json::to_value(found).unwrap_or_default();
    let faults =
        value.get_mut("faults").and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default();
    for fault in faults {
        if let Some(file) = fault.pointer_mut("/at/file") {
            let index = file.as_u64().and_then(|index| usize::try_from(index).ok());
            *file = json!(index.and_then(|index| files.get(index)));
        }
    }
    format!("{value}\n")
}

fn text_of(found: &Found, files: &[String]) -> String {
    let outcome = match found.outcome {
        Outcome::Proven => "proven",
        Outcome::Unproven => "unproven",
        Outcome::Faulty => "faulty",
    };
    let (lines, shards) = (found.lines, found.shards.len());
    let mut text = vec![format!("{outcome}: {lines} lines, {shards} shards")];
    text.extend(found.faults.iter().map(|fault| fault_text(fault, files)));
    if found.more_faults > 0 {
        text.push(format!("and {} faults more", found.more_faults));
    }
    let mut listed: Vec<_> = found.shards.iter().collect();
    listed.sort_by_key(|shard| (shard.is_proven(), shard.lost == 0));
    text.extend(listed.iter().take(MAX_LISTED).map(|shard| shard_text(shard)));
    if let Some(more) = listed.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        text.push(format!("and {more} shards more; --json lists them all"));
    }
    text.join("\n") + "\n"
}

fn fault_text(fault: &Fault, files: &[String]) -> String {
    let place = fault.at.map(|at| {
        let file = usize::try_from(at.file).ok().and_then(|index| files.get(index));
        format!("{}:{}: ", file.map_or("", String::as_str), at.line)
    });
    let numbers = match fault.seq {
        Some((from, to)) if from == to => format!(", line {from}"),
        Some((from, to)) => format!(", lines {from} to {to}"),
        None => String::new(),
    };
    let whose = fault.shard.as_ref().map(|shard| format!(" (shard {shard}{numbers})")).unwrap_or_default();
    format!("{}{}{whose}", place.unwrap_or_default(), fault.kind)
}

fn shard_text(shard: &ShardReport) -> String {
    let ShardReport { shard: name, first, last, decisions, lost, .. } = shard;
    let proven = match shard.proven {
        Some(proven) if proven == *last => "all proven".to_owned(),
        Some(proven) => format!("proven to {proven}"),
        None => "nothing proven".to_owned(),
    };
    let lost = if *lost > 0 { format!(", {lost} lost before they could be written") } else { String::new() };
    format!("shard {name}: lines {first} to {last}, {proven}; {decisions} decisions{lost}")
}
