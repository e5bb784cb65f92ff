//! Aggregations: own collectors over columns, joined across segments and windows by value.
//!
//! Counts are exact and `error_bound` is 0 whatever the number of windows, since every distinct value is kept until the end;
//! the bound of buckets and the memory bound of the search say when that is too much. Sums are doubles. Percentiles come
//! from logarithmic buckets 1 % wide, cardinality from a set of hashes up to the threshold and HyperLogLog++ beyond.

mod buckets;
mod dates;
mod metric;
mod sketch;
mod terms;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use roaring::RoaringBitmap;
use schema::search::{FieldRef, Named, Outcome, Scalar};

use self::buckets::Collector;
use super::segment::Segment;
use crate::{Context, SearchError};

/// All aggregations of a search.
pub(super) struct Aggregator<'a> {
    context: &'a Context,
    named: &'a [Named],
    collectors: Vec<Collector>,
    limits: Limits,
}

/// What is left of the bounds of a search.
#[derive(Debug)]
pub(super) struct Limits {
    buckets: usize,
    bytes: usize,
}

impl Limits {
    /// A new bucket with a key of so many bytes.
    fn bucket(&mut self, key_bytes: usize) -> Result<(), SearchError> {
        self.bytes(key_bytes + 96)
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), SearchError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            SearchError::TooLarge(
                "its aggregations do not fit the memory of a search; narrow the time or the query".to_owned(),
            )
        })?;
        Ok(())
    }

    /// Buckets in the answer.
    fn answered(&mut self, buckets: usize) -> Result<(), SearchError> {
        self.buckets = self.buckets.checked_sub(buckets).ok_or_else(|| {
            SearchError::TooLarge(
                "its aggregations have more buckets than a search may return; ask for fewer".to_owned(),
            )
        })?;
        Ok(())
    }
}

impl<'a> Aggregator<'a> {
    pub(super) fn new(named: &'a [Named], context: &'a Context) -> Result<Self, SearchError> {
        let collectors = named.iter().map(Collector::new).collect::<Result<Vec<_>, _>>()?;
        let limits = Limits { buckets: context.max_buckets, bytes: context.memory_bytes };
        Ok(Self { context, named, collectors, limits })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Counts the matching documents of a segment.
    pub(super) fn collect(
        &mut self,
        segment: &Arc<Segment>,
        stream: schema::Stream,
        docs: &RoaringBitmap,
    ) -> Result<(), SearchError> {
        if self.named.is_empty() || docs.is_empty() {
            return Ok(());
        }
        let all = docs.len() == u64::from(segment.documents());
        let docs: Vec<u32> = if all { (0..segment.documents()).collect() } else { docs.iter().collect() };
        let decoded = HashMap::new();
        let mut pass = Pass { segment, stream, context: self.context, limits: &mut self.limits, decoded };
        for (collector, named) in self.collectors.iter_mut().zip(self.named) {
            collector.collect(named, &docs, &mut pass)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<(String, Outcome)>, SearchError> {
        let mut outcomes = Vec::with_capacity(self.named.len());
        for (collector, named) in self.collectors.into_iter().zip(self.named) {
            outcomes.push((named.name.clone(), collector.finish(named, &mut self.limits)?));
        }
        Ok(outcomes)
    }
}

/// One segment being counted.
struct Pass<'p> {
    segment: &'p Arc<Segment>,
    stream: schema::Stream,
    context: &'p Context,
    limits: &'p mut Limits,
    /// Small dictionaries, decoded once: an aggregation inside buckets asks for them in each bucket.
    decoded: HashMap<FieldRef, Rc<[Scalar]>>,
}
