import { expect, test } from 'vitest';
import type { FimHole, FimHost, FimScan } from '../../api/types';
import { coverageText, isLate, lastWhole, WEEK_MS } from './trust';

const scan = (kind: string, end: string, broken = false): FimScan => ({
  kind, start: null, end, broken, entries: 1, bytes: null, differences: 0, unreadable: 0, skipped: 0, generation: 1, root: null, why: null, event: end,
});
const host = (scans: FimScan[]): FimHost => ({ host: 'h', baseline: null, scans, open: 0, severe: 0 });

test('only a scan of everything, to its end, counts as a comparison', () => {
  const scans = [scan('meta', '2026-11-01T00:00:00.000Z'), scan('full', '2026-11-05T00:00:00.000Z'), scan('targeted', '2026-11-09T00:00:00.000Z'), scan('meta', '2026-11-08T00:00:00.000Z', true)];
  expect(lastWhole(host(scans))?.kind).toBe('full');
  expect(lastWhole(host([]))).toBeNull();
});

test('a week is not late, more is', () => {
  const last = scan('meta', '2026-11-01T00:00:00.000Z');
  const at = Date.parse('2026-11-01T00:00:00.000Z');
  expect(isLate(last, at + WEEK_MS)).toBe(false);
  expect(isLate(last, at + WEEK_MS + 1)).toBe(true);
  expect(isLate(null, at)).toBe(false);
});

test('what is missing', () => {
  const hole = (action: string, source: string | null): FimHole => ({ event: '', time: null, host: null, action, root: null, reason: null, source, message: null, lost: null, from: null, to: null, times: 1 });
  expect(coverageText(hole('source-loss', null))).toBe('events were lost');
  expect(coverageText(hole('fim-coverage', 'scan-only'))).toBe('seen by scans only');
  expect(coverageText(hole('fim-scan-stale', null))).toBe('a scan is late');
});
