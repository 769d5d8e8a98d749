//! What a store that contains these machines asks of them, as a leaderless store does for its levels SERIAL
//! and LOCAL_SERIAL: it tells them what it holds of each key, and is told what they have chosen.
//!
//! What the store holds *beside* the acceptors' states are mostly versions that were chosen, and now and then
//! a plain write that no proposer knows of. Whoever promises says so where it is newer than what it has
//! accepted, and the proposer takes the newest for the latest update. So a plain write that a majority has is
//! seen by the next round; what it was written over is not looked at, which is why it has no place in the one
//! order of the others.

use super::super::parts::version::Version;
use super::message::Cell;
use super::server::Server;
use crate::op::Key;

impl Server {
    /// From now on it keeps what is chosen for the store around it, beginning with what is known already.
    pub(in crate::protocol) fn inside(mut self) -> Self {
        self.untold = Some(Vec::new());
        (0..self.acceptors.cells().len() as u32).for_each(|key| self.tell_if_chosen(Key(key)));
        self
    }

    /// The store around it holds this version of a key.
    #[inline]
    pub(in crate::protocol) fn take_beside(&mut self, key: Key, version: Version) {
        self.acceptors.take_beside(key, version);
    }

    /// One of the versions that were chosen since this was last asked.
    pub(in crate::protocol) fn next_chosen(&mut self) -> Option<(Key, Version)> {
        self.untold.as_mut()?.pop()
    }

    /// All that it knows, for the snapshot of the store around it.
    pub(in crate::protocol) fn image(&self) -> Box<[Cell]> {
        self.acceptors.cells().into()
    }

    pub(super) fn tell(&mut self, key: Key, version: Version) {
        if let Some(untold) = &mut self.untold {
            untold.push((key, version));
        }
    }

    /// Tells of what is accepted here, if it is known to be chosen.
    pub(super) fn tell_if_chosen(&mut self, key: Key) {
        let Cell { held, chosen, .. } = self.acceptors.cell(key);
        let version = held.recent[0];
        if self.untold.is_some() && version > Version::default() && version.rank == chosen {
            self.tell(key, version);
        }
    }
}
