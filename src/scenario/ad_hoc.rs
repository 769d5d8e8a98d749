//! A scenario from a few words: any systems, any regions, any fault, any workload, no file.
//!
//! The words become the text of a scenario, which then goes the way of all scenarios. So what was run
//! can be saved and run again, and nothing here has a meaning of its own.

use super::overrides::choose;
use super::presets::{FAULTS, FaultPreset, WORKLOADS};
use super::regions::Matrix;
use super::source::{ScenarioError, Source};
use super::{Protocols, systems};
use crate::op::unknown;
use std::fmt::Write as _;
use std::path::Path;

/// Where nothing else is said.
const REGIONS: &str = "us-east-1,eu-west-1,ap-southeast-1";
/// Of a matrix with more regions, those that are meant must be named.
const REGIONS_MAX: usize = 9;

/// What the command line says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdHoc {
    /// `etcd`, `mongodb/w1`, or a protocol.
    pub systems: Vec<String>,
    /// As [`super::Overrides::regions`]; the first is where leaders and primaries start.
    pub regions: Option<String>,
    /// A name of [`FAULTS`], perhaps with a region behind a colon.
    pub fault: Option<String>,
    /// A name of [`WORKLOADS`].
    pub workload: Option<String>,
}

impl AdHoc {
    /// The scenario, as if it had been read from `file`.
    ///
    /// # Errors
    /// What is not known or does not fit, in one sentence with the nearest valid choice.
    pub fn source(&self, file: &str, protocols: &dyn Protocols) -> Result<Source, String> {
        let wanted = self.regions.as_deref().unwrap_or(REGIONS);
        let (matrix, regions) = places(wanted)?;
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        let mut text = String::new();
        let fault = self.fault.as_deref().unwrap_or("none");
        let workload = self.workload.as_deref().unwrap_or("ycsb-a");
        let systems = self.systems.join(", ");
        let verb = if self.systems.len() == 1 { "does" } else { "do" };
        let question = format!("What {verb} {systems} do? Fault: {fault}, workload: {workload}.");
        let _ = writeln!(text, "question = {}", quoted(&question));
        let _ = writeln!(text, "analysis = \"\"\"{}\"\"\"\n", prose(fault));
        let _ = writeln!(text, "regions  = {}", quoted(&path_from(&matrix, folder)?));
        let list: Vec<String> = regions.iter().map(|region| quoted(region)).collect();
        let _ = writeln!(text, "replicas = [{}]", list.join(", "));
        text.push_str(
            "duration = \"40s\"\nwarm_up  = \"1s\"\ntimeout  = \"3s\"\nattempt_timeout = \"1s\"\n",
        );
        for region in &list {
            let _ = write!(text, "\n[[clients]]\nregion   = {region}\nsessions = 30\n");
        }
        text.push_str(
            "\n[replica]\nservice_ms = 0.02\ndisk_ms    = { lognormal = { median = 0.5, sigma = 0.5 } }\n\
             \n[link]\njitter_ms = { lognormal = { median = 0.5, sigma = 1.0 } }\n",
        );
        let _ = write!(
            text,
            "\n[workload]\n{}\nrecords = 100\narrivals = {{ poisson = {{ rate = 30 }} }}\n",
            Self::mix(workload)?
        );
        text.push_str(&breaking(fault, &regions)?);
        for name in &self.systems {
            text.push_str(&mode(name, protocols)?);
        }
        Ok(Source::new(file, &text))
    }

    fn mix(name: &str) -> Result<&'static str, String> {
        let found = WORKLOADS.iter().find(|preset| preset.name == name);
        found
            .map(|preset| preset.keys)
            .ok_or_else(|| unknown("workload", name, WORKLOADS.iter().map(|preset| preset.name)))
    }

    /// An error of the scenario's text in terms of the words that it was made from.
    #[must_use]
    pub fn blame(&self, source: &Source, error: &ScenarioError) -> String {
        let line = error.line.filter(|_| error.file == source.file);
        let Some(line) = line else { return error.to_string() };
        let before = || source.text.lines().take(line);
        let modes = before().filter(|line| *line == "[[modes]]").count();
        let word = match modes.checked_sub(1).and_then(|mode| self.systems.get(mode)) {
            Some(system) => format!("-s {system}"),
            None if before().any(|line| line == "[[faults]]" || line == "[faults_random]") => {
                format!("--fault {}", self.fault.as_deref().unwrap_or("none"))
            }
            None => format!("--regions {}", self.regions.as_deref().unwrap_or(REGIONS)),
        };
        let place = format!("{}:{line}: ", error.file);
        let said = error.to_string();
        format!("{word}: {}", said.strip_prefix(&place).unwrap_or(&said))
    }
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The matrix and the regions that are meant.
fn places(wanted: &str) -> Result<(Matrix, Vec<String>), String> {
    let (matrix, list) = choose(wanted).map_err(|error| error.to_string())?;
    match list {
        Some(list) => Ok((matrix, list)),
        None if matrix.regions.len() <= REGIONS_MAX => {
            let all = matrix.regions.clone();
            Ok((matrix, all))
        }
        None => {
            let (have, some) = (matrix.regions.len(), matrix.regions[..3].join(","));
            Err(format!(
                "--regions: `{wanted}` has {have} regions; name those that are meant, as in {wanted}:{some}"
            ))
        }
    }
}

