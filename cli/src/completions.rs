//! `completions`: scripts that let a shell complete commands, options and files, from the list of commands.

use std::fmt::Write as _;

use serde_json::json;

use crate::arguments::{Command, Input, Opt};
use crate::verify::unknown;
use crate::{Failure, Report, commands};

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    let shell = input.operand(0);
    let script = match shell {
        "bash" => bash(commands::ALL),
        "zsh" => zsh(commands::ALL),
        "fish" => fish(commands::ALL),
        "powershell" => powershell(commands::ALL),
        _ => {
            let Failure { message, .. } = unknown("", &SHELLS, shell);
            return Err(Failure::new(message.replacen("-- is", "SHELL is", 1)));
        }
    };
    Ok(Report::good(if input.has("json") {
        format!("{}\n", json!({ "shell": shell, "script": script }))
    } else {
        script
    }))
}

/// The words that may follow these words: of commands, then of operands that are of a fixed choice.
fn words_after(commands: &[Command], words: &str) -> Vec<&'static str> {
    let mut next: Vec<&'static str> = Vec::new();
    for command in commands.iter().filter(|command| command.is_in(words)) {
        let rest = command.name.strip_prefix(words).unwrap_or_default().trim_start();
        let word = rest.split(' ').next().filter(|word| !word.is_empty() && !next.contains(word));
        next.extend(word);
    }
    if words == "completions" {
        next.extend(SHELLS);
    }
    next
}

/// All that can be typed before the options: "", "config", "config check", …
fn prefixes(commands: &[Command]) -> Vec<&'static str> {
    let mut prefixes = vec![""];
    for command in commands {
        let first = command.name.split(' ').next().unwrap_or_default();
        prefixes.extend([first, command.name]);
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

fn options_of(commands: &[Command], name: &str) -> Vec<Opt> {
    commands
        .iter()
        .find(|command| command.name == name)
        .map_or_else(Vec::new, |command| command.options.to_vec())
}

/// Whether the value of an option is, or may be, the name of a file.
fn takes_file(option: &Opt) -> bool {
    let is_file = |value| ["FILE", "JWKS", "PRIVATE_JWK", "T", "P"].contains(&value);
    option.value.is_some_and(is_file) && choices(option.name).is_empty()
}

/// The values that an option may have, of all commands that take it; none where they cannot be listed.
fn choices(option: &str) -> &'static [&'static str] {
    match option {
        "alg" => &[
            "EdDSA",
            "Ed25519",
            "ES256",
            "ES384",
            "PS256",
            "PS384",
            "PS512",
            "RS256",
            "RS384",
            "RS512",
            "ed25519",
            "ecdsa-p256-sha256",
            "ecdsa-p384-sha384",
            "rsa-pss-sha512",
            "rsa-v1_5-sha256",
            "hmac-sha256",
        ],
        "algorithm" => &[
            "ed25519",
            "ecdsa-p256-sha256",
            "ecdsa-p384-sha384",
            "rsa-pss-sha512",
            "rsa-v1_5-sha256",
            "hmac-sha256",
        ],
        "bits" => &["2048", "3072", "4096"],
        "client-certificate-status" => &["verified", "unverified", "revoked"],
        "digest" => &["sha-256", "sha-512"],
        "profile" => &[
            "rfc9421",
            "web-bot-auth",
            "tap",
            "tap-deployed",
            "agent-headers",
            "at+jwt",
            "jwt",
            "any",
            "jws",
        ],
        "require-param" => &["created", "expires", "keyid", "alg", "nonce", "tag"],
        "scheme" => &["http", "https"],
        _ => &[],
    }
}

/// The options whose values can be listed, in any command, each as a line of a `case`.
fn choice_cases(commands: &[Command], line: impl Fn(&str, &str) -> String) -> String {
    let mut names: Vec<_> =
        commands.iter().flat_map(|command| command.options).map(|option| option.name).collect();
    names.sort_unstable();
    names.dedup();
    let listed = names.into_iter().filter(|name| !choices(name).is_empty());
    listed.map(|name| line(name, &choices(name).join(" "))).collect()
}

/// The options whose value is the name of a file, in any command, and those whose value is another.
fn valued(commands: &[Command]) -> (Vec<&'static str>, Vec<&'static str>) {
    let options = || commands.iter().flat_map(|command| command.options);
    let mut files: Vec<_> = options().filter(|option| takes_file(option)).map(|option| option.name).collect();
    let mut others: Vec<_> =
        options().filter(|option| option.value.is_some()).map(|option| option.name).collect();
    for names in [&mut files, &mut others] {
        names.sort_unstable();
        names.dedup();
    }
    others.retain(|name| !files.contains(name));
    (files, others)
}

fn dashed(names: &[&str], separator: &str) -> String {
    names.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(separator)
}

fn bash(commands: &[Command]) -> String {
    let (files, others) = valued(commands);
    let mut cases = String::new();
    for prefix in prefixes(commands) {
        let words = words_after(commands, prefix).join(" ");
        let options: Vec<_> = options_of(commands, prefix).iter().map(|option| option.name).collect();
        let options = dashed(&[options, vec!["help"]].concat(), " ");
        // Writing to a `String` does not fail.
        let _ = writeln!(cases, "    '{prefix}') words='{words}' options='{options}' ;;");
    }
    format!(
        r#"# Completions of countersign for bash: source this file, or put it into
# ~/.local/share/bash-completion/completions/countersign
_countersign() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local typed='' word words options skip=''
  COMPREPLY=()
  case $previous in
{chosen}    {files}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    {others}) return ;;
  esac
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case $word in
      {files}|{others}) skip=1 ;;
      -*) ;;
      *) typed="${{typed:+$typed }}$word" ;;
    esac
  done
  while :; do
    case $typed in
{cases}    *) # An operand was typed: the command is what stands before it.
      if [[ $typed == *' '* ]]; then typed=${{typed% *}}; else typed=''; fi
      continue ;;
    esac
    break
  done
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F _countersign countersign
"#,
        chosen = choice_cases(commands, |name, words| format!(
            "    --{name}) COMPREPLY=($(compgen -W '{words}' -- \"$current\")); return ;;\n"
        )),
        files = dashed(&files, "|"),
        others = dashed(&others, "|"),
    )
}

