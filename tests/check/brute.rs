//! Random small histories against the definitions, written down as plainly as can be.

use pacelc::foreign::{
    Action, Builder, Condition, History, INITIAL, Limits, NEVER, Operation, Outcome, Session,
    Verdict, Witness, delta_atomicity, judge, k_atomicity, proves,
};

/// A generator that needs no crate and gives the same numbers everywhere (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }
}

/// A history of a store that mostly does what it should. With `unique`, only reads and unique
/// writes.
pub(super) fn random(seed: u64, length: usize, unique: bool) -> History {
    let mut dice = Dice(seed);
    let mut builder = Builder::new("null");
    let texts = ["\"a\"", "\"b\"", "\"ab\""].map(|text| builder.value(text));
    let (keys, processes) = (1 + dice.below(2), 2 + dice.below(2));
    let mut now = vec![0; processes as usize];
    let mut ops = Vec::new();
    for n in 0..length {
        let process = dice.below(processes) as usize;
        if now[process] == NEVER {
            continue;
        }
        let invoked = now[process] + 1 + dice.below(5);
        let completed = invoked + dice.below(6);
        let action = match dice.below(if unique { 4 } else { 8 }) {
            0 | 1 => Action::Read,
            2 | 3 => Action::Write,
            4 | 5 => Action::Cas,
            6 => Action::Append,
            _ => Action::Delete,
        };
        let any = texts[dice.below(3) as usize];
        let value = match action {
            Action::Delete => INITIAL,
            Action::Write if unique => builder.value(&format!("{n}")),
            _ => any,
        };
        let unknown = dice.below(8) == 0;
        now[process] = if unknown { NEVER } else { completed };
        let point = invoked + dice.below(completed - invoked + 1);
        ops.push((
            point,
            Operation {
                invoked,
                completed: now[process],
                process: builder.process(&process.to_string()),
                key: builder.key(&dice.below(keys).to_string()),
                value,
                expected: if action == Action::Cas {
                    texts[dice.below(3) as usize]
                } else {
                    INITIAL
                },
                line: n as u32 + 1,
                action,
                outcome: if unknown { Outcome::Unknown } else { Outcome::Ok },
                swapped: false,
            },
        ));
    }
    answer(&mut ops, &mut dice);
    for (_, op) in ops {
        builder.push(op);
    }
    builder.finish().expect("processes do one thing at a time")
}

/// Answers reads and swaps as a store would that does each operation at its point; now and then it
/// answers as if it had done another one first.
fn answer(ops: &mut [(u64, Operation)], dice: &mut Dice) {
    let mut order: Vec<usize> = (0..ops.len()).collect();
    order.sort_by_key(|i| ops[*i].0);
    if ops.len() > 1 && dice.below(2) == 0 {
        let at = dice.below(ops.len() as u64 - 1) as usize;
        order.swap(at, at + 1);
    }
    let mut states = [INITIAL; 2];
    let mut made = vec![INITIAL];
    for i in order {
        let op = &mut ops[i].1;
        let state = &mut states[op.key as usize];
        match op.action {
            Action::Read if dice.below(10) == 0 => {
                op.value = made[dice.below(made.len() as u64) as usize];
            }
            Action::Read => op.value = *state,
            Action::Cas => {
                op.swapped = *state == op.expected;
                *state = if op.swapped { op.value } else { *state };
            }
            // Texts by appending come out right often enough with the pool of values there is.
            _ => *state = op.value,
        }
        made.push(*state);
    }
}

/// What a key holds, as text; appending makes new ones.
pub(super) fn apply(history: &History, state: &str, op: &Operation) -> Option<String> {
    let value = history.value(op.value);
    let initial = history.value(INITIAL);
    match op.action {
        Action::Read => {
            super::objects::same(history, op.key, state, value).then(|| state.to_owned())
        }
        Action::Write => Some(value.to_owned()),
        Action::Delete => Some(initial.to_owned()),
        Action::Append if value.starts_with('[') => super::objects::apply(history, state, op),
        Action::Append => {
            let front = if state == "null" { "\"" } else { state.trim_end_matches('"') };
            let front = if front.is_empty() { "\"" } else { front };
            Some(format!("{front}{}", value.trim_start_matches('"')))
        }
        Action::Cas => {
            let fits = state == history.value(op.expected);
            match (op.outcome, fits) {
                (Outcome::Ok, fits) if fits != op.swapped => None,
                (_, true) => Some(value.to_owned()),
                (_, false) => Some(state.to_owned()),
            }
        }
        _ => super::objects::apply(history, state, op),
    }
}

