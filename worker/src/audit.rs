//! The audit log: to a queue, an R2 bucket or the host's log, after the response, and to the ledger how far it was written.
//!
//! What is due, and what a line is, the core says ([`Log`]). Here it is signed, written and tried again. A batch that a queue
//! brings back to this Worker goes into the bucket under the name that its lines give it, so that one that is delivered twice
//! is there once.

use std::cell::RefCell;
use std::rc::Rc;

use countersign::audit::log::{Batch, Work};
use countersign::audit::{CHECKPOINT_TYPE, Log, Shard, name_of};
use countersign::config::{Audit, AuditSink, Gate, PublicOrigin};
use countersign::decision::Decision;
use countersign::metrics::Target;
use serde_json::Value;
use worker::{Context, Delay, Env, MessageBatch, MessageExt, console_error, console_log};

use crate::bindings::{binding, call, object};
use crate::isolate::{Isolate, now, random};
use crate::journal;

/// The queue that takes batches.
pub(crate) const QUEUE: &str = "AUDIT_QUEUE";
/// The bucket that takes them, here or from the queue.
pub(crate) const BUCKET: &str = "AUDIT_BUCKET";
/// How often a batch is tried in one go. With pauses of 1, 2 and 4 seconds this stays within the 30 that there are.
const TRIES: u32 = 4;

/// The log of this isolate, where one is configured.
pub(crate) fn log(gate: &Gate) -> Option<RefCell<Log>> {
    let issuer = gate.public_origins().first().map(PublicOrigin::url).unwrap_or_default();
    let new = |settings: &Audit| {
        Log::new(settings.clone(), Shard::new(random()), &issuer, env!("CARGO_PKG_VERSION"), now())
    };
    gate.audit().map(new).map(RefCell::new)
}

/// What the configuration needs and is not bound.
pub(crate) fn missing(gate: &Gate, env: &Env) -> Option<&'static str> {
    let name = match gate.audit()?.sink {
        AuditSink::Queue => QUEUE,
        AuditSink::R2 => BUCKET,
        AuditSink::Console => return None,
    };
    binding(env, name).is_none().then_some(name)
}

/// Puts a decision into the log, and has it written after the response. False where there is no log.
pub(crate) fn record(isolate: &Rc<Isolate>, env: &Env, decision: &Decision, context: &Context) -> bool {
    let Some(log) = &isolate.audit else { return false };
    log.borrow_mut().decision(decision, now());
    if let Some(wait) = log.borrow_mut().plan(now()) {
        let (isolate, env) = (Rc::clone(isolate), env.clone());
        context.wait_until(async move {
            Delay::from(wait).await;
            write(&isolate, &env).await;
            // A console has lines at once, and their checkpoint later.
            let again = isolate.audit.as_ref().and_then(|log| log.borrow_mut().plan(now()));
            if let Some(wait) = again {
                Delay::from(wait).await;
                write(&isolate, &env).await;
            }
        });
    }
    true
}

/// Writes what waits.
async fn write(isolate: &Isolate, env: &Env) {
    let Some(log) = &isolate.audit else { return };
    if !log.borrow_mut().begin(now()) {
        return;
    }
    let mut written = None;
    let mut tries = 0;
    loop {
        let work = log.borrow_mut().work(now());
        match work {
            None => break,
            Some(Work::Sign(claims)) => {
                let jws = isolate.signer.statement(CHECKPOINT_TYPE, &claims).await;
                if jws.is_err() {
                    console_error!("countersign cannot sign a checkpoint of its audit log");
                }
                log.borrow_mut().signed(jws.ok().as_deref(), now());
            }
            Some(Work::Write(batch)) if put(isolate, env, &batch).await => {
                log.borrow_mut().written(batch.head);
                isolate.counting.audited(batch.decisions, batch.lost);
                written = Some(batch.head);
                tries = 0;
            }
            Some(Work::Write(_)) => {
                let pause = log.borrow_mut().failed(now());
                tries += 1;
                if tries >= TRIES {
                    console_error!(
                        "countersign cannot write its audit log; it is kept, as far as there is room"
                    );
                    break;
                }
                Delay::from(pause).await;
            }
        }
    }
    log.borrow_mut().end();
    if let Some(head) = written
        && journal::is_bound(env)
        && journal::record(isolate, env, &head).await.is_err()
    {
        console_error!("countersign cannot record how far its audit log was written; the next time it will");
    }
}

/// Hands a batch to where it is kept; false where that does not take it.
async fn put(isolate: &Isolate, env: &Env, batch: &Batch) -> bool {
    let sink = isolate.gate.audit().map_or(AuditSink::Console, |audit| audit.sink);
    match sink {
        AuditSink::Console => {
            batch.text.lines().for_each(|line| console_log!("{line}"));
            true
        }
        AuditSink::R2 => {
            let taken = store(env, &batch.name(), &batch.text).await;
            isolate.counting.call(Target::R2, "put", taken);
            taken
        }
        AuditSink::Queue => {
            let Some(queue) = binding(env, QUEUE) else { return false };
            let options = object(&[("contentType", "text".into())]);
            let taken = call(&queue, "send", &[batch.text.as_str().into(), options]).await.is_ok();
            isolate.counting.call(Target::Queue, "send", taken);
            taken
        }
    }
}

async fn store(env: &Env, name: &str, text: &str) -> bool {
    let Some(bucket) = binding(env, BUCKET) else { return false };
    let kind = object(&[("contentType", "application/x-ndjson".into())]);
    let options = object(&[("httpMetadata", kind)]);
    call(&bucket, "put", &[name.into(), text.into(), options]).await.is_ok()
}

/// Takes batches from the queue: each that is stored is acknowledged, and each other comes again, in the end to the dead
/// letters, where nothing of it is lost.
pub(crate) async fn consume(batch: &MessageBatch<Value>, env: &Env) {
    for message in batch.raw_iter() {
        let body = message.body().as_string();
        let stored = match body.as_deref().and_then(|text| Some((name_of(text)?, text))) {
            Some((name, text)) => store(env, &name, text).await,
            None => false,
        };
        if stored {
            message.ack();
        } else {
            console_error!("countersign cannot store a batch of its audit log; the queue keeps it");
            message.retry();
        }
    }
}
