//! What is kept of a run: flat rows, their intervals, and how they are stored and compared.
//!
//! A cell's seeds are summarised by analysis; [`CellAccumulator`] turns the summaries into
//! [`Row`]s, [`Results`] keeps them on disk, [`Journal`] survives an interruption, and [`compare`]
//! sets two results against each other. Nothing here looks at a history.

mod aggregate;
mod beside;
mod class;
mod complaint;
mod fault;
mod figures;
mod journal;
mod note;
mod place;
mod row;
pub mod schema;
mod stats;
mod store;
#[cfg(test)]
pub(crate) mod testing;

pub use crate::analysis::Exhibit;
pub use crate::scenario::answer::{Class, Counts, stands_for};
pub use aggregate::{CellAccumulator, CellMeta, CellResult, Offered, Theory};
pub use beside::{BesideLine, Percentiles};
pub(crate) use class::{AVAILABLE, OTHERS};
pub use fault::{FaultLine, FaultPlan, Side, TimelineLine};
pub use journal::{JOURNAL, Journal};
pub use note::{Asks, Claim, Evidence, LinkLine, News, Published, RunNote, ScenarioNote};
pub(crate) use place::prepare;
pub use place::replace;
pub use row::{CurvePoint, Row, SCHEMA, VerdictWord};
pub use stats::{Change, Difference, Interval, compare, geometric_mean, ratio, wilson, woodruff};
pub(crate) use store::distinct;
pub use store::{CURVES, FAULTS, NOTE, PAGE, ROWS, Results, StoreError, TIMELINES, read_rows};
