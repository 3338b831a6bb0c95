//! The npm package, built as it is published: the core as wasm, its bindings, and the TypeScript over them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Outcome, Run};
use crate::toolchain::{self, WASM};
use crate::tools::{self, Node};
use crate::workspace::Workspace;

/// A crate that is part of the package, as WebAssembly with its bindings.
struct Module {
    package: &'static str,
    /// What Cargo calls the file, and what the bindings are called.
    names: (&'static str, &'static str),
    folder: &'static str,
    /// Whether the file is published, for runtimes that compile nothing; the same as text, in a module, always is.
    has_file: bool,
}

const MODULES: [Module; 2] = [
    Module {
        package: "countersign-wasm",
        names: ("countersign_wasm", "countersign_wasm"),
        folder: "js/dist/wasm",
        has_file: true,
    },
    Module {
        package: "countersign-agent-wasm",
        names: ("countersign_agent_wasm", "ed25519"),
        folder: "js/dist/agent/wasm",
        has_file: false,
    },
];

/// Builds to `js/dist`, and gives the Node that can run it.
pub(crate) fn build(workspace: &Workspace) -> Outcome<Node> {
    toolchain::ready(workspace)?;
    let node = Node::ready(workspace)?;
    tools::npm_packages(workspace, &node, "js-tests")?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    eprintln!("xtask: building the npm package (about 1 minute from scratch, seconds after that)");

    let packages = MODULES.iter().flat_map(|module| ["--package", module.package]);
    let cargo = workspace.cargo().arg("build").args(packages).args(["--profile", "edge", "--target", WASM]);
    toolchain::without_paths(workspace, cargo)?.aside()?;
    remove_stale(&workspace.path("js/dist"))?;
    for module in &MODULES {
        bindings(workspace, &node, &wasm_bindgen, module)?;
    }
    node.command()
        .arg(workspace.path("js-tests/node_modules/typescript/bin/tsc"))
        .arg("--project")
        .arg(workspace.path("js"))
        .aside()?;
    Ok(node)
}

/// Removes what TypeScript wrote, of which some may have no source any more; what is made of WebAssembly stays.
fn remove_stale(folder: &Path) -> Outcome {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "wasm" {
            remove_stale(&path)?;
        } else if path.is_file() {
            fs::remove_file(&path).map_err(|e| format!("cannot remove {}: {e}", path.display()))?;
        }
    }
    Ok(())
}

/// Makes the folder of a module: for `web`, as what that imports is nothing but its own file, which Node, browsers and
/// bundlers all load as an ES module.
fn bindings(workspace: &Workspace, node: &Node, wasm_bindgen: &PathBuf, module: &Module) -> Outcome {
    let (file, name) = module.names;
    let built = target_folder(workspace).join(WASM).join(format!("edge/{file}.wasm"));
    let folder = workspace.path(module.folder);
    let stamp = folder.join(".built-from");
    let version = version_of(&built)?;
    if folder.join("base64.js").exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Ok(());
    }
    // Without a default path: bundlers would take along the file that it names.
    let flags = ["--target", "web", "--omit-default-module-path", "--out-name", name, "--out-dir"];
    Run::new(wasm_bindgen).args(flags).arg(&folder).arg(built).aside()?;
    let wasm = folder.join(format!("{name}_bg.wasm"));
    let wasm_opt = workspace.path("js-tests/node_modules/.bin/wasm-opt");
    node.first_in_path(Run::new(wasm_opt)).arg("-O3").arg(&wasm).arg("--output").arg(&wasm).aside()?;
    node.command().arg(workspace.path("js/embed.mjs")).arg(&wasm).arg(folder.join("base64.js")).aside()?;
    if !module.has_file {
        fs::remove_file(&wasm).map_err(|e| format!("cannot remove {}: {e}", wasm.display()))?;
    }
    fs::write(&stamp, version).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
}

/// What tells one build from another: Cargo does not touch a file that it need not build anew.
fn version_of(built: &PathBuf) -> Outcome<String> {
    let metadata = fs::metadata(built).map_err(|e| format!("cannot find {}: {e}", built.display()))?;
    let modified = metadata.modified().map_err(|e| format!("{}: {e}", built.display()))?;
    Ok(format!("{modified:?} {}", metadata.len()))
}

fn target_folder(workspace: &Workspace) -> PathBuf {
    let set = env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty());
    workspace.path(".").join(set.unwrap_or_else(|| "target".into()))
}
