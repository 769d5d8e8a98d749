//! What only runs in real time have to show: delays asked and delivered, and the same cells in virtual time.

use super::html::escape;
use super::number;
use super::theme::verdict;
use crate::results::{BesideLine, LinkLine, RunNote};
use std::fmt::Write as _;

/// What is not measured where two ends have two clocks.
const BETWEEN_PROCESSES: &str = " Between processes that is when it left its sender; what the network between \
     them takes comes on top.";

/// What links were asked for and what they delivered, where that is a question.
pub(super) fn delivered(out: &mut String, note: &RunNote) {
    let worst = note.latest_links();
    if worst.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<section id=delivered><h2>Delays: asked and delivered</h2><p class=reading>Real time has a floor. \
         How much later than its deadline a message was handed over, by directed link between two sites, in the run in which its median \
         was worst; and before that run, when twenty probes went over the link and nothing else did.{} A run with a link whose median is above {} ms is not trusted.</p><div class=scroll><table>\
         <thead><tr><th>link<th>asked<th>late before, p50<th>p99<th>late, p50<th>p99<th>messages<th></thead><tbody>",
        if note.world == "nodes" { BETWEEN_PROCESSES } else { "" },
        LinkLine::FLOOR_MS
    );
    for line in worst {
        let LinkLine { from, to, asked_ms, late_p50_ms, late_p99_ms, n, .. } = line;
        let LinkLine { before_p50_ms, before_p99_ms, .. } = line;
        let trust = if line.is_trusted() { "" } else { "<span class=broken>not trusted</span>" };
        let _ = write!(
            out,
            "<tr><td>{} to {}<td>{asked_ms:.3} ms<td>{before_p50_ms:.3} ms<td>{before_p99_ms:.3} ms<td>{late_p50_ms:.3} ms<td>{late_p99_ms:.3} ms<td>{n}<td>{trust}",
            escape(from),
            escape(to)
        );
    }
    out.push_str("</tbody></table></div></section>\n");
}

/// What both worlds say of the same cells, where that was asked for.
pub(super) fn beside(out: &mut String, note: &RunNote) {
    if note.beside.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<section id=beside><h2>Virtual and real time</h2><p class=reading>The same scenarios and seeds in \
         both worlds, over all client regions. Each percentile: virtual time, real time, and the second over the first. {}</p>\
         <div class=scroll><table><thead><tr><th>cell<th>phase<th>op<th>p50<th>p90<th>p99<th>p99.9\
         <th>median<th>verdicts<tbody>",
        escape(&agreement(&note.beside))
    );
    for line in note.beside.iter().filter(|line| line.client_region == "all") {
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{}<td>{}",
            escape(&line.cell),
            escape(&line.phase),
            escape(&line.op)
        );
        for pair in line.pairs() {
            let _ = write!(out, "<td>{}", figures(line, pair).unwrap_or_else(|| "–".to_owned()));
        }
        let near = match line.is_near() {
            Some(true) => "near",
            Some(false) => "apart",
            None => "short",
        };
        let verdicts = if line.agrees() {
            verdict(line.live_verdict).0.to_owned()
        } else {
            let (sim, live) = (verdict(line.sim_verdict).0, verdict(line.live_verdict).0);
            format!("<span class=broken>{sim}, {live}</span>")
        };
        let _ = write!(out, "<td>{near}<td>{verdicts}");
    }
    out.push_str("</tbody></table></div></section>\n");
}

