//! Pieces that several protocols share.

pub mod beyond;
pub mod early;
pub mod lease;
pub mod limits;
pub mod merge;
pub mod quorum;
pub mod resend;
pub mod store;
pub mod table;
pub mod token;
pub mod vector;
pub mod version;
