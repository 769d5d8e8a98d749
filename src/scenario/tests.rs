//! The scenario layer as its users see it: text in, plans or one sentence out.

use super::plan::{Arrivals, Between, FaultKind, Length, Link, Load, Order, Target};
use super::*;
use crate::distribution::Distribution;
use crate::op::unknown;
use crate::time::Duration;
use proptest::prelude::*;

mod refusals;

/// The two protocols of the built-in scenarios, as far as scenarios care.
struct Fake;

impl Protocols for Fake {
    fn names(&self) -> Vec<&'static str> {
        vec!["primary-backup", "raft"]
    }

    fn checkers(&self) -> Vec<&'static str> {
        vec!["linearizable", "causal"]
    }

    fn check(&self, protocol: &str, config: &toml::Table, replicas: u32) -> Result<(), String> {
        let known: &[&str] = match protocol {
            "raft" => &[
                "leader",
                "heartbeat",
                "election_timeout",
                "max_drift_ppm",
                "snapshot_every",
                "eager_commit",
            ],
            _ => &["acknowledge", "primary"],
        };
        if let Some(key) = config.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(unknown("key", key, known.iter().copied()));
        }
        for key in ["leader", "primary"] {
            let number = config.get(key).map(|value| value.as_integer().unwrap_or(-1));
            if number.is_some_and(|n| !(0..i64::from(replicas)).contains(&n)) {
                return Err(format!("{key} is no replica; there are {replicas}"));
            }
        }
        let acknowledge = config.get("acknowledge").and_then(|value| value.as_str());
        match acknowledge.and_then(|text| text.strip_prefix("any ")).map(str::parse::<u32>) {
            Some(Ok(k)) if k >= replicas => {
                Err(format!("any {k} needs {k} followers; there are {}", replicas - 1))
            }
            Some(Err(_)) => Err("any takes a number".into()),
            _ => Ok(()),
        }
    }

    fn levels_offered(&self, protocol: &str, _: &toml::Table, asked: Level) -> bool {
        match asked {
            Level::Replicas { .. } | Level::Sequential | Level::Causal => false,
            Level::Serial | Level::LocalSerial | Level::Routed | Level::Resolved => false,
            Level::Lease => protocol == "raft",
            _ => true,
        }
    }

    fn objects(&self, protocol: &str, _: &toml::Table) -> &'static [Object] {
        if protocol == "raft" { &Object::ALL } else { &[Object::Register] }
    }
}

fn read(text: &str) -> Result<Scenario, ScenarioError> {
    load(&Source::new("tests/s.toml", text), &Fake, &Overrides::default())
}

fn read_at(text: &str, regions: &str) -> Result<Scenario, String> {
    let overrides = Overrides { regions: Some(regions.to_owned()) };
    load(&Source::new("tests/s.toml", text), &Fake, &overrides).map_err(|e| e.to_string())
}

/// The smallest honest scenario; tests add lines to it or replace some.
const SMALL: &str = r#"question = "What does it cost?"
analysis = "Read it."
regions = "aws"
replicas = ["us-east-1", "eu-west-1", "ap-southeast-1"]
operations = 100
levels = ["linearizable"]
[[clients]]
region = "us-east-1"
sessions = 2
[[modes]]
protocol = "raft"
[workload]
ycsb = "B"
"#;

fn small() -> Plan {
    read(SMALL).expect("is valid").plans.remove(0)
}

#[test]
fn the_smallest_scenario_gets_the_documented_defaults() {
    let plan = small();
    assert_eq!(plan.name.to_string(), "s/raft/linearizable");
    assert_eq!(plan.regions, ["us-east-1", "eu-west-1", "ap-southeast-1"]);
    assert_eq!(plan.replicas[1].name, "n1");
    assert_eq!((plan.records, plan.length), (1_000, Length::Operations(100)));
    assert_eq!((plan.warm_up, plan.timeout), (Duration::ZERO, Duration::secs(10)));
    assert_eq!(plan.attempt_timeout, Duration::secs(2));
    assert_eq!(plan.replicas[0].disk_ms, Distribution::ZERO);
    assert_eq!(plan.clients[0].mix.read, 0.95);
    assert_eq!(plan.clients[0].mix.arrivals, Arrivals::Closed { think_ms: Distribution::ZERO });
    let link = plan.link(0, 1);
    assert_eq!((link.loss, link.order, link.bandwidth), (0.0, Order::Fifo, None));
    assert_eq!(link.jitter_factor, Distribution::Constant(1.0));
}

/// Else a client would give up before it turns to another replica, and stay with the silent one.
#[test]
fn an_attempt_is_shorter_than_the_operation() {
    for (timeout, attempt) in [("10s", 2_000), ("3s", 2_000), ("2s", 1_000), ("600ms", 300)] {
        let text = SMALL.replacen("operations", &format!("timeout = \"{timeout}\"\noperations"), 1);
        let plan = read(&text).expect("is valid").plans.remove(0);
        assert_eq!(plan.attempt_timeout, Duration::millis(attempt), "{timeout}");
    }
}

