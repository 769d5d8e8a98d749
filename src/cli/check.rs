//! `pacelc check`: anybody's history against named guarantees, with what shows each answer.

use super::args::CheckArgs;
use super::{print, style, style_end};
use crate::check::{
    Action, Condition, Counterexample, Format, History, Limits, NEVER, Outcome, Verdict, Versions,
    Witness, describe, judge, judge_in_order, read,
};
use crate::report::{Bar, SpaceTime, Ticks};
use crate::results::{VerdictWord, replace};
use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const BOLD: anstyle::Style = anstyle::Style::new().bold();
/// Operations of a counterexample that are printed; the rest is counted.
const MOST_OPERATIONS: usize = 40;

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let standard_input = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &standard_input[..] } else { &args.files };
    let format = args.format.as_deref();
    let format = Format::ALL.iter().find(|(name, _)| Some(*name) == format).map(|(_, f)| *f);
    let conditions = match &args.guarantees[..] {
        [] => &[Condition::Linearizable][..],
        some => some,
    };
    let orders = args.versions.as_deref().map(orders).transpose()?;
    let mut worst = VerdictWord::Holds;
    let mut undrawn = args.diagram.as_deref();
    for file in files {
        let name = if file.as_os_str() == "-" { "stdin" } else { &file.display().to_string() };
        let history = load(file, name, format, &args.initial)?;
        let versions = match (&orders, &args.versions) {
            (Some(all), Some(path)) => {
                let all = all.iter().map(|(key, values)| (key.as_str(), values));
                let versions = Versions::new(&history, all);
                Some(versions.map_err(|why| anyhow!("{}: {why}", path.display()))?)
            }
            _ => None,
        };
        for condition in conditions {
            let verdict = decide(args, &history, *condition, versions.as_ref());
            worst = worst.max(word(&verdict));
            let text = if args.json {
                format!("{}\n", as_json(name, &history, *condition, &verdict))
            } else {
                paragraph(name, &history, *condition, &verdict)
            };
            print(text.as_bytes())?;
            if let Verdict::Violated(example) = &verdict
                && let Some(picture) = undrawn.take()
            {
                draw(picture, name, &history, *condition, example)?;
            }
        }
    }
    if let Some(picture) = undrawn {
        anstream::eprintln!("{} was not drawn: nothing is violated", picture.display());
    }
    Ok(super::exit_status_of(worst))
}

fn load(
    file: &Path,
    name: &str,
    format: Option<Format>,
    initial: &Value,
) -> anyhow::Result<History> {
    if file.as_os_str() == "-" {
        return Ok(read(std::io::stdin().lock(), name, format, initial)?);
    }
    let source = File::open(file).with_context(|| format!("cannot read {name}"))?;
    Ok(read(BufReader::with_capacity(1 << 16, source), name, format, initial)?)
}

/// The order of versions, by key.
type Orders = Vec<(String, Vec<Value>)>;

fn orders(file: &Path) -> anyhow::Result<Orders> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let value: Value =
        serde_json::from_str(&text).with_context(|| format!("{shown} is no JSON"))?;
    let Value::Object(keys) = value else { bail!("{shown}: not an object from keys to values") };
    let mut orders = Orders::new();
    for (key, values) in keys {
        let Value::Array(values) = values else {
            bail!("{shown}: the versions of `{key}` are not an array, oldest first");
        };
        orders.push((key, values));
    }
    Ok(orders)
}

fn decide(
    args: &CheckArgs,
    history: &History,
    condition: Condition,
    versions: Option<&Versions>,
) -> Verdict {
    let late = args.seconds.map(deadline);
    let stop = || late.as_ref().is_some_and(|late| late());
    let limits = Limits {
        steps: args.budget,
        bytes: u64::from(args.memory) << 20,
        witness: args.json,
        stop: Some(&stop),
    };
    match versions {
        Some(versions) => judge_in_order(history, condition, versions, &limits),
        None => judge(history, condition, &limits),
    }
}

/// Whether so many seconds have passed since now.
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "asked for by --seconds, which says that verdicts then depend on the machine"
)]
fn deadline(seconds: u32) -> impl Fn() -> bool {
    let begun = std::time::Instant::now();
    move || begun.elapsed().as_secs() >= u64::from(seconds)
}

fn word(verdict: &Verdict) -> VerdictWord {
    match verdict {
        Verdict::Holds(_) => VerdictWord::Holds,
        Verdict::Violated(_) => VerdictWord::Violated,
        Verdict::Unknown(_) => VerdictWord::Unknown,
    }
}

