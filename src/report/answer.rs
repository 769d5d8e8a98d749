//! The answer to a scenario's question: a paragraph a class, made from the rows and the lines of faults.
//!
//! For each cell that stands for a class (CP, AP, hybrid) it says how long clients wait where they are
//! nearest and where they are farthest, who was answered under the fault, who was refused, and what it cost
//! in the domain's own unit, with Wilson's interval, or where there was none with the rule of three. The last
//! sentence sets the classes side by side. Every number is one of the rows; only phases are added up. No word of it is written
//! beforehand, so an answer cannot outlive the numbers it was made from.

use super::{FaultLine, Row, VerdictWord, number};
use crate::results::{Asks, Class, Counts, Results, Side, stands_for, wilson};
use std::fmt::Write;

/// Gives every scenario that asks for one its answer.
pub fn answer_all(results: &mut Results) {
    let Results { note, rows, faults, .. } = results;
    for scenario in &mut note.scenarios {
        let Some(asks) = &scenario.asks else { continue };
        let rows: Vec<&Row> = rows.iter().filter(|row| row.scenario == scenario.name).collect();
        let faults: Vec<&FaultLine> =
            faults.iter().filter(|line| line.scenario == scenario.name).collect();
        scenario.answer = answer(asks, &rows, &faults);
    }
}

/// The text; empty if none of its cells was run.
fn answer(asks: &Asks, rows: &[&Row], faults: &[&FaultLine]) -> String {
    let mut told: Vec<Told<'_>> = Vec::new();
    for (class, name) in &asks.cells {
        let stands =
            |row: &&&Row| row.cell.split_once('/').is_some_and(|(_, tail)| stands_for(name, tail));
        // Of several levels the first that is listed.
        let Some(first) = rows.iter().find(stands) else { continue };
        let cell: Vec<&Row> = rows.iter().copied().filter(|row| row.cell == first.cell).collect();
        told.push(Told::of(*class, asks, &cell, faults));
    }
    let mut text = String::new();
    let mut before = None;
    for one in &told {
        let opens = before != Some(one.class);
        // A class is a paragraph.
        text.push_str(if text.is_empty() { "" } else { [" ", "\n\n"][usize::from(opens)] });
        text.push_str(&one.sentence(asks, opens));
        before = Some(one.class);
    }
    text.push_str(&side_by_side(asks, &told));
    text
}

/// What is told of one cell.
struct Told<'a> {
    class: Class,
    head: &'a Row,
    /// The fastest and the slowest client region's median in health.
    medians: Option<(&'a Row, &'a Row)>,
    /// The 99th percentile in health, all regions together.
    p99: Option<f64>,
    /// Updates refused by what they found, and how many were answered.
    refused: (u64, u64),
    /// Operations without an answer or answered by an error, of all; whole read-modify-writes where there are
    /// any.
    unanswered: (u64, u64),
    /// Share answered under the fault.
    partitioned: Option<f64>,
    /// The same of those without a majority, and of the others.
    sides: [Option<f64>; 2],
    /// The same of writes, where it is reads that are told of, and of reads that are served elsewhere than the
    /// writes that are.
    beside: [Option<f64>; 2],
    /// The fastest and the slowest client region's median of such reads.
    looks: Option<(&'a Row, &'a Row)>,
    /// The slowest region's median time until it was answered again, under the fault and after its end:
    /// `None` within if it was not, and without where nothing was asked.
    back: Option<Option<f64>>,
    healed: Option<Option<f64>>,
    /// How long after the fault a read still missed what had been acknowledged before it.
    lingered: Option<f64>,
    damage: Figure,
}

/// How much of how much.
#[derive(Clone, Copy, Default)]
struct Figure {
    hits: u64,
    of: u64,
    /// Runs in which it happened, and keys of how many, where rows say.
    runs: Option<(u64, u64, u64)>,
    /// The oldest stale read.
    oldest: Option<f64>,
}

