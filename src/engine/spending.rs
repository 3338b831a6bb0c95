//! What a request spends: its amount, reserved of each budget of the route, one object after another, the innermost
//! first. The last thing that is recorded.
//!
//! Budgets of one subject are in one object, and are asked for in one call, all or none. Where a later object refuses,
//! what the earlier ones hold is released after the response ([`Reservations::release`]); so it is where an object does
//! not answer, which may have reserved all the same. A release that never arrives leaves the money held: what fails here
//! can make a budget look smaller, never larger.
//!
//! A reservation has the decision's identifier, so that each request is charged. Where the route says that the origin
//! recognises requests by a field of the client's (`idempotency_key`), it has that value, together with the route, the
//! agent and the principal; and method, target, content and amount must be the same each time. So neither another agent
//! nor another purchase passes for one that is paid for. Where the content was not read, as on a route that only
//! watches, nobody can tell whether it is the same, and the request is charged.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::record::{Checked, Recording};
use super::{Session, Step, ceil_secs, evidence};
use crate::config::Budget;
use crate::crypto::sha256_base64url;
use crate::decision::{BudgetGuarantee, BudgetView, CheckResult};
use crate::delegation::details::Money;
use crate::policy::amount_of;
use crate::reason::Reason;
use crate::state::budget::settlement::Line;
use crate::state::budget::{AttemptId, Fingerprint, Refusal, ReservationId, Reservations, Reserve, Reserved};
use crate::state::subject::{Call, Op, OpReply, Reply, RequestId, SubjectCall, SubjectName};
use crate::time::UnixMillis;

/// Longest value of an idempotency key in bytes.
const MAX_KEY_BYTES: usize = 255;
/// When to come back where an account has too many reservations: a minute, in which most requests have ended.
const RETRY_AFTER_SECS: &str = "60";

/// What is to be reserved, and of whom.
#[derive(Debug)]
pub(super) struct Spending {
    request: ReservationId,
    attempt: AttemptId,
    fingerprint: Fingerprint,
    keyed: bool,
    amount: Money,
    /// The objects that are not asked yet, the next one last, each with the places of its budgets.
    objects: Vec<(SubjectName, Vec<usize>)>,
    /// The one that was asked.
    asked: Option<(SubjectName, Vec<usize>)>,
}

impl Session {
    /// What the request spends; `None` where the route has no budgets.
    fn plan_spending(&mut self, now: UnixMillis) -> Result<Option<Spending>, Reason> {
        let places = self.route().map(|route| route.spending.budgets.clone()).unwrap_or_default();
        if places.is_empty() {
            return Ok(None);
        }
        if self.leaves_amount_unread() {
            let mut skipped = evidence("budget", None, None);
            skipped.result = CheckResult::Skipped;
            self.evidence.push(skipped);
            self.guarantees.budget = Some(BudgetGuarantee::None);
            return Ok(None);
        }
        let amount = self.with_facts(now, amount_of).flatten();
        let amount = amount.ok_or(Reason::BudgetAmountMissing)?;
        let mut objects: Vec<(SubjectName, Vec<usize>)> = Vec::new();
        for place in places {
            let budget = self.gate.budgets().get(place).ok_or(Reason::GateMisused)?;
            if budget.currency() != amount.currency {
                return Err(Reason::BudgetCurrencyMismatch);
            }
            let subject = self.subject_of(budget.per().as_slice()).ok_or(Reason::BudgetSubjectMissing)?;
            let object = Budget::object(&subject);
            match objects.iter_mut().find(|(other, _)| *other == object) {
                Some((_, places)) => places.push(place),
                None => objects.push((object, Vec::from([place]))),
            }
        }
        objects.reverse();
        let attempt = AttemptId::of_decision(&self.id).ok_or(Reason::GateMisused)?;
        let (request, fingerprint, keyed) = match self.idempotency_key()? {
            Some(key) => (self.keyed_request(&key), self.fingerprint(&amount), true),
            None => (
                ReservationId::new(&["decision", &self.id]),
                Fingerprint::new(&["decision", &self.id]),
                false,
            ),
        };
        let call = RequestId::new(&self.id);
        self.reservations = Some(Reservations { call, attempt, request, lines: Vec::new() });
        self.guarantees.budget = Some(BudgetGuarantee::Exact);
        Ok(Some(Spending { request, attempt, fingerprint, keyed, amount, objects, asked: None }))
    }

