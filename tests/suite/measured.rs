//! The measured class of well-known kinds of store, and what a partition does to each side of it: nothing
//! here is said beforehand, all of it comes out of histories.

use pacelc::catalog::Catalog;
use pacelc::results::{FaultLine, Results, Side};
use pacelc::scenario::{Overrides, Source, load};
use pacelc::suite::{Options, Suite};

/// Three regions of one replica each; one of them is cut off for six of twenty seconds.
const SCENARIO: &str = r#"
question = "Which class is it?"
analysis = "Three regions, one of which is cut off."
regions  = "aws"
replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
duration = "20s"
warm_up  = "1s"
timeout  = "2s"
attempt_timeout = "700ms"
[[clients]]
region   = "us-east-1"
sessions = 40
[[clients]]
region   = "eu-west-1"
sessions = 40
[[clients]]
region   = "ap-southeast-1"
sessions = 40
[workload]
ycsb     = "A"
records  = 20
arrivals = { poisson = { rate = 30 } }
[[faults]]
cut   = ["ap-southeast-1"]
start = "8s"
end   = "14s"
[[modes]]
name     = "consensus"
protocol = "raft"
levels   = ["linearizable", "eventual-nearest"]
[[modes]]
name     = "quorums"
protocol = "leaderless"
levels   = ["one", "local-one", "quorum"]
[[modes]]
name     = "far-primary"
protocol = "primary-backup"
levels   = ["linearizable", "eventual-nearest"]
config   = { acknowledge = "async", primary = 2 }
[[modes]]
name     = "leader-cut"
protocol = "raft"
levels   = ["linearizable"]
config   = { leader = 2 }
[[modes]]
name     = "every-region"
protocol = "multi-leader"
levels   = ["eventual-nearest"]
"#;

fn results() -> Results {
    results_of(SCENARIO)
}

fn results_of(text: &str) -> Results {
    let catalog = Catalog::builtin();
    let source = Source::new("class.toml", text);
    let scenario = load(&source, &catalog, &Overrides::default()).expect("a scenario");
    let options = Options { seeds: 3, threads: 2, ..Options::default() };
    Suite::new(catalog, vec![scenario], options).run(&mut |_| {}).expect("it runs")
}

fn line<'a>(results: &'a Results, cell: &str, region: &str, op: &str) -> &'a FaultLine {
    let of = |line: &&FaultLine| {
        line.cell == format!("class/{cell}") && line.client_region == region && line.op == op
    };
    results.faults.iter().find(of).unwrap_or_else(|| panic!("no line of {cell} {region} {op}"))
}

#[test]
fn classes_come_out_of_histories() {
    let results = results();
    for (cell, reads, writes) in [
        ("consensus/linearizable", "PC/EC", "PC/EC"),
        ("consensus/eventual-nearest", "PA/EL", "PC/EL"),
        ("quorums/one", "PA/EL", "PA/EL"),
        ("quorums/local-one", "PA/EL", "PA/EL"),
        ("quorums/quorum", "PC/", "PC/"),
        ("far-primary/linearizable", "PC/EC", "PC/EC"),
        ("far-primary/eventual-nearest", "PA/EL", "PC/EL"),
        ("every-region/eventual-nearest", "PA/EL", "PA/EL"),
    ] {
        for (op, expected) in [("read", reads), ("write", writes)] {
            let line = line(&results, cell, "all", op);
            let half = |half: &Option<String>| half.clone().unwrap_or_default();
            let class = format!("{}/{}", half(&line.partition_class), half(&line.else_class));
            assert!(class.starts_with(expected), "{cell} {op}: {class}, {}", line.class_reason);
        }
    }
}

#[test]
fn sides_recover_each_in_its_own_time() {
    let results = results();
    let side = |region| line(&results, "leader-cut/linearizable", region, "write").side;
    assert_eq!(side("ap-southeast-1"), Some(Side::Minority));
    assert_eq!((side("us-east-1"), side("all")), (Some(Side::Majority), None));
    // Whoever is cut off with the leader is refused until the healing; the others elect another.
    let cut_off = line(&results, "leader-cut/linearizable", "ap-southeast-1", "write");
    assert_eq!((cut_off.answered, cut_off.recovered, cut_off.rto_p50_ms), (0, 0, None));
    assert_eq!((cut_off.faults, cut_off.healings, cut_off.healed), (3, 3, 3));
    let others = line(&results, "leader-cut/linearizable", "us-east-1", "write");
    assert_eq!(others.recovered, 3);
    let (least, most) = (others.rto_p50_ms.expect("known"), others.rto_max_ms.expect("known"));
    assert!((500.0..6_000.0).contains(&least) && most < 6_000.0, "{least} {most}");
    // A follower's absence is no outage for the others.
    let calm = line(&results, "consensus/linearizable", "us-east-1", "write");
    assert!(calm.rto_max_ms.expect("known") < 1_000.0, "{:?}", calm.rto_max_ms);
    assert_eq!((calm.rpo_ms, calm.lingered_max_ms), (None, None));
    // Linearizable reads miss nothing once the cut is healed; those of a replica that was alone may.
    let lingered = |cell| line(&results, cell, "ap-southeast-1", "read").lingered_max_ms;
    assert_eq!(lingered("consensus/linearizable"), Some(0.0));
    assert!(lingered("quorums/one") > Some(0.0));
}

