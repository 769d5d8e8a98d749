//! Staleness of every read, as clients can observe it and as an omniscient observer sees it.
//!
//! **Client-observable.** A read that returned version v is stale iff some write of the key was
//! acknowledged before the read began, and itself began after v's write had been acknowledged: real
//! time alone, no knowledge of the store. Its age is the read's start minus the earliest such
//! acknowledgement, and k the number of such writes (Golab, Li and Shah, "Analyzing Consistency
//! Properties for Fun and Profit", PODC 2011, use the same intervals). The denominator is the
//! completed reads of keys that had an acknowledged write when the read began.
//!
//! **Omniscient.** A read is behind iff some version of the key decided before it began is newer
//! than the one it returned; its age counts from the decision of the earliest version it missed.
//!
//! One sweep in order of invocation does both. A key's acknowledged writes, in order of invocation,
//! carry the earliest acknowledgement of themselves and all after them, which answers "stale?" and
//! "how old?" by one look-up. k is what is acknowledged by now, less the writes before the first
//! newer one, except those of them that are still in flight; these are kept in a list per key,
//! oldest first, and few stand at its head. A read thus costs O(log n) however stale it is, plus
//! the writes of its key that began before its version was acknowledged and are still not
//! acknowledged.

use super::evidence::{counterexample, did, ms, value};
use super::index::{self, Order};
use super::{Checker, Verdict, values_read};
use crate::guarantee::Guarantee;
use crate::history::{History, Status};
use crate::op::{Key, OpKind, Value};
use crate::time::{Duration, Instant};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub(super) const CHECKER: Checker = Checker {
    name: "bounded-staleness",
    about: "No read misses a write acknowledged longer ago than the bound, which for `regular` is 0 \
            (Golab et al. 2011; Shao et al. 2011).",
    needed_for: |guarantee| {
        matches!(guarantee, Guarantee::BoundedStaleness(_) | Guarantee::Regular)
    },
    check: |history, guarantee| match guarantee {
        Guarantee::BoundedStaleness(bound) => check(history, bound),
        Guarantee::Regular => check(history, Duration::ZERO),
        _ => Verdict::Holds,
    },
};

/// What there is to say about one value that an operation read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    /// The operation; a scan makes one observation per key.
    pub(super) op: u32,
    pub(super) key: Key,
    pub(super) value: Value,
    /// Whether the key had an acknowledged write before the read began.
    pub(super) acknowledged: bool,
    /// Age as clients can observe it; `None` for a fresh read.
    pub(super) age: Option<Duration>,
    /// Acknowledged versions missed; 0 for a fresh read.
    pub(super) versions: u32,
    /// Whether the key had a decided write before the read began.
    pub(super) decided: bool,
    /// Age behind the store, if behind.
    pub(super) behind: Option<Duration>,
    /// The write of the key acknowledged last, at or before the read's start, and when.
    pub(super) latest: Option<(Value, Instant)>,
}

/// Calls `see` for every value read, in order of invocation.
pub(super) fn observe(
    history: &History,
    order: &Order,
    writes: &[u32],
    mut see: impl FnMut(Observation),
) {
    let mut sweep = Sweep::new(history, order, writes);
    for (id, op) in history.operations.iter().enumerate() {
        if op.kind == OpKind::Write && op.status != Status::Refused {
            if op.status == Status::Ok {
                sweep.begin(id as u32);
            }
            continue;
        }
        sweep.advance(op.invoked);
        for (key, value) in values_read(history, op) {
            see(sweep.look(id as u32, key, value, op.invoked));
        }
    }
}

/// What is known of a key at the sweep's time.
#[derive(Clone, Copy)]
struct KeyState {
    /// Writes acknowledged strictly before now.
    acknowledged: u32,
    /// Whether a version was decided strictly before now.
    decided: bool,
    /// Acknowledged last, up to and including now.
    latest: Option<(Value, Instant)>,
    /// The ends of the list of writes in flight, as places.
    head: u32,
    tail: u32,
}

/// An acknowledged write at its place: by key, then in order of invocation.
#[derive(Clone, Copy)]
struct Place {
    invoked: Instant,
    /// Earliest acknowledgement of this write and its key's later ones.
    earliest: Instant,
    /// The neighbours in its key's list of writes in flight.
    before: u32,
    after: u32,
}

/// No place.
const NONE: u32 = u32::MAX;

