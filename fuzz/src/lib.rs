//! What is tried with arbitrary bytes: one body a parser, each with what must hold of it and what it may allocate.
//!
//! The bodies run under libFuzzer (`fuzz_targets/`) and, the same code, as a property test
//! (`tests/no_input_panics_or_allocates_past_its_bound.rs`). A body that returns is content; what must not be is a
//! panic. How much was allocated is measured by the tests, which have an allocator that counts; a loop without end is
//! what libFuzzer's timeout and a test run that does not end are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use countersign::config::{Config, Gate};
use countersign::crypto::{Algorithm, Verdict};
use countersign::encoding::json;
use countersign::encoding::structured::{Dictionary, Item, List};
use countersign::engine::{Answer, Session, Step};
use countersign::jose::jwk::{Jwk, JwkSet, MAX_SET_BYTES};
use countersign::keys::{DIRECTORY_MEDIA_TYPE, KeyResponse};
use countersign::memory::Memory;
use countersign::request::{Fields, RequestView, Target};
use countersign::response::ResponseView;
use countersign::revocation::status_list::{self, ListRules, MAX_LIST_BYTES, Status, StatusList};
use countersign::revocation::{InquiryResponse, deny_list, introspection};
use countersign::signature::verify::Keys;
use countersign::signature::{
    AcceptSignature, Component, MAX_SIGNATURES, Message, PresentedSignature, present, signature_base,
};
use countersign::time::{UnixMillis, UnixSeconds};

/// Something that is tried with any bytes.
pub struct Body {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// What one input may allocate in all, counted over its whole run: this, …
    pub bytes: usize,
    /// … and this for each byte of the input. Bounds are several times what the densest inputs need, and far below
    /// what a square of the input's length would be.
    pub bytes_per_byte: usize,
}

/// Every body.
pub const BODIES: [Body; 11] = [
    // Parsed as three types, twice each, and serialised. A parameter of two bytes is an entry of some 64.
    Body { name: "structured_fields", run: structured_fields, bytes: 8 << 10, bytes_per_byte: 600 },
    // A constant, as a message's bounds are: each of some 64 components can have one Dictionary of 16 KiB and 128 members
    // parsed again for one member of it, and six bases are made. (A base alone is a sixth of that.)
    Body { name: "signature_input", run: signature_input, bytes: 32 << 20, bytes_per_byte: 1000 },
    Body { name: "base_construction", run: base_construction, bytes: 32 << 20, bytes_per_byte: 1000 },
    Body { name: "accept_signature", run: accept_signature, bytes: 16 << 10, bytes_per_byte: 400 },
    Body { name: "directory", run: directory, bytes: 16 << 10, bytes_per_byte: 500 },
    Body { name: "jwk", run: jwk, bytes: 16 << 10, bytes_per_byte: 500 },
    Body { name: "introspection", run: introspection_answer, bytes: 16 << 10, bytes_per_byte: 500 },
    Body { name: "json", run: json_document, bytes: 8 << 10, bytes_per_byte: 500 },
    // A list may inflate to a megabyte, in a buffer that doubles, whatever the length of its text.
    Body { name: "status_list", run: status_list, bytes: 4 << 20, bytes_per_byte: 500 },
    Body { name: "deny_list", run: deny_list, bytes: 16 << 10, bytes_per_byte: 500 },
    // A whole decision, with a memory of its own.
    Body { name: "gate", run: gate, bytes: 32 << 20, bytes_per_byte: 1000 },
];

/// As a token: what is read is prechecked without panic. As the width of a status and a `lst`: every status that the list
/// has is one of that width.
pub fn status_list(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    if let Ok(decoded) = status_list::parse(text) {
        let rules = ListRules {
            issuer: "https://example.com",
            uri: "https://example.com/statuslists/1",
            algorithms: Algorithm::ALL,
            clock_skew: Duration::ZERO,
        };
        let _ = decoded.precheck(&rules, UnixSeconds(1_700_000_000));
    }
    let Some((bits, lst)) = text.split_at_checked(1) else { return };
    let bits = bits.parse().unwrap_or(1);
    if let Ok(list) = StatusList::inflate(bits, lst) {
        assert!(list.size() <= MAX_LIST_BYTES);
        let entries = list.size() as u64 * 8 / bits.unsigned_abs();
        for idx in [0, entries / 2, entries.saturating_sub(1)].into_iter().filter(|idx| *idx < entries) {
            let status = list.status(idx).expect("it is in range");
            assert!(bits == 8 || !matches!(status, Status::Other(other) if u64::from(other) >> bits != 0));
        }
        assert!(list.status(entries).is_err());
    }
}

/// What is read is written and read again as the same.
pub fn deny_list(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    if let Some(list) = deny_list::parse(text) {
        assert_eq!(deny_list::parse(&list.to_json()), Some(list));
    }
}

