//! The arguments of every verb.

mod check;

use crate::time::Duration;
pub(super) use check::CheckArgs;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Measure what consistency costs in latency.
#[derive(Debug, Parser)]
#[command(name = "pacelc", version, about, arg_required_else_help = true)]
#[command(
    after_help = "Exit status: 0 all promises hold, 1 a promise was broken, 2 bad input, 3 a \
    verdict is unknown, 130 interrupted.\nA cell is scenario/mode[/variant]/level; `pacelc list` shows them all."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show what exists: scenarios and their cells, protocols, regions. Runs nothing.
    List(ListArgs),
    /// Run scenarios, in the simulated world or in real time, judge them, and write rows and a report.
    Run(RunArgs),
    /// Run cells under many random fault schedules; what breaks is shrunk to the smallest that still does.
    Swarm(SwarmArgs),
    /// Make the HTML report again from saved rows.
    Report(ReportArgs),
    /// Compare saved rows: two results cell by cell, or one result mode by mode.
    Cmp(CmpArgs),
    /// Replay one cell under one seed and show its operations message by message.
    Explain(ExplainArgs),
    /// Judge anybody's history: is it linearizable, sequential, causal, ...?
    Check(CheckArgs),
    /// Measure how exact this machine is: the floor under every figure of the live world.
    Calibrate,
    /// Serve one replica of a cluster over TCP, for a driver here or elsewhere.
    Node(NodeArgs),
    /// Drive the clients of a cluster whose nodes are running, judge what they saw, and write rows and a report.
    Drive(DriveArgs),
    /// Print a completion script for a shell.
    Completions(CompletionArgs),
    /// Print the manual page.
    Man,
}

/// Which cells; the same on every verb. Patterns are regular expressions, unanchored; lower-case
/// flags include, upper-case flags exclude, and the last one that matches decides.
#[derive(Clone, Debug, Args)]
pub(super) struct FilterArgs {
    /// Keep cells whose scenario matches
    #[arg(short = 'f', long = "scenario", value_name = "RE")]
    pub(super) keep_scenario: Vec<String>,
    /// Drop cells whose scenario matches
    #[arg(short = 'F', long = "no-scenario", value_name = "RE")]
    pub(super) drop_scenario: Vec<String>,
    /// Keep cells whose mode or protocol matches
    #[arg(short = 'p', long = "protocol", value_name = "RE")]
    pub(super) keep_protocol: Vec<String>,
    /// Drop cells whose mode or protocol matches
    #[arg(short = 'P', long = "no-protocol", value_name = "RE")]
    pub(super) drop_protocol: Vec<String>,
    /// Keep cells whose consistency level matches
    #[arg(short = 'l', long = "level", value_name = "RE")]
    pub(super) keep_level: Vec<String>,
    /// Drop cells whose consistency level matches
    #[arg(short = 'L', long = "no-level", value_name = "RE")]
    pub(super) drop_level: Vec<String>,
}

/// Which scenarios, and what is changed in them.
#[derive(Clone, Debug, Args)]
pub(super) struct ScenarioArgs {
    /// Built-in scenarios by name, groups (curated, smoke, canaries), or scenario files; without
    /// any, all curated
    #[arg(value_name = "SCENARIO")]
    pub(super) scenarios: Vec<String>,
    #[command(flatten)]
    pub(super) filters: FilterArgs,
    #[command(flatten)]
    pub(super) ad_hoc: AdHocArgs,
    /// Replace the scenarios' regions, in order: a matrix (aws, azure, gcp or a CSV or TOML file),
    /// region names joined by commas, or MATRIX:NAMES
    #[arg(long, value_name = "REGIONS")]
    pub(super) regions: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let time: Duration = match text.strip_suffix('m').and_then(|n| n.parse::<u32>().ok()) {
        Some(minutes) => Duration::secs(u64::from(minutes) * 60),
        None => text.parse()?,
    };
    if time == Duration::ZERO { Err("it must be above 0".to_owned()) } else { Ok(time) }
}

/// What selects scenarios and cells, and so says nothing about a list of anything else.
const SELECTION: [&str; 12] = [
    "named_systems",
    "fault",
    "workload",
    "cells",
    "scenarios",
    "regions",
    "keep_scenario",
    "drop_scenario",
    "keep_protocol",
    "drop_protocol",
    "keep_level",
    "drop_level",
];

