//! Rows side by side, for `pacelc cmp`: the modes of one result, or what changed between two.

use super::number;
use crate::results::{Change, Difference, Row, VerdictWord};
use anstyle::{AnsiColor, Style};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const BOLD: Style = Style::new().bold();
const BROKEN: Style = AnsiColor::Red.on_default().bold();

/// One table per scenario: a line per variant, level and operation, a column per mode, healthy phase, all
/// regions together; median and 99th percentile, the best median of each line in bold, broken promises
/// marked with `✗` and undecided ones with `?`.
#[must_use]
pub fn comparison(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut scenarios: Vec<&str> = rows.iter().map(|row| row.scenario.as_str()).collect();
    scenarios.dedup();
    for scenario in scenarios {
        let shown: Vec<&Row> = rows
            .iter()
            .filter(|row| row.scenario == scenario && row.phase == "healthy")
            .filter(|row| row.client_region == "all")
            .collect();
        table(&mut text, scenario, &shown);
    }
    text
}

type Line<'a> = (usize, &'a str, &'a str, &'a str);

fn table(text: &mut String, scenario: &str, rows: &[&Row]) {
    let mut modes: Vec<&str> = Vec::new();
    let mut order: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        if !modes.contains(&row.system.as_str()) {
            modes.push(&row.system);
        }
        if !order.contains(&(row.variant.as_str(), row.level.as_str())) {
            order.push((&row.variant, &row.level));
        }
    }
    let mut lines: BTreeMap<Line<'_>, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let place = order.iter().position(|key| *key == (row.variant.as_str(), row.level.as_str()));
        let line = (place.unwrap_or(0), row.variant.as_str(), row.level.as_str(), row.op.as_str());
        lines.entry(line).or_default().push(row);
    }
    let label = |line: &Line<'_>| [line.1, line.2, line.3].join(" ").trim().to_owned();
    let widest = lines.keys().map(|line| label(line).chars().count()).max().unwrap_or(0);
    let _ = writeln!(text, "{BOLD}{scenario}{BOLD:#}  (p50 / p99, healthy, all regions)");
    let _ = write!(text, "{:widest$}", "");
    for mode in &modes {
        let _ = write!(text, "  {mode:>20}");
    }
    text.push('\n');
    for (line, rows) in &lines {
        let _ = write!(text, "{:widest$}", label(line));
        let best = rows.iter().map(|row| row.p50_ms).fold(f64::INFINITY, f64::min);
        for mode in &modes {
            text.push_str("  ");
            match rows.iter().find(|row| row.system == *mode) {
                Some(row) => cell(text, row, row.p50_ms <= best),
                None => drop(write!(text, "{:>20}", "-")),
            }
        }
        text.push('\n');
    }
    text.push('\n');
}

fn cell(text: &mut String, row: &Row, best: bool) {
    let mark = match row.verdict {
        VerdictWord::Holds => "",
        VerdictWord::Unknown => " ?",
        VerdictWord::Violated => " ✗",
    };
    let figures = format!("{} / {}{mark}", number::ms(row.p50_ms), number::ms(row.p99_ms));
    let style = match (row.verdict, best) {
        (VerdictWord::Violated, _) => BROKEN,
        (_, true) => BOLD,
        (_, false) => Style::new(),
    };
    let pad = 20_usize.saturating_sub(figures.chars().count());
    let _ = write!(text, "{:pad$}{style}{figures}{style:#}", "");
}

/// What changed between two results, a line each; figures first that changed beyond their intervals.
#[must_use]
pub fn differences(found: &[Difference]) -> String {
    if found.is_empty() {
        return "no differences\n".to_owned();
    }
    let mut text = String::new();
    for difference in found {
        let Difference { cell, phase, client_region, op, change } = difference;
        let place = format!("{cell}  {phase} {client_region} {op}");
        let _ = match change {
            Change::Added => writeln!(text, "+ {place}"),
            Change::Removed => writeln!(text, "- {place}"),
            Change::Verdict { old, new } => {
                let broken = *new == VerdictWord::Violated;
                let style = if broken { BROKEN } else { BOLD };
                writeln!(text, "! {cell}  {style}verdict {old:?} -> {new:?}{style:#}")
            }
            Change::Figure { column, old, new, ratio, parted } => {
                let ratio = ratio.map_or(String::new(), |ratio| format!("  x{ratio:.3}"));
                let parted = match parted {
                    Some(true) => "  beyond the intervals",
                    Some(false) => "  within the intervals",
                    None => "",
                };
                writeln!(text, "~ {place}  {column} {old} -> {new}{ratio}{parted}")
            }
        };
    }
    let _ = writeln!(text, "{}", number::plural(found.len(), "difference"));
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::results::compare;

    #[test]
    fn every_mode_is_a_column_and_a_broken_promise_is_marked() {
        let (_, mut rows, _) = sample::run();
        rows[0].verdict = VerdictWord::Violated;
        let text = anstream::adapter::strip_str(&comparison(&rows)).to_string();
        for row in &rows {
            assert!(text.contains(&row.system), "{} is missing", row.system);
        }
        assert!(text.contains('✗'));
    }

    #[test]
    fn equal_results_do_not_differ_and_changed_ones_say_how() {
        let (_, rows, _) = sample::run();
        assert_eq!(differences(&compare(&rows, &rows)), "no differences\n");
        let mut changed = rows.clone();
        changed[0].p50_ms *= 2.0;
        let text = differences(&compare(&rows, &changed));
        assert!(text.contains("p50_ms") && text.contains("x2.000"), "{text}");
    }
}
