//! Where keys live, and whom a level waits for. Sets of replicas are bits of a word.

use super::super::parts::quorum::majority;
use super::{Env, Leaderless};
use crate::op::{Acks, Key, NodeId};
use crate::rng::Rng;
use std::sync::Arc;

/// A set of replicas.
pub(super) type Set = u64;

/// The set of one.
pub(super) fn only(node: NodeId) -> Set {
    1 << node.0
}

/// The members of a set, in order of address.
pub(super) fn members(set: Set) -> impl Iterator<Item = NodeId> {
    (0..Set::BITS).filter(move |bit| set >> bit & 1 == 1).map(NodeId)
}

fn all(replicas: u32) -> Set {
    Set::MAX >> (Set::BITS - replicas)
}

/// The map as one process sees it.
#[derive(Debug)]
pub(super) struct Places {
    replicas: u32,
    /// Replicas per key.
    n: u32,
    sloppy: bool,
    nearest: Arc<[NodeId]>,
    /// The replicas of each region that has any.
    regions: Vec<Set>,
    /// Those of the coordinator's region, or of the nearest one that has any.
    local: Set,
}

/// Keys `first .. first + count`, one at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Key,
    /// Keys of a scan; 0 for a read.
    pub(super) count: u16,
}

impl Span {
    fn keys(self) -> impl Iterator<Item = Key> {
        (0..u32::from(self.count.max(1))).map(move |i| Key(self.first.0.saturating_add(i)))
    }
}

impl Places {
    pub(super) fn new(env: &Env<Leaderless>) -> Self {
        let mut regions: Vec<(u16, Set)> = Vec::new();
        for (region, node) in env.regions.iter().zip((0..).map(NodeId)) {
            match regions.iter_mut().find(|(known, _)| known == region) {
                Some((_, set)) => *set |= only(node),
                None => regions.push((*region, only(node))),
            }
        }
        let home = env.nearest.first().map_or(env.region, |near| env.regions[near.index()]);
        let local = regions.iter().find(|(region, _)| *region == home).map_or(0, |(_, set)| *set);
        Self {
            replicas: env.replicas,
            n: env.config.n.unwrap_or(env.replicas),
            sloppy: env.config.sloppy,
            nearest: Arc::clone(&env.nearest),
            regions: regions.into_iter().map(|(_, set)| set).collect(),
            local,
        }
    }

    /// Whether every replica has every key.
    pub(super) fn everywhere(&self) -> bool {
        self.n == self.replicas
    }

    /// The replica at which the key's walk around the ring begins. Nodes stand on it evenly, in order
    /// of address, as Dynamo's third partitioning strategy places them.
    fn start(&self, key: Key) -> u32 {
        (spread(u64::from(key.0)) % u64::from(self.replicas)) as u32
    }

    /// The replicas of a key.
    pub(super) fn owners(&self, key: Key) -> Set {
        if self.everywhere() {
            return all(self.replicas);
        }
        let start = self.start(key);
        (0..self.n).map(|i| only(NodeId((start + i) % self.replicas))).sum()
    }

    /// All who have any of these keys.
    pub(super) fn owners_of(&self, span: Span) -> Set {
        if span.count <= 1 || self.everywhere() {
            return self.owners(span.first);
        }
        span.keys().fold(0, |set, key| set | self.owners(key))
    }

    /// The nodes that may stand in for a key's replicas.
    pub(super) fn stand_ins(&self, key: Key) -> Set {
        if self.sloppy { all(self.replicas) & !self.owners(key) } else { 0 }
    }

    /// Whether only the coordinator itself can stand in, because every node has every key.
    pub(super) fn stands_in_alone(&self) -> bool {
        self.sloppy && self.everywhere()
    }

    /// Whether these have answered often enough, for each of the keys.
    pub(super) fn enough(&self, acks: Acks, answered: Set, span: Span) -> bool {
        if span.count <= 1 || self.everywhere() {
            return self.enough_for(acks, answered, span.first);
        }
        span.keys().all(|key| self.enough_for(acks, answered, key))
    }

    fn enough_for(&self, acks: Acks, answered: Set, key: Key) -> bool {
        // A stand-in counts like those it stands in for.
        let who = if self.sloppy { Set::MAX } else { self.owners(key) };
        let count = |k: u32| (answered & who).count_ones() >= k;
        match acks {
            // Whoever keeps a hint for a replica is enough.
            Acks::Any => answered != 0,
            Acks::One => count(1),
            Acks::Two => count(2.min(self.n)),
            Acks::Three => count(3.min(self.n)),
            Acks::Count(k) => count(u32::from(k).min(self.n)),
            Acks::Quorum => count(majority(self.n) as u32),
            Acks::All => count(self.n),
            Acks::LocalOne => answered & self.local != 0,
            Acks::LocalQuorum => most(self.local, answered),
            Acks::EachQuorum => self.regions.iter().all(|region| most(*region, answered)),
        }
    }

