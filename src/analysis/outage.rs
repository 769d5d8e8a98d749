//! What a client region lives through while a fault is in force and after it: how long until it is served
//! again, how old the acknowledged writes are that are gone, and what became of its operations moment by
//! moment.
//!
//! Continuity planning asks two things of a disaster (ISO 22301): the *recovery time*, how long the service
//! is gone, and the *recovery point*, how far back what is lost reaches. Here:
//!
//! An operation for which its session had no time before half its timeout had passed, or before the fault was
//! over, tells of its session and not of the store. Of times it says nothing. Among who was asked and answered it
//! is taken to have fared as the last one of its region and kind that a session came to in time: left out, it
//! would make a store look available that keeps its clients waiting, for they ask it less just while it does.
//!
//! * The recovery time of a region and a kind of operation runs from the beginning of a fault to the
//!   completion of the first operation from which on all that are intended in the fault are answered in
//!   it. Where nothing was interrupted that is the first answer, so it is known to the gap between two
//!   operations. There is none where the last operation of the fault goes unanswered. The same from the
//!   fault's end to the next one's beginning, or the run's end, is how long healing takes.
//! * How long a healing takes to be seen is the time from the fault's end to the beginning of the last read
//!   that missed a write acknowledged before it.
//! * The recovery point is the longest time from the acknowledgement of a write that is gone in the end to
//!   the next beginning or end of a fault: a crash, a loss of the leader, or a healing that chose the
//!   other side's versions.

use super::availability::{self, each_measured, took_effect, under_fault};
use super::contested::{self, Changed};
use super::timeline::Timeline;
use super::{Gone, Verdict, each_gone, index, judge, lineage, merged, staleness};
use crate::guarantee::Guarantee;
use crate::history::{History, Operation, Phase, Status};
use crate::op::{OpKind, Value};
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

/// What was lived through in a run with faults, or in several of one cell.
#[derive(Clone, Debug)]
pub struct Faulted {
    /// By client region and kind of operation.
    pub outages: BTreeMap<(String, OpKind), Outage>,
    /// Whether what happened before the first fault is linearizable, whatever is promised.
    pub health: Verdict,
    /// Who changed the same keys under a fault.
    pub changed: Changed,
    /// Whether of two states that were made apart both stay, joined or beside each other.
    pub keeps_both: bool,
}

/// What one region's operations of one kind lived through.
#[derive(Clone, Debug, Default)]
pub struct Outage {
    /// Operations asked for under a fault of which can be said whether they were answered in it.
    pub asked: u64,
    /// Those that were.
    pub answered: u64,
    /// Of each fault in which something was asked for: when all was answered from then on, after its
    /// beginning.
    pub during: Vec<Option<Duration>>,
    /// The same of the time after each fault.
    pub after: Vec<Option<Duration>>,
    /// Of reads, and each time after a fault: how long after its end the last one began that missed a
    /// write acknowledged before; zero if none did.
    pub lingered: Vec<Duration>,
    /// Of acknowledged writes that are gone, the longest from the acknowledgement to the next beginning
    /// or end of a fault.
    pub oldest_gone: Option<Duration>,
    /// Moment by moment.
    pub timeline: Timeline,
}

impl Faulted {
    /// Adds what was lived through under another seed. Of two equally bad verdicts the first stays.
    pub fn merge(&mut self, other: &Self) {
        for (key, theirs) in &other.outages {
            let ours = self.outages.entry(key.clone()).or_default();
            ours.asked += theirs.asked;
            ours.answered += theirs.answered;
            ours.during.extend(&theirs.during);
            ours.after.extend(&theirs.after);
            ours.lingered.extend(&theirs.lingered);
            ours.oldest_gone = ours.oldest_gone.max(theirs.oldest_gone);
            ours.timeline.merge(&theirs.timeline);
        }
        contested::add(&mut self.changed, &other.changed);
        if other.health.rank() > self.health.rank() {
            self.health = other.health.clone();
        }
    }
}

