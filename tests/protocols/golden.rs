//! Interaction scripts: who sends what to whom, and when, under constant delays: for one write and one read
//! at every level of every protocol, through a cut where a setting is about cuts, and for two updates of one
//! key at one moment under every conflict rule.
//!
//! A change of a script is a change of a protocol. It is made on purpose, read in the diff, and accepted
//! with `PACELC_REWRITE=1 cargo test --test protocols golden::`.

use crate::common::plan;
use pacelc::catalog::{Catalog, ProtocolEntry};
use pacelc::history::Operation;
use pacelc::op::{Level, OpKind};
use pacelc::protocol::parts::merge::Rule;
use pacelc::scenario::plan::Plan;
use pacelc::time::{Duration, Instant};
use pacelc::world::{Step, Trace};
use std::fmt::Write as _;
use std::path::Path;

/// Settings beside each protocol's plain ones that send other messages: the file's name, the protocol,
/// the settings.
const OTHERS: [(&str, &str, &str); 18] = [
    (
        "primary-backup-fail-over",
        "primary-backup",
        "acknowledge = \"any 1\", fail_over.detect = \"2s\", fail_over.step_down = \"1s\"",
    ),
    ("primary-backup-all", "primary-backup", "acknowledge = \"all\""),
    ("primary-backup-memory", "primary-backup", "acknowledge = \"any 1\", reached = \"memory\""),
    (
        "primary-backup-applied",
        "primary-backup",
        "acknowledge = \"any 1\", reached = \"applied\", apply_delay = \"20ms\"",
    ),
    ("raft-commit-wait", "raft", "uncertainty = \"5ms\", reads = \"closed-timestamp\""),
    ("chain-apportioned", "chain", "apportioned = true"),
    ("leaderless-write-back", "leaderless", "write_back = true"),
    ("leaderless-siblings", "leaderless", "conflicts = \"siblings\""),
    ("multi-leader-causal", "multi-leader", "causal = true"),
    ("multi-leader-star", "multi-leader", "topology = \"star\", hub = 2"),
    ("multi-leader-ring", "multi-leader", "topology = \"ring\""),
    ("paxos-region", "paxos", "scope = \"region\""),
    ("multi-leader-siblings", "multi-leader", "conflicts = \"siblings\""),
    ("multi-leader-counter", "multi-leader", "conflicts = \"pn-counter\""),
    ("multi-leader-set", "multi-leader", "conflicts = \"add-wins\""),
    ("leaderless-counter", "leaderless", "conflicts = \"pn-counter\""),
    ("escrow-optimistic", "escrow", "guard = \"none\""),
    ("kubernetes-two-members", "kubernetes", "control_plane = 2"),
];

/// What only a cut brings about: the file's name, the protocol, the settings, who is cut off from 2 s to 6 s,
/// the levels, and which messages belong to the story though no operation has caused them but a timer.
struct Cut {
    file: &'static str,
    protocol: &'static str,
    config: &'static str,
    site: &'static str,
    levels: &'static [&'static str],
    late: &'static [&'static str],
}

/// One session, beside the second replica.
const BESIDE_B: &str = "{ region = \"b\", sessions = 1 }";

const CUTS: [Cut; 4] = [
    // One of the key's two replicas is cut off; the node that is none of them stands in for it.
    Cut {
        file: "leaderless-sloppy",
        protocol: "leaderless",
        config: "n = 2, sloppy = true",
        site: "c",
        levels: &["quorum", "one", "R=one,W=any"],
        late: &["Store", "Reply", "Fetch"],
    },
    // Replicas are three, and the coordinator keeps what one of them has missed.
    Cut {
        file: "leaderless-hints",
        protocol: "leaderless",
        config: "",
        site: "c",
        levels: &["quorum"],
        late: &["Store"],
    },
    Cut {
        file: "primary-backup-fall-back",
        protocol: "primary-backup",
        config: "acknowledge = \"all\", fall_back = \"300ms\"",
        site: "c",
        levels: &["linearizable"],
        late: &["Reply", "Ship"],
    },
    Cut {
        file: "primary-backup-wait",
        protocol: "primary-backup",
        config: "acknowledge = \"all\", wait_timeout = \"300ms\"",
        site: "c",
        levels: &["linearizable"],
        late: &["Reply", "Ship"],
    },
];

