//! What a route permits beyond its proofs and scopes: [`Policy`], and what it says to a request ([`evaluate`]).
//!
//! Roles, `authorization_details` (RFC 9396) and the amount are demands: each must be met. Rules come after them, in the
//! order written, and the first that matches decides: it denies, asks for approval, or allows, which ends the search.
//! Where none matches, the request is allowed.
//!
//! A rule matches where all of `when` holds, and not all of `unless`. A condition may depend on what is not known
//! ([`Truth::Unknown`]). Rules fail closed: one that denies or asks for approval matches then, one that allows does not.
//! So what is left out can make a request refused or wait, and never lets through what would not have been.
//!
//! All of it is a function of a [`Route`] and [`Facts`], and nothing here verifies anything: the engine asks after all
//! proofs hold, and `countersign policy test` asks with facts that somebody wrote down.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::conditions::{Condition, Truth};
use super::facts::{Content, Facts, Known};
use super::{AmountPlace, Route};
use crate::delegation::details::{AuthorizationDetail, AuthorizationDetails, Money};
use crate::reason::Reason;

/// What a route permits beyond its proofs and scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The roles that the token must have, all of them.
    pub(crate) roles: Vec<String>,
    /// The roles of which the token must have one.
    pub(crate) any_role: Vec<String>,
    pub(crate) details: Option<DetailsDemand>,
    pub(crate) amount: Option<AmountPlace>,
    pub(crate) rules: Vec<Rule>,
}

/// What the token's `authorization_details` must have an entry for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailsDemand {
    pub(crate) kind: String,
    pub(crate) action: Option<String>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) name: String,
    pub(crate) when: Vec<Condition>,
    pub(crate) unless: Vec<Condition>,
    pub(crate) then: Then,
}

/// What a rule that matches says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The request is refused.
    Deny,
    /// Somebody must approve the request first.
    Approve,
    /// The request is permitted, and no later rule is asked.
    Allow,
}

impl Then {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Approve => "approve",
            Self::Allow => "allow",
        }
    }

    fn refusal(self) -> Option<Reason> {
        match self {
            Self::Deny => Some(Reason::PolicyRuleDenied),
            Self::Approve => Some(Reason::PolicyApprovalRequired),
            Self::Allow => None,
        }
    }
}

/// What a policy says: each demand that it made, in order, the last of which may be refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What was found.
    pub findings: Vec<Finding>,
}

/// What was found about one demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// Why the request is refused, where it is.
    pub refusal: Option<Reason>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The scopes.
    Scope,
    /// The roles.
    Roles,
    /// The token's `authorization_details`.
    Details,
    /// The amount, and whether the token permits it.
    Amount,
    /// The amount, which nobody has read: the route only watches.
    AmountUnread,
    /// The rules: the name of the one that decided.
    Rules(Option<String>),
}

impl Verdict {
    /// Why the request is refused; `None` where it is not.
    #[must_use]
    pub fn refusal(&self) -> Option<Reason> {
        self.findings.iter().find_map(|finding| finding.refusal)
    }

    /// The name of the rule that decided.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.findings.iter().find_map(|finding| match &finding.about {
            About::Rules(rule) => rule.as_deref(),
            _ => None,
        })
    }

    /// Notes a demand; an error where it refuses the request.
    fn note(&mut self, about: About, refusal: Option<Reason>) -> Result<(), Refused> {
        self.findings.push(Finding { about, refusal });
        if refusal.is_some() { Err(Refused) } else { Ok(()) }
    }
}

/// The verdict says why.
struct Refused;

/// A rule, with all that it was asked and whether it matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// Its name.
    pub rule: String,
    /// What it says where it matches.
    pub then: Then,
    /// Whether it matches for sure.
    pub truth: Truth,
    /// Whether it is taken to match.
    pub matches: bool,
    /// What it asks with `when`: about what, and whether that holds.
    pub when: Vec<(String, Truth)>,
    /// What it asks with `unless`.
    pub unless: Vec<(String, Truth)>,
}

