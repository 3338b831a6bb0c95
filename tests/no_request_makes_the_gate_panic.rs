//! Whatever is sent, a session ends with a decision after a few steps; and whatever is changed in a request that
//! was proven, it is not proven any more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod gate_support;

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use countersign::decision::Outcome;
use countersign::encoding::structured::Dictionary;
use countersign::engine::{Answer, Conclusion, Session, Step};
use countersign::keys::{DIRECTORY_MEDIA_TYPE, KeyResponse};
use countersign::memory::Memory;
use countersign::request::{Fields, RequestView, Target};
use countersign::revocation::InquiryResponse;
use countersign::state::subject::{MemorySubjects, OpReply, Reply, SubjectCall};
use gate_support::{CONFIG, Draft, World};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// More steps than any request may take: keys twice, checks, the body, limits, the end, and waits of a second
/// each for as long as a request waits for keys that never come.
const MAX_STEPS: usize = 20;

/// What a host answers, right or wrong.
#[derive(Clone, Copy, Debug)]
enum Host {
    /// As asked.
    Sound,
    /// Key sets cannot be fetched.
    Offline,
    /// Every document is garbage.
    Garbled,
    /// Every answer is [`Answer::Ready`], whatever was asked.
    Mute,
    /// No verdicts for any number of checks.
    Unverdicted,
    /// The body breaks off.
    Truncated,
}

/// Takes a request through the gate, or nothing where it cannot even be viewed.
fn conclude(world: &World, draft: &Draft, host: Host, memory: &mut Memory) -> Option<Conclusion> {
    let mut fields = Fields::new();
    for (name, value) in &draft.fields {
        fields.push(name, value).ok()?;
    }
    let view = RequestView::new(&draft.method, Target::parse(&draft.url).ok()?, fields, draft.body.is_some())
        .ok()?;
    let mut now = world.now;
    let mut session = Session::new(Arc::clone(&world.gate), view, now, [7; 10]);
    let mut verdicts: Vec<bool>;
    let mut replies: Vec<Option<Reply>>;
    let mut subjects = MemorySubjects::new(1_000);
    let mut step = session.step(memory, now, &Answer::Ready);
    for _ in 0..MAX_STEPS {
        let answer = match step {
            Step::Done(conclusion) => return Some(*conclusion),
            _ if matches!(host, Host::Mute) => {
                now = now.plus(Duration::from_secs(1));
                Answer::Ready
            }
            Step::Keys(sources) => {
                for source in sources {
                    let body = match host {
                        Host::Offline => None,
                        Host::Garbled => Some(&b"{\"keys\":[{\"kty\":\"OKP\",\"kty\":7},{}"[..]),
                        _ => world.documents.get(source.url()).map(Vec::as_slice),
                    };
                    match body {
                        Some(body) => {
                            let response =
                                KeyResponse::new(200, Some(body)).with("content-type", DIRECTORY_MEDIA_TYPE);
                            let reading = source.read(&response, now.seconds());
                            memory.keys_read(&source, reading, &[], now);
                        }
                        None => drop(memory.keys_failed(&source, now)),
                    }
                }
                Answer::Ready
            }
            Step::Checks(checks) => {
                verdicts = match host {
                    Host::Unverdicted => Vec::new(),
                    _ => checks.iter().map(|c| c.verify() == countersign::crypto::Verdict::Valid).collect(),
                };
                Answer::Verdicts(&verdicts)
            }
            Step::Body if matches!(host, Host::Truncated) => Answer::BodyUnreadable,
            Step::Body => Answer::Body(draft.body.as_deref().unwrap_or_default()),
            Step::Flood(_) => Answer::Flood(&[]),
            Step::State(calls) => {
                let reply = |asked: &SubjectCall| match host {
                    Host::Offline => None,
                    // Answers of another call.
                    Host::Garbled => Some(Reply { answers: Vec::from([OpReply::Damaged]) }),
                    _ => subjects.answer(asked.subject, &asked.call, now),
                };
                replies = calls.iter().map(reply).collect();
                Answer::State(&replies)
            }
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
                    let body: &[u8] = match host {
                        Host::Garbled => b"{\"active\":1",
                        _ => b"{\"active\":false}",
                    };
                    if matches!(host, Host::Offline) {
                        memory.inquiry_failed(&inquiry, now);
                        continue;
                    }
                    let response =
                        InquiryResponse::new(200, Some(body)).with("content-type", "application/json");
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
        step = session.step(memory, now, &answer);
    }
    panic!("the session does not end: {draft:?}", draft = draft.fields);
}

/// The configuration of the other tests, in which nothing but the proofs themselves refuses: a request that was
/// wrongly accepted before must not hide behind a replay or a limit.
static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let config =
        CONFIG.replace("rate = [{ per = \"agent\", limit = 3, window = \"1m\" }]", "replay = \"none\"");
    assert_ne!(config, CONFIG);
    Mutex::new(World::with(&config))
});

