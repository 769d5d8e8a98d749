//! What exists: the protocols, and all that the command line, the runner and the tests do with them.
//!
//! Inside a world a protocol is a type; here it becomes a value, once, at the cold edge. A new protocol
//! is one line in [`Catalog::builtin`], or one call of [`Catalog::with`] in a program of your own.

use crate::analysis::CHECKERS;
use crate::guarantee::Guarantee;
use crate::op::{Level, Object, OpKind};
use crate::protocol::certification::Certification;
use crate::protocol::chain::Chain;
use crate::protocol::escrow::Escrow;
use crate::protocol::kubernetes::Kubernetes;
use crate::protocol::leaderless::Leaderless;
use crate::protocol::multi_leader::MultiLeader;
use crate::protocol::parts::merge::Rule;
use crate::protocol::paxos::Paxos;
use crate::protocol::primary_backup::PrimaryBackup;
use crate::protocol::raft::Raft;
use crate::protocol::{Offer, Protocol};
use crate::scenario::plan::Plan;
use crate::scenario::{Protocols, complaint};
use crate::time::Duration;
use crate::world::{Run, Trace, client_address, geometry, live, sim, wars};
use std::convert::Infallible;

/// A protocol as a value.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolEntry {
    /// The name scenarios use.
    pub name: &'static str,
    /// One sentence about it.
    pub about: &'static str,
    /// The smallest settings it has, in TOML.
    pub plain: &'static str,
    /// Settings to write beside those, each in TOML, that change what is offered.
    pub further: &'static [&'static str],
    /// What it can do about updates that did not know of each other; none where they have one order.
    pub rules: &'static [Rule],
    check: fn(&toml::Table, u32) -> Result<(), String>,
    offer: fn(&toml::Table, Level) -> Option<Offer>,
    fits: fn(&toml::Table, Level, u32) -> Result<(), String>,
    kept_beyond: fn(&toml::Table, Level, Guarantee) -> Option<&'static str>,
    objects: fn(&toml::Table) -> &'static [Object],
    serves: fn(&toml::Table, Level, Object) -> bool,
    theory: fn(&Plan, OpKind, usize) -> Option<Duration>,
    visibility: fn(&Plan) -> Option<Vec<Vec<f64>>>,
    simulate: fn(&Plan, u64, Option<&mut Trace>) -> Result<Run, String>,
    live: fn(&Plan, u64, &live::Options) -> Result<Run, String>,
    serve: fn(&Plan, &live::Cluster, &live::Serving) -> Result<Infallible, String>,
    drive: fn(&Plan, u64, &live::Cluster) -> Result<Run, String>,
    #[cfg(test)]
    harass: fn(&Plan, usize, u32) -> live::Harassed,
}

impl ProtocolEntry {
    /// The entry of a protocol.
    #[must_use]
    pub const fn of<P: Protocol>() -> Self {
        Self {
            name: P::NAME,
            about: P::ABOUT,
            plain: P::PLAIN,
            further: P::FURTHER,
            rules: P::RULES,
            check: |config, replicas| P::validate(&parse::<P>(config)?, replicas),
            offer: |config, level| P::offer(&parse::<P>(config).ok()?, level),
            fits: |config, level, replicas| P::fits(&parse::<P>(config)?, level, replicas),
            kept_beyond: |config, level, guarantee| {
                P::kept_beyond(&parse::<P>(config).ok()?, level, guarantee)
            },
            objects: |config| parse::<P>(config).map_or(&[], |config| P::objects(&config)),
            serves: |config, at, object| {
                parse::<P>(config).is_ok_and(|config| P::serves(&config, at, object))
            },
            theory: |plan, op, group| {
                let config = parse::<P>(&plan.config).ok()?;
                let client = client_address(plan, group);
                P::theory(&config, plan.name.level, op, &geometry(plan), client)
            },
            visibility: |plan| {
                let config = parse::<P>(&plan.config).ok()?;
                let replicas = plan.replicas.len() as u32;
                wars::visibility(plan, P::partial_quorum(&config, plan.name.level, replicas)?)
            },
            simulate: |plan, seed, trace| sim::run::<P>(plan, seed, trace),
            live: |plan, seed, options| live::run::<P>(plan, seed, options),
            serve: |plan, cluster, serving| live::serve::<P>(plan, cluster, serving),
            drive: |plan, seed, cluster| live::drive::<P>(plan, seed, cluster),
            #[cfg(test)]
            harass: |plan, replica, messages| live::harass::<P>(plan, replica, messages),
        }
    }

