//! What a protocol that contains Raft asks of its replica beside passing messages, as the API server of a
//! Kubernetes control plane asks the etcd member on its machine.

use super::Raft;
use super::replica::{Replica, Role};
use crate::op::{Key, NodeId, OpId, Update, Value};
use crate::protocol::ReplicaCx;
use crate::protocol::parts::table::Command;

impl Replica {
    /// Who leads, as far as this replica knows; itself if it does.
    pub(in crate::protocol) fn known_leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// How much of the log is applied here.
    pub(in crate::protocol) fn applied(&self) -> u64 {
        self.commit
    }

    /// What is applied here.
    pub(in crate::protocol) fn value(&self, key: Key) -> Value {
        self.table.read(key)
    }

    /// How many keys the table has.
    pub(in crate::protocol) fn keys(&self) -> u32 {
        self.table.keys()
    }

    /// The writes applied after an index, each with its own; `None` if the log no longer has them all.
    pub(in crate::protocol) fn applied_after(&self, index: u64) -> Option<Vec<(u64, Command)>> {
        let command = |at| Some((at, self.log.entry(at)?.command?));
        let whole = index >= self.log.base().index;
        whole.then(|| (index + 1..=self.commit).filter_map(command).collect())
    }

    /// Writes on behalf of the system that contains this replica, if it leads. The request is numbered by
    /// its place in the log: whoever leads, later ones have greater numbers, so none is taken for one that
    /// was sent again. It is answered to nobody: [`crate::op::NodeId`] 0 is no client.
    pub(in crate::protocol) fn put(
        &mut self,
        key: Key,
        value: Value,
        cx: &mut ReplicaCx<'_, Raft>,
    ) {
        if self.role == Role::Leader {
            let op = OpId((self.log.last().index + 1) as u32);
            let (update, client) = (Update::Put, NodeId(0));
            self.propose(Some(Command { key, value, update, client, op }), cx);
        }
    }
}