struct Sweep<'a> {
    history: &'a History,
    order: &'a Order,
    writes: &'a [u32],
    /// Where each key's writes begin in `places`.
    start: Vec<u32>,
    places: Vec<Place>,
    /// By value: its place, or [`NONE`] for a write that was not acknowledged.
    place: Vec<u32>,
    keys: Vec<KeyState>,
    /// Writes that began and were not acknowledged by the last read's start.
    in_flight: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Writes acknowledged exactly at `now`: concurrent with a read that begins then.
    just_now: Vec<u32>,
    now: Instant,
    next_commit: usize,
}

impl<'a> Sweep<'a> {
    fn new(history: &'a History, order: &'a Order, writes: &'a [u32]) -> Self {
        let op = |id: u32| &history.operations[id as usize];
        let acknowledged = writes.iter().skip(1).filter(|id| op(**id).status == Status::Ok);
        let (start, by_key) =
            index::group_by_key(history.keys, acknowledged.map(|id| (op(*id).key, *id)));
        let nowhere =
            Place { invoked: Instant::ZERO, earliest: Instant::NEVER, before: NONE, after: NONE };
        let mut places = vec![nowhere; by_key.len()];
        let mut place = vec![NONE; writes.len()];
        for key in 0..history.keys as usize {
            let mut earliest = Instant::NEVER;
            for at in (start[key]..start[key + 1]).rev() {
                let write = op(by_key[at as usize]);
                earliest = earliest.min(write.completed);
                place[write.value.0 as usize] = at;
                places[at as usize] = Place { invoked: write.invoked, earliest, ..nowhere };
            }
        }
        let nothing =
            KeyState { acknowledged: 0, decided: false, latest: None, head: NONE, tail: NONE };
        Self {
            history,
            order,
            writes,
            start,
            places,
            place,
            keys: vec![nothing; history.keys as usize],
            in_flight: BinaryHeap::new(),
            just_now: Vec::new(),
            now: Instant::ZERO,
            next_commit: 0,
        }
    }

    /// A write that will be acknowledged begins.
    fn begin(&mut self, id: u32) {
        let write = &self.history.operations[id as usize];
        self.in_flight.push(Reverse((write.completed, id)));
        let place = self.place[write.value.0 as usize];
        let state = &mut self.keys[write.key.0 as usize];
        let tail = std::mem::replace(&mut state.tail, place);
        self.places[place as usize].before = tail;
        match self.places.get_mut(tail as usize) {
            Some(tail) => tail.after = place,
            None => state.head = place,
        }
    }

    /// Moves on to the start of the next read.
    fn advance(&mut self, now: Instant) {
        if now > self.now {
            let earlier = std::mem::take(&mut self.just_now);
            earlier.iter().for_each(|id| self.acknowledge(*id));
            self.just_now = earlier;
            self.just_now.clear();
            self.now = now;
        }
        while let Some(Reverse((at, id))) =
            self.in_flight.peek().copied().filter(|top| top.0.0 <= now)
        {
            self.in_flight.pop();
            let write = &self.history.operations[id as usize];
            self.keys[write.key.0 as usize].latest = Some((write.value, at));
            if at < now {
                self.acknowledge(id);
            } else {
                self.just_now.push(id);
            }
        }
        while let Some(commit) = self.history.commits.get(self.next_commit).filter(|c| c.at < now) {
            self.keys[commit.key.0 as usize].decided = true;
            self.next_commit += 1;
        }
    }

    /// A write was acknowledged strictly before now: it leaves the list of its key.
    fn acknowledge(&mut self, id: u32) {
        let write = &self.history.operations[id as usize];
        let Place { before, after, .. } = self.places[self.place[write.value.0 as usize] as usize];
        let state = &mut self.keys[write.key.0 as usize];
        state.acknowledged += 1;
        match self.places.get_mut(before as usize) {
            Some(before) => before.after = after,
            None => state.head = after,
        }
        match self.places.get_mut(after as usize) {
            Some(after) => after.before = before,
            None => state.tail = before,
        }
    }

