//! Key sets: isolate memory over KV over `fetch`. The core says who fetches and when; here it is done.

use std::rc::Rc;
use std::time::Duration;

use countersign::keys::{KeyResponse, KeySource, MAX_KEY_DOCUMENT_BYTES};
use futures_channel::oneshot;
use futures_util::future::join_all;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, Response, WorkerGlobalScope};
use worker::{Context, Env, console_error};

use crate::facts::{Body, read};
use crate::isolate::{Isolate, kv, now};

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
type Stored = (String, String, Duration);

/// Brings the keys of one source into memory: from KV where another isolate has left them, else from the source.
async fn bring_one(isolate: &Isolate, env: &Env, source: &KeySource) -> Option<Stored> {
    if let Some(text) = stored(env, source).await
        && isolate.memory.borrow_mut().keys_loaded(source, &text, now())
    {
        return None;
    }
    let may_fetch = isolate.memory.borrow_mut().may_fetch(source, now());
    let fetched = if may_fetch { fetch(isolate, source).await } else { None };
    let Some(fetched) = fetched else {
        isolate.memory.borrow_mut().keys_failed(source, now());
        return None;
    };
    let (text, keep_for) = isolate.memory.borrow_mut().keys_fetched(source, &fetched.response(), now())?;
    Some((source.name(), text, keep_for))
}

async fn stored(env: &Env, source: &KeySource) -> Option<String> {
    kv(env)?.get(&source.name()).text().await.unwrap_or_else(|_| {
        console_error!("countersign cannot read key sets from KV; fetching them instead");
        None
    })
}

async fn store(env: &Env, stored: Vec<Stored>) {
    for (name, text, keep_for) in stored {
        let Some(put) = kv(env).and_then(|kv| kv.put(&name, text).ok()) else { continue };
        if put.expiration_ttl(keep_for.max(LEAST_EXPIRY).as_secs()).execute().await.is_err() {
            console_error!("countersign cannot write key sets to KV; other isolates fetch them themselves");
        }
    }
}

/// What a source answered.
struct Fetched {
    status: u16,
    fields: [Option<String>; 4],
    body: Vec<u8>,
}

impl Fetched {
    fn response(&self) -> KeyResponse<'_> {
        let [content_type, cache_control, age, retry_after] = self.fields.each_ref().map(Option::as_deref);
        KeyResponse { status: self.status, content_type, cache_control, age, retry_after, body: &self.body }
    }
}

/// Asks a source, without following redirects, within bounds of time and size.
async fn fetch(isolate: &Isolate, source: &KeySource) -> Option<Fetched> {
    if !isolate.gate.may_fetch(source.url()) {
        return None;
    }
    let init = RequestInit::new();
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MILLIS)));
    let headers = Headers::new().ok()?;
    headers.set("accept", source.accept()).ok()?;
    init.set_headers(&headers);
    let scope = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let response: Response =
        JsFuture::from(scope.fetch_with_str_and_init(source.url(), &init)).await.ok()?.dyn_into().ok()?;
    let field = |name| response.headers().get(name).ok().flatten();
    let fields = ["content-type", "cache-control", "age", "retry-after"].map(field);
    let length = field("content-length");
    let Body::Read(body) = read(response.body(), length.as_deref(), MAX_KEY_DOCUMENT_BYTES).await else {
        return None;
    };
    Some(Fetched { status: response.status(), fields, body })
}
