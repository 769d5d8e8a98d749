//! A fault schedule that broke something, written as a scenario of its own.
//!
//! The text is that of the scenario it was drawn in, with one mode and one level, and with the faults listed
//! instead of drawn. Under the seed that it names it makes the same history.

use super::plan::{
    Between, ClockFault, Direction, Fault, FaultKind, Group, Leap, Length, Plan, Target,
};
use super::regions::Matrix;
use super::source::Source;
use std::path::Path;
use toml::{Table, Value};

/// The scenario of `source` with this plan's mode, level, length and faults alone, for a file at `file`.
///
/// # Errors
/// Where the scenario has axes, or the plan has a fault between sites that have no names.
pub fn regression(source: &Source, plan: &Plan, seed: u64, file: &str) -> Result<String, String> {
    let mut table: Table =
        source.text.parse().map_err(|e: toml::de::Error| e.message().to_owned())?;
    if table.contains_key("vary") {
        return Err(format!(
            "{} has [[vary]]; a regression scenario is one cell, so write the variant's values into it first",
            source.file
        ));
    }
    table.remove("faults_random");
    table.remove("published");
    let modes = table.get("modes").and_then(Value::as_array).cloned().unwrap_or_default();
    let mode = modes.into_iter().find(|mode| name_of(mode) == plan.name.mode);
    let mut mode = mode.ok_or_else(|| format!("{} has no mode {}", source.file, plan.name.mode))?;
    if let Some(mode) = mode.as_table_mut() {
        let level = Value::from(plan.name.level.to_string());
        mode.insert("levels".into(), Value::Array(vec![level]));
    }
    table.insert("modes".into(), Value::Array(vec![mode]));
    let faults: Vec<Value> =
        plan.faults.iter().map(|fault| written(fault, plan)).collect::<Result<_, _>>()?;
    table.insert("faults".into(), Value::Array(faults));
    if let Length::Time(time) = plan.length {
        table.insert("duration".into(), time.to_string().into());
    }
    let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
    let question = format!("Does {} keep its promise under this schedule?", plan.name.mode);
    table.insert("question".into(), question.into());
    let analysis = format!(
        "A random fault schedule of {} under seed {seed}, shrunk to what still breaks. It is about that seed: \
         pacelc run {stem}.toml --seeds 1 --first-seed {seed}",
        plan.name
    );
    table.insert("analysis".into(), analysis.into());
    relocate(&mut table, source, file)?;
    toml::to_string(&table).map_err(|error| error.to_string())
}

/// The name that a mode has if it is given none.
fn name_of(mode: &Value) -> String {
    let text = |key: &str| mode.get(key).and_then(Value::as_str);
    match (text("name"), text("protocol"), text("system"), text("configuration")) {
        (Some(name), ..) | (None, Some(name), ..) => name.to_owned(),
        (None, None, Some(system), Some(configuration)) => format!("{system}-{configuration}"),
        (None, None, system, _) => system.unwrap_or_default().to_owned(),
    }
}

/// A matrix that lies beside one file is elsewhere as seen from another.
fn relocate(table: &mut Table, source: &Source, file: &str) -> Result<(), String> {
    let Some(name) = table.get("regions").and_then(Value::as_str) else { return Ok(()) };
    let (old, new) = (Path::new(&source.file).parent(), Path::new(file).parent());
    if old == new || Matrix::builtin_names().any(|known| known == name) {
        return Ok(());
    }
    let place = old.unwrap_or(Path::new("")).join(name);
    let place = std::path::absolute(&place).map_err(|e| format!("{}: {e}", place.display()))?;
    table.insert("regions".into(), place.to_string_lossy().into_owned().into());
    Ok(())
}

/// A fault as a table of a scenario.
fn written(fault: &Fault, plan: &Plan) -> Result<Value, String> {
    let mut table = Table::new();
    let host = |target: &Target| match target {
        Target::Replica(replica) => Value::from(plan.replicas[*replica].name.clone()),
        Target::Leader => "leader".into(),
    };
    let (key, what) = match &fault.kind {
        FaultKind::Cut(links) => ("cut", between(links, plan, &mut table)?),
        FaultKind::Delay(links, more) => {
            table.insert("add_ms".into(), more.as_ms().into());
            ("delay", between(links, plan, &mut table)?)
        }
        FaultKind::Loss(links, share) => {
            table.insert("share".into(), (*share).into());
            ("loss", between(links, plan, &mut table)?)
        }
        FaultKind::Crash(target) => ("crash", host(target)),
        FaultKind::Pause(target) => ("pause", host(target)),
        FaultKind::DiskFull(target) => ("disk_full", host(target)),
        FaultKind::SlowDisk(target, factor) => {
            table.insert("factor".into(), (*factor).into());
            ("slow_disk", host(target))
        }
        FaultKind::Slow(target, factor) => {
            table.insert("factor".into(), (*factor).into());
            ("slow", host(target))
        }
        FaultKind::Clock(target, error) => {
            match error {
                ClockFault::Drift { ppm } => drop(table.insert("drift_ppm".into(), (*ppm).into())),
                ClockFault::Leap(Leap::Jump) => drop(table.insert("leap".into(), "jump".into())),
                // A schedule that was shrunk may smear faster than a file may ask for by name.
                ClockFault::Leap(Leap::Smear) => {
                    let ppm = Leap::smear_ppm(fault.end - fault.start);
                    table.insert("drift_ppm".into(), (-ppm).into());
                }
                ClockFault::Jump { ms, stays } => {
                    table.insert("jump_ms".into(), (*ms).into());
                    if *stays {
                        table.insert("stays".into(), true.into());
                    }
                }
            }
            ("clock", host(target))
        }
    };
    table.insert(key.into(), what);
    table.insert("start".into(), fault.start.to_string().into());
    table.insert("end".into(), fault.end.to_string().into());
    Ok(Value::Table(table))
}

/// The names at the ends of links.
fn between(links: &Between, plan: &Plan, table: &mut Table) -> Result<Value, String> {
    if let Some(from) = &links.from {
        table.insert("from".into(), group(from, plan)?);
    }
    match links.direction {
        Direction::In => drop(table.insert("direction".into(), "in".into())),
        Direction::Out => drop(table.insert("direction".into(), "out".into())),
        Direction::Both => {}
    }
    group(&links.these, plan)
}

/// Whole regions by their names, then replicas by theirs.
fn group(group: &Group, plan: &Plan) -> Result<Value, String> {
    let mut names: Vec<Value> = Vec::new();
    let mut left = group.sites.clone();
    for (region, name) in plan.regions.iter().enumerate() {
        let sites = plan.site_regions().enumerate().filter(|(_, there)| *there == region);
        let sites: Vec<usize> = sites.map(|(site, _)| site).collect();
        // A replica alone in its region goes by its own name: nobody's clients are meant.
        let has_clients = sites.iter().any(|site| *site >= plan.replicas.len());
        if has_clients && sites.iter().all(|site| left.contains(site)) {
            left.retain(|site| !sites.contains(site));
            names.push(name.clone().into());
        }
    }
    for site in left {
        let host = plan.replicas.get(site);
        let host = host.ok_or("this schedule strikes clients that have no name")?;
        names.push(host.name.clone().into());
    }
    if group.leader {
        names.push("leader".into());
    }
    Ok(Value::Array(names))
}
