//! Conflict rules that merge: every one kept in bad weather, nothing lost on either side of a cut, a request
//! that is sent twice counted once, and what each rule costs and does not promise.

use crate::common::swarm::{perturbed, promise};
use crate::common::{only_latency, plan, plans, simulate, triangle};
use pacelc::analysis::{Context, Slot, Verdict, judge, summarize};
use pacelc::guarantee::Guarantee;
use pacelc::history::{History, Phase, Status, read, write};
use pacelc::op::{OpKind, Update, Value};
use pacelc::scenario::plan::Plan;
use pacelc::time::Duration;

/// Seeds for each cell.
const SEEDS: u64 = 60;

const RULES: [&str; 6] =
    ["last-write-wins", "siblings", "revision-tree", "pn-counter", "add-wins", "cart-union"];

/// The cells of the smoke scenario under one rule.
fn cells(rule: &str) -> Vec<Plan> {
    let all = plans(include_str!("../../scenarios/smoke/smoke-conflicts.toml"));
    all.into_iter().filter(|plan| plan.name.to_string().contains(rule)).collect()
}

/// The figures of all measured operations of a kind.
fn figures(plan: &Plan, history: &History, kind: OpKind) -> Slot {
    let (promise, timeout) = (promise(plan), plan.timeout);
    let summary = summarize(history, &Context { promise, timeout, regions: Vec::new() });
    let mut all = Slot::default();
    for phase in [Phase::Healthy, Phase::Partitioned, Phase::Recovering] {
        summary.slot_of_all(phase, kind).iter().for_each(|slot| all.merge(slot));
    }
    all
}

/// Runs a rule in bad weather and judges it; what became of reads and of writes in all.
fn swarm(rule: &str) -> [Slot; 2] {
    let cells = cells(rule);
    assert_eq!(cells.len(), 4, "two protocols, two levels each");
    let (mut slots, mut broken) = ([Slot::default(), Slot::default()], Vec::new());
    for cell in &cells {
        for seed in 1..=SEEDS {
            let plan = perturbed(cell, seed);
            let history = simulate(&plan, seed).history;
            let verdict = judge(&history, promise(cell));
            if verdict != Verdict::Holds {
                broken.push(format!("{}, seed {seed}: {verdict:?}", cell.name));
            }
            for (slot, kind) in slots.iter_mut().zip([OpKind::Read, OpKind::Write]) {
                slot.merge(&figures(&plan, &history, kind));
            }
        }
    }
    let [reads, writes] = &slots;
    assert!(writes.ok > 50 * SEEDS && writes.unknown > 0, "{}, {}", writes.ok, writes.unknown);
    assert!(reads.stale > SEEDS, "nobody missed anything, and nobody was promised that");
    assert!(broken.is_empty(), "{} promises broken:\n{}", broken.len(), broken.join("\n"));
    slots
}

#[test]
fn siblings_lose_nothing_and_are_shown() {
    let [reads, writes] = swarm("siblings");
    assert!(reads.conflicts > 10 * SEEDS, "{} conflicts", reads.conflicts);
    assert_eq!((writes.placed, writes.lost), (writes.ok, 0));
}

#[test]
fn a_revision_tree_keeps_the_losers_and_hides_them() {
    let [reads, writes] = swarm("revision-tree");
    assert_eq!((reads.conflicts, writes.placed, writes.lost), (0, writes.ok, 0));
}

#[test]
fn a_counter_loses_no_increment_and_counts_none_twice() {
    let [_, writes] = swarm("pn-counter");
    assert_eq!((writes.placed, writes.lost), (writes.ok, 0));
}

#[test]
fn a_counter_that_is_taken_from_as_well_loses_nothing_either() {
    let [_, writes] = swarm("up-and-down");
    assert_eq!((writes.placed, writes.lost), (writes.ok, 0));
    let history = simulate(&cells("up-and-down")[0], 1).history;
    let takes = history.effects.iter().filter(|effect| effect.update == Update::Add(-1)).count();
    assert!(takes > 20, "only {takes} decrements");
}

