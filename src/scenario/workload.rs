//! Workloads: the YCSB presets, explicit shares, what keys hold, arrivals, and probes.
//!
//! The six mixes are those of YCSB's core workloads (Cooper et al., "Benchmarking Cloud Serving
//! Systems with YCSB", SoCC 2010; files workloads/workloada to workloadf of its repository).

use super::document::{ArrivalsEntry, ProbeEntry, WorkloadEntry};
use super::plan::{Arrivals, KeyChoice, Mix, Probe};
use super::source::Refusal;
use crate::distribution::Distribution;
use crate::op::{Contents, Object, unknown};
use crate::time::Duration;
use toml::Spanned;

/// YCSB's own record count.
pub(super) const RECORDS: u32 = 1_000;
/// Every replica keeps a table of this many keys at most.
const RECORDS_MAX: u32 = 10_000_000;
/// Operations per second nobody means.
const RATE_MAX: f64 = 1e9;

/// Reads, updates, inserts, scans, read-modify-writes; keys.
type Preset = ([f64; 5], KeyChoice);

const YCSB: [(&str, Preset); 6] = [
    ("A", ([0.5, 0.5, 0.0, 0.0, 0.0], KeyChoice::Zipfian)),
    ("B", ([0.95, 0.05, 0.0, 0.0, 0.0], KeyChoice::Zipfian)),
    ("C", ([1.0, 0.0, 0.0, 0.0, 0.0], KeyChoice::Zipfian)),
    ("D", ([0.95, 0.0, 0.05, 0.0, 0.0], KeyChoice::Latest)),
    ("E", ([0.0, 0.0, 0.05, 0.95, 0.0], KeyChoice::Zipfian)),
    ("F", ([0.5, 0.0, 0.0, 0.0, 0.5], KeyChoice::Zipfian)),
];

/// YCSB E's longest scan.
const SCAN_MAX: u16 = 100;

/// How many keys exist at the start.
pub(super) fn records(entry: Option<&Spanned<u32>>) -> Result<u32, Refusal> {
    let Some(records) = entry else { return Ok(RECORDS) };
    let n = *records.get_ref();
    if (1..=RECORDS_MAX).contains(&n) {
        return Ok(n);
    }
    let message = format!("records is {n}; it must be from 1 to {RECORDS_MAX}");
    Err(Refusal::at(records.span(), message))
}

/// What keys hold, and at first.
pub(super) fn contents(entry: &WorkloadEntry) -> Result<Contents, Refusal> {
    let object = match &entry.object {
        None => Object::Register,
        Some(name) => name.get_ref().parse().map_err(|m: String| Refusal::at(name.span(), m))?,
    };
    let initial = match (&entry.units, &entry.object) {
        (Some(units), _) if object == Object::Stock => u64::from(*units.get_ref()),
        (None, Some(name)) if object == Object::Stock => {
            return Err(Refusal::at(name.span(), "a stock needs its units; write units = 10, say"));
        }
        (Some(units), _) => {
            let message = format!("units belong to object = \"stock\"; this one is a {object}");
            return Err(Refusal::at(units.span(), message));
        }
        (None, _) => 0,
    };
    if let Some(hold) = entry.hold_ms.as_ref().filter(|_| object != Object::Lock) {
        let message = format!("hold_ms belongs to object = \"lock\"; this one is a {object}");
        return Err(Refusal::at(hold.span(), message));
    }
    if let Some(share) = &entry.decrement {
        let value = *share.get_ref();
        if object != Object::Counter {
            let message =
                format!("decrement belongs to object = \"counter\"; this one is a {object}");
            return Err(Refusal::at(share.span(), message));
        }
        if !(0.0..=1.0).contains(&value) {
            let message = format!("decrement is {value}; a share is from 0 to 1");
            return Err(Refusal::at(share.span(), message));
        }
    }
    Ok(Contents { object, initial })
}

