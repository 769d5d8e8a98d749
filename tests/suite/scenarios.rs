//! The built-in scenarios against the real catalogue: all load, none is there twice, and the smoke
//! scenarios leave out no protocol and no level.

use pacelc::catalog::Catalog;
use pacelc::op::Level;
use pacelc::scenario::plan::{Length, Load, Plan};
use pacelc::scenario::{Overrides, Scenario, builtin, load};
use std::collections::BTreeSet;

fn scenarios() -> Vec<Scenario> {
    let catalog = Catalog::builtin();
    let open = |source| load(&source, &catalog, &Overrides::default());
    builtin().into_iter().map(|source| open(source).unwrap_or_else(|e| panic!("{e}"))).collect()
}

#[test]
fn every_built_in_scenario_loads_and_its_cells_have_names_of_their_own() {
    let mut names = BTreeSet::new();
    let mut curated = 0;
    for scenario in scenarios() {
        assert!(names.insert(scenario.name.clone()), "{} exists twice", scenario.name);
        assert!(scenario.question.ends_with('?'), "{}: {}", scenario.name, scenario.question);
        let cells: BTreeSet<String> =
            scenario.plans.iter().map(|plan| plan.name.to_string()).collect();
        assert_eq!(cells.len(), scenario.plans.len(), "{}: a cell exists twice", scenario.name);
        if scenario.group == "curated" {
            curated += cells.len();
        }
    }
    assert!(curated >= 200, "only {curated} cells in the curated suite");
}

#[test]
fn the_smoke_scenarios_cover_every_protocol_and_every_level_its_modes_offer() {
    let catalog = Catalog::builtin();
    let smoke: Vec<Plan> = scenarios()
        .into_iter()
        .filter(|scenario| ["smoke-levels", "smoke-escrow"].contains(&&*scenario.name))
        .flat_map(|scenario| scenario.plans)
        .collect();
    for entry in catalog.protocols() {
        let of_protocol: Vec<&Plan> = smoke.iter().filter(|p| p.protocol == entry.name).collect();
        assert!(!of_protocol.is_empty(), "{} is in no smoke scenario", entry.name);
        for level in Level::NAMES.map(|name| name.parse::<Level>().expect("a level")) {
            let seen = of_protocol.iter().any(|plan| plan.name.level == level);
            let offered = of_protocol.iter().any(|p| entry.offer(&p.config, level).is_some());
            assert_eq!(seen, offered, "{} at {level}", entry.name);
        }
    }
}

#[test]
fn smoke_runs_are_short_and_leave_something_to_measure() {
    for mut plan in scenarios().into_iter().flat_map(|scenario| scenario.plans) {
        let before = plan.clone();
        plan.shorten();
        if !before.faults.is_empty() {
            assert_eq!(plan, before, "a plan with faults stays as it is");
            continue;
        }
        match (plan.length, &plan.load) {
            (Length::Operations(n), Load::Mix) => assert!(n <= 300),
            (Length::Operations(n), Load::Probe(_)) => assert!(n <= 20),
            (Length::Time(time), _) => assert!(time > plan.warm_up, "{}", plan.name),
        }
    }
}