/// Three replicas 20, 30 and 40 ms apart, a sync of 1 ms, and these sessions.
fn script(protocol: &str, config: &str, level: Level, clients: &str, object: &str) -> String {
    format!(
        r#"
        question = "Who sends what to whom?"
        analysis = "One key is written and read."
        replicas = ["a", "b", "c"]
        clients = [{clients}]
        operations = 8
        levels = ["{level}"]
        replica = {{ disk_ms = 1 }}
        modes = [{{ protocol = "{protocol}", config = {{ {config} }} }}]

        [workload]
        read = 0.5
        update = 0.5
        records = 1
        object = "{object}"
        {stock}
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
        "#,
        stock = if object == "stock" { "units = 30" } else { "" },
    )
}

/// What operations of these names caused, and those messages that no operation caused, told after these.
fn told(entry: &ProtocolEntry, plan: &Plan, named: &[(String, u32)], late: &[&str]) -> String {
    let mut trace = Trace { wanted: named.iter().map(|(_, id)| *id).collect(), ..Trace::default() };
    trace.wanted.extend((!late.is_empty()).then_some(u32::MAX));
    let history = entry.simulate(plan, 3, Some(&mut trace)).expect("it runs").history;
    let mut text = String::new();
    for (name, id) in named {
        let op = &history.operations[*id as usize];
        let _ = writeln!(text, "{name}, {} ms", op.completed.since(op.invoked).as_ms());
        for step in trace.steps.iter().filter(|step| step.op() == *id) {
            tell(&mut text, step, op.invoked);
        }
    }
    let first = history.operations[named[0].1 as usize].invoked;
    let mut afterwards = trace.steps.iter().filter(|step| match step {
        Step::Sent { op, at, text, .. } => {
            *op == u32::MAX && *at > first && late.iter().any(|word| text.starts_with(word))
        }
        Step::Synced { .. } => false,
    });
    if let Some(step) = afterwards.next() {
        text.push_str("what timers did, from the first on\n");
        tell(&mut text, step, first);
        afterwards.for_each(|step| tell(&mut text, step, first));
    }
    text
}

/// One line, in milliseconds since this moment.
fn tell(text: &mut String, step: &Step, since: Instant) {
    let ms = |at: Instant| format!("{:9.3}", at.since(since).as_ms());
    let name = |node: u32| match node {
        0..3 => ["a", "b", "c"][node as usize],
        _ => "client",
    };
    let _ = match step {
        Step::Sent { at, arrives, from, to, text: message, .. } => {
            let arrives = arrives.map_or("    never".into(), ms);
            let [from, to] = [from, to].map(|node| name(node.0));
            writeln!(text, "{} {from:>6} -> {to:6} {arrives}  {message}", ms(*at))
        }
        Step::Synced { at, node, .. } => {
            writeln!(text, "{} {:>6} synced", ms(*at), name(node.0))
        }
    };
}

/// What the second write and the read after it caused; in a cut, the third as well.
fn interaction(entry: &ProtocolEntry, config: &str, level: Level, cut: Option<&Cut>) -> String {
    // Registers, where a protocol has them, so configured.
    let object = match entry.name {
        "escrow" => "stock",
        _ if config.contains("pn-counter") => "counter",
        _ if config.contains("add-wins") => "set",
        _ => "register",
    };
    let mut text = script(entry.name, config, level, BESIDE_B, object);
    if let Some(Cut { site, .. }) = cut {
        let _ = write!(text, "[[faults]]\ncut = [\"{site}\"]\nstart = \"2s\"\nend = \"6s\"");
    }
    let plan = plan(&text);
    let history = entry.simulate(&plan, 3, None).expect("it runs").history;
    let ids = |kind| (0..).zip(&history.operations).filter(move |(_, op)| op.kind == kind);
    let writes = ids(OpKind::Write).skip(1).take(1 + usize::from(cut.is_some()));
    let mut named: Vec<(String, u32)> = writes.map(|(id, _)| ("write".to_owned(), id)).collect();
    let last = named.last().expect("two writes").1;
    let read = ids(OpKind::Read).find(|(id, _)| *id > last).expect("a read after them").0;
    named.push(("read".to_owned(), read));
    let text = told(entry, &plan, &named, cut.map_or(&[], |cut| cut.late));
    // What only repeats the level would make scripts differ that do not.
    text.replace(&format!("level: {level:?}"), "level: _")
}

