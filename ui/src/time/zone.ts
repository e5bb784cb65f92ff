/**
 * Times in a zone, fast enough for a table: the zone's offset is asked of Intl once per quarter hour of data and
 * remembered (offsets only change on quarter hours), everything else is arithmetic in UTC.
 */

const QUARTER_MS = 15 * 60_000;
const CACHE_LIMIT = 20_000;

export const UTC = 'UTC';

export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || UTC;
}

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export function allZones(): string[] {
  return [UTC, ...Intl.supportedValuesOf('timeZone').filter((name) => name !== UTC)];
}

const formatters = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/** Milliseconds to add to UTC to get the wall clock of `zone` at `ms`. */
export function zoneOffset(ms: number, zone: string): number {
  if (zone === UTC || !Number.isFinite(ms)) return 0;
  const quarter = Math.floor(ms / QUARTER_MS);
  const key = `${zone} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  if (offsets.size >= CACHE_LIMIT) offsets.clear();
  const offset = askOffset(quarter * QUARTER_MS, zone);
  offsets.set(key, offset);
  return offset;
}

function askOffset(ms: number, zone: string): number {
  let formatter = formatters.get(zone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric',
      minute: 'numeric', second: 'numeric',
    });
    formatters.set(zone, formatter);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of formatter.formatToParts(ms)) part[type] = Number(value);
  const wall = Date.UTC(part['year'] ?? 1970, (part['month'] ?? 1) - 1, part['day'], part['hour'], part['minute'], part['second']);
  return wall - Math.floor(ms / 1000) * 1000;
}

/** The instant at which the wall clock of `zone` shows `wall` (given as if it were UTC); in a gap, the hour after it. */
export function fromWall(wall: number, zone: string): number {
  const first = wall - zoneOffset(wall, zone);
  return wall - zoneOffset(first, zone);
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** `2026-11-24 08:01:30.123` in the zone. */
export function formatTime(ms: number, zone: string): string {
  return `${formatDate(ms, zone)} ${formatClock(ms, zone)}`;
}

/** `2026-11-24` in the zone. */
export function formatDate(ms: number, zone: string): string {
  const d = new Date(ms + zoneOffset(ms, zone));
  if (Number.isNaN(d.getTime())) return 'invalid date';
  return `${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}`;
}

/** `08:01:30.123` in the zone. */
export function formatClock(ms: number, zone: string): string {
  const d = new Date(ms + zoneOffset(ms, zone));
  if (Number.isNaN(d.getTime())) return '';
  return `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}.${pad(d.getUTCMilliseconds(), 3)}`;
}

/** `+01:00` at that instant. */
export function formatOffset(ms: number, zone: string): string {
  const minutes = Math.round(zoneOffset(ms, zone) / 60_000);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}