impl<'a> Told<'a> {
    fn of(class: Class, asks: &Asks, cell: &[&'a Row], faults: &[&FaultLine]) -> Self {
        let head = cell[0];
        let here = || cell.iter().copied().filter(|row| row.op == asks.op);
        let medians_of = |op: &str| medians(cell, op);
        let medians = medians_of(&asks.op);
        let all = || here().filter(|row| row.client_region == "all");
        let sum = |f: fn(&Row) -> u64| all().map(f).sum::<u64>();
        // Who looks first and then writes was not served if the look was all there was.
        let looks_first = asks.op == "write" && cell.iter().any(|row| row.op == "rmw");
        let kinds = ["read", "write", "scan", "rmw"];
        let whole = if looks_first { "rmw" } else { &asks.op };
        let whole = kinds.into_iter().find(|kind| *kind == whole).unwrap_or("write");
        let asked = || cell.iter().filter(|row| row.op == whole && row.client_region == "all");
        let side = |side: Side, op: &str| {
            let lines = faults
                .iter()
                .filter(|line| line.cell == head.cell && line.op == op)
                .filter(|line| line.side == Some(side));
            let (answered, asked) =
                lines.fold((0, 0), |sum, line| (sum.0 + line.answered, sum.1 + line.asked));
            (asked > 0).then(|| answered as f64 / asked as f64)
        };
        let regions_of = |op: &'static str| {
            let here = move |line: &&&FaultLine| line.cell == head.cell && line.op == op;
            faults.iter().filter(here).filter(|line| line.client_region != "all")
        };
        // Reads that cost what writes cost have nothing to tell.
        let looks = medians_of("read").filter(|(_, look)| {
            whole == "write" && medians.is_some_and(|(_, far)| look.p50_ms * 2.0 < far.p50_ms)
        });
        let others = || regions_of(whole).filter(|line| line.side != Some(Side::Minority));
        Self {
            class,
            head,
            medians,
            refused: (sum(|row| row.refused), sum(|row| row.ok)),
            unanswered: (
                asked().map(|row| row.failed + row.unknown).sum(),
                asked().map(|row| row.n).sum(),
            ),
            back: slowest(others().map(|line| (line.faults, line.rto_p50_ms))),
            healed: slowest(regions_of(whole).map(|line| (line.healings, line.healed_p50_ms))),
            lingered: regions_of("read").filter_map(|line| line.lingered_max_ms).reduce(f64::max),
            p99: all().find(|row| row.phase == "healthy").map(|row| row.p99_ms),
            partitioned: cell
                .iter()
                .find(|row| {
                    row.op == whole && row.phase == "partitioned" && row.client_region == "all"
                })
                .map(|row| row.availability()),
            sides: [side(Side::Minority, whole), side(Side::Majority, whole)],
            beside: [Side::Minority, Side::Majority].map(|of| match looks {
                Some(_) => side(of, "read"),
                None => side(of, "write").filter(|_| whole == "read"),
            }),
            looks,
            damage: figure(asks.counts, cell, faults),
        }
    }

    fn name(&self) -> String {
        let Row { system, variant, level, promise, .. } = self.head;
        let mut name = system.clone();
        if !variant.is_empty() {
            let _ = write!(name, " {variant}");
        }
        let (word, sign, _) = super::theme::verdict(self.head.verdict);
        // What holds is the promise, which may be less than what was asked for.
        let same = promise == level || promise.is_empty();
        let promised = if same { String::new() } else { format!("{promise} ") };
        let _ = write!(name, " ({level}, {sign} {promised}{word})");
        name
    }

    /// Who was answered under the fault, and when the rest was again.
    fn through(&self, text: &mut String) {
        if let [minority, majority] = self.sides
            && (minority.is_some() || majority.is_some())
        {
            text.push_str("; under the fault it answered");
            for (i, (share, who)) in [(minority, "of those cut off"), (majority, "of the others")]
                .into_iter()
                .enumerate()
            {
                let Some(share) = share else { continue };
                let and = if i > 0 && minority.is_some() { " and" } else { "" };
                let _ = write!(text, "{and} {} {who}", number::percent(share));
            }
            self.beside_through(text);
        }
        if self.sides == [None; 2]
            && let Some(share) = self.partitioned
        {
            let _ = write!(text, "; under the fault it answered {}", number::percent(share));
        }
        // Who was never interrupted did not come back.
        let stayed = |share: Option<f64>| share.is_none_or(|share| share >= 0.999_95);
        let others = self.sides[1].or(self.partitioned);
        match self.back.filter(|_| !stayed(others)) {
            Some(Some(ms)) => {
                let _ = write!(text, ", without a gap after {}", number::ms(ms));
            }
            Some(None) => text.push_str(", with gaps to its end"),
            None => {}
        }
        let interrupted = !stayed(others) || !stayed(self.sides[0]);
        match self.healed.filter(|_| interrupted) {
            Some(Some(ms)) => {
                let _ =
                    write!(text, "; {} after its end everybody was answered again", number::ms(ms));
            }
            Some(None) => text.push_str("; after its end some were still not answered"),
            None => {}
        }
        if let Some(lingered) = self.lingered.filter(|ms| *ms > 0.0) {
            let ms = number::ms(lingered);
            let _ = write!(text, "; the last read that missed something older began {ms} after it");
        }
    }

    /// Whose writes were answered, where it is reads that are told of, or the other way round.
    fn beside_through(&self, text: &mut String) {
        let told: Vec<String> =
            self.beside.iter().flatten().map(|share| number::percent(*share)).collect();
        if !told.is_empty() {
            let others = if self.looks.is_some() { "reads" } else { "writes" };
            let _ = write!(text, ", of their {others} {}", told.join(" and "));
        }
    }

