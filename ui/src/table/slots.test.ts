import { expect, test } from 'vitest';
import { ROW_PX, scrollTo, slotsFor } from './slots';

test('few rows are drawn, wherever one scrolls', () => {
  for (const top of [0, 1, 1000, 50_000 * ROW_PX, 99_990 * ROW_PX]) {
    for (const height of [0, 600, 5000]) {
      const { first, end } = slotsFor(top, height, 100_000);
      expect(end - first).toBeLessThanOrEqual(96);
      expect(first).toBeLessThanOrEqual(Math.floor(top / ROW_PX));
      expect(end).toBeGreaterThan(Math.floor(top / ROW_PX));
    }
  }
});

test('ends are ends', () => {
  expect(slotsFor(0, 600, 0)).toEqual({ first: 0, end: 0 });
  expect(slotsFor(0, 600, 3)).toEqual({ first: 0, end: 3 });
  expect(slotsFor(100_000, 600, 10).end).toBe(10);
});

test('scrolling shows the row whole and no more than needed', () => {
  expect(scrollTo(0, 100, 260)).toBe(0);
  expect(scrollTo(5, 0, 260)).toBe(0);
  expect(scrollTo(10, 0, 260)).toBe(ROW_PX);
});
