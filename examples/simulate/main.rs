//! Simulations of what no test can wait for, with the core's real transitions: `cargo xtask simulate`.
//!
//! Deterministic by their seeds, so that the figures in `docs/` can be compared with them.

mod rate;
#[allow(clippy::indexing_slicing, reason = "by places of arrays of the same length")]
mod risk;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask simulate rate
       cargo xtask simulate risk [--seeds N] [--markdown | --json]

  rate  what each store of limits lets through, refuses early and is asked, with 1 to 1,000 isolates: the table of
        docs/limits.md
  risk  named attacks and honest traffic: after how many requests and seconds each is noticed, and how much
        of what is honest is taken for an attack; the worst of N seeds (default: 5)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let report = match arguments.split_first() {
        Some((&"rate", [])) => Some(rate::table(&rate::ISOLATES)),
        Some((&"risk", options)) => risk::report(options),
        _ => None,
    };
    let Some(text) = report else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    print!("{text}");
    ExitCode::SUCCESS
}
