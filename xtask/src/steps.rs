//! `cargo xtask test`: everything that must hold before a change lands, as a list of named steps.
//!
//! All steps run even after one failed, so that one run shows everything that is wrong. Their order is that of
//! the cost of being wrong: first what takes seconds, and what later steps build upon.

use std::ffi::OsStr;
use std::fs;
use std::time::{Duration, Instant};

use crate::command::{Outcome, Run};
use crate::fuzz;
use crate::npm;
use crate::packages;
use crate::system::{self, CHROMIUM, REDIS_SERVER};
use crate::tools::{self, Node};
use crate::worker;
use crate::workspace::Workspace;

/// Passed; with a remark where not everything could be checked.
type Passed = Option<String>;

struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Outcome<Passed>,
}

/// To add a check, add a line here.
const STEPS: &[Step] = &[
    Step { name: "format", run: |w| passes(w.cargo().args(["fmt", "--all", "--check"])) },
    Step { name: "clippy: no features", run: |w| clippy(w, &["--no-default-features"]) },
    Step { name: "clippy: ecdsa", run: |w| clippy(w, &["--no-default-features", "--features", "ecdsa"]) },
    Step { name: "clippy: rsa", run: |w| clippy(w, &["--no-default-features", "--features", "rsa"]) },
    Step { name: "clippy: workspace", run: clippy_workspace },
    Step { name: "clippy: wasm32", run: clippy_wasm },
    Step { name: "no_std: wasm32v1-none", run: |w| no_std(w, "wasm32v1-none") },
    Step { name: "no_std: thumbv7em-none-eabihf", run: |w| no_std(w, "thumbv7em-none-eabihf") },
    Step {
        name: "rust tests",
        run: |w| passes(w.cargo().args(["test", "--no-fail-fast"]).args(HOST_CRATES)),
    },
    Step { name: "fuzz", run: fuzz::smoke },
    Step { name: "docs", run: docs },
    Step { name: "dependencies", run: dependencies },
    Step { name: "worker build", run: |w| worker::build(w).map(|_| None) },
    Step { name: "npm build", run: |w| npm::build(w).map(|_| None) },
    Step { name: "js types", run: js_types },
    Step { name: "js tests: worker", run: |w| js_tests(w, "worker") },
    Step { name: "js tests: node", run: |w| js_tests(w, "node") },
    Step { name: "js tests: backends", run: |w| js_tests(w, "backends") },
    Step { name: "js tests: peers", run: |w| js_tests(w, "peers") },
    Step { name: "js tests: issuer", run: |w| js_tests(w, "issuer") },
    Step { name: "js tests: middleware", run: |w| js_tests(w, "middleware") },
    Step { name: "js tests: stores", run: js_tests_of_stores },
    Step { name: "js tests: types", run: |w| js_tests(w, "types") },
    Step { name: "js tests: package", run: js_tests_of_package },
    Step { name: "js tests: agent", run: |w| js_tests(w, "agent") },
    Step { name: "js tests: browser", run: js_tests_of_browser },
    Step { name: "packages", run: packages::check },
    Step { name: "demo", run: demo },
];

/// What runs on the host; the crates that run as wasm have nothing to test here and much to compile.
const HOST_CRATES: &[&str] = &[
    "--workspace",
    "--exclude",
    "countersign-worker",
    "--exclude",
    "countersign-wasm",
    "--exclude",
    "countersign-agent-wasm",
    "--all-features",
];

/// Where the crates are that run as wasm.
const WASM_FOLDERS: &[&str] = &["worker", "wasm", "agent-wasm"];

/// Runs the steps, and says at the end how each went.
pub(crate) fn test(workspace: &Workspace, flags: &[String]) -> Outcome {
    let Some(chosen) = chosen(flags)? else {
        for step in STEPS {
            println!("{}", step.name);
        }
        return Ok(());
    };
    crate::toolchain::ready(workspace)?;

    let mut results = Vec::new();
    for step in chosen {
        println!("\n=== {} ===", step.name);
        let start = Instant::now();
        let result = (step.run)(workspace);
        let took = start.elapsed();
        match &result {
            Ok(_) => println!("--- {}: passed in {}", step.name, seconds(took)),
            Err(why) => println!("--- {}: FAILED after {}: {why}", step.name, seconds(took)),
        }
        results.push((step.name, took, result));
    }
    summary(&results)
}

