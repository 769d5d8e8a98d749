//! Every column of the result files in words, and the page of documentation made from them.
//!
//! The tables stand beside the types they describe, and tests hold them together: a column that is
//! added, renamed or moved without its description fails the build's tests, and so does a page
//! under `docs/` that was not made again.

use super::row::SCHEMA;

/// One column of a result file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its unit, or the kind of value; whether it may be null.
    pub unit: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

const fn column(name: &'static str, unit: &'static str, meaning: &'static str) -> Column {
    Column { name, unit, meaning }
}

/// The columns of `rows.jsonl`, in order.
#[rustfmt::skip]
pub const ROW: &[Column] = &[
    column("schema", "number", "Number of this schema."),
    column("version", "text", "Version of the crate that made the row."),
    column("cell", "text", "Full name: scenario/mode[/variant]/level."),
    column("scenario", "text", "The scenario."),
    column("system", "text", "The mode, or the named system."),
    column("variant", "text", "The values of the scenario's axes, `rtt=50ms`; empty without axes."),
    column("axis", "text or null", "Name of the scenario's first numeric axis."),
    column("axis_unit", "text or null", "Its unit."),
    column("axis_at", "number or null", "Where on it the cell stands."),
    column("protocol", "text", "The protocol."),
    column("config", "text", "Its settings on one line."),
    column("level", "text", "The consistency level asked for."),
    column("path", "text", "How the operation is served."),
    column("promise", "text", "What is claimed for reads at this level."),
    column("verdict", "holds, unknown, violated",
        "What the histories show, over all phases, regions and seeds of the cell; the worst of \
         the seeds."),
    column("evidence", "text",
        "The first counterexample, or the reason for an unknown, with its seed; empty if the \
         promise holds."),
    column("world", "text", "sim, live or nodes."),
    column("seeds", "number", "How many seeds, from `first_seed` on."),
    column("first_seed", "number", "The first of them."),
    column("phase", "text", "healthy, partitioned or recovering, by the intended start."),
    column("client_region", "text", "The clients' region; `all` for all together."),
    column("op", "text",
        "read, write, scan or rmw. The halves of an rmw count as read and write too."),
    column("n", "operations",
        "Measured operations: ok + failed + unknown. The warm-up is not measured."),
    column("ok", "operations", "Took effect, or were refused by what they found."),
    column("refused", "operations",
        "Of those, conditional updates that were refused: not enough left, not the version \
         compared with, a lock in other hands."),
    column("failed", "operations", "Certainly did not; reads that timed out among them."),
    column("unknown", "operations",
        "Writes that timed out: they may or may not have taken effect."),
    column("answerable", "operations or null",
        "Of which can be said whether they were answered in their phase: all but those that were under \
         way when a fault was healed and had waited no longer by then than operations of their region \
         and kind take in health. To writes those are added that were never begun because the read \
         of their read-modify-write failed, so this may be more than n."),
    column("answered", "operations or null",
        "Of those, the ones that took effect; under a fault, while it was in force. Their share is the \
         availability."),
    column("mean_ms", "ms",
        "Response time, from the intended start. Failed and unknown operations count as at \
         least the timeout. Exact mean."),
    column("p10_ms", "ms",
        "10th percentile of it: the smallest time that at least 10 % of the operations do not \
         exceed."),
    column("p25_ms", "ms", "25th percentile."),
    column("p50_ms", "ms", "Median."),
    column("p75_ms", "ms", "75th percentile."),
    column("p90_ms", "ms", "90th percentile."),
    column("p95_ms", "ms", "95th percentile."),
    column("p99_ms", "ms", "99th percentile."),
    column("p999_ms", "ms", "99.9th percentile; means little below 10,000 operations."),
    column("max_ms", "ms", "Exact largest."),
    column("p50_low_ms", "ms or null",
        "Woodruff's 95 % interval of the median with seeds as clusters, lower end; null with one seed, and \
         where too few operations lie beyond to bound it."),
    column("p50_high_ms", "ms or null", "Its upper end."),
    column("p99_low_ms", "ms or null", "The same of the 99th percentile."),
    column("p99_high_ms", "ms or null", "Its upper end."),
    column("service_p50_ms", "ms", "Service time, from the actual start: median."),
    column("service_p99_ms", "ms", "Its 99th percentile."),
    column("theory_ms", "ms or null",
        "What the protocol's closed form gives for this region at median delays, without queueing or \
         faults."),
    column("fresh_or_stale", "operations",
        "Completed reads of keys that had an acknowledged write when the read began: the \
         denominator of the stale rate."),
    column("stale", "operations",
        "Reads that missed a write acknowledged before they began, and begun after the version \
         they returned was acknowledged. A scan is as stale as its worst value."),
    column("stale_rate", "share or null", "stale / fresh_or_stale; null for writes."),
    column("stale_rate_low", "share or null", "Wilson's 95 % interval, lower end."),
    column("stale_rate_high", "share or null", "Its upper end; 3/n where nothing was stale."),
    column("stale_age_p50_ms", "ms or null",
        "Age of stale reads, from the earliest acknowledgement they missed to their start: \
         median."),
    column("stale_age_p99_ms", "ms or null", "99th percentile."),
    column("stale_age_max_ms", "ms or null", "Exact largest."),
    column("stale_versions_mean", "versions or null",
        "Acknowledged versions a stale read missed: mean."),
    column("stale_versions_max", "versions or null", "Largest."),
    column("behind_rate", "share or null",
        "Share of the completed reads of keys with a decided write that returned less than some \
         replica had decided when they began; null where decisions cannot be seen."),
    column("behind_age_p99_ms", "ms or null",
        "Age of those, from the earliest decision they missed: 99th percentile."),
    column("lost", "operations or null",
        "Acknowledged writes that lost to an older one: a write of the key that had been \
         acknowledged before they began is newer in the store's version order. Where conflicts are \
         merged: those that are not there in the end though nobody who could have seen them \
         replaced them, and removed elements that are back. Null for reads and where neither can \
         be seen."),
    column("lost_rate", "share or null",
        "Their share of the acknowledged writes of which that is known."),
    column("lost_rate_low", "share or null", "Wilson's 95 % interval, lower end."),
    column("lost_rate_high", "share or null", "Its upper end; 3/n where none was lost."),
    column("conflicts", "operations",
        "Reads that returned several values, because writes that did not know of each other stand \
         beside each other."),
    column("ryw_of", "operations",
        "Completed reads and scans of keys that their session had written before, as far as the \
         store's version order tells how they stand; a scan counts once. The denominator of `ryw_broken`."),
    column("ryw_broken", "operations or null",
        "Those that broke *read your writes*: they returned a version older than one the session \
         had written. Null for writes, and where there is none of the former."),
    column("ryw_broken_rate", "share or null", "ryw_broken / ryw_of."),
    column("ryw_broken_rate_high", "share or null",
        "Upper end of Wilson's 95 % interval; 3/n where there were none."),
    column("mr_of", "operations",
        "The same of keys that the session had read before."),
    column("mr_broken", "operations or null",
        "Those that broke *monotonic reads*: older than what the session had read."),
    column("mr_broken_rate", "share or null", "mr_broken / mr_of."),
    column("mr_broken_rate_high", "share or null",
        "Upper end of Wilson's 95 % interval; 3/n where there were none."),
    column("mw_of", "operations",
        "Writes that took effect, of keys that their session had written before."),
    column("mw_broken", "operations or null",
        "Those that broke *monotonic writes*: they stand below one of these in the version order. Null \
         for reads, and where there is none of the former."),
    column("mw_broken_rate", "share or null", "mw_broken / mw_of."),
    column("mw_broken_rate_high", "share or null",
        "Upper end of Wilson's 95 % interval; 3/n where there were none."),
    column("wfr_of", "operations",
        "The same of keys that the session had read before."),
    column("wfr_broken", "operations or null",
        "Those that broke *writes follow reads*: they stand below what the session had read."),
    column("wfr_broken_rate", "share or null", "wfr_broken / wfr_of."),
    column("wfr_broken_rate_high", "share or null",
        "Upper end of Wilson's 95 % interval; 3/n where there were none."),
    column("undone_of", "operations",
        "Acknowledged writes whose key ended with their version or an older one: nothing newer hides \
         whether they are there. 0 where conflicts are merged; `lost` has them."),
    column("undone", "operations or null",
        "Those that are gone: every replica of the key ended with an older version. Null for reads, and \
         where there is none of the former."),
    column("undone_rate", "share or null", "undone / undone_of."),
    column("undone_rate_high", "share or null",
        "Upper end of Wilson's 95 % interval; 3/n where there were none."),
    column("damage", "text or null",
        "What is counted of the cell's damage in the unit of its domain, over whole runs, all phases and \
         regions, so that these columns are the same in all rows of a cell: *oversold* units of stocks, \
         locks that had *two holders* at once, increments *dropped* by counters, elements of sets that \
         *came back*. Null for registers."),
    column("damage_of", "units, locks, increments or removes",
        "Acknowledged ones: the denominator of `damaged`."),
    column("damaged", "likewise or null",
        "Units acknowledged beyond what the key held at first; locks granted while another session held \
         the same one, as both were told; increments that the counter lacks in the end; removes of \
         elements that are there in the end though every insert of them had ended before."),
    column("damage_rate", "share or null", "damaged / damage_of."),
    column("damage_rate_low", "share or null",
        "Wilson's 95 % interval, lower end, as if one did not bring about the next."),
    column("damage_rate_high", "share or null", "Its upper end; 3/n where there was none."),
    column("damaged_runs", "seeds or null", "Under which there was any; of `seeds`."),
    column("damage_keys_of", "keys",
        "Keys of which something was acknowledged, counted anew for every seed."),
    column("damaged_keys", "keys or null", "Those with damage."),
    column("throughput", "operations/s", "ok per second of the phase."),
    column("offered", "operations/s or null", "Planned rate; null in a closed loop."),
    column("sustained", "true, false or null",
        "Whether the planned rate was kept: at least 99 % of the operations planned in the \
         phase were begun in it and took effect."),
    column("messages_per_op", "messages or null",
        "Messages of the whole cell per completed operation, heartbeats included."),
    column("bytes_per_op", "bytes or null", "Bytes likewise."),
    column("hints", "messages",
        "Updates handed over that had been kept for a silent replica (hinted handoff), sent between warm-up \
         and horizon; whole cell, all seeds. 0 where the protocol's messages do not tell."),
    column("repairs", "messages",
        "Messages that find or bring what a replica has missed and do nothing else: comparisons, what they \
         and reads nobody waits for have found; likewise."),
    column("mending_bytes", "bytes", "Bytes of both."),
    column("virtual_seconds", "s", "Simulated for the cell, all seeds, warm-up included."),
    column("replay", "text", "The command that runs this cell again."),
];

