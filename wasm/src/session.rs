//! The facts of a request, and the host's answers to each step.

use std::sync::Arc;

use countersign::config;
use countersign::engine::{self, Answer, Conclusion};
use countersign::event::Subject;
use countersign::memory::LimitKey;
use countersign::reason::Reason;
use countersign::request::{Fields, RequestError, RequestView, Target};
use countersign::state::rate::Quota;
use countersign::state::subject::{Reply, SubjectCall};
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::gate::Gate;
use crate::memory::Memory;
use crate::step::{self, Step};
use crate::unix_millis;

/// One request on its way through the gate.
#[wasm_bindgen]
pub struct Session {
    /// What cannot be viewed has its decision already.
    inner: Result<engine::Session, Option<Conclusion>>,
    gate: Arc<config::Gate>,
    /// The limits that the host was asked for in the step before.
    asked: Vec<(LimitKey, Quota)>,
    /// The calls to subjects of the step before.
    called: Vec<SubjectCall>,
    /// The network that it came from.
    asn: Option<u32>,
}

#[wasm_bindgen]
impl Session {
    /// A session for one request. `fields` has the name and the value of each field line in turn, in UTF-8, and
    /// `lengths` how many bytes each of them has; `entropy` is ten random bytes; `client` is what the host knows of the
    /// connection.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::too_many_arguments, reason = "an object of them would have to be read member by member")]
    pub fn new(
        gate: &Gate,
        method: &str,
        url: &str,
        fields: &[u8],
        lengths: &[u32],
        has_body: bool,
        now: f64,
        entropy: &[u8],
        client: Option<Client>,
    ) -> Result<Self, JsError> {
        let entropy = entropy.try_into().map_err(|_| JsError::new("entropy is not ten bytes"))?;
        let lines =
            split(fields, lengths).ok_or_else(|| JsError::new("lengths are not those of the fields"))?;
        let now = unix_millis(now);
        let client = client.map(Client::into_inner).unwrap_or_default();
        let asn = client.asn;
        let inner = match view(method, url, &lines, has_body) {
            Ok(view) => {
                let view = view.with_client(client);
                Ok(engine::Session::new(Arc::clone(gate.inner()), view, now, entropy))
            }
            Err(error) => {
                let decision = engine::Session::refuse_unviewable(Reason::from(error), now, entropy);
                Err(Some(Conclusion::from(decision)))
            }
        };
        Ok(Self { inner, gate: Arc::clone(gate.inner()), asked: Vec::new(), called: Vec::new(), asn })
    }

    /// The first step, and the one after `keys` and `wait`.
    pub fn step(&mut self, memory: &mut Memory, now: f64) -> Result<Step, JsError> {
        self.answer(memory, now, &Answer::Ready)
    }

    /// The step after `checks`: for each of them, in order, whether its signature is valid (not 0).
    #[wasm_bindgen(js_name = stepWithVerdicts)]
    pub fn step_with_verdicts(
        &mut self,
        memory: &mut Memory,
        now: f64,
        verdicts: &[u8],
    ) -> Result<Step, JsError> {
        let verdicts: Vec<bool> = verdicts.iter().map(|verdict| *verdict != 0).collect();
        self.answer(memory, now, &Answer::Verdicts(&verdicts))
    }

    /// The step after `body`: the whole of it.
    #[wasm_bindgen(js_name = stepWithBody)]
    pub fn step_with_body(&mut self, memory: &mut Memory, now: f64, body: &[u8]) -> Result<Step, JsError> {
        self.answer(memory, now, &Answer::Body(body))
    }

    /// The step after `body`, where it is too large, or else broke off.
    #[wasm_bindgen(js_name = stepWithoutBody)]
    pub fn step_without_body(
        &mut self,
        memory: &mut Memory,
        now: f64,
        too_large: bool,
    ) -> Result<Step, JsError> {
        self.answer(memory, now, if too_large { &Answer::BodyTooLarge } else { &Answer::BodyUnreadable })
    }

