//! The transitions: what an object does to its rows when it is asked to reserve, to settle, to reconcile, to show.
//!
//! Three kinds of rows: one for each account, one for each reservation that is not settled (these never end by time),
//! and one for each that was, which ends when nobody can ask for it any more. What cannot be read is never taken for
//! nothing: the answer is then that it cannot.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::message::{
    AccountView, Held, HeldState, Reconcile, Reconciled, ReservationId, Reserve, Reserved, Settle, Settled,
    Show, Spent, Verdict,
};
use super::reservation::{Ended, Reservation};
use super::{
    Account, Corrupt, ENDED_KEPT, Fingerprint, KEYED_KEPT, MAX_ENDED, MAX_OPEN, NEVER, Refusal, Terms,
};
use crate::policy::MAX_MINOR_UNITS;
use crate::state::subject::{Draft, Kind, Rows};
use crate::time::UnixMillis;

/// Longest name of an account in bytes: a budget's of 64, a slash, a currency.
const MAX_ACCOUNT_BYTES: usize = 68;
/// Longest life of a reservation in milliseconds: 30 d. Longer ones are no messages of a gate's.
const MAX_LIFETIME: u64 = 30 * 24 * 60 * 60 * 1000;
/// Most reservations that one answer lists.
pub(super) const MAX_LISTED: usize = 100;

/// What went wrong: with the rows, or with what they say.
enum Fault<E> {
    Rows(E),
    Corrupt,
}

impl<E> From<Corrupt> for Fault<E> {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// What a transition answers, where what is stored could be read.
fn or_corrupt<T, E>(answer: Result<T, Fault<E>>, corrupt: T) -> Result<T, E> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(Fault::Corrupt) => Ok(corrupt),
        Err(Fault::Rows(error)) => Err(error),
    }
}

impl Reserve {
    pub(in crate::state) fn judge<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Reserved, R::Error> {
        or_corrupt(self.reserve(draft), Reserved::Refused(Refusal::Corrupt))
    }

    fn reserve<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Reserved, Fault<R::Error>> {
        let terms = self.of.terms();
        let names = Names::of(&self.of.account, self.request)?;
        if self.amount > MAX_MINOR_UNITS || terms.amount > MAX_MINOR_UNITS || self.lifetime > MAX_LIFETIME {
            return Err(Fault::Corrupt);
        }
        let now = draft.now();
        let account = names.account(draft)?.map_or_else(|| Account::new(&terms), |a| a.at(&terms, now));
        let remaining = account.remaining(&terms);
        if let Some(there) = names.reservation(draft)? {
            if there.fingerprint != self.fingerprint || there.amount != self.amount {
                return Ok(Reserved::Refused(Refusal::Conflict));
            }
            if there.attempt == self.attempt {
                let is_late = there.has_left;
                return Ok(if is_late {
                    Reserved::Refused(Refusal::Late)
                } else {
                    Reserved::Accepted { remaining }
                });
            }
            names.put_reservation(draft, &there.join(self.attempt));
            return Ok(Reserved::Joined { remaining });
        }
        match names.ended(draft)? {
            Some(Ended { spent: None, attempt, .. }) if attempt == self.attempt => {
                return Ok(Reserved::Refused(Refusal::Late));
            }
            Some(Ended { spent: Some(_), fingerprint, .. }) if fingerprint != self.fingerprint => {
                return Ok(Reserved::Refused(Refusal::Conflict));
            }
            Some(Ended { spent: Some(_), .. }) => return Ok(Reserved::Joined { remaining }),
            // What the origin did not do may be asked for anew.
            Some(Ended { spent: None, .. }) | None => {}
        }
        // Each reservation leaves a row behind, and none that is still asked for is forgotten.
        let room = MAX_ENDED.saturating_sub(usize::try_from(account.open()).unwrap_or(MAX_ENDED));
        if !draft.has_room(Kind::BudgetEnded, room).map_err(Fault::Rows)? {
            return Ok(Reserved::Refused(Refusal::TooMany));
        }
        let account = match account.reserve(self.amount, &terms) {
            Ok(account) => account,
            Err(refusal) => return Ok(Reserved::Refused(refusal)),
        };
        names.put_account(draft, &account);
        names.put_reservation(
            draft,
            &Reservation {
                attempt: self.attempt,
                fingerprint: self.fingerprint,
                amount: self.amount,
                number: account.number(),
                made: now,
                expires: now.plus(Duration::from_millis(self.lifetime)),
                is_unknown: false,
                joined: Reservation::ALONE,
                is_crowded: false,
                has_left: false,
                is_keyed: self.keyed,
            },
        );
        Ok(Reserved::Accepted { remaining: account.remaining(&terms) })
    }
}

