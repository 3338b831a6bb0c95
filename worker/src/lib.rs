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
//! | `events` | security events, pushed after the response |
//! | `well_known` | what the gate serves itself |

mod admin;
mod denials;
mod events;
mod facts;
mod flood;
mod gate;
mod inquiries;
mod isolate;
mod keys;
mod limits;
mod origin;
#[allow(missing_docs, reason = "what the macro for Durable Objects writes has none")]
mod registry;
mod signer;
#[allow(missing_docs, reason = "what the macro for Durable Objects writes has none")]
mod subject;
mod webcrypto;
mod well_known;

pub use registry::AgentRegistry;
pub use subject::Subject;
use web_sys::{Request, Response};
use worker::{Context, Env, Result, event};

/// Answers a request: by the gate itself, by the origin, or with a refusal. The platform's own types are taken:
/// `worker`'s read more of a request than a gate needs.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    gate::answer(request, &env, context).await
}