    fn look(&self, op: u32, key: Key, value: Value, began: Instant) -> Observation {
        let state = &self.keys[key.0 as usize];
        let mut seen = Observation {
            op,
            key,
            value,
            acknowledged: state.acknowledged > 0,
            age: None,
            versions: 0,
            decided: state.decided,
            behind: None,
            latest: state.latest,
        };
        if let Some(first) = self.first_newer(key, value, began) {
            seen.age = Some(began.since(self.places[first as usize].earliest));
            seen.versions = self.acknowledged_from(key, first);
        }
        let surpassed = self.order.place(value).and_then(|p| self.order.surpassed_at(key, p));
        seen.behind = surpassed.filter(|at| *at < began).map(|at| began.since(at));
        seen
    }

    /// The place of the key's first write that began after `value` was acknowledged, if that write
    /// or one after it was acknowledged before `began`.
    fn first_newer(&self, key: Key, value: Value, began: Instant) -> Option<u32> {
        let (from, to) = (self.start[key.0 as usize], self.start[key.0 as usize + 1]);
        let missed = |at: &u32| *at < to && self.places[*at as usize].earliest < began;
        if value == Value::INITIAL {
            return Some(from).filter(missed);
        }
        let own = *self.place.get(value.0 as usize)?;
        // Nearly every read ends here: nothing after the write itself was acknowledged in time.
        // (A value of another key, or one nobody acknowledged, has its place outside the range.)
        if own < from || !missed(&own.saturating_add(1)) {
            return None;
        }
        let acknowledged =
            self.history.operations[self.writes[value.0 as usize] as usize].completed;
        let later = &self.places[own as usize + 1..to as usize];
        let skip = later.partition_point(|place| place.invoked <= acknowledged);
        Some(own + 1 + skip as u32).filter(missed)
    }

    /// How many of the key's writes at `first` or later are acknowledged.
    fn acknowledged_from(&self, key: Key, first: u32) -> u32 {
        let state = &self.keys[key.0 as usize];
        let mut in_flight = 0;
        let mut at = state.head;
        while at < first {
            in_flight += 1;
            at = self.places[at as usize].after;
        }
        state.acknowledged + in_flight - (first - self.start[key.0 as usize])
    }
}

