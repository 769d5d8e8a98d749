//! Durability: acknowledged writes that are gone when everything has come to rest.
//!
//! A write was *undone* if it was acknowledged, and in the end every replica of its key holds an older
//! version, or none: nobody can read it again, and nothing newer explains that. This is what a crash does
//! to a primary that acknowledges ahead of its disk, and a change of leader to writes that a majority never
//! had. "Older" is the key's version order. A store that orders by stamps may stamp a write anew when it is
//! asked for again, and the history knows the first; so there whatever is held must also have been
//! acknowledged before the write began. For a write that never got a place in the order, though others
//! have been seen to, that alone decides.
//!
//! What a newer version has replaced cannot be told from what was undone before that, so only writes are
//! asked about that nothing newer hides, and what is counted is a lower bound. It is not [`super::lost`],
//! whose writes an older one hides. Where conflicts are merged there is no order, and `lost` asks there
//! whether a write is gone.

use super::evidence::{counterexample, did, value};
use super::{Checker, Verdict, index};
use crate::guarantee::Guarantee;
use crate::history::{FinalState, History, Status};
use crate::op::{Key, Rank, Value};
use crate::time::Instant;

/// Reads that show their session's writes, or all writes after a while, would miss one that is gone.
pub(super) const CHECKER: Checker = Checker {
    name: "durability",
    about: "What was acknowledged is there in the end, or a newer version is (Gray and Reuter 1993).",
    needed_for: |guarantee| {
        guarantee.implies(Guarantee::ReadYourWrites)
            || matches!(guarantee, Guarantee::Regular | Guarantee::BoundedStaleness(_))
    },
    check: |history, _| check(history),
};

/// What replicas hold of one key in the end.
#[derive(Clone, Copy)]
struct Last {
    /// Whether any replica holds the key.
    held: bool,
    /// Whether all versions that are held have places.
    placed: bool,
    /// Place of the newest: its rank, and which of the commits it is, from 1 on.
    place: (Rank, u32),
    /// A value of that place.
    value: Value,
    /// When the last of the held versions' writes ended; `None` if all hold the initial value.
    ended: Option<Instant>,
}

/// The end of a history that says how its versions stand.
struct Rest<'a> {
    replicas: &'a [FinalState],
    keys: Vec<Last>,
    /// One bit per value: whether it was decided.
    decided: Vec<u64>,
}

impl<'a> Rest<'a> {
    fn of(history: &'a History, writes: &[u32]) -> Option<Self> {
        if history.merged || history.commits.is_empty() || history.finals.is_empty() {
            return None;
        }
        // Replicas that agree count once.
        let agree = history.finals.windows(2).all(|pair| pair[0].values == pair[1].values);
        let replicas = if agree { &history.finals[..1] } else { &history.finals[..] };
        let nothing = Last {
            held: false,
            placed: true,
            place: (Rank::AS_DECIDED, 0),
            value: Value::INITIAL,
            ended: None,
        };
        let keys = vec![nothing; history.keys as usize];
        let decided = vec![0; history.writes as usize / 64 + 1];
        let mut rest = Self { replicas, keys, decided };
        rest.place(history);
        for replica in replicas {
            for (value, last) in replica.values.iter().zip(&mut rest.keys) {
                let has_place = rest.decided.get(value.0 as usize / 64);
                let has_place = has_place.is_some_and(|word| word >> (value.0 % 64) & 1 == 1);
                last.held |= *value != Value::NOT_HELD;
                if *value != Value::NOT_HELD && *value != Value::INITIAL {
                    last.placed &= has_place;
                    let write = writes.get(value.0 as usize);
                    let ended = write.map(|id| history.operations[*id as usize].completed);
                    last.ended = last.ended.max(Some(ended.unwrap_or(Instant::NEVER)));
                }
            }
        }
        Some(rest)
    }

