//! Security events on their way to the receiver: written after the response, delivered from there.
//!
//! With a queue bound they go into it, and the platform brings them back to [`queue`] until they are delivered; without one,
//! or where it does not take them, they wait in KV ([`outbox`]), from where the isolate itself tries once, and the cron until
//! it succeeds. From the moment that one of the two has an event it is delivered at least once, under one `jti`. No
//! request waits for any of it. An isolate that ends between a response and that moment takes its events with it; they
//! are in the log, as each is logged first.

pub(crate) mod outbox;
mod push;
pub(crate) mod queue;
pub(crate) mod unsent;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use countersign::event::Event;
use countersign::event::delivery::id;
use countersign::time::UnixMillis;
use serde_json::Value;
use worker::{Context, Delay, Env, console_error, console_log};

use crate::isolate::{Isolate, now};

/// How long after counted refusals should have been told nobody is believed to be about to tell them: 5 s.
const GRACE: Duration = Duration::from_secs(5);

thread_local! {
    /// Until when somebody is about to tell what was refused.
    static PLANNED: Cell<UnixMillis> = const { Cell::new(UnixMillis(0)) };
}

/// Tells events after the response.
pub(crate) fn tell(isolate: &Rc<Isolate>, env: &Env, events: &[Event], context: &Context) {
    if events.is_empty() {
        return;
    }
    let claims = events.iter().map(|event| isolate.gate.claims(event)).collect();
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    context.wait_until(async move {
        record(&isolate, &env, claims).await;
    });
}

/// Tells what was refused, when that is due. One request in [`FLUSH_AFTER`](countersign::event::refusals::FLUSH_AFTER)
/// waits for it, after its response.
pub(crate) fn tell_refusals(isolate: &Rc<Isolate>, env: &Env, context: &Context) {
    let now = now();
    let Some(due) = isolate.memory.borrow_mut().refusals().due(now) else { return };
    if PLANNED.get() > now {
        return;
    }
    PLANNED.set(now.plus(due + GRACE));
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    context.wait_until(async move {
        Delay::from(due).await;
        PLANNED.set(UnixMillis(0));
        let counted = isolate.memory.borrow_mut().refusals().take();
        let claims = counted.iter().map(|event| isolate.gate.claims(event)).collect();
        record(&isolate, &env, claims).await;
    });
}

/// Logs events, and puts them where they wait for delivery. Answers whether they are there, or need not be.
pub(crate) async fn record(isolate: &Isolate, env: &Env, claims: Vec<Value>) -> bool {
    for event in &claims {
        console_log!("{event}");
    }
    if isolate.gate.events().is_none() || claims.is_empty() {
        return true;
    }
    let left = queue::send(env, claims).await;
    if left.is_empty() {
        return true;
    }
    let lost = outbox::put(isolate, env, left).await;
    for event in &lost {
        console_error!("countersign could not keep event {}", id(event).unwrap_or_default());
    }
    lost.is_empty()
}
