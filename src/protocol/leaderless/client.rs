//! The session's side: thin, asking the nearest replica to coordinate, or a coordinator itself.
//!
//! A write must have its place in the order before it is acknowledged, and none after that, or it
//! could come back to life over later ones. So a thin client names the time at which it will turn to
//! another coordinator, and from then on neither will a coordinator stamp the old request nor the
//! client listen to its answer. A request may then have been stamped twice, each time before it was
//! acknowledged: its value takes two places, both while the write was under way, and every replica
//! ends with the later. A library stamps once and repeats the same version; so does, under
//! `write_back`, every client.

use super::super::parts::token::Token;
use super::super::parts::version::{HybridClock, Version};
use super::config::{Config, Coordinator, Flaw};
use super::message::{Ask, Copies, Job, Msg, Ticket, Timer};
use super::places::{Places, members};
use super::round::{Round, Span, Step};
use super::serial::{self, Inner};
use super::updates::Updates;
use super::{Env, Leaderless, acks, stamped_by_session};
use crate::op::{Acks, Key, Level, NodeId, Op, OpId, Outcome, Rank, Request, Ret, Value};
use crate::protocol::{Client, ClientCx};

/// A client's session.
#[derive(Debug)]
pub struct Session {
    pub(super) env: Env<Leaderless>,
    current: Option<Current>,
    /// What a library knows and does; a thin client has none.
    library: Option<Library>,
    /// Gives a library's stamps, and those of the levels that speak of a session's writes.
    stamps: HybridClock,
    /// Where updates are merged.
    updates: Option<Updates>,
    /// What it must not go back behind.
    token: Token,
    /// What asks at the serial levels, once it has been asked to.
    pub(super) serial: Option<Box<Inner>>,
}

/// The operation in flight.
#[derive(Clone, Copy, Debug)]
struct Current {
    request: Request,
    read: Acks,
    write: Acks,
    /// Tries so far, over both halves of a write under `write_back`.
    attempts: u32,
    /// How many coordinators were silent; the next is asked then.
    silent: u32,
    /// The first try of this half; answers to earlier ones come too late.
    half: u32,
    /// The stamp of a write that has got it before it is put: under `write_back`, or from its session.
    stamped: Option<Version>,
    /// Whether the key is being read for an update of it.
    reads_first: bool,
    /// What a read must not be older than.
    floor: Version,
}

/// A client that coordinates.
#[derive(Debug)]
struct Library {
    places: Places,
    /// The latest round; it may go on repairing after it has answered.
    round: Option<(Ticket, Round)>,
}

type Cx<'a, 'b> = &'a mut ClientCx<'b, Leaderless>;

impl Current {
    /// What is to be done now.
    fn job(&self, config: &Config) -> Job {
        match (self.request.op, self.stamped) {
            (Op::Write(..), _) if self.reads_first => Job::Read(0),
            (Op::Write(..), _) if config.conflicts.merges() => Job::Update,
            (Op::Read, _) if self.floor != Version::default() => Job::ReadFrom(self.floor),
            (Op::Read, _) => Job::Read(0),
            (Op::Scan(count), _) => Job::Read(count),
            (Op::Write(..), Some(version)) => Job::Put(version),
            (Op::Write(..), None) if config.write_back => Job::Rank,
            (Op::Write(value, _), None) => Job::Write(value),
        }
    }
}

impl Session {
    /// A mistake: every other write, by chance, is a plain one.
    fn writes_plainly(&self, request: Request, cx: Cx<'_, '_>) -> bool {
        let mixes = self.env.config.flaw == Some(Flaw::PlainBesideSerial);
        mixes && matches!(request.op, Op::Write(..)) && cx.rng().below(2) == 0
    }

    /// Begins the operation, or its second half, or tries again.
    fn attempt(&mut self, cx: Cx<'_, '_>) {
        let Some(current) = &mut self.current else { return };
        let (attempt, job) = (current.attempts, current.job(&self.env.config));
        current.attempts += 1;
        if self.library.is_some() {
            return self.coordinate(job, cx);
        }
        let Current { request, read, write, silent, .. } = *current;
        let deadline = cx.clock() + self.env.attempt_timeout;
        let ask = Ask { op: request.id, attempt, key: request.key, job, read, write, deadline };
        let to = self.env.nearest[silent as usize % self.env.nearest.len()];
        cx.send(to, self.said(ask, request));
        cx.set_timer(Timer::Attempt, self.env.attempt_timeout);
    }

    /// What a coordinator is told; an update goes with it where updates are merged.
    fn said(&mut self, ask: Ask, request: Request) -> Msg {
        let stamped = self.current.and_then(|current| current.stamped);
        match (ask.job, request.op, &mut self.updates, stamped) {
            (Job::Update, Op::Write(_, update), Some(updates), Some(version)) => {
                Msg::Update(ask, updates.choose(request.id, request.key, update, version))
            }
            _ => Msg::Ask(ask),
        }
    }

