//! One scenario's part of the page: its question, its prose, what was broken, pictures, tables.

use super::anomalies::ANOMALIES;
use super::chart::space_time::SpaceTime;
use super::chart::{CHARTS, Drawing, Key, KeyMark, Panel, svg};
use super::html::{anchor, escape, prose};
use super::number;
use super::sources::Sources;
use super::theme::{Shape, verdict};
use super::view::{Cell, Scenario};
use super::{Evidence, Row, ScenarioNote, VerdictWord, published};
use std::fmt::Write;

/// The section, in the part of the page called `part`; `drawn_above` says that its plane opens the
/// page already.
pub(super) fn section(
    out: &mut String,
    scenario: &Scenario<'_>,
    part: &str,
    drawn_above: bool,
    sources: &Sources<'_>,
) {
    let cells = scenario.cells();
    let question = scenario.note.map_or(scenario.name, |n| &n.question);
    let _ = writeln!(
        out,
        "<section class=scenario id=\"{}\"><p class=part>{part}</p><h2>{}</h2>\
         <p class=tag><code>{}</code> {}</p>",
        anchor(scenario.name),
        escape(question),
        escape(scenario.name),
        tally(&cells)
    );
    if let Some(note) = scenario.note {
        let _ = write!(out, "<div class=intro><div>{}</div>", prose(&note.analysis));
        facts(out, note, sources);
        out.push_str("</div>");
    }
    broken(out, &cells, scenario.note.map_or(&[], |note| &note.evidence));
    out.push_str("<div class=charts>");
    for chart in CHARTS {
        if chart.name == "plane" && drawn_above {
            out.push_str(
                "<p class=note>Its PACELC plane is <a href=\"#plane\">the picture at the top</a>.</p>",
            );
        } else if let Some(drawing) = (chart.draw)(scenario) {
            let wide = drawing.panels.iter().any(|p| p.width > svg::WIDTH);
            let columns = match drawing.panels.len() {
                _ if wide => 3,
                4 => 2,
                n => n.min(3),
            };
            let title = if drawing.title.is_empty() { chart.title } else { &drawing.title };
            let _ = write!(
                out,
                "<div class=\"chart c{columns}\"><h3>{}</h3><p class=reading>{}</p>",
                escape(title),
                escape(chart.reading)
            );
            show(out, &drawing);
            out.push_str("</div>\n");
        }
    }
    out.push_str("</div>");
    quoted(out, scenario, &cells);
    tables(out, scenario, &cells);
    replays(out, &cells);
    out.push_str("</section>\n");
}

