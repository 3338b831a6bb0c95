//! The written docs are those that the code would write, and what they show works.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use countersign::reason::Reason;
use serde_json::Value;
use support::{root, run, run_with};

#[track_caller]
fn is_current(file: &str, arguments: &[&str]) {
    let written = std::fs::read_to_string(root().join(file)).unwrap().replace("\r\n", "\n");
    assert!(written == run(arguments).stdout, "{file} is not current; run cargo xtask docs");
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    is_current("docs/configuration.md", &["config", "reference"]);
}

#[test]
fn the_list_of_codes_is_current() {
    is_current("docs/codes.md", &["codes", "--markdown"]);
}

#[test]
fn the_codes_of_the_package_are_current() {
    is_current("js/src/codes.ts", &["codes", "--typescript"]);
}

#[test]
fn the_example_of_the_reference_loads() {
    let reference = run(&["config", "reference"]).stdout;
    let example = reference.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let checked = run_with(&["config", "check", "-"], example);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
}

/// The blocks of a document that are TOML, with what stands behind the language.
fn configurations(file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let blocks = text.split("```toml").skip(1);
    let cut = |block: &str| {
        let (name, rest) = block.split_once('\n').unwrap();
        (name.trim().to_owned(), rest.split("```").next().unwrap().to_owned())
    };
    blocks.map(cut).collect()
}

#[test]
fn every_configuration_of_the_guides_loads() {
    for file in ["docs/issuers.md", "docs/mcp.md", "docs/delegation.md", "docs/budgets.md", "docs/worker.md"]
    {
        let whole: Vec<_> = configurations(file).into_iter().filter(|(name, _)| !name.is_empty()).collect();
        assert!(!whole.is_empty(), "{file} shows none");
        for (name, text) in whole {
            let checked = run_with(&["config", "check", "-"], &text);
            assert_eq!(checked.code, Some(0), "{file} {name}: {}", checked.stdout);
        }
    }
}

#[test]
fn what_the_guides_add_to_the_configuration_of_the_readme_loads() {
    let base = configurations("README.md").into_iter().map(|(_, text)| text).next().unwrap();
    let checked = run_with(&["config", "check", "-"], &base);
    assert_eq!(checked.code, Some(0), "README.md: {}", checked.stdout);
    for file in [
        "docs/signatures.md",
        "docs/tokens.md",
        "docs/state.md",
        "docs/audit.md",
        "docs/metrics.md",
        "docs/runbook.md",
    ] {
        let blocks = configurations(file);
        assert!(!blocks.is_empty(), "{file} shows none");
        for (_, block) in blocks {
            let checked = run_with(&["config", "check", "-"], &format!("{base}\n{block}"));
            assert_eq!(checked.code, Some(0), "{file}: {block}: {}", checked.stdout);
        }
    }
}

#[test]
fn every_code_is_listed_in_every_form() {
    let (text, markdown) = (run(&["codes"]).stdout, run(&["codes", "--markdown"]).stdout);
    let json: Value = serde_json::from_str(&run(&["codes", "--json"]).stdout).unwrap();
    let json = json.as_array().unwrap();
    assert_eq!((json.len(), text.lines().count()), (Reason::ALL.len(), Reason::ALL.len()));
    for (reason, (object, line)) in Reason::ALL.iter().zip(json.iter().zip(text.lines())) {
        assert_eq!(object["code"], reason.code());
        assert_eq!(object["status"], reason.status());
        assert_eq!(object["title"], reason.title());
        assert!(line.starts_with(reason.code()) && line.ends_with(reason.title()));
        assert!(markdown.contains(&format!("\n| `{}` | {} | ", reason.code(), reason.status())));
    }
}

/// The documents that people read: those at the top, those in `docs`, and those beside the code that they are of.
fn documents() -> Vec<String> {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let files = entries.map(|entry| format!("{folder}{}", entry.unwrap().file_name().to_string_lossy()));
        let is_document =
            |name: &String| std::path::Path::new(name).extension().is_some_and(|end| end == "md");
        files.filter(is_document).collect::<Vec<_>>()
    };
    ["", "docs/", "docs/decisions/", "js/", "vectors/", "cli/"].into_iter().flat_map(names).collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut looked_at = 0;
    for file in documents() {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            let folder = std::path::Path::new(&file).parent().unwrap();
            assert!(root().join(folder).join(path).exists(), "{file} leads to {target}, which is not there");
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "{looked_at}");
}
