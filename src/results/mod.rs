//! Stage.
mod row;
pub use row::{CurvePoint, Row, RunNote, SCHEMA, ScenarioNote, VerdictWord};
