//! Whether the issuer of a token has taken it back since, by the list that the token names.
//!
//! Looked up after all proofs have held (draft-ietf-oauth-status-list §8.3), so that nobody makes the gate fetch for a
//! token that its issuer has not signed, or that is somebody else's.

use alloc::borrow::ToOwned as _;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::needs::Needs;
use super::verify::{Context, Verification};
use super::{Step, evidence};
use crate::config::Issuer;
use crate::jose::JwkSet;
use crate::jose::key_set::{self, Wanted};
use crate::memory::Memory;
use crate::reason::Reason;
use crate::revocation::lists::Lookup;
use crate::revocation::status_list::Status;
use crate::revocation::{Freshness, list_inquiry};

/// The name of a status list in decisions.
const STATUS_LIST: &str = "status-list";
/// How long after a list was looked up it may still be acted upon: 60 s. A client that sends its body slowly gets no
/// longer than that before a revocation counts.
const ACTED_UPON_WITHIN: Duration = Duration::from_mins(1);

/// What is known of an issuer's keys.
enum Keys {
    Known(Arc<JwkSet>),
    NotYet(Step),
    Unavailable,
}

impl Verification {
    /// Refuses a token that its issuer has revoked or suspended; where the list has to be brought first, says so.
    pub(super) fn check_status(
        &mut self,
        context: &Context<'_>,
        memory: &mut Memory,
    ) -> Result<Option<Step>, Reason> {
        let Some(token) = self.verified.token.clone() else { return Ok(None) };
        let by_name = |issuer: &&Issuer| issuer.name() == token.claims().iss;
        let Some(issuer) = context.gate.issuers().iter().find(by_name) else { return Ok(None) };
        let reference = match issuer.status_lists.reference(&token.claims().raw) {
            Ok(None) => return Ok(None),
            Ok(Some(reference)) => reference,
            Err(reason) => return Err(self.told(reason)),
        };
        let key = list_inquiry::key(issuer, &reference);
        let unknown_kid = memory.status_lists.unknown_kid(&key);
        let keys = match self.keys_of_list(context, memory, issuer, unknown_kid.as_deref())? {
            Keys::Known(keys) => Some(keys),
            Keys::NotYet(Step::Wait) if self.has_waited_too_long(context) => None,
            Keys::NotYet(step) => return Ok(Some(step)),
            Keys::Unavailable => None,
        };
        let Some(keys) = keys else { return self.unavailable(context, STATUS_LIST).map(|()| None) };
        let inquiry = || list_inquiry::inquiry(issuer, &reference, keys);
        match memory.status_lists.look_up(key, context.now) {
            Lookup::Use { list, at, refresh } => {
                if refresh {
                    self.standing.later.push(inquiry());
                }
                let refusal =
                    list.status(reference.idx()).map_or(Some(Reason::TokenStatusInvalid), Status::refusal);
                let age_secs = context.now.since(at).as_secs();
                self.verified.revocation.push(Freshness { source: STATUS_LIST, age_secs });
                if let Some(reason) = refusal {
                    return Err(self.told(reason));
                }
                self.evidence.push(evidence("revocation", None, Some(STATUS_LIST.to_owned())));
                let until = context.now.seconds().plus(ACTED_UPON_WITHIN);
                self.verified.deadlines.push((until, Reason::RequestBodyUnreadable));
                Ok(None)
            }
            Lookup::Ask => Ok(Some(Step::Fetch(Vec::from([inquiry()])))),
            Lookup::Wait if !self.has_waited_too_long(context) => Ok(Some(Step::Wait)),
            Lookup::Wait | Lookup::Unavailable => self.unavailable(context, STATUS_LIST).map(|()| None),
        }
    }

    fn told(&mut self, reason: Reason) -> Reason {
        self.evidence.push(evidence("revocation", Some(reason), Some(STATUS_LIST.to_owned())));
        reason
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
            return Ok(Keys::NotYet(if needs.fetch.is_empty() {
                Step::Wait
            } else {
                Step::Keys(needs.fetch)
            }));
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
            key_set::Lookup::Fetch { .. } => Keys::NotYet(Step::Keys(Vec::from([source]))),
            key_set::Lookup::Wait { .. } => Keys::NotYet(Step::Wait),
            _ => Keys::Unavailable,
        })
    }
}
