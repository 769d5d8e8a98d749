//! Where a promise ends, something breaks: every guarantee that is not promised is seen broken.
//!
//! A promise that nothing could break would be too weak, and a checker that found nothing would be
//! blind. The weather is that of the conformance tests.

use crate::common::swarm::{cells, not_promised, perturbed, promise};
use crate::common::{plan, plans, simulate, triangle};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::op::Level;
use pacelc::scenario::plan::{Between, Fault, FaultKind, Length, Plan};
use pacelc::time::Duration;

/// In how many seeds a break must be found.
const SEEDS: u64 = 300;

/// The plan in this seed's weather, with clocks on which nobody can rely to order writes.
fn without_clocks(plan: &Plan, seed: u64) -> Plan {
    let mut plan = perturbed(plan, seed);
    plan.replicas.iter_mut().skip(1).for_each(|host| host.clock.offset_ms = -2_000.0);
    plan
}

/// Those of the guarantees that no seed's run breaks. What is left is tried without
/// clocks, where replicas order versions by them and promise nothing of a session's.
fn unbroken(cell: &Plan, mut guarantees: Vec<Guarantee>) -> Vec<Guarantee> {
    // Sessions' clocks agree in any weather.
    let by_replicas = matches!(cell.name.level, Level::Replicas { .. } | Level::LocalSerial);
    let stamps = cell.protocol == "leaderless" && by_replicas;
    let weathers: [fn(&Plan, u64) -> Plan; 2] = [perturbed, without_clocks];
    for weather in &weathers[..1 + usize::from(stamps)] {
        for seed in 1..=SEEDS {
            if guarantees.is_empty() {
                break;
            }
            let history = simulate(&weather(cell, seed), seed).history;
            guarantees.retain(|one| !matches!(judge(&history, *one), Verdict::Violated(_)));
        }
    }
    guarantees
}

/// Every level of a mode breaks whatever it does not promise, but for what the catalogue says it keeps all the
/// same.
fn all_broken(mode: &str, least: usize) {
    all_broken_but(mode, least, None);
}

/// The same without one level.
fn all_broken_but(mode: &str, least: usize, without: Option<&str>) {
    let of_mode = |plan: &Plan| {
        let level = plan.name.level.to_string();
        plan.name.scenario == "test" && plan.name.mode == mode && Some(&*level) != without
    };
    let (mut surprises, mut tried) = (Vec::new(), 0);
    let catalog = Catalog::builtin();
    for cell in cells().into_iter().filter(of_mode) {
        let entry = catalog.find(&cell.protocol).expect("a built-in protocol");
        let all = not_promised(promise(&cell));
        tried += all.len();
        let unbroken = unbroken(&cell, all.clone());
        for guarantee in all {
            let reason = entry.kept_beyond(&cell.config, cell.name.level, guarantee);
            if unbroken.contains(&guarantee) != reason.is_some() {
                surprises.push(format!("{}: {guarantee} ({reason:?})", cell.name));
            }
        }
    }
    assert!(tried >= least, "{mode} has too few levels below the strongest: {tried}");
    assert!(surprises.is_empty(), "not as expected in {SEEDS} seeds:\n{}", surprises.join("\n"));
}

#[test]
fn asynchronous_primary_backup_promises_no_less_than_it_keeps() {
    all_broken("async", 20);
}

#[test]
fn semi_synchronous_primary_backup_promises_no_less_than_it_keeps() {
    all_broken("semi-sync", 20);
}

#[test]
fn synchronous_primary_backup_promises_no_less_than_it_keeps() {
    all_broken("sync", 20);
}

#[test]
fn backups_that_acknowledge_from_memory_promise_no_less_than_they_keep() {
    all_broken("remote-write", 20);
}

#[test]
fn backups_that_acknowledge_what_they_show_promise_no_less_than_they_keep() {
    all_broken("remote-apply", 20);
}

#[test]
fn a_primary_ahead_of_its_disk_promises_no_less_than_it_keeps() {
    all_broken("off", 50);
}

