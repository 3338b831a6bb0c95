//! Programs that the system's packages bring: a browser and a Redis server, for the tests that need real ones.
//!
//! One that is there is used; one that is named in the environment is used before that. What is missing is installed where
//! `apt-get` can without asking anyone; elsewhere it is said what to install.

use std::env;
use std::env::consts::EXE_EXTENSION;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::command::{Outcome, Run};

/// A program, and how to come by it.
pub(crate) struct SystemTool {
    /// Its names, the usual first.
    programs: &'static [&'static str],
    /// Debian's package.
    package: &'static str,
    /// The variable that names another program, also to the tests.
    pub(crate) variable: &'static str,
    minutes: u32,
}

pub(crate) const CHROMIUM: SystemTool = SystemTool {
    programs: &["chromium", "chromium-browser", "google-chrome"],
    package: "chromium",
    variable: "CHROMIUM",
    minutes: 2,
};
pub(crate) const REDIS_SERVER: SystemTool =
    SystemTool { programs: &["redis-server"], package: "redis-server", variable: "REDIS_SERVER", minutes: 1 };

/// What can be done about a program that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// As who we are.
    Install,
    /// As root, whom `sudo` lets us be without a password.
    InstallWithSudo,
    Nothing,
}

/// The program, installed if it was missing.
pub(crate) fn ready(tool: &SystemTool) -> Outcome<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(named) = env::var_os(tool.variable).filter(|name| !name.is_empty()) {
        return find(&[&named], &path, Path::is_file).ok_or_else(|| {
            format!("{} names {}, which is not there", tool.variable, named.to_string_lossy())
        });
    }
    let there = || find(tool.programs, &path, Path::is_file);
    if let Some(program) = there() {
        return Ok(program);
    }
    let sudo = match means(is_there("apt-get"), is_root(), can_sudo()) {
        Means::Install => false,
        Means::InstallWithSudo => true,
        Means::Nothing => return Err(missing(tool)),
    };
    eprintln!("xtask: installing {} (about {} minutes, once)", tool.package, tool.minutes);
    apt_get(sudo, &["update"])?;
    apt_get(sudo, &["install", "-y", "--no-install-recommends", tool.package])?;
    there().ok_or_else(|| {
        format!("{} was installed, and brought no {}", tool.package, tool.programs.join(" or "))
    })
}

fn means(apt_get: bool, root: bool, sudo: bool) -> Means {
    match (apt_get, root, sudo) {
        (true, true, _) => Means::Install,
        (true, false, true) => Means::InstallWithSudo,
        _ => Means::Nothing,
    }
}

fn missing(tool: &SystemTool) -> String {
    let SystemTool { programs, package, variable, .. } = tool;
    let program = programs.join(" or ");
    format!("{program} is missing: install the package {package}, or name the program in {variable}")
}

/// Waits for another `apt-get` of this machine, and asks nothing.
fn apt_get(sudo: bool, arguments: &[&str]) -> Outcome {
    const QUIET: (&str, &str) = ("DEBIAN_FRONTEND", "noninteractive");
    let run = if sudo {
        Run::new("sudo").args(["-n", "env"]).arg(format!("{}={}", QUIET.0, QUIET.1)).arg("apt-get")
    } else {
        Run::new("apt-get").env(QUIET.0, QUIET.1)
    };
    run.args(["-q", "-o", "DPkg::Lock::Timeout=600"]).args(arguments).aside()
}

/// The first of these programs that is in a folder of `path`. A name with folders of its own is found at its place.
fn find(names: &[impl AsRef<OsStr>], path: &OsStr, is_file: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folders: Vec<_> = env::split_paths(path).collect();
    let places = names.iter().flat_map(|name| {
        let name = Path::new(name.as_ref());
        let own = (name.components().count() > 1).then(|| name.to_path_buf());
        let in_path =
            folders.iter().filter(|_| name.components().count() == 1).map(move |folder| folder.join(name));
        own.into_iter().chain(in_path)
    });
    places.map(executable).find(|place| is_file(place))
}

/// With what ends the names of programs here. A dot that is in a name stays.
fn executable(program: PathBuf) -> PathBuf {
    if EXE_EXTENSION.is_empty() { program } else { program.with_extension(EXE_EXTENSION) }
}

fn is_there(program: &str) -> bool {
    find(&[program], &env::var_os("PATH").unwrap_or_default(), Path::is_file).is_some()
}

fn is_root() -> bool {
    Run::new("id").arg("-u").output().is_ok_and(|id| id.trim() == "0")
}

fn can_sudo() -> bool {
    Run::new("sudo").args(["-n", "true"]).output().is_ok()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};

    use super::{CHROMIUM, Means, REDIS_SERVER, find, means, missing};

    #[test]
    fn nothing_is_installed_without_apt_get_or_without_being_allowed_to() {
        assert_eq!(means(false, true, true), Means::Nothing);
        assert_eq!(means(true, false, false), Means::Nothing);
        assert_eq!(means(true, true, false), Means::Install);
        assert_eq!(means(true, false, true), Means::InstallWithSudo);
    }

    #[test]
    fn what_is_missing_is_said_with_its_package_and_variable() {
        let said = missing(&REDIS_SERVER);
        assert!(said.contains("the package redis-server") && said.contains("REDIS_SERVER"), "{said}");
        let said = missing(&CHROMIUM);
        assert!(said.contains("the package chromium") && said.contains("CHROMIUM"), "{said}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_is_found_under_its_first_name_that_is_there() {
        let there = |files: &'static [&'static str]| {
            move |place: &Path| files.iter().any(|file| Path::new(file) == place)
        };
        let path = OsStr::new("/usr/bin:/opt/bin");
        let names = &["chromium", "chromium-browser"];
        assert_eq!(find(names, path, there(&[])), None);
        let later = there(&["/usr/bin/chromium-browser", "/opt/bin/chromium"]);
        assert_eq!(find(names, path, later), Some(PathBuf::from("/opt/bin/chromium")));
        let own = there(&["/home/chrome", "/usr/bin/chrome"]);
        assert_eq!(find(&["/home/chrome"], path, own), Some(PathBuf::from("/home/chrome")));
        assert_eq!(find(&["/elsewhere/chrome"], path, own), None);
    }
}
