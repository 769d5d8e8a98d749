//! The search for rights: one key's updates that wait, and who was asked.
//!
//! Replicas are asked one after another, the nearest of those that seem to have rights first and then the
//! others, whose rows may tell of a past. Asking all at once would be quicker for a stock that is nearly
//! gone, and would scatter the rights of one that is not.

use super::{Account, Escrow, Msg, Server, ServerCx, Timer};
use crate::op::{Key, NodeId, OpId, Ret, Update, Value};
use crate::protocol::Env;
use crate::time::{Duration, LocalTime};
use std::collections::VecDeque;

/// An update that waits for a right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) client: NodeId,
    pub(super) op: OpId,
    pub(super) value: Value,
    pub(super) units: u16,
}

/// A search.
#[derive(Debug)]
pub(super) struct Hunt {
    pub(super) key: Key,
    pub(super) waiting: VecDeque<Waiting>,
    /// Who has not been asked yet, the first last.
    left: Vec<NodeId>,
    /// Who is being asked.
    asked: Option<NodeId>,
    /// Whether somebody did not answer.
    silent: bool,
    /// When that one is given up.
    until: LocalTime,
}

impl Hunt {
    fn new(env: &Env<Escrow>, key: Key, account: &Account) -> Self {
        let mut left: Vec<NodeId> =
            env.nearest.iter().copied().filter(|peer| *peer != env.me).collect();
        left.sort_by_key(|peer| account.rights(*peer, env.contents) == 0);
        left.reverse();
        let (waiting, until) = (VecDeque::new(), LocalTime(0));
        Self { key, waiting, left, asked: None, silent: false, until }
    }

    fn units(&self) -> u64 {
        self.waiting.iter().map(|one| u64::from(one.units)).sum()
    }
}

impl Server {
    /// Lets an update wait for a right; the first begins the search.
    pub(super) fn await_rights(&mut self, key: Key, one: Waiting, cx: ServerCx<'_, '_>) {
        if let Some(hunt) = self.hunts.iter_mut().find(|hunt| hunt.key == key) {
            return hunt.waiting.push_back(one);
        }
        let mut hunt = Hunt::new(&self.env, key, self.account(key));
        hunt.waiting.push_back(one);
        self.hunts.push(hunt);
        self.ask_next(self.hunts.len() - 1, cx);
    }

    /// Rights of a key may have come, or its stock may be gone: serves who waits, in turn, and asks the
    /// next replica if this one has answered.
    pub(super) fn serve_waiting(
        &mut self,
        key: Key,
        answers: Option<NodeId>,
        cx: ServerCx<'_, '_>,
    ) {
        let Some(at) = self.hunts.iter().position(|hunt| hunt.key == key) else { return };
        while let Some(one) = self.hunts[at].waiting.front().copied() {
            if self.rights(key) >= u64::from(one.units) {
                self.sell(key, one, cx);
            } else if self.is_gone(key, one.units) {
                self.refuse(key, one, cx);
            } else {
                break;
            }
            self.hunts[at].waiting.pop_front();
        }
        let hunt = &self.hunts[at];
        if hunt.waiting.is_empty() {
            self.hunts.swap_remove(at);
        } else if answers.is_some() && hunt.asked == answers {
            self.ask_next(at, cx);
        }
    }

    /// Asks the next replica; when all have been asked, tells those who wait.
    fn ask_next(&mut self, at: usize, cx: ServerCx<'_, '_>) {
        let (me, patience) = (self.env.me, self.env.config.patience);
        let hunt = &mut self.hunts[at];
        if let Some(peer) = hunt.left.pop() {
            let (key, units) = (hunt.key, hunt.units());
            hunt.asked = Some(peer);
            hunt.until = cx.clock() + patience;
            let got = self.account(key).row(peer).granted_to(me);
            cx.send(peer, Msg::Want(key, units, got));
            return self.arm(cx);
        }
        let hunt = self.hunts.swap_remove(at);
        for one in hunt.waiting {
            if hunt.silent {
                cx.send(one.client, Msg::NotDone(one.op));
            } else {
                self.refuse(hunt.key, one, cx);
            }
        }
    }

    /// Whoever was asked too long ago is given up.
    pub(super) fn on_hunts(&mut self, cx: ServerCx<'_, '_>) {
        let now = cx.clock();
        // From the last on: a search that ends gives its place to the last.
        for at in (0..self.hunts.len()).rev() {
            if self.hunts[at].until <= now {
                self.hunts[at].silent = true;
                self.ask_next(at, cx);
            }
        }
        self.arm(cx);
    }

    fn arm(&self, cx: ServerCx<'_, '_>) {
        if let Some(first) = self.hunts.iter().map(|hunt| hunt.until).min() {
            let after = first.since(cx.clock()).max(Duration(1));
            cx.set_timer(Timer::Hunts, after);
        }
    }

    /// Another has run out.
    pub(super) fn on_want(
        &mut self,
        from: NodeId,
        key: Key,
        units: u64,
        got: u64,
        cx: ServerCx<'_, '_>,
    ) {
        let (me, contents) = (self.env.me, self.env.contents);
        if self.account(key).row(me).granted_to(from) > got {
            // An earlier transfer has not arrived; it is told of again, once it is on disk.
            return self.tell_row(key, from, cx);
        }
        if self.account_mut(key).grant(me, from, units, contents) == 0 {
            cx.send(from, Msg::NoRights(key));
        } else {
            self.persist_own(key, None, cx);
        }
    }

    /// What an update that is refused is told.
    fn refuse(&self, key: Key, one: Waiting, cx: ServerCx<'_, '_>) {
        cx.send(one.client, Msg::Reply(one.op, Ret::Refused(self.seen(key))));
    }

    /// Uses up rights.
    fn sell(&mut self, key: Key, one: Waiting, cx: ServerCx<'_, '_>) {
        self.carry_out(key, one.client, one.op, one.value, Update::Take(one.units), cx);
    }
}
