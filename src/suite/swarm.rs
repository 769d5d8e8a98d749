//! Swarms: the same cells under many fault schedules, each drawn from a seed, and what breaks made small.
//!
//! A run is judged against what its cell promises. Whoever asks for it also gets a failure where an
//! acknowledged write is gone in the end, whatever is promised. A schedule that fails is shrunk ([`shrink`]):
//! the fewest faults, then the shortest, that still make this seed fail. No number of threads shows.

use super::{SuiteError, words_of};
use crate::analysis::{Context, PHASES, Verdict, judge, summarize};
use crate::catalog::Catalog;
use crate::guarantee::Guarantee;
use crate::op::OpKind;
use crate::scenario::plan::Plan;
use crate::time::Instant;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is run, and what counts as a failure.
#[derive(Clone, Copy, Debug)]
pub struct Swarm<'a> {
    /// The protocols.
    pub catalog: &'a Catalog,
    /// The first seed.
    pub first_seed: u64,
    /// Schedules of each cell.
    pub schedules: u32,
    /// Whether an acknowledged write that is gone counts as a failure, whatever is promised.
    pub lossless: bool,
}

/// What became of one cell under all its schedules.
#[derive(Clone, Debug, PartialEq)]
pub struct Swarmed {
    /// The cell's full name.
    pub cell: String,
    /// What is promised.
    pub promise: Guarantee,
    /// How many schedules were run.
    pub schedules: u64,
    /// How many faults they had.
    pub faults: u64,
    /// Operations, events and nanoseconds of virtual time, added up.
    pub operations: u64,
    /// Steps of the simulator.
    pub events: u64,
    /// From the first operation planned to the last replica at rest.
    pub virtual_ns: u128,
    /// Of that time, up to the last operation planned: clients are at work. The rest waits until replicas are at
    /// rest and can be compared.
    pub loaded_ns: u128,
    /// Acknowledged writes.
    pub acknowledged: u64,
    /// Of those, the ones that are gone in the end: taken back, or beaten by an older one.
    pub gone: u64,
    /// Failures, by seed, each with what is wrong.
    pub broken: Vec<(u64, String)>,
    /// Seeds that could not be decided.
    pub undecided: Vec<u64>,
}

/// One run, in figures.
struct Outcome {
    faults: u64,
    operations: u64,
    events: u64,
    virtual_ns: u128,
    loaded_ns: u128,
    acknowledged: u64,
    gone: u64,
    verdict: Verdict,
}

