//! Temporary.
#![allow(missing_docs)]
use super::*;
use crate::op::{OpId, Outcome, Ret};

pub struct Begin { pub session: u32, pub group: u16, pub kind: OpKind, pub rmw: bool, pub key: Key, pub count: u16, pub intended: Instant, pub invoked: Instant }
pub struct Recorder { h: History, sessions: u32, seen: Vec<bool> }
impl Recorder {
    pub fn new(groups: Vec<String>, warm_up: Instant, horizon: Instant, windows: Vec<Window>, expected: usize) -> Self {
        Self { h: History { groups, keys: 0, writes: 0, warm_up, horizon, windows, operations: Vec::with_capacity(expected), scanned: vec![], commits: Vec::with_capacity(expected), finals: vec![], traffic: Traffic::default() }, sessions: 0, seen: vec![] }
    }
    pub fn new_session(&mut self) -> u32 { self.sessions += 1; self.sessions - 1 }
    pub fn begin(&mut self, b: Begin) -> (OpId, Value) {
        let value = if b.kind == OpKind::Write { self.h.writes += 1; Value(self.h.writes) } else { Value(0) };
        self.h.operations.push(Operation { session: b.session, group: b.group, kind: b.kind, status: Status::Failed, rmw: b.rmw, key: b.key, value, count: b.count, intended: b.intended, invoked: b.invoked, completed: Instant::NEVER });
        (OpId(self.h.operations.len() as u32 - 1), value)
    }
    pub fn end(&mut self, op: OpId, o: &Outcome, at: Instant) {
        let x = &mut self.h.operations[op.0 as usize];
        x.completed = at;
        match o { Outcome::Done(r) => { x.status = Status::Ok; match r { Ret::Value(v) => x.value = *v, Ret::Written => {}, Ret::Values(v) => { x.value = Value(self.h.scanned.len() as u32); self.h.scanned.extend_from_slice(v); } } }
          Outcome::Failed => x.status = Status::Failed, Outcome::Unknown => { x.status = Status::Unknown; x.completed = Instant::NEVER } }
    }
    pub fn commit(&mut self, at: Instant, key: Key, value: Value) {
        let i = value.0 as usize; if self.seen.len() <= i { self.seen.resize(i + 1, false); }
        if !self.seen[i] { self.seen[i] = true; self.h.commits.push(Commit { at, key, value }); }
    }
    pub fn traffic(&mut self) -> &mut Traffic { &mut self.h.traffic }
    pub fn finish(mut self, keys: u32, horizon: Instant, finals: Vec<FinalState>) -> History { self.h.keys = keys; self.h.horizon = horizon; self.h.finals = finals; self.h }
}
pub(super) fn digest(h: &History) -> u64 { h.operations.iter().fold(7u64, |a, o| (a ^ o.completed.0 ^ u64::from(o.value.0)).wrapping_mul(0x100000001b3)) }
