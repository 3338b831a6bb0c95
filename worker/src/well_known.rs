//! What the gate serves itself, to anyone: resource metadata and preflights, its own key set, its health.

use countersign::decision::PROBLEM_JSON;
use countersign::served::Served;
use serde_json::json;
use web_sys::{Headers, Request, Response, ResponseInit};
use worker::Result;

use crate::facts;
use crate::isolate::Isolate;

const JWKS_PATH: &str = "/.well-known/countersign/jwks.json";
const HEALTH_PATH: &str = "/.well-known/countersign/health";

/// The gate's own answer, where the request is for one of its own documents, or a preflight.
pub(crate) fn serve(isolate: &Isolate, request: &Request) -> Option<Result<Response>> {
    let is_read = matches!(request.method().as_str(), "GET" | "HEAD");
    // Cheap for everything else: nearly no request is for these.
    if !(is_read && request.url().contains("/.well-known/") || request.method() == "OPTIONS") {
        return None;
    }
    let view = facts::view(request).ok()?;
    let served = isolate.gate.serve(&view).or_else(|| match view.target().path() {
        JWKS_PATH if is_read => Some(Served::document(isolate.signer.jwks(), "max-age=300")),
        HEALTH_PATH if is_read => {
            let health = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") });
            Some(Served::document(&health, "no-store"))
        }
        _ => None,
    })?;
    Some(respond(served.status, served.body.as_deref(), &served.headers))
}

/// A gate without a configuration or a key lets nothing through. What is wrong is in its log, not here.
pub(crate) fn not_started() -> Result<Response> {
    let problem = json!({
        "type": "about:blank",
        "title": "The gate is not configured.",
        "status": 503,
        "code": "config.invalid",
    });
    let fields = [("Content-Type", PROBLEM_JSON.to_owned()), ("Cache-Control", "no-store".to_owned())];
    respond(503, Some(&problem.to_string()), &fields)
}

/// A response of the gate's own.
pub(crate) fn respond(status: u16, body: Option<&str>, fields: &[(&str, String)]) -> Result<Response> {
    let headers = Headers::new()?;
    for (name, value) in fields {
        headers.append(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(&headers);
    Ok(Response::new_with_opt_str_and_init(body, &init)?)
}
