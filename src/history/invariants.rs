//! What the recorder guarantees by panicking, a history from elsewhere must be shown to keep: this
//! is the same list again, as errors in words. Tests are beside the reader of files.

use super::file::OperationLine;
use super::{Commit, Effect, FinalState, History, Made, Operation, Status};
use crate::op::{Key, OpKind, Update, Value};
use crate::time::Instant;
use std::collections::BTreeMap;

/// Keys and session numbers stay below this, because analysis keeps tables by both.
pub(super) const MOST_KEYS: u32 = 1 << 24;

/// Builds the history and refuses what the recorder would have refused.
pub(super) struct Reader {
    pub(super) history: History,
    /// By session: the index of its last operation.
    sessions: BTreeMap<u32, u32>,
    /// By value: the key it was written to, and whether its commit was seen.
    written: Vec<(Key, bool)>,
}

impl Reader {
    pub(super) fn new(blank: History) -> Self {
        Self { history: blank, sessions: BTreeMap::new(), written: vec![(Key(0), true)] }
    }

    pub(super) fn operation(&mut self, line: OperationLine) -> Result<(), String> {
        let op = Operation {
            session: line.session,
            group: line.group,
            kind: line.op,
            status: line.status,
            rmw: line.rmw,
            key: line.key,
            value: self.value(&line)?,
            count: self.count(&line)?,
            intended: line.intended,
            invoked: line.invoked,
            completed: line.completed.unwrap_or(Instant::NEVER),
        };
        self.shape(&op, &line)?;
        self.effect(&op, &line)?;
        self.order(&op)?;
        let id = self.history.operations.len();
        if id >= u32::MAX as usize - 1 {
            return Err("a history holds at most 2^32 - 2 operations".into());
        }
        if op.kind == OpKind::Write {
            self.history.writes += 1;
            self.written.push((op.key, false));
        }
        self.sessions.insert(op.session, id as u32);
        self.history.scanned.extend(line.values.into_iter().flatten());
        if !self.history.contents.is_register() {
            let effect = Effect { update: line.update, word: line.word.unwrap_or(0) };
            self.history.effects.push(effect);
        }
        self.history.operations.push(op);
        Ok(())
    }

    /// How many values it asked for, or a read returned if that was more than one.
    fn count(&self, line: &OperationLine) -> Result<u16, String> {
        match (&line.values, line.op) {
            (Some(values), OpKind::Read) if self.history.merged && values.len() > 1 => {
                u16::try_from(values.len())
                    .map_err(|_| "a read returned more than 2^16 values".into())
            }
            (Some(_), OpKind::Read) => {
                Err("a read has several `values` only where updates are `merged`".into())
            }
            _ => Ok(line.count.unwrap_or(0)),
        }
    }

    /// The value to keep: what was written or read, or where a scan's values begin.
    fn value(&self, line: &OperationLine) -> Result<Value, String> {
        let next = self.history.writes + 1;
        match (line.op, line.status, line.value, &line.values) {
            (OpKind::Write, Status::Refused, Some(seen), None) => Ok(seen),
            (OpKind::Write, _, Some(value), None) if value.0 == next => Ok(value),
            (OpKind::Write, _, _, None) => {
                Err(format!("writes are numbered in order: this one's `value` must be {next}"))
            }
            (OpKind::Read, Status::Ok, Some(value), None) => Ok(value),
            (OpKind::Scan, Status::Ok, None, Some(values))
                if Some(values.len()) == line.count.map(usize::from) =>
            {
                let start = u32::try_from(self.history.scanned.len());
                start.map(Value).map_err(|_| "scans returned more than 2^32 values".into())
            }
            (OpKind::Read, Status::Ok, None, Some(_)) => {
                let start = u32::try_from(self.history.scanned.len());
                start.map(Value).map_err(|_| "reads returned more than 2^32 values".into())
            }
            (OpKind::Scan, Status::Ok, ..) => {
                Err("a scan needs `count` and as many `values`".into())
            }
            (OpKind::Read, Status::Ok, ..) => Err("a read that is ok needs its `value`".into()),
            (OpKind::Rmw, ..) => {
                Err("a read-modify-write is recorded as a read and a write".into())
            }
            (_, _, None, None) => Ok(Value::INITIAL),
            (kind, ..) => Err(format!("a {kind} that is not ok returned nothing")),
        }
    }

    /// Whether the operation makes sense by itself.
    fn shape(&self, op: &Operation, line: &OperationLine) -> Result<(), String> {
        let keys = self.history.keys;
        let more = if op.kind == OpKind::Scan { op.count.max(1) - 1 } else { 0 };
        let last = u64::from(op.key.0) + u64::from(more);
        if last >= u64::from(keys) {
            return Err(format!("key {last} is beyond the header's {keys} keys"));
        }
        if op.session >= MOST_KEYS {
            return Err(format!("session {} is beyond {MOST_KEYS}", op.session));
        }
        if usize::from(op.group) >= self.history.groups.len() {
            return Err(format!("group {} is not among the header's groups", op.group));
        }
        if (op.kind == OpKind::Scan) != line.count.is_some() {
            return Err("`count` belongs to scans and only to them".into());
        }
        if op.status == Status::Unknown && op.kind != OpKind::Write {
            return Err("only a write's outcome can be unknown".into());
        }
        if (op.status == Status::Unknown) != (op.completed == Instant::NEVER) {
            return Err("an unknown outcome, and no other, has `completed: null`".into());
        }
        if op.invoked == Instant::NEVER {
            return Err("the operation is invoked at the end of time".into());
        }
        if op.completed < op.invoked {
            return Err("the operation completes before it is invoked".into());
        }
        if op.invoked < op.intended {
            return Err("the operation is invoked before it was intended".into());
        }
        if op.intended > self.history.horizon {
            return Err("the operation was intended after the horizon".into());
        }
        Ok(())
    }