/// A scenario made from a few words instead of a file.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct AdHocArgs {
    /// Systems to run without a scenario file: names joined by commas, each a system
    /// (`list --systems`), a configuration of one (`mongodb/w1`), or a protocol; one replica and
    /// clients in each of --regions [default regions: us-east-1,eu-west-1,ap-southeast-1]
    #[arg(
        short,
        long = "system",
        id = "named_systems",
        value_name = "SYSTEMS",
        value_delimiter = ','
    )]
    pub(super) systems: Vec<String>,
    /// With -s: what breaks from 10 s to 25 s (`list --faults`), perhaps where, as in
    /// isolate-region:eu-west-1 [default: none]
    #[arg(long, value_name = "FAULT[:REGION]")]
    pub(super) fault: Option<String>,
    /// With -s: what clients do (`list --workloads`) [default: ycsb-a]
    #[arg(long, value_name = "WORKLOAD")]
    pub(super) workload: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) select: ScenarioArgs,
    /// Every cell, with path and promise, instead of a line per scenario
    #[arg(short, long)]
    pub(super) cells: bool,
    /// The protocols, with the levels they offer
    #[arg(long, group = "what", conflicts_with_all = SELECTION)]
    pub(super) protocols: bool,
    /// The guarantees that levels promise, and the checkers that judge them
    #[arg(long, group = "what", conflicts_with_all = SELECTION)]
    pub(super) guarantees: bool,
    /// The conflict rules, and the protocols that have them
    #[arg(long, group = "what", conflicts_with_all = SELECTION)]
    pub(super) rules: bool,
    /// The named systems: their configurations, what they call levels, and the class claimed
    #[arg(long, group = "what", conflicts_with_all = SELECTION)]
    pub(super) systems: bool,
    /// The faults that --fault knows
    #[arg(long, group = "what", conflicts_with_all = SELECTION)]
    pub(super) faults: bool,
    /// The workloads that --workload knows
    #[arg(long, group = "what", conflicts_with_all = SELECTION)]
    pub(super) workloads: bool,
    /// The built-in round-trip matrices, with their regions and sources
    #[arg(long, group = "what", conflicts_with_all = SELECTION)]
    pub(super) matrices: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) select: ScenarioArgs,
    /// Seeds per cell; intervals are across seeds, so few seeds make them wide
    #[arg(long, allow_negative_numbers = true, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) seeds: u32,
    /// The first seed
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_name = "N")]
    pub(super) first_seed: u64,
    /// Threads; the results are the same bytes for any number [default: one per core]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Every cell briefly, one seed: does everything run and keep its promise?
    #[arg(long, conflicts_with = "seeds")]
    pub(super) smoke: bool,
    /// Where rows.jsonl, curves.jsonl, faults.jsonl, timelines.jsonl, run.json and index.html go
    #[arg(short, long, value_name = "DIR", default_value = "reports/latest")]
    pub(super) output: PathBuf,
    /// Go on with an interrupted run of the same command: finished cells are kept
    #[arg(long)]
    pub(super) resume: bool,
    /// With -s: also write the scenario to this file, which then runs and replays like any other
    #[arg(long, value_name = "FILE.toml", conflicts_with = "canaries")]
    pub(super) save: Option<PathBuf>,
    /// Print the rows as JSON lines instead of the table
    #[arg(long)]
    pub(super) json: bool,
    /// Where to run: `sim` in virtual time; `live` in real time, with tasks, real disks and injected delays,
    /// one run after the other, one seed unless --seeds says more
    #[arg(long, value_name = "WORLD", default_value = "sim", value_parser = ["sim", "live"])]
    pub(super) world: String,
    /// With --world live: messages go over TCP on loopback, or from task to task in memory
    #[arg(long, value_name = "HOW", default_value = "memory", value_parser = ["memory", "tcp"])]
    pub(super) transport: String,
    /// With --world live: where replicas' logs go [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// With --world live: logs take as long as the scenario says, instead of being files
    #[arg(long, conflicts_with = "data_dir")]
    pub(super) simulated_disk: bool,
    /// With --world live: also run every cell and seed in virtual time, and show the two side by side
    #[arg(long)]
    pub(super) beside_sim: bool,
    /// Run for this long instead of what the scenarios say, warm-up included: `10m`, `90s`. Random faults
    /// are spread over all of it
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "smoke")]
    pub(super) duration: Option<Duration>,
    /// Run what is broken on purpose, and show whether the checkers object to it and to nothing else;
    /// writes no files [default scenarios: the group canaries]
    #[arg(long, conflicts_with_all = ["seeds", "first_seed", "smoke", "output", "resume", "beside_sim", "duration"])]
    pub(super) canaries: bool,
}

/// What every process of a cluster is told.
#[derive(Debug, Args)]
pub(super) struct ClusterArgs {
    /// The cluster's file, the same for all its nodes and for the driver
    #[arg(long, value_name = "FILE.toml")]
    pub(super) config: String,
    /// A file with the cluster's secret, 16 bytes or more; without it, the variable PACELC_SECRET
    #[arg(long, value_name = "FILE")]
    pub(super) secret_file: Option<PathBuf>,
}

const NODE_HELP: &str = "\
The file says which cluster it is (`cluster`), lists [[nodes]] with id, region, address and data_dir, and \
is otherwise a scenario: [[clients]], [workload], duration, warm_up, timeout and exactly one of [[modes]].
A node keeps its log in its data_dir and goes on from it when it is started again. Every driver's run \
begins with empty stores.
Connections are authenticated by the secret, if there is one, and not encrypted.";

