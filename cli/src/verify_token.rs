//! `verify jwt` and `verify dpop`: one token or one proof, with what the caller has (RFC 7519, RFC 9068, RFC 9449).
//!
//! What they deserve is the core's verdict; here they are read, asked and shown.

use std::path::Path;
use std::time::Duration;

use countersign::crypto::Algorithm;
use countersign::dpop::verify as proofs;
use countersign::jose::JwkSet;
use countersign::jose::jwt::{MAX_CLOCK_SKEW, Profile, Rules};
use countersign::jose::verify::{self as tokens, Expected};
use countersign::reason::Reason;
use serde_json::Value;

use crate::arguments::Input;
use crate::verify::{members_as_text, unknown};
use crate::{Failure, Report, Status, exchange, input};

/// How far clocks may differ, where nothing else is said: as in a gate.
const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// How old a proof may be, likewise.
const MAX_AGE: Duration = Duration::from_mins(1);

pub(crate) fn jwt(input: &Input) -> Result<Report, Failure> {
    report(input, verify_jwt(input))
}

pub(crate) fn dpop(input: &Input) -> Result<Report, Failure> {
    report(input, verify_dpop(input))
}

/// A report of the core, or why there is none, as the caller wants to read it.
fn report(input: &Input, report: Result<Value, Failure>) -> Result<Report, Failure> {
    let report = report?;
    let is_verified = report.get("outcome").and_then(Value::as_str) == Some("verified");
    let status = if is_verified { Status::Good } else { Status::Faults };
    let text = if input.has("json") { format!("{report}\n") } else { members_as_text(&report) };
    Ok(Report::new(text, status))
}

fn verify_jwt(input: &Input) -> Result<Value, Failure> {
    exchange::read_stdin_once(input, &["token", "keys"])?;
    let expected = expected_token(input)?;
    let now = exchange::seconds(input, "now")?;
    let keys = keys(input.value("keys").unwrap_or_default())?;
    let token = compact("token", input.value("token").unwrap_or_default(), is_jws)?;
    let report = tokens::inspect(&token, &expected, &keys, now).conclude_here();
    titled(serde_json::to_value(&report), report.reason)
}

fn verify_dpop(input: &Input) -> Result<Value, Failure> {
    exchange::read_stdin_once(input, &["proof", "token"])?;
    let url = input.value("url").unwrap_or_default();
    let target = proofs::Expected::target_of(url);
    let expected = proofs::Expected {
        method: input.value("method").unwrap_or_default().to_owned(),
        target: target.map_err(|error| Failure::new(format!("--url {url:?}: {error}")))?,
        algorithms: algorithms(input)?,
        max_age: length(input, "max-age")?.unwrap_or(MAX_AGE),
        clock_skew: clock_skew(input)?,
        nonce: input.value("nonce").map(str::to_owned),
        token: input.value("token").map(|given| compact("token", given, is_access_token)).transpose()?,
    };
    let now = exchange::seconds(input, "now")?;
    let proof = compact("proof", input.value("proof").unwrap_or_default(), is_jws)?;
    let report = proofs::inspect(&proof, &expected, now).conclude_here();
    titled(serde_json::to_value(&report), report.reason)
}

/// The report of the core, with the title of a refusal.
fn titled(report: serde_json::Result<Value>, reason: Option<Reason>) -> Result<Value, Failure> {
    let mut value = report.map_err(|error| Failure::new(format!("the report cannot be written: {error}")))?;
    if let (Some(report), Some(reason)) = (value.as_object_mut(), reason) {
        report.insert("title".to_owned(), reason.title().into());
    }
    Ok(value)
}

fn expected_token(input: &Input) -> Result<Expected, Failure> {
    let profile = input.value("profile").unwrap_or("at+jwt");
    let rules = Rules {
        issuer: input.value("issuer").unwrap_or_default().to_owned(),
        audiences: input.values("audience").map(str::to_owned).collect(),
        algorithms: algorithms(input)?,
        // Which profile it is, `Expected::of` knows by its name.
        profile: Profile::AtJwt,
        clock_skew: clock_skew(input)?,
        max_lifetime: length(input, "max-lifetime")?,
    };
    let expected =
        Expected::of(profile, rules).ok_or_else(|| unknown("profile", &Expected::PROFILES, profile))?;
    let is_jws = matches!(expected, Expected::Jws { .. });
    for option in ["issuer", "audience"] {
        if !is_jws && !input.has(option) {
            return Err(Failure::new(format!("verify jwt needs --{option}, but for --profile jws")));
        }
    }
    // Whoever gives one of these wants it to count.
    for option in ["issuer", "audience", "clock-skew", "max-lifetime"] {
        if is_jws && input.has(option) {
            return Err(Failure::new(format!("--profile jws looks at no claim; leave --{option} out")));
        }
    }
    Ok(expected)
}

