//! Faults: what breaks, from when to when.
//!
//! Faults may overlap: the run is disturbed while any is in force. Only the crashes of one replica named must
//! follow each other. One that flaps is written once and becomes as many faults as it has periods. Links are
//! named by regions, zones, replicas or client groups at their ends; naming a region takes the replicas and
//! the clients in it.

use super::document::FaultEntry;
use super::plan::{Between, ClockFault, Fault, FaultKind, Group, Leap, Length, Target};
use super::source::Refusal;
use super::topology::Sites;
use crate::distribution::Distribution;
use crate::time::Duration;
use std::collections::BTreeSet;
use toml::Spanned;

/// More faults than a run can tell apart.
const FAULTS_MAX: usize = 10_000;

/// A second is smeared over this much at least, which is a tenth of the time.
const SMEAR_LEAST: Duration = Duration::secs(10);

type Names = Spanned<Vec<Spanned<String>>>;

/// Resolves all faults, sorted by start.
pub(super) fn resolve(
    entries: &[Spanned<FaultEntry>],
    sites: &Sites,
    length: Length,
) -> Result<Vec<Fault>, Refusal> {
    let mut faults = Vec::new();
    for entry in entries {
        let written = entry.get_ref();
        times(written, length)?;
        let kind = kind(entry, sites)?;
        for (start, end) in periods(written)? {
            faults.push((entry.span(), Fault { start, end, kind: kind.clone() }));
        }
        if faults.len() > FAULTS_MAX {
            let message = format!("more than {FAULTS_MAX} faults, every repetition counted");
            return Err(Refusal::at(entry.span(), message));
        }
    }
    faults.sort_by_key(|(_, fault)| (fault.start, fault.end));
    for (i, (span, fault)) in faults.iter().enumerate() {
        let FaultKind::Crash(Target::Replica(_)) = fault.kind else { continue };
        let same = |(_, other): &&(_, Fault)| fault.start < other.end && other.kind == fault.kind;
        if let Some((_, other)) = faults[..i].iter().find(same) {
            let message = format!(
                "this crash starts at {}, while the replica is down until {}; let one crash of a \
                 replica end before the next",
                fault.start, other.end
            );
            return Err(Refusal::at(span.clone(), message));
        }
    }
    Ok(faults.into_iter().map(|(_, fault)| fault).collect())
}

fn times(written: &FaultEntry, length: Length) -> Result<(), Refusal> {
    let (start, end) = (*written.start.get_ref(), *written.end.get_ref());
    if end <= start {
        let message = format!("the fault ends at {end}, not after its start at {start}");
        return Err(Refusal::at(written.end.span(), message));
    }
    match length {
        Length::Time(duration) if start >= duration => {
            let message = format!("the fault starts at {start}, but the run lasts {duration}");
            Err(Refusal::at(written.start.span(), message))
        }
        _ => Ok(()),
    }
}

/// When it is in force: once, or again and again.
fn periods(written: &FaultEntry) -> Result<Vec<(Duration, Duration)>, Refusal> {
    let (start, end) = (*written.start.get_ref(), *written.end.get_ref());
    let (every, lasts) = match (&written.every, &written.lasts) {
        (None, None) => return Ok(vec![(start, end)]),
        (Some(every), Some(lasts)) => (every, lasts),
        (Some(one), None) | (None, Some(one)) => {
            let message = "a fault that flaps needs both every and lasts, as in every = \"2s\", \
                           lasts = \"500ms\"";
            return Err(Refusal::at(one.span(), message));
        }
    };
    let (period, part) = (*every.get_ref(), *lasts.get_ref());
    if part == Duration::ZERO || part >= period {
        let message = format!("lasts is {part}; write more than 0 and less than every, {period}");
        return Err(Refusal::at(lasts.span(), message));
    }
    let mut periods = Vec::new();
    let mut at = start;
    while at < end && periods.len() <= FAULTS_MAX {
        periods.push((at, end.min(at + part)));
        at = at + period;
    }
    Ok(periods)
}

