//! From a document to plans: every name looked up, every number checked, nothing left to doubt.

use super::bounds::{self, OPERATIONS_MAX};
use super::document::{CanaryEntry, Document, ModeEntry, RegionsEntry};
use super::levels::Served;
use super::overrides::Map;
use super::plan::{Canary, CellName, Length, Load, Plan};
use super::regions::{Matrix, OpenError};
use super::source::{Refusal, ScenarioError, Source};
use super::systems::{self, System, SystemLevel};
use super::topology::{Rename, Sites};
use super::vary::{Variant, label_is_fit};
use super::{Protocols, faults, random, workload};
use crate::op::{Contents, Level, unknown};
use crate::time::Duration;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// An operation is given up after this, unless the scenario says otherwise.
const TIMEOUT: Duration = Duration::secs(10);
/// A client turns to another replica after this, unless the scenario says otherwise.
const ATTEMPT_TIMEOUT: Duration = Duration::secs(2);
/// Who needs more seeds to be caught is not broken enough.
const CANARY_SEEDS_MAX: u32 = 1_000;
/// Shorter ones are over before anybody can answer, and those who ask again would do nothing else.
const TIMEOUT_MIN: Duration = Duration::micros(1);

/// A mode's name and plans.
type ModePlans = (String, Vec<Plan>);

/// One variant, resolved.
pub(super) struct Resolved {
    pub(super) provenance: String,
    pub(super) replica_places: Vec<String>,
    pub(super) client_places: Vec<String>,
    /// The plans of each mode, modes in order.
    pub(super) modes: Vec<ModePlans>,
    /// Levels of named systems that are left out, and why.
    pub(super) left_out: Vec<String>,
}

/// One way to fail is a refusal of this text, another an error in a matrix file.
pub(super) enum Failure {
    Here(Refusal),
    Elsewhere(ScenarioError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Here(refusal)
    }
}

/// The matrix a document asks for, unless the command line replaced it.
pub(super) fn matrix(
    document: &Document,
    source: &Source,
    map: Option<&Map>,
) -> Result<(Matrix, Rename), Failure> {
    let entry = &document.regions;
    match (entry.get_ref(), map) {
        (RegionsEntry::Named(_), Some(map)) => Ok((map.matrix.clone(), map.rename.clone())),
        (RegionsEntry::Named(name), None) => {
            let folder = Path::new(&source.file).parent().unwrap_or(Path::new(""));
            match Matrix::open(name, folder) {
                Ok(matrix) => Ok((matrix, Rename::new())),
                Err(OpenError::Name(message)) => Err(Refusal::at(entry.span(), message).into()),
                Err(OpenError::File(error)) => Err(Failure::Elsewhere(error)),
            }
        }
        // A scenario that draws its own map is about that map: `--regions` leaves it alone.
        (RegionsEntry::Own(table), _) => {
            let mut matrix = table.clone().into_matrix("the scenario's own map")?;
            let own = "Round-trip times as the scenario gives them.";
            matrix.provenance = match matrix.provenance.as_str() {
                "" => own.to_owned(),
                more => format!("{own} {more}"),
            };
            Ok((matrix, Rename::new()))
        }
    }
}

