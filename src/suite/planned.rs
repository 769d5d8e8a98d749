//! What is known of a cell before it runs: closed forms, planned rates, what a model predicts, and what
//! the report says of its scenario.

use crate::catalog::ProtocolEntry;
use crate::op::{Object, OpKind};
use crate::results::{
    Asks, Claim, CurvePoint, FaultPlan, LinkLine, News, Offered, Published, ScenarioNote, Side,
    Theory,
};
use crate::scenario::Scenario;
use crate::scenario::answer::Answer;
use crate::scenario::plan::{Arrivals, FaultKind, Load, Plan};
use crate::scenario::published::{self as scenario, What};
use crate::scenario::systems::SystemLevel;
use crate::world::live::LinkReport;

/// The clients' regions, each once, in the order of the groups.
pub(super) fn regions(plan: &Plan) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    for group in &plan.clients {
        let region = &plan.regions[group.region];
        if !regions.contains(region) {
            regions.push(region.clone());
        }
    }
    regions
}

/// Closed forms, where all of a region's groups have the same.
pub(super) fn theory(plan: &Plan, entry: Option<&ProtocolEntry>) -> Vec<Theory> {
    let mut found = Vec::new();
    let places = regions(plan);
    for region in &places {
        for op in [OpKind::Read, OpKind::Write, OpKind::Scan] {
            let groups = (0..plan.clients.len())
                .filter(|group| plan.regions[plan.clients[*group].region] == *region);
            let mut latencies: Vec<_> =
                groups.map(|group| entry.and_then(|entry| entry.theory(plan, op, group))).collect();
            latencies.dedup();
            if let [Some(latency)] = latencies[..] {
                found.push(Theory { region: region.clone(), op, latency });
                if places.len() == 1 {
                    found.push(Theory { region: "all".to_owned(), op, latency });
                }
            }
        }
    }
    found
}

/// How late the links of a run were, as results keep it.
pub(super) fn link_lines(plan: &Plan, seed: u64, links: &[LinkReport]) -> Vec<LinkLine> {
    let line = |link: &LinkReport| LinkLine {
        cell: plan.name.to_string(),
        seed,
        from: link.from.clone(),
        to: link.to.clone(),
        n: link.n,
        asked_ms: link.asked_ms,
        before_p50_ms: link.before_p50_ms,
        before_p99_ms: link.before_p99_ms,
        late_p50_ms: link.late_p50_ms,
        late_p99_ms: link.late_p99_ms,
    };
    links.iter().map(line).collect()
}

/// Planned rates by group and kind; groups of one region add up.
pub(super) fn offered(plan: &Plan) -> Vec<Offered> {
    let mut found: Vec<Offered> = Vec::new();
    if plan.load != Load::Mix {
        return found;
    }
    for group in &plan.clients {
        let (Arrivals::Poisson { rate } | Arrivals::Constant { rate }) = group.mix.arrivals else {
            continue;
        };
        let mix = &group.mix;
        for (op, share) in [
            (OpKind::Read, mix.read + mix.rmw),
            (OpKind::Write, mix.update + mix.insert + mix.rmw),
            (OpKind::Scan, mix.scan),
            (OpKind::Rmw, mix.rmw),
        ] {
            // How many locks will be granted, and so freed, nobody can plan.
            if op == OpKind::Write && plan.contents.object == Object::Lock {
                continue;
            }
            let region = &plan.regions[group.region];
            let rate = rate * share;
            match found.iter_mut().find(|known| known.op == op && known.region == *region) {
                Some(known) => known.rate += rate,
                None => found.push(Offered { region: region.clone(), op, rate }),
            }
        }
    }
    found.retain(|offered| offered.rate > 0.0);
    found
}

/// When something is broken, and which client regions are then on which side. A region whose groups differ,
/// or whose side changes from one cut to the next, is on neither. Who leads when a cut begins is not
/// known here, so a cut of the leader is one of a replica: it leaves others their majority.
pub(super) fn faults(plan: &Plan) -> FaultPlan {
    let drawn = plan.random_faults.iter().map(|random| (random.start, random.end));
    let windows = plan.faults.iter().map(|fault| (fault.start, fault.end)).chain(drawn).collect();
    let mut sides = Vec::new();
    // What seeds draw is different under each, and so are the sides.
    let known = if plan.random_faults.is_some() { Vec::new() } else { regions(plan) };
    for region in known {
        let groups = (0..plan.clients.len())
            .filter(|group| plan.regions[plan.clients[*group].region] == region);
        let mut found: Vec<Side> = groups.flat_map(|group| sides_of(plan, group)).collect();
        found.sort_unstable();
        found.dedup();
        if let [side] = found[..] {
            sides.push((region, side));
        }
    }
    FaultPlan { sides, windows }
}

