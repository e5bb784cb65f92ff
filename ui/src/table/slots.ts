/** Which rows of a long list are drawn. Pure arithmetic; the number of drawn rows does not depend on the list's length. */

export const ROW_PX = 26;
const OVERSCAN = 8;
const MOST_ROWS = 96;

export interface Slots {
  first: number;
  /** One past the last. */
  end: number;
}

export function slotsFor(scrollTop: number, height: number, count: number): Slots {
  const first = Math.max(0, Math.min(Math.floor(scrollTop / ROW_PX) - OVERSCAN, count - 1));
  const visible = Math.ceil(Math.max(height, 0) / ROW_PX) + 1 + 2 * OVERSCAN;
  return { first, end: Math.min(count, first + Math.min(visible, MOST_ROWS)) };
}

/** The scroll position that shows `row` whole, or the present one if it is shown already. */
export function scrollTo(row: number, scrollTop: number, height: number): number {
  const top = row * ROW_PX;
  if (top < scrollTop) return top;
  return top + ROW_PX > scrollTop + height ? top + ROW_PX - height : scrollTop;
}
