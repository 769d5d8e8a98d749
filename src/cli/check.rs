//! `pacelc check`: anybody's history against named guarantees, with what shows each answer.

mod diagram;
mod orders;
mod said;

use super::args::CheckArgs;
use super::{complain, picture_width, print, unless_closed};
use crate::foreign::{
    Condition, Format, History, Limits, Rate, Verdict, Versions, judge, judge_in_order, rate, read,
};
use crate::results::{VerdictWord, replace};
use anyhow::{Context as _, anyhow, bail};
use diagram::diagram;
use orders::Orders;
use said::Said;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Lines of a diagram in the terminal, at most.
const DIAGRAM_LINES: usize = 20;

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let standard_input = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &standard_input[..] } else { &args.files };
    if files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        bail!("`-` stands there twice, and standard input can be read once");
    }
    let orders = args.versions.as_deref().map(Orders::read).transpose()?;
    let mut check = Check {
        args,
        orders: orders.as_ref(),
        alone: files.len() == 1,
        strange: orders.iter().flat_map(Orders::keys).collect(),
        worst: VerdictWord::Holds,
        undrawn: args.diagram.as_deref(),
    };
    let mut refused = 0;
    for file in files {
        let name = if file.as_os_str() == "-" { "stdin" } else { &file.display().to_string() };
        // What is wrong with one file says nothing of the others.
        match check.history(file, name) {
            Ok((history, versions)) => check.judge(name, &history, versions.as_ref())?,
            Err(error) => {
                refused += 1;
                complain(&error);
            }
        }
    }
    if let Some(key) = check.strange.first().filter(|_| refused == 0) {
        // No history says which key was meant, so none is named.
        bail!(
            "{}: none of these histories has a key `{key}`",
            orders.as_ref().map_or("", |o| &o.name)
        );
    }
    if let Some(picture) = check.undrawn {
        anstream::eprintln!("{} was not drawn: nothing is violated", picture.display());
    }
    if refused > 0 {
        return Ok(ExitCode::from(2));
    }
    Ok(super::exit_status_of(check.worst))
}

/// What is asked of every file, and what has come of it so far.
struct Check<'a> {
    args: &'a CheckArgs,
    orders: Option<&'a Orders>,
    /// Whether there is one file, which must have every key that has an order. Several may have some each.
    alone: bool,
    /// The keys with an order that no file has had so far.
    strange: BTreeSet<&'a str>,
    worst: VerdictWord,
    /// Where the first counterexample goes, until there is one.
    undrawn: Option<&'a Path>,
}

impl Check<'_> {
    fn history(&mut self, file: &Path, name: &str) -> anyhow::Result<(History, Option<Versions>)> {
        let format = self.args.format.as_deref();
        let format = Format::ALL.iter().find(|(name, _)| Some(*name) == format).map(|(_, f)| *f);
        let history = load(file, name, format, &self.args.initial)?;
        let Some(orders) = self.orders else { return Ok((history, None)) };
        self.strange.retain(|key| !history.knows(key));
        let all = orders.of_keys.iter().map(|(key, values)| (key.as_str(), values));
        let versions =
            Versions::new(&history, all.filter(|(key, _)| self.alone || history.knows(key)));
        let versions = versions.map_err(|why| anyhow!("{name}, {}: {why}", orders.name))?;
        Ok((history, Some(versions)))
    }

    fn judge(
        &mut self,
        name: &str,
        history: &History,
        versions: Option<&Versions>,
    ) -> anyhow::Result<()> {
        let args = self.args;
        let conditions = match &args.guarantees[..] {
            [] => &[Condition::Linearizable][..],
            some => some,
        };
        for condition in conditions {
            let verdict = decide(args, history, *condition, versions);
            self.worst = self.worst.max(word(&verdict));
            let rate = counted(args, history, *condition, versions, &verdict);
            let said = Said { name, history, condition: *condition, verdict: &verdict, rate };
            let mut text = if args.json { format!("{}\n", said.json()) } else { said.paragraph() };
            let example = match &verdict {
                Verdict::Violated(example) => Some(example),
                _ => None,
            };
            let drawn =
                example.map(|example| diagram(name, history, *condition, example, args.tick));
            if let Some(drawn) = drawn.as_ref().filter(|_| !args.json) {
                text += &match drawn.compact(picture_width(), DIAGRAM_LINES) {
                    Some(small) => format!("\n{small}\n"),
                    None => "  too large to draw here; --diagram FILE.svg draws it\n".to_owned(),
                };
            }
            unless_closed(print(text.as_bytes()))?;
            if let Some(drawn) = drawn
                && let Some(picture) = self.undrawn.take()
            {
                let Some(svg) = drawn.svg() else {
                    bail!("the counterexample has no operation to draw")
                };
                replace(picture, svg.as_bytes())?;
                anstream::eprintln!("diagram: {}", picture.display());
            }
        }
        Ok(())
    }
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
    if file.is_dir() {
        bail!(
            "{name} is a folder; a history is a file, and the files in it can be given one by one, as in \
             `pacelc check {}/*`",
            name.trim_end_matches(['/', '\\'])
        );
    }
    let source = File::open(file).with_context(|| format!("cannot read {name}"))?;
    Ok(read(BufReader::with_capacity(1 << 16, source), name, format, initial)?)
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
    let late = clock(args.seconds);
    let defaults = Limits::default();
    let patient = args.budget.is_none() && args.seconds.is_none();
    let told = Cell::new(false);
    let stop = || {
        let (late, slow) = late();
        if slow && patient && !told.replace(true) {
            anstream::eprintln!(
                "still searching; a verdict may take {} steps, and --budget or --seconds gives up earlier",
                defaults.steps
            );
        }
        late
    };
    judge(&Limits {
        steps: args.budget.unwrap_or(defaults.steps),
        bytes: u64::from(args.memory) << 20,
        witness: args.json,
        stop: Some(&stop),
    })
}

/// After so many seconds a search that nobody bounded says how to bound it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether as many seconds as are allowed have passed since now, and whether it takes long.
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "asked for by --seconds, which says that verdicts then depend on the machine; a hint on \
              stderr, which decides nothing"
)]
fn clock(seconds: Option<u32>) -> impl Fn() -> (bool, bool) {
    let begun = std::time::Instant::now();
    move || {
        let passed = begun.elapsed();
        (seconds.is_some_and(|most| passed.as_secs() >= u64::from(most)), passed >= PATIENCE)
    }
}

fn word(verdict: &Verdict) -> VerdictWord {
    match verdict {
        Verdict::Holds(_) => VerdictWord::Holds,
        Verdict::Violated(_) => VerdictWord::Violated,
        Verdict::Unknown(_) => VerdictWord::Unknown,
    }
}
