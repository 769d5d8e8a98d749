//! Answers made from rows written by hand.

use super::*;

fn row(mode: &str, region: &str, p50_ms: f64) -> Row {
    Row {
        cell: format!("shop/{mode}/linearizable"),
        scenario: "shop".into(),
        system: mode.into(),
        level: "linearizable".into(),
        verdict: VerdictWord::Holds,
        seeds: 20,
        phase: "healthy".into(),
        client_region: region.into(),
        op: "write".into(),
        n: 1_000,
        ok: 1_000,
        p50_ms,
        p99_ms: 300.0,
        ..Row::default()
    }
}

/// A cell of two regions that sold a thousand units and so many too many, in so many runs.
fn cell(mode: &str, near: f64, far: f64, oversold: u64, runs: u64) -> Vec<Row> {
    let rows = vec![row(mode, "all", near), row(mode, "here", near), row(mode, "there", far)];
    let damaged = |row: Row| Row {
        damage: Some("oversold".into()),
        damage_of: 1_000,
        damaged: Some(oversold),
        damaged_runs: Some(runs),
        damage_keys_of: 400,
        damaged_keys: Some(oversold / 2),
        ..row
    };
    rows.into_iter().map(damaged).collect()
}

fn asks(counts: Counts, cells: &[(Class, &str)]) -> Asks {
    Asks {
        cost: "units oversold".into(),
        asked: "sales".into(),
        counts,
        op: "write".into(),
        cells: cells.iter().map(|(class, name)| (*class, (*name).to_owned())).collect(),
    }
}

const BOTH: [(Class, &str); 2] = [(Class::Cp, "raft"), (Class::Ap, "alone/linearizable")];

fn told(asks: &Asks, rows: &[Row], faults: &[FaultLine]) -> String {
    let (rows, faults): (Vec<&Row>, Vec<&FaultLine>) =
        (rows.iter().collect(), faults.iter().collect());
    answer(asks, &rows, &faults).replace('\u{202f}', " ")
}

#[test]
fn latency_refusals_and_damage_are_told_with_their_intervals() {
    let mut rows = cell("raft", 70.0, 240.0, 0, 0);
    rows[0].refused = 250;
    rows.extend(cell("alone", 2.0, 4.0, 50, 18));
    assert_eq!(
        told(&asks(Counts::Damage, &BOTH), &rows, &[]),
        "CP: raft (linearizable, ✓ holds) answers the median write in 70.0 ms (here) to 240.0 ms (there), \
         p99 300.0 ms; it refused 25.0 % of 1 000 writes; no units oversold among 1 000 sales, in no run (at \
         95 % fewer than 0.30 %).\n\nAP: alone (linearizable, ✓ holds) answers the median write in 2.00 ms (here) to 4.00 ms \
         (there), p99 300.0 ms; 50 units oversold among 1 000 sales (5.00 %, 95 % interval 3.81 % to 6.53 %), in 18 of 20 \
         runs, on 25 of 400 keys.\n\nFor the region that waits longest, beside CP with no units oversold: AP 60 \
         times as fast, with 5.00 % units oversold."
    );
}

#[test]
fn where_nothing_is_cut_off_waiting_stands_against_answering_at_once() {
    let mut rows = cell("sync", 50.0, 50.0, 0, 0);
    rows.extend(cell("async", 1.0, 1.0, 50, 18));
    let cells = [(Class::Waits, "sync"), (Class::AtOnce, "async")];
    let told = told(&asks(Counts::Damage, &cells), &rows, &[]);
    assert!(told.starts_with("Waits: sync (linearizable"), "{told}");
    assert!(told.contains("\n\nAt once: async (linearizable"), "{told}");
    assert!(
        told.contains("beside waiting with no units oversold: answering at once 50 times as fast"),
        "{told}"
    );
}

