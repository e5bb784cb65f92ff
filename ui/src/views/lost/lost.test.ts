import { expect, test } from 'vitest';
import type { Loss, LossTotal } from '../../api/types';
import { meaningOf, meaningsIn } from './reasons';
import { amountText, barsOf, linesOf, spanOf, warning } from './sums';

const total = (reason: string, count: number | null, unit = 'records', host = 'web-1'): LossTotal => ({ stage: 'kernel', reason, agent: 'a', host, count, unit, reports: 1 });
const loss = (totals: LossTotal[], over_time: Loss['over_time'] = []): Loss => ({ total: totals, over_time, interval_ms: 1000, took_ms: 0, timed_out: false, failed_windows: [], searchable_through: 0, holes: [], hole_count: totals.length });
const hole = { id: '', stage: '', reason: '', agent: '', host: '', unit: '', count: 1 };

test('the documentation says what each loss means', () => {
  for (const [stage, reason] of [['kernel', 'kernel-lost'], ['netlink', 'enobufs'], ['reassemble', 'reassemble-overflow'], ['spool', 'full'], ['ingest', 'unexplained-gap']] as const) {
    const meaning = meaningOf(stage, reason);
    expect(meaning?.what, reason).toMatch(/^[A-Z].+\.$/);
    expect(meaning?.todo, reason).toMatch(/^[A-Z].+\.$/);
  }
  expect(meaningOf('kernel', 'serial-gap')?.todo).toBe(meaningOf('kernel', 'kernel-lost')?.todo);
  expect(meaningOf('moon', 'eclipse')).toBeUndefined();
});

test('the stage decides where a reason means two things', () => {
  const rows = meaningsIn('| a | `full` | one | x | do |\n| b, c | `full`, `fuller` | two | x | do |\n| stage | reason | what | unit | todo |');
  expect(rows).toHaveLength(2);
  expect(meaningOf('c', 'full', rows)?.what).toBe('Two.');
  expect(meaningOf('z', 'full', rows)?.what).toBe('One.');
});

test('amounts are not added over units, and the unknown is said', () => {
  const lines = linesOf([total('kernel-lost', 1200), total('kernel-lost', 4, 'records', 'web-2'), total('enobufs', null, 'reports'), total('serial-gap', 31, 'events')], (id) => id);
  expect(lines.map((line) => line.reason)).toEqual(['kernel-lost', 'serial-gap', 'enobufs']);
  expect(lines[0]?.where).toEqual(['web-1', 'web-2']);
  expect(amountText(lines)).toBe('1,204 records, 31 events and once an unknown number');
  expect(amountText([])).toBe('');
  expect(amountText(linesOf([total('x', 1, 'events')], (id) => id))).toBe('1 event');
});

test('bars are stacked and never higher than the chart', () => {
  const bars = barsOf(loss([], [{ time: 0, count: 1001, reasons: { a: 1000, b: 1 } }, { time: 1000, count: 1, reasons: { b: 1 } }]), ['a', 'b']);
  expect(bars[0]?.parts.map((part) => part.reason)).toEqual(['a', 'b']);
  expect(bars[0]?.parts[1]?.to).toBeLessThanOrEqual(1);
  expect(bars[1]?.parts[0]?.to).toBeGreaterThan(0.02);
});

test('a hole has two ends', () => {
  expect(spanOf({ ...hole, time: '1970-01-01T00:00:05Z', from: '1970-01-01T00:00:01Z', to: '1970-01-01T00:00:02Z' })).toEqual({ from: 1000, to: 2000 });
  expect(spanOf({ ...hole, time: '1970-01-01T00:00:05Z', from: null, to: null })).toEqual({ from: 5000, to: 5000 });
});

test('the warning over a search', () => {
  expect(warning(loss([total('kernel-lost', 512)]))).toBe('This time has a hole on web-1: 512 records are missing (kernel-lost)');
});
