//! The HTML page: a sentence, a picture, then one section a scenario.
//!
//! People look before they read, so the PACELC plane stands before any table, and what was broken
//! before any number. One file without network, fonts or required script: it can be mailed,
//! committed and opened in ten years.

use super::chart::hero;
use super::gist::gist;
use super::html::{anchor, escape};
use super::section::{legend, notes, section, show, tally};
use super::sources::Sources;
use super::theme::{MARK_CSS, page_css, verdict};
use super::view::{self, Cell, Scenario};
use super::{Results, RunNote, VerdictWord};
use super::{number, real_time};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// Hides table lines that do not contain what is typed. The page is whole without it.
const SCRIPT: &str = "\
const box=document.querySelector('#filter');box.hidden=false;\
box.querySelector('input').addEventListener('input',e=>{\
const words=e.target.value.toLowerCase().split(/\\s+/).filter(Boolean);\
document.querySelectorAll('tbody tr').forEach(r=>{\
const text=r.textContent.toLowerCase();r.hidden=!words.every(w=>text.includes(w))})});";

/// The whole page.
pub(super) fn page(results: &Results) -> String {
    let note = &results.note;
    let all = view::of(results);
    let cells: Vec<Cell<'_>> = all.iter().flat_map(Scenario::cells).collect();
    let headline = headline(&all).filter(|h| hero::hero(h).is_some()).map(|h| h.name);
    let parts = parts(all, headline);
    let sources = Sources::new(parts.iter().flat_map(|p| &p.1).filter_map(|s| s.note));
    let mut out = String::with_capacity(1 << 22);
    let _ = writeln!(
        out,
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>pacelc: what consistency costs in latency</title>\n<style>\n{}{MARK_CSS}\n{STYLE}\
         </style></head>\n<body><main>\n<h1>What consistency costs in latency</h1>",
        page_css()
    );
    let scenarios = || parts.iter().flat_map(|part| &part.1);
    if let Some(gist) = scenarios().find(|s| headline == Some(s.name)).and_then(gist) {
        let _ = writeln!(out, "<p class=\"lead gist\">{gist}</p>");
    }
    lead(&mut out, note, scenarios().count(), &cells);
    if let Some(scenario) = scenarios().find(|s| headline == Some(s.name)) {
        hero(&mut out, scenario);
    }
    alarm(&mut out, scenarios());
    contents(&mut out, &parts);
    for (title, scenarios) in &parts {
        for scenario in scenarios {
            section(&mut out, scenario, title, headline == Some(scenario.name), &sources);
        }
    }
    real_time::delivered(&mut out, note);
    real_time::beside(&mut out, note);
    footer(&mut out, note, &sources);
    let _ = writeln!(out, "</main><script>{SCRIPT}</script></body></html>");
    out
}

/// A heading and its scenarios.
type Part<'a> = (&'static str, Vec<Scenario<'a>>);

/// Scenarios by what they ask, the headline first among its like.
fn parts<'a>(all: Vec<Scenario<'a>>, headline: Option<&str>) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = vec![
        ("Else: what consistency costs while nothing is broken", Vec::new()),
        ("What the price depends on", Vec::new()),
        ("Partition: when something breaks", Vec::new()),
    ];
    for scenario in all {
        let part = match scenario.phases().len() {
            0 | 1 => usize::from(scenario.variants.len() > 1),
            _ => 2,
        };
        parts[part].1.push(scenario);
    }
    for part in &mut parts {
        part.1.sort_by_key(|s| headline != Some(s.name));
    }
    parts.retain(|part| !part.1.is_empty());
    parts
}

/// The scenario whose plane tells most: several modes at several levels in one place, in peace.
pub(super) fn headline<'s, 'a>(all: &'s [Scenario<'a>]) -> Option<&'s Scenario<'a>> {
    let worth = |s: &&Scenario<'_>| {
        let cells = s.cells().len();
        let calm = s.phases().len() == 1 && s.variants.len() == 1 && cells <= 36;
        (calm, s.modes.len().min(5) * s.levels.len().min(5), cells)
    };
    let mut best: Option<&Scenario<'_>> = None;
    for scenario in all.iter().filter(|s| s.axis().is_none()) {
        let has_plane = || scenario.rows.iter().any(|r| r.stale_rate.is_some() && r.p50_ms >= 0.0);
        // The first of equals stays: scenarios come in the order their authors chose.
        if has_plane() && best.is_none_or(|b| worth(&scenario) > worth(&b)) {
            best = Some(scenario);
        }
    }
    best
}

