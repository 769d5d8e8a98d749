//! Which key: the distributions of YCSB (Cooper et al., SoCC 2010), as its generators compute them.
//!
//! YCSB's "zipfian" is not a plain Zipf law over the keys. It draws a rank from a fixed universe of
//! 10^10 items with exponent 0.99 (the method of Gray et al., SIGMOD 1994) and hashes it onto the keys,
//! so the hottest key gets 3.78 % of the requests whatever their number. Plain Zipf over 1000 keys
//! would give it 12.9 %. Constants and hash are those of YCSB's source, commit d9faaac.

use crate::op::Key;
use crate::rng::Rng;
use crate::scenario::plan::KeyChoice;
use std::collections::VecDeque;

const THETA: f64 = 0.99;
const UNIVERSE: f64 = 1e10;
/// The sum of 1/i^0.99 over the universe.
const UNIVERSE_ZETA: f64 = 26.469_028_201_783_02;

/// The keys of a run: those there at the start, and those inserted since.
#[derive(Debug)]
pub struct Keys {
    records: u32,
    /// Keys handed to inserts.
    issued: u32,
    /// Keys up to here are inserted and acknowledged.
    visible: u32,
    /// Above `visible`: which are acknowledged out of order.
    acknowledged: VecDeque<bool>,
    /// Keys zipfian requests are spread over: what there is plus twice the inserts expected, as YCSB.
    spread: u32,
    /// The universe's ranks.
    scrambled: Zipf,
    /// Ages of visible keys: over `.0` keys, whose sum of 1/i^theta is in it.
    latest: (u32, Zipf),
}

impl Keys {
    /// `records` keys, and about `inserts` to come.
    #[must_use]
    pub fn new(records: u32, inserts: u32) -> Self {
        let records = records.max(1);
        Self {
            records,
            issued: records,
            visible: records,
            acknowledged: VecDeque::new(),
            spread: records.saturating_add(inserts.saturating_mul(2)),
            scrambled: Zipf::new(UNIVERSE, UNIVERSE_ZETA),
            latest: (0, Zipf::default()),
        }
    }

    /// How many keys were ever handed out: keys are `0..count`.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.issued
    }

    /// A fresh key.
    pub fn insert(&mut self) -> Key {
        self.issued += 1;
        Key(self.issued - 1)
    }

    /// An insert was acknowledged. Keys become choosable in order, so that none is read before it is.
    pub fn acknowledge(&mut self, key: Key) {
        let Some(ahead) = key.0.checked_sub(self.visible) else { return };
        let ahead = ahead as usize;
        if self.acknowledged.len() <= ahead {
            self.acknowledged.resize(ahead + 1, false);
        }
        self.acknowledged[ahead] = true;
        while self.acknowledged.front() == Some(&true) {
            self.acknowledged.pop_front();
            self.visible += 1;
        }
    }

    /// An existing key.
    pub fn choose(&mut self, choice: KeyChoice, rng: &mut Rng) -> Key {
        let visible = u64::from(self.visible);
        Key(match choice {
            KeyChoice::Uniform => rng.below(visible) as u32,
            KeyChoice::Zipfian => self.scrambled(rng),
            KeyChoice::Latest => {
                self.extend_latest();
                let age = self.latest.1.draw(rng) as u32;
                self.visible - 1 - age.min(self.visible - 1)
            }
            KeyChoice::Hotspot { data, operations } => {
                let hot = ((visible as f64 * data) as u64).clamp(1, visible);
                if rng.unit() < operations || hot == visible {
                    rng.below(hot) as u32
                } else {
                    (hot + rng.below(visible - hot)) as u32
                }
            }
        })
    }

    /// A hashed rank of the universe; ranks that fall on keys not inserted yet are drawn anew.
    fn scrambled(&self, rng: &mut Rng) -> u32 {
        const TRIES: u32 = 64;
        for _ in 0..TRIES {
            let rank = self.scrambled.draw(rng) as u64;
            let key = (fnv_hash(rank) % u64::from(self.spread)) as u32;
            if key < self.visible {
                return key;
            }
        }
        rng.below(u64::from(self.visible)) as u32
    }

    /// Takes newly visible keys into the law of ages.
    fn extend_latest(&mut self) {
        let (mut items, mut zeta) = (self.latest.0, self.latest.1.zeta);
        if items == self.visible {
            return;
        }
        while items < self.visible {
            items += 1;
            zeta += libm::pow(f64::from(items), -THETA);
        }
        self.latest = (items, Zipf::new(f64::from(items), zeta));
    }

    /// Keys there at the start.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.records
    }
}