    /// The step after `limits`: what the store has for each of them, in order; an empty text where it has nothing.
    #[wasm_bindgen(js_name = stepWithCounts)]
    pub fn step_with_counts(
        &mut self,
        memory: &mut Memory,
        now: f64,
        stored: Vec<String>,
    ) -> Result<Step, JsError> {
        let mut stored = stored.into_iter();
        for limit in std::mem::take(&mut self.asked) {
            let stored = stored.next().filter(|stored| !stored.is_empty());
            memory.inner().ask(limit, stored.as_deref(), unix_millis(now));
        }
        self.answer(memory, now, &Answer::Ready)
    }

    /// The step after `flood`: whether each shield lets the request through, in order: 0 or 1, and anything else where one
    /// could not be asked.
    #[wasm_bindgen(js_name = stepWithFloods)]
    pub fn step_with_floods(
        &mut self,
        memory: &mut Memory,
        now: f64,
        floods: &[u8],
    ) -> Result<Step, JsError> {
        let said = |flood: &u8| match flood {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        let floods: Vec<_> = floods.iter().map(said).collect();
        self.answer(memory, now, &Answer::Flood(&floods))
    }

    /// The step after `state`: what each subject said, in order, in JSON; an empty text where one could not be asked.
    #[wasm_bindgen(js_name = stepWithReplies)]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "lists of texts cross from JavaScript as owned values only"
    )]
    pub fn step_with_replies(
        &mut self,
        memory: &mut Memory,
        now: f64,
        replies: Vec<String>,
    ) -> Result<Step, JsError> {
        let called = std::mem::take(&mut self.called);
        let replies: Vec<_> =
            called.iter().zip(&replies).map(|(asked, text)| Reply::from_json(text, &asked.call)).collect();
        self.answer(memory, now, &Answer::State(&replies))
    }
}

impl Session {
    fn answer(&mut self, memory: &mut Memory, now: f64, answer: &Answer<'_>) -> Result<Step, JsError> {
        let next = match &mut self.inner {
            Ok(session) => session.step(memory.inner(), unix_millis(now), answer),
            Err(conclusion) => {
                let conclusion = conclusion.take().ok_or_else(|| JsError::new("the session is over"))?;
                if let Some(reason) = conclusion.decision.reason {
                    let refusals = memory.inner().refusals();
                    refusals.count(Subject::Unidentified, reason, &conclusion.decision.id, unix_millis(now));
                }
                engine::Step::Done(Box::new(conclusion))
            }
        };
        if let engine::Step::Done(conclusion) = &next {
            memory.count(&conclusion.decision, self.asn);
        }
        if let engine::Step::Limits(asked) = &next {
            self.asked.clone_from(asked);
        }
        if let engine::Step::State(called) = &next {
            self.called.clone_from(called);
        }
        Ok(step::to_js(next, memory, &self.gate, unix_millis(now)))
    }
}

/// A request as the host describes it, its field lines as names and values in turn.
pub(crate) fn view(
    method: &str,
    url: &str,
    lines: &[&str],
    has_body: bool,
) -> Result<RequestView, RequestError> {
    RequestView::new(method, Target::parse(url)?, fields_of(lines)?, has_body)
}

/// Field lines, from names and values in turn.
pub(crate) fn fields_of(lines: &[&str]) -> Result<Fields, RequestError> {
    let mut fields = Fields::new();
    for line in lines.chunks_exact(2) {
        if let [name, value] = line {
            fields.push(name, value)?;
        }
    }
    Ok(fields)
}

/// The strings that were joined; `None` where the lengths are not theirs.
pub(crate) fn split<'a>(joined: &'a [u8], lengths: &[u32]) -> Option<Vec<&'a str>> {
    let mut rest = str::from_utf8(joined).ok()?;
    let mut strings = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (string, after) = rest.split_at_checked(usize::try_from(*length).ok()?)?;
        strings.push(string);
        rest = after;
    }
    (rest.is_empty() && strings.len().is_multiple_of(2)).then_some(strings)
}
