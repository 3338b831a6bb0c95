//! Events that wait in KV, where there is no queue or where it took them not: one entry for what was told together, under a
//! name that begins with when it is to be tried. KV takes one write a second of a name, so each state of an entry has a
//! name of its own: what was not delivered is written under the next one before the last is removed. Two that try the same
//! entry deliver its events twice, under the same `jti`.
//!
//! Dead letters are entries under other names, for [`DEAD_KEPT_FOR`]. To try one again is to write it back under a name of
//! the outbox.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign::event::delivery::{
    Answered, DEAD, DEAD_KEPT_FOR, Entry, FAILURES, KEPT_FOR, OUTBOX, due_of, pause_after,
};
use countersign::metrics::Target;
use countersign::time::UnixMillis;
use js_sys::{Array, Reflect};
use serde_json::Value;
use wasm_bindgen::JsCast;
use worker::{Delay, Env, KvStore, console_error, console_warn};

use super::push::push;
use crate::bindings::{binding, call, object};
use crate::isolate::{Isolate, KV, count, isolate, kv, now};

/// How long the cron leaves an entry to the isolate that has just written it: longer than that may go on.
const LEFT_TO_WRITER: Duration = Duration::from_mins(1);
/// How long the writer tries: 10 s. With the ten seconds that refusals are counted for, and the answer to the last try, that
/// is below the 30 s that a host may go on after a response.
const WRITER_TRIES_FOR: Duration = Duration::from_secs(10);
/// How long the cron tries, which comes every minute.
const CRON_TRIES_FOR: Duration = Duration::from_secs(50);
/// Most events that one run tries: 400, within the thousand calls that an invocation may make.
const MOST_TRIES: usize = 400;
/// Most entries that one run looks at, for the same reason: each is read, written and removed.
const MOST_ENTRIES: u32 = 100;
/// What dead letters say that were tried for too long.
const TOO_OLD: &str = "not accepted in time";
/// KV takes one write a second of a name.
const PAUSE: Duration = Duration::from_millis(1_100);

/// One run of tries.
struct Run {
    ends: UnixMillis,
    tries: usize,
    /// Failures after one another.
    failures: usize,
}

impl Run {
    fn new(tries_for: Duration) -> Self {
        Self { ends: now().plus(tries_for), tries: 0, failures: 0 }
    }

    /// Whether there is no use, or no time, to go on.
    fn is_over(&self) -> bool {
        self.failures >= FAILURES || self.tries >= MOST_TRIES || now() >= self.ends
    }

    /// Tries the events of an entry, one after another. What this run does not come to is left.
    async fn try_events(&mut self, isolate: &Isolate, events: &[Value]) -> Tried {
        let mut tried = Tried::default();
        for event in events {
            let answered =
                if self.is_over() { Answered::Failed } else { self.try_event(isolate, event).await };
            match answered {
                Answered::Accepted => {}
                Answered::Refused(code) => tried.refused.entry(code).or_default().push(event.clone()),
                Answered::Failed => tried.left.push(event.clone()),
            }
        }
        tried
    }

    async fn try_event(&mut self, isolate: &Isolate, event: &Value) -> Answered {
        self.tries += 1;
        let answered = push(isolate, event).await;
        self.failures = if answered == Answered::Failed { self.failures + 1 } else { 0 };
        answered
    }
}

/// What became of the events of an entry.
#[derive(Default)]
struct Tried {
    /// To be tried again.
    left: Vec<Value>,
    /// By what the receiver said.
    refused: BTreeMap<String, Vec<Value>>,
}

/// Writes events, all before it tries them, which it does once. Gives those back that are neither written nor delivered.
pub(crate) async fn put(isolate: &Isolate, env: &Env, events: Vec<Value>) -> Vec<Value> {
    let mut lost = Vec::new();
    let mut written = Vec::new();
    let Some(kv) = kv(env) else { return events };
    for entry in Entry::of(events, now()) {
        let name = entry.outbox_name(now().plus(LEFT_TO_WRITER));
        let is_written = write(&kv, &name, &entry.to_text(), KEPT_FOR).await;
        written.push((entry, name, is_written, now()));
    }
    let mut run = Run::new(WRITER_TRIES_FOR);
    for (entry, name, is_written, at) in written {
        let tried = run.try_events(isolate, &entry.events).await;
        if is_written && tried.left.len() == entry.events.len() {
            // The cron finds it as it is.
            continue;
        }
        let unsettled = settle(&kv, &entry, tried).await;
        if !is_written {
            lost.extend(unsettled);
        } else if unsettled.is_empty() {
            Delay::from(PAUSE.saturating_sub(now().since(at))).await;
            remove(&kv, &name).await;
        }
    }
    lost
}

