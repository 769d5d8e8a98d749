//! Counterexamples in words: every checker names operations the same way.

use super::Counterexample;
use crate::history::{History, Operation, Status};
use crate::op::{Key, OpKind, Value};
use crate::time::Instant;

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
    let Operation { session, invoked, completed, .. } = op;
    let verb = match op.kind {
        OpKind::Write if op.status == Status::Refused => format!("was refused at {} of", value(of)),
        OpKind::Write => format!("wrote {} to", value(of)),
        OpKind::Read | OpKind::Rmw => format!("read {} from", value(of)),
        OpKind::Scan => format!("scanned {} from", value(of)),
    };
    let times = format!("(began {}, ended {})", ms(*invoked), ms(*completed));
    format!("session {session} {verb} key {} {times}", key.0)
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
    } else if writer.status == Status::Refused {
        format!("whose update by session {} had been refused", writer.session)
    } else if writer.invoked > reader.completed {
        format!("before session {} began to write it at {}", writer.session, ms(writer.invoked))
    } else {
        return None;
    };
    Some(counterexample(format!("{}, {why}", story()), &[op, write]))
}
