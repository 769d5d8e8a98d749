//! What a protocol costs by the clock on the wall: latency by mode and injected round trip, and throughput where
//! nothing is injected, over TCP on loopback, in memory, and at one node that must only reach its disk.
//!
//! Beside the figures of the simulated world these show what real sockets, tasks and disks add; which of them
//! limits is read from the three columns of the second table. criterion keeps the headline.

use criterion::Criterion;
use pacelc::catalog::Catalog;
use pacelc::history::{History, Status};
use pacelc::op::OpKind;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, Source, load};
use pacelc::time::Duration;
use pacelc::world::live::Options;

/// Modes, as a scenario has them, each with its level.
const MODES: [(&str, &str, &str); 4] = [
    ("raft", "{}", "linearizable"),
    ("raft", "{}", "eventual-nearest"),
    ("primary-backup", "{ acknowledge = \"async\" }", "linearizable"),
    ("primary-backup", "{ acknowledge = \"any 1\" }", "linearizable"),
];
const RTTS_MS: [u32; 4] = [0, 10, 50, 100];
const CLIENTS: [u32; 3] = [1, 16, 256];

/// So many nodes, this far apart, and clients beside the first, one operation after the other.
fn plan(
    (protocol, config, level): (&str, &str, &str),
    (nodes, rtt_ms): (usize, u32),
    clients: u32,
    operations: u64,
    read: f64,
) -> Plan {
    let places = ["a", "b", "c"];
    let replicas: Vec<String> = places[..nodes].iter().map(|at| format!("\"{at}\"")).collect();
    let replicas = replicas.join(", ");
    let update = 1.0 - read;
    let text = format!(
        r#"
        question = "What does it cost by the clock on the wall?"
        analysis = "A benchmark."
        regions = {{ symmetric = true, intra_az_rtt_ms = 0, cross_az_rtt_ms = 0, rtt_ms = {{ a = {{ b = {rtt_ms}, c = {rtt_ms} }}, b = {{ c = {rtt_ms} }} }} }}
        replicas = [{replicas}]
        operations = {operations}
        warm_up = "0ms"
        timeout = "10s"
        clients = [{{ region = "a", sessions = {clients} }}]
        workload = {{ read = {read}, update = {update}, records = 1000, keys = "uniform", arrivals = "closed" }}
        [[modes]]
        name = "mode"
        protocol = "{protocol}"
        config = {config}
        levels = ["{level}"]
        "#
    );
    let source = Source::new("live.toml", &text);
    let scenario = load(&source, &Catalog::builtin(), &Overrides::default());
    scenario.expect("the scenario is valid").plans.remove(0)
}

fn run(plan: &Plan, seed: u64, tcp: bool) -> Result<History, String> {
    let catalog = Catalog::builtin();
    let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
    entry.live(plan, seed, &Options { tcp, ..Options::default() }).map(|run| run.history)
}

/// What answered operations of a kind took, sorted; those before the first leader are left out.
fn latencies(history: &History, kind: OpKind) -> Vec<Duration> {
    let answered = history.operations.iter().filter(|op| op.status == Status::Ok);
    let settled = answered.skip(10).filter(|op| op.kind == kind);
    let mut times: Vec<Duration> = settled.map(|op| op.completed.since(op.invoked)).collect();
    times.sort_unstable();
    times
}

/// Acknowledged operations per second, from the tenth answer to the last.
fn throughput(history: &History) -> f64 {
    let mut ends: Vec<u64> = history.operations.iter().map(|op| op.completed.0).collect();
    ends.sort_unstable();
    let (first, last) = (ends[10.min(ends.len() - 1)], ends[ends.len() - 1]);
    (ends.len() as f64 - 11.0) / Duration(last - first).as_secs()
}

fn by_distance() {
    println!("over TCP on loopback; p50 / p99 in ms, by injected round trip");
    print!("{:42}", "");
    RTTS_MS.iter().for_each(|rtt| print!("{:>18}", format!("{rtt} ms")));
    println!();
    for mode in MODES {
        for kind in [OpKind::Read, OpKind::Write] {
            print!("{:42}", format!("{} {} {} {kind}", mode.0, mode.1, mode.2));
            for rtt in RTTS_MS {
                let operations = if rtt < 50 { 200 } else { 60 };
                let plan = plan(mode, (3, rtt), 1, operations, 0.5);
                let figures = run(&plan, 1, true).map(|history| latencies(&history, kind));
                let figures = figures.map(|all| {
                    let at = |share: f64| all[(all.len() as f64 * share) as usize].as_ms();
                    format!("{:.2} / {:.2}", at(0.5), at(0.99))
                });
                print!("{:>18}", figures.unwrap_or_else(|why| why));
            }
            println!();
        }
    }
}

fn by_clients() {
    println!("\nwrites per second where nothing is injected");
    println!(
        "{:>8} {:>14} {:>16} {:>22}",
        "clients", "raft, TCP", "raft, in memory", "one node and its disk"
    );
    let alone = ("primary-backup", "{ acknowledge = \"async\" }", "linearizable");
    for clients in CLIENTS {
        let operations = 4_000 * u64::from(clients.min(16));
        let figure = |mode, nodes, tcp| {
            let history = run(&plan(mode, (nodes, 0), clients, operations, 0.0), 1, tcp);
            history.map_or_else(|why| why, |history| format!("{:.0}", throughput(&history)))
        };
        let three = [figure(MODES[0], 3, true), figure(MODES[0], 3, false), figure(alone, 1, true)];
        println!("{clients:>8} {:>14} {:>16} {:>22}", three[0], three[1], three[2]);
    }
}

/// The median write of Raft over TCP, as criterion counts: so many operations, and what they took.
fn headline() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(100))
        .measurement_time(std::time::Duration::from_secs(1))
        .configure_from_args();
    let mut seed = 0;
    criterion.bench_function("live/raft write over TCP, 10 ms apart", |bencher| {
        bencher.iter_custom(|operations| {
            seed += 1;
            let plan = plan(MODES[0], (3, 10), 1, operations + 20, 0.0);
            let history = run(&plan, seed, true).expect("the run ends");
            let times = latencies(&history, OpKind::Write);
            let median = times[times.len() / 2].0;
            // What criterion divides by the number of operations again.
            std::time::Duration::from_nanos(median.saturating_mul(operations))
        });
    });
    criterion.final_summary();
}

fn main() {
    // `cargo bench -- --test` and `cargo test --benches` only ask whether it runs.
    if std::env::args().any(|argument| argument == "--test") {
        let history = run(&plan(MODES[0], (3, 10), 1, 30, 0.5), 1, true).expect("the run ends");
        assert!(!latencies(&history, OpKind::Write).is_empty());
        return;
    }
    by_distance();
    by_clients();
    headline();
}
