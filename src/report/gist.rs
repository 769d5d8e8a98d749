//! The first sentence of the page: what consistency cost in this run, from its headline's rows.
//!
//! Who opens the page should know within seconds what it says. The sentence sets the fastest
//! linearizable read beside the fastest read that was sometimes stale; both of cells whose promises
//! held. No number of it is written beforehand.

use super::html::{anchor, escape};
use super::view::{Cell, Scenario};
use super::{Row, VerdictWord, number};

/// The sentence as HTML; nothing where there are not both kinds of read.
pub(super) fn gist(scenario: &Scenario<'_>) -> Option<String> {
    let cells = scenario.cells();
    let reads = || {
        let held = |c: &&Cell<'_>| c.head.verdict == VerdictWord::Holds;
        let usable = |r: &&Row| r.p50_ms.is_finite() && r.p50_ms >= 0.0;
        cells.iter().filter(held).filter_map(move |c| Some((c, c.healthy("read").filter(usable)?)))
    };
    let fastest = |wanted: fn(&Row) -> bool| {
        reads().filter(|(_, r)| wanted(r)).min_by(|a, b| a.1.p50_ms.total_cmp(&b.1.p50_ms))
    };
    let (strict, strong) = fastest(|r| r.promise == "linearizable")?;
    let (loose, weak) = fastest(|r| r.promise != "linearizable" && r.stale > 0)?;
    let times = strong.p50_ms / weak.p50_ms;
    // A run in which consistency is free has another story, which the picture tells.
    let stale = weak.stale_rate.filter(|_| times >= 1.5)?;
    let times = match times {
        times if times < 9.95 => format!(": <b>{times:.1} times as fast</b>"),
        times if times.is_finite() => format!(": <b>{times:.0} times as fast</b>"),
        // Beside no time at all nothing is so many times as fast.
        _ => String::new(),
    };
    Some(format!(
        "In <a href=\"#{}\">{}</a> the median linearizable read takes <b>{}</b> or more \
         (<code>{}</code>). A read that may be stale takes <b>{}</b> (<code>{}</code>)\
         {times}, and <b>{}</b> of its answers were stale.",
        anchor(scenario.name),
        escape(scenario.name),
        number::ms(strong.p50_ms),
        escape(&strict.label(scenario)),
        number::ms(weak.p50_ms),
        escape(&loose.label(scenario)),
        number::percent(stale)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{sample, view};
    use super::*;

    #[test]
    fn it_sets_the_fastest_linearizable_read_beside_the_fastest_stale_one() {
        let (note, mut rows, curves) = sample::run();
        let of = |rows: &[Row]| gist(&view::scenarios(Some(&note), rows, &curves)[0]);
        let said = of(&rows).expect("both kinds are read");
        assert!(
            said.contains("linearizable read takes") && said.contains("times as fast"),
            "{said}"
        );
        let at_once = |r: &&mut Row| r.promise != "linearizable" && r.op == "read";
        let mut free = rows.clone();
        free.iter_mut().filter(at_once).for_each(|r| r.p50_ms = 0.0);
        let said = of(&free).expect("both kinds are read");
        assert!(said.contains("takes <b>0 ms</b>") && !said.contains("times as fast"), "{said}");
        rows.retain(|r| r.promise != "linearizable");
        assert_eq!(of(&rows), None);
    }
}
