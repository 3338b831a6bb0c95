//! [`Served`]: what a gate answers itself instead of deciding.
//!
//! The metadata of protected resources (RFC 9728 §3), which anyone may read, and preflights (`src/cors.rs`). Neither costs
//! any state. A host asks [`Gate::serve`] first, and makes a session ([`crate::engine::Session`]) where that has no answer.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::Gate;
use crate::decision::{PROBLEM_JSON, as_map};
use crate::request::RequestView;

/// An answer of the gate's own, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The HTTP status.
    pub status: u16,
    /// All its fields.
    #[serde(serialize_with = "as_map")]
    pub headers: Vec<(&'static str, String)>,
    /// The content; `None` where there is none.
    pub body: Option<String>,
}

impl Served {
    /// A document that anyone may read, pages of every origin among them.
    #[must_use]
    pub fn document(document: &Value, cache_control: &str) -> Self {
        let headers = Vec::from([
            ("Content-Type", "application/json".to_owned()),
            ("Cache-Control", cache_control.to_owned()),
            ("Access-Control-Allow-Origin", "*".to_owned()),
        ]);
        Self { status: 200, headers, body: Some(document.to_string()) }
    }

    /// A problem (RFC 9457).
    pub(crate) fn problem(
        status: u16,
        code: &str,
        title: &str,
        mut headers: Vec<(&'static str, String)>,
    ) -> Self {
        headers.push(("Content-Type", PROBLEM_JSON.to_owned()));
        let problem = json!({ "type": "about:blank", "title": title, "status": status, "code": code });
        Self { status, headers, body: Some(problem.to_string()) }
    }

    /// The answer as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Gate {
    /// The gate's own answer to a request; `None` where the request is to be decided.
    #[must_use]
    pub fn serve(&self, request: &RequestView) -> Option<Served> {
        match request.method() {
            "OPTIONS" => self.preflight(request),
            method @ ("GET" | "HEAD") => {
                let metadata = self.resource_metadata(request.target())?;
                let served = Served::document(&metadata, "max-age=300");
                Some(if method == "HEAD" { Served { body: None, ..served } } else { served })
            }
            _ => None,
        }
    }
}