/// Whether one operation must come before another.
pub(super) type Before<'a> = &'a dyn Fn(&Operation, &Operation) -> bool;

/// Whether some order of the operations extends `before` and explains every answer. Unknown
/// operations may be left out.
fn some_order(history: &History, before: Before<'_>, done: u32, states: &[String]) -> bool {
    let ops = history.operations();
    let open = |i: &usize| done & 1 << i == 0;
    let left = || (0..ops.len()).filter(open);
    if left().all(|i| ops[i].outcome != Outcome::Ok) {
        return true;
    }
    left().any(|i| {
        let op = &ops[i];
        let first = left().all(|j| j == i || !before(&ops[j], op));
        let after =
            if first && op.counts() { apply(history, &states[op.key as usize], op) } else { None };
        after.is_some_and(|state| {
            let mut states = states.to_vec();
            states[op.key as usize] = state;
            some_order(history, before, done | 1 << i, &states)
        })
    })
}

pub(super) fn has_order(history: &History, before: Before<'_>) -> bool {
    some_order(history, before, 0, &vec![history.value(INITIAL).to_owned(); history.counts().0])
}

/// Real time, for operations of all keys at once: that each key can be judged alone is a theorem.
pub(super) fn in_real_time(a: &Operation, b: &Operation) -> bool {
    a.completed < b.invoked
}

pub(super) fn in_process(a: &Operation, b: &Operation) -> bool {
    a.process == b.process && a.line < b.line
}

fn agree(seed: u64, history: &History, condition: Condition, expected: bool) -> Verdict {
    let limits = Limits { witness: true, ..Limits::default() };
    let verdict = judge(history, condition, &limits);
    let ops: Vec<String> =
        history.operations().iter().map(|op| pacelc::foreign::describe(history, op)).collect();
    assert_eq!(verdict.decided(), Some(expected), "{seed}: {condition}: {verdict:?} of {ops:#?}");
    verdict
}

/// Only the operations of a counterexample, as a history.
pub(super) fn only(history: &History, operations: &[u32]) -> History {
    let mut builder = Builder::new(history.value(INITIAL));
    for i in operations {
        let op = history.operations()[*i as usize];
        let process = builder.process(history.process(op.process));
        let key = builder.key(history.key(op.key));
        let value = builder.value(history.value(op.value));
        let expected = builder.value(history.value(op.expected));
        builder.push(Operation { process, key, value, expected, ..op });
    }
    builder.finish().expect("a part of a history is one")
}

#[test]
fn orders_are_found_where_there_are_any_and_evidence_stands_alone() {
    let mut held = [0; 2];
    for seed in 0..20_000 {
        let history = random(seed, 3 + (seed % 6) as usize, seed % 2 == 0);
        if history.operations().is_empty() {
            continue;
        }
        let linearizable = has_order(&history, &in_real_time);
        // Within a process operations may touch, which real time alone does not order.
        let sequential = has_order(&history, &in_process);
        held[0] += u32::from(linearizable);
        held[1] += u32::from(sequential);
        for (condition, expected, real_time) in [
            (Condition::Linearizable, linearizable, true),
            (Condition::Sequential, sequential, false),
        ] {
            match agree(seed, &history, condition, expected) {
                Verdict::Holds(Witness::Order(order)) => {
                    assert!(proves(&history, &order, real_time, !real_time), "{seed}: {condition}");
                }
                Verdict::Violated(example) => {
                    let few = only(&history, &example.operations);
                    let before: Before<'_> = if real_time { &in_real_time } else { &in_process };
                    assert!(!has_order(&few, before), "{seed}: {condition}: {example:?}");
                }
                other => panic!("{seed}: {condition}: {other:?}"),
            }
        }
    }
    assert!(held.iter().all(|n| (5_000..19_000).contains(n)), "one-sided: {held:?}");
}