    /// How a level is served under these settings, and what is promised.
    #[must_use]
    pub fn offer(&self, config: &toml::Table, level: Level) -> Option<Offer> {
        (self.offer)(config, level)
    }

    /// Why a guarantee is kept under these settings at a level that does not promise it; `None` where some
    /// run breaks it.
    #[must_use]
    pub fn kept_beyond(
        &self,
        config: &toml::Table,
        level: Level,
        guarantee: Guarantee,
    ) -> Option<&'static str> {
        (self.kept_beyond)(config, level, guarantee)
    }

    /// The levels it offers under its smallest settings, in the order of [`Level::NAMES`].
    #[must_use]
    pub fn levels(&self) -> Vec<(Level, Offer)> {
        self.levels_under("")
    }

    /// The levels that it offers under each of its further settings and not, or not so, under the smallest.
    #[must_use]
    pub fn further_levels(&self) -> Vec<(&'static str, Vec<(Level, Offer)>)> {
        let plain = self.levels();
        let others = |settings: &&'static str| {
            let mut levels = self.levels_under(settings);
            levels.retain(|other| !plain.contains(other));
            (*settings, levels)
        };
        self.further.iter().map(others).collect()
    }

    fn levels_under(&self, settings: &str) -> Vec<(Level, Offer)> {
        let settings = format!("{}\n{settings}", self.plain).parse().unwrap_or_default();
        let levels = Level::NAMES.iter().filter_map(|name| name.parse().ok());
        levels.filter_map(|level| Some((level, self.offer(&settings, level)?))).collect()
    }

    /// What keys may hold under its smallest settings, under further ones, and under each of its conflict rules.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let mut found = (self.objects)(&self.plain.parse().unwrap_or_default()).to_vec();
        let settings = |more: &&str| format!("{}\n{more}", self.plain).parse().unwrap_or_default();
        let further = self.further.iter().map(settings).flat_map(|under| (self.objects)(&under));
        for object in self.rules.iter().flat_map(|rule| rule.objects()).chain(further) {
            if !found.contains(object) {
                found.push(*object);
            }
        }
        found
    }

    /// What the protocol's closed form gives for a client group's operations.
    #[must_use]
    pub fn theory(&self, plan: &Plan, op: OpKind, group: usize) -> Option<Duration> {
        (self.theory)(plan, op, group)
    }

    /// The share of fresh reads that the model WARS expects at each offset of a probing plan, by client
    /// group; `None` where the plan has what the model leaves out.
    #[must_use]
    pub fn visibility(&self, plan: &Plan) -> Option<Vec<Vec<f64>>> {
        (self.visibility)(plan)
    }

    /// Runs a plan in the simulated world.
    ///
    /// # Errors
    /// When the plan's settings are not this protocol's.
    pub fn simulate(
        &self,
        plan: &Plan,
        seed: u64,
        trace: Option<&mut Trace>,
    ) -> Result<Run, String> {
        (self.simulate)(plan, seed, trace)
    }

    /// Runs a plan in real time. The seed decides what is asked, not what happens.
    ///
    /// # Errors
    /// When the plan's settings are not this protocol's, when the live world cannot do what it says, or
    /// when the run failed.
    pub fn live(&self, plan: &Plan, seed: u64, options: &live::Options) -> Result<Run, String> {
        (self.live)(plan, seed, options)
    }

    /// Serves one replica of a plan as a process of its own, until something goes wrong here.
    ///
    /// # Errors
    /// Why it cannot be served, or not any longer.
    pub fn serve(
        &self,
        plan: &Plan,
        cluster: &live::Cluster,
        serving: &live::Serving,
    ) -> Result<Infallible, String> {
        (self.serve)(plan, cluster, serving)
    }

    /// Runs a plan's clients against replicas that are processes of their own.
    ///
    /// # Errors
    /// When a node cannot be reached or does not belong to the cluster, or when the run failed.
    pub fn drive(&self, plan: &Plan, seed: u64, cluster: &live::Cluster) -> Result<Run, String> {
        (self.drive)(plan, seed, cluster)
    }
}

fn parse<P: Protocol>(config: &toml::Table) -> Result<P::Config, String> {
    config.clone().try_into().map_err(|error| complaint(&error))
}

