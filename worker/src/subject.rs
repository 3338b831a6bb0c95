//! State by subject: the Durable Object that has one subject's rows, and the calls of the gate to such objects.
//!
//! There is one object for each key, agent, person and so on, by the digest that [`SubjectName`] is. What a call does is
//! up to the core (`state::subject::apply`); here it is given rows in SQLite and the time. Nothing waits between reading
//! and writing, so that calls to one object come one after another, and the platform holds a reply back until what was
//! written is stored. Alarms remove what has ended; an object with nothing left removes itself a day later, when no clock
//! can be so far behind that it would matter what it had.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use countersign::metrics::Target;
use countersign::state::subject::{self, Call, Change, Kind, Reply, Row, Rows, SubjectCall, SubjectName};
use countersign::time::UnixMillis;
use futures_util::future::{Either, join, join_all, select};
use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use worker::{
    Context, Delay, DurableObject, Env, Error, Method, Request, RequestInit, Response, Result, SqlStorage,
    SqlStorageValue, State, console_error, durable_object,
};

use crate::isolate::{count, now};
use crate::registry::integer;

/// The Durable Object namespace of subjects.
pub(crate) const SUBJECTS: &str = "SUBJECTS";
/// Where an object answers; no host is asked.
const CALL_URL: &str = "https://subject.internal/call";
/// How long an object may take to answer: 2 s. One that must be started on another continent takes some hundred
/// milliseconds; one that takes longer than this has too much to do.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long after a call without an answer it is made again, after the response. Together with [`PATIENCE`] it is less
/// than the 30 s that the platform gives.
const TELL_PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// How far the stored time may be behind the time of the object: what it saves is a write for each call.
const CLOCK_STEP: Duration = Duration::from_secs(10);
/// The least time between two purges.
const PURGE_PAUSE: Duration = Duration::from_secs(10);
/// The pause where one purge could not remove all that has ended.
const PURGE_ON: Duration = Duration::from_millis(100);
/// How long an object with nothing left keeps the time.
const KEEPS_TIME: Duration = Duration::from_hours(25);

/// Whether the namespace is bound.
pub(crate) fn is_bound(env: &Env) -> bool {
    env.durable_object(SUBJECTS).is_ok()
}

/// Calls these subjects, all at once: what each says, in order, and nothing where one cannot be asked.
pub(crate) async fn ask(env: &Env, calls: &[SubjectCall]) -> Vec<Option<Reply>> {
    join_all(calls.iter().map(|asked| ask_one(env, asked))).await
}

/// Calls these subjects after the response. What is worth it is said again to those that do not answer.
pub(crate) fn tell(env: &Env, mut calls: Vec<SubjectCall>, context: &Context) {
    let env = env.clone();
    context.wait_until(async move {
        for pause in TELL_PAUSES {
            let replies = ask(&env, &calls).await;
            let mut heard = replies.iter().map(Option::is_some);
            calls.retain(|asked| heard.next() == Some(false) && asked.call.is_worth_repeating());
            if calls.is_empty() {
                return;
            }
            Delay::from(pause).await;
        }
        ask(&env, &calls).await;
    });
}

async fn ask_one(env: &Env, SubjectCall { subject, call }: &SubjectCall) -> Option<Reply> {
    let answer = match select(pin!(answer(env, *subject, call)), pin!(Delay::from(PATIENCE))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(Error::from("it took too long")),
    };
    let answer = answer.and_then(|text| {
        Reply::from_json(&text, call).ok_or_else(|| Error::from("what it said is no reply"))
    });
    count(Target::Object, "subject", answer.is_ok());
    if let Err(error) = &answer {
        console_error!("countersign cannot ask the state of a {}: {error}", subject.kind().as_str());
    }
    answer.ok()
}

/// What the object says. It is asked again once where the platform says that this may help; where the object has too much
/// to do it would not. The second call says that it is one, as the first may have been acted upon.
async fn answer(env: &Env, subject: SubjectName, call: &Call) -> Result<String> {
    let name = subject.to_string();
    match post(env, &name, &call.to_json()).await {
        Err(Error::UnknownJsError { original, .. })
            if is(&original, "retryable") && !is(&original, "overloaded") =>
        {
            post(env, &name, &call.again().to_json()).await
        }
        answer => answer,
    }
}

