//! State as values: each transition is a function of the old state, what happened and the time, to the new
//! state and an outcome. A host keeps the states; [`crate::memory::Memory`] keeps those of one isolate.

pub mod bounded;
pub mod budget;
pub mod rate;
pub mod replay;
pub mod risk;
pub mod subject;
