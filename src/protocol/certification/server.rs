//! A replica: takes its clients' writes into the order, delivers what is safe, and serves reads.

use super::ballot::Ballot;
use super::message::{Ask, Beat, Entry, Epoch, Image, Msg, Need, Record, Wish};
use super::order::Order;
use super::state::{Fate, State};
use super::{Certification, Timer};
use crate::op::{Key, NodeId, Update, Value};
use crate::protocol::parts::table::Command;
use crate::protocol::{Env, Replica, ReplicaCx, WriteId};

/// Write sets sent again at once to one that lacks them; it asks again for the rest.
const RESEND: usize = 512;

pub(super) type Cx<'a, 'b> = &'a mut ReplicaCx<'b, Certification>;

/// What a waiting read waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Everything up to this stamp is safe.
    Safe(u64),
    /// So many write sets are applied.
    Applied(u64),
}

/// What part a replica takes in its view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// None: it has promised to wait for another view, or was down.
    None,
    /// It will when the view's image is on disk.
    Entering(WriteId),
    /// It does, and has not heard yet that all others do.
    Entered,
    /// All members do: this is a primary component.
    Primary,
}

/// A replica.
#[derive(Debug)]
pub struct Server {
    pub(super) env: Env<Certification>,
    pub(super) state: State,
    pub(super) order: Order,
    /// Delivered up to this stamp of the view.
    pub(super) upto: u64,
    pub(super) part: Part,
    /// Applied with the change of view, not known to be decided.
    pub(super) late: Vec<(Key, Value)>,
    /// Its own write sets that an earlier view did not deliver.
    pub(super) orphans: Vec<Entry>,
    pub(super) ballot: Ballot,
    /// One per client.
    waiting: Vec<(NodeId, Ask, Until)>,
    /// How many write sets the last image on disk, or on its way there, has.
    imaged: u64,
    /// The log may begin at the first once the second is on disk.
    shorten: Option<(WriteId, WriteId)>,
}

impl Server {
    fn takes_part(&self) -> bool {
        matches!(self.part, Part::Entered | Part::Primary)
    }

    /// Sends to all other members.
    pub(super) fn tell(&self, msg: &Msg, cx: Cx<'_, '_>) {
        for other in self.order.others() {
            cx.send(other, msg.clone());
        }
    }

    /// Tells what is new, delivers what is safe.
    pub(super) fn proceed(&mut self, cx: Cx<'_, '_>) {
        if !self.takes_part() {
            return;
        }
        self.report(false, false, cx);
        let Some(safe) = self.order.safe() else { return };
        if self.part == Part::Entered {
            self.take_office(cx);
        }
        while let Some(entry) = self.order.next(safe) {
            self.deliver(&entry, cx);
        }
        self.upto = safe;
        self.serve_waiting(safe, cx);
        self.compact(cx);
    }

    /// Tells the others how far it is, if there is news.
    pub(super) fn report(&mut self, always: bool, ask: bool, cx: Cx<'_, '_>) {
        if let Some(beat) = self.order.news(always, ask) {
            self.tell(&Msg::Beat(beat), cx);
        }
    }

    fn deliver(&mut self, entry: &Entry, cx: Cx<'_, '_>) {
        let fate = self.state.apply(entry);
        let Command { key, value, client, op, .. } = entry.command;
        if fate == Fate::Written {
            cx.note_commit(key, value);
        }
        if entry.from == self.env.me {
            match fate {
                Fate::Conflict => cx.send(client, Msg::Conflict(op)),
                Fate::Written | Fate::Again => self.acknowledge(&entry.command, cx),
            }
        }
    }

    fn acknowledge(&self, command: &Command, cx: Cx<'_, '_>) {
        let index = self.state.index();
        let Command { client, op, .. } = *command;
        cx.send(client, Msg::Reply { op, value: Value::INITIAL, version: index, index });
    }

    /// All members are in: what the view began with is decided, and work goes on.
    fn take_office(&mut self, cx: Cx<'_, '_>) {
        self.part = Part::Primary;
        for (key, value) in self.late.drain(..) {
            cx.note_commit(key, value);
        }
        for orphan in std::mem::take(&mut self.orphans) {
            self.on_write(orphan.command, orphan.read, cx);
        }
    }

