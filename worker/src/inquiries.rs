//! Questions to issuers about their tokens. The core says who asks, what and when; here it is done.

use std::rc::Rc;

use countersign::revocation::{Inquiry, InquiryResponse};
use futures_channel::oneshot;
use futures_util::future::join_all;
use wasm_bindgen::JsValue;
use web_sys::{Headers, RequestInit};
use worker::{Context, Env, console_warn};

use crate::isolate::{Isolate, now};
use crate::keys::{self, Fetched, Stored};
use crate::webcrypto;

/// Brings the answer to each inquiry into memory, all at once. Others wait for them too, so that it goes on where the
/// client goes away.
pub(crate) async fn bring(isolate: &Rc<Isolate>, env: &Env, inquiries: Vec<Inquiry>, context: &Context) {
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    let (done, brought) = oneshot::channel();
    context.wait_until(async move {
        let stored = bring_all(&isolate, &env, inquiries).await;
        // The receiver is gone where the client is.
        let _ = done.send(());
        keys::store(&env, stored).await;
    });
    let _ = brought.await;
}

/// Makes inquiries after the response.
pub(crate) fn make(isolate: &Rc<Isolate>, env: &Env, inquiries: Vec<Inquiry>, context: &Context) {
    let (isolate, env) = (Rc::clone(isolate), env.clone());
    context.wait_until(async move {
        let stored = bring_all(&isolate, &env, inquiries).await;
        keys::store(&env, stored).await;
    });
}

async fn bring_all(isolate: &Isolate, env: &Env, inquiries: Vec<Inquiry>) -> Vec<Stored> {
    let stored = join_all(inquiries.into_iter().map(|inquiry| bring_one(isolate, env, inquiry))).await;
    stored.into_iter().flatten().collect()
}

/// Brings one answer into memory: from KV where it may be there, else from whom is asked.
async fn bring_one(isolate: &Isolate, env: &Env, inquiry: Inquiry) -> Option<Stored> {
    let name = inquiry.name();
    if let Some(name) = &name
        && let Some(text) = keys::stored(env, name).await
        && isolate.memory.borrow_mut().inquiry_loaded(&inquiry, &text, now())
    {
        return None;
    }
    let fetched = if let Some(inquiry) = signed(inquiry.clone()).await {
        fetch(isolate, &inquiry).await
    } else {
        console_warn!("countersign cannot sign for {}: the key cannot be used here", inquiry.configured());
        None
    };
    let Some(fetched) = fetched else {
        console_warn!("countersign on {}: no answer", inquiry.configured());
        isolate.memory.borrow_mut().inquiry_failed(&inquiry, now());
        return None;
    };
    let mut response = InquiryResponse::new(fetched.status, fetched.body.as_deref());
    let mut lines = fetched.fields.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        response = response.with(name, value);
    }
    let reading = inquiry.read(&response, now().seconds());
    let mut verdicts = Vec::new();
    for check in reading.checks() {
        verdicts.push(webcrypto::verify(&isolate.imported, check).await);
    }
    let taken = isolate.memory.borrow_mut().inquiry_answered(&inquiry, reading, &verdicts, now());
    if let Some(error) = taken.error {
        console_warn!("countersign on {}: {error}", inquiry.configured());
    }
    let (text, keep_for) = taken.store?;
    Some((name?, text, keep_for))
}

async fn signed(inquiry: Inquiry) -> Option<Inquiry> {
    match inquiry.signing() {
        None => Some(inquiry),
        Some(signing) => {
            let signature = webcrypto::sign(signing).await?;
            Some(inquiry.signed(&signature))
        }
    }
}

async fn fetch(isolate: &Isolate, inquiry: &Inquiry) -> Option<Fetched> {
    if !isolate.gate.may_fetch(inquiry.url()) {
        return None;
    }
    let headers = Headers::new().ok()?;
    headers.set("accept", inquiry.accept()).ok()?;
    headers.set("cache-control", "no-store").ok()?;
    let optional = [("content-type", inquiry.content_type()), ("authorization", inquiry.authorization())];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        headers.set(name, value).ok()?;
    }
    let init = RequestInit::new();
    init.set_method(inquiry.method());
    if let Some(body) = inquiry.body() {
        init.set_body(&JsValue::from_str(body));
    }
    keys::send(inquiry.url(), &init, &headers, inquiry.max_bytes()).await
}