/// The columns of `curves.jsonl`, in order.
#[rustfmt::skip]
pub const CURVE: &[Column] = &[
    column("schema", "number", "Number of this schema."),
    column("cell", "text", "Full name of the cell."),
    column("scenario", "text", "The scenario."),
    column("system", "text", "The mode, or the named system."),
    column("variant", "text", "The values of the scenario's axes; empty without axes."),
    column("level", "text", "The level of the reads."),
    column("verdict", "holds, unknown, violated", "Verdict on the cell's promise."),
    column("client_region", "text", "The readers' region; `all` for all together."),
    column("t_ms", "ms",
        "From the latest acknowledgement of a write of the key to the read's start. Exact where \
         there are at most 64 different t, else the mean of a bin (three per decade)."),
    column("n", "operations", "Reads at this t, all phases together."),
    column("fresh", "operations", "Those that returned that write or a newer one."),
    column("fresh_rate", "share", "fresh / n."),
    column("fresh_rate_low", "share", "Wilson's 95 % interval, lower end."),
    column("fresh_rate_high", "share", "Its upper end."),
    column("predicted_rate", "share or null",
        "The share that the model WARS expects at this t (Bailis et al. 2012), drawn from the scenario's \
         own delays; null where the scenario probes nothing or has what the model leaves out."),
];