#[test]
fn a_longer_run_has_as_many_random_faults_a_minute_and_ends_as_calmly() {
    let text = SMALL.replace("operations = 100", "duration = \"40s\"\nwarm_up = \"1s\"");
    let faults = "[faults_random]\nmost = 6\nstart = \"5s\"\nend = \"30s\"\nlongest = \"10s\"\n";
    let mut plan = read(&(text + faults)).expect("is valid").plans.remove(0);
    plan.last(Duration::secs(600)).expect("it is long enough");
    assert_eq!(plan.length, Length::Time(Duration::secs(600)));
    let random = plan.random_faults.clone().expect("faults");
    assert_eq!((random.start, random.end), (Duration::secs(5), Duration::secs(590)));
    assert_eq!(random.most, 140, "585 s instead of 25 s");
    assert!(random.draw(&plan, 1).iter().any(|fault| fault.start > Duration::secs(300)));
    let told = plan.last(Duration::secs(1)).expect_err("all of it is warm-up");
    assert!(told.contains("no end to its warm-up of 1s"), "{told}");
}

#[test]
fn round_trips_are_the_mean_of_both_directions() {
    let plan = small();
    let round_trip = |a, b| plan.link(a, b).base + plan.link(b, a).base;
    assert_eq!(round_trip(0, 1), Duration::from_ms(69.6));
    assert_eq!(round_trip(0, 2), Duration::from_ms(218.86));
    assert_eq!(round_trip(1, 2), Duration::from_ms(182.235));
    // The clients share zone a of us-east-1 with replica 0, and no site is away from itself.
    assert_eq!(round_trip(3, 0), Duration::from_ms(0.409));
    assert_eq!(round_trip(1, 1), Duration::ZERO);
    assert_ne!(plan.link(0, 1).base, plan.link(1, 0).base, "directions are kept apart");
}

#[test]
fn zones_are_dealt_out_in_order_around_those_given() {
    let text = SMALL.replace(
        r#"["us-east-1", "eu-west-1", "ap-southeast-1"]"#,
        r#"["us-east-1", "us-east-1/b", "us-east-1", { region = "eu-west-1", name = "far" }]"#,
    );
    let scenario = read(&text).unwrap();
    assert_eq!(
        scenario.replica_places,
        ["us-east-1/a", "us-east-1/b", "us-east-1/c", "eu-west-1/a"]
    );
    assert_eq!(scenario.client_places, ["us-east-1/a"]);
    let plan = &scenario.plans[0];
    assert_eq!(plan.link(0, 1).base, Duration::from_ms(1.364 / 2.0), "another zone");
    assert_eq!(plan.link(4, 0).base, Duration::from_ms(0.409 / 2.0), "the same zone");
    assert_eq!(plan.replicas[3].name, "far");
}

#[test]
fn links_are_overridden_per_direction_and_the_last_entry_wins() {
    let text = format!(
        "{SMALL}[link]\njitter_ms = 1\n[[links]]\nfrom = 'n0'\nto = 'eu-west-1'\ndelay_ms = 5\n\
         loss = 0.1\nretransmit = 'never'\n[[links]]\nfrom = 'clients'\nto = '*'\nboth = true\n\
         rtt_ms = 0\njitter_ms = 0\norder = 'reorder'\nbandwidth = 1000\n"
    );
    let plan = read(&text).unwrap().plans.remove(0);
    let there = plan.link(0, 1);
    assert_eq!((there.base, there.loss, there.retransmit), (Duration::millis(5), 0.1, None));
    assert_eq!(there.jitter_ms, Distribution::Constant(1.0));
    assert_eq!(plan.link(1, 0).loss, 0.0, "the way back is another link");
    let client = plan.link(2, 3);
    assert_eq!((client.base, client.order), (Duration::ZERO, Order::Reorder));
    assert_eq!((client.bandwidth, &client.jitter_ms), (Some(1e3), &Distribution::ZERO));
}

#[test]
fn a_cut_region_takes_its_replicas_and_clients_along() {
    let text = format!(
        "{SMALL}[[faults]]\ncrash = 'n2'\nstart = '9s'\nend = '10s'\n\
         [[faults]]\ncut = ['us-east-1']\nstart = '1s'\nend = '2s'\n"
    );
    let plan = read(&text).unwrap().plans.remove(0);
    assert_eq!(plan.faults[0].kind, FaultKind::Cut(Between::others(vec![0, 3])), "sorted by start");
    assert_eq!(plan.faults[1].kind, FaultKind::Crash(Target::Replica(2)));
}

