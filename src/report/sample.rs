//! A run made up for the tests: every kind of scenario, a broken promise, hostile names.

mod faults;

pub(crate) use faults::results;

use super::{CurvePoint, Row, RunNote, ScenarioNote, VerdictWord};
use crate::results::{Evidence, Exhibit, News, Published, SCHEMA};

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-1"];
/// Round trip from each region to the leader in us-east-1.
const TO_LEADER: [f64; 3] = [0.6, 69.6, 218.9];

/// A small reproducible wobble, 0.97 to 1.03.
fn wobble(seed: &str) -> f64 {
    let hash = seed.bytes().fold(17_u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    0.97 + f64::from(hash % 61) / 1000.0
}

/// Milliseconds a mode's leader waits for its followers, with followers at `near` and `far`.
fn wait(mode: &str, near: f64, far: f64) -> f64 {
    match mode {
        "async" | "lww" => 0.1,
        "all" => far,
        _ => near,
    }
}

fn promise(level: &str) -> &str {
    match level {
        "lease" => "linearizable",
        "eventual-nearest" | "eventual-any" => "eventual",
        other => other,
    }
}

struct Spec<'a> {
    scenario: &'a str,
    mode: &'a str,
    variant: &'a str,
    level: &'a str,
    axis: Option<(&'a str, &'a str, f64)>,
    near: f64,
    far: f64,
    broken: bool,
}

/// A row of zeros and nulls.
const BLANK: &str = r#"{"schema":1,"version":"0.1.0","cell":"","scenario":"","system":"",
"variant":"","axis":null,"axis_unit":null,"axis_at":null,"protocol":"","config":"","level":"",
"path":"","promise":"","verdict":"holds","evidence":"","world":"sim","seeds":20,"first_seed":1,
"phase":"","client_region":"","op":"","n":0,"ok":0,"refused":0,"failed":0,"unknown":0,"answerable":null,"answered":null,"mean_ms":0,"p10_ms":0,
"p25_ms":0,"p50_ms":0,"p75_ms":0,"p90_ms":0,"p95_ms":0,"p99_ms":0,"p999_ms":0,"max_ms":0,
"p50_low_ms":null,"p50_high_ms":null,"p99_low_ms":null,"p99_high_ms":null,"service_p50_ms":0,
"service_p99_ms":0,"theory_ms":null,"fresh_or_stale":0,"stale":0,"stale_rate":null,
"stale_rate_low":null,"stale_rate_high":null,"stale_age_p50_ms":null,"stale_age_p99_ms":null,
"stale_age_max_ms":null,"stale_versions_mean":null,"stale_versions_max":null,"behind_rate":null,
"behind_age_p99_ms":null,"lost":null,"lost_rate":null,"lost_rate_low":null,"lost_rate_high":null,
"conflicts":0,"throughput":812.5,"offered":820,"sustained":true,"messages_per_op":6.25,
"bytes_per_op":1420,"virtual_seconds":1200,"replay":""}"#;

/// One row of a cell; region 3 is all of them.
fn row(spec: &Spec<'_>, phase: &str, region: usize, op: &str) -> Row {
    let mut row: Row = serde_json::from_str(BLANK).expect("the schema's names");
    identity(&mut row, spec);
    row.phase = phase.into();
    row.client_region = REGIONS.get(region).copied().unwrap_or("all").into();
    row.op = op.into();
    let strong = row.promise == "linearizable";
    let cut = phase == "partitioned" && (op == "write" || strong);
    row.n = if region < 3 { 120_000 } else { 360_000 };
    let served = match spec.mode {
        _ if !cut => 1.0,
        "async" => 0.97,
        "all" => 0.02,
        _ => 0.66,
    };
    row.ok = (row.n as f64 * served) as u64;
    let lost = row.n - row.ok;
    (row.failed, row.unknown) = if op == "read" { (lost, 0) } else { (0, lost) };
    let leader = match region {
        0..3 => TO_LEADER[region],
        _ if spec.axis.is_some() => 0.3,
        _ => 69.6,
    };
    let theory = match (op, strong) {
        ("write", _) => leader + wait(spec.mode, spec.near, spec.far),
        (_, false) => 0.6,
        (_, true) if spec.mode == "raft" && spec.level == "linearizable" => leader + spec.near,
        (_, true) => leader,
    };
    latencies(&mut row, theory, cut);
    if op == "read" {
        staleness(&mut row, spec);
    }
    row
}