    /// Finds the newest version that is held of each key.
    fn place(&mut self, history: &History) {
        for (at, commit) in (1..).zip(&history.commits) {
            self.decided[commit.value.0 as usize / 64] |= 1 << (commit.value.0 % 64);
            if self.holds(commit.key, commit.value) {
                let last = &mut self.keys[commit.key.0 as usize];
                // One that is decided stands above the initial value whatever its rank.
                if last.place.1 == 0 || (commit.rank, at) > last.place {
                    (last.place, last.value) = ((commit.rank, at), commit.value);
                }
            }
        }
    }

    /// Whether all that is held of a write's key had ended before the write began.
    fn had_ended(&self, history: &History, write: u32) -> bool {
        let write = &history.operations[write as usize];
        self.keys[write.key.0 as usize].ended.is_none_or(|ended| ended < write.invoked)
    }

    fn holds(&self, key: Key, value: Value) -> bool {
        self.replicas.iter().any(|replica| replica.values.get(key.0 as usize) == Some(&value))
    }
}

/// Tells of every acknowledged write that no newer version hides in the end, in no order, whether it is
/// gone.
pub(super) fn fates(history: &History, writes: &[u32], mut tell: impl FnMut(u32, bool)) {
    let Some(rest) = Rest::of(history, writes) else { return };
    let acknowledged = |id: u32| history.operations[id as usize].status == Status::Ok;
    for (at, commit) in (1..).zip(&history.commits) {
        let last = rest.keys[commit.key.0 as usize];
        let newer = last.place.1 == 0 || (commit.rank, at) > last.place;
        if !(newer || at == last.place.1) || !(last.held && last.placed) {
            continue;
        }
        let id = writes[commit.value.0 as usize];
        let may_be_hidden =
            newer && commit.rank != Rank::AS_DECIDED && !rest.had_ended(history, id);
        if acknowledged(id) && !may_be_hidden {
            tell(id, newer);
        }
    }
    for (word, decided) in (0..).zip(&rest.decided) {
        let mut open = !decided;
        while open != 0 {
            let value = word * 64 + open.trailing_zeros();
            open &= open - 1;
            let Some(&id) = writes.get(value as usize).filter(|_| value > 0) else { continue };
            let write = &history.operations[id as usize];
            let held = rest.keys[write.key.0 as usize].held;
            let gone = rest.had_ended(history, id);
            if acknowledged(id) && held && (gone || rest.holds(write.key, Value(value))) {
                tell(id, gone);
            }
        }
    }
}

