//! What judging costs: operations per second of one core, and bytes per operation, both in one table
//! at the end.
//!
//! The histories are made here, by a store that does every operation at an instant between its
//! ends: registers with unique writes on one key and on ten thousand, with and without unknown
//! outcomes, and one of the shape of merged Jepsen registers, whose values repeat so that it must
//! be searched. The last line compares judging with simulating: the runs of a built-in cell are
//! simulated, judged as they were recorded, and judged once more as anybody's.

use criterion::{BenchmarkId, Criterion, Throughput};
use pacelc::analysis;
use pacelc::catalog::Catalog;
use pacelc::foreign::{
    Action, Builder, Condition, History, INITIAL, Limits, NEVER, Operation, Outcome, judge, read,
};
use pacelc::guarantee::Guarantee;
use pacelc::history;
use pacelc::scenario::{Overrides, builtin, load};
use std::time::Duration;

const CLIENTS: u64 = 64;
/// Ticks between the instants at which two operations take effect.
const PACE: u64 = 1_000;

/// What kind of history.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    operations: u64,
    keys: u64,
    /// Of a hundred operations, how many end in an unknown outcome.
    unknown: u64,
    /// Values are written once, or drawn from so many.
    values: Option<u64>,
}

const SHAPES: [Shape; 5] = [
    Shape { name: "one key", operations: 10_000_000, keys: 1, unknown: 0, values: None },
    Shape { name: "10,000 keys", operations: 10_000_000, keys: 10_000, unknown: 0, values: None },
    Shape { name: "1 % unknown", operations: 10_000_000, keys: 10_000, unknown: 1, values: None },
    Shape {
        name: "1 % repeated",
        operations: 1_000_000,
        keys: 10_000,
        unknown: 1,
        values: Some(50),
    },
    Shape { name: "merged", operations: 9_882, keys: 125, unknown: 9, values: Some(5) },
];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }
}

fn make(shape: Shape) -> History {
    let mut dice = Dice(shape.operations ^ shape.keys);
    let mut builder = Builder::new("null");
    builder.reserve(shape.operations as usize);
    let keys: Vec<u32> = (0..shape.keys).map(|k| builder.key(&k.to_string())).collect();
    let mut state = vec![INITIAL; keys.len()];
    let mut lives = [0; CLIENTS as usize];
    // A client's turn comes every so often, and half of that is left on either side.
    let room = CLIENTS * PACE / 2 - 1;
    for n in 0..shape.operations {
        let (client, point) = (n % CLIENTS, (n + CLIENTS) * PACE);
        let key = keys[dice.below(shape.keys) as usize];
        let held = &mut state[key as usize];
        let written = |builder: &mut Builder, dice: &mut Dice| match shape.values {
            None => builder.value(&n.to_string()),
            Some(values) => builder.value(&dice.below(values).to_string()),
        };
        let action = match (dice.below(4), shape.values) {
            (0 | 1, _) => Action::Read,
            (2, Some(_)) => Action::Cas,
            _ => Action::Write,
        };
        let mut operation = Operation {
            invoked: point - dice.below(room),
            completed: point + dice.below(room),
            process: builder.process(&format!("{client}/{}", lives[client as usize])),
            key,
            value: *held,
            expected: INITIAL,
            line: 0,
            action,
            outcome: Outcome::Ok,
            swapped: false,
        };
        if action != Action::Read {
            operation.value = written(&mut builder, &mut dice);
            if action == Action::Cas {
                operation.expected = written(&mut builder, &mut dice);
                operation.swapped = operation.expected == *held;
            }
            if action == Action::Write || operation.swapped {
                *held = operation.value;
            }
        }
        if dice.below(100) < shape.unknown {
            (operation.completed, operation.outcome) = (NEVER, Outcome::Unknown);
            lives[client as usize] += 1;
        }
        builder.push(operation);
    }
    builder.finish().expect("clients do one thing at a time")
}

/// Seconds that one judgement takes, for the table at the end; criterion's figures carry intervals.
fn once(judged: impl Fn()) -> f64 {
    once_with(judged)
}

/// The same of what changes something.
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a bench measures the machine it runs on"
)]
fn once_with(judged: impl FnOnce()) -> f64 {
    let begun = std::time::Instant::now();
    judged();
    begun.elapsed().as_secs_f64()
}

/// The cell whose runs are simulated and judged, and how many runs.
const CELL: (&str, &str) = ("aws-three-regions", "aws-three-regions/raft/linearizable");
const RUNS: u64 = 20;

/// What judging costs beside simulating, in time, for the same operations.
fn beside_simulating() {
    let catalog = Catalog::builtin();
    let source = builtin().into_iter().find(|source| source.name == CELL.0).expect("built in");
    let scenario = load(&source, &catalog, &Overrides::default()).expect("it is valid");
    let plans = scenario.plans.into_iter();
    let plan = { plans }.find(|plan| plan.name.to_string() == CELL.1).expect("a cell");
    let protocol = catalog.find(&plan.protocol).expect("a built-in protocol");
    let (mut simulating, mut ours, mut anybodys, mut operations) = (0.0, 0.0, 0.0, 0);
    for seed in 1..=RUNS {
        let mut run = None;
        simulating += once_with(|| run = protocol.simulate(&plan, seed, None).ok());
        let recorded = run.expect("it runs").history;
        operations += recorded.operations.len();
        ours += once(|| {
            let verdict = analysis::judge(&recorded, Guarantee::Linearizable);
            assert_eq!(verdict, analysis::Verdict::Holds);
        });
        let mut bytes = Vec::new();
        history::write(&recorded, &mut bytes).expect("memory takes it");
        let theirs = read(&bytes[..], "ours", None, &serde_json::Value::Null).expect("a history");
        anybodys += once(|| {
            assert!(judge(&theirs, Condition::Linearizable, &Limits::default()).holds());
        });
    }
    println!(
        "\njudging beside simulating, {operations} operations of {}: simulated in {simulating:.3} s; \
         judged as recorded in {:.3} of that, as anybody's in {:.3} (at most 0.250)",
        CELL.1,
        ours / simulating,
        anybodys / simulating
    );
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("linearizable");
    group.sample_size(10).warm_up_time(Duration::from_secs(1));
    let mut memory = Vec::new();
    for shape in SHAPES {
        let history = make(shape);
        let judged = || {
            let verdict = judge(&history, Condition::Linearizable, &Limits::default());
            assert!(verdict.holds(), "{}: {verdict:?}", shape.name);
        };
        group.throughput(Throughput::Elements(shape.operations));
        group.bench_function(BenchmarkId::from_parameter(shape.name), |bench| {
            bench.iter(judged);
        });
        let seconds = once(judged);
        let most = allocation_counter::measure(judged).bytes_max;
        memory.push((shape, seconds, history.bytes(), most));
    }
    group.finish();
    println!(
        "\n{:16} {:>12} {:>8}   bytes/operation: {:>7} {:>7} {:>6}",
        "", "operations/s", "keys", "history", "judging", "all"
    );
    for (shape, seconds, held, most) in memory {
        let each = |bytes: u64| bytes as f64 / shape.operations as f64;
        let (held, most) = (each(held), each(most));
        println!(
            "{:16} {:>12.0} {:>8} {:>26.1} {most:>7.1} {:>6.1}",
            shape.name,
            shape.operations as f64 / seconds,
            shape.keys,
            held,
            held + most
        );
    }
    beside_simulating();
}
