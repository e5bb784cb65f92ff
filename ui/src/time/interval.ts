/** Bucket widths of histograms: round numbers that people can read off an axis. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const LADDER: [number, string][] = [
  [1, '1ms'], [10, '10ms'], [100, '100ms'], [250, '250ms'], [500, '500ms'],
  [SECOND, '1s'], [2 * SECOND, '2s'], [5 * SECOND, '5s'], [10 * SECOND, '10s'], [15 * SECOND, '15s'], [30 * SECOND, '30s'],
  [MINUTE, '1m'], [2 * MINUTE, '2m'], [5 * MINUTE, '5m'], [10 * MINUTE, '10m'], [15 * MINUTE, '15m'], [30 * MINUTE, '30m'],
  [HOUR, '1h'], [2 * HOUR, '2h'], [3 * HOUR, '3h'], [6 * HOUR, '6h'], [12 * HOUR, '12h'],
  [DAY, '1d'], [7 * DAY, '7d'], [30 * DAY, '30d'], [90 * DAY, '90d'], [365 * DAY, '365d'],
];

export interface Interval {
  ms: number;
  text: string;
}

/** The narrowest round width that gives at most `buckets` buckets over `span` milliseconds. */
export function chooseInterval(span: number, buckets = 100): Interval {
  const [ms, text] = LADDER.find(([width]) => span / width <= buckets) ?? LADDER[LADDER.length - 1]!;
  return { ms, text };
}