async fn post(env: &Env, name: &str, body: &str) -> Result<String> {
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(body.into()));
    let request = Request::new_with_init(CALL_URL, &init)?;
    let mut response = env.durable_object(SUBJECTS)?.get_by_name(name)?.fetch_with_request(request).await?;
    if response.status_code() != 200 {
        return Err(Error::from("it could not answer"));
    }
    response.text().await
}

fn is(error: &JsValue, property: &str) -> bool {
    Reflect::get(error, &JsValue::from_str(property)).is_ok_and(|value| value.is_truthy())
}

/// The object.
#[durable_object(alarm)]
pub struct Subject {
    state: State,
    has_tables: Cell<bool>,
    /// The latest time that it has seen, in milliseconds, and the one that is stored.
    latest: Cell<u64>,
    stored_clock: Cell<u64>,
    /// How many rows of each kind there are at most.
    counts: RefCell<BTreeMap<u8, usize>>,
    /// When its alarm goes off at the latest, where that is known.
    alarm_at: Cell<Option<u64>>,
}

impl DurableObject for Subject {
    fn new(state: State, _env: Env) -> Self {
        Self {
            state,
            has_tables: Cell::new(false),
            latest: Cell::new(0),
            stored_clock: Cell::new(0),
            counts: RefCell::default(),
            alarm_at: Cell::new(None),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let text = request.text().await?;
        let Some(call) = Call::from_json(&text) else { return Response::error("this is no call", 400) };
        let mut rows = SqlRows::new(self)?;
        let reply = subject::apply(&mut rows, &call, now())?;
        if let Some(until) = rows.first_end
            && self.purge_from(until).await.is_err()
        {
            console_error!("countersign cannot plan to remove state; the next call tries again");
        }
        Response::ok(reply.to_json())
    }

    async fn alarm(&self) -> Result<Response> {
        let next = SqlRows::new(self).and_then(|rows| subject::purge(&mut rows.passive(), now()));
        let storage = self.state.storage();
        let latest = self.latest.get();
        let pause = match next {
            Ok(Some(next)) if next.0 <= latest => PURGE_ON,
            Ok(Some(next)) => Duration::from_millis(next.0 - latest).max(PURGE_PAUSE),
            Ok(None) if latest.saturating_sub(self.stored_clock.get()) >= millis(KEEPS_TIME) => {
                // All before anything waits: a call that comes meanwhile finds an object that has nothing, and what it
                // writes stays. Both are begun at once, as nothing may come between what was just found and the removal.
                self.has_tables.set(false);
                self.stored_clock.set(0);
                self.alarm_at.set(None);
                let (alarm, all) = join(storage.delete_alarm(), storage.delete_all()).await;
                alarm.and(all)?;
                return Response::empty();
            }
            Ok(None) => KEEPS_TIME,
            Err(_) => {
                console_error!("countersign cannot remove state; trying again");
                PURGE_PAUSE
            }
        };
        self.set_alarm(latest, pause).await?;
        Response::empty()
    }
}

impl Subject {
    /// Has the alarm go off when this time has come, unless it does before.
    async fn purge_from(&self, until: u64) -> Result<()> {
        let latest = self.latest.get();
        if self.alarm_at.get().is_none() {
            let at = self.state.storage().get_alarm().await?;
            self.alarm_at.set(at.and_then(|at| u64::try_from(at).ok()));
        }
        let pause = Duration::from_millis(until.saturating_sub(latest)).max(PURGE_PAUSE);
        let is_planned = |at: u64| at <= latest.saturating_add(millis(pause));
        if self.alarm_at.get().is_some_and(is_planned) {
            return Ok(());
        }
        self.set_alarm(latest, pause).await
    }