/// Looks at a history with faults; `None` if it has none.
pub(super) fn measure(history: &History, timeout: Duration) -> Option<Faulted> {
    let first = history.windows.first()?;
    let health = judge(&until(history, first.start), Guarantee::Linearizable);
    let mut faulted = Faulted {
        outages: BTreeMap::new(),
        health,
        changed: contested::changed(history),
        keeps_both: history.merged && !history.overwrites,
    };
    let region_of: Vec<usize> = (0..history.groups.len())
        .map(|group| {
            let same = |name: &String| *name == history.groups[group];
            history.groups.iter().position(same).unwrap_or(group)
        })
        .collect();
    let usual = availability::longest_in_health(history, timeout, &region_of);
    let mut spans = Spans::of(history);
    each_measured(history, |op, unread| {
        let region = region_of[usize::from(op.group)];
        for kind in availability::kinds(op, unread) {
            let op = &Operation { kind, ..*op };
            let outage = faulted.outages.entry((history.groups[region].clone(), kind)).or_default();
            outage.timeline.note(op, timeout);
            spans.note(history, op, timeout, region, usual[region][kind as usize]);
        }
    });
    let lingering = stale_reads(history, &spans.edges, &mut faulted);
    for ((region, op, span), mut fates) in spans.fates {
        fates.sort_unstable();
        let from = spans.edges[span];
        let unreached = spans.unreached.get(&(region, op, span)).map_or(&[][..], Vec::as_slice);
        let region = &history.groups[region];
        let outage = faulted.outages.entry((region.clone(), op)).or_default();
        if span % 2 == 0 {
            outage.asked += (fates.len() + unreached.len()) as u64;
            outage.answered += fates.iter().filter(|(.., answered)| *answered).count() as u64;
            outage.answered += unreached.iter().filter(|at| fares(&fates, **at)).count() as u64;
        }
        let back = back_again(&fates).map(|at| at.since(from));
        if span % 2 == 0 {
            outage.during.push(back);
            continue;
        }
        outage.after.push(back);
        if op == OpKind::Read {
            outage.lingered.push(lingering.get(&(region, span)).copied().unwrap_or(Duration::ZERO));
        }
    }
    gone(history, &spans.edges, &mut faulted);
    Some(faulted)
}

/// Operations by the fault, or the time after one, in which they were intended.
struct Spans {
    /// Beginnings and ends of faults in turn.
    edges: Vec<Instant>,
    fates: BTreeMap<(usize, OpKind, usize), Vec<Fate>>,
    /// When those were intended to which their session did not come in time.
    unreached: BTreeMap<(usize, OpKind, usize), Vec<Instant>>,
}

/// When an operation was intended and completed, and whether it was answered.
type Fate = (Instant, Instant, bool);

impl Spans {
    fn of(history: &History) -> Self {
        let edges = history.windows.iter().flat_map(|window| [window.start, window.end]).collect();
        Self { edges, fates: BTreeMap::new(), unreached: BTreeMap::new() }
    }

    fn note(
        &mut self,
        history: &History,
        op: &Operation,
        timeout: Duration,
        region: usize,
        usual: Duration,
    ) {
        let passed = |at: Instant| self.edges.partition_point(|edge| *edge <= at);
        let prompt = op.invoked.since(op.intended).0 <= timeout.0 / 2;
        let Some(span) = passed(op.intended).checked_sub(1) else { return };
        if !prompt || passed(op.invoked) != passed(op.intended) {
            return self.unreached.entry((region, op.kind, span)).or_default().push(op.intended);
        }
        let answered = if history.phase(op.intended) == Phase::Partitioned {
            under_fault(history, op, usual)
        } else {
            Some(took_effect(op))
        };
        if let Some(answered) = answered {
            let fates = self.fates.entry((region, op.kind, span)).or_default();
            fates.push((op.intended, op.completed, answered));
        }
    }
}

/// Whether the last operation intended by then was answered, or the first of all.
fn fares(fates: &[Fate], intended: Instant) -> bool {
    let before = fates.partition_point(|(at, ..)| *at <= intended);
    fates.get(before.saturating_sub(1)).is_some_and(|(.., answered)| *answered)
}

/// When the first operation completed from which on all were answered; they stand as they were intended.
fn back_again(fates: &[Fate]) -> Option<Instant> {
    let first = fates.iter().rposition(|(_, _, answered)| !answered).map_or(0, |last| last + 1);
    fates.get(first).map(|(_, completed, _)| *completed)
}

/// By region and edge: how long after a fault's end the last read began that missed a write acknowledged
/// before it.
type Lingering<'a> = BTreeMap<(&'a String, usize), Duration>;

/// Counts reads that were stale where they belong in time.
fn stale_reads<'a>(
    history: &'a History,
    edges: &[Instant],
    faulted: &mut Faulted,
) -> Lingering<'a> {
    let mut lingering = Lingering::new();
    let mut note = |id: u32, age: Option<Duration>| {
        let op = &history.operations[id as usize];
        let region = &history.groups[usize::from(op.group)];
        if op.kind != OpKind::Read || op.intended < history.warm_up {
            return;
        }
        if let Some(outage) = faulted.outages.get_mut(&(region.clone(), op.kind)) {
            outage.timeline.note_read(op, age.is_some());
        }
        let passed = edges.partition_point(|edge| *edge <= op.intended);
        if let (Some(age), true) = (age, passed > 0 && passed % 2 == 0) {
            let healed = edges[passed - 1];
            if op.invoked.since(healed) < age {
                let last = lingering.entry((region, passed - 1)).or_default();
                *last = op.invoked.since(healed).max(*last);
            }
        }
    };
    if history.merged {
        merged::observe(history, |missed| {
            if missed.acknowledged {
                note(missed.op, missed.age);
            }
        });
    } else {
        let (order, writes) = (index::Order::of(history), index::writes(history));
        staleness::observe(history, &order, &writes, |seen| {
            if seen.acknowledged {
                note(seen.op, seen.age);
            }
        });
    }
    lingering
}

