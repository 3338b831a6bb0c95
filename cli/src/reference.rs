//! `config schema` and `config reference`: what the configuration's types say about themselves.
//!
//! A field's type and default come from the schema. What a schema does not tell stands in the field's
//! documentation as a sentence of its own, `Default: …` or `Range: …`, and gets a column here.

use std::fmt::Write as _;

use countersign::config::Config;
use serde_json::{Map, Value, json};

const INTRODUCTION: &str = r#"<!-- Written by `cargo xtask docs` from src/config/mod.rs; edit that. -->

# Configuration

A gate has one document, the same on every host, in TOML or JSON. The Worker reads it from the variable
`COUNTERSIGN_CONFIG`: a table of `wrangler.toml`, as at the root of this repository, or a text.

```toml
origin = "https://origin.shop.example"
public_origins = ["https://api.shop.example"]

[signatures]
trust = ["https://agents.example"]

[[routes]]
match = "GET /api/**"
require = ["signature"]
rate = [{ per = "agent", limit = 600, window = "1m" }]
```

The document is checked whole before a gate starts with it, and every fault is reported with the path of its field
and what to write instead. An unknown field is a fault: a misspelt `require` must not open a route. So is what can
never work, such as a route that requires a token of no issuer. To check it beforehand:

```sh
countersign config check wrangler.toml
```

`countersign config schema` prints the JSON Schema, for editors. Lengths of time are a whole number and a unit:
`500ms`, `30s`, `5m`, `1h`, `1d`.
"#;

/// The JSON Schema, as text.
pub(crate) fn schema_text() -> String {
    let mut schema = schema();
    drop_formats_of_rust(&mut schema);
    format!("{schema:#}\n")
}

/// Takes away `format` where it names a type of Rust: validators know none of them, and strict ones refuse them.
fn drop_formats_of_rust(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_of_rust = |format: &str| {
                let bits = format.trim_start_matches("uint").trim_start_matches("int");
                matches!(format, "float" | "double")
                    || (bits != format && ["", "8", "16", "32", "64", "128"].contains(&bits))
            };
            if members.get("format").and_then(Value::as_str).is_some_and(is_of_rust) {
                members.remove("format");
            }
            members.values_mut().for_each(drop_formats_of_rust);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_formats_of_rust),
        _ => {}
    }
}

/// `config reference`.
pub(crate) fn report(is_json: bool) -> String {
    if is_json { as_json() } else { markdown() }
}

/// The reference for programs.
fn as_json() -> String {
    let schema = schema();
    let field = |field: Field<'_>| {
        json!({
            "name": field.name, "type": field.kind, "default": field.default, "range": field.range,
            "meaning": field.meaning,
        })
    };
    let section = |section: &Section<'_>| {
        let table = if section.path.is_empty() { String::new() } else { header(&section.path) };
        json!({ "table": table, "fields": section.fields().into_iter().map(field).collect::<Vec<_>>() })
    };
    let sections: Vec<_> = sections(&schema).iter().map(section).collect();
    format!("{}\n", Value::Array(sections))
}

/// The reference, as Markdown.
fn markdown() -> String {
    let schema = schema();
    let mut text = INTRODUCTION.to_owned();
    for section in sections(&schema) {
        section.write(&mut text);
    }
    text
}

fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// A table of the document.
struct Section<'a> {
    /// The names from the root to it; `true` where there are several, one after another.
    path: Vec<(&'a str, bool)>,
    object: &'a Value,
    root: &'a Value,
}

/// A field, as its columns.
struct Field<'a> {
    name: &'a str,
    kind: String,
    default: String,
    range: String,
    meaning: String,
}

/// The document and its tables, each before those inside it.
fn sections(root: &Value) -> Vec<Section<'_>> {
    let mut found = Vec::new();
    let mut open = vec![Section { path: Vec::new(), object: root, root }];
    while let Some(section) = open.pop() {
        // Pushed in reverse, so that the first field's table comes next.
        for (name, field) in section.properties().into_iter().rev() {
            if name == UNLESS {
                continue;
            }
            let (table, several) = innermost(root, field);
            let path = section.path.iter().copied().chain([(name, several)]);
            if let Some(table) = named_table(root, table) {
                open.push(Section { path: path.chain([(NAME, false)]).collect(), object: table, root });
            } else if table.get("properties").is_some() {
                open.push(Section { path: path.collect(), object: table, root });
            }
        }
        found.push(section);
    }
    found
}

