/** Adds up losses for people: how much is known to be missing, and where it lies in time. Pure. */
import type { Hole, Loss, LossTotal } from '../../api/types';
import { count } from '../../time/format';

export interface Line {
  stage: string;
  reason: string;
  /** Amounts by unit; reports whose amount nobody knows are not among them. */
  amounts: Map<string, number>;
  /** Reports whose amount nobody knows. */
  unknown: number;
  reports: number;
  /** Hosts, or ids of agents where no host is named. */
  where: string[];
}

/** One line for each stage and reason, the greatest first. */
export function linesOf(totals: readonly LossTotal[], nameOf: (agent: string) => string): Line[] {
  const lines = new Map<string, Line>();
  for (const total of totals) {
    const key = `${total.stage}\n${total.reason}`;
    const line = lines.get(key) ?? { stage: total.stage, reason: total.reason, amounts: new Map<string, number>(), unknown: 0, reports: 0, where: [] };
    const known = total.unit !== 'reports' && (total.count ?? 0) > 0;
    if (known) line.amounts.set(total.unit, (line.amounts.get(total.unit) ?? 0) + (total.count ?? 0));
    else line.unknown += total.reports ?? 1;
    line.reports += total.reports ?? 1;
    const where = total.host || (total.agent ? nameOf(total.agent) : '');
    if (where !== '' && !line.where.includes(where)) line.where.push(where);
    lines.set(key, line);
  }
  const most = (line: Line): number => Math.max(0, ...line.amounts.values());
  return [...lines.values()].sort((a, b) => most(b) - most(a) || b.reports - a.reports || (a.stage < b.stage ? -1 : 1));
}

/** `1,204 records, 31 events and 2 times an unknown number`; empty where nothing is missing. */
export function amountText(lines: readonly Pick<Line, 'amounts' | 'unknown'>[]): string {
  const sums = new Map<string, number>();
  let unknown = 0;
  for (const line of lines) {
    for (const [unit, amount] of line.amounts) sums.set(unit, (sums.get(unit) ?? 0) + amount);
    unknown += line.unknown;
  }
  const parts = [...sums].sort((a, b) => b[1] - a[1]).map(([unit, amount]) => `${count(amount)} ${amount === 1 ? unit.replace(/s$/, '') : unit}`);
  if (unknown > 0) parts.push(unknown === 1 ? (parts.length > 0 ? 'once an unknown number' : 'an unknown number') : `${count(unknown)} times an unknown number`);
  const last = parts.pop();
  return last === undefined ? '' : parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

export interface Bar {
  time: number;
  /** From the bottom up. */
  parts: { reason: string; count: number; from: number; to: number }[];
  total: number;
}

/** Bars over the time, each stacked by reason in the order of `reasons`; heights from 0 to 1. */
export function barsOf(loss: Loss, reasons: readonly string[]): Bar[] {
  const most = Math.max(1, ...loss.over_time.map((point) => point.count));
  return loss.over_time.map((point) => {
    let at = 0;
    const parts = reasons.flatMap((reason) => {
      const amount = point.reasons[reason] ?? 0;
      if (amount === 0) return [];
      const from = at;
      at += Math.max(amount / most, 0.03);
      return [{ reason, count: amount, from, to: at }];
    });
    const scale = at > 1 ? 1 / at : 1;
    const fitted = parts.map((part) => ({ ...part, from: part.from * scale, to: part.to * scale }));
    return { time: typeof point.time === 'number' ? point.time : Date.parse(point.time), parts: fitted, total: point.count };
  });
}

/** The time of a hole in ms; where only one moment is known, both ends are it. */
export function spanOf(hole: Hole): { from: number; to: number } {
  const time = Date.parse(hole.time ?? '');
  const from = Date.parse(hole.from ?? '');
  const to = Date.parse(hole.to ?? '');
  const start = Number.isNaN(from) ? time : from;
  return { from: start, to: Math.max(start, Number.isNaN(to) ? time : to) };
}

/** What a search over a time with holes says of them. */
export function warning(loss: Loss): string {
  const lines = linesOf(loss.total, (agent) => agent);
  const where = [...new Set(lines.flatMap((line) => line.where))];
  const hosts = where.length === 0 ? '' : ` on ${where.slice(0, 3).join(', ')}${where.length > 3 ? ` and ${count(where.length - 3)} more` : ''}`;
  const holes = loss.hole_count === 1 ? 'a hole' : `${count(loss.hole_count)} holes`;
  return `This time has ${holes}${hosts}: ${amountText(lines)} ${lines.length === 1 && amountText(lines).startsWith('1 ') ? 'is' : 'are'} missing (${[...new Set(lines.map((line) => line.reason))].slice(0, 4).join(', ')})`;
}
