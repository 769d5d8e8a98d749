//! The TOML form of a matrix: a file of its own, or the `[regions]` table of a scenario.

use super::{Gathered, Matrix, check_ms};
use crate::scenario::source::{Refusal, ScenarioError, locate};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// To each region, how long.
type Row = BTreeMap<Spanned<String>, Spanned<f64>>;

/// The table as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct MatrixTable {
    source: Option<String>,
    #[serde(default)]
    symmetric: bool,
    intra_az_rtt_ms: Option<Spanned<f64>>,
    cross_az_rtt_ms: Option<Spanned<f64>>,
    rtt_ms: Spanned<BTreeMap<Spanned<String>, Row>>,
}

/// Reads a file.
pub(super) fn parse(file: &str, text: &str) -> Result<Matrix, ScenarioError> {
    toml::from_str::<MatrixTable>(text)
        .map_err(Refusal::from)
        .and_then(|table| table.into_matrix(file))
        .map_err(|refusal| locate(file, text, refusal))
}

impl MatrixTable {
    /// Checks the table; `name` is what the matrix will be called.
    pub(in crate::scenario) fn into_matrix(self, name: &str) -> Result<Matrix, Refusal> {
        let az = |what: &str, value: Option<Spanned<f64>>| match value {
            Some(ms) => check_ms(what, *ms.get_ref())
                .map(Some)
                .map_err(|message| Refusal::at(ms.span(), message)),
            None => Ok(None),
        };
        let span = self.rtt_ms.span();
        let rows = self.rtt_ms.into_inner();
        // Maps are sorted by name; the order of a matrix is that in which the text names its
        // regions.
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        for (from, row) in &rows {
            for key in std::iter::once(from).chain(row.keys()) {
                let at = first.entry(key.get_ref()).or_insert(usize::MAX);
                *at = (*at).min(key.span().start);
            }
        }
        let mut named: Vec<(usize, &str)> = first.iter().map(|(name, at)| (*at, *name)).collect();
        named.sort_unstable();
        if named.is_empty() {
            return Err(Refusal::at(span, "rtt_ms names no region"));
        }
        let regions: Vec<String> = named.iter().map(|(_, name)| (*name).to_owned()).collect();
        let number_of: BTreeMap<&str, usize> =
            named.iter().enumerate().map(|(number, (_, name))| (*name, number)).collect();
        let n = regions.len();
        let mut rtt_ms = vec![None; n * n];
        for (from, row) in &rows {
            for (to, ms) in row {
                let (from, to) = (from.get_ref().as_str(), to.get_ref().as_str());
                let value =
                    check_ms(&format!("the round-trip time from {from} to {to}"), *ms.get_ref())
                        .map_err(|message| Refusal::at(ms.span(), message))?;
                rtt_ms[number_of[from] * n + number_of[to]] = Some(value);
            }
        }
        let gathered = Gathered {
            provenance: self.source.into_iter().collect(),
            regions,
            rtt_ms,
            symmetric: self.symmetric,
            intra_az_rtt_ms: az("intra_az_rtt_ms", self.intra_az_rtt_ms)?,
            cross_az_rtt_ms: az("cross_az_rtt_ms", self.cross_az_rtt_ms)?,
        };
        gathered.complete(name).map_err(|(from, _, message)| {
            // The row it belongs in, or else the table.
            let row = rows.keys().find(|key| key.get_ref() == named[from].1);
            Refusal::at(row.map_or(span, Spanned::span), message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: &str = "source = \"Mine.\"\nintra_az_rtt_ms = 0.3\n[rtt_ms.\"us-east-1\"]\n\
                         \"eu-west-1\" = 69.6\n[rtt_ms.eu-west-1]\n\"us-east-1\" = 70\n";

    #[test]
    fn rows_are_tables() {
        let matrix = parse("m.toml", WHOLE).unwrap();
        assert_eq!(matrix.regions, ["us-east-1", "eu-west-1"], "in the order of the text");
        assert_eq!((matrix.rtt_ms(0, 1), matrix.rtt_ms(1, 0)), (69.6, 70.0));
        assert_eq!(matrix.intra_az_rtt_ms, 0.3);
        assert!(matrix.provenance.starts_with("Mine. Where this matrix says nothing"));
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        for (text, expected) in [
            ("[rtt_ms.a]\nb = 1\n", "m.toml:1: the round-trip time from b to a is missing"),
            ("[rtt_ms.a]\nb = 1\n[rtt_ms.b]\n\n", "m.toml:3: the round-trip time from b to a"),
            (
                "symmetric = true\n\n[rtt_ms.a]\nb = -1\n",
                "m.toml:4: the round-trip time from a to b",
            ),
            (
                "symmetric = true\n[rtt_ms.a]\nb = nan\n",
                "m.toml:3: the round-trip time from a to b is N",
            ),
            (
                "[rtt_ms.a]\nb = 'x'\n",
                "m.toml:2: string \"x\" will not do here; it must be a number",
            ),
            ("[rtt_ms]\n", "m.toml:1: rtt_ms names no region"),
            (
                "[rtt_ms.a]\n'b/c' = 1\n['rtt_ms'.'b/c']\na = 1\n",
                "m.toml:3: a region is named `b/c`",
            ),
            (
                "[rtt_ms.a]\nb = 99999999999999999999999\n",
                "m.toml:2: integer `1e23` will not do here; it must be a number",
            ),
            (
                "[rtt_ms.a]\na = 5\n",
                "m.toml:1: from a to itself it is 5 ms, which would not be used",
            ),
            ("", "m.toml:1: missing key `rtt_ms`"),
            (
                "intra_az_rtt = 1\n[rtt_ms.a]\n",
                "m.toml:1: unknown key `intra_az_rtt`; did you mean",
            ),
            ("[rtt_ms.a]\nb = 1\nb = 2\n", "m.toml:3: duplicate key"),
        ] {
            let message = parse("m.toml", text).expect_err(text).to_string();
            assert!(message.starts_with(expected), "{text:?}: {message}");
        }
        assert!(parse("m.toml", "symmetric = true\n[rtt_ms.a]\nb = 1\n").is_ok());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse("m.toml", &String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn mutated_matrices_never_panic(
            edits in proptest::collection::vec((0usize..200, any::<u8>()), 1..8),
        ) {
            let mut bytes = WHOLE.as_bytes().to_vec();
            for (at, byte) in edits {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            let _ = parse("m.toml", &String::from_utf8_lossy(&bytes));
        }
    }
}
