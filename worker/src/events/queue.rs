//! Events in a queue: a message for each, which the platform brings back until it is acknowledged.
//!
//! What a receiver will never take becomes a dead letter, in KV like those of the outbox, so that there is one place to look
//! at; so does what the platform gives up on, which it puts into the queue for dead letters. What has been failing for
//! [`IN_QUEUE_FOR`] goes on from the outbox, as a queue may forget what is older than a day.

use std::time::Duration;

use countersign::event::delivery::{Answered, Entry, FAILURES, pause_after};
use countersign::metrics::Target;
use js_sys::Array;
use serde_json::Value;
use wasm_bindgen::JsValue;
use worker::{Env, MessageBatch, MessageExt, QueueRetryOptionsBuilder, console_error};

use super::{outbox, push};
use crate::bindings::{binding, call, object};
use crate::isolate::{Isolate, count, isolate, now};

/// The queue that events are sent to.
const EVENTS_QUEUE: &str = "EVENTS_QUEUE";
/// Most messages that are sent at once, and most bytes of them: 100, and 192 KiB of the 256 KB that the platform takes.
const MOST_MESSAGES: usize = 100;
const MOST_BYTES: usize = 192 * 1024;
/// How long an event stays in the queue: 12 h.
const IN_QUEUE_FOR: Duration = Duration::from_hours(12);

/// Sends events. Gives those back that the queue did not take, which are all where none is bound.
pub(crate) async fn send(env: &Env, events: Vec<Value>) -> Vec<Value> {
    let Some(queue) = binding(env, EVENTS_QUEUE) else { return events };
    let mut left = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for entry in Entry::of_each(events, now()) {
        let text = entry.to_text();
        if batch.len() >= MOST_MESSAGES || bytes + text.len() > MOST_BYTES {
            left.extend(send_batch(&queue, core::mem::take(&mut batch)).await);
            bytes = 0;
        }
        bytes += text.len();
        batch.push((entry, text));
    }
    left.extend(send_batch(&queue, batch).await);
    if !left.is_empty() {
        console_error!("countersign cannot send events to the queue; they go by KV");
    }
    left
}

async fn send_batch(queue: &JsValue, batch: Vec<(Entry, String)>) -> Vec<Value> {
    if batch.is_empty() {
        return Vec::new();
    }
    let message = |text: &str| object(&[("body", text.into()), ("contentType", "text".into())]);
    let messages: Array = batch.iter().map(|(_, text)| message(text)).collect();
    let is_sent = call(queue, "sendBatch", &[messages.into()]).await.is_ok();
    count(Target::Queue, "send", is_sent);
    if is_sent { Vec::new() } else { batch.into_iter().flat_map(|(entry, _)| entry.events).collect() }
}

/// Delivers what the queue brings. After some failures the rest of the batch is not tried: the receiver is down.
pub(crate) async fn deliver(env: &Env, batch: &MessageBatch<Value>) {
    let Some(isolate) = isolate(env).filter(|isolate| isolate.gate.events().is_some()) else {
        return batch.retry_all();
    };
    let mut failures = 0;
    for message in batch.raw_iter() {
        let Some(entry) = entry_of(&message) else {
            // After some tries it is among the dead letters, as it is.
            console_error!("countersign cannot read a message of the queue of events");
            message.retry();
            continue;
        };
        let outcome =
            if failures < FAILURES { deliver_one(&isolate, &entry).await } else { Answered::Failed };
        let is_settled = match outcome {
            Answered::Accepted => {
                failures = 0;
                true
            }
            Answered::Refused(said) => {
                failures = 0;
                outbox::bury(env, &entry.dead(entry.events.clone(), said)).await
            }
            Answered::Failed => {
                failures += 1;
                entry.age(now()) >= IN_QUEUE_FOR && outbox::keep(env, &entry).await
            }
        };
        if is_settled {
            message.ack();
        } else {
            let pause = u32::try_from(pause_after(entry.age(now())).as_secs()).unwrap_or(u32::MAX);
            message.retry_with_options(&QueueRetryOptionsBuilder::new().with_delay_seconds(pause).build());
        }
    }
}

/// The events of a message, of which there is one; where somebody wrote more, the first that is not taken decides.
async fn deliver_one(isolate: &Isolate, entry: &Entry) -> Answered {
    for event in &entry.events {
        let answered = push::push(isolate, event).await;
        if answered != Answered::Accepted {
            return answered;
        }
    }
    Answered::Accepted
}

/// Keeps what the platform has given up on.
pub(crate) async fn bury(env: &Env, batch: &MessageBatch<Value>) {
    for message in batch.raw_iter() {
        let kept = match (entry_of(&message), message.body().as_string()) {
            (Some(entry), _) => {
                outbox::bury(env, &entry.dead(entry.events.clone(), "given up by the queue")).await
            }
            (None, Some(text)) => outbox::bury_unreadable(env, &message.id(), &text).await,
            // Nothing of the gate's: its messages are texts.
            (None, None) => true,
        };
        if kept { message.ack() } else { message.retry() }
    }
}

fn entry_of(message: &worker::RawMessage) -> Option<Entry> {
    Entry::from_text(&message.body().as_string()?)
}
