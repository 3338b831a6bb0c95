//! The `countersign` command: checks configurations, makes keys, signs and verifies messages, decides on requests and
//! explains why they are refused. What it knows about standards comes from the core.
//!
//! Each command is a function from what was typed to what is printed ([`Report`]); only this file prints.

mod advice;
mod arguments;
mod audit;
mod bench;
mod certificate;
mod check;
mod codes;
mod commands;
mod completions;
mod decide;
mod diff;
mod exchange;
mod explain;
mod har;
mod host;
mod http;
mod input;
mod keys;
mod paint;
mod policy;
mod private_key;
mod reference;
mod risk;
mod shown;
mod sign;
mod source;
mod time;
mod verify;
mod verify_token;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::Arguments;
use serde_json::json;

const ABOUT: &str = "\
countersign: an edge verifier for AI agents

usage: countersign <command> [operands] [options]
";

const EXIT_CODES: &str = "
Exit codes: 0 all is well, 1 what was looked at has faults, 2 it could not be looked at
(wrong usage, an unreadable file). With --json, what went wrong is on stdout as {\"error\"}, too.
";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// All is well.
    Good = 0,
    /// What was looked at has faults.
    Faults = 1,
    /// It could not be looked at.
    Failure = 2,
}

/// What a command prints, and how it ended.
struct Report {
    /// On stdout.
    text: String,
    status: Status,
    /// What else there is to say, on stderr, a line each.
    notes: Vec<String>,
}

impl Report {
    fn new(text: String, status: Status) -> Self {
        Self { text, status, notes: Vec::new() }
    }

    fn good(text: String) -> Self {
        Self::new(text, Status::Good)
    }
}

/// Why a command could not do its work. With `--json`, the message is on stdout too, as `{"error": …}`.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    /// For people, on stderr.
    message: String,
    status: Status,
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: Status::Failure }
    }

    fn fault(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: Status::Faults }
    }
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let is_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let (text, status) = match respond(&words, is_json) {
        Ok(report) => {
            for note in &report.notes {
                eprintln!("countersign: {}", shown::printable_lines(note));
            }
            (report.text, report.status)
        }
        Err(failure) => {
            eprintln!("countersign: {}", shown::printable_lines(&failure.message));
            let text =
                if is_json { format!("{}\n", json!({ "error": failure.message })) } else { String::new() };
            (text, failure.status)
        }
    };
    let text = if is_json { shown::printable_json(&text) } else { text };
    let status = if print(&text).is_ok() { status } else { Status::Failure };
    ExitCode::from(status as u8)
}

fn respond(words: &[OsString], is_json: bool) -> Result<Report, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    match Arguments::parse(commands::ALL, lexopt::Parser::from_args(words))? {
        Arguments::Run(command, input) => (command.run)(&input),
        Arguments::Help(words) if is_json => Ok(Report::good(help_as_json(&words))),
        Arguments::Help(words) => Ok(Report::good(help(&words))),
        Arguments::Version if is_json => Ok(Report::good(format!("{}\n", json!({ "version": version })))),
        Arguments::Version => Ok(Report::good(format!("countersign {version}\n"))),
    }
}

/// The help of the command that the words name, and a line for each command that begins with them.
fn help(words: &str) -> String {
    let command = commands::ALL.iter().find(|command| command.name == words);
    let others: Vec<_> =
        commands::ALL.iter().filter(|command| command.is_in(words) && command.name != words).collect();
    let width = others.iter().map(|command| command.name.len()).max().unwrap_or_default();
    let lines = others.iter().fold(String::new(), |lines, command| {
        lines + &format!("  {:width$}  {}\n", command.name, command.summary)
    });
    match command {
        Some(command) => {
            let also = if lines.is_empty() { String::new() } else { format!("\nSee also:\n{lines}") };
            format!("{}\n\n{}\n\n{}\n{also}{EXIT_CODES}", command.usage(), command.summary, command.details)
        }
        None => format!(
            "{ABOUT}\n{lines}\n  --help, -h after a command says more; --version, -V tells which this is\n{EXIT_CODES}"
        ),
    }
}

/// The same for programs.
fn help_as_json(words: &str) -> String {
    let command = |command: &arguments::Command| {
        let options: Vec<_> = command
            .options
            .iter()
            .map(|option| json!({ "name": option.name, "value": option.value }))
            .collect();
        json!({
            "name": command.name, "usage": command.synopsis(), "summary": command.summary,
            "details": command.details, "operands": command.operands, "options": options,
        })
    };
    let commands: Vec<_> = commands::ALL.iter().filter(|one| one.is_in(words)).map(command).collect();
    format!("{}\n", json!({ "commands": commands }))
}

/// A reader that has seen enough and closed the pipe is no failure.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