/// The columns of `faults.jsonl`, in order.
#[rustfmt::skip]
pub const FAULT: &[Column] = &[
    column("schema", "number", "Number of this schema."),
    column("cell", "text", "Full name of the cell."),
    column("scenario", "text", "The scenario."),
    column("system", "text", "The mode, or the named system."),
    column("variant", "text", "The values of the scenario's axes; empty without axes."),
    column("level", "text", "The consistency level asked for."),
    column("promise", "text", "What is claimed for reads at this level."),
    column("verdict", "holds, unknown, violated", "The cell's verdict."),
    column("client_region", "text", "The clients' region; `all` for all together."),
    column("op", "text", "read, write, scan or rmw."),
    column("side", "majority, minority or null",
        "Whether the region's clients can talk to a majority of the replicas under every cut, or under \
         none; null without cuts, where it changes, and for all regions together."),
    column("asked", "operations",
        "Operations under a fault of which can be said whether they were answered in it. An \
         operation for which its session had no time before half its timeout had passed, or before the fault \
         was over, is taken to have fared as the last one before it of its region and kind for which there was \
         time; for times it does not count."),
    column("answered", "operations", "Those that were answered."),
    column("faults", "faults",
        "Faults, over all seeds, in which such an operation was asked for."),
    column("recovered", "faults",
        "Those in which all operations were answered again, from some time on, before the fault was over."),
    column("rto_p50_ms", "ms or null",
        "Recovery time: from the beginning of a fault to the completion of the first operation from which \
         on all that are intended in it are answered in it. Median over the faults; null where half of \
         them saw none."),
    column("rto_max_ms", "ms or null", "The longest of those that saw one."),
    column("healings", "faults", "Times after a fault in which such an operation was asked for."),
    column("healed", "faults", "Those in which all were answered again from some time on."),
    column("healed_p50_ms", "ms or null",
        "The same from the end of a fault on: median."),
    column("healed_max_ms", "ms or null", "The longest."),
    column("lingered_p50_ms", "ms or null",
        "How long after the end of a fault the last read began that missed a write acknowledged before \
         it, 0 if none did: median. Null for all but reads."),
    column("lingered_max_ms", "ms or null", "The longest."),
    column("rpo_ms", "ms or null",
        "Recovery point: the longest time from the acknowledgement of a write that is gone in the end, or was \
         lost to an older one under a fault, to the next beginning or end of a fault; null where there is none."),
    column("changed", "keys or null",
        "In the line of all regions' writes: keys that clients on either side of a cut changed while a fault \
         was in force, as they were told, each counted anew for every fault. Null where nobody is on a side."),
    column("contested", "keys or null", "Of these, the ones that both sides changed."),
    column("overruled", "keys or null",
        "Of those, the ones of which the store keeps one side's last version alone, so that nobody on the side \
         that prevails ever read what the other was told is written: all of them where versions have one order that \
         is not linearizable or states replace one another, none where both stay beside each other or are joined."),
    column("health", "holds, unknown, violated",
        "Whether what happened before the first fault is linearizable, whatever is promised; the worst of \
         the seeds."),
    column("partition_class", "PA, PC or null",
        "In the line of all regions together: what the clients without a majority met. Null where there \
         were none."),
    column("else_class", "EL, EC or null",
        "In the same line: what health shows. Null where it cannot be told."),
    column("class_reason", "text", "The figures that decided the class."),
];

