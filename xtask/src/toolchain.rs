//! The Rust toolchain that rust-toolchain.toml pins, complete with targets and components.
//!
//! `targets` in that file are installed only together with the toolchain, and not at all where rustup's
//! automatic installs are switched off, so they are looked after here.

use std::path::Path;

use crate::command::{Outcome, Run};
use crate::workspace::Workspace;

/// Makes the pinned toolchain complete.
pub(crate) fn ready(workspace: &Workspace) -> Outcome {
    let pinned = workspace.read("rust-toolchain.toml")?;
    let channel = quoted_after(&pinned, "channel").pop().ok_or("rust-toolchain.toml names no channel")?;
    let sysroot = Run::new("rustc").args(["--print", "sysroot"]).dir(workspace.path(".")).output()?;
    let sysroot = Path::new(sysroot.trim());

    let missing = |names: Vec<String>, there: &dyn Fn(&str) -> bool| {
        names.into_iter().filter(|name| !there(name)).collect::<Vec<_>>()
    };
    let targets = missing(quoted_after(&pinned, "targets"), &|target| {
        sysroot.join("lib/rustlib").join(target).join("lib").exists()
    });
    let components = missing(quoted_after(&pinned, "components"), &|component| {
        // The component `clippy` is the program `cargo-clippy`.
        let program = if component == "clippy" { "cargo-clippy" } else { component };
        sysroot.join("bin").join(program).with_extension(std::env::consts::EXE_EXTENSION).exists()
    });
    add("target", &channel, &targets)?;
    add("component", &channel, &components)
}

fn add(kind: &str, channel: &str, names: &[String]) -> Outcome {
    if names.is_empty() {
        return Ok(());
    }
    eprintln!("xtask: adding the {kind}s {} to Rust {channel} (about a minute, once)", names.join(", "));
    Run::new("rustup").args([kind, "add", "--toolchain", channel]).args(names).aside()
}

/// The quoted strings in the value of a key, which is on one line, in this one small file.
fn quoted_after(toml: &str, key: &str) -> Vec<String> {
    let value = toml.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    value.unwrap_or_default().split('"').skip(1).step_by(2).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::quoted_after;

    #[test]
    fn values_are_read_from_one_line() {
        let toml = "[toolchain]\nchannel = \"1.95.0\"\ntargets = [\"a\", \"b-c\"]\n";
        assert_eq!(quoted_after(toml, "channel"), ["1.95.0"]);
        assert_eq!(quoted_after(toml, "targets"), ["a", "b-c"]);
        assert!(quoted_after(toml, "components").is_empty());
    }
}
