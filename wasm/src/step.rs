//! What a session needs next, and the decision, as plain JavaScript values.

use countersign::config::Disclosure;
use countersign::crypto::SignatureCheck;
use countersign::engine::{self, Conclusion};
use countersign::keys::KeySource;
use js_sys::{Array, JsString, Object, Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use crate::memory::Memory;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a session needs next. */
export type Step =
  | { readonly step: "keys"; readonly sources: readonly KeySource[] }
  | { readonly step: "wait" }
  | { readonly step: "checks"; readonly checks: readonly Check[] }
  | { readonly step: "body" }
  | { readonly step: "limits"; readonly names: readonly string[] }
  | {
      readonly step: "done";
      /** JSON. */
      readonly decision: string;
      /** JSON, where the request is refused (RFC 9457). */
      readonly problem: string | undefined;
      /** Key sets that should be fetched anew, after the response. */
      readonly refresh: readonly KeySource[];
    };

/** Where to fetch keys, as `Memory` knows it by name. */
export interface KeySource {
  readonly name: string;
  readonly url: string;
  readonly accept: string;
}

/** A signature to verify. Key, lengths and ranges are checked already. */
export interface Check {
  readonly algorithm: "ES256" | "RS256";
  /** A public JWK, in JSON. The same key is always the same text. */
  readonly key: string;
  readonly message: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// What a session needs next.
    #[wasm_bindgen(extends = Object, typescript_type = "Step")]
    #[derive(Debug)]
    pub type Step;
}

pub(crate) fn to_js(step: engine::Step, memory: &mut Memory, disclosure: Disclosure) -> Step {
    let members = match step {
        engine::Step::Keys(sources) => object("keys", [("sources", sources_to_js(sources, memory))]),
        engine::Step::Wait => object("wait", []),
        engine::Step::Checks(checks) => object("checks", [("checks", list(checks.iter().map(check_to_js)))]),
        engine::Step::Body => object("body", []),
        engine::Step::Limits(asked) => {
            object("limits", [("names", list(asked.iter().map(|(key, _)| key.name().into())))])
        }
        engine::Step::Done(conclusion) => done_to_js(*conclusion, memory, disclosure),
    };
    members.unchecked_into()
}

fn done_to_js(conclusion: Conclusion, memory: &mut Memory, disclosure: Disclosure) -> Object {
    let decision = conclusion.decision;
    let problem = (!decision.is_allowed()).then(|| decision.problem(disclosure).to_string());
    object(
        "done",
        [
            ("decision", decision.to_json().into()),
            ("problem", problem.map_or(JsValue::UNDEFINED, Into::into)),
            ("refresh", sources_to_js(conclusion.refresh, memory)),
        ],
    )
}

fn sources_to_js(sources: Vec<KeySource>, memory: &mut Memory) -> JsValue {
    let values = list(sources.iter().map(|source| {
        let source = plain([
            ("name", source.name().into()),
            ("url", source.url().into()),
            ("accept", source.accept().into()),
        ]);
        source.into()
    }));
    memory.asks_for(sources);
    values
}

fn check_to_js(check: &SignatureCheck) -> JsValue {
    let check = plain([
        ("algorithm", check.algorithm().jose().into()),
        ("key", check.key().to_jwk().into()),
        ("message", Uint8Array::from(check.message()).into()),
        ("signature", Uint8Array::from(check.signature()).into()),
    ]);
    check.into()
}

fn object<const N: usize>(step: &str, members: [(&str, JsValue); N]) -> Object {
    let object = plain(members);
    set(&object, "step", &step.into());
    object
}

fn plain<const N: usize>(members: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in members {
        set(&object, name, &value);
    }
    object
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // An object that was just made takes every member.
    let _ = Reflect::set(object, &JsString::from(name), value);
}

fn list(values: impl Iterator<Item = JsValue>) -> JsValue {
    values.collect::<Array>().into()
}
