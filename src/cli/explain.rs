//! `pacelc explain`: one cell, one seed, and what its operations did, message by message.
//!
//! The cell runs twice. The first history is judged and the operations worth showing are chosen from
//! it; the second run, equal to the first, keeps their messages.

use super::args::ExplainArgs;
use super::{print, select, style, style_end, terminal_width, unless_closed};
use crate::analysis::{Verdict, exhibits, gone, judge, stalest_read};
use crate::catalog::Catalog;
use crate::history::{self, History, Operation, Status};
use crate::op::{NodeId, OpKind};
use crate::report::SpaceTime;
use crate::scenario::plan::Plan;
use crate::time::{Duration, Instant};
use crate::world::{Step, Trace};
use anyhow::{anyhow, bail};
use std::fmt::Write as _;
use std::process::ExitCode;

const HEADING: anstyle::Style = anstyle::Style::new().bold();
/// Steps of one operation that are printed; the rest is counted.
const MOST_STEPS: usize = 60;

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let catalog = Catalog::builtin();
    let (scenario, mut plan) = select::cell(args, &catalog)?;
    if args.smoke {
        plan.shorten();
    }
    let entry = catalog.find(&plan.protocol).ok_or_else(|| anyhow!("no such protocol"))?;
    let offer = entry
        .offer(&plan.config, plan.name.level)
        .ok_or_else(|| anyhow!("{} does not offer {}", plan.protocol, plan.name.level))?;
    let simulate = |trace| entry.simulate(&plan, args.seed, trace).map_err(|e| anyhow!(e));
    let history = simulate(None)?.history;
    let verdict = judge(&history, offer.promise);
    let chosen = chosen(args, &history, &verdict)?;

    let mut text = String::new();
    let _ = writeln!(text, "{}{}{}", style(HEADING), plan.name, style_end(HEADING));
    let _ = writeln!(text, "{}\n", scenario.question);
    describe(&mut text, &plan, args.seed, &history);
    let _ = writeln!(text, "path      {}; writes: {}", offer.read_path, offer.write_path);
    let _ = writeln!(text, "promise   {}", offer.promise);
    let _ = writeln!(text, "verdict   {}", in_words(&verdict));
    // No promise need be broken by it, but a swarm may have been asked for it.
    match gone(&history).len() {
        0 => {}
        1 => text.push_str("gone      1 acknowledged write\n"),
        n => drop(writeln!(text, "gone      {n} acknowledged writes")),
    }
    if let Verdict::Violated(counterexample) = &verdict {
        let found = exhibits(&history, counterexample);
        let picture = SpaceTime::of_exhibits(plan.name.to_string(), &found);
        let _ = writeln!(text, "\n{}{}", picture.text(), picture.gap().unwrap_or_default());
    }
    let mut trace =
        Trace { wanted: chosen.iter().map(|(_, op)| *op).collect(), ..Trace::default() };
    simulate(Some(&mut trace))?;
    for (why, op) in chosen {
        show(&mut text, &plan, &history, why, op, &trace);
    }
    unless_closed(print(text.as_bytes()))?;
    if let Some(path) = &args.history {
        let mut bytes = Vec::new();
        history::write(&history, &mut bytes)?;
        crate::results::replace(path, &bytes)?;
    }
    Ok(ExitCode::from(match verdict {
        Verdict::Holds => 0,
        Verdict::Violated(_) => 1,
        Verdict::Unknown(_) => 3,
    }))
}

fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Holds => "holds".to_owned(),
        Verdict::Unknown(reason) => format!("unknown: {reason}"),
        Verdict::Violated(counterexample) => format!("violated: {}", counterexample.message),
    }
}

