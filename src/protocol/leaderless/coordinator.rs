//! The coordinating replica: its rounds, what they wait for, and what becomes of writes that some
//! replica did not get.

use super::super::parts::merge::Cell;
use super::super::parts::version::Version;
use super::message::{Ask, Copies, Job, Msg, Ticket, Timer};
use super::places::{members, only};
use super::round::{Round, Span, Step};
use super::{Server, ServerCx};
use crate::op::{Acks, NodeId, OpId, Rank};
use crate::protocol::WriteId;
use crate::rng::Rng;
use crate::time::LocalTime;
use std::collections::VecDeque;

/// A round and the client that waits for it.
#[derive(Debug)]
struct Slot {
    serial: u64,
    client: NodeId,
    op: OpId,
    attempt: u32,
    round: Round,
    /// The record after which all is safe that is kept for silent replicas.
    kept: Option<WriteId>,
}

/// Rounds in progress, in slots that are used again.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    serial: u64,
    /// When those that are still open ask more replicas, and when they are over; in order of time,
    /// because both are the same for all.
    patience: Deadlines,
    expiry: Deadlines,
}

/// Rounds by time, with one timer for the first.
#[derive(Debug, Default)]
struct Deadlines {
    queue: VecDeque<(LocalTime, Ticket)>,
    armed: bool,
}

impl Deadlines {
    fn push(&mut self, timer: Timer, at: LocalTime, ticket: Ticket, cx: ServerCx<'_, '_>) {
        self.queue.push_back((at, ticket));
        self.arm(timer, cx);
    }

    fn arm(&mut self, timer: Timer, cx: ServerCx<'_, '_>) {
        if let Some((at, _)) = self.queue.front().filter(|_| !self.armed) {
            self.armed = true;
            let after = at.since(cx.clock());
            cx.set_timer(timer, after);
        }
    }

    /// The next round whose time has come.
    fn pop(&mut self, now: LocalTime) -> Option<Ticket> {
        let (_, ticket) = *self.queue.front().filter(|(at, _)| *at <= now)?;
        self.queue.pop_front();
        Some(ticket)
    }
}

impl Rounds {
    /// Numbers begin at the clock, which goes on while a node is down.
    pub(super) fn starting_at(clock: LocalTime) -> Self {
        Self { serial: clock.0, ..Self::default() }
    }

    /// A number that is used once in all lives of this node.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn keep(&mut self, client: NodeId, ask: &Ask, round: Round) -> Ticket {
        let serial = self.next_serial();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] =
            Some(Slot { serial, client, op: ask.op, attempt: ask.attempt, round, kept: None });
        Ticket { slot, serial }
    }

    fn get(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(ticket.slot as usize)?.as_mut();
        slot.filter(|slot| slot.serial == ticket.serial)
    }

    fn release(&mut self, ticket: Ticket) {
        if self.get(ticket).is_some() {
            self.slots[ticket.slot as usize] = None;
            self.free.push(ticket.slot);
        }
    }
}

