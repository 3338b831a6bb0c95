//! The admin API on its way through the gate: what a route let through goes to the registry, and the change it made
//! to this isolate; the registry itself tells it as an event. Bodies are read whole, within the core's bound.

use std::rc::Rc;

use countersign::config::{Admin, PublicOrigin};
use countersign::decision::{Decision, PROBLEM_JSON};
use countersign::registry::admin::{Answer, MAX_BODY_BYTES};
use countersign::registry::{RegistryError, RegistryErrorKind};
use countersign::request::Target;
use web_sys::{Request, Response};
use worker::{Env, Result, console_error};

use crate::facts::{self, Body};
use crate::isolate::Isolate;
use crate::isolate::now;
use crate::registry::{self, AdminRequest, Answered};
use crate::well_known::respond;

/// Whether a request that goes through is one to the admin API.
pub(crate) fn is_asked_by(isolate: &Isolate, decision: &Decision) -> bool {
    isolate.gate.admin().is_some() && Admin::is_asked_by(decision)
}

/// Answers a request to the admin API, which the gate let through.
pub(crate) async fn answer(
    isolate: &Rc<Isolate>,
    request: &Request,
    body: Body,
    decision: &Decision,
    env: &Env,
) -> Result<Response> {
    let Ok(target) = Target::parse(request.url().split('#').next().unwrap_or_default()) else {
        return respond(400, "", &[]);
    };
    let mut answered = ask(isolate, request, &target, body, decision, env)
        .await
        .unwrap_or_else(|error| Answered::new(Answer::problem(&error, target.path())));
    if let Some(denial) = answered.denied.take() {
        isolate.memory.borrow_mut().denied(denial);
    }
    let kind = if answered.status < 400 { "application/json" } else { PROBLEM_JSON };
    let mut fields = vec![("Content-Type", kind.to_owned()), ("Cache-Control", "no-store".to_owned())];
    let public = isolate.gate.public_origin(&target).map(PublicOrigin::url).unwrap_or_default();
    fields.extend(answered.fields.into_iter().map(|(name, value)| match name {
        "Location" => (name, format!("{public}{value}")),
        _ => (name, value),
    }));
    fields.extend(decision.headers.iter().filter(|(name, _)| !is_set(name)).cloned());
    respond(answered.status, &answered.body.to_string(), &fields)
}

/// What a decision says too, and the answer says better.
fn is_set(name: &str) -> bool {
    matches!(name, "Content-Type" | "Cache-Control")
}

async fn ask(
    isolate: &Isolate,
    request: &Request,
    target: &Target,
    body: Body,
    decision: &Decision,
    env: &Env,
) -> core::result::Result<Answered, RegistryError> {
    let admin = isolate.gate.admin().ok_or(RegistryErrorKind::PathUnknown)?;
    let actor = admin.actor(decision.principal.as_ref())?;
    let body = match body {
        Body::Untouched => facts::read_body(request, MAX_BODY_BYTES).await,
        read => read,
    };
    let body = match body {
        Body::Read(bytes) => String::from_utf8(bytes).map_err(|_| RegistryErrorKind::BodyMalformed)?,
        Body::TooLarge => return Err(RegistryErrorKind::BodyTooLarge.into()),
        Body::Untouched | Body::Unreadable => return Err(RegistryErrorKind::BodyMalformed.into()),
    };
    let if_match = request.headers().get("if-match").ok().flatten();
    let request = AdminRequest {
        method: &request.method(),
        path: target.path(),
        query: target.query(),
        if_match: if_match.as_deref(),
        body: &body,
        actor: &actor,
        decision: &decision.id,
    };
    Ok(registry::ask(env, &request).await.unwrap_or_else(|error| {
        console_error!("countersign cannot reach the registry of agents at {}: {error}", now().0);
        registry::unavailable(target.path())
    }))
}
