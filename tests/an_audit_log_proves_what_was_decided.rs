//! A log proves itself as it was written, in one piece or in shards side by side; whatever is changed about it is found, and
//! the line is named.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use countersign::audit::ledger::{self, LEDGER_TYPE, Recorded, Statement};
use countersign::audit::line::Entry;
use countersign::audit::log::Work;
use countersign::audit::signed::signing_input;
use countersign::audit::verify::{FaultKind, MAX_SHARDS, Outcome, Position, Report, SignedFault, Verifier};
use countersign::audit::{CHECKPOINT_TYPE, Chain, Head, Log, Shard};
use countersign::config::{Audit, AuditLevel, AuditSink};
use countersign::decision::Decision;
use countersign::encoding::base64url;
use countersign::engine::Session;
use countersign::jose::JwkSet;
use countersign::reason::Reason;
use countersign::time::UnixMillis;
use ed25519_compact::{KeyPair, Seed};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A moment in 2026; lines are a second apart.
const NOW: u64 = 1_790_000_000_000;

struct Signer(KeyPair);

impl Signer {
    fn new(seed: u8) -> Self {
        Self(KeyPair::from_seed(Seed::new([seed; 32])))
    }

    fn kid(&self) -> String {
        base64url::encode(&*self.0.pk)
    }

    fn keys(&self) -> JwkSet {
        let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": self.kid(), "kid": self.kid() }] });
        JwkSet::parse(set.to_string().as_bytes()).unwrap()
    }

    fn sign(&self, typ: &str, claims: &Value) -> String {
        let input = signing_input(typ, &self.kid(), claims);
        format!("{input}.{}", base64url::encode(&*self.0.sk.sign(input.as_bytes(), None)))
    }
}

fn settings(sink: AuditSink) -> Audit {
    Audit {
        sink,
        level: AuditLevel::All,
        batch_lines: 5,
        batch_wait: Duration::from_secs(5),
        buffer_bytes: 64 * 1024,
    }
}

fn log(shard: u8, settings: Audit) -> Log {
    Log::new(settings, Shard::new([shard; 16]), "https://api.example", "0.1.0", UnixMillis(NOW))
}

fn decision(number: u64) -> Decision {
    let [a, b] = [number / 256, number % 256].map(|byte| u8::try_from(byte % 256).unwrap());
    Session::refuse_unviewable(
        Reason::RequestPathAmbiguous,
        UnixMillis(NOW + number),
        [a, b, 0, 0, 0, 0, 0, 0, 0, 0],
    )
}

/// Writes all that waits, and gives the heads of the batches.
fn flush(log: &mut Log, signer: Option<&Signer>, now: UnixMillis, text: &mut String) -> Vec<Head> {
    let mut heads = Vec::new();
    assert!(log.begin(now));
    while let Some(work) = log.work(now) {
        match work {
            Work::Sign(claims) => {
                log.signed(signer.map(|signer| signer.sign(CHECKPOINT_TYPE, &claims)).as_deref(), now);
            }
            Work::Write(batch) => {
                text.push_str(&batch.text);
                log.written(batch.head);
                heads.push(batch.head);
            }
        }
    }
    log.end();
    heads
}

/// A log of so many decisions, in batches, and its heads.
fn written(shard: u8, decisions: u64, signer: &Signer) -> (Vec<String>, Vec<Head>) {
    let mut log = log(shard, settings(AuditSink::R2));
    let mut text = String::new();
    let mut heads = Vec::new();
    for number in 0..decisions {
        let now = UnixMillis(NOW + number * 1000);
        log.decision(&decision(number), now);
        if number % 7 == 6 || number + 1 == decisions {
            heads.extend(flush(&mut log, Some(signer), now, &mut text));
        }
    }
    (text.lines().map(str::to_owned).collect(), heads)
}

fn verify_with(lines: &[impl AsRef<[u8]>], keys: &JwkSet, known: &[Statement]) -> Report {
    let mut verifier = Verifier::new(keys);
    for statement in known {
        verifier.knows(statement);
    }
    for (line, number) in lines.iter().zip(1..) {
        verifier.line(line.as_ref(), Position { file: 0, line: number });
    }
    verifier.finish()
}