fn identity(row: &mut Row, spec: &Spec<'_>) {
    let variant =
        if spec.variant.is_empty() { String::new() } else { format!("{}/", spec.variant) };
    row.cell = format!("{}/{}/{variant}{}", spec.scenario, spec.mode, spec.level);
    row.replay = format!("pacelc run --cell '{}' --seeds 20", row.cell);
    row.scenario = spec.scenario.into();
    row.system = spec.mode.into();
    row.variant = spec.variant.into();
    row.axis = spec.axis.map(|a| a.0.into());
    row.axis_unit = spec.axis.map(|a| a.1.into());
    row.axis_at = spec.axis.map(|a| a.2);
    row.protocol = if spec.mode == "raft" { "raft" } else { "primary-backup" }.into();
    row.config = "ack = \"any 1\"".into();
    row.level = spec.level.into();
    row.promise = promise(spec.level).into();
    row.path = if row.promise == "linearizable" { "leader" } else { "nearest replica" }.into();
    row.sustained = Some(spec.mode != "all");
    let (verdict, evidence) = match (spec.broken, spec.level) {
        (true, _) => (
            VerdictWord::Violated,
            "seed 3, key 17: write 4211 was acknowledged at 812.4 ms; a read that began at 833.1 \
             ms returned write 4200",
        ),
        (_, "session") if spec.mode == "any-1" => {
            (VerdictWord::Unknown, "seed 7: budget of 1000000 states used up")
        }
        _ => (VerdictWord::Holds, ""),
    };
    row.verdict = verdict;
    row.evidence = evidence.into();
}

fn latencies(row: &mut Row, theory: f64, cut: bool) {
    let p50 = theory * wobble(&format!("{}{}{}", row.cell, row.client_region, row.op)) + 0.2;
    let tail = if cut { 5000.0 } else { p50 * 1.9 + 2.0 };
    (row.mean_ms, row.p10_ms, row.p25_ms, row.p50_ms) = (p50 * 1.1, p50 * 0.9, p50 * 0.95, p50);
    (row.p75_ms, row.p90_ms, row.p95_ms) = (p50 * 1.1, p50 * 1.3 + 0.2, p50 * 1.5 + 0.5);
    (row.p99_ms, row.p999_ms, row.max_ms) = (tail, tail * 1.5, tail * 2.0);
    (row.p50_low_ms, row.p50_high_ms) = (Some(p50 * 0.98), Some(p50 * 1.02));
    (row.p99_low_ms, row.p99_high_ms) = (Some(tail * 0.95), Some(tail * 1.05));
    (row.service_p50_ms, row.service_p99_ms) = (p50, tail);
    row.theory_ms = Some(theory);
}

fn staleness(row: &mut Row, spec: &Spec<'_>) {
    let rate = match (spec.level, spec.mode) {
        (l, "all") if l != "linearizable" => 0.0,
        ("eventual-any", "async") => 0.08,
        ("eventual-any", "any-1") => 0.031,
        ("eventual-nearest", "async") => 0.034,
        ("eventual-nearest", _) => 0.012,
        ("session", "async") => 0.021,
        ("session", _) => 0.004,
        _ if spec.broken => 0.0007,
        _ => 0.0,
    };
    row.fresh_or_stale = row.n;
    row.stale = (rate * row.n as f64) as u64;
    row.stale_rate = Some(rate);
    row.stale_rate_low = Some(rate * 0.93);
    let none = row.stale == 0;
    row.stale_rate_high = Some(if none { 3.0 / row.n as f64 } else { rate * 1.07 });
    if !none {
        row.stale_age_p50_ms = Some(38.2);
        row.stale_age_p99_ms = Some(131.0);
        row.stale_age_max_ms = Some(240.5);
    }
}

fn cell(rows: &mut Vec<Row>, spec: &Spec<'_>, phases: &[&str], regions: bool) {
    for phase in phases {
        for region in if regions { 0..4 } else { 3..4 } {
            for op in ["read", "write"] {
                rows.push(row(spec, phase, region, op));
            }
        }
    }
}