#[test]
fn a_primary_that_falls_back_promises_no_less_than_it_keeps() {
    all_broken("fall-back", 20);
}

#[test]
fn a_primary_whose_waits_end_promises_no_less_than_it_keeps() {
    all_broken("wait", 20);
}

/// Primaries that another takes over from, and that lose what they have acknowledged, break whatever they do not
/// promise. Two guarantees are left out: what is taken back stands below what replaces it, so that a session
/// whose own order is broken by it is met in some of these cells and not in others.
///
/// Where it is kept (`semi-sync`, `sync`) nothing is promised to sessions near by either, for they may be shown
/// what is taken back; but that was never decided, so it has no place in the order, and no checker of sessions
/// can be shown it broken.
fn fail_over_that_loses(mode: &str) {
    let text = include_str!("../../scenarios/smoke/smoke-fail-over.toml");
    let (mut surprises, mut tried) = (Vec::new(), 0);
    for cell in plans(text).into_iter().filter(|plan| plan.name.mode == mode) {
        let mut all = not_promised(promise(&cell));
        let left_out = [Guarantee::MonotonicWrites, Guarantee::WritesFollowReads];
        all.retain(|guarantee| !left_out.contains(guarantee));
        tried += all.len();
        let unbroken = unbroken(&cell, all);
        surprises.extend(unbroken.iter().map(|guarantee| format!("{}: {guarantee}", cell.name)));
    }
    assert!(tried >= 50, "{mode} has too few levels: {tried}");
    assert!(surprises.is_empty(), "unbroken in {SEEDS} seeds:\n{}", surprises.join("\n"));
}

#[test]
fn asynchronous_fail_over_promises_no_less_than_it_keeps() {
    fail_over_that_loses("async");
}

#[test]
fn fail_over_ahead_of_the_disk_promises_no_less_than_it_keeps() {
    fail_over_that_loses("unsynced");
}

#[test]
fn fail_over_that_falls_back_promises_no_less_than_it_keeps() {
    fail_over_that_loses("semi-sync-unfenced");
}

#[test]
fn raft_promises_no_less_than_it_keeps() {
    all_broken("raft", 20);
}

#[test]
fn a_sync_with_a_leader_that_was_deposed_and_has_not_noticed_is_sequential_and_no_more() {
    let of = |plan: &Plan| plan.name.mode == "raft-sync";
    let cell = cells().into_iter().find(of).expect("the cell that syncs");
    let stale = (1..=20).any(|seed| {
        let mut plan = perturbed(&cell, seed);
        // It is cut off with its clients, and its election timeout lasts two and a half of the others'.
        plan.replicas[0].clock.drift_ppm = -600_000.0;
        let (start, end) = (Duration::secs(2), Duration::secs(7));
        plan.faults = vec![Fault { start, end, kind: FaultKind::Cut(Between::others(vec![0, 3])) }];
        let history = simulate(&plan, seed).history;
        assert_eq!(judge(&history, Guarantee::Sequential), Verdict::Holds, "seed {seed}");
        matches!(judge(&history, Guarantee::Regular), Verdict::Violated(_))
    });
    assert!(stale, "who asks a leader of the past is told the past");
}

#[test]
fn commit_wait_promises_no_less_than_it_keeps() {
    all_broken("commit-wait", 10);
}

#[test]
fn closed_timestamps_promise_no_less_than_they_keep() {
    all_broken("follower-reads", 20);
}

#[test]
fn clocks_beyond_the_uncertainty_break_what_followers_serve_and_only_that() {
    let bounded = Level::Bounded(Duration::millis(500));
    for (level, breaks) in [(Level::Linearizable, true), (bounded, true), (Level::Session, false)] {
        let of = |plan: &Plan| plan.name.mode == "follower-reads" && plan.name.level == level;
        let cell = cells().into_iter().find(of).expect("a cell of this level");
        let broken = (1..=20).any(|seed| {
            let mut plan = perturbed(&cell, seed);
            // It takes what was true 900 ms ago for the present.
            plan.replicas[2].clock.offset_ms = -900.0;
            let history = simulate(&plan, seed).history;
            assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds, "seed {seed}");
            matches!(judge(&history, promise(&cell)), Verdict::Violated(_))
        });
        assert_eq!(broken, breaks, "{level}");
    }
}