fn verify(lines: &[impl AsRef<[u8]>]) -> Report {
    verify_with(lines, &Signer::new(1).keys(), &[])
}

/// The kinds and lines of the faults.
fn faults(report: &Report) -> Vec<(FaultKind, u64)> {
    report.faults.iter().map(|fault| (fault.kind, fault.at.map_or(0, |at| at.line))).collect()
}

/// The place of the line with this number.
fn place(lines: &[String], seq: u64) -> usize {
    lines.iter().position(|line| line.contains(&format!(r#","seq":{seq},"#))).unwrap()
}

#[test]
fn a_log_proves_itself_to_its_last_line() {
    let (lines, heads) = written(1, 30, &Signer::new(1));
    let report = verify(&lines);
    assert_eq!((report.outcome, report.faults.len()), (Outcome::Proven, 0), "{report:?}");
    let [shard] = &report.shards[..] else { unreachable!() };
    assert_eq!((shard.first, shard.decisions, shard.lost), (0, 30, 0));
    assert_eq!(shard.proven, Some(shard.last));
    assert_eq!(heads.last().unwrap().seq, shard.last);
    assert_eq!((shard.from, shard.to), (Some(NOW), Some(NOW + 29_000)));
}

#[test]
fn a_log_without_lines_proves_nothing() {
    assert_eq!(verify(&[""; 0]).outcome, Outcome::Unproven);
}

#[test]
fn keys_of_somebody_else_prove_nothing() {
    let (lines, _) = written(1, 3, &Signer::new(2));
    let report = verify(&lines);
    assert_eq!(report.outcome, Outcome::Faulty);
    assert_eq!(faults(&report), [(FaultKind::Checkpoint(SignedFault::KeyUnknown), 5)]);
    assert_eq!(report.shards[0].proven, None);
}

#[test]
fn each_change_is_called_by_its_name() {
    let (lines, _) = written(1, 30, &Signer::new(1));
    let at = |seq: u64| place(&lines, seq);
    let of = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        let report = verify(&changed);
        assert_eq!(report.outcome, Outcome::Faulty);
        faults(&report)
    };
    let line = |index: usize| u64::try_from(index + 1).unwrap();
    let edit = |line: &mut String| *line = line.replace("deny", "allow");
    assert_eq!(of(&|lines| edit(&mut lines[at(12)])), [(FaultKind::Edited, line(12))]);
    let relink = |lines: &mut Vec<String>| {
        let prev = lines[at(11)].split(r#""prev":""#).nth(1).unwrap()[..43].to_owned();
        lines[at(12)] = lines[at(12)].replacen(
            &lines[at(12)].split(r#""prev":""#).nth(1).unwrap()[..43].to_owned(),
            &prev,
            1,
        );
    };
    assert_eq!(of(&relink), [(FaultKind::Edited, line(12))]);
    assert_eq!(of(&|lines| drop(lines.remove(at(12)))), [(FaultKind::Missing, line(12))]);
    assert_eq!(of(&|lines| drop(lines.remove(0))), [(FaultKind::Missing, 1)]);
    assert_eq!(of(&|lines| lines.swap(at(12), at(13))), [(FaultKind::Moved, line(13))]);
    assert_eq!(of(&|lines| lines.insert(at(12), lines[at(12)].clone())), [(FaultKind::Repeated, line(13))]);
    let forged = lines[at(12)].replace("deny", "allow");
    assert_eq!(of(&|lines| lines.insert(at(12), forged.clone())), [(FaultKind::Inserted, line(12))]);
    assert_eq!(of(&|lines| lines.insert(at(13), forged.clone())), [(FaultKind::Inserted, line(13))]);
    let renumbered = lines[at(12)].replacen(r#""seq":12,"#, r#""seq":120,"#, 1);
    assert_eq!(
        of(&|lines| lines[at(12)].clone_from(&renumbered)),
        [(FaultKind::Edited, line(12)), (FaultKind::Edited, line(12))]
    );
    assert_eq!(of(&|lines| lines[at(12)].push(' '))[0], (FaultKind::Edited, line(12)));
    assert_eq!(of(&|lines| lines[at(12)].truncate(50))[0], (FaultKind::Malformed, line(12)));
    assert_eq!(of(&|lines| lines.insert(9, String::new())), [(FaultKind::Malformed, 10)]);
}

#[test]
fn a_checkpoint_is_signed_for_its_place() {
    let signer = Signer::new(1);
    let (lines, _) = written(1, 30, &signer);
    let last = lines.len() - 1;
    let number = u64::try_from(lines.len()).unwrap();
    let tail = |line: String| {
        let mut changed = lines.clone();
        changed[last] = line;
        faults(&verify(&changed))
    };
    let jws = |claims: &Value| {
        let was = lines[last].split(r#""jws":""#).nth(1).unwrap().trim_end_matches("\"}").to_owned();
        lines[last].replace(&was, &signer.sign(CHECKPOINT_TYPE, claims))
    };
    let shard = Shard::new([1; 16]).name();
    let claims =
        |shard: &str, seq: usize, head: &str| json!({ "iat": 0, "shard": shard, "seq": seq, "head": head });
    let prev = lines[last].split(r#""prev":""#).nth(1).unwrap()[..43].to_owned();
    assert_eq!(tail(jws(&claims(&shard, last - 1, &prev))), []);
    for other in [
        claims(&Shard::new([2; 16]).name(), last - 1, &prev),
        claims(&shard, last, &prev),
        claims(&shard, last - 1, &Shard::new([2; 16]).name().repeat(2)[..43]),
    ] {
        let found = tail(jws(&other));
        assert!(
            matches!(found[..], [(FaultKind::Checkpoint(SignedFault::Mismatch | SignedFault::Malformed), line)] if line == number),
            "{found:?}"
        );
    }
    // Nothing in the last line is unsigned.
    let widened = lines[last].replace(r#","type""#, r#", "type""#);
    assert_eq!(tail(widened), [(FaultKind::Checkpoint(SignedFault::Mismatch), number)]);
    let event = signer.sign("secevent+jwt", &claims(&shard, last - 1, &prev));
    let was = lines[last].split(r#""jws":""#).nth(1).unwrap().trim_end_matches("\"}").to_owned();
    assert_eq!(
        tail(lines[last].replace(&was, &event)),
        [(FaultKind::Checkpoint(SignedFault::Malformed), number)]
    );
}

#[test]
fn what_is_behind_the_last_checkpoint_is_not_proven() {
    let (lines, _) = written(1, 30, &Signer::new(1));
    let cut = &lines[..lines.len() - 1];
    let report = verify(cut);
    assert_eq!((report.outcome, report.faults.len()), (Outcome::Unproven, 0));
    let shard = &report.shards[0];
    assert!(shard.proven.unwrap() < shard.last, "{shard:?}");
}

#[test]
fn a_cut_tail_and_a_dropped_shard_show_from_a_ledger() {
    let signer = Signer::new(1);
    let (lines, heads) = written(1, 30, &signer);
    let (_, others) = written(2, 3, &signer);
    let statement = |heads: &[Head]| {
        let rows: Vec<_> = (1..).zip(heads).map(|(number, head)| Recorded { number, head: *head }).collect();
        let claims = ledger::claims("https://api.example", &rows, 2, 0, UnixMillis(NOW));
        Statement::read(&signer.sign(LEDGER_TYPE, &claims), &signer.keys()).unwrap()
    };
    let known = statement(&[*heads.last().unwrap()]);
    assert_eq!(verify_with(&lines, &signer.keys(), std::slice::from_ref(&known)).outcome, Outcome::Proven);
    let end = place(&lines, heads[2].seq) + 1;
    let cut = &lines[..end];
    assert_eq!(verify(cut).outcome, Outcome::Proven, "cut behind a checkpoint, nothing shows it");
    let report = verify_with(cut, &signer.keys(), &[known]);
    let fault = &report.faults[0];
    assert_eq!((fault.kind, fault.at.unwrap().line), (FaultKind::Truncated, u64::try_from(end).unwrap()));
    assert_eq!(fault.seq, Some((heads[2].seq + 1, heads.last().unwrap().seq)));

    let report = verify_with(&lines, &signer.keys(), &[statement(&[heads[0], others[0]])]);
    assert_eq!(faults(&report), [(FaultKind::ShardMissing, 0)]);
    assert_eq!(report.faults[0].shard, Some(Shard::new([2; 16]).name()));
    let contradicting = statement(&[Head { seq: heads[0].seq, ..heads[1] }]);
    let report = verify_with(&lines, &signer.keys(), &[contradicting]);
    assert_eq!(faults(&report), [(FaultKind::Contradicted, heads[0].seq + 1)]);
}

#[test]
fn a_checkpoint_that_was_kept_shows_what_was_cut() {
    let signer = Signer::new(1);
    let (lines, heads) = written(1, 30, &signer);
    let jws = lines.last().unwrap().split(r#""jws":""#).nth(1).unwrap().trim_end_matches("\"}");
    let kept = Statement::read(jws, &signer.keys()).unwrap();
    let cut = &lines[..=place(&lines, heads[1].seq)];
    assert_eq!(faults(&verify_with(cut, &signer.keys(), &[kept]))[0].0, FaultKind::Truncated);
}

#[test]
fn shards_may_be_mixed() {
    let signer = Signer::new(1);
    let shards: Vec<_> = (1..=3).map(|shard| written(shard, 20, &signer).0).collect();
    let mut mixed: Vec<String> = Vec::new();
    for index in 0..shards[0].len() {
        mixed.extend(shards.iter().map(|lines| lines[index].clone()));
    }
    let report = verify(&mixed);
    assert_eq!((report.outcome, report.shards.len()), (Outcome::Proven, 3), "{report:?}");
    mixed[30] = mixed[30].replace("deny", "allow");
    let report = verify(&mixed);
    assert_eq!(faults(&report), [(FaultKind::Edited, 31)]);
    assert_eq!(report.shards.iter().filter(|shard| shard.is_proven()).count(), 2);
}

#[test]
fn a_log_can_be_read_from_a_later_time_on() {
    let signer = Signer::new(1);
    let (lines, _) = written(1, 30, &signer);
    let half = &lines[place(&lines, 12)..];
    assert_eq!(faults(&verify(half)), [(FaultKind::Missing, 1)]);
    let read = |lines: &[String], since| {
        let keys = signer.keys();
        let mut verifier = Verifier::new(&keys).since(UnixMillis(since));
        for (line, number) in lines.iter().zip(1..) {
            verifier.line(line.as_bytes(), Position { file: 0, line: number });
        }
        verifier.finish()
    };
    // What was before the first line that is there may have been as late.
    let report = read(half, NOW + 9_000);
    assert_eq!((report.outcome, report.shards[0].first), (Outcome::Unproven, 12));
    assert_eq!(report.shards[0].proven, None);
    // The last line that is older says that nothing was.
    let report = read(half, NOW + 15_000);
    assert_eq!(report.outcome, Outcome::Proven, "{report:?}");
    assert!(report.shards[0].first > 12);
    let mut edited = lines.clone();
    edited[3] = edited[3].replace("deny", "allow");
    assert_eq!(read(&edited, NOW + 9_000).outcome, Outcome::Proven);
    assert_eq!(read(&edited, NOW).outcome, Outcome::Faulty);
}

#[test]
fn what_is_made_to_look_older_is_not_passed_over() {
    let signer = Signer::new(1);
    let (lines, _) = written(1, 30, &signer);
    let read = |lines: &[String]| {
        let keys = signer.keys();
        let mut verifier = Verifier::new(&keys).since(UnixMillis(NOW));
        for (line, number) in lines.iter().zip(1..) {
            verifier.line(line.as_bytes(), Position { file: 0, line: number });
        }
        verifier.finish()
    };
    assert_eq!(read(&lines).outcome, Outcome::Proven);
    let older = |line: &String| line.replace(&format!("\"time\":{}", NOW / 100_000), "\"time\":1");
    for prefix in 1..8 {
        let mut edited = lines.clone();
        edited.iter_mut().take(prefix).for_each(|line| *line = older(line));
        assert_ne!(edited, lines);
        let report = read(&edited);
        assert_eq!(report.outcome, Outcome::Faulty, "{prefix}");
        assert_eq!(faults(&report)[0].0, FaultKind::Edited, "{prefix}");
        // Nor does it help to leave some of it out.
        edited.remove(prefix - 1);
        assert_ne!(read(&edited).outcome, Outcome::Proven, "{prefix}");
    }
}

#[test]
fn a_place_that_takes_nothing_loses_nothing_that_there_is_room_for() {
    let signer = Signer::new(1);
    let mut log = log(1, settings(AuditSink::R2));
    let now = UnixMillis(NOW);
    for number in 0..12 {
        log.decision(&decision(number), now);
    }
    assert!(log.begin(now));
    let Some(Work::Sign(claims)) = log.work(now) else { unreachable!() };
    log.signed(Some(&signer.sign(CHECKPOINT_TYPE, &claims)), now);
    let Some(Work::Write(batch)) = log.work(now) else { unreachable!() };
    assert_eq!(log.failed(now), Duration::from_secs(1));
    log.end();
    // Not before the pause is over, and then the same again.
    assert!(!log.begin(now));
    log.decision(&decision(12), now);
    let later = UnixMillis(NOW + 1_000);
    assert!(log.begin(later));
    assert_eq!(log.work(later), Some(Work::Write(batch.clone())));
    assert_eq!(log.failed(later), Duration::from_secs(2));
    log.end();
    let mut text = String::new();
    let heads = flush(&mut log, Some(&signer), UnixMillis(NOW + 10_000), &mut text);
    assert_eq!(heads[0], batch.head);
    let report = verify(&text.lines().collect::<Vec<_>>());
    assert_eq!((report.outcome, report.shards[0].decisions, report.shards[0].lost), (Outcome::Proven, 13, 0));
}

#[test]
fn what_there_is_no_room_for_is_counted_in_the_log() {
    let signer = Signer::new(1);
    let mut log = log(1, settings(AuditSink::Queue));
    for number in 0..1_000 {
        log.decision(&decision(number), UnixMillis(NOW + number));
    }
    let lost = log.lost();
    assert!(lost > 500 && lost < 1_000, "{lost}");
    let mut text = String::new();
    flush(&mut log, Some(&signer), UnixMillis(NOW + 2_000), &mut text);
    log.decision(&decision(1_000), UnixMillis(NOW + 3_000));
    flush(&mut log, Some(&signer), UnixMillis(NOW + 3_000), &mut text);
    let report = verify(&text.lines().collect::<Vec<_>>());
    assert_eq!((report.outcome, report.shards[0].lost), (Outcome::Proven, lost));
    assert_eq!(report.shards[0].decisions, 1_001 - lost);
    assert_eq!(log.lost(), 0);
    let gap: Value =
        serde_json::from_str(text.lines().find(|line| line.contains(r#""type":"gap""#)).unwrap()).unwrap();
    assert_eq!((&gap["lost"], &gap["since"]), (&json!(lost), &json!(NOW + 1_000 - lost)));
}

#[test]
fn messages_of_a_queue_have_a_bound() {
    let signer = Signer::new(1);
    let mut log = log(1, Audit { batch_lines: 5_000, buffer_bytes: 1 << 20, ..settings(AuditSink::Queue) });
    for number in 0..1_500 {
        log.decision(&decision(number), UnixMillis(NOW));
    }
    assert!(log.begin(UnixMillis(NOW)));
    let mut batches = 0;
    while let Some(work) = log.work(UnixMillis(NOW)) {
        match work {
            Work::Sign(claims) => {
                log.signed(Some(&signer.sign(CHECKPOINT_TYPE, &claims)), UnixMillis(NOW));
            }
            Work::Write(batch) => {
                assert!(batch.text.len() < 100 * 1024, "{}", batch.text.len());
                log.written(batch.head);
                batches += 1;
            }
        }
    }
    assert!(batches > 3);
}

#[test]
fn a_host_is_asked_to_come_once_and_in_time() {
    let mut log = log(1, settings(AuditSink::R2));
    let at = |millis: u64| UnixMillis(NOW + millis);
    assert_eq!(log.plan(at(0)), None, "nothing happened yet");
    log.decision(&decision(0), at(0));
    assert_eq!(log.plan(at(0)), Some(Duration::from_secs(5)));
    log.decision(&decision(1), at(100));
    assert_eq!(log.plan(at(100)), None, "somebody comes");
    for number in 2..6 {
        log.decision(&decision(number), at(200));
    }
    assert_eq!(log.plan(at(200)), Some(Duration::ZERO), "the batch is full");
    assert!(log.begin(at(200)));
    assert!(!log.begin(at(300)), "somebody writes");
    assert_eq!(log.plan(at(300)), None);
    // Whoever wrote was killed.
    assert!(log.begin(at(61_000)));
    log.end();
    let mut log = self::log(1, settings(AuditSink::R2));
    log.decision(&decision(0), at(0));
    assert!(log.plan(at(0)).is_some());
    log.decision(&decision(1), at(100_000));
    assert!(log.plan(at(100_000)).is_some(), "whoever was to come was killed");
}

#[test]
fn a_console_gets_lines_at_once_and_checkpoints_now_and_then() {
    let signer = Signer::new(1);
    let mut log = log(1, settings(AuditSink::Console));
    let mut text = String::new();
    let lines = |text: &str| text.lines().count();
    log.decision(&decision(0), UnixMillis(NOW));
    assert_eq!(log.plan(UnixMillis(NOW)), Some(Duration::ZERO));
    flush(&mut log, Some(&signer), UnixMillis(NOW), &mut text);
    assert_eq!(lines(&text), 3, "the first lines are checkpointed");
    log.decision(&decision(1), UnixMillis(NOW + 1_000));
    flush(&mut log, Some(&signer), UnixMillis(NOW + 1_000), &mut text);
    assert_eq!(lines(&text), 4);
    assert_eq!(verify(&text.lines().collect::<Vec<_>>()).outcome, Outcome::Unproven);
    // Nothing else happens, and still the last line gets its checkpoint.
    assert_eq!(log.plan(UnixMillis(NOW + 1_000)), Some(Duration::from_secs(5)));
    flush(&mut log, Some(&signer), UnixMillis(NOW + 6_000), &mut text);
    assert_eq!(verify(&text.lines().collect::<Vec<_>>()).outcome, Outcome::Proven);
    assert_eq!(log.plan(UnixMillis(NOW + 6_000)), None);
}

#[test]
fn refusals_alone_can_be_logged() {
    let mut log = log(1, Audit { level: AuditLevel::Refusals, ..settings(AuditSink::R2) });
    let mut allowed = decision(0);
    allowed.reason = None;
    log.decision(&allowed, UnixMillis(NOW));
    assert_eq!(log.plan(UnixMillis(NOW)), None);
    log.decision(&decision(1), UnixMillis(NOW));
    assert!(log.plan(UnixMillis(NOW)).is_some());
}

#[test]
fn without_a_signature_lines_are_written_and_the_next_checkpoint_covers_them() {
    let signer = Signer::new(1);
    let mut log = log(1, settings(AuditSink::R2));
    let mut text = String::new();
    log.decision(&decision(0), UnixMillis(NOW));
    flush(&mut log, None, UnixMillis(NOW), &mut text);
    assert_eq!(verify(&text.lines().collect::<Vec<_>>()).outcome, Outcome::Unproven);
    log.decision(&decision(1), UnixMillis(NOW));
    flush(&mut log, Some(&signer), UnixMillis(NOW), &mut text);
    assert_eq!(verify(&text.lines().collect::<Vec<_>>()).outcome, Outcome::Proven);
}

#[test]
fn garbage_is_named_line_by_line_and_counted_beyond() {
    let report = verify(&vec!["{}"; 1_500]);
    assert_eq!((report.faults.len(), report.more_faults, report.lines), (1_000, 500, 1_500));
    let nested = "[".repeat(100_000);
    for line in ["null", "{\"a\":1,\"a\":1}", "\u{feff}{}", nested.as_str()] {
        assert_eq!(faults(&verify(&[line])), [(FaultKind::Malformed, 1)]);
    }
    assert_eq!(faults(&verify(&[&[0xff, 0xfe][..]])), [(FaultKind::Malformed, 1)]);
}

/// A change of one line, or of where it stands.
#[derive(Clone, Debug)]
enum Mutation {
    Edit { byte: prop::sample::Index, xor: u8 },
    Drop,
    Repeat { to: prop::sample::Index },
    Move { to: prop::sample::Index },
    Forge { code: u8 },
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), 1..=255_u8).prop_map(|(byte, xor)| Mutation::Edit { byte, xor }),
        1 => Just(Mutation::Drop),
        1 => index().prop_map(|to| Mutation::Repeat { to }),
        1 => index().prop_map(|to| Mutation::Move { to }),
        1 => any::<u8>().prop_map(|code| Mutation::Forge { code }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Two shards side by side; the last line of each is its checkpoint, and known.
    #[test]
    fn whatever_is_changed_is_found_and_the_line_is_named(
        at in any::<prop::sample::Index>(),
        mutation in mutations(),
    ) {
        let signer = Signer::new(1);
        let (mut lines, one) = written(1, 40, &signer);
        let (others, two) = written(2, 20, &signer);
        lines.extend(others);
        let lines: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
        let heads = [one.last(), two.last()].map(|head| Recorded { number: 1, head: *head.unwrap() });
        let claims = ledger::claims("https://api.example", &heads, 2, 0, UnixMillis(NOW));
        let known = Statement::read(&signer.sign(LEDGER_TYPE, &claims), &signer.keys()).unwrap();
        prop_assert_eq!(verify_with(&lines, &signer.keys(), std::slice::from_ref(&known)).outcome, Outcome::Proven);

        let at = at.index(lines.len());
        let mut changed = lines.clone();
        // Where the change can be seen: the line itself, or what stands where it was.
        let mut places = vec![at];
        match &mutation {
            Mutation::Edit { byte, xor } => {
                let byte = byte.index(changed[at].len());
                changed[at][byte] ^= xor;
            }
            Mutation::Drop => {
                changed.remove(at);
                places.push(at.saturating_sub(1));
            }
            Mutation::Repeat { to } => {
                let to = to.index(lines.len());
                changed.insert(to, lines[at].clone());
                places = vec![to, at, at + 1];
            }
            Mutation::Move { to } => {
                let to = to.index(lines.len());
                let line = changed.remove(at);
                changed.insert(to, line);
                // Lines that were passed by stand before what they should stand behind.
                places = vec![to, at, at + 1, to + 1];
            }
            Mutation::Forge { code } => {
                let forged = String::from_utf8(lines[at].clone()).unwrap();
                changed.insert(at, forged.replacen("\"time\":", &format!("\"time\":{code}"), 1).into_bytes());
                places.push(at + 1);
            }
        }
        prop_assume!(changed != lines);
        let order_of = |lines: &[Vec<u8>], shard: u8| -> Vec<Vec<u8>> {
            let name = Shard::new([shard; 16]).name();
            lines.iter().filter(|line| line.windows(22).any(|w| w == name.as_bytes())).cloned().collect()
        };
        // Where shards stand against each other means nothing.
        prop_assume!(
            changed.len() != lines.len()
                || (1..=2).any(|shard| order_of(&changed, shard) != order_of(&lines, shard))
        );
        let report = verify_with(&changed, &signer.keys(), &[known]);
        prop_assert_eq!(report.outcome, Outcome::Faulty);
        let named: Vec<u64> = report.faults.iter().filter_map(|fault| fault.at).map(|at| at.line - 1).collect();
        prop_assert!(
            places.iter().any(|place| named.contains(&u64::try_from(*place).unwrap())),
            "{:?} at {}: {:?}", mutation, at, report.faults
        );
    }
}

#[test]
fn many_holes_are_told_one_by_one() {
    let (lines, _) = written(1, 120, &Signer::new(1));
    let gappy: Vec<_> =
        lines.iter().enumerate().filter(|(index, _)| index % 3 != 1).map(|(_, line)| line.clone()).collect();
    let report = verify(&gappy);
    let missing = report.faults.iter().filter(|fault| fault.kind == FaultKind::Missing).count();
    assert_eq!(missing, lines.len() - gappy.len());
    assert_eq!(report.shards[0].proven, None);
}

#[test]
fn shards_beyond_what_can_be_told_apart_are_named() {
    let keys = Signer::new(1).keys();
    let mut verifier = Verifier::new(&keys);
    let count = u64::try_from(MAX_SHARDS).unwrap() + 1;
    for number in 0..count {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&number.to_be_bytes());
        let line =
            Chain::new(Shard::new(name)).append(&Entry::start("https://api.example", "0", UnixMillis(NOW)));
        verifier.line(line.as_bytes(), Position { file: 0, line: number + 1 });
    }
    let report = verifier.finish();
    assert_eq!(faults(&report), [(FaultKind::TooManyShards, count)]);
    assert_eq!((report.shards.len(), report.lines), (MAX_SHARDS, count));
}
