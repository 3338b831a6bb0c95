//! The journal: the Durable Object that isolates tell what none of them knows alone. Two of its objects are used: `audit` has
//! the ledger, which is how far each shard of the audit log was written, and `metrics` has what all isolates counted.
//!
//! What was counted is kept in memory and stored every [`STORED_EVERY`], and before it is shown: an object that is made
//! anew may forget what nobody has seen, and never shows less than it did. What an isolate sends twice is counted once, as
//! long as the object lives.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use countersign::audit::ledger::{MAX_PAGE, Recorded};
use countersign::audit::{Hash, Head, Shard};
use countersign::metrics::{Metrics, Target};
use countersign::state::bounded::Bounded;
use serde_json::{Value, json};
use worker::{
    DurableObject, Env, Error, Method, Request, RequestInit, Response, Result, SqlStorage, SqlStorageValue,
    State, durable_object,
};

use crate::isolate::{Isolate, isolate};

/// The Durable Object namespace of the journal.
pub(crate) const JOURNAL: &str = "JOURNAL";
/// Its objects, and where they answer; no host is asked.
const AUDIT: (&str, &str) = ("audit", "https://journal.internal/audit");
const METRICS: (&str, &str) = ("metrics", "https://journal.internal/metrics");
/// How often what was counted is stored.
const STORED_EVERY: Duration = Duration::from_secs(10);
/// How many isolates' last numbers are remembered.
const ISOLATES: usize = 4096;
/// How many shards the ledger lists; the oldest are forgotten.
const KEPT_SHARDS: i64 = 1_000_000;

/// Whether the namespace is bound.
pub(crate) fn is_bound(env: &Env) -> bool {
    env.durable_object(JOURNAL).is_ok()
}

/// Records how far a shard was written.
pub(crate) async fn record(isolate: &Isolate, env: &Env, head: &Head) -> Result<()> {
    let message = json!([head.shard.name(), head.seq, head.hash.text()]);
    let answer = ask(env, AUDIT, Some(&message)).await;
    isolate.counting.call(Target::Object, "audit", answer.is_ok());
    answer.map(drop)
}

/// A page of the ledger: the shards after this number, how many there ever were, and how many are forgotten.
pub(crate) async fn page(env: &Env, after: u64) -> Result<(Vec<Recorded>, u64, u64)> {
    let answer = ask(env, AUDIT, Some(&json!(after))).await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let shards = answer.get("shards").and_then(Value::as_array);
    let shards = shards.and_then(|shards| shards.iter().map(recorded).collect::<Option<_>>());
    let number = |name: &str| answer.get(name).and_then(Value::as_u64);
    shards
        .zip(number("total"))
        .zip(number("forgotten"))
        .map(|((shards, total), forgotten)| (shards, total, forgotten))
        .ok_or_else(|| Error::from("the journal has no ledger"))
}

fn recorded(row: &Value) -> Option<Recorded> {
    let [number, head @ ..] = row.as_array()?.as_slice() else { return None };
    Some(Recorded { number: number.as_u64()?, head: head_of(head)? })
}

fn head_of(parts: &[Value]) -> Option<Head> {
    let [shard, seq, hash] = parts else { return None };
    Some(Head {
        shard: Shard::parse(shard.as_str()?)?,
        seq: seq.as_u64()?,
        hash: Hash::parse(hash.as_str()?)?,
    })
}

/// Adds what an isolate counted: its name, the number of the message, what is new.
pub(crate) async fn add(env: &Env, isolate: &str, number: u64, series: &Value) -> Result<()> {
    ask(env, METRICS, Some(&json!([isolate, number, series]))).await.map(drop)
}

/// The text of what all isolates counted.
pub(crate) async fn metrics(env: &Env) -> Result<String> {
    ask(env, METRICS, None).await
}

async fn ask(env: &Env, (name, url): (&str, &str), message: Option<&Value>) -> Result<String> {
    let stub = env.durable_object(JOURNAL)?.get_by_name(name)?;
    let mut init = RequestInit::new();
    if let Some(message) = message {
        init.with_method(Method::Post).with_body(Some(message.to_string().into()));
    }
    let mut response = stub.fetch_with_request(Request::new_with_init(url, &init)?).await?;
    if response.status_code() != 200 {
        return Err(Error::from("the journal did not answer"));
    }
    response.text().await
}

/// The object.
#[durable_object(alarm)]
pub struct Journal {
    state: State,
    env: Env,
    totals: RefCell<Option<Metrics>>,
    /// The number of the last message of each isolate.
    numbers: RefCell<Bounded<String, u64>>,
    /// Whether something was counted that is not stored.
    is_unstored: Cell<bool>,
}