fn kind(entry: &Spanned<FaultEntry>, sites: &Sites) -> Result<FaultKind, Refusal> {
    let written = entry.get_ref();
    let links = [("cut", &written.cut), ("delay", &written.delay), ("loss", &written.loss)];
    let hosts = [
        ("crash", &written.crash),
        ("pause", &written.pause),
        ("disk_full", &written.disk_full),
        ("slow_disk", &written.slow_disk),
        ("slow", &written.slow),
        ("clock", &written.clock),
    ];
    let mut links = links.into_iter().filter_map(|(kind, names)| Some((kind, names.as_ref()?)));
    let mut hosts = hosts.into_iter().filter_map(|(kind, name)| Some((kind, name.as_ref()?)));
    match (links.next(), hosts.next(), links.next(), hosts.next()) {
        (Some((kind, names)), None, None, _) => {
            fits(written, kind)?;
            link_kind(entry, kind, between(written, names, sites)?)
        }
        (None, Some((kind, name)), _, None) => {
            fits(written, kind)?;
            host_kind(entry, kind, name, sites)
        }
        _ => {
            let message = "a fault needs either cut = [regions or nodes] or crash = \"a replica\", \
                           or one of delay, loss, pause, disk_full, slow_disk, slow, clock; one \
                           [[faults]] table for each";
            Err(Refusal::at(entry.span(), message))
        }
    }
}

/// A key that says something about another kind of fault is a mistake.
fn fits(written: &FaultEntry, kind: &str) -> Result<(), Refusal> {
    let number = |key: &Option<Spanned<f64>>| key.as_ref().map(Spanned::span);
    let keys = [
        ("from", written.from.as_ref().map(Spanned::span), "cut delay loss"),
        ("direction", written.direction.as_ref().map(Spanned::span), "cut delay loss"),
        ("add_ms", number(&written.add_ms), "delay"),
        ("share", number(&written.share), "loss"),
        ("factor", number(&written.factor), "slow_disk slow"),
        ("jump_ms", number(&written.jump_ms), "clock"),
        ("drift_ppm", number(&written.drift_ppm), "clock"),
        ("leap", written.leap.as_ref().map(Spanned::span), "clock"),
        ("stays", written.stays.as_ref().map(Spanned::span), "clock"),
    ];
    for (key, span, kinds) in keys {
        if let Some(span) = span
            && !kinds.split(' ').any(|fit| fit == kind)
        {
            let message = format!("{key} does not fit {kind}; it goes with {kinds}");
            return Err(Refusal::at(span, message));
        }
    }
    Ok(())
}

/// A number that the fault cannot do without, within its bounds.
fn number(
    entry: &Spanned<FaultEntry>,
    key: &str,
    written: Option<&Spanned<f64>>,
    (least, most): (f64, f64),
) -> Result<f64, Refusal> {
    let Some(value) = written else {
        return Err(Refusal::at(entry.span(), format!("this fault needs {key}")));
    };
    // Written so that what is no number is refused too.
    if *value.get_ref() >= least && *value.get_ref() <= most {
        return Ok(*value.get_ref());
    }
    let message = format!("{key} is {}; write a number from {least} to {most}", value.get_ref());
    Err(Refusal::at(value.span(), message))
}

fn link_kind(
    entry: &Spanned<FaultEntry>,
    kind: &str,
    between: Between,
) -> Result<FaultKind, Refusal> {
    let written = entry.get_ref();
    Ok(match kind {
        "cut" => FaultKind::Cut(between),
        "delay" => {
            let ms = number(entry, "add_ms", written.add_ms.as_ref(), (0.0, 1e6))?;
            FaultKind::Delay(between, Duration::from_ms(ms))
        }
        _ => FaultKind::Loss(between, number(entry, "share", written.share.as_ref(), (0.0, 1.0))?),
    })
}