fn check(history: &History) -> Verdict {
    let writes = index::writes(history);
    let mut first: Option<u32> = None;
    fates(history, &writes, |id, gone| {
        first = first.filter(|first| *first < id || !gone).or(gone.then_some(id));
    });
    let Some((id, rest)) = first.zip(Rest::of(history, &writes)) else { return Verdict::Holds };
    let op = &history.operations[id as usize];
    let last = rest.keys[op.key.0 as usize].value;
    let message = format!(
        "{}, which was acknowledged; when everything has come to rest it is nowhere, and the newest \
         version there is {}, which is older",
        did(op, op.key, op.value),
        value(last)
    );
    let kept = (last != Value::INITIAL).then(|| writes[last.0 as usize]);
    let operations: Vec<u32> = kept.into_iter().chain([id]).collect();
    Verdict::Violated(counterexample(message, &operations))
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::{Story, story};
    use super::*;
    use crate::guarantee::EVERY;
    use crate::history::Operation;
    use crate::op::OpKind;
    use crate::rng::Rng;
    use std::collections::BTreeMap;

    /// By operation, of those that are asked about, whether it is gone.
    fn undone(history: &History) -> BTreeMap<u32, bool> {
        let mut fate = BTreeMap::new();
        fates(history, &index::writes(history), |id, gone| {
            assert_eq!(fate.insert(id, gone), None, "told twice");
        });
        fate
    }

    /// The story, and what both replicas hold of its keys in the end.
    fn ends_with(text: &str, values: &[u32]) -> History {
        let mut history = story(text);
        for replica in &mut history.finals {
            replica.values = values.iter().map(|value| Value(*value)).collect();
        }
        history
    }

    #[test]
    fn a_write_is_undone_if_all_replicas_end_with_older_ones() {
        let text = "a: w1 0..1 #1; a: w2 2..3 #3; b: w3 4..5 #5";
        let of = |last| undone(&ends_with(text, &[last])).into_iter().collect::<Vec<_>>();
        assert_eq!(of(3), [(2, false)], "what came before it is hidden");
        assert_eq!(of(2), [(1, false), (2, true)]);
        assert_eq!(of(0), [(0, true), (1, true), (2, true)], "all three were told of their writes");
        let mut apart = ends_with(text, &[1]);
        apart.finals[1].values[0] = Value(2);
        assert_eq!(undone(&apart), BTreeMap::from([(1, false), (2, true)]), "one replica has w2");
    }

    #[test]
    fn only_what_was_acknowledged_can_be_taken_back() {
        assert_eq!(undone(&ends_with("a: w1 0..? #1", &[0])), BTreeMap::new());
        assert_eq!(undone(&ends_with("a: w1 0..1!; b: w2 2..3 #3", &[2])), [(1, false)].into());
    }

    #[test]
    fn an_older_write_that_won_has_lost_the_newer_one_and_not_undone_it() {
        let history = ends_with("a: w1 0..1 #9; b: w2 2..3 #3", &[1]);
        assert_eq!(undone(&history), [(0, false)].into());
    }

    #[test]
    fn a_stamp_may_have_been_given_anew_until_the_write_ended() {
        let stamped = |text: &str| {
            let mut history = ends_with(text, &[1]);
            for (time, commit) in (1..).zip(&mut history.commits) {
                commit.rank = Rank { time, node: 0 };
            }
            undone(&history)
        };
        assert_eq!(stamped("a: w1 0..1 #1; b: w2 2..3 #3"), [(0, false), (1, true)].into());
        assert_eq!(stamped("a: w1 0..5 #1; b: w2 2..3 #3"), [(0, false)].into(), "w1 may be newer");
    }

    #[test]
    fn a_write_without_a_place_is_newer_than_what_had_ended_before_it_began() {
        let text = "a: w1 0..1 #1; b: w2 2..4";
        assert_eq!(undone(&ends_with(text, &[1])), [(0, false), (1, true)].into());
        let overlap = "a: w1 0..3 #1; b: w2 2..4";
        assert_eq!(undone(&ends_with(overlap, &[1])), [(0, false)].into(), "w1 may be the newer");
        let there = ends_with(text, &[2]);
        assert_eq!(
            undone(&there),
            [(1, false)].into(),
            "w2 is there; w1's place beside it is open"
        );
    }

    #[test]
    fn where_nobody_saw_decisions_or_the_end_nothing_is_said() {
        assert_eq!(undone(&ends_with("a: w1 0..1", &[0])), BTreeMap::new());
        let mut unseen = ends_with("a: w1 0..1 #1", &[0]);
        unseen.finals.clear();
        assert_eq!(undone(&unseen), BTreeMap::new());
        let mut merged = ends_with("a: w1 0..1 #1", &[0]);
        merged.merged = true;
        assert_eq!(undone(&merged), BTreeMap::new());
        let mut elsewhere = ends_with("a: w1 0..1 #1", &[0]);
        elsewhere.finals[0].values[0] = Value::NOT_HELD;
        assert_eq!(undone(&elsewhere), [(0, true)].into(), "replica 1 has it, and not w1");
        elsewhere.finals[1].values[0] = Value::NOT_HELD;
        assert_eq!(undone(&elsewhere), BTreeMap::new(), "nobody's key");
    }

    #[test]
    fn whoever_sees_its_own_writes_must_find_them_in_the_end() {
        let history = ends_with("a: w1 0..1 #1; b: w2 2..3 #3", &[1]);
        for guarantee in [Guarantee::Linearizable, Guarantee::Session, Guarantee::Regular] {
            assert_eq!(
                judge(&history, guarantee).message(),
                "session 1 wrote w2 to key 0 (began 2 ms, ended 3 ms), which was acknowledged; when \
                 everything has come to rest it is nowhere, and the newest version there is w1, which is \
                 older"
            );
        }
        for guarantee in [Guarantee::Eventual, Guarantee::MonotonicReads] {
            assert_eq!(judge(&history, guarantee), Verdict::Holds, "{guarantee}");
        }
        let needed = CHECKER.needed_for;
        for (strong, weak) in EVERY.into_iter().flat_map(|a| EVERY.map(|b| (a, b))) {
            assert!(!strong.implies(weak) || !needed(weak) || needed(strong), "{strong}, {weak}");
        }
    }

    /// The definition, word by word.
    #[test]
    fn agrees_with_the_definition_on_random_histories() {
        let (mut gone, mut there, mut unplaced) = (0, 0, 0);
        for seed in 0..20_000 {
            let mut history = Story::random(seed, 12);
            let rng = &mut Rng::stream(seed, "undone", 0);
            for key in 0..history.keys {
                let of_key = |op: &&Operation| {
                    op.key.0 == key && op.kind == OpKind::Write && op.status != Status::Failed
                };
                let mut held: Vec<Value> =
                    history.operations.iter().filter(of_key).map(|op| op.value).collect();
                held.extend([Value::INITIAL, Value::NOT_HELD]);
                for replica in &mut history.finals {
                    replica.values[key as usize] = held[rng.below(held.len() as u64) as usize];
                }
            }
            if rng.below(2) == 0 {
                history.commits.retain(|_| rng.below(4) > 0);
            }
            if rng.below(2) == 0 {
                for commit in &mut history.commits {
                    commit.rank = Rank { time: rng.below(4), node: 0 };
                }
            }
            let told = undone(&history);
            for (id, op) in (0..).zip(&history.operations) {
                let expected = by_definition(&history, op);
                assert_eq!(told.get(&id).copied(), expected, "{seed}: {id}");
                gone += u32::from(expected == Some(true));
                there += u32::from(expected == Some(false));
                let decided = history.commits.iter().any(|c| c.value == op.value);
                unplaced += u32::from(expected == Some(true) && !decided);
            }
        }
        assert!(gone > 5_000 && there > 5_000 && unplaced > 500, "{gone} {there} {unplaced}");
    }

    fn by_definition(history: &History, write: &Operation) -> Option<bool> {
        let acknowledged = write.kind == OpKind::Write && write.status == Status::Ok;
        if !acknowledged || history.commits.is_empty() {
            return None;
        }
        let order = index::Order::of(history);
        let values = history.finals.iter().map(|replica| replica.values[write.key.0 as usize]);
        let held: Vec<Value> = values.filter(|value| *value != Value::NOT_HELD).collect();
        let newest =
            held.iter().map(|value| order.place(*value)).try_fold(0, |a, b| Some(a.max(b?)));
        let ended = |of: &Value| {
            history.operations.iter().find(|op| op.kind == OpKind::Write && op.value == *of)
        };
        let all_before = held
            .iter()
            .filter(|value| **value != Value::INITIAL)
            .all(|value| ended(value).is_some_and(|op| op.completed < write.invoked));
        let stamped = |commit: &&crate::history::Commit| {
            commit.value == write.value && commit.rank != Rank::AS_DECIDED
        };
        let stamped = history.commits.iter().find(stamped).is_some();
        match order.place(write.value) {
            _ if held.is_empty() => None,
            Some(place) if stamped && !all_before && newest < Some(place) => None,
            Some(place) => newest.filter(|newest| *newest <= place).map(|newest| newest < place),
            None if all_before => Some(true),
            None => held.contains(&write.value).then_some(false),
        }
    }
}