    /// What it took to bring replicas up to date that had missed something.
    fn mending(&self, text: &mut String) {
        let Row { hints, repairs, mending_bytes, seeds, .. } = *self.head;
        // Without a fault it is comparisons that find nothing.
        if hints + repairs > 0 && self.partitioned.is_some() {
            let each = |n: u64| number::count((n as f64 / f64::from(seeds.max(1))).round() as u64);
            let _ = write!(text, "; mending took ");
            if hints > 0 {
                let _ = write!(text, "{} hints and ", each(hints));
            }
            let (messages, bytes) = (each(repairs), each(mending_bytes / 1_000));
            let _ = write!(text, "{messages} messages of repair a run, {bytes} kB");
        }
    }

    fn sentence(&self, asks: &Asks, names_class: bool) -> String {
        let mut text = String::new();
        if names_class {
            let _ = write!(text, "{}: ", word(self.class));
        }
        text.push_str(&self.name());
        let op = &asks.op;
        if let Some((near, far)) = self.medians {
            let ms = number::ms;
            let _ = match near.client_region == far.client_region {
                true => write!(text, " answers the median {op} in {}", ms(near.p50_ms)),
                false => write!(
                    text,
                    " answers the median {op} in {} ({}) to {} ({})",
                    ms(near.p50_ms),
                    near.client_region,
                    ms(far.p50_ms),
                    far.client_region
                ),
            };
        }
        if let Some(p99) = self.p99 {
            let _ = write!(text, ", p99 {}", number::ms(p99));
        }
        if let Some((near, far)) = self.looks {
            let [near, far] = [near, far].map(|row| number::ms(row.p50_ms));
            let _ = write!(text, ", and the median read in {near} to {far}");
        }
        self.through(&mut text);
        let (refused, answered) = self.refused;
        if refused > 0 {
            let share = number::percent(refused as f64 / answered.max(1) as f64);
            let _ = write!(text, "; it refused {share} of {} {op}s", number::count(answered));
        }
        let (lacking, n) = self.unanswered;
        if lacking > 0 {
            let share = number::percent(lacking as f64 / n.max(1) as f64);
            let _ = write!(text, "; {share} got no answer or an error");
        }
        self.mending(&mut text);
        let _ = write!(text, "; {}.", self.damage.words(asks, self.head.seeds));
        text
    }
}

impl Figure {
    /// `312 units oversold among 11 912 sales (2.62 %, 95 % interval 2.34 % to 2.91 %), in 20 of 20 runs`.
    fn words(self, asks: &Asks, seeds: u32) -> String {
        let Asks { cost, asked, .. } = asks;
        let Some(interval) = wilson(self.hits, self.of) else {
            return format!("{cost} cannot be counted");
        };
        let of = number::count(self.of);
        if self.hits == 0 {
            let runs = if self.runs.is_some() { ", in no run" } else { "" };
            let bound = match interval.high < 1.0 {
                true => format!(" (at 95 % fewer than {})", number::percent(interval.high)),
                false => String::new(),
            };
            return format!("no {cost} among {of} {asked}{runs}{bound}");
        }
        let share = self.hits as f64 / self.of as f64;
        let [rate, low, high] = [share, interval.low, interval.high].map(number::percent);
        let mut text = format!(
            "{} {cost} among {of} {asked} ({rate}, 95 % interval {low} to {high})",
            number::count(self.hits)
        );
        if let Some((runs, keys, keys_of)) = self.runs {
            let [keys, all] = [keys, keys_of].map(number::count);
            let _ = write!(text, ", in {runs} of {seeds} runs, on {keys} of {all} keys");
        }
        if let Some(oldest) = self.oldest {
            let _ = write!(text, ", the oldest by {}", number::ms(oldest));
        }
        text
    }
}

/// The fastest and the slowest client region's medians in health.
fn medians<'a>(cell: &[&'a Row], op: &str) -> Option<(&'a Row, &'a Row)> {
    let mut regions: Vec<&Row> = cell
        .iter()
        .copied()
        .filter(|row| row.op == op && row.phase == "healthy" && row.client_region != "all")
        .collect();
    regions.sort_by(|a, b| a.p50_ms.total_cmp(&b.p50_ms));
    regions.first().copied().zip(regions.last().copied())
}

