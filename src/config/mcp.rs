//! What operations of the Model Context Protocol a route lets through: `[routes.mcp]`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::gate::{Faults, is_scope};
use crate::mcp::named_by;
use crate::policy::mcp::{Mcp, McpRule};

/// Most operations of one route.
const MAX_OPERATIONS: usize = 256;

/// That a route is an MCP endpoint, and what its operations demand. The body of each request is read, and its
/// `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` must agree with it (revision 2026-07-28).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct McpConfig {
    /// Take requests of revisions before 2026-07-28 too, which do not repeat their method in header fields. What they
    /// want is read from their body either way.
    pub legacy: bool,
    /// Refuse operations that are not listed. Default: they demand what the route demands, and no more.
    pub only_listed: bool,
    /// What operations demand beyond the route's scopes; all that match count. Default: none. Range: 0 to 256 entries.
    pub operations: Vec<McpOperationConfig>,
}

/// An operation of the Model Context Protocol.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct McpOperationConfig {
    /// The JSON-RPC method, as `tools/call`.
    pub method: String,
    /// The tool (`tools/call`), prompt (`prompts/get`) or URI (`resources/read`, `subscribe`, `unsubscribe`), compared byte
    /// for byte. Default: any.
    #[serde(default)]
    pub name: Option<String>,
    /// The scopes that the token must have beside the route's, all of them. Default: none.
    #[serde(default)]
    pub scope: Vec<String>,
}

impl Faults {
    pub(super) fn mcp(&mut self, path: &str, config: &McpConfig, has_token: bool) -> Mcp {
        let operations = format!("{path}.operations");
        self.count(&operations, config.operations.len(), 0, MAX_OPERATIONS);
        for (i, operation) in config.operations.iter().enumerate() {
            if operation.method.is_empty() {
                self.add(format!("{operations}[{i}].method"), "is empty; write a method, as \"tools/call\"");
            }
            if operation.name.is_some() && named_by(&operation.method).is_none() {
                self.add(
                    format!("{operations}[{i}].name"),
                    "is of no such method, so that the operation would never match; leave it out",
                );
            }
            if operation.scope.iter().any(|scope| !is_scope(scope)) {
                self.add(
                    format!("{operations}[{i}].scope"),
                    "a scope has a character that RFC 6749 §3.3 does not allow; write one scope an entry",
                );
            }
            if !operation.scope.is_empty() && !has_token {
                self.add(
                    format!("{operations}[{i}].scope"),
                    "scopes are of a token; add \"token\" to require",
                );
            }
        }
        let rule = |operation: &McpOperationConfig| McpRule {
            method: operation.method.clone(),
            name: operation.name.clone(),
            scope: operation.scope.clone(),
        };
        Mcp {
            legacy: config.legacy,
            only_listed: config.only_listed,
            rules: config.operations.iter().map(rule).collect(),
        }
    }
}