/// All levels of a protocol; those that do the same are told once.
fn page(entry: &ProtocolEntry, config: &str, cut: Option<&Cut>) -> String {
    let settings: toml::Table = config.replace(", ", "\n").parse().expect("settings");
    let names = cut.map_or(&Level::NAMES[..], |cut| cut.levels);
    let levels = names.iter().filter_map(|name| name.parse().ok());
    let mut scripts: Vec<(Vec<String>, String)> = Vec::new();
    for level in levels.filter(|level| entry.offer(&settings, *level).is_some()) {
        let text = interaction(entry, config, level, cut);
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

/// The stores that have each rule: how it is told, the protocol, its settings, the level.
const STORES: [(&str, &str, &str, &str); 3] = [
    ("", "multi-leader", "", "eventual-nearest"),
    ("clock", "multi-leader", "stamps = \"clock\", ", "eventual-nearest"),
    ("", "leaderless", "", "one"),
];

/// Two sessions, beside the first replica and beside the second, update one key at one moment; both read it
/// a second later.
fn meeting(rule: Rule) -> String {
    let mut page = format!("{}: {}\n", rule.name(), rule.about());
    let catalog = Catalog::builtin();
    for (stamps, protocol, settings, level) in STORES {
        if !stamps.is_empty() && rule.merges() {
            continue;
        }
        let config = format!("{settings}conflicts = \"{}\"", rule.name());
        let level: Level = level.parse().expect("a level");
        let client = |region: &str, does: &str, rate: f64| {
            format!(
                "{{ region = \"{region}\", sessions = 1, workload = {{ {does} = 1.0, arrivals = {{ \
                 constant = {{ rate = {rate} }} }} }} }}"
            )
        };
        let sessions = [
            client("a", "update", 0.001),
            client("b", "update", 0.001),
            client("a", "read", 1.0),
            client("b", "read", 1.0),
        ];
        let object = rule.objects()[0].to_string();
        let text = script(protocol, &config, level, &sessions.join(", "), &object);
        let plan = plan(&text.replace("operations = 8", "operations = 6"));
        let entry = catalog.find(protocol).expect("built in");
        let named = ["beside a", "beside b"];
        let history = entry.simulate(&plan, 3, None).expect("it runs").history;
        let of = |(id, op): (u32, &Operation)| {
            let late = op.invoked > Instant::ZERO + Duration::millis(500);
            let what = match op.kind {
                OpKind::Write => history
                    .effects
                    .get(id as usize)
                    .map_or("write".into(), |effect| effect.update.to_string()),
                _ => "read".into(),
            };
            let asks = op.kind == OpKind::Write || late;
            asks.then(|| (format!("{what} {}", named[op.group as usize % 2]), id))
        };
        let told_of: Vec<(String, u32)> = (0..).zip(&history.operations).filter_map(of).collect();
        let text = told(entry, &plan, &told_of, &[]);
        let _ = write!(page, "\n== {protocol} {{ {config} }}, {level}\n{text}");
    }
    page
}

#[test]
fn every_protocol_keeps_to_its_script() {
    let mut changed = Vec::new();
    let catalog = Catalog::builtin();
    let page_of = |(name, protocol, config): (&str, &str, &str), cut: Option<&Cut>| {
        (name.to_owned(), page(catalog.find(protocol).expect("built in"), config, cut))
    };
    let plain = catalog.protocols().iter().map(|entry| (entry.name, entry.name, entry.plain));
    let calm = plain.chain(OTHERS).map(|one| page_of(one, None));
    let cut = CUTS.iter().map(|cut| page_of((cut.file, cut.protocol, cut.config), Some(cut)));
    let rules = Rule::ALL.map(|rule| (format!("rule-{}", rule.name()), meeting(rule)));
    for (name, now) in calm.chain(cut).chain(rules) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/protocols/golden/{name}.txt"));
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
