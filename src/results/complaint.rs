//! What the JSON parser objects to, in words of whoever looks after result files.
//!
//! Serde answers an unknown name with all that it knows, and a row has some ninety columns: whoever misspelled one,
//! or reads the file of another version, wants the nearest, and the place where all are explained.

use crate::op::{nearest, unknown};

/// Where every column is explained.
const EXPLAINED: &str = "docs/results.md explains all of them";

/// Serde's sentence about an object whose keys are called so (columns, of a line), without the place in the text.
pub(super) fn plain(said: &str, keys: &str) -> String {
    let names = |rest: &'_ str| -> Vec<String> {
        // "`given`, expected one of `a`, `b`": every second piece between backquotes is a name.
        rest.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let names = |prefix| said.strip_prefix(prefix).map(names).unwrap_or_default();
    if let [given, known @ ..] = &names("unknown field")[..] {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        return match nearest(given, &known) {
            Some(name) => format!("unknown {keys} `{given}`; did you mean `{name}`? {EXPLAINED}"),
            None => format!("unknown {keys} `{given}`; {EXPLAINED}"),
        };
    }
    if let [given, known @ ..] = &names("unknown variant")[..] {
        return unknown("value", given, known.iter().map(String::as_str));
    }
    if let [missing] = &names("missing field")[..] {
        return format!("missing {keys} `{missing}`; {EXPLAINED}");
    }
    said.to_owned()
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
    }
}
