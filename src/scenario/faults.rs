//! Faults: what is cut off or crashed, from when to when.
//!
//! Faults may overlap: the run is partitioned while any is in force. Only the crashes of one replica must
//! follow each other, and no more cuts can be in force at a time than a word has bits. A network cut names
//! regions, zones, replicas or client groups; naming a region takes the replicas and the clients in it.

use super::document::FaultEntry;
use super::plan::{Fault, FaultKind, Length};
use super::source::Refusal;
use super::topology::Sites;
use std::collections::BTreeSet;
use toml::Spanned;

/// The sides of so many cuts fit into a word.
const CUTS_MAX: usize = 60;

/// Resolves all faults, sorted by start.
pub(super) fn resolve(
    entries: &[Spanned<FaultEntry>],
    sites: &Sites,
    length: Length,
) -> Result<Vec<Fault>, Refusal> {
    let mut faults = Vec::new();
    for entry in entries {
        faults.push((entry.span(), fault(entry, sites, length)?));
    }
    faults.sort_by_key(|(_, fault)| (fault.start, fault.end));
    for (i, (span, fault)) in faults.iter().enumerate() {
        let in_force = || faults[..i].iter().filter(|(_, other)| fault.start < other.end);
        let crash = matches!(fault.kind, FaultKind::Crash(_));
        let mut same = in_force().filter(|(_, other)| crash && other.kind == fault.kind);
        if let Some((_, other)) = same.next() {
            let message = format!(
                "this crash starts at {}, while the replica is down until {}; let one crash of a \
                 replica end before the next",
                fault.start, other.end
            );
            return Err(Refusal::at(span.clone(), message));
        }
        if !crash && in_force().count() >= CUTS_MAX {
            let message = format!("more than {CUTS_MAX} faults at a time are in force here");
            return Err(Refusal::at(span.clone(), message));
        }
    }
    Ok(faults.into_iter().map(|(_, fault)| fault).collect())
}

fn fault(entry: &Spanned<FaultEntry>, sites: &Sites, length: Length) -> Result<Fault, Refusal> {
    let written = entry.get_ref();
    let (start, end) = (*written.start.get_ref(), *written.end.get_ref());
    if end <= start {
        let message = format!("the fault ends at {end}, not after its start at {start}");
        return Err(Refusal::at(written.end.span(), message));
    }
    if let Length::Time(duration) = length
        && start >= duration
    {
        let message = format!("the fault starts at {start}, but the run lasts {duration}");
        return Err(Refusal::at(written.start.span(), message));
    }
    let kind = match (&written.cut, &written.crash) {
        (Some(names), None) => cut(names, sites)?,
        (None, Some(name)) => FaultKind::Crash(
            sites.replica(name.get_ref()).map_err(|message| Refusal::at(name.span(), message))?,
        ),
        _ => {
            let message = "a fault needs either cut = [regions or nodes] or crash = \"a replica\"";
            return Err(Refusal::at(entry.span(), message));
        }
    };
    Ok(Fault { start, end, kind })
}

fn cut(names: &Spanned<Vec<Spanned<String>>>, sites: &Sites) -> Result<FaultKind, Refusal> {
    let mut cut = BTreeSet::new();
    for name in names.get_ref() {
        let found = sites.select(name.get_ref()).map_err(|m| Refusal::at(name.span(), m))?;
        cut.extend(found);
    }
    if cut.is_empty() || cut.len() == sites.count() {
        let message = "a cut must leave something on both sides";
        return Err(Refusal::at(names.span(), message));
    }
    Ok(FaultKind::Cut(cut.into_iter().collect()))
}
