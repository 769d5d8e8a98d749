//! What theory says of t-visibility: the model WARS, drawn from a plan's own delays.
//!
//! After Bailis et al., "Probabilistically Bounded Staleness for Practical Partial Quorums" (VLDB
//! 2012), section 5.1. A write reaches replica i after W and its acknowledgement is back after A
//! more; a read's question reaches it after R and the answer is back after S more. The write is
//! acknowledged at the w-th smallest W + A; the r replicas with the smallest R + S answer the read, and
//! it misses a write that was acknowledged t ago if that moment plus t plus R comes before W at each of
//! them. The model knows neither the protocol nor the simulator, so a curve beside its prediction
//! checks both.

use crate::distribution::{Distribution, Sampler};
use crate::op::Leg;
use crate::protocol::PartialQuorum;
use crate::rng::Rng;
use crate::scenario::plan::{Link, Load, Order, Plan, Probe};
use crate::time::{Duration, Instant};

/// Trials per client group: the standard error of a share is at most 0.22 points.
const TRIALS: u32 = 50_000;

/// The share of fresh reads at each of the plan's offsets, by client group; `None` where the plan has
/// what the model leaves out: faults, losses, bandwidth, service times, disks, order on a noisy link.
#[must_use]
pub fn visibility(plan: &Plan, quorum: PartialQuorum) -> Option<Vec<Vec<f64>>> {
    let Load::Probe(probe) = &plan.load else { return None };
    let idle = |d: &Distribution| *d == Distribution::ZERO;
    let hosts = plan.replicas.iter().all(|host| idle(&host.service_ms) && idle(&host.disk_ms));
    if !plan.faults.is_empty()
        || plan.random_faults.is_some()
        || !hosts
        || !plan.links.iter().all(is_modelled)
    {
        return None;
    }
    let groups = 0..plan.clients.len();
    Some(groups.map(|group| Model::new(plan, probe, group).shares(probe, quorum)).collect())
}

fn is_modelled(link: &Link) -> bool {
    let varies = |d: &Distribution| Sampler::new(d).constant().is_none();
    let noisy = varies(&link.jitter_ms)
        || varies(&link.jitter_factor)
        || link.legs.iter().flatten().any(varies);
    link.loss == 0.0 && link.bandwidth.is_none() && (link.order == Order::Reorder || !noisy)
}

/// One leg between a client group and a replica.
struct Delay {
    base: Duration,
    factor: Sampler,
    jitter_ms: Sampler,
}

impl Delay {
    fn new(link: &Link, leg: Leg) -> Self {
        let jitter = link.legs[leg as usize].as_ref().unwrap_or(&link.jitter_ms);
        let [factor, jitter_ms] = [&link.jitter_factor, jitter].map(Sampler::new);
        Self { base: link.base, factor, jitter_ms }
    }

    fn draw(&self, rng: &mut Rng) -> Duration {
        let base = self.base.scale(self.factor.sample(rng));
        base + Duration::from_ms(self.jitter_ms.sample(rng))
    }
}

/// The four legs to and from every replica, for the writing group and one that reads.
struct Model {
    legs: Vec<[Delay; 4]>,
    rng: Rng,
}

/// One replica in one trial.
#[derive(Clone, Copy)]
struct Trial {
    written: Instant,
    acknowledged: Instant,
    /// From the read's start.
    asked: Duration,
    answered: Duration,
}

impl Model {
    fn new(plan: &Plan, probe: &Probe, group: usize) -> Self {
        let replicas = plan.replicas.len();
        let [writer, reader] = [probe.writer, group].map(|group| replicas + group);
        let of = |replica| {
            [
                Delay::new(plan.link(writer, replica), Leg::Write),
                Delay::new(plan.link(replica, writer), Leg::WriteAck),
                Delay::new(plan.link(reader, replica), Leg::Read),
                Delay::new(plan.link(replica, reader), Leg::ReadAck),
            ]
        };
        Self { legs: (0..replicas).map(of).collect(), rng: Rng::stream(0, "wars", group as u64) }
    }

    fn shares(mut self, probe: &Probe, quorum: PartialQuorum) -> Vec<f64> {
        let mut fresh = vec![0_u32; probe.offsets.len()];
        let mut trials = Vec::with_capacity(self.legs.len());
        for _ in 0..TRIALS {
            trials.clear();
            for legs in &self.legs {
                let [w, a, r, s] = legs.each_ref().map(|leg| leg.draw(&mut self.rng));
                let written = Instant::ZERO + w;
                trials.push(Trial {
                    written,
                    acknowledged: written + a,
                    asked: r,
                    answered: r + s,
                });
            }
            let after = visible_after(&mut trials, quorum);
            for (count, offset) in fresh.iter_mut().zip(&probe.offsets) {
                *count += u32::from(after <= *offset);
            }
        }
        fresh.into_iter().map(|count| f64::from(count) / f64::from(TRIALS)).collect()
    }
}

/// How long after the acknowledgement a read must begin, at least, to see the write.
fn visible_after(trials: &mut [Trial], quorum: PartialQuorum) -> Duration {
    // Stable, because who is first of those that answer at once decides.
    trials.sort_by_key(|trial| trial.acknowledged);
    let acknowledged = trials[quorum.write - 1].acknowledged;
    trials.sort_by_key(|trial| trial.answered);
    let missing = |trial: &Trial| {
        let arrives = acknowledged + trial.asked;
        if trial.written > arrives { trial.written.since(arrives) } else { Duration::ZERO }
    };
    trials[..quorum.read].iter().map(missing).min().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial([w, a, r, s]: [u64; 4]) -> Trial {
        let written = Instant(w);
        Trial {
            written,
            acknowledged: Instant(w + a),
            asked: Duration(r),
            answered: Duration(r + s),
        }
    }

    #[test]
    fn a_read_sees_a_write_that_reached_any_of_those_who_answer() {
        // Acknowledged at 2 by the first; the read is answered by the second, then the third.
        let trials = [[1, 1, 9, 9], [10, 1, 1, 1], [7, 1, 1, 2]].map(trial);
        let after = |read, write| visible_after(&mut trials.clone(), PartialQuorum { read, write });
        assert_eq!(after(1, 1), Duration(7), "it must ask the second at 10");
        assert_eq!(after(2, 1), Duration(4), "the third has it at 7");
        assert_eq!(after(3, 1), Duration::ZERO, "the first has it");
        assert_eq!(after(1, 2), Duration(1), "acknowledged at 8");
        assert_eq!(after(1, 3), Duration::ZERO, "acknowledged by all");
    }
}
