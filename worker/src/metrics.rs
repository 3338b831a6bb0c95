//! What this isolate counts, on its way to the journal, and each decision as a point in Analytics Engine.
//!
//! Time advances with input and output alone, so that a step that waits for nothing takes none. Nothing here is waited for
//! before the response.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use countersign::config::Gate;
use countersign::decision::Decision;
use countersign::encoding::base64url;
use countersign::engine::Step;
use countersign::metrics::point::{Point, point};
use countersign::metrics::{Metrics, Target};
use countersign::time::UnixMillis;
use js_sys::Array;
use serde_json::Value;
use wasm_bindgen::JsValue;
use web_sys::Request;
use worker::{Context, Delay, Env, console_error};

use crate::bindings::{binding, invoke, object};
use crate::isolate::{Isolate, now, random};
use crate::{facts, journal};

/// The dataset that takes points.
pub(crate) const ANALYTICS: &str = "ANALYTICS";
/// How often an isolate tells what it counted, and how long at the most that takes to show where nothing else happens.
const EVERY: Duration = Duration::from_secs(10);
/// After how long somebody who was to tell is taken for dead.
const PATIENCE: Duration = Duration::from_mins(1);

/// What an isolate counts.
pub(crate) struct Counting {
    /// Whether anybody can read it.
    is_read: bool,
    has_analytics: bool,
    gate: GateBounds,
    metrics: RefCell<Metrics>,
    /// The name of the isolate, and the number of its next message: what is sent twice is counted once.
    name: String,
    number: Cell<u64>,
    /// What was sent and not confirmed.
    unconfirmed: RefCell<Option<(u64, Value)>>,
    /// When somebody is to tell.
    planned: Cell<Option<UnixMillis>>,
    has_begun: Cell<bool>,
}

/// What the configuration says of bounds.
struct GateBounds {
    max_agents: usize,
    agents: Vec<String>,
    sample: u32,
}

impl Counting {
    pub(crate) fn new(gate: &Gate, env: &Env, is_read: bool) -> Self {
        let bounds = GateBounds {
            max_agents: gate.metrics().agents,
            agents: gate.agents().agents().map(|agent| agent.id().to_owned()).collect(),
            sample: gate.metrics().sample,
        };
        let counting = Self {
            is_read,
            has_analytics: binding(env, ANALYTICS).is_some(),
            metrics: RefCell::new(Metrics::new(0)),
            gate: bounds,
            name: base64url::encode(&random::<12>()),
            number: Cell::new(1),
            unconfirmed: RefCell::default(),
            planned: Cell::default(),
            has_begun: Cell::default(),
        };
        counting.metrics.replace(counting.empty());
        counting
    }

    /// Nothing counted yet, with the bounds of the configuration.
    pub(crate) fn empty(&self) -> Metrics {
        let mut metrics = Metrics::new(self.gate.max_agents);
        self.gate.agents.iter().for_each(|agent| metrics.know(agent));
        metrics
    }

    fn count(&self, then: impl FnOnce(&mut Metrics)) {
        if self.is_read {
            then(&mut self.metrics.borrow_mut());
        }
    }

    /// Counts a call.
    pub(crate) fn call(&self, target: Target, operation: &'static str, succeeded: bool) {
        self.count(|metrics| metrics.call(target, operation, succeeded));
    }

    /// Counts how long a step took that began then.
    pub(crate) fn step(&self, name: &'static str, began: UnixMillis) {
        self.count(|metrics| metrics.step(name, now().since(began)));
    }

    /// Counts decisions of the audit log.
    pub(crate) fn audited(&self, written: u64, lost: u64) {
        self.count(|metrics| metrics.audited(written, lost));
    }
}

/// What a step is called.
pub(crate) fn name(step: &Step) -> &'static str {
    match step {
        Step::Keys(_) => "keys",
        Step::Agents => "agents",
        Step::Denials => "denials",
        Step::Wait => "wait",
        Step::Checks(_) => "checks",
        Step::Body => "body",
        Step::Limits(_) => "limits",
        Step::Flood(_) => "flood",
        Step::State(_) => "state",
        Step::Fetch(_) => "fetch",
        Step::Done(_) => "done",
    }
}

/// Counts a decision, and has it told after the response.
pub(crate) fn record(
    isolate: &Rc<Isolate>,
    env: &Env,
    request: &Request,
    decision: &Decision,
    began: UnixMillis,
    weight: Option<u32>,
    context: &Context,
) {
    let counting = &isolate.counting;
    if !counting.is_read && !counting.has_analytics {
        return;
    }
    // One more crossing into JavaScript, which only refusals pay for.
    let asn = decision.reason.and_then(|_| facts::asn(request));
    if counting.has_analytics
        && let Some(mut point) = point(decision, counting.gate.sample, now().since(began), asn)
        && let Some(weight) = weight
    {
        let [decisions, ..] = &mut point.doubles;
        *decisions *= f64::from(weight);
        analyse(env, &point);
    }
    counting.step("decision", began);
    counting.count(|metrics| {
        if !counting.has_begun.replace(true) {
            metrics.isolate();
        }
        metrics.decision(decision);
        if decision.reason.is_some() {
            metrics.failure_network(asn);
        }
    });
    let comes = counting.planned.get().is_some_and(|planned| now().since(planned) < PATIENCE);
    if counting.is_read && !comes {
        counting.planned.set(Some(now().plus(EVERY)));
        let (isolate, env) = (Rc::clone(isolate), env.clone());
        context.wait_until(async move {
            Delay::from(EVERY).await;
            isolate.counting.planned.set(None);
            tell(&isolate, &env).await;
        });
    }
}

/// Writes a point; nothing is waited for, and what the dataset does not take is nobody's harm.
fn analyse(env: &Env, point: &Point<'_>) {
    let Some(dataset) = binding(env, ANALYTICS) else { return };
    let blobs: Array = point.blobs.iter().map(|blob| JsValue::from_str(blob)).collect();
    let doubles: Array = point.doubles.iter().map(|double| JsValue::from_f64(*double)).collect();
    let indexes = Array::of1(&JsValue::from_str(point.index));
    let point = object(&[("indexes", indexes.into()), ("blobs", blobs.into()), ("doubles", doubles.into())]);
    let _ = invoke(&dataset, "writeDataPoint", &[point]);
}

/// Tells the journal what was counted. What it does not confirm is told again, under the same number.
pub(crate) async fn tell(isolate: &Isolate, env: &Env) {
    let counting = &isolate.counting;
    loop {
        let unconfirmed = counting.unconfirmed.borrow().clone();
        let (number, series) = if let Some(unconfirmed) = unconfirmed {
            unconfirmed
        } else {
            let taken = counting.metrics.borrow_mut().take();
            if taken.is_empty() {
                return;
            }
            let number = counting.number.replace(counting.number.get() + 1);
            let message = (number, taken.to_json());
            counting.unconfirmed.replace(Some(message.clone()));
            message
        };
        if journal::add(env, &counting.name, number, &series).await.is_err() {
            console_error!("countersign cannot add up its metrics; what was counted is kept");
            return;
        }
        let mut unconfirmed = counting.unconfirmed.borrow_mut();
        // Another request may have told it too, and something since.
        if unconfirmed.as_ref().is_some_and(|(other, _)| *other == number) {
            *unconfirmed = None;
        }
    }
}
