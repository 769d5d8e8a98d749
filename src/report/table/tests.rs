//! The tables of a sample run, as text.

use super::super::{CurvePoint, sample};
use super::*;

/// The made-up run's rows as they were changed.
fn told(note: &RunNote, rows: &[Row], curves: &[CurvePoint], width: usize) -> String {
    let (note, rows, curves) = (note.clone(), rows.to_vec(), curves.to_vec());
    let (faults, timelines) = (Vec::new(), Vec::new());
    bare(&summary(&Results { note, rows, curves, faults, timelines }, width))
}

fn bare(styled: &str) -> String {
    anstream::adapter::strip_str(styled).to_string()
}

#[test]
fn a_summary_fits_eighty_columns_and_keeps_every_verdict() {
    let (note, rows, curves) = sample::run();
    for width in [80, 120] {
        let text = told(&note, &rows, &curves, width);
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
fn what_was_answered_under_a_fault_stands_below_and_fits_too() {
    let (note, rows, _) = sample::run();
    let text = told(&note, &rows, &[], 120);
    assert!(text.contains("share of operations answered"));
    let head = text.lines().find(|l| l.contains("read in the fault")).expect("a head");
    assert!(head.contains("write after it") && head.ends_with("verdict"), "{head}");
    assert!(text.lines().any(|l| l.starts_with("all ") && l.contains("2.00 %")), "{text}");
    assert!(told(&note, &rows, &[], 80).contains("write fault"));
}

#[test]
fn lost_writes_have_a_column_where_there_are_any() {
    let (note, mut rows, _) = sample::run();
    assert!(!told(&note, &rows, &[], 120).contains(" lost "));
    let writes =
        |r: &&mut Row| (&*r.op, &*r.phase, &*r.client_region) == ("write", "healthy", "all");
    let row = rows.iter_mut().find(writes).expect("writes");
    (row.lost, row.lost_rate, row.lost_rate_high) = (Some(12), Some(0.0345), Some(0.05));
    let text = told(&note, &rows, &[], 120);
    assert!(text.contains("stale   lost promise") && text.contains(" 3.45 % "), "{text}");
}

#[test]
fn anomalies_have_a_table_where_there_are_any_and_add_up_over_phases() {
    let (note, mut rows, _) = sample::run();
    assert!(!told(&note, &rows, &[], 120).contains("anomalies"));
    let faulty = rows.iter().find(|r| r.phase == "partitioned").expect("a sample with a fault");
    let cell = faulty.cell.clone();
    let reads = |r: &&mut Row| (&*r.op, &*r.client_region, &r.cell) == ("read", "all", &cell);
    let mut phases = 0;
    for row in rows.iter_mut().filter(reads) {
        phases += 1;
        (row.ryw_of, row.ryw_broken, row.ryw_broken_rate) = (100, Some(phases), Some(0.01));
    }
    assert!(phases > 1, "{phases}");
    let text = told(&note, &rows, &[], 120);
    let share = if phases == 3 { " 2.00 %" } else { " 1.50 %" };
    assert!(text.contains(" own writes missed verdict") && text.contains(share), "{text}");
    assert!(!text.contains("undone"), "{text}");
    let narrow = told(&note, &rows, &[], 80);
    assert!(narrow.contains("ryw"), "{narrow}");
}

#[test]
fn refused_updates_have_a_column_where_there_are_any() {
    let (note, mut rows, _) = sample::run();
    assert!(!told(&note, &rows, &[], 120).contains(" refused "));
    let writes =
        |r: &&mut Row| (&*r.op, &*r.phase, &*r.client_region) == ("write", "healthy", "all");
    let row = rows.iter_mut().find(writes).expect("writes");
    row.refused = row.ok / 4;
    let text = told(&note, &rows, &[], 120);
    assert!(text.contains(" refused promise") && text.contains(" 25.0 % "), "{text}");
}

#[test]
fn scans_have_a_table_where_there_are_any() {
    let (note, mut rows, _) = sample::run();
    assert!(!told(&note, &rows, &[], 120).contains("other operations"));
    let mut scan = rows[0].clone();
    (scan.op, scan.phase, scan.client_region) = ("scan".into(), "healthy".into(), "all".into());
    (scan.p50_ms, scan.p99_ms) = (12.34, 56.78);
    rows.push(scan);
    let text = told(&note, &rows, &[], 120);
    assert!(text.contains("scan p50") && text.contains("12.3 ms 56.8 ms"), "{text}");
}

#[test]
fn one_of_a_thing_is_not_called_several() {
    let (mut note, mut rows, _) = sample::run();
    rows.truncate(1);
    (note.cells, note.seeds) = (1, 1);
    let text = told(&note, &rows, &[], 120);
    assert!(text.contains("1 promise holds") && text.contains("1 cell, one seed, "), "{text}");
}

#[test]
fn the_broken_promise_is_named_with_its_replay() {
    let (note, rows, _) = sample::run();
    let text = told(&note, &rows, &[], 80);
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

#[test]
fn how_cells_came_through_a_fault_stands_below_and_fits() {
    let results = sample::results();
    let text = bare(&summary(&results, 120));
    assert!(text.contains("through the fault"), "{text}");
    assert!(text.contains("PC/EL") && text.contains("1.84 s"), "{text}");
    let narrow = bare(&summary(&results, 80));
    let tables = narrow.lines().take_while(|l| !l.starts_with('✗'));
    assert!(tables.clone().any(|l| l.contains("PC/EL")));
    tables.for_each(|line| assert!(line.chars().count() <= 80, "{line}"));
}
