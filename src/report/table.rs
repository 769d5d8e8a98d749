//! The run as a table: for a terminal of any width, and for Markdown.
//!
//! One line a cell, the medians and tails of its reads and writes, and always the verdict on the
//! same line. A narrow terminal shortens words; it never drops the verdict.

use super::number;
use super::theme::verdict;
use super::view::{Cell, Scenario, scenarios};
use super::{Row, RunNote, VerdictWord};
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

/// The head of a table, shortest words that still tell.
const HEAD: [&str; 9] =
    ["mode", "level", "read p50", "p99", "write p50", "p99", "stale", "promise", "verdict"];

/// One scenario after another for a terminal of `width` columns, with ANSI styles; print it through
/// `anstream` so that they vanish where they are not wanted.
#[must_use]
pub fn summary(note: &RunNote, rows: &[Row], width: usize) -> String {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let mut out = String::new();
    for scenario in scenarios(Some(note), rows, &[]) {
        let _ = writeln!(out, "{bold}{}{bold:#}", clean(scenario.name));
        if let Some(note) = scenario.note {
            let _ = writeln!(out, "{dim}{}{dim:#}", clip(&clean(&note.question), width.max(40)));
        }
        write_scenario(&mut out, &scenario, width);
        out.push('\n');
    }
    out.push_str(&closing(note, rows));
    out
}

/// `203 promises hold, 2 are broken, 15 undecided`, with colours, and what is broken by name.
fn closing(note: &RunNote, rows: &[Row]) -> String {
    let all = scenarios(Some(note), rows, &[]);
    let (mut counts, mut broken) = ([0_usize; 3], Vec::new());
    for cell in all.iter().flat_map(Scenario::cells) {
        counts[cell.head.verdict as usize] += 1;
        if cell.head.verdict == VerdictWord::Violated {
            broken.push(cell);
        }
    }
    let mut out = String::new();
    for cell in &broken {
        let style = paint(VerdictWord::Violated);
        let name = clean(&cell.head.cell);
        let _ = writeln!(out, "{style}✗ {name}{style:#} is not {}", clean(&cell.head.promise));
        let _ = writeln!(out, "  {}", clean(&cell.head.evidence));
        let _ = writeln!(out, "  {}", clean(&cell.head.replay));
    }
    let words = [
        (VerdictWord::Holds, format!("{} promises hold", counts[0])),
        (VerdictWord::Violated, format!("{} broken", counts[2])),
        (VerdictWord::Unknown, format!("{} undecided", counts[1])),
    ];
    for (i, (word, text)) in words.iter().enumerate() {
        let style = if text.starts_with("0 ") { Style::new() } else { paint(*word) };
        let _ = write!(out, "{}{style}{text}{style:#}", if i > 0 { ", " } else { "" });
    }
    let _ = writeln!(
        out,
        " · {} cells, {} seeds each, {} operations, {} of virtual time",
        note.cells,
        note.seeds,
        number::roughly(note.operations),
        number::seconds(note.virtual_seconds)
    );
    out
}

/// The cells of one line, as text.
fn columns(cell: &Cell<'_>, short: bool) -> [String; 9] {
    let row = cell.head;
    let tight = |ms: f64| if short { number::ms(ms).replace(' ', "") } else { number::ms(ms) };
    let at = |op: &str, f: fn(&Row) -> f64| cell.healthy(op).map_or("-".into(), |r| tight(f(r)));
    let stale = cell.healthy("read").map_or_else(
        || "-".to_owned(),
        |r| number::stale(r.stale, r.fresh_or_stale, r.stale_rate, r.stale_rate_high),
    );
    let (word, sign, _) = verdict(row.verdict);
    [
        clean(&row.system),
        clean(if short { abbreviate(&row.level) } else { &row.level }),
        at("read", |r| r.p50_ms),
        at("read", |r| r.p99_ms),
        at("write", |r| r.p50_ms),
        at("write", |r| r.p99_ms),
        if short { stale.replace(' ', "") } else { stale },
        clean(if short { abbreviate(&row.promise) } else { &row.promise }),
        if short { sign.to_owned() } else { format!("{sign} {word}") },
    ]
}

/// Shorter words for narrow terminals.
fn abbreviate(word: &str) -> &str {
    match word {
        "linearizable" => "linear.",
        "read-your-writes" => "ryw",
        "monotonic-reads" => "mono-r",
        "eventual-nearest" => "ev-nearest",
        "eventual-any" => "ev-any",
        other => other,
    }
}