#[derive(Debug, Args)]
#[command(after_help = NODE_HELP)]
pub(super) struct NodeArgs {
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    /// Which of the file's nodes this is
    #[arg(long, value_name = "ID")]
    pub(super) id: String,
    /// Where to listen, if that is not the node's address in the file
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) listen: Option<String>,
    /// Listen where other hosts can connect; needs a secret
    #[arg(long)]
    pub(super) allow_remote: bool,
}

#[derive(Debug, Args)]
pub(super) struct DriveArgs {
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    /// Runs per level, each under its own seed, which decides what is asked
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) seeds: u32,
    /// The first seed
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_name = "N")]
    pub(super) first_seed: u64,
    /// Where rows.jsonl, run.json, index.html and the others go
    #[arg(short, long, value_name = "DIR", default_value = "reports/latest")]
    pub(super) output: PathBuf,
    /// Go on with an interrupted run of the same command: levels that were finished are kept
    #[arg(long)]
    pub(super) resume: bool,
    /// Also write what the clients saw to this file, as JSON lines, for `pacelc check`; for one level and one
    /// seed
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) history: Option<PathBuf>,
    /// Run for this long instead of what the file says, warm-up included: `10m`, `90s`
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) duration: Option<Duration>,
    /// Also run every level and seed in virtual time, and show the two side by side; needs
    /// `inject_delays = true`, for else nobody knows the distances
    #[arg(long)]
    pub(super) beside_sim: bool,
    /// Print the rows as JSON lines instead of the table
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) not_driven: NotDrivenArgs,
}

/// What `run` takes and a driver cannot do, each with or without a value. It is refused with the reason.
#[derive(Debug, Args)]
pub(super) struct NotDrivenArgs {
    #[arg(long, hide = true, num_args = 0..=1)]
    world: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    transport: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    data_dir: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    simulated_disk: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    threads: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    fault: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    regions: Option<Option<String>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    smoke: Option<Option<String>>,
}

impl NotDrivenArgs {
    /// Why the first of them that was given has no place here.
    pub(super) fn refusal(&self) -> Option<String> {
        let told = [
            (&self.world, "--world", "a driver runs on its nodes"),
            (&self.transport, "--transport", "nodes speak TCP"),
            (&self.data_dir, "--data-dir", "each node's is in the cluster's file"),
            (&self.simulated_disk, "--simulated-disk", "nodes have disks of their own"),
            (&self.threads, "--threads", "real runs would disturb each other, so they take turns"),
            (
                &self.fault,
                "--fault",
                "a driver cannot bring about faults; kill or cut off processes",
            ),
            (&self.regions, "--regions", "nodes are where the cluster's file says"),
            (&self.smoke, "--smoke", "use --duration to make a run shorter"),
        ];
        let given = told.into_iter().find(|(value, ..)| value.is_some());
        given.map(|(_, flag, why)| format!("{flag} is for `pacelc run`: {why}"))
    }
}

#[derive(Debug, Args)]
pub(super) struct SwarmArgs {
    #[command(flatten)]
    pub(super) select: ScenarioArgs,
    /// Fault schedules for each cell, one a seed
    #[arg(short = 'n', long, allow_negative_numbers = true, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) schedules: u32,
    /// The first seed
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_name = "N")]
    pub(super) first_seed: u64,
    /// Threads; the output is the same for any number [default: one per core]
    #[arg(long, allow_negative_numbers = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Also fail where an acknowledged write is gone in the end, whatever is promised
    #[arg(long)]
    pub(super) lossless: bool,
    /// Write the first failure, shrunk, as a scenario
    #[arg(long, value_name = "FILE.toml")]
    pub(super) save: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// A folder that `run` wrote, or its rows.jsonl
    #[arg(value_name = "ROWS")]
    pub(super) rows: PathBuf,
    /// Where index.html goes [default: beside the rows]
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// Also write the PACELC plane alone, as an SVG picture
    #[arg(long, value_name = "FILE")]
    pub(super) plane: Option<PathBuf>,
    /// Also print the table as Markdown
    #[arg(long)]
    pub(super) markdown: bool,
}

#[derive(Debug, Args)]
pub(super) struct CmpArgs {
    /// One result, or the old and the new one
    #[arg(value_name = "ROWS", num_args = 1..=2, required = true)]
    pub(super) rows: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) filters: FilterArgs,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A cell's full name, as `pacelc list --cells` prints it
    #[arg(value_name = "CELL")]
    pub(super) cell: String,
    /// Which seed to replay
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_name = "N")]
    pub(super) seed: u64,
    /// Show this operation, by its number in the history, instead of typical ones
    #[arg(long, value_name = "N")]
    pub(super) op: Vec<u32>,
    /// A scenario file that holds the cell, if it is not built in
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<String>,
    #[command(flatten)]
    pub(super) ad_hoc: AdHocArgs,
    /// As for `run`
    #[arg(long, value_name = "REGIONS")]
    pub(super) regions: Option<String>,
    /// As for `run`: replay the cell as `run --smoke` shortens it
    #[arg(long)]
    pub(super) smoke: bool,
    /// Also write the whole history to this file, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub(super) history: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}
