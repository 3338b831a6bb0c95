//! Whether the delegation that a token speaks of holds: the agent is the one that was proven, the request is of the
//! token's task, and the token permits no more than what it came from.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use super::ancestors::Place;
use super::{Session, evidence};
use crate::config::{Delegation, Link, TaskSource};
use crate::decision::{Agent, Method};
use crate::delegation::details::AuthorizationDetails;
use crate::delegation::lineage::{Step, Widened, narrows};
use crate::delegation::{ChainEntry, Record, ScopeLevel};
use crate::encoding::json;
use crate::jose::jwt::Claims;
use crate::policy::is_json;
use crate::reason::Reason;

/// Where the directory of an origin is, if it has but one (draft-ietf-webbotauth-http-message-signatures-directory).
pub(super) const WELL_KNOWN_DIRECTORY: &str = "/.well-known/http-message-signatures-directory";

impl Session {
    /// Each check in turn; the first that refuses says why. Evidence is given where there was anything to check.
    pub(super) fn check_delegation(&mut self) -> Result<(), Reason> {
        let mut checked = Vec::new();
        let refusal = self.judge_delegation(&mut checked).err();
        if refusal.is_some() || !checked.is_empty() {
            let detail = (!checked.is_empty()).then(|| checked.join(" "));
            self.evidence.push(evidence("delegation", refusal, detail));
        }
        refusal.map_or(Ok(()), Err)
    }

    /// What the token's `authorization_details` permit; `None` where it has none.
    pub(super) fn details(&self) -> Result<Option<AuthorizationDetails>, Reason> {
        let details = self.verified.claims().and_then(|claims| claims.delegation.details.as_ref());
        let parse = |details| AuthorizationDetails::parse(details, self.gate.details_types());
        details.map(parse).transpose().map_err(|_| Reason::PolicyDetailsInvalid)
    }

    fn judge_delegation(&self, checked: &mut Vec<&'static str>) -> Result<(), Reason> {
        let Some(claims) = self.verified.claims() else { return Ok(()) };
        let rules = &self.gate.delegation;
        match self.depth(claims) {
            0 => {}
            depth => {
                checked.push("depth");
                if depth > rules.max_depth {
                    return Err(Reason::DelegationTooDeep);
                }
            }
        }
        self.check_agent(claims, checked)?;
        self.check_task(claims, checked)?;
        self.details()?;
        self.check_ancestors()?;
        self.check_lineage(claims, checked)?;
        self.check_levels(claims, checked)
    }

    /// Most actors, or steps of a chain, of the token and those that it came from; the steps of theirs go on with its own.
    fn depth(&self, claims: &Claims) -> usize {
        let of_ancestors = self.verified.ancestors.iter().map(|ancestor| {
            let since = match ancestor.place {
                Place::Field => 1,
                Place::Chain(index) => claims.delegation.chain.len().saturating_sub(index),
            };
            (&ancestor.token.claims().delegation, since)
        });
        let depths = of_ancestors.chain([(&claims.delegation, 0)]).map(|(delegation, since)| {
            let steps = delegation.chain.len();
            delegation.actors.len().max(if steps == 0 { 0 } else { steps + since })
        });
        depths.max().unwrap_or(0)
    }

    /// A parent that came from tokens is worth what they are, so that the request must bring them as well: what is in a
    /// chain is verified in the token's own only.
    fn check_ancestors(&self) -> Result<(), Reason> {
        let ancestors = &self.verified.ancestors;
        let mut chains = ancestors.iter().flat_map(|ancestor| &ancestor.token.claims().delegation.chain);
        let is_known = |entry: &ChainEntry| match entry {
            ChainEntry::Token(text) => ancestors.iter().any(|ancestor| ancestor.text == *text),
            ChainEntry::Record(_) | ChainEntry::Name(_) => true,
        };
        if chains.all(is_known) { Ok(()) } else { Err(Reason::DelegationParentInvalid) }
    }

    /// The agent that the token is for is the one that was proven.
    fn check_agent(&self, claims: &Claims, checked: &mut Vec<&'static str>) -> Result<(), Reason> {
        let rules = &self.gate.delegation;
        let issuer = self.gate.issuers().iter().find(|issuer| issuer.name() == claims.iss);
        let link = issuer.and_then(|issuer| issuer.agent).unwrap_or(rules.agent);
        if link == Link::Off {
            return Ok(());
        }
        let Some(claimed) = &claims.delegation.agent else {
            return if link == Link::Required { Err(Reason::DelegationAgentMissing) } else { Ok(()) };
        };
        // A bearer token proves nobody that it could be compared with.
        let Some(agent) = self.verified.agent.as_ref().filter(|agent| agent.method != Method::Token) else {
            return if link == Link::Required { Err(Reason::DelegationAgentMismatch) } else { Ok(()) };
        };
        checked.push("agent");
        let named = rules.agents.iter().find(|(name, _)| name == claimed).map(|(_, identity)| identity);
        if is_agent(named.unwrap_or(claimed), agent) { Ok(()) } else { Err(Reason::DelegationAgentMismatch) }
    }

