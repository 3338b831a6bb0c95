//! What may be spent, by whom and in which time: `[[budgets]]`, and `budget` of a route.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::gate::Faults;
use super::{Config, Per, PerList, ReplayConfig, Requirement, RouteConfig, Span};
use crate::delegation::details::is_currency;
use crate::policy::{Currency, MAX_MINOR_UNITS, Policy, TimeZone};
use crate::request::is_token_byte;
use crate::state::budget::{AccountTerms, Period, Terms, period};
use crate::state::subject::{SubjectKind, SubjectName};
use crate::time::UnixMillis;

/// Most budgets.
const MAX_BUDGETS: usize = 64;
/// Most budgets of one route: each may be a call to an object, one after another.
const MAX_ROUTE_BUDGETS: usize = 8;
/// Longest name in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What may be spent, by each of those that `per` tells apart. Routes name it in `budget`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// What routes and decisions call it: letters, digits, `-`, `_` and `.`. Under another name it is another budget, of
    /// which nothing was spent. Range: 1 to 64 bytes.
    pub name: String,
    /// Whose spending counts together: `agent`, `key`, `principal`, `organisation`, `route`, or a list of them for each
    /// combination. An agent has a new budget with each new key, where it is per `key`.
    pub per: PerList,
    /// The most that may be spent in a period, in minor units of the currency (cents of EUR). Range: 1 to
    /// 9007199254740991.
    pub amount: u64,
    /// The currency: three capital letters (ISO 4217). A request with an amount in another is refused.
    pub currency: String,
    /// In which time it may be spent: `day`, `week` (from Monday), `month`, or `total`, which never begins anew.
    pub period: Period,
    /// By which clock periods begin: `UTC`, an offset (`+02:00`), a name of the tz database (`Europe/Berlin`), or its rule
    /// in the form of POSIX. Default: `UTC`.
    #[serde(default)]
    pub zone: Option<String>,
    /// How long the origin may take, until what is reserved is held as `expired-held` and an administrator may reconcile
    /// it. Longer than any request takes. Range: `10s` to `24h`.
    #[serde(default = "default_reservation")]
    #[cfg_attr(feature = "schema", schemars(default = "default_reservation"))]
    pub reservation: Span,
}

fn default_reservation() -> Span {
    Span::from_secs(15 * 60)
}

/// A budget of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    name: String,
    per: PerList,
    amount: u64,
    currency: String,
    period: Period,
    zone: TimeZone,
    lifetime: Duration,
}

impl Budget {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose spending counts together.
    #[must_use]
    pub fn per(&self) -> &PerList {
        &self.per
    }

    /// The most that may be spent in a period, in minor units.
    #[must_use]
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Its currency.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// The kind of its periods.
    #[must_use]
    pub fn period(&self) -> Period {
        self.period
    }

    /// How long a reservation lives.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The name of its accounts: in another currency they are others.
    #[must_use]
    pub fn account(&self) -> String {
        format!("{}/{}", self.name, self.currency)
    }

    /// What an account of it must know.
    #[must_use]
    pub fn terms(&self, now: UnixMillis) -> AccountTerms {
        let ends = period::ends(self.period, &self.zone, now);
        AccountTerms::new(self.account(), &Terms { amount: self.amount, period: self.period, ends })
    }

    /// The object that has the account of a subject: budgets of the same subjects are in one, so that one call asks all
    /// of them.
    #[must_use]
    pub fn object(subject: &str) -> SubjectName {
        SubjectName::new(SubjectKind::Budget, &[subject])
    }
}

/// What a request to a route is spent from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spending {
    /// The places of the budgets, the innermost first.
    pub(crate) budgets: Vec<usize>,
    /// The field by which the origin recognises a request that comes again, in lower case.
    pub(crate) idempotency_key: Option<String>,
}

impl Faults {
    pub(super) fn budgets(&mut self, config: &Config) -> Vec<Budget> {
        self.count("budgets", config.budgets.len(), 0, MAX_BUDGETS);
        let mut budgets: Vec<Budget> = Vec::new();
        for (i, budget) in config.budgets.iter().enumerate() {
            let path = format!("budgets[{i}]");
            if budgets.iter().any(|other| other.name == budget.name) {
                self.add(format!("{path}.name"), "is there twice; give each budget a name of its own");
            }
            budgets.push(self.budget(&path, budget));
        }
        budgets
    }