/// Ranks from 0 with probability proportional to 1 / (rank + 1)^0.99, by Gray et al.'s approximation.
#[derive(Clone, Copy, Debug, Default)]
struct Zipf {
    items: f64,
    zeta: f64,
    /// 1 + 1/2^theta: what the first two ranks take of zeta.
    two: f64,
    eta: f64,
}

impl Zipf {
    fn new(items: f64, zeta: f64) -> Self {
        let two = 1.0 + libm::pow(0.5, THETA);
        let eta = (1.0 - libm::pow(2.0 / items, 1.0 - THETA)) / (1.0 - two / zeta);
        Self { items, zeta, two, eta }
    }

    fn draw(&self, rng: &mut Rng) -> f64 {
        const ALPHA: f64 = 1.0 / (1.0 - THETA);
        let u = rng.unit();
        let scaled = u * self.zeta;
        if scaled < 1.0 {
            return 0.0;
        }
        if scaled < self.two {
            return 1.0;
        }
        self.items * libm::pow(self.eta * u - self.eta + 1.0, ALPHA)
    }
}

/// YCSB's 64-bit FNV-1a over the eight octets, lowest first, made non-negative.
fn fnv_hash(rank: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for octet in rank.to_le_bytes() {
        hash = (hash ^ u64::from(octet)).wrapping_mul(1_099_511_628_211);
    }
    (hash as i64).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 400_000;

    fn shares(keys: &mut Keys, choice: KeyChoice) -> Vec<f64> {
        let mut rng = Rng::stream(5, "test", 0);
        let mut counts = vec![0u32; keys.count() as usize];
        for _ in 0..DRAWS {
            counts[keys.choose(choice, &mut rng).0 as usize] += 1;
        }
        counts.iter().map(|n| f64::from(*n) / DRAWS as f64).collect()
    }

    #[test]
    fn the_hottest_scrambled_key_gets_its_share_for_any_number_of_keys() {
        for records in [1_000, 10_000, 100_000] {
            let shares = shares(&mut Keys::new(records, 0), KeyChoice::Zipfian);
            let hottest = shares.iter().copied().fold(0.0, f64::max);
            // 1 / 26.469 plus what else hashes onto the same key.
            assert!((0.0370..0.0400).contains(&hottest), "{records}: {hottest}");
        }
    }

    #[test]
    fn latest_is_plain_zipf_over_age() {
        let shares = shares(&mut Keys::new(1_000, 0), KeyChoice::Latest);
        assert!((shares[999] - 0.1294).abs() < 0.003, "{}", shares[999]);
        assert!(shares[999] > shares[998] && shares[998] > shares[990]);
    }

    #[test]
    fn hotspot_sends_its_share_to_the_hot_keys() {
        let choice = KeyChoice::Hotspot { data: 0.2, operations: 0.8 };
        let shares = shares(&mut Keys::new(100, 0), choice);
        let hot: f64 = shares[..20].iter().sum();
        assert!((hot - 0.8).abs() < 0.005, "{hot}");
    }

    #[test]
    fn an_insert_is_chosen_only_after_it_and_all_before_it_are_acknowledged() {
        let mut keys = Keys::new(2, 10);
        let (a, b) = (keys.insert(), keys.insert());
        assert_eq!((a, b, keys.count()), (Key(2), Key(3), 4));
        keys.acknowledge(b);
        let mut rng = Rng::stream(5, "test", 1);
        assert!((0..200).all(|_| keys.choose(KeyChoice::Uniform, &mut rng).0 < 2));
        keys.acknowledge(a);
        assert!((0..200).any(|_| keys.choose(KeyChoice::Uniform, &mut rng) == b));
    }
}
