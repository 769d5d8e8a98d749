//! Anybody's history, foreign to our recorder, and which consistency conditions it meets.
//!
//! [`read`] takes a file of another tool, [`judge`] compares it with a [`Condition`]. The verdict
//! has three values and carries its evidence: an order, or the few operations that contradict the
//! condition. A search that runs out of its budget answers [`Verdict::Unknown`], never that all is
//! well.
//!
//! One convention of time holds in every file: an operation precedes another iff it completed
//! *strictly before* the other was invoked. Events of the same instant are concurrent.

mod atomicity;
mod causal;
mod classes;
mod condition;
mod history;
mod intern;
mod linearizable;
mod missed;
mod objects;
mod of_key;
mod orders;
mod rate;
mod read;
mod search;
mod sequential;
mod session;
mod shrink;
mod spec;
mod staleness;
mod verdict;
mod versions;
mod words;
mod zones;

pub use atomicity::{delta_atomicity, k_atomicity};
pub use causal::bad_patterns;
pub use classes::classes;
pub use condition::{Condition, judge, judge_in_order};
pub use history::{Action, Builder, History, INITIAL, Kind, NEVER, Operation, Outcome, Unfit};
pub use linearizable::proves;
pub use rate::{Rate, rate};
pub use read::{Format, MAX_LINE, ReadError, no_json, read};
pub use session::{Session, all_in_order, all_in_some_order, in_order, in_some_order};
pub use spec::{Object, Spec};
pub use staleness::{Age, ages};
pub use verdict::{Counterexample, Limits, Verdict, Witness};
pub use versions::Versions;
pub use words::{describe, short, ticks};
