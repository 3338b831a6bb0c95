//! What a process keeps between requests, and the key sets that the host brings into it.

use std::collections::BTreeMap;

use countersign::keys::{self, KeySource};
use countersign::memory;
use wasm_bindgen::prelude::*;

use crate::unix_millis;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r"
/** What a source of keys answered. The host reads at most `maxKeyDocumentBytes` of it, and follows no redirect. */
export interface KeyResponse {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly age?: string | undefined;
  readonly retryAfter?: string | undefined;
  readonly body: Uint8Array;
}
";

#[wasm_bindgen]
extern "C" {
    /// What a source of keys answered.
    #[wasm_bindgen(typescript_type = "KeyResponse")]
    pub type KeyResponse;
    #[wasm_bindgen(method, getter)]
    fn status(this: &KeyResponse) -> u16;
    #[wasm_bindgen(method, getter, js_name = contentType)]
    fn content_type(this: &KeyResponse) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = cacheControl)]
    fn cache_control(this: &KeyResponse) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn age(this: &KeyResponse) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    fn retry_after(this: &KeyResponse) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn body(this: &KeyResponse) -> Vec<u8>;
}

/// What a process keeps between requests. Bounded, however many agents there are.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Memory {
    inner: memory::Memory,
    /// The sources that the host was asked for and has not answered yet, by name: only the core makes sources, so
    /// that no host can pass off a directory as an issuer.
    asked: BTreeMap<String, KeySource>,
}

#[wasm_bindgen]
impl Memory {
    /// Empty. `seed` spreads refreshes over time: any number that other processes do not share.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { inner: memory::Memory::new(seed.into()), asked: BTreeMap::new() }
    }

    /// Whether the host may go to a source now: agents name directories themselves, and only so many new ones are
    /// fetched a minute.
    #[wasm_bindgen(js_name = mayFetch)]
    #[must_use]
    pub fn may_fetch(&mut self, name: &str, now: f64) -> bool {
        self.asked.get(name).is_some_and(|source| self.inner.may_fetch(source, unix_millis(now)))
    }

    /// Takes in what a source answered.
    #[wasm_bindgen(js_name = keysFetched)]
    pub fn keys_fetched(&mut self, name: &str, response: &KeyResponse, now: f64) {
        let Some(source) = self.asked.remove(name) else { return };
        let [content_type, cache_control, age, retry_after] =
            [response.content_type(), response.cache_control(), response.age(), response.retry_after()];
        let response = keys::KeyResponse {
            status: response.status(),
            content_type: content_type.as_deref(),
            cache_control: cache_control.as_deref(),
            age: age.as_deref(),
            retry_after: retry_after.as_deref(),
            body: &response.body(),
        };
        // There is no store to put the key set into: this process is all there is.
        let _ = self.inner.keys_fetched(&source, &response, unix_millis(now));
    }

    /// Takes in what the store has of the registry of agents.
    #[wasm_bindgen(js_name = agentsLoaded)]
    pub fn agents_loaded(&mut self, document: &str, now: f64) {
        self.inner.agents_loaded(Some(document), unix_millis(now));
    }

    /// Takes in that the store did not answer, or has no registry.
    #[wasm_bindgen(js_name = agentsFailed)]
    pub fn agents_failed(&mut self, now: f64) {
        self.inner.agents_failed(unix_millis(now));
    }

    /// Takes in that a source did not answer.
    #[wasm_bindgen(js_name = keysFailed)]
    pub fn keys_failed(&mut self, name: &str, now: f64) {
        if let Some(source) = self.asked.remove(name) {
            self.inner.keys_failed(&source, unix_millis(now));
        }
    }
}

impl Memory {
    pub(crate) fn inner(&mut self) -> &mut memory::Memory {
        &mut self.inner
    }

    pub(crate) fn asks_for(&mut self, sources: Vec<KeySource>) {
        self.asked.extend(sources.into_iter().map(|source| (source.name(), source)));
    }
}