fn describe(text: &mut String, plan: &Plan, seed: u64, history: &History) {
    let place = |region: usize, zone: &str| format!("{}/{zone}", plan.regions[region]);
    let replicas: Vec<String> = (plan.replicas.iter())
        .map(|host| format!("{} {}", host.name, place(host.region, &host.zone)))
        .collect();
    let config: Vec<String> =
        plan.config.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let config = if config.is_empty() { "defaults".to_owned() } else { config.join(", ") };
    let _ = writeln!(text, "protocol  {} ({config})", plan.protocol);
    let _ = writeln!(text, "replicas  {}", replicas.join(", "));
    // What is listed stands in the file; what was drawn is seen nowhere else.
    if plan.random_faults.is_some() {
        for fault in &plan.drawn(seed).faults {
            let what = fault.kind.told(plan);
            let _ = writeln!(text, "fault     {} to {}: {what}", fault.start, fault.end);
        }
    }
    let _ = writeln!(
        text,
        "run       seed {seed}, {} operations, {} s of virtual time, digest {:016x}",
        history.operations.len(),
        history.horizon.0 as f64 / 1e9,
        history.digest()
    );
}

/// The operations to show, each with the reason.
fn chosen(
    args: &ExplainArgs,
    history: &History,
    verdict: &Verdict,
) -> anyhow::Result<Vec<(&'static str, u32)>> {
    let count = history.operations.len();
    if let Some(missing) = args.op.iter().find(|op| **op as usize >= count) {
        match count.checked_sub(1) {
            Some(last) => {
                bail!("operation {missing} does not exist; this run has operations 0 to {last}")
            }
            None => bail!("operation {missing} does not exist; this run has no operations"),
        }
    }
    if !args.op.is_empty() {
        return Ok(args.op.iter().map(|op| ("the operation asked for", *op)).collect());
    }
    let mut chosen = Vec::new();
    if let Verdict::Violated(counterexample) = verdict {
        chosen.extend(counterexample.operations.iter().map(|op| ("part of the violation", *op)));
    }
    chosen.extend(gone(history).first().map(|id| ("acknowledged, and gone in the end", *id)));
    let typical = [
        (OpKind::Write, "a write of median latency"),
        (OpKind::Read, "a read of median latency"),
        (OpKind::Scan, "a scan of median latency"),
    ];
    for (kind, why) in typical {
        let mut done: Vec<(u64, u32)> = (history.operations.iter().zip(0..))
            .filter(|(op, _)| op.kind == kind && op.status == Status::Ok)
            .filter(|(op, _)| op.intended >= history.warm_up)
            .map(|(op, id)| (op.completed.since(op.intended).0, id))
            .collect();
        done.sort_unstable();
        chosen.extend(done.get(done.len() / 2).map(|(_, id)| (why, *id)));
    }
    chosen.extend(stalest_read(history).map(|id| ("the stalest read", id)));
    let ended = |op: &Operation| op.status != Status::Ok && op.intended >= history.warm_up;
    let lost = history.operations.iter().position(ended);
    chosen.extend(lost.map(|id| ("the first that did not take effect", id as u32)));
    Ok(chosen)
}

/// When an operation was meant to begin, how long it waited for its session, and what it took from then on, on
/// the clock of the diagram, which begins where the waiting ends.
fn times(op: &Operation) -> String {
    let ms = |at: Instant| at.0 as f64 / 1e6;
    let waited = op.invoked.since(op.intended);
    let mut text = match waited {
        Duration::ZERO => format!("from {:.3} ms, ", ms(op.invoked)),
        _ => format!(
            "intended at {:.3} ms, waited {:.3} ms for its session, from {:.3} ms, ",
            ms(op.intended),
            waited.as_ms(),
            ms(op.invoked)
        ),
    };
    let ended = match op.status {
        Status::Ok => "took",
        Status::Refused => "refused after",
        Status::Failed => "failed after",
        Status::Unknown => return text + "outcome unknown",
    };
    let _ = write!(text, "{ended} {:.3} ms", op.completed.since(op.invoked).as_ms());
    if waited > Duration::ZERO {
        let _ = write!(text, ", {:.3} ms in all", op.completed.since(op.intended).as_ms());
    }
    text
}

