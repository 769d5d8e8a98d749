//! What is wrong with JSON, in words of our own.
//!
//! The parser knows what it expected next; who wrote the file wants to know which field is wrong and
//! what would be right. So a line that is refused is read once more, as any JSON, and its fields are
//! looked at one by one.

use super::numbers::exact;
use serde_json::{Map, Value};

/// Why a text is no JSON, in a few words with the column.
#[must_use]
pub fn no_json(error: &serde_json::Error) -> String {
    let column = error.column();
    if error.is_eof() {
        return format!("the JSON ends too early, at column {column}");
    }
    let text = error.to_string();
    let what = match text.split(" at line ").next().unwrap_or_default() {
        "expected value" => "a value should stand here",
        "expected ident" => "only true, false and null are words without quotes",
        "expected `:`" => "a colon should stand between a field and its value",
        "expected `,` or `}`" => "a comma or the closing brace should stand here",
        "expected `,` or `]`" => "a comma or the closing bracket should stand here",
        "key must be a string" => "the name of a field stands in quotes",
        "trailing comma" => "a comma has something behind it",
        "trailing characters" => "the JSON has ended before this",
        "invalid number" | "number out of range" => "this is no number of JSON",
        "invalid escape" => "a text escapes with \\n, \\t, \\\", \\\\ or \\u and four digits",
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a text has no control characters but as escapes"
        }
        "recursion limit exceeded" => "values are nested too deeply for a history",
        _ => "this is no JSON",
    };
    format!("column {column}: {what}")
}

/// The fields of an operation, and what each holds.
const FIELDS: [(&str, &str); 10] = [
    ("id", "anything that no other operation has"),
    ("process", "a whole number of 64 bits"),
    ("key", "a text"),
    ("op", "a text, the operation's name"),
    ("value", "any value"),
    ("expected", "any value"),
    ("result", "any value"),
    ("invoke", "a whole number of ticks from 0 to 2^63 - 1"),
    ("complete", "a whole number of ticks from 0 to 2^63 - 1, or null if the end is not known"),
    ("ok", "true, false (no effect), or null (unknown)"),
];
/// Those that every operation has, before others are asked for by what it is.
const NEEDED: [&str; 4] = ["process", "key", "op", "invoke"];

/// Why a line is no operation, given what the parser said of it.
pub(super) fn no_operation(text: &str, error: &serde_json::Error) -> String {
    let map = match serde_json::from_str::<Value>(text) {
        Err(error) if error.is_eof() => {
            return format!("{}; a line is one whole operation", no_json(&error));
        }
        Err(error) => {
            return format!("{}; a line is one operation as a JSON object", no_json(&error));
        }
        Ok(Value::Object(map)) => map,
        Ok(other) => {
            return format!("a line is one operation as a JSON object, and not {}", sort(&other));
        }
    };
    let said = error.to_string();
    let twice = said.split_once("duplicate field `").and_then(|(_, rest)| rest.split('`').next());
    if let Some(name) = twice {
        return format!("the field `{}` stands there twice", name.escape_debug());
    }
    strange(&map).unwrap_or_else(|| "a line is one operation as a JSON object".to_owned())
}

/// The first field that should not be there, is missing, or holds what it cannot.
fn strange(map: &Map<String, Value>) -> Option<String> {
    let known = |name: &str| FIELDS.iter().any(|(field, _)| *field == name);
    if let Some(name) = map.keys().find(|name| !known(name)) {
        let shown: String = name.chars().take(40).collect();
        let mut fields = FIELDS.iter().map(|(field, _)| *field);
        let near = fields.find(|field| strsim::jaro(name, field) > 0.76);
        let right = near.map_or_else(
            || format!("an operation has {}", FIELDS.map(|(field, _)| field).join(", ")),
            |field| format!("did you mean `{field}`?"),
        );
        return Some(format!("unknown field `{}`; {right}", shown.escape_debug()));
    }
    if let Some(name) = NEEDED.into_iter().find(|name| !map.contains_key(*name)) {
        let (_, right) = FIELDS.into_iter().find(|(field, _)| *field == name)?;
        return Some(format!("`{name}` is missing; it is {right}"));
    }
    FIELDS.into_iter().find_map(|(name, right)| {
        let value = map.get(name)?;
        let fits = match name {
            "process" => value.is_i64(),
            "key" | "op" => value.is_string(),
            "invoke" => value.is_u64(),
            "complete" => value.is_u64() || value.is_null(),
            "ok" => value.is_boolean() || value.is_null(),
            _ => exact(&mut value.clone()).is_ok(),
        };
        (!fits).then(|| format!("`{name}` is {right}, and not {}", sort(value)))
    })
}

/// A value, or what sort of one it is if it may be long.
fn sort(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > 40 => "a text".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parser_says_of_json_is_said_in_other_words() {
        for text in [
            "{",
            "{]",
            "{\"a\" 1}",
            "{\"a\":1 2}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "nul",
            "tru",
            "[1 2]",
            "[1,]",
            "{} {}",
            "\"\\x\"",
            "\"a\tb\"",
            "1e999",
            "-",
            "\"\\ud800\"",
            "x",
        ] {
            let error = serde_json::from_str::<Value>(text).expect_err(text);
            let told = no_json(&error);
            assert!(!told.contains("expected") && !told.contains(" at line"), "{text}: {told}");
            assert!(told.contains("column"), "{text}: {told}");
        }
    }
}