fn paragraph(name: &str, history: &History, condition: Condition, verdict: &Verdict) -> String {
    let (head, end) = (style(BOLD), style_end(BOLD));
    let mut text = format!("{name}: {condition}: {head}");
    let _ = match verdict {
        Verdict::Holds(Witness::Reason(reason)) => writeln!(text, "holds{end}: {reason}"),
        Verdict::Holds(Witness::Order(order)) => {
            writeln!(text, "holds{end}: there is an order of all {} operations", order.len())
        }
        Verdict::Unknown(reason) => writeln!(text, "unknown{end}: {reason}"),
        Verdict::Violated(example) => {
            let _ = writeln!(text, "violated{end}: {}", example.message);
            for i in example.operations.iter().take(MOST_OPERATIONS) {
                let op = &history.operations()[*i as usize];
                let _ = writeln!(text, "  line {}: {}", op.line, describe(history, op));
            }
            match example.operations.len().checked_sub(MOST_OPERATIONS) {
                None | Some(0) => Ok(()),
                Some(more) => writeln!(text, "  and {more} more"),
            }
        }
    };
    text
}

fn as_json(name: &str, history: &History, condition: Condition, verdict: &Verdict) -> Value {
    let line = |i: &u32| history.operations()[*i as usize].line;
    let mut object = json!({
        "file": name,
        "guarantee": condition.to_string(),
        "operations": history.operations().len(),
    });
    let (word, more) = match verdict {
        Verdict::Holds(Witness::Reason(reason)) => ("holds", json!({ "reason": reason })),
        Verdict::Holds(Witness::Order(order)) => {
            ("holds", json!({ "order_of_lines": order.iter().map(line).collect::<Vec<_>>() }))
        }
        Verdict::Unknown(reason) => ("unknown", json!({ "reason": reason })),
        Verdict::Violated(Counterexample { pattern, message, operations }) => {
            let told = |i: &u32| {
                let op = &history.operations()[*i as usize];
                json!({ "line": op.line, "operation": describe(history, op) })
            };
            let operations: Vec<Value> = operations.iter().map(told).collect();
            let example = json!({
                "message": message,
                "pattern": pattern,
                "counterexample": operations,
            });
            ("violated", example)
        }
    };
    object["verdict"] = word.into();
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

/// Draws a counterexample: a lane per process, a bar per operation.
fn draw(
    picture: &Path,
    name: &str,
    history: &History,
    condition: Condition,
    example: &Counterexample,
) -> anyhow::Result<()> {
    let ops = || example.operations.iter().map(|i| &history.operations()[*i as usize]);
    let mut processes: Vec<u32> = ops().map(|op| op.process).collect();
    processes.sort_unstable();
    processes.dedup();
    let last = ops().filter(|op| op.observes()).max_by_key(|op| op.invoked).map(|op| op.line);
    let bar = |op: &crate::check::Operation| {
        let sentence = describe(history, op);
        let (value, key) = (history.value(op.value), history.key(op.key));
        let label = match op.action {
            Action::Read => format!("{key} is {value}"),
            Action::Write => format!("{key} = {value}"),
            Action::Append => format!("{key} += {value}"),
            Action::Delete => format!("delete {key}"),
            Action::Cas if op.refused() => format!("{key} is not {}", history.value(op.expected)),
            Action::Cas => format!("{key}: {} to {value}", history.value(op.expected)),
            Action::Add => format!("{key} + {value}"),
            Action::Take if op.refused() => format!("{key} < {value}"),
            Action::Take => format!("{key} - {value}"),
            Action::Insert => format!("{value} into {key}"),
            Action::Remove => format!("{value} out of {key}"),
            Action::Acquire if op.refused() => format!("{key} is held"),
            Action::Acquire => format!("acquire {key}"),
            Action::Release if op.refused() => format!("{key} is not its own"),
            Action::Release => format!("release {key}"),
        };
        Bar {
            lane: processes.partition_point(|process| *process < op.process),
            from: op.invoked,
            to: (op.outcome == Outcome::Ok && op.completed != NEVER).then_some(op.completed),
            label,
            sentence,
            observes: op.observes(),
            blamed: Some(op.line) == last,
        }
    };
    let diagram = SpaceTime {
        title: format!("{name} is not {condition}"),
        lanes: processes.iter().map(|p| format!("process {}", history.process(*p))).collect(),
        bars: ops().map(bar).collect(),
        ticks: Ticks::Plain,
    };
    let Some(svg) = diagram.svg() else { bail!("the counterexample has no operation to draw") };
    replace(picture, svg.as_bytes())?;
    anstream::eprintln!("diagram: {}", picture.display());
    Ok(())
}
