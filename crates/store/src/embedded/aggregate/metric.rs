//! Numbers over a field.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use schema::search::{FieldRef, Metric, Outcome, Scalar};

use super::Pass;
use super::buckets::Key;
use super::sketch::{Distinct, Quantiles};
use crate::SearchError;
use crate::embedded::segment::{STRIDE, Values};
use crate::embedded::values;

/// A number being computed.
#[derive(Debug)]
pub(super) enum Accumulator {
    Numbers(Numbers),
    Count(u64),
    Quantiles(Quantiles),
    Distinct(Distinct),
}

/// Count, sum and bounds.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Numbers {
    count: u64,
    sum: f64,
    squares: f64,
    min: Option<f64>,
    max: Option<f64>,
}

impl Accumulator {
    pub(super) fn new(metric: &Metric) -> Self {
        match metric {
            Metric::ValueCount(_) => Self::Count(0),
            Metric::Percentiles(..) => Self::Quantiles(Quantiles::default()),
            Metric::Cardinality(_, threshold) => Self::Distinct(Distinct::new(*threshold)),
            _ => Self::Numbers(Numbers::default()),
        }
    }

    pub(super) fn collect(&mut self, metric: &Metric, docs: &[u32], pass: &mut Pass<'_>) -> Result<(), SearchError> {
        let field = field(metric);
        let odd = values::odd(pass.segment, field)?;
        if let (Self::Numbers(numbers), true) = (&mut *self, odd.is_empty())
            && let Some((Values::Long(column), None)) = pass.segment.place(field)?
        {
            for batch in docs.chunks(STRIDE) {
                pass.context.check()?;
                #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
                batch.iter().flat_map(|&doc| column.values_for_doc(doc)).for_each(|value| numbers.add(value as f64));
            }
            return Ok(());
        }
        if let (Self::Distinct(distinct), true) = (&mut *self, odd.is_empty())
            && let Some((Values::Text(column), None)) = pass.segment.place(field)?
        {
            let mut seen = vec![false; column.dictionary().num_terms()];
            docs.iter().flat_map(|&doc| column.term_ords(doc)).for_each(|ord| {
                if let Some(seen) = usize::try_from(ord).ok().and_then(|ord| seen.get_mut(ord)) {
                    *seen = true;
                }
            });
            let ords: Vec<u64> = (0..).zip(seen).filter(|(_, seen)| *seen).map(|(ord, _)| ord).collect();
            for term in crate::embedded::segment::terms_at(column, &ords)? {
                pass.limits.bytes(distinct.add(hash(&values::of_term(&term, None, field.kind()))))?;
            }
            return Ok(());
        }
        for batch in docs.chunks(STRIDE) {
            pass.context.check()?;
            for value in values::of_field(pass.segment, field, batch)?.iter().flatten() {
                self.add(value, pass)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, value: &Scalar, pass: &mut Pass<'_>) -> Result<(), SearchError> {
        match self {
            Self::Count(count) => *count += 1,
            Self::Distinct(distinct) => pass.limits.bytes(distinct.add(hash(value)))?,
            Self::Numbers(numbers) => {
                let number = values::number(value);
                if !number.is_nan() {
                    numbers.add(number);
                }
            }
            Self::Quantiles(quantiles) => {
                let number = values::number(value);
                if !number.is_nan() {
                    quantiles.add(number);
                }
            }
        }
        Ok(())
    }

    pub(super) fn outcome(&self, metric: &Metric) -> Outcome {
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
        match (self, metric) {
            (Self::Count(count), _) => Outcome::Number(Some(*count as f64)),
            (Self::Distinct(distinct), _) => Outcome::Number(Some(distinct.count())),
            (Self::Quantiles(quantiles), Metric::Percentiles(_, percents)) => {
                Outcome::Percentiles(percents.iter().map(|&percent| (percent, quantiles.value(percent))).collect())
            }
            (Self::Numbers(numbers), metric) => numbers.outcome(metric),
            (Self::Quantiles(_), _) => Outcome::Number(None),
        }
    }
}

impl Numbers {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
    }

    fn outcome(&self, metric: &Metric) -> Outcome {
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
        let average = (self.count > 0).then(|| self.sum / self.count as f64);
        match metric {
            Metric::Avg(_) => Outcome::Number(average),
            Metric::Sum(_) => Outcome::Number(Some(self.sum)),
            Metric::Min(_) => Outcome::Number(self.min),
            Metric::Max(_) => Outcome::Number(self.max),
            metric => Outcome::Stats {
                count: self.count,
                sum: self.sum,
                min: self.min,
                max: self.max,
                sum_of_squares: matches!(metric, Metric::ExtendedStats(_)).then_some(self.squares),
            },
        }
    }
}

fn field(metric: &Metric) -> &FieldRef {
    match metric {
        Metric::Avg(field)
        | Metric::Sum(field)
        | Metric::Min(field)
        | Metric::Max(field)
        | Metric::ValueCount(field)
        | Metric::Stats(field)
        | Metric::ExtendedStats(field)
        | Metric::Percentiles(field, _)
        | Metric::Cardinality(field, _) => field,
    }
}

/// The same in every segment and window of this process.
fn hash(value: &Scalar) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(Key::of(value))
}
