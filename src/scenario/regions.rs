//! Matrices of round-trip times between regions: the built-in ones and a user's own.
//!
//! A matrix is kept as its source gives it, direction by direction. The delay of one direction is
//! half its round-trip time, which is an assumption: nobody measures one way alone. A round trip in
//! the simulator is therefore the mean of what the source says for both directions.
//!
//! Three forms are read:
//! * a square CSV like the built-in ones: a header row `from\to,a,b,...`, then a row per region,
//!   the diagonal `-` or empty;
//! * a tidy CSV: a header row that names `src` (or `from`), `dst` (or `to`) and `rtt_ms` in any order
//!   beside any other columns, then a row per direction;
//! * TOML: `[rtt_ms."us-east-1"]` and under it `"eu-west-1" = 69.6`, with the keys
//!   `intra_az_rtt_ms`, `cross_az_rtt_ms`, `symmetric = true` and `source` at the top.
//!
//! In CSV those keys stand in comments: `# intra_az_rtt_ms = 0.4`, `# symmetric`. All other leading
//! comments are the provenance that reports print. Diagonals are never used: what sources put there
//! was measured differently. Within a region the two `_az_` values hold; a matrix whose diagonal is more than
//! zeros must give the first of them, lest somebody believe in the diagonal, and the provenance says of
//! zeros too that they are not used.

mod from_csv;
mod from_toml;

use super::source::{ScenarioError, embedded, read_text};
use super::vary::label_is_fit;
use crate::op::unknown;
use crate::time::Duration;
use std::path::{Path, PathBuf};

pub(super) use from_toml::MatrixTable;

/// Longer round trips than this are a mistake in the unit: a thousand seconds.
pub const RTT_MAX_MS: f64 = 1e6;

/// Within a zone, where a user's matrix does not say: as in the built-in AWS matrix.
const INTRA_AZ_RTT_MS: f64 = 0.409;
/// Between zones, likewise.
const CROSS_AZ_RTT_MS: f64 = 1.364;

/// Round-trip times between regions, per direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// `aws`, or the path it was read from.
    pub name: String,
    /// Where the figures come from, as one line of prose.
    pub provenance: String,
    /// The regions, in the order of the source.
    pub regions: Vec<String>,
    /// Milliseconds, row-major: `from * regions + to`; the diagonal is 0 and not used.
    rtt_ms: Vec<f64>,
    /// Milliseconds between two machines of one zone.
    pub intra_az_rtt_ms: f64,
    /// Milliseconds between two zones of one region.
    pub cross_az_rtt_ms: f64,
}

impl Matrix {
    /// The built-in matrix of that name, if there is one.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Result<Self, ScenarioError>> {
        let (file, text) = embedded::REGIONS.iter().find(|(file, _)| stem(file) == name)?;
        Some(from_csv::parse(file, text).map(|matrix| Self { name: name.to_owned(), ..matrix }))
    }

    /// The names of the built-in matrices.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        embedded::REGIONS.iter().map(|(file, _)| stem(file))
    }

    /// Reads a matrix from text; the extension of `file` says which form it has.
    ///
    /// # Errors
    /// Anything missing, doubled or out of range, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        if file.ends_with(".toml") {
            from_toml::parse(file, text)
        } else {
            from_csv::parse(file, text)
        }
    }

    /// The built-in matrix of that name or else the file at that path, taken relative to `folder`.
    ///
    /// # Errors
    /// Neither exists, or the file is not a valid matrix. The inner `Err` of a name that is no path
    /// is for the caller to locate; the outer one already names the matrix file.
    pub(super) fn open(wanted: &str, folder: &Path) -> Result<Self, OpenError> {
        if let Some(matrix) = Self::builtin(wanted) {
            return matrix.map_err(OpenError::File);
        }
        let is_path =
            wanted.contains(['/', '\\']) || wanted.ends_with(".csv") || wanted.ends_with(".toml");
        if !is_path {
            let message = unknown("region set", wanted, Self::builtin_names());
            let hint = "a file's name ends in .csv or .toml";
            return Err(OpenError::Name(format!("{message} ({hint})")));
        }
        let path: PathBuf = folder.join(wanted);
        let file = path.to_string_lossy();
        if !path.exists() {
            return Err(OpenError::Name(no_such_file(wanted, folder)));
        }
        let text = read_text(&file).map_err(OpenError::File)?;
        Self::parse(&file, &text).map_err(OpenError::File)
    }

    /// The number of a region.
    ///
    /// # Errors
    /// It has none; the message offers the nearest.
    pub fn index(&self, region: &str) -> Result<usize, String> {
        self.regions
            .iter()
            .position(|known| known == region)
            .ok_or_else(|| unknown("region", region, self.regions.iter().map(String::as_str)))
    }

    /// Milliseconds of the round trip as measured from region number `from`.
    #[must_use]
    pub fn rtt_ms(&self, from: usize, to: usize) -> f64 {
        self.rtt_ms[from * self.regions.len() + to]
    }

    /// The delay of one direction between two different regions: half the measured round trip.
    #[must_use]
    pub fn one_way(&self, from: usize, to: usize) -> Duration {
        Duration::from_ms(self.rtt_ms(from, to) / 2.0)
    }
}

