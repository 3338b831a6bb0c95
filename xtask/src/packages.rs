//! The crates as they are published: what is in them, and that each builds from what is in it.

use std::env;

use crate::command::{Outcome, Run};
use crate::workspace::Workspace;

/// A crate, and what may be in its package besides what Cargo puts there.
struct Package {
    name: &'static str,
    /// Files, and folders with a slash at their end.
    holds: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package {
        name: "countersign",
        holds: &[
            "src/",
            "tests/",
            "benches/",
            "examples/",
            "vectors/",
            "docs/limits.md",
            "docs/risk.md",
            "CHANGELOG.md",
        ],
    },
    Package { name: "countersign-cli", holds: &["src/", "tests/"] },
];

/// What each package must have.
const EVERYWHERE: &[&str] = &["Cargo.toml", "Cargo.lock", "README.md", "LICENSE-APACHE", "LICENSE-MIT"];
/// What Cargo adds.
const OF_CARGO: &[&str] = &["Cargo.toml.orig", ".cargo_vcs_info.json"];
/// How files end that belong to a crate.
const KINDS: &[&str] =
    &[".rs", ".json", ".md", ".txt", ".toml", ".http", ".mjs", ".proptest-regressions", ".jsonl"];

/// Packs the crates that are published, and builds them from their packages: the command with the core beside it, which no
/// registry has yet.
pub(crate) fn check(workspace: &Workspace) -> Outcome<Option<String>> {
    for package in PACKAGES {
        let list = cargo_package(workspace, &[package.name]).arg("--list").stdout()?;
        contents(package, &String::from_utf8_lossy(&list))?;
    }
    let names: Vec<_> = PACKAGES.iter().map(|package| package.name).collect();
    // What it needs is fetched here, so that packing asks no registry what is newer.
    workspace.cargo().arg("fetch").foreground()?;
    let said = cargo_package(workspace, &names).args(["--offline", "--no-verify"]).output()?;
    if let Some(warning) = said.lines().find(|line| line.starts_with("warning")) {
        return Err(format!("packing warns: {warning}"));
    }
    cargo_package(workspace, &names).arg("--offline").foreground()?;
    Ok(None)
}

fn cargo_package(workspace: &Workspace, names: &[&str]) -> Run {
    let run = workspace.cargo().arg("package");
    // People try what they have not committed yet.
    let run = run.args(env::var_os("CI").is_none().then_some("--allow-dirty"));
    names.iter().fold(run, |run, name| run.args(["--package", name]))
}

/// Whether a package holds what it must, and nothing that is not its own.
fn contents(package: &Package, list: &str) -> Outcome {
    let name = package.name;
    for file in EVERYWHERE {
        if !list.lines().any(|line| line == *file) {
            return Err(format!("the package of {name} has no {file}"));
        }
    }
    match list.lines().find(|file| !belongs(package, file)) {
        None => Ok(()),
        Some(file) => Err(format!("{file} is in the package of {name}, where it does not belong")),
    }
}

fn belongs(package: &Package, file: &str) -> bool {
    let of_package = |place: &&str| file == *place || place.ends_with('/') && file.starts_with(*place);
    let is_named = EVERYWHERE.contains(&file) || OF_CARGO.contains(&file);
    is_named || package.holds.iter().any(of_package) && KINDS.iter().any(|end| file.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::{EVERYWHERE, Package, contents};

    const PACKAGE: Package = Package { name: "some", holds: &["src/", "docs/limits.md"] };

    fn list(more: &[&str]) -> String {
        [EVERYWHERE, more].concat().join("\n")
    }

    #[test]
    fn what_is_not_the_crates_own_is_an_error() {
        for file in [
            "js/README.md",
            "js-tests/node_modules/x/README.md",
            "docs/other.md",
            "srcs/lib.rs",
            "src/a.orig",
        ] {
            assert!(
                contents(&PACKAGE, &list(&["src/lib.rs", file])).is_err_and(|e| e.contains(file)),
                "{file}"
            );
        }
        assert_eq!(contents(&PACKAGE, &list(&["src/lib.rs", "docs/limits.md", "Cargo.toml.orig"])), Ok(()));
    }

    #[test]
    fn a_package_without_its_licences_is_an_error() {
        for missing in EVERYWHERE {
            let files = list(&["src/lib.rs"]).replace(&format!("{missing}\n"), "");
            assert!(contents(&PACKAGE, &files).is_err_and(|e| e.contains(missing)), "{missing}");
        }
    }
}
