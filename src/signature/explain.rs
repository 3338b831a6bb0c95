//! Why a signature does not hold, for those who make them: [`explain`].
//!
//! The signature base that was expected, and a hint at what the signer did otherwise. For the latter the mistakes that
//! signers make most often are tried in turn: a base with that mistake under which the signature does hold tells which
//! it was. That costs up to some thirty verifications, and the base shows what the request has, so that nobody gets an
//! explanation unless the configuration says so. Values of fields that carry credentials are left out.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::profiles::Rules;
use super::{Component, Message, PresentedSignature, SignatureError};
use crate::crypto::{Verdict, sha256};
use crate::jose::jwk::Jwk;
use crate::request::{Scheme, Target};
use crate::time::UnixSeconds;

/// Longest base that is shown: 8 KiB.
const MAX_BASE_BYTES: usize = 8 * 1024;

/// Fields whose values are credentials.
const CREDENTIALS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "dpop", "x-api-key"];

/// What was expected, and what seems to be the matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The signature base that was expected, credentials left out. None where there can be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The base under which the signature does hold, credentials left out: what the signer apparently signed. None where
    /// no mistake that is known explains it, or what was signed is no base at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    /// What the signer did otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
}

/// What a signer did otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// `clock`, `authority`, `scheme`, `path`, `query`, `method`, `order`, `white-space`, `line-ends`, `quotes`,
    /// `pre-hashed`, `component`.
    pub code: &'static str,
    /// One sentence for people.
    pub text: String,
}

impl Hint {
    fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Says why a signature was refused with `error`.
#[must_use]
pub fn explain(
    rules: &Rules,
    signature: &PresentedSignature,
    message: &Message<'_>,
    key: Option<&Jwk>,
    error: SignatureError,
    now: UnixSeconds,
) -> Explanation {
    let base = rules.base(signature, message).ok();
    let known = clock(rules, signature, error, now).or_else(|| component(signature, error));
    let (hint, signed) = match (known, error, &base, key) {
        (None, SignatureError::Invalid, Some(base), Some(key)) => {
            mistake(rules, signature, message, key, base).map_or((None, None), |found| {
                let is_base = found.code != "pre-hashed";
                let signed = String::from_utf8(found.base).ok().filter(|_| is_base).map(|base| shown(&base));
                (Some(Hint::new(found.code, found.text)), signed)
            })
        }
        (known, ..) => (known, None),
    };
    Explanation { base: base.map(|base| shown(&base)), signed, hint }
}

/// The base without credentials, up to its bound.
fn shown(base: &str) -> String {
    let is_credential = |line: &str| {
        CREDENTIALS
            .iter()
            .any(|name| line.strip_prefix('"').is_some_and(|rest| rest.starts_with(&format!("{name}\""))))
    };
    let lines: Vec<_> = base
        .split('\n')
        .map(|line| match line.split_once(": ") {
            Some((identifier, _)) if is_credential(line) => format!("{identifier}: (not shown)"),
            _ => line.to_owned(),
        })
        .collect();
    let mut shown = lines.join("\n");
    let end = (0..=MAX_BASE_BYTES.min(shown.len())).rev().find(|end| shown.is_char_boundary(*end));
    shown.truncate(end.unwrap_or(0));
    shown
}

fn clock(
    rules: &Rules,
    signature: &PresentedSignature,
    error: SignatureError,
    now: UnixSeconds,
) -> Option<Hint> {
    let params = signature.params();
    let text = match error {
        SignatureError::CreatedInFuture => {
            let ahead = params.created?.0.saturating_sub(now.0);
            // A hundred thousand million seconds are three thousand years.
            if params.created?.0 > 100_000_000_000 {
                return Some(Hint::new(
                    "clock",
                    "`created` is in milliseconds; it counts seconds since 1970",
                ));
            }
            format!(
                "`created` is {ahead} s ahead of the verifier's clock, which allows {} s",
                rules.clock_skew.as_secs()
            )
        }
        SignatureError::Expired => {
            format!(
                "`expires` passed {} s ago by the verifier's clock",
                now.0.saturating_sub(params.expires?.0)
            )
        }
        SignatureError::TooOld => {
            let age = now.0.saturating_sub(params.created?.0);
            format!(
                "it was made {age} s ago; without `expires` it is good for {} s",
                rules.max_window.as_secs()
            )
        }
        SignatureError::WindowTooLong => {
            let window = params.expires?.0.saturating_sub(params.created?.0);
            format!("it is valid for {window} s, and {} s are allowed", rules.max_window.as_secs())
        }
        _ => return None,
    };
    Some(Hint::new("clock", text))
}

/// Which covered component cannot be had.
fn component(signature: &PresentedSignature, error: SignatureError) -> Option<Hint> {
    let index = error.component_index()?;
    let identifier = signature.components().get(usize::from(index))?.identifier();
    Some(Hint::new("component", format!("the covered component {identifier}: {error}")))
}

/// A base as a signer with a common mistake would have made it, and which mistake that is.
struct Attempt {
    code: &'static str,
    text: &'static str,
    base: Vec<u8>,
}

/// The first common mistake with which the signature holds.
fn mistake(
    rules: &Rules,
    signature: &PresentedSignature,
    message: &Message<'_>,
    key: &Jwk,
    base: &str,
) -> Option<Attempt> {
    let algorithm = rules.algorithm(key, signature.params().alg.as_deref()).ok()?;
    let holds = |attempt: &Attempt| {
        rules
            .check_of(key, algorithm, attempt.base.clone(), signature.signature())
            .is_ok_and(|check| check.verify() == Verdict::Valid)
    };
    attempts(signature, message, base).into_iter().find(holds)
}

fn attempts(signature: &PresentedSignature, message: &Message<'_>, base: &str) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let mut add = |code, text, changed: String| {
        if changed != base {
            attempts.push(Attempt { code, text, base: changed.into_bytes() });
        }
    };
    for (code, text, params) in respelt_params(signature) {
        add(code, text, with_params(base, &params));
    }
    add(
        "order",
        "the components were signed in alphabetical order, not in that of `Signature-Input`",
        sorted(base),
    );
    if let Some(target) = message.target() {
        for (code, text, from, to) in respelt_targets(target, message) {
            add(code, text, replaced(base, from, &to));
        }
    }
    if let Some(view) = message.request_view() {
        let method = view.method();
        add(
            "method",
            "the method was signed in lower case",
            value_replaced(base, "\"@method\"", method, &method.to_ascii_lowercase()),
        );
    }
    add("line-ends", "the base was signed with a line end after its last line", format!("{base}\n"));
    add("line-ends", "the base was signed with CRLF between its lines", base.replace('\n', "\r\n"));
    add("quotes", "the names of components were signed without quotes", unquoted(base));
    attempts.push(Attempt {
        code: "pre-hashed",
        text: "the SHA-256 of the base was signed, not the base itself",
        base: sha256(base.as_bytes()).to_vec(),
    });
    attempts
}