fn check(history: &History, bound: Duration) -> Verdict {
    let order = Order::of(history);
    let writes = index::writes(history);
    let mut worst: Option<Observation> = None;
    observe(history, &order, &writes, |seen| {
        let age = seen.age.filter(|age| *age > bound);
        if age > worst.and_then(|worst| worst.age) {
            worst = Some(seen);
        }
    });
    let Some(Observation { op, key, value: of, age: Some(age), .. }) = worst else {
        return Verdict::Holds;
    };
    let read = &history.operations[op as usize];
    let own = (of != Value::INITIAL).then(|| writes[of.0 as usize]);
    let acknowledged = own.map(|id| history.operations[id as usize].completed);
    let missed = history.operations.iter().enumerate().filter(|(_, op)| {
        let newer = acknowledged.is_none_or(|at| op.invoked > at);
        op.kind == OpKind::Write && op.key == key && op.status == Status::Ok && newer
    });
    let Some((id, missed)) = missed.min_by_key(|(_, op)| op.completed) else {
        return Verdict::Holds;
    };
    let message = format!(
        "{}, {age} after {} was acknowledged at {}; the bound is {bound}: {}",
        did(read, key, of),
        value(missed.value),
        ms(missed.completed),
        did(missed, key, missed.value),
    );
    let operations: Vec<u32> = own.into_iter().chain([op, id as u32]).collect();
    Verdict::Violated(counterexample(message, &operations))
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::{Story, story};
    use super::*;

    fn all(history: &History) -> Vec<Observation> {
        let mut seen = Vec::new();
        let writes = index::writes(history);
        observe(history, &Order::of(history), &writes, |observation| seen.push(observation));
        seen
    }

    #[test]
    fn age_counts_from_the_earliest_acknowledgement_that_was_missed() {
        let seen = all(&story(
            "a: w1 0..1; a: w2 2..4; b: w3 5..6; c: r1 10..11; c: r2 12..13; c: r3 14..15",
        ));
        let ages: Vec<_> = seen.iter().map(|s| (s.age.map(Duration::as_ms), s.versions)).collect();
        assert_eq!(ages, [(Some(6.0), 2), (Some(6.0), 1), (None, 0)]);
    }

    #[test]
    fn concurrent_writes_make_nobody_stale() {
        // w2 began before w1 was acknowledged, so either may be the later one.
        let seen = all(&story("a: w1 0..4; b: w2 3..5; c: r1 10..11"));
        assert_eq!(seen[0].age, None);
        // A write acknowledged at the very start of the read is concurrent with it.
        let seen = all(&story("a: w1 0..4; c: r0 4..5; c: r0 5..6"));
        assert_eq!((seen[0].acknowledged, seen[0].age), (false, None));
        assert_eq!((seen[1].acknowledged, seen[1].age), (true, Some(Duration::millis(1))));
    }

    #[test]
    fn failed_and_unknown_writes_are_missed_by_nobody() {
        let seen = all(&story("a: w1 0..1!; b: w2 0..?; c: r0 5..6"));
        assert_eq!((seen[0].acknowledged, seen[0].age), (false, None));
        // Nor can a read of an unknown write be called stale: it may take effect any time.
        let seen = all(&story("b: w1 0..?; a: w2 1..2; c: r1 5..6"));
        assert_eq!((seen[0].acknowledged, seen[0].age), (true, None));
    }

    #[test]
    fn the_omniscient_age_counts_from_the_decision() {
        let seen = all(&story("a: w1 0..9 #2; b: w2 3..9 #5; c: r1 4..5; c: r1 7..8; c: r0 8..9"));
        let behind: Vec<_> = seen.iter().map(|s| s.behind.map(Duration::as_ms)).collect();
        assert_eq!(behind, [None, Some(2.0), Some(6.0)]);
        assert!(seen.iter().all(|s| s.age.is_none() && s.decided && !s.acknowledged));
    }

    #[test]
    fn a_bound_is_broken_by_the_oldest_read() {
        let text = "a: w1 0..1; a: w2 2..4; c: r1 10..11; c: r1 20..21";
        let judged =
            |bound| judge(&story(text), Guarantee::BoundedStaleness(Duration::millis(bound)));
        assert_eq!(judged(16), Verdict::Holds);
        let broken = judged(15);
        assert_eq!(
            broken.message(),
            "session 2 read w1 from key 0 (began 20 ms, ended 21 ms), 16ms after w2 was acknowledged at 4 \
             ms; the bound is 15ms: session 0 wrote w2 to key 0 (began 2 ms, ended 4 ms)"
        );
    }

    /// The definitions, word by word.
    #[test]
    fn agrees_with_the_definitions_on_random_histories() {
        let mut stale = 0;
        for seed in 0..20_000 {
            let history = Story::random(seed, 12);
            let order = Order::of(&history);
            for seen in all(&history) {
                let read = &history.operations[seen.op as usize];
                let is_write = |op: &&crate::history::Operation| {
                    op.kind == OpKind::Write && op.key == seen.key
                };
                let writes: Vec<_> = history.operations.iter().filter(is_write).collect();
                let own = writes.iter().find(|op| op.value == seen.value);
                let known = seen.value == Value::INITIAL || own.is_some();
                let acked = |op: &&&crate::history::Operation| {
                    op.status == Status::Ok && op.completed < read.invoked
                };
                let newer = |op: &&&crate::history::Operation| {
                    known
                        && own.is_none_or(|own| {
                            own.status == Status::Ok && op.invoked > own.completed
                        })
                };
                let missed: Vec<_> = writes.iter().filter(acked).filter(newer).collect();
                let earliest = missed.iter().map(|op| op.completed).min();
                assert_eq!(seen.acknowledged, writes.iter().filter(acked).count() > 0, "{seed}");
                assert_eq!(seen.versions as usize, missed.len(), "{seed}");
                assert_eq!(seen.age, earliest.map(|at| read.invoked.since(at)), "{seed}");
                stale += u32::from(seen.age.is_some());

                let versions = history.commits.iter().filter(|c| c.key == seen.key);
                let late =
                    order.place(seen.value).and_then(|place| versions.clone().nth(place as usize));
                let behind = late.filter(|commit| commit.at < read.invoked);
                assert_eq!(seen.behind, behind.map(|c| read.invoked.since(c.at)), "{seed}");
            }
        }
        assert!(stale > 2_000, "{stale}");
    }

    /// A read that real time alone calls stale contradicts linearizability.
    #[test]
    fn a_stale_read_is_never_linearizable() {
        for seed in 0..5_000 {
            let history = Story::random(seed, 10);
            if all(&history).iter().any(|seen| seen.age.is_some()) {
                let verdict = judge(&history, Guarantee::Linearizable);
                assert!(matches!(verdict, Verdict::Violated(_)), "{seed}");
            }
        }
    }
}