/// How a file in `folder` names the matrix.
fn path_from(matrix: &Matrix, folder: &Path) -> Result<String, String> {
    let built_in = Matrix::builtin_names().any(|name| name == matrix.name);
    if built_in || folder == Path::new("") {
        return Ok(matrix.name.clone());
    }
    let path = std::path::absolute(&matrix.name);
    path.map(|path| path.to_string_lossy().into_owned())
        .map_err(|error| format!("{}: cannot be found: {error}", matrix.name))
}

fn prose(fault: &str) -> String {
    let about = FAULTS.iter().find(|preset| Some(preset.name) == fault.split(':').next());
    let about = about.map_or("", |preset| preset.about);
    let when =
        if ["none", "random"].contains(&fault) { "" } else { " It lasts from 10 s to 25 s." };
    format!(
        "\nMade from the command line. One replica and one group of clients stand in each region; leaders and \
         primaries start in the first.\n\n{about}{when}"
    )
}

/// The fault's table.
fn breaking(fault: &str, regions: &[String]) -> Result<String, String> {
    let (name, region) = match fault.split_once(':') {
        Some((name, region)) => (name, Some(region)),
        None => (fault, None),
    };
    let preset = FAULTS.iter().find(|preset| preset.name == name);
    let preset =
        preset.ok_or_else(|| unknown("fault", name, FAULTS.iter().map(|preset| preset.name)))?;
    let FaultPreset { keys, regions: least, takes_region, table, .. } = preset;
    if regions.len() < *least {
        let have = regions.len();
        return Err(format!("--fault {name} needs {least} regions; --regions gives {have}"));
    }
    let chosen = match region {
        None => &regions[0],
        Some(region) if !takes_region => {
            return Err(format!("--fault {name} strikes no region; leave out `:{region}`"));
        }
        Some(region) => regions
            .iter()
            .find(|known| *known == region)
            .ok_or_else(|| unknown("region", region, regions.iter().map(String::as_str)))?,
    };
    // The region itself may be the last one; then the other side is the first.
    let last = regions.iter().rev().find(|other| *other != chosen).unwrap_or(chosen);
    if keys.is_empty() {
        return Ok(String::new());
    }
    let keys = keys.replace("{region}", &quoted(chosen)).replace("{last}", &quoted(last));
    let when = if keys.contains("start =") { "" } else { "start = \"10s\"\nend = \"25s\"\n" };
    Ok(format!("\n{table}\n{keys}\n{when}"))
}

/// A mode: a named system, a configuration of one, or a protocol with its smallest settings.
fn mode(name: &str, protocols: &dyn Protocols) -> Result<String, String> {
    let known = systems::all()?;
    let (system, configuration) = match name.split_once('/') {
        Some((system, configuration)) => (system, Some(configuration)),
        None => (name, None),
    };
    if let Some(found) = known.iter().find(|known| known.name == system) {
        found.configuration(configuration)?;
        let mut text = format!("\n[[modes]]\nsystem = {}\n", quoted(system));
        if let Some(configuration) = configuration {
            let _ = writeln!(text, "configuration = {}", quoted(configuration));
        }
        return Ok(text);
    }
    if configuration.is_none() && protocols.names().contains(&name) {
        let mut text = format!("\n[[modes]]\nprotocol = {}\nlevels = \"all\"\n", quoted(name));
        let plain = protocols.plain(name);
        if !plain.is_empty() {
            let _ = writeln!(text, "config = {{ {} }}", plain.trim().replace('\n', ", "));
        }
        return Ok(text);
    }
    if protocols.names().contains(&system) {
        return Err(format!(
            "-s {name}: {system} is a protocol and has no configurations; write {system}"
        ));
    }
    let names = known.iter().map(|known| known.name.as_str());
    Err(unknown("system or protocol", system, names.chain(protocols.names())))
}
