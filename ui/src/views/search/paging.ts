/**
 * Which page of hits a row is on, and which pages stay in memory. The first page is small, so that the first answer is
 * quick; at most `KEEP` pages are held, those nearest to what is in sight. A dropped page is asked for again by its cursor.
 */

export const FIRST_PAGE = 100;
export const PAGE = 500;
export const KEEP = 24;

export const pageOf = (row: number): number => (row < FIRST_PAGE ? 0 : 1 + Math.floor((row - FIRST_PAGE) / PAGE));
export const startOf = (page: number): number => (page === 0 ? 0 : FIRST_PAGE + (page - 1) * PAGE);
export const sizeOf = (page: number): number => (page === 0 ? FIRST_PAGE : PAGE);

/** The page to drop when one too many is held: the one furthest from `near`. */
export function furthest(pages: Iterable<number>, near: number): number {
  let worst = -1;
  for (const page of pages) if (worst === -1 || Math.abs(page - near) > Math.abs(worst - near)) worst = page;
  return worst;
}
