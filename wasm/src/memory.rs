//! What a process keeps between requests, and the key sets that the host brings into it.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign::decision::Decision;
use countersign::keys::{self, KeyReading, KeySource};
use countersign::memory::{self, LimitKey};
use countersign::metrics::Metrics;
use countersign::revocation::{Inquiry, InquiryReading, InquiryResponse};
use countersign::state::rate::Quota;
use countersign::time::UnixMillis;
use wasm_bindgen::prelude::*;

use crate::gate::Gate;
use crate::session::split;
use crate::step::{Check, KeysTaken, Stored, check_to_js, claims, keys_taken_to_js, stored_to_js};
use crate::unix_millis;

/// What a process keeps between requests. Bounded, however many agents there are.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Memory {
    inner: memory::Memory,
    /// The sources that the host was asked for and has not answered yet, by name: only the core makes sources, so
    /// that no host can pass off a directory as an issuer.
    asked: BTreeMap<String, KeySource>,
    /// What they answered, where the host has yet to verify signatures on it.
    read: BTreeMap<String, KeyReading>,
    /// The inquiries that the host has not answered yet, by id, and what they were answered with.
    inquiries: BTreeMap<String, Inquiry>,
    answers: BTreeMap<String, InquiryReading>,
    /// The limits that the store is to be told of, by name; nothing where there is no store.
    untold: Option<BTreeMap<String, (LimitKey, Quota)>>,
    metrics: Metrics,
}

