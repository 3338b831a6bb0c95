//! What the gate serves itself, to anyone: resource metadata, its own key set, its health.

use countersign::config::RESOURCE_METADATA_PATH;
use countersign::decision::PROBLEM_JSON;
use countersign::request::Target;
use serde_json::{Value, json};
use web_sys::{Headers, Request, Response, ResponseInit};
use worker::Result;

use crate::isolate::Isolate;

const JWKS_PATH: &str = "/.well-known/countersign/jwks.json";
const HEALTH_PATH: &str = "/.well-known/countersign/health";

/// The gate's own answer, where the request is for one of its own documents.
pub(crate) fn serve(isolate: &Isolate, request: &Request) -> Option<Result<Response>> {
    let url = request.url();
    // Cheap for everything else: nearly no request is for these.
    if !url.contains("/.well-known/") || !matches!(request.method().as_str(), "GET" | "HEAD") {
        return None;
    }
    let target = Target::parse(&url).ok()?;
    match target.path() {
        path if path.starts_with(RESOURCE_METADATA_PATH) => {
            let metadata = isolate.gate.resource_metadata(&target)?;
            Some(document(&metadata, "max-age=300"))
        }
        JWKS_PATH => Some(document(isolate.signer.jwks(), "max-age=300")),
        HEALTH_PATH => {
            Some(document(&json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }), "no-store"))
        }
        _ => None,
    }
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
    respond(503, &problem.to_string(), &fields)
}

fn document(value: &Value, cache_control: &str) -> Result<Response> {
    let fields = [
        ("Content-Type", "application/json".to_owned()),
        ("Cache-Control", cache_control.to_owned()),
        ("Access-Control-Allow-Origin", "*".to_owned()),
    ];
    respond(200, &value.to_string(), &fields)
}

/// A response of the gate's own.
pub(crate) fn respond(status: u16, body: &str, fields: &[(&str, String)]) -> Result<Response> {
    let headers = Headers::new()?;
    for (name, value) in fields {
        headers.append(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(&headers);
    Ok(Response::new_with_opt_str_and_init(Some(body), &init)?)
}
