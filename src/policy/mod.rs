//! What is permitted: routes, and what each demands.

pub(crate) mod mcp;
mod network;
mod route;
mod time_zone;

pub use network::Network;
pub(crate) use route::StepUp;
pub use route::{Ambiguous, Limit, Parameters, Pattern, Route, RoutePath};
pub use time_zone::{LocalTime, TimeZone};
