//! What the processes of a plan are told when they start, the same in every world.

use super::geometry;
use crate::history::Window;
use crate::op::{Contents, NodeId};
use crate::protocol::{Env, Protocol};
use crate::scenario::plan::Plan;
use crate::time::{Duration, Instant};
use std::sync::Arc;

/// Makes the environment of each process.
pub(super) struct Envs<P: Protocol> {
    config: Arc<P::Config>,
    /// By site.
    nearest: Vec<Arc<[NodeId]>>,
    regions: Arc<[u16]>,
    site_regions: Vec<u16>,
    replicas: u32,
    keys: u32,
    contents: Contents,
    attempt_timeout: Duration,
}

impl<P: Protocol> Envs<P> {
    /// Those of a plan whose load knows so many keys.
    pub(super) fn new(plan: &Plan, config: P::Config, keys: u32) -> Self {
        let shape = geometry(plan);
        let nearest = |site| shape.nearest(NodeId(site)).into();
        Self {
            config: Arc::new(config),
            nearest: (0..plan.sites() as u32).map(nearest).collect(),
            regions: shape.regions[..plan.replicas.len()].into(),
            site_regions: shape.regions.clone(),
            replicas: plan.replicas.len() as u32,
            keys,
            contents: plan.contents,
            attempt_timeout: plan.attempt_timeout,
        }
    }

    /// That of the process with this address at this site.
    pub(super) fn of(&self, me: u32, site: usize) -> Env<P> {
        Env {
            me: NodeId(me),
            replicas: self.replicas,
            config: Arc::clone(&self.config),
            nearest: Arc::clone(&self.nearest[site]),
            regions: Arc::clone(&self.regions),
            region: self.site_regions[site],
            keys: self.keys,
            contents: self.contents,
            first_boot: true,
            attempt_timeout: self.attempt_timeout,
        }
    }
}

/// When any fault is in force; faults that overlap or touch are one window.
pub(super) fn windows(plan: &Plan) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for fault in &plan.faults {
        let (start, end) = (Instant::ZERO + fault.start, Instant::ZERO + fault.end);
        match windows.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = last.end.max(end),
            None => windows.push(Window { start, end }),
        }
    }
    windows
}
