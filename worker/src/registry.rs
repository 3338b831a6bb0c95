//! The registry of agents: the Durable Object that has it, and the copies of it in KV that every isolate reads.
//!
//! There is one object. It applies changes one after another, so that none is lost to another; it keeps the audit trail;
//! and it puts each new registry into KV, trying again by alarm until KV has it. By alarm too, it puts the registry there
//! anew every [`PUBLISHED_EVERY`], with the time, so that isolates see where KV takes no writes any more. They ask the
//! object itself only where what KV has is outdated, or where it has nothing, as before the first change; that also has
//! the alarms begin anew, should they ever have ended.
//!
//! All of this holds for the deny list too ([`denials`]), which the same object has, and KV under another name.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use countersign::event::Event;
use countersign::memory::AGENTS_NAME;
use countersign::metrics::Target;
use countersign::registry::admin::{self, Answer, Command, MAX_EVENTS};
use countersign::registry::copy::{PUBLISHED_EVERY, published};
use countersign::registry::{Actor, Registry, RegistryError, RegistryErrorKind};
use countersign::revocation::admin as revocations;
use countersign::revocation::deny_list::DENIALS_NAME;
use countersign::revocation::ledger::Denial;
use futures_channel::oneshot;
use serde_json::{Value, json};
use worker::{
    Context, DurableObject, Env, Error, Method, Request, RequestInit, Response, Result, SqlStorage,
    SqlStorageValue, State, Stub, console_error, durable_object,
};

use crate::denials::{self, Denials};
use crate::events::unsent::{self, Unsent};
use crate::isolate::{Isolate, count, isolate, kv, now};

/// The Durable Object namespace of the registry.
pub(crate) const AGENT_REGISTRY: &str = "AGENT_REGISTRY";
/// The one object in it.
const NAME: &str = "agents";
/// Where the object answers; no host is asked.
const DOCUMENT_URL: &str = "https://registry.internal/document";
const DENIALS_URL: &str = "https://registry.internal/denials";
const ADMIN_URL: &str = "https://registry.internal/admin";
/// How many events the audit trail keeps. The oldest are forgotten.
pub(crate) const KEPT_EVENTS: i64 = 10_000;
/// KV takes one write of a name a second.
const PAUSE: Duration = Duration::from_millis(1_100);
/// How long after a failure KV is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What the object publishes.
#[derive(Clone, Copy)]
pub(crate) enum Published {
    /// The registry of agents.
    Agents,
    /// The deny list.
    Denials,
}

impl Published {
    fn name(self) -> &'static str {
        match self {
            Self::Agents => AGENTS_NAME,
            Self::Denials => DENIALS_NAME,
        }
    }

    fn url(self) -> &'static str {
        match self {
            Self::Agents => DOCUMENT_URL,
            Self::Denials => DENIALS_URL,
        }
    }

    fn loaded(self, isolate: &Isolate, document: &str) -> bool {
        let mut memory = isolate.memory.borrow_mut();
        match self {
            Self::Agents => memory.agents_loaded(Some(document), now()),
            Self::Denials => memory.denials_loaded(Some(document), now()),
        }
    }

    fn failed(self, isolate: &Isolate) {
        let mut memory = isolate.memory.borrow_mut();
        match self {
            Self::Agents => memory.agents_failed(now()),
            Self::Denials => memory.denials_failed(now()),
        }
    }
}

/// Whether the namespace is bound.
pub(crate) fn is_bound(env: &Env) -> bool {
    env.durable_object(AGENT_REGISTRY).is_ok()
}

/// Brings a document into memory. Others wait for it too, so that it goes on where the client goes away.
pub(crate) async fn bring(isolate: &Rc<Isolate>, env: &Env, what: Published, context: &Context) {
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    let (done, brought) = oneshot::channel();
    context.wait_until(async move {
        read(&isolate, &env, what).await;
        // The receiver is gone where the client is.
        let _ = done.send(());
    });
    let _ = brought.await;
}

/// Brings a document into memory, after the response.
pub(crate) fn refresh(isolate: &Rc<Isolate>, env: &Env, what: Published, context: &Context) {
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    context.wait_until(async move { read(&isolate, &env, what).await });
}

