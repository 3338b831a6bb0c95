//! Running other programs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Done, or what went wrong, for people.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// A program to run, and a failure that names it.
pub(crate) struct Run {
    command: Command,
    shown: String,
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let shown =
            Path::new(program.as_ref()).file_name().unwrap_or(program.as_ref()).to_string_lossy().into();
        Self { command: Command::new(program), shown }
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown = format!("{} {}", self.shown, argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    pub(crate) fn args(self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Becomes it, where the platform can: so that Ctrl-C ends what it ends in its own way, and whoever waits for
    /// us waits for that.
    pub(crate) fn replace(self) -> Outcome {
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            let mut run = self;
            Err(format!("cannot run {}: {}", run.shown, run.command.exec()))
        }
        #[cfg(not(unix))]
        self.foreground()
    }

    /// Runs with our stdout and stderr, to its end.
    pub(crate) fn foreground(mut self) -> Outcome {
        let status = self.command.status().map_err(|e| format!("cannot run {}: {e}", self.shown))?;
        if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", self.shown)) }
    }

    /// As [`Self::foreground`], but what it prints on stdout goes to our stderr.
    pub(crate) fn aside(mut self) -> Outcome {
        self.command.stdout(std::io::stderr());
        self.foreground()
    }

    /// What it prints on stdout; its stderr is ours.
    pub(crate) fn stdout(mut self) -> Outcome<Vec<u8>> {
        self.command.stderr(Stdio::inherit());
        let output = self.command.output().map_err(|e| format!("cannot run {}: {e}", self.shown))?;
        let status = output.status;
        if status.success() { Ok(output.stdout) } else { Err(format!("{} failed ({status})", self.shown)) }
    }

    /// What it prints on stdout and stderr together, when it succeeded.
    pub(crate) fn output(mut self) -> Outcome<String> {
        let output = self.command.output().map_err(|e| format!("cannot run {}: {e}", self.shown))?;
        let text =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        if output.status.success() { Ok(text) } else { Err(text) }
    }
}
