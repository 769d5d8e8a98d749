//! `pacelc report`: the page again, from saved rows.

use super::args::ReportArgs;
use super::{exit_status, print};
use crate::report::{markdown, page, plane_svg};
use crate::results::{CURVES, FAULTS, NOTE, PAGE, ROWS, Results, TIMELINES, prepare, replace};
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let results = Results::read(&args.rows)?;
    let folder = match &args.output {
        Some(folder) => folder.as_path(),
        None if args.rows.is_dir() => &args.rows,
        None => args.rows.parent().unwrap_or(Path::new(".")),
    };
    if let Some(file) = &args.plane {
        let same = |other: &Path| {
            file.canonicalize().ok().is_some_and(|f| other.canonicalize().is_ok_and(|o| o == f))
        };
        let taken = [ROWS, CURVES, FAULTS, TIMELINES, NOTE, PAGE].map(|name| folder.join(name));
        if same(&args.rows) || taken.iter().any(|name| same(name)) {
            bail!("--plane {} would overwrite the results; choose another file", file.display());
        }
    }
    let plane = match &args.plane {
        Some(file) => match plane_svg(&results.rows) {
            Some(svg) => Some((file, svg)),
            None => bail!("--plane: no scenario among these rows has cells enough for a picture"),
        },
        None => None,
    };
    let html = page(&results);
    prepare(folder)?;
    let target = folder.join(PAGE);
    replace(&target, html.as_bytes())?;
    if let Some((file, svg)) = plane {
        replace(file, svg.as_bytes())?;
    }
    if args.markdown {
        print(markdown(&results.rows).as_bytes())?;
    }
    let shown = target.canonicalize().context("the page was written but cannot be found")?;
    anstream::eprintln!("report: {}", shown.display());
    Ok(exit_status(&results.rows))
}
