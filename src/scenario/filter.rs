//! Filters: which cells a command is about, in rebar's manner.
//!
//! `-f/-F` match the scenario's name, `-p/-P` the mode's name or its protocol's, `-l/-L` the level.
//! Lower case includes, upper case excludes. Patterns are regular expressions and match anywhere in
//! the name unless anchored. Of one letter's patterns the last that matches decides; where none
//! matches, a cell stays unless that letter was ever used to include. All letters must agree.
//! Beside them cells can be named outright: a scenario, or a cell's full name, or its beginning up
//! to a `/`.

use super::plan::CellName;
use crate::op::unknown;
use regex::Regex;

/// A filter flag of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// `-f`: keep scenarios.
    Scenario,
    /// `-F`: drop scenarios.
    NotScenario,
    /// `-p`: keep modes or protocols.
    Mode,
    /// `-P`: drop modes or protocols.
    NotMode,
    /// `-l`: keep levels.
    Level,
    /// `-L`: drop levels.
    NotLevel,
    /// A positional name of a scenario, a cell, or a beginning of a cell's name.
    Named,
}

impl Flag {
    /// The flag as typed, for messages.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Scenario => "-f",
            Self::NotScenario => "-F",
            Self::Mode => "-p",
            Self::NotMode => "-P",
            Self::Level => "-l",
            Self::NotLevel => "-L",
            Self::Named => "the name",
        }
    }
}

/// Which cells are meant.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    scenario: Rules,
    mode: Rules,
    level: Rules,
    named: Vec<String>,
}

/// The patterns of one letter, in the order given.
#[derive(Clone, Debug, Default)]
struct Rules(Vec<(bool, Regex)>);

impl Rules {
    fn keeps(&self, subjects: &[&str]) -> bool {
        let default = self.0.iter().all(|(include, _)| !include);
        let matching = self
            .0
            .iter()
            .rev()
            .find(|(_, regex)| subjects.iter().any(|subject| regex.is_match(subject)));
        matching.map_or(default, |(include, _)| *include)
    }
}

impl Filters {
    /// What is wrong if nothing was kept of these cells, each with its protocol: the first pattern for modes or
    /// levels that none of them has.
    #[must_use]
    pub fn stray(&self, cells: &[(CellName, String)]) -> Option<String> {
        let mut modes: Vec<&str> = Vec::new();
        let mut levels: Vec<String> = Vec::new();
        for (name, protocol) in cells {
            modes.extend([&*name.mode, protocol.as_str()]);
            levels.push(name.level.to_string());
        }
        let levels = levels.iter().map(String::as_str).collect();
        [("mode or protocol", &self.mode, modes), ("level", &self.level, levels)]
            .into_iter()
            .find_map(|(what, rules, mut known): (_, _, Vec<&str>)| {
                known.sort_unstable();
                known.dedup();
                let strange = |regex: &Regex| !known.iter().any(|name| regex.is_match(name));
                let asked = rules.0.iter().filter(|(include, _)| *include).map(|(_, regex)| regex);
                let stray = asked.into_iter().find(|regex| strange(regex))?;
                Some(unknown(what, stray.as_str(), known.iter().copied()))
            })
    }

    /// Compiles flags in the order they were typed.
    ///
    /// # Errors
    /// A pattern is not a regular expression; one sentence names flag and pattern.
    pub fn new<S: AsRef<str>>(flags: impl IntoIterator<Item = (Flag, S)>) -> Result<Self, String> {
        let mut filters = Self::default();
        for (flag, pattern) in flags {
            let pattern = pattern.as_ref();
            let (rules, include) = match flag {
                Flag::Named => {
                    filters.named.push(pattern.trim_end_matches('/').to_owned());
                    continue;
                }
                Flag::Scenario => (&mut filters.scenario, true),
                Flag::NotScenario => (&mut filters.scenario, false),
                Flag::Mode => (&mut filters.mode, true),
                Flag::NotMode => (&mut filters.mode, false),
                Flag::Level => (&mut filters.level, true),
                Flag::NotLevel => (&mut filters.level, false),
            };
            let regex = Regex::new(pattern).map_err(|error| {
                // The last line of the library's message says what is wrong; the rest draws it.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                format!("{} `{pattern}` is not a regular expression: {reason}", flag.letter())
            })?;
            rules.0.push((include, regex));
        }
        Ok(filters)
    }