    /// A half of the operation is done.
    fn on_done(&mut self, copies: &Copies, cx: Cx<'_, '_>) {
        let Some(current) = &mut self.current else { return };
        let newest = copies.versions().first().copied().unwrap_or_default();
        if matches!(current.request.level, Level::WritesFollowReads | Level::Session) {
            copies.versions().iter().for_each(|version| self.stamps.see(version.rank.time));
        }
        let request = current.request;
        if let (Copies::Cell(cell), Some(updates)) = (copies, &mut self.updates) {
            let ret = match request.op {
                Op::Write(value, _) if !current.reads_first => {
                    updates.written(request.key, value, cell)
                }
                _ => updates.read(request.key, cell),
            };
            if std::mem::take(&mut current.reads_first) {
                current.half = current.attempts;
                return self.attempt(cx);
            }
            return self.finish(request.id, ret, cx);
        }
        let ret = match (request.op, current.job(&self.env.config)) {
            (Op::Write(value, _), Job::Rank) => {
                let rank = Rank { time: newest.rank.time + 1, node: self.env.me.0 };
                current.stamped = Some(Version { rank, value });
                current.half = current.attempts;
                return self.attempt(cx);
            }
            (Op::Write(..), _) => {
                let written = current.stamped.unwrap_or_default();
                self.token.wrote(request.level, request.key, written);
                Ret::Written
            }
            (Op::Read, _) => {
                self.token.read(request.level, request.key, newest);
                Ret::Value(newest.value)
            }
            (Op::Scan(_), _) => Ret::Values(self.scanned(request, copies)),
        };
        self.finish(request.id, ret, cx);
    }

    /// What a scan found, or the session knows to be newer.
    fn scanned(&mut self, request: Request, copies: &Copies) -> Box<[Value]> {
        let keys = (request.key.0..).map(Key);
        let newer = |(key, version): (Key, &Version)| {
            let version = (*version).max(self.token.of(key));
            self.token.read(request.level, key, version);
            version.value
        };
        keys.zip(copies.versions()).map(newer).collect()
    }

    fn finish(&mut self, op: OpId, ret: Ret, cx: Cx<'_, '_>) {
        self.current = None;
        cx.cancel_timer(Timer::Attempt);
        cx.cancel_timer(Timer::Patience);
        cx.complete(op, Outcome::Done(ret));
    }

    /// An answer of a coordinating replica.
    fn on_reply(&mut self, attempt: u32, copies: &Copies, cx: Cx<'_, '_>) {
        let Some(current) = &self.current else { return };
        // What a coordinator stamps counts only from the try that is still going on.
        let stamped_there = matches!(current.job(&self.env.config), Job::Write(_));
        let last = current.attempts.saturating_sub(1);
        if attempt >= current.half && (attempt == last || !stamped_there) {
            self.on_done(copies, cx);
        }
    }

    /// Begins a round of the library's own.
    fn coordinate(&mut self, job: Job, cx: Cx<'_, '_>) {
        let (Some(current), Some(library)) = (&mut self.current, &mut self.library) else { return };
        let config = &*self.env.config;
        let (places, levels) = (&library.places, (current.read, current.write));
        let span = Span { first: current.request.key, count: 0 };
        let (round, step) = match job {
            Job::Read(count) => {
                let span = Span { count, ..span };
                Round::read(config, places, span, levels, config.write_back, cx.rng())
            }
            Job::ReadFrom(floor) => {
                let (round, step) =
                    Round::read(config, places, span, levels, config.write_back, cx.rng());
                (round.no_older_than(floor), step)
            }
            Job::Rank => Round::rank(config, places, span, levels, cx.rng()),
            Job::Put(version) => {
                Round::write(config, places, span, levels.1, Copies::One(version), cx.rng())
            }
            Job::Write(value) => {
                let time = self.stamps.next(cx.clock());
                let version = Version { rank: Rank { time, node: self.env.me.0 }, value };
                Round::write(config, places, span, levels.1, Copies::One(version), cx.rng())
            }
            // A library merges nothing.
            Job::Update => return,
        };
        let half = u32::from(current.stamped.is_some());
        let ticket = Ticket { slot: half, serial: u64::from(current.request.id.0) };
        library.round = Some((ticket, round));
        self.perform(step, cx);
        self.be_patient(cx);
    }

    fn be_patient(&self, cx: Cx<'_, '_>) {
        let patience = self.env.config.patience;
        cx.set_timer(Timer::Patience, patience.unwrap_or(self.env.attempt_timeout.scale(0.25)));
    }

