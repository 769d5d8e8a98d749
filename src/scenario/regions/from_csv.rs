//! The two CSV forms of a matrix, square and tidy, with their comment lines.

use super::{Gathered, Matrix, check_ms};
use crate::op::unknown;
use crate::scenario::source::ScenarioError;
use std::collections::{BTreeMap, BTreeSet};

/// What a comment line may set.
const KEYS: [&str; 3] = ["intra_az_rtt_ms", "cross_az_rtt_ms", "symmetric"];

/// One row: its line in the file and its cells.
struct Row {
    line: usize,
    cells: Vec<String>,
}

/// Reads either form; the header row decides which.
pub(super) fn parse(file: &str, text: &str) -> Result<Matrix, ScenarioError> {
    parse_lines(file, text).map_err(|(line, message)| ScenarioError {
        file: file.to_owned(),
        line,
        message,
    })
}

type Wrong = (Option<usize>, String);

fn parse_lines(file: &str, text: &str) -> Result<Matrix, Wrong> {
    let mut gathered = Gathered::default();
    comments(text, &mut gathered)?;
    let mut rows = rows(text)?.into_iter();
    let Some(header) = rows.next() else {
        return Err((
            None,
            "the file holds no row; the first must be `from\\to,` and the regions' names".into(),
        ));
    };
    let rows: Vec<Row> = rows.collect();
    if let [cell] = &header.cells[..]
        && let Some(other) = [';', '\t'].into_iter().find(|other| cell.contains(*other))
    {
        let message = format!("the cells are separated by {other:?}; separate them by commas");
        return Err((Some(header.line), message));
    }
    let column = |names: &[&str]| header.cells.iter().position(|cell| names.contains(&&**cell));
    let lines = match (column(&["src", "from"]), column(&["dst", "to"])) {
        (Some(src), Some(dst)) => {
            let Some(rtt) = column(&["rtt_ms"]) else {
                let message = format!(
                    "the header has `{}` and `{}` but no `rtt_ms`; name the column of round-trip times so",
                    header.cells[src], header.cells[dst]
                );
                return Err((Some(header.line), message));
            };
            tidy(&rows, header.cells.len(), [src, dst, rtt], &mut gathered)?
        }
        _ => square(&header, &rows, &mut gathered)?,
    };
    if gathered.regions.is_empty() {
        return Err((Some(header.line), "no region is named".into()));
    }
    gathered.complete(file).map_err(|(from, _, message)| (lines.get(from).copied(), message))
}

/// Splits the text into rows of trimmed cells, each with its line.
fn rows(text: &str) -> Result<Vec<Row>, Wrong> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .comment(Some(b'#'))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| {
            let line = e.position().and_then(|p| usize::try_from(p.line()).ok());
            (line, "this row is not CSV in UTF-8".to_owned())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(Row {
            line: first_row(text, usize::try_from(line).unwrap_or(0)),
            cells: record.iter().map(str::to_owned).collect(),
        });
    }
    Ok(rows)
}

/// The line of the first row from `line` on: the parser's own position is before what it skips.
fn first_row(text: &str, line: usize) -> usize {
    let skipped = |line: &&str| {
        let line = line.trim_start_matches('\u{feff}');
        line.is_empty() || line.starts_with('#')
    };
    let before = line.saturating_sub(1);
    line + text.lines().skip(before).take_while(skipped).count()
}

