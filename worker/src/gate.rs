//! The `fetch` event: a request through the core's steps, and the decision carried out.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use countersign::decision::Decision;
use countersign::engine::{Answer, Conclusion, Session, Step};
use countersign::event::Subject;
use countersign::reason::Reason;
use countersign::state::budget::OriginAnswer;
use web_sys::{Request, Response};
use worker::{Context, Delay, Env, Result, console_log};

use crate::facts::{self, Body};
use crate::isolate::{Isolate, isolate, now, random};
use crate::registry::Published;
use crate::well_known::respond;
use crate::{admin, audit, metrics, operator};
use crate::{events, flood, inquiries, keys, limits, origin, registry, subject, webcrypto, well_known};

/// How long a request waits before it looks again whether another has fetched what it needs.
const PATIENCE: Duration = Duration::from_millis(10);
/// How long at the most: it doubles, so that many requests that wait long cost little.
const MOST_PATIENCE: Duration = Duration::from_millis(160);

/// Answers a request.
pub(crate) async fn answer(request: Request, env: &Env, context: Context) -> Result<Response> {
    let Some(isolate) = isolate(env) else { return well_known::not_started() };
    if let Some(response) = well_known::serve(&isolate, &request) {
        return response;
    }
    if let Some(response) = operator::serve(&isolate, &request, env).await {
        return response;
    }
    let began = now();
    let (conclusion, body) = decide(&isolate, &request, env, &context).await;
    let Conclusion {
        decision,
        events,
        tell,
        refresh,
        refresh_agents,
        refresh_denials,
        store,
        inquiries,
        after,
        reservations,
    } = conclusion;
    events::tell(&isolate, env, &events, &context);
    events::tell_refusals(&isolate, env, &context);
    if !tell.is_empty() {
        limits::tell(&isolate, env, tell, &context);
    }
    if let Some(source) = store {
        keys::store_proven(&isolate, env, &source, &context);
    }
    if !refresh.is_empty() {
        keys::refresh(&isolate, env, refresh, &context);
    }
    if !inquiries.is_empty() {
        inquiries::make(&isolate, env, inquiries, &context);
    }
    if refresh_agents {
        registry::refresh(&isolate, env, Published::Agents, &context);
    }
    if refresh_denials {
        registry::refresh(&isolate, env, Published::Denials, &context);
    }
    if !after.is_empty() {
        subject::tell(env, after, &context);
    }
    let weight = isolate.seldom.borrow_mut().weight(&decision, now());
    metrics::record(&isolate, env, &request, &decision, began, weight, &context);
    let is_logged = audit::record(&isolate, env, &decision, &context);
    if let (Some(_), false, Some(weight)) = (decision.reason, is_logged, weight) {
        console_log!("{}", decision.to_json());
        if weight > 1 {
            console_log!("{{\"left_out\":{}}}", weight - 1);
        }
    }
    if decision.is_allowed() && admin::is_asked_by(&isolate, &decision) {
        admin::answer(&isolate, &request, body, &decision, env, &context).await
    } else if decision.is_allowed() {
        let settle = |answer: &OriginAnswer<'_>| {
            let calls = reservations.map(|reservations| reservations.settle(answer));
            if let Some(calls) = calls.filter(|calls| !calls.is_empty()) {
                subject::tell(env, calls, &context);
            }
        };
        let began = now();
        let response = origin::forward(&isolate, &request, body, &decision, settle).await;
        isolate.counting.step("origin", began);
        response
    } else {
        refuse(&isolate, &decision)
    }
}

fn refuse(isolate: &Isolate, decision: &Decision) -> Result<Response> {
    let problem = decision.problem(isolate.gate.disclosure());
    respond(decision.status, Some(&problem.to_string()), &decision.headers)
}

/// Lets the core decide, doing for it what it cannot do itself. Gives the body back where it was read.
async fn decide(
    isolate: &Rc<Isolate>,
    request: &Request,
    env: &Env,
    context: &Context,
) -> (Conclusion, Body) {
    let view = match facts::view(request) {
        Ok(view) => view,
        Err(error) => {
            let (reason, now) = (Reason::from(error), now());
            let decision = Session::refuse_unviewable(reason, now, random());
            isolate.memory.borrow_mut().refusals().count(Subject::Unidentified, reason, &decision.id, now);
            return (decision.into(), Body::Untouched);
        }
    };
    let view = facts::with_client(view, request, &isolate.gate);
    let mut session = Session::new(Arc::clone(&isolate.gate), view, now(), random());
    let mut body = Body::Untouched;
    let mut verdicts = Vec::new();
    let mut replies;
    let mut floods;
    let mut patience = PATIENCE;
    let mut step = session.step(&mut isolate.memory.borrow_mut(), now(), &Answer::Ready);
    loop {
        let (name, began) = (metrics::name(&step), now());
        let answer = match step {
            Step::Done(conclusion) => return (*conclusion, body),
            Step::Keys(sources) => {
                keys::bring(isolate, env, sources, context).await;
                Answer::Ready
            }
            Step::Fetch(inquiries) => {
                inquiries::bring(isolate, env, inquiries, context).await;
                Answer::Ready
            }
            Step::Agents => {
                registry::bring(isolate, env, Published::Agents, context).await;
                Answer::Ready
            }
            Step::Denials => {
                registry::bring(isolate, env, Published::Denials, context).await;
                Answer::Ready
            }
            Step::Wait => {
                Delay::from(patience).await;
                patience = (patience * 2).min(MOST_PATIENCE);
                Answer::Ready
            }
            Step::Limits(asked) => {
                limits::ask(isolate, env, &asked).await;
                Answer::Ready
            }
            Step::Flood(asked) => {
                floods = flood::ask(env, &asked).await;
                Answer::Flood(&floods)
            }
            Step::State(calls) => {
                replies = subject::ask(env, &calls).await;
                Answer::State(&replies)
            }
            Step::Checks(checks) => {
                verdicts.clear();
                for check in &checks {
                    verdicts.push(webcrypto::verify(&isolate.imported, check).await);
                }
                Answer::Verdicts(&verdicts)
            }
            Step::Body => {
                body = facts::read_body(request, isolate.gate.max_body_bytes()).await;
                body.answer()
            }
        };
        isolate.counting.step(name, began);
        step = session.step(&mut isolate.memory.borrow_mut(), now(), &answer);
    }
}
