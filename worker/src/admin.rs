//! The admin API on its way through the gate: what a route let through goes to the registry, and the change it made
//! to this isolate; the registry itself tells it as an event. Bodies are read whole, within the core's bound.

use std::rc::Rc;

use countersign::config::{Admin, PublicOrigin};
use countersign::decision::{Decision, PROBLEM_JSON};
use countersign::registry::admin::{Answer, MAX_BODY_BYTES, Request as AskedBy};
use countersign::registry::{RegistryError, RegistryErrorKind};
use countersign::request::Target;
use countersign::state::budget::admin as budgets;
use web_sys::{Request, Response};
use worker::{Context, Env, Result, console_error};

use crate::facts::{self, Body};
use crate::isolate::Isolate;
use crate::isolate::now;
use crate::registry::{self, AdminRequest, Answered};
use crate::well_known::respond;
use crate::{events, subject};

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
    context: &Context,
) -> Result<Response> {
    let Ok(target) = Target::parse(request.url().split('#').next().unwrap_or_default()) else {
        return respond(400, None, &[]);
    };
    let mut answered = ask(isolate, request, &target, body, decision, env, context)
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
    respond(answered.status, Some(&answered.body.to_string()), &fields)
}

/// What a decision says too, and the answer says better.
fn is_set(name: &str) -> bool {
    matches!(name, "Content-Type" | "Cache-Control")
}

async fn ask(
    isolate: &Rc<Isolate>,
    request: &Request,
    target: &Target,
    body: Body,
    decision: &Decision,
    env: &Env,
    context: &Context,
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
    if budgets::is_asked_at(target.path()) {
        let request = AskedBy {
            method: &request.method(),
            path: target.path(),
            query: target.query(),
            if_match: None,
            body: body.as_bytes(),
            actor,
            allow_loopback: isolate.gate.allow_loopback(),
        };
        return ask_budget(isolate, &request, decision, env, context).await;
    }
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

/// Budgets are not of the registry: each account has an object of its own, which is asked, and the events go their way.
async fn ask_budget(
    isolate: &Rc<Isolate>,
    request: &AskedBy<'_>,
    decision: &Decision,
    env: &Env,
    context: &Context,
) -> core::result::Result<Answered, RegistryError> {
    let command = budgets::Command::parse(request, &isolate.gate, &decision.id, now())?;
    let reply = match command.call() {
        Some(call) => subject::ask(env, core::slice::from_ref(call)).await.into_iter().next().flatten(),
        None => None,
    };
    let (answer, event) = command.answer(&isolate.gate, reply.as_ref(), &decision.id, now())?;
    events::tell(isolate, env, event.as_slice(), context);
    Ok(Answered::new(answer))
}
