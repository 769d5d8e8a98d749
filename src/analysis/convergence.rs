//! Eventual consistency: nobody reads what nobody wrote, and at rest all replicas are equal.
//!
//! The first half is the exclusion of values "out of thin air" that every model needs and that real
//! stores break by returning failed or foreign writes. The second is Vogels' "Eventually
//! consistent" (CACM 2009), judged on the final states, which a world takes after writes have
//! stopped and every fault has been healed.

use super::evidence::{counterexample, out_of_thin_air, value};
use super::{Checker, Counterexample, Verdict, index, values_read};
use crate::guarantee::Guarantee;
use crate::history::History;
use crate::op::{Key, Value};

pub(super) const CHECKER: Checker = Checker {
    name: "convergence",
    about: "Reads return values that were written, and once writes stop all replicas become equal \
            (Vogels 2009).",
    needed_for: |_| true,
    check,
};

/// The first read, in order of invocation, of a value that it cannot have seen.
pub(super) fn thin_air(history: &History, writes: &[u32]) -> Option<Counterexample> {
    for (id, op) in history.operations.iter().enumerate() {
        for (key, value) in values_read(history, op) {
            let found = out_of_thin_air(history, writes, id as u32, key, value);
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

fn check(history: &History, guarantee: Guarantee) -> Verdict {
    let writes = index::writes(history);
    if let Some(found) = thin_air(history, &writes) {
        return Verdict::Violated(found);
    }
    match history.finals.first() {
        Some(_) => compare(history, &writes),
        // Stronger guarantees are judged by the operations; only this one is about the replicas.
        None if guarantee == Guarantee::Eventual => Verdict::Unknown(
            "the replicas' final states were not recorded, or they had not come to rest when the run \
             was given up, so nobody knows whether they agree"
                .into(),
        ),
        None => Verdict::Holds,
    }
}

/// Whether all replicas of a key ended with the same value.
fn compare(history: &History, writes: &[u32]) -> Verdict {
    let held = |replica: usize, key: usize| {
        let value = history.finals[replica].values.get(key).copied().unwrap_or(Value::INITIAL);
        (value != Value::NOT_HELD).then_some((replica, value))
    };
    if history.finals.windows(2).all(|pair| pair[0] == pair[1]) {
        return Verdict::Holds;
    }
    for key in 0..history.keys as usize {
        let mut holders = (0..history.finals.len()).filter_map(|replica| held(replica, key));
        let Some((first, ours)) = holders.next() else { continue };
        let Some((other, theirs)) = holders.find(|(_, theirs)| *theirs != ours) else { continue };
        let message = format!(
            "after everything had come to rest, replica {first} holds {} for key {} and \
             replica {other} holds {}",
            value(ours),
            Key(key as u32).0,
            value(theirs)
        );
        let known = |value: &Value| *value != Value::INITIAL && value.0 <= history.writes;
        let writes = [ours, theirs].into_iter().filter(known).map(|value| writes[value.0 as usize]);
        return Verdict::Violated(counterexample(message, &writes.collect::<Vec<_>>()));
    }
    Verdict::Holds
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::super::testing::story;
    use super::*;

    #[test]
    fn stale_reads_are_allowed_and_made_up_ones_are_not() {
        let eventual = |text| judge(&story(text), Guarantee::Eventual);
        assert_eq!(
            eventual("a: w1 0..1 #1; a: w2 2..3 #3; b: r1 9..10; b: r0 11..12"),
            Verdict::Holds
        );
        assert_eq!(eventual("b: r1 0..4; a: w1 2..3"), Verdict::Holds, "the write had begun");
        for (text, why) in [
            ("a: w1 2..3; b: r1 0..1", "before session 0 began to write it at 2 ms"),
            ("a: w1 0..1!; b: r1 2..3", "had failed"),
            ("a: w1@1 0..1; b: r1@0 2..3", "written to key 1"),
            ("b: s0,9@0 2..3", "nobody wrote"),
        ] {
            assert!(eventual(text).message().contains(why), "{text}: {:?}", eventual(text));
        }
    }

    #[test]
    fn replicas_that_stay_apart_are_named() {
        let mut history = story("a: w1 0..1 #1; a: w2 2..3 #3");
        history.finals[1].values[0] = Value(1);
        let verdict = judge(&history, Guarantee::Eventual);
        assert_eq!(
            verdict.message(),
            "after everything had come to rest, replica 0 holds w2 for key 0 and replica 1 holds w1"
        );
        // Nor need a replica agree that has other keys.
        history.finals[1].values[0] = Value::NOT_HELD;
        assert_eq!(judge(&history, Guarantee::Eventual), Verdict::Holds);
        // A table that was never extended holds initial values.
        history.finals[1].values.clear();
        assert!(judge(&history, Guarantee::Linearizable).message().contains("the initial value"));
        history.finals.clear();
        assert!(matches!(judge(&history, Guarantee::Eventual), Verdict::Unknown(_)));
        assert_eq!(judge(&history, Guarantee::Linearizable), Verdict::Holds);
    }
}