/// The mix of a client group: its own entries over those of the scenario.
pub(super) fn mix(
    common: &Spanned<WorkloadEntry>,
    own: Option<&Spanned<WorkloadEntry>>,
) -> Result<Mix, Refusal> {
    if let Some((name, span)) = own.and_then(|own| shared(own.get_ref())) {
        let message = format!("{name} belongs in [workload]: all clients share one store");
        return Err(Refusal::at(span, message));
    }
    let shares_of = own
        .filter(|own| own.get_ref().ycsb.is_some() || has_shares(own.get_ref()))
        .unwrap_or(common);
    let ([read, update, insert, scan, rmw], preset_keys) = shares(shares_of)?;
    if update > 0.0 && contents(common.get_ref())?.object == Object::CasRegister {
        let message = "a cas-register is updated by who has read it; write rmw in place of update, \
                       or ycsb = \"F\"";
        return Err(Refusal::at(shares_of.span(), message));
    }
    // A group that only changes the keys, the scans or the pace changes nothing else.
    let own = own.map(Spanned::get_ref);
    let inherits = |entry: &WorkloadEntry| entry.keys.clone();
    let keys = match own.and_then(inherits).or_else(|| common.get_ref().keys.clone()) {
        Some(keys) => key_choice(&keys)?,
        None => preset_keys,
    };
    let scan_max = own.and_then(|own| own.scan_max.as_ref()).or(common.get_ref().scan_max.as_ref());
    if let Some(zero) = scan_max.filter(|scan_max| *scan_max.get_ref() == 0) {
        return Err(Refusal::at(zero.span(), "scan_max is 0; a scan takes at least one key"));
    }
    let paced = own.filter(|own| own.arrivals.is_some() || own.think_ms.is_some());
    let arrivals = arrivals(paced.unwrap_or(common.get_ref()))?;
    let scan_max = scan_max.map_or(SCAN_MAX, |scan_max| *scan_max.get_ref());
    let hold_ms = common.get_ref().hold_ms.as_ref();
    let hold_ms = hold_ms.map_or(Distribution::ZERO, |hold| hold.get_ref().clone());
    let decrement = common.get_ref().decrement.as_ref().map_or(0.0, |share| *share.get_ref());
    Ok(Mix { read, update, insert, scan, rmw, keys, scan_max, hold_ms, decrement, arrivals })
}

/// What a group says that is not its own to say.
fn shared(own: &WorkloadEntry) -> Option<(&'static str, std::ops::Range<usize>)> {
    let span = |name, at: Option<std::ops::Range<usize>>| at.map(|at| (name, at));
    span("records", own.records.as_ref().map(Spanned::span))
        .or(span("object", own.object.as_ref().map(Spanned::span)))
        .or(span("units", own.units.as_ref().map(Spanned::span)))
        .or(span("hold_ms", own.hold_ms.as_ref().map(Spanned::span)))
        .or(span("decrement", own.decrement.as_ref().map(Spanned::span)))
}

/// What stands in a plan whose load is a probe: never asked for.
pub(super) fn no_mix() -> Mix {
    Mix {
        read: 1.0,
        update: 0.0,
        insert: 0.0,
        scan: 0.0,
        rmw: 0.0,
        keys: KeyChoice::Uniform,
        scan_max: SCAN_MAX,
        hold_ms: Distribution::ZERO,
        decrement: 0.0,
        arrivals: Arrivals::Closed { think_ms: Distribution::ZERO },
    }
}

