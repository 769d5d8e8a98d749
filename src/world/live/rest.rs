//! When replicas in real time have come to rest, and what every process leaves then.
//!
//! The same question as in virtual time, and the same answer: see [`crate::world::rest`]. Only that nobody
//! waits an hour for it, and that what is under way is seen from the far ends: each replica says how long its
//! own timers and its disk have to go.

use super::hub::Hub;
use super::node::{Audit, Input};
use crate::history::FinalState;
use crate::op::{Key, Value};
use crate::protocol::Protocol;
use crate::time::{Duration, Instant};
use crate::world::rest::{Digest, Patience, Rest};
use tokio::sync::oneshot;

/// Between the last operation and the comparison of the replicas at least, and between two of them.
pub(super) const REST: Duration = Duration::millis(500);
/// How long replicas are given to become equal whatever is under way: anti-entropy runs every five seconds.
pub(super) const PATIENCE: Duration = Duration::secs(15);
/// When it is given up.
const LIMIT: Duration = Duration::secs(120);

/// What is seen of replicas that are looked at again and again.
pub(super) struct Looks {
    rest: Rest,
    began: Option<Instant>,
}

impl Looks {
    pub(super) fn new() -> Self {
        let rest = Rest::new(Patience { again: REST, quiet: PATIENCE, limit: LIMIT });
        Self { rest, began: None }
    }

    /// These replicas hold this, and messages between them are under way until then: whether they had come to
    /// rest, if that is known or never will be.
    pub(super) fn end<'a>(
        &mut self,
        now: Instant,
        replicas: impl Iterator<Item = &'a Audit> + Clone,
        arrived: Instant,
    ) -> Option<bool> {
        let began = *self.began.get_or_insert(now);
        let states: Vec<&FinalState> = replicas.clone().map(|left| &left.state).collect();
        if agree(&states) {
            return Some(true);
        }
        let reach = replicas.map(|left| left.reach).max().unwrap_or(Duration::ZERO);
        let reach = reach.max(Duration(arrived.0.saturating_sub(now.0)));
        let again = self.rest.differ(now, digest(&states), reach);
        // Most of what could be under way for long is not: a timer may stand for nothing.
        let patient = self.rest.is_given_up() && now <= began + PATIENCE;
        (again.is_none() && !patient).then(|| !self.rest.is_given_up())
    }
}

/// Whether replicas would answer alike, each of the keys that it holds. Who reads its log anew holds nothing yet,
/// and is waited for.
fn agree(states: &[&FinalState]) -> bool {
    let keys = states.iter().map(|state| state.values.len()).max().unwrap_or(0);
    if keys == 0 || states.iter().any(|state| state.values.len() < keys) {
        return false;
    }
    (0..keys).all(|key| {
        let holders = states.iter().filter(|state| state.values[key] != Value::NOT_HELD);
        let mut held = holders.map(|state| of_key(state, key));
        let first = held.next();
        held.all(|other| Some(other) == first)
    })
}

/// The value of a key, its state word and its siblings; these stand in order of key.
fn of_key(state: &FinalState, key: usize) -> (Value, Option<u64>, &[(Key, Value)]) {
    let from = state.siblings.partition_point(|(of, _)| (of.0 as usize) < key);
    let upto = state.siblings.partition_point(|(of, _)| (of.0 as usize) <= key);
    (state.values[key], state.words.get(key).copied(), &state.siblings[from..upto])
}

/// What they hold, as a number.
fn digest(states: &[&FinalState]) -> u64 {
    let mut digest = Digest::EMPTY;
    for FinalState { values, words, siblings } in states.iter().copied() {
        values.iter().for_each(|value| digest.take(u64::from(value.0)));
        words.iter().for_each(|word| digest.take(*word));
        for (key, value) in siblings {
            digest.take(u64::from(key.0));
            digest.take(u64::from(value.0));
        }
    }
    digest.0
}

