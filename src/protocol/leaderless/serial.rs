//! The levels SERIAL and LOCAL_SERIAL: compare-and-set beside plain reads and writes of the same keys, after
//! Cassandra's lightweight transactions.
//!
//! Each replica contains a machine of the protocol `paxos`, one for each of the two levels, and each session
//! its client. They begin when the first request comes, so that a store that is never asked has none. What
//! they choose goes into the replica's copy with the stamp it was proposed at, and from there where all
//! versions go; what the copy has that they did not propose, a plain write, they are told, and build upon.
//!
//! **What is promised.** One order of all that is done at SERIAL. A plain write has no place in it, whatever
//! level it waits for: it looks at nothing, and its stamp comes from a clock that may be behind the proposers'
//! ballots or, while a proposal is under way, just ahead. Cassandra's documentation says the same: a
//! partition that is changed by lightweight transactions shall be changed by nothing else. The two levels
//! do not know of each other's proposals either; what a region does at LOCAL_SERIAL has its own electors.

use super::super::parts::version::Version;
use super::message::{Image, Msg, Record, Timer};
use super::{Config, Coordinator, Leaderless, Server, ServerCx, Session};
use crate::op::{Key, Level, Request};
use crate::protocol::paxos::{self, Paxos, Scope};
use crate::protocol::{
    Client, ClientCx, Effect, Effects, Offer, Protocol, Replica, ReplicaCx, WriteId,
};
use crate::time::Duration;

/// Both levels' scopes, in the order of their machines.
const SCOPES: [Scope; 2] = [Scope::All, Scope::Region];
/// Machines that contain each other compare what they hold at least this often.
const ENTROPY_MAX: Duration = Duration::secs(2);

/// Whose majority elects at a level, if it is one of the two.
pub(super) fn scope(level: Level) -> Option<Scope> {
    match level {
        Level::Serial => Some(Scope::All),
        Level::LocalSerial => Some(Scope::Region),
        _ => None,
    }
}

/// The settings of the machines within.
pub(super) fn config(config: &Config, scope: Scope) -> paxos::Config {
    let anti_entropy = config.anti_entropy.min(ENTROPY_MAX);
    // Snapshots are the store's.
    paxos::Config { anti_entropy, snapshot_every: u64::MAX, scope, ..paxos::Config::default() }
}

/// How the level is served, where it is offered: where all replicas have all keys, there is one order of
/// versions, and a replica proposes.
pub(super) fn offer(config: &Config, scope: Scope) -> Option<Offer> {
    let plain = config.n.is_none()
        && !config.write_back
        && !config.conflicts.merges()
        && config.coordinator == Coordinator::Replica;
    let level = if scope == Scope::All { Level::Linearizable } else { Level::LocalSerial };
    Paxos::offer(&self::config(config, scope), level).filter(|_| plain)
}

/// One level's machine in a replica.
#[derive(Debug)]
struct Machine {
    paxos: paxos::Server,
    scratch: Effects<Paxos>,
}

/// Both levels' machines, as far as anybody has asked.
#[derive(Debug, Default)]
pub(super) struct Machines([Option<Box<Machine>>; 2]);

impl Machines {
    /// Tells them what the replica's copy holds of a key.
    #[inline]
    pub(super) fn take_beside(&mut self, key: Key, version: Version) {
        for machine in self.0.iter_mut().flatten() {
            machine.paxos.take_beside(key, version);
        }
    }

    /// All that they know, for a snapshot.
    pub(super) fn images(&self) -> Vec<(Scope, Box<[paxos::Cell]>)> {
        let machines = SCOPES.into_iter().zip(&self.0);
        machines.filter_map(|(scope, one)| Some((scope, one.as_ref()?.paxos.image()))).collect()
    }

    fn of(&mut self, scope: Scope) -> &mut Option<Box<Machine>> {
        &mut self.0[usize::from(scope == Scope::Region)]
    }
}

/// The records of one level's machine, from the latest snapshot on.
fn records(log: &[Record], wanted: Scope) -> Vec<paxos::Record> {
    let from = log.iter().rposition(|record| matches!(record, Record::Snapshot(_))).unwrap_or(0);
    let mut found = Vec::new();
    for record in &log[from..] {
        match record {
            Record::Serial(scope, record) if *scope == wanted => found.push(record.clone()),
            Record::Snapshot(image) => {
                let Image { serial, .. } = &**image;
                let cells = serial.iter().filter(|(scope, _)| *scope == wanted);
                found.extend(cells.map(|(_, cells)| paxos::Record::Snapshot(cells.clone())));
            }
            _ => {}
        }
    }
    found
}

impl Server {
    /// Starts the machines that an earlier life of this replica had.
    pub(super) fn recover_serial(&mut self, log: &[Record], cx: ServerCx<'_, '_>) {
        for scope in SCOPES {
            let records = records(log, scope);
            if !records.is_empty() {
                self.start(scope, &records, cx);
            }
        }
    }