const LEVELS: [&str; 4] = ["linearizable", "session", "eventual-nearest", "eventual-any"];
const SPEC: Spec<'static> = Spec {
    scenario: "aws-three-regions",
    mode: "async",
    variant: "",
    level: "linearizable",
    axis: None,
    near: 69.6,
    far: 218.9,
    broken: false,
};

fn three_regions(rows: &mut Vec<Row>) {
    for mode in ["async", "any-1", "all", "raft"] {
        for level in LEVELS {
            cell(rows, &Spec { mode, level, ..SPEC }, &["healthy"], true);
        }
    }
    let lease = Spec { mode: "raft", level: "lease", broken: true, ..SPEC };
    cell(rows, &lease, &["healthy"], true);
    cell(rows, &Spec { mode: "raft", level: "read-your-writes", ..SPEC }, &["healthy"], true);
    cell(rows, &Spec { mode: "async", level: "bounded(500ms)", ..SPEC }, &["healthy"], true);
}

fn distance(rows: &mut Vec<Row>) {
    for mode in ["async", "any-1", "all", "raft"] {
        for rtt in [1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0] {
            let (scenario, variant) = ("follower-distance", format!("rtt={rtt}ms"));
            let axis = Some(("rtt", "ms", rtt));
            for level in ["linearizable", "eventual-nearest"] {
                let variant = &variant;
                let spec = Spec {
                    scenario,
                    mode,
                    variant,
                    level,
                    axis,
                    near: rtt,
                    far: rtt,
                    broken: false,
                };
                cell(rows, &spec, &["healthy"], false);
            }
        }
    }
}

fn placements(rows: &mut Vec<Row>) {
    let modes = [
        "async",
        "any-1",
        "any-2",
        "first-1",
        "all",
        "raft",
        "lww",
        "primary-backup-with-a-long-name",
    ];
    for mode in modes {
        for variant in ["leader=us-east-1", "leader=ap-southeast-1"] {
            for level in ["linearizable", "eventual-nearest"] {
                let spec = Spec { scenario: "placement", mode, variant, level, ..SPEC };
                cell(rows, &spec, &["healthy"], true);
            }
        }
    }
}

fn curves() -> Vec<CurvePoint> {
    let mut points = Vec::new();
    for mode in ["async", "any-1", "all", "raft"] {
        for level in ["eventual-nearest", "eventual-any"] {
            for region in ["all", REGIONS[0], REGIONS[1], REGIONS[2]] {
                for t in [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0] {
                    let lag = match mode {
                        "async" => 60.0,
                        "all" => 0.5,
                        _ => 25.0,
                    };
                    let rate = 1.0 - 0.6 * libm::exp(-t / lag);
                    points.push(CurvePoint {
                        schema: SCHEMA,
                        cell: format!("visibility/{mode}/{level}"),
                        scenario: "visibility".into(),
                        system: mode.into(),
                        variant: String::new(),
                        level: level.into(),
                        verdict: VerdictWord::Holds,
                        client_region: region.into(),
                        t_ms: t,
                        n: 4000,
                        fresh: (rate * 4000.0) as u64,
                        fresh_rate: rate,
                        fresh_rate_low: (rate - 0.015).max(0.0),
                        fresh_rate_high: (rate + 0.015).min(1.0),
                        predicted_rate: (mode == "raft").then_some(rate - 0.002),
                    });
                }
            }
        }
    }
    points
}

/// One way between the regions: half of a round trip.
fn news() -> Vec<News> {
    let mut found = Vec::new();
    for (from, to, rtt) in [(0, 1, 69.6), (0, 2, 218.9), (1, 2, 160.0)] {
        for (from, to) in [(from, to), (to, from)] {
            let (from, to) = (REGIONS[from].to_owned(), REGIONS[to].to_owned());
            found.push(News { from, to, ms: rtt / 2.0 });
        }
    }
    found
}

