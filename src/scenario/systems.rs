//! Named systems: what a product is in terms of our protocols, as data under `systems/`.
//!
//! A system has configurations; each is a protocol with its settings, the levels that the system offers under
//! names of its own, and the class that somebody claims for it. A mode of a scenario names one in place of a
//! protocol: `system = "etcd"`. What a family of ours cannot say of a system is said in words and left out;
//! `status` tells how well the mapping is known.

use super::source::embedded;
use crate::op::{Level, unknown};
use serde::Deserialize;

/// A named system: one file under `systems/`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// How its makers write it.
    pub title: String,
    /// One sentence.
    pub about: String,
    /// Documents and papers that the settings follow.
    pub sources: Vec<String>,
    /// The first is the default.
    pub configurations: Vec<Configuration>,
    /// The file's name without its ending, as scenarios write it.
    #[serde(skip)]
    pub name: String,
}

/// One way to set a system up.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// As scenarios write it.
    pub name: String,
    /// In the system's own words, and what the protocol leaves out.
    pub about: String,
    /// The protocol it runs as.
    pub protocol: String,
    /// The protocol's settings.
    #[serde(default)]
    pub config: toml::Table,
    /// How well the mapping is known.
    pub status: Status,
    /// What it offers.
    pub levels: Vec<SystemLevel>,
}

/// How well it is known that a system does what its configuration here does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The documents named say so.
    Verified,
    /// They say part of it.
    Partly,
    /// From memory.
    Remembered,
}

impl Status {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Partly => "partly",
            Self::Remembered => "remembered",
        }
    }
}

/// A level under the system's own name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemLevel {
    /// Ours.
    pub level: Level,
    /// Theirs.
    pub called: String,
    /// The class claimed: `PC/EC`.
    pub class: Option<String>,
    /// By whom.
    pub by: Option<String>,
}

/// Every named system, in order of names.
///
/// # Errors
/// The first file that cannot be read, in one sentence.
pub fn all() -> Result<Vec<System>, String> {
    embedded::SYSTEMS.iter().map(|(file, text)| read(file, text)).collect()
}

/// The system of this name.
///
/// # Errors
/// If there is none, with the nearest name there is.
pub fn find(name: &str) -> Result<System, String> {
    let all = all()?;
    let names: Vec<String> = all.iter().map(|system| system.name.clone()).collect();
    let found = all.into_iter().find(|system| system.name == name);
    found.ok_or_else(|| unknown("system", name, names.iter().map(String::as_str)))
}

/// Reads one file.
fn read(file: &str, text: &str) -> Result<System, String> {
    let wrong = |line: usize, message: &str| format!("{file}:{line}: {message}");
    let mut system: System = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        wrong(text[..at].matches('\n').count() + 1, error.message())
    })?;
    let stem = file.rsplit('/').next().unwrap_or(file);
    stem.trim_end_matches(".toml").clone_into(&mut system.name);
    if system.configurations.is_empty() {
        return Err(wrong(1, "a system has one configuration at least"));
    }
    for level in system.configurations.iter().flat_map(|one| &one.levels) {
        if let Some(class) = &level.class {
            let known = class.split_once('/').is_some_and(|(partition, health)| {
                ["PA", "PC"].contains(&partition) && ["EL", "EC"].contains(&health)
            });
            if !known || level.by.is_none() {
                let message = format!(
                    "the class `{class}` of {} is written PA or PC, a slash, EL or EC, and says by whom",
                    level.called
                );
                return Err(wrong(1, &message));
            }
        }
    }
    Ok(system)
}

impl System {
    /// A configuration by name, or the default.
    ///
    /// # Errors
    /// If there is none, with the nearest name there is.
    pub fn configuration(&self, name: Option<&str>) -> Result<&Configuration, String> {
        let Some(name) = name else { return Ok(&self.configurations[0]) };
        let names = || self.configurations.iter().map(|one| one.name.as_str());
        let found = self.configurations.iter().find(|one| one.name == name);
        let what = format!("configuration of {}", self.title);
        found.ok_or_else(|| unknown(&what, name, names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_read_and_says_where_it_comes_from() {
        let all = all().expect("every system is well formed");
        assert!(all.len() >= 16, "{}", all.len());
        for system in &all {
            assert!(system.sources.iter().all(|source| source.len() > 10), "{}", system.name);
            assert!(!system.sources.is_empty() && system.about.ends_with('.'), "{}", system.name);
            let mut names: Vec<&str> =
                system.configurations.iter().map(|one| one.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), system.configurations.len(), "{}", system.name);
        }
    }

    #[test]
    fn mistakes_get_their_file_and_line() {
        let good = embedded::SYSTEMS[0].1;
        for (old, new, says) in [
            ("title ", "titel ", "unknown field `titel`"),
            ("PA/EL", "AP", "the class `AP`"),
            ("status   = \"", "status   = \"un", "unknown variant"),
        ] {
            let text = good.replace(old, new);
            assert_ne!(text, good, "{old} is not there");
            let message = read("systems/x.toml", &text).expect_err(new);
            assert!(message.starts_with("systems/x.toml:") && message.contains(says), "{message}");
        }
        assert!(find("cassandr").expect_err("no such").contains("did you mean `cassandra`?"));
        let cassandra = find("cassandra").expect("there");
        assert!(cassandra.configuration(Some("defalt")).is_err());
        assert_eq!(cassandra.configuration(None), Ok(&cassandra.configurations[0]));
    }
}
