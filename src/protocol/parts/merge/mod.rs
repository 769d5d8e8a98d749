//! Conflict rules: what becomes of updates of one key that did not know of each other.
//!
//! Each rule is a state with an update that yields a delta, and a join that is commutative, associative
//! and idempotent, so replicas that were told the same deltas are equal, whatever came when and how often
//! (Shapiro et al., "Conflict-free Replicated Data Types", 2011; Almeida, Shoker and Baquero, "Delta State
//! Replicated Data Types", 2018). Deltas travel in logs, one per entry; whole states where a log is cut.
//!
//! **Two names for one update.** A place in a log is a *dot*: which log, and where. What a writer knew is a
//! [`Vector`] over the logs, of fixed size; with its own dot beside it that is a dotted version vector
//! (Preguiça et al. 2012), which tells concurrent writes from sequential ones exactly. But a client that
//! is not answered asks another replica, and then two logs hold one update. So its session gives it a
//! [`Name`] as well, and it counts once, whatever its dots are. A counter goes further: its parts are the
//! sessions' own totals, so there is nothing to recognise.
//!
//! - `names`: sets of names. `slot`: versions that stand beside each other. `counter`: totals.
//! - `reading`: what carts that stand beside each other are read as.
//! - `merged`: the keys of a store under one rule, told by logs. `cell`: one key, told by states.
//!
//! The `crdts` crate (7.3, with `serde` pinned and hash maps in its sets) names its actors freely and keeps
//! a tree per state; here replicas are few and known, so vectors are arrays, copied and never allocated,
//! and one update may have several dots, which it cannot say.

mod cell;
mod counter;
mod merged;
mod names;
mod reading;
mod slot;

pub use cell::{Cell, Item};
pub use counter::{GCounter, PnCounter};
pub use merged::{Dot, Merged};
pub use names::{Name, Names};
pub use reading::Reading;
pub use slot::{Sibling, Slot};

use super::vector::Vector;
use crate::op::{Object, Update};
use serde::{Deserialize, Serialize};

/// What becomes of conflicting updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Registers: the one with the higher stamp stays (Thomas 1979).
    #[default]
    LastWriteWins,
    /// Registers: concurrent values stay beside each other until a session that has read them writes (a
    /// multi-value register; Dynamo 2007, Riak's `allow_mult`).
    Siblings,
    /// Registers: each write continues the revision that its writer read; readers are shown the longest
    /// branch, of equal ones that of the higher name, and the losers are kept (`CouchDB`).
    RevisionTree,
    /// Counters: every increment and decrement counts once.
    PnCounter,
    /// Sets: a remove takes away what its session has read; an insert that it did not know of stays
    /// (Bieniusa et al., "An Optimized Conflict-free Replicated Set", 2012; Riak, Redis active-active).
    AddWins,
    /// Sets written whole, as Dynamo's shopping carts: a session reads, changes and writes, and who reads
    /// siblings takes their union, so an item that was removed may come back (`DeCandia` et al. 2007).
    CartUnion,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 6] = [
        Self::LastWriteWins,
        Self::Siblings,
        Self::RevisionTree,
        Self::PnCounter,
        Self::AddWins,
        Self::CartUnion,
    ];

    /// As scenarios write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LastWriteWins => "last-write-wins",
            Self::Siblings => "siblings",
            Self::RevisionTree => "revision-tree",
            Self::PnCounter => "pn-counter",
            Self::AddWins => "add-wins",
            Self::CartUnion => "cart-union",
        }
    }

    /// What becomes of conflicts, and where it comes from.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::LastWriteWins => {
                "the write with the higher stamp stays, the other is lost (Thomas 1979)"
            }
            Self::Siblings => {
                "both stay beside each other until a session that has read them writes, a multi-value \
                 register under dotted version vectors (Dynamo 2007, Preguiça et al. 2012, Riak)"
            }
            Self::RevisionTree => {
                "the longest branch is shown, of equal ones that of the higher name, and the losers are \
                 kept (CouchDB)"
            }
            Self::PnCounter => {
                "every increment and decrement counts once; a G-counter as long as nothing is taken \
                 (Shapiro et al. 2011)"
            }
            Self::AddWins => {
                "a remove takes out what its session has read; an insert it did not know of stays, an \
                 OR-set (Bieniusa et al. 2012, Almeida et al. 2018, Riak)"
            }
            Self::CartUnion => {
                "who reads siblings takes their union, so what was removed may come back (DeCandia et \
                 al. 2007)"
            }
        }
    }

    /// What it applies to.
    #[must_use]
    pub fn objects(self) -> &'static [Object] {
        match self {
            Self::LastWriteWins | Self::Siblings | Self::RevisionTree => &[Object::Register],
            Self::PnCounter => &[Object::Counter],
            Self::AddWins | Self::CartUnion => &[Object::Set],
        }
    }

    /// Whether a session must have read a key before this update of it: it changes a cart, or takes out
    /// what was there. What it has read is part of the update, so that a copy of it that comes late, or
    /// to another replica, is the same update.
    #[must_use]
    pub fn reads_first(self, update: Update) -> bool {
        match self {
            Self::CartUnion => true,
            Self::AddWins => matches!(update, Update::Remove(_)),
            _ => false,
        }
    }

    /// Whether updates are merged and not put into one order.
    #[must_use]
    pub fn merges(self) -> bool {
        self != Self::LastWriteWins
    }
}

/// What an update adds to a key's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delta {
    /// Nothing: the last write wins, and the version says it all.
    #[default]
    Stamp,
    /// A register's value or a whole cart, in place of all that its writer had seen of the key.
    Write {
        /// The update.
        name: Name,
        /// The cart.
        word: u64,
        /// What its writer had seen.
        seen: Vector,
    },
    /// A value in place of one other, for the revision tree.
    Revise {
        /// The update.
        name: Name,
        /// How many revisions its branch has.
        length: u32,
        /// The revision it continues; none at a root.
        parent: Option<Name>,
    },
    /// An element of a set, put in.
    Insert {
        /// The update.
        name: Name,
        /// The element, 0 to 63.
        element: u8,
        /// Earlier inserts that its session has read, and this one stands for.
        seen: Vector,
    },
    /// An element of a set, taken out.
    Remove {
        /// The element.
        element: u8,
        /// The inserts that its session has read, and undoes.
        seen: Vector,
    },
    /// What a session has added to a counter, and what it has taken from it, in all.
    Count {
        /// The session, by the name of its first update.
        session: Name,
        /// The sum of its increments.
        up: u64,
        /// The sum of its decrements.
        down: u64,
    },
}

impl Delta {
    /// Bytes on the wire, beside the key and the version.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        match self {
            Self::Stamp => 0,
            Self::Write { seen, .. } => 16 + seen.wire_size(),
            Self::Revise { parent, .. } => 12 + if parent.is_some() { 8 } else { 0 },
            Self::Insert { seen, .. } => 9 + seen.wire_size(),
            Self::Remove { seen, .. } => 1 + seen.wire_size(),
            Self::Count { .. } => 24,
        }
    }
}

#[cfg(test)]
mod tests;
