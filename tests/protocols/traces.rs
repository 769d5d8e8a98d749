//! What `explain` draws: a message that nobody takes up has not arrived.

use crate::common::{plan, triangle};
use pacelc::catalog::Catalog;
use pacelc::time::{Duration, Instant};
use pacelc::world::{Step, Trace};

/// Of one client in `b`, 25 ms one way from its primary in `a`, from 5 s to 16 s: when each message of the two
/// was sent, whether by the client, and whether it arrived.
fn messages(fault: &str) -> Vec<(Instant, bool, bool)> {
    let text = triangle(
        [50.0, 60.0, 70.0],
        "b",
        "primary-backup",
        "{ acknowledge = \"async\" }",
        "linearizable",
    );
    let plan = plan(&format!("{text}\n[[faults]]\n{fault}\nend = \"15s\""));
    let mut trace = Trace { wanted: (0..400).collect(), ..Trace::default() };
    let catalog = Catalog::builtin();
    let protocol = catalog.find(&plan.protocol).expect("a built-in protocol");
    protocol.simulate(&plan, 7, Some(&mut trace)).expect("the plan runs");
    let (client, primary) = (3, 0);
    let seconds = |at: Instant| at.since(Instant::ZERO).as_secs();
    let steps = trace.steps.iter().filter_map(|step| match step {
        Step::Sent { at, arrives, from, to, .. }
            if (5.0..16.0).contains(&seconds(*at))
                && [(client, primary), (primary, client)].contains(&(from.0, to.0)) =>
        {
            Some((*at, from.0 == client, arrives.is_some()))
        }
        _ => None,
    });
    steps.collect()
}

/// Every message of the two arrives, but for those that are under way at the fault's beginning or sent in it.
fn lost_as_they_should_be(fault: &str, start_ms: u64, request: bool) {
    let start = Instant::ZERO + Duration::millis(start_ms);
    let end = Instant::ZERO + Duration::secs(15);
    let all = messages(fault);
    assert!(all.len() > 20, "{} messages", all.len());
    let mut under_way = Vec::new();
    for (sent, by_client, arrived) in all {
        let arrives = sent + Duration::millis(25);
        if sent < start && arrives >= start {
            under_way.push(by_client);
        }
        assert_eq!(arrived, arrives < start || sent >= end, "sent at {sent:?}, fault at {start:?}");
    }
    assert_eq!(under_way, [request]);
}

#[test]
fn requests_and_answers_that_a_cut_meets_on_their_way_are_lost() {
    lost_as_they_should_be("cut = [\"a\"]\nstart = \"10010ms\"", 10_010, true);
    lost_as_they_should_be("cut = [\"a\"]\nstart = \"10030ms\"", 10_030, false);
}

#[test]
fn a_request_to_a_machine_that_is_down_is_lost() {
    let all = messages("crash = \"n0\"\nstart = \"10010ms\"");
    let start = Instant::ZERO + Duration::millis(10_010);
    let met = |(sent, by_client, _): &&(Instant, bool, bool)| {
        *by_client && *sent < start && *sent + Duration::millis(25) >= start
    };
    let met: Vec<_> = all.iter().filter(met).collect();
    assert_eq!(met.len(), 1);
    assert!(!met[0].2, "it arrived nowhere");
}