/// The columns of `timelines.jsonl`, in order.
#[rustfmt::skip]
pub const TIMELINE: &[Column] = &[
    column("schema", "number", "Number of this schema."),
    column("cell", "text", "Full name of the cell."),
    column("scenario", "text", "The scenario."),
    column("system", "text", "The mode, or the named system."),
    column("variant", "text", "The values of the scenario's axes; empty without axes."),
    column("level", "text", "The consistency level asked for."),
    column("verdict", "holds, unknown, violated", "The cell's verdict."),
    column("client_region", "text", "The clients' region."),
    column("side", "majority, minority or null", "As in faults.jsonl."),
    column("op", "text", "read, write, scan or rmw."),
    column("faults", "list of pairs, ms", "When each fault began and ended."),
    column("step_ms", "ms",
        "How long a stretch is. The first begins at 0; an operation belongs to the stretch in which it was \
         intended. All seeds together."),
    column("n", "list, operations", "Measured operations of each stretch."),
    column("answered", "list, operations", "Of those, the ones that took effect, whenever that was."),
    column("p50_ms", "list, ms or null",
        "The median of their response times; failed and unknown operations count as at least the timeout."),
    column("p99_ms", "list, ms or null", "Their 99th percentile."),
    column("fresh_or_stale", "list, operations",
        "Completed reads of keys that had an acknowledged write when the read began."),
    column("stale", "list, operations", "Those that missed one."),
];

