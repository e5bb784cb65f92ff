/** Adds up what agents count as lost, and puts the forecast of the disk into words. */
import type { Agent, StageCounters } from '../../api/types';

export const lostIn = (counters: StageCounters): number => Object.values(counters.lost).reduce((sum, n) => sum + n, 0);

export const lostBy = (agent: Agent): number => agent.counters.reduce((sum, counters) => sum + lostIn(counters), 0);

/** What a disk that fills up means, in words. */
export function forecast(fullInDays: number | null): string {
  if (fullInDays === null) return 'no forecast yet';
  if (fullInDays < 1) return 'full in less than a day';
  return `full in ${fullInDays < 10 ? fullInDays.toFixed(1).replace(/\.0$/, '') : Math.round(fullInDays)} days`;
}