/// A decision in the shared world, whose caches are warm: that is where a wrong key of a cache would show.
fn outcome(draft: &Draft) -> Option<Outcome> {
    let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut memory = world.memory.borrow_mut();
    Some(conclude(&world, draft, Host::Sound, &mut memory)?.decision.outcome)
}

static PROVEN: LazyLock<Draft> = LazyLock::new(|| {
    let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    world.proven()
});

/// A part of a request that some proof vouches for.
#[derive(Clone, Copy, Debug)]
enum Part {
    Method,
    Url,
    Body,
    Field(&'static str),
}

/// Every part of [`PROVEN`] that a signature, a token or a proof covers, or that is one.
const PARTS: [Part; 9] = [
    Part::Method,
    Part::Url,
    Part::Body,
    Part::Field("content-digest"),
    Part::Field("signature-agent"),
    Part::Field("signature-input"),
    Part::Field("signature"),
    Part::Field("authorization"),
    Part::Field("dpop"),
];

impl Part {
    fn bytes(self, draft: &Draft) -> Vec<u8> {
        match self {
            Self::Method => draft.method.clone().into_bytes(),
            Self::Url => draft.url.clone().into_bytes(),
            Self::Body => draft.body.clone().unwrap_or_default(),
            Self::Field(name) => field(draft, name).into_bytes(),
        }
    }

    /// The request with other bytes in this part; nothing where a host could not even hold them.
    fn replaced(self, draft: &Draft, bytes: Vec<u8>) -> Option<Draft> {
        let mut draft = draft.clone();
        if matches!(self, Self::Body) {
            draft.body = Some(bytes);
            return Some(draft);
        }
        let text = String::from_utf8(bytes).ok()?;
        match self {
            Self::Method => draft.method = text,
            Self::Url => draft.url = text,
            Self::Field(name) => draft.fields.iter_mut().find(|(n, _)| n == name)?.1 = text,
            Self::Body => {}
        }
        Some(draft)
    }

    /// Whether two values of this part say the same, by the standards: then the change is none.
    fn same(self, original: &str, changed: &str) -> bool {
        match self {
            // Scheme and host have no case (RFC 9110 §4.2.3).
            Self::Url => Target::parse(original).ok() == Target::parse(changed).ok(),
            // Nor has the scheme of `Authorization`, which any number of spaces may follow (RFC 9110 §11.4).
            Self::Field("authorization") => match (original.split_once(' '), trim(changed).split_once(' ')) {
                (Some((a, x)), Some((b, y))) => a.eq_ignore_ascii_case(b) && x == y.trim_start_matches(' '),
                _ => false,
            },
            // The bits that pad base64, and the padding, are no part of the bytes (RFC 9651 §4.2.7).
            Self::Field("signature") => signatures(original) == signatures(changed),
            Self::Field(_) => original == trim(changed),
            Self::Method | Self::Body => false,
        }
    }
}

/// The signatures of a field, by label; nothing where it is not such a field.
fn signatures(value: &str) -> Option<Vec<(&str, Vec<u8>)>> {
    let dictionary = Dictionary::parse(trim(value)).ok()?;
    let entries = dictionary.entries().iter();
    entries.map(|entry| Some((entry.key, entry.member.as_item()?.value.as_bytes()?.to_vec()))).collect()
}

/// White space around a field's value is not part of it, nor is a line break, which counts as white space where a
/// recipient does not refuse it (RFC 9110 §5.5).
fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t', '\r', '\n'])
}

