//! Random delays: distributions as data, and samplers fast enough for every message.
//!
//! A [`Distribution`] is what a scenario writes; its unit is that of the key it stands under
//! (`disk_ms`, `jitter_ms`, or a plain factor). A [`Sampler`] is its compiled form. Sampling is by
//! inversion: a table of 4096 quantiles, interpolated, and the exact quantile function in the
//! outermost cells, where heavy tails live. Logarithms come from the `libm` crate, so that a sample
//! is the same on every platform.

use crate::rng::{self, Rng};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A distribution of non-negative numbers; a bare number in TOML is [`Distribution::Constant`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Always this.
    Constant(f64),
    /// Evenly between `low` and `high`.
    Uniform {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
    },
    /// Normal, cut off at zero.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
    },
    /// Lognormal: the logarithm is normal with mean `ln median` and deviation `sigma`.
    Lognormal {
        /// Median.
        median: f64,
        /// Deviation of the logarithm.
        sigma: f64,
    },
    /// Exponential.
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// Pareto: P(X > x) = (scale / x)^shape for x >= scale.
    Pareto {
        /// Smallest value.
        scale: f64,
        /// Tail index.
        shape: f64,
    },
    /// Measured percentiles, joined by straight lines: `[[0, 0.3], [50, 0.4], [99, 3.0], [100, 20]]`.
    Percentiles(Vec<(f64, f64)>),
    /// One of several, by weight.
    Mixture(Vec<Part>),
}

/// One component of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Share of the draws; weights need not add up to 1.
    pub weight: f64,
    /// What those draws follow.
    pub of: Distribution,
}

/// The form a table takes in TOML; a bare number is handled by the visitor below.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Tagged {
    Constant(f64),
    Uniform { low: f64, high: f64 },
    Normal { mean: f64, sd: f64 },
    Lognormal { median: f64, sigma: f64 },
    Exponential { mean: f64 },
    Pareto { scale: f64, shape: f64 },
    Percentiles(Vec<(f64, f64)>),
    Mixture(Vec<Part>),
}