/// Looks how far back what is gone reaches.
fn gone(history: &History, edges: &[Instant], faulted: &mut Faulted) {
    each_gone(history, |id, how| {
        let op = &history.operations[id as usize];
        // What an older write has beaten without a fault is the clocks' doing.
        if how == Gone::Beaten && history.phase(op.completed) != Phase::Partitioned {
            return;
        }
        let next = edges.get(edges.partition_point(|edge| *edge < op.completed));
        let key = (history.groups[usize::from(op.group)].clone(), op.kind);
        if let (Some(next), Some(outage)) = (next, faulted.outages.get_mut(&key)) {
            outage.oldest_gone = outage.oldest_gone.max(Some(next.since(op.completed)));
        }
    });
}

/// What had happened by an instant: what was under way is not known to have ended.
fn until(history: &History, end: Instant) -> History {
    let begun = history.operations.partition_point(|op| op.invoked < end);
    let mut operations = history.operations[..begun].to_vec();
    let mut writes = 0;
    for op in &mut operations {
        writes += u32::from(op.kind == OpKind::Write);
        if op.completed < end {
            continue;
        }
        // Nobody has refused it yet, so it names itself again and not the version that it will see.
        if op.status == Status::Refused {
            op.value = Value(writes);
        }
        let may_write = op.may_write();
        op.status = if may_write { Status::Unknown } else { Status::Failed };
        op.completed = if may_write { Instant::NEVER } else { end };
    }
    let known = |commit: &&crate::history::Commit| commit.at < end && commit.value.0 <= writes;
    History {
        groups: history.groups.clone(),
        writes,
        horizon: end,
        windows: Vec::new(),
        scanned: history.scanned.clone(),
        effects: history.effects[..begun.min(history.effects.len())].to_vec(),
        commits: history.commits.iter().filter(known).copied().collect(),
        made: lineage::of_first(history, writes),
        finals: Vec::new(),
        operations,
        ..*history
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::story;
    use super::*;
    use crate::history::{FinalState, Window};

    const MS: u64 = 1_000_000;

    /// A fault from 100 to 200 ms in a run of 300; the operations of session e wait 40 ms for it, and
    /// clients 60 ms for an answer.
    fn lived(text: &str, last: Option<Value>) -> Faulted {
        let mut history = story(text);
        for op in history.operations.iter_mut().filter(|op| op.session == 4) {
            op.intended = Instant(op.intended.0 - 40 * MS);
        }
        history.horizon = Instant(300 * MS);
        history.windows = vec![Window { start: Instant(100 * MS), end: Instant(200 * MS) }];
        let held = last.map(|value| FinalState { values: vec![value], ..FinalState::default() });
        history.finals = held.into_iter().collect();
        measure(&history, Duration::millis(60)).expect("it has a fault")
    }

    /// Of the first session's region.
    fn outage(faulted: &Faulted, op: OpKind) -> &Outage {
        let mut of = faulted.outages.iter().filter(|((_, kind), _)| *kind == op);
        of.next().expect("measured").1
    }

    fn ms(n: u64) -> Option<Duration> {
        Some(Duration::millis(n))
    }

    #[test]
    fn an_update_that_was_refused_after_the_fault_began_has_seen_nothing_before_it() {
        let mut history = story("a: w1 0..10 #5; b: w2 90..120; a: w3 91..95 #92");
        history.contents.object = crate::op::Object::CasRegister;
        history.effects = vec![Default::default(); 3];
        (history.operations[1].status, history.operations[1].value) = (Status::Refused, Value(3));
        let before = until(&history, Instant(100 * MS));
        let refused = before.operations[1];
        assert_eq!((refused.status, refused.value), (Status::Failed, Value(2)));
        assert_eq!(before.operations[2].value, Value(3));
        assert_eq!(judge(&before, Guarantee::Linearizable), Verdict::Holds);
    }

    #[test]
    fn recovery_is_the_first_answer_from_which_on_all_are_answered() {
        let during = |text: &str| outage(&lived(text, None), OpKind::Write).during.clone();
        assert_eq!(during("a: w1 0..10; a: w2 110..115; a: w3 150..155"), [ms(15)]);
        assert_eq!(during("a: w1 0..10; a: w2 110..115!; a: w3 150..155"), [ms(55)]);
        // The first waited for the election; whoever came later did not.
        assert_eq!(during("a: w1 0..10; a: w2 105..170; c: w3 160..170"), [ms(70)]);
        assert_eq!(during("a: w1 0..10; a: w2 110..115; a: w3 150..155!"), [None]);
        // It was answered only when all was over.
        assert_eq!(during("a: w1 0..10; a: w2 110..230"), [None]);
        assert_eq!(during("a: w1 0..10; a: w2 210..230"), []);
        // What was given up unsent, or with little time left, is no answer of the store's.
        assert_eq!(during("a: w1 0..10; a: w2 110..115; e: w3 180..190!"), [ms(15)]);
    }

    #[test]
    fn who_was_asked_under_the_fault_and_who_was_answered() {
        let asked = |text: &str| {
            let lived = lived(text, None);
            let of = outage(&lived, OpKind::Write);
            (of.answered, of.asked)
        };
        assert_eq!(asked("a: w1 0..10; a: w2 110..115; a: w3 150..160!"), (1, 2));
        assert_eq!(asked("a: w1 0..10; e: w2 160..165!; e: w3 220..225; a: w4 250..260!"), (0, 0));
    }

    /// A session that is kept waiting asks for less; what it was to ask for fares as what others asked for.
    #[test]
    fn who_was_kept_waiting_counts_as_those_around_it() {
        let asked = |text: &str| {
            let lived = lived(text, None);
            let of = outage(&lived, OpKind::Write);
            (of.answered, of.asked, of.during.clone())
        };
        // Session e begins 40 of its 60 ms late: at 130 the last that was asked for is w2, at 160 it is w3.
        let around = "a: w1 0..10; a: w2 120..125; c: w3 150..160!";
        assert_eq!(asked(around), (1, 2, vec![None]));
        assert_eq!(
            asked(&format!("{around}; e: w4 170..172; e: w5 198..199!")),
            (2, 4, vec![None])
        );
        // Before all others it fares as the first of them; and if there are none, nobody knows.
        assert_eq!(asked("a: w1 0..10; e: w2 142..160!; a: w3 150..155").0, 2);
        assert_eq!(asked("a: w1 0..10; e: w2 160..165!; a: w3 250..260").1, 0);
    }

    #[test]
    fn healing_has_its_own_time() {
        let after = |text: &str| outage(&lived(text, None), OpKind::Write).after.clone();
        assert_eq!(after("a: w1 0..10; a: w2 210..215!; a: w3 230..240"), [ms(40)]);
        assert_eq!(after("a: w1 0..10; a: w2 210..215!"), [None]);
        assert_eq!(after("a: w1 0..10; a: w2 110..115!"), []);
    }

    #[test]
    fn reads_that_miss_what_was_acknowledged_before_the_healing_linger() {
        let writes = "b: w1 0..10 #5; b: w2 120..130 #125; b: w3 205..208 #207;";
        let lingered = |reads: &str| {
            let lived = lived(&format!("{writes} {reads}"), None);
            outage(&lived, OpKind::Read).lingered.clone()
        };
        assert_eq!(lingered("a: r1 210..215; a: r1 240..245"), [Duration::millis(40)]);
        // What it missed was acknowledged after the healing.
        assert_eq!(lingered("a: r2 210..215"), [Duration::ZERO]);
        assert_eq!(lingered("a: r1 150..155"), []);
    }

    #[test]
    fn what_is_gone_is_as_old_as_its_acknowledgement_at_the_next_edge() {
        let text = "b: w1 0..10 #5; a: w2 60..70 #65";
        let gone = |text: &str, last: u32| {
            let lived = lived(text, Some(Value(last)));
            lived.outages.values().filter_map(|outage| outage.oldest_gone).max()
        };
        assert_eq!(gone(text, 1), ms(30));
        assert_eq!(gone(text, 2), None);
        assert_eq!(gone("b: w1 0..10 #5; a: w2 160..170 #165", 1), ms(30));
        // Under the fault an older write has beaten it; before, that was no fault's doing.
        assert_eq!(gone("b: w1 105..110 #199; a: w2 120..130 #125", 1), ms(70));
        assert_eq!(gone("b: w1 5..10 #99; a: w2 20..30 #25", 1), None);
    }

    #[test]
    fn health_is_judged_up_to_the_first_fault() {
        let health = |text: &str| lived(text, None).health;
        assert_eq!(health("a: w1 0..10; b: r1 20..30; b: r0 120..130"), Verdict::Holds);
        assert_eq!(health("a: w1 0..10; b: r0 20..30").rank(), 2);
        // Whoever is under way when the fault strikes has seen nothing yet.
        assert_eq!(health("a: w1 0..10; b: r0 90..110"), Verdict::Holds);
        assert_eq!(health("a: w1 90..110; b: r1 92..95; b: r1 96..97"), Verdict::Holds);
    }

    #[test]
    fn without_faults_there_is_nothing_to_tell() {
        assert!(measure(&story("a: w1 0..10"), Duration::millis(60)).is_none());
    }
}
