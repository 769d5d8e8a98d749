//! `pacelc run --canaries`: do the checkers object to what is broken on purpose, and to nothing else?

use super::args::RunArgs;
use super::{calibrate, print, progress, select, width};
use crate::catalog::Catalog;
use crate::suite::{Options, Sighting, canaries, canary_runs};
use anyhow::bail;
use clap::ArgMatches;
use std::fmt::Write as _;
use std::process::ExitCode;

pub(super) fn run(args: &RunArgs, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    if args.world != "sim" {
        bail!(
            "--canaries runs in virtual time, where each canary is known to show itself; leave out --world"
        );
    }
    let mut nothing = Vec::new();
    calibrate::world(args, 1, &mut nothing)?;
    let catalog = Catalog::builtin();
    let scenarios = select::scenarios_or("canaries", &args.select, None, matches, &catalog)?;
    let runs = canary_runs(&scenarios);
    if runs == 0 {
        bail!("no mode here is a canary; `pacelc list canaries` shows those that are built in");
    }
    let bar = progress::bar(runs);
    let threads = args.threads.map_or(Options::default().threads, usize::from);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let found = canaries(&catalog, &scenarios, threads, &|| bar.inc(1));
    std::panic::set_hook(hook);
    bar.finish_and_clear();
    let found = found?;
    let text = if args.json { lines(&found)? } else { table(&found, width()) };
    print(text.as_bytes())?;
    let right = found.iter().all(Sighting::is_right);
    Ok(ExitCode::from(u8::from(!right)))
}

/// A line a cell: what it claims, who must object, who did.
fn table(found: &[Sighting], width: usize) -> String {
    let name = found.iter().map(|sighting| sighting.cell.len()).max().unwrap_or(0);
    let promise = found.iter().map(|sighting| sighting.promise.to_string().len()).max();
    let promise = promise.unwrap_or(0).max("promise".len());
    let mut text = String::new();
    let _ = writeln!(text, "{:name$}  {:promise$}  found", "cell", "promise");
    for sighting in found {
        let mark = if sighting.is_right() { '✓' } else { '✗' };
        let said = said(sighting);
        let claim = sighting.promise.to_string();
        let _ = writeln!(text, "{:name$}  {claim:promise$}  {mark} {said}", sighting.cell);
        if !sighting.is_right() && !sighting.message.is_empty() {
            let _ = writeln!(text, "    {}", sighting.message);
        }
    }
    let (broken, twins): (Vec<_>, Vec<_>) =
        found.iter().partition(|sighting| sighting.canary.is_some());
    let right = |of: &[&Sighting]| of.iter().filter(|sighting| sighting.is_right()).count();
    let closing = format!(
        "{} of {} canaries caught, {} of {} twins left in peace",
        right(&broken),
        broken.len(),
        right(&twins),
        twins.len()
    );
    let _ = writeln!(text, "\n{closing:.width$}");
    text
}

fn said(sighting: &Sighting) -> String {
    let (caught, seeds) = (sighting.caught.len(), sighting.seeds);
    match (&sighting.canary, sighting.caught.first()) {
        (Some(canary), Some(first)) => format!(
            "caught by {} in {caught} of {seeds} seeds, first in seed {first}",
            canary.caught_by
        ),
        (Some(canary), None) => format!("not caught by {} in {seeds} seeds", canary.caught_by),
        (None, Some(first)) => {
            format!("false alarm in {caught} of {seeds} seeds, first in seed {first}")
        }
        (None, None) => format!("a sound twin, in peace in {seeds} seeds"),
    }
}

/// The same as JSON lines.
fn lines(found: &[Sighting]) -> anyhow::Result<String> {
    let mut text = String::new();
    for sighting in found {
        let line = serde_json::json!({
            "cell": sighting.cell,
            "promise": sighting.promise.to_string(),
            "canary": sighting.canary.is_some(),
            "caught_by": sighting.canary.as_ref().map(|canary| &canary.caught_by),
            "seeds": sighting.seeds,
            "caught": sighting.caught,
            "message": sighting.message,
            "right": sighting.is_right(),
        });
        let _ = writeln!(text, "{}", serde_json::to_string(&line)?);
    }
    Ok(text)
}
