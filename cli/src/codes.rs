//! `codes`: every reason for which a request can be refused, from the one place where they are kept.

use std::fmt::Write as _;

use countersign::reason::{Blame, Reason};
use countersign::registry::RegistryErrorKind;
use serde_json::{Value, json};

use crate::arguments::Input;
use crate::{Failure, Report};

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask docs` from src/reason.rs; edit that. -->

# Codes

A request that is refused has one code that says why: in the decision, in the body of the response (as far as
`disclosure` permits), in logs and events. A code is never used for another cause. A request against which
nothing speaks has the code `ok`. `countersign codes --json` prints the same list for programs.

Whose fault it is says what may be done about it:

";

const TYPESCRIPT: &str = "\
// Written by `cargo xtask docs` from src/reason.rs; edit that.

/** Why a request is refused: what `countersign codes` lists. */
export type ReasonCode =";

const ADMIN: &str = "
## admin

Answers of the admin API to calls that were let through. `path` in the problem document is the member that is at fault.

| Code | Status | Meaning |
|---|---|---|
";

const HOST: &str = "
## The Worker itself

| Code | Status | Meaning |
|---|---|---|
| `config.invalid` | 503 | The gate has no valid configuration, key or binding; its log says which. |
| `origin.unreachable` | 502 | The request was allowed, and the origin does not answer. |

## Preflights

Of browsers, where there is `[cors]`. No page can read them.

| Code | Status | Meaning |
|---|---|---|
| `cors.origin_not_allowed` | 403 | `origins` does not have the origin of the page. |
| `cors.method_not_allowed` | 403 | `methods` does not have the method that the page wants to use. |
";

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    match (input.has("json"), input.has("markdown"), input.has("typescript")) {
        (false, false, false) => Ok(Report::good(as_text())),
        (true, false, false) => Ok(Report::good(as_json())),
        (false, true, false) => Ok(Report::good(as_markdown())),
        (false, false, true) => Ok(Report::good(as_typescript())),
        _ => Err(Failure::new("codes takes one of --json, --markdown and --typescript")),
    }
}

const BLAMES: [Blame; 5] =
    [Blame::Malformed, Blame::Unproven, Blame::NotPermitted, Blame::OverLimit, Blame::Unavailable];

pub(crate) fn name(blame: Blame) -> &'static str {
    match blame {
        Blame::Malformed => "malformed",
        Blame::Unproven => "unproven",
        Blame::NotPermitted => "not permitted",
        Blame::OverLimit => "over limit",
        Blame::Unavailable => "unavailable",
    }
}

pub(crate) fn meaning(blame: Blame) -> &'static str {
    match blame {
        Blame::Malformed => "the message breaks the grammar of a standard; the client has a bug",
        Blame::Unproven => {
            "a proof is missing, has expired or does not hold; the client must prove itself again"
        }
        Blame::NotPermitted => "everything was proven, and it is not permitted",
        Blame::OverLimit => "permitted, but too much of it; later it may be",
        Blame::Unavailable => {
            "a check that must not be skipped could not be made; the same request may pass later"
        }
    }
}

fn as_json() -> String {
    let codes: Vec<Value> = Reason::ALL
        .iter()
        .map(|reason| {
            let (code, title) = (reason.code(), reason.title());
            json!({ "code": code, "status": reason.status(), "blame": name(reason.blame()), "title": title })
        })
        .collect();
    format!("{:#}\n", Value::Array(codes))
}

/// The type of a code for the npm package, with what each means, which editors show.
fn as_typescript() -> String {
    let mut text = TYPESCRIPT.to_owned();
    for reason in Reason::ALL {
        let (code, title) = (reason.code(), reason.title());
        let _ = write!(text, "\n  /** {} {title} */\n  | \"{code}\"", reason.status());
    }
    text + ";\n"
}

fn as_text() -> String {
    let width = Reason::ALL.iter().map(|reason| reason.code().len()).max().unwrap_or_default();
    let line = |reason: &Reason| {
        let (code, blame) = (reason.code(), name(reason.blame()));
        format!("{code:width$}  {}  {blame:13}  {}\n", reason.status(), reason.title())
    };
    Reason::ALL.iter().map(line).collect()
}

fn as_markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    // Writing to a `String` does not fail.
    for blame in BLAMES {
        let _ = writeln!(text, "- **{}**: {}.", name(blame), meaning(blame));
    }
    let mut layer = "";
    for reason in Reason::ALL {
        let of = reason.code().split('.').next().unwrap_or_default();
        if of != layer {
            layer = of;
            let _ = write!(text, "\n## {layer}\n\n| Code | Status | Blame | Meaning |\n|---|---|---|---|\n");
        }
        let (code, status, blame) = (reason.code(), reason.status(), name(reason.blame()));
        let _ = writeln!(text, "| `{code}` | {status} | {blame} | {} |", reason.title());
    }
    text.push_str(ADMIN);
    for kind in RegistryErrorKind::ALL {
        let _ = writeln!(text, "| `{}` | {} | {} |", kind.code(), kind.status(), kind.title());
    }
    text.push_str(HOST);
    text
}
