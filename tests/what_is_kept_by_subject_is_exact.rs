//! An object applies calls to its rows: a proof is new once, whatever comes in between, time never goes back, nothing that
//! still counts is removed, and what cannot be read is said to be that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use countersign::state::replay::{Answer, Ask, MAX_PROOFS, ReplayKey};
use countersign::state::subject::{
    Call, Change, Kind, MAX_CALL_BYTES, MAX_OPS, MemoryRows, MemorySubjects, Op, OpReply, Reply, RequestId,
    Row, Rows, SubjectKind, SubjectName, apply, purge,
};
use countersign::time::UnixMillis;
use proptest::prelude::*;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn after(millis: u64) -> UnixMillis {
    UnixMillis(NOW.0 + millis)
}

fn proof(name: &str, until: UnixMillis) -> Op {
    Op::Replay(Ask { key: ReplayKey::new(&[name]), until })
}

fn call(request: &str, ops: &[Op]) -> Call {
    Call::new(RequestId::new(request), ops.to_vec())
}

fn answers<R: Rows<Error: std::fmt::Debug>>(rows: &mut R, call: &Call, now: UnixMillis) -> Vec<Answer> {
    let answer = |reply| match reply {
        OpReply::Replay(answer) => answer,
        other => panic!("{other:?}"),
    };
    apply(rows, call, now).unwrap().answers.into_iter().map(answer).collect()
}

/// Rows that outlive the memory of their object, as those of SQLite do.
#[derive(Clone)]
struct StoredRows {
    rows: MemoryRows,
    stored_clock: u64,
    latest: u64,
}

impl StoredRows {
    const STEP: u64 = 10_000;

    fn new() -> Self {
        Self { rows: MemoryRows::new(100_000), stored_clock: 0, latest: 0 }
    }

    /// The object is made again: what it did not store is lost.
    fn recreate(&mut self) {
        let mut rows = MemoryRows::new(100_000);
        for (name, row) in self.rows.list(Kind::Replay, &[], usize::MAX).unwrap() {
            rows.commit(&[Change { kind: Kind::Replay, name, row: Some(row) }]).unwrap();
        }
        (self.rows, self.latest) = (rows, self.stored_clock);
    }
}

impl Rows for StoredRows {
    type Error = <MemoryRows as Rows>::Error;

    fn get(&mut self, kind: Kind, name: &[u8]) -> Result<Option<Row>, Self::Error> {
        self.rows.get(kind, name)
    }

    fn count(&mut self, kind: Kind) -> Result<usize, Self::Error> {
        self.rows.count(kind)
    }

    fn list(&mut self, kind: Kind, after: &[u8], most: usize) -> Result<Vec<(Vec<u8>, Row)>, Self::Error> {
        self.rows.list(kind, after, most)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), Self::Error> {
        self.rows.commit(changes)
    }

    fn advance(&mut self, now: UnixMillis) -> Result<UnixMillis, Self::Error> {
        self.latest = self.latest.max(now.0);
        if self.latest - self.stored_clock >= Self::STEP {
            self.stored_clock = self.latest;
        }
        Ok(UnixMillis(self.latest))
    }

    fn purge(&mut self, now: UnixMillis, at_most: usize) -> Result<usize, Self::Error> {
        let purged = self.rows.purge(now, at_most)?;
        if purged > 0 {
            self.stored_clock = self.latest;
        }
        Ok(purged)
    }

    fn earliest(&mut self) -> Result<Option<UnixMillis>, Self::Error> {
        self.rows.earliest()
    }
}

#[test]
fn a_proof_is_new_once_until_it_could_have_been_forgotten() {
    let mut rows = MemoryRows::new(10);
    let asked = call("first", &[proof("a", after(60_000))]);
    assert_eq!(answers(&mut rows, &asked, NOW), [Answer::New]);
    let other = call("second", &[proof("a", after(60_000))]);
    assert_eq!(answers(&mut rows, &other, NOW), [Answer::Seen]);
    assert_eq!(answers(&mut rows, &other, after(59_999)), [Answer::Seen]);
    assert_eq!(answers(&mut rows, &other, after(60_000)), [Answer::Late]);
    let unseen = call("third", &[proof("b", after(60_000))]);
    assert_eq!(answers(&mut rows, &unseen, NOW), [Answer::Late], "time goes by the latest that was seen");
}

#[test]
fn only_who_says_that_it_asks_again_is_told_again() {
    let mut rows = MemoryRows::new(10);
    let asked = call("first", &[proof("a", after(60_000))]);
    assert_eq!(answers(&mut rows, &asked, NOW), [Answer::New]);
    assert_eq!(answers(&mut rows, &asked, NOW), [Answer::Seen], "the same identifier is not enough");
    assert_eq!(answers(&mut rows, &asked.again(), NOW), [Answer::New]);
    let other = call("second", &[proof("a", after(60_000))]);
    assert_eq!(answers(&mut rows, &other.again(), NOW), [Answer::Seen]);
}