    /// Whether its update and its state word are those of what keys hold.
    fn effect(&self, op: &Operation, line: &OperationLine) -> Result<(), String> {
        let contents = self.history.contents;
        let object = contents.object;
        let refused = op.status == Status::Refused;
        if op.kind == OpKind::Write && !object.allows(line.update) {
            return Err(format!("{} is no update of a {object}", line.update));
        }
        if op.kind != OpKind::Write && (line.update != Update::Put || refused) {
            return Err("only a write has an `update` and can be refused".into());
        }
        if contents.is_register() && refused && !self.history.merged {
            return Err(
                "a write of a register has no condition on which it could be refused, but \
                        where conflicts are merged"
                    .into(),
            );
        }
        let returns = (refused || op.status == Status::Ok) && op.kind != OpKind::Scan;
        if line.word.is_some() != (returns && !contents.is_register()) {
            return Err("a `word` is what an operation on an object other than a register \
                        returned, if it returned"
                .into());
        }
        Ok(())
    }

    /// Whether the operation may follow those before it.
    fn order(&self, op: &Operation) -> Result<(), String> {
        if self.history.operations.last().is_some_and(|last| last.invoked > op.invoked) {
            return Err("operations are not in order of invocation".into());
        }
        let previous = self.sessions.get(&op.session);
        let previous = previous.map(|id| &self.history.operations[*id as usize]);
        let session = op.session;
        match previous {
            Some(before) if before.status == Status::Unknown => {
                return Err(format!("session {session} goes on after an unknown outcome"));
            }
            Some(before) if before.completed > op.invoked => {
                return Err(format!("operations of session {session} overlap"));
            }
            _ => {}
        }
        let pairs = previous
            .is_some_and(|first| first.kind == OpKind::Read && first.rmw && first.key == op.key);
        if op.rmw && op.kind != OpKind::Read && !(pairs && op.kind == OpKind::Write) {
            return Err("`rmw` marks a read and the write of the key that follows it".into());
        }
        Ok(())
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<(), String> {
        if self.history.commits.last().is_some_and(|last| last.at > commit.at) {
            return Err("commits are not in order of time".into());
        }
        let value = commit.value.0;
        let Some((key, seen)) = self.written.get_mut(value as usize).filter(|_| value > 0) else {
            return Err(format!("value {value} is committed but was never written"));
        };
        if *key != commit.key {
            return Err(format!("value {value} was written to key {}", key.0));
        }
        if std::mem::replace(seen, true) {
            return Err(format!("value {value} is committed twice"));
        }
        self.history.commits.push(commit);
        Ok(())
    }

    pub(super) fn made(&mut self, made: Made) -> Result<(), String> {
        if self.history.contents.is_register() {
            return Err("`made` is said of objects other than registers".into());
        }
        let (value, before) = (made.value.0, made.before.version.0);
        let key = |value: u32| self.written.get(value as usize).map(|(key, _)| *key);
        let Some(of) = key(value).filter(|_| value > 0) else {
            return Err(format!("value {value} is made but was never written"));
        };
        if before > 0 && key(before) != Some(of) {
            return Err(format!("value {value} is made from {before}, which is not of its key"));
        }
        self.history.made.push(made);
        Ok(())
    }

    pub(super) fn final_state(&mut self, values: Vec<Value>) -> Result<(), String> {
        if values.len() > self.history.keys as usize {
            return Err(format!("a final state has more than {} keys", self.history.keys));
        }
        self.history.finals.push(FinalState { values, ..FinalState::default() });
        Ok(())
    }

    pub(super) fn final_words(&mut self, words: Vec<u64>) -> Result<(), String> {
        let objects = !self.history.contents.is_register();
        let last = self.history.finals.last_mut();
        let Some(last) = last.filter(|last| objects && last.values.len() == words.len()) else {
            return Err("`words` go with the final state before them, one to a value".into());
        };
        last.words = words;
        Ok(())
    }

    pub(super) fn final_siblings(&mut self, siblings: Vec<(Key, Value)>) -> Result<(), String> {
        let merged = self.history.merged;
        let last = self.history.finals.last_mut();
        let fits = |last: &FinalState| {
            siblings.iter().all(|(key, _)| (key.0 as usize) < last.values.len())
                && siblings.windows(2).all(|pair| pair[0].0 <= pair[1].0)
        };
        let Some(last) = last.filter(|last| merged && fits(last)) else {
            return Err(
                "`siblings` go with the final state before them, in order of its keys, where \
                        updates are `merged`"
                    .into(),
            );
        };
        last.siblings = siblings;
        Ok(())
    }
}
