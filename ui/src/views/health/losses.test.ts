import { expect, test } from 'vitest';
import { forecast, lostIn } from './losses';

test('losses of a stage add up over the reasons', () => {
  expect(lostIn({ stage: 'spool', taken: 9, passed: 2, filtered: 0, lost: { full: 3, corrupt: 4 } })).toBe(7);
});

test('the forecast is words', () => {
  expect(forecast(null)).toBe('no forecast yet');
  expect(forecast(0.2)).toBe('full in less than a day');
  expect(forecast(9)).toBe('full in 9 days');
  expect(forecast(41.7)).toBe('full in 42 days');
});
