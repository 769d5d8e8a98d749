//! Our own histories read as anybody's: two checkers that share no code give the same answer.

use crate::common::{simulate, swarm::perturbed};
use pacelc::analysis::{Verdict, judge as judge_our};
use pacelc::catalog::Catalog;
use pacelc::foreign::{Condition, History, Limits, judge, read as read_any};
use pacelc::guarantee::Guarantee;
use pacelc::history::{self, write};
use pacelc::op::Object;
use pacelc::scenario::plan::Plan;
use pacelc::scenario::{Overrides, builtin, load};

/// The cells of a built-in scenario.
pub(super) fn cells(name: &str) -> Vec<Plan> {
    let source = builtin().into_iter().find(|source| source.name == name).expect(name);
    let scenario = load(&source, &Catalog::builtin(), &Overrides::default());
    scenario.unwrap_or_else(|error| panic!("{error}")).plans
}

pub(super) fn as_anybodys(history: &history::History) -> Result<History, String> {
    let mut bytes = Vec::new();
    write(history, &mut bytes).expect("memory takes it");
    let read = read_any(&bytes[..], "ours", None, &serde_json::Value::Null);
    read.map_err(|error| error.to_string())
}

/// By cell and seed in bad weather, the verdicts of both on linearizability: held, violated.
fn compare(cells: &[Plan], seeds: u64) -> [u32; 2] {
    let mut counts = [0; 2];
    for cell in cells {
        for seed in 1..=seeds {
            let ours = simulate(&perturbed(cell, seed), seed).history;
            let theirs =
                as_anybodys(&ours).unwrap_or_else(|error| panic!("{}: {error}", cell.name));
            let verdict = judge(&theirs, Condition::Linearizable, &Limits::default());
            let expected = match judge_our(&ours, Guarantee::Linearizable) {
                Verdict::Holds => true,
                Verdict::Violated(_) => false,
                Verdict::Unknown(why) => panic!("{}, seed {seed}: {why}", cell.name),
            };
            // Ours know which version was seen, theirs only the state that it left, which others may
            // have left too.
            let state_is_all =
                matches!(cell.contents.object, Object::Counter | Object::Set | Object::Stock);
            let held = verdict.decided().unwrap_or_else(|| panic!("{}: {verdict:?}", cell.name));
            let agrees = held == expected || state_is_all && held;
            assert!(agrees, "{}, {seed}: {verdict:?}, and not {expected}", cell.name);
            counts[usize::from(!held)] += 1;
        }
    }
    counts
}

#[test]
fn registers_are_judged_alike_by_zones_of_versions_and_zones_of_values() {
    let mut cells = cells("smoke-levels");
    cells.retain(|plan| plan.protocol != "multi-leader" || !plan.config.contains_key("conflicts"));
    let [held, violated] = compare(&cells, 3);
    assert!(held > 50 && violated > 50, "one-sided: {held} and {violated}");
}

#[test]
fn objects_are_judged_alike_by_their_versions_and_by_search() {
    let mut cells = cells("smoke-objects");
    cells.retain(|plan| plan.contents.object != Object::Lock);
    let [held, violated] = compare(&cells, 3);
    assert!(held > 50 && violated > 20, "one-sided: {held} and {violated}");
}

#[test]
fn what_no_format_can_say_is_refused_with_the_reason() {
    let lock = cells("smoke-objects").into_iter().find(|p| p.contents.object == Object::Lock);
    let mut conflicts = cells("smoke-conflicts").into_iter();
    let merged = conflicts.find(|plan| simulate(plan, 1).history.merged);
    for (cell, reason) in [(lock, "acquire again"), (merged, "merges updates")] {
        let cell = cell.expect("there is one");
        let refusal = as_anybodys(&simulate(&cell, 1).history).map(|_| ());
        let refusal = refusal.expect_err("it cannot be said");
        assert!(refusal.starts_with("ours:1: ") && refusal.contains(reason), "{refusal}");
    }
}