fn explicit(entry: &WorkloadEntry) -> [(&'static str, Option<&Spanned<f64>>); 5] {
    [
        ("read", entry.read.as_ref()),
        ("update", entry.update.as_ref()),
        ("insert", entry.insert.as_ref()),
        ("scan", entry.scan.as_ref()),
        ("rmw", entry.rmw.as_ref()),
    ]
}

fn has_shares(entry: &WorkloadEntry) -> bool {
    explicit(entry).iter().any(|(_, share)| share.is_some())
}

fn shares(entry: &Spanned<WorkloadEntry>) -> Result<Preset, Refusal> {
    let given = explicit(entry.get_ref());
    if let Some(ycsb) = &entry.get_ref().ycsb {
        if let Some((name, share)) = given.iter().find_map(|(n, s)| s.map(|s| (n, s))) {
            let message = format!("{name} contradicts ycsb; give the preset or the shares");
            return Err(Refusal::at(share.span(), message));
        }
        let name = ycsb.get_ref();
        return YCSB.iter().find(|(known, _)| known == name).map(|(_, preset)| *preset).ok_or_else(
            || Refusal::at(ycsb.span(), unknown("ycsb workload", name, YCSB.map(|(n, _)| n))),
        );
    }
    let mut shares = [0.0; 5];
    for (share, (name, given)) in shares.iter_mut().zip(given) {
        let Some(given) = given else { continue };
        *share = *given.get_ref();
        if !(0.0..=1.0).contains(share) {
            let message = format!("{name} is {share}; a share is from 0 to 1");
            return Err(Refusal::at(given.span(), message));
        }
    }
    let sum: f64 = shares.iter().sum();
    if (sum - 1.0).abs() > 1e-9 {
        let message = if has_shares(entry.get_ref()) {
            format!("the shares of read, update, insert, scan and rmw add up to {sum}, not to 1")
        } else {
            "the workload says neither ycsb nor shares; write ycsb = \"B\", say".to_owned()
        };
        return Err(Refusal::at(entry.span(), message));
    }
    Ok((shares, KeyChoice::Uniform))
}

fn key_choice(keys: &Spanned<KeyChoice>) -> Result<KeyChoice, Refusal> {
    if let KeyChoice::Hotspot { data, operations } = *keys.get_ref() {
        for (name, share) in [("data", data), ("operations", operations)] {
            if !(share > 0.0 && share <= 1.0) {
                let message = format!("hotspot.{name} is {share}; it must be above 0 and up to 1");
                return Err(Refusal::at(keys.span(), message));
            }
        }
    }
    Ok(*keys.get_ref())
}

fn arrivals(entry: &WorkloadEntry) -> Result<Arrivals, Refusal> {
    let think = entry.think_ms.as_ref();
    let open = |rate: &Spanned<f64>| {
        if let Some(think) = think {
            let message = "think_ms belongs to closed arrivals; planned ones have a rate";
            return Err(Refusal::at(think.span(), message));
        }
        let value = *rate.get_ref();
        if value > 0.0 && value <= RATE_MAX {
            return Ok(value);
        }
        let message =
            format!("rate is {value}; it must be above 0 and up to {RATE_MAX} per second");
        Err(Refusal::at(rate.span(), message))
    };
    match entry.arrivals.as_ref().map(Spanned::get_ref) {
        None | Some(ArrivalsEntry::Closed) => Ok(Arrivals::Closed {
            think_ms: think.map_or(Distribution::ZERO, |think| think.get_ref().clone()),
        }),
        Some(ArrivalsEntry::Poisson { rate }) => Ok(Arrivals::Poisson { rate: open(rate)? }),
        Some(ArrivalsEntry::Constant { rate }) => Ok(Arrivals::Constant { rate: open(rate)? }),
    }
}

/// A probe; `group` finds the writer among the client groups.
pub(super) fn probe(
    entry: &ProbeEntry,
    group: impl Fn(&str) -> Result<usize, String>,
) -> Result<Probe, Refusal> {
    let mut offsets = Vec::new();
    for offset in entry.offsets.get_ref() {
        let wrong = |message: String| Refusal::at(offset.span(), message);
        let value: Duration = offset.get_ref().parse().map_err(wrong)?;
        if offsets.last().is_some_and(|last| *last >= value) {
            return Err(wrong(format!("offset {value} does not rise above the one before it")));
        }
        offsets.push(value);
    }
    if offsets.is_empty() {
        return Err(Refusal::at(entry.offsets.span(), "a probe needs at least one offset"));
    }
    let writer = match &entry.writer {
        None => 0,
        Some(name) => group(name.get_ref()).map_err(|m| Refusal::at(name.span(), m))?,
    };
    Ok(Probe { writer, offsets, pause: entry.pause })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Holder {
        workload: Spanned<WorkloadEntry>,
        own: Option<Spanned<WorkloadEntry>>,
    }

    fn read(text: &str) -> Result<Mix, String> {
        let holder: Holder = toml::from_str(text).map_err(|e| Refusal::from(e).message)?;
        mix(&holder.workload, holder.own.as_ref()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn presets_are_those_of_ycsb() {
        for (name, share, keys) in [
            ("A", 0.5, KeyChoice::Zipfian),
            ("B", 0.95, KeyChoice::Zipfian),
            ("C", 1.0, KeyChoice::Zipfian),
            ("D", 0.95, KeyChoice::Latest),
            ("E", 0.0, KeyChoice::Zipfian),
            ("F", 0.5, KeyChoice::Zipfian),
        ] {
            let mix = read(&format!("workload = {{ ycsb = '{name}' }}")).unwrap();
            assert_eq!((mix.read, mix.keys, mix.scan_max), (share, keys, 100), "{name}");
            assert_eq!(mix.read + mix.update + mix.insert + mix.scan + mix.rmw, 1.0, "{name}");
        }
    }

    #[test]
    fn a_group_changes_what_it_names_and_keeps_the_rest() {
        let common =
            "workload = { ycsb = 'A', keys = 'uniform', arrivals = { poisson = { rate = 5 } } }";
        let readers = read(&format!("{common}\nown = {{ read = 1 }}")).unwrap();
        assert_eq!((readers.read, readers.keys), (1.0, KeyChoice::Uniform));
        assert_eq!(readers.arrivals, Arrivals::Poisson { rate: 5.0 });
        let slow =
            read(&format!("{common}\nown = {{ arrivals = 'closed', think_ms = 7 }}")).unwrap();
        assert_eq!((slow.read, slow.update), (0.5, 0.5));
        assert_eq!(slow.arrivals, Arrivals::Closed { think_ms: Distribution::Constant(7.0) });
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("workload = { ycsb = 'G' }", "unknown ycsb workload `G`"),
            ("workload = { read = 0.5, update = 0.4 }", "add up to 0.9, not to 1"),
            ("workload = { read = 1.5, update = -0.5 }", "read is 1.5"),
            ("workload = { }", "neither ycsb nor shares"),
            ("workload = { ycsb = 'A', read = 1 }", "read contradicts ycsb"),
            ("workload = { ycsb = 'A', arrivals = { poisson = { rate = 0 } } }", "rate is 0"),
            ("workload = { ycsb = 'A', arrivals = { poisson = { rate = nan } } }", "rate is NaN"),
            ("workload = { ycsb = 'A', arrivals = { constant = { rate = -1 } } }", "rate is -1"),
            ("workload = { ycsb = 'A', arrivals = { poison = { rate = 1 } } }", "`poisson`"),
            ("workload = { ycsb = 'A', arrivals = { poisson = { rat = 1 } } }", "`rate`"),
            (
                "workload = { ycsb = 'A', think_ms = 1, arrivals = { poisson = { rate = 1 } } }",
                "think_ms belongs to closed",
            ),
            ("workload = { ycsb = 'E', scan_max = 0 }", "scan_max is 0"),
            ("workload = { ycsb = 'A', keys = 'zipf' }", "unknown choice `zipf`"),
            (
                "workload = { ycsb = 'A', keys = { hotspot = { data = 0, operations = 0.8 } } }",
                "hotspot.data is 0",
            ),
            ("workload = { ycsb = 'A' }\nown = { records = 5 }", "records belongs in [workload]"),
            ("workload = { ycsb = 'A' }\nown = { object = 'set' }", "object belongs in [workload]"),
            ("workload = { ycsb = 'A', object = 'cas-register' }", "write rmw in place of update"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert!(records(Some(&Spanned::new(0..1, 0))).is_err());
    }

    #[test]
    fn keys_hold_registers_unless_the_workload_says_what_else() {
        let read = |text: &str| {
            let entry: WorkloadEntry =
                toml::from_str(text).map_err(|e| Refusal::from(e).message)?;
            contents(&entry).map_err(|refusal| refusal.message)
        };
        assert_eq!(read("ycsb = 'A'"), Ok(Contents::default()));
        let stock = Contents { object: Object::Stock, initial: 3 };
        assert_eq!(read("object = 'stock'\nunits = 3"), Ok(stock));
        for (text, expected) in [
            ("object = 'stok'", "unknown object `stok`; did you mean `stock`?"),
            ("object = 'stock'", "a stock needs its units"),
            ("object = 'set'\nunits = 3", "units belong to object = \"stock\"; this one is a set"),
            ("units = 3", "this one is a register"),
            ("object = 'counter'\nhold_ms = 3", "hold_ms belongs to object = \"lock\""),
            ("object = 'set'\ndecrement = 0.5", "decrement belongs to object = \"counter\""),
            ("object = 'counter'\ndecrement = 1.5", "a share is from 0 to 1"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
