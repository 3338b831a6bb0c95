//! The vectors of `vectors/`: each refusal for its own cause, and beside it the same exchange without the fault.
#![cfg(all(feature = "ecdsa", feature = "rsa"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign::config::{Config, Gate};
use countersign::crypto::{Algorithm, Verdict};
use countersign::decision::Decision;
use countersign::engine::{Answer, Session, Step};
use countersign::keys::{KeyResponse, KeySource, MAX_KEY_DOCUMENT_BYTES};
use countersign::memory::Memory;
use countersign::reason::Reason;
use countersign::request::{Fields, RequestError, RequestView, Scheme, Target};
use countersign::response::ResponseView;
use countersign::signature::profiles::{self, Rules};
use countersign::signature::verify::{Keys, Outcome, inspect};
use countersign::signature::{Component, Message, Param};
use countersign::time::{UnixMillis, UnixSeconds};
use serde_json::{Value, json};

/// An HTTP/1.1 message, taken apart and not judged: folds and white space stay in the values.
struct Raw<'a> {
    start: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Raw<'a> {
    fn parse(text: &'a str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a message has an end of its head");
        let (start, mut rest) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut fields = Vec::new();
        while !rest.is_empty() {
            // A line break before white space folds the line.
            let end = rest
                .match_indices("\r\n")
                .map(|(at, _)| at)
                .find(|at| !rest[at + 2..].starts_with([' ', '\t']))
                .unwrap_or(rest.len());
            let (name, value) = rest[..end].split_once(':').expect("a field has a colon");
            fields.push((name, value));
            rest = rest.get(end + 2..).unwrap_or_default();
        }
        Self { start, fields, body }
    }

    fn lines(&self) -> Result<Fields, RequestError> {
        let mut lines = Fields::new();
        for (name, value) in &self.fields {
            lines.push(name, value)?;
        }
        Ok(lines)
    }

    fn request(&self, scheme: &str) -> Result<RequestView, RequestError> {
        let mut start = self.start.split(' ');
        let (method, target) = (start.next().unwrap(), start.next().unwrap());
        let host = self.fields.iter().find(|(name, _)| *name == "Host").unwrap().1.trim();
        let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
        RequestView::new(method, Target::new(scheme, host, target)?, self.lines()?, !self.body.is_empty())
    }

    fn response(&self) -> Result<ResponseView, RequestError> {
        let status = self.start.split(' ').nth(1).unwrap().parse().unwrap();
        ResponseView::new(status, self.lines()?, !self.body.is_empty())
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).map(|member| member.as_str().expect(name))
}

fn texts<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    let list = value.get(name).map(|list| list.as_array().expect(name).as_slice()).unwrap_or_default();
    list.iter().map(|item| item.as_str().expect(name)).collect()
}

/// The profile, tightened by what the vector requires.
fn rules(vector: &Value) -> Rules {
    let profile = text(vector, "profile").unwrap();
    let mut rules = profiles::rules(profile).expect("the profile is known");
    // The set has a shared key for those who configure one: only where no profile of agents rules.
    rules.shared_keys = profile == "rfc9421";
    let Some(require) = vector.get("require") else { return rules };
    for component in texts(require, "components") {
        rules.require(Component::parse(component).unwrap());
    }
    for name in texts(require, "parameters") {
        let params = [Param::Created, Param::Expires, Param::KeyId, Param::Alg, Param::Nonce, Param::Tag];
        rules.parameters.push(params.into_iter().find(|param| param.as_str() == name).unwrap());
    }
    rules.tags.extend(texts(require, "tags").into_iter().map(String::from));
    if let Some(seconds) = require.get("max_window") {
        rules.max_window = Duration::from_secs(seconds.as_u64().unwrap());
    }
    let algorithms = texts(require, "algorithms");
    if !algorithms.is_empty() {
        rules.algorithms =
            algorithms.iter().map(|name| Algorithm::from_http_signatures(name).unwrap()).collect();
    }
    rules
}

struct Found {
    outcome: Outcome,
    code: String,
    base: Option<String>,
}

