//! `risk replay`: the scores of a log, computed again, with other weights if they are given.
//!
//! A gate's log has a decision a line. What was observed of the request is in its member `observed`, which is all that a
//! score is made from; the transitions are the core's own. What refers to no subject is passed over.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign::config::RiskConfig;
use countersign::encoding::json;
use countersign::state::risk::{Assessment, Level, Observed, Scoring, State};
use countersign::time::UnixMillis;
use serde_json::{Value, json};

use crate::arguments::Input;
use crate::shown::printable;
use crate::{Failure, Report, Status, exchange, input};

/// Longest log in bytes: 256 MiB, some hundred thousand decisions.
const MAX_LOG_BYTES: u64 = 256 * 1024 * 1024;
/// Longest line in bytes: several times what a decision takes.
const MAX_LINE_BYTES: usize = 64 * 1024;
/// Most subjects of one log.
const MAX_SUBJECTS: usize = 100_000;
/// How many bad lines are named.
const MAX_NAMED: usize = 20;

/// A line of a log, as far as risk goes.
struct Line {
    subject: String,
    at: UnixMillis,
    observed: Observed,
    logged: Logged,
}

/// What a decision said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Logged {
    score: u32,
    level: Level,
    version: u32,
}

/// A subject, and what came of its lines.
#[derive(Default)]
struct Replayed {
    state: State,
    lines: u64,
    /// Lines whose score is another one now.
    differing: u64,
    logged: Logged,
    last: Assessment,
    highest_logged: u32,
    highest: u32,
}

/// A line that is no decision, and why.
struct Bad {
    number: usize,
    why: String,
}

pub(crate) fn replay(input: &Input) -> Result<Report, Failure> {
    exchange::read_stdin_once(input, &["log", "weights"])?;
    let scoring = input.value("weights").map(read_scoring).transpose()?.unwrap_or_default();
    let file = input.value("log").unwrap_or_default();
    let log = String::from_utf8(input::read_bytes(file, MAX_LOG_BYTES)?)
        .map_err(|_| Failure::new(format!("cannot read {file}: it is not UTF-8")))?;
    let (mut subjects, mut bad) = (BTreeMap::<String, Replayed>::new(), Vec::new());
    let (mut lines, mut passed_over) = (0u64, 0u64);
    for (number, text) in (1..).zip(log.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        lines += 1;
        match read_line(text) {
            Ok(Some(line)) if subjects.len() < MAX_SUBJECTS || subjects.contains_key(&line.subject) => {
                subjects.entry(line.subject.clone()).or_default().take(&line, &scoring);
            }
            Ok(Some(_)) => bad.push(Bad { number, why: format!("is of more than {MAX_SUBJECTS} subjects") }),
            Ok(None) => passed_over += 1,
            Err(why) => bad.push(Bad { number, why }),
        }
    }
    let is_same = bad.is_empty() && subjects.values().all(|subject| subject.differing == 0);
    let status = if is_same { Status::Good } else { Status::Faults };
    let text = if input.has("json") {
        as_json(&subjects, &bad, &scoring, lines, passed_over)
    } else {
        as_text(&subjects, &bad, &scoring, lines, passed_over)
    };
    Ok(Report::new(text, status))
}

/// The scoring of what would stand under `[risk]`.
fn read_scoring(file: &str) -> Result<Scoring, Failure> {
    let text = input::read(file)?;
    let failure = |path: &str, message: &str| Failure::new(format!("{file}: {path}: {message}"));
    let is_json = text.trim_start().starts_with('{');
    let config = if is_json { RiskConfig::from_json(&text) } else { RiskConfig::from_toml(&text) };
    let config = config.map_err(|fault| failure(&fault.path, &fault.message))?;
    config.scoring().map_err(|faults| {
        let faults: Vec<_> =
            faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
        Failure::new(format!("{file}: {}", faults.join("\n")))
    })
}

