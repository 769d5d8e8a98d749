//! One scenario's part of the page: its question, its prose, what was broken, pictures, tables.

use super::chart::labels::Counted;
use super::chart::space_time::SpaceTime;
use super::chart::{CHARTS, Drawing, Key, KeyMark, Panel, svg};
use super::html::{anchor, escape, prose};
use super::number;
use super::sources::Sources;
use super::tables;
use super::theme::{Shape, verdict};
use super::view::{Cell, Scenario};
use super::{Evidence, Row, ScenarioNote, VerdictWord};
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
    if let Some(note) = scenario.note.filter(|note| !note.answer.is_empty()) {
        let _ = writeln!(
            out,
            "<div class=answer><h3>The answer, from the numbers of this run</h3>{}</div>",
            classes(prose(&note.answer))
        );
    }
    broken(out, &cells, scenario.note.map_or(&[], |note| &note.evidence));
    out.push_str("<div class=charts>");
    let mut counted = Counted::default();
    for chart in CHARTS {
        if chart.name == "plane" && drawn_above {
            out.push_str(
                "<p class=note>Its PACELC plane is <a href=\"#plane\">the picture at the top</a>.</p>",
            );
        } else if let Some(drawing) = (chart.draw)(scenario, &mut counted) {
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
    tables::damages(out, scenario, &cells);
    tables::through(out, scenario, &cells);
    tables::published(out, scenario, &cells);
    tables::rows(out, scenario, &cells);
    replays(out, &cells);
    out.push_str("</section>\n");
}

/// The class a paragraph of an answer speaks of, so that one finds it.
fn classes(mut answer: String) -> String {
    for class in super::answer::words() {
        answer = answer.replace(&format!("<p>{class}: "), &format!("<p><b>{class}:</b> "));
    }
    answer
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
    let all = || note.replicas.iter().chain(&note.clients);
    let region = |place: &str| place.split('/').next().map(str::to_owned);
    // Zones are worth their ink only where a region has two of them.
    let zoned = all().any(|a| all().any(|b| a != b && region(a) == region(b)));
    let list = |places: &[String]| {
        let shown = |place: &String| if zoned { None } else { region(place) };
        let places: Vec<String> =
            places.iter().map(|p| shown(p).unwrap_or_else(|| p.clone())).collect();
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
    let Some(((svg, width), upright)) = diagram.inline().zip(diagram.upright()) else { return gap };
    // As large as other pictures, for its words are what there is to see; or as wide as the page.
    let (least, most) = (width * 2 / 5, width * 27 / 50);
    let scale = diagram.scale().map(|note| format!("<p class=note>{note}</p>"));
    format!(
        "<figure class=\"wide if-wide\"><div style=\"min-width:{least}px;max-width:{most}px\">{svg}</div></figure>\
         <figure class=if-narrow>{upright}{}</figure>{gap}",
        scale.unwrap_or_default()
    )
}

/// Legend, pictures, remark, and the rest on request.
pub(super) fn show(out: &mut String, drawing: &Drawing) {
    legend(out, &drawing.keys);
    panels(out, &drawing.panels);
    notes(out, &drawing.remark);
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

/// A remark below pictures, line by line.
pub(super) fn notes(out: &mut String, remark: &str) {
    if !remark.is_empty() {
        let lines: Vec<String> = remark.lines().map(escape).collect();
        let _ = write!(out, "<p class=note>{}</p>", lines.join("<br>"));
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
}