    fn budget(&mut self, path: &str, budget: &BudgetConfig) -> Budget {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let name = &budget.name;
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(fits) {
            self.add(format!("{path}.name"), "is no name; write 1 to 64 letters, digits, -, _ or .");
        }
        if budget.per.has(Per::Address) {
            self.add(
                format!("{path}.per"),
                "\"address\" is nobody's purse; write \"agent\", \"key\", \"principal\", \"organisation\" or \"route\"",
            );
        }
        if !(1..=MAX_MINOR_UNITS).contains(&budget.amount) {
            self.add(
                format!("{path}.amount"),
                format!("is {}; write 1 to {MAX_MINOR_UNITS}, in minor units", budget.amount),
            );
        }
        if !is_currency(&budget.currency) {
            self.add(format!("{path}.currency"), "is no currency; write three capital letters (ISO 4217)");
        }
        let zone = budget.zone.as_deref().map(TimeZone::parse);
        if zone == Some(None) {
            self.add(
                format!("{path}.zone"),
                "is no time zone; write UTC, an offset as +02:00, or a name as Europe/Berlin",
            );
        }
        if budget.zone.is_some() && budget.period == Period::Total {
            self.add(format!("{path}.zone"), "says when periods begin, and a total has none; remove it");
        }
        let (least, most) = (Span::from_secs(10), Span::from_secs(86_400));
        let lifetime = self.span(&format!("{path}.reservation"), budget.reservation, least, most);
        Budget {
            name: name.clone(),
            per: budget.per.clone(),
            amount: budget.amount,
            currency: budget.currency.clone(),
            period: budget.period,
            zone: zone.flatten().unwrap_or_default(),
            lifetime,
        }
    }

    /// What a request to a route is spent from. `policy` is that of the route, which says where the amount is.
    pub(super) fn spending(
        &mut self,
        path: &str,
        route: &RouteConfig,
        policy: &Policy,
        config: &Config,
    ) -> Spending {
        let field = format!("{path}.idempotency_key");
        let idempotency_key = route.idempotency_key.as_ref().map(|name| name.to_ascii_lowercase());
        if let Some(name) = &idempotency_key {
            if name.is_empty() || !name.bytes().all(is_token_byte) {
                self.add(&field, "is no name of a header field; write Idempotency-Key");
            }
            if route.budget.is_empty() {
                self.add(&field, "is about budgets, and the route has none; add `budget`, or remove it");
            }
        }
        let field = format!("{path}.budget");
        self.count(&field, route.budget.len(), 0, MAX_ROUTE_BUDGETS);
        if route.budget.is_empty() {
            return Spending::default();
        }
        self.amount_to_spend(&field, policy, config);
        let is_good_once =
            [Requirement::Signature, Requirement::Dpop].iter().any(|r| route.require.contains(r));
        if is_good_once && route.replay != ReplayConfig::Exact {
            self.add(
                format!("{path}.replay"),
                "would let a captured request spend from `budget` again in each isolate; write \"exact\"",
            );
        }
        let mut budgets = Vec::new();
        for (i, name) in route.budget.iter().enumerate() {
            let path = format!("{field}[{i}]");
            let Some(place) = config.budgets.iter().position(|budget| budget.name == *name) else {
                self.add(path, "is not the name of one of [[budgets]]; add it there");
                continue;
            };
            if budgets.contains(&place) {
                self.add(path, "is there twice; an amount is taken from a budget once");
                continue;
            }
            if let Some(budget) = config.budgets.get(place) {
                self.subject_that_spends(&path, route, budget);
                if let Some(Currency::Is(currency)) = policy.amount.as_ref().map(|amount| &amount.currency)
                    && *currency != budget.currency
                {
                    self.add(
                        path,
                        "is in another currency than the `amount` of the route; write one of its own",
                    );
                }
            }
            budgets.push(place);
        }
        Spending { budgets, idempotency_key }
    }

    fn amount_to_spend(&mut self, path: &str, policy: &Policy, config: &Config) {
        if policy.amount.is_some() {
            return;
        }
        let details = policy.details.as_ref();
        let kinds = &config.authorization_details;
        let has_amount = |kind: &str| kinds.iter().any(|known| known.kind == kind && known.amount.is_some());
        if !details.is_some_and(|details| has_amount(&details.kind)) {
            self.add(
                path,
                "takes an amount from each request, and the route has none; add `amount`, or `details` of a type that has one",
            );
        }
    }

    /// Whether requests to the route can have the subject that a budget is of.
    fn subject_that_spends(&mut self, path: &str, route: &RouteConfig, budget: &BudgetConfig) {
        let has_token = route.require.contains(&Requirement::Token);
        for per in budget.per.as_slice() {
            match per {
                Per::Agent | Per::Key if route.require.is_empty() => self.add(
                    path,
                    format!("is per \"{}\", which nobody proves here; add a proof to require", per.as_str()),
                ),
                Per::Principal | Per::Organisation if !has_token => self.add(
                    path,
                    format!("is per \"{}\", which a token says; add \"token\" to require", per.as_str()),
                ),
                _ if route.require.is_empty() => {
                    self.add(path, "would be spent by anybody; add a proof to require");
                }
                _ => {}
            }
        }
    }
}
