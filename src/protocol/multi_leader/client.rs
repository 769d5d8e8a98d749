//! The session's side: asks the nearest replica that answers, carries its writes' stamps, and remembers
//! what it has written and read.

use super::super::parts::merge::{Delta, Name, Rule};
use super::super::parts::version::{HybridClock, Version};
use super::super::{Client, ClientCx, Env};
use super::{
    Ask, Flaw, Msg, MultiLeader, Need, Note, OnLag, REPLICAS_MAX, Shown, Stamps, Timer, Vector,
    Wish,
};
use crate::op::{Key, Level, NodeId, Op, OpId, Outcome, Rank, Request, Ret, State, Update, Value};
use crate::time::LocalTime;

type Cx<'a, 'b> = &'a mut ClientCx<'b, MultiLeader>;

/// What a session has read of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    seen: Vector,
    word: u64,
    parent: Option<(Name, u32)>,
}

/// A client's session.
#[derive(Debug)]
pub struct Session {
    env: Env<MultiLeader>,
    current: Option<Request>,
    /// How often the current operation was sent.
    attempts: usize,
    /// The current write's, once it has been chosen.
    stamp: Option<Rank>,
    /// Whether that was sent to nobody but the replica asked last.
    fresh: bool,
    /// What the current write does, once it has been chosen.
    delta: Option<Delta>,
    /// Whether the current write's key is being read for it.
    reads_first: bool,
    /// What it has read of the key of its last operation, if that was a read and somebody was told.
    context: Option<(Key, Context)>,
    /// By key, the revision that it has read or written last, in order of keys; where replicas check that.
    revisions: Vec<(Key, Name, u32)>,
    /// Its first update's name and its last one's.
    names: Option<(Name, Name)>,
    /// By key, what it has added to counters and taken from them, in order of keys.
    totals: Vec<(Key, u64, u64)>,
    /// By replica, how far its clock was ahead when a request last arrived there.
    ahead: [Option<u64>; REPLICAS_MAX],
    clock: HybridClock,
    /// The highest stamp that it can have seen.
    newest: u64,
    /// Who answered last: it covers what the session knows.
    home: NodeId,
    /// The latest of this session's writes.
    written: Vector,
    /// What it has read.
    seen: Vector,
}

impl Session {
    /// Asks whom this attempt is for, and waits for an answer.
    fn attempt(&mut self, request: Request, cx: Cx<'_, '_>) {
        let to = if request.level == Level::EventualAny && !matches!(request.op, Op::Write(..)) {
            NodeId(cx.rng().below(u64::from(self.env.replicas)) as u32)
        } else {
            self.env.nearest[self.attempts % self.env.nearest.len()]
        };
        self.attempts += 1;
        self.send(request, to, cx);
    }

