//! What the operations of an MCP endpoint demand: [`Mcp`].

use alloc::string::String;
use alloc::vec::Vec;

use crate::mcp::Operation;

/// What the operations of an MCP endpoint demand beyond what its route does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mcp {
    /// Whether revisions before 2026-07-28 are taken.
    pub(crate) legacy: bool,
    /// Whether operations without a rule are refused.
    pub(crate) only_listed: bool,
    pub(crate) rules: Vec<McpRule>,
}

/// What an operation demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct McpRule {
    pub(crate) method: String,
    pub(crate) name: Option<String>,
    pub(crate) scope: Vec<String>,
}

impl McpRule {
    fn matches(&self, operation: &Operation) -> bool {
        operation.method.as_ref() == Some(&self.method)
            && (self.name.is_none() || self.name == operation.name)
    }
}

impl Mcp {
    /// The scopes that an operation demands, of every rule that matches it.
    pub(crate) fn scope<'m>(&'m self, operation: &'m Operation) -> impl Iterator<Item = &'m String> {
        self.rules.iter().filter(|rule| rule.matches(operation)).flat_map(|rule| &rule.scope)
    }

    /// Whether an operation may be asked for at all.
    pub(crate) fn lists(&self, operation: &Operation) -> bool {
        !self.only_listed || self.rules.iter().any(|rule| rule.matches(operation))
    }

    /// Every scope that an operation may demand.
    pub(crate) fn all_scopes(&self) -> impl Iterator<Item = &String> {
        self.rules.iter().flat_map(|rule| &rule.scope)
    }
}
