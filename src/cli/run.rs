//! `pacelc run`: simulate, judge, and leave rows and a report.

use super::args::RunArgs;
use super::{calibrate, exit_status, print, progress, select, unless_closed, width};
use crate::catalog::Catalog;
use crate::report::{beside, page, summary};
use crate::results::{JOURNAL, Journal, PAGE, Results, Row, VerdictWord};
use crate::suite::{Options, Progress, Suite, SuiteError, World, quoted};
use crate::world::live;
use anyhow::bail;
use clap::ArgMatches;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit status of a run that was interrupted, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

pub(super) fn run(args: &RunArgs, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    if args.first_seed.checked_add(u64::from(args.seeds)).is_none() {
        bail!("--first-seed {} leaves no room for {} seeds", args.first_seed, args.seeds);
    }
    let catalog = Catalog::builtin();
    let saved = args.save.as_deref();
    let mut scenarios = select::scenarios_or("curated", &args.select, saved, matches, &catalog)?;
    let seeds = calibrate::seeds(args, matches);
    let world = calibrate::world(args, seeds, &mut scenarios)?;
    let mut options = Options {
        seeds,
        world,
        beside_sim: args.beside_sim,
        first_seed: args.first_seed,
        command: command(args, matches),
        replay_options: replay_options(args),
        files: files(args),
        ..Options::default()
    };
    options.threads = match options.world {
        World::Sim => args.threads.map_or(options.threads, usize::from),
        World::Live(_) | World::Nodes(_) => 1,
    };
    if args.smoke {
        // Nobody asked for more: --seeds and --smoke exclude each other.
        options.seeds = 1;
        let plans = scenarios.iter_mut().flat_map(|scenario| &mut scenario.plans);
        plans.for_each(crate::scenario::plan::Plan::shorten);
    }
    let mut suite = Suite::new(catalog, scenarios, options);
    if let Some(file) = saved {
        save(args, file)?;
    }
    let mut journal = open_journal(&args.output, args.resume, &mut suite)?;
    let outcome = match execute(suite, &mut journal) {
        Ok(outcome) => outcome,
        Err(error) => {
            journal.abandon()?;
            return Err(error);
        }
    };
    let Some(results) = outcome else {
        return Ok(interrupted(&args.output));
    };
    keep(&results, &args.output)?;
    journal.remove()?;
    let shown = unless_closed(show(args.json, &results));
    tell(&args.output, &results);
    shown?;
    Ok(exit_status(&results.rows))
}

/// Writes the scenario that `-s` made, whole or not at all, and never over something else.
fn save(args: &RunArgs, file: &Path) -> anyhow::Result<()> {
    let regions = args.select.regions.as_deref();
    let made = select::ad_hoc(&args.select.ad_hoc, regions, Some(file), &Catalog::builtin())?;
    let Some((_, source)) = made else { return Ok(()) };
    select::write_new(file, &source.text)
}

/// Opens the journal before anything is run, so that a folder that cannot be written is noticed first.
pub(super) fn open_journal(
    output: &Path,
    resume: bool,
    suite: &mut Suite,
) -> anyhow::Result<Journal> {
    let fingerprint = suite.fingerprint();
    if !resume {
        let path = output.join(JOURNAL);
        let interrupted = path.is_file();
        // First, because another run may be using it.
        let journal = Journal::create(output, &fingerprint)?;
        if interrupted {
            anstream::eprintln!(
                "{} of an interrupted run is discarded; with --resume it would have gone on",
                path.display()
            );
        }
        return Ok(journal);
    }
    let (journal, finished) = Journal::resume(output, &fingerprint)?;
    anstream::eprintln!("resuming: {} cells are finished already", finished.len());
    suite.resume(finished);
    Ok(journal)
}

/// Says how an interrupted run goes on.
pub(super) fn interrupted(output: &Path) -> ExitCode {
    anstream::eprintln!(
        "the finished cells are kept in {}; the same command with --resume goes on",
        output.display()
    );
    ExitCode::from(INTERRUPTED)
}

/// Runs the suite with a progress bar; nothing if it was interrupted. In real time it says what histories
/// took of memory.
pub(super) fn execute(suite: Suite, journal: &mut Journal) -> anyhow::Result<Option<Results>> {
    let bar = progress::bar(suite.runs());
    let suite = Arc::new(suite);
    let handle = Arc::clone(&suite);
    // A second handler cannot be set; then an interrupt simply ends the program, and the journal
    // has what was finished all the same.
    let asked = AtomicBool::new(false);
    drop(ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            live::discard();
            std::process::exit(INTERRUPTED.into());
        }
        handle.interrupt();
        anstream::eprintln!("finishing what is under way; interrupt again to stop at once");
    }));
    // A run that breaks an assertion ends with a message of its own.
    std::panic::set_hook(Box::new(|_| {}));
    let mut unwritten = None;
    let results = suite.run(&mut |step| match step {
        Progress::Run(plan) => {
            bar.inc(1);
            bar.set_message(plan.name.to_string());
        }
        Progress::Cell(cell) => {
            if let Err(error) = journal.append(cell) {
                suite.interrupt();
                unwritten.get_or_insert(error);
            }
        }
    });
    drop(std::panic::take_hook());
    bar.finish_and_clear();
    if let Some(error) = unwritten {
        bail!(error);
    }
    match results {
        Ok(results) => {
            if results.note.world != World::Sim.name() {
                let held = suite.largest_history() as f64 / 1e6;
                anstream::eprintln!("the longest history took {held:.2} MB of memory");
            }
            Ok(Some(results))
        }
        Err(error @ SuiteError::Interrupted { .. }) => {
            anstream::eprintln!("{error}");
            Ok(None)
        }
        Err(error) => bail!(error),
    }
}