/// The same for a terminal; nothing where it was not asked for.
#[must_use]
pub(super) fn beside_text(note: &RunNote) -> String {
    let mut text = String::new();
    if note.beside.is_empty() {
        return text;
    }
    let _ = writeln!(text, "virtual time, real time, and the second over the first");
    for line in note.beside.iter().filter(|line| line.client_region == "all") {
        let _ = write!(text, "{} {} {}", line.cell, line.phase, line.op);
        for pair in line.pairs() {
            if let Some(figures) = figures(line, pair) {
                let _ = write!(text, "  {} {figures}", pair.0);
            }
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", agreement(&note.beside));
    text
}

/// How often the two worlds agree, in a sentence or two.
fn agreement(lines: &[BesideLine]) -> String {
    let mut cells: Vec<(&str, bool)> =
        lines.iter().map(|line| (line.cell.as_str(), line.agrees())).collect();
    cells.dedup();
    let agree = cells.iter().filter(|(_, agrees)| *agrees).count();
    let all = lines.iter().filter(|line| line.client_region == "all");
    let told: Vec<bool> = all.filter_map(BesideLine::is_near).collect();
    let near = told.iter().filter(|near| **near).count();
    let floor = LinkLine::FLOOR_MS;
    format!(
        "Verdicts agree in {agree} of {} cells. Of {} medians that are {} ms or more in virtual time, {near} are within {floor} ms and {:.0} % in real time.",
        cells.len(),
        told.len(),
        BesideLine::FROM_MS,
        BesideLine::SHARE * 100.0
    )
}

/// A percentile in virtual time, in real time, and the ratio; nothing where there are too few operations.
fn figures(line: &BesideLine, (name, sim, live): (&str, f64, f64)) -> Option<String> {
    if name == "p99.9" && line.sim.n.min(line.live.n) < number::ENOUGH_FOR_P999 {
        return None;
    }
    let mut text = format!("{} · {}", number::ms(sim), number::ms(live));
    if sim > 0.0 {
        let _ = write!(text, " · ×{:.2}", live / sim);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Percentiles, VerdictWord};

    fn line(cell: &str, live: f64, live_verdict: VerdictWord) -> BesideLine {
        let at = |p50_ms| Percentiles { n: 9, p50_ms, p90_ms: 60.0, p99_ms: 80.0, p999_ms: 0.0 };
        BesideLine {
            cell: cell.into(),
            phase: "healthy".into(),
            client_region: "all".into(),
            op: "read".into(),
            sim: at(40.0),
            live: at(live),
            sim_verdict: VerdictWord::Holds,
            live_verdict,
        }
    }

    #[test]
    fn a_link_that_was_late_is_marked_and_shows_what_it_was_asked_before_and_during_the_run() {
        let on_time = crate::results::testing::link("a/b/c");
        let late = LinkLine {
            to: "n1 eu-west-1".into(),
            late_p50_ms: LinkLine::FLOOR_MS + 0.1,
            ..on_time.clone()
        };
        let page = |links: Vec<LinkLine>| {
            let mut page = String::new();
            delivered(&mut page, &RunNote { links, ..super::super::sample::results().note });
            page
        };
        let one = page(vec![on_time.clone()]);
        assert!(!one.contains("class=broken"), "{one}");
        let shown = "<td>34.800 ms<td>0.100 ms<td>0.200 ms<td>0.010 ms<td>0.300 ms<td>100<td>";
        assert!(one.contains(shown), "{one}");
        let both = page(vec![on_time, late]);
        assert_eq!(both.matches("<span class=broken>not trusted</span>").count(), 1, "{both}");
        assert_eq!(page(Vec::new()), "", "virtual time is exact");
    }

    #[test]
    fn both_worlds_stand_side_by_side_with_their_ratio_and_how_often_they_agree() {
        let beside = vec![
            line("a/<b>/c", 41.0, VerdictWord::Holds),
            line("d/e/f", 60.0, VerdictWord::Violated),
        ];
        let note = RunNote { beside, ..super::super::sample::results().note };
        let (mut page, text) = (String::new(), beside_text(&note));
        super::beside(&mut page, &note);
        let told = "Verdicts agree in 1 of 2 cells. Of 2 medians that are 10 ms or more in virtual time, 1 are within 0.5 ms and 2 % in real time.";
        assert!(page.contains(told) && text.contains(told), "{text}");
        assert!(page.contains("a/&lt;b&gt;/c") && page.contains("×1.50"), "{page}");
        assert!(page.contains("<span class=broken>holds, broken</span>"), "{page}");
        assert!(
            text.contains("p99 80.0 ms") && !text.contains("p99.9"),
            "nine are too few: {text}"
        );
        let without = RunNote { beside: Vec::new(), ..note };
        assert_eq!(beside_text(&without), "");
    }
}
