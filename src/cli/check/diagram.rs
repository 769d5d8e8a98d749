//! A counterexample as a space-time diagram: a lane per process, a bar per operation.

use crate::foreign::{
    Action, Condition, Counterexample, History, NEVER, Operation, Outcome, describe, short,
};
use crate::report::{Bar, SpaceTime, Ticks};
use crate::time::Duration;

pub(super) fn diagram(
    name: &str,
    history: &History,
    condition: Condition,
    example: &Counterexample,
    tick: Option<Duration>,
) -> SpaceTime {
    let ops: Vec<&Operation> =
        example.operations.iter().map(|i| &history.operations()[*i as usize]).collect();
    let mut processes: Vec<u32> = ops.iter().map(|op| op.process).collect();
    processes.sort_unstable();
    processes.dedup();
    let blamed = ops.iter().copied().filter(|op| op.observes()).max_by_key(|op| op.invoked);
    let missed = blamed.and_then(|read| missed(&ops, read));
    let bar = |op: &&Operation| Bar {
        lane: processes.partition_point(|process| *process < op.process),
        from: op.invoked,
        to: (op.outcome == Outcome::Ok && op.completed != NEVER).then_some(op.completed),
        label: label(history, op),
        sentence: describe(history, op),
        observes: op.observes(),
        blamed: Some(*op) == blamed,
        missed: Some(*op) == missed,
    };
    let bars = ops.iter().map(bar).collect();
    let tick = tick.map(|tick| tick.0).or(history.tick());
    SpaceTime {
        title: format!("{name} is not {condition}"),
        lanes: processes.iter().map(|p| format!("process {}", history.process(*p))).collect(),
        bars,
        ticks: tick.map_or(Ticks::Plain, Ticks::Nanoseconds),
    }
}

/// The write that a read should have seen: of those of its key that make another value, had ended
/// before it began, and began after the write it read had ended, the first to end.
fn missed<'h>(ops: &[&'h Operation], read: &Operation) -> Option<&'h Operation> {
    let of_key = || ops.iter().copied().filter(|op| op.key == read.key && op.makes().is_some());
    let source = of_key().find(|op| op.makes() == Some(read.value));
    let newer = |op: &&Operation| {
        op.makes() != Some(read.value)
            && op.completed < read.invoked
            && source.is_none_or(|source| source.completed < op.invoked)
    };
    of_key().filter(newer).min_by_key(|op| op.completed)
}

fn label(history: &History, op: &Operation) -> String {
    let (value, key) = (short(history.value(op.value)), short(history.key(op.key)));
    let expected = short(history.value(op.expected));
    match op.action {
        Action::Read => format!("{key} is {value}"),
        Action::Write => format!("{key} = {value}"),
        Action::Append => format!("{key} += {value}"),
        Action::Delete => format!("delete {key}"),
        Action::Cas if op.refused() => format!("{key} is not {expected}"),
        Action::Cas => format!("{key}: {expected} to {value}"),
        Action::Add => format!("{key} + {value}"),
        Action::Take if op.refused() => format!("{key} < {value}"),
        Action::Take => format!("{key} - {value}"),
        Action::Insert => format!("{value} into {key}"),
        Action::Remove => format!("{value} out of {key}"),
        Action::Acquire if op.refused() => format!("{key} is held"),
        Action::Acquire => format!("acquire {key}"),
        Action::Release if op.refused() => format!("{key} is not its own"),
        Action::Release => format!("release {key}"),
    }
}
