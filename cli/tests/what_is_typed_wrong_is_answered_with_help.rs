//! Errors, help and exit codes, the same for every command.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::run;

fn commands() -> Vec<Value> {
    let help: Value = serde_json::from_str(&run(&["--help", "--json"]).stdout).unwrap();
    help["commands"].as_array().unwrap().clone()
}

#[test]
fn every_command_takes_json_and_says_its_errors_in_it() {
    let commands = commands();
    assert!(commands.len() > 15);
    for command in commands {
        let name = command["name"].as_str().unwrap();
        let options = command["options"].as_array().unwrap();
        assert!(options.iter().any(|option| option["name"] == "json"), "{name}");
        let words: Vec<_> = name.split(' ').collect();
        let refused = run(&[&words, &["--no-such-option", "--json"][..]].concat());
        assert_eq!(refused.code, Some(2), "{name}");
        let error: Value = serde_json::from_str(&refused.stdout).unwrap();
        assert!(
            error["error"].as_str().unwrap().contains("does not take --no-such-option"),
            "{name}: {error}"
        );
        assert!(refused.stderr.contains("--no-such-option"), "{name}");
    }
}

#[test]
fn every_command_says_what_it_is_for_and_how_it_exits() {
    for command in commands() {
        let name = command["name"].as_str().unwrap();
        let words: Vec<_> = name.split(' ').collect();
        let help = run(&[&words, &["--help"][..]].concat());
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(help.stdout.starts_with(&format!("usage: countersign {name}")), "{name}");
        assert!(help.stdout.contains("Exit codes: 0 all is well"), "{name}");
        for option in command["options"].as_array().unwrap() {
            let option = format!("--{}", option["name"].as_str().unwrap());
            let told = help.stdout.split_once("\n\n").unwrap().1;
            let is_verify = name == "explain" && told.contains("`verify --help`");
            assert!(told.contains(&option) || is_verify, "{name} does not tell of {option}");
        }
    }
}

#[test]
fn what_is_nearly_right_is_suggested() {
    for (words, meant) in [
        (&["verfy"][..], "did you mean verify?"),
        (&["verify", "signatur", "--keys", "x"], "did you mean verify signature?"),
        (&["verify", "--confg", "x"], "did you mean --config?"),
        (&["config", "chek", "x"], "did you mean config check?"),
    ] {
        let refused = run(words);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(meant), "{words:?}: {}", refused.stderr);
    }
}

#[test]
fn the_version_is_told_in_both_forms() {
    let version: Value = serde_json::from_str(&run(&["--version", "--json"]).stdout).unwrap();
    assert_eq!(run(&["-V"]).stdout, format!("countersign {}\n", version["version"].as_str().unwrap()));
}

#[test]
fn help_is_a_word_too() {
    for (word, option) in
        [(&["help"][..], &["--help"][..]), (&["help", "verify", "jwt"], &["verify", "jwt", "--help"])]
    {
        let (word, option) = (run(word), run(option));
        assert_eq!((word.code, word.stdout), (Some(0), option.stdout));
    }
}

#[test]
fn a_time_that_is_none_is_refused() {
    for (now, says) in [
        ("2026-02-30T00:00:00Z", "--now is seconds since 1970"),
        ("1790000000000", "1790000000000 are milliseconds"),
    ] {
        let refused =
            run(&["verify", "jwt", "--token", "a.b.c", "--keys", "{}", "--profile", "jws", "--now", now]);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    let refused = run(&["keygen", "--out", "-"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--out is the name of a file"), "{}", refused.stderr);
}