    /// The request is of the task that the token is for.
    fn check_task(&self, claims: &Claims, checked: &mut Vec<&'static str>) -> Result<(), Reason> {
        let Some(source) = self.route().and_then(|route| route.task.as_ref()) else { return Ok(()) };
        checked.push("task");
        let task = claims.delegation.task.as_deref().ok_or(Reason::DelegationTaskMissing)?;
        match self.task_of_request(source)? {
            of_request if of_request == task => Ok(()),
            _ => Err(Reason::DelegationTaskMismatch),
        }
    }

    fn task_of_request(&self, source: &TaskSource) -> Result<String, Reason> {
        let missing = Reason::DelegationTaskMissing;
        match source {
            TaskSource::Field(name) => {
                let mut lines = self.view.fields().lines(name);
                let task = lines.next().filter(|task| !task.is_empty()).ok_or(missing)?;
                if lines.next().is_some() { Err(Reason::DelegationTaskMismatch) } else { Ok(task.to_owned()) }
            }
            TaskSource::Body(pointer) => {
                let content = self.content.as_deref().ok_or(missing)?;
                // An origin that goes by `Content-Type` would read anything else in another way.
                if !is_json(self.view.fields()) {
                    return Err(missing);
                }
                let body = json::parse(content, self.gate.max_body_bytes()).map_err(|_| missing)?;
                let task = pointer.find(&body).and_then(|task| task.as_str());
                task.filter(|task| !task.is_empty()).map(str::to_owned).ok_or(missing)
            }
        }
    }

    /// The token permits no more than what it came from, as far as the request has that, and has it where it must.
    fn check_lineage(&self, claims: &Claims, checked: &mut Vec<&'static str>) -> Result<(), Reason> {
        let rules = &self.gate.delegation;
        if !rules.reads_lineage() {
            return Ok(());
        }
        let own =
            Step::of_token(claims, self.gate.details_types()).map_err(|_| Reason::PolicyDetailsInvalid)?;
        let has_parent =
            self.check_chain(claims, own.clone(), checked)? | self.check_parent(claims, own, checked)?;
        if rules.lineage == Link::Required && claims.delegation.names_parent() && !has_parent {
            return Err(Reason::DelegationParentMissing);
        }
        Ok(())
    }

    /// Holds the token against its chain. Says whether the chain has the parent that the token names.
    fn check_chain(
        &self,
        claims: &Claims,
        own: Step,
        checked: &mut Vec<&'static str>,
    ) -> Result<bool, Reason> {
        let types = self.gate.details_types();
        let (mut steps, mut last, mut before) = (Vec::new(), None, None);
        for (index, entry) in claims.delegation.chain.iter().enumerate() {
            let step = match entry {
                ChainEntry::Name(_) => continue,
                ChainEntry::Record(record) => {
                    follows(before, record)?;
                    before = Some(record);
                    last = Some(is_parent(claims, record.id.as_deref(), record.task.as_deref()));
                    Step::of_record(record, types)
                }
                ChainEntry::Token(_) => {
                    let ancestors = &mut self.verified.ancestors.iter();
                    let ancestor = ancestors.find(|ancestor| ancestor.place == Place::Chain(index));
                    let ancestor = ancestor.ok_or(Reason::DelegationParentInvalid)?.token.claims();
                    let of_issuer = ancestor.iss == claims.iss;
                    self.judge_ancestor(ancestor, own.clone())?;
                    last = Some(of_issuer && is_parent_token(claims, ancestor));
                    Step::of_token(ancestor, types)
                }
            };
            steps.push(step.map_err(|_| Reason::DelegationParentInvalid)?);
        }
        if !steps.is_empty() {
            checked.push("chain");
            steps.push(own);
            self.judge_steps(&steps)?;
        }
        Ok(last.unwrap_or(false))
    }

    /// Holds the token against the one that was sent beside it, which must be the parent that it names.
    fn check_parent(
        &self,
        claims: &Claims,
        own: Step,
        checked: &mut Vec<&'static str>,
    ) -> Result<bool, Reason> {
        let parent = self.verified.ancestors.iter().find(|ancestor| ancestor.place == Place::Field);
        let Some(parent) = parent.map(|parent| parent.token.claims()) else { return Ok(false) };
        checked.push("parent");
        // Identifiers are an issuer's own (RFC 7519 §4.1.7): another's token may have the same.
        if parent.iss != claims.iss || !is_parent_token(claims, parent) {
            return Err(Reason::DelegationParentInvalid);
        }
        self.judge_ancestor(parent, own).map(|()| true)
    }

    /// Holds a token that the request's own came from against the records of its own chain, and the request's against both.
    fn judge_ancestor(&self, ancestor: &Claims, own: Step) -> Result<(), Reason> {
        let types = self.gate.details_types();
        let (mut steps, mut before) = (Vec::new(), None);
        for record in records(ancestor) {
            follows(before, record)?;
            before = Some(record);
            steps.push(Step::of_record(record, types).map_err(|_| Reason::DelegationParentInvalid)?);
        }
        steps.push(Step::of_token(ancestor, types).map_err(|_| Reason::DelegationParentInvalid)?);
        steps.push(own);
        self.judge_steps(&steps)
    }

