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
    text.chars().map(|c| if misleads(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for text of several lines, some with tabs.
pub(crate) fn printable_lines(text: &str) -> String {
    let shown = |c| if misleads(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// JSON with what misleads in a terminal escaped: outside of strings it has none of it.
pub(crate) fn printable_json(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut shown, c| {
        match c {
            '\n' => shown.push(c),
            // All are of the Basic Multilingual Plane. Writing to a `String` does not fail.
            c if misleads(c) => drop(write!(shown, "\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
        shown
    })
}

/// Whether a terminal obeys a character instead of showing it: controls (C0, DEL and C1), those of bidirectional text
/// (UAX #9), and the line separators of Unicode.
fn misleads(c: char) -> bool {
    let is_bidi = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || is_bidi || matches!(c, '\u{2028}' | '\u{2029}')
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

    const MISLEADING: [char; 19] = [
        '\u{1b}', '\r', '\u{7f}', '\u{80}', '\u{9b}', '\u{9f}', '\u{61c}', '\u{200e}', '\u{200f}',
        '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
        '\u{2068}', '\u{2069}',
    ];

    #[test]
    fn what_a_terminal_would_obey_is_shown_in_its_place() {
        for c in MISLEADING.into_iter().chain(['\n', '\t']) {
            assert_eq!(printable(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        for c in MISLEADING {
            assert_eq!(printable_lines(&format!("a\n{c}\tb")), "a\n\u{fffd}\tb", "{c:?}");
        }
        for text in [
            "",
            "a b",
            "straße",
            "שלום",
            "日本",
            "👩\u{200d}💻",
            "\u{a0}\u{200d}\u{2027}\u{202f}\u{2065}\u{206a}",
        ] {
            assert_eq!(printable(text), text);
            assert_eq!(printable_lines(text), text);
            assert_eq!(printable_json(text), text);
        }
    }

    #[test]
    fn json_says_the_same_with_nothing_that_a_terminal_obeys() {
        let value = json!({ "a\u{202e}": MISLEADING.iter().collect::<String>() + "\n\t\\u202e\\\u{202e}é" });
        let shown = printable_json(&format!("{value}\n"));
        assert!(!shown.trim_end().chars().any(misleads), "{shown}");
        assert!(shown.contains(r"\u009b") && shown.contains(r"\u202e") && shown.contains('é'), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).ok(), Some(value));
    }
}
