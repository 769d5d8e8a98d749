//! `pacelc cmp`: rows side by side, modes of one result or cells of two.

use super::args::CmpArgs;
use super::{print, select};
use crate::op::Level;
use crate::report::{comparison, differences};
use crate::results::{Row, VerdictWord, compare, distinct, read_rows};
use crate::scenario::filter::Filters;
use crate::scenario::plan::CellName;
use anyhow::bail;
use clap::ArgMatches;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &CmpArgs, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let filters = select::filters(&args.filters, matches, &[])?;
    let read = |path: &Path| -> anyhow::Result<Vec<Row>> {
        let file = if path.is_dir() { path.join("rows.jsonl") } else { path.to_owned() };
        let mut rows = read_rows(&file)?;
        if rows.is_empty() {
            bail!("{} holds no row", file.display());
        }
        distinct(&rows, &file)?;
        rows.retain(|row| keeps(&filters, row));
        if rows.is_empty() {
            bail!("no row of {} matches", file.display());
        }
        Ok(rows)
    };
    let old = read(&args.rows[0])?;
    let (text, judged) = match args.rows.get(1) {
        None => (comparison(&old), old),
        Some(path) => {
            let new = read(path)?;
            if !old.iter().any(|row| new.iter().any(|other| other.cell == row.cell)) {
                let (one, other) = (args.rows[0].display(), path.display());
                bail!("{one} and {other} have no cell in common");
            }
            let seeds = [&old, &new].map(|rows| rows.iter().map(|row| row.seeds).max());
            if seeds[0] != seeds[1] {
                let [one, other] = seeds.map(Option::unwrap_or_default);
                anstream::eprintln!("the first has {one} seeds, the second {other}");
            }
            (differences(&compare(&old, &new)), new)
        }
    };
    print(text.as_bytes())?;
    let worst = judged.iter().map(|row| row.verdict).max().unwrap_or(VerdictWord::Holds);
    Ok(super::exit_status_of(worst))
}

/// Whether the filters keep a saved row; one whose level this version does not know is kept.
fn keeps(filters: &Filters, row: &Row) -> bool {
    let Ok(level) = row.level.parse::<Level>() else { return true };
    let name = CellName {
        scenario: row.scenario.clone(),
        mode: row.system.clone(),
        variant: row.variant.clone(),
        level,
    };
    filters.keeps(&name, &row.protocol)
}