    fn send(&mut self, request: Request, to: NodeId, cx: Cx<'_, '_>) {
        let Request { id: op, key, .. } = request;
        let sent = cx.clock();
        let wish = match request.op {
            Op::Write(..) if self.reads_first => Some(Wish::Read),
            Op::Read => Some(Wish::Read),
            Op::Scan(count) => Some(Wish::Scan(count)),
            Op::Write(value, update) => self.stamp(request.level, to, cx).map(|rank| {
                let delta = self.choose(request, update);
                Wish::Write { version: Version { rank, value }, fresh: self.fresh, delta }
            }),
        };
        let msg = match wish {
            Some(wish) => Msg::Ask(Ask { op, sent, key, need: self.need(request, to), wish }),
            None => Msg::Hello { op, sent },
        };
        cx.send(to, msg);
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    /// The current write's stamp, chosen when its replica's clock is known and kept ever after.
    fn stamp(&mut self, level: Level, to: NodeId, cx: Cx<'_, '_>) -> Option<Rank> {
        if self.stamp.is_none() {
            let follows = matches!(level, Level::Session | Level::WritesFollowReads);
            if follows || self.env.config.stamps == Stamps::Hlc {
                self.clock.see(self.newest);
            }
            let clock = LocalTime(cx.clock().0.wrapping_add(self.ahead[to.index()]?));
            self.stamp = Some(Rank { time: self.clock.next(clock), node: self.env.me.0 });
            self.fresh = true;
        }
        self.stamp
    }

    /// What the current write does: chosen once, like its stamp, from what the session has read.
    fn choose(&mut self, request: Request, update: Update) -> Delta {
        if let Some(delta) = self.delta {
            return delta;
        }
        let (key, context) = (request.key, self.context.map(|(_, read)| read).unwrap_or_default());
        let Context { seen, word, parent } = context;
        let parent = parent.or_else(|| self.remembered(key));
        let delta = match (self.env.config.conflicts, update) {
            (Rule::PnCounter, Update::Add(n)) => {
                let (first, session) = self.name(request.id);
                if self.counts_retries() {
                    let [up, down] = [n.max(0), n.min(0)].map(|n| u64::from(n.unsigned_abs()));
                    return Delta::Count { session, up, down };
                }
                let (up, down) = self.total(key, n);
                Delta::Count { session: first, up, down }
            }
            (Rule::AddWins, Update::Insert(element)) => {
                Delta::Insert { name: self.name(request.id).1, element, seen }
            }
            (Rule::AddWins, Update::Remove(element)) => Delta::Remove { element, seen },
            (Rule::CartUnion, _) => {
                let cart = State { version: Value::INITIAL, word };
                let word = update.on(cart).unwrap_or(word);
                Delta::Write { name: self.name(request.id).1, word, seen }
            }
            (Rule::Siblings, _) => Delta::Write { name: self.name(request.id).1, word: 0, seen },
            (Rule::RevisionTree, _) => {
                let length = parent.map_or(0, |(_, length)| length) + 1;
                let parent = parent.map(|(name, _)| name);
                Delta::Revise { name: self.name(request.id).1, length, parent }
            }
            _ => Delta::Stamp,
        };
        self.delta = Some(delta);
        delta
    }

    /// The revision of a key that the session has seen last.
    fn remembered(&self, key: Key) -> Option<(Name, u32)> {
        let at = self.revisions.binary_search_by_key(&key, |revision| revision.0).ok()?;
        Some((self.revisions[at].1, self.revisions[at].2))
    }

    /// Remembers what it has been told of its last operation's key.
    fn remember(&mut self) {
        let Some((key, Context { parent: Some((name, length)), .. })) = self.context else {
            return;
        };
        if self.env.config.checks_revisions {
            match self.revisions.binary_search_by_key(&key, |revision| revision.0) {
                Ok(at) => self.revisions[at] = (key, name, length),
                Err(at) => self.revisions.insert(at, (key, name, length)),
            }
        }
    }

    /// A mistake: each attempt of an update is an update.
    fn counts_retries(&self) -> bool {
        self.env.config.flaw == Some(Flaw::CountsRetries)
    }

    /// The first update's name, and the current one's: numbers count up from that of the first request,
    /// and requests of later sessions have higher ones.
    fn name(&mut self, op: OpId) -> (Name, Name) {
        let of = |n| Name { client: self.env.me.0, n };
        let names = self.names.map_or((of(op.0), of(op.0)), |(one, last)| (one, of(last.n + 1)));
        *self.names.insert(names)
    }

    /// What the session has added to a counter and taken from it, this included.
    fn total(&mut self, key: Key, n: i32) -> (u64, u64) {
        let at = self.totals.binary_search_by_key(&key, |total| total.0).unwrap_or_else(|at| {
            self.totals.insert(at, (key, 0, 0));
            at
        });
        let (_, up, down) = &mut self.totals[at];
        *if n < 0 { down } else { up } += u64::from(n.unsigned_abs());
        (self.totals[at].1, self.totals[at].2)
    }

    fn need(&self, request: Request, to: NodeId) -> Need {
        let write = matches!(request.op, Op::Write(..));
        let past = match request.level {
            Level::Bounded(age) => return Need::Within(age),
            Level::Causal => self.written.join(&self.seen),
            // Only causality orders a write after anything; what it goes on from is read like all else.
            _ if write && !self.reads_first => Vector::default(),
            Level::Session => self.written.join(&self.seen),
            Level::ReadYourWrites => self.written,
            Level::MonotonicReads => self.seen,
            _ => Vector::default(),
        };
        Need::Past { past, wait: self.env.config.token == OnLag::Wait || to == self.home }
    }

    /// Remembers what came with an answer.
    fn learn(&mut self, from: NodeId, note: &Note) {
        self.ahead[from.index()] = Some(note.ahead);
        self.newest = self.newest.max(note.newest);
    }

    fn answered(&mut self, from: NodeId, request: Request, ret: Ret, note: &Note, cx: Cx<'_, '_>) {
        self.home = from;
        let write = matches!(request.op, Op::Write(..));
        if write {
            self.context = self.continued(request.key);
        }
        self.remember();
        let past = if write { &mut self.written } else { &mut self.seen };
        *past = past.join(&note.token);
        self.finish(request.id, Outcome::Done(ret), cx);
    }

    /// What a session knows of a key that it has written: its own revision, and nothing where others may
    /// stand beside it.
    fn continued(&self, key: Key) -> Option<(Key, Context)> {
        match self.delta {
            Some(Delta::Revise { name, length, .. }) => {
                Some((key, Context { parent: Some((name, length)), ..Context::default() }))
            }
            _ => None,
        }
    }

    /// What a read sees is its answer, or what a write goes on from.
    fn shown(&mut self, from: NodeId, request: Request, shown: Shown, note: &Note, cx: Cx<'_, '_>) {
        let Shown { value, others, word, seen, parent } = shown;
        let read = (request.key, Context { seen, word: word.unwrap_or(0), parent });
        if request.op == Op::Read {
            self.context = Some(read);
            let ret = match word {
                Some(word) => Ret::State(State { version: value, word }),
                None if others.is_empty() => Ret::Value(value),
                None => Ret::Values([value].iter().chain(&others).copied().collect()),
            };
            self.answered(from, request, ret, note, cx);
        } else if self.reads_first {
            self.context = Some(read);
            self.reads_first = false;
            self.send(request, from, cx);
        }
    }

    fn finish(&mut self, op: OpId, outcome: Outcome, cx: Cx<'_, '_>) {
        self.current = None;
        cx.cancel_timer(Timer::Attempt);
        cx.complete(op, outcome);
    }
}

impl Client<MultiLeader> for Session {
    fn start(env: Env<MultiLeader>) -> Self {
        Self {
            home: env.nearest[0],
            env,
            current: None,
            attempts: 0,
            stamp: None,
            fresh: false,
            delta: None,
            reads_first: false,
            context: None,
            revisions: Vec::new(),
            names: None,
            totals: Vec::new(),
            ahead: [None; REPLICAS_MAX],
            clock: HybridClock::default(),
            newest: 0,
            written: Vector::default(),
            seen: Vector::default(),
        }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, MultiLeader>) {
        self.current = Some(request);
        self.attempts = 0;
        self.stamp = None;
        self.delta = None;
        self.context = self.context.filter(|(key, _)| *key == request.key);
        self.reads_first = match request.op {
            Op::Write(_, update) => {
                self.context.is_none() && self.env.config.conflicts.reads_first(update)
            }
            _ => false,
        };
        self.attempt(request, cx);
    }

