//! A configuration, checked whole.

use std::sync::Arc;

use countersign::config::{self, Config, ConfigError};
use wasm_bindgen::prelude::*;

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

    /// Most bytes of a body that the host reads.
    #[wasm_bindgen(getter, js_name = maxBodyBytes)]
    #[must_use]
    pub fn max_body_bytes(&self) -> usize {
        self.0.max_body_bytes()
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
