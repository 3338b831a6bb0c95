//! `cargo xtask`: one entry to everything that is done with this repository.
//!
//! Needs Rust (rustup) and Node with npm; whatever else is missing is installed by the command that needs it,
//! pinned to a version, outside the repository ([`tools`]); a browser and a Redis server come from the system's packages
//! ([`system`]). Messages go to stderr; stdout belongs to what was
//! asked for.

mod command;
mod docs;
mod fuzz;
mod npm;
mod packages;
mod steps;
mod system;
mod toolchain;
mod tools;
mod worker;
mod workspace;

use std::process::ExitCode;

use command::Outcome;
use system::{CHROMIUM, REDIS_SERVER};
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [--once] [--json] [--port N] [--page]
                     build the gate, start it in workerd beside a demo origin, issuer and agent, and send
                     real requests through it; stays up unless --once; --json prints one object a line; --page
                     serves a page that is an agent, to be tried in a browser
  test [--only NAME]... [--list]
                     everything that CI runs; --only keeps the steps whose name contains NAME
  build              the Worker, to worker/build, and the npm package, to js/dist
  bench [--js-only]  Criterion, then the JavaScript peers in Node and in workerd
  fuzz [TARGET] [--seconds N]
                     try the parsers with arbitrary bytes, a minute each unless said otherwise; needs a C++
                     compiler
  simulate rate      print what each store of limits lets through, refuses early and is asked, with 1 to 1,000
                     isolates: the table of docs/limits.md
  simulate risk [--seeds N] [--markdown | --json]
                     attacks and honest traffic against the core's own transitions; the same for the same seeds
  docs               write the files of docs/ that come from the code
  setup              install what the other commands need, and nothing else

Tools are kept in $COUNTERSIGN_TOOLS, else in countersign/tools of the user's cache folder. CHROMIUM and REDIS_SERVER name the
programs that the tests use; without them chromium and redis-server are, installed by apt-get where that may be.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome {
    let (name, rest) = arguments.split_first().ok_or(USAGE)?;
    let workspace = &Workspace::find()?;
    let outcome = dispatch(workspace, name, rest);
    tools::clean_up(workspace);
    outcome
}

fn dispatch(workspace: &Workspace, name: &str, rest: &[String]) -> Outcome {
    match name {
        "demo" => demo(workspace, rest),
        "test" => steps::test(workspace, rest),
        "build" => worker::build(workspace).and_then(|_| npm::build(workspace)).map(drop),
        "bench" => bench(workspace, rest),
        "docs" => docs::write(workspace),
        "fuzz" => fuzz::run(workspace, rest),
        "simulate" => simulate(workspace, rest),
        "setup" => setup(workspace),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(format!("no command {other}\n{USAGE}")),
    }
}

fn setup(workspace: &Workspace) -> Outcome {
    toolchain::ready(workspace)?;
    worker::tools(workspace)?;
    tools::cargo_deny(workspace)?;
    tools::nodes(workspace)?;
    for program in [CHROMIUM, REDIS_SERVER] {
        system::ready(&program)?;
    }
    eprintln!("xtask: everything is there");
    Ok(())
}

fn demo(workspace: &Workspace, flags: &[String]) -> Outcome {
    let node = worker::build(workspace)?;
    // The page is built from the package.
    if flags.iter().any(|flag| flag == "--page") {
        npm::build(workspace)?;
    }
    tools::clean_up(workspace);
    node.command().arg(workspace.path("js-tests/demo/main.mjs")).args(flags).replace()
}

/// An example of the core, as this crate has no dependencies. Optimised, as it decides hundreds of thousands of requests.
fn simulate(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let run = ["run", "--quiet", "--release", "--package", "countersign", "--example", "simulate", "--"];
    workspace.cargo().args(run).args(arguments).foreground()
}

fn bench(workspace: &Workspace, flags: &[String]) -> Outcome {
    worker::build(workspace)?;
    let node = npm::build(workspace)?;
    if !flags.iter().any(|flag| flag == "--js-only") {
        workspace.cargo().args(["bench", "--package", "countersign"]).foreground()?;
    }
    node.command().arg(workspace.path("benches/js/main.mjs")).foreground()
}