    fn on_ask(&mut self, client: NodeId, ask: Ask, cx: Cx<'_, '_>) {
        if self.part != Part::Primary {
            return cx.send(client, Msg::Refused(ask.op));
        }
        let until = match (ask.wish, ask.need) {
            (Wish::Write { value, read }, _) => {
                let (key, op, update) = (ask.key, ask.op, Update::Put);
                let command = Command { key, value, update, client, op };
                self.on_write(command, read, cx);
                return self.proceed(cx);
            }
            (_, Need::AtLeast(index)) if self.state.index() >= index => {
                return self.answer(client, &ask, cx);
            }
            (_, Need::AtLeast(index)) => Until::Applied(index),
            (_, Need::Latest) => {
                let mark = self.order.mark();
                self.report(true, true, cx);
                Until::Safe(mark)
            }
        };
        match self.waiting.iter_mut().find(|(other, ..)| *other == client) {
            Some(slot) => *slot = (client, ask, until),
            None => self.waiting.push((client, ask, until)),
        }
        self.proceed(cx);
    }

    /// A write takes its place in the order, unless it has one.
    fn on_write(&mut self, command: Command, read: Option<u64>, cx: Cx<'_, '_>) {
        if self.state.table().has_applied(command.client, command.op) {
            return self.acknowledge(&command, cx);
        }
        if self.order.is_under_way(&command) {
            return;
        }
        if self.order.is_full() {
            return cx.send(command.client, Msg::Refused(command.op));
        }
        let entry = self.order.propose(command, read);
        self.tell(&Msg::Entry(self.order.epoch(), entry), cx);
        let id = cx.persist(Record::Entry(entry));
        self.order.keep(entry, id);
    }

    fn on_entry(&mut self, from: NodeId, epoch: Epoch, entry: Entry, cx: Cx<'_, '_>) {
        if epoch != self.order.epoch() || self.part == Part::None {
            return;
        }
        self.order.heard(from, cx.clock());
        let mut next = self.order.receive(entry);
        while let Some(entry) = next {
            let id = cx.persist(Record::Entry(entry));
            next = self.order.keep(entry, id);
        }
        self.proceed(cx);
    }

    fn on_beat(&mut self, from: NodeId, beat: &Beat, cx: Cx<'_, '_>) {
        if beat.epoch != self.order.epoch() || self.part == Part::None {
            return self.on_stray(from, beat.epoch, cx);
        }
        let first = self.order.on_beat(from, beat, cx.clock());
        if first && self.takes_part() {
            // What it was told before it was in, it did not heed.
            self.report(true, false, cx);
        }
        self.proceed(cx);
    }

    fn answer(&self, client: NodeId, ask: &Ask, cx: Cx<'_, '_>) {
        let (op, index, key) = (ask.op, self.state.index(), ask.key);
        let reply = match ask.wish {
            Wish::Scan(count) => {
                Msg::Values { op, values: self.state.table().scan(key, count), index }
            }
            Wish::Read | Wish::Write { .. } => {
                let (value, version) = (self.state.table().read(key), self.state.version(key));
                Msg::Reply { op, value, version, index }
            }
        };
        cx.send(client, reply);
    }

    fn serve_waiting(&mut self, safe: u64, cx: Cx<'_, '_>) {
        let mut at = 0;
        while let Some((client, ask, until)) = self.waiting.get(at).copied() {
            let ready = match until {
                Until::Safe(stamp) => safe >= stamp,
                Until::Applied(index) => self.state.index() >= index,
            };
            if ready {
                self.waiting.swap_remove(at);
                self.answer(client, &ask, cx);
            } else {
                at += 1;
            }
        }
    }

    /// Takes no further part in its view.
    pub(super) fn step_out(&mut self, cx: Cx<'_, '_>) {
        if self.part != Part::None {
            self.part = Part::None;
            self.orphans.extend(self.order.own(0));
            for (client, ask, _) in self.waiting.drain(..) {
                cx.send(client, Msg::Refused(ask.op));
            }
        }
    }

    /// The state as of now.
    pub(super) fn image(&self) -> Image {
        Image {
            epoch: self.order.epoch(),
            members: self.order.members(),
            upto: self.upto,
            state: self.state.clone(),
            late: self.late.clone(),
        }
    }

    /// Begins a view, once its image is on disk.
    pub(super) fn enter(&mut self, image: Image, cx: Cx<'_, '_>) {
        self.step_out(cx);
        self.adopt(&image);
        self.order.hear_all(cx.clock());
        let id = cx.persist(Record::Image(Box::new(image)));
        self.shorten = Some((id, id));
        self.part = Part::Entering(id);
    }

    fn adopt(&mut self, image: &Image) {
        let Env { me, replicas, .. } = self.env;
        self.order = Order::new(me, replicas, image.epoch, image.members);
        self.state = image.state.clone();
        (self.upto, self.imaged) = (image.upto, image.state.index());
        self.late.clone_from(&image.late);
    }

