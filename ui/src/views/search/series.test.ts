import { expect, test } from 'vitest';
import { seriesOf } from './series';

const second = { ms: 1000, text: '1s' };
const bucket = (key: number, doc_count: number, failures = 0) => ({
  key, doc_count, outcome: { buckets: [{ key: 'failure', doc_count: failures }] },
});

test('empty buckets are filled in on both sides and between', () => {
  const series = seriesOf({ buckets: [bucket(2000, 5, 2), bucket(4000, 1)] }, second, { from: 500, to: 6000 });
  expect(series.times).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
  expect(series.counts).toEqual([0, 0, 5, 0, 1, 0]);
  expect(series.failures).toEqual([0, 0, 2, 0, 0, 0]);
  expect(series.total).toBe(6);
});

test('no bucket at all is a row of zeros', () => {
  expect(seriesOf({ buckets: [] }, second, { from: 1500, to: 3500 }).counts).toEqual([0, 0, 0]);
});

test('a span that is far too wide for its interval ends', () => {
  expect(seriesOf({ buckets: [] }, second, { from: 0, to: 1e12 }).times.length).toBe(2000);
});
