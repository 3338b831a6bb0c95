//! `completions`: the scripts, sourced by the shells themselves where they are installed. Bash is everywhere.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use support::{file, run};

fn script(shell: &str) -> String {
    let printed = run(&["completions", shell]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    file(&format!("completions.{shell}"), printed.stdout)
}

/// The output of a shell, or nothing where it is not installed.
fn of_shell(shell: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(shell).args(arguments).output().ok()?;
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What bash offers after these words; the last one is being typed.
fn bash(words: &[&str]) -> Vec<String> {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let program = format!(
        "cd /; source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _countersign; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script("bash"),
        quoted.join(" "),
        words.len() - 1
    );
    of_shell("bash", &["--norc", "-c", &program]).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn another_shell_is_refused_with_those_that_are_known() {
    let refused = run(&["completions", "tcsh"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("SHELL is one of bash, zsh, fish, powershell"), "{}", refused.stderr);
}

#[test]
fn bash_completes_words_options_and_files() {
    let offered = |words: &[&str], wanted: &str| bash(words).iter().any(|word| word == wanted);
    assert!(offered(&["countersign", "ver"], "verify"));
    assert!(offered(&["countersign", "verify", ""], "signature"));
    assert!(offered(&["countersign", "verify", "signature", "--req"], "--request"));
    assert!(offered(&["countersign", "verify", "--h"], "--har"));
    assert!(!offered(&["countersign", "verify", "jwt", "--h"], "--har"));
    assert!(offered(&["countersign", "jwks", "some.json", "--j"], "--json"));
    assert!(offered(&["countersign", "verify", "--config", "/et"], "/etc"));
    assert!(
        offered(&["countersign", "verify", "--config", "verify", "--n"], "--now"),
        "a value is no command"
    );
    assert!(offered(&["countersign", "completions", "z"], "zsh"));
    for (option, value) in [
        ("--profile", "web-bot-auth"),
        ("--alg", "ES256"),
        ("--scheme", "http"),
        ("--digest", "sha-256"),
        ("--client-certificate-status", "revoked"),
    ] {
        let values = bash(&["countersign", "verify", option, ""]);
        assert!(
            values.iter().any(|word| word == value) && !values.iter().any(|word| word == "etc"),
            "{values:?}"
        );
    }
    assert_eq!(bash(&["countersign", "veri"]).iter().filter(|word| *word == "verify").count(), 1);
    assert!(bash(&["countersign", "nonsense", "x", "--q"]).iter().all(String::is_empty), "and it ends");
}

#[test]
fn the_other_shells_read_their_scripts() {
    if let Some(offered) = of_shell(
        "fish",
        &[
            "--no-config",
            "-c",
            &format!("source '{}'; complete -C 'countersign verify --conf'", script("fish")),
        ],
    ) {
        assert!(offered.starts_with("--config"), "{offered}");
    }
    let zsh = script("zsh");
    let program =
        format!("autoload -U compinit; compinit -D -u; source '{zsh}'; print ${{_comps[countersign]}}");
    if let Some(registered) = of_shell("zsh", &["-f", "-c", &program]) {
        assert_eq!(registered.trim(), "_countersign");
    }
    let powershell = run(&["completions", "powershell"]).stdout;
    assert!(powershell.contains("'verify signature' = @{") && powershell.contains("'--request'"));
}
