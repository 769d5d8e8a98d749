//! `pacelc list`: what exists. Runs nothing.

use super::args::ListArgs;
use super::{print, select};
use crate::analysis::CHECKERS;
use crate::catalog::Catalog;
use crate::guarantee::Guarantee;
use crate::op::Level;
use crate::protocol::Offer;
use crate::protocol::parts::merge::Rule;
use crate::scenario::Scenario;
use crate::scenario::presets::{FAULTS, WORKLOADS};
use crate::scenario::regions::Matrix;
use crate::scenario::systems;
use clap::ArgMatches;
use std::fmt::Write as _;
use std::process::ExitCode;

pub(super) fn run(args: &ListArgs, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::builtin();
    let text = if args.protocols {
        protocols(&catalog)
    } else if args.guarantees {
        guarantees()
    } else if args.rules {
        rules(&catalog)
    } else if args.systems {
        systems()?
    } else if args.faults {
        faults()
    } else if args.workloads {
        workloads()
    } else if args.matrices {
        matrices()?
    } else {
        let scenarios = select::scenarios(&args.select, matches, &catalog)?;
        if args.cells { cells(&scenarios, &catalog) } else { overview(&scenarios) }
    };
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Every named system: what it runs as, and what it calls which level.
fn systems() -> anyhow::Result<String> {
    let mut text = String::new();
    for system in systems::all().map_err(anyhow::Error::msg)? {
        let _ = writeln!(text, "{}  {}. {}", system.name, system.title, system.about);
        for one in &system.configurations {
            let config: Vec<String> =
                one.config.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let config = if config.is_empty() {
                String::new()
            } else {
                format!(" {{ {} }}", config.join(", "))
            };
            let (name, protocol, status) = (&one.name, &one.protocol, one.status.name());
            let _ = writeln!(text, "  {name}: {protocol}{config}, {status}. {}", one.about);
            for level in &one.levels {
                let claimed = match (&level.class, &level.by) {
                    (Some(class), Some(by)) => format!("  claimed {class} ({by})"),
                    _ => String::new(),
                };
                let level_name = level.level.to_string();
                let _ = writeln!(text, "    {level_name:17}  {}{claimed}", level.called);
            }
        }
        for source in &system.sources {
            let _ = writeln!(text, "  source: {source}");
        }
        text.push('\n');
    }
    text.push_str(
        "A mode of a scenario names one: system = \"etcd\", configuration = \"default\"\n",
    );
    Ok(text)
}

fn overview(scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    let widest = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    for scenario in scenarios {
        let (name, cells) = (&scenario.name, scenario.plans.len());
        let _ = writeln!(text, "{name:widest$}  {cells:>4} cells  {}", scenario.question);
    }
    let total: usize = scenarios.iter().map(|scenario| scenario.plans.len()).sum();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let all = (count(scenarios.len(), "scenario"), count(total, "cell"));
    let _ = writeln!(text, "{}, {}", all.0, all.1);
    text
}

fn cells(scenarios: &[Scenario], catalog: &Catalog) -> String {
    let plans = || scenarios.iter().flat_map(|scenario| &scenario.plans);
    let widest = plans().map(|plan| plan.name.to_string().len()).max().unwrap_or(0);
    let mut text = String::new();
    for plan in plans() {
        let entry = catalog.find(&plan.protocol);
        let offer = entry.and_then(|entry| entry.offer(&plan.config, plan.name.level));
        let (path, promise) = offer
            .map_or(("-", "-".to_owned()), |offer| (offer.read_path, offer.promise.to_string()));
        let _ = writeln!(text, "{:widest$}  {promise:17}  {path}", plan.name.to_string());
    }
    text
}

/// Settings decide how a level is served: the smallest that each protocol has, and what others change.
fn protocols(catalog: &Catalog) -> String {
    let mut text = String::new();
    for entry in catalog.protocols() {
        let _ = writeln!(text, "{}\n  {}", entry.name, entry.about);
        if !entry.plain.is_empty() {
            let _ = writeln!(text, "  with {}:", entry.plain);
        }
        let objects: Vec<String> = entry.objects().iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  keys hold: {}", objects.join(", "));
        let rules: Vec<&str> = entry.rules.iter().map(|rule| rule.name()).collect();
        let conflicts = if rules.is_empty() { "none, writes have one order" } else { "" };
        let _ = writeln!(text, "  conflicts: {conflicts}{}", rules.join(", "));
        levels(&mut text, &entry.levels());
        for (settings, others) in entry.further_levels() {
            let _ = writeln!(text, "  with {}:", settings.replace('\n', ", "));
            levels(&mut text, &others);
        }
        text.push('\n');
    }
    text
}

fn levels(text: &mut String, levels: &[(Level, Offer)]) {
    for (level, Offer { promise, read_path, .. }) in levels {
        let (level, promise) = (level.to_string(), promise.to_string());
        let _ = writeln!(text, "  {level:19}  promises {promise:19}  {read_path}");
    }
}

/// Each kind with its checkers: those that judge it besides the ones that judge everything.
fn guarantees() -> String {
    let mut text = String::new();
    for guarantee in Guarantee::KINDS {
        let _ = writeln!(text, "{:19}  {}", guarantee.to_string(), guarantee.about());
    }
    text.push_str("\nWhat a history must pass:\n");
    for checker in CHECKERS {
        let judged = Guarantee::KINDS.into_iter().filter(|kind| (checker.needed_for)(*kind));
        let judged: Vec<String> = judged.map(|kind| kind.to_string()).collect();
        let all = judged.len() == Guarantee::KINDS.len();
        let judged = if all { "all".to_owned() } else { judged.join(", ") };
        let _ = writeln!(text, "{:20}  {}\n{:22}for {judged}", checker.name, checker.about, "");
    }
    text
}

fn rules(catalog: &Catalog) -> String {
    let mut text = String::new();
    for rule in Rule::ALL {
        let has = catalog.protocols().iter().filter(|entry| entry.rules.contains(&rule));
        let names: Vec<&str> = has.map(|entry| entry.name).collect();
        let objects: Vec<String> = rule.objects().iter().map(ToString::to_string).collect();
        let (name, about) = (rule.name(), rule.about());
        let (objects, names) = (objects.join(", "), names.join(", "));
        let _ = writeln!(text, "{name:15}  {about}\n{:17}keys hold: {objects}; in {names}", "");
    }
    text
}

fn faults() -> String {
    let mut text = String::new();
    for preset in FAULTS {
        let name = format!("{}{}", preset.name, if preset.takes_region { "[:REGION]" } else { "" });
        let _ = writeln!(text, "{name:24}  {}", preset.about);
    }
    text.push_str("\nA region that is not named is the first of --regions.\n");
    text
}

fn workloads() -> String {
    let mut text = String::new();
    for preset in WORKLOADS {
        let _ = writeln!(text, "{:15}  {}", preset.name, preset.about);
    }
    text
}

fn matrices() -> anyhow::Result<String> {
    let mut text = String::new();
    for name in Matrix::builtin_names() {
        let Some(matrix) = Matrix::builtin(name) else { continue };
        let matrix = matrix?;
        let _ = writeln!(text, "{name}: {} regions\n  {}", matrix.regions.len(), matrix.provenance);
        let _ = writeln!(text, "  {}\n", matrix.regions.join(", "));
    }
    Ok(text)
}
