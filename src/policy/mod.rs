//! What is permitted: routes, and what each demands.

pub(crate) mod mcp;
mod route;

pub(crate) use route::StepUp;
pub use route::{Ambiguous, Limit, Pattern, Route, RoutePath};