impl Server {
    /// A client wants something done; with it comes the update, where updates are merged.
    pub(super) fn on_ask(
        &mut self,
        client: NodeId,
        ask: Ask,
        update: Option<Box<Cell>>,
        cx: ServerCx<'_, '_>,
    ) {
        let config = &*self.env.config;
        let Ask { key, read, write, .. } = ask;
        let span = Span { first: key, count: 0 };
        let (places, levels) = (&self.places, (read, write));
        let put = |version, rng: &mut Rng| {
            Round::write(config, places, span, write, Copies::One(version), rng)
        };
        let (round, step) = match ask.job {
            Job::Read(count) => {
                let span = Span { first: key, count };
                Round::read(config, places, span, levels, config.write_back, cx.rng())
            }
            Job::ReadFrom(floor) => {
                let (round, step) =
                    Round::read(config, places, span, levels, config.write_back, cx.rng());
                (round.no_older_than(floor), step)
            }
            Job::Rank => Round::rank(config, places, span, levels, cx.rng()),
            Job::Put(version) => put(version, cx.rng()),
            Job::Update => {
                let Some(update) = update else { return };
                let copies = Copies::Cell(update);
                Round::write(config, places, span, write, copies, cx.rng())
            }
            Job::Write(value) => {
                // Its client has turned to another coordinator; stamped now, it could come back to
                // life after it was acknowledged there and overwritten.
                if config.trusts_clocks && cx.clock() > ask.deadline {
                    return;
                }
                let time = self.stamps.next(cx.clock());
                let version = Version { rank: Rank { time, node: self.env.me.0 }, value };
                put(version, cx.rng())
            }
        };
        let patience = config.patience.unwrap_or(self.env.attempt_timeout.scale(0.25));
        let (now, expiry) = (cx.clock(), self.env.attempt_timeout);
        let ticket = self.rounds.keep(client, &ask, round);
        self.perform(ticket, step, cx);
        if self.rounds.get(ticket).is_some() {
            self.rounds.patience.push(Timer::Patience, now + patience, ticket, cx);
            self.rounds.expiry.push(Timer::Expiry, now + expiry, ticket, cx);
        }
    }

    /// Does what a round asks for: others first, itself last.
    fn perform(&mut self, ticket: Ticket, step: Step, cx: ServerCx<'_, '_>) {
        let Some(slot) = self.rounds.get(ticket) else { return };
        let (me, round) = (self.env.me, &slot.round);
        let Span { first: key, count } = round.span;
        for to in members(step.fetch & !only(me)) {
            cx.send(to, Msg::Fetch { ticket, key, count });
        }
        // Nobody waits for the repairs of a read that is answered.
        let waits = round.is_open() || round.is_write;
        let for_store = if waits { ticket } else { Ticket::NOBODY };
        for to in members(step.store & !only(me)) {
            let copies = round.best.clone();
            cx.send(to, Msg::Store { ticket: for_store, key, copies, stand_in_for: None });
        }
        if step.answer {
            let (op, attempt, client) = (slot.op, slot.attempt, slot.client);
            let mut copies = round.best.clone();
            if let (Copies::Cell(cell), true) = (&mut copies, round.is_write) {
                // What the update has made of the key, as far as is known here.
                cell.join(&self.cell(key));
            }
            cx.send(client, Msg::Reply { op, attempt, copies });
        }
        let Some(slot) = self.rounds.get(ticket) else { return };
        let round = &slot.round;
        if step.store & only(me) != 0 {
            let copies = round.best.clone();
            self.on_store(me, for_store, key, &copies, None, cx);
        }
        if step.fetch & only(me) != 0 {
            let copies = self.copies(Span { first: key, count });
            self.on_fetched(me, ticket, &copies, cx);
        }
        if self.rounds.get(ticket).is_some_and(|slot| slot.round.is_over()) {
            self.rounds.release(ticket);
        }
    }

    pub(super) fn on_fetched(
        &mut self,
        from: NodeId,
        ticket: Ticket,
        copies: &Copies,
        cx: ServerCx<'_, '_>,
    ) {
        if let Some(slot) = self.rounds.get(ticket) {
            let step = slot.round.on_fetched(&self.places, from, copies);
            self.perform(ticket, step, cx);
        }
    }

    pub(super) fn on_stored(&mut self, from: NodeId, ticket: Ticket, cx: ServerCx<'_, '_>) {
        if ticket.slot == Ticket::HINT {
            return self.hints.on_stored(ticket.serial, cx);
        }
        if let Some(slot) = self.rounds.get(ticket) {
            if slot.kept.take_if(|kept| self.store.is_durable(*kept)).is_some() {
                slot.round.on_kept();
            }
            let step = slot.round.on_stored(&self.places, from);
            self.perform(ticket, step, cx);
        }
    }

