import { expect, test } from 'vitest';
import { FIRST_PAGE, furthest, PAGE, pageOf, sizeOf, startOf } from './paging';

test('pages cover the rows without gap or overlap', () => {
  for (let page = 0; page < 50; page++) {
    expect(pageOf(startOf(page))).toBe(page);
    expect(pageOf(startOf(page) + sizeOf(page) - 1)).toBe(page);
    expect(startOf(page) + sizeOf(page)).toBe(startOf(page + 1));
  }
  expect(pageOf(FIRST_PAGE + PAGE)).toBe(2);
});

test('the furthest page goes first', () => {
  expect(furthest([0, 1, 2, 9], 3)).toBe(9);
  expect(furthest([0, 8, 9], 9)).toBe(0);
  expect(furthest([], 1)).toBe(-1);
});
