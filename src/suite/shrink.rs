//! Shrinks a fault schedule to the smallest that still fails.
//!
//! First whole faults go, by Zeller and Hildebrandt's ddmin ("Simplifying and Isolating Failure-Inducing
//! Input", 2002): what is left is 1-minimal, no single fault can be spared. Then each is made shorter from
//! both sides, by halves, and last the run. What fails is asked of the same seed each time, so the result is
//! a function of plan and seed.

use crate::scenario::plan::{Fault, Length, Plan};
use crate::time::Duration;

/// Runs that a shrinking may take; what it has reached by then is the result.
const RUNS_MAX: u32 = 400;
/// Faults are not made shorter than this, and times stay whole multiples of it.
const STEP: Duration = Duration::millis(1);
/// After the last fault clients go on for so long, to see what it has done.
const AFTER: Duration = Duration::secs(1);

/// A smaller plan that fails.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// With its faults listed.
    pub plan: Plan,
    /// How many faults there were at first.
    pub faults: usize,
    /// How many runs it took.
    pub runs: u32,
}

/// The smallest plan found whose run still `fails`, beginning with one that does and whose faults are listed.
pub fn shrink(plan: &Plan, fails: &dyn Fn(&Plan) -> bool) -> Shrunk {
    let mut shrinking = Shrinking { plan: plan.clone(), fails, runs: 0 };
    shrinking.fewer();
    shrinking.shorter();
    shrinking.sooner();
    Shrunk { plan: shrinking.plan, faults: plan.faults.len(), runs: shrinking.runs }
}

struct Shrinking<'a> {
    plan: Plan,
    fails: &'a dyn Fn(&Plan) -> bool,
    runs: u32,
}

impl Shrinking<'_> {
    /// Takes the candidate if it still fails.
    fn accepts(&mut self, candidate: Plan) -> bool {
        if self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let fails = (self.fails)(&candidate);
        if fails {
            self.plan = candidate;
        }
        fails
    }

    fn accepts_faults(&mut self, faults: Vec<Fault>) -> bool {
        let candidate = Plan { faults, ..self.plan.clone() };
        self.accepts(candidate)
    }

    /// ddmin: parts alone, then what is left without each part, in ever smaller parts.
    fn fewer(&mut self) {
        if self.accepts_faults(Vec::new()) {
            return;
        }
        let mut parts = 2;
        while self.plan.faults.len() > 1 && self.runs < RUNS_MAX {
            let all = self.plan.faults.clone();
            let size = all.len().div_ceil(parts);
            let alone = all.chunks(size).any(|part| self.accepts_faults(part.to_vec()));
            if alone {
                parts = 2;
                continue;
            }
            let without = (0..all.len()).step_by(size).any(|at| {
                let rest = all.iter().enumerate().filter(|(i, _)| *i < at || *i >= at + size);
                let rest: Vec<Fault> = rest.map(|(_, fault)| fault.clone()).collect();
                parts > 2 && self.accepts_faults(rest)
            });
            if without {
                parts = (parts - 1).max(2);
            } else if parts >= all.len() {
                return;
            } else {
                parts = (2 * parts).min(all.len());
            }
        }
    }

    /// Halves each fault from its end and from its start as long as that may be done.
    fn shorter(&mut self) {
        for at in 0..self.plan.faults.len() {
            for from_end in [true, false] {
                loop {
                    let mut faults = self.plan.faults.clone();
                    let fault = &mut faults[at];
                    let half = (fault.end.0 - fault.start.0) / 2 / STEP.0 * STEP.0;
                    if half == 0 {
                        break;
                    }
                    let middle = Duration(fault.start.0 + half);
                    *(if from_end { &mut fault.end } else { &mut fault.start }) = middle;
                    if !self.accepts_faults(faults) {
                        break;
                    }
                }
            }
        }
        self.plan.faults.sort_by_key(|fault| (fault.start, fault.end));
    }

    /// Ends the run soon after the last fault.
    fn sooner(&mut self) {
        let Length::Time(length) = self.plan.length else { return };
        let last = self.plan.faults.iter().map(|fault| fault.end).max().unwrap_or_default();
        let mut after = AFTER;
        while last + after < length {
            let time = (last + after).max(self.plan.warm_up + AFTER);
            let candidate = Plan { length: Length::Time(time), ..self.plan.clone() };
            if time < length && self.accepts(candidate) {
                return;
            }
            after = after.scale(4.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::scenario::plan::{FaultKind, Target};
    use crate::scenario::{Overrides, builtin, load};

    fn plan(kinds: &[FaultKind]) -> Plan {
        let all = builtin();
        let source = all.iter().find(|source| source.name == "smoke-cut").expect("built in");
        let scenario = load(source, &Catalog::builtin(), &Overrides::default()).expect("valid");
        let fault = |(at, kind): (u64, &FaultKind)| Fault {
            start: Duration::millis(100 * at),
            end: Duration::millis(100 * at + 64),
            kind: kind.clone(),
        };
        let faults = (0..).zip(kinds).map(fault).collect();
        Plan { faults, length: Length::Time(Duration::secs(60)), ..scenario.plans[0].clone() }
    }

    #[test]
    fn what_is_left_is_what_it_takes_and_no_longer_than_it_must_be() {
        let (a, b) = (FaultKind::Pause(Target::Leader), FaultKind::DiskFull(Target::Replica(1)));
        let noise = FaultKind::Crash(Target::Replica(2));
        let kinds = [&noise, &a, &noise, &noise, &noise, &b, &noise, &noise].map(Clone::clone);
        let long = |plan: &Plan, kind: &FaultKind| {
            let ms = |fault: &Fault| (fault.end.0 - fault.start.0) / 1_000_000;
            plan.faults.iter().any(|fault| fault.kind == *kind && ms(fault) >= 10)
        };
        let shrunk = shrink(&plan(&kinds), &|plan| long(plan, &a) && long(plan, &b));
        let left: Vec<&FaultKind> = shrunk.plan.faults.iter().map(|fault| &fault.kind).collect();
        assert_eq!(left, [&a, &b]);
        assert_eq!((shrunk.faults, shrunk.plan.length), (8, Length::Time(Duration::millis(1_516))));
        for fault in &shrunk.plan.faults {
            assert_eq!(fault.end.0 - fault.start.0, 16_000_000, "half of it would be 8 ms");
        }
        assert!(shrunk.runs < 60, "{}", shrunk.runs);
    }

    #[test]
    fn what_fails_without_a_fault_needs_none() {
        let shrunk = shrink(&plan(&[FaultKind::Pause(Target::Leader)]), &|_| true);
        assert_eq!((shrunk.plan.faults.len(), shrunk.runs), (0, 2));
    }
}