/// The page `docs/results.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = format!(
        "# Result files\n\nSchema {SCHEMA}. A run leaves `rows.jsonl`, `curves.jsonl`, `faults.jsonl`, \
         `timelines.jsonl` and `run.json` in its folder. All but the last hold one JSON object per line, \
         with every column in every line; an absent figure is `null`, never 0. Times are milliseconds, rates are fractions of 1. \
         The schema's number rises with every change of a name, a unit or a meaning, and files of \
         another schema are refused.\n"
    );
    let tables = [
        ("rows.jsonl", "one line per cell, phase, client region and kind of operation", ROW),
        ("curves.jsonl", "one line per point of a t-visibility curve", CURVE),
        (
            "faults.jsonl",
            "how client regions came through faults, one line per cell with any, client region and kind of \
             operation",
            FAULT,
        ),
        ("timelines.jsonl", "the same moment by moment", TIMELINE),
    ];
    for (file, about, columns) in tables {
        page += &format!("\n## {file}: {about}\n\n| column | unit | meaning |\n|---|---|---|\n");
        for Column { name, unit, meaning } in columns {
            page += &format!("| `{name}` | {unit} | {meaning} |\n");
        }
    }
    page + "\n## run.json\n\nThe command, version, seeds and scenarios the rows come from; of a run in real time also `links`: for each \
         cell, seed and directed link between two nodes, or a node and the clients of a region, the delay asked for, by how much the median and the 99th percentile of twenty probes before the run were late, how many messages the run had, and by how much theirs were (of nodes with `inject_delays` when they left their sender, for two hosts have two clocks; what the network takes comes on top); and with `--beside-sim` also `beside`: for each cell, phase, client region and kind of operation the number of operations, p50, p90, p99, p99.9 and the verdict in virtual and in real time.\n"
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, point, row, timeline};
    use super::*;
    use serde::Serialize;

    /// The names of an object's fields in the order they are written.
    fn fields(object: &impl Serialize) -> Vec<String> {
        let text = serde_json::to_string(object).expect("JSON");
        // Flat objects with plain texts: a field's name is what stands before each `":`.
        let names = text.split("\":").map(|before| before.rsplit('"').next().unwrap_or_default());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.pop();
        names
    }

    fn names(columns: &[Column]) -> Vec<String> {
        columns.iter().map(|column| column.name.to_owned()).collect()
    }

    #[test]
    fn every_column_is_described_in_its_place() {
        assert_eq!(names(ROW), fields(&row("a")));
        assert_eq!(names(CURVE), fields(&point("a")));
        assert_eq!(names(FAULT), fields(&fault("a")));
        assert_eq!(names(TIMELINE), fields(&timeline("a")));
        let all = ROW.iter().chain(CURVE).chain(FAULT).chain(TIMELINE);
        assert!(all.clone().all(|column| column.meaning.ends_with('.')));
    }

    /// Where a column may be null its description says so, and nowhere else.
    #[test]
    fn nulls_are_announced() {
        let text = serde_json::to_string(&row("a")).expect("JSON");
        for column in ROW {
            let start = format!("\"{}\":", column.name);
            let at = text.find(&start).expect("present") + start.len();
            let end = at + text[at..].find([',', '}']).expect("an end");
            let nulled = format!("{}null{}", &text[..at], &text[end..]);
            let accepts = serde_json::from_str::<super::super::Row>(&nulled).is_ok();
            assert_eq!(accepts, column.unit.contains("null"), "{}", column.name);
        }
    }

    #[test]
    fn the_page_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/results.md");
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        let regenerate = std::env::var_os("PACELC_REWRITE").is_some();
        if regenerate {
            std::fs::write(&path, markdown()).expect("docs/ can be written");
        }
        assert!(regenerate || page == markdown(), "run this test with PACELC_REWRITE=1 set");
    }
}
