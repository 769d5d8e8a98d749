//! Makes a plan happen and records what happened.
//!
//! The simulated world ([`sim`]) is one queue of events in virtual nanoseconds; the live one ([`live`]) is
//! tasks, threads and disks in real time. Two laws hold for every
//! world: a state machine is never called while its effects are being performed, and every queue has a
//! bound that is asserted.

mod clock;
mod disk;
mod env;
mod geometry;
pub mod live;
pub mod load;
mod network;
mod rest;
pub mod sim;
mod timers;
mod trace;
pub mod wars;

pub use geometry::{client_address, geometry};
pub use trace::{Step, Trace};

use crate::history::History;
use crate::time::Instant;

/// What a world gives back.
#[derive(Clone, Debug)]
pub struct Run {
    /// What happened.
    pub history: History,
    /// How many events it took.
    pub events: u64,
    /// When everything had come to rest.
    pub ended: Instant,
    /// How well each link kept its delays; only of worlds in which that is a question.
    pub links: Vec<live::LinkReport>,
}
