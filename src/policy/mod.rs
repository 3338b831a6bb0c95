//! What is permitted: routes, and what each demands.
//!
//! [`Route`] says which requests it matches. [`evaluate`] says what its policy (roles, `authorization_details`, amounts,
//! rules) makes of one, as a function of [`Facts`]; [`explain`] says why.

mod amount;
mod conditions;
mod facts;
pub(crate) mod mcp;
mod network;
mod rehearsal;
mod route;
mod rules;
mod time_zone;
mod window;

pub(crate) use amount::is_json;
pub use amount::{AmountPlace, MAX_MINOR_UNITS};
pub(crate) use amount::{Currency, Place};
pub use conditions::{ClaimTest, Condition, Literal, ParameterTest, Truth};
pub use facts::{Content, Facts};
pub use network::Network;
pub use rehearsal::{Rehearsal, Supposed, rehearse};
pub(crate) use route::normalise_path;
pub use route::{Ambiguous, Limit, Parameters, Pattern, Route, RoutePath};
pub(crate) use route::{RouteRisk, StepUp};
pub(crate) use rules::amount as amount_of;
pub use rules::{
    About, Considered, DetailsDemand, Finding, Policy, Rule, Then, Verdict, evaluate, explain, scope,
};
pub(crate) use time_zone::next_month;
pub use time_zone::{LocalTime, TimeZone};
pub use window::TimeWindow;