    /// Asks the first object; `None` where there is nothing to spend.
    pub(super) fn begin_spending(&mut self, now: UnixMillis) -> Result<Option<(Recording, Step)>, Reason> {
        let Some(spending) = self.plan_spending(now)? else { return Ok(None) };
        self.go_on_spending(spending, now, &[])
    }

    /// Takes the answer of the object that was asked, and asks the next one; `None` where all is reserved.
    pub(super) fn go_on_spending(
        &mut self,
        spending: Spending,
        now: UnixMillis,
        replies: &[Option<Reply>],
    ) -> Result<Option<(Recording, Step)>, Reason> {
        let asked = self.spend(spending, now, replies)?;
        Ok(asked.map(|(spending, step)| (Recording::Spending(Box::new(spending)), step)))
    }

    /// What is reserved and to be settled later. Where the request is refused, all of it is released.
    pub(super) fn conclude_spending(&mut self, is_refused: bool) -> Option<Reservations> {
        let reservations = self.reservations.take().filter(|reservations| !reservations.lines.is_empty())?;
        if is_refused {
            self.after.extend(reservations.release());
            return None;
        }
        Some(reservations)
    }

    fn spend(
        &mut self,
        mut spending: Spending,
        now: UnixMillis,
        replies: &[Option<Reply>],
    ) -> Result<Option<(Spending, Step)>, Reason> {
        if let Some((object, places)) = spending.asked.take() {
            let reply = replies.first().and_then(Option::as_ref);
            self.judge_reserved(&spending, &object, &places, reply, now)?;
        }
        let Some((object, places)) = spending.objects.pop() else { return Ok(None) };
        let budgets = places.iter().filter_map(|place| self.gate.budgets().get(*place));
        let ops = budgets.map(|budget| Op::Reserve(spending.reserve(budget, now))).collect();
        let call = SubjectCall { subject: object, call: Call::new(RequestId::new(&self.id), ops) };
        spending.asked = Some((object, places));
        Ok(Some((spending, Step::State(Vec::from([call])))))
    }

    fn judge_reserved(
        &mut self,
        spending: &Spending,
        object: &SubjectName,
        places: &[usize],
        reply: Option<&Reply>,
        now: UnixMillis,
    ) -> Result<(), Reason> {
        let answers = reply.map(|reply| reply.answers.iter().map(reserved).collect::<Option<Vec<_>>>());
        let gate = alloc::sync::Arc::clone(&self.gate);
        let budgets = places.iter().filter_map(|place| gate.budgets().get(*place));
        let Some(answers) = answers.flatten() else {
            // It may have reserved, and its answer was lost.
            for budget in budgets {
                self.holds(Line::new(object, budget.account(), false));
            }
            self.guarantees.budget = Some(BudgetGuarantee::None);
            return self.unavailable(Checked::Budget);
        };
        let mut refused = Refused::default();
        let is_reserved = !answers.iter().any(|answer| matches!(answer, Reserved::Refused(_)));
        for (budget, answer) in budgets.zip(answers) {
            let name = budget.name().to_string();
            match answer {
                Reserved::Refused(refusal) => {
                    let reason = refused.take(refusal, now);
                    self.evidence.push(evidence("budget", Some(reason), Some(name)));
                }
                Reserved::Accepted { remaining } | Reserved::Joined { remaining } if is_reserved => {
                    let joined = matches!(answer, Reserved::Joined { .. });
                    self.holds(Line::new(object, budget.account(), joined));
                    self.evidence.push(evidence("budget", None, Some(name.clone())));
                    self.budgets.push(BudgetView {
                        name,
                        reserved: spending.amount.minor_units,
                        remaining,
                        currency: spending.amount.currency.clone(),
                    });
                }
                Reserved::Accepted { .. } | Reserved::Joined { .. } => {}
            }
        }
        self.fields.extend(refused.retry_after.map(|after| ("Retry-After", after)));
        refused.reason.map_or(Ok(()), Err)
    }