/// Waits until faults are over and replicas are equal, or differ for good, or long enough; what all processes
/// leave, and whether the replicas had come to rest.
pub(super) async fn settle<P: Protocol>(hub: &Hub<P>) -> (Vec<Audit>, bool) {
    let healed = hub.plan.faults.iter().map(|fault| Instant::ZERO + fault.end).max();
    let arrived = hub.lock().network.calm_down();
    let mut look = arrived.max(hub.now()).max(healed.unwrap_or(Instant::ZERO)) + REST;
    let mut looks = Looks::new();
    loop {
        wait(hub, look).await;
        let left = audit(hub).await;
        let arrived = {
            let core = hub.lock();
            if core.failure.is_some() {
                return (left, false);
            }
            core.network.latest()
        };
        let replicas = left[..hub.plan.replicas.len().min(left.len())].iter();
        if let Some(at_rest) = looks.end(hub.now(), replicas, arrived) {
            return (left, at_rest);
        }
        look = hub.now() + REST;
    }
}

/// Until then, or until something has gone wrong.
pub(super) async fn wait<P: Protocol>(hub: &Hub<P>, until: Instant) {
    while hub.now() < until && hub.lock().failure.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// What every process leaves.
pub(super) async fn audit<P: Protocol>(hub: &Hub<P>) -> Vec<Audit> {
    let mut left = Vec::new();
    for process in 0..hub.inboxes.len() {
        let (home, answer) = oneshot::channel();
        hub.tell(process, Input::Audit(home));
        // A process that has ended has failed the run.
        let Ok(audit) = answer.await else { return left };
        left.push(audit);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two replicas that hold these, with something under way for so long.
    fn replicas(values: [u32; 2], reach: Duration) -> [Audit; 2] {
        values.map(|value| Audit {
            state: FinalState { values: vec![Value(value)], words: vec![], siblings: vec![] },
            lateness: Default::default(),
            reach,
        })
    }

    /// Looks every second: when it was known how it ends, and how.
    fn looks(holds: impl Fn(u64) -> [u32; 2], reach: impl Fn(u64) -> Duration) -> (u64, bool) {
        let mut looks = Looks::new();
        let ends = (0..1_000).find_map(|s| {
            let now = Instant::ZERO + Duration::secs(s);
            let end = looks.end(now, replicas(holds(s), reach(s)).iter(), Instant::ZERO)?;
            Some((s, end))
        });
        ends.expect("it ends")
    }

    #[test]
    fn replicas_agree_about_what_they_hold_and_say_nothing_of_other_keys() {
        let state = |values: [u32; 2], word: u64, siblings: &[(u32, u32)]| FinalState {
            values: values.map(Value).to_vec(),
            words: vec![word; 2],
            siblings: siblings.iter().map(|(key, value)| (Key(*key), Value(*value))).collect(),
        };
        let elsewhere = Value::NOT_HELD.0;
        let (one, other) = (state([1, 2], 7, &[(1, 5)]), state([1, elsewhere], 7, &[]));
        assert!(agree(&[&one, &other]) && agree(&[&other, &one]) && agree(&[&one]));
        assert!(!agree(&[&one, &state([3, elsewhere], 7, &[])]), "another value");
        assert!(!agree(&[&one, &state([1, 2], 8, &[(1, 5)])]), "another word");
        assert!(!agree(&[&one, &state([1, 2], 7, &[])]), "a sibling less");
        let none = FinalState { values: vec![], words: vec![], siblings: vec![] };
        assert!(!agree(&[&one, &none]) && !agree(&[&none, &none]), "its log is being read");
    }

    #[test]
    fn replicas_that_differ_are_held_to_differ_for_good_only_when_nothing_is_under_way() {
        let heartbeats = |_| Duration::secs(1);
        assert_eq!(looks(|_| [1, 1], heartbeats), (0, true));
        assert_eq!(looks(|s| [1, u32::from(s >= 7)], heartbeats), (7, true));
        assert_eq!(looks(|_| [1, 2], heartbeats), (15, true));
        // An update that is shown after forty seconds.
        let held_back = |s: u64| Duration::secs(40_u64.saturating_sub(s).max(1));
        assert_eq!(looks(|s| [1, u32::from(s >= 40)], held_back), (40, true));
        // Tomorrow, perhaps; or a timer that stands for nothing.
        let tomorrow = |_| Duration::secs(86_400);
        assert_eq!(looks(|_| [1, 2], tomorrow), (16, false));
        assert_eq!(looks(|s| [1, u32::from(s >= 3)], tomorrow), (3, true));
        assert_eq!(looks(|s| [s as u32 + 1, 0], heartbeats), (120, false));
    }
}
