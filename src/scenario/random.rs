//! `[faults_random]`: what may be drawn, checked.

use super::document::RandomEntry;
use super::plan::{Length, Plan, RandomFaults, RandomKind};
use super::source::Refusal;
use crate::op::unknown;
use crate::time::Duration;
use toml::Spanned;

/// A schedule with more says nothing that one with fewer does not.
const MOST: u32 = 100;
/// Times are drawn in milliseconds.
const LEAST: Duration = Duration::millis(1);

/// Resolves the table, if there is one, for a plan whose sites are known.
pub(super) fn resolve(
    entry: Option<&Spanned<RandomEntry>>,
    plan: &Plan,
) -> Result<Option<RandomFaults>, Refusal> {
    let Some(entry) = entry else { return Ok(None) };
    let written = entry.get_ref();
    let most = *written.most.get_ref();
    if !(1..=MOST).contains(&most) {
        let message = format!("most is {most}; write 1 to {MOST} faults");
        return Err(Refusal::at(written.most.span(), message));
    }
    let (start, end) = (*written.start.get_ref(), *written.end.get_ref());
    if end < start + LEAST {
        let message = format!("the faults end at {end}, not after their start at {start}");
        return Err(Refusal::at(written.end.span(), message));
    }
    if let Length::Time(duration) = plan.length
        && start >= duration
    {
        let message = format!("the faults start at {start}, but the run lasts {duration}");
        return Err(Refusal::at(written.start.span(), message));
    }
    let whole = Duration(end.0 - start.0);
    let longest = written.longest.as_ref().map_or(whole, |longest| *longest.get_ref());
    if let Some(written) = written.longest.as_ref().filter(|_| longest < LEAST || longest > whole) {
        let message = format!("longest is {longest}; write {LEAST} to {whole}");
        return Err(Refusal::at(written.span(), message));
    }
    Ok(Some(RandomFaults { most, kinds: kinds(written, plan)?, start, end, longest }))
}

/// Those that are listed, or all that fit but clocks that go wrong: who trusts them may break.
fn kinds(written: &RandomEntry, plan: &Plan) -> Result<Vec<RandomKind>, Refusal> {
    let Some(list) = &written.kinds else {
        let usual = RandomKind::ALL.into_iter().filter(|kind| *kind != RandomKind::Clock);
        return Ok(usual.filter(|kind| kind.fits(plan)).collect());
    };
    let mut found = Vec::new();
    for name in list.get_ref() {
        let wrong = |message: String| Err(Refusal::at(name.span(), message));
        let text = name.get_ref();
        let Some(kind) = RandomKind::ALL.into_iter().find(|kind| kind.name() == text) else {
            return wrong(unknown("kind of fault", text, RandomKind::ALL.map(RandomKind::name)));
        };
        if !kind.fits(plan) {
            return wrong(format!(
                "{text} does not fit: slow-disk needs a disk_ms above 0, slow a service_ms above 0, and \
                 partial three replicas"
            ));
        }
        if found.contains(&kind) {
            return wrong(format!("{text} is listed twice"));
        }
        found.push(kind);
    }
    if found.is_empty() {
        return Err(Refusal::at(list.span(), "kinds is empty; name one at least, or leave it out"));
    }
    Ok(found)
}