/// The parameters with other white space and in other orders: which mistake, and how they were signed then.
fn respelt_params(signature: &PresentedSignature) -> Vec<(&'static str, &'static str, String)> {
    let identifiers: Vec<_> = signature.components().iter().map(Component::identifier).collect();
    let list = format!("({})", identifiers.join(" "));
    let text = signature.params_text();
    let parts: Vec<&str> =
        text.rsplit_once(')').map_or("", |(_, params)| params).split(';').skip(1).collect();
    let trimmed: Vec<&str> = parts.iter().map(|part| part.trim_matches(' ')).collect();
    let joined = |separator: &str, parts: &[&str]| {
        parts.iter().fold(list.clone(), |text, part| format!("{text}{separator}{part}"))
    };
    let mut declared = list.clone();
    let _ = signature.params().write(&mut declared);
    let mut alphabetical = trimmed.clone();
    alphabetical.sort_unstable();
    let reversed: Vec<&str> = trimmed.iter().rev().copied().collect();
    let spaced = |params| {
        let text = "the parameters were signed with other white space than `Signature-Input` has";
        ("white-space", text, params)
    };
    let ordered = |params| {
        ("order", "the parameters were signed in another order than `Signature-Input` has them", params)
    };
    Vec::from([
        spaced(joined(";", &trimmed)),
        spaced(joined("; ", &trimmed)),
        ordered(declared),
        ordered(joined(";", &alphabetical)),
        ordered(joined(";", &reversed)),
    ])
}

