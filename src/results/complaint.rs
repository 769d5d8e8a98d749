//! What the JSON parser objects to, in words of whoever looks after result files.
//!
//! Serde answers an unknown name with all that it knows, and a row has some ninety columns: whoever misspelled one,
//! or reads the file of another version, wants the nearest, and the place where all are explained.

use crate::op::{nearest, unknown};

/// Where every column is explained.
const EXPLAINED: &str = "docs/results.md explains all of them";

/// What the parser said about an object whose keys are called so (columns, of a line), without the place in the text.
pub(super) fn about(error: &serde_json::Error, keys: &str) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    plain(&text[..end], keys)
}

fn plain(said: &str, keys: &str) -> String {
    if let Some((given, known)) = refused(said, "unknown field `") {
        let given = given.escape_debug();
        return match nearest(&given.to_string(), &known) {
            Some(name) => format!("unknown {keys} `{given}`; did you mean `{name}`? {EXPLAINED}"),
            None => format!("unknown {keys} `{given}`; {EXPLAINED}"),
        };
    }
    if let Some((given, known)) = refused(said, "unknown variant `") {
        return unknown("value", &given.escape_debug().to_string(), known);
    }
    if let Some(missing) = said.strip_prefix("missing field `").and_then(|s| s.strip_suffix('`')) {
        return format!("missing {keys} `{missing}`; {EXPLAINED}");
    }
    // One line, whatever the file quotes.
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The name that was refused and those that are known. Serde quotes the first as it stands, so it may hold
/// anything, a line's end and a backquote too.
fn refused<'t>(said: &'t str, prefix: &str) -> Option<(&'t str, Vec<&'t str>)> {
    let (given, known) = said.strip_prefix(prefix)?.rsplit_once("`, expected ")?;
    // "one of `a`, `b`": every second piece between backquotes is a name.
    Some((given, known.split('`').skip(1).step_by(2).collect()))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn an_unknown_column_gets_the_nearest_and_never_the_whole_list() {
        let known = (0..90).map(|n| format!("`column_{n}`")).collect::<Vec<_>>().join(", ");
        for (given, expected) in [
            ("colum_7", "unknown column `colum_7`; did you mean `column_7`? docs/results.md"),
            ("zzz", "unknown column `zzz`; docs/results.md explains all of them"),
        ] {
            let said =
                plain(&format!("unknown field `{given}`, expected one of {known}"), "column");
            assert!(said.starts_with(expected) && said.len() < 120, "{said}");
        }
        assert_eq!(
            plain("unknown variant `hold`, expected one of `holds`, `violated`", "column"),
            "unknown value `hold`; did you mean `holds`?"
        );
        assert_eq!(
            plain("missing field `n`", "column"),
            "missing column `n`; docs/results.md explains all of them"
        );
        assert_eq!(plain("expected value", "column"), "expected value");
        assert_eq!(
            plain("unknown field `a`b\nc`, expected `n`", "column"),
            "unknown column `a`b\\nc`; docs/results.md explains all of them"
        );
    }
}
