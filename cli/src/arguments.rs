//! What was typed, read against the list of commands.

use std::ffi::OsString;

use lexopt::Arg;

use crate::{Failure, Report, input};

/// A command of the program.
pub(crate) struct Command {
    /// One or two words.
    pub(crate) name: &'static str,
    /// The names of its operands, all of which must be given. What is named with `…` at its end may be several.
    pub(crate) operands: &'static [&'static str],
    /// The options it takes.
    pub(crate) options: &'static [Opt],
    /// What it does, in one line.
    pub(crate) summary: &'static str,
    /// What else one should know.
    pub(crate) details: &'static str,
    /// Does it.
    pub(crate) run: fn(&Input) -> Result<Report, Failure>,
}

/// An option of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    /// Without dashes.
    pub(crate) name: &'static str,
    /// What its value is called; none where it takes no value.
    pub(crate) value: Option<&'static str>,
    /// How often it is given.
    times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    AtMostOnce,
    Once,
    Any,
}

/// An option without a value.
pub(crate) const fn flag(name: &'static str) -> Opt {
    Opt { name, value: None, times: Times::AtMostOnce }
}

/// An option with a value.
pub(crate) const fn optional(name: &'static str, value: &'static str) -> Opt {
    Opt { name, value: Some(value), times: Times::AtMostOnce }
}

/// An option with a value that must be given.
pub(crate) const fn required(name: &'static str, value: &'static str) -> Opt {
    Opt { name, value: Some(value), times: Times::Once }
}

/// An option with a value that may be given several times.
pub(crate) const fn repeated(name: &'static str, value: &'static str) -> Opt {
    Opt { name, value: Some(value), times: Times::Any }
}

/// The operands and options of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    operands: Vec<String>,
    options: Vec<(&'static str, String)>,
}

/// What was typed.
pub(crate) enum Arguments<'a> {
    /// A command, with all that it needs.
    Run(&'a Command, Input),
    /// Help, about the commands that begin with these words.
    Help(String),
    /// The version.
    Version,
}

impl Opt {
    pub(crate) fn synopsis(&self) -> String {
        let value = self.value.map(|value| format!(" {value}")).unwrap_or_default();
        let option = format!("--{}{value}", self.name);
        match self.times {
            Times::Once => format!(" {option}"),
            Times::AtMostOnce => format!(" [{option}]"),
            Times::Any => format!(" [{option}]…"),
        }
    }
}

impl Input {
    /// An operand; empty where the command has no such.
    pub(crate) fn operand(&self, index: usize) -> &str {
        self.operands.get(index).map_or("", String::as_str)
    }

    /// All operands, in order.
    pub(crate) fn operands(&self) -> &[String] {
        &self.operands
    }

    /// Whether an option was given.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.value(option).is_some()
    }

    /// The value of an option; empty where it takes none.
    pub(crate) fn value(&self, option: &str) -> Option<&str> {
        self.options.iter().find(|(name, _)| *name == option).map(|(_, value)| value.as_str())
    }

    /// The values of an option that may be given several times, in order.
    pub(crate) fn values<'a>(&'a self, option: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(name, _)| *name == option).map(|(_, value)| value.as_str())
    }
}

impl Command {
    /// Name, operands and options.
    pub(crate) fn synopsis(&self) -> String {
        let operands = self.operands.iter().map(|operand| format!(" {operand}"));
        let options = self.options.iter().map(Opt::synopsis);
        operands.chain(options).fold(self.name.to_owned(), |text, part| text + &part)
    }

    pub(crate) fn usage(&self) -> String {
        format!("usage: countersign {}", self.synopsis())
    }

    /// Whether its name begins with these words.
    pub(crate) fn is_in(&self, words: &str) -> bool {
        let rest = self.name.strip_prefix(words);
        rest.is_some_and(|rest| words.is_empty() || rest.is_empty() || rest.starts_with(' '))
    }

    /// The words after its name, where it is the one that was named.
    fn operands_in<'w>(&self, words: &'w [String]) -> Option<&'w [String]> {
        let (name, rest) = words.split_at_checked(self.name.split(' ').count())?;
        (name.join(" ") == self.name).then_some(rest)
    }

    fn accept(
        &self,
        commands: &[Command],
        operands: &[String],
        options: Vec<(String, Option<String>)>,
    ) -> Result<Input, Failure> {
        let misused = |what: String| Err(Failure::new(format!("{what}\n{}", self.usage())));
        let takes_more = self.operands.last().is_some_and(|last| last.ends_with('…'));
        let extra = operands.get(self.operands.len()).filter(|_| !takes_more);
        if let Some(extra) = extra {
            // First: the options are those of the command that was meant.
            let others = commands.iter().map(|command| command.name).filter(|name| *name != self.name);
            let meant = did_you_mean(&format!("{} {extra}", self.name), others, "");
            if !meant.is_empty() {
                return misused(format!("{} does not take {}{meant}", self.name, input::name(extra)));
            }
        }
        let mut taken: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in options {
            let Some(option) = self.options.iter().find(|option| option.name == name) else {
                let meant = did_you_mean(&name, self.options.iter().map(|option| option.name), "--");
                return misused(format!("{} does not take --{name}{meant}", self.name));
            };
            if option.times != Times::Any && taken.iter().any(|(before, _)| *before == name) {
                return misused(format!("--{name} is given twice"));
            }
            taken.push((option.name, value.unwrap_or_default()));
        }
        let is_given = |option: &&Opt| taken.iter().any(|(name, _)| *name == option.name);
        let missing = self.options.iter().filter(|option| option.times == Times::Once).find(|o| !is_given(o));
        if let Some(Opt { name, .. }) = missing {
            return misused(format!("{} needs --{name}", self.name));
        }
        if let Some(missing) = self.operands.get(operands.len()) {
            return misused(format!("{} needs {missing}", self.name));
        }
        if let Some(extra) = extra {
            return misused(format!("{} does not take {}", self.name, input::name(extra)));
        }
        Ok(Input { operands: operands.to_vec(), options: taken })
    }
}

