//! What a fault does to the machines and links while it is in force.
//!
//! Nothing here is asked for per message unless a fault of its kind is in force: links carry one option for
//! all that disturbs them, hosts a factor of one and an instant that has passed.

use super::{Event, Sim};
use crate::protocol::Protocol;
use crate::scenario::plan::{ClockFault, Fault, FaultKind, Leap, Target};
use crate::time::{Duration, Instant};

impl<P: Protocol> Sim<'_, P> {
    /// Schedules the beginning and the end of every fault.
    pub(super) fn plan_faults(&mut self) {
        for (index, fault) in self.plan.faults.iter().enumerate() {
            let index = index as u32;
            self.queue.push(Instant::ZERO + fault.start, Event::Fault { index, begins: true });
            self.queue.push(Instant::ZERO + fault.end, Event::Fault { index, begins: false });
        }
    }

    /// A fault begins or ends.
    pub(super) fn fault(&mut self, index: usize, begins: bool) {
        let plan = self.plan;
        let Fault { start, end, kind } = &plan.faults[index];
        let length = *end - *start;
        let end = Instant::ZERO + *end;
        if begins {
            self.struck.push((index, self.decided));
        }
        let Some(at) = self.struck.iter().position(|(other, _)| *other == index) else { return };
        // Who leads when it begins is struck to the end.
        let leader = self.struck[at].1;
        if !begins {
            self.struck.swap_remove(at);
        }
        let host = |target: &Target| match target {
            Target::Replica(replica) => *replica,
            Target::Leader => leader,
        };
        match kind {
            FaultKind::Cut(_) | FaultKind::Delay(..) | FaultKind::Loss(..) => {
                let in_force = self.struck.iter().map(|(i, at)| (&plan.faults[*i].kind, *at));
                self.network.disturb(in_force);
            }
            FaultKind::Crash(target) => self.crash(host(target), begins),
            FaultKind::Pause(target) if begins => self.replicas[host(target)].pause(end),
            FaultKind::DiskFull(target) if begins => {
                let full = &mut self.replicas[host(target)].disk_full_until;
                *full = end.max(*full);
            }
            FaultKind::Pause(_) | FaultKind::DiskFull(_) => {}
            FaultKind::Slow(target, _) => {
                let replica = host(target);
                self.replicas[replica].slowness = self.slowness(replica, |kind| match kind {
                    FaultKind::Slow(target, factor) => Some((*target, *factor)),
                    _ => None,
                });
            }
            FaultKind::SlowDisk(target, _) => {
                let replica = host(target);
                self.replicas[replica].disk.slowness = self.slowness(replica, |kind| match kind {
                    FaultKind::SlowDisk(target, factor) => Some((*target, *factor)),
                    _ => None,
                });
            }
            FaultKind::Clock(target, error) => {
                self.upset_clock(host(target), (*error, length), begins);
            }
        }
    }

    /// The product of all factors of one kind that are in force at a replica; one without any.
    fn slowness(&self, replica: usize, of: impl Fn(&FaultKind) -> Option<(Target, f64)>) -> f64 {
        let factors = self.struck.iter().filter_map(|(index, leader)| {
            let (target, factor) = of(&self.plan.faults[*index].kind)?;
            let at = if let Target::Replica(named) = target { named } else { *leader };
            (at == replica).then_some(factor)
        });
        factors.product()
    }

    /// A machine that several crashes hold down starts again at the end of the last.
    fn crash(&mut self, replica: usize, begins: bool) {
        let host = &mut self.replicas[replica];
        if begins {
            host.crashes += 1;
            if host.crashes == 1 {
                self.timers[replica].cancel_all();
                self.replicas[replica].crash();
            }
        } else {
            host.crashes -= 1;
            if host.crashes == 0 {
                self.boot(replica);
            }
        }
    }

    fn upset_clock(
        &mut self,
        replica: usize,
        (error, length): (ClockFault, Duration),
        begins: bool,
    ) {
        let clock = &mut self.replicas[replica].clock;
        match error {
            ClockFault::Jump { ms, .. } if begins => clock.jump(ms),
            ClockFault::Jump { stays: true, .. } => {}
            ClockFault::Jump { ms, stays: false } => clock.jump(-ms),
            ClockFault::Leap(Leap::Jump) if begins => clock.jump(-1e3),
            ClockFault::Leap(Leap::Jump) => {}
            ClockFault::Leap(Leap::Smear) => {
                let ppm = Leap::smear_ppm(length);
                clock.speed_up(self.now, if begins { -ppm } else { ppm });
            }
            ClockFault::Drift { ppm } => clock.speed_up(self.now, if begins { ppm } else { -ppm }),
        }
    }
}
