//! `docs/cli.md` is run: its files are written, its commands typed into a shell, and what they print is compared.
//!
//! A block whose language is followed by a name is that file. In a `console` block what follows `$ ` is typed and the
//! lines after it are what is printed; `…` stands for anything, alone in a line for any lines.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::root;

/// The blocks of the guide: what stands behind the fence, and the text.
fn blocks() -> Vec<(String, String)> {
    let guide = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let fenced = guide.split("\n```").skip(1).step_by(2);
    let block = |text: &str| text.split_once('\n').map(|(info, text)| (info.to_owned(), format!("{text}\n")));
    fenced.filter_map(block).collect()
}

/// Types a line into a shell in the folder; what it prints on both ways, and how it exits.
fn typed(folder: &Path, line: &str, last: i32) -> (String, i32) {
    let binary = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let script = format!("(exit {last}); {line}");
    let script = format!("exec 2>&1; {script}");
    let mut bash = Command::new("bash");
    let output = bash.args(["-c", &script]).current_dir(folder).env("PATH", path).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

/// Whether a text is as it is written down.
fn is_as_written(text: &str, written: &str) -> bool {
    let mut parts = written.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guide-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn each_example_prints_what_it_says() {
    let folder = folder();
    let (mut files, mut commands, mut last) = (0, 0, 0);
    for (info, text) in blocks() {
        match info.split_once(' ') {
            Some((_, name)) => {
                std::fs::write(folder.join(name), &text).unwrap();
                files += 1;
            }
            None if info == "console" => {
                let text = format!("\n{text}");
                for example in text.split("\n$ ").skip(1) {
                    let (line, written) = example.split_once('\n').unwrap_or((example, ""));
                    let (printed, code) = typed(&folder, line, last);
                    last = code;
                    commands += 1;
                    let (printed, written) = (printed.trim_end(), written.trim_end());
                    assert!(is_as_written(printed, written), "$ {line}\n{printed}\n--- written:\n{written}");
                }
            }
            None => {}
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(files >= 4 && commands >= 15, "{files} files, {commands} commands");
}

#[test]
fn what_is_not_as_written_is_noticed() {
    assert!(
        is_as_written("a b c", "a … c") && is_as_written("abc", "abc") && is_as_written("a\nb\nc", "a\n…")
    );
    assert!(!is_as_written("a b d", "a … c") && !is_as_written("abc", "ab") && !is_as_written("abc", "abcd"));
}