#[test]
fn plain_quorums_promise_no_less_than_they_keep() {
    all_broken("plain", 10);
}

#[test]
fn clients_that_coordinate_promise_no_less_than_they_keep() {
    // With one replica in each region that level asks all of them, and who asks all does not turn back.
    all_broken_but("library", 20, Some("each-quorum"));
}

#[test]
fn atomic_registers_asked_for_less_promise_no_less_than_they_keep() {
    all_broken("abd", 10);
}

#[test]
fn sloppy_quorums_promise_no_less_than_they_keep() {
    all_broken("sloppy", 15);
}

#[test]
fn leaderless_replication_with_repairs_promises_no_less_than_it_keeps() {
    all_broken("leaderless", 20);
}

/// Replicas a tenth of a millisecond away that writes reach after up to 50 ms, and sessions that read
/// and write one key without rest.
fn slow_writes(config: &str) -> Plan {
    plan(&format!(
        r#"
        question = "May a newer read be followed by an older one?"
        analysis = "While a write is under way, some replicas have it."
        replicas = ["here/a", "here/b", "here/c"]
        operations = 2000
        regions = {{ symmetric = true, intra_az_rtt_ms = 0.05, cross_az_rtt_ms = 0.1, rtt_ms = {{ here = {{}} }} }}
        clients = [
            {{ region = "here/a", sessions = 2 }},
            {{ region = "here/b", sessions = 2 }},
            {{ region = "here/c", sessions = 2 }},
        ]
        link = {{ jitter_ms = {{ uniform = {{ low = 0, high = 0.1 }} }}, legs = {{ write = {{ uniform = {{ low = 0, high = 50 }} }} }}, order = "reorder" }}
        workload = {{ read = 0.9, update = 0.1, records = 1 }}
        [[modes]]
        protocol = "leaderless"
        config = {{ {config} }}
        levels = ["quorum"]
        "#
    ))
}

#[test]
fn a_plain_quorum_is_regular_and_not_linearizable_and_the_atomic_register_is() {
    for coordinator in ["coordinator = 'client'", "coordinator = 'replica'"] {
        let judged = |config: &str, seed, guarantee| {
            let plan = slow_writes(&format!("{coordinator}, {config}"));
            judge(&simulate(&plan, seed).history, guarantee)
        };
        let mut inverted = 0;
        for seed in 1..=10 {
            let plain = |guarantee| judged("read_repair = 'off'", seed, guarantee);
            assert_eq!(plain(Guarantee::Regular), Verdict::Holds, "{coordinator}, seed {seed}");
            let told = plain(Guarantee::Linearizable);
            inverted += u32::from(told.message().contains("should have seen"));
            let atomic = judged("write_back = true", seed, Guarantee::Linearizable);
            assert_eq!(atomic, Verdict::Holds, "{coordinator}, seed {seed}");
        }
        assert!(inverted >= 5, "{coordinator}: only {inverted} of 10 seeds read new, then old");
    }
}

/// The plain mode's cell of this level with other settings.
fn plain_with(level: &str, settings: &str) -> Plan {
    let level: Level = level.parse().expect("a level");
    let of = |plan: &Plan| plan.name.mode == "plain" && plan.name.level == level;
    let mut plan = cells().into_iter().find(of).expect("a cell of the plain mode");
    plan.config.extend(settings.parse::<toml::Table>().expect("settings"));
    plan
}

