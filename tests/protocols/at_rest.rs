//! Replicas are compared when they have come to rest and not before: what is slow is not broken.

use crate::common::{plan, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::op::Value;
use pacelc::scenario::plan::{Length, Plan};
use pacelc::time::{Duration, Instant};
use pacelc::world::live::Options;

/// Writes in `a` that its primary ships to two backups, under the settings and over the links given.
fn shipped(config: &str, rtt_ms: f64, link: &str) -> Plan {
    plan(&format!(
        r#"
        question = "When have replicas come to rest?"
        analysis = "A test."
        regions = {{ symmetric = true, intra_az_rtt_ms = 0.2, cross_az_rtt_ms = 1.0, rtt_ms = {{ a = {{ b = {rtt_ms:?}, c = {rtt_ms:?} }}, b = {{ c = {rtt_ms:?} }} }} }}
        replicas = ["a", "b", "c"]
        duration = "10s"
        levels = ["eventual-nearest"]
        clients = [{{ region = "a", sessions = 4 }}]
        workload = {{ read = 0.2, update = 0.8, records = 5, arrivals = {{ poisson = {{ rate = 20 }} }} }}
        {link}
        [[modes]]
        name = "async"
        protocol = "primary-backup"
        config = {config}
        "#
    ))
}

#[test]
fn an_update_that_is_held_back_for_long_is_waited_for() {
    for delay in ["300s", "605s", "650s", "1500s"] {
        let config = format!("{{ acknowledge = \"async\", apply_delay = \"{delay}\" }}");
        let run = simulate(&shipped(&config, 20.0, ""), 1);
        assert_eq!(run.history.finals.len(), 3, "{delay}");
        assert_eq!(judge(&run.history, Guarantee::Eventual), Verdict::Holds, "{delay}");
    }
}

#[test]
fn a_message_that_travels_for_minutes_is_waited_for() {
    let run = simulate(&shipped("{ acknowledge = \"async\" }", 1_000_000.0, ""), 1);
    assert_eq!(judge(&run.history, Guarantee::Eventual), Verdict::Holds);
}

#[test]
fn links_that_carry_less_than_is_sent_break_nothing() {
    for bandwidth in [100, 1000, 10_000] {
        let link = format!("link = {{ bandwidth = {bandwidth} }}");
        let run = simulate(&shipped("{ acknowledge = \"async\" }", 20.0, &link), 1);
        let verdict = judge(&run.history, Guarantee::Eventual);
        assert!(!matches!(verdict, Verdict::Violated(_)), "{bandwidth} bytes/s: {verdict:?}");
    }
}

#[test]
fn whether_replicas_agree_that_show_an_update_tomorrow_is_unknown_and_not_broken() {
    let config = "{ acknowledge = \"async\", apply_delay = \"24h\" }";
    let run = simulate(&shipped(config, 20.0, ""), 1);
    assert!(run.history.finals.is_empty(), "nobody had come to rest");
    let verdict = judge(&run.history, Guarantee::Eventual);
    let Verdict::Unknown(why) = &verdict else { panic!("nobody knows: {verdict:?}") };
    assert!(why.contains("had not come to rest"), "{why}");
}

#[test]
fn in_real_time_too_what_is_held_back_is_waited_for_and_tomorrow_is_unknown() {
    let verdict = |delay: &str| {
        let config = format!("{{ acknowledge = \"async\", apply_delay = \"{delay}\" }}");
        let mut plan = shipped(&config, 20.0, "");
        (plan.length, plan.warm_up) = (Length::Operations(40), Duration::ZERO);
        let catalog = Catalog::builtin();
        let entry = catalog.find(&plan.protocol).expect("a built-in protocol");
        let options = Options { simulated_disk: true, ..Options::default() };
        judge(&entry.live(&plan, 1, &options).expect("the run ends").history, Guarantee::Eventual)
    };
    std::thread::scope(|scope| {
        // Longer than replicas are given of which nothing is known.
        let soon = scope.spawn(|| verdict("18s"));
        let tomorrow = scope.spawn(|| verdict("24h"));
        assert_eq!(soon.join().expect("no panic"), Verdict::Holds);
        let tomorrow = tomorrow.join().expect("no panic");
        assert!(matches!(&tomorrow, Verdict::Unknown(_)), "{tomorrow:?}");
    });
}

#[test]
fn replicas_that_have_different_keys_are_at_rest_when_those_of_each_key_agree() {
    let text = r#"
        question = "When have replicas come to rest that have different keys?"
        analysis = "Two of three replicas keep each key, and one of them is cut off for a while."
        regions = { symmetric = true, intra_az_rtt_ms = 0.2, cross_az_rtt_ms = 1.0, rtt_ms = { a = { b = 20, c = 30 }, b = { c = 40 } } }
        replicas = ["a", "b", "c"]
        duration = "10s"
        levels = ["one"]
        clients = [{ region = "a", sessions = 4 }]
        workload = { read = 0.2, update = 0.8, records = 20, arrivals = { poisson = { rate = 20 } } }
        faults = [{ cut = ["b"], start = "2s", end = "5s" }]
        [[modes]]
        protocol = "leaderless"
        config = { n = 2 }
    "#;
    let run = simulate(&plan(text), 1);
    assert!(
        run.ended < Instant::ZERO + Duration::secs(60),
        "{:?}: nobody need be waited for",
        run.ended
    );
    assert_eq!(judge(&run.history, Guarantee::Eventual), Verdict::Holds);
    let apart = run.history.finals.iter().any(|state| state.values.contains(&Value::NOT_HELD));
    assert!(apart, "every replica has every key");
}
