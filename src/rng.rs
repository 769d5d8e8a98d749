//! Randomness as seeded streams, one per purpose.
//!
//! Every stream is derived from the run's seed, a label (`"network"`, `"load"`, `"node"`) and an
//! index. Drawing more from one stream never shifts another, so two protocols under one seed see the
//! same arrivals and keys. The generator is xoshiro256++ (Blackman and Vigna 2021), from `rand_xoshiro`.

use rand_core::{Rng as _, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// How many bits a double can hold exactly.
pub const BITS: u32 = 53;

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The stream of `seed` that belongs to `label` and `index`.
    #[must_use]
    pub fn stream(seed: u64, label: &str, index: u64) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a offset basis
        for byte in label.bytes().chain(seed.to_le_bytes()).chain(index.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // `seed_from_u64` spreads the hash over the whole state with SplitMix64.
        Self(Xoshiro256PlusPlus::seed_from_u64(hash))
    }

    /// Uniform over all of `u64`.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform over the integers of [`BITS`] bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.next_u64() >> (64 - BITS)
    }

    /// What [`Self::bits`] gave, as a fraction of all there are.
    #[inline]
    #[must_use]
    pub fn fraction(bits: u64) -> f64 {
        bits as f64 * (1.0 / (1_u64 << BITS) as f64)
    }

    /// Uniform in `[0, 1)`, 53 bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        Self::fraction(self.bits())
    }

    /// Uniform in `0..n`; `n` must be positive. Unbiased to 2^-64 (Lemire's multiplication).
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        debug_assert!(n > 0);
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Exponential with mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -libm::log1p(-self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_and_distinct() {
        let mut a = Rng::stream(7, "network", 0);
        let mut b = Rng::stream(7, "network", 1);
        let mut c = Rng::stream(7, "load", 0);
        let first = [a.next_u64(), b.next_u64(), c.next_u64()];
        assert_eq!(first[0], Rng::stream(7, "network", 0).next_u64());
        assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    }

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut rng = Rng::stream(1, "test", 0);
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[rng.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 800), "{seen:?}");
    }
}
