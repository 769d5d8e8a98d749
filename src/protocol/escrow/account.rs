//! One key as all replicas' rows, and what a replica may do by them.
//!
//! A row is changed by its owner alone and its numbers only grow, so that of two copies of a row the one
//! with more in it is the later one, and joining is taking the greater of each (Balegas et al. 2015).

use super::super::parts::table::VALUE_BYTES;
use super::super::parts::version::Version;
use crate::op::{Contents, NodeId, State, Update};
use serde::{Deserialize, Serialize};

/// What one replica has done with a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its latest update.
    pub newest: Version,
    /// Where states replace each other: what that update made of the key.
    pub word: u64,
    /// Units it has added to a counter.
    pub added: u64,
    /// Units it has taken.
    pub taken: u64,
    /// By replica, the rights it has granted to it; shorter where the rest got none.
    pub granted: Vec<u64>,
}

impl Row {
    /// Takes the later of each.
    fn join(&mut self, other: &Self) -> bool {
        let before = self.clone();
        if other.newest > self.newest {
            (self.newest, self.word) = (other.newest, other.word);
        }
        self.added = self.added.max(other.added);
        self.taken = self.taken.max(other.taken);
        if self.granted.len() < other.granted.len() {
            self.granted.resize(other.granted.len(), 0);
        }
        for (ours, theirs) in self.granted.iter_mut().zip(&other.granted) {
            *ours = (*ours).max(*theirs);
        }
        *self != before
    }

    /// The rights it has granted to a replica.
    #[must_use]
    pub fn granted_to(&self, replica: NodeId) -> u64 {
        self.granted.get(replica.index()).copied().unwrap_or(0)
    }

    /// Bytes in a message, beside the key and its owner.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        12 + VALUE_BYTES + 24 + 8 * self.granted.len() as u32
    }
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// By replica.
    rows: Vec<Row>,
}

impl Account {
    /// Nothing done yet.
    #[must_use]
    pub fn new(replicas: u32) -> Self {
        Self { rows: vec![Row::default(); replicas as usize] }
    }

    /// A replica's row.
    #[must_use]
    pub fn row(&self, owner: NodeId) -> &Row {
        &self.rows[owner.index()]
    }

    /// Learns a replica's row; says whether it is news.
    pub fn learn(&mut self, owner: NodeId, row: &Row) -> bool {
        self.rows.get_mut(owner.index()).is_some_and(|known| known.join(row))
    }

    /// The rights that a replica has, as far as is known here: never more than it has if it asks itself.
    #[must_use]
    pub fn rights(&self, replica: NodeId, contents: Contents) -> u64 {
        let (n, at) = (self.rows.len() as u64, replica.index() as u64);
        let share = contents.initial / n + u64::from(at < contents.initial % n);
        let own = self.row(replica);
        let got = self.rows.iter().fold(share, |sum, row| sum + row.granted_to(replica));
        let given = own.granted.iter().fold(own.taken, |sum, granted| sum + granted);
        got.saturating_sub(given)
    }

    /// The version and the state that all known rows make.
    #[must_use]
    pub fn state(&self, contents: Contents, overwrites: bool) -> State {
        let newest = self.rows.iter().map(|row| row.newest).max().unwrap_or_default();
        let word = if !overwrites {
            self.rows.iter().fold(contents.initial, |sum, row| {
                sum.wrapping_add(row.added).wrapping_sub(row.taken)
            })
        } else if newest == Version::default() {
            contents.initial
        } else {
            self.rows.iter().find(|row| row.newest == newest).map_or(0, |row| row.word)
        };
        State { version: newest.value, word }
    }

    /// The highest stamp known.
    #[must_use]
    pub fn newest(&self) -> Version {
        self.rows.iter().map(|row| row.newest).max().unwrap_or_default()
    }

    /// Carries out an update that is counted, in the owner's row.
    pub fn count(&mut self, owner: NodeId, version: Version, update: Update) {
        let row = &mut self.rows[owner.index()];
        row.newest = version;
        match update {
            Update::Add(n @ 0..) => row.added += u64::from(n.unsigned_abs()),
            Update::Add(n) => row.taken += u64::from(n.unsigned_abs()),
            Update::Take(n) => row.taken += u64::from(n),
            _ => {}
        }
    }

    /// Puts a state in place of the one there is.
    pub fn replace(&mut self, owner: NodeId, version: Version, word: u64) {
        let row = &mut self.rows[owner.index()];
        (row.newest, row.word) = (version, word);
    }

    /// Grants up to `wanted` of the owner's rights to another, and half of what is then left, so that its
    /// next customers need not ask again; says how many.
    pub fn grant(&mut self, owner: NodeId, to: NodeId, wanted: u64, contents: Contents) -> u64 {
        let has = self.rights(owner, contents);
        let needed = has.min(wanted);
        let granted = needed + (has - needed) / 2;
        let row = &mut self.rows[owner.index()];
        if granted > 0 && row.granted.len() <= to.index() {
            row.granted.resize(to.index() + 1, 0);
        }
        if let Some(known) = row.granted.get_mut(to.index()) {
            *known += granted;
        }
        granted
    }
}
