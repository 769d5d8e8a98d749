//! What several test programs share: a scenario written in the test, run and handed back.

#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod program;
pub(crate) mod swarm;

use pacelc::catalog::Catalog;
use pacelc::history::{History, Operation, Status};
use pacelc::op::OpKind;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, Source, load};
use pacelc::time::Duration;
use pacelc::world::Run;

/// The plans of a scenario's text.
pub(crate) fn plans(text: &str) -> Vec<Plan> {
    let source = Source::new("test.toml", text);
    match load(&source, &Catalog::builtin(), &Overrides::default()) {
        Ok(scenario) => scenario.plans,
        Err(error) => panic!("{error}"),
    }
}

/// The one plan of a scenario's text.
pub(crate) fn plan(text: &str) -> Plan {
    let mut plans = plans(text);
    assert_eq!(plans.len(), 1, "the scenario has one cell");
    plans.remove(0)
}

/// Runs a plan in the simulated world.
pub(crate) fn simulate(plan: &Plan, seed: u64) -> Run {
    let catalog = Catalog::builtin();
    let protocol = catalog.find(&plan.protocol).expect("a built-in protocol");
    protocol.simulate(plan, seed, None).expect("the plan runs")
}

/// Measured operations of one kind that took effect.
pub(crate) fn measured(history: &History, kind: OpKind) -> impl Iterator<Item = &Operation> {
    history.operations.iter().filter(move |op| {
        op.kind == kind && op.status == Status::Ok && op.intended >= history.warm_up
    })
}

/// The one response time all measured operations of a kind have, exactly.
pub(crate) fn only_latency(history: &History, kind: OpKind) -> Duration {
    let mut latencies: Vec<Duration> =
        measured(history, kind).map(|op| op.completed.since(op.intended)).collect();
    assert!(!latencies.is_empty(), "no {kind} was measured");
    latencies.dedup();
    assert_eq!(latencies.len(), 1, "{kind} latencies differ: {:?}", &latencies[..2]);
    latencies[0]
}

/// Three regions with these round trips in ms, no intra-region delay, one sequential client in region
/// `near`; half reads, half writes, plus whatever is added.
pub(crate) fn triangle(
    rtts: [f64; 3],
    near: &str,
    protocol: &str,
    config: &str,
    level: &str,
) -> String {
    let [ab, ac, bc] = rtts;
    format!(
        r#"
        question = "What does this mode cost, exactly?"
        analysis = "Constant delays, no disk, no service time."
        replicas = ["a", "b", "c"]
        operations = 400
        warm_up = "3s"

        [regions]
        symmetric = true
        intra_az_rtt_ms = 0.0
        cross_az_rtt_ms = 0.0
        [regions.rtt_ms.a]
        b = {ab}
        c = {ac}
        [regions.rtt_ms.b]
        c = {bc}

        [[clients]]
        region = "{near}"
        sessions = 1

        [workload]
        read = 0.5
        update = 0.5
        keys = "uniform"
        records = 10
        arrivals = {{ constant = {{ rate = 2 }} }}

        [[modes]]
        name = "mode"
        protocol = "{protocol}"
        config = {config}
        levels = ["{level}"]
        "#
    )
}
