//! A merge function of the user's own: one that does what a built-in rule does is that rule, byte for byte, and
//! any other converges too.

use crate::common::swarm::perturbed;
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Status};
use pacelc::op::{Object, OpKind, Update};
use pacelc::protocol::multi_leader::{Merge, Merging};
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, Source, load};

const SEEDS: u64 = 40;

/// What the built-in rule does.
struct Union;

impl Merge for Union {
    const NAME: &'static str = "own-union";
    const ABOUT: &'static str = "Carts whose siblings are read as their union.";
    const OBJECTS: &'static [Object] = &[Object::Set];
    const KEEPS_ALL: bool = true;
    fn merge(one: u64, other: u64) -> u64 {
        one | other
    }
}

/// The highest of all: a score, of which nobody wants the sum.
struct Highest;

impl Merge for Highest {
    const NAME: &'static str = "own-highest";
    const ABOUT: &'static str = "Counters written whole, of which the highest is read.";
    const OBJECTS: &'static [Object] = &[Object::Counter];
    const KEEPS_ALL: bool = false;
    fn merge(one: u64, other: u64) -> u64 {
        (one as i64).max(other as i64) as u64
    }
}

/// Not even commutative: what was written last, and half of what was written before.
struct Odd;

impl Merge for Odd {
    const NAME: &'static str = "own-odd";
    const ABOUT: &'static str = "Sets of which the one before is folded to the left.";
    const OBJECTS: &'static [Object] = &[Object::Set];
    const KEEPS_ALL: bool = false;
    fn merge(one: u64, other: u64) -> u64 {
        one ^ other.rotate_left(7)
    }
}

fn catalog() -> Catalog {
    Catalog::builtin().with::<Merging<Union>>().with::<Merging<Highest>>().with::<Merging<Odd>>()
}

fn loaded(protocol: &str, config: &str, object: &str) -> Result<Plan, String> {
    let text = format!(
        r#"
        question = "Do replicas agree?"
        analysis = "Three regions update few keys."
        regions = "aws"
        replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
        operations = 300
        clients = [
            {{ region = "us-east-1", sessions = 3 }},
            {{ region = "eu-west-1", sessions = 3 }},
            {{ region = "ap-southeast-1", sessions = 3 }},
        ]
        [workload]
        read = 0.5
        update = 0.5
        records = 5
        object = "{object}"
        arrivals = "closed"
        think_ms = {{ exponential = {{ mean = 20 }} }}
        [[modes]]
        protocol = "{protocol}"
        config = {{ {config} }}
        levels = ["eventual-nearest"]
        "#
    );
    let source = Source::new("own.toml", &text);
    let loaded = load(&source, &catalog(), &Overrides::default());
    Ok(loaded.map_err(|error| error.to_string())?.plans.remove(0))
}

/// The plan in this seed's weather, which is that of the built-in protocol beside it.
fn in_weather(plan: &Plan, seed: u64) -> Plan {
    let mut known = plan.clone();
    known.protocol = "multi-leader".to_owned();
    let (protocol, config) = (plan.protocol.clone(), plan.config.clone());
    Plan { protocol, config, ..perturbed(&known, seed) }
}

fn run(plan: &Plan, seed: u64) -> History {
    let catalog = catalog();
    let protocol = catalog.find(&plan.protocol).expect("it is in the catalogue");
    protocol.simulate(plan, seed, None).expect("it runs").history
}

#[test]
fn a_union_of_ones_own_is_the_built_in_one_byte_for_byte() {
    let own = loaded("own-union", "", "set").expect("it loads");
    let built_in = loaded("multi-leader", "conflicts = \"cart-union\"", "set").expect("it loads");
    for seed in 1..=5 {
        let [own, built_in] = [&own, &built_in].map(|plan| run(&in_weather(plan, seed), seed));
        assert_eq!(own.digest(), built_in.digest(), "seed {seed}");
    }
}

#[test]
fn replicas_agree_whatever_the_function_does() {
    for (protocol, object) in [("own-union", "set"), ("own-highest", "counter"), ("own-odd", "set")]
    {
        let plan = loaded(protocol, "", object).expect("it loads");
        let mut written = 0;
        for seed in 1..=SEEDS {
            let history = run(&in_weather(&plan, seed), seed);
            let verdict = judge(&history, Guarantee::Eventual);
            assert_eq!(verdict, Verdict::Holds, "{protocol}, seed {seed}");
            written += history.commits.len();
        }
        assert!(written as u64 > 50 * SEEDS, "{protocol}: {written} updates took effect");
    }
}

#[test]
fn the_highest_score_is_what_somebody_reached() {
    let plan = loaded("own-highest", "", "counter").expect("it loads");
    let history = run(&plan, 2);
    let sums = history
        .operations
        .iter()
        .zip(&history.effects)
        .filter(|(op, _)| op.kind == OpKind::Write && op.status == Status::Ok);
    let mut total = vec![0_i64; 5];
    for (op, effect) in sums {
        if let Update::Add(n @ 0..) = effect.update {
            total[op.key.0 as usize] += i64::from(n);
        }
    }
    let last: Vec<i64> = history.finals[0].words.iter().map(|word| *word as i64).collect();
    assert!(last.iter().zip(&total).all(|(last, total)| last <= total), "{last:?} {total:?}");
    assert!(last.iter().sum::<i64>() < total.iter().sum(), "increments made at once are one");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let twice = loaded("own-union", "conflicts = \"siblings\"", "set");
    assert!(twice.as_ref().is_err_and(|e| e.contains("own rule; leave it out")), "{twice:?}");
    let register = loaded("own-union", "", "register");
    assert!(register.as_ref().is_err_and(|e| e.contains("keys may hold: set")), "{register:?}");
}