/// Resolves one variant of a scenario.
pub(super) fn resolve(
    document: &Document,
    variant: &Variant<'_>,
    source: &Source,
    protocols: &dyn Protocols,
    map: Option<&Map>,
) -> Result<Resolved, Failure> {
    let (matrix, rename) = matrix(document, source, map)?;
    let mixes = mixes(document)?;
    let sites = Sites::place(document, &matrix, &rename, mixes)?;
    let links = sites.links(document, &matrix)?;
    let (load, records) = load(document, &sites)?;
    let contents = match &document.workload {
        Some(workload) => workload::contents(workload.get_ref())?,
        None => Contents::default(),
    };
    let length = length(document, &load)?;
    let warm_up = warm_up(document, length)?;
    let (timeout, attempt_timeout) = timeouts(document)?;
    let faults = faults::resolve(&document.faults, &sites, length)?;
    let replicas = u32::try_from(sites.replicas.len()).unwrap_or(u32::MAX);
    let mut template = Plan {
        name: CellName {
            scenario: source.name.clone(),
            mode: String::new(),
            variant: variant.label(|label| rename.get(label).map_or(label, |to| to).to_owned()),
            level: Level::Linearizable,
        },
        axis: variant.axis.clone(),
        protocol: String::new(),
        config: toml::Table::new(),
        regions: sites.regions.clone(),
        replicas: sites.replicas.clone(),
        clients: sites.clients.clone(),
        links,
        load,
        records,
        contents,
        length,
        warm_up,
        timeout,
        attempt_timeout,
        faults,
        random_faults: None,
        canary: None,
        claim: None,
    };
    template.random_faults = random::resolve(document.faults_random.as_ref(), &template)?;
    if let Some(workload) = &document.workload {
        bounds::check(&template).map_err(|message| Refusal::at(workload.span(), message))?;
    }
    let (modes, left_out) = modes(document, &template, protocols, replicas)?;
    Ok(Resolved {
        provenance: matrix.provenance,
        replica_places: sites.replica_places(),
        client_places: sites.client_places(),
        modes,
        left_out,
    })
}

/// The plans of each mode, modes in order, and which levels of named systems are left out.
fn modes(
    document: &Document,
    template: &Plan,
    protocols: &dyn Protocols,
    replicas: u32,
) -> Result<(Vec<ModePlans>, Vec<String>), Refusal> {
    let mut modes: Vec<ModePlans> = Vec::new();
    let mut left_out = Vec::new();
    if document.modes.get_ref().is_empty() {
        return Err(Refusal::at(document.modes.span(), "there are no [[modes]]"));
    }
    for entry in document.modes.get_ref() {
        let Mode { name, plans, without } = mode(entry, document, template, protocols, replicas)?;
        if modes.iter().any(|(known, _)| *known == name) {
            let message = format!("two modes are named {name}; give each its own name");
            return Err(Refusal::at(entry.span(), message));
        }
        left_out.extend(without.iter().map(|why| format!("{name} leaves a level out: {why}")));
        modes.push((name, plans));
    }
    Ok((modes, left_out))
}

/// One mode.
struct Mode {
    name: String,
    /// One per level.
    plans: Vec<Plan>,
    /// Why there are no more.
    without: Vec<String>,
}

/// What one mode runs: its protocol and settings checked, its levels found.
fn mode(
    entry: &Spanned<ModeEntry>,
    document: &Document,
    template: &Plan,
    protocols: &dyn Protocols,
    replicas: u32,
) -> Result<Mode, Refusal> {
    let written = entry.get_ref();
    let Store { protocol, span, name, config, system, offers } = store(entry)?;
    if !protocols.names().contains(&protocol.as_str()) {
        let message = unknown("protocol", &protocol, protocols.names());
        return Err(Refusal::at(span, message));
    }
    let name_span = written.name.as_ref().map_or(span.clone(), Spanned::span);
    label_is_fit("a mode", &name).map_err(|m| Refusal::at(name_span, m))?;
    let config_span = written.config.as_ref().map_or(span.clone(), Spanned::span);
    protocols
        .check(&protocol, &config, replicas)
        .map_err(|message| Refusal::at(config_span, message))?;
    let (object, kept) = (template.contents.object, protocols.objects(&protocol, &config));
    if !kept.contains(&object) {
        let names = kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message =
            format!("{protocol}, so configured, keeps no {object}; keys may hold: {names}");
        return Err(Refusal::at(span, message));
    }
    let served = Served { protocol: &protocol, config: &config, object, replicas, protocols };
    let (levels, without) = match (written.levels.as_ref().or(document.levels.as_ref()), &system) {
        (Some(levels), _) => (served.written(levels)?, Vec::new()),
        (None, Some(system)) => {
            served.of_system(system, &offers).map_err(|m| Refusal::at(span, m))?
        }
        (None, None) => {
            let message =
                "the mode names no levels; write levels = \"all\" or a list, here or at the top";
            return Err(Refusal::at(entry.span(), message));
        }
    };
    let canary = written.canary.as_ref().map(|entry| canary(entry, protocols)).transpose()?;
    let plans = levels.into_iter().map(|level| {
        let mut plan = template.clone();
        plan.name.mode.clone_from(&name);
        plan.name.level = level;
        plan.protocol.clone_from(&protocol);
        plan.config.clone_from(&config);
        plan.canary.clone_from(&canary);
        plan.claim = offers.iter().find(|offer| offer.level == level).cloned();
        plan
    });
    let plans = plans.collect();
    Ok(Mode { name, plans, without })
}

