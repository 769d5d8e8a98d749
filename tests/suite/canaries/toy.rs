//! A replicated store as simple as can be, and the mistakes it can be told to make.
//!
//! One primary orders writes, syncs them, applies, acknowledges, and ships them to its backups in
//! order. Linearizable reads go to the primary; session reads to the nearest replica, which waits until
//! it has what the session has seen; eventual ones to the nearest, which answers with what it has. Keys
//! hold any object; a request is sent once, so no answer need be remembered.

use pacelc::guarantee::Guarantee;
use pacelc::op::{
    Key, Level, NodeId, Object, Op, OpId, OpKind, Outcome, Request, Ret, State, Update, Value,
};
use pacelc::protocol::{
    Client, ClientCx, Env, Geometry, Offer, Protocol, Replica, ReplicaCx, WriteId,
};
use pacelc::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The protocol.
#[derive(Debug)]
pub(crate) enum Toy {}

/// The one mistake that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flaw {
    /// None: the twin.
    None,
    /// Linearizable reads are answered by the nearest replica.
    LocalReads,
    /// The primary applies and acknowledges before its disk has the write.
    Hasty,
    /// The client asks any replica, with an empty token.
    Forgetful,
    /// The last replica stops applying after a while, and goes on answering.
    Deaf,
    /// Now and then a replica answers with the value of the next key.
    Confused,
    /// Now and then an update is applied twice.
    Twice,
    /// Now and then conditions do not count.
    Generous,
    /// The last replica forgets an update now and then, but not that it was there.
    Sloppy,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    flaw: Flaw,
}

/// A write in its place.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    key: Key,
    value: Value,
    update: Update,
    client: NodeId,
    op: OpId,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Msg {
    Write(Entry),
    Read { op: OpId, key: Key, token: u64 },
    Reply { op: OpId, ret: Ret, token: u64 },
    Ship { index: u64, entry: Entry },
}

impl Protocol for Toy {
    const NAME: &'static str = "toy";
    const ABOUT: &'static str = "A store that makes one mistake.";
    type Config = Config;
    type Msg = Msg;
    type Record = Entry;
    type Timer = ();
    type Replica = Server;
    type Client = Session;

    fn validate(_: &Config, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn offer(_: &Config, level: Level) -> Option<Offer> {
        let promise = match level {
            Level::Linearizable => Guarantee::Linearizable,
            Level::Session => Guarantee::Session,
            Level::EventualNearest => Guarantee::Eventual,
            _ => return None,
        };
        Some(Offer { read_path: "as told", write_path: "primary", promise })
    }

    fn theory(_: &Config, _: Level, _: OpKind, _: &Geometry, _: NodeId) -> Option<Duration> {
        None
    }

    fn objects(_: &Config) -> &'static [Object] {
        &Object::ALL
    }

    fn wire_size(_: &Msg) -> u32 {
        100
    }
}

/// A replica; number 0 is the primary.
#[derive(Debug)]
pub(crate) struct Server {
    env: Env<Toy>,
    states: Vec<State>,
    applied: u64,
    /// Of the primary: what is on its way to the disk.
    syncing: VecDeque<(WriteId, Entry)>,
    /// Of a backup: what came before its turn, by index.
    early: Vec<(u64, Entry)>,
    /// Reads that wait for their token.
    waiting: Vec<(NodeId, OpId, Key, u64)>,
}

impl Server {
    /// Carries out an update and says what its client is told.
    fn apply(&mut self, entry: &Entry) -> Ret {
        self.applied += 1;
        let (last, now_and_then) = (self.env.me.0 == 2, self.applied.is_multiple_of(20));
        let state = &mut self.states[entry.key.index()];
        let word = entry.update.on(*state);
        let word = match (self.env.config.flaw, word) {
            (Flaw::Deaf, _) if last && self.applied > 40 => return Ret::Written,
            (Flaw::Twice, Some(word)) if now_and_then => {
                entry.update.on(State { word, ..*state }).or(Some(word))
            }
            (Flaw::Generous, None) if now_and_then => match entry.update {
                Update::Lock(process) => Some(u64::from(process + 1) << 32),
                _ => Some(state.word),
            },
            (Flaw::Sloppy, Some(_)) if last && now_and_then => Some(state.word),
            _ => word,
        };
        match word {
            Some(word) => *state = State { version: entry.value, word },
            None => return Ret::Refused(*state),
        }
        let register = self.env.contents.is_register();
        if register { Ret::Written } else { Ret::State(*state) }
    }

    /// The primary decides a write: it is visible, acknowledged and on its way to the backups.
    fn decide(&mut self, entry: Entry, cx: &mut ReplicaCx<'_, Toy>) {
        let ret = self.apply(&entry);
        if !matches!(ret, Ret::Refused(_)) {
            cx.note_commit(entry.key, entry.value);
        }
        let Entry { op, client, .. } = entry;
        cx.send(client, Msg::Reply { op, ret, token: self.applied });
        for backup in self.env.peers() {
            cx.send(backup, Msg::Ship { index: self.applied, entry });
        }
    }