#[test]
fn a_set_whose_adds_win_keeps_what_no_remove_had_seen() {
    let [_, writes] = swarm("add-wins");
    assert_eq!(writes.placed, writes.ok);
}

#[test]
fn a_cart_keeps_what_was_put_in_and_some_of_what_was_taken_out() {
    let [_, writes] = swarm("cart-union");
    assert!(writes.lost > 0, "no removed item ever came back");
}

/// Protocols that know every rule, with a level at which either side of a cut answers.
const STORES: [(&str, &str); 2] = [("multi-leader", "eventual-nearest"), ("leaderless", "one")];

/// One update on each side of a cut, the second side's as well at the very start.
fn two_sides((protocol, level): (&str, &str), rule: &str, object: &str) -> History {
    let text = format!(
        r#"
        question = "Apple or banana?"
        analysis = "One update on each side of a cut."
        replicas = ["a", "b"]
        operations = 2

        [regions]
        symmetric = true
        intra_az_rtt_ms = 0.0
        cross_az_rtt_ms = 0.0
        [regions.rtt_ms.a]
        b = 80

        [[clients]]
        region = "a"
        sessions = 1

        [[clients]]
        region = "b"
        sessions = 1

        [workload]
        update = 1.0
        records = 1
        object = "{object}"
        arrivals = {{ constant = {{ rate = 0.001 }} }}

        [[faults]]
        cut = ["b"]
        start = "0ms"
        end = "100s"

        [[modes]]
        protocol = "{protocol}"
        config = {{ conflicts = "{rule}" }}
        levels = ["{level}"]
        "#
    );
    let history = simulate(&plan(&text), 3).history;
    let acknowledged = |op: &&pacelc::history::Operation| op.status == Status::Ok;
    assert_eq!(history.operations.iter().filter(acknowledged).count(), 2, "both sides are served");
    assert_eq!(history.finals[0], history.finals[1], "the sides agree after the cut");
    history
}

#[test]
fn of_apple_and_banana_last_write_wins_keeps_one_and_the_others_both() {
    for store in STORES {
        let kept = |rule| {
            let last = two_sides(store, rule, "register").finals.remove(0);
            let mut kept = vec![last.values[0]];
            kept.extend(last.siblings.iter().map(|(_, value)| *value));
            kept.sort_unstable();
            kept
        };
        assert_eq!(kept("last-write-wins").len(), 1);
        for rule in ["siblings", "revision-tree"] {
            assert_eq!(kept(rule), [Value(1), Value(2)], "{rule}");
        }
        let counted = two_sides(store, "pn-counter", "counter");
        assert_eq!(counted.finals[0].words, [2], "one on each side");
    }
}

/// Dynamo's cart, with stand-ins that keep what owners cannot be told, and every other rule like it.
#[test]
fn stand_ins_keep_states_for_owners_and_nothing_is_lost() {
    for rule in &RULES[1..] {
        for mut cell in cells(rule).into_iter().filter(|cell| cell.protocol == "leaderless") {
            cell.config.extend([
                ("n".to_owned(), toml::Value::Integer(2)),
                ("sloppy".to_owned(), toml::Value::Boolean(true)),
            ]);
            for seed in 1..=20 {
                let plan = perturbed(&cell, seed);
                let history = simulate(&plan, seed).history;
                assert_eq!(judge(&history, promise(&cell)), Verdict::Holds, "{} {seed}", cell.name);
                let apart =
                    history.finals.iter().any(|state| state.values.contains(&Value::NOT_HELD));
                assert!(apart, "every replica has every key");
            }
        }
    }
}

