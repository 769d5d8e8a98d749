//! Who elects, and what regions that elect by themselves tell each other.
//!
//! With `scope = "region"` the acceptors of a key are those of the coordinator's own region, as at
//! Cassandra's LOCAL_SERIAL: what is chosen is chosen by a majority of the region, and told to one replica
//! of every other region, which has its own region choose it too, if it is later than what that holds. So
//! within a region there is one order of updates, in which those of other regions turn up; of two regions
//! that updated a key at once the later version stays, in the order of their stamps, and the other is lost.
//! What is not told because somebody was down is found when replicas are compared.

use super::super::parts::quorum::majority;
use super::super::parts::table::slot;
use super::message::{Held, Msg};
use super::round::Goal;
use super::server::Server;
use super::work::Task;
use super::{Scope, ServerCx};
use crate::op::{Key, NodeId};

impl Server {
    /// Whether this replica has a voice in what is chosen here.
    pub(super) fn is_elector(&self, replica: NodeId) -> bool {
        let env = &self.env;
        env.config.scope == Scope::All || env.regions[replica.index()] == env.region
    }

    /// The other acceptors, in order of address.
    pub(super) fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let regions = std::sync::Arc::clone(&self.env.regions);
        let (scope, region) = (self.env.config.scope, self.env.region);
        let is_elector =
            move |peer: &NodeId| scope == Scope::All || regions[peer.index()] == region;
        self.env.peers().filter(is_elector)
    }

    pub(super) fn majority(&self) -> usize {
        majority(self.peers().count() as u32 + 1)
    }

    /// Tells the nearest replica of every other region what this one has chosen.
    pub(super) fn spread(&self, key: Key, held: Held, cx: ServerCx<'_, '_>) {
        let env = &self.env;
        if env.config.scope == Scope::All {
            return;
        }
        for (at, to) in env.nearest.iter().enumerate() {
            let region = env.regions[to.index()];
            let nearer = env.nearest[..at].iter().any(|other| env.regions[other.index()] == region);
            if region != env.region && !nearer {
                cx.send(*to, Msg::Learned(key, held));
            }
        }
    }

    /// Another region has chosen something: if it is later than what this replica holds, its own region
    /// shall choose it too.
    pub(super) fn on_learned(&mut self, key: Key, theirs: Held, cx: ServerCx<'_, '_>) {
        if theirs.recent[0] <= self.acceptors.cell(key).held.recent[0] {
            return;
        }
        for task in &mut slot(&mut self.lanes, key.0 as usize).waiting {
            if let Goal::Adopt(waiting) = &mut task.goal {
                if theirs.recent[0] > waiting.recent[0] {
                    *waiting = theirs;
                }
                return;
            }
        }
        self.enqueue(key, Task { asked: None, goal: Goal::Adopt(theirs) }, cx);
    }
}