fn lead(out: &mut String, note: &RunNote, scenarios: usize, cells: &[Cell<'_>]) {
    let count = |word| cells.iter().filter(|c| c.head.verdict == word).count();
    let seeds = if note.seeds == 1 { "one seed" } else { &format!("{} seeds each", note.seeds) };
    let world = match note.world.as_str() {
        "sim" => "virtual time",
        _ => "real time",
    };
    let _ = writeln!(
        out,
        "<p class=lead>{} in {}, {seeds}: {} operations over {} of {world}, all \
         checked. <span class=\"v holds\">✓ {}</span>{}</p>\
         <ol class=words><li><b>Path</b> how a read is served<li><b>Promise</b> what is \
         claimed for it<li><b>Verdict</b> what the recorded histories show</ol>",
        number::plural(cells.len(), "cell"),
        number::plural(scenarios, "scenario"),
        number::roughly(note.operations),
        number::seconds(note.virtual_seconds),
        match count(VerdictWord::Holds) {
            1 => "1 promise holds".to_owned(),
            n => format!("{n} promises hold"),
        },
        match (count(VerdictWord::Violated), count(VerdictWord::Unknown)) {
            (0, 0) => " · none broken or undecided".to_owned(),
            (broken, unknown) =>
                told(broken, "broken", "✗", "broken") + &told(unknown, "unknown", "?", "undecided"),
        }
    );
}

/// A count of what should not be; in its colour of alarm only if there is any.
fn told(count: usize, class: &str, mark: &str, word: &str) -> String {
    match count {
        0 => format!(" · none {word}"),
        n => format!(" <span class=\"v {class}\">{mark} {n} {word}</span>"),
    }
}

/// The first picture.
fn hero(out: &mut String, scenario: &Scenario<'_>) {
    let Some((wide, remark, narrow)) = hero::hero(scenario) else { return };
    let question = scenario.note.map_or(scenario.name, |n| &n.question);
    let _ = write!(
        out,
        "<section class=hero id=plane><h2>Latency against stale reads</h2><p class=tag>\
         <a href=\"#{}\"><code>{}</code></a> {}</p><p class=reading>{} Left is fast, down is fresh; \
         in the band at the bottom no stale read was seen. The stepped line joins the cells that no other \
         beats on both counts; a broken promise is crossed out. Clients of all regions together, \
         in health: what a crash or a cut would cost is not in the picture.</p>",
        anchor(scenario.name),
        escape(scenario.name),
        tally(&scenario.cells()),
        escape(question)
    );
    out.push_str("<div class=if-wide>");
    legend(out, &narrow.keys);
    let _ = write!(out, "<figure class=full>{wide}</figure>");
    notes(out, &remark);
    out.push_str("</div><div class=if-narrow>");
    show(out, &narrow);
    out.push_str("</div></section>\n");
}

/// Names what is broken, before any contents.
fn alarm<'s, 'a: 's>(out: &mut String, all: impl Iterator<Item = &'s Scenario<'a>>) {
    let mut list = String::new();
    for scenario in all {
        for cell in scenario.cells().iter().filter(|c| c.head.verdict == VerdictWord::Violated) {
            let _ = write!(
                list,
                "<li><a href=\"#{}\"><code>{}</code></a> is not {}",
                anchor(scenario.name),
                escape(&cell.head.cell),
                escape(&cell.head.promise)
            );
        }
    }
    if !list.is_empty() {
        let (_, sign, class) = verdict(VerdictWord::Violated);
        let _ = writeln!(
            out,
            "<div class=\"evidence {class}\"><p><strong>{sign} Promises the histories \
             break</strong></p><ul>{list}</ul></div>"
        );
    }
}