#[test]
fn sides_of_a_cut_and_what_had_no_answer_are_told() {
    let mut rows = cell("raft", 70.0, 240.0, 0, 0);
    (rows[0].ok, rows[0].failed, rows[0].unknown) = (900, 60, 40);
    let line = |side, answered| FaultLine {
        side: Some(side),
        answered,
        asked: 200,
        op: "write".into(),
        ..crate::results::testing::fault("shop/raft/linearizable")
    };
    let faults = [line(Side::Minority, 0), line(Side::Majority, 190)];
    let text = told(&asks(Counts::Damage, &BOTH), &rows, &faults);
    assert!(
        text.contains(
            "; under the fault it answered 0 % of those cut off and 95.0 % of the others;"
        ),
        "{text}"
    );
    assert!(text.contains("; 10.0 % got no answer or an error;"), "{text}");
    // Where reads are told of, one wants to know who could write.
    let reads = Asks { op: "read".into(), ..asks(Counts::Damage, &BOTH) };
    let read = |side, answered| FaultLine { op: "read".into(), ..line(side, answered) };
    let both = [
        read(Side::Minority, 200),
        read(Side::Majority, 200),
        line(Side::Minority, 0),
        line(Side::Majority, 190),
    ];
    let rows_too = told(&reads, &rows, &both);
    let says =
        "answered 100 % of those cut off and 100 % of the others, of their writes 0 % and 95.0 %";
    assert!(rows_too.contains(says), "{rows_too}");
    let whole = Row { op: "rmw".into(), n: 500, failed: 400, ..row("raft", "all", 70.0) };
    rows.push(whole);
    let rmw = told(&asks(Counts::Damage, &BOTH), &rows, &faults);
    assert!(rmw.contains("; 80.0 % got no answer or an error;"), "the look is half of it: {rmw}");
    assert!(!text.contains("AP"), "a cell that was not run is not told of: {text}");
}

#[test]
fn other_figures_are_added_up_over_phases_and_the_oldest_read_is_told() {
    let mut rows = cell("raft", 1.0, 1.0, 0, 0);
    let read = |phase: &str, stale, age| Row {
        op: "read".into(),
        phase: phase.into(),
        fresh_or_stale: 100,
        stale,
        stale_age_max_ms: age,
        ..row("raft", "all", 1.0)
    };
    rows.extend([read("healthy", 0, None), read("partitioned", 30, Some(9_500.0))]);
    let text = told(&asks(Counts::Stale, &BOTH), &rows, &[]);
    assert!(text.contains("30 units oversold among 200 sales (15.0 %,"), "{text}");
    assert!(text.contains("the oldest by 9.50 s"), "{text}");
    let lost = Row { lost: Some(5), lost_rate: Some(0.01), ..row("raft", "all", 1.0) };
    let none = Row { lost: Some(0), lost_rate: Some(0.0), ..row("raft", "all", 1.0) };
    let text = told(&asks(Counts::Lost, &BOTH), &[lost, none], &[]);
    assert!(text.contains("5 units oversold among 1 500 sales"), "{text}");
    assert!(told(&asks(Counts::Undone, &BOTH), &rows, &[]).contains("cannot be counted"));
}

#[test]
fn reads_that_are_served_elsewhere_than_writes_are_told_beside_them() {
    let mut rows = cell("raft", 70.0, 240.0, 0, 0);
    let read = |region: &str, p50_ms| Row { op: "read".into(), ..row("raft", region, p50_ms) };
    rows.extend([read("here", 1.5), read("there", 119.0)]);
    let line = |op: &str, side, answered| FaultLine {
        side: Some(side),
        answered,
        asked: 200,
        op: op.into(),
        ..crate::results::testing::fault("shop/raft/linearizable")
    };
    let faults = [
        line("write", Side::Minority, 0),
        line("write", Side::Majority, 200),
        line("read", Side::Minority, 190),
        line("read", Side::Majority, 200),
    ];
    let asks = asks(Counts::Damage, &BOTH);
    let text = told(&asks, &rows, &faults);
    assert!(text.contains("p99 300.0 ms, and the median read in 1.50 ms to 119.0 ms;"), "{text}");
    assert!(text.contains("100 % of the others, of their reads 95.0 % and 100 %"), "{text}");
    // Where they cost about as much as writes nothing is said.
    rows.push(read("moon", 121.0));
    let text = told(&asks, &rows, &faults);
    assert!(!text.contains("read"), "{text}");
}