impl DurableObject for Journal {
    fn new(state: State, env: Env) -> Self {
        let numbers = RefCell::new(Bounded::new(ISOLATES));
        Self { state, env, totals: RefCell::default(), numbers, is_unstored: Cell::new(false) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let url = request.url()?;
        if request.method() == Method::Get && url.as_str() == METRICS.1 {
            self.store()?;
            return Response::ok(self.with_totals(|totals| totals.openmetrics())?);
        }
        let message: Value = request.json().await?;
        match (url.as_str(), &message) {
            (url, Value::Number(after)) if url == AUDIT.1 => {
                Response::from_json(&self.ledger(after.as_u64().unwrap_or_default())?)
            }
            (url, Value::Array(head)) if url == AUDIT.1 => {
                let head = head_of(head).ok_or_else(|| Error::from("no head"))?;
                self.recorded(&head)?;
                Response::ok("")
            }
            (url, Value::Array(counted)) if url == METRICS.1 => {
                self.counted(counted)?;
                if !self.is_unstored.replace(true) {
                    self.state.storage().set_alarm(STORED_EVERY).await?;
                }
                Response::ok("")
            }
            _ => Response::error("no such thing", 404),
        }
    }

    async fn alarm(&self) -> Result<Response> {
        self.store()?;
        Response::empty()
    }
}

impl Journal {
    fn sql(&self) -> Result<SqlStorage> {
        let sql = self.state.storage().sql();
        sql.exec(
            "CREATE TABLE IF NOT EXISTS shards (number INTEGER PRIMARY KEY, shard TEXT NOT NULL UNIQUE,
             seq INTEGER NOT NULL, head TEXT NOT NULL)",
            None,
        )?;
        sql.exec(
            "CREATE TABLE IF NOT EXISTS totals (one INTEGER PRIMARY KEY CHECK (one = 1), series TEXT NOT NULL)",
            None,
        )?;
        Ok(sql)
    }

    /// Keeps a head, unless a later one of the shard is kept: messages may overtake each other.
    fn recorded(&self, head: &Head) -> Result<()> {
        let sql = self.sql()?;
        let seq = i64::try_from(head.seq).map_err(|_| Error::from("no such line"))?;
        let (shard, hash) = (head.shard.name(), head.hash.text());
        let values = vec![seq.into(), hash.as_str().into(), shard.as_str().into(), seq.into()];
        sql.exec("UPDATE shards SET seq = ?, head = ? WHERE shard = ? AND seq < ?", values)?;
        // Apart, so that only a new shard takes a number.
        let values = vec![shard.as_str().into(), seq.into(), hash.as_str().into(), shard.as_str().into()];
        sql.exec(
            "INSERT INTO shards (shard, seq, head)
             SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM shards WHERE shard = ?)",
            values,
        )?;
        let values = vec![KEPT_SHARDS.into()];
        sql.exec("DELETE FROM shards WHERE number <= (SELECT MAX(number) FROM shards) - ?", values)?;
        Ok(())
    }

    fn ledger(&self, after: u64) -> Result<Value> {
        let sql = self.sql()?;
        let most = i64::try_from(MAX_PAGE).unwrap_or(i64::MAX);
        let values = vec![i64::try_from(after).unwrap_or(i64::MAX).into(), most.into()];
        let query = "SELECT number, shard, seq, head FROM shards WHERE number > ? ORDER BY number LIMIT ?";
        let mut shards = Vec::new();
        for row in sql.exec(query, values)?.raw() {
            match row?.as_slice() {
                [
                    SqlStorageValue::Integer(number),
                    SqlStorageValue::String(shard),
                    SqlStorageValue::Integer(seq),
                    SqlStorageValue::String(head),
                ] => shards.push(json!([number, shard, seq, head])),
                _ => return Err(Error::from("the ledger has a row that is none")),
            }
        }
        let query = "SELECT COALESCE(MAX(number), 0), COALESCE(MIN(number), 1) - 1 FROM shards";
        let row = sql.exec(query, None)?.raw().next().transpose()?;
        let Some([SqlStorageValue::Integer(total), SqlStorageValue::Integer(forgotten)]) = row.as_deref()
        else {
            return Err(Error::from("the ledger has no total"));
        };
        Ok(json!({ "shards": shards, "total": total, "forgotten": forgotten }))
    }

    fn counted(&self, message: &[Value]) -> Result<()> {
        let [Value::String(isolate), Value::Number(number), series] = message else {
            return Err(Error::from("nothing was counted"));
        };
        let number = number.as_u64().unwrap_or_default();
        let last = self.numbers.borrow_mut().touch(isolate).copied();
        if last.is_some_and(|last| number <= last) {
            return Ok(());
        }
        self.with_totals(|totals| totals.merge_json(series))?;
        self.numbers.borrow_mut().insert(isolate.clone(), number);
        Ok(())
    }

    fn with_totals<T>(&self, then: impl FnOnce(&mut Metrics) -> T) -> Result<T> {
        let mut totals = self.totals.borrow_mut();
        if totals.is_none() {
            *totals = Some(self.stored_totals()?);
        }
        totals.as_mut().map(then).ok_or_else(|| Error::from("the journal has no totals"))
    }

    fn stored_totals(&self) -> Result<Metrics> {
        let isolate = isolate(&self.env).ok_or_else(|| Error::from("the gate is not configured"))?;
        let mut totals = isolate.counting.empty();
        let row = self.sql()?.exec("SELECT series FROM totals", None)?.raw().next().transpose()?;
        if let Some([SqlStorageValue::String(series)]) = row.as_deref() {
            totals.merge_json(&serde_json::from_str(series)?);
        }
        Ok(totals)
    }

    /// Stores what was counted.
    fn store(&self) -> Result<()> {
        if !self.is_unstored.get() {
            return Ok(());
        }
        let series = self.with_totals(|totals| totals.to_json().to_string())?;
        self.sql()?.exec("INSERT OR REPLACE INTO totals (one, series) VALUES (1, ?)", vec![series.into()])?;
        self.is_unstored.set(false);
        Ok(())
    }
}
