//! Canaries: cells that are broken on purpose, beside their sound twins, and whether the checkers tell
//! them apart.
//!
//! A verdict is worth what the checker behind it can see. So a scenario may hold modes that make a known
//! mistake and say which checker must object to them, and under how many seeds; all its other cells are
//! twins, which must keep their promises under as many. A checker that is silent on the first, or sings
//! on the second, is worth nothing.

use super::{SuiteError, words_of};
use crate::analysis::{CHECKERS, Verdict, judge};
use crate::catalog::{Catalog, ProtocolEntry};
use crate::guarantee::Guarantee;
use crate::scenario::Scenario;
use crate::scenario::plan::{Canary, Plan};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What became of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The cell's full name.
    pub cell: String,
    /// What is claimed.
    pub promise: Guarantee,
    /// Who must object and how soon; nobody to a twin.
    pub canary: Option<Canary>,
    /// How many seeds were run, from 1 on.
    pub seeds: u32,
    /// The seeds whose histories were objected to: a canary's by its checker, a twin's by any.
    pub caught: Vec<u64>,
    /// The first objection.
    pub message: String,
}

impl Sighting {
    /// Whether a canary was caught, or a twin left in peace.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.canary.is_some() != self.caught.is_empty()
    }
}

/// One run: a plan under a seed.
struct Run<'a> {
    cell: usize,
    plan: &'a Plan,
    seed: u64,
}

/// Runs the canaries among these scenarios and their twins, on so many threads, whose number decides
/// nothing; `done` is called once a run. Scenarios without a canary are left out.
///
/// # Errors
/// When a run breaks an assertion, or a checker is asked for that the promise does not need.
pub fn canaries(
    catalog: &Catalog,
    scenarios: &[Scenario],
    threads: usize,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Sighting>, SuiteError> {
    let (mut sightings, runs) = planned(catalog, scenarios)?;
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = objection(catalog, run);
                    found
                        .lock()
                        .unwrap_or_else(|e| e.into_inner())
                        .push((run.cell, run.seed, verdict));
                    done();
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(|e| e.into_inner());
    found.sort_by_key(|(cell, seed, _)| (*cell, *seed));
    for (cell, seed, verdict) in found {
        let sighting = &mut sightings[cell];
        if let Some(message) = verdict? {
            if sighting.caught.is_empty() {
                sighting.message = message;
            }
            sighting.caught.push(seed);
        }
    }
    Ok(sightings)
}

/// How many runs that takes.
#[must_use]
pub fn canary_runs(scenarios: &[Scenario]) -> u64 {
    let runs = scenarios.iter().map(|scenario| {
        let canaries = scenario.plans.iter().filter_map(|plan| plan.canary.as_ref());
        let most = canaries.map(|canary| canary.within).max().unwrap_or(0);
        let each =
            scenario.plans.iter().map(|plan| plan.canary.as_ref().map_or(most, |c| c.within));
        each.map(u64::from).sum::<u64>()
    });
    runs.sum()
}

/// Every cell with nothing found yet, and all that is to be run.
fn planned<'a>(
    catalog: &Catalog,
    scenarios: &'a [Scenario],
) -> Result<(Vec<Sighting>, Vec<Run<'a>>), SuiteError> {
    let (mut sightings, mut runs) = (Vec::new(), Vec::new());
    for scenario in scenarios {
        let canaries = scenario.plans.iter().filter_map(|plan| plan.canary.as_ref());
        let Some(most) = canaries.map(|canary| canary.within).max() else { continue };
        for plan in &scenario.plans {
            let seeds = plan.canary.as_ref().map_or(most, |canary| canary.within);
            let promise = promise(catalog, plan)?;
            if let Some(canary) = &plan.canary {
                needed(canary, promise).map_err(|message| failed(plan, 1, message))?;
            }
            let cell = sightings.len();
            runs.extend((1..=u64::from(seeds)).map(|seed| Run { cell, plan, seed }));
            let (caught, message) = (Vec::new(), String::new());
            let (name, canary) = (plan.name.to_string(), plan.canary.clone());
            sightings.push(Sighting { cell: name, promise, canary, seeds, caught, message });
        }
    }
    Ok((sightings, runs))
}

/// What the checker in question says against a run, if anything.
fn objection(catalog: &Catalog, run: &Run<'_>) -> Result<Option<String>, SuiteError> {
    let Run { plan, seed, .. } = *run;
    let entry = entry(catalog, plan)?;
    let promise = promise(catalog, plan)?;
    // A broken protocol may break an assertion too; that is no verdict of a checker.
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        let history = entry.simulate(plan, seed, None)?.history;
        let asked = plan.canary.as_ref().map(|canary| canary.caught_by.as_str());
        let checker = CHECKERS.iter().find(|checker| Some(checker.name) == asked);
        Ok(checker
            .map_or_else(|| judge(&history, promise), |checker| (checker.check)(&history, promise)))
    }));
    match verdict {
        Ok(Ok(Verdict::Holds)) => Ok(None),
        // Whoever cannot decide has not caught anything, and has not let anybody pass.
        Ok(Ok(Verdict::Unknown(_))) if plan.canary.is_some() => Ok(None),
        Ok(Ok(verdict)) => Ok(Some(verdict.message().to_owned())),
        Ok(Err(message)) => Err(failed(plan, seed, message)),
        Err(panic) => Err(failed(plan, seed, words_of(&*panic))),
    }
}

fn entry<'c>(catalog: &'c Catalog, plan: &Plan) -> Result<&'c ProtocolEntry, SuiteError> {
    let found = catalog.find(&plan.protocol);
    found.ok_or_else(|| failed(plan, 1, format!("no protocol `{}`", plan.protocol)))
}

fn promise(catalog: &Catalog, plan: &Plan) -> Result<Guarantee, SuiteError> {
    let offer = entry(catalog, plan)?.offer(&plan.config, plan.name.level);
    offer
        .map(|offer| offer.promise)
        .ok_or_else(|| failed(plan, 1, "the level is not offered".to_owned()))
}

/// Refuses to wait for a checker that would not be asked.
fn needed(canary: &Canary, promise: Guarantee) -> Result<(), String> {
    let asked = || CHECKERS.iter().filter(|checker| (checker.needed_for)(promise));
    if asked().any(|checker| checker.name == canary.caught_by) {
        return Ok(());
    }
    let names: Vec<&str> = asked().map(|checker| checker.name).collect();
    let (caught_by, names) = (&canary.caught_by, names.join(", "));
    Err(format!("caught_by is {caught_by}, but {promise} is judged by {names}"))
}

fn failed(plan: &Plan, seed: u64, message: String) -> SuiteError {
    SuiteError::Run { file: String::new(), cell: plan.name.to_string(), seed, message }
}
