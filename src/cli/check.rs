//! `pacelc check`: anybody's history against named guarantees, with what shows each answer.

mod diagram;
mod said;

use super::args::CheckArgs;
use super::{print, width};
use crate::check::{
    Condition, Format, History, Limits, Rate, Verdict, Versions, judge, judge_in_order, rate, read,
};
use crate::results::{VerdictWord, replace};
use anyhow::{Context as _, anyhow, bail};
use diagram::diagram;
use said::Said;
use serde_json::Value;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lines of a diagram in the terminal, at most.
const DIAGRAM_LINES: usize = 20;

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
            let rate = counted(args, &history, *condition, versions.as_ref(), &verdict);
            let said =
                Said { name, history: &history, condition: *condition, verdict: &verdict, rate };
            let mut text = if args.json { format!("{}\n", said.json()) } else { said.paragraph() };
            let example = match &verdict {
                Verdict::Violated(example) => Some(example),
                _ => None,
            };
            let drawn =
                example.map(|example| diagram(name, &history, *condition, example, args.tick));
            if let Some(drawn) = drawn.as_ref().filter(|_| !args.json) {
                text += &match drawn.compact(width(), DIAGRAM_LINES) {
                    Some(small) => format!("\n{small}\n"),
                    None => "  too large to draw here; --diagram FILE.svg draws it\n".to_owned(),
                };
            }
            print(text.as_bytes())?;
            if let Some(drawn) = drawn
                && let Some(picture) = undrawn.take()
            {
                let Some(svg) = drawn.svg() else {
                    bail!("the counterexample has no operation to draw")
                };
                replace(picture, svg.as_bytes())?;
                anstream::eprintln!("diagram: {}", picture.display());
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
    within(args, |limits| match versions {
        Some(versions) => judge_in_order(history, condition, versions, limits),
        None => judge(history, condition, limits),
    })
}

/// How often it is broken; not asked where that is not known to be so or not so.
fn counted(
    args: &CheckArgs,
    history: &History,
    condition: Condition,
    versions: Option<&Versions>,
    verdict: &Verdict,
) -> Option<Rate> {
    verdict.decided()?;
    within(args, |limits| rate(history, condition, versions, limits))
}

/// Judges within what the command line allows.
fn within<T>(args: &CheckArgs, judge: impl FnOnce(&Limits<'_>) -> T) -> T {
    let late = args.seconds.map(deadline);
    let stop = || late.as_ref().is_some_and(|late| late());
    judge(&Limits {
        steps: args.budget,
        bytes: u64::from(args.memory) << 20,
        witness: args.json,
        stop: Some(&stop),
    })
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
