//! The part of the admin API that is about budgets: its requests read ([`Command::parse`]) and answered
//! ([`Command::answer`]).
//!
//! | Request below [`PREFIX`](crate::registry::admin::PREFIX) | Does |
//! |---|---|
//! | `GET /budgets` | lists the budgets of the configuration |
//! | `POST /budgets/{name}/account` | shows the account of a `subject`, and its reservations that are not settled, after `after` |
//! | `POST /budgets/{name}/reconcile` | settles a `reservation` of a `subject` that is held: `verdict` is `commit`, with an `amount` or all of it, or `release` |
//!
//! The administrator names the subject, and the gate makes the digest that its object is called by. A subject is in the
//! body also where nothing is changed, as URLs end up in logs. What is reconciled gives money back, so that it is done only
//! where administrators prove their keys (`[admin] dpop`). As for agents, whether the request may be made at all is not
//! decided here, and bodies are strict.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::{Value, json};

use super::message::{AccountView, Reconcile, Reconciled, ReservationId, Show, Spent};
use crate::config::{Admin, Budget, Gate, Per};
use crate::engine::subject_text;
use crate::event::{BudgetEvent, Event, Subject};
use crate::registry::admin::{Answer, MAX_BODY_BYTES, Request, Segments, body, methods, no_body};
use crate::registry::{RegistryError, RegistryErrorKind as Error};
use crate::state::subject::{Call, Op, OpReply, Reply, RequestId, SubjectCall};
use crate::time::UnixMillis;

/// Longest name of a subject in bytes.
const MAX_SUBJECT_BYTES: usize = 2048;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The budgets of the configuration.
    List,
    /// How an account stands.
    Show {
        /// The place of its budget.
        budget: usize,
        /// What to ask its object.
        call: SubjectCall,
    },
    /// To settle what is held.
    Reconcile {
        /// The place of its budget.
        budget: usize,
        /// What to ask its object.
        call: SubjectCall,
        /// Which reservation.
        reservation: ReservationId,
    },
}

/// Whether a path is one of this part of the admin API.
#[must_use]
pub fn is_asked_at(path: &str) -> bool {
    Segments::of(path).is_ok_and(|segments| segments.as_strs().first() == Some(&"budgets"))
}

impl Command {
    /// Reads a request to a gate. `decision` is the one that let it through.
    pub fn parse(
        request: &Request<'_>,
        gate: &Gate,
        decision: &str,
        now: UnixMillis,
    ) -> Result<Self, RegistryError> {
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Error::BodyTooLarge.into());
        }
        let segments = Segments::of(request.path)?;
        let segments = segments.as_strs();
        let allowed = methods(&segments).ok_or(Error::PathUnknown)?;
        if !allowed.split(", ").any(|method| method == request.method) {
            return Err(Error::MethodNotAllowed.into());
        }
        if request.query.is_some() {
            return Err(Error::QueryInvalid.into());
        }
        let of_name = |name: &str| {
            let place = gate.budgets().iter().position(|budget| budget.name() == name);
            place.and_then(|place| Some((place, gate.budgets().get(place)?))).ok_or(Error::BudgetNotFound)
        };
        let call = |budget: &Budget, subject: &SubjectBody, op| {
            let object = Budget::object(&subject.text(budget)?);
            let call = Call::new(RequestId::new(decision), Vec::from([op]));
            Ok::<_, RegistryError>(SubjectCall { subject: object, call })
        };
        match &*segments {
            ["budgets"] => {
                no_body(request)?;
                Ok(Self::List)
            }
            ["budgets", name, "account"] => {
                let (place, budget) = of_name(name)?;
                let body: AccountBody = body(request)?;
                let after = body.after.as_deref().map(|text| reservation(text, "after")).transpose()?;
                let show = Op::Budget(Show { of: budget.terms(now), after });
                Ok(Self::Show { budget: place, call: call(budget, &body.subject, show)? })
            }
            ["budgets", name, "reconcile"] => {
                let (place, budget) = of_name(name)?;
                // A token that was stolen must not free what was spent.
                if !gate.admin().is_some_and(Admin::needs_proof) {
                    return Err(Error::ReconcilingNeedsProof.into());
                }
                let body: ReconcileBody = body(request)?;
                let request = reservation(&body.reservation, "reservation")?;
                let reconcile =
                    Op::Reconcile(Reconcile { account: budget.account(), request, spent: body.spent()? });
                Ok(Self::Reconcile {
                    budget: place,
                    call: call(budget, &body.subject, reconcile)?,
                    reservation: request,
                })
            }
            _ => Err(Error::PathUnknown.into()),
        }
    }

    /// Which object is asked, and what; `None` where nobody needs to be.
    #[must_use]
    pub fn call(&self) -> Option<&SubjectCall> {
        match self {
            Self::List => None,
            Self::Show { call, .. } | Self::Reconcile { call, .. } => Some(call),
        }
    }

    /// Answers it with what the object said (`None` where it could not be asked), and with what the origin should hear.
    pub fn answer(
        &self,
        gate: &Gate,
        reply: Option<&Reply>,
        decision: &str,
        now: UnixMillis,
    ) -> Result<(Answer, Option<Event>), RegistryError> {
        let said = reply.and_then(|reply| reply.answers.first());
        let of = |place: &usize| gate.budgets().get(*place).ok_or(Error::BudgetNotFound);
        match (self, said) {
            (Self::List, _) => {
                let budgets: Vec<Value> = gate.budgets().iter().map(show_budget).collect();
                Ok((answer(json!({ "budgets": budgets })), None))
            }
            (Self::Show { budget, .. }, Some(OpReply::Budget(view))) => {
                Ok((answer(show_account(of(budget)?, view)), None))
            }
            (Self::Reconcile { budget, call, reservation }, Some(OpReply::Reconcile(reconciled))) => {
                let budget = of(budget)?;
                let (reserved, committed) = match reconciled {
                    Reconciled::Done { reserved, committed } => (*reserved, *committed),
                    Reconciled::NotFound => return Err(Error::ReservationNotFound.into()),
                    Reconciled::UnderWay => return Err(Error::ReservationUnderWay.into()),
                    Reconciled::AboveReserved => {
                        return Err(RegistryError::at(Error::ReservationAmountInvalid, "amount"));
                    }
                    Reconciled::Corrupt => return Err(Error::Unavailable.into()),
                };
                let event = Event::Budget(BudgetEvent {
                    subject: Subject::Account(call.subject.to_string()),
                    budget: budget.name().to_string(),
                    action: "reconciled",
                    of: reservation.to_text(),
                    amount: committed,
                    currency: budget.currency().to_string(),
                    decision: decision.to_string(),
                    at: now,
                });
                let body = json!({
                    "budget": budget.name(),
                    "reservation": reservation.to_text(),
                    "reserved": reserved,
                    "committed": committed,
                    "currency": budget.currency(),
                });
                Ok((answer(body), Some(event)))
            }
            _ => Err(Error::Unavailable.into()),
        }
    }
}