/// What a mode runs.
struct Store {
    protocol: String,
    /// Where it is named.
    span: Range<usize>,
    /// The mode's own name, or the system's or the protocol's.
    name: String,
    config: toml::Table,
    system: Option<System>,
    /// A named system's levels, under its names.
    offers: Vec<SystemLevel>,
}

/// A protocol with its settings, or a named system with settings of its own over those it has.
fn store(entry: &Spanned<ModeEntry>) -> Result<Store, Refusal> {
    let written = entry.get_ref();
    let own = written.config.as_ref().map(|c| c.get_ref().clone()).unwrap_or_default();
    let named = |default: String| written.name.as_ref().map_or(default, |n| n.get_ref().clone());
    match (&written.protocol, &written.system, &written.configuration) {
        (Some(protocol), None, None) => Ok(Store {
            protocol: protocol.get_ref().clone(),
            span: protocol.span(),
            name: named(protocol.get_ref().clone()),
            config: own,
            system: None,
            offers: Vec::new(),
        }),
        (None, Some(name), chosen) => {
            let system = systems::find(name.get_ref()).map_err(|m| Refusal::at(name.span(), m))?;
            let which = chosen.as_ref().map(|chosen| chosen.get_ref().as_str());
            let span = chosen.as_ref().unwrap_or(name).span();
            let found = system.configuration(which).map_err(|m| Refusal::at(span.clone(), m))?;
            let default = which
                .map_or_else(|| system.name.clone(), |which| format!("{}-{which}", system.name));
            let mut config = found.config.clone();
            config.extend(own);
            Ok(Store {
                protocol: found.protocol.clone(),
                span,
                name: named(default),
                config,
                offers: found.levels.clone(),
                system: Some(system),
            })
        }
        _ => {
            let message = "a mode names either a protocol or a system, and a system's configuration \
                           only with it";
            Err(Refusal::at(entry.span(), message))
        }
    }
}

/// A checker that there is, and a number of seeds.
fn canary(entry: &CanaryEntry, protocols: &dyn Protocols) -> Result<Canary, Refusal> {
    let (caught_by, within) = (entry.caught_by.get_ref(), *entry.within.get_ref());
    if !protocols.checkers().contains(&caught_by.as_str()) {
        let message = unknown("checker", caught_by, protocols.checkers());
        return Err(Refusal::at(entry.caught_by.span(), message));
    }
    if !(1..=CANARY_SEEDS_MAX).contains(&within) {
        let message = format!("within is {within}; write 1 to {CANARY_SEEDS_MAX} seeds");
        return Err(Refusal::at(entry.within.span(), message));
    }
    Ok(Canary { caught_by: caught_by.clone(), within })
}

fn mixes(document: &Document) -> Result<Vec<super::plan::Mix>, Refusal> {
    let groups = document.clients.get_ref().iter().map(|group| group.get_ref().workload.as_ref());
    match (&document.workload, &document.probe) {
        (Some(common), None) => groups.map(|own| workload::mix(common, own)).collect(),
        (None, Some(_)) => groups
            .map(|own| match own {
                Some(own) => {
                    let message = "a probe decides what clients do; take this workload out";
                    Err(Refusal::at(own.span(), message))
                }
                None => Ok(workload::no_mix()),
            })
            .collect(),
        (Some(_), Some(probe)) => {
            let message = "[workload] and [probe] exclude each other; keep one";
            Err(Refusal::at(probe.span(), message))
        }
        (None, None) => {
            let message = "the scenario has neither a [workload] nor a [probe]";
            Err(Refusal { at: Some(document.modes.span()), message: message.into() })
        }
    }
}

