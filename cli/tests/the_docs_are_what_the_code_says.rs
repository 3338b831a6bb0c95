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
fn the_example_of_the_reference_loads() {
    let reference = run(&["config", "reference"]).stdout;
    let example = reference.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let checked = run_with(&["config", "check", "-"], example);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
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
