//! What an isolate holds between requests: the gate, its memory, its signing keys. Made at the first request, as
//! bindings are not there before.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use countersign::audit::Log;
use countersign::config::{Config, ConfigError, Events, Gate};
use countersign::memory::Memory;
use countersign::metrics::{Seldom, Target};
use countersign::time::UnixMillis;
use js_sys::{JSON, Reflect};
use wasm_bindgen::JsValue;
use worker::{Date, Env, KvStore, console_error};

use crate::metrics::Counting;
use crate::operator::Tokens;
use crate::signer::Signer;
use crate::webcrypto::{self, ImportedKeys};
use crate::{audit, flood, registry, subject};

/// The variable with the configuration: a table, or a text in JSON or TOML.
pub(crate) const CONFIG: &str = "COUNTERSIGN_CONFIG";
/// The secret with the gate's private keys.
pub(crate) const SIGNING_KEY: &str = "GATE_SIGNING_KEY";
/// The secret with private keys for events alone; where it is not set, those of the gate sign them.
pub(crate) const EVENTS_KEY: &str = "GATE_EVENTS_KEY";
/// The secret with the keys that clients share, where a profile accepts `hmac-sha256`.
pub(crate) const SHARED_KEYS: &str = "GATE_SHARED_KEYS";
/// The secret that makes nonces for DPoP proofs, or a JSON array of them, where a route asks for nonces.
pub(crate) const NONCE_SECRET: &str = "GATE_NONCE_SECRET";
/// The secret with what the gate authenticates with at issuers that it asks about tokens.
pub(crate) const ISSUER_CREDENTIALS: &str = "GATE_ISSUER_CREDENTIALS";
/// The KV namespace for key sets and limits.
pub(crate) const KV: &str = "COUNTERSIGN_KV";

/// What an isolate holds between requests.
pub(crate) struct Isolate {
    pub(crate) gate: Arc<Gate>,
    pub(crate) memory: RefCell<Memory>,
    pub(crate) imported: RefCell<ImportedKeys>,
    pub(crate) signer: Signer,
    pub(crate) audit: Option<RefCell<Log>>,
    pub(crate) counting: Counting,
    pub(crate) seldom: RefCell<Seldom>,
    pub(crate) tokens: Tokens,
}

thread_local! {
    static ISOLATE: RefCell<Option<Rc<Isolate>>> = const { RefCell::new(None) };
}

/// The isolate, made if it is not there yet. A gate that cannot be made says why in the log, and nothing passes.
pub(crate) fn isolate(env: &Env) -> Option<Rc<Isolate>> {
    if let Some(isolate) = ISOLATE.with_borrow(Clone::clone) {
        return Some(isolate);
    }
    match make(env) {
        Ok(isolate) => {
            let isolate = Rc::new(isolate);
            ISOLATE.set(Some(Rc::clone(&isolate)));
            Some(isolate)
        }
        Err(faults) => {
            for fault in faults {
                console_error!("countersign cannot start: {fault}");
            }
            None
        }
    }
}

fn make(env: &Env) -> Result<Isolate, Vec<ConfigError>> {
    let config = config(env).map_err(|fault| vec![fault])?;
    let gate = with_shared_keys(Gate::new(&config)?, env)
        .and_then(|gate| with_nonce_secrets(gate, env))
        .and_then(|gate| with_issuer_credentials(gate, env))
        .map_err(|fault| vec![fault])?;
    let secret = |name: &str| env.secret(name).ok().map(|secret| secret.to_string());
    let (signing, events) = (secret(SIGNING_KEY), secret(EVENTS_KEY));
    let signer =
        Signer::from_secrets(signing.as_deref(), events.as_deref(), gate.events().map(Events::algorithm));
    let signer =
        signer.map_err(|(path, message)| vec![ConfigError { path: path.into(), message: message.into() }])?;
    if kv(env).is_none() {
        let message = "is not bound; bind a KV namespace under this name";
        return Err(vec![ConfigError { path: KV.into(), message: message.into() }]);
    }
    if gate.admin().is_some() && !registry::is_bound(env) {
        let message =
            "is not bound, and [admin] needs it; bind the Durable Object class AgentRegistry under this name";
        return Err(vec![ConfigError { path: registry::AGENT_REGISTRY.into(), message: message.into() }]);
    }
    if gate.needs_subjects() && !subject::is_bound(env) {
        let message = "is not bound, and a route needs state that is exact; bind the Durable Object class Subject under this name";
        return Err(vec![ConfigError { path: subject::SUBJECTS.into(), message: message.into() }]);
    }
    if let Some(name) = audit::missing(&gate, env) {
        let message = "is not bound, and [audit] needs it; bind it, or choose another sink";
        return Err(vec![ConfigError { path: name.into(), message: message.into() }]);
    }
    let tokens = Tokens::read(env, gate.audit().is_some()).map_err(|fault| vec![fault])?;
    if let Some(name) = gate.flood_bindings().into_iter().find(|name| !flood::is_bound(env, name)) {
        let message =
            "is not bound, and a limit is counted by it; bind a rate limiter of that limit and period";
        return Err(vec![ConfigError { path: name, message: message.into() }]);
    }
    let gate = if subject::is_bound(env) { gate.with_subjects() } else { gate };
    let seed = u64::from_le_bytes(random());
    Ok(Isolate {
        audit: audit::log(&gate),
        counting: Counting::new(&gate, env, tokens.open_metrics()),
        seldom: RefCell::default(),
        tokens,
        gate: Arc::new(gate),
        memory: RefCell::new(Memory::new(seed)),
        imported: RefCell::new(webcrypto::no_keys()),
        signer,
    })
}

