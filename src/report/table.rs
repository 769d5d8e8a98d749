//! The run as a table: for a terminal of any width, and for Markdown.
//!
//! One line a cell, the medians and tails of its reads and writes, and always the verdict on the
//! same line. Scans and read-modify-writes, and who was answered during and after a fault, follow in
//! tables of their own where there are any. A narrow terminal shortens words; it never drops the
//! verdict.

use super::anomalies::ANOMALIES;
use super::number;
use super::tables::refused;
use super::theme::verdict;
use super::view::{self, Cell, Scenario, scenarios};
use super::{Results, Row, RunNote, VerdictWord, claims, damage, published, through};
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

/// What a table says of cells: a head, then a line a cell.
struct Table<'c, 'a> {
    head: Vec<String>,
    lines: Vec<(&'c Cell<'a>, Vec<String>)>,
}

/// Where the shares of lost writes and of refused updates stand in the first table, if there are any.
const LOST: usize = 7;

/// Builds a table, in long words or in short ones.
type Maker<'c, 'a> = fn(&Scenario<'a>, &'c [Cell<'a>], bool) -> Table<'c, 'a>;

/// One scenario after another for a terminal of `width` columns, with ANSI styles; print it through
/// `anstream` so that they vanish where they are not wanted.
#[must_use]
pub fn summary(results: &Results, width: usize) -> String {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let mut out = String::new();
    for scenario in view::of(results) {
        let _ = writeln!(out, "{bold}{}{bold:#}", clean(scenario.name));
        if let Some(note) = scenario.note {
            let _ = writeln!(out, "{dim}{}{dim:#}", clip(&clean(&note.question), width.max(40)));
        }
        write_scenario(&mut out, &scenario, width);
        out.push_str(&claims::told(&scenario, width));
        if let Some(note) = scenario.note.filter(|note| !note.answer.is_empty()) {
            let _ = writeln!(out, "{bold}answer{bold:#}");
            for paragraph in note.answer.split("\n\n") {
                out.push_str(&wrapped(&clean(paragraph), width.clamp(40, 120)));
            }
        }
        out.push('\n');
    }
    out.push_str(&closing(&results.note, &results.rows));
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
        (
            VerdictWord::Holds,
            if counts[0] == 1 {
                "1 promise holds".to_owned()
            } else {
                format!("{} promises hold", counts[0])
            },
        ),
        (VerdictWord::Violated, format!("{} broken", counts[2])),
        (VerdictWord::Unknown, format!("{} undecided", counts[1])),
    ];
    for (i, (word, text)) in words.iter().enumerate() {
        let style = if text.starts_with("0 ") { Style::new() } else { paint(*word) };
        let _ = write!(out, "{}{style}{text}{style:#}", if i > 0 { ", " } else { "" });
    }
    let _ = writeln!(
        out,
        " · {}, {}, {} operations, {} of {}",
        number::plural(note.cells as usize, "cell"),
        seeds(note.seeds),
        number::roughly(note.operations),
        number::seconds(note.virtual_seconds),
        if note.world == "sim" { "virtual time" } else { "real time" }
    );
    out
}

/// `one seed`, `20 seeds each`.
fn seeds(n: u32) -> String {
    if n == 1 { "one seed".to_owned() } else { format!("{n} seeds each") }
}

fn time(ms: f64, short: bool) -> String {
    if short { number::ms(ms).replace(' ', "") } else { number::ms(ms) }
}

fn stale(row: Option<&Row>, short: bool) -> String {
    let text = row.map_or_else(
        || "-".to_owned(),
        |r| number::share(r.stale, r.fresh_or_stale, r.stale_rate, r.stale_rate_high),
    );
    if short { text.replace(' ', "") } else { text }
}

/// The share of writes that were lost to older ones.
fn lost(row: Option<&Row>, short: bool) -> String {
    let text = row.map_or_else(
        || "-".to_owned(),
        |r| number::share(r.lost.unwrap_or(0), r.ok, r.lost_rate, r.lost_rate_high),
    );
    if short { text.replace(' ', "") } else { text }
}

fn signed(cell: &Cell<'_>, short: bool) -> String {
    let (word, sign, _) = verdict(cell.head.verdict);
    if short { sign.to_owned() } else { format!("{sign} {word}") }
}

/// Mode and level.
fn name(cell: &Cell<'_>, short: bool) -> Vec<String> {
    let level = if short { abbreviate(&cell.head.level) } else { &cell.head.level };
    vec![clean(&cell.head.system), clean(level)]
}

/// The cells of one line, as text.
fn columns(cell: &Cell<'_>, short: bool) -> [String; 9] {
    let row = cell.head;
    let at =
        |op: &str, f: fn(&Row) -> f64| cell.healthy(op).map_or("-".into(), |r| time(f(r), short));
    [
        clean(&row.system),
        clean(if short { abbreviate(&row.level) } else { &row.level }),
        at("read", |r| r.p50_ms),
        at("read", |r| r.p99_ms),
        at("write", |r| r.p50_ms),
        at("write", |r| r.p99_ms),
        stale(cell.healthy("read"), short),
        clean(if short { abbreviate(&row.promise) } else { &row.promise }),
        signed(cell, short),
    ]
}

/// Shorter words for narrow terminals.
fn abbreviate(word: &str) -> &str {
    match word {
        "linearizable" => "linear.",
        "read-your-writes" => "ryw",
        "monotonic-reads" => "mono-r",
        "monotonic-writes" => "mono-w",
        "writes-follow-reads" => "wfr",
        "eventual-nearest" => "ev-nearest",
        "eventual-any" => "ev-any",
        other => other,
    }
}

fn write_scenario(out: &mut String, scenario: &Scenario<'_>, width: usize) {
    let mut cells = scenario.cells();
    cells.sort_by_key(|c| scenario.variants.iter().position(|v| *v == c.head.variant));
    let tables: [(&str, Maker<'_, '_>); 7] = [
        ("", latencies),
        ("other operations", others),
        ("in the unit of the domain, whole runs", damages),
        ("anomalies, all phases together", anomalies),
        ("share of operations answered", answered),
        ("through the fault", came_through),
        ("published figures beside these", quoted),
    ];
    for (title, make) in tables {
        let mut table = make(scenario, &cells, false);
        if table.lines.is_empty() {
            continue;
        }
        let mut widths = measure(&table);
        if total(&widths) > width {
            table = make(scenario, &cells, true);
            widths = measure(&table);
        }
        // What is still too wide is taken from the names, first the longest.
        let names = |i: &usize| table.head[*i] == "promise" || *i < 2;
        while total(&widths) > width {
            let long = (0..widths.len()).filter(|i| names(i) && widths[*i] > 6);
            let Some(i) = long.max_by_key(|i| widths[*i]) else { break };
            widths[i] -= 1;
        }
        let dim = Style::new().dimmed();
        if !title.is_empty() {
            let _ = writeln!(out, "{dim}{title}{dim:#}");
        }
        write_table(out, table, &widths, width, scenario.variants.len() > 1);
    }
}

fn write_table(
    out: &mut String,
    table: Table<'_, '_>,
    widths: &[usize],
    width: usize,
    several: bool,
) {
    let dim = Style::new().dimmed();
    let left: Vec<bool> = table.head.iter().enumerate().map(|(i, h)| words(i, h)).collect();
    let _ = writeln!(out, "{dim}{}{dim:#}", line(&table.head, widths, &left));
    let mut variant = None;
    let mut mode = None;
    for (cell, mut columns) in table.lines {
        if several && variant != Some(&cell.head.variant) {
            variant = Some(&cell.head.variant);
            mode = None;
            let _ = writeln!(out, "{dim}· {}{dim:#}", clip(&clean(&cell.head.variant), width));
        }
        if mode == Some(&cell.head.system) {
            columns[0].clear();
        }
        mode = Some(&cell.head.system);
        let text = line(&columns, widths, &left);
        let sign = text.rfind(['✓', '✗', '?']).unwrap_or(text.len());
        let style = paint(cell.head.verdict);
        let _ = writeln!(out, "{}{style}{}{style:#}", &text[..sign], &text[sign..]);
    }
}

/// Whether a column holds words, which stand at the left, and not numbers.
fn words(index: usize, head: &str) -> bool {
    index < 2
        || matches!(
            head,
            "damage" | "promise" | "verdict" | "figure" | "operation" | "op" | "class" | ""
        )
}

fn verdict_head(short: bool) -> String {
    if short { String::new() } else { "verdict".to_owned() }
}

fn latencies<'c, 'a>(_: &Scenario<'a>, cells: &'c [Cell<'a>], short: bool) -> Table<'c, 'a> {
    let (read, write) = if short { ("rd p50", "wr p50") } else { ("read p50", "write p50") };
    let head = ["mode", "level", read, "p99", write, "p99", "stale", "promise"];
    let mut head = head.map(str::to_owned).to_vec();
    head.push(verdict_head(short));
    let mut lines: Vec<_> = cells.iter().map(|c| (c, columns(c, short).to_vec())).collect();
    if cells.iter().filter_map(|c| c.healthy("write")?.lost).any(|lost| lost > 0) {
        head.insert(LOST, "lost".to_owned());
        for (cell, line) in &mut lines {
            line.insert(LOST, lost(cell.healthy("write"), short));
        }
    }
    if cells.iter().filter_map(|c| c.healthy("write")).any(|row| row.refused > 0) {
        head.insert(LOST, "refused".to_owned());
        for (cell, line) in &mut lines {
            let text = cell.healthy("write").map_or_else(|| "-".to_owned(), refused);
            line.insert(LOST, if short { text.replace(' ', "") } else { text });
        }
    }
    Table { head, lines }
}

/// Scans and read-modify-writes.
fn others<'c, 'a>(scenario: &Scenario<'a>, cells: &'c [Cell<'a>], short: bool) -> Table<'c, 'a> {
    let asked = |op: &&str| scenario.rows.iter().any(|r| r.op == **op);
    let ops: Vec<&str> = ["scan", "rmw"].into_iter().filter(|op| asked(op)).collect();
    let mut head = vec!["mode".to_owned(), "level".to_owned()];
    for op in &ops {
        head.extend([format!("{op} p50"), "p99".to_owned()]);
        head.extend((*op == "scan").then(|| "stale".to_owned()));
    }
    head.push(verdict_head(short));
    let told = cells.iter().filter(|c| ops.iter().any(|op| c.healthy(op).is_some()));
    let line = |cell: &'c Cell<'a>| {
        let mut line = name(cell, short);
        for op in &ops {
            let row = cell.healthy(op);
            let ms = |f: fn(&Row) -> f64| row.map_or("-".into(), |r| time(f(r), short));
            line.extend([ms(|r| r.p50_ms), ms(|r| r.p99_ms)]);
            line.extend((*op == "scan").then(|| stale(row, short)));
        }
        line.push(signed(cell, short));
        (cell, line)
    };
    Table { head, lines: told.map(line).collect() }
}

/// What it cost in the unit of the domain.
fn damages<'c, 'a>(_: &Scenario<'a>, cells: &'c [Cell<'a>], short: bool) -> Table<'c, 'a> {
    let mut head = vec!["mode".to_owned(), "level".to_owned()];
    head.extend(damage::HEADS.map(str::to_owned));
    head.push(verdict_head(short));
    let lines = damage::lines(cells).into_iter().map(|(cell, columns)| {
        let mut line = name(cell, short);
        line.extend(columns);
        line.push(signed(cell, short));
        (cell, line)
    });
    Table { head, lines: lines.collect() }
}

/// What sessions missed and which writes are gone, where some cell has any.
fn anomalies<'c, 'a>(scenario: &Scenario<'a>, cells: &'c [Cell<'a>], short: bool) -> Table<'c, 'a> {
    let occurs = ANOMALIES.iter().filter(|one| one.occurs(scenario.rows.iter().copied()));
    let shown: Vec<_> = occurs.collect();
    let mut head = vec!["mode".to_owned(), "level".to_owned()];
    head.extend(shown.iter().map(|one| (if short { one.short } else { one.head }).to_owned()));
    head.push(verdict_head(short));
    let told = cells.iter().filter(|_| !shown.is_empty());
    let line = |cell: &'c Cell<'a>| {
        let mut line = name(cell, short);
        for one in &shown {
            let rows = cell.rows.iter().copied().filter(|r| r.client_region == "all");
            let text = one.share_of_all(rows);
            line.push(if short { text.replace(' ', "") } else { text });
        }
        line.push(signed(cell, short));
        (cell, line)
    };
    Table { head, lines: told.map(line).collect() }
}

/// Who was answered while something was broken, and afterwards.
fn answered<'c, 'a>(scenario: &Scenario<'a>, cells: &'c [Cell<'a>], short: bool) -> Table<'c, 'a> {
    let phases = [("partitioned", "in the fault", "fault"), ("recovering", "after it", "after")];
    let asked = |op: &&str| scenario.rows.iter().any(|r| r.op == **op);
    let ops: Vec<&str> =
        ["read", "write", "scan", "rmw"].into_iter().filter(|op| asked(op)).collect();
    let mut head = vec!["mode".to_owned(), "level".to_owned()];
    for (_, long, brief) in phases {
        head.extend(ops.iter().map(|op| format!("{op} {}", if short { brief } else { long })));
    }
    head.push(verdict_head(short));
    let told = cells.iter().filter(|c| c.rows.iter().any(|r| r.phase == "partitioned"));
    let line = |cell: &'c Cell<'a>| {
        let mut line = name(cell, short);
        for (phase, ..) in phases {
            for op in &ops {
                let row = cell.row(phase, "all", op).filter(|r| r.n > 0);
                let share = row.map(|r| number::percent(r.availability()));
                line.push(share.unwrap_or_else(|| "-".to_owned()));
            }
        }
        line.push(signed(cell, short));
        (cell, line)
    };
    Table { head, lines: told.map(line).collect() }
}

/// How cells came through their faults.
fn came_through<'c, 'a>(
    scenario: &Scenario<'a>,
    cells: &'c [Cell<'a>],
    short: bool,
) -> Table<'c, 'a> {
    let mut head = vec!["mode".to_owned(), "level".to_owned()];
    let brief = ["op", "cut off", "maj.", "back", "healed", "stale", "lost", "over", "class"];
    let heads = if short { brief } else { through::HEADS };
    head.extend(heads.map(str::to_owned));
    head.push(verdict_head(short));
    let lines = through::lines(scenario, cells).into_iter().map(|line| {
        let mut columns = name(line.cell, short);
        let text = |text: String| if short { text.replace(' ', "") } else { text };
        columns.extend(line.columns.map(text));
        columns.push(signed(line.cell, short));
        (line.cell, columns)
    });
    Table { head, lines: lines.collect() }
}

/// What others found.
fn quoted<'c, 'a>(scenario: &Scenario<'a>, cells: &'c [Cell<'a>], short: bool) -> Table<'c, 'a> {
    let mut head = ["mode", "level"].map(str::to_owned).to_vec();
    head.extend(published::HEADS.map(str::to_owned));
    head.push(verdict_head(short));
    let line = |line: published::Line<'c, 'a>| {
        let mut columns = name(line.cell, short);
        columns.extend(line.columns.map(|text| if short { text.replace(' ', "") } else { text }));
        columns.push(signed(line.cell, short));
        (line.cell, columns)
    };
    Table { head, lines: published::lines(scenario, cells).into_iter().map(line).collect() }
}

fn measure(table: &Table<'_, '_>) -> Vec<usize> {
    let lines = || table.lines.iter().map(|l| &l.1).chain([&table.head]);
    let long = |i: usize| lines().map(|l| l[i].chars().count()).max();
    (0..table.head.len()).map(|i| long(i).unwrap_or(0)).collect()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + widths.len() - 1
}

/// Words left, numbers right, one space between.
fn line(columns: &[String], widths: &[usize], left: &[bool]) -> String {
    let mut out = String::new();
    for ((text, width), left) in columns.iter().zip(widths).zip(left) {
        let text = clip(text, *width);
        let pad = " ".repeat(width.saturating_sub(text.chars().count()));
        let _ = if *left { write!(out, "{text}{pad} ") } else { write!(out, "{pad}{text} ") };
    }
    out.trim_end().to_owned()
}

/// A paragraph in lines of at most `width` letters.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    // A number stays with its unit.
    let units = ["%", "us", "ms", "s", "min"];
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = word.trim_end_matches([',', ';', ')', '.']);
        match words.last_mut().filter(|_| units.contains(&unit)) {
            Some(number) => *number = format!("{number} {word}"),
            None => words.push(word.to_owned()),
        }
    }
    for word in words {
        let long = word.chars().count();
        if used > 0 && used + 1 + long > width {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(&word);
        used += long;
    }
    out.push('\n');
    out
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
pub(super) fn clean(text: &str) -> String {
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
mod tests;
