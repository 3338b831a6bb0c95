//! [`Reservations`]: what one decision has set aside, and what the origin's answer means for it ([`OriginAnswer`]).
//!
//! | The origin | The money |
//! |---|---|
//! | answers 2xx or 3xx | is committed |
//! | answers 4xx | is released: it says that it did not do it |
//! | answers 408 or 5xx, or not at all | stays held: nobody knows |
//! | was never sent the request | is released |
//! | says itself, in [`FIELD`] | is committed, as much as it says and was reserved, released or held |
//!
//! What cannot be read in the field means that nobody knows. Where several attempts share a
//! reservation, each says how it ended: the last one of which it is certain that it did nothing releases it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::message::{AttemptId, ReservationId, Settle, Verdict};
use crate::state::subject::{Call, Op, RequestId, SubjectCall, SubjectName};

/// The response field in which the origin says what was spent: `commit`, `commit=1234` (minor units), `release`, `hold`.
/// Clients never see it.
pub const FIELD: &str = "Countersign-Budget";

/// What a decision has set aside.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reservations {
    /// The decision, as calls name it.
    #[serde(rename = "c")]
    pub call: RequestId,
    /// The decision, as reservations name it.
    #[serde(rename = "d")]
    pub attempt: AttemptId,
    /// The request.
    #[serde(rename = "r")]
    pub request: ReservationId,
    /// From which accounts, in the order in which they were asked.
    #[serde(rename = "l")]
    pub lines: Vec<Line>,
}

/// What is set aside of one account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The object that has the account, by its name.
    #[serde(rename = "s")]
    pub subject: String,
    /// The account.
    #[serde(rename = "b")]
    pub account: String,
    /// Another attempt at the same request had it set aside already.
    #[serde(rename = "j", default, skip_serializing_if = "core::ops::Not::not")]
    pub joined: bool,
}

/// What came back from the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginAnswer<'a> {
    /// The request was not sent to it.
    NotSent,
    /// Nothing, or nothing whole.
    Lost,
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its [`FIELD`], lines joined.
        field: Option<&'a str>,
    },
}

impl OriginAnswer<'_> {
    /// What became of the request.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NotSent => Verdict::Release,
            Self::Lost => Verdict::Hold,
            Self::Response { field: Some(field), .. } => verdict_of(field).unwrap_or(Verdict::Hold),
            Self::Response { status, field: None } => match status {
                101 | 200..=399 => Verdict::Commit(None),
                // A proxy on the way may have lost patience with an origin that goes on.
                408 => Verdict::Hold,
                400..=499 => Verdict::Release,
                _ => Verdict::Hold,
            },
        }
    }
}

/// What the origin says; `None` where it says nothing that is understood.
fn verdict_of(field: &str) -> Option<Verdict> {
    match field.trim_matches([' ', '\t']) {
        "commit" => Some(Verdict::Commit(None)),
        "release" => Some(Verdict::Release),
        "hold" => Some(Verdict::Hold),
        text => {
            let digits = text.strip_prefix("commit=")?;
            let fits = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            fits.then(|| digits.parse().ok()).flatten().map(|amount| Verdict::Commit(Some(amount)))
        }
    }
}

impl Reservations {
    /// What to tell the accounts once the origin has answered.
    #[must_use]
    pub fn settle(&self, answer: &OriginAnswer<'_>) -> Vec<SubjectCall> {
        self.calls(answer.verdict())
    }

    /// What to tell the accounts where the request is refused after all.
    #[must_use]
    pub fn release(&self) -> Vec<SubjectCall> {
        self.calls(Verdict::Release)
    }

    /// The innermost account is told first, one call for each object.
    fn calls(&self, verdict: Verdict) -> Vec<SubjectCall> {
        let mut calls: Vec<SubjectCall> = Vec::new();
        for line in &self.lines {
            let Some(subject) = SubjectName::parse(&line.subject) else { continue };
            let settle = Op::Settle(Settle {
                account: line.account.clone(),
                request: self.request,
                attempt: self.attempt,
                verdict,
            });
            if let Some(call) = calls.iter_mut().find(|call| call.subject == subject) {
                call.call.ops.push(settle);
            } else {
                calls.push(SubjectCall { subject, call: Call::new(self.call, Vec::from([settle])) });
            }
        }
        calls
    }

    /// As a host keeps it until the origin has answered.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what a host has kept; `None` where it is none.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Line {
    /// What is set aside of an account of this object.
    #[must_use]
    pub fn new(subject: &SubjectName, account: String, joined: bool) -> Self {
        Self { subject: subject.to_string(), account, joined }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::subject::SubjectKind;

    fn of(status: u16, field: Option<&str>) -> Verdict {
        OriginAnswer::Response { status, field }.verdict()
    }

    #[test]
    fn what_nobody_knows_is_held() {
        for status in [100, 408, 500, 502, 503, 504, 599, 999] {
            assert_eq!(of(status, None), Verdict::Hold, "{status}");
        }
        assert_eq!(OriginAnswer::Lost.verdict(), Verdict::Hold);
        for field in [
            "",
            "Commit",
            "commit=",
            "commit=-1",
            "commit=1.5",
            "commit=+1",
            "commit= 1",
            "commit=1, release",
            "release=1",
            "commit=99999999999999999",
            "spent",
        ] {
            assert_eq!(of(200, Some(field)), Verdict::Hold, "{field}");
        }
    }

    #[test]
    fn what_was_refused_or_not_sent_is_released() {
        for status in [400, 401, 403, 404, 409, 422, 429, 499] {
            assert_eq!(of(status, None), Verdict::Release, "{status}");
        }
        assert_eq!(OriginAnswer::NotSent.verdict(), Verdict::Release);
        assert_eq!(of(200, Some("release")), Verdict::Release);
        assert_eq!(of(500, Some("release")), Verdict::Release);
    }

    #[test]
    fn what_was_done_is_committed() {
        for status in [101, 200, 201, 204, 302, 304] {
            assert_eq!(of(status, None), Verdict::Commit(None), "{status}");
        }
        assert_eq!(of(500, Some("commit")), Verdict::Commit(None));
        assert_eq!(of(200, Some(" commit=12 ")), Verdict::Commit(Some(12)));
        assert_eq!(of(200, Some("hold")), Verdict::Hold);
    }

    #[test]
    fn an_attempt_that_joined_says_how_it_ended_too() {
        let subject = |text: &str| SubjectName::new(SubjectKind::Budget, &[text]);
        let line = |who: &str, account: &str, joined| Line::new(&subject(who), account.into(), joined);
        let reservations = Reservations {
            call: RequestId::new("1"),
            attempt: AttemptId([1; 16]),
            request: ReservationId([2; 16]),
            lines: Vec::from([
                line("a", "x/EUR", true),
                line("b", "y/EUR", false),
                line("a", "z/EUR", false),
            ]),
        };
        let told = |calls: Vec<SubjectCall>| calls.iter().map(|call| call.call.ops.len()).collect::<Vec<_>>();
        assert_eq!(told(reservations.release()), [2, 1]);
        assert_eq!(told(reservations.settle(&OriginAnswer::Lost)), [2, 1]);
        let committed = reservations.settle(&OriginAnswer::Response { status: 200, field: None });
        assert_eq!(told(committed), [2, 1]);
        assert_eq!(Reservations::from_json(&reservations.to_json()), Some(reservations));
    }
}