async fn read(isolate: &Isolate, env: &Env, what: Published) {
    let stored = match kv(env) {
        Some(kv) => kv.get(what.name()).text().await.ok().flatten(),
        None => None,
    };
    if stored.is_some_and(|document| what.loaded(isolate, &document)) {
        return;
    }
    if !document(env, what).await.is_ok_and(|document| what.loaded(isolate, &document)) {
        console_error!("countersign cannot read its {} from the registry", what.name());
        what.failed(isolate);
    }
}

fn stub(env: &Env) -> Result<Stub> {
    env.durable_object(AGENT_REGISTRY)?.get_by_name(NAME)
}

async fn document(env: &Env, what: Published) -> Result<String> {
    let response = stub(env)?.fetch_with_str(what.url()).await;
    count(Target::Object, "registry", response.is_ok());
    let mut response = response?;
    if response.status_code() != 200 {
        return Err(Error::from("the registry has no document"));
    }
    response.text().await
}

/// A request to the admin API on its way to the object.
pub(crate) struct AdminRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) if_match: Option<&'a str>,
    pub(crate) body: &'a str,
    pub(crate) actor: &'a Actor,
    pub(crate) decision: &'a str,
}

/// What the object answers: an [`Answer`], and what it denied with it.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Value,
    /// What was denied just now.
    pub(crate) denied: Option<Denial>,
}

impl Answered {
    pub(crate) fn new(answer: Answer) -> Self {
        let fields =
            [("ETag", answer.etag), ("Location", answer.location), ("Allow", answer.allow.map(Into::into))];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { status: answer.status, fields, body: answer.body, denied: None }
    }

    fn to_json(&self) -> Value {
        let fields: serde_json::Map<_, _> =
            self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        let denied = self.denied.as_ref().map(Denial::to_json);
        json!({ "status": self.status, "fields": fields, "body": self.body, "denied": denied })
    }

    fn from_json(mut value: Value) -> Option<Self> {
        let status = value.get("status")?.as_u64()?;
        let field = |name: &'static str| Some((name, value.get("fields")?.get(name)?.as_str()?.to_owned()));
        let fields = ["ETag", "Location", "Allow"].into_iter().filter_map(field).collect();
        let denied = value.get("denied").and_then(|denied| Denial::from_json(&denied.to_string()));
        let body = value.get_mut("body")?.take();
        Some(Self { status: u16::try_from(status).ok()?, fields, body, denied })
    }
}

/// Lets the object answer a request to the admin API.
pub(crate) async fn ask(env: &Env, request: &AdminRequest<'_>) -> Result<Answered> {
    let message = json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "if_match": request.if_match,
        "body": request.body,
        "actor": request.actor,
        "decision": request.decision,
    });
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(message.to_string().into()));
    let mut response = stub(env)?.fetch_with_request(Request::new_with_init(ADMIN_URL, &init)?).await?;
    let answered =
        if response.status_code() == 200 { Answered::from_json(response.json().await?) } else { None };
    answered.ok_or_else(|| Error::from("the registry did not answer"))
}

/// The object.
#[durable_object(alarm)]
pub struct AgentRegistry {
    state: State,
    env: Env,
    /// When KV was last written, in milliseconds.
    written_at: Cell<u64>,
    denials: Denials,
    unsent: Unsent,
}