    async fn set_alarm(&self, latest: u64, pause: Duration) -> Result<()> {
        // Before it is set: what comes meanwhile need not set it too.
        self.alarm_at.set(Some(latest.saturating_add(millis(pause))));
        let set = self.state.storage().set_alarm(pause).await;
        if set.is_err() {
            self.alarm_at.set(None);
        }
        set
    }
}

/// The object's rows.
struct SqlRows<'a> {
    object: &'a Subject,
    sql: SqlStorage,
    /// When the first of the rows that were written ends.
    first_end: Option<u64>,
    /// Whether the time that is stored shows when the object was last called.
    is_called: bool,
}

impl<'a> SqlRows<'a> {
    fn new(object: &'a Subject) -> Result<Self> {
        let sql = object.state.storage().sql();
        if !object.has_tables.get() {
            sql.exec(
                "CREATE TABLE IF NOT EXISTS state (kind INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,
                 until INTEGER NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID",
                None,
            )?;
            sql.exec("CREATE INDEX IF NOT EXISTS state_until ON state (until)", None)?;
            sql.exec(
                "CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL)",
                None,
            )?;
            let row = sql.exec("SELECT at FROM clock", None)?.raw().next().transpose()?;
            let at = row.as_deref().and_then(<[_]>::first).map(number).unwrap_or_default();
            object.stored_clock.set(at);
            object.latest.set(object.latest.get().max(at));
            object.counts.borrow_mut().clear();
            object.has_tables.set(true);
        }
        Ok(Self { object, sql, first_end: None, is_called: true })
    }

    /// The same, where nobody calls.
    fn passive(self) -> Self {
        Self { is_called: false, ..self }
    }

    fn store_clock(&self, now: u64) -> Result<()> {
        self.sql.exec(
            "INSERT INTO clock (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at",
            vec![integer(now)?],
        )?;
        self.object.stored_clock.set(now);
        Ok(())
    }
}

impl Rows for SqlRows<'_> {
    type Error = Error;

    fn get(&mut self, kind: Kind, name: &[u8]) -> Result<Option<Row>> {
        let query = "SELECT value, until FROM state WHERE kind = ? AND name = ?";
        let found = self.sql.exec(query, vec![kind_of(kind), blob(name)])?.raw().next().transpose()?;
        found.map(|row| read(&row)).transpose()
    }

    fn count(&mut self, kind: Kind) -> Result<usize> {
        if let Some(count) = self.object.counts.borrow().get(&kind.number()) {
            return Ok(*count);
        }
        let query = "SELECT COUNT(*) FROM state WHERE kind = ?";
        let row = self.sql.exec(query, vec![kind_of(kind)])?.raw().next().transpose()?;
        let count = row.as_deref().and_then(<[_]>::first).map(number).unwrap_or_default();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.object.counts.borrow_mut().insert(kind.number(), count);
        Ok(count)
    }

    fn list(&mut self, kind: Kind, after: &[u8], at_most: usize) -> Result<Vec<(Vec<u8>, Row)>> {
        let query = "SELECT value, until, name FROM state WHERE kind = ? AND name > ? ORDER BY name LIMIT ?";
        let at_most = integer(u64::try_from(at_most).unwrap_or(u64::from(u32::MAX)))?;
        let rows = self.sql.exec(query, vec![kind_of(kind), blob(after), at_most])?;
        let named = |row: Result<Vec<SqlStorageValue>>| match row?.as_slice() {
            [value, until, SqlStorageValue::Blob(name)] => {
                Ok((name.clone(), read(&[value.clone(), until.clone()])?))
            }
            _ => Err(unreadable()),
        };
        rows.raw().map(named).collect()
    }

    fn commit(&mut self, changes: &[Change]) -> Result<()> {
        for change in changes {
            if let Some(row) = &change.row {
                self.first_end = Some(self.first_end.unwrap_or(u64::MAX).min(row.until.0));
                let mut counts = self.object.counts.borrow_mut();
                if let Some(count) = counts.get_mut(&change.kind.number()) {
                    *count += 1;
                }
            }
        }
        let written = match changes {
            [change] => write(&self.sql, change),
            _ => self.in_transaction(changes.to_vec()),
        };
        if written.is_err() {
            self.object.counts.borrow_mut().clear();
        }
        written
    }

    fn advance(&mut self, now: UnixMillis) -> Result<UnixMillis> {
        let latest = self.object.latest.get().max(now.0);
        self.object.latest.set(latest);
        if self.is_called && latest.saturating_sub(self.object.stored_clock.get()) >= millis(CLOCK_STEP) {
            self.store_clock(latest)?;
        }
        Ok(UnixMillis(latest))
    }

    fn purge(&mut self, now: UnixMillis, at_most: usize) -> Result<usize> {
        let at_most = integer(u64::try_from(at_most).unwrap_or(u64::from(u32::MAX)))?;
        let ended = "SELECT kind, name FROM state WHERE until <= ? ORDER BY until LIMIT ?";
        let values = vec![integer(now.0)?, at_most];
        let count = self.sql.exec(&format!("SELECT COUNT(*) FROM ({ended})"), values.clone())?;
        let count = count.raw().next().transpose()?;
        let count = count.as_deref().and_then(<[_]>::first).map(number).unwrap_or_default();
        if count > 0 {
            // First, so that nothing is removed by a time that is not stored.
            self.store_clock(self.object.latest.get().max(now.0))?;
            self.sql.exec(&format!("DELETE FROM state WHERE (kind, name) IN ({ended})"), values)?;
            self.object.counts.borrow_mut().clear();
        }
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn earliest(&mut self) -> Result<Option<UnixMillis>> {
        let row = self.sql.exec("SELECT until FROM state ORDER BY until LIMIT 1", None)?.raw().next();
        Ok(row.transpose()?.as_deref().and_then(<[_]>::first).map(|until| UnixMillis(number(until))))
    }
}

