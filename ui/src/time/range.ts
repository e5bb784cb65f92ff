/**
 * Time ranges as the URL holds them: each end is date math (`now-15m`, `now/d`), an RFC 3339 text, or empty for open.
 * Turns them into instants, moves and zooms them. The server has the last word on what `now` is; the page only needs
 * instants to choose bucket widths and to shift ranges.
 */
import { formatTime, fromWall, zoneOffset } from './zone';

export interface Range {
  from: string;
  to: string;
}

export interface Span {
  from: number;
  to: number;
}

export const PRESETS: { label: string; from: string }[] = [
  { label: 'Last 5 minutes', from: 'now-5m' },
  { label: 'Last 15 minutes', from: 'now-15m' },
  { label: 'Last hour', from: 'now-1h' },
  { label: 'Last 4 hours', from: 'now-4h' },
  { label: 'Last 24 hours', from: 'now-24h' },
  { label: 'Last 7 days', from: 'now-7d' },
  { label: 'Last 30 days', from: 'now-30d' },
  { label: 'Today', from: 'now/d' },
];

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const MATH = /^now((?:[+-]\d+[smhdwMy])*)(?:\/([smhdwMy]))?$/;
const WALL = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,3}))?)?)?$/;
const MIN_SPAN_MS = 10;

export function isDateMath(text: string): boolean {
  return MATH.test(text);
}

/** The instant that `text` means at `now`, or `null` if it means none. Wall-clock times are taken in `zone`. */
export function resolve(text: string, now: number, zone: string, end: 'from' | 'to' = 'from'): number | null {
  const trimmed = text.trim();
  const math = MATH.exec(trimmed);
  if (math) return resolveMath(math[1] ?? '', math[2], now, zone, end);
  if (/^-?\d{11,}$/.test(trimmed)) return Number(trimmed);
  const wall = WALL.exec(trimmed);
  if (wall) return resolveWall(wall, zone);
  const parsed = /^\d{4}-\d\d-\d\dT/.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

function resolveMath(steps: string, round: string | undefined, now: number, zone: string, end: 'from' | 'to'): number {
  let at = now;
  for (const [, sign, count, unit] of steps.matchAll(/([+-])(\d+)([smhdwMy])/g)) {
    at = addUnits(at, Number(count) * (sign === '-' ? -1 : 1), unit ?? 's', zone);
  }
  if (!round) return at;
  const floor = floorTo(at, round, zone);
  return end === 'from' ? floor : addUnits(floor, 1, round, zone) - 1;
}

function addUnits(at: number, count: number, unit: string, zone: string): number {
  if (unit !== 'M' && unit !== 'y') return at + count * (UNIT_MS[unit] ?? 0);
  const wall = new Date(at + zoneOffset(at, zone));
  const months = unit === 'M' ? count : count * 12;
  const day = wall.getUTCDate();
  wall.setUTCDate(1);
  wall.setUTCMonth(wall.getUTCMonth() + months);
  const last = new Date(Date.UTC(wall.getUTCFullYear(), wall.getUTCMonth() + 1, 0)).getUTCDate();
  wall.setUTCDate(Math.min(day, last));
  return fromWall(wall.getTime(), zone);
}

function floorTo(at: number, unit: string, zone: string): number {
  const wall = new Date(at + zoneOffset(at, zone));
  wall.setUTCMilliseconds(0);
  if (unit === 's') return fromWall(wall.getTime(), zone);
  wall.setUTCSeconds(0);
  if (unit === 'm') return fromWall(wall.getTime(), zone);
  wall.setUTCMinutes(0);
  if (unit === 'h') return fromWall(wall.getTime(), zone);
  wall.setUTCHours(0);
  if (unit === 'w') wall.setUTCDate(wall.getUTCDate() - ((wall.getUTCDay() + 6) % 7));
  if (unit === 'M' || unit === 'y') wall.setUTCDate(1);
  if (unit === 'y') wall.setUTCMonth(0);
  return fromWall(wall.getTime(), zone);
}

function resolveWall(match: RegExpExecArray, zone: string): number | null {
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const ms = Number((match[7] ?? '0').padEnd(3, '0'));
  const wall = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second, ms);
  const back = new Date(wall);
  const real = back.getUTCMonth() === (month ?? 1) - 1 && back.getUTCDate() === day && (hour ?? 0) < 24 && (minute ?? 0) < 60;
  return real && (second ?? 0) < 60 ? fromWall(wall, zone) : null;
}

/** Both ends as instants; an open or unreadable end is `null`. An empty `to` is now. */
export function resolveRange(range: Range, now: number, zone: string): Span | null {
  if (range.from === '') return null;
  const from = resolve(range.from, now, zone, 'from');
  const to = range.to === '' ? now : resolve(range.to, now, zone, 'to');
  return from === null || to === null ? null : { from, to };
}

/** What a person typed for one end, in the form that goes into the URL and to the server; `null`: not a time. */
export function normalise(text: string, zone: string, now: number): string | null {
  const trimmed = text.trim();
  if (trimmed === '' || isDateMath(trimmed)) return trimmed;
  const at = resolve(trimmed, now, zone);
  return at === null ? null : iso(at);
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function absolute(span: Span): Range {
  const from = Math.round(span.from);
  return { from: iso(from), to: iso(Math.max(Math.round(span.to), from + MIN_SPAN_MS)) };
}

/** Half a span back (-1) or on (1). */
export function shift(span: Span, direction: -1 | 1): Range {
  const step = ((span.to - span.from) / 2) * direction;
  return absolute({ from: span.from + step, to: span.to + step });
}

/** Twice as wide (`out`) or half as wide (`in`) around the middle. */
export function zoom(span: Span, direction: 'in' | 'out'): Range {
  const middle = (span.from + span.to) / 2;
  const half = ((span.to - span.from) / 2) * (direction === 'in' ? 0.5 : 2);
  return absolute({ from: middle - half, to: middle + half });
}

/** How a range is called on its button. */
export function describe(range: Range, zone: string): string {
  if (range.from === '' && range.to === '') return 'All time';
  const preset = PRESETS.find((known) => known.from === range.from);
  if (preset && (range.to === '' || range.to === 'now')) return preset.label;
  const from = describeEnd(range.from, zone, 'beginning');
  const to = describeEnd(range.to, zone, 'now');
  const day = /^\d{4}-\d\d-\d\d /.exec(from)?.[0];
  return `${from} → ${day && to.startsWith(day) ? to.slice(day.length) : to}`;
}

function describeEnd(text: string, zone: string, open: string): string {
  if (text === '') return open;
  if (isDateMath(text)) return text;
  const at = resolve(text, 0, zone);
  return at === null ? text : formatTime(at, zone).slice(0, 19);
}