/// The steps that the flags ask for; `None` where they ask for a list of names.
fn chosen(flags: &[String]) -> Outcome<Option<Vec<&'static Step>>> {
    let mut wanted = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        match flag.as_str() {
            "--list" => return Ok(None),
            "--only" => wanted.push(flags.next().ok_or("--only needs a name; --list shows them")?.as_str()),
            other => return Err(format!("test takes --only NAME and --list, not {other}")),
        }
    }
    let is_wanted = |step: &&Step| wanted.is_empty() || wanted.iter().any(|name| step.name.contains(name));
    let chosen: Vec<_> = STEPS.iter().filter(is_wanted).collect();
    if chosen.is_empty() {
        Err("no step has such a name; --list shows them".into())
    } else {
        Ok(Some(chosen))
    }
}

fn summary(results: &[(&str, Duration, Outcome<Passed>)]) -> Outcome {
    let width = results.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    println!("\n=== summary ===");
    for (name, took, result) in results {
        let verdict = match result {
            Ok(None) => "passed".into(),
            Ok(Some(remark)) => format!("passed ({remark})"),
            Err(_) => "FAILED".into(),
        };
        println!("{name:width$}  {:>7}  {verdict}", seconds(*took));
    }
    let failed: Vec<_> =
        results.iter().filter(|(.., result)| result.is_err()).map(|(name, ..)| *name).collect();
    let total = results.iter().map(|(_, took, _)| *took).sum();
    println!("{} of {} steps passed in {}", results.len() - failed.len(), results.len(), seconds(total));
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn passes(run: Run) -> Outcome<Passed> {
    run.foreground().map(|()| None)
}

fn clippy(workspace: &Workspace, features: &[&str]) -> Outcome<Passed> {
    // The library alone: tests and benches are looked at with all features.
    let clippy = workspace.cargo().args(["clippy", "--package", "countersign", "--lib"]);
    passes(clippy.args(features).args(["--", "-D", "warnings"]))
}

fn clippy_workspace(workspace: &Workspace) -> Outcome<Passed> {
    passes(workspace.cargo().arg("clippy").args(HOST_CRATES).args(["--all-targets", "--", "-D", "warnings"]))
}

/// The crates that run as wasm, as they are there: for the host, half of them is compiled out.
fn clippy_wasm(workspace: &Workspace) -> Outcome<Passed> {
    for folder in WASM_FOLDERS.iter().filter(|folder| workspace.has(&format!("{folder}/Cargo.toml"))) {
        let manifest = workspace.path(folder).join("Cargo.toml");
        let clippy =
            workspace.cargo().args(["clippy", "--target", "wasm32-unknown-unknown", "--manifest-path"]);
        clippy.arg(manifest).args(["--", "-D", "warnings"]).foreground()?;
    }
    Ok(None)
}

/// The promise of `no_std`: on a target without `std` nothing that uses it can be named.
fn no_std(workspace: &Workspace, target: &str) -> Outcome<Passed> {
    let check =
        workspace.cargo().args(["check", "--package", "countersign", "--lib", "--no-default-features"]);
    passes(check.args(["--target", target]))
}

fn docs(workspace: &Workspace) -> Outcome<Passed> {
    let doc = |args: &[&str]| {
        let doc = workspace.cargo().args(["doc", "--no-deps"]).args(args);
        doc.env("RUSTDOCFLAGS", "-D warnings").foreground()
    };
    doc(HOST_CRATES)?;
    let wasm_crates = WASM_FOLDERS.iter().filter(|folder| workspace.has(&format!("{folder}/Cargo.toml")));
    for folder in wasm_crates {
        doc(&["--target", "wasm32-unknown-unknown", "--package", &format!("countersign-{folder}")])?;
    }
    Ok(None)
}

/// Licences, sources and bans always; advisories where their database can be fetched.
fn dependencies(workspace: &Workspace) -> Outcome<Passed> {
    let program = tools::cargo_deny(workspace)?;
    let deny = |checks: &[&str]| {
        Run::new(&program).dir(workspace.path(".")).args(["--workspace", "check"]).args(checks)
    };
    deny(&["bans", "licenses", "sources"]).foreground()?;
    let fetched = Run::new(&program).dir(workspace.path(".")).args(["--workspace", "fetch", "db"]).output();
    if fetched.is_err() {
        let remark = "advisories not checked: their database could not be fetched";
        println!("{remark}");
        return Ok(Some(remark.into()));
    }
    passes(deny(&["--disable-fetch", "advisories"]))
}

fn node(workspace: &Workspace) -> Outcome<Node> {
    let node = Node::ready(workspace)?;
    tools::npm_packages(workspace, &node, "js-tests")?;
    Ok(node)
}

fn js_types(workspace: &Workspace) -> Outcome<Passed> {
    let (node, tsc) = (node(workspace)?, workspace.path("js-tests/node_modules/typescript/bin/tsc"));
    node.command().arg(&tsc).arg("--project").arg(workspace.path("js/demo")).foreground()?;
    passes(node.command().arg(tsc).arg("--project").arg(workspace.path("js-tests")))
}

fn js_tests(workspace: &Workspace, folder: &str) -> Outcome<Passed> {
    passes(js_tests_run(workspace, folder)?)
}

/// The tests of a folder, which must have some.
fn js_tests_run(workspace: &Workspace, folder: &str) -> Outcome<Run> {
    let folder = workspace.path("js-tests").join(folder);
    let is_test = |name: &OsStr| name.to_string_lossy().ends_with(".test.mjs");
    let mut files = fs::read_dir(&folder).into_iter().flatten().flatten();
    if !files.any(|entry| is_test(&entry.file_name())) {
        return Err(format!("{} has no test", folder.display()));
    }
    // Each file starts a workerd of its own; more at once than cores would only make them wait. One that failed must not
    // keep everyone waiting, be it for a test that never ends or for what it left open.
    let flags = ["--test", "--test-concurrency=2", "--test-timeout=600000", "--test-force-exit"];
    Ok(node(workspace)?.command().args(flags).arg(folder.join("*.test.mjs")))
}

/// With the runtimes that the package is installed for: each version of Node that it promises, and a browser.
fn js_tests_of_package(workspace: &Workspace) -> Outcome<Passed> {
    let (chromium, nodes) = (system::ready(&CHROMIUM)?, tools::nodes(workspace)?);
    let run = js_tests_run(workspace, "package")?.env(CHROMIUM.variable, chromium);
    passes(nodes.into_iter().fold(run, |run, (variable, program)| run.env(variable, program)))
}

fn js_tests_of_stores(workspace: &Workspace) -> Outcome<Passed> {
    let redis = system::ready(&REDIS_SERVER)?;
    passes(js_tests_run(workspace, "stores")?.env(REDIS_SERVER.variable, redis))
}

fn js_tests_of_browser(workspace: &Workspace) -> Outcome<Passed> {
    let chromium = system::ready(&CHROMIUM)?;
    passes(js_tests_run(workspace, "browser")?.env(CHROMIUM.variable, chromium))
}

fn demo(workspace: &Workspace) -> Outcome<Passed> {
    passes(node(workspace)?.command().arg(workspace.path("js-tests/demo/main.mjs")).arg("--once"))
}

#[cfg(test)]
mod tests {
    use super::chosen;

    fn names(flags: &[&str]) -> Result<Vec<&'static str>, String> {
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        Ok(chosen(&flags)?.unwrap_or_default().iter().map(|step| step.name).collect())
    }

    #[test]
    fn only_keeps_the_steps_that_contain_the_name() {
        assert_eq!(names(&["--only", "format"]), Ok(vec!["format"]));
        assert_eq!(names(&["--only", "format", "--only", "docs"]), Ok(vec!["format", "docs"]));
        assert!(names(&["--only", "clippy"]).is_ok_and(|steps| steps.len() > 1));
    }

    #[test]
    fn a_name_that_no_step_has_is_an_error() {
        assert!(names(&["--only", "fromat"]).is_err());
        assert!(names(&["--once"]).is_err());
        assert!(names(&["--only"]).is_err());
    }
}
