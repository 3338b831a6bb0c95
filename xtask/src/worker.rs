//! The Worker, built as it is deployed.

use std::path::PathBuf;

use crate::command::{Outcome, Run};
use crate::toolchain;
use crate::tools::{self, Node};
use crate::workspace::Workspace;

/// What rustc's target and wasm-bindgen use of WebAssembly, and workerd has.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-exception-handling",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// What building the Worker takes.
pub(crate) struct Tools {
    worker_build: PathBuf,
    wasm_bindgen: PathBuf,
    node: Node,
}

/// Installs what is missing.
pub(crate) fn tools(workspace: &Workspace) -> Outcome<Tools> {
    let node = Node::ready(workspace)?;
    tools::npm_packages(workspace, &node, "js-tests")?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    let worker_build = tools::worker_build(workspace)?;
    Ok(Tools { worker_build, wasm_bindgen, node })
}

/// Builds to `worker/build`, and gives the Node that can run it.
pub(crate) fn build(workspace: &Workspace) -> Outcome<Node> {
    toolchain::ready(workspace)?;
    let tools = tools(workspace)?;
    eprintln!("xtask: building the Worker (about 3 minutes from scratch, seconds after that)");
    let bin = |name: &str| workspace.path("js-tests/node_modules/.bin").join(name);
    let build = tools.node.first_in_path(Run::new(&tools.worker_build)).args(["--profile", "edge", "worker"]);
    // Named tools, so that worker-build fetches none by itself.
    toolchain::without_paths(workspace, build.dir(workspace.path(".")))?
        .env("WASM_BINDGEN_BIN", &tools.wasm_bindgen)
        .env("ESBUILD_BIN", bin("esbuild"))
        .aside()?;
    let wasm = workspace.path("worker/build/index_bg.wasm");
    let wasm_opt = tools.node.first_in_path(Run::new(bin("wasm-opt"))).args(FEATURES).arg("-Oz");
    wasm_opt.arg(&wasm).arg("--output").arg(&wasm).aside()?;
    bundle_size(workspace, &tools.node)?;
    Ok(tools.node)
}

/// Prints the size that counts towards the platform's limit; fails over ours.
fn bundle_size(workspace: &Workspace, node: &Node) -> Outcome {
    node.command()
        .arg(workspace.path("js-tests/lib/bundle-size.mjs"))
        .arg(workspace.path("worker/build"))
        .aside()
}