/// All protocols that scenarios may name.
#[derive(Clone, Debug)]
pub struct Catalog {
    protocols: Vec<ProtocolEntry>,
}

impl Catalog {
    /// The built-in protocols.
    #[must_use]
    pub fn builtin() -> Self {
        Self {
            protocols: vec![
                ProtocolEntry::of::<PrimaryBackup>(),
                ProtocolEntry::of::<Raft>(),
                ProtocolEntry::of::<Chain>(),
                ProtocolEntry::of::<Leaderless>(),
                ProtocolEntry::of::<MultiLeader>(),
                ProtocolEntry::of::<Certification>(),
                ProtocolEntry::of::<Paxos>(),
                ProtocolEntry::of::<Escrow>(),
                ProtocolEntry::of::<Kubernetes>(),
            ],
        }
    }

    /// With one more, which scenarios can then name.
    #[must_use]
    pub fn with<P: Protocol>(mut self) -> Self {
        self.protocols.push(ProtocolEntry::of::<P>());
        self
    }

    /// Every entry, in order.
    #[must_use]
    pub fn protocols(&self) -> &[ProtocolEntry] {
        &self.protocols
    }

    /// The entry with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&ProtocolEntry> {
        self.protocols.iter().find(|entry| entry.name == name)
    }
}

