//! The npm package, built as it is published: the core as wasm, its bindings, and the TypeScript over them.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::command::{Outcome, Run};
use crate::toolchain;
use crate::tools::{self, Node};
use crate::workspace::Workspace;

/// What the bindings are made for.
const TARGET: &str = "wasm32-unknown-unknown";

/// Builds to `js/dist`, and gives the Node that can run it.
pub(crate) fn build(workspace: &Workspace) -> Outcome<Node> {
    toolchain::ready(workspace)?;
    let node = Node::ready(workspace)?;
    tools::npm_packages(workspace, &node, "js-tests")?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    eprintln!("xtask: building the npm package (about 1 minute from scratch, seconds after that)");

    let cargo = workspace.cargo().args(["build", "--package", "countersign-wasm"]);
    cargo.args(["--profile", "edge", "--target", TARGET]).aside()?;
    let built = target_folder(workspace).join(TARGET).join("edge/countersign_wasm.wasm");
    bindings(workspace, &node, &wasm_bindgen, &built)?;
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
    let folder = workspace.path("js/dist/wasm");
    let stamp = folder.join(".built-from");
    let version = version_of(built)?;
    if folder.join("base64.js").exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Ok(());
    }
    // Without a default path: bundlers would take along the file that it names.
    let flags = ["--target", "web", "--omit-default-module-path", "--out-dir"];
    Run::new(wasm_bindgen).args(flags).arg(&folder).arg(built).aside()?;
    let wasm = folder.join("countersign_wasm_bg.wasm");
    let wasm_opt = workspace.path("js-tests/node_modules/.bin/wasm-opt");
    node.first_in_path(Run::new(wasm_opt)).arg("-O3").arg(&wasm).arg("--output").arg(&wasm).aside()?;
    node.command().arg(workspace.path("js/embed.mjs")).aside()?;
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
