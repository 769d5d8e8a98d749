//! From arguments to scenarios: names, groups and files in, filtered plans out.

use super::args::{AdHocArgs, ExplainArgs, FilterArgs, ScenarioArgs};
use crate::catalog::Catalog;
use crate::op::unknown;
use crate::scenario::ad_hoc::AdHoc;
use crate::scenario::filter::{Filters, Flag};
use crate::scenario::plan::Plan;
use crate::scenario::{Overrides, Scenario, Source, builtin, find, load};
use crate::suite::quoted;
use anyhow::{anyhow, bail};
use clap::ArgMatches;
use std::path::Path;

/// Built-in groups, which may be named like scenarios.
const GROUPS: [&str; 3] = ["curated", "smoke", "canaries"];

/// The scenarios that are meant, each with the cells that are meant.
pub(super) fn scenarios(
    args: &ScenarioArgs,
    matches: &ArgMatches,
    catalog: &Catalog,
) -> anyhow::Result<Vec<Scenario>> {
    scenarios_or("curated", args, None, matches, catalog)
}

/// The scenario that the words after `-s` make, if there are any; `file` is where it is to be saved.
pub(super) fn ad_hoc(
    args: &AdHocArgs,
    regions: Option<&str>,
    file: Option<&Path>,
    catalog: &Catalog,
) -> anyhow::Result<Option<(AdHoc, Source)>> {
    if args.systems.is_empty() {
        let alone = [("--fault", args.fault.is_some()), ("--workload", args.workload.is_some())];
        let alone = alone.into_iter().chain([("--save", file.is_some())]).find(|(_, given)| *given);
        if let Some((flag, _)) = alone {
            bail!("{flag} goes with -s SYSTEMS; a scenario file says by itself what it is about");
        }
        return Ok(None);
    }
    let words = AdHoc {
        systems: args.systems.iter().map(|name| name.trim().to_owned()).collect(),
        regions: regions.map(str::to_owned),
        fault: args.fault.clone(),
        workload: args.workload.clone(),
    };
    let file = file.map_or("ad-hoc.toml".into(), Path::to_string_lossy);
    if !file.ends_with(".toml") {
        bail!("--save {file}: a scenario's file ends in .toml");
    }
    let source = words.source(&file, catalog).map_err(|e| anyhow!(e))?;
    Ok(Some((words, source)))
}

/// The same, of this group if none is named.
pub(super) fn scenarios_or(
    default: &str,
    args: &ScenarioArgs,
    save: Option<&Path>,
    matches: &ArgMatches,
    catalog: &Catalog,
) -> anyhow::Result<Vec<Scenario>> {
    let loaded = loaded(default, args, save, matches, catalog)?;
    Ok(loaded.into_iter().map(|(_, scenario)| scenario).collect())
}