#[test]
fn a_probe_counts_rounds() {
    let text = SMALL.replace("operations = 100", "rounds = 7").replace(
        "[workload]\nycsb = \"B\"\n",
        "[probe]\noffsets = ['0ms', '5ms']\nwriter = 'us-east-1'\npause = '10ms'\nrecords = 9\n",
    );
    let plan = read(&text).unwrap().plans.remove(0);
    assert_eq!((plan.length, plan.records), (Length::Operations(7), 9));
    let Load::Probe(probe) = plan.load else { panic!("a probe") };
    assert_eq!((probe.writer, probe.pause), (0, Duration::millis(10)));
    assert_eq!(probe.offsets, [Duration::ZERO, Duration::millis(5)]);
}

#[test]
fn cells_are_modes_times_variants_times_levels() {
    let text = format!(
        "{}[[modes]]\nname = 'sync'\nprotocol = 'primary-backup'\nlevels = 'all'\n\
         config = {{ acknowledge = 'all' }}\n\
         [[vary]]\nname = 'disk'\nunit = 'ms'\nvalues = [1, 10]\nset = 'replica.disk_ms'\n",
        SMALL
    );
    let scenario = read(&text).unwrap();
    let names: Vec<String> = scenario.plans.iter().map(|plan| plan.name.to_string()).collect();
    assert_eq!(names.len(), 2 * (1 + 10));
    assert_eq!(names[0], "s/raft/disk=1ms/linearizable");
    assert_eq!(names[3], "s/sync/disk=1ms/bounded(500ms)");
    assert_eq!(scenario.plans[1].replicas[2].disk_ms, Distribution::Constant(10.0));
    let axis = scenario.plans[1].axis.clone().expect("numeric");
    assert_eq!((axis.axis.as_str(), axis.unit.as_str(), axis.at), ("disk", "ms", 10.0));
}

#[test]
fn a_scenario_can_draw_its_own_map() {
    let text = SMALL
        .replace("regions = \"aws\"\n", "")
        .replace("[\"us-east-1\", \"eu-west-1\", \"ap-southeast-1\"]", "[\"us-east-1\", \"far\"]")
        + "[regions]\nsymmetric = true\nintra_az_rtt_ms = 0\n[regions.rtt_ms.us-east-1]\nfar = 8\n";
    let scenario = read(&text).unwrap();
    let there = |plan: &Plan| plan.link(0, 1).base;
    assert_eq!(there(&scenario.plans[0]), Duration::millis(4));
    assert!(scenario.provenance.contains("as the scenario gives them"));
    let elsewhere = read_at(&text, "azure").unwrap();
    assert_eq!(elsewhere, scenario, "--regions leaves it alone");
}

#[test]
fn news_takes_the_shortest_way_and_none_is_told_where_jitter_can_shorten_it() {
    let map = "[regions]\nsymmetric = true\nintra_az_rtt_ms = 0\n[regions.rtt_ms.us-east-1]\n\
               far = 100\nmiddle = 10\n[regions.rtt_ms.far]\nmiddle = 20\n\
               [[clients]]\nregion = \"far\"\nsessions = 1\n";
    let places = "[\"us-east-1\", \"eu-west-1\", \"ap-southeast-1\"]";
    let text = SMALL
        .replace("regions = \"aws\"\n", "")
        .replace(places, "[\"us-east-1\", \"far\", \"middle\"]")
        + map;
    let scenario = read(&text).unwrap();
    let time = Duration::millis(15);
    let expected = [("us-east-1", "far", time), ("far", "us-east-1", time)];
    assert_eq!(scenario.plans[0].fastest_news(), expected, "over the middle, not straight");
    let shaky = read(&(text + "[link]\njitter_factor = 0.5\n")).unwrap();
    assert!(shaky.plans[0].fastest_news().is_empty());
}

#[test]
fn regions_can_be_replaced_from_the_command_line() {
    let first = |regions| read_at(SMALL, regions).map(|scenario| scenario.plans[0].regions.clone());
    assert_eq!(
        first("aws").unwrap(),
        ["us-east-1", "eu-west-1", "ap-southeast-1"],
        "a set that has them all keeps them"
    );
    assert_eq!(
        first("eastus,westus,uksouth").unwrap(),
        ["eastus", "westus", "uksouth"],
        "the first set that knows them all, in order"
    );
    assert_eq!(
        first("aws:eu-north-1,us-east-1,us-west-2").unwrap(),
        ["eu-north-1", "us-east-1", "us-west-2"]
    );
    for (regions, expected) in [
        ("us-east-1,eu-west-1", "--regions: the scenario takes place in 3 regions"),
        (
            "azure",
            "--regions: `azure` has 22 regions and the scenario takes place in 3; name the ones",
        ),
        ("awz", "--regions: unknown region or region set `awz`; did you mean `aws`?"),
        ("eastus,us-east-1", "--regions: these regions are of different sets"),
        ("aws:us-esat-1,eu-west-1,a", "--regions: unknown region `us-esat-1`; did you mean `us-e"),
        ("aws:us-east-1,us-east-1", "--regions: region us-east-1 is given twice"),
        ("asw:us-east-1", "--regions: unknown region set `asw`; did you mean `aws`?"),
        ("no/such.csv", "--regions: there is no file `no/such.csv`"),
        (
            "eastus,westus,uksouth,japaneast",
            "--regions: the scenario takes place in 3 regions; `eastus,westus,uksouth,japaneast` \
             gives 4, so leave out japaneast",
        ),
    ] {
        let message = first(regions).unwrap_err();
        assert!(message.starts_with(expected), "{regions}: {message}");
    }
}

