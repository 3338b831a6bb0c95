//! Countersign on Cloudflare Workers: a gate in front of an origin.
//!
//! A thin shell around the `countersign` crate: it gathers the facts of a request, lets the core decide, and does
//! what the core says. No policy lives here. One file for each thing of the platform:
//!
//! | File | What it is the glue to |
//! |---|---|
//! | `isolate` | bindings and secrets: the gate, its memory, its signing keys |
//! | `gate` | the `fetch` event: a request through the core's steps |
//! | `facts` | `Request` to the core's view of it, and the body where a digest demands it |
//! | `keys` | key sets: isolate memory over KV over `fetch` |
//! | `inquiries` | questions to issuers about their tokens |
//! | `webcrypto` | signature checks on the host's `WebCrypto` |
//! | `flood` | the platform's rate limiters, before anything is verified |
//! | `limits` | what isolates tell each other of limits through KV |
//! | `signer` | assertions and events, signed; the gate's own key set |
//! | `origin` | forwarding, and the way back |
//! | `registry` | the Durable Object that has the registry of agents, and its copies in KV |
//! | `admin` | the admin API, from the gate to that object |
//! | `subject` | the Durable Objects that have the state of a subject, and calls to them |
//! | `audit` | the audit log: to a queue, a bucket or the host's log |
//! | `bindings` | bindings without a type of their own |
//! | `journal` | the Durable Object that has the ledger of the audit log, and what all isolates counted |
//! | `metrics` | what an isolate counts |
//! | `operator` | metrics and ledger, for those who have their secrets |
//! | `events` | security events: written after the response, delivered by queue, or KV and cron |
//! | `well_known` | what the gate serves itself |

mod admin;
mod audit;
mod bindings;
mod denials;
mod events;
mod facts;
mod flood;
mod gate;
mod inquiries;
mod isolate;
#[allow(missing_docs, reason = "what the macro for Durable Objects writes has none")]
mod journal;
mod keys;
mod limits;
mod metrics;
mod operator;
mod origin;
#[allow(missing_docs, reason = "what the macro for Durable Objects writes has none")]
mod registry;
mod signer;
#[allow(missing_docs, reason = "what the macro for Durable Objects writes has none")]
mod subject;
mod webcrypto;
mod well_known;

pub use journal::Journal;
pub use registry::AgentRegistry;
use serde_json::Value;
pub use subject::Subject;
use web_sys::{Request, Response};
use worker::{Context, Env, MessageBatch, Result, ScheduleContext, ScheduledEvent, console_error, event};

/// Answers a request: by the gate itself, by the origin, or with a refusal. The platform's own types are taken:
/// `worker`'s read more of a request than a gate needs.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    gate::answer(request, &env, context).await
}

/// Delivers what waits in KV. Needed every minute, also where a queue is bound: what it did not take is there.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    events::outbox::drain(&env).await;
}

/// Takes what queues bring. Which queue it is says the end of its name; what comes before is the deployment's.
#[event(queue)]
async fn queue(batch: MessageBatch<Value>, env: Env, _context: Context) -> Result<()> {
    match batch.queue() {
        name if name.ends_with("events") => events::queue::deliver(&env, &batch).await,
        name if name.ends_with("events-dead-letters") => events::queue::bury(&env, &batch).await,
        name if name.ends_with("audit") => audit::consume(&batch, &env).await,
        name => {
            console_error!(
                "countersign knows no queue {name}; name it *events, *events-dead-letters or *audit"
            );
            batch.retry_all();
        }
    }
    Ok(())
}