    /// Rounds that are still open ask more replicas, and stand-ins where there are any.
    pub(super) fn on_patience(&mut self, cx: ServerCx<'_, '_>) {
        self.rounds.patience.armed = false;
        while let Some(ticket) = self.rounds.patience.pop(cx.clock()) {
            let Some(slot) = self.rounds.get(ticket).filter(|slot| slot.round.is_open()) else {
                continue;
            };
            let step = slot.round.lose_patience(&self.places);
            self.perform(ticket, step, cx);
            self.call_stand_ins(ticket, cx);
        }
        self.rounds.patience.arm(Timer::Patience, cx);
    }

    fn call_stand_ins(&mut self, ticket: Ticket, cx: ServerCx<'_, '_>) {
        let Some(slot) = self.rounds.get(ticket).filter(|slot| slot.round.is_open()) else {
            return;
        };
        if self.places.stands_in_alone() {
            return self.stand_in(ticket, cx);
        }
        let (me, span, places) = (self.env.me, slot.round.span, &self.places);
        let key = span.first;
        let mut others = places.stand_ins(key);
        if slot.round.write == Acks::Any && places.owners(key) & only(me) == 0 {
            others |= only(me);
        }
        if slot.round.is_reading() {
            members(others).for_each(|node| slot.round.ask_too(node));
            return self.perform(ticket, Step { fetch: others, ..Step::default() }, cx);
        }
        let silent = slot.round.missing();
        let copies = slot.round.best.clone();
        for (owner, to) in members(silent).zip(members(others)) {
            if to == me {
                self.on_store(me, ticket, key, &copies, Some(owner), cx);
            } else {
                let (copies, stand_in_for) = (copies.clone(), Some(owner));
                cx.send(to, Msg::Store { ticket, key, copies, stand_in_for });
            }
        }
    }

    /// The coordinator itself answers for those that are silent, and keeps for them what they should have, as a
    /// node of Riak holds their fallback vnodes where no other node is left to.
    fn stand_in(&mut self, ticket: Ticket, cx: ServerCx<'_, '_>) {
        let Some(slot) = self.rounds.get(ticket) else { return };
        let me = self.env.me;
        if slot.round.is_reading() {
            let silent = slot.round.unanswered() & !only(me);
            let step = slot.round.stand_in(&self.places, silent);
            return self.perform(ticket, step, cx);
        }
        let silent = slot.round.missing() & !only(me);
        let (key, copies) = (slot.round.span.first, slot.round.best.clone());
        let (mut owners, mut safe) = (0, WriteId(0));
        for owner in members(silent) {
            if let Some(kept) = self.keep_hint(owner, key, &copies, cx) {
                (owners, safe) = (owners | only(owner), kept);
            }
        }
        if owners == 0 {
            return;
        }
        if let Some(slot) = self.rounds.get(ticket) {
            slot.round.keep_for(owners);
            slot.kept = Some(safe);
        }
        self.acknowledge_once(safe, me, ticket, cx);
    }

    /// Rounds that are over: their clients have turned elsewhere by now.
    pub(super) fn on_expiry(&mut self, cx: ServerCx<'_, '_>) {
        self.rounds.expiry.armed = false;
        while let Some(ticket) = self.rounds.expiry.pop(cx.clock()) {
            let Some(slot) = self.rounds.get(ticket) else { continue };
            let missing = slot.round.missing() & !only(self.env.me);
            let key = slot.round.span.first;
            let copies = slot.round.best.clone();
            if self.env.config.hinted_handoff && !matches!(copies, Copies::Many(_)) {
                members(missing).for_each(|to| _ = self.keep_hint(to, key, &copies, cx));
            }
            if let Some(slot) = self.rounds.get(ticket) {
                let step = slot.round.expire(&self.places);
                self.perform(ticket, step, cx);
            }
            self.rounds.release(ticket);
        }
        self.rounds.expiry.arm(Timer::Expiry, cx);
    }
}
