//! Other simulators and consensus crates beside pacelc, on the same workload.
//!
//! Two tables go to the standard output: what a second of one core gets done, and what latency each
//! engine reports where the true one is known. Figures, not assertions; README.md says what they mean.

mod contest;
mod des;
mod fleet;
mod omni;
mod ours;
#[cfg(madsim)]
mod over_madsim;
mod over_turmoil;
mod raft_rs;
#[path = "../../quorum_loop/ten.rs"]
mod ten;
#[cfg(test)]
mod tests;
mod truth;

use contest::Contestant;
use fleet::{FIVE, Fleet, Outcome, THREE};
use ours::{PRIMARY_BACKUP, RAFT, Setting, TEN, TEN_STILL};
use pacelc::catalog::Catalog;
use raft_rs::Ask;
use std::process::ExitCode;
use ten::Ten;

/// Operations per run of what takes a microsecond or a few each.
const OPERATIONS: u64 = PRIMARY_BACKUP.operations;
/// The simulators take more; their figure is per operation all the same.
const FEWER: u64 = 20_000;

const SIMULATORS: &str = "quorum write, n=5";
const WRITE_3: &str = "consensus write, n=3";
const WRITE_5: &str = "consensus write, n=5";
const READ_5: &str = "ReadIndex read, n=5";

/// pacelc on a task twice: a whole run, and one that is only simulated and recorded.
fn pacelc<'a>(
    catalog: &'a Catalog,
    task: &'static str,
    [name, bare_name]: [&'static str; 2],
    [label, bare_label]: [&'static str; 2],
    setting: &Setting,
) -> Result<[Contestant<'a>; 2], String> {
    let plan = ours::plan(setting)?;
    let bare_plan = plan.clone();
    let run = Box::new(move |seed| ours::run(catalog, &plan, seed));
    let bare = Box::new(move |seed| ours::simulate(catalog, &bare_plan, seed));
    Ok([
        Contestant { task, name, ours: Some(label), run },
        Contestant { task, name: bare_name, ours: Some(bare_label), run: bare },
    ])
}

fn raft<'a>(
    catalog: &'a Catalog,
    task: &'static str,
    setting: &Setting,
) -> Result<[Contestant<'a>; 2], String> {
    let names = ["pacelc raft, full run", "pacelc raft, bare"];
    pacelc(catalog, task, names, ["raft", "raft bare"], setting)
}

fn peer<'a>(
    task: &'static str,
    name: &'static str,
    run: impl Fn(u64) -> Result<Outcome, String> + 'a,
) -> Contestant<'a> {
    Contestant { task, name, ours: None, run: Box::new(run) }
}

fn speeds(catalog: &Catalog, wanted: Option<&str>) -> Result<(), String> {
    let (plain, five) = (Fleet::spread(FIVE, false), Fleet::spread(FIVE, true));
    let three = Fleet::spread(THREE, true);
    let raft_rs = |fleet, ask| move |seed| raft_rs::simulate(fleet, ask, OPERATIONS, seed);
    let omnipaxos = |fleet| move |seed| omni::simulate(fleet, OPERATIONS, seed);
    let backup = ["pacelc primary-backup, full run", "pacelc primary-backup, bare"];
    let labels = ["backup", "backup bare"];

    let mut all = Vec::new();
    for (name, label, setting) in [
        ("pacelc, ten messages", "ten", TEN),
        ("pacelc, ten messages, no jitter", "ten still", TEN_STILL),
    ] {
        let plan = ours::plan(&setting)?;
        let run = Box::new(move |seed| ours::simulate(catalog, &plan, seed));
        all.push(Contestant { task: SIMULATORS, name, ours: Some(label), run });
    }
    all.extend(pacelc(catalog, SIMULATORS, backup, labels, &PRIMARY_BACKUP)?);
    all.extend(raft(catalog, SIMULATORS, &RAFT)?);
    all.push(peer(SIMULATORS, "turmoil 0.7.2, UDP", |seed| {
        over_turmoil::simulate(&plain, FEWER, seed)
    }));
    #[cfg(madsim)]
    all.push(peer(SIMULATORS, "madsim 0.2.34, Endpoint", |seed| {
        over_madsim::simulate(&plain, over_madsim::FLAT, FEWER, seed)
    }));
    all.extend(raft(catalog, WRITE_3, &Setting { places: THREE, ..RAFT })?);
    all.push(peer(WRITE_3, "raft 0.7.0", raft_rs(&three, Ask::Write)));
    all.push(peer(WRITE_3, "omnipaxos 0.2.4", omnipaxos(&three)));
    all.extend(raft(catalog, WRITE_5, &RAFT)?);
    all.push(peer(WRITE_5, "raft 0.7.0", raft_rs(&five, Ask::Write)));
    all.push(peer(WRITE_5, "omnipaxos 0.2.4", omnipaxos(&five)));
    all.extend(raft(catalog, READ_5, &Setting { reads: true, ..RAFT })?);
    all.push(peer(READ_5, "raft 0.7.0, Safe", raft_rs(&five, Ask::Read)));

    all.retain(|one| wanted.is_none_or(|w| one.name.contains(w) || one.task.contains(w)));
    let figures = contest::interleaved(&all);
    contest::print(&all, &figures);
    Ok(())
}

fn all(wanted: Option<&str>) -> Result<(), String> {
    let catalog = Catalog::builtin().with::<Ten>();
    println!("Speed: one core, {} interleaved rounds, medians.\n", contest::ROUNDS);
    speeds(&catalog, wanted)?;
    println!("\nTime: the median latency in ms that each reports, without jitter.\n");
    truth::print(&truth::measure(&catalog)?);
    if cfg!(not(madsim)) {
        println!("\nmadsim is left out: it simulates only under --cfg madsim, see README.md.");
    }
    Ok(())
}

/// `peers [TEXT]`: only those whose name or task contains the text.
fn main() -> ExitCode {
    match all(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
