//! `audit verify`: files, stdin and ledgers; what is said of faults, and exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use countersign::audit::ledger::{self, LEDGER_TYPE, Recorded};
use countersign::audit::log::Work;
use countersign::audit::signed::signing_input;
use countersign::audit::{CHECKPOINT_TYPE, Head, Log, Shard};
use countersign::config::{Audit, AuditLevel, AuditSink};
use countersign::encoding::base64url;
use countersign::engine::Session;
use countersign::reason::Reason;
use countersign::time::UnixMillis;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};
use support::{Run, file, run, run_with};

const NOW: u64 = 1_790_000_000_000;

fn pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([7; 32]))
}

fn kid() -> String {
    base64url::encode(&*pair().pk)
}

fn sign(typ: &str, claims: &Value) -> String {
    let input = signing_input(typ, &kid(), claims);
    format!("{input}.{}", base64url::encode(&*pair().sk.sign(input.as_bytes(), None)))
}

fn keys() -> String {
    // Once: tests run side by side, and one would read what another is writing.
    static FILE: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let set = || json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": kid(), "kid": kid() }] });
    FILE.get_or_init(|| file("audit-keys.json", set().to_string())).clone()
}

/// The lines of a shard with so many decisions, and its head.
fn log(shard: u8, decisions: u64) -> (Vec<String>, Head) {
    let settings = Audit {
        sink: AuditSink::R2,
        level: AuditLevel::All,
        batch_lines: 5,
        batch_wait: Duration::from_secs(5),
        buffer_bytes: 1 << 20,
    };
    let mut log = Log::new(settings, Shard::new([shard; 16]), "https://api.example", "0", UnixMillis(NOW));
    for number in 0..decisions {
        let now = UnixMillis(NOW + number * 1000);
        log.decision(&Session::refuse_unviewable(Reason::RequestPathAmbiguous, now, [shard; 10]), now);
    }
    let (mut text, mut head) = (String::new(), None);
    assert!(log.begin(UnixMillis(NOW)));
    while let Some(work) = log.work(UnixMillis(NOW)) {
        match work {
            Work::Sign(claims) => log.signed(Some(&sign(CHECKPOINT_TYPE, &claims)), UnixMillis(NOW)),
            Work::Write(batch) => {
                text.push_str(&batch.text);
                head = Some(batch.head);
                log.written(batch.head);
            }
        }
    }
    (text.lines().map(str::to_owned).collect(), head.unwrap())
}

fn statement(heads: &[Head]) -> String {
    let rows: Vec<_> = (1..).zip(heads).map(|(number, head)| Recorded { number, head: *head }).collect();
    sign(LEDGER_TYPE, &ledger::claims("https://api.example", &rows, 9, 0, UnixMillis(NOW)))
}

fn verify(files: &[&str], options: &[&str]) -> Run {
    let keys = keys();
    let words = [&["audit", "verify"], files, &["--keys", &keys], options].concat();
    run(&words)
}

#[test]
fn a_log_in_several_files_is_proven() {
    let (lines, head) = log(1, 20);
    let (others, _) = log(2, 3);
    let first = file("audit-first.jsonl", lines[..9].join("\n") + "\n");
    // Without a line break at its end.
    let second = file("audit-second.jsonl", lines[9..].join("\n"));
    let third = file("audit-third.jsonl", others.join("\n") + "\n");
    let found = verify(&[&first, &second, &third], &[]);
    assert_eq!(found.code, Some(0), "{}{}", found.stdout, found.stderr);
    let total = lines.len() + others.len();
    assert!(found.stdout.starts_with(&format!("proven: {total} lines, 2 shards\n")), "{}", found.stdout);
    assert!(found.stdout.contains(&format!("lines 0 to {}, all proven; 20 decisions", head.seq)));
    // In another order, what comes late was moved.
    assert_eq!(verify(&[&second, &first], &[]).code, Some(1));
}

#[test]
fn a_fault_has_its_file_and_line() {
    let (mut lines, _) = log(1, 20);
    lines[12] = lines[12].replace("deny", "allow");
    let first = file("audit-fault-1.jsonl", lines[..9].join("\n") + "\n");
    let second = file("audit-fault-2.jsonl", lines[9..].join("\n") + "\n");
    let found = verify(&[&first, &second], &[]);
    assert_eq!(found.code, Some(1));
    assert!(found.stdout.starts_with("faulty: "), "{}", found.stdout);
    assert!(found.stdout.contains(&format!("\n{second}:4: was edited (shard ")), "{}", found.stdout);
    let found = verify(&[&first, &second], &["--json"]);
    let report: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((found.code, &report["outcome"]), (Some(1), &json!("faulty")));
    let fault = &report["faults"][0];
    assert_eq!((&fault["kind"], &fault["at"]), (&json!("edited"), &json!({ "file": second, "line": 4 })));
}

