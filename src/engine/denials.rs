//! Whether anything about a proven request is denied by an administrator: its token, person, agent, task or key.
//!
//! Looked up after all proofs have held, and for every request, also where its token was verified before: what is denied
//! is no property of a token that could be remembered with it.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::verify::{Context, Verification};
use super::{Step, evidence};
use crate::decision::Method;
use crate::delegation::{self, ChainEntry};
use crate::jose::Claims;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::registry::copy::{Copied, MAX_AGE};
use crate::revocation::ancestry::Lineage;
use crate::revocation::denials::Subjects;
use crate::revocation::deny_list::DenyList;

/// The name of the deny list in decisions.
const DENY_LIST: &str = "deny-list";

impl Verification {
    /// Refuses what is denied; where the list has to be brought first, says so.
    pub(super) fn check_denials(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Step>, Reason> {
        // Who proved nothing has no name that could be denied.
        if self.verified.agent.is_none() && self.verified.token.is_none() {
            return Ok(None);
        }
        let list = match memory.deny_list(context.gate, context.now) {
            Copied::Fresh(list) => list,
            Copied::Stale(list) => {
                self.refreshes_denials = true;
                list
            }
            Copied::Ask => return Ok(Some(Step::Denials)),
            Copied::Wait if !self.has_waited_too_long(context) => return Ok(Some(Step::Wait)),
            Copied::Wait | Copied::Unavailable => return self.without_denials(context).map(|()| None),
        };
        let refusal = self.denied(context, memory, &list);
        if context.gate.admin().is_some() {
            // A client that sends its body slowly gets no longer than a copy may be old before a denial counts.
            let until = context.now.seconds().plus(MAX_AGE);
            self.verified.deadlines.push((until, Reason::RequestBodyUnreadable));
        }
        if refusal.is_some() || context.gate.admin().is_some() || !list.is_empty() {
            self.evidence.push(evidence("revocation", refusal, Some(DENY_LIST.to_owned())));
        }
        refusal.map_or(Ok(None), Err)
    }

    fn without_denials(&mut self, _context: &Context<'_>) -> Result<(), Reason> {
        self.evidence.push(evidence(
            "revocation",
            Some(Reason::RevocationUnavailable),
            Some(DENY_LIST.to_owned()),
        ));
        Err(Reason::RevocationUnavailable)
    }

    /// Everything by which the request is known, looked up.
    fn denied(&self, context: &Context<'_>, memory: &mut Memory, list: &Arc<DenyList>) -> Option<Reason> {
        let agent = self.verified.agent.as_ref();
        let token = self.verified.token.as_ref().map(|token| token.claims());
        let named = token.map(|claims| &claims.delegation);
        let (tasks, tokens) = named.map(came_from).unwrap_or_default();
        let lineage = token.map(|claims| Lineage {
            iss: &claims.iss,
            jti: claims.jti.as_deref(),
            task: claims.delegation.task.as_deref(),
            ancestor_tasks: &tasks,
            ancestor_tokens: &tokens,
        });
        if let Some(lineage) = &lineage {
            memory.denials.learn(lineage);
        }
        let confirmation = token.and_then(|claims: &Claims| claims.confirmation.as_ref());
        let token_keys: Vec<&str> = confirmation
            .into_iter()
            .flat_map(|bound| [bound.jkt.as_deref(), bound.x5t_s256.as_deref()])
            .flatten()
            .collect();
        let agents: Vec<&str> = [
            agent.map(|agent| agent.id.as_str()),
            token.and_then(|claims| claims.client_id.as_deref()),
            named.and_then(|named| named.agent.as_deref()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let signature_key = agent.filter(|agent| matches!(agent.method, Method::Signature(_)));
        let subjects = Subjects {
            lineage,
            sub: token.and_then(|claims| claims.sub.as_deref()),
            agents: &agents,
            token_keys: &token_keys,
            signature_key: signature_key.and_then(|agent| agent.key.as_deref()),
        };
        memory.denials.refusal(list, &subjects, context.now.seconds())
    }
}

/// The tasks and the tokens that a token says it came from.
fn came_from(named: &delegation::Claims) -> (Vec<&str>, Vec<&str>) {
    let records = || {
        named.chain.iter().filter_map(|entry| match entry {
            ChainEntry::Record(record) => Some(record),
            ChainEntry::Token(_) | ChainEntry::Name(_) => None,
        })
    };
    let tasks = named.parent_task.iter().chain(records().filter_map(|record| record.task.as_ref()));
    let tokens = named.parent_token.iter().chain(records().filter_map(|record| record.id.as_ref()));
    (tasks.map(String::as_str).collect(), tokens.map(String::as_str).collect())
}
