//! Forwarding to the origin, and the way back. Bodies stream through untouched in both directions.

use countersign::config::PublicOrigin;
use countersign::decision::{Decision, OWN_FIELD_PREFIX, PROBLEM_JSON};
use countersign::metrics::Target;
use countersign::state::budget::OriginAnswer;
use countersign::state::budget::settlement::FIELD as BUDGET_FIELD;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Headers, Request, RequestCache, RequestInit, RequestRedirect, Response, ResponseInit, WorkerGlobalScope,
};
use worker::{Result, console_error};

use crate::facts::Body;
use crate::isolate::{Isolate, now};
use crate::well_known::respond;

/// Statuses whose responses have no body (Fetch §2.2.6).
const NULL_BODY: [u16; 4] = [101, 204, 205, 304];

/// Sends the request on, with who it was. What came of it is told once: budgets are settled by it.
pub(crate) async fn forward(
    isolate: &Isolate,
    request: &Request,
    body: Body,
    decision: &Decision,
    settle: impl FnOnce(&OriginAnswer<'_>),
) -> Result<Response> {
    let init = RequestInit::new();
    init.set_method(&request.method());
    init.set_redirect(RequestRedirect::Manual);
    // The platform's cache knows URLs, not agents: what it keeps for one must not answer another.
    init.set_cache(RequestCache::NoStore);
    let fields = match fields(isolate, request, decision).await {
        Ok(fields) => fields,
        Err(error) => {
            settle(&OriginAnswer::NotSent);
            return Err(error);
        }
    };
    init.set_headers(&fields);
    match body {
        Body::Read(bytes) => init.set_body(&Uint8Array::from(bytes.as_slice())),
        // The core lets none of these through with a body, and `fetch` takes none, also not an empty one.
        _ if matches!(request.method().as_str(), "GET" | "HEAD") => {}
        _ => init.set_body_opt_readable_stream(request.body().as_ref()),
    }
    let url = format!("{}{}", isolate.gate.origin(), path_and_query(&request.url()));
    let scope = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let response = JsFuture::from(scope.fetch_with_str_and_init(&url, &init)).await;
    isolate.counting.call(Target::Origin, "forward", response.is_ok());
    if let Ok(response) = response {
        let response: Response = response.unchecked_into();
        let field = response.headers().get(BUDGET_FIELD).ok().flatten();
        settle(&OriginAnswer::Response { status: response.status(), field: field.as_deref() });
        answer(isolate, &response, decision)
    } else {
        // Nobody knows how far it came: it may be the answer that was lost.
        settle(&OriginAnswer::Lost);
        console_error!("countersign cannot reach the origin");
        unreachable(decision)
    }
}

/// The client's fields, less those that only the gate may set, plus those.
async fn fields(isolate: &Isolate, request: &Request, decision: &Decision) -> Result<Headers> {
    let headers = Headers::new_with_headers(&request.headers())?;
    // Servers that hand fields on as variables do not tell `_` from `-`.
    delete(&headers, |name| name.replace('_', "-").starts_with(OWN_FIELD_PREFIX))?;
    if isolate.gate.strip_credentials() {
        headers.delete("authorization")?;
        headers.delete("dpop")?;
        if let Some(field) = isolate.gate.parent_field() {
            headers.delete(field)?;
        }
    }
    for (name, value) in decision.origin_headers() {
        headers.set(name, &value)?;
    }
    let issuer = isolate.gate.public_origins().first().map(PublicOrigin::url).unwrap_or_default();
    let claims = decision.assertion(&issuer, isolate.gate.origin(), now().seconds());
    headers.set("Countersign-Assertion", &isolate.signer.assertion(&claims).await?)?;
    Ok(headers)
}

/// Takes away the fields of such names, which are in lower case.
fn delete(headers: &Headers, is_meant: impl Fn(&str) -> bool) -> Result<()> {
    let names: String = Array::from(&headers.keys()).join("\n").into();
    for name in names.split('\n').filter(|name| is_meant(name)) {
        headers.delete(name)?;
    }
    Ok(())
}

/// The part of a URL after its authority.
fn path_and_query(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find(['/', '?']).map_or("", |at| after_scheme.get(at..).unwrap_or_default());
    path.split('#').next().unwrap_or_default()
}

/// The origin's response, with the fields that the decision adds.
fn answer(isolate: &Isolate, response: &Response, decision: &Decision) -> Result<Response> {
    if response.status() == 101 {
        // The handle is cloned, not the response, which a WebSocket's cannot be.
        return Ok(Clone::clone(response));
    }
    let body = if NULL_BODY.contains(&response.status()) { None } else { response.body() };
    // The response serves as its own initialiser, which also keeps how its body is encoded.
    let init: &ResponseInit = response.unchecked_ref();
    let answer = Response::new_with_opt_readable_stream_and_init(body.as_ref(), init)?;
    let headers = answer.headers();
    headers.delete(BUDGET_FIELD)?;
    if isolate.gate.has_cors() {
        // What is left of the origin's would share an answer with pages that the gate does not share it with.
        delete(&headers, |name| name.starts_with("access-control-"))?;
    }
    for (name, value) in &decision.headers {
        // What else the origin's answer depends on, caches must know as well.
        if *name == "Vary" { headers.append(name, value)? } else { headers.set(name, value)? }
    }
    Ok(answer)
}

/// The origin does not answer, which says nothing about the request.
fn unreachable(decision: &Decision) -> Result<Response> {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": "The origin cannot be reached.",
        "status": 502,
        "code": "origin.unreachable",
        "decision": decision.id,
    });
    let mut fields = decision.headers.clone();
    fields.push(("Content-Type", PROBLEM_JSON.to_owned()));
    respond(502, Some(&problem.to_string()), &fields)
}
