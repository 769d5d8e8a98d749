//! Pieces that several protocols share.

pub mod quorum;
pub mod table;