#[test]
fn clocks_that_disagree_break_what_stamps_promise_and_only_that() {
    let wrong = plain_with("quorum", "");
    assert_eq!(promise(&wrong), Guarantee::Regular);
    assert_eq!(promise(&plain_with("quorum", "trusts_clocks = false")), Guarantee::Eventual);
    let broken = (1..=20).any(|seed| {
        let mut plan = perturbed(&wrong, seed);
        plan.replicas[0].clock.offset_ms = 250.0;
        let history = simulate(&plan, seed).history;
        assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds, "seed {seed}");
        matches!(judge(&history, Guarantee::Regular), Verdict::Violated(_))
    });
    assert!(broken, "a later write may lose to an earlier one with a larger stamp");
}

#[test]
fn clocks_that_disagree_put_a_write_below_what_its_session_knew_unless_it_is_asked_not_to() {
    for (mode, lenient, guarantee) in [
        ("multi-clock", "eventual-nearest", Guarantee::WritesFollowReads),
        ("plain", "one", Guarantee::WritesFollowReads),
        ("plain", "one", Guarantee::MonotonicWrites),
    ] {
        let level = |level: &str| {
            let level: Level = level.parse().expect("a level");
            let of = |plan: &Plan| plan.name.mode == mode && plan.name.level == level;
            cells().into_iter().find(of).expect("a cell of this level")
        };
        let breaks = |cell: &Plan, seed| {
            let mut plan = perturbed(cell, seed);
            for host in &mut plan.replicas[1..] {
                host.clock.offset_ms = -2_000.0;
            }
            let verdict = judge(&simulate(&plan, seed).history, guarantee);
            matches!(verdict, Verdict::Violated(_))
        };
        let (lenient, strict) = (level(lenient), level(&guarantee.to_string()));
        assert!((1..=20).any(|seed| breaks(&lenient, seed)), "{mode}: {guarantee} by itself");
        assert!(!(1..=20).any(|seed| breaks(&strict, seed)), "{mode}: {guarantee} on request");
    }
}

#[test]
fn without_anti_entropy_replicas_become_equal_only_if_nothing_is_lost() {
    let trusting = plain_with("one", "anti_entropy = '0ms'\ntrusts_network = true");
    let judged = |plan: &Plan, seed| judge(&simulate(plan, seed).history, Guarantee::Eventual);
    assert!((1..=20).all(|seed| judged(&trusting, seed) == Verdict::Holds));
    assert!((1..=20).any(|seed| judged(&perturbed(&trusting, seed), seed) != Verdict::Holds));
}

#[test]
fn chains_promise_no_less_than_they_keep() {
    all_broken("chain", 20);
    all_broken("craq", 20);
}

/// The cell of the calm smoke scenario, undisturbed, with more to do on fewer keys.
fn calm(mode: &str, level: Level) -> Plan {
    let wanted = |plan: &Plan| plan.name.mode == mode && plan.name.level == level;
    let mut plan = cells().into_iter().find(wanted).expect("a cell of this mode and level");
    (plan.records, plan.length) = (2, Length::Operations(1_500));
    plan
}

/// How the guarantee is broken in health, by the first seed that does.
fn broken_in_health(mode: &str, level: Level, guarantee: Guarantee) -> String {
    let plan = calm(mode, level);
    let mut judged = (1..=200).map(|seed| judge(&simulate(&plan, seed).history, guarantee));
    let message = judged.find_map(|verdict| match verdict {
        Verdict::Violated(found) => Some(found.message),
        Verdict::Holds | Verdict::Unknown(_) => None,
    });
    message.unwrap_or_else(|| panic!("{mode}/{level} is {guarantee} in 200 seeds"))
}