    /// Writes the state down if the log has grown long, and behind it what the state does not have.
    fn compact(&mut self, cx: Cx<'_, '_>) {
        if self.shorten.is_some()
            || self.state.index() < self.imaged + self.env.config.snapshot_every
        {
            return;
        }
        self.imaged = self.state.index();
        let from = cx.persist(Record::Image(Box::new(self.image())));
        let last = self.order.pending().map(|entry| cx.persist(Record::Entry(entry))).last();
        self.shorten = Some((from, last.unwrap_or(from)));
    }

    /// Asks others again for what is missing.
    fn ask_again(&mut self, cx: Cx<'_, '_>) {
        let epoch = self.order.epoch();
        for other in self.order.others() {
            if let Some(from) = self.order.missing(other) {
                cx.send(other, Msg::Lack(epoch, from));
            }
        }
    }
}

impl Replica<Certification> for Server {
    fn recover(env: Env<Certification>, log: &[Record], cx: Cx<'_, '_>) -> Self {
        let all = u32::MAX >> (u32::BITS - env.replicas);
        let (first_boot, now) = (env.first_boot, cx.clock());
        let mut server = Self {
            state: State::new(env.keys, env.contents),
            order: Order::new(env.me, env.replicas, Epoch::default(), all).first(),
            upto: 0,
            part: if first_boot { Part::Primary } else { Part::None },
            late: Vec::new(),
            orphans: Vec::new(),
            ballot: Ballot::new(env.replicas, now),
            waiting: Vec::new(),
            imaged: 0,
            shorten: None,
            env,
        };
        for record in log {
            match record {
                Record::Promise(epoch) => server.ballot.promised = *epoch,
                Record::Entry(entry) => server.order.recall(*entry),
                Record::Image(image) => {
                    // Of the entries written again behind an image of the same view a crash may have lost some.
                    let same = image.epoch == server.order.epoch();
                    let beyond = |entry: &Entry| same && entry.stamp > image.upto;
                    let beyond: Vec<Entry> = server.order.pending().filter(beyond).collect();
                    server.adopt(image);
                    beyond.into_iter().for_each(|entry| server.order.recall(entry));
                    server.ballot.promised = server.ballot.promised.max(image.epoch);
                }
            }
        }
        server.order.hear_all(now);
        cx.set_timer(Timer::Beat, server.env.config.heartbeat);
        server
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: Cx<'_, '_>) {
        if from.0 < self.env.replicas {
            self.ballot.hear(from, cx.clock());
        }
        match msg {
            Msg::Ask(ask) => self.on_ask(from, ask, cx),
            Msg::Entry(epoch, entry) => self.on_entry(from, epoch, entry, cx),
            Msg::Beat(beat) => self.on_beat(from, &beat, cx),
            Msg::Lack(epoch, first) if epoch == self.order.epoch() => {
                for entry in self.order.own(first).take(RESEND) {
                    cx.send(from, Msg::Entry(epoch, entry));
                }
            }
            Msg::Prepare { epoch, accepted } => self.on_prepare(from, epoch, accepted, cx),
            Msg::Promise(promise) => self.on_promise(from, *promise, cx),
            Msg::Behind(epoch) => self.on_behind(epoch, cx),
            Msg::Open(image) => self.on_open(*image, cx),
            // A sign of life, of another view, or for clients.
            Msg::Alive
            | Msg::Lack(..)
            | Msg::Reply { .. }
            | Msg::Values { .. }
            | Msg::Conflict(_)
            | Msg::Refused(_) => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: Cx<'_, '_>) {
        if timer != Timer::Beat {
            return;
        }
        if self.takes_part() {
            let ask = self.waiting.iter().any(|(.., until)| matches!(until, Until::Safe(_)));
            self.report(true, ask, cx);
            self.ask_again(cx);
        }
        for other in self.env.peers() {
            if !self.takes_part() || !self.order.has_member(other) {
                cx.send(other, Msg::Alive);
            }
        }
        self.watch(cx);
        cx.set_timer(Timer::Beat, self.env.config.heartbeat);
    }

    fn on_durable(&mut self, upto: WriteId, cx: Cx<'_, '_>) {
        self.order.on_durable(upto);
        if let Some((from, _)) = self.shorten.take_if(|(_, last)| *last <= upto) {
            cx.truncate(from);
        }
        if matches!(self.part, Part::Entering(id) if id <= upto) {
            self.part = Part::Entered;
            self.report(true, false, cx);
        }
        self.keep_promise(upto, cx);
        self.proceed(cx);
    }

    fn inspect(&self, key: Key) -> Value {
        self.state.table().read(key)
    }
}