#[test]
fn what_is_not_covered_is_unproven() {
    let (lines, _) = log(1, 3);
    let path = file("audit-unproven.jsonl", lines[..lines.len() - 1].join("\n") + "\n");
    let found = verify(&[&path], &[]);
    assert_eq!(found.code, Some(1));
    assert!(
        found.stdout.starts_with("unproven: ") && found.stdout.contains("nothing proven"),
        "{}",
        found.stdout
    );
    let empty = file("audit-empty.jsonl", "");
    assert_eq!(verify(&[&empty], &[]).code, Some(1));
}

#[test]
fn a_ledger_shows_what_was_dropped() {
    let (lines, head) = log(1, 20);
    let (_, other) = log(2, 3);
    let checkpoint = lines.iter().position(|line| line.contains("\"checkpoint\"")).unwrap();
    let cut = file("audit-cut.jsonl", lines[..=checkpoint].join("\n") + "\n");
    assert_eq!(verify(&[&cut], &[]).code, Some(0));
    let ledger = file("audit-ledger.txt", statement(&[head, other]) + "\n");
    let found = verify(&[&cut], &["--ledger", &ledger]);
    assert_eq!(found.code, Some(1));
    assert!(found.stdout.contains("lines after it were dropped"), "{}", found.stdout);
    assert!(found.stdout.contains("\na whole shard was dropped (shard "), "{}", found.stdout);
    // A line of the log itself, kept elsewhere, is as good.
    let kept = file("audit-kept.jsonl", lines.last().unwrap());
    assert!(verify(&[&cut], &["--ledger", &kept]).stdout.contains("lines after it were dropped"));
    let forged = file("audit-forged.txt", statement(&[head]).replace("..", ".").replacen('A', "B", 1));
    let found = verify(&[&cut], &["--ledger", &forged]);
    assert_ne!(found.code, Some(0));
    assert!(found.stderr.contains(", line 1: "), "{}", found.stderr);
}

#[test]
fn collected_lines_can_be_sorted_before() {
    let (mut lines, _) = log(1, 20);
    lines.extend(log(2, 12).0);
    let sorted = lines.clone();
    // The lines at even places, then the others from the end.
    let even = lines.iter().step_by(2);
    let shuffled: Vec<_> = even.chain(lines.iter().skip(1).step_by(2).rev()).cloned().collect();
    let path = file("audit-shuffled.jsonl", shuffled.join("\n") + "\n");
    let output = std::process::Command::new("sort")
        .env("LC_ALL", "C")
        .args(["-t,", "-k1,1", "-k2.7,2n"])
        .arg(&path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), sorted);
    let found = run_with(&["audit", "verify", "-", "--keys", &keys()], &text);
    assert_eq!(found.code, Some(0), "{}", found.stdout);
}

#[test]
fn from_a_time_on_shards_begin_behind_an_older_line() {
    let (lines, _) = log(1, 20);
    let path = file("audit-since.jsonl", lines[10..].join("\n") + "\n");
    assert_eq!(verify(&[&path], &[]).code, Some(1));
    let from = |seconds: u64| verify(&[&path], &["--since", &(NOW / 1000 + seconds).to_string()]);
    let found = from(12);
    assert_eq!(found.code, Some(0), "{}", found.stdout);
    assert!(!found.stdout.contains("lines 0 to "), "{}", found.stdout);
    assert_ne!(from(0).code, Some(0), "what was before the first line may be as late");
}

#[test]
fn a_long_line_is_judged_by_its_length_and_the_next_is_read() {
    let (mut lines, _) = log(1, 3);
    lines.insert(2, format!("{{\"x\":\"{}\"}}", "x".repeat(3_000_000)));
    let path = file("audit-long.jsonl", lines.join("\n") + "\n");
    let found = verify(&[&path], &[]);
    assert!(found.stdout.contains(":3: is no line of an audit log\n"), "{}", found.stdout);
    assert!(!found.stdout.contains(":4:"), "{}", found.stdout);
}

#[test]
fn what_cannot_be_read_is_no_verdict() {
    let (lines, _) = log(1, 3);
    let path = file("audit-some.jsonl", lines.join("\n"));
    let keys = keys();
    let no_keys = file("audit-no-keys.json", r#"{"keys":[]}"#);
    for words in [
        &["audit", "verify", "no/such/file", "--keys", &keys][..],
        &["audit", "verify", &path],
        &["audit", "verify", "--keys", &keys],
        &["audit", "verify", &path, "--keys", "no/such/file"],
        &["audit", "verify", &path, "--keys", &no_keys],
        &["audit", "verify", &path, "--keys", &path],
        &["audit", "verify", "-", "--keys", "-"],
        &["audit", "verify", &path, "--keys", &keys, "--since", "yesterday"],
    ] {
        let found = run(words);
        assert_eq!((found.code, found.stdout.as_str()), (Some(2), ""), "{words:?}");
        assert!(found.stderr.starts_with("countersign: "), "{}", found.stderr);
    }
    let found = run(&["audit", "verify", "no/such/file", "--keys", &keys, "--json"]);
    let error: Value = serde_json::from_str(&found.stdout).unwrap();
    assert!(error["error"].as_str().unwrap().contains("no/such/file"));
}