/// Tries what is due: the cron's work. Where the receiver is down, the run ends after some failures, and what it has tried
/// waits longer than what it has not.
pub(crate) async fn drain(env: &Env) {
    let Some(isolate) = isolate(env).filter(|isolate| isolate.gate.events().is_some()) else { return };
    let Some(kv) = kv(env) else { return };
    let Some(names) = waiting(env).await else {
        console_error!("countersign cannot list the events in KV");
        return;
    };
    let mut run = Run::new(CRON_TRIES_FOR);
    // In the order of their names, which is that of when they are due.
    for name in names {
        if run.is_over() || due_of(&name).is_some_and(|due| due > now()) {
            break;
        }
        drain_one(&isolate, &kv, &name, &mut run).await;
    }
}

/// The names of entries, those that are due first before the others; at most [`MOST_ENTRIES`].
async fn waiting(env: &Env) -> Option<Vec<String>> {
    let options = object(&[("prefix", OUTBOX.into()), ("limit", MOST_ENTRIES.into())]);
    let listed = call(&binding(env, KV)?, "list", &[options]).await;
    count(Target::Kv, "list", listed.is_ok());
    let keys: Array = Reflect::get(&listed.ok()?, &"keys".into()).ok()?.dyn_into().ok()?;
    keys.iter().map(|key| Reflect::get(&key, &"name".into()).ok()?.as_string()).collect()
}

async fn drain_one(isolate: &Isolate, kv: &KvStore, name: &str, run: &mut Run) {
    // A list may be a minute behind; what is gone has been delivered.
    let Ok(Some(text)) = kv.get(name).text().await else { return };
    let is_settled = match Entry::from_text(&text) {
        Some(entry) => {
            let tried = run.try_events(isolate, &entry.events).await;
            settle(kv, &entry, tried).await.is_empty()
        }
        None => bury_text(kv, name, &text).await,
    };
    if is_settled {
        remove(kv, name).await;
    }
}

/// Writes what is left of an entry under the name of its next try, and what the receiver does not want among the dead
/// letters. Gives back what could not be written.
async fn settle(kv: &KvStore, entry: &Entry, tried: Tried) -> Vec<Value> {
    let Tried { left, mut refused } = tried;
    let now = now();
    let mut unsettled = Vec::new();
    if entry.is_given_up(now) {
        refused.entry(TOO_OLD.to_owned()).or_default().extend(left);
    } else if !left.is_empty() {
        let next = entry.with(left);
        let name = next.outbox_name(now.plus(pause_after(entry.age(now))));
        if !write(kv, &name, &next.to_text(), KEPT_FOR).await {
            unsettled.extend(next.events);
        }
    }
    for (said, events) in refused.into_iter().filter(|(_, events)| !events.is_empty()) {
        let dead = entry.dead(events, said);
        if !bury_in(kv, &dead).await {
            unsettled.extend(dead.events);
        }
    }
    unsettled
}

/// Writes an entry for the cron to deliver. Answers whether that could be done.
pub(crate) async fn keep(env: &Env, entry: &Entry) -> bool {
    let Some(kv) = kv(env) else { return false };
    write(&kv, &entry.outbox_name(now()), &entry.to_text(), KEPT_FOR).await
}

/// Writes a dead letter. Answers whether that could be done.
pub(crate) async fn bury(env: &Env, dead: &Entry) -> bool {
    match kv(env) {
        Some(kv) => bury_in(&kv, dead).await,
        None => false,
    }
}

async fn bury_in(kv: &KvStore, dead: &Entry) -> bool {
    let (name, said) = (dead.dead_name(), dead.error.as_deref().unwrap_or_default());
    console_warn!("countersign gives up on events, which are dead letters now under {name}: {said}");
    write(kv, &name, &dead.to_text(), DEAD_KEPT_FOR).await
}

/// Writes what is no entry where dead letters are, as it is. Answers whether that could be done.
pub(crate) async fn bury_unreadable(env: &Env, name: &str, text: &str) -> bool {
    match kv(env) {
        Some(kv) => bury_text(&kv, name, text).await,
        None => false,
    }
}

async fn bury_text(kv: &KvStore, name: &str, text: &str) -> bool {
    console_error!("countersign cannot read {name}");
    write(kv, &format!("{DEAD}{name}"), text, DEAD_KEPT_FOR).await
}

async fn write(kv: &KvStore, name: &str, text: &str, keep_for: Duration) -> bool {
    let written = match kv.put(name, text) {
        Ok(put) => put.expiration_ttl(keep_for.as_secs()).execute().await.is_ok(),
        Err(_) => false,
    };
    count(Target::Kv, "put", written);
    if !written {
        console_error!("countersign cannot write events to KV");
    }
    written
}

/// Removes an entry. One that stays is tried once more.
async fn remove(kv: &KvStore, name: &str) {
    let removed = kv.delete(name).await;
    count(Target::Kv, "delete", removed.is_ok());
    if removed.is_err() {
        console_error!("countersign cannot remove events from KV; they are delivered once more");
    }
}