    /// Does what the library's round asks for.
    fn perform(&mut self, step: Step, cx: Cx<'_, '_>) {
        let Some((ticket, round)) = self.library.as_ref().and_then(|l| l.round.as_ref()) else {
            return;
        };
        let (ticket, Span { first: key, count }) = (*ticket, round.span);
        for to in members(step.fetch) {
            cx.send(to, Msg::Fetch { ticket, key, count });
        }
        let for_store = if round.is_open() || round.is_write { ticket } else { Ticket::NOBODY };
        for to in members(step.store) {
            let copies = round.best.clone();
            cx.send(to, Msg::Store { ticket: for_store, key, copies, stand_in_for: None });
        }
        if step.answer {
            let copies = round.best.clone();
            self.on_done(&copies, cx);
        }
    }

    /// Those asked at first are slow: others are asked too, and stand-ins where there are any.
    fn on_patience(&mut self, cx: Cx<'_, '_>) {
        let Some(library) = &mut self.library else { return };
        let Some((ticket, round)) = &mut library.round else { return };
        let (ticket, places) = (*ticket, &library.places);
        let mut step = round.lose_patience(places);
        let others = places.stand_ins(round.span.first);
        if round.is_reading() {
            members(others).for_each(|node| round.ask_too(node));
            step.fetch |= others;
        } else {
            for (owner, to) in members(round.missing()).zip(members(others)) {
                let (key, copies) = (round.span.first, round.best.clone());
                cx.send(to, Msg::Store { ticket, key, copies, stand_in_for: Some(owner) });
            }
        }
        self.perform(step, cx);
        self.be_patient(cx);
    }
}

impl Client<Leaderless> for Session {
    fn start(env: Env<Leaderless>) -> Self {
        let coordinates = env.config.coordinator == Coordinator::Client;
        let library = || Library { places: Places::new(&env), round: None };
        let (library, stamps) = (coordinates.then(library), HybridClock::default());
        let (rule, initial) = (env.config.conflicts, env.contents.initial);
        let updates = rule.merges().then(|| Updates::new(rule, initial, env.me.0));
        let token = Token::default();
        Self { current: None, library, stamps, updates, token, serial: None, env }
    }

    fn on_request(&mut self, request: Request, cx: &mut ClientCx<'_, Leaderless>) {
        let scope = serial::scope(request.level).filter(|_| !self.writes_plainly(request, cx));
        if let Some(scope) = scope {
            return self.ask_serial(scope, request, cx);
        }
        let (read, write) = acks(request.level).unwrap_or((Acks::Quorum, Acks::Quorum));
        let stamped = match request.op {
            Op::Write(value, _) if self.updates.is_some() || stamped_by_session(request.level) => {
                let time = self.stamps.next(cx.clock());
                Some(Version { rank: Rank { time, node: self.env.me.0 }, value })
            }
            _ => None,
        };
        let update = if let Op::Write(_, update) = request.op { Some(update) } else { None };
        let updates = self.updates.as_mut();
        let reads_first = updates.is_some_and(|updates| updates.begin(request.key, update));
        let (attempts, silent, half) = (0, 0, 0);
        let floor = self.token.of(request.key);
        self.current = Some(Current {
            request,
            read,
            write,
            attempts,
            silent,
            half,
            stamped,
            reads_first,
            floor,
        });
        self.attempt(cx);
    }

    fn on_given_up(&mut self) {
        // A late answer is nobody's: what nobody was shown, nobody can replace.
        self.current = None;
        if let Some(library) = &mut self.library {
            library.round = None;
        }
        if let Some(serial) = &mut self.serial {
            serial.give_up();
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut ClientCx<'_, Leaderless>) {
        if let Msg::Reply { op, attempt, copies } = msg {
            if self.current.is_some_and(|current| current.request.id == op) {
                self.on_reply(attempt, &copies, cx);
            }
            return;
        }
        if let Msg::Serial(scope, msg) = msg {
            return self.paxos(scope, cx, |session, cx| session.on_message(from, msg, cx));
        }
        let Some(library) = &mut self.library else { return };
        let Some((ticket, round)) = &mut library.round else { return };
        let step = match msg {
            Msg::Fetched { ticket: of, copies } if of == *ticket => {
                round.on_fetched(&library.places, from, &copies)
            }
            Msg::Stored(of) if of == *ticket => round.on_stored(&library.places, from),
            _ => return,
        };
        self.perform(step, cx);
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ClientCx<'_, Leaderless>) {
        match timer {
            Timer::Attempt => {
                if let Some(current) = &mut self.current {
                    current.silent += 1;
                }
                self.attempt(cx);
            }
            Timer::Serial(scope, timer) => {
                self.paxos(scope, cx, |session, cx| session.on_timer(timer, cx));
            }
            _ if self.current.is_some() => self.on_patience(cx),
            _ => {}
        }
    }
}
