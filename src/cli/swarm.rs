//! `pacelc swarm`: the same cells under many random fault schedules, and what breaks, made small.

use super::args::SwarmArgs;
use super::{print, progress, select};
use crate::catalog::Catalog;
use crate::report::seconds;
use crate::scenario::plan::Plan;
use crate::scenario::{Scenario, Source, regression};
use crate::suite::{Options, Shrunk, SuiteError, Swarm, Swarmed, quoted, shrink};
use anyhow::bail;
use clap::ArgMatches;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Failures of one cell that are listed; the rest is counted.
const LISTED: usize = 5;
/// Exit status of a run that was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

pub(super) fn run(args: &SwarmArgs, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    if args.first_seed.checked_add(u64::from(args.schedules)).is_none() {
        bail!("--first-seed {} leaves no room for so many schedules", args.first_seed);
    }
    let catalog = Catalog::builtin();
    let mut select = args.select.clone();
    if !select.ad_hoc.systems.is_empty() {
        select.ad_hoc.fault.get_or_insert_with(|| "random".to_owned());
    } else if select.scenarios.is_empty() {
        bail!(
            "a swarm is of something: name systems, as in -s etcd, or a scenario with [faults_random]"
        );
    }
    let loaded = select::loaded("curated", &select, None, matches, &catalog)?;
    let still = |(_, scenario): &&(Source, Scenario)| {
        scenario.plans.iter().any(|plan| plan.random_faults.is_none())
    };
    if let Some((source, _)) = loaded.iter().find(still) {
        if let Some(fault) = &select.ad_hoc.fault {
            bail!("a swarm draws its faults; leave out --fault {fault}");
        }
        bail!(
            "{} draws no faults; give it a table such as [faults_random] with most = 6, start = \"2s\", \
             end = \"18s\"",
            source.file
        );
    }
    let plans: Vec<&Plan> = loaded.iter().flat_map(|(_, scenario)| &scenario.plans).collect();
    let (first_seed, schedules) = (args.first_seed, args.schedules);
    let swarm = Swarm { catalog: &catalog, first_seed, schedules, lossless: args.lossless };
    let threads = args.threads.map_or(Options::default().threads, usize::from);
    let found = match execute(&swarm, &plans, threads) {
        Err(error @ SuiteError::Interrupted { .. }) => {
            anstream::eprintln!("{error}");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        found => found?,
    };
    let mut text = table(&found);
    let mut to_save = args.save.as_deref();
    for (plan, swarmed) in plans.iter().zip(&found).filter(|(_, found)| !found.broken.is_empty()) {
        failures(&mut text, swarmed, &select, plan);
        let Some((seed, _)) = swarmed.broken.first() else { continue };
        let shrunk = made_small(&swarm, plan, *seed);
        let _ = write!(text, "{}", small(&shrunk, *seed));
        let source = loaded.iter().find(|(source, _)| source.name == plan.name.scenario);
        if let (Some(file), Some((source, _))) = (to_save.take(), source) {
            let name = file.to_string_lossy();
            let kept =
                regression(source, &shrunk.plan, *seed, &name).map_err(anyhow::Error::msg)?;
            select::write_new(file, &kept)?;
            let name = quoted(&name);
            let _ = writeln!(
                text,
                "  kept; run it with: pacelc run {name} --seeds 1 --first-seed {seed}"
            );
        }
    }
    text.push_str(&closing(&found));
    print(text.as_bytes())?;
    let broken = found.iter().any(|found| !found.broken.is_empty());
    let undecided = found.iter().any(|found| !found.undecided.is_empty());
    Ok(ExitCode::from(if broken { 1 } else { 3 * u8::from(undecided) }))
}

/// Runs it with a progress bar, and stops at an interrupt.
fn execute(swarm: &Swarm<'_>, plans: &[&Plan], threads: usize) -> Result<Vec<Swarmed>, SuiteError> {
    let bar = progress::bar(plans.len() as u64 * u64::from(swarm.schedules));
    let stop = Arc::new(AtomicBool::new(false));
    let handle = Arc::clone(&stop);
    // A second handler cannot be set; then an interrupt simply ends the program.
    drop(ctrlc::set_handler(move || handle.store(true, Ordering::Relaxed)));
    let broken = AtomicUsize::new(0);
    let found = quietly(|| {
        swarm.run(plans, threads, &stop, &|failed| {
            if failed {
                let so_far = broken.fetch_add(1, Ordering::Relaxed) + 1;
                bar.set_message(format!("{so_far} broken"));
            }
            bar.inc(1);
        })
    });
    bar.finish_and_clear();
    found
}

/// Makes a schedule small; how many runs that takes is not known before.
fn made_small(swarm: &Swarm<'_>, plan: &Plan, seed: u64) -> Shrunk {
    let bar = progress::spinner();
    bar.set_message(format!("shrinking seed {seed} of {}", plan.name));
    let fails = |plan: &Plan| {
        bar.inc(1);
        swarm.fails(plan, seed)
    };
    let shrunk = quietly(|| shrink(&plan.drawn(seed), &fails));
    bar.finish_and_clear();
    shrunk
}

/// A run that breaks an assertion ends with a message of its own.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = work();
    std::panic::set_hook(hook);
    done
}

