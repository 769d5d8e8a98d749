//! Counterexamples in words: every checker names operations the same way.

use super::{Counterexample, lineage};
use crate::history::{History, Operation, Status};
use crate::op::{Key, OpKind, Value};
use crate::time::Instant;
use serde::{Deserialize, Serialize};

/// More operations than this are no picture any more.
const EXHIBITS_MAX: usize = 24;

/// One operation of a counterexample, as a picture shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exhibit {
    /// Who did it: `session 3 in eu-west-1`.
    pub who: String,
    /// When it began, in nanoseconds of the run.
    pub from_ns: u64,
    /// When it ended; nothing if its client never knew.
    pub to_ns: Option<u64>,
    /// What it did, in a few characters.
    pub label: String,
    /// The same in a sentence.
    pub sentence: String,
    /// Whether it tells of a value rather than making one.
    pub observes: bool,
    /// Whether it is what cannot be explained: the last one to tell of a value.
    pub blamed: bool,
}

/// The operations of a counterexample in the order of their beginnings, the first of very many.
#[must_use]
pub fn exhibits(history: &History, counterexample: &Counterexample) -> Vec<Exhibit> {
    let operations = counterexample.operations.iter();
    let mut ids: Vec<u32> = operations.copied().collect();
    ids.sort_by_key(|id| (history.operations[*id as usize].invoked, *id));
    ids.truncate(EXHIBITS_MAX);
    let tells = |id: &u32| {
        let op = &history.operations[*id as usize];
        op.kind != OpKind::Write || op.status == Status::Refused
    };
    let blamed = ids.iter().copied().rfind(|id| tells(id));
    let exhibit = |id: &u32| {
        let op = &history.operations[*id as usize];
        Exhibit {
            who: format!("session {} in {}", op.session, history.groups[usize::from(op.group)]),
            from_ns: op.invoked.0,
            to_ns: (op.completed != Instant::NEVER).then_some(op.completed.0),
            label: label(history, *id),
            sentence: sentence(op),
            observes: tells(id),
            blamed: Some(*id) == blamed,
        }
    };
    ids.iter().map(exhibit).collect()
}

fn label(history: &History, id: u32) -> String {
    let op = &history.operations[id as usize];
    let key = op.key.0;
    let update = history.effects.get(id as usize).map(|effect| effect.update);
    match (op.kind, update) {
        (OpKind::Write, Some(update)) => format!("key {key}: {update}"),
        (OpKind::Write, None) => format!("key {key} = {}", value(op.value)),
        (OpKind::Scan, _) => format!("keys from {key} on"),
        _ if op.count > 0 => format!("key {key} is several"),
        _ => format!("key {key} is {}", value(op.value)),
    }
}

fn sentence(op: &Operation) -> String {
    match op.kind {
        OpKind::Scan => {
            let (session, key, times) = (op.session, op.key.0, times(op));
            format!("session {session} scanned {} keys from key {key} on {times}", op.count)
        }
        OpKind::Read if op.count > 0 => {
            let (session, key, times) = (op.session, op.key.0, times(op));
            format!("session {session} read {} values from key {key} {times}", op.count)
        }
        _ => did(op, op.key, op.value),
    }
}

fn times(op: &Operation) -> String {
    format!("(began {}, ended {})", ms(op.invoked), ms(op.completed))
}

/// `12.345 ms`, or `never` for an operation whose outcome is unknown.
pub(super) fn ms(at: Instant) -> String {
    if at == Instant::NEVER { "never".to_owned() } else { format!("{} ms", at.0 as f64 / 1e6) }
}

/// `w17`, or `the initial value`.
pub(super) fn value(value: Value) -> String {
    if value == Value::INITIAL { "the initial value".to_owned() } else { format!("w{}", value.0) }
}

/// `session 3 read w17 from key 5 (began 1 ms, ended 2 ms)`, for the key in question where the
/// operation is a scan.
pub(super) fn did(op: &Operation, key: Key, of: Value) -> String {
    let session = op.session;
    let verb = match op.kind {
        OpKind::Write if op.status == Status::Refused => format!("was refused at {} of", value(of)),
        OpKind::Write => format!("wrote {} to", value(of)),
        OpKind::Read | OpKind::Rmw => format!("read {} from", value(of)),
        OpKind::Scan => format!("scanned {} from", value(of)),
    };
    format!("session {session} {verb} key {} {}", key.0, times(op))
}

/// Puts a sentence and its operations together; the operations are sorted and named once.
pub(super) fn counterexample(message: String, operations: &[u32]) -> Counterexample {
    let mut operations = operations.to_vec();
    operations.sort_unstable();
    operations.dedup();
    Counterexample { message, operations }
}

/// Why `op` could not have read `of` from `key`, if it could not: nobody wrote it there, or only a
/// write that failed, or one that began after the read ended.
#[inline]
pub(super) fn out_of_thin_air(
    history: &History,
    writes: &[u32],
    op: u32,
    key: Key,
    of: Value,
) -> Option<Counterexample> {
    if of == Value::INITIAL {
        return None;
    }
    let reader = &history.operations[op as usize];
    let story = || did(reader, key, of);
    let Some(&write) = writes.get(of.0 as usize) else {
        return Some(counterexample(format!("{}, a value nobody wrote", story()), &[op]));
    };
    let writer = &history.operations[write as usize];
    let why = if writer.key != key {
        format!("a value that was written to key {}", writer.key.0)
    } else if writer.status == Status::Failed {
        format!("whose write by session {} had failed without effect", writer.session)
    } else if writer.status == Status::Refused && !lineage::was_made(history, of) {
        format!("whose update by session {} had been refused", writer.session)
    } else if writer.invoked > reader.completed {
        format!("before session {} began to write it at {}", writer.session, ms(writer.invoked))
    } else {
        return None;
    };
    Some(counterexample(format!("{}, {why}", story()), &[op, write]))
}
