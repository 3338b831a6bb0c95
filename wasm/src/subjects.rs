//! State by subject in the memory of this process.

use countersign::state::subject::{Call, MemorySubjects, Reply, SubjectName};
use wasm_bindgen::prelude::*;

use crate::unix_millis;

/// Most rows of all subjects together: 250,000, of some 50 MB.
const MAX_ROWS: usize = 250_000;

/// The subjects of this process. What they promise holds for it alone.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Subjects(MemorySubjects);

#[wasm_bindgen]
impl Subjects {
    /// None yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self(MemorySubjects::new(MAX_ROWS))
    }

    /// What a subject says to a call, in JSON; an empty text where that is no call, or there is no room.
    pub fn answer(&mut self, subject: &str, call: &str, now: f64) -> String {
        let (Some(subject), Some(call)) = (SubjectName::parse(subject), Call::from_json(call)) else {
            return String::new();
        };
        let reply = self.0.answer(subject, &call, unix_millis(now));
        reply.as_ref().map(Reply::to_json).unwrap_or_default()
    }
}
