//! `verify signature`: one message against keys that the caller has (RFC 9421 §3.2).
//!
//! What the message deserves is the core's verdict; here it is read, asked and shown. A message that is no HTTP/1.1
//! is refused like one whose signature does not hold: nothing in it can be acted on.

use std::fmt::Write as _;

use countersign::reason::{self, Reason};
use countersign::signature::profiles::{self, Rules};
use countersign::signature::verify::{Keys, Report as Verdict, inspect};
use serde_json::{Map, Value, json};

use crate::arguments::Input;
use crate::exchange::{self, Exchange, Unread};
use crate::{Failure, Report, Status, input};

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    let is_json = input.has("json");
    let shown = match verify(input) {
        Ok(shown) => shown,
        Err(failure) if is_json => {
            let text = format!("{}\n", json!({ "error": failure.message }));
            return Err(Failure { text, ..failure });
        }
        Err(failure) => return Err(failure),
    };
    let status = if shown.is_verified() { Status::Good } else { Status::Faults };
    Ok(Report { text: if is_json { shown.as_json() } else { shown.as_text() }, status })
}

/// What is printed of a verdict: its members, in order.
struct Shown(Map<String, Value>);

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
            return Ok(Shown::of(&verdict, input)?.with("detail", fault.to_string()));
        }
    };
    let verdict = inspect(&exchange.message(), Some(exchange.content()), &rules, &keys, now).conclude_here();
    Shown::of(&verdict, input)
}

fn rules(input: &Input) -> Result<Rules, Failure> {
    let name = input.value("profile").unwrap_or("rfc9421");
    let mut rules = profiles::rules(name).ok_or_else(|| {
        let names: Vec<_> = profiles::ALL.iter().map(|profile| profile.name).collect();
        Failure::new(format!("--profile is one of {}, not {name:?}", names.join(", ")))
    })?;
    for text in input.values("require") {
        rules.require(exchange::component(text)?);
    }
    if let Some(tag) = input.value("tag") {
        rules.tags = vec![tag.to_owned()];
    }
    if let Some(skew) = exchange::duration(input, "clock-skew")? {
        rules.clock_skew = skew;
    }
    rules.refuses_published_keys &= !input.has("allow-test-keys");
    Ok(rules)
}

fn read_keys(input: &Input) -> Result<Keys, Failure> {
    let file = input.value("keys").unwrap_or_default();
    let text = input::read(file)?;
    Keys::parse(text.trim().as_bytes()).map_err(|error| Failure::new(format!("{file}: {error}")))
}
