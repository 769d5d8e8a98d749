//! The levels of a mode: those its protocol offers, carries out for what keys hold, and has replicas for.
//!
//! Listed levels are refused where one of these fails. Levels that nobody listed, a named system's or "all", are left
//! out there; of a system's, which a reader would look for, that is said.

use super::Protocols;
use super::document::LevelsEntry;
use super::source::Refusal;
use super::systems::{System, SystemLevel};
use crate::op::{Level, Object};
use toml::Spanned;

/// A protocol, so configured, over so many replicas, and what keys hold.
#[derive(Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) protocol: &'a str,
    pub(super) config: &'a toml::Table,
    pub(super) object: Object,
    pub(super) replicas: u32,
    pub(super) protocols: &'a dyn Protocols,
}

impl Served<'_> {
    fn is_offered(&self, level: Level) -> bool {
        self.protocols.levels_offered(self.protocol, self.config, level)
    }

    fn serves(&self, level: Level) -> bool {
        self.is_offered(level)
            && self.protocols.serves(self.protocol, self.config, level, self.object)
    }

    /// Why a level cannot be run, in one sentence; `None` if it can.
    fn against(&self, level: Level) -> Option<String> {
        self.against_as(level, &level.to_string())
    }

    /// The same of a level that somebody wrote so: `R=1,W=1` is `one`, but who wrote it looks for what was written.
    fn against_as(&self, level: Level, written: &str) -> Option<String> {
        let Self { protocol, object, .. } = self;
        if !self.is_offered(level) {
            let more = self.protocols.offered_with(protocol, self.config, level);
            let unless = more.map_or(String::new(), |more| {
                format!(" unless config has {}", more.replace('\n', ", "))
            });
            return Some(format!("{protocol} does not offer {written}{unless}"));
        }
        if !self.serves(level) {
            return Some(format!("{protocol} does not offer {written} for a {object}"));
        }
        let why = self.protocols.fits(protocol, self.config, level, self.replicas).err()?;
        Some(why.replace(&format!("`{level}`"), &format!("`{written}`")))
    }

    fn every(&self) -> Vec<Level> {
        let named = Level::NAMES.iter().filter_map(|name| name.parse().ok());
        named.filter(|level| self.against(*level).is_none()).collect()
    }

    fn names(&self) -> String {
        self.every().iter().map(Level::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The levels that a scenario lists, or all there are.
    pub(super) fn written(&self, entry: &Spanned<LevelsEntry>) -> Result<Vec<Level>, Refusal> {
        let list = match entry.get_ref() {
            LevelsEntry::All => return Ok(self.every()),
            LevelsEntry::These(list) => list,
        };
        let mut levels: Vec<Level> = Vec::new();
        for written in list {
            let wrong = |message: String| Refusal::at(written.span(), message);
            let level: Level = written.get_ref().parse().map_err(wrong)?;
            if let Some(why) = self.against_as(level, written.get_ref()) {
                return Err(wrong(match self.serves(level) {
                    true => why,
                    false => format!("{why}; it offers {}", self.names()),
                }));
            }
            if levels.contains(&level) {
                return Err(wrong(format!("{} is listed twice", written.get_ref())));
            }
            levels.push(level);
        }
        if levels.is_empty() {
            return Err(Refusal::at(
                entry.span(),
                "levels is empty; name at least one, or \"all\"",
            ));
        }
        Ok(levels)
    }

    /// Those of a system's own levels that can be run, and why the others cannot; or one sentence if none can.
    pub(super) fn of_system(
        &self,
        system: &System,
        own: &[SystemLevel],
    ) -> Result<(Vec<Level>, Vec<String>), String> {
        let (mut levels, mut left_out) = (Vec::new(), Vec::new());
        for SystemLevel { level, .. } in own {
            match self.against(*level) {
                None => levels.push(*level),
                Some(why) => left_out.push(why),
            }
        }
        if !levels.is_empty() {
            return Ok((levels, left_out));
        }
        let object = self.object;
        if own.iter().any(|offer| self.serves(offer.level)) {
            return Err(left_out.swap_remove(0));
        }
        let other = system.configurations.iter().find(|other| {
            let keeps = self.protocols.objects(&other.protocol, &other.config).contains(&object);
            let served = Served {
                protocol: &other.protocol,
                config: &other.config,
                object,
                replicas: self.replicas,
                protocols: self.protocols,
            };
            keeps && other.levels.iter().any(|offer| served.against(offer.level).is_none())
        });
        let instead = match other {
            Some(other) => format!("take its configuration `{}`", other.name),
            None => format!("{} offers {}", self.protocol, self.names()),
        };
        Err(format!(
            "no level of this configuration of {} serves a {object}; {instead}",
            system.title
        ))
    }
}