#[wasm_bindgen]
impl Memory {
    /// Empty. `seed` spreads refreshes over time: any number that other processes do not share.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self {
            inner: memory::Memory::new(seed.into()),
            asked: BTreeMap::new(),
            read: BTreeMap::new(),
            inquiries: BTreeMap::new(),
            answers: BTreeMap::new(),
            untold: None,
            metrics: Metrics::new(0),
        }
    }

    /// Counts within the bounds that the gate's configuration sets, from nothing.
    #[wasm_bindgen(js_name = countFor)]
    pub fn count_for(&mut self, gate: &Gate) {
        self.metrics = Metrics::new(gate.inner().metrics().agents);
        gate.inner().agents().agents().for_each(|agent| self.metrics.know(agent.id()));
        self.metrics.isolate();
    }

    /// Has the host told what a store should be told: it has one.
    #[wasm_bindgen(js_name = withStore)]
    pub fn with_store(&mut self) {
        self.untold.get_or_insert_default();
    }

    /// Counts how many milliseconds a step took.
    #[wasm_bindgen(js_name = countStep)]
    pub fn count_step(&mut self, step: &str, millis: f64) {
        let took = Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default();
        self.metrics.step(step, took);
    }

    /// What was counted, in the text of `OpenMetrics`.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.metrics.openmetrics()
    }

    /// In how many milliseconds `takeRefusals` should be called; nothing where no request was refused since.
    #[wasm_bindgen(js_name = refusalsDue)]
    #[must_use]
    pub fn refusals_due(&mut self, now: f64) -> Option<u32> {
        let due = self.inner.refusals().due(unix_millis(now))?;
        Some(u32::try_from(due.as_millis()).unwrap_or(u32::MAX))
    }

    /// How many requests were refused, as the claims of events, each in JSON.
    #[wasm_bindgen(js_name = takeRefusals)]
    #[must_use]
    pub fn take_refusals(&mut self, gate: &Gate) -> Vec<String> {
        let counted = self.inner.refusals().take();
        claims(gate.inner(), &counted)
    }

    /// Whether the host may go to a source now: agents name directories themselves, and only so many new ones are
    /// fetched a minute.
    #[wasm_bindgen(js_name = mayFetch)]
    #[must_use]
    pub fn may_fetch(&mut self, name: &str, now: f64) -> bool {
        self.asked.get(name).is_some_and(|source| self.inner.may_fetch(source, unix_millis(now)))
    }

    /// Takes in what the store has for a source. Answers whether that is enough: else the host fetches.
    #[wasm_bindgen(js_name = keysLoaded)]
    pub fn keys_loaded(&mut self, name: &str, stored: &str, now: f64) -> bool {
        let Some(source) = self.asked.get(name) else { return false };
        let is_enough = self.inner.keys_loaded(source, stored, unix_millis(now));
        if is_enough {
            self.asked.remove(name);
        }
        is_enough
    }

    /// Takes in what a source answered: the name and the value of each field line in turn, in UTF-8, and how many bytes
    /// each of them has; no body where it is longer than `maxKeyDocumentBytes`. Gives the signatures on it that the host
    /// has to verify, and goes on with `keysVerified`, also where there are none.
    #[wasm_bindgen(js_name = keysFetched)]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is optional crosses from JavaScript as an owned value only"
    )]
    pub fn keys_fetched(
        &mut self,
        name: &str,
        status: u16,
        fields: &[u8],
        lengths: &[u32],
        body: Option<Vec<u8>>,
        now: f64,
    ) -> Result<Vec<Check>, JsError> {
        let Some(source) = self.asked.get(name) else { return Ok(Vec::new()) };
        let lines =
            split(fields, lengths).ok_or_else(|| JsError::new("lengths are not those of the fields"))?;
        let mut response = keys::KeyResponse::new(status, body.as_deref());
        for line in lines.chunks_exact(2) {
            if let [name, value] = line {
                response = response.with(name, value);
            }
        }
        let reading = source.read(&response, unix_millis(now).seconds());
        let checks = reading.checks().iter().map(check_to_js).collect();
        self.read.insert(name.to_owned(), reading);
        Ok(checks)
    }

    /// Takes in, for each of the checks in order, whether its signature is valid (not 0).
    #[wasm_bindgen(js_name = keysVerified)]
    pub fn keys_verified(&mut self, name: &str, verdicts: &[u8], now: f64) -> Option<KeysTaken> {
        let (source, reading) = (self.asked.remove(name)?, self.read.remove(name)?);
        let verdicts: Vec<bool> = verdicts.iter().map(|verdict| *verdict != 0).collect();
        let taken = self.inner.keys_read(&source, reading, &verdicts, unix_millis(now));
        Some(keys_taken_to_js(&source, &taken))
    }

    /// Takes in what came of an inquiry, as `keysFetched` does; no body where it is longer than `maxBytes`. Gives the
    /// signatures on it that the host has to verify, and goes on with `inquiryVerified`, also where there are none.
    #[wasm_bindgen(js_name = inquiryAnswered)]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is optional crosses from JavaScript as an owned value only"
    )]
    pub fn inquiry_answered(
        &mut self,
        id: &str,
        status: u16,
        fields: &[u8],
        lengths: &[u32],
        body: Option<Vec<u8>>,
        now: f64,
    ) -> Result<Vec<Check>, JsError> {
        let Some(inquiry) = self.inquiries.get(id) else { return Ok(Vec::new()) };
        let lines =
            split(fields, lengths).ok_or_else(|| JsError::new("lengths are not those of the fields"))?;
        let mut response = InquiryResponse::new(status, body.as_deref());
        for line in lines.chunks_exact(2) {
            if let [name, value] = line {
                response = response.with(name, value);
            }
        }
        let reading = inquiry.read(&response, unix_millis(now).seconds());
        let checks = reading.checks().iter().map(check_to_js).collect();
        self.answers.insert(id.to_owned(), reading);
        Ok(checks)
    }

    /// Takes in, for each of the checks in order, whether its signature is valid (not 0). Gives a line for a log where
    /// there is no answer.
    #[wasm_bindgen(js_name = inquiryVerified)]
    pub fn inquiry_verified(&mut self, id: &str, verdicts: &[u8], now: f64) -> Option<String> {
        let (inquiry, reading) = (self.inquiries.remove(id)?, self.answers.remove(id)?);
        let verdicts: Vec<bool> = verdicts.iter().map(|verdict| *verdict != 0).collect();
        // There is no store: this process is all there is.
        let taken = self.inner.inquiry_answered(&inquiry, reading, &verdicts, unix_millis(now));
        taken.error.map(|error| format!("on {}: {error}", inquiry.configured()))
    }

    /// Takes in that an inquiry got no answer. Gives a line for a log.
    #[wasm_bindgen(js_name = inquiryFailed)]
    pub fn inquiry_failed(&mut self, id: &str, now: f64) -> Option<String> {
        self.answers.remove(id);
        let inquiry = self.inquiries.remove(id)?;
        self.inner.inquiry_failed(&inquiry, unix_millis(now));
        Some(format!("on {}: no answer", inquiry.configured()))
    }

    /// Takes in what the store has of the registry of agents. Whoever writes it is not here to be asked: what is outdated
    /// is a failure.
    #[wasm_bindgen(js_name = agentsLoaded)]
    pub fn agents_loaded(&mut self, document: &str, now: f64) {
        if !self.inner.agents_loaded(Some(document), unix_millis(now)) {
            self.inner.agents_failed(unix_millis(now));
        }
    }

    /// Takes in that the store did not answer, or has no registry.
    #[wasm_bindgen(js_name = agentsFailed)]
    pub fn agents_failed(&mut self, now: f64) {
        self.inner.agents_failed(unix_millis(now));
    }

    /// Takes in what the store has of the deny list, as [`Self::agents_loaded`] does.
    #[wasm_bindgen(js_name = denialsLoaded)]
    pub fn denials_loaded(&mut self, document: &str, now: f64) {
        if !self.inner.denials_loaded(Some(document), unix_millis(now)) {
            self.inner.denials_failed(unix_millis(now));
        }
    }

    /// Takes in that the store did not answer, or has no deny list.
    #[wasm_bindgen(js_name = denialsFailed)]
    pub fn denials_failed(&mut self, now: f64) {
        self.inner.denials_failed(unix_millis(now));
    }

    /// Takes in that a source did not answer. Gives what to store.
    #[wasm_bindgen(js_name = keysFailed)]
    pub fn keys_failed(&mut self, name: &str, now: f64) -> Option<Stored> {
        self.read.remove(name);
        let source = self.asked.remove(name)?;
        let (text, keep_for) = self.inner.keys_failed(&source, unix_millis(now))?;
        Some(stored_to_js(name, &text, keep_for))
    }

    /// Puts what this process counted of a limit to what the store has of it. Gives what to store.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is optional crosses from JavaScript as an owned value only"
    )]
    pub fn tell(&mut self, name: &str, stored: Option<String>, now: f64) -> Option<Stored> {
        let limit = self.untold.as_mut()?.remove(name)?;
        let text = self.inner.tell(limit, stored.as_deref(), unix_millis(now));
        // The window before counts as well.
        Some(stored_to_js(name, &text, limit.1.window.saturating_mul(2)))
    }
}

