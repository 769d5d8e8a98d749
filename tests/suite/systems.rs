//! Named systems: every configuration is one its protocol takes, offers what it says, and keeps what the
//! protocol promises in bad weather; and a mode may name one.

use crate::common::swarm::{perturbed, promise};
use crate::common::{plans, simulate};
use pacelc::analysis::{Verdict, judge};
use pacelc::catalog::Catalog;
use pacelc::history::{Operation, Status};
use pacelc::op::OpKind;
use pacelc::scenario::{Overrides, Source, load, systems};
use pacelc::time::Duration;
use std::collections::BTreeMap;

/// A scenario whose modes are these, as TOML.
fn scenario(modes: &str) -> String {
    format!(
        r#"
question = "What is each system like?"
analysis = "Three regions, a few keys."
regions  = "aws"
replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
operations = 300
[[clients]]
region   = "us-east-1"
sessions = 4
[[clients]]
region   = "eu-west-1"
sessions = 4
[workload]
ycsb     = "A"
records  = 10
arrivals = {{ poisson = {{ rate = 20 }} }}
{modes}
"#
    )
}

#[test]
fn every_configuration_runs_and_keeps_what_its_protocol_promises() {
    let mut modes: BTreeMap<&str, String> = BTreeMap::new();
    for system in systems::all().expect("every file is well formed") {
        for one in &system.configurations {
            let object = match one.config.get("conflicts").and_then(|rule| rule.as_str()) {
                Some("pn-counter") => "counter",
                Some("add-wins" | "cart-union") => "set",
                _ => "register",
            };
            modes.entry(object).or_default().push_str(&format!(
                "[[modes]]\nsystem = \"{}\"\nconfiguration = \"{}\"\n",
                system.name, one.name
            ));
        }
    }
    let of = |(object, modes): (&&str, &String)| {
        let mix = format!("object = \"{object}\"\nread = 0.5\nupdate = 0.5");
        plans(&scenario(modes).replace("ycsb     = \"A\"", &mix))
    };
    let cells: Vec<_> = modes.iter().flat_map(of).collect();
    assert!(cells.len() > 70, "{}", cells.len());
    let mut broken = Vec::new();
    for cell in &cells {
        let claim = cell.claim.as_ref().expect("a system's level");
        assert_eq!(claim.level, cell.name.level);
        for seed in 1..=3 {
            let history = simulate(&perturbed(cell, seed), seed).history;
            let verdict = judge(&history, promise(cell));
            if verdict != Verdict::Holds {
                broken.push(format!("{}, seed {seed}: {verdict:?}", cell.name));
            }
        }
    }
    assert!(broken.is_empty(), "{} promises broken:\n{}", broken.len(), broken.join("\n"));
}

/// With pr = pw = 0 a node that is cut off holds the fallback copies of both others; without, it has no quorum.
#[test]
fn riak_answers_a_quorum_on_the_side_that_is_cut_off_by_fallback_copies() {
    let answered = |configuration: &str, sloppy: bool| {
        let modes = format!(
            "[[faults]]\ncut = [\"eu-west-1\"]\nstart = \"2s\"\nend = \"8s\"\n\
             [[modes]]\nsystem = \"riak\"\nconfiguration = \"{configuration}\"\n\
             config = {{ sloppy = {sloppy} }}\nlevels = [\"quorum\"]\n"
        );
        let text = scenario(&modes).replace("operations = 300", "duration = \"12s\"");
        let cell = plans(&text).remove(0);
        let history = simulate(&cell, 1).history;
        assert_eq!(judge(&history, promise(&cell)), Verdict::Holds, "{}", cell.name);
        assert!(history.finals.windows(2).all(|pair| pair[0] == pair[1]), "they end alike");
        let window = history.windows[0];
        let under = |op: &&Operation| {
            let there = history.groups[usize::from(op.group)] == "eu-west-1";
            there && window.start < op.invoked && op.invoked + Duration::secs(2) < window.end
        };
        let asked: Vec<&Operation> = history.operations.iter().filter(under).collect();
        let answered =
            asked.iter().filter(|op| op.status == Status::Ok && op.completed < window.end);
        (answered.count(), asked.len())
    };
    for configuration in ["default", "last-write-wins"] {
        let (sloppy, asked) = answered(configuration, true);
        assert!(sloppy == asked && asked > 20, "{configuration}: {sloppy} of {asked}");
        let (strict, asked) = answered(configuration, false);
        assert!(strict == 0 && asked > 0, "{configuration}: {strict} of {asked}");
    }
}

