import { describe as group, expect, test } from 'vitest';
import { chooseInterval } from './interval';
import { absolute, describe, normalise, resolve, resolveRange, shift, zoom } from './range';
import { formatOffset, formatTime, fromWall } from './zone';

const NOW = Date.parse('2026-11-24T08:01:30.500Z');
const at = (text: string, zone = 'UTC', end: 'from' | 'to' = 'from') => {
  const ms = resolve(text, NOW, zone, end);
  return ms === null ? null : new Date(ms).toISOString();
};

group('date math', () => {
  test('steps', () => {
    expect(at('now')).toBe('2026-11-24T08:01:30.500Z');
    expect(at('now-15m')).toBe('2026-11-24T07:46:30.500Z');
    expect(at('now-1d+1h')).toBe('2026-11-23T09:01:30.500Z');
    expect(at('now-1M')).toBe('2026-10-24T08:01:30.500Z');
  });

  test('a month back from the 31st stays in that month', () => {
    const march = Date.parse('2026-03-31T00:00:00Z');
    expect(new Date(resolve('now-1M', march, 'UTC')!).toISOString()).toBe('2026-02-28T00:00:00.000Z');
  });

  test('rounding goes down for the beginning and up for the end, in the zone', () => {
    expect(at('now/d')).toBe('2026-11-24T00:00:00.000Z');
    expect(at('now/d', 'UTC', 'to')).toBe('2026-11-24T23:59:59.999Z');
    expect(at('now/d', 'Europe/Berlin')).toBe('2026-11-23T23:00:00.000Z');
    expect(at('now/w')).toBe('2026-11-23T00:00:00.000Z');
    expect(at('now/y')).toBe('2026-01-01T00:00:00.000Z');
  });

  test('what is no time is null', () => {
    for (const text of ['', 'yesterday', 'now-', 'now-5x', '2026-02-30', '2026-01-01 25:00', '12']) {
      expect(resolve(text, NOW, 'UTC'), text).toBeNull();
    }
  });
});

group('wall clock', () => {
  test('is read in the chosen zone', () => {
    expect(at('2026-11-24 09:00', 'Europe/Berlin')).toBe('2026-11-24T08:00:00.000Z');
    expect(at('2026-07-01 09:00:01.5', 'Europe/Berlin')).toBe('2026-07-01T07:00:01.500Z');
    expect(at('2026-11-24T09:00:00Z', 'Europe/Berlin')).toBe('2026-11-24T09:00:00.000Z');
  });

  test('formats in the zone, over a clock change too', () => {
    const change = Date.parse('2026-10-25T01:00:00Z');
    expect(formatTime(change - 1, 'Europe/Berlin')).toBe('2026-10-25 02:59:59.999');
    expect(formatTime(change, 'Europe/Berlin')).toBe('2026-10-25 02:00:00.000');
    expect(formatOffset(change, 'Europe/Berlin')).toBe('+01:00');
    expect(formatOffset(NOW, 'America/St_Johns')).toBe('-03:30');
  });

  test('wall and back outside of clock changes', () => {
    for (const zone of ['UTC', 'Asia/Kolkata', 'America/Los_Angeles', 'Pacific/Chatham']) {
      const wall = Date.parse(`${formatTime(NOW, zone).replace(' ', 'T')}Z`);
      expect(fromWall(wall, zone)).toBe(NOW);
    }
  });
});

group('ranges', () => {
  test('an empty end is now, an empty beginning is open', () => {
    expect(resolveRange({ from: 'now-1h', to: '' }, NOW, 'UTC')).toEqual({ from: NOW - 3_600_000, to: NOW });
    expect(resolveRange({ from: '', to: '' }, NOW, 'UTC')).toBeNull();
  });

  test('shift moves half, zoom keeps the middle', () => {
    expect(shift({ from: 0, to: 1000 }, 1)).toEqual(absolute({ from: 500, to: 1500 }));
    expect(zoom({ from: 1000, to: 2000 }, 'in')).toEqual(absolute({ from: 1250, to: 1750 }));
    expect(zoom({ from: 1000, to: 2000 }, 'out')).toEqual(absolute({ from: 500, to: 2500 }));
  });

  test('zooming in never ends in an empty range', () => {
    let range = { from: 0, to: 40 };
    for (let i = 0; i < 20; i++) range = resolveRange(zoom(range, 'in'), NOW, 'UTC')!;
    expect(range.to).toBeGreaterThan(range.from);
  });

  test('names', () => {
    expect(describe({ from: 'now-15m', to: 'now' }, 'UTC')).toBe('Last 15 minutes');
    expect(describe({ from: '', to: '' }, 'UTC')).toBe('All time');
    expect(describe({ from: '2026-11-24T08:00:00.000Z', to: '' }, 'Europe/Berlin')).toBe('2026-11-24 09:00:00 → now');
    expect(describe({ from: '2026-11-24T08:00:00.250Z', to: '2026-11-24T08:00:09.000Z' }, 'UTC')).toBe('2026-11-24 08:00:00 → 08:00:09');
  });

  test('what people type', () => {
    expect(normalise(' now-2h ', 'UTC', NOW)).toBe('now-2h');
    expect(normalise('2026-11-24 09:00', 'Europe/Berlin', NOW)).toBe('2026-11-24T08:00:00.000Z');
    expect(normalise('soon', 'UTC', NOW)).toBeNull();
  });
});

test('intervals give at most the wanted number of buckets', () => {
  for (const span of [1, 999, 60_000, 3_600_000, 86_400_000, 3e9, 3e11]) {
    expect(span / chooseInterval(span, 100).ms).toBeLessThanOrEqual(100);
  }
  expect(chooseInterval(900_000).text).toBe('10s');
});
