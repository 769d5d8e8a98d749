//! The architecture as a test: who may import whom, how long things may be, what must be there.
//!
//! `ARCHITECTURE.md` explains the table below; this file alone decides.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each stage of the pipeline, and the stages it may import, in order. Imports go one way.
const LAYERS: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("rng", &["time"]),
    ("distribution", &["time", "rng"]),
    ("op", &["time"]),
    ("guarantee", &["time", "op"]),
    ("protocol", &BASE),
    ("scenario", &BASE),
    ("foreign", &["time", "rng", "distribution", "op", "guarantee", "history"]),
    ("history", &BASE),
    (
        "world",
        &["time", "rng", "distribution", "op", "guarantee", "protocol", "scenario", "history"],
    ),
    ("analysis", &["time", "rng", "distribution", "op", "guarantee", "history"]),
    (
        "results",
        &["time", "rng", "distribution", "op", "guarantee", "scenario", "history", "analysis"],
    ),
    (
        "report",
        &["time", "rng", "distribution", "op", "guarantee", "history", "analysis", "results"],
    ),
];
const BASE: [&str; 5] = ["time", "rng", "distribution", "op", "guarantee"];
/// Above the pipeline: these see everything below, in this order.
const ABOVE: [&str; 4] = ["catalog", "suite", "cli", "main"];

const MAX_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The stage a file belongs to: the first folder or file name below `src`.
fn stage(file: &Path) -> String {
    let below = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let first = below.expect("a source file").iter().next().expect("a name");
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The stages a text imports through `crate::`, one by one or in a group, tests and docs included.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].lines().count().max(1);
        let rest = &text[at + "crate::".len()..];
        let names = if rest.starts_with('{') { group(rest) } else { vec![rest] };
        for name in names {
            let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
            found.push((line, name.trim_start().chars().take_while(is_name).collect()));
        }
    }
    found
}

/// What stands between the outermost commas of a group in braces.
fn group(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 1, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && c == ',' {
            found.push(&text[start..at]);
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found
}

fn violations(stage: &str, text: &str) -> Vec<String> {
    let allowed: Vec<&str> = match LAYERS.iter().find(|(name, _)| *name == stage) {
        Some((_, allowed)) => allowed.to_vec(),
        None => {
            let place = ABOVE.iter().position(|name| *name == stage).unwrap_or(ABOVE.len());
            LAYERS.iter().map(|(name, _)| *name).chain(ABOVE[..place].iter().copied()).collect()
        }
    };
    let known = |name: &str| LAYERS.iter().any(|(n, _)| *n == name) || ABOVE.contains(&name);
    let wrong = |(line, name): &(usize, String)| {
        (known(name) && name != stage && !allowed.contains(&name.as_str()))
            .then(|| format!("line {line}: {stage} must not import {name}"))
    };
    imports(text).iter().filter_map(wrong).collect()
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let stage = stage(&file);
        if stage == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("the file is readable");
        for violation in violations(&stage, &text) {
            wrong.push(format!("{}: {violation}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_planted_import_is_caught() {
    assert_eq!(violations("protocol", "use crate::world::sim;").len(), 1);
    assert_eq!(violations("op", "use crate::{history::History};").len(), 1);
    let group = "use crate::{\n    time::{Instant, Duration},\n    history, world::sim,\n};";
    assert_eq!(violations("op", group).len(), 2);
    assert!(violations("world", "use crate::protocol::Protocol;").is_empty());
}

#[test]
fn every_stage_is_in_the_table() {
    for file in rust_files("src") {
        let stage = stage(&file);
        let known = LAYERS.iter().any(|(name, _)| *name == stage);
        assert!(known || stage == "lib" || ABOVE.contains(&stage.as_str()), "{stage} has no layer");
    }
}

#[test]
fn files_open_with_what_they_are_and_stay_short() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        for file in rust_files(folder) {
            let text = fs::read_to_string(&file).expect("the file is readable");
            if !text.starts_with("//!") {
                wrong.push(format!("{} does not open with `//!`", file.display()));
            }
            let lines = text.lines().count();
            if lines > MAX_LINES {
                wrong.push(format!("{} has {lines} lines", file.display()));
            }
            for (name, length) in functions(&text) {
                if length > MAX_FUNCTION_LINES {
                    wrong.push(format!("{}: {name} has {length} lines", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names and lengths of functions, by the indentation that rustfmt guarantees.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        // A declaration without a body has no length.
        let Some(at) = code.find("fn ").filter(|_| !code.ends_with(';')) else { continue };
        let head = &code[..at];
        if !head.split_whitespace().all(|w| w.starts_with("pub") || ["const", "async"].contains(&w))
        {
            continue;
        }
        let indent = line.len() - code.len();
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|l| *l == end);
        let name = code[at + 3..].split(['(', '<']).next().unwrap_or_default().to_owned();
        if let Some(length) = length {
            found.push((name, length + 1));
        }
    }
    found
}

#[test]
fn nothing_is_left_undone() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["unimple", "mented!"].concat()];
    for folder in ["src", "tests", "benches", "examples"] {
        for file in rust_files(folder) {
            let text = fs::read_to_string(&file).expect("the file is readable");
            for mark in &marks {
                assert!(!text.contains(mark), "{} says {mark}", file.display());
            }
        }
    }
}

#[test]
fn every_protocol_has_a_smoke_scenario() {
    let catalog = pacelc::catalog::Catalog::builtin();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for source in pacelc::scenario::builtin().iter().filter(|source| source.group == "smoke") {
        let loaded = pacelc::scenario::load(source, &catalog, &Default::default());
        for plan in loaded.expect("built-in scenarios are valid").plans {
            *seen.entry(plan.protocol).or_default() += 1;
        }
    }
    for entry in catalog.protocols() {
        assert!(seen.contains_key(entry.name), "{} has no smoke scenario", entry.name);
    }
}

/// The licences of everything that is linked in are ones we may ship. `deny.toml` says the same to
/// cargo-deny; this needs nothing but cargo.
#[test]
fn dependencies_have_allowed_licences() {
    const ALLOWED: [&str; 9] = [
        "MIT",
        "Apache-2.0",
        "Unicode-3.0",
        "BSD-3-Clause",
        "BSD-2-Clause",
        "Zlib",
        "Unlicense",
        "CC0-1.0",
        "BSL-1.0",
    ];
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 50, "metadata lists too few packages to be true");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none");
        // One alternative of each `AND` part must be allowed; exceptions only widen a licence.
        let parts = licence.replace(['(', ')'], "").replace('/', " OR ");
        let allowed = parts.split(" AND ").all(|part| {
            part.split(" OR ")
                .any(|l| ALLOWED.contains(&l.split(" WITH ").next().unwrap_or(l).trim()))
        });
        assert!(allowed, "{} is {licence}", package["name"]);
    }
}
