//! `pacelc calibrate`: how exact this machine is. And what `run` needs to know of the live world.

use super::args::RunArgs;
use super::print;
use crate::results::{LinkLine, Results};
use crate::scenario::Scenario;
use crate::suite::World;
use crate::world::live::{self, calibrate};
use anyhow::{Context as _, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

/// A link of so many milliseconds one way should be this exact on an idle machine.
const WANTED: (f64, f64, f64) = (25.0, 0.1, 0.5);

pub(super) fn run() -> anyhow::Result<ExitCode> {
    anstream::eprintln!("measuring for some seven seconds; leave the machine alone");
    let floor = calibrate().context("cannot measure this machine")?;
    let mut text = String::from("a message over a link of     is later than asked by, in ms\n");
    let _ = writeln!(text, "{:24}  {:>8} {:>8}", "", "p50", "p99");
    for (delay, p50, p99) in &floor.late {
        let _ = writeln!(text, "{:24}  {p50:8.3} {p99:8.3}", delay.to_string());
    }
    for (what, (p50, p99)) in
        [("round trip over loopback", floor.loopback), ("write and sync", floor.sync)]
    {
        let _ = writeln!(text, "{what:24}  {p50:8.3} {p99:8.3}");
    }
    let (asked, median, tail) = WANTED;
    let met = floor.late.iter().find(|(delay, ..)| delay.as_ms() == asked);
    let met = met.is_some_and(|(_, p50, p99)| *p50 < median && *p99 < tail);
    let verdict = if met { "met" } else { "NOT met: is something else running?" };
    let _ = writeln!(
        text,
        "\na {asked} ms link with a median error under {median} ms and a p99 under {tail} ms: {verdict}"
    );
    let floor = LinkLine::FLOOR_MS;
    let _ =
        writeln!(text, "a run with a link whose median error is above {floor} ms is not trusted");
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The world that was asked for, if it can do what the scenarios want.
pub(super) fn world(
    args: &RunArgs,
    seeds: u32,
    scenarios: &mut Vec<Scenario>,
) -> anyhow::Result<World> {
    if args.world == "sim" {
        let where_to = args.data_dir.is_some() || args.simulated_disk || args.transport != "memory";
        if where_to || args.beside_sim || args.duration.is_some() {
            bail!(
                "--transport, --data-dir, --simulated-disk, --beside-sim and --duration are for --world live"
            );
        }
        return Ok(World::Sim);
    }
    if args.threads.is_some() {
        bail!(
            "--threads is for --world sim; real runs would disturb each other, so they take turns"
        );
    }
    for plan in scenarios.iter_mut().flat_map(|scenario| &mut scenario.plans) {
        live::spare(plan);
        if let Some(length) = args.duration {
            plan.last(length).map_err(anyhow::Error::msg)?;
        }
    }
    leave_out(args, seeds, scenarios)?;
    let (simulated_disk, data_dir) = (args.simulated_disk, args.data_dir.clone());
    let tcp = args.transport == "tcp";
    Ok(World::Live(live::Options { simulated_disk, data_dir, tcp }))
}

/// Leaves cells out that the live world cannot run, and says which and why; if there are no others they are
/// refused.
fn leave_out(args: &RunArgs, seeds: u32, scenarios: &mut Vec<Scenario>) -> anyhow::Result<()> {
    let mut left_out: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut refusal = None;
    for scenario in scenarios.iter_mut() {
        scenario.plans.retain(|plan| {
            // What seeds draw differs, and is known before the first of them has run.
            let mut drawn = (args.first_seed..).take(seeds as usize).map(|seed| plan.drawn(seed));
            let Some((plan, what)) =
                drawn.find_map(|plan| live::cannot(&plan).map(|what| (plan, what)))
            else {
                return true;
            };
            refusal = refusal.take().or_else(|| live::refuse(&plan).err());
            *left_out.entry((scenario.name.clone(), what)).or_default() += 1;
            false
        });
    }
    scenarios.retain(|scenario| !scenario.plans.is_empty());
    if let Some(refusal) = refusal.filter(|_| scenarios.is_empty()) {
        bail!(refusal);
    }
    for ((scenario, what), cells) in left_out {
        let cells = if cells == 1 { "1 cell is".to_owned() } else { format!("{cells} cells are") };
        anstream::eprintln!(
            "{scenario}: {cells} left out: the live world cannot {what}; --world sim can"
        );
    }
    Ok(())
}

/// How many seeds: a run in real time takes real time, so one unless more are asked for.
pub(super) fn seeds(args: &RunArgs, matches: &ArgMatches) -> u32 {
    let verb = matches.subcommand().map(|(_, verb)| verb);
    let asked = verb.and_then(|verb| verb.value_source("seeds"));
    match asked {
        Some(ValueSource::CommandLine) => args.seeds,
        _ if args.world == "live" => 1,
        _ => args.seeds,
    }
}

/// The words that a command in the live world has beside others.
pub(super) fn words(args: &RunArgs) -> String {
    let mut words = String::new();
    if args.world != "sim" {
        let _ = write!(words, " --world {}", args.world);
    }
    if args.transport != "memory" {
        let _ = write!(words, " --transport {}", args.transport);
    }
    if args.simulated_disk {
        words.push_str(" --simulated-disk");
    }
    if args.beside_sim {
        words.push_str(" --beside-sim");
    }
    if let Some(length) = args.duration {
        let _ = write!(words, " --duration {length}");
    }
    words
}

/// Links that are shown, the latest first; the page shows them all.
const SHOWN: usize = 8;

/// Says how well links kept to what they were asked, over all runs; nothing of virtual time.
pub(super) fn delivered(results: &Results) -> String {
    let mut links = results.note.latest_links();
    links.sort_by(|a, b| b.late_p50_ms.total_cmp(&a.late_p50_ms));
    let mut text = String::new();
    if !links.is_empty() {
        text.push_str("links, each in the run in which it was latest; times in ms\n");
        let heads = ["asked", "before p50", "p99", "late p50", "p99"];
        let [asked, before, its_p99, late, p99] = heads;
        let _ = writeln!(text, "{:45} {asked:>8} {before:>10} {its_p99:>9} {late:>9} {p99:>9}", "");
    }
    for line in links.iter().take(SHOWN) {
        let LinkLine { from, to, asked_ms, late_p50_ms, late_p99_ms, .. } = line;
        let LinkLine { before_p50_ms, before_p99_ms, .. } = line;
        let way = format!("{from} to {to}");
        let trust = if line.is_trusted() { "" } else { "  NOT TRUSTED" };
        let _ = writeln!(
            text,
            "{way:45} {asked_ms:8.3} {before_p50_ms:10.3} {before_p99_ms:9.3} {late_p50_ms:9.3} {late_p99_ms:9.3}{trust}"
        );
    }
    if links.len() > SHOWN {
        let _ = writeln!(text, "and {} that were less late", links.len() - SHOWN);
    }
    text
}
