//! What the simulator costs: events and operations per second of one core, beside what else could have
//! been used.
//!
//! One workload for all: five nodes in three regions, 64 closed-loop clients, a write that waits for
//! three of five, ten messages each, lognormal jitter on every link. The reference is the plainest loop
//! that does it: a std `BinaryHeap` of tuples. Contestants take turns in one process, so that the
//! machine's moods meet all of them alike; the ratios are what counts.

mod quorum_loop;

use criterion::{Criterion, Throughput};
use pacelc::analysis;
use pacelc::catalog::{Catalog, ProtocolEntry};
use pacelc::op::Object;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, Source, load};
use quorum_loop::{Geography, Ten, our_queue, paused_tokio, reference};
use std::hint::black_box;

/// Operations of one measured run.
const OPERATIONS: u64 = 100_000;
/// tokio is slower; its figure is per operation all the same.
const TOKIO_OPERATIONS: u64 = 10_000;
const ROUNDS: usize = 5;

/// The workload as a scenario; `{...}` is filled in.
const SCENARIO: &str = r#"
question = "What does the simulator cost?"
analysis = "The workload of the engine benchmark."
regions = "three.toml"
replicas = [{replicas}]
operations = {operations}
warm_up = "0ms"

[link]
jitter_factor = { lognormal = { median = 1.0, sigma = 0.1 } }

[workload]
read = 0.0
update = 1.0
records = 1000
keys = "uniform"
arrivals = "closed"

{clients}

[[modes]]
name = "mode"
protocol = "{protocol}"
config = {config}
levels = ["{level}"]
"#;

const MATRIX: &str = r#"
symmetric = true
intra_az_rtt_ms = 0.5
cross_az_rtt_ms = 0.5
[rtt_ms.a]
b = 30.0
c = 80.0
[rtt_ms.b]
c = 90.0
"#;

/// What is run: a protocol's name, its settings and a level.
type Mode<'a> = (&'a str, &'a str, &'a str);

const BACKUP: Mode<'_> = ("primary-backup", "{ acknowledge = \"any 2\" }", "linearizable");
/// The reference loop's messages as a protocol.
const TEN: Mode<'_> = ("ten-messages", "{}", "linearizable");
const RAFT: Mode<'_> = ("raft", "{ eager_commit = false }", "linearizable");

fn plan(
    (protocol, config, level): Mode<'_>,
    nodes: usize,
    clients: usize,
    operations: u64,
) -> Plan {
    let dir = std::env::temp_dir().join(format!("pacelc-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a temporary folder");
    std::fs::write(dir.join("three.toml"), MATRIX).expect("the matrix is written");
    // Two of five nodes in a, two in b, one in c, and so on for more.
    let places = ["a", "a", "b", "b", "c"];
    let replicas: Vec<String> = (0..nodes).map(|i| format!("\"{}\"", places[i % 5])).collect();
    let groups = ["a", "b", "c"].iter().enumerate().map(|(i, region)| {
        let sessions = clients / 3 + usize::from(i < clients % 3);
        format!("[[clients]]\nregion = \"{region}\"\nsessions = {sessions}\n")
    });
    let text = SCENARIO
        .replace("{replicas}", &replicas.join(", "))
        .replace("{operations}", &operations.to_string())
        .replace("{clients}", &groups.collect::<String>())
        .replace("{protocol}", protocol)
        .replace("{config}", config)
        .replace("{level}", level);
    let file = dir.join("engine.toml");
    std::fs::write(&file, text).expect("the scenario is written");
    let source = Source::open(file.to_str().expect("UTF-8")).expect("it opens");
    let mut scenario = load(&source, &Catalog::builtin().with::<Ten>(), &Overrides::default())
        .expect("the scenario is valid");
    std::fs::remove_dir_all(&dir).expect("the temporary folder goes");
    scenario.plans.remove(0)
}

/// A whole run as the suite does it: simulate, record, judge, measure. Returns the events.
fn full_run(catalog: &Catalog, plan: &Plan, seed: u64) -> u64 {
    let protocol = catalog.find(&plan.protocol).expect("a built-in protocol");
    let run = protocol.simulate(plan, seed, None).expect("it runs");
    let offer = protocol.offer(&plan.config, plan.name.level).expect("a level it offers");
    let summary = analysis::summarize(
        &run.history,
        &analysis::Context {
            promise: offer.promise,
            timeout: plan.timeout,
            regions: plan.regions.clone(),
        },
    );
    black_box(summary);
    run.events
}

/// The same without judging and measuring. Returns the events.
fn engine_run(catalog: &Catalog, plan: &Plan, seed: u64) -> u64 {
    let protocol = catalog.find(&plan.protocol).expect("a built-in protocol");
    black_box(protocol.simulate(plan, seed, None).expect("it runs")).events
}

struct Contestant<'a> {
    name: &'static str,
    operations: u64,
    run: Box<dyn Fn(u64) -> u64 + 'a>,
}