impl Swarm<'_> {
    /// Runs these cells on so many threads; `done` is called once a run and told whether it failed, and nothing is
    /// begun any more once `stop` is set.
    ///
    /// # Errors
    /// When a run breaks an assertion; the first in order of cells and seeds.
    pub fn run(
        &self,
        plans: &[&Plan],
        threads: usize,
        stop: &AtomicBool,
        done: &(dyn Fn(bool) + Sync),
    ) -> Result<Vec<Swarmed>, SuiteError> {
        let each = self.schedules as usize;
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let unit = next.fetch_add(1, Ordering::Relaxed);
                        let Some(plan) = plans.get(unit / each) else { return };
                        let outcome = self.one(plan, self.first_seed + (unit % each) as u64);
                        let failed = |outcome: &Outcome| outcome.failure(self.lossless).is_some();
                        let failed = outcome.as_ref().is_ok_and(failed);
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        found.push((unit, outcome));
                        drop(found);
                        done(failed);
                    }
                });
            }
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(unit, _)| *unit);
        let cells = plans.len();
        if found.len() < cells * each {
            return Err(SuiteError::Interrupted { finished: found.len() / each, cells });
        }
        let mut swarmed =
            plans.iter().map(|plan| self.empty(plan)).collect::<Result<Vec<_>, _>>()?;
        for (unit, outcome) in found {
            swarmed[unit / each].add(
                self.first_seed + (unit % each) as u64,
                &outcome?,
                self.lossless,
            );
        }
        Ok(swarmed)
    }

    /// Whether this plan, whose faults are listed, fails under this seed; a run that cannot be finished does
    /// not, for it says something else.
    #[must_use]
    pub fn fails(&self, plan: &Plan, seed: u64) -> bool {
        let failure = |outcome: Outcome| outcome.failure(self.lossless).is_some();
        self.one(plan, seed).is_ok_and(failure)
    }

    fn one(&self, plan: &Plan, seed: u64) -> Result<Outcome, SuiteError> {
        let failed = |message| SuiteError::Run {
            file: String::new(),
            cell: plan.name.to_string(),
            seed,
            message,
        };
        let promise = self.promise(plan)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let plan = plan.drawn(seed);
            let entry = self.catalog.find(&plan.protocol).ok_or("there is no such protocol")?;
            let run = entry.simulate(&plan, seed, None)?;
            let context = Context { promise, timeout: plan.timeout, regions: Vec::new() };
            let summary = summarize(&run.history, &context);
            let (mut acknowledged, mut gone) = (0, 0);
            for phase in PHASES {
                let slot = summary.slot_of_all(phase, OpKind::Write);
                acknowledged += slot.as_ref().map_or(0, |slot| slot.ok);
                gone += slot.as_ref().map_or(0, |slot| slot.lost + slot.undone.hits);
            }
            Ok::<_, String>(Outcome {
                faults: plan.faults.len() as u64,
                operations: run.history.operations.len() as u64,
                events: run.events,
                virtual_ns: u128::from(run.ended.since(Instant::ZERO).0),
                loaded_ns: u128::from(run.history.horizon.min(run.ended).since(Instant::ZERO).0),
                acknowledged,
                gone,
                verdict: judge(&run.history, promise),
            })
        }));
        match outcome {
            Ok(outcome) => outcome.map_err(failed),
            Err(panic) => Err(failed(words_of(&*panic))),
        }
    }

    fn promise(&self, plan: &Plan) -> Result<Guarantee, SuiteError> {
        let entry = self.catalog.find(&plan.protocol);
        let offer = entry.and_then(|entry| entry.offer(&plan.config, plan.name.level));
        offer.map(|offer| offer.promise).ok_or_else(|| SuiteError::Run {
            file: String::new(),
            cell: plan.name.to_string(),
            seed: self.first_seed,
            message: "the level is not offered".to_owned(),
        })
    }

    fn empty(&self, plan: &Plan) -> Result<Swarmed, SuiteError> {
        Ok(Swarmed {
            cell: plan.name.to_string(),
            promise: self.promise(plan)?,
            schedules: 0,
            faults: 0,
            operations: 0,
            events: 0,
            virtual_ns: 0,
            loaded_ns: 0,
            acknowledged: 0,
            gone: 0,
            broken: Vec::new(),
            undecided: Vec::new(),
        })
    }
}

impl Outcome {
    /// What is wrong, if anything.
    fn failure(&self, lossless: bool) -> Option<String> {
        match &self.verdict {
            Verdict::Violated(counterexample) => Some(counterexample.message.clone()),
            _ if lossless && self.gone > 0 => {
                let (s, are) = if self.gone == 1 { ("", "is") } else { ("s", "are") };
                Some(format!("{} acknowledged write{s} {are} gone in the end", self.gone))
            }
            _ => None,
        }
    }
}

impl Swarmed {
    fn add(&mut self, seed: u64, outcome: &Outcome, lossless: bool) {
        self.schedules += 1;
        self.faults += outcome.faults;
        self.operations += outcome.operations;
        self.events += outcome.events;
        self.virtual_ns += outcome.virtual_ns;
        self.loaded_ns += outcome.loaded_ns;
        self.acknowledged += outcome.acknowledged;
        self.gone += outcome.gone;
        match outcome.failure(lossless) {
            Some(message) => self.broken.push((seed, message)),
            None if outcome.verdict != Verdict::Holds => self.undecided.push(seed),
            None => {}
        }
    }
}