    fn answer(&self, to: NodeId, op: OpId, key: Key, cx: &mut ReplicaCx<'_, Toy>) {
        let confused = self.env.config.flaw == Flaw::Confused && op.0.is_multiple_of(10);
        let place = (key.index() + usize::from(confused)) % self.states.len();
        let (state, register) = (self.states[place], self.env.contents.is_register());
        let ret = if register { Ret::Value(state.version) } else { Ret::State(state) };
        cx.send(to, Msg::Reply { op, ret, token: self.applied });
    }

    fn serve_waiting(&mut self, cx: &mut ReplicaCx<'_, Toy>) {
        for (client, op, key, token) in std::mem::take(&mut self.waiting) {
            if self.applied >= token {
                self.answer(client, op, key, cx);
            } else {
                self.waiting.push((client, op, key, token));
            }
        }
    }
}

/// `Key` and tables.
trait Index {
    fn index(self) -> usize;
}

impl Index for Key {
    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Replica<Toy> for Server {
    fn recover(env: Env<Toy>, log: &[Entry], cx: &mut ReplicaCx<'_, Toy>) -> Self {
        let states = vec![env.contents.first(); env.keys as usize];
        let (syncing, early, waiting) = (VecDeque::new(), Vec::new(), Vec::new());
        let mut server = Self { env, states, applied: 0, syncing, early, waiting };
        for (index, entry) in (1..).zip(log.iter().copied()) {
            let ret = server.apply(&entry);
            if server.env.me != NodeId(0) {
                continue;
            }
            // The disk may have kept what nobody was told of yet; now it counts.
            if !matches!(ret, Ret::Refused(_)) {
                cx.note_commit(entry.key, entry.value);
            }
            for backup in server.env.peers() {
                cx.send(backup, Msg::Ship { index, entry });
            }
        }
        server
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Toy>) {
        match msg {
            Msg::Write(entry) if self.env.config.flaw == Flaw::Hasty => {
                cx.persist(entry);
                self.decide(entry, cx);
            }
            Msg::Write(entry) => {
                let id = cx.persist(entry);
                self.syncing.push_back((id, entry));
            }
            Msg::Read { op, key, token } => self.waiting.push((from, op, key, token)),
            Msg::Ship { index, .. } if index <= self.applied => {}
            Msg::Ship { index, entry } => {
                self.early.push((index, entry));
                while let Some(at) = self.early.iter().position(|e| e.0 == self.applied + 1) {
                    let (_, entry) = self.early.swap_remove(at);
                    cx.persist(entry);
                    self.apply(&entry);
                }
            }
            Msg::Reply { .. } => {}
        }
        self.serve_waiting(cx);
    }

    fn on_timer(&mut self, (): (), _: &mut ReplicaCx<'_, Toy>) {}

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Toy>) {
        while let Some((_, entry)) = self.syncing.front().copied().filter(|(id, _)| *id <= upto) {
            self.syncing.pop_front();
            self.decide(entry, cx);
        }
        self.serve_waiting(cx);
    }

    fn inspect(&self, key: Key) -> Value {
        self.states[key.index()].version
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.states[key.index()].word
    }
}

/// A session: asks once and waits.
#[derive(Debug)]
pub(crate) struct Session {
    env: Env<Toy>,
    current: Option<Request>,
    token: u64,
}

impl Client<Toy> for Session {
    fn start(env: Env<Toy>) -> Self {
        Self { env, current: None, token: 0 }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Toy>) {
        self.current = Some(request);
        let Request { id: op, key, level, .. } = request;
        let (to, msg) = match request.op {
            Op::Write(value, update) => {
                (NodeId(0), Msg::Write(Entry { key, value, update, client: self.env.me, op }))
            }
            Op::Read | Op::Scan(_) => {
                let (to, token) = match (level, self.env.config.flaw) {
                    (Level::Session, Flaw::Forgetful) => {
                        (NodeId(cx.rng().below(u64::from(self.env.replicas)) as u32), 0)
                    }
                    (Level::Session, _) => (self.env.nearest[0], self.token),
                    (Level::Linearizable, Flaw::LocalReads) => (self.env.nearest[0], 0),
                    (Level::Linearizable, _) => (NodeId(0), 0),
                    _ => (self.env.nearest[0], 0),
                };
                (to, Msg::Read { op, key, token })
            }
        };
        cx.send(to, msg);
    }

    fn on_given_up(&mut self) {
        self.current = None;
    }

    fn on_message(&mut self, _: NodeId, msg: Msg, cx: &mut ClientCx<'_, Toy>) {
        let Msg::Reply { op, ret, token } = msg else { return };
        if self.current.take_if(|request| request.id == op).is_none() {
            return;
        }
        self.token = self.token.max(token);
        cx.complete(op, Outcome::Done(ret));
    }

    fn on_timer(&mut self, (): (), _: &mut ClientCx<'_, Toy>) {}
}