impl<'a> Section<'a> {
    /// The fields: those that must be there in the order of the type, then the others by name.
    fn properties(&self) -> Vec<(&'a str, &'a Value)> {
        let required: Vec<_> = self.required().collect();
        let mut fields: Vec<_> = members(self.object, "properties").collect();
        fields.sort_by_key(|(name, _)| {
            (required.iter().position(|r| r == name).unwrap_or(required.len()), *name)
        });
        fields
    }

    fn required(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        array(self.object, "required").filter_map(Value::as_str)
    }

    fn fields(&self) -> Vec<Field<'a>> {
        let required: Vec<_> = self.required().collect();
        let field =
            |(name, schema)| Field::new(self.root, name, schema, required.contains(&name), &self.path);
        self.properties().into_iter().map(field).collect()
    }

    fn write(&self, text: &mut String) {
        let title = if self.path.is_empty() {
            "## The document".to_owned()
        } else {
            format!("{} `{}`", "#".repeat(self.path.len() + 1), header(&self.path))
        };
        // Writing to a `String` does not fail.
        let _ = writeln!(text, "\n{title}\n\n{}\n", one_line(description(self.object)));
        text.push_str("| Field | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n");
        for Field { name, kind, default, range, meaning } in self.fields() {
            let _ = writeln!(text, "| `{name}` | {kind} | {default} | {range} | {meaning} |");
        }
    }
}

impl<'a> Field<'a> {
    fn new(root: &Value, name: &'a str, schema: &Value, required: bool, place: &[(&str, bool)]) -> Self {
        let (meaning, default) = take_sentence(&one_line(description(schema)), "Default: ");
        let (mut meaning, range) = take_sentence(&meaning, "Range: ");
        let (inner, _) = innermost(root, schema);
        for (value, about) in values(inner) {
            let _ = write!(meaning, "<br>`{value}`: {about}");
        }
        let from_schema = schema.get("default").filter(|default| !default.is_null());
        let default = match (required, from_schema) {
            (true, _) => "required".to_owned(),
            (false, Some(default)) => format!("`{default}`"),
            (false, None) => default,
        };
        let path: Vec<_> = place.iter().copied().chain([(name, is_list(schema))]).collect();
        Self { name, kind: kind(root, schema, &path), default, range, meaning }
    }
}

/// What a field holds, in words.
fn kind(root: &Value, schema: &Value, path: &[(&str, bool)]) -> String {
    if is_list(schema) {
        return match kind(root, schema.get("items").unwrap_or(&Value::Null), path) {
            tables if tables.starts_with("[table]") => tables.replacen("[table]", "[tables]", 1),
            string if string == "string" => "list of strings".to_owned(),
            item => format!("list of {item}"),
        };
    }
    let (inner, _) = innermost(root, schema);
    if named_table(root, inner).is_some() {
        let path: Vec<_> = path.iter().copied().chain([(NAME, false)]).collect();
        return format!("[tables](#{}) by name", anchor(&path));
    }
    if inner.get("properties").is_some() {
        let mut path = path.to_vec();
        path.iter_mut().filter(|(name, _)| *name == UNLESS).for_each(|(name, _)| *name = "when");
        return format!("[table](#{})", anchor(&path));
    }
    if inner.get("pattern").is_some() {
        return "length of time".to_owned();
    }
    let values: Vec<_> = values(inner).map(|(value, _)| format!("`{value}`")).collect();
    if !values.is_empty() {
        return values.join(", ");
    }
    let names = match inner.get("type") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        name => name.and_then(Value::as_str),
    };
    match names {
        Some("object") => "table".to_owned(),
        name => name.unwrap_or("any").to_owned(),
    }
}

/// The header of a table in TOML.
fn header(path: &[(&str, bool)]) -> String {
    let names: Vec<_> = path.iter().map(|(name, _)| *name).collect();
    match path.last() {
        Some((_, true)) => format!("[[{}]]", names.join(".")),
        _ => format!("[{}]", names.join(".")),
    }
}

/// The header's place in the page.
fn anchor(path: &[(&str, bool)]) -> String {
    header(path)
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        .collect::<String>()
        .to_lowercase()
}

/// The conditions that must not hold: they have the fields of `when`, which are described once.
const UNLESS: &str = "unless";

