//! Whether anything about a proven request is denied by an administrator: its token, person, agent, task or key.
//!
//! Looked up after all proofs have held, and for every request, also where its token was verified before: what is denied
//! is no property of a token that could be remembered with it.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::delegation::WELL_KNOWN_DIRECTORY;
use super::verify::{Context, Verification};
use super::{Step, evidence};
use crate::config::Gate;
use crate::decision::{Agent, Method};
use crate::delegation::{ChainEntry, ClaimNames, ClaimPaths};
use crate::jose::{Claims, DecodedToken};
use crate::memory::Memory;
use crate::reason::Reason;
use crate::registry::copy::{Copied, MAX_AGE};
use crate::revocation::Freshness;
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
            Copied::Wait | Copied::Unavailable => {
                return self.without_denials(context, memory).map(|()| None);
            }
        };
        let refusal = self.denied(context, memory, &list);
        if let Some(age) = memory.denials.age(context.now).filter(|_| context.gate.admin().is_some()) {
            self.verified.revocation.push(Freshness { source: DENY_LIST, age_secs: age.as_secs() });
            // A client that sends its body slowly gets no longer than a copy may be old before a denial counts.
            let until = context.now.seconds().plus(MAX_AGE);
            self.verified.deadlines.push((until, Reason::RequestBodyUnreadable));
        }
        if refusal.is_some() || context.gate.admin().is_some() || !list.is_empty() {
            self.evidence.push(evidence("revocation", refusal, Some(DENY_LIST.to_owned())));
        }
        refusal.map_or(Ok(None), Err)
    }

    /// What the configuration denies is denied also where the store cannot be asked.
    fn without_denials(&mut self, context: &Context<'_>, memory: &mut Memory) -> Result<(), Reason> {
        match self.denied(context, memory, context.gate.denied()) {
            Some(reason) => {
                self.evidence.push(evidence("revocation", Some(reason), Some(DENY_LIST.to_owned())));
                Err(reason)
            }
            None => self.unavailable(context, DENY_LIST),
        }
    }

    /// Everything by which the request is known, looked up.
    fn denied(&self, context: &Context<'_>, memory: &mut Memory, list: &Arc<DenyList>) -> Option<Reason> {
        let agent = self.verified.agent.as_ref();
        let token = self.verified.token.as_ref().map(|token| token.claims());
        let mut named = token.map(|token| Named::read(context.gate, token)).unwrap_or_default();
        for ancestor in &self.verified.ancestors {
            named.add(context.gate, ancestor.token.claims());
        }
        let delegation = token.map(|claims| &claims.delegation);
        let tasks: Vec<&str> = named.ancestor_tasks.iter().map(String::as_str).collect();
        let tokens: Vec<(&str, &str)> =
            named.ancestor_tokens.iter().map(|(iss, jti)| (iss.as_str(), jti.as_str())).collect();
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
            // Whatever else the request is proven by, a certificate that was relied on is one of its keys.
            .chain(self.verified.certificate.as_deref())
            .chain(agent.and_then(|agent| agent.key.as_deref()))
            .collect();
        // The outermost actor acts (RFC 8693 §4.1); the others are history.
        let actor = delegation.and_then(|delegation| delegation.actors.first());
        let ancestors = || self.verified.ancestors.iter().map(|ancestor| ancestor.token.claims());
        let of_ancestors =
            ancestors().flat_map(|claims| [claims.client_id.as_deref(), claims.delegation.agent.as_deref()]);
        let agents = [
            agent.map(|agent| agent.id.as_str()),
            token.and_then(|claims| claims.client_id.as_deref()),
            delegation.and_then(|delegation| delegation.agent.as_deref()),
            actor.map(|actor| actor.sub.as_str()),
        ];
        let agents: Vec<String> = agents
            .into_iter()
            .chain(of_ancestors)
            .flatten()
            .flat_map(|name| names_of_agent(context.gate, name))
            .collect();
        let people: Vec<(&str, &str)> = token.into_iter().chain(ancestors()).flat_map(people).collect();
        let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
        // With a certificate alone, its key is what says who the agent is.
        let is_agents_own = |agent: &&Agent| match agent.method {
            Method::Signature(_) => true,
            method => method == Method::Mtls && token.is_none(),
        };
        let agent_key = agent.filter(is_agents_own);
        let subjects = Subjects {
            lineage,
            people: &people,
            agents: &agents,
            token_keys: &token_keys,
            agent_key: agent_key.and_then(|agent| agent.key.as_deref()),
        };
        memory.denials.refusal(list, &subjects, context.now.seconds())
    }
}

