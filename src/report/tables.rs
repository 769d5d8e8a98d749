//! The tables of one scenario's part of the page: its rows, how its cells came through faults, and what
//! others found. No line is without its verdict.

use super::anomalies::ANOMALIES;
use super::html::escape;
use super::number;
use super::theme::verdict;
use super::view::{Cell, Scenario};
use super::{Row, claims, damage, published, through};
use std::fmt::Write;

/// How cells came through their faults, with the class measured.
pub(super) fn through(out: &mut String, scenario: &Scenario<'_>, cells: &[Cell<'_>]) {
    let lines = through::lines(scenario, cells);
    if lines.is_empty() {
        return;
    }
    out.push_str(
        "<h3>Through the fault</h3><p class=reading>The share answered while the fault was in force, by \
         clients that a cut left without a majority of the replicas and by the others; when all of the others' \
         operations were answered again; how long all took to be answered after the healing; how long after \
         it a read missed what had been acknowledged before it; how far back what is gone in the end reaches; \
         of the keys that were changed, those that both sides changed and of which one side's version alone is \
         kept; and the class that these histories show.</p>\
         <div class=scroll><table><thead><tr><th>mode",
    );
    out.push_str(if varies(scenario) { "<th>variant" } else { "" });
    out.push_str("<th>level<th>verdict");
    let claims = scenario.note.map_or(&[][..], |note| &note.claims);
    for (i, head) in through::HEADS.iter().enumerate() {
        let class = if (1..through::HEADS.len() - 1).contains(&i) { " class=n" } else { "" };
        let _ = write!(out, "<th{class}>{head}");
    }
    out.push_str(if claims.is_empty() { "" } else { "<th>claimed<th>called" });
    out.push_str("<tbody>");
    for line in &lines {
        named(out, scenario, line.cell.head);
        for (i, text) in line.columns.iter().enumerate() {
            if i + 1 < line.columns.len() {
                let _ = write!(out, "<td{}>{}", if i > 0 { " class=n" } else { "" }, escape(text));
            } else {
                let _ = write!(out, "<td title=\"{}\">{}", escape(line.reason), escape(text));
            }
        }
        if let Some(claim) = claims.iter().find(|claim| claim.cell == line.cell.head.cell) {
            let by = claim.by.as_ref().map(|by| format!("<small>{}</small>", escape(by)));
            let class = claim.class.as_deref().unwrap_or("-");
            let (called, by) = (escape(&claim.called), by.unwrap_or_default());
            let _ = write!(out, "<td>{}{by}<td>{called}", escape(class));
        }
    }
    out.push_str("</table></div>\n");
    claims::differences(out, scenario, &lines);
}

/// What it cost in the unit of the domain.
pub(super) fn damages(out: &mut String, scenario: &Scenario<'_>, cells: &[Cell<'_>]) {
    let lines = damage::lines(cells);
    if lines.is_empty() {
        return;
    }
    out.push_str(
        "<h3>In the unit of the domain</h3><p class=reading>Over whole runs, all phases and regions: units \
         sold beyond the stock, locks granted while somebody else held them, increments that are not there \
         in the end, removed elements that are; of how many, and in how many runs there was any.</p>\
         <div class=scroll><table><thead><tr><th>mode",
    );
    out.push_str(if varies(scenario) { "<th>variant" } else { "" });
    out.push_str("<th>level<th>verdict");
    for (i, head) in damage::HEADS.iter().enumerate() {
        let _ = write!(out, "<th{}>{head}", if i > 0 { " class=n" } else { "" });
    }
    out.push_str("<tbody>");
    for (cell, columns) in &lines {
        named(out, scenario, cell.head);
        for (i, text) in columns.iter().enumerate() {
            let _ = write!(out, "<td{}>{}", if i > 0 { " class=n" } else { "" }, escape(text));
        }
    }
    out.push_str("</table></div>\n");
}

/// Whether lines must say which variant they are of.
fn varies(scenario: &Scenario<'_>) -> bool {
    scenario.variants.iter().any(|variant| !variant.is_empty())
}

/// A line's first columns: mode, variant where there are any, level, verdict.
fn named(out: &mut String, scenario: &Scenario<'_>, row: &Row) {
    let (word, sign, class) = verdict(row.verdict);
    let _ = write!(out, "<tr><th scope=row>{}", escape(&row.system));
    if varies(scenario) {
        let _ = write!(out, "<td>{}", escape(&row.variant));
    }
    let _ = write!(out, "<td>{}<td class={class}>{sign} {word}", escape(&row.level));
}

/// What others found, under their names.
pub(super) fn published(out: &mut String, scenario: &Scenario<'_>, cells: &[Cell<'_>]) {
    let lines = published::lines(scenario, cells);
    let Some(first) = lines.first() else { return };
    let _ = write!(
        out,
        "<h3>Published figures beside these</h3><p class=reading>Source: {}. Latencies are apart by \
         their ratio, shares by their difference.</p>\
         <div class=scroll><table><thead><tr><th>mode{}<th>level<th>verdict",
        escape(first.source),
        if varies(scenario) { "<th>variant" } else { "" }
    );
    for (i, head) in published::HEADS.iter().enumerate() {
        let _ = write!(out, "<th{}>{head}", if i > 0 { " class=n" } else { "" });
    }
    out.push_str("<tbody>");
    for line in &lines {
        named(out, scenario, line.cell.head);
        for (i, text) in line.columns.iter().enumerate() {
            let _ = write!(out, "<td{}>{}", if i > 0 { " class=n" } else { "" }, escape(text));
        }
    }
    out.push_str("</table></div>\n");
}

