//! Interaction scripts: who sends what to whom, and when, for one write and one read at every level of
//! every protocol, under constant delays.
//!
//! A change of a script is a change of a protocol. It is made on purpose, read in the diff, and accepted
//! with `PACELC_REWRITE=1 cargo test --test golden`.

mod common;

use common::plan;
use pacelc::catalog::{Catalog, ProtocolEntry};
use pacelc::op::{Level, OpKind};
use pacelc::scenario::plan::Plan;
use pacelc::time::Duration;
use pacelc::world::{Step, Trace};
use std::fmt::Write as _;
use std::path::Path;

/// Settings beside each protocol's plain ones that send other messages: the file's name, the protocol,
/// the settings.
const OTHERS: [(&str, &str, &str); 11] = [
    (
        "primary-backup-fail-over",
        "primary-backup",
        "acknowledge = \"any 1\", fail_over.detect = \"2s\", fail_over.step_down = \"1s\"",
    ),
    ("primary-backup-all", "primary-backup", "acknowledge = \"all\""),
    ("raft-commit-wait", "raft", "uncertainty = \"5ms\", reads = \"closed-timestamp\""),
    ("chain-apportioned", "chain", "apportioned = true"),
    ("leaderless-write-back", "leaderless", "write_back = true"),
    ("leaderless-siblings", "leaderless", "conflicts = \"siblings\""),
    ("multi-leader-causal", "multi-leader", "causal = true"),
    ("paxos-region", "paxos", "scope = \"region\""),
    ("multi-leader-siblings", "multi-leader", "conflicts = \"siblings\""),
    ("escrow-optimistic", "escrow", "guard = \"none\""),
    ("kubernetes-two-members", "kubernetes", "control_plane = 2"),
];

/// Three replicas 20, 30 and 40 ms apart, a client beside the second, a sync of 1 ms.
fn script(protocol: &str, config: &str, level: Level) -> Plan {
    // Registers, where a protocol has them.
    let object = match protocol {
        "escrow" => "object = \"stock\"\n        units = 30",
        _ => "",
    };
    plan(&format!(
        r#"
        question = "Who sends what to whom?"
        analysis = "One session writes and reads one key."
        replicas = ["a", "b", "c"]
        clients = [{{ region = "b", sessions = 1 }}]
        operations = 8
        levels = ["{level}"]
        replica = {{ disk_ms = 1 }}
        modes = [{{ protocol = "{protocol}", config = {{ {config} }} }}]

        [workload]
        read = 0.5
        update = 0.5
        records = 1
        {object}
        think_ms = 1000
        arrivals = "closed"

        [regions]
        symmetric = true
        intra_az_rtt_ms = 0.5
        cross_az_rtt_ms = 1
        [regions.rtt_ms.a]
        b = 20
        c = 30
        [regions.rtt_ms.b]
        c = 40
        "#
    ))
}

/// What the second write and the read after it caused.
fn interaction(entry: &ProtocolEntry, config: &str, level: Level) -> String {
    let plan = script(entry.name, config, level);
    let history = entry.simulate(&plan, 3, None).expect("it runs").history;
    let ids = |kind| (0..).zip(&history.operations).filter(move |(_, op)| op.kind == kind);
    let write = ids(OpKind::Write).nth(1).expect("two writes").0;
    let read = ids(OpKind::Read).find(|(id, _)| *id > write).expect("a read after it").0;
    let mut trace = Trace { wanted: [write, read].into(), ..Trace::default() };
    entry.simulate(&plan, 3, Some(&mut trace)).expect("it runs");
    let name = |node: u32| match node {
        0..3 => ["a", "b", "c"][node as usize],
        _ => "client",
    };
    // What only repeats the level would make scripts differ that do not.
    let (level, any) = (format!("level: {level:?}"), "level: _");
    let mut text = String::new();
    for (word, id) in [("write", write), ("read", read)] {
        let op = &history.operations[id as usize];
        let ms = |d: Duration| format!("{:9.3}", d.as_ms());
        let _ = writeln!(text, "{word}, {} ms", op.completed.since(op.invoked).as_ms());
        for step in trace.steps.iter().filter(|step| step.op() == id) {
            let _ = match step {
                Step::Sent { at, arrives, from, to, text: message, .. } => {
                    let arrives = arrives.map_or("never".into(), |at| ms(at.since(op.invoked)));
                    let [from, to] = [from, to].map(|node| name(node.0));
                    let at = ms(at.since(op.invoked));
                    let message = message.replace(&level, any);
                    writeln!(text, "{at} {from:>6} -> {to:6} {arrives}  {message}")
                }
                Step::Synced { at, node, .. } => {
                    writeln!(text, "{} {:>6} synced", ms(at.since(op.invoked)), name(node.0))
                }
            };
        }
    }
    text
}

/// All levels of a protocol; those that do the same are told once.
fn page(entry: &ProtocolEntry, config: &str) -> String {
    let settings: toml::Table = config.replace(", ", "\n").parse().expect("settings");
    let levels = Level::NAMES.iter().filter_map(|name| name.parse().ok());
    let mut scripts: Vec<(Vec<String>, String)> = Vec::new();
    for level in levels.filter(|level| entry.offer(&settings, *level).is_some()) {
        let text = interaction(entry, config, level);
        match scripts.iter_mut().find(|(_, known)| *known == text) {
            Some((levels, _)) => levels.push(level.to_string()),
            None => scripts.push((vec![level.to_string()], text)),
        }
    }
    let mut page = format!("{} {{ {config} }}\n", entry.name);
    for (levels, text) in scripts {
        let _ = write!(page, "\n== {}\n{text}", levels.join(", "));
    }
    page
}

#[test]
fn every_protocol_keeps_to_its_script() {
    let mut changed = Vec::new();
    let catalog = Catalog::builtin();
    let plain = catalog.protocols().iter().map(|entry| (entry.name, entry.name, entry.plain));
    for (name, protocol, config) in plain.chain(OTHERS) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
        let now = page(catalog.find(protocol).expect("built in"), config);
        if std::env::var_os("PACELC_REWRITE").is_some() {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("it is made");
            std::fs::write(&file, &now).expect("it is written");
        }
        let before = std::fs::read_to_string(&file).unwrap_or_default();
        if let Some((line, (was, is))) =
            (1..).zip(before.lines().zip(now.lines())).find(|(_, (was, is))| was != is)
        {
            changed.push(format!("{name}:{line}\n  was {was}\n  is  {is}"));
        } else if before != now {
            changed.push(format!("{name}: shorter or longer than before"));
        }
    }
    let advice = "if it is meant, run this test with PACELC_REWRITE=1 set and read the diff";
    assert!(changed.is_empty(), "{}\n{advice}", changed.join("\n"));
}
