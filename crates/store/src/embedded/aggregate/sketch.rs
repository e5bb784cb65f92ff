//! Two sketches: how many different values, and below what so many percent lie.

use std::collections::{BTreeMap, HashSet};

/// Width of a percentile bucket: values in it differ by less than 1 %.
const GROWTH: f64 = 1.01;
/// Registers of the HyperLogLog: 2^14, standard error 0.8 %.
const PRECISION: u32 = 14;

/// Number of different values, exact up to a threshold.
#[derive(Debug)]
pub(super) enum Distinct {
    Exact { hashes: HashSet<u64>, threshold: usize },
    Estimate(Box<[u8]>),
}

impl Distinct {
    pub(super) fn new(threshold: u64) -> Self {
        Self::Exact { hashes: HashSet::new(), threshold: usize::try_from(threshold.min(40_000)).unwrap_or(40_000) }
    }

    /// Adds a value by its hash, and says how many bytes more that takes.
    pub(super) fn add(&mut self, hash: u64) -> usize {
        match self {
            Self::Exact { hashes, threshold } => {
                if !hashes.insert(hash) {
                    return 0;
                }
                if hashes.len() <= *threshold {
                    return 16;
                }
                let mut registers = vec![0; 1 << PRECISION].into_boxed_slice();
                hashes.iter().for_each(|&hash| register(&mut registers, hash));
                *self = Self::Estimate(registers);
                1 << PRECISION
            }
            Self::Estimate(registers) => {
                register(registers, hash);
                0
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn count(&self) -> f64 {
        match self {
            Self::Exact { hashes, .. } => hashes.len() as f64,
            Self::Estimate(registers) => estimate(registers).round(),
        }
    }
}

fn register(registers: &mut [u8], hash: u64) {
    let index = usize::try_from(hash >> (64 - PRECISION)).unwrap_or(0);
    // The bit behind the hash bounds the run of zeros.
    let zeros = ((hash << PRECISION) | (1 << (PRECISION - 1))).leading_zeros() + 1;
    registers[index] = registers[index].max(u8::try_from(zeros).unwrap_or(u8::MAX));
}

/// Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6): no
/// tables, no bias at small counts.
fn estimate(registers: &[u8]) -> f64 {
    let q = 64 - PRECISION as usize;
    let mut counts = vec![0_u32; q + 2];
    registers.iter().for_each(|&value| counts[usize::from(value).min(q + 1)] += 1);
    #[expect(clippy::cast_precision_loss, reason = "2^14")]
    let m = registers.len() as f64;
    let mut z = m * tau(1.0 - f64::from(counts[q + 1]) / m);
    for k in (1..=q).rev() {
        z = 0.5 * (z + f64::from(counts[k]));
    }
    z += m * sigma(f64::from(counts[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z >= before {
            return z / 3.0;
        }
    }
}

/// Values in logarithmic buckets: a percentile is off by at most 1 % of the value.
#[derive(Debug, Default)]
pub(super) struct Quantiles {
    /// Count by exponent of [`GROWTH`], negative values mirrored.
    positive: BTreeMap<i32, u64>,
    negative: BTreeMap<i32, u64>,
    zeros: u64,
    count: u64,
    min: f64,
    max: f64,
}

impl Quantiles {
    pub(super) fn add(&mut self, value: f64) {
        if self.count == 0 {
            (self.min, self.max) = (value, value);
        }
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value == 0.0 {
            self.zeros += 1;
        } else {
            let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
            *side.entry(exponent(value.abs())).or_default() += 1;
        }
    }

    /// The value below which `percent` lie: nearest rank.
    pub(super) fn value(&self, percent: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank within the count"
        )]
        let rank = ((percent / 100.0 * self.count as f64).ceil() as u64).clamp(1, self.count);
        let negative = self.negative.iter().rev().map(|(&exponent, &count)| (-middle(exponent), count));
        let zeros = std::iter::once((0.0, self.zeros));
        let positive = self.positive.iter().map(|(&exponent, &count)| (middle(exponent), count));
        let mut seen = 0;
        for (value, count) in negative.chain(zeros).chain(positive) {
            seen += count;
            if seen >= rank {
                return Some(value.clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }
}

fn exponent(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "the exponents of all doubles lie within ±75,000")]
    let exponent = (value.ln() / GROWTH.ln()).floor() as i32;
    exponent
}

/// The value in a bucket that is off by the same part from both its ends.
fn middle(exponent: i32) -> f64 {
    (f64::from(exponent) * GROWTH.ln()).exp() * GROWTH.sqrt()
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use proptest::prelude::*;

    use super::*;

    fn hash(value: u64) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
    }

    #[test]
    fn exact_up_to_the_threshold_and_close_beyond() {
        for (count, threshold, tolerance) in [(3000_u32, 3000, 0.0), (3001, 3000, 0.05), (200_000, 100, 0.05)] {
            let mut distinct = Distinct::new(threshold);
            for value in (0..u64::from(count)).chain(0..u64::from(count)) {
                distinct.add(hash(value));
            }
            let error = (distinct.count() - f64::from(count)).abs() / f64::from(count);
            assert!(error <= tolerance, "{count} {error}");
        }
    }

    proptest! {
        #[test]
        fn percentiles_are_within_one_percent(mut values in prop::collection::vec(-1e9..1e9_f64, 1..200), percent in 0.0..=100.0_f64) {
            let mut quantiles = Quantiles::default();
            values.iter().for_each(|&value| quantiles.add(value));
            values.sort_by(f64::total_cmp);
            #[expect(clippy::cast_possible_truncation, reason = "a rank among at most 200")]
            let rank = ((percent / 100.0 * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let (expect, got) = (values[rank - 1], quantiles.value(percent).unwrap());
            prop_assert!((expect - got).abs() <= expect.abs() * 0.01 + 1e-12, "{expect} {got}");
        }
    }
}