fn host_kind(
    entry: &Spanned<FaultEntry>,
    kind: &str,
    name: &Spanned<String>,
    sites: &Sites,
) -> Result<FaultKind, Refusal> {
    let written = entry.get_ref();
    let target = match sites.replica(name.get_ref()) {
        Ok(replica) => Target::Replica(replica),
        Err(_) if name.get_ref() == "leader" => Target::Leader,
        Err(message) => return Err(Refusal::at(name.span(), message)),
    };
    let factor = || number(entry, "factor", written.factor.as_ref(), (1.0, 1e6));
    let hosts = match target {
        Target::Replica(replica) => &sites.replicas[replica..=replica],
        Target::Leader => &sites.replicas[..],
    };
    let free = |cost: &Distribution| *cost == Distribution::ZERO;
    Ok(match kind {
        "crash" => FaultKind::Crash(target),
        "pause" => FaultKind::Pause(target),
        "disk_full" => FaultKind::DiskFull(target),
        "slow_disk" if hosts.iter().any(|host| free(&host.disk_ms)) => {
            let message = "a disk that takes no time cannot be slow; give the replica a disk_ms \
                           above 0";
            return Err(Refusal::at(name.span(), message));
        }
        "slow" if hosts.iter().any(|host| free(&host.service_ms)) => {
            let message = "a processor that takes no time cannot be slow; give the replica a \
                           service_ms above 0";
            return Err(Refusal::at(name.span(), message));
        }
        "slow_disk" => FaultKind::SlowDisk(target, factor()?),
        "slow" => FaultKind::Slow(target, factor()?),
        _ => FaultKind::Clock(target, clock(entry)?),
    })
}

fn clock(entry: &Spanned<FaultEntry>) -> Result<ClockFault, Refusal> {
    let written = entry.get_ref();
    let jump = written.jump_ms.as_ref();
    if let (Some(leap), None, None, None) =
        (&written.leap, jump, &written.drift_ppm, &written.stays)
    {
        let lasts = *written.end.get_ref() - *written.start.get_ref();
        if *leap.get_ref() == Leap::Smear && lasts < SMEAR_LEAST {
            let message = format!(
                "a second smeared over {lasts} is no smear; let the fault last {SMEAR_LEAST} or more, or write \
                 leap = \"jump\""
            );
            return Err(Refusal::at(leap.span(), message));
        }
        return Ok(ClockFault::Leap(*leap.get_ref()));
    }
    match (jump, written.drift_ppm.as_ref().filter(|_| written.leap.is_none()), &written.stays) {
        (Some(_), None, stays) if written.leap.is_none() => Ok(ClockFault::Jump {
            ms: number(entry, "jump_ms", jump, (-1e7, 1e7))?,
            stays: stays.as_ref().is_some_and(|stays| *stays.get_ref()),
        }),
        (None, ppm @ Some(_), None) => {
            Ok(ClockFault::Drift { ppm: number(entry, "drift_ppm", ppm, (-1e5, 1e5))? })
        }
        _ => {
            let message = "a clock fault needs either jump_ms, perhaps with stays = true, or \
                           drift_ppm, whose gain always stays, or leap = \"jump\" or \"smear\"";
            Err(Refusal::at(entry.span(), message))
        }
    }
}

fn between(written: &FaultEntry, names: &Names, sites: &Sites) -> Result<Between, Refusal> {
    let these = group(names, sites)?;
    let from = match &written.from {
        Some(names) => Some(group(names, sites)?),
        None => None,
    };
    let direction = written.direction.as_ref().map(|d| *d.get_ref()).unwrap_or_default();
    let between = Between { these, from, direction };
    // Wherever the leader is, there must be a link.
    let replicas = sites.replicas.len();
    let used = |a, b, leader| (a < replicas || b < replicas) && between.strikes(a, b, leader);
    let any = |leader| (0..sites.count()).any(|a| (0..sites.count()).any(|b| used(a, b, leader)));
    if !(0..replicas).all(any) {
        let message = "a cut must leave something on both sides, and a replica on one, as must a delay \
                       or a loss";
        return Err(Refusal::at(names.span(), message));
    }
    Ok(between)
}

fn group(names: &Names, sites: &Sites) -> Result<Group, Refusal> {
    let mut found = BTreeSet::new();
    let mut leader = false;
    let replicas = sites.replicas.len();
    let majority = replicas / 2 + 1;
    for name in names.get_ref() {
        // A site that bears such a name is meant before what the word means elsewhere.
        match (sites.select(name.get_ref()), name.get_ref().as_str()) {
            (Ok(sites), _) => found.extend(sites),
            (Err(_), "leader") => leader = true,
            (Err(_), "majority") => found.extend(0..majority),
            (Err(_), "minority") => found.extend(majority..replicas),
            (Err(message), _) => return Err(Refusal::at(name.span(), message)),
        }
    }
    Ok(Group { sites: found.into_iter().collect(), leader })
}
