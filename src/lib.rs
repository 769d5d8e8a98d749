//! Placeholder: the tour is written when the pipeline stands.

pub mod analysis;
pub mod catalog;
pub mod distribution;
pub mod guarantee;
pub mod history;
pub mod op;
pub mod protocol;
pub mod report;
pub mod results;
pub mod rng;
pub mod scenario;
pub mod time;
pub mod world;
