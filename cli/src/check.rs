//! `config check`: every fault of a configuration, before a gate is started with it.
//!
//! A `wrangler.toml` is recognised by what it holds, as no configuration of a gate has a `main` or `vars`. What the
//! Worker would read is what is checked: tables, and texts in JSON or TOML.

use std::fmt::Write as _;

use countersign::config::{Config, ConfigError, Gate};
use serde_json::{Map, Value, json};

use crate::arguments::Input;
use crate::{Failure, Report, Status, input};

/// The variable that the Worker reads.
const VARIABLE: &str = "COUNTERSIGN_CONFIG";
/// Members of a wrangler configuration that a gate's never has.
const OF_WRANGLER: &[&str] = &["main", "vars", "env", "compatibility_date"];

/// Where a configuration lies in its file: empty for the file itself, and its check.
type Checked = (String, Result<Gate, Vec<ConfigError>>);

pub(crate) fn run(input: &Input) -> Result<Report, Failure> {
    let file = input.operand(0);
    let checked = check(file, &input::read(file)?);
    let status = if checked.iter().all(|(_, result)| result.is_ok()) { Status::Good } else { Status::Faults };
    let text = if input.has("json") { as_json(file, &checked) } else { as_text(file, &checked) };
    Ok(Report::new(text, status))
}

/// The gate of a configuration file; of a `wrangler.toml` that of the Worker, not of an environment.
pub(crate) fn gate(file: &str) -> Result<Gate, Failure> {
    config(file).map(|(gate, _)| gate)
}

/// The same, and the configuration that it is made from.
pub(crate) fn config(file: &str) -> Result<(Gate, Config), Failure> {
    let found = configurations(file, &input::read(file)?).into_iter().next();
    let (place, config) = found.ok_or_else(|| Failure::new(format!("{file} has no configuration")))?;
    let made = config.map_err(|fault| vec![fault]).and_then(|config| Ok((Gate::new(&config)?, config)));
    made.map_err(|faults| {
        let faults =
            faults.iter().map(|fault| format!("\n{}: {}", path_in_file(&place, fault), fault.message));
        Failure::new(format!("{file} is no configuration:{}", faults.collect::<String>()))
    })
}

fn check(file: &str, text: &str) -> Vec<Checked> {
    configurations(file, text).into_iter().map(|(place, config)| (place, load(config))).collect()
}

/// The configurations of a file, each with its place.
fn configurations(file: &str, text: &str) -> Vec<(String, Result<Config, ConfigError>)> {
    let is_json = |text: &str| text.trim_start().starts_with('{');
    if has_extension(file, "json") || (!has_extension(file, "toml") && is_json(text)) {
        return vec![(String::new(), Config::from_json(text))];
    }
    match toml::from_str::<Map<String, Value>>(text) {
        Ok(document) if OF_WRANGLER.iter().any(|name| document.contains_key(*name)) => of_wrangler(&document),
        _ => vec![(String::new(), Config::from_toml(text))],
    }
}

fn has_extension(file: &str, extension: &str) -> bool {
    std::path::Path::new(file).extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

fn load(config: Result<Config, ConfigError>) -> Result<Gate, Vec<ConfigError>> {
    Gate::new(&config.map_err(|fault| vec![fault])?)
}

/// The core knows what is wrong, not where: a configuration may come from anywhere. Here it is a file.
pub(crate) fn syntax_error(text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    ConfigError { path: String::new(), message: format!("line {line}, column {column}: {}", error.message()) }
}

/// The configuration of the Worker, and of each of its environments, which inherit no variables.
fn of_wrangler(document: &Map<String, Value>) -> Vec<(String, Result<Config, ConfigError>)> {
    let environments = document.get("env").and_then(Value::as_object).into_iter().flatten();
    let workers = environments.map(|(name, worker)| (format!("env.{name}."), worker.get("vars")));
    let workers = std::iter::once((String::new(), document.get("vars"))).chain(workers);
    let checked: Vec<_> = workers
        .filter_map(|(path, vars)| Some((format!("{path}vars.{VARIABLE}"), vars?.get(VARIABLE)?)))
        .map(|(path, variable)| (path, read_variable(variable)))
        .collect();
    if checked.is_empty() {
        let path = format!("vars.{VARIABLE}");
        let message = format!("is not set; add [vars.{VARIABLE}] with the configuration of the gate");
        return vec![(String::new(), Err(ConfigError { path, message }))];
    }
    checked
}

fn read_variable(variable: &Value) -> Result<Config, ConfigError> {
    match variable.as_str() {
        Some(text) if text.trim_start().starts_with('{') => Config::from_json(text),
        Some(text) => Config::from_toml(text),
        None => Config::from_json(&variable.to_string()),
    }
}

/// The path of a fault in the file.
fn path_in_file(place: &str, fault: &ConfigError) -> String {
    match (place, fault.path.as_str()) {
        (place, "") => place.to_owned(),
        ("", path) => path.to_owned(),
        (place, path) => format!("{place}.{path}"),
    }
}

fn as_text(file: &str, checked: &[Checked]) -> String {
    let mut text = String::new();
    let mut count = 0;
    for (place, result) in checked {
        // Writing to a `String` does not fail.
        let _ = match result {
            Ok(gate) if place.is_empty() => writeln!(text, "{file}: good; {}", summary(gate)),
            Ok(gate) => writeln!(text, "{file}: [{place}]: good; {}", summary(gate)),
            Err(faults) => faults.iter().try_for_each(|fault| {
                count += 1;
                let path = path_in_file(place, fault);
                let path = if path.is_empty() { path } else { format!("{path}: ") };
                writeln!(text, "{file}: {path}{}", fault.message)
            }),
        };
    }
    let plural = if count == 1 { "" } else { "s" };
    if count > 0 {
        let _ = writeln!(text, "{count} fault{plural}; a gate would not start");
    }
    text
}

fn summary(gate: &Gate) -> String {
    let count = |n: usize, name: &str| format!("{n} {name}{}", if n == 1 { "" } else { "s" });
    [
        count(gate.public_origins().len(), "public origin"),
        count(gate.issuers().len(), "issuer"),
        count(gate.routes().len(), "route"),
    ]
    .join(", ")
}

fn as_json(file: &str, checked: &[Checked]) -> String {
    let faults: Vec<_> = checked
        .iter()
        .flat_map(|(place, result)| result.as_ref().err().into_iter().flatten().map(move |f| (place, f)))
        .map(|(place, fault)| json!({ "path": path_in_file(place, fault), "message": fault.message }))
        .collect();
    format!("{}\n", json!({ "file": file, "good": faults.is_empty(), "faults": faults }))
}