    /// Replicas that are enough, drawn so that all sets that small are equally likely.
    pub(super) fn drawn(&self, acks: Acks, span: Span, rng: &mut Rng) -> Set {
        let mut left = self.owners_of(span);
        let mut chosen = 0;
        while left != 0 && !self.enough(acks, chosen, span) {
            let place = rng.below(u64::from(left.count_ones())) as usize;
            let node = members(left).nth(place).map_or(0, only);
            (left, chosen) = (left & !node, chosen | node);
        }
        chosen
    }

    /// The nearest replicas that would be enough.
    pub(super) fn fewest(&self, acks: Acks, span: Span) -> Set {
        let owners = self.owners_of(span);
        let mut chosen = 0;
        for node in self.nearest.iter().filter(|node| owners & only(**node) != 0) {
            if self.enough(acks, chosen, span) {
                break;
            }
            let helps = match acks {
                Acks::LocalOne | Acks::LocalQuorum => self.local & only(*node) != 0,
                Acks::EachQuorum => {
                    let mut regions = self.regions.iter();
                    let mut its = regions.find(|region| **region & only(*node) != 0);
                    its.take().is_some_and(|region| !most(*region, chosen))
                }
                _ => true,
            };
            if helps {
                chosen |= only(*node);
            }
        }
        chosen
    }
}

/// Whether a majority of `set` is in `of`.
fn most(set: Set, of: Set) -> bool {
    (set & of).count_ones() as usize >= majority(set.count_ones())
}

/// A bijection of 64 bits that looks like chance: the last step of SplitMix64 (Steele et al. 2014).
pub(super) fn spread(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use crate::time::Duration;

    /// Regions of 2, 3 and 1 replicas; the process stands in the middle one.
    fn places(config: &str, me: u32) -> Places {
        let config: Config = toml::from_str(config).expect("settings parse");
        Places::new(&Env {
            me: NodeId(me),
            replicas: 6,
            config: Arc::new(config),
            nearest: [2, 3, 4, 0, 1, 5].map(NodeId).into(),
            regions: [7, 7, 8, 8, 8, 9].into(),
            region: 8,
            keys: 4,
            contents: crate::op::Contents::default(),
            first_boot: true,
            attempt_timeout: Duration::secs(1),
        })
    }

    const KEY: Span = Span { first: Key(3), count: 0 };

    #[test]
    fn a_level_is_satisfied_by_the_replicas_its_name_says() {
        let places = places("", 2);
        for (acks, fewest) in [
            (Acks::One, 0b000100),
            (Acks::Two, 0b001100),
            (Acks::Three, 0b011100),
            (Acks::Quorum, 0b011101),
            (Acks::All, 0b111111),
            (Acks::LocalOne, 0b000100),
            (Acks::LocalQuorum, 0b001100),
            (Acks::EachQuorum, 0b101111),
        ] {
            let chosen = places.fewest(acks, KEY);
            assert_eq!(chosen, fewest, "{acks:?}: {chosen:06b}");
            assert!(places.enough(acks, chosen, KEY) && !places.enough(acks, 0, KEY), "{acks:?}");
            for node in members(chosen) {
                assert!(!places.enough(acks, chosen & !only(node), KEY), "{acks:?}: one less");
            }
        }
        assert!(!places.enough(Acks::LocalQuorum, 0b110011, KEY), "others do not count");
    }

    #[test]
    fn a_drawn_quorum_is_any_of_its_size() {
        let (places, mut rng) = (places("", 2), Rng::stream(1, "test", 0));
        let mut seen = [0; 64];
        for _ in 0..15_000 {
            seen[places.drawn(Acks::Two, KEY, &mut rng) as usize] += 1;
        }
        let pairs = (0..64_u32).filter(|set| set.count_ones() == 2);
        assert!(pairs.clone().all(|set| (900..1_100).contains(&seen[set as usize])), "{seen:?}");
        assert_eq!(pairs.map(|set| seen[set as usize]).sum::<u32>(), 15_000);
    }

    #[test]
    fn the_ring_gives_every_node_its_share_and_the_rest_stands_in() {
        let places = places("n = 2\nsloppy = true", 2);
        let mut share = [0; 6];
        for key in 0..6_000 {
            let owners = places.owners(Key(key));
            assert_eq!(owners.count_ones(), 2);
            members(owners).for_each(|node| share[node.index()] += 1);
            assert_eq!(places.stand_ins(Key(key)), 0b111111 & !owners);
        }
        assert!(share.iter().all(|n| (1_800..2_200).contains(n)), "{share:?}");
    }

    #[test]
    fn a_scan_waits_for_enough_replicas_of_each_of_its_keys() {
        let places = places("n = 2", 2);
        let scan = Span { first: Key(0), count: 20 };
        assert_eq!(places.owners_of(scan), 0b111111);
        assert!(places.enough(Acks::One, 0b111111, scan));
        let alone = (0..20).map(Key).find(|key| places.owners(*key) & 0b000011 == 0b000011);
        assert!(alone.is_some() && !places.enough(Acks::One, 0b111100, scan));
        assert_eq!(places.stand_ins(Key(0)), 0, "nobody stands in unless it is sloppy");
    }
}