impl Protocols for Catalog {
    fn names(&self) -> Vec<&'static str> {
        self.protocols.iter().map(|entry| entry.name).collect()
    }

    fn check(&self, protocol: &str, config: &toml::Table, replicas: u32) -> Result<(), String> {
        let entry = self.find(protocol).ok_or_else(|| format!("no protocol `{protocol}`"))?;
        (entry.check)(config, replicas)
    }

    fn levels_offered(&self, protocol: &str, config: &toml::Table, asked: Level) -> bool {
        self.find(protocol).is_some_and(|entry| entry.offer(config, asked).is_some())
    }

    fn offered_with(
        &self,
        protocol: &str,
        config: &toml::Table,
        asked: Level,
    ) -> Option<&'static str> {
        let entry = self.find(protocol)?;
        let offers = |more: &&&str| {
            let more: toml::Table = more.parse().unwrap_or_default();
            let settings: toml::Table = config.clone().into_iter().chain(more).collect();
            entry.offer(&settings, asked).is_some()
        };
        entry.further.iter().find(offers).copied()
    }

    fn serves(&self, protocol: &str, config: &toml::Table, at: Level, object: Object) -> bool {
        self.find(protocol).is_some_and(|entry| (entry.serves)(config, at, object))
    }

    fn fits(
        &self,
        protocol: &str,
        config: &toml::Table,
        level: Level,
        replicas: u32,
    ) -> Result<(), String> {
        self.find(protocol).map_or(Ok(()), |entry| (entry.fits)(config, level, replicas))
    }

    fn plain(&self, protocol: &str) -> &'static str {
        self.find(protocol).map_or("", |entry| entry.plain)
    }

    fn checkers(&self) -> Vec<&'static str> {
        CHECKERS.iter().map(|checker| checker.name).collect()
    }

    fn objects(&self, protocol: &str, config: &toml::Table) -> &'static [Object] {
        self.find(protocol).map_or(&[], |entry| (entry.objects)(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_accepts_its_own_smallest_settings() {
        for entry in Catalog::builtin().protocols() {
            let settings: toml::Table = entry.plain.parse().expect(entry.name);
            assert_eq!((entry.check)(&settings, 3), Ok(()), "{}", entry.name);
            assert!(!entry.levels().is_empty(), "{} offers nothing", entry.name);
        }
    }

    /// Whoever looks for a level finds the settings that offer it.
    #[test]
    fn every_level_is_listed_and_further_settings_change_something() {
        let mut listed: Vec<Level> = Vec::new();
        for entry in Catalog::builtin().protocols() {
            listed.extend(entry.levels().into_iter().map(|(level, _)| level));
            for (settings, levels) in entry.further_levels() {
                let table = format!("{}\n{settings}", entry.plain).parse().expect(settings);
                assert_eq!((entry.check)(&table, 3), Ok(()), "{} {settings}", entry.name);
                assert!(!levels.is_empty(), "{} {settings} changes nothing", entry.name);
                listed.extend(levels.into_iter().map(|(level, _)| level));
            }
        }
        for name in Level::NAMES {
            let level: Level = name.parse().expect(name);
            assert!(listed.contains(&level), "{name} is nowhere");
        }
    }

    #[test]
    fn who_asks_for_what_other_settings_offer_is_told_which() {
        let catalog = Catalog::builtin();
        let with = |protocol, config: &str, level: &str| {
            let config = config.parse().expect("settings");
            catalog.offered_with(protocol, &config, level.parse().expect("a level"))
        };
        assert_eq!(with("multi-leader", "topology = 'ring'", "causal"), Some("causal = true"));
        assert_eq!(with("multi-leader", "conflicts = 'siblings'", "causal"), None);
        assert_eq!(with("paxos", "", "local-serial"), Some("scope = \"region\""));
        assert_eq!(with("raft", "", "quorum"), None);
    }

    /// Plans of a protocol under all the settings that it names, on a cluster of four replicas.
    fn plans(entry: &ProtocolEntry) -> Vec<Plan> {
        let rules = entry.rules.iter().filter(|_| entry.rules.len() > 1);
        let rules = rules.map(|rule| format!("conflicts = '{}'", rule.name()));
        let further = entry.further.iter().map(|more| (*more).to_owned());
        let all = std::iter::once(String::new()).chain(further).chain(rules);
        all.flat_map(|more| {
            let config: toml::Table = format!("{}\n{more}", entry.plain).parse().expect("settings");
            let level = entry.levels_under(&more).first().expect("a level").0;
            let object = *(entry.objects)(&config).first().expect("an object");
            let text = format!(
                "question = 'What does it take?'\nanalysis = 'A test.'\nregions = 'aws'\noperations = 10\n\
                 replicas = ['us-east-1', 'us-east-1', 'us-east-1', 'eu-west-1']\n\
                 clients = [{{ region = 'eu-west-1', sessions = 3 }}]\n\
                 workload = {{ read = 0.5, update = 0.5, records = 10, object = '{object}' }}\n\
                 [[modes]]\nprotocol = '{}'\nlevels = ['{level}']\n[modes.config]\n{config}",
                entry.name
            );
            // A stock has to have units.
            let units = if object == Object::Stock { "units = 10, " } else { "" };
            let text = text.replace("{ read", &format!("{{ {units}read"));
            let source = crate::scenario::Source::new("absurd.toml", &text);
            let scenario =
                crate::scenario::load(&source, &Catalog::builtin(), &Default::default());
            scenario.unwrap_or_else(|error| panic!("{error}: {text}")).plans
        })
        .collect()
    }

    /// Whoever knows a cluster's secret can send what is well formed and makes no sense.
    #[test]
    fn replicas_of_every_protocol_live_through_messages_that_make_no_sense() {
        let catalog = Catalog::builtin();
        let of_each = |entry| (plans(entry), entry);
        let of_all: Vec<_> = catalog.protocols().iter().map(of_each).collect();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let mut all = Vec::new();
        for (plans, entry) in &of_all {
            for plan in plans {
                for replica in [0, 1] {
                    let found = std::panic::catch_unwind(|| (entry.harass)(plan, replica, 400));
                    let words = |panic: Box<dyn std::any::Any + Send>| {
                        panic.downcast_ref::<String>().cloned().unwrap_or_default()
                    };
                    all.push((format!("{} {replica}", plan.name), found.map_err(words)));
                }
            }
        }
        std::panic::set_hook(hook);
        for (cell, found) in all {
            let found = found.unwrap_or_else(|words| panic!("{cell}: {words}"));
            assert!(found.refused > 0 && found.heard > 2 * found.broken, "{cell}: {found:?}");
        }
    }

    /// Where there is a choice of conflict rules, the setting takes those that are listed.
    #[test]
    fn every_protocol_has_the_conflict_rules_it_lists() {
        for entry in Catalog::builtin().protocols().iter().filter(|entry| entry.rules.len() > 1) {
            for rule in Rule::ALL {
                let mut settings: toml::Table = entry.plain.parse().expect(entry.name);
                settings.insert("conflicts".to_owned(), rule.name().into());
                let taken = (entry.check)(&settings, 3).is_ok();
                assert_eq!(taken, entry.rules.contains(&rule), "{} {}", entry.name, rule.name());
            }
        }
    }
}
