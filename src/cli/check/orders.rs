//! The file of `--versions`: a JSON object from keys to their values, from the oldest to the newest.

use crate::foreign::{no_json, short};
use anyhow::{Context as _, anyhow, bail};
use serde::de::{Deserializer as _, Error, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// The orders of versions, by key.
pub(super) struct Orders {
    /// The file, for messages.
    pub(super) name: String,
    /// Each key with its values, in the order of the file.
    pub(super) of_keys: Vec<(String, Vec<Value>)>,
}

impl Orders {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let mut parser = serde_json::Deserializer::from_str(&text);
        let keys = parser.deserialize_any(Keys).and_then(|keys| parser.end().map(|()| keys));
        let keys = keys.map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default();
                let said = match said.split_once(", expected ") {
                    Some((_, wanted)) => format!("write {wanted}"),
                    None => said.to_owned(),
                };
                anyhow!("{name}:{}: {said}", error.line())
            }
            _ => anyhow!("{name}:{}: {}", error.line(), no_json(&error)),
        })?;
        let mut of_keys = Vec::new();
        for (key, values) in keys {
            let Value::Array(values) = values else {
                bail!("{name}: the versions of `{}` are not an array, oldest first", short(&key));
            };
            of_keys.push((key, values));
        }
        Ok(Self { name, of_keys })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.of_keys.iter().map(|(key, _)| key.as_str())
    }
}

/// Reads an object in which no key stands twice: of two orders one would go unused.
struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<(String, Value)>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from keys to their values, as in {\"x\": [1, 2]}")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut keys, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some((key, values)) = map.next_entry::<String, Value>()? {
            if !seen.insert(key.clone()) {
                let key = short(&key);
                return Err(A::Error::custom(format!("the key `{key}` stands there twice")));
            }
            keys.push((key, values));
        }
        Ok(keys)
    }
}
