//! One event to its receiver: signed, pushed (RFC 8935), and what came of it.

use countersign::config::{EventFormat, Events};
use countersign::event::delivery::{ANSWER_WITHIN, Answered, MAX_ANSWER_BYTES};
use countersign::event::{SET_MEDIA_TYPE, cloud};
use countersign::metrics::Target;
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, Response, WorkerGlobalScope};
use worker::console_error;

use crate::facts::{self, Body};
use crate::isolate::{Isolate, count};

/// Pushes an event. Everything but a clear answer is a failure, which may be over the next time.
pub(crate) async fn push(isolate: &Isolate, claims: &Value) -> Answered {
    let Some(events) = isolate.gate.events() else { return Answered::Failed };
    let answered = try_push(isolate, events, claims).await.unwrap_or(Answered::Failed);
    count(Target::Fetch, "event", answered == Answered::Accepted);
    answered
}

async fn try_push(isolate: &Isolate, events: &Events, claims: &Value) -> Result<Answered, JsValue> {
    let token = isolate.signer.event(claims).await.map_err(|error| {
        console_error!("countersign cannot sign events: {error}");
        JsValue::NULL
    })?;
    let (kind, body) = match events.format() {
        EventFormat::Set => (SET_MEDIA_TYPE, token),
        EventFormat::CloudEvents => (cloud::MEDIA_TYPE, cloud::envelope(claims, &token).to_string()),
    };
    let headers = Headers::new()?;
    headers.set("content-type", kind)?;
    headers.set("accept", "application/json")?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    let within = u32::try_from(ANSWER_WITHIN.as_millis()).unwrap_or(u32::MAX);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(within)));
    init.set_body(&JsValue::from_str(&body));
    let scope = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let response: Response =
        JsFuture::from(scope.fetch_with_str_and_init(events.url(), &init)).await?.dyn_into()?;
    let status = response.status();
    let body = if Answered::needs_body(status) {
        match facts::read(response.body(), None, MAX_ANSWER_BYTES).await {
            Body::Read(body) => body,
            Body::TooLarge | Body::Untouched | Body::Unreadable => Vec::new(),
        }
    } else {
        let _ = response.body().map(|body| body.cancel());
        Vec::new()
    };
    Ok(Answered::read(events.format(), status, &body))
}