/// CO of histories with unique writes: the transitive closure of processes and of who reads whom;
/// `None` if it is no order.
fn causality(ops: &[Operation]) -> Option<Vec<Vec<bool>>> {
    let n = ops.len();
    let reads = |a: &Operation, b: &Operation| {
        a.action == Action::Write
            && b.action == Action::Read
            && b.outcome == Outcome::Ok
            && (a.key, a.value) == (b.key, b.value)
    };
    let edge = |a: usize, b: usize| in_process(&ops[a], &ops[b]) || reads(&ops[a], &ops[b]);
    let mut co: Vec<Vec<bool>> = (0..n).map(|a| (0..n).map(|b| edge(a, b)).collect()).collect();
    for k in 0..n {
        for a in 0..n {
            for b in 0..n {
                co[a][b] |= co[a][k] && co[k][b];
            }
        }
    }
    (0..n).all(|a| !co[a][a]).then_some(co)
}

/// Calls `accept` with every total order of `members` that extends `co`, until it says yes.
fn extension(
    members: &[usize],
    co: &[Vec<bool>],
    order: &mut Vec<usize>,
    accept: &mut dyn FnMut(&[usize]) -> bool,
) -> bool {
    if order.len() == members.len() {
        return accept(order);
    }
    for &next in members {
        let free =
            !order.contains(&next) && members.iter().all(|m| order.contains(m) || !co[*m][next]);
        if free {
            order.push(next);
            if extension(members, co, order, accept) {
                return true;
            }
            order.pop();
        }
    }
    false
}

/// Whether `read` returns the last write of its key before it in `order`, among `visible`.
fn explained(
    ops: &[Operation],
    order: &[usize],
    read: usize,
    visible: &dyn Fn(usize) -> bool,
) -> bool {
    let op = &ops[read];
    let before = order.iter().take_while(|i| **i != read);
    let writes = before.filter(|i| ops[**i].action == Action::Write && ops[**i].key == op.key);
    let last = writes.filter(|i| visible(**i)).last();
    op.value == last.map_or(INITIAL, |i| ops[*i].value)
}

/// Weak causal consistency, causal memory and causal convergence by definition.
fn causal(history: &History) -> [bool; 3] {
    let ops: Vec<Operation> =
        history.operations().iter().filter(|op| op.counts()).copied().collect();
    let Some(co) = causality(&ops) else { return [false; 3] };
    let past =
        |o: usize| -> Vec<usize> { (0..ops.len()).filter(|i| *i == o || co[*i][o]).collect() };
    let reads = || (0..ops.len()).filter(|i| ops[*i].action == Action::Read);
    let everything = |_: usize| true;
    let weak = reads().all(|r| {
        extension(&past(r), &co, &mut vec![], &mut |order| explained(&ops, order, r, &everything))
    });
    let memory = (0..ops.len()).all(|o| {
        let own = |r: &usize| in_process(&ops[*r], &ops[o]) || *r == o;
        extension(&past(o), &co, &mut vec![], &mut |order| {
            reads().filter(own).all(|r| explained(&ops, order, r, &everything))
        })
    });
    let all: Vec<usize> = (0..ops.len()).collect();
    let convergence = extension(&all, &co, &mut vec![], &mut |order| {
        reads().all(|r| explained(&ops, order, r, &|w| co[w][r]))
    });
    [weak, memory, convergence]
}

#[test]
fn bad_patterns_are_where_the_definitions_fail() {
    let conditions = [Condition::Causal, Condition::CausalMemory, Condition::CausalConvergence];
    let mut held = [0; 3];
    for seed in 0..4_000 {
        let history = random(seed, 4 + (seed % 4) as usize, true);
        if history.operations().is_empty() {
            continue;
        }
        let expected = causal(&history);
        for (i, condition) in conditions.into_iter().enumerate() {
            held[i] += u32::from(expected[i]);
            if let Verdict::Violated(example) = agree(seed, &history, condition, expected[i]) {
                assert!(!causal(&only(&history, &example.operations))[i], "{seed}: {example:?}");
            }
        }
    }
    assert!(held.iter().all(|n| (1_000..3_900).contains(n)), "one-sided: {held:?}");
}

/// Whether every order of versions is at odds with some session.
fn no_order_of_versions(
    history: &History,
    broken: &dyn Fn(&Operation, &Operation, &[u32]) -> bool,
) -> bool {
    let ops: Vec<Operation> =
        history.operations().iter().filter(|op| op.outcome == Outcome::Ok).copied().collect();
    let keys = history.counts().0 as u32;
    (0..keys).any(|key| {
        let mut values: Vec<u32> = history
            .operations()
            .iter()
            .filter(|op| op.key == key && op.counts())
            .map(|op| op.value)
            .collect();
        values.retain(|value| *value != INITIAL);
        values.sort_unstable();
        values.dedup();
        let free = vec![vec![false; values.len()]; values.len()];
        let all: Vec<usize> = (0..values.len()).collect();
        !extension(&all, &free, &mut vec![], &mut |order| {
            let mut ranks = vec![INITIAL];
            ranks.extend(order.iter().map(|i| values[*i]));
            let pairs = ops.iter().flat_map(|a| ops.iter().map(move |b| (a, b)));
            !pairs
                .filter(|(a, b)| in_process(a, b) && a.key == key && b.key == key)
                .any(|(a, b)| broken(a, b, &ranks))
        })
    })
}