/// The same, each with its text.
pub(super) fn loaded(
    default: &str,
    args: &ScenarioArgs,
    save: Option<&Path>,
    matches: &ArgMatches,
    catalog: &Catalog,
) -> anyhow::Result<Vec<(Source, Scenario)>> {
    let mut named = Vec::new();
    let made = ad_hoc(&args.ad_hoc, args.regions.as_deref(), save, catalog)?;
    if let Some(name) = args.scenarios.first().filter(|_| made.is_some()) {
        bail!("-s makes a scenario of its own; leave out {name}, or -s");
    }
    let sources = match &made {
        Some((_, source)) => vec![source.clone()],
        None => sources(&args.scenarios, default, &mut named)?,
    };
    let filters = filters(&args.filters, matches, &named)?;
    let sources = match args.scenarios.is_empty() && made.is_none() {
        true => or_elsewhere(sources, default, args, &filters),
        false => sources,
    };
    // What was made from words is in its regions already.
    let regions = args.regions.clone().filter(|_| made.is_none());
    let overrides = Overrides { regions: regions.clone() };
    let mut kept: Vec<(Source, Scenario)> = Vec::new();
    let (mut seen, mut left_out) = (Vec::new(), Vec::new());
    for source in &sources {
        if !filters.may_keep_scenario(&source.name) {
            continue;
        }
        let mut scenario = match (load(source, catalog, &overrides), &made) {
            (Err(error), Some((words, source))) => bail!(words.blame(source, &error)),
            (scenario, _) => scenario?,
        };
        seen.extend(scenario.plans.iter().map(|plan| (plan.name.clone(), plan.protocol.clone())));
        let name = &scenario.name;
        let notes: Vec<String> =
            scenario.left_out.iter().map(|said| format!("{name}: {said}")).collect();
        scenario.plans.retain(|plan| filters.keeps(&plan.name, &plan.protocol));
        left_out.push((scenario.plans.is_empty(), notes));
        if !scenario.plans.is_empty() {
            kept.push((source.clone(), scenario));
        }
    }
    names_differ(&kept)?;
    if let Some(regions) = &regions {
        for (_, scenario) in kept.iter().filter(|(_, scenario)| scenario.has_own_map) {
            let name = &scenario.name;
            anstream::eprintln!(
                "{name} has a map of its own; --regions {regions} leaves it as it is"
            );
        }
    }
    // Where nothing is left, what was left out may be what was asked for.
    let none = kept.is_empty();
    for said in left_out.iter().filter(|(empty, _)| none || !empty).flat_map(|(_, notes)| notes) {
        anstream::eprintln!("{said}");
    }
    if none {
        if let Some(stray) = filters.stray(&seen) {
            bail!(stray);
        }
        bail!("no cell matches; `pacelc list --cells` shows all there are");
    }
    Ok(kept)
}

fn names_differ(kept: &[(Source, Scenario)]) -> anyhow::Result<()> {
    let twice = |i: &usize| kept[..*i].iter().any(|(_, other)| other.name == kept[*i].1.name);
    if let Some(i) = (0..kept.len()).find(twice) {
        let name = &kept[i].1.name;
        bail!(
            "two scenarios are called {name}; cells are known by their names, so rename one file"
        );
    }
    Ok(())
}

/// The one cell with this full name.
pub(super) fn cell(args: &ExplainArgs, catalog: &Catalog) -> anyhow::Result<(Scenario, Plan)> {
    let (name, file, regions) = (&args.cell, args.file.as_deref(), args.regions.as_deref());
    if let Some((words, source)) = ad_hoc(&args.ad_hoc, regions, None, catalog)? {
        if let Some(file) = file {
            bail!("-s makes a scenario of its own; leave out --file {file}, or -s");
        }
        let scenario = load(&source, catalog, &Overrides::default());
        let scenario = scenario.map_err(|error| anyhow!(words.blame(&source, &error)))?;
        return cell_of(scenario, name);
    }
    if file.is_none() && name.ends_with(".toml") {
        bail!(
            "`{name}` is a file; name one of its cells and the file: `pacelc explain CELL --file \
             {name}`; `pacelc list --cells {name}` shows the cells"
        );
    }
    let source = match file {
        Some(path) => Source::open(path)?,
        None => find(name.split('/').next().unwrap_or(name)).map_err(|error| {
            anyhow!("{error}; of a scenario of your own name the file as well, --file FILE")
        })?,
    };
    let overrides = Overrides { regions: regions.map(str::to_owned) };
    cell_of(load(&source, catalog, &overrides)?, name)
}

fn cell_of(scenario: Scenario, name: &str) -> anyhow::Result<(Scenario, Plan)> {
    let names: Vec<String> = scenario.plans.iter().map(|plan| plan.name.to_string()).collect();
    match names.iter().position(|known| known == name) {
        Some(found) => {
            let plan = scenario.plans[found].clone();
            Ok((scenario, plan))
        }
        None => bail!(unknown("cell", name, names.iter().map(String::as_str))),
    }
}