impl From<Tagged> for Distribution {
    fn from(tagged: Tagged) -> Self {
        match tagged {
            Tagged::Constant(value) => Self::Constant(value),
            Tagged::Uniform { low, high } => Self::Uniform { low, high },
            Tagged::Normal { mean, sd } => Self::Normal { mean, sd },
            Tagged::Lognormal { median, sigma } => Self::Lognormal { median, sigma },
            Tagged::Exponential { mean } => Self::Exponential { mean },
            Tagged::Pareto { scale, shape } => Self::Pareto { scale, shape },
            Tagged::Percentiles(points) => Self::Percentiles(points),
            Tagged::Mixture(parts) => Self::Mixture(parts),
        }
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrTable;
        impl<'de> Visitor<'de> for NumberOrTable {
            type Value = Distribution;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a distribution such as { exponential = { mean = 1.0 } }")
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Distribution, E> {
                Ok(Distribution::Constant(value))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Distribution, E> {
                Ok(Distribution::Constant(value as f64))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Distribution, E> {
                Ok(Distribution::Constant(value as f64))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Distribution, A::Error> {
                Tagged::deserialize(MapAccessDeserializer::new(map)).map(Into::into)
            }
        }
        let parsed = deserializer.deserialize_any(NumberOrTable)?;
        parsed.validate().map_err(serde::de::Error::custom)?;
        Ok(parsed)
    }
}

impl Distribution {
    /// Nothing, always.
    pub const ZERO: Self = Self::Constant(0.0);

    /// Whether every parameter is in its range; the message says which is not and what would be.
    pub fn validate(&self) -> Result<(), String> {
        let at_least_zero = |name: &str, x: f64| match is_in_range(x) {
            true => Ok(()),
            false => Err(format!("{name} is {x}; it must be a number from 0 to 1e12")),
        };
        let positive = |name: &str, x: f64| {
            at_least_zero(name, x)?;
            if x > 0.0 { Ok(()) } else { Err(format!("{name} is {x}; it must be above zero")) }
        };
        match self {
            // A bare number has no name of its own; whoever reads it knows the key.
            Self::Constant(value) if is_in_range(*value) => Ok(()),
            Self::Constant(value) => {
                Err(format!("{value} will not do here; it must be a number from 0 to 1e12"))
            }
            Self::Uniform { low, high } => {
                at_least_zero("uniform.low", *low)?;
                at_least_zero("uniform.high", *high)?;
                if low > high {
                    return Err(format!("uniform.low is {low}, above uniform.high, {high}"));
                }
                Ok(())
            }
            Self::Normal { mean, sd } => {
                at_least_zero("normal.mean", *mean)?;
                at_least_zero("normal.sd", *sd)
            }
            Self::Lognormal { median, sigma } => {
                positive("lognormal.median", *median)?;
                at_least_zero("lognormal.sigma", *sigma)?;
                if *sigma > 5.0 {
                    return Err(format!("lognormal.sigma is {sigma}; it must be at most 5"));
                }
                Ok(())
            }
            Self::Exponential { mean } => at_least_zero("exponential.mean", *mean),
            Self::Pareto { scale, shape } => {
                positive("pareto.scale", *scale)?;
                positive("pareto.shape", *shape)?;
                if *shape < 0.5 {
                    return Err(format!("pareto.shape is {shape}; it must be at least 0.5"));
                }
                Ok(())
            }
            Self::Percentiles(points) => validate_percentiles(points),
            Self::Mixture(parts) if parts.is_empty() => {
                Err("mixture is empty; give at least one part, { weight = 1, of = ... }".to_owned())
            }
            Self::Mixture(parts) => {
                for part in parts {
                    at_least_zero("a mixture's weight", part.weight)?;
                    part.of.validate()?;
                }
                positive("the sum of a mixture's weights", parts.iter().map(|p| p.weight).sum())
            }
        }
    }

    /// The value below which a fraction `u` in `[0, 1)` of all draws lie. `None` for a mixture, whose
    /// quantile function has no closed form.
    #[must_use]
    pub fn quantile(&self, u: f64) -> Option<f64> {
        Some(match self {
            Self::Constant(value) => *value,
            Self::Uniform { low, high } => low + u * (high - low),
            Self::Normal { mean, sd } => (mean + sd * normal_quantile(u)).max(0.0),
            Self::Lognormal { median, sigma } => median * libm::exp(sigma * normal_quantile(u)),
            Self::Exponential { mean } => -mean * libm::log1p(-u),
            Self::Pareto { scale, shape } => scale * libm::pow(1.0 - u, -1.0 / shape),
            Self::Percentiles(points) => interpolate(points, u * 100.0),
            Self::Mixture(_) => return None,
        })
    }

    /// The median; of a mixture, the weighted mean of its parts' medians.
    #[must_use]
    pub fn typical(&self) -> f64 {
        match self {
            Self::Mixture(parts) => {
                let total: f64 = parts.iter().map(|p| p.weight).sum();
                parts.iter().map(|p| p.weight / total * p.of.typical()).sum()
            }
            other => other.quantile(0.5).unwrap_or(0.0),
        }
    }
}

fn is_in_range(x: f64) -> bool {
    x.is_finite() && (0.0..=1e12).contains(&x)
}

fn validate_percentiles(points: &[(f64, f64)]) -> Result<(), String> {
    let ends =
        points.first().map(|p| p.0) == Some(0.0) && points.last().map(|p| p.0) == Some(100.0);
    let rising = points.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1);
    let finite = points.iter().all(|p| is_in_range(p.1));
    if ends && rising && finite {
        return Ok(());
    }
    Err("percentiles must be [percent, value] pairs that rise from percent 0 to percent 100".into())
}

fn interpolate(points: &[(f64, f64)], percent: f64) -> f64 {
    let after = points.partition_point(|p| p.0 <= percent).clamp(1, points.len() - 1);
    let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
    y0 + (y1 - y0) * (percent - x0) / (x1 - x0)
}

/// The standard normal's quantile function: Wichura's algorithm AS 241 (1988), relative error 1e-16.
/// Our own because the crates that have it call the platform's logarithm.
#[must_use]
pub fn normal_quantile(u: f64) -> f64 {
    fn ratio(x: f64, top: [f64; 8], bottom: [f64; 7]) -> f64 {
        let upper = top.iter().rev().fold(0.0, |sum, c| sum * x + c);
        let lower = bottom.iter().rev().fold(0.0, |sum, c| sum * x + c);
        upper / (lower * x + 1.0)
    }
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, CENTRE.0, CENTRE.1);
    }
    let tail = if q < 0.0 { u } else { 1.0 - u };
    let r = libm::sqrt(-libm::log(tail.max(f64::MIN_POSITIVE)));
    let z = if r <= 5.0 {
        ratio(r - 1.6, SHOULDER.0, SHOULDER.1)
    } else {
        ratio(r - 5.0, TAIL.0, TAIL.1)
    };
    if q < 0.0 { -z } else { z }
}

type Coefficients = ([f64; 8], [f64; 7]);

const CENTRE: Coefficients = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_4,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);
const SHOULDER: Coefficients = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);
const TAIL: Coefficients = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

const CELLS: usize = 4096;
/// The bits of a random number below those that choose the cell.
const WITHIN: u32 = rng::BITS - CELLS.ilog2();

/// A distribution compiled for drawing.
#[derive(Clone, Debug)]
pub struct Sampler(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Constant(f64),
    Table {
        values: Box<[f64]>,
        exact: Distribution,
    },
    /// Cumulative weights, ending at 1, each with its part.
    Mixture(Vec<(f64, Sampler)>),
}

