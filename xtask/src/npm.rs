//! The npm package, built as it is published: the core as wasm, its bindings, and the TypeScript over them.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::command::{Outcome, Run};
use crate::toolchain::{self, WASM};
use crate::tools::{self, Node};
use crate::workspace::Workspace;

/// Builds to `js/dist`, and gives the Node that can run it.
pub(crate) fn build(workspace: &Workspace) -> Outcome<Node> {
    toolchain::ready(workspace)?;
    let node = Node::ready(workspace)?;
    tools::npm_packages(workspace, &node, "js-tests")?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    eprintln!("xtask: building the npm package (about 1 minute from scratch, seconds after that)");

    let cargo = workspace.cargo().args(["build", "--package", "countersign-wasm"]);
    toolchain::without_paths(workspace, cargo.args(["--profile", "edge", "--target", WASM]))?.aside()?;
    let built = target_folder(workspace).join(WASM).join("edge/countersign_wasm.wasm");
    bindings(workspace, &node, &wasm_bindgen, &built)?;
    agent_bindings(workspace, &node, &wasm_bindgen)?;
    node.command()
        .arg(workspace.path("js-tests/node_modules/typescript/bin/tsc"))
        .arg("--project")
        .arg(workspace.path("js"))
        .aside()?;
    Ok(node)
}

/// Makes `js/dist/wasm`: for `web`, as what that imports is nothing but its own file, which Node, browsers and
/// bundlers all load as an ES module.
fn bindings(workspace: &Workspace, node: &Node, wasm_bindgen: &PathBuf, built: &PathBuf) -> Outcome {
    let stamp = workspace.path("js/dist/wasm/.built-from");
    let version = version_of(built)?;
    if fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Ok(());
    }
    let folder = workspace.path("js/dist/wasm");
    Run::new(wasm_bindgen).args(["--target", "web", "--out-dir"]).arg(&folder).arg(built).aside()?;
    let wasm = folder.join("countersign_wasm_bg.wasm");
    let wasm_opt = workspace.path("js-tests/node_modules/.bin/wasm-opt");
    node.first_in_path(Run::new(wasm_opt)).arg("-O3").arg(&wasm).arg("--output").arg(&wasm).aside()?;
    fs::write(&stamp, version).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
}

/// Makes `js/dist/agent/wasm`: the Ed25519 of agents, and the same as text, which is all that is loaded.
fn agent_bindings(workspace: &Workspace, node: &Node, wasm_bindgen: &PathBuf) -> Outcome {
    let cargo = workspace.cargo().args(["build", "--package", "countersign-agent-wasm"]);
    toolchain::without_paths(workspace, cargo.args(["--profile", "edge", "--target", WASM]))?.aside()?;
    let built = target_folder(workspace).join(WASM).join("edge/countersign_agent_wasm.wasm");
    let folder = workspace.path("js/dist/agent/wasm");
    let (stamp, version) = (folder.join(".built-from"), version_of(&built)?);
    if fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Ok(());
    }
    // No path to a file in what is generated: bundlers would look for it.
    let flags = ["--target", "web", "--omit-default-module-path", "--out-name", "ed25519", "--out-dir"];
    Run::new(wasm_bindgen).args(flags).arg(&folder).arg(&built).aside()?;
    let wasm = folder.join("ed25519_bg.wasm");
    let wasm_opt = workspace.path("js-tests/node_modules/.bin/wasm-opt");
    node.first_in_path(Run::new(wasm_opt)).arg("-O3").arg(&wasm).arg("--output").arg(&wasm).aside()?;
    embed(workspace, node, &wasm, &folder.join("base64.js"))?;
    fs::remove_file(&wasm).map_err(|e| format!("cannot remove {}: {e}", wasm.display()))?;
    fs::write(&stamp, version).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
}

/// Makes a JavaScript module that has a WebAssembly module as text.
fn embed(workspace: &Workspace, node: &Node, wasm: &PathBuf, module: &PathBuf) -> Outcome {
    node.command().arg(workspace.path("js/embed.mjs")).arg(wasm).arg(module).aside()
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
