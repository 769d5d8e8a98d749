//! The checkers of anybody's history against their definitions, and their readers against any
//! bytes.

mod brute;
mod objects;
mod published;
mod readers;