impl DurableObject for AgentRegistry {
    fn new(state: State, env: Env) -> Self {
        Self { state, env, written_at: Cell::new(0), denials: Denials::default(), unsent: Unsent::default() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        match request.url()?.as_str() {
            DOCUMENT_URL => {
                let document = self.published_document()?;
                // What KV has is outdated, or this would not have been asked. The document is the newest all the same.
                if self.publish_soon().await.is_err() {
                    console_error!("countersign cannot plan to write the registry of agents to KV");
                }
                Response::ok(document)
            }
            DENIALS_URL => {
                let (document, _) = self.denials.document(&self.sql()?)?;
                if self.publish_soon().await.is_err() {
                    console_error!("countersign cannot plan to write the deny list to KV");
                }
                Response::ok(document)
            }
            ADMIN_URL => {
                let message: Value = request.json().await?;
                let answered = self.answer(&message)?;
                self.unsent.hand_over(&self.state, self.sql()?, &self.env);
                // Also where nothing was changed just now: the alarm of an earlier change may have failed.
                if self.is_unpublished()? {
                    self.publish_soon().await?;
                }
                Response::from_json(&answered.to_json())
            }
            _ => Response::error("no such thing", 404),
        }
    }

    async fn alarm(&self) -> Result<Response> {
        self.unsent.hand_over(&self.state, self.sql()?, &self.env);
        // Without an administrator nobody reads KV. Should there be one again, he has the object asked.
        if isolate(&self.env).is_none_or(|isolate| isolate.gate.admin().is_none()) {
            return Response::empty();
        }
        // First, so that it does not take the place of the alarm of a change that comes meanwhile.
        self.state.storage().set_alarm(PUBLISHED_EVERY).await?;
        let purged = self.sql().and_then(|sql| self.denials.purge(&sql));
        if self.publish().await.is_err() || purged.is_err() {
            console_error!("countersign cannot write the registry to KV; trying again");
            self.state.storage().set_alarm(RETRY).await?;
        }
        Response::empty()
    }
}

impl AgentRegistry {
    fn sql(&self) -> Result<SqlStorage> {
        let sql = self.state.storage().sql();
        sql.exec(
            "CREATE TABLE IF NOT EXISTS registry (one INTEGER PRIMARY KEY CHECK (one = 1), document TEXT NOT NULL,
             revision INTEGER NOT NULL, published INTEGER)",
            None,
        )?;
        sql.exec(
            "CREATE TABLE IF NOT EXISTS audit (revision INTEGER PRIMARY KEY, event TEXT NOT NULL)",
            None,
        )?;
        denials::create(&sql)?;
        unsent::create(&sql)?;
        Ok(sql)
    }

    /// The document; that of an empty registry before the first change.
    fn document(&self) -> Result<String> {
        let row = self.sql()?.exec("SELECT document FROM registry", None)?.raw().next().transpose()?;
        match row.as_deref() {
            None => {
                let document = Registry::default().to_json();
                self.store(&document, 0)?;
                Ok(document)
            }
            Some([SqlStorageValue::String(document)]) => Ok(document.clone()),
            Some(_) => Err(Error::from("the registry has no document")),
        }
    }

    /// The document as of now, for whoever reads it.
    fn published_document(&self) -> Result<String> {
        published(&self.document()?, now()).ok_or_else(|| Error::from("the registry has no document"))
    }

    fn store(&self, document: &str, revision: u64) -> Result<()> {
        let values = vec![document.into(), integer(revision)?];
        self.sql()?.exec(
            "INSERT INTO registry (one, document, revision) VALUES (1, ?, ?)
             ON CONFLICT (one) DO UPDATE SET document = excluded.document, revision = excluded.revision",
            values,
        )?;
        Ok(())
    }

    /// Answers a request to the admin API. Nothing waits in here, so that no other change comes between.
    fn answer(&self, message: &Value) -> Result<Answered> {
        let isolate = isolate(&self.env).ok_or_else(|| Error::from("the gate is not configured"))?;
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        let actor = message.get("actor").cloned().and_then(|actor| serde_json::from_value(actor).ok());
        let path = text("path").unwrap_or_default();
        let request = admin::Request {
            method: text("method").unwrap_or_default(),
            path,
            query: text("query"),
            if_match: text("if_match"),
            body: text("body").unwrap_or_default().as_bytes(),
            actor: actor.ok_or_else(|| Error::from("nobody asks"))?,
            allow_loopback: isolate.gate.allow_loopback(),
        };
        if revocations::is_asked_at(path) {
            let decision = text("decision").unwrap_or_default();
            return self.denials.answer(&self.sql()?, &isolate, &request, decision);
        }
        let refused = |error: &RegistryError| Ok(Answered::new(Answer::problem(error, path)));
        let command = match Command::parse(&request, now()) {
            Ok(command) => command,
            Err(error) => return refused(&error),
        };
        if let Command::Audit { after } = command {
            return Ok(Answered::new(Answer::audit(&self.events(after)?)));
        }
        let stored = Registry::from_json(&self.document()?);
        let answer = stored.and_then(|stored| command.answer(&stored.over(isolate.gate.agents()), now()));
        match answer {
            Err(error) => refused(&error),
            Ok((answer, None)) => Ok(Answered::new(answer)),
            Ok((answer, Some((next, event)))) => {
                // In this order: an event whose change could not be stored is not shown, and the next takes its place.
                self.append(event.revision, &event.to_json())?;
                self.store(&next.to_json(), next.revision())?;
                let events = Event::of_registry(&event, text("decision").unwrap_or_default());
                unsent::add(&self.sql()?, &events, |event| isolate.gate.claims(event))?;
                Ok(Answered::new(answer))
            }
        }
    }

