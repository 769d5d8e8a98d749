//! Objects beyond registers in the stores with one order: every promise kept in bad weather, a
//! request that is sent twice answered the same twice, costs that are those of a write, and the last
//! unit sold once.

use crate::common::swarm::{perturbed, promise};
use crate::common::{measured, only_latency, plan, plans, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Made, Status, read, write};
use pacelc::op::{Object, OpKind, Update, Value};
use pacelc::scenario::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// Seeds for each cell.
const SEEDS: u64 = 60;

/// Primaries that another takes over from, or that forget: their order can fork.
const FORKING: [(&str, &str); 6] = [
    ("kept", "acknowledge = \"any 1\", fail_over = { detect = \"1s\", step_down = \"800ms\" }"),
    (
        "kept-by-all",
        "acknowledge = \"all\", fail_over = { detect = \"1s\", step_down = \"800ms\" }",
    ),
    ("async", "acknowledge = \"async\", fail_over = { detect = \"600ms\" }"),
    (
        "unsynced",
        "acknowledge = \"async\", flush_every = \"200ms\", ships_unsynced = true, \
         fail_over = { detect = \"600ms\", step_down = \"600ms\" }",
    ),
    (
        "waits",
        "acknowledge = \"any 1\", reached = \"memory\", wait_timeout = \"100ms\", \
         fail_over = { detect = \"600ms\" }",
    ),
    ("forgets", "acknowledge = \"async\", flush_every = \"200ms\""),
];

/// The cells of the smoke scenario, with the forking modes beside its own.
fn every_cell() -> Vec<Plan> {
    let text = include_str!("../../scenarios/smoke/smoke-objects.toml");
    let mode = |(name, config): &(&str, &str)| {
        format!(
            "[[modes]]\nname = \"{name}\"\nprotocol = \"primary-backup\"\nconfig = {{ {config} }}\n\n"
        )
    };
    let modes: String = FORKING.iter().map(mode).collect();
    plans(&text.replacen("[[vary]]", &format!("{modes}[[vary]]"), 1))
}

/// Those in which keys hold this.
fn cells(object: Object) -> Vec<Plan> {
    every_cell().into_iter().filter(|plan| plan.contents.object == object).collect()
}

/// Whether two updates were made from one state.
fn forks(history: &History) -> bool {
    let mut from = BTreeSet::new();
    let before = |made: &Made| {
        let Made { value, before } = made;
        // What a key held at first is alike for all keys.
        let first = before.version == Value::INITIAL;
        let write = history.operations.iter().filter(|op| op.kind == OpKind::Write);
        let key = || write.clone().nth(value.0 as usize - 1).map(|op| op.key);
        (before.version, before.word, first.then(key).flatten())
    };
    history.made.iter().any(|made| !from.insert(before(made)))
}