impl Settle {
    pub(in crate::state) fn judge<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Settled, R::Error> {
        or_corrupt(self.settle(draft), Settled::Corrupt)
    }

    fn settle<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Settled, Fault<R::Error>> {
        let names = Names::of(&self.account, self.request)?;
        let Some(there) = names.reservation(draft)? else {
            return self.settle_ended(&names, draft);
        };
        let left = there.leave(self.attempt);
        match self.verdict {
            Verdict::Commit(spent) => {
                let spent = spent.unwrap_or(there.amount).min(there.amount);
                names.end(draft, &there, Some(spent))?;
                Ok(Settled::Committed(spent))
            }
            // Another attempt may have reached the origin, or this attempt said before that nobody knows.
            Verdict::Release if left.is_some_and(|left| left.is_left_by_all()) => {
                names.end(draft, &there, None)?;
                Ok(Settled::Released)
            }
            Verdict::Release => {
                if let Some(left) = left {
                    names.put_reservation(draft, &left);
                }
                Ok(Settled::Held)
            }
            Verdict::Hold if left.is_some() || there.is_crowded => {
                names.put_reservation(draft, &Reservation { is_unknown: true, ..there });
                Ok(Settled::Held)
            }
            // The attempt that has it reserved now says what becomes of it.
            Verdict::Hold => Ok(Settled::Held),
        }
    }

    /// Where nothing is reserved. A release may have overtaken what it releases, which then must not be reserved any more.
    fn settle_ended<R: Rows>(
        &self,
        names: &Names,
        draft: &mut Draft<'_, R>,
    ) -> Result<Settled, Fault<R::Error>> {
        match (names.ended(draft)?, self.verdict) {
            (Some(Ended { spent: Some(spent), .. }), _) => Ok(Settled::Committed(spent)),
            (Some(Ended { spent: None, attempt, .. }), _) if attempt == self.attempt => Ok(Settled::Released),
            (_, Verdict::Release) => {
                // Without room, what comes late is reserved and stays held, as where the release is lost.
                if draft.has_room(Kind::BudgetEnded, MAX_ENDED).map_err(Fault::Rows)? {
                    let ended =
                        Ended { attempt: self.attempt, fingerprint: Fingerprint([0; 16]), spent: None };
                    names.put_ended(draft, &ended, ENDED_KEPT);
                }
                Ok(Settled::Released)
            }
            (_, Verdict::Commit(_) | Verdict::Hold) => Ok(Settled::Unknown),
        }
    }
}

impl Reconcile {
    pub(in crate::state) fn judge<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Reconciled, R::Error> {
        or_corrupt(self.reconcile(draft), Reconciled::Corrupt)
    }

    fn reconcile<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Reconciled, Fault<R::Error>> {
        let names = Names::of(&self.account, self.request)?;
        let Some(there) = names.reservation(draft)? else { return Ok(Reconciled::NotFound) };
        if state(&there, draft.now()) == HeldState::Reserved {
            return Ok(Reconciled::UnderWay);
        }
        let spent = match self.spent {
            Spent::Amount(amount) if amount > there.amount => return Ok(Reconciled::AboveReserved),
            Spent::Amount(amount) => Some(amount),
            Spent::All => Some(there.amount),
            Spent::Nothing => None,
        };
        names.end(draft, &there, spent)?;
        Ok(Reconciled::Done { reserved: there.amount, committed: spent.unwrap_or_default() })
    }
}

impl Show {
    /// How the account stands; `None` where that cannot be read.
    pub(in crate::state) fn judge<R: Rows>(
        &self,
        draft: &mut Draft<'_, R>,
    ) -> Result<Option<AccountView>, R::Error> {
        or_corrupt(self.show(draft).map(Some), None)
    }