impl Policy {
    /// Whether there is anything to ask.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the body must be read for it.
    pub(crate) fn reads_content(&self) -> bool {
        self.amount.as_ref().is_some_and(AmountPlace::is_in_body)
    }

    /// Whether it asks about the client's connection.
    pub(crate) fn reads_client(&self) -> bool {
        self.rules.iter().flat_map(Rule::conditions).any(Condition::reads_client)
    }
}

impl Rule {
    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.when.iter().chain(&self.unless)
    }

    /// Whether it matches. One that asks about an amount that was left unread asks nothing.
    fn judge(&self, known: &Known<'_>) -> Truth {
        if known.amount.is_none() && self.conditions().any(|c| matches!(c, Condition::Above(_))) {
            return Truth::Fails;
        }
        let all = |conditions: &[Condition]| {
            conditions.iter().fold(Truth::Holds, |truth, condition| truth.and(condition.judge(known)))
        };
        let excepted = if self.unless.is_empty() { Truth::Fails } else { all(&self.unless) };
        all(&self.when).and(excepted.negated())
    }

    /// Whether it is taken to match: what it depends on and nobody knows counts against the request.
    fn is_met(&self, truth: Truth) -> bool {
        match self.then {
            Then::Deny | Then::Approve => truth != Truth::Fails,
            Then::Allow => truth == Truth::Holds,
        }
    }

    fn consider(&self, known: &Known<'_>) -> Considered {
        let truth = self.judge(known);
        let list = |conditions: &[Condition]| {
            conditions.iter().map(|condition| (condition.subject(), condition.judge(known))).collect()
        };
        Considered {
            rule: self.name.clone(),
            then: self.then,
            truth,
            matches: self.is_met(truth),
            when: list(&self.when),
            unless: list(&self.unless),
        }
    }
}

/// What a route says to a request: its roles, `authorization_details`, amount and rules. Scopes are not asked here; see
/// [`scope`].
#[must_use]
pub fn evaluate(route: &Route, facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    // The verdict has what the error would say.
    let _ = judge(route, facts, &mut verdict);
    verdict
}

/// Whether the token has the scopes that a route demands.
#[must_use]
pub fn scope(route: &Route, facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    if !route.scope.is_empty() {
        let refusal = (!facts.has_scopes(&route.scope)).then_some(Reason::PolicyScopeMissing);
        let _ = verdict.note(About::Scope, refusal);
    }
    verdict
}

/// The amount that a request is about: where the route says that requests have it, else what the one entry of the token's
/// `authorization_details` permits that permits the request. `None` where that cannot be told without doubt.
#[must_use]
pub(crate) fn amount(route: &Route, facts: &Facts<'_>) -> Option<Money> {
    if let Some(place) = &route.policy.amount {
        let content = if let Content::Read(content) = facts.content { Some(content) } else { None };
        return place.read(facts.request.fields(), content);
    }
    match permitting(route.policy.details.as_ref()?, facts).ok()?.as_slice() {
        [entry] => entry.limit.clone(),
        _ => None,
    }
}

/// Each rule of a route, also those after the one that decides. Empty where a demand before them is not met.
#[must_use]
pub fn explain(route: &Route, facts: &Facts<'_>) -> Vec<Considered> {
    match demands(route, facts, &mut Verdict::default()) {
        Ok(known) => route.policy.rules.iter().map(|rule| rule.consider(&known)).collect(),
        Err(Refused) => Vec::new(),
    }
}

fn judge(route: &Route, facts: &Facts<'_>, verdict: &mut Verdict) -> Result<(), Refused> {
    let known = demands(route, facts, verdict)?;
    if route.policy.rules.is_empty() {
        return Ok(());
    }
    let decisive = route.policy.rules.iter().find(|rule| rule.is_met(rule.judge(&known)));
    verdict.note(
        About::Rules(decisive.map(|rule| rule.name.clone())),
        decisive.and_then(|rule| rule.then.refusal()),
    )
}

