//! A node: acceptor of every key, and coordinator of what clients ask of it. What it coordinates is in
//! `reads` and `proposer`.

use super::super::parts::version::{HybridClock, Version};
use super::acceptor::Acceptors;
use super::message::{Cell, Held, Job, Msg, Record, Timer};
use super::round::{Goal, Round};
use super::work::{Active, Asked, Lane, Query, Task};
use super::{Env, Flaw, Paxos, Scope, ServerCx};
use crate::op::{Key, NodeId, OpId, Rank, Value};
use crate::protocol::{Replica, ReplicaCx, WriteId};
use crate::time::{Duration, LocalTime};
use std::collections::VecDeque;

/// A replica.
#[derive(Debug)]
pub struct Server {
    pub(super) env: Env<Paxos>,
    pub(super) acceptors: Acceptors,
    /// Who is told what when which record is on disk, in order of records.
    pub(super) acks: VecDeque<(WriteId, NodeId, Msg)>,
    pub(super) ballots: HybridClock,
    pub(super) lanes: Vec<Lane>,
    /// Rounds, in places that are used again.
    pub(super) active: Vec<Option<Active>>,
    pub(super) free: Vec<u32>,
    /// By rising serial.
    pub(super) queries: Vec<Query>,
    pub(super) serial: u64,
    /// When the timer of all rounds is due.
    pub(super) armed: LocalTime,
    /// What was in doubt when replicas were last compared.
    pub(super) in_doubt: Vec<(Key, Rank)>,
    /// Versions that were chosen and that the store around this machine has not been told, if there is one.
    pub(super) untold: Option<Vec<(Key, Version)>>,
}

impl Server {
    pub(super) fn first(&self) -> Held {
        Held::first(self.env.contents)
    }

    /// Says something once a record is on disk; to itself without a message.
    pub(super) fn say(&mut self, after: WriteId, to: NodeId, msg: Msg, cx: ServerCx<'_, '_>) {
        if !self.acceptors.is_durable(after) {
            let place = self.acks.partition_point(|(id, ..)| *id <= after);
            self.acks.insert(place, (after, to, msg));
        } else if to == self.env.me {
            self.hear(to, msg, cx);
        } else {
            cx.send(to, msg);
        }
    }

    /// Asks all acceptors, itself last.
    pub(super) fn ask_all(&mut self, msg: &Msg, cx: ServerCx<'_, '_>) {
        for peer in self.peers() {
            cx.send(peer, msg.clone());
        }
        self.hear(self.env.me, msg.clone(), cx);
    }

    pub(super) fn hear(&mut self, from: NodeId, msg: Msg, cx: ServerCx<'_, '_>) {
        match msg {
            Msg::Ask(op, key, job) => self.on_ask(from, op, key, (job, false), cx),
            Msg::AskNear(op, key, job, floor) => self.on_near(from, (op, key, job), floor, cx),
            Msg::Query(serial, key, count) => {
                let (after, found) =
                    (self.acceptors.safe_after(key, count), self.acceptors.found(key, count));
                self.say(after, from, Msg::Queried(serial, found), cx);
            }
            Msg::Queried(serial, found) => self.on_queried(from, serial, found, cx),
            Msg::Prepare(key, ballot) => {
                let answer = match self.acceptors.promise(key, ballot) {
                    Ok(()) => {
                        self.acceptors.persist(key, Record::Promised(key, ballot), cx);
                        let Cell { accepted, held, .. } = self.acceptors.cell(key);
                        match self.acceptors.newer_beside(key) {
                            Some(beside) => Msg::PromiseBeside(key, ballot, accepted, held, beside),
                            None => Msg::Promise(key, ballot, accepted, held),
                        }
                    }
                    Err(promised) => Msg::Refuse(key, ballot, promised),
                };
                self.say(self.acceptors.safe_after(key, 0), from, answer, cx);
            }
            Msg::Accept(key, ballot, held) => {
                let answer = match self.acceptors.accept(key, ballot, held) {
                    Ok(()) => {
                        self.acceptors.persist(key, Record::Accepted(key, ballot, held), cx);
                        self.tell_if_chosen(key);
                        Msg::Accepted(key, ballot)
                    }
                    Err(promised) => Msg::Refuse(key, ballot, promised),
                };
                self.say(self.acceptors.safe_after(key, 0), from, answer, cx);
            }
            Msg::Promise(key, ballot, accepted, held) => {
                self.step(key, ballot, |round| round.on_promise(from, accepted, &held), cx);
            }
            Msg::PromiseBeside(key, ballot, accepted, held, beside) => {
                let hear = |round: &mut Round| {
                    round.on_beside(beside);
                    round.on_promise(from, accepted, &held)
                };
                self.step(key, ballot, hear, cx);
            }
            Msg::Accepted(key, ballot) => {
                self.step(key, ballot, |round| round.on_accepted(from), cx);
            }
            Msg::Refuse(key, ballot, promised) => self.on_refuse(key, ballot, promised, cx),
            Msg::Chosen(key, rank) => _ = self.on_chosen(key, rank, cx),
            Msg::Digest(digest) if digest != self.acceptors.digest() => {
                cx.send(from, Msg::Ranks(self.acceptors.ranks()));
            }
            Msg::Ranks(theirs) => self.on_ranks(from, &theirs, cx),
            Msg::Learned(key, held) => self.on_learned(key, held, cx),
            // Equal to its own; or for clients alone.
            Msg::Digest(_) | Msg::Reply(..) | Msg::Seen(..) | Msg::NotDone(_) => {}
        }
    }