/// The domain's damage in the rows of one cell, all phases together, or in its lines of faults.
fn figure(counts: Counts, cell: &[&Row], faults: &[&FaultLine]) -> Figure {
    let of_cell = || faults.iter().filter(|line| line.cell == cell[0].cell);
    let keys = |part: fn(&FaultLine) -> Option<u64>| of_cell().filter_map(|l| part(l)).sum::<u64>();
    let of_op = |op: &'static str| {
        cell.iter().filter(move |row| row.op == op && row.client_region == "all")
    };
    let add = |op, part: fn(&Row) -> (u64, u64)| {
        of_op(op).map(|row| part(row)).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    // Of the writes whose fate is known the rows have the share, and not the number.
    let known = |row: &Row| match (row.lost, row.lost_rate) {
        (Some(0), Some(_)) => (0, row.ok - row.refused.min(row.ok)),
        (Some(lost), Some(rate)) if rate > 0.0 => (lost, (lost as f64 / rate).round() as u64),
        _ => (0, 0),
    };
    let (hits, of) = match counts {
        Counts::Damage => (cell[0].damaged.unwrap_or(0), cell[0].damage_of),
        Counts::Stale => add("read", |row| (row.stale, row.fresh_or_stale)),
        Counts::Lost => add("write", known),
        Counts::Undone => add("write", |row| (row.undone.unwrap_or(0), row.undone_of)),
        Counts::Conflicts => add("read", |row| (row.conflicts, row.ok)),
        Counts::Overruled => (keys(|line| line.overruled), keys(|line| line.changed)),
    };
    let told = cell[0].damaged_runs.zip(cell[0].damaged_keys).filter(|_| counts == Counts::Damage);
    let runs = told.map(|(runs, keys)| (runs, keys, cell[0].damage_keys_of));
    let oldest = of_op("read").filter_map(|row| row.stale_age_max_ms).reduce(f64::max);
    Figure { hits, of, runs, oldest: oldest.filter(|_| counts == Counts::Stale) }
}

/// What a paragraph begins with, whatever its class.
pub(super) fn words() -> [&'static str; 5] {
    [Class::Cp, Class::Ap, Class::Hybrid, Class::Waits, Class::AtOnce].map(word)
}

fn word(class: Class) -> &'static str {
    match class {
        Class::Cp => "CP",
        Class::Ap => "AP",
        Class::Hybrid => "Hybrid",
        Class::Waits => "Waits",
        Class::AtOnce => "At once",
    }
}

/// The same within a sentence.
fn inline(class: Class) -> &'static str {
    match class {
        Class::Waits => "waiting",
        Class::AtOnce => "answering at once",
        other => word(other),
    }
}

/// The median of the region that took longest; nothing within if one did not get there, nothing where
/// nothing was asked.
fn slowest(regions: impl Iterator<Item = (u64, Option<f64>)>) -> Option<Option<f64>> {
    let medians: Vec<Option<f64>> = regions.filter(|(of, _)| *of > 0).map(|(_, ms)| ms).collect();
    let all: Option<Vec<f64>> = medians.iter().copied().collect();
    (!medians.is_empty()).then(|| all.and_then(|all| all.into_iter().reduce(f64::max)))
}

/// The classes against the first cell of the first: how much sooner the farthest client is answered, and for
/// what.
fn side_by_side(asks: &Asks, told: &[Told<'_>]) -> String {
    let Some((base, others)) = told.split_first() else { return String::new() };
    let mut parts = Vec::new();
    let slowest = |one: &Told<'_>| one.medians.map(|(_, far)| far.p50_ms);
    let cost = |one: &Told<'_>| match one.damage {
        Figure { of: 0, .. } => format!("{} unknown", asks.cost),
        Figure { hits: 0, .. } => format!("no {}", asks.cost),
        Figure { hits, of, .. } => {
            format!("{} {}", number::percent(hits as f64 / of as f64), asks.cost)
        }
    };
    let mut seen = vec![base.class];
    for one in others {
        if seen.contains(&one.class) {
            continue;
        }
        seen.push(one.class);
        let Some((slow, this)) = slowest(base).zip(slowest(one)).filter(|(_, this)| *this > 0.0)
        else {
            continue;
        };
        let ratio = slow / this;
        let speed = match ratio {
            0.95..1.05 => "as fast".to_owned(),
            r if r >= 1.0 => format!("{} times as fast", round(r)),
            r => format!("{} times as slow", round(1.0 / r)),
        };
        let broken =
            if one.head.verdict == VerdictWord::Violated { ", promise broken" } else { "" };
        parts.push(format!("{} {speed}, with {}{broken}", inline(one.class), cost(one)));
    }
    if parts.is_empty() {
        return String::new();
    }
    let (first, with) = (inline(base.class), cost(base));
    format!(
        "\n\nFor the region that waits longest, beside {first} with {with}: {}.",
        parts.join("; ")
    )
}

/// Two digits, or all before the point.
fn round(x: f64) -> String {
    if x < 9.95 { format!("{x:.1}") } else { format!("{x:.0}") }
}

#[cfg(test)]
mod tests;
