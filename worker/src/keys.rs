//! Key sets: isolate memory over KV over `fetch`. The core says who fetches and when; here it is done.

use std::cell::Cell;
use std::rc::Rc;

use countersign::keys::{KeyResponse, KeySource, MAX_KEY_DOCUMENT_BYTES};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, RequestRedirect, Response};
use worker::{Context, Env, console_error};

use crate::facts::{self, Body};
use crate::isolate::{Isolate, kv, now};

/// Brings the keys of each source into memory, all at once.
pub(crate) async fn bring(isolate: &Rc<Isolate>, env: &Env, sources: &[KeySource], context: &Context) {
    futures_util::future::join_all(sources.iter().map(|source| bring_one(isolate, env, source, Some(context)))).await;
}

/// Fetches key sets anew, after the response.
pub(crate) fn refresh(isolate: &Rc<Isolate>, env: &Env, sources: Vec<KeySource>, context: &Context) {
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    context.wait_until(async move {
        for source in sources {
            bring_one(&isolate, &env, &source, None).await;
        }
    });
}
