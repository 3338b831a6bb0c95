//! What the route's policy says to what was proven; the policy itself is in [`crate::policy`].

use alloc::format;

use super::{Session, evidence};
use crate::decision::CheckResult;
use crate::policy::{About, Content, Facts, Route, Verdict, evaluate};
use crate::reason::Reason;
use crate::time::UnixMillis;

impl Session {
    /// Roles, `authorization_details`, amount and rules, each with evidence of its own.
    pub(super) fn check_policy(&mut self, now: UnixMillis) -> Result<(), Reason> {
        let Some(verdict) = self.ask_policy(now) else { return Ok(()) };
        for finding in &verdict.findings {
            let mut evidence = evidence("policy", finding.refusal, finding.about.detail());
            if finding.about == About::AmountUnread {
                evidence.result = CheckResult::Skipped;
            }
            self.evidence.push(evidence);
        }
        verdict.refusal().map_or(Ok(()), Err)
    }

    /// `None` where the route has no policy.
    fn ask_policy(&self, now: UnixMillis) -> Option<Verdict> {
        self.route().filter(|route| !route.policy.is_empty())?;
        self.with_facts(now, evaluate)
    }

    /// What a function of the route and of all that is known says; `None` where there is no route.
    pub(super) fn with_facts<T>(
        &self,
        now: UnixMillis,
        judge: impl FnOnce(&Route, &Facts<'_>) -> T,
    ) -> Option<T> {
        let route = self.route()?;
        let path = self.path.as_ref()?;
        let content = match &self.content {
            Some(content) => Content::Read(content),
            None if self.view.has_body() && self.is_shadow() => Content::Unread,
            None => Content::None,
        };
        let facts = Facts {
            request: &self.view,
            path,
            location: &format!("{}{}", self.public.as_ref()?.url(), path.as_str()),
            content,
            claims: self.verified.claims(),
            agent: self.verified.agent.as_ref(),
            grammar: self.gate.scope_grammar(),
            details_types: self.gate.details_types(),
            now: now.seconds(),
        };
        Some(judge(route, &facts))
    }

    /// Whether the amount is in a body that a route which only watches has left alone.
    pub(super) fn leaves_amount_unread(&self) -> bool {
        let is_unread = self.content.is_none() && self.view.has_body() && self.is_shadow();
        is_unread && self.route().is_some_and(|route| route.policy.reads_content())
    }
}
