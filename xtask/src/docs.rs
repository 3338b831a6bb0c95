//! The files that come from the code: of `docs/`, and the codes of the npm package. A test of the command says when they are not current.

use std::fs;

use crate::command::Outcome;
use crate::workspace::Workspace;

/// Each file, and what the `countersign` command is asked for it.
const FILES: &[(&str, &[&str])] = &[
    ("docs/configuration.md", &["config", "reference"]),
    ("docs/codes.md", &["codes", "--markdown"]),
    ("js/src/codes.ts", &["codes", "--typescript"]),
];

/// Writes them all.
pub(crate) fn write(workspace: &Workspace) -> Outcome {
    for (file, arguments) in FILES {
        let run = workspace.cargo().args(["run", "--quiet", "--package", "countersign-cli", "--"]);
        let text = run.args(*arguments).stdout()?;
        fs::write(workspace.path(file), text).map_err(|e| format!("cannot write {file}: {e}"))?;
        eprintln!("xtask: wrote {file}");
    }
    Ok(())
}
