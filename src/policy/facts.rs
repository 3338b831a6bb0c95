//! What is judged: [`Facts`], all that was proven of a request and all that its host knows.

use alloc::string::String;

use super::{Parameters, RoutePath};
use crate::decision::Agent;
use crate::delegation::details::{DetailsType, Money};
use crate::delegation::scope::Grammar;
use crate::jose::jwt::Claims;
use crate::request::RequestView;
use crate::time::UnixSeconds;

/// What a policy judges. Whoever makes them says what was proven: the gate from proofs, a test from a table.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The request.
    pub request: &'a RequestView,
    /// Its path in the one reading that routes are matched on.
    pub path: &'a RoutePath,
    /// The public URL of what it is for, without query.
    pub location: &'a str,
    /// Its body.
    pub content: Content<'a>,
    /// The claims of its token, which verified.
    pub claims: Option<&'a Claims>,
    /// The agent that was proven.
    pub agent: Option<&'a Agent>,
    /// How scopes are compared.
    pub grammar: Grammar,
    /// The types of `authorization_details` that are known.
    pub details_types: &'a [DetailsType],
    /// The time.
    pub now: UnixSeconds,
}

/// What is known of a body.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// There is none, or nobody needs it.
    None,
    /// All of it.
    Read(&'a [u8]),
    /// There may be one, and it is left alone: a route that only watches must not use it up.
    Unread,
}

/// The facts with what a route makes of them.
pub(super) struct Known<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) parameters: Parameters,
    pub(super) amount: Option<Money>,
}

impl Facts<'_> {
    pub(super) fn has_scopes(&self, scopes: &[String]) -> bool {
        let granted = self.claims.map(|claims| claims.scope.as_slice()).unwrap_or_default();
        self.grammar.covers_all(granted, scopes)
    }
}