/// The gate with the keys that clients share. None has a default: where they are needed, they must be there.
fn with_shared_keys(gate: Gate, env: &Env) -> Result<Gate, ConfigError> {
    let fault = |message: String| ConfigError { path: SHARED_KEYS.into(), message };
    match env.secret(SHARED_KEYS) {
        Ok(keys) => gate.with_shared_keys(&keys.to_string()).map_err(|error| fault(error.message)),
        Err(_) if gate.needs_shared_keys() => Err(fault(
            "is not set, and a profile accepts hmac-sha256; set it to a JWK Set of oct keys".into(),
        )),
        Err(_) => Ok(gate),
    }
}

/// The gate with the secrets of its nonces. None has a default, as whoever knows it could make nonces for any day.
fn with_nonce_secrets(gate: Gate, env: &Env) -> Result<Gate, ConfigError> {
    let fault = |message: String| ConfigError { path: NONCE_SECRET.into(), message };
    match env.secret(NONCE_SECRET) {
        Ok(secrets) => gate.with_nonce_secrets(&secrets.to_string()).map_err(|error| fault(error.message)),
        Err(_) if gate.needs_nonce_secrets() => Err(fault(
            "is not set, and a route has dpop_nonce; set it to 32 to 128 random bytes, as text".into(),
        )),
        Err(_) => Ok(gate),
    }
}

/// The gate with what it authenticates with at issuers. None has a default: where it is needed, it must be there.
fn with_issuer_credentials(gate: Gate, env: &Env) -> Result<Gate, ConfigError> {
    let fault = |message: String| ConfigError { path: ISSUER_CREDENTIALS.into(), message };
    match env.secret(ISSUER_CREDENTIALS) {
        Ok(credentials) => {
            gate.with_issuer_credentials(&credentials.to_string()).map_err(|error| fault(error.message))
        }
        Err(_) if gate.needs_issuer_credentials() => Err(fault(
            "is not set, and an issuer has [issuers.introspection]; set it to a JSON object with a member for each such issuer"
                .into(),
        )),
        Err(_) => Ok(gate),
    }
}

fn config(env: &Env) -> Result<Config, ConfigError> {
    let missing =
        || ConfigError { path: CONFIG.into(), message: "is not set; add [vars.COUNTERSIGN_CONFIG]".into() };
    let value = Reflect::get(env, &JsValue::from_str(CONFIG)).ok();
    let value = value.filter(|value| !value.is_undefined() && !value.is_null()).ok_or_else(missing)?;
    match value.as_string() {
        Some(text) if text.trim_start().starts_with('{') => Config::from_json(&text),
        Some(text) => Config::from_toml(&text),
        None => Config::from_json(&JSON::stringify(&value).map(String::from).unwrap_or_default()),
    }
}

/// The KV namespace.
pub(crate) fn kv(env: &Env) -> Option<KvStore> {
    env.kv(KV).ok()
}

/// Now, as the host tells it. It does not advance while the isolate computes.
pub(crate) fn now() -> UnixMillis {
    UnixMillis(Date::now().as_millis())
}

/// Random bytes from the host.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        console_error!("countersign has no randomness; identifiers of decisions may repeat");
    }
    bytes
}

/// Counts a call by the isolate, from where there is no hand on it.
pub(crate) fn count(target: Target, operation: &'static str, succeeded: bool) {
    ISOLATE.with_borrow(|isolate| {
        if let Some(isolate) = isolate {
            isolate.counting.call(target, operation, succeeded);
        }
    });
}
