//! The curated suite and what is made of it: scenarios, systems, canaries, figures, the same bytes twice.

#[path = "../common/mod.rs"]
mod common;

mod canaries;
mod coverage;
mod determinism;
mod measured;
mod pbs;
mod rates;
mod scenarios;
mod swarm;
mod systems;