pub(super) fn rows(out: &mut String, scenario: &Scenario<'_>, cells: &[Cell<'_>]) {
    out.push_str(
        "<h3>All cells, clients of all regions</h3><p class=reading>Response times, from the intended start, with \
         their 95 % intervals across seeds; <i>served in</i>, where that is less by more than a twentieth, is \
         the service time: without waiting for the client's own session.</p>",
    );
    let totals = |r: &&Row| r.client_region == "all";
    table(out, scenario, cells, totals, false);
    let single = |r: &&Row| r.client_region != "all";
    if scenario.regions().len() > 1 {
        out.push_str("<details><summary>By client region</summary>");
        table(out, scenario, cells, single, true);
        out.push_str("</details>");
    }
}

fn table(
    out: &mut String,
    scenario: &Scenario<'_>,
    cells: &[Cell<'_>],
    wanted: impl Fn(&&Row) -> bool,
    by_region: bool,
) {
    let variants = varies(scenario);
    let (levels, phases) = (scenario.levels.len() > 1, scenario.phases().len() > 1);
    let more = More {
        losses: scenario.rows.iter().any(|r| r.lost > Some(0)),
        refusals: scenario.rows.iter().any(|r| r.refused > 0),
        anomalies: ANOMALIES.each_ref().map(|one| one.occurs(scenario.rows.iter().copied())),
    };
    out.push_str("<div class=scroll><table><thead><tr><th>mode");
    out.push_str(if variants { "<th>variant" } else { "" });
    out.push_str(if levels { "<th>level" } else { "" });
    out.push_str("<th>path<th>promise<th>verdict");
    out.push_str(if phases { "<th>phase" } else { "" });
    out.push_str(if by_region { "<th>clients" } else { "" });
    out.push_str(
        "<th>op<th class=n>p50<th class=n>p90<th class=n>p99<th class=n>p99.9<th class=n>stale\
         <th class=n>stale age",
    );
    out.push_str(if more.losses { "<th class=n>lost" } else { "" });
    for (one, _) in ANOMALIES.iter().zip(more.anomalies).filter(|(_, shown)| *shown) {
        let _ = write!(out, "<th class=n>{}", one.head);
    }
    out.push_str(if more.refusals { "<th class=n>refused" } else { "" });
    out.push_str("<th class=n>answered<th class=n>msgs/op<th class=n>n<tbody>");
    for cell in cells {
        for row in cell.rows.iter().copied().filter(|r| wanted(r)) {
            let (word, sign, class) = verdict(row.verdict);
            let _ = write!(out, "<tr><th scope=row>{}", escape(&row.system));
            if variants {
                let _ = write!(out, "<td>{}", escape(&row.variant));
            }
            if levels {
                let _ = write!(out, "<td>{}", escape(&row.level));
            }
            let _ = write!(
                out,
                "<td class=p>{}<td>{}<td class={class}>{sign} {word}",
                escape(&row.path),
                escape(&row.promise)
            );
            for (shown, text) in [(phases, &row.phase), (by_region, &row.client_region)] {
                if shown {
                    let _ = write!(out, "<td>{}", escape(text));
                }
            }
            figures(out, row, more, !by_region);
        }
    }
    out.push_str("</table></div>\n");
}

/// By how much a response must take longer than its service to have both shown: more than the histogram's steps.
const SESSION_WAITS: f64 = 1.05;

/// Columns that a scenario has where there is something in them.
#[derive(Clone, Copy, Default)]
struct More {
    /// Writes that lost to older ones.
    losses: bool,
    /// Updates whose condition was not met.
    refusals: bool,
    /// Each of the anomalies.
    anomalies: [bool; ANOMALIES.len()],
}

/// The share of a row's updates that were refused.
pub(super) fn refused(row: &Row) -> String {
    match &*row.op {
        "write" | "rmw" => number::percent(row.refused as f64 / row.ok.max(1) as f64),
        _ => "-".to_owned(),
    }
}

/// The numbers of one row; `intervals` prints those across seeds under medians and tails.
fn figures(out: &mut String, row: &Row, more: More, intervals: bool) {
    let range = |low: Option<f64>, high: Option<f64>| match (low, high) {
        (Some(low), Some(high)) if intervals => {
            format!("<small>{}</small>", number::ms_range(low, high))
        }
        _ => String::new(),
    };
    let served = |response: f64, service: f64| match response > service * SESSION_WAITS {
        true => format!("<small>served in {}</small>", number::ms(service)),
        false => String::new(),
    };
    let answered = row.availability();
    let late = if row.sustained == Some(false) {
        "<small class=unknown>rate not kept</small>"
    } else {
        ""
    };
    let stale = number::share(row.stale, row.fresh_or_stale, row.stale_rate, row.stale_rate_high);
    let stale_range = match (row.stale_rate_low, row.stale_rate_high) {
        (Some(low), Some(high)) if intervals && row.stale > 0 => {
            format!("<small>{} to {}</small>", number::percent(low), number::percent(high))
        }
        _ => String::new(),
    };
    let age = match (row.stale_age_p50_ms, row.stale_age_p99_ms) {
        (Some(p50), Some(p99)) => {
            format!("{}<small>p99 {}</small>", number::ms(p50), number::ms(p99))
        }
        _ => "-".to_owned(),
    };
    let lost = number::share(row.lost.unwrap_or(0), row.ok, row.lost_rate, row.lost_rate_high);
    let extra = |shown: bool, text: &str| {
        if shown { format!("<td class=n>{}", escape(text)) } else { String::new() }
    };
    let (lost, refused) = (extra(more.losses, &lost), extra(more.refusals, &refused(row)));
    let anomalies: String = (ANOMALIES.iter().zip(more.anomalies))
        .map(|(one, shown)| extra(shown, &one.share(row)))
        .collect();
    let _ = writeln!(
        out,
        "<td>{}<td class=n>{}{}{}<td class=n>{}<td class=n>{}{}{}<td class=n>{}\
         <td class=n>{}{stale_range}<td class=n>{age}{lost}{anomalies}{refused}<td class=n>{}{late}\
         <td class=n>{}<td class=n>{}",
        escape(&row.op),
        number::ms(row.p50_ms),
        range(row.p50_low_ms, row.p50_high_ms),
        served(row.p50_ms, row.service_p50_ms),
        number::ms(row.p90_ms),
        number::ms(row.p99_ms),
        range(row.p99_low_ms, row.p99_high_ms),
        served(row.p99_ms, row.service_p99_ms),
        if row.n >= number::ENOUGH_FOR_P999 { number::ms(row.p999_ms) } else { "-".to_owned() },
        escape(&stale),
        number::percent(answered),
        row.messages_per_op.map_or("-".to_owned(), |messages| format!("{messages:.1}")),
        number::count(row.n)
    );
}

#[cfg(test)]
mod tests {
    use super::super::{sample, view};
    use super::*;

    #[test]
    fn every_line_of_a_table_carries_its_verdict() {
        let (note, rows, curves) = sample::run();
        for scenario in view::scenarios(Some(&note), &rows, &curves) {
            let mut html = String::new();
            table(&mut html, &scenario, &scenario.cells(), |_| true, true);
            let lines = html.matches("<tr><th scope=row>").count();
            let verdicts = ["✓ holds", "✗ broken", "? undecided"];
            let shown: usize = verdicts.iter().map(|v| html.matches(v).count()).sum();
            assert_eq!((lines, lines), (shown, scenario.rows.len()), "{}", scenario.name);
        }
    }

    #[test]
    fn anomalies_have_columns_where_there_are_any() {
        let (note, mut rows, curves) = sample::run();
        let head = |rows: &[Row]| {
            let all = view::scenarios(Some(&note), rows, &curves);
            let mut html = String::new();
            table(&mut html, &all[0], &all[0].cells(), |_| true, false);
            html
        };
        assert!(!head(&rows).contains("<th class=n>undone"));
        let first = &mut rows[0];
        (first.undone_of, first.undone) = (200, Some(3));
        (first.undone_rate, first.undone_rate_high) = (Some(0.015), Some(0.04));
        let html = head(&rows);
        assert!(
            html.contains("<th class=n>undone") && html.contains("<td class=n>1.50 %"),
            "{html}"
        );
        assert!(!html.contains("own writes missed"));
        let columns = html.matches("<th class=n>").count();
        let line = html.split("<tr>").nth(2).expect("a line");
        assert_eq!(line.matches("<td class=n>").count(), columns, "{line}");
    }

    #[test]
    fn a_tail_that_is_mostly_waiting_for_the_session_has_its_service_time_below() {
        let (_, mut rows, _) = sample::run();
        let html = |row: &Row| {
            let mut html = String::new();
            figures(&mut html, row, More::default(), true);
            html
        };
        let row = &mut rows[0];
        (row.p50_ms, row.service_p50_ms) = (70.0, 69.5);
        (row.p99_ms, row.service_p99_ms) = (496.2, 224.3);
        let told = html(row);
        assert_eq!(told.matches("served in").count(), 1, "{told}");
        assert!(told.contains("served in 224"), "{told}");
        row.service_p99_ms = 496.2;
        assert!(!html(row).contains("served in"));
    }

    #[test]
    fn tails_need_ten_thousand_operations() {
        let (_, mut rows, _) = sample::run();
        rows[0].n = 9_999;
        rows[0].p999_ms = 123.4;
        let mut html = String::new();
        figures(&mut html, &rows[0], More::default(), false);
        assert!(!html.contains("123.4 ms"), "{html}");
    }
}
