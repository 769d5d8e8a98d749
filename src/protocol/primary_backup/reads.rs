//! Serving reads at either role: now, later, elsewhere, or not at all.

use super::{Env, Flaw, Msg, Need, PrimaryBackup, ReadRequest, Role, Server, Store, Token};
use crate::op::{NodeId, Ret};
use crate::protocol::ReplicaCx;

/// Reads that wait for the copy to catch up: one per client, so never more than there are clients.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<(u64, NodeId, ReadRequest)>);

impl Waiting {
    /// Keeps a read until the index is applied, in place of an earlier one of the same client.
    fn keep(&mut self, index: u64, client: NodeId, read: ReadRequest) {
        match self.0.iter_mut().find(|(_, other, _)| *other == client) {
            Some(slot) => *slot = (index, client, read),
            None => self.0.push((index, client, read)),
        }
    }
}

impl Server {
    pub(super) fn on_read(
        &mut self,
        from: NodeId,
        read: ReadRequest,
        cx: &mut ReplicaCx<'_, PrimaryBackup>,
    ) {
        let primary = self.primary();
        let index = match (&self.role, read.need) {
            // What a crash has swallowed never comes, so nobody waits for it here.
            (Role::Primary(primary), Need::Token(token)) => {
                primary.barrier.max(token.0.min(self.store.last()))
            }
            (Role::Primary(primary), _) => primary.barrier,
            (Role::Backup(_), Need::Token(_)) if self.env.config.has(Flaw::IgnoresTokens) => 0,
            (Role::Backup(_), Need::Token(token)) => token.0,
            (Role::Backup(_), Need::Latest) => {
                return cx.send(from, Msg::Redirect(read.op, primary));
            }
            (Role::Backup(backup), Need::Within(age)) => {
                let oldest = cx.clock() + self.env.config.max_clock_error;
                if oldest.since(backup.current_as_of) > age {
                    return cx.send(from, Msg::Redirect(read.op, primary));
                }
                0
            }
        };
        let current = Self::is_current(&mut self.role, &self.env, read.need, cx);
        if self.store.applied() >= index && current {
            answer(&self.store, from, &read, cx);
        } else {
            self.waiting.keep(index, from, read);
        }
    }

    /// Whether this role may answer what is needed; only a primary's may be over without its knowing.
    fn is_current(
        role: &mut Role,
        env: &Env<PrimaryBackup>,
        need: Need,
        cx: &ReplicaCx<'_, PrimaryBackup>,
    ) -> bool {
        match (role, need) {
            (Role::Primary(primary), Need::Latest | Need::Within(_)) => {
                primary.is_current(env, cx.clock())
            }
            _ => true,
        }
    }

    /// Answers the waiting reads whose time has come.
    pub(super) fn serve_waiting(&mut self, cx: &mut ReplicaCx<'_, PrimaryBackup>) {
        let Self { store, role, env, .. } = self;
        self.waiting.0.retain(|(index, client, read)| {
            let ready = store.applied() >= *index && Self::is_current(role, env, read.need, cx);
            if ready {
                answer(store, *client, read, cx);
            }
            !ready
        });
    }
}

fn answer(
    store: &Store,
    client: NodeId,
    read: &ReadRequest,
    cx: &mut ReplicaCx<'_, PrimaryBackup>,
) {
    let (op, token) = (read.op, Token(store.applied()));
    let table = store.table();
    let ret = match read.count {
        0 => table.answer(table.state(read.key)),
        count => Ret::Values(table.scan(read.key, count)),
    };
    cx.send(client, Msg::Reply { op, ret, token });
}