    /// Whether this cell is meant.
    #[must_use]
    pub fn keeps(&self, cell: &CellName, protocol: &str) -> bool {
        self.scenario.keeps(&[&cell.scenario])
            && self.mode.keeps(&[&cell.mode, protocol])
            && self.level.keeps(&[&cell.level.to_string()])
            && (self.named.is_empty() || self.names(&cell.to_string()))
    }

    /// Whether some cell of this scenario can be meant, before its cells are known.
    #[must_use]
    pub fn may_keep_scenario(&self, scenario: &str) -> bool {
        let first = |name: &String| name.split('/').next() == Some(scenario);
        self.scenario.keeps(&[scenario]) && (self.named.is_empty() || self.named.iter().any(first))
    }

    fn names(&self, cell: &str) -> bool {
        self.named.iter().any(|name| {
            cell.strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Level;

    fn cell(name: &str) -> CellName {
        let parts: Vec<&str> = name.split('/').collect();
        let variant = if parts.len() == 4 { parts[2] } else { "" };
        CellName {
            scenario: parts[0].into(),
            mode: parts[1].into(),
            variant: variant.into(),
            level: parts[parts.len() - 1].parse::<Level>().unwrap(),
        }
    }

    fn kept(flags: &[(Flag, &str)], name: &str, protocol: &str) -> bool {
        Filters::new(flags.iter().copied()).unwrap().keeps(&cell(name), protocol)
    }

    #[test]
    fn without_filters_everything_is_meant() {
        assert!(kept(&[], "aws/raft/lease", "raft"));
    }

    #[test]
    fn lower_includes_upper_excludes_and_the_last_match_wins() {
        use Flag::{NotScenario, Scenario};
        let name = "aws-three/raft/lease";
        assert!(kept(&[(Scenario, "aws")], name, "raft"));
        assert!(!kept(&[(Scenario, "azure")], name, "raft"));
        assert!(!kept(&[(NotScenario, "aws")], name, "raft"));
        assert!(kept(&[(NotScenario, "azure")], name, "raft"));
        assert!(!kept(&[(Scenario, "aws"), (NotScenario, "three$")], name, "raft"));
        assert!(kept(&[(NotScenario, "three$"), (Scenario, "aws")], name, "raft"));
        assert!(!kept(&[(Scenario, "^three")], name, "raft"));
    }

    #[test]
    fn modes_match_by_name_or_protocol_and_all_letters_must_agree() {
        let name = "aws/async/bounded(500ms)";
        assert!(kept(&[(Flag::Mode, "primary")], name, "primary-backup"));
        assert!(kept(&[(Flag::Mode, "^async$")], name, "primary-backup"));
        assert!(!kept(&[(Flag::NotMode, "primary")], name, "primary-backup"));
        assert!(kept(&[(Flag::Level, "bounded"), (Flag::Mode, "async")], name, "primary-backup"));
        assert!(!kept(&[(Flag::Level, "lease"), (Flag::Mode, "async")], name, "primary-backup"));
        assert!(!kept(&[(Flag::NotLevel, "500ms")], name, "primary-backup"));
    }

    #[test]
    fn cells_are_named_up_to_a_slash() {
        let name = "load/raft/rate=50/lease";
        for (given, expected) in [
            ("load", true),
            ("load/raft/", true),
            ("load/raft/rate=50", true),
            ("load/raft/rate=50/lease", true),
            ("load/raft/rate=5", false),
            ("loa", false),
        ] {
            assert_eq!(kept(&[(Flag::Named, given)], name, "raft"), expected, "{given}");
        }
        let filters = Filters::new([(Flag::Named, "load/raft")]).unwrap();
        assert!(filters.may_keep_scenario("load") && !filters.may_keep_scenario("distance"));
    }

    #[test]
    fn a_bad_pattern_is_one_sentence() {
        let message = Filters::new([(Flag::NotLevel, "a(b")]).unwrap_err();
        assert_eq!(message, "-L `a(b` is not a regular expression: unclosed group");
    }
}