/// Why a matrix could not be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The name is at fault; whoever wrote it is to be told.
    Name(String),
    /// The file is at fault.
    File(ScenarioError),
}

/// Names the nearest of the files that lie where the missing one should, as a scenario in `folder` names them.
fn no_such_file(wanted: &str, folder: &Path) -> String {
    let wanted_path = Path::new(wanted);
    let below = wanted_path.parent().unwrap_or(Path::new(""));
    let place = Path::new(".").join(folder).join(below);
    let there = std::fs::read_dir(place).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = there
        .map(|entry| below.join(entry.file_name()))
        .filter(|path| path.extension() == wanted_path.extension())
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    if names.is_empty() {
        return format!("there is no file `{wanted}`; write the path of a .csv or .toml file");
    }
    unknown("matrix file", wanted, names.iter().map(String::as_str))
}

fn stem(file: &'static str) -> &'static str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

/// What a parser has gathered, before it is known to be complete.
#[derive(Default)]
struct Gathered {
    provenance: Vec<String>,
    regions: Vec<String>,
    /// Row-major over `regions`; `None` is not given.
    rtt_ms: Vec<Option<f64>>,
    symmetric: bool,
    intra_az_rtt_ms: Option<f64>,
    cross_az_rtt_ms: Option<f64>,
}

/// What results call all regions together.
const TOTAL: &str = "all";

impl Gathered {
    /// Fills in mirrored pairs and refuses gaps; `Err` is the first missing pair.
    fn complete(self, file: &str) -> Result<Matrix, (usize, usize, String)> {
        let n = self.regions.len();
        if let Some(place) = self.regions.iter().position(|region| region == TOTAL) {
            let message = format!("no region may be called {TOTAL}: results call all of them that");
            return Err((place, place, message));
        }
        for (place, region) in self.regions.iter().enumerate() {
            label_is_fit("a region", region).map_err(|message| (place, place, message))?;
        }
        let own = |place: usize| self.rtt_ms[place * n + place];
        let used = (0..n).find(|place| own(*place).is_some_and(|ms| ms > 0.0));
        if let (Some(place), None) = (used, self.intra_az_rtt_ms) {
            let region = &self.regions[place];
            let message = format!(
                "from {region} to itself it is {} ms, which would not be used; leave it out, and give \
                 `intra_az_rtt_ms` and `cross_az_rtt_ms` for what is within a region",
                own(place).unwrap_or_default()
            );
            return Err((place, place, message));
        }
        let mut rtt_ms = vec![0.0; n * n];
        for from in 0..n {
            for to in (0..n).filter(|to| *to != from) {
                let mirrored = if self.symmetric { self.rtt_ms[to * n + from] } else { None };
                let given = self.rtt_ms[from * n + to];
                let (a, b) = (&self.regions[from], &self.regions[to]);
                if let (Some(there), Some(back)) = (given, mirrored)
                    && there != back
                {
                    let message = format!(
                        "from {a} to {b} it is {there} ms, and back {back} ms; a symmetric matrix \
                         has one number for both, so leave `symmetric` out or one of the two"
                    );
                    return Err((from, to, message));
                }
                let Some(value) = given.or(mirrored) else {
                    let way_out = if self.symmetric {
                        "one of the two directions must be given"
                    } else {
                        "give it, or say `symmetric` if one direction stands for both"
                    };
                    let message =
                        format!("the round-trip time from {a} to {b} is missing; {way_out}");
                    return Err((from, to, message));
                };
                rtt_ms[from * n + to] = value;
            }
        }
        let mut provenance = self.provenance;
        if self.intra_az_rtt_ms.is_none() || self.cross_az_rtt_ms.is_none() {
            provenance.push(format!(
                "Where this matrix says nothing, {INTRA_AZ_RTT_MS} ms within a zone and \
                 {CROSS_AZ_RTT_MS} ms between zones are assumed."
            ));
        }
        if (0..n).any(|place| self.rtt_ms[place * n + place].is_some()) {
            provenance.push("The numbers on its diagonal are not used.".to_owned());
        }
        Ok(Matrix {
            name: file.to_owned(),
            provenance: provenance.join(" "),
            regions: self.regions,
            rtt_ms,
            intra_az_rtt_ms: self.intra_az_rtt_ms.unwrap_or(INTRA_AZ_RTT_MS),
            cross_az_rtt_ms: self.cross_az_rtt_ms.unwrap_or(CROSS_AZ_RTT_MS),
        })
    }
}

/// Whether a number can be a round-trip time; `what` begins the sentence if it cannot.
fn check_ms(what: &str, value: f64) -> Result<f64, String> {
    let wrong = if value.is_nan() {
        "is not a number"
    } else if value < 0.0 {
        "is negative"
    } else if value > RTT_MAX_MS {
        "is too large"
    } else {
        return Ok(value);
    };
    Err(format!("{what} is {value}, which {wrong}; it must be from 0 to {RTT_MAX_MS} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builtin(name: &str) -> Matrix {
        Matrix::builtin(name).expect("exists").expect("is valid")
    }

    fn mean(matrix: &Matrix, a: &str, b: &str) -> Duration {
        let (a, b) = (matrix.index(a).unwrap(), matrix.index(b).unwrap());
        matrix.one_way(a, b) + matrix.one_way(b, a)
    }

    #[test]
    fn the_built_in_matrices_are_whole() {
        for (name, regions) in [("aws", 32), ("azure", 22), ("gcp", 20)] {
            let matrix = builtin(name);
            assert_eq!(matrix.regions.len(), regions, "{name}");
            assert!(matrix.provenance.contains("Source:"), "{name}");
            assert!(!matrix.provenance.contains("_az_rtt_ms"), "{name}");
            for from in 0..regions {
                for to in (0..regions).filter(|to| *to != from) {
                    assert!(matrix.rtt_ms(from, to) > 0.0, "{name} {from} {to}");
                }
            }
            assert!(matrix.intra_az_rtt_ms < matrix.cross_az_rtt_ms, "{name}");
        }
    }

    #[test]
    fn aws_medians_are_those_of_the_source() {
        let aws = builtin("aws");
        assert_eq!(mean(&aws, "us-east-1", "eu-west-1"), Duration::from_ms(69.6));
        assert_eq!(mean(&aws, "us-east-1", "ap-southeast-1"), Duration::from_ms(218.86));
        assert_eq!(mean(&aws, "eu-west-1", "ap-southeast-1"), Duration::from_ms(182.235));
    }

    #[test]
    fn directions_stay_apart() {
        let aws = builtin("aws");
        let (a, b) = (aws.index("us-east-1").unwrap(), aws.index("eu-west-1").unwrap());
        assert_ne!(aws.one_way(a, b), aws.one_way(b, a));
    }

    #[test]
    fn an_unknown_region_gets_the_nearest() {
        let error = builtin("aws").index("us-esat-1").unwrap_err();
        assert!(error.contains("did you mean `us-east-1`"), "{error}");
    }

    #[test]
    fn an_unknown_set_gets_the_nearest_and_a_missing_file_is_named() {
        match Matrix::open("awss", Path::new("")) {
            Err(OpenError::Name(message)) => assert!(message.contains("`aws`"), "{message}"),
            other => panic!("{other:?}"),
        }
        match Matrix::open("no/such.csv", Path::new("")) {
            Err(OpenError::Name(message)) => assert!(message.contains("no/such.csv"), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}