    fn on_given_up(&mut self) {
        // A late answer is nobody's: what nobody was shown, nobody can replace.
        self.current = None;
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ClientCx<'_, MultiLeader>) {
        if let Msg::Clock { note, .. }
        | Msg::Low { note, .. }
        | Msg::Reply { note, .. }
        | Msg::Values { note, .. }
        | Msg::Shown { note, .. }
        | Msg::Made { note, .. }
        | Msg::Conflict { note, .. } = &msg
        {
            self.learn(from, note);
        }
        let (Msg::Clock { op, .. }
        | Msg::Low { op, .. }
        | Msg::Reply { op, .. }
        | Msg::Values { op, .. }
        | Msg::Shown { op, .. }
        | Msg::Made { op, .. }
        | Msg::Conflict { op, .. }
        | Msg::Redirect(op)
        | Msg::Refused(op)) = msg
        else {
            return;
        };
        let Some(request) = self.current.filter(|request| request.id == op) else { return };
        match msg {
            // A second clock comes too late: the write is on its way.
            Msg::Clock { .. } if self.stamp.is_none() => self.send(request, from, cx),
            Msg::Low { rank, .. } if self.fresh && self.stamp == Some(rank) => {
                self.stamp = None;
                self.send(request, from, cx);
            }
            Msg::Reply { value, note, .. } => {
                let write = matches!(request.op, Op::Write(..));
                let ret = if write { Ret::Written } else { Ret::Value(value) };
                self.answered(from, request, ret, &note, cx);
            }
            Msg::Values { values, note, .. } => {
                self.answered(from, request, Ret::Values(values), &note, cx);
            }
            Msg::Shown { shown, note, .. } => self.shown(from, request, shown, &note, cx),
            Msg::Made { word, note, .. } => {
                if let Op::Write(version, _) = request.op {
                    let state = Ret::State(State { version, word });
                    self.answered(from, request, state, &note, cx);
                }
            }
            // Who redirects has not taken the write.
            Msg::Redirect(_) => self.send(request, self.home, cx),
            Msg::Refused(_) => self.finish(op, Outcome::Failed, cx),
            // Of one that was sent to others as well nobody can say that it was not taken.
            Msg::Conflict { value, .. } if self.fresh => {
                let held = State { version: value, word: 0 };
                self.finish(op, Outcome::Done(Ret::Refused(held)), cx);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, _timer: Timer, cx: &mut ClientCx<'_, MultiLeader>) {
        if let Some(request) = self.current {
            self.fresh = false;
            self.attempt(request, cx);
        }
    }
}
