//! The bodies of `fuzz/`, on stable Rust: arbitrary bytes, texts of the grammars' pieces, and seeds with stretches of
//! them replaced. No input panics, and none allocates more than its body's bound.
//!
//! One test in this file: allocations are counted for the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is a crate of its own to the fuzz targets")]
mod bodies;

use std::alloc::System;
use std::path::PathBuf;

use bodies::{BODIES, Body};
use cap::Cap;
use countersign::encoding::base64url;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Pieces from which texts arise that get further than arbitrary bytes do.
const PIECES: &[&str] = &[
    "sig1=",
    "s=",
    "a=",
    "(",
    ")",
    "\"@authority\"",
    "\"@method\"",
    "\"@query-param\";name=\"id\"",
    "\"@status\"",
    "\"x-a\"",
    "\"signature-agent\"",
    "\"signature\"",
    ";key=\"sig1\"",
    ";key=\"a\"",
    ";bs",
    ";sf",
    ";req",
    ";tr",
    ";created=1790000000",
    ";expires=1790000060",
    ";keyid=\"k\"",
    ";tag=\"web-bot-auth\"",
    ";alg=\"ed25519\"",
    ";nonce",
    ":AAAA:",
    ":",
    "?1",
    "@1790000000",
    "1.5",
    "-",
    "999999999999999",
    "%\"%c3%a9\"",
    "\"https://agents.example\"",
    "GET https://shop.example/a?id=7",
    "POST http://[::1]:80/%2e?",
    "x-a: a=1, b=(1 2);c",
    "x-a:",
    "Signature: ",
    "Signature-Input: ",
    "Signature-Agent: ",
    "\n",
    "\n\n",
    ",",
    ", ",
    " ",
    "\t",
    ";",
    "=",
    "\"",
    "\\",
    "é",
    "\u{0}",
    "{",
    "}",
    "[",
    "]",
    "\"keys\":",
    "\"kty\":\"OKP\",",
    "\"crv\":\"Ed25519\",",
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"",
    "\"d\":null",
    "1e9",
    "\\u0000",
    "\"alg\":\"EdDSA\",",
    "\"typ\":\"dpop+jwt\",",
    "\"kid\":\"k\",",
    "\"jwk\":{\"kty\":\"OKP\"},",
    "\"crit\":[]",
    "\"iss\":\"https://auth.shop.example\",",
    "\"aud\":[\"https://shop.example\"],",
    "\"exp\":1790000060,",
    "\"act\":{\"sub\":\"a\"},",
    "\"htu\":\"https://shop.example/orders\",",
    "eyJhbGciOiJFZERTQSJ9",
    ".",
    "AA",
    "==",
];

/// What costs most for its length: many short members, parameters, components, lines, values.
const DENSE: &[(&str, &str, &str)] = &[
    ("a", ";a=1", ""),
    ("", "a,", "a"),
    ("", "(),", "()"),
    ("(", "a ", "a)"),
    ("s=(", "\"x-a\";bs ", "\"x-b\")\ns=:AA==:\nx-a: 1"),
    ("s=()\ns=:AA==:\n", "x:\n", ""),
    ("GET https://a/?a\n(\"@query\")\n", "x:1\n", ""),
    ("GET https://a/?", "&a", "\n(\"@query-param\";name=\"b\" \"@query-param\";name=\"c\")"),
    ("[", "1,", "1]"),
    ("[", "[],", "1]"),
    ("[[[[[[[[", "{},", "1]"),
    ("{\"keys\":[", "{},", "{}]}"),
    (
        "{\"keys\":[",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},",
        "{}]}",
    ),
    ("{\"iss\":\"a\",\"aud\":\"b\",\"exp\":1,\"scope\":\"", "a ", "a\"}"),
    ("{\"iss\":\"a\",\"exp\":1,\"aud\":[", "\"\",", "\"\"]}"),
    ("{\"iss\":\"a\",\"aud\":\"b\",\"exp\":1,\"roles\":[", "\"a\",", "\"a\"]}"),
    ("{\"typ\":\"dpop+jwt\",\"alg\":\"EdDSA\",\"x\":[", "1,", "1]}\n{}"),
    (
        "GET https://shop.example/\nSignature-Agent: ",
        "a=\"https://agents.example\",",
        "b=1\nSignature-Input: s=();tag=\"web-bot-auth\"",
    ),
];

fn dense() -> impl Strategy<Value = Vec<u8>> {
    let texts = (select(DENSE), 0..3000_usize);
    texts.prop_map(|((start, repeated, end), times)| {
        format!("{start}{}{end}", repeated.repeat(times)).into_bytes()
    })
}

/// A signature whose every component has the whole of one long Dictionary parsed for one member of it.
fn a_dictionary_parsed_for_each_component() -> Vec<u8> {
    let components: Vec<_> = (0..64).map(|i| format!("\"x-a\";key=\"a{i}\"")).collect();
    let members: Vec<_> = (0..120).map(|i| format!("a{i}=1")).collect();
    let fields = format!("x-a: {}", members.join(","));
    format!("GET https://a/\n({})\n{fields}", components.join(" ")).into_bytes()
}

/// A token whose header has as many values as fit.
fn a_header_of_many_values() -> Vec<u8> {
    let header = format!(r#"{{"alg":"EdDSA","x":[{}1]}}"#, "1,".repeat(2900));
    format!("{}.e30.AA", base64url::encode(header.as_bytes())).into_bytes()
}

fn input(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed =
        (select(seeds), any::<Index>(), any::<Index>(), prop::collection::vec(select(PIECES), 0..3));
    let changed = changed.prop_map(|(seed, from, to, pieces)| {
        let (from, to) = (from.index(seed.len() + 1), to.index(seed.len() + 1));
        // Mostly short stretches: most of the seed must stay for it to lead anywhere.
        let to = from + to.saturating_sub(from).min(8);
        [&seed[..from], pieces.concat().as_bytes(), &seed[to..]].concat()
    });
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200),
        2 => prop::collection::vec(select(PIECES), 0..40).prop_map(|pieces| pieces.concat().into_bytes()),
        2 => dense(),
        4 => changed,
    ]
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// How much one input allocated, freed or not.
fn allocated(body: &Body, input: &[u8]) -> usize {
    let before = ALLOCATOR.total_allocated();
    (body.run)(input);
    ALLOCATOR.total_allocated() - before
}

#[test]
fn no_input_panics_or_allocates_past_its_bound() {
    for body in &BODIES {
        let seeds = seeds(body.name);
        assert!(!seeds.is_empty());
        // What is made once is not the input's.
        (body.run)(&seeds[0]);
        let most = std::cell::Cell::new(0.0_f64);
        let check = |input: &[u8]| {
            let (used, bound) = (allocated(body, input), body.bytes + body.bytes_per_byte * input.len());
            #[allow(clippy::cast_precision_loss)]
            let share = used as f64 / bound as f64;
            most.set(most.get().max(share));
            assert!(
                used <= bound,
                "{}: {} bytes of input allocated {used}, more than {bound}",
                body.name,
                input.len()
            );
        };
        for seed in &seeds {
            check(seed);
        }
        check(&a_dictionary_parsed_for_each_component());
        check(&a_header_of_many_values());
        let config = Config { cases: 800, failure_persistence: None, ..Config::default() };
        let result = TestRunner::new(config).run(&input(seeds.clone()), |input| {
            check(&input);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{}: {error}", body.name);
        }
        println!("{}: at most {:.0} % of its bound", body.name, most.get() * 100.0);
    }
}