/// CouchDB's 409: one database has one branch of each document, and two that cannot hear each other take both.
#[test]
fn couchdb_refuses_what_does_not_follow_and_branches_where_nobody_could_know() {
    let run = |replicas: &str, fault: &str| {
        let mode = "[[modes]]\nsystem = \"couchdb\"\nconfiguration = \"default\"\n";
        let text = scenario(&format!("{fault}{mode}"))
            .replace("operations = 300", "duration = \"12s\"")
            .replace(r#"["us-east-1", "eu-west-1", "ap-southeast-1"]"#, replicas);
        let cell = plans(&text).remove(0);
        let history = simulate(&cell, 1).history;
        assert_eq!(judge(&history, promise(&cell)), Verdict::Holds, "{}", cell.name);
        let count = |status| history.operations.iter().filter(|op| op.status == status).count();
        let branches: usize = history.finals.iter().map(|state| state.siblings.len()).sum();
        assert_eq!(count(Status::Failed) + count(Status::Unknown), 0, "a refusal is an answer");
        (count(Status::Refused), branches)
    };
    let (refused, branches) = run(r#"["us-east-1"]"#, "");
    assert!(refused > 100 && branches == 0, "{refused} refused, {branches} branches");
    let cut = "[[faults]]\ncut = [\"eu-west-1\"]\nstart = \"2s\"\nend = \"8s\"\n";
    let (refused, branches) = run(r#"["us-east-1", "eu-west-1"]"#, cut);
    assert!(refused > 100 && branches > 0, "{refused} refused, {branches} branches");
}

/// How long after a cut of so many seconds, which leader or owner are behind, a write of the other side is acknowledged;
/// what was under way when it began does not count.
fn first_write_after(system: &str, configuration: &str, cut: u64) -> Duration {
    let modes = format!(
        "[[faults]]\ncut = [\"us-east-1\"]\nstart = \"2s\"\nend = \"{}s\"\n[[modes]]\nsystem = \"{system}\"\n\
         configuration = \"{configuration}\"\nlevels = [\"linearizable\"]\n",
        2 + cut
    );
    let duration = cut + 8;
    let patient =
        format!("timeout = \"3s\"\nattempt_timeout = \"500ms\"\nduration = \"{duration}s\"");
    let text =
        scenario(&modes).replace("operations = 300", &patient).replace("rate = 20", "rate = 2");
    let cell = plans(&text).remove(0);
    let history = simulate(&cell, 1).history;
    assert_eq!(judge(&history, promise(&cell)), Verdict::Holds, "{}", cell.name);
    let window = history.windows[0];
    let elsewhere = |op: &&Operation| {
        let there = history.groups[usize::from(op.group)] != "us-east-1";
        let later = window.start + Duration::secs(2);
        there && op.kind == OpKind::Write && op.status == Status::Ok && later < op.completed
    };
    let first = history.operations.iter().filter(elsewhere).map(|op| op.completed).min();
    first.expect("in the end somebody writes").since(window.start)
}

#[test]
fn spanner_waits_for_a_lease_of_ten_seconds_and_hbase_for_a_session_of_ninety() {
    let spanner = first_write_after("spanner", "default", 20);
    assert!((10.0..15.0).contains(&spanner.as_secs()), "{spanner}");
    let hbase = first_write_after("hbase", "reassignment", 110);
    assert!((90.0..95.0).contains(&hbase.as_secs()), "{hbase}");
    // Along a chain nobody takes over.
    let chain = first_write_after("hbase", "default", 30);
    assert!(chain.as_secs() >= 30.0, "{chain}");
}

#[test]
fn a_mode_names_a_system_and_may_change_its_settings() {
    let cells = plans(&scenario(
        "[[modes]]\nsystem = \"etcd\"\n\
         [[modes]]\nsystem = \"cassandra\"\nlevels = [\"quorum\"]\n\
         [[modes]]\nname = \"hasty\"\nsystem = \"etcd\"\nconfig = { heartbeat = \"20ms\" }\n\
         [[modes]]\nsystem = \"postgresql\"\nconfiguration = \"on\"\n",
    ));
    let names: Vec<String> = cells.iter().map(|cell| cell.name.to_string()).collect();
    assert_eq!(names[0], "test/etcd/linearizable");
    assert_eq!(names[1], "test/etcd/eventual-nearest");
    assert_eq!(names[2], "test/cassandra/quorum");
    assert_eq!(names[3], "test/hasty/linearizable");
    assert_eq!(names[5], "test/postgresql-on/linearizable");
    let of = |at: usize, key: &str| cells[at].config[key].as_str().expect("text").to_owned();
    assert_eq!((of(3, "heartbeat"), of(3, "election_timeout")), ("20ms".into(), "1s".into()));
    assert_eq!(of(5, "reached"), "disk");
    assert_eq!(cells[2].claim.as_ref().expect("a claim").called, "QUORUM");
}

/// Cassandra's lightweight transactions are levels of its one store, and of these SERIAL alone compares.
#[test]
fn of_a_system_s_levels_those_are_run_that_serve_what_keys_hold() {
    let text = |object: &str, configuration: &str| {
        let text = scenario(&format!(
            "[[modes]]\nsystem = \"cassandra\"\nconfiguration = \"{configuration}\"\n"
        ));
        // Who compares has read.
        text.replace("ycsb     = \"A\"", &format!("ycsb = \"F\"\nobject = \"{object}\""))
    };
    let called = |object: &str| {
        let cells = plans(&text(object, "lwt"));
        assert!(cells.iter().all(|cell| cell.protocol == "leaderless"));
        let claims = cells.iter().filter_map(|cell| cell.claim.as_ref());
        claims.map(|claim| claim.called.clone()).collect::<Vec<String>>()
    };
    assert_eq!(called("register"), ["SERIAL", "LOCAL_SERIAL"]);
    assert_eq!(called("cas-register"), ["SERIAL"]);
    let source = Source::new("s.toml", &text("cas-register", "default"));
    let refused = load(&source, &Catalog::builtin(), &Overrides::default()).expect_err("no level");
    let says = "no level of this configuration of Apache Cassandra serves a cas-register; take its \
                configuration `lwt`";
    assert!(refused.to_string().contains(says), "{refused}");
}

#[test]
fn what_does_not_fit_is_refused_in_its_line() {
    let refused = |modes: &str| {
        let source = Source::new("s.toml", &scenario(modes));
        load(&source, &Catalog::builtin(), &Overrides::default()).expect_err(modes).to_string()
    };
    for (modes, says) in [
        ("[[modes]]\nsystem = \"etdc\"", "s.toml:18: unknown system `etdc`; did you mean `etcd`?"),
        (
            "[[modes]]\nsystem = \"mysql\"\nconfiguration = \"semisync\"",
            "s.toml:19: unknown configuration of MySQL and MariaDB `semisync`; did you mean",
        ),
        ("[[modes]]\nsystem = \"etcd\"\nprotocol = \"raft\"", "s.toml:17: a mode names either"),
        (
            "[[modes]]\nprotocol = \"raft\"\nconfiguration = \"on\"",
            "s.toml:17: a mode names either",
        ),
        ("[[modes]]\nname = \"x\"", "s.toml:17: a mode names either a protocol or a system"),
        (
            "[[modes]]\nsystem = \"etcd\"\nlevels = [\"quorum\"]",
            "s.toml:19: raft does not offer quorum",
        ),
    ] {
        let message = refused(modes);
        assert!(message.starts_with(says), "{message}\ninstead of\n{says}");
    }
}
