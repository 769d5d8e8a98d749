//! Scenarios from a few words: any systems, regions, fault and workload, without a file; and saved ones.

use crate::common::plans;
use crate::common::program::{Desk, assert_same_files};
use pacelc::catalog::Catalog;
use pacelc::scenario::ad_hoc::AdHoc;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::presets::{FAULTS, WORKLOADS};

const REGIONS: &str = "us-east-1,eu-west-1,ap-southeast-1";

#[test]
fn a_few_words_are_a_scenario_and_a_saved_one_gives_the_same_bytes() {
    let desk = Desk::new();
    let words = ["run", "-s", "etcd,cassandra/trusted-clocks", "-l", "^linear", "-l", "quorum"];
    let words =
        [&words[..], &["--regions", REGIONS, "--fault", "isolate-region:eu-west-1"]].concat();
    let words = [&words[..], &["--seeds", "1"]].concat();
    let plain = desk.ok(&[&words[..], &["-o", "plain"]].concat());
    assert!(plain.contains("etcd") && plain.contains("cassandra-trusted-clocks"), "{plain}");
    desk.ok(&[&words[..], &["-o", "saving", "--save", "cut.toml"]].concat());
    let file = ["run", "cut.toml", "-l", "^linear", "-l", "quorum", "--seeds", "1", "-o", "saved"];
    desk.ok(&file);
    assert_same_files(&desk.path("saving"), &desk.path("saved"));
    // But for the scenario's name and the commands, the rows are those of the run without a file.
    let bare = |folder: &str, name: &str| {
        let rows = desk.read(&format!("{folder}/rows.jsonl"));
        let rows = rows.replace(&format!("{name}/"), "").replace(&format!("\"{name}\""), "");
        rows.lines()
            .map(|row| row.split("\"replay\"").next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(bare("plain", "ad-hoc"), bare("saved", "cut"));
    // Saving again changes nothing; saving something else is refused.
    desk.ok(&[&words[..], &["-o", "saving", "--save", "cut.toml"]].concat());
    let before = desk.read("cut.toml");
    let other = ["run", "-s", "etcd", "--save", "cut.toml", "-o", "out"];
    assert!(desk.refused(&other).contains("cut.toml is there already"));
    assert_eq!(desk.read("cut.toml"), before);
}

#[test]
fn a_cell_without_a_file_is_replayed_by_its_words() {
    let desk = Desk::new();
    let words = ["-s", "etcd", "--fault", "crash-leader", "--workload", "counter"];
    let run = [&["run"][..], &words, &["-l", "^linear", "--seeds", "1", "-o", "r"]].concat();
    desk.ok(&run);
    let rows = desk.read("r/rows.jsonl");
    let replay = "pacelc explain ad-hoc/etcd/linearizable -s etcd --fault crash-leader --workload counter --seed 1";
    assert!(rows.contains(&format!("\"{replay}\"")), "{}", rows.lines().next().unwrap_or_default());
    let told = desk.ok(&[&["explain", "ad-hoc/etcd/linearizable"][..], &words].concat());
    assert!(told.contains("verdict   holds") && told.contains("add 1"), "{told}");
    let listed = desk.ok(&[&["list", "--cells"][..], &words].concat());
    assert!(listed.starts_with("ad-hoc/etcd/linearizable"), "{listed}");
}

#[test]
fn every_fault_and_every_workload_makes_a_scenario() {
    let desk = Desk::new();
    let (faults, workloads) = (desk.ok(&["list", "--faults"]), desk.ok(&["list", "--workloads"]));
    let made = |fault: &str, workload: &str| {
        let words = AdHoc {
            // Of these all but two fail over, and two of them forget what is not on disk.
            systems: [
                "raft",
                "mongodb",
                "mongodb/w1",
                "redis",
                "redis/wait",
                "mysql",
                "postgresql",
            ]
            .map(str::to_owned)
            .to_vec(),
            regions: Some("gcp:us-east1,europe-west1,asia-southeast1".into()),
            fault: Some(fault.into()),
            workload: Some(workload.into()),
        };
        plans(&words.source("made.toml", &Catalog::builtin()).expect(fault).text)
    };
    for preset in FAULTS {
        assert!(faults.contains(preset.name) && faults.contains(preset.about));
        let cells = made(preset.name, "ycsb-a");
        let broken = preset.name != "none";
        let calm = |cell: &Plan| cell.faults.is_empty() && cell.random_faults.is_none();
        assert!(cells.iter().all(|cell| broken != calm(cell)), "{}", preset.name);
        if preset.takes_region {
            let elsewhere = made(&format!("{}:asia-southeast1", preset.name), "ycsb-a");
            assert_ne!(elsewhere[0].faults, cells[0].faults, "{}", preset.name);
        }
    }
    for preset in WORKLOADS {
        assert!(workloads.contains(preset.name) && workloads.contains(preset.about));
        assert!(made("none", preset.name).len() > 5, "{}", preset.name);
    }
}

#[test]
fn every_object_outlives_a_primary_that_crashes() {
    let desk = Desk::new();
    for workload in ["counter", "set", "compare-and-set", "stock", "lock"] {
        let words = ["run", "-s", "redis/cluster,mongodb/w1", "--fault", "isolate-leader"];
        let words =
            [&words[..], &["--workload", workload, "--seeds", "1", "-o", workload]].concat();
        let told = desk.ok(&words);
        assert!(told.contains("redis-cluster") && !told.contains('✗'), "{workload}: {told}");
    }
}

#[test]
fn words_that_do_not_fit_get_the_nearest_that_do() {
    let desk = Desk::new();
    desk.write("two.csv", "# symmetric\nfrom\\to,here,there\nhere,-,20\nthere,-,-\n");
    for (words, says) in [
        ("-s etdc", "unknown system or protocol `etdc`; did you mean `etcd`?"),
        (
            "-s raft/default",
            "-s raft/default: raft is a protocol and has no configurations; write raft",
        ),
        ("-s mongodb/w2", "unknown configuration of MongoDB `w2`; did you mean `w1`?"),
        ("-s etcd --fault isolate-regoin", "unknown fault `isolate-regoin`; did you mean"),
        ("-s etcd --fault loss:us-est-1", "unknown region `us-est-1`; did you mean `us-east-1`?"),
        ("-s etcd --fault drift:us-east-1", "--fault drift strikes no region"),
        ("-s etcd --workload ycsb-x", "unknown workload `ycsb-x`; did you mean `ycsb-"),
        (
            "-s raft,cassandra --workload counter",
            "-s cassandra: leaderless, so configured, keeps no",
        ),
        ("-s etcd --regions aws", "--regions: `aws` has 32 regions; name those that are meant"),
        ("-s etcd --regions us-est-1", "--regions: unknown region or region set `us-est-1`"),
        ("-s etcd --regions two.csv --fault partial", "--fault partial needs 3 regions"),
        (
            "-s cassandra --workload compare-and-set",
            "-s cassandra: no level of this configuration of Apache Cassandra serves a cas-register; take \
             its configuration `lwt`",
        ),
        (
            "-s cassandra/trusted-clocks --workload compare-and-set",
            "-s cassandra/trusted-clocks: no",
        ),
        (
            "-s etcd --regions us-west-2,us-esat-1",
            "--regions: unknown region or region set `us-esat-1`; did you mean `us-east-1`?",
        ),
        ("-s etcd,etcd", "-s etcd: two modes are named etcd"),
        (
            "-s etcd aws-three-regions",
            "-s makes a scenario of its own; leave out aws-three-regions",
        ),
        ("--fault loss", "--fault goes with -s SYSTEMS"),
        ("-s etcd --save x.txt", "--save x.txt: a scenario's file ends in .toml"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let message = desk.refused(&[&["run", "-o", "out"], &words[..]].concat());
        assert!(message.starts_with(says), "{message}\ninstead of\n{says}");
    }
    let two = ["run", "-s", "etcd", "--regions", "two.csv", "-l", "linear", "--smoke", "-o", "two"];
    assert!(desk.ok(&two).contains("linearizable"));
    std::fs::create_dir(desk.path("saved")).expect("a folder");
    desk.ok(&[&two[..], &["--save", "saved/two.toml"]].concat());
    desk.ok(&["run", "saved/two.toml", "--smoke", "-o", "two"]);
}

#[test]
fn a_system_where_too_few_replicas_are_leaves_levels_out_and_says_so() {
    let desk = Desk::new();
    let words = ["list", "--cells", "-s", "cassandra", "--regions", "us-east-1,eu-west-1"];
    let listed = desk.run(&words);
    assert_eq!(listed.status, 0, "{}", listed.stderr);
    assert!(listed.stdout.contains("cassandra/two") && !listed.stdout.contains("cassandra/three"));
    let said = "ad-hoc: cassandra leaves a level out: `three` asks for 3 replicas; there are 2";
    assert!(listed.stderr.contains(said), "{}", listed.stderr);
    let asked = desk.run(&[&words[..], &["-l", "three"]].concat());
    assert_eq!(asked.status, 2);
    assert!(asked.stderr.contains(said), "{}", asked.stderr);
    let compared = ["list", "--cells", "-s", "cassandra/lwt", "--workload", "compare-and-set"];
    assert!(desk.ok(&compared).contains("cassandra-lwt/serial"));
}

#[test]
fn a_swarm_counts_shrinks_and_keeps_what_breaks() {
    let desk = Desk::new();
    let sound = desk.ok(&["swarm", "-s", "etcd", "-l", "^linear", "-n", "3"]);
    assert!(
        sound.contains("ad-hoc/etcd/linearizable") && sound.contains("\n3 schedules, "),
        "{sound}"
    );
    // Three times forty seconds under load.
    assert!(sound.contains(" of virtual time, of which 120.0 s under load; "), "{sound}");
    let text = include_str!("../../scenarios/smoke/smoke-random.toml");
    let flawed = "protocol = \"raft\"\nconfig = { flaw = \"answers-before-majority\" }";
    desk.write("flawed.toml", &text.replace("protocol = \"raft\"", flawed));
    let words = ["swarm", "flawed.toml", "-p", "^raft$", "-n", "40"];
    let found = desk.run(&[&words[..], &["--save", "kept.toml"]].concat());
    assert_eq!(found.status, 1, "{}", found.stderr);
    let line = |start: &str| found.stdout.lines().find_map(|line| line.trim().strip_prefix(start));
    let replay = line("replay with: pacelc ").expect("a command");
    let replayed = desk.run(&replay.split(' ').collect::<Vec<_>>());
    assert!(
        replayed.status == 1
            && replayed.stdout.contains("violated")
            && replayed.stdout.contains("\nfault "),
        "{}",
        replayed.stdout
    );
    let kept = line("kept; run it with: pacelc ").expect("another command");
    assert_eq!(
        desk.run(&[&kept.split(' ').collect::<Vec<_>>()[..], &["-o", "k"]].concat()).status,
        1
    );
    // What is gone breaks no promise of an asynchronous store; whoever replays it is shown it all the same.
    let hasty = text
        .replace("acknowledge = \"all\", fail_over", "acknowledge = \"async\", fail_over")
        .replacen("\"linearizable\"", "\"eventual-nearest\"", 1);
    desk.write("hasty.toml", &hasty);
    let lossy = desk.run(&["swarm", "hasty.toml", "-p", "^sync$", "-n", "12", "--lossless"]);
    assert_eq!(lossy.status, 1, "{}", lossy.stdout);
    let command =
        lossy.stdout.lines().find_map(|line| line.trim().strip_prefix("replay with: pacelc "));
    let shown = desk.ok(&command.expect("a command").split(' ').collect::<Vec<_>>());
    assert!(shown.contains("verdict   holds\ngone      "), "{shown}");
    assert!(shown.contains(": acknowledged, and gone in the end\nwrite of key "), "{shown}");
    let one = desk.run(&[&words[..], &["--threads", "1"]].concat());
    let three = desk.run(&[&words[..], &["--threads", "3"]].concat());
    assert_eq!(one.stdout, three.stdout);
    for (words, says) in [
        ("swarm", "a swarm is of something"),
        ("swarm aws-three-regions", "scenarios/curated/aws-three-regions.toml draws no faults"),
        ("swarm -s etcd --fault loss", "a swarm draws its faults; leave out --fault loss"),
    ] {
        let message = desk.refused(&words.split(' ').collect::<Vec<_>>());
        assert!(message.starts_with(says), "{message}");
    }
}