/// What stands for the name of a table that the configuration names.
const NAME: &str = "NAME";

/// What each table is, of those that the configuration names.
fn named_table<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let (table, _) = innermost(root, schema.get("additionalProperties")?);
    table.get("properties").map(|_| table)
}

fn is_list(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("array")
}

/// What a field holds once references, options and lists are seen through, and whether there was a list.
fn innermost<'a>(root: &'a Value, schema: &'a Value) -> (&'a Value, bool) {
    if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
        let target = pointer.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or((schema, false), |target| innermost(root, target));
    }
    let is_null = |schema: &&Value| schema.get("type").and_then(Value::as_str) == Some("null");
    if let Some(some) = array(schema, "anyOf").find(|schema| !is_null(schema)) {
        return innermost(root, some);
    }
    match schema.get("items") {
        Some(items) => (innermost(root, items).0, true),
        None => (schema, false),
    }
}

/// The values of an enumeration, each with its meaning.
fn values(schema: &Value) -> impl Iterator<Item = (&str, String)> {
    array(schema, "oneOf")
        .filter_map(|value| Some((value.get("const")?.as_str()?, one_line(description(value)))))
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(schema: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    schema.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn members<'a>(schema: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    schema.get(name).and_then(Value::as_object).into_iter().flat_map(Map::iter).map(|(k, v)| (k.as_str(), v))
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

/// Takes the sentence that begins so out of a text: gives the rest, and the sentence without its beginning.
fn take_sentence(text: &str, beginning: &str) -> (String, String) {
    let Some((before, rest)) = text.split_once(beginning) else { return (text.to_owned(), String::new()) };
    let (sentence, after) = rest.split_once(". ").unwrap_or((rest.trim_end_matches('.'), ""));
    (format!("{before}{after}").trim_end().to_owned(), sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_says_all_that_one_must_know_to_write_it() {
        let schema = schema();
        let fields: Vec<_> = sections(&schema).iter().flat_map(Section::fields).collect();
        assert!(fields.len() > 30);
        for Field { name, kind, default, range, meaning } in fields {
            assert!(!meaning.is_empty() && !default.is_empty(), "{name} has no meaning or no default");
            let has_range = kind == "integer" || kind == "length of time";
            assert!(!has_range || !range.is_empty(), "{name} has no range");
            assert!(kind != "any" && !kind.is_empty(), "{name} has no type");
        }
    }

    #[test]
    fn every_table_has_a_section_of_its_own() {
        let schema = schema();
        let headers: Vec<_> = sections(&schema).iter().map(|section| header(&section.path)).collect();
        assert_eq!(
            headers,
            [
                "[]",
                "[[routes]]",
                "[routes.amount]",
                "[routes.details]",
                "[routes.mcp]",
                "[[routes.mcp.operations]]",
                "[routes.on_unavailable]",
                "[[routes.rate]]",
                "[routes.risk]",
                "[[routes.rules]]",
                "[routes.rules.when]",
                "[routes.rules.when.agent]",
                "[routes.rules.when.amount]",
                "[[routes.rules.when.claims]]",
                "[routes.rules.when.network]",
                "[[routes.rules.when.parameters]]",
                "[routes.rules.when.time]",
                "[routes.task]",
                "[admin]",
                "[[agents]]",
                "[[agents.keys]]",
                "[audit]",
                "[[authorization_details]]",
                "[[budgets]]",
                "[cors]",
                "[delegation]",
                "[dpop]",
                "[events]",
                "[[issuers]]",
                "[issuers.claims]",
                "[issuers.introspection]",
                "[issuers.status_list]",
                "[[limits]]",
                "[metrics]",
                "[mtls]",
                "[[resources]]",
                "[revocation]",
                "[[revocation.deny]]",
                "[risk]",
                "[risk.breaker]",
                "[risk.weights]",
                "[risk.weights.signals.NAME]",
                "[scopes]",
                "[signatures]",
                "[signatures.rules.NAME]",
            ]
        );
    }

    #[test]
    fn sentences_are_taken_out() {
        let take = |text| take_sentence(text, "Range: ");
        assert_eq!(take("What. Range: 1 to 2. Why."), ("What. Why.".into(), "1 to 2".into()));
        assert_eq!(take("What. Range: `1s` to `2s`."), ("What.".into(), "`1s` to `2s`".into()));
        assert_eq!(take("What."), ("What.".into(), String::new()));
    }
}