fn answer(body: Value) -> Answer {
    Answer { status: 200, etag: None, location: None, allow: None, body }
}

fn show_budget(budget: &Budget) -> Value {
    json!({
        "name": budget.name(),
        "per": budget.per(),
        "amount": budget.amount(),
        "currency": budget.currency(),
        "period": budget.period(),
    })
}

/// An account as the admin API shows it; times are milliseconds since 1970.
fn show_account(budget: &Budget, view: &AccountView) -> Value {
    json!({
        "budget": budget.name(),
        "limit": budget.amount(),
        "currency": budget.currency(),
        "period": budget.period(),
        "resets": view.resets,
        "committed": view.committed,
        "reserved": view.reserved,
        "held": view.held,
        "earlier": view.earlier,
        "remaining": view.remaining,
        "open": view.open,
        "reservations": view.reservations,
    })
}

fn reservation(text: &str, member: &str) -> Result<ReservationId, RegistryError> {
    ReservationId::from_text(text).ok_or_else(|| RegistryError::at(Error::ReservationNotFound, member))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    subject: SubjectBody,
    #[serde(default)]
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReconcileBody {
    subject: SubjectBody,
    reservation: String,
    verdict: VerdictBody,
    /// In minor units.
    #[serde(default)]
    amount: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VerdictBody {
    Commit,
    Release,
}

impl ReconcileBody {
    fn spent(&self) -> Result<Spent, RegistryError> {
        match (self.verdict, self.amount) {
            (VerdictBody::Commit, None) => Ok(Spent::All),
            (VerdictBody::Commit, Some(amount)) => Ok(Spent::Amount(amount)),
            (VerdictBody::Release, None) => Ok(Spent::Nothing),
            (VerdictBody::Release, Some(_)) => {
                Err(RegistryError::at(Error::ReservationAmountInvalid, "amount"))
            }
        }
    }
}

/// Whose account is meant: a member for each of those that the budget is per.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectBody {
    /// As the gate calls it: `agent` and the id of a registered one; a directory's URL; the issuer, `client` and the
    /// `client_id`.
    #[serde(default)]
    agent: Option<String>,
    /// A thumbprint (RFC 7638).
    #[serde(default)]
    key: Option<String>,
    /// A thumbprint of a certificate (`x5t#S256`), for a budget per key.
    #[serde(default)]
    certificate: Option<String>,
    #[serde(default)]
    principal: Option<IssuedBody>,
    #[serde(default)]
    organisation: Option<IssuedBody>,
    /// As it is written in the configuration.
    #[serde(default)]
    route: Option<String>,
}

/// What an issuer calls somebody.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuedBody {
    iss: String,
    id: String,
}

impl SubjectBody {
    /// The subject of a budget's account.
    fn text(&self, budget: &Budget) -> Result<String, RegistryError> {
        let issued =
            |issued: &Option<IssuedBody>| issued.as_ref().map(|body| format!("{} {}", body.iss, body.id));
        let key = match (&self.key, &self.certificate) {
            (Some(key), None) => Some(format!("jkt {key}")),
            (None, Some(certificate)) => Some(format!("x5t#S256 {certificate}")),
            _ => None,
        };
        let named = [
            (Per::Agent, self.agent.clone()),
            (Per::Key, key),
            (Per::Principal, issued(&self.principal)),
            (Per::Organisation, issued(&self.organisation)),
            (Per::Route, self.route.clone()),
        ];
        let invalid = || RegistryError::at(Error::BudgetSubjectInvalid, "subject");
        let is_named = |per: Per| named.iter().any(|(named, part)| *named == per && part.is_some());
        let others = named.iter().any(|(per, part)| part.is_some() && !budget.per().has(*per));
        let has_both_keys = self.key.is_some() && self.certificate.is_some();
        if others || has_both_keys || !budget.per().as_slice().iter().all(|per| is_named(*per)) {
            return Err(invalid());
        }
        let parts: Vec<_> = budget
            .per()
            .as_slice()
            .iter()
            .filter_map(|per| named.iter().find(|(named, _)| named == per).cloned())
            .collect();
        let fits = |part: &Option<String>| part.as_ref().is_some_and(|text| text.len() <= MAX_SUBJECT_BYTES);
        if parts.iter().all(|(_, part)| fits(part)) { Ok(subject_text(&parts)) } else { Err(invalid()) }
    }
}