    fn append(&self, revision: u64, event: &Value) -> Result<()> {
        let sql = self.sql()?;
        let revision = integer(revision)?;
        let values = vec![revision.clone(), event.to_string().into()];
        sql.exec("INSERT OR REPLACE INTO audit VALUES (?, ?)", values)?;
        sql.exec("DELETE FROM audit WHERE revision <= ? - ?", vec![revision, KEPT_EVENTS.into()])?;
        Ok(())
    }

    /// The events after a revision, oldest first, of the changes that were stored.
    fn events(&self, after: u64) -> Result<Vec<Value>> {
        let most = i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX);
        let query = "SELECT event FROM audit
             WHERE revision > ? AND revision <= (SELECT revision FROM registry) ORDER BY revision LIMIT ?";
        let rows = self.sql()?.exec(query, vec![integer(after)?, most.into()])?;
        let event = |row: Result<Vec<SqlStorageValue>>| match row?.as_slice() {
            [SqlStorageValue::String(event)] => Ok(serde_json::from_str(event)?),
            _ => Err(Error::from("an event is no text")),
        };
        rows.raw().map(event).collect()
    }

    /// Whether KV has not been told of the newest revision.
    fn is_unpublished(&self) -> Result<bool> {
        let query = "SELECT 1 FROM registry WHERE published IS NOT revision";
        let sql = self.sql()?;
        Ok(sql.exec(query, None)?.raw().next().transpose()?.is_some() || denials::is_unpublished(&sql)?)
    }

    /// Has KV written as soon as it takes another write. An alarm that is set already gives way to this one.
    async fn publish_soon(&self) -> Result<()> {
        let pause = Duration::from_millis(now().0.saturating_sub(self.written_at.get()));
        self.state.storage().set_alarm(PAUSE.saturating_sub(pause)).await
    }

    /// Puts the newest documents into KV, also if they are there, for the time.
    async fn publish(&self) -> Result<()> {
        let document = self.published_document()?;
        let row = self.sql()?.exec("SELECT revision FROM registry", None)?.raw().next().transpose()?;
        let kv = kv(&self.env).ok_or_else(|| Error::from("no KV"))?;
        self.written_at.set(now().0);
        let (denials, revision) = self.denials.document(&self.sql()?)?;
        // First: what is denied must act, whatever becomes of the other.
        kv.put(DENIALS_NAME, denials)?.execute().await?;
        denials::set_published(&self.sql()?, revision)?;
        kv.put(AGENTS_NAME, document)?.execute().await?;
        // Where another change came meanwhile, its revision is another, and its alarm is set.
        self.sql()?.exec("UPDATE registry SET published = ?", row.unwrap_or_default())?;
        Ok(())
    }
}

pub(crate) fn integer(number: u64) -> Result<SqlStorageValue> {
    let number = i64::try_from(number).map_err(|_| Error::from("the number is too large"))?;
    SqlStorageValue::try_from_i64(number)
}

/// The answer where the object cannot be reached.
pub(crate) fn unavailable(path: &str) -> Answered {
    Answered::new(Answer::problem(&RegistryErrorKind::Unavailable.into(), path))
}
