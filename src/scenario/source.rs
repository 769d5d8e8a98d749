//! Where scenario text comes from, and how every complaint about it names its file and line.
//!
//! A scenario is either embedded in the binary (everything under `scenarios/`) or a file of the
//! user's. Inside this stage a complaint carries a byte offset ([`Refusal`]); at the border it
//! becomes a [`ScenarioError`] with a line number, so that no parser below has to count lines.

use crate::op::unknown;
use std::ops::Range;
use std::path::Path;

/// The files of the data folders, embedded by `build.rs`.
pub(crate) mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// One sentence about bad input: where it stands, what is wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.place(), one_line(message))]
pub struct ScenarioError {
    /// The file as the user named it, or the path of a built-in one.
    pub file: String,
    /// Counted from 1; `None` where the complaint is about the file as a whole.
    pub line: Option<usize>,
    /// The sentence.
    pub message: String,
}

impl ScenarioError {
    fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}

/// What a message quotes may hold line ends and escape sequences; a sentence stays on its line.
fn one_line(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A scenario's text and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's stem, which is the scenario's name.
    pub name: String,
    /// The folder it lies in: `curated`, `smoke`; of a user's file, its parent folder.
    pub group: String,
    /// The path, for messages and for paths relative to it.
    pub file: String,
    /// The TOML text.
    pub text: String,
}

impl Source {
    /// Takes text as if it had been read from `file`.
    #[must_use]
    pub fn new(file: &str, text: &str) -> Self {
        let path = Path::new(file);
        let part = |os: Option<&std::ffi::OsStr>| {
            os.map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
        };
        Self {
            name: part(path.file_stem()),
            group: part(path.parent().and_then(Path::file_name)),
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Reads a user's file.
    ///
    /// # Errors
    /// The file cannot be read or is not UTF-8.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let file = path.as_ref().to_string_lossy().into_owned();
        read_text(&file).map(|text| Self::new(&file, &text))
    }

    /// The error that a refusal about this text is.
    pub(super) fn error(&self, refusal: Refusal) -> ScenarioError {
        locate(&self.file, &self.text, refusal)
    }
}

/// Every scenario embedded in the binary, sorted by path: groups together, names in order.
#[must_use]
pub fn builtin() -> Vec<Source> {
    embedded::SCENARIOS.iter().map(|(file, text)| Source::new(file, text)).collect()
}

/// Finds built-in scenarios by name; all groups are searched.
///
/// # Errors
/// No scenario has that name; the message offers the nearest.
pub fn find(name: &str) -> Result<Source, String> {
    let all = builtin();
    match all.iter().find(|source| source.name == name) {
        Some(source) => Ok(source.clone()),
        None => Err(unknown("scenario", name, all.iter().map(|source| source.name.as_str()))),
    }
}

/// A complaint about bytes `at` of a text; the border adds file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) at: Option<Range<usize>>,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { at: Some(span), message: message.into() }
    }
}

impl From<toml::de::Error> for Refusal {
    fn from(error: toml::de::Error) -> Self {
        Self { at: error.span(), message: complaint(&error) }
    }
}

