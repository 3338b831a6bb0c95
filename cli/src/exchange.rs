//! The messages that a command is given: a request, or a response with the request it answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign::config::Span;
use countersign::request::{RequestView, Scheme};
use countersign::response::ResponseView;
use countersign::signature::{Component, Message};
use countersign::time::{UnixMillis, UnixSeconds};

use crate::arguments::Input;
use crate::http::{self, Fault, Request, Response};
use crate::{Failure, input, time};

/// What a signature is about: the response where there is one, else the request.
#[derive(Debug)]
pub(crate) enum Exchange {
    Request(Request),
    Response { response: Response, answers: Option<Request> },
}

/// Why there is no exchange.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It could not be looked at.
    Failure(Failure),
    /// It is no message that anyone should act on.
    Refused { file: String, fault: Fault },
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Exchange {
    /// Reads what `--request` and `--response` name.
    pub(crate) fn read(input: &Input) -> Result<Self, Unread> {
        let scheme = scheme(input)?;
        let (request, response) = (input.value("request"), input.value("response"));
        if request.is_none() && response.is_none() {
            return Err(Failure::new("needs --request, --response, or both").into());
        }
        let request = request.map(|file| read(file, |text| http::read_request(text, scheme))).transpose()?;
        let Some(file) = response else {
            return request.map(Self::Request).ok_or_else(|| Failure::new("needs --request").into());
        };
        let method = request.as_ref().map(|request| request.view.method());
        let response = read(file, |text| http::read_response(text, method))?;
        Ok(Self::Response { response, answers: request })
    }

    /// What the core judges or prepares.
    pub(crate) fn message(&self) -> Message<'_> {
        match self {
            Self::Request(request) => {
                Message::request(&request.view, request.view.target()).with_trailers(&request.trailers)
            }
            Self::Response { response, answers } => {
                let answers = answers.as_ref().map(|request| (&request.view, request.view.target()));
                Message::response(&response.view, answers).with_trailers(&response.trailers)
            }
        }
    }

    /// The content that a digest is about.
    pub(crate) fn content(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.content,
            Self::Response { response, .. } => &response.content,
        }
    }

    /// Adds a field line.
    pub(crate) fn push_field(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match self {
            Self::Request(Request { view, .. }) => {
                let mut fields = view.fields().clone();
                fields.push(name, value)?;
                *view = RequestView::new(view.method(), view.target().clone(), fields, view.has_body())?;
            }
            Self::Response { response: Response { view, .. }, .. } => {
                let mut fields = view.fields().clone();
                fields.push(name, value)?;
                *view = ResponseView::new(view.status(), fields, view.has_body())?;
            }
        }
        Ok(())
    }
}

fn read<T>(file: &str, parse: impl FnOnce(&[u8]) -> Result<T, Fault>) -> Result<T, Unread> {
    let bytes = input::read_bytes(file, http::MAX_BYTES)?;
    parse(&bytes).map_err(|fault| Unread::Refused { file: file.to_owned(), fault })
}

pub(crate) fn scheme(input: &Input) -> Result<Scheme, Failure> {
    match input.value("scheme") {
        None | Some("https") => Ok(Scheme::Https),
        Some("http") => Ok(Scheme::Http),
        Some(other) => Err(Failure::new(format!("--scheme is http or https, not {other:?}"))),
    }
}

/// Refuses to read stdin twice: whoever comes second would find it empty.
pub(crate) fn read_stdin_once(input: &Input, options: &[&str]) -> Result<(), Failure> {
    let readers: Vec<_> = options.iter().filter(|option| input.value(option) == Some("-")).collect();
    match readers.as_slice() {
        [first, second, ..] => {
            Err(Failure::new(format!("--{first} and --{second} cannot both be read from stdin")))
        }
        _ => Ok(()),
    }
}

/// A component as people write it: a name, or an identifier of RFC 9421 in full.
pub(crate) fn component(text: &str) -> Result<Component, Failure> {
    let component = if text.starts_with('"') { Component::parse(text) } else { Component::named(text) };
    component.map_err(|error| {
        Failure::new(format!("{text:?}: {error}; write @method, content-digest or in full '\"x\";key=\"a\"'"))
    })
}

/// The time that an option gives in seconds since 1970, else the clock's.
pub(crate) fn seconds(input: &Input, option: &str) -> Result<UnixSeconds, Failure> {
    let Some(text) = input.value(option) else { return clock().map(UnixMillis::seconds) };
    of_option(option, text).map(UnixMillis::seconds)
}

/// As seconds, the year 5138; as milliseconds, 1973.
const MILLIS_FROM: u64 = 100_000_000_000;

/// The time that an option gives.
pub(crate) fn of_option(option: &str, text: &str) -> Result<UnixMillis, Failure> {
    if text.parse::<u64>().is_ok_and(|number| number >= MILLIS_FROM) {
        return Err(Failure::new(format!(
            "--{option} counts seconds since 1970, and {text} are milliseconds"
        )));
    }
    time::of_argument(text).ok_or_else(|| {
        Failure::new(format!(
            "--{option} is seconds since 1970, or a time such as 2026-11-22T17:30:00Z, not {text:?}"
        ))
    })
}

/// The time of the clock.
pub(crate) fn clock() -> Result<UnixMillis, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let now = now.and_then(|now| u64::try_from(now.as_millis()).ok());
    now.map(UnixMillis).ok_or_else(|| Failure::new("the clock is before 1970; set it, or give the time"))
}

/// The length of time that an option gives.
pub(crate) fn duration(input: &Input, option: &str) -> Result<Option<Duration>, Failure> {
    let Some(text) = input.value(option) else { return Ok(None) };
    let span: Result<Span, _> = serde_json::from_value(text.into());
    match span {
        Ok(span) => Ok(Some(span.duration())),
        Err(_) => {
            Err(Failure::new(format!("--{option} is a length of time such as 60s or 5m, not {text:?}")))
        }
    }
}
