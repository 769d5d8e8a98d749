//! Labels that do not come out: where the class measured is not the one somebody claims, what decided it.
//!
//! The classes are Abadi's (*Consistency tradeoffs in modern distributed database system design*, 2012); who
//! claims one is in the system's file. The figures are those of the lines of faults.

use super::html::escape;
use super::table;
use super::through::{self, Line};
use super::view::Scenario;
use crate::results::{AVAILABLE, OTHERS};
use anstyle::Style;
use std::fmt::Write;

/// A sentence for each kind of operation of which another class was measured than is claimed.
fn sentences(scenario: &Scenario<'_>, lines: &[Line<'_, '_>]) -> Vec<String> {
    let claims = scenario.note.map_or(&[][..], |note| &note.claims);
    let mut sentences = Vec::new();
    for line in lines {
        let claim = claims.iter().find(|claim| claim.cell == line.cell.head.cell);
        let Some((claim, claimed)) = claim.and_then(|one| Some((one, one.class.as_deref()?)))
        else {
            continue;
        };
        let [op, .., measured] = &line.columns;
        if contradicts(claimed, measured) {
            let by = claim.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
            sentences.push(format!(
                "{}, {op}s: {claimed} is claimed{by}, {measured} was measured: {}.",
                line.cell.label(scenario),
                line.reason
            ));
        }
    }
    sentences
}

/// For the page; nothing where all is as claimed.
pub(super) fn differences(out: &mut String, scenario: &Scenario<'_>, lines: &[Line<'_, '_>]) {
    let sentences = sentences(scenario, lines);
    if sentences.is_empty() {
        return;
    }
    let list: String = sentences.iter().map(|one| format!("<li>{}", escape(one))).collect();
    let _ = writeln!(
        out,
        "<details open><summary>Classes that are not as claimed, and what decided them</summary><p \
         class=reading>PA asks that {:.0} % of what clients without a majority asked for was answered under \
         the cut, and {:.0} % of what the others asked for; EC, that everything before it was linearizable. \
         What is answered after the cut was not answered under it: a store that waits a quarter of a second \
         for the silent before it does without them misses more than one in a hundred of a cut of fifteen \
         seconds. A claim is of a system as a whole, a class of one kind of operation at one level.</p>\
         <ul>{list}</ul></details>",
        100.0 * AVAILABLE,
        100.0 * OTHERS
    );
}

/// The same for a terminal.
pub(super) fn told(scenario: &Scenario<'_>, width: usize) -> String {
    let cells = scenario.cells();
    let sentences = sentences(scenario, &through::lines(scenario, &cells));
    let wrapped =
        sentences.iter().map(|one| table::wrapped(&table::clean(one), width.clamp(40, 120)));
    let bold = Style::new().bold();
    let head = format!("{bold}classes that are not as claimed{bold:#}\n");
    (!sentences.is_empty()).then_some(head).into_iter().chain(wrapped).collect()
}

/// Whether a half is known and is not the claimed one.
fn contradicts(claimed: &str, measured: &str) -> bool {
    let halves = claimed.split('/').zip(measured.split('/'));
    measured.contains('/') && halves.into_iter().any(|(claim, half)| half != "?" && half != claim)
}

#[cfg(test)]
mod tests {
    use super::super::{sample, view};
    use super::*;
    use crate::results::Claim;

    #[test]
    fn only_a_known_half_contradicts() {
        assert!(contradicts("PA/EL", "PC/EL") && contradicts("PC/EC", "PC/EL"));
        assert!(!contradicts("PA/EL", "PA/EL") && !contradicts("PA/EL", "?/EL"));
        assert!(contradicts("PA/EL", "?/EC") && !contradicts("PA/EL", "-"));
    }

    #[test]
    fn a_label_that_does_not_come_out_is_told_with_the_figures_that_decided() {
        let mut results = sample::results();
        let told = |results: &crate::results::Results| {
            let all = view::of(results);
            let faulty = all.iter().find(|s| !s.faults.is_empty()).expect("one has a fault");
            let cells = faulty.cells();
            let mut html = String::new();
            differences(&mut html, faulty, &through::lines(faulty, &cells));
            html
        };
        assert_eq!(told(&results), "", "nobody claims anything");
        let line = results.faults.iter().find(|l| l.client_region == "all" && l.op == "write");
        let line = line.expect("writes").clone();
        let claim = |class: &str| Claim {
            cell: line.cell.clone(),
            called: "level".into(),
            class: Some(class.into()),
            by: Some("a paper".into()),
        };
        let note = results.note.scenarios.iter_mut().find(|note| note.name == line.scenario);
        let note = note.expect("its scenario");
        note.claims = vec![claim("PA/EC")];
        let html = told(&results);
        assert!(html.contains("s: PA/EC is claimed (a paper), "), "{html}");
        assert!(
            html.contains(&escape(&line.class_reason)) && html.contains("PA asks that"),
            "{html}"
        );
        let text = crate::report::summary(&results, 80);
        assert!(text.contains("classes that are not as claimed"), "{text}");
        let half = |half: &Option<String>| half.clone().unwrap_or_else(|| "?".into());
        let measured = format!("{}/{}", half(&line.partition_class), half(&line.else_class));
        assert!(html.contains(&format!("{measured} was measured")), "{html}");
    }
}
