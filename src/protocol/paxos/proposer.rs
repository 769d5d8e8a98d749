//! The proposer of a node: at most one round per key, and what becomes of it.
//!
//! Further jobs of a key wait in its lane, so that a coordinator never duels with itself. Coordinators that
//! meet on a key retreat for a random while that doubles.

use super::super::parts::table::slot;
use super::ServerCx;
use super::message::{Ballot, Cell, Msg, Timer};
use super::round::{Answer, Goal, Next, Round};
use super::server::Server;
use super::work::{Active, Task};
use crate::op::{Key, NodeId, Rank};
use crate::time::Duration;

/// The pause of those who met on a key doubles this often.
const DOUBLINGS: u32 = 4;
/// An update that was proposed is tried this many times as long as one that was not.
const PERSISTENCE: u64 = 4;
/// Keys that one comparison of replicas settles at most.
const SETTLED_AT_ONCE: usize = 64;

impl Server {
    pub(super) fn enqueue(&mut self, key: Key, task: Task, cx: ServerCx<'_, '_>) {
        slot(&mut self.lanes, key.0 as usize).waiting.push_back(task);
        self.next_of(key, cx);
    }

    /// Begins the next job of a key that is still worth while, if none is in progress.
    pub(super) fn next_of(&mut self, key: Key, cx: ServerCx<'_, '_>) {
        let now = cx.clock();
        loop {
            let lane = &mut self.lanes[key.0 as usize];
            if lane.round.is_some() {
                return;
            }
            let Some(task) = lane.waiting.pop_front() else { return };
            match task.asked.filter(|asked| asked.until <= now) {
                Some(late) => cx.send(late.client, Msg::NotDone(late.op)),
                None => return self.begin(key, task, cx),
            }
        }
    }

    pub(super) fn begin(&mut self, key: Key, task: Task, cx: ServerCx<'_, '_>) {
        let ballot = Ballot { time: self.ballots.next(cx.clock()), node: self.env.me.0 };
        let round = Round::new(task.goal, self.majority(), ballot, self.first());
        let again = cx.clock() + self.env.attempt_timeout;
        let place = self.free.pop().unwrap_or_else(|| {
            self.active.push(None);
            (self.active.len() - 1) as u32
        });
        self.active[place as usize] = Some(Active { key, task, round, again, retreats: 0 });
        self.lanes[key.0 as usize].round = Some(place);
        self.arm(again, cx);
        self.ask_all(&Msg::Prepare(key, ballot), cx);
    }

    /// The round of a key at this ballot, and where it is.
    pub(super) fn round(&mut self, key: Key, ballot: Ballot) -> Option<(usize, &mut Active)> {
        let place = self.lanes.get(key.0 as usize)?.round? as usize;
        let active = self.active[place].as_mut()?;
        (active.round.ballot == ballot).then_some((place, active))
    }

    pub(super) fn step(
        &mut self,
        key: Key,
        ballot: Ballot,
        hear: impl FnOnce(&mut Round) -> Next,
        cx: ServerCx<'_, '_>,
    ) {
        let Some((place, active)) = self.round(key, ballot) else { return };
        match hear(&mut active.round) {
            Next::Wait => {}
            Next::Accept(held) => {
                self.ballots.see(held.recent[0].rank.time);
                self.ask_all(&Msg::Accept(key, ballot, held), cx);
            }
            Next::Done(answer, held) => {
                let Task { asked, goal } = active.task;
                if self.note(key, &held, cx) || goal == Goal::Settle {
                    for peer in self.peers() {
                        cx.send(peer, Msg::Chosen(key, held.recent[0].rank));
                    }
                }
                if matches!((goal, answer), (Goal::Update(..), Answer::Applied(_))) {
                    self.spread(key, held, cx);
                }
                if let Some(asked) = asked {
                    let ret = answer.told(goal, &held, self.env.contents.is_register());
                    cx.send(asked.client, asked.answer(ret, held.recent[0]));
                }
                self.end(place, cx);
            }
            Next::Unknown => self.end(place, cx),
        }
    }

    pub(super) fn end(&mut self, place: usize, cx: ServerCx<'_, '_>) {
        if let Some(Active { key, .. }) = self.active[place].take() {
            self.free.push(place as u32);
            self.lanes[key.0 as usize].round = None;
            self.next_of(key, cx);
        }
    }

