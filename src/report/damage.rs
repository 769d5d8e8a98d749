//! What cells cost in the unit of their domain: a line a cell, the same for the terminal and the page. The
//! figures are of whole runs, as the rows have them.

use super::number;
use super::view::Cell;

/// The heads of the columns.
pub(super) const HEADS: [&str; 5] = ["damage", "n", "of", "rate", "runs"];

/// Of every cell whose objects can take damage: what, how much, of how much, the share, in how many runs.
pub(super) fn lines<'c, 'a>(cells: &'c [Cell<'a>]) -> Vec<(&'c Cell<'a>, [String; 5])> {
    let line = |cell: &'c Cell<'a>| {
        let row = cell.head;
        let (damage, damaged) = (row.damage.clone()?, row.damaged?);
        let rate = number::share(damaged, row.damage_of, row.damage_rate, row.damage_rate_high);
        let runs = format!("{} of {}", row.damaged_runs.unwrap_or(0), row.seeds);
        let (n, of) = (number::count(damaged), number::count(row.damage_of));
        Some((cell, [damage, n, of, rate, runs]))
    };
    cells.iter().filter_map(line).collect()
}