#[test]
fn a_call_of_which_one_operation_is_not_accepted_writes_none() {
    let mut rows = MemoryRows::new(10);
    let (a, b) = (proof("a", after(60_000)), proof("b", after(60_000)));
    assert_eq!(answers(&mut rows, &call("1", std::slice::from_ref(&a)), NOW), [Answer::New]);
    assert_eq!(answers(&mut rows, &call("2", &[b.clone(), a.clone()]), NOW), [Answer::New, Answer::Seen]);
    assert_eq!(rows.len(), 1);
    assert_eq!(answers(&mut rows, &call("3", &[b]), NOW), [Answer::New]);
    let c = proof("c", after(60_000));
    let twice = call("4", &[c.clone(), c.clone()]);
    assert_eq!(
        answers(&mut rows, &twice, NOW),
        [Answer::New, Answer::Seen],
        "an operation sees those before it"
    );
    assert_eq!(answers(&mut rows, &call("5", &[c]), NOW), [Answer::New]);
}

#[test]
fn an_object_that_is_full_refuses_and_forgets_nothing() {
    let mut rows = MemoryRows::new(MAX_PROOFS + 10);
    let all: Vec<_> = (0..MAX_PROOFS).map(|i| proof(&i.to_string(), after(60_000))).collect();
    for ops in all.chunks(MAX_OPS) {
        assert!(answers(&mut rows, &call("fill", ops), NOW).iter().all(|answer| *answer == Answer::New));
    }
    let more = call("more", &[proof("more", after(90_000))]);
    assert_eq!(answers(&mut rows, &more, NOW), [Answer::Full]);
    assert_eq!(answers(&mut rows, &call("old", &all[..1]), NOW), [Answer::Seen]);
    assert_eq!(answers(&mut rows, &more, after(60_000)), [Answer::New], "what has ended makes room");
}

#[test]
fn a_row_that_cannot_be_read_still_is_a_proof_that_was_used() {
    for value in [&b""[..], b"\0", b"\x01", b"\xff\xff\xff"] {
        let mut rows = MemoryRows::new(10);
        assert_eq!(answers(&mut rows, &call("1", &[proof("a", after(60_000))]), NOW), [Answer::New]);
        let (name, row) = rows.list(Kind::Replay, &[], 1).unwrap().remove(0);
        let row = Some(Row { value: value.to_vec(), ..row });
        rows.commit(&[Change { kind: Kind::Replay, name, row }]).unwrap();
        let again = call("1", &[proof("a", after(60_000))]).again();
        assert_eq!(answers(&mut rows, &again, NOW), [Answer::Seen]);
    }
}

#[test]
fn what_is_no_call_and_what_is_no_reply_is_none() {
    let asked = call("1", &[proof("a", after(60_000))]);
    let text = asked.to_json();
    let request = text.split('"').nth(3).unwrap();
    let key = text.split('"').nth(11).unwrap();
    let ask = format!("{{\"replay\":{{\"k\":\"{key}\",\"u\":{}}}}}", after(60_000).0);
    assert_eq!(text, format!("{{\"r\":\"{request}\",\"o\":[{ask}]}}"));
    assert_eq!(Call::from_json(&text), Some(asked.clone()));
    assert_eq!(Call::from_json(&asked.again().to_json()), Some(asked.again()));
    let many =
        |count: usize| format!("{{\"r\":\"{request}\",\"o\":[{}]}}", vec![ask.clone(); count].join(","));
    assert!(Call::from_json(&many(MAX_OPS)).is_some());
    let long = format!("{text}{}", " ".repeat(MAX_CALL_BYTES));
    for text in [
        String::new(),
        "{}".to_owned(),
        many(MAX_OPS + 1),
        long,
        text.replace("replay", "take"),
        text.replace(request, "AAAA"),
        text.replace("\"u\":", "\"u\":-"),
        text.replace("}]}", "}],\"x\":1}"),
    ] {
        assert_eq!(Call::from_json(&text), None, "{text:.80}");
    }
    let reply = Reply { answers: vec![OpReply::Replay(Answer::New)] };
    assert_eq!(reply.to_json(), "{\"a\":[{\"replay\":\"new\"}]}");
    assert_eq!(Reply::from_json(&reply.to_json(), &asked), Some(reply));
    assert!(Reply::from_json("{\"a\":[\"damaged\"]}", &asked).is_some());
    for text in [
        "",
        "null",
        "{\"a\":[]}",
        "{\"a\":[{\"replay\":\"new\"},\"damaged\"]}",
        "{\"a\":[{\"replay\":\"yes\"}]}",
    ] {
        assert_eq!(Reply::from_json(text, &asked), None, "{text}");
    }
}