/// Reads a line: a decision, or what an audit log keeps it in. `None` where it observed nothing.
fn read_line(text: &str) -> Result<Option<Line>, String> {
    if text.len() > MAX_LINE_BYTES {
        return Err(format!("is longer than {MAX_LINE_BYTES} bytes"));
    }
    // Strict first: a member that is there twice would be the last one silently.
    json::parse(text.as_bytes(), MAX_LINE_BYTES).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(text).map_err(|_| "is no JSON".to_owned())?;
    let decision = value.get("decision").filter(|inner| inner.is_object()).unwrap_or(&value);
    if !decision.is_object() {
        return Err("is no decision".into());
    }
    let Some(observed) = decision.get("observed") else { return Ok(None) };
    let mut members = observed.as_object().ok_or("observed: is no object")?.clone();
    let subject = members.remove("subject");
    let subject = subject.as_ref().and_then(Value::as_str).filter(|subject| subject.len() <= 128);
    let subject = subject.ok_or("observed.subject: is no subject")?.to_owned();
    let at = members.remove("at").as_ref().and_then(Value::as_u64).ok_or("observed.at: is no time")?;
    let observed =
        serde_json::from_value(Value::Object(members)).map_err(|error| format!("observed: {error}"))?;
    let risk = decision.get("risk").ok_or("risk: is missing")?;
    let number =
        |name: &str| risk.get(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let logged = Logged {
        score: number("score").filter(|score| *score <= 100).ok_or("risk.score: is no score")?,
        level: risk
            .get("level")
            .and_then(|level| serde_json::from_value(level.clone()).ok())
            .ok_or("risk.level: is no level")?,
        version: number("version").ok_or("risk.version: is no version")?,
    };
    Ok(Some(Line { subject, at: UnixMillis(at), observed, logged }))
}

impl Replayed {
    fn take(&mut self, line: &Line, scoring: &Scoring) {
        let state = std::mem::take(&mut self.state);
        (self.state, self.last) = state.observe(&line.observed, scoring, line.at);
        self.lines += 1;
        self.differing += u64::from(self.last.score != line.logged.score);
        self.logged = line.logged;
        self.highest_logged = self.highest_logged.max(line.logged.score);
        self.highest = self.highest.max(self.last.score);
    }
}

fn codes(assessment: &Assessment) -> Vec<String> {
    assessment.reasons.iter().map(|(signal, points)| format!("{} {points}", signal.code())).collect()
}

fn as_text(
    subjects: &BTreeMap<String, Replayed>,
    bad: &[Bad],
    scoring: &Scoring,
    lines: u64,
    passed_over: u64,
) -> String {
    let mut text = String::new();
    // Writing to a `String` does not fail.
    for (name, subject) in subjects.iter().filter(|(_, subject)| subject.differing > 0) {
        let _ = writeln!(
            text,
            "{}: {} of {} lines differ; highest {} -> {}; last {} ({}) -> {} ({}): {}",
            printable(name),
            subject.differing,
            subject.lines,
            subject.highest_logged,
            subject.highest,
            subject.logged.score,
            subject.logged.level.caep(),
            subject.last.score,
            subject.last.level.caep(),
            codes(&subject.last).join(", ")
        );
    }
    for Bad { number, why } in bad.iter().take(MAX_NAMED) {
        let _ = writeln!(text, "line {number}: {}", printable(why));
    }
    if bad.len() > MAX_NAMED {
        let _ = writeln!(text, "and {} more lines that cannot be read", bad.len() - MAX_NAMED);
    }
    let differing = subjects.values().filter(|subject| subject.differing > 0).count();
    let _ = writeln!(
        text,
        "{lines} lines, {passed_over} without an observation, {} bad; {differing} of {} subjects differ with weights {}",
        bad.len(),
        subjects.len(),
        scoring.weights.version
    );
    text
}

fn as_json(
    subjects: &BTreeMap<String, Replayed>,
    bad: &[Bad],
    scoring: &Scoring,
    lines: u64,
    passed_over: u64,
) -> String {
    let subject = |(name, subject): (&String, &Replayed)| {
        let reasons: Vec<_> = subject
            .last
            .reasons
            .iter()
            .map(|(signal, points)| json!({ "signal": signal, "points": points }))
            .collect();
        json!({
            "subject": name,
            "lines": subject.lines,
            "differing": subject.differing,
            "logged": { "highest": subject.highest_logged, "score": subject.logged.score,
                        "level": subject.logged.level, "version": subject.logged.version },
            "replayed": { "highest": subject.highest, "score": subject.last.score, "level": subject.last.level,
                          "reasons": reasons },
        })
    };
    let bad: Vec<_> = bad.iter().map(|bad| json!({ "line": bad.number, "message": bad.why })).collect();
    let report = json!({
        "version": scoring.weights.version,
        "lines": lines,
        "without_observation": passed_over,
        "bad": bad,
        "subjects": subjects.iter().map(subject).collect::<Vec<_>>(),
    });
    format!("{report}\n")
}