fn judge(vector: &Value, input: &Value) -> Found {
    if input.get("directories").is_some() {
        return judge_at_a_gate(input);
    }
    judge_message(vector, input).unwrap_or_else(|error| {
        let reason = Reason::from(error);
        Found { outcome: Outcome::of(reason), code: reason.code().into(), base: None }
    })
}

fn judge_message(vector: &Value, input: &Value) -> Result<Found, RequestError> {
    let request = text(input, "request").map(Raw::parse);
    let response = text(input, "response").map(Raw::parse);
    let scheme = text(input, "scheme").unwrap();
    let request_view = request.as_ref().map(|raw| raw.request(scheme)).transpose()?;
    let response_view = response.as_ref().map(Raw::response).transpose()?;
    let asked = request_view.as_ref().map(|view| (view, view.target()));
    let message = match (&response_view, asked) {
        (Some(view), asked) => Message::response(view, asked),
        (None, Some((view, target))) => Message::request(view, target),
        (None, None) => panic!("neither request nor response"),
    };
    let content = response.as_ref().or(request.as_ref()).map(|raw| raw.body.as_bytes());
    let keys = Keys::parse(input["keys"].to_string().as_bytes()).expect("keys");
    let now = UnixSeconds(input["now"].as_i64().unwrap());
    let rules = rules(vector);
    let report = inspect(&message, content, &rules, &keys, now).conclude_here();
    let presented = rules.present(message.fields()).unwrap_or_default();
    let judged = presented.iter().find(|one| Some(one.label()) == report.label.as_deref());
    let base = judged.and_then(|signature| rules.base(signature, &message).ok());
    Ok(Found { outcome: report.outcome, code: report.code.into(), base })
}

/// A gate that trusts whom the vector says and lets nobody in without a signature.
fn gate(input: &Value) -> Arc<Gate> {
    let config = json!({
        "origin": "http://127.0.0.1:9000",
        "public_origins": ["https://shop.example"],
        "signatures": { "trust": input["trust"] },
        "routes": [{ "match": "GET /**", "require": ["signature"] }],
    });
    Arc::new(Gate::new(&Config::from_json(&config.to_string()).unwrap()).unwrap())
}

/// What the directory at the source's URL answers; what the vector does not have cannot be reached.
fn fetch(memory: &mut Memory, source: &KeySource, directories: &Value, now: UnixMillis) {
    let Some(answer) = directories.get(source.url()) else {
        memory.keys_failed(source, now);
        return;
    };
    let status = answer["status"].as_u64().unwrap().try_into().unwrap();
    // A host reads no more than the bound.
    let body = text(answer, "body").map(str::as_bytes).filter(|body| body.len() <= MAX_KEY_DOCUMENT_BYTES);
    let mut response = KeyResponse::new(status, body);
    for pair in answer["fields"].as_array().unwrap() {
        response = response.with(pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    }
    memory.keys_read(source, source.read(&response, now.seconds()), &[], now);
}

fn decide(gate: &Arc<Gate>, memory: &mut Memory, request: &str, input: &Value) -> Decision {
    let now = UnixMillis(input["now"].as_u64().unwrap() * 1000);
    let view = Raw::parse(request).request(text(input, "scheme").unwrap()).unwrap();
    let mut session = Session::new(Arc::clone(gate), view, now, [7; 10]);
    let mut verdicts: Vec<bool>;
    let mut step = session.step(memory, now, &Answer::Ready);
    for _ in 0..20 {
        let answer = match step {
            Step::Done(conclusion) => return conclusion.decision,
            Step::Keys(sources) => {
                for source in sources {
                    fetch(memory, &source, &input["directories"], now);
                }
                Answer::Ready
            }
            Step::Checks(checks) => {
                verdicts = checks.iter().map(|check| check.verify() == Verdict::Valid).collect();
                Answer::Verdicts(&verdicts)
            }
            Step::State(_) => Answer::State(&[]),
            Step::Flood(_) => Answer::Flood(&[]),
            Step::Limits(asked) => {
                for limit in asked {
                    memory.ask(limit, None, now);
                }
                Answer::Ready
            }
            Step::Denials => {
                memory.denials_failed(now);
                Answer::Ready
            }
            Step::Fetch(inquiries) => {
                for inquiry in inquiries {
                    memory.inquiry_failed(&inquiry, now);
                }
                Answer::Ready
            }
            Step::Agents => {
                memory.agents_failed(now);
                Answer::Ready
            }
            Step::Wait => Answer::Ready,
            Step::Body => Answer::Body(&[]),
        };
        step = session.step(memory, now, &answer);
    }
    panic!("the session does not end");
}

/// The vector through a whole gate, which fetches directories and remembers nonces.
fn judge_at_a_gate(input: &Value) -> Found {
    let (gate, mut memory) = (gate(input), Memory::new(7));
    for request in texts(input, "earlier") {
        decide(&gate, &mut memory, request, input);
    }
    let decision = decide(&gate, &mut memory, text(input, "request").unwrap(), input);
    let outcome = decision.reason.map_or(Outcome::Verified, Outcome::of);
    Found { outcome, code: decision.code.into(), base: text(input, "base").map(String::from) }
}

fn outcome(name: &str) -> Outcome {
    match name {
        "verified" => Outcome::Verified,
        "invalid" => Outcome::Invalid,
        "unverified" => Outcome::Unverified,
        other => panic!("no outcome: {other}"),
    }
}

/// What is wrong with the verdict about one side of a vector.
fn disagreement(vector: &Value, side: &str) -> Option<String> {
    let input = &vector[side];
    let found = judge(vector, input);
    let (expected, code) = (&input["expected"], text(&input["expected"], "code").unwrap());
    let agrees = found.outcome == outcome(text(expected, "outcome").unwrap()) && found.code == code;
    let base = text(input, "base");
    if agrees && (base.is_none() || base == found.base.as_deref()) {
        return None;
    }
    let name = text(vector, "name").unwrap();
    let source = text(vector, "source").unwrap();
    Some(format!(
        "{name} ({side}): expected {expected}, found {:?} {}\n  {source}\n  base expected {base:?}\n  base found    {:?}\n",
        found.outcome, found.code, found.base
    ))
}

fn files() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "json") && name != "schema.json" {
            files.push((name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()));
        }
    }
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    files
}