/// The person that a token acts for and those who delegated to it, as far as its issuer names them.
fn people(claims: &Claims) -> impl Iterator<Item = (&str, &str)> {
    let delegation = &claims.delegation;
    let recorded = delegation.chain.iter().filter_map(|entry| match entry {
        ChainEntry::Record(record) => record.sub.as_deref(),
        ChainEntry::Token(_) | ChainEntry::Name(_) => None,
    });
    let actors = delegation
        .actors
        .iter()
        .map(|actor| (actor.iss.as_deref().unwrap_or(&claims.iss), actor.sub.as_str()));
    let named =
        [claims.sub.as_deref(), delegation.delegator.as_deref()].into_iter().flatten().chain(recorded);
    named.map(|sub| (claims.iss.as_str(), sub)).chain(actors)
}

/// Everything by which an agent of this name may be denied: the name, the identity that the configuration maps it to, and
/// for each an origin for the one directory that it has, and the other way round.
fn names_of_agent(gate: &Gate, name: &str) -> Vec<String> {
    let mapped = gate.delegation.agents.iter().find(|(known, _)| known == name);
    let mut names = Vec::new();
    for name in [Some(name), mapped.map(|(_, identity)| identity.as_str())].into_iter().flatten() {
        names.push(name.to_owned());
        match name.strip_suffix(WELL_KNOWN_DIRECTORY) {
            Some(origin) => names.push(origin.to_owned()),
            None if name.starts_with("https://") => names.push([name, WELL_KNOWN_DIRECTORY].concat()),
            None => {}
        }
    }
    names
}

/// The names in a token that say from what it is.
#[derive(Default)]
struct Named {
    ancestor_tasks: Vec<String>,
    /// By issuer and identifier.
    ancestor_tokens: Vec<(String, String)>,
}

impl Named {
    /// Takes in a token that the request's own came from, and where that came from.
    fn add(&mut self, gate: &Gate, claims: &Claims) {
        let Self { ancestor_tasks, ancestor_tokens } = Self::read(gate, claims);
        self.ancestor_tasks.extend(claims.delegation.task.clone());
        self.ancestor_tasks.extend(ancestor_tasks);
        self.ancestor_tokens.extend(claims.jti.clone().map(|jti| (claims.iss.clone(), jti)));
        self.ancestor_tokens.extend(ancestor_tokens);
    }

    fn read(gate: &Gate, claims: &Claims) -> Self {
        let mut named = Self::default();
        let of_issuer = |jti: &String| (claims.iss.clone(), jti.clone());
        named.ancestor_tasks.extend(claims.delegation.parent_task.clone());
        named.ancestor_tokens.extend(claims.delegation.parent_token.as_ref().map(of_issuer));
        for step in &claims.delegation.chain {
            match step {
                ChainEntry::Record(record) => {
                    named.ancestor_tasks.extend(record.task.clone());
                    named.ancestor_tokens.extend(record.id.as_ref().map(of_issuer));
                }
                // It is unverified, and named by a token that is: what it says can only end the delegation.
                ChainEntry::Token(token) => {
                    let Ok(decoded) = DecodedToken::decode(token) else { continue };
                    let step = decoded.unverified_claims();
                    let issuer = gate.issuers().iter().find(|issuer| issuer.name() == step.iss);
                    let default = ClaimNames::default();
                    let names = issuer.map_or(&default, |issuer| &issuer.claims);
                    let text = |paths: &ClaimPaths| paths.find(&step.raw)?.as_str().map(str::to_owned);
                    let tokens = step.jti.clone().into_iter().chain(text(&names.parent_token));
                    named.ancestor_tokens.extend(tokens.map(|jti| (step.iss.clone(), jti)));
                    named
                        .ancestor_tasks
                        .extend(text(&names.task).into_iter().chain(text(&names.parent_task)));
                }
                ChainEntry::Name(_) => {}
            }
        }
        named
    }
}