impl Memory {
    pub(crate) fn inner(&mut self) -> &mut memory::Memory {
        &mut self.inner
    }

    /// Counts a decision, and of a refusal where it came from.
    pub(crate) fn count(&mut self, decision: &Decision, asn: Option<u32>) {
        self.metrics.decision(decision);
        if decision.reason.is_some() {
            self.metrics.failure_network(asn);
        }
    }

    /// What to store of a key set that has just proven its worth.
    pub(crate) fn proven(&mut self, source: &KeySource, now: UnixMillis) -> Option<Stored> {
        self.untold.as_ref()?;
        let (text, keep_for) = self.inner.keys_to_store(source, now)?;
        Some(stored_to_js(&source.name(), &text, keep_for))
    }

    /// The names of limits that the store is to be told of, through [`Self::tell`].
    pub(crate) fn tells(&mut self, limits: Vec<(LimitKey, Quota)>) -> Vec<String> {
        let Some(untold) = &mut self.untold else { return Vec::new() };
        let names = limits.iter().map(|(key, _)| key.name()).collect();
        untold.extend(limits.into_iter().map(|limit| (limit.0.name(), limit)));
        names
    }

    pub(crate) fn inquires(&mut self, inquiries: Vec<Inquiry>) {
        self.inquiries.extend(inquiries.into_iter().map(|inquiry| (inquiry.id(), inquiry)));
    }

    pub(crate) fn asks_for(&mut self, sources: Vec<KeySource>) {
        self.asked.extend(sources.into_iter().map(|source| (source.name(), source)));
    }
}
