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
#[cfg(test)]
mod tests;
mod truth;

use contest::Contestant;
use fleet::{FIVE, Fleet, THREE};
use ours::{PRIMARY_BACKUP, RAFT, Setting};
use pacelc::catalog::Catalog;
use raft_rs::Ask;
use std::process::ExitCode;

/// Operations per run of what takes a microsecond or a few each.
const OPERATIONS: u64 = PRIMARY_BACKUP.operations;
/// The simulators take more; their figure is per operation all the same.
const FEWER: u64 = 20_000;

const SIMULATORS: &str = "quorum write, n=5";
const WRITE_3: &str = "consensus write, n=3";
const WRITE_5: &str = "consensus write, n=5";
const READ_5: &str = "ReadIndex read, n=5";

fn pacelc<'a>(
    catalog: &'a Catalog,
    task: &'static str,
    name: &'static str,
    setting: &Setting,
) -> Result<Contestant<'a>, String> {
    let plan = ours::plan(setting)?;
    let run = Box::new(move |seed| ours::run(catalog, &plan, seed));
    Ok(Contestant { task, name, ours: true, run })
}

fn peer<'a>(
    task: &'static str,
    name: &'static str,
    run: impl Fn(u64) -> Result<fleet::Outcome, String> + 'a,
) -> Contestant<'a> {
    Contestant { task, name, ours: false, run: Box::new(run) }
}

fn speeds(catalog: &Catalog) -> Result<(), String> {
    let plain = Fleet::spread(FIVE, false);
    let five = Fleet::spread(FIVE, true);
    let three = Fleet::spread(THREE, true);
    let raft_of_3 = Setting { places: THREE, ..RAFT };
    let reading_raft = Setting { reads: true, ..RAFT };
    let contestants = [
        pacelc(catalog, SIMULATORS, "pacelc primary-backup, any 2", &PRIMARY_BACKUP)?,
        pacelc(catalog, SIMULATORS, "pacelc raft", &RAFT)?,
        peer(SIMULATORS, "turmoil 0.7.2, UDP", |seed| {
            over_turmoil::simulate(&plain, FEWER, seed)
        }),
        #[cfg(madsim)]
        peer(SIMULATORS, "madsim 0.2.34, Endpoint", |seed| {
            over_madsim::simulate(&plain, over_madsim::FLAT, FEWER, seed)
        }),
        pacelc(catalog, WRITE_3, "pacelc raft", &raft_of_3)?,
        peer(WRITE_3, "raft 0.7.0", |seed| {
            raft_rs::simulate(&three, Ask::Write, OPERATIONS, seed)
        }),
        peer(WRITE_3, "omnipaxos 0.2.4", |seed| omni::simulate(&three, OPERATIONS, seed)),
        pacelc(catalog, WRITE_5, "pacelc raft", &RAFT)?,
        peer(WRITE_5, "raft 0.7.0", |seed| {
            raft_rs::simulate(&five, Ask::Write, OPERATIONS, seed)
        }),
        peer(WRITE_5, "omnipaxos 0.2.4", |seed| omni::simulate(&five, OPERATIONS, seed)),
        pacelc(catalog, READ_5, "pacelc raft", &reading_raft)?,
        peer(READ_5, "raft 0.7.0, Safe", |seed| {
            raft_rs::simulate(&five, Ask::Read, OPERATIONS, seed)
        }),
    ];
    let figures = contest::interleaved(&contestants);
    contest::print(&contestants, &figures);
    Ok(())
}

fn all() -> Result<(), String> {
    let catalog = Catalog::builtin();
    println!("Speed: one core, {} interleaved rounds, medians.\n", contest::ROUNDS);
    speeds(&catalog)?;
    println!("\nTime: the median latency in ms that each reports, without jitter.\n");
    truth::print(&truth::measure(&catalog)?);
    if cfg!(not(madsim)) {
        println!("\nmadsim is left out: it simulates only under --cfg madsim, see README.md.");
    }
    Ok(())
}

fn main() -> ExitCode {
    match all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
