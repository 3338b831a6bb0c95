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

use countersign::audit::verify::{Outcome, Position, Verifier};
use countersign::config::{Config, Gate};
use countersign::crypto::{Algorithm, Verdict};
use countersign::delegation::{ClaimNames, ClaimPaths};
use countersign::dpop::{self, Proof, ProofRules};
use countersign::encoding::structured::{Dictionary, Item, List};
use countersign::encoding::{base64url, json};
use countersign::engine::{Answer, Session, Step};
use countersign::jose::jwk::{Jwk, JwkSet, MAX_CANDIDATES, MAX_SET_BYTES};
use countersign::jose::jws::{Jws, MAX_JWS_BYTES};
use countersign::jose::jwt::{DecodedToken, Profile, Rules};
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
pub const BODIES: [Body; 16] = [
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
    // Parsed twice, and its header by another parser too.
    Body { name: "jws", run: jws, bytes: 16 << 10, bytes_per_byte: 500 },
    // Decoded twice, named twice, judged by two profiles. Each naming keeps a copy of every claim.
    Body { name: "claims", run: claims, bytes: 32 << 10, bytes_per_byte: 2000 },
    Body { name: "dpop", run: dpop, bytes: 32 << 10, bytes_per_byte: 1000 },
    Body { name: "jwk_set", run: jwk_set, bytes: 16 << 10, bytes_per_byte: 1000 },
    // Each line break is a line, and a line that is none a fault.
    Body { name: "audit_log", run: audit_log, bytes: 16 << 10, bytes_per_byte: 1000 },
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

/// Every line is counted, and nothing is proven without a key: what was read is unproven or has faults.
pub fn audit_log(data: &[u8]) {
    let keys = JwkSet::parse(br#"{"keys":[]}"#).expect("an empty set");
    let mut verifier = Verifier::new(&keys);
    let mut lines = 0;
    for line in data.split(|byte| *byte == b'\n') {
        lines += 1;
        verifier.line(line, Position { file: 0, line: lines });
    }
    let report = verifier.finish();
    assert_eq!(report.lines, lines);
    assert_ne!(report.outcome, Outcome::Proven);
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

/// A token of any kind. What is taken has one spelling, which is the text; and its header says the same to another
/// parser.
pub fn jws(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    let jws = Jws::parse(text);
    assert_eq!(jws, Jws::parse(text), "two readings agree");
    let Ok(jws) = jws else { return };
    assert!(text.len() <= MAX_JWS_BYTES);
    let header = text.split('.').next().unwrap_or_default();
    let header = base64url::decode(header).expect("the header was decoded");
    let parts = [header.as_slice(), jws.payload(), jws.signature()].map(base64url::encode);
    assert_eq!(parts.join("."), text, "there is no other spelling");
    assert_eq!(text.strip_prefix(jws.signing_input()), Some(format!(".{}", parts[2]).as_str()));
    assert!(!jws.header().contains("crit") && !jws.header().contains("b64"));
    // A number that is no `f64` is good JSON, and nothing that is read here.
    if let Ok(peer) = serde_json::from_slice::<serde_json::Value>(&header) {
        let peer = |name: &str| peer.get(name).and_then(serde_json::Value::as_str);
        assert_eq!(
            (peer("alg"), peer("typ"), peer("kid")),
            (Some(jws.algorithm_name()), jws.typ(), jws.kid())
        );
    }
}

/// A text between the parts of a JWS and its signature, for what is signed to be reached by who cannot sign.
fn token_of(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()), "AA")
}

/// The time of the vectors, at which what they have is good.
const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

static RENAMED: LazyLock<ClaimNames> = LazyLock::new(|| ClaimNames {
    scope: ClaimPaths::new(&["scp", "permissions.scope"]),
    client_id: ClaimPaths::new(&["azp", "cid"]),
    roles: ClaimPaths::new(&["realm_access.roles", "roles"]),
    ..ClaimNames::default()
});

/// The claims of a token of either profile. What passes satisfies its rules, read by another parser; naming claims
/// again changes nothing, nor does an earlier naming.
pub fn claims(data: &[u8]) {
    let Some(payload) = lossless(data) else { return };
    for (profile, header) in
        [(Profile::AtJwt, r#"{"alg":"EdDSA","typ":"at+jwt"}"#), (Profile::Jwt, r#"{"alg":"EdDSA"}"#)]
    {
        let token = token_of(header, payload);
        let decoded = DecodedToken::decode(&token);
        assert_eq!(decoded, DecodedToken::decode(&token), "two readings agree");
        let Ok(decoded) = decoded else { return };
        let renamed = decoded.clone().named(&RENAMED);
        if let Ok(renamed) = &renamed {
            assert_eq!(renamed.clone().named(&RENAMED).as_ref(), Ok(renamed), "once or twice is the same");
        }
        let usual =
            renamed.as_ref().map_or(&decoded, |renamed| renamed).clone().named(&ClaimNames::default());
        assert_eq!(usual, decoded.clone().named(&ClaimNames::default()), "no naming leaves a trace");
        let rules = Rules {
            issuer: "https://auth.shop.example".into(),
            audiences: vec!["https://shop.example".into()],
            algorithms: Algorithm::ALL.to_vec(),
            profile,
            clock_skew: Duration::from_secs(30),
            max_lifetime: Some(Duration::from_hours(24)),
        };
        if decoded.precheck(&rules, NOW).is_ok() {
            check_claims(payload, profile);
        }
    }
}

/// What holds of claims that passed, to a parser that is not ours.
fn check_claims(payload: &str, profile: Profile) {
    // A number that is good JSON and no `f64`: in a claim that is not read.
    let Ok(peer) = serde_json::from_str::<serde_json::Value>(payload) else { return };
    assert_eq!(peer["iss"], "https://auth.shop.example");
    let audience = serde_json::Value::from("https://shop.example");
    assert!(peer["aud"] == audience || peer["aud"].as_array().is_some_and(|all| all.contains(&audience)));
    let exp = peer["exp"].as_i64().expect("it is an integer");
    assert!(exp.saturating_add(30) > NOW.0);
    let iat = peer.get("iat").map(|iat| iat.as_i64().expect("it is an integer"));
    assert!(iat.is_none_or(|iat| iat <= NOW.0 + 30) && exp.saturating_sub(iat.unwrap_or(NOW.0)) <= 24 * 3600);
    let has = |name: &str| peer[name].as_str().is_some_and(|text| !text.is_empty());
    // The client has other names too.
    assert!(profile == Profile::Jwt || (iat.is_some() && has("sub") && has("jti")));
}

/// A header, a line break, and claims; without one, a proof as it is sent. What fits the request says so to another
/// parser too, and nothing holds without a signature.
pub fn dpop(data: &[u8]) {
    let Some(text) = lossless(data) else { return };
    let split = text.split_once('\n');
    let proof = split.map_or_else(|| text.to_owned(), |(header, payload)| token_of(header, payload));
    let target = Target::parse("https://shop.example/orders?page=2").expect("it is a URL");
    let rules = ProofRules {
        method: "POST",
        target: &target,
        token: "token",
        max_age: Duration::from_mins(1),
        clock_skew: Duration::from_secs(30),
    };
    if let Ok(parsed) = Proof::parse(&proof, Algorithm::ALL) {
        let _ = parsed.check();
        if parsed.validate(&rules, NOW).is_ok()
            && let Some((_, payload)) = split
            && let Ok(peer) = serde_json::from_str::<serde_json::Value>(payload)
        {
            assert_eq!(peer["htm"], "POST");
            let htu = peer["htu"].as_str().expect("it is a string");
            assert!(htu.get(..20).is_some_and(|start| start.eq_ignore_ascii_case("https://shop.example")));
            let iat = peer["iat"].as_i64().expect("it is an integer");
            assert!((NOW.0 - 60..=NOW.0 + 30).contains(&iat));
        }
    }
    let expected = dpop::verify::Expected {
        method: rules.method.into(),
        token: Some(rules.token.into()),
        algorithms: Algorithm::ALL.to_vec(),
        max_age: rules.max_age,
        clock_skew: rules.clock_skew,
        nonce: None,
        target: target.clone(),
    };
    let report = dpop::verify::inspect(&proof, &expected, NOW).conclude(false);
    assert!(report.reason.is_some() && report.jkt.is_none());
}

/// The keys of an issuer. Each that is kept is public, is found by its name, and is tried for what it permits only.
pub fn jwk_set(data: &[u8]) {
    let set = JwkSet::parse(data);
    assert_eq!(set, JwkSet::parse(data), "two readings agree");
    let Ok(set) = set else { return };
    if let Ok(peer) = serde_json::from_slice::<serde_json::Value>(data) {
        let all = peer["keys"].as_array().expect("it is a set to others too");
        assert_eq!(all.len(), set.keys().len() + set.skipped().len(), "no key is lost");
        let private =
            all.iter().filter(|key| ["d", "p", "q", "k"].iter().any(|name| key.get(name).is_some()));
        assert!(set.skipped().len() >= private.count(), "no private key is kept");
    }
    for key in set.keys() {
        let name = key.kid().unwrap_or(key.thumbprint());
        assert!(key.is_named(name) && set.by_thumbprint(key.thumbprint()).is_some());
        let among = set.candidates(Some(name), None);
        assert!(among.len() == MAX_CANDIDATES || among.contains(&key), "it is found by its name");
        for &algorithm in Algorithm::ALL {
            assert!(set.candidates(Some(name), algorithm).iter().all(|found| found.permits(algorithm)));
        }
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
            Step::State(_) => Answer::State(&[]),
            Step::Flood(_) => Answer::Flood(&[]),
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
                now = now.plus(Duration::from_secs(1));
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
