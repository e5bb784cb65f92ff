/** Buckets of the histogram as columns for the chart: every bucket of the span, empty ones too. */
import type { Aggregation, Bucket } from '../../api/types';
import type { Interval } from '../../time/interval';
import type { Span } from '../../time/range';

export interface Series {
  /** Beginning of each bucket, ms. */
  times: number[];
  counts: number[];
  failures: number[];
  total: number;
}

const MOST_BUCKETS = 2_000;

export function seriesOf(aggregation: Aggregation, interval: Interval, span: Span): Series {
  const buckets = new Map<number, Bucket>();
  for (const bucket of aggregation.buckets ?? []) buckets.set(Number(bucket.key), bucket);
  const anchor = buckets.keys().next().value ?? Math.floor(span.from / interval.ms) * interval.ms;
  let start = anchor - Math.max(0, Math.ceil((anchor - span.from) / interval.ms)) * interval.ms;
  if (start > span.from) start -= interval.ms;
  const series: Series = { times: [], counts: [], failures: [], total: 0 };
  for (let time = start; time < span.to && series.times.length < MOST_BUCKETS; time += interval.ms) {
    const bucket = buckets.get(time);
    series.times.push(time);
    series.counts.push(bucket?.doc_count ?? 0);
    series.failures.push(bucket ? failuresIn(bucket) : 0);
    series.total += bucket?.doc_count ?? 0;
  }
  return series;
}

function failuresIn(bucket: Bucket): number {
  const outcome = bucket['outcome'] as Aggregation | undefined;
  return outcome?.buckets?.find((inner) => inner.key === 'failure')?.doc_count ?? 0;
}
