import { expect, test } from 'vitest';
import { topClauses } from '../../query/text';
import { formatOrder, nextOrder, parseBy, parseOrder, parseSeverities, queryOf, toggleSeverity } from './filters';

test('nonsense in the address gives the usual list', () => {
  expect(parseBy('colour')).toBe('changes');
  expect(parseSeverities('high,worst,,critical,high')).toEqual(['critical', 'high']);
  expect(parseOrder('size:up')).toEqual({ key: 'changes', order: 'desc' });
});

test('severities are switched on and off in one order', () => {
  expect(toggleSeverity('', 'low')).toBe('low');
  expect(toggleSeverity('low', 'critical')).toBe('critical,low');
  expect(toggleSeverity('critical,low', 'critical')).toBe('low');
});

test('what narrows the list is joined to what was typed, which stays one clause', () => {
  expect(queryOf('', {})).toBe('');
  expect(queryOf('a OR b', { severity: 'high,critical', host: 'web-1' })).toBe('(a OR b) auditng.fim.severity:(critical OR high) host.name:"web-1"');
  expect(queryOf('', { host: 'web-1', policy: 'etc', severity: 'low' }, ['host', 'severity'])).toBe('auditng.fim.policy:"etc"');
  expect(queryOf('', { quiet: '1' })).toContain('NOT auditng.fim.change_window:*');
});

test('a hostile name means itself and cannot add clauses of its own', () => {
  const query = queryOf('', { file: '/etc/" OR *:* OR "\\', host: 'a"b' });
  expect(query).toBe('host.name:"a\\"b" file.path:"/etc/\\" OR *:* OR \\"\\\\"');
  expect(topClauses(query)).toHaveLength(2);
});

test('orders', () => {
  expect(formatOrder(parseOrder('name:asc'))).toBe('name:asc');
  expect(formatOrder(parseOrder(''))).toBe('');
  expect(nextOrder({ key: 'changes', order: 'desc' }, 'name')).toEqual({ key: 'name', order: 'asc' });
  expect(nextOrder({ key: 'name', order: 'asc' }, 'name')).toEqual({ key: 'name', order: 'desc' });
});