    fn holds(&mut self, line: Line) {
        if let Some(reservations) = &mut self.reservations {
            reservations.lines.push(line);
        }
    }

    /// The client's own identifier of the request, where the route asks for one and the content is known.
    fn idempotency_key(&self) -> Result<Option<String>, Reason> {
        let Some(name) = self.route().and_then(|route| route.spending.idempotency_key.as_deref()) else {
            return Ok(None);
        };
        let mut lines = self.view.fields().lines(name);
        let Some(key) = lines.next() else { return Ok(None) };
        let fits =
            (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b));
        if !fits || lines.next().is_some() {
            return Err(Reason::BudgetRequestIdInvalid);
        }
        let is_known = self.content.is_some() || !self.view.has_body();
        Ok(is_known.then(|| String::from(key)))
    }

    /// The identifier of a request that its client has given one to: of this agent for this principal on this route.
    fn keyed_request(&self, key: &str) -> ReservationId {
        let principal = self.verified.principal();
        let iss = principal.as_ref().map(|principal| principal.iss.as_str());
        let sub = principal.as_ref().and_then(|principal| principal.sub.as_deref());
        ReservationId::new(&[
            "key",
            self.route().map(|route| route.pattern.as_str()).unwrap_or_default(),
            self.verified.subject().unwrap_or_default(),
            iss.unwrap_or_default(),
            sub.unwrap_or_default(),
            key,
        ])
    }

    /// What must be the same where the request comes again.
    fn fingerprint(&self, amount: &Money) -> Fingerprint {
        let target = self.view.target();
        Fingerprint::new(&[
            self.view.method(),
            target.path(),
            target.query().unwrap_or_default(),
            if target.query().is_some() { "?" } else { "" },
            &sha256_base64url(self.content.as_deref().unwrap_or_default()),
            &amount.minor_units.to_string(),
            &amount.currency,
        ])
    }
}

impl Spending {
    fn reserve(&self, budget: &Budget, now: UnixMillis) -> Reserve {
        Reserve {
            of: budget.terms(now),
            request: self.request,
            attempt: self.attempt,
            fingerprint: self.fingerprint,
            amount: self.amount.minor_units,
            lifetime: u64::try_from(budget.lifetime().as_millis()).unwrap_or(u64::MAX),
            keyed: self.keyed,
        }
    }
}

/// What an object says to one reservation; `None` where that is no answer to rely on.
fn reserved(answer: &OpReply) -> Option<Reserved> {
    match answer {
        OpReply::Reserve(Reserved::Refused(Refusal::Corrupt | Refusal::Late)) => None,
        OpReply::Reserve(reserved) => Some(*reserved),
        _ => None,
    }
}

/// Why an object refuses: the first reason that speaks of more than time, and when to come back where there is none.
#[derive(Default)]
struct Refused {
    reason: Option<Reason>,
    retry_after: Option<String>,
    waits_for: Option<UnixMillis>,
}

impl Refused {
    fn take(&mut self, refusal: Refusal, now: UnixMillis) -> Reason {
        let reason = match refusal {
            Refusal::Exceeded { .. } => Reason::BudgetExceeded,
            Refusal::Exhausted => Reason::BudgetExhausted,
            Refusal::Conflict => Reason::BudgetRequestConflict,
            Refusal::TooMany => Reason::BudgetTooManyReservations,
            Refusal::Late | Refusal::Corrupt => Reason::BudgetUnavailable,
        };
        // Who waits for a new day must not find that no day will do.
        if self.reason.is_none_or(|reason| reason == Reason::BudgetExceeded) {
            self.reason = Some(reason);
        }
        if let Refusal::Exceeded { resets } = refusal {
            self.waits_for = self.waits_for.max(Some(resets));
        }
        self.retry_after = match self.reason {
            Some(Reason::BudgetExceeded) => {
                self.waits_for.map(|resets| ceil_secs(resets.since(now)).max(1).to_string())
            }
            Some(Reason::BudgetTooManyReservations) => Some(RETRY_AFTER_SECS.to_string()),
            _ => None,
        };
        reason
    }
}