#[test]
fn faults_and_links_move_with_their_regions() {
    let text = format!(
        "{SMALL}[[faults]]\ncut = ['eu-west-1']\nstart = '1s'\nend = '2s'\n\
         [[vary]]\nname = 'at'\nset = 'clients.0.region'\nvalues = ['us-east-1', 'eu-west-1']\n"
    );
    let scenario = read_at(&text, "azure:eastus,uksouth,japaneast").unwrap();
    assert_eq!(scenario.plans[1].name.variant, "at=uksouth");
    assert_eq!(scenario.plans[0].faults[0].kind, FaultKind::Cut(Between::others(vec![1])));
    assert_eq!(scenario.plans[1].faults[0].kind, FaultKind::Cut(Between::others(vec![1, 3])));
    assert_eq!(scenario.client_places, ["eastus/a", "uksouth/a"]);
}

#[test]
fn a_matrix_file_lies_beside_its_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let text = SMALL.replace("\"aws\"", "\"net/mine.csv\"");
    std::fs::write(&path, &text).unwrap();
    std::fs::create_dir(folder.path().join("net")).unwrap();
    let csv = "# symmetric\nx,us-east-1,eu-west-1,ap-southeast-1\nus-east-1,-,2,4\n\
               eu-west-1,-,-,6\nap-southeast-1,-,-,-\n";
    std::fs::write(folder.path().join("net/mine.csv"), csv).unwrap();
    let source = Source::open(&path).unwrap();
    let scenario = load(&source, &Fake, &Overrides::default()).unwrap();
    assert_eq!(scenario.plans[0].link(1, 2).base, Duration::millis(3));
    std::fs::write(folder.path().join("net/mine.csv"), csv.replace("2,4", "2,x")).unwrap();
    let error = load(&source, &Fake, &Overrides::default()).unwrap_err();
    assert!(error.file.ends_with("mine.csv") && error.line == Some(3), "{error}");
}

#[test]
fn the_documented_example_loads() {
    let docs = include_str!("mod.rs");
    let example = docs.split("//! ```toml\n").nth(1).and_then(|rest| rest.split("//! ```").next());
    let lines = example.expect("an example").lines();
    let text: String =
        lines.map(|line| format!("{}\n", line.trim_start_matches("//!").trim_start())).collect();
    let scenario = read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(scenario.plans.len(), 3 * 2, "three values of the axis, two levels");
    assert_eq!(scenario.plans[0].replicas[2].name, "far");
}

#[test]
fn links_of_a_site_to_itself_are_plain() {
    let plan =
        read(&format!("{SMALL}[link]\njitter_ms = 5\nloss = 0.5\n")).unwrap().plans.remove(0);
    let plain = |link: &Link| link.loss == 0.0 && link.jitter_ms == Distribution::ZERO;
    assert!((0..plan.sites()).all(|site| plain(plan.link(site, site))));
    assert!(!plain(plan.link(0, 1)));
}

/// A text with some bytes replaced, as a typing mistake would.
fn mutated(text: &str, edits: &[(usize, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, byte) in edits {
        let at = at % bytes.len();
        bytes[at] = *byte;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn mistyped_scenarios_never_panic(
        which in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<usize>(), 0x20u8..0x7f), 1..6),
    ) {
        let sources = builtin();
        let source = &sources[which.index(sources.len())];
        let text = mutated(&source.text, &edits);
        if let Err(error) = read(&text) {
            prop_assert!(!error.message.is_empty() && !error.message.contains('\n'));
        }
    }

    #[test]
    fn swapped_lines_never_panic(
        which in any::<prop::sample::Index>(),
        swaps in proptest::collection::vec(any::<[prop::sample::Index; 2]>(), 1..6),
    ) {
        let sources = builtin();
        let text = &sources[which.index(sources.len())].text;
        let mut lines: Vec<&str> = text.lines().collect();
        let n = lines.len();
        for [a, b] in swaps {
            lines.swap(a.index(n), b.index(n));
        }
        let _ = read(&lines.join("\n"));
    }
}