/// Other spellings of parts of the target: which mistake, and the text to replace by what.
fn respelt_targets(
    target: &Target,
    message: &Message<'_>,
) -> Vec<(&'static str, &'static str, Part, String)> {
    let authority = target.authority();
    let default_port = if target.scheme() == Scheme::Https { ":443" } else { ":80" };
    let without_port = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let received = message.request_view().map_or(authority, |view| view.target().authority());
    let other_scheme = if target.scheme() == Scheme::Https { "http" } else { "https" };
    let path = target.path();
    let with_query = target.query().map(|query| format!("{path}?{query}"));
    let slash = if path.len() > 1 && path.ends_with('/') {
        path.trim_end_matches('/').to_owned()
    } else {
        format!("{path}/")
    };
    let mut changes = Vec::from([
        (
            "authority",
            "the authority was signed with its default port, which `@authority` leaves out",
            Part::Authority,
            format!("{authority}{default_port}"),
        ),
        ("authority", "the authority was signed without its port", Part::Authority, without_port.to_owned()),
        (
            "authority",
            "another authority was signed: the one that the verifier's host saw, not the public one",
            Part::Authority,
            received.to_owned(),
        ),
        (
            "scheme",
            "another scheme was signed than that of the public URL",
            Part::Scheme,
            other_scheme.to_string(),
        ),
        ("path", "the path was signed with, or without, a slash at its end", Part::Path, slash),
        (
            "query",
            "the query was signed without its question mark",
            Part::Query,
            target.query().unwrap_or_default().to_owned(),
        ),
    ]);
    let host = message.request_view().and_then(|view| view.fields().combined("host"));
    changes.extend(host.map(|host| {
        ("authority", "the authority was signed as in `Host`, not in lower case", Part::Authority, host)
    }));
    changes.extend(with_query.map(|path| {
        ("path", "the query was signed as a part of `@path`, which leaves it out", Part::Path, path)
    }));
    changes
}

/// A part of the target, as components show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Authority,
    Scheme,
    Path,
    Query,
}

impl Part {
    fn identifier(self) -> &'static str {
        match self {
            Self::Authority => "\"@authority\"",
            Self::Scheme => "\"@scheme\"",
            Self::Path => "\"@path\"",
            Self::Query => "\"@query\"",
        }
    }
}

/// The base with another value of a part, in the part's own component and in `@target-uri`.
fn replaced(base: &str, part: Part, to: &str) -> String {
    let own = with_value(base, part.identifier(), to);
    let Some(uri) = value_of(base, "\"@target-uri\"") else { return own };
    let Some((scheme, rest)) = uri.split_once("://") else { return own };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let uri = match part {
        Part::Authority => format!("{scheme}://{to}{path_and_query}"),
        Part::Scheme => format!("{to}://{authority}{path_and_query}"),
        Part::Path | Part::Query => return own,
    };
    with_value(&own, "\"@target-uri\"", &uri)
}

fn value_of<'a>(base: &'a str, identifier: &str) -> Option<&'a str> {
    base.split('\n').find_map(|line| line.strip_prefix(identifier)?.strip_prefix(": "))
}

fn with_value(base: &str, identifier: &str, to: &str) -> String {
    match value_of(base, identifier) {
        Some(value) => value_replaced(base, identifier, value, to),
        None => base.to_owned(),
    }
}

fn value_replaced(base: &str, identifier: &str, from: &str, to: &str) -> String {
    base.replacen(&format!("{identifier}: {from}\n"), &format!("{identifier}: {to}\n"), 1)
}

const PARAMS: &str = "\"@signature-params\": ";

fn with_params(base: &str, params: &str) -> String {
    let lines = base.rsplit_once(PARAMS).map_or(base, |(lines, _)| lines);
    format!("{lines}{PARAMS}{params}")
}

/// The lines in alphabetical order, the parameters still last.
fn sorted(base: &str) -> String {
    let mut lines: Vec<&str> = base.split('\n').collect();
    let last = lines.pop().unwrap_or_default();
    lines.sort_unstable();
    lines.push(last);
    lines.join("\n")
}

/// Each identifier without its quotes, as drafts before RFC 9421 had them.
fn unquoted(base: &str) -> String {
    let lines: Vec<_> = base
        .split('\n')
        .map(|line| match line.split_once(": ") {
            Some((identifier, value)) => format!("{}: {value}", identifier.replace('"', "")),
            None => line.to_owned(),
        })
        .collect();
    lines.join("\n")
}
