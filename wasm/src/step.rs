//! What a session needs next, and the decision, as plain JavaScript values.

use std::time::Duration;

use countersign::config::Gate;
use countersign::crypto::SignatureCheck;
use countersign::engine::{self, Flood};
use countersign::event::Event;
use countersign::keys::{self, KeySource};
use countersign::revocation::{Inquiry, Signing};
use countersign::state::budget::Reservations;
use countersign::state::subject::SubjectCall;
use countersign::time::UnixMillis;
use js_sys::{Object, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use crate::memory::Memory;

/// KV takes no shorter expiry.
const LEAST_EXPIRY: Duration = Duration::from_mins(1);

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a session needs next. */
export type Step =
  | { readonly step: "keys"; readonly sources: readonly KeySource[] }
  | { readonly step: "agents" }
  | { readonly step: "denials" }
  | { readonly step: "wait" }
  | { readonly step: "checks"; readonly checks: readonly Check[] }
  | { readonly step: "body" }
  | { readonly step: "limits"; readonly names: readonly string[] }
  | { readonly step: "fetch"; readonly inquiries: readonly Inquiry[] }
  | { readonly step: "flood"; readonly floods: readonly Flood[] }
  | { readonly step: "state"; readonly calls: readonly SubjectCall[] }
  | {
      readonly step: "done";
      /** JSON. */
      readonly decision: string;
      /** JSON, where the request is refused (RFC 9457). */
      readonly problem: string | undefined;
      /** Key sets that should be fetched anew, after the response. */
      readonly refresh: readonly KeySource[];
      /** Whether the registry of agents should be read anew, after the response. */
      readonly refreshAgents: boolean;
      /** Whether the deny list should be read anew, after the response. */
      readonly refreshDenials: boolean;
      /** A text to store, after the response: a key set that has just proven its worth. */
      readonly store: Stored | undefined;
      /** Limits that the store should be told of, after the response, by name: see `Memory.tell`. */
      readonly tell: readonly string[];
      /** What to ask after the response, as for `fetch`. */
      readonly inquiries: readonly Inquiry[];
      /** The claims of events, each in JSON. */
      readonly events: readonly string[];
      /** Subjects to call after the response; nobody needs to know what they say. */
      readonly after: readonly SubjectCall[];
      /** What is reserved of budgets, for `settle` once the origin has answered. */
      readonly reservations: string | undefined;
    };

/** A call to the state of one subject. */
export interface SubjectCall {
  /** What it is, and a digest of which one. */
  readonly subject: string;
  /** JSON. */
  readonly call: string;
}

/** A rate limiter of Cloudflare's, and the key to count a request under. */
export interface Flood {
  readonly binding: string;
  readonly key: string;
}

/** A text to store under a name. */
export interface Stored {
  readonly name: string;
  readonly text: string;
  /** For how long. */
  readonly seconds: number;
}

/** What became of an answer with keys. */
export interface KeysTaken {
  /** For a log: why there are no keys, or which are not believed. */
  readonly lines: readonly string[];
  readonly store: Stored | undefined;
}

/** A question to the outside, as `Memory` knows it by id. What is in it may be secret. */
export interface Inquiry {
  readonly id: string;
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly accept: string;
  readonly contentType: string | undefined;
  readonly authorization: string | undefined;
  /** Where there is something to sign, it ends where the signature goes, in base64url. */
  readonly body: string | undefined;
  readonly signing: Signing | undefined;
  /** Most bytes of an answer that are read. */
  readonly maxBytes: number;
  /** Whether no address may be connected to but those that `isPublicAddress` lets through. */
  readonly publicOnly: boolean;
}

/** What to sign, and with which private key. */
export interface Signing {
  readonly algorithm: "EdDSA" | "ES256" | "ES384" | "PS256" | "RS256";
  /** A private JWK, in JSON. */
  readonly key: string;
  readonly message: Uint8Array<ArrayBuffer>;
  /** How many bytes of salt a PSS signature has. */
  readonly saltLength?: number | undefined;
}

/** Where to fetch keys, as `Memory` knows it by name. */
export interface KeySource {
  readonly name: string;
  readonly url: string;
  readonly accept: string;
  /** Whether no address may be connected to but those that `isPublicAddress` lets through. */
  readonly publicOnly: boolean;
}

/** A signature to verify. Key, lengths and ranges are checked already. */
export interface Check {
  readonly algorithm: "ES256" | "ES384" | "PS256" | "PS384" | "PS512" | "RS256" | "RS384" | "RS512";
  /** A public JWK, in JSON. The same key is always the same text. */
  readonly key: string;
  readonly message: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
  /** How many bytes of salt a PSS signature has. */
  readonly saltLength?: number | undefined;
}
"#;

// Members are set by these, as a name that is a string would be decoded anew each time.
#[wasm_bindgen]
extern "C" {
    /// What a session needs next.
    #[wasm_bindgen(typescript_type = "Step")]
    #[derive(Debug)]
    pub type Step;
    #[wasm_bindgen(method, setter)]
    fn set_step(this: &Step, step: &str);
    #[wasm_bindgen(method, setter)]
    fn set_sources(this: &Step, sources: Vec<Source>);
    #[wasm_bindgen(method, setter)]
    fn set_checks(this: &Step, checks: Vec<Check>);
    #[wasm_bindgen(method, setter)]
    fn set_names(this: &Step, names: Vec<String>);
    #[wasm_bindgen(method, setter)]
    fn set_decision(this: &Step, decision: &str);
    #[wasm_bindgen(method, setter)]
    fn set_problem(this: &Step, problem: Option<String>);
    #[wasm_bindgen(method, setter)]
    fn set_refresh(this: &Step, refresh: Vec<Source>);
    #[wasm_bindgen(method, setter, js_name = refreshAgents)]
    fn set_refresh_agents(this: &Step, refresh_agents: bool);
    #[wasm_bindgen(method, setter, js_name = refreshDenials)]
    fn set_refresh_denials(this: &Step, refresh_denials: bool);
    #[wasm_bindgen(method, setter)]
    fn set_inquiries(this: &Step, inquiries: Vec<Question>);
    #[wasm_bindgen(method, setter)]
    fn set_events(this: &Step, events: Vec<String>);
    #[wasm_bindgen(method, setter)]
    fn set_calls(this: &Step, calls: Vec<StateCall>);
    #[wasm_bindgen(method, setter)]
    fn set_after(this: &Step, after: Vec<StateCall>);
    #[wasm_bindgen(method, setter)]
    fn set_reservations(this: &Step, reservations: Option<String>);
    #[wasm_bindgen(method, setter)]
    fn set_floods(this: &Step, floods: Vec<Shield>);
    #[wasm_bindgen(method, setter)]
    fn set_store(this: &Step, store: Option<Stored>);
    #[wasm_bindgen(method, setter)]
    fn set_tell(this: &Step, tell: Vec<String>);

    type Shield;
    #[wasm_bindgen(method, setter)]
    fn set_binding(this: &Shield, binding: &str);
    #[wasm_bindgen(method, setter)]
    fn set_key(this: &Shield, key: &str);

    /// A text to store under a name.
    #[wasm_bindgen(typescript_type = "Stored")]
    #[derive(Debug)]
    pub type Stored;
    #[wasm_bindgen(method, setter)]
    fn set_name(this: &Stored, name: &str);
    #[wasm_bindgen(method, setter)]
    fn set_text(this: &Stored, text: &str);
    #[wasm_bindgen(method, setter)]
    fn set_seconds(this: &Stored, seconds: f64);

    /// What became of an answer with keys.
    #[wasm_bindgen(typescript_type = "KeysTaken")]
    #[derive(Debug)]
    pub type KeysTaken;
    #[wasm_bindgen(method, setter)]
    fn set_lines(this: &KeysTaken, lines: Vec<String>);
    #[wasm_bindgen(method, setter)]
    fn set_store(this: &KeysTaken, store: Option<Stored>);

    /// A call to the state of one subject.
    #[wasm_bindgen(typescript_type = "SubjectCall")]
    #[derive(Debug)]
    pub type StateCall;
    #[wasm_bindgen(method, setter)]
    fn set_subject(this: &StateCall, subject: &str);
    #[wasm_bindgen(method, setter)]
    fn set_call(this: &StateCall, call: &str);

    type Question;
    #[wasm_bindgen(method, setter)]
    fn set_id(this: &Question, id: &str);
    #[wasm_bindgen(method, setter)]
    fn set_method(this: &Question, method: &str);
    #[wasm_bindgen(method, setter)]
    fn set_url(this: &Question, url: &str);
    #[wasm_bindgen(method, setter)]
    fn set_accept(this: &Question, accept: &str);
    #[wasm_bindgen(method, setter, js_name = contentType)]
    fn set_content_type(this: &Question, content_type: Option<&str>);
    #[wasm_bindgen(method, setter)]
    fn set_authorization(this: &Question, authorization: Option<&str>);
    #[wasm_bindgen(method, setter)]
    fn set_body(this: &Question, body: Option<&str>);
    #[wasm_bindgen(method, setter)]
    fn set_signing(this: &Question, signing: Option<Check>);
    #[wasm_bindgen(method, setter, js_name = maxBytes)]
    fn set_max_bytes(this: &Question, max_bytes: u32);
    #[wasm_bindgen(method, setter, js_name = publicOnly)]
    fn set_public_only(this: &Question, public_only: bool);

    type Source;
    #[wasm_bindgen(method, setter)]
    fn set_name(this: &Source, name: &str);
    #[wasm_bindgen(method, setter)]
    fn set_url(this: &Source, url: &str);
    #[wasm_bindgen(method, setter)]
    fn set_accept(this: &Source, accept: &str);
    #[wasm_bindgen(method, setter, js_name = publicOnly)]
    fn set_public_only(this: &Source, public_only: bool);

    /// A signature to verify.
    #[wasm_bindgen(typescript_type = "Check")]
    #[derive(Debug)]
    pub type Check;
    #[wasm_bindgen(method, setter)]
    fn set_algorithm(this: &Check, algorithm: &str);
    #[wasm_bindgen(method, setter)]
    fn set_key(this: &Check, key: &str);
    #[wasm_bindgen(method, setter)]
    fn set_message(this: &Check, message: Uint8Array);
    #[wasm_bindgen(method, setter)]
    fn set_signature(this: &Check, signature: Uint8Array);
    #[wasm_bindgen(method, setter, js_name = saltLength)]
    fn set_salt_length(this: &Check, salt_length: Option<u32>);
}

pub(crate) fn to_js(step: engine::Step, memory: &mut Memory, gate: &Gate, now: UnixMillis) -> Step {
    let value: Step = Object::new().unchecked_into();
    let kind = match step {
        engine::Step::Keys(sources) => {
            value.set_sources(sources_to_js(sources, memory));
            "keys"
        }
        engine::Step::Agents => "agents",
        engine::Step::Denials => "denials",
        engine::Step::Wait => "wait",
        engine::Step::Checks(checks) => {
            value.set_checks(checks.iter().map(check_to_js).collect());
            "checks"
        }
        engine::Step::Body => "body",
        engine::Step::Limits(asked) => {
            value.set_names(asked.iter().map(|(key, _)| key.name()).collect());
            "limits"
        }
        engine::Step::Fetch(inquiries) => {
            value.set_inquiries(inquiries_to_js(inquiries, memory));
            "fetch"
        }
        engine::Step::Flood(asked) => {
            value.set_floods(asked.iter().map(flood_to_js).collect());
            "flood"
        }
        engine::Step::State(calls) => {
            value.set_calls(calls.iter().map(call_to_js).collect());
            "state"
        }
        engine::Step::Done(conclusion) => {
            let decision = conclusion.decision;
            value.set_events(claims(gate, &conclusion.events));
            value.set_decision(&decision.to_json());
            value.set_problem(
                (!decision.is_allowed()).then(|| decision.problem(gate.disclosure()).to_string()),
            );
            value.set_refresh(sources_to_js(conclusion.refresh, memory));
            value.set_refresh_agents(conclusion.refresh_agents);
            value.set_refresh_denials(conclusion.refresh_denials);
            value.set_store(conclusion.store.and_then(|source| memory.proven(&source, now)));
            value.set_tell(memory.tells(conclusion.tell));
            value.set_inquiries(inquiries_to_js(conclusion.inquiries, memory));
            value.set_after(conclusion.after.iter().map(call_to_js).collect());
            value.set_reservations(conclusion.reservations.as_ref().map(Reservations::to_json));
            "done"
        }
    };
    value.set_step(kind);
    value
}

/// The claims of events, each in JSON.
pub(crate) fn claims(gate: &Gate, events: &[Event]) -> Vec<String> {
    events.iter().map(|event| gate.claims(event).to_string()).collect()
}

pub(crate) fn call_to_js(asked: &SubjectCall) -> StateCall {
    let value: StateCall = Object::new().unchecked_into();
    value.set_subject(&asked.subject.to_string());
    value.set_call(&asked.call.to_json());
    value
}

fn flood_to_js(flood: &Flood) -> Shield {
    let value: Shield = Object::new().unchecked_into();
    value.set_binding(&flood.binding);
    value.set_key(&flood.key);
    value
}

/// Stores take no shorter time than [`LEAST_EXPIRY`].
pub(crate) fn stored_to_js(name: &str, text: &str, keep_for: Duration) -> Stored {
    let value: Stored = Object::new().unchecked_into();
    value.set_name(name);
    value.set_text(text);
    value.set_seconds(keep_for.max(LEAST_EXPIRY).as_secs_f64().ceil());
    value
}

pub(crate) fn keys_taken_to_js(source: &KeySource, taken: &keys::KeysTaken) -> KeysTaken {
    let value: KeysTaken = Object::new().unchecked_into();
    let line = |line| format!("on the keys of {}: {line}", source.configured());
    value.set_lines(taken.lines().map(line).collect());
    let store = taken.store.as_ref();
    value.set_store(store.map(|(text, keep_for)| stored_to_js(&source.name(), text, *keep_for)));
    value
}

fn sources_to_js(sources: Vec<KeySource>, memory: &mut Memory) -> Vec<Source> {
    let values = sources.iter().map(source_to_js).collect();
    memory.asks_for(sources);
    values
}

fn source_to_js(source: &KeySource) -> Source {
    let value: Source = Object::new().unchecked_into();
    value.set_name(&source.name());
    value.set_url(source.url());
    value.set_accept(source.accept());
    value.set_public_only(source.is_public_only());
    value
}

fn inquiries_to_js(inquiries: Vec<Inquiry>, memory: &mut Memory) -> Vec<Question> {
    let values = inquiries.iter().map(inquiry_to_js).collect();
    memory.inquires(inquiries);
    values
}

fn inquiry_to_js(inquiry: &Inquiry) -> Question {
    let value: Question = Object::new().unchecked_into();
    value.set_id(&inquiry.id());
    value.set_method(inquiry.method());
    value.set_url(inquiry.url());
    value.set_accept(inquiry.accept());
    value.set_content_type(inquiry.content_type());
    value.set_authorization(inquiry.authorization());
    value.set_body(inquiry.body());
    value.set_signing(inquiry.signing().map(signing_to_js));
    value.set_max_bytes(u32::try_from(inquiry.max_bytes()).unwrap_or(u32::MAX));
    value.set_public_only(inquiry.is_public_only());
    value
}

/// The same members as those of a check, without a signature.
fn signing_to_js(signing: &Signing) -> Check {
    let value: Check = Object::new().unchecked_into();
    value.set_algorithm(signing.algorithm().jose());
    value.set_key(signing.key());
    value.set_message(Uint8Array::from(signing.message()));
    value.set_salt_length(signing.salt_length().and_then(|length| u32::try_from(length).ok()));
    value
}

pub(crate) fn check_to_js(check: &SignatureCheck) -> Check {
    let value: Check = Object::new().unchecked_into();
    value.set_algorithm(check.algorithm().jose());
    value.set_key(&check.key().to_jwk());
    value.set_message(Uint8Array::from(check.message()));
    value.set_signature(Uint8Array::from(check.signature()));
    value.set_salt_length(check.salt_length().and_then(|length| u32::try_from(length).ok()));
    value
}