/// Runs every protocol with this object in bad weather and judges it.
fn swarm(object: Object) {
    let cells = cells(object);
    assert_eq!(cells.len(), 34, "eleven modes at three levels, one at one");
    let mut broken = Vec::new();
    for cell in &cells {
        let (mut took_effect, mut refused, mut unknown, mut forked) = (0, 0, 0, 0);
        for seed in 1..=SEEDS {
            let history = simulate(&perturbed(cell, seed), seed).history;
            forked += u64::from(forks(&history));
            let count = |status| {
                let writes = history.operations.iter().filter(|op| op.kind == OpKind::Write);
                writes.filter(|op| op.status == status).count() as u64
            };
            took_effect += count(Status::Ok);
            refused += count(Status::Refused);
            unknown += count(Status::Unknown);
            let verdict = judge(&history, promise(cell));
            if verdict != Verdict::Holds {
                broken.push(format!("{}, seed {seed}: {verdict:?}", cell.name));
            }
        }
        // A swarm that asks nothing of an object shows nothing.
        assert!(took_effect > 5 * SEEDS, "{}: {took_effect} updates took effect", cell.name);
        assert!(unknown > 0, "{}: every update was answered", cell.name);
        let conditional = !matches!(object, Object::Counter | Object::Set);
        assert_eq!(refused > SEEDS, conditional, "{}: {refused} were refused", cell.name);
        // Nor does one that never takes anything back, where that is what it is about.
        let may = FORKING.iter().any(|(name, _)| *name == cell.name.mode);
        let must = may && !cell.name.mode.starts_with("kept");
        assert!((forked > 0 || !must) && (forked == 0 || may), "{}: {forked} forked", cell.name);
    }
    assert!(broken.is_empty(), "{} promises broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn counters_lose_nothing_and_add_nothing_twice() {
    swarm(Object::Counter);
}

#[test]
fn sets_are_what_was_put_in_and_not_taken_out() {
    swarm(Object::Set);
}

#[test]
fn compare_and_set_replaces_only_what_it_compared_with() {
    swarm(Object::CasRegister);
}

#[test]
fn stock_is_never_oversold() {
    swarm(Object::Stock);
}

#[test]
fn a_lock_has_one_holder_at_a_time() {
    swarm(Object::Lock);
}

/// Who gave up waiting for a lock may have it. It asks again in a new session, and finds it its own.
#[test]
fn a_lock_whose_grant_was_never_heard_of_is_found_again_by_its_owner() {
    let mut found = 0;
    for cell in cells(Object::Lock) {
        for seed in 1..=10 {
            let history = simulate(&perturbed(&cell, seed), seed).history;
            let is_write = |id: &usize| history.operations[*id].kind == OpKind::Write;
            let writes: Vec<usize> = (0..history.operations.len()).filter(is_write).collect();
            let mut before = BTreeMap::new();
            for commit in &history.commits {
                let id = writes[commit.value.0 as usize - 1];
                let (update, status) = (history.effects[id].update, history.operations[id].status);
                let again = before.insert(commit.key, (update, status));
                let grant = matches!(update, Update::Lock(_)) && status == Status::Ok;
                found += usize::from(grant && again == Some((update, Status::Unknown)));
            }
        }
    }
    assert!(found > 10, "only {found} times did an owner have to ask again");
}

#[test]
fn an_update_of_an_object_costs_what_a_write_costs() {
    /// AWS medians of 2025, as in `exact.rs`.
    const AWS: [f64; 3] = [69.6, 218.9, 182.2];
    for (protocol, config) in [
        ("primary-backup", "{ acknowledge = \"any 1\" }"),
        ("primary-backup", "{ acknowledge = \"all\" }"),
        ("raft", "{}"),
        ("chain", "{}"),
        ("chain", "{ apportioned = true }"),
    ] {
        let text = triangle(AWS, "b", protocol, config, "linearizable");
        let costs = |object: &str| {
            let text = text.replace("records = 10", &format!("records = 10\n{object}"));
            let history = simulate(&plan(&text), 7).history;
            assert_eq!(judge(&history, promise(&plan(&text))), Verdict::Holds);
            [OpKind::Write, OpKind::Read].map(|kind| only_latency(&history, kind))
        };
        let of_registers = costs("");
        for object in ["object = 'counter'", "object = 'set'", "object = 'stock'\nunits = 9"] {
            assert_eq!(costs(object), of_registers, "{protocol} {config} {object}");
        }
    }
}

#[test]
fn what_is_sold_and_what_is_left_are_the_stock() {
    for cell in plans(include_str!("../../scenarios/curated/inventory.toml")) {
        let history = simulate(&cell, 1).history;
        assert_eq!(judge(&history, promise(&cell)), Verdict::Holds, "{}", cell.name);
        let stock = cell.contents.initial * u64::from(cell.records);
        let sold = history.commits.len() as u64;
        // Where more was sold than there was, less than nothing is left.
        let left = history.finals[0].words.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word));
        assert_eq!(sold.wrapping_add(left), stock, "{}", cell.name);
        let status = |status| history.operations.iter().filter(|op| op.status == status).count();
        assert!(status(Status::Refused) > 100, "{}: it never runs out", cell.name);
        assert_eq!(status(Status::Unknown), 0, "{}: all buyers have an answer", cell.name);
        assert!(measured(&history, OpKind::Write).count() > 100, "{}: little is sold", cell.name);
    }
}

#[test]
fn histories_of_objects_read_back_as_they_were_written() {
    for object in [Object::Counter, Object::Stock, Object::Lock] {
        for mode in ["semi-sync", "async"] {
            let of_mode = |cell: &Plan| cell.name.mode == mode;
            let cell = cells(object).into_iter().find(of_mode).expect("a mode");
            let history = simulate(&perturbed(&cell, 3), 3).history;
            assert_eq!(history.made.is_empty(), mode == "semi-sync");
            let mut text = Vec::new();
            write(&history, &mut text).expect("a vector takes everything");
            let back = read(text.as_slice(), "objects.jsonl").expect("readable");
            let mut again = Vec::new();
            write(&back, &mut again).expect("a vector takes everything");
            assert!(
                again == text && (&back.effects, &back.made) == (&history.effects, &history.made),
                "{object}: it came back changed"
            );
            assert_eq!(
                judge(&back, Guarantee::Linearizable),
                judge(&history, Guarantee::Linearizable)
            );
        }
    }
}
