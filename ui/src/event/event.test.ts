import { describe, expect, test } from 'vitest';
import { defaultColumns, formatColumns, moveColumn, parseColumns, setWidth, shownField, toggleColumn, tracksOf } from './columns';
import { flatten, grouped, textOf, timeOf, valuesOf } from './flatten';
import { summaryOf } from './summary';

describe('documents', () => {
  const source = {
    '@timestamp': '2026-11-24T08:00:00.000Z',
    process: { pid: 7, args: ['id', '-u'], 'parent.pid': 1, parent: { name: 'sh' } },
    'user.name': 'root',
    auditd: { paths: [{ name: '/x' }], data: { a0: '1' } },
    empty: null,
  };

  test('leaves by dotted name, in order', () => {
    expect(flatten(source)).toEqual([
      { name: '@timestamp', values: ['2026-11-24T08:00:00.000Z'] },
      { name: 'auditd.data.a0', values: ['1'] },
      { name: 'auditd.paths', values: [], structured: [{ name: '/x' }] },
      { name: 'process.args', values: ['id', '-u'] },
      { name: 'process.parent.name', values: ['sh'] },
      { name: 'process.parent.pid', values: [1] },
      { name: 'process.pid', values: [7] },
      { name: 'user.name', values: ['root'] },
    ]);
  });

  test('what happened stands before where it was kept', () => {
    const entries = ['@timestamp', 'agent.id', 'event.action', 'process.pid', 'zeek.uid'].map((name) => ({ name, values: [1] }));
    expect(grouped(entries).map(({ group }) => group)).toEqual(['', 'event', 'process', 'zeek', 'agent']);
  });

  test('a field is found however it is nested', () => {
    expect(valuesOf(source, 'process.parent.pid')).toEqual([1]);
    expect(valuesOf(source, 'process.parent.name')).toEqual(['sh']);
    expect(textOf(source, 'user.name')).toBe('root');
    expect(valuesOf(source, 'process.nothing')).toEqual([]);
    expect(valuesOf({ constructor: 'x' }, 'toString')).toEqual([]);
    expect(timeOf(source)).toBe(Date.parse('2026-11-24T08:00:00Z'));
  });
});

describe('summary', () => {
  const check = (source: Record<string, unknown>, expected: string) => expect(summaryOf(source as never)).toBe(expected);

  test('says what happened', () => {
    check({ event: { category: ['process'] }, process: { args: ['id', '-u'] } }, 'id -u');
    check({ event: { category: ['file'], outcome: 'failure' }, file: { path: '/etc/shadow' }, process: { executable: '/bin/cat' }, auditng: { errno: 'EACCES' } }, '/etc/shadow by /bin/cat (EACCES)');
    check({ destination: { ip: '::1', port: 80 }, process: { executable: '/usr/bin/curl' } }, '/usr/bin/curl → [::1]:80');
    check({ event: { action: 'source-loss' }, auditng: { loss: { count: 5, unit: 'records', stage: 'kernel', reason: 'kernel-lost' } } }, 'lost 5 records at kernel: kernel-lost');
    check({ event: { original: 'garbage' } }, 'garbage');
    check({}, '');
  });
});

describe('columns', () => {
  test('text and back', () => {
    const columns = parseColumns('a.b~120,c,c,@timestamp,');
    expect(columns).toEqual([{ name: 'a.b', width: 120 }, { name: 'c', width: 0 }]);
    expect(parseColumns(formatColumns(columns))).toEqual(columns);
    expect(formatColumns(defaultColumns())).toBe('');
  });

  test('add before the summary, take away, move, resize', () => {
    const columns = parseColumns('a,summary');
    expect(formatColumns(toggleColumn(columns, 'b'))).toBe('a,b,summary');
    expect(formatColumns(toggleColumn(columns, 'a'))).toBe('summary');
    expect(formatColumns(moveColumn(parseColumns('a,b,c'), 0, 2))).toBe('b,c,a');
    expect(formatColumns(moveColumn(parseColumns('a,b'), 0, 5))).toBe('a,b');
    expect(formatColumns(setWidth(columns, 'a', 5))).toBe('a~60,summary');
  });

  test('an id stands where there is no name', () => {
    expect(shownField({ user: { id: '0' } }, 'user.name')).toBe('user.id');
    expect(shownField({ user: { id: '0', name: 'root' } }, 'user.name')).toBe('user.name');
    expect(shownField({}, 'process.pid')).toBe('process.pid');
  });

  test('one column takes the room that is left', () => {
    expect(tracksOf(parseColumns('a~100,summary,b~90'))).toBe('100px minmax(280px, 1fr) 90px');
    expect(tracksOf(parseColumns('a~100,summary~300'))).toBe('100px minmax(300px, 1fr)');
    expect(tracksOf([])).toBe('');
  });
});
