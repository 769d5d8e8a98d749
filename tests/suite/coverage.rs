//! The README's table of what can be run is what the catalogue says.
//!
//! After a change, `PACELC_REWRITE=1 cargo test --test suite coverage::` writes the table anew.

use pacelc::catalog::{Catalog, ProtocolEntry};
use pacelc::op::Level;
use pacelc::protocol::Offer;
use std::fmt::Write as _;
use std::path::Path;

const BEGIN: &str = "<!-- coverage: made by tests/suite/coverage.rs -->\n";
const END: &str = "<!-- end of coverage -->";

/// The levels, each with its promise where that has another name; then those that other settings add, or under
/// which more is promised.
fn levels(entry: &ProtocolEntry) -> String {
    let plain = entry.levels();
    let mut text = named(plain.clone());
    for (settings, mut others) in entry.further_levels() {
        let known = |level, promise| {
            plain.iter().any(|(other, offer)| (*other, offer.promise) == (level, promise))
        };
        others.retain(|(level, offer)| !known(*level, offer.promise));
        if !others.is_empty() {
            let settings = settings.replace('\n', ", ");
            let _ = write!(text, "; with `{settings}`: {}", named(others));
        }
    }
    text
}

fn named(levels: Vec<(Level, Offer)>) -> String {
    let level = |(level, offer): (Level, Offer)| {
        let (level, promise) = (level.to_string(), offer.promise.to_string());
        match level.strip_prefix(&promise) {
            Some(_) => format!("`{level}`"),
            None => format!("`{level}` ({promise})"),
        }
    };
    levels.into_iter().map(level).collect::<Vec<_>>().join(", ")
}

fn table() -> String {
    let mut text = String::from(
        "| protocol | what it is | levels, and what is promised where the name does not say it | keys \
         hold | conflicts |\n",
    );
    text.push_str("|---|---|---|---|---|\n");
    for entry in Catalog::builtin().protocols() {
        let about = entry.about.trim_end_matches('.');
        let objects: Vec<String> = entry.objects().iter().map(|o| format!("`{o}`")).collect();
        let rules: Vec<String> = entry.rules.iter().map(|r| format!("`{}`", r.name())).collect();
        let rules = if rules.is_empty() { "none".to_owned() } else { rules.join(", ") };
        let (name, levels, objects) = (entry.name, levels(entry), objects.join(", "));
        let _ = writeln!(text, "| `{name}` | {about} | {levels} | {objects} | {rules} |");
    }
    text
}

#[test]
fn the_readme_has_the_table_that_the_catalogue_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("the README is readable");
    let (before, rest) = readme.split_once(BEGIN).expect("the README marks the table's place");
    let (found, after) = rest.split_once(END).expect("the README marks the table's end");
    if std::env::var_os("PACELC_REWRITE").is_some() {
        let new = format!("{before}{BEGIN}{}{END}{after}", table());
        std::fs::write(&path, new).expect("the README is writable");
    } else {
        assert_eq!(found, table(), "run this test with PACELC_REWRITE=1 set");
    }
}