#[test]
fn sessions_break_where_no_order_of_versions_fits() {
    let four = [
        (Session::ReadYourWrites, Action::Write, Action::Read),
        (Session::MonotonicReads, Action::Read, Action::Read),
        (Session::MonotonicWrites, Action::Write, Action::Write),
        (Session::WritesFollowReads, Action::Read, Action::Write),
    ];
    let rank = |ranks: &[u32], value: u32| ranks.iter().position(|v| *v == value);
    let breaks = |first: Action, second: Action, a: &Operation, b: &Operation, ranks: &[u32]| {
        let (old, new) = (rank(ranks, a.value), rank(ranks, b.value));
        (a.action, b.action) == (first, second)
            && if second == Action::Write { old >= new } else { old > new }
    };
    let mut broken = [0; 5];
    for seed in 0..6_000 {
        let history = random(seed, 4 + (seed % 5) as usize, true);
        // An unknown write counts once it was read; that rule has a test of its own.
        if history.operations().iter().any(|op| op.outcome != Outcome::Ok) {
            continue;
        }
        for (i, (guarantee, first, second)) in four.into_iter().enumerate() {
            let expected =
                !no_order_of_versions(&history, &|a, b, ranks| breaks(first, second, a, b, ranks));
            agree(seed, &history, Condition::One(guarantee), expected);
            broken[i] += u32::from(!expected);
        }
        let any = |a: &Operation, b: &Operation, ranks: &[u32]| {
            four.iter().any(|(_, first, second)| breaks(*first, *second, a, b, ranks))
        };
        let expected = !no_order_of_versions(&history, &any);
        agree(seed, &history, Condition::Session, expected);
        broken[4] += u32::from(!expected);
    }
    // By itself, an order that puts every write last in its session always exists.
    assert!(broken[0] > 20 && broken[1] > 20 && broken[4] > broken[0], "{broken:?}");
}

/// Whether every read can return one of the last `k` writes in an order that agrees with real time.
fn within(history: &History, k: usize, done: u32, last: &[Vec<u32>]) -> bool {
    let ops = history.operations();
    let left = || (0..ops.len()).filter(|i| done & 1 << i == 0);
    if left().all(|i| ops[i].outcome != Outcome::Ok) {
        return true;
    }
    left().any(|i| {
        let op = &ops[i];
        let held = &last[op.key as usize];
        let first = op.counts() && left().all(|j| !in_real_time(&ops[j], op));
        let fits =
            op.action == Action::Write || held[held.len().saturating_sub(k)..].contains(&op.value);
        first && fits && {
            let mut last = last.to_vec();
            if op.action == Action::Write {
                last[op.key as usize].push(op.value);
            }
            within(history, k, done | 1 << i, &last)
        }
    })
}

#[test]
fn the_distance_from_linearizable_is_the_least_that_will_do() {
    let limits = Limits::default();
    let mut seen = [0; 3];
    for seed in 0..6_000 {
        let history = random(seed, 3 + (seed % 6) as usize, true);
        let n = history.operations().len();
        let least =
            (1..=n + 1).find(|k| within(&history, *k, 0, &vec![vec![INITIAL]; history.counts().0]));
        assert_eq!(k_atomicity(&history, &limits), Ok(least.map(|k| k as u32)), "{seed}");
        seen[least.unwrap_or(0).min(2)] += 1;

        let late = |delta: u64| {
            let before = move |a: &Operation, b: &Operation| {
                let early = if b.action == Action::Read { delta } else { 0 };
                a.completed < b.invoked.saturating_sub(early)
            };
            has_order(&history, &before)
        };
        let least = (0..60).find(|delta| late(*delta));
        assert_eq!(delta_atomicity(&history, &limits), Ok(least), "{seed}");
    }
    assert!(seen[1] > 1_000 && seen[2] > 100, "{seen:?}");
}
