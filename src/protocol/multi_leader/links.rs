//! Between replicas: who is sent what, who lacks what, and how current everybody is.

use super::super::parts::resend::Resend;
use super::{Env, Msg, MultiLeader, REPLICAS_MAX, ServerCx, Store, Topology, Vector};
use crate::op::NodeId;
use crate::time::{Duration, LocalTime};
use serde::{Deserialize, Serialize};

/// Entries of one log sent again at once; who lacks more asks again.
const RESEND: usize = 512;
/// Heartbeats until the same entries are sent again to one who still asks for them.
const RESEND_WAIT: u64 = 5;

/// What a replica has, and how current that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The writes it shows.
    pub has: Vector,
    /// By origin: what that one had acknowledged before this reading of its clock is among them.
    pub as_of: [LocalTime; REPLICAS_MAX],
}

/// What a replica knows of the others.
#[derive(Debug)]
pub(super) struct Links {
    me: NodeId,
    /// By log, how much was shipped in this life, or before it.
    shipped: Vector,
    /// By replica, what it last said it has.
    told: Vec<Vector>,
    /// By replica, what was sent to it again.
    resent: Vec<Resend>,
    as_of: [LocalTime; REPLICAS_MAX],
    /// A later reading for which that will hold once so much of the log is shown.
    next: [Option<(u32, LocalTime)>; REPLICAS_MAX],
}

impl Links {
    /// Lost shipments of an earlier life are asked for by those who lack them.
    pub(super) fn new(env: &Env<MultiLeader>, store: &Store) -> Self {
        Self {
            me: env.me,
            shipped: store.received(),
            told: vec![Vector::default(); env.replicas as usize],
            resent: vec![Resend::default(); env.replicas as usize],
            as_of: [LocalTime::default(); REPLICAS_MAX],
            next: [None; REPLICAS_MAX],
        }
    }

    /// Ships what has not been shipped yet.
    pub(super) fn ship(&mut self, env: &Env<MultiLeader>, store: &Store, cx: ServerCx<'_, '_>) {
        for origin in store.origins() {
            let upto = store.shippable(origin);
            for seq in self.shipped.get(origin) + 1..=upto {
                let Some(entry) = store.entry(origin, seq) else { continue };
                for to in next_hops(env, origin) {
                    cx.send(to, Msg::Ship { origin, seq, entry });
                }
            }
            self.shipped.set(origin, upto.max(self.shipped.get(origin)));
        }
    }

    /// Tells those it ships to what it has.
    pub(super) fn beat(&mut self, env: &Env<MultiLeader>, store: &Store, cx: ServerCx<'_, '_>) {
        // Nothing of its own is acknowledged before it is shown.
        self.as_of[self.me.index()] = cx.clock();
        let standing = Standing { has: *store.has(), as_of: self.as_of };
        for to in next_hops(env, self.me) {
            cx.send(to, Msg::Beat(standing));
        }
    }

    /// Learns what another has; says whether something of it is missing here. What was not missing at
    /// the beat before may still be under way.
    pub(super) fn on_beat(&mut self, store: &Store, from: NodeId, standing: Standing) -> bool {
        for origin in store.origins().filter(|origin| *origin != self.me) {
            let (has, as_of) = (standing.has.get(origin), standing.as_of[origin.index()]);
            if store.has().get(origin) >= has {
                let known = &mut self.as_of[origin.index()];
                *known = as_of.max(*known);
            } else {
                self.next[origin.index()].get_or_insert((has, as_of));
            }
        }
        let before = std::mem::replace(&mut self.told[from.index()], standing.has);
        !store.received().covers(&before)
    }

    /// The store shows more than it did.
    pub(super) fn learn(&mut self, store: &Store) {
        for origin in store.origins() {
            let next = &mut self.next[origin.index()];
            if let Some((_, as_of)) = next.take_if(|(has, _)| store.has().get(origin) >= *has) {
                let known = &mut self.as_of[origin.index()];
                *known = as_of.max(*known);
            }
        }
    }

    /// How old a read here may be, by this replica's clock alone.
    pub(super) fn age(&self, store: &Store, now: LocalTime) -> Duration {
        let others = store.origins().filter(|origin| *origin != self.me);
        others.map(|origin| now.since(self.as_of[origin.index()])).max().unwrap_or_default()
    }

    /// Sends another what it lacks.
    pub(super) fn on_lack(
        &mut self,
        env: &Env<MultiLeader>,
        store: &Store,
        from: NodeId,
        has: &Vector,
        cx: ServerCx<'_, '_>,
    ) {
        let wait = env.config.heartbeat * RESEND_WAIT;
        let wish = has.total() + 1;
        if !self.resent[from.index()].is_due(wish, cx.clock(), wait) {
            return;
        }
        let missing = |origin: NodeId| has.get(origin) + 1..=store.has().get(origin);
        let gone = |origin: NodeId| {
            let missing = missing(origin);
            !missing.is_empty() && store.entry(origin, *missing.start()).is_none()
        };
        if store.origins().any(gone) {
            return cx.send(from, Msg::Install(Box::new(store.state())));
        }
        for origin in store.origins() {
            for seq in missing(origin).take(RESEND) {
                if let Some(entry) = store.entry(origin, seq) {
                    cx.send(from, Msg::Ship { origin, seq, entry });
                }
            }
        }
    }
}

/// To whom this replica sends the entries of a log.
pub(super) fn next_hops(
    env: &Env<MultiLeader>,
    origin: NodeId,
) -> impl Iterator<Item = NodeId> + use<> {
    let (me, n) = (env.me, env.replicas);
    let (topology, hub) = (env.config.topology, NodeId(env.config.hub));
    (0..n).map(NodeId).filter(move |to| {
        *to != me
            && *to != origin
            && match topology {
                Topology::All => origin == me,
                Topology::Star => me == hub || (origin == me && *to == hub),
                Topology::Ring => to.0 == (me.0 + 1) % n,
            }
    })
}