/// What the parser objects to, in one sentence. About a value, it begins with the key, as in `link.jitter_ms: ...`,
/// unless the sentence does anyhow. The parser tells the keys that lead to a value on the last line of what it
/// displays.
pub(crate) fn complaint(error: &toml::de::Error) -> String {
    let message = plain(error.message());
    let about_a_key = ["unknown ", "missing key ", "duplicate key"];
    let shown = error.to_string();
    let keys = shown.lines().last().and_then(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    let Some(keys) = keys.filter(|_| !about_a_key.iter().any(|start| message.starts_with(start)))
    else {
        return message;
    };
    let last = keys.rsplit('.').next().unwrap_or(keys);
    if message.starts_with(&format!("{last} ")) { message } else { format!("{keys}: {message}") }
}

/// Gives a refusal its line in `text`.
pub(super) fn locate(file: &str, text: &str, refusal: Refusal) -> ScenarioError {
    let line = refusal.at.map(|span| line_of(text.as_bytes(), span.start));
    ScenarioError { file: file.to_owned(), line, message: legible(&refusal.message) }
}

/// Reads a file as UTF-8.
pub(super) fn read_text(file: &str) -> Result<String, ScenarioError> {
    let error = |line, message| ScenarioError { file: file.to_owned(), line, message };
    let bytes = std::fs::read(file).map_err(|e| error(None, format!("cannot be read: {e}")))?;
    String::from_utf8(bytes).map_err(|e| {
        let line = line_of(e.as_bytes(), e.utf8_error().valid_up_to());
        error(Some(line), "this line is not UTF-8 text; save the file as UTF-8".to_owned())
    })
}

fn line_of(text: &[u8], offset: usize) -> usize {
    1 + text.iter().take(offset).filter(|byte| **byte == b'\n').count()
}

/// Numbers of more digits than anybody reads are written with an exponent: `1e308`.
fn legible(message: &str) -> String {
    let numeral = |c: char| c.is_ascii_digit() || c == '.';
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find(numeral) {
        let (before, from) = rest.split_at(start);
        let (digits, after) = from.split_at(from.find(|c| !numeral(c)).unwrap_or(from.len()));
        out.push_str(before);
        match digits.parse::<f64>() {
            Ok(number) if digits.len() > DIGITS => out.push_str(&format!("{number:e}")),
            _ => out.push_str(digits),
        }
        rest = after;
    }
    out + rest
}

/// As many as the largest whole number of 64 bits has.
const DIGITS: usize = 20;

/// Serde's words in ours: the nearest valid choice instead of the whole list of them.
fn plain(message: &str) -> String {
    let one_line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    for (prefix, what) in [("unknown field", "key"), ("unknown variant", "choice")] {
        let Some(rest) = one_line.strip_prefix(prefix) else { continue };
        // "`given`, expected one of `a`, `b`": every second piece between backquotes is a name.
        let mut quoted = rest.split('`').skip(1).step_by(2);
        let Some(given) = quoted.next() else { continue };
        let known: Vec<&str> = quoted.collect();
        return if known.is_empty() {
            format!("unknown {what} `{given}`; no {what} is expected here")
        } else {
            unknown(what, given, known)
        };
    }
    if let Some((given, known)) = one_line
        .strip_prefix("unexpected keys in table: ")
        .and_then(|rest| rest.split_once(", available keys: "))
    {
        let first = given.split(", ").next().unwrap_or(given);
        return unknown("key", first, known.split(", "));
    }
    if one_line.starts_with("wanted exactly 1 element") {
        return "this table must hold exactly one key, the choice that is made".to_owned();
    }
    if let Some((given, wanted)) = one_line
        .strip_prefix("invalid type: ")
        .or_else(|| one_line.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{} will not do here; it must be {}", in_toml(given), in_toml(wanted));
    }
    if let Some(wanted) = one_line
        .strip_prefix("invalid length ")
        .and_then(|rest| rest.split_once(", expected "))
        .map(|(_, wanted)| in_toml(wanted))
        .filter(|wanted| wanted.starts_with(['a', '{']))
    {
        return format!("a list of that length will not do here; it must be {wanted}");
    }
    if one_line.starts_with("expected empty table") {
        return "nothing belongs into this table; write the name alone, and settings beside it"
            .to_owned();
    }
    let missing = match &*one_line {
        "missing field `question`" => ", what the scenario asks, in a sentence",
        "missing field `analysis`" => ", what it shows and why, in a paragraph or more",
        _ => "",
    };
    one_line.replacen("missing field", "missing key", 1) + missing
}

/// The settings of each distribution that has several.
const DISTRIBUTIONS: [(&str, &str); 5] = [
    ("uniform", "{ low = 1, high = 2 }"),
    ("normal", "{ mean = 10, sd = 1 }"),
    ("lognormal", "{ median = 1, sigma = 0.5 }"),
    ("exponential", "{ mean = 1 }"),
    ("pareto", "{ scale = 1, shape = 3 }"),
];

/// What serde calls a thing, as TOML's users know it.
fn in_toml(what: &str) -> String {
    let what = what.strip_suffix(" as i128").or(what.strip_suffix(" as u128")).unwrap_or(what);
    let known = [
        ("map", "a table"),
        ("sequence", "a list"),
        ("a sequence", "a list"),
        ("struct", "a table"),
        ("unit variant", "a name alone"),
        ("struct variant", "a table with its settings, as in { NAME = { KEY = VALUE } }"),
        ("newtype variant", "a table with its value, as in { NAME = VALUE }"),
        ("u16", "a whole number from 0 to 65535"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("u64", "a whole number from 0 on"),
        ("f64", "a number"),
        ("enum", "a table with the one choice that is made"),
    ];
    if let Some(rest) = what.strip_prefix("struct variant Tagged::") {
        let name = rest.split(' ').next().unwrap_or(rest).to_lowercase();
        let form = DISTRIBUTIONS.iter().find(|(known, _)| *known == name).map_or("", |(_, f)| f);
        return format!("a table, as in {{ {name} = {form} }}");
    }
    let said = known.iter().find(|(serde, _)| *serde == what);
    said.map_or_else(|| what.to_owned(), |(_, toml)| (*toml).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_longer_than_anybody_reads() {
        let long = format!("rate is {}; it must be up to 1000000000", 1e300);
        assert_eq!(legible(&long), "rate is 1e300; it must be up to 1000000000");
        assert_eq!(legible(&format!("n is {}", 1e-300)), "n is 1e-300");
        assert_eq!(legible("18446744073709551615, v1.2.3."), "18446744073709551615, v1.2.3.");
    }

    #[test]
    fn a_path_gives_name_and_group() {
        let source = Source::new("scenarios/curated/distance.toml", "");
        assert_eq!((source.name.as_str(), source.group.as_str()), ("distance", "curated"));
    }

    #[test]
    fn wrong_types_are_told_in_words_of_toml() {
        for (serde, ours) in [
            (
                "invalid value: integer `-1`, expected u32",
                "integer `-1` will not do here; it must be a whole number from 0 to 4294967295",
            ),
            (
                "invalid type: map, expected a string",
                "a table will not do here; it must be a string",
            ),
        ] {
            assert_eq!(plain(serde), ours);
        }
    }

    #[test]
    fn errors_name_file_and_line() {
        let source = Source::new("mine.toml", "a\nb\nc\n");
        let error = source.error(Refusal::at(4..5, "is wrong"));
        assert_eq!(error.to_string(), "mine.toml:3: is wrong");
        let whole = source.error(Refusal { at: None, message: "is empty".into() });
        assert_eq!(whole.to_string(), "mine.toml: is empty");
    }

    #[test]
    fn serde_lists_become_the_nearest_choice() {
        assert_eq!(
            plain("unknown field `analisis`, expected one of `question`, `analysis`"),
            "unknown key `analisis`; did you mean `analysis`?"
        );
        assert_eq!(
            plain("unexpected keys in table: rat, available keys: rate"),
            "unknown key `rat`; did you mean `rate`?"
        );
        assert_eq!(
            plain("unknown field `x`, there are no fields"),
            "unknown key `x`; no key is expected here"
        );
    }

    #[test]
    fn unreadable_files_are_refused_in_one_sentence() {
        let missing = Source::open("no/such/file.toml").unwrap_err();
        assert!(missing.to_string().starts_with("no/such/file.toml: cannot be read"), "{missing}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latin.toml");
        std::fs::write(&path, b"question = \"ok\"\nanalysis = \"caf\xe9\"\n").unwrap();
        let error = Source::open(&path).unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(error.message.contains("UTF-8"), "{error}");
    }

    #[test]
    fn a_misspelled_scenario_gets_the_nearest() {
        let error = find("aws-three-region").unwrap_err();
        assert!(error.contains("did you mean `aws-three-regions`"), "{error}");
    }
}