#[test]
fn a_timeline_shows_the_fault_where_it_was() {
    let results = results();
    let of = |cell: &str, region: &str, op: &str| {
        let wanted = format!("class/{cell}");
        let found = results
            .timelines
            .iter()
            .find(|line| line.cell == wanted && line.client_region == region && line.op == op);
        found.expect("a timeline").clone()
    };
    let cut = of("consensus/linearizable", "ap-southeast-1", "write");
    assert_eq!(cut.faults, [[8_000.0, 14_000.0]]);
    let share = |from_ms: f64, to_ms: f64| {
        let within = |at: &usize| {
            let middle = (*at as f64 + 0.5) * cut.step_ms;
            from_ms < middle && middle < to_ms
        };
        let there: Vec<usize> = (0..cut.n.len()).filter(within).collect();
        let sum = |column: &[u64]| there.iter().map(|at| column[*at]).sum::<u64>() as f64;
        sum(&cut.answered) / sum(&cut.n)
    };
    assert!(share(1_000.0, 5_500.0) > 0.99);
    assert!(share(8_500.0, 11_500.0) < 0.01);
    assert!(share(16_500.0, 20_000.0) > 0.99);
    let reads = of("quorums/one", "ap-southeast-1", "read");
    assert!(reads.stale.iter().sum::<u64>() > 0 && reads.answered == reads.n);
}

/// Both sides of the cut change the same keys where both may write; what one side wrote is then overruled, unless
/// both versions stay.
#[test]
fn keys_that_both_sides_changed_are_counted_and_what_became_of_them() {
    let siblings = "[[modes]]\nname = \"siblings\"\nprotocol = \"multi-leader\"\n\
                    levels = [\"eventual-nearest\"]\nconfig = { conflicts = \"siblings\" }\n";
    let results = results_of(&format!("{SCENARIO}{siblings}"));
    let of = |cell: &str| {
        let line = line(&results, cell, "all", "write");
        let known = |keys: Option<u64>| keys.expect("there are sides");
        (known(line.changed), known(line.contested), known(line.overruled))
    };
    // Three seeds of twenty keys.
    for cell in ["quorums/one", "every-region/eventual-nearest"] {
        let (changed, contested, overruled) = of(cell);
        assert!(changed == 60 && contested > 50 && overruled == contested, "{cell}: {overruled}");
    }
    let (changed, contested, overruled) = of("siblings/eventual-nearest");
    assert!(changed == 60 && contested > 50 && overruled == 0, "{overruled} of {contested}");
    for cell in ["consensus/linearizable", "consensus/eventual-nearest", "quorums/quorum"] {
        let (changed, contested, overruled) = of(cell);
        assert!(changed > 50 && (contested, overruled) == (0, 0), "{cell}: {contested} contested");
    }
    let read = line(&results, "quorums/one", "all", "read");
    assert_eq!((read.changed, read.contested, read.overruled), (None, None, None));
}

/// A session that waits for its timeout asks less often. What a side was answered is not the better for it: it is
/// what clients were to ask for.
#[test]
fn a_side_that_is_kept_waiting_is_not_said_to_be_answered() {
    // It goes on alone for half of the cut, and then its clients wait.
    let halfway = "[[modes]]\nname = \"halfway\"\nprotocol = \"primary-backup\"\nlevels = [\"linearizable\"]\n\
                   config = { acknowledge = \"async\", primary = 2, \
                   fail_over = { detect = \"3s\", step_down = \"3s\" } }\n";
    let results = results_of(&format!("{SCENARIO}{halfway}"));
    for (cell, op) in [("halfway/linearizable", "write"), ("quorums/one", "read")] {
        let region = "ap-southeast-1";
        let line = line(&results, cell, region, op);
        let of = |row: &&pacelc::results::Row| {
            (row.cell == line.cell && row.op == op)
                && (row.phase == "partitioned" && row.client_region == region)
        };
        let row = results.rows.iter().find(of).expect("a row");
        let share = line.answered as f64 / line.asked as f64;
        let whole = row.answered.expect("known") as f64 / row.answerable.expect("known") as f64;
        assert!((share - whole).abs() < 0.06, "{cell} {op}: {share} is not {whole}");
    }
}