/// Takes `# key = value` lines as settings and all other comments as provenance.
fn comments(text: &str, gathered: &mut Gathered) -> Result<(), Wrong> {
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start_matches('\u{feff}').strip_prefix('#') else { continue };
        let comment = comment.trim();
        let (key, value) = match comment.split_once('=') {
            Some((key, value)) => (key.trim(), value.trim()),
            None => (comment, "true"),
        };
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let is_setting = comment.contains('=') && !key.is_empty() && key.chars().all(is_name);
        if !is_setting && key != "symmetric" {
            if !comment.is_empty() {
                gathered.provenance.push(comment.to_owned());
            }
            continue;
        }
        let wrong = |message| (Some(index + 1), message);
        match key {
            "intra_az_rtt_ms" => {
                gathered.intra_az_rtt_ms = Some(number(key, value).map_err(wrong)?);
            }
            "cross_az_rtt_ms" => {
                gathered.cross_az_rtt_ms = Some(number(key, value).map_err(wrong)?);
            }
            "symmetric" => {
                gathered.symmetric = value.parse().map_err(|_| {
                    wrong(format!("symmetric is `{value}`; it must be true or false"))
                })?;
            }
            _ => return Err(wrong(unknown("key", key, KEYS))),
        }
    }
    Ok(())
}

/// A header of names, then a row per region. Gives the line of each region's row.
fn square(header: &Row, rows: &[Row], gathered: &mut Gathered) -> Result<Vec<usize>, Wrong> {
    let names = header.cells.get(1..).unwrap_or_default();
    let mut number_of = BTreeMap::new();
    for (number, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err((Some(header.line), format!("column {} has no region name", number + 2)));
        }
        if number_of.insert(name.as_str(), number).is_some() {
            return Err((Some(header.line), format!("region {name} has two columns; keep one")));
        }
    }
    let n = names.len();
    gathered.regions = names.to_vec();
    gathered.rtt_ms = vec![None; n * n];
    let mut lines = vec![None; n];
    for row in rows {
        let wrong = |message| (Some(row.line), message);
        let name = row.cells.first().map(String::as_str).unwrap_or_default();
        let Some(&from) = number_of.get(name) else {
            return Err(wrong(unknown("region", name, names.iter().map(String::as_str))));
        };
        if lines[from].replace(row.line).is_some() {
            return Err(wrong(format!("region {name} has two rows; keep one")));
        }
        if row.cells.len() != n + 1 {
            let (got, want) = (row.cells.len(), n + 1);
            return Err(wrong(format!("this row has {got} cells; the header has {want}")));
        }
        for (to, cell) in row.cells[1..].iter().enumerate() {
            if cell.is_empty() || cell == "-" {
                continue;
            }
            let value = pair(name, &names[to], cell).map_err(wrong)?;
            gathered.rtt_ms[from * n + to] = Some(value);
        }
    }
    let without_row = lines.iter().position(Option::is_none).filter(|_| !gathered.symmetric);
    let pair = without_row.and_then(|from| Some((from, (0..n).find(|to| *to != from)?)));
    if let Some((from, to)) = pair {
        let (from, to) = (&names[from], &names[to]);
        let message = format!(
            "region {from} has a column but no row, so the round-trip time from {from} to {to} is \
             missing"
        );
        return Err((Some(header.line), message));
    }
    Ok(lines.into_iter().map(|line| line.unwrap_or(header.line)).collect())
}

/// One row per direction. Gives the line on which each region is first named.
fn tidy(
    rows: &[Row],
    width: usize,
    columns: [usize; 3],
    gathered: &mut Gathered,
) -> Result<Vec<usize>, Wrong> {
    let mut lines = Vec::new();
    let mut number_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut values = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let wrong = |message| (Some(row.line), message);
        if row.cells.len() > width {
            let found = row.cells.len();
            return Err(wrong(format!("this row has {found} cells, but the header names {width}")));
        }
        let mut cells = [""; 3];
        for (cell, (column, name)) in
            cells.iter_mut().zip(columns.into_iter().zip(["src", "dst", "rtt_ms"]))
        {
            *cell = row.cells.get(column).map(String::as_str).unwrap_or_default();
            if cell.is_empty() {
                return Err(wrong(format!("this row's `{name}` is empty")));
            }
        }
        let [src, dst, rtt] = cells;
        let mut number = |name: &str| {
            *number_of.entry(name.to_owned()).or_insert_with(|| {
                lines.push(row.line);
                gathered.regions.push(name.to_owned());
                lines.len() - 1
            })
        };
        let (from, to) = (number(src), number(dst));
        if !seen.insert((from, to)) {
            return Err(wrong(format!("the direction from {src} to {dst} is given twice")));
        }
        values.push((from, to, pair(src, dst, rtt).map_err(wrong)?));
    }
    let n = gathered.regions.len();
    gathered.rtt_ms = vec![None; n * n];
    for (from, to, value) in values {
        gathered.rtt_ms[from * n + to] = Some(value);
    }
    Ok(lines)
}

