//! Whether each step of a delegation permits no more than the one before it: [`narrows`].
//!
//! Steps come from signed material only: the records in a token (`delegation_chain`), tokens that were verified, the
//! token itself. What a record does not speak of it does not limit. A whole token is everything that it grants: where it
//! has no `granted_tools`, those who came from it have none to pass on, and where its parent has them, it may not be
//! silent, as silence can be read as having no limit.

use alloc::string::String;
use alloc::vec::Vec;

use super::Record;
use super::details::{AuthorizationDetails, DetailsError, DetailsType};
use super::scope::Grammar;
use crate::encoding::json::Value;
use crate::jose::jwt;
use crate::time::UnixSeconds;

/// What a delegation permits after one of its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The scopes.
    pub scope: Option<Vec<String>>,
    /// The tools.
    pub tools: Option<Vec<String>>,
    /// The resources.
    pub resources: Option<Vec<String>>,
    /// The `authorization_details`.
    pub details: Option<AuthorizationDetails>,
    /// Until when.
    pub exp: Option<UnixSeconds>,
    /// Whether it is a whole token, which grants nothing that it does not speak of.
    pub is_token: bool,
}

/// In what a step permits more than one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widened {
    /// Scopes.
    Scope,
    /// Tools.
    Tools,
    /// Resources.
    Resources,
    /// `authorization_details`.
    Details,
    /// Time.
    Expiry,
}

impl Step {
    /// What a token permits.
    pub fn of_token(claims: &jwt::Claims, types: &[DetailsType]) -> Result<Self, DetailsError> {
        let delegation = &claims.delegation;
        Ok(Self {
            scope: Some(claims.scope.clone()),
            tools: delegation.tools.clone(),
            resources: delegation.resources.clone(),
            details: details(delegation.details.as_ref(), types)?,
            exp: Some(claims.exp),
            is_token: true,
        })
    }

    /// What a record says that was permitted.
    pub fn of_record(record: &Record, types: &[DetailsType]) -> Result<Self, DetailsError> {
        Ok(Self {
            scope: record.scope.clone(),
            tools: record.tools.clone(),
            resources: record.resources.clone(),
            details: details(record.details.as_ref(), types)?,
            exp: record.exp,
            is_token: false,
        })
    }
}

fn details(
    value: Option<&Value<'static>>,
    types: &[DetailsType],
) -> Result<Option<AuthorizationDetails>, DetailsError> {
    value.map(|value| AuthorizationDetails::parse(value, types)).transpose()
}

/// Whether no step permits more than any before it; else in what the first one does.
pub fn narrows(steps: &[Step], grammar: Grammar) -> Result<(), Widened> {
    let is_subset = |mine: &Vec<String>, theirs: &Vec<String>| mine.iter().all(|name| theirs.contains(name));
    let covers = |mine: &Vec<String>, theirs: &Vec<String>| grammar.covers_all(theirs, mine);
    let checks = [
        (Widened::Scope, narrows_in(steps, |step| step.scope.as_ref(), covers)),
        (Widened::Tools, narrows_in(steps, |step| step.tools.as_ref(), is_subset)),
        (Widened::Resources, narrows_in(steps, |step| step.resources.as_ref(), is_subset)),
        (Widened::Details, narrows_in(steps, |step| step.details.as_ref(), AuthorizationDetails::is_within)),
        (Widened::Expiry, narrows_in(steps, |step| step.exp.as_ref(), |mine, theirs| mine <= theirs)),
    ];
    checks.into_iter().find(|(_, narrows)| !narrows).map_or(Ok(()), |(widened, _)| Err(widened))
}

/// What the steps so far leave of one thing.
enum Left<'a, T> {
    /// None has spoken of it.
    All,
    /// A whole token had none of it.
    Nothing,
    /// No more than this.
    Within(&'a T),
}

fn narrows_in<'a, T: 'a>(
    steps: &'a [Step],
    part: impl Fn(&'a Step) -> Option<&'a T>,
    is_within: impl Fn(&T, &T) -> bool,
) -> bool {
    let mut left = Left::All;
    for step in steps {
        let narrows = match (&left, part(step)) {
            (Left::All, _) | (Left::Nothing, None) => true,
            (Left::Nothing, Some(_)) => false,
            (Left::Within(most), Some(mine)) => is_within(mine, most),
            (Left::Within(_), None) => !step.is_token,
        };
        if !narrows {
            return false;
        }
        left = match (part(step), left) {
            (Some(mine), _) => Left::Within(mine),
            (None, Left::All) if step.is_token => Left::Nothing,
            (None, left) => left,
        };
    }
    true
}