/// `12 cells: ✓ 10 hold ✗ 1 broken ? 1 undecided`.
pub(super) fn tally(cells: &[Cell<'_>]) -> String {
    let mut text = number::plural(cells.len(), "cell");
    for word in [VerdictWord::Holds, VerdictWord::Violated, VerdictWord::Unknown] {
        let n = cells.iter().filter(|c| c.head.verdict == word).count();
        if n > 0 {
            let (name, sign, class) = verdict(word);
            let name = if word == VerdictWord::Holds { "hold" } else { name };
            let _ = write!(text, " <span class=\"v {class}\">{sign} {n} {name}</span>");
        }
    }
    text
}

fn facts(out: &mut String, note: &ScenarioNote, sources: &Sources<'_>) {
    let list = |places: &[String]| {
        let mut words = Vec::new();
        let mut at = 0;
        while at < places.len() {
            let same = places[at..].iter().take_while(|p| **p == places[at]).count();
            let times = if same > 1 { format!(" × {same}") } else { String::new() };
            words.push(format!("<code>{}</code>{times}", escape(&places[at])));
            at += same;
        }
        words.join(", ")
    };
    out.push_str("<dl class=facts>");
    for (name, value) in [
        ("Round trips", sources.cite(&note.provenance)),
        ("Replicas", list(&note.replicas)),
        ("Clients", list(&note.clients)),
    ] {
        if !value.is_empty() {
            let _ = write!(out, "<dt>{name}</dt><dd>{value}</dd>");
        }
    }
    out.push_str("</dl>\n");
}

/// What was promised and not kept, with its evidence; then what could not be judged.
fn broken(out: &mut String, cells: &[Cell<'_>], found: &[Evidence]) {
    for (word, shown, title) in [
        (VerdictWord::Violated, 8, "More broken promises"),
        (VerdictWord::Unknown, 0, "What could not be judged, and why"),
    ] {
        let these = || cells.iter().filter(|c| c.head.verdict == word);
        these().take(shown).for_each(|c| evidence(out, c.head, found));
        if these().count() > shown {
            let _ = write!(out, "<details><summary>{title}</summary>");
            these().skip(shown).for_each(|c| evidence(out, c.head, found));
            out.push_str("</details>\n");
        }
    }
}

/// The sentence, the operations it speaks of in a picture, and the command that shows more.
fn evidence(out: &mut String, row: &Row, found: &[Evidence]) {
    let (word, sign, class) = verdict(row.verdict);
    let claim = if row.verdict == VerdictWord::Violated { "is not" } else { word };
    let _ = writeln!(
        out,
        "<div class=\"evidence {class}\"><p><strong>{sign} <code>{}</code> {claim} {}</strong></p>\
         <p>{}</p>{}<pre>{}</pre></div>",
        escape(&row.cell),
        escape(&row.promise),
        escape(&row.evidence),
        found.iter().find(|found| found.cell == row.cell).map(picture).unwrap_or_default(),
        escape(&row.replay)
    );
}

fn picture(found: &Evidence) -> String {
    let title = format!("seed {}", found.seed);
    let diagram = SpaceTime::of_exhibits(title, &found.operations);
    let gap = diagram.gap().map(|gap| format!("<p class=note>{gap}</p>")).unwrap_or_default();
    let Some((svg, width)) = diagram.inline() else { return gap };
    // Larger than other wide pictures: its words are what there is to see.
    let (least, most) = (width * 3 / 5, width * 7 / 10);
    format!(
        "<div class=scroll><div style=\"min-width:{least}px;width:{most}px\">{svg}</div></div>{gap}"
    )
}

/// Legend, pictures, remark, and the rest on request.
pub(super) fn show(out: &mut String, drawing: &Drawing) {
    legend(out, &drawing.keys);
    panels(out, &drawing.panels);
    if !drawing.remark.is_empty() {
        let _ = write!(out, "<p class=note>{}</p>", escape(&drawing.remark));
    }
    if let Some((head, lines)) = drawing.fits.split_first() {
        out.push_str("<div class=\"scroll fits\"><table><thead><tr>");
        for name in head {
            let _ = write!(out, "<th>{name}");
        }
        out.push_str("<tbody>");
        for line in lines {
            out.push_str("<tr>");
            for text in line {
                let _ = write!(out, "<td>{}", escape(text));
            }
        }
        out.push_str("</table></div>");
    }
    if !drawing.more.is_empty() {
        let _ = write!(out, "<details><summary>{}</summary>", drawing.more_title);
        panels(out, &drawing.more);
        out.push_str("</details>");
    }
}

fn panels(out: &mut String, panels: &[Panel]) {
    let loose = if panels.iter().any(|p| p.width > svg::WIDTH) { " loose" } else { "" };
    let _ = write!(out, "<div class=\"panels{loose}\">");
    for panel in panels {
        // A picture wider than a telephone keeps its size and scrolls inside its figure.
        let (class, style) = match panel.width {
            0..=svg::WIDTH => ("", String::new()),
            wide => {
                let (least, most) = (wide / 2, wide * 27 / 50);
                (" class=wide", format!(" style=\"min-width:{least}px;width:{most}px\""))
            }
        };
        let _ = write!(
            out,
            "<figure{class}><figcaption>{}</figcaption><div{style}>{}</div></figure>",
            escape(&panel.title),
            panel.svg
        );
    }
    out.push_str("</div>");
}

/// Colours and marks in words.
pub(super) fn legend(out: &mut String, keys: &[Key]) {
    if keys.is_empty() {
        return;
    }
    out.push_str("<ul class=keys>");
    for key in keys {
        let name = key.ink.name();
        let stroke = |class: &str| format!("<path class=\"s-{name} {class}\" d=\"M2 14H38\"/>");
        let sample = match key.mark {
            KeyMark::Swatch => format!("<circle class=\"f-{name}\" cx=20 cy=14 r=12 />"),
            KeyMark::Line => stroke(""),
            KeyMark::Dots => stroke("dot"),
            KeyMark::Ring => {
                format!("<circle class=\"s-{name}\" cx=20 cy=14 r=10 fill=none stroke-width=3 />")
            }
            KeyMark::Mark(shape) => outline(shape, &format!("f-{name}")),
            KeyMark::Pale => outline(Shape::Circle, &format!("f-{name} s-{name} pale")),
            KeyMark::Broken => "<path class=s-broken d=\"M11 5l18 18M29 5l-18 18\"/>".to_owned(),
        };
        let _ = write!(
            out,
            "<li><svg viewBox=\"0 0 40 28\" aria-hidden=true>{sample}</svg>{}",
            escape(&key.label)
        );
    }
    out.push_str("</ul>");
}

fn outline(shape: Shape, class: &str) -> String {
    let Some(corners) = shape.corners(10) else {
        return format!("<circle class=\"{class}\" cx=20 cy=14 r=10 />");
    };
    let points: Vec<String> =
        corners.iter().map(|(x, y)| format!("{},{}", x + 20, y + 14)).collect();
    format!("<polygon class=\"{class}\" points=\"{}\"/>", points.join(" "))
}

/// What others found, under their names.
fn quoted(out: &mut String, scenario: &Scenario<'_>, cells: &[Cell<'_>]) {
    let lines = published::lines(scenario, cells);
    let Some(first) = lines.first() else { return };
    let _ = write!(
        out,
        "<h3>Published figures beside these</h3><p class=reading>Source: {}. Latencies are apart by \
         their ratio, shares by their difference.</p>\
         <div class=scroll><table><thead><tr><th>mode<th>variant<th>level<th>verdict",
        escape(first.source)
    );
    for (i, head) in published::HEADS.iter().enumerate() {
        let _ = write!(out, "<th{}>{head}", if i > 0 { " class=n" } else { "" });
    }
    out.push_str("<tbody>");
    for line in &lines {
        let row = line.cell.head;
        let (word, sign, class) = verdict(row.verdict);
        let _ = write!(
            out,
            "<tr><th scope=row>{}<td>{}<td>{}<td class={class}>{sign} {word}",
            escape(&row.system),
            escape(&row.variant),
            escape(&row.level)
        );
        for (i, text) in line.columns.iter().enumerate() {
            let _ = write!(out, "<td{}>{}", if i > 0 { " class=n" } else { "" }, escape(text));
        }
    }
    out.push_str("</table></div>\n");
}

fn tables(out: &mut String, scenario: &Scenario<'_>, cells: &[Cell<'_>]) {
    out.push_str("<h3>All cells, clients of all regions</h3>");
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
    let variants = scenario.variants.iter().any(|v| !v.is_empty());
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
        "<td>{}<td class=n>{}{}<td class=n>{}<td class=n>{}{}<td class=n>{}\
         <td class=n>{}{stale_range}<td class=n>{age}{lost}{anomalies}{refused}<td class=n>{}{late}\
         <td class=n>{}<td class=n>{}",
        escape(&row.op),
        number::ms(row.p50_ms),
        range(row.p50_low_ms, row.p50_high_ms),
        number::ms(row.p90_ms),
        number::ms(row.p99_ms),
        range(row.p99_low_ms, row.p99_high_ms),
        if row.n >= number::ENOUGH_FOR_P999 { number::ms(row.p999_ms) } else { "-".to_owned() },
        escape(&stale),
        number::percent(answered),
        row.messages_per_op.map_or("-".to_owned(), |messages| format!("{messages:.1}")),
        number::count(row.n)
    );
}

fn replays(out: &mut String, cells: &[Cell<'_>]) {
    out.push_str("<details><summary>Settings, and the command that runs each cell again</summary>");
    out.push_str("<dl class=replays>");
    for cell in cells {
        let row = cell.head;
        let _ = writeln!(
            out,
            "<dt><code>{}</code> {}: {}<dd><code>{}</code>",
            escape(&row.cell),
            escape(&row.protocol),
            escape(&row.config),
            escape(&row.replay)
        );
    }
    out.push_str("</dl></details>\n");
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
    fn evidence_comes_before_the_pictures() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        let mut html = String::new();
        section(&mut html, &all[0], "", false, &Sources::default());
        let evidence = html.find("evidence broken").expect("one promise is broken");
        assert!(evidence < html.find("<figure").expect("drawn"));
        let picture = &html[evidence..];
        assert!(picture.contains("key 5 is w1") && picture.contains("began 8.500 ms after"));
        assert!(html.contains("is not linearizable") && html.contains("write 4211"));
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
