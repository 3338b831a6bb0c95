//! What a line has beside its place in the chain: [`Entry`].
//!
//! | Type | Members |
//! |---|---|
//! | `start` | `time`, `v` (the version of this form), `gate` (its first public origin), `version` (of the software) |
//! | `decision` | `time`, `decision`: as in [`Decision`]'s own JSON, without `headers` |
//! | `gap` | `time`, `lost`: how many decisions there was no room for, `since`: when the first of them was made |
//! | `checkpoint` | `jws` |
//!
//! Times are milliseconds since 1970. A decision has no secret, no token, no address and no field of the request; its
//! `headers` stay out because nonces and challenges are for the client alone. Who it is about is in it: an agent's identity,
//! and the `sub` of the token, which may be an account name.

use alloc::format;
use alloc::string::{String, ToString};

use serde_json::{Value, json};

use super::{Hash, MAX_LINE_BYTES, Shard, VERSION, quoted};
use crate::decision::Decision;
use crate::time::UnixMillis;

/// Room for what every line has.
const FRAME_BYTES: usize = 256;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The members after `prev`, in JSON, without braces.
    members: String,
}

impl Entry {
    /// The first line of a shard: which gate writes it.
    #[must_use]
    pub fn start(gate: &str, version: &str, now: UnixMillis) -> Self {
        let (gate, version) = (quoted(gate), quoted(version));
        let members =
            format!(r#""type":"start","time":{},"v":{VERSION},"gate":{gate},"version":{version}"#, now.0);
        Self { members }
    }

    /// A decision. One that is longer than a line may be keeps its id, outcome, status, code and route, and says `cut`.
    #[must_use]
    pub fn decision(decision: &Decision, now: UnixMillis) -> Self {
        let mut value = serde_json::to_value(decision).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            members.remove("headers");
        }
        let mut text = value.to_string();
        if text.len() > MAX_LINE_BYTES - FRAME_BYTES {
            text = cut(&value).to_string();
        }
        Self { members: format!(r#""type":"decision","time":{},"decision":{text}"#, now.0) }
    }

    /// That decisions were not written.
    #[must_use]
    pub fn gap(lost: u64, since: UnixMillis, now: UnixMillis) -> Self {
        Self { members: format!(r#""type":"gap","time":{},"lost":{lost},"since":{}"#, now.0, since.0) }
    }

    /// A signed checkpoint. It has no member that is not signed, so that also the last line of a log cannot be edited.
    #[must_use]
    pub(super) fn checkpoint(jws: &str) -> Self {
        Self { members: format!(r#""type":"checkpoint","jws":{}"#, quoted(jws)) }
    }

    /// About how long its line is, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len() + FRAME_BYTES
    }

    /// Whether it says nothing, which none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The line, at its place.
    #[must_use]
    pub(super) fn line(&self, shard: Shard, seq: u64, prev: Hash) -> String {
        let (shard, prev) = (shard.name(), prev.text());
        format!(r#"{{"shard":"{shard}","seq":{seq},"prev":"{prev}",{}}}"#, self.members)
    }
}

/// What remains of a decision that is too long: what it takes to find the rest elsewhere.
fn cut(decision: &Value) -> Value {
    let member = |name: &str| decision.get(name).cloned().unwrap_or_default();
    json!({
        "id": member("id"),
        "outcome": member("outcome"),
        "status": member("status"),
        "code": member("code"),
        "route": member("route"),
        "cut": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Session;
    use crate::reason::Reason;
    use std::vec;

    fn decision() -> Decision {
        Session::refuse_unviewable(Reason::RequestPathAmbiguous, UnixMillis(7), [0; 10])
    }

    fn value(entry: &Entry) -> Value {
        let line = entry.line(Shard::new([0; 16]), 3, Hash::of("x"));
        assert!(!line.contains('\n') && line.len() <= MAX_LINE_BYTES);
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_line_has_its_place_and_what_happened() {
        let value = value(&Entry::decision(&decision(), UnixMillis(1234)));
        assert_eq!((&value["seq"], &value["time"]), (&json!(3), &json!(1234)));
        assert_eq!(value["decision"]["code"], "request.path_ambiguous");
        let names: vec::Vec<_> = ["shard", "seq", "prev", "type", "time", "decision"].into();
        assert_eq!(value.as_object().unwrap().len(), names.len());
    }

    #[test]
    fn what_is_for_the_client_alone_is_not_logged() {
        let mut decision = decision();
        decision.headers.push(("DPoP-Nonce", "a-nonce-that-is-good".to_string()));
        let line = value(&Entry::decision(&decision, UnixMillis(0))).to_string();
        assert!(!line.contains("nonce") && !line.contains("headers"), "{line}");
    }

    #[test]
    fn a_long_decision_is_cut_to_what_finds_it() {
        let mut decision = decision();
        decision.scope = vec!["x".repeat(MAX_LINE_BYTES)];
        let value = value(&Entry::decision(&decision, UnixMillis(0)));
        assert_eq!((&value["decision"]["cut"], &value["decision"]["status"]), (&json!(true), &json!(400)));
        assert!(value["decision"].get("scope").is_none());
    }

    #[test]
    fn a_break_in_a_name_does_not_end_the_line() {
        let mut decision = decision();
        decision.route = Some("GET /a\n{\"seq\":0}\u{2028}".to_string());
        let value = value(&Entry::decision(&decision, UnixMillis(0)));
        assert_eq!(value["decision"]["route"], json!("GET /a\n{\"seq\":0}\u{2028}"));
    }
}