fn field(draft: &Draft, name: &str) -> String {
    draft.fields.iter().find(|(n, _)| n == name).expect("the proven request has it").1.clone()
}

/// The request with one part changed; nothing where the change is none.
fn changed(part: Part, change: impl FnOnce(&mut Vec<u8>)) -> Option<Draft> {
    let original = part.bytes(&PROVEN);
    let mut bytes = original.clone();
    change(&mut bytes);
    let text = String::from_utf8_lossy;
    if bytes == original || part.same(&text(&original), &text(&bytes)) {
        return None;
    }
    part.replaced(&PROVEN, bytes)
}

#[track_caller]
fn is_not_allowed(draft: &Draft, what: &str) {
    assert_ne!(outcome(draft), Some(Outcome::Allow), "{what}");
}

#[test]
fn no_byte_of_a_proven_request_can_be_flipped() {
    assert_eq!(outcome(&PROVEN), Some(Outcome::Allow));
    let mut flips = 0;
    for part in PARTS {
        for at in 0..part.bytes(&PROVEN).len() {
            // The case of a letter, the lowest bit, and one that differs from place to place.
            for mask in [0x20, 0x01, 1 << (at % 7)] {
                let Some(draft) = changed(part, |bytes| bytes[at] ^= mask) else { continue };
                is_not_allowed(&draft, &format!("{part:?}, byte {at} with {mask:#x}"));
                flips += 1;
            }
        }
    }
    assert!(flips > 3000, "only {flips} flips were tried");
    assert_eq!(outcome(&PROVEN), Some(Outcome::Allow), "what was refused has changed nothing");
}

#[test]
fn no_byte_of_a_proven_request_can_be_taken_out_or_put_in() {
    for part in PARTS {
        for at in 0..part.bytes(&PROVEN).len() {
            let taken_out = changed(part, |bytes| drop(bytes.drain(at..=at)));
            let put_in = b" ,=".map(|byte| changed(part, |bytes| bytes.insert(at, byte)));
            for draft in put_in.into_iter().chain([taken_out]).flatten() {
                is_not_allowed(&draft, &format!("{part:?}, byte {at}"));
            }
        }
    }
}

#[test]
fn no_part_of_a_proven_request_can_be_left_out_or_repeated() {
    for part in PARTS {
        let Part::Field(name) = part else { continue };
        let mut without = PROVEN.clone();
        without.fields.retain(|(n, _)| n != name);
        is_not_allowed(&without, &format!("without {name}"));
        let mut twice = PROVEN.clone();
        twice.fields.push((name.into(), field(&PROVEN, name)));
        is_not_allowed(&twice, &format!("{name} twice"));
    }
    is_not_allowed(&Draft { body: None, ..PROVEN.clone() }, "without body");
}

const NAMES: &[&str] = &[
    "signature",
    "signature-input",
    "signature-agent",
    "content-digest",
    "authorization",
    "dpop",
    "x-other",
];

/// Pieces from which values arise that get further than arbitrary text does.
const PIECES: &[&str] = &[
    "sig1=",
    "(",
    ")",
    "\"@authority\"",
    "\"@method\"",
    "\"@query-param\";name=\"a\"",
    "\"signature-agent\"",
    ";key=\"sig1\"",
    ";bs",
    ";sf",
    ";created=1790000000",
    ";expires=1790000060",
    ";keyid=\"",
    ";tag=\"web-bot-auth\"",
    ";alg=\"ed25519\"",
    ":AAAA:",
    "\"https://agents.example\"",
    "sha-256=:",
    "DPoP ",
    "Bearer ",
    "eyJ",
    ".",
    ",",
    " ",
    "\t",
    "999999999999999",
    "-",
    "?1",
    "@1790000000",
    "\\",
    "é",
    "\u{0}",
    "%\"a\"",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,80}",
        prop::collection::vec(select(PIECES), 0..24).prop_map(|pieces| pieces.concat()),
        // A value of the proven request, with a stretch of it replaced.
        (select(&PARTS[3..]), any::<Index>(), any::<Index>(), ".{0,8}").prop_map(|(part, from, to, text)| {
            let value: Vec<char> = String::from_utf8_lossy(&part.bytes(&PROVEN)).chars().collect();
            let (from, to) = (from.index(value.len()), to.index(value.len()));
            let (from, to) = (from.min(to), from.max(to));
            value[..from].iter().chain(text.chars().collect::<Vec<_>>().iter()).chain(&value[to..]).collect()
        }),
    ]
}

