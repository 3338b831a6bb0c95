//! Whether what was proven is permitted: the last word of the configuration before anything is recorded.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Session, evidence};
use crate::encoding::json::Value;
use crate::mcp::{McpError, Operation};
use crate::policy::is_json;
use crate::reason::Reason;
use crate::time::{UnixMillis, UnixSeconds};

impl Session {
    /// Each check in turn; the first that refuses says why.
    pub(super) fn permit(&mut self, now: UnixMillis) -> Result<(), Reason> {
        self.check_delegation()?;
        self.read_operation()?;
        self.check_audience()?;
        self.check_scope()?;
        self.check_authentication(now)?;
        self.check_policy(now)
    }

    /// Reads what an MCP request wants done. A route that only watches has not read the body.
    fn read_operation(&mut self) -> Result<(), Reason> {
        let Some(mcp) = self.route().and_then(|route| route.mcp.as_ref()).filter(|_| !self.is_shadow())
        else {
            return Ok(());
        };
        let content = self.content.as_deref().unwrap_or_default();
        let fields = self.view.fields();
        // By its own account, too: an origin that goes by the type could read another message.
        let read =
            if is_json(fields) { Operation::read(content, fields, mcp.legacy) } else { Err(McpError::Body) };
        let read = read.map_err(Reason::from);
        let may = |operation: &Operation| mcp.lists(operation) && self.grants(operation);
        let read = read.and_then(
            |operation| if may(&operation) { Ok(operation) } else { Err(Reason::PolicyNotGranted) },
        );
        self.evidence.push(evidence("mcp", read.as_ref().err().copied(), None));
        self.operation = Some(read?);
        Ok(())
    }

    /// Whether the token grants the tool or resource of an operation, where it says which it grants.
    fn grants(&self, operation: &Operation) -> bool {
        let Some(claims) = self.verified.claims() else { return true };
        let granted = match operation.method.as_deref() {
            Some("tools/call") => &claims.delegation.tools,
            Some("resources/read" | "resources/subscribe") => &claims.delegation.resources,
            _ => return true,
        };
        granted
            .as_ref()
            .is_none_or(|granted| operation.name.as_ref().is_some_and(|name| granted.contains(name)))
    }

    /// A token for one resource of the API is none for another (RFC 8707 §2).
    fn check_audience(&mut self) -> Result<(), Reason> {
        let (Some(public), Some(path)) = (&self.public, &self.path) else { return Ok(()) };
        match self.verified.claims() {
            Some(claims) if !self.gate.is_audience(public, path, claims) => {
                Err(Reason::TokenAudienceMismatch)
            }
            _ => Ok(()),
        }
    }

    /// Every scope that the request needs, the operation's too. Before the body was read, what its header fields say of
    /// it serves for a challenge.
    pub(super) fn demanded_scope(&self) -> Vec<String> {
        let Some(route) = self.route() else { return Vec::new() };
        let mut demanded = route.scope.clone();
        if let Some(mcp) = &route.mcp {
            let operation =
                self.operation.clone().unwrap_or_else(|| Operation::unverified(self.view.fields()));
            for scope in mcp.scope(&operation) {
                if !demanded.contains(scope) {
                    demanded.push(scope.clone());
                }
            }
        }
        demanded
    }

    fn check_scope(&mut self) -> Result<(), Reason> {
        let demanded = self.demanded_scope();
        if demanded.is_empty() {
            return Ok(());
        }
        let granted = self.verified.scope();
        let covered = self.gate.scope_grammar().covers_all(&granted, &demanded);
        // What is done is held to the levels, too, whatever way the scopes that permit it are written.
        let is_below =
            || self.verified.claims().is_none_or(|claims| self.is_below_ceilings(claims, &demanded));
        let refusal = if covered {
            (!is_below()).then_some(Reason::DelegationScopeLevelExceeded)
        } else {
            Some(Reason::PolicyScopeMissing)
        };
        self.evidence.push(evidence("scope", refusal, None));
        refusal.map_or(Ok(()), Err)
    }

    /// How and when the person authenticated whom the agent acts for (RFC 9470 §4). A token that does not say is not
    /// believed to say what is wanted.
    fn check_authentication(&mut self, now: UnixMillis) -> Result<(), Reason> {
        let Some(step_up) = self.route().map(|route| route.step_up.clone()) else { return Ok(()) };
        if step_up.acr_values.is_empty() && step_up.max_age.is_none() {
            return Ok(());
        }
        let claim = |name: &str| self.verified.claims().and_then(|claims| claims.raw.get(name));
        let acr = claim("acr").and_then(Value::as_str);
        let has_class = step_up.acr_values.is_empty()
            || acr.is_some_and(|acr| step_up.acr_values.iter().any(|v| v == acr));
        let since = claim("auth_time").and_then(Value::as_i64).map(UnixSeconds);
        let latest = now.seconds().plus(self.gate.clock_skew);
        let is_recent = |max_age| {
            since.is_some_and(|since| {
                since <= latest && now.seconds() <= since.plus(max_age).plus(self.gate.clock_skew)
            })
        };
        let refusal = if !has_class {
            Some(Reason::PolicyAuthenticationInsufficient)
        } else if !step_up.max_age.is_none_or(is_recent) {
            Some(Reason::PolicyAuthenticationTooOld)
        } else {
            None
        };
        self.evidence.push(evidence("step-up", refusal, None));
        refusal.map_or(Ok(()), Err)
    }
}
