//! `cargo xtask fuzz`: the targets of `fuzz/` under libFuzzer, and a short run of each as a step of the tests.
//!
//! libFuzzer is built by a C++ compiler. Where there is none, the step runs the same bodies as property tests, and says
//! so. Without sanitizers, which would want nightly Rust: the code has no `unsafe`, and what is looked for are panics,
//! loops and memory.

use std::ffi::OsStr;
use std::fs;

use crate::command::{Outcome, Run};
use crate::tools;
use crate::workspace::Workspace;

/// How long one target runs as a step of the tests.
const SMOKE_SECONDS: u32 = 2;
/// How long one target runs where nothing else is said.
const SECONDS: u32 = 60;
/// An input that takes longer is a finding, in seconds; the slowest known takes a hundredth of one.
const TIMEOUT: u32 = 10;
/// More memory is a finding, in MiB; the fuzzer's own is the most of it.
const MEMORY: u32 = 512;
/// The longest input, in bytes: as long as the longest document that is read.
const LONGEST: u32 = 64 * 1024;

/// Runs one target, or all, in turn.
pub(crate) fn run(workspace: &Workspace, flags: &[String]) -> Outcome {
    let (mut target, mut seconds) = (None, SECONDS);
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        match flag.as_str() {
            "--seconds" => {
                let number = flags.next().and_then(|number| number.parse().ok());
                seconds = number.ok_or("--seconds needs a number")?;
            }
            name if !name.starts_with('-') && target.is_none() => target = Some(name),
            other => return Err(format!("fuzz takes a target and --seconds N, not {other}")),
        }
    }
    if !has_compiler() {
        return Err("a C++ compiler is missing; `cargo xtask test --only fuzz` does without".into());
    }
    let targets = targets(workspace)?;
    let chosen: Vec<_> = targets.iter().filter(|name| target.is_none_or(|wanted| wanted == *name)).collect();
    if chosen.is_empty() {
        return Err(format!("no such target; there are {}", targets.join(", ")));
    }
    build(workspace)?;
    chosen.into_iter().try_for_each(|name| fuzz(workspace, name, seconds))
}

/// The step of the tests: a short run of each target, or what can be had in its place.
pub(crate) fn smoke(workspace: &Workspace) -> Outcome<Option<String>> {
    if !has_compiler() {
        let test = ["--package", "countersign", "--test", "no_input_panics_or_allocates_past_its_bound"];
        workspace.cargo().arg("test").args(test).foreground()?;
        return Ok(Some("a C++ compiler is missing: the bodies ran as property tests".into()));
    }
    build(workspace)?;
    for target in targets(workspace)? {
        fuzz(workspace, &target, SMOKE_SECONDS)?;
    }
    Ok(None)
}

/// Whether there is what libFuzzer cannot be built without.
fn has_compiler() -> bool {
    cfg!(unix) && Run::new("c++").arg("--version").output().is_ok()
}

/// The names of the targets: those of the files.
fn targets(workspace: &Workspace) -> Outcome<Vec<String>> {
    let folder =
        fs::read_dir(workspace.path("fuzz/fuzz_targets")).map_err(|e| format!("no fuzz targets: {e}"))?;
    let mut names: Vec<_> = folder
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn cargo_fuzz(workspace: &Workspace) -> Outcome<Run> {
    let run = Run::new(tools::cargo_fuzz(workspace)?).arg("fuzz").dir(workspace.path("."));
    // It sets its own, and what is set for us is meant for what Cargo builds here.
    Ok(run.env_remove("RUSTFLAGS"))
}

fn build(workspace: &Workspace) -> Outcome {
    cargo_fuzz(workspace)?.args(["build", "--sanitizer", "none"]).aside()
}

/// Runs a target from its seeds; what it finds on the way is kept in `fuzz/corpus`, crashes in `fuzz/artifacts`.
fn fuzz(workspace: &Workspace, target: &str, seconds: u32) -> Outcome {
    let corpus = workspace.path("fuzz/corpus").join(target);
    fs::create_dir_all(&corpus).map_err(|e| format!("cannot make {}: {e}", corpus.display()))?;
    let seeds = workspace.path("fuzz/seeds").join(target);
    let run = cargo_fuzz(workspace)?.args(["run", "--sanitizer", "none"]).arg(target);
    let options = [
        format!("-max_total_time={seconds}"),
        format!("-timeout={TIMEOUT}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-max_len={LONGEST}"),
        "-print_final_stats=1".into(),
        "-verbosity=0".into(),
    ];
    run.args([corpus.as_os_str(), seeds.as_os_str(), OsStr::new("--")]).args(options).foreground()
}
