//! What is permitted: routes, and what each demands.

mod route;

pub use route::{Ambiguous, Limit, Pattern, Route, RoutePath};