/// Whether the option of this name takes a value, which is the same for all commands that have it.
fn takes_value(commands: &[Command], name: &str) -> bool {
    commands.iter().flat_map(|command| command.options).any(|o| o.name == name && o.value.is_some())
}

impl<'a> Arguments<'a> {
    pub(crate) fn parse(commands: &'a [Command], mut parser: lexopt::Parser) -> Result<Self, Failure> {
        let (mut words, mut options, mut help) = (Vec::new(), Vec::new(), false);
        let unusable = |error: lexopt::Error| Failure::new(error.to_string());
        while let Some(argument) = parser.next().map_err(unusable)? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => help = true,
                Arg::Short('V') | Arg::Long("version") if words.is_empty() => return Ok(Self::Version),
                Arg::Long(name) if takes_value(commands, name) => {
                    let name = name.to_owned();
                    let value = parser.value().map_err(unusable)?;
                    options.push((name, Some(utf8(value)?)));
                }
                Arg::Long(name) => options.push((name.to_owned(), None)),
                Arg::Value(word) => words.push(utf8(word)?),
                Arg::Short(_) => return Err(unusable(argument.unexpected())),
            }
        }
        if words.first().is_some_and(|word| word == "help") {
            (words, help) = (words.split_off(1), true);
            if words.is_empty() {
                return Ok(Self::Help(String::new()));
            }
        }
        // The longest name: `verify` is a command, and so is `verify jwt`.
        let named = commands.iter().filter_map(|command| Some((command, command.operands_in(&words)?)));
        let named = named.max_by_key(|(command, _)| command.name.len());
        match named {
            Some((command, _)) if help => Ok(Self::Help(command.name.to_owned())),
            Some((command, operands)) => Ok(Self::Run(command, command.accept(commands, operands, options)?)),
            None => Self::unfinished(commands, &words, help),
        }
    }

    /// The words name no command: help where they could become one, else a failure.
    fn unfinished(commands: &[Command], words: &[String], help: bool) -> Result<Self, Failure> {
        let words = words.join(" ");
        if !commands.iter().any(|command| command.is_in(&words)) {
            let meant = did_you_mean(&words, commands.iter().map(|command| command.name), "");
            let name = input::name(&words);
            return Err(Failure::new(format!("no command {name}{meant}; countersign --help lists them")));
        }
        if help {
            return Ok(Self::Help(words));
        }
        let names: Vec<_> = commands.iter().filter(|c| c.is_in(&words)).map(|c| c.name).collect();
        Err(Failure::new(format!("needs a command: {}; --help says more", names.join(", "))))
    }
}

/// What may have been meant, as the end of a sentence; empty where nothing is near.
pub(crate) fn did_you_mean<'a>(typed: &str, known: impl Iterator<Item = &'a str>, dashes: &str) -> String {
    // A slip of the finger for every three letters; more is another word.
    let most = (typed.chars().count() / 3).clamp(1, 3);
    let nearest = known.map(|name| (distance(typed, name), name)).min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, name)) if distance <= most => format!("; did you mean {dashes}{name}?"),
        _ => String::new(),
    }
}

