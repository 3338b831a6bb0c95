//! A configuration, checked whole.

use std::sync::Arc;

use countersign::config::{self, Config, ConfigError, PublicOrigin};
use wasm_bindgen::prelude::*;

use crate::session::{split, view};

/// A gate: made from a configuration in which nothing is left to doubt.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Gate(Arc<config::Gate>);

#[wasm_bindgen]
impl Gate {
    /// Reads JSON where the text begins with a brace, else TOML. Throws an `Error` with a line for each fault.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Self, JsError> {
        let json = text.trim_start().starts_with('{');
        let config = if json { Config::from_json(text) } else { Config::from_toml(text) };
        let gate = config.map_err(|fault| vec![fault]).and_then(|config| config::Gate::new(&config));
        gate.map(|gate| Self(Arc::new(gate))).map_err(|faults| JsError::new(&lines(&faults)))
    }

    /// Whether a profile accepts `hmac-sha256`, for which the host must bring keys.
    #[wasm_bindgen(getter, js_name = needsSharedKeys)]
    #[must_use]
    pub fn needs_shared_keys(&self) -> bool {
        self.0.needs_shared_keys()
    }

    /// Takes the secrets that it shares with clients: a JWK Set of symmetric keys, each with a `kid`.
    #[wasm_bindgen(js_name = withSharedKeys)]
    pub fn with_shared_keys(&self, document: &str) -> Result<Self, JsError> {
        let gate = config::Gate::clone(&self.0).with_shared_keys(document);
        gate.map(|gate| Self(Arc::new(gate))).map_err(|fault| JsError::new(&fault.to_string()))
    }

    /// Whether a route asks for nonces of DPoP proofs, and there are no secrets to make them with.
    #[wasm_bindgen(getter, js_name = needsNonceSecrets)]
    #[must_use]
    pub fn needs_nonce_secrets(&self) -> bool {
        self.0.needs_nonce_secrets()
    }

    /// Takes the secrets that make nonces: one text, or a JSON array of them.
    #[wasm_bindgen(js_name = withNonceSecrets)]
    pub fn with_nonce_secrets(&self, document: &str) -> Result<Self, JsError> {
        let gate = config::Gate::clone(&self.0).with_nonce_secrets(document);
        gate.map(|gate| Self(Arc::new(gate))).map_err(|fault| JsError::new(&fault.to_string()))
    }

    /// Whether an issuer is asked about tokens, for which the host must bring credentials.
    #[wasm_bindgen(getter, js_name = needsIssuerCredentials)]
    #[must_use]
    pub fn needs_issuer_credentials(&self) -> bool {
        self.0.needs_issuer_credentials()
    }

    /// Takes what it authenticates with at those issuers: an object with a member for each of them.
    #[wasm_bindgen(js_name = withIssuerCredentials)]
    pub fn with_issuer_credentials(&self, document: &str) -> Result<Self, JsError> {
        let gate = config::Gate::clone(&self.0).with_issuer_credentials(document);
        gate.map(|gate| Self(Arc::new(gate))).map_err(|fault| JsError::new(&fault.to_string()))
    }

    /// Whether a route needs state that is kept by subject.
    #[wasm_bindgen(getter, js_name = needsSubjects)]
    #[must_use]
    pub fn needs_subjects(&self) -> bool {
        self.0.needs_subjects()
    }

    /// The same gate at a host that has that state: limits that do not say where they are counted are counted there.
    #[wasm_bindgen(js_name = withSubjects)]
    #[must_use]
    pub fn with_subjects(&self) -> Self {
        Self(Arc::new(config::Gate::clone(&self.0).with_subjects()))
    }

    /// The names of Cloudflare's rate limiters that limits are counted by.
    #[wasm_bindgen(getter, js_name = floodBindings)]
    #[must_use]
    pub fn flood_bindings(&self) -> Vec<String> {
        self.0.flood_bindings()
    }

    /// The origins that it answers for, as their URLs.
    #[wasm_bindgen(getter, js_name = publicOrigins)]
    #[must_use]
    pub fn public_origins(&self) -> Vec<String> {
        self.0.public_origins().iter().map(PublicOrigin::url).collect()
    }

    /// Most bytes of a body that the host reads.
    #[wasm_bindgen(getter, js_name = maxBodyBytes)]
    #[must_use]
    pub fn max_body_bytes(&self) -> usize {
        self.0.max_body_bytes()
    }

    /// Whether the gate says which pages see an answer, whatever else the answer says of it (`Access-Control-*`).
    #[wasm_bindgen(getter, js_name = hasCors)]
    #[must_use]
    pub fn has_cors(&self) -> bool {
        self.0.has_cors()
    }

    /// The gate's own answer to a request, in JSON; `undefined` where the request is to be decided. The fields are as a
    /// session has them.
    pub fn serve(
        &self,
        method: &str,
        url: &str,
        fields: &[u8],
        lengths: &[u32],
    ) -> Result<Option<String>, JsError> {
        let lines =
            split(fields, lengths).ok_or_else(|| JsError::new("lengths are not those of the fields"))?;
        // What cannot be viewed is refused by a decision.
        let view = view(method, url, &lines, false).ok();
        Ok(view.and_then(|view| self.0.serve(&view)).map(|served| served.to_json()))
    }

    /// Whether keys may be fetched from this URL.
    #[wasm_bindgen(js_name = mayFetch)]
    #[must_use]
    pub fn may_fetch(&self, url: &str) -> bool {
        self.0.may_fetch(url)
    }
}

impl Gate {
    pub(crate) fn inner(&self) -> &Arc<config::Gate> {
        &self.0
    }
}

fn lines(faults: &[ConfigError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
