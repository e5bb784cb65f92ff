import { expect, test } from 'vitest';
import type { ContainerRow } from '../../api/types';
import { formatOrder, nextOrder, parseOrder, queryOf, queryOfScope, sparkPath, titleOf } from './rows';

const row = (more: Partial<ContainerRow>): ContainerRow => ({
  id: null, name: null, image: null, tag: null, runtime: null, pod: null, namespace: null, hosts: [], host_count: 0, containers: 1, unnamed: [],
  pending: 0, first: null, last: null, events: 0, execs: 0, failures: 0, activity: [], ...more,
});

test('a row finds its events', () => {
  expect(queryOf(row({ id: 'a"b' }), 'container', '')).toBe('container.id:"a\\"b"');
  expect(queryOf(row({ image: 'nginx', tag: '1.27' }), 'image', '')).toBe('container.image.name:"nginx" container.image.tag:"1.27"');
  expect(queryOf(row({ pod: 'web-1', namespace: 'shop' }), 'pod', 'event.outcome:failure')).toBe(
    '(event.outcome:failure) orchestrator.namespace:"shop" orchestrator.resource.name:"web-1"',
  );
  expect(queryOf(row({}), 'image', '*')).toBe('container.id:* NOT container.image.name:*');
});

test('events that left before the name was known are found too', () => {
  expect(queryOf(row({ image: 'nginx', unnamed: ['a', 'b'] }), 'image', '')).toBe('((container.image.name:"nginx") OR container.id:("a" OR "b"))');
});

test('what is no container is found', () => {
  expect(queryOfScope('host', '')).toBe('auditng.container.scope:"host"');
  expect(queryOfScope('unknown', '', 'pid-gone')).toBe('auditng.container.scope:"unknown" auditng.container.reason:"pid-gone"');
  expect(queryOfScope('none', 'a OR b')).toBe('(a OR b) NOT auditng.container.scope:* NOT container.id:*');
});

test('order', () => {
  expect(parseOrder('colour:up')).toEqual({ key: 'events', order: 'desc' });
  expect(parseOrder('name:asc')).toEqual({ key: 'name', order: 'asc' });
  expect(formatOrder(parseOrder(''))).toBe('');
  expect(nextOrder(parseOrder(''), 'name')).toEqual({ key: 'name', order: 'asc' });
  expect(nextOrder(parseOrder('last:desc'), 'last')).toEqual({ key: 'last', order: 'asc' });
});

test('names of rows', () => {
  expect(titleOf(row({ id: '3c27334e820a4b' }), 'container')).toBe('3c27334e820a');
  expect(titleOf(row({ image: 'nginx', tag: '1' }), 'image')).toBe('nginx:1');
  expect(titleOf(row({}), 'pod')).toBe('in no pod');
});

test('one event among millions is still seen', () => {
  expect(sparkPath([0, 1, 1_000_000], 16)).toBe('M1.1 16v-1h0.8v1zM2.1 16v-16h0.8v16z');
  expect(sparkPath([0, 0], 16)).toBe('');
});
