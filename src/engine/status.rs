//! Whether the issuer of a token has taken it back since, by the list that the token names. Tokens that the request's own
//! came from are looked up too, since with them all ends that came from them.
//!
//! Looked up after all proofs have held (draft-ietf-oauth-status-list §8.3), so that nobody makes the gate fetch for a
//! token that its issuer has not signed, or that is somebody else's.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Step;
use super::needs::Needs;
use super::standing::Open;
use super::verify::{Context, Verification};
use crate::config::Issuer;
use crate::jose::JwkSet;
use crate::jose::key_set::{self, Wanted};
use crate::keys::KeySource;
use crate::memory::Memory;
use crate::reason::Reason;
use crate::revocation::list_inquiry;
use crate::revocation::lists::Lookup;
use crate::revocation::status_list::{Reference, Status};

/// The name of a status list in decisions.
const STATUS_LIST: &str = "status-list";

/// What is known of an issuer's keys.
enum Keys {
    Known(Arc<JwkSet>),
    NotYet(Vec<KeySource>),
    Unavailable,
}

/// Where a token has its status.
pub(super) struct Listed<'a> {
    /// Which token, as [`Verification::holds`] counts them.
    place: usize,
    issuer: &'a Issuer,
    reference: Reference,
    /// Those that the list has to be signed by; none where they cannot be had.
    keys: Option<Arc<JwkSet>>,
}

impl Verification {
    /// The lists that the tokens name and that are still to be looked into, with the keys that they have to be signed by.
    /// Where keys have to be brought first, all of them at once, says so.
    pub(super) fn find_lists<'a>(
        &mut self,
        context: &Context<'a>,
        memory: &mut Memory,
    ) -> Result<Result<Vec<Listed<'a>>, Step>, Reason> {
        let mut lists = self.lists_named(context)?;
        let (mut fetch, mut wait) = (Vec::new(), false);
        for listed in &mut lists {
            let key = list_inquiry::key(listed.issuer, &listed.reference);
            let unknown_kid = memory.status_lists.unknown_kid(&key, listed.issuer.name());
            match self.keys_of_list(context, memory, listed.issuer, unknown_kid.as_deref()) {
                Ok(Keys::Known(keys)) => listed.keys = Some(keys),
                Ok(Keys::NotYet(sources)) => {
                    wait = true;
                    fetch.extend(sources);
                }
                Ok(Keys::Unavailable) => {}
                Err(reason) => {
                    // Whoever has the lease must fetch.
                    self.refresh.append(&mut fetch);
                    return Err(reason);
                }
            }
        }
        if !fetch.is_empty() {
            return Ok(Err(Step::Keys(fetch)));
        }
        Ok(if wait && !self.has_waited_too_long(context) { Err(Step::Wait) } else { Ok(lists) })
    }

    fn lists_named<'a>(&mut self, context: &Context<'a>) -> Result<Vec<Listed<'a>>, Reason> {
        let mut lists = Vec::new();
        for place in self.places() {
            let Some((token, _)) =
                self.holds(place).filter(|_| !self.standing.is_settled(place, STATUS_LIST))
            else {
                continue;
            };
            let by_name = |issuer: &&Issuer| issuer.name() == token.claims().iss;
            let Some(issuer) = context.gate.issuers().iter().find(by_name) else { continue };
            match issuer.status_lists.reference(&token.claims().raw) {
                Ok(None) => {}
                Ok(Some(reference)) => lists.push(Listed { place, issuer, reference, keys: None }),
                Err(reason) => return Err(self.told(place, STATUS_LIST, reason)),
            }
        }
        Ok(lists)
    }

    /// Refuses a token that its issuer has revoked or suspended.
    pub(super) fn check_list(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        listed: &Listed<'_>,
        open: &mut Open,
    ) -> Result<(), Reason> {
        let Listed { place, issuer, reference, keys } = listed;
        let Some(keys) = keys else { return self.cannot_be_found_out(context, *place, STATUS_LIST) };
        let inquiry = || list_inquiry::inquiry(issuer, reference, Arc::clone(keys));
        match memory.status_lists.look_up(list_inquiry::key(issuer, reference), issuer.name(), context.now) {
            Lookup::Use { list, at, refresh } => {
                if refresh {
                    self.standing.later.push(inquiry());
                }
                let refusal =
                    list.status(reference.idx()).map_or(Some(Reason::TokenStatusInvalid), Status::refusal);
                self.is_known(context, STATUS_LIST, at);
                self.standing.settle(*place, STATUS_LIST);
                if let Some(reason) = refusal {
                    return Err(self.told(*place, STATUS_LIST, reason));
                }
                self.holds_by(STATUS_LIST);
                Ok(())
            }
            Lookup::Ask => {
                open.ask(STATUS_LIST, inquiry());
                Ok(())
            }
            Lookup::Wait => {
                open.wait(STATUS_LIST);
                Ok(())
            }
            Lookup::Unavailable => self.cannot_be_found_out(context, *place, STATUS_LIST),
        }
    }

    /// The issuer's keys: those that verified the token, unless a list was signed with one that is not among them.
    fn keys_of_list(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
        issuer: &Issuer,
        unknown_kid: Option<&str>,
    ) -> Result<Keys, Reason> {
        let mut needs = Needs::default();
        let source = needs.issuer_keys(context, memory, issuer)?;
        self.refresh.append(&mut needs.refresh);
        let Some(source) = source else {
            return Ok(Keys::NotYet(needs.fetch));
        };
        let wanted = unknown_kid.map(|kid| Wanted { kid: Some(kid), algorithm: None });
        let mut found = memory.look_up(&source, wanted, context.now);
        if let key_set::Lookup::UnknownKey { .. } = found {
            found = memory.look_up(&source, None, context.now);
        }
        Ok(match found {
            key_set::Lookup::Use { document, refresh, .. } => {
                if refresh {
                    self.refresh.push(source);
                }
                Keys::Known(document)
            }
            key_set::Lookup::Fetch { .. } => Keys::NotYet(Vec::from([source])),
            key_set::Lookup::Wait { .. } => Keys::NotYet(Vec::new()),
            _ => Keys::Unavailable,
        })
    }
}