/// All that comes before the rules.
fn demands<'a>(route: &Route, facts: &'a Facts<'a>, verdict: &mut Verdict) -> Result<Known<'a>, Refused> {
    let policy = &route.policy;
    if !policy.roles.is_empty() || !policy.any_role.is_empty() {
        let roles = facts.claims.map(|claims| claims.roles.as_slice()).unwrap_or_default();
        let is_met = policy.roles.iter().all(|role| roles.contains(role))
            && (policy.any_role.is_empty() || policy.any_role.iter().any(|role| roles.contains(role)));
        verdict.note(About::Roles, (!is_met).then_some(Reason::PolicyRoleMissing))?;
    }
    let entries = match &policy.details {
        None => None,
        Some(demand) => {
            let entries = permitting(demand, facts);
            verdict.note(About::Details, entries.as_ref().err().copied())?;
            entries.ok()
        }
    };
    let amount = read_amount(policy, facts, entries.as_deref(), verdict)?;
    let parameters = route.pattern.parameters(facts.path);
    if parameters.is_err() {
        verdict.note(About::Rules(None), Some(Reason::RequestPathAmbiguous))?;
    }
    let parameters = parameters.unwrap_or_default();
    Ok(Known { facts, parameters, amount })
}

/// The entries of the token that permit what a route is for.
fn permitting(demand: &DetailsDemand, facts: &Facts<'_>) -> Result<Vec<AuthorizationDetail>, Reason> {
    let details = facts.claims.and_then(|claims| claims.delegation.details.as_ref());
    let details = details.ok_or(Reason::PolicyDetailsMissing)?;
    let details = AuthorizationDetails::parse(details, facts.details_types)
        .map_err(|_| Reason::PolicyDetailsInvalid)?;
    let permits = |entry: &&AuthorizationDetail| {
        demand.action.as_deref().is_none_or(|action| entry.permits_action(action))
            && entry.locations.as_ref().is_none_or(|all| all.iter().any(|l| is_below(facts.location, l)))
    };
    let permitting: Vec<_> = details.of_type(&demand.kind).filter(permits).cloned().collect();
    if permitting.is_empty() { Err(Reason::PolicyDetailsMissing) } else { Ok(permitting) }
}

/// Whether a URL is a location (RFC 9396 §2.2) or below it, segment by segment.
fn is_below(url: &str, location: &str) -> bool {
    let rest = url.strip_prefix(location.strip_suffix('/').unwrap_or(location));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The amount of the request, which one of the entries must permit.
fn read_amount(
    policy: &Policy,
    facts: &Facts<'_>,
    entries: Option<&[AuthorizationDetail]>,
    verdict: &mut Verdict,
) -> Result<Option<Money>, Refused> {
    let Some(place) = &policy.amount else { return Ok(None) };
    let content = match facts.content {
        Content::Unread if place.is_in_body() => {
            verdict.note(About::AmountUnread, None)?;
            return Ok(None);
        }
        Content::Read(content) => Some(content),
        Content::None | Content::Unread => None,
    };
    let amount = place.read(facts.request.fields(), content);
    let refusal = match (&amount, entries) {
        (None, _) => Some(Reason::PolicyAmountInvalid),
        (Some(amount), Some(entries)) if !entries.iter().any(|entry| entry.permits_amount(amount)) => {
            Some(Reason::PolicyAmountExceeded)
        }
        _ => None,
    };
    verdict.note(About::Amount, refusal)?;
    Ok(amount)
}

impl About {
    /// Whether it is about the rules.
    #[must_use]
    pub fn is_rule(&self) -> bool {
        matches!(self, Self::Rules(_))
    }

    /// What stands in the evidence: the rule's name, or what was demanded.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Scope => Some("scope".to_owned()),
            Self::Roles => Some("roles".to_owned()),
            Self::Details => Some("authorization_details".to_owned()),
            Self::Amount | Self::AmountUnread => Some("amount".to_owned()),
            Self::Rules(rule) => rule.clone(),
        }
    }
}
