//! Countersign for JavaScript: the core's sessions, driven by a host that is written in JavaScript.
//!
//! Translation only. The npm package in `js/` fetches, waits and runs what native code is faster at; it gets each
//! step as plain values and answers with the next call.
//!
//! | File | What crosses there |
//! |---|---|
//! | `client` | the connection that a request came on |
//! | `gate` | a configuration, and what is wrong with it |
//! | `memory` | key sets that the host fetched |
//! | `session` | the facts of a request, and the host's answers |
//! | `signature` | one message and the keys for it, or what to sign on it |
//! | `step` | what a session needs next, and the decision |
//! | `subjects` | state by subject, in the memory of the process |
//! | `token` | one token and the keys for it, or one DPoP proof and its request |

mod client;
mod gate;
mod memory;
mod session;
mod signature;
mod step;
mod subjects;
mod token;

use countersign::keys::MAX_KEY_DOCUMENT_BYTES;
use countersign::state::budget::{OriginAnswer, Reservations};
use countersign::time::{UnixMillis, UnixSeconds};
use wasm_bindgen::prelude::*;

/// Most bytes of a key set that the host reads.
#[wasm_bindgen(js_name = maxKeyDocumentBytes)]
#[must_use]
pub fn max_key_document_bytes() -> usize {
    MAX_KEY_DOCUMENT_BYTES
}

/// Whether an address, IPv6 without brackets, is one of the internet.
#[wasm_bindgen(js_name = isPublicAddress)]
#[must_use]
pub fn is_public_address(address: &str) -> bool {
    countersign::net::is_public(address)
}

/// What to tell subjects about reservations, once the origin has answered: with its status and its field
/// `Countersign-Budget`, or with nothing where the request was sent and no answer came. Empty where these are no
/// reservations.
#[wasm_bindgen]
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "so do bindings take texts that may be missing")]
pub fn settlement(
    reservations: &str,
    sent: bool,
    status: Option<u16>,
    field: Option<String>,
) -> Vec<step::StateCall> {
    let answer = match status {
        _ if !sent => OriginAnswer::NotSent,
        Some(status) => OriginAnswer::Response { status, field: field.as_deref() },
        None => OriginAnswer::Lost,
    };
    let calls = Reservations::from_json(reservations).map(|reservations| reservations.settle(&answer));
    calls.unwrap_or_default().iter().map(step::call_to_js).collect()
}

/// Whole seconds, which the host has checked.
fn unix_seconds(seconds: f64) -> UnixSeconds {
    #[expect(clippy::cast_possible_truncation, reason = "saturates; what is no number becomes 1970")]
    UnixSeconds(seconds as i64)
}

/// `Date.now()`, or what the host takes for it.
fn unix_millis(now: f64) -> UnixMillis {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; what is no number becomes 1970, when no proof is valid yet"
    )]
    UnixMillis(now as u64)
}