fn contents(out: &mut String, parts: &[Part<'_>]) {
    out.push_str("<nav><h2>Scenarios</h2>");
    for (title, scenarios) in parts {
        let _ = write!(out, "<h3>{title}</h3><ul class=contents>");
        for scenario in scenarios {
            let question = scenario.note.map_or(scenario.name, |n| &n.question);
            let _ = write!(
                out,
                "<li><a href=\"#{}\">{}</a><span class=tag><code>{}</code> {}</span>",
                anchor(scenario.name),
                escape(question),
                escape(scenario.name),
                tally(&scenario.cells())
            );
        }
        out.push_str("</ul>");
    }
    out.push_str(
        "</nav><p id=filter hidden><label>Show only table lines with <input type=search \
         placeholder=\"raft lease\"></label></p>\n",
    );
}

fn footer(out: &mut String, note: &RunNote, sources: &Sources<'_>) {
    let last = note.first_seed.saturating_add(u64::from(note.seeds.max(1)) - 1);
    let _ = write!(
        out,
        "<footer><h2>Where these numbers come from</h2><pre>{}</pre><dl class=facts>\
         <dt>Version</dt><dd>pacelc {}, schema {}</dd><dt>World</dt><dd>{}</dd>\
         <dt>Seeds</dt><dd>{} to {last}</dd></dl><ul class=caveats>",
        escape(&note.command),
        escape(&note.version),
        note.schema,
        escape(&note.world),
        note.first_seed
    );
    for caveat in [
        "Response time runs from the intended start of an operation; failed and unknown operations \
         count as at least the timeout.",
        "Intervals are 95 % across seeds, because operations of one run are not independent; those \
         of rates are Wilson's.",
        "A rate of 0 of n is shown as what it is below: 3/n.",
        "p99.9 is printed from 10 000 operations on.",
        "The warm-up is dropped from every figure, and checked by every verdict.",
        "A verdict says what these histories show; a promise that holds here may still be \
         broken by a history nobody ran.",
        "A stale rate depends on how often keys are written: compare it within a scenario, not \
         between two.",
        "A lost write was acknowledged although an older one, acknowledged before it began, has beaten \
         it; a table says how many only where some were. A refused update found its condition not met: \
         it was answered, and changed nothing.",
        "Of reads and writes of keys that their session had written or read before: own writes missed \
         (read your writes), reads gone back (monotonic reads), writes placed below own writes (monotonic \
         writes) and below what was read (writes follow reads), promised or not; of acknowledged writes \
         that nothing newer hides in the end, those undone: no replica has them. A table has these columns \
         only where there were any.",
        match note.world.as_str() {
            "sim" => {
                "The simulated world has the delays it is told; no figure here measures a product."
            }
            "nodes" => {
                "Nodes were processes of their own, with whatever network and disks they had. No figure here measures a product."
            }
            _ => {
                "Delays between regions are injected; processors and disks are this machine's. No figure here measures a product."
            }
        },
    ] {
        let _ = write!(out, "<li>{caveat}");
    }
    out.push_str("</ul>");
    if !sources.texts().is_empty() {
        out.push_str("<h3>Round-trip times</h3><ol class=caveats>");
        for (i, text) in sources.texts().iter().enumerate() {
            let _ = write!(out, "<li id=source-{}>{}", i + 1, escape(text));
        }
        out.push_str("</ol>");
    }
    out.push_str("</footer>\n");
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_page_is_whole_and_alone() {
        let results = sample::results();
        let html = page(&results);
        assert_eq!(html, page(&results));
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            let found = html.replace("&lt;img src=x", "").contains(outside);
            assert!(!found, "{outside}");
        }
        assert!(!html.contains("NaN") && html.len() < 3_000_000, "{}", html.len());
        for needed in ["pacelc run --seeds 20 -o reports/reference", "schema 1", "1 to 20"] {
            assert!(html.contains(needed), "{needed}");
        }
    }

    #[test]
    fn hostile_names_do_not_become_markup() {
        let html = page(&sample::results());
        assert!(!html.contains("<script>alert") && !html.contains("<img"));
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert_eq!(html.matches("<script>").count(), 1);
    }

    #[test]
    fn an_empty_run_is_still_a_page() {
        let (mut note, _, _) = sample::run();
        note.scenarios.clear();
        let (rows, curves, faults, timelines) = (vec![], vec![], vec![], vec![]);
        let html = page(&Results { note, rows, curves, faults, timelines });
        assert!(html.contains("0 cells in 0 scenarios") && html.ends_with("</html>\n"));
    }

    #[test]
    fn the_headline_is_a_calm_scenario_with_many_modes() {
        let (note, rows, curves) = sample::run();
        let all = view::scenarios(Some(&note), &rows, &curves);
        assert_eq!(headline(&all).map(|s| s.name), Some("aws-three-regions"));
    }
}