fn load(document: &Document, sites: &Sites) -> Result<(Load, u32), Refusal> {
    match (&document.probe, &document.workload) {
        (Some(probe), _) => {
            let probe = probe.get_ref();
            let load = Load::Probe(workload::probe(probe, |name| sites.group(name))?);
            Ok((load, workload::records(probe.records.as_ref())?))
        }
        (None, workload) => {
            let records = workload.as_ref().and_then(|entry| entry.get_ref().records.as_ref());
            Ok((Load::Mix, workload::records(records)?))
        }
    }
}

fn length(document: &Document, load: &Load) -> Result<Length, Refusal> {
    let probing = matches!(load, Load::Probe(_));
    let count = if probing { &document.rounds } else { &document.operations };
    let (right, wrong, other) = if probing {
        ("rounds", "operations", &document.operations)
    } else {
        ("operations", "rounds", &document.rounds)
    };
    if let Some(other) = other {
        let message = format!("{wrong} does not fit this load; count its {right} instead");
        return Err(Refusal::at(other.span(), message));
    }
    match (&document.duration, count) {
        (Some(duration), None) if *duration.get_ref() > Duration::ZERO => {
            Ok(Length::Time(*duration.get_ref()))
        }
        (Some(duration), None) => Err(Refusal::at(duration.span(), "duration is 0; give a time")),
        (None, Some(n)) if (1..=OPERATIONS_MAX).contains(n.get_ref()) => {
            Ok(Length::Operations(*n.get_ref()))
        }
        (None, Some(n)) => {
            let given = n.get_ref();
            let message = format!("{right} is {given}; it must be from 1 to {OPERATIONS_MAX}");
            Err(Refusal::at(n.span(), message))
        }
        (Some(_), Some(n)) => {
            let message = format!("duration and {right} exclude each other; keep one");
            Err(Refusal::at(n.span(), message))
        }
        (None, None) => {
            let message =
                format!("the run has no length; write duration = \"20s\" or {right} = ...");
            Err(Refusal::at(document.modes.span(), message))
        }
    }
}

fn warm_up(document: &Document, length: Length) -> Result<Duration, Refusal> {
    let Some(entry) = &document.warm_up else { return Ok(Duration::ZERO) };
    let warm_up = *entry.get_ref();
    match length {
        Length::Time(duration) if warm_up >= duration => {
            let message = format!("warm_up is {warm_up}, which leaves nothing of {duration}");
            Err(Refusal::at(entry.span(), message))
        }
        _ => Ok(warm_up),
    }
}

fn timeouts(document: &Document) -> Result<(Duration, Duration), Refusal> {
    let timeout = document.timeout.as_ref().map_or(TIMEOUT, |t| *t.get_ref());
    let attempt = match &document.attempt_timeout {
        Some(attempt) => *attempt.get_ref(),
        None if timeout > ATTEMPT_TIMEOUT => ATTEMPT_TIMEOUT,
        // Whoever waits for one replica until it gives up never turns to another.
        None => timeout.scale(0.5).max(TIMEOUT_MIN).min(timeout),
    };
    for (name, value, entry) in [
        ("timeout", timeout, &document.timeout),
        ("attempt_timeout", attempt, &document.attempt_timeout),
    ] {
        if let Some(entry) = entry.as_ref().filter(|_| value < TIMEOUT_MIN) {
            let message = format!("{name} is {value}; give at least {TIMEOUT_MIN}");
            return Err(Refusal::at(entry.span(), message));
        }
    }
    if let Some(entry) = document.attempt_timeout.as_ref().filter(|_| attempt > timeout) {
        let message = format!("attempt_timeout is {attempt}, longer than the timeout of {timeout}");
        return Err(Refusal::at(entry.span(), message));
    }
    Ok((timeout, attempt))
}
