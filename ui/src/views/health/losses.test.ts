import { expect, test } from 'vitest';
import { forecast, lossLines } from './losses';

test('losses add up by stage, reason and unit over the agents', () => {
  const lines = lossLines([
    { stage: 'kernel', reason: 'kernel-lost', unit: 'records', count: 3, agent: 'a' },
    { stage: 'spool', reason: 'full', unit: 'events', count: 50, agent: 'b' },
    { stage: 'kernel', reason: 'kernel-lost', unit: 'records', count: 4, agent: 'b' },
    { stage: 'netlink', reason: 'enobufs', unit: 'reports', count: null, agent: 'b', reports: 2 },
  ]);
  expect(lines.map((line) => [line.stage, line.count, line.unknown, line.agents.join()])).toEqual([
    ['spool', 50, 0, 'b'], ['kernel', 7, 0, 'a,b'], ['netlink', 0, 2, 'b'],
  ]);
});

test('the forecast is words', () => {
  expect(forecast(null)).toBe('no forecast yet');
  expect(forecast(0.2)).toBe('full in less than a day');
  expect(forecast(9)).toBe('full in 9 days');
  expect(forecast(41.7)).toBe('full in 42 days');
});