    pub(super) fn on_ask(
        &mut self,
        client: NodeId,
        op: OpId,
        key: Key,
        (job, remembers): (Job, bool),
        cx: ServerCx<'_, '_>,
    ) {
        let asked = Asked { client, op, until: cx.clock() + self.env.attempt_timeout, remembers };
        match job {
            Job::Write(value, update) => {
                let task = Task { asked: Some(asked), goal: Goal::Update(value, update) };
                self.enqueue(key, task, cx);
            }
            Job::Read(count) => {
                self.serial += 1;
                let (serial, again) = (self.serial, asked.until);
                let (answered, found) = (0, None);
                self.queries.push(Query { serial, key, count, asked, answered, found, again });
                self.arm(again, cx);
                self.ask_all(&Msg::Query(serial, key, count), cx);
            }
        }
    }

    /// Tells the recorder of versions that are chosen, the oldest first; some proposer may not have lived
    /// to tell.
    pub(super) fn note(&mut self, key: Key, held: &Held, cx: ServerCx<'_, '_>) -> bool {
        let known = self.acceptors.cell(key).chosen;
        // What has come from elsewhere may be later than what was chosen here and is not told yet.
        let is_new = |rank: Rank| rank > known || self.env.config.scope == Scope::Region;
        let new = |version: &&Version| is_new(version.rank) && version.value != Value::INITIAL;
        for version in held.recent.iter().rev().filter(new) {
            cx.note_version(key, version.value, version.rank);
        }
        self.tell(key, held.recent[0]);
        self.on_chosen(key, held.recent[0].rank, cx)
    }

    /// Says whether that is news.
    pub(super) fn on_chosen(&mut self, key: Key, rank: Rank, cx: ServerCx<'_, '_>) -> bool {
        let news = self.acceptors.choose(key, rank);
        if news {
            self.acceptors.note(Record::Chosen(key, rank), cx);
            self.tell_if_chosen(key);
        }
        news
    }

    /// Sees to it that the timer goes off by then.
    pub(super) fn arm(&mut self, at: LocalTime, cx: ServerCx<'_, '_>) {
        if at < self.armed {
            self.armed = at;
            let after = at.since(cx.clock());
            cx.set_timer(Timer::Rounds, after);
        }
    }

    pub(super) fn on_rounds(&mut self, cx: ServerCx<'_, '_>) {
        self.armed = LocalTime(u64::MAX);
        let now = cx.clock();
        for place in 0..self.active.len() {
            if self.active[place].as_ref().is_some_and(|active| active.again <= now) {
                self.begin_again(place, cx);
            }
        }
        let mut at = 0;
        while let Some(query) = self.queries.get_mut(at) {
            let (serial, key, count) = (query.serial, query.key, query.count);
            if query.again <= now && query.asked.until <= now {
                self.queries.remove(at);
                continue;
            }
            at += 1;
            if query.again <= now {
                query.again = query.asked.until;
                self.ask_all(&Msg::Query(serial, key, count), cx);
            }
        }
        let rounds = self.active.iter().flatten().map(|active| active.again);
        let queries = self.queries.iter().map(|query| query.again);
        if let Some(first) = rounds.chain(queries).min() {
            self.arm(first.max(now + Duration(1)), cx);
        }
    }
}

impl Replica<Paxos> for Server {
    fn recover(env: Env<Paxos>, log: &[Record], cx: &mut ReplicaCx<'_, Paxos>) -> Self {
        let log = if env.config.flaw == Some(Flaw::ForgetsPromises) { &[] } else { log };
        // Not all compare at once.
        let share = f64::from(env.me.0 + 1) / f64::from(env.replicas);
        cx.set_timer(Timer::AntiEntropy, env.config.anti_entropy.scale(share));
        Self {
            acceptors: Acceptors::recover(env.keys, env.contents, log),
            acks: VecDeque::new(),
            ballots: HybridClock::default(),
            lanes: Vec::new(),
            active: Vec::new(),
            free: Vec::new(),
            queries: Vec::new(),
            // The clock goes on while a node is down, so no answer to an earlier life is taken for one.
            serial: cx.clock().0,
            armed: LocalTime(u64::MAX),
            in_doubt: Vec::new(),
            untold: None,
            env,
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ReplicaCx<'_, Paxos>) {
        self.hear(from, msg, cx);
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ReplicaCx<'_, Paxos>) {
        match timer {
            Timer::Rounds => self.on_rounds(cx),
            Timer::AntiEntropy => self.on_anti_entropy(cx),
            // Only clients set it.
            Timer::Attempt => {}
        }
    }

    fn on_durable(&mut self, upto: WriteId, cx: &mut ReplicaCx<'_, Paxos>) {
        self.acceptors.on_durable(upto, self.env.config.snapshot_every, cx);
        while self.acks.front().is_some_and(|(id, ..)| *id <= upto) {
            if let Some((id, to, msg)) = self.acks.pop_front() {
                self.say(id, to, msg, cx);
            }
        }
    }

    fn inspect(&self, key: Key) -> Value {
        self.acceptors.cell(key).held.state().version
    }

    fn inspect_word(&self, key: Key) -> u64 {
        self.acceptors.cell(key).held.word
    }
}
