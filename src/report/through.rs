//! How each cell came through its faults, a line a kind of operation: who was answered on which side, when it
//! worked again, what was lost, and the class that follows. The same for the terminal and the page.

use super::FaultLine;
use super::number;
use super::view::{Cell, Scenario};
use crate::results::Side;

/// The heads of [`Line::columns`].
pub(super) const HEADS: [&str; 9] = [
    "operation",
    "cut off",
    "majority",
    "back after",
    "healed in",
    "stale for",
    "lost back to",
    "overruled",
    "class",
];

/// One kind of operation of a cell.
pub(super) struct Line<'c, 'a> {
    /// The cell it is of.
    pub(super) cell: &'c Cell<'a>,
    /// Under [`HEADS`].
    pub(super) columns: [String; 9],
    /// The figures that decided the class.
    pub(super) reason: &'a str,
}

/// All of a scenario's.
pub(super) fn lines<'c, 'a>(scenario: &Scenario<'a>, cells: &'c [Cell<'a>]) -> Vec<Line<'c, 'a>> {
    let mut lines = Vec::new();
    for cell in cells {
        for op in ["read", "write", "scan", "rmw"] {
            lines.extend(line(scenario, cell, op));
        }
    }
    lines
}

fn line<'c, 'a>(scenario: &Scenario<'a>, cell: &'c Cell<'a>, op: &str) -> Option<Line<'c, 'a>> {
    let all = scenario.fault(&cell.head.cell, "all", op)?;
    let regions: Vec<&FaultLine> = (scenario.faults.iter().copied())
        .filter(|l| l.cell == cell.head.cell && l.op == op && l.client_region != "all")
        .collect();
    let share = |side| {
        let share = scenario.answered(&cell.head.cell, side, op);
        share.map_or_else(|| "-".to_owned(), number::percent)
    };
    // Whoever is cut off may be refused for as long as that lasts; what counts is the others.
    let with_majority: Vec<&&FaultLine> =
        regions.iter().filter(|l| l.side != Some(Side::Minority)).collect();
    let silent = with_majority.iter().all(|l| l.answered == 0);
    let back = with_majority.iter().map(|l| (l.faults, l.recovered, l.rto_p50_ms));
    let back = slowest(back, silent);
    let healed = regions.iter().map(|l| (l.healings, l.healed, l.healed_p50_ms));
    let healed = slowest(healed, false);
    let most = |f: fn(&FaultLine) -> Option<f64>| {
        let most = regions.iter().filter_map(|l| f(l)).reduce(f64::max);
        most.map_or_else(|| "-".to_owned(), number::ms)
    };
    let columns = [
        op.to_owned(),
        share(Side::Minority),
        share(Side::Majority),
        back,
        healed,
        most(|l| l.lingered_max_ms),
        most(|l| l.rpo_ms),
        overruled(all),
        class(all),
    ];
    Some(Line { cell, columns, reason: &all.class_reason })
}

/// The median of the region that took longest. Where half of one's faults or more ended with something
/// unanswered there is no median, and the region says in how many that was otherwise: most of what was asked for
/// may have been answered all the same. Only where nothing was, it is `never`.
fn slowest(regions: impl Iterator<Item = (u64, u64, Option<f64>)>, silent: bool) -> String {
    let (mut most, mut least): (Option<f64>, Option<(u64, u64)>) = (None, None);
    for (of, back, median) in regions.filter(|(of, ..)| *of > 0) {
        match median {
            Some(median) => most = Some(most.map_or(median, |most| most.max(median))),
            // Cross-multiplied: the smaller share.
            None if least.is_none_or(|(least, all)| back * all < least * of) => {
                least = Some((back, of));
            }
            None => {}
        }
    }
    match least {
        Some((0, _)) if silent => "never".to_owned(),
        Some((back, of)) => format!("{back} of {of}"),
        None => most.map_or_else(|| "-".to_owned(), number::ms),
    }
}

/// Keys that one side changed in vain, of those that were changed.
fn overruled(line: &FaultLine) -> String {
    match (line.overruled, line.changed) {
        (Some(overruled), Some(changed)) if changed > 0 => {
            format!("{} of {}", number::count(overruled), number::count(changed))
        }
        _ => "-".to_owned(),
    }
}

/// `PA/EL`; a half of which nothing is known is a question mark.
fn class(line: &FaultLine) -> String {
    match (&line.partition_class, &line.else_class) {
        (None, None) => "-".to_owned(),
        (partition, health) => {
            let half = |half: &Option<String>| half.clone().unwrap_or_else(|| "?".to_owned());
            format!("{}/{}", half(partition), half(health))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{sample, view};
    use super::*;

    #[test]
    fn a_line_says_who_was_answered_when_it_worked_again_and_the_class() {
        let results = sample::results();
        let all = view::of(&results);
        let faulty = all.iter().find(|s| !s.faults.is_empty()).expect("one has a fault");
        let cells = faulty.cells();
        let lines = lines(faulty, &cells);
        assert_eq!(lines.len(), cells.len() * 2);
        let write = lines.iter().find(|l| l.columns[0] == "write").expect("writes");
        assert_eq!(write.columns[3..5], ["1.84 s", "70.5 ms"]);
        assert!(lines.iter().any(|l| l.columns[6] == "88.8 ms"), "{:?}", write.columns);
        assert!(lines.iter().any(|l| l.columns[7] == "81 of 98"), "{:?}", write.columns);
        assert!(lines.iter().any(|l| l.columns[8] == "PC/EL"), "{:?}", write.columns);
        assert!(all.iter().filter(|s| s.faults.is_empty()).all(|s| {
            let cells = s.cells();
            super::lines(s, &cells).is_empty()
        }));
    }

    #[test]
    fn who_did_not_come_back_in_most_faults_says_in_how_many_and_never_is_for_silence() {
        let of =
            |regions: &[(u64, u64, Option<f64>)], silent| slowest(regions.iter().copied(), silent);
        assert_eq!(of(&[(20, 20, Some(10.0)), (20, 15, Some(30.0))], false), "30.0 ms");
        assert_eq!(of(&[(20, 7, None), (20, 20, Some(30.0))], false), "7 of 20");
        assert_eq!(of(&[(20, 7, None), (40, 2, None)], false), "2 of 40");
        assert_eq!(of(&[(20, 0, None)], false), "0 of 20");
        assert_eq!(of(&[(20, 0, None)], true), "never");
        assert_eq!(of(&[(0, 0, None)], true), "-");
    }
}