/// How many letters are to be added, left out or changed to come from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let above = *cell;
            left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            (diagonal, *cell) = (above, left);
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn utf8(word: OsString) -> Result<String, Failure> {
    word.into_string().map_err(|word| Failure::new(format!("{} is not UTF-8", word.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const COMMANDS: &[Command] = &[
        command("a b", &["FILE"], &[flag("json")]),
        command("c", &[], &[]),
        command("e", &["FILE…"], &[]),
        command("d", &[], &[required("key", "FILE"), optional("now", "UNIX"), repeated("require", "C")]),
    ];

    const fn command(
        name: &'static str,
        operands: &'static [&'static str],
        options: &'static [Opt],
    ) -> Command {
        let run = |_: &Input| Err(Failure::new("never run"));
        Command { name, operands, options, summary: "", details: "", run }
    }

    fn parse(line: &str) -> Result<Arguments<'static>, Failure> {
        let words = std::iter::once("countersign").chain(line.split_whitespace());
        Arguments::parse(COMMANDS, lexopt::Parser::from_iter(words))
    }

    fn refusal(line: &str) -> String {
        match parse(line) {
            Err(failure) => failure.message,
            Ok(_) => panic!("{line} is accepted"),
        }
    }

    #[test]
    fn a_command_gets_its_operands_and_options() {
        for line in ["a b x --json", "--json a b x", "a b --json -- x"] {
            let Ok(Arguments::Run(command, input)) = parse(line) else { panic!("{line}") };
            assert_eq!((command.name, input.operand(0), input.has("json")), ("a b", "x", true));
        }
        let Ok(Arguments::Run(_, input)) = parse("a b -") else { panic!("stdin") };
        assert_eq!((input.operand(0), input.operand(1), input.has("json")), ("-", "", false));
    }

    #[test]
    fn some_operands_may_be_several() {
        for (line, operands) in [("e x", &["x"][..]), ("e x y - z", &["x", "y", "-", "z"])] {
            let Ok(Arguments::Run(_, input)) = parse(line) else { panic!("{line}") };
            assert_eq!(input.operands(), operands);
        }
        assert_eq!(refusal("e"), "e needs FILE…\nusage: countersign e FILE…");
    }

    #[test]
    fn what_a_command_does_not_take_is_refused_with_its_usage() {
        assert_eq!(refusal("a b"), "a b needs FILE\nusage: countersign a b FILE [--json]");
        assert!(refusal("a b x y").starts_with("a b does not take \"y\"\n"));
        assert!(refusal("c --json").starts_with("c does not take --json\n"));
        assert!(refusal("c -x").contains("'-x'"));
        assert!(refusal("a b x --json=1").contains("--json"));
    }

    #[test]
    fn what_names_no_command_says_which_there_are() {
        assert_eq!(refusal(""), "needs a command: a b, c, e, d; --help says more");
        assert_eq!(refusal("a"), "needs a command: a b; --help says more");
        assert!(refusal("f").starts_with("no command \"f\""));
        assert!(refusal("a c d").starts_with("no command \"a c d\""));
    }

    #[test]
    fn what_is_nearly_right_is_named() {
        let refused = refusal("d --kez k");
        assert!(refused.starts_with("d does not take --kez; did you mean --key?\n"), "{refused}");
        assert!(refusal("a x").contains("did you mean a b?"));
        assert!(!refusal("c --something-else").contains("did you mean"));
        assert!(!refusal("zzz").contains("did you mean"));
    }

    #[test]
    fn help_is_asked_for_before_a_command_or_after_it() {
        for (line, about) in
            [("help a b", "a b"), ("a b --help", "a b"), ("help a", "a"), ("help", ""), ("--help", "")]
        {
            assert!(matches!(parse(line), Ok(Arguments::Help(words)) if words == about), "{line}");
        }
        assert!(refusal("help f").starts_with("no command \"f\""));
    }

    #[test]
    fn the_distance_of_two_words() {
        for (from, to, letters) in [("", "", 0), ("", "ab", 2), ("verify", "verfiy", 2), ("jwt", "jws", 1)] {
            assert_eq!((distance(from, to), distance(to, from)), (letters, letters), "{from} {to}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn options_have_values_and_some_several() {
        for line in ["d --key k --require a --now=7 --require=b", "--now 7 --require a d --require b --key=k"]
        {
            let Ok(Arguments::Run(_, input)) = parse(line) else { panic!("{line}") };
            assert_eq!((input.value("key"), input.value("now")), (Some("k"), Some("7")));
            assert_eq!(input.values("require").collect::<Vec<_>>(), ["a", "b"]);
        }
        let Ok(Arguments::Run(_, input)) = parse("d --key -") else { panic!("stdin") };
        assert_eq!(
            (input.value("key"), input.has("now"), input.values("require").count()),
            (Some("-"), false, 0)
        );
    }

    #[test]
    fn options_are_given_as_often_as_they_may() {
        let usage = "usage: countersign d --key FILE [--now UNIX] [--require C]…";
        assert_eq!(refusal("d"), format!("d needs --key\n{usage}"));
        assert_eq!(refusal("d --key k --key k"), format!("--key is given twice\n{usage}"));
        assert_eq!(refusal("d --key k --now 1 --now 2"), format!("--now is given twice\n{usage}"));
        assert!(refusal("a b x --json --json").starts_with("--json is given twice\n"));
        assert!(refusal("d --key").contains("missing argument"));
        assert!(refusal("c --key k").starts_with("c does not take --key\n"));
    }

    #[test]
    fn help_is_given_at_every_length() {
        for (line, words) in [("--help", ""), ("a -h", "a"), ("a b --help", "a b"), ("c x -h", "c")] {
            let Ok(Arguments::Help(about)) = parse(line) else { panic!("{line}") };
            assert_eq!(about, words);
        }
        assert!(matches!(parse("-V"), Ok(Arguments::Version)));
    }
}
