//! `verify signature`: one message against keys that the caller has (RFC 9421 §3.2).
//!
//! What the message deserves is the core's verdict; here it is read, asked and shown. A message that is no HTTP/1.1
//! is refused like one whose signature does not hold: nothing in it can be acted on.

use std::fmt::Write as _;

use countersign::crypto::Algorithm;
use countersign::signature::Param;
use countersign::signature::profiles::{self, Rules};
use countersign::signature::verify::{Keys, Outcome, Report as Verdict, inspect};
use serde_json::Value;

use crate::arguments::Input;
use crate::exchange::{self, Exchange, Unread};
use crate::private_key::HMAC;
use crate::shown::printable;
use crate::{Failure, Report, Status, diff, input};

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    let shown = verify(input)?;
    let status = if shown.is_verified() { Status::Good } else { Status::Faults };
    let text = if input.has("json") { shown.as_json() } else { shown.as_text() }?;
    Ok(Report::new(text, status))
}

/// A verdict, and what there is to say beyond it.
struct Shown {
    verdict: Verdict,
    /// What is wrong with a message that is none.
    detail: Option<String>,
}

fn verify(input: &Input) -> Result<Shown, Failure> {
    exchange::read_stdin_once(input, &["request", "response", "keys"])?;
    let rules = rules(input)?;
    let now = exchange::seconds(input, "now")?;
    let keys = read_keys(input)?;
    let exchange = match Exchange::read(input) {
        Ok(exchange) => exchange,
        Err(Unread::Failure(failure)) => return Err(failure),
        Err(Unread::Refused { fault, .. }) => {
            let verdict = Verdict::refused(&rules, fault.reason());
            return Ok(Shown { verdict, detail: Some(fault.to_string()) });
        }
    };
    let message = exchange.message();
    let mut inspection = inspect(&message, Some(exchange.content()), &rules, &keys, now);
    if let Some(label) = input.value("label") {
        inspection = inspection.only(label);
    }
    if input.has("explain") {
        inspection = inspection.explained();
    }
    Ok(Shown { verdict: inspection.conclude_here(), detail: None })
}

impl Shown {
    fn is_verified(&self) -> bool {
        self.verdict.outcome == Outcome::Verified
    }

    /// The report of the core, with the title of a refusal, and what is wrong with a message that is none.
    fn as_value(&self) -> Result<Value, Failure> {
        let mut value = serde_json::to_value(&self.verdict)
            .map_err(|error| Failure::new(format!("the report cannot be written: {error}")))?;
        let title = self.verdict.reason.map(|reason| reason.title().to_owned());
        for (name, text) in [("title", &title), ("detail", &self.detail)] {
            if let (Some(object), Some(text)) = (value.as_object_mut(), text) {
                object.insert(name.to_owned(), Value::from(text.as_str()));
            }
        }
        Ok(value)
    }

    fn as_json(&self) -> Result<String, Failure> {
        Ok(format!("{}\n", self.as_value()?))
    }

    /// The same for people: what was found first, then what it is about, then the explanation.
    fn as_text(&self) -> Result<String, Failure> {
        let mut shown = members_as_text(&self.as_value()?);
        if let Some(base) = &self.verdict.base {
            let _ = writeln!(shown, "\nthe signature base that was expected:\n{}", indented(base));
        }
        if let (Some(base), Some(signed)) = (&self.verdict.base, &self.verdict.signed) {
            let _ = writeln!(shown, "\nwhat was signed instead (- expected, + signed):");
            for line in diff::lines(base, signed) {
                let _ = writeln!(shown, "  {} {}", line.mark(), printable(line.text()));
            }
        }
        if let Some(hint) = &self.verdict.hint {
            let _ = writeln!(shown, "\nhint ({}): {}", hint.code, printable(&hint.text));
        }
        Ok(shown)
    }
}

/// A report for people: what was found first, then what it is about.
pub(crate) fn members_as_text(report: &Value) -> String {
    let text = |name: &str| report.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut shown = format!("{}: {}\n", text("outcome"), text("code"));
    // Writing to a `String` does not fail.
    for name in ["title", "detail"] {
        if !text(name).is_empty() {
            let _ = writeln!(shown, "{}", text(name));
        }
    }
    for (name, value) in report.as_object().into_iter().flatten() {
        let is_said =
            ["outcome", "code", "title", "detail", "base", "signed", "hint"].contains(&name.as_str());
        match value {
            _ if is_said => {}
            Value::String(value) => drop(writeln!(shown, "  {name:10} {}", printable(value))),
            Value::Array(values) => {
                let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
                let _ = writeln!(shown, "  {name:10} {}", printable(&values.join(" ")));
            }
            value => drop(writeln!(shown, "  {name:10} {}", printable(&value.to_string()))),
        }
    }
    shown
}

/// The base line by line: line ends are its own, anything else that moves a cursor is not.
fn indented(base: &str) -> String {
    base.split('\n').map(|line| format!("  {}", printable(line))).collect::<Vec<_>>().join("\n")
}

fn rules(input: &Input) -> Result<Rules, Failure> {
    let name = input.value("profile").unwrap_or("rfc9421");
    let mut rules = profiles::rules(name).ok_or_else(|| {
        let names: Vec<_> = profiles::ALL.iter().map(|profile| profile.name).collect();
        unknown("profile", &names, name)
    })?;
    for text in input.values("require") {
        rules.require(exchange::component(text)?);
    }
    for name in input.values("require-param") {
        let param = Param::ALL.into_iter().find(|param| param.as_str() == name);
        rules
            .parameters
            .push(param.ok_or_else(|| unknown("require-param", &Param::ALL.map(Param::as_str), name))?);
    }
    let tags: Vec<_> = input.values("tag").map(str::to_owned).collect();
    if !tags.is_empty() {
        rules.tags = tags;
    }
    if let Some(skew) = exchange::duration(input, "clock-skew")? {
        rules.clock_skew = skew;
    }
    if let Some(window) = exchange::duration(input, "max-window")? {
        rules.max_window = window;
    }
    // Whoever gives a shared key with --keys wants it to count, where the profile knows such keys at all.
    rules.shared_keys = rules.profile().may_share_keys;
    let algorithms: Vec<_> = input.values("algorithm").collect();
    if !algorithms.is_empty() {
        limit_algorithms(&mut rules, &algorithms)?;
    }
    rules.refuses_published_keys &= !input.has("allow-test-keys");
    Ok(rules)
}

/// Accepts these algorithms of the profile only.
fn limit_algorithms(rules: &mut Rules, names: &[&str]) -> Result<(), Failure> {
    let known = Algorithm::ALL.iter().filter_map(|algorithm| algorithm.http_signatures()).chain([HMAC]);
    let known: Vec<_> = known.collect();
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        return Err(unknown("algorithm", &known, name));
    }
    rules
        .algorithms
        .retain(|algorithm| algorithm.http_signatures().is_some_and(|name| names.contains(&name)));
    rules.shared_keys &= names.contains(&HMAC);
    Ok(())
}

pub(crate) fn unknown(option: &str, known: &[&str], value: &str) -> Failure {
    Failure::new(format!("--{option} is one of {}, not {value:?}", known.join(", ")))
}

fn read_keys(input: &Input) -> Result<Keys, Failure> {
    let file = input.value("keys").unwrap_or_default();
    let text = input::read(file)?;
    Keys::parse(text.trim().as_bytes()).map_err(|error| Failure::new(format!("{file}: {error}")))
}