/// One operation as a space-time diagram: a column per process, time downwards.
fn show(text: &mut String, plan: &Plan, history: &History, why: &str, id: u32, trace: &Trace) {
    let op = &history.operations[id as usize];
    let region = &history.groups[usize::from(op.group)];
    let _ = writeln!(
        text,
        "\n{}operation {id}: {why}{}\n{} of key {}{} by session {} in {region}, {}",
        style(HEADING),
        style_end(HEADING),
        op.kind,
        op.key.0,
        match op.kind {
            OpKind::Scan => format!(" and {} more", op.count.saturating_sub(1)),
            _ => {
                let effect = history.effects.get(id as usize).filter(|_| op.kind == OpKind::Write);
                let update = effect.map(|effect| format!(" ({})", effect.update));
                let value = (op.status == Status::Ok).then(|| format!(", value {}", op.value.0));
                update.unwrap_or_default() + &value.unwrap_or_default()
            }
        },
        op.session,
        times(op)
    );
    let replicas = plan.replicas.len();
    let mut header = format!("{:>12}  {:^WIDTH$}", "ms", "client");
    for host in &plan.replicas {
        let _ = write!(header, "{:^WIDTH$}", host.name);
    }
    let _ = writeln!(text, "{header}{:>14}", "arrives");
    let steps: Vec<&Step> = trace.steps.iter().filter(|step| step.op() == id).collect();
    for step in steps.iter().take(MOST_STEPS) {
        line(text, replicas, op.invoked, step);
    }
    if steps.len() > MOST_STEPS {
        let _ = writeln!(text, "{:>12}  and {} more steps", "", steps.len() - MOST_STEPS);
    }
}

const WIDTH: usize = 8;

/// The column of a process: clients share the first.
fn column(node: NodeId, replicas: usize) -> usize {
    let column = if node.index() < replicas { node.index() + 1 } else { 0 };
    column * WIDTH + WIDTH / 2
}

fn line(text: &mut String, replicas: usize, begin: Instant, step: &Step) {
    let ms = |at: Instant| at.since(begin).as_ms();
    let mut lanes: Vec<char> = vec![' '; (replicas + 1) * WIDTH];
    for lane in 0..=replicas {
        lanes[lane * WIDTH + WIDTH / 2] = '·';
    }
    let (at, note) = match step {
        Step::Sent { at, arrives, from, to, text, .. } => {
            let (from, to) = (column(*from, replicas), column(*to, replicas));
            for place in &mut lanes[from.min(to)..=from.max(to)] {
                *place = if *place == '·' { '┼' } else { '─' };
            }
            lanes[from] = '●';
            lanes[to] = match arrives {
                None => '✗',
                Some(_) if to > from => '►',
                Some(_) => '◄',
            };
            let arrival = arrives.map_or("lost".to_owned(), |at| format!("{:.3}", ms(at)));
            (at, format!("{arrival:>12}  {text}"))
        }
        Step::Synced { at, node, .. } => {
            lanes[column(*node, replicas)] = '▣';
            (at, format!("{:>12}  on disk", ""))
        }
    };
    let lanes: String = lanes.into_iter().collect();
    let line = format!("{:>12.3}  {lanes}  {note}", ms(*at));
    // On a terminal one step is one line; elsewhere nothing is cut.
    match terminal_width() {
        Some(width) if line.chars().count() > width => {
            let cut: String = line.chars().take(width - 1).collect();
            let _ = writeln!(text, "{cut}…");
        }
        _ => drop(writeln!(text, "{line}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Key, Value};

    fn read(status: Status, [intended, invoked, completed]: [u64; 3]) -> Operation {
        Operation {
            session: 0,
            group: 0,
            kind: OpKind::Read,
            status,
            rmw: false,
            key: Key(0),
            value: Value::INITIAL,
            count: 0,
            intended: Instant(intended),
            invoked: Instant(invoked),
            completed: Instant(completed),
        }
    }

    #[test]
    fn waiting_and_service_add_up_on_one_clock() {
        let waited = read(Status::Ok, [22_541_251_000, 23_835_582_000, 24_127_670_000]);
        assert_eq!(
            times(&waited),
            "intended at 22541.251 ms, waited 1294.331 ms for its session, from 23835.582 ms, \
             took 292.088 ms, 1586.419 ms in all"
        );
        let at_once = read(Status::Failed, [9_000_000_000, 9_000_000_000, 19_000_000_000]);
        assert_eq!(times(&at_once), "from 9000.000 ms, failed after 10000.000 ms");
        let unknown = read(Status::Unknown, [1_000_000, 2_000_000, u64::MAX]);
        assert!(times(&unknown).ends_with("from 2.000 ms, outcome unknown"));
    }
}