#[test]
fn names_say_what_a_subject_is_and_not_who() {
    let name = SubjectName::key("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(name.kind(), SubjectKind::Key);
    assert_eq!(SubjectName::parse(&name.to_string()), Some(name));
    assert!(name.to_string().starts_with("key:") && name.to_string().len() == 26);
    let others = [
        SubjectName::certificate("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        SubjectName::shared_key("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        SubjectName::new(SubjectKind::Agent, &["ab", "c"]),
        SubjectName::new(SubjectKind::Agent, &["a", "bc"]),
    ];
    assert!(others.iter().all(|other| *other != name) && others[2] != others[3]);
    for text in [
        "",
        "key",
        "key:",
        "who:AAAAAAAAAAAAAAAAAAAAAA",
        "key:AAAAAAAAAAAAAAAAAAAAA",
        "key:AAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(SubjectName::parse(text), None, "{text}");
    }
}

#[test]
fn subjects_in_memory_are_apart_bounded_and_forgotten() {
    let mut subjects = MemorySubjects::new(100);
    let of = |i: usize| SubjectName::key(&i.to_string());
    let asked = call("1", &[proof("a", after(60_000))]);
    let is_new = |reply: Option<Reply>| reply.map(|r| r.answers[0] == OpReply::Replay(Answer::New));
    for i in 0..100 {
        assert_eq!(is_new(subjects.answer(of(i), &asked, NOW)), Some(true));
    }
    assert_eq!(
        is_new(subjects.answer(of(100), &asked, NOW)),
        None,
        "there is no room, and nobody is forgotten"
    );
    assert_eq!(is_new(subjects.answer(of(0), &asked, NOW)), Some(false));
    assert_eq!(subjects.len(), 100);
    let later = call("2", &[proof("b", after(120_000))]);
    assert_eq!(is_new(subjects.answer(of(100), &later, after(60_000))), Some(true));
    assert_eq!(subjects.len(), 1);
    let late = call("3", &[proof("a", after(60_000))]);
    let reply = subjects.answer(of(0), &late, NOW).unwrap();
    assert_eq!(reply.answers, [OpReply::Replay(Answer::Late)], "a subject without rows keeps the time");
}

#[derive(Clone, Debug)]
enum Event {
    Ask { proofs: Vec<u8>, again: bool },
    Passes(u64),
    ClockBack(u64),
    Purge,
    Recreate,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (prop::collection::vec(0u8..6, 1..4), any::<bool>())
            .prop_map(|(proofs, again)| Event::Ask { proofs, again }),
        2 => (0u64..40_000).prop_map(Event::Passes),
        1 => (0u64..60_000).prop_map(Event::ClockBack),
        1 => Just(Event::Purge),
        1 => Just(Event::Recreate),
    ]
}

/// How long proof `i` counts.
fn ends(i: u8) -> UnixMillis {
    after(u64::from(i) * 17_000 + 5_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_proof_is_new_for_two_requests_whatever_happens_in_between(events in prop::collection::vec(event(), 0..80)) {
        let mut rows = StoredRows::new();
        let mut now = NOW;
        let mut owner: BTreeMap<u8, usize> = BTreeMap::new();
        for (request, event) in events.iter().enumerate() {
            match event {
                Event::Passes(millis) => now = UnixMillis(now.0 + millis),
                Event::ClockBack(millis) => now = UnixMillis(now.0 - millis),
                Event::Recreate => rows.recreate(),
                Event::Purge => {
                    let latest = rows.latest.max(now.0);
                    let before = rows.rows.list(Kind::Replay, &[], usize::MAX).unwrap();
                    let next = purge(&mut rows, now).unwrap();
                    let left = rows.rows.list(Kind::Replay, &[], usize::MAX).unwrap();
                    let live: Vec<_> = before.into_iter().filter(|(_, row)| row.until.0 > latest).collect();
                    prop_assert_eq!(&left, &live, "live rows stay, and no others");
                    prop_assert_eq!(next, live.iter().map(|(_, row)| row.until).min());
                }
                Event::Ask { proofs, again } => {
                    let ops: Vec<_> = proofs.iter().map(|i| proof(&i.to_string(), ends(*i))).collect();
                    let asked = call(&request.to_string(), &ops);
                    let asked = if *again { asked.again() } else { asked };
                    let answers = answers(&mut rows, &asked, now);
                    if answers.iter().all(|answer| *answer == Answer::New) {
                        for i in proofs {
                            prop_assert_eq!(*owner.entry(*i).or_insert(request), request, "proof {} is new twice", i);
                        }
                    }
                    for (i, answer) in proofs.iter().zip(&answers) {
                        // A proof that was used is never new, also beside others.
                        if owner.get(i).is_some_and(|owner| *owner != request) {
                            prop_assert_ne!(*answer, Answer::New);
                        }
                        prop_assert!(*answer != Answer::Late || ends(*i).0 <= rows.latest);
                    }
                }
            }
        }
    }

    #[test]
    fn no_text_makes_a_call_or_a_reply_panic(text in any::<String>(), json in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        let asked = call("1", &[proof("a", NOW)]);
        for text in [text, json] {
            if let Some(read) = Call::from_json(&text) {
                prop_assert!(read.ops.len() <= MAX_OPS);
            }
            prop_assert!(Reply::from_json(&text, &asked).is_none_or(|reply| reply.answers.len() == 1));
            let _ = SubjectName::parse(&text);
        }
    }
}
