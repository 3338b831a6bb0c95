//! Limits between isolates: counts in KV, asked once a subject, told now and then after the response.

use std::rc::Rc;
use std::time::Duration;

use countersign::memory::LimitKey;
use countersign::state::rate::Quota;
use worker::{Context, Env, KvStore, console_error};

use crate::isolate::{Isolate, kv, now};

/// KV takes no shorter expiry.
const LEAST_EXPIRY_SECS: u64 = 60;

/// Brings what others counted into memory. A store that fails leaves this isolate's own counts.
pub(crate) async fn ask(isolate: &Isolate, env: &Env, limits: &[(LimitKey, Quota)]) {
    for limit in limits {
        let stored = stored(env, &limit.0).await;
        isolate.memory.borrow_mut().ask(*limit, stored.as_deref(), now());
    }
}

async fn stored(env: &Env, key: &LimitKey) -> Option<String> {
    let stored = kv(env)?.get(&key.name()).text().await;
    stored.unwrap_or_else(|_| {
        console_error!("countersign cannot read counts from KV; limits hold for this isolate alone");
        None
    })
}

/// Adds what this isolate counted to what is stored, after the response.
pub(crate) fn tell(isolate: &Rc<Isolate>, env: &Env, limits: Vec<(LimitKey, Quota)>, context: &Context) {
    let isolate = Rc::clone(isolate);
    let env = env.clone();
    context.wait_until(async move {
        for limit in limits {
            let stored = stored(&env, &limit.0).await;
            let text = isolate.memory.borrow_mut().tell(limit, stored.as_deref(), now());
            if let Some(kv) = kv(&env)
                && put(&kv, &limit.0.name(), &text, limit.1.window).await.is_none()
            {
                console_error!("countersign cannot write counts to KV; limits hold for this isolate alone");
            }
        }
    });
}

async fn put(kv: &KvStore, name: &str, text: &str, window: Duration) -> Option<()> {
    let expiry = window.as_secs().saturating_mul(2).max(LEAST_EXPIRY_SECS);
    kv.put(name, text).ok()?.expiration_ttl(expiry).execute().await.ok()
}