/// Those that are accepted: all, where none is named.
fn algorithms(input: &Input) -> Result<Vec<Algorithm>, Failure> {
    let named: Vec<_> = input.values("alg").collect();
    if named.is_empty() {
        return Ok(Algorithm::ALL.to_vec());
    }
    let known = |name: &&str| {
        Algorithm::from_jose(name).ok_or_else(|| {
            unknown("alg", &Algorithm::ALL.iter().map(|algorithm| algorithm.jose()).collect::<Vec<_>>(), name)
        })
    };
    named.iter().map(known).collect()
}

fn clock_skew(input: &Input) -> Result<Duration, Failure> {
    match length(input, "clock-skew")? {
        Some(skew) if skew > MAX_CLOCK_SKEW => Err(Failure::new("--clock-skew is at most 60s")),
        skew => Ok(skew.unwrap_or(CLOCK_SKEW)),
    }
}

/// A length of time, also as a bare number of seconds.
fn length(input: &Input, option: &str) -> Result<Option<Duration>, Failure> {
    match input.value(option).map(str::parse) {
        Some(Ok(seconds)) => Ok(Some(Duration::from_secs(seconds))),
        _ => exchange::duration(input, option),
    }
}

fn keys(given: &str) -> Result<JwkSet, Failure> {
    let is_literal = given.trim_start().starts_with('{');
    let (name, text) = if is_literal { ("--keys", given.to_owned()) } else { (given, input::read(given)?) };
    JwkSet::parse_directory(text.trim().as_bytes()).map_err(|error| Failure::new(format!("{name}: {error}")))
}

/// A token or a proof: what stdin or a file has, without the end of its line, else the text itself. What is neither a
/// file nor, by its form, what it should be is taken for the name of a file that is not there.
fn compact(option: &str, given: &str, is_literal: fn(&str) -> bool) -> Result<String, Failure> {
    let text = if given == "-" || Path::new(given).exists() {
        input::read(given)?.trim_end_matches(['\r', '\n']).to_owned()
    } else if is_literal(given) || has_scheme(given) {
        given.to_owned()
    } else {
        return Err(Failure::new(format!(
            "--{option} {}: no such file, and no {option} by its form",
            input::name(given)
        )));
    };
    if has_scheme(&text) {
        let message =
            format!("--{option}: begins with the scheme of Authorization; leave out Bearer or DPoP");
        return Err(Failure::new(message));
    }
    Ok(text)
}

fn has_scheme(text: &str) -> bool {
    let scheme = text.split_once(' ').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("bearer" | "dpop"))
}

/// Whether a text that names no file is meant as a JWS, also as a broken one: its parts are told by dots, and it has no
/// name as files have.
fn is_jws(text: &str) -> bool {
    let is_name = text.contains(['/', '\\']) || has_file_ending(text);
    cannot_be_path(text) || text.starts_with("eyJ") || (text.matches('.').count() >= 2 && !is_name)
}

/// The same of an access token, which may be any text (RFC 6750 §2.1).
fn is_access_token(text: &str) -> bool {
    let is_name = text.starts_with(['/', '.', '~']) || text.contains('\\') || has_file_ending(text);
    is_jws(text) || !is_name
}

fn has_file_ending(text: &str) -> bool {
    let ending = Path::new(text).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ["jwt", "jws", "txt", "json", "token", "proof", "http"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Longer names, and such of control characters, are no files' (`NAME_MAX`); nor does anybody name one like JSON.
fn cannot_be_path(text: &str) -> bool {
    text.is_empty()
        || text.starts_with(['{', '[', '"'])
        || text.chars().any(char::is_control)
        || text.split('/').any(|name| name.len() > 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_the_name_of_a_file() {
        for token in ["a.b.c", "eyJ", "eyJh/x.e30.", "..", "", "a\n", &"x".repeat(256), "a.b.c.d"] {
            assert!(is_jws(token), "{token:?}");
        }
        for name in ["tokn.jwt", "my.agent.jwt", "./x", "/dev/fd/99", "../a.b.c", "token.txt"] {
            assert!(!is_jws(name) && !is_access_token(name), "{name:?}");
        }
        for opaque in ["2YotnFZFEjr1zCsicMWpAA", "mF_9.B5f-4/1JqM+=", "opaque"] {
            assert!(is_access_token(opaque) && !is_jws(opaque), "{opaque:?}");
        }
    }
}
