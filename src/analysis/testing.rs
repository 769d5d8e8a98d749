//! Small histories for tests: drawn by hand in one line, or at random.
//!
//! `story("a: w1 0..10; b: r1@2 12..13")` is session 0 writing value 1 to key 0 from 0 to 10 ms,
//! and session 1 reading it from key 2. `5..9!` failed, `5..?` is unknown, `s0,1@4` scans keys 4
//! and 5, `w1 #3` commits the write at 3 ms. Values are renumbered in order of invocation, as a
//! recorder would; sessions with the same letter share a client group.

use crate::history::{Commit, FinalState, History, Operation, Status, Traffic};
use crate::op::{Contents, Key, OpKind, Rank, Value};
use crate::rng::Rng;
use crate::time::Instant;

const MS: u64 = 1_000_000;

/// Operations in any order, with values as they were drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    operations: Vec<Operation>,
    scanned: Vec<Value>,
    commits: Vec<(Instant, Value)>,
}

/// A history drawn in one line.
pub(crate) fn story(text: &str) -> History {
    let mut story = Story::default();
    for part in text.split(';') {
        let words: Vec<&str> = part.split_whitespace().collect();
        let session = u32::from(words[0].as_bytes()[0] - b'a');
        let (what, key) = words[1].split_once('@').unwrap_or((words[1], "0"));
        let numbers = what[1..].split(',').map(|v| Value(v.parse().expect("a value")));
        let values: Vec<Value> = numbers.collect();
        let (from, to) = words[2].split_once("..").expect("from..to");
        let kind = match &what[..1] {
            "w" => OpKind::Write,
            "r" => OpKind::Read,
            _ => OpKind::Scan,
        };
        let (status, to) = match to {
            "?" => (Status::Unknown, None),
            _ if to.ends_with('!') => (Status::Failed, Some(&to[..to.len() - 1])),
            _ => (Status::Ok, Some(to)),
        };
        let ms = |text: &str| Instant((text.parse::<f64>().expect("ms") * MS as f64) as u64);
        let completed = to.map_or(Instant::NEVER, ms);
        story.add(
            session,
            Key(key.parse().expect("a key")),
            kind,
            status,
            &values,
            ms(from),
            completed,
        );
        if let Some(at) = words.get(3) {
            story.commits.push((ms(&at[1..]), values[0]));
        }
    }
    story.finish()
}

impl Story {
    #[allow(clippy::too_many_arguments, reason = "it is an operation, spelled out")]
    fn add(
        &mut self,
        session: u32,
        key: Key,
        kind: OpKind,
        status: Status,
        values: &[Value],
        invoked: Instant,
        completed: Instant,
    ) {
        let scan = kind == OpKind::Scan;
        let value = if scan { Value(self.scanned.len() as u32) } else { values[0] };
        if scan {
            self.scanned.extend_from_slice(values);
        }
        self.operations.push(Operation {
            session,
            group: session as u16 % 2,
            kind,
            status,
            rmw: false,
            key,
            value,
            count: if scan { values.len() as u16 } else { 0 },
            intended: invoked,
            invoked,
            completed,
        });
    }

    /// Sorts by invocation and numbers the values as a recorder would have.
    fn finish(mut self) -> History {
        self.operations.sort_by_key(|op| (op.invoked, op.completed));
        let is_write = |op: &&mut Operation| op.kind == OpKind::Write;
        let mut names = vec![Value::INITIAL];
        names.extend(self.operations.iter_mut().filter(is_write).map(|op| op.value));
        let number = |value: Value| {
            let place = names.iter().position(|name| *name == value);
            place.map_or(value, |place| Value(place as u32))
        };
        let mut keys = 1;
        for op in &mut self.operations {
            keys = keys.max(op.key.0 + u32::from(op.count.max(1)));
            if op.kind != OpKind::Scan {
                op.value = number(op.value);
            }
        }
        self.commits.sort_by_key(|(at, _)| *at);
        let key_of = |value: Value| {
            let write = |op: &&Operation| op.kind == OpKind::Write && op.value == value;
            self.operations.iter().find(write).expect("a commit of a write").key
        };
        let commits: Vec<Commit> = self
            .commits
            .iter()
            .map(|(at, value)| (*at, number(*value)))
            .map(|(at, value)| Commit { at, key: key_of(value), value, rank: Rank::AS_DECIDED })
            .collect();
        let mut last = vec![Value::INITIAL; keys as usize];
        for commit in &commits {
            last[commit.key.0 as usize] = commit.value;
        }
        let horizon = self.operations.last().map_or(Instant::ZERO, |op| op.invoked);
        History {
            groups: vec!["near".into(), "far".into()],
            keys,
            contents: Contents::default(),
            merged: false,
            overwrites: false,
            writes: names.len() as u32 - 1,
            warm_up: Instant::ZERO,
            horizon,
            windows: vec![],
            operations: self.operations,
            scanned: self.scanned.iter().map(|value| number(*value)).collect(),
            effects: vec![],
            commits,
            made: vec![],
            finals: vec![FinalState { values: last, ..FinalState::default() }; 2],
            traffic: Traffic::default(),
        }
    }

    /// Only some of a history's operations. (The scans' values keep their places.)
    pub(crate) fn only(history: &History, operations: &[u32]) -> History {
        let operations = operations.iter().map(|id| history.operations[*id as usize]).collect();
        Self { operations, scanned: history.scanned.clone(), commits: vec![] }.finish()
    }

    /// Up to `n` operations of three sessions on two keys with an atomic register each, with ties,
    /// failures and unknown outcomes; half of the seeds have one or two reads replaced at random.
    pub(crate) fn random(seed: u64, n: usize) -> History {
        let mut rng = Rng::stream(seed, "story", n as u64);
        let mut busy = [0_u64; 3];
        let mut session_of = [0_u32, 1, 2];
        let mut planned = Vec::new();
        for _ in 0..n {
            let slot = rng.below(3) as usize;
            let from = busy[slot] + rng.below(4);
            let to = from + rng.below(6);
            let write = rng.below(2) == 0;
            let fate = if write { rng.below(8) } else { 7 };
            let key = Key(rng.below(6) as u32 / 5);
            // An unknown write may take effect long after, a failed one never does.
            let effect = from + rng.below(to - from + 1 + if fate == 0 { 12 } else { 0 });
            planned.push((effect, rng.next_u64(), session_of[slot], write, fate, key, from, to));
            busy[slot] = to;
            if fate == 0 {
                session_of[slot] += 3;
            }
        }
        planned.sort_unstable();
        let mut story = Self::default();
        let mut held = [Value::INITIAL; 2];
        let mutate = seed % 2 == 1;
        let mut written = 0;
        for (effect, _, session, write, fate, key, from, to) in planned {
            let state = &mut held[key.0 as usize];
            let (from, to) = (Instant(from), Instant(to));
            if write {
                written += 1;
                let value = Value(written);
                let (status, to) = match fate {
                    0 => (Status::Unknown, Instant::NEVER),
                    1 => (Status::Failed, to),
                    _ => (Status::Ok, to),
                };
                story.add(session, key, OpKind::Write, status, &[value], from, to);
                if status == Status::Ok || status == Status::Unknown && rng.below(2) == 0 {
                    *state = value;
                    story.commits.push((Instant(effect), value));
                }
            } else {
                let wrong = mutate && rng.below(3) == 0;
                let value =
                    if wrong { Value(rng.below(u64::from(written) + 2) as u32) } else { *state };
                story.add(session, key, OpKind::Read, Status::Ok, &[value], from, to);
            }
        }
        story.finish()
    }
}
