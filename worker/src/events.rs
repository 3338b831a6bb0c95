//! Security events, pushed to where the configuration says (RFC 8935), after the response.

use std::rc::Rc;
use std::time::Duration;

use countersign::config::Events;
use countersign::event::SET_MEDIA_TYPE;
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, Response, WorkerGlobalScope};
use worker::{Context, Delay, console_error, console_log};

use crate::isolate::Isolate;

/// Pauses before each further try. With the tries themselves they stay within the 30 s of `waitUntil`.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(8)];
/// How long the receiver may take to answer.
const TIMEOUT_MILLIS: u32 = 3_000;

/// Logs an event, by its claims, and pushes it, trying again while the receiver may still take it.
pub(crate) fn push(isolate: &Rc<Isolate>, claims: Value, context: &Context) {
    let id = claims.get("jti").and_then(Value::as_str).unwrap_or_default().to_owned();
    console_log!("{claims}");
    let Some(url) = isolate.gate.events().map(Events::url).map(ToOwned::to_owned) else { return };
    let Ok(token) = isolate.signer.event(claims) else { return };
    context.wait_until(async move {
        for pause in PAUSES.into_iter().map(Some).chain([None]) {
            match (post(&url, &token).await, pause) {
                (Delivery::Accepted, _) => return,
                (Delivery::Refused, _) | (_, None) => break,
                (Delivery::Failed, Some(pause)) => Delay::from(pause).await,
            }
        }
        console_error!("countersign could not deliver event {id}");
    });
}

enum Delivery {
    Accepted,
    /// The receiver does not want it (RFC 8935 §2.3); trying again would not change that.
    Refused,
    Failed,
}

async fn post(url: &str, token: &str) -> Delivery {
    match try_post(url, token).await {
        Some(200..=299) => Delivery::Accepted,
        Some(400 | 401 | 403) => Delivery::Refused,
        _ => Delivery::Failed,
    }
}

async fn try_post(url: &str, token: &str) -> Option<u16> {
    let headers = Headers::new().ok()?;
    headers.set("content-type", SET_MEDIA_TYPE).ok()?;
    headers.set("accept", "application/json").ok()?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MILLIS)));
    init.set_body(&JsValue::from_str(token));
    let scope = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let response: Response =
        JsFuture::from(scope.fetch_with_str_and_init(url, &init)).await.ok()?.dyn_into().ok()?;
    Some(response.status())
}