#[test]
fn no_fault_is_needed_to_see_what_replicas_near_by_do_not_promise() {
    let told = broken_in_health("async", Level::EventualNearest, Guarantee::Linearizable);
    assert!(told.contains("should have seen"), "{told}");
    broken_in_health("raft", Level::EventualNearest, Guarantee::Linearizable);
    broken_in_health("sync", Level::EventualNearest, Guarantee::Linearizable);
    broken_in_health("raft", Level::Session, Guarantee::Linearizable);
    let half_a_second = Level::Bounded(Duration::millis(500));
    broken_in_health("async", half_a_second, Guarantee::Linearizable);
    broken_in_health("raft", half_a_second, Guarantee::Linearizable);

    // Monotonic reads are not among these: over links that keep order, a write overtakes whoever
    // carries the news of it. They break in bad weather only, as above.
    let told = broken_in_health("raft", Level::EventualAny, Guarantee::ReadYourWrites);
    assert!(told.contains("older than its own write"), "{told}");
    broken_in_health("async", Level::EventualNearest, Guarantee::ReadYourWrites);
    broken_in_health("async", Level::MonotonicReads, Guarantee::ReadYourWrites);
    let short = Guarantee::BoundedStaleness(Duration::millis(10));
    let told = broken_in_health("async", Level::EventualNearest, short);
    assert!(told.contains("the bound is 10ms"), "{told}");
}

#[test]
fn leaders_that_trust_their_clocks_promise_no_less_than_they_keep() {
    all_broken("multi-clock", 20);
}

#[test]
fn causal_leaders_promise_no_less_than_they_keep() {
    all_broken("multi-causal", 20);
}

#[test]
fn leaders_around_a_hub_and_in_a_ring_promise_no_less_than_they_keep() {
    all_broken("multi-star", 8);
    all_broken("multi-ring", 8);
}

#[test]
fn clocks_worse_than_leaders_were_told_break_the_bound_and_only_that() {
    let level = Level::Bounded(Duration::millis(500));
    let of = |plan: &Plan| plan.name.mode == "multi-clock" && plan.name.level == level;
    let cell = cells().into_iter().find(of).expect("a bounded cell");
    let broken = (1..=20).any(|seed| {
        let mut plan = perturbed(&cell, seed);
        plan.replicas[0].clock.offset_ms = 900.0;
        let history = simulate(&plan, seed).history;
        assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds, "seed {seed}");
        matches!(judge(&history, promise(&cell)), Verdict::Violated(_))
    });
    assert!(broken, "the acknowledgement did not wait until the stamp was past by every clock");
}

/// Three leaders of which the first and the last are far from each other, and both near the second.
fn long_way(config: &str, level: &str, clock: &str) -> Verdict {
    let text = triangle([10.0, 200.0, 10.0], "a", "multi-leader", config, level)
        .replace("[\"a\", \"b\", \"c\"]", &format!("[\"a\", {{ region = \"b\"{clock} }}, \"c\"]"))
        .replace("[workload]", "[[clients]]\nregion = \"b\"\nsessions = 2\n[workload]")
        .replace("[workload]", "[[clients]]\nregion = \"c\"\nsessions = 2\n[workload]")
        .replace("operations = 400", "operations = 4000")
        .replace("records = 10", "records = 3")
        .replace("constant = { rate = 2 }", "poisson = { rate = 100 }");
    judge(&simulate(&plan(&text), 1).history, Guarantee::Causal)
}

#[test]
fn without_causal_updates_the_edit_is_seen_without_the_post() {
    let told = long_way("{}", "session", "").message().to_owned();
    assert!(told.contains("is in its causal past and is newer"), "{told}");
    assert_eq!(long_way("{ causal = true }", "causal", ""), Verdict::Holds);
}

#[test]
fn clock_stamps_put_an_answer_before_what_it_answers() {
    let behind = ", clock = { offset_ms = -100 }";
    let config = "{ causal = true, stamps = \"clock\" }";
    let told = long_way(config, "monotonic-reads", behind).message().to_owned();
    assert!(told.contains("causal past"), "{told}");
    assert_eq!(long_way("{ causal = true }", "causal", behind), Verdict::Holds);
}

#[test]
fn certification_promises_no_less_than_it_keeps() {
    all_broken("certification", 20);
}

/// Each key has an order, and all together have none.
#[test]
fn sessions_of_paxos_promise_no_less_than_they_keep() {
    all_broken("paxos", 20);
}

#[test]
fn regions_that_choose_by_themselves_promise_no_less_than_they_keep() {
    all_broken("paxos-region", 5);
}