/// On which side a client group is under each cut.
fn sides_of(plan: &Plan, group: usize) -> impl Iterator<Item = Side> {
    let (replicas, client) = (plan.replicas.len(), plan.replicas.len() + group);
    let cuts = plan.faults.iter().filter_map(|fault| match &fault.kind {
        FaultKind::Cut(between) => Some(between),
        _ => None,
    });
    cuts.map(move |between| {
        let parted = |replica: &usize| {
            between.strikes(client, *replica, 0) || between.strikes(*replica, client, 0)
        };
        let reached = (0..replicas).filter(|replica| !parted(replica)).count();
        if reached * 2 > replicas { Side::Majority } else { Side::Minority }
    })
}

/// Writes beside each point of a probing plan's curves what the model WARS expects there. Every group
/// reads as often as every other, so groups of one region, and all together, count alike.
pub(super) fn predict(curves: &mut [CurvePoint], plan: &Plan, entry: &ProtocolEntry) {
    let Load::Probe(probe) = &plan.load else { return };
    let Some(groups) = entry.visibility(plan) else { return };
    for point in curves {
        let at = probe.offsets.iter().position(|offset| offset.as_ms() == point.t_ms);
        let here = |group: usize| {
            let region = &plan.regions[plan.clients[group].region];
            point.client_region == "all" || point.client_region == *region
        };
        let rates = groups.iter().enumerate().filter(|(group, _)| here(*group));
        let rates: Vec<f64> =
            at.map_or(Vec::new(), |at| rates.map(|(_, rates)| rates[at]).collect());
        if !rates.is_empty() {
            point.predict(rates.iter().sum::<f64>() / rates.len() as f64);
        }
    }
}

/// What the report says of a scenario.
pub(super) fn note_of(scenario: &Scenario) -> ScenarioNote {
    ScenarioNote {
        name: scenario.name.clone(),
        question: scenario.question.clone(),
        analysis: scenario.analysis.clone(),
        provenance: scenario.provenance.clone(),
        replicas: scenario.replica_places.clone(),
        clients: scenario.client_places.clone(),
        cells: scenario.plans.len() as u32,
        news: news(scenario),
        published: scenario.published.iter().map(quoted).collect(),
        evidence: Vec::new(),
        claims: scenario.plans.iter().filter_map(claim).collect(),
        asks: scenario.answer.as_ref().map(asks),
        answer: String::new(),
    }
}

/// What its answer is made of.
fn asks(answer: &Answer) -> Asks {
    let Answer { cost, asked, counts, op, cells } = answer.clone();
    Asks { cost, asked, counts, op, cells }
}

/// What a named system calls a cell's level.
fn claim(plan: &Plan) -> Option<Claim> {
    let SystemLevel { called, class, by, .. } = plan.claim.clone()?;
    Some(Claim { cell: plan.name.to_string(), called, class, by })
}

/// A published figure under the names that results use.
fn quoted(figure: &scenario::Published) -> Published {
    let (op, column, t_ms) = match figure.what {
        What::Latency(op, column) => (op, column, None),
        What::Fresh(t) => (OpKind::Read, "fresh_rate", Some(t.as_ms())),
    };
    Published {
        source: figure.source.clone(),
        cell: figure.cell.to_string(),
        op: op.name().to_owned(),
        column: column.to_owned(),
        t_ms,
        value: figure.value,
    }
}

/// The least time between each two client regions, over all variants; none if one says none.
fn news(scenario: &Scenario) -> Vec<News> {
    let mut found: Vec<News> = Vec::new();
    for plan in &scenario.plans {
        let fastest = plan.fastest_news();
        if fastest.is_empty() {
            return Vec::new();
        }
        for (from, to, time) in fastest {
            match found.iter_mut().find(|known| known.from == from && known.to == to) {
                Some(known) => known.ms = known.ms.min(time.as_ms()),
                None => found.push(News { from: from.into(), to: to.into(), ms: time.as_ms() }),
            }
        }
    }
    found
}
