//! `pacelc list`: what exists. Runs nothing.

use super::args::ListArgs;
use super::{print, select};
use crate::catalog::Catalog;
use crate::protocol::Offer;
use crate::scenario::Scenario;
use crate::scenario::regions::Matrix;
use clap::ArgMatches;
use std::fmt::Write as _;
use std::process::ExitCode;

pub(super) fn run(args: &ListArgs, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::builtin();
    let text = if args.protocols {
        protocols(&catalog)
    } else if args.matrices {
        matrices()?
    } else {
        let scenarios = select::scenarios(&args.select, matches, &catalog)?;
        if args.cells { cells(&scenarios, &catalog) } else { overview(&scenarios) }
    };
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
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

/// Settings decide how a level is served; these are the smallest that each protocol has.
fn protocols(catalog: &Catalog) -> String {
    let mut text = String::new();
    for entry in catalog.protocols() {
        let _ = writeln!(text, "{}\n  {}", entry.name, entry.about);
        if !entry.plain.is_empty() {
            let _ = writeln!(text, "  with {}:", entry.plain);
        }
        let objects: Vec<String> = entry.objects().iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  keys hold: {}", objects.join(", "));
        for (level, Offer { promise, read_path, .. }) in entry.levels() {
            let (level, promise) = (level.to_string(), promise.to_string());
            let _ = writeln!(text, "  {level:17}  promises {promise:17}  {read_path}");
        }
        text.push('\n');
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
