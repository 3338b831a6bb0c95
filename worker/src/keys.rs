//! Key sets: isolate memory over KV over `fetch`. The core says who fetches and when; here it is done.

use std::rc::Rc;
use std::time::Duration;

use countersign::keys::{KeyResponse, KeySource, MAX_KEY_DOCUMENT_BYTES};
use countersign::metrics::Target;
use futures_channel::oneshot;
use futures_util::future::join_all;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, Response, WorkerGlobalScope};
use worker::{Context, Env, console_error, console_warn};

use crate::facts::{Body, field_lines, read};
use crate::isolate::{Isolate, count, kv, now};
use crate::webcrypto;

/// How long a source may take to answer.
const TIMEOUT_MILLIS: u32 = 5_000;
/// KV takes no shorter expiry.
const LEAST_EXPIRY: Duration = Duration::from_mins(1);

/// Brings the keys of each source into memory, all at once. Others wait for them too, so that it goes on where the
/// client goes away.
pub(crate) async fn bring(isolate: &Rc<Isolate>, env: &Env, sources: Vec<KeySource>, context: &Context) {
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    let (done, brought) = oneshot::channel();
    context.wait_until(async move {
        let stored = join_all(sources.iter().map(|source| bring_one(&isolate, &env, source))).await;
        // The receiver is gone where the client is.
        let _ = done.send(());
        store(&env, stored.into_iter().flatten().collect()).await;
    });
    let _ = brought.await;
}

/// Stores a key set that an agent named and that has proven its worth, after the response.
pub(crate) fn store_proven(isolate: &Isolate, env: &Env, source: &KeySource, context: &Context) {
    let Some((text, keep_for)) = isolate.memory.borrow_mut().keys_to_store(source, now()) else { return };
    let (env, name) = (env.clone(), source.name());
    context.wait_until(async move { store(&env, vec![(name, text, keep_for)]).await });
}

/// Brings key sets anew, after the response.
pub(crate) fn refresh(isolate: &Rc<Isolate>, env: &Env, sources: Vec<KeySource>, context: &Context) {
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    context.wait_until(async move {
        for source in sources {
            let stored = bring_one(&isolate, &env, &source).await;
            store(&env, stored.into_iter().collect()).await;
        }
    });
}

/// What is to be stored: name, text, and for how long.
pub(crate) type Stored = (String, String, Duration);

/// Brings the keys of one source into memory: from KV where another isolate has left them, else from the source.
async fn bring_one(isolate: &Isolate, env: &Env, source: &KeySource) -> Option<Stored> {
    if let Some(text) = stored(env, &source.name()).await
        && isolate.memory.borrow_mut().keys_loaded(source, &text, now())
    {
        return None;
    }
    let may_fetch = isolate.memory.borrow_mut().may_fetch(source, now());
    let fetched = if may_fetch { fetch(isolate, source).await } else { None };
    let Some(fetched) = fetched else {
        let (text, keep_for) = isolate.memory.borrow_mut().keys_failed(source, now())?;
        return Some((source.name(), text, keep_for));
    };
    let reading = source.read(&fetched.response(), now().seconds());
    let mut verdicts = Vec::new();
    for check in reading.checks() {
        verdicts.push(webcrypto::verify(&isolate.imported, &check).await);
    }
    let taken = isolate.memory.borrow_mut().keys_read(source, reading, &verdicts, now());
    for line in taken.lines() {
        console_warn!("countersign on the keys of {}: {line}", source.configured());
    }
    let (text, keep_for) = taken.store?;
    Some((source.name(), text, keep_for))
}

pub(crate) async fn stored(env: &Env, name: &str) -> Option<String> {
    let stored = kv(env)?.get(name).text().await;
    count(Target::Kv, "get", stored.is_ok());
    stored.unwrap_or_else(|_| {
        console_error!("countersign cannot read key sets from KV; fetching them instead");
        None
    })
}

pub(crate) async fn store(env: &Env, stored: Vec<Stored>) {
    for (name, text, keep_for) in stored {
        let Some(put) = kv(env).and_then(|kv| kv.put(&name, text).ok()) else { continue };
        let put = put.expiration_ttl(keep_for.max(LEAST_EXPIRY).as_secs()).execute().await;
        count(Target::Kv, "put", put.is_ok());
        if put.is_err() {
            console_error!("countersign cannot write key sets to KV; other isolates fetch them themselves");
        }
    }
}

/// What a source answered.
pub(crate) struct Fetched {
    pub(crate) status: u16,
    /// Names and values by turns, a line each.
    pub(crate) fields: String,
    /// `None` where it is longer than it may be.
    pub(crate) body: Option<Vec<u8>>,
}

impl Fetched {
    fn response(&self) -> KeyResponse<'_> {
        let mut response = KeyResponse::new(self.status, self.body.as_deref());
        let mut lines = self.fields.split('\n');
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            response = response.with(name, value);
        }
        response
    }
}

/// Asks a source, without following redirects, within bounds of time and size. Which address it has need not be
/// looked at: the platform takes a Worker's requests to public ones only.
async fn fetch(isolate: &Isolate, source: &KeySource) -> Option<Fetched> {
    if !isolate.gate.may_fetch(source.url()) {
        return None;
    }
    let headers = Headers::new().ok()?;
    headers.set("accept", source.accept()).ok()?;
    headers.set("accept-encoding", "identity").ok()?;
    send(source.url(), &RequestInit::new(), &headers, MAX_KEY_DOCUMENT_BYTES).await
}

/// Sends a request, without following redirects, and reads up to `most` bytes of what is answered with 200.
pub(crate) async fn send(url: &str, init: &RequestInit, headers: &Headers, most: usize) -> Option<Fetched> {
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MILLIS)));
    init.set_headers(headers);
    let scope = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let response = JsFuture::from(scope.fetch_with_str_and_init(url, init)).await;
    count(Target::Fetch, "send", response.is_ok());
    let response: Response = response.ok()?.dyn_into().ok()?;
    let (status, fields) = (response.status(), field_lines(&response.headers()));
    if status != 200 {
        // What else it says is in its status and fields.
        let _ = response.body().map(|body| body.cancel());
        return Some(Fetched { status, fields, body: Some(Vec::new()) });
    }
    let length = response.headers().get("content-length").ok().flatten();
    let body = match read(response.body(), length.as_deref(), most).await {
        Body::Read(body) => Some(body),
        Body::TooLarge => None,
        Body::Untouched | Body::Unreadable => return None,
    };
    Some(Fetched { status, fields, body })
}
