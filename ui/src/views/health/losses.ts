/** Adds up what agents and server report as lost, so that every counter can be read by stage and reason. */
import type { Agent, LossTotal, StageCounters } from '../../api/types';

export interface LossLine {
  stage: string;
  reason: string;
  count: number;
  unit: string;
  agents: string[];
  /** Reports whose amount nobody knows. */
  unknown: number;
}

export const lostIn = (counters: StageCounters): number => Object.values(counters.lost).reduce((sum, n) => sum + n, 0);

export const lostBy = (agent: Agent): number => agent.counters.reduce((sum, counters) => sum + lostIn(counters), 0);

/** Losses of a time range, one line for each stage, reason and unit, greatest first. */
export function lossLines(totals: LossTotal[]): LossLine[] {
  const lines = new Map<string, LossLine>();
  for (const total of totals) {
    const key = `${total.stage}\n${total.reason}\n${total.unit}`;
    const line = lines.get(key) ?? { stage: total.stage, reason: total.reason, unit: total.unit, count: 0, agents: [], unknown: 0 };
    line.count += total.count ?? 0;
    if (total.count === null || total.unit === 'reports') line.unknown += total.reports ?? 1;
    if (total.agent && !line.agents.includes(total.agent)) line.agents.push(total.agent);
    lines.set(key, line);
  }
  return [...lines.values()].sort((a, b) => b.count - a.count || (a.stage < b.stage ? -1 : 1));
}

/** What a disk that fills up means, in words. */
export function forecast(fullInDays: number | null): string {
  if (fullInDays === null) return 'no forecast yet';
  if (fullInDays < 1) return 'full in less than a day';
  return `full in ${fullInDays < 10 ? fullInDays.toFixed(1).replace(/\.0$/, '') : Math.round(fullInDays)} days`;
}