fn lossless(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// What is parsed and written is read again as the same, and written alike.
pub fn structured_fields(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    if let Ok(item) = Item::parse(text)
        && let Ok(written) = item.serialize()
    {
        let again = Item::parse(&written).expect("what was written parses");
        assert_eq!(again.serialize().as_ref(), Ok(&written));
    }
    if let Ok(list) = List::parse(text)
        && let Ok(written) = list.serialize()
    {
        let again = List::parse(&written).expect("what was written parses");
        assert_eq!(again.serialize().as_ref(), Ok(&written));
    }
    if let Ok(dictionary) = Dictionary::parse(text)
        && let Ok(written) = dictionary.serialize()
    {
        let again = Dictionary::parse(&written).expect("what was written parses");
        assert_eq!(again.serialize().as_ref(), Ok(&written));
        assert_eq!(again.entries().len(), dictionary.entries().len());
    }
}

/// Fields of lines of `name: value`; what cannot be a field is left out.
fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let _ = fields.push(name, value);
    }
    fields
}

/// Everything that holds of the signatures of a message that were taken for well-formed.
fn check_signatures(message: &Message<'_>) {
    let presented = present(message.fields());
    assert_eq!(presented, present(message.fields()), "two readings agree");
    let Ok(presented) = presented else { return };
    assert!(!presented.is_empty() && presented.len() <= MAX_SIGNATURES);
    let labels: BTreeSet<_> = presented.iter().map(PresentedSignature::label).collect();
    assert_eq!(labels.len(), presented.len(), "labels are unique");
    for signature in &presented {
        let identifiers: BTreeSet<_> = signature.components().iter().map(Component::identifier).collect();
        assert_eq!(identifiers.len(), signature.components().len(), "components are unique");
        let base = signature_base(signature, message);
        assert_eq!(base, signature_base(signature, message), "two constructions agree");
        let Ok(base) = base else { continue };
        assert!(base.is_ascii());
        let last = format!("\"@signature-params\": {}", signature.params_text());
        assert_eq!(base.rsplit('\n').next(), Some(last.as_str()), "the received parameters end the base");
        let lines: Vec<_> = base.split('\n').collect();
        assert_eq!(lines.len(), signature.components().len() + 1, "each component is one line");
        for (line, component) in lines.iter().zip(signature.components()) {
            assert!(line.starts_with(&format!("{}: ", component.identifier())));
        }
    }
}

/// The signatures of a request, of a response without its request, and of one with it.
fn check_messages(method: &str, url: &str, fields: &Fields) {
    let Ok(target) = Target::parse(url) else { return };
    let Ok(view) = RequestView::new(method, target, fields.clone(), true) else { return };
    check_signatures(&Message::request(&view, view.target()).with_trailers(fields));
    let Ok(response) = ResponseView::new(200, fields.clone(), true) else { return };
    check_signatures(&Message::response(&response, None));
    check_signatures(&Message::response(&response, Some((&view, view.target()))));
}

/// First line: `Signature-Input`. Second: `Signature`. Others: fields.
pub fn signature_input(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    let mut lines = text.split('\n');
    let (input, signature) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut fields = fields(lines);
    let pushed = fields.push("signature-input", input).is_ok() && fields.push("signature", signature).is_ok();
    if pushed {
        check_messages("GET", "https://shop.example/orders?id=7&id=8&q=a+b", &fields);
    }
}

/// First line: method and URL. Second: covered components with their parameters. Others: fields.
pub fn base_construction(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    let mut lines = text.split('\n');
    let (method, url) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
    let input = format!("s={}", lines.next().unwrap_or_default());
    let mut fields = fields(lines);
    let pushed =
        fields.push("signature-input", &input).is_ok() && fields.push("signature", "s=:AA==:").is_ok();
    if pushed {
        check_messages(method, url, &fields);
    }
}

/// What is asked for is written and read again as the same.
pub fn accept_signature(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    let read = |value: &str| {
        let mut fields = Fields::new();
        fields.push("accept-signature", value).ok()?;
        AcceptSignature::parse(&fields).ok()
    };
    let Some(requests) = read(text) else { return };
    let labels: BTreeSet<_> = requests.iter().map(AcceptSignature::label).collect();
    assert_eq!(labels.len(), requests.len(), "labels are unique");
    if let Ok(written) = AcceptSignature::write_all(&requests) {
        let again = read(&written).expect("what was written parses");
        assert_eq!(AcceptSignature::write_all(&again), Ok(written));
    }
}

/// The document at an agent's URL.
pub fn directory(data: &[u8]) {
    let set = JwkSet::parse_directory(data);
    assert_eq!(set, JwkSet::parse_directory(data), "two readings agree");
    let Ok(set) = set else { return };
    let found = set.keys().len() + set.skipped().len();
    for kid_must_agree in [false, true] {
        let named = set.clone().named_by_thumbprint(kid_must_agree);
        assert_eq!(named.keys().len() + named.skipped().len(), found, "no key is lost");
        for key in named.keys() {
            assert!(
                key.kid().is_none() && key.is_named(key.thumbprint()),
                "keys are known by thumbprint alone"
            );
        }
    }
}