/// Seconds of one call, by the wall.
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "benches measure real time")]
fn timed(call: impl FnOnce() -> u64) -> (f64, u64) {
    let start = std::time::Instant::now();
    let result = call();
    (start.elapsed().as_secs_f64(), result)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Takes turns and prints medians, with ratios to the first.
fn interleaved(contestants: &[Contestant<'_>]) {
    let mut seconds = vec![Vec::new(); contestants.len()];
    let mut events = vec![0; contestants.len()];
    for round in 0..=ROUNDS as u64 {
        for (i, contestant) in contestants.iter().enumerate() {
            let (took, count) = timed(|| (contestant.run)(round));
            // The first round warms up.
            if round > 0 {
                seconds[i].push(took / contestant.operations as f64);
            }
            events[i] = count;
        }
    }
    println!("\n{:44} {:>10} {:>10} {:>12}", "contestant", "kops/s", "ns/event", "x reference");
    let medians: Vec<f64> = seconds.into_iter().map(median).collect();
    for (i, contestant) in contestants.iter().enumerate() {
        println!(
            "{:44} {:>10.0} {:>10.0} {:>12.2}",
            contestant.name,
            1e-3 / medians[i],
            medians[i] * contestant.operations as f64 / events[i] as f64 * 1e9,
            medians[0] / medians[i],
        );
    }
    println!();
}

fn contest(catalog: &Catalog, geography: &Geography) {
    let ten = plan(TEN, 5, 64, OPERATIONS);
    let backup = plan(BACKUP, 5, 64, OPERATIONS);
    let raft = plan(RAFT, 5, 64, OPERATIONS);
    let crowd = plan(RAFT, 5, 10_000, OPERATIONS);
    let half = ("primary-backup", "{ acknowledge = \"any 50\" }", "linearizable");
    let many = plan(half, 100, 64, OPERATIONS / 20);
    let contestant = |name, operations, run| Contestant { name, operations, run };
    interleaved(&[
        contestant(
            "reference: std BinaryHeap, tuples",
            OPERATIONS,
            Box::new(|seed| reference(geography, seed, OPERATIONS)),
        ),
        contestant(
            "our queue, same loop",
            OPERATIONS,
            Box::new(|seed| our_queue(geography, seed, OPERATIONS)),
        ),
        contestant(
            "simulator, the same ten messages",
            OPERATIONS,
            Box::new(|seed| engine_run(catalog, &ten, seed)),
        ),
        contestant(
            "  with verdict, latency and staleness",
            OPERATIONS,
            Box::new(|seed| full_run(catalog, &ten, seed)),
        ),
        contestant(
            "simulator, primary-backup, any 2 of 4",
            OPERATIONS,
            Box::new(|seed| engine_run(catalog, &backup, seed)),
        ),
        contestant(
            "  with verdict, latency and staleness",
            OPERATIONS,
            Box::new(|seed| full_run(catalog, &backup, seed)),
        ),
        contestant(
            "simulator, raft of 5",
            OPERATIONS,
            Box::new(|seed| engine_run(catalog, &raft, seed)),
        ),
        contestant(
            "  with verdict, latency and staleness",
            OPERATIONS,
            Box::new(|seed| full_run(catalog, &raft, seed)),
        ),
        contestant(
            "simulator, raft of 5, 10,000 clients",
            OPERATIONS,
            Box::new(|seed| engine_run(catalog, &crowd, seed)),
        ),
        contestant(
            "simulator, 100 nodes, any 50",
            OPERATIONS / 20,
            Box::new(|seed| engine_run(catalog, &many, seed)),
        ),
        contestant(
            "tokio, paused clock, sleep per message",
            TOKIO_OPERATIONS,
            Box::new(|seed| paused_tokio(geography, seed, TOKIO_OPERATIONS)),
        ),
    ]);
}

/// The most memory this process ever had resident, in kB, where the system says.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// What the engine needs by itself; then what runs of two lengths need: the cluster, its clients and the
/// program; and, apart from these, the history and what judges it, which grow with every operation.
fn print_memory(catalog: &Catalog, geography: &Geography) {
    our_queue(geography, 0, OPERATIONS);
    if let Some(bare) = peak_memory() {
        println!(
            "peak memory with 64 clients: {bare} kB for {OPERATIONS} operations of the bare engine"
        );
    }
    let peak = |operations| {
        full_run(catalog, &plan(BACKUP, 5, 64, operations), 0);
        peak_memory()
    };
    let (Some(few), Some(many)) = (peak(OPERATIONS / 10), peak(OPERATIONS)) else { return };
    let bytes = (many - few) * 1024 / (OPERATIONS - OPERATIONS / 10);
    println!(
        "peak memory with 64 clients: {few} kB after a whole run of {} operations, {many} kB after \
         {OPERATIONS}; {bytes} bytes per operation",
        OPERATIONS / 10
    );
}

/// A protocol under its smallest settings, at the first of the levels it then offers.
fn strongest(entry: &ProtocolEntry) -> (String, String) {
    let (level, _) = entry.levels().into_iter().next().expect("every protocol offers a level");
    (format!("{{ {} }}", entry.plain), level.to_string())
}

fn main() {
    let catalog = Catalog::builtin().with::<Ten>();
    let geography = Geography::new(64);
    print_memory(&catalog, &geography);
    contest(&catalog, &geography);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(OPERATIONS));
    let mut seed = 0;
    group.bench_function("reference", |b| {
        b.iter(|| {
            seed += 1;
            reference(&geography, seed, OPERATIONS)
        });
    });
    // The workload writes registers, which not every protocol keeps.
    let protocols = Catalog::builtin();
    let keep =
        protocols.protocols().iter().filter(|entry| entry.objects().contains(&Object::Register));
    for entry in keep {
        let (config, level) = strongest(entry);
        let plan = plan((entry.name, &config, &level), 5, 64, OPERATIONS);
        group.bench_function(format!("{} {level}", entry.name), |b| {
            b.iter(|| {
                seed += 1;
                full_run(&catalog, &plan, seed)
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