/// Four messages in a row may be lost, so many requests are sent twice and more, to several replicas.
#[test]
fn an_update_that_several_logs_hold_counts_once() {
    for rule in &RULES[1..] {
        for mut cell in cells(rule) {
            cell.attempt_timeout = Duration::millis(300);
            for link in &mut cell.links {
                (link.loss, link.retransmit) = (0.3, None);
            }
            let history = simulate(&cell, 1).history;
            assert_eq!(judge(&history, promise(&cell)), Verdict::Holds, "{}", cell.name);
            let late = |op: &&pacelc::history::Operation| {
                op.status == Status::Ok && op.completed.since(op.invoked) > Duration::millis(300)
            };
            let writes = history.operations.iter().filter(|op| op.kind == OpKind::Write);
            assert!(writes.filter(late).count() > 20, "{}: nothing was sent twice", cell.name);
        }
    }
}

#[test]
fn a_cart_is_read_before_it_is_written_and_that_is_what_it_costs() {
    let cost_in = |(protocol, level): (&str, &str), rule: &str, object: &str| {
        let config = format!("{{ conflicts = \"{rule}\" }}");
        let text = triangle([69.6, 218.9, 182.2], "a", protocol, &config, level)
            .replace("[\"a\", \"b\", \"c\"]", "[\"b\", \"c\"]")
            .replace("read = 0.5\n        update = 0.5", "update = 1.0")
            .replace("records = 10", &format!("records = 10\nobject = \"{object}\""));
        only_latency(&simulate(&plan(&text), 7).history, OpKind::Write).as_ms()
    };
    for store in STORES {
        let cost = |rule, object| cost_in(store, rule, object);
        let registers =
            ["last-write-wins", "siblings", "revision-tree"].map(|rule| cost(rule, "register"));
        assert_eq!(registers, [69.6; 3]);
        assert_eq!((cost("pn-counter", "counter"), cost("cart-union", "set")), (69.6, 2.0 * 69.6));
    }
}

/// The curated scenario says what its analysis says of it.
#[test]
fn the_scenario_shows_what_each_rule_loses() {
    let all = plans(include_str!("../../scenarios/curated/conflicts.toml"));
    let of = |rule: &str| {
        let cell = all.iter().find(|plan| plan.name.to_string().contains(rule)).expect("a cell");
        let history = simulate(cell, 1).history;
        assert_eq!(judge(&history, promise(cell)), Verdict::Holds, "{rule}");
        let [reads, writes] =
            [OpKind::Read, OpKind::Write].map(|kind| figures(cell, &history, kind));
        println!(
            "{rule}: {} of {} writes lost, {} of {} reads stale, {} conflicts, {} bytes",
            writes.lost,
            writes.placed,
            reads.stale,
            reads.ok,
            reads.conflicts,
            history.traffic.bytes
        );
        (reads, writes)
    };
    let [last, siblings, tree, counter, set, cart] = RULES.map(of);
    assert!(last.1.lost > 0 && last.0.conflicts == 0);
    assert!(siblings.1.lost == 0 && siblings.0.conflicts > 50);
    assert!(tree.1.lost == 0 && tree.0.stale > siblings.0.stale);
    assert_eq!((counter.1.lost, counter.1.placed), (0, counter.1.ok));
    assert!(cart.1.lost > set.1.lost, "{} in carts, {} in sets", cart.1.lost, set.1.lost);
}

#[test]
fn merged_histories_read_back_as_they_were_written() {
    for rule in ["siblings", "pn-counter"] {
        let history = simulate(&perturbed(&cells(rule)[0], 3), 3).history;
        let mut text = Vec::new();
        write(&history, &mut text).expect("a vector takes everything");
        let back = read(text.as_slice(), "merged.jsonl").expect("readable");
        let mut again = Vec::new();
        write(&back, &mut again).expect("a vector takes everything");
        assert!(again == text && back.finals == history.finals, "{rule}: it came back changed");
        assert_eq!(judge(&back, Guarantee::Eventual), Verdict::Holds);
    }
}
