//! pacelc itself: whole runs as its suite does them, recorded, judged and measured.

use crate::fleet::{BETWEEN, CLIENTS, ECHO, FIVE, LOCAL, Outcome, REGIONS, SIGMA};
use crate::ten::Ten;
use pacelc::analysis::{self, Verdict};
use pacelc::catalog::Catalog;
use pacelc::guarantee::Guarantee;
use pacelc::history::{Phase, Status};
use pacelc::op::OpKind;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, Source, load};
use std::fmt::Write as _;

/// The names of the regions.
const NAMES: [&str; REGIONS] = ["a", "b", "c"];

/// What pacelc is asked to run.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The protocol's name.
    pub protocol: &'static str,
    /// Its settings, as a TOML table.
    pub config: &'static str,
    /// The region of each node.
    pub places: &'static [usize],
    /// Lognormal jitter, or none.
    pub jitter: bool,
    /// Linearizable reads instead of writes.
    pub reads: bool,
    /// How many operations.
    pub operations: u64,
}

/// Primary-backup on five nodes, waiting for two of the four backups.
pub const PRIMARY_BACKUP: Setting = Setting {
    protocol: "primary-backup",
    config: r#"{ acknowledge = "any 2" }"#,
    places: FIVE,
    jitter: true,
    reads: false,
    operations: 100_000,
};

/// Raft on five nodes; commits travel with the next append, so that a write is ten messages.
pub const RAFT: Setting =
    Setting { protocol: "raft", config: "{ eager_commit = false }", ..PRIMARY_BACKUP };

/// The ten messages and nothing else, in memory.
pub const TEN: Setting = Setting { protocol: "ten-messages", config: "{}", ..PRIMARY_BACKUP };

/// The same without jitter, which the other simulators' programs have none of either.
pub const TEN_STILL: Setting = Setting { jitter: false, ..TEN };

/// The plan of a setting.
pub fn plan(setting: &Setting) -> Result<Plan, String> {
    let mut clients = String::new();
    for (region, name) in NAMES.iter().enumerate() {
        let sessions = CLIENTS / REGIONS + usize::from(region < CLIENTS % REGIONS);
        let _ = write!(clients, "[[clients]]\nregion = \"{name}\"\nsessions = {sessions}\n");
    }
    parse(setting, &matrix(LOCAL), &clients)
}

/// The plan of one client and one replica, [`ECHO`] apart.
pub fn echo_plan(protocol: &'static str, operations: u64) -> Result<Plan, String> {
    let config = if protocol == "raft" { "{}" } else { r#"{ acknowledge = "async" }"# };
    let setting =
        Setting { protocol, config, places: &[0], jitter: false, operations, ..PRIMARY_BACKUP };
    parse(&setting, &matrix(ECHO), "[[clients]]\nregion = \"a\"\nsessions = 1\n")
}

/// Simulates and records, but neither judges nor measures: closer to what the peers are asked for.
pub fn simulate(catalog: &Catalog, plan: &Plan, seed: u64) -> Result<Outcome, String> {
    let protocol = catalog.find(&plan.protocol).ok_or("no such protocol")?;
    let history = protocol.simulate(plan, seed, None)?.history;
    let operations = history.operations.iter().filter(|op| op.status == Status::Ok).count();
    Ok(Outcome {
        operations: operations as u64,
        messages: history.traffic.messages,
        ..Outcome::default()
    })
}

/// Simulates, judges and measures.
pub fn run(catalog: &Catalog, plan: &Plan, seed: u64) -> Result<Outcome, String> {
    let protocol = catalog.find(&plan.protocol).ok_or("no such protocol")?;
    let run = protocol.simulate(plan, seed, None)?;
    let context = analysis::Context {
        promise: Guarantee::Linearizable,
        timeout: plan.timeout,
        regions: plan.regions.clone(),
    };
    let summary = analysis::summarize(&run.history, &context);
    if summary.verdict != Verdict::Holds {
        return Err(format!("not linearizable: {}", summary.verdict.message()));
    }
    let mut outcome = Outcome { messages: summary.traffic.messages, ..Outcome::default() };
    for (region, name) in summary.regions.iter().enumerate() {
        let Some(place) = NAMES.iter().position(|known| known == name) else { continue };
        for op in [OpKind::Read, OpKind::Write] {
            if let Some(slot) = summary.slot(Phase::Healthy, region, op) {
                outcome.operations += slot.ok;
                outcome.latency[place].merge(&slot.service);
            }
        }
    }
    Ok(outcome)
}

/// The matrix of round trips, with this one way inside a region.
fn matrix(local: u64) -> String {
    let rtt = |one_way: u64| one_way as f64 * 2e-6;
    format!(
        "symmetric = true\nintra_az_rtt_ms = {0:?}\ncross_az_rtt_ms = {0:?}\n\
         [rtt_ms.a]\nb = {1:?}\nc = {2:?}\n[rtt_ms.b]\nc = {3:?}\n",
        rtt(local),
        rtt(BETWEEN[0][1]),
        rtt(BETWEEN[0][2]),
        rtt(BETWEEN[1][2]),
    )
}

/// Scenarios are files; these live as long as it takes to read them.
fn parse(setting: &Setting, matrix: &str, clients: &str) -> Result<Plan, String> {
    let replicas: Vec<String> =
        setting.places.iter().map(|region| format!("\"{}\"", NAMES[*region])).collect();
    let link = match setting.jitter {
        true => {
            format!(
                "[link]\njitter_factor = {{ lognormal = {{ median = 1.0, sigma = {SIGMA} }} }}\n"
            )
        }
        false => String::new(),
    };
    let text = format!(
        "question = \"What does the simulator cost?\"\n\
         analysis = \"The workload of the engine benchmark.\"\n\
         regions = \"three.toml\"\nreplicas = [{}]\noperations = {}\nwarm_up = \"0ms\"\n{link}\
         [workload]\nread = {:?}\nupdate = {:?}\nrecords = 1000\nkeys = \"uniform\"\n\
         arrivals = \"closed\"\n{clients}\
         [[modes]]\nname = \"mode\"\nprotocol = \"{}\"\nconfig = {}\nlevels = [\"linearizable\"]\n",
        replicas.join(", "),
        setting.operations,
        f64::from(u8::from(setting.reads)),
        f64::from(u8::from(!setting.reads)),
        setting.protocol,
        setting.config,
    );
    let dir = std::env::temp_dir().join(format!("pacelc-peers-{}", std::process::id()));
    let said = |error: std::io::Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(&dir).map_err(said)?;
    std::fs::write(dir.join("three.toml"), matrix).map_err(said)?;
    let file = dir.join("peers.toml");
    std::fs::write(&file, text).map_err(said)?;
    let source = Source::open(file.display().to_string()).map_err(|error| format!("{error:?}"))?;
    let scenario = load(&source, &Catalog::builtin().with::<Ten>(), &Overrides::default())
        .map_err(|error| format!("{error:?}"));
    std::fs::remove_dir_all(&dir).map_err(said)?;
    scenario?.plans.into_iter().next().ok_or_else(|| "the scenario has no plan".into())
}
