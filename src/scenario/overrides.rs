//! `--regions`: the same scenario somewhere else.

use super::document::{Document, RegionsEntry};
use super::regions::{Matrix, OpenError};
use super::source::ScenarioError;
use super::topology::{Rename, regions_named};
use crate::op::unknown;
use std::path::Path;

/// What the command line changes in every scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Where the scenarios take place instead: a built-in matrix or a path (`azure`, `mine.csv`), a
    /// list of regions (`eu-west-1,us-east-1`, looked up in the first built-in matrix that knows
    /// all of them), or both (`aws:eu-west-1,us-east-1`). A scenario's regions are replaced in
    /// order of appearance. A scenario with its own `[regions]` table is left as it is.
    pub regions: Option<String>,
}

/// Overrides applied to one scenario.
pub(super) struct Map {
    pub(super) matrix: Matrix,
    pub(super) rename: Rename,
}

impl Map {
    /// Whether any region is another one now.
    pub(super) fn moves(&self) -> bool {
        self.rename.iter().any(|(from, to)| from != to)
    }
}

impl Overrides {
    /// The replacement for this scenario, whose variants are `documents`.
    pub(super) fn map(&self, documents: &[Document]) -> Result<Option<Map>, ScenarioError> {
        let Some(wanted) = &self.regions else { return Ok(None) };
        let mut used = Vec::new();
        for document in documents {
            if matches!(document.regions.get_ref(), RegionsEntry::Named(_)) {
                regions_named(document, &mut used);
            }
        }
        if used.is_empty() {
            return Ok(None);
        }
        let (matrix, given) = choose(wanted)?;
        let known = |region: &String| matrix.regions.contains(region);
        let to = match given {
            Some(given) => given,
            None if used.iter().all(known) => used.clone(),
            None if matrix.regions.len() <= used.len() => matrix.regions.clone(),
            None => {
                let (have, need) = (matrix.regions.len(), used.len());
                let some = matrix.regions[..need].join(",");
                return Err(refused(format!(
                    "`{wanted}` has {have} regions and the scenario takes place in {need}; name the \
                     ones that are meant, in order, as in {wanted}:{some}"
                )));
            }
        };
        if to.len() < used.len() {
            let (need, have) = (used.len(), to.len());
            let message =
                format!("the scenario takes place in {need} regions; `{wanted}` gives {have}");
            return Err(refused(message));
        }
        if let Some(extra) = to.get(used.len()) {
            let (need, have) = (used.len(), to.len());
            return Err(refused(format!(
                "the scenario takes place in {need} regions; `{wanted}` gives {have}, so leave out \
                 {extra} or others"
            )));
        }
        let rename = used.into_iter().zip(to).collect();
        Ok(Some(Map { matrix, rename }))
    }
}

fn refused(message: impl Into<String>) -> ScenarioError {
    ScenarioError { file: "--regions".to_owned(), line: None, message: message.into() }
}

/// The matrix and, if any were listed, the regions.
pub(super) fn choose(wanted: &str) -> Result<(Matrix, Option<Vec<String>>), ScenarioError> {
    let open = |name: &str| match Matrix::open(name, Path::new("")) {
        Ok(matrix) => Ok(matrix),
        Err(OpenError::File(error)) => Err(error),
        Err(OpenError::Name(message)) => Err(refused(message)),
    };
    let (matrix, list) = match wanted.rsplit_once(':') {
        Some((name, list)) => (open(name)?, list),
        None => {
            let in_no_set = || -> Result<Matrix, ScenarioError> {
                let list = split(wanted);
                for name in Matrix::builtin_names() {
                    let Some(matrix) = Matrix::builtin(name) else { continue };
                    let matrix = matrix?;
                    if list.iter().all(|region| matrix.regions.contains(region)) {
                        return Ok(matrix);
                    }
                }
                Err(refused(nobody_knows(&list)))
            };
            let is_set = Matrix::builtin_names().any(|name| name == wanted)
                || wanted.ends_with(".csv")
                || wanted.ends_with(".toml");
            if is_set {
                return Ok((open(wanted)?, None));
            }
            (in_no_set()?, wanted)
        }
    };
    let list = split(list);
    for (index, region) in list.iter().enumerate() {
        matrix.index(region).map_err(refused)?;
        if list[..index].contains(region) {
            return Err(refused(format!("region {region} is given twice")));
        }
    }
    Ok((matrix, Some(list)))
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(|region| region.trim().to_owned()).collect()
}

/// Names the first region that no set has, or says that they are spread over several.
fn nobody_knows(list: &[String]) -> String {
    let sets: Vec<Matrix> = Matrix::builtin_names()
        .filter_map(|name| Matrix::builtin(name).and_then(Result::ok))
        .collect();
    let regions: Vec<&str> =
        sets.iter().flat_map(|set| set.regions.iter().map(String::as_str)).collect();
    match list.iter().find(|region| !regions.contains(&region.as_str())) {
        Some(path) if path.contains(['/', '\\']) => {
            format!("`{path}` is not a matrix file: the name of one ends in .csv or .toml")
        }
        Some(region) => {
            let names: Vec<&str> = Matrix::builtin_names().collect();
            unknown("region or region set", region, names.into_iter().chain(regions))
        }
        None => "these regions are of different sets; take all from one".to_owned(),
    }
}