/// A line a cell.
fn table(found: &[Swarmed]) -> String {
    let name = found.iter().map(|found| found.cell.len()).max().unwrap_or(0);
    let promise =
        found.iter().map(|found| found.promise.to_string().len()).max().unwrap_or(0).max(7);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:name$}  {:promise$}  {:>9}  {:>7}  {:>9}  {:>12}  {:>6}",
        "cell", "promise", "schedules", "broken", "undecided", "acknowledged", "gone"
    );
    for found in found {
        let mark = if found.broken.is_empty() { "" } else { " ✗" };
        let _ = writeln!(
            text,
            "{:name$}  {:promise$}  {:>9}  {:>7}  {:>9}  {:>12}  {:>6}{mark}",
            found.cell,
            found.promise.to_string(),
            found.schedules,
            found.broken.len(),
            found.undecided.len(),
            found.acknowledged,
            found.gone
        );
    }
    text
}

/// The schedules that failed, each with the command that replays it.
fn failures(text: &mut String, found: &Swarmed, select: &super::args::ScenarioArgs, plan: &Plan) {
    let _ = writeln!(text, "\n{}", found.cell);
    for (seed, message) in found.broken.iter().take(LISTED) {
        let mut command = format!("pacelc explain {}", quoted(&found.cell));
        for word in select::words(&select.ad_hoc) {
            let _ = write!(command, " {word}");
        }
        let stem = |file: &&String| {
            std::path::Path::new(file.as_str())
                .file_stem()
                .is_some_and(|s| s == &*plan.name.scenario)
        };
        let files = select.scenarios.iter().filter(|name| name.ends_with(".toml"));
        if let Some(file) = files.into_iter().find(stem) {
            let _ = write!(command, " --file {}", quoted(file));
        }
        if let Some(regions) = &select.regions {
            let _ = write!(command, " --regions {}", quoted(regions));
        }
        let _ = writeln!(text, "  {message}\n  replay with: {command} --seed {seed}");
    }
    if found.broken.len() > LISTED {
        let _ = writeln!(text, "  and {} more", found.broken.len() - LISTED);
    }
}

/// What is left of a schedule.
fn small(shrunk: &Shrunk, seed: u64) -> String {
    let Shrunk { plan, faults, runs } = shrunk;
    let left = plan.faults.len();
    let mut text = format!("  seed {seed} shrunk from {faults} faults to {left} in {runs} runs\n");
    for fault in &plan.faults {
        let _ = writeln!(text, "    {} to {}: {}", fault.start, fault.end, fault.kind.told(plan));
    }
    text
}

fn closing(found: &[Swarmed]) -> String {
    let sum = |of: fn(&Swarmed) -> u64| found.iter().map(of).sum::<u64>();
    let time = |of: fn(&Swarmed) -> u128| seconds(found.iter().map(of).sum::<u128>() as f64 / 1e9);
    // The rest of the time waits for replicas to come to rest, so that they can be compared.
    let (all, loaded) = (time(|found| found.virtual_ns), time(|found| found.loaded_ns));
    format!(
        "\n{} schedules, {} faults, {} operations, {} events, {all} of virtual time, of which {loaded} \
         under load; {} broken, {} undecided\n",
        sum(|found| found.schedules),
        sum(|found| found.faults),
        sum(|found| found.operations),
        sum(|found| found.events),
        sum(|found| found.broken.len() as u64),
        sum(|found| found.undecided.len() as u64)
    )
}
