//! Each vector of `vectors/` through `countersign verify signature`, as somebody else would run it: files in, JSON and
//! an exit code out. Those about directories and earlier requests are a gate's, which the core's own test runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{root, run};

fn files() -> Vec<Value> {
    let mut paths: Vec<_> =
        fs::read_dir(root().join("vectors")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_vectors = |path: &&std::path::PathBuf| {
        path.extension().is_some_and(|end| end == "json")
            && path.file_stem().is_some_and(|name| name != "schema")
    };
    let read = |path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    paths.iter().filter(is_vectors).map(read).collect()
}

/// The arguments that say what the vector demands.
fn demands(vector: &Value) -> Vec<String> {
    let mut arguments = vec!["--profile".into(), text(&vector["profile"])];
    let require = &vector["require"];
    for (name, option) in [
        ("components", "--require"),
        ("parameters", "--require-param"),
        ("tags", "--tag"),
        ("algorithms", "--algorithm"),
    ] {
        for value in require[name].as_array().into_iter().flatten() {
            arguments.extend([option.into(), text(value)]);
        }
    }
    if let Some(seconds) = require["max_window"].as_i64() {
        arguments.extend(["--max-window".into(), format!("{seconds}s")]);
    }
    arguments
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().into()
}

/// What the command says of an exchange, beside what it should; `None` where it takes a gate to say.
fn verdict(folder: &Path, vector: &Value, exchange: &Value) -> Option<(String, String)> {
    exchange.get("keys")?;
    let write = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let now = exchange["now"].to_string();
    let keys = write("keys.json", &exchange["keys"].to_string());
    let mut arguments: Vec<String> = ["verify", "signature", "--json", "--now"].map(String::from).into();
    arguments.extend([now, "--keys".into(), keys, "--scheme".into(), text(&exchange["scheme"])]);
    for message in ["request", "response"] {
        if let Some(content) = exchange.get(message).and_then(Value::as_str) {
            arguments.extend([format!("--{message}"), write(message, content)]);
        }
    }
    arguments.extend(demands(vector));
    let run = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
    let expected = &exchange["expected"];
    let wanted = format!("{} {}", text(&expected["outcome"]), text(&expected["code"]));
    let found = format!("{} {}", said["outcome"].as_str()?, said["code"].as_str()?);
    let exits_well = run.code == Some(i32::from(said["outcome"] != "verified"));
    Some((wanted, if exits_well { found } else { format!("{found}, exit code {:?}", run.code) }))
}

#[test]
fn each_vector_and_its_twin() {
    let folder = std::env::temp_dir().join(format!("countersign-vectors-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    for file in files() {
        for vector in file["vectors"].as_array().unwrap() {
            for side in ["refused", "verified"] {
                let exchange = &vector[side];
                if exchange.get("directories").is_some() || exchange.get("earlier").is_some() {
                    continue;
                }
                asked += 1;
                match verdict(&folder, vector, exchange) {
                    Some((wanted, found)) if wanted == found => {}
                    other => wrong.push((text(&vector["name"]), side, other)),
                }
            }
        }
    }
    let _ = fs::remove_dir_all(&folder);
    println!("{asked} exchanges through the command");
    assert!(asked > 600);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
