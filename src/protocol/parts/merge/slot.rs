//! Versions that stand beside each other: a register's siblings, a set's element, the leaves of a tree.
//!
//! A slot is its versions with their dots, and one vector: what writers had seen of it. A version goes when
//! any of its dots is among that. One that arrives late, after a write that had seen it, is never shown; so
//! nothing is kept of what is gone, no tombstones (Almeida et al., "Scalable and Accurate Causality
//! Tracking for Eventually Consistent Stores", 2014; Bieniusa et al. 2012).

use super::super::table::VALUE_BYTES;
use super::super::vector::Vector;
use super::super::version::Version;
use super::{Dot, Name, Names};
use serde::{Deserialize, Serialize};

/// One of the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sibling {
    /// Which update made it.
    pub name: Name,
    /// Its stamp and value.
    pub version: Version,
    /// The whole cart, where it is one.
    pub word: u64,
    /// How many revisions its branch has, where there are branches; otherwise 0.
    pub length: u32,
    /// Its first dot in each log that is known to have it; 0 where none is.
    pub dots: Vector,
}

impl Sibling {
    /// Bytes on the wire: a log's number and the place there for each dot.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        28 + VALUE_BYTES + 5 * self.dots.logs()
    }

    /// Readers are shown the highest: of branches the longest and then that of the higher name, otherwise
    /// by stamp.
    fn place(&self) -> (u32, Option<Name>, Version) {
        (self.length, (self.length > 0).then_some(self.name), self.version)
    }
}

/// What is known of a key, or of one element of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What writers had seen.
    seen: Vector,
    /// Highest first.
    live: Vec<Sibling>,
}

impl Slot {
    /// The versions that stand, highest first.
    #[must_use]
    pub fn live(&self) -> &[Sibling] {
        &self.live
    }

    /// What a reader of this slot has seen at a replica that shows these writes: they are shown or gone.
    #[must_use]
    pub fn context(&self, has: &Vector) -> Vector {
        has.join(&self.seen)
    }

    /// Takes away what some writer had seen.
    pub fn cover(&mut self, seen: &Vector) {
        self.seen = self.seen.join(seen);
        self.live.retain(|version| !version.dots.meets(&self.seen));
    }

    /// Takes away the version of this name.
    pub fn end(&mut self, name: Name) {
        self.live.retain(|version| version.name != name);
    }

    /// Takes a version, or another dot of one; `names` are the updates known before.
    pub fn add(&mut self, dot: Dot, version: Sibling, names: &mut Names) {
        let gone = self.seen.get(dot.origin) >= dot.seq;
        if names.insert(version.name) {
            if !gone {
                self.put(Sibling { dots: Vector::of(dot.origin, dot.seq), ..version });
            }
        } else if gone {
            self.end(version.name);
        } else if let Some(held) = self.find(version.name) {
            held.dots = held.dots.earliest(&Vector::of(dot.origin, dot.seq));
        }
    }

    /// Joins another's slot; names are what either side knew before.
    pub fn join(&mut self, other: &Self, ours: &Names, theirs: &Names) {
        self.live.retain(|version| {
            other.live.iter().any(|theirs| theirs.name == version.name)
                || !theirs.contains(version.name)
        });
        for version in &other.live {
            match self.find(version.name) {
                Some(held) => held.dots = held.dots.earliest(&version.dots),
                None if ours.contains(version.name) => {}
                None => self.put(*version),
            }
        }
        self.cover(&other.seen);
    }

    fn find(&mut self, name: Name) -> Option<&mut Sibling> {
        self.live.iter_mut().find(|version| version.name == name)
    }

    fn put(&mut self, version: Sibling) {
        let at = self.live.partition_point(|held| held.place() > version.place());
        self.live.insert(at, version);
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn wire_size(&self) -> u32 {
        self.seen.wire_size() + self.live.iter().map(Sibling::wire_size).sum::<u32>()
    }
}