/// A key that was read is written and read again as the same.
pub fn jwk(data: &[u8]) {
    let _ = Keys::parse(data);
    let Ok(set) = JwkSet::parse_directory(data) else { return };
    for key in set.keys() {
        let written = key.key().to_jwk();
        let again = JwkSet::parse_directory(written.as_bytes()).expect("what was written parses");
        assert_eq!(again.keys().first().map(Jwk::thumbprint), Some(key.thumbprint()));
    }
}

/// What an issuer answers when it is asked about a token.
pub fn introspection_answer(data: &[u8]) {
    let answer = introspection::parse(data);
    assert_eq!(answer, introspection::parse(data), "two readings agree");
    if let Ok(introspection::Answer::Active(members)) = answer {
        let active = members.get("active").and_then(json::Value::as_bool);
        assert_eq!(active, Some(true), "nothing else is active");
    }
}

/// Strict JSON: what is taken is JSON to another parser too, and has the same members.
pub fn json_document(data: &[u8]) {
    let value = json::parse(data, MAX_SET_BYTES);
    assert_eq!(value, json::parse(data, MAX_SET_BYTES), "two readings agree");
    if value.is_err() {
        return;
    }
    match serde_json::from_slice::<serde_json::Value>(data) {
        Ok(peer) => {
            let object = json::parse_object(data, MAX_SET_BYTES).ok();
            assert_eq!(object.map(|object| object.len()), peer.as_object().map(serde_json::Map::len));
        }
        // A number that is good JSON and no `f64` (RFC 8259 §6); nothing here reads such numbers.
        Err(error) => {
            assert!(error.to_string().starts_with("number out of range"), "no JSON to others: {error}");
        }
    }
}

static GATE: LazyLock<Arc<Gate>> = LazyLock::new(|| {
    let config = r#"{
        "origin": "http://127.0.0.1:9000", "public_origins": ["https://shop.example"],
        "signatures": { "trust": ["https://agents.example"], "profiles": ["web-bot-auth", "tap", "tap-deployed"],
            "rules": { "tap": { "keys": ["https://tap.example/keys.json"] },
                "tap-deployed": { "keys": ["https://tap.example/keys.json"] } } },
        "routes": [{ "match": "GET /**", "require": ["signature"] }, { "match": "POST /**", "require": ["signature"] }]
    }"#;
    Arc::new(Gate::new(&Config::from_json(config).unwrap()).unwrap())
});

/// A request (`method url`, then fields), an empty line, and what every key source answers; a whole decision.
pub fn gate(data: &[u8]) {
    let split = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, document) = (&data[..split], data.get(split + 2..).unwrap_or_default());
    let Some(head) = lossless(head) else { return };
    let mut lines = head.split('\n');
    let (method, url) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
    let Ok(target) = Target::parse(url) else { return };
    let Ok(view) = RequestView::new(method, target, fields(lines), false) else { return };

    // The vectors' time, at which their signatures are good.
    let mut now = UnixMillis(1_790_000_000_000);
    let mut memory = Memory::new(7);
    let mut session = Session::new(Arc::clone(&GATE), view, now, [7; 10]);
    let mut verdicts: Vec<bool>;
    let mut step = session.step(&mut memory, now, &Answer::Ready);
    for _ in 0..20 {
        let answer = match step {
            Step::Done(conclusion) => {
                let decision = &conclusion.decision;
                assert_eq!(decision.reason.is_none(), decision.code == "ok");
                return;
            }
            Step::Keys(sources) => {
                for source in sources {
                    let response =
                        KeyResponse::new(200, Some(document)).with("content-type", DIRECTORY_MEDIA_TYPE);
                    let reading = source.read(&response, now.seconds());
                    memory.keys_read(&source, reading, &[], now);
                }
                Answer::Ready
            }
            Step::Checks(checks) => {
                verdicts = checks.iter().map(|check| check.verify() == Verdict::Valid).collect();
                Answer::Verdicts(&verdicts)
            }
            Step::Body => Answer::Body(&[]),
            Step::Limits(asked) => {
                for limit in asked {
                    memory.ask(limit, None, now);
                }
                Answer::Ready
            }
            Step::Denials => {
                memory.denials_failed(now);
                Answer::Ready
            }
            Step::Fetch(inquiries) => {
                for inquiry in inquiries {
                    let response =
                        InquiryResponse::new(200, Some(document)).with("content-type", "application/json");
                    let reading = inquiry.read(&response, now.seconds());
                    memory.inquiry_answered(&inquiry, reading, &[], now);
                }
                Answer::Ready
            }
            Step::Agents => {
                memory.agents_failed(now);
                Answer::Ready
            }
            Step::Wait => {
                now = now.plus(std::time::Duration::from_secs(1));
                Answer::Ready
            }
        };
        step = session.step(&mut memory, now, &answer);
    }
    panic!("the session does not end");
}

/// The body of a name.
#[must_use]
pub fn body(name: &str) -> &'static Body {
    BODIES.iter().find(|body| body.name == name).expect("a body has this name")
}
