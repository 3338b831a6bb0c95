//! The Rust toolchain that rust-toolchain.toml pins, complete with targets and components.
//!
//! `targets` in that file are installed only together with the toolchain, and not at all where rustup's
//! automatic installs are switched off, so they are looked after here.

use std::env;
use std::fs;
use std::path::{MAIN_SEPARATOR, MAIN_SEPARATOR_STR, Path, PathBuf};

use crate::command::{Outcome, Run};
use crate::workspace::Workspace;

/// What the crates that run as WebAssembly are built for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

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
        sysroot.join("bin").join(program).with_extension(env::consts::EXE_EXTENSION).exists()
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

/// Has Cargo build without the paths of this machine in what is built, which is published: panics name their files.
pub(crate) fn without_paths(workspace: &Workspace, run: Run) -> Outcome<Run> {
    // What is there before the build starts is what can be renamed. Where it cannot be fetched, the build says so.
    let _ = workspace.cargo().args(["fetch", "--target", WASM]).output();
    let sysroot = Run::new("rustc").args(["--print", "sysroot"]).dir(workspace.path(".")).output()?;
    let renamed: Vec<(PathBuf, &str)> = crate_folders()
        .into_iter()
        .map(|folder| (folder, ""))
        .chain([(Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), "rust"), (workspace.path(""), "")])
        .collect();
    // Of its two names for flags, Cargo takes the one that may hold spaces; so what the other says goes along.
    let given = env::var("CARGO_ENCODED_RUSTFLAGS").ok().filter(|flags| !flags.is_empty());
    let given = given
        .or_else(|| Some(env::var("RUSTFLAGS").ok()?.split_whitespace().collect::<Vec<_>>().join(SEPARATOR)));
    Ok(run.env("CARGO_ENCODED_RUSTFLAGS", encoded(given.as_deref().unwrap_or_default(), &renamed)))
}

/// What stands between flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// The flags that were given, and those that rename what begins with these folders. Of several, rustc takes the last that fits.
fn encoded(given: &str, renamed: &[(PathBuf, &str)]) -> String {
    let renames = renamed.iter().map(|(folder, name)| {
        let folder = folder.to_string_lossy();
        let end = if folder.ends_with(MAIN_SEPARATOR) || !name.is_empty() { "" } else { MAIN_SEPARATOR_STR };
        format!("--remap-path-prefix={folder}{end}={name}")
    });
    let given = given.split(SEPARATOR).filter(|flag| !flag.is_empty()).map(String::from);
    given.chain(renames).collect::<Vec<_>>().join(SEPARATOR)
}

/// Where Cargo keeps crates unpacked: a folder for each place they come from, which is part of paths too.
fn crate_folders() -> Vec<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("CARGO_HOME").or_else(|| Some(set("HOME").or_else(|| set("USERPROFILE"))?.join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let mut folders: Vec<_> =
        sources.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    folders
}

/// The quoted strings in the value of a key, which is on one line, in this one small file.
fn quoted_after(toml: &str, key: &str) -> Vec<String> {
    let value = toml.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
    value.unwrap_or_default().split('"').skip(1).step_by(2).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::{encoded, quoted_after};

    #[cfg(unix)]
    #[test]
    fn folders_are_renamed_after_the_flags_that_were_given() {
        let folders = [("/a b/src/x".into(), ""), ("/rust".into(), "rust"), ("/here/".into(), "")];
        let flags = encoded("-C\u{1f}debuginfo=0", &folders);
        let flags: Vec<_> = flags.split('\u{1f}').collect();
        let renames = [
            "--remap-path-prefix=/a b/src/x/=",
            "--remap-path-prefix=/rust=rust",
            "--remap-path-prefix=/here/=",
        ];
        assert_eq!(flags, [["-C", "debuginfo=0"].as_slice(), &renames].concat());
        assert_eq!(encoded("", &[]), "");
    }

    #[test]
    fn values_are_read_from_one_line() {
        let toml = "[toolchain]\nchannel = \"1.95.0\"\ntargets = [\"a\", \"b-c\"]\n";
        assert_eq!(quoted_after(toml, "channel"), ["1.95.0"]);
        assert_eq!(quoted_after(toml, "targets"), ["a", "b-c"]);
        assert!(quoted_after(toml, "components").is_empty());
    }
}