impl Sampler {
    /// Compiles a valid distribution.
    #[must_use]
    pub fn new(distribution: &Distribution) -> Self {
        Self(match distribution {
            Distribution::Constant(value) => Kind::Constant(*value),
            Distribution::Mixture(parts) => {
                let total: f64 = parts.iter().map(|p| p.weight).sum();
                let mut sum = 0.0;
                let cumulate = |part: &Part| {
                    sum += part.weight / total;
                    (sum, Self::new(&part.of))
                };
                Kind::Mixture(parts.iter().map(cumulate).collect())
            }
            exact => {
                let at = |i: usize| exact.quantile(i as f64 / CELLS as f64).unwrap_or(0.0);
                let mut values: Vec<f64> = (0..CELLS).map(at).collect();
                // Never read: the last cell is computed exactly. It only keeps the lookup in bounds.
                values.push(values[CELLS - 1]);
                Kind::Table { values: values.into(), exact: exact.clone() }
            }
        })
    }

    /// The value that never varies, if there is one.
    #[must_use]
    pub fn constant(&self) -> Option<f64> {
        match &self.0 {
            Kind::Constant(value) => Some(*value),
            _ => None,
        }
    }

    /// Draws one value, never negative.
    #[inline]
    pub fn sample(&self, rng: &mut Rng) -> f64 {
        match &self.0 {
            Kind::Constant(value) => *value,
            Kind::Table { values, exact } => {
                // The number's highest bits are the cell, the others the place within it: what multiplying a
                // fraction and rounding it down would give, without the conversions.
                let bits = rng.bits();
                let cell = (bits >> WITHIN) as usize;
                if cell == 0 || cell >= CELLS - 1 {
                    return exact.quantile(Rng::fraction(bits)).unwrap_or(0.0).max(0.0);
                }
                let within = (bits % (1 << WITHIN)) as f64 * (1.0 / (1_u64 << WITHIN) as f64);
                let low = values[cell];
                low + (values[cell + 1] - low) * within
            }
            Kind::Mixture(parts) => {
                let u = rng.unit();
                let chosen = parts.iter().find(|(upto, _)| u < *upto).or(parts.last());
                chosen.map_or(0.0, |(_, part)| part.sample(rng))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantile_agrees_with_known_values() {
        for (u, z) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
            (1e-9, -5.997_807_014_962_41),
        ] {
            assert!((normal_quantile(u) - z).abs() < 1e-9, "{u}: {}", normal_quantile(u));
        }
    }

    #[test]
    fn samples_follow_their_quantiles() {
        let cases = [
            Distribution::Uniform { low: 2.0, high: 9.0 },
            Distribution::Normal { mean: 50.0, sd: 4.0 },
            Distribution::Lognormal { median: 3.0, sigma: 0.4 },
            Distribution::Exponential { mean: 5.0 },
            Distribution::Pareto { scale: 1.05, shape: 1.51 },
            Distribution::Percentiles(vec![(0.0, 0.3), (50.0, 0.4), (99.0, 3.0), (100.0, 20.0)]),
        ];
        for case in cases {
            let sampler = Sampler::new(&case);
            let mut rng = Rng::stream(3, "test", 0);
            let mut drawn: Vec<f64> = (0..200_000).map(|_| sampler.sample(&mut rng)).collect();
            drawn.sort_by(f64::total_cmp);
            for q in [0.1, 0.5, 0.9, 0.99] {
                let (got, want) = (drawn[(q * 200_000.0) as usize], case.quantile(q).unwrap());
                assert!((got / want - 1.0).abs() < 0.05, "{case:?} p{q}: {got} for {want}");
            }
        }
    }

    #[test]
    fn mixtures_draw_by_weight() {
        let part = |weight, value| Part { weight, of: Distribution::Constant(value) };
        let sampler = Sampler::new(&Distribution::Mixture(vec![part(3.0, 1.0), part(1.0, 9.0)]));
        let mut rng = Rng::stream(3, "test", 1);
        let low = (0..40_000).filter(|_| sampler.sample(&mut rng) < 5.0).count();
        assert!((29_000..31_000).contains(&low), "{low}");
    }

    #[test]
    fn bad_parameters_are_named() {
        for (toml, names) in [
            ("d = -1", "-1 will not do here"),
            ("d = nan", "NaN will not do here"),
            ("d = { uniform = { low = 2, high = 1 } }", "uniform.low"),
            ("d = { pareto = { scale = 0, shape = 2 } }", "pareto.scale"),
            ("d = { percentiles = [[50, 1.0]] }", "percent 0"),
            ("d = { mixture = [] }", "mixture is empty"),
            ("d = { gamma = { mean = 1 } }", "unknown variant"),
        ] {
            #[derive(Deserialize)]
            struct Holder {
                #[serde(rename = "d")]
                _d: Distribution,
            }
            let error = toml::from_str::<Holder>(toml).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(names), "{toml}: {error}");
        }
    }
}