    fn judge_steps(&self, steps: &[Step]) -> Result<(), Reason> {
        narrows(steps, self.gate.scope_grammar()).map_err(|widened| match widened {
            Widened::Scope => Reason::DelegationScopeWidened,
            Widened::Tools => Reason::DelegationToolsWidened,
            Widened::Resources => Reason::DelegationResourcesWidened,
            Widened::Details => Reason::DelegationDetailsWidened,
            Widened::Expiry => Reason::DelegationOutlivesParent,
        })
    }

    /// No scope of the token is above the lowest level that it, or anything it came from, allows.
    fn check_levels(&self, claims: &Claims, checked: &mut Vec<&'static str>) -> Result<(), Reason> {
        if self.ceilings(claims).next().is_some() {
            checked.push("scope-level");
        }
        if self.is_below_ceilings(claims, &claims.scope) {
            Ok(())
        } else {
            Err(Reason::DelegationScopeLevelExceeded)
        }
    }

    /// Whether every scope is at most of the level that the token, and everything it came from, allows.
    pub(super) fn is_below_ceilings(&self, claims: &Claims, scopes: &[String]) -> bool {
        self.ceilings(claims).all(|most| is_below(&self.gate.delegation, most, scopes))
    }

    /// Every level that the token, or anything it came from, sets to its scopes.
    fn ceilings<'a>(&'a self, claims: &'a Claims) -> impl Iterator<Item = &'a ScopeLevel> {
        let of_ancestors = self.verified.ancestors.iter().flat_map(|ancestor| {
            let claims = ancestor.token.claims();
            records(claims).filter_map(|record| record.max_scope_level.as_ref()).chain(own_ceiling(claims))
        });
        let of_chain = records(claims).filter_map(|record| record.max_scope_level.as_ref());
        let above = of_chain.chain(of_ancestors).filter(|_| self.gate.delegation.reads_lineage());
        own_ceiling(claims).chain(above)
    }
}

fn own_ceiling(claims: &Claims) -> impl Iterator<Item = &ScopeLevel> {
    claims.delegation.max_scope_level.iter()
}

/// The records of a token's chain.
fn records(claims: &Claims) -> impl Iterator<Item = &Record> {
    claims.delegation.chain.iter().filter_map(|entry| match entry {
        ChainEntry::Record(record) => Some(record),
        ChainEntry::Token(_) | ChainEntry::Name(_) => None,
    })
}

/// Whether every scope has a level, and none above `most`.
fn is_below(rules: &Delegation, most: &ScopeLevel, scopes: &[String]) -> bool {
    let most = match most {
        ScopeLevel::Level(level) => Some(*level),
        ScopeLevel::Named(name) => rules.levels.named(name),
    };
    let level = |scope: &String| rules.levels.of_scope(rules.grammar, scope);
    most.is_some_and(|most| scopes.iter().all(|scope| level(scope).is_some_and(|level| level <= most)))
}

/// Whether this is how a token may call the agent: its identity, the thumbprint of the key that it proved, or, for an
/// agent with the one directory of its origin, that origin.
fn is_agent(claimed: &str, agent: &Agent) -> bool {
    let origin = agent.id.strip_suffix(WELL_KNOWN_DIRECTORY);
    agent.id == claimed || agent.key.as_deref() == Some(claimed) || origin == Some(claimed)
}

/// Whether this token of the same issuer is the parent that the token names, and not itself. A task may have tokens of
/// several people: where it alone is named, the parent is of the same person, or of the one who delegated.
fn is_parent_token(claims: &Claims, parent: &Claims) -> bool {
    let child = &claims.delegation;
    // Without a `jti` it cannot be itself: the task that it names is then another than its own.
    let is_same = parent.jti.is_some() && parent.jti == claims.jti;
    let is_of_person = parent.sub.is_some() && (parent.sub == claims.sub || parent.sub == child.delegator);
    !is_same
        && (child.parent_token.is_some() || is_of_person)
        && is_parent(claims, parent.jti.as_deref(), parent.delegation.task.as_deref())
}

/// Whether these are the identifiers of the parent that the token names.
fn is_parent(claims: &Claims, id: Option<&str>, task: Option<&str>) -> bool {
    let child = &claims.delegation;
    let same =
        |named: &Option<String>, is: Option<&str>| named.as_deref().is_none_or(|named| is == Some(named));
    child.names_parent() && same(&child.parent_token, id) && same(&child.parent_task, task)
}

/// Whether a record's delegator is the one to whom the record before it delegated, where both say so.
fn follows(before: Option<&Record>, record: &Record) -> Result<(), Reason> {
    match (before.and_then(|before| before.aud.as_ref()), &record.sub) {
        (Some(aud), Some(sub)) if aud != sub => Err(Reason::DelegationParentInvalid),
        _ => Ok(()),
    }
}