    fn show<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<AccountView, Fault<R::Error>> {
        let terms: Terms = self.of.terms();
        let names = Names::of(&self.of.account, ReservationId([0; 16]))?;
        let now = draft.now();
        let account = names.account(draft)?.map_or_else(|| Account::new(&terms), |a| a.at(&terms, now));
        let prefix = names.prefix();
        let at_most = usize::try_from(MAX_OPEN).unwrap_or(usize::MAX);
        let rows = draft.list_after(Kind::BudgetReservation, &prefix, at_most).map_err(Fault::Rows)?;
        let mut view = AccountView {
            committed: account.committed(),
            reserved: 0,
            held: 0,
            earlier: 0,
            remaining: account.remaining(&terms),
            resets: account.resets(),
            open: account.open(),
            reservations: Vec::new(),
        };
        let ours = rows.iter().map_while(|(name, value)| Some((name.strip_prefix(&*prefix)?, value)));
        for (name, value) in ours {
            let reservation = Reservation::decode(value)?;
            let state = state(&reservation, now);
            let sum = match state {
                _ if reservation.number != account.number() => &mut view.earlier,
                HeldState::Reserved => &mut view.reserved,
                HeldState::Held | HeldState::ExpiredHeld => &mut view.held,
            };
            *sum = sum.saturating_add(reservation.amount);
            let id = ReservationId(name.try_into().map_err(|_| Corrupt)?);
            if view.reservations.len() < MAX_LISTED && self.after.is_none_or(|after| id > after) {
                view.reservations.push(Held {
                    reservation: id,
                    decision: reservation.attempt.decision(),
                    amount: reservation.amount,
                    state,
                    made: reservation.made,
                    expires: reservation.expires,
                });
            }
        }
        Ok(view)
    }
}

fn state(reservation: &Reservation, now: UnixMillis) -> HeldState {
    if reservation.is_unknown {
        HeldState::Held
    } else if reservation.expires <= now {
        HeldState::ExpiredHeld
    } else {
        HeldState::Reserved
    }
}

/// The names of the rows that an operation is about.
struct Names {
    account: String,
    request: ReservationId,
}

impl Names {
    fn of(account: &str, request: ReservationId) -> Result<Self, Corrupt> {
        let fits = (1..=MAX_ACCOUNT_BYTES).contains(&account.len()) && !account.contains('\0');
        if fits { Ok(Self { account: account.into(), request }) } else { Err(Corrupt) }
    }

    /// What the names of this account's reservations begin with.
    fn prefix(&self) -> Vec<u8> {
        [self.account.as_bytes(), &[0]].concat()
    }

    fn of_request(&self) -> Vec<u8> {
        [self.account.as_bytes(), &[0], &self.request.0].concat()
    }

    fn account<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Option<Account>, Fault<R::Error>> {
        let value = draft.get(Kind::BudgetAccount, self.account.as_bytes()).map_err(Fault::Rows)?;
        Ok(value.map(|value| Account::decode(&value)).transpose()?)
    }

    fn put_account<R: Rows>(&self, draft: &mut Draft<'_, R>, account: &Account) {
        draft.put(
            Kind::BudgetAccount,
            self.account.as_bytes(),
            account.encode().to_vec(),
            account.kept_until(),
        );
    }

    fn reservation<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Option<Reservation>, Fault<R::Error>> {
        let value = draft.get(Kind::BudgetReservation, &self.of_request()).map_err(Fault::Rows)?;
        Ok(value.map(|value| Reservation::decode(&value)).transpose()?)
    }

    fn put_reservation<R: Rows>(&self, draft: &mut Draft<'_, R>, reservation: &Reservation) {
        draft.put(Kind::BudgetReservation, &self.of_request(), reservation.encode().to_vec(), NEVER);
    }

    fn ended<R: Rows>(&self, draft: &mut Draft<'_, R>) -> Result<Option<Ended>, Fault<R::Error>> {
        let value = draft.get(Kind::BudgetEnded, &self.of_request()).map_err(Fault::Rows)?;
        Ok(value.map(|value| Ended::decode(&value)).transpose()?)
    }

    fn put_ended<R: Rows>(&self, draft: &mut Draft<'_, R>, ended: &Ended, kept: Duration) {
        let until = draft.now().plus(kept);
        draft.put(Kind::BudgetEnded, &self.of_request(), ended.encode().to_vec(), until);
    }

    /// Ends a reservation: so much was spent, or nothing was.
    fn end<R: Rows>(
        &self,
        draft: &mut Draft<'_, R>,
        there: &Reservation,
        spent: Option<u64>,
    ) -> Result<(), Fault<R::Error>> {
        let account = self.account(draft)?.ok_or(Corrupt)?;
        let account = account.settle(there.number, there.amount, spent.unwrap_or_default()).ok_or(Corrupt)?;
        self.put_account(draft, &account);
        draft.remove(Kind::BudgetReservation, &self.of_request());
        let ended = Ended { attempt: there.attempt, fingerprint: there.fingerprint, spent };
        self.put_ended(draft, &ended, if there.is_keyed { KEYED_KEPT } else { ENDED_KEPT });
        Ok(())
    }
}