/// Writes rows, curves, note and page.
pub(super) fn keep(results: &Results, folder: &Path) -> anyhow::Result<()> {
    let html = page(results);
    Ok(results.write(folder, &html)?)
}

/// Rows or a table, to whom stdout is.
pub(super) fn show(json: bool, results: &Results) -> anyhow::Result<()> {
    let text = if json {
        let mut lines = Vec::new();
        for row in &results.rows {
            serde_json::to_writer(&mut lines, row)?;
            lines.push(b'\n');
        }
        lines
    } else {
        summary(results, width()).into_bytes()
    };
    print(&text)
}

/// What was not kept, and where the page is; said even if stdout takes nothing more.
pub(super) fn tell(output: &Path, results: &Results) {
    let mut told: Vec<&Row> =
        results.rows.iter().filter(|row| row.verdict != VerdictWord::Holds).collect();
    told.dedup_by_key(|row| &row.cell);
    for Row { cell, promise, verdict, evidence, replay, .. } in told {
        let what = match verdict {
            VerdictWord::Unknown => format!("undecided whether {cell} is {promise}: {evidence}"),
            _ => format!("{cell} is not {promise}"),
        };
        anstream::eprintln!("{what}; replay with: {replay}");
    }
    anstream::eprint!("{}", calibrate::delivered(results));
    anstream::eprint!("{}", beside(results));
    let report = output.join(PAGE);
    anstream::eprintln!("report: {}", report.canonicalize().unwrap_or(report).display());
}

/// The command that makes these results again: what decides them, in a fixed order.
fn command(args: &RunArgs, matches: &ArgMatches) -> String {
    let mut words = vec!["pacelc run".to_owned()];
    words.extend(args.select.scenarios.iter().map(|name| quoted(name)));
    let saved = args.save.as_ref().map(|file| quoted(&file.to_string_lossy()));
    words.extend(saved.clone());
    if saved.is_none() {
        words.extend(select::words(&args.select.ad_hoc));
    }
    let verb = matches.subcommand().map(|(_, verb)| verb);
    let mut flags: Vec<(usize, String)> = Vec::new();
    let filters = &args.select.filters;
    for (id, flag, values) in [
        ("keep_scenario", "-f", &filters.keep_scenario),
        ("drop_scenario", "-F", &filters.drop_scenario),
        ("keep_protocol", "-p", &filters.keep_protocol),
        ("drop_protocol", "-P", &filters.drop_protocol),
        ("keep_level", "-l", &filters.keep_level),
        ("drop_level", "-L", &filters.drop_level),
    ] {
        let places = verb.and_then(|verb| verb.indices_of(id)).into_iter().flatten();
        flags.extend(places.zip(values).map(|(at, re)| (at, format!("{flag} {}", quoted(re)))));
    }
    flags.sort_unstable();
    words.extend(flags.into_iter().map(|(_, flag)| flag));
    if let Some(regions) = args.select.regions.as_ref().filter(|_| saved.is_none()) {
        words.push(format!("--regions {}", quoted(regions)));
    }
    if args.smoke {
        words.push("--smoke".to_owned());
    } else {
        words.push(format!("--seeds {}", calibrate::seeds(args, matches)));
    }
    words.extend(calibrate::words(args).split_whitespace().map(str::to_owned));
    if args.first_seed != 1 {
        words.push(format!("--first-seed {}", args.first_seed));
    }
    words.join(" ")
}

/// The files among the arguments, by the name of their scenario.
fn files(args: &RunArgs) -> BTreeMap<String, String> {
    let name = |file: &String| Some(Path::new(file).file_stem()?.to_str()?.to_owned());
    let files = args.select.scenarios.iter().filter(|name| name.ends_with(".toml"));
    let saved = args.save.as_ref().map(|file| file.to_string_lossy().into_owned());
    let files = files.cloned().chain(saved);
    files.filter_map(|file| Some((name(&file)?, file))).collect()
}

/// What a cell's replay needs besides its name and file.
fn replay_options(args: &RunArgs) -> String {
    let mut options = String::new();
    let saved = args.save.is_some();
    for word in select::words(&args.select.ad_hoc).into_iter().filter(|_| !saved) {
        options.push_str(&format!(" {word}"));
    }
    if let Some(regions) = args.select.regions.as_ref().filter(|_| !saved) {
        options.push_str(&format!(" --regions {}", quoted(regions)));
    }
    if args.smoke {
        options.push_str(" --smoke");
    }
    options.push_str(&calibrate::words(args));
    options
}