fn vectors(file: &Value) -> &[Value] {
    file["vectors"].as_array().unwrap()
}

#[test]
fn every_fault_is_refused_for_its_cause_and_every_twin_verifies() {
    let (mut count, mut disagreements) = (0, String::new());
    for (name, file) in files() {
        for vector in vectors(&file) {
            count += 1;
            for side in ["refused", "verified"] {
                if let Some(text) = disagreement(vector, side) {
                    write!(disagreements, "{name}: {text}").unwrap();
                }
            }
        }
    }
    println!("{count} vectors");
    assert!(disagreements.is_empty(), "\n{disagreements}");
    assert!(count > 400, "only {count} vectors were read");
}

#[test]
fn the_set_is_what_its_readme_says() {
    let mut names = BTreeSet::new();
    let mut algorithms = BTreeSet::new();
    for (file, content) in files() {
        assert_eq!(content["format"], 1, "{file}");
        assert_eq!(text(&content, "topic").map(|topic| format!("{topic}.json")), Some(file.clone()));
        for vector in vectors(&content) {
            let name = text(vector, "name").unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            for member in ["description", "source", "profile"] {
                assert!(text(vector, member).is_some_and(|text| !text.is_empty()), "{name}: {member}");
            }
            assert_ne!(vector["refused"]["expected"]["outcome"], "verified", "{name}");
            assert_eq!(vector["verified"]["expected"]["outcome"], "verified", "{name}");
            let code = text(&vector["refused"]["expected"], "code").unwrap();
            assert!(Reason::ALL.iter().any(|reason| reason.code() == code), "{name}: {code} is no code");
            assert_ne!(vector["refused"], vector["verified"], "{name}");
            if let Some(keys) = vector["verified"]["keys"]["keys"].as_array() {
                algorithms.extend(keys.iter().map(|key| format!("{}{}", key["kty"], key["crv"])));
            }
        }
    }
    for kind in ["\"OKP\"\"Ed25519\"", "\"EC\"\"P-256\"", "\"EC\"\"P-384\"", "\"RSA\"null", "\"oct\"null"] {
        assert!(algorithms.contains(kind), "no key of kind {kind}");
    }
}
