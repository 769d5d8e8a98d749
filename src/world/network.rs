//! Links with delay, jitter, loss, bandwidth and cuts.
//!
//! Every message gets a deadline of its own: a thousand sent at once over a 100 ms link all arrive at
//! 100 ms. Under FIFO order, the default, a message arrives no earlier than the one sent before it on
//! the same connection, as over TCP; without it, a protocol's pipelined messages overtake each other
//! and its latency changes, so reordering is an option with a name.

use crate::distribution::{Distribution, Sampler};
use crate::op::{Leg, NodeId};
use crate::rng::Rng;
use crate::scenario::plan::{FaultKind, Link, Order, Plan};
use crate::time::{Duration, Instant};

/// A lost transmission is repeated at most this often; then that message is given up, and those behind
/// it are not: who waits for an answer asks again.
const MAX_RETRANSMISSIONS: u32 = 16;

/// The compiled form of a [`Link`].
struct Wire {
    base: Duration,
    /// Indexes [`Network::samplers`]; `None` for none and one, so that nothing is drawn for them.
    jitter: Option<u32>,
    /// The same by leg.
    legs: [Option<u32>; 4],
    factor: Option<u32>,
    /// The delay that never varies, if neither of the two does.
    constant: Option<Duration>,
    loss: f64,
    retransmit: Option<Duration>,
    /// Nanoseconds per byte.
    byte_ns: f64,
    fifo: bool,
}

/// What faults do to one direction of a link.
#[derive(Clone, Copy, Default)]
struct Trouble {
    cut: bool,
    delay: Duration,
    loss: f64,
}

impl Trouble {
    const NONE: Self = Self { cut: false, delay: Duration::ZERO, loss: 0.0 };

    /// One fault more: delays add up, and what one loses the other cannot.
    fn add(&mut self, kind: &FaultKind) {
        match kind {
            FaultKind::Cut(_) => self.cut = true,
            FaultKind::Delay(_, added) => self.delay = self.delay + *added,
            FaultKind::Loss(_, share) => self.loss += share * (1.0 - self.loss),
            _ => {}
        }
    }
}

/// All links of a cluster, with their state.
pub(super) struct Network {
    sites: usize,
    replicas: usize,
    /// The site of each process.
    site_of: Vec<u32>,
    wires: Vec<Wire>,
    samplers: Vec<Sampler>,
    /// Per site pair: when the link's transmitter is free.
    free_at: Vec<Instant>,
    /// Per process and replica: the latest arrival at the replica, and from it.
    inbound: Vec<Instant>,
    outbound: Vec<Instant>,
    /// Per site pair, what faults do to the link, while there are any.
    trouble: Option<Vec<Trouble>>,
    /// When the last message sent so far arrives.
    latest: Instant,
    /// Without jitter and loss, so that what is under way comes to rest.
    calm: bool,
    rng: Rng,
}

impl Network {
    /// The links of a plan; `site_of` maps each process to its site.
    pub(super) fn new(plan: &Plan, site_of: Vec<u32>, seed: u64) -> Self {
        let mut distributions: Vec<&Distribution> = Vec::new();
        let mut samplers: Vec<Sampler> = Vec::new();
        let mut compiled =
            |distribution| match distributions.iter().position(|d| *d == distribution) {
                Some(known) => known as u32,
                None => {
                    distributions.push(distribution);
                    samplers.push(Sampler::new(distribution));
                    (samplers.len() - 1) as u32
                }
            };
        let indexes: Vec<(u32, [u32; 4], u32)> = (plan.links.iter())
            .map(|link| {
                let jitter = compiled(&link.jitter_ms);
                let mut legs = [jitter; 4];
                for (leg, its) in legs.iter_mut().zip(&link.legs) {
                    *leg = its.as_ref().map_or(jitter, &mut compiled);
                }
                (jitter, legs, compiled(&link.jitter_factor))
            })
            .collect();
        let wires =
            plan.links.iter().zip(indexes).map(|(link, index)| Wire::new(link, index, &samplers));
        let wires = wires.collect();
        let replicas = plan.replicas.len();
        let connections = site_of.len() * replicas;
        Self {
            sites: plan.sites(),
            replicas,
            wires,
            samplers,
            free_at: vec![Instant::ZERO; plan.links.len()],
            inbound: vec![Instant::ZERO; connections],
            outbound: vec![Instant::ZERO; connections],
            site_of,
            trouble: None,
            latest: Instant::ZERO,
            calm: false,
            rng: Rng::stream(seed, "network", 0),
        }
    }

