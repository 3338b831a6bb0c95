//! The platform's Rate Limiting bindings, as a flood shield before anything is verified.
//!
//! Each binding counts at one location by itself, as its own configuration says; its name says the same
//! (`FLOOD_100_10`), so that a limit of the gate's configuration cannot be counted by another's numbers. It is called
//! through plain JavaScript: what it answers has one member.

use countersign::engine::Flood;
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::{Env, console_error};

/// Whether a binding of this name is there.
pub(crate) fn is_bound(env: &Env, name: &str) -> bool {
    limiter(env, name).is_some()
}

/// Asks them in order; `None` where one does not answer.
pub(crate) async fn ask(env: &Env, floods: &[Flood]) -> Vec<Option<bool>> {
    let mut verdicts = Vec::with_capacity(floods.len());
    for flood in floods {
        let verdict = ask_one(env, flood).await;
        if verdict.is_none() {
            console_error!("countersign cannot ask the flood shield {}", flood.binding);
        }
        verdicts.push(verdict);
    }
    verdicts
}

fn limiter(env: &Env, name: &str) -> Option<(JsValue, Function)> {
    let limiter = Reflect::get(env, &JsValue::from_str(name)).ok().filter(JsValue::is_object)?;
    let limit = Reflect::get(&limiter, &JsValue::from_str("limit")).ok()?.dyn_into().ok()?;
    Some((limiter, limit))
}

async fn ask_one(env: &Env, flood: &Flood) -> Option<bool> {
    let (limiter, limit) = limiter(env, &flood.binding)?;
    let options = Object::new();
    Reflect::set(&options, &JsValue::from_str("key"), &JsValue::from_str(&flood.key)).ok()?;
    let promise: Promise = limit.call1(&limiter, &options).ok()?.dyn_into().ok()?;
    let outcome = JsFuture::from(promise).await.ok()?;
    Reflect::get(&outcome, &JsValue::from_str("success")).ok()?.as_bool()
}
