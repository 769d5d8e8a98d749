//! EDN: the events of Jepsen and Knossos, and Porcupine's key-value logs.
//!
//! ```clojure
//! {:process 0, :type :invoke, :f :cas, :value [3 4]}
//! {:process 1, :type :ok, :f :get, :key "5", :value "x 0 1 y"}
//! ```
//!
//! Maps may stand one a line or in one vector. Where values are pairs of a key and a value, as
//! `jepsen.independent` makes them, each key is a register. A `nil` that was read is the null that
//! was there, not a wildcard. Events of the nemesis are skipped.

use super::super::history::Builder;
use super::Wrong;
use super::events::{Event, Events, FailedCas, Step, action, name};
use super::exact;
use super::lines::Lines;
use serde_json::Value;
use std::io::BufRead;

/// How deep collections may be nested; histories need four.
const MAX_DEPTH: u32 = 32;
/// How many values one event may hold, over however many lines.
const MAX_VALUES: u32 = 1 << 20;

pub(super) fn read<R: BufRead>(lines: Lines<R>, initial: &str) -> Result<Builder, Wrong> {
    let mut source = Source { lines, text: Vec::new(), at: 0, line: 0, values: 0 };
    let mut events = Events::new(initial, FailedCas::DidNothing);
    // Maps may stand in a vector or a list; its brackets say nothing else.
    let mut enclosing = Vec::new();
    loop {
        match source.peek()? {
            None if enclosing.is_empty() => return Ok(events.finish()),
            None => return Err(source.wrong("the file ends inside a collection")),
            Some(open @ (b'[' | b'(')) if enclosing.is_empty() => {
                source.at += 1;
                enclosing.push(if open == b'[' { b']' } else { b')' });
            }
            Some(close) if enclosing.last() == Some(&close) => {
                source.at += 1;
                enclosing.clear();
            }
            Some(_) => {
                source.values = 0;
                let form = source.form(0)?;
                let line = source.line;
                let map = match form {
                    Some(Edn::Map(map)) => map,
                    None => continue,
                    Some(_) => return Err(source.wrong("an event is a map, {:process 0, ...}")),
                };
                take(&map, line, &mut events)?;
            }
        }
    }
}

/// One event that is a map.
fn take(map: &[(Edn, Edn)], line: u64, events: &mut Events) -> Result<(), Wrong> {
    let field = |name: &str| {
        let mut named = map.iter().filter(|(key, _)| key.keyword() == Some(name));
        named.next().map(|(_, value)| value)
    };
    let wrong = |message: &str| Wrong::new(line, message);
    let process = match field("process") {
        Some(Edn::Number(process)) => process,
        // It breaks things and asks for nothing.
        Some(other) if other.keyword() == Some("nemesis") => return Ok(()),
        Some(_) => return Err(wrong("a :process is a number, or :nemesis")),
        None => return Err(wrong("an event has a :process")),
    };
    let step = field("type").and_then(Edn::keyword).and_then(Step::parse);
    let Some(step) = step else {
        return Err(wrong("the :type of an event is :invoke, :ok, :fail or :info"));
    };
    let Some(call) = field("f").and_then(Edn::keyword) else {
        return Err(wrong("an event has an :f, which is a keyword"));
    };
    let Some(action) = action(call) else {
        let message = format!(
            "unknown operation `:{}`; it is :read, :write, :cas, :get, :put, :append or :delete",
            call.escape_debug()
        );
        return Err(wrong(&message));
    };
    let key = field("key").map(|key| name(&key.json()));
    let mut value = field("value").map_or(Value::Null, Edn::json);
    exact(&mut value).map_err(|why| wrong(&why))?;
    events.take(Event { process, step, action, key, value }, line)
}

