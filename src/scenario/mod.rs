//! What shall happen.
pub mod plan;