#[test]
fn a_broken_promise_is_told_and_nothing_is_told_of_nothing() {
    let mut rows = cell("raft", 70.0, 240.0, 0, 0);
    rows.extend(cell("alone", 2.0, 4.0, 50, 18));
    rows.iter_mut().skip(3).for_each(|row| row.verdict = VerdictWord::Violated);
    let text = told(&asks(Counts::Damage, &BOTH), &rows, &[]);
    assert!(
        text.contains("alone (linearizable, ✗ broken)") && text.contains("promise broken"),
        "{text}"
    );
    assert_eq!(told(&asks(Counts::Damage, &BOTH), &[], &[]), "");
    let mut less = cell("raft", 70.0, 240.0, 0, 0);
    less.iter_mut().for_each(|row| row.promise = "eventual".to_owned());
    let text = told(&asks(Counts::Damage, &BOTH), &less, &[]);
    assert!(
        text.contains("raft (linearizable, ✓ eventual holds)"),
        "what holds is less than asked: {text}"
    );
}

#[test]
fn an_interruption_is_told_and_where_there_was_none_nothing_is() {
    let rows = cell("raft", 70.0, 240.0, 0, 0);
    let line = |side, answered| FaultLine {
        side: Some(side),
        answered,
        asked: 200,
        op: "write".into(),
        client_region: "here".into(),
        ..crate::results::testing::fault("shop/raft/linearizable")
    };
    let asks = asks(Counts::Damage, &BOTH);
    let short = told(&asks, &rows, &[line(Side::Majority, 190)]);
    let back = line(Side::Majority, 190).rto_p50_ms.map(number::ms).expect("a recovery");
    assert!(short.contains(&format!("without a gap after {back}")), "{short}");
    assert!(short.contains("after its end everybody was answered again"), "{short}");
    let never = FaultLine { rto_p50_ms: None, ..line(Side::Majority, 190) };
    assert!(told(&asks, &rows, &[never]).contains("with gaps to its end"));
    let whole = told(&asks, &rows, &[line(Side::Majority, 200)]);
    assert!(!whole.contains("gap") && !whole.contains("again"), "{whole}");
}

#[test]
fn what_mending_took_is_told_by_the_run() {
    let mut rows = cell("raft", 70.0, 240.0, 0, 0);
    rows.push(Row { phase: "partitioned".into(), ..rows[0].clone() });
    rows.iter_mut().for_each(|row| (row.hints, row.repairs, row.mending_bytes) = (40, 200, 60_000));
    let text = told(&asks(Counts::Damage, &BOTH), &rows, &[]);
    assert!(
        text.contains("; mending took 2 hints and 10 messages of repair a run, 3 kB;"),
        "{text}"
    );
}

#[test]
fn what_one_side_changed_in_vain_is_counted_in_the_lines_of_faults() {
    let line = |mode: &str, overruled| FaultLine {
        op: "write".into(),
        changed: Some(100),
        contested: Some(80),
        overruled: Some(overruled),
        ..crate::results::testing::fault(&format!("shop/{mode}/linearizable"))
    };
    let rows = [cell("raft", 70.0, 240.0, 0, 0), cell("alone", 2.0, 3.0, 0, 0)].concat();
    let lines = [line("raft", 0), line("alone", 80)];
    let text = told(&asks(Counts::Overruled, &BOTH), &rows, &lines);
    assert!(text.contains("no units oversold among 100 sales (at 95 % fewer than"), "{text}");
    assert!(text.contains("80 units oversold among 100 sales (80.0 %, 95 %"), "{text}");
    let none = told(&asks(Counts::Overruled, &BOTH), &rows, &[]);
    assert!(none.contains("cannot be counted"), "nobody was apart: {none}");
}