/// A form, as far as histories need it.
#[derive(Debug, PartialEq)]
enum Edn {
    Nil,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    /// Without its colon.
    Keyword(String),
    Symbol(String),
    Sequence(Vec<Self>),
    Set(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

impl Edn {
    fn keyword(&self) -> Option<&str> {
        if let Self::Keyword(name) = self { Some(name) } else { None }
    }

    /// The same as JSON, so that what is unlike stays unlike: a keyword is a text with its colon, and what
    /// JSON has no form for, or a text that looks like a keyword, an object that says what it is.
    fn json(&self) -> Value {
        let tagged = |tag: &str, value: Value| {
            Value::Object([(tag.to_owned(), value)].into_iter().collect())
        };
        match self {
            Self::Nil => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            Self::Text(text) if text.starts_with(':') => {
                tagged("text", Value::String(text.clone()))
            }
            Self::Text(text) => Value::String(text.clone()),
            Self::Keyword(name) => Value::String(format!(":{name}")),
            Self::Symbol(name) => tagged("symbol", Value::String(name.clone())),
            Self::Set(all) => {
                // Clojure prints sets in an order of its own.
                let mut all: Vec<Value> = all.iter().map(Self::json).collect();
                all.sort_by_cached_key(Value::to_string);
                tagged("set", Value::Array(all))
            }
            Self::Sequence(all) => Value::Array(all.iter().map(Self::json).collect()),
            Self::Map(all) => {
                Value::Object(all.iter().map(|(k, v)| (name(&k.json()), v.json())).collect())
            }
        }
    }
}

/// Bytes with their line.
struct Source<R> {
    lines: Lines<R>,
    text: Vec<u8>,
    at: usize,
    line: u64,
    /// How many values the present event holds so far.
    values: u32,
}

impl<R: BufRead> Source<R> {
    fn wrong(&self, message: &str) -> Wrong {
        Wrong::new(self.line.max(1), message)
    }

    /// The next byte that is no space, comma or comment; it is not taken.
    fn peek(&mut self) -> Result<Option<u8>, Wrong> {
        loop {
            match self.text.get(self.at) {
                None => {
                    let Some((number, text)) = self.lines.next()? else { return Ok(None) };
                    self.text.clear();
                    self.text.extend_from_slice(text.as_bytes());
                    (self.at, self.line) = (0, number);
                }
                Some(b';') => self.at = self.text.len(),
                Some(byte) if byte.is_ascii_whitespace() || *byte == b',' => self.at += 1,
                Some(byte) => return Ok(Some(*byte)),
            }
        }
    }

    /// The next form; `None` if it was one to be skipped.
    fn form(&mut self, depth: u32) -> Result<Option<Edn>, Wrong> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("the collections are nested too deeply for a history"));
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.wrong("the event holds more than a million values"));
        }
        let Some(first) = self.peek()? else {
            return Err(self.wrong("the file ends where a value should be"));
        };
        match first {
            b'[' => self.sequence(b']', depth).map(|all| Some(Edn::Sequence(all))),
            b'(' => self.sequence(b')', depth).map(|all| Some(Edn::Sequence(all))),
            b'{' => self.map(depth).map(Some),
            b'"' => self.text().map(|text| Some(Edn::Text(text))),
            b'#' => self.dispatch(depth),
            b']' | b')' | b'}' => Err(self.wrong("a bracket closes what was not opened")),
            _ => self.atom().map(Some),
        }
    }

    fn sequence(&mut self, close: u8, depth: u32) -> Result<Vec<Edn>, Wrong> {
        self.at += 1;
        let mut all = Vec::new();
        loop {
            match self.peek()? {
                None => return Err(self.wrong("the file ends inside a collection")),
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(all);
                }
                Some(_) => all.extend(self.form(depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: u32) -> Result<Edn, Wrong> {
        let mut all = self.sequence(b'}', depth)?.into_iter();
        let mut pairs = Vec::new();
        while let Some(key) = all.next() {
            let Some(value) = all.next() else {
                return Err(self.wrong("a map has a value for every key"));
            };
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(self.wrong("a map has each key once"));
            }
            pairs.push((key, value));
        }
        Ok(Edn::Map(pairs))
    }

    /// What begins with `#`: a set, a form that is not to be read, or a tagged one, whose tag says
    /// only how the program that wrote it would hold it.
    fn dispatch(&mut self, depth: u32) -> Result<Option<Edn>, Wrong> {
        match self.text.get(self.at + 1) {
            Some(b'{') => {
                self.at += 1;
                self.sequence(b'}', depth).map(|all| Some(Edn::Set(all)))
            }
            Some(b'_') => {
                self.at += 2;
                self.form(depth + 1).map(|_| None)
            }
            _ => {
                self.at += 1;
                self.atom()?;
                self.form(depth + 1)
            }
        }
    }

    /// A string, which may hold line breaks.
    fn text(&mut self) -> Result<String, Wrong> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let Some(&byte) = self.text.get(self.at) else {
                return Err(self.wrong("a text ends on the line it began on; its quote is missing"));
            };
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let escaped = self.text.get(self.at).copied();
                    self.at += 1;
                    bytes.push(match escaped {
                        Some(b'n') => b'\n',
                        Some(b't') => b'\t',
                        Some(b'r') => b'\r',
                        Some(byte @ (b'"' | b'\\')) => byte,
                        _ => {
                            return Err(
                                self.wrong("a text escapes with \\n, \\t, \\r, \\\" or \\\\")
                            );
                        }
                    });
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).map_err(|_| self.wrong("a text is not valid UTF-8"))
    }

    fn atom(&mut self) -> Result<Edn, Wrong> {
        let rest = &self.text[self.at..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b",;\"()[]{}".contains(byte);
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let word = std::str::from_utf8(&rest[..length]).unwrap_or_default().to_owned();
        self.at += length.max(1);
        let number = word.strip_suffix(['N', 'M']).unwrap_or(&word);
        let number = number.strip_prefix('+').unwrap_or(number);
        Ok(match word.as_str() {
            "" => return Err(self.wrong("a value is missing")),
            "nil" => Edn::Nil,
            "true" => Edn::Bool(true),
            "false" => Edn::Bool(false),
            _ if word.starts_with(':') => Edn::Keyword(word[1..].to_owned()),
            _ if serde_json::from_str::<serde_json::Number>(number).is_ok() => {
                Edn::Number(number.to_owned())
            }
            _ => Edn::Symbol(word),
        })
    }
}
