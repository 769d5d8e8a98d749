//! Placeholder.
pub mod time;
pub mod rng;
pub mod distribution;
pub mod op;
pub mod guarantee;