impl SqlRows<'_> {
    /// Writes all of them or none, which a statement each would not.
    fn in_transaction(&self, changes: Vec<Change>) -> Result<()> {
        let storage = self.object.state.storage();
        let storage: &JsValue = storage.as_raw().as_ref();
        let function = Reflect::get(storage, &JsValue::from_str("transactionSync"))?;
        let function: Function = function.dyn_into().map_err(Error::from)?;
        let sql = self.sql.clone();
        let write = Closure::once(move || -> std::result::Result<(), JsValue> {
            changes.iter().try_for_each(|change| write(&sql, change)).map_err(JsValue::from)
        });
        function.call1(storage, write.as_ref())?;
        Ok(())
    }
}

fn write(sql: &SqlStorage, change: &Change) -> Result<()> {
    let (kind, name) = (kind_of(change.kind), blob(&change.name));
    match &change.row {
        Some(row) => sql.exec(
            "INSERT INTO state (kind, name, value, until) VALUES (?, ?, ?, ?)
             ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, until = excluded.until",
            vec![kind, name, blob(&row.value), until_of(row.until)?],
        )?,
        None => sql.exec("DELETE FROM state WHERE kind = ? AND name = ?", vec![kind, name])?,
    };
    Ok(())
}

fn read(row: &[SqlStorageValue]) -> Result<Row> {
    match row {
        [SqlStorageValue::Blob(value), until] => {
            Ok(Row { value: value.clone(), until: UnixMillis(number(until)) })
        }
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Error {
    Error::from("a row cannot be read")
}

fn kind_of(kind: Kind) -> SqlStorageValue {
    i32::from(kind.number()).into()
}

fn blob(bytes: &[u8]) -> SqlStorageValue {
    bytes.to_vec().into()
}

/// What never ends does so when numbers do.
fn until_of(until: UnixMillis) -> Result<SqlStorageValue> {
    const LAST: u64 = (1 << 53) - 1;
    integer(until.0.min(LAST))
}

fn number(value: &SqlStorageValue) -> u64 {
    match value {
        SqlStorageValue::Integer(number) => u64::try_from(*number).unwrap_or_default(),
        _ => 0,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