fn write_scenario(out: &mut String, scenario: &Scenario<'_>, width: usize) {
    let mut cells = scenario.cells();
    let several = scenario.variants.len() > 1;
    cells.sort_by_key(|c| scenario.variants.iter().position(|v| *v == c.head.variant));
    let mut head = HEAD.map(str::to_owned);
    let mut lines: Vec<[String; 9]> = cells.iter().map(|c| columns(c, false)).collect();
    let mut widths = measure(&head, &lines);
    if total(&widths) > width {
        head = ["mode", "level", "rd p50", "p99", "wr p50", "p99", "stale", "promise", ""]
            .map(str::to_owned);
        lines = cells.iter().map(|c| columns(c, true)).collect();
        widths = measure(&head, &lines);
    }
    // What is still too wide is taken from the names, first the longest.
    while total(&widths) > width {
        let Some(i) = [0, 1, 7].into_iter().filter(|i| widths[*i] > 6).max_by_key(|i| widths[*i])
        else {
            break;
        };
        widths[i] -= 1;
    }
    let dim = Style::new().dimmed();
    let _ = writeln!(out, "{dim}{}{dim:#}", line(&head, &widths));
    let mut variant = None;
    let mut mode = None;
    for (cell, mut columns) in cells.iter().zip(lines) {
        if several && variant != Some(&cell.head.variant) {
            variant = Some(&cell.head.variant);
            mode = None;
            let _ = writeln!(out, "{dim}· {}{dim:#}", clip(&clean(&cell.head.variant), width));
        }
        if mode == Some(&cell.head.system) {
            columns[0].clear();
        }
        mode = Some(&cell.head.system);
        let text = line(&columns, &widths);
        let sign = text.rfind(['✓', '✗', '?']).unwrap_or(text.len());
        let style = paint(cell.head.verdict);
        let _ = writeln!(out, "{}{style}{}{style:#}", &text[..sign], &text[sign..]);
    }
}

fn measure(head: &[String; 9], lines: &[[String; 9]]) -> [usize; 9] {
    let long = |i: usize| lines.iter().chain([head]).map(|l| l[i].chars().count()).max();
    std::array::from_fn(|i| long(i).unwrap_or(0))
}

fn total(widths: &[usize; 9]) -> usize {
    widths.iter().sum::<usize>() + widths.len() - 1
}

/// Words left, numbers right, one space between.
fn line(columns: &[String; 9], widths: &[usize; 9]) -> String {
    let mut out = String::new();
    for (i, (text, width)) in columns.iter().zip(widths).enumerate() {
        let text = clip(text, *width);
        let pad = " ".repeat(width.saturating_sub(text.chars().count()));
        let numeric = (2..=6).contains(&i);
        let _ = if numeric { write!(out, "{pad}{text} ") } else { write!(out, "{text}{pad} ") };
    }
    out.trim_end().to_owned()
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// Names come from files: a terminal must not obey them.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn paint(word: VerdictWord) -> Style {
    let color = match word {
        VerdictWord::Holds => AnsiColor::Green,
        VerdictWord::Unknown => AnsiColor::Yellow,
        VerdictWord::Violated => AnsiColor::Red,
    };
    Style::new().fg_color(Some(color.into()))
}

/// Every cell as a Markdown table; a broken promise is bold.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "| scenario | mode | level | read p50 | read p99 | write p50 | write p99 | stale reads \
         | path | promise | verdict |\n|---|---|---|--:|--:|--:|--:|--:|---|---|---|\n",
    );
    let escape = |text: &str| clean(text).replace('|', "\\|").replace('<', "&lt;");
    for scenario in scenarios(None, rows, &[]) {
        for cell in scenario.cells() {
            let [mode, level, r50, r99, w50, w99, stale, promise, _] = columns(&cell, false);
            let mode = match cell.head.variant.as_str() {
                "" => mode,
                variant => format!("{mode} {variant}"),
            };
            let word = match verdict(cell.head.verdict) {
                (word, sign, "broken") => format!("**{sign} {word}**"),
                (word, sign, _) => format!("{sign} {word}"),
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {r50} | {r99} | {w50} | {w99} | {stale} | {} | {} | {word} |",
                escape(scenario.name),
                escape(&mode),
                escape(&level),
                escape(&cell.head.path),
                escape(&promise)
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn bare(styled: &str) -> String {
        anstream::adapter::strip_str(styled).to_string()
    }

    #[test]
    fn a_summary_fits_eighty_columns_and_keeps_every_verdict() {
        let (note, rows, _) = sample::run();
        for width in [80, 120] {
            let text = bare(&summary(&note, &rows, width));
            let tables = text.lines().take_while(|l| !l.starts_with('✗'));
            let lines: Vec<&str> = tables.collect();
            for line in &lines {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            let cells = lines.iter().filter(|l| l.contains(['✓', '✗', '?']) && l.contains("ms"));
            assert!(cells.count() >= note.cells as usize, "{text}");
        }
    }

    #[test]
    fn the_broken_promise_is_named_with_its_replay() {
        let (note, rows, _) = sample::run();
        let text = bare(&summary(&note, &rows, 80));
        assert!(text.contains("✗ aws-three-regions/raft/lease is not linearizable"));
        assert!(text.contains("  pacelc run --cell 'aws-three-regions/raft/lease'"));
        assert!(text.contains("1 broken"));
    }

    #[test]
    fn markdown_rows_have_as_many_cells_as_the_head_whatever_the_names() {
        let (note, rows, _) = sample::run();
        let text = markdown(&rows);
        assert_eq!(text.lines().count(), note.cells as usize + 2);
        for line in text.lines() {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 12, "{line}");
            assert!(!line.contains("<script"));
        }
        assert!(text.contains("**✗ broken**"));
    }
}
