//! Pinned tools, installed once a version into the user's cache and never into the repository.
//!
//! A tool is made in a folder beside its place and renamed into it when it is whole, so that a place that
//! exists holds a tool that works, whatever was interrupted.

use std::env;
use std::env::consts::{ARCH, EXE_SUFFIX, OS};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::once;
use std::path::{Path, PathBuf};
use std::process;

use crate::command::{Outcome, Run};
use crate::workspace::Workspace;

/// A program that `cargo install` brings.
struct CargoTool {
    name: &'static str,
    version: &'static str,
    program: &'static str,
    locked: bool,
    minutes: u32,
}

/// Its version is the `wasm-bindgen` crate's, or it refuses the file. Not `--locked`: its lock file names a
/// release that was withdrawn.
const WASM_BINDGEN: CargoTool = CargoTool {
    name: "wasm-bindgen-cli",
    version: "0.2.130",
    program: "wasm-bindgen",
    locked: false,
    minutes: 4,
};
const WORKER_BUILD: CargoTool =
    CargoTool { name: "worker-build", version: "0.8.7", program: "worker-build", locked: true, minutes: 7 };
const CARGO_DENY: CargoTool =
    CargoTool { name: "cargo-deny", version: "0.20.2", program: "cargo-deny", locked: true, minutes: 8 };
const CARGO_FUZZ: CargoTool =
    CargoTool { name: "cargo-fuzz", version: "0.13.2", program: "cargo-fuzz", locked: true, minutes: 2 };

/// Used where the machine's own Node is older than [`NODE_LEAST`].
const NODE: &str = NODES[1].1;
/// The versions of Node that the npm package is for, by the variables that name them to its tests.
const NODES: [(&str, &str); 2] = [("NODE_22", "22.23.3"), ("NODE_24", "24.21.0")];
/// What Miniflare needs.
const NODE_LEAST: (u32, u32) = (22, 12);

pub(crate) fn wasm_bindgen(workspace: &Workspace) -> Outcome<PathBuf> {
    let crates = workspace.read("Cargo.lock")?;
    if let Some((_, rest)) = crates.split_once("name = \"wasm-bindgen\"\nversion = \"") {
        let version = rest.split('"').next().unwrap_or_default();
        if version != WASM_BINDGEN.version {
            return Err(format!(
                "Cargo.lock has wasm-bindgen {version} and xtask/src/tools.rs {}; they must be equal",
                WASM_BINDGEN.version
            ));
        }
    }
    cargo_tool(workspace, &WASM_BINDGEN)
}

pub(crate) fn worker_build(workspace: &Workspace) -> Outcome<PathBuf> {
    cargo_tool(workspace, &WORKER_BUILD)
}

pub(crate) fn cargo_deny(workspace: &Workspace) -> Outcome<PathBuf> {
    cargo_tool(workspace, &CARGO_DENY)
}

pub(crate) fn cargo_fuzz(workspace: &Workspace) -> Outcome<PathBuf> {
    cargo_tool(workspace, &CARGO_FUZZ)
}

fn cargo_tool(workspace: &Workspace, tool: &CargoTool) -> Outcome<PathBuf> {
    let place = workspace.tools().join(format!("{}-{}", tool.name, tool.version));
    let program = place.join("bin").join(format!("{}{EXE_SUFFIX}", tool.program));
    if program.exists() {
        return Ok(program);
    }
    eprintln!(
        "xtask: installing {} {} (about {} minutes on two cores, once)",
        tool.name, tool.version, tool.minutes
    );
    let target = build_folder(workspace);
    into_place(&place, |unfinished| {
        let install = workspace
            .cargo()
            .args(["install", tool.name, "--version", tool.version, "--root"])
            .arg(unfinished)
            .args(tool.locked.then_some("--locked"))
            .env("CARGO_TARGET_DIR", &target)
            // Set by the Cargo that runs us, and meant for what it builds, not for this.
            .env_remove("RUSTFLAGS");
        install.aside()
    })?;
    Ok(program)
}

/// One target folder for the tools of this run, as they share dependencies; of this run alone, as another may
/// end first.
fn build_folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join(format!(".build.{}", process::id()))
}

/// Removes what building tools left, if any were built.
pub(crate) fn clean_up(workspace: &Workspace) {
    let _ = fs::remove_dir_all(build_folder(workspace));
}

