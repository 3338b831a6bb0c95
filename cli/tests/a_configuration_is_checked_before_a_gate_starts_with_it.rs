//! `config check`: files, stdin and the Worker's own `wrangler.toml`; faults with their paths; exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{root, run, run_with};

const GOOD: &str = "origin = \"https://o.example\"\npublic_origins = [\"https://api.example\"]\n\
    [[routes]]\nmatch = \"* /**\"\nrequire = []\n";

const CHECK_STDIN: &[&str] = &["config", "check", "-"];

#[test]
fn the_wrangler_file_of_this_repository_is_good() {
    let checked = run(&["config", "check", "wrangler.toml"]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    assert!(checked.stdout.starts_with("wrangler.toml: [vars.COUNTERSIGN_CONFIG]: good; "));
}

#[test]
fn toml_and_json_are_told_apart() {
    let json = json!({ "origin": "https://o.example", "public_origins": ["https://api.example"],
        "routes": [{ "match": "* /**", "require": [] }] });
    for document in [GOOD, &json.to_string()] {
        let checked = run_with(CHECK_STDIN, document);
        assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
        assert_eq!(checked.stdout, "-: good; 1 public origin, 0 issuers, 1 route\n");
    }
    let duplicate = json.to_string().replace("{\"match\"", "{\"require\":[\"token\"],\"match\"");
    let checked = run_with(CHECK_STDIN, &duplicate);
    assert_eq!(checked.code, Some(1));
    assert!(checked.stdout.contains("twice"), "{}", checked.stdout);
}

#[test]
fn every_fault_is_told_with_its_path() {
    let faulty =
        GOOD.replace("require = []", "require = [\"token\", \"signature\"]\ndpop_nonce = \"required\"");
    let checked = run_with(CHECK_STDIN, &faulty);
    assert_eq!(checked.code, Some(1));
    let lines: Vec<_> = checked.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("-: routes[0].require: \"signature\" cannot be given"));
    assert!(lines[1].starts_with("-: routes[0].require: \"token\" cannot be given"));
    assert!(lines[2].starts_with("-: routes[0].dpop_nonce: "));
    assert_eq!(lines[3], "3 faults; a gate would not start");

    let checked = run_with(&["config", "check", "-", "--json"], &faulty);
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((checked.code, &report["good"], &report["file"]), (Some(1), &json!(false), &json!("-")));
    let paths: Vec<_> = report["faults"].as_array().unwrap().iter().map(|fault| &fault["path"]).collect();
    assert_eq!(paths, ["routes[0].require", "routes[0].require", "routes[0].dpop_nonce"]);
}

#[test]
fn good_is_said_in_json_too() {
    let checked = run_with(&["config", "check", "--json", "-"], GOOD);
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((checked.code, report), (Some(0), json!({ "file": "-", "good": true, "faults": [] })));
}

#[test]
fn a_syntax_error_says_where() {
    let checked = run_with(CHECK_STDIN, "origin = \"https://o.example\"\nroutes = [\n  ,\n]\n");
    assert_eq!(checked.code, Some(1));
    assert!(checked.stdout.starts_with("-: line 3, column 3: "), "{}", checked.stdout);
    let checked =
        run_with(CHECK_STDIN, "{\n  \"origin\": \"https://o.example\",\n  \"origin\": \"s3cret\"\n}\n");
    assert_eq!(checked.code, Some(1));
    assert!(
        checked.stdout.starts_with("-: line 1, column 2: json object has a member twice\n"),
        "{}",
        checked.stdout
    );
    assert!(!checked.stdout.contains("s3cret"), "{}", checked.stdout);
}

#[test]
fn every_environment_of_a_wrangler_file_is_checked() {
    let table = |at: &str, require: &str| {
        format!(
            "[{at}vars.COUNTERSIGN_CONFIG]\norigin = \"https://o.example\"\n\
             public_origins = [\"https://api.example\"]\n\
             routes = [{{ match = \"* /**\", require = {require} }}]\n"
        )
    };
    let document = format!("main = \"x\"\n{}{}", table("", "[]"), table("env.staging.", "[\"token\"]"));
    let checked = run_with(CHECK_STDIN, &document);
    assert_eq!(checked.code, Some(1));
    let lines: Vec<_> = checked.stdout.lines().collect();
    assert_eq!(lines[0], "-: [vars.COUNTERSIGN_CONFIG]: good; 1 public origin, 0 issuers, 1 route");
    assert!(lines[1].starts_with("-: env.staging.vars.COUNTERSIGN_CONFIG.routes[0].require: \"token\""));

    let text = format!("[vars]\nCOUNTERSIGN_CONFIG = '''\n{GOOD}'''\n");
    assert_eq!(run_with(CHECK_STDIN, &text).code, Some(0));
    let checked = run_with(CHECK_STDIN, "main = \"x\"\n");
    assert_eq!(checked.code, Some(1));
    assert!(checked.stdout.starts_with("-: vars.COUNTERSIGN_CONFIG: is not set; "));
}

#[test]
fn what_cannot_be_looked_at_is_another_failure_than_a_fault() {
    for arguments in [
        &["config", "check", "no/such/file.toml"][..],
        &["config", "check"],
        &["config", "check", "-", "-"],
        &["config", "check", "-", "--fast"],
        &["config"],
        &["configure"],
        &["codes", "--json", "--markdown"],
    ] {
        let refused = run(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}");
        assert_eq!(refused.stdout.starts_with("{\"error\":"), arguments.contains(&"--json"), "{arguments:?}");
        assert!(refused.stderr.starts_with("countersign: "), "{}", refused.stderr);
    }
    let too_long = "#".repeat(2 * 1024 * 1024);
    let file = std::env::temp_dir().join(format!("countersign-{}.toml", std::process::id()));
    std::fs::write(&file, too_long).unwrap();
    let refused = run(&["config", "check", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("longer than 1 MiB"));
}

#[test]
fn help_is_there_for_every_command() {
    let all = run(&["--help"]);
    assert_eq!(all.code, Some(0));
    for command in ["config check", "config schema", "config reference", "codes", "keygen", "jwks"] {
        assert!(all.stdout.contains(command), "{command}");
        let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = run(&words);
        assert_eq!(help.code, Some(0));
        assert!(help.stdout.starts_with(&format!("usage: countersign {command}")));
        assert!(help.stdout.contains("Exit codes: "));
    }
    assert!(run(&["--version"]).stdout.starts_with("countersign "));
}

#[test]
fn the_schema_describes_the_wrangler_files_configuration() {
    let schema: Value = serde_json::from_str(&run(&["config", "schema"]).stdout).unwrap();
    assert_eq!(schema["additionalProperties"], json!(false));
    let wrangler = std::fs::read_to_string(root().join("wrangler.toml")).unwrap();
    let wrangler: Value = toml::from_str(&wrangler).unwrap();
    for name in wrangler["vars"]["COUNTERSIGN_CONFIG"].as_object().unwrap().keys() {
        assert!(schema["properties"].get(name).is_some(), "{name}");
    }
}

#[test]
fn the_schema_names_no_format_that_validators_do_not_know() {
    let schema = run(&["config", "schema"]);
    assert_eq!(schema.code, Some(0));
    for format in ["int64", "uint", "uint8", "uint16", "uint32", "uint64", "float", "double"] {
        assert!(!schema.stdout.contains(&format!("\"format\": \"{format}\"")), "{format}");
    }
    assert!(schema.stdout.contains("\"minimum\": 0"));
}