/// Files to read for the positional arguments; names that mean cells are added to `named`.
fn sources(
    arguments: &[String],
    default: &str,
    named: &mut Vec<String>,
) -> anyhow::Result<Vec<Source>> {
    let all = builtin();
    let group = |group: &str| -> Vec<Source> {
        all.iter().filter(|source| source.group == group).cloned().collect()
    };
    if arguments.is_empty() {
        return Ok(group(default));
    }
    let mut sources: Vec<Source> = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        let is_file = path.extension().is_some_and(|extension| extension == "toml");
        let found: Vec<Source> = if is_file {
            let source = Source::open(path)?;
            named.push(source.name.clone());
            vec![source]
        } else if GROUPS.contains(&argument.as_str()) {
            let found = group(argument);
            named.extend(found.iter().map(|source| source.name.clone()));
            found
        } else {
            let scenario = argument.split('/').next().unwrap_or(argument);
            if path.exists() && find(scenario).is_err() {
                bail!("{argument} is no scenario: a scenario's file ends in .toml");
            }
            named.push(argument.clone());
            vec![find(scenario).map_err(|e| anyhow!("{e} (or a file that ends in .toml)"))?]
        };
        for source in found {
            if !sources.iter().any(|known| known.file == source.file) {
                sources.push(source);
            }
        }
    }
    Ok(sources)
}

/// Where no scenario of the group that is meant without names matches `-f`, those of the other groups that do: who
/// asks for a scenario by its name has not thought of groups.
fn or_elsewhere(
    sources: Vec<Source>,
    default: &str,
    args: &ScenarioArgs,
    filters: &Filters,
) -> Vec<Source> {
    let kept = |source: &Source| filters.may_keep_scenario(&source.name);
    let asked = default == "curated" && !args.filters.keep_scenario.is_empty();
    if !asked || sources.iter().any(kept) {
        return sources;
    }
    let others: Vec<Source> = builtin().into_iter().filter(kept).collect();
    let mut groups: Vec<&str> = others.iter().map(|source| source.group.as_str()).collect();
    groups.dedup();
    if groups.is_empty() {
        return sources;
    }
    let groups = groups.join(" and ");
    anstream::eprintln!("no scenario of the group {default} matches -f; these are of {groups}");
    others
}

/// The filter flags in the order they were typed, which decides.
pub(super) fn filters(
    args: &FilterArgs,
    matches: &ArgMatches,
    named: &[String],
) -> anyhow::Result<Filters> {
    let flags = [
        ("keep_scenario", Flag::Scenario, &args.keep_scenario),
        ("drop_scenario", Flag::NotScenario, &args.drop_scenario),
        ("keep_protocol", Flag::Mode, &args.keep_protocol),
        ("drop_protocol", Flag::NotMode, &args.drop_protocol),
        ("keep_level", Flag::Level, &args.keep_level),
        ("drop_level", Flag::NotLevel, &args.drop_level),
    ];
    let verb = matches.subcommand().map(|(_, matches)| matches);
    let mut typed: Vec<(usize, Flag, &str)> = Vec::new();
    for (id, flag, values) in flags {
        let places = verb.and_then(|matches| matches.indices_of(id)).into_iter().flatten();
        typed.extend(places.zip(values).map(|(place, value)| (place, flag, value.as_str())));
    }
    typed.sort_by_key(|(place, ..)| *place);
    let flags = typed.into_iter().map(|(_, flag, value)| (flag, value));
    let named = named.iter().map(|name| (Flag::Named, name.as_str()));
    Filters::new(flags.chain(named)).map_err(|e| anyhow!(e))
}

/// The words of a scenario without a file, as they are typed.
pub(super) fn words(args: &AdHocArgs) -> Vec<String> {
    if args.systems.is_empty() {
        return Vec::new();
    }
    let mut words = vec![format!("-s {}", quoted(&args.systems.join(",")))];
    let flags = [("--fault", &args.fault), ("--workload", &args.workload)];
    words.extend(
        flags
            .into_iter()
            .filter_map(|(flag, value)| Some(format!("{flag} {}", quoted(value.as_ref()?)))),
    );
    words
}

/// Writes a scenario as a whole, or refuses where something else stands.
pub(super) fn write_new(file: &Path, text: &str) -> anyhow::Result<()> {
    match std::fs::read(file) {
        Ok(there) if there == text.as_bytes() => return Ok(()),
        Ok(_) => bail!(
            "{} is there already and holds something else; choose another name or remove it",
            file.display()
        ),
        Err(_) => {}
    }
    Ok(crate::results::replace(file, text.as_bytes())?)
}
