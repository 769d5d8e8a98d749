//! Who distorts time: constant delays, whose latencies are known without any simulator.

use crate::fleet::{BETWEEN, CLIENTS, ECHO, FIVE, Fleet, LOCAL, Outcome, REGIONS};
use crate::ours::{self, PRIMARY_BACKUP, RAFT, Setting};
use crate::raft_rs::Ask;
use crate::{omni, over_turmoil, raft_rs};
use pacelc::catalog::Catalog;

/// Operations of an echo, and of a write; constants need few.
const ECHOES: u64 = 1_000;
const WRITES: u64 = 100 * CLIENTS as u64;

/// Median latencies in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whose.
    pub name: &'static str,
    /// One client, one node, 0.3 ms apart.
    pub echo: f64,
    /// The write among five, by the client's region; `None` where the engine cannot place it.
    pub write: Option<[f64; REGIONS]>,
}

/// What geometry says: there and back, and for a write the round trip from node 0 to the nearer of the
/// nodes in region b besides, which completes the majority.
pub fn truth() -> Row {
    let ms = |one_way: u64| one_way as f64 * 2e-6;
    let round = ms(BETWEEN[0][1]);
    let write = [LOCAL, BETWEEN[0][1], BETWEEN[0][2]].map(|client| ms(client) + round);
    Row { name: "true", echo: ms(ECHO), write: Some(write) }
}

fn row(name: &'static str, echo: &Outcome, write: &Outcome) -> Row {
    let medians = std::array::from_fn(|region| write.median_ms(region));
    Row { name, echo: echo.median_ms(0), write: Some(medians) }
}

/// Everybody's row, the truth first.
pub fn measure(catalog: &Catalog) -> Result<Vec<Row>, String> {
    let mut rows = vec![truth()];
    for (name, setting) in [("pacelc primary-backup, any 2", PRIMARY_BACKUP), ("pacelc raft", RAFT)]
    {
        let setting = Setting { jitter: false, operations: WRITES, ..setting };
        let echo = ours::run(catalog, &ours::echo_plan(setting.protocol, ECHOES)?, 1)?;
        let write = ours::run(catalog, &ours::plan(&setting)?, 1)?;
        rows.push(row(name, &echo, &write));
    }
    let (five, three, one) = (Fleet::spread(FIVE, false), Fleet::echo(3), Fleet::echo(1));
    rows.push(row(
        "turmoil 0.7.2, UDP",
        &over_turmoil::simulate(&one, ECHOES, 1)?,
        &over_turmoil::simulate(&five, WRITES, 1)?,
    ));
    #[cfg(madsim)]
    rows.push(Row {
        name: "madsim 0.2.34, Endpoint",
        echo: crate::over_madsim::simulate(&one, ECHO, ECHOES, 1)?.median_ms(0),
        write: None,
    });
    rows.push(row(
        "raft 0.7.0 in the plain loop",
        &raft_rs::simulate(&three, Ask::Write, ECHOES, 1)?,
        &raft_rs::simulate(&five, Ask::Write, WRITES, 1)?,
    ));
    rows.push(row(
        "omnipaxos 0.2.4 in the plain loop",
        &omni::simulate(&three, ECHOES, 1)?,
        &omni::simulate(&five, WRITES, 1)?,
    ));
    Ok(rows)
}

/// Prints them.
pub fn print(rows: &[Row]) {
    println!("| engine | echo | write from a | from b | from c |");
    println!("|---|---:|---:|---:|---:|");
    for Row { name, echo, write } in rows {
        match write {
            Some([a, b, c]) => println!("| {name} | {echo:.3} | {a:.2} | {b:.2} | {c:.2} |"),
            None => println!("| {name} | {echo:.3} | | | |"),
        }
    }
}
