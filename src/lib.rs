//! Placeholder: the tour is written when the pipeline stands.

pub mod time;
pub mod rng;
pub mod distribution;
pub mod op;
pub mod guarantee;
pub mod protocol;
pub mod scenario;
pub mod history;
pub mod analysis;
pub mod results;
pub mod report;
