//! Events of an object's own changes: stored with the change, and handed over until a queue or KV has them. So no
//! administrator's change goes untold, whatever ends before.

use std::cell::Cell;
use std::rc::Rc;

use countersign::event::Event;
use serde_json::Value;
use worker::{Env, Result, SqlStorage, SqlStorageValue, State, console_error};

use crate::isolate::isolate;

/// Most events that are handed over at once.
const MOST: i64 = 50;

/// What an object has not handed over.
#[derive(Default)]
pub(crate) struct Unsent {
    /// Whether that is being done.
    busy: Rc<Cell<bool>>,
}

/// Makes the table, where it is not there.
pub(crate) fn create(sql: &SqlStorage) -> Result<()> {
    sql.exec("CREATE TABLE IF NOT EXISTS unsent (id TEXT PRIMARY KEY, claims TEXT NOT NULL)", None)?;
    Ok(())
}

/// Stores the events of a change, in the turn that stores the change.
pub(crate) fn add(sql: &SqlStorage, events: &[Event], claims: impl Fn(&Event) -> Value) -> Result<()> {
    for event in events {
        let values = vec![event.id().into(), claims(event).to_string().into()];
        sql.exec("INSERT OR REPLACE INTO unsent VALUES (?, ?)", values)?;
    }
    Ok(())
}

impl Unsent {
    /// Hands over what there is, while the object goes on. What cannot be handed over is tried with its next alarm.
    pub(crate) fn hand_over(&self, state: &State, sql: SqlStorage, env: &Env) {
        if self.busy.replace(true) {
            return;
        }
        let (busy, env) = (Rc::clone(&self.busy), env.clone());
        state.wait_until(async move {
            while hand_over(&sql, &env).await.unwrap_or_else(|error| {
                console_error!("countersign cannot hand over events of the registry: {error}");
                false
            }) {}
            busy.set(false);
        });
    }
}

/// Hands some over. Answers whether there may be more.
async fn hand_over(sql: &SqlStorage, env: &Env) -> Result<bool> {
    let rows = sql.exec("SELECT id, claims FROM unsent LIMIT ?", vec![MOST.into()])?.raw();
    let (mut ids, mut events) = (Vec::new(), Vec::new());
    for row in rows {
        if let [SqlStorageValue::String(id), SqlStorageValue::String(claims)] = row?.as_slice() {
            ids.push(id.clone());
            events.push(serde_json::from_str(claims)?);
        }
    }
    let Some(isolate) = isolate(env).filter(|_| !ids.is_empty()) else { return Ok(false) };
    if !super::record(&isolate, env, events).await {
        return Ok(false);
    }
    for id in ids {
        sql.exec("DELETE FROM unsent WHERE id = ?", vec![id.into()])?;
    }
    Ok(true)
}
