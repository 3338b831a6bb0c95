//! Whether what was proven is permitted: the last word of the configuration before anything is recorded.

use super::{Session, evidence};
use crate::reason::Reason;

impl Session {
    /// Each check in turn; the first that refuses says why.
    pub(super) fn permit(&mut self) -> Result<(), Reason> {
        self.check_scope()
    }

    fn check_scope(&mut self) -> Result<(), Reason> {
        let Some(route) = self.route().filter(|route| !route.scope.is_empty()) else { return Ok(()) };
        let granted = self.verified.scope();
        let covered = self.gate.scope_grammar().covers_all(&granted, &route.scope);
        let refusal = (!covered).then_some(Reason::PolicyScopeMissing);
        self.evidence.push(evidence("scope", refusal, None));
        refusal.map_or(Ok(()), Err)
    }
}