    fn start(&mut self, scope: Scope, log: &[paxos::Record], cx: ServerCx<'_, '_>) {
        let env = self.env.within(config(&self.env.config, scope));
        let mut scratch = Effects::default();
        let mut started = None;
        cx.within(&mut scratch, |cx| {
            started = Some(paxos::Server::recover(env, log, cx).inside());
        });
        let Some(mut paxos) = started else { return };
        for (key, version) in self.store.versions() {
            paxos.take_beside(key, version);
        }
        *self.machines.of(scope) = Some(Box::new(Machine { paxos, scratch }));
        self.paxos(scope, cx, |_, _| ());
    }

    /// Calls the machine of a level, does what it asks for, and takes what it has chosen into the copy.
    pub(super) fn paxos(
        &mut self,
        scope: Scope,
        cx: ServerCx<'_, '_>,
        call: impl FnOnce(&mut paxos::Server, &mut ReplicaCx<'_, Paxos>),
    ) {
        if self.machines.of(scope).is_none() {
            self.start(scope, &[], cx);
        }
        let Some(machine) = self.machines.of(scope) else { return };
        let (paxos, scratch) = (&mut machine.paxos, &mut machine.scratch);
        cx.within(scratch, |cx| call(paxos, cx));
        let mut queue = std::mem::take(&mut scratch.queue);
        for effect in queue.drain(..) {
            self.translate(scope, effect, cx);
        }
        if let Some(machine) = self.machines.of(scope) {
            machine.scratch.queue = queue;
        }
        let next = |server: &mut Self| server.machines.of(scope).as_mut()?.paxos.next_chosen();
        while let Some((key, version)) = next(self) {
            self.note(key, version, cx);
            self.put(key, version, cx);
        }
    }

    fn translate(&mut self, scope: Scope, effect: Effect<Paxos>, cx: ServerCx<'_, '_>) {
        match effect {
            Effect::Send { to, msg } => cx.send(to, Msg::Serial(scope, msg)),
            // Where nothing is lost, nothing is compared.
            Effect::SetTimer(paxos::Timer::AntiEntropy, _)
                if self.env.config.anti_entropy == Duration::ZERO => {}
            Effect::SetTimer(timer, after) => cx.set_timer(Timer::Serial(scope, timer), after),
            Effect::CancelTimer(timer) => cx.cancel_timer(Timer::Serial(scope, timer)),
            Effect::Persist(record) => {
                self.store.persist(Record::Serial(scope, record), cx);
            }
            Effect::Commit(key, value, rank) => cx.note_version(key, value, rank),
            Effect::Made(value, before) => cx.note_made(value, before),
            // It takes no snapshots, and is no client.
            Effect::Truncate(_) | Effect::Complete(..) => {}
        }
    }

    /// The disk has reached a position.
    pub(super) fn serial_on_durable(&mut self, upto: WriteId, cx: ServerCx<'_, '_>) {
        for scope in SCOPES {
            if self.machines.of(scope).is_some() {
                self.paxos(scope, cx, |paxos, cx| paxos.on_durable(upto, cx));
            }
        }
    }
}

/// The client of one level in a session.
#[derive(Debug)]
pub(super) struct Inner {
    scope: Scope,
    session: paxos::Session,
    scratch: Effects<Paxos>,
}

impl Inner {
    /// Its operation is over.
    pub(super) fn give_up(&mut self) {
        self.session.on_given_up();
    }
}

type SessionCx<'a, 'b> = &'a mut ClientCx<'b, Leaderless>;

impl Session {
    /// A request at one of the two levels.
    pub(super) fn ask_serial(&mut self, scope: Scope, request: Request, cx: SessionCx<'_, '_>) {
        if self.serial.as_ref().is_none_or(|inner| inner.scope != scope) {
            let session = paxos::Session::start(self.env.within(config(&self.env.config, scope)));
            let inner = Inner { scope, session, scratch: Effects::default() };
            self.serial = Some(Box::new(inner));
        }
        self.paxos(scope, cx, |session, cx| session.on_request(request, cx));
    }

    /// Hands a request, a message or a timer to the client of a level, if that is at work.
    pub(super) fn paxos(
        &mut self,
        scope: Scope,
        cx: SessionCx<'_, '_>,
        call: impl FnOnce(&mut paxos::Session, &mut ClientCx<'_, Paxos>),
    ) {
        let at_work = self.serial.as_deref_mut().filter(|inner| inner.scope == scope);
        let Some(Inner { session, scratch, .. }) = at_work else { return };
        cx.within(scratch, |cx| call(session, cx));
        for effect in scratch.queue.drain(..) {
            match effect {
                Effect::Send { to, msg } => cx.send(to, Msg::Serial(scope, msg)),
                Effect::SetTimer(timer, after) => cx.set_timer(Timer::Serial(scope, timer), after),
                Effect::CancelTimer(timer) => cx.cancel_timer(Timer::Serial(scope, timer)),
                Effect::Complete(op, outcome) => cx.complete(op, outcome),
                // Clients have no disk, and decide nothing.
                Effect::Persist(_)
                | Effect::Truncate(_)
                | Effect::Commit(..)
                | Effect::Made(..) => {}
            }
        }
    }
}