/// Text between single quotes of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn zsh(commands: &[Command]) -> String {
    let (files, others) = valued(commands);
    let mut cases = String::new();
    for prefix in prefixes(commands) {
        let words: Vec<_> = words_after(commands, prefix).into_iter().map(quoted).collect();
        let options: Vec<_> = options_of(commands, prefix).iter().map(|option| option.name).collect();
        let options = dashed(&[options, vec!["help"]].concat(), " ");
        let _ = writeln!(
            cases,
            "      '{prefix}') words_next=({}) options=({options}); break ;;",
            words.join(" ")
        );
    }
    format!(
        r#"#compdef countersign
# Completions of countersign for zsh: put this file as _countersign into a folder of $fpath, or source it
# after compinit.
_countersign() {{
  local typed='' word skip=''
  local -a words_next options
  case ${{words[CURRENT-1]}} in
{chosen}    {files}) _files; return ;;
    {others}) return ;;
  esac
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    if [[ -n $skip ]]; then skip=''; continue; fi
    case $word in
      {files}|{others}) skip=1 ;;
      -*) ;;
      *) typed="${{typed:+$typed }}$word" ;;
    esac
  done
  while true; do
    case $typed in
{cases}      *' '*) typed=${{typed% *}} ;;
      *) typed='' ;;
    esac
  done
  if [[ ${{words[CURRENT]}} == -* ]]; then
    compadd -- $options
  else
    compadd -- $words_next
    _files
  fi
}}
if [[ $funcstack[1] == _countersign ]]; then _countersign "$@"; else compdef _countersign countersign; fi
"#,
        chosen =
            choice_cases(commands, |name, words| format!("    --{name}) compadd -- {words}; return ;;\n")),
        files = dashed(&files, "|"),
        others = dashed(&others, "|"),
    )
}

fn fish(commands: &[Command]) -> String {
    let mut text = String::from(
        "# Completions of countersign for fish: put this file into ~/.config/fish/completions/countersign.fish\n\
         function __countersign_typed\n    \
             set -l words (commandline -opc)\n    \
             set -e words[1]\n    \
             string match -v -- '-*' $words | string join ' '\n\
         end\n\
         function __countersign_is\n    \
             set -l typed (__countersign_typed)\n    \
             test \"$typed\" = \"$argv[1]\"; or string match -q -- \"$argv[1] *\" \"$typed\"\n\
         end\n",
    );
    for prefix in prefixes(commands) {
        for word in words_after(commands, prefix) {
            let name = if prefix.is_empty() { word.to_owned() } else { format!("{prefix} {word}") };
            let about = commands.iter().find(|command| command.name == name).map(|command| command.summary);
            let about = about.map(|about| format!(" -d {}", fish_quoted(about))).unwrap_or_default();
            let condition = format!("test \"$(__countersign_typed)\" = {}", fish_quoted(prefix));
            let _ = writeln!(text, "complete -c countersign -n {} -a {word}{about}", fish_quoted(&condition));
        }
    }
    for command in commands {
        let condition = fish_quoted(&format!("__countersign_is {}", fish_quoted(command.name)));
        for option in command.options {
            let value = match (option.value, choices(option.name)) {
                (None, _) => String::new(),
                (_, words @ [_, ..]) => format!(" -x -a {}", fish_quoted(&words.join(" "))),
                _ if takes_file(option) => " -r -F".to_owned(),
                _ => " -x".to_owned(),
            };
            let _ = writeln!(text, "complete -c countersign -n {condition} -l {}{value}", option.name);
        }
    }
    text
}

/// Text between single quotes of fish, where a back slash escapes itself and the quote.
fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

fn powershell(commands: &[Command]) -> String {
    let mut table = String::new();
    for prefix in prefixes(commands) {
        let list =
            |names: Vec<String>| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let words = list(words_after(commands, prefix).into_iter().map(str::to_owned).collect());
        let options = options_of(commands, prefix);
        let options = list(options.iter().map(|option| format!("--{}", option.name)).collect());
        let _ = writeln!(table, "    '{prefix}' = @{{ Words = @({words}); Options = @({options}) }}");
    }
    format!(
        r#"# Completions of countersign for PowerShell: add this to $PROFILE.
Register-ArgumentCompleter -Native -CommandName countersign -ScriptBlock {{
  param($wordToComplete, $commandAst, $cursorPosition)
  $table = @{{
{table}  }}
  $typed = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object {{ $_.ToString() }} |
    Where-Object {{ $_ -ne $wordToComplete -and -not $_.StartsWith('-') }})
  while ($typed.Count -gt 0 -and -not $table.ContainsKey($typed -join ' ')) {{
    $typed = @($typed | Select-Object -SkipLast 1)
  }}
  $found = $table[($typed -join ' ')]
  @($found.Words) + @($found.Options) | Where-Object {{ $_ -like "$wordToComplete*" }} |
    ForEach-Object {{ [System.Management.Automation.CompletionResult]::new($_) }}
}}
"#
    )
}
