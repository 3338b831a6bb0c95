//! What the gate serves itself, to anyone: resource metadata, its own key set, its health.

use countersign::engine::RESOURCE_METADATA_PATH;
use serde_json::{Value, json};
use worker::{Request, Response, Result};

use crate::isolate::Isolate;

const JWKS_PATH: &str = "/.well-known/countersign/jwks.json";
const HEALTH_PATH: &str = "/.well-known/countersign/health";

/// The gate's own answer, where the request is for one of its own documents.
pub(crate) fn serve(isolate: &Isolate, request: &Request, path: &str) -> Option<Result<Response>> {
    if !matches!(request.inner().method().as_str(), "GET" | "HEAD") {
        return None;
    }
    match path {
        RESOURCE_METADATA_PATH => {
            let public = countersign::request::Target::parse(&request.inner().url()).ok();
            let public = public.as_ref().and_then(|target| isolate.gate.public_origin(target))?;
            Some(document(&isolate.gate.resource_metadata(public), "max-age=300", 200))
        }
        JWKS_PATH => Some(document(isolate.signer.jwks(), "max-age=300", 200)),
        HEALTH_PATH => {
            let health = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") });
            Some(document(&health, "no-store", 200))
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
    let mut response = document(&problem, "no-store", 503)?;
    response.headers_mut().set("content-type", countersign::decision::PROBLEM_JSON)?;
    Ok(response)
}

fn document(value: &Value, cache_control: &str, status: u16) -> Result<Response> {
    let mut response = Response::from_bytes(value.to_string().into_bytes())?.with_status(status);
    let headers = response.headers_mut();
    headers.set("content-type", "application/json")?;
    headers.set("cache-control", cache_control)?;
    headers.set("access-control-allow-origin", "*")?;
    Ok(response)
}