fn pair(from: &str, to: &str, cell: &str) -> Result<f64, String> {
    number(&format!("the round-trip time from {from} to {to}"), cell)
}

fn number(what: &str, cell: &str) -> Result<f64, String> {
    let value: f64 = cell
        .parse()
        .map_err(|_| format!("{what} is `{cell}`; it must be a number of milliseconds"))?;
    check_ms(what, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SQUARE: &str =
        "# Mine.\n# intra_az_rtt_ms = 0.3\n# cross_az_rtt_ms = 1\nfrom\\to,a,b\na,-,10\nb,12,-\n";

    fn refused(text: &str) -> String {
        parse("m.csv", text).expect_err(text).to_string()
    }

    #[test]
    fn a_square_keeps_both_directions() {
        let matrix = parse("m.csv", SQUARE).unwrap();
        assert_eq!(matrix.regions, ["a", "b"]);
        assert_eq!((matrix.rtt_ms(0, 1), matrix.rtt_ms(1, 0)), (10.0, 12.0));
        assert_eq!((matrix.intra_az_rtt_ms, matrix.cross_az_rtt_ms), (0.3, 1.0));
        assert_eq!(matrix.provenance, "Mine.");
    }

    #[test]
    fn tidy_rows_come_in_any_order_with_any_other_columns() {
        let text = "# intra_az_rtt_ms = 1\nwhen,rtt_ms,to,src\n1,10,b,a\n2,12,a,b\n3,4,a,a\n";
        let matrix = parse("m.csv", text).unwrap();
        assert_eq!(matrix.regions, ["a", "b"]);
        assert_eq!((matrix.rtt_ms(0, 1), matrix.rtt_ms(1, 0)), (10.0, 12.0));
    }

    #[test]
    fn of_zeros_on_the_diagonal_it_is_said_that_they_are_not_used() {
        let matrix = parse("m.csv", "x,a,b\na,0,10\nb,12,0\n").unwrap();
        assert!(matrix.intra_az_rtt_ms > 0.0, "as where the matrix says nothing");
        let said = "0.409 ms within a zone and 1.364 ms between zones are assumed. The numbers on its \
                    diagonal are not used.";
        assert!(matrix.provenance.ends_with(said), "{}", matrix.provenance);
    }

    #[test]
    fn one_direction_is_enough_only_if_said() {
        let half = "src,dst,rtt_ms\na,b,10\n";
        assert!(refused(half).starts_with("m.csv:2: the round-trip time from b to a is missing"));
        let matrix = parse("m.csv", &format!("# symmetric\n{half}")).unwrap();
        assert_eq!((matrix.rtt_ms(0, 1), matrix.rtt_ms(1, 0)), (10.0, 10.0));
        let square = parse("m.csv", "# symmetric = true\nx,a,b\na,-,10\nb,-,-\n").unwrap();
        assert_eq!(square.rtt_ms(1, 0), 10.0);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        for (text, expected) in [
            ("", "m.csv: the file holds no row"),
            ("# only this\n", "m.csv: the file holds no row"),
            ("src,dst,rtt_ms\na,b,1,9\n", "m.csv:2: this row has 4 cells, but the header names 3"),
            (
                "# one\n\nx,a,b\n# two\n\n# three\na,-,much\nb,1,-\n",
                "m.csv:7: the round-trip time from a to b is `much`",
            ),
            ("\u{feff}# one\nx,a,a\n", "m.csv:2: region a has two columns"),
            ("x,a,b\na,-,1\nb,-,-\n", "m.csv:3: the round-trip time from b to a is missing"),
            ("x,a,b\na,-,1\n", "m.csv:1: region b has a column but no row"),
            ("x,a,b/c\na,-,1\nb/c,1,-\n", "m.csv:3: a region is named `b/c`; a name needs"),
            ("x,a,\"b\nc\"\na,-,1\n\"b\nc\",1,-\n", "m.csv:4: a region is named `b c`; a name"),
            (
                "# symmetric\nx,a,b,c\na,-,1,2\n",
                "m.csv:2: the round-trip time from b to c is missing",
            ),
            ("x,a,b\na,-,1\nb,1,5\n", "m.csv:3: from b to itself it is 5 ms, which would not be"),
            ("src,dst,rtt_ms\na,a,5\n", "m.csv:2: from a to itself it is 5 ms, which would not be"),
            ("x;a;b\na;-;1\nb;1;-\n", "m.csv:1: the cells are separated by ';'; separate them by"),
            ("from,to,rtt\na,b,1\n", "m.csv:1: the header has `from` and `to` but no `rtt_ms`"),
            ("x,a,b\na,-,-3\nb,1,-\n", "m.csv:2: the round-trip time from a to b is -3, which is"),
            ("x,a,b\na,-,nan\nb,1,-\n", "m.csv:2: the round-trip time from a to b is NaN"),
            ("x,a,b\na,-,fast\nb,1,-\n", "m.csv:2: the round-trip time from a to b is `fast`"),
            ("x,a,b\na,-,2e6\nb,1,-\n", "m.csv:2: the round-trip time from a to b is 2000000"),
            ("x,a,b\na,-,inf\nb,1,-\n", "m.csv:2: the round-trip time from a to b is inf"),
            ("x,a,a\na,-,1\n", "m.csv:1: region a has two columns"),
            ("x,a,b\na,-,1\na,-,1\n", "m.csv:3: region a has two rows"),
            ("x,a,b\na,-,1\nc,1,-\n", "m.csv:3: unknown region `c`; did you mean `a`?"),
            ("x,a,b\na,-\n", "m.csv:2: this row has 2 cells; the header has 3"),
            ("x\n", "m.csv:1: no region is named"),
            ("x,a,\na,-,1\n", "m.csv:1: column 3 has no region name"),
            ("src,dst\na,b\n", "m.csv:1: the header has `src` and `dst` but no `rtt_ms`"),
            ("src,dst,rtt_ms\na,b,1\na,b,2\n", "m.csv:3: the direction from a to b is given twice"),
            ("src,dst,rtt_ms\na,b\n", "m.csv:2: this row's `rtt_ms` is empty"),
            ("# intra_az_rtt = 3\nx,a\na,-\n", "m.csv:1: unknown key `intra_az_rtt`; did you mean"),
            ("# intra_az_rtt_ms = -3\nx,a\na,-\n", "m.csv:1: intra_az_rtt_ms is -3, which is neg"),
            ("# symmetric = yes\nx,a\na,-\n", "m.csv:1: symmetric is `yes`"),
            (
                "# symmetric\nx,a,b\na,-,10\nb,12,-\n",
                "m.csv:3: from a to b it is 10 ms, and back 12 ms; a symmetric matrix has one number",
            ),
        ] {
            let message = refused(text);
            assert!(message.starts_with(expected), "{text:?}: {message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse("m.csv", &String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn mutated_matrices_never_panic(
            edits in proptest::collection::vec((0usize..100, any::<u8>()), 1..8),
        ) {
            let mut bytes = SQUARE.as_bytes().to_vec();
            for (at, byte) in edits {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            let _ = parse("m.csv", &String::from_utf8_lossy(&bytes));
        }
    }
}
