//! The deny list in the registry's Durable Object: one row an entry, an audit trail of its own, and the document that KV
//! gets. The object applies one change after another and keeps the ledger in memory, as it is the only one that changes it.

use std::cell::RefCell;

use countersign::event::Event;
use countersign::registry::admin::{Answer, MAX_EVENTS, Request};
use countersign::registry::copy::published;
use countersign::revocation::admin::Command;
use countersign::revocation::ledger::{Changed, Denial, Ledger};
use serde_json::Value;
use worker::{Error, Result, SqlStorage, SqlStorageValue};

use crate::events::unsent;
use crate::isolate::{Isolate, now};
use crate::registry::{Answered, KEPT_EVENTS, integer};

/// The deny list, as the object has it.
#[derive(Default)]
pub(crate) struct Denials {
    ledger: RefCell<Option<Ledger>>,
}

impl Denials {
    /// Answers a request to the admin API, `Err` where the store fails. Nothing waits in here.
    pub(crate) fn answer(
        &self,
        sql: &SqlStorage,
        isolate: &Isolate,
        request: &Request<'_>,
        decision: &str,
    ) -> Result<Answered> {
        let command = match Command::parse(request, &isolate.gate, now()) {
            Ok(command) => command,
            Err(error) => return Ok(Answered::new(Answer::problem(&error, request.path))),
        };
        if let Command::Audit { after } = command {
            return Ok(Answered::new(Answer::audit(&events(sql, after)?)));
        }
        self.load(sql)?;
        let mut held = self.ledger.borrow_mut();
        let ledger = held.as_mut().ok_or_else(|| Error::from("there is no deny list"))?;
        match command.answer(ledger, now()) {
            Err(error) => Ok(Answered::new(Answer::problem(&error, request.path))),
            Ok((answer, None)) => Ok(Answered::new(answer)),
            Ok((answer, Some(changed))) => {
                if let Err(error) = store(sql, &changed) {
                    // What the store has is what counts.
                    *held = None;
                    return Err(error);
                }
                ledger.take(&changed);
                let events = Event::of_revocation(&changed.event, decision);
                unsent::add(sql, &events, |event| isolate.gate.claims(event))?;
                Ok(Answered { denied: changed.put, ..Answered::new(answer) })
            }
        }
    }

    /// The document as of now, for whoever reads it, and the revision that it is of.
    pub(crate) fn document(&self, sql: &SqlStorage) -> Result<(String, u64)> {
        self.load(sql)?;
        let held = self.ledger.borrow();
        let ledger = held.as_ref().ok_or_else(|| Error::from("there is no deny list"))?;
        let document = published(&ledger.deny_list().to_json(), now());
        Ok((document.ok_or_else(|| Error::from("there is no deny list"))?, ledger.revision()))
    }

    /// Drops what has ended.
    pub(crate) fn purge(&self, sql: &SqlStorage) -> Result<()> {
        self.load(sql)?;
        let mut held = self.ledger.borrow_mut();
        let Some(ledger) = held.as_mut() else { return Ok(()) };
        let expired = ledger.expired(now().seconds());
        for digest in &expired {
            sql.exec("DELETE FROM denials WHERE digest = ?", vec![digest.to_text().into()])?;
        }
        ledger.forget(&expired);
        Ok(())
    }

    fn load(&self, sql: &SqlStorage) -> Result<()> {
        if self.ledger.borrow().is_none() {
            *self.ledger.borrow_mut() = Some(load(sql)?);
        }
        Ok(())
    }
}

/// Makes the tables, where they are not there.
pub(crate) fn create(sql: &SqlStorage) -> Result<()> {
    sql.exec("CREATE TABLE IF NOT EXISTS denials (digest TEXT PRIMARY KEY, entry TEXT NOT NULL)", None)?;
    sql.exec(
        "CREATE TABLE IF NOT EXISTS denial_audit (revision INTEGER PRIMARY KEY, event TEXT NOT NULL)",
        None,
    )?;
    sql.exec(
        "CREATE TABLE IF NOT EXISTS denial_state (one INTEGER PRIMARY KEY CHECK (one = 1),
         revision INTEGER NOT NULL, published INTEGER)",
        None,
    )?;
    sql.exec("INSERT OR IGNORE INTO denial_state (one, revision) VALUES (1, 0)", None)?;
    Ok(())
}

/// Whether KV has not been told of the newest revision.
pub(crate) fn is_unpublished(sql: &SqlStorage) -> Result<bool> {
    let query = "SELECT 1 FROM denial_state WHERE published IS NOT revision";
    Ok(sql.exec(query, None)?.raw().next().transpose()?.is_some())
}

/// Remembers which revision KV has.
pub(crate) fn set_published(sql: &SqlStorage, revision: u64) -> Result<()> {
    sql.exec("UPDATE denial_state SET published = ?", vec![integer(revision)?])?;
    Ok(())
}

fn load(sql: &SqlStorage) -> Result<Ledger> {
    let revision =
        match sql.exec("SELECT revision FROM denial_state", None)?.raw().next().transpose()?.as_deref() {
            Some([SqlStorageValue::Integer(revision)]) => u64::try_from(*revision).unwrap_or_default(),
            _ => return Err(Error::from("the deny list has no revision")),
        };
    let entry = |row: Result<Vec<SqlStorageValue>>| match row?.as_slice() {
        // An entry that cannot be read must not let anybody in.
        [SqlStorageValue::String(entry)] => {
            Denial::from_json(entry).ok_or_else(|| Error::from("an entry of the deny list cannot be read"))
        }
        _ => Err(Error::from("an entry of the deny list is no text")),
    };
    let entries: Vec<_> =
        sql.exec("SELECT entry FROM denials", None)?.raw().map(entry).collect::<Result<_>>()?;
    Ok(Ledger::new(revision, entries))
}

/// Stores a change. The event first: one whose change could not be stored is not shown, and the next takes its place.
fn store(sql: &SqlStorage, changed: &Changed) -> Result<()> {
    let revision = integer(changed.event.revision)?;
    let event = changed.event.to_json().to_string();
    sql.exec("INSERT OR REPLACE INTO denial_audit VALUES (?, ?)", vec![revision.clone(), event.into()])?;
    sql.exec("DELETE FROM denial_audit WHERE revision <= ? - ?", vec![revision.clone(), KEPT_EVENTS.into()])?;
    for digest in &changed.removed {
        sql.exec("DELETE FROM denials WHERE digest = ?", vec![digest.to_text().into()])?;
    }
    if let Some(put) = &changed.put {
        let values = vec![put.digest.to_text().into(), put.to_json().to_string().into()];
        sql.exec("INSERT OR REPLACE INTO denials VALUES (?, ?)", values)?;
    }
    sql.exec("UPDATE denial_state SET revision = ?", vec![revision])?;
    Ok(())
}

/// The events after a revision, oldest first, of the changes that were stored.
fn events(sql: &SqlStorage, after: u64) -> Result<Vec<Value>> {
    let most = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
    let query = "SELECT event FROM denial_audit
         WHERE revision > ? AND revision <= (SELECT revision FROM denial_state) ORDER BY revision LIMIT ?";
    let event = |row: Result<Vec<SqlStorageValue>>| match row?.as_slice() {
        [SqlStorageValue::String(event)] => Ok(serde_json::from_str(event)?),
        _ => Err(Error::from("an event is no text")),
    };
    sql.exec(query, vec![integer(after)?, most.into()])?.raw().map(event).collect()
}
