//! Decisions in words.

use std::fmt::Write as _;

use countersign::decision::{CheckResult, Decision};
use serde_json::{Value, json};

use crate::decide::Judged;
use crate::host::Missing;
use crate::paint::Paint;

/// A decision, some lines.
pub(crate) fn decision(judged: &Judged) -> String {
    let paint = Paint::of_stdout();
    let mut text = headline(judged, paint);
    text.push_str(&facts(&judged.decided.decision));
    text.push_str(&evidence(&judged.decided.decision, paint));
    text.push_str(&missing(&judged.decided.missing));
    text
}

/// The outcome, and what it is about.
pub(crate) fn headline(judged: &Judged, paint: Paint) -> String {
    let decision = &judged.decided.decision;
    let outcome = json!(decision.outcome);
    let outcome = format!("{}: {}", outcome.as_str().unwrap_or_default(), decision.code);
    let colour = if decision.is_allowed() { Paint::good } else { Paint::bad };
    let entry = judged.entry.map(|entry| format!("log.entries[{entry}] ")).unwrap_or_default();
    let mut text = format!("{}\n{entry}{}\n", paint.bold(&colour(paint, &outcome)), printable(&judged.name));
    if let Some(reason) = decision.reason {
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "{}", reason.title());
    }
    if let Some(fault) = judged.fault {
        let _ = writeln!(text, "{fault}");
    }
    text
}

/// Who it was, for whom, and by which route.
fn facts(decision: &Decision) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(route) = &decision.route {
        let shadow = if decision.shadow { " (watches only)" } else { "" };
        lines.push(("route", format!("{route}{shadow}")));
    }
    lines.push(("status", decision.status.to_string()));
    if let Some(agent) = &decision.agent {
        let key = agent.key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
        lines.push(("agent", format!("{} by {}{key}", agent.id, agent.method.as_str())));
    }
    if let Some(principal) = &decision.principal {
        let sub = principal.sub.as_deref().unwrap_or("nobody named");
        lines.push(("principal", format!("{sub} of {}", principal.iss)));
    }
    if !decision.scope.is_empty() {
        lines.push(("scope", decision.scope.join(" ")));
    }
    if decision.risk.score > 0 {
        lines.push(("risk", format!("{} ({})", decision.risk.score, decision.risk.reasons.join(", "))));
    }
    let line = |(name, value): (&str, String)| format!("  {name:10} {}\n", printable(&value));
    lines.into_iter().map(line).collect()
}

/// Each check, a line.
pub(crate) fn evidence(decision: &Decision, paint: Paint) -> String {
    let line = |check: &countersign::decision::Evidence| {
        let (mark, colour): (_, fn(Paint, &str) -> String) = match check.result {
            CheckResult::Pass => ("pass", Paint::good),
            CheckResult::Fail => ("FAIL", Paint::bad),
            CheckResult::Skipped => ("skip", Paint::faint),
        };
        let detail =
            check.detail.as_ref().map(|detail| format!("  {}", printable(detail))).unwrap_or_default();
        format!("  {} {:14} {}{detail}\n", colour(paint, mark), check.check, check.code)
    };
    decision.evidence.iter().map(line).collect()
}

/// What was asked for and is not there, with the options that bring it.
pub(crate) fn missing(missing: &[Missing]) -> String {
    let mut text = String::new();
    for Missing { what, option, how } in missing {
        let _ = writeln!(text, "missing: {}\n  give it with {}", printable(what), printable(option));
        if let Some(how) = how {
            let _ = writeln!(text, "  save it with {}", printable(how));
        }
    }
    text
}

pub(crate) fn missing_as_json(missing: &Missing) -> Value {
    let Missing { what, option, how } = missing;
    let mut value = json!({ "what": what, "option": option });
    if let (Some(members), Some(how)) = (value.as_object_mut(), how) {
        members.insert("how".to_owned(), how.as_str().into());
    }
    value
}

/// Text of a stranger for a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A text as one word of a POSIX shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_a_text_it_is_one_word_of_a_shell() {
        assert_eq!(quoted("A: sig1=(\"x\");nonce=\"it's\""), r#"'A: sig1=("x");nonce="it'\''s"'"#);
        assert_eq!(quoted("'"), r"''\'''");
        assert_eq!(quoted(r"$(a) `b` \ ; & !"), r"'$(a) `b` \ ; & !'");
    }
}
