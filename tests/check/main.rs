//! The checkers of anybody's history against their definitions, and their readers against any
//! bytes.

#[path = "../common/mod.rs"]
mod common;

mod brute;
mod corpus;
mod evidence;
mod fuzz;
mod given;
mod lattice;
mod least;
mod litmus;
mod long;
mod objects;
mod ours;
mod published;
mod readers;