/// Makes a folder aside, and renames it to `place` once it is whole.
fn into_place(place: &Path, make: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let name = place.file_name().ok_or("a tool has no name")?.to_string_lossy();
    let unfinished = place.with_file_name(format!(".{name}.{}", process::id()));
    fs::create_dir_all(&unfinished).map_err(|e| format!("cannot make {}: {e}", unfinished.display()))?;
    let made = make(&unfinished);
    let placed = made.and_then(|()| match fs::rename(&unfinished, place) {
        Err(_) if place.exists() => Ok(()), // another run was faster
        renamed => renamed.map_err(|e| format!("cannot make {}: {e}", place.display())),
    });
    let _ = fs::remove_dir_all(&unfinished);
    placed
}

/// A Node that is new enough.
pub(crate) struct Node {
    program: PathBuf,
}

impl Node {
    pub(crate) fn ready(workspace: &Workspace) -> Outcome<Self> {
        if Run::new("node").arg("--version").output().is_ok_and(|version| is_enough(&version)) {
            return Ok(Self { program: "node".into() });
        }
        let (major, minor) = NODE_LEAST;
        let why = format!("the machine's Node is older than {major}.{minor}");
        let program = pinned_node(workspace, NODE, &why)?;
        Ok(Self { program })
    }

    pub(crate) fn command(&self) -> Run {
        self.first_in_path(Run::new(&self.program))
    }

    /// So that a program which starts `node` by name gets this one.
    pub(crate) fn first_in_path(&self, run: Run) -> Run {
        let own = self.program.parent().filter(|dir| !dir.as_os_str().is_empty());
        let Some(own) = own else { return run };
        let path = env::var_os("PATH").unwrap_or_default();
        match env::join_paths(once(own.to_path_buf()).chain(env::split_paths(&path))) {
            Ok(path) => run.env("PATH", path),
            Err(_) => run,
        }
    }
}

/// The program of each version of Node that the npm package is for, by the variable that names it to the tests.
pub(crate) fn nodes(workspace: &Workspace) -> Outcome<Vec<(&'static str, PathBuf)>> {
    let installed =
        |(variable, version)| Ok((variable, pinned_node(workspace, version, "for the packed package")?));
    NODES.into_iter().map(installed).collect()
}

/// This version of Node, from npm's package of it.
fn pinned_node(workspace: &Workspace, version: &str, why: &str) -> Outcome<PathBuf> {
    // The names that npm's packages of Node have.
    let os = match OS {
        "macos" => "darwin",
        "windows" => "win",
        other => other,
    };
    let arch = if ARCH == "aarch64" { "arm64" } else { "x64" };
    let package = format!("node-{os}-{arch}");
    let place = workspace.tools().join(format!("node-{version}"));
    let program = place.join("node_modules").join(&package).join(format!("bin/node{EXE_SUFFIX}"));
    if !program.exists() {
        eprintln!("xtask: {why}; installing Node {version} (about 15 seconds, once)");
        into_place(&place, |unfinished| {
            npm(unfinished)
                .args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
                .arg(unfinished)
                .arg(format!("{package}@{version}"))
                .aside()
        })?;
    }
    Ok(program)
}

fn is_enough(version: &str) -> bool {
    let mut numbers = version.trim().trim_start_matches('v').split('.').map_while(|n| n.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) >= NODE_LEAST)
}

/// npm by name: on Windows it is a script, which only the shell finds.
fn npm(dir: &Path) -> Run {
    let npm = if cfg!(windows) { Run::new("cmd").args(["/C", "npm"]) } else { Run::new("npm") };
    npm.dir(dir)
}

/// The npm packages of a folder, exactly as its lock file has them. No package's install script runs.
pub(crate) fn npm_packages(workspace: &Workspace, node: &Node, folder: &str) -> Outcome {
    let stamp_path = workspace.path(folder).join("node_modules/.lock-stamp");
    let mut hasher = DefaultHasher::new();
    workspace.read(&format!("{folder}/package-lock.json"))?.hash(&mut hasher);
    let stamp = format!("{:016x}", hasher.finish());
    if fs::read_to_string(&stamp_path).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    eprintln!("xtask: installing the npm packages of {folder} (about 20 seconds)");
    let npm = node.first_in_path(npm(&workspace.path(folder)));
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).aside()?;
    fs::write(&stamp_path, stamp).map_err(|e| format!("cannot write {}: {e}", stamp_path.display()))
}

#[cfg(test)]
mod tests {
    use super::is_enough;

    #[test]
    fn only_a_node_that_miniflare_runs_on_is_enough() {
        for version in ["v22.12.0", "v24.21.0\n", "v26.0.0"] {
            assert!(is_enough(version), "{version}");
        }
        for version in ["v20.20.2", "v22.11.9", "", "node", "v22"] {
            assert!(!is_enough(version), "{version}");
        }
    }
}