fn url() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        select(&["/checkout", "/signed", "/orders", "/bound", "/watched", "/limited", "/open/a", ""][..])
            .prop_map(String::from),
        "/[a-z%0-9./?=&+\\\\]{0,40}",
        ".{0,40}",
    ];
    let origin = select(
        &["https://api.example", "https://API.example:443", "http://api.example", "https://[::1]"][..],
    );
    prop_oneof![9 => (origin, path).prop_map(|(origin, path)| format!("{origin}{path}")), 1 => ".{0,60}"]
}

fn draft() -> impl Strategy<Value = Draft> {
    let method =
        prop_oneof![4 => select(&["GET", "POST", "get", ""][..]).prop_map(String::from), 1 => ".{0,8}"];
    let name = prop_oneof![9 => select(NAMES).prop_map(String::from), 1 => ".{0,12}"];
    let fields = prop::collection::vec((name, value()), 0..10);
    let body = prop::option::of(prop::collection::vec(any::<u8>(), 0..64));
    (method, url(), fields, body).prop_map(|(method, url, fields, body)| Draft {
        url,
        fields,
        body,
        ..Draft::new(&method, "")
    })
}

/// The proven request, with some of its fields replaced or joined by others.
fn nearly_proven() -> impl Strategy<Value = Draft> {
    prop::collection::vec((select(NAMES), value(), any::<bool>()), 1..4).prop_map(|changes| {
        let mut draft = PROVEN.clone();
        for (name, value, joins) in changes {
            match draft.fields.iter_mut().find(|(n, _)| n == name).filter(|_| !joins) {
                Some(field) => field.1 = value,
                None => draft.fields.push((name.into(), value)),
            }
        }
        draft
    })
}

fn host() -> impl Strategy<Value = Host> {
    use Host::{Garbled, Mute, Offline, Sound, Truncated, Unverdicted};
    prop_oneof![4 => Just(Sound), 3 => select(vec![Offline, Garbled, Mute, Unverdicted, Truncated])]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_gets_a_decision(
        draft in prop_oneof![draft(), nearly_proven()],
        host in host(),
    ) {
        // An isolate that has seen nothing and one that has seen everything.
        let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
        for memory in [&mut Memory::new(7), &mut *world.memory.borrow_mut()] {
            let Some(Conclusion { decision, .. }) = conclude(&world, &draft, host, memory) else { continue };
            prop_assert_eq!(decision.outcome == Outcome::Allow, decision.status == 200);
            prop_assert_eq!(decision.reason.is_none(), decision.code == "ok");
            for (name, value) in &decision.headers {
                let plain = |text: &str| text.bytes().all(|b| (0x20..0x7f).contains(&b));
                prop_assert!(plain(name) && plain(value), "{}: {:?}", name, value);
            }
        }
    }

    #[test]
    fn no_change_to_a_proven_request_is_accepted(
        part in select(&PARTS[..]),
        at in any::<Index>(),
        mask in 1..=255_u8,
        length in 0..4_usize,
    ) {
        // A byte changed in any way, a byte taken out, a byte put in, the end cut off.
        let change = |bytes: &mut Vec<u8>| {
            let at = at.index(bytes.len());
            match length {
                0 => bytes[at] ^= mask,
                1 => drop(bytes.drain(at..=at)),
                2 => bytes.insert(at, mask & 0x7f),
                _ => bytes.truncate(at),
            }
        };
        if let Some(draft) = changed(part, change) {
            is_not_allowed(&draft, &format!("{part:?}: {:?}", String::from_utf8_lossy(&part.bytes(&draft))));
        }
    }
}