    /// Another coordinator is at work on the key: let it finish.
    pub(super) fn on_refuse(
        &mut self,
        key: Key,
        ballot: Ballot,
        promised: Ballot,
        cx: ServerCx<'_, '_>,
    ) {
        self.ballots.see(promised.time);
        let pause = self.env.config.pause;
        let Some((_, active)) = self.round(key, ballot) else { return };
        let most = pause * (1 << active.retreats.min(DOUBLINGS));
        active.retreats += 1;
        active.again = cx.clock() + most.scale(cx.rng().unit());
        let again = active.again;
        // Nothing more is heard of this ballot; the round begins again at another.
        active.round.ballot = Ballot::default();
        self.arm(again, cx);
    }

    /// A round that got no answer, or made way, begins again at a higher ballot, or ends.
    pub(super) fn begin_again(&mut self, place: usize, cx: ServerCx<'_, '_>) {
        let (now, first) = (cx.clock(), self.first());
        let ballot = Ballot { time: self.ballots.next(now), node: self.env.me.0 };
        let Some(active) = &mut self.active[place] else { return };
        let (key, tried) = (active.key, active.round.has_tried());
        if let Some(asked) = active.task.asked {
            let more =
                if tried { self.env.attempt_timeout * (PERSISTENCE - 1) } else { Duration::ZERO };
            if asked.until + more <= now {
                if !tried {
                    cx.send(asked.client, Msg::NotDone(asked.op));
                }
                return self.end(place, cx);
            }
        } else if active.retreats > DOUBLINGS {
            // Replicas are compared again soon.
            return self.end(place, cx);
        }
        active.retreats += 1;
        active.again = now + self.env.attempt_timeout;
        active.round.restart(ballot, first);
        self.ask_all(&Msg::Prepare(key, ballot), cx);
    }

    /// Settles keys in which another replica differs, or tells another region of those that are later here.
    pub(super) fn on_ranks(&mut self, from: NodeId, theirs: &[Rank], cx: ServerCx<'_, '_>) {
        let ours = self.acceptors.ranks();
        let of = |ranks: &[Rank], key: usize| ranks.get(key).copied().unwrap_or_default();
        let differ =
            (0..ours.len().max(theirs.len())).filter(|key| of(&ours, *key) != of(theirs, *key));
        if self.is_elector(from) {
            let differ: Vec<Key> = differ.map(|key| Key(key as u32)).collect();
            return self.settle(differ.into_iter(), cx);
        }
        let later = differ.filter(|key| of(&ours, *key) > of(theirs, *key));
        for key in later.map(|key| Key(key as u32)).take(SETTLED_AT_ONCE) {
            let Cell { held, chosen, .. } = self.acceptors.cell(key);
            // What may not be chosen may yet come to stand at another place.
            if chosen == held.recent[0].rank {
                cx.send(from, Msg::Learned(key, held));
            }
        }
    }

    /// Has everybody accept and know what is chosen of these keys, unless they are being worked upon.
    pub(super) fn settle(&mut self, keys: impl Iterator<Item = Key>, cx: ServerCx<'_, '_>) {
        for key in keys.take(SETTLED_AT_ONCE) {
            let lane = slot(&mut self.lanes, key.0 as usize);
            if lane.round.is_none() && lane.waiting.is_empty() {
                self.enqueue(key, Task { asked: None, goal: Goal::Settle }, cx);
            }
        }
    }

    /// Compares itself with its peers, and settles what has been in doubt since the last time.
    pub(super) fn on_anti_entropy(&mut self, cx: ServerCx<'_, '_>) {
        for peer in self.env.peers() {
            cx.send(peer, Msg::Digest(self.acceptors.digest()));
        }
        let before = std::mem::replace(&mut self.in_doubt, self.acceptors.in_doubt());
        let still: Vec<Key> = before
            .into_iter()
            .filter(|one| self.in_doubt.contains(one))
            .map(|(key, _)| key)
            .collect();
        self.settle(still.into_iter(), cx);
        cx.set_timer(Timer::AntiEntropy, self.env.config.anti_entropy);
    }
}