    /// From now on these faults are in force, each with the replica it takes for the leader.
    pub(super) fn disturb<'a>(&mut self, faults: impl Iterator<Item = (&'a FaultKind, usize)>) {
        let mut trouble = vec![Trouble::default(); self.wires.len()];
        let mut any = false;
        for (kind, leader) in faults {
            let (FaultKind::Cut(links) | FaultKind::Delay(links, _) | FaultKind::Loss(links, _)) =
                kind
            else {
                continue;
            };
            any = true;
            for (pair, its) in trouble.iter_mut().enumerate() {
                if links.strikes(pair / self.sites, pair % self.sites, leader) {
                    its.add(kind);
                }
            }
        }
        self.trouble = any.then_some(trouble);
    }

    /// Ends jitter and loss; when the last message that is under way arrives.
    pub(super) fn calm_down(&mut self) -> Instant {
        self.calm = true;
        self.latest
    }

    /// When the last message that was sent so far arrives, those included that wait for their link.
    pub(super) fn latest(&self) -> Instant {
        self.latest
    }

    /// Whether a cut separates two processes now.
    #[inline]
    pub(super) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble[self.pair(from, to)].cut)
    }

    #[inline]
    fn pair(&self, from: NodeId, to: NodeId) -> usize {
        self.site_of[from.index()] as usize * self.sites + self.site_of[to.index()] as usize
    }

    /// When a message of `size` bytes sent now arrives; `None` if it is lost.
    #[inline]
    pub(super) fn send(
        &mut self,
        now: Instant,
        from: NodeId,
        to: NodeId,
        size: u32,
        leg: Option<Leg>,
    ) -> Option<Instant> {
        if self.is_cut(from, to) {
            return None;
        }
        let pair = self.pair(from, to);
        let trouble = self.trouble.as_ref().map_or(Trouble::NONE, |trouble| trouble[pair]);
        let wire = &self.wires[pair];
        let mut departs = now;
        if wire.byte_ns > 0.0 {
            let free = &mut self.free_at[pair];
            departs = now.max(*free) + Duration(f64::from(size).mul_add(wire.byte_ns, 0.5) as u64);
            *free = departs;
        }
        let mut delay = match wire.constant {
            Some(delay) => delay,
            None if self.calm => wire.base,
            None => {
                let mut delay = wire.base;
                if let Some(factor) = wire.factor {
                    delay = delay.scale(self.samplers[factor as usize].sample(&mut self.rng));
                }
                if let Some(jitter) = leg.map_or(wire.jitter, |leg| wire.legs[leg as usize]) {
                    let ms = self.samplers[jitter as usize].sample(&mut self.rng);
                    delay = delay + Duration::from_ms(ms);
                }
                delay
            }
        };
        let loss = wire.loss + trouble.loss * (1.0 - wire.loss);
        if loss > 0.0 && !self.calm {
            delay = delay + self.retransmissions(pair, loss)?;
        }
        delay = delay + trouble.delay;
        let mut arrives = departs + delay;
        let wire = &self.wires[pair];
        if wire.fifo {
            // Clients never talk to each other, so every connection has a replica at one end.
            let latest = if to.index() < self.replicas {
                &mut self.inbound[from.index() * self.replicas + to.index()]
            } else {
                &mut self.outbound[to.index() * self.replicas + from.index()]
            };
            arrives = arrives.max(*latest);
            *latest = arrives;
        }
        self.latest = self.latest.max(arrives);
        Some(arrives)
    }

    /// What losses add to one message's delay; `None` if it is never repeated.
    fn retransmissions(&mut self, pair: usize, loss: f64) -> Option<Duration> {
        let wire = &self.wires[pair];
        let mut added = Duration::ZERO;
        let mut wait = wire.retransmit;
        for _ in 0..MAX_RETRANSMISSIONS {
            if self.rng.unit() >= loss {
                return Some(added);
            }
            let timeout = wait?;
            added = added + timeout;
            wait = Some(timeout * 2);
        }
        None
    }
}

impl Wire {
    fn new(
        link: &Link,
        (jitter, legs, factor): (u32, [u32; 4], u32),
        samplers: &[Sampler],
    ) -> Self {
        let constants =
            (samplers[factor as usize].constant(), samplers[jitter as usize].constant());
        let constant = match constants {
            (Some(factor), Some(added)) if legs == [jitter; 4] => {
                Some(link.base.scale(factor) + Duration::from_ms(added))
            }
            _ => None,
        };
        Self {
            base: link.base,
            jitter: (constants.1 != Some(0.0)).then_some(jitter),
            legs: legs.map(|leg| (samplers[leg as usize].constant() != Some(0.0)).then_some(leg)),
            factor: (constants.0 != Some(1.0)).then_some(factor),
            constant,
            loss: link.loss,
            retransmit: link.retransmit,
            byte_ns: link.bandwidth.map_or(0.0, |bytes_per_second| 1e9 / bytes_per_second),
            fifo: link.order == Order::Fifo,
        }
    }
}