fn notes(rows: &[Row]) -> Vec<ScenarioNote> {
    let questions = [
        ("aws-three-regions", "What does each consistency level cost across three continents?"),
        ("follower-distance", "How many round trips does each mode pay?"),
        ("visibility", "How soon after its acknowledgement is a write seen elsewhere?"),
        ("leader-cut", "Who still answers when the leader's region is cut off?"),
        ("placement", "Where should the leader stand?"),
        ("<script>alert(1)</script>", "What if <b>names</b> are hostile & \"quoted\"?"),
    ];
    let note = |(name, question): (&str, &str)| {
        let mut cells: Vec<&str> =
            rows.iter().filter(|r| r.scenario == name).map(|r| r.cell.as_str()).collect();
        cells.sort_unstable();
        cells.dedup();
        ScenarioNote {
            name: name.into(),
            question: question.into(),
            analysis:
                "Asynchronous replication acknowledges a write as soon as the leader has it, so \
                       its latency is the way to the leader and back. A majority waits for the \
                       nearer follower, `all` for the farther one.\n\nReads at the nearest replica \
                       cost no wide-area round trip whatever the mode; what differs is how old the \
                       answer may be."
                    .into(),
            provenance: "Medians between AWS regions, May 2025, cloudping.co".into(),
            replicas: REGIONS.map(|r| format!("{r}/a")).to_vec(),
            clients: REGIONS.map(|r| format!("{r}/b")).to_vec(),
            cells: cells.len() as u32,
            news: news(),
            published: if name == "visibility" { published() } else { Vec::new() },
            claims: Vec::new(),
            asks: None,
            answer: String::new(),
            evidence: rows
                .iter()
                .filter(|r| r.scenario == name)
                .find_map(evidence)
                .into_iter()
                .collect(),
        }
    };
    questions.into_iter().map(note).collect()
}

/// The operations of a broken promise.
fn evidence(row: &Row) -> Option<Evidence> {
    let exhibit = |who: &str, from_ns, to_ns, label: &str, observes| Exhibit {
        who: who.into(),
        from_ns,
        to_ns,
        label: label.into(),
        sentence: format!("{who} did <it>"),
        observes,
        blamed: observes,
    };
    let operations = vec![
        exhibit("session 3 in us-east-1", 1_000_000, Some(71_500_000), "key 5 = w2", false),
        exhibit("session 4 in <eu-west-1>", 80_000_000, Some(80_300_000), "key 5 is w1", true),
    ];
    let broken = row.verdict == VerdictWord::Violated;
    broken.then(|| Evidence { cell: row.cell.clone(), seed: 3, operations })
}

/// What somebody found of a cell that is here and of one that is not.
fn published() -> Vec<Published> {
    let figure = |cell: &str, column: &str, t_ms, value| Published {
        source: "Somebody <et al.>, table 4".into(),
        cell: cell.into(),
        op: "read".into(),
        column: column.into(),
        t_ms,
        value,
    };
    vec![
        figure("visibility/raft/eventual-any", "p50_ms", None, 5.0),
        figure("visibility/raft/eventual-any", "fresh_rate", Some(10.0), 0.6),
        figure("visibility/raft/eventual-any", "fresh_rate", Some(11.0), 0.6),
        figure("visibility/nobody/eventual-any", "p50_ms", None, 5.0),
    ]
}

/// The run: its note, rows and curves.
pub(super) fn run() -> (RunNote, Vec<Row>, Vec<CurvePoint>) {
    let mut rows = Vec::new();
    three_regions(&mut rows);
    distance(&mut rows);
    for mode in ["async", "any-1", "all", "raft"] {
        for level in ["eventual-nearest", "eventual-any"] {
            cell(
                &mut rows,
                &Spec { scenario: "visibility", mode, level, ..SPEC },
                &["healthy"],
                true,
            );
        }
    }
    for mode in ["async", "all", "raft"] {
        for level in ["linearizable", "eventual-nearest"] {
            let spec = Spec { scenario: "leader-cut", mode, level, ..SPEC };
            cell(&mut rows, &spec, &["healthy", "partitioned", "recovering"], true);
        }
    }
    placements(&mut rows);
    let hostile = Spec { scenario: "<script>alert(1)</script>", mode: "<img src=x>|\"&'", ..SPEC };
    cell(&mut rows, &hostile, &["healthy"], true);
    let scenarios = notes(&rows);
    let note = RunNote {
        links: Vec::new(),
        beside: Vec::new(),
        schema: SCHEMA,
        version: "0.1.0".into(),
        command: "pacelc run --seeds 20 -o reports/reference".into(),
        world: "sim".into(),
        first_seed: 1,
        seeds: 20,
        cells: scenarios.iter().map(|s| s.cells).sum(),
        operations: 44_300_000,
        virtual_seconds: 134_000.0,
        scenarios,
    };
    (note, rows, curves())
}
