//! What was typed, read against the list of commands.

use lexopt::Arg;

use crate::{Failure, Report};

/// A command of the program.
pub(crate) struct Command {
    /// One or two words.
    pub(crate) name: &'static str,
    /// The names of its operands, all of which must be given.
    pub(crate) operands: &'static [&'static str],
    /// The options it takes, without dashes.
    pub(crate) options: &'static [&'static str],
    /// What it does, in one line.
    pub(crate) summary: &'static str,
    /// What else one should know.
    pub(crate) details: &'static str,
    /// Does it.
    pub(crate) run: fn(&Input) -> Result<Report, Failure>,
}

/// The operands and options of a command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    operands: Vec<String>,
    options: Vec<String>,
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

impl Input {
    /// An operand; empty where the command has no such.
    pub(crate) fn operand(&self, index: usize) -> &str {
        self.operands.get(index).map_or("", String::as_str)
    }

    /// Whether an option was given.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|given| given == option)
    }
}

impl Command {
    /// Name, operands and options.
    pub(crate) fn synopsis(&self) -> String {
        let operands = self.operands.iter().map(|operand| format!(" {operand}"));
        let options = self.options.iter().map(|option| format!(" [--{option}]"));
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

    fn accept(&self, operands: &[String], options: Vec<String>) -> Result<Input, Failure> {
        let misused = |what: String| Err(Failure::new(format!("{what}\n{}", self.usage())));
        if let Some(option) = options.iter().find(|option| !self.options.contains(&option.as_str())) {
            return misused(format!("{} does not take --{option}", self.name));
        }
        if let Some(missing) = self.operands.get(operands.len()) {
            return misused(format!("{} needs {missing}", self.name));
        }
        if let Some(extra) = operands.get(self.operands.len()) {
            return misused(format!("{} does not take {extra:?}", self.name));
        }
        Ok(Input { operands: operands.to_vec(), options })
    }
}

impl<'a> Arguments<'a> {
    pub(crate) fn parse(commands: &'a [Command], mut parser: lexopt::Parser) -> Result<Self, Failure> {
        let (mut words, mut options, mut help) = (Vec::new(), Vec::new(), false);
        let unusable = |error: lexopt::Error| Failure::new(error.to_string());
        while let Some(argument) = parser.next().map_err(unusable)? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => help = true,
                Arg::Short('V') | Arg::Long("version") if words.is_empty() => return Ok(Self::Version),
                Arg::Long(name) => options.push(name.to_owned()),
                Arg::Value(word) => words.push(
                    word.into_string()
                        .map_err(|word| Failure::new(format!("{} is not UTF-8", word.to_string_lossy())))?,
                ),
                Arg::Short(_) => return Err(unusable(argument.unexpected())),
            }
        }
        let named = commands.iter().find_map(|command| Some((command, command.operands_in(&words)?)));
        match named {
            Some((command, _)) if help => Ok(Self::Help(command.name.to_owned())),
            Some((command, operands)) => Ok(Self::Run(command, command.accept(operands, options)?)),
            None => Self::unfinished(commands, &words, help),
        }
    }

    /// The words name no command: help where they could become one, else a failure.
    fn unfinished(commands: &[Command], words: &[String], help: bool) -> Result<Self, Failure> {
        let words = words.join(" ");
        if !commands.iter().any(|command| command.is_in(&words)) {
            return Err(Failure::new(format!("no command {words:?}; countersign --help lists them")));
        }
        if help {
            return Ok(Self::Help(words));
        }
        let names: Vec<_> = commands.iter().filter(|c| c.is_in(&words)).map(|c| c.name).collect();
        Err(Failure::new(format!("needs a command: {}; --help says more", names.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const COMMANDS: &[Command] = &[command("a b", &["FILE"], &["json"]), command("c", &[], &[])];

    const fn command(
        name: &'static str,
        operands: &'static [&'static str],
        options: &'static [&'static str],
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
    fn what_a_command_does_not_take_is_refused_with_its_usage() {
        assert_eq!(refusal("a b"), "a b needs FILE\nusage: countersign a b FILE [--json]");
        assert!(refusal("a b x y").starts_with("a b does not take \"y\"\n"));
        assert!(refusal("c --json").starts_with("c does not take --json\n"));
        assert!(refusal("c -x").contains("'-x'"));
        assert!(refusal("a b x --json=1").contains("--json"));
    }

    #[test]
    fn what_names_no_command_says_which_there_are() {
        assert_eq!(refusal(""), "needs a command: a b, c; --help says more");
        assert_eq!(refusal("a"), "needs a command: a b; --help says more");
        assert!(refusal("d").starts_with("no command \"d\""));
        assert!(refusal("a c").starts_with("no command \"a c\""));
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
