//! Placeholder.
pub const FORMAT: u32 = 1;
pub fn read() {}
pub fn write() {}
